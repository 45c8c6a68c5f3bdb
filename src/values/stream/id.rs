//! Ids of messages: milliseconds and a sequence number, ordered.

use crate::base::number;

/// Longest text that is read as an id.
const TEXT_MAX: usize = 127;

/// The id of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Unix time in ms, when the server made the id.
    pub ms: u64,
    /// Tells messages of the same millisecond apart.
    pub seq: u64,
}

/// An id whose sequence number may be left to the server: `5-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Complete.
    Whole(Id),
    /// Only the milliseconds.
    Milliseconds(u64),
}

impl Id {
    /// Below every message: no message has it.
    pub const MIN: Id = Id { ms: 0, seq: 0 };
    /// The last there can be.
    pub const MAX: Id = Id {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// From its parts.
    pub const fn new(ms: u64, seq: u64) -> Id {
        Id { ms, seq }
    }

    /// The least id beyond this one, if there is one.
    pub fn next(self) -> Option<Id> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => Some(Id::new(self.ms.checked_add(1)?, 0)),
        }
    }

    /// The greatest id before this one, if there is one.
    pub fn previous(self) -> Option<Id> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Id { seq, ..self }),
            None => Some(Id::new(self.ms.checked_sub(1)?, u64::MAX)),
        }
    }

    /// Reads `ms` or `ms-seq`; a sequence number that is not given is `seq`. Numbers are read as C
    /// reads them: leading zeros and white space are taken.
    pub fn parse(text: &[u8], seq: u64) -> Option<Id> {
        match Id::parse_wanted(text, seq)? {
            Wanted::Whole(id) => Some(id),
            Wanted::Milliseconds(_) => None,
        }
    }

    /// As [`Id::parse`]; `-` and `+` are the least and the greatest id.
    pub fn parse_edge(text: &[u8], seq: u64) -> Option<Id> {
        match text {
            b"-" => Some(Id::MIN),
            b"+" => Some(Id::MAX),
            _ => Id::parse(text, seq),
        }
    }

    /// As [`Id::parse`], where `ms-*` leaves the sequence number to the server.
    pub fn parse_wanted(text: &[u8], seq: u64) -> Option<Wanted> {
        if text.len() > TEXT_MAX {
            return None;
        }
        let text = text.split(|byte| *byte == 0).next().unwrap_or(text);
        let Some(dash) = memchr::memchr(b'-', text) else {
            return Some(Wanted::Whole(Id::new(parse_number(text)?, seq)));
        };
        let ms = parse_number(&text[..dash])?;
        match &text[dash + 1..] {
            b"*" => Some(Wanted::Milliseconds(ms)),
            seq => Some(Wanted::Whole(Id::new(ms, parse_number(seq)?))),
        }
    }

    /// Runs `with` on the id's text, `ms-seq`.
    #[inline]
    pub fn with_text<T>(self, with: impl FnOnce(&[u8]) -> T) -> T {
        let mut text = [0; 2 * number::U64_TEXT_LENGTH_MAX + 1];
        let mut digits = itoa::Buffer::new();
        let ms = digits.format(self.ms).as_bytes();
        text[..ms.len()].copy_from_slice(ms);
        text[ms.len()] = b'-';
        let at = ms.len() + 1;
        if self.seq < 10 {
            text[at] = b'0' + self.seq as u8;
            return with(&text[..=at]);
        }
        let seq = digits.format(self.seq).as_bytes();
        text[at..at + seq.len()].copy_from_slice(seq);
        with(&text[..at + seq.len()])
    }
}

/// An unsigned number: its one spelling, or else whatever C's `strtoull` takes for one.
fn parse_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    match number::parse_i64(text) {
        Some(value) => u64::try_from(value).ok(),
        None => number::parse_u64_as_c(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_redis_reads_them() {
        for (text, expected) in [
            ("5", Some(Id::new(5, 7))),
            ("5-0", Some(Id::new(5, 0))),
            ("05-+3", Some(Id::new(5, 3))),
            (" 5- 3", Some(Id::new(5, 3))),
            ("5-3\u{0}x", Some(Id::new(5, 3))),
            ("18446744073709551615-18446744073709551615", Some(Id::MAX)),
            ("18446744073709551616", None),
            ("5--1", None),
            ("5--01", Some(Id::new(5, u64::MAX))),
            ("5-", None),
            ("-5", None),
            ("", None),
            ("-", None),
            ("+", None),
            ("5-*", None),
            ("x", None),
            ("5-3-1", None),
        ] {
            assert_eq!(Id::parse(text.as_bytes(), 7), expected, "{text:?}");
        }
        assert_eq!(Id::parse(&[b'0'; 128], 0), None);
        assert_eq!(Id::parse(&[b'0'; 127], 0), Some(Id::MIN));
        assert_eq!(Id::parse_edge(b"-", 0), Some(Id::MIN));
        assert_eq!(Id::parse_edge(b"+", 0), Some(Id::MAX));
        let open = Id::parse_wanted(b"5-*", 0);
        assert_eq!(open, Some(Wanted::Milliseconds(5)));
    }

    #[test]
    fn neighbours_carry() {
        assert_eq!(Id::new(5, u64::MAX).next(), Some(Id::new(6, 0)));
        assert_eq!(Id::new(6, 0).previous(), Some(Id::new(5, u64::MAX)));
        assert_eq!(Id::MAX.next(), None);
        assert_eq!(Id::MIN.previous(), None);
    }

    #[test]
    fn text_comes_back() {
        for id in [Id::MIN, Id::MAX, Id::new(1, 9), Id::new(12, 10)] {
            let text = id.with_text(<[u8]>::to_vec);
            assert_eq!(text, format!("{}-{}", id.ms, id.seq).into_bytes());
            assert_eq!(Id::parse(&text, 0), Some(id));
        }
    }
}
