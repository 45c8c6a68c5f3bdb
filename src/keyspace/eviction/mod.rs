//! Which key goes when memory is full.
//!
//! A policy lives in the eleven bits it has in a slot and a few words per shard. Victims are
//! chosen among the slots of a few adjacent buckets of one random shard: no entry is touched until
//! one is evicted (`volatile-ttl` excepted, which must read deadlines). Each write evicts what it
//! needs, so eviction is never a burst; [`EVICTIONS_PER_WRITE_MAX`] bounds it.

mod lfu;
mod lru;
pub(super) mod s3fifo;

use super::accounts::{account, forget};
use super::defrag;
use super::shard::Shard;
use super::table::{Hash, Pos, Table};
use super::{Keyspace, Local};
pub use crate::config::EvictionPolicy as Policy;

/// A write evicts at most this many keys, more only when it brings a large value itself.
pub const EVICTIONS_PER_WRITE_MAX: usize = 16;
/// Bytes of an incoming write for which one more eviction is allowed.
const BYTES_PER_EVICTION: usize = 64;
/// A single write never evicts more than this.
const EVICTIONS_MAX: usize = 8192;

/// What the policies need to know.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The policy.
    pub policy: Policy,
    /// Slots looked at for one victim.
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
pub(super) fn admitted(
    shard: &Shard,
    table: &Table,
    hash: Hash,
    settings: &Settings,
    now_ms: u64,
) -> u16 {
    match settings.policy {
        Policy::AllkeysLru | Policy::VolatileLru => lru::stamp(shard, table.len()),
        Policy::AllkeysLfu | Policy::VolatileLfu => lfu::initial(now_ms, settings),
        Policy::AllkeysS3fifo => s3fifo::admitted(shard, hash, table.len()),
        _ => 0,
    }
}

/// The bits of a key that has just been used. Call only when the policy records uses.
#[inline]
pub(super) fn used(shard: &Shard, table: &Table, bits: u16, local: &mut Local, now_ms: u64) -> u16 {
    match local.settings.policy {
        Policy::AllkeysS3fifo => s3fifo::used(bits),
        Policy::AllkeysLfu | Policy::VolatileLfu => {
            lfu::used(bits, now_ms, &local.settings, &mut local.rng)
        }
        _ => lru::stamp(shard, table.len()),
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

/// Evicts one key. False when no key may be evicted.
pub fn evict_one(keyspace: &Keyspace, local: &mut Local, now_ms: u64) -> bool {
    let shards = keyspace.shards();
    let start = local.rng.below(shards.len() as u64) as usize;
    for offset in 0..shards.len() {
        let guard = shards[(start + offset) % shards.len()].lock();
        let shard = guard.shard();
        let first = local.rng.below(keyspace.databases() as u64) as usize;
        for db in (first..keyspace.databases()).chain(0..first) {
            let Some(table) = shard.existing_table(db) else {
                continue;
            };
            let ghost_before = s3fifo::ghost_bytes(&shard.queues.borrow());
            let chosen = victim(shard, table, local, now_ms);
            let ghost = s3fifo::ghost_bytes(&shard.queues.borrow());
            account(shard, local, ghost as i64 - ghost_before as i64);
            if let Some(pos) = chosen {
                local.tally.evicted += 1;
                forget(keyspace, shard, db, table, pos, local);
                return true;
            }
        }
    }
    false
}

/// Keys that one is compared with before it goes for the page it lies in.
const RIVALS: usize = 5;
/// By this share of what entries may take more of them go than must, when that empties pages.
const AHEAD_SHARE: u64 = 256;

/// May this key be evicted, must something be, and does it deserve to stay less than others do?
pub(super) fn is_expendable(
    keyspace: &Keyspace,
    shard: &Shard,
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
    let badness = |pos| badness(shard, table, pos, &settings, now_ms);
    let own = badness(pos);
    let rivals = table.others(pos).filter(eligible).take(RIVALS);
    rivals.filter(|rival| badness(*rival) > own).count() <= RIVALS / 2
}

/// The worst of a few adjacent keys, or none that may be evicted in this table.
fn victim(shard: &Shard, table: &Table, local: &mut Local, now_ms: u64) -> Option<Pos> {
    let settings = local.settings;
    let eligible = if settings.volatile_only() {
        table.volatile_len()
    } else {
        table.len()
    };
    if eligible == 0 {
        return None;
    }
    if settings.policy == Policy::AllkeysS3fifo {
        return s3fifo::victim(shard, table, &mut local.rng);
    }
    let start = local.rng.below(table.buckets() as u64) as usize;
    let samples = match settings.policy {
        Policy::AllkeysRandom | Policy::VolatileRandom => 1,
        _ => settings.samples,
    };
    table
        .positions(start, table.buckets())
        .filter(|pos| !settings.volatile_only() || table.is_volatile(*pos))
        .take(samples)
        .max_by_key(|pos| badness(shard, table, *pos, &settings, now_ms))
}

/// How little a key deserves to stay; the greatest goes.
fn badness(shard: &Shard, table: &Table, pos: Pos, settings: &Settings, now_ms: u64) -> u64 {
    match settings.policy {
        Policy::AllkeysRandom | Policy::VolatileRandom | Policy::Noeviction => 0,
        Policy::VolatileTtl => u64::MAX - table.entry(pos).deadline().unwrap_or(u64::MAX),
        Policy::AllkeysLfu | Policy::VolatileLfu => {
            lfu::badness(table.evict_bits(pos), now_ms, settings)
        }
        Policy::AllkeysS3fifo => s3fifo::badness(shard, table.evict_bits(pos)),
        _ => lru::age(shard, table.evict_bits(pos)),
    }
}
