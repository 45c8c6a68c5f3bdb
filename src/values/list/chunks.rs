//! A list of its own: a sequence of chunks.

use super::Limits;
use super::chunk::Chunk;
use super::iter::Iter;
use super::nodes::Nodes;
use super::run::{self, Framed, Item, Needle};
use crate::base::alloc::good_size;
use crate::protocol::output::Blob;
use crate::values::content::LINE_BYTES;
use std::sync::Arc;

/// Lines at the front of a run that are loaded ahead; of a longer range the hardware sees the rest.
const FRONT_LINES: usize = 3;

/// A sequence of chunks, see the module's text.
#[derive(Clone)]
pub struct Chunks {
    nodes: Nodes,
    len: usize,
    /// Bytes of all runs and of the elements that are nodes of their own.
    run_bytes: usize,
    /// Bytes the nodes take from the allocator.
    allocated: usize,
    /// Does `OBJECT ENCODING` call it a listpack?
    pub(super) is_small: bool,
}

/// A part of the sequence.
#[derive(Clone)]
pub(super) enum Node {
    /// Elements, at least one.
    Packed(Chunk),
    /// One long element.
    Plain(Blob),
}

impl Node {
    fn plain(text: &[u8]) -> Node {
        Node::Plain(Arc::new(text.to_vec()))
    }

    /// Loads both ends of a run.
    fn ahead(&self, load: &mut impl FnMut(*const u8)) {
        let Node::Packed(chunk) = self else { return };
        let run = chunk.run().as_ptr_range();
        // An element that is put before the first lies in front of it.
        let front = run.start.wrapping_sub(LINE_BYTES / 2);
        for line in 0..FRONT_LINES {
            load(front.wrapping_add(line * LINE_BYTES));
        }
        load(run.end.wrapping_sub(LINE_BYTES));
        load(run.end);
    }

    fn count(&self) -> usize {
        match self {
            Node::Packed(chunk) => chunk.count(),
            Node::Plain(_) => 1,
        }
    }

    fn run_bytes(&self) -> usize {
        match self {
            Node::Packed(chunk) => chunk.run_bytes(),
            Node::Plain(blob) => blob.len(),
        }
    }

    fn allocated(&self) -> usize {
        match self {
            Node::Packed(chunk) => good_size(chunk.capacity()),
            // Two counts and the three words of a vector.
            Node::Plain(blob) => good_size(5 * size_of::<usize>()) + good_size(blob.capacity()),
        }
    }

    /// Has it room for another element of `added` bytes?
    fn fits(&self, added: usize, limits: Limits) -> bool {
        match self {
            Node::Packed(chunk) => {
                chunk.run_bytes() + added <= limits.node_bytes && chunk.count() < limits.node_count
            }
            Node::Plain(_) => false,
        }
    }
}

/// Where an element is, or where one can be put.
#[derive(Clone, Copy)]
struct Spot {
    node: usize,
    /// Its index in the node.
    index: usize,
}

impl Chunks {
    /// A run's elements, copied.
    pub(super) fn of(run: &[u8], count: usize, is_small: bool) -> Chunks {
        let mut chunks = Chunks {
            nodes: Nodes::default(),
            len: 0,
            run_bytes: 0,
            allocated: 0,
            is_small,
        };
        if count > 0 {
            chunks.put(0, Node::Packed(Chunk::of(run, count, run.len())));
        }
        chunks
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        self.allocated + self.nodes.ring_bytes()
    }

    /// What `OBJECT ENCODING` calls it.
    pub fn encoding(&self) -> &'static str {
        if self.is_small {
            "listpack"
        } else {
            "quicklist"
        }
    }

    /// Bytes of the elements, encoded.
    pub(super) fn run_bytes(&self) -> usize {
        self.run_bytes
    }

    /// Are all elements in runs?
    pub(super) fn is_packed(&self) -> bool {
        self.nodes
            .iter()
            .all(|node| matches!(node, Node::Packed(_)))
    }

    /// Appends all runs to `bytes`; all elements are in runs.
    pub(super) fn append_runs_to(&self, bytes: &mut Vec<u8>) {
        for node in self.nodes.iter() {
            match node {
                Node::Packed(chunk) => bytes.extend_from_slice(chunk.run()),
                Node::Plain(_) => unreachable!("long elements are in no run"),
            }
        }
    }

    #[cfg(test)]
    pub(super) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// Visits `count` elements from `start` on, which exist; backwards, if asked to.
    pub(super) fn range(&self, start: usize, count: usize, backwards: bool) -> Iter<'_> {
        if count == 0 {
            return Iter::none();
        }
        let spot = self.locate(start);
        Iter::over_nodes(&self.nodes, spot.node, spot.index, count, backwards)
    }

    /// Loads what is at the ends: in step 0 of the first node, and of a ring where the last one is, in
    /// step 1 that.
    pub fn ahead(&self, step: usize, load: &mut impl FnMut(*const u8)) {
        let last = self.nodes.len().saturating_sub(1);
        match step {
            0 => {
                self.nodes
                    .get(0)
                    .into_iter()
                    .for_each(|node| node.ahead(load));
                if last > 0 {
                    load((&raw const self.nodes[last]).cast());
                }
            }
            1 if last > 0 => self.nodes[last].ahead(load),
            _ => {}
        }
    }

    /// Puts an element before or behind all others.
    pub(super) fn push(&mut self, front: bool, text: &[u8], limits: Limits) {
        let framed = Framed::new(text);
        let added = framed.len();
        if added > limits.node_bytes {
            let node = if front { 0 } else { self.nodes.len() };
            return self.put(node, Node::plain(text));
        }
        let node = if front {
            0
        } else {
            self.nodes.len().max(1) - 1
        };
        if self.nodes.get(node).is_some_and(|n| n.fits(added, limits)) {
            return self.change(node, |chunk| {
                let at = if front { 0 } else { chunk.run_bytes() };
                chunk.insert(at, &framed, limits.node_bytes);
            });
        }
        self.seal(node);
        // The longer the list, the likelier is a whole chunk to be needed.
        let capacity = good_size((self.run_bytes / 4).max(added)).min(limits.node_bytes);
        let mut chunk = Chunk::with_capacity(capacity, front);
        chunk.insert(0, &framed, limits.node_bytes);
        let node = if front { 0 } else { self.nodes.len() };
        self.put(node, Node::Packed(chunk));
    }

    /// Puts an element at `index`, before the one that is there.
    pub(super) fn insert(&mut self, index: usize, text: &[u8], limits: Limits) {
        if index == 0 || index == self.len {
            return self.push(index == 0, text, limits);
        }
        let spot = self.locate(index);
        self.insert_at(spot, text, limits);
    }

    /// Replaces the element at `index`, which exists.
    pub(super) fn set(&mut self, index: usize, text: &[u8], limits: Limits) {
        let framed = Framed::new(text);
        let spot = self.locate(index);
        if let Node::Packed(chunk) = &self.nodes[spot.node] {
            let at = run::seek(chunk.run(), chunk.count(), spot.index);
            let end = run::next(chunk.run(), at).1;
            if chunk.run_bytes() - (end - at) + framed.len() <= limits.node_bytes {
                return self.change(spot.node, |chunk| {
                    chunk.replace(at, end, &framed, limits.node_bytes);
                });
            }
        } else if framed.len() > limits.node_bytes {
            self.take(spot.node);
            return self.put(spot.node, Node::plain(text));
        }
        self.remove(index, 1, limits);
        self.insert(index, text, limits);
    }

    /// Removes the first or the last element, unless it is the only one of its node: false then.
    pub(super) fn pop(&mut self, front: bool) -> bool {
        let node = if front {
            0
        } else {
            self.nodes.len().saturating_sub(1)
        };
        let Some(Node::Packed(chunk)) = self.nodes.get(node) else {
            return false;
        };
        if chunk.count() < 2 {
            return false;
        }
        let run = chunk.run();
        let (at, end) = if front {
            (0, run::end_of(run, 0))
        } else {
            (run::start_of(run, run.len()), run.len())
        };
        self.change(node, |chunk| chunk.remove(at, end, 1));
        true
    }

    /// Removes `count` elements from `start` on; they exist.
    pub(super) fn remove(&mut self, start: usize, count: usize, limits: Limits) {
        if count == 0 {
            return;
        }
        let Spot { mut node, index } = self.locate(start);
        let first = node;
        let mut left = count;
        if index > 0 {
            let here = (self.nodes[node].count() - index).min(left);
            self.remove_within(node, index, here);
            left -= here;
            node += 1;
        }
        let mut end = node;
        while left > 0 && self.nodes[end].count() <= left {
            left -= self.nodes[end].count();
            end += 1;
        }
        if left > 0 {
            self.remove_within(end, 0, left);
        }
        self.take_range(node, end);
        if start > 0 && first + 1 < self.nodes.len() {
            self.merge(first, limits);
        }
        if first > 0 && first < self.nodes.len() {
            self.merge(first - 1, limits);
        }
        self.nodes.shrink();
    }

    /// Removes elements equal to `needle`: the first `most` of them, or the last. How many it were.
    pub(super) fn remove_equal(
        &mut self,
        needle: Needle<'_>,
        most: usize,
        backwards: bool,
        limits: Limits,
    ) -> usize {
        let mut removed = 0;
        let nodes = self.nodes.len();
        for step in 0..nodes {
            if removed == most {
                break;
            }
            let node = if backwards { nodes - 1 - step } else { step };
            removed += self.remove_in_node(node, needle, most - removed, backwards);
        }
        if removed > 0 {
            self.nodes.retain(|node| {
                let stays = node.count() > 0;
                self.allocated -= if stays { 0 } else { node.allocated() };
                stays
            });
            let mut node = 0;
            while node + 1 < self.nodes.len() {
                if !self.merge(node, limits) {
                    node += 1;
                }
            }
            self.nodes.shrink();
        }
        removed
    }

    /// As [`Chunks::remove_equal`], in one node; it may be left without elements.
    fn remove_in_node(
        &mut self,
        node: usize,
        needle: Needle<'_>,
        most: usize,
        backwards: bool,
    ) -> usize {
        let chunk = match &self.nodes[node] {
            Node::Packed(chunk) => chunk,
            Node::Plain(blob) if needle.is(Item::Blob(blob)) => {
                self.take_out(node);
                self.nodes[node] = Node::Packed(Chunk::default());
                return 1;
            }
            Node::Plain(_) => return 0,
        };
        let mut places = run::find_all(chunk.run(), needle, most, backwards);
        if backwards {
            places.reverse();
        }
        if !places.is_empty() {
            self.change(node, |chunk| chunk.remove_each(&places));
        }
        places.len()
    }

    /// The node and place of element `index`, found from the nearer end.
    fn locate(&self, index: usize) -> Spot {
        if index <= self.len / 2 {
            let mut left = index;
            for (node, here) in self.nodes.iter().enumerate() {
                if left < here.count() {
                    return Spot { node, index: left };
                }
                left -= here.count();
            }
        } else {
            let mut left = self.len - index;
            for node in (0..self.nodes.len()).rev() {
                let here = &self.nodes[node];
                if left <= here.count() {
                    let index = here.count() - left;
                    return Spot { node, index };
                }
                left -= here.count();
            }
        }
        panic!("element {index} of {} does not exist", self.len);
    }

    /// Puts an element before the one at `spot`.
    fn insert_at(&mut self, spot: Spot, text: &[u8], limits: Limits) {
        let framed = Framed::new(text);
        let Spot { node, index } = spot;
        if self.nodes[node].fits(framed.len(), limits) {
            return self.change(node, |chunk| {
                let at = run::seek(chunk.run(), chunk.count(), index);
                chunk.insert(at, &framed, limits.node_bytes);
            });
        }
        if index > 0 {
            self.split(node, index);
        }
        let node = if index > 0 { node + 1 } else { node };
        if node > 0 && self.nodes[node - 1].fits(framed.len(), limits) {
            self.change(node - 1, |chunk| {
                chunk.insert(chunk.run_bytes(), &framed, limits.node_bytes);
            });
        } else if index > 0 && self.nodes[node].fits(framed.len(), limits) {
            self.change(node, |chunk| chunk.insert(0, &framed, limits.node_bytes));
        } else if framed.len() > limits.node_bytes {
            self.put(node, Node::plain(text));
        } else {
            let mut chunk = Chunk::default();
            chunk.insert(0, &framed, limits.node_bytes);
            self.put(node, Node::Packed(chunk));
        }
        if node + 1 < self.nodes.len() {
            self.merge(node, limits);
        }
        if node > 1 {
            self.merge(node - 2, limits);
        }
    }

    /// Makes two nodes of one, the second beginning with element `index` of the first.
    fn split(&mut self, node: usize, index: usize) {
        let mut rest = None;
        self.change(node, |chunk| {
            let at = run::seek(chunk.run(), chunk.count(), index);
            rest = Some(chunk.split_off(at, index));
        });
        let rest = rest.expect("only packed nodes have more than one element");
        self.put(node + 1, Node::Packed(rest));
    }

    /// Makes one node of `node` and the next if they are well below a node's size; true if so.
    fn merge(&mut self, node: usize, limits: Limits) -> bool {
        let (Node::Packed(first), Node::Packed(second)) =
            (&self.nodes[node], &self.nodes[node + 1])
        else {
            return false;
        };
        let bytes = first.run_bytes() + second.run_bytes();
        let count = first.count() + second.count();
        if bytes > limits.node_bytes / 4 * 3 || count > limits.node_count {
            return false;
        }
        let Node::Packed(second) = self.take(node + 1) else {
            unreachable!("it was packed just now");
        };
        self.change(node, |chunk| chunk.append(&second));
        true
    }

    /// Removes `count` elements of one node, not all, from its element `index` on.
    fn remove_within(&mut self, node: usize, index: usize, count: usize) {
        self.change(node, |chunk| {
            let run = chunk.run();
            let at = run::seek(run, chunk.count(), index);
            let end = if index + count == chunk.count() {
                run.len()
            } else {
                let rest = chunk.count() - index;
                at + run::seek(&run[at..], rest, count)
            };
            chunk.remove(at, end, count);
        });
    }

    /// Changes a packed node, and the counts with it.
    #[inline]
    fn change(&mut self, node: usize, change: impl FnOnce(&mut Chunk)) {
        let Node::Packed(chunk) = &mut self.nodes[node] else {
            unreachable!("only packed nodes are changed");
        };
        let (count, bytes, capacity) = (chunk.count(), chunk.run_bytes(), chunk.capacity());
        change(chunk);
        self.len = self.len - count + chunk.count();
        self.run_bytes = self.run_bytes - bytes + chunk.run_bytes();
        if chunk.capacity() != capacity {
            self.allocated = self.allocated - good_size(capacity) + good_size(chunk.capacity());
        }
    }

    /// Takes unused room from a chunk that will no longer be at an end.
    fn seal(&mut self, node: usize) {
        if let Some(Node::Packed(_)) = self.nodes.get(node) {
            self.change(node, Chunk::trim);
        }
    }

    fn put(&mut self, at: usize, node: Node) {
        self.len += node.count();
        self.run_bytes += node.run_bytes();
        self.allocated += node.allocated();
        self.nodes.insert(at, node);
    }

    fn take(&mut self, at: usize) -> Node {
        self.take_out(at);
        self.nodes.remove(at)
    }

    /// Subtracts a node from the counts.
    fn take_out(&mut self, at: usize) {
        let node = &self.nodes[at];
        self.len -= node.count();
        self.run_bytes -= node.run_bytes();
        self.allocated -= node.allocated();
    }

    fn take_range(&mut self, from: usize, to: usize) {
        for at in from..to {
            self.take_out(at);
        }
        self.nodes.drop_range(from, to);
    }
}
