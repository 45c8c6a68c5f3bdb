//! Sorted sets.

/// Members by name and in the order of their scores.
#[derive(Clone, Default)]
pub struct Tree {}

impl Tree {
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
