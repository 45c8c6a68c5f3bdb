//! A client's subscriptions: what it knows of them, what others see, and the registry, in step.

use super::{Client, Flag, Session};
use crate::pubsub::{KINDS, Kind, PubSub, Subscriptions};
use std::sync::atomic::Ordering::Relaxed;

impl Session {
    /// Has it any subscription?
    #[inline]
    pub fn is_subscriber(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// Number of subscriptions of a kind.
    pub fn subscription_count(&self, kind: Kind) -> usize {
        self.subscriptions.as_ref().map_or(0, |own| own.len(kind))
    }

    /// Subscribes to a name; twice is once.
    pub fn subscribe(&mut self, pubsub: &PubSub<Client>, kind: Kind, name: &[u8]) {
        let own = self.subscriptions.get_or_insert_default();
        if !own.contains(kind, name) {
            own.add(kind, pubsub.subscribe(kind, name, &self.client));
            self.show_subscriptions(kind);
        }
    }

    /// Ends a subscription, if there is one. What was posted before is still in the mailbox;
    /// nothing follows.
    pub fn unsubscribe(&mut self, pubsub: &PubSub<Client>, kind: Kind, name: &[u8]) {
        let Some(own) = &mut self.subscriptions else {
            return;
        };
        if own.remove(kind, name) {
            pubsub.unsubscribe(kind, name, &self.client);
            self.subscriptions.take_if(|own| own.is_empty());
            self.show_subscriptions(kind);
        }
    }

    /// Ends all subscriptions. O(subscriptions).
    pub fn unsubscribe_all(&mut self, pubsub: &PubSub<Client>) {
        let Some(own) = self.subscriptions.take() else {
            return;
        };
        for kind in KINDS {
            for name in own.names(kind) {
                pubsub.unsubscribe(kind, &name, &self.client);
            }
            self.show_subscriptions(kind);
        }
        pubsub.shrink();
    }

    /// Publishes what `CLIENT LIST` shows.
    fn show_subscriptions(&self, kind: Kind) {
        let count = self.subscription_count(kind) as u32;
        let held = self.subscriptions.as_deref();
        let bytes = held.map_or(0, Subscriptions::held_bytes);
        self.client.subscriptions[kind as usize].store(count, Relaxed);
        self.client.subscription_bytes.store(bytes as u64, Relaxed);
        self.client.set(Flag::PubSub, self.is_subscriber());
    }
}
