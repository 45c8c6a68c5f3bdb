//! How the number that says when a key or a field expires counts: `EX`, `PX`, `EXAT`, `PXAT`.

use crate::protocol::Args;

/// What a number counts, from now or from 1970 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    UnixSeconds,
    UnixMillis,
}

impl Unit {
    /// The unit that an option at `at` names.
    pub(super) fn named(args: Args<'_>, at: usize) -> Option<Unit> {
        if args.is(at, "EX") {
            Some(Unit::Seconds)
        } else if args.is(at, "PX") {
            Some(Unit::Millis)
        } else if args.is(at, "EXAT") {
            Some(Unit::UnixSeconds)
        } else if args.is(at, "PXAT") {
            Some(Unit::UnixMillis)
        } else {
            None
        }
    }

    /// So many of it in ms, if a number can say that.
    pub(super) fn ms(self, number: i64) -> Option<i64> {
        match self {
            Unit::Seconds | Unit::UnixSeconds => number.checked_mul(1000),
            Unit::Millis | Unit::UnixMillis => Some(number),
        }
    }
}
