//! One connection: read, decode, execute, flush.
//!
//! A connection is a hand-written future on its worker's thread. It owns memory only for a request
//! that is not all here yet and for output the peer has not taken; everything else (the read
//! buffer, spans, the reply buffer) belongs to the worker and is lent for one turn. A turn reads
//! once, executes every whole request in batches, writes each batch's replies with one call, and
//! goes on until there is nothing to read or its share is used up.

pub mod pool;
pub mod stream;

use crate::commands::table::Registered;
use crate::dispatch::{self, Engine, Next, Prepared};
use crate::error::Error;
use crate::metrics::Counter;
use crate::protocol::request::{Decoded, Decoder, Limits, ProtocolError, QUOTED, split_inline};
use crate::protocol::{Args, Output, Reply, Span};
use crate::session::{Doom, Session, Shared};
use pool::{Finished, Pool};
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
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
/// Bytes of input, likewise.
const INPUT_PER_TURN: usize = 64 * 1024;
/// Read-buffer growth stops doubling here and goes on in steps of this size.
const INPUT_STEP_MAX: usize = 16 << 20;
/// Clusters of prefetches are worth their overhead from this many requests on.
const PREFETCH_MIN: usize = 2;

/// What a worker lends to the connection whose turn it is.
pub struct Desk {
    /// Executes requests.
    pub engine: Engine,
    /// Where long work goes.
    pub pool: Pool,
    scratch: Vec<u8>,
    /// The size of `scratch`, which is elsewhere while its contents are executed.
    buffer_bytes: usize,
    spans: Vec<Span>,
    requests: Vec<Request>,
    out: Output,
    spare: Vec<Vec<u8>>,
}

/// A decoded request: its spans, where it ends in the input, and what is known of it.
#[derive(Clone, Copy)]
struct Request {
    spans: (u32, u32),
    end: usize,
    prepared: Prepared,
}

impl Desk {
    /// A worker's desk.
    pub fn new(engine: Engine, pool: Pool) -> Desk {
        let scratch = vec![0; engine.config().server.buffer_size as usize];
        Desk {
            engine,
            pool,
            buffer_bytes: scratch.len(),
            scratch,
            spans: Vec::new(),
            requests: Vec::new(),
            out: Output::default(),
            spare: Vec::new(),
        }
    }

    /// Makes the desk fit for the next connection after a panic left it as it was: without another
    /// client's replies, and with a buffer to read into.
    fn tidy_up(&mut self) {
        self.out = Output::default();
        self.spans.clear();
        self.requests.clear();
        self.scratch
            .resize(self.engine.config().server.buffer_size as usize, 0);
        self.engine.end_batch();
    }

    /// A buffer for a connection that must keep input.
    fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a buffer back for the next connection.
    fn recycle(&mut self, mut buffer: Vec<u8>) {
        let server = &self.engine.config().server;
        let fits = (1..=server.buffer_size as usize).contains(&buffer.capacity());
        if fits && self.spare.len() < server.buffer_pool_size as usize {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}

/// A connection and its client. Completes when the connection is closed.
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
    output: Output,
    /// TLS holds bytes of `output` that the socket has not taken.
    unflushed: bool,
    waiting: Waiting,
    closing: bool,
    started: bool,
    shared: Arc<Shared>,
}

/// Why a connection does not go on with its next request.
enum Waiting {
    No,
    Job(Finished, &'static Registered),
    Pause(Pin<Box<Sleep>>),
}

/// Why a batch of requests ended.
enum Stopped {
    /// All whole requests were executed.
    Dry,
    /// The connection's share of the worker is used up, or it has something to wait for.
    Full,
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
            output: Output::default(),
            unflushed: false,
            waiting: Waiting::No,
            closing: false,
            started: false,
        }
    }

    /// One turn. `Ready` when the connection is to be closed.
    fn turn(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut share = Share::default();
        loop {
            match self.session.client.doomed() {
                // The server ends: first what has been received is answered, see below.
                None | Some(Doom::Shutdown) => {}
                Some(doom) => return self.end(desk, doom, cx),
            }
            if let Some(mail) = self.session.client.take_mail() {
                self.output.buffer().extend_from_slice(&mail);
            }
            if !self.output.is_empty() || self.unflushed {
                let mut output = std::mem::take(&mut self.output);
                let flushed = self.poll_write_out(desk, &mut output, cx);
                if !output.is_empty() {
                    output.settle();
                    self.output = output;
                }
                self.publish_held();
                ready!(flushed)?;
            }
            if self.closing {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_waiting(desk, cx));
            // A job has replied, or failed.
            if self.closing || !self.output.is_empty() {
                continue;
            }
            if share.is_used_up() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if self.input.len() - self.input_at > 0 && self.input.len() >= self.input_needed {
                self.execute_kept(desk, cx, &mut share)?;
                continue;
            }
            match self.poll_input(desk, cx, &mut share)? {
                Poll::Ready(0) => return Poll::Ready(Ok(())),
                Poll::Ready(_) => {}
                Poll::Pending => {
                    return match self.session.client.doomed() {
                        Some(doom) => self.end(desk, doom, cx),
                        None => Poll::Pending,
                    };
                }
            }
        }
    }

    /// Closes for a reason other than the peer's.
    fn end(&mut self, desk: &mut Desk, doom: Doom, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sheet = &desk.engine.sheet;
        match doom {
            Doom::TimedOut => sheet.add(Counter::TimedOut, 1),
            Doom::OutputLimit => sheet.add(Counter::OutputLimitDisconnects, 1),
            Doom::Shed => sheet.add(Counter::ClientsShed, 1),
            Doom::Killed | Doom::Shutdown => {}
        }
        // One last attempt to deliver what is owed; a peer that does not read loses it.
        let mut output = std::mem::take(&mut self.output);
        let _ = self.poll_write_out(desk, &mut output, cx);
        Poll::Ready(Ok(()))
    }

    /// Waits for a job or the end of a pause.
    fn poll_waiting(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.waiting {
            Waiting::No => {}
            Waiting::Pause(sleep) => {
                let paused = desk
                    .engine
                    .shared
                    .pause
                    .until_ms(true, desk.engine.shared.clock.now_ms());
                if paused.is_some() {
                    ready!(sleep.as_mut().poll(cx));
                }
                self.waiting = Waiting::No;
            }
            Waiting::Job(finished, command) => {
                let command = *command;
                match ready!(Pin::new(finished).poll(cx)) {
                    Ok((mut out, spent)) => {
                        let spent_ns = spent.as_nanos() as u64;
                        desk.engine.finish_offloaded(
                            &mut self.session,
                            command,
                            spent_ns,
                            &mut out,
                        );
                        self.output.append(&mut out);
                        self.publish_held();
                    }
                    // The job panicked; the connection's requests and replies no longer pair.
                    Err(_) => self.closing = true,
                }
                self.waiting = Waiting::No;
            }
        }
        Poll::Ready(())
    }

    /// Reads once, then executes what is whole. Returns the number of bytes read.
    fn poll_input(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
        share: &mut Share,
    ) -> Poll<io::Result<usize>> {
        if self.input.is_empty() {
            let mut scratch = std::mem::take(&mut desk.scratch);
            let read = self.stream.poll_read(cx, &mut scratch);
            let result = match read {
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.received(desk, count);
                    self.execute_fresh(desk, cx, &scratch[..count], share)
                        .map(|()| count)
                }
                Poll::Ready(other) => other,
                Poll::Pending => {
                    desk.scratch = scratch;
                    return Poll::Pending;
                }
            };
            desk.scratch = scratch;
            return Poll::Ready(result);
        }
        let count = ready!(self.poll_read_more(desk, cx))?;
        if count > 0 {
            self.received(desk, count);
            if self.input.len() >= self.input_needed {
                self.execute_kept(desk, cx, share)?;
            }
        }
        Poll::Ready(Ok(count))
    }

    /// Reads into the kept input. Memory grows with what has arrived, never on the peer's word.
    fn poll_read_more(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input_at > 0 {
            self.input.drain(..self.input_at);
            self.input_needed = self.input_needed.saturating_sub(self.input_at);
            self.input_at = 0;
        }
        let filled = self.input.len();
        let wanted = self.input_needed.saturating_sub(filled).max(1);
        let step = wanted.min(filled.clamp(desk.buffer_bytes, INPUT_STEP_MAX));
        if self.input.capacity() - filled < step {
            self.input.reserve_exact(step);
        }
        self.input.resize(filled + step, 0);
        let read = self.stream.poll_read(cx, &mut self.input[filled..]);
        let count = match &read {
            Poll::Ready(Ok(count)) => *count,
            _ => 0,
        };
        self.input.truncate(filled + count);
        self.publish_held();
        read
    }

    fn received(&mut self, desk: &mut Desk, count: usize) {
        let sheet = &desk.engine.sheet;
        sheet.add(Counter::Reads, 1);
        sheet.add(Counter::ReceivedBytes, count as u64);
        self.session
            .client
            .received_bytes
            .fetch_add(count as u64, Relaxed);
    }

    /// Executes the requests in bytes just read; what is left of them is kept.
    fn execute_fresh(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
        data: &[u8],
        share: &mut Share,
    ) -> io::Result<()> {
        let consumed = self.execute(desk, cx, data, 0, share)?;
        if consumed < data.len() && !self.closing {
            self.input = desk.buffer();
            self.input.extend_from_slice(&data[consumed..]);
            self.input_at = 0;
            self.input_needed = self.input_needed.saturating_sub(consumed);
            self.publish_held();
        }
        Ok(())
    }

    /// Executes the requests in the kept input.
    fn execute_kept(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
        share: &mut Share,
    ) -> io::Result<()> {
        let input = std::mem::take(&mut self.input);
        let consumed = self.execute(desk, cx, &input, self.input_at, share);
        self.input_at = *consumed.as_ref().unwrap_or(&0);
        if self.input_at == input.len() {
            self.input_at = 0;
            self.input_needed = 0;
            desk.recycle(input);
        } else {
            self.input = input;
        }
        self.publish_held();
        consumed.map(|_| ())
    }

    /// Executes whole requests from `at` on, batch by batch. Returns how far it got.
    fn execute(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
        data: &[u8],
        mut at: usize,
        share: &mut Share,
    ) -> io::Result<usize> {
        let before = at;
        while at < data.len() {
            let decoded = self.decode(desk, data, at);
            desk.engine.begin_batch();
            prefetch(desk, data, self.session.db);
            let (end, stopped) = self.execute_batch(desk, data, at, share);
            at = end;
            desk.engine.end_batch();
            if let Err(error) = &decoded
                && !self.closing
                && matches!(stopped, Stopped::Dry)
            {
                self.refuse(desk, *error);
            }
            self.publish(desk);
            let flushed = self.write_batch(desk, cx)?;
            let dry = !matches!(decoded, Ok(true)) && matches!(stopped, Stopped::Dry);
            if self.closing || !flushed || dry || matches!(stopped, Stopped::Full) {
                break;
            }
        }
        share.input_bytes += at - before;
        Ok(at)
    }

    /// Decodes up to a batch of requests from `at` on. False when the last is not all here.
    fn decode(
        &mut self,
        desk: &mut Desk,
        data: &[u8],
        mut at: usize,
    ) -> Result<bool, ProtocolError> {
        let Desk {
            spans,
            requests,
            engine,
            ..
        } = desk;
        spans.clear();
        requests.clear();
        let limits = limits(engine, &self.session);
        // Before authentication each request may change what the next one is allowed.
        let batch = if limits.authenticated {
            engine.config().server.batch_size as usize
        } else {
            1
        };
        while requests.len() < batch {
            let first = spans.len();
            match self.decoder.decode(data, at, &limits, spans)? {
                Decoded::Request { end } => {
                    let prepared = match spans.get(first) {
                        Some(span) if span.len != QUOTED => {
                            Engine::prepare(Args::new(data, &spans[first..]))
                        }
                        _ => Prepared::default(),
                    };
                    requests.push(Request {
                        spans: (first as u32, spans.len() as u32),
                        end,
                        prepared,
                    });
                    at = end;
                }
                Decoded::Incomplete { total } => {
                    self.input_needed = at + total;
                    let limits = &engine.config().limits;
                    let most = if self.session.authenticated {
                        limits.query_buffer_limit
                    } else {
                        limits.preauth_query_buffer
                    };
                    if (data.len() - at) as u64 > most {
                        self.session.client.doom(Doom::OutputLimit);
                    }
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Executes the decoded requests in order. Returns where the last one executed ends.
    fn execute_batch(
        &mut self,
        desk: &mut Desk,
        data: &[u8],
        start: usize,
        share: &mut Share,
    ) -> (usize, Stopped) {
        let mut at = start;
        for index in 0..desk.requests.len() {
            let Request {
                spans: (first, last),
                end,
                prepared,
            } = desk.requests[index];
            let Desk {
                engine, spans, out, ..
            } = desk;
            let args = Args::new(data, &spans[first as usize..last as usize]);
            let next = if last == first {
                Next::Go
            } else if spans[first as usize].len == QUOTED {
                let line = Args::new(data, &spans[first as usize + 1..last as usize]);
                match split_inline(line.at(0)) {
                    Ok(owned) if owned.as_args().len() > 0 => {
                        let args = owned.as_args();
                        engine.execute(&mut self.session, args, Engine::prepare(args), out)
                    }
                    Ok(_) => Next::Go,
                    Err(error) => {
                        self.refuse(desk, error);
                        return (end, Stopped::Full);
                    }
                }
            } else {
                engine.execute(&mut self.session, args, prepared, out)
            };
            share.commands += 1;
            match next {
                Next::Go => at = end,
                Next::Close => {
                    self.closing = true;
                    return (end, Stopped::Full);
                }
                Next::Await(job, command) => {
                    self.waiting = Waiting::Job(desk.pool.submit(job), command);
                    return (end, Stopped::Full);
                }
                Next::Paused(until_ms) => {
                    let now_ms = desk.engine.now_ms;
                    let rest = Duration::from_millis(until_ms.saturating_sub(now_ms).max(1));
                    self.waiting = Waiting::Pause(Box::pin(tokio::time::sleep(rest)));
                    return (at, Stopped::Full);
                }
            }
            if share.commands >= COMMANDS_PER_TURN {
                return (at, Stopped::Full);
            }
        }
        (at, Stopped::Dry)
    }

    /// Replies to malformed bytes and closes.
    fn refuse(&mut self, desk: &mut Desk, error: ProtocolError) {
        desk.engine.sheet.add(Counter::ProtocolErrors, 1);
        let error = Error::Protocol(error);
        self.shared.metrics.count_error(&error.code());
        Reply::new(&mut desk.out, self.session.protocol).error(&error);
        self.closing = true;
    }

    /// Sends a batch's replies. False when the peer does not take them all now; the rest is kept
    /// and nothing more is executed until it is gone.
    fn write_batch(&mut self, desk: &mut Desk, cx: &mut Context<'_>) -> io::Result<bool> {
        if desk.out.is_empty() {
            return Ok(true);
        }
        let mut out = std::mem::take(&mut desk.out);
        let written = self.poll_write_out(desk, &mut out, cx);
        if out.is_empty() {
            if out.held_bytes() <= desk.buffer_bytes * 4 {
                desk.out = out;
            }
        } else {
            out.settle();
            self.output = out;
            self.publish_held();
        }
        match written {
            Poll::Ready(result) => result.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// Writes until everything is sent or the socket is full.
    fn poll_write_out(
        &mut self,
        desk: &mut Desk,
        out: &mut Output,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !out.is_empty() {
            let count = match out.as_single_slice() {
                Some(bytes) => ready!(self.stream.poll_write(cx, bytes))?,
                None => {
                    let mut slices: Vec<IoSlice<'_>> = Vec::new();
                    out.slices(&mut slices);
                    ready!(self.stream.poll_write_slices(cx, &slices))?
                }
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            out.consume(count);
            desk.engine.sheet.add(Counter::Writes, 1);
            desk.engine.sheet.add(Counter::SentBytes, count as u64);
            self.session
                .client
                .sent_bytes
                .fetch_add(count as u64, Relaxed);
        }
        let flushed = self.stream.poll_flush(cx);
        self.unflushed = flushed.is_pending();
        flushed
    }

    /// Publishes what `CLIENT LIST` shows, once a batch.
    fn publish(&mut self, desk: &Desk) {
        let client = &self.session.client;
        client.active_ms.store(desk.engine.now_ms, Relaxed);
    }

    /// Publishes how much memory is held for this client.
    fn publish_held(&self) {
        let client = &self.session.client;
        let input = self.input.capacity() + self.decoder.held_bytes();
        client.input_bytes.store(input as u64, Relaxed);
        client
            .output_bytes
            .store(self.output.held_bytes() as u64, Relaxed);
    }
}

impl Future for Connection {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.started {
            this.session.client.set_waker(cx.waker());
            this.started = true;
        }
        let desk = Rc::clone(&this.desk);
        let mut desk = desk.borrow_mut();
        // A failed read or write means the peer is gone; there is nobody to tell.
        let _ = ready!(this.turn(&mut desk, cx));
        let _ = this.stream.poll_shutdown(cx);
        Poll::Ready(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        if panicked {
            self.shared.metrics.panics.fetch_add(1, Relaxed);
        }
        // While unwinding from a panic the desk may still be borrowed.
        if let Ok(mut desk) = self.desk.try_borrow_mut() {
            if panicked {
                desk.tidy_up();
            }
            dispatch::disconnect(&mut desk.engine, &mut self.session);
            let input = std::mem::take(&mut self.input);
            desk.recycle(input);
        }
        self.shared.clients.remove(&self.session.client);
    }
}

/// How much of a turn a connection has used.
#[derive(Default)]
struct Share {
    commands: usize,
    input_bytes: usize,
}

impl Share {
    fn is_used_up(&self) -> bool {
        self.commands >= COMMANDS_PER_TURN || self.input_bytes >= INPUT_PER_TURN
    }
}

/// Starts loading what a batch is going to touch: shards, then buckets, then entries.
fn prefetch(desk: &Desk, _data: &[u8], db: usize) {
    if desk.requests.len() < PREFETCH_MIN {
        return;
    }
    let keyspace = &desk.engine.shared.keyspace;
    let hashes = || {
        desk.requests
            .iter()
            .filter_map(|request| request.prepared.hash)
    };
    hashes().for_each(|hash| keyspace.prefetch_shard(hash));
    keyspace.garbage.pinned(desk.engine.local.reader, || {
        hashes().for_each(|hash| keyspace.prefetch_bucket(db, hash));
        let lines = hashes()
            .next()
            .map_or(1, |hash| keyspace.typical_lines(db, hash));
        hashes().for_each(|hash| keyspace.prefetch_entry(db, hash, lines));
    });
}

/// What a client may send now.
fn limits(engine: &Engine, session: &Session) -> Limits {
    let limits = &engine.config().limits;
    if session.authenticated {
        Limits {
            arguments: limits.max_arguments as usize,
            bulk_bytes: limits.max_bulk_bytes as usize,
            inline_bytes: limits.max_inline_bytes as usize,
            authenticated: true,
        }
    } else {
        Limits {
            arguments: limits.preauth_arguments as usize,
            bulk_bytes: limits.preauth_bulk_bytes as usize,
            inline_bytes: limits.preauth_inline_bytes as usize,
            authenticated: false,
        }
    }
}
