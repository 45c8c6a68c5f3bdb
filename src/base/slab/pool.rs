//! Slabs: their headers, where they come from, and how those that are empty go back.
//!
//! Part of the unsafe island of [`super`].
#![allow(unsafe_code)]

use super::UNIT;
use crate::base::pages;
use parking_lot::Mutex;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, Ordering::Relaxed};

/// Bytes of a slab, which begins at a multiple of them: what a pass against fragmentation takes
/// for a page (`keyspace::defrag`).
pub(super) const SLAB_BYTES: usize = 64 << 10;
/// Bytes of a region, likewise: address space that is taken at a time.
const REGION_BYTES: usize = 64 << 20;
const REGION_SLABS: usize = REGION_BYTES / SLAB_BYTES;
/// Most slabs that one call of [`purge`] gives back.
pub(super) const PURGED_MAX: usize = 2048;

/// No unit: behind the last free block.
const NONE: u16 = u16::MAX;

/// A slab's header. All headers of a region are together at its beginning, where a few lines of the
/// cache and one or two pages hold many; the first slab's own bytes are theirs.
///
/// Written under the lock of the list that the slab belongs to, or by whoever has taken it from the
/// pool; atomics, since a block's heap and class are read without the lock.
#[repr(C, align(32))]
pub(super) struct Slab {
    previous: AtomicPtr<Slab>,
    next: AtomicPtr<Slab>,
    /// Unit of the first free block that was in use before.
    free: AtomicU16,
    /// Unit from which on no block was ever in use.
    fresh: AtomicU16,
    /// Units of a block.
    units: AtomicU16,
    /// Blocks in use, and blocks altogether.
    used: AtomicU16,
    capacity: AtomicU16,
    heap: AtomicU8,
    class: AtomicU8,
}

const HEADER_BYTES: usize = size_of::<Slab>();
const _: () = assert!(HEADER_BYTES == 32 && REGION_SLABS * HEADER_BYTES <= SLAB_BYTES);

impl Slab {
    /// The slab of a block.
    ///
    /// # Safety
    /// `block` lies in a region.
    #[inline]
    pub(super) unsafe fn of(block: NonNull<u8>) -> &'static Slab {
        let address = block.as_ptr().expose_provenance();
        let region = address & !(REGION_BYTES - 1);
        let index = (address - region) / SLAB_BYTES;
        // SAFETY: by the caller's contract it is a region's header that is pointed to.
        unsafe { header(region, index) }
    }

    /// Address of its first block.
    fn address(&self) -> usize {
        let header = std::ptr::from_ref(self).expose_provenance();
        let region = header & !(REGION_BYTES - 1);
        region + (header - region) / HEADER_BYTES * SLAB_BYTES
    }

    fn block(&self, unit: u16) -> NonNull<u8> {
        let address = self.address() + usize::from(unit) * UNIT;
        NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("inside a region")
    }

    /// Makes it an empty slab of a class.
    pub(super) fn assign(&self, heap: usize, class: usize, units: u16) {
        self.free.store(NONE, Relaxed);
        self.fresh.store(0, Relaxed);
        self.units.store(units, Relaxed);
        self.used.store(0, Relaxed);
        self.capacity
            .store((SLAB_BYTES / UNIT) as u16 / units, Relaxed);
        self.heap.store(heap as u8, Relaxed);
        self.class.store(class as u8, Relaxed);
    }

    /// Its heap and class.
    #[inline]
    pub(super) fn owner(&self) -> (usize, usize) {
        (
            self.heap.load(Relaxed).into(),
            self.class.load(Relaxed).into(),
        )
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.used.load(Relaxed) == self.capacity.load(Relaxed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used.load(Relaxed) == 0
    }

    /// A block of it, which is not full. The lock of its list is held.
    #[inline]
    pub(super) fn take(&self) -> NonNull<u8> {
        let free = self.free.load(Relaxed);
        self.used.store(self.used.load(Relaxed) + 1, Relaxed);
        if free == NONE {
            let fresh = self.fresh.load(Relaxed);
            self.fresh.store(fresh + self.units.load(Relaxed), Relaxed);
            return self.block(fresh);
        }
        let block = self.block(free);
        // SAFETY: a free block begins with the unit of the next one, see `give_back`.
        let next = unsafe { block.cast::<u16>().read() };
        self.free.store(next, Relaxed);
        block
    }

    /// Takes one of its blocks back. The lock of its list is held.
    ///
    /// # Safety
    /// The block is one of this slab's, and its owner gives it up.
    #[inline]
    pub(super) unsafe fn give_back(&self, block: NonNull<u8>) {
        // SAFETY: it has sixteen bytes and more, and nobody else's.
        unsafe { block.cast::<u16>().write(self.free.load(Relaxed)) };
        let offset = block.as_ptr().addr() % SLAB_BYTES;
        self.free.store((offset / UNIT) as u16, Relaxed);
        self.used.store(self.used.load(Relaxed) - 1, Relaxed);
    }

    pub(super) fn next(&self) -> Option<&'static Slab> {
        // SAFETY: links are to headers, which live as long as the process, or null.
        unsafe { self.next.load(Relaxed).as_ref() }
    }

    pub(super) fn previous(&self) -> Option<&'static Slab> {
        // SAFETY: as for `next`.
        unsafe { self.previous.load(Relaxed).as_ref() }
    }

    /// Puts it between two others of its list.
    pub(super) fn link(&self, previous: Option<&'static Slab>, next: Option<&'static Slab>) {
        self.previous.store(pointer(previous), Relaxed);
        self.next.store(pointer(next), Relaxed);
    }
}

fn pointer(slab: Option<&'static Slab>) -> *mut Slab {
    slab.map_or(std::ptr::null_mut(), |slab| {
        std::ptr::from_ref(slab).cast_mut()
    })
}

/// # Safety
/// `region` is the address of a region, which has more than `index` slabs.
unsafe fn header(region: usize, index: usize) -> &'static Slab {
    let headers = std::ptr::with_exposed_provenance::<Slab>(region);
    // SAFETY: a region begins with a header for each slab, of zeros at first, which are a valid
    // one, and is never given back.
    unsafe { &*headers.add(index) }
}

/// Slabs that belong to no heap.
pub(super) struct Pool {
    /// Their memory is resident. The last ones given back are the first to be taken.
    dirty: Vec<&'static Slab>,
    /// So many of the first ones were there at the last purge.
    untouched: usize,
    /// Their memory has gone back.
    clean: Vec<&'static Slab>,
    /// Address of the last region, and its first slab that was never taken.
    region: usize,
    fresh: usize,
}

impl Pool {
    pub(super) const fn new() -> Pool {
        Pool {
            dirty: Vec::new(),
            untouched: 0,
            clean: Vec::new(),
            region: 0,
            fresh: REGION_SLABS,
        }
    }

    /// A slab; `None` without memory.
    pub(super) fn take(&mut self) -> Option<&'static Slab> {
        if let Some(slab) = self.dirty.pop() {
            self.untouched = self.untouched.min(self.dirty.len());
            return Some(slab);
        }
        if let Some(slab) = self.clean.pop() {
            return Some(slab);
        }
        if self.fresh == REGION_SLABS {
            self.region = pages::reserve_aligned(REGION_BYTES)?;
            self.fresh = 1;
        }
        let index = self.fresh;
        self.fresh += 1;
        // SAFETY: it is a region's address, and the index less than its number of slabs.
        Some(unsafe { header(self.region, index) })
    }

    pub(super) fn give_back(&mut self, slab: &'static Slab) {
        self.dirty.push(slab);
    }

    /// Slabs ever taken, while there is one region.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        if self.region == 0 { 0 } else { self.fresh - 1 }
    }

    /// Slabs that belong to no heap, and those of them that are resident.
    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        (self.dirty.len() + self.clean.len(), self.dirty.len())
    }
}

/// See [`super::Slabs::purge`]. The lock is not held while memory is given back.
pub(super) fn purge(pool: &Mutex<Pool>) {
    let mut purged: Vec<&'static Slab> = {
        let mut pool = pool.lock();
        let count = pool.untouched.min(PURGED_MAX);
        let purged = pool.dirty.drain(..count).collect();
        pool.untouched = pool.dirty.len();
        purged
    };
    if purged.is_empty() {
        return;
    }
    purged.sort_unstable_by_key(|slab| slab.address());
    for run in purged.chunk_by(|one, next| one.address() + SLAB_BYTES == next.address()) {
        // SAFETY: the pool's slabs hold nothing, and these were taken out of it.
        unsafe { pages::discard(run[0].address(), run.len() * SLAB_BYTES) };
    }
    pool.lock().clean.extend(purged);
}
