//! Least recently used, by a logical clock per shard.
//!
//! The clock ticks once per `len / TICKS_PER_TURNOVER` accesses of its shard, so that eleven bits
//! tell ages apart over many turnovers of the cache whatever its size and load; a clock of seconds
//! cannot tell keys apart that were used in the same second.

use super::super::shard::Shard;
use super::super::table::EVICT_BITS;

/// Ticks in as many accesses as the shard has keys.
const TICKS_PER_TURNOVER: u32 = 256;
const MASK: u32 = (1 << EVICT_BITS) - 1;
/// The low bits of a shard's access word count accesses within a tick.
const TICK_SHIFT: u32 = 16;

/// Counts an access and returns the present tick. `len` is the table's number of keys.
#[inline]
pub(super) fn stamp(shard: &Shard, len: usize) -> u16 {
    let word = shard.accesses.get();
    let within = word & ((1 << TICK_SHIFT) - 1);
    let per_tick = (len as u32 / TICKS_PER_TURNOVER).min((1 << TICK_SHIFT) - 1);
    let next = if within >= per_tick {
        // Start the next tick; wraps with the word.
        (word & !((1 << TICK_SHIFT) - 1)).wrapping_add(1 << TICK_SHIFT)
    } else {
        word + 1
    };
    shard.accesses.set(next);
    (next >> TICK_SHIFT & MASK) as u16
}

/// Ticks since the key was last used.
pub(super) fn age(shard: &Shard, bits: u16) -> u64 {
    u64::from((shard.accesses.get() >> TICK_SHIFT).wrapping_sub(u32::from(bits)) & MASK)
}
