//! How full the allocator's pages are, as far as entries fill them.
//!
//! Small blocks lie in pages of 64 KiB, each with blocks of one size, at addresses that are
//! multiples of that: the heap's (mimalloc 3, `MI_ARENA_SLICE_SIZE`) and our slabs
//! ([`crate::base::slab`]). Larger ones lie in larger pages, which are left alone. A page that others share with entries looks emptier than it is; moving its
//! entries is then in vain, but does no harm.

/// Bytes of a page.
const PAGE_BYTES: u64 = 1 << PAGE_SHIFT;
const PAGE_SHIFT: u32 = 16;
/// Largest blocks that lie in such pages.
const BLOCK_BYTES_MAX: usize = 8 << 10;
/// Pages of one region of the address space.
const REGION_PAGES: usize = 1 << REGION_SHIFT;
const REGION_SHIFT: u32 = 14;

/// Something for each page, in tables for regions of 1 GiB.
#[derive(Default)]
struct ByPage<T> {
    regions: Vec<(u64, Box<[T]>)>,
}

impl<T: Copy + Default> ByPage<T> {
    fn split(address: u64) -> (u64, usize) {
        let page = address >> PAGE_SHIFT;
        (page >> REGION_SHIFT, page as usize % REGION_PAGES)
    }

    #[inline]
    fn get(&self, address: u64) -> T {
        let (region, index) = Self::split(address);
        let found = self.regions.iter().find(|(number, _)| *number == region);
        found.map_or(T::default(), |(_, pages)| pages[index])
    }

    #[inline]
    fn get_mut(&mut self, address: u64) -> &mut T {
        let (region, index) = Self::split(address);
        let at = match self
            .regions
            .iter()
            .position(|(number, _)| *number == region)
        {
            Some(at) => at,
            None => {
                let pages = vec![T::default(); REGION_PAGES].into_boxed_slice();
                self.regions.push((region, pages));
                self.regions.len() - 1
            }
        };
        &mut self.regions[at].1[index]
    }

    /// Addresses of the pages, with what is known of them.
    fn iter(&self) -> impl Iterator<Item = (u64, T)> {
        self.regions.iter().flat_map(|(region, pages)| {
            pages.iter().enumerate().map(move |(index, value)| {
                let page = region << REGION_SHIFT | index as u64;
                (page << PAGE_SHIFT, *value)
            })
        })
    }
}

#[derive(Clone, Copy, Default)]
struct Fill {
    entries: u16,
    /// Bytes of its blocks; 0 while unknown.
    block_bytes: u16,
}

/// The entries in each page.
#[derive(Default)]
pub(super) struct Census {
    fills: ByPage<Fill>,
}

impl Census {
    /// Counts an entry; `block_bytes` is asked for the first one in a page.
    #[inline]
    pub(super) fn count(&mut self, address: u64, block_bytes: impl FnOnce() -> usize) {
        let fill = self.fills.get_mut(address);
        fill.entries = fill.entries.saturating_add(1);
        if fill.block_bytes == 0 {
            fill.block_bytes = u16::try_from(block_bytes()).unwrap_or(u16::MAX);
        }
    }

    /// Adds what another worker has counted.
    pub(super) fn add(&mut self, other: Census) {
        if self.fills.regions.is_empty() {
            *self = other;
            return;
        }
        for (address, fill) in other.fills.iter().filter(|(_, fill)| fill.entries > 0) {
            let sum = self.fills.get_mut(address);
            sum.entries = sum.entries.saturating_add(fill.entries);
            sum.block_bytes = fill.block_bytes;
        }
    }

    /// The emptiest pages, of `budget_bytes` together at most and each less than three quarters
    /// full; fuller ones too for an `urgent` pass, which evicts.
    pub(super) fn sparse_pages(&self, budget_bytes: u64, urgent: bool) -> Selection {
        let live_max = if urgent {
            PAGE_BYTES / 32 * 31
        } else {
            PAGE_BYTES / 4 * 3
        };
        let live = |fill: Fill| u64::from(fill.entries) * u64::from(fill.block_bytes);
        let mut sparse: Vec<(u64, u64)> = self
            .fills
            .iter()
            .filter(|(_, fill)| (1..=BLOCK_BYTES_MAX).contains(&usize::from(fill.block_bytes)))
            .map(|(address, fill)| (live(fill), address))
            .filter(|(live, _)| *live < live_max)
            .collect();
        sparse.sort_unstable();
        sparse.truncate((budget_bytes / PAGE_BYTES) as usize);
        let mut selection = Selection::default();
        for (live, address) in sparse {
            *selection.pages.get_mut(address) = true;
            selection.gain_bytes += PAGE_BYTES - live;
        }
        selection
    }
}

/// Pages to be emptied.
#[derive(Default)]
pub(super) struct Selection {
    pages: ByPage<bool>,
    gain_bytes: u64,
}

impl Selection {
    /// Does the block at `address` lie in one of them?
    #[inline]
    pub(super) fn contains(&self, address: u64) -> bool {
        self.pages.get(address)
    }

    /// Bytes that are given back when they are empty, less what their entries take elsewhere.
    pub(super) fn gain_bytes(&self) -> u64 {
        self.gain_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(pages: &[(u64, usize, usize)]) -> Census {
        let mut census = Census::default();
        for (page, entries, block_bytes) in pages {
            for _ in 0..*entries {
                census.count(page * PAGE_BYTES, || *block_bytes);
            }
        }
        census
    }

    #[test]
    fn the_emptiest_pages_are_selected() {
        let mut census = counted(&[(7, 100, 64), (90_000, 10, 64), (8, 900, 64)]);
        census.add(counted(&[(7, 1, 64), (9, 1, 10_000), (10, 20, 128)]));
        let all = census.sparse_pages(100 * PAGE_BYTES, false);
        for (page, selected) in [
            (7, true),
            (90_000, true),
            (10, true),
            (8, false),
            (9, false),
        ] {
            assert_eq!(all.contains(page * PAGE_BYTES + 77), selected, "{page}");
        }
        assert_eq!(all.gain_bytes(), 3 * PAGE_BYTES - 64 * 111 - 20 * 128);
        let two = census.sparse_pages(2 * PAGE_BYTES, false);
        assert!(two.contains(90_000 * PAGE_BYTES) && two.contains(10 * PAGE_BYTES));
        assert!(!two.contains(7 * PAGE_BYTES));
        assert!(
            census
                .sparse_pages(PAGE_BYTES * 100, true)
                .contains(8 * PAGE_BYTES)
        );
    }
}
