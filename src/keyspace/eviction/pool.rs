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
