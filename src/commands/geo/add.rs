//! `GEOADD`.

use super::super::sorted_set::{Condition, insert};
use super::super::spec::*;
use super::position;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use smallvec::SmallVec;

pub(super) fn geoadd(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut condition = Condition::default();
    let mut start = 2;
    loop {
        let said = if args.is(start, "nx") {
            &mut condition.nx
        } else if args.is(start, "xx") {
            &mut condition.xx
        } else if args.is(start, "ch") {
            &mut condition.ch
        } else {
            break;
        };
        *said = true;
        start += 1;
    }
    let left = args.len() - start;
    if left == 0 || !left.is_multiple_of(3) || (condition.nx && condition.xx) {
        return Err(Error::Syntax);
    }
    let mut scores: SmallVec<[f64; 8]> = SmallVec::new();
    for at in (start..args.len()).step_by(3) {
        scores.push(position(args, at)?.score());
    }
    let names = args.from(start + 2).step_by(3);
    insert(txn, condition, names.zip(scores), reply)
}
