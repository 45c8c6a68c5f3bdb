//! Members in the order of (score, name): a B+ tree whose inner nodes count.
//!
//! A leaf holds scores and numbers of members side by side, so that a search by score reads no
//! member; names are looked at only to tell equal scores apart. An inner node knows of each child
//! its first member and how many members are below it: descending yields ranks, and finds by them.
//! Leaves are chained both ways. Nodes are addressed by number, so there is nothing unsafe.
//!
//! Cost: O(log n) with a base around 45. A leaf that is full gives to a neighbour that is not
//! before it splits, and a split at either end of the tree leaves the full leaf full: ascending
//! scores (time stamps) fill leaves to the brim, random ones to some 80 %. Neighbours that fit
//! into one are merged.

mod grow;
mod node;
mod shrink;

use super::slots::{NONE, Slots};
use node::{Arena, DEPTH_MAX, Inner, Leaf, WIDTH};

/// The way from the root to a leaf: inner nodes, and which child was taken.
#[derive(Clone, Copy)]
struct Path {
    steps: [(u32, u16); DEPTH_MAX],
    depth: usize,
}

impl Path {
    fn steps(&self) -> impl DoubleEndedIterator<Item = (u32, usize)> + '_ {
        self.steps[..self.depth]
            .iter()
            .map(|(node, child)| (*node, usize::from(*child)))
    }
}

/// A place between members, or at one.
#[derive(Clone, Copy)]
pub(super) struct Place {
    leaf: u32,
    at: usize,
    /// Members before it.
    pub rank: usize,
}

/// See the module's text.
#[derive(Clone)]
pub(super) struct Order {
    leaves: Arena<Leaf>,
    inners: Arena<Inner>,
    /// A leaf, when there are no levels above.
    root: u32,
    /// Levels of inner nodes.
    height: usize,
    len: usize,
}

/// Does a member come before (`score`, `name`)?
#[inline]
fn precedes<'s>(score: f64, name: &'s [u8], slots: &'s Slots) -> impl Fn(f64, u32) -> bool + 's {
    move |other, id| other < score || (other == score && slots.name(id) < name)
}

/// How many of the first `len` pairs `before` holds for; it holds for a head of them.
#[inline]
fn partition(
    scores: &[f64; WIDTH],
    ids: &[u32; WIDTH],
    len: u16,
    before: &impl Fn(f64, u32) -> bool,
) -> usize {
    let (mut start, mut size) = (0, usize::from(len).min(WIDTH));
    while size > 0 {
        let half = size / 2;
        let middle = start + half;
        if before(scores[middle], ids[middle]) {
            start = middle + 1;
            size -= half + 1;
        } else {
            size = half;
        }
    }
    start
}

impl Order {
    /// The first member of a node that has `height` levels of inner nodes, itself included.
    fn first(&self, node: u32, height: usize) -> (f64, u32) {
        if height == 0 {
            let leaf = self.leaves.at(node);
            (leaf.scores[0], leaf.ids[0])
        } else {
            let inner = self.inners.at(node);
            (inner.scores[0], inner.ids[0])
        }
    }

    /// Bytes taken from the allocator.
    pub fn size_bytes(&self) -> usize {
        self.leaves.size_bytes() + self.inners.size_bytes()
    }

    /// The place behind the members that `before` holds for, which are a head of all.
    #[inline]
    pub fn seek(&self, before: impl Fn(f64, u32) -> bool) -> Place {
        self.descend(before).0
    }

    fn descend(&self, before: impl Fn(f64, u32) -> bool) -> (Place, Path) {
        let mut path = Path {
            steps: [(NONE, 0); DEPTH_MAX],
            depth: 0,
        };
        let (mut node, mut rank) = (self.root, 0);
        while path.depth < self.height {
            let inner = self.inners.at(node);
            let child = partition(&inner.scores, &inner.ids, inner.len, &before).saturating_sub(1);
            rank += inner.counts[..child].iter().sum::<u32>() as usize;
            path.steps[path.depth] = (node, child as u16);
            path.depth += 1;
            node = inner.children[child];
        }
        let leaf = self.leaves.at(node);
        let at = partition(&leaf.scores, &leaf.ids, leaf.len, &before);
        let place = Place {
            leaf: node,
            at,
            rank: rank + at,
        };
        (place, path)
    }

    /// The place of the member of that rank, or behind the last.
    pub fn at_rank(&self, rank: usize) -> Place {
        self.descend_to(rank).0
    }

    fn descend_to(&self, rank: usize) -> (Place, Path) {
        let rank = rank.min(self.len);
        let mut path = Path {
            steps: [(NONE, 0); DEPTH_MAX],
            depth: 0,
        };
        let (mut node, mut left) = (self.root, rank);
        while path.depth < self.height {
            let inner = self.inners.at(node);
            let mut child = 0;
            while left >= inner.counts[child] as usize && child + 1 < usize::from(inner.len) {
                left -= inner.counts[child] as usize;
                child += 1;
            }
            path.steps[path.depth] = (node, child as u16);
            path.depth += 1;
            node = inner.children[child];
        }
        let place = Place {
            leaf: node,
            at: left,
            rank,
        };
        (place, path)
    }

    /// The rank of a member.
    pub fn rank(&self, score: f64, id: u32, slots: &Slots) -> usize {
        self.locate(score, id, slots).0.rank
    }

    /// The place of a member. It is found as the last that does not come behind itself: what comes
    /// before it may end in the leaf before.
    fn locate(&self, score: f64, id: u32, slots: &Slots) -> (Place, Path) {
        let before = precedes(score, slots.name(id), slots);
        let (mut place, path) = self.descend(|other, own| own == id || before(other, own));
        place.at -= 1;
        place.rank -= 1;
        debug_assert_eq!(self.leaves.at(place.leaf).ids[place.at], id);
        (place, path)
    }

    /// Tells the nodes above that a leaf's first member has changed.
    fn renew_first(&mut self, leaf: u32, path: &Path) {
        let (score, id) = self.first(leaf, 0);
        for (node, child) in path.steps().rev() {
            let inner = self.inners.at_mut(node);
            inner.scores[child] = score;
            inner.ids[child] = id;
            if child > 0 {
                return;
            }
        }
    }

    /// Visits up to `count` members from a place on.
    pub fn forward(&self, place: Place, count: usize) -> Forward<'_> {
        Forward {
            order: self,
            leaf: self.leaves.at(place.leaf),
            at: place.at,
            left: count.min(self.len - place.rank),
        }
    }

    /// Visits up to `count` members that lie before a place, the nearest first.
    pub fn backward(&self, place: Place, count: usize) -> Backward<'_> {
        Backward {
            order: self,
            leaf: self.leaves.at(place.leaf),
            at: place.at,
            left: count.min(place.rank),
        }
    }

    /// Asserts what the module's text says.
    #[cfg(test)]
    pub fn check(&self, slots: &Slots) {
        let (count, _) = self.check_node(self.root, self.height, slots);
        assert_eq!(count, self.len);
        let all: Vec<_> = self.forward(self.at_rank(0), self.len).collect();
        assert_eq!(all.len(), self.len);
        for pair in all.windows(2) {
            let [(a, x), (b, y)] = [pair[0], pair[1]];
            assert!(a < b || a == b && slots.name(x) < slots.name(y));
        }
        let mut back: Vec<_> = self.backward(self.at_rank(self.len), self.len).collect();
        back.reverse();
        assert!(back == all);
        let nodes = (self.leaves.nodes.len() - self.leaves.free.len()) * WIDTH;
        assert!(
            nodes <= WIDTH || self.len * 8 >= nodes,
            "{nodes} for {}",
            self.len
        );
    }

    #[cfg(test)]
    fn check_node(&self, node: u32, height: usize, slots: &Slots) -> (usize, (f64, u32)) {
        if height == 0 {
            let leaf = self.leaves.at(node);
            assert!(leaf.len > 0 || self.len == 0);
            for at in 0..usize::from(leaf.len) {
                assert!(leaf.scores[at].to_bits() == slots.score(leaf.ids[at]).to_bits());
            }
            return (leaf.len.into(), (leaf.scores[0], leaf.ids[0]));
        }
        let inner = self.inners.at(node);
        let mut sum = 0;
        for at in 0..usize::from(inner.len) {
            let (count, first) = self.check_node(inner.children[at], height - 1, slots);
            assert_eq!(count, inner.counts[at] as usize);
            assert_eq!(first, (inner.scores[at], inner.ids[at]));
            sum += count;
        }
        assert!(inner.len > 1 || height < self.height);
        (sum, (inner.scores[0], inner.ids[0]))
    }
}

/// See [`Order::forward`].
#[derive(Clone)]
pub(super) struct Forward<'a> {
    order: &'a Order,
    leaf: &'a Leaf,
    at: usize,
    left: usize,
}

impl Iterator for Forward<'_> {
    type Item = (f64, u32);

    #[inline]
    fn next(&mut self) -> Option<(f64, u32)> {
        self.left = self.left.checked_sub(1)?;
        if self.at == usize::from(self.leaf.len) {
            self.leaf = self.order.leaves.at(self.leaf.next);
            self.at = 0;
        }
        let found = (self.leaf.scores[self.at], self.leaf.ids[self.at]);
        self.at += 1;
        Some(found)
    }
}

/// See [`Order::backward`].
#[derive(Clone)]
pub(super) struct Backward<'a> {
    order: &'a Order,
    leaf: &'a Leaf,
    at: usize,
    left: usize,
}

impl Iterator for Backward<'_> {
    type Item = (f64, u32);

    #[inline]
    fn next(&mut self) -> Option<(f64, u32)> {
        self.left = self.left.checked_sub(1)?;
        if self.at == 0 {
            self.leaf = self.order.leaves.at(self.leaf.prev);
            self.at = usize::from(self.leaf.len);
        }
        self.at -= 1;
        Some((self.leaf.scores[self.at], self.leaf.ids[self.at]))
    }
}
