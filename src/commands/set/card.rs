//! How large intersections, unions and differences are.

use super::super::spec::*;
use super::algebra::{Operation, diff, inter, open_all, union, work};
use super::limits;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Element;
use crate::values::set::Set;

pub(super) fn sintercard(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    count(Operation::Inter, txn, args, reply)
}

pub(super) fn sunioncard(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    count(Operation::Union, txn, args, reply)
}

pub(super) fn sdiffcard(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    count(Operation::Diff, txn, args, reply)
}

fn count(
    operation: Operation,
    txn: &mut Txn<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let limit = parse(operation, args)?;
    let limits = limits(txn);
    let short_max = txn.short_elements_max();
    let sets = open_all(txn, 0)?;
    if work(operation, &sets) > short_max {
        return Ok(Flow::Long);
    }
    let mut count = 0;
    let add = |_: Element<'_>| {
        count += 1;
        count < limit
    };
    match operation {
        Operation::Inter => inter(sets, add),
        Operation::Diff => diff(&sets, add),
        Operation::Union => count = Set::new(&union(&sets, limits)).len().min(limit),
    }
    reply.count(count);
    DONE
}

/// Checks the number of keys and reads the options; where counting ends. Without `LIMIT`, never.
fn parse(operation: Operation, args: Args<'_>) -> Result<usize, Error> {
    let keys = number::parse_i64(args.at(1)).filter(|keys| *keys > 0);
    let keys = keys.ok_or(Error::NUMKEYS_NOT_POSITIVE)?;
    if keys > args.len() as i64 - 2 {
        return Err(Error::NUMKEYS_MANY);
    }
    let mut limit = 0;
    let mut at = keys as usize + 2;
    while at < args.len() {
        if operation == Operation::Union && args.is(at, "APPROX") {
            at += 1;
            continue;
        }
        let value = args.get(at + 1).filter(|_| args.is(at, "LIMIT"));
        let value = number::parse_i64(value.ok_or(Error::Syntax)?);
        limit = value
            .and_then(|value| usize::try_from(value).ok())
            .ok_or(Error::LIMIT_NEGATIVE)?;
        at += 2;
    }
    Ok(if limit == 0 { usize::MAX } else { limit })
}
