//! Glob-style patterns, as `KEYS`, `SCAN MATCH`, `PSUBSCRIBE` and `CONFIG GET` take them.
//!
//! A pattern is a row of tokens. Each token but `*` consumes exactly one byte of the text, and
//! where a token ends does not depend on the text. So when a token fails, only the *last* `*`
//! passed can be stretched: stretching an earlier one would lead to the same place again with
//! less text left. That makes one remembered position enough, no recursion, and at most
//! `pattern × text` steps, where the usual recursive matcher is exponential in the stars.

/// Whether the whole of `text` matches `pattern`.
///
/// `*` is any run of bytes, `?` any byte, `[abc]`, `[a-z]`, `[^x]` a byte of (not of) a set, and
/// `\x` the byte `x` itself; in `nocase` ASCII letters match in either case. Redis's corner cases
/// are kept: a set without its `]` ends with the pattern, reversed ranges are turned round, the
/// ends of a range compare as *signed* bytes, an escaped letter in a set keeps its case under
/// `nocase`, and an empty text is matched by the empty pattern alone, not by `*`. (Redis answers
/// `KEYS *` and `SCAN … MATCH *` without asking the matcher; so should a caller.)
///
/// Costs O(|pattern| × |text|) in the worst case; a run of literals after `*` is found by
/// `memchr`.
///
/// ```
/// use redistill::base::glob::matches;
/// assert!(matches(b"user:*:[a-c]?", b"user:1000:b7", false));
/// assert!(!matches(b"user:*", b"order:1", false));
/// assert!(matches(b"USER:\\*", b"user:*", true));
/// ```
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut at, mut used) = (0, 0);
    // Where to go on when a token fails: the pattern behind the last `*`, the text it took up to.
    let mut retry: Option<(usize, usize)> = None;
    while used < text.len() {
        if pattern.get(at) == Some(&b'*') {
            at = skip_stars(pattern, at);
            if at == pattern.len() {
                return true;
            }
            let Some(found) = next_candidate(pattern[at], &text[used..], nocase) else {
                return false;
            };
            used += found;
            retry = Some((at, used));
            continue;
        }
        if let Some(next) = match_one(pattern, at, text[used], nocase) {
            at = next;
            used += 1;
            continue;
        }
        let Some((behind_star, taken)) = retry else {
            return false;
        };
        let rest = &text[taken + 1..];
        let Some(found) = next_candidate(pattern[behind_star], rest, nocase) else {
            return false;
        };
        (at, used) = (behind_star, taken + 1 + found);
        retry = Some((at, used));
    }
    skip_stars(pattern, at) == pattern.len()
}

/// The bytes that every text matching `pattern` (without `nocase`) begins with: what stands
/// before its first `*`, `?`, `[` or `\`.
///
/// ```
/// assert_eq!(redistill::base::glob::literal_prefix(b"user:*:name"), b"user:");
/// ```
pub fn literal_prefix(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|&byte| is_special(byte));
    &pattern[..end.unwrap_or(pattern.len())]
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

fn skip_stars(pattern: &[u8], from: usize) -> usize {
    let stars = pattern[from..].iter().take_while(|&&byte| byte == b'*');
    from + stars.count()
}

/// The first offset in `text` where a token starting with `first` may match, if there is any.
fn next_candidate(first: u8, text: &[u8], nocase: bool) -> Option<usize> {
    if text.is_empty() {
        None
    } else if is_special(first) {
        Some(0)
    } else if nocase {
        memchr::memchr2(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text)
    } else {
        memchr::memchr(first, text)
    }
}

/// Matches `byte` against the one-byte token at `at`: the position behind the token, or `None`
/// when it does not match or the pattern has ended.
fn match_one(pattern: &[u8], at: usize, byte: u8, nocase: bool) -> Option<usize> {
    let (literal, next) = match (*pattern.get(at)?, pattern.get(at + 1)) {
        (b'?', _) => return Some(at + 1),
        (b'[', _) => return match_set(pattern, at + 1, byte, nocase),
        (b'\\', Some(&escaped)) => (escaped, at + 2),
        (literal, _) => (literal, at + 1),
    };
    same(literal, byte, nocase).then_some(next)
}

/// Matches `byte` against the set whose first byte behind the `[` is at `at`.
fn match_set(pattern: &[u8], mut at: usize, byte: u8, nocase: bool) -> Option<usize> {
    let negated = pattern.get(at) == Some(&b'^');
    at += usize::from(negated);
    let mut member = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                member |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [start, b'-', end, ..] => {
                member |= in_range(start, end, byte, nocase);
                at += 3;
            }
            [literal, ..] => {
                member |= same(literal, byte, nocase);
                at += 1;
            }
        }
    }
    (member != negated).then_some(at)
}

fn same(left: u8, right: u8, nocase: bool) -> bool {
    left == right || nocase && left.eq_ignore_ascii_case(&right)
}

/// The ends are put in order first and lowered afterwards, so a range such as `[Z-a]` turns empty
/// under `nocase`, as it does in Redis.
fn in_range(start: u8, end: u8, byte: u8, nocase: bool) -> bool {
    let signed = |byte: u8| byte as i8;
    let (low, high) = (
        signed(start).min(signed(end)),
        signed(start).max(signed(end)),
    );
    if nocase {
        (lowered(low)..=lowered(high)).contains(&lowered(signed(byte)))
    } else {
        (low..=high).contains(&signed(byte))
    }
}

/// C's `tolower` of a `char`: bytes from 0x80 up come back positive, all but 0xff, which is EOF.
fn lowered(byte: i8) -> i16 {
    match byte {
        -1 => -1,
        _ => i16::from((byte as u8).to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Answers of redis-server 7.0.15 (`SET text 1`, `KEYS pattern`).
    const CASES: &[(&[u8], &[u8], bool)] = &[
        (b"", b"", true),
        (b"", b"a", false),
        (b"**", b"", false),
        (b"a", b"a", true),
        (b"a", b"A", false),
        (b"*", b"anything", true),
        (b"***", b"x", true),
        (b"a*", b"a", true),
        (b"a*?", b"a", false),
        (b"a?c", b"abc", true),
        (b"a?c", b"ac", false),
        (b"*c", b"abcc", true),
        (b"a*b*c", b"a--b--c--c", true),
        (b"a*b*c", b"a--c--b", false),
        (b"h[ae]llo", b"hallo", true),
        (b"h[ae]llo", b"hillo", false),
        (b"h[^e]llo", b"hello", false),
        (b"h[^e]llo", b"hallo", true),
        (b"[a-c]x", b"bx", true),
        (b"[c-a]x", b"bx", true),
        (b"[a-c]x", b"dx", false),
        (b"[a-]", b"]", true),
        (b"[a-]", b"-", false),
        (b"[-a]", b"-", true),
        (b"[]", b"a", false),
        (b"[^]", b"a", true),
        (b"[^]a", b"xa", true),
        (b"[]a]", b"a", false),
        (b"[abc", b"b", true),
        (b"[^abc", b"b", false),
        (b"[", b"[", false),
        (b"[^", b"z", true),
        (b"[\\", b"\\", true),
        (b"[\\]]", b"]", true),
        (b"[\\a-c]", b"b", false),
        (b"[\\a-c]", b"-", true),
        (b"[a-\\]x", b"ax", true),
        (b"\\*", b"*", true),
        (b"\\*", b"a", false),
        (b"a\\", b"a\\", true),
        (b"\\\\", b"\\", true),
        (b"*\\*", b"a*", true),
        (b"[\x00-\xff]", b"\x00", true),
        (b"[\x00-\xff]", b"a", false),
        (b"[a-\xff]", b"0", true),
        (b"[\x80-\xff]", b"\xc3", true),
        (b"?", b"\xff", true),
    ];

    #[test]
    fn answers_as_redis() {
        for (pattern, text, expected) in CASES {
            assert_eq!(
                matches(pattern, text, false),
                *expected,
                "{:?} against {:?}",
                pattern.escape_ascii().to_string(),
                text.escape_ascii().to_string(),
            );
        }
    }

    #[test]
    fn nocase_folds_ascii_letters() {
        assert!(matches(b"MaxMem*", b"maxmemory", true));
        assert!(matches(b"*MEM*y", b"maxmemory", true));
        assert!(matches(b"[A-C]", b"b", true));
        assert!(matches(b"[xY]", b"y", true));
        assert!(!matches(b"[\\X]", b"x", true));
        assert!(!matches(b"[Z-a]", b"c", true));
        assert!(!matches(b"\xc4", b"\xe4", true));
    }

    /// A matcher that retries every star would not come back within a lifetime.
    #[test]
    fn many_stars_cost_no_more_than_pattern_times_text() {
        let text = vec![b'a'; 20_000];
        let pattern = [b"a*".repeat(500), b"b".to_vec()].concat();
        assert!(!matches(&pattern, &text, false));
        assert!(!matches(&pattern, &text, true));
        let wildcards = [b"?*[a-z]*".repeat(200), b"b".to_vec()].concat();
        assert!(!matches(&wildcards, &text, false));
    }

    #[test]
    fn literal_prefix_ends_at_the_first_special_byte() {
        assert_eq!(literal_prefix(b"user:1"), b"user:1");
        assert_eq!(literal_prefix(b"user:*:x"), b"user:");
        assert_eq!(literal_prefix(b"user:\\*"), b"user:");
        assert_eq!(literal_prefix(b"?"), b"");
        assert_eq!(literal_prefix(b""), b"");
    }

    enum Token {
        Any,
        One(Box<dyn Fn(u8) -> bool>),
    }

    /// Splits a pattern of the test's own small alphabet, independently of the matcher.
    fn tokens(mut pattern: &[u8], nocase: bool) -> Vec<Token> {
        let fold = move |byte: u8| {
            if nocase {
                byte.to_ascii_lowercase()
            } else {
                byte
            }
        };
        let mut tokens = Vec::new();
        while let [first, rest @ ..] = pattern {
            let (first, mut rest) = (*first, rest);
            tokens.push(match (first, rest) {
                (b'*', _) => Token::Any,
                (b'?', _) => Token::One(Box::new(|_| true)),
                (b'[', _) => {
                    let (test, behind) = set(rest, nocase);
                    rest = behind;
                    Token::One(test)
                }
                (b'\\', [escaped, behind @ ..]) => {
                    let escaped = *escaped;
                    rest = behind;
                    Token::One(Box::new(move |byte| fold(byte) == fold(escaped)))
                }
                _ => Token::One(Box::new(move |byte| fold(byte) == fold(first))),
            });
            pattern = rest;
        }
        tokens
    }

    type Test = Box<dyn Fn(u8) -> bool>;

    fn set(pattern: &[u8], nocase: bool) -> (Test, &[u8]) {
        let negated = pattern.first() == Some(&b'^');
        let mut rest = &pattern[usize::from(negated)..];
        let mut members = [false; 256];
        loop {
            if rest.is_empty() {
                break;
            } else if rest[0] == b'\\' && rest.len() > 1 {
                members[usize::from(rest[1])] = true;
                rest = &rest[2..];
            } else if rest[0] == b']' {
                rest = &rest[1..];
                break;
            } else if rest.len() > 2 && rest[1] == b'-' {
                let (low, high) = (rest[0].min(rest[2]), rest[0].max(rest[2]));
                let fold = |byte: u8| {
                    if nocase {
                        byte.to_ascii_lowercase()
                    } else {
                        byte
                    }
                };
                for byte in 0..=127u8 {
                    members[usize::from(byte)] |=
                        fold(low) <= fold(byte) && fold(byte) <= fold(high);
                }
                rest = &rest[3..];
            } else {
                members[usize::from(rest[0])] = true;
                if nocase {
                    members[usize::from(rest[0].to_ascii_lowercase())] = true;
                    members[usize::from(rest[0].to_ascii_uppercase())] = true;
                }
                rest = &rest[1..];
            }
        }
        (
            Box::new(move |byte| members[usize::from(byte)] != negated),
            rest,
        )
    }

    /// Every way to match at once: which prefixes of the text the tokens so far can take.
    fn model(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for token in tokens(pattern, nocase) {
            let mut next = vec![false; text.len() + 1];
            for end in 0..=text.len() {
                next[end] = match &token {
                    Token::Any => reached[..=end].contains(&true),
                    Token::One(test) => end > 0 && reached[end - 1] && test(text[end - 1]),
                };
            }
            reached = next;
        }
        reached[text.len()] && (!text.is_empty() || pattern.is_empty())
    }

    fn bytes_of(alphabet: &'static [u8], length_max: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::sample::select(alphabet), 0..=length_max)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn agrees_with_the_model(
            pattern in bytes_of(b"aabBc*?[]^-\\", 14),
            text in bytes_of(b"aabBcC]-\\", 12),
            nocase: bool,
        ) {
            prop_assert_eq!(matches(&pattern, &text, nocase), model(&pattern, &text, nocase));
        }

        #[test]
        fn a_match_begins_with_the_literal_prefix(
            pattern in bytes_of(b"ab*?", 6),
            text in bytes_of(b"ab", 6),
        ) {
            if matches(&pattern, &text, false) {
                prop_assert!(text.starts_with(literal_prefix(&pattern)));
            }
        }

        #[test]
        fn an_escaped_text_matches_itself(text: Vec<u8>) {
            let escaped: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
            prop_assert!(matches(&escaped, &text, false));
        }
    }
}
