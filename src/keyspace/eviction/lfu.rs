//! Least frequently used: Redis's logarithmic counter (8 bits) with decay, in a slot's bits.
//!
//! The three bits above the counter are the low bits of the decay period in which the counter was
//! last brought up to date; a key unused for more than seven periods has lost at least seven from
//! its counter by the time it is looked at, which is what the sweep sees to.
//! <https://redis.io/docs/latest/develop/reference/eviction/>

use super::Settings;
use crate::base::random::Random;

/// The counter of a new key, so that it is not evicted at once.
const INITIAL: u8 = 5;
const PERIOD_BITS: u32 = 3;
const MINUTE_MS: u64 = 60_000;

/// The bits of a new key.
pub(super) fn initial(now_ms: u64, settings: &Settings) -> u16 {
    pack(INITIAL, period(now_ms, settings))
}

/// The bits after a use: decayed, then raised with a probability that falls as the counter rises.
pub(super) fn used(bits: u16, now_ms: u64, settings: &Settings, rng: &mut Random) -> u16 {
    let mut counter = frequency(bits, now_ms, settings);
    if counter < u8::MAX {
        let above = u64::from(counter.saturating_sub(INITIAL));
        let odds = above * u64::from(settings.lfu_log_factor) + 1;
        if rng.below(odds) == 0 {
            counter += 1;
        }
    }
    pack(counter, period(now_ms, settings))
}

/// The counter, decayed to the present.
pub(super) fn frequency(bits: u16, now_ms: u64, settings: &Settings) -> u8 {
    if settings.lfu_decay_minutes == 0 {
        return bits as u8;
    }
    let then = u64::from(bits >> 8);
    let elapsed = period(now_ms, settings).wrapping_sub(then) & ((1 << PERIOD_BITS) - 1);
    (bits as u8).saturating_sub(elapsed as u8)
}

/// Greater for keys used less often.
pub(super) fn badness(bits: u16, now_ms: u64, settings: &Settings) -> u64 {
    u64::from(u8::MAX - frequency(bits, now_ms, settings))
}

fn period(now_ms: u64, settings: &Settings) -> u64 {
    now_ms / MINUTE_MS / u64::from(settings.lfu_decay_minutes.max(1))
}

fn pack(counter: u8, period: u64) -> u16 {
    u16::from(counter) | ((period & ((1 << PERIOD_BITS) - 1)) as u16) << 8
}
