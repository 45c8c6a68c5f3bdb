//! What the allocator really gives: every count of bytes is of blocks as they are. Blocks of entries
//! come from [`slab`]s or, where those do not fit, from the heap; all else comes from the heap.
#![allow(unsafe_code)]

use super::slab::{self, SLABS};
use libmimalloc_sys::{mi_free, mi_good_size, mi_malloc, mi_option_set};
use std::ptr::NonNull;

/// A block for `size` bytes: aligned to 16 if there are more than 8, and not initialised. To be
/// freed with [`free`].
#[inline]
pub fn allocate(size: usize) -> NonNull<u8> {
    let block = if slab::fits(size) {
        SLABS.allocate(size)
    } else {
        // SAFETY: any size may be asked for.
        NonNull::new(unsafe { mi_malloc(size) }.cast::<u8>())
    };
    block.unwrap_or_else(|| {
        let layout = std::alloc::Layout::array::<u8>(size);
        std::alloc::handle_alloc_error(layout.expect("a size of memory"))
    })
}

/// Takes a block back.
///
/// # Safety
/// `block` came from [`allocate`] for a size of the same [`block_bytes`] as `size`; it is freed once
/// and not used any more.
#[inline]
pub unsafe fn free(block: NonNull<u8>, size: usize) {
    // SAFETY: the caller's contract: equal block sizes are of the same origin.
    unsafe {
        if slab::fits(size) {
            SLABS.free(block, size);
        } else {
            mi_free(block.as_ptr().cast());
        }
    }
}

/// Bytes of the block that [`allocate`] gives for `size` bytes.
#[inline]
pub fn block_bytes(size: usize) -> usize {
    if slab::fits(size) {
        slab::block_bytes(size)
    } else if (EVEN_MIN..slab::SIZE_MIN).contains(&size) {
        size.next_multiple_of(16)
    } else {
        good_size(size)
    }
}

/// From here to the slabs' sizes, the heap's classes are multiples of 16 bytes.
const EVEN_MIN: usize = 9;

/// Bytes the allocator really gives for a request of `size` bytes; 0 for none, which takes none.
#[inline]
pub fn good_size(size: usize) -> usize {
    if size == 0 {
        return 0;
    }
    // SAFETY: a pure function of its argument.
    unsafe { mi_good_size(size) }
}

/// `mi_option_purge_delay` of mimalloc 3, which the bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Sets after how many ms pages that are free go back to the operating system.
pub fn return_after_ms(ms: i32) {
    // SAFETY: sets one number.
    unsafe { mi_option_set(PURGE_DELAY, ms.into()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_bytes_that_are_accounted() {
        for size in 1..20_000 {
            let (block, bytes) = (allocate(size), block_bytes(size));
            assert!(bytes >= size);
            if !slab::fits(size) {
                assert_eq!(bytes, good_size(size));
                // SAFETY: the block is live and the heap's.
                let usable = unsafe { libmimalloc_sys::mi_usable_size(block.as_ptr().cast()) };
                assert_eq!(bytes, usable);
            }
            assert!(size <= 8 || block.as_ptr().addr() % 16 == 0);
            // SAFETY: allocated with this size, and freed once.
            unsafe { free(block, size) };
        }
    }
}
