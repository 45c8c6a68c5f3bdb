//! A block of messages: what Redis keeps in one node of its radix tree.
//!
//! ```text
//! name │ name │ …              the master fields: the names of the first message's fields
//! message │ message │ …
//!
//! message:  length │ flags │ ms │ seq │ count │ element │ …
//!   length   varint: bytes that follow
//!   flags    DELETED, SAME_FIELDS, SAME_MS, SEQ
//!   ms       varint, less the first message's ms; not with SAME_MS
//!   seq      varint, less the first message's seq if the ms are equal; only with SEQ
//!   count    varint: number of fields; not with SAME_FIELDS
//!   element  values only with SAME_FIELDS, else name and value in turn; see `super::super::packed`
//! ```
//!
//! A deleted message is flagged; its bytes go when more than half of a block is dead. How much
//! fits into a block decides what an approximate trim removes, so a block is full exactly when
//! Redis's node would be: the size its listpack would have is counted along.

use super::id::Id;
use crate::base::alloc::good_size;
use crate::values::packed::{self, Element, Encoded};
use smallvec::SmallVec;

/// How much a block may hold: `stream-node-max-entries` and `stream-node-max-bytes`, 0 for any.
#[derive(Clone, Copy, Debug)]
pub struct NodeLimits {
    /// Messages, deleted ones counted.
    pub entries: u64,
    /// Bytes of the listpack that Redis would have.
    pub bytes: u64,
}

/// Bytes of a node whatever is configured, and of a message.
pub const NODE_BYTES_MAX: usize = 1 << 30;

const DELETED: u8 = 1;
const SAME_FIELDS: u8 = 2;
const SAME_MS: u8 = 4;
const SEQ: u8 = 8;

/// Most bytes of a message's flags, ms, seq and count.
const HEAD_MAX: usize = 1 + 10 + 10 + 5;
/// Most bytes an element takes beside its text.
const ELEMENT_MAX: usize = 5;
/// Bytes of a listpack without elements.
const LISTPACK_EMPTY: usize = 7;
/// Bytes of a listpack's element for a number up to 127.
const LISTPACK_SMALL: usize = 2;

/// A block of messages.
#[derive(Clone)]
pub struct Block {
    /// The first message's id.
    first: Id,
    /// The greatest id a message of it has had.
    last: Id,
    bytes: Vec<u8>,
    /// Messages that are not deleted.
    live: u32,
    /// Messages deleted since the block began.
    deleted: u32,
    /// Bytes of deleted messages.
    dead_bytes: u32,
    /// Bytes Redis's listpack would have, without the two counters.
    listpack_bytes: u32,
    /// Number of master fields.
    fields: u32,
    /// Where the first message is.
    messages_at: u32,
}

/// A message's place and what precedes its elements.
struct Head {
    id: Id,
    flags: u8,
    flags_at: usize,
    /// Where its count or elements are.
    body: usize,
    end: usize,
}

/// A message, borrowed.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// Its id.
    pub id: Id,
    block: &'a Block,
    body: usize,
    same_fields: bool,
}

impl Block {
    /// An empty block for a first message with these names and values in turn. `expected_bytes`:
    /// how long it is likely to become.
    pub fn new<'p>(
        id: Id,
        pairs: impl ExactSizeIterator<Item = &'p [u8]> + Clone,
        expected_bytes: usize,
    ) -> Block {
        let fields = pairs.len() / 2;
        let number = |value: usize| listpack_size(int_len(value as i64));
        let mut bytes = Vec::with_capacity(good_size(expected_bytes));
        // The count of fields, and a zero behind them.
        let mut listpack_bytes = LISTPACK_EMPTY + number(fields) + LISTPACK_SMALL;
        for name in pairs.step_by(2) {
            let name = Encoded::new(name);
            reserve(&mut bytes, name.len());
            name.append_to(&mut bytes);
            listpack_bytes += listpack_size(name.len());
        }
        Block {
            first: id,
            last: id,
            live: 0,
            deleted: 0,
            dead_bytes: 0,
            listpack_bytes: listpack_bytes as u32,
            fields: fields as u32,
            messages_at: bytes.len() as u32,
            bytes,
        }
    }

    /// The first message's id, whether it is deleted or not.
    #[inline]
    pub fn first(&self) -> Id {
        self.first
    }

    /// The greatest id a message of it has had, or has since [`Block::end_with_live`].
    #[inline]
    pub fn last(&self) -> Id {
        self.last
    }

    /// Its last id is that of a message it has, not of a deleted one. O(its messages).
    pub fn end_with_live(&mut self) {
        if let Some(at) = self.places().last() {
            self.last = self.message_at(*at as usize).id;
        }
    }

    /// Number of messages.
    #[inline]
    pub fn live(&self) -> usize {
        self.live as usize
    }

    /// Bytes of its messages and fields.
    pub fn content_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes taken from the allocator.
    #[inline]
    pub fn size_bytes(&self) -> usize {
        good_size(self.bytes.capacity())
    }

    /// Gives back what was allocated ahead. By a copy: the allocator would leave a block that is
    /// more than half full where it is.
    pub fn shrink(&mut self) {
        if good_size(self.bytes.len()) < self.size_bytes() {
            self.bytes = self.bytes.as_slice().to_vec();
        }
    }

    /// Is there room for a message with so many bytes of names and values?
    #[inline]
    pub fn has_room(&self, text_bytes: usize, limits: NodeLimits) -> bool {
        let most = match limits.bytes {
            0 => NODE_BYTES_MAX,
            bytes => bytes.min(NODE_BYTES_MAX as u64) as usize,
        };
        let messages = u64::from(self.live) + u64::from(self.deleted);
        self.listpack_bytes() + text_bytes < most
            && (limits.entries == 0 || messages < limits.entries)
    }

    /// Bytes Redis's listpack would have.
    fn listpack_bytes(&self) -> usize {
        let counter = |value: u32| listpack_size(int_len(value.into()));
        self.listpack_bytes as usize + counter(self.live) + counter(self.deleted)
    }

    /// Adds a message, its id beyond all that are not deleted; names and values in turn.
    pub fn push<'p>(&mut self, id: Id, pairs: impl ExactSizeIterator<Item = &'p [u8]> + Clone) {
        let same_fields = self.has_fields(pairs.clone());
        let step = if same_fields { 2 } else { 1 };
        let elements = pairs.clone().skip(step - 1).step_by(step);
        let text_bytes: usize = elements.clone().map(<[u8]>::len).sum();
        let most = HEAD_MAX + text_bytes + ELEMENT_MAX * elements.len();
        let length_width = varint_len(most as u64);
        reserve(&mut self.bytes, length_width + most);

        let start = self.bytes.len();
        self.bytes.resize(start + length_width, 0);
        let (ms, seq) = self.deltas(id);
        let mut flags = if same_fields { SAME_FIELDS } else { 0 };
        flags |= if ms == 0 { SAME_MS } else { 0 };
        flags |= if seq > 0 { SEQ } else { 0 };
        self.bytes.push(flags);
        if ms > 0 {
            write_varint(&mut self.bytes, ms);
        }
        if seq > 0 {
            write_varint(&mut self.bytes, seq);
        }
        let fields = pairs.len() / 2;
        // Flags, the two deltas, and how many elements the message has.
        let seq_delta = id.seq.wrapping_sub(self.first.seq) as i64;
        let mut lp_elements = 3 + fields;
        let mut listpack_bytes =
            LISTPACK_SMALL + listpack_size(int_len(ms as i64)) + listpack_size(int_len(seq_delta));
        if !same_fields {
            write_varint(&mut self.bytes, fields as u64);
            listpack_bytes += listpack_size(int_len(fields as i64));
            lp_elements += 1 + fields;
        }
        for text in elements {
            let element = Encoded::new(text);
            element.append_to(&mut self.bytes);
            listpack_bytes += listpack_size(element.len());
        }
        listpack_bytes += listpack_size(int_len(lp_elements as i64));

        let length = self.bytes.len() - start - length_width;
        write_padded(&mut self.bytes[start..start + length_width], length as u64);
        self.listpack_bytes += listpack_bytes as u32;
        self.live += 1;
        self.last = self.last.max(id);
    }

    /// What is stored of an id; it is not below the first message's.
    fn deltas(&self, id: Id) -> (u64, u64) {
        let ms = id.ms - self.first.ms;
        let base = if ms == 0 { self.first.seq } else { 0 };
        (ms, id.seq - base)
    }

    /// Are these names the master fields?
    fn has_fields<'p>(&self, pairs: impl ExactSizeIterator<Item = &'p [u8]>) -> bool {
        if pairs.len() / 2 != self.fields as usize {
            return false;
        }
        let mut rest = self.master();
        for name in pairs.step_by(2) {
            let name = Encoded::new(name);
            if !name.is_at(rest) {
                return false;
            }
            rest = &rest[name.len()..];
        }
        true
    }

    fn master(&self) -> &[u8] {
        &self.bytes[..self.messages_at as usize]
    }

    /// What precedes the elements of the message at `at`.
    #[inline]
    fn head(&self, mut at: usize) -> Head {
        let bytes = &self.bytes[..];
        let length = read_varint(bytes, &mut at) as usize;
        let (flags_at, end) = (at, at + length);
        let flags = bytes[at];
        at += 1;
        let mut id = self.first;
        if flags & SAME_MS == 0 {
            id = Id::new(self.first.ms + read_varint(bytes, &mut at), 0);
        }
        if flags & SEQ != 0 {
            id.seq += read_varint(bytes, &mut at);
        }
        Head {
            id,
            flags,
            flags_at,
            body: at,
            end,
        }
    }

    /// Where the first message is: to begin a walk with [`Block::next`].
    pub fn start(&self) -> usize {
        self.messages_at as usize
    }

    /// The message at `at` or the first after it that is not deleted; moves `at` behind it.
    #[inline]
    pub fn next(&self, at: &mut usize) -> Option<Message<'_>> {
        while *at < self.bytes.len() {
            let head = self.head(*at);
            *at = head.end;
            if head.flags & DELETED == 0 {
                return Some(self.message(&head));
            }
        }
        None
    }

    /// Where the first message from `from` on is, if there is one.
    pub fn seek(&self, from: Id) -> Option<usize> {
        let mut at = self.start();
        while at < self.bytes.len() {
            let head = self.head(at);
            if head.id >= from && head.flags & DELETED == 0 {
                return Some(at);
            }
            at = head.end;
        }
        None
    }

    /// Where the messages are, in order, for walks that go back.
    pub fn places(&self) -> SmallVec<[u32; 128]> {
        let mut places = SmallVec::new();
        let mut at = self.start();
        while at < self.bytes.len() {
            let head = self.head(at);
            if head.flags & DELETED == 0 {
                places.push(at as u32);
            }
            at = head.end;
        }
        places
    }

    /// The message at a place that [`Block::seek`] or [`Block::places`] gave.
    pub fn message_at(&self, at: usize) -> Message<'_> {
        self.message(&self.head(at))
    }

    fn message(&self, head: &Head) -> Message<'_> {
        Message {
            id: head.id,
            block: self,
            body: head.body,
            same_fields: head.flags & SAME_FIELDS != 0,
        }
    }

    /// Deletes messages, in order, as long as `which` says what is to become of each.
    /// Returns how many were deleted.
    pub fn delete(&mut self, mut which: impl FnMut(Id) -> Verdict) -> usize {
        let mut at = self.start();
        let before = self.live;
        while at < self.bytes.len() {
            let head = self.head(at);
            if head.flags & DELETED == 0 {
                match which(head.id) {
                    Verdict::Keep => {}
                    Verdict::Stop => break,
                    Verdict::Delete => {
                        self.bytes[head.flags_at] |= DELETED;
                        self.dead_bytes += (head.end - at) as u32;
                        self.live -= 1;
                        self.deleted += 1;
                    }
                }
            }
            at = head.end;
        }
        if self.dead_bytes as usize * 2 > self.bytes.len() {
            self.compact();
        }
        (before - self.live) as usize
    }

    /// Gives back the bytes of deleted messages.
    fn compact(&mut self) {
        let mut kept = self.start();
        let mut at = kept;
        while at < self.bytes.len() {
            let head = self.head(at);
            if head.flags & DELETED == 0 {
                self.bytes.copy_within(at..head.end, kept);
                kept += head.end - at;
            }
            at = head.end;
        }
        self.bytes.truncate(kept);
        self.dead_bytes = 0;
        self.shrink();
    }
}

/// What is to become of a message, and of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes.
    Delete,
    /// It stays.
    Keep,
    /// It stays, and so do all after it.
    Stop,
}

impl<'a> Message<'a> {
    /// Number of fields.
    pub fn fields(&self) -> usize {
        if self.same_fields {
            return self.block.fields as usize;
        }
        let mut at = self.body;
        read_varint(&self.block.bytes, &mut at) as usize
    }

    /// Names and values.
    #[inline]
    pub fn pairs(&self) -> Pairs<'a> {
        let mut body = self.body;
        let left = if self.same_fields {
            self.block.fields
        } else {
            read_varint(&self.block.bytes, &mut body) as u32
        };
        Pairs {
            names: self.same_fields.then(|| self.block.master()),
            rest: &self.block.bytes[body..],
            left,
        }
    }
}

/// The fields of a message.
pub struct Pairs<'a> {
    /// The master fields, if they are this message's.
    names: Option<&'a [u8]>,
    rest: &'a [u8],
    left: u32,
}

impl ExactSizeIterator for Pairs<'_> {}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Element<'a>, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = take(self.names.as_mut().unwrap_or(&mut self.rest));
        Some((name, take(&mut self.rest)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

#[inline]
fn take<'a>(bytes: &mut &'a [u8]) -> Element<'a> {
    let (element, len) = packed::decode(bytes);
    *bytes = &bytes[len..];
    element
}

/// Bytes of a listpack's element with so many bytes of content: it ends with its own length.
#[inline]
fn listpack_size(len: usize) -> usize {
    len + match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Bytes of an integer in a listpack, without the length that follows.
#[inline]
fn int_len(value: i64) -> usize {
    match value {
        0..=127 => 1,
        -4096..=4095 => 2,
        -0x8000..=0x7fff => 3,
        -0x80_0000..=0x7f_ffff => 4,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 9,
    }
}

/// Makes room for `more` bytes, and by half as much again what is there: a block grows in few
/// steps, and never far beyond what it holds.
fn reserve(bytes: &mut Vec<u8>, more: usize) {
    if bytes.capacity() - bytes.len() < more {
        let wanted = (bytes.len() + more).max(bytes.len() + bytes.len() / 2);
        bytes.reserve_exact(good_size(wanted) - bytes.len());
    }
}

fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn write_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Writes a number that fits into all of `bytes`.
fn write_padded(bytes: &mut [u8], mut value: u64) {
    let last = bytes.len() - 1;
    for byte in &mut bytes[..last] {
        *byte = value as u8 | 0x80;
        value >>= 7;
    }
    bytes[last] = value as u8;
}

#[inline]
fn read_varint(bytes: &[u8], at: &mut usize) -> u64 {
    let mut byte = bytes[*at];
    *at += 1;
    let mut value = u64::from(byte & 0x7f);
    let mut shift = 7;
    while byte & 0x80 != 0 {
        byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
    }
    value
}
