//! How long a blocking command waits, as its arguments say it.

use crate::base::long_double::LongDouble;
use crate::error::Error;
use crate::keyspace::Txn;

/// Seconds, with decimals: what `BLPOP` and its like take. Rounded up to ms; `None`, for 0, is
/// for ever.
pub(super) fn seconds(txn: &Txn<'_>, text: &[u8]) -> Result<Option<u64>, Error> {
    let seconds = LongDouble::parse(text).ok_or(Error::TIMEOUT_NOT_FLOAT)?;
    match seconds.ceil_times(1000) {
        Some(ms) => bounded(txn, ms),
        // Also where it is beyond 64 bits, as in Redis, whose integer wraps.
        None => Err(Error::TIMEOUT_NEGATIVE),
    }
}

fn bounded(txn: &Txn<'_>, ms: i64) -> Result<Option<u64>, Error> {
    let ms = u64::try_from(ms).map_err(|_| Error::TIMEOUT_NEGATIVE)?;
    let now_ms = u64::try_from(txn.to_unix(txn.now_ms())).unwrap_or(0);
    if ms > (i64::MAX as u64).saturating_sub(now_ms) {
        return Err(Error::TIMEOUT_OUT_OF_RANGE);
    }
    Ok((ms > 0).then_some(ms))
}
