//! All connected clients.

use super::{Client, Doom, Flag, Logins};
use dashmap::DashMap;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Who was disconnected has so long to be gone: a turn of its task, on a busy worker.
const LEAVING_MAX: Duration = Duration::from_secs(1);

/// Connected clients by id. A client is referred to by id; nobody holds another's record across
/// an await.
#[derive(Default)]
pub struct Registry {
    clients: DashMap<u64, Arc<Client>>,
    last_id: AtomicU64,
    monitors: Mutex<Vec<Arc<Client>>>,
    monitor_count: AtomicUsize,
    /// Somebody has left.
    left: (Mutex<()>, Condvar),
    /// Failed logins by address.
    pub logins: Logins,
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

    /// Removes a client that has disconnected. Once it is gone, this does nothing.
    pub fn remove(&self, client: &Client) {
        if let Some((_, client)) = self.clients.remove(&client.id) {
            self.set_monitor(&client, false);
            client.set(Flag::Gone, true);
            // Who waits for it has seen it here, and waits, or will not.
            drop(self.left.0.lock());
            self.left.1.notify_all();
        }
    }

    /// Waits until these clients, who were told to go, are gone with all they had: subscriptions, the
    /// request under way. Waits for tasks of workers, so not to be called on one.
    pub fn await_leaving(&self, mut ids: Vec<u64>) {
        let end = Instant::now() + LEAVING_MAX;
        let mut left = self.left.0.lock();
        while let Some(id) = ids.last() {
            if !self.clients.contains_key(id) {
                ids.pop();
            } else if self.left.1.wait_until(&mut left, end).timed_out() {
                return;
            }
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

    /// The client with this id, unless it is leaving.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        let client = self.clients.get(&id)?;
        (!client.is_leaving()).then(|| Arc::clone(&client))
    }

    /// The clients that are not leaving, by id; with those that would be gone if they took their last
    /// replies.
    pub fn staying(&self) -> Vec<Arc<Client>> {
        let mut clients = self.all();
        clients.retain(|client| {
            let owed = client.output_bytes.load(Relaxed) > 0;
            !client.is_leaving() || client.doomed() == Some(Doom::Closing) && owed
        });
        clients
    }

    /// All clients, by id, with those that are leaving.
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
        self.monitor_count.load(Relaxed)
    }

    /// Makes a client a monitor; it stays one until it disconnects or resets.
    pub fn set_monitor(&self, client: &Arc<Client>, on: bool) {
        if client.is(Flag::Monitor) == on {
            return;
        }
        client.set(Flag::Monitor, on);
        if !on {
            client.discard_mail();
        }
        let mut monitors = self.monitors.lock();
        if on {
            monitors.push(Arc::clone(client));
        } else {
            monitors.retain(|monitor| monitor.id != client.id);
        }
        self.monitor_count.store(monitors.len(), Relaxed);
    }

    /// Is anybody monitoring? Asked before every command.
    #[inline]
    pub fn has_monitors(&self) -> bool {
        self.monitor_count.load(Relaxed) > 0
    }

    /// The monitors.
    pub fn monitors(&self) -> Vec<Arc<Client>> {
        self.monitors.lock().clone()
    }

    /// Wakes every client's task, as after `CLIENT UNPAUSE`.
    pub fn wake_all(&self) {
        self.clients.iter().for_each(|client| client.wake());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Address;

    fn add(registry: &Registry) -> Arc<Client> {
        let address = Address::Unix("/tmp/s".into());
        let client = Client::new(registry.next_id(), address.clone(), address, 3, 0);
        let client = Arc::new(client);
        registry.add(&client);
        client
    }

    #[test]
    fn monitors_are_counted_once_however_they_end() {
        let registry = Registry::default();
        let (first, second) = (add(&registry), add(&registry));
        for client in [&first, &first, &second] {
            registry.set_monitor(client, true);
        }
        assert_eq!(registry.monitors().len(), 2);
        registry.remove(&first);
        registry.remove(&first);
        assert!(registry.has_monitors());
        registry.set_monitor(&second, false);
        registry.remove(&second);
        assert!(!registry.has_monitors() && registry.is_empty());
    }
}
