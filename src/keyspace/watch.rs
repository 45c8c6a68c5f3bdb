//! Keys that clients watch (`WATCH`), and the flags that say they were changed.
//!
//! A shard counts its watched keys; writers look here only when that count is not zero, so
//! watching costs nothing to shards without watched keys. All calls are made under the shard's
//! lock, which orders registration, change and `EXEC`'s check.

use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Set when a key that the client watches was changed.
pub type DirtyFlag = Arc<AtomicBool>;

/// All watched keys of all databases.
#[derive(Default)]
pub struct Watched {
    keys: DashMap<(u32, Box<[u8]>), Vec<DirtyFlag>>,
}

impl Watched {
    /// Registers `flag` for a key. True when the key was not watched before.
    pub fn add(&self, db: usize, key: &[u8], flag: &DirtyFlag) -> bool {
        let mut flags = self.keys.entry((db as u32, key.into())).or_default();
        flags.push(Arc::clone(flag));
        flags.len() == 1
    }

    /// Removes one registration of `flag`. True when nobody watches the key any more.
    pub fn remove(&self, db: usize, key: &[u8], flag: &DirtyFlag) -> bool {
        let id = (db as u32, Box::from(key));
        let Some(mut flags) = self.keys.get_mut(&id) else {
            return false;
        };
        if let Some(index) = flags.iter().position(|other| Arc::ptr_eq(other, flag)) {
            flags.swap_remove(index);
        }
        let empty = flags.is_empty();
        drop(flags);
        if empty {
            self.keys.remove(&id);
        }
        empty
    }

    /// Marks a key as changed.
    pub fn mark(&self, db: usize, key: &[u8]) {
        if let Some(flags) = self.keys.get(&(db as u32, Box::from(key))) {
            flags.iter().for_each(|flag| flag.store(true, Relaxed));
        }
    }

    /// Marks all watched keys of `db` for which `changed` holds. The caller holds every shard.
    pub fn mark_all(&self, db: usize, changed: impl Fn(&[u8]) -> bool) {
        for item in &self.keys {
            let (at, key) = item.key();
            if *at == db as u32 && changed(key) {
                item.value()
                    .iter()
                    .for_each(|flag| flag.store(true, Relaxed));
            }
        }
    }
}
