//! What one client is subscribed to.

use super::Kind;
use std::collections::HashSet;
use std::sync::Arc;

/// What a subscription takes beside its name: its place here and in the registry.
const PLACE_BYTES: usize = 120;

/// What one client is subscribed to. Names are shared with the registry.
#[derive(Default)]
pub struct Subscriptions {
    names: [HashSet<Arc<[u8]>>; 3],
    bytes: usize,
}

impl Subscriptions {
    /// Number of names of a kind.
    pub fn len(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    /// Is there none at all?
    pub fn is_empty(&self) -> bool {
        self.names.iter().all(HashSet::is_empty)
    }

    /// Memory held for them, about, in bytes.
    pub fn held_bytes(&self) -> usize {
        self.bytes
    }

    /// Is this one of them?
    pub fn contains(&self, kind: Kind, name: &[u8]) -> bool {
        self.names[kind as usize].contains(name)
    }

    /// Adds one.
    pub fn add(&mut self, kind: Kind, name: Arc<[u8]>) {
        let bytes = name.len() + PLACE_BYTES;
        if self.names[kind as usize].insert(name) {
            self.bytes += bytes;
        }
    }

    /// Removes one. False when it is none of them.
    pub fn remove(&mut self, kind: Kind, name: &[u8]) -> bool {
        let removed = self.names[kind as usize].remove(name);
        if removed {
            self.bytes -= name.len() + PLACE_BYTES;
        }
        removed
    }

    /// The names of a kind, in no order.
    pub fn names(&self, kind: Kind) -> Vec<Arc<[u8]>> {
        self.names[kind as usize].iter().cloned().collect()
    }
}
