//! Lists.
//!
//! A list of up to `IN_ENTRY_MAX` bytes is packed into its key's entry: a count of two bytes and
//! a `run`. A longer one is a [`Chunks`]: runs of up to a node's size (8 KiB, unless configured
//! otherwise) in a sequence of nodes, each in a buffer with room at both ends, so that a push or pop at either
//! end moves nothing; an element larger than a node is a node of its own. Every node knows its
//! count, so that an index is found by adding counts, from the nearer end, and then walking one
//! run, again from its nearer end.
//!
//! Cost: O(1) at the ends; O(nodes + one node) in the middle. Beside its elements' encoded bytes
//! (as many as in a listpack) a list of chunks takes 32 bytes for each node.
//!
//! What `OBJECT ENCODING` says does not follow from that form but from Redis's thresholds: a list
//! is a `listpack` until it outgrows one node, and again when it has shrunk to half a node.

mod chunk;
mod chunks;
mod iter;
mod nodes;
mod run;
#[cfg(test)]
mod tests;

pub use chunks::Chunks;
pub use iter::Iter;
pub use run::{Item, Needle};

use super::content::{Big, Content, Packing, Read, Value, Write};
use super::packed::{self, HEAD};
use run::Framed;
use smallvec::SmallVec;

/// Longest list that is packed into its entry, in bytes: longer ones would move too many bytes
/// with each push at the front.
const IN_ENTRY_MAX: usize = 1024;
/// Bytes that Redis counts for a listpack beside its elements.
const LISTPACK_HEAD: usize = 7;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `LEFT`: the head.
    Left,
    /// `RIGHT`: the tail.
    Right,
}

/// How large the nodes of a list become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a node's elements.
    node_bytes: usize,
    /// Elements of a node.
    node_count: usize,
    /// Does only the count say when a list that shrinks is a listpack again?
    by_count: bool,
}

impl Limits {
    /// From `list-max-listpack-size`: −1 to −5 for 4, 8, 16, 32 or 64 KiB; a positive number for
    /// as many elements, and 8 KiB.
    pub fn new(max_listpack_size: i64) -> Limits {
        if max_listpack_size < 0 {
            let size = max_listpack_size.max(-5).unsigned_abs() as u32;
            Limits {
                node_bytes: 2048 << size,
                node_count: usize::MAX,
                by_count: false,
            }
        } else {
            Limits {
                node_bytes: 8192,
                node_count: usize::try_from(max_listpack_size.max(1)).unwrap_or(usize::MAX),
                by_count: true,
            }
        }
    }

    /// Is a list of so many bytes and elements more than a listpack?
    fn outgrown(self, bytes: usize, count: usize) -> bool {
        bytes + LISTPACK_HEAD > self.node_bytes || count > self.node_count
    }

    /// Is it little enough to become a listpack again?
    fn shrunk(self, bytes: usize, count: usize) -> bool {
        let few = self.by_count || bytes + LISTPACK_HEAD <= self.node_bytes / 2;
        few && count <= self.node_count / 2
    }
}

/// A list, wherever its value is held.
pub struct List<C>(C);

impl<C: Read> List<C> {
    /// Views a value that is a list, or none at all.
    pub fn new(holder: C) -> List<C> {
        List(holder)
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match self.0.content() {
            Content::Packed(_, bytes) => packed::count(bytes),
            Content::Big(big) => big.len(),
        }
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        if index >= self.len() {
            return None;
        }
        self.range(index, 1).next()
    }

    /// The element at an end.
    pub fn at_end(&self, end: End) -> Option<Item<'_>> {
        self.from_end(end, 1).next()
    }

    /// Up to `count` elements from an end on, towards the other.
    pub fn from_end(&self, end: End, count: usize) -> Iter<'_> {
        match end {
            End::Left => self.range(0, count),
            End::Right => self.range_back(self.len().saturating_sub(1), count),
        }
    }

    /// All elements.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0, usize::MAX)
    }

    /// Up to `count` elements from `start` on.
    pub fn range(&self, start: usize, count: usize) -> Iter<'_> {
        let count = count.min(self.len().saturating_sub(start));
        self.visit(start, count, false)
    }

    /// Up to `count` elements from `start` on, backwards.
    pub fn range_back(&self, start: usize, count: usize) -> Iter<'_> {
        let len = self.len();
        let start = start.min(len.saturating_sub(1));
        self.visit(start, count.min(start + 1).min(len), true)
    }

    fn visit(&self, start: usize, count: usize, backwards: bool) -> Iter<'_> {
        if count == 0 {
            return Iter::none();
        }
        match self.0.content() {
            Content::Packed(_, bytes) => Iter::over_run(
                &bytes[HEAD..],
                packed::count(bytes),
                start,
                count,
                backwards,
            ),
            Content::Big(Big::List(chunks)) => chunks.range(start, count, backwards),
            Content::Big(_) => unreachable!("the value is a list"),
        }
    }

    /// What `OBJECT ENCODING` calls it.
    pub fn encoding(&self) -> &'static str {
        match self.0.content() {
            Content::Packed(..) => "listpack",
            Content::Big(big) => big.encoding(),
        }
    }

    /// Bytes of the elements, encoded.
    fn run_bytes(&self) -> usize {
        match self.0.content() {
            Content::Packed(_, bytes) => bytes.len().saturating_sub(HEAD),
            Content::Big(Big::List(chunks)) => chunks.run_bytes(),
            Content::Big(_) => unreachable!("the value is a list"),
        }
    }

    /// The run in the entry, without its count; `None` when the list is one of chunks.
    fn run(&self) -> Option<&[u8]> {
        match self.0.content() {
            Content::Packed(_, bytes) => Some(bytes.get(HEAD..).unwrap_or(&[])),
            Content::Big(_) => None,
        }
    }
}

impl<C: Write> List<C> {
    /// Puts elements before or behind all others, one after the other.
    pub fn push<'t>(
        &mut self,
        end: End,
        texts: impl Iterator<Item = &'t [u8]> + Clone,
        limits: Limits,
    ) {
        self.prepare(texts.clone(), limits);
        if let Some(chunks) = self.chunks() {
            for text in texts {
                chunks.push(end == End::Left, text, limits);
            }
            return;
        }
        let mut framed: SmallVec<[Framed<'t>; 4]> = texts.map(Framed::new).collect();
        if end == End::Left {
            framed.reverse();
        }
        let at = match end {
            End::Left => 0,
            End::Right => self.run_bytes(),
        };
        let count = self.len() + framed.len();
        self.splice(at, 0, &framed, count);
    }

    /// Puts an element at `index`, before the one that is there; at the end if there is none.
    pub fn insert(&mut self, index: usize, text: &[u8], limits: Limits) {
        self.prepare([text].into_iter(), limits);
        let count = self.len();
        match self.run() {
            Some(run) => {
                let at = run::seek(run, count, index);
                self.splice(at, 0, &[Framed::new(text)], count + 1);
            }
            None => self.must_chunks().insert(index, text, limits),
        }
    }

    /// Replaces the element at `index`, which exists.
    pub fn set(&mut self, index: usize, text: &[u8], limits: Limits) {
        self.prepare([text].into_iter(), limits);
        let count = self.len();
        match self.run() {
            Some(run) => {
                let at = run::seek(run, count, index);
                let end = run::next(run, at).1;
                self.splice(at, end - at, &[Framed::new(text)], count);
            }
            None => {
                self.must_chunks().set(index, text, limits);
                self.settle(limits);
            }
        }
    }

    /// Removes up to `count` elements from `start` on.
    pub fn remove(&mut self, start: usize, count: usize, limits: Limits) {
        let len = self.len();
        let count = count.min(len.saturating_sub(start));
        if count == 0 {
            return;
        }
        match self.run() {
            Some(run) => {
                let at = run::seek(run, len, start);
                let end = at + run::seek(&run[at..], len - start, count);
                self.splice(at, end - at, &[], len - count);
            }
            None => {
                self.must_chunks().remove(start, count, limits);
                self.settle(limits);
            }
        }
    }

    /// Removes up to `count` elements from an end on.
    pub fn remove_from_end(&mut self, end: End, count: usize, limits: Limits) {
        if count == 1
            && let Some(chunks) = self.chunks()
            && chunks.pop(end == End::Left)
        {
            return self.settle(limits);
        }
        let start = match end {
            End::Left => 0,
            End::Right => self.len().saturating_sub(count),
        };
        self.remove(start, count, limits);
    }

    /// Removes elements equal to `text`: the first `most` of them, or, `backwards`, the last. How
    /// many it were.
    pub fn remove_equal(
        &mut self,
        text: &[u8],
        most: usize,
        backwards: bool,
        limits: Limits,
    ) -> usize {
        let needle = Needle::new(text);
        let len = self.len();
        let Some(run) = self.run() else {
            let removed = self
                .must_chunks()
                .remove_equal(needle, most, backwards, limits);
            self.settle(limits);
            return removed;
        };
        let mut places = run::find_all(run, needle, most, backwards);
        places.sort_unstable_by(|a, b| b.cmp(a));
        // From the last on, so that the other places stay where they are.
        for (index, &(at, end)) in places.iter().enumerate() {
            self.splice(at, end - at, &[], len - index - 1);
        }
        places.len()
    }

    /// Before `texts` are added: turns the list into the form that holds them, and into a
    /// quicklist by name when Redis does. It counts the texts' own lengths, not their encodings'.
    fn prepare<'t>(&mut self, texts: impl Iterator<Item = &'t [u8]>, limits: Limits) {
        let (bytes, count) = texts.fold((0, 0), |(bytes, count), text| {
            (bytes + text.len(), count + 1)
        });
        let is_small = match self.0.content() {
            Content::Packed(..) => true,
            Content::Big(Big::List(chunks)) if !chunks.is_small => return,
            Content::Big(_) => true,
        } && !limits.outgrown(self.run_bytes() + bytes, self.len() + count);
        let overhead = count * (packed::OVERHEAD_MAX + 1);
        match self.run() {
            Some(run) if !is_small || run.len() + bytes + overhead > IN_ENTRY_MAX => {
                let chunks = Chunks::of(run, self.len(), is_small);
                self.0.replace(Value::Big(Big::List(chunks)));
            }
            Some(_) => {}
            None => self.must_chunks().is_small = is_small,
        }
    }

    /// After elements have been removed: a list that has become small is a listpack again, and in
    /// its entry if it is short enough for that.
    fn settle(&mut self, limits: Limits) {
        let Some(chunks) = self.chunks() else { return };
        let (bytes, count) = (chunks.run_bytes(), chunks.len());
        if !chunks.is_small && limits.shrunk(bytes, count) && chunks.is_packed() {
            chunks.is_small = true;
        }
        if chunks.is_small && bytes <= IN_ENTRY_MAX / 2 && count > 0 {
            let mut packed = Vec::with_capacity(HEAD + bytes);
            packed.resize(HEAD, 0);
            packed::set_count(&mut packed, count);
            chunks.append_runs_to(&mut packed);
            self.0.replace(Value::Packed(Packing::Listpack, packed));
        }
    }

    fn chunks(&mut self) -> Option<&mut Chunks> {
        match self.0.big_mut()? {
            Big::List(chunks) => Some(chunks),
            _ => unreachable!("the value is a list"),
        }
    }

    fn must_chunks(&mut self) -> &mut Chunks {
        self.chunks().expect("a list without a run has chunks")
    }

    /// Replaces `removed` bytes at offset `at` of the run in the entry.
    fn splice(&mut self, at: usize, removed: usize, items: &[Framed<'_>], count: usize) {
        let head = u16::try_from(count).expect("runs in entries are short");
        let head = head.to_le_bytes();
        let mut parts: SmallVec<[&[u8]; 16]> = SmallVec::new();
        let is_new = self.0.packed_mut().is_empty();
        // At the front the count is replaced along with it.
        let with_count = is_new || at == 0;
        if with_count {
            parts.push(&head);
        }
        for item in items {
            parts.extend(item.parts());
        }
        if is_new {
            self.0.splice(0, 0, &parts);
        } else if with_count {
            self.0.splice(0, HEAD + removed, &parts);
        } else {
            self.0.splice(HEAD + at, removed, &parts);
            packed::set_count(self.0.packed_mut(), count);
        }
    }
}
