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
const OVERHEAD_STEP_SHARE: u64 = 8;
/// The share of the limit by which resident memory may exceed it while freed memory comes back.
const TOLERATED_SHARE: u64 = 32;
/// Calls for which a lowered limit is waited for: evicted memory takes seconds to come back, and
/// is not overhead meanwhile.
const LOWERING_CALLS: u32 = 500;

/// Decides how many bytes entries may take, from what is resident.
///
/// What was freed a moment ago is still resident: the allocator returns memory after about a
/// second. Were it taken for overhead, each eviction would cause the next. So overhead is what is
/// resident beyond the *most* that was in use within the last two seconds.
#[derive(Debug, Default)]
pub struct Governor {
    limit_bytes: u64,
    overhead_bytes: u64,
    lowering: u32,
    used_lately: [u64; LATELY_PARTS],
    calls: usize,
}

/// The last two seconds are kept in this many parts.
const LATELY_PARTS: usize = 10;
/// Calls in each part.
const LATELY_CALLS: usize = 10;

impl Governor {
    /// `limit_bytes` is `max_memory` (0: none), `resident_bytes` what the operating system says,
    /// `used_bytes` what entries and bucket arrays take. Returns the bytes they may take. To be
    /// called about fifty times a second.
    pub fn allow(&mut self, limit_bytes: u64, resident_bytes: u64, used_bytes: u64) -> u64 {
        // Also without a limit: a first one finds what was in use before it.
        let lately = self.most_used_lately(used_bytes);
        if limit_bytes != self.limit_bytes {
            self.lowering = if resident_bytes > limit_bytes {
                LOWERING_CALLS
            } else {
                0
            };
            self.overhead_bytes = self.overhead_bytes.min(limit_bytes / 4);
            self.limit_bytes = limit_bytes;
        }
        if limit_bytes == 0 {
            self.overhead_bytes = 0;
            return u64::MAX;
        }
        self.lowering = self.lowering.saturating_sub(1);
        let beyond = resident_bytes > limit_bytes + limit_bytes / TOLERATED_SHARE;
        if !beyond {
            self.lowering = 0;
        }
        let all = resident_bytes.saturating_sub(used_bytes);
        // Well beyond the limit there is no waiting for what may come back.
        let stayed = if beyond && self.lowering == 0 {
            all
        } else {
            resident_bytes.saturating_sub(lately)
        };
        self.believe(limit_bytes, all, stayed);
        let floor = limit_bytes / 100 * ENTRIES_PERCENT_MIN;
        limit_bytes.saturating_sub(self.overhead_bytes).max(floor)
    }

    fn most_used_lately(&mut self, used_bytes: u64) -> u64 {
        let part = self.calls / LATELY_CALLS % LATELY_PARTS;
        let fresh = self.calls.is_multiple_of(LATELY_CALLS);
        let most = if fresh { 0 } else { self.used_lately[part] };
        self.used_lately[part] = most.max(used_bytes);
        self.calls += 1;
        self.used_lately.into_iter().max().unwrap_or(used_bytes)
    }

    /// Overhead is between `all` that is not in use and what has `stayed` for a while.
    fn believe(&mut self, limit_bytes: u64, all: u64, stayed: u64) {
        if all < self.overhead_bytes {
            // Slowly: an allowance that swings would evict for nothing.
            self.overhead_bytes -= (self.overhead_bytes - all) / 8;
        } else if self.overhead_bytes == 0 {
            self.overhead_bytes = stayed.min(limit_bytes / 4);
        } else if self.lowering == 0 && stayed > self.overhead_bytes {
            let step = limit_bytes / OVERHEAD_STEP_SHARE;
            self.overhead_bytes = stayed.min(self.overhead_bytes + step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn without_a_limit_everything_is_allowed() {
        assert_eq!(Governor::default().allow(0, 5 * MB, MB), u64::MAX);
    }

    #[test]
    fn overhead_is_taken_off_the_limit() {
        let mut governor = Governor::default();
        assert_eq!(governor.allow(100 * MB, 60 * MB, 50 * MB), 90 * MB);
        let mut allowed = 0;
        for _ in 0..300 {
            allowed = governor.allow(100 * MB, 110 * MB, 80 * MB);
        }
        assert_eq!(allowed, 70 * MB);
        let relaxed = governor.allow(100 * MB, 60 * MB, 50 * MB);
        assert!(relaxed > 70 * MB && relaxed < 90 * MB);
        for _ in 0..300 {
            allowed = governor.allow(100 * MB, 500 * MB, 0);
        }
        assert_eq!(allowed, 10 * MB);
    }

    #[test]
    fn what_was_just_freed_is_not_overhead_until_it_stays() {
        let mut governor = Governor::default();
        for _ in 0..LATELY_CALLS * LATELY_PARTS {
            assert_eq!(governor.allow(100 * MB, 100 * MB, 90 * MB), 90 * MB);
        }
        for _ in 0..LATELY_CALLS * (LATELY_PARTS - 1) {
            assert_eq!(governor.allow(100 * MB, 100 * MB, 70 * MB), 90 * MB);
        }
        for _ in 0..LATELY_CALLS * 2 {
            governor.allow(100 * MB, 100 * MB, 70 * MB);
        }
        assert_eq!(governor.allow(100 * MB, 100 * MB, 70 * MB), 70 * MB);
    }

    #[test]
    fn a_first_limit_takes_what_it_evicts_for_no_overhead() {
        let mut governor = Governor::default();
        assert_eq!(governor.allow(0, 100 * MB, 90 * MB), u64::MAX);
        // Some of it was evicted before the governor looked again.
        assert_eq!(governor.allow(80 * MB, 100 * MB, 75 * MB), 70 * MB);
    }

    #[test]
    fn a_lowered_limit_is_waited_for_but_not_for_ever() {
        let mut governor = Governor::default();
        governor.allow(600 * MB, 305 * MB, 300 * MB);
        for _ in 0..LOWERING_CALLS - 1 {
            assert_eq!(governor.allow(100 * MB, 300 * MB, 95 * MB), 95 * MB);
        }
        for _ in 0..300 {
            governor.allow(100 * MB, 300 * MB, 95 * MB);
        }
        assert_eq!(governor.allow(100 * MB, 300 * MB, 95 * MB), 10 * MB);
    }
}
