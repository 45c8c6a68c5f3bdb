//! Sets of integers, packed.
//!
//! ```text
//! width u8 │ integer │ integer │ …
//! ```
//!
//! All integers have the same width, 2, 4 or 8 bytes: the least that holds each of them when it was
//! added. They are in ascending order, so that one is found by bisection.

use super::INTSET_HEAD;

/// A packed set of integers; without bytes it is empty.
#[derive(Clone, Copy)]
pub(super) struct Intset<'a>(pub &'a [u8]);

/// Bytes that hold an integer.
pub(super) fn width_of(value: i64) -> usize {
    if i16::try_from(value).is_ok() {
        2
    } else if i32::try_from(value).is_ok() {
        4
    } else {
        8
    }
}

impl<'a> Intset<'a> {
    /// Bytes of each integer.
    #[inline]
    pub fn width(self) -> usize {
        self.0.first().map_or(2, |width| usize::from(*width))
    }

    #[inline]
    pub fn len(self) -> usize {
        self.0.len().saturating_sub(INTSET_HEAD) / self.width()
    }

    /// The integer at a rank.
    #[inline]
    pub fn at(self, rank: usize) -> i64 {
        let width = self.width();
        let at = self.offset(rank);
        decode(&self.0[at..at + width])
    }

    /// Where the integer of a rank is.
    #[inline]
    pub fn offset(self, rank: usize) -> usize {
        INTSET_HEAD + rank * self.width()
    }

    /// The rank of an integer, or the one it would have.
    #[inline]
    pub fn find(self, value: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.at(middle).cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    pub fn iter(self) -> impl Iterator<Item = i64> + 'a {
        let width = self.width();
        let bytes = self.0.get(INTSET_HEAD..).unwrap_or(&[]);
        bytes.chunks_exact(width).map(decode)
    }

    /// The bytes of the same set with another integer, which has `rank`: for when it does not fit
    /// the width, or there are no bytes yet.
    pub fn widened(self, value: i64, rank: usize) -> Vec<u8> {
        let width = width_of(value).max(self.width());
        let mut bytes = Vec::with_capacity(INTSET_HEAD + (self.len() + 1) * width);
        bytes.push(width as u8);
        let (low, high) = (self.iter().take(rank), self.iter().skip(rank));
        for value in low.chain([value]).chain(high) {
            bytes.extend_from_slice(&value.to_le_bytes()[..width]);
        }
        bytes
    }
}

#[inline]
fn decode(bytes: &[u8]) -> i64 {
    match bytes {
        [a, b] => i16::from_le_bytes([*a, *b]).into(),
        [a, b, c, d] => i32::from_le_bytes([*a, *b, *c, *d]).into(),
        _ => i64::from_le_bytes(bytes.try_into().expect("widths are 2, 4 and 8")),
    }
}
