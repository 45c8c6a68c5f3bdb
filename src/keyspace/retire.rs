//! Lets workers read bucket arrays without a lock: an array taken out of a table is freed only
//! when every worker has since been outside its prefetch phase (quiescent-state reclamation).
//!
//! Each worker owns one counter, odd while it prefetches. The reclaimer keeps what was retired
//! together with a snapshot of the counters, and frees it once each counter was even or has moved.
#![allow(unsafe_code)]

use super::table::{Table, free_array};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A bucket array that its table no longer refers to, described as in the table.
pub struct Retired(u64);

impl Retired {
    pub(super) fn new(packed: u64) -> Retired {
        Retired(packed)
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        // SAFETY: made once per array taken out of a table; dropped only by `Garbage::collect`
        // (or with the whole keyspace), after every reader has moved on.
        unsafe { free_array(self.0) };
    }
}

#[derive(Default)]
struct Waiting {
    snapshot: Vec<u64>,
    arrays: Vec<Retired>,
    tables: Vec<Table>,
}

/// One worker's counter, on a line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Reader(AtomicU64);

/// What waits to be freed, and who might still be reading it.
pub struct Garbage {
    readers: Box<[Reader]>,
    fresh: Mutex<Waiting>,
    waiting: Mutex<Waiting>,
}

impl Garbage {
    /// For `readers` workers, numbered from 0.
    pub fn new(readers: usize) -> Garbage {
        Garbage {
            readers: (0..readers).map(|_| Reader::default()).collect(),
            fresh: Mutex::default(),
            waiting: Mutex::default(),
        }
    }

    /// Hands over a bucket array.
    pub(super) fn retire(&self, array: Retired) {
        self.fresh.lock().arrays.push(array);
    }

    /// Hands over a whole table with its entries, as `FLUSHALL` does.
    pub fn retire_table(&self, table: Table) {
        if table.buckets() > 0 {
            self.fresh.lock().tables.push(table);
        }
    }

    /// Runs `read` while arrays seen by it cannot be freed. `reader` is the worker's number.
    #[inline]
    pub fn pinned<T>(&self, reader: usize, read: impl FnOnce() -> T) -> T {
        let counter = &self.readers[reader].0;
        let count = counter.load(Ordering::Relaxed);
        counter.store(count + 1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let result = read();
        counter.store(count + 2, Ordering::Release);
        result
    }

    /// Frees what no worker can be reading any more; a step is taken at each call. Returns tables
    /// whose entries are now the caller's to free.
    pub fn collect(&self) -> Vec<Table> {
        let mut waiting = self.waiting.lock();
        fence(Ordering::SeqCst);
        let quiet = waiting
            .snapshot
            .iter()
            .zip(&self.readers)
            .all(|(seen, reader)| seen % 2 == 0 || reader.0.load(Ordering::Acquire) != *seen);
        if !quiet {
            return Vec::new();
        }
        let mut fresh = std::mem::take(&mut *self.fresh.lock());
        fence(Ordering::SeqCst);
        fresh.snapshot = self
            .readers
            .iter()
            .map(|r| r.0.load(Ordering::Acquire))
            .collect();
        let done = std::mem::replace(&mut *waiting, fresh);
        drop(waiting);
        drop(done.arrays);
        done.tables
    }

    /// Is anything waiting to be freed?
    pub fn is_empty(&self) -> bool {
        let none = |w: &Waiting| w.arrays.is_empty() && w.tables.is_empty();
        none(&self.fresh.lock()) && none(&self.waiting.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_reader_holds_tables_back() {
        let garbage = Garbage::new(2);
        let table = Table::new(0);
        let entry =
            super::super::entry::Entry::new(b"k", super::super::entry::NewValue::Int(1), None, 0);
        table.insert(super::super::hash_key(b"k"), entry, 0, &garbage);
        garbage.pinned(1, || {
            garbage.retire_table(table.take());
            assert!(garbage.collect().is_empty());
            assert!(garbage.collect().is_empty());
            assert!(garbage.collect().is_empty());
        });
        let freed: usize = (0..3).map(|_| garbage.collect().len()).sum();
        assert_eq!(freed, 1);
        assert!(garbage.is_empty());
    }
}
