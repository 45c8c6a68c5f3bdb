//! Strings.

use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, NewValue, Ttl, Txn, ValueRef};
use crate::protocol::{Args, Reply};

/// The family.
pub static FAMILY: Family = Family {
    group: "string",
    category: category::STRING,
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::read("get", 2, get)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key")
        .about("Returns the string value of a key.", "O(1)", "1.0.0"),
    Command::write("set", -3, set)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Overwrite)])
        .syntax("key value")
        .about(
            "Sets the string value of a key, ignoring its type.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("incr", 2, incr)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key")
        .about(
            "Increments the integer value of a key by one.",
            "O(1)",
            "1.0.0",
        ),
    Command::read("mget", -2, mget)
        .flags(FAST)
        .keys(&[range(1, -1, 1, Access::Read)])
        .syntax("key [key ...]")
        .about(
            "Atomically returns the string values of one or more keys.",
            "O(N)",
            "1.0.0",
        ),
]);

/// Replies with a string as it is stored.
pub(super) fn reply_value(value: ValueRef<'_>, reply: &mut Reply<'_>) {
    match value {
        ValueRef::Int(number) => reply.bulk_int(number),
        ValueRef::Bytes(bytes) => reply.bulk(bytes),
        ValueRef::Blob(blob) => reply.bulk_blob(blob),
    }
}

/// A string as it is to be stored: integers in their own form.
pub(super) fn encode(bytes: &[u8]) -> NewValue<'_> {
    match number::parse_i64(bytes) {
        Some(number) => NewValue::Int(number),
        None => NewValue::Bytes(bytes),
    }
}

fn get(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match txn.read_string(txn.key(0))? {
        Some(value) => reply_value(value, reply),
        None => reply.null(),
    }
    DONE
}

fn set(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit(txn.key(0));
    edit.store(encode(args.at(2)), Ttl::Clear);
    edit.changed(Event::String("set"));
    reply.ok();
    DONE
}

fn incr(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit(txn.key(0));
    let old = match edit.string()? {
        None => 0,
        Some(ValueRef::Int(number)) => number,
        Some(ValueRef::Bytes(bytes)) => number::parse_i64(bytes).ok_or(Error::NotInteger)?,
        Some(ValueRef::Blob(_)) => return Err(Error::NotInteger),
    };
    let new = old.checked_add(1).ok_or(Error::IncrOverflow)?;
    edit.store(NewValue::Int(new), Ttl::Keep);
    edit.changed(Event::String("incrby"));
    reply.int(new);
    DONE
}

fn mget(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(txn.key_count());
    for index in 0..txn.key_count() {
        match txn.read_string(txn.key(index)) {
            Ok(Some(value)) => reply_value(value, reply),
            _ => reply.null(),
        }
    }
    DONE
}
