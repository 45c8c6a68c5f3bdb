//! An entry: one key with its value and deadline, in a single allocation.
//!
//! ```text
//! header 8 │ deadline 8, if any │ key length 8, if long │ key │ (pad) │ value
//! ```
//!
//! The header packs type, encoding, flags, the key's and the inline value's length, and when the
//! entry was last used, in one word. Short strings lie in the entry; integers as eight bytes;
//! strings of [`INLINE_MAX`] bytes and more hang off it as a reference-counted blob, so that a
//! reply can quote them without a copy. The block's real size is asked for (`block_bytes`), so the
//! bytes accounted are the bytes used. Small collections lie in the entry as packed bytes;
//! others hang off the struct that they are there ([`Big`]).
//!
//! This is one of the unsafe islands: everything outside goes through the safe methods.
#![allow(unsafe_code)]

mod borrow;

pub use crate::base::alloc::good_size;
pub use borrow::{EntryMut, EntryRef};

use super::reaper;
use crate::base::alloc::{allocate, block_bytes, free};
use crate::protocol::output::Blob;
use crate::values::content::PACKED_MAX;
use crate::values::{Big, Content, Packing, Type, Value};
use libmimalloc_sys::mi_collect;
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

/// A stored string, borrowed.
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
    Listpack = 3,
    Extended = 4,
    Intset = 5,
    Big = 6,
}

impl Encoding {
    fn of(packing: Packing) -> Encoding {
        match packing {
            Packing::Listpack => Encoding::Listpack,
            Packing::Extended => Encoding::Extended,
            Packing::Intset => Encoding::Intset,
        }
    }
}

/// How large an entry is: equal sizes take the same number of bytes, which only the allocator knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes asked for the entry itself.
    block: usize,
    /// Bytes the allocator gave for what hangs off it.
    outside: usize,
}

impl Size {
    /// Bytes it takes from the allocator.
    pub fn bytes(self) -> usize {
        block_bytes(self.block) + self.outside
    }
}

/// Owns one entry's allocation.
pub struct Entry(NonNull<u8>);

// SAFETY: an entry is a plain owned allocation (mimalloc blocks may be freed by any thread); blobs
// inside are `Arc`s of `Send + Sync` data, and collections are `Send` (asserted below).
unsafe impl Send for Entry {}

const _: () = {
    const fn sendable<T: Send>() {}
    sendable::<Big>();
    sendable::<Blob>();
};

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
const _: () = assert!(size_of::<Blob>() == WORD && align_of::<Big>() == WORD);
/// A header's type and encoding.
const FORM_MASK: u64 = 0x3f;
const INLINE_LEN_MAX: usize = 0xffff;
const _: () = assert!(PACKED_MAX <= INLINE_LEN_MAX);

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

    #[inline]
    fn kind(self) -> Type {
        Type::of((self.0 & 7) as u8)
    }

    /// Type and encoding at once, for comparisons.
    const fn form(kind: Type, encoding: Encoding) -> u64 {
        kind as u64 | (encoding as u64) << 3
    }

    #[inline]
    fn encoding(self) -> Encoding {
        match self.0 >> 3 & 7 {
            0 => Encoding::Inline,
            1 => Encoding::Int,
            2 => Encoding::Blob,
            3 => Encoding::Listpack,
            4 => Encoding::Extended,
            5 => Encoding::Intset,
            _ => Encoding::Big,
        }
    }

    /// How packed bytes are to be read; `None` for a string or a big collection.
    #[inline]
    fn packing(self) -> Option<Packing> {
        match self.encoding() {
            Encoding::Listpack => Some(Packing::Listpack),
            Encoding::Extended => Some(Packing::Extended),
            Encoding::Intset => Some(Packing::Intset),
            _ => None,
        }
    }

    #[inline]
    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    fn with_inline_len(self, len: usize) -> Header {
        let mask = (INLINE_LEN_MAX as u64) << INLINE_SHIFT;
        Header(self.0 & !mask | (len as u64) << INLINE_SHIFT)
    }

    #[inline]
    fn inline_len(self) -> usize {
        (self.0 >> INLINE_SHIFT) as usize & 0xffff
    }

    #[inline]
    fn seconds(self) -> u32 {
        (self.0 >> SECONDS_SHIFT) as u32
    }

    #[inline]
    fn key_at(self) -> usize {
        WORD + WORD * usize::from(self.has(DEADLINE)) + WORD * usize::from(self.has(LONG_KEY))
    }
}

impl Entry {
    /// Allocates an entry. `deadline_ms` is on the server timeline; `seconds` is the time of use.
    pub fn new(key: &[u8], value: NewValue<'_>, deadline_ms: Option<u64>, seconds: u32) -> Entry {
        match value {
            NewValue::Int(number) => {
                let entry = Entry::raw(key, STRING, Encoding::Int, WORD, deadline_ms, seconds);
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
        let form = (Type::String, flags);
        let entry = Entry::raw(key, form, Encoding::Inline, bytes.len(), deadline, seconds);
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
        let form = (Type::String, RAW);
        let entry = Entry::raw(key, form, Encoding::Blob, WORD, deadline, seconds);
        // SAFETY: the value of a blob entry is an aligned word, see `value_at`; a `Blob` is one.
        unsafe { entry.value_ptr().cast::<Blob>().write(blob) };
        entry
    }

    /// Allocates an entry that holds a packed collection: all `parts`, one after the other.
    pub fn packed(
        key: &[u8],
        (kind, packing): (Type, Packing),
        parts: &[&[u8]],
        deadline_ms: Option<u64>,
        seconds: u32,
    ) -> Entry {
        let len = parts.iter().map(|part| part.len()).sum();
        assert!(len <= PACKED_MAX, "larger collections are not packed");
        let encoding = Encoding::of(packing);
        let entry = Entry::raw(key, (kind, 0), encoding, len, deadline_ms, seconds);
        // SAFETY: `raw` allocated `len` value bytes, the sum of the parts' lengths.
        unsafe { write_parts(entry.value_ptr(), parts) };
        entry
    }

    /// Allocates an entry that a big collection hangs off.
    pub fn big(key: &[u8], big: Big, deadline_ms: Option<u64>, seconds: u32) -> Entry {
        let form = (big.kind(), 0);
        let len = size_of::<Big>();
        let entry = Entry::raw(key, form, Encoding::Big, len, deadline_ms, seconds);
        // SAFETY: the value of a big collection's entry begins at a word, see `value_at`, as is
        // enough for a `Big`, and `raw` made room for one.
        unsafe { entry.value_ptr().cast::<Big>().write(big) };
        entry
    }

    /// Allocates and writes all but the value, which has `value_len` bytes.
    fn raw(
        key: &[u8],
        (kind, flags): (Type, u64),
        encoding: Encoding,
        value_len: usize,
        deadline: Option<u64>,
        seconds: u32,
    ) -> Entry {
        let mut header = Header::new(kind, encoding, key.len(), value_len, seconds);
        header.0 |= flags | if deadline.is_some() { DEADLINE } else { 0 };
        let size = block_size(header, key.len());
        // SAFETY: `size` covers header, deadline, key length, key and value, in that order; the
        // offsets below stay inside it.
        unsafe {
            let pointer = allocate(size);
            let block = pointer.as_ptr();
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
    #[inline]
    pub fn key(&self) -> &[u8] {
        let header = self.header();
        let len = self.key_len(header);
        // SAFETY: `raw` wrote `len` initialised bytes at `key_at`; they live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(header.key_at()), len) }
    }

    /// The string. The caller has seen that it is one.
    #[inline]
    pub fn value(&self) -> ValueRef<'_> {
        const INLINE: u64 = Header::form(Type::String, Encoding::Inline);
        const INT: u64 = Header::form(Type::String, Encoding::Int);
        const BLOB: u64 = Header::form(Type::String, Encoding::Blob);
        let header = self.header();
        let at = self.value_ptr();
        // SAFETY: the encoding in the header says what was written at `value_at` when the entry
        // was made; nothing changes one without the other. Borrows are tied to `self`.
        unsafe {
            match header.0 & FORM_MASK {
                INLINE => ValueRef::Bytes(std::slice::from_raw_parts(at, header.inline_len())),
                INT => ValueRef::Int(at.cast::<i64>().read_unaligned()),
                BLOB => ValueRef::Blob(&*at.cast::<Blob>()),
                _ => panic!("the type was looked at"),
            }
        }
    }

    /// The collection. The caller has seen that it is one.
    #[inline]
    pub fn content(&self) -> Content<'_> {
        let header = self.header();
        let at = self.value_ptr();
        // SAFETY: as for `value`; a collection is packed bytes or a struct, and a string neither.
        unsafe {
            let packed = || std::slice::from_raw_parts(at, header.inline_len());
            match header.encoding() {
                Encoding::Listpack => Content::Packed(Packing::Listpack, packed()),
                Encoding::Extended => Content::Packed(Packing::Extended, packed()),
                Encoding::Intset => Content::Packed(Packing::Intset, packed()),
                Encoding::Big => Content::Big(&*at.cast::<Big>()),
                _ => panic!("the type was looked at"),
            }
        }
    }

    /// The packed collection's bytes, to change without changing their number; empty for another
    /// value.
    pub fn packed_mut(&mut self) -> &mut [u8] {
        let header = self.header();
        if header.packing().is_none() {
            return &mut [];
        }
        // SAFETY: packed values are `inline_len` initialised bytes, borrowed as `self` is.
        unsafe { std::slice::from_raw_parts_mut(self.value_ptr(), header.inline_len()) }
    }

    /// Is it a big collection?
    #[inline]
    pub fn is_big(&self) -> bool {
        self.header().encoding() == Encoding::Big
    }

    /// The big collection, to change.
    pub fn big_mut(&mut self) -> Option<&mut Big> {
        // SAFETY: the value of a big collection's entry is a valid, aligned `Big`, borrowed as
        // `self` is.
        (self.header().encoding() == Encoding::Big)
            .then(|| unsafe { &mut *self.value_ptr().cast::<Big>() })
    }

    /// Replaces `removed` bytes at `at` of a packed collection by all `parts`. May move the entry
    /// to another block.
    pub fn splice(&mut self, at: usize, removed: usize, parts: &[&[u8]]) {
        let old = self.header();
        let key_len = self.key_len(old);
        let added: usize = parts.iter().map(|part| part.len()).sum();
        let kept = old.inline_len() - removed;
        assert!(
            old.packing().is_some() && at <= kept && kept + added <= PACKED_MAX,
            "inside a packed collection that stays one"
        );
        let new = old.with_inline_len(kept + added);
        let (start, tail) = (value_at(old, key_len) + at, kept - at);
        let size = block_size(new, key_len);
        // SAFETY: `start + removed + tail` is the end of the old value, `start + added + tail` of
        // the new one, which its block has room for; the parts are borrowed from elsewhere, since
        // this entry is borrowed mutably. A block is freed once, after its contents have moved.
        unsafe {
            let block = self.0.as_ptr();
            if block_bytes(block_size(old, key_len)) == block_bytes(size) {
                let behind = block.add(start);
                std::ptr::copy(behind.add(removed), behind.add(added), tail);
                write_parts(behind, parts);
                block.cast::<u64>().write(new.0);
                return;
            }
            let moved = allocate(size);
            moved.as_ptr().copy_from_nonoverlapping(block, start);
            write_parts(moved.as_ptr().add(start), parts);
            moved
                .as_ptr()
                .add(start + added)
                .copy_from_nonoverlapping(block.add(start + removed), tail);
            moved.as_ptr().cast::<u64>().write(new.0);
            free(self.0, block_size(old, key_len));
            self.0 = moved;
        }
    }

    /// Allocates an entry that holds a collection.
    pub fn collection(
        key: &[u8],
        kind: Type,
        value: Value,
        deadline_ms: Option<u64>,
        seconds: u32,
    ) -> Entry {
        match value {
            Value::Packed(packing, bytes) => {
                Entry::packed(key, (kind, packing), &[&bytes], deadline_ms, seconds)
            }
            Value::Big(big) => Entry::big(key, big, deadline_ms, seconds),
        }
    }

    /// May this be a hash with fields that expire?
    #[inline]
    pub fn may_have_field_deadlines(&self) -> bool {
        const EXTENDED: u64 = Header::form(Type::Hash, Encoding::Extended);
        const BIG: u64 = Header::form(Type::Hash, Encoding::Big);
        matches!(self.header().0 & FORM_MASK, EXTENDED | BIG)
    }

    /// Makes an entry of another key, or with another deadline, and moves the value to it. What
    /// is left is a string of no meaning, to be dropped.
    pub fn renewed(&mut self, key: &[u8], deadline_ms: Option<u64>) -> Entry {
        let header = self.header();
        let seconds = header.seconds();
        if header.encoding() == Encoding::Big {
            // What is left is of the same size, as which the block will be freed.
            let form = header.0 & (DEADLINE | LONG_KEY);
            let key_len = self.key_len(header);
            let len = block_size(header, key_len) - header.key_at() - key_len;
            let mut emptied = Header::new(Type::String, Encoding::Inline, key_len, len, seconds);
            emptied.0 |= form;
            // SAFETY: the struct is read once: the header that says there is one is overwritten.
            let big = unsafe {
                let big = self.value_ptr().cast::<Big>().read();
                self.0.as_ptr().cast::<u64>().write(emptied.0);
                big
            };
            return Entry::big(key, big, deadline_ms, seconds);
        }
        match header.packing() {
            Some(packing) => {
                let form = (header.kind(), packing);
                let Content::Packed(_, bytes) = self.content() else {
                    unreachable!("it is packed")
                };
                Entry::packed(key, form, &[bytes], deadline_ms, seconds)
            }
            None => {
                let value = again(self.value(), self.is_raw());
                Entry::new(key, value, deadline_ms, seconds)
            }
        }
    }

    /// The type of the value.
    #[inline]
    pub fn kind(&self) -> Type {
        self.header().kind()
    }

    /// Was the string modified in place, or is it a blob? Both are `raw` to `OBJECT ENCODING`.
    pub fn is_raw(&self) -> bool {
        self.header().has(RAW)
    }

    /// When the key expires, in ms on the server timeline.
    #[inline]
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
        if matches!(old.encoding(), Encoding::Blob | Encoding::Big)
            || old.has(DEADLINE) != deadline_ms.is_some()
        {
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
            && block_bytes(block_size(old, key_len)) != block_bytes(block_size(new, key_len))
        {
            return false;
        }
        // SAFETY: both layouts have the same key offset, and the block has `block_bytes`, equal
        // for both; `bytes` cannot point into this entry, which is
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
    #[inline]
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

    /// Bytes of the block it lies in.
    pub fn block_bytes(&self) -> usize {
        let header = self.header();
        block_bytes(block_size(header, self.key_len(header)))
    }

    /// Bytes this entry really takes from the allocator, its blob included.
    pub fn size_bytes(&self) -> usize {
        self.size().bytes()
    }

    /// As [`Entry::size_bytes`], without asking the allocator yet.
    #[inline]
    pub fn size(&self) -> Size {
        let header = self.header();
        let block = block_size(header, self.key_len(header));
        let outside = match header.encoding() {
            // SAFETY: the encoding in the header says that a blob was written there.
            Encoding::Blob => unsafe { blob_size_bytes(&*self.value_ptr().cast::<Blob>()) },
            // SAFETY: likewise, of a big collection.
            Encoding::Big => unsafe { (*self.value_ptr().cast::<Big>()).size_bytes() },
            _ => 0,
        };
        Size { block, outside }
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

    #[inline]
    fn header(&self) -> Header {
        // SAFETY: the block starts with the header, written by `raw`.
        Header(unsafe { self.0.as_ptr().cast::<u64>().read() })
    }

    #[inline]
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

    #[inline]
    fn value_ptr(&self) -> *mut u8 {
        let header = self.header();
        // SAFETY: `value_at` is within the block.
        unsafe { self.0.as_ptr().add(value_at(header, self.key_len(header))) }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let header = self.header();
        let size = block_size(header, self.key_len(header));
        // SAFETY: the blob or collection is owned by this entry and dropped once. The block came from
        // `allocate`, and whatever changes the header keeps to a block of these bytes.
        unsafe {
            match header.encoding() {
                Encoding::Blob => reaper::free_blob(self.value_ptr().cast::<Blob>().read()),
                Encoding::Big => reaper::free_big(self.value_ptr().cast::<Big>().read()),
                _ => {}
            }
            free(self.0, size);
        }
    }
}

/// Shifts the seconds out of a header, leaving what decides the block's layout.
const SECONDS_BITS: u32 = 64 - SECONDS_SHIFT;

/// A stored string, to be stored again.
fn again(value: ValueRef<'_>, raw: bool) -> NewValue<'_> {
    match value {
        ValueRef::Int(number) => NewValue::Int(number),
        ValueRef::Bytes(bytes) if raw => NewValue::RawBytes(bytes),
        ValueRef::Bytes(bytes) => NewValue::Bytes(bytes),
        ValueRef::Blob(blob) => NewValue::Blob(blob),
    }
}

/// A string without flags.
const STRING: (Type, u64) = (Type::String, 0);

/// Writes all `parts`, one after the other.
///
/// # Safety
/// There is room for them at `to`, and none of them lies there.
unsafe fn write_parts(mut to: *mut u8, parts: &[&[u8]]) {
    for part in parts {
        // SAFETY: the caller's promise.
        unsafe {
            to.copy_from_nonoverlapping(part.as_ptr(), part.len());
            to = to.add(part.len());
        }
    }
}

#[inline]
fn value_at(header: Header, key_len: usize) -> usize {
    let at = header.key_at() + key_len;
    if matches!(header.encoding(), Encoding::Blob | Encoding::Big) {
        at.next_multiple_of(WORD)
    } else {
        at
    }
}

#[inline]
fn block_size(header: Header, key_len: usize) -> usize {
    // Sixteen bytes is the least block that mimalloc aligns to sixteen, as slots require.
    (value_at(header, key_len) + header.inline_len()).max(16)
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
mod tests;
