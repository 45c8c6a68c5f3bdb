//! The server's own cache: a keyspace, its transactions and its eviction.

use super::Cache;
use redistill::config::Config;
use redistill::keyspace::eviction::{self, Policy, Settings};
use redistill::keyspace::txn::{Keys, Scope};
use redistill::keyspace::{Event, Key, Keyspace, Local, NewValue, Ttl, Txn};
use redistill::session::eviction_settings;

/// What a key takes, about: its entry and its part of a bucket.
const BYTES_PER_KEY: usize = 26;

/// A keyspace that holds so many keys: at its limit a write evicts one first, as it would for its
/// bytes.
pub(super) struct Server {
    keyspace: Keyspace,
    local: Local,
    config: Config,
    capacity: usize,
    len: usize,
}

impl Server {
    pub(super) fn new(policy: Policy, capacity: usize) -> Server {
        let config = Config::default();
        let settings = Settings {
            policy,
            ..eviction_settings(&config)
        };
        let keyspace = Keyspace::new(
            config.server.shard_count(config.memory.max_memory),
            1,
            1,
            settings,
        );
        keyspace.set_allowed_bytes((capacity * BYTES_PER_KEY) as u64);
        Server {
            keyspace,
            local: Local::new(0, settings),
            config,
            capacity,
            len: 0,
        }
    }
}

impl Cache for Server {
    fn request(&mut self, key: u32) -> bool {
        let name = key.to_be_bytes();
        let key = Key::new(&name);
        let hit = self.txn(key).read(key).is_some();
        if !hit {
            if self.len == self.capacity {
                assert!(eviction::evict_one(&self.keyspace, &mut self.local, 1));
                self.len -= 1;
            }
            let mut txn = self.txn(key);
            let mut edit = txn.edit(key);
            edit.store(NewValue::Int(1), Ttl::Clear);
            edit.changed(Event::String("set"));
            drop(edit);
            drop(txn);
            self.len += 1;
        }
        self.local.publish(&self.keyspace);
        hit
    }
}

impl Server {
    fn txn<'a>(&'a mut self, key: Key<'a>) -> Txn<'a> {
        let scope = Scope {
            keyspace: &self.keyspace,
            local: &mut self.local,
            config: &self.config,
            db: 0,
            now_ms: 1,
            skew_ms: 0,
            touch: true,
        };
        Txn::begin(scope, Keys::from_iter([key]))
    }
}
