//! A large argument on its way: read straight into the memory it will be stored in.
//!
//! Its memory grows with what has arrived, never on the peer's word alone: to [`GROWTH`] times
//! that, and at the end to the announced length exactly. What is moved when it grows is therefore
//! a small part of the value; what has not arrived is not written to, so it is not resident.

use super::desk::Desk;
use super::stream::Stream;
use super::{Connection, Share};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Arguments from this length on are large.
pub(super) const LARGE_MIN: usize = 32 * 1024;
/// There is room for so many times what has arrived.
const GROWTH: usize = 16;
/// And for at least this much.
const ROOM_MIN: usize = 16 * 1024;

/// A large argument that the decoder has come by and that is not all here.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// Where it begins, from its request's start.
    pub(super) at: usize,
    /// The length announced.
    pub(super) len: usize,
}

/// A large argument on its way.
pub(super) struct Incoming {
    value: Vec<u8>,
    wanted: Wanted,
}

impl Connection {
    /// Starts reading the large argument wanted of the request that `rest` begins with. Returns
    /// where in `rest` the part of it that has arrived ends.
    pub(super) fn begin_large(&mut self, rest: &[u8], wanted: Wanted) -> io::Result<usize> {
        let Wanted { at, len } = wanted;
        let end = rest.len().min(at + len);
        self.incoming = Some(Incoming::new(wanted, &rest[at..end])?);
        self.finish_large();
        Ok(end)
    }

    /// Reads more of the large argument.
    pub(super) fn poll_large(
        &mut self,
        desk: &mut Desk,
        cx: &mut Context<'_>,
        share: &mut Share,
    ) -> Poll<io::Result<usize>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(Ok(0));
        };
        let count = ready!(incoming.poll_read(&mut self.stream, cx))?;
        self.received(desk, share, count);
        self.finish_large();
        self.hold(desk.engine.config(), self.input.len());
        self.publish_held();
        Poll::Ready(Ok(count))
    }

    /// Hands the large argument to the decoder once it is all here.
    fn finish_large(&mut self) {
        if let Some(whole) = self.incoming.take_if(|incoming| incoming.is_whole()) {
            self.first_read = first_read_bytes(whole.wanted.len);
            self.decoder.supply(whole.wanted.at, Arc::new(whole.value));
        }
    }
}

impl Incoming {
    /// For an argument of which `start` has arrived.
    ///
    /// # Errors
    /// When there is no memory for it.
    fn new(wanted: Wanted, start: &[u8]) -> io::Result<Incoming> {
        let mut incoming = Incoming {
            value: Vec::new(),
            wanted,
        };
        incoming.grow(start.len())?;
        incoming.value.extend_from_slice(start);
        Ok(incoming)
    }

    /// Reads once. Returns the number of bytes; 0 at the end of the stream.
    fn poll_read(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.value.len() == self.value.capacity() {
            self.grow(self.value.len())?;
        }
        let missing = self.wanted.len - self.value.len();
        stream.poll_append(cx, &mut self.value, missing)
    }

    /// Bytes that have arrived.
    pub(super) fn len(&self) -> usize {
        self.value.len()
    }

    /// Is it all here?
    fn is_whole(&self) -> bool {
        self.value.len() == self.wanted.len
    }

    /// Makes room for what follows after `arrived` bytes.
    fn grow(&mut self, arrived: usize) -> io::Result<()> {
        let room = arrived.saturating_mul(GROWTH).max(ROOM_MIN);
        let more = room.min(self.wanted.len) - self.value.len();
        let grown = self.value.try_reserve_exact(more);
        grown.map_err(|_| io::ErrorKind::OutOfMemory.into())
    }
}

/// What to read at first of a request that is as large as the last one was: its beginning is
/// copied from where it is decoded, the rest goes where it stays.
fn first_read_bytes(last: usize) -> usize {
    (last / GROWTH).max(ROOM_MIN)
}
