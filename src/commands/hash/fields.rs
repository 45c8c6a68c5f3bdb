//! Arguments of the newer hash commands: `FIELDS numfields field …`, and when a field is to expire.

use super::super::time_unit::Unit;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::Args;

/// What is wrong with a number of fields that is not positive, for all commands but the `HEXPIRE`
/// family and `HSETEX`.
pub(super) const COUNT_POSITIVE: Error = Error::HASH_FIELD_COUNT;

/// Latest moment that a field may expire at, in ms of Unix time: the year 4199.
const UNIX_MS_MAX: i64 = (1 << 46) - 1;

/// The fields that `FIELDS` at `at` announces. They are the rest of the arguments.
pub(super) fn fields<'a>(
    args: Args<'a>,
    at: usize,
    not_positive: Error,
) -> Result<impl ExactSizeIterator<Item = &'a [u8]> + Clone, Error> {
    if !args.is(at, "FIELDS") {
        return Err(Error::HASH_FIELDS_MISSING);
    }
    let count = args.get(at + 1).and_then(number::parse_i64);
    let count = count.filter(|count| *count > 0).ok_or(not_positive)?;
    let fields = args.from(at + 2);
    if fields.len() as i64 != count {
        return Err(Error::HASH_FIELDS_MISMATCH);
    }
    Ok(fields)
}

/// The deadline a number stands for, in ms on the server timeline; possibly in the past. Errors
/// name `command`.
pub(super) fn deadline(
    txn: &Txn<'_>,
    unit: Unit,
    text: &[u8],
    command: &'static str,
) -> Result<u64, Error> {
    let number = number::parse_i64(text).ok_or(Error::NotInteger)?;
    if number < 0 {
        return Err(Error::HASH_EXPIRE_NEGATIVE);
    }
    let base = match unit {
        Unit::Seconds | Unit::Millis => txn.to_unix(txn.now_ms()),
        Unit::UnixSeconds | Unit::UnixMillis => 0,
    };
    let unix_ms = unit
        .ms(number)
        .and_then(|ms| ms.checked_add(base))
        .filter(|unix_ms| *unix_ms <= UNIX_MS_MAX)
        .ok_or(Error::InvalidExpire(command))?;
    Ok(txn.to_timeline(unix_ms))
}
