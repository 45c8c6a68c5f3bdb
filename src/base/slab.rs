//! Blocks of 129 bytes to 8 KiB with little rounding, cut from slabs of 64 KiB.
//!
//! The heap's size classes are a quarter of a doubling apart: of a block between two of them a ninth
//! is nothing on average, of one just above a class a fifth. Here a class is a number of blocks in a
//! slab: up to 1 KiB every multiple of 16 bytes is one, and at 4 KiB they are 256 bytes apart.
//!
//! ```text
//! region 64 MiB   headers of all slabs │ slab │ slab │ … 1023 of them
//! slab   64 KiB   block │ block │ … all of one class
//! ```
//!
//! A slab belongs to one of `HEAPS` heaps. A thread takes blocks from its own heap, and gives each
//! back to the heap it came from: at once, whoever frees it. So nothing is stranded, and nothing has
//! to be collected. Each class of each heap is a lock over a list of those slabs that have room; two
//! threads meet there only when one frees what another allocates. A slab without blocks leaves its
//! heap for the `pool`, whence any class of any heap may take it, and what is not taken again
//! within a call of [`Slabs::purge`] or two goes back to the operating system.
//!
//! Blocks are freed with the size they were asked for, so nothing is stored beside them. What is
//! free begins with the place of the next free block.
//!
//! Costs one uncontended lock, about 40 instructions, for each block taken or given back.
//!
//! This is one of the unsafe islands; `pool` is a part of it.
#![allow(unsafe_code)]

mod pool;

use parking_lot::Mutex;
use pool::{Pool, SLAB_BYTES, Slab};
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Blocks begin at multiples of this and have as many bytes.
const UNIT: usize = 16;
const SLAB_UNITS: usize = SLAB_BYTES / UNIT;
/// The least blocks; what is smaller, the heap rounds no further than we do.
pub const SIZE_MIN: usize = 129;
/// The largest: of larger ones too few would fit into a slab.
pub const SIZE_MAX: usize = 8 << 10;
/// Threads that never wait for each other when they allocate. More threads share.
const HEAPS: usize = 16;
const CLASSES: usize = classes().0;
/// Class of each number of units.
const CLASS_OF: [u8; SIZE_MAX / UNIT + 1] = classes().1;
/// Units in a block of each class.
const UNITS_OF: [u16; CLASSES] = {
    let (_, _, all) = classes();
    let mut units = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        units[class] = all[class];
        class += 1;
    }
    units
};
const _: () = assert!(CLASSES <= 256);

/// The number of classes, the class of each number of units, and the units of each class (the first
/// so many entries): for every number of blocks in a slab the largest they may be.
const fn classes() -> (usize, [u8; SIZE_MAX / UNIT + 1], [u16; 256]) {
    let mut class_of = [0; SIZE_MAX / UNIT + 1];
    let mut units_of = [0; 256];
    let mut classes = 0;
    let mut units = SIZE_MIN.div_ceil(UNIT);
    while units <= SIZE_MAX / UNIT {
        let largest = SLAB_UNITS / (SLAB_UNITS / units);
        units_of[classes] = largest as u16;
        while units <= largest {
            class_of[units] = classes as u8;
            units += 1;
        }
        classes += 1;
    }
    (classes, class_of, units_of)
}

#[inline]
fn class_of(size: usize) -> usize {
    usize::from(CLASS_OF[size.div_ceil(UNIT)])
}

/// Do blocks of `size` bytes come from slabs?
#[inline]
pub const fn fits(size: usize) -> bool {
    size.wrapping_sub(SIZE_MIN) <= SIZE_MAX - SIZE_MIN
}

/// Bytes of the block for `size` bytes, which must fit.
#[inline]
pub fn block_bytes(size: usize) -> usize {
    usize::from(UNITS_OF[class_of(size)]) * UNIT
}

/// All slabs of the process.
pub static SLABS: Slabs = Slabs::new();

/// Heaps over a pool of slabs. See the module's text.
pub struct Slabs {
    heaps: [Heap; HEAPS],
    pool: Mutex<Pool>,
}

/// For each class, the slabs that have room.
struct Heap([Mutex<List>; CLASSES]);

/// A list of slabs, linked both ways.
struct List(Option<&'static Slab>);

impl Slabs {
    /// No slabs yet. Address space that is taken is never given back, so this is for statics.
    const fn new() -> Slabs {
        Slabs {
            heaps: [const { Heap([const { Mutex::new(List(None)) }; CLASSES]) }; HEAPS],
            pool: Mutex::new(Pool::new()),
        }
    }

    /// A block for `size` bytes, which must fit ([`fits`]); aligned to 16 bytes and not
    /// initialised. `None` without memory.
    #[inline]
    pub fn allocate(&'static self, size: usize) -> Option<NonNull<u8>> {
        let class = class_of(size);
        let heap = heap_of_thread();
        let mut list = self.heaps[heap].0[class].lock();
        let slab = match list.0 {
            Some(slab) => slab,
            None => self.refill(&mut list, heap, class)?,
        };
        let block = slab.take();
        if slab.is_full() {
            list.remove(slab);
        }
        Some(block)
    }

    #[cold]
    fn refill(&'static self, list: &mut List, heap: usize, class: usize) -> Option<&'static Slab> {
        let slab = self.pool.lock().take()?;
        slab.assign(heap, class, UNITS_OF[class]);
        list.push(slab);
        Some(slab)
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// `block` came from [`Slabs::allocate`] of these slabs, for a size of the same
    /// [`block_bytes`] as `size`; it is freed once and not used any more.
    #[inline]
    pub unsafe fn free(&'static self, block: NonNull<u8>, size: usize) {
        let class = class_of(size);
        // SAFETY: blocks of these slabs lie in a region, which is never given back.
        let slab = unsafe { Slab::of(block) };
        // Neither changes while the slab has a block that is not free, such as this one.
        let (heap, held) = slab.owner();
        assert!(held == class, "a block is freed with the size it has");
        let mut list = self.heaps[heap].0[class].lock();
        let was_full = slab.is_full();
        // SAFETY: the block lies in this slab and is the caller's to free; the lock of the slab's
        // list is held.
        unsafe { slab.give_back(block) };
        if slab.is_empty() {
            if !was_full {
                list.remove(slab);
            }
            drop(list);
            self.pool.lock().give_back(slab);
        } else if was_full {
            list.push(slab);
        }
    }

    /// Gives slabs that nobody has taken since the last call back to the operating system, at most
    /// `pool::PURGED_MAX` of them (20 ms). To be called a few times in a second.
    pub fn purge(&'static self) {
        pool::purge(&self.pool);
    }
}

impl List {
    fn push(&mut self, slab: &'static Slab) {
        slab.link(None, self.0);
        if let Some(second) = self.0 {
            second.link(Some(slab), second.next());
        }
        self.0 = Some(slab);
    }

    fn remove(&mut self, slab: &'static Slab) {
        let (previous, next) = (slab.previous(), slab.next());
        if let Some(next) = next {
            next.link(previous, next.next());
        }
        match previous {
            Some(previous) => previous.link(previous.previous(), next),
            None => self.0 = next,
        }
    }
}

/// The heap that the calling thread allocates from.
#[inline]
fn heap_of_thread() -> usize {
    thread_local! {
        static HEAP: Cell<usize> = const { Cell::new(HEAPS) };
    }
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let heap = HEAP.get();
    if heap < HEAPS {
        return heap;
    }
    let heap = NEXT.fetch_add(1, Relaxed) % HEAPS;
    HEAP.set(heap);
    heap
}

#[cfg(test)]
mod tests;
