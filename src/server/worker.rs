//! Worker threads: each runs the connections it was given, and sweeps its share of the keyspace.

use super::tls::TlsSource;
use crate::client::pool::Pool;
use crate::client::stream::Stream;
use crate::client::{Connection, Desk};
use crate::config::Config;
use crate::dispatch::Engine;
use crate::keyspace::expiry::{Step, Sweep};
use crate::keyspace::memory;
use crate::metrics::{Counter, Metrics};
use crate::session::TICKS_PER_SECOND;
use crate::session::{Address, Client, Doom, Flag, LatencyEvent, Phase, Session, Shared};
use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
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
/// Ticks between two rounds over the clients.
const TICKS_PER_ROUND: u32 = 10;

/// A connection on its way to a worker.
pub struct Accepted {
    /// The socket.
    pub socket: Socket,
    /// Its record, registered already.
    pub client: Arc<Client>,
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
    incoming: mpsc::UnboundedSender<Accepted>,
    connections: Arc<AtomicUsize>,
}

impl WorkerHandle {
    /// Connections it has.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Gives it a connection, for good.
    pub fn give(&self, accepted: Accepted) {
        self.connections.fetch_add(1, Relaxed);
        // The number of connections is bounded by `max_connections`; a worker that is gone means
        // the process is ending.
        let _ = self.incoming.send(accepted);
    }
}

/// Starts the workers.
pub fn start(shared: &Arc<Shared>, pool: &Pool) -> io::Result<Arc<Vec<WorkerHandle>>> {
    let count = shared.config.load().server.worker_count();
    let mut handles = Vec::with_capacity(count);
    for index in 0..count {
        let (incoming, queue) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
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
        };
        std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || LocalSet::new().block_on(&runtime, worker.run(queue)))?;
        handles.push(WorkerHandle {
            incoming,
            connections,
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
}

impl Worker {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<Accepted>) {
        let engine = Engine::new(Arc::clone(&self.shared), self.index);
        let desk = Rc::new(RefCell::new(Desk::new(engine, self.pool.clone())));
        let clients: Rc<RefCell<Vec<Arc<Client>>>> = Rc::default();
        tokio::task::spawn_local(look_after(
            Rc::clone(&desk),
            Rc::clone(&clients),
            (self.index, self.count),
        ));
        while let Some(accepted) = queue.recv().await {
            clients.borrow_mut().push(Arc::clone(&accepted.client));
            let leaving = Leaving {
                clients: Rc::clone(&clients),
                client: Arc::clone(&accepted.client),
                connections: Arc::clone(&self.connections),
                shared: Arc::clone(&self.shared),
            };
            tokio::task::spawn_local(serve(Rc::clone(&desk), accepted, leaving));
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

async fn serve(desk: Rc<RefCell<Desk>>, accepted: Accepted, leaving: Leaving) {
    let config = Arc::clone(desk.borrow().engine.view.config());
    let Accepted { socket, client } = accepted;
    let stream = match establish(socket, &config).await {
        Ok(stream) => stream,
        Err(error) => {
            desk.borrow().engine.sheet.add(Counter::FailedHandshakes, 1);
            tracing::debug!(client = client.id, %error, "connection could not be established");
            return;
        }
    };
    let authenticated = config.security.password.is_empty();
    client.set_authenticated(authenticated);
    drop(config);
    let session = Session::new(client, authenticated);
    Connection::new(desk, stream, session).await;
    drop(leaving);
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

/// The worker's tick.
async fn look_after(
    desk: Rc<RefCell<Desk>>,
    clients: Rc<RefCell<Vec<Arc<Client>>>>,
    share: (usize, usize),
) {
    let mut sweep = Sweep::default();
    let mut purger = Purger::default();
    let mut ticks = 0_u32;
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        ticks = ticks.wrapping_add(1);
        let effort = desk.borrow().engine.config().memory.active_expire_effort;
        let end = Instant::now() + SWEEP_PER_EFFORT * effort;
        while sweep_slice(&mut desk.borrow_mut().engine, &mut sweep, share, end) {
            tokio::task::yield_now().await;
        }
        if ticks.is_multiple_of(TICKS_PER_ROUND) {
            let desk = desk.borrow();
            let shared = &desk.engine.shared;
            dismiss_idle(shared, desk.engine.config(), &clients.borrow());
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

/// Dooms clients that are idle for too long, too slow to authenticate, or in the way of a
/// shutdown.
fn dismiss_idle(shared: &Shared, config: &Config, clients: &[Arc<Client>]) {
    let now_ms = shared.clock.now_ms();
    let timeout_ms = u64::from(config.server.connection_timeout) * 1000;
    let auth_ms = u64::from(config.security.auth_timeout_secs) * 1000;
    let draining = shared.lifecycle.phase() == Phase::ShuttingDown;
    for client in clients {
        let idle_ms = now_ms.saturating_sub(client.active_ms.load(Relaxed));
        let idle = timeout_ms > 0
            && idle_ms > timeout_ms
            && !client.is(Flag::Monitor)
            && !client.is(Flag::Blocked);
        let stranger = auth_ms > 0
            && !client.is_authenticated()
            && now_ms.saturating_sub(client.connected_ms) > auth_ms;
        if idle || stranger {
            client.doom(Doom::TimedOut);
        } else if draining && idle_ms > super::acceptor::DRAIN_IDLE_MS {
            client.doom(Doom::Shutdown);
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
