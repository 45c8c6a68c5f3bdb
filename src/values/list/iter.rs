//! Visits elements of a list in either direction.

use super::chunks::Node;
use super::nodes::Nodes;
use super::run::{self, Item};

/// Visits a number of elements, in either direction.
#[derive(Clone)]
pub struct Iter<'a> {
    run: &'a [u8],
    /// Where the next element begins in `run`; backwards: where it ends.
    at: usize,
    /// Elements still to be visited; they exist.
    left: usize,
    backwards: bool,
    /// All nodes, and the one that `run` is of.
    nodes: Option<&'a Nodes>,
    node: usize,
    /// The node visited is a single long element, not visited yet.
    at_plain: bool,
}

impl<'a> Iter<'a> {
    /// Visits nothing.
    pub(super) fn none() -> Iter<'a> {
        Iter::over_run(&[], 0, 0, 0, false)
    }

    /// Visits `left` elements from element `index` of a run of `count` on.
    pub(super) fn over_run(
        run: &'a [u8],
        count: usize,
        index: usize,
        left: usize,
        backwards: bool,
    ) -> Iter<'a> {
        Iter {
            run,
            at: run::seek(run, count, index + usize::from(backwards)),
            left,
            backwards,
            nodes: None,
            node: 0,
            at_plain: false,
        }
    }

    /// Visits `left` elements from element `index` of `node` on.
    pub(super) fn over_nodes(
        nodes: &'a Nodes,
        node: usize,
        index: usize,
        left: usize,
        backwards: bool,
    ) -> Iter<'a> {
        let mut iter = match &nodes[node] {
            Node::Packed(chunk) => {
                Iter::over_run(chunk.run(), chunk.count(), index, left, backwards)
            }
            Node::Plain(_) => Iter {
                left,
                backwards,
                at_plain: true,
                ..Iter::none()
            },
        };
        iter.nodes = Some(nodes);
        iter.node = node;
        iter
    }

    /// Goes on to the next node, when `run` has been visited.
    fn advance(&mut self) {
        let nodes = self
            .nodes
            .expect("a single run holds all elements asked for");
        self.node = if self.backwards {
            self.node - 1
        } else {
            self.node + 1
        };
        match &nodes[self.node] {
            Node::Packed(chunk) => {
                self.run = chunk.run();
                self.at = if self.backwards { self.run.len() } else { 0 };
            }
            Node::Plain(_) => {
                self.run = &[];
                self.at = 0;
                self.at_plain = true;
            }
        }
    }

    fn plain(&mut self) -> Item<'a> {
        self.at_plain = false;
        let nodes = self.nodes.expect("long elements are nodes");
        match &nodes[self.node] {
            Node::Plain(blob) => Item::Blob(blob),
            Node::Packed(_) => unreachable!("a plain node was found here"),
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        let end = if self.backwards { 0 } else { self.run.len() };
        if self.at == end && !self.at_plain {
            self.advance();
        }
        if self.at_plain {
            return Some(self.plain());
        }
        let (item, at) = if self.backwards {
            run::previous(self.run, self.at)
        } else {
            run::next(self.run, self.at)
        };
        self.at = at;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
