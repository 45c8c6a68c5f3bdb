//! Every error reply, with its exact wire text.
//!
//! Client libraries match on these texts, so they are Redis's, to the byte. No other file holds
//! one. A variant is named for what went wrong, not for its wording.

use crate::protocol::request::ProtocolError;
use std::io::Write;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    // Dispatch: the request never reached its handler.
    /// No such command; quotes the name and the first arguments, cut to bounded length.
    UnknownCommand {
        /// As the client sent it.
        name: Vec<u8>,
        /// `'arg' 'arg' …`, already cut.
        arguments: Vec<u8>,
    },
    /// No such subcommand of a container.
    UnknownSubcommand {
        /// As sent, cut to 128 bytes.
        name: Vec<u8>,
        /// The container, upper case.
        container: &'static str,
    },
    /// Too few or too many arguments for this command (its full lower-case name).
    WrongArity(&'static str),
    /// The client has not authenticated.
    NoAuth,
    /// A write while over the memory limit with nothing to evict.
    OutOfMemory,
    /// A command queued before was refused, so the transaction is.
    ExecAborted,
    /// The transaction failed for a reason of its own.
    ExecAbortedBecause(Box<Error>),
    /// `MULTI` inside `MULTI`.
    NestedMulti,
    /// `WATCH` inside `MULTI`.
    WatchInMulti,
    /// `EXEC` or `DISCARD` without `MULTI`.
    WithoutMulti(&'static str),
    /// The command may not run inside `MULTI`.
    NotInMulti,
    /// More queued commands or bytes than a transaction may hold.
    QueueLimit,

    // Protocol and connection.
    /// Malformed bytes; the connection closes.
    Protocol(ProtocolError),
    /// `HELLO` with a version other than 2 or 3.
    UnsupportedProtocol,
    /// `HELLO`'s version is not a number.
    ProtocolVersionNotInteger,
    /// Bad option of `HELLO`.
    HelloOption(Vec<u8>),
    /// Wrong password or no such user.
    WrongPass,
    /// `AUTH <password>` while none is set.
    AuthWithoutPassword,
    /// Too many guesses: the connection must wait.
    MaxClients,
    /// Refused by protected mode.
    ProtectedMode,
    /// Client names may not hold blanks.
    ClientName,
    /// A value of `CLIENT SETINFO` holds blanks; names the attribute.
    ClientInfoValue(&'static str),

    // Arguments.
    /// The options do not fit the syntax.
    Syntax,
    /// Not an integer, or beyond 64 bits.
    NotInteger,
    /// Not a float.
    NotFloat,
    /// The wrong type of value.
    WrongType,
    /// The key does not exist where it must.
    NoSuchKey,
    /// An integer result would overflow.
    IncrOverflow,
    /// The decrement cannot be negated.
    DecrOverflow,
    /// A float result is NaN or infinite.
    IncrNotFinite,
    /// The string would exceed `proto-max-bulk-len`.
    StringTooLong,
    /// A negative offset.
    OffsetOutOfRange,
    /// An expire time that is not positive or overflows; names the command.
    InvalidExpire(&'static str),
    /// A database index beyond the configured number.
    DbIndexOutOfRange,
    /// A database index that is not a number.
    InvalidDbIndex,
    /// Source and destination are the same.
    SameObject,
    /// A value that must be positive.
    MustBePositive,
    /// An integer out of its range, without saying which.
    OutOfRange,
    /// A cursor that is not a number.
    InvalidCursor,
    /// A type name `SCAN` does not know.
    UnknownType(Vec<u8>),

    /// A text composed by the caller from fixed words and bounded quotes: for families whose
    /// errors quote what was sent. The code (`ERR`, …) comes first.
    Text(Vec<u8>),
    /// A fixed text, code included.
    Fixed(&'static str),
}

impl Error {
    /// Composes [`Error::Text`].
    pub fn text(text: impl Into<Vec<u8>>) -> Error {
        Error::Text(text.into())
    }

    /// The first word: `ERR`, `WRONGTYPE`, `NOAUTH`, …: what `INFO errorstats` counts by.
    pub fn code(&self) -> String {
        let mut line = Vec::new();
        self.write_to(&mut line);
        let end = line
            .iter()
            .position(|byte| *byte == b' ')
            .unwrap_or(line.len());
        String::from_utf8_lossy(&line[..end]).into_owned()
    }

    /// Appends the error's line, without the leading `-` and the line end.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        if let Some(text) = self.fixed() {
            return out.extend_from_slice(text.as_bytes());
        }
        let written = match self {
            Error::UnknownCommand { name, arguments } => {
                out.extend_from_slice(b"ERR unknown command '");
                out.extend_from_slice(name);
                out.extend_from_slice(b"', with args beginning with: ");
                out.extend_from_slice(arguments);
                Ok(())
            }
            Error::UnknownSubcommand { name, container } => {
                out.extend_from_slice(b"ERR unknown subcommand '");
                out.extend_from_slice(name);
                write!(out, "'. Try {container} HELP.")
            }
            Error::WrongArity(name) => {
                write!(out, "ERR wrong number of arguments for '{name}' command")
            }
            Error::WithoutMulti(name) => write!(out, "ERR {name} without MULTI"),
            Error::ExecAbortedBecause(cause) => {
                out.extend_from_slice(b"EXECABORT Transaction discarded because of: ");
                let start = out.len();
                cause.write_to(out);
                if out[start..].starts_with(b"ERR ") {
                    out.drain(start..start + 4);
                }
                Ok(())
            }
            Error::Protocol(cause) => return write_protocol(*cause, out),
            Error::HelloOption(option) => {
                out.extend_from_slice(b"ERR Syntax error in HELLO option '");
                out.extend_from_slice(option);
                out.push(b'\'');
                Ok(())
            }
            Error::ClientInfoValue(attribute) => write!(
                out,
                "ERR {attribute} cannot contain spaces, newlines or special characters."
            ),
            Error::InvalidExpire(name) => {
                write!(out, "ERR invalid expire time in '{name}' command")
            }
            Error::UnknownType(name) => {
                out.extend_from_slice(b"ERR unknown type name '");
                out.extend_from_slice(name);
                out.push(b'\'');
                Ok(())
            }
            Error::Text(text) => {
                out.extend_from_slice(text);
                Ok(())
            }
            _ => unreachable!("every other variant has a fixed text"),
        };
        written.expect("writing to memory does not fail");
    }

    fn fixed(&self) -> Option<&'static str> {
        Some(match self {
            Error::NoAuth => "NOAUTH Authentication required.",
            Error::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Error::ExecAborted => "EXECABORT Transaction discarded because of previous errors.",
            Error::NestedMulti => "ERR MULTI calls can not be nested",
            Error::WatchInMulti => "ERR WATCH inside MULTI is not allowed",
            Error::NotInMulti => "ERR Command not allowed inside a transaction",
            Error::QueueLimit => "ERR transaction exceeds the limit of queued commands",
            Error::UnsupportedProtocol => "NOPROTO unsupported protocol version",
            Error::ProtocolVersionNotInteger => {
                "ERR Protocol version is not an integer or out of range"
            }
            Error::WrongPass => "WRONGPASS invalid username-password pair or user is disabled.",
            Error::AuthWithoutPassword => {
                "ERR AUTH <password> called without any password configured for the default \
                 user. Are you sure your configuration is correct?"
            }
            Error::MaxClients => "ERR max number of clients reached",
            Error::ProtectedMode => PROTECTED_MODE,
            Error::ClientName => {
                "ERR Client names cannot contain spaces, newlines or special characters."
            }
            Error::Syntax => "ERR syntax error",
            Error::NotInteger => "ERR value is not an integer or out of range",
            Error::NotFloat => "ERR value is not a valid float",
            Error::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Error::NoSuchKey => "ERR no such key",
            Error::IncrOverflow => "ERR increment or decrement would overflow",
            Error::DecrOverflow => "ERR decrement would overflow",
            Error::IncrNotFinite => "ERR increment would produce NaN or Infinity",
            Error::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Error::OffsetOutOfRange => "ERR offset is out of range",
            Error::DbIndexOutOfRange => "ERR DB index is out of range",
            Error::InvalidDbIndex => "ERR invalid DB index",
            Error::SameObject => "ERR source and destination objects are the same",
            Error::MustBePositive => "ERR value is out of range, must be positive",
            Error::OutOfRange => "ERR value is out of range",
            Error::InvalidCursor => "ERR invalid cursor",
            Error::Fixed(text) => text,
            _ => return None,
        })
    }
}

impl From<ProtocolError> for Error {
    fn from(cause: ProtocolError) -> Error {
        Error::Protocol(cause)
    }
}

fn write_protocol(cause: ProtocolError, out: &mut Vec<u8>) {
    out.extend_from_slice(b"ERR Protocol error: ");
    let text: &[u8] = match cause {
        ProtocolError::MultibulkCountTooLong => b"too big mbulk count string",
        ProtocolError::BulkCountTooLong => b"too big bulk count string",
        ProtocolError::InlineTooLong => b"too big inline request",
        ProtocolError::MultibulkLength => b"invalid multibulk length",
        ProtocolError::BulkLength => b"invalid bulk length",
        ProtocolError::UnbalancedQuotes => b"unbalanced quotes in request",
        ProtocolError::UnauthenticatedMultibulk => b"unauthenticated multibulk length",
        ProtocolError::UnauthenticatedBulk => b"unauthenticated bulk length",
        ProtocolError::ExpectedBulk(byte) => {
            out.extend_from_slice(b"expected '$', got '");
            out.push(byte);
            b"'"
        }
    };
    out.extend_from_slice(text);
}

const PROTECTED_MODE: &str = "DENIED Redis is running in protected mode because protected \
    mode is enabled and no password is set for the default user. \
    In this mode connections are only accepted from the loopback interface. \
    If you want to connect from external computers to Redis you \
    may adopt one of the following solutions: \
    1) Just disable protected mode sending the command \
    'CONFIG SET protected-mode no' from the loopback interface \
    by connecting to Redis from the same host the server is \
    running, however MAKE SURE Redis is not publicly accessible \
    from internet if you do so. Use CONFIG REWRITE to make this \
    change permanent. \
    2) Alternatively you can just disable the protected mode by \
    editing the Redis configuration file, and setting the protected \
    mode option to 'no', and then restarting the server. \
    3) If you started the server manually just for testing, restart \
    it with the '--protected-mode no' option. \
    4) Set up an authentication password for the default user. \
    NOTE: You only need to do one of the above things in order for \
    the server to start accepting connections from the outside.";
