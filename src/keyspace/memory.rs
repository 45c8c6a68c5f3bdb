//! What a worker counts for itself, and how memory is held to its limit.
//!
//! Entries and bucket arrays are accounted in the bytes the allocator really gives. `max_memory`
//! bounds *resident* memory, so a governor compares the process's resident size with what is
//! accounted about ten times a second and sets how many bytes entries may take: the limit, less
//! everything that is not entries (buffers, the allocator's own and fragmented memory, code).

use super::Keyspace;
use super::defrag::Walk;
use super::eviction::{self, Settings};
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
    /// What it knows of the policies' clocks.
    pub(super) times: eviction::clock::Times,
    /// What it knows of keys that deserve to go.
    pub(super) victims: eviction::Victims,
    /// Events counted since last published.
    pub tally: Tally,
    /// The client whose request is being run; 0 for nobody's.
    pub client: u64,
    /// Its part in passes against fragmentation, if it takes part.
    pub walk: Option<Box<Walk>>,
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
            times: eviction::clock::Times::default(),
            victims: eviction::Victims::default(),
            tally: Tally::default(),
            client: 0,
            walk: None,
        }
    }

    /// Publishes the change of used bytes, and what the policy has counted.
    pub fn publish(&mut self, keyspace: &Keyspace) {
        self.times.publish(keyspace);
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

/// The share of the limit that belief in overhead starts with at most, when a limit is set.
const OVERHEAD_SHARE_FIRST: u64 = 4;
/// Calls for which a lowered limit is waited for: evicted memory takes a while to come back, and
/// entries must be moved for some of it.
const LOWERING_CALLS: u32 = 500;

/// Resident memory may be off the limit by this share of it before anything is evicted for that.
const BAND_SHARE: u64 = 64;

/// Decides how many bytes entries may take, from what is resident.
///
/// What was freed a moment ago is still resident: the allocator returns it a little later, and only
/// pages that are free from end to end. Were it taken for overhead, each eviction would cause the
/// next. So overhead is what is resident beyond the *most* that was in use lately; and while memory
/// *grows* beyond the limit, each byte it has grown by, at once.
#[derive(Debug, Default)]
pub struct Governor {
    limit_bytes: u64,
    overhead_bytes: Option<u64>,
    /// The most that was resident since it was last within the limit.
    highest_bytes: u64,
    lowering: u32,
    used_lately: [u64; LATELY_PARTS],
    calls: usize,
}

/// The last second is kept in this many parts.
const LATELY_PARTS: usize = 10;
/// Calls in each part.
const LATELY_CALLS: usize = 5;

impl Governor {
    /// `limit_bytes` is `max_memory` (0: none), `resident_bytes` what the operating system says,
    /// `used_bytes` what entries and bucket arrays take. Returns the bytes they may take. To be
    /// called about fifty times a second.
    pub fn allow(&mut self, limit_bytes: u64, resident_bytes: u64, used_bytes: u64) -> u64 {
        let lately = self.most_used_lately(used_bytes);
        if limit_bytes != self.limit_bytes {
            self.limit_bytes = limit_bytes;
            self.overhead_bytes = None;
            self.highest_bytes = resident_bytes;
            self.lowering = LOWERING_CALLS;
        }
        if limit_bytes == 0 {
            return u64::MAX;
        }
        self.lowering = self.lowering.saturating_sub(1);
        let band = limit_bytes / BAND_SHARE;
        let (low, high) = (limit_bytes - band, limit_bytes + band);
        if resident_bytes <= low {
            self.highest_bytes = low;
        }
        if resident_bytes <= high {
            self.lowering = 0;
        }
        let grown = resident_bytes.saturating_sub(self.highest_bytes);
        self.highest_bytes += grown;
        let all = resident_bytes.saturating_sub(used_bytes);
        let stayed = resident_bytes.saturating_sub(lately);
        let first = stayed.min(limit_bytes / OVERHEAD_SHARE_FIRST);
        let mut overhead = self.overhead_bytes.unwrap_or(first);
        if all < overhead {
            // Slowly: an allowance that swings would evict for nothing.
            overhead -= (overhead - all) / 8;
        } else if resident_bytes <= low || resident_bytes > high && self.lowering == 0 {
            overhead = overhead.max(stayed);
        } else {
            overhead = (overhead + grown).min(all);
        }
        self.overhead_bytes = Some(overhead);
        let floor = limit_bytes / 100 * ENTRIES_PERCENT_MIN;
        low.saturating_sub(overhead).max(floor)
    }

    fn most_used_lately(&mut self, used_bytes: u64) -> u64 {
        let part = self.calls / LATELY_CALLS % LATELY_PARTS;
        let fresh = self.calls.is_multiple_of(LATELY_CALLS);
        let most = if fresh { 0 } else { self.used_lately[part] };
        self.used_lately[part] = most.max(used_bytes);
        self.calls += 1;
        self.used_lately.into_iter().max().unwrap_or(used_bytes)
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

    fn after(
        governor: &mut Governor,
        calls: usize,
        (limit, resident, used): (u64, u64, u64),
    ) -> u64 {
        let mut allowed = 0;
        for _ in 0..calls {
            allowed = governor.allow(limit * MB, resident * MB, used * MB);
        }
        allowed / MB
    }

    #[test]
    fn overhead_is_taken_off_the_limit() {
        let mut governor = Governor::default();
        assert_eq!(after(&mut governor, 1, (6400, 6000, 5000)), 5300);
        let relaxed = after(&mut governor, 100, (6400, 6000, 5900));
        assert!(relaxed > 5300 && relaxed <= 6200, "{relaxed}");
        // Never all of it.
        assert_eq!(after(&mut governor, 300, (6400, 30_000, 0)), 640);
    }

    #[test]
    fn what_was_just_freed_is_not_overhead_until_it_stays() {
        let mut governor = Governor::default();
        assert_eq!(after(&mut governor, 100, (6400, 6200, 5900)), 6000);
        let lately = LATELY_CALLS * (LATELY_PARTS - 1);
        assert_eq!(after(&mut governor, lately, (6400, 6200, 5000)), 6000);
        assert_eq!(
            after(&mut governor, 2 * LATELY_CALLS, (6400, 6200, 5000)),
            5100
        );
    }

    #[test]
    fn growth_beyond_the_limit_counts_at_once_and_only_once() {
        let mut governor = Governor::default();
        assert_eq!(after(&mut governor, 100, (6400, 6300, 5900)), 5900);
        assert_eq!(after(&mut governor, 1, (6400, 6350, 5900)), 5850);
        assert_eq!(after(&mut governor, 100, (6400, 6350, 5850)), 5850);
        assert_eq!(after(&mut governor, 1, (6400, 6400, 5850)), 5800);
        // A little off the limit is good enough: nothing is evicted to no avail.
        assert_eq!(after(&mut governor, 1000, (6400, 6400, 5700)), 5800);
    }

    #[test]
    fn a_first_limit_takes_what_it_evicts_for_no_overhead() {
        let mut governor = Governor::default();
        assert_eq!(governor.allow(0, 6600 * MB, 6000 * MB), u64::MAX);
        // Some of it was evicted before the governor looked again.
        assert_eq!(after(&mut governor, 1, (6400, 6600, 5500)), 5700);
    }

    #[test]
    fn a_lowered_limit_is_waited_for_but_not_for_ever() {
        let mut governor = Governor::default();
        after(&mut governor, 1, (38_400, 19_500, 19_200));
        let waiting = LOWERING_CALLS as usize - 1;
        assert_eq!(after(&mut governor, waiting, (6400, 19_500, 6000)), 6000);
        assert_eq!(after(&mut governor, 300, (6400, 19_500, 6000)), 640);
    }
}
