//! What commands can reach beside keys: the client that asks, the other clients, the server.
//!
//! [`Shared`] is the process's state, one for all threads. [`Client`] is the part of a client's
//! state that other threads may see. [`Session`] is the part that only its worker touches.

mod caching;
mod client;
mod herald;
mod latency;
mod lending;
mod logins;
mod multi;
mod named_users;
mod pause;
pub mod post;
mod registry;
mod slowlog;
mod subscribing;
mod users;

pub use caching::{Caching, redirected};
pub use client::{Address, Client, Doom, Flag, Identity};
pub use herald::{Herald, MailLimits};
pub use latency::{
    Event as LatencyEvent, LatencyMonitor, Sample as LatencySample, Series as LatencySeries,
};
pub use lending::Borrowed;
pub use logins::Logins;
pub use multi::{Multi, Queued};
pub use named_users::{UsersError, users_of};
pub use pause::{Pause, PauseKind};
pub use registry::Registry;
pub use slowlog::{SlowEntry, Slowlog, cut_arguments};
pub use users::{Checking, log_denial, refused};

use crate::acl::{Acl, User};
use crate::base::clock::Clock;
use crate::config::{Change, Config, Live, SetError, options};
use crate::keyspace::Keyspace;
use crate::keyspace::eviction::Settings;
pub use crate::keyspace::waiting::Unblocked;
use crate::keyspace::watch::DirtyFlag;
use crate::metrics::Metrics;
use crate::protocol::Protocol;
use crate::pubsub::{PubSub, Subscriptions};
use crate::scripting::{Functions, RunningScripts, Scripts};
use crate::tracking::{Limits, Tracking};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

/// State of the whole server, shared by all threads.
pub struct Shared {
    /// The keys.
    pub keyspace: Keyspace,
    /// The configuration in force.
    pub config: Live,
    /// The time.
    pub clock: Clock,
    /// Connected clients.
    pub clients: Registry,
    /// Users, and what each may do.
    pub acl: Acl,
    /// Who is subscribed to what.
    pub pubsub: Arc<PubSub<Client>>,
    /// Who keeps a cache, and of what.
    pub tracking: Arc<Tracking<Client>>,
    /// How much messages may pile up with a client.
    pub mail_limits: Arc<MailLimits>,
    /// Scripts by their digests.
    pub scripts: Scripts,
    /// Libraries of functions.
    pub functions: Functions,
    /// Scripts that have been running for a while.
    pub running: RunningScripts,
    /// Counters.
    pub metrics: Metrics,
    /// The slow log.
    pub slowlog: Slowlog,
    /// The latency monitor.
    pub latency: LatencyMonitor,
    /// The worker threads; set once by the server.
    pub workers: OnceLock<Box<dyn Workers>>,
    /// What a new configuration does outside of what is here; set once by the server.
    pub effects: OnceLock<Box<dyn Effects>>,
    /// `CLIENT PAUSE`.
    pub pause: Pause,
    /// Where the server is in its life.
    pub lifecycle: Lifecycle,
    /// Identifies this run of the server: 40 hexadecimal digits.
    pub run_id: String,
}

/// The Redis version whose behaviour is matched, as `INFO` and `HELLO` tell it.
pub const REDIS_VERSION: &str = "7.4.0";

/// Our version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How often a second each worker looks after its own: sweeps, idle clients, freed memory.
pub const TICKS_PER_SECOND: u64 = 20;

/// Workers have so long to be done with the requests under way: a turn, on busy cores.
const BATCHES_MAX: Duration = Duration::from_secs(1);

/// The worker threads, as commands see them.
pub trait Workers: Send + Sync {
    /// Each of them drops a copy of this between two turns of its connections.
    fn pass(&self, token: mpsc::Sender<()>);
}

/// What a configuration does outside of what commands can see: certificates, the log.
pub trait Effects: Send + Sync {
    /// Loads what the TLS options name, for connections from now on. Nothing changes on an error,
    /// which is one sentence for the operator.
    fn reload_tls(&self, config: &Config) -> Result<(), String>;

    /// Puts into force what cannot fail.
    fn apply(&self, config: &Config);
}

impl Shared {
    /// Bytes the process holds: what it held before the first key was stored, and what is
    /// accounted since for keys, clients and logs. Asks every client, so not for hot paths.
    pub fn used_memory(&self) -> u64 {
        self.used_memory_with(self.clients.held_bytes())
    }

    /// As [`Shared::used_memory`], with the clients' memory as the caller knows it.
    pub fn used_memory_with(&self, client_bytes: u64) -> u64 {
        self.metrics.baseline_bytes.load(Relaxed)
            + self.keyspace.used_bytes()
            + self.keyspace.freeing_bytes()
            + client_bytes
            + self.slowlog.held_bytes()
            + self.tracking.held_bytes()
            + self.scripts.held_bytes()
            + self.scripts.interpreter_bytes()
            + self.functions.held_bytes()
    }

    /// `CONFIG SET`: checks a new configuration and puts it into force. Naming a TLS option loads
    /// the files again even if no option changes: that is how certificates are renewed.
    pub fn set_config(&self, pairs: &[(&[u8], &[u8])]) -> Result<Vec<Change>, SetError> {
        self.config.set(pairs, |_, new, _| {
            let named = pairs.iter().find(|(name, _)| options::names_tls(name));
            if let (Some((name, _)), Some(effects)) = (named, self.effects.get())
                && let Err(reason) = effects.reload_tls(new)
            {
                return Err(SetError::failed(String::from_utf8_lossy(name), reason));
            }
            if new.acl.users != self.config.load().acl.users
                && let Err(error) = users_of(new)
            {
                return Err(SetError::failed(error.option, error.message));
            }
            self.apply(new);
            Ok(())
        })
    }

    /// Puts into force what a changed configuration means beyond its own values. To be called
    /// before the configuration is published: who sees the new one then finds everything done.
    pub fn apply(&self, config: &Config) {
        self.keyspace.set_settings(eviction_settings(config));
        let wanted = config.monitoring.notify_keyspace_events;
        self.keyspace.audience.want(wanted);
        self.mail_limits.apply(config);
        configure_tracking(&self.tracking, config);
        let limit = config.memory.max_memory;
        if limit != self.config.load().memory.max_memory {
            // In force with the next command; the governor corrects it by what is resident.
            let allowed = match limit {
                0 => u64::MAX,
                limit => limit.saturating_sub(self.metrics.baseline_bytes.load(Relaxed)),
            };
            self.keyspace.set_allowed_bytes(allowed);
        }
        let old = self.config.load();
        if config.acl.users != old.acl.users {
            self.named_users_changed(config);
        } else if config.security.password != old.security.password {
            self.password_changed(config);
        }
        if let Some(effects) = self.effects.get() {
            effects.apply(config);
        }
    }

    /// Waits until every worker is done with the batch of requests it is executing, for which it has
    /// asked once what is in force. Not to be called on a worker.
    pub fn await_batches(&self) {
        let (token, passed) = mpsc::channel();
        if let Some(workers) = self.workers.get() {
            workers.pass(token);
            // Nothing is ever sent: it ends when the last copy is dropped.
            let _ = passed.recv_timeout(BATCHES_MAX);
        }
    }

    /// Remembers that something took `spent_ns`, if that is at least the operator's threshold.
    pub fn note_latency(&self, config: &Config, event: LatencyEvent, spent_ns: u64) {
        let latency_ms = spent_ns / 1_000_000;
        let threshold_ms = config.monitoring.latency_monitor_threshold;
        if threshold_ms > 0 && latency_ms >= threshold_ms {
            let time_seconds = self.clock.unix_seconds();
            let sample = LatencySample {
                time_seconds,
                latency_ms,
            };
            self.latency.add(event, sample);
        }
    }
}

/// Puts into force what a configuration says of client-side caches.
pub fn configure_tracking(tracking: &Tracking<Client>, config: &Config) {
    let limits = &config.limits.client_output_buffer;
    let limits = Limits {
        normal_bytes: limits.normal.hard_bytes,
        pubsub_bytes: limits.pubsub.hard_bytes,
    };
    tracking.configure(config.limits.tracking_table_max_keys, limits);
}

/// The part of a configuration that eviction works with.
pub fn eviction_settings(config: &Config) -> Settings {
    Settings {
        policy: config.memory.eviction_policy,
        samples: config.memory.eviction_sample_size as usize,
        lfu_log_factor: config.memory.lfu_log_factor,
        lfu_decay_minutes: config.memory.lfu_decay_time,
    }
}

/// Where the server is in its life.
pub struct Lifecycle {
    phase: AtomicU8,
    shutdown_requested: tokio::sync::Notify,
    /// Milliseconds clients are given to take their replies; `u64::MAX` means the configured time.
    pub grace_ms: AtomicU64,
}

/// Phases of a server's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
#[repr(u8)]
pub enum Phase {
    /// Not ready yet.
    Loading = 0,
    /// Serving.
    Serving = 1,
    /// Draining: the health endpoint says so, then no new connections are taken.
    ShuttingDown = 2,
}

impl Default for Lifecycle {
    fn default() -> Lifecycle {
        Lifecycle {
            phase: AtomicU8::new(Phase::Loading as u8),
            shutdown_requested: tokio::sync::Notify::new(),
            grace_ms: AtomicU64::new(u64::MAX),
        }
    }
}

impl Lifecycle {
    /// The present phase.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Loading,
            1 => Phase::Serving,
            _ => Phase::ShuttingDown,
        }
    }

    /// Goes on to another phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
    }

    /// Asks the server to shut down, as SIGTERM does.
    pub fn request_shutdown(&self) {
        self.shutdown_requested.notify_one();
    }

    /// Waits until [`Lifecycle::request_shutdown`] was called.
    pub async fn shutdown_requested(&self) {
        self.shutdown_requested.notified().await;
    }
}

/// A client's state that only its worker touches.
pub struct Session {
    /// What other threads see of this client.
    pub client: Arc<Client>,
    /// The selected database.
    pub db: usize,
    /// The protocol version.
    pub protocol: Protocol,
    /// Has the client authenticated, or need it not?
    pub authenticated: bool,
    /// Its user, as of the generation `rules` of [`Shared::acl`].
    user: Arc<User>,
    rules: u64,
    /// The generation in which it may do everything; 0 while it may not.
    pub cleared: u64,
    /// `CLIENT REPLY`.
    pub reply_mode: ReplyMode,
    /// `CLIENT NO-TOUCH`.
    pub no_touch: bool,
    /// What it is subscribed to, if anything.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// The transaction being queued, if any.
    pub multi: Option<Box<Multi>>,
    /// Keys being watched, if any.
    pub watching: Option<Box<Watching>>,
    /// Dispatch has found that neither the client nor the server is in a state that its requests
    /// are to be looked at for one by one. Kept up by dispatch only.
    pub is_usual: bool,
    /// What it has asked for of a client that keeps a cache, if it is one.
    pub caching: Option<Box<Caching>>,
    /// This is a stand-in: where the session itself is.
    lent: Option<Arc<Mutex<lending::Lent>>>,
}

/// Which replies a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// All.
    #[default]
    On,
    /// None until `ON`.
    Off,
    /// Neither the one of the command being executed nor that of the next.
    SkipThis,
    /// Not the one of the next command.
    SkipNext,
}

/// Keys a client watches.
pub struct Watching {
    /// Set when one of them changes.
    pub dirty: DirtyFlag,
    /// By database and key: whether the key existed when the watch began.
    pub keys: HashMap<(usize, Box<[u8]>), bool>,
    /// Memory held for them, about, in bytes.
    pub bytes: u64,
}

/// What a watched key takes beside its text, which is kept twice.
const WATCHED_KEY_BYTES: u64 = 160;

impl Session {
    /// For a client that has just connected.
    pub fn new(client: Arc<Client>, acl: &Acl) -> Session {
        let mut session = Session::of(client, acl.default_user(), 0);
        session.log_out(acl);
        session
    }

    /// For a script of a client, which acts as its user of this generation.
    pub fn of(client: Arc<Client>, user: Arc<User>, rules: u64) -> Session {
        Session {
            client,
            user,
            rules,
            cleared: 0,
            db: 0,
            protocol: Protocol::default(),
            authenticated: false,
            reply_mode: ReplyMode::On,
            no_touch: false,
            subscriptions: None,
            multi: None,
            watching: None,
            is_usual: false,
            caching: None,
            lent: None,
        }
    }

    /// Leaves the transaction being queued; its commands are returned.
    pub fn end_multi(&mut self) -> Option<Box<Multi>> {
        self.client.set(Flag::Multi, false);
        self.client.queued.store(-1, Relaxed);
        self.client.multi_bytes.store(0, Relaxed);
        self.multi.take()
    }

    /// Forgets the watched keys; the caller releases them.
    pub fn stop_watching(&mut self) -> Option<Box<Watching>> {
        if self.watching.is_some() {
            self.client.watched.store(0, Relaxed);
            self.client.watching_bytes.store(0, Relaxed);
            self.client.show_dirty(None);
        }
        self.watching.take()
    }
}

impl Watching {
    /// Adds a key that was not watched yet.
    pub fn add(&mut self, db: usize, key: &[u8], exists: bool) {
        self.bytes += WATCHED_KEY_BYTES + 2 * key.len() as u64;
        self.keys.insert((db, key.into()), exists);
    }

    /// Is this key watched already?
    pub fn has(&self, db: usize, key: &[u8]) -> bool {
        !self.keys.is_empty() && self.keys.contains_key(&(db, Box::from(key)))
    }

    /// Takes all registrations back.
    pub fn release(self, keyspace: &Keyspace) {
        for (db, key) in self.keys.keys() {
            keyspace.unwatch(*db, key, &self.dirty);
        }
    }
}
