//! Gives memory back that freed entries have left in pieces.
//!
//! The allocator can return a page only when every entry in it is gone. After most keys of a large
//! data set have been deleted, or values have changed their size, many pages hold a few survivors
//! each. A pass moves every entry once: the allocator packs them into the fullest pages, and the
//! others empty. Passes are started by the background thread when resident memory is well above
//! what is accounted, and walked by the workers, each over its share of the shards, in short
//! slices between requests.

use super::{Keyspace, Local};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets whose entries are moved under one lock (about 50 µs).
const STEP_BUCKETS: usize = 64;

/// The pass under way, if any.
#[derive(Default)]
pub struct Passes {
    started: AtomicU64,
    finished: AtomicU64,
}

impl Passes {
    /// Starts a pass.
    pub fn start(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    /// Is a pass under way, given that `workers` walk it?
    pub fn is_running(&self, workers: u64) -> bool {
        self.finished.load(Relaxed) < self.started.load(Relaxed) * workers
    }

    /// Number of passes started.
    pub fn count(&self) -> u64 {
        self.started.load(Relaxed)
    }
}

/// Where a worker is in the present pass.
#[derive(Default)]
pub struct Walk {
    pass: u64,
    shard: usize,
    db: usize,
    position: u32,
}

impl Walk {
    /// One step over the shards `first`, `first + stride`, …. False when there is nothing to do.
    pub fn step(
        &mut self,
        keyspace: &Keyspace,
        _local: &mut Local,
        (first, stride): (usize, usize),
    ) -> bool {
        let passes = &keyspace.defrag;
        if self.pass == passes.started.load(Relaxed) {
            return false;
        }
        let index = first + self.shard * stride;
        let Some(shard) = keyspace.shards().get(index) else {
            // One pass at a time: later starts are only made when this one is finished.
            *self = Walk {
                pass: self.pass + 1,
                ..Walk::default()
            };
            passes.finished.fetch_add(1, Relaxed);
            return true;
        };
        let guard = shard.lock();
        let next = guard.shard().existing_table(self.db).and_then(|table| {
            let (start, end) = table.stretch(self.position, STEP_BUCKETS);
            table
                .positions(start, end - start)
                .for_each(|pos| table.relocate(pos));
            if table.is_empty() {
                None
            } else {
                table.position_of(end)
            }
        });
        self.position = next.unwrap_or(0);
        if next.is_none() {
            self.db += 1;
            if self.db == keyspace.databases() {
                (self.db, self.shard) = (0, self.shard + 1);
            }
        }
        true
    }
}

/// Resident bytes above the accounted ones that are not worth a pass.
const EXCESS_BYTES_MIN: u64 = 24 << 20;
/// The share of accounted bytes that is not worth a pass, as a divisor.
const EXCESS_SHARE: u64 = 5;
/// Looks (see [`Trigger::look`]) for which there must be an excess before a pass starts: freed
/// memory takes the allocator a moment to return.
const LOOKS_BEFORE: u32 = 25;
/// Looks between two passes, doubled while passes do not help.
const LOOKS_BETWEEN: u32 = 50;
const LOOKS_BETWEEN_MAX: u32 = 50 * 600;

/// Decides when to start a pass.
#[derive(Debug)]
pub struct Trigger {
    seen: u32,
    rest: u32,
    pause: u32,
    excess_before: u64,
}

impl Default for Trigger {
    fn default() -> Trigger {
        Trigger {
            seen: 0,
            rest: 0,
            pause: LOOKS_BETWEEN,
            excess_before: 0,
        }
    }
}

impl Trigger {
    /// Looks at memory, about fifty times a second. True when a pass is to start.
    /// `expected_bytes` is what would be resident without fragmentation.
    pub fn look(&mut self, resident_bytes: u64, expected_bytes: u64, running: bool) -> bool {
        if running {
            self.rest = self.pause;
            return false;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return false;
        }
        let excess = resident_bytes.saturating_sub(expected_bytes);
        if excess < EXCESS_BYTES_MIN || excess < expected_bytes / EXCESS_SHARE {
            (self.seen, self.pause, self.excess_before) = (0, LOOKS_BETWEEN, 0);
            return false;
        }
        self.seen += 1;
        if self.seen < LOOKS_BEFORE {
            return false;
        }
        // A pass that freed less than a quarter of the excess is not soon worth another.
        let helped = self.excess_before == 0 || excess < self.excess_before / 4 * 3;
        self.pause = if helped {
            LOOKS_BETWEEN
        } else {
            (self.pause * 2).min(LOOKS_BETWEEN_MAX)
        };
        self.seen = 0;
        self.excess_before = excess;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn looks(trigger: &mut Trigger, resident: u64, expected: u64) -> u32 {
        (1..100_000)
            .find(|_| trigger.look(resident, expected, false))
            .unwrap_or(u32::MAX)
    }

    #[test]
    fn starts_after_a_lasting_excess_only() {
        let mut trigger = Trigger::default();
        assert_eq!(looks(&mut trigger, 100 * MB, 95 * MB), u32::MAX);
        assert_eq!(looks(&mut trigger, 300 * MB, 100 * MB), LOOKS_BEFORE);
    }

    #[test]
    fn passes_that_do_not_help_become_rare() {
        let mut trigger = Trigger::default();
        let mut waits = Vec::new();
        for _ in 0..4 {
            waits.push(looks(&mut trigger, 300 * MB, 100 * MB));
            trigger.look(300 * MB, 100 * MB, true);
        }
        assert!(
            waits.windows(2).skip(1).all(|pair| pair[1] > pair[0]),
            "{waits:?}"
        );
    }
}
