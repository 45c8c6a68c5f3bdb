//! Keys of any type: existence, names, types.

use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn, View};
use crate::protocol::{Args, Reply};

/// The family.
pub static FAMILY: Family = Family {
    group: "generic",
    category: category::KEYSPACE,
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::write("copy", -3, copy)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Read), key(2, Access::Overwrite)])
        .syntax("source destination [DB destination-db] [REPLACE]")
        .about("Copies the value of a key to another key.", "O(N)", "6.2.0"),
    Command::write("del", -2, del)
        .keys(&[range(1, -1, 1, Access::Delete)])
        .syntax("key [key ...]")
        .about("Deletes one or more keys.", "O(N)", "1.0.0"),
    Command::read("exists", -2, exists)
        .flags(FAST)
        .keys(&[range(1, -1, 1, Access::Look)])
        .syntax("key [key ...]")
        .about("Counts how many of the given keys exist.", "O(N)", "1.0.0"),
    Command::write("move", 3, r#move)
        .flags(FAST)
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key db")
        .about("Moves a key to another database.", "O(1)", "1.0.0"),
    Command::write("rename", 3, rename)
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Overwrite)])
        .syntax("key newkey")
        .about(
            "Gives a key another name, replacing what has it.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("renamenx", 3, renamenx)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Create)])
        .syntax("key newkey")
        .about(
            "Gives a key another name unless that is taken.",
            "O(1)",
            "1.0.0",
        ),
    Command::read("touch", -2, touch)
        .flags(FAST)
        .keys(&[range(1, -1, 1, Access::Look)])
        .syntax("key [key ...]")
        .about(
            "Counts existing keys and marks them as used now.",
            "O(N)",
            "3.2.1",
        ),
    Command::read("type", 2, r#type)
        .flags(FAST)
        .keys(&[key(1, Access::Look)])
        .syntax("key")
        .about("Returns the type of the value of a key.", "O(1)", "1.0.0"),
    Command::write("unlink", -2, del)
        .flags(FAST)
        .keys(&[range(1, -1, 1, Access::Delete)])
        .syntax("key [key ...]")
        .about(
            "Deletes keys, freeing large values elsewhere.",
            "O(1)",
            "4.0.0",
        ),
]);

fn copy(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (mut db, mut replace) = (txn.db(), false);
    let mut index = 3;
    while index < args.len() {
        if args.is(index, "replace") {
            replace = true;
        } else if let (true, Some(arg)) = (args.is(index, "db"), args.get(index + 1)) {
            db = parse_db(txn, arg)?;
            index += 1;
        } else {
            return Err(Error::Syntax);
        }
        index += 1;
    }
    let (source, target) = (txn.key(0), txn.key(1));
    if db == txn.db() && source.bytes() == target.bytes() {
        return Err(Error::SameObject);
    }
    let elements = txn.peek(source, false).map_or(0, View::elements);
    if txn.is_long(elements) {
        return Ok(Flow::Long);
    }
    let found = txn.read(source).map(|view| (view.to_copy(), view.kind()));
    let mut edit = txn.edit_in(db, target);
    let done = match found {
        Some((copied, kind)) if replace || !edit.exists() => {
            let old = edit.kind();
            edit.put_copy(copied);
            edit.changed(Event::Generic("copy_to"));
            drop(edit);
            if let Some(old) = old {
                txn.tell_replaced((old, kind), db, target);
            }
            true
        }
        _ => false,
    };
    reply.int(done.into());
    DONE
}

/// `DEL` and `UNLINK`: nothing stored takes long to free.
fn del(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let removed = (0..txn.key_count())
        .filter(|index| txn.remove(txn.key(*index), Event::Generic("del")))
        .count();
    reply.count(removed);
    DONE
}

fn exists(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let found = (0..txn.key_count())
        .filter(|index| txn.look(txn.key(*index)).is_some())
        .count();
    reply.count(found);
    DONE
}

fn touch(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let found = (0..txn.key_count())
        .filter(|index| txn.touch(txn.key(*index)))
        .count();
    reply.count(found);
    DONE
}

fn r#type(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = txn
        .look(txn.key(0))
        .map_or("none", |view| view.kind().name());
    reply.simple(name);
    DONE
}

fn r#move(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let db = parse_db(txn, args.at(2))?;
    if db == txn.db() {
        return Err(Error::SameObject);
    }
    let key = txn.key(0);
    let taken = if txn.exists_in(db, key) {
        None
    } else {
        let mut edit = txn.edit(key);
        let taken = edit.take();
        if taken.is_some() {
            edit.changed(Event::Unnamed);
        }
        taken
    };
    let moved = taken.is_some();
    if let Some(taken) = taken {
        let mut edit = txn.edit_in(db, key);
        edit.put_taken(taken);
        edit.changed(Event::Unnamed);
        drop(edit);
        txn.tell(Event::Generic("move_from"), txn.db(), key);
        txn.tell(Event::Generic("move_to"), db, key);
    }
    reply.int(moved.into());
    DONE
}

fn rename(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    rename_unless(txn, false)?;
    reply.ok();
    DONE
}

fn renamenx(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.int(rename_unless(txn, true)?.into());
    DONE
}

/// Renames key 0 to key 1, unless that is `taken` and may not be. True when it did.
fn rename_unless(txn: &mut Txn<'_>, taken: bool) -> Result<bool, Error> {
    let (source, target) = (txn.key(0), txn.key(1));
    if !txn.exists_in(txn.db(), source) {
        return Err(Error::NoSuchKey);
    }
    let same = source.bytes() == target.bytes();
    if same || taken && txn.exists_in(txn.db(), target) {
        return Ok(false);
    }
    let mut edit = txn.edit(source);
    let kind = edit.kind();
    let entry = edit.take().expect("seen above, under the same locks");
    edit.changed(Event::Unnamed);
    drop(edit);
    let mut edit = txn.edit(target);
    let old = edit.kind();
    edit.put_taken(entry);
    edit.changed(Event::Unnamed);
    drop(edit);
    txn.tell(Event::Generic("rename_from"), txn.db(), source);
    txn.tell(Event::Generic("rename_to"), txn.db(), target);
    if let (Some(old), Some(kind)) = (old, kind) {
        txn.tell_replaced((old, kind), txn.db(), target);
    }
    Ok(true)
}

/// A database's index, as `COPY` and `MOVE` take it.
fn parse_db(txn: &Txn<'_>, arg: &[u8]) -> Result<usize, Error> {
    let index = number::parse_i64(arg).ok_or(Error::NotInteger)?;
    let index = i32::try_from(index).map_err(|_| Error::NotInt32)?;
    usize::try_from(index)
        .ok()
        .filter(|db| *db < txn.databases())
        .ok_or(Error::DbIndexOutOfRange)
}
