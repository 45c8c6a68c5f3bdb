//! The options that say when a key is to expire: `EX`, `PX`, `EXAT`, `PXAT`, `KEEPTTL`, `PERSIST`.

use super::super::time_unit::Unit;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Ttl, Txn};
use crate::protocol::Args;

/// When a key is to expire, as the options have it; numbers are not read yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Expiry<'a> {
    /// Nothing was said.
    #[default]
    Unsaid,
    /// `KEEPTTL`.
    Keep,
    /// `PERSIST`.
    Persist,
    /// One of the others, with its number.
    At(Unit, &'a [u8]),
}

impl<'a> Expiry<'a> {
    /// The option at `at` and how many arguments it takes, if it is one that sets a time. An error
    /// when its number is missing.
    pub(super) fn timed(args: Args<'a>, at: usize) -> Result<Option<Expiry<'a>>, Error> {
        let Some(unit) = Unit::named(args, at) else {
            return Ok(None);
        };
        let number = args.get(at + 1).ok_or(Error::Syntax)?;
        Ok(Some(Expiry::At(unit, number)))
    }

    /// Replaces what was said before by `said`, which must be of the same kind: `EX 1 EX 2` is
    /// fine, `EX 1 PX 2` is not.
    pub(super) fn say(&mut self, said: Expiry<'a>) -> Result<(), Error> {
        let fits = match (*self, said) {
            (Expiry::Unsaid, _) => true,
            (Expiry::At(before, _), Expiry::At(now, _)) => before == now,
            (before, now) => before == now,
        };
        if !fits {
            return Err(Error::Syntax);
        }
        *self = said;
        Ok(())
    }

    /// Arguments the option takes.
    pub(super) fn width(self) -> usize {
        match self {
            Expiry::At(..) => 2,
            _ => 1,
        }
    }

    /// What becomes of the deadline of a key that is replaced. Errors name `command`.
    pub(super) fn ttl(self, txn: &Txn<'_>, command: &'static str) -> Result<Ttl, Error> {
        Ok(match self {
            Expiry::Unsaid | Expiry::Persist => Ttl::Clear,
            Expiry::Keep => Ttl::Keep,
            Expiry::At(unit, number) => Ttl::At(deadline(unit, number, txn, command)?),
        })
    }
}

/// The deadline `number` stands for, in ms on the server timeline; possibly in the past.
pub(super) fn deadline(
    unit: Unit,
    number: &[u8],
    txn: &Txn<'_>,
    command: &'static str,
) -> Result<u64, Error> {
    let number = number::parse_i64(number).ok_or(Error::NotInteger)?;
    let ms = unit.ms(number).filter(|ms| *ms > 0);
    let ms = ms.ok_or(Error::InvalidExpire(command))?;
    match unit {
        Unit::UnixSeconds | Unit::UnixMillis => Ok(txn.to_timeline(ms)),
        Unit::Seconds | Unit::Millis => ms
            .checked_add_unsigned(txn.now_ms())
            .map(i64::unsigned_abs)
            .ok_or(Error::InvalidExpire(command)),
    }
}
