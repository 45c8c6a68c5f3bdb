//! When fields expire: the `HEXPIRE` and `HTTL` families, and `HPERSIST`.

use super::super::spec::*;
use super::super::time_unit::Unit;
use super::fields::{COUNT_POSITIVE, deadline, fields};
use super::read::open;
use super::write::DELETE_EVENT;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::content::Write;
use crate::values::hash::Hash;

pub(super) const EXPIRE_EVENT: Event = Event::Hash("hexpire");
pub(super) const PERSIST_EVENT: Event = Event::Hash("hpersist");

/// What the commands reply for a field that does not exist.
const NO_FIELD: i64 = -2;
/// What they reply for a field that does not expire.
const NO_DEADLINE: i64 = -1;

/// On what a field's present deadline must be like. None is later than any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    None,
    /// There is none.
    Nx,
    /// There is one.
    Xx,
    /// It is earlier than the new one.
    Gt,
    /// It is later than the new one.
    Lt,
}

impl Condition {
    fn at(args: Args<'_>, at: usize) -> Condition {
        if args.is(at, "NX") {
            Condition::Nx
        } else if args.is(at, "XX") {
            Condition::Xx
        } else if args.is(at, "GT") {
            Condition::Gt
        } else if args.is(at, "LT") {
            Condition::Lt
        } else {
            Condition::None
        }
    }

    fn holds(self, before: Option<u64>, after: u64) -> bool {
        match self {
            Condition::None => true,
            Condition::Nx => before.is_none(),
            Condition::Xx => before.is_some(),
            Condition::Gt => before.is_some_and(|before| before < after),
            Condition::Lt => before.is_none_or(|before| before > after),
        }
    }
}

pub(super) fn hexpire(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(txn, args, reply, (Unit::Seconds, "hexpire"))
}

pub(super) fn hpexpire(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(txn, args, reply, (Unit::Millis, "hpexpire"))
}

pub(super) fn hexpireat(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(txn, args, reply, (Unit::UnixSeconds, "hexpireat"))
}

pub(super) fn hpexpireat(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expire(txn, args, reply, (Unit::UnixMillis, "hpexpireat"))
}

fn expire(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    (unit, name): (Unit, &'static str),
) -> Outcome {
    check_type(txn)?;
    let deadline = deadline(txn, unit, args.at(2), name)?;
    let condition = Condition::at(args, 3);
    let at = if condition == Condition::None { 3 } else { 4 };
    let fields = fields(args, at, Error::HASH_FIELD_COUNT_ZERO)?;
    let now_ms = txn.now_ms();
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let mut hash = Hash::new(&mut edit);
    reply.array(fields.len());
    let mut event = None;
    for name in fields {
        let Some(before) = hash.get(name).map(|field| field.deadline) else {
            reply.int(NO_FIELD);
            continue;
        };
        if !condition.holds(before, deadline) {
            reply.int(0);
            continue;
        }
        if set_deadline(&mut hash, name, deadline, now_ms) {
            event.get_or_insert(EXPIRE_EVENT);
            reply.int(1);
        } else {
            event = Some(DELETE_EVENT);
            reply.int(2);
        }
    }
    if let Some(event) = event {
        edit.changed(event);
    }
    DONE
}

/// Sets the deadline of a field that exists. One that is not in the future removes the field: then
/// false.
pub(super) fn set_deadline(
    hash: &mut Hash<impl Write>,
    field: &[u8],
    deadline: u64,
    now_ms: u64,
) -> bool {
    if deadline <= now_ms {
        hash.remove(field);
        return false;
    }
    hash.set_deadline(field, Some(deadline))
}

/// Refuses a key that holds another type, before the arguments are looked at.
pub(super) fn check_type(txn: &mut Txn<'_>) -> Result<(), Error> {
    match txn.kind_of(txn.key(0)) {
        None | Some(Type::Hash) => Ok(()),
        Some(_) => Err(Error::WrongType),
    }
}

pub(super) fn httl(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    times(txn, args, reply, Unit::Seconds)
}

pub(super) fn hpttl(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    times(txn, args, reply, Unit::Millis)
}

pub(super) fn hexpiretime(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    times(txn, args, reply, Unit::UnixSeconds)
}

pub(super) fn hpexpiretime(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    times(txn, args, reply, Unit::UnixMillis)
}

fn times(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>, unit: Unit) -> Outcome {
    // What is subtracted from a deadline: the present, or the beginning of Unix time.
    let base = match unit {
        Unit::Seconds | Unit::Millis => txn.now_ms() as i64,
        Unit::UnixSeconds | Unit::UnixMillis => -txn.to_unix(0),
    };
    let hash = open(txn)?;
    let fields = fields(args, 2, COUNT_POSITIVE)?;
    reply.array(fields.len());
    for name in fields {
        reply.int(match hash.get(name).map(|field| field.deadline) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(deadline)) => {
                let ms = deadline as i64 - base;
                match unit {
                    Unit::Millis | Unit::UnixMillis => ms,
                    Unit::Seconds | Unit::UnixSeconds => (ms + 999) / 1000,
                }
            }
        });
    }
    DONE
}

pub(super) fn hpersist(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let mut hash = Hash::new(&mut edit);
    let fields = fields(args, 2, COUNT_POSITIVE)?;
    reply.array(fields.len());
    let mut changed = false;
    for name in fields {
        reply.int(match hash.get(name).map(|field| field.deadline) {
            None => NO_FIELD,
            Some(None) => NO_DEADLINE,
            Some(Some(_)) => {
                changed = true;
                hash.set_deadline(name, None);
                1
            }
        });
    }
    if changed {
        edit.changed(PERSIST_EVENT);
    }
    DONE
}
