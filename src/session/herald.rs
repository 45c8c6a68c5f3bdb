//! Tells clients what happens to keys: keyspace notifications are messages like any other.

use super::Client;
use crate::config::{Config, EventClasses};
use crate::keyspace::event::{Event, Observer};
use crate::keyspace::hash_key;
use crate::pubsub::{Kind, PubSub};
use crate::tracking::Tracking;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Names of channels up to this length are put together without an allocation.
const CHANNEL_INLINE: usize = 128;

/// Bytes of messages that may wait for a client before it is cut off; 0 is no limit. A copy of the
/// configuration's hard limits for those who deliver and have no configuration at hand.
#[derive(Default)]
pub struct MailLimits {
    pubsub: AtomicU64,
}

impl MailLimits {
    /// Takes over what a configuration says.
    pub fn apply(&self, config: &Config) {
        let limits = &config.limits.client_output_buffer;
        self.pubsub.store(limits.pubsub.hard_bytes, Relaxed);
    }

    /// For subscribers.
    pub fn pubsub(&self) -> u64 {
        self.pubsub.load(Relaxed)
    }
}

/// The keyspace's observer.
pub struct Herald {
    pubsub: Arc<PubSub<Client>>,
    tracking: Arc<Tracking<Client>>,
    limits: Arc<MailLimits>,
}

impl Herald {
    /// Publishes here, within these limits, and tells these caches.
    pub fn new(
        pubsub: Arc<PubSub<Client>>,
        tracking: Arc<Tracking<Client>>,
        limits: Arc<MailLimits>,
    ) -> Herald {
        Herald {
            pubsub,
            tracking,
            limits,
        }
    }

    fn publish(&self, kind: &str, db: usize, about: &[u8], message: &[u8]) {
        let mut channel: SmallVec<[u8; CHANNEL_INLINE]> = SmallVec::new();
        let mut digits = itoa::Buffer::new();
        let parts = ["__", kind, "@", digits.format(db), "__:"].map(str::as_bytes);
        for part in parts.into_iter().chain([about]) {
            channel.extend_from_slice(part);
        }
        self.pubsub.publish(&channel, message, self.limits.pubsub());
    }
}

impl Observer for Herald {
    fn happened(&self, classes: EventClasses, event: Event, db: usize, key: &[u8]) {
        if self.pubsub.is_empty(Kind::Channel) && self.pubsub.is_empty(Kind::Pattern) {
            return;
        }
        let name = event.name().as_bytes();
        if classes.has(EventClasses::KEYSPACE) {
            self.publish("keyspace", db, key, name);
        }
        if classes.has(EventClasses::KEYEVENT) {
            self.publish("keyevent", db, name, key);
        }
    }

    fn changed(&self, key: &[u8], by: u64) {
        self.tracking.changed(key, hash_key(key).0, by);
    }

    fn all_changed(&self) {
        self.tracking.all_changed();
    }
}
