//! Doubles as text: scores, coordinates, timeouts, and the replies that carry them.

use std::fmt::{self, Write};
use std::ops::Deref;

use super::float_syntax::{self, Binary, Literal};

/// The double that `text` stands for, as Redis reads one (`strtod` over the whole argument).
///
/// Decimal and hexadecimal (`0x1.8p3`), `inf` and `infinity` in any case, and a sign are taken.
/// Refused are the empty text, white space anywhere, NaN, and a number that overflows or that
/// rounds to zero without being zero; a denormal result is fine.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let (negative, literal) = float_syntax::read(text)?;
    let size = match literal {
        Literal::Infinity => f64::INFINITY,
        Literal::Decimal(decimal) => {
            let size: f64 = decimal.parse().ok()?;
            let underflow = size == 0.0 && float_syntax::has_value(decimal);
            (size.is_finite() && !underflow).then_some(size)?
        }
        Literal::Hexadecimal(binary) => from_binary(&binary)?,
    };
    Some(if negative { -size } else { size })
}

/// The double that C's `strtod` makes of the whole of `text`: how the ends of ranges of scores are
/// read.
///
/// Looser than [`parse_f64`]: leading white space is taken, a NUL ends the text, nothing at all is
/// 0, what overflows is infinite, and what underflows is 0 or nearly so. `None` if something else
/// follows, or for NaN.
pub fn parse_f64_as_c(text: &[u8]) -> Option<f64> {
    let text = match memchr::memchr(0, text) {
        Some(end) => &text[..end],
        None => text,
    };
    if text.is_empty() {
        return Some(0.0);
    }
    let blanks = text
        .iter()
        .take_while(|byte| super::number::is_space(**byte));
    let (negative, literal) = float_syntax::read(&text[blanks.count()..])?;
    let size = match literal {
        Literal::Infinity => f64::INFINITY,
        Literal::Decimal(decimal) => decimal.parse().ok()?,
        Literal::Hexadecimal(binary) => nearest(&binary),
    };
    Some(if negative { -size } else { size })
}

fn from_binary(binary: &Binary) -> Option<f64> {
    let size = nearest(binary);
    let underflow = size == 0.0 && !binary.is_zero();
    (size.is_finite() && !underflow).then_some(size)
}

/// The nearest double, infinite on overflow.
fn nearest(binary: &Binary) -> f64 {
    const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const UNIT_MIN: i64 = -1074;
    if binary.is_zero() {
        return 0.0;
    }
    let (significand, unit) = binary.round(f64::MANTISSA_DIGITS, UNIT_MIN);
    if significand == 0 {
        return 0.0;
    }
    // A normal number's leading bit is not stored: it adds one to the exponent field by itself.
    let field = unit - UNIT_MIN;
    if field + 1 >= 0x7ff {
        return f64::INFINITY;
    }
    f64::from_bits(((field as u64) << FRACTION_BITS) + significand)
}

/// A number's text, on the stack. Reads as the bytes.
#[derive(Clone, Copy)]
pub struct FloatText {
    bytes: [u8; FloatText::LENGTH_MAX],
    length: u8,
}

impl FloatText {
    /// Most bytes either format takes.
    pub const LENGTH_MAX: usize = 32;

    fn new() -> FloatText {
        FloatText {
            bytes: [0; FloatText::LENGTH_MAX],
            length: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.length);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u8;
    }

    fn push_zeros(&mut self, count: usize) {
        self.push(&[b'0'; FloatText::LENGTH_MAX][..count]);
    }
}

impl Deref for FloatText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl AsRef<[u8]> for FloatText {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for FloatText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.escape_ascii().to_string(), f)
    }
}

impl Write for FloatText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// `value` with seventeen significant digits, C's `%.17g`: how Redis up to 7.0 replies a double.
///
/// 3.1 becomes `3.1000000000000001`, 1e17 `1e+17`. Also `inf`, `-inf`, `nan` and `-0`.
pub fn format_f64(value: f64) -> FloatText {
    const DIGITS: i32 = 17;
    format_with(value, 1e17, |text| {
        let digits = Digits::seventeen(value.abs());
        if (-4..DIGITS).contains(&digits.exponent) {
            digits.write_plain(text);
        } else {
            digits.write_scientific(text, 2);
        }
    })
}

/// `value` with the fewest digits that read back as the same double, laid out as Redis from 7.2 on
/// does: 3.1 becomes `3.1`, 1e21 `1e+21`, 1e-7 `1e-7`; `inf`, `-inf`, `nan` and `-0` as well.
///
/// Redis finds the digits by Grisu2, which misses the shortest spelling about once in a thousand
/// doubles; these are the shortest always.
pub fn format_f64_shortest(value: f64) -> FloatText {
    const LARGEST_PLAIN_INTEGER: f64 = 4_611_686_018_427_387_904.0;
    format_with(value, LARGEST_PLAIN_INTEGER, |text| {
        let digits = Digits::shortest(value.abs());
        let last_place = digits.exponent + 1 - digits.length as i32;
        let plain = if last_place >= 0 {
            digits.exponent < digits.length as i32 + 7
        } else {
            last_place > -7 || digits.exponent.abs() < 4
        };
        if plain {
            digits.write_plain(text);
        } else {
            digits.write_scientific(text, 1);
        }
    })
}

/// What both formats share: NaN, infinities, integers below `integer_end`, and the sign; `finite`
/// writes the size of anything else.
fn format_with(value: f64, integer_end: f64, finite: impl FnOnce(&mut FloatText)) -> FloatText {
    let mut text = FloatText::new();
    if value.is_nan() {
        text.push(b"nan");
        return text;
    }
    if value.is_sign_negative() {
        text.push(b"-");
    }
    let size = value.abs();
    if size.is_infinite() {
        text.push(b"inf");
    } else if size < integer_end && size.trunc() == size {
        text.push(itoa::Buffer::new().format(size as u64).as_bytes());
    } else {
        finite(&mut text);
    }
    text
}

/// The decimal `d.ddd × 10^exponent`, last digit not zero.
struct Digits {
    bytes: [u8; 17],
    length: usize,
    exponent: i32,
}

impl Digits {
    /// Seventeen digits, correctly rounded, less trailing zeros.
    fn seventeen(size: f64) -> Digits {
        let mut text = FloatText::new();
        write!(text, "{size:.16e}").expect("two dozen bytes fit the buffer");
        Digits::from_text(&text)
    }

    fn shortest(size: f64) -> Digits {
        Digits::from_text(ryu::Buffer::new().format_finite(size).as_bytes())
    }

    /// Takes apart `ddd`, `ddd.ddd`, with or without an exponent, from Rust's own formatters.
    fn from_text(text: &[u8]) -> Digits {
        let mut digits = Digits {
            bytes: [0; 17],
            length: 0,
            exponent: 0,
        };
        let mut point_passed = false;
        // The places before the point, less the leading zeros behind it.
        let mut places = 0;
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'.' => point_passed = true,
                b'e' => {
                    digits.exponent = read_small(&text[at + 1..]);
                    break;
                }
                b'0' if digits.length == 0 => places -= i32::from(point_passed),
                _ => {
                    places += i32::from(!point_passed);
                    // Ryu pads large integers with zeros beyond the seventeenth digit.
                    if digits.length < digits.bytes.len() {
                        digits.bytes[digits.length] = byte;
                        digits.length += 1;
                    }
                }
            }
        }
        digits.exponent += places - 1;
        while digits.length > 1 && digits.bytes[digits.length - 1] == b'0' {
            digits.length -= 1;
        }
        digits
    }

    fn write_plain(&self, text: &mut FloatText) {
        let digits = &self.bytes[..self.length];
        match usize::try_from(self.exponent) {
            Err(_) => {
                text.push(b"0.");
                text.push_zeros((-self.exponent - 1) as usize);
                text.push(digits);
            }
            Ok(exponent) if exponent + 1 >= self.length => {
                text.push(digits);
                text.push_zeros(exponent + 1 - self.length);
            }
            Ok(exponent) => {
                let (whole, fraction) = digits.split_at(exponent + 1);
                text.push(whole);
                text.push(b".");
                text.push(fraction);
            }
        }
    }

    fn write_scientific(&self, text: &mut FloatText, exponent_digits_min: usize) {
        text.push(&self.bytes[..1]);
        if self.length > 1 {
            text.push(b".");
            text.push(&self.bytes[1..self.length]);
        }
        text.push(if self.exponent < 0 { b"e-" } else { b"e+" });
        let mut buffer = itoa::Buffer::new();
        let exponent = buffer.format(self.exponent.unsigned_abs()).as_bytes();
        text.push_zeros(exponent_digits_min.saturating_sub(exponent.len()));
        text.push(exponent);
    }
}

/// An exponent of at most three digits.
fn read_small(text: &[u8]) -> i32 {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    sign * digits
        .iter()
        .fold(0, |size, &digit| size * 10 + i32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `ZADD key text member` on redis-server 7.0.15: the score then, or that it was refused.
    #[test]
    fn parses_as_redis() {
        let smallest = f64::from_bits(1);
        let cases: &[(&str, Option<f64>)] = &[
            ("", None),
            ("-", None),
            ("+", None),
            (".", None),
            ("--1", None),
            (" 1", None),
            ("1 ", None),
            ("1\0", None),
            ("1_0", None),
            ("1e", None),
            ("1e+", None),
            ("e5", None),
            ("nan", None),
            ("-NaN", None),
            ("nan(1)", None),
            ("infin", None),
            ("0x", None),
            ("0x.", None),
            ("0x1p", None),
            ("0xg", None),
            ("1e400", None),
            ("-1e400", None),
            ("1e-400", None),
            ("2e-324", None),
            ("0x1p1024", None),
            ("0x1.fffffffffffff8p1023", None),
            ("0x1p-1075", None),
            ("0x1p99999999999999999999", None),
            ("0x1p-99999999999999999999", None),
            ("+1", Some(1.0)),
            ("007", Some(7.0)),
            ("5.", Some(5.0)),
            (".5", Some(0.5)),
            ("1e5", Some(1e5)),
            ("1E+5", Some(1e5)),
            ("0e99999999999999", Some(0.0)),
            ("4e-324", Some(smallest)),
            ("1e-320", Some(1e-320)),
            ("inf", Some(f64::INFINITY)),
            ("-INF", Some(f64::NEG_INFINITY)),
            ("+infinity", Some(f64::INFINITY)),
            ("Infinity", Some(f64::INFINITY)),
            ("0x1", Some(1.0)),
            ("0x1.", Some(1.0)),
            ("-0X.8", Some(-0.5)),
            ("0x1p4", Some(16.0)),
            ("0X1P-4", Some(0.0625)),
            ("0xA.bcP+1", Some(21.46875)),
            ("0x0p99999999999", Some(0.0)),
            ("0x1p-1074", Some(smallest)),
            ("0x1.8p-1075", Some(smallest)),
            ("0x1.fffffffffffff7p1023", Some(f64::MAX)),
            ("0x20000000000001", Some(9_007_199_254_740_992.0)),
            ("0x20000000000003", Some(9_007_199_254_740_996.0)),
            (
                "0x20000000000001000000000000000000000000000001p-120",
                Some(9_007_199_254_740_994.0),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_f64(text.as_bytes()), *expected, "{text:?}");
        }
        assert!(parse_f64(b"-0").is_some_and(f64::is_sign_negative));
    }

    /// `ZCOUNT key text text` on redis-server 7.0.15: taken or refused.
    #[test]
    fn the_c_spelling_is_looser() {
        let cases: &[(&str, Option<f64>)] = &[
            ("", Some(0.0)),
            ("\0x", Some(0.0)),
            (" ", None),
            (" 1", Some(1.0)),
            ("\t-1", Some(-1.0)),
            ("1 ", None),
            ("1\x002", Some(1.0)),
            ("1e400", Some(f64::INFINITY)),
            ("-1e400", Some(f64::NEG_INFINITY)),
            ("1e-400", Some(0.0)),
            ("0x1p1024", Some(f64::INFINITY)),
            ("0x1p-2000", Some(0.0)),
            ("0x10", Some(16.0)),
            ("nan", None),
            ("inf", Some(f64::INFINITY)),
            ("1,5", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_f64_as_c(text.as_bytes()), *expected, "{text:?}");
        }
    }

    /// What `printf` of glibc prints for `%.17g`; exact ties (`….25`) go to the even digit.
    #[test]
    fn formats_as_printf() {
        let cases: &[(f64, &str)] = &[
            (0.0, "0"),
            (-0.0, "-0"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (1.0, "1"),
            (-17.0, "-17"),
            (3.1, "3.1000000000000001"),
            (0.1, "0.10000000000000001"),
            (-2.5, "-2.5"),
            (1e16, "10000000000000000"),
            (99_999_999_999_999_984.0, "99999999999999984"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (1e100, "1e+100"),
            (0.0001, "0.0001"),
            (0.000_099_999, "9.9999000000000003e-05"),
            (1e15 + 0.25, "1000000000000000.2"),
            (1e15 + 0.75, "1000000000000000.8"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::from_bits(1), "4.9406564584124654e-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
        ];
        for (value, expected) in cases {
            assert_eq!(format_f64(*value).escape_ascii().to_string(), *expected);
        }
    }

    #[test]
    fn formats_shortest() {
        let cases: &[(f64, &str)] = &[
            (0.0, "0"),
            (-0.0, "-0"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (3.1, "3.1"),
            (-0.25, "-0.25"),
            (100_000_000.0, "100000000"),
            (1e17, "100000000000000000"),
            (4e18, "4000000000000000000"),
            (1e19, "1e+19"),
            (1.234_567_890_123_456_7e19, "12345678901234567000"),
            (1.234_567_890_123_456_8e24, "1.2345678901234568e+24"),
            (1e21, "1e+21"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (0.000_012_5, "1.25e-5"),
            (0.001_234_567_89, "0.00123456789"),
            (1.5e300, "1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::from_bits(1), "5e-324"),
        ];
        for (value, expected) in cases {
            assert_eq!(
                format_f64_shortest(*value).escape_ascii().to_string(),
                *expected
            );
        }
    }

    proptest! {
        #[test]
        fn any_double_comes_back(bits: u64) {
            let value = f64::from_bits(bits);
            if !value.is_nan() {
                for text in [format_f64(value), format_f64_shortest(value)] {
                    prop_assert_eq!(parse_f64(&text).map(f64::to_bits), Some(bits));
                }
            }
        }

        #[test]
        fn any_score_comes_back(whole in -1_000_000i64..1_000_000, thousandths in 0u32..1000) {
            let text = format!("{whole}.{thousandths:03}");
            let value: f64 = text.parse().expect("a decimal");
            prop_assert_eq!(parse_f64(text.as_bytes()), Some(value));
            prop_assert_eq!(parse_f64(&format_f64(value)), Some(value));
            let trimmed = text.trim_end_matches('0').trim_end_matches('.');
            let shortest = format_f64_shortest(value);
            if value != 0.0 && value.abs() > 0.01 {
                prop_assert_eq!(shortest.escape_ascii().to_string(), trimmed);
            }
        }

        #[test]
        fn hexadecimal_is_exact(significand in 0u64..1 << 53, exponent in -1074i32..=970) {
            let half = exponent / 2;
            let value = significand as f64 * 2f64.powi(half) * 2f64.powi(exponent - half);
            prop_assume!(significand == 0 || value.is_normal());
            let text = format!("0x{significand:x}p{exponent}");
            prop_assert_eq!(parse_f64(text.as_bytes()), Some(value));
        }

        #[test]
        fn any_bytes_are_read_without_panic(
            text in "[-+]?(0x)?[0-9a-fA-F.]{0,40}[ep]?[-+]?[0-9]{0,30}",
        ) {
            let value = parse_f64(text.as_bytes());
            prop_assert!(value.is_none_or(|value| !value.is_nan()));
        }
    }
}
