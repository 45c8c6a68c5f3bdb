//! Commands that set and remove.

use super::super::elements::reply_element;
use super::super::spec::*;
use super::fields::{COUNT_POSITIVE, fields};
use super::limits;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::content::Write;
use crate::values::hash::{FieldTtl, Hash};
use crate::values::packed::Limits;
use crate::values::{Type, Value};

pub(super) const SET_EVENT: Event = Event::Hash("hset");
pub(super) const DELETE_EVENT: Event = Event::Hash("hdel");

pub(super) fn hset(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let created = set_all(txn, args, "hset")?;
    reply.count(created);
    DONE
}

pub(super) fn hmset(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set_all(txn, args, "hmset")?;
    reply.ok();
    DONE
}

/// Sets all fields of the request; how many of them are new.
fn set_all(txn: &mut Txn<'_>, args: Args<'_>, name: &'static str) -> Result<usize, Error> {
    if !args.len().is_multiple_of(2) {
        return Err(Error::WrongArity(name));
    }
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let created = if edit.exists() || args.len() == 4 {
        set_pairs(&mut Hash::new(&mut edit), args, limits)
    } else {
        // A new hash is put together first, so that its entry does not grow step by step.
        let mut value = Value::with_capacity(args.total_bytes());
        let created = set_pairs(&mut Hash::new(&mut value), args, limits);
        edit.replace(value);
        created
    };
    edit.changed(SET_EVENT);
    Ok(created)
}

fn set_pairs(hash: &mut Hash<impl Write>, args: Args<'_>, limits: Limits) -> usize {
    let mut created = 0;
    for at in (2..args.len()).step_by(2) {
        let (field, value) = (args.at(at), args.at(at + 1));
        created += usize::from(hash.set(field, value, FieldTtl::Clear, limits));
    }
    created
}

pub(super) fn hsetnx(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let mut hash = Hash::new(&mut edit);
    let is_new = hash.get(args.at(2)).is_none();
    if is_new {
        hash.set(args.at(2), args.at(3), FieldTtl::Clear, limits);
        edit.changed(SET_EVENT);
    }
    reply.int(is_new.into());
    DONE
}

pub(super) fn hdel(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let mut hash = Hash::new(&mut edit);
    let removed = args.from(2).filter(|field| hash.remove(field)).count();
    if removed > 0 {
        edit.changed(DELETE_EVENT);
    }
    reply.count(removed);
    DONE
}

pub(super) fn hgetdel(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let mut hash = Hash::new(&mut edit);
    let fields = fields(args, 2, COUNT_POSITIVE)?;
    reply.array(fields.len());
    let mut removed = 0;
    for name in fields {
        match hash.get(name) {
            Some(field) => reply_element(field.value, reply),
            None => reply.null(),
        }
        removed += usize::from(hash.remove(name));
    }
    if removed > 0 {
        edit.changed(DELETE_EVENT);
    }
    DONE
}
