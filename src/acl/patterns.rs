//! Many glob patterns asked at once.
//!
//! Rules are mostly `app:*`: a literal beginning and a star. Such prefixes are kept sorted, without
//! those that a shorter one covers; then at most one of them can begin a name, and it is the greatest
//! that is not greater than the name. A binary search over their first eight bytes, as numbers, finds
//! it in a few steps whatever their number; what has no wildcard at all is searched likewise. Only
//! other patterns are tried one by one.

use crate::base::glob;

/// A set of patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// Sorted; none begins another.
    prefixes: Vec<Prefix>,
    /// Sorted.
    exact: Vec<Box<[u8]>>,
    others: Vec<Box<[u8]>>,
}

/// The literal beginning of a pattern that ends with a star.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    /// Its first eight bytes, and which bits of a name's are to equal them.
    head: u64,
    mask: u64,
    text: Box<[u8]>,
}

impl Prefix {
    fn new(text: &[u8]) -> Prefix {
        let beyond = 8usize.saturating_sub(text.len()) as u32 * 8;
        Prefix {
            head: head(text),
            mask: u64::MAX.checked_shl(beyond).unwrap_or(0),
            text: text.into(),
        }
    }

    /// Does it begin a name whose first eight bytes are `own`?
    #[inline]
    fn begins(&self, name: &[u8], own: u64) -> bool {
        own & self.mask == self.head
            && name.len() >= self.text.len()
            && (self.text.len() <= 8 || name.starts_with(&self.text))
    }
}

impl Patterns {
    /// Of these patterns.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a [u8]>) -> Patterns {
        let mut set = Patterns::default();
        for pattern in patterns {
            let literal = glob_free(pattern);
            if literal.len() == pattern.len() {
                set.exact.push(pattern.into());
            } else if pattern[literal.len()..].iter().all(|byte| *byte == b'*') {
                set.prefixes.push(Prefix::new(literal));
            } else {
                set.others.push(pattern.into());
            }
        }
        set.exact.sort_unstable();
        set.prefixes.sort_unstable_by(|a, b| a.text.cmp(&b.text));
        set.prefixes
            .dedup_by(|longer, shorter| longer.text.starts_with(&shorter.text));
        set
    }

    /// Does one of the patterns match? As with Redis only the empty pattern matches an empty name.
    #[inline]
    pub fn matches(&self, name: &[u8]) -> bool {
        self.has_prefix_of(name) || self.matches_otherwise(name)
    }

    #[inline]
    fn has_prefix_of(&self, name: &[u8]) -> bool {
        if name.is_empty() {
            return false;
        }
        let own = head(name);
        let mut end = self.prefixes.partition_point(|prefix| prefix.head <= own);
        while end > 0 {
            end -= 1;
            let prefix = &self.prefixes[end];
            if prefix.begins(name, own) {
                return true;
            }
            // Before those that begin with the same bytes there is one more that may be shorter.
            if prefix.head != own {
                return false;
            }
        }
        false
    }

    fn matches_otherwise(&self, name: &[u8]) -> bool {
        let exact = self
            .exact
            .binary_search_by(|known| known.as_ref().cmp(name));
        exact.is_ok() || {
            let mut others = self.others.iter();
            others.any(|pattern| glob::matches(pattern, name, false))
        }
    }
}

/// The pattern up to its first special character.
fn glob_free(pattern: &[u8]) -> &[u8] {
    let special = pattern.iter().position(|byte| b"*?[\\".contains(byte));
    &pattern[..special.unwrap_or(pattern.len())]
}

/// The first eight bytes as a number that orders as they do.
#[inline]
fn head(text: &[u8]) -> u64 {
    if let Some(bytes) = text.first_chunk::<8>() {
        return u64::from_be_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    bytes[..text.len()].copy_from_slice(text);
    u64::from_be_bytes(bytes)
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

    proptest! {
        #[test]
        fn they_match_what_each_by_itself_matches(
            patterns in prop::collection::vec("[ab\\x00]{0,10}[*?]{0,2}[ab]{0,2}", 0..12),
            names in prop::collection::vec("[ab\\x00]{0,12}", 1..12),
        ) {
            let set = Patterns::new(patterns.iter().map(|pattern| pattern.as_bytes()));
            for name in names {
                let name = name.as_bytes();
                let any = patterns.iter().any(|one| glob::matches(one.as_bytes(), name, false));
                prop_assert_eq!(set.matches(name), any);
            }
        }
    }
}
