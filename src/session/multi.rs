//! A transaction being queued. The arguments of its commands lie one after the other in one buffer,
//! so that queueing a command allocates nothing as a rule; only those that came with large values
//! are kept apart, and share these.

use crate::protocol::{Args, OwnedArgs, Span};
use std::ops::Range;

/// What a transaction has room for from the start: commands, arguments and bytes.
const ROOM: (usize, usize, usize) = (16, 64, 1024);
/// Spans count in 32 bits, and the last ones mean something else.
const BUFFER_MAX: usize = 1 << 31;

/// A transaction being queued.
#[derive(Default)]
pub struct Multi {
    /// The commands so far.
    pub queue: Vec<Queued>,
    /// A command was refused: `EXEC` will be too.
    pub refused: bool,
    /// Bytes held by the queue.
    pub bytes: usize,
    buffer: Vec<u8>,
    spans: Vec<Span>,
}

/// A queued command.
pub struct Queued {
    /// The number of the command to run.
    pub command: usize,
    kept: Kept,
}

/// Where the arguments of a queued command are.
enum Kept {
    Together(Range<u32>),
    Apart(Box<OwnedArgs>),
}

impl Multi {
    /// Queues a command.
    pub fn push(&mut self, command: usize, args: Args<'_>) {
        if self.queue.capacity() == 0 {
            self.queue.reserve(ROOM.0);
            self.spans.reserve(ROOM.1);
            self.buffer.reserve(ROOM.2);
        }
        let fits = self.buffer.len() + args.total_bytes() <= BUFFER_MAX;
        let kept = if fits && !args.has_large() {
            let first = self.spans.len() as u32;
            for arg in args.from(0) {
                self.spans.push(Span::new(self.buffer.len(), arg.len()));
                self.buffer.extend_from_slice(arg);
            }
            Kept::Together(first..self.spans.len() as u32)
        } else {
            Kept::Apart(Box::new(args.to_owned()))
        };
        self.queue.push(Queued { command, kept });
    }

    /// The arguments of a queued command.
    pub fn args<'a>(&'a self, queued: &'a Queued) -> Args<'a> {
        match &queued.kept {
            Kept::Together(spans) => {
                let spans = &self.spans[spans.start as usize..spans.end as usize];
                Args::new(&self.buffer, spans)
            }
            Kept::Apart(args) => args.as_args(),
        }
    }

    /// Refuses the transaction: it holds nothing more.
    pub fn refuse(&mut self) {
        *self = Multi {
            refused: true,
            ..Multi::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request::split_inline;

    #[test]
    fn each_command_keeps_its_arguments() {
        let mut multi = Multi::default();
        let lines: Vec<String> = (0..100)
            .map(|n| format!("set key:{n} {}", "v".repeat(n)))
            .collect();
        for (n, line) in lines.iter().enumerate() {
            let words = split_inline(line.trim_end().as_bytes()).expect("no quotes");
            multi.push(n, words.as_args());
        }
        for (n, queued) in multi.queue.iter().enumerate() {
            let args: Vec<&[u8]> = multi.args(queued).from(0).collect();
            let words: Vec<&[u8]> = lines[n].split_whitespace().map(str::as_bytes).collect();
            assert_eq!((queued.command, args), (n, words));
        }
        multi.refuse();
        assert!(multi.refused && multi.queue.is_empty());
    }
}
