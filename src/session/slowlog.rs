//! The slow log: requests that took longer than the operator's threshold.

use crate::protocol::Args;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Arguments kept of one request.
const ARGUMENTS_MAX: usize = 32;
/// Bytes kept of one argument.
const ARGUMENT_BYTES_MAX: usize = 128;

/// A slow request.
#[derive(Clone, Debug)]
pub struct SlowEntry {
    /// Grows by one with each entry.
    pub id: i64,
    /// Unix time in seconds.
    pub time_seconds: i64,
    /// How long it took.
    pub duration_us: u64,
    /// Its arguments, cut.
    pub arguments: Vec<Vec<u8>>,
    /// The client's address.
    pub address: String,
    /// The client's name.
    pub client_name: Vec<u8>,
}

impl SlowEntry {
    /// Memory it takes, in bytes.
    fn held_bytes(&self) -> u64 {
        let arguments: usize = self.arguments.iter().map(Vec::len).sum();
        let words = size_of::<SlowEntry>() + self.arguments.len() * size_of::<Vec<u8>>();
        (words + arguments + self.address.len() + self.client_name.len()) as u64
    }
}

/// The most recent slow requests, newest first.
#[derive(Default)]
pub struct Slowlog {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next_id: i64,
    entries: VecDeque<SlowEntry>,
    held_bytes: u64,
}

impl Slowlog {
    /// Adds an entry (its id is given here) and forgets the oldest beyond `len_max`.
    pub fn add(&self, mut entry: SlowEntry, len_max: usize) {
        let mut inner = self.inner.lock();
        entry.id = inner.next_id;
        inner.next_id += 1;
        inner.held_bytes += entry.held_bytes();
        inner.entries.push_front(entry);
        while inner.entries.len() > len_max {
            let forgotten = inner.entries.pop_back();
            inner.held_bytes -= forgotten.map_or(0, |entry| entry.held_bytes());
        }
    }

    /// The `count` most recent entries.
    pub fn latest(&self, count: usize) -> Vec<SlowEntry> {
        self.inner
            .lock()
            .entries
            .iter()
            .take(count)
            .cloned()
            .collect()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.inner.lock().entries.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory it takes, in bytes.
    pub fn held_bytes(&self) -> u64 {
        self.inner.lock().held_bytes
    }

    /// Forgets all entries.
    pub fn reset(&self) {
        let mut inner = self.inner.lock();
        inner.entries = VecDeque::new();
        inner.held_bytes = 0;
    }
}

/// A request's arguments, cut as Redis cuts them.
pub fn cut_arguments(args: Args<'_>) -> Vec<Vec<u8>> {
    let total = args.len();
    let kept = if total > ARGUMENTS_MAX {
        ARGUMENTS_MAX - 1
    } else {
        total
    };
    let mut arguments: Vec<Vec<u8>> = args.from(0).take(kept).map(cut).collect();
    if kept < total {
        arguments.push(format!("... ({} more arguments)", total - kept).into_bytes());
    }
    arguments
}

fn cut(argument: &[u8]) -> Vec<u8> {
    if argument.len() <= ARGUMENT_BYTES_MAX {
        return argument.to_vec();
    }
    let mut kept = argument[..ARGUMENT_BYTES_MAX].to_vec();
    let more = argument.len() - ARGUMENT_BYTES_MAX;
    kept.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request::split_inline;

    fn entry(argument: &[u8]) -> SlowEntry {
        SlowEntry {
            id: 0,
            time_seconds: 0,
            duration_us: 0,
            arguments: vec![argument.to_vec()],
            address: String::new(),
            client_name: Vec::new(),
        }
    }

    #[test]
    fn the_newest_come_first_and_the_oldest_go() {
        let log = Slowlog::default();
        for n in 0..5_u8 {
            log.add(entry(&[n]), 3);
        }
        let ids: Vec<i64> = log.latest(10).iter().map(|entry| entry.id).collect();
        assert_eq!(ids, [4, 3, 2]);
        assert_eq!(log.latest(1)[0].arguments, [[4]]);
        assert_eq!(log.len(), 3);
        log.add(entry(b"x"), 0);
        assert!(log.is_empty());
        assert_eq!(log.held_bytes(), 0);
    }

    #[test]
    fn memory_is_accounted_until_the_reset() {
        let log = Slowlog::default();
        log.add(entry(&[0; 100]), 10);
        let one = log.held_bytes();
        assert!(one > 100);
        log.add(entry(&[0; 100]), 10);
        assert_eq!(log.held_bytes(), 2 * one);
        log.reset();
        assert_eq!(log.held_bytes(), 0);
        log.add(entry(b""), 10);
        assert_eq!(log.latest(1)[0].id, 2, "ids go on");
    }

    #[test]
    fn arguments_are_cut_as_redis_cuts_them() {
        let words = |line: String| split_inline(line.as_bytes()).expect("no quotes");
        let kept = cut_arguments(words(format!("set {}", "a".repeat(200))).as_args());
        assert_eq!(kept[0], b"set");
        assert_eq!(kept[1], [&[b'a'; 128][..], b"... (72 more bytes)"].concat());
        let kept = cut_arguments(words("k ".repeat(40)).as_args());
        assert_eq!(kept.len(), 32);
        assert_eq!(kept[31], b"... (9 more arguments)");
    }
}
