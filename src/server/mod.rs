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

use crate::client::pool::Pool;
use crate::commands::table;
use crate::config::{Config, Live, Loaded, Overrides};
use crate::http::{self, HealthReport, Probe, State};
use crate::keyspace::Keyspace;
use crate::keyspace::eviction::Settings;
use crate::metrics::{Counter, Metrics};
use crate::session::{Lifecycle, Phase, Registry, Shared};
use std::collections::BTreeMap;
use std::sync::Arc;
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
    let notifier = systemd::Notifier::from_env()
        .map_err(|error| Failure(format!("NOTIFY_SOCKET cannot be used: {error}")))?;
    let tls = tls_source(&loaded)?;
    let listeners = listen::open(&loaded)?;
    let banner = banner::Banner::of(&loaded, &listeners);
    let shared = Arc::new(shared(loaded, overrides, env));
    let http = match listeners.health.is_empty() {
        true => None,
        false => Some(
            http::serve(listeners.health, Arc::new(HealthProbe(Arc::clone(&shared))))
                .map_err(|error| Failure(format!("the health endpoint cannot start: {error}")))?,
        ),
    };
    let pool = Pool::start(&shared).map_err(thread_failure)?;
    let workers = worker::start(&shared, &pool).map_err(thread_failure)?;
    background::start(&shared, &workers).map_err(thread_failure)?;
    banner.print(&shared, started.elapsed());
    shared.lifecycle.enter(Phase::Serving);
    let result = acceptor::serve(&shared, listeners.clients, tls, &workers, &notifier);
    drop(http);
    result
}

fn thread_failure(error: std::io::Error) -> Failure {
    Failure(format!("a thread cannot be started: {error}"))
}

fn shared(loaded: Loaded, overrides: Overrides, env: BTreeMap<String, String>) -> Shared {
    let server = &loaded.config.server;
    let keyspace = Keyspace::new(
        server.shard_count(),
        server.databases as usize,
        server.worker_count(),
        settings(&loaded.config),
    );
    Shared {
        keyspace,
        config: Live::new(loaded, overrides, env),
        clock: crate::base::clock::Clock::start(),
        clients: Registry::default(),
        metrics: Metrics::new(table::all().len()),
        slowlog: Default::default(),
        pause: Default::default(),
        lifecycle: Lifecycle::default(),
        run_id: run_id(),
    }
}

/// The part of the configuration that eviction works with.
pub fn settings(config: &Config) -> Settings {
    Settings {
        policy: config.memory.eviction_policy,
        samples: config.memory.eviction_sample_size as usize,
        lfu_log_factor: config.memory.lfu_log_factor,
        lfu_decay_minutes: config.memory.lfu_decay_time,
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
    tls_source(loaded).map(|_| ())
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

/// Puts into force what a changed configuration means beyond its own values.
pub fn apply(shared: &Shared) {
    let config = shared.config.load();
    shared.keyspace.set_settings(settings(&config));
    logging::set_level(config.logging.level);
}
