//! `ZRANDMEMBER`.

use super::super::iteration::Draw;
use super::super::spec::*;
use super::{Layout, long_from, reply_member};
use crate::base::random::Random;
use crate::error::Error;
use crate::keyspace::{Stored, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::zset::Zset;
use std::collections::HashSet;

pub(super) fn zrandmember(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(count) = args.get(2) else {
        return one(txn, reply);
    };
    let draw = Draw::parse(count)?;
    let scores = args.len() > 3;
    if args.len() > 4 || (scores && !args.is(3, "withscores")) {
        return Err(Error::Syntax);
    }
    if scores && draw.is_beyond_half() {
        return Err(Error::OutOfRange);
    }
    let layout = Layout::of(scores, reply);
    let long = long_from(txn);
    let mut random = txn.rng().clone();
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    let (Draw::Distinct(visited) | Draw::Any(visited)) = draw;
    if visited > long && zset.len() > long {
        return Ok(Flow::Long);
    }
    match draw {
        _ if zset.is_empty() => reply.array(0),
        Draw::Distinct(count) => distinct(&zset, count, layout, &mut random, reply),
        Draw::Any(_) if draw.is_endless() => return Err(Error::OutOfRange),
        Draw::Any(count) => with_repetition(&zset, count, layout, &mut random, reply)?,
    }
    *txn.rng() = random;
    DONE
}

fn one(txn: &mut Txn<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut random = txn.rng().clone();
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    if zset.is_empty() {
        reply.null();
    } else {
        let rank = random.index(zset.len());
        for (name, _) in zset.iter(rank..rank + 1) {
            reply_member(name, reply);
        }
    }
    *txn.rng() = random;
    DONE
}

/// So many members, or all; none twice.
fn distinct(
    zset: &Zset<Stored<'_>>,
    count: usize,
    layout: Layout,
    random: &mut Random,
    reply: &mut Reply<'_>,
) {
    let len = zset.len();
    let count = count.min(len);
    layout.head(count, reply);
    if zset.is_packed() || count > len / 8 {
        // One pass, in which each is taken with the chance that the rest of the draw leaves it.
        let mut wanted = count;
        for (rank, (name, score)) in zset.all().enumerate() {
            if random.index(len - rank) < wanted {
                layout.member(name, score, reply);
                wanted -= 1;
            }
        }
        return;
    }
    // Floyd's: each of the last `count` ranks stands for one drawn below it, or itself.
    let mut drawn = HashSet::with_capacity(count);
    for last in len - count..len {
        let rank = random.index(last + 1);
        let rank = if drawn.insert(rank) { rank } else { last };
        drawn.insert(rank);
        for (name, score) in zset.iter(rank..rank + 1) {
            layout.member(name, score, reply);
        }
    }
}

fn with_repetition(
    zset: &Zset<Stored<'_>>,
    count: usize,
    layout: Layout,
    random: &mut Random,
    reply: &mut Reply<'_>,
) -> Result<(), Error> {
    let len = zset.len();
    layout.head(count, reply);
    let packed: Vec<_> = if zset.is_packed() {
        zset.all().collect()
    } else {
        Vec::new()
    };
    for _ in 0..count {
        let rank = random.index(len);
        let drawn = packed.get(rank).copied();
        let drawn = drawn.or_else(|| zset.iter(rank..rank + 1).next());
        if let Some((name, score)) = drawn {
            layout.member(name, score, reply);
        }
        if !Draw::fits(reply) {
            return Err(Error::OutOfRange);
        }
    }
    Ok(())
}
