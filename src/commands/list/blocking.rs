//! Pops that wait.

use super::super::spec::{Block, Flow, Otherwise, Outcome};
use super::super::timeout;
use super::ends::{Several, pop_first};
use super::reply_item;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::list::End;

pub(super) fn blpop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(txn, args, reply, End::Left)
}

pub(super) fn brpop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(txn, args, reply, End::Right)
}

fn pop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>, end: End) -> Outcome {
    let timeout_ms = timeout::seconds(txn, args.at(args.len() - 1))?;
    let found = pop_first(txn, end, 1, |key, mut items| {
        reply.array(2);
        reply.bulk(key.bytes());
        reply_item(reply, items.next().expect("the list has one"));
    })?;
    Ok(found.unwrap_or_else(|| wait(timeout_ms, Otherwise::NullArray)))
}

pub(super) fn blmpop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let several = Several::parse(args, 2)?;
    let timeout_ms = timeout::seconds(txn, args.at(1))?;
    let popped = several.pop(txn, reply)?;
    Ok(popped.unwrap_or_else(|| wait(timeout_ms, Otherwise::NullArray)))
}

/// Waits for a list to come to be, or to grow.
pub(super) fn wait(timeout_ms: Option<u64>, otherwise: Otherwise) -> Flow {
    Flow::Block(Box::new(Block {
        timeout_ms,
        kind: Type::List,
        when_gone: false,
        otherwise,
        again: None,
    }))
}
