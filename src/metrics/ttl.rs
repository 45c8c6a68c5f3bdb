//! How long keys with a deadline have left on average, estimated from a sample.

use crate::keyspace::Keyspace;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Shards visited for one estimate of one database.
const SHARDS_MAX: usize = 64;
/// Buckets looked at in one shard: its lock is held for a few µs.
const BUCKETS_MAX: usize = 16;

/// Average time to live of each database's keys that have a deadline.
pub struct AverageTtl {
    average_ms: Box<[AtomicU64]>,
}

impl AverageTtl {
    /// For this many databases.
    pub fn new(databases: usize) -> AverageTtl {
        AverageTtl {
            average_ms: (0..databases).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// As of the last sample, in ms; 0 without keys that expire.
    pub fn average_ms(&self, db: usize) -> u64 {
        self.average_ms[db].load(Relaxed)
    }

    /// Takes a new sample of every database; called about once a second, each time with another
    /// `turn`. A key that is alone in its database is always found.
    pub fn sample(&self, keyspace: &Keyspace, now_ms: u64, turn: usize) {
        for (db, average_ms) in self.average_ms.iter().enumerate() {
            average_ms.store(estimate(keyspace, db, now_ms, turn), Relaxed);
        }
    }
}

fn estimate(keyspace: &Keyspace, db: usize, now_ms: u64, turn: usize) -> u64 {
    let shards = keyspace.shards();
    // Counts need no lock: only shards with something to see are visited.
    let volatile = |index: &usize| {
        let table = shards[*index].existing_table(db);
        table.is_some_and(|table| table.volatile_len() > 0)
    };
    let start = turn.wrapping_mul(SHARDS_MAX) % shards.len();
    let chosen = (start..shards.len())
        .chain(0..start)
        .filter(volatile)
        .take(SHARDS_MAX);
    let (mut total_ms, mut keys) = (0_u128, 0_u128);
    for index in chosen {
        let guard = shards[index].lock();
        let Some(table) = guard.shard().existing_table(db) else {
            continue;
        };
        let first = turn.wrapping_mul(BUCKETS_MAX) % table.buckets().max(1);
        let found = |buckets: usize| {
            table
                .positions(first, buckets)
                .filter(|pos| table.is_volatile(*pos))
                .filter_map(|pos| table.entry(pos).deadline())
                .fold((0, 0), |(total, keys), deadline| {
                    let left = u128::from(deadline.saturating_sub(now_ms));
                    (total + left, keys + 1)
                })
        };
        let buckets = table.buckets();
        let (left_ms, seen) = match found(buckets.min(BUCKETS_MAX)) {
            (_, 0) if buckets <= 64 * BUCKETS_MAX => found(buckets),
            some => some,
        };
        total_ms += left_ms;
        keys += seen;
    }
    total_ms.checked_div(keys).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::keyspace::eviction::{Policy, Settings};
    use crate::keyspace::txn::{Key, Scope};
    use crate::keyspace::{Local, NewValue, Ttl, Txn};

    fn settings() -> Settings {
        Settings {
            policy: Policy::Noeviction,
            samples: 5,
            lfu_log_factor: 10,
            lfu_decay_minutes: 1,
        }
    }

    fn store(keyspace: &Keyspace, db: usize, key: &str, ttl: Ttl) {
        let config = Config::default();
        let mut local = Local::new(0, settings());
        let scope = Scope {
            keyspace,
            local: &mut local,
            config: &config,
            db,
            now_ms: 1000,
            skew_ms: 0,
            touch: false,
        };
        let key = Key::new(key.as_bytes());
        let mut txn = Txn::begin(scope, [key].into_iter().collect());
        txn.edit(key).store(NewValue::Int(1), ttl);
    }

    #[test]
    fn only_keys_with_a_deadline_count() {
        let keyspace = Keyspace::new(256, 2, 1, settings());
        let average = AverageTtl::new(2);
        average.sample(&keyspace, 1000, 0);
        assert_eq!(average.average_ms(0), 0);
        for n in 0..500 {
            store(&keyspace, 0, &format!("k{n}"), Ttl::Clear);
        }
        store(&keyspace, 0, "a", Ttl::At(3000));
        store(&keyspace, 0, "b", Ttl::At(5000));
        store(&keyspace, 1, "c", Ttl::At(500));
        for turn in 0..20 {
            average.sample(&keyspace, 1000, turn);
            assert_eq!(average.average_ms(0), 3000, "turn {turn}");
            assert_eq!(
                average.average_ms(1),
                0,
                "one that is overdue has nothing left"
            );
        }
    }

    #[test]
    fn many_keys_are_estimated_from_some() {
        let keyspace = Keyspace::new(64, 1, 1, settings());
        for n in 0..20_000_u64 {
            store(&keyspace, 0, &format!("k{n}"), Ttl::At(1000 + n % 1000));
        }
        let average = AverageTtl::new(1);
        for turn in 0..10 {
            average.sample(&keyspace, 1000, turn);
            let estimate = average.average_ms(0);
            assert!((400..600).contains(&estimate), "{estimate}");
        }
    }
}
