//! Encodes replies in RESP2 or RESP3, straight into the client's output.
//!
//! Handlers say what a reply *is* (a map, a double, a null); this file decides how each protocol
//! version spells it. <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use super::bulks::Bulks;
use super::output::{Blob, Mark, Output};
use crate::base::float;
use crate::error::Error;
use std::ops::Range;

/// The protocol version a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The default after connecting.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

impl Protocol {
    /// The number `HELLO` and `CLIENT LIST` use.
    pub fn number(self) -> i64 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

/// Appends one request's reply to an [`Output`].
pub struct Reply<'a> {
    out: &'a mut Output,
    protocol: Protocol,
}

impl<'a> Reply<'a> {
    /// Starts at the end of `out`.
    #[inline]
    pub fn new(out: &'a mut Output, protocol: Protocol) -> Reply<'a> {
        Reply { out, protocol }
    }

    /// The protocol version in force.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Switches versions, for `HELLO` and `RESET`: the reply that follows is already in the new.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// True when the client speaks RESP3.
    pub fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// The output itself, for marks and whole nested replies.
    pub fn output(&mut self) -> &mut Output {
        self.out
    }

    /// The present end of the reply.
    pub fn mark(&self) -> Mark {
        self.out.mark()
    }

    /// Takes back everything since `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.out.truncate(mark);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.buffer().extend_from_slice(b"+OK\r\n");
    }

    /// A simple string; `text` holds no CR or LF.
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// A simple string of any bytes: line ends become blanks.
    pub fn simple_line(&mut self, text: &[u8]) {
        self.cleaned_line(b'+', up_to_nul(text));
    }

    /// An error of any bytes, its code first, likewise.
    pub fn error_line(&mut self, text: &[u8]) {
        let text = up_to_nul(text);
        let kept = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
        self.cleaned_line(b'-', &text[..kept.map_or(0, |last| last + 1)]);
    }

    /// As [`Reply::big_number`], of any bytes.
    pub fn big_number_line(&mut self, text: &[u8]) {
        if self.is_resp3() {
            self.cleaned_line(b'(', text);
        } else {
            self.bulk(text);
        }
    }

    fn cleaned_line(&mut self, kind: u8, text: &[u8]) {
        let start = self.out.buffer().len();
        self.line(kind, text);
        let buffer = self.out.buffer();
        let end = buffer.len() - 2;
        for byte in &mut buffer[start..end] {
            if matches!(*byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }

    /// An error, on one line whatever it quotes.
    pub fn error(&mut self, error: &Error) {
        let buffer = self.out.buffer();
        buffer.push(b'-');
        let start = buffer.len();
        error.write_to(buffer);
        // As Redis does: line ends at the end of what is quoted go, others become blanks.
        while let Some(b'\r' | b'\n') = buffer.last() {
            buffer.pop();
        }
        for byte in &mut buffer[start..] {
            if matches!(*byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        buffer.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// An integer from a count.
    pub fn count(&mut self, value: usize) {
        self.header(b':', value as i64);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        append_bulk(self.out.buffer(), bytes);
    }

    /// Bulk strings, one after the other: the elements of a collection.
    #[inline]
    pub fn bulks(&mut self) -> Bulks<'_> {
        Bulks::new(self.out.buffer())
    }

    /// A bulk string that is a blob: appended by reference.
    pub fn bulk_blob(&mut self, blob: &Blob) {
        self.bulk_part(blob, 0..blob.len());
    }

    /// A bulk string that is a part of a blob: appended by reference, and all of it is held until
    /// that is sent.
    pub fn bulk_part(&mut self, blob: &Blob, part: Range<usize>) {
        self.header(b'$', part.len() as i64);
        self.out.push_part(blob, part);
        self.out.buffer().extend_from_slice(b"\r\n");
    }

    /// A bulk string holding a decimal integer, as strings that are integers are sent.
    pub fn bulk_int(&mut self, value: i64) {
        let mut digits = itoa::Buffer::new();
        self.bulk(digits.format(value).as_bytes());
    }

    /// A verbatim string (`txt` or `mkd`) in RESP3, a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &[u8; 3], text: &[u8]) {
        if !self.is_resp3() {
            return self.bulk(text);
        }
        self.header(b'=', text.len() as i64 + 4);
        let buffer = self.out.buffer();
        buffer.extend_from_slice(format);
        buffer.push(b':');
        buffer.extend_from_slice(text);
        buffer.extend_from_slice(b"\r\n");
    }

    /// "No value": `$-1` in RESP2, `_` in RESP3.
    pub fn null(&mut self) {
        let text: &[u8] = if self.is_resp3() {
            b"_\r\n"
        } else {
            b"$-1\r\n"
        };
        self.out.buffer().extend_from_slice(text);
    }

    /// "No array": `*-1` in RESP2, `_` in RESP3.
    pub fn null_array(&mut self) {
        let text: &[u8] = if self.is_resp3() {
            b"_\r\n"
        } else {
            b"*-1\r\n"
        };
        self.out.buffer().extend_from_slice(text);
    }

    /// A boolean: `#t`/`#f`, or 1/0 in RESP2.
    pub fn bool(&mut self, value: bool) {
        match (self.protocol, value) {
            (Protocol::Resp3, true) => self.out.buffer().extend_from_slice(b"#t\r\n"),
            (Protocol::Resp3, false) => self.out.buffer().extend_from_slice(b"#f\r\n"),
            (Protocol::Resp2, _) => self.int(value.into()),
        }
    }

    /// A double: `,` in RESP3, a bulk string in RESP2.
    pub fn double(&mut self, value: f64) {
        self.double_text(&float::format_f64(value));
    }

    /// A double whose text the caller has written.
    pub fn double_text(&mut self, text: &[u8]) {
        if self.is_resp3() {
            self.line(b',', text);
        } else {
            self.bulk(text);
        }
    }

    /// The head of an array of `count` elements.
    pub fn array(&mut self, count: usize) {
        self.header(b'*', count as i64);
    }

    /// The head of a map of `pairs` pairs: `%`, or a flat array in RESP2.
    pub fn map(&mut self, pairs: usize) {
        if self.is_resp3() {
            self.header(b'%', pairs as i64);
        } else {
            self.header(b'*', pairs as i64 * 2);
        }
    }

    /// The head of a set: `~`, or an array in RESP2.
    pub fn set(&mut self, count: usize) {
        self.header(if self.is_resp3() { b'~' } else { b'*' }, count as i64);
    }

    /// The head of a push: `>`, or an array in RESP2.
    pub fn push(&mut self, count: usize) {
        self.header(if self.is_resp3() { b'>' } else { b'*' }, count as i64);
    }

    /// A number beyond 64 bits, in decimal: `(`, or a bulk string in RESP2.
    pub fn big_number(&mut self, digits: &str) {
        if self.is_resp3() {
            self.line(b'(', digits.as_bytes());
        } else {
            self.bulk(digits.as_bytes());
        }
    }

    /// The head of `pairs` attributes of the reply that follows. RESP3 only: the caller asks
    /// [`Reply::is_resp3`] and leaves them out otherwise.
    pub fn attribute(&mut self, pairs: usize) {
        self.header(b'|', pairs as i64);
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        let buffer = self.out.buffer();
        buffer.push(kind);
        buffer.extend_from_slice(text);
        buffer.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn header(&mut self, kind: u8, value: i64) {
        write_header(self.out.buffer(), kind, value);
    }
}

/// Bytes around a bulk string of any length.
const BULK_FRAME: usize = 32;

/// Appends a bulk string.
#[inline]
pub(super) fn append_bulk(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.reserve(bytes.len() + BULK_FRAME);
    write_header(buffer, b'$', bytes.len() as i64);
    buffer.extend_from_slice(bytes);
    buffer.extend_from_slice(b"\r\n");
}

/// Most numbers are small: this many of them are spelled without dividing.
const SPELLED: usize = 1000;

/// A number's decimal digits and a line's end, in the order of memory; how many bytes that is, in the
/// highest byte.
static SPELLINGS: [u64; SPELLED] = spellings();

const fn spellings() -> [u64; SPELLED] {
    let mut all = [0; SPELLED];
    let mut number = 0;
    while number < SPELLED {
        let mut text = (b'\n' as u64) << 8 | b'\r' as u64;
        let mut len = 2_u64;
        let mut rest = number;
        loop {
            text = text << 8 | (b'0' + (rest % 10) as u8) as u64;
            len += 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        all[number] = text | len << 56;
        number += 1;
    }
    all
}

/// The head of a bulk string of `len` bytes, with whatever follows it up to a word's end, and how long
/// it is; `None` for lengths that are not spelled in advance.
#[inline]
pub(super) fn spelled(len: usize) -> Option<([u8; 8], usize)> {
    let spelling = SPELLINGS.get(len)?;
    let line = spelling << 8 | u64::from(b'$');
    Some((line.to_le_bytes(), 1 + (spelling >> 56) as usize))
}

/// A line of `kind` and a number.
#[inline]
fn write_header(buffer: &mut Vec<u8>, kind: u8, value: i64) {
    match usize::try_from(value)
        .ok()
        .and_then(|value| SPELLINGS.get(value))
    {
        Some(spelling) => {
            // As many bytes as a word has are written, and those beyond the line taken back.
            let end = buffer.len() + 1 + (spelling >> 56) as usize;
            let line = spelling << 8 | u64::from(kind);
            buffer.extend_from_slice(&line.to_le_bytes());
            buffer.truncate(end);
        }
        None => write_long_header(buffer, kind, value),
    }
}

#[inline(never)]
fn write_long_header(buffer: &mut Vec<u8>, kind: u8, value: i64) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(value).as_bytes();
    buffer.reserve(digits.len() + 3);
    buffer.push(kind);
    buffer.extend_from_slice(digits);
    buffer.extend_from_slice(b"\r\n");
}

/// What C makes of a text.
fn up_to_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(protocol: Protocol, write: impl Fn(&mut Reply<'_>)) -> String {
        let mut out = Output::default();
        write(&mut Reply::new(&mut out, protocol));
        String::from_utf8(out.buffer().clone()).expect("ASCII replies")
    }

    /// What is written, and what that is in RESP2 and in RESP3.
    type Case = (fn(&mut Reply<'_>), &'static str, &'static str);

    #[test]
    fn each_kind_in_both_protocols() {
        let cases: &[Case] = &[
            (|r| r.null(), "$-1\r\n", "_\r\n"),
            (|r| r.null_array(), "*-1\r\n", "_\r\n"),
            (|r| r.bool(true), ":1\r\n", "#t\r\n"),
            (|r| r.map(2), "*4\r\n", "%2\r\n"),
            (|r| r.set(3), "*3\r\n", "~3\r\n"),
            (|r| r.push(3), "*3\r\n", ">3\r\n"),
            (|r| r.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"),
            (
                |r| r.verbatim(b"txt", b"hi"),
                "$2\r\nhi\r\n",
                "=6\r\ntxt:hi\r\n",
            ),
            (|r| r.int(-12), ":-12\r\n", ":-12\r\n"),
            (|r| r.int(0), ":0\r\n", ":0\r\n"),
            (|r| r.int(70), ":70\r\n", ":70\r\n"),
            (|r| r.int(999), ":999\r\n", ":999\r\n"),
            (|r| r.int(1000), ":1000\r\n", ":1000\r\n"),
            (
                |r| r.bulk_int(i64::MIN),
                "$20\r\n-9223372036854775808\r\n",
                "$20\r\n-9223372036854775808\r\n",
            ),
        ];
        for (write, resp2, resp3) in cases {
            assert_eq!(&encode(Protocol::Resp2, write), resp2);
            assert_eq!(&encode(Protocol::Resp3, write), resp3);
        }
    }
}
