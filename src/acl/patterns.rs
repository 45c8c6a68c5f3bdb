//! Many glob patterns asked at once.
//!
//! Rules are mostly `app:*`: a literal beginning and a star. Such prefixes, without those that a
//! shorter one covers, go to an [`Index`]: up to eight bytes that all of them have, chosen where they
//! differ most, are hashed, and a name is compared with the one or two prefixes of its bucket, as words
//! of eight bytes; buckets with more have an index of their own. That costs some 35 instructions whatever
//! the number of prefixes. What has no wildcard at all is found likewise. Only other patterns are tried
//! one by one.

use crate::base::glob;

/// A set of patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// None begins another.
    prefixes: Index,
    exact: Index,
    others: Vec<Box<[u8]>>,
}

impl Patterns {
    /// Of these patterns.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a [u8]>) -> Patterns {
        let (mut prefixes, mut exact, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for pattern in patterns {
            let literal = glob_free(pattern);
            if literal.len() == pattern.len() {
                exact.push(literal);
            } else if pattern[literal.len()..].iter().all(|byte| *byte == b'*') {
                prefixes.push(literal);
            } else {
                others.push(pattern.into());
            }
        }
        exact.sort_unstable();
        exact.dedup();
        prefixes.sort_unstable();
        prefixes.dedup_by(|longer, shorter| longer.starts_with(shorter));
        Patterns {
            // As with Redis only the empty pattern matches an empty name.
            prefixes: Index::new(&prefixes, 1, 0),
            exact: Index::new(&exact, 0, 0),
            others,
        }
    }

    /// Does one look tell that one of the patterns matches? That is so for most names that one does
    /// match; no call is made for it.
    #[inline(always)] // see `Index::find`
    pub fn match_at_once(&self, name: &[u8]) -> bool {
        self.prefixes.find(name, false) == Found::Yes
    }

    /// Does one of the patterns match?
    pub fn matches(&self, name: &[u8]) -> bool {
        self.prefixes.has(name, false) || self.matches_otherwise(name)
    }

    fn matches_otherwise(&self, name: &[u8]) -> bool {
        self.exact.has(name, true) || {
            let mut others = self.others.iter();
            others.any(|pattern| glob::matches(pattern, name, false))
        }
    }
}

/// Bytes hashed.
const WINDOW: usize = 8;
/// Places tried for them.
const WINDOWS_MAX: usize = 64;
/// Multipliers tried, for at most so many texts: mostly one of them gives each text a bucket of its
/// own.
const MULTIPLIERS: u32 = 32;
const TUNED_MAX: usize = 256;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// A bucket with more texts gets an index of its own, if that tells them apart.
const TEXTS_MAX: usize = 2;
/// Indexes inside of each other.
const DEPTH_MAX: usize = 4;
/// What is in one bucket still is searched rather than tried if there are more texts.
const TRIED_MAX: usize = 8;

/// Literal texts, of which a name begins with one or is one. What a look takes is one cache line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Index {
    /// What is shorter is not found.
    len_min: u32,
    /// Where in a name the bytes are that are hashed, and which of them every text has.
    window_at: u32,
    window_mask: u64,
    /// What they are multiplied with, and what of the product is not the number of a bucket.
    multiplier: u64,
    shift: u32,
    /// A power of two of them.
    buckets: Box<[Bucket]>,
    /// By bucket; in a bucket sorted. Those of inner indexes are not among them.
    texts: Box<[Text]>,
}

/// Where a bucket's texts are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bucket {
    start: u32,
    end: u32,
    inner: Option<Box<Index>>,
}

/// A text as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    /// Its first eight bytes as a word, and which of a name's bits are to equal them.
    head: u64,
    mask: u64,
    /// Its last eight bytes, of a text that has as many.
    tail: u64,
    bytes: Box<[u8]>,
}

/// What a look at few texts tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Yes,
    No,
    /// There are too many texts to try.
    Unknown,
}

impl Default for Index {
    fn default() -> Index {
        Index {
            len_min: u32::MAX,
            window_at: 0,
            window_mask: 0,
            multiplier: 1,
            shift: u64::BITS - 1,
            buckets: Box::default(),
            texts: Box::default(),
        }
    }
}

impl Index {
    /// Of these texts, which are sorted and of which none is there twice; names of less than
    /// `len_min` bytes are not found. O(texts), at most some thousand instructions for each.
    fn new(texts: &[&[u8]], len_min: usize, depth: usize) -> Index {
        let Some(mut index) = Index::spreading(texts, len_min) else {
            return Index::default();
        };
        let mut buckets = vec![Vec::new(); 1 << (u64::BITS - index.shift)];
        for text in texts {
            buckets[index.bucket_of(text, head(text))].push(*text);
        }
        let mut kept = Vec::new();
        let bucket = |members: Vec<&[u8]>| {
            let start = kept.len() as u32;
            let split = depth < DEPTH_MAX && members.len() > TEXTS_MAX;
            let inner = (split && can_be_told_apart(&members))
                .then(|| Box::new(Index::new(&members, len_min, depth + 1)));
            if inner.is_none() {
                kept.extend(members.into_iter().map(Text::new));
            }
            let end = kept.len() as u32;
            Bucket { start, end, inner }
        };
        index.buckets = buckets.into_iter().map(bucket).collect();
        index.texts = kept.into();
        index
    }

    /// Without texts yet: with the bytes to hash that spread these texts over most buckets.
    fn spreading(texts: &[&[u8]], len_min: usize) -> Option<Index> {
        let shortest = texts.iter().map(|text| text.len()).min()?;
        let bits = (2 * texts.len()).next_power_of_two().ilog2();
        let places = match shortest.checked_sub(WINDOW) {
            None => 0..1,
            Some(last) => 0..last.min(WINDOWS_MAX - 1) + 1,
        };
        let multipliers = match texts.len() <= TUNED_MAX {
            true => MULTIPLIERS,
            false => 1,
        };
        let mut best = (0, None);
        for (at, turn) in places.flat_map(|at| (0..multipliers).map(move |turn| (at, turn))) {
            let index = Index {
                len_min: shortest.max(len_min) as u32,
                window_at: at as u32,
                window_mask: mask(shortest),
                multiplier: MULTIPLIER.rotate_left(turn) | 1,
                shift: u64::BITS - bits,
                ..Index::default()
            };
            let spread = index.spread(texts);
            if spread > best.0 {
                best = (spread, Some(index));
            }
            if spread == texts.len() {
                break;
            }
        }
        best.1
    }

    /// Over how many buckets it spreads these texts.
    fn spread(&self, texts: &[&[u8]]) -> usize {
        let mut used = vec![false; 1 << (u64::BITS - self.shift)];
        for text in texts {
            used[self.bucket_of(text, head(text))] = true;
        }
        used.iter().filter(|used| **used).count()
    }

    /// Does a name begin with one of the texts, or (`whole`) is it one?
    fn has(&self, name: &[u8], whole: bool) -> bool {
        match self.find(name, whole) {
            Found::Yes => true,
            Found::No => false,
            Found::Unknown => self.search(name, whole),
        }
    }

    #[inline(always)] // without a call in it, its caller saves no registers
    fn find(&self, name: &[u8], whole: bool) -> Found {
        let head = head(name);
        let Some((index, bucket)) = self.bucket(name, head) else {
            return Found::No;
        };
        if bucket.end - bucket.start > TRIED_MAX as u32 {
            return Found::Unknown;
        }
        for at in bucket.start..bucket.end {
            if let Some(text) = index.texts.get(at as usize)
                && text.fits(name, head, whole)
            {
                return Found::Yes;
            }
        }
        Found::No
    }

    /// The bucket in which a name's text would be, and the index whose bucket it is.
    #[inline(always)] // see above
    fn bucket(&self, name: &[u8], head: u64) -> Option<(&Index, &Bucket)> {
        let mut index = self;
        loop {
            if name.len() < index.len_min as usize {
                return None;
            }
            let bucket = index.buckets.get(index.bucket_of(name, head))?;
            match &bucket.inner {
                Some(inner) => index = inner,
                None => return Some((index, bucket)),
            }
        }
    }

    /// The bucket of a name that is long enough, and whose first eight bytes are `head`.
    #[inline(always)] // see above
    fn bucket_of(&self, name: &[u8], head: u64) -> usize {
        let window = match self.window_at {
            0 => head,
            at => word_at(name, at as usize).unwrap_or(0),
        };
        ((window & self.window_mask).wrapping_mul(self.multiplier) >> self.shift) as usize
    }

    /// As none of the texts begins another, only the greatest that is not greater than the name can
    /// begin it.
    #[cold]
    fn search(&self, name: &[u8], whole: bool) -> bool {
        let head = head(name);
        let Some((index, bucket)) = self.bucket(name, head) else {
            return false;
        };
        let texts = &index.texts[bucket.start as usize..bucket.end as usize];
        let end = texts.partition_point(|text| *text.bytes <= *name);
        let found = end.checked_sub(1).map(|at| &texts[at]);
        found.is_some_and(|text| text.fits(name, head, whole))
    }
}

/// Would an index of their own tell these texts of one bucket apart?
fn can_be_told_apart(members: &[&[u8]]) -> bool {
    Index::spreading(members, 0).is_some_and(|inner| inner.spread(members) > 1)
}

impl Text {
    fn new(bytes: &[u8]) -> Text {
        Text {
            head: head(bytes),
            mask: mask(bytes.len()),
            tail: bytes
                .last_chunk()
                .map_or(0, |tail| u64::from_le_bytes(*tail)),
            bytes: bytes.into(),
        }
    }

    /// Does it begin a name whose first eight bytes are `head`, or (`whole`) is it that name?
    #[inline(always)] // see `Index::find`
    fn fits(&self, name: &[u8], head: u64, whole: bool) -> bool {
        let len = self.bytes.len();
        let has_length = match whole {
            true => name.len() == len,
            false => name.len() >= len,
        };
        head & self.mask == self.head && has_length && (len <= 8 || self.goes_on(name, len))
    }

    /// Does a name, which is long enough, go on as the text does, behind the first eight bytes?
    #[inline(always)] // see `Index::find`
    fn goes_on(&self, name: &[u8], len: usize) -> bool {
        let mut at = 8;
        while at + 8 < len {
            if word_at(name, at) != word_at(&self.bytes, at) {
                return false;
            }
            at += 8;
        }
        word_at(name, len - 8) == Some(self.tail)
    }
}

/// The pattern up to its first special character.
fn glob_free(pattern: &[u8]) -> &[u8] {
    let special = pattern.iter().position(|byte| b"*?[\\".contains(byte));
    &pattern[..special.unwrap_or(pattern.len())]
}

/// The bits of a word that `len` bytes take.
fn mask(len: usize) -> u64 {
    let beyond = 8usize.saturating_sub(len) as u32 * 8;
    u64::MAX.checked_shr(beyond).unwrap_or(0)
}

/// The eight bytes from `at` on as a word, the first lowest, if there are as many.
#[inline(always)] // see `Index::find`
fn word_at(text: &[u8], at: usize) -> Option<u64> {
    let bytes = text.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

/// The first eight bytes likewise; zeros for those there are not.
#[inline(always)] // see `Index::find`
fn head(text: &[u8]) -> u64 {
    word_at(text, 0).unwrap_or_else(|| short_word(text))
}

/// As [`head`], of less than eight bytes.
#[inline(always)] // see `Index::find`
fn short_word(text: &[u8]) -> u64 {
    let bits = |bytes: usize| 8 * bytes as u32;
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last));
        return u64::from(u32::from_le_bytes(*first)) | last << bits(text.len() - 4);
    }
    let byte = |at: usize| text.get(at).map_or(0, |byte| u64::from(*byte) << bits(at));
    byte(0) | byte(1) | byte(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(patterns: &[&str]) -> Patterns {
        Patterns::new(patterns.iter().map(|pattern| pattern.as_bytes()))
    }

    #[test]
    fn prefixes_exact_names_and_globs() {
        let set = set(&[
            "app:*",
            "app:1:*",
            "exact",
            "h?llo",
            "long-prefix-1:*",
            "long-prefix-2:**",
        ]);
        for name in [
            "app:",
            "app:x",
            "exact",
            "hallo",
            "long-prefix-1:x",
            "long-prefix-2:",
        ] {
            assert!(set.matches(name.as_bytes()), "{name}");
        }
        for name in [
            "",
            "app",
            "exact1",
            "hllo",
            "long-prefix-3:x",
            "zzz",
            "\u{0}",
        ] {
            assert!(!set.matches(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn everything_and_nothing() {
        assert!(set(&["*"]).matches(b"x") && !set(&["*"]).matches(b""));
        assert!(set(&[""]).matches(b"") && !set(&[""]).matches(b"x"));
        assert!(!set(&[]).matches(b"x"));
    }

    #[test]
    fn many_texts_that_differ_late_or_hardly() {
        let names: Vec<String> = (0..500)
            .map(|n| format!("{}{n:03}", "same-".repeat(13)))
            .collect();
        let mut patterns: Vec<String> = names.iter().map(|name| format!("{name}*")).collect();
        for _ in 0..2 {
            let set = Patterns::new(patterns.iter().map(|pattern| pattern.as_bytes()));
            for name in &names {
                assert!(set.matches(name.as_bytes()) && set.matches(format!("{name}x").as_bytes()));
                assert!(!set.matches(&name.as_bytes()[..name.len() - 1]), "{name}");
                assert!(!set.matches(format!("{}x", &name[..name.len() - 1]).as_bytes()));
            }
            // And now with one that is so short that one bucket has nearly all.
            patterns.push("t*".to_owned());
        }
    }

    /// All patterns by themselves.
    fn assert_same(patterns: &[String], names: &[String]) -> Result<(), TestCaseError> {
        let set = Patterns::new(patterns.iter().map(|pattern| pattern.as_bytes()));
        for name in names {
            let any = |one: &String| glob::matches(one.as_bytes(), name.as_bytes(), false);
            let expected = patterns.iter().any(any);
            prop_assert_eq!(set.matches(name.as_bytes()), expected, "{:?}", name);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn they_match_what_each_by_itself_matches(
            patterns in prop::collection::vec("[ab\\x00]{0,10}[*?]{0,2}[ab]{0,2}", 0..12),
            names in prop::collection::vec("[ab\\x00]{0,12}", 1..12),
        ) {
            assert_same(&patterns, &names)?;
        }

        /// Names that are patterns' beginnings, cut, continued, or changed in one place.
        #[test]
        fn names_like_the_patterns(
            texts in prop::collection::vec("[a-c:]{0,30}", 1..60),
            stars in prop::collection::vec(0..4_usize, 60),
            cuts in prop::collection::vec((0..60_usize, 0..34_usize, "[a-c:*?\\x00]{0,3}"), 1..60),
        ) {
            let with_star = |(text, stars): (&String, &usize)| {
                format!("{text}{}", ["*", "", "*", "**"][*stars])
            };
            let patterns: Vec<String> = texts.iter().zip(&stars).map(with_star).collect();
            let name = |(which, cut, end): &(usize, usize, String)| {
                let text = &texts[which % texts.len()];
                let kept = &text[..text.len().min(*cut)];
                [format!("{kept}{end}"), format!("{kept}{end}{}", &text[kept.len()..])]
            };
            let names: Vec<String> = cuts.iter().flat_map(name).collect();
            assert_same(&patterns, &names)?;
        }
    }
}
