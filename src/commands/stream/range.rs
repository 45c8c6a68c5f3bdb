//! `XRANGE`, `XREVRANGE` and `XLEN`, and how messages are replied.

use super::super::spec::*;
use super::arguments::{integer, range_end, range_start};
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::stream::{self, Id, Log, Message};
use crate::values::{Element, Type};

/// Replies with an id.
pub(super) fn reply_id(id: Id, reply: &mut Reply<'_>) {
    id.with_text(|text| reply.bulk(text));
}

/// Replies with a message: its id, and its names and values in turn.
pub(super) fn reply_message(message: &Message<'_>, reply: &mut Reply<'_>) {
    reply.array(2);
    reply_content(message, reply);
}

/// The two elements of a message's reply.
pub(super) fn reply_content(message: &Message<'_>, reply: &mut Reply<'_>) {
    reply_id(message.id, reply);
    let pairs = message.pairs();
    reply.array(2 * pairs.len());
    for (name, value) in pairs {
        reply_element(name, reply);
        reply_element(value, reply);
    }
}

fn reply_element(element: Element<'_>, reply: &mut Reply<'_>) {
    match element {
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Int(value) => reply.bulk_int(value),
        Element::Score(_) => unreachable!("messages hold texts"),
    }
}

/// Replies with the messages from `from` to `to`, but at most so many.
pub(super) fn reply_range(log: &Log, from: Id, to: Id, most: usize, reply: &mut Reply<'_>) {
    let range = log.range(from, to);
    let count = range.count_up_to(most);
    reply.array(count);
    for message in range.take(count) {
        reply_message(&message, reply);
    }
}

/// Are there more than `short_max` messages after an id, and as many asked for?
pub(super) fn has_more_than(short_max: usize, log: &Log, after: Id, most: usize) -> bool {
    let Some(from) = after.next().filter(|_| most.min(log.len()) > short_max) else {
        return false;
    };
    log.range(from, Id::MAX).count_up_to(short_max + 1) > short_max
}

pub(super) fn xlen(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let stored = txn.read_as(txn.key(0), Type::Stream)?;
    reply.count(stream::of(stored.get()).map_or(0, |stream| stream.len()));
    DONE
}

pub(super) fn xrange(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let from = range_start(args.at(2))?;
    let to = range_end(args.at(3))?;
    ranged(txn, args, (from, to), false, reply)
}

pub(super) fn xrevrange(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let from = range_start(args.at(3))?;
    let to = range_end(args.at(2))?;
    ranged(txn, args, (from, to), true, reply)
}

fn ranged(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    (from, to): (Id, Id),
    back: bool,
    reply: &mut Reply<'_>,
) -> Outcome {
    let mut most = usize::MAX;
    for at in (4..args.len()).step_by(2) {
        let operand = args.get(at + 1).filter(|_| args.is(at, "COUNT"));
        let count = integer(operand.ok_or(Error::Syntax)?)?;
        most = usize::try_from(count).unwrap_or(0);
    }
    let short_max = txn.short_elements_max();
    let stored = txn.read_as(txn.key(0), Type::Stream)?;
    let Some(stream) = stream::of(stored.get()) else {
        reply.array(0);
        return DONE;
    };
    let log = stream.log();
    let count_in = |most: usize| log.range(from, to).count_up_to(most);
    if most.min(log.len()) > short_max && count_in(short_max + 1) > short_max {
        return Ok(Flow::Long);
    }
    if most == 0 {
        reply.null_array();
    } else if back {
        let count = count_in(most);
        reply.array(count);
        for message in log.back(from, to).take(count) {
            reply_message(&message, reply);
        }
    } else {
        reply_range(log, from, to, most, reply);
    }
    DONE
}
