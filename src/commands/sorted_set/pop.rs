//! Commands that take the first or last members: `ZPOPMIN`, `ZMPOP`, and those that wait for one.

use super::super::spec::*;
use super::super::timeout;
use super::{long_from, reply_member};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::zset::Zset;

/// Which end members are taken from.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Min,
    Max,
}

/// What the reply looks like.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// Members and scores in turn.
    Flat,
    /// Pairs of them.
    Pairs,
    /// The key, a member, its score.
    Keyed,
    /// The key, and pairs.
    KeyedPairs,
}

impl Shape {
    fn head(self, key: &[u8], members: usize, reply: &mut Reply<'_>) {
        match self {
            Shape::Flat => reply.array(members * 2),
            Shape::Pairs => reply.array(members),
            Shape::Keyed => {
                reply.array(1 + members * 2);
                reply.bulk(key);
            }
            Shape::KeyedPairs => {
                reply.array(2);
                reply.bulk(key);
                reply.array(members);
            }
        }
    }
}

pub(super) fn zpopmin(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop_one_key(txn, args, End::Min, reply)
}

pub(super) fn zpopmax(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop_one_key(txn, args, End::Max, reply)
}

fn pop_one_key(txn: &mut Txn<'_>, args: Args<'_>, end: End, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(Error::Syntax);
    }
    let count = match args.get(2) {
        None => 1,
        Some(text) => number::parse_i64(text)
            .and_then(|count| usize::try_from(count).ok())
            .ok_or(Error::MustBePositive)?,
    };
    let shape = if args.len() == 3 && reply.is_resp3() {
        Shape::Pairs
    } else {
        Shape::Flat
    };
    match candidate(txn)? {
        Some(index) if count > 0 => take(txn, index, end, count, shape, reply),
        _ => {
            reply.array(0);
            DONE
        }
    }
}

/// The first of the request's keys that exists; it holds a sorted set.
fn candidate(txn: &mut Txn<'_>) -> Result<Option<usize>, Error> {
    for index in 0..txn.key_count() {
        match txn.kind_of(txn.key(index)) {
            None => {}
            Some(Type::Zset) => return Ok(Some(index)),
            Some(_) => return Err(Error::WrongType),
        }
    }
    Ok(None)
}

/// Takes up to `count` members out of a key that has some.
fn take(
    txn: &mut Txn<'_>,
    index: usize,
    end: End,
    count: usize,
    shape: Shape,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = txn.key(index);
    let long = long_from(txn);
    let mut edit = txn.edit_as(key, Type::Zset)?;
    let mut zset = Zset::new(&mut edit);
    let len = zset.len();
    let count = count.min(len);
    if count > long {
        return Ok(Flow::Long);
    }
    let (ranks, members) = match end {
        End::Min => (0..count, zset.iter(0..count)),
        End::Max => (len - count..len, zset.iter_back(len - count..len)),
    };
    shape.head(key.bytes(), count, reply);
    for (name, score) in members {
        if matches!(shape, Shape::Pairs | Shape::KeyedPairs) {
            reply.array(2);
        }
        reply_member(name, reply);
        reply.double(score);
    }
    zset.remove_ranks(ranks);
    edit.changed(Event::Zset(match end {
        End::Min => "zpopmin",
        End::Max => "zpopmax",
    }));
    DONE
}

pub(super) fn bzpopmin(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let timeout_ms = timeout::seconds(txn, args.at(args.len() - 1))?;
    let wanted = (End::Min, 1, Shape::Keyed);
    take_or_wait(txn, wanted, timeout_ms, reply)
}

pub(super) fn bzpopmax(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let timeout_ms = timeout::seconds(txn, args.at(args.len() - 1))?;
    let wanted = (End::Max, 1, Shape::Keyed);
    take_or_wait(txn, wanted, timeout_ms, reply)
}

pub(super) fn zmpop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (end, count) = parse_many(args, 1)?;
    match candidate(txn)? {
        Some(index) => take(txn, index, end, count, Shape::KeyedPairs, reply),
        None => {
            reply.null_array();
            DONE
        }
    }
}

pub(super) fn bzmpop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (end, count) = parse_many(args, 2)?;
    let timeout_ms = timeout::seconds(txn, args.at(1))?;
    take_or_wait(txn, (end, count, Shape::KeyedPairs), timeout_ms, reply)
}

/// What `ZMPOP` asks for; its number of keys is argument `numkeys`.
fn parse_many(args: Args<'_>, numkeys: usize) -> Result<(End, usize), Error> {
    let positive = |at: usize, error: Error| {
        number::parse_i64(args.at(at))
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count > 0)
            .ok_or(error)
    };
    let keys = positive(numkeys, Error::NUMKEYS_NOT_POSITIVE)?;
    let at = keys.saturating_add(numkeys + 1);
    let end = if args.is(at, "min") {
        End::Min
    } else if args.is(at, "max") {
        End::Max
    } else {
        return Err(Error::Syntax);
    };
    let mut count = None;
    let mut option = at + 1;
    while option < args.len() {
        if count.is_some() || !args.is(option, "count") || option + 1 == args.len() {
            return Err(Error::Syntax);
        }
        count = Some(positive(option + 1, Error::COUNT_NOT_POSITIVE)?);
        option += 2;
    }
    Ok((end, count.unwrap_or(1)))
}

fn take_or_wait(
    txn: &mut Txn<'_>,
    (end, count, shape): (End, usize, Shape),
    timeout_ms: Option<u64>,
    reply: &mut Reply<'_>,
) -> Outcome {
    if let Some(index) = candidate(txn)? {
        return take(txn, index, end, count, shape, reply);
    }
    Ok(Flow::Block(Box::new(Block {
        timeout_ms,
        kind: Type::Zset,
        when_gone: false,
        otherwise: Otherwise::NullArray,
        again: None,
    })))
}
