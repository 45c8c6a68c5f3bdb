//! Time as the policies know it: in uses and entries, so that a few bits of a slot tell ages apart
//! whatever the cache's size and load. A clock of seconds cannot tell keys apart that were used in
//! the same second.
//!
//! The clocks are common to all shards, since a shard of few keys has no sense of time of its own.
//! A thread counts for itself ([`Times`]) and publishes that once per batch.

use super::super::Keyspace;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering::Relaxed};

/// What a clock counts.
#[derive(Clone, Copy)]
pub(super) enum Clock {
    /// Uses of keys.
    Uses,
    /// Keys that enter S3-FIFO's small queue.
    Small,
    /// Keys that enter its main queue, or begin another round there.
    Main,
    /// Keys it remembers as ghosts.
    Ghosts,
}

const CLOCKS: usize = 4;
/// How often each ticks while it counts as many as there are keys.
const TICKS_PER_TURNOVER: [u32; CLOCKS] = [256, 240, 64, 1024];
/// The keys are counted anew after so many events, and after a sixteenth as many as there are.
const RECOUNT_EVENTS_MIN: u32 = 64;
const RECOUNT_SHARE: u32 = 16;

/// The clocks of a keyspace.
#[derive(Default)]
pub struct Clocks {
    ticks: [AtomicU32; CLOCKS],
    /// Events since the last tick.
    within: [AtomicU32; CLOCKS],
    /// Keys there are, or will be once memory is full.
    keys: AtomicU32,
    /// Events until they are counted anew.
    recount_in: AtomicI32,
}

/// What one thread knows of the clocks, and has not told them yet.
#[derive(Default)]
pub struct Times {
    ticks: [u32; CLOCKS],
    pending: [u32; CLOCKS],
    keys: u32,
}

impl Times {
    /// The present tick.
    #[inline]
    pub(super) fn now(&self, clock: Clock) -> u32 {
        self.ticks[clock as usize]
    }

    /// Counts an event; returns the present tick.
    #[inline]
    pub(super) fn count(&mut self, clock: Clock) -> u32 {
        self.pending[clock as usize] += 1;
        self.ticks[clock as usize]
    }

    /// Keys there are, or will be once memory is full.
    pub(super) fn keys(&self) -> u32 {
        self.keys
    }

    /// Ticks in which as many events are counted as there are keys.
    pub(super) fn turnover(&self, clock: Clock) -> u32 {
        self.keys / events_per_tick(self.keys, clock as usize)
    }

    /// As if so many keys were there and what was counted had been published.
    #[cfg(test)]
    pub(super) fn pass(&mut self, keys: u32) {
        self.keys = keys;
        for (clock, tick) in self.ticks.iter_mut().enumerate() {
            let per_tick = events_per_tick(keys, clock);
            *tick += self.pending[clock] / per_tick;
            self.pending[clock] %= per_tick;
        }
    }

    /// Tells the clocks what was counted, and looks at them.
    #[inline]
    pub(in super::super) fn publish(&mut self, keyspace: &Keyspace) {
        if self.pending != [0; CLOCKS] {
            self.publish_pending(keyspace);
        }
    }

    fn publish_pending(&mut self, keyspace: &Keyspace) {
        let clocks = &keyspace.clocks;
        let events: u32 = self.pending.iter().sum();
        let left = clocks.recount_in.fetch_sub(events as i32, Relaxed);
        if left <= events as i32 {
            clocks.recount(keyspace);
        }
        self.keys = clocks.keys.load(Relaxed);
        for clock in 0..CLOCKS {
            let events = std::mem::take(&mut self.pending[clock]);
            if events > 0 {
                clocks.advance(clock, events, events_per_tick(self.keys, clock));
            }
            self.ticks[clock] = clocks.ticks[clock].load(Relaxed);
        }
    }
}

fn events_per_tick(keys: u32, clock: usize) -> u32 {
    (keys / TICKS_PER_TURNOVER[clock]).max(1)
}

impl Clocks {
    fn advance(&self, clock: usize, events: u32, per_tick: u32) {
        let within = &self.within[clock];
        let counted = within.fetch_add(events, Relaxed).wrapping_add(events);
        let rest = counted % per_tick;
        // Where another thread was faster, it or the next one makes the tick.
        if counted >= per_tick
            && within
                .compare_exchange(counted, rest, Relaxed, Relaxed)
                .is_ok()
        {
            self.ticks[clock].fetch_add(counted / per_tick, Relaxed);
        }
    }

    #[cold]
    fn recount(&self, keyspace: &Keyspace) {
        let held: usize = (0..keyspace.databases()).map(|db| keyspace.len(db)).sum();
        let (used, allowed) = (keyspace.used_bytes(), keyspace.allowed_bytes());
        let mut keys = held as f64;
        if allowed < u64::MAX && used > 0 {
            keys *= (allowed as f64 / used as f64).max(1.0);
        }
        self.keys.store(keys as u32, Relaxed);
        let events = (held as u32 / RECOUNT_SHARE).max(RECOUNT_EVENTS_MIN);
        self.recount_in.store(events as i32, Relaxed);
    }
}
