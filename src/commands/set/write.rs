//! Commands that add and remove.

use super::super::spec::*;
use super::limits;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::content::Write;
use crate::values::set::{Set, SetLimits};
use crate::values::{Type, Value};

const ADD_EVENT: Event = Event::Set("sadd");
const REMOVE_EVENT: Event = Event::Set("srem");

pub(super) fn sadd(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Set)?;
    let added = if edit.exists() || args.len() == 3 {
        add_all(&mut Set::new(&mut edit), args, limits)
    } else {
        // A new set is put together first, so that its entry does not grow step by step.
        let mut value = Value::with_capacity(args.total_bytes());
        let added = add_all(&mut Set::new(&mut value), args, limits);
        edit.replace(value);
        added
    };
    if added > 0 {
        edit.changed(ADD_EVENT);
    }
    reply.count(added);
    DONE
}

fn add_all(set: &mut Set<impl Write>, args: Args<'_>, limits: SetLimits) -> usize {
    let mut added = 0;
    for member in args.from(2) {
        added += usize::from(set.add(member, limits));
    }
    added
}

pub(super) fn srem(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Set)?;
    let mut set = Set::new(&mut edit);
    let mut removed = 0;
    for member in args.from(2) {
        removed += usize::from(set.remove(member));
    }
    if removed > 0 {
        edit.changed(REMOVE_EVENT);
    }
    reply.count(removed);
    DONE
}

pub(super) fn smove(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (source, destination) = (txn.key(0), txn.key(1));
    let member = args.at(3);
    let kinds = (txn.kind_of(source), txn.kind_of(destination));
    if kinds.0.is_none() {
        reply.int(0);
        return DONE;
    }
    let is_set = |kind: Option<Type>| kind.is_none_or(|kind| kind == Type::Set);
    if !is_set(kinds.0) || !is_set(kinds.1) {
        return Err(Error::WrongType);
    }
    if source.bytes() == destination.bytes() {
        let set = Set::new(txn.held(source));
        reply.int(set.contains(member).into());
        return DONE;
    }
    let mut edit = txn.edit_as(source, Type::Set)?;
    if !Set::new(&mut edit).remove(member) {
        reply.int(0);
        return DONE;
    }
    edit.changed(REMOVE_EVENT);
    drop(edit);
    let limits = limits(txn);
    let mut edit = txn.edit_as(destination, Type::Set)?;
    if Set::new(&mut edit).add(member, limits) {
        edit.changed(ADD_EVENT);
    }
    reply.int(1);
    DONE
}
