//! One connection: read, decode, execute, flush.
//!
//! A connection is a hand-written future on its worker's thread. It owns memory only for a request
//! that is not all here yet and for output the peer has not taken; everything else (the read
//! buffer, spans, the reply buffer) belongs to the worker's [`Desk`] and is lent for one turn. A
//! turn reads once, executes every whole request in batches, writes each batch's replies with one
//! call, and goes on until there is nothing to read or its share is used up. What others post to its
//! client is sent by the worker's postman ([`Postman`]), if that is all there is to do.
//!
//! Invariants: nothing is executed while earlier output waits to be written, so that a peer that
//! does not read its replies costs one batch of them; whatever was written to the output is
//! flushed, or wants the socket to become writable, before a turn ends; a panic costs the
//! connection it happened on.

mod desk;
mod incoming;
pub mod pool;
mod postman;
mod receive;
mod send;
pub mod stream;

pub use desk::Desk;
pub use postman::{Postman, Seats, Serving};

use crate::commands::table::Registered;
use crate::dispatch::{self, Blocked};
use crate::metrics::{Counter, bump};
use crate::protocol::Output;
use crate::protocol::request::Decoder;
use crate::session::{Doom, Flag, Session, Shared};
use incoming::{Incoming, Wanted};
use pool::Finished;
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use stream::Stream;
use tokio::time::Sleep;

/// Commands after which a connection lets others have their turn.
const COMMANDS_PER_TURN: usize = 256;
/// Bytes of input (and a quarter of those of output), likewise.
const BYTES_PER_TURN: usize = 64 * 1024;
/// Bytes that are received while a request waits for keys; beyond, the peer's end is noticed only
/// when the wait is over.
const KEPT_WHILE_WAITING_MAX: usize = 64 * 1024;

/// A connection and its client.
pub struct Connection {
    desk: Rc<RefCell<Desk>>,
    stream: Stream,
    session: Session,
    decoder: Decoder,
    /// Input not executed yet, from `input_at` on.
    input: Vec<u8>,
    input_at: usize,
    /// Length of input below which another decode cannot succeed.
    input_needed: usize,
    /// A large argument of the request that the input ends with: where it begins, then what has
    /// come of it.
    large_wanted: Option<Wanted>,
    incoming: Option<Incoming>,
    /// What to read at most where nothing is known of the request yet.
    first_read: usize,
    output: Output,
    /// The stream may hold bytes back until it is flushed, as TLS does.
    unflushed: bool,
    waiting: Waiting,
    /// Close once the output is sent; nothing more is executed.
    closing: bool,
    /// The server ends: close once nothing more is there to be read.
    draining: bool,
    shared: Arc<Shared>,
}

/// Why a connection does not go on with its next request.
enum Waiting {
    No,
    Job(Finished, &'static Registered),
    /// The request waits for its keys, for so long.
    Keys(Box<Blocked>, Option<Pin<Box<Sleep>>>),
    /// The request is to be tried again then, or, of a `CLIENT PAUSE`, as soon as that ends.
    Pause {
        until: Pin<Box<Sleep>>,
        by_command: bool,
    },
}

impl Connection {
    /// For a client that has just been accepted.
    pub fn new(desk: Rc<RefCell<Desk>>, stream: Stream, session: Session) -> Connection {
        let shared = Arc::clone(&desk.borrow().engine.shared);
        Connection {
            shared,
            desk,
            stream,
            session,
            decoder: Decoder::default(),
            input: Vec::new(),
            input_at: 0,
            input_needed: 0,
            large_wanted: None,
            incoming: None,
            first_read: usize::MAX,
            output: Output::default(),
            unflushed: false,
            waiting: Waiting::No,
            closing: false,
            draining: false,
        }
    }

    /// Its task, on one of these seats. Completes when the connection is closed.
    pub fn serve(self, seats: Rc<Seats>) -> Serving {
        Serving::new(self, seats)
    }

    /// One turn. `Ready` when the connection is to be closed.
    fn turn(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut share = Share::default();
        loop {
            match self.session.client.doomed() {
                None | Some(Doom::Closing) => {}
                Some(Doom::Shutdown) => self.draining = true,
                Some(doom) => return self.end(desk, doom, cx),
            }
            let waits = self.poll_waiting(desk, cx).is_pending();
            self.take_mail(desk);
            ready!(self.poll_flush(desk, cx))?;
            if self.closing {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return self.watch_peer(desk, cx);
            }
            if share.is_used_up() {
                give_way(cx);
                return Poll::Pending;
            }
            if self.input.len() > self.input_at && self.input.len() >= self.input_needed {
                self.execute_kept(desk, cx, &mut share)?;
                continue;
            }
            match self.poll_input(desk, cx, &mut share) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(read) => read.map(drop)?,
                Poll::Pending if self.draining => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Executes nothing more, and closes once the output is sent.
    fn begin_closing(&mut self) {
        self.closing = true;
        self.session.client.begin_closing();
    }

    /// Closes for a reason other than the peer's.
    fn end(&mut self, desk: &mut Desk, doom: Doom, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sheet = &desk.engine.sheet;
        match doom {
            Doom::TimedOut => sheet.add(Counter::TimedOut, 1),
            Doom::OutputLimit => sheet.add(Counter::OutputLimitDisconnects, 1),
            Doom::InputLimit => sheet.add(Counter::QueryLimitDisconnects, 1),
            Doom::Shed => sheet.add(Counter::ClientsShed, 1),
            Doom::Killed | Doom::Shutdown | Doom::Ended | Doom::Closing => {}
        }
        if !matches!(doom, Doom::Killed | Doom::Shutdown | Doom::Ended) {
            let client = &self.session.client;
            tracing::info!(client = client.id, address = %client.address, ?doom, "disconnected");
        }
        // One last attempt to deliver what is owed; a peer that does not read loses it.
        let mut output = std::mem::take(&mut self.output);
        let _ = self.poll_write_out(desk, &mut output, cx);
        Poll::Ready(Ok(()))
    }

    /// Waits for a job or the end of a pause.
    fn poll_waiting(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.waiting {
            Waiting::No => return Poll::Ready(()),
            Waiting::Pause { until, by_command } => {
                let shared = &desk.engine.shared;
                if !*by_command || shared.pause.is_active(shared.clock.now_ms()) {
                    ready!(until.as_mut().poll(cx));
                }
                self.session.client.set(Flag::Blocked, false);
            }
            Waiting::Keys(..) => ready!(self.poll_keys(desk, cx)),
            Waiting::Job(finished, command) => {
                let command = *command;
                let finished = ready!(Pin::new(finished).poll(cx));
                self.session.client.set(Flag::Busy, false);
                match finished {
                    Ok((mut out, spent)) => {
                        desk.engine.begin_batch();
                        let ns = spent.as_nanos() as u64;
                        let session = &mut self.session;
                        let closes = session.take_back();
                        desk.engine.finish_offloaded(session, command, ns, &mut out);
                        desk.engine.end_batch();
                        self.owe(desk, &mut out);
                        self.publish(desk, 1);
                        if closes {
                            self.begin_closing();
                        }
                    }
                    // The job panicked; the connection's requests and replies no longer pair.
                    Err(_) => self.closing = true,
                }
            }
        }
        self.waiting = Waiting::No;
        Poll::Ready(())
    }

    /// Looks whether a request that waits for keys has come to something.
    fn poll_keys(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<()> {
        let Waiting::Keys(blocked, sleep) = &mut self.waiting else {
            unreachable!("the caller has seen it")
        };
        if let Some(sleep) = sleep {
            // The clock decides whether time is up; this only sees to it that it is asked.
            let _ = sleep.as_mut().poll(cx);
        }
        let Some(mut out) = desk.engine.poll_blocked(&mut self.session, blocked) else {
            if let (Some(until), Some(sleep)) = (blocked.until_ms, sleep)
                && sleep.is_elapsed()
            {
                let left = until.saturating_sub(desk.engine.now_ms).max(1);
                let at = tokio::time::Instant::now() + Duration::from_millis(left);
                sleep.as_mut().reset(at);
                let _ = sleep.as_mut().poll(cx);
            }
            return Poll::Pending;
        };
        let command = blocked.command;
        self.session.client.end_waiting();
        desk.engine.begin_batch();
        let session = &mut self.session;
        desk.engine.finish_offloaded(session, command, 0, &mut out);
        desk.engine.end_batch();
        self.owe(desk, &mut out);
        self.publish(desk, 1);
        Poll::Ready(())
    }

    /// While a request waits for keys: notices when the peer goes, and keeps what it sends.
    fn watch_peer(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.waiting, Waiting::Keys(..)) {
            return Poll::Pending;
        }
        if self.draining {
            return Poll::Ready(Ok(()));
        }
        while self.input.len() - self.input_at < KEPT_WHILE_WAITING_MAX {
            if ready!(self.poll_keep(desk, cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }

    /// Publishes what `CLIENT LIST` shows, once a batch.
    fn publish(&mut self, desk: &Desk, commands: usize) {
        let client = &self.session.client;
        client.active_ms.store(desk.engine.now_ms, Relaxed);
        bump(&client.commands, commands as u64);
    }

    /// Publishes how much memory is held for this client.
    fn publish_held(&self) {
        let client = &self.session.client;
        // What has not arrived of a large argument is not resident.
        let large = self.large_bytes();
        let input = self.input.capacity() + self.decoder.held_bytes() + large;
        let used = self.input.len() - self.input_at + large;
        client.input_bytes.store(input as u64, Relaxed);
        client.input_used_bytes.store(used as u64, Relaxed);
        let output = self.output.held_bytes();
        client.output_bytes.store(output as u64, Relaxed);
    }

    /// What is held of the large arguments of the request under way, in bytes.
    fn large_bytes(&self) -> usize {
        let supplied = self.decoder.supplied().iter().map(|value| value.len());
        supplied.sum::<usize>() + self.incoming.as_ref().map_or(0, Incoming::len)
    }

    /// One turn, in which a panic does not go further than this connection.
    fn guarded_turn(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let turn = self.guarded(desk, |connection, desk| connection.turn(desk, cx));
        turn.unwrap_or(Poll::Ready(Ok(())))
    }

    /// Does something in which a panic does not go further than this connection; `None` after one,
    /// when the connection is to be closed.
    fn guarded<T>(
        &mut self,
        desk: &mut Desk,
        act: impl FnOnce(&mut Connection, &mut Desk) -> T,
    ) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| act(self, desk)));
        if done.is_err() {
            let client = &self.session.client;
            tracing::error!(client = client.id, address = %client.address, "disconnected by a panic");
            self.shared.metrics.panics.fetch_add(1, Relaxed);
            desk.recover();
            client.doom(Doom::Killed);
        }
        done.ok()
    }

    /// A turn of its task. `Ready` when the connection is closed.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let desk = Rc::clone(&self.desk);
        let mut desk = desk.borrow_mut();
        // A failed read or write means the peer is gone; there is nobody to tell.
        let _ = ready!(self.guarded_turn(&mut desk, cx));
        // Whoever sees the end of the connection finds the client forgotten.
        self.leave(&mut desk);
        self.shared.clients.remove(&self.session.client);
        let _ = self.stream.poll_shutdown(cx);
        Poll::Ready(())
    }

    /// Releases what its client holds: what it waits for, watches, listens to. Twice is once.
    fn leave(&mut self, desk: &mut Desk) {
        if let Waiting::Keys(blocked, _) = &self.waiting {
            desk.engine.abandon(&self.session, blocked);
        }
        dispatch::disconnect(&mut desk.engine, &mut self.session);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Borrowed only while a turn of this worker is under way; then the process is ending.
        let desk = Rc::clone(&self.desk);
        if let Ok(mut desk) = desk.try_borrow_mut() {
            self.leave(&mut desk);
            desk.recycle(std::mem::take(&mut self.input));
        }
        self.shared.clients.remove(&self.session.client);
    }
}

/// Wakes this task again once others have had their turn, those included whose sockets have become
/// ready meanwhile.
fn give_way(cx: &mut Context<'_>) {
    let others = std::pin::pin!(tokio::task::yield_now());
    // Its first poll leaves the waker to the runtime, which wakes it after it has looked at sockets.
    let _ = others.poll(cx);
}

/// How much of a turn a connection has used.
#[derive(Default)]
struct Share {
    commands: usize,
    bytes: usize,
}

impl Share {
    fn is_used_up(&self) -> bool {
        self.commands >= COMMANDS_PER_TURN || self.bytes >= BYTES_PER_TURN
    }
}
