//! Errors of access control.

use super::{Error, quote, up_to_nul};
use std::fmt;

/// What a user was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// To run the command.
    Command,
    /// To use a key as the command does.
    Key,
    /// To use a channel.
    Channel,
}

/// Why a rule of a user cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// A command or category that there is not.
    Unknown,
    /// No rule at all.
    Syntax,
    /// A key pattern after the one that stands for all keys.
    KeysAfterAll,
    /// A channel pattern after the one that stands for all channels.
    ChannelsAfterAll,
    /// A password to be taken away that the user does not have.
    NoSuchPassword,
    /// What is to be a digest of SHA-256 in hexadecimal digits is none.
    Hash,
    /// A user defined twice in a file.
    Twice,
    /// A first argument of a subcommand.
    SubcommandArgument,
    /// A pattern, a list of them, or of passwords or selectors, beyond what one user may have.
    Limit,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RuleError::Unknown => "Unknown command or category name in ACL",
            RuleError::Syntax => "Syntax error",
            RuleError::KeysAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and \
                 does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and \
                 does not have any effect. Try 'resetchannels' to start with an empty list of \
                 channels"
            }
            RuleError::NoSuchPassword => {
                "The password you are trying to remove from the user does not exist"
            }
            RuleError::Hash => {
                "The password hash must be exactly 64 characters and contain only lowercase \
                 hexadecimal characters"
            }
            RuleError::Twice => {
                "Duplicate user found. A user can only be defined once in config files"
            }
            RuleError::SubcommandArgument => "Allowing first-arg of a subcommand is not supported",
            RuleError::Limit => "Too many or too long rules for one user",
        })
    }
}

impl Error {
    /// A user's name with blanks or NUL in it.
    pub const USER_NAME: Error =
        Error::Fixed("ERR Usernames can't contain spaces or null characters");
    /// A user's name that is too long, or one user too many.
    pub const USER_LIMIT: Error = Error::Fixed("ERR Too many users or too long a username");
    /// `ACL DELUSER default`.
    pub const DEFAULT_USER_STAYS: Error = Error::Fixed("ERR The 'default' user cannot be removed");
    /// `ACL GENPASS` with a number of bits that cannot be.
    pub const GENPASS_BITS: Error = Error::Fixed(
        "ERR ACL GENPASS argument must be the number of bits for the output password, a positive \
         number up to 4096",
    );
    /// `ACL SAVE` or `ACL LOAD` without a file.
    pub const NO_ACL_FILE: Error = Error::Fixed(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify \
         users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a \
         Redis configuration file set) in order to store users in the Redis configuration.",
    );
    /// `ACL SAVE` that could not write.
    pub const ACL_SAVE_FAILED: Error = Error::Fixed(
        "ERR There was an error trying to save the ACLs. Please check the server logs for more \
         information",
    );
    /// `SORT … BY` by who may not read every key.
    pub const SORT_BY_DENIED: Error =
        Error::Fixed("ERR BY option of SORT denied due to insufficient ACL permissions.");
    /// `SORT … GET` by who may not read every key.
    pub const SORT_GET_DENIED: Error =
        Error::Fixed("ERR GET option of SORT denied due to insufficient ACL permissions.");

    /// What a user is told who may not do it; `command` is its full name.
    pub fn no_permission(refusal: Refusal, command: &str) -> Error {
        match refusal {
            Refusal::Command => Error::text(format!(
                "NOPERM this user has no permissions to run the '{command}' command"
            )),
            Refusal::Key => Error::Fixed(
                "NOPERM this user has no permissions to access one of the keys used as arguments",
            ),
            Refusal::Channel => Error::Fixed(
                "NOPERM this user has no permissions to access one of the channels used as \
                 arguments",
            ),
        }
    }

    /// The same of a command that a script calls.
    pub fn no_permission_in_script(refusal: Refusal) -> Error {
        Error::Fixed(match refusal {
            Refusal::Command => {
                "ERR The user executing the script can't run this command or subcommand"
            }
            Refusal::Key => {
                "ERR The user executing the script can't access at least one of the keys mentioned \
                 in the command arguments"
            }
            Refusal::Channel => {
                "ERR The user executing the script can't publish to the channel mentioned in the \
                 command"
            }
        })
    }

    /// The same at `EXEC`, of what was allowed when it was queued.
    pub fn no_permission_any_more(refusal: Refusal) -> Error {
        let reason = match refusal {
            Refusal::Command => "no permission to execute the command or subcommand",
            Refusal::Key => "no permission to touch the specified keys",
            Refusal::Channel => {
                "no permission to access one of the channels used as arguments to the command"
            }
        };
        Error::text(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the \
             EXEC call. This command is no longer allowed for the following reason: {reason}"
        ))
    }

    /// A rule of `ACL SETUSER` that cannot be applied.
    pub fn acl_rule(rule: &[u8], why: RuleError) -> Error {
        let head = &b"ERR Error in ACL SETUSER modifier '"[..];
        let tail = format!("': {why}");
        Error::text([head, quote(up_to_nul(rule)), tail.as_bytes()].concat())
    }

    /// A selector without its end.
    pub fn acl_parenthesis(rule: &[u8]) -> Error {
        let head = &b"ERR Unmatched parenthesis in acl selector starting at '"[..];
        Error::text([head, quote(up_to_nul(rule)), b"'."].concat())
    }

    /// A category that there is not.
    pub fn unknown_category(name: &[u8]) -> Error {
        Error::text([b"ERR Unknown category '", quote(up_to_nul(name)), b"'"].concat())
    }

    /// `ACL DRYRUN` of a user that there is not.
    pub fn user_not_found(name: &[u8]) -> Error {
        Error::text([b"ERR User '", quote(up_to_nul(name)), b"' not found"].concat())
    }

    /// `ACL DRYRUN` of a command that there is not.
    pub fn command_not_found(name: &[u8]) -> Error {
        Error::text([b"ERR Command '", quote(up_to_nul(name)), b"' not found"].concat())
    }

    /// `ACL LOAD` of a file with mistakes: all of them.
    pub fn acl_file(mistakes: &str) -> Error {
        Error::text(format!("ERR {mistakes}"))
    }
}

/// What `ACL DRYRUN` answers; `what` is the command's full name, or the key or channel.
pub fn dry_run(refusal: Refusal, what: &[u8]) -> Vec<u8> {
    let (head, tail) = match refusal {
        Refusal::Command => ("run the '", "' command"),
        Refusal::Key => ("access the '", "' key"),
        Refusal::Channel => ("access the '", "' channel"),
    };
    let start = format!("This user has no permissions to {head}");
    [start.as_bytes(), quote(up_to_nul(what)), tail.as_bytes()].concat()
}
