//! Packed sequences: a count, and elements one after the other, as Redis's listpack does it (the
//! encodings of an element are the same; there is no trailing length).
//!
//! ```text
//! count u16 │ element │ element │ …          (no bytes at all: an empty sequence)
//! 0xxxxxxx                        an integer from 0 to 127
//! 10xxxxxx bytes                  a string of up to 63 bytes
//! 110xxxxx xxxxxxxx               an integer of 13 bits, signed
//! 1110xxxx xxxxxxxx bytes         a string of up to 4,095 bytes
//! F0 u32 bytes                    a longer string
//! F1 i16, F2 i24, F3 i32, F4 i64  an integer
//! F5 f64                          a score that is no integer
//! ```
//!
//! Each string has one encoding: text that is the decimal form of an integer is an integer. Equal
//! elements are therefore equal bytes. All numbers are little endian. These bytes never come from
//! outside: a malformed one is a defect of this program, and ends in a panic.

use super::content::Write;
use crate::base::bytes::same;
use crate::base::number;
use smallvec::SmallVec;

/// Bytes before the first element.
pub const HEAD: usize = 2;
/// Most bytes an element takes beside its string.
pub const OVERHEAD_MAX: usize = 9;

/// How large a collection may become before it is no longer packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fields or members.
    pub entries: usize,
    /// Bytes of a field, a field's value or a member.
    pub value_bytes: usize,
}

/// An element's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Element<'a> {
    /// The text of an integer.
    Int(i64),
    /// Any other text.
    Bytes(&'a [u8]),
    /// A score that is no integer.
    Score(f64),
}

impl<'a> Element<'a> {
    /// Runs `with` on the element's text.
    pub fn with_text<T>(self, with: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Element::Int(value) => with(itoa::Buffer::new().format(value).as_bytes()),
            Element::Bytes(bytes) => with(bytes),
            Element::Score(value) => with(&crate::base::float::format_f64(value)),
        }
    }

    /// The element's text, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.with_text(<[u8]>::to_vec)
    }

    /// Length of the element's text.
    pub fn text_len(self) -> usize {
        match self {
            Element::Int(value) => number::text_length(value),
            Element::Bytes(bytes) => bytes.len(),
            Element::Score(_) => self.with_text(<[u8]>::len),
        }
    }

    /// Text as an element: an integer if it is the decimal form of one.
    pub fn of(text: &'a [u8]) -> Element<'a> {
        number::parse_i64(text).map_or(Element::Bytes(text), Element::Int)
    }

    /// A score as an element: an integer if it is one that a double holds exactly (-0 is not).
    pub fn of_score(score: f64) -> Element<'a> {
        const EXACT: f64 = (1_i64 << 53) as f64;
        let negative_zero = score == 0.0 && score.is_sign_negative();
        if score.trunc() == score && score.abs() <= EXACT && !negative_zero {
            Element::Int(score as i64)
        } else {
            Element::Score(score)
        }
    }

    /// The number of an element that is a score.
    pub fn score(self) -> f64 {
        match self {
            Element::Int(value) => value as f64,
            Element::Score(value) => value,
            Element::Bytes(_) => unreachable!("scores are stored as numbers"),
        }
    }
}

/// An element's bytes, encoded: what precedes the string (or all of a number), and the string.
pub struct Encoded<'a> {
    head: [u8; OVERHEAD_MAX],
    head_len: u8,
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Encodes text.
    pub fn new(text: &'a [u8]) -> Encoded<'a> {
        Encoded::of(Element::of(text))
    }

    /// Encodes an element.
    pub fn of(element: Element<'a>) -> Encoded<'a> {
        let mut head = [0; OVERHEAD_MAX];
        let mut text: &[u8] = &[];
        let head_len = match element {
            Element::Int(value) => encode_int(value, &mut head),
            Element::Score(value) => {
                head[0] = 0xf5;
                head[1..9].copy_from_slice(&value.to_le_bytes());
                9
            }
            Element::Bytes(bytes) => {
                text = bytes;
                match bytes.len() {
                    len @ 0..64 => {
                        head[0] = 0x80 | len as u8;
                        1
                    }
                    len @ 64..4096 => {
                        head[0] = 0xe0 | (len >> 8) as u8;
                        head[1] = len as u8;
                        2
                    }
                    len => {
                        head[0] = 0xf0;
                        head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
                        5
                    }
                }
            }
        };
        Encoded {
            head,
            head_len,
            text,
        }
    }

    /// What precedes the string.
    #[inline]
    pub fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }

    /// The string; empty for numbers.
    #[inline]
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Bytes of both.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.head_len) + self.text.len()
    }

    /// Never: an element has at least one byte.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Is this the element `bytes` begins with?
    #[inline]
    pub fn is_at(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.len()
            && bytes[0] == self.head[0]
            && bytes.starts_with(self.head())
            && bytes[usize::from(self.head_len)..].starts_with(self.text)
    }

    /// Appends the bytes.
    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.head());
        bytes.extend_from_slice(self.text);
    }
}

fn encode_int(value: i64, head: &mut [u8; OVERHEAD_MAX]) -> u8 {
    let bytes = value.to_le_bytes();
    let (tag, width) = match value {
        0..=127 => {
            head[0] = value as u8;
            return 1;
        }
        -4096..=4095 => {
            head[0] = 0xc0 | (value >> 8) as u8 & 0x1f;
            head[1] = value as u8;
            return 2;
        }
        -0x8000..=0x7fff => (0xf1, 2),
        -0x80_0000..=0x7f_ffff => (0xf2, 3),
        -0x8000_0000..=0x7fff_ffff => (0xf3, 4),
        _ => (0xf4, 8),
    };
    head[0] = tag;
    head[1..=width].copy_from_slice(&bytes[..width]);
    width as u8 + 1
}

/// The element that `bytes` begins with, and its length.
#[inline]
pub fn decode(bytes: &[u8]) -> (Element<'_>, usize) {
    let string = |at: usize, len: usize| (Element::Bytes(&bytes[at..at + len]), at + len);
    let int = |width: usize| {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(&bytes[1..=width]);
        let shift = 64 - 8 * width as u32;
        let value = i64::from_le_bytes(wide) << shift >> shift;
        (Element::Int(value), width + 1)
    };
    match bytes[0] {
        tag @ 0..0x80 => (Element::Int(tag.into()), 1),
        tag @ 0x80..0xc0 => string(1, usize::from(tag & 0x3f)),
        tag @ 0xc0..0xe0 => {
            let value = i64::from(tag & 0x1f) << 8 | i64::from(bytes[1]);
            (Element::Int(value << 51 >> 51), 2)
        }
        tag @ 0xe0..0xf0 => string(2, usize::from(tag & 0xf) << 8 | usize::from(bytes[1])),
        0xf0 => string(5, long_len(bytes)),
        0xf1 => int(2),
        0xf2 => int(3),
        0xf3 => int(4),
        0xf4 => int(8),
        0xf5 => {
            let wide = bytes[1..9].try_into().expect("eight bytes");
            (Element::Score(f64::from_le_bytes(wide)), 9)
        }
        tag => unreachable!("no element begins with {tag:#x}"),
    }
}

/// If `bytes` begin with a string of up to 63 bytes: what begins with that string, and its length.
#[inline]
pub fn short_text(bytes: &[u8]) -> Option<(&[u8], usize)> {
    match bytes {
        [tag @ 0x80..0xc0, text @ ..] => Some((text, usize::from(tag & 0x3f))),
        _ => None,
    }
}

fn long_len(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes[1..5].try_into().expect("four bytes")) as usize
}

/// Length of the element that `bytes` begins with.
#[inline]
pub fn element_len(bytes: &[u8]) -> usize {
    match bytes[0] {
        0..0x80 => 1,
        tag @ 0x80..0xc0 => 1 + usize::from(tag & 0x3f),
        0xc0..0xe0 => 2,
        tag @ 0xe0..0xf0 => 2 + (usize::from(tag & 0xf) << 8 | usize::from(bytes[1])),
        0xf0 => 5 + long_len(bytes),
        0xf1 => 3,
        0xf2 => 4,
        0xf3 => 5,
        0xf4 | 0xf5 => 9,
        tag => unreachable!("no element begins with {tag:#x}"),
    }
}

/// Number of elements.
#[inline]
pub fn count(bytes: &[u8]) -> usize {
    match bytes {
        [low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
        _ => 0,
    }
}

/// Sets the number of elements.
pub fn set_count(bytes: &mut [u8], count: usize) {
    let count = u16::try_from(count).expect("packed values are short");
    bytes[..HEAD].copy_from_slice(&count.to_le_bytes());
}

/// Visits elements with their offsets, from the one at `at` on.
pub fn iter(bytes: &[u8], at: usize) -> Iter<'_> {
    Iter { bytes, at }
}

/// See [`iter`].
#[derive(Clone)]
pub struct Iter<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (usize, Element<'a>);

    #[inline]
    fn next(&mut self) -> Option<(usize, Element<'a>)> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (element, len) = decode(rest);
        let at = self.at;
        self.at += len;
        Some((at, element))
    }
}

/// Offset of the first element equal to `needle`, looking at every `stride`-th from offset `from`.
#[inline]
pub fn find(bytes: &[u8], from: usize, needle: &Encoded<'_>, stride: usize) -> Option<usize> {
    if needle.head_len == 1 && !needle.text.is_empty() {
        return find_short(bytes, from, (needle.head[0], needle.text), stride);
    }
    let mut at = from;
    while at < bytes.len() {
        if needle.is_at(&bytes[at..]) {
            return Some(at);
        }
        for _ in 0..stride {
            at += element_len(&bytes[at..]);
        }
    }
    None
}

/// As [`find`], for a string whose length is in its first byte: most fields and members.
fn find_short(
    bytes: &[u8],
    mut at: usize,
    (head, text): (u8, &[u8]),
    stride: usize,
) -> Option<usize> {
    while let Some(element) = bytes.get(at..)
        && let [first, rest @ ..] = element
    {
        if *first == head
            && rest
                .get(..text.len())
                .is_some_and(|found| same(found, text))
        {
            return Some(at);
        }
        at = skip(bytes, at, stride);
    }
    None
}

/// Offset just behind `n` elements from the one at `at`.
#[inline]
pub fn skip(bytes: &[u8], mut at: usize, n: usize) -> usize {
    for _ in 0..n {
        at += element_len(&bytes[at..]);
    }
    at
}

/// Offsets of every `stride`-th element from offset `from` on: to go backwards, or to draw.
pub fn offsets(bytes: &[u8], from: usize, stride: usize) -> SmallVec<[u32; 128]> {
    let mut offsets = SmallVec::new();
    let mut at = from;
    while at < bytes.len() {
        offsets.push(at as u32);
        at = skip(bytes, at, stride);
    }
    offsets
}

/// Replaces `removed` bytes at `at` by `elements`, and sets the count of a sequence whose bytes
/// are those of [`super::content::Packing::Listpack`]. `at` 0 stands for the first element's
/// place, also in a sequence that has no bytes yet.
pub fn splice(
    holder: &mut impl Write,
    at: usize,
    removed: usize,
    elements: &[Encoded<'_>],
    new_count: usize,
) {
    let mut parts: SmallVec<[&[u8]; 9]> = SmallVec::new();
    let fresh = holder.packed_mut().is_empty();
    let at = if fresh { 0 } else { at.max(HEAD) };
    if fresh {
        parts.push(&[0; HEAD]);
    }
    for element in elements {
        parts.push(element.head());
        if !element.text().is_empty() {
            parts.push(element.text());
        }
    }
    holder.splice(at, removed, &parts);
    set_count(holder.packed_mut(), new_count);
}

#[cfg(test)]
mod tests {
    use super::super::content::{Content, Read, Value};
    use super::*;
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let number = any::<i64>().prop_map(|n| n.to_string().into_bytes());
        let small = (-5000_i64..5000).prop_map(|n| n.to_string().into_bytes());
        let edge = prop::sample::select(vec![i64::MIN, i64::MAX, 1 << 23, -(1 << 23), 1 << 31])
            .prop_map(|n| n.to_string().into_bytes());
        let length = prop_oneof![0_usize..70, Just(63), Just(64), Just(4095), Just(4096)];
        let bytes = length.prop_map(|len| (0..len).map(|i| (i * 7) as u8).collect());
        prop::collection::vec(prop_oneof![number, small, edge, bytes], 0..12)
    }

    fn of(value: &Value) -> &[u8] {
        match value.content() {
            Content::Packed(_, bytes) => bytes,
            Content::Big(_) => unreachable!(),
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_was_written(texts in texts(), score in any::<f64>()) {
            let mut value = Value::default();
            for (index, text) in texts.iter().enumerate() {
                let end = of(&value).len();
                splice(&mut value, end, 0, &[Encoded::new(text)], index + 1);
            }
            let bytes = of(&value);
            prop_assert_eq!(count(bytes), texts.len());
            let found: Vec<_> = iter(bytes, HEAD).map(|(_, element)| element.to_vec()).collect();
            prop_assert_eq!(&found, &texts);
            for ((at, element), text) in iter(bytes, HEAD).zip(&texts) {
                prop_assert_eq!(element.text_len(), text.len());
                prop_assert!(find(bytes, HEAD, &Encoded::new(text), 1) <= Some(at));
            }
            prop_assert_eq!(offsets(bytes, HEAD, 1).len(), texts.len());
            if let Some(first) = texts.first() {
                let len = Encoded::new(first).len();
                splice(&mut value, HEAD, len, &[], texts.len() - 1);
                let rest: Vec<_> = iter(of(&value), HEAD).map(|(_, e)| e.to_vec()).collect();
                prop_assert_eq!(&rest[..], &texts[1..]);
            }
            let encoded = Encoded::of(Element::of_score(score));
            let back = decode(encoded.head()).0.score();
            prop_assert_eq!(back.to_bits(), score.to_bits());
        }
    }
}
