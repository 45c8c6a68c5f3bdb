//! What a worker lends to the connection whose turn it is.

use super::pool::Pool;
use crate::dispatch::{Engine, Prepared};
use crate::metrics::Counter;
use crate::protocol::output::Blob;
use crate::protocol::{Args, Output, Span};

/// Clusters of prefetches are worth their overhead from this many requests on.
const PREFETCH_MIN: usize = 2;
/// Spans that a worker keeps room for; one request with more of them does not keep its memory.
const SPANS_KEPT: usize = 64 * 1024;
/// Of the reply buffer, a worker keeps this many times the size of its read buffer.
const OUT_KEPT: usize = 4;

/// What a worker lends to the connection whose turn it is.
pub struct Desk {
    /// Executes requests.
    pub engine: Engine,
    /// Where long work goes.
    pub pool: Pool,
    pub(super) scratch: Vec<u8>,
    /// The size of `scratch`, which is elsewhere while its contents are executed.
    buffer_bytes: usize,
    pub(super) spans: Vec<Span>,
    pub(super) requests: Vec<Request>,
    pub(super) out: Output,
    spare: Spare,
}

/// A decoded request: its spans, where it ends in the input, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Request {
    pub(super) spans: (u32, u32),
    pub(super) end: usize,
    pub(super) prepared: Prepared,
}

impl Desk {
    /// A worker's desk.
    pub fn new(engine: Engine, pool: Pool) -> Desk {
        let mut desk = Desk {
            buffer_bytes: engine.config().server.buffer_size as usize,
            engine,
            pool,
            scratch: Vec::new(),
            spans: Vec::new(),
            requests: Vec::new(),
            out: Output::default(),
            spare: Spare::default(),
        };
        desk.recover();
        desk
    }

    /// Clears what a panic may have left behind: a half-written reply is nobody else's.
    pub(super) fn recover(&mut self) {
        self.scratch = vec![0; self.buffer_bytes];
        self.spans = Vec::new();
        self.requests = Vec::new();
        self.out = Output::default();
    }

    /// A buffer for a connection that must keep input.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let Some(spare) = self.spare.buffers.pop() else {
            return Vec::new();
        };
        self.engine.sheet.add(Counter::BuffersReused, 1);
        spare
    }

    /// Takes a buffer back for the next connection.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        let kept_max = self.engine.config().server.buffer_pool_size as usize;
        self.spare.keep(buffer, self.buffer_bytes, kept_max);
    }

    /// Takes the reply buffer back, sent and empty, unless it has grown large.
    pub(super) fn take_back(&mut self, out: Output) {
        if out.held_bytes() <= self.buffer_bytes * OUT_KEPT {
            self.out = out;
        }
    }

    /// Forgets the spans of the last batch; their memory too, if there were a great many.
    pub(super) fn clear_batch(&mut self) {
        self.requests.clear();
        self.spans.clear();
        if self.spans.capacity() > SPANS_KEPT {
            self.spans = Vec::new();
        }
    }

    /// Starts loading what the batch is going to touch: shards, then buckets, then entries, then what is
    /// inside of large collections. The batch was decoded from `data`, and `large` arguments.
    pub(super) fn prefetch(&self, db: usize, data: &[u8], large: &[Blob]) {
        if self.requests.len() < PREFETCH_MIN {
            return;
        }
        let hashes = self.requests.iter().filter_map(|r| r.prepared.hash);
        let keyspace = &self.engine.shared.keyspace;
        keyspace.prefetch(self.engine.local.reader, db, hashes);
        let sought = |request: &Request| {
            let hash = request.prepared.hash?;
            let inside = request.prepared.command?.traits.inside;
            let (first, last) = request.spans;
            let spans = &self.spans[first as usize..last as usize];
            Some((hash, inside.sought(Args::with_large(data, spans, large))?))
        };
        let mut first = self.requests.iter().take(PREFETCH_MIN);
        if first.any(|request| sought(request).is_some()) {
            keyspace.prefetch_inside(db, self.requests.iter().filter_map(sought));
        }
    }
}

/// Buffers that no connection needs at the moment.
#[derive(Default)]
struct Spare {
    buffers: Vec<Vec<u8>>,
}

impl Spare {
    /// Keeps a buffer, unless it is larger than `bytes_max` or there are `kept_max` already.
    fn keep(&mut self, mut buffer: Vec<u8>, bytes_max: usize, kept_max: usize) {
        if (1..=bytes_max).contains(&buffer.capacity()) && self.buffers.len() < kept_max {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_kept_up_to_a_number_and_a_size() {
        let mut spare = Spare::default();
        for capacity in [0, 1, 100, 101, 50, 60] {
            spare.keep(Vec::with_capacity(capacity), 100, 3);
        }
        let kept: Vec<usize> = spare.buffers.iter().map(Vec::capacity).collect();
        assert_eq!(kept, [1, 100, 50]);
        let mut none = Spare::default();
        none.keep(Vec::with_capacity(10), 100, 0);
        assert!(none.buffers.is_empty());
    }
}
