//! Bytes from the peer, and the requests in them.

use super::desk::{Desk, Request};
use super::incoming::{LARGE_MIN, Wanted};
use super::{Connection, Share, Waiting};
use crate::commands::table::Registered;
use crate::config::Config;
use crate::dispatch::{Engine, Next, Prepared};
use crate::error::Error;
use crate::metrics::{Counter, bump};
use crate::protocol::request::{Decoded, Limits, ProtocolError, QUOTED, split_inline};
use crate::protocol::{Args, Reply};
use crate::session::{Doom, Flag, ReplyMode};
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Room for one read into a buffer of the connection's own: at least this, and at most that.
const READ_MIN: usize = 16 * 1024;
const READ_MAX: usize = 256 * 1024;
/// Replies are sent before the batch is over once there are this many bytes of them.
const SEND_AT_BYTES: usize = 256 * 1024;
/// The largest offset that a span can have, less what one read may add.
const SPANNED_MAX: u64 = (u32::MAX - (1 << 30)) as u64;
/// A paused request looks up at least this often.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// Why a batch of requests ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopped {
    /// All whole requests were executed.
    Dry,
    /// There is enough to send.
    Send,
    /// The connection's share of the worker is used up, or it has something to wait for.
    Full,
}

impl Connection {
    /// Reads once, then executes what is whole. Returns the number of bytes read.
    pub(super) fn poll_input(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
        share: &mut Share,
    ) -> Poll<io::Result<usize>> {
        if self.incoming.is_some() {
            return self.poll_large(desk, cx, share);
        }
        if !self.input.is_empty() {
            let count = ready!(self.poll_read_more(cx))?;
            if count > 0 {
                self.received(desk, share, count);
                if self.input.len() < self.input_needed {
                    self.hold(desk.engine.config(), self.input.len());
                }
            }
            return Poll::Ready(Ok(count));
        }
        let mut scratch = std::mem::take(&mut desk.scratch);
        let room = scratch.len().min(self.first_read);
        let mut read = self.stream.poll_read(cx, &mut scratch[..room]);
        if let Poll::Ready(Ok(count @ 1..)) = read {
            self.received(desk, share, count);
            let executed = self.execute_fresh(desk, cx, &scratch[..count], share);
            read = Poll::Ready(executed.map(|()| count));
        }
        desk.scratch = scratch;
        read
    }

    /// Reads once, and keeps what was read without executing it.
    pub(super) fn poll_keep(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.incoming.is_some() {
            // A large value is on its way: it is received when the wait is over.
            return Poll::Pending;
        }
        if !self.input.is_empty() {
            let count = ready!(self.poll_read_more(cx))?;
            self.received(desk, &mut Share::default(), count);
            return Poll::Ready(Ok(count));
        }
        let mut scratch = std::mem::take(&mut desk.scratch);
        let read = self.stream.poll_read(cx, &mut scratch);
        if let Poll::Ready(Ok(count @ 1..)) = read {
            self.input = desk.buffer();
            self.input.extend_from_slice(&scratch[..count]);
            self.received(desk, &mut Share::default(), count);
            self.publish_held();
        }
        desk.scratch = scratch;
        read
    }

    /// Reads into the kept input. Memory grows with what has arrived, never on the peer's word:
    /// at most to twice that.
    fn poll_read_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input_at > 0 {
            self.input.drain(..self.input_at);
            self.input_needed = self.input_needed.saturating_sub(self.input_at);
            self.input_at = 0;
        }
        let filled = self.input.len();
        let wanted = self.input_needed.saturating_sub(filled);
        let step = wanted.clamp(READ_MIN, READ_MAX);
        if self.input.capacity() - filled < step {
            self.input.reserve_exact(wanted.min(filled).max(step));
        }
        let read = self.stream.poll_append(cx, &mut self.input, step);
        self.publish_held();
        read
    }

    pub(super) fn received(&mut self, desk: &Desk, share: &mut Share, count: usize) {
        share.bytes += count;
        let sheet = &desk.engine.sheet;
        sheet.add(Counter::Reads, 1);
        sheet.add(Counter::ReceivedBytes, count as u64);
        bump(&self.session.client.received_bytes, count as u64);
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
            self.keep_rest(desk, &data[consumed..], consumed)?;
            self.publish_held();
        } else {
            self.first_read = usize::MAX;
        }
        Ok(())
    }

    /// Keeps what was not executed, `rest`, which began at offset `consumed`: in a buffer of its
    /// own, and what is there of a large argument where the rest of that will go.
    fn keep_rest(&mut self, desk: &mut Desk, rest: &[u8], consumed: usize) -> io::Result<()> {
        let mut input = desk.buffer();
        self.input_at = 0;
        self.input_needed = self.input_needed.saturating_sub(consumed);
        match self.large_wanted.take() {
            None => input.extend_from_slice(rest),
            Some(wanted) => {
                let end = self.begin_large(rest, wanted)?;
                input.extend_from_slice(&rest[..wanted.at]);
                input.extend_from_slice(&rest[end..]);
            }
        }
        self.input = input;
        Ok(())
    }

    /// Executes the requests in the kept input. What is left stays where it is, or moves to a
    /// buffer of its size when that of a large request can be given back.
    pub(super) fn execute_kept(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
        share: &mut Share,
    ) -> io::Result<()> {
        let input = std::mem::take(&mut self.input);
        let start = std::mem::take(&mut self.input_at);
        let consumed = self.execute(desk, cx, &input, start, share)?;
        let rest = input.len() - consumed;
        self.input_at = consumed;
        if rest == 0 {
            self.input_at = 0;
            self.restart_decoding();
            desk.recycle(input);
        } else if self.large_wanted.is_some()
            || input.capacity() > 2 * READ_MAX && rest < input.capacity() / 4
        {
            self.keep_rest(desk, &input[consumed..], consumed)?;
            desk.recycle(input);
        } else {
            self.input = input;
        }
        self.publish_held();
        Ok(())
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
        while at < data.len() {
            desk.engine.begin_requests(&mut self.session);
            let decoded = self.decode(desk, data, at);
            desk.prefetch(self.session.db, data, self.decoder.supplied());
            let before = share.commands;
            let (end, stopped) = self.execute_batch(desk, data, at, share);
            if end > at {
                self.decoder.release();
            }
            at = end;
            desk.engine.end_batch();
            self.publish(desk, share.commands - before);
            let dry = stopped == Stopped::Dry;
            if !dry {
                // The decoder is past requests that were not executed: they are decoded again.
                self.restart_decoding();
            } else if let Err(error) = decoded {
                self.refuse(desk, error);
            }
            share.bytes += desk.out.len() / 4;
            let sent = self.write_batch(desk, cx)?;
            let more = decoded == Ok(true) || stopped == Stopped::Send;
            let doomed = self.session.client.doomed().is_some();
            if self.closing || doomed || !sent || !more || stopped == Stopped::Full {
                break;
            }
        }
        Ok(at)
    }

    fn restart_decoding(&mut self) {
        self.decoder.restart();
        self.large_wanted = None;
        self.input_needed = 0;
    }

    /// Decodes up to a batch of requests from `at` on. False when the last is not all here.
    fn decode(
        &mut self,
        desk: &mut Desk,
        data: &[u8],
        mut at: usize,
    ) -> Result<bool, ProtocolError> {
        desk.clear_batch();
        let Desk {
            spans,
            requests,
            engine,
            ..
        } = desk;
        let limits = limits(engine, self.session.is_admitted(&engine.shared.acl));
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
                    let large = self.decoder.supplied();
                    let prepared = match spans.get(first) {
                        Some(span) if span.len != QUOTED => {
                            Engine::prepare(Args::with_large(data, &spans[first..], large))
                        }
                        _ => Prepared::default(),
                    };
                    requests.push(Request {
                        spans: (first as u32, spans.len() as u32),
                        end,
                        prepared,
                    });
                    at = end;
                    // What was supplied is of one request.
                    if !large.is_empty() {
                        break;
                    }
                }
                Decoded::Incomplete { total } => {
                    self.input_needed = at + total;
                    self.hold(engine.config(), data.len() - at);
                    return Ok(false);
                }
                Decoded::Large { at: begin, len } => {
                    self.large_wanted = Some(Wanted {
                        at: begin - at,
                        len,
                    });
                    self.input_needed = begin + 2;
                    self.hold(engine.config(), data.len() - at);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Holds so many bytes of a request until the rest has come, unless that is too much.
    pub(super) fn hold(&self, config: &Config, bytes: usize) {
        let bytes = bytes + self.large_bytes();
        let limit = if self.session.is_admitted(&self.shared.acl) {
            config.limits.query_buffer_limit
        } else {
            config.limits.preauth_query_buffer
        };
        // Spans count in 32 bits.
        if bytes as u64 > limit.min(SPANNED_MAX) {
            self.session.client.doom(Doom::InputLimit);
        }
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
        let mut index = 0;
        while index < desk.requests.len() {
            if desk.requests[index].prepared.hash.is_none() {
                let published = self.publish_together(desk, data, index, share);
                if published > 0 {
                    index += published;
                    at = desk.requests[index - 1].end;
                    if share.commands >= super::COMMANDS_PER_TURN {
                        return (at, Stopped::Full);
                    }
                    continue;
                }
            }
            let Request {
                spans: (first, last),
                end,
                prepared,
            } = desk.requests[index];
            let Desk {
                engine, spans, out, ..
            } = desk;
            let spans = &spans[first as usize..last as usize];
            let args = Args::with_large(data, spans, self.decoder.supplied());
            let next = if last == first {
                Next::Go
            } else if spans[0].len == QUOTED {
                match split_inline(args.at(1)) {
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
            if let Next::Go = next {
                at = end;
                index += 1;
                share.commands += 1;
                if share.commands >= super::COMMANDS_PER_TURN {
                    return (at, Stopped::Full);
                }
                if desk.out.len() >= SEND_AT_BYTES {
                    return (at, Stopped::Send);
                }
                continue;
            }
            if let Next::Paused(until_ms) = next {
                self.pause(desk, until_ms);
                return (at, Stopped::Full);
            }
            share.commands += 1;
            self.wait_for(desk, next);
            return (end, Stopped::Full);
        }
        (at, Stopped::Dry)
    }

    /// Publishes the messages from request `index` on that follow each other on one channel, if there
    /// are several: every subscriber takes them in at once. Returns how many requests that were; with
    /// 0, nothing was done.
    fn publish_together(
        &mut self,
        desk: &mut Desk,
        data: &[u8],
        index: usize,
        share: &mut Share,
    ) -> usize {
        let Desk {
            engine,
            spans,
            requests,
            out,
            ..
        } = desk;
        let large = self.decoder.supplied();
        let args = |request: &Request| {
            let (first, last) = request.spans;
            Args::with_large(data, &spans[first as usize..last as usize], large)
        };
        let Some(publish) = requests[index].prepared.command else {
            return 0;
        };
        if !publish.traits.publishes || args(&requests[index]).len() != 3 {
            return 0;
        }
        let channel = args(&requests[index]).at(1);
        let follows = |request: &&Request| {
            let same = |other: &Registered| other.id == publish.id;
            request.prepared.command.is_some_and(same)
                && args(request).len() == 3
                && args(request).at(1) == channel
        };
        let left = super::COMMANDS_PER_TURN.saturating_sub(share.commands);
        let count = requests[index..]
            .iter()
            .take(left)
            .take_while(follows)
            .count();
        let run = requests[index..index + count].iter().map(args);
        if count < 2 || !engine.publish_all(&self.session, publish, run, out) {
            return 0;
        }
        share.commands += count;
        count
    }

    /// Notes what the connection waits for after a request.
    fn wait_for(&mut self, desk: &mut Desk, next: Next) {
        match next {
            Next::Close => self.begin_closing(),
            Next::Await(job, command) => {
                self.session.client.set(Flag::Busy, true);
                self.waiting = Waiting::Job(desk.pool.submit(job), command);
            }
            Next::Block(blocked) => {
                let sleep = blocked.until_ms.map(|until| {
                    let left = until.saturating_sub(desk.engine.now_ms);
                    let left = Duration::from_millis(left).min(PAUSE_MAX);
                    Box::pin(tokio::time::sleep(left))
                });
                self.waiting = Waiting::Keys(blocked, sleep);
            }
            Next::Go | Next::Paused(_) => unreachable!("the caller has seen to it"),
        }
    }

    /// Lets the next request wait until a moment on the server timeline.
    fn pause(&mut self, desk: &Desk, until_ms: u64) {
        let engine = &desk.engine;
        let rest = Duration::from_millis(until_ms.saturating_sub(engine.now_ms).max(1));
        self.waiting = Waiting::Pause {
            until: Box::pin(tokio::time::sleep(rest.min(PAUSE_MAX))),
            by_command: engine.shared.pause.is_active(engine.now_ms),
        };
        self.session.client.set(Flag::Blocked, true);
    }

    /// Replies to malformed bytes and closes.
    fn refuse(&mut self, desk: &mut Desk, error: ProtocolError) {
        let client = &self.session.client;
        tracing::debug!(client = client.id, address = %client.address, ?error, "malformed request");
        let error = Error::Protocol(error);
        let engine = &desk.engine;
        engine.sheet.add(Counter::ProtocolErrors, 1);
        engine.shared.metrics.count_error(&error.code());
        if self.session.reply_mode == ReplyMode::On {
            Reply::new(&mut desk.out, self.session.protocol).error(&error);
        }
        self.begin_closing();
    }
}

/// What a client may send now.
fn limits(engine: &Engine, authenticated: bool) -> Limits {
    let limits = &engine.config().limits;
    if authenticated {
        Limits {
            arguments: limits.max_arguments as usize,
            bulk_bytes: limits.max_bulk_bytes as usize,
            large_bytes: LARGE_MIN,
            inline_bytes: limits.max_inline_bytes as usize,
            authenticated,
        }
    } else {
        Limits {
            arguments: limits.preauth_arguments as usize,
            bulk_bytes: limits.preauth_bulk_bytes as usize,
            large_bytes: usize::MAX,
            inline_bytes: limits.preauth_inline_bytes as usize,
            authenticated,
        }
    }
}
