//! A shard: one lock, and what it guards: a part of every database, with its counts.
#![allow(unsafe_code)]

use super::eviction::s3fifo;
use super::fields::FieldDeadlines;
use super::table::Table;
use parking_lot::RawMutex;
use parking_lot::lock_api::{RawMutex as _, RawMutexTimed as _};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize};
use std::time::Duration;

/// Attempts on a lock that is taken before the thread parks. Locks are held for about 100 ns.
const SPINS_MAX: usize = 100;
/// How long a worker waits for a lock before it goes on with other clients.
const WAIT_MAX: Duration = Duration::from_micros(300);

/// One stripe of the keyspace. Everything in it but the tables' bucket arrays (which prefetches
/// read) is touched only while its lock is held.
#[repr(C, align(128))]
pub struct Shard {
    lock: RawMutex,
    table: Table,
    /// Bytes of entries and bucket arrays, all databases. Written under the lock only.
    pub bytes: AtomicUsize,
    /// Keys in this shard that some client watches. Raised under the lock, so that writers see it.
    pub watched: AtomicU32,
    /// Clients that wait for keys of this shard, one for each key. Raised under the lock.
    pub waiters: AtomicU32,
    /// The S3-FIFO policy's memory of keys that are gone.
    pub ghosts: s3fifo::Cell,
    /// No key of this shard expires before this moment, in ms.
    pub next_due_ms: Cell<u64>,
    /// Hashes with fields that expire.
    pub(super) field_deadlines: RefCell<Option<Box<FieldDeadlines>>>,
    /// Databases 1 and up.
    others: OnceLock<Box<[Table]>>,
    databases: u16,
    stagger: u8,
}

// SAFETY: the cells and tables are used by the holder of `lock` only; `Table`'s prefetch methods,
// and counts, which need no lock, touch nothing but atomics.
unsafe impl Sync for Shard {}

impl Shard {
    pub(super) fn new(databases: usize, stagger: u8) -> Shard {
        Shard {
            lock: RawMutex::INIT,
            table: Table::new(stagger),
            bytes: AtomicUsize::new(0),
            watched: AtomicU32::new(0),
            waiters: AtomicU32::new(0),
            ghosts: s3fifo::Cell::default(),
            next_due_ms: Cell::new(u64::MAX),
            field_deadlines: RefCell::new(None),
            others: OnceLock::new(),
            databases: databases as u16,
            stagger,
        }
    }

    /// Waits for the lock.
    #[inline]
    pub fn lock(&self) -> Guard<'_> {
        if !self.lock.try_lock() {
            self.lock_contended();
        }
        self.guard()
    }

    /// Waits for the lock, but no longer than a worker may.
    #[inline]
    pub fn lock_briefly(&self) -> Option<Guard<'_>> {
        let locked = self.lock.try_lock() || self.lock_contended_briefly();
        // Made only when it is wanted: a guard that is dropped unlocks.
        locked.then(|| self.guard())
    }

    #[cold]
    fn lock_contended_briefly(&self) -> bool {
        for _ in 0..SPINS_MAX {
            std::hint::spin_loop();
            if self.lock.try_lock() {
                return true;
            }
        }
        self.lock.try_lock_for(WAIT_MAX)
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<Guard<'_>> {
        self.lock.try_lock().then(|| self.guard())
    }

    /// The guard of the lock that this thread has just taken.
    #[inline]
    fn guard(&self) -> Guard<'_> {
        Guard {
            shard: self,
            _not_send: PhantomData,
        }
    }

    #[cold]
    fn lock_contended(&self) {
        for _ in 0..SPINS_MAX {
            std::hint::spin_loop();
            if self.lock.try_lock() {
                return;
            }
        }
        self.lock.lock();
    }

    /// The table of a database. The caller holds the lock, or prefetches only.
    #[inline]
    pub fn table(&self, db: usize) -> &Table {
        if db == 0 { &self.table } else { self.other(db) }
    }

    fn other(&self, db: usize) -> &Table {
        let make = || {
            (1..self.databases)
                .map(|_| Table::new(self.stagger))
                .collect()
        };
        &self.others.get_or_init(make)[db - 1]
    }

    /// The table of a database if it was ever used.
    #[inline]
    pub fn existing_table(&self, db: usize) -> Option<&Table> {
        if db == 0 {
            Some(&self.table)
        } else {
            self.others.get().map(|others| &others[db - 1])
        }
    }
}

/// Proof that a shard's lock is held; releases it when dropped. Stays on its thread: it must not
/// live across an await, and the compiler refuses a future that holds one and is sent.
pub struct Guard<'a> {
    shard: &'a Shard,
    _not_send: PhantomData<*const ()>,
}

impl<'a> Guard<'a> {
    /// The shard that is held.
    #[inline]
    pub fn shard(&self) -> &'a Shard {
        self.shard
    }
}

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a guard exists only while its thread holds the lock.
        unsafe { self.shard.lock.unlock() };
    }
}

/// Locks that need no allocation.
const GUARDS_INLINE: usize = 16;

/// As several [`Guard`]s, in as little space as their shards' numbers take.
pub struct Guards<'a> {
    shards: &'a [Shard],
    held: SmallVec<[u16; GUARDS_INLINE]>,
    _not_send: PhantomData<*const ()>,
}

impl<'a> Guards<'a> {
    /// None yet, of these shards. At most [`super::SHARDS_MAX`], so that a number has 16 bits.
    pub fn of(shards: &'a [Shard]) -> Guards<'a> {
        assert!(
            shards.len() <= usize::from(u16::MAX) + 1,
            "checked when they were made"
        );
        Guards {
            shards,
            held: SmallVec::new(),
            _not_send: PhantomData,
        }
    }

    /// Adds the lock of the shard with this number that `lock` takes; it must not be held yet.
    /// False when `lock` does not get it.
    #[inline]
    pub fn add(&mut self, index: usize, lock: impl FnOnce(&'a Shard) -> Option<Guard<'a>>) -> bool {
        match lock(&self.shards[index]) {
            None => false,
            Some(guard) => {
                assert!(std::ptr::eq(guard.shard, &raw const self.shards[index]));
                self.held.push(index as u16);
                // The lock is now this value's to release.
                std::mem::forget(guard);
                true
            }
        }
    }

    /// The numbers of the shards, in the order in which they were locked.
    pub fn indices(&self) -> impl Iterator<Item = usize> {
        self.held.iter().map(|index| usize::from(*index))
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // never asked
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Is this shard among them?
    pub fn holds(&self, shard: &Shard) -> bool {
        let mut held = self.held.iter();
        held.any(|index| std::ptr::eq(&raw const self.shards[usize::from(*index)], shard))
    }
}

impl Drop for Guards<'_> {
    fn drop(&mut self) {
        for index in &self.held {
            // SAFETY: each number stands for a guard that `add` was given and that was forgotten.
            unsafe { self.shards[usize::from(*index)].lock.unlock() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    /// On another thread, since no thread takes a lock twice.
    fn elsewhere(shard: &Shard, test: fn(&Shard) -> bool) -> bool {
        std::thread::scope(|scope| scope.spawn(|| test(shard)).join().expect("it ends"))
    }

    #[test]
    fn who_does_not_get_the_lock_does_not_release_it() {
        let shard = Shard::new(1, 0);
        let guard = shard.lock();
        for _ in 0..3 {
            assert!(!elsewhere(&shard, |shard| shard.try_lock().is_some()));
            assert!(!elsewhere(&shard, |shard| shard.lock_briefly().is_some()));
        }
        drop(guard);
        assert!(elsewhere(&shard, |shard| shard.try_lock().is_some()));
        assert!(elsewhere(&shard, |shard| shard.lock_briefly().is_some()));
    }
}
