//! The HTTP side port: answers "how is the server?" for load balancers and supervisors.
//!
//! It has a thread and a runtime of its own, so that a probe is answered while every worker is
//! saturated. Each peer is held to named limits, and when all connections are taken the oldest
//! gives way: nobody can keep a probe out by holding sockets open.

pub mod client;
mod routes;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::TcpListener as StdTcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time;

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not yet ready for clients.
    Loading,
    /// Serving.
    Ok,
    /// Finishing what it has; no new clients.
    ShuttingDown,
}

/// The figures of `GET /health`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HealthReport {
    /// Whole seconds since the start.
    pub uptime_seconds: u64,
    /// Clients connected now.
    pub active_connections: u64,
    /// Clients accepted since the start.
    pub total_connections: u64,
    /// Clients refused since the start, whichever limit they met.
    pub rejected_connections: u64,
    /// Bytes held by the data set.
    pub memory_used: u64,
    /// The memory limit in bytes; 0 for none.
    pub max_memory: u64,
    /// Keys evicted since the start.
    pub evicted_keys: u64,
    /// Commands executed since the start.
    pub total_commands: u64,
}

/// What the side port asks of the server. Called on its thread: it must not block.
pub trait Probe: Send + Sync + 'static {
    /// Where the server is in its life.
    fn state(&self) -> State;
    /// The figures as of now.
    fn health(&self) -> HealthReport;
}

/// What a peer may take up before it is cut off.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Connections open at a time; one more closes the oldest.
    connections_max: usize,
    /// Time for a whole request head, counted from the end of the last request: so it also
    /// bounds how long a connection may idle. Not a period people poll at, lest a client that
    /// reuses its connection every 5 or 10 s meet the close half way.
    head_timeout: Duration,
    /// Bytes of a request head, and of pipelined requests read ahead.
    head_bytes_max: usize,
    /// Header lines of a request.
    headers_max: usize,
    /// Time a peer may leave replies unread.
    write_timeout: Duration,
}

const LIMITS: Limits = Limits {
    connections_max: 256,
    head_timeout: Duration::from_secs(7),
    head_bytes_max: 8 << 10,
    headers_max: 64,
    write_timeout: Duration::from_secs(10),
};

/// Time that requests in flight have to finish at shutdown.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// Pause after a failed accept: out of file descriptors, trying again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running side port. Dropping it shuts it down, as [`HttpHandle::shutdown`] does.
#[derive(Debug)]
pub struct HttpHandle {
    stop: watch::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl HttpHandle {
    /// Closes the listeners, lets requests in flight finish within a second, and ends the
    /// thread. Blocks until then. Meant to come last: while the server drains, probes should
    /// still be told so.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for HttpHandle {
    fn drop(&mut self) {
        self.stop.send_replace(());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// Serves HTTP on `listeners` from a thread named `http`, until the handle goes.
///
/// # Errors
/// The listeners cannot be registered for events, or the thread cannot be started.
pub fn serve(listeners: Vec<StdTcpListener>, probe: Arc<dyn Probe>) -> io::Result<HttpHandle> {
    serve_within(LIMITS, listeners, probe)
}

fn serve_within(
    limits: Limits,
    listeners: Vec<StdTcpListener>,
    probe: Arc<dyn Probe>,
) -> io::Result<HttpHandle> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()?;
    let listeners = {
        let _context = runtime.enter();
        listeners
            .into_iter()
            .map(register)
            .collect::<io::Result<Vec<_>>>()?
    };
    let (stop, stopped) = watch::channel(());
    let thread = thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || runtime.block_on(run(limits, listeners, probe, stopped)))?;
    Ok(HttpHandle {
        stop,
        thread: Some(thread),
    })
}

fn register(listener: StdTcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn run(
    limits: Limits,
    listeners: Vec<TcpListener>,
    probe: Arc<dyn Probe>,
    mut stopped: watch::Receiver<()>,
) {
    let mut connections = Connections::new(limits.connections_max);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listeners) => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok(stream) => {
                let serving = connection(limits, stream, probe.clone(), stopped.clone());
                connections.admit(serving).await;
            }
            Err(error) => {
                tracing::debug!(%error, "http: accept failed");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listeners);
    // What is not done by then is cut off as the runtime goes.
    let _ = time::timeout(SHUTDOWN_GRACE, connections.finished()).await;
}

async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(stream, _peer)| stream));
            }
        }
        Poll::Pending
    })
    .await
}

/// The open connections, bounded in number.
struct Connections {
    max: usize,
    tasks: JoinSet<()>,
    /// Handles in order of arrival; some may have finished.
    oldest_first: VecDeque<AbortHandle>,
}

impl Connections {
    fn new(max: usize) -> Connections {
        Connections {
            max,
            tasks: JoinSet::new(),
            oldest_first: VecDeque::new(),
        }
    }

    /// Starts a connection, at the expense of the oldest if there are too many.
    async fn admit(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.oldest_first.retain(|handle| !handle.is_finished());
        while self.tasks.len() >= self.max {
            if let Some(oldest) = self.oldest_first.pop_front() {
                oldest.abort();
            }
            self.tasks.join_next().await;
        }
        self.oldest_first.push_back(self.tasks.spawn(connection));
    }

    async fn finished(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Serves one connection until the peer is done, breaks a limit, or the port is shut down.
async fn connection(
    limits: Limits,
    stream: TcpStream,
    probe: Arc<dyn Probe>,
    mut stopped: watch::Receiver<()>,
) {
    if let Err(error) = set_options(&stream, limits) {
        tracing::debug!(%error, "http: socket options refused");
    }
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let reply = routes::answer(request.method(), request.uri().path(), &*probe);
        async move { Ok::<_, Infallible>(reply) }
    });
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(limits.head_bytes_max)
            .max_headers(limits.headers_max)
            .serve_connection(TokioIo::new(stream), service)
    );
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "http: connection ended early");
    }
}

fn set_options(stream: &TcpStream, limits: Limits) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // hyper has no limit of its own on a peer that does not read.
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(limits.write_timeout))
}

#[cfg(test)]
mod tests;
