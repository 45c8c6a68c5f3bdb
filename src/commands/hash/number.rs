//! Commands that count: `HINCRBY` and `HINCRBYFLOAT`.

use super::super::spec::*;
use super::limits;
use crate::base::long_double::LongDouble;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::hash::{FieldTtl, Hash};
use crate::values::{Element, Type};

pub(super) fn hincrby(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let increment = number::parse_i64(args.at(3)).ok_or(Error::NotInteger)?;
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let mut hash = Hash::new(&mut edit);
    let old = match hash.get(args.at(2)).map(|field| field.value) {
        None => 0,
        Some(Element::Int(number)) => number,
        Some(value) => value
            .with_text(number::parse_i64)
            .ok_or(Error::HASH_NOT_INTEGER)?,
    };
    let sum = old.checked_add(increment).ok_or(Error::IncrOverflow)?;
    let mut digits = itoa::Buffer::new();
    let text = digits.format(sum).as_bytes();
    hash.set(args.at(2), text, FieldTtl::Keep, limits);
    edit.changed(Event::Hash("hincrby"));
    reply.int(sum);
    DONE
}

pub(super) fn hincrbyfloat(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let increment = LongDouble::parse(args.at(3)).ok_or(Error::NotFloat)?;
    if !increment.is_finite() {
        return Err(Error::HASH_INCREMENT_NOT_FINITE);
    }
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let mut hash = Hash::new(&mut edit);
    let old = match hash.get(args.at(2)).map(|field| field.value) {
        None => LongDouble::from(0),
        Some(Element::Int(number)) => LongDouble::from(number),
        Some(value) => value
            .with_text(LongDouble::parse)
            .ok_or(Error::HASH_NOT_FLOAT)?,
    };
    let sum = old + increment;
    if !sum.is_finite() {
        return Err(Error::IncrNotFinite);
    }
    let mut text = Vec::new();
    sum.write_human(&mut text);
    hash.set(args.at(2), &text, FieldTtl::Keep, limits);
    edit.changed(Event::Hash("hincrbyfloat"));
    reply.bulk(&text);
    DONE
}
