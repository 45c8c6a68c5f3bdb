//! When to start a pass.

use super::Pass;

/// Resident bytes above the accounted ones that are not worth a pass.
const EXCESS_BYTES_MIN: u64 = 24 << 20;
/// The share of accounted bytes that is not worth a pass, as a divisor.
const EXCESS_SHARE: u64 = 5;
/// The same at the limit, as a share of that: there the alternative is to evict.
const EXCESS_SHARE_URGENT: u64 = 32;
/// Looks (see [`Trigger::look`]) for which there must be an excess before a pass starts: freed
/// memory takes the allocator a moment to return.
const LOOKS_BEFORE: u32 = 25;
/// Looks between two passes, doubled while passes do not help.
const LOOKS_BETWEEN: u32 = 5;
const LOOKS_BETWEEN_MAX: u32 = 50 * 600;
/// The same at the limit.
const LOOKS_BETWEEN_MAX_URGENT: u32 = 100;
/// Growth that makes a pass worth another try, as a share of the limit.
const GROWTH_SHARE: u64 = 64;

/// Bytes a pass may select: a share of what is resident, so that each gives something back soon.
const BUDGET_SHARE: u64 = 16;
const BUDGET_BYTES_MIN: u64 = 64 << 20;
const BUDGET_BYTES_MIN_URGENT: u64 = 4 << 20;
/// A pass that gains less than this share of its budget is not soon worth another.
const GAIN_SHARE: u64 = 8;

/// What there is to look at.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// What the operating system says.
    pub resident_bytes: u64,
    /// What would be resident without fragmentation.
    pub expected_bytes: u64,
    /// `max_memory`; 0: none.
    pub limit_bytes: u64,
}

impl Memory {
    fn excess_bytes(self) -> u64 {
        self.resident_bytes.saturating_sub(self.expected_bytes)
    }

    fn is_urgent(self) -> bool {
        self.limit_bytes > 0
            && self.resident_bytes > self.limit_bytes
            && self.excess_bytes() > self.limit_bytes / EXCESS_SHARE_URGENT
    }

    fn is_excessive(self) -> bool {
        let excess = self.excess_bytes();
        excess >= EXCESS_BYTES_MIN && excess >= self.expected_bytes / EXCESS_SHARE
    }
}

/// Decides when to start a pass.
#[derive(Debug, Default)]
pub struct Trigger {
    seen: u32,
    rest: u32,
    pause: u32,
    started: Option<Pass>,
    resident_bytes_before: u64,
}

impl Trigger {
    /// Looks at memory, about fifty times a second, and returns the pass that is to start.
    /// `gained_bytes` is what the last one was to give back.
    pub fn look(&mut self, memory: Memory, gained_bytes: u64, running: bool) -> Option<Pass> {
        if running {
            return None;
        }
        let urgent = memory.is_urgent();
        if let Some(pass) = self.started.take() {
            let helped = gained_bytes >= pass.budget_bytes / GAIN_SHARE;
            self.pause = match (helped, urgent) {
                (true, true) => 0,
                (true, false) => LOOKS_BETWEEN,
                (false, true) => (self.pause * 2).clamp(1, LOOKS_BETWEEN_MAX_URGENT),
                (false, false) => (self.pause * 2).clamp(LOOKS_BETWEEN, LOOKS_BETWEEN_MAX),
            };
            self.rest = self.pause;
        }
        if !urgent && !memory.is_excessive() {
            *self = Trigger::default();
            return None;
        }
        let grown = memory
            .resident_bytes
            .saturating_sub(self.resident_bytes_before);
        if self.rest > 0 && !(urgent && grown > memory.limit_bytes / GROWTH_SHARE) {
            self.rest -= 1;
            return None;
        }
        self.seen += 1;
        if !urgent && self.seen < LOOKS_BEFORE {
            return None;
        }
        self.resident_bytes_before = memory.resident_bytes;
        let least = if urgent {
            BUDGET_BYTES_MIN_URGENT
        } else {
            BUDGET_BYTES_MIN
        };
        let pass = Pass {
            budget_bytes: (memory.resident_bytes / BUDGET_SHARE).max(least),
            urgent,
        };
        self.started = Some(pass);
        Some(pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn memory(resident: u64, expected: u64, limit: u64) -> Memory {
        Memory {
            resident_bytes: resident * MB,
            expected_bytes: expected * MB,
            limit_bytes: limit * MB,
        }
    }

    /// Looks until a pass starts.
    fn looks(trigger: &mut Trigger, memory: Memory, gained: u64) -> u32 {
        (1..100_000)
            .find(|_| trigger.look(memory, gained, false).is_some())
            .unwrap_or(u32::MAX)
    }

    #[test]
    fn starts_after_a_lasting_excess_only() {
        let mut trigger = Trigger::default();
        assert_eq!(looks(&mut trigger, memory(100, 95, 0), 0), u32::MAX);
        assert_eq!(looks(&mut trigger, memory(300, 100, 0), 0), LOOKS_BEFORE);
        assert_eq!(trigger.look(memory(300, 100, 0), 0, true), None);
    }

    #[test]
    fn passes_that_do_not_help_become_rare() {
        let mut trigger = Trigger::default();
        let excess = memory(300, 100, 0);
        looks(&mut trigger, excess, 0);
        let waits: Vec<u32> = (0..4).map(|_| looks(&mut trigger, excess, 0)).collect();
        assert!(waits.is_sorted_by(|a, b| a < b), "{waits:?}");
        assert!(looks(&mut trigger, excess, 50 * MB) <= LOOKS_BETWEEN + 1);
    }

    #[test]
    fn at_the_limit_a_pass_starts_at_once() {
        let mut trigger = Trigger::default();
        let started = trigger.look(memory(101, 90, 100), 0, false);
        assert!(started.is_some_and(|pass| pass.urgent), "{started:?}");
        let mut trigger = Trigger::default();
        assert_eq!(trigger.look(memory(99, 90, 100), 0, false), None);
        assert_eq!(trigger.look(memory(101, 99, 100), 0, false), None);
    }

    #[test]
    fn growth_at_the_limit_ends_a_pause() {
        let mut trigger = Trigger::default();
        for _ in 0..8 {
            looks(&mut trigger, memory(101, 90, 100), 0);
        }
        assert!(looks(&mut trigger, memory(101, 90, 100), 0) > 50);
        assert_eq!(looks(&mut trigger, memory(104, 90, 100), 0), 1);
    }
}
