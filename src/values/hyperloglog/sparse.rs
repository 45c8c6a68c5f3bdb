//! Sparse registers: runs of equal ones, in the order of the registers.
//!
//! ```text
//! 00nnnnnn            n + 1 registers of rank 0
//! 01nnnnnn nnnnnnnn   as many, for longer runs
//! 1rrrrrnn            n + 1 registers of rank r + 1
//! ```
//!
//! Which runs are split and joined when a register changes is part of the format here: two
//! servers that saw the same elements in the same order must have the same bytes.
//!
//! Finding a register means adding up the runs before it: those of eight bytes at once, each byte
//! in its lane of a word.

use super::estimate::Histogram;
use super::{Corrupt, FORM_AT, HEADER, Observation, REGISTERS, dense, forget_estimate};
use std::io::Write;

/// Greatest rank of a run.
pub(super) const RANK_MAX: u8 = 32;
/// Longest run of a rank above 0.
const RANKED_MAX: usize = 4;
/// Longest run of rank 0 in one byte.
const ZEROS_MAX: usize = 64;
/// Most bytes one run is replaced by.
const SPLIT_BYTES_MAX: usize = 5;
/// Runs that are looked at, from the one before a change on, for some that can be joined.
const JOIN_RUNS: usize = 5;

/// A run of equal registers.
#[derive(Clone, Copy)]
struct Run {
    rank: u8,
    length: usize,
    /// Bytes that it takes.
    bytes: usize,
}

/// The run that begins at byte `at`; `None` at the end. Of a run that is cut off, the second byte
/// is read as 0, as in Redis, where a 0 follows every string.
#[inline]
fn run_at(runs: &[u8], at: usize) -> Option<Run> {
    let first = *runs.get(at)?;
    let low_bits = usize::from(first & 63);
    let second = usize::from(runs.get(at + 1).copied().unwrap_or(0));
    let (rank, length, bytes) = match first >> 6 {
        0 => (0, low_bits + 1, 1),
        1 => (0, (low_bits << 8 | second) + 1, 2),
        _ => ((first >> 2 & 31) + 1, usize::from(first & 3) + 1, 1),
    };
    Some(Run {
        rank,
        length,
        bytes,
    })
}

/// Eight bytes, each in its lane of a word; flags are in the lanes' lowest bits.
struct Block {
    word: u64,
    /// Which bytes begin a run of two.
    long: u64,
    /// Which bytes end one.
    second: u64,
}

/// A flag in every lane.
const EACH: u64 = u64::from_ne_bytes([1; 8]);

impl Block {
    /// `within`: is the first byte the second one of a run? (0 or 1)
    #[inline]
    fn new(bytes: [u8; 8], within: usize) -> Block {
        let word = u64::from_le_bytes(bytes);
        let like_long = word >> 6 & EACH & !(word >> 7);
        // Brings the eight flags together in the highest byte.
        let flags = (like_long.wrapping_mul(0x0102_0408_1020_4080) >> 56) as usize;
        let long = LONG[within & 1][flags];
        Block {
            word,
            long,
            second: long << 8 | within as u64,
        }
    }

    /// Does its last byte begin a run of two? (0 or 1)
    #[inline]
    fn is_cut(&self) -> usize {
        (self.long >> 56) as usize
    }

    /// Registers that its runs cover; of one that is cut, what its first byte says.
    #[inline]
    fn length(&self) -> usize {
        let single = EACH & !self.long & !self.second;
        // A ranked run's length is in two bits, another's in six.
        let ranked = self.word >> 7 & single;
        let lengths = self.word & single.wrapping_mul(63) & !ranked.wrapping_mul(60);
        let low = self.word & self.second.wrapping_mul(255);
        let high = self.word & self.long.wrapping_mul(63);
        let begun = (single | self.long).wrapping_mul(EACH) >> 56;
        sum(lengths | low) + (sum(high) << 8) + begun as usize
    }
}

/// For each set of bytes that look like the first of two, which of them are. One is not when the
/// byte before is: so it depends on what is before the block.
const LONG: [[u64; 256]; 2] = {
    let mut table = [[0; 256]; 2];
    let mut flags = 0;
    while flags < 256 {
        let mut within = 0;
        while within < 2 {
            let (mut lane, mut is_second) = (0, within == 1);
            while lane < 8 {
                let is_long = !is_second && flags >> lane & 1 == 1;
                table[within][flags] |= (is_long as u64) << (8 * lane);
                is_second = is_long;
                lane += 1;
            }
            within += 1;
        }
        flags += 1;
    }
    table
};

/// The sum of the bytes of a word.
#[inline]
fn sum(word: u64) -> usize {
    const PAIRS: u64 = 0x00ff_00ff_00ff_00ff;
    let pairs = (word & PAIRS) + (word >> 8 & PAIRS);
    (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize
}

/// Where a register is.
pub(super) struct Found {
    /// The byte at which its run begins.
    at: usize,
    /// The byte at which the run before it begins.
    previous: Option<usize>,
    /// The first register of the run.
    first: usize,
    run: Run,
}

impl Found {
    /// The register's rank.
    pub(super) fn rank(&self) -> u8 {
        self.run.rank
    }
}

/// Finds a register.
pub(super) fn find(runs: &[u8], index: usize) -> Result<Found, Corrupt> {
    let (mut at, mut first, mut previous) = start_near(runs, index);
    loop {
        let run = run_at(runs, at).ok_or(Corrupt)?;
        if index < first + run.length {
            if at + run.bytes > runs.len() {
                return Err(Corrupt);
            }
            return Ok(Found {
                at,
                previous,
                first,
                run,
            });
        }
        previous = Some(at);
        at += run.bytes;
        first += run.length;
    }
}

/// A run at most ten bytes before the one that covers a register (or before the end): where it
/// begins, its first register, and where the run before it begins.
#[inline]
fn start_near(runs: &[u8], index: usize) -> (usize, usize, Option<usize>) {
    let (mut at, mut first) = (0, 0);
    let (mut within, mut seconds) = (0, 0);
    let (blocks, _) = runs.as_chunks::<8>();
    for bytes in blocks {
        let block = Block::new(*bytes, within);
        let length = block.length();
        if first + length > index {
            break;
        }
        (at, first) = (at + 8, first + length);
        (within, seconds) = (block.is_cut(), block.second);
    }
    if at == 0 {
        return (0, 0, None);
    }
    if within == 0 {
        let before = at - 1 - (seconds >> 56 & 1) as usize;
        return (at, first, Some(before));
    }
    // The run began with the last byte that was passed, and so much of it is counted.
    let counted = (usize::from(runs[at - 1] & 63) << 8) + 1;
    let before = at - 2 - (seconds >> 48 & 1) as usize;
    (at - 1, first - counted, Some(before))
}

/// Raises the register that was found in a whole string. False when the string would become longer
/// than `bytes_max`; nothing has changed then.
pub(super) fn raise(
    bytes: &mut Vec<u8>,
    found: &Found,
    observation: Observation,
    bytes_max: u64,
) -> bool {
    let split = Split::around(found, observation);
    let (old, new) = (found.run.bytes, split.length);
    if new > old && (bytes.len() + new - old) as u64 > bytes_max {
        return false;
    }
    replace(bytes, HEADER + found.at, old, split.bytes());
    join(bytes, HEADER + found.previous.unwrap_or(0));
    forget_estimate(bytes);
    true
}

/// The runs that take the place of one of which a register was raised.
struct Split {
    bytes: [u8; SPLIT_BYTES_MAX],
    length: usize,
}

impl Split {
    fn around(found: &Found, Observation { index, rank }: Observation) -> Split {
        let mut split = Split {
            bytes: [0; SPLIT_BYTES_MAX],
            length: 0,
        };
        let Found { first, run, .. } = found;
        split.push(run.rank, index - first);
        split.push(rank, 1);
        split.push(run.rank, first + run.length - 1 - index);
        split
    }

    fn push(&mut self, rank: u8, length: usize) {
        let encoded: &[u8] = match (rank, length) {
            (_, 0) => &[],
            (0, ..=ZEROS_MAX) => &[(length - 1) as u8],
            (0, _) => &[0x40 | ((length - 1) >> 8) as u8, (length - 1) as u8],
            _ => &[ranked(rank, length)],
        };
        self.bytes[self.length..self.length + encoded.len()].copy_from_slice(encoded);
        self.length += encoded.len();
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// A run of a rank above 0.
fn ranked(rank: u8, length: usize) -> u8 {
    0x80 | (rank - 1) << 2 | (length - 1) as u8
}

/// Puts `new` in the place of `old` bytes; there are at least as many new ones.
fn replace(bytes: &mut Vec<u8>, at: usize, old: usize, new: &[u8]) {
    if new.len() == old {
        return bytes[at..at + old].copy_from_slice(new);
    }
    if new.len() < old {
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes.drain(at + new.len()..at + old);
        return;
    }
    let end = bytes.len();
    bytes.resize(end + new.len() - old, 0);
    bytes.copy_within(at + old..end, at + new.len());
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// Joins neighbouring runs of the same rank above 0, as far as one run may be long.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOIN_RUNS {
        let Some(run) = run_at(bytes, at) else { return };
        if run.rank > 0
            && let Some(next) = run_at(bytes, at + 1)
            && next.rank == run.rank
            && run.length + next.length <= RANKED_MAX
        {
            bytes[at + 1] = ranked(run.rank, run.length + next.length);
            bytes.remove(at);
        } else {
            at += run.bytes;
        }
    }
}

/// The dense form of a whole string.
pub(super) fn to_dense(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut whole = vec![0; HEADER + dense::BYTES];
    let (header, registers) = whole.split_at_mut(HEADER);
    header.copy_from_slice(&bytes[..HEADER]);
    header[FORM_AT] = 0;
    each_run(&bytes[HEADER..], |first, run| {
        if run.rank > 0 {
            for index in first..first + run.length {
                dense::write(registers, index, run.rank);
            }
        }
    })?;
    Ok(whole)
}

/// How many registers have each rank.
pub(super) fn histogram(runs: &[u8]) -> Result<Histogram, Corrupt> {
    let mut histogram = [0; 64];
    each_run(runs, |_, run| {
        histogram[usize::from(run.rank)] += run.length as u32;
    })?;
    Ok(histogram)
}

/// Raises ranks to those of the registers.
pub(super) fn merge(runs: &[u8], ranks: &mut [u8; REGISTERS]) -> Result<(), Corrupt> {
    each_run(runs, |first, run| {
        if run.rank > 0 {
            for rank in &mut ranks[first..first + run.length] {
                *rank = run.rank.max(*rank);
            }
        }
    })
}

/// Visits every run with its first register. The runs cover the registers and no more.
fn each_run(runs: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), Corrupt> {
    let (mut at, mut first) = (0, 0);
    while at < runs.len() {
        let run = run_at(runs, at).ok_or(Corrupt)?;
        if first + run.length > REGISTERS {
            return Err(Corrupt);
        }
        visit(first, run);
        at += run.bytes;
        first += run.length;
    }
    if first == REGISTERS {
        Ok(())
    } else {
        Err(Corrupt)
    }
}

/// The runs of a sparse HyperLogLog as text: `z:3 v:1,2 Z:16379`. It need not be whole.
pub fn describe(bytes: &[u8]) -> Vec<u8> {
    let runs = bytes.get(HEADER..).unwrap_or(&[]);
    let (mut text, mut at) = (Vec::new(), 0);
    while let Some(Run {
        rank,
        length,
        bytes,
    }) = run_at(runs, at)
    {
        let written = match (rank, bytes) {
            (0, 1) => write!(text, "z:{length} "),
            (0, _) => write!(text, "Z:{length} "),
            _ => write!(text, "v:{rank},{length} "),
        };
        written.expect("writing to memory does not fail");
        at += bytes;
    }
    text.pop();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_are_found_as_one_by_one(
            runs in proptest::collection::vec(
                prop_oneof![4 => 0x80..=0xffu8, 2 => any::<u8>(), 1 => 0x40..0x44u8, 1 => 0..8u8],
                0..80,
            ),
            share in 0.0..1.1,
        ) {
            let mut starts = vec![];
            let (mut at, mut first) = (0, 0);
            while let Some(run) = run_at(&runs, at) {
                starts.push((at, first));
                at += run.bytes;
                first += run.length;
            }
            let index = (first as f64 * share) as usize;
            let position = starts.iter().rposition(|(_, first)| *first <= index);
            let expected = position
                .filter(|_| index < first)
                .map(|n| (starts[n].0, starts[n].1, n.checked_sub(1).map(|n| starts[n].0)))
                .filter(|(at, ..)| at + run_at(&runs, *at).map_or(0, |run| run.bytes) <= runs.len());
            let found = find(&runs, index).ok().map(|found| (found.at, found.first, found.previous));
            prop_assert_eq!(found, expected);
        }
    }
}
