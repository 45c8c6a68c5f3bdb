//! The nodes of the tree.

use super::super::slots::NONE;

/// Entries of a node: a leaf is 768 bytes, an inner node 1,280, both classes of the allocator.
pub const WIDTH: usize = 63;
/// Below this many, a node is merged with a neighbour if they fit.
pub const LOW: usize = WIDTH / 3;
/// Entries of two neighbours that are made one: some room is left.
pub const MERGED_MAX: usize = WIDTH - 7;
/// A leaf with at most this many takes some of a full neighbour's.
pub const ROOMY: usize = WIDTH - 8;
/// Levels of inner nodes at most: 2^32 members in nodes a third full.
pub const DEPTH_MAX: usize = 8;

/// Members side by side.
#[derive(Clone)]
pub struct Leaf {
    pub scores: [f64; WIDTH],
    pub ids: [u32; WIDTH],
    pub len: u16,
    pub prev: u32,
    pub next: u32,
}

/// Children side by side.
#[derive(Clone)]
pub struct Inner {
    /// The first member below each child.
    pub scores: [f64; WIDTH],
    pub ids: [u32; WIDTH],
    pub children: [u32; WIDTH],
    /// Members below each child.
    pub counts: [u32; WIDTH],
    pub len: u16,
}

const _: () = assert!(size_of::<Leaf>() <= 768);
const _: () = assert!(size_of::<Inner>() <= 1280);

/// A leaf without members.
pub const LEAF: Leaf = Leaf {
    scores: [0.0; WIDTH],
    ids: [NONE; WIDTH],
    len: 0,
    prev: NONE,
    next: NONE,
};

/// A node without children.
pub const INNER: Inner = Inner {
    scores: [0.0; WIDTH],
    ids: [NONE; WIDTH],
    children: [NONE; WIDTH],
    counts: [0; WIDTH],
    len: 0,
};

/// Nodes by number.
#[derive(Clone)]
pub struct Arena<T> {
    pub nodes: Vec<Option<Box<T>>>,
    pub free: Vec<u32>,
}

impl<T> Arena<T> {
    pub const NEW: Arena<T> = Arena {
        nodes: Vec::new(),
        free: Vec::new(),
    };

    #[inline]
    pub fn at(&self, id: u32) -> &T {
        self.nodes[id as usize].as_deref().expect("a node in use")
    }

    #[inline]
    pub fn at_mut(&mut self, id: u32) -> &mut T {
        self.nodes[id as usize]
            .as_deref_mut()
            .expect("a node in use")
    }

    pub fn add(&mut self, node: Box<T>) -> u32 {
        match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = Some(node);
                id
            }
            None => {
                self.nodes.push(Some(node));
                self.nodes.len() as u32 - 1
            }
        }
    }

    pub fn remove(&mut self, id: u32) -> Box<T> {
        self.free.push(id);
        self.nodes[id as usize].take().expect("a node in use")
    }

    pub fn size_bytes(&self) -> usize {
        // Either kind of node is one of the allocator's classes, which are 256 bytes apart there.
        (self.nodes.len() - self.free.len()) * size_of::<T>().next_multiple_of(256)
            + self.nodes.capacity() * size_of::<Option<Box<T>>>()
            + self.free.capacity() * size_of::<u32>()
    }
}

impl Inner {
    /// Makes room for a child at `at`.
    pub fn open(&mut self, at: usize) {
        let len = usize::from(self.len);
        self.scores.copy_within(at..len, at + 1);
        self.ids.copy_within(at..len, at + 1);
        self.children.copy_within(at..len, at + 1);
        self.counts.copy_within(at..len, at + 1);
        self.len += 1;
    }

    /// Removes the child at `at`.
    pub fn close(&mut self, at: usize) {
        let len = usize::from(self.len);
        self.scores.copy_within(at + 1..len, at);
        self.ids.copy_within(at + 1..len, at);
        self.children.copy_within(at + 1..len, at);
        self.counts.copy_within(at + 1..len, at);
        self.len -= 1;
    }

    /// The left one of two neighbours, of which `child` is one, that fit into one node.
    pub fn mergeable(&self, child: usize, len_of: impl Fn(usize) -> usize) -> Option<usize> {
        let fits = |left: usize| {
            left + 1 < usize::from(self.len) && len_of(left) + len_of(left + 1) <= MERGED_MAX
        };
        let before = child.checked_sub(1).filter(|left| fits(*left));
        before.or_else(|| fits(child).then_some(child))
    }
}

#[cfg(test)]
mod tests {
    use super::{Inner, Leaf};
    use crate::base::alloc::good_size;

    #[test]
    fn nodes_are_size_classes() {
        assert_eq!(
            good_size(size_of::<Leaf>()),
            size_of::<Leaf>().next_multiple_of(256)
        );
        assert_eq!(
            good_size(size_of::<Inner>()),
            size_of::<Inner>().next_multiple_of(256)
        );
    }
}
