//! Replies on their way to the peer, and how much of them may pile up.

use super::desk::Desk;
use super::stream::Stream;
use super::{Connection, Waiting};
use crate::metrics::{Counter, bump};
use crate::protocol::Output;
use crate::session::{Doom, Flag};
use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker, ready};

/// Bytes a connection may hold beyond what it owes before the rest is copied together.
const SLACK_MAX: usize = 64 * 1024;
/// What is owed beyond this is not copied together: that would take milliseconds.
const SETTLED_MAX: usize = 1 << 20;
/// Bytes sent before others have their turn, 1 to 3 ms: a reply of 100 MB to a peer that takes it as
/// fast as it comes would go out in one call. A value of 1 MiB goes with what stands around it.
const SENT_AT_ONCE_MAX: usize = (1 << 20) + (64 << 10);

impl Connection {
    /// Sends a batch's replies. False when the peer does not take them all now; the rest is kept
    /// and nothing more is executed until it is gone.
    pub(super) fn write_batch(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
    ) -> io::Result<bool> {
        if desk.out.is_empty() {
            return Ok(true);
        }
        if !self.may_owe(desk, desk.out.len()) {
            desk.out = Output::default();
            return Ok(false);
        }
        let mut out = std::mem::take(&mut desk.out);
        let written = self.poll_write_out(desk, &mut out, cx);
        if out.is_empty() {
            desk.take_back(out);
        } else {
            self.keep(out);
        }
        match written {
            Poll::Ready(result) => result.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// Writes what is owed.
    pub(super) fn poll_flush(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.output.is_empty() && !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        let mut output = std::mem::take(&mut self.output);
        let written = self.poll_write_out(desk, &mut output, cx);
        if !output.is_empty() {
            self.keep(output);
        }
        self.publish_held();
        written
    }

    /// Writes until everything is sent, the socket is full, or others have to have their turn.
    pub(super) fn poll_write_out(
        &mut self,
        desk: &mut Desk,
        out: &mut Output,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.unflushed = true;
        let mut left = SENT_AT_ONCE_MAX;
        while !out.is_empty() {
            if left == 0 {
                super::give_way(cx);
                return Poll::Pending;
            }
            let count = match out.as_single_slice() {
                Some(bytes) => {
                    let bytes = &bytes[..bytes.len().min(left)];
                    ready!(self.stream.poll_write(cx, bytes))?
                }
                None => {
                    let mut slices: Vec<IoSlice<'_>> = Vec::new();
                    out.slices(&mut slices, left);
                    ready!(self.stream.poll_write_slices(cx, &slices))?
                }
            };
            left = left.saturating_sub(count);
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            out.consume(count);
            desk.engine.sheet.add(Counter::Writes, 1);
            desk.engine.sheet.add(Counter::SentBytes, count as u64);
            bump(&self.session.client.sent_bytes, count as u64);
        }
        ready!(self.stream.poll_flush(cx))?;
        self.unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// Adds to what is owed, unless that becomes too much.
    pub(super) fn owe(&mut self, desk: &Desk, out: &mut Output) {
        if self.may_owe(desk, self.output.len() + out.len()) {
            self.output.append(out);
        }
        self.publish_held();
    }

    /// Takes over what others have posted: it is owed from now on.
    pub(super) fn take_mail(&mut self, desk: &Desk) {
        // Who is about to go is owed no more: there would be no end to it.
        if self.closing {
            return;
        }
        // What long work has read may change before its reply is here: that is told after it.
        // What a monitor is shown follows the reply that makes it one.
        let monitors = self.session.client.is(Flag::Monitor);
        let follows = self.session.caching.is_some() || self.session.is_lent() || monitors;
        if follows && matches!(self.waiting, Waiting::Job(..)) {
            return;
        }
        if let Some(mut mail) = self.session.client.take_mail()
            && self.may_owe(desk, self.output.len() + mail.len())
        {
            if self.output.is_empty() {
                self.output = mail;
            } else {
                self.output.append(&mut mail);
            }
        }
    }

    /// Sends what others have posted, without a turn of the client's task, if that is idle; if not,
    /// or if not everything is sent, wakes it.
    pub(super) fn send_mail(&mut self, desk: &mut Desk) {
        if !self.session.client.has_mail() {
            return;
        }
        let idle = matches!(self.waiting, Waiting::No)
            && self.output.is_empty()
            && !self.unflushed
            && !self.closing
            && self.session.client.doomed().is_none()
            && !matches!(self.stream, Stream::Tls(_));
        if !idle || !self.guarded(desk, Self::try_send_mail).unwrap_or(false) {
            self.session.client.wake();
        }
    }

    /// Is everything that was posted sent?
    fn try_send_mail(&mut self, desk: &mut Desk) -> bool {
        self.take_mail(desk);
        let mut output = std::mem::take(&mut self.output);
        // When the socket is full, the task that is woken waits for it.
        let cx = &mut Context::from_waker(Waker::noop());
        let written = self.poll_write_out(desk, &mut output, cx);
        if !output.is_empty() {
            self.keep(output);
        }
        matches!(written, Poll::Ready(Ok(())))
    }

    /// May this client be owed so many bytes? If not, it is doomed.
    fn may_owe(&self, desk: &Desk, bytes: usize) -> bool {
        let config = desk.engine.config();
        let limits = &config.limits;
        let limit = if self.session.is_admitted(&self.shared.acl) {
            let client = &self.session.client;
            client.output_limit(&limits.client_output_buffer).hard_bytes
        } else {
            limits.preauth_output_bytes
        };
        let fits = limit == 0 || bytes as u64 <= limit;
        if !fits {
            self.session.client.doom(Doom::OutputLimit);
        }
        fits
    }

    /// Keeps what the peer has not taken. Memory follows what is owed: each byte is copied at most
    /// twice however slowly the peer reads.
    fn keep(&mut self, mut out: Output) {
        if out.len() <= SETTLED_MAX && out.held_bytes() > out.len() * 2 + SLACK_MAX {
            out.settle();
        }
        self.output = out;
        self.publish_held();
    }
}
