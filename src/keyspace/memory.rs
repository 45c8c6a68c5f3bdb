//! What a worker counts for itself, and how memory is held to its limit.
//!
//! Entries and bucket arrays are accounted in the bytes the allocator really gives. `max_memory`
//! bounds *resident* memory, so a governor compares the process's resident size with what is
//! accounted about ten times a second and sets how many bytes entries may take: the limit, less
//! everything that is not entries (buffers, the allocator's own and fragmented memory, code).

use super::Keyspace;
use super::eviction::Settings;
use crate::base::random::Random;

/// A worker's own state for keyspace work: nothing in it is shared, so counting costs no atomics.
/// It is published once per batch.
pub struct Local {
    /// The worker's number as a reader of bucket arrays.
    pub reader: usize,
    /// Randomness for eviction and counters.
    pub rng: Random,
    /// A copy of the eviction settings.
    pub settings: Settings,
    /// Change of used bytes not yet published.
    pub used_delta: i64,
    /// Events counted since last published.
    pub tally: Tally,
}

/// Counts of keyspace events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Reads that found their key.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Keys removed because their deadline passed.
    pub expired: u64,
    /// Of those, found by a sweep rather than by an access.
    pub expired_by_sweep: u64,
    /// Keys evicted.
    pub evicted: u64,
    /// Changes made.
    pub changes: u64,
}

impl Local {
    /// For the worker (or other thread) with this reader number.
    pub fn new(reader: usize, settings: Settings) -> Local {
        Local {
            reader,
            rng: Random::new(),
            settings,
            used_delta: 0,
            tally: Tally::default(),
        }
    }

    /// Publishes the change of used bytes.
    pub fn publish(&mut self, keyspace: &Keyspace) {
        if self.used_delta != 0 {
            keyspace.publish_used(std::mem::take(&mut self.used_delta));
        }
    }
}

/// Takes back memory that other threads have freed from the calling thread's heap.
pub fn collect_freed() {
    super::entry::collect_freed();
}

/// Gives what the calling thread's heap keeps free back to the operating system, as far as it can.
/// Costs some ms with a large heap.
pub fn purge() {
    super::entry::purge();
}

/// Smallest share of the limit that entries may always take, in percent: whatever else is
/// resident, the cache is not emptied for it.
const ENTRIES_PERCENT_MIN: u64 = 10;

/// The largest step by which belief in overhead grows at a time, as a share of the limit: what
/// was freed a moment ago is still resident, and must not make more be evicted.
const OVERHEAD_STEP_SHARE: u64 = 512;

/// Decides how many bytes entries may take, from what is resident.
#[derive(Debug, Default)]
pub struct Governor {
    overhead_bytes: u64,
    returning_from: Option<u64>,
}

impl Governor {
    /// `limit_bytes` is `max_memory` (0: none), `resident_bytes` what the operating system says,
    /// `used_bytes` what entries and bucket arrays take. While memory is `returning` (being freed
    /// or defragmented) and resident memory does not grow, overhead is not believed to. Returns
    /// the bytes entries may take. To be called about fifty times a second.
    pub fn allow(
        &mut self,
        limit_bytes: u64,
        resident_bytes: u64,
        used_bytes: u64,
        returning: bool,
    ) -> u64 {
        if limit_bytes == 0 {
            *self = Governor::default();
            return u64::MAX;
        }
        let overhead = resident_bytes.saturating_sub(used_bytes);
        let from = *self.returning_from.get_or_insert(resident_bytes);
        if !returning {
            self.returning_from = None;
        }
        let held = returning && resident_bytes <= from;
        if overhead < self.overhead_bytes {
            // Slowly: an allowance that swings would evict for nothing.
            self.overhead_bytes -= (self.overhead_bytes - overhead) / 8;
        } else if self.overhead_bytes == 0 {
            self.overhead_bytes = overhead.min(limit_bytes / 4);
        } else if !held && resident_bytes > limit_bytes {
            let step = limit_bytes / OVERHEAD_STEP_SHARE;
            self.overhead_bytes = overhead.min(self.overhead_bytes + step);
        } else if resident_bytes <= limit_bytes {
            self.overhead_bytes = overhead;
        }
        let floor = limit_bytes / 100 * ENTRIES_PERCENT_MIN;
        limit_bytes.saturating_sub(self.overhead_bytes).max(floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn without_a_limit_everything_is_allowed() {
        assert_eq!(Governor::default().allow(0, 5 * MB, MB, false), u64::MAX);
    }

    #[test]
    fn overhead_is_taken_off_the_limit() {
        let mut governor = Governor::default();
        assert_eq!(governor.allow(100 * MB, 60 * MB, 50 * MB, false), 90 * MB);
        assert_eq!(governor.allow(100 * MB, 95 * MB, 65 * MB, false), 70 * MB);
        let relaxed = governor.allow(100 * MB, 60 * MB, 50 * MB, false);
        assert!(relaxed > 70 * MB && relaxed < 90 * MB);
    }

    #[test]
    fn above_the_limit_overhead_is_believed_step_by_step() {
        let mut governor = Governor::default();
        governor.allow(100 * MB, 90 * MB, 80 * MB, false);
        let first = governor.allow(100 * MB, 120 * MB, 80 * MB, false);
        assert!(first < 90 * MB && first > 89 * MB);
        let mut last = first;
        for _ in 0..1000 {
            last = governor.allow(100 * MB, 120 * MB, 80 * MB, false);
        }
        assert_eq!(last, 60 * MB);
    }

    #[test]
    fn memory_on_its_way_back_is_waited_for_unless_it_grows() {
        let mut governor = Governor::default();
        governor.allow(60 * MB, 55 * MB, 50 * MB, false);
        for _ in 0..1000 {
            assert_eq!(governor.allow(60 * MB, 300 * MB, 50 * MB, true), 55 * MB);
        }
        assert!(governor.allow(60 * MB, 301 * MB, 50 * MB, true) < 55 * MB);
    }
}
