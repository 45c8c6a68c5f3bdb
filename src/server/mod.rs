//! Listeners, workers, signals, background jobs, shutdown.

mod acceptor;
mod background;
mod banner;
mod limits;
mod listen;
pub mod logging;
mod resident;
pub mod systemd;
pub mod tls;
mod worker;

use crate::acl::Acl;
use crate::base::alloc::return_after_ms;
use crate::client::pool::Pool;
use crate::commands::table;
use crate::config::{Config, Live, LoadError, Loaded, Overrides};
use crate::http::{self, HealthReport, Probe, State};
use crate::keyspace::Keyspace;
use crate::metrics::{Counter, Metrics};
use crate::session::{
    Effects, Herald, Lifecycle, MailLimits, Phase, Registry, Shared, UsersError,
    configure_tracking, eviction_settings, users_of,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tls::{TlsFiles, TlsSource};

pub use resident::resident_bytes;

/// Why the server did not start, or ended: one sentence for the operator.
#[derive(Debug)]
pub struct Failure(pub String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Starts everything and serves until shut down. Returns when every client is gone or the grace
/// period is over.
pub fn run(
    loaded: Loaded,
    overrides: Overrides,
    env: BTreeMap<String, String>,
) -> Result<(), Failure> {
    let started = std::time::Instant::now();
    return_after_ms(FREE_PAGES_MS);
    let notifier = systemd::Notifier::from_env()
        .map_err(|error| Failure(format!("NOTIFY_SOCKET cannot be used: {error}")))?;
    let tls = tls_source(&loaded)?;
    let listeners = listen::open(&loaded)?;
    let banner = banner::Banner::of(&loaded, &listeners);
    let acl = users(&loaded)?;
    let shared = Arc::new(shared(loaded, overrides, env, acl));
    let effects = Box::new(ServerEffects { tls: tls.clone() });
    assert!(shared.effects.set(effects).is_ok(), "set here alone");
    let http = match listeners.health.is_empty() {
        true => None,
        false => Some(
            http::serve(listeners.health, Arc::new(HealthProbe(Arc::clone(&shared))))
                .map_err(|error| Failure(format!("the health endpoint cannot start: {error}")))?,
        ),
    };
    let pool = Pool::start(&shared).map_err(thread_failure)?;
    let workers = worker::start(&shared, &pool).map_err(thread_failure)?;
    let crew = Box::new(worker::Crew::of(&workers));
    assert!(shared.workers.set(crew).is_ok(), "set here alone");
    background::start(&shared, &workers).map_err(thread_failure)?;
    note_baseline(&shared);
    let ready = || banner.print(&shared, started.elapsed());
    let result = acceptor::serve(&shared, listeners.clients, tls, &workers, &notifier, ready);
    drop(http);
    result
}

/// How long the allocator keeps free pages for reuse. Much less costs page faults; with its default
/// of a second, memory at its limit is full of pages that nobody uses.
const FREE_PAGES_MS: i32 = 50;

/// Notes what the process holds before its first key.
fn note_baseline(shared: &Shared) {
    let metrics = &shared.metrics;
    let resident = resident_bytes();
    let accounted = shared.used_memory();
    metrics.resident_bytes.store(resident, Relaxed);
    metrics
        .baseline_bytes
        .store(resident.saturating_sub(accounted), Relaxed);
    metrics.peak_bytes.fetch_max(shared.used_memory(), Relaxed);
}

fn thread_failure(error: std::io::Error) -> Failure {
    Failure(format!("a thread cannot be started: {error}"))
}

/// The users that the options name.
fn users(loaded: &Loaded) -> Result<Acl, Failure> {
    match users_of(&loaded.config) {
        Ok(users) => Ok(Acl::new(users)),
        Err(error) => Err(Failure(complaint(loaded, error).to_string())),
    }
}

fn complaint(loaded: &Loaded, error: UsersError) -> LoadError {
    loaded.complain_of_line(error.option, error.line, error.message)
}

fn shared(loaded: Loaded, overrides: Overrides, env: BTreeMap<String, String>, acl: Acl) -> Shared {
    let server = &loaded.config.server;
    let databases = server.databases as usize;
    let keyspace = Keyspace::new(
        server.shard_count(loaded.config.memory.max_memory),
        databases,
        server.worker_count(),
        eviction_settings(&loaded.config),
    );
    let pubsub = Arc::default();
    let mail_limits = Arc::new(MailLimits::default());
    mail_limits.apply(&loaded.config);
    let tracking = Arc::default();
    configure_tracking(&tracking, &loaded.config);
    let herald = Herald::new(
        Arc::clone(&pubsub),
        Arc::clone(&tracking),
        Arc::clone(&mail_limits),
    );
    keyspace.audience.introduce(Box::new(herald));
    let wanted = loaded.config.monitoring.notify_keyspace_events;
    keyspace.audience.want(wanted);
    Shared {
        keyspace,
        config: Live::new(loaded, overrides, env),
        clock: crate::base::clock::Clock::start(),
        clients: Registry::default(),
        acl,
        pubsub,
        tracking,
        mail_limits,
        scripts: Default::default(),
        functions: Default::default(),
        running: Default::default(),
        metrics: Metrics::new(table::all().len(), databases),
        slowlog: Default::default(),
        latency: Default::default(),
        workers: Default::default(),
        effects: Default::default(),
        pause: Default::default(),
        lifecycle: Lifecycle::default(),
        run_id: run_id(),
    }
}

/// 40 hexadecimal digits that no other run of the server has.
fn run_id() -> String {
    let mut random = crate::base::random::Random::new();
    let words: Vec<String> = (0..3)
        .map(|_| format!("{:016x}", random.next_u64()))
        .collect();
    words.concat()[..40].to_owned()
}

/// The TLS configuration that the options name, if TLS is on.
fn tls_source(loaded: &Loaded) -> Result<Option<Arc<TlsSource>>, Failure> {
    let Some(files) = tls_files(&loaded.config) else {
        return Ok(None);
    };
    match TlsSource::new(&files) {
        Ok(source) => Ok(Some(Arc::new(source))),
        Err(error) => {
            let complaint = loaded.complain("security.tls_cert_path", error.to_string());
            Err(Failure(complaint.to_string()))
        }
    }
}

/// The files a configuration names for TLS, if TLS is on.
fn tls_files(config: &Config) -> Option<TlsFiles> {
    let security = &config.security;
    security.tls_enabled.then(|| TlsFiles {
        cert: security.tls_cert_path.clone().unwrap_or_default(),
        key: security.tls_key_path.clone().unwrap_or_default(),
        ca: security.tls_ca_path.clone(),
        client_auth: security.tls_client_auth,
        protocols: security.tls_protocols,
    })
}

/// Checks what only the machine can tell about a configuration, for `redistill check`.
pub fn check(loaded: &Loaded) -> Result<(), Failure> {
    tls_source(loaded)?;
    users(loaded).map(|_| ())
}

struct HealthProbe(Arc<Shared>);

impl Probe for HealthProbe {
    fn state(&self) -> State {
        match self.0.lifecycle.phase() {
            Phase::Loading => State::Loading,
            Phase::Serving => State::Ok,
            Phase::ShuttingDown => State::ShuttingDown,
        }
    }

    fn health(&self) -> HealthReport {
        let shared = &self.0;
        let metrics = &shared.metrics;
        HealthReport {
            uptime_seconds: shared.clock.uptime_ms() / 1000,
            active_connections: shared.clients.len() as u64,
            total_connections: metrics.sum(Counter::Accepted),
            rejected_connections: metrics.sum(Counter::Rejected),
            memory_used: shared.used_memory(),
            max_memory: shared.config.load().memory.max_memory,
            evicted_keys: metrics.sum(Counter::Evicted),
            total_commands: metrics.sum(Counter::Commands),
        }
    }
}

/// What `CONFIG SET` and SIGHUP change outside of what commands can see.
struct ServerEffects {
    tls: Option<Arc<TlsSource>>,
}

impl Effects for ServerEffects {
    fn reload_tls(&self, config: &Config) -> Result<(), String> {
        match (&self.tls, tls_files(config)) {
            (Some(tls), Some(files)) => tls.reload(&files).map_err(|error| error.to_string()),
            _ => Ok(()),
        }
    }

    fn apply(&self, config: &Config) {
        logging::set_level(config.logging.level);
    }
}
