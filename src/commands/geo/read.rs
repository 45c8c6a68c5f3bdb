//! Commands that tell of positions: `GEOPOS`, `GEODIST`, `GEOHASH`.

use super::super::spec::*;
use super::{reply_distance, reply_position, unit_m};
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::geohash::Point;
use crate::values::zset::Zset;

pub(super) fn geopos(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    reply.array(args.len() - 2);
    for name in args.from(2) {
        match zset.score(name) {
            Some(score) => reply_position(Point::of_score(score), reply),
            None => reply.null_array(),
        }
    }
    DONE
}

pub(super) fn geohash(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    reply.array(args.len() - 2);
    for name in args.from(2) {
        match zset.score(name) {
            Some(score) => reply.bulk(&Point::of_score(score).geohash()),
            None => reply.null(),
        }
    }
    DONE
}

pub(super) fn geodist(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let unit_m = match args.len() {
        4 => 1.0,
        5 => unit_m(args.at(4))?,
        _ => return Err(Error::Syntax),
    };
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    let position = |at| zset.score(args.at(at)).map(Point::of_score);
    match (position(2), position(3)) {
        (Some(from), Some(to)) => reply_distance(from.distance_m(to) / unit_m, reply),
        _ => reply.null(),
    }
    DONE
}
