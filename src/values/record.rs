//! A record: a field with its value, a member, a member with its score; behind a pointer of eight
//! bytes, in a single allocation.
//!
//! ```text
//! pointer   tag 16 bits │ address 48 bits
//! block     length 1 │ payload          up to 253 bytes
//!           FE u16 │ payload            up to 65,535
//!           FF u64 │ payload
//! ```
//!
//! What the payload is, the table that holds the record knows ([`super::members`]); so it does of
//! the tag.
//!
//! This is one of the unsafe islands.
#![allow(unsafe_code)]

use crate::base::alloc::good_size;
use libmimalloc_sys::{mi_free, mi_malloc};
use std::num::NonZeroU64;
use std::ptr::NonNull;

const ADDRESS_BITS: u32 = 48;
const ADDRESS_MASK: u64 = (1 << ADDRESS_BITS) - 1;

const SHORT_MAX: usize = 0xfd;
const MEDIUM_MIN: usize = SHORT_MAX + 1;
const MEDIUM: u8 = 0xfe;
const LONG: u8 = 0xff;

/// Owns one block. See the module's text.
#[repr(transparent)]
pub struct Record(NonZeroU64);

const _: () = assert!(size_of::<Option<Record>>() == 8);

// SAFETY: a record owns its block alone, and a block may be freed by any thread.
unsafe impl Send for Record {}
// SAFETY: a shared record can only be read.
unsafe impl Sync for Record {}

impl Record {
    /// A record of `parts`, one after the other.
    pub fn new(tag: u16, parts: &[&[u8]]) -> Record {
        let len = parts.iter().map(|part| part.len()).sum();
        let (prefix, prefix_len) = prefix(len);
        // SAFETY: the size is at least one. The block has room for prefix and parts, which are
        // written one after the other within it; nobody else knows it yet.
        unsafe {
            let block = allocate(prefix_len + len);
            write(block, &prefix[..prefix_len], parts);
            Record::from_block(tag, block)
        }
    }

    /// The tag it was made with.
    #[inline]
    pub fn tag(&self) -> u16 {
        (self.0.get() >> ADDRESS_BITS) as u16
    }

    /// Where it is, to be loaded ahead.
    #[inline]
    pub fn address(&self) -> *const u8 {
        std::ptr::with_exposed_provenance((self.0.get() & ADDRESS_MASK) as usize)
    }

    /// The bytes it was made of.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        // SAFETY: the block is live as long as `self`, and not changed while `self` is borrowed.
        unsafe { self.alias().payload() }
    }

    /// The bytes, to change without changing their number.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        let block = self.alias().block();
        // SAFETY: as for `payload`; and `&mut self` makes this the only reference.
        unsafe {
            let (at, len) = layout(block);
            std::slice::from_raw_parts_mut(block.as_ptr().add(at), len)
        }
    }

    /// Bytes the block takes from the allocator.
    #[inline]
    pub fn size_bytes(&self) -> usize {
        // SAFETY: the block is live.
        let (at, len) = unsafe { layout(self.alias().block()) };
        good_size(at + len)
    }

    /// Makes it a record of other bytes, in place if the block would have the same size. Aliases
    /// are then still good. True if it moved.
    pub fn rewrite(&mut self, parts: &[&[u8]]) -> bool {
        let len = parts.iter().map(|part| part.len()).sum();
        let (prefix, prefix_len) = prefix(len);
        if good_size(prefix_len + len) != self.size_bytes() {
            *self = Record::new(self.tag(), parts);
            return true;
        }
        // SAFETY: the block has `good_size` bytes, equal for both; `parts` cannot point into it,
        // since `self` is borrowed mutably.
        unsafe { write(self.alias().block(), &prefix[..prefix_len], parts) };
        false
    }

    /// A second pointer to the same block.
    #[inline]
    pub fn alias(&self) -> Alias {
        Alias(NonZeroU64::new(self.0.get() & ADDRESS_MASK).expect("the address is not zero"))
    }

    /// # Safety
    /// `block` holds a prefix and payload, and is given up by the caller.
    unsafe fn from_block(tag: u16, block: NonNull<u8>) -> Record {
        let address = block.as_ptr().expose_provenance() as u64;
        assert!(address <= ADDRESS_MASK, "user space ends at 47 bits");
        let word = u64::from(tag) << ADDRESS_BITS | address;
        Record(NonZeroU64::new(word).expect("the address is not zero"))
    }
}

impl Clone for Record {
    /// A record of the same bytes in a block of its own.
    fn clone(&self) -> Record {
        Record::new(self.tag(), &[self.payload()])
    }
}

impl Drop for Record {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the block came from `mi_malloc`, and its only owner goes.
        unsafe { mi_free(self.alias().block().as_ptr().cast()) };
    }
}

/// Points to a record's block without owning it: for a second structure over the same records,
/// such as an order. Compares by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Alias(NonZeroU64);

impl Alias {
    /// The record's bytes.
    ///
    /// # Safety
    /// The record is neither dropped nor changed (moved by [`Record::rewrite`]) during `'a`.
    #[inline]
    pub unsafe fn payload<'a>(self) -> &'a [u8] {
        let block = self.block();
        // SAFETY: the caller says that the block is live and not written to during `'a`.
        unsafe {
            let (at, len) = layout(block);
            std::slice::from_raw_parts(block.as_ptr().add(at), len)
        }
    }

    #[inline]
    fn block(self) -> NonNull<u8> {
        let pointer = std::ptr::with_exposed_provenance_mut(self.0.get() as usize);
        NonNull::new(pointer).expect("the address is not zero")
    }
}

/// The length as it precedes the payload, and how many bytes of the array it takes.
fn prefix(len: usize) -> ([u8; 9], usize) {
    let mut bytes = [0; 9];
    let taken = match len {
        ..=SHORT_MAX => {
            bytes[0] = len as u8;
            1
        }
        MEDIUM_MIN..=0xffff => {
            bytes[0] = MEDIUM;
            bytes[1..3].copy_from_slice(&(len as u16).to_le_bytes());
            3
        }
        _ => {
            bytes[0] = LONG;
            bytes[1..9].copy_from_slice(&(len as u64).to_le_bytes());
            9
        }
    };
    (bytes, taken)
}

/// Where a block's payload begins, and its length.
///
/// # Safety
/// `block` is a live record's.
#[inline]
unsafe fn layout(block: NonNull<u8>) -> (usize, usize) {
    // SAFETY: the first byte says how many bytes of length follow; they were written with it.
    unsafe {
        match block.read() {
            MEDIUM => (3, block.add(1).cast::<u16>().read_unaligned().into()),
            LONG => (9, block.add(1).cast::<u64>().read_unaligned() as usize),
            len => (1, len.into()),
        }
    }
}

/// # Safety
/// `size` is not zero.
unsafe fn allocate(size: usize) -> NonNull<u8> {
    // SAFETY: any size will do.
    let block = unsafe { mi_malloc(size) };
    let Some(block) = NonNull::new(block.cast()) else {
        let layout = std::alloc::Layout::from_size_align(size, 1).expect("a size of memory");
        std::alloc::handle_alloc_error(layout)
    };
    block
}

/// # Safety
/// `block` has room for all of it, and none of it lies in `block`.
unsafe fn write(block: NonNull<u8>, prefix: &[u8], parts: &[&[u8]]) {
    let mut to = block.as_ptr();
    for part in std::iter::once(&prefix).chain(parts) {
        // SAFETY: the caller says that there is room and no overlap.
        unsafe {
            to.copy_from_nonoverlapping(part.as_ptr(), part.len());
            to = to.add(part.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn length() -> impl Strategy<Value = usize> {
        prop_oneof![
            0_usize..300,
            SHORT_MAX - 1..SHORT_MAX + 3,
            0xfffe_usize..0x1_0002,
            Just(1 << 20)
        ]
    }

    proptest! {
        #[test]
        fn holds_its_bytes(tag: u16, lengths in prop::collection::vec(length(), 1..6), fill: u8) {
            let bytes: Vec<u8> = (0..1 << 20).map(|n| (n as u8).wrapping_mul(fill)).collect();
            let mut record = Record::new(tag, &[]);
            for len in lengths {
                let half = len / 3;
                let alias = record.alias();
                let moved = record.rewrite(&[&bytes[..half], &[], &bytes[half..len]]);
                prop_assert_eq!(record.alias() != alias, moved);
                prop_assert_eq!(record.tag(), tag);
                prop_assert_eq!(record.payload(), &bytes[..len]);
                let prefix = prefix(len).1;
                prop_assert_eq!(record.size_bytes(), good_size(prefix + len));
                let mut copy = record.clone();
                prop_assert_eq!(copy.payload(), record.payload());
                prop_assert_eq!(copy.tag(), tag);
                copy.payload_mut().fill(!fill);
                prop_assert_eq!(record.payload(), &bytes[..len]);
                prop_assert!(copy.payload().iter().all(|byte| *byte == !fill));
                // SAFETY: the record is live and unchanged.
                prop_assert_eq!(unsafe { record.alias().payload() }, &bytes[..len]);
            }
        }
    }

    #[test]
    fn another_thread_may_free_it() {
        let record = Record::new(7, &[b"made here"]);
        std::thread::spawn(move || drop(record))
            .join()
            .expect("it is freed there");
    }
}
