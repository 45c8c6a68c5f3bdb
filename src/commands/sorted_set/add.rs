//! Commands that add members and change scores: `ZADD`, `ZINCRBY`.

use super::super::spec::*;
use super::limits;
use crate::base::float::parse_f64;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::zset::{Put, Zset};
use smallvec::SmallVec;

/// When a member is added or changed.
#[derive(Clone, Copy, Default)]
pub(in crate::commands) struct Condition {
    /// Only if it is not there.
    pub nx: bool,
    /// Only if it is there.
    pub xx: bool,
    /// Only to a greater score.
    pub gt: bool,
    /// Only to a lesser score.
    pub lt: bool,
    /// Count changed members, too.
    pub ch: bool,
    /// Add to the score.
    pub incr: bool,
}

impl Condition {
    /// Reads options from argument 2 on; where they end.
    fn parse(&mut self, args: Args<'_>) -> usize {
        let mut at = 2;
        loop {
            let is = |word| args.is(at, word);
            let said = if is("nx") {
                &mut self.nx
            } else if is("xx") {
                &mut self.xx
            } else if is("gt") {
                &mut self.gt
            } else if is("lt") {
                &mut self.lt
            } else if is("ch") {
                &mut self.ch
            } else if is("incr") {
                &mut self.incr
            } else {
                return at;
            };
            *said = true;
            at += 1;
        }
    }

    fn check(self, pairs: usize) -> Result<(), Error> {
        if self.nx && self.xx {
            return Err(Error::ZADD_NX_XX);
        }
        let several = [self.gt, self.lt, self.nx].into_iter().filter(|said| *said);
        if several.count() > 1 {
            return Err(Error::ZADD_GT_LT_NX);
        }
        if self.incr && pairs > 1 {
            return Err(Error::ZADD_INCR_PAIRS);
        }
        Ok(())
    }

    /// The score a member is to have. `None` leaves it alone.
    fn decide(self, old: Option<f64>, score: f64) -> Option<f64> {
        let Some(old) = old else {
            return (!self.xx).then_some(score);
        };
        let score = if self.incr { old + score } else { score };
        let refused = self.nx || (self.gt && score <= old) || (self.lt && score >= old);
        (!refused).then_some(score)
    }
}

pub(super) fn zadd(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(txn, args, Condition::default(), reply)
}

/// As `ZADD … INCR`, whose options it takes as well, as in Redis.
pub(super) fn zincrby(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let incr = true;
    let condition = Condition {
        incr,
        ..Condition::default()
    };
    add(txn, args, condition, reply)
}

fn add(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    mut condition: Condition,
    reply: &mut Reply<'_>,
) -> Outcome {
    let start = condition.parse(args);
    let left = args.len() - start;
    if left == 0 || !left.is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    condition.check(left / 2)?;
    let mut scores: SmallVec<[f64; 8]> = SmallVec::new();
    for at in (start..args.len()).step_by(2) {
        scores.push(parse_f64(args.at(at)).ok_or(Error::NotFloat)?);
    }
    let names = args.from(start + 1).step_by(2);
    if condition.incr {
        increment(txn, condition, args.at(start + 1), scores[0], reply)
    } else {
        insert(txn, condition, names.zip(scores), reply)
    }
}

/// Adds members with their scores to key 0: `ZADD` and `GEOADD`.
pub(in crate::commands) fn insert<'n>(
    txn: &mut Txn<'_>,
    condition: Condition,
    members: impl Iterator<Item = (&'n [u8], f64)>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Zset)?;
    let mut zset = Zset::new(&mut edit);
    let (mut added, mut updated) = (0, 0);
    for (name, score) in members {
        match zset.put(name, limits, |old| condition.decide(old, score)) {
            Put::Added => added += 1,
            Put::Updated => updated += 1,
            Put::Same | Put::Declined => {}
        }
    }
    if added + updated > 0 {
        edit.changed(Event::Zset("zadd"));
    }
    reply.int(if condition.ch { added + updated } else { added });
    DONE
}

/// Adds to one member's score.
fn increment(
    txn: &mut Txn<'_>,
    condition: Condition,
    name: &[u8],
    by: f64,
    reply: &mut Reply<'_>,
) -> Outcome {
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Zset)?;
    let mut score = None;
    let mut nan = false;
    let put = Zset::new(&mut edit).put(name, limits, |old| {
        nan = !condition.nx && old.is_some_and(|old| (old + by).is_nan());
        score = condition.decide(old, by).filter(|_| !nan);
        score
    });
    if nan {
        return Err(Error::SCORE_NAN);
    }
    if matches!(put, Put::Added | Put::Updated) {
        edit.changed(Event::Zset("zincr"));
    }
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
    DONE
}
