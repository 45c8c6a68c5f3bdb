//! Hashes.

use super::content::{Content, Write};

/// A hash table of fields.
#[derive(Clone, Default)]
pub struct Table {}

impl Table {
    /// Number of fields.
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

/// When the first of the fields is due, in ms on the server timeline; none without fields that
/// have a deadline. O(1).
pub fn next_due(_content: Content<'_>) -> Option<u64> {
    // No hash has fields with deadlines before `HEXPIRE` exists.
    None
}

/// Removes up to `max` fields whose deadline is not after `now_ms`; how many they were. The holder
/// may be empty afterwards.
pub fn purge(_holder: &mut impl Write, _now_ms: u64, _max: usize) -> usize {
    0
}
