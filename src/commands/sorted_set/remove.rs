//! Commands that remove members: `ZREM` and `ZREMRANGEBY…`.

use super::super::spec::*;
use super::{long_from, span};
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::zset::{Span, Zset};

pub(super) fn zrem(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Zset)?;
    let mut zset = Zset::new(&mut edit);
    let mut removed = 0;
    for name in args.from(2) {
        removed += usize::from(zset.remove(name));
    }
    if removed > 0 {
        edit.changed(Event::Zset("zrem"));
    }
    reply.count(removed);
    DONE
}

pub(super) fn by_rank(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let ranks = span::ranks(args.at(2), args.at(3))?;
    remove(txn, &Span::Ranks(ranks), "zremrangebyrank", reply)
}

pub(super) fn by_score(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = span::scores(args.at(2), args.at(3))?;
    remove(txn, &Span::Scores(range), "zremrangebyscore", reply)
}

pub(super) fn by_lex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = span::names(args.at(2), args.at(3))?;
    remove(txn, &Span::Names(range), "zremrangebylex", reply)
}

fn remove(
    txn: &mut Txn<'_>,
    span: &Span<'_>,
    event: &'static str,
    reply: &mut Reply<'_>,
) -> Outcome {
    let long = long_from(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Zset)?;
    let mut zset = Zset::new(&mut edit);
    let ranks = zset.ranks(span);
    let removed = ranks.len();
    if removed > long {
        return Ok(Flow::Long);
    }
    zset.remove_ranks(ranks);
    if removed > 0 {
        edit.changed(Event::Zset(event));
    }
    reply.count(removed);
    DONE
}
