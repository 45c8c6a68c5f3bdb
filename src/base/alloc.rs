//! What the allocator really gives: every count of bytes is in its size classes.
#![allow(unsafe_code)]

use libmimalloc_sys::mi_good_size;

/// Bytes the allocator really gives for a request of `size` bytes; 0 for none, which takes none.
#[inline]
pub fn good_size(size: usize) -> usize {
    if size == 0 {
        return 0;
    }
    // SAFETY: a pure function of its argument.
    unsafe { mi_good_size(size) }
}
