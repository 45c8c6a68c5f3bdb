//! Which key goes when memory is full.
//!
//! A policy lives in the eleven bits it has in a slot, and in a few clocks of the keyspace. Victims
//! are chosen among the slots of a few adjacent buckets of a random shard, and of the next ones
//! where that has few keys, and among the worst that earlier evictions have seen (`pool`): no entry
//! is touched until one is evicted (`volatile-ttl` excepted, which must read deadlines). Each write
//! evicts what it needs, so eviction is never a burst; [`EVICTIONS_PER_WRITE_MAX`] bounds it.

pub(super) mod clock;
mod lfu;
mod lru;
mod pool;
pub(super) mod s3fifo;

use super::accounts::forget;
use super::defrag;
use super::event::Event;
use super::shard::{Guard, Shard};
use super::table::{Hash, Pos, Table};
use super::{Keyspace, Local};
use crate::base::random::Random;
pub use crate::config::EvictionPolicy as Policy;
use clock::Times;
use pool::{Candidate, Pool};

/// A write evicts at most this many keys, more only when it brings a large value itself.
pub const EVICTIONS_PER_WRITE_MAX: usize = 4;
/// Bytes of an incoming write for which one more eviction is allowed.
const BYTES_PER_EVICTION: usize = 64;
/// A single write never evicts more than this.
const EVICTIONS_MAX: usize = 8192;

/// What the policies need to know.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The policy.
    pub policy: Policy,
    /// Slots looked at for one victim, a quarter of them.
    pub samples: usize,
    /// Hits needed to raise a frequency, as Redis's `lfu-log-factor`.
    pub lfu_log_factor: u32,
    /// Minutes after which an unused key's frequency falls by one; 0: never.
    pub lfu_decay_minutes: u32,
}

impl Settings {
    /// Does the policy record uses?
    #[inline]
    pub fn records_use(&self) -> bool {
        use Policy::*;
        matches!(
            self.policy,
            AllkeysLru | VolatileLru | AllkeysLfu | VolatileLfu | AllkeysS3fifo
        )
    }

    /// Is the policy by frequency?
    pub fn is_lfu(&self) -> bool {
        matches!(self.policy, Policy::AllkeysLfu | Policy::VolatileLfu)
    }

    fn volatile_only(&self) -> bool {
        use Policy::*;
        matches!(
            self.policy,
            VolatileLru | VolatileLfu | VolatileRandom | VolatileTtl
        )
    }
}

/// The bits of a key that is about to be stored.
pub(super) fn admitted(shard: &Shard, hash: Hash, local: &mut Local, now_ms: u64) -> u16 {
    match local.settings.policy {
        Policy::AllkeysLru | Policy::VolatileLru => lru::stamp(&mut local.times),
        Policy::AllkeysLfu | Policy::VolatileLfu => lfu::initial(now_ms, &local.settings),
        Policy::AllkeysS3fifo => s3fifo::admitted(shard, hash, &mut local.times),
        _ => 0,
    }
}

/// The bits of a key that has just been used. Call only when the policy records uses.
#[inline]
pub(super) fn used(bits: u16, local: &mut Local, now_ms: u64) -> u16 {
    match local.settings.policy {
        Policy::AllkeysS3fifo => s3fifo::used(bits),
        Policy::AllkeysLfu | Policy::VolatileLfu => {
            lfu::used(bits, now_ms, &local.settings, &mut local.rng)
        }
        _ => lru::stamp(&mut local.times),
    }
}

/// A key's frequency counter, for `OBJECT FREQ`.
pub fn frequency(bits: u16, now_ms: u64, settings: &Settings) -> u8 {
    lfu::frequency(bits, now_ms, settings)
}

/// Is there nothing for [`make_room`] to do, whatever is written?
#[inline]
pub fn is_unlimited(keyspace: &Keyspace) -> bool {
    keyspace.allowed_bytes() == u64::MAX && !keyspace.defrag.is_running()
}

/// Makes room for a write of about `incoming_bytes`. False when memory is full and nothing may
/// be evicted.
pub fn make_room(
    keyspace: &Keyspace,
    local: &mut Local,
    now_ms: u64,
    incoming_bytes: usize,
) -> bool {
    defrag::hurry(keyspace, local, now_ms, incoming_bytes);
    if !is_over(keyspace, local, incoming_bytes) {
        return true;
    }
    let bound = EVICTIONS_PER_WRITE_MAX + incoming_bytes / BYTES_PER_EVICTION;
    evict_some(
        keyspace,
        local,
        now_ms,
        incoming_bytes,
        bound.min(EVICTIONS_MAX),
    )
}

/// Evicts at most `count` keys, until `incoming_bytes` would fit. False when nothing could be
/// evicted.
pub fn evict_some(
    keyspace: &Keyspace,
    local: &mut Local,
    now_ms: u64,
    incoming_bytes: usize,
    count: usize,
) -> bool {
    if local.settings.policy == Policy::Noeviction {
        return false;
    }
    for round in 0..count {
        if !evict_one(keyspace, local, now_ms) {
            return round > 0;
        }
        if !is_over(keyspace, local, incoming_bytes) {
            break;
        }
    }
    true
}

/// Would entries take more than they may, with `incoming_bytes` more?
#[inline]
pub fn is_over(keyspace: &Keyspace, local: &Local, incoming_bytes: usize) -> bool {
    let used = keyspace.used_bytes() as i64 + local.used_delta + incoming_bytes as i64;
    used > keyspace.allowed_bytes().min(i64::MAX as u64) as i64
}

/// Slots looked at for each sample that is configured: they lie in the same cache lines.
const SLOTS_PER_SAMPLE: usize = 4;

/// What one thread knows of keys that deserve to go.
#[derive(Default)]
pub struct Victims {
    policy: Option<Policy>,
    pool: Pool,
    heads: s3fifo::Heads,
}

impl Victims {
    /// Forgets what another policy has found.
    fn prepare(&mut self, policy: Policy) {
        if self.policy != Some(policy) {
            self.policy = Some(policy);
            self.pool.clear();
            self.heads.clear();
        }
    }
}

/// Evicts one key. False when no key may be evicted.
pub fn evict_one(keyspace: &Keyspace, local: &mut Local, now_ms: u64) -> bool {
    let settings = local.settings;
    local.victims.prepare(settings.policy);
    if settings.policy == Policy::AllkeysS3fifo {
        return s3fifo::evict_one(keyspace, local);
    }
    let is_random = matches!(
        settings.policy,
        Policy::AllkeysRandom | Policy::VolatileRandom
    );
    let slots = match is_random {
        true => 1,
        false => settings.samples * SLOTS_PER_SAMPLE,
    };
    loop {
        let Local {
            rng,
            times,
            victims,
            ..
        } = local;
        let mut found = false;
        sample(
            keyspace,
            rng,
            settings.volatile_only(),
            slots,
            |place, table| {
                found = true;
                victims.pool.offer(Candidate {
                    rank: rank(table, place.2, &settings, times, now_ms),
                    place,
                    word: table.word(place.2),
                });
            },
        );
        while let Some(candidate) = local.victims.pool.take() {
            let (_, db, pos) = candidate.place;
            let Some((guard, table)) = locked(keyspace, &candidate) else {
                continue;
            };
            // A deadline may have changed in place.
            if rank(table, pos, &settings, &local.times, now_ms) >= candidate.rank {
                local.tally.evicted += 1;
                let place = (db, table, pos);
                forget(keyspace, guard.shard(), place, Event::Evicted, local);
                return true;
            }
        }
        if !found {
            return false;
        }
    }
}

/// Shows `visit` so many slots, those with a deadline if only they count, from a random place on:
/// in one shard, and in the next ones where that has not as many. Fewer only when there are no more.
fn sample(
    keyspace: &Keyspace,
    random: &mut Random,
    volatile_only: bool,
    slots: usize,
    mut visit: impl FnMut((usize, usize, Pos), &Table),
) {
    let shards = keyspace.shards();
    let start = random.below(shards.len() as u64) as usize;
    let mut left = slots;
    for offset in 0..shards.len() {
        let index = (start + offset) % shards.len();
        // One that somebody holds for long has its turn another time: this may be a worker.
        let Some(guard) = shards[index].lock_briefly() else {
            continue;
        };
        let first = random.below(keyspace.databases() as u64) as usize;
        for db in (first..keyspace.databases()).chain(0..first) {
            let Some(table) = guard.shard().existing_table(db) else {
                continue;
            };
            let eligible = match volatile_only {
                true => table.volatile_len(),
                false => table.len(),
            };
            if eligible == 0 {
                continue;
            }
            let bucket = random.below(table.buckets() as u64) as usize;
            let positions = table.positions(bucket, table.buckets());
            for pos in positions
                .filter(|pos| !volatile_only || table.is_volatile(*pos))
                .take(left.min(eligible))
            {
                left -= 1;
                visit((index, db, pos), table);
            }
            if left == 0 {
                return;
            }
        }
    }
}

/// Locks the shard of a candidate; with its table, unless its slot has changed.
fn locked<'a>(keyspace: &'a Keyspace, candidate: &Candidate) -> Option<(Guard<'a>, &'a Table)> {
    let (shard, db, pos) = candidate.place;
    let guard = keyspace.shards()[shard].lock_briefly()?;
    let table = guard.shard().existing_table(db)?;
    (table.holds(pos) && table.word(pos) == candidate.word).then_some((guard, table))
}

/// Keys that one is compared with before it goes for the page it lies in.
const RIVALS: usize = 5;
/// By this share of what entries may take more of them go than must, when that empties pages.
const AHEAD_SHARE: u64 = 256;

/// May this key be evicted, must something be, and does it deserve to stay less than others do?
pub(super) fn is_expendable(
    keyspace: &Keyspace,
    table: &Table,
    pos: Pos,
    local: &mut Local,
    now_ms: u64,
) -> bool {
    let settings = local.settings;
    let eligible = |pos: &Pos| !settings.volatile_only() || table.is_volatile(*pos);
    let ahead = keyspace.allowed_bytes() / AHEAD_SHARE;
    if settings.policy == Policy::Noeviction
        || !eligible(&pos)
        || !is_over(keyspace, local, usize::try_from(ahead).unwrap_or(0))
    {
        return false;
    }
    if matches!(
        settings.policy,
        Policy::AllkeysRandom | Policy::VolatileRandom
    ) {
        return local.rng.below(2) == 0;
    }
    let times = &local.times;
    let rank = |pos| rank(table, pos, &settings, times, now_ms);
    let own = rank(pos);
    let rivals = table.others(pos).filter(eligible).take(RIVALS);
    rivals.filter(|rival| rank(*rival) > own).count() <= RIVALS / 2
}

/// How little a key deserves to stay; the greatest goes.
fn rank(table: &Table, pos: Pos, settings: &Settings, times: &Times, now_ms: u64) -> u64 {
    match settings.policy {
        Policy::AllkeysRandom | Policy::VolatileRandom | Policy::Noeviction => 0,
        Policy::VolatileTtl => u64::MAX - table.entry(pos).deadline().unwrap_or(u64::MAX),
        Policy::AllkeysLfu | Policy::VolatileLfu => {
            lfu::badness(table.evict_bits(pos), now_ms, settings)
        }
        Policy::AllkeysS3fifo => s3fifo::rank(times, table.evict_bits(pos)),
        _ => lru::rank(times, table.evict_bits(pos)),
    }
}
