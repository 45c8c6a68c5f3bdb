//! The prefixes of keys that clients in broadcast mode have named, and by whom.

use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Prefixes, and the clients that have named each. A key is looked up once for each length that
/// there are prefixes of.
#[derive(Default)]
pub(super) struct Prefixes {
    count: AtomicUsize,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    clients: HashMap<Box<[u8]>, Vec<u64>>,
    /// How many prefixes there are of each length.
    lengths: BTreeMap<usize, usize>,
}

impl Prefixes {
    /// Number of different prefixes.
    pub(super) fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// Adds a client to a prefix; twice is once.
    pub(super) fn add(&self, prefix: &[u8], id: u64) {
        let mut inner = self.inner.write();
        match inner.clients.get_mut(prefix) {
            Some(ids) if ids.contains(&id) => {}
            Some(ids) => ids.push(id),
            None => {
                inner.clients.insert(prefix.into(), vec![id]);
                *inner.lengths.entry(prefix.len()).or_default() += 1;
            }
        }
        self.count.store(inner.clients.len(), Relaxed);
    }

    /// Removes a client from a prefix.
    pub(super) fn remove(&self, prefix: &[u8], id: u64) {
        let mut inner = self.inner.write();
        let Some(ids) = inner.clients.get_mut(prefix) else {
            return;
        };
        ids.retain(|other| *other != id);
        if ids.is_empty() {
            inner.clients.remove(prefix);
            if let Some(count) = inner.lengths.get_mut(&prefix.len()) {
                *count -= 1;
            }
            inner.lengths.retain(|_, count| *count > 0);
        }
        self.count.store(inner.clients.len(), Relaxed);
    }

    /// The clients that have named a prefix.
    pub(super) fn clients(&self, prefix: &[u8]) -> Vec<u64> {
        let inner = self.inner.read();
        inner.clients.get(prefix).cloned().unwrap_or_default()
    }

    /// Visits all prefixes that a key begins with, and their clients. One load while there are none.
    pub(super) fn each(&self, key: &[u8], mut visit: impl FnMut(&[u8], &[u64])) {
        if self.len() == 0 {
            return;
        }
        let inner = self.inner.read();
        for length in inner.lengths.range(..=key.len()).map(|(length, _)| *length) {
            if let Some(ids) = inner.clients.get(&key[..length]) {
                visit(&key[..length], ids);
            }
        }
    }
}
