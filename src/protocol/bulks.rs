//! Many bulk strings, one after the other.

use super::reply::{append_bulk, spelled};

/// Bytes around a short bulk string, and what a wide copy writes beyond its end.
const FRAME_MAX: usize = 64;
/// Texts of up to this many bytes are copied as so many, when they stand in a text that is longer.
const WIDE: usize = 32;
/// Bytes by which the room grows.
const ROOM: usize = 1024;

/// Appends bulk strings to a buffer: the elements of a collection, the hottest loop there is. The
/// buffer is as long as it has room while this lives, so that writing is not appending, and is cut at
/// its end by the drop.
pub struct Bulks<'a> {
    buffer: &'a mut Vec<u8>,
    end: usize,
}

impl<'a> Bulks<'a> {
    pub(super) fn new(buffer: &'a mut Vec<u8>) -> Bulks<'a> {
        let end = buffer.len();
        Bulks { buffer, end }
    }

    /// Appends the first `len` bytes of `text`. What follows them there is not sent, but a short
    /// bulk string is copied faster out of a longer text.
    #[inline]
    pub fn push(&mut self, text: &[u8], len: usize) {
        let Some((line, head)) = spelled(len) else {
            return self.push_long(&text[..len]);
        };
        let needed = self.end + len + FRAME_MAX;
        if self.buffer.len() < needed {
            self.grow(needed);
        }
        let room = &mut self.buffer[self.end..];
        room[..8].copy_from_slice(&line);
        let room = &mut room[head..];
        match text.first_chunk::<WIDE>() {
            Some(wide) if len <= WIDE => room[..WIDE].copy_from_slice(wide),
            _ => room[..len].copy_from_slice(&text[..len]),
        }
        room[len..len + 2].copy_from_slice(b"\r\n");
        self.end += head + len + 2;
    }

    /// Appends the decimal form of an integer.
    pub fn push_int(&mut self, value: i64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        self.push(digits, digits.len());
    }

    /// One whose room would not be worth making before it is written.
    #[inline(never)]
    fn push_long(&mut self, text: &[u8]) {
        self.buffer.truncate(self.end);
        append_bulk(self.buffer, text);
        self.end = self.buffer.len();
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, needed: usize) {
        self.buffer.resize(needed + ROOM, 0);
    }
}

impl Drop for Bulks<'_> {
    #[inline]
    fn drop(&mut self) {
        self.buffer.truncate(self.end);
    }
}

#[cfg(test)]
mod tests {
    use crate::protocol::{Output, Protocol, Reply};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn writes_what_single_bulk_strings_are(
            before in prop::collection::vec(any::<u8>(), 0..40),
            texts in prop::collection::vec(
                (prop_oneof![0_usize..70, 990_usize..1010, 9_000_usize..20_000], 0_usize..70, any::<i64>()),
                0..30,
            ),
        ) {
            let (mut out, mut expected) = (Output::default(), Output::default());
            out.buffer().extend_from_slice(&before);
            expected.buffer().extend_from_slice(&before);
            let mut reply = Reply::new(&mut out, Protocol::Resp2);
            let mut bulks = reply.bulks();
            let mut single = Reply::new(&mut expected, Protocol::Resp2);
            for (len, beyond, number) in texts {
                let text: Vec<u8> = (0..len + beyond).map(|at| (at * 7 + len) as u8).collect();
                bulks.push(&text, len);
                bulks.push_int(number);
                single.bulk(&text[..len]);
                single.bulk_int(number);
            }
            drop(bulks);
            prop_assert_eq!(out.buffer(), expected.buffer());
        }
    }
}
