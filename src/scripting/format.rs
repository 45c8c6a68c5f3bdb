//! Numbers as C's `printf` writes them.

use std::io::Write;

/// Appends a number as `%.{precision}g` does.
pub(super) fn general(number: f64, precision: usize, out: &mut Vec<u8>) {
    if number.is_nan() {
        let text: &[u8] = if number.is_sign_negative() {
            b"-nan"
        } else {
            b"nan"
        };
        return out.extend_from_slice(text);
    }
    if number.is_infinite() {
        let text: &[u8] = if number < 0.0 { b"-inf" } else { b"inf" };
        return out.extend_from_slice(text);
    }
    let mut text = [0; TEXT_MAX];
    let (digits, exponent) = match whole_digits(number.abs(), precision) {
        Some((digits, exponent)) => (without_zeros(digits, &mut text), exponent),
        None => digits_of(number.abs(), precision, &mut text),
    };
    if number.is_sign_negative() {
        out.push(b'-');
    }
    if exponent < -4 || exponent >= precision.max(1) as i32 {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        let size = exponent.unsigned_abs();
        if size < 10 {
            out.push(b'0');
        }
        out.extend_from_slice(itoa::Buffer::new().format(size).as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(digits);
    } else {
        let whole = exponent as usize + 1;
        match digits.split_at_checked(whole) {
            Some((whole, [])) => out.extend_from_slice(whole),
            Some((whole, decimals)) => {
                out.extend_from_slice(whole);
                out.push(b'.');
                out.extend_from_slice(decimals);
            }
            None => {
                out.extend_from_slice(digits);
                out.extend(std::iter::repeat_n(b'0', whole - digits.len()));
            }
        }
    }
}

/// Room for a number with [`PRECISION_MAX`] digits, a point and an exponent.
const TEXT_MAX: usize = PRECISION_MAX + 8;
/// Digits at most.
const PRECISION_MAX: usize = 40;

/// The first digits of a number, as an integer, and its decimal exponent, if it is neither very large
/// nor very small: times a power of ten it is an integer and a fraction, all of which fits 128 bits.
/// The nearest, and of two the even one, as C rounds.
fn whole_digits(number: f64, precision: usize) -> Option<(u64, i32)> {
    /// Digits beyond which an integer may not fit 64 bits.
    const DIGITS_MAX: usize = 17;
    const SCALE_MAX: i32 = 22;
    const FRACTION_BITS: i32 = f64::MANTISSA_DIGITS as i32 - 1;
    if !(1e-5..1e16).contains(&number) || !(1..=DIGITS_MAX).contains(&precision) {
        return None;
    }
    let bits = number.to_bits();
    let mantissa = bits & ((1 << FRACTION_BITS) - 1) | 1 << FRACTION_BITS;
    let binary = (bits >> FRACTION_BITS) as i32 - 1023 - FRACTION_BITS;
    let (least, most) = (
        10_u64.pow(precision as u32 - 1),
        10_u64.pow(precision as u32),
    );
    // One too few, at worst: the logarithm of two is a little more than that.
    let mut exponent = ((binary + FRACTION_BITS) * 1233) >> 12;
    loop {
        let scale = precision as i32 - 1 - exponent;
        if !(0..=SCALE_MAX).contains(&scale) {
            return None;
        }
        let product = u128::from(mantissa) * 10_u128.pow(scale as u32);
        let digits = match u32::try_from(-binary) {
            Ok(0) | Err(_) => product << binary,
            Ok(shift) => {
                let (whole, rest) = (product >> shift, product & ((1 << shift) - 1));
                let half = 1_u128 << (shift - 1);
                whole + u128::from(rest > half || rest == half && whole & 1 == 1)
            }
        };
        match u64::try_from(digits) {
            Ok(digits) if digits < least => exponent -= 1,
            Ok(digits) if digits < most => return Some((digits, exponent)),
            _ => exponent += 1,
        }
    }
}

/// An integer's digits, without zeros at the end.
fn without_zeros(number: u64, text: &mut [u8; TEXT_MAX]) -> &[u8] {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number).as_bytes();
    let zeros = digits[1..].iter().rev().take_while(|digit| **digit == b'0');
    let len = digits.len() - zeros.count();
    text[..len].copy_from_slice(&digits[..len]);
    &text[..len]
}

/// The first digits of a finite number, without zeros at the end, and its decimal exponent.
fn digits_of(number: f64, precision: usize, text: &mut [u8; TEXT_MAX]) -> (&[u8], i32) {
    let mut rest = &mut text[..];
    let precision = precision.clamp(1, PRECISION_MAX);
    write!(rest, "{:.*e}", precision - 1, number).expect("there is room for it");
    let len = TEXT_MAX - rest.len();
    let (head, mantissa_len) = (text[0], memchr::memchr(b'e', &text[..len]));
    let mantissa_len = mantissa_len.expect("`e` was asked for");
    let exponent = crate::base::number::parse_i64(&text[mantissa_len + 1..len]);
    let exponent = exponent.expect("an exponent is a number") as i32;
    // The first digit takes the place of the point.
    let digits = match mantissa_len {
        1 => &mut text[..1],
        _ => &mut text[1..mantissa_len],
    };
    digits[0] = head;
    let zeros = digits[1..].iter().rev().take_while(|digit| **digit == b'0');
    let len = digits.len() - zeros.count();
    (&digits[..len], exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_printf_writes_it() {
        let cases: &[(f64, usize, &str)] = &[
            (1.5, 17, "1.5"),
            (0.1, 17, "0.10000000000000001"),
            (0.1, 14, "0.1"),
            (1e20, 17, "1e+20"),
            (1e17, 17, "1e+17"),
            (1e16, 17, "10000000000000000"),
            (-0.0, 17, "-0"),
            (100.0, 14, "100"),
            (1e-5, 14, "1e-05"),
            (0.0001, 14, "0.0001"),
            (123_456_789.123, 3, "1.23e+08"),
            (9.999, 2, "10"),
            (f64::NEG_INFINITY, 17, "-inf"),
            (5e-324, 17, "4.9406564584124654e-324"),
        ];
        for (number, precision, expected) in cases {
            let mut out = Vec::new();
            general(*number, *precision, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), *expected);
        }
    }

    #[test]
    fn both_ways_find_the_same_digits() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut found = 0;
        for round in 0..200_000 {
            let number = match round % 4 {
                // Of every size there is.
                0 => f64::from_bits(next() >> 1),
                1 => (next() % 1_000_000) as f64 / 1000.0,
                2 => (next() >> 40) as f64 * 2_f64.powi((next() % 70) as i32 - 45),
                _ => 10_f64.powi((next() % 24) as i32 - 6),
            };
            if !number.is_finite() {
                continue;
            }
            for precision in [1, 14, 16, 17] {
                let Some((digits, exponent)) = whole_digits(number, precision) else {
                    continue;
                };
                let (mut one, mut other) = ([0; TEXT_MAX], [0; TEXT_MAX]);
                let fast = (without_zeros(digits, &mut one), exponent);
                assert_eq!(fast, digits_of(number, precision, &mut other), "{number:e}");
                found += 1;
            }
        }
        assert!(found > 300_000, "{found}");
    }
}
