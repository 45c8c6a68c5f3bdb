//! Strings as arrays of bits; bit 0 is the highest of byte 0, and bits beyond the end are 0.
//!
//! Everything that touches many bytes goes in blocks of whole words, written so that the compiler
//! makes vector code of it on any target: counting adds sixteen blocks with carry-save adders
//! before it counts the bits of one (Harley and Seal's method; Muła, Kurz and Lemire, "Faster
//! population counts using AVX2 instructions", 2018), searching compares 64 bytes at once, and
//! combining keeps a block of the result in the first-level cache while it reads every source
//! once. So the larger ones run as fast as memory delivers.

use std::ops::Range;

/// The bit at `offset`.
pub fn get(bytes: &[u8], offset: usize) -> bool {
    let byte = bytes.get(offset / 8).copied().unwrap_or(0);
    byte & bit_mask(offset) != 0
}

/// The bit of its byte that `offset` means.
pub fn bit_mask(offset: usize) -> u8 {
    0x80 >> (offset % 8)
}

/// Number of set bits among those of `range`, which lies within the string. O(bytes).
pub fn count(bytes: &[u8], range: Range<usize>) -> usize {
    if range.is_empty() {
        return 0;
    }
    let (first, end) = (range.start / 8, range.end.div_ceil(8));
    let before = bytes[first] & !tail_mask(range.start);
    let after = match range.end % 8 {
        0 => 0,
        _ => bytes[end - 1] & tail_mask(range.end),
    };
    count_all(&bytes[first..end]) - (before.count_ones() + after.count_ones()) as usize
}

/// The bits of its byte from `offset` on.
fn tail_mask(offset: usize) -> u8 {
    0xff >> (offset % 8)
}

/// Words that are worked on side by side.
type Lanes = [u64; 4];

const LANES_BYTES: usize = size_of::<Lanes>();

/// Number of set bits.
fn count_all(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<{ 16 * LANES_BYTES }>();
    let mut sums = Sums::default();
    let mut sixteens = 0;
    for block in blocks {
        let (lanes, _) = block.as_chunks::<LANES_BYTES>();
        let a = sums.add_eight(&lanes[..8]);
        let b = sums.add_eight(&lanes[8..]);
        let carry;
        (carry, sums.eights) = add(sums.eights, a, b);
        sixteens += ones_of(carry);
    }
    let (words, rest) = rest.as_chunks::<8>();
    let words: usize = words.iter().map(|word| popcount(*word)).sum();
    let rest: u32 = rest.iter().map(|byte| byte.count_ones()).sum();
    let Sums {
        ones,
        twos,
        fours,
        eights,
    } = sums;
    16 * sixteens
        + 8 * ones_of(eights)
        + 4 * ones_of(fours)
        + 2 * ones_of(twos)
        + ones_of(ones)
        + words
        + rest as usize
}

/// For each bit position how often it was set, as a binary number across the fields.
#[derive(Default)]
struct Sums {
    ones: Lanes,
    twos: Lanes,
    fours: Lanes,
    eights: Lanes,
}

impl Sums {
    /// Adds eight lanes; returns what is carried to `eights`.
    #[inline(always)]
    fn add_eight(&mut self, lanes: &[[u8; LANES_BYTES]]) -> Lanes {
        let a = self.add_four(&lanes[..4]);
        let b = self.add_four(&lanes[4..]);
        let carry;
        (carry, self.fours) = add(self.fours, a, b);
        carry
    }

    /// Adds four lanes; returns what is carried to `fours`.
    #[inline(always)]
    fn add_four(&mut self, lanes: &[[u8; LANES_BYTES]]) -> Lanes {
        let (a, b, carry);
        (a, self.ones) = add(self.ones, words(&lanes[0]), words(&lanes[1]));
        (b, self.ones) = add(self.ones, words(&lanes[2]), words(&lanes[3]));
        (carry, self.twos) = add(self.twos, a, b);
        carry
    }
}

/// The sum of three bits, for every bit: the carries and the sums proper.
#[inline(always)]
fn add(a: Lanes, b: Lanes, c: Lanes) -> (Lanes, Lanes) {
    let (mut carry, mut sum) = (Lanes::default(), Lanes::default());
    for n in 0..a.len() {
        let half = a[n] ^ b[n];
        sum[n] = half ^ c[n];
        carry[n] = (a[n] & b[n]) | (half & c[n]);
    }
    (carry, sum)
}

#[inline(always)]
fn words(bytes: &[u8; LANES_BYTES]) -> Lanes {
    let (words, _) = bytes.as_chunks::<8>();
    [words[0], words[1], words[2], words[3]].map(u64::from_ne_bytes)
}

#[inline(always)]
fn ones_of(lanes: Lanes) -> usize {
    lanes.iter().map(|word| word.count_ones() as usize).sum()
}

fn popcount(word: [u8; 8]) -> usize {
    u64::from_ne_bytes(word).count_ones() as usize
}

/// The first bit of `range`, which lies within the string, that is `wanted`. O(bytes).
pub fn position(bytes: &[u8], wanted: bool, range: Range<usize>) -> Option<usize> {
    if range.is_empty() {
        return None;
    }
    let bytes = &bytes[..range.end.div_ceil(8)];
    let unwanted = if wanted { 0 } else { 0xff };
    let first = range.start / 8;
    let head = (bytes[first] ^ unwanted) & tail_mask(range.start);
    let (at, differing) = if head != 0 {
        (first, head)
    } else {
        let at = first + 1 + run_of(unwanted, &bytes[first + 1..]);
        (at, bytes.get(at)? ^ unwanted)
    };
    let found = at * 8 + differing.leading_zeros() as usize;
    (found < range.end).then_some(found)
}

/// How many bytes at the start are `byte`.
fn run_of(byte: u8, bytes: &[u8]) -> usize {
    let pattern = u64::from_ne_bytes([byte; 8]);
    let differs = |block: &[u8; 64]| {
        let (words, _) = block.as_chunks::<8>();
        let fold = |all, word: &[u8; 8]| all | (u64::from_ne_bytes(*word) ^ pattern);
        words.iter().fold(0, fold) != 0
    };
    let (blocks, _) = bytes.as_chunks::<64>();
    let same = blocks.iter().take_while(|block| !differs(block)).count() * 64;
    let rest = &bytes[same..];
    same + rest.iter().take_while(|other| **other == byte).count()
}

/// How `BITOP` combines bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Set in all sources.
    And,
    /// Set in any source.
    Or,
    /// Set in an odd number of sources.
    Xor,
    /// Not set in the only source.
    Not,
    /// Set in the first source and in no other.
    Diff,
    /// Set in another source than the first and not in it.
    Diff1,
    /// Set in the first source and in another.
    AndOr,
    /// Set in just one source.
    One,
}

/// Bytes of the result that are worked on at once: they stay in the first-level cache.
const BLOCK: usize = 4096;

/// Combines strings, as long as the longest of them. There is at least one. O(bytes of all).
pub fn combine(how: Combine, sources: &[&[u8]]) -> Vec<u8> {
    let length = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let mut result = Vec::with_capacity(length);
    let mut block = [0; BLOCK];
    while result.len() < length {
        let at = result.len();
        let block = &mut block[..BLOCK.min(length - at)];
        combine_block(how, sources, at, block);
        result.extend_from_slice(block);
    }
    result
}

/// Writes the part of the result that begins at byte `at`.
fn combine_block(how: Combine, sources: &[&[u8]], at: usize, block: &mut [u8]) {
    let length = block.len();
    let part = |source: &&'_ [u8]| -> Range<usize> {
        at.min(source.len())..(at + length).min(source.len())
    };
    let (first, others) = sources.split_first().expect("there is a source");
    let first = &first[part(first)];
    let mut others = others.iter().map(|source| &source[part(source)]);
    block.fill(0);
    if let Combine::And | Combine::Or | Combine::Xor | Combine::Not = how {
        block[..first.len()].copy_from_slice(first);
    }
    match how {
        Combine::And => others.for_each(|other| apply(block, other, |a, b| a & b)),
        Combine::Or => others.for_each(|other| apply(block, other, |a, b| a | b)),
        Combine::Xor => others.for_each(|other| apply(block, other, |a, b| a ^ b)),
        Combine::Not => block.iter_mut().for_each(|byte| *byte = !*byte),
        Combine::Diff | Combine::Diff1 | Combine::AndOr => {
            others.for_each(|other| apply(block, other, |a, b| a | b));
            match how {
                Combine::Diff => apply(block, first, |any, x| x & !any),
                Combine::Diff1 => apply(block, first, |any, x| any & !x),
                _ => apply(block, first, |any, x| any & x),
            }
        }
        Combine::One => {
            let mut twice = [0; BLOCK];
            let twice = &mut twice[..length];
            for source in std::iter::once(first).chain(&mut others) {
                for ((twice, once), byte) in twice.iter_mut().zip(&mut *block).zip(source) {
                    *twice |= *once & byte;
                    *once |= byte;
                }
            }
            apply(block, twice, |once, twice| once & !twice);
        }
    }
}

/// Combines each byte of `block` with that of `other`, which may be shorter.
#[inline(always)]
fn apply(block: &mut [u8], other: &[u8], combine: impl Fn(u8, u8) -> u8) {
    let (both, alone) = block.split_at_mut(other.len());
    for (byte, other) in both.iter_mut().zip(other) {
        *byte = combine(*byte, *other);
    }
    for byte in alone {
        *byte = combine(*byte, 0);
    }
}

/// The type of an integer within a bitmap: `u1` to `u63`, `i1` to `i64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    signed: bool,
    width: u32,
}

/// What becomes of a value that does not fit a [`Field`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// Its high bits are dropped.
    Wrap,
    /// The nearest value that fits takes its place.
    Saturate,
    /// Nothing is written.
    Fail,
}

/// Most bytes that a field touches.
const FIELD_BYTES_MAX: usize = 9;

impl Field {
    /// Reads a type as `BITFIELD` takes it.
    pub fn parse(text: &[u8]) -> Option<Field> {
        let (kind, digits) = text.split_first()?;
        let (signed, max) = match kind {
            b'i' => (true, 64),
            b'u' => (false, 63),
            _ => return None,
        };
        let width = crate::base::number::parse_i64(digits)?;
        (1..=max).contains(&width).then_some(Field {
            signed,
            width: width as u32,
        })
    }

    /// How many bits it has.
    pub fn width(self) -> usize {
        self.width as usize
    }

    /// The value at bit `offset`.
    pub fn read(self, bytes: &[u8], offset: usize) -> i64 {
        let from = bytes.get(offset / 8..).unwrap_or(&[]);
        let window = load(from) << (offset % 8);
        if self.signed {
            (window as i128 >> (128 - self.width)) as i64
        } else {
            (window >> (128 - self.width)) as i64
        }
    }

    /// Writes a value that fits at bit `offset`; the string is long enough.
    pub fn write(self, bytes: &mut [u8], offset: usize, value: i64) {
        let (first, end) = (offset / 8, (offset + self.width()).div_ceil(8));
        let bytes = &mut bytes[first..end];
        let shift = 128 - self.width - (offset % 8) as u32;
        let mask = (u128::MAX >> (128 - self.width)) << shift;
        let window = load(bytes) & !mask | (value as u128) << shift & mask;
        let length = bytes.len();
        bytes.copy_from_slice(&window.to_be_bytes()[..length]);
    }

    /// The sum of a value that fits and an increment, made to fit; `None` when it must not.
    pub fn sum(self, value: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        self.fit(i128::from(value) + i128::from(increment), overflow)
    }

    /// A value as it is to be stored; `None` when it does not fit and must.
    ///
    /// As in Redis, where a negative number set into an unsigned field is a large one, and one so
    /// low that its distance to the greatest that fits exceeds 64 bits saturates to the greatest.
    pub fn assign(self, value: i64, overflow: Overflow) -> Option<i64> {
        if !self.signed {
            return self.fit(i128::from(value as u64), overflow);
        }
        let max = self.max();
        match overflow {
            Overflow::Saturate if self.width < 64 && max.checked_sub(value).is_none() => Some(max),
            _ => self.fit(i128::from(value), overflow),
        }
    }

    fn max(self) -> i64 {
        i64::MAX >> (64 - self.width - u32::from(!self.signed))
    }

    fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let max = self.max();
        let min = if self.signed { -max - 1 } else { 0 };
        if let Ok(value) = i64::try_from(value)
            && (min..=max).contains(&value)
        {
            return Some(value);
        }
        match overflow {
            Overflow::Saturate if value < 0 => Some(min),
            Overflow::Saturate => Some(max),
            Overflow::Fail => None,
            Overflow::Wrap if self.signed => {
                let unused = 64 - self.width;
                Some((value as i64) << unused >> unused)
            }
            Overflow::Wrap => Some(value as i64 & max),
        }
    }
}

/// The first bytes as the high ones of a number.
fn load(bytes: &[u8]) -> u128 {
    let mut window = [0; 16];
    let length = bytes.len().min(FIELD_BYTES_MAX);
    window[..length].copy_from_slice(&bytes[..length]);
    u128::from_be_bytes(window)
}

#[cfg(test)]
mod tests;
