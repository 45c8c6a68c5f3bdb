//! Pages of the operating system: address space, of which only what is written to is memory.
#![allow(unsafe_code)]

/// Takes address space, of zeros: memory once it is written to. `None` when there is none left.
pub fn reserve(bytes: usize) -> Option<usize> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, at a place of the system's choice, overlaps nothing.
    let region = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
    if region == libc::MAP_FAILED {
        return None;
    }
    // Huge pages would make all of it resident. A kernel without them refuses, which is as good.
    // SAFETY: the mapping was made just now.
    unsafe { libc::madvise(region, bytes, libc::MADV_NOHUGEPAGE) };
    Some(region.expose_provenance())
}

/// As [`reserve`], at a multiple of `bytes`, a power of two.
pub fn reserve_aligned(bytes: usize) -> Option<usize> {
    let all = reserve(bytes * 2)?;
    let region = all.next_multiple_of(bytes);
    for (start, end) in [(all, region), (region + bytes, all + 2 * bytes)] {
        if start < end {
            let rest = std::ptr::with_exposed_provenance_mut(start);
            // SAFETY: a part of the mapping made just now, which nobody knows of.
            unsafe { libc::munmap(rest, end - start) };
        }
    }
    Some(region)
}

/// Gives the memory of whole pages back; they are zeros then. False if the system refuses, since
/// the memory is locked, say.
///
/// # Safety
/// The pages came from [`reserve`], and nobody needs what they hold.
pub unsafe fn discard(address: usize, bytes: usize) -> bool {
    let pages = std::ptr::with_exposed_provenance_mut(address);
    // SAFETY: the caller's contract.
    unsafe { libc::madvise(pages, bytes, libc::MADV_DONTNEED) == 0 }
}

/// Takes whole pages for `bytes`, zeroed. Null when there is no memory.
pub fn map(bytes: usize) -> *mut u8 {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, at a place of the system's choice, overlaps nothing.
    let pages = unsafe { libc::mmap(std::ptr::null_mut(), bytes, access, kind, -1, 0) };
    if pages == libc::MAP_FAILED {
        return std::ptr::null_mut();
    }
    // SAFETY: the mapping was made just now. A kernel without huge pages refuses, which is as good.
    unsafe { libc::madvise(pages, bytes, libc::MADV_NOHUGEPAGE) };
    pages.cast()
}

/// Makes pages of [`map`] more or fewer, moving them to other addresses if need be: nothing is copied,
/// and pages that are new are zeroed. Null when there is no memory; the old pages then stay as they are.
///
/// # Safety
/// `pages` came from [`map`] or [`remap`] with `old` bytes, and are not used by their old address any
/// more if the result is not null.
pub unsafe fn remap(pages: *mut u8, old: usize, new: usize) -> *mut u8 {
    // SAFETY: the caller's contract.
    let moved = unsafe { libc::mremap(pages.cast(), old, new, libc::MREMAP_MAYMOVE) };
    if moved == libc::MAP_FAILED {
        return std::ptr::null_mut();
    }
    moved.cast()
}

/// Gives pages back.
///
/// # Safety
/// `pages` came from [`map`] or [`remap`] with as many bytes, and nobody uses them any more.
pub unsafe fn unmap(pages: *mut u8, bytes: usize) {
    // SAFETY: the caller's contract.
    unsafe { libc::munmap(pages.cast(), bytes) };
}
