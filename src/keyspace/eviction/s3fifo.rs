//! S3-FIFO, sampled: "FIFO queues are all you need for cache eviction", Yang et al., SOSP 2023.
//!
//! The paper keeps a small queue for newcomers (a tenth of the cache), a main queue for keys that
//! were asked for again, and a ghost queue of keys that left the small one. Here the queues have
//! no links: a slot says which queue its key is in, how often it was used (up to three times) and
//! when it entered, in ticks of that queue's clock. The head of a queue is the oldest of the slots
//! looked at lately, of which the oldest are remembered ([`super::pool`]); how full the small queue
//! is follows from the same slots. Nothing is kept per key but the slot's eleven bits, and four
//! bytes per key in the ghost tables once memory is limited.
//!
//! ```text
//! bits 0–1 uses │ bit 2 main │ bits 3–10 tick of entry
//! ```

use super::super::accounts::{account, forget};
use super::super::event::Event;
use super::super::shard::Shard;
use super::super::table::Hash;
use super::super::{Keyspace, Local};
use super::clock::{Clock, Times};
use super::pool::{Candidate, Pool};
use super::{locked, sample};
use std::cell::RefCell;

const USES_MAX: u16 = 3;
const MAIN: u16 = 1 << 2;
const TICK_SHIFT: u32 = 3;
const TICK_MASK: u32 = 0xff;
/// Slots looked at for one decision.
const WINDOW: usize = 32;
/// One in this many keys belongs in the small queue.
const SMALL_SHARE: f32 = 10.0;
/// Uses that take a key from the small queue to the main one.
const PROMOTE_USES: u16 = 2;
/// Decisions (promotions and second chances) made before the best candidate goes regardless.
const DECISIONS_MAX: usize = 32;
/// The least weight of a window in what is known of the small queue's length.
const WINDOW_WEIGHT_MIN: f32 = 1.0 / 64.0;

/// The heads of the queues, as far as one thread knows them.
#[derive(Default)]
pub(super) struct Heads {
    small: Pool,
    main: Pool,
    /// The small queue's share of the keys.
    small_share: f32,
}

impl Heads {
    pub(super) fn clear(&mut self) {
        self.small.clear();
        self.main.clear();
    }
}

/// The bits of a new key: the main queue for one that was here lately, else the small one.
pub(super) fn admitted(shard: &Shard, hash: Hash, times: &mut Times) -> u16 {
    let mut ghosts = shard.ghosts.borrow_mut();
    if ghosts.take(hash, times) {
        entered(times, Clock::Main) | MAIN
    } else {
        entered(times, Clock::Small)
    }
}

fn entered(times: &mut Times, clock: Clock) -> u16 {
    ((times.count(clock) & TICK_MASK) << TICK_SHIFT) as u16
}

/// The bits after a use.
#[inline]
pub(super) fn used(bits: u16) -> u16 {
    if bits & USES_MAX < USES_MAX {
        bits + 1
    } else {
        bits
    }
}

/// Greater for keys that entered their queue longer ago.
fn queue_rank(times: &Times, bits: u16) -> u64 {
    let clock = if bits & MAIN != 0 {
        Clock::Main
    } else {
        Clock::Small
    };
    let now = times.now(clock);
    let age = now.wrapping_sub(u32::from(bits >> TICK_SHIFT)) & TICK_MASK;
    u64::from(u32::MAX - now.wrapping_sub(age))
}

/// How little a key deserves to stay: the less used, and of those the longer in its queue.
pub(super) fn rank(times: &Times, bits: u16) -> u64 {
    u64::from(USES_MAX - (bits & USES_MAX)) << 32 | queue_rank(times, bits)
}

/// What came of a candidate.
enum Decision {
    /// It was used meanwhile, or is gone.
    Stale,
    /// It was promoted, or begins another round.
    Kept,
    Evicted,
}

/// Evicts one key. Promotes keys of the small queue that were used, and gives used keys of the
/// main queue another round, as the paper does. False without keys.
pub(super) fn evict_one(keyspace: &Keyspace, local: &mut Local) -> bool {
    let mut decisions = 0;
    loop {
        if !look(keyspace, local) {
            return false;
        }
        while let Some(candidate) = head(&mut local.victims.heads) {
            match decide(keyspace, local, &candidate, decisions >= DECISIONS_MAX) {
                Decision::Evicted => return true,
                Decision::Kept => {
                    decisions += 1;
                    break;
                }
                Decision::Stale => {}
            }
        }
    }
}

/// Looks at a window of slots. False when there are none.
fn look(keyspace: &Keyspace, local: &mut Local) -> bool {
    let Local {
        rng,
        times,
        victims,
        ..
    } = local;
    let heads = &mut victims.heads;
    let (mut small, mut all) = (0, 0);
    sample(keyspace, rng, false, WINDOW, |place, table| {
        let bits = table.evict_bits(place.2);
        let candidate = Candidate {
            rank: queue_rank(times, bits),
            place,
            word: table.word(place.2),
        };
        all += 1;
        if bits & MAIN != 0 {
            heads.main.offer(candidate);
        } else {
            small += 1;
            heads.small.offer(candidate);
        }
    });
    let weight = (all as f32 / times.keys().max(1) as f32).clamp(WINDOW_WEIGHT_MIN, 1.0);
    let share = small as f32 / all.max(1) as f32;
    heads.small_share += (share - heads.small_share) * weight;
    all > 0
}

fn head(heads: &mut Heads) -> Option<Candidate> {
    let small_is_full = heads.small_share * SMALL_SHARE >= 1.0;
    if small_is_full {
        heads.small.take().or_else(|| heads.main.take())
    } else {
        heads.main.take().or_else(|| heads.small.take())
    }
}

fn decide(keyspace: &Keyspace, local: &mut Local, candidate: &Candidate, force: bool) -> Decision {
    let Some((guard, table)) = locked(keyspace, candidate) else {
        return Decision::Stale;
    };
    let (shard, (_, db, pos)) = (guard.shard(), candidate.place);
    let bits = table.evict_bits(pos);
    let uses = bits & USES_MAX;
    let is_main = bits & MAIN != 0;
    if !force && is_main && uses > 0 {
        table.set_evict_bits(
            pos,
            (uses - 1) | MAIN | entered(&mut local.times, Clock::Main),
        );
        return Decision::Kept;
    }
    if !force && !is_main && uses >= PROMOTE_USES {
        table.set_evict_bits(pos, MAIN | entered(&mut local.times, Clock::Main));
        return Decision::Kept;
    }
    if !is_main {
        let hash = super::super::hash_key(table.entry(pos).key());
        let mut ghosts = shard.ghosts.borrow_mut();
        let before = ghosts.bytes();
        ghosts.add(hash, table.len(), &mut local.times);
        let grown = ghosts.bytes() as i64 - before as i64;
        account(shard, local, grown);
    }
    local.tally.evicted += 1;
    forget(keyspace, shard, (db, table, pos), Event::Evicted, local);
    Decision::Evicted
}

/// Fingerprints of a shard's keys that left the small queue, in sets of sixteen, a cache line; the
/// oldest of a set goes. One cell holds 16 bits of hash and 16 bits of when.
#[derive(Default)]
pub struct Ghosts {
    cells: Vec<u32>,
}

/// A shard's ghosts behind a cell of their own.
pub type Cell = RefCell<Ghosts>;

const WAYS: usize = 16;

impl Ghosts {
    /// Remembers a key. The table follows the shard's size: about one cell per key.
    fn add(&mut self, hash: Hash, len: usize, times: &mut Times) {
        let wanted = len.next_multiple_of(WAYS).max(WAYS);
        if self.cells.len() < wanted / 2 || self.cells.len() > wanted * 2 {
            self.cells = vec![0; wanted];
        }
        let tick = cell_tick(times.count(Clock::Ghosts));
        let (set, print) = (self.set(hash), fingerprint(hash));
        let oldest = set
            .clone()
            .max_by_key(|index| match self.cells[*index] {
                0 => u16::MAX,
                cell => tick.wrapping_sub(cell as u16),
            })
            .unwrap_or(set.start);
        self.cells[oldest] = print | u32::from(tick);
    }

    /// Was the key here lately: one of the last that left, as many as fit into the main queue? It
    /// is forgotten by being asked.
    fn take(&mut self, hash: Hash, times: &Times) -> bool {
        if self.cells.is_empty() {
            return false;
        }
        let tick = cell_tick(times.now(Clock::Ghosts));
        let turnover = times.turnover(Clock::Ghosts);
        let lately = turnover - (turnover as f32 / SMALL_SHARE) as u32;
        let print = fingerprint(hash);
        for index in self.set(hash) {
            let cell = self.cells[index];
            if cell & 0xffff_0000 == print && cell != 0 {
                self.cells[index] = 0;
                return u32::from(tick.wrapping_sub(cell as u16)) <= lately;
            }
        }
        false
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<u32>()
    }

    fn set(&self, hash: Hash) -> std::ops::Range<usize> {
        let sets = (self.cells.len() / WAYS) as u64;
        let set = ((u64::from(hash.position()) * sets) >> 32) as usize;
        set * WAYS..set * WAYS + WAYS
    }
}

/// The clock in a cell, which is zero when it is vacant.
fn cell_tick(tick: u32) -> u16 {
    (tick as u16).max(1)
}

fn fingerprint(hash: Hash) -> u32 {
    // Bits that the position in the table does not use.
    let bits = (hash.0 ^ (hash.0 >> 48)) as u32 & 0xffff;
    bits << 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ghost_remembers_about_as_many_as_fit() {
        let (mut ghost, mut times) = (Ghosts::default(), Times::default());
        let hash = |n: u64| super::super::super::hash_key(&n.to_le_bytes());
        for n in 0..10_000 {
            ghost.add(hash(n), 1000, &mut times);
            times.pass(1000);
        }
        let recent = (9500..10_000)
            .filter(|n| ghost.take(hash(*n), &times))
            .count();
        let ancient = (0..8000).filter(|n| ghost.take(hash(*n), &times)).count();
        assert!(recent > 350, "{recent} of the last 500");
        assert!(ancient < 80, "{ancient} of those long gone");
        assert!(!ghost.take(hash(9999), &times), "asking forgets");
    }

    #[test]
    fn uses_saturate() {
        let mut bits = MAIN | 5 << TICK_SHIFT;
        for expected in [1, 2, 3, 3] {
            bits = used(bits);
            assert_eq!(bits & USES_MAX, expected);
            assert_eq!(bits & !USES_MAX, MAIN | 5 << TICK_SHIFT);
        }
    }
}
