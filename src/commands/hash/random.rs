//! `HRANDFIELD`.

use super::super::elements::reply_element;
use super::super::iteration::Draw;
use super::super::spec::*;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::hash::{Field, Hash};

pub(super) fn hrandfield(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(count) = args.get(2) else {
        return one(txn, reply);
    };
    let draw = Draw::parse(count)?;
    let with_values = args.len() > 3;
    if args.len() > 4 || with_values && !args.is(3, "WITHVALUES") {
        return Err(Error::Syntax);
    }
    if with_values && draw.is_beyond_half() {
        return Err(Error::OutOfRange);
    }
    let short_max = txn.short_elements_max();
    let mut random = txn.rng().clone();
    let hash = Hash::new(txn.read_as(txn.key(0), Type::Hash)?);
    if hash.is_long_to_count(short_max) || draw.elements(hash.len()) > short_max {
        return Ok(Flow::Long);
    }
    let pairs = with_values && reply.is_resp3();
    let per_field = if with_values && !pairs { 2 } else { 1 };
    let visit = |field: Field<'_>, reply: &mut Reply<'_>| {
        if pairs {
            reply.array(2);
        }
        reply_element(field.name, reply);
        if with_values {
            reply_element(field.value, reply);
        }
    };
    match draw {
        Draw::Distinct(count) => {
            reply.array(count.min(hash.len()) * per_field);
            hash.sample(count, &mut random, |field| visit(field, reply));
        }
        Draw::Any(_) if hash.is_empty() => reply.array(0),
        Draw::Any(_) if draw.is_endless() => return Err(Error::OutOfRange),
        Draw::Any(count) => {
            reply.array(count * per_field);
            let mut fits = true;
            hash.draw(count, &mut random, |field| {
                visit(field, reply);
                fits = Draw::fits(reply);
                fits
            });
            if !fits {
                return Err(Error::OutOfRange);
            }
        }
    }
    *txn.rng() = random;
    DONE
}

fn one(txn: &mut Txn<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut random = txn.rng().clone();
    let hash = Hash::new(txn.read_as(txn.key(0), Type::Hash)?);
    if hash.is_empty() {
        reply.null();
    } else {
        hash.draw(1, &mut random, |field| {
            reply_element(field.name, reply);
            true
        });
    }
    *txn.rng() = random;
    DONE
}
