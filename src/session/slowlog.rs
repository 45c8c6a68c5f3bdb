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

/// The most recent slow requests, newest first.
#[derive(Default)]
pub struct Slowlog {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next_id: i64,
    entries: VecDeque<SlowEntry>,
}

impl Slowlog {
    /// Adds an entry (its id is given here) and forgets the oldest beyond `len_max`.
    pub fn add(&self, mut entry: SlowEntry, len_max: usize) {
        let mut inner = self.inner.lock();
        entry.id = inner.next_id;
        inner.next_id += 1;
        inner.entries.push_front(entry);
        inner.entries.truncate(len_max);
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

    /// Forgets all entries.
    pub fn reset(&self) {
        self.inner.lock().entries.clear();
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
