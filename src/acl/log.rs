//! What was refused, for `ACL LOG`.

use parking_lot::Mutex;
use std::collections::VecDeque;

/// Refusals that differ in nothing else are one entry, if the last was within this time.
const SAME_WITHIN_MS: u64 = 60_000;
/// So many of the latest entries are compared.
const COMPARED_MAX: usize = 10;
/// Bytes kept of an object and of a user's name.
const TEXT_BYTES_MAX: usize = 1024;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
    /// A login.
    Login,
}

/// Where the request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The client.
    TopLevel,
    /// A transaction of the client.
    Multi,
    /// A script of the client.
    Script,
}

/// Refusals of one kind.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Grows from entry to entry.
    pub id: u64,
    /// How many there were.
    pub count: u64,
    /// What was refused.
    pub reason: Reason,
    /// Where the requests came from.
    pub origin: Origin,
    /// The command, key or channel.
    pub object: Vec<u8>,
    /// Who wanted it.
    pub user: Vec<u8>,
    /// The client of the last one, as in `CLIENT INFO`.
    pub client: Vec<u8>,
    /// When the first was, in ms since 1970.
    pub created_ms: u64,
    /// When the last was.
    pub updated_ms: u64,
}

/// The refusals, latest first.
#[derive(Default)]
pub struct Log {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl Log {
    /// Adds a refusal; at most `max` entries are kept. The entry's id and count are the log's.
    pub fn add(&self, mut entry: Entry, max: usize) {
        entry.object.truncate(TEXT_BYTES_MAX);
        entry.user.truncate(TEXT_BYTES_MAX);
        let mut inner = self.inner.lock();
        let known = inner.entries.iter().take(COMPARED_MAX).position(|known| {
            known.reason == entry.reason
                && known.origin == entry.origin
                && known.object == entry.object
                && known.user == entry.user
                && entry.updated_ms.saturating_sub(known.updated_ms) <= SAME_WITHIN_MS
        });
        match known.and_then(|at| inner.entries.remove(at)) {
            Some(known) => {
                entry.id = known.id;
                entry.count = known.count + 1;
                entry.created_ms = known.created_ms;
            }
            None => {
                entry.id = inner.next_id;
                entry.count = 1;
                inner.next_id += 1;
            }
        }
        inner.entries.push_front(entry);
        inner.entries.truncate(max);
    }

    /// The latest `count` entries.
    pub fn latest(&self, count: usize) -> Vec<Entry> {
        self.inner
            .lock()
            .entries
            .iter()
            .take(count)
            .cloned()
            .collect()
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.inner.lock().entries.clear();
    }

    /// Bytes held.
    pub fn held_bytes(&self) -> u64 {
        let text = |entry: &Entry| entry.object.len() + entry.user.len() + entry.client.len();
        let inner = self.inner.lock();
        let bytes = inner
            .entries
            .iter()
            .map(|entry| size_of::<Entry>() + text(entry));
        bytes.sum::<usize>() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(object: &str, at_ms: u64) -> Entry {
        Entry {
            id: 0,
            count: 0,
            reason: Reason::Key,
            origin: Origin::TopLevel,
            object: object.into(),
            user: b"u".to_vec(),
            client: Vec::new(),
            created_ms: at_ms,
            updated_ms: at_ms,
        }
    }

    #[test]
    fn refusals_alike_are_one_entry() {
        let log = Log::default();
        log.add(entry("a", 0), 10);
        log.add(entry("b", 1), 10);
        log.add(entry("a", 60_000), 10);
        log.add(entry("a", 60_001 + 60_000), 10);
        let seen: Vec<_> = log
            .latest(9)
            .iter()
            .map(|e| (e.id, e.count, e.created_ms))
            .collect();
        assert_eq!(seen, [(2, 1, 120_001), (0, 2, 0), (1, 1, 1)]);
        assert_eq!(log.latest(1).len(), 1);
        log.clear();
        assert!(log.latest(9).is_empty());
    }

    #[test]
    fn it_is_bounded() {
        let log = Log::default();
        for n in 0..100 {
            log.add(entry(&format!("{n}{}", "x".repeat(10_000)), n), 7);
        }
        assert_eq!(log.latest(100).len(), 7);
        assert!(log.held_bytes() < 20_000);
        log.add(entry("x", 0), 0);
        assert!(log.latest(100).is_empty());
    }
}
