//! Loading what a lookup is going to touch, before it does.

use super::tags::tagged;
use super::{BUCKET_BYTES, EntryRef, Hash, Table, address, entry_at, prefetch};
use std::sync::atomic::Ordering::Relaxed;

impl Table {
    /// Starts loading the bucket line of `hash`. Needs no lock; the caller is pinned
    /// ([`crate::keyspace::retire`]).
    #[inline]
    pub fn prefetch_bucket(&self, hash: Hash) {
        let array = self.array();
        if !array.is_empty() {
            prefetch(&raw const array[hash.home(array.len())]);
        }
    }

    /// Starts loading the first entry of `hash`'s home bucket whose tag fits, `lines` lines of it:
    /// one in 60 times it is another key's. Needs no lock; the caller is pinned. No entry is read.
    #[inline]
    pub fn prefetch_entry(&self, hash: Hash, lines: usize) {
        let array = self.array();
        if array.is_empty() {
            return;
        }
        let slots = &array[hash.home(array.len())];
        if let Some(index) = tagged(slots, hash.tag()).next() {
            let start = address(slots.0[index].load(Relaxed)) as *const u8;
            (0..lines).for_each(|line| prefetch(start.wrapping_add(line * BUCKET_BYTES)));
        }
    }

    /// The first entry of `hash`'s home bucket whose tag fits, most likely the key's: what
    /// [`Table::prefetch_entry`] loads.
    #[inline]
    pub fn likely(&self, hash: Hash) -> Option<EntryRef<'_>> {
        let array = self.array();
        let slots = array.get(hash.home(array.len()))?;
        let mut words = tagged(slots, hash.tag()).map(|index| slots.0[index].load(Relaxed));
        words.next().filter(|word| *word != 0).map(entry_at)
    }
}
