//! The program's allocator: mimalloc, and for what is very large the system's pages themselves.
//!
//! A block of pages grows without being copied: the system moves the pages to other addresses
//! (`mremap`). So a string of 100 MB that is appended to is never there twice. What is freed goes back
//! at once. An allocation costs a system call then, which is little beside touching the pages; mimalloc
//! asks the system for blocks of this size, too.
#![allow(unsafe_code)]

use super::pages::{map, remap, unmap};
use libmimalloc_sys::{mi_malloc, mi_realloc};
use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};

/// Blocks of at least so many bytes are pages.
const MAPPED_MIN: usize = 32 << 20;
/// Pages are aligned to this.
const PAGE_BYTES: usize = 4096;

/// See [`self`].
pub struct Heap;

/// Whether a block is one of pages can be told from its layout alone, which whoever frees it knows.
fn is_mapped(layout: Layout) -> bool {
    layout.size() >= MAPPED_MIN && layout.align() <= PAGE_BYTES
}

/// Is a block of this layout aligned well enough without asking for it? Then mimalloc takes half the
/// instructions. Its blocks of more than 8 bytes are aligned to 16, smaller ones to 8.
fn is_aligned_anyway(layout: Layout) -> bool {
    layout.align() <= 8 || layout.align() <= 16 && layout.size() > 8
}

// SAFETY: each block comes from mimalloc or from fresh pages and goes back where it came from, since
// its layout tells which; pages are aligned as `is_mapped` demands, at least as large as was asked, and
// zero when fresh. Nothing here panics.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout) {
            return map(layout.size());
        }
        if is_aligned_anyway(layout) {
            // SAFETY: any size may be asked for.
            return unsafe { mi_malloc(layout.size()) }.cast();
        }
        // SAFETY: the caller's contract.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout) {
            return map(layout.size());
        }
        // SAFETY: the caller's contract.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract: the block was allocated with this layout.
        unsafe {
            if is_mapped(layout) {
                unmap(block, layout.size());
            } else {
                MiMalloc.dealloc(block, layout);
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's contract: the new size is not zero and no layout's limit is exceeded.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        match (is_mapped(layout), is_mapped(new)) {
            // SAFETY: the caller's contract; both kinds of blocks may be reallocated so.
            (false, false) if is_aligned_anyway(new) => unsafe {
                mi_realloc(block.cast(), new_size).cast()
            },
            // SAFETY: the caller's contract.
            (false, false) => unsafe { MiMalloc.realloc(block, layout, new_size) },
            // SAFETY: the block is pages, and its old place is not used any more.
            (true, true) => unsafe { remap(block, layout.size(), new_size) },
            // SAFETY: two live blocks that do not overlap, of at least as many bytes as are copied.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, layout.size().min(new_size));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Heap, MAPPED_MIN};
    use std::alloc::{GlobalAlloc, Layout};

    #[test]
    fn blocks_are_aligned_as_wanted_and_stay_so() {
        for (align, size) in [1, 8, 16, 64].into_iter().flat_map(|align| {
            let sizes = (1..9000).chain([65_537, 1 << 20, MAPPED_MIN - 1]);
            sizes.map(move |size| (align, size))
        }) {
            let layout = Layout::from_size_align(size, align).expect("a small layout");
            let larger = size + size / 3 + 1;
            let grown = Layout::from_size_align(larger, align).expect("a small layout");
            // SAFETY: sizes are not zero; the block is grown once and freed once, by its layouts.
            unsafe {
                let block = Heap.alloc(layout);
                assert!(!block.is_null() && block.addr().is_multiple_of(align));
                block.write(7);
                block.add(size - 1).write(7);
                let block = Heap.realloc(block, layout, larger);
                assert!(!block.is_null() && block.addr().is_multiple_of(align));
                assert!(block.read() == 7 && block.add(size - 1).read() == 7);
                Heap.dealloc(block, grown);
            }
        }
    }

    /// Marks some places of a block, those at its ends among them.
    fn places(len: usize) -> impl Iterator<Item = usize> {
        (0..len).step_by(999_983).chain([len - 1])
    }

    #[test]
    fn blocks_keep_what_they_hold_across_all_borders() {
        let sizes = [
            1,
            MAPPED_MIN - 1,
            MAPPED_MIN,
            MAPPED_MIN + 1,
            3 * MAPPED_MIN,
            MAPPED_MIN + 5000,
            100,
        ];
        let mut block: Vec<u8> = Vec::new();
        for size in sizes {
            block.truncate(size);
            block.shrink_to(size);
            let old = block.len();
            block.reserve_exact(size - old);
            block.resize(size, 0);
            assert!(
                places(size)
                    .filter(|at| *at >= old)
                    .all(|at| block[at] == 0)
            );
            for at in places(size) {
                block[at] = (at % 251) as u8;
            }
            let kept = block.clone();
            assert!(kept == block);
            block.shrink_to_fit();
            assert!(kept == block);
        }
    }

    #[test]
    fn fresh_pages_are_zero_and_what_cannot_be_had_is_refused() {
        let mut block = vec![0_u8; 2 * MAPPED_MIN];
        assert!(places(block.len()).all(|at| block[at] == 0));
        assert!(block.try_reserve(1 << 60).is_err());
        assert_eq!(block.len(), 2 * MAPPED_MIN);
        block[2 * MAPPED_MIN - 1] = 1;
    }
}
