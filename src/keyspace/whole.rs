//! Work on databases as a whole: emptying and exchanging them, iterating, drawing a key.
//!
//! An iteration's cursor is `shard << 32 | position`, where a position is that of [`Table::scan`]:
//! part of a key's hash. Whatever is inserted, removed or resized in between, a position parts the
//! keys that were visited from those that were not, so a key that stays is visited, and visited
//! once. With at most 2^16 shards a cursor is below 2^48: clients that keep numbers as doubles
//! read it exactly.

use super::accounts::{account_in, forget};
use super::entry::EntryRef;
use super::event::Event;
use super::shard::Shard;
use super::table::{SLOTS, Table};
use super::{Keyspace, Local, Txn, fields, hash_key};

/// Buckets visited while a shard is held: a lock is held no longer than that takes (about 20 µs).
const STEP_BUCKETS: usize = 32;
/// Buckets a scan may visit for each key it was asked for, lest empty ones hold it up.
const BUCKETS_PER_KEY: usize = 10;
/// Empty shards a scan may pass over; each costs a look at its header.
const EMPTY_SHARDS_MAX: usize = 4096;
/// Keys drawn before it is accepted that nearly all of them have expired.
const DRAWS_MAX: usize = 100;
/// Slots tried for one draw; a table is never less than a third full, save the smallest.
const SLOTS_TRIED_MAX: usize = 64;

impl Txn<'_> {
    /// Empties a database and marks the watchers of its keys; every shard is held. What was in it
    /// is the caller's to retire or free. Costs a few words per shard, not per key.
    pub fn flush(&mut self, db: usize) -> Flushed {
        assert!(self.holds_all(), "a database is emptied at one moment");
        let (keyspace, now_ms) = (self.keyspace(), self.now_ms());
        let exists = |key: &[u8]| contains(keyspace, db, key, now_ms);
        keyspace.watched.mark_all(db, exists);
        if !std::mem::replace(&mut self.all_told, true) {
            keyspace.audience.all_changed();
        }
        self.note_all_ready(db);
        let mut flushed = Flushed::default();
        self.each_shard(|_, shard, local| {
            if let Some(table) = shard.existing_table(db).filter(|table| table.buckets() > 0) {
                local.tally.changes += table.len() as u64;
                fields::clear(shard, db, local);
                flushed.tables.push(empty(keyspace, shard, table, local));
            }
            true
        });
        flushed
    }

    /// Exchanges the contents of two databases and marks the watchers of their keys; every shard
    /// is held.
    pub fn swap(&mut self, a: usize, b: usize) {
        assert!(self.holds_all(), "databases are exchanged at one moment");
        if a == b {
            return;
        }
        let (keyspace, now_ms) = (self.keyspace(), self.now_ms());
        let exists =
            |key: &[u8]| contains(keyspace, a, key, now_ms) || contains(keyspace, b, key, now_ms);
        keyspace.watched.mark_all(a, exists);
        keyspace.watched.mark_all(b, exists);
        if !std::mem::replace(&mut self.all_told, true) {
            keyspace.audience.all_changed();
        }
        self.note_all_ready(a);
        self.note_all_ready(b);
        let databases = (a, b);
        self.each_shard(|_, shard, local| {
            let (a, b) = (shard.table(a), shard.table(b));
            a.swap(b);
            fields::swap(shard, databases, local);
            if a.volatile_len() + b.volatile_len() > 0 {
                // A sweep under way may have been through one of them: it must look again.
                shard.next_due_ms.set(0);
            }
            local.tally.changes += 1;
            true
        });
    }

    fn note_all_ready(&mut self, db: usize) {
        for key in self.keyspace().waiting.keys_of(db) {
            self.note_ready(db, &key);
        }
    }

    /// Visits keys of the database that have not expired, from `cursor` on (0: the start) until
    /// about `keys` of them were seen. Returns the cursor to go on from, 0 at the end. Costs at most
    /// some ten buckets per key asked for.
    pub fn scan(&mut self, cursor: u64, keys: usize, mut visit: impl FnMut(EntryRef<'_>)) -> u64 {
        let (keyspace, db, now_ms) = (self.keyspace(), self.db(), self.now_ms());
        let shards = keyspace.shards();
        let (mut seen, mut empty_shards) = (0, 0);
        let mut buckets_left = keys.saturating_mul(BUCKETS_PER_KEY);
        let mut at = cursor;
        while let Some(shard) = shards.get((at >> 32) as usize) {
            if seen >= keys || buckets_left == 0 || empty_shards == EMPTY_SHARDS_MAX {
                return at;
            }
            let next_shard = ((at >> 32) + 1) << 32;
            // Without the lock: a key inserted just now need not be visited.
            if shard.existing_table(db).is_none_or(Table::is_empty) {
                empty_shards += 1;
                at = next_shard;
                continue;
            }
            let mut position = at as u32;
            let mut ended = false;
            self.one_shard((at >> 32) as usize, |shard, _| {
                let mut step = STEP_BUCKETS.min(buckets_left);
                while seen < keys && step > 0 && !ended {
                    step -= 1;
                    buckets_left -= 1;
                    let next = shard.table(db).scan(position, |_, entry| {
                        if entry.deadline().is_none_or(|deadline| now_ms <= deadline) {
                            seen += 1;
                            visit(entry);
                        }
                    });
                    ended = next.is_none();
                    position = next.unwrap_or(0);
                }
            });
            at = if ended {
                next_shard
            } else {
                at & !0xffff_ffff | u64::from(position)
            };
        }
        0
    }

    /// Draws a key of the database, every one as likely as another; `None` when there is none.
    /// Costs a look at every shard's header, and expired keys that come up are removed.
    pub fn random_key(&mut self) -> Option<Vec<u8>> {
        let (keyspace, db, now_ms) = (self.keyspace(), self.db(), self.now_ms());
        for _ in 0..DRAWS_MAX {
            let total = keyspace.len(db) as u64;
            if total == 0 {
                return None;
            }
            let nth = self.rng().below(total);
            let Some(index) = shard_of(keyspace, db, nth as usize) else {
                continue;
            };
            let drawn = self.one_shard(index, |shard, local| {
                draw(keyspace, shard, db, now_ms, local)
            });
            if drawn.is_some() {
                return drawn;
            }
        }
        let (mut cursor, mut found) = (0, None);
        loop {
            cursor = self.scan(cursor, 1, |entry| found = Some(entry.key().to_vec()));
            if found.is_some() || cursor == 0 {
                return found;
            }
        }
    }

    /// Is there a key of this name in the database? For commands on the whole keyspace, which have
    /// no keys of their own.
    pub fn contains(&mut self, key: &[u8]) -> bool {
        let (keyspace, db, now_ms) = (self.keyspace(), self.db(), self.now_ms());
        let index = keyspace.shard_index(hash_key(key));
        self.one_shard(index, |_, _| contains(keyspace, db, key, now_ms))
    }
}

/// What was in a flushed database: no longer counted as used, not yet freed.
#[derive(Default)]
pub struct Flushed {
    tables: Vec<Table>,
}

impl Flushed {
    /// Adds another database's.
    pub fn append(&mut self, mut other: Flushed) {
        self.tables.append(&mut other.tables);
    }

    /// Leaves the freeing to the background thread.
    pub fn retire(mut self, keyspace: &Keyspace) {
        for table in self.tables.drain(..) {
            keyspace.garbage.retire_table(table);
        }
    }

    /// Frees all entries; only the bucket arrays, which workers may still read, are left to the
    /// background thread. Costs one free per key.
    pub fn free(mut self, keyspace: &Keyspace) {
        for table in self.tables.drain(..) {
            let before = table.bytes();
            table.free_entries();
            keyspace.freeing_done(before - table.bytes());
            keyspace.garbage.retire_table(table);
        }
        super::memory::collect_freed();
    }
}

impl Drop for Flushed {
    fn drop(&mut self) {
        // Workers may still be reading the bucket arrays. Without the keyspace at hand to wait for
        // them (a job that never ran, at the end of the process), a leak is what is safe.
        std::mem::forget(std::mem::take(&mut self.tables));
    }
}

/// Takes a table's contents and their bytes out of the accounts. The shard is held.
fn empty(keyspace: &Keyspace, shard: &Shard, table: &Table, local: &mut Local) -> Table {
    let bytes = table.bytes();
    account_in(shard, table, local, -(bytes as i64));
    let taken = table.take();
    taken.note_bytes(bytes as i64);
    keyspace.freeing_begins(bytes);
    taken
}

/// Is the key there and not expired? The key's shard is held. Removes nothing.
fn contains(keyspace: &Keyspace, db: usize, key: &[u8], now_ms: u64) -> bool {
    let hash = hash_key(key);
    let table = keyspace.shards()[keyspace.shard_index(hash)].existing_table(db);
    table.is_some_and(|table| {
        table
            .find(hash, key)
            .is_some_and(|pos| !table.is_due(pos, now_ms))
    })
}

/// The shard that holds key number `nth` of a database, counted through the shards.
fn shard_of(keyspace: &Keyspace, db: usize, mut nth: usize) -> Option<usize> {
    keyspace.shards().iter().position(|shard| {
        let len = shard.existing_table(db).map_or(0, Table::len);
        let found = nth < len;
        nth = nth.saturating_sub(len);
        found
    })
}

/// Draws a key of one shard, which is held; one that has expired is removed instead.
fn draw(
    keyspace: &Keyspace,
    shard: &Shard,
    db: usize,
    now_ms: u64,
    local: &mut Local,
) -> Option<Vec<u8>> {
    let table = shard.existing_table(db).filter(|table| !table.is_empty())?;
    let pos = (0..SLOTS_TRIED_MAX).find_map(|_| {
        let bucket = local.rng.index(table.buckets());
        let nth = local.rng.index(SLOTS);
        table.positions(bucket, 1).nth(nth)
    })?;
    if table.is_due(pos, now_ms) {
        local.tally.expired += 1;
        forget(keyspace, shard, (db, table, pos), Event::Expired, local);
        return None;
    }
    Some(table.entry(pos).key().to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::eviction::{Policy, Settings};
    use super::super::txn::{Key, Keys, Scope};
    use super::super::{NewValue, Ttl};
    use super::*;
    use crate::config::Config;
    use std::collections::HashSet;

    const NOW_MS: u64 = 1000;

    struct World {
        keyspace: Keyspace,
        local: Local,
        config: Config,
    }

    impl World {
        fn new(shards: usize) -> World {
            let settings = Settings {
                policy: Policy::Noeviction,
                samples: 5,
                lfu_log_factor: 10,
                lfu_decay_minutes: 1,
            };
            World {
                keyspace: Keyspace::new(shards, 3, 1, settings),
                local: Local::new(0, settings),
                config: Config::default(),
            }
        }

        fn scope(&mut self, db: usize) -> Scope<'_> {
            Scope {
                keyspace: &self.keyspace,
                local: &mut self.local,
                config: &self.config,
                db,
                now_ms: NOW_MS,
                skew_ms: 0,
                touch: true,
            }
        }

        fn store(&mut self, db: usize, key: &str, len: usize, ttl: Ttl) {
            let key = Key::new(key.as_bytes());
            let value = vec![b'v'; len];
            let mut txn = Txn::begin(self.scope(db), [key].into_iter().collect());
            txn.edit(key).store(NewValue::Bytes(&value), ttl);
        }

        fn all(&mut self, db: usize) -> Txn<'_> {
            Txn::begin_all(self.scope(db), Keys::new())
        }

        fn walk(&mut self, db: usize) -> Txn<'_> {
            Txn::begin(self.scope(db), Keys::new())
        }

        fn flush(&mut self, db: usize) {
            let flushed = self.all(db).flush(db);
            flushed.retire(&self.keyspace);
        }

        fn used_bytes(&mut self) -> u64 {
            self.local.publish(&self.keyspace);
            self.keyspace.used_bytes()
        }

        /// Frees as the background thread does.
        fn collect(&self) {
            for _ in 0..3 {
                for table in self.keyspace.garbage.collect() {
                    let bytes = table.bytes();
                    drop(table);
                    self.keyspace.freeing_done(bytes);
                }
            }
        }
    }

    fn filled(db: usize) -> World {
        let mut world = World::new(4);
        for n in 0..2000 {
            world.store(db, &format!("key:{n}"), n * 10, Ttl::Clear);
        }
        world
    }

    #[test]
    fn flushed_bytes_leave_the_accounts_at_once_and_are_freed_later() {
        for sync in [false, true] {
            let mut world = filled(0);
            let before = world.used_bytes();
            for n in 0..500 {
                world.store(1, &format!("key:{n}"), n * 40, Ttl::At(NOW_MS + 1));
            }
            let both = world.used_bytes();
            let flushed = world.all(1).flush(1);
            assert_eq!(world.used_bytes(), before);
            assert_eq!(world.keyspace.freeing_bytes(), both - before);
            assert_eq!(
                (world.keyspace.len(1), world.keyspace.volatile_len(1)),
                (0, 0)
            );
            assert_eq!(world.keyspace.len(0), 2000);
            if sync {
                flushed.free(&world.keyspace);
                assert!(
                    world.keyspace.freeing_bytes() < (both - before) / 50,
                    "arrays only"
                );
            } else {
                flushed.retire(&world.keyspace);
                assert_eq!(world.keyspace.freeing_bytes(), both - before);
            }
            world.collect();
            assert_eq!(world.keyspace.freeing_bytes(), 0);
            world.flush(0);
            assert_eq!(world.used_bytes(), 0);
        }
    }

    #[test]
    fn bytes_go_with_what_is_exchanged() {
        let mut world = filled(0);
        let before = world.used_bytes();
        world.all(0).swap(0, 2);
        assert_eq!((world.keyspace.len(0), world.keyspace.len(2)), (0, 2000));
        assert_eq!(world.used_bytes(), before);
        world.flush(0);
        assert_eq!(world.used_bytes(), before);
        world.flush(2);
        assert_eq!(world.used_bytes(), 0);
    }

    #[test]
    fn a_scan_is_bounded_and_skips_what_has_expired() {
        let mut world = filled(0);
        for n in 0..2000 {
            world.store(0, &format!("old:{n}"), 1, Ttl::At(NOW_MS - 1));
        }
        for keys in [1, 10, 100, usize::MAX] {
            let (mut cursor, mut found) = (0, HashSet::new());
            loop {
                let mut step = 0;
                let mut txn = world.walk(0);
                cursor = txn.scan(cursor, keys, |entry| {
                    step += 1;
                    assert!(found.insert(entry.key().to_vec()), "visited twice");
                });
                assert!(step < keys.saturating_add(20), "{step} of {keys}");
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(found.len(), 2000);
            assert!(found.iter().all(|key| key.starts_with(b"key:")));
        }
        assert_eq!(world.walk(1).scan(0, 10, |_| panic!("empty")), 0);
        assert_eq!(world.walk(0).scan(u64::MAX, 10, |_| panic!("beyond")), 0);
    }

    /// Chi-squared over 100 keys in 4 shards: 99 degrees of freedom exceed 170 once in 100,000.
    #[test]
    fn random_keys_are_drawn_evenly() {
        let mut world = World::new(4);
        world.local.rng = crate::base::random::Random::from_seed(7);
        for n in 0..100 {
            world.store(0, &format!("{n:03}"), 1, Ttl::Clear);
        }
        let mut counts = std::collections::HashMap::<Vec<u8>, u32>::new();
        for _ in 0..20_000 {
            let key = world.walk(0).random_key().expect("there are keys");
            *counts.entry(key).or_default() += 1;
        }
        let distance: f64 = counts
            .values()
            .map(|&n| (f64::from(n) - 200.0).powi(2) / 200.0)
            .sum();
        assert!(counts.len() == 100 && distance < 170.0, "{distance}");
    }
}
