//! The nodes of a list: the first is in the list's own struct, the others are in a ring.
//!
//! Nearly all lists have one node. It is found where the key's entry is, and takes no ring.

use super::chunks::Node;
use crate::base::alloc::good_size;
use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

/// A sequence of nodes, see the module's text.
#[derive(Clone, Default)]
pub(super) struct Nodes {
    first: Option<Node>,
    /// Empty while there is no first one.
    rest: VecDeque<Node>,
}

impl Nodes {
    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    #[inline]
    pub fn get(&self, at: usize) -> Option<&Node> {
        match at {
            0 => self.first.as_ref(),
            at => self.rest.get(at - 1),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.first.iter().chain(&self.rest)
    }

    /// Bytes of the ring.
    pub fn ring_bytes(&self) -> usize {
        match self.rest.capacity() {
            0 => 0,
            capacity => good_size(capacity * size_of::<Node>()),
        }
    }

    /// Puts a node before the one at `at`, or behind all.
    pub fn insert(&mut self, at: usize, node: Node) {
        if at > 0 {
            self.rest.insert(at - 1, node);
        } else if let Some(second) = self.first.replace(node) {
            self.rest.push_front(second);
        }
    }

    /// Takes a node out, which exists.
    pub fn remove(&mut self, at: usize) -> Node {
        let node = if at > 0 {
            self.rest.remove(at - 1)
        } else {
            std::mem::replace(&mut self.first, self.rest.pop_front())
        };
        node.expect("the node exists")
    }

    /// Drops the nodes from `from` to before `to`, which exist.
    pub fn drop_range(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        self.rest.drain(from.saturating_sub(1)..to - 1);
        if from == 0 {
            self.first = self.rest.pop_front();
        }
    }

    /// Drops the nodes that do not stay.
    pub fn retain(&mut self, mut stays: impl FnMut(&Node) -> bool) {
        self.rest.retain(&mut stays);
        if self.first.as_ref().is_some_and(|first| !stays(first)) {
            self.first = self.rest.pop_front();
        }
    }

    /// Gives room back when most of the ring is not used.
    pub fn shrink(&mut self) {
        if self.rest.len() < self.rest.capacity() / 4 {
            self.rest.shrink_to(self.rest.len() * 2);
        }
    }
}

impl Index<usize> for Nodes {
    type Output = Node;

    #[inline]
    fn index(&self, at: usize) -> &Node {
        self.get(at).expect("the node exists")
    }
}

impl IndexMut<usize> for Nodes {
    #[inline]
    fn index_mut(&mut self, at: usize) -> &mut Node {
        let node = match at {
            0 => self.first.as_mut(),
            at => self.rest.get_mut(at - 1),
        };
        node.expect("the node exists")
    }
}
