//! Names that are subscribed to, and by whom.

use super::{Message, Subscriber};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::collections::hash_map::Entry::Vacant;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Below this many names memory is not worth giving back.
const SHRINK_MIN: usize = 1024;

/// The names of one kind.
pub(super) struct Topics<S> {
    names: DashMap<Arc<[u8]>, Subscribers<S>>,
    count: AtomicUsize,
    /// The most there have been since memory was last given back.
    most: AtomicUsize,
}

impl<S> Default for Topics<S> {
    fn default() -> Topics<S> {
        Topics {
            names: DashMap::new(),
            count: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }
}

impl<S: Subscriber> Topics<S> {
    pub(super) fn len(&self) -> usize {
        self.count.load(Relaxed)
    }

    pub(super) fn add(&self, name: &[u8], subscriber: &Arc<S>) -> Arc<[u8]> {
        if let Some(mut topic) = self.names.get_mut(name) {
            topic.add(subscriber);
            return Arc::clone(topic.key());
        }
        match self.names.entry(Arc::from(name)) {
            // Somebody else was faster.
            Entry::Occupied(mut topic) => {
                topic.get_mut().add(subscriber);
                Arc::clone(topic.key())
            }
            Entry::Vacant(place) => {
                let topic = place.insert(Subscribers::One(Arc::clone(subscriber)));
                let count = self.count.fetch_add(1, Relaxed) + 1;
                self.most.fetch_max(count, Relaxed);
                Arc::clone(topic.key())
            }
        }
    }

    pub(super) fn remove(&self, name: &[u8], id: u64) {
        let emptied = self
            .names
            .remove_if_mut(name, |_, subscribers| subscribers.remove(id));
        if emptied.is_some() {
            self.count.fetch_sub(1, Relaxed);
        }
    }

    /// Gives memory back if most of the names are gone: O(names), at most as often as their number
    /// has fallen to a quarter.
    pub(super) fn shrink(&self) {
        let (count, most) = (self.len(), self.most.load(Relaxed));
        if most >= SHRINK_MIN && count < most / 4 {
            self.most.store(count, Relaxed);
            self.names.shrink_to_fit();
        }
    }

    /// Delivers to the subscribers of a name. Returns to how many.
    pub(super) fn deliver(&self, name: &[u8], message: &Message<'_>, limit_bytes: u64) -> usize {
        let subscribers = self.names.get(name);
        subscribers.map_or(0, |subscribers| subscribers.deliver(message, limit_bytes))
    }

    pub(super) fn subscribers(&self, name: &[u8]) -> usize {
        self.names
            .get(name)
            .map_or(0, |subscribers| subscribers.len())
    }

    pub(super) fn each(&self, mut visit: impl FnMut(&Arc<[u8]>, &Subscribers<S>)) {
        for topic in &self.names {
            visit(topic.key(), topic.value());
        }
    }
}

/// The subscribers of a name; most names have one.
pub(super) enum Subscribers<S> {
    One(Arc<S>),
    Many(Box<Crowd<S>>),
}

/// More than one. They stand in the order in which they came (whoever leaves is replaced by the last),
/// which mostly is that in which they lie in memory: a message to all of them comes by faster so.
pub(super) struct Crowd<S> {
    all: Vec<Arc<S>>,
    /// Where each stands, by its id.
    places: HashMap<u64, u32>,
    /// Held by whoever delivers: all get one message before anybody gets the next, which may be
    /// somebody's answer to the first.
    order: Mutex<()>,
}

impl<S: Subscriber> Subscribers<S> {
    pub(super) fn len(&self) -> usize {
        match self {
            Subscribers::One(_) => 1,
            Subscribers::Many(many) => many.all.len(),
        }
    }

    /// Returns to how many.
    pub(super) fn deliver(&self, message: &Message<'_>, limit_bytes: u64) -> usize {
        let _order = self.order();
        let mut receivers = 0;
        self.each(|subscriber| receivers += usize::from(subscriber.deliver(message, limit_bytes)));
        receivers
    }

    pub(super) fn each(&self, mut visit: impl FnMut(&S)) {
        match self {
            Subscribers::One(one) => visit(one),
            Subscribers::Many(many) => many.all.iter().for_each(|subscriber| visit(subscriber)),
        }
    }

    fn order(&self) -> Option<MutexGuard<'_, ()>> {
        match self {
            Subscribers::One(_) => None,
            Subscribers::Many(many) => Some(many.order.lock()),
        }
    }

    fn add(&mut self, subscriber: &Arc<S>) {
        match self {
            Subscribers::One(one) if one.id() == subscriber.id() => {}
            Subscribers::One(one) => {
                let mut both = Crowd {
                    all: Vec::with_capacity(2),
                    places: HashMap::with_capacity(2),
                    order: Mutex::new(()),
                };
                both.add(one);
                both.add(subscriber);
                *self = Subscribers::Many(Box::new(both));
            }
            Subscribers::Many(many) => many.add(subscriber),
        }
    }

    /// True when nobody is left.
    fn remove(&mut self, id: u64) -> bool {
        match self {
            Subscribers::One(one) => one.id() == id,
            Subscribers::Many(many) => {
                many.remove(id);
                many.all.is_empty()
            }
        }
    }
}

impl<S: Subscriber> Crowd<S> {
    fn add(&mut self, subscriber: &Arc<S>) {
        let place = self.all.len() as u32;
        if let Vacant(vacant) = self.places.entry(subscriber.id()) {
            vacant.insert(place);
            self.all.push(Arc::clone(subscriber));
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(place) = self.places.remove(&id) else {
            return;
        };
        self.all.swap_remove(place as usize);
        if let Some(moved) = self.all.get(place as usize) {
            self.places.insert(moved.id(), place);
        }
        if self.all.len() < self.all.capacity() / 8 {
            self.all.shrink_to_fit();
            self.places.shrink_to_fit();
        }
    }
}
