//! What a client is owed: reply bytes in order, with large values held by reference.

use smallvec::SmallVec;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

/// A value shared between the keyspace and the replies in flight that quote it.
pub type Blob = Arc<Vec<u8>>;

/// At most this many slices are handed to one `writev`.
pub const IO_SLICES_MAX: usize = 64;

/// Reply bytes not yet written. Small pieces are copied into one buffer; blobs are spliced in at
/// their position without a copy.
#[derive(Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// Often just one: a message, or a large value.
    blobs: SmallVec<[Quote; 1]>,
    blob_bytes: usize,
    /// How much of the front has been written already, blobs included.
    written: usize,
}

/// A part of a blob, to be sent after the first `at` bytes of the buffer.
struct Quote {
    at: usize,
    blob: Blob,
    part: Range<usize>,
}

impl Quote {
    fn bytes(&self) -> &[u8] {
        &self.blob[self.part.clone()]
    }
}

/// A position to which an [`Output`] can be cut back.
#[derive(Clone, Copy)]
pub struct Mark {
    bytes: usize,
    blobs: usize,
    blob_bytes: usize,
}

impl Output {
    /// Bytes still to be written.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.blob_bytes - self.written
    }

    /// True when nothing is left to write.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held, in bytes; blobs count by what is quoted of them, since this may be their last
    /// holder.
    pub fn held_bytes(&self) -> usize {
        let quotes = match self.blobs.spilled() {
            true => self.blobs.capacity() * size_of::<Quote>(),
            false => 0,
        };
        self.bytes.capacity() + self.blob_bytes + quotes
    }

    /// The buffer replies are appended to.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends a large value by reference.
    pub fn push_blob(&mut self, blob: &Blob) {
        self.push_part(blob, 0..blob.len());
    }

    /// Appends a part of a large value by reference; all of it is held until that is sent.
    pub fn push_part(&mut self, blob: &Blob, part: Range<usize>) {
        self.blob_bytes += part.len();
        self.blobs.push(Quote {
            at: self.bytes.len(),
            blob: Arc::clone(blob),
            part,
        });
    }

    /// The present end, for [`Output::truncate`].
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            blobs: self.blobs.len(),
            blob_bytes: self.blob_bytes,
        }
    }

    /// Forgets everything appended since `mark`. Nothing may have been consumed in between.
    pub fn truncate(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.blobs.truncate(mark.blobs);
        self.blob_bytes = mark.blob_bytes;
    }

    /// Bytes appended since `mark`.
    pub fn len_since(&self, mark: Mark) -> usize {
        self.bytes.len() - mark.bytes + self.blob_bytes - mark.blob_bytes
    }

    /// The unwritten bytes when they are contiguous: no blob pending, or nothing but one.
    pub fn as_single_slice(&self) -> Option<&[u8]> {
        match &self.blobs[..] {
            [] => Some(&self.bytes[self.written..]),
            [quote] if self.bytes.is_empty() => Some(&quote.bytes()[self.written..]),
            _ => None,
        }
    }

    /// Fills `slices` with the unwritten pieces in order, at most [`IO_SLICES_MAX`] of them and
    /// `bytes_max` bytes.
    pub fn slices<'a>(&'a self, slices: &mut Vec<IoSlice<'a>>, bytes_max: usize) {
        let (mut skip, mut left) = (self.written, bytes_max);
        let mut add = |piece: &'a [u8]| {
            if skip >= piece.len() {
                skip -= piece.len();
            } else {
                let piece = &piece[skip..];
                let piece = &piece[..piece.len().min(left)];
                slices.push(IoSlice::new(piece));
                left -= piece.len();
                skip = 0;
            }
            slices.len() < IO_SLICES_MAX && left > 0
        };
        let mut start = 0;
        for quote in &self.blobs {
            if !add(&self.bytes[start..quote.at]) || !add(quote.bytes()) {
                return;
            }
            start = quote.at;
        }
        add(&self.bytes[start..]);
    }

    /// Notes that `count` bytes from the front have been written; frees blobs fully written.
    pub fn consume(&mut self, count: usize) {
        self.written += count;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Empties the output, keeping its buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.blobs.clear();
        self.blob_bytes = 0;
        self.written = 0;
    }

    /// Moves everything unwritten of `other` to the end of this output.
    pub fn append(&mut self, other: &mut Output) {
        if self.is_empty() {
            self.clear();
            std::mem::swap(self, other);
            return;
        }
        if other.written > 0 {
            other.settle();
        }
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.blob_bytes += other.blob_bytes;
        self.blobs.extend(other.blobs.drain(..).map(|quote| Quote {
            at: quote.at + base,
            ..quote
        }));
        other.clear();
    }

    /// Drops the written front for good, so that memory held shrinks as the peer reads.
    pub fn settle(&mut self) {
        let mut written = std::mem::take(&mut self.written);
        let mut kept = Output::default();
        let mut start = 0;
        for Quote { at, blob, part } in self.blobs.drain(..) {
            kept.push_rest(&self.bytes[start..at], &mut written);
            start = at;
            let skip = part.len().min(written);
            written -= skip;
            if skip < part.len() {
                kept.push_part(&blob, part.start + skip..part.end);
            }
        }
        kept.push_rest(&self.bytes[start..], &mut written);
        *self = kept;
    }

    fn push_rest(&mut self, piece: &[u8], written: &mut usize) {
        let skip = piece.len().min(*written);
        *written -= skip;
        self.bytes.extend_from_slice(&piece[skip..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(out: &Output) -> Vec<u8> {
        let mut slices = Vec::new();
        out.slices(&mut slices, usize::MAX);
        slices.iter().flat_map(|s| s.to_vec()).collect()
    }

    fn sample() -> (Output, Vec<u8>) {
        let mut out = Output::default();
        out.buffer().extend_from_slice(b"head");
        out.push_blob(&Arc::new(b"BLOB1".to_vec()));
        out.buffer().extend_from_slice(b"mid");
        out.push_part(&Arc::new(b"...BLOB2.".to_vec()), 3..8);
        out.push_blob(&Arc::new(b"BLOB3".to_vec()));
        out.buffer().extend_from_slice(b"tail");
        (out, b"headBLOB1midBLOB2BLOB3tail".to_vec())
    }

    #[test]
    fn written_at_every_byte_the_rest_is_intact() {
        for cut in 0..=sample().1.len() {
            let (mut out, all) = sample();
            out.consume(cut);
            assert_eq!(flat(&out), &all[cut..]);
            assert_eq!(out.len(), all.len() - cut);
            out.settle();
            assert_eq!(flat(&out), &all[cut..]);
            let mut target = Output::default();
            target.buffer().extend_from_slice(b"x");
            let (mut other, _) = sample();
            other.consume(cut);
            target.append(&mut other);
            let mut expected = b"x".to_vec();
            expected.extend_from_slice(&all[cut..]);
            assert_eq!(flat(&target), expected);
        }
    }

    #[test]
    fn a_blob_alone_is_one_slice() {
        let mut out = Output::default();
        assert_eq!(out.as_single_slice(), Some(&b""[..]));
        out.push_part(&Arc::new(b".BLOB.".to_vec()), 1..5);
        out.consume(1);
        assert_eq!(out.as_single_slice(), Some(&b"LOB"[..]));
        out.buffer().push(b'x');
        assert_eq!(out.as_single_slice(), None);
        assert_eq!(flat(&out), b"LOBx");
    }

    #[test]
    fn slices_are_the_first_bytes_up_to_their_limit() {
        let (out, expected) = sample();
        for bytes_max in 1..=expected.len() + 1 {
            let mut slices = Vec::new();
            out.slices(&mut slices, bytes_max);
            let found: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(found, expected[..bytes_max.min(expected.len())]);
        }
    }

    #[test]
    fn truncate_returns_to_the_mark() {
        let (mut out, all) = sample();
        let mark = out.mark();
        out.push_blob(&Arc::new(b"more".to_vec()));
        out.buffer().extend_from_slice(b"junk");
        assert_eq!(out.len_since(mark), 8);
        out.truncate(mark);
        assert_eq!(flat(&out), all);
    }
}
