//! Worker threads: each runs the connections it was given, and sweeps its share of the keyspace.

use super::acceptor::DRAIN_IDLE_MS;
use super::tls::{TlsSource, identity};
use crate::client::pool::Pool;
use crate::client::stream::Stream;
use crate::client::{Connection, Desk, Postman, Seats};
use crate::config::Config;
use crate::dispatch::Engine;
use crate::keyspace::defrag::{self, Walk};
use crate::keyspace::eviction;
use crate::keyspace::expiry::{Step, Sweep};
use crate::keyspace::memory;
use crate::metrics::{Counter, Metrics};
use crate::session::TICKS_PER_SECOND;
use crate::session::{Address, Client, Doom, Flag, LatencyEvent, Phase, Session, Shared, Workers};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// How often a worker looks after its own: sweeps, idle clients, freed memory.
const TICK: Duration = Duration::from_millis(1000 / TICKS_PER_SECOND);
/// The share of a tick that a sweep may take for each unit of `active_expire_effort`.
const SWEEP_PER_EFFORT: Duration = Duration::from_micros(2500);
/// A sweep gives way to clients at least this often.
const SWEEP_SLICE: Duration = Duration::from_micros(500);
/// The share of a tick that bringing memory back to its limit may take.
const RELIEF_PER_TICK: Duration = Duration::from_millis(15);
/// Keys evicted between two looks at the clock.
const EVICTIONS_PER_STEP: usize = 64;
/// Ticks between two rounds over the clients.
const TICKS_PER_ROUND: u32 = 10;

/// Scripts may be nested deeply.
const STACK_BYTES: usize = 8 << 20;

/// A connection on its way to a worker.
pub struct Accepted {
    /// The socket.
    pub socket: Socket,
    /// Its record, registered already.
    pub client: Arc<Client>,
}

/// What a worker is told between two turns of its connections.
enum Errand {
    /// Serve this connection.
    Serve(Accepted),
    /// Drop this: see `Workers::pass`.
    Pass(std::sync::mpsc::Sender<()>),
}

/// All workers, for as long as they are there.
pub struct Crew(Weak<Vec<WorkerHandle>>);

impl Crew {
    /// Of these workers.
    pub fn of(workers: &Arc<Vec<WorkerHandle>>) -> Crew {
        Crew(Arc::downgrade(workers))
    }
}

impl Workers for Crew {
    fn pass(&self, token: std::sync::mpsc::Sender<()>) {
        for worker in self.0.upgrade().iter().flat_map(|workers| workers.iter()) {
            // At most one for each job on the pool, which waits for it.
            let _ = worker.incoming.send(Errand::Pass(token.clone()));
        }
    }
}

/// An accepted socket.
pub enum Socket {
    /// TCP, with what is needed for TLS if it is spoken.
    Tcp(std::net::TcpStream, Option<Arc<TlsSource>>),
    /// A unix socket.
    Unix(std::os::unix::net::UnixStream),
}

/// A worker, as other threads see it.
pub struct WorkerHandle {
    incoming: mpsc::UnboundedSender<Errand>,
    connections: Arc<AtomicUsize>,
    ticks: Arc<AtomicU64>,
}

impl WorkerHandle {
    /// Connections it has.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Ticks so far: a worker that hangs stops counting.
    pub fn ticks(&self) -> u64 {
        self.ticks.load(Relaxed)
    }

    /// Gives it a connection, for good.
    pub fn give(&self, accepted: Accepted) {
        self.connections.fetch_add(1, Relaxed);
        // The number of connections is bounded by `max_connections`; a worker that is gone means
        // the process is ending.
        let _ = self.incoming.send(Errand::Serve(accepted));
    }
}

/// Starts the workers.
pub fn start(shared: &Arc<Shared>, pool: &Pool) -> io::Result<Arc<Vec<WorkerHandle>>> {
    let count = shared.config.load().server.worker_count();
    let mut handles = Vec::with_capacity(count);
    for index in 0..count {
        let (incoming, queue) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let ticks = Arc::new(AtomicU64::new(0));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let worker = Worker {
            index,
            count,
            shared: Arc::clone(shared),
            pool: pool.clone(),
            connections: Arc::clone(&connections),
            ticks: Arc::clone(&ticks),
        };
        std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .stack_size(STACK_BYTES)
            .spawn(move || LocalSet::new().block_on(&runtime, worker.run(queue)))?;
        handles.push(WorkerHandle {
            incoming,
            connections,
            ticks,
        });
    }
    Ok(Arc::new(handles))
}

struct Worker {
    index: usize,
    count: usize,
    shared: Arc<Shared>,
    pool: Pool,
    connections: Arc<AtomicUsize>,
    ticks: Arc<AtomicU64>,
}

impl Worker {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<Errand>) {
        let engine = Engine::new(Arc::clone(&self.shared), self.index);
        let desk = Rc::new(RefCell::new(Desk::new(engine, self.pool.clone())));
        let clients: Rc<RefCell<Vec<Arc<Client>>>> = Rc::default();
        let seats = Rc::new(Seats::new(self.index));
        tokio::task::spawn_local(Postman::new(Rc::clone(&desk), Rc::clone(&seats)));
        tokio::task::spawn_local(keep_looking_after(
            Rc::clone(&desk),
            Rc::clone(&clients),
            (self.index, self.count),
            Arc::clone(&self.ticks),
        ));
        while let Some(errand) = queue.recv().await {
            let accepted = match errand {
                Errand::Serve(accepted) => accepted,
                Errand::Pass(token) => {
                    drop(token);
                    continue;
                }
            };
            clients.borrow_mut().push(Arc::clone(&accepted.client));
            let leaving = Leaving {
                clients: Rc::clone(&clients),
                client: Arc::clone(&accepted.client),
                connections: Arc::clone(&self.connections),
                shared: Arc::clone(&self.shared),
            };
            let (desk, seats) = (Rc::clone(&desk), Rc::clone(&seats));
            tokio::task::spawn_local(serve(desk, seats, accepted, leaving));
        }
    }
}

/// Undoes a connection's registration when its task ends, however it ends.
struct Leaving {
    clients: Rc<RefCell<Vec<Arc<Client>>>>,
    client: Arc<Client>,
    connections: Arc<AtomicUsize>,
    shared: Arc<Shared>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut clients = self.clients.borrow_mut();
        if let Some(index) = clients
            .iter()
            .position(|client| client.id == self.client.id)
        {
            clients.swap_remove(index);
        }
        self.connections.fetch_sub(1, Relaxed);
        self.shared.clients.remove(&self.client);
    }
}

async fn serve(desk: Rc<RefCell<Desk>>, seats: Rc<Seats>, accepted: Accepted, leaving: Leaving) {
    // Not the worker's view, which may be from before the last batch.
    let config = desk.borrow().engine.shared.config.load();
    let Accepted { socket, client } = accepted;
    let stream = match establish(socket, &config).await {
        Ok(stream) => stream,
        Err(error) => {
            desk.borrow().engine.sheet.add(Counter::FailedHandshakes, 1);
            tracing::debug!(client = client.id, %error, "connection could not be established");
            return;
        }
    };
    let session = admit(&desk.borrow().engine.shared, client, &stream, &config);
    drop(config);
    let serving = Connection::new(desk, stream, session).serve(seats);
    // A task of its own: this one has kept room for all that establishing a connection may take.
    tokio::task::spawn_local(async move {
        serving.await;
        drop(leaving);
    });
}

/// The session of a connection that stands: of the user that its certificate names, if there is
/// one that may log in; else of the user `default`.
fn admit(shared: &Shared, client: Arc<Client>, stream: &Stream, config: &Config) -> Session {
    let mut session = Session::new(client, &shared.acl);
    let Stream::Tls(tls) = stream else {
        return session;
    };
    let certificates = tls.get_ref().1.peer_certificates();
    let Some(certificate) = certificates.and_then(<[_]>::first) else {
        return session;
    };
    let generation = shared.acl.generation();
    let names = identity::names(certificate, config.security.tls_client_user);
    let user = names.iter().find_map(|name| shared.acl.user(name));
    if let Some(user) = user.filter(|user| user.is_on()) {
        session.log_in(user, generation);
    }
    session
}

/// Registers the socket with this worker's runtime; shakes hands for TLS.
async fn establish(socket: Socket, config: &Config) -> io::Result<Stream> {
    match socket {
        Socket::Unix(socket) => Ok(Stream::Unix(UnixStream::from_std(socket)?)),
        Socket::Tcp(socket, None) => Ok(Stream::Tcp(TcpStream::from_std(socket)?)),
        Socket::Tcp(socket, Some(tls)) => {
            let stream = TcpStream::from_std(socket)?;
            let timeout = match config.security.tls_handshake_timeout_secs {
                0 => Duration::from_secs(u32::MAX.into()),
                seconds => Duration::from_secs(seconds.into()),
            };
            Ok(Stream::Tls(Box::new(tls.accept(stream, timeout).await?)))
        }
    }
}

/// Goes on with the worker's tick even after a panic in it.
async fn keep_looking_after(
    desk: Rc<RefCell<Desk>>,
    clients: Rc<RefCell<Vec<Arc<Client>>>>,
    share: (usize, usize),
    count: Arc<AtomicU64>,
) {
    loop {
        let count = Arc::clone(&count);
        let tick = look_after(Rc::clone(&desk), Rc::clone(&clients), share, count);
        let Err(panic) = tokio::task::spawn_local(tick).await;
        tracing::error!(%panic, "a worker's housekeeping ended, and is started again");
        let metrics = &desk.borrow().engine.shared.metrics;
        metrics.panics.fetch_add(1, Relaxed);
    }
}

/// The worker's tick.
async fn look_after(
    desk: Rc<RefCell<Desk>>,
    clients: Rc<RefCell<Vec<Arc<Client>>>>,
    share: (usize, usize),
    count: Arc<AtomicU64>,
) -> std::convert::Infallible {
    let mut sweep = Sweep::default();
    desk.borrow_mut().engine.local.walk = Some(Walk::of(share));
    let mut purger = Purger::default();
    let mut ticks = 0_u32;
    let mut drain_began_ms = None;
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        ticks = ticks.wrapping_add(1);
        count.fetch_add(1, Relaxed);
        let effort = desk.borrow().engine.config().memory.active_expire_effort;
        let end = Instant::now() + SWEEP_PER_EFFORT * effort;
        while sweep_slice(&mut desk.borrow_mut().engine, &mut sweep, share, end) {
            tokio::task::yield_now().await;
        }
        let end = Instant::now() + RELIEF_PER_TICK;
        while relief_slice(&mut desk.borrow_mut().engine, end) {
            tokio::task::yield_now().await;
        }
        if ticks.is_multiple_of(TICKS_PER_ROUND) {
            let desk = desk.borrow();
            let shared = &desk.engine.shared;
            let now_ms = shared.clock.now_ms();
            if shared.lifecycle.phase() == Phase::ShuttingDown {
                drain_began_ms.get_or_insert(now_ms);
            }
            let round = Round {
                config: desk.engine.config(),
                open: desk.engine.shared.acl.is_open(),
                now_ms,
                drain_began_ms,
            };
            for client in clients.borrow().iter() {
                if let Some(why) = round.verdict(client) {
                    client.doom(why);
                }
            }
        }
        purger.collect(&desk.borrow().engine.shared.metrics);
    }
}

/// Sweeps for a slice of time. True when there is more to sweep and time left.
fn sweep_slice(
    engine: &mut Engine,
    sweep: &mut Sweep,
    share: (usize, usize),
    end: Instant,
) -> bool {
    let shared = Arc::clone(&engine.shared);
    if !shared.keyspace.active_expire.load(Relaxed) {
        return false;
    }
    engine.begin_batch();
    if shared.pause.is_active(engine.now_ms) {
        return false;
    }
    let start = Instant::now();
    let slice = start + SWEEP_SLICE;
    let mut found = Step::default();
    let mut now;
    let more = loop {
        let step = sweep.step(&shared.keyspace, &mut engine.local, engine.now_ms, share);
        found.examined += step.examined;
        found.expired += step.expired;
        now = Instant::now();
        if step.round_done {
            break false;
        }
        if now >= slice || now >= end {
            if now >= end {
                engine.sheet.add(Counter::ExpireTimeCaps, 1);
            }
            break now < end;
        }
    };
    let spent = now - start;
    engine
        .sheet
        .add(Counter::ExpireCycleUs, spent.as_micros() as u64);
    let event = LatencyEvent::ExpireCycle;
    shared.note_latency(engine.config(), event, spent.as_nanos() as u64);
    shared.metrics.note_sweep(found);
    engine.end_batch();
    more
}

/// Brings memory back to its limit for a slice of time: evicts while entries take more than they
/// may (after the limit was lowered, say), and moves entries while a pass against fragmentation
/// is under way. True when there is more to do and time left.
fn relief_slice(engine: &mut Engine, end: Instant) -> bool {
    let shared = Arc::clone(&engine.shared);
    let keyspace = &shared.keyspace;
    engine.begin_batch();
    let slice = Instant::now() + SWEEP_SLICE;
    // While clients are paused the data stays as it is; moving it does not change it.
    let paused = shared.pause.is_active(engine.now_ms);
    let more = loop {
        let local = &mut engine.local;
        let evicted = !paused
            && eviction::is_over(keyspace, local, 0)
            && eviction::evict_some(keyspace, local, engine.now_ms, 0, EVICTIONS_PER_STEP);
        if !defrag::step(keyspace, local, engine.now_ms) && !evicted {
            break false;
        }
        let now = Instant::now();
        if now >= slice || now >= end {
            break now < end;
        }
    };
    engine.end_batch();
    more
}

/// One look at a worker's clients.
struct Round<'a> {
    config: &'a Config,
    /// Need nobody log in?
    open: bool,
    now_ms: u64,
    /// When this worker learnt that the server ends.
    drain_began_ms: Option<u64>,
}

impl Round<'_> {
    /// Why a client is to be disconnected, if it is: idle for too long, too slow to authenticate
    /// or to take its replies, or in the way of a shutdown.
    fn verdict(&self, client: &Client) -> Option<Doom> {
        let security = &self.config.security;
        let timeout_ms = u64::from(self.config.server.connection_timeout) * 1000;
        let auth_ms = u64::from(security.auth_timeout_secs) * 1000;
        let since = |ms: u64| self.now_ms.saturating_sub(ms);
        let active_ms = client.active_ms.load(Relaxed);
        let waits = client.is(Flag::Blocked) || client.is(Flag::Busy);
        let stranger = auth_ms > 0
            && !client.is_authenticated()
            && !self.open
            && since(client.connected_ms) > auth_ms;
        let listens = client.is(Flag::Monitor) || client.is(Flag::PubSub);
        let idle = timeout_ms > 0 && since(active_ms) > timeout_ms && !listens && !waits;
        if stranger || idle {
            return Some(Doom::TimedOut);
        }
        if self.reads_too_slowly(client) {
            return Some(Doom::OutputLimit);
        }
        let owed = client.output_bytes.load(Relaxed) > 0;
        self.drain_began_ms
            .filter(|began_ms| since(active_ms.max(*began_ms)) >= DRAIN_IDLE_MS)
            .filter(|_| !owed && !waits)
            .map(|_| Doom::Shutdown)
    }

    /// Has its output been beyond the soft limit for too long?
    fn reads_too_slowly(&self, client: &Client) -> bool {
        let limit = client.output_limit(&self.config.limits.client_output_buffer);
        let owed = client.output_bytes.load(Relaxed);
        if limit.soft_bytes == 0 || owed <= limit.soft_bytes {
            client.output_soft_since_ms.store(0, Relaxed);
            return false;
        }
        match client.output_soft_since_ms.load(Relaxed) {
            0 => {
                client.output_soft_since_ms.store(self.now_ms, Relaxed);
                false
            }
            since_ms => self.now_ms.saturating_sub(since_ms) > limit.soft_seconds * 1000,
        }
    }
}

/// Looks after a thread's heap.
#[derive(Default)]
pub(super) struct Purger {
    purges: u64,
}

impl Purger {
    /// Takes back memory that other threads have freed from this thread's heap; gives it back to
    /// the system if `MEMORY PURGE` has been asked for since the last time.
    pub(super) fn collect(&mut self, metrics: &Metrics) {
        let purges = metrics.purges.load(Relaxed);
        if purges == self.purges {
            memory::collect_freed();
        } else {
            self.purges = purges;
            memory::purge();
        }
    }
}

/// What `CLIENT LIST` shows of a socket.
pub fn describe(
    socket: &Socket,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
    unix: &std::path::Path,
) -> (Address, Address, i32) {
    let fd = match socket {
        Socket::Tcp(socket, _) => socket.as_raw_fd(),
        Socket::Unix(socket) => socket.as_raw_fd(),
    };
    let address = |address: Option<SocketAddr>| match address {
        Some(address) => Address::Tcp(address),
        None => Address::Unix(unix.to_owned()),
    };
    (address(peer), address(local), fd)
}
