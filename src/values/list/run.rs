//! Runs: packed elements that can be read from both ends.
//!
//! An element is encoded as in [`packed`], and followed by the length of that encoding, in one to
//! three bytes of seven bits each that are read from the right: the rightmost holds the lowest
//! bits, and a set top bit says that there is another to its left. So the last element is found as
//! quickly as the first, for the byte that a listpack pays for it too.

use crate::base::number;
use crate::protocol::output::Blob;
use crate::values::packed::{self, Element, Encoded};
use smallvec::SmallVec;

/// Most bytes of a length behind an element: elements in runs are shorter than 2 MiB.
const TAIL_MAX: usize = 3;

/// An element of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// The text of an integer.
    Int(i64),
    /// Any other text.
    Bytes(&'a [u8]),
    /// A text too long for a run; replies can quote it without a copy.
    Blob(&'a Blob),
}

impl<'a> Item<'a> {
    fn of(element: Element<'a>) -> Item<'a> {
        match element {
            Element::Int(value) => Item::Int(value),
            Element::Bytes(bytes) => Item::Bytes(bytes),
            Element::Score(_) => unreachable!("lists hold no scores"),
        }
    }

    /// Runs `with` on the text.
    pub fn with_text<T>(self, with: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            Item::Int(value) => with(itoa::Buffer::new().format(value).as_bytes()),
            Item::Bytes(bytes) => with(bytes),
            Item::Blob(blob) => with(blob),
        }
    }

    /// The text, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.with_text(<[u8]>::to_vec)
    }

    /// The text, copied; short ones without an allocation.
    pub fn to_small(self) -> SmallVec<[u8; 64]> {
        self.with_text(SmallVec::from_slice)
    }

    /// Length of the text.
    pub fn text_len(self) -> usize {
        match self {
            Item::Int(value) => number::text_length(value),
            Item::Bytes(bytes) => bytes.len(),
            Item::Blob(blob) => blob.len(),
        }
    }
}

/// A text to compare elements with.
#[derive(Clone, Copy)]
pub struct Needle<'a>(Element<'a>);

impl<'a> Needle<'a> {
    /// Reads the text.
    pub fn new(text: &'a [u8]) -> Needle<'a> {
        Needle(Element::of(text))
    }

    /// Is this the text of `item`?
    #[inline]
    pub fn is(self, item: Item<'_>) -> bool {
        match (self.0, item) {
            (Element::Int(mine), Item::Int(other)) => mine == other,
            (Element::Bytes(mine), Item::Bytes(other)) => mine == other,
            (Element::Bytes(mine), Item::Blob(other)) => mine == other.as_slice(),
            _ => false,
        }
    }
}

/// An element's bytes in a run.
pub struct Framed<'a> {
    encoded: Encoded<'a>,
    tail: [u8; TAIL_MAX],
    tail_len: u8,
}

impl<'a> Framed<'a> {
    /// Encodes text.
    pub fn new(text: &'a [u8]) -> Framed<'a> {
        let encoded = Encoded::new(text);
        let len = encoded.len();
        let bits = |shift: usize| (len >> shift) as u8 & 0x7f;
        let (tail, tail_len) = match tail_len(len) {
            1 => ([bits(0), 0, 0], 1),
            2 => ([bits(7), 0x80 | bits(0), 0], 2),
            _ => ([bits(14), 0x80 | bits(7), 0x80 | bits(0)], 3),
        };
        Framed {
            encoded,
            tail,
            tail_len,
        }
    }

    /// All its bytes.
    pub fn len(&self) -> usize {
        self.encoded.len() + usize::from(self.tail_len)
    }

    /// The pieces it consists of, in order.
    pub fn parts(&self) -> [&[u8]; 3] {
        [
            self.encoded.head(),
            self.encoded.text(),
            &self.tail[..usize::from(self.tail_len)],
        ]
    }

    /// Writes it over `place`, which has its length.
    pub fn write(&self, mut place: &mut [u8]) {
        for part in self.parts() {
            let (head, rest) = place.split_at_mut(part.len());
            head.copy_from_slice(part);
            place = rest;
        }
    }
}

fn tail_len(encoded_len: usize) -> usize {
    match encoded_len {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => 3,
    }
}

/// The element at offset `at`, and the offset behind it.
#[inline]
pub fn next(run: &[u8], at: usize) -> (Item<'_>, usize) {
    let (element, len) = packed::decode(&run[at..]);
    (Item::of(element), at + len + tail_len(len))
}

/// The element that ends before offset `end`, and its offset.
#[inline]
pub fn previous(run: &[u8], end: usize) -> (Item<'_>, usize) {
    let at = start_of(run, end);
    (Item::of(packed::decode(&run[at..]).0), at)
}

/// Offset behind the element at `at`.
#[inline]
pub fn end_of(run: &[u8], at: usize) -> usize {
    let len = packed::element_len(&run[at..]);
    at + len + tail_len(len)
}

/// Offset of the element that ends before `end`.
#[inline]
pub fn start_of(run: &[u8], end: usize) -> usize {
    let low = run[end - 1];
    let mut len = usize::from(low & 0x7f);
    let mut tail = 1;
    let mut byte = low;
    while byte & 0x80 != 0 {
        tail += 1;
        byte = run[end - tail];
        len |= usize::from(byte & 0x7f) << (7 * (tail - 1));
    }
    end - tail - len
}

/// Offset of element `index` of `count`; of the end when `index` is `count`.
pub fn seek(run: &[u8], count: usize, index: usize) -> usize {
    if index <= count / 2 {
        (0..index).fold(0, |at, _| end_of(run, at))
    } else {
        (index..count).fold(run.len(), |end, _| start_of(run, end))
    }
}

/// Where elements equal to `needle` are (start and end), at most `most` of them; the first ones,
/// or the last ones, that last one first.
pub fn find_all(run: &[u8], needle: Needle<'_>, most: usize, backwards: bool) -> Places {
    let mut places = Places::new();
    let mut at = if backwards { run.len() } else { 0 };
    while places.len() < most && at != if backwards { 0 } else { run.len() } {
        let (item, then) = if backwards {
            previous(run, at)
        } else {
            next(run, at)
        };
        if needle.is(item) {
            places.push((at.min(then), at.max(then)));
        }
        at = then;
    }
    places
}

/// See [`find_all`].
pub type Places = SmallVec<[(usize, usize); 8]>;
