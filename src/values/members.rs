//! The hash table of big hashes, sets and sorted sets: records, found by their keys.
//!
//! Linear hashing (Litwin, "Linear hashing: a new tool for file and table addressing", 1980) over
//! small segments. With `n` segments, a key's segment is the low bits of its hash, as many as are
//! needed to number `n` segments, or one bit less where that number does not exist yet. The table
//! grows by splitting one segment in two and shrinks by merging the last one back, so that no
//! insertion or removal touches more than a few dozen records, and memory never doubles at once.
//!
//! A segment is an array of records without gaps, in the order of their tags: the high 16 bits of
//! their hashes. Where a tag must be follows from itself to within a few places, so a lookup reads
//! the segment's header, one or two cache lines of its array, and the record.
//!
//! A scan cursor is a position in the space of bit-reversed hashes. In it each segment is an
//! interval, however many there are, so a cursor separates what was returned from what was not
//! also after growth and shrinkage.
//!
//! Cost: find, insert, remove O(1); 8 bytes per record and an eighth of that in reserve, and 24
//! bytes per segment.

use super::record::{Alias, Record};
use crate::base::alloc::good_size;
use crate::base::hash::hash;
use crate::base::random::Random;
use smallvec::SmallVec;
use std::collections::HashSet;
use std::marker::PhantomData;

/// Records per segment, in the mean, beyond which a segment is split. The longest has some three
/// times as many.
const MEAN_MAX: usize = 48;
/// Records per segment, in the mean, below which two are merged.
const MEAN_MIN: usize = 20;
/// Positions a scan cursor can have.
const POSITIONS: u64 = 1 << 32;

/// Says where a record's key is in its payload.
pub trait Layout {
    /// The key: a member, a field.
    fn key(payload: &[u8]) -> &[u8];
}

/// A table of records with distinct keys. See the module's text.
pub struct Members<L> {
    segments: Vec<Segment>,
    len: usize,
    /// Bytes of records and segments; the array of segments is added when asked.
    bytes: usize,
    /// No segment has been longer since the table was last down to one.
    longest: usize,
    layout: PhantomData<fn() -> L>,
}

type Segment = Vec<Record>;

/// Where a record is. Valid until the next insertion or removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    segment: u32,
    slot: u32,
}

impl<L> Default for Members<L> {
    fn default() -> Members<L> {
        Members {
            segments: vec![Segment::new()],
            len: 0,
            bytes: 0,
            longest: 0,
            layout: PhantomData,
        }
    }
}

impl<L> Clone for Members<L> {
    fn clone(&self) -> Members<L> {
        let mut copy = Members {
            segments: Vec::with_capacity(self.segments.len()),
            ..Members::default()
        };
        copy.longest = self.longest;
        copy.len = self.len;
        for segment in &self.segments {
            let mut twin = Segment::with_capacity(room_for(segment.len()));
            twin.extend(segment.iter().cloned());
            copy.bytes += array_bytes(&twin) + twin.iter().map(Record::size_bytes).sum::<usize>();
            copy.segments.push(twin);
        }
        copy
    }
}

impl<L: Layout> Members<L> {
    /// A table without records.
    pub fn new() -> Members<L> {
        Members::default()
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        self.bytes + good_size(self.segments.capacity() * size_of::<Segment>())
    }

    /// The record with this key; `hash` is the key's.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let index = self.segment_of(hash);
        let segment = &self.segments[index];
        let tag = tag_of(hash);
        let mut slot = lower_bound(segment, tag);
        while let Some(record) = segment.get(slot).filter(|record| record.tag() == tag) {
            if L::key(record.payload()) == key {
                return Some(place(index, slot));
            }
            slot += 1;
        }
        None
    }

    /// Loads what leads to the record with this key: in step 0 its segment, in step 1 the place of its
    /// tag, in step 2 the record.
    #[inline]
    pub fn ahead(&self, key: &[u8], step: usize, load: &mut impl FnMut(*const u8)) {
        let hash = hash(key);
        let segment = &self.segments[self.segment_of(hash)];
        let tag = tag_of(hash);
        match step {
            0 => load(std::ptr::from_ref(segment).cast()),
            1 => {
                let slot = (usize::from(tag) * segment.len()) >> 16;
                load(segment.as_ptr().wrapping_add(slot).cast());
            }
            _ => {
                let record = segment.get(lower_bound(segment, tag));
                if let Some(record) = record.filter(|record| record.tag() == tag) {
                    load(record.address());
                }
            }
        }
    }

    /// A record whose payload is as wanted, among those whose keys have this hash.
    pub fn find_where(&self, hash: u64, wanted: impl Fn(&[u8]) -> bool) -> Option<Place> {
        let index = self.segment_of(hash);
        let segment = &self.segments[index];
        let tag = tag_of(hash);
        let start = lower_bound(segment, tag);
        let same = segment[start..]
            .iter()
            .take_while(|record| record.tag() == tag);
        for (slot, record) in (start..).zip(same) {
            let payload = record.payload();
            if wanted(payload) && crate::base::hash::hash(L::key(payload)) == hash {
                return Some(place(index, slot));
            }
        }
        None
    }

    /// The payload of the record with this key.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let place = self.find(hash(key), key)?;
        Some(self.payload(place))
    }

    /// Is there a record with this key?
    #[inline]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.find(hash(key), key).is_some()
    }

    /// A record's payload.
    #[inline]
    pub fn payload(&self, place: Place) -> &[u8] {
        self.record(place).payload()
    }

    /// A record's payload, to change without changing its length or its key.
    pub fn payload_mut(&mut self, place: Place) -> &mut [u8] {
        self.segments[place.segment as usize][place.slot as usize].payload_mut()
    }

    /// A second pointer to a record. Good until the record is removed, or moved by
    /// [`Members::rewrite`]; the table itself never moves records.
    pub fn alias(&self, place: Place) -> Alias {
        self.record(place).alias()
    }

    /// Gives a record another payload, with the same key. True if it moved in memory, so that
    /// aliases are no longer good.
    pub fn rewrite(&mut self, place: Place, parts: &[&[u8]]) -> bool {
        let record = &mut self.segments[place.segment as usize][place.slot as usize];
        let before = record.size_bytes();
        let moved = record.rewrite(parts);
        self.bytes = self.bytes - before + record.size_bytes();
        moved
    }

    /// Adds a record of `parts`, whose key is not in the table yet; `hash` is the key's.
    pub fn insert(&mut self, hash: u64, parts: &[&[u8]]) -> Place {
        let record = Record::new(tag_of(hash), parts);
        self.insert_record(hash, record)
    }

    /// Adds a record, as [`Members::insert`].
    pub fn insert_record(&mut self, hash: u64, record: Record) -> Place {
        if self.len >= self.segments.len() * MEAN_MAX {
            self.split();
        }
        let index = self.segment_of(hash);
        let segment = &mut self.segments[index];
        let slot = lower_bound(segment, tag_of(hash));
        let before = array_bytes(segment);
        if segment.len() == segment.capacity() {
            let room = room_for(segment.len() + 1);
            segment.reserve_exact(room - segment.len());
        }
        self.bytes += record.size_bytes() + array_bytes(segment) - before;
        segment.insert(slot, record);
        self.len += 1;
        self.longest = self.longest.max(segment.len());
        place(index, slot)
    }

    /// Takes a record out.
    pub fn remove(&mut self, place: Place) -> Record {
        let segment = &mut self.segments[place.segment as usize];
        let before = array_bytes(segment);
        let record = segment.remove(place.slot as usize);
        if segment.len() < segment.capacity() / 2 {
            segment.shrink_to(room_for(segment.len()));
        }
        self.bytes -= record.size_bytes() + before - array_bytes(segment);
        self.len -= 1;
        if self.len < self.segments.len() * MEAN_MIN && self.segments.len() > 1 {
            self.merge();
        }
        record
    }

    /// All payloads, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let records = self.segments.iter().flatten();
        records.map(Record::payload)
    }

    /// Visits the records from `cursor` on (0 is the beginning), whole segments, until at least
    /// `count` were visited. Returns the cursor to go on with; 0 after the last.
    ///
    /// A record that is in the table from the first call to the last is visited, also when the
    /// table changes in between.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8])) -> u64 {
        let mut position = cursor % POSITIONS;
        let mut visited = 0;
        loop {
            let low = (position as u32).reverse_bits();
            let index = self.segment_of(low.into());
            let width = POSITIONS >> self.bits_of(index);
            let begun = !position.is_multiple_of(width);
            for payload in self.segments[index].iter().map(Record::payload) {
                // A cursor within the segment: the first part was visited while it was another's.
                if !begun || position_of(hash(L::key(payload))) >= position {
                    visited += 1;
                    visit(payload);
                }
            }
            position = position - position % width + width;
            if position >= POSITIONS {
                return 0;
            }
            if visited >= count {
                return position;
            }
        }
    }

    /// A record drawn at random, each as likely as any other; none when there are none.
    pub fn random(&self, random: &mut Random) -> Option<Place> {
        if self.is_empty() {
            return None;
        }
        loop {
            let index = random.index(self.segments.len());
            let slot = random.index(self.longest);
            if slot < self.segments[index].len() {
                return Some(place(index, slot));
            }
        }
    }

    /// Visits `count` records drawn at random, none twice; all of them if there are no more.
    pub fn sample(&self, count: usize, random: &mut Random, mut visit: impl FnMut(&[u8])) {
        if count >= self.len {
            return self.iter().for_each(visit);
        }
        // Drawing again and again what was drawn before would cost more than listing everything.
        if count > self.len / 4 {
            let mut all: Vec<&[u8]> = self.iter().collect();
            for drawn in 0..count {
                all.swap(drawn, drawn + random.index(self.len - drawn));
                visit(all[drawn]);
            }
            return;
        }
        let mut drawn = HashSet::with_capacity(count);
        while drawn.len() < count {
            let place = self.random(random).expect("there are more than `count`");
            if drawn.insert(place) {
                visit(self.payload(place));
            }
        }
    }

    fn record(&self, place: Place) -> &Record {
        &self.segments[place.segment as usize][place.slot as usize]
    }

    #[inline]
    fn segment_of(&self, hash: u64) -> usize {
        let mask = self.segments.len().next_power_of_two() - 1;
        let index = hash as usize & mask;
        if index < self.segments.len() {
            index
        } else {
            index & (mask >> 1)
        }
    }

    /// How many low bits of the hash all records of a segment have in common.
    fn bits_of(&self, index: usize) -> u32 {
        let all = self.segments.len().next_power_of_two();
        let twin = index | (all >> 1);
        if index < all >> 1 && twin >= self.segments.len() {
            all.trailing_zeros() - 1
        } else {
            all.trailing_zeros()
        }
    }

    /// Adds a segment: the half of another.
    fn split(&mut self) {
        let bit = 1 << self.segments.len().ilog2();
        let source = self.segments.len() - bit;
        let segment = &mut self.segments[source];
        let before = array_bytes(segment);
        let leaves = |record: &Record| hash(L::key(record.payload())) as usize & bit != 0;
        let leaving: SmallVec<[bool; 256]> = segment.iter().map(leaves).collect();
        let count = leaving.iter().filter(|leaves| **leaves).count();
        let mut twin = Segment::with_capacity(room_for(count));
        let mut leaving = leaving.into_iter();
        twin.extend(segment.extract_if(.., |_| leaving.next() == Some(true)));
        segment.shrink_to(room_for(segment.len()));
        self.bytes = self.bytes - before + array_bytes(segment) + array_bytes(&twin);
        self.segments.push(twin);
    }

    /// Takes the last segment away: its records go back to the segment they were split from.
    fn merge(&mut self) {
        let twin = self.segments.pop().expect("the caller saw two");
        let target = self.segments.len() - (1 << self.segments.len().ilog2());
        let segment = &mut self.segments[target];
        let before = array_bytes(segment) + array_bytes(&twin);
        segment.reserve_exact(room_for(segment.len() + twin.len()) - segment.len());
        segment.extend(twin);
        segment.sort_by_key(Record::tag);
        self.bytes = self.bytes - before + array_bytes(segment);
        let longest = segment.len();
        self.longest = if self.segments.len() == 1 {
            longest
        } else {
            self.longest.max(longest)
        };
        if self.segments.len() < self.segments.capacity() / 2 {
            self.segments.shrink_to(self.segments.len() * 5 / 4);
        }
    }
}

fn tag_of(hash: u64) -> u16 {
    (hash >> 48) as u16
}

/// Where a hash is in the space that scans walk through.
fn position_of(hash: u64) -> u64 {
    (hash as u32).reverse_bits().into()
}

fn place(segment: usize, slot: usize) -> Place {
    Place {
        segment: segment as u32,
        slot: slot as u32,
    }
}

/// The first slot whose tag is not below `tag`.
#[inline]
fn lower_bound(segment: &[Record], tag: u16) -> usize {
    let mut slot = (usize::from(tag) * segment.len()) >> 16;
    while slot < segment.len() && segment[slot].tag() < tag {
        slot += 1;
    }
    while slot > 0 && segment[slot - 1].tag() >= tag {
        slot -= 1;
    }
    slot
}

/// Records to make room for when `len` are to be held: an eighth more, and what the allocator
/// would give anyway.
fn room_for(len: usize) -> usize {
    good_size((len + len / 8) * size_of::<Record>()) / size_of::<Record>()
}

fn array_bytes(segment: &Segment) -> usize {
    good_size(segment.capacity() * size_of::<Record>())
}

#[cfg(test)]
mod tests;
