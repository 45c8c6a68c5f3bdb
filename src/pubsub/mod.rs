//! Who is subscribed to what, and how a message gets to them.
//!
//! A publisher puts its message into the mailbox of every subscriber and has it sent: by the
//! connection's task, which it wakes, on whichever worker that is, or, for the clients of its own
//! thread, by that thread's postman. Nothing is locked but
//! the part of the registry that the channel is in, for reading, and each mailbox in its turn; and,
//! where there are several receivers, whose order it is. So the messages on a channel arrive in one
//! order, the same for all its subscribers and for patterns that match it, one publisher's in that
//! in which they were sent, an answer to a message behind it; and once [`PubSub::unsubscribe`] has
//! returned nothing more is posted.

mod message;
mod subscriptions;
mod topics;

pub use message::Message;
pub use subscriptions::Subscriptions;

use crate::base::glob;
use crate::base::hash::hash;
use parking_lot::Mutex;
use std::sync::Arc;
use topics::Topics;

/// What a subscription names. Each kind has names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A channel.
    Channel = 0,
    /// A pattern of channels' names.
    Pattern = 1,
    /// A channel of a cluster's shard.
    Shard = 2,
}

/// Every kind.
pub const KINDS: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::Shard];

/// Somebody who can be sent messages.
pub trait Subscriber: Send + Sync {
    /// Never reused.
    fn id(&self) -> u64;

    /// Takes a message in. When more than `limit_bytes` (0 is no limit) would be waiting, the
    /// subscriber is to be cut off instead; the publisher waits in no case. False of one that had
    /// been cut off before.
    fn deliver(&self, message: &Message<'_>, limit_bytes: u64) -> bool;
}

/// Locks for the order of messages while patterns listen.
const ORDERS: usize = 64;

/// All subscriptions.
pub struct PubSub<S> {
    topics: [Topics<S>; 3],
    /// Each of some of the channels, by their hashes. Held by whoever delivers where patterns listen:
    /// see `topics::Crowd::order`.
    orders: [Mutex<()>; ORDERS],
}

impl<S> Default for PubSub<S> {
    fn default() -> PubSub<S> {
        PubSub {
            topics: KINDS.map(|_| Topics::default()),
            orders: [const { Mutex::new(()) }; ORDERS],
        }
    }
}

impl<S: Subscriber> PubSub<S> {
    /// Subscribes; twice is once. Returns the name, to be kept with the subscriber.
    pub fn subscribe(&self, kind: Kind, name: &[u8], subscriber: &Arc<S>) -> Arc<[u8]> {
        self.topics[kind as usize].add(name, subscriber)
    }

    /// Takes a subscription back, if there is one.
    pub fn unsubscribe(&self, kind: Kind, name: &[u8], subscriber: &S) {
        self.topics[kind as usize].remove(name, subscriber.id());
    }

    /// Gives memory back after many subscriptions have ended.
    pub fn shrink(&self) {
        self.topics.iter().for_each(Topics::shrink);
    }

    /// Publishes on a channel: to its subscribers, and to those of patterns that match it. Returns
    /// to how many. O(receivers + patterns).
    pub fn publish(&self, channel: &[u8], payload: &[u8], limit_bytes: u64) -> usize {
        let message = Message::new(&[b"message", channel], [payload]);
        let (channels, patterns) = (
            &self.topics[Kind::Channel as usize],
            &self.topics[Kind::Pattern as usize],
        );
        if patterns.len() == 0 {
            return channels.deliver(channel, &message, limit_bytes);
        }
        let _order = self.orders[hash(channel) as usize % ORDERS].lock();
        let direct = channels.deliver(channel, &message, limit_bytes);
        let mut matched = 0;
        patterns.each(|pattern, subscribers| {
            if glob::matches(pattern, channel, false) {
                let message = Message::new(&[b"pmessage", pattern, channel], [payload]);
                matched += subscribers.deliver(&message, limit_bytes);
            }
        });
        direct + matched
    }

    /// Publishes several messages on a channel, as [`PubSub::publish`] would one after the other;
    /// `published` is told of each to how many. Who subscribes takes them in at once, unless somebody
    /// listens to patterns, whose messages come in between.
    pub fn publish_all<'a>(
        &self,
        channel: &'a [u8],
        payloads: impl Iterator<Item = &'a [u8]> + Clone,
        limit_bytes: u64,
        mut published: impl FnMut(usize),
    ) {
        if !self.is_empty(Kind::Pattern) {
            return payloads.for_each(|payload| {
                published(self.publish(channel, payload, limit_bytes));
            });
        }
        let message = Message::new(&[b"message", channel], payloads.clone());
        let receivers = self.topics[Kind::Channel as usize].deliver(channel, &message, limit_bytes);
        payloads.for_each(|_| published(receivers));
    }

    /// Publishes on a shard's channel. Returns to how many. O(receivers).
    pub fn publish_in_shard(&self, channel: &[u8], payload: &[u8], limit_bytes: u64) -> usize {
        let message = Message::new(&[b"smessage", channel], [payload]);
        self.topics[Kind::Shard as usize].deliver(channel, &message, limit_bytes)
    }

    /// Number of different names that are subscribed to. O(1).
    pub fn len(&self, kind: Kind) -> usize {
        self.topics[kind as usize].len()
    }

    /// Is nothing of this kind subscribed to?
    pub fn is_empty(&self, kind: Kind) -> bool {
        self.len(kind) == 0
    }

    /// Number of subscribers that a name has.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> usize {
        self.topics[kind as usize].subscribers(name)
    }

    /// Shows every subscription of a kind, in no order. O(subscriptions).
    pub fn each_subscriber(&self, kind: Kind, mut visit: impl FnMut(&[u8], &S)) {
        self.topics[kind as usize].each(|name, subscribers| {
            subscribers.each(|subscriber| visit(name, subscriber));
        });
    }

    /// The names that are subscribed to and that match a pattern, in no order. O(names).
    pub fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let mut names = Vec::new();
        self.topics[kind as usize].each(|name, _| {
            if pattern.is_none_or(|pattern| glob::matches(pattern, name, false)) {
                names.push(Arc::clone(name));
            }
        });
        names
    }
}

#[cfg(test)]
mod tests;
