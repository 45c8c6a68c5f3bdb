//! Members that come: leaves and inner nodes are split.

use super::super::slots::{NONE, Slots};
use super::node::{Arena, DEPTH_MAX, INNER, LEAF, ROOMY, WIDTH};
use super::{Order, Path, Place, precedes};

impl Order {
    /// The order of members that come sorted. O(n).
    pub fn of_sorted(ids: &[u32], slots: &Slots) -> Order {
        const FILL: usize = WIDTH - 7;
        let mut order = Order {
            leaves: Arena::NEW,
            inners: Arena::NEW,
            root: 0,
            height: 0,
            len: ids.len(),
        };
        let count = ids.len().div_ceil(FILL).max(1);
        let mut level = Vec::with_capacity(count);
        let mut rest = ids;
        for left in (1..=count).rev() {
            let (these, others) = rest.split_at(rest.len().div_ceil(left));
            rest = others;
            let mut leaf = Box::new(LEAF);
            for (at, id) in these.iter().enumerate() {
                leaf.scores[at] = slots.score(*id);
                leaf.ids[at] = *id;
            }
            leaf.len = these.len() as u16;
            let number = order.leaves.nodes.len() as u32;
            leaf.prev = number.wrapping_sub(1);
            leaf.next = if left > 1 { number + 1 } else { NONE };
            level.push((order.leaves.add(leaf), these.len() as u32));
        }
        while level.len() > 1 {
            level = order.stack(&level);
        }
        order.root = level[0].0;
        order
    }

    /// Puts a level of inner nodes on a level of nodes with their counts.
    fn stack(&mut self, below: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let count = below.len().div_ceil(WIDTH - 7);
        let mut level = Vec::with_capacity(count);
        let mut rest = below;
        for left in (1..=count).rev() {
            let (these, others) = rest.split_at(rest.len().div_ceil(left));
            rest = others;
            let mut inner = Box::new(INNER);
            for (at, (child, members)) in these.iter().enumerate() {
                (inner.scores[at], inner.ids[at]) = self.first(*child, self.height);
                inner.children[at] = *child;
                inner.counts[at] = *members;
            }
            inner.len = these.len() as u16;
            let members = these.iter().map(|(_, members)| members).sum();
            level.push((self.inners.add(inner), members));
        }
        self.height += 1;
        level
    }

    /// Enters a member.
    pub fn insert(&mut self, score: f64, id: u32, slots: &Slots) {
        loop {
            let (place, path) = self.descend(precedes(score, slots.name(id), slots));
            let leaf = self.leaves.at_mut(place.leaf);
            let len = usize::from(leaf.len);
            if len == WIDTH {
                self.make_room(place, &path);
                continue;
            }
            leaf.scores.copy_within(place.at..len, place.at + 1);
            leaf.ids.copy_within(place.at..len, place.at + 1);
            leaf.scores[place.at] = score;
            leaf.ids[place.at] = id;
            leaf.len += 1;
            for (node, child) in path.steps() {
                self.inners.at_mut(node).counts[child] += 1;
            }
            if place.at == 0 {
                self.renew_first(place.leaf, &path);
            }
            self.len += 1;
            return;
        }
    }

    /// Makes one step towards room in a leaf that is full: the place is to be sought again.
    fn make_room(&mut self, place: Place, path: &Path) {
        let leaf = self.leaves.at(place.leaf);
        let at_end = leaf.next == NONE && place.at == WIDTH;
        let at_start = leaf.prev == NONE && place.at == 0;
        if !at_end && !at_start && self.give_to_neighbour(place.leaf, path) {
            return;
        }
        // The highest of the full nodes right above, whose parent then has room.
        let full = |(node, _): &(u32, usize)| usize::from(self.inners.at(*node).len) == WIDTH;
        let above = path.steps().rev().take_while(full).count();
        let keep = match (at_start, at_end) {
            (_, true) => WIDTH - 1,
            (true, _) => 1,
            _ => WIDTH / 2,
        };
        if above == path.depth {
            self.add_root();
            return self.split(above, &self.lower(path), place.leaf, keep);
        }
        self.split(above, path, place.leaf, keep);
    }

    /// The path with the new root before it.
    fn lower(&self, path: &Path) -> Path {
        let mut lowered = *path;
        lowered.steps[0] = (self.root, 0);
        lowered.steps[1..].copy_from_slice(&path.steps[..DEPTH_MAX - 1]);
        lowered.depth += 1;
        lowered
    }

    fn add_root(&mut self) {
        assert!(self.height < DEPTH_MAX, "2^32 members need no more levels");
        let mut inner = Box::new(INNER);
        (inner.scores[0], inner.ids[0]) = self.first(self.root, self.height);
        inner.children[0] = self.root;
        inner.counts[0] = self.len as u32;
        inner.len = 1;
        self.root = self.inners.add(inner);
        self.height += 1;
    }

    /// Splits the node `above` levels over the leaf at the path's end, whose parent has room.
    fn split(&mut self, above: usize, path: &Path, leaf: u32, keep: usize) {
        let (parent, child) = path.steps[path.depth - 1 - above];
        let (new, members) = if above == 0 {
            self.split_leaf(leaf, keep)
        } else {
            let (node, taken) = path.steps[path.depth - above];
            // As a leaf does at either end of the tree.
            let keep = match usize::from(taken) {
                0 if keep == 1 => 1,
                taken if taken == WIDTH - 1 && keep == WIDTH - 1 => WIDTH - 1,
                _ => WIDTH / 2,
            };
            self.split_inner(node, keep)
        };
        let (score, id) = self.first(new, above);
        let inner = self.inners.at_mut(parent);
        let child = usize::from(child);
        inner.counts[child] -= members;
        inner.open(child + 1);
        inner.scores[child + 1] = score;
        inner.ids[child + 1] = id;
        inner.children[child + 1] = new;
        inner.counts[child + 1] = members;
    }

    /// Moves all but the first `keep` members of a leaf to a new one behind it; it, and how many.
    fn split_leaf(&mut self, leaf: u32, keep: usize) -> (u32, u32) {
        let old = self.leaves.at_mut(leaf);
        let mut new = Box::new(LEAF);
        let moved = usize::from(old.len) - keep;
        new.scores[..moved].copy_from_slice(&old.scores[keep..][..moved]);
        new.ids[..moved].copy_from_slice(&old.ids[keep..][..moved]);
        new.len = moved as u16;
        old.len = keep as u16;
        let behind = old.next;
        (new.prev, new.next) = (leaf, behind);
        let new = self.leaves.add(new);
        self.leaves.at_mut(leaf).next = new;
        if behind != NONE {
            self.leaves.at_mut(behind).prev = new;
        }
        (new, moved as u32)
    }

    /// Moves all but the first `keep` children of a node to a new one; it, and how many members.
    fn split_inner(&mut self, node: u32, keep: usize) -> (u32, u32) {
        let old = self.inners.at_mut(node);
        let mut new = Box::new(INNER);
        let moved = usize::from(old.len) - keep;
        new.scores[..moved].copy_from_slice(&old.scores[keep..][..moved]);
        new.ids[..moved].copy_from_slice(&old.ids[keep..][..moved]);
        new.children[..moved].copy_from_slice(&old.children[keep..][..moved]);
        new.counts[..moved].copy_from_slice(&old.counts[keep..][..moved]);
        new.len = moved as u16;
        old.len = keep as u16;
        let members = new.counts[..moved].iter().sum();
        (self.inners.add(new), members)
    }

    /// Moves members of a full leaf to one beside it, under the same parent, that has room.
    fn give_to_neighbour(&mut self, leaf: u32, path: &Path) -> bool {
        let Some((parent, child)) = path.steps().next_back() else {
            return false;
        };
        let inner = self.inners.at(parent);
        let roomy = |at: usize| inner.counts[at] as usize <= ROOMY;
        let (left, right) = if child > 0 && roomy(child - 1) {
            (inner.children[child - 1], leaf)
        } else if child + 1 < usize::from(inner.len) && roomy(child + 1) {
            (leaf, inner.children[child + 1])
        } else {
            return false;
        };
        let right_child = if right == leaf { child } else { child + 1 };
        self.balance(left, right);
        let (score, id) = self.first(right, 0);
        let counts = [left, right].map(|leaf| self.leaves.at(leaf).len.into());
        let inner = self.inners.at_mut(parent);
        inner.counts[right_child - 1..=right_child].copy_from_slice(&counts);
        inner.scores[right_child] = score;
        inner.ids[right_child] = id;
        true
    }

    /// Shares the members of two neighbouring leaves evenly.
    fn balance(&mut self, left: u32, right: u32) {
        let (mut scores, mut ids) = ([0.0; WIDTH * 2], [NONE; WIDTH * 2]);
        let mut len = 0;
        for leaf in [left, right] {
            let leaf = self.leaves.at(leaf);
            let count = usize::from(leaf.len);
            scores[len..len + count].copy_from_slice(&leaf.scores[..count]);
            ids[len..len + count].copy_from_slice(&leaf.ids[..count]);
            len += count;
        }
        for (leaf, range) in [(left, 0..len / 2), (right, len / 2..len)] {
            let leaf = self.leaves.at_mut(leaf);
            let count = range.len();
            leaf.scores[..count].copy_from_slice(&scores[range.clone()]);
            leaf.ids[..count].copy_from_slice(&ids[range]);
            leaf.len = count as u16;
        }
    }
}
