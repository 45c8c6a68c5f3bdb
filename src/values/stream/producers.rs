//! What producers have added lately, so that a message sent again is not added again.
//!
//! Each producer's messages are remembered by the ids it gave them, for a time and up to a number;
//! the oldest are forgotten first. A producer of whom nothing is remembered is forgotten itself,
//! at the latest when their number has doubled.

use super::id::Id;
use crate::base::alloc::good_size;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3;

/// How long a message is remembered if nothing is said, in seconds.
pub const DURATION_S: u32 = 100;
/// How many of each producer.
pub const COUNT_MAX: u32 = 100;
/// Producers from which on it is worth looking who can be forgotten.
const SWEEP_AT: usize = 16;
/// Bytes of a remembered message beside its name, about: two counters, two pointers, an entry in a
/// table that is two thirds full.
const RECORD_BYTES: usize = 96;

/// What is remembered of producers.
#[derive(Clone)]
pub struct Producers {
    duration_s: u32,
    count_max: u32,
    producers: HashMap<Box<[u8]>, Producer>,
    sweep_at: usize,
    added: u64,
    duplicates: u64,
    /// Messages remembered.
    records: usize,
    bytes: usize,
}

#[derive(Clone, Default)]
struct Producer {
    known: HashMap<Arc<[u8]>, Id>,
    /// When each was added, Unix time in ms, in that order.
    order: VecDeque<(u64, Arc<[u8]>)>,
}

impl Default for Producers {
    fn default() -> Producers {
        Producers {
            duration_s: DURATION_S,
            count_max: COUNT_MAX,
            producers: HashMap::new(),
            sweep_at: SWEEP_AT,
            added: 0,
            duplicates: 0,
            records: 0,
            bytes: 0,
        }
    }
}

impl Producers {
    /// How long messages are remembered, in seconds.
    pub fn duration_s(&self) -> u32 {
        self.duration_s
    }

    /// How many messages of each producer are remembered.
    pub fn count_max(&self) -> u32 {
        self.count_max
    }

    /// Number of producers of whom something is remembered.
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Is nothing remembered?
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// Messages remembered.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Messages there have been.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// Messages that came again.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Bytes it takes from the allocator, about; its own struct included. O(1).
    pub fn size_bytes(&self) -> usize {
        good_size(size_of::<Producers>()) + self.bytes
    }

    /// Sets for how long and how many; if that is new, all is forgotten.
    pub fn configure(&mut self, duration_s: Option<u32>, count_max: Option<u32>) {
        let duration_s = duration_s.unwrap_or(self.duration_s);
        let count_max = count_max.unwrap_or(self.count_max);
        if (duration_s, count_max) == (self.duration_s, self.count_max) {
            return;
        }
        let (added, duplicates) = (self.added, self.duplicates);
        *self = Producers {
            duration_s,
            count_max,
            added,
            duplicates,
            ..Producers::default()
        };
    }

    /// The message that a producer gave this name, if it is remembered; it has come again.
    pub fn seen(&mut self, producer: &[u8], name: &[u8], now_ms: u64) -> Option<Id> {
        let id = self.find(producer, name, now_ms)?;
        self.duplicates += 1;
        Some(id)
    }

    /// The message that a producer gave this name, if it is remembered.
    pub fn find(&mut self, producer: &[u8], name: &[u8], now_ms: u64) -> Option<Id> {
        self.forget_old(producer, now_ms);
        self.producers.get(producer)?.known.get(name).copied()
    }

    /// Remembers a message by a name that is not remembered.
    pub fn record(&mut self, producer: &[u8], name: &[u8], id: Id, now_ms: u64) {
        if !self.producers.contains_key(producer) {
            self.sweep(now_ms);
            self.bytes += RECORD_BYTES + good_size(producer.len());
            self.producers.insert(producer.into(), Producer::default());
        }
        let entry = self.producers.get_mut(producer).expect("made above");
        let name: Arc<[u8]> = name.into();
        self.bytes += record_bytes(&name);
        entry.known.insert(Arc::clone(&name), id);
        entry.order.push_back((now_ms, name));
        self.records += 1;
        self.added += 1;
        while self.producers[producer].order.len() > self.count_max as usize {
            self.forget_oldest(producer);
        }
    }

    fn forget_old(&mut self, producer: &[u8], now_ms: u64) {
        let kept_ms = u64::from(self.duration_s) * 1000;
        while let Some(entry) = self.producers.get(producer) {
            match entry.order.front() {
                Some((added_ms, _)) if added_ms + kept_ms > now_ms => return,
                Some(_) => self.forget_oldest(producer),
                None => {
                    self.producers.remove(producer);
                    self.bytes -= RECORD_BYTES + good_size(producer.len());
                }
            }
        }
    }

    fn forget_oldest(&mut self, producer: &[u8]) {
        let Some(entry) = self.producers.get_mut(producer) else {
            return;
        };
        if let Some((_, name)) = entry.order.pop_front() {
            entry.known.remove(&name);
            self.bytes -= record_bytes(&name);
            self.records -= 1;
        }
    }

    /// Forgets the producers of whom nothing is worth remembering, now and then.
    fn sweep(&mut self, now_ms: u64) {
        if self.producers.len() < self.sweep_at {
            return;
        }
        let all: Vec<Box<[u8]>> = self.producers.keys().cloned().collect();
        all.iter()
            .for_each(|producer| self.forget_old(producer, now_ms));
        self.sweep_at = SWEEP_AT.max(2 * self.producers.len());
    }
}

fn record_bytes(name: &[u8]) -> usize {
    RECORD_BYTES + good_size(name.len() + 2 * size_of::<usize>())
}

/// The name of a message that was given none: a digest of its names and values.
pub fn digest<'p>(pairs: impl Iterator<Item = &'p [u8]>) -> [u8; 16] {
    let mut hash = Xxh3::new();
    for text in pairs {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.digest128().to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut producers = Producers::default();
        producers.configure(Some(10), Some(3));
        let empty = producers.size_bytes();
        for n in 0..5_u8 {
            assert_eq!(producers.seen(b"p", &[n], 1000), None);
            producers.record(b"p", &[n], Id::new(n.into(), 0), 1000);
        }
        assert_eq!(producers.find(b"p", &[1], 1000), None);
        assert_eq!(producers.seen(b"p", &[2], 10_999), Some(Id::new(2, 0)));
        assert_eq!(producers.find(b"q", &[2], 10_999), None);
        assert_eq!((producers.records(), producers.len()), (3, 1));
        assert_eq!((producers.added(), producers.duplicates()), (5, 1));
        assert_eq!(producers.find(b"p", &[2], 11_000), None);
        assert_eq!((producers.records(), producers.len()), (0, 0));
        assert_eq!(producers.size_bytes(), empty);
    }

    #[test]
    fn producers_that_are_silent_are_forgotten() {
        let mut producers = Producers::default();
        for n in 0..10_000_u64 {
            let name = n.to_string();
            producers.record(name.as_bytes(), b"x", Id::new(n, 0), n * 1000);
        }
        assert!(producers.len() < 500, "{}", producers.len());
        producers.configure(Some(DURATION_S), None);
        assert!(!producers.is_empty());
        producers.configure(Some(1), None);
        assert!(producers.is_empty() && producers.records() == 0);
    }

    #[test]
    fn digests_tell_fields_apart() {
        let digest = |texts: &[&'static [u8]]| digest(texts.iter().copied());
        assert_eq!(digest(&[b"a", b"b"]), digest(&[b"a", b"b"]));
        assert_ne!(digest(&[b"a", b"b"]), digest(&[b"ab", b""]));
    }
}
