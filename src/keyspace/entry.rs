//! An entry: one key with its value and deadline, in a single allocation.
//!
//! ```text
//! header 8 │ deadline 8, if any │ key length 8, if long │ key │ (pad) │ value
//! ```
//!
//! The header packs type, encoding, flags, the key's and the inline value's length, and when the
//! entry was last used, in one word. Short strings lie in the entry; integers as eight bytes;
//! strings of [`INLINE_MAX`] bytes and more hang off it as a reference-counted blob, so that a
//! reply can quote them without a copy. The allocator's size classes are asked (`mi_good_size`),
//! so the bytes accounted are the bytes used.
//!
//! This is one of the unsafe islands: everything outside goes through the safe methods.
#![allow(unsafe_code)]

use crate::protocol::output::Blob;
use crate::values::Type;
use libmimalloc_sys::{mi_collect, mi_free, mi_good_size, mi_malloc};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

/// Strings from this length on are blobs.
pub const INLINE_MAX: usize = 16 * 1024;

/// Seconds of last use wrap at 24 bits (194 days), as in Redis.
pub const SECONDS_MASK: u32 = (1 << 24) - 1;

/// What to store in an entry.
#[derive(Clone, Copy)]
pub enum NewValue<'a> {
    /// A string that is the decimal form of this integer.
    Int(i64),
    /// Any other string; becomes a blob from [`INLINE_MAX`] bytes on.
    Bytes(&'a [u8]),
    /// A string that was modified in place: `OBJECT ENCODING` says `raw` whatever its length.
    RawBytes(&'a [u8]),
    /// A string already held as a blob; shared, not copied.
    Blob(&'a Blob),
}

/// A stored value, borrowed.
#[derive(Clone, Copy)]
pub enum ValueRef<'a> {
    /// A string holding an integer.
    Int(i64),
    /// A string in the entry.
    Bytes(&'a [u8]),
    /// A string outside the entry.
    Blob(&'a Blob),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Inline = 0,
    Int = 1,
    Blob = 2,
}

/// Owns one entry's allocation.
pub struct Entry(NonNull<u8>);

// SAFETY: an entry is a plain owned allocation (mimalloc blocks may be freed by any thread); blobs
// inside are `Arc`s of `Send + Sync` data.
unsafe impl Send for Entry {}

#[derive(Clone, Copy)]
struct Header(u64);

const DEADLINE: u64 = 1 << 6;
const LONG_KEY: u64 = 1 << 7;
const RAW: u64 = 1 << 8;
const KEY_SHIFT: u32 = 10;
const KEY_LEN_MAX: usize = (1 << 14) - 1;
const INLINE_SHIFT: u32 = 24;
const SECONDS_SHIFT: u32 = 40;
const WORD: usize = 8;
const _: () = assert!(size_of::<Blob>() == WORD);

impl Header {
    fn new(kind: Type, encoding: Encoding, key: usize, inline: usize, seconds: u32) -> Header {
        debug_assert!(inline <= usize::from(u16::MAX));
        let (key_bits, long) = if key > KEY_LEN_MAX {
            (0, LONG_KEY)
        } else {
            (key as u64, 0)
        };
        Header(
            kind as u64
                | (encoding as u64) << 3
                | long
                | key_bits << KEY_SHIFT
                | (inline as u64) << INLINE_SHIFT
                | u64::from(seconds & SECONDS_MASK) << SECONDS_SHIFT,
        )
    }

    fn kind(self) -> Type {
        Type::ALL[(self.0 & 7) as usize % Type::ALL.len()]
    }

    fn encoding(self) -> Encoding {
        match self.0 >> 3 & 7 {
            0 => Encoding::Inline,
            1 => Encoding::Int,
            _ => Encoding::Blob,
        }
    }

    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    fn inline_len(self) -> usize {
        (self.0 >> INLINE_SHIFT) as usize & 0xffff
    }

    fn seconds(self) -> u32 {
        (self.0 >> SECONDS_SHIFT) as u32
    }

    fn key_at(self) -> usize {
        WORD + WORD * usize::from(self.has(DEADLINE)) + WORD * usize::from(self.has(LONG_KEY))
    }
}

impl Entry {
    /// Allocates an entry. `deadline_ms` is on the server timeline; `seconds` is the time of use.
    pub fn new(key: &[u8], value: NewValue<'_>, deadline_ms: Option<u64>, seconds: u32) -> Entry {
        match value {
            NewValue::Int(number) => {
                let entry = Entry::raw(key, Encoding::Int, WORD, deadline_ms, seconds, 0);
                // SAFETY: `raw` allocated `WORD` value bytes at `value_at`.
                unsafe { entry.value_ptr().cast::<i64>().write_unaligned(number) };
                entry
            }
            NewValue::Bytes(bytes) if bytes.len() < INLINE_MAX => {
                Entry::inline(key, bytes, deadline_ms, seconds, 0)
            }
            NewValue::RawBytes(bytes) if bytes.len() < INLINE_MAX => {
                Entry::inline(key, bytes, deadline_ms, seconds, RAW)
            }
            NewValue::Bytes(bytes) | NewValue::RawBytes(bytes) => {
                Entry::blob(key, Arc::new(bytes.to_vec()), deadline_ms, seconds)
            }
            NewValue::Blob(blob) => Entry::blob(key, Arc::clone(blob), deadline_ms, seconds),
        }
    }

    fn inline(key: &[u8], bytes: &[u8], deadline: Option<u64>, seconds: u32, flags: u64) -> Entry {
        let entry = Entry::raw(key, Encoding::Inline, bytes.len(), deadline, seconds, flags);
        // SAFETY: `raw` allocated `bytes.len()` value bytes at `value_at`; a fresh allocation
        // overlaps nothing.
        unsafe {
            entry
                .value_ptr()
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
        };
        entry
    }

    fn blob(key: &[u8], blob: Blob, deadline: Option<u64>, seconds: u32) -> Entry {
        let entry = Entry::raw(key, Encoding::Blob, WORD, deadline, seconds, RAW);
        // SAFETY: the value of a blob entry is an aligned word, see `value_at`; a `Blob` is one.
        unsafe { entry.value_ptr().cast::<Blob>().write(blob) };
        entry
    }

    /// Allocates and writes all but the value, which has `value_len` bytes.
    fn raw(
        key: &[u8],
        encoding: Encoding,
        value_len: usize,
        deadline: Option<u64>,
        seconds: u32,
        flags: u64,
    ) -> Entry {
        let mut header = Header::new(Type::String, encoding, key.len(), value_len, seconds);
        header.0 |= flags | if deadline.is_some() { DEADLINE } else { 0 };
        let size = block_size(header, key.len());
        // SAFETY: `size` covers header, deadline, key length, key and value, in that order; the
        // offsets below stay inside it. A null pointer is refused before any write.
        unsafe {
            let block = mi_malloc(size).cast::<u8>();
            let Some(pointer) = NonNull::new(block) else {
                std::alloc::handle_alloc_error(
                    std::alloc::Layout::array::<u8>(size).expect("small"),
                )
            };
            block.cast::<u64>().write(header.0);
            if let Some(deadline) = deadline {
                block.add(WORD).cast::<u64>().write(deadline);
            }
            if header.has(LONG_KEY) {
                block
                    .add(header.key_at() - WORD)
                    .cast::<u64>()
                    .write(key.len() as u64);
            }
            block
                .add(header.key_at())
                .copy_from_nonoverlapping(key.as_ptr(), key.len());
            Entry(pointer)
        }
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        let header = self.header();
        let len = self.key_len(header);
        // SAFETY: `raw` wrote `len` initialised bytes at `key_at`; they live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(header.key_at()), len) }
    }

    /// The value.
    pub fn value(&self) -> ValueRef<'_> {
        let header = self.header();
        let at = self.value_ptr();
        // SAFETY: the encoding in the header says what was written at `value_at` when the entry
        // was made; nothing changes one without the other. Borrows are tied to `self`.
        unsafe {
            match header.encoding() {
                Encoding::Inline => {
                    ValueRef::Bytes(std::slice::from_raw_parts(at, header.inline_len()))
                }
                Encoding::Int => ValueRef::Int(at.cast::<i64>().read_unaligned()),
                Encoding::Blob => ValueRef::Blob(&*at.cast::<Blob>()),
            }
        }
    }

    /// The type of the value.
    pub fn kind(&self) -> Type {
        self.header().kind()
    }

    /// Was the string modified in place, or is it a blob? Both are `raw` to `OBJECT ENCODING`.
    pub fn is_raw(&self) -> bool {
        self.header().has(RAW)
    }

    /// When the key expires, in ms on the server timeline.
    pub fn deadline(&self) -> Option<u64> {
        // SAFETY: with the flag set, `raw` wrote a word after the header.
        self.header()
            .has(DEADLINE)
            .then(|| unsafe { self.0.as_ptr().add(WORD).cast::<u64>().read() })
    }

    /// Changes the deadline in place. False when the entry has no room for one (or has one and
    /// should not): it must then be made anew.
    pub fn set_deadline_in_place(&mut self, deadline_ms: Option<u64>) -> bool {
        match (self.header().has(DEADLINE), deadline_ms) {
            (true, Some(at)) => {
                // SAFETY: with the flag set there is a word after the header.
                unsafe { self.0.as_ptr().add(WORD).cast::<u64>().write(at) };
                true
            }
            (false, None) => true,
            _ => false,
        }
    }

    /// Overwrites value and deadline in place when the new ones fit the same block: no
    /// allocation, no fragmentation. False when they do not fit; nothing has changed then.
    pub fn overwrite(
        &mut self,
        value: NewValue<'_>,
        deadline_ms: Option<u64>,
        seconds: u32,
    ) -> bool {
        let old = self.header();
        if old.encoding() == Encoding::Blob || old.has(DEADLINE) != deadline_ms.is_some() {
            return false;
        }
        let integer;
        let (encoding, bytes, flags) = match value {
            NewValue::Int(number) => {
                integer = number.to_ne_bytes();
                (Encoding::Int, &integer[..], 0)
            }
            NewValue::Bytes(bytes) => (Encoding::Inline, bytes, 0),
            NewValue::RawBytes(bytes) => (Encoding::Inline, bytes, RAW),
            NewValue::Blob(_) => return false,
        };
        if bytes.len() >= INLINE_MAX {
            return false;
        }
        let key_len = self.key_len(old);
        let mut new = Header::new(Type::String, encoding, key_len, bytes.len(), seconds);
        new.0 |= flags | (old.0 & DEADLINE);
        if new.0 << SECONDS_BITS != old.0 << SECONDS_BITS
            && good_size(block_size(old, key_len)) != good_size(block_size(new, key_len))
        {
            return false;
        }
        // SAFETY: both layouts have the same key offset, and the block the allocator gave has
        // `good_size` bytes, equal for both; `bytes` cannot point into this entry, which is
        // borrowed mutably.
        unsafe {
            let block = self.0.as_ptr();
            block.cast::<u64>().write(new.0);
            block
                .add(value_at(new, key_len))
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        self.set_deadline_in_place(deadline_ms);
        true
    }

    /// The inline bytes, to change some of them. `None` for integers and blobs. Marks the string
    /// as modified.
    pub fn inline_mut(&mut self) -> Option<&mut [u8]> {
        let header = self.header();
        if header.encoding() != Encoding::Inline {
            return None;
        }
        // SAFETY: inline values are `inline_len` initialised bytes, borrowed as `self` is.
        unsafe {
            self.0.as_ptr().cast::<u64>().write(header.0 | RAW);
            Some(std::slice::from_raw_parts_mut(
                self.value_ptr(),
                header.inline_len(),
            ))
        }
    }

    /// The blob, to change it (`Arc::make_mut`).
    pub fn blob_mut(&mut self) -> Option<&mut Blob> {
        // SAFETY: a blob entry's value is a valid, aligned `Blob`, borrowed as `self` is.
        (self.header().encoding() == Encoding::Blob)
            .then(|| unsafe { &mut *self.value_ptr().cast::<Blob>() })
    }

    /// When the entry was last used, in seconds modulo 2^24.
    pub fn used_seconds(&self) -> u32 {
        self.header().seconds()
    }

    /// Notes a use at `seconds`. Writes only when that is another second than last time.
    pub fn touch(&mut self, seconds: u32) {
        let header = self.header();
        let seconds = seconds & SECONDS_MASK;
        if header.seconds() != seconds {
            let rest = header.0 & ((1 << SECONDS_SHIFT) - 1);
            // SAFETY: the header is the block's first word.
            unsafe {
                self.0
                    .as_ptr()
                    .cast::<u64>()
                    .write(rest | u64::from(seconds) << SECONDS_SHIFT)
            };
        }
    }

    /// Bytes this entry really takes from the allocator, its blob included.
    pub fn size_bytes(&self) -> usize {
        let header = self.header();
        let block = good_size(block_size(header, self.key_len(header)));
        match self.value() {
            ValueRef::Blob(blob) => block + blob_size_bytes(blob),
            _ => block,
        }
    }

    /// Moves the entry to another block of the same size, so that sparse pages of the allocator
    /// can empty. A blob stays where it is.
    pub fn relocate(&mut self) {
        let header = self.header();
        let size = block_size(header, self.key_len(header));
        // SAFETY: both blocks have `size` bytes; the old one is freed once, after its contents
        // (a blob's pointer included) have moved. Without memory the entry stays where it is.
        unsafe {
            let Some(block) = NonNull::new(mi_malloc(size).cast::<u8>()) else {
                return;
            };
            block
                .as_ptr()
                .copy_from_nonoverlapping(self.0.as_ptr(), size);
            mi_free(std::mem::replace(&mut self.0, block).as_ptr().cast());
        }
    }

    /// Gives the allocation away as an address; [`Entry::from_address`] takes it back.
    pub fn into_address(self) -> u64 {
        let address = self.0.as_ptr() as u64;
        std::mem::forget(self);
        address
    }

    /// Takes back what [`Entry::into_address`] gave away.
    ///
    /// # Safety
    /// `address` came from `into_address` and is taken back once.
    pub unsafe fn from_address(address: u64) -> Entry {
        // SAFETY: addresses given away are never null.
        Entry(unsafe { NonNull::new_unchecked(address as *mut u8) })
    }

    /// Where the entry is.
    pub(super) fn address(&self) -> u64 {
        self.0.as_ptr() as u64
    }

    fn header(&self) -> Header {
        // SAFETY: the block starts with the header, written by `raw`.
        Header(unsafe { self.0.as_ptr().cast::<u64>().read() })
    }

    fn key_len(&self, header: Header) -> usize {
        if header.has(LONG_KEY) {
            // SAFETY: with the flag set, `raw` wrote the length in the word before the key.
            unsafe {
                self.0
                    .as_ptr()
                    .add(header.key_at() - WORD)
                    .cast::<u64>()
                    .read() as usize
            }
        } else {
            (header.0 >> KEY_SHIFT) as usize & KEY_LEN_MAX
        }
    }

    fn value_ptr(&self) -> *mut u8 {
        let header = self.header();
        // SAFETY: `value_at` is within the block.
        unsafe { self.0.as_ptr().add(value_at(header, self.key_len(header))) }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: the blob is owned by this entry and dropped once; the block came from
        // `mi_malloc`.
        unsafe {
            if self.header().encoding() == Encoding::Blob {
                self.value_ptr().cast::<Blob>().drop_in_place();
            }
            mi_free(self.0.as_ptr().cast());
        }
    }
}

/// A shared borrow of an entry that lives in a table.
#[derive(Clone, Copy)]
pub struct EntryRef<'a>(NonNull<u8>, PhantomData<&'a Entry>);

impl<'a> EntryRef<'a> {
    /// Borrows the entry whose address [`Entry::into_address`] gave.
    ///
    /// # Safety
    /// The entry is alive and not changed for `'a`.
    pub unsafe fn from_address(address: u64) -> EntryRef<'a> {
        // SAFETY: addresses given away are never null.
        EntryRef(
            unsafe { NonNull::new_unchecked(address as *mut u8) },
            PhantomData,
        )
    }

    /// The entry's key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        // SAFETY: the entry outlives `'a` by the contract of `from_address`; only the temporary
        // handle is shorter.
        unsafe { &*std::ptr::from_ref(ManuallyDrop::new(Entry(self.0)).key()) }
    }

    /// The entry's value.
    #[inline]
    pub fn value(self) -> ValueRef<'a> {
        // SAFETY: as for `key`.
        unsafe {
            std::mem::transmute::<ValueRef<'_>, ValueRef<'a>>(
                ManuallyDrop::new(Entry(self.0)).value(),
            )
        }
    }

    /// When the key expires, in ms on the server timeline.
    #[inline]
    pub fn deadline(self) -> Option<u64> {
        ManuallyDrop::new(Entry(self.0)).deadline()
    }

    /// The type of the value.
    pub fn kind(self) -> Type {
        ManuallyDrop::new(Entry(self.0)).kind()
    }

    /// See [`Entry::is_raw`].
    pub fn is_raw(self) -> bool {
        ManuallyDrop::new(Entry(self.0)).is_raw()
    }

    /// See [`Entry::used_seconds`].
    pub fn used_seconds(self) -> u32 {
        ManuallyDrop::new(Entry(self.0)).used_seconds()
    }

    /// See [`Entry::size_bytes`].
    pub fn size_bytes(self) -> usize {
        ManuallyDrop::new(Entry(self.0)).size_bytes()
    }
}

/// An exclusive borrow of an entry that lives in a table.
pub struct EntryMut<'a>(ManuallyDrop<Entry>, PhantomData<&'a mut Entry>);

impl EntryMut<'_> {
    /// Borrows the entry whose address [`Entry::into_address`] gave.
    ///
    /// # Safety
    /// The entry is alive and borrowed by nobody else for `'a`.
    pub unsafe fn from_address(address: u64) -> Self {
        // SAFETY: addresses given away are never null; `ManuallyDrop` leaves ownership where it is.
        EntryMut(
            ManuallyDrop::new(unsafe { Entry::from_address(address) }),
            PhantomData,
        )
    }
}

impl Deref for EntryMut<'_> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.0
    }
}

impl DerefMut for EntryMut<'_> {
    fn deref_mut(&mut self) -> &mut Entry {
        &mut self.0
    }
}

/// Shifts the seconds out of a header, leaving what decides the block's layout.
const SECONDS_BITS: u32 = 64 - SECONDS_SHIFT;

fn value_at(header: Header, key_len: usize) -> usize {
    let at = header.key_at() + key_len;
    if header.encoding() == Encoding::Blob {
        at.next_multiple_of(WORD)
    } else {
        at
    }
}

fn block_size(header: Header, key_len: usize) -> usize {
    // Sixteen bytes is the least block that mimalloc aligns to sixteen, as slots require.
    (value_at(header, key_len) + header.inline_len()).max(16)
}

/// Bytes the allocator really gives for a request of `size` bytes.
pub fn good_size(size: usize) -> usize {
    // SAFETY: a pure function of its argument.
    unsafe { mi_good_size(size) }
}

/// Takes back blocks that other threads have freed from the calling thread's heap.
pub(super) fn collect_freed() {
    // SAFETY: acts on the calling thread's heap only.
    unsafe { mi_collect(false) };
}

/// As [`collect_freed`], and gives free memory back to the operating system.
pub(super) fn purge() {
    // SAFETY: acts on the calling thread's heap only.
    unsafe { mi_collect(true) };
}

fn blob_size_bytes(blob: &Blob) -> usize {
    // An `Arc` allocation holds two counts and the vector's three words.
    good_size(5 * WORD) + good_size(blob.capacity())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(entry: &Entry) -> Vec<u8> {
        match entry.value() {
            ValueRef::Int(number) => number.to_string().into_bytes(),
            ValueRef::Bytes(bytes) => bytes.to_vec(),
            ValueRef::Blob(blob) => blob.to_vec(),
        }
    }

    fn any_value() -> impl Strategy<Value = (bool, Vec<u8>, i64)> {
        let len = prop_oneof![
            0_usize..200,
            1000..1100_usize,
            INLINE_MAX - 2..INLINE_MAX + 3
        ];
        (
            any::<bool>(),
            len.prop_map(|len| vec![7; len]),
            any::<i64>(),
        )
    }

    fn new_value<'a>((int, bytes, number): &'a (bool, Vec<u8>, i64)) -> NewValue<'a> {
        if *int {
            NewValue::Int(*number)
        } else {
            NewValue::Bytes(bytes)
        }
    }

    fn expected((int, bytes, number): &(bool, Vec<u8>, i64)) -> Vec<u8> {
        if *int {
            number.to_string().into_bytes()
        } else {
            bytes.clone()
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_was_written(
            key_len in prop_oneof![0_usize..70, KEY_LEN_MAX - 1..KEY_LEN_MAX + 3],
            first in any_value(), second in any_value(),
            deadline in any::<Option<u64>>(), deadline2 in any::<Option<u64>>(),
            seconds in 0_u32..1 << 24,
        ) {
            let key: Vec<u8> = (0..key_len).map(|i| i as u8).collect();
            let mut entry = Entry::new(&key, new_value(&first), deadline, seconds);
            prop_assert_eq!(entry.key(), &key[..]);
            prop_assert_eq!(bytes_of(&entry), expected(&first));
            prop_assert_eq!(entry.deadline(), deadline);
            prop_assert_eq!(entry.used_seconds(), seconds);
            let before = entry.size_bytes();
            if entry.overwrite(new_value(&second), deadline2, seconds / 2) {
                prop_assert_eq!(bytes_of(&entry), expected(&second));
                prop_assert_eq!(entry.deadline(), deadline2);
                prop_assert_eq!(entry.size_bytes(), before);
                prop_assert_eq!(entry.used_seconds(), seconds / 2);
            } else {
                prop_assert_eq!(bytes_of(&entry), expected(&first));
                prop_assert_eq!(entry.deadline(), deadline);
            }
            entry.touch(seconds.wrapping_add(1));
            prop_assert_eq!(entry.used_seconds(), seconds.wrapping_add(1) & SECONDS_MASK);
            prop_assert_eq!(entry.key(), &key[..]);
        }
    }

    #[test]
    fn same_size_overwrites_in_place() {
        let mut entry = Entry::new(b"key", NewValue::Bytes(b"0123456789"), None, 1);
        assert!(entry.overwrite(NewValue::Bytes(b"abcdefghij"), None, 2));
        assert_eq!(bytes_of(&entry), b"abcdefghij");
    }

    #[test]
    fn a_blob_is_shared_and_released() {
        let blob: Blob = Arc::new(vec![1; INLINE_MAX]);
        let entry = Entry::new(b"key", NewValue::Blob(&blob), Some(5), 1);
        assert_eq!(Arc::strong_count(&blob), 2);
        assert!(matches!(entry.value(), ValueRef::Blob(held) if Arc::ptr_eq(held, &blob)));
        assert!(entry.size_bytes() > INLINE_MAX);
        drop(entry);
        assert_eq!(Arc::strong_count(&blob), 1);
    }
}
