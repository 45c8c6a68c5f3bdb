//! Members by name: linear hashing (Litwin 1980) over buckets of one cache line.
//!
//! A bucket holds twelve numbers of slots and a byte of each name's hash, so that a lookup costs
//! the bucket's line and, all but once in 255 times, only the slot that is the right one. The
//! table grows and shrinks by one bucket at a time: there is no big rehash, hence no stall. What
//! overflows a bucket goes into spill buckets chained to it.
//!
//! Bucket `b` of a table of `n` buckets, `2^l <= n < 2^(l+1)`, holds the names whose hash has `b`
//! in its low bits: `l + 1` of them when `b` has been split in this round or is the outcome of a
//! split, else `l`. Those hashes are, read with their bits reversed, one interval; a scan's cursor
//! is where in this order it has come to (as Redis does it), so that nothing that stays is missed,
//! however the table grows and shrinks meanwhile.

use super::slots::{NONE, Slots};
use crate::base::hash::hash;

/// Numbers in a bucket.
const WIDTH: usize = 12;
/// Buckets of a segment: a kilobyte.
const SEGMENT: usize = 16;
/// Members per bucket above which the table grows.
const LOAD_MAX: usize = 8;
/// Members per bucket below which it shrinks.
const LOAD_MIN: usize = 3;

/// Twelve members. Those that are there come first; a tag is 0 where there is none.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket {
    tags: [u8; WIDTH],
    /// The spill bucket chained to this one.
    next: u32,
    ids: [u32; WIDTH],
}

const EMPTY: Bucket = Bucket {
    tags: [0; WIDTH],
    next: NONE,
    ids: [NONE; WIDTH],
};

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    fn len(&self) -> usize {
        self.tags.iter().take_while(|tag| **tag != 0).count()
    }

    /// Which members may have a hash of this tag: a bit each.
    #[inline]
    fn matching(&self, tag: u8) -> u32 {
        let mut bits = 0;
        for (at, own) in self.tags.iter().enumerate() {
            bits |= u32::from(*own == tag) << at;
        }
        bits
    }
}

/// Buckets in segments; those behind the first `len` are spare.
#[derive(Clone, Default)]
struct Buckets {
    // Boxed, so that growth does not move them all.
    #[allow(clippy::vec_box)]
    segments: Vec<Box<[Bucket; SEGMENT]>>,
    len: usize,
}

impl Buckets {
    #[inline]
    fn at(&self, index: usize) -> &Bucket {
        &self.segments[index / SEGMENT][index % SEGMENT]
    }

    #[inline]
    fn at_mut(&mut self, index: usize) -> &mut Bucket {
        &mut self.segments[index / SEGMENT][index % SEGMENT]
    }

    fn push(&mut self) -> usize {
        if self.len == self.segments.len() * SEGMENT {
            self.segments.push(Box::new([EMPTY; SEGMENT]));
        }
        self.len += 1;
        *self.at_mut(self.len - 1) = EMPTY;
        self.len - 1
    }

    fn pop(&mut self) {
        self.len -= 1;
        // One spare segment stays, for a size that swings around a multiple of it.
        self.segments.truncate(self.len.div_ceil(SEGMENT) + 1);
        if self.segments.len() * 2 < self.segments.capacity() {
            self.segments.shrink_to(self.segments.len() * 3 / 2);
        }
    }

    fn size_bytes(&self) -> usize {
        self.segments.len() * size_of::<[Bucket; SEGMENT]>()
            + self.segments.capacity() * size_of::<Box<[Bucket; SEGMENT]>>()
    }
}

/// See the module's text.
#[derive(Clone)]
pub(super) struct Index {
    /// Hashes are spread over these.
    primary: Buckets,
    /// Those that overflow go on in these.
    spill: Buckets,
    /// First of the unused spill buckets, which are chained.
    free_spill: u32,
    len: usize,
}

/// Where a number stands.
#[derive(Clone, Copy)]
struct Spot {
    bucket: BucketRef,
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum BucketRef {
    Primary(usize),
    Spill(u32),
}

/// The top byte of a hash, which no bucket's number depends on; never 0.
#[inline]
fn tag_of(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

impl Index {
    /// A table with room for `len` members.
    pub fn with_room(len: usize) -> Index {
        let mut index = Index {
            primary: Buckets::default(),
            spill: Buckets::default(),
            free_spill: NONE,
            len: 0,
        };
        while index.primary.len * LOAD_MAX < len.max(1) {
            index.primary.push();
        }
        index
    }

    /// Bytes taken from the allocator.
    pub fn size_bytes(&self) -> usize {
        self.primary.size_bytes() + self.spill.size_bytes()
    }

    /// The bucket of a hash.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        let bits = self.primary.len.ilog2();
        let wide = hash as usize & ((2 << bits) - 1);
        if wide < self.primary.len {
            wide
        } else {
            hash as usize & ((1 << bits) - 1)
        }
    }

    #[inline]
    fn bucket(&self, bucket: BucketRef) -> &Bucket {
        match bucket {
            BucketRef::Primary(index) => self.primary.at(index),
            BucketRef::Spill(index) => self.spill.at(index as usize),
        }
    }

    fn bucket_mut(&mut self, bucket: BucketRef) -> &mut Bucket {
        match bucket {
            BucketRef::Primary(index) => self.primary.at_mut(index),
            BucketRef::Spill(index) => self.spill.at_mut(index as usize),
        }
    }

    fn next(&self, bucket: BucketRef) -> Option<BucketRef> {
        let next = self.bucket(bucket).next;
        (next != NONE).then_some(BucketRef::Spill(next))
    }

    /// The number for which `is` holds, among those with this hash.
    #[inline]
    fn locate(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<Spot> {
        let tag = tag_of(hash);
        let mut bucket = BucketRef::Primary(self.home(hash));
        loop {
            let held = self.bucket(bucket);
            let mut bits = held.matching(tag);
            while bits != 0 {
                let at = bits.trailing_zeros() as usize;
                if is(held.ids[at]) {
                    return Some(Spot { bucket, at });
                }
                bits &= bits - 1;
            }
            bucket = self.next(bucket)?;
        }
    }

    /// Where the bucket of a name is.
    pub fn bucket_address(&self, name: &[u8]) -> *const u8 {
        std::ptr::from_ref(self.primary.at(self.home(hash(name)))).cast()
    }

    /// Visits the numbers in the bucket of a name whose tag is the name's.
    pub fn each_likely(&self, name: &[u8], mut visit: impl FnMut(u32)) {
        let hash = hash(name);
        let bucket = self.primary.at(self.home(hash));
        let mut bits = bucket.matching(tag_of(hash));
        while bits != 0 {
            visit(bucket.ids[bits.trailing_zeros() as usize]);
            bits &= bits - 1;
        }
    }

    /// The member of that name.
    #[inline]
    pub fn find(&self, name: &[u8], slots: &Slots) -> Option<u32> {
        let spot = self.locate(hash(name), |id| slots.name(id) == name)?;
        Some(self.bucket(spot.bucket).ids[spot.at])
    }

    /// Enters a member whose name is not in the table.
    pub fn insert(&mut self, name: &[u8], id: u32, slots: &Slots) {
        self.append(hash(name), id);
        self.len += 1;
        if self.len > self.primary.len * LOAD_MAX {
            self.split(slots);
        }
    }

    fn append(&mut self, hash: u64, id: u32) {
        let mut bucket = BucketRef::Primary(self.home(hash));
        while let Some(next) = self.next(bucket) {
            bucket = next;
        }
        let mut at = self.bucket(bucket).len();
        if at == WIDTH {
            let spill = self.take_spill();
            self.bucket_mut(bucket).next = spill;
            bucket = BucketRef::Spill(spill);
            at = 0;
        }
        let held = self.bucket_mut(bucket);
        held.tags[at] = tag_of(hash);
        held.ids[at] = id;
    }

    fn take_spill(&mut self) -> u32 {
        if self.free_spill == NONE {
            return self.spill.push() as u32;
        }
        let spill = self.free_spill;
        self.free_spill = self.spill.at(spill as usize).next;
        *self.spill.at_mut(spill as usize) = EMPTY;
        spill
    }

    fn give_spill(&mut self, spill: u32) {
        *self.spill.at_mut(spill as usize) = Bucket {
            next: self.free_spill,
            ..EMPTY
        };
        self.free_spill = spill;
    }

    /// Removes a member, which is in the table.
    pub fn remove(&mut self, name: &[u8], id: u32, slots: &Slots) {
        let hash = hash(name);
        let spot = self.spot(hash, id);
        self.take(hash, spot);
        self.len -= 1;
        if self.len < self.primary.len * LOAD_MIN && self.primary.len > 1 {
            self.merge(slots);
        }
    }

    /// Gives the member `from` the number `to`.
    pub fn renumber(&mut self, name: &[u8], from: u32, to: u32) {
        let spot = self.spot(hash(name), from);
        self.bucket_mut(spot.bucket).ids[spot.at] = to;
    }

    fn spot(&self, hash: u64, id: u32) -> Spot {
        self.locate(hash, |other| other == id)
            .expect("every member is in the index")
    }

    /// Closes the gap at a spot with the last number of its chain.
    fn take(&mut self, hash: u64, spot: Spot) {
        let mut last = BucketRef::Primary(self.home(hash));
        let mut before = last;
        while let Some(next) = self.next(last) {
            before = last;
            last = next;
        }
        let end = self.bucket(last).len() - 1;
        let (tag, id) = (self.bucket(last).tags[end], self.bucket(last).ids[end]);
        let held = self.bucket_mut(spot.bucket);
        held.tags[spot.at] = tag;
        held.ids[spot.at] = id;
        let held = self.bucket_mut(last);
        held.tags[end] = 0;
        held.ids[end] = NONE;
        if end == 0
            && let BucketRef::Spill(spill) = last
        {
            self.bucket_mut(before).next = NONE;
            self.give_spill(spill);
        }
    }

    /// Takes a bucket's chain apart: its numbers.
    fn drain(&mut self, index: usize, out: &mut smallvec::SmallVec<[u32; 64]>) {
        let mut bucket = Some(BucketRef::Primary(index));
        while let Some(this) = bucket {
            let held = *self.bucket(this);
            out.extend_from_slice(&held.ids[..held.len()]);
            bucket = self.next(this);
            match this {
                BucketRef::Primary(index) => *self.primary.at_mut(index) = EMPTY,
                BucketRef::Spill(spill) => self.give_spill(spill),
            }
        }
    }

    /// Adds a bucket: the next one in turn is split.
    fn split(&mut self, slots: &Slots) {
        let new = self.primary.push();
        let old = new - (1 << new.ilog2());
        let mut ids = smallvec::SmallVec::new();
        self.drain(old, &mut ids);
        for id in ids {
            self.append(hash(slots.name(id)), id);
        }
    }

    /// Removes the last bucket: its members go back to the one they were split from.
    fn merge(&mut self, slots: &Slots) {
        let last = self.primary.len - 1;
        let mut ids = smallvec::SmallVec::new();
        self.drain(last, &mut ids);
        self.primary.pop();
        for id in ids {
            self.append(hash(slots.name(id)), id);
        }
    }

    /// Visits the members of one bucket, the one that `cursor` has come to; where to go on, 0 at
    /// the end.
    pub fn scan(&self, cursor: u64, visit: &mut impl FnMut(u32)) -> u64 {
        let home = self.home(cursor);
        let mut bucket = Some(BucketRef::Primary(home));
        while let Some(this) = bucket {
            let held = self.bucket(this);
            held.ids[..held.len()].iter().for_each(|id| visit(*id));
            bucket = self.next(this);
        }
        // The bits in which the bucket's hashes agree; behind its interval of reversed hashes
        // begins the next one.
        let level = self.primary.len.ilog2();
        let split = home + (1 << level) < self.primary.len || home >= 1 << level;
        let bits = level + u32::from(split);
        if bits == 0 {
            return 0;
        }
        let unit = 1_u64 << (u64::BITS - bits);
        let start = cursor.reverse_bits() & !(unit - 1);
        start.wrapping_add(unit).reverse_bits()
    }

    /// Asserts what the module's text says.
    #[cfg(test)]
    pub fn check(&self, slots: &Slots) {
        let mut seen = 0;
        for index in 0..self.primary.len {
            let mut bucket = Some(BucketRef::Primary(index));
            while let Some(this) = bucket {
                let held = self.bucket(this);
                for id in &held.ids[..held.len()] {
                    assert_eq!(self.home(hash(slots.name(*id))), index);
                    seen += 1;
                }
                assert!(this == BucketRef::Primary(index) || held.len() > 0);
                bucket = self.next(this);
            }
        }
        assert_eq!(seen, self.len);
    }
}
