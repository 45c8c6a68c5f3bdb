//! Errors of the hash and set commands.

use super::{Error, quote};

impl Error {
    /// `HINCRBY` of a field that holds no integer.
    pub const HASH_NOT_INTEGER: Error = Error::Fixed("ERR hash value is not an integer");
    /// `HINCRBYFLOAT` of a field that holds no float.
    pub const HASH_NOT_FLOAT: Error = Error::Fixed("ERR hash value is not a float");
    /// `HINCRBYFLOAT` by an infinity.
    pub const HASH_INCREMENT_NOT_FINITE: Error = Error::Fixed("ERR value is NaN or Infinity");
    /// `FIELDS` is not where it must be.
    pub const HASH_FIELDS_MISSING: Error =
        Error::Fixed("ERR Mandatory argument FIELDS is missing or not at the right position");
    /// The number of fields is none, or not positive.
    pub const HASH_FIELD_COUNT: Error =
        Error::Fixed("ERR Number of fields must be a positive integer");
    /// The same, of the `HEXPIRE` family.
    pub const HASH_FIELD_COUNT_ZERO: Error =
        Error::Fixed("ERR Parameter `numFields` should be greater than 0");
    /// There are more or fewer fields than announced.
    pub const HASH_FIELDS_MISMATCH: Error =
        Error::Fixed("ERR The `numfields` parameter must match the number of arguments");
    /// A negative time.
    pub const HASH_EXPIRE_NEGATIVE: Error = Error::Fixed("ERR invalid expire time, must be >= 0");
    /// `HSETEX` with a number of fields that is none, or not positive.
    pub const HSETEX_FIELD_COUNT: Error = Error::Fixed("ERR invalid number of fields");
    /// `HSETEX` with an option that lacks its number.
    pub const HSETEX_TIME_MISSING: Error = Error::Fixed("ERR missing expire time");
    /// `HSETEX` with two options that say when fields expire.
    pub const HSETEX_TIMES: Error =
        Error::Fixed("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
    /// `HSETEX` with two conditions.
    pub const HSETEX_CONDITIONS: Error =
        Error::Fixed("ERR Only one of FXX or FNX arguments can be specified");
    /// The least count of `HRANDFIELD` and its kin, which cannot be negated.
    pub const RANDOM_COUNT: Error = Error::Fixed(
        "ERR value is out of range, value must between -9223372036854775807 and \
         9223372036854775807",
    );

    /// More keys announced than there are arguments.
    pub const NUMKEYS_MANY: Error =
        Error::Fixed("ERR Number of keys can't be greater than number of args");

    /// An option that a command does not know.
    pub fn unknown_argument(name: &[u8]) -> Error {
        Error::text([b"ERR unknown argument: ", quote(name)].concat())
    }
}
