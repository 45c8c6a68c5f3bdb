//! Least recently used, by a clock of uses: a slot keeps the tick of its last one.

use super::super::table::EVICT_BITS;
use super::clock::{Clock, Times};

const MASK: u32 = (1 << EVICT_BITS) - 1;

/// Counts a use; returns the bits for when.
#[inline]
pub(super) fn stamp(times: &mut Times) -> u16 {
    (times.count(Clock::Uses) & MASK) as u16
}

/// Greater for keys that were used longer ago, and the same for a key until it is used.
pub(super) fn rank(times: &Times, bits: u16) -> u64 {
    let now = times.now(Clock::Uses);
    let age = now.wrapping_sub(u32::from(bits)) & MASK;
    u64::MAX - u64::from(now.wrapping_sub(age))
}
