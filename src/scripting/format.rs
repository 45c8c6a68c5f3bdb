//! Numbers as C's `printf` writes them.

use std::fmt::Write;

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
    let precision = precision.max(1);
    let mut text = String::with_capacity(32);
    write!(text, "{:.*e}", precision - 1, number.abs()).expect("writing to memory does not fail");
    let (mantissa, exponent) = text.split_once('e').expect("`e` was asked for");
    let exponent: i32 = exponent.parse().expect("an exponent is a number");
    let mut digits: Vec<u8> = mantissa.bytes().filter(|byte| *byte != b'.').collect();
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    if number.is_sign_negative() {
        out.push(b'-');
    }
    if exponent < -4 || exponent >= precision as i32 {
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", exponent.unsigned_abs()).as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(&digits);
    } else {
        let whole = exponent as usize + 1;
        for index in 0..whole.max(digits.len()) {
            if index == whole {
                out.push(b'.');
            }
            out.push(digits.get(index).copied().unwrap_or(b'0'));
        }
    }
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
}
