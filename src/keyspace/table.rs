//! The hash table of one shard: cache-line buckets of eight packed slots, ordered by hash.
//!
//! A slot is one word: the entry's address, an 8-bit tag of its hash, whether it has a deadline,
//! and [`EVICT_BITS`] bits for the eviction policy; so a lookup touches one bucket line and one
//! entry, and a search for victims touches no entry.
//!
//! A key's home bucket is `position × buckets / 2³²`, where `position` is 32 bits of its hash: the
//! table is sorted by position, bucket by bucket. A full bucket spills into the next one, and
//! spilled slots say so. Three things follow. Any number of buckets will do, so the table grows by
//! a seventh at most and stays about 84 % full on average. A scan cursor is simply a position: after growth or
//! shrinkage it still separates what was returned from what was not. And growing is a merge in
//! order, a few thousand keys at a time since a shard is a small part of the keyspace; shards are
//! staggered so that they do not all grow at the same number of keys.
//!
//! Invariant: between a slot's home bucket and the bucket it lies in, every bucket is full. A
//! removal from a full bucket therefore pulls spilled slots back (no tombstones).
//!
//! Bucket arrays are read by prefetching workers without the shard's lock (never entries): slots
//! are relaxed atomics, and an array is freed through [`super::retire`] only.
//!
//! This is one of the unsafe islands. Every method but the prefetches requires that the caller
//! holds the shard's lock (which is why a table is not `Sync`, and why methods that change it take
//! `&self`: the lock, not the borrow, excludes others); [`super::shard`] guarantees it.
#![allow(unsafe_code)]

mod ahead;
mod arrays;
mod tags;

use super::entry::{Entry, EntryMut, EntryRef};
use super::retire::{Garbage, Retired};
use crate::base::alloc;
use crate::base::bytes::same;
use std::marker::PhantomData;
use std::num::NonZero;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use tags::tagged;

/// Slots in a bucket.
pub(super) const SLOTS: usize = 8;
/// Bits of a slot that belong to the eviction policy.
pub const EVICT_BITS: u32 = 11;

const ADDRESS_BITS: u32 = 43;
const EVICT_SHIFT: u32 = ADDRESS_BITS;
const EVICT_MASK: u64 = ((1 << EVICT_BITS) - 1) << EVICT_SHIFT;
const SPILLED: u64 = 1 << 54;
const VOLATILE: u64 = 1 << 55;
const TAG_SHIFT: u32 = 56;
const BUCKET_BYTES: usize = 64;

/// Buckets a table may have: what fits beside an address in one word.
const BUCKETS_MAX: usize = (1 << 23) - 1;
/// A table grows by this share of itself.
const GROWTH_SHARE: usize = 7;
/// Least load below which a table shrinks, in 256ths.
const SHRINK_LOAD: usize = 92;

#[repr(align(64))]
struct Bucket([AtomicU64; SLOTS]);

const _: () = assert!(size_of::<Bucket>() == BUCKET_BYTES);

/// A key's hash, split into what the keyspace uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub u64);

impl Hash {
    /// Where in its table the key belongs: 0 to 2³²−1.
    pub fn position(self) -> u32 {
        (self.0 >> 16) as u32
    }

    fn tag(self) -> u64 {
        self.0 & 0xff
    }

    fn home(self, buckets: usize) -> usize {
        ((u64::from(self.position()) * buckets as u64) >> 32) as usize
    }
}

/// Where a slot lies. Valid until the next insertion or removal in its table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pos(u32);

/// A key that was found: small enough to be returned in registers.
#[derive(Clone, Copy)]
pub struct Found<'t> {
    word: NonZero<u64>,
    /// Where it lies.
    pub pos: Pos,
    of: PhantomData<&'t Table>,
}

impl<'t> Found<'t> {
    /// What is there.
    #[inline]
    pub fn entry(&self) -> EntryRef<'t> {
        entry_at(self.word.get())
    }

    /// The policy's bits.
    #[inline]
    pub fn evict_bits(&self) -> u16 {
        evict_bits(self.word.get())
    }

    /// Does it have a deadline?
    #[inline]
    pub fn is_volatile(&self) -> bool {
        self.word.get() & VOLATILE != 0
    }
}

/// One database's part of one shard.
pub struct Table {
    /// Address of the bucket array / 64, and the number of buckets above bit 41, in one word so
    /// that unlocked prefetches see a consistent pair.
    packed: AtomicU64,
    // Written under the lock only; atomics so that counts can be summed without it.
    len: AtomicU32,
    volatile: AtomicU32,
    bytes: AtomicUsize,
    /// Fill limit in 256ths; differs between shards so that they do not grow in step.
    load_max: u8,
}

const ARRAY_SHIFT: u32 = 6;
const COUNT_SHIFT: u32 = 41;

impl Table {
    /// An empty table, without memory. `stagger` (0 to 255) sets how full it gets: 84 to 94 %, as far
    /// apart as a growth is, so that all tables together are equally full at any number of keys.
    pub const fn new(stagger: u8) -> Table {
        Table {
            packed: AtomicU64::new(0),
            len: AtomicU32::new(0),
            volatile: AtomicU32::new(0),
            bytes: AtomicUsize::new(0),
            load_max: 216 + (stagger as u16 * 26 / 255) as u8,
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len.load(Relaxed) as usize
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys that have a deadline.
    pub fn volatile_len(&self) -> usize {
        self.volatile.load(Relaxed) as usize
    }

    /// Number of buckets.
    pub fn buckets(&self) -> usize {
        (self.packed.load(Relaxed) >> COUNT_SHIFT) as usize
    }

    /// Bytes of the bucket array.
    pub fn array_bytes(&self) -> usize {
        self.buckets() * BUCKET_BYTES
    }

    /// Bytes of the bucket array and the entries, as its users have noted them.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// Notes that array and entries take `delta` bytes more.
    #[inline]
    pub fn note_bytes(&self, delta: i64) {
        let bytes = self.bytes.load(Relaxed) as i64 + delta;
        self.bytes.store(bytes as usize, Relaxed);
    }

    /// Finds a key.
    pub fn find(&self, hash: Hash, key: &[u8]) -> Option<Pos> {
        self.look_up(hash, key).map(|found| found.pos)
    }

    /// Finds a key: where it lies, and what is there.
    pub fn look_up(&self, hash: Hash, key: &[u8]) -> Option<Found<'_>> {
        let array = self.array();
        if array.is_empty() {
            return None;
        }
        let mut bucket = hash.home(array.len());
        loop {
            let slots = &array[bucket];
            for index in tagged(slots, hash.tag()) {
                let word = slots.0[index].load(Relaxed);
                if let Some(word) = NonZero::new(word)
                    && same(entry_at(word.get()).key(), key)
                {
                    let pos = Pos((bucket * SLOTS + index) as u32);
                    let of = PhantomData;
                    return Some(Found { word, pos, of });
                }
            }
            if !is_full(slots) {
                return None;
            }
            bucket = next(bucket, array.len());
        }
    }

    /// The entry at `pos`.
    #[inline]
    pub fn entry(&self, pos: Pos) -> EntryRef<'_> {
        entry_at(self.word(pos))
    }

    /// The entry at `pos`, to change.
    #[inline]
    pub fn entry_mut(&self, pos: Pos) -> EntryMut<'_> {
        // SAFETY: a slot in use holds the address of a live entry of this table; the caller holds
        // the shard's lock and keeps no other borrow of this entry.
        unsafe { EntryMut::from_address(address(self.word(pos))) }
    }

    /// Notes a use of a key that was just found, see [`Entry::touch`].
    #[inline]
    pub fn touch(&self, found: &Found<'_>, seconds: u32) {
        // SAFETY: it was found in this table, which has not changed since; as for `entry_mut`.
        unsafe { EntryMut::from_address(address(found.word.get())) }.touch(seconds);
    }

    /// The policy's bits at `pos`.
    pub fn evict_bits(&self, pos: Pos) -> u16 {
        evict_bits(self.word(pos))
    }

    /// Sets the policy's bits at `pos`.
    pub fn set_evict_bits(&self, pos: Pos, bits: u16) {
        let slot = self.slot(pos);
        let word = slot.load(Relaxed);
        let new = word & !EVICT_MASK | u64::from(bits) << EVICT_SHIFT & EVICT_MASK;
        if new != word {
            slot.store(new, Relaxed);
        }
    }

    /// Does the key at `pos` have a deadline? Reads the slot only.
    pub fn is_volatile(&self, pos: Pos) -> bool {
        self.word(pos) & VOLATILE != 0
    }

    /// Is the slot at `pos` in use? For positions kept across a removal.
    pub fn holds(&self, pos: Pos) -> bool {
        (pos.0 as usize) < self.buckets() * SLOTS && in_use(self.slot(pos))
    }

    /// Has the deadline of the key at `pos` passed?
    #[inline]
    pub fn is_due(&self, pos: Pos, now_ms: u64) -> bool {
        self.entry(pos)
            .deadline()
            .is_some_and(|deadline| now_ms > deadline)
    }

    /// Inserts a key that is not there. May move every slot.
    pub fn insert(&self, hash: Hash, entry: Entry, evict: u16, garbage: &Garbage) -> Pos {
        let bomb = Bomb;
        if self.len() + 1 > self.capacity(self.buckets()) {
            self.resize(grown(self.buckets()), garbage);
        }
        self.len.store(self.len.load(Relaxed) + 1, Relaxed);
        let deadline = entry.deadline().is_some();
        self.count_volatile(deadline, false);
        let word = pack(entry, hash, deadline) | u64::from(evict) << EVICT_SHIFT & EVICT_MASK;
        let pos = place(self.array(), hash, word);
        std::mem::forget(bomb);
        pos
    }

    /// Puts another entry of the same key in the place of the one at `pos`, which is returned.
    pub fn replace(&self, pos: Pos, entry: Entry) -> Entry {
        let slot = self.slot(pos);
        let old = slot.load(Relaxed);
        let deadline = entry.deadline().is_some();
        self.count_volatile(deadline, old & VOLATILE != 0);
        let kept = old & (EVICT_MASK | SPILLED | 0xff << TAG_SHIFT);
        let flag = if deadline { VOLATILE } else { 0 };
        slot.store(kept | flag | entry.into_address() >> 4, Relaxed);
        // SAFETY: the old address left its slot just now, so it is taken back once.
        unsafe { Entry::from_address(address(old)) }
    }

    /// Where the entry at `pos` lies.
    pub fn address(&self, pos: Pos) -> u64 {
        address(self.word(pos))
    }

    /// Bytes of the block the entry at `pos` lies in.
    pub fn block_bytes(&self, pos: Pos) -> usize {
        self.entry(pos).block_bytes()
    }

    /// Moves the entry at `pos` to a block that is not `inside` of what is to be emptied. Blocks
    /// that are, and the one it leaves, go to the stash. False when that took all the `blocks`
    /// that may be asked for.
    pub fn move_out(
        &self,
        pos: Pos,
        inside: impl Fn(u64) -> bool,
        stash: &mut Stash,
        blocks: &mut usize,
    ) -> bool {
        let slot = self.slot(pos);
        let word = slot.load(Relaxed);
        let old = address(word);
        let size = self.block_bytes(pos);
        let new = loop {
            if *blocks == 0 {
                return false;
            }
            *blocks -= 1;
            let block = alloc::allocate(size);
            if !inside(block.as_ptr() as u64) {
                break block.as_ptr() as u64;
            }
            stash.push(block.as_ptr() as u64, size);
        };
        // SAFETY: both blocks have `size` bytes and are different ones; an entry may be moved as
        // a whole. The old block has no other owner once its slot is overwritten.
        unsafe { std::ptr::copy_nonoverlapping(old as *const u8, new as *mut u8, size) };
        slot.store(word & !((1 << ADDRESS_BITS) - 1) | new >> 4, Relaxed);
        stash.push(old, size);
        true
    }

    /// Runs `change` on the entry at `pos`, which may move it to another block.
    pub fn change(&self, pos: Pos, change: impl FnOnce(&mut Entry)) {
        let slot = self.slot(pos);
        let word = slot.load(Relaxed);
        let mut entry = self.entry_mut(pos);
        change(&mut entry);
        let rest = word & !((1 << ADDRESS_BITS) - 1);
        slot.store(rest | entry.address() >> 4, Relaxed);
    }

    /// Removes the key at `pos`. May move other slots; shrinks the table when it has become
    /// sparse.
    pub fn remove(&self, pos: Pos, garbage: &Garbage) -> Entry {
        let entry = self.remove_keeping_size(pos);
        self.fit(garbage);
        entry
    }

    /// As [`Table::remove`], for a sweep that removes many: call [`Table::fit`] afterwards.
    pub fn remove_keeping_size(&self, pos: Pos) -> Entry {
        let bomb = Bomb;
        let array = self.array();
        let bucket = pos.0 as usize / SLOTS;
        let was_full = is_full(&array[bucket]);
        let old = self.slot(pos).swap(0, Relaxed);
        if was_full {
            pull_back(array, pos);
        }
        self.len.store(self.len.load(Relaxed) - 1, Relaxed);
        self.count_volatile(false, old & VOLATILE != 0);
        std::mem::forget(bomb);
        // SAFETY: the address left its slot just now, so it is taken back once.
        unsafe { Entry::from_address(address(old)) }
    }

    /// Shrinks the table if removals have left it sparse.
    pub fn fit(&self, garbage: &Garbage) {
        let buckets = self.buckets();
        // Tables of one or two buckets stay: a shard with few keys would allocate all the time.
        if buckets > 2 && self.len() * 256 < buckets * SLOTS * SHRINK_LOAD {
            self.resize(shrunk(self.len()), garbage);
        }
    }

    /// Visits the keys whose home is the bucket of `position`. Returns the position to go on
    /// from, or `None` at the end. A key that stays in the table from position 0 to the end is
    /// visited at least once, whatever else happens in between.
    pub fn scan(&self, position: u32, mut visit: impl FnMut(Hash, EntryRef<'_>)) -> Option<u32> {
        let array = self.array();
        if array.is_empty() {
            return None;
        }
        let home = ((u64::from(position) * array.len() as u64) >> 32) as usize;
        let mut bucket = home;
        loop {
            for slot in &array[bucket].0 {
                let word = slot.load(Relaxed);
                let at_home = bucket == home && word & SPILLED == 0;
                if word == 0 || !at_home && word & SPILLED == 0 {
                    continue;
                }
                let entry = entry_at(word);
                let hash = super::hash_key(entry.key());
                if hash.home(array.len()) == home && hash.position() >= position {
                    visit(hash, entry);
                }
            }
            if !is_full(&array[bucket]) || next(bucket, array.len()) == home {
                break;
            }
            bucket = next(bucket, array.len());
        }
        self.position_of(home + 1)
    }

    /// Positions of all keys, bucket by bucket from `bucket` on, wrapping, `buckets` of them.
    pub fn positions(&self, bucket: usize, buckets: usize) -> impl Iterator<Item = Pos> {
        let array = self.array();
        (bucket..bucket + buckets.min(array.len())).flat_map(move |index| {
            let index = index % array.len();
            (0..SLOTS).filter_map(move |slot| {
                (array[index].0[slot].load(Relaxed) != 0)
                    .then_some(Pos((index * SLOTS + slot) as u32))
            })
        })
    }

    /// Positions of the keys after that at `pos`, bucket by bucket, wrapping.
    pub fn others(&self, pos: Pos) -> impl Iterator<Item = Pos> {
        self.positions(pos.0 as usize / SLOTS + 1, self.buckets() - 1)
    }

    /// The buckets from the one of a hash position on, `count` of them at most: first and end.
    pub fn stretch(&self, position: u32, count: usize) -> (usize, usize) {
        let buckets = self.buckets();
        let first = ((u64::from(position) * buckets as u64) >> 32) as usize;
        (first, (first + count).min(buckets))
    }

    /// The least hash position whose home is `bucket`, or `None` beyond the last bucket.
    pub fn position_of(&self, bucket: usize) -> Option<u32> {
        let position = ((bucket as u64) << 32).div_ceil(self.buckets().max(1) as u64);
        u32::try_from(position).ok()
    }

    /// Takes the whole contents, leaving an empty table.
    pub fn take(&self) -> Table {
        Table {
            packed: AtomicU64::new(self.packed.swap(0, Relaxed)),
            len: AtomicU32::new(self.len.swap(0, Relaxed)),
            volatile: AtomicU32::new(self.volatile.swap(0, Relaxed)),
            bytes: AtomicUsize::new(self.bytes.swap(0, Relaxed)),
            load_max: self.load_max,
        }
    }

    /// Exchanges contents with another table; each keeps its stagger.
    pub fn swap(&self, other: &Table) {
        for (mine, theirs) in [(&self.len, &other.len), (&self.volatile, &other.volatile)] {
            mine.store(theirs.swap(mine.load(Relaxed), Relaxed), Relaxed);
        }
        let bytes = self.bytes.load(Relaxed);
        self.bytes.store(other.bytes.swap(bytes, Relaxed), Relaxed);
        let mine = self.packed.load(Relaxed);
        self.packed.store(other.packed.swap(mine, Relaxed), Relaxed);
    }

    /// Bytes of the entries and the bucket array.
    pub fn total_bytes(&self) -> usize {
        let entries = self
            .positions(0, self.buckets())
            .map(|pos| self.entry(pos).size_bytes());
        entries.sum::<usize>() + self.array_bytes()
    }

    /// Frees every entry and leaves the bucket array, which prefetching workers may still read: for
    /// a table that was taken. Costs one free per entry.
    pub fn free_entries(&self) {
        for slot in self.array().iter().flat_map(|bucket| &bucket.0) {
            let word = slot.swap(0, Relaxed);
            if word != 0 {
                // SAFETY: the address left its slot just now, so it is taken back once.
                drop(unsafe { Entry::from_address(address(word)) });
            }
        }
        self.len.store(0, Relaxed);
        self.volatile.store(0, Relaxed);
        self.bytes.store(self.array_bytes(), Relaxed);
    }

    fn count_volatile(&self, added: bool, removed: bool) {
        let count = self.volatile.load(Relaxed) + u32::from(added) - u32::from(removed);
        self.volatile.store(count, Relaxed);
    }

    #[inline]
    fn slot(&self, pos: Pos) -> &AtomicU64 {
        let packed = self.packed.load(Relaxed);
        assert!(
            (pos.0 as usize) < (packed >> COUNT_SHIFT) as usize * SLOTS,
            "in the table"
        );
        // SAFETY: an array is its buckets' slots one after the other, and has that many; as for
        // `array_of`.
        unsafe { &*(array_address(packed) as *const AtomicU64).add(pos.0 as usize) }
    }

    /// What the slot at `pos` holds: the same again only for the same key, in the same place and
    /// with the policy's bits unchanged.
    #[inline]
    pub(super) fn word(&self, pos: Pos) -> u64 {
        let word = self.slot(pos).load(Relaxed);
        debug_assert_ne!(word, 0, "positions are of slots in use");
        word
    }

    #[inline]
    fn array(&self) -> &[Bucket] {
        array_of(self.packed.load(Relaxed))
    }

    fn capacity(&self, buckets: usize) -> usize {
        let capacity = buckets * SLOTS * usize::from(self.load_max) / 256;
        // At least one slot stays vacant, which ends every search.
        capacity.min((buckets * SLOTS).saturating_sub(1))
    }

    /// Moves everything into an array of `buckets` buckets.
    fn resize(&self, buckets: usize, garbage: &Garbage) {
        assert!(buckets <= BUCKETS_MAX, "a shard holds at most 2^26 keys");
        let bomb = Bomb;
        let old = self.packed.load(Relaxed);
        let new = allocate(buckets);
        let target = array_of(new);
        let mut ahead = array_of(old)
            .iter()
            .flat_map(|bucket| &bucket.0)
            .skip(PREFETCH_AHEAD);
        for slot in array_of(old).iter().flat_map(|bucket| &bucket.0) {
            if let Some(later) = ahead.next() {
                prefetch(address(later.load(Relaxed)) as *const u8);
            }
            let word = slot.load(Relaxed);
            if word != 0 {
                place(
                    target,
                    super::hash_key(entry_at(word).key()),
                    word & !SPILLED,
                );
            }
        }
        self.packed.store(new, std::sync::atomic::Ordering::Release);
        if old != 0 {
            garbage.retire(Retired::new(old));
        }
        std::mem::forget(bomb);
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.free_entries();
        let packed = self.packed.load(Relaxed);
        if packed != 0 {
            // SAFETY: a table that is dropped was never, or is no longer, reachable by
            // prefetching workers: taken tables wait for that, see `retire`.
            unsafe { free_array(packed) };
        }
    }
}

/// Dropped only when a change of a table panics half-way: torn data is never served.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// Blocks without an owner that are held back from the allocator, with their sizes.
#[derive(Default)]
pub struct Stash(Vec<(NonNull<u8>, u32)>);

// SAFETY: a stash owns its blocks, which any thread may free.
unsafe impl Send for Stash {}

impl Stash {
    fn push(&mut self, address: u64, size: usize) {
        let block = NonNull::new(address as *mut u8).expect("blocks are not at zero");
        self.0
            .push((block, u32::try_from(size).expect("entries are smaller")));
    }

    /// Frees some. False when there are none.
    pub fn free(&mut self, count: usize) -> bool {
        let rest = self.0.len().saturating_sub(count);
        for (block, size) in self.0.drain(rest..) {
            // SAFETY: a stash owns its blocks, each of which was allocated with this size or as the
            // block of an entry of this size.
            unsafe { alloc::free(block, size as usize) };
        }
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        !self.0.is_empty()
    }
}

impl Drop for Stash {
    fn drop(&mut self) {
        self.free(usize::MAX);
    }
}

/// How far ahead a resize prefetches entries.
const PREFETCH_AHEAD: usize = 16;

/// Frees a bucket array, described as in a table.
///
/// # Safety
/// `packed` came from a table that no longer refers to it, and nobody reads the array.
pub(super) unsafe fn free_array(packed: u64) {
    let bytes = (packed >> COUNT_SHIFT) as usize * BUCKET_BYTES;
    // SAFETY: made by `allocate` below with as many buckets; the rest is the caller's contract.
    unsafe { arrays::free(array_address(packed) as usize, bytes) };
}

fn allocate(buckets: usize) -> u64 {
    if buckets == 0 {
        return 0;
    }
    let size = buckets * BUCKET_BYTES;
    let address = arrays::allocate(size) as u64;
    if address == 0 {
        std::alloc::handle_alloc_error(
            std::alloc::Layout::from_size_align(size, BUCKET_BYTES).expect("a small size"),
        );
    }
    address >> ARRAY_SHIFT | (buckets as u64) << COUNT_SHIFT
}

#[inline]
fn array_address(packed: u64) -> u64 {
    (packed & ((1 << COUNT_SHIFT) - 1)) << ARRAY_SHIFT
}

#[inline]
fn array_of<'a>(packed: u64) -> &'a [Bucket] {
    if packed == 0 {
        return &[];
    }
    // SAFETY: `packed` describes a live zero-initialised array made by `allocate`; it stays alive
    // while its table refers to it, and after that until no pinned reader can hold it.
    unsafe {
        std::slice::from_raw_parts(
            array_address(packed) as *const Bucket,
            (packed >> COUNT_SHIFT) as usize,
        )
    }
}

fn grown(buckets: usize) -> usize {
    fitting(buckets + 1, buckets + buckets / GROWTH_SHARE + 1)
}

fn shrunk(len: usize) -> usize {
    let buckets = len * 256 / (SLOTS * 180) + 1;
    fitting(buckets, buckets)
}

/// `wanted` buckets, or a few more or less that suit the memory they are in; at least `least`.
fn fitting(least: usize, wanted: usize) -> usize {
    arrays::fitting(least * BUCKET_BYTES, wanted * BUCKET_BYTES) / BUCKET_BYTES
}

#[inline]
fn next(bucket: usize, buckets: usize) -> usize {
    if bucket + 1 == buckets { 0 } else { bucket + 1 }
}

fn is_full(bucket: &Bucket) -> bool {
    bucket.0.iter().all(in_use)
}

fn in_use(slot: &AtomicU64) -> bool {
    slot.load(Relaxed) != 0
}

fn pack(entry: Entry, hash: Hash, deadline: bool) -> u64 {
    let address = entry.into_address();
    assert!(
        address & 15 == 0 && address >> 4 >> ADDRESS_BITS == 0,
        "a 47-bit aligned address"
    );
    address >> 4 | hash.tag() << TAG_SHIFT | if deadline { VOLATILE } else { 0 }
}

#[inline]
fn address(word: u64) -> u64 {
    (word & ((1 << ADDRESS_BITS) - 1)) << 4
}

#[inline]
fn entry_at<'a>(word: u64) -> EntryRef<'a> {
    // SAFETY: a slot in use holds the address of a live entry; callers tie the borrow to the
    // table's.
    unsafe { EntryRef::from_address(address(word)) }
}

fn evict_bits(word: u64) -> u16 {
    ((word & EVICT_MASK) >> EVICT_SHIFT) as u16
}

/// Puts `word` into the first vacant slot from its home on.
fn place(array: &[Bucket], hash: Hash, word: u64) -> Pos {
    let home = hash.home(array.len());
    let mut bucket = home;
    loop {
        if let Some(index) = array[bucket].0.iter().position(|slot| !in_use(slot)) {
            let spilled = if bucket == home { 0 } else { SPILLED };
            array[bucket].0[index].store(word | spilled, Relaxed);
            return Pos((bucket * SLOTS + index) as u32);
        }
        bucket = next(bucket, array.len());
    }
}

/// Restores the invariant after the slot at `hole` of a full bucket was vacated: the nearest
/// spilled slot that may lie there moves in, which may leave another hole.
fn pull_back(array: &[Bucket], hole: Pos) {
    let (mut bucket, mut slot) = (hole.0 as usize / SLOTS, hole.0 as usize % SLOTS);
    let mut candidate = bucket;
    loop {
        candidate = next(candidate, array.len());
        if candidate == bucket {
            return;
        }
        let full = is_full(&array[candidate]);
        let moved = array[candidate].0.iter().position(|slot| {
            let word = slot.load(Relaxed);
            word & SPILLED != 0 && may_lie_in(array.len(), word, bucket, candidate)
        });
        if let Some(from) = moved {
            let word = array[candidate].0[from].swap(0, Relaxed);
            let home = super::hash_key(entry_at(word).key()).home(array.len());
            let flag = if home == bucket { 0 } else { SPILLED };
            array[bucket].0[slot].store(word & !SPILLED | flag, Relaxed);
            (bucket, slot) = (candidate, from);
        }
        if !full {
            return;
        }
    }
}

/// May the slot `word`, now in `from`, lie in `bucket`, which comes before `from`? Yes unless its
/// home lies after `bucket`.
fn may_lie_in(buckets: usize, word: u64, bucket: usize, from: usize) -> bool {
    let home = super::hash_key(entry_at(word).key()).home(buckets);
    let back = |to: usize| (from + buckets - to) % buckets;
    back(home) >= back(bucket)
}

#[inline]
pub(super) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect that a program can observe, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

#[cfg(test)]
mod tests;
