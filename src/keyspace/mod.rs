//! Where keys live: `database → shard (high bits of the hash) → bucket → entry`.
//!
//! [`Txn`] is the way in: it holds the locks of exactly the shards its keys live in.

mod accounts;
mod ahead;
pub mod collection;
pub mod defrag;
pub mod edit;
pub mod entry;
pub mod event;
pub mod eviction;
pub mod expiry;
mod fields;
mod keys;
pub mod memory;
pub mod nested;
pub mod reaper;
pub mod retire;
pub mod shard;
mod splice;
pub mod table;
pub mod txn;
pub mod waiting;
pub mod watch;
pub mod whole;

pub use collection::Stored;
pub use edit::Edit;
pub use entry::{NewValue, ValueRef};
pub use event::Event;
pub use keys::Key;
pub use memory::Local;
pub use table::Hash;
pub use txn::{Ttl, Txn, View};

use eviction::Settings;
use retire::Garbage;
use shard::Shard;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use watch::Watched;

/// Most shards a keyspace may have.
pub const SHARDS_MAX: usize = 65_536;

/// Cache lines of an entry that are prefetched at most; the hardware sees a pattern by then.
const PREFETCH_LINES_MAX: usize = 6;

/// All databases of the server.
pub struct Keyspace {
    shards: Box<[Shard]>,
    shard_shift: u32,
    databases: usize,
    /// What waits to be freed.
    pub garbage: Garbage,
    /// Passes that give fragmented memory back.
    pub defrag: defrag::Passes,
    /// Keys that clients watch.
    pub watched: Watched,
    /// Who is told of what happens to keys.
    pub audience: event::Audience,
    /// Clients that wait for keys.
    pub waiting: waiting::Waiting,
    /// Who may wait for a lock out of order.
    pub upgrades: nested::Upgrades,
    /// Bytes of entries and bucket arrays, as last published by the workers.
    used_bytes: AtomicI64,
    /// Bytes of flushed tables not yet freed; no longer counted as used.
    freeing_bytes: AtomicI64,
    /// Bytes the entries may take; `u64::MAX` without a limit. Set by [`memory::Governor`].
    allowed_bytes: AtomicU64,
    /// `DEBUG SET-ACTIVE-EXPIRE`.
    pub active_expire: AtomicBool,
    settings: arc_swap::ArcSwap<Settings>,
    /// Time as eviction knows it.
    clocks: eviction::clock::Clocks,
}

/// Hashes a key, with a seed of this process.
#[inline]
pub fn hash_key(key: &[u8]) -> Hash {
    Hash(crate::base::hash::hash(key))
}

impl Keyspace {
    /// An empty keyspace. `shards` is a power of two; `readers` is the number of workers.
    pub fn new(shards: usize, databases: usize, readers: usize, settings: Settings) -> Keyspace {
        assert!(
            shards.is_power_of_two() && shards <= SHARDS_MAX,
            "checked by the configuration"
        );
        let stagger = |index: usize| (index * 256 / shards) as u8;
        Keyspace {
            shards: (0..shards)
                .map(|index| Shard::new(databases, stagger(index)))
                .collect(),
            shard_shift: 64 - shards.trailing_zeros(),
            databases,
            garbage: Garbage::new(readers),
            defrag: defrag::Passes::default(),
            watched: Watched::default(),
            audience: event::Audience::default(),
            waiting: waiting::Waiting::default(),
            upgrades: nested::Upgrades::default(),
            used_bytes: AtomicI64::new(0),
            freeing_bytes: AtomicI64::new(0),
            allowed_bytes: AtomicU64::new(u64::MAX),
            active_expire: AtomicBool::new(true),
            settings: arc_swap::ArcSwap::from_pointee(settings),
            clocks: eviction::clock::Clocks::default(),
        }
    }

    /// Number of databases.
    pub fn databases(&self) -> usize {
        self.databases
    }

    /// Takes back that `flag` is set when a key changes. Needs no lock: a writer that still sees
    /// the count finds nobody.
    pub fn unwatch(&self, db: usize, key: &[u8], flag: &watch::DirtyFlag) {
        if self.watched.remove(db, key, flag) {
            let shard = &self.shards[self.shard_index(hash_key(key))];
            shard.watched.fetch_sub(1, Relaxed);
        }
    }

    /// The shards, in the order in which their locks are taken.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Which shard a key lives in.
    #[inline]
    pub fn shard_index(&self, hash: Hash) -> usize {
        // With one shard the shift is 64, which `checked_shr` answers with none.
        hash.0.checked_shr(self.shard_shift).unwrap_or(0) as usize
    }

    /// The shard a key lives in.
    #[inline]
    pub fn shard(&self, hash: Hash) -> &Shard {
        &self.shards[self.shard_index(hash)]
    }

    /// The eviction settings in force.
    pub fn settings(&self) -> Settings {
        **self.settings.load()
    }

    /// Puts new eviction settings in force; workers see them with their next configuration check.
    pub fn set_settings(&self, settings: Settings) {
        self.settings.store(std::sync::Arc::new(settings));
    }

    /// Bytes of entries and bucket arrays, as last published by the workers.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Relaxed).max(0) as u64
    }

    /// Adds to the published count.
    pub(crate) fn publish_used(&self, delta: i64) {
        self.used_bytes.fetch_add(delta, Relaxed);
    }

    /// Notes that so many bytes of flushed tables are to be freed.
    pub(crate) fn freeing_begins(&self, bytes: usize) {
        self.freeing_bytes.fetch_add(bytes as i64, Relaxed);
    }

    /// Notes that so many bytes of flushed tables were freed.
    pub fn freeing_done(&self, bytes: usize) {
        self.freeing_bytes.fetch_sub(bytes as i64, Relaxed);
    }

    /// Bytes of flushed tables that are still being freed.
    pub fn freeing_bytes(&self) -> u64 {
        self.freeing_bytes.load(Relaxed).max(0) as u64
    }

    /// Bytes entries and bucket arrays may take now.
    pub fn allowed_bytes(&self) -> u64 {
        self.allowed_bytes.load(Relaxed)
    }

    /// Sets [`Keyspace::allowed_bytes`].
    pub fn set_allowed_bytes(&self, bytes: u64) {
        self.allowed_bytes.store(bytes, Relaxed);
    }

    /// Starts loading what requests for these keys are going to touch, for all of them before the
    /// next: shards, then buckets, then entries. Takes no lock; `reader` is the calling worker's
    /// number. About 100 instructions for each key.
    #[inline]
    pub fn prefetch(&self, reader: usize, db: usize, hashes: impl Iterator<Item = Hash> + Clone) {
        for hash in hashes.clone() {
            table::prefetch(self.shard(hash));
        }
        self.garbage.pinned(reader, || {
            let tables = hashes.filter_map(|hash| {
                let table = self.shard(hash).existing_table(db)?;
                Some((table, hash))
            });
            for (table, hash) in tables.clone() {
                table.prefetch_bucket(hash);
            }
            let lines = tables.clone().next().map_or(1, |(table, _)| {
                let lines = (table.bytes() / table.len().max(1)).div_ceil(64);
                lines.clamp(1, PREFETCH_LINES_MAX)
            });
            for (table, hash) in tables {
                table.prefetch_entry(hash, lines);
            }
        });
    }

    /// Number of keys in a database. Takes no lock: not a snapshot.
    pub fn len(&self, db: usize) -> usize {
        self.count(db, table::Table::len)
    }

    /// True when a database has no keys.
    pub fn is_empty(&self, db: usize) -> bool {
        self.len(db) == 0
    }

    /// Number of keys with a deadline in a database.
    pub fn volatile_len(&self, db: usize) -> usize {
        self.count(db, table::Table::volatile_len)
    }

    /// Bytes of the bucket arrays of a database.
    pub fn array_bytes(&self, db: usize) -> usize {
        self.count(db, table::Table::array_bytes)
    }

    fn count(&self, db: usize, of: impl Fn(&table::Table) -> usize) -> usize {
        let count = |shard: &Shard| shard.existing_table(db).map_or(0, &of);
        self.shards.iter().map(count).sum()
    }
}

#[cfg(test)]
mod tests;
