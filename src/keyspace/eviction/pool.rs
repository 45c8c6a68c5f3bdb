//! Keys that deserve to go, kept from one eviction to the next.
//!
//! An eviction looks at a few slots only. What it finds and does not evict is remembered by the
//! slot's contents: so long as they are the same, the key was not used since. Thus the worst of a
//! few is the worst of many, as with Redis's pool of candidates.

use super::super::table::Pos;

/// Most candidates.
const CANDIDATES_MAX: usize = 24;

/// A key that might be evicted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The greatest goes first.
    pub(super) rank: u64,
    /// Where it is: shard, database and slot.
    pub(super) place: (usize, usize, Pos),
    /// What the slot held.
    pub(super) word: u64,
}

/// The candidates, the first to go last.
#[derive(Default)]
pub(super) struct Pool(Vec<Candidate>);

impl Pool {
    pub(super) fn offer(&mut self, candidate: Candidate) {
        let full = self.0.len() == CANDIDATES_MAX;
        if full && candidate.rank <= self.0[0].rank {
            return;
        }
        let same = self
            .0
            .iter()
            .position(|other| other.place == candidate.place);
        match same {
            Some(same) => drop(self.0.remove(same)),
            None if full => drop(self.0.remove(0)),
            None => {}
        }
        let at = self.0.partition_point(|other| other.rank < candidate.rank);
        self.0.insert(at, candidate);
    }

    pub(super) fn take(&mut self) -> Option<Candidate> {
        self.0.pop()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::table::Pos;
    use super::*;

    fn candidate(rank: u64, shard: usize) -> Candidate {
        Candidate {
            rank,
            place: (shard, 0, Pos::default()),
            word: 1,
        }
    }

    #[test]
    fn the_worst_are_kept_and_a_slot_is_one_candidate() {
        let mut pool = Pool::default();
        for n in 0..100 {
            // 37 and 100 have no common divisor: every rank once, in no order.
            pool.offer(candidate(n * 37 % 100, n as usize));
        }
        pool.offer(candidate(99, 1000));
        pool.offer(candidate(1000, 1000));
        let ranks: Vec<u64> = std::iter::from_fn(|| pool.take().map(|found| found.rank)).collect();
        assert_eq!(ranks.len(), CANDIDATES_MAX);
        assert_eq!(ranks[..3], [1000, 99, 98]);
        assert!(ranks.is_sorted_by(|a, b| a > b), "{ranks:?}");
    }
}
