//! Accepts connections and gives each to the worker with the fewest; handles signals; ends the
//! server.

use super::listen::{ClientListeners, Transport};
use super::systemd::Notifier;
use super::tls::TlsSource;
use super::worker::{Accepted, Socket, WorkerHandle, describe};
use super::{Failure, limits::RateLimits};
use crate::config::Config;
use crate::error::Error;
use crate::metrics::{Counter, Sheet};
use crate::session::{Client, Doom, Flag, Phase, Shared, users_of};
use socket2::{SockRef, TcpKeepalive};
use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;

/// A pause after a failed accept (too many open files, say), so that it is not tried in a loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// While draining, a client idle for this long is disconnected.
pub const DRAIN_IDLE_MS: u64 = 500;
/// How often the drain looks whether everybody is gone.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// How long clients have to be gone once the grace period is over.
const END_MAX: Duration = Duration::from_millis(500);
/// Failures to accept are logged at most this often.
const ACCEPT_LOG_EVERY: Duration = Duration::from_secs(10);
/// A drain goes on accepting until nobody has come for this long. Closing a listener resets who
/// waits in its queue; load balancers stop sending once they have asked for the health.
const LINGER_QUIET: Duration = Duration::from_millis(100);
/// Who keeps coming although the health says no is refused from then on.
const LINGER_MAX: Duration = Duration::from_secs(1);

struct Acceptor {
    shared: Arc<Shared>,
    workers: Arc<Vec<WorkerHandle>>,
    tls: Option<Arc<TlsSource>>,
    sheet: Arc<Sheet>,
    rates: RefCell<RateLimits>,
    /// When a failure to accept was last logged.
    complained: Cell<Option<Instant>>,
    unix_path: PathBuf,
}

/// Serves until shut down; calls `ready` when clients and signals are handled from now on.
pub fn serve(
    shared: &Arc<Shared>,
    listeners: ClientListeners,
    tls: Option<Arc<TlsSource>>,
    workers: &Arc<Vec<WorkerHandle>>,
    notifier: &Notifier,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let failure = |error: io::Error| Failure(format!("the acceptor cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(failure)?;
    let acceptor = Rc::new(Acceptor {
        shared: Arc::clone(shared),
        workers: Arc::clone(workers),
        tls,
        sheet: shared.metrics.sheet(),
        rates: RefCell::default(),
        complained: Cell::default(),
        unix_path: shared
            .config
            .load()
            .server
            .unix_socket
            .clone()
            .unwrap_or_default(),
    });
    let result = LocalSet::new().block_on(&runtime, async {
        // Before anybody is told that the server is ready: until then a signal kills.
        let mut signals = Signals::new()?;
        let mut hangup = signal(SignalKind::hangup())?;
        let listening = acceptor.listen(listeners)?;
        ready();
        shared.lifecycle.enter(Phase::Serving);
        let _ = notifier.notify_ready();
        acceptor
            .until_shutdown(&mut signals, &mut hangup, notifier)
            .await?;
        // Health says so first: a load balancer that asks now is told before it is refused.
        shared.lifecycle.enter(Phase::ShuttingDown);
        let _ = notifier.notify_stopping();
        Ok(tokio::select! {
            () = acceptor.drain(listening) => Drained::Orderly,
            () = signals.end() => Drained::CutShort,
        })
    });
    if !acceptor.unix_path.as_os_str().is_empty() {
        let _ = std::fs::remove_file(&acceptor.unix_path);
    }
    match result.map_err(failure)? {
        Drained::Orderly => Ok(()),
        Drained::CutShort => Err(Failure(
            "told to end a second time: clients were cut off".into(),
        )),
    }
}

/// How the server ended.
enum Drained {
    /// All clients left, or the grace period was over.
    Orderly,
    /// A second signal came.
    CutShort,
}

impl Acceptor {
    /// Starts a task per listener.
    fn listen(
        self: &Rc<Self>,
        listeners: ClientListeners,
    ) -> io::Result<Vec<tokio::task::JoinHandle<()>>> {
        let mut tasks = Vec::new();
        for (listener, transport) in listeners.tcp {
            let listener = TcpListener::from_std(listener)?;
            tasks.push(tokio::task::spawn_local(
                Rc::clone(self).accept_tcp(listener, transport),
            ));
        }
        if let Some(listener) = listeners.unix {
            let listener = UnixListener::from_std(listener)?;
            tasks.push(tokio::task::spawn_local(
                Rc::clone(self).accept_unix(listener),
            ));
        }
        Ok(tasks)
    }

    async fn accept_tcp(self: Rc<Self>, listener: TcpListener, transport: Transport) {
        loop {
            let accepted = match listener.accept().await {
                Ok((stream, peer)) => stream.into_std().map(|stream| (stream, peer)),
                Err(error) => Err(error),
            };
            match accepted {
                Ok((stream, peer)) => self.admit_tcp(stream, peer, transport),
                Err(error) => self.pause_after(&error).await,
            }
        }
    }

    async fn accept_unix(self: Rc<Self>, listener: UnixListener) {
        loop {
            let accepted = match listener.accept().await {
                Ok((stream, _)) => stream.into_std(),
                Err(error) => Err(error),
            };
            match accepted {
                Ok(stream) => self.admit_unix(stream),
                Err(error) => self.pause_after(&error).await,
            }
        }
    }

    fn admit_tcp(&self, stream: std::net::TcpStream, peer: SocketAddr, transport: Transport) {
        let config = self.shared.config.load();
        let tls = (transport == Transport::Tls)
            .then(|| self.tls.clone())
            .flatten();
        if let Err((error, counter)) = self.may_enter(&config, Some(peer.ip())) {
            return self.refuse(stream, tls.is_none(), &error, counter);
        }
        // A socket whose options cannot be set still works.
        let _ = set_options(&stream, &config);
        let local = stream.local_addr().ok();
        self.enter(Socket::Tcp(stream, tls), Some(peer), local);
    }

    fn admit_unix(&self, stream: std::os::unix::net::UnixStream) {
        let config = self.shared.config.load();
        if let Err((error, counter)) = self.may_enter(&config, None) {
            return self.refuse(stream, true, &error, counter);
        }
        self.enter(Socket::Unix(stream), None, None);
    }

    /// Is there room for one more, and may this address come in?
    fn may_enter(&self, config: &Config, peer: Option<IpAddr>) -> Result<(), (Error, Counter)> {
        let server = &config.server;
        let open = self.shared.acl.is_open() && config.security.protected_mode;
        if open && peer.is_some_and(|ip| !ip.to_canonical().is_loopback()) {
            return Err((Error::ProtectedMode, Counter::RejectedProtected));
        }
        if self.shared.clients.len() >= server.max_connections as usize {
            return Err((Error::MaxClients, Counter::RejectedLimit));
        }
        let (total, each) = (
            server.connection_rate_limit,
            server.connection_rate_limit_per_ip,
        );
        if (total > 0 || each > 0)
            && !self
                .rates
                .borrow_mut()
                .allow(total, each, peer, Instant::now())
        {
            return Err((Error::MaxClients, Counter::RejectedRate));
        }
        Ok(())
    }

    fn refuse(&self, mut stream: impl Write, speak: bool, error: &Error, counter: Counter) {
        self.sheet.add(Counter::Rejected, 1);
        self.sheet.add(counter, 1);
        if speak {
            let mut line = b"-".to_vec();
            error.write_to(&mut line);
            line.extend_from_slice(b"\r\n");
            // The socket is new, so this fits its buffer; if not, the peer misses the reason.
            let _ = stream.write(&line);
        }
    }

    fn enter(&self, socket: Socket, peer: Option<SocketAddr>, local: Option<SocketAddr>) {
        let shared = &self.shared;
        let (address, local_address, fd) = describe(&socket, peer, local, &self.unix_path);
        let (id, now_ms) = (shared.clients.next_id(), shared.clock.now_ms());
        let client = Arc::new(Client::new(id, address, local_address, fd, now_ms));
        client.set(Flag::Unix, matches!(socket, Socket::Unix(_)));
        client.set(Flag::Tls, matches!(socket, Socket::Tcp(_, Some(_))));
        shared.clients.add(&client);
        self.sheet.add(Counter::Accepted, 1);
        shared
            .metrics
            .clients_max
            .fetch_max(shared.clients.len() as u64, Relaxed);
        let worker = self
            .workers
            .iter()
            .min_by_key(|worker| worker.connections())
            .expect("there is at least one worker");
        worker.give(Accepted { socket, client });
    }

    /// Waits for a signal or `SHUTDOWN`; reloads on SIGHUP and pats the watchdog meanwhile.
    async fn until_shutdown(
        &self,
        signals: &mut Signals,
        hangup: &mut Signal,
        notifier: &Notifier,
    ) -> io::Result<()> {
        let beat = super::systemd::watchdog_interval_from_env();
        let mut watchdog = tokio::time::interval(beat.unwrap_or(Duration::from_secs(3600)));
        let mut ticks: Vec<u64> = Vec::new();
        loop {
            tokio::select! {
                () = signals.end() => break,
                () = self.shared.lifecycle.shutdown_requested() => break,
                _ = hangup.recv() => {
                    let _ = notifier.notify_reloading();
                    self.reload();
                    let _ = notifier.notify_ready();
                }
                _ = watchdog.tick() => {
                    // A worker that has not ticked since the last time hangs: systemd decides.
                    let now: Vec<u64> = self.workers.iter().map(WorkerHandle::ticks).collect();
                    let alive = ticks.iter().zip(&now).all(|(before, now)| before != now);
                    ticks = now;
                    if beat.is_some() && alive {
                        let _ = notifier.notify_watchdog();
                    }
                }
            }
        }
        tracing::info!("shutting down");
        Ok(())
    }

    /// SIGHUP: configuration and certificates anew. A mistake leaves everything as it was.
    fn reload(&self) {
        let outcome = self.shared.config.reload(|loaded, _| {
            if let (Some(tls), Some(files)) = (&self.tls, super::tls_files(&loaded.config)) {
                tls.reload(&files).map_err(|error| {
                    loaded.complain("security.tls_cert_path", error.to_string())
                })?;
            }
            if loaded.config.acl.users != self.shared.config.load().acl.users {
                users_of(&loaded.config).map_err(|error| super::complaint(loaded, error))?;
            }
            self.shared.apply(&loaded.config);
            Ok(())
        });
        match outcome {
            Ok(reload) => {
                for change in &reload.ignored {
                    tracing::warn!("{change}: takes effect only after a restart");
                }
                for warning in &reload.warnings {
                    tracing::warn!("{warning}");
                }
                tracing::info!(changed = reload.changed.len(), "configuration reloaded");
            }
            Err(error) => {
                tracing::error!("configuration not reloaded, the old one stays in force: {error}");
            }
        }
    }

    /// Lets clients finish: until all are gone, at most for the grace period.
    async fn drain(&self, listening: Vec<tokio::task::JoinHandle<()>>) {
        let shared = &self.shared;
        let configured = u64::from(shared.config.load().server.shutdown_grace_period_secs) * 1000;
        let grace = Duration::from_millis(shared.lifecycle.grace_ms.load(Relaxed).min(configured));
        let end = Instant::now() + grace;
        self.linger(grace.min(LINGER_MAX)).await;
        listening.iter().for_each(tokio::task::JoinHandle::abort);
        for task in listening {
            let _ = task.await;
        }
        self.until_all_gone(end).await;
        for client in shared.clients.all() {
            client.doom(Doom::Ended);
        }
        self.until_all_gone(Instant::now() + END_MAX).await;
    }

    /// After a failure to accept.
    async fn pause_after(&self, error: &io::Error) {
        let now = Instant::now();
        let said = self.complained.get();
        if said.is_none_or(|at| now - at >= ACCEPT_LOG_EVERY) {
            self.complained.set(Some(now));
            tracing::warn!(%error, "connections cannot be accepted");
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }

    /// Waits until nobody new comes, at most for `most`.
    async fn linger(&self, most: Duration) {
        let metrics = &self.shared.metrics;
        let arrivals = || metrics.sum(Counter::Accepted) + metrics.sum(Counter::Rejected);
        let end = Instant::now() + most;
        let mut seen = arrivals();
        let mut quiet_since = Instant::now();
        while Instant::now() < end && quiet_since.elapsed() < LINGER_QUIET {
            tokio::time::sleep(DRAIN_POLL).await;
            let now = arrivals();
            if now != seen {
                (seen, quiet_since) = (now, Instant::now());
            }
        }
    }

    async fn until_all_gone(&self, end: Instant) {
        while !self.shared.clients.is_empty() && Instant::now() < end {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
}

/// The signals that end the server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn set_options(stream: &std::net::TcpStream, config: &Config) -> io::Result<()> {
    let performance = &config.performance;
    stream.set_nodelay(performance.tcp_nodelay)?;
    let socket = SockRef::from(stream);
    if performance.tcp_keepalive > 0 {
        let idle = Duration::from_secs(performance.tcp_keepalive.into());
        let interval = (idle / 3).max(Duration::from_secs(1));
        let keepalive = TcpKeepalive::new()
            .with_time(idle)
            .with_interval(interval)
            .with_retries(3);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    if performance.tcp_user_timeout_ms > 0 {
        let timeout = Duration::from_millis(performance.tcp_user_timeout_ms.into());
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    Ok(())
}
