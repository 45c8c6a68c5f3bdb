//! Client-side caching: who has read which keys, and who is told that they have changed.
//!
//! A client in default mode is noted with each key that it reads, in `Table`; the first change of
//! the key takes the note away and tells the client. A client in broadcast mode is told of every
//! change of keys that begin with one of its prefixes; nothing is noted for it. What one batch of
//! requests changes it is told at once (`round`).
//!
//! A read notes its keys while their shards are still held, and a change tells under the same lock.
//! So whoever was given a value is told of the change that came after, and after: the message goes
//! to the client's mailbox, which is sent behind the replies that were written before.

mod prefixes;
mod round;
mod table;

use dashmap::DashMap;
use parking_lot::Mutex;
use prefixes::Prefixes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use table::Table;

/// Prefixes one client may have.
pub const PREFIXES_MAX: usize = 1000;
/// Bytes that they may have together.
pub const PREFIX_BYTES_MAX: usize = 1 << 20;

/// Somebody who can be told of changes.
pub trait Listener: Send + Sync {
    /// Never reused.
    fn id(&self) -> u64;

    /// Has it disconnected?
    fn is_gone(&self) -> bool;

    /// Tells that these keys, or all keys, are not what they were. `redirected` says whether that concerns
    /// another client's cache. When too much would be waiting for the listener it is to be cut off;
    /// the teller waits in no case.
    fn tell_changed(&self, keys: Option<&[&[u8]]>, redirected: bool, limits: Limits);

    /// Tells that the client with this id, to which it has had its messages sent, is gone.
    fn tell_broken(&self, to: u64, limits: Limits);
}

/// Bytes that may wait for a listener before it is cut off; 0 is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// For ordinary clients.
    pub normal_bytes: u64,
    /// For those with subscriptions.
    pub pubsub_bytes: u64,
}

/// What a client has asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Told of all keys with its prefixes, not of those it has read.
    pub broadcast: bool,
    /// Only what is read after `CLIENT CACHING YES` is noted.
    pub opt_in: bool,
    /// What is read after `CLIENT CACHING NO` is not noted.
    pub opt_out: bool,
    /// Not told of its own changes.
    pub no_loop: bool,
    /// The client that is told instead, if any.
    pub redirect: Option<u64>,
}

struct Tracker<L> {
    listener: Arc<L>,
    broadcast: bool,
    no_loop: bool,
    redirect: Option<Arc<L>>,
}

impl<L: Listener> Tracker<L> {
    fn tell(&self, keys: Option<&[&[u8]]>, limits: Limits) {
        match &self.redirect {
            None => self.listener.tell_changed(keys, false, limits),
            Some(other) if other.is_gone() => self.listener.tell_broken(other.id(), limits),
            Some(other) => other.tell_changed(keys, true, limits),
        }
    }
}

/// All clients that are told of changes, and what they have read.
pub struct Tracking<L> {
    trackers: DashMap<u64, Tracker<L>>,
    table: Table,
    prefixes: Prefixes,
    keys_max: AtomicUsize,
    normal_bytes: AtomicU64,
    pubsub_bytes: AtomicU64,
    /// Held while somebody begins or ends: what the last one leaves is cleared before another comes.
    switch: Mutex<()>,
}

impl<L> Default for Tracking<L> {
    fn default() -> Tracking<L> {
        Tracking {
            trackers: DashMap::new(),
            table: Table::default(),
            prefixes: Prefixes::default(),
            keys_max: AtomicUsize::new(usize::MAX),
            normal_bytes: AtomicU64::new(0),
            pubsub_bytes: AtomicU64::new(0),
            switch: Mutex::new(()),
        }
    }
}

impl<L: Listener> Tracking<L> {
    /// Sets how many keys may be noted (0: no limit), and how much may wait for a listener.
    pub fn configure(&self, keys_max: u64, limits: Limits) {
        let keys_max = match usize::try_from(keys_max) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(keys_max) => keys_max,
        };
        self.keys_max.store(keys_max, Relaxed);
        self.normal_bytes.store(limits.normal_bytes, Relaxed);
        self.pubsub_bytes.store(limits.pubsub_bytes, Relaxed);
        self.enforce();
    }

    fn limits(&self) -> Limits {
        Limits {
            normal_bytes: self.normal_bytes.load(Relaxed),
            pubsub_bytes: self.pubsub_bytes.load(Relaxed),
        }
    }

    /// Begins to tell a client as it wishes, or differently from now on; `redirect` is whom it has
    /// named. `prefixes` are added to those it has. `on` is called before it returns, with whether
    /// changes are now to be told at all.
    pub fn enable(
        &self,
        listener: &Arc<L>,
        (wishes, redirect): (&Wishes, Option<Arc<L>>),
        prefixes: &[&[u8]],
        on: impl FnOnce(bool),
    ) {
        let _switch = self.switch.lock();
        on(true);
        let id = listener.id();
        let tracker = Tracker {
            listener: Arc::clone(listener),
            broadcast: wishes.broadcast,
            no_loop: wishes.no_loop,
            redirect,
        };
        self.trackers.insert(id, tracker);
        for prefix in prefixes {
            self.prefixes.add(prefix, id);
        }
    }

    /// Ends what a client has asked for; `prefixes` are all it has. `on` as for
    /// [`Tracking::enable`]. What it had noted stays until the keys change, or nobody tracks.
    pub fn disable<'p>(
        &self,
        id: u64,
        prefixes: impl Iterator<Item = &'p [u8]>,
        on: impl FnOnce(bool),
    ) {
        let _switch = self.switch.lock();
        if self.trackers.remove(&id).is_none() {
            return;
        }
        for prefix in prefixes {
            self.prefixes.remove(prefix, id);
        }
        if self.trackers.is_empty() {
            on(false);
            self.table.clear();
        }
    }

    /// Notes that a client has read a key, whose shard the caller holds.
    pub fn note(&self, key: &[u8], hash: u64, id: u64) {
        self.table.note(key, hash, id);
        if self.table.keys() > self.keys_max.load(Relaxed) {
            self.enforce();
        }
    }

    /// Tells everybody concerned that a key has changed; `by` is the client that changed it. The
    /// caller holds the key's shard.
    pub fn changed(&self, key: &[u8], hash: u64, by: u64) {
        let limits = self.limits();
        if let Some(ids) = self.table.take(key, hash) {
            ids.each(|id| self.tell(id, key, by, false, limits));
        }
        self.prefixes.each(key, |prefix, ids| {
            if !round::note(prefix, key, by) {
                ids.iter()
                    .for_each(|id| self.tell(*id, key, by, true, limits));
            }
        });
    }

    /// A batch of requests begins on this thread: what it changes is told to clients in broadcast
    /// mode when it is over.
    #[inline]
    pub fn begin_round(&self) {
        if self.prefixes() > 0 {
            round::open();
        }
    }

    /// The batch is over.
    #[inline]
    pub fn end_round(&self) {
        if self.prefixes() > 0 {
            self.tell_round();
        }
    }

    #[cold]
    fn tell_round(&self) {
        let limits = self.limits();
        for (prefix, keys) in round::close() {
            for id in self.prefixes.clients(&prefix) {
                self.tell_of(id, &keys, limits);
            }
        }
    }

    fn tell_of(&self, id: u64, keys: &BTreeMap<Box<[u8]>, u64>, limits: Limits) {
        let Some(tracker) = self.trackers.get(&id).filter(|one| one.broadcast) else {
            return;
        };
        let concerns = |by: u64| !(tracker.no_loop && id == by);
        let keys = keys.iter().filter(|(_, by)| concerns(**by));
        let keys: Vec<&[u8]> = keys.map(|(key, _)| &**key).collect();
        if !keys.is_empty() {
            tracker.tell(Some(&keys), limits);
        }
    }

    /// Tells everybody that every key has changed. The caller holds all shards.
    pub fn all_changed(&self) {
        self.table.clear();
        for tracker in &self.trackers {
            tracker.tell(None, self.limits());
        }
    }

    fn tell(&self, id: u64, key: &[u8], by: u64, broadcast: bool, limits: Limits) {
        // Who ended, or has changed its mode since it read the key, is not concerned.
        if let Some(tracker) = self.trackers.get(&id)
            && tracker.broadcast == broadcast
            && !(tracker.no_loop && id == by)
        {
            tracker.tell(Some(&[key]), limits);
        }
    }

    /// Forgets keys until there are no more than there may be; who has read them is told that they
    /// have changed.
    fn enforce(&self) {
        let limits = self.limits();
        while self.table.keys() > self.keys_max.load(Relaxed) {
            let Some((key, ids)) = self.table.take_any() else {
                return;
            };
            ids.each(|id| self.tell(id, &key, 0, false, limits));
        }
    }

    /// Number of clients that are told of changes.
    pub fn clients(&self) -> usize {
        self.trackers.len()
    }

    /// Number of keys noted, and of notes: one for each client that has read a key.
    pub fn noted(&self) -> (usize, usize) {
        (self.table.keys(), self.table.items())
    }

    /// Number of different prefixes.
    pub fn prefixes(&self) -> usize {
        self.prefixes.len()
    }

    /// Memory that the notes take, about, in bytes.
    pub fn held_bytes(&self) -> u64 {
        self.table.held_bytes() as u64
    }
}

#[cfg(test)]
mod tests;
