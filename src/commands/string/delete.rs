//! Commands that remove a key depending on the string it holds.

use super::super::spec::*;
use super::condition::Comparison;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;

const DEL_EVENT: Event = Event::Generic("del");

pub(super) fn delex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() == 2 {
        reply.int(txn.remove(txn.key(0), DEL_EVENT).into());
        return DONE;
    }
    if args.len() != 4 {
        return Err(Error::WrongArity("delex"));
    }
    let edit = txn.edit(txn.key(0));
    let Some(view) = edit.view() else {
        reply.int(0);
        return DONE;
    };
    if view.kind() != Type::String {
        return Err(Error::DELEX_TYPE);
    }
    let comparison = Comparison::named(args.at(2), args.at(3)).ok_or(Error::DELEX_CONDITION)?;
    let doomed = comparison.holds(view.value())?;
    drop(edit);
    remove_if(txn, doomed, reply)
}

pub(super) fn delifeq(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let doomed = match txn.edit(txn.key(0)).string()? {
        Some(value) => Comparison::Equal(args.at(2)).holds(value)?,
        None => false,
    };
    remove_if(txn, doomed, reply)
}

fn remove_if(txn: &mut Txn<'_>, doomed: bool, reply: &mut Reply<'_>) -> Outcome {
    let removed = doomed && txn.remove(txn.key(0), DEL_EVENT);
    reply.int(removed.into());
    DONE
}
