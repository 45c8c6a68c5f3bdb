//! Memory for bucket arrays.
//!
//! Small arrays are blocks of the allocator. Larger ones are whole pages of the operating system:
//! any number of pages fits exactly, where the allocator's size classes are up to a quarter apart;
//! and when a table outgrows its array all of it goes back, where the allocator keeps half-used
//! pages of every size that tables have had.
//!
//! Address space is taken in regions and cut into runs of a power of two of pages. Only what an
//! array fills is resident. A run that is freed is emptied and kept for arrays of its class.
//!
//! This is a part of the unsafe island [`super`]. Both functions cost a system call at most.
#![allow(unsafe_code)]

use crate::base::alloc::good_size;
use crate::base::pages::{discard, reserve};
use libmimalloc_sys::{mi_free, mi_zalloc_aligned};
use parking_lot::Mutex;

/// Arrays from this size on are whole pages.
const PAGED_BYTES_MIN: usize = 16 << 10;
const PAGE_BYTES: usize = 4096;
/// Address space taken at a time; the smaller where a system counts it as memory.
const REGION_BYTES: [usize; 2] = [1 << 30, 16 << 20];
/// Arrays begin at multiples of this.
const ALIGN_BYTES: usize = 64;
/// Classes of runs: up to 2^17 pages, 512 MiB.
const CLASSES: usize = 18;

static RUNS: Mutex<Runs> = Mutex::new(Runs {
    free: [const { Vec::new() }; CLASSES],
    next: 0,
    end: 0,
});

struct Runs {
    /// Empty runs of each class.
    free: [Vec<usize>; CLASSES],
    /// What is left of the last region.
    next: usize,
    end: usize,
}

/// The bytes to ask for where at least `least` are wanted, and `wanted` would be good: what would be
/// taken anyway, without going beyond what is wanted by a page that costs memory.
pub(super) fn fitting(least: usize, wanted: usize) -> usize {
    if least < PAGED_BYTES_MIN {
        // The next size class is an eighth larger at least.
        return good_size(least);
    }
    let pages = wanted / PAGE_BYTES * PAGE_BYTES;
    if pages < least {
        least.next_multiple_of(PAGE_BYTES)
    } else {
        pages
    }
}

/// Takes memory for an array of `bytes` (not 0): zeroed, aligned to a cache line. 0 without memory.
pub(super) fn allocate(bytes: usize) -> usize {
    if bytes < PAGED_BYTES_MIN {
        // SAFETY: the size is not zero, the alignment a power of two.
        return unsafe { mi_zalloc_aligned(bytes, ALIGN_BYTES) } as usize;
    }
    let class = class(bytes);
    let mut runs = RUNS.lock();
    match runs.free[class].pop() {
        Some(run) => run,
        None => runs.cut(PAGE_BYTES << class),
    }
}

/// Gives the memory of an array back.
///
/// # Safety
/// `address` came from [`allocate`] with the same `bytes`, is freed once, and nobody reads it.
pub(super) unsafe fn free(address: usize, bytes: usize) {
    if bytes < PAGED_BYTES_MIN {
        // SAFETY: the caller's contract.
        unsafe { mi_free(address as *mut _) };
        return;
    }
    // SAFETY: the pages belong to the array that is freed. They read as zeros from then on, which
    // is what `allocate` promises.
    let emptied = unsafe { discard(address, bytes.next_multiple_of(PAGE_BYTES)) };
    // A run that could not be emptied (locked memory, say) is never used again: it is not zeroed.
    if emptied {
        RUNS.lock().free[class(bytes)].push(address);
    }
}

fn class(bytes: usize) -> usize {
    bytes
        .div_ceil(PAGE_BYTES)
        .next_power_of_two()
        .trailing_zeros() as usize
}

impl Runs {
    /// A fresh run of `bytes`; 0 without memory.
    fn cut(&mut self, bytes: usize) -> usize {
        if self.end - self.next < bytes {
            let sizes = REGION_BYTES.into_iter().filter(|region| *region > bytes);
            let Some((region, size)) = sizes
                .chain([bytes])
                .find_map(|size| Some((reserve(size)?, size)))
            else {
                return 0;
            };
            // The rest of the old region is forgotten: it is address space, not memory.
            (self.next, self.end) = (region, region + size);
        }
        self.next += bytes;
        self.next - bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads and writes an array as its owner would.
    fn words<'a>(address: usize, bytes: usize) -> &'a mut [u64] {
        // SAFETY: the tests own the arrays they ask for, and use one slice at a time.
        unsafe { std::slice::from_raw_parts_mut(address as *mut u64, bytes / 8) }
    }

    proptest! {
        #[test]
        fn arrays_are_zeroed_and_apart(
            steps in prop::collection::vec((1_usize..2000, any::<prop::sample::Index>()), 1..60),
        ) {
            let mut live: Vec<(usize, usize, u64)> = Vec::new();
            for (number, (lines, victim)) in steps.into_iter().enumerate() {
                let bytes = fitting(lines * ALIGN_BYTES, lines * ALIGN_BYTES) / ALIGN_BYTES
                    * ALIGN_BYTES;
                prop_assert!(bytes >= lines * ALIGN_BYTES);
                let address = allocate(bytes);
                prop_assert!(address != 0 && address.is_multiple_of(ALIGN_BYTES));
                prop_assert!(words(address, bytes).iter().all(|word| *word == 0));
                words(address, bytes).fill(number as u64 + 1);
                live.push((address, bytes, number as u64 + 1));
                if number % 2 == 1 {
                    let (address, bytes, _) = live.swap_remove(victim.index(live.len()));
                    // SAFETY: it was allocated above and left the list of live ones.
                    unsafe { free(address, bytes) };
                }
                for (address, bytes, mark) in &live {
                    prop_assert!(words(*address, *bytes).iter().all(|word| word == mark));
                }
            }
            for (address, bytes, _) in live {
                // SAFETY: as above.
                unsafe { free(address, bytes) };
            }
        }
    }

    #[test]
    fn a_freed_run_is_used_again_and_what_does_not_fit_gets_a_region_of_its_own() {
        let mut runs = Runs {
            free: [const { Vec::new() }; CLASSES],
            next: 0,
            end: 0,
        };
        let first = runs.cut(64 << 10);
        assert_eq!(runs.cut(16 << 10), first + (64 << 10));
        let large = runs.cut(REGION_BYTES[0]);
        assert!(large != 0 && runs.next == runs.end);
    }
}
