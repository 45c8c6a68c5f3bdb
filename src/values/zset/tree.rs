//! A big sorted set: its members, found by name and in the order of their scores.

use super::gathering::Gathering;
use super::index::Index;
use super::order::{Backward, Forward, Order};
use super::range::Span;
use super::slots::Slots;
use crate::values::Element;
use std::ops::Range;

/// Members by name and in the order of their scores.
///
/// Some 48 bytes for a member with a name of up to 14 bytes: 24 in the slots, 9 in the index, 15 in
/// the order.
#[derive(Clone)]
pub struct Tree {
    slots: Slots,
    index: Index,
    order: Order,
}

impl Default for Tree {
    fn default() -> Tree {
        Gathering::with_room(0).into_tree()
    }
}

impl Tree {
    /// A tree of members that are in no order yet; `ids` are their numbers in order.
    pub(super) fn of_sorted(slots: Slots, index: Index, ids: &[u32]) -> Tree {
        let order = Order::of_sorted(ids, &slots);
        Tree {
            slots,
            index,
            order,
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        self.slots.size_bytes() + self.index.size_bytes() + self.order.size_bytes()
    }

    /// Loads what leads to a member: in step 1 its bucket, in step 2 the slots that it may have.
    pub fn ahead(&self, name: &[u8], step: usize, load: &mut impl FnMut(*const u8)) {
        match step {
            1 => load(self.index.bucket_address(name)),
            _ => self
                .index
                .each_likely(name, |id| load(self.slots.address(id))),
        }
    }

    /// A member's number, for this and the next call.
    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<u32> {
        self.index.find(name, &self.slots)
    }

    /// A member's score.
    #[inline]
    pub(super) fn score(&self, id: u32) -> f64 {
        self.slots.score(id)
    }

    /// A member's name.
    #[inline]
    pub(super) fn name(&self, id: u32) -> &[u8] {
        self.slots.name(id)
    }

    /// A member's rank.
    pub(super) fn rank(&self, id: u32) -> usize {
        self.order.rank(self.slots.score(id), id, &self.slots)
    }

    /// Adds a member that is not there yet.
    pub(super) fn insert(&mut self, name: &[u8], score: f64) {
        let id = self.slots.add(name, score);
        self.index.insert(name, id, &self.slots);
        self.order.insert(score, id, &self.slots);
    }

    /// Gives a member another score, which compares as different.
    pub(super) fn update(&mut self, id: u32, score: f64) {
        self.order
            .update(self.slots.score(id), score, id, &self.slots);
        self.slots.set_score(id, score);
    }

    /// Removes a member.
    pub(super) fn remove(&mut self, id: u32) {
        self.order.remove(self.slots.score(id), id, &self.slots);
        self.forget(id);
    }

    /// Removes a member that is no longer in the order.
    fn forget(&mut self, id: u32) {
        self.index.remove(self.slots.name(id), id, &self.slots);
        self.slots.remove(id);
    }

    /// Lets the slots become fewer; see [`Slots::shrink`]. Not while a number is held.
    fn tidy(&mut self, removed: usize) {
        // Half of the slots may be free: a member that went lets two slots go.
        for _ in 0..2 * removed {
            let Some((from, to)) = self.slots.shrink() else {
                return;
            };
            let (name, score) = (self.slots.name(from), self.slots.score(from));
            self.index.renumber(name, from, to);
            self.order.renumber(score, from, to, &self.slots);
            self.slots.relocate(from, to);
        }
    }

    /// Removes a member and gives memory back.
    pub(super) fn remove_and_tidy(&mut self, id: u32) {
        self.remove(id);
        self.tidy(1);
    }

    /// Removes the members of some ranks.
    pub(super) fn remove_ranks(&mut self, ranks: Range<usize>) {
        let mut left = ranks.len();
        while left > 0 {
            let ids = self.order.remove_run(ranks.start, left);
            left -= ids.len();
            for id in &ids {
                self.forget(*id);
            }
            self.tidy(ids.len());
        }
    }

    /// The ranks of what is meant.
    pub(super) fn ranks(&self, span: &Span<'_>) -> Range<usize> {
        if let Span::Ranks(ranks) = span {
            return ranks.of(self.len());
        }
        if span.is_empty() {
            return 0..0;
        }
        let (start, end) = match span {
            Span::Ranks(_) => unreachable!("returned above"),
            Span::Scores(range) => (
                self.order.seek(|score, _| range.is_after(score)).rank,
                self.order.seek(|score, _| range.ends_after(score)).rank,
            ),
            Span::Names(range) => (
                self.order
                    .seek(|_, id| range.is_after(self.slots.name(id)))
                    .rank,
                self.order
                    .seek(|_, id| range.ends_after(self.slots.name(id)))
                    .rank,
            ),
        };
        start..end.max(start)
    }

    /// Visits the members of some ranks.
    pub(super) fn forward(&self, ranks: Range<usize>) -> Forward<'_> {
        let place = self.order.at_rank(ranks.start);
        self.order.forward(place, ranks.len())
    }

    /// Visits the members of some ranks, the last first.
    pub(super) fn backward(&self, ranks: Range<usize>) -> Backward<'_> {
        let place = self.order.at_rank(ranks.end);
        self.order.backward(place, ranks.len())
    }

    /// Visits the members of one bucket; where to go on, 0 at the end. See [`Index::scan`].
    pub(super) fn scan(&self, cursor: u64, visit: &mut impl FnMut(Element<'_>, f64)) -> u64 {
        self.index.scan(cursor, &mut |id| {
            visit(Element::Bytes(self.slots.name(id)), self.slots.score(id));
        })
    }

    /// Asserts that the parts agree.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.order.check(&self.slots);
        self.index.check(&self.slots);
        assert_eq!(
            self.order
                .forward(self.order.at_rank(0), usize::MAX)
                .count(),
            self.len()
        );
    }
}
