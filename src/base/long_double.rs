//! The x87 80-bit float: `INCRBYFLOAT` and `HINCRBYFLOAT` add in it, on every machine.
//!
//! Redis computes in C's `long double`, and its results show: 0.1 + 0.2 is 0.3, because 64 bits of
//! significand are rounded to seventeen decimals only when printed. Rust has no such type; the
//! arithmetic here is LLVM's software float, the text our own.

use std::ops::{Add, Neg, Sub};

use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Round, Status};

use super::float_syntax::{self, Binary, Literal};

/// Longest text Redis reads as a long double, in bytes; longer is refused.
pub const TEXT_LENGTH_MAX: usize = 5 * 1024 - 1;

/// Bits of the significand, leading one included.
const PRECISION: u32 = 64;

/// The last bit of a denormal is worth `2^UNIT_MIN`.
const UNIT_MIN: i64 = -16445;

/// The exponent field of infinities and NaNs.
const FIELD_SPECIAL: u64 = 0x7fff;

/// A number with a 64-bit significand and a 15-bit exponent.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct LongDouble(X87DoubleExtended);

impl LongDouble {
    /// The number that `text` stands for, as Redis reads one (`strtold` over the whole argument).
    ///
    /// Takes and refuses what [`super::float::parse_f64`] does, in this type's range, and refuses
    /// more than [`TEXT_LENGTH_MAX`] bytes.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_LENGTH_MAX {
            return None;
        }
        let (negative, literal) = float_syntax::read(text)?;
        let size = match literal {
            Literal::Infinity => X87DoubleExtended::INFINITY,
            Literal::Decimal(decimal) => {
                let size: X87DoubleExtended = decimal.parse().ok()?;
                let underflow = size.is_zero() && float_syntax::has_value(decimal);
                (size.is_finite() && !underflow).then_some(size)?
            }
            Literal::Hexadecimal(binary) => from_binary(&binary)?,
        };
        Some(LongDouble(if negative { -size } else { size }))
    }

    /// The largest finite number.
    pub fn largest() -> LongDouble {
        LongDouble(X87DoubleExtended::largest())
    }

    /// Neither infinite nor NaN.
    pub fn is_finite(self) -> bool {
        self.0.is_finite()
    }

    /// `factor` times the number, rounded up; `None` when that is beyond 64 bits.
    pub fn ceil_times(self, factor: i64) -> Option<i64> {
        let product = self.0 * LongDouble::from(factor).0;
        let mut exact = false;
        let rounded = product
            .value
            .to_i128_r(64, Round::TowardPositive, &mut exact);
        if rounded.status.intersects(Status::INVALID_OP) {
            return None;
        }
        i64::try_from(rounded.value).ok()
    }

    /// Appends the number in full, never with an exponent: seventeen decimals, correctly rounded
    /// (exact ties to the even digit), less trailing zeros; `-0` is written `0`.
    ///
    /// At most 4,952 bytes. The digits before the point are always all there, so this takes time
    /// quadratic in the exponent: a few hundred microseconds for the largest numbers.
    pub fn write_human(self, out: &mut Vec<u8>) {
        if self.0.is_nan() {
            return out.extend_from_slice(b"nan");
        }
        let start = out.len();
        if self.0.is_negative() {
            out.push(b'-');
        }
        if self.0.is_infinite() {
            return out.extend_from_slice(b"inf");
        }
        let (significand, unit) = self.parts();
        match u32::try_from(unit) {
            Ok(shift) => write_shifted(significand, shift, out),
            Err(_) => write_fixed(significand, unit.unsigned_abs() as u32, out),
        }
        if &out[start..] == b"-0" {
            out.remove(start);
        }
    }

    /// A finite number's size as `significand × 2^unit`.
    fn parts(self) -> (u64, i64) {
        let bits = self.0.to_bits();
        let field = (bits >> PRECISION) as u64 & FIELD_SPECIAL;
        (bits as u64, field.max(1) as i64 - 1 + UNIT_MIN)
    }
}

impl Add for LongDouble {
    type Output = LongDouble;

    fn add(self, other: LongDouble) -> LongDouble {
        LongDouble((self.0 + other.0).value)
    }
}

impl Sub for LongDouble {
    type Output = LongDouble;

    fn sub(self, other: LongDouble) -> LongDouble {
        LongDouble((self.0 - other.0).value)
    }
}

impl Neg for LongDouble {
    type Output = LongDouble;

    fn neg(self) -> LongDouble {
        LongDouble(-self.0)
    }
}

impl From<i64> for LongDouble {
    fn from(value: i64) -> LongDouble {
        LongDouble(X87DoubleExtended::from_i128(i128::from(value)).value)
    }
}

fn from_binary(binary: &Binary) -> Option<X87DoubleExtended> {
    if binary.is_zero() {
        return Some(X87DoubleExtended::ZERO);
    }
    let (significand, unit) = binary.round(PRECISION, UNIT_MIN);
    if significand == 0 {
        return None;
    }
    // Unlike in a double, a normal number's leading bit is stored.
    let normal = significand.leading_zeros() == 0;
    let field = u64::try_from(unit - UNIT_MIN).ok()? + u64::from(normal);
    if field >= FIELD_SPECIAL {
        return None;
    }
    let bits = u128::from(field) << PRECISION | u128::from(significand);
    Some(X87DoubleExtended::from_bits(bits))
}

/// Writes `significand × 2^shift`.
fn write_shifted(significand: u64, shift: u32, out: &mut Vec<u8>) {
    if shift < u64::BITS {
        let value = u128::from(significand) << shift;
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        return;
    }
    let mut limbs = shifted_limbs(significand, shift);
    // Nine digits at a time, lowest first; each group's digits are reversed, then everything is.
    let start = out.len();
    while !limbs.is_empty() {
        let mut group = divide(&mut limbs, 1_000_000_000);
        for _ in 0..9 {
            out.push(b'0' + (group % 10) as u8);
            group /= 10;
        }
    }
    let leading_zeros = out.iter().rev().take_while(|&&digit| digit == b'0').count();
    out.truncate(out.len() - leading_zeros);
    out[start..].reverse();
}

/// The limbs of `significand × 2^shift`, lowest first, none of them zero at the top.
fn shifted_limbs(significand: u64, shift: u32) -> Vec<u32> {
    let mut limbs = vec![0; (shift / u32::BITS) as usize];
    let mut rest = u128::from(significand) << (shift % u32::BITS);
    while rest != 0 {
        limbs.push(rest as u32);
        rest >>= u32::BITS;
    }
    limbs
}

/// Divides in place, drops zero limbs at the top, and returns the remainder.
fn divide(limbs: &mut Vec<u32>, divisor: u32) -> u32 {
    let divisor = u64::from(divisor);
    let mut remainder = 0;
    for limb in limbs.iter_mut().rev() {
        let part = remainder << u32::BITS | u64::from(*limb);
        *limb = (part / divisor) as u32;
        remainder = part % divisor;
    }
    while limbs.last() == Some(&0) {
        limbs.pop();
    }
    remainder as u32
}

/// Writes `significand / 2^places` with up to seventeen decimals.
fn write_fixed(significand: u64, places: u32, out: &mut Vec<u8>) {
    const DECIMALS: usize = 17;
    const SCALE: u128 = 10u128.pow(DECIMALS as u32);
    // What is below 2^-63 does not reach half a unit of the seventeenth decimal.
    let (whole, decimals) = if places > 127 {
        (0, 0)
    } else {
        let mask = (1u128 << places) - 1;
        let scaled = (u128::from(significand) & mask) * SCALE;
        let (kept, rest, half) = (scaled >> places, scaled & mask, 1u128 << (places - 1));
        let up = rest > half || rest == half && kept & 1 == 1;
        let decimals = kept + u128::from(up);
        let whole = (u128::from(significand) >> places) + decimals / SCALE;
        (whole, (decimals % SCALE) as u64)
    };
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    if decimals == 0 {
        return;
    }
    out.push(b'.');
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(decimals).as_bytes();
    out.resize(out.len() + DECIMALS - digits.len(), b'0');
    let trailing_zeros = digits
        .iter()
        .rev()
        .take_while(|&&digit| digit == b'0')
        .count();
    out.extend_from_slice(&digits[..digits.len() - trailing_zeros]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn human(value: LongDouble) -> String {
        let mut out = b"before ".to_vec();
        value.write_human(&mut out);
        String::from_utf8(out)
            .expect("ASCII")
            .split_off("before ".len())
    }

    fn number(text: &str) -> LongDouble {
        LongDouble::parse(text.as_bytes()).expect(text)
    }

    /// `SET key a`, `INCRBYFLOAT key b` on redis-server 7.0.15.
    #[rustfmt::skip]
    const SUMS: &[(&str, &str, Option<&str>)] = &[
        ("0.1", "0.2", Some("0.3")),
        ("10.5", "0.1", Some("10.6")),
        ("5.0e3", "2.0e2", Some("5200")),
        ("0", "-0", Some("0")),
        ("-0", "-0", Some("0")),
        ("1", "-1", Some("0")),
        ("3", "1.000000000000000000001", Some("4")),
        ("1.1", "1.1", Some("2.2")),
        ("1e17", "1", Some("100000000000000001")),
        ("1e18", "0.5", Some("1000000000000000000.5")),
        ("1e19", "0.5", Some("10000000000000000000")),
        ("9223372036854775807", "1", Some("9223372036854775808")),
        ("18446744073709551615", "1", Some("18446744073709551616")),
        ("18446744073709551616", "1", Some("18446744073709551616")),
        ("1e20", "1", Some("100000000000000000000")),
        ("1e21", "-1e21", Some("0")),
        ("-1.5", "0.25", Some("-1.25")),
        ("0.00000000000000001", "0", Some("0.00000000000000001")),
        ("0.000000000000000001", "0", Some("0")),
        ("0.000000000000000005", "0", Some("0")),
        ("0.000000000000000006", "0", Some("0.00000000000000001")),
        ("0.99999999999999999", "0.00000000000000001", Some("1")),
        ("0.999999999999999996", "0", Some("1")),
        ("-0.000000000000000001", "0", Some("0")),
        ("1e-4940", "0", Some("0")),
        ("3e-4951", "0", Some("0")),
        ("1e-5000", "0", None),
        ("0x1p-16445", "0", Some("0")),
        ("0x1p-16446", "0", None),
        ("1e400", "-1e400", Some("0")),
        ("1e30", "0.1", Some("1000000000000000000024696061952")),
        ("0x10", "0x.8", Some("16.5")),
        ("0x1.8p1", "1", Some("4")),
        ("0x1p63", "0x1p-1", Some("9223372036854775808")),
        ("0x1.00000000000000018p0", "0", Some("1")),
        ("0x1.00000000000000010000000000000000000000001p0", "-1", Some("0")),
        ("0x1.0000000000000001p0", "-1", Some("0")),
        ("inf", "1", Some("not finite")),
        ("1", "inf", Some("not finite")),
        ("nan", "1", None),
        (" 1", "1", None),
        ("1 ", "1", None),
        ("", "1", None),
        ("1", "abc", None),
        ("abc", "1", None),
        ("1e5000", "1", None),
        ("1e", "1", None),
        ("+5.", ".5", Some("5.5")),
        ("123456789.123456789", "987654321.987654321", Some("1111111111.11111110995989293")),
        ("2.718281828459045235360287", "3.14159265358979323846264", Some("5.85987448204883847")),
        ("0.5", "0.00000000000000000", Some("0.5")),
        ("-100", "99.9", Some("-0.1")),
        ("4.35", "0.01", Some("4.36")),
        ("1.005", "1000", Some("1001.005")),
        ("79228162514264337593543950336", "1", Some("79228162514264337593543950336")),
        ("0.3", "-0.1", Some("0.2")),
        ("12345678901234567890", "0.75", Some("12345678901234567891")),
        ("1000000000000000000000000000000", "-999999999999999999999999999999", Some("0")),
    ];

    #[test]
    fn adds_as_redis() {
        for (a, b, expected) in SUMS {
            let sum = LongDouble::parse(a.as_bytes())
                .zip(LongDouble::parse(b.as_bytes()))
                .map(|(a, b)| a + b)
                .map(|sum| {
                    if sum.is_finite() {
                        human(sum)
                    } else {
                        "not finite".to_owned()
                    }
                });
            assert_eq!(sum.as_deref(), *expected, "{a:?} + {b:?}");
        }
    }

    #[test]
    fn the_largest_numbers_are_written_in_full() {
        let doubled = human(number("1e308") + number("1e308"));
        assert_eq!(doubled.len(), 309);
        assert!(doubled.starts_with("19999999999999999999337175931169129132112019969483"));
        let sum = human(number("1.1897314953572317650e4932") + number("1e4900"));
        assert_eq!(sum.len(), 4933);
        assert!(sum.starts_with("11897314953572317650212638530309702051690633222946"));
    }

    #[test]
    fn infinity_and_nan_are_told_apart() {
        assert!(number("1").is_finite());
        assert!(!(number("inf") + number("-inf")).is_finite());
        assert_eq!(human(number("inf") + number("-inf")), "nan");
        assert_eq!(human(number("-inf")), "-inf");
        assert!(!(number("1e4932") + number("1e4932")).is_finite());
    }

    #[test]
    fn text_is_bounded() {
        let longest = "0".repeat(TEXT_LENGTH_MAX);
        assert_eq!(human(number(&longest)), "0");
        assert_eq!(LongDouble::parse(format!("{longest}0").as_bytes()), None);
        let ones = "1".repeat(TEXT_LENGTH_MAX);
        assert_eq!(LongDouble::parse(ones.as_bytes()), None);
    }

    proptest! {
        #[test]
        fn integers_come_back(value: i64) {
            prop_assert_eq!(human(LongDouble::from(value)), value.to_string());
            prop_assert_eq!(number(&value.to_string()), LongDouble::from(value));
        }

        #[test]
        fn small_sums_of_cents_are_exact(
            // Up to 30, an error of a few last bits is lost in rounding to seventeen decimals.
            a in -1_500i64..1_500,
            b in -1_500i64..1_500,
        ) {
            let cents = |value: i64| {
                let sign = if value < 0 { "-" } else { "" };
                let text = format!("{sign}{}.{:02}", value.abs() / 100, value.abs() % 100);
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            };
            prop_assert_eq!(human(number(&cents(a)) + number(&cents(b))), cents(a + b));
        }

        #[test]
        fn powers_of_two_are_exact(significand in 1u64.., shift in 0u32..64) {
            let text = format!("0x{significand:x}p{shift}");
            prop_assert_eq!(human(number(&text)), (u128::from(significand) << shift).to_string());
            let limbs = shifted_limbs(significand, shift);
            let value = limbs.iter().rev().fold(0, |value, &limb| value << 32 | u128::from(limb));
            prop_assert_eq!(value, u128::from(significand) << shift);
        }

        #[test]
        fn large_numbers_read_back(significand in 1u64 << 63.., exponent in 64i32..16_000) {
            let value = number(&format!("0x{significand:x}p{exponent}"));
            prop_assert_eq!(number(&human(value)), value);
        }

        #[test]
        fn any_bytes_are_read_without_panic(
            text in "[-+]?(0x)?[0-9a-fA-F.]{0,40}[ep]?[-+]?[0-9]{0,30}",
        ) {
            if let Some(value) = LongDouble::parse(text.as_bytes()) {
                let written = human(value);
                prop_assert!(written.len() <= 4952);
            }
        }
    }
}
