//! A client that keeps a cache: what it has asked for, and how it is told that keys have changed.

use super::{Client, Flag, Session};
use crate::protocol::Reply;
use crate::tracking::{Limits, Listener, Tracking, Wishes};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of a message beside the keys, and of a key beside its text.
const MESSAGE_BYTES: usize = 64;
const KEY_BYTES: usize = 8;

/// What a client that keeps a cache has asked for.
#[derive(Default)]
pub struct Caching {
    /// By `CLIENT TRACKING`.
    pub wishes: Wishes,
    /// Its prefixes, in broadcast mode.
    pub prefixes: BTreeSet<Box<[u8]>>,
    /// By `CLIENT CACHING`, for the next command or transaction.
    pub said: bool,
}

impl Caching {
    /// Are the keys that it reads to be noted?
    pub fn notes(&self) -> bool {
        let Wishes {
            broadcast,
            opt_in,
            opt_out,
            ..
        } = self.wishes;
        let left_out = broadcast || opt_in && !self.said || opt_out && self.said;
        !left_out
    }
}

impl Session {
    /// Are the keys that it reads to be noted?
    #[inline]
    pub fn notes_reads(&self) -> bool {
        self.caching.as_ref().is_some_and(|caching| caching.notes())
    }

    /// Ends `CLIENT TRACKING`. `on` is told whether anybody is left who tracks.
    pub fn end_caching(&mut self, tracking: &Tracking<Client>, on: impl FnOnce(bool)) {
        let Some(caching) = self.caching.take() else {
            return;
        };
        let prefixes = caching.prefixes.iter().map(|prefix| &**prefix);
        tracking.disable(self.client.id, prefixes, on);
        self.show_caching();
    }

    /// Publishes what `CLIENT LIST` shows.
    pub fn show_caching(&self) {
        let client = &self.client;
        let wishes = self.caching.as_ref().map(|caching| &caching.wishes);
        client.set(Flag::Tracking, wishes.is_some());
        client.set(Flag::BrokenRedirect, false);
        client.set(
            Flag::Broadcast,
            wishes.is_some_and(|wishes| wishes.broadcast),
        );
        let redirect = match wishes {
            None => -1,
            Some(wishes) => wishes.redirect.unwrap_or(0) as i64,
        };
        client.redirect.store(redirect, Relaxed);
    }
}

impl Client {
    /// Posts what `write` puts together, of about `len` bytes.
    fn post_written(&self, len: usize, limits: Limits, write: impl FnOnce(&mut Reply<'_>)) {
        if self.is_leaving() {
            return;
        }
        let limit_bytes = match self.is(Flag::PubSub) {
            true => limits.pubsub_bytes,
            false => limits.normal_bytes,
        };
        let protocol = self.spoken();
        self.post_to(self.lock_mail(), len, limit_bytes, |mail| {
            write(&mut Reply::new(mail, protocol));
        });
    }
}

impl Listener for Client {
    fn id(&self) -> u64 {
        self.id
    }

    fn is_gone(&self) -> bool {
        self.is(Flag::Gone) || self.is_leaving()
    }

    fn tell_changed(&self, keys: Option<&[&[u8]]>, redirected: bool, limits: Limits) {
        let by_push = self.protocol() == 3;
        // In RESP2 only a subscriber can take messages, and only those of somebody else's cache.
        let by_message = redirected && self.is(Flag::PubSub);
        if !(by_push || by_message) {
            return;
        }
        let key_bytes = |keys: &[&[u8]]| keys.iter().map(|key| key.len() + KEY_BYTES).sum();
        let len = MESSAGE_BYTES + keys.map_or(0, key_bytes);
        self.post_written(len, limits, |reply| {
            if by_push {
                reply.push(2);
                reply.bulk(b"invalidate");
            } else {
                reply.array(3);
                reply.bulk(b"message");
                reply.bulk(b"__redis__:invalidate");
            }
            match keys {
                None => reply.null(),
                Some(keys) => {
                    reply.array(keys.len());
                    keys.iter().for_each(|key| reply.bulk(key));
                }
            }
        });
    }

    fn tell_broken(&self, to: u64, limits: Limits) {
        self.set(Flag::BrokenRedirect, true);
        if self.protocol() == 3 {
            self.post_written(MESSAGE_BYTES, limits, |reply| {
                reply.push(2);
                reply.bulk(b"tracking-redir-broken");
                reply.int(to as i64);
            });
        }
    }
}

/// The client that is told instead, if it is there.
pub fn redirected(clients: &super::Registry, wishes: &Wishes) -> Option<Arc<Client>> {
    clients.get(wishes.redirect?)
}
