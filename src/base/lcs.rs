//! Longest common subsequence of two byte strings, with Redis's choice among equally long ones.
//!
//! The textbook table L has a row for every prefix of `a`, a column for every prefix of `b`, and
//! in each cell the length for those two prefixes; the subsequence is read off walking back from
//! the last cell. Neighbours in a row differ by 0 or 1, so a row is kept as one bit per column,
//! and a word of 64 columns is computed at once (Hyyrö, "Bit-parallel LCS-length computation
//! revisited", 2004): a bit is *clear* where the row steps up by one. From row to row,
//!
//! ```text
//! V' = (V + (V & M)) | (V & !M)      M: the columns whose byte of b is this row's byte of a
//! ```
//!
//! The bits are all the walk needs. Where the bytes differ, L is the larger of the cells above and
//! to the left; if the row steps up here the one above is larger, else the left one is at least
//! as large. So time is |a|·|b| / 64 word steps, and the table at most what Redis's takes and
//! usually a thirty-second of it.

/// What Redis refuses by default to spend on the table, in bytes (its `proto-max-bulk-len`).
pub const TABLE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Why a pair of strings is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Redis's table of `u32` cells would be larger than the limit: `ERR Insufficient memory,
    /// transient memory for LCS exceeds proto-max-bulk-len`. Bounds the time spent as well.
    TooLarge,
    /// The memory was not to be had: `ERR Insufficient memory, failed allocating transient memory
    /// for LCS`.
    OutOfMemory,
}

/// Length of the longest common subsequence, in memory linear in the lengths.
///
/// Refused by the same limit as [`Table::new`], as in Redis.
pub fn length(a: &[u8], b: &[u8], table_bytes_max: u64) -> Result<usize, Refusal> {
    check_size(a, b, table_bytes_max)?;
    // The length does not depend on which is which, and fewer rows carry less overhead.
    let (rows, columns) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let masks = Masks::new(rows, columns)?;
    let mut row = filled(!0, masks.words)?;
    for &byte in rows {
        advance(&mut row, masks.of(byte));
    }
    Ok(steps(&row))
}

/// Everything there is to know about the common subsequences of two strings.
pub struct Table<'a> {
    a: &'a [u8],
    b: &'a [u8],
    /// A row of bits for every prefix of `a`, the empty one first.
    rows: Vec<u64>,
    words: usize,
}

/// A run of bytes that stand next to each other in both strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Where the run begins in `a`.
    pub a_start: usize,
    /// Where the run begins in `b`.
    pub b_start: usize,
    /// Bytes in the run, at least one.
    pub length: usize,
}

impl<'a> Table<'a> {
    /// Compares `a` and `b`, unless Redis's table for them, `4 × (|a| + 1) × (|b| + 1)` bytes,
    /// would exceed `table_bytes_max`.
    pub fn new(a: &'a [u8], b: &'a [u8], table_bytes_max: u64) -> Result<Table<'a>, Refusal> {
        check_size(a, b, table_bytes_max)?;
        let masks = Masks::new(a, b)?;
        let words = masks.words;
        let mut rows = Vec::new();
        let capacity = words.checked_mul(a.len() + 1).ok_or(Refusal::OutOfMemory)?;
        rows.try_reserve_exact(capacity)
            .map_err(|_| Refusal::OutOfMemory)?;
        rows.resize(words, !0);
        for &byte in a {
            let above = rows.len() - words;
            rows.extend_from_within(above..);
            advance(&mut rows[above + words..], masks.of(byte));
        }
        Ok(Table { a, b, rows, words })
    }

    /// Length of the longest common subsequence.
    pub fn length(&self) -> usize {
        steps(&self.rows[self.rows.len() - self.words..])
    }

    /// The subsequence itself.
    pub fn subsequence(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.pairs().map(|(at, _)| self.a[at]).collect();
        bytes.reverse();
        bytes
    }

    /// The runs the subsequence is made of, from the ends of the strings to their beginnings.
    pub fn matches(&self) -> impl Iterator<Item = Match> {
        let mut pairs = self.pairs().peekable();
        std::iter::from_fn(move || {
            let (mut a_start, mut b_start) = pairs.next()?;
            let mut length = 1;
            while pairs
                .next_if(|&(a, b)| a + 1 == a_start && b + 1 == b_start)
                .is_some()
            {
                (a_start, b_start) = (a_start - 1, b_start - 1);
                length += 1;
            }
            Some(Match {
                a_start,
                b_start,
                length,
            })
        })
    }

    /// The positions of the subsequence's bytes in `a` and `b`, last byte first.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        std::iter::from_fn(move || {
            while i > 0 && j > 0 {
                if self.a[i - 1] == self.b[j - 1] {
                    (i, j) = (i - 1, j - 1);
                    return Some((i, j));
                }
                if self.steps_up(i, j - 1) {
                    i -= 1;
                } else {
                    j -= 1;
                }
            }
            None
        })
    }

    /// Whether the row of `a`'s first `i` bytes is larger behind column `column` than before it.
    fn steps_up(&self, i: usize, column: usize) -> bool {
        let word = self.rows[i * self.words + column / 64];
        word >> (column % 64) & 1 == 0
    }
}

fn check_size(a: &[u8], b: &[u8], table_bytes_max: u64) -> Result<(), Refusal> {
    const CELL_BYTES: u128 = 4;
    let cells = (a.len() as u128 + 1) * (b.len() as u128 + 1);
    if cells * CELL_BYTES > u128::from(table_bytes_max) {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}

fn filled(word: u64, count: usize) -> Result<Vec<u64>, Refusal> {
    let mut words = Vec::new();
    words
        .try_reserve_exact(count)
        .map_err(|_| Refusal::OutOfMemory)?;
    words.resize(count, word);
    Ok(words)
}

/// Turns a row into the next one.
fn advance(row: &mut [u64], mask: &[u64]) {
    let mut carry = false;
    for (word, mask) in row.iter_mut().zip(mask) {
        let (sum, carry_out) = word.carrying_add(*word & mask, carry);
        *word = sum | (*word & !mask);
        carry = carry_out;
    }
}

/// How often a row steps up: its last cell. Bits beyond the last column stay set.
fn steps(row: &[u64]) -> usize {
    row.iter().map(|word| word.count_zeros() as usize).sum()
}

/// For every byte that names a row, the columns it stands in.
struct Masks {
    words: usize,
    /// Which of the masks is a byte's; the first, of no column, unless it names a row.
    index: [u16; 256],
    bits: Vec<u64>,
}

impl Masks {
    fn new(rows: &[u8], columns: &[u8]) -> Result<Masks, Refusal> {
        let words = columns.len().div_ceil(64);
        let mut index = [0; 256];
        let mut count = 1;
        for &byte in rows {
            let index = &mut index[usize::from(byte)];
            if *index == 0 {
                *index = count;
                count += 1;
            }
        }
        let mut bits = filled(0, words * usize::from(count))?;
        for (column, &byte) in columns.iter().enumerate() {
            let mask = usize::from(index[usize::from(byte)]);
            if mask != 0 {
                bits[mask * words + column / 64] |= 1 << (column % 64);
            }
        }
        Ok(Masks { words, index, bits })
    }

    fn of(&self, byte: u8) -> &[u64] {
        let start = usize::from(self.index[usize::from(byte)]) * self.words;
        &self.bits[start..start + self.words]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table<'a>(a: &'a [u8], b: &'a [u8]) -> Table<'a> {
        Table::new(a, b, TABLE_BYTES_MAX).expect("small enough")
    }

    /// The runs as Redis replies them: first and last position in `a`, then in `b`.
    fn ranges(a: &[u8], b: &[u8]) -> Vec<[usize; 4]> {
        table(a, b)
            .matches()
            .map(|run| {
                let (a_end, b_end) = (run.a_start + run.length - 1, run.b_start + run.length - 1);
                [run.a_start, a_end, run.b_start, b_end]
            })
            .collect()
    }

    type Case = (
        &'static str,
        &'static str,
        &'static str,
        &'static [[usize; 4]],
    );

    /// `LCS a b` and `LCS a b IDX` on redis-server 7.0.15.
    #[rustfmt::skip]
    const CASES: &[Case] = &[
        ("", "", "", &[]),
        ("abc", "", "", &[]),
        ("", "abc", "", &[]),
        ("abc", "xyz", "", &[]),
        ("ohmytext", "mynewtext", "mytext", &[[4, 7, 5, 8], [2, 3, 0, 1]]),
        ("abcdef", "acf", "acf", &[[5, 5, 2, 2], [2, 2, 1, 1], [0, 0, 0, 0]]),
        ("acf", "abcdef", "acf", &[[2, 2, 5, 5], [1, 1, 2, 2], [0, 0, 0, 0]]),
        ("aaaa", "aa", "aa", &[[2, 3, 0, 1]]),
        ("abab", "baba", "bab", &[[1, 3, 0, 2]]),
        ("baba", "abab", "aba", &[[1, 3, 0, 2]]),
        ("abcbdab", "bdcaba", "bdab", &[[5, 6, 3, 4], [3, 4, 0, 1]]),
        ("xaxbxc", "abc", "abc", &[[5, 5, 2, 2], [3, 3, 1, 1], [1, 1, 0, 0]]),
        ("kitten", "sitting", "ittn", &[[5, 5, 5, 5], [1, 3, 1, 3]]),
    ];

    #[test]
    fn chooses_as_redis() {
        for (a, b, text, runs) in CASES {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            assert_eq!(table(a, b).subsequence(), text.as_bytes(), "{a:?} {b:?}");
            assert_eq!(ranges(a, b), *runs, "{a:?} {b:?}");
            assert_eq!(length(a, b, TABLE_BYTES_MAX), Ok(text.len()));
        }
    }

    #[test]
    fn rows_of_many_words_carry() {
        let a = b"abcdefgh".repeat(100);
        let b = b"xabcdefgh".repeat(90);
        assert_eq!(length(&a, &b, TABLE_BYTES_MAX), Ok(720));
        let same = table(&a, &a);
        assert_eq!(same.subsequence(), a);
        let whole = Match {
            a_start: 0,
            b_start: 0,
            length: 800,
        };
        assert_eq!(same.matches().collect::<Vec<_>>(), [whole]);
    }

    /// Lengths that redis-server 7.0.15 accepts and refuses with its default limit.
    #[test]
    fn the_limit_is_that_of_redis() {
        let text = vec![0; 11_585];
        assert_eq!(length(&text[1..], &text[1..], TABLE_BYTES_MAX), Ok(11_584));
        assert_eq!(
            length(&text[1..], &text, TABLE_BYTES_MAX),
            Err(Refusal::TooLarge)
        );
        let refused = Table::new(&text, &text, TABLE_BYTES_MAX);
        assert_eq!(refused.err(), Some(Refusal::TooLarge));
        assert_eq!(length(b"abc", b"abc", 64), Ok(3));
        assert_eq!(length(b"abc", b"abc", 63), Err(Refusal::TooLarge));
    }

    /// The table of lengths in full, and the walk back through it: up only when that is better.
    fn model(a: &[u8], b: &[u8]) -> Vec<(usize, usize)> {
        let mut lengths = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                lengths[i][j] = if a[i - 1] == b[j - 1] {
                    lengths[i - 1][j - 1] + 1
                } else {
                    lengths[i - 1][j].max(lengths[i][j - 1])
                };
            }
        }
        let (mut i, mut j, mut pairs) = (a.len(), b.len(), Vec::new());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                pairs.push((i, j));
            } else if lengths[i - 1][j] > lengths[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        assert_eq!(pairs.len(), lengths[a.len()][b.len()]);
        pairs
    }

    proptest! {
        #[test]
        fn agrees_with_the_table_in_full(
            a in proptest::collection::vec(0u8..4, 0..200),
            b in proptest::collection::vec(0u8..4, 0..200),
        ) {
            let expected = model(&a, &b);
            let table = table(&a, &b);
            prop_assert_eq!(table.length(), expected.len());
            prop_assert_eq!(length(&a, &b, TABLE_BYTES_MAX), Ok(expected.len()));
            let in_runs: Vec<_> = table
                .matches()
                .flat_map(|run| {
                    (0..run.length).rev().map(move |at| (run.a_start + at, run.b_start + at))
                })
                .collect();
            prop_assert_eq!(&in_runs, &expected);
            let text: Vec<u8> = expected.iter().rev().map(|&(at, _)| a[at]).collect();
            prop_assert_eq!(table.subsequence(), text);
        }

        #[test]
        fn runs_are_as_long_as_can_be(
            a in proptest::collection::vec(0u8..3, 0..60),
            b in proptest::collection::vec(0u8..3, 0..60),
        ) {
            let runs: Vec<Match> = table(&a, &b).matches().collect();
            for pair in runs.windows(2) {
                let (later, earlier) = (pair[0], pair[1]);
                let a_gap = later.a_start - (earlier.a_start + earlier.length);
                let b_gap = later.b_start - (earlier.b_start + earlier.length);
                prop_assert!(a_gap + b_gap > 0);
            }
        }
    }
}
