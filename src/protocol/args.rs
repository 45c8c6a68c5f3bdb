//! The arguments of a request: borrowed from the input, or owned.
//!
//! Most arguments are spans over the input buffer. A large one may have arrived in memory of its
//! own, so that it can be stored without a copy: its span then names a blob instead of an offset.

use super::output::Blob;

/// A request has at most so many large arguments.
pub const LARGE_MAX: usize = 1 << 20;
/// Spans that start here or beyond name a large argument; no input buffer is as long.
const LARGE_START: u32 = u32::MAX - LARGE_MAX as u32;

/// Where one argument lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte in the input buffer.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Span {
    /// Of `len` bytes at `start` in the input buffer.
    #[inline]
    pub fn new(start: usize, len: usize) -> Span {
        Span {
            start: start as u32,
            len: len as u32,
        }
    }

    /// Of the large argument `index`.
    pub fn large(index: usize, len: usize) -> Span {
        debug_assert!(index < LARGE_MAX);
        Span::new(LARGE_START as usize + index, len)
    }

    /// Which large argument, if it is one?
    #[inline]
    fn large_index(self) -> Option<usize> {
        (self.start >= LARGE_START).then(|| (self.start - LARGE_START) as usize)
    }

    /// The span over another buffer, in which offsets differ as `shift` says.
    pub fn shifted(self, shift: impl FnOnce(usize) -> usize) -> Span {
        match self.large_index() {
            Some(_) => self,
            None => Span::new(shift(self.start as usize), self.len as usize),
        }
    }

    #[inline]
    fn bytes<'a>(self, buffer: &'a [u8], large: &'a [Blob]) -> &'a [u8] {
        let rest = buffer.get(self.start as usize..);
        match rest.and_then(|rest| rest.get(..self.len as usize)) {
            Some(bytes) => bytes,
            None => self.large_bytes(large),
        }
    }

    #[cold]
    fn large_bytes(self, large: &[Blob]) -> &[u8] {
        let index = self.large_index().expect("spans lie inside the buffer");
        &large[index]
    }
}

/// The arguments of one request, the command's name first; borrowed from the input buffer.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
    large: &'a [Blob],
}

impl<'a> Args<'a> {
    /// Views `spans` over `buffer`.
    pub fn new(buffer: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        Args::with_large(buffer, spans, &[])
    }

    /// Views `spans` over `buffer` and these large arguments.
    #[inline]
    pub fn with_large(buffer: &'a [u8], spans: &'a [Span], large: &'a [Blob]) -> Args<'a> {
        Args {
            buffer,
            spans,
            large,
        }
    }

    /// Is any of them large, in memory of its own?
    pub fn has_large(&self) -> bool {
        !self.large.is_empty()
    }

    /// Number of arguments, the command's name included.
    #[allow(clippy::len_without_is_empty)] // a request has at least its name
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Argument `index`; panics beyond the end, so check arity first.
    #[inline]
    pub fn at(&self, index: usize) -> &'a [u8] {
        self.spans[index].bytes(self.buffer, self.large)
    }

    /// The input from argument `index` on, farther than to its end, and the argument's length: for
    /// who reads chunks of a fixed size faster than as many bytes as there are. None for a large one,
    /// and beyond the end.
    #[inline]
    pub fn reaching(&self, index: usize) -> Option<(&'a [u8], usize)> {
        let Span { start, len } = *self.spans.get(index)?;
        Some((self.buffer.get(start as usize..)?, len as usize))
    }

    /// An argument of at most eight bytes as one word, the first byte lowest and zeros above the
    /// last; bit 5 is set in each, so letters are lower case. Panics beyond the end.
    #[inline]
    pub fn lower_word(&self, index: usize) -> Option<u64> {
        const CASE: u64 = 0x2020_2020_2020_2020;
        let Span { start, len } = self.spans[index];
        if len > 8 {
            return None;
        }
        let rest = self.buffer.get(start as usize..);
        let word = match rest.and_then(|rest| rest.first_chunk()) {
            // What follows it is cut off: cheaper than to copy as many bytes as it has.
            Some(word) => u64::from_le_bytes(*word),
            None => {
                let bytes = self.at(index);
                let mut word = [0; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                u64::from_le_bytes(word)
            }
        };
        let used = u64::MAX.checked_shr(64 - 8 * len).unwrap_or(0);
        Some((word | CASE) & used)
    }

    /// Argument `index` as a blob, to be stored without a copy, if it has memory of its own.
    #[inline]
    pub fn blob(&self, index: usize) -> Option<&'a Blob> {
        let index = self.spans[index].large_index()?;
        Some(&self.large[index])
    }

    /// Argument `index`, or `None` beyond the end.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        (index < self.spans.len()).then(|| self.at(index))
    }

    /// Is argument `index` this word, in any case? False beyond the end.
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.get(index)
            .is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// All arguments from `start` on.
    pub fn from(self, start: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        let (buffer, large) = (self.buffer, self.large);
        self.spans[start.min(self.spans.len())..]
            .iter()
            .map(move |span| span.bytes(buffer, large))
    }

    /// The request without its first `count` arguments.
    pub fn skip(self, count: usize) -> Args<'a> {
        Args {
            spans: &self.spans[count.min(self.spans.len())..],
            ..self
        }
    }

    /// The request's first `count` arguments.
    pub fn first(self, count: usize) -> Args<'a> {
        Args {
            spans: &self.spans[..count.min(self.spans.len())],
            ..self
        }
    }

    /// Total bytes of all arguments.
    pub fn total_bytes(&self) -> usize {
        self.spans.iter().map(|span| span.len as usize).sum()
    }

    /// An owned copy, for requests that must outlive the input buffer. Large arguments are shared.
    pub fn to_owned(&self) -> OwnedArgs {
        let mut buffer = Vec::with_capacity(match self.large {
            [] => self.total_bytes(),
            _ => 0,
        });
        let mut spans = Vec::with_capacity(self.len());
        for (span, arg) in self.spans.iter().zip(self.from(0)) {
            if span.large_index().is_some() {
                spans.push(*span);
            } else {
                spans.push(Span::new(buffer.len(), arg.len()));
                buffer.extend_from_slice(arg);
            }
        }
        OwnedArgs {
            large: self.large.into(),
            ..OwnedArgs::new(buffer, spans)
        }
    }
}

/// Arguments that own their bytes.
#[derive(Clone, Debug)]
pub struct OwnedArgs {
    buffer: Box<[u8]>,
    spans: Box<[Span]>,
    large: Box<[Blob]>,
}

impl OwnedArgs {
    /// Takes `spans` over `buffer`.
    pub fn new(buffer: Vec<u8>, spans: Vec<Span>) -> OwnedArgs {
        OwnedArgs {
            buffer: buffer.into(),
            spans: spans.into(),
            large: Box::default(),
        }
    }

    /// Borrows the arguments.
    pub fn as_args(&self) -> Args<'_> {
        Args::with_large(&self.buffer, &self.spans, &self.large)
    }

    /// Memory held, in bytes.
    pub fn held_bytes(&self) -> usize {
        let large: usize = self.large.iter().map(|value| value.capacity()).sum();
        self.buffer.len() + self.spans.len() * size_of::<Span>() + large
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_farther() {
        let large = [Blob::new(b"large".to_vec())];
        let spans = [Span::new(0, 3), Span::large(0, 5), Span::new(5, 2)];
        let args = Args::with_large(b"GET..k1\r\n", &spans, &large);
        assert_eq!(args.reaching(0), Some((&b"GET..k1\r\n"[..], 3)));
        assert_eq!(args.reaching(1), None);
        assert_eq!(args.reaching(2), Some((&b"k1\r\n"[..], 2)));
        assert_eq!(args.reaching(3), None);
    }

    #[test]
    fn words_are_the_same_wherever_an_argument_lies() {
        for (text, word) in [
            ("", Some(0)),
            (
                "Get",
                Some(u64::from(b't') << 16 | u64::from(b'e') << 8 | u64::from(b'g')),
            ),
            ("EXPIREAT", Some(u64::from_le_bytes(*b"expireat"))),
            ("EXPIREAT1", None),
        ] {
            for behind in 0..10 {
                let buffer = [b"..", text.as_bytes(), &[0xff_u8; 10][..behind]].concat();
                let spans = [Span::new(2, text.len())];
                assert_eq!(Args::new(&buffer, &spans).lower_word(0), word, "{text}");
            }
        }
    }
}
