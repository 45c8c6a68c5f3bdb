//! Commands that count: `INCR` and its kin.

use super::super::spec::*;
use crate::base::long_double::LongDouble;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Edit, Event, NewValue, Ttl, Txn, ValueRef};
use crate::protocol::{Args, Reply};

/// What every command that adds an integer tells watchers of keyspace events.
pub(super) const INTEGER_EVENT: Event = Event::String("incrby");
/// As [`INTEGER_EVENT`], for floats.
pub(super) const FLOAT_EVENT: Event = Event::String("incrbyfloat");

pub(super) fn incr(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(txn, 1, reply)
}

pub(super) fn decr(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(txn, -1, reply)
}

pub(super) fn incrby(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let increment = number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?;
    add(txn, increment, reply)
}

pub(super) fn decrby(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let decrement = number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?;
    let increment = decrement.checked_neg().ok_or(Error::DecrOverflow)?;
    add(txn, increment, reply)
}

fn add(txn: &mut Txn<'_>, increment: i64, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit(txn.key(0));
    let sum = integer(&edit)?
        .checked_add(increment)
        .ok_or(Error::IncrOverflow)?;
    edit.store(NewValue::Int(sum), Ttl::Keep);
    edit.changed(INTEGER_EVENT);
    reply.int(sum);
    DONE
}

/// The integer a key holds; 0 where there is none.
#[inline]
pub(super) fn integer(edit: &Edit<'_, '_>) -> Result<i64, Error> {
    match edit.string()? {
        None => Ok(0),
        Some(ValueRef::Int(number)) => Ok(number),
        Some(ValueRef::Bytes(bytes)) => number::parse_i64(bytes).ok_or(Error::NotInteger),
        Some(ValueRef::Blob(_)) => Err(Error::NotInteger),
    }
}

/// The float a key holds; 0 where there is none. Blobs are longer than any float that is read.
pub(super) fn float(edit: &Edit<'_, '_>) -> Result<LongDouble, Error> {
    match edit.string()? {
        None => Ok(LongDouble::from(0)),
        Some(ValueRef::Int(number)) => Ok(LongDouble::from(number)),
        Some(ValueRef::Bytes(bytes)) => LongDouble::parse(bytes).ok_or(Error::NotFloat),
        Some(ValueRef::Blob(_)) => Err(Error::NotFloat),
    }
}

pub(super) fn incrbyfloat(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit(txn.key(0));
    let old = float(&edit)?;
    let increment = LongDouble::parse(args.at(2)).ok_or(Error::NotFloat)?;
    let sum = old + increment;
    if !sum.is_finite() {
        return Err(Error::IncrNotFinite);
    }
    let mut text = Vec::new();
    sum.write_human(&mut text);
    // Never as an integer, whatever it looks like: Redis has `embstr` here, too.
    edit.store(NewValue::Bytes(&text), Ttl::Keep);
    edit.changed(FLOAT_EVENT);
    reply.bulk(&text);
    DONE
}
