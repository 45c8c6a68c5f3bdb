//! S3-FIFO, sampled: "FIFO queues are all you need for cache eviction", Yang et al., SOSP 2023.
//!
//! The paper keeps a small queue for newcomers (a tenth of the cache), a main queue for keys that
//! were asked for again, and a ghost queue of keys that left the small one. Here the queues have
//! no links: a slot says which queue its key is in, how often it was used (up to three times) and
//! when it entered, in ticks of that queue; the head of a queue is the oldest of a window of
//! slots. How full the small queue is follows from the same window. Nothing is kept per key but
//! the slot's eleven bits, and four bytes per key in the ghost table once memory is limited.
//!
//! ```text
//! bits 0–1 uses │ bit 2 main │ bits 3–10 tick of entry
//! ```

use super::super::shard::Shard;
use super::super::table::{Hash, Pos, Table};
use crate::base::random::Random;
use std::cell::RefCell;

const USES_MAX: u16 = 3;
const MAIN: u16 = 1 << 2;
const TICK_SHIFT: u32 = 3;
const TICK_MASK: u32 = 0xff;
/// A queue's clock ticks so often while as many keys enter as the shard has.
const TICKS_PER_TURNOVER: usize = 64;
/// Slots looked at for one decision: ten cache lines.
const WINDOW: usize = 80;
/// One in this many keys belongs in the small queue.
const SMALL_SHARE: usize = 10;
/// Uses that take a key from the small queue to the main one.
const PROMOTE_USES: u16 = 2;
/// Decisions (promotions and second chances) made before the best candidate goes regardless.
const DECISIONS_MAX: usize = 24;

/// A shard's queues: their clocks, and who has lately left the small one.
#[derive(Default)]
pub struct Queues {
    small: QueueClock,
    main: QueueClock,
    ghost: Ghost,
}

#[derive(Default)]
struct QueueClock {
    tick: u32,
    within: u32,
}

impl QueueClock {
    /// Notes that a key enters; returns the bits for when.
    fn enter(&mut self, len: usize) -> u16 {
        self.within += 1;
        if self.within as usize > len / TICKS_PER_TURNOVER {
            self.within = 0;
            self.tick = self.tick.wrapping_add(1);
        }
        ((self.tick & TICK_MASK) << TICK_SHIFT) as u16
    }

    fn age(&self, bits: u16) -> u32 {
        self.tick.wrapping_sub(u32::from(bits >> TICK_SHIFT)) & TICK_MASK
    }
}

/// The bits of a new key: the main queue for one that was here lately, else the small one.
pub(super) fn admitted(shard: &Shard, hash: Hash, len: usize) -> u16 {
    let mut queues = shard.queues.borrow_mut();
    if queues.ghost.take(hash) {
        queues.main.enter(len) | MAIN
    } else {
        queues.small.enter(len)
    }
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

/// The key to evict. Promotes keys of the small queue that were used, and gives used keys of the
/// main queue another round, as the paper does.
pub(super) fn victim(shard: &Shard, table: &Table, random: &mut Random) -> Option<Pos> {
    let mut best = None;
    for _ in 0..DECISIONS_MAX {
        let start = random.below(table.buckets() as u64) as usize;
        let mut queues = shard.queues.borrow_mut();
        let window = Window::look(table, start, &queues);
        let (pos, bits) = window.head()?;
        best = Some(pos);
        if bits & MAIN != 0 {
            if bits & USES_MAX == 0 {
                return best;
            }
            let entered = queues.main.enter(table.len());
            table.set_evict_bits(pos, ((bits & USES_MAX) - 1) | MAIN | entered);
        } else if bits & USES_MAX >= PROMOTE_USES {
            let entered = queues.main.enter(table.len());
            table.set_evict_bits(pos, MAIN | entered);
        } else {
            let hash = super::super::hash_key(table.entry(pos).key());
            queues.ghost.add(hash, table.len());
            return best;
        }
    }
    best
}

/// How little a key deserves to stay: the less used, and of those the longer in its queue.
pub(super) fn badness(shard: &Shard, bits: u16) -> u64 {
    let queues = shard.queues.borrow();
    let clock = if bits & MAIN != 0 {
        &queues.main
    } else {
        &queues.small
    };
    u64::from(USES_MAX - (bits & USES_MAX)) << 8 | u64::from(clock.age(bits))
}

/// What a window of slots says: the oldest of each queue, and how many of each.
struct Window {
    small: Option<(u32, Pos, u16)>,
    main: Option<(u32, Pos, u16)>,
    small_len: usize,
    len: usize,
}

impl Window {
    fn look(table: &Table, start: usize, queues: &Queues) -> Window {
        let mut window = Window {
            small: None,
            main: None,
            small_len: 0,
            len: 0,
        };
        for pos in table.positions(start, table.buckets()).take(WINDOW) {
            let bits = table.evict_bits(pos);
            window.len += 1;
            let (oldest, age) = if bits & MAIN != 0 {
                (&mut window.main, queues.main.age(bits))
            } else {
                window.small_len += 1;
                (&mut window.small, queues.small.age(bits))
            };
            if oldest.is_none_or(|(other, ..)| age > other) {
                *oldest = Some((age, pos, bits));
            }
        }
        window
    }

    fn head(&self) -> Option<(Pos, u16)> {
        let small_is_full = self.small_len * SMALL_SHARE > self.len;
        let (first, second) = if small_is_full {
            (self.small, self.main)
        } else {
            (self.main, self.small)
        };
        first.or(second).map(|(_, pos, bits)| (pos, bits))
    }
}

/// Fingerprints of keys that left the small queue, in sets of four; the oldest of a set goes.
/// One cell holds 16 bits of hash and 16 bits of when.
#[derive(Default)]
struct Ghost {
    cells: Vec<u32>,
    clock: u32,
}

const WAYS: usize = 4;

impl Ghost {
    /// Remembers a key. The table follows the shard's size: about one cell per key.
    fn add(&mut self, hash: Hash, len: usize) {
        let wanted = len.max(WAYS).next_multiple_of(WAYS);
        if self.cells.len() < wanted / 2 || self.cells.len() > wanted * 2 {
            self.cells = vec![0; wanted];
        }
        self.clock = self.clock.wrapping_add(1);
        let (tick, set, print) = (self.tick(), self.set(hash), fingerprint(hash));
        let oldest = set
            .clone()
            .max_by_key(|index| match self.cells[*index] {
                0 => u16::MAX,
                cell => tick.wrapping_sub(cell as u16),
            })
            .unwrap_or(set.start);
        self.cells[oldest] = print | u32::from(tick);
    }

    /// Was the key here lately? It is forgotten by being asked.
    fn take(&mut self, hash: Hash) -> bool {
        if self.cells.is_empty() {
            return false;
        }
        let (tick, print) = (self.tick(), fingerprint(hash));
        let lately = (self.cells.len() as u32 / self.per_tick()) as u16;
        for index in self.set(hash) {
            let cell = self.cells[index];
            if cell & 0xffff_0000 == print && cell != 0 {
                self.cells[index] = 0;
                return tick.wrapping_sub(cell as u16) <= lately;
            }
        }
        false
    }

    fn set(&self, hash: Hash) -> std::ops::Range<usize> {
        let sets = (self.cells.len() / WAYS) as u64;
        let set = ((u64::from(hash.position()) * sets) >> 32) as usize;
        set * WAYS..set * WAYS + WAYS
    }

    /// Additions per tick, so that 16 bits tell ages apart over many times the table's size.
    fn per_tick(&self) -> u32 {
        (self.cells.len() as u32 / 1024).max(1)
    }

    fn tick(&self) -> u16 {
        // Zero is for vacant cells.
        (self.clock / self.per_tick()) as u16 | 1
    }
}

fn fingerprint(hash: Hash) -> u32 {
    // Bits that the position in the table does not use.
    let bits = (hash.0 ^ (hash.0 >> 48)) as u32 & 0xffff;
    bits << 16
}

/// A shard's queues behind a cell of their own.
pub type Cell = RefCell<Queues>;

/// Bytes of a shard's ghost table.
pub fn ghost_bytes(queues: &Queues) -> usize {
    queues.ghost.cells.capacity() * size_of::<u32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ghost_remembers_about_as_many_as_fit() {
        let mut ghost = Ghost::default();
        let hash = |n: u64| super::super::super::hash_key(&n.to_le_bytes());
        for n in 0..10_000 {
            ghost.add(hash(n), 1000);
        }
        let recent = (9500..10_000).filter(|n| ghost.take(hash(*n))).count();
        let ancient = (0..8000).filter(|n| ghost.take(hash(*n))).count();
        assert!(recent > 350, "{recent} of the last 500");
        assert!(ancient < 80, "{ancient} of those long gone");
        assert!(!ghost.take(hash(9999)), "asking forgets");
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
