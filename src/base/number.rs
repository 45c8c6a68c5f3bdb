//! Integers as text. They are written with `itoa`; this is the other direction.

/// Most bytes an `i64` takes as text: a sign and nineteen digits.
pub const I64_TEXT_LENGTH_MAX: usize = 20;

/// Most bytes a `u64` takes as text.
pub const U64_TEXT_LENGTH_MAX: usize = 20;

/// Digits that fit a `u64` whatever they are.
const SAFE_DIGITS: usize = 19;

/// The integer that `text` is the one spelling of: `itoa` of the result gives `text` again.
///
/// So there is no `+`, no leading zero, no `-0`, no space, and nothing out of range. This is what
/// decides whether a stored value is an integer, and how most integer arguments are read.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => {
            let size = parse_u64(digits)?;
            match size {
                0 => None,
                _ => 0i64.checked_sub_unsigned(size),
            }
        }
        digits => i64::try_from(parse_u64(digits)?).ok(),
    }
}

/// As [`parse_i64`], for integers from 0 to `u64::MAX`.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] if text.len() <= U64_TEXT_LENGTH_MAX => parse_digits(text),
        _ => None,
    }
}

/// The unsigned integer that C's `strtoull` makes of the whole of `text`, base 10.
///
/// Looser than [`parse_u64`]: leading white space, a sign (a negative number wraps round) and
/// leading zeros are taken, a NUL ends the text, and nothing at all is 0. `None` if something else
/// follows or the number is out of range. `SCAN` cursors are read like this, after a check that
/// they do not begin with white space.
pub fn parse_u64_as_c(text: &[u8]) -> Option<u64> {
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    if end == 0 {
        return Some(0);
    }
    let spaces = text[..end].iter().take_while(|&&byte| is_space(byte));
    let (negative, digits) = match &text[spaces.count()..end] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    let size = match &digits[zeros..] {
        [] if zeros == 0 => return None,
        [] => 0,
        digits if digits.len() > U64_TEXT_LENGTH_MAX => return None,
        digits => parse_digits(digits)?,
    };
    Some(if negative { size.wrapping_neg() } else { size })
}

/// Whether C's `isspace` calls `byte` white space.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// How many bytes `value` takes as text, sign included.
pub fn text_length(value: i64) -> usize {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
    digits + usize::from(value < 0)
}

/// At most twenty digits, leading zeros taken; `None` on another byte or on overflow.
fn parse_digits(digits: &[u8]) -> Option<u64> {
    let (safe, last) = digits.split_at(digits.len().min(SAFE_DIGITS));
    let (blocks, rest) = safe.as_chunks::<8>();
    let mut value = 0u64;
    for block in blocks {
        value = value * 100_000_000 + parse_eight_digits(*block)?;
    }
    for &byte in rest {
        value = value * 10 + digit(byte)?;
    }
    for &byte in last {
        value = value.checked_mul(10)?.checked_add(digit(byte)?)?;
    }
    Some(value)
}

fn digit(byte: u8) -> Option<u64> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// Eight digits at once, each in its byte of a word: neighbours are joined to pairs, pairs to
/// fours, fours to the whole. No lane can overflow into the next.
fn parse_eight_digits(block: [u8; 8]) -> Option<u64> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    let word = u64::from_le_bytes(block);
    // A digit's byte is 0x30 to 0x39: its high half is 3, and still is after adding 6.
    let plus_six = word.wrapping_add(0x0606_0606_0606_0606);
    if (word & HIGH_HALVES) != ZEROS || (plus_six & HIGH_HALVES) != ZEROS {
        return None;
    }
    let ones = word - ZEROS;
    let pairs = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_have_one_spelling() {
        for refused in [
            "",
            "-",
            "+1",
            "-0",
            "00",
            "01",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "1e3",
            "0x1",
            "1\0",
            "--1",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "100000000000000000000",
            "1234567/",
            "1234567:",
            "12345678a",
            "\u{b1}1",
        ] {
            assert_eq!(parse_i64(refused.as_bytes()), None, "{refused:?}");
        }
        for value in [0, 1, -1, 9, 10, 12_345_678, 123_456_789, i64::MAX, i64::MIN] {
            assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        }
    }

    #[test]
    fn unsigned_integers_end_at_u64_max() {
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        assert_eq!(parse_u64(b"99999999999999999999"), None);
        assert_eq!(parse_u64(b"-1"), None);
        assert_eq!(parse_u64(b"0"), Some(0));
        assert_eq!(parse_u64(b"00"), None);
    }

    /// `SCAN` of redis-server 7.0.15 with these cursors: taken, or "invalid cursor".
    #[test]
    fn the_c_spelling_is_looser() {
        assert_eq!(parse_u64_as_c(b""), Some(0));
        assert_eq!(parse_u64_as_c(b"007"), Some(7));
        assert_eq!(parse_u64_as_c(b"+7"), Some(7));
        assert_eq!(parse_u64_as_c(b" \t7"), Some(7));
        assert_eq!(parse_u64_as_c(b"-1"), Some(u64::MAX));
        assert_eq!(parse_u64_as_c(b"7\0x"), Some(7));
        assert_eq!(
            parse_u64_as_c(b"000000000000000000000000000018446744073709551615"),
            Some(u64::MAX)
        );
        for refused in [
            "18446744073709551616",
            "-18446744073709551616",
            "7x",
            "x",
            "-",
            "+",
            " ",
        ] {
            assert_eq!(parse_u64_as_c(refused.as_bytes()), None, "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn signed_text_comes_back(value: i64) {
            let text = value.to_string();
            prop_assert_eq!(parse_i64(text.as_bytes()), Some(value));
            prop_assert_eq!(text_length(value), text.len());
        }

        #[test]
        fn unsigned_text_comes_back(value: u64, shift in 0u32..64) {
            let value = value >> shift;
            prop_assert_eq!(parse_u64(value.to_string().as_bytes()), Some(value));
            prop_assert_eq!(parse_u64_as_c(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn only_the_one_spelling_parses(text in "[-+0-9 ./:]{0,22}") {
            let expected = text.parse::<i64>().ok().filter(|value| value.to_string() == text);
            prop_assert_eq!(parse_i64(text.as_bytes()), expected);
        }

        #[test]
        fn any_eight_bytes(block: [u8; 8], at in 0usize..8, byte: u8) {
            let mut digits = block.map(|byte| b'0' + byte % 10);
            digits[at] = byte;
            let expected = std::str::from_utf8(&digits).ok()
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|text| text.parse::<u64>().ok());
            prop_assert_eq!(parse_eight_digits(digits), expected);
        }
    }

    #[test]
    fn text_length_counts_the_sign() {
        for value in [0, 9, 10, -1, -10, i64::MAX, i64::MIN] {
            assert_eq!(text_length(value), value.to_string().len());
        }
    }
}
