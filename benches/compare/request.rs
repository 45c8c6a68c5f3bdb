//! Requests as bytes made once, in which only the key numbers are rewritten.
//!
//! The load must cost less than the server, so a batch of `pipeline` requests is one buffer:
//! per request the twelve digits of each key are written over, nothing else. Replies are known
//! in advance too: either all of the same length and beginning, or one line each.

use super::Result;

/// One argument of a request.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    /// Sent as it is.
    Word(&'static str),
    /// A prefix of four bytes and a twelve-digit number that changes with every request.
    Key(&'static str),
    /// As many bytes as the values of this run have.
    Value,
}

/// What a good reply looks like.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// The status `OK`.
    Status,
    /// An integer of any length.
    Integer,
    /// One value.
    Value,
    /// An array of so many values.
    Values(usize),
    /// A text of any length.
    Text,
    /// Anything, but of the same length each time: learnt from the first, see
    /// [`super::loadgen::Load::learn`].
    Alike,
}

/// An operation as it appears in a row of a table.
#[derive(Clone)]
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) parts: Vec<Part>,
    pub(crate) answer: Answer,
}

/// The prefix of keys that hold values.
pub(crate) const VALUE_KEY: Part = Part::Key("key:");
/// The prefix of keys that hold HyperLogLogs.
const LOG_KEY: Part = Part::Key("hll:");
/// The prefix of keys that hold counters.
pub(crate) const COUNTER_KEY: Part = Part::Key("cnt:");

const KEY_DIGITS: usize = 12;

impl Op {
    pub(crate) fn new(name: &'static str, parts: Vec<Part>, answer: Answer) -> Op {
        Op {
            name,
            parts,
            answer,
        }
    }

    /// Whether it works on counters rather than values.
    pub(crate) fn counts(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Key("cnt:")))
    }

    pub(crate) fn get() -> Op {
        Op::new("GET", vec![Part::Word("GET"), VALUE_KEY], Answer::Value)
    }

    pub(crate) fn set() -> Op {
        Op::new(
            "SET",
            vec![Part::Word("SET"), VALUE_KEY, Part::Value],
            Answer::Status,
        )
    }

    /// SET with a deadline so far away that nothing expires while it is measured.
    pub(crate) fn set_with_ttl() -> Op {
        let mut op = Op::set();
        op.name = "SET EX";
        op.parts.extend([Part::Word("EX"), Part::Word("864000")]);
        op
    }

    pub(crate) fn del() -> Op {
        Op::new("DEL", vec![Part::Word("DEL"), VALUE_KEY], Answer::Integer)
    }

    pub(crate) fn set_counter() -> Op {
        let parts = vec![Part::Word("SET"), COUNTER_KEY, Part::Word("100000")];
        Op::new("SET counter", parts, Answer::Status)
    }

    pub(crate) fn incr() -> Op {
        Op::new(
            "INCR",
            vec![Part::Word("INCR"), COUNTER_KEY],
            Answer::Integer,
        )
    }

    /// Sets, or clears, a bit in the middle of a value.
    pub(crate) fn setbit() -> Op {
        let mut op = Op::getbit();
        op.name = "SETBIT";
        op.parts[0] = Part::Word("SETBIT");
        op.parts.push(Part::Word("1"));
        op
    }

    pub(crate) fn getbit() -> Op {
        let parts = vec![Part::Word("GETBIT"), VALUE_KEY, Part::Word("12345")];
        Op::new("GETBIT", parts, Answer::Integer)
    }

    pub(crate) fn bitcount() -> Op {
        let parts = vec![Part::Word("BITCOUNT"), VALUE_KEY];
        Op::new("BITCOUNT", parts, Answer::Integer)
    }

    pub(crate) fn pfadd() -> Op {
        let parts = vec![Part::Word("PFADD"), LOG_KEY, Part::Key("ele:")];
        Op::new("PFADD", parts, Answer::Integer)
    }

    pub(crate) fn pfcount() -> Op {
        let parts = vec![Part::Word("PFCOUNT"), LOG_KEY];
        Op::new("PFCOUNT", parts, Answer::Integer)
    }

    pub(crate) fn mget_of_10() -> Op {
        let mut parts = vec![Part::Word("MGET")];
        parts.extend([VALUE_KEY; 10]);
        Op::new("MGET of 10", parts, Answer::Values(10))
    }
}

/// Where the next key number comes from.
pub(crate) enum Pick {
    /// Uniform over `0..keys`; `state` must not be 0.
    Uniform { keys: u64, state: u64 },
    /// One after the other.
    Sequence { next: u64 },
    /// One after the other, without the multiples of ten.
    NineOfTen { next: u64 },
}

impl Pick {
    pub(crate) fn uniform(keys: u64) -> Pick {
        Pick::Uniform {
            keys,
            state: 0x9e37_79b9_7f4a_7c15,
        }
    }

    fn next(&mut self) -> u64 {
        match self {
            Pick::Uniform { keys, state } => {
                // xorshift64*, scaled to the range by its upper bits.
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d);
                ((u128::from(random) * u128::from(*keys)) >> 64) as u64
            }
            Pick::Sequence { next } => {
                *next += 1;
                *next - 1
            }
            Pick::NineOfTen { next } => {
                *next += if next.is_multiple_of(10) { 1 } else { 0 };
                *next += 1;
                *next - 1
            }
        }
    }
}

/// The replies to one batch, as far as they are known in advance.
pub(crate) enum Replies {
    /// Each is `bytes` long and begins with `head`.
    Fixed { head: Vec<u8>, bytes: usize },
    /// Each is one line that begins with `head`; a line that reports an error is counted.
    Lines { head: &'static [u8] },
    /// Each is a text of its own length.
    Texts,
}

/// A buffer of `pipeline` requests, rewritten for every round trip.
pub(crate) struct Batch {
    pub(crate) pipeline: usize,
    pub(crate) replies: Replies,
    pub(crate) pick: Pick,
    bytes: Vec<u8>,
    digits_at: Vec<usize>,
}

impl Batch {
    /// # Errors
    /// When the protocol has no such operation (memcached knows but a few).
    pub(crate) fn new(
        op: &Op,
        speaks_resp: bool,
        pipeline: usize,
        value_bytes: usize,
        pick: Pick,
    ) -> Result<Batch> {
        let value = value_text(value_bytes);
        let (request, replies) = if speaks_resp {
            (
                resp_request(&op.parts, &value),
                resp_replies(op.answer, value_bytes),
            )
        } else {
            memcached::encode(op, &value).ok_or_else(|| format!("memcached has no {}", op.name))?
        };
        let bytes = request.bytes.repeat(pipeline);
        let starts = (0..pipeline).map(|index| index * request.bytes.len());
        let digits_at = starts
            .flat_map(|start| request.digits_at.iter().map(move |at| start + at))
            .collect();
        Ok(Batch {
            pipeline,
            replies,
            pick,
            bytes,
            digits_at,
        })
    }

    /// The next batch of requests.
    pub(crate) fn next(&mut self) -> &[u8] {
        for &at in &self.digits_at {
            write_number(self.pick.next(), &mut self.bytes[at..at + KEY_DIGITS]);
        }
        &self.bytes
    }
}

#[derive(Default)]
struct Request {
    bytes: Vec<u8>,
    digits_at: Vec<usize>,
}

impl Request {
    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    fn key(&mut self, prefix: &str) -> &mut Self {
        self.text(prefix);
        self.digits_at.push(self.bytes.len());
        self.bytes.extend_from_slice(&[b'0'; KEY_DIGITS]);
        self
    }
}

fn resp_request(parts: &[Part], value: &str) -> Request {
    let mut request = Request::default();
    request.text(&format!("*{}\r\n", parts.len()));
    for part in parts {
        match part {
            Part::Word(word) => request.text(&format!("${}\r\n{word}", word.len())),
            Part::Value => request.text(&format!("${}\r\n{value}", value.len())),
            Part::Key(prefix) => request
                .text(&format!("${}\r\n", prefix.len() + KEY_DIGITS))
                .key(prefix),
        };
        request.text("\r\n");
    }
    request
}

fn resp_replies(answer: Answer, value_bytes: usize) -> Replies {
    let value_head = format!("${value_bytes}\r\n");
    let value_reply_bytes = value_head.len() + value_bytes + 2;
    match answer {
        Answer::Status => Replies::Lines { head: b"+OK\r\n" },
        Answer::Integer => Replies::Lines { head: b":" },
        Answer::Text => Replies::Texts,
        Answer::Value => Replies::Fixed {
            bytes: value_reply_bytes,
            head: value_head.into_bytes(),
        },
        Answer::Values(count) => {
            let head = format!("*{count}\r\n");
            let bytes = head.len() + count * value_reply_bytes;
            Replies::Fixed {
                bytes,
                head: (head + &value_head).into_bytes(),
            }
        }
        Answer::Alike => Replies::Fixed {
            head: Vec::new(),
            bytes: 0,
        },
    }
}

/// The operations that memcached's text protocol has as well.
mod memcached {
    use super::{Answer, KEY_DIGITS, Op, Part, Replies, Request};

    pub(super) fn encode(op: &Op, value: &str) -> Option<(Request, Replies)> {
        let mut request = Request::default();
        let (Part::Word(command), keys) = op.parts.split_first()? else {
            return None;
        };
        let lines = |head: &'static [u8]| Replies::Lines { head };
        let replies = match (*command, keys) {
            ("GET" | "MGET", _) => {
                request.text("get");
                for key in keys {
                    let Part::Key(prefix) = key else { return None };
                    request.text(" ").key(prefix);
                }
                request.text("\r\n");
                let count = if let Answer::Values(count) = op.answer {
                    count
                } else {
                    1
                };
                let key_bytes = 4 + KEY_DIGITS;
                let size = value.len();
                let head_bytes = "VALUE ".len() + key_bytes + format!(" 0 {size}\r\n").len();
                let bytes = count * (head_bytes + size + 2) + "END\r\n".len();
                Replies::Fixed {
                    head: b"VALUE ".to_vec(),
                    bytes,
                }
            }
            ("SET", [Part::Key(prefix), stored, rest @ ..]) => {
                let data = if let Part::Word(word) = stored {
                    word
                } else {
                    value
                };
                let deadline = match rest {
                    [Part::Word("EX"), Part::Word(seconds)] => seconds,
                    _ => "0",
                };
                request.text("set ").key(prefix);
                request.text(&format!(" 0 {deadline} {}\r\n{data}\r\n", data.len()));
                lines(b"STORED\r\n")
            }
            ("INCR", [Part::Key(prefix)]) => {
                request.text("incr ").key(prefix).text(" 1\r\n");
                lines(b"1")
            }
            ("DEL", [Part::Key(prefix)]) => {
                request.text("delete ").key(prefix).text("\r\n");
                lines(b"DELETED\r\n")
            }
            _ => return None,
        };
        Some((request, replies))
    }
}

/// Letters in no order, so that neither numbers nor runs make a value cheaper to keep.
fn value_text(bytes: usize) -> String {
    let mut pick = Pick::uniform(26);
    (0..bytes)
        .map(|_| char::from(b'a' + pick.next() as u8))
        .collect()
}

fn write_number(mut number: u64, digits: &mut [u8]) {
    for pair in digits.rchunks_exact_mut(2) {
        let two = (number % 100) as u8;
        number /= 100;
        pair[0] = b'0' + two / 10;
        pair[1] = b'0' + two % 10;
    }
}
