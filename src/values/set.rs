//! Sets.

/// Bytes of an intset before its integers.
pub const INTSET_HEAD: usize = 1;

/// A hash table of members.
#[derive(Clone, Default)]
pub struct Table {}

impl Table {
    /// Number of members.
    pub fn len(&self) -> usize {
        0
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        0
    }
}
