//! Commands that tell of members: `ZSCORE`, `ZRANK`, `ZCOUNT` and their kin.

use super::super::spec::*;
use super::span;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::zset::{Span, Zset};

pub(super) fn zcard(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    reply.count(zset.len());
    DONE
}

pub(super) fn zscore(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    reply_score(zset.score(args.at(2)), reply);
    DONE
}

pub(super) fn zmscore(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    reply.array(args.len() - 2);
    for name in args.from(2) {
        reply_score(zset.score(name), reply);
    }
    DONE
}

fn reply_score(score: Option<f64>, reply: &mut Reply<'_>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

pub(super) fn zcount(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = span::scores(args.at(2), args.at(3))?;
    count(txn, &Span::Scores(range), reply)
}

pub(super) fn zlexcount(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let range = span::names(args.at(2), args.at(3))?;
    count(txn, &Span::Names(range), reply)
}

fn count(txn: &mut Txn<'_>, span: &Span<'_>, reply: &mut Reply<'_>) -> Outcome {
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    reply.count(zset.ranks(span).len());
    DONE
}

pub(super) fn zrank(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    rank(txn, args, false, reply)
}

pub(super) fn zrevrank(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    rank(txn, args, true, reply)
}

fn rank(txn: &mut Txn<'_>, args: Args<'_>, reverse: bool, reply: &mut Reply<'_>) -> Outcome {
    let with_score = args.len() > 3;
    if args.len() > 4 {
        let name = if reverse { "zrevrank" } else { "zrank" };
        return Err(Error::WrongArity(name));
    }
    if with_score && !args.is(3, "withscore") {
        return Err(Error::Syntax);
    }
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    match zset.rank(args.at(2)) {
        Some((rank, score)) => {
            if with_score {
                reply.array(2);
            }
            reply.count(if reverse { zset.len() - 1 - rank } else { rank });
            if with_score {
                reply.double(score);
            }
        }
        None if with_score => reply.null_array(),
        None => reply.null(),
    }
    DONE
}
