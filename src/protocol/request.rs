//! Decodes requests: arrays of bulk strings, and inline commands.
//!
//! A request is decoded into spans over the input buffer: nothing is copied. "Not all here yet" is
//! a result, not an error; the decoder remembers how far it got, so that a request arriving byte
//! by byte costs linear time however many arguments it has. A large argument that is not all here
//! is [`Decoded::Large`]: the caller takes it out of the input, reads the rest of it into memory of
//! its own, and hands it in with [`Decoder::supply`].

use super::args::{LARGE_MAX, OwnedArgs, Span};
use super::output::Blob;
use memchr::memchr;

/// What the peer may send; tighter before it has authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Arguments in one request.
    pub arguments: usize,
    /// Bytes in one argument.
    pub bulk_bytes: usize,
    /// Arguments of at least so many bytes are large: they get memory of their own.
    pub large_bytes: usize,
    /// Bytes in one inline request.
    pub inline_bytes: usize,
    /// Authenticated? Decides which error text an excess gets.
    pub authenticated: bool,
}

/// A malformed request; the connection is closed after the error is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The line announcing the number of arguments is too long.
    MultibulkCountTooLong,
    /// The line announcing the length of an argument is too long.
    BulkCountTooLong,
    /// An inline request without end.
    InlineTooLong,
    /// The number of arguments is not a number in range.
    MultibulkLength,
    /// An argument's length is not a number in range.
    BulkLength,
    /// An argument does not start with `$`.
    ExpectedBulk(u8),
    /// Quotes of an inline request do not pair.
    UnbalancedQuotes,
    /// Too many arguments before authentication.
    UnauthenticatedMultibulk,
    /// Too large an argument before authentication.
    UnauthenticatedBulk,
}

/// How far a call of [`Decoder::decode`] got.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// One request ends before offset `end`; its spans have been appended. No spans: an empty
    /// request, which has no reply.
    Request {
        /// Where the next request starts.
        end: usize,
    },
    /// More bytes are needed: at least `total`, counted from the request's start.
    Incomplete {
        /// The least length at which another attempt can succeed.
        total: usize,
    },
    /// The next argument is large and not all here. The caller takes what is here of it out of the
    /// buffer, hands the whole of it to [`Decoder::supply`], and decodes the request again.
    Large {
        /// Offset of the argument's first byte.
        at: usize,
        /// Its length.
        len: usize,
    },
}

/// Longest line that announces a count or a length (Redis allows 64 KiB, all of it padding).
const COUNT_LINE_MAX: usize = 64 * 1024;

/// Resumable state of the request being decoded. All offsets count from the request's start.
#[derive(Default, Debug)]
pub struct Decoder {
    arguments_left: usize,
    position: usize,
    started: bool,
    spans: Vec<Span>,
    /// Large arguments of this request, and where each was taken out of the input.
    large: Vec<Blob>,
    cuts: Vec<usize>,
    /// How many of them this pass over the request has come by.
    large_passed: usize,
}

impl Decoder {
    /// Decodes the request that starts at `start` in `buffer`, appending its spans (offsets into
    /// `buffer`) to `spans`. After `Incomplete`, call again with the same request's bytes, then
    /// more of them; `start` may have moved.
    #[inline]
    pub fn decode(
        &mut self,
        buffer: &[u8],
        start: usize,
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Decoded, ProtocolError> {
        let mark = spans.len();
        if !self.started && self.large.is_empty() {
            if let Some(end) = decode_plain(buffer, start, limits, spans) {
                return Ok(Decoded::Request { end });
            }
            spans.truncate(mark);
        }
        self.decode_any(buffer, start, limits, spans)
    }

    /// As [`Decoder::decode`], for every kind of request.
    fn decode_any(
        &mut self,
        buffer: &[u8],
        start: usize,
        limits: &Limits,
        spans: &mut Vec<Span>,
    ) -> Result<Decoded, ProtocolError> {
        let input = &buffer[start..];
        match input.first() {
            None => return Ok(Decoded::Incomplete { total: 1 }),
            Some(b'*') => {}
            Some(_) => return inline(input, start, limits, spans),
        }
        let mark = spans.len();
        if self.started {
            let forward = |span: Span| span.shifted(|at| at + start);
            spans.extend(self.spans.drain(..).map(forward));
        } else if !self.start(input, limits)? {
            return Ok(Decoded::Incomplete {
                total: input.len() + 1,
            });
        }
        while self.arguments_left > 0 {
            let needed = match bulk(input, self.position, limits)? {
                Bulk::Whole { at, len } => {
                    spans.push(Span::new(start + at, len));
                    self.position = at + len + 2;
                    self.arguments_left -= 1;
                    continue;
                }
                Bulk::Large { at, len } => match self.large(input, start, at, len, spans) {
                    None => continue,
                    Some(needed) => needed,
                },
                Bulk::Needs(total) => Decoded::Incomplete { total },
            };
            let back = |span: Span| span.shifted(|at| at - start);
            self.spans.extend(spans.drain(mark..).map(back));
            return Ok(needed);
        }
        let end = start + self.position;
        self.started = false;
        self.position = 0;
        self.large_passed = 0;
        Ok(Decoded::Request { end })
    }

    /// Passes the large argument that begins at `at`, if it is all here or was supplied; else
    /// tells what is needed.
    #[cold]
    fn large(
        &mut self,
        input: &[u8],
        start: usize,
        at: usize,
        len: usize,
        spans: &mut Vec<Span>,
    ) -> Option<Decoded> {
        let index = self.large_passed;
        let span = if self.cuts.get(index) == Some(&at) {
            if input.len() < at + 2 {
                return Some(Decoded::Incomplete { total: at + 2 });
            }
            self.large_passed += 1;
            self.position = at + 2;
            Span::large(index, len)
        } else if input.len() >= at + len + 2 {
            self.position = at + len + 2;
            Span::new(start + at, len)
        } else if index < LARGE_MAX {
            let at = start + at;
            return Some(Decoded::Large { at, len });
        } else {
            let total = at + len + 2;
            return Some(Decoded::Incomplete { total });
        };
        spans.push(span);
        self.arguments_left -= 1;
        None
    }

    /// Takes the large argument asked for last, which was `at` bytes from the request's start and
    /// is no longer in the input.
    pub fn supply(&mut self, at: usize, value: Blob) {
        self.cuts.push(at);
        self.large.push(value);
    }

    /// The large arguments of the request under way, or just decoded.
    pub fn supplied(&self) -> &[Blob] {
        &self.large
    }

    /// Decodes the request under way from its start again; what was supplied stays.
    pub fn restart(&mut self) {
        *self = Decoder {
            large: std::mem::take(&mut self.large),
            cuts: std::mem::take(&mut self.cuts),
            ..Decoder::default()
        };
    }

    /// The request has been executed: lets go of its large arguments.
    pub fn release(&mut self) {
        self.large = Vec::new();
        self.cuts = Vec::new();
    }

    /// Memory held for an incomplete request beside its large arguments, in bytes.
    pub fn held_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
    }

    /// Reads the line `*<count>`. False when it is not all here.
    fn start(&mut self, input: &[u8], limits: &Limits) -> Result<bool, ProtocolError> {
        let Some((count, next)) = count_line(input, 1, ProtocolError::MultibulkCountTooLong)?
        else {
            return Ok(false);
        };
        let count = count.ok_or(ProtocolError::MultibulkLength)?;
        if count > i64::from(i32::MAX) {
            return Err(ProtocolError::MultibulkLength);
        }
        let count = usize::try_from(count).unwrap_or(0);
        if count > limits.arguments {
            return Err(if limits.authenticated {
                ProtocolError::MultibulkLength
            } else {
                ProtocolError::UnauthenticatedMultibulk
            });
        }
        self.arguments_left = count;
        self.position = next;
        self.started = true;
        Ok(true)
    }
}

/// Decodes a request as clients send them, without any of the decoder's state: all here, its counts
/// of at most four digits, no argument large. Returns where it ends; `None`, with spans to be taken
/// back, for every other: about 20 instructions for each argument.
#[inline]
fn decode_plain(
    buffer: &[u8],
    start: usize,
    limits: &Limits,
    spans: &mut Vec<Span>,
) -> Option<usize> {
    let (count, mut at) = short_line(buffer, start, b'*')?;
    if count > limits.arguments {
        return None;
    }
    let len_max = limits.bulk_bytes.min(limits.large_bytes - 1);
    for _ in 0..count {
        let (len, next) = short_line(buffer, at, b'$')?;
        at = next + len + LINE_END;
        if len > len_max || at > buffer.len() {
            return None;
        }
        spans.push(Span::new(next, len));
    }
    Some(at)
}

/// Bytes of a line's end.
const LINE_END: usize = 2;

/// A line at `at` that is `mark` and a number of one to four digits, without leading zeros: the
/// number, and the offset after the line. `None` for any other, and within eight bytes of the end.
#[inline(always)]
fn short_line(buffer: &[u8], at: usize, mark: u8) -> Option<(usize, usize)> {
    const END: u64 = u16::from_le_bytes(*b"\r\n") as u64;
    let line = u64::from_le_bytes(*buffer.get(at..)?.first_chunk()?);
    let digit = |index: u32| (line >> (8 * index) & 0xff).wrapping_sub(b'0'.into()) as usize;
    let ends_at = |index: u32| line >> (8 * index) & 0xffff == END;
    let first = digit(1);
    if line & 0xff != u64::from(mark) || first > 9 {
        return None;
    }
    if ends_at(2) {
        return Some((first, at + 4));
    }
    let second = digit(2);
    if first == 0 || second > 9 {
        return None;
    }
    if ends_at(3) {
        return Some((10 * first + second, at + 5));
    }
    let third = digit(3);
    if third > 9 {
        return None;
    }
    if ends_at(4) {
        return Some((100 * first + 10 * second + third, at + 6));
    }
    let fourth = digit(4);
    if fourth > 9 || !ends_at(5) {
        return None;
    }
    let number = 1000 * first + 100 * second + 10 * third + fourth;
    Some((number, at + 7))
}

enum Bulk {
    Whole {
        at: usize,
        len: usize,
    },
    /// Large; perhaps whole.
    Large {
        at: usize,
        len: usize,
    },
    Needs(usize),
}

/// One `$<len>\r\n<bytes>\r\n` at `at`.
fn bulk(input: &[u8], at: usize, limits: &Limits) -> Result<Bulk, ProtocolError> {
    match input.get(at) {
        None => return Ok(Bulk::Needs(at + 1)),
        Some(b'$') => {}
        Some(&other) => {
            // Redis looks for the end of the line before it looks at the line's first byte.
            return match count_line(input, at, ProtocolError::BulkCountTooLong)? {
                None => Ok(Bulk::Needs(input.len() + 1)),
                Some(_) => Err(ProtocolError::ExpectedBulk(other)),
            };
        }
    }
    let Some((len, next)) = count_line(input, at + 1, ProtocolError::BulkCountTooLong)? else {
        return Ok(Bulk::Needs(input.len() + 1));
    };
    let len = len
        .and_then(|len| usize::try_from(len).ok())
        .ok_or(ProtocolError::BulkLength)?;
    if len > limits.bulk_bytes {
        return Err(if limits.authenticated {
            ProtocolError::BulkLength
        } else {
            ProtocolError::UnauthenticatedBulk
        });
    }
    if len >= limits.large_bytes {
        Ok(Bulk::Large { at: next, len })
    } else if input.len() < next + len + 2 {
        Ok(Bulk::Needs(next + len + 2))
    } else {
        Ok(Bulk::Whole { at: next, len })
    }
}

/// Reads a number and its line end from `at`. `None`: the line is not all here. The inner `None`:
/// not a number. Returns the number and the offset after the line.
#[allow(clippy::type_complexity)]
fn count_line(
    input: &[u8],
    at: usize,
    too_long: ProtocolError,
) -> Result<Option<(Option<i64>, usize)>, ProtocolError> {
    let line = &input[at..];
    match memchr(b'\r', line) {
        Some(end) if at + end + 1 < input.len() => Ok(Some((
            crate::base::number::parse_i64(&line[..end]),
            at + end + 2,
        ))),
        None if line.len() > COUNT_LINE_MAX => Err(too_long),
        _ => Ok(None),
    }
}

/// A line of words separated by blanks, with Redis's quoting. Quoting needs bytes that are not in
/// the input, so plain words only are spans here; see [`split_inline`].
fn inline(
    input: &[u8],
    start: usize,
    limits: &Limits,
    spans: &mut Vec<Span>,
) -> Result<Decoded, ProtocolError> {
    let Some(newline) = memchr(b'\n', input) else {
        if input.len() > limits.inline_bytes {
            return Err(ProtocolError::InlineTooLong);
        }
        return Ok(Decoded::Incomplete {
            total: input.len() + 1,
        });
    };
    if newline > limits.inline_bytes {
        return Err(ProtocolError::InlineTooLong);
    }
    let line = input[..newline]
        .strip_suffix(b"\r")
        .unwrap_or(&input[..newline]);
    let end = start + newline + 1;
    if line.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
        // The caller re-reads this line with `split_inline`; a marker span says so.
        spans.push(Span {
            start: start as u32,
            len: QUOTED,
        });
        spans.push(Span::new(start, line.len()));
        return Ok(Decoded::Request { end });
    }
    let mut at = 0;
    while at < line.len() {
        let blank = line[at..]
            .iter()
            .take_while(|byte| is_space(**byte))
            .count();
        at += blank;
        let len = line[at..]
            .iter()
            .take_while(|byte| !is_space(**byte))
            .count();
        if len > 0 {
            spans.push(Span::new(start + at, len));
        }
        at += len;
    }
    Ok(Decoded::Request { end })
}

/// Length of the first of the two spans that stand for an inline request with quotes in it.
pub const QUOTED: u32 = u32::MAX;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c | 0)
}

/// Splits an inline request that has quotes in it, as `redis-cli` does: double quotes know
/// `\n \r \t \b \a \xHH`, single quotes know `\'`, and a closing quote ends its word.
pub fn split_inline(line: &[u8]) -> Result<OwnedArgs, ProtocolError> {
    let mut buffer = Vec::with_capacity(line.len());
    let mut spans = Vec::new();
    let mut at = 0;
    loop {
        at += line[at..]
            .iter()
            .take_while(|byte| is_space(**byte))
            .count();
        if at >= line.len() {
            return Ok(OwnedArgs::new(buffer, spans));
        }
        let start = buffer.len();
        at = word(line, at, &mut buffer)?;
        spans.push(Span::new(start, buffer.len() - start));
    }
}

/// Appends the word at `at` to `buffer`; returns the offset after it.
fn word(line: &[u8], mut at: usize, buffer: &mut Vec<u8>) -> Result<usize, ProtocolError> {
    let mut quote = None;
    loop {
        let byte = line.get(at).copied();
        match (quote, byte) {
            (Some(_), None) => return Err(ProtocolError::UnbalancedQuotes),
            (None, None) => return Ok(at),
            (None, Some(byte)) if is_space(byte) => return Ok(at),
            (None, Some(mark @ (b'"' | b'\''))) => quote = Some(mark),
            (Some(mark), Some(byte)) if mark == byte => {
                return match line.get(at + 1) {
                    Some(next) if !is_space(*next) => Err(ProtocolError::UnbalancedQuotes),
                    _ => Ok(at + 1),
                };
            }
            (Some(b'"'), Some(b'\\')) if at + 1 < line.len() => at = escape(line, at, buffer),
            (Some(b'\''), Some(b'\\')) if line.get(at + 1) == Some(&b'\'') => {
                buffer.push(b'\'');
                at += 1;
            }
            (_, Some(byte)) => buffer.push(byte),
        }
        at += 1;
    }
}

/// A backslash escape at `at`; returns the offset of its last byte.
fn escape(line: &[u8], at: usize, buffer: &mut Vec<u8>) -> usize {
    if line[at + 1] == b'x'
        && let Some(digits) = line.get(at + 2..at + 4)
        && let [Some(high), Some(low)] = [digits[0], digits[1]].map(|d| char::from(d).to_digit(16))
    {
        buffer.push((high * 16 + low) as u8);
        return at + 3;
    }
    buffer.push(match line[at + 1] {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    });
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Args;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        arguments: 1024,
        bulk_bytes: 1 << 20,
        large_bytes: 16,
        inline_bytes: 64 * 1024,
        authenticated: true,
    };

    fn encode(args: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    /// Feeds `input` in pieces of `step` bytes, as a connection would. Now and then a request is
    /// decoded again from its start, as one that has to wait is.
    fn decode_all(input: &[u8], step: usize) -> Result<Vec<Vec<Vec<u8>>>, ProtocolError> {
        let mut decoder = Decoder::default();
        let (mut held, mut requests) = (Vec::new(), Vec::new());
        let mut arriving: Option<(usize, usize, Vec<u8>)> = None;
        for (count, piece) in input.chunks(step).enumerate() {
            held.extend_from_slice(piece);
            let mut start = 0;
            loop {
                if let Some((at, len, value)) = &mut arriving {
                    let end = held.len().min(*at + *len - value.len());
                    value.extend(held.drain(*at..end));
                    if value.len() < *len {
                        break;
                    }
                    decoder.supply(*at, std::mem::take(value).into());
                    arriving = None;
                }
                if count % 3 == 0 {
                    decoder.restart();
                }
                let mut spans = Vec::new();
                match decoder.decode(&held, start, &LIMITS, &mut spans)? {
                    Decoded::Request { end } => {
                        let args = Args::with_large(&held, &spans, decoder.supplied());
                        let owned = match spans.first() {
                            Some(span) if span.len == QUOTED => split_inline(args.at(1))?,
                            _ => args.to_owned(),
                        };
                        let args = owned.as_args();
                        requests.push(args.from(0).map(<[u8]>::to_vec).collect::<Vec<_>>());
                        decoder.release();
                        start = end;
                    }
                    Decoded::Incomplete { total } => {
                        assert!(total > held.len() - start, "asks for what is there already");
                        break;
                    }
                    Decoded::Large { at, len } => {
                        assert!(held.len() < at + len + 2, "asks for what is there already");
                        held.drain(..start);
                        arriving = Some((at - start, len, Vec::new()));
                        start = 0;
                    }
                }
            }
            held.drain(..start);
        }
        Ok(requests)
    }

    proptest! {
        #[test]
        fn any_requests_split_anywhere(
            requests in prop::collection::vec(
                prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6), 1..5),
            step in 1_usize..70,
        ) {
            let bytes: Vec<u8> = requests.iter().flat_map(|request| encode(request)).collect();
            prop_assert_eq!(decode_all(&bytes, step).unwrap(), requests);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), step in 1_usize..50) {
            let _ = decode_all(&bytes, step);
            let starred: Vec<u8> = [b"*3\r\n$".as_slice(), &bytes].concat();
            let _ = decode_all(&starred, step);
        }

        #[test]
        fn inline_words(words in prop::collection::vec("[a-z0-9]{1,9}", 1..6), step in 1_usize..20) {
            let line = format!("{}\r\n", words.join("  "));
            let expected: Vec<Vec<u8>> = words.iter().map(|w| w.clone().into_bytes()).collect();
            prop_assert_eq!(decode_all(line.as_bytes(), step).unwrap(), vec![expected]);
        }
    }

    #[test]
    fn inline_quotes_follow_redis() {
        let split = |line: &str| {
            split_inline(line.as_bytes()).map(|args| {
                args.as_args()
                    .from(0)
                    .map(<[u8]>::to_vec)
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(
            split(r#"set "a b" 'c\'d' "\x41\n""#).unwrap(),
            [&b"set"[..], b"a b", b"c'd", b"A\n"]
        );
        assert_eq!(split(r#"x """#).unwrap(), [&b"x"[..], b""]);
        for broken in [r#"set "a"#, r#"set "a"b"#, "set 'a", "'a'b"] {
            assert_eq!(
                split(broken),
                Err(ProtocolError::UnbalancedQuotes),
                "{broken}"
            );
        }
    }

    #[test]
    fn malformed_requests() {
        for (input, error) in [
            ("*abc\r\n", ProtocolError::MultibulkLength),
            ("*3000000000\r\n", ProtocolError::MultibulkLength),
            ("*1\r\n$abc\r\n", ProtocolError::BulkLength),
            ("*1\r\n$-1\r\n", ProtocolError::BulkLength),
            ("*1\r\n:5\r\n", ProtocolError::ExpectedBulk(b':')),
            ("*1\r\n$99999999999\r\n", ProtocolError::BulkLength),
        ] {
            assert_eq!(decode_all(input.as_bytes(), 1000), Err(error), "{input:?}");
        }
        assert_eq!(
            decode_all(b"*0\r\n*-1\r\n\r\n", 3).unwrap(),
            vec![Vec::<Vec<u8>>::new(); 3]
        );
    }
}
