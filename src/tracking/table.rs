//! The keys that clients have read, and which clients: striped by the keys' hash. Each stripe has a
//! lock of its own, which is nearly always free: who works on a key holds its shard anyway.

use crate::base::hash::hash;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Parts of the table; a power of two.
const STRIPES: usize = 256;
/// Up to this many clients of a key are kept in a list.
const LISTED_MAX: usize = 16;
/// Bytes that a key takes beside its text, and each client of a key, about.
const KEY_BYTES: usize = 72;
const ITEM_BYTES: usize = 8;

/// Hashes keys as the keyspace does.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, key: &[u8]) {
        self.0 = hash(key);
    }

    /// The length, which the hash of the key knows of.
    fn write_usize(&mut self, _: usize) {}
}

type Keys = HashMap<Box<[u8]>, Ids, BuildHasherDefault<KeyHasher>>;

/// The clients that have read a key.
pub(super) enum Ids {
    Few(SmallVec<[u64; 2]>),
    Many(HashSet<u64>),
}

impl Ids {
    /// True when it is new.
    fn add(&mut self, id: u64) -> bool {
        match self {
            Ids::Few(few) if few.contains(&id) => false,
            Ids::Few(few) if few.len() < LISTED_MAX => {
                few.push(id);
                true
            }
            Ids::Few(few) => {
                let mut many: HashSet<u64> = few.iter().copied().collect();
                many.insert(id);
                *self = Ids::Many(many);
                true
            }
            Ids::Many(many) => many.insert(id),
        }
    }

    fn len(&self) -> usize {
        match self {
            Ids::Few(few) => few.len(),
            Ids::Many(many) => many.len(),
        }
    }

    /// Visits them, in no order.
    pub(super) fn each(&self, mut visit: impl FnMut(u64)) {
        match self {
            Ids::Few(few) => few.iter().for_each(|id| visit(*id)),
            Ids::Many(many) => many.iter().for_each(|id| visit(*id)),
        }
    }
}

/// The keys that clients have read.
pub(super) struct Table {
    stripes: Box<[Mutex<Keys>]>,
    keys: AtomicUsize,
    items: AtomicUsize,
    key_bytes: AtomicUsize,
    /// Where [`Table::take_any`] goes on.
    hand: AtomicUsize,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            keys: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
            key_bytes: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
        }
    }
}

impl Table {
    pub(super) fn keys(&self) -> usize {
        self.keys.load(Relaxed)
    }

    pub(super) fn items(&self) -> usize {
        self.items.load(Relaxed)
    }

    pub(super) fn held_bytes(&self) -> usize {
        let texts = self.key_bytes.load(Relaxed);
        texts + self.keys() * KEY_BYTES + self.items() * ITEM_BYTES
    }

    fn stripe(&self, hash: u64) -> &Mutex<Keys> {
        // Neither the bits that choose the shard nor those that choose the bucket here.
        &self.stripes[(hash >> 24) as usize % STRIPES]
    }

    /// Notes that a client has read a key.
    pub(super) fn note(&self, key: &[u8], hash: u64, id: u64) {
        let mut stripe = self.stripe(hash).lock();
        let added = match stripe.get_mut(key) {
            Some(ids) => ids.add(id),
            None => {
                stripe.insert(key.into(), Ids::Few(SmallVec::from_slice(&[id])));
                self.keys.fetch_add(1, Relaxed);
                self.key_bytes.fetch_add(key.len(), Relaxed);
                true
            }
        };
        if added {
            self.items.fetch_add(1, Relaxed);
        }
    }

    /// Takes a key out; the clients that had read it, if any.
    pub(super) fn take(&self, key: &[u8], hash: u64) -> Option<Ids> {
        if self.keys() == 0 {
            return None;
        }
        let (key, ids) = self.stripe(hash).lock().remove_entry(key)?;
        self.uncount(&key, &ids);
        Some(ids)
    }

    /// Takes any key out, not the same each time; `None` when there is none.
    pub(super) fn take_any(&self) -> Option<(Box<[u8]>, Ids)> {
        for _ in 0..STRIPES {
            let at = self.hand.fetch_add(1, Relaxed) % STRIPES;
            let mut stripe = self.stripes[at].lock();
            let Some(key) = stripe.keys().next().cloned() else {
                continue;
            };
            let ids = stripe.remove(&key).expect("seen under the same lock");
            self.uncount(&key, &ids);
            return Some((key, ids));
        }
        None
    }

    fn uncount(&self, key: &[u8], ids: &Ids) {
        self.keys.fetch_sub(1, Relaxed);
        self.items.fetch_sub(ids.len(), Relaxed);
        self.key_bytes.fetch_sub(key.len(), Relaxed);
    }

    /// Forgets everything, and gives the memory back.
    pub(super) fn clear(&self) {
        for stripe in &self.stripes {
            let mut stripe = stripe.lock();
            let keys = std::mem::take(&mut *stripe);
            for (key, ids) in keys {
                self.uncount(&key, &ids);
            }
        }
    }
}
