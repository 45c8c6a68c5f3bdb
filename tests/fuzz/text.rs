//! Patterns and numbers.

use crate::driver::{Target, fuzz, words};
use redistill::base::float::{format_f64, format_f64_shortest, parse_f64};
use redistill::base::glob::{literal_prefix, matches};
use redistill::base::long_double::LongDouble;
use redistill::base::number::{parse_i64, parse_u64, parse_u64_as_c};
use redistill::base::size::{format_size, parse_size};
use std::str::from_utf8;

/// The input is a pattern and a text, with a NUL between them.
#[test]
fn patterns() {
    let target = Target {
        name: "patterns",
        inputs: 200_000,
        seeds: words(&[
            "user:*:[a-c]?\0user:1:b7",
            "[^a]*\\*\0b*",
            "***a*b*c\0xxaxxbxxc",
            "[z-a\0k",
            "\\\0\\",
            "h[]llo\0hello",
        ]),
        words: words(&[
            "*", "?", "[", "]", "[^", "-", "\\", "[a-z]", "\0", "a", "**?*",
        ]),
    };
    fuzz(&target, |input, outcome| {
        let at = input.iter().position(|&byte| byte == 0).unwrap_or(0);
        let (pattern, text) = (&input[..at], &input[at..]);
        let matched = matches(pattern, text, false);
        outcome.note((matched, matches(pattern, text, true)));
        outcome.note(
            pattern
                .iter()
                .filter(|byte| b"*?[]^-\\".contains(byte))
                .take(6)
                .count(),
        );
        // Redis lets only the empty pattern match the empty text.
        if matched && !text.is_empty() {
            assert!(text.starts_with(literal_prefix(pattern)));
            let (starred, longer) = ([b"*", pattern].concat(), [b"x\xff", text].concat());
            assert!(matches(&starred, text, false), "a star takes nothing");
            assert!(matches(&starred, &longer, false), "a star takes anything");
        }
        // Whatever is escaped byte by byte stands for itself.
        let literal: Vec<u8> = input.iter().flat_map(|&byte| [b'\\', byte]).collect();
        assert!(matches(&literal, input, false) && matches(&literal, input, true));
        assert!(input.is_empty() || !matches(&literal, &input[1..], false));
    });
}

#[test]
fn integers() {
    let target = Target {
        name: "integers",
        inputs: 100_000,
        seeds: words(&[
            "0",
            "-1",
            "9223372036854775807",
            "18446744073709551615",
            "+7",
            "007",
            " 1",
        ]),
        words: words(&[
            "-",
            "+",
            "0",
            "00",
            " ",
            "\0",
            "922337203685477580",
            "18446744073709551616",
        ]),
    };
    fuzz(&target, |text, outcome| {
        let (signed, unsigned, loose) = (parse_i64(text), parse_u64(text), parse_u64_as_c(text));
        outcome.note((
            signed.is_some(),
            unsigned.is_some(),
            loose.is_some(),
            text.len().min(25),
        ));
        // A stored integer is its text: exactly what is written again is taken.
        let standard = |text: &[u8]| from_utf8(text).ok()?.parse::<i128>().ok();
        let canonical = standard(text).filter(|number| number.to_string().as_bytes() == text);
        assert_eq!(signed, canonical.and_then(|number| number.try_into().ok()));
        assert_eq!(
            unsigned,
            canonical.and_then(|number| number.try_into().ok())
        );
        if unsigned.is_some() {
            assert_eq!(loose, unsigned);
        }
    });
}

#[test]
fn sizes() {
    let target = Target {
        name: "sizes",
        inputs: 100_000,
        seeds: words(&["0", "100", "1b", "2GB", "3mb", "5k", "16777215gb", "1g"]),
        words: words(&[
            "k",
            "kb",
            "MB",
            "g",
            "Gb",
            "b",
            "-",
            "18446744073709551615",
            " ",
            "%",
        ]),
    };
    fuzz(&target, |text, outcome| {
        let size = parse_size(text);
        outcome.note((size.is_some(), text.len().min(8), text.last()));
        let Some(bytes) = size else { return };
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number: u64 = from_utf8(&text[..digits])
            .expect("digits")
            .parse()
            .expect("in range");
        assert!(bytes >= number && (number == 0 || bytes.is_multiple_of(number)));
        assert_eq!(parse_size(bytes.to_string().as_bytes()), Some(bytes));
        assert!(!format_size(bytes).is_empty());
    });
}

#[test]
fn floats() {
    let target = Target {
        name: "floats",
        inputs: 100_000,
        seeds: words(&[
            "0",
            "-0.0",
            "3.1",
            "1e308",
            "5e-324",
            "0x1.8p3",
            "inf",
            "-Infinity",
            "nan",
            "1e4932",
            "0x.00000001p-16445",
            "17976931348623157",
            ".5",
            "5.",
        ]),
        words: words(&[
            "e", "E+", "e-", ".", "0x", "p", "p-", "inf", "nan", "0000", "9999", "-", "+",
        ]),
    };
    fuzz(&target, |text, outcome| {
        let double = parse_f64(text);
        let long = LongDouble::parse(text);
        outcome.note((double.is_some(), long.is_some(), text.len().min(12)));
        if let Some(double) = double {
            assert!(!double.is_nan());
            outcome.note((double.is_finite(), double == 0.0, double.is_sign_negative()));
            for written in [format_f64(double), format_f64_shortest(double)] {
                let again = parse_f64(&written).expect("what is written can be read");
                assert_eq!(
                    again.to_bits(),
                    double.to_bits(),
                    "{}",
                    written.escape_ascii()
                );
            }
        }
        if let Some(long) = long {
            let mut written = Vec::new();
            long.write_human(&mut written);
            assert!(written.len() <= 4_952, "{} bytes", written.len());
            if let Some(again) = LongDouble::parse(&written) {
                let mut twice = Vec::new();
                again.write_human(&mut twice);
                assert_eq!(written, twice);
            }
        }
    });
}
