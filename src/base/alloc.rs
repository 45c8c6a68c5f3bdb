//! What the allocator really gives: every count of bytes is in its size classes.
#![allow(unsafe_code)]

use libmimalloc_sys::{mi_good_size, mi_option_set};

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
