//! Which hashes have fields that expire, and when the next one does.
//!
//! A shard keeps one record for each such hash, in the order of its earliest field; hashes without
//! field deadlines cost nothing. Whatever puts an entry into a table or takes one out calls
//! [`note`] and [`forget`]; what changes a hash in place compares its earliest deadline before and
//! after ([`moved`]). The caller of every function holds the shard.

use super::accounts::{account, account_in, forget as forget_key};
use super::entry::{Entry, EntryRef, good_size};
use super::event::Event;
use super::shard::Shard;
use super::table::{Pos, Table};
use super::{Keyspace, Local, hash_key};
use crate::values::content::{Read, Write};
use crate::values::hash::{self, next_due};
use crate::values::{Big, Content, Type, Value};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;

/// The hashes of a shard, by the deadline of their earliest field, database and key.
pub type FieldDeadlines = BTreeSet<(u64, u32, Box<[u8]>)>;

/// Hashes that one step of a sweep looks at, at most.
const HASHES_MAX: usize = 16;
/// Fields that a sweep, or an access, removes from a big hash at once, at most: some 40 µs.
pub(super) const PURGED_MAX: usize = 128;
/// Bytes of the set's nodes for each hash, about.
const NODE_BYTES: usize = 48;

/// The earliest deadline of an entry's fields, if it is a hash that has any.
#[inline]
pub(super) fn due_of(entry: EntryRef<'_>) -> Option<u64> {
    entry
        .may_have_field_deadlines()
        .then(|| next_due(entry.content()))
        .flatten()
}

/// Notes an entry that has come into a table.
#[inline]
pub(super) fn note(shard: &Shard, db: usize, entry: EntryRef<'_>, local: &mut Local) {
    if let Some(due) = due_of(entry) {
        moved(shard, db, entry.key(), (None, Some(due)), local);
    }
}

/// Notes that an entry leaves its table.
#[inline]
pub(super) fn forget(shard: &Shard, db: usize, entry: EntryRef<'_>, local: &mut Local) {
    if let Some(due) = due_of(entry) {
        moved(shard, db, entry.key(), (Some(due), None), local);
    }
}

/// Notes that a hash's earliest deadline has changed.
pub(super) fn moved(
    shard: &Shard,
    db: usize,
    key: &[u8],
    (before, after): (Option<u64>, Option<u64>),
    local: &mut Local,
) {
    if before == after {
        return;
    }
    let mut deadlines = shard.field_deadlines.borrow_mut();
    let bytes = (good_size(key.len()) + NODE_BYTES) as i64;
    let deadlines = deadlines.get_or_insert_default();
    let mut delta = 0;
    if let Some(due) = before
        && deadlines.remove(&(due, db as u32, key.into()))
    {
        delta -= bytes;
    }
    if let Some(due) = after
        && deadlines.insert((due, db as u32, key.into()))
    {
        delta += bytes;
        shard.next_due_ms.set(shard.next_due_ms.get().min(due));
    }
    account(shard, local, delta);
}

/// Removes fields that expired before `now_ms` from a few hashes. Returns how many hashes that
/// were, and when the next field expires.
pub(super) fn sweep(
    keyspace: &Keyspace,
    shard: &Shard,
    now_ms: u64,
    local: &mut Local,
) -> (usize, Option<u64>) {
    for done in 0..HASHES_MAX {
        let first = match shard.field_deadlines.borrow().as_deref() {
            Some(deadlines) => deadlines.first().cloned(),
            None => None,
        };
        let Some((due, db, key)) = first else {
            return (done, None);
        };
        if due >= now_ms {
            return (done, Some(due));
        }
        let db = db as usize;
        match shard.table(db).find(hash_key(&key), &key) {
            Some(pos) => purge(keyspace, shard, (db, pos), now_ms, local),
            // Every hash that leaves its table is forgotten; in case one was not, it is now.
            None => moved(shard, db, &key, (Some(due), None), local),
        }
    }
    (HASHES_MAX, Some(now_ms))
}

/// Lets the fields of the hash at `pos` vanish that expired before `now_ms`, and the key if none is
/// left. Of a big hash's fields, up to [`PURGED_MAX`] are removed, the others by later calls.
pub(super) fn purge(
    keyspace: &Keyspace,
    shard: &Shard,
    (db, pos): (usize, Pos),
    now_ms: u64,
    local: &mut Local,
) {
    let table = shard.table(db);
    if hash::is_over(table.entry(pos).content(), now_ms) {
        local.tally.changes += 1;
        // A million fields that are due together are freed in the background, as one value.
        let audience = &keyspace.audience;
        audience.tell(Event::Hash("hexpired"), db, table.entry(pos).key());
        return forget_key(keyspace, shard, (db, table, pos), Event::DEL, local);
    }
    let (bytes, due) = (table.entry(pos).size_bytes(), due_of(table.entry(pos)));
    let mut holder = InPlace { table, pos };
    let purged = hash::purge(&mut holder, now_ms, PURGED_MAX);
    let entry = table.entry(pos);
    let delta = entry.size_bytes() as i64 - bytes as i64;
    account_in(shard, table, local, delta);
    moved(shard, db, entry.key(), (due, due_of(entry)), local);
    if !purged.vanished {
        return;
    }
    local.tally.changes += 1;
    let audience = &keyspace.audience;
    audience.tell(Event::Hash("hexpired"), db, entry.key());
    if entry.content().is_empty() {
        return forget_key(keyspace, shard, (db, table, pos), Event::DEL, local);
    }
    audience.changed(entry.key(), 0);
    if shard.watched.load(Relaxed) > 0 {
        keyspace.watched.mark(db, entry.key());
    }
}

/// A hash that is changed where it is.
struct InPlace<'s> {
    table: &'s Table,
    pos: Pos,
}

impl Read for InPlace<'_> {
    fn content(&self) -> Content<'_> {
        self.table.entry(self.pos).content()
    }
}

impl Write for InPlace<'_> {
    fn packed_mut(&mut self) -> &mut [u8] {
        self.table.entry_mut(self.pos).into_packed_mut()
    }

    fn splice(&mut self, at: usize, removed: usize, parts: &[&[u8]]) {
        let splice = |entry: &mut Entry| entry.splice(at, removed, parts);
        self.table.change(self.pos, splice);
    }

    fn big_mut(&mut self) -> Option<&mut Big> {
        self.table.entry_mut(self.pos).into_big_mut()
    }

    fn replace(&mut self, value: Value) {
        let entry = self.table.entry(self.pos);
        let (deadline, seconds) = (entry.deadline(), entry.used_seconds());
        let entry = Entry::collection(entry.key(), Type::Hash, value, deadline, seconds);
        drop(self.table.replace(self.pos, entry));
    }
}

/// Forgets all hashes of a database that is emptied.
pub(super) fn clear(shard: &Shard, db: usize, local: &mut Local) {
    retain(shard, local, |at| (at != db).then_some(at));
}

/// Notes that two databases have exchanged their contents.
pub(super) fn swap(shard: &Shard, (a, b): (usize, usize), local: &mut Local) {
    retain(shard, local, |at| {
        Some(if at == a {
            b
        } else if at == b {
            a
        } else {
            at
        })
    });
}

fn retain(shard: &Shard, local: &mut Local, keep: impl Fn(usize) -> Option<usize>) {
    let mut deadlines = shard.field_deadlines.borrow_mut();
    let Some(held) = deadlines.take() else { return };
    let mut kept = FieldDeadlines::new();
    let mut delta = 0;
    for (due, db, key) in *held {
        match keep(db as usize) {
            Some(db) => drop(kept.insert((due, db as u32, key))),
            None => delta -= (good_size(key.len()) + NODE_BYTES) as i64,
        }
    }
    *deadlines = Some(Box::new(kept));
    account(shard, local, delta);
}
