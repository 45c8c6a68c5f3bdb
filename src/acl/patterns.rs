//! Many glob patterns asked at once.
//!
//! Rules are mostly `app:*`: a literal beginning and a star. Such prefixes, without those that a
//! shorter one covers, are [`Prefixes`], of which one look finds the right one. What has no wildcard at
//! all is found by binary search. Only other patterns are tried one by one.

use super::prefixes::Prefixes;
use crate::base::glob;

/// A set of patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    prefixes: Prefixes,
    /// Sorted.
    exact: Box<[Box<[u8]>]>,
    others: Box<[Box<[u8]>]>,
}

impl Patterns {
    /// Of these patterns.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a [u8]>) -> Patterns {
        let (mut prefixes, mut exact, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for pattern in patterns {
            let literal = glob_free(pattern);
            if literal.len() == pattern.len() {
                exact.push(pattern.into());
            } else if pattern[literal.len()..].iter().all(|byte| *byte == b'*') {
                prefixes.push(literal);
            } else {
                others.push(pattern.into());
            }
        }
        exact.sort_unstable();
        Patterns {
            prefixes: Prefixes::new(prefixes),
            exact: exact.into(),
            others: others.into(),
        }
    }

    /// Does one look tell that one of the patterns matches the name of `len` bytes with which `text`
    /// begins? That is so for most names that one does match, if `text` goes on for a while; no call
    /// is made for it.
    #[inline(always)] // see `Prefixes::begin_at_once`
    pub fn match_at_once(&self, text: &[u8], len: usize) -> bool {
        self.prefixes.begin_at_once(text, len)
    }

    /// Does one of the patterns match?
    pub fn matches(&self, name: &[u8]) -> bool {
        self.prefixes.begin(name)
            || self.exact.binary_search_by(|one| (**one).cmp(name)).is_ok()
            || {
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

    /// By how many looks at names that go on behind each pattern's beginning it is found.
    fn found_at_once(patterns: &[String]) -> usize {
        let set = Patterns::new(patterns.iter().map(|pattern| pattern.as_bytes()));
        let found = |pattern: &&String| {
            let name = pattern.replace('*', "1");
            set.match_at_once(
                format!("{name}\r\n*2\r\n$3\r\nGET\r\n").as_bytes(),
                name.len(),
            )
        };
        patterns.iter().filter(found).count()
    }

    #[test]
    fn a_look_finds_the_prefixes_people_use() {
        let words = "session user cart queue lock cache rate job feed stats key k token u mail";
        let of = |before: &str, after: &str| -> Vec<String> {
            let patterns = words
                .split(' ')
                .map(|word| format!("{before}{word}{after}*"));
            patterns.collect()
        };
        let numbered = |before: &str| (0..10).map(|n| format!("{before}{n}*")).collect::<Vec<_>>();
        for patterns in [
            vec!["*".to_owned()],
            vec!["production:europe:berlin:app:*".to_owned()],
            of("", ""),
            of("", ":"),
            of("app:", ":"),
            of("production:europe:", ":"),
            of("", ":production:europe:x:"),
            [of("", ":"), numbered("k:0000000")].concat(),
            [of("", ":"), numbered("key:production:europe:")].concat(),
        ] {
            assert_eq!(found_at_once(&patterns), patterns.len(), "{patterns:?}");
        }
    }

    /// All patterns by themselves.
    fn assert_same(patterns: &[String], names: &[String]) -> Result<(), TestCaseError> {
        let set = Patterns::new(patterns.iter().map(|pattern| pattern.as_bytes()));
        for name in names {
            let any = |one: &String| glob::matches(one.as_bytes(), name.as_bytes(), false);
            let expected = patterns.iter().any(any);
            prop_assert_eq!(set.matches(name.as_bytes()), expected, "{:?}", name);
            for behind in [
                "",
                "\r\n",
                "*:aaaaaaaaaaaaaa",
                ":bcaaabbbccabaaabbbccabaaabbbccab",
            ] {
                let looked = set.match_at_once(format!("{name}{behind}").as_bytes(), name.len());
                prop_assert!(expected || !looked, "{:?} {:?}", name, behind);
            }
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
            texts in prop::collection::vec("[a-c:]{0,40}", 1..60),
            stars in prop::collection::vec(0..4_usize, 60),
            cuts in prop::collection::vec((0..60_usize, 0..44_usize, "[a-c:*?\\x00]{0,3}"), 1..60),
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
