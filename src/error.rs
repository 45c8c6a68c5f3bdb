//! Every error reply, with its exact wire text.
//!
//! Client libraries match on these texts, so they are Redis's, to the byte. No file but this
//! and those of its folder holds one. A variant is named for what went wrong, not for its wording.

mod acl;
mod hash;
mod pubsub;
mod scripting;
mod stream;
mod tracking;
mod zset;

pub use acl::{Refusal, RuleError, dry_run};

use crate::protocol::request::ProtocolError;
use std::io::Write;

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    // Dispatch: the request never reached its handler.
    /// No such command; quotes the name and the first arguments, cut to bounded length.
    /// The name is as the client sent it, the arguments are `'arg' 'arg' …`.
    UnknownCommand(Box<(Vec<u8>, Vec<u8>)>),
    /// No such subcommand, its name as sent, cut to 128 bytes, of the container.
    UnknownSubcommand(Box<(Vec<u8>, &'static str)>),
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
    /// `CLIENT UNBLOCK … ERROR` ended the wait.
    Unblocked,
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
    /// `HELLO` without credentials where they are needed.
    HelloNoAuth,
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
    /// An integer that does not fit 32 bits.
    NotInt32,
    /// A database index of `SWAPDB` that is not a number; says which (`first`, `second`).
    SwapDbIndex(&'static str),
    /// An option of the `EXPIRE` family that does not exist.
    ExpireOption(Vec<u8>),
    /// `NX` with another condition on an expire time.
    ExpireNxWithOthers,
    /// `GT` with `LT`.
    ExpireGtWithLt,
    /// `OBJECT FREQ` while the policy does not count frequencies.
    FrequencyNotTracked,
    /// `OBJECT IDLETIME` while the policy counts frequencies instead.
    IdleTimeNotTracked,
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
            Error::UnknownCommand(unknown) => {
                let (name, arguments) = &**unknown;
                out.extend_from_slice(b"ERR unknown command '");
                out.extend_from_slice(name);
                out.extend_from_slice(b"', with args beginning with: ");
                out.extend_from_slice(arguments);
                Ok(())
            }
            Error::UnknownSubcommand(unknown) => {
                let (name, container) = &**unknown;
                out.extend_from_slice(b"ERR unknown subcommand '");
                out.extend_from_slice(up_to_nul(name));
                write!(out, "'. Try {} HELP.", container.to_ascii_uppercase())
            }
            Error::WrongArity(name) => {
                write!(out, "ERR wrong number of arguments for '{name}' command")
            }
            Error::Unblocked => {
                write!(out, "UNBLOCKED client unblocked via CLIENT UNBLOCK")
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
            Error::InvalidExpire(name) => {
                write!(out, "ERR invalid expire time in '{name}' command")
            }
            Error::SwapDbIndex(which) => write!(out, "ERR invalid {which} DB index"),
            Error::ExpireOption(option) => {
                out.extend_from_slice(b"ERR Unsupported option ");
                out.extend_from_slice(up_to_nul(option));
                Ok(())
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
            Error::HelloNoAuth => {
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
                 HELLO AUTH <user> <pass> option can be used to authenticate the client and select \
                 the RESP protocol version at the same time"
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
            Error::NotInt32 => {
                "ERR value is out of range, value must between -2147483648 and 2147483647"
            }
            Error::ExpireNxWithOthers => {
                "ERR NX and XX, GT or LT options at the same time are not compatible"
            }
            Error::ExpireGtWithLt => "ERR GT and LT options at the same time are not compatible",
            Error::FrequencyNotTracked => {
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
                 Please note that when switching between policies at runtime LRU and LFU data \
                 will take some time to adjust."
            }
            Error::IdleTimeNotTracked => {
                "ERR An LFU maxmemory policy is selected, idle time not tracked. \
                 Please note that when switching between policies at runtime LRU and LFU data \
                 will take some time to adjust."
            }
            Error::Fixed(text) => text,
            _ => return None,
        })
    }
}

/// Errors of the commands about the server itself.
impl Error {
    /// Why the configuration is not changed or stored, in the words of whoever refused.
    pub fn config(reason: impl std::fmt::Display) -> Error {
        Error::text(format!("ERR {reason}"))
    }

    /// `DEBUG` while `enable-debug-command` does not allow it.
    pub fn debug_denied() -> Error {
        Error::Fixed(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \
             \"local\", you can run it from a local connection, otherwise you need to set this \
             option in the configuration file, and then restart the server.",
        )
    }

    /// A type `DEBUG PROTOCOL` does not know.
    pub fn debug_protocol_type() -> Error {
        Error::Fixed(
            "ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
        )
    }

    /// What can only be replied in RESP3 was asked in RESP2.
    pub fn needs_resp3() -> Error {
        Error::Fixed("ERR RESP2 is not supported by this command")
    }

    /// `DEBUG HTSTATS` of a database that does not exist.
    pub fn no_such_database() -> Error {
        Error::Fixed("ERR Out of range database")
    }

    /// `DEBUG ERROR`: the client's own text.
    pub fn as_asked(text: &[u8]) -> Error {
        Error::text(text)
    }

    /// `MONITOR` where nothing may follow its reply.
    pub fn monitor_denied() -> Error {
        Error::Fixed("ERR MONITOR isn't allowed for DENY BLOCKING client")
    }

    /// `LATENCY GRAPH` of an event nothing is known of.
    pub fn no_latency_samples(event: &[u8]) -> Error {
        Error::text([b"ERR No samples available for event '", quote(event), b"'"].concat())
    }

    /// A count of slow log entries below −1, or none at all.
    pub fn slowlog_count() -> Error {
        Error::Fixed("ERR count should be greater than or equal to -1")
    }

    /// A kind of log that `COMMANDLOG` does not keep.
    pub fn commandlog_type() -> Error {
        Error::Fixed("ERR type should be one of the following: slow")
    }

    /// `SHUTDOWN SAVE`: there is nowhere to save to.
    pub fn shutdown_failed() -> Error {
        Error::Fixed("ERR Errors trying to SHUTDOWN. Check logs.")
    }

    /// `SHUTDOWN ABORT` without a shutdown that it could abort.
    pub fn no_shutdown() -> Error {
        Error::Fixed("ERR No shutdown in progress.")
    }

    /// A container's own parser found neither a subcommand nor the right number of arguments.
    pub fn subcommand_usage(name: &[u8], container: &str) -> Error {
        let tail = format!("'. Try {container} HELP.");
        let head = &b"ERR unknown subcommand or wrong number of arguments for '"[..];
        Error::text([head, quote(name), tail.as_bytes()].concat())
    }
}

/// What is quoted of something a client sent.
fn quote(text: &[u8]) -> &[u8] {
    &text[..text.len().min(QUOTED_MAX)]
}

/// Bytes quoted at most.
const QUOTED_MAX: usize = 128;

/// Errors of the string commands.
impl Error {
    /// `IFDEQ` or `IFDNE` with what is no digest.
    pub const DIGEST_FORMAT: Error = Error::Fixed("ERR must be exactly 16 hexadecimal characters");
    /// `DELEX` with a condition it does not know.
    pub const DELEX_CONDITION: Error =
        Error::Fixed("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
    /// `DELEX` with a condition on a key that is no string.
    pub const DELEX_TYPE: Error =
        Error::Fixed("ERR Key should be of string type if conditions are specified");
    /// `MSETEX` with a number of keys that cannot be.
    pub const MSETEX_COUNT: Error = Error::Fixed("ERR invalid numkeys value");
    /// `MSETEX` with fewer pairs than announced.
    pub const MSETEX_PAIRS: Error = Error::Fixed("ERR wrong number of key-value pairs");
    /// `LCS` of a key that is no string.
    pub const LCS_TYPE: Error = Error::Fixed("ERR The specified keys must contain string values");
    /// `LCS` with `LEN` and `IDX`.
    pub const LCS_LENGTH_AND_MATCHES: Error =
        Error::Fixed("ERR If you want both the length and indexes, please just use IDX.");
    /// `LCS` of a string of 4 GiB.
    pub const LCS_TOO_LONG: Error = Error::Fixed("ERR String too long for LCS");
    /// `LCS` of strings so long that Redis's table would exceed `proto-max-bulk-len`.
    pub const LCS_TABLE_TOO_LARGE: Error = Error::Fixed(
        "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
    );
    /// `LCS` without memory for its table.
    pub const LCS_OUT_OF_MEMORY: Error =
        Error::Fixed("ERR Insufficient memory, failed allocating transient memory for LCS");
    /// `INCREX … BYINT` with what is no integer.
    pub const INCREX_NOT_INTEGER: Error =
        Error::Fixed("ERR Increment is not an integer or out of range");
    /// `INCREX … BYFLOAT` with what is no float.
    pub const INCREX_NOT_FLOAT: Error = Error::Fixed("ERR Increment is not a valid float");
    /// `INCREX … BYFLOAT inf`.
    pub const INCREX_INFINITE_INCREMENT: Error =
        Error::Fixed("ERR BYFLOAT increment cannot be Infinity");
    /// `INCREX … BYFLOAT` of a key that holds an infinity.
    pub const INCREX_INFINITE_VALUE: Error = Error::Fixed("ERR value cannot be Infinity");
    /// `INCREX` with bounds that leave no room.
    pub const INCREX_BOUNDS: Error = Error::Fixed("ERR LBOUND can't be greater than UBOUND");
    /// `INCREX … ENX` without a time.
    pub const INCREX_ENX: Error = Error::Fixed("ERR ENX flag requires an expiration");
    /// `INCREX … SATURATE` adds more than an integer holds.
    pub const INCREX_ADDED_OVERFLOW: Error = Error::Fixed("ERR applied increment would overflow");
    /// `INCREX … SATURATE` adds more than a float holds.
    pub const INCREX_ADDED_INFINITE: Error =
        Error::Fixed("ERR applied increment would be Infinity");

    /// A bound of `INCREX … BYINT` that is no integer.
    pub fn bound_not_integer(which: Bound) -> Error {
        Error::Fixed(match which {
            Bound::Lower => "ERR LBOUND is not an integer or out of range",
            Bound::Upper => "ERR UBOUND is not an integer or out of range",
        })
    }

    /// A bound of `INCREX … BYFLOAT` that is no float.
    pub fn bound_not_float(which: Bound) -> Error {
        Error::Fixed(match which {
            Bound::Lower => "ERR LBOUND is not a valid float",
            Bound::Upper => "ERR UBOUND is not a valid float",
        })
    }
}

/// Errors of the bitmap commands.
impl Error {
    /// A bit's offset that is no number, negative, or beyond the longest string.
    pub const BIT_OFFSET: Error = Error::Fixed("ERR bit offset is not an integer or out of range");
    /// `SETBIT` to what is neither 0 nor 1.
    pub const BIT_NOT_BIT: Error = Error::Fixed("ERR bit is not an integer or out of range");
    /// `BITPOS` of what is neither 0 nor 1.
    pub const BITPOS_BIT: Error = Error::Fixed("ERR The bit argument must be 1 or 0.");
    /// `BITOP NOT` of several strings.
    pub const BITOP_NOT_SOURCES: Error =
        Error::Fixed("ERR BITOP NOT must be called with a single source key.");
    /// A field's type that `BITFIELD` does not have.
    pub const BITFIELD_TYPE: Error = Error::Fixed(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported \
         but i64 is.",
    );
    /// `BITFIELD … OVERFLOW` of an unknown kind.
    pub const BITFIELD_OVERFLOW: Error = Error::Fixed("ERR Invalid OVERFLOW type specified");
    /// `BITFIELD_RO` with what writes.
    pub const BITFIELD_READ_ONLY: Error =
        Error::Fixed("ERR BITFIELD_RO only supports the GET subcommand");

    /// `BITOP` of one string with an operation that compares the first with others.
    pub fn bitop_sources(operation: &str) -> Error {
        let tail = " must be called with at least two source keys.";
        quoting("ERR BITOP ", operation.as_bytes(), tail)
    }
}

/// Errors of the HyperLogLog commands.
impl Error {
    /// The string is no HyperLogLog.
    pub const HLL_INVALID: Error =
        Error::Fixed("WRONGTYPE Key is not a valid HyperLogLog string value.");
    /// The string looks like a HyperLogLog, but its registers are wrong.
    pub const HLL_CORRUPT: Error = Error::Fixed("INVALIDOBJ Corrupted HLL object detected");
    /// `PFDEBUG` of a key that does not exist.
    pub const HLL_NO_KEY: Error = Error::Fixed("ERR The specified key does not exist");
    /// `PFDEBUG DECODE` of a dense HyperLogLog.
    pub const HLL_NOT_SPARSE: Error = Error::Fixed("ERR HLL encoding is not sparse");
    /// `PFSELFTEST`: the two forms of the same HyperLogLog differ.
    pub const HLL_TEST_FORMS: Error = Error::Fixed("TESTFAILED dense/sparse disagree");

    /// A subcommand `PFDEBUG` does not know.
    pub fn pfdebug_subcommand(name: &[u8]) -> Error {
        quoting("ERR Unknown PFDEBUG subcommand '", up_to_nul(name), "'")
    }

    /// `PFSELFTEST`: an estimate is too far from the truth.
    pub fn hll_test_distance(number: u64, distance: u64) -> Error {
        Error::text(format!(
            "TESTFAILED Too big error. card:{number} abserr:{distance}"
        ))
    }
}

/// A bound of `INCREX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `LBOUND`.
    Lower,
    /// `UBOUND`.
    Upper,
}

/// Errors of the connection commands.
impl Error {
    /// An integer beyond 32 bits.
    pub const NOT_INT32: Error =
        Error::Fixed("ERR value is out of range, value must between -2147483648 and 2147483647");
    /// `CLIENT KILL` by an address nobody has.
    pub const NO_SUCH_CLIENT: Error = Error::Fixed("ERR No such client");
    /// An id of `CLIENT LIST` that is not a number.
    pub const INVALID_CLIENT_ID: Error = Error::Fixed("ERR Invalid client ID");
    /// An id of `CLIENT KILL` that no client can have.
    pub const CLIENT_ID_NOT_POSITIVE: Error =
        Error::Fixed("ERR client-id should be greater than 0");
    /// `CLIENT IMPORT-SOURCE ON`.
    pub const NO_IMPORT_MODE: Error = Error::Fixed("ERR Server is not in import mode");
    /// `CLIENT PAUSE` in an unknown mode.
    pub const PAUSE_MODE: Error = Error::Fixed("ERR CLIENT PAUSE mode must be WRITE or ALL");
    /// A timeout that is not a number.
    pub const TIMEOUT_NOT_INTEGER: Error =
        Error::Fixed("ERR timeout is not an integer or out of range");
    /// A timeout below zero.
    pub const TIMEOUT_NEGATIVE: Error = Error::Fixed("ERR timeout is negative");
    /// `CLIENT UNBLOCK` for an unknown reason.
    pub const UNBLOCK_REASON: Error =
        Error::Fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");

    /// An unknown option of `HELLO`.
    pub fn hello_option(option: &[u8]) -> Error {
        Error::HelloOption(quote(option).to_vec())
    }

    /// A value of `CLIENT SETINFO` that holds blanks; `attribute` as sent.
    pub fn client_info_value(attribute: &[u8]) -> Error {
        let text = " cannot contain spaces, newlines or special characters.";
        quoting("ERR ", attribute, text)
    }

    /// An attribute `CLIENT SETINFO` does not know.
    pub fn unrecognized_option(option: &[u8]) -> Error {
        quoting("ERR Unrecognized option '", option, "'")
    }

    /// A type of client that does not exist.
    pub fn unknown_client_type(kind: &[u8]) -> Error {
        quoting("ERR Unknown client type '", kind, "'")
    }

    /// A user that does not exist.
    pub fn no_such_user(name: &[u8]) -> Error {
        quoting("ERR No such user '", name, "'")
    }

    /// A number of seconds that is none; `what` is the option's name.
    pub fn seconds_not_positive(what: &str) -> Error {
        quoting(
            "ERR ",
            what.as_bytes(),
            " is not an integer or out of range",
        )
    }
}

fn quoting(head: &str, what: &[u8], tail: &str) -> Error {
    Error::Text([head.as_bytes(), quote(what), tail.as_bytes()].concat())
}

/// Errors of `COMMAND`.
impl Error {
    /// The command whose keys are asked for does not exist.
    pub fn invalid_command_specified() -> Error {
        Error::Fixed("ERR Invalid command specified")
    }

    /// The command whose keys are asked for has none.
    pub fn no_key_arguments() -> Error {
        Error::Fixed("ERR The command has no key arguments")
    }

    /// The request whose keys are asked for has too few or too many arguments.
    pub fn invalid_argument_count() -> Error {
        Error::Fixed("ERR Invalid number of arguments specified for command")
    }

    /// The request whose keys are asked for counts keys it does not have.
    pub fn invalid_arguments_specified() -> Error {
        Error::Fixed("ERR Invalid arguments specified for command")
    }
}

/// Errors of commands that wait, or take from several keys.
impl Error {
    /// How long to wait is no number.
    pub const TIMEOUT_NOT_FLOAT: Error = Error::Fixed("ERR timeout is not a float or out of range");
    /// Waiting would end after the end of time.
    pub const TIMEOUT_OUT_OF_RANGE: Error = Error::Fixed("ERR timeout is out of range");
    /// A number of keys that is not positive, or no number.
    pub const NUMKEYS_NOT_POSITIVE: Error = Error::Fixed("ERR numkeys should be greater than 0");
    /// A number of elements that is not positive, or no number.
    pub const COUNT_NOT_POSITIVE: Error = Error::Fixed("ERR count should be greater than 0");
}

/// Errors of the list commands, and of `SORT`.
impl Error {
    /// `LSET` beyond the list's ends.
    pub const INDEX_OUT_OF_RANGE: Error = Error::Fixed("ERR index out of range");
    /// `LPOS … RANK 0`.
    pub const LPOS_RANK: Error = Error::Fixed(
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
         or use negative to start from the end of the list",
    );
    /// `LPOS … COUNT` with what is no number from 0.
    pub const LPOS_COUNT: Error = Error::Fixed("ERR COUNT can't be negative");
    /// `LPOS … MAXLEN` with what is no number from 0.
    pub const LPOS_MAXLEN: Error = Error::Fixed("ERR MAXLEN can't be negative");
    /// `SORT` by number of what is no number.
    pub const SORT_NOT_NUMBER: Error =
        Error::Fixed("ERR One or more scores can't be converted into double");
}

impl From<ProtocolError> for Error {
    fn from(cause: ProtocolError) -> Error {
        Error::Protocol(cause)
    }
}

/// What C's `%s` shows of a text, as Redis quotes some of what was sent.
fn up_to_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or(text)
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
