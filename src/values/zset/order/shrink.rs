//! Members that go or move: leaves and inner nodes are merged.

use super::super::slots::{NONE, Slots};
use super::node::{DEPTH_MAX, LEAF, LOW, WIDTH};
use super::{Order, Path, Place, partition, precedes};

impl Order {
    /// Takes a member out.
    pub fn remove(&mut self, score: f64, id: u32, slots: &Slots) {
        let (place, path) = self.locate(score, id, slots);
        self.cut(place, &path, 1);
    }

    /// Takes out up to `count` members from `rank` on that lie in one leaf; their numbers.
    pub fn remove_run(&mut self, rank: usize, count: usize) -> smallvec::SmallVec<[u32; WIDTH]> {
        let (place, path) = self.descend_to(rank);
        let leaf = self.leaves.at(place.leaf);
        let count = count.min(usize::from(leaf.len) - place.at);
        let ids = leaf.ids[place.at..][..count].into();
        self.cut(place, &path, count);
        ids
    }

    fn cut(&mut self, place: Place, path: &Path, count: usize) {
        let leaf = self.leaves.at_mut(place.leaf);
        let len = usize::from(leaf.len);
        leaf.scores.copy_within(place.at + count..len, place.at);
        leaf.ids.copy_within(place.at + count..len, place.at);
        leaf.len -= count as u16;
        let left = len - count;
        self.len -= count;
        for (node, child) in path.steps() {
            self.inners.at_mut(node).counts[child] -= count as u32;
        }
        if left == 0 {
            self.drop_leaf(place.leaf, path);
            return;
        }
        if place.at == 0 {
            self.renew_first(place.leaf, path);
        }
        if left < LOW {
            self.merge_leaf(path);
        }
    }

    /// Removes an empty leaf, unless it is the root.
    fn drop_leaf(&mut self, leaf: u32, path: &Path) {
        if path.depth > 0 {
            self.unchain(leaf);
            self.drop_child(path, path.depth - 1);
        }
    }

    fn unchain(&mut self, leaf: u32) {
        let leaf = self.leaves.remove(leaf);
        if leaf.prev != NONE {
            self.leaves.at_mut(leaf.prev).next = leaf.next;
        }
        if leaf.next != NONE {
            self.leaves.at_mut(leaf.next).prev = leaf.prev;
        }
    }

    /// Removes the child taken at a level of the path, which is no more; and nodes above that are
    /// empty by that.
    fn drop_child(&mut self, path: &Path, level: usize) {
        let (node, child) = path.steps[level];
        let inner = self.inners.at_mut(node);
        inner.close(child.into());
        if inner.len == 0 {
            // Only a node other than the root: the tree's last leaf is dropped with its content.
            self.inners.remove(node);
            if level == 0 {
                self.root = self.leaves.add(Box::new(LEAF));
                self.height = 0;
                return;
            }
            return self.drop_child(path, level - 1);
        }
        if child == 0 {
            let (score, id) = (inner.scores[0], inner.ids[0]);
            for (node, child) in path.steps[..level].iter().rev() {
                let inner = self.inners.at_mut(*node);
                let child = usize::from(*child);
                inner.scores[child] = score;
                inner.ids[child] = id;
                if child > 0 {
                    break;
                }
            }
        }
        self.merge_inner(path, level);
    }

    /// Merges the leaf at the path's end with a neighbour, if both fit into one.
    fn merge_leaf(&mut self, path: &Path) {
        let Some((parent, child)) = path.steps().next_back() else {
            return;
        };
        let inner = self.inners.at(parent);
        let Some(left) = inner.mergeable(child, |at| inner.counts[at] as usize) else {
            return;
        };
        let (into, from) = (inner.children[left], inner.children[left + 1]);
        let source = self.leaves.at(from).clone();
        let moved = usize::from(source.len);
        let target = self.leaves.at_mut(into);
        let len = usize::from(target.len);
        target.scores[len..len + moved].copy_from_slice(&source.scores[..moved]);
        target.ids[len..len + moved].copy_from_slice(&source.ids[..moved]);
        target.len += source.len;
        self.unchain(from);
        self.join(path, path.depth - 1, left);
    }

    /// Merges the inner node at a level of the path with a neighbour, if both fit into one; takes
    /// the root away if it has but one child.
    fn merge_inner(&mut self, path: &Path, level: usize) {
        let (node, _) = path.steps[level];
        let len = usize::from(self.inners.at(node).len);
        if level == 0 {
            if len == 1 {
                self.root = self.inners.remove(node).children[0];
                self.height -= 1;
                // What is now the root may have but one child as well.
                if self.height > 0 && self.inners.at(self.root).len == 1 {
                    let path = Path {
                        steps: [(self.root, 0); DEPTH_MAX],
                        depth: 1,
                    };
                    self.merge_inner(&path, 0);
                }
            }
            return;
        }
        if len >= LOW {
            return;
        }
        let (parent, child) = path.steps[level - 1];
        let inner = self.inners.at(parent);
        let len_of = |at: usize| usize::from(self.inners.at(inner.children[at]).len);
        let Some(left) = inner.mergeable(child.into(), len_of) else {
            return;
        };
        let (into, from) = (inner.children[left], inner.children[left + 1]);
        let source = self.inners.remove(from);
        let moved = usize::from(source.len);
        let target = self.inners.at_mut(into);
        let len = usize::from(target.len);
        target.scores[len..len + moved].copy_from_slice(&source.scores[..moved]);
        target.ids[len..len + moved].copy_from_slice(&source.ids[..moved]);
        target.children[len..len + moved].copy_from_slice(&source.children[..moved]);
        target.counts[len..len + moved].copy_from_slice(&source.counts[..moved]);
        target.len += source.len;
        self.join(path, level - 1, left);
    }

    /// Counts the child behind `left` to that one, and removes it, in the node at a level of the
    /// path.
    fn join(&mut self, path: &Path, level: usize, left: usize) {
        let inner = self.inners.at_mut(path.steps[level].0);
        inner.counts[left] += inner.counts[left + 1];
        inner.close(left + 1);
        self.merge_inner(path, level);
    }

    /// Moves a member to another score.
    pub fn update(&mut self, old: f64, score: f64, id: u32, slots: &Slots) {
        let (place, path) = self.locate(old, id, slots);
        let leaf = self.leaves.at_mut(place.leaf);
        let before = precedes(score, slots.name(id), slots);
        let len = usize::from(leaf.len);
        // Where it would go, the member itself still counted.
        let at = if score > old {
            let behind =
                (place.at + 1..len).take_while(|at| before(leaf.scores[*at], leaf.ids[*at]));
            place.at + 1 + behind.count()
        } else {
            partition(&leaf.scores, &leaf.ids, place.at as u16, &before)
        };
        let inside = (at > 0 || leaf.prev == NONE) && (at < len || leaf.next == NONE);
        if !inside {
            self.cut(place, &path, 1);
            self.insert(score, id, slots);
            return;
        }
        let to = if at > place.at {
            leaf.scores.copy_within(place.at + 1..at, place.at);
            leaf.ids.copy_within(place.at + 1..at, place.at);
            at - 1
        } else {
            leaf.scores.copy_within(at..place.at, at + 1);
            leaf.ids.copy_within(at..place.at, at + 1);
            at
        };
        leaf.scores[to] = score;
        leaf.ids[to] = id;
        if place.at == 0 || to == 0 {
            self.renew_first(place.leaf, &path);
        }
    }

    /// Gives the member `from` the number `to`; its slot is still the old one.
    pub fn renumber(&mut self, score: f64, from: u32, to: u32, slots: &Slots) {
        let (place, path) = self.locate(score, from, slots);
        let leaf = self.leaves.at_mut(place.leaf);
        leaf.ids[place.at] = to;
        if place.at == 0 {
            self.renew_first(place.leaf, &path);
        }
    }
}
