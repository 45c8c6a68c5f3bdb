//! All connected clients.

use super::{Client, Flag};
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Connected clients by id. A client is referred to by id; nobody holds another's record across
/// an await.
#[derive(Default)]
pub struct Registry {
    clients: DashMap<u64, Arc<Client>>,
    last_id: AtomicU64,
    monitors: AtomicUsize,
}

impl Registry {
    /// An id never used before.
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Relaxed) + 1
    }

    /// Adds a client.
    pub fn add(&self, client: &Arc<Client>) {
        self.clients.insert(client.id, Arc::clone(client));
    }

    /// Removes a client that has disconnected; a second time changes nothing.
    pub fn remove(&self, client: &Client) {
        let was_there = self.clients.remove(&client.id).is_some();
        if was_there && client.is(Flag::Monitor) {
            self.monitors.fetch_sub(1, Relaxed);
        }
    }

    /// Number of clients.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// True without clients.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The client with this id.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.clients.get(&id).map(|client| Arc::clone(&client))
    }

    /// All clients, by id.
    pub fn all(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.clients.iter().map(|item| Arc::clone(&item)).collect();
        all.sort_unstable_by_key(|client| client.id);
        all
    }

    /// Shows every client, in no order and without copying the list.
    pub fn each(&self, mut visit: impl FnMut(&Client)) {
        self.clients.iter().for_each(|client| visit(&client));
    }

    /// Memory held for all clients, in bytes. O(clients).
    pub fn held_bytes(&self) -> u64 {
        self.clients.iter().map(|client| client.held_bytes()).sum()
    }

    /// Number of monitors.
    pub fn monitor_count(&self) -> usize {
        self.monitors.load(Relaxed)
    }

    /// Makes a client a monitor; it stays one until it disconnects or resets.
    pub fn set_monitor(&self, client: &Client, on: bool) {
        if client.is(Flag::Monitor) != on {
            client.set(Flag::Monitor, on);
            if on {
                self.monitors.fetch_add(1, Relaxed);
            } else {
                self.monitors.fetch_sub(1, Relaxed);
            }
        }
    }

    /// Is anybody monitoring? Asked before every command.
    #[inline]
    pub fn has_monitors(&self) -> bool {
        self.monitors.load(Relaxed) > 0
    }

    /// The monitors.
    pub fn monitors(&self) -> Vec<Arc<Client>> {
        self.clients
            .iter()
            .filter(|c| c.is(Flag::Monitor))
            .map(|c| Arc::clone(&c))
            .collect()
    }

    /// Wakes every client's task, as after `CLIENT UNPAUSE`.
    pub fn wake_all(&self) {
        self.clients.iter().for_each(|client| client.wake());
    }
}
