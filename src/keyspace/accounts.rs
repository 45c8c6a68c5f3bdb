//! Bytes in use: of a table, of its shard, and of the thread's share that is not yet published. The
//! caller of every function holds the shard.

use super::event::Event;
use super::shard::Shard;
use super::table::{Pos, Table};
use super::{Keyspace, Local};
use std::sync::atomic::Ordering::Relaxed;

/// Removes a key that expired or is evicted, as `event` says: accounts for it, marks its watchers
/// and tells of it.
pub(super) fn forget(
    keyspace: &Keyspace,
    shard: &Shard,
    (db, table, pos): (usize, &Table, Pos),
    event: Event,
    local: &mut Local,
) {
    forget_keeping_size(keyspace, shard, (db, table, pos), event, local);
    fit(keyspace, shard, table, local);
}

/// As [`forget`], for a sweep that removes many: call [`fit`] afterwards.
pub(super) fn forget_keeping_size(
    keyspace: &Keyspace,
    shard: &Shard,
    (db, table, pos): (usize, &Table, Pos),
    event: Event,
    local: &mut Local,
) {
    let audience = &keyspace.audience;
    audience.tell(event, db, table.entry(pos).key());
    audience.changed(table.entry(pos).key(), 0);
    if shard.watched.load(Relaxed) > 0 {
        keyspace.watched.mark(db, table.entry(pos).key());
    }
    if shard.waiters.load(Relaxed) > 0 {
        keyspace.waiting.gone(db, table.entry(pos).key());
    }
    super::fields::forget(shard, db, table.entry(pos), local);
    let entry = table.remove_keeping_size(pos);
    account_in(shard, table, local, -(entry.size_bytes() as i64));
}

/// Shrinks a table that removals have left sparse.
pub(super) fn fit(keyspace: &Keyspace, shard: &Shard, table: &Table, local: &mut Local) {
    let before = table.array_bytes();
    table.fit(&keyspace.garbage);
    let delta = table.array_bytes() as i64 - before as i64;
    account_in(shard, table, local, delta);
}

/// Notes that a table's entries and array take `delta` bytes more.
pub(super) fn account_in(shard: &Shard, table: &Table, local: &mut Local, delta: i64) {
    table.note_bytes(delta);
    account(shard, local, delta);
}

/// Notes that a shard takes `delta` bytes more, for other things than its tables.
pub(super) fn account(shard: &Shard, local: &mut Local, delta: i64) {
    shard
        .bytes
        .store((shard.bytes.load(Relaxed) as i64 + delta) as usize, Relaxed);
    local.used_delta += delta;
}
