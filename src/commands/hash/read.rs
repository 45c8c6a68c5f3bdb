//! Commands that read.

use super::super::elements::{push_element, push_packed, reply_element};
use super::super::iteration::{Found, Within, parse_cursor};
use super::super::spec::*;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::keyspace::collection::Stored;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::hash::{Field, Hash};
use crate::values::packed::Element;

/// The hash the request is about.
#[inline]
pub(super) fn open<'t>(txn: &'t mut Txn<'_>) -> Result<Hash<Stored<'t>>, Error> {
    Ok(Hash::new(txn.read_as(txn.key(0), Type::Hash)?))
}

pub(super) fn hget(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match open(txn)?.get(args.at(2)) {
        Some(field) => reply_element(field.value, reply),
        None => reply.null(),
    }
    DONE
}

pub(super) fn hmget(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let hash = open(txn)?;
    let fields = args.from(2);
    reply.array(fields.len());
    for name in fields {
        match hash.get(name) {
            Some(field) => reply_element(field.value, reply),
            None => reply.null(),
        }
    }
    DONE
}

pub(super) fn hgetall(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let short_max = txn.short_elements_max();
    let hash = open(txn)?;
    if hash.is_longer_than(short_max) {
        return Ok(Flow::Long);
    }
    reply.map(hash.len());
    let mut bulks = reply.bulks();
    match hash.elements() {
        Some(elements) => push_packed(elements, &mut bulks),
        None => hash.for_each(|field| {
            push_element(field.name, &mut bulks);
            push_element(field.value, &mut bulks);
        }),
    }
    DONE
}

pub(super) fn hkeys(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    all(txn, reply, |field| field.name)
}

pub(super) fn hvals(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    all(txn, reply, |field| field.value)
}

/// Replies with one part of every field.
#[inline]
fn all(
    txn: &mut Txn<'_>,
    reply: &mut Reply<'_>,
    part: impl for<'a> Fn(Field<'a>) -> Element<'a>,
) -> Outcome {
    let short_max = txn.short_elements_max();
    let hash = open(txn)?;
    if hash.is_longer_than(short_max) {
        return Ok(Flow::Long);
    }
    reply.array(hash.len());
    let mut bulks = reply.bulks();
    hash.for_each(|field| push_element(part(field), &mut bulks));
    DONE
}

pub(super) fn hlen(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let short_max = txn.short_elements_max();
    let hash = open(txn)?;
    if hash.is_long_to_count(short_max) {
        return Ok(Flow::Long);
    }
    reply.count(hash.len());
    DONE
}

pub(super) fn hexists(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.int(open(txn)?.get(args.at(2)).is_some().into());
    DONE
}

pub(super) fn hstrlen(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let hash = open(txn)?;
    let field = hash.get(args.at(2));
    reply.count(field.map_or(0, |field| field.value.text_len()));
    DONE
}

pub(super) fn hscan(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_cursor(args.at(2))?;
    let short_max = txn.short_elements_max();
    let stored = txn.read_as(txn.key(0), Type::Hash)?;
    let mut found = Found::default();
    let mut next = 0;
    // Redis does not look at the options when there is no hash.
    if stored.exists() {
        let within = Within::parse(args, Some("novalues"))?;
        let hash = Hash::new(stored);
        if within.count > short_max && hash.is_longer_than(short_max) {
            return Ok(Flow::Long);
        }
        next = hash.scan(cursor, within.count, |field| {
            field.name.with_text(|name| {
                if within.admits(name) {
                    found.add(name);
                    if !within.names_only {
                        field.value.with_text(|value| found.add(value));
                    }
                }
            });
        });
    }
    found.reply_to_scan(next, reply);
    DONE
}
