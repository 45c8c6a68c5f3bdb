//! Keys that clients watch (`WATCH`), and the flags that say they were changed.
//!
//! A shard counts its watched keys; writers look here only when that count is not zero, so
//! watching costs nothing to shards without watched keys. Registration, change and `EXEC`'s check are
//! made under the shard's lock, which orders them; watching ends without it.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
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
        // Under one hold of the map's own lock: clients stop watching without the shard's lock, and
        // between "nobody is left" and the removal somebody may begin to watch.
        let Entry::Occupied(mut entry) = self.keys.entry((db as u32, key.into())) else {
            return false;
        };
        let flags = entry.get_mut();
        if let Some(index) = flags.iter().position(|other| Arc::ptr_eq(other, flag)) {
            flags.swap_remove(index);
        }
        let empty = flags.is_empty();
        if empty {
            entry.remove();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicI64;

    #[test]
    fn whoever_watches_is_found_whoever_else_stops() {
        let watched = Watched::default();
        let count = AtomicI64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let flag = DirtyFlag::default();
                        count.fetch_add(watched.add(0, b"key", &flag).into(), Relaxed);
                        watched.mark(0, b"key");
                        assert!(flag.load(Relaxed), "watched and not found");
                        count.fetch_sub(watched.remove(0, b"key", &flag).into(), Relaxed);
                    }
                });
            }
        });
        assert_eq!(count.into_inner(), 0, "firsts and lasts are counted alike");
        assert!(watched.keys.is_empty());
    }
}
