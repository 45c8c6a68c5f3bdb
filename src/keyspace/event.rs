//! What happens to keys, and who is told: keyspace notifications and client-side caches.
//!
//! An [`Edit`](super::Edit) tells of each change where it is declared, and expiry and eviction of
//! each key they remove, all under the lock of the key's shard: so what is told of a key keeps the
//! order in which it happened, on whichever threads. While nobody wants to know that is one load
//! and one branch.

use crate::config::EventClasses;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// What happened to a key, by the class of `notify-keyspace-events` it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Class `g`: any type.
    Generic(&'static str),
    /// Class `$`.
    String(&'static str),
    /// Class `l`.
    List(&'static str),
    /// Class `s`.
    Set(&'static str),
    /// Class `z`.
    Zset(&'static str),
    /// Class `h`.
    Hash(&'static str),
    /// Class `t`.
    Stream(&'static str),
    /// Class `x`: its deadline has passed.
    Expired,
    /// Class `e`: it had to make room.
    Evicted,
    /// Class `n`: it has come to exist.
    New,
    /// Class `o`: its value gave way to another.
    Overwritten,
    /// Class `c`: and that is of another type.
    TypeChanged,
    /// Class `m`: it was to be read and is not there.
    Miss,
    /// One that is not told of.
    Unnamed,
}

impl Event {
    /// A key was deleted.
    pub const DEL: Event = Event::Generic("del");

    /// Its class.
    #[inline]
    pub fn class(self) -> EventClasses {
        match self {
            Event::Generic(_) => EventClasses::GENERIC,
            Event::String(_) => EventClasses::STRING,
            Event::List(_) => EventClasses::LIST,
            Event::Set(_) => EventClasses::SET,
            Event::Zset(_) => EventClasses::ZSET,
            Event::Hash(_) => EventClasses::HASH,
            Event::Stream(_) => EventClasses::STREAM,
            Event::Expired => EventClasses::EXPIRED,
            Event::Evicted => EventClasses::EVICTED,
            Event::New => EventClasses::NEW,
            Event::Overwritten => EventClasses::OVERWRITTEN,
            Event::TypeChanged => EventClasses::TYPE_CHANGED,
            Event::Miss => EventClasses::MISS,
            Event::Unnamed => EventClasses::NONE,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Event::Generic(name)
            | Event::String(name)
            | Event::List(name)
            | Event::Set(name)
            | Event::Zset(name)
            | Event::Hash(name)
            | Event::Stream(name) => name,
            Event::Expired => "expired",
            Event::Evicted => "evicted",
            Event::New => "new",
            Event::Overwritten => "overwritten",
            Event::TypeChanged => "type_changed",
            Event::Miss => "keymiss",
            Event::Unnamed => "",
        }
    }
}

/// Somebody who wants to know what happens to keys. Called under the lock of the key's shard: it
/// must take none and wait for nothing.
pub trait Observer: Send + Sync {
    /// An event of a class that is wanted, of the key of a database.
    fn happened(&self, classes: EventClasses, event: Event, db: usize, key: &[u8]);

    /// The value of a key, in whichever database, is not what it was; `by` is the id of the client
    /// that changed it, 0 when none did.
    fn changed(&self, key: &[u8], by: u64);

    /// Nothing that was read of any key holds any more. Called while all shards are held.
    fn all_changed(&self);
}

/// Who is told of what happens to keys, and of what.
#[derive(Default)]
pub struct Audience {
    classes: AtomicU32,
    tracks: AtomicBool,
    observer: OnceLock<Box<dyn Observer>>,
}

impl Audience {
    /// Says who it is; once.
    pub fn introduce(&self, observer: Box<dyn Observer>) {
        let first = self.observer.set(observer).is_ok();
        assert!(first, "a keyspace has one observer");
    }

    /// Says which events are wanted, from now on.
    pub fn want(&self, classes: EventClasses) {
        self.classes.store(classes.effective().bits(), Relaxed);
    }

    /// Says whether changes of values are to be told, for client-side caches.
    pub fn track(&self, on: bool) {
        self.tracks.store(on, Relaxed);
    }

    /// Is any of these classes wanted?
    #[inline]
    pub(super) fn wants(&self, classes: EventClasses) -> bool {
        EventClasses::from_bits(self.classes.load(Relaxed)).has(classes)
    }

    /// Tells of an event.
    #[inline]
    pub(super) fn tell(&self, event: Event, db: usize, key: &[u8]) {
        let classes = EventClasses::from_bits(self.classes.load(Relaxed));
        if classes.has(event.class()) {
            self.tell_wanted(classes, event, db, key);
        }
    }

    #[cold]
    fn tell_wanted(&self, classes: EventClasses, event: Event, db: usize, key: &[u8]) {
        if let Some(observer) = self.observer.get() {
            observer.happened(classes, event, db, key);
        }
    }

    /// Tells that a value has changed.
    #[inline]
    pub(super) fn changed(&self, key: &[u8], by: u64) {
        if self.tracks.load(Relaxed) {
            self.changed_tracked(key, by);
        }
    }

    #[cold]
    fn changed_tracked(&self, key: &[u8], by: u64) {
        if let Some(observer) = self.observer.get() {
            observer.changed(key, by);
        }
    }

    /// Tells that all values have changed.
    pub(super) fn all_changed(&self) {
        if let (true, Some(observer)) = (self.tracks.load(Relaxed), self.observer.get()) {
            observer.all_changed();
        }
    }
}
