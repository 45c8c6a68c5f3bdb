//! What a floating-point number looks like to C's `strtod` and `strtold`.
//!
//! Decimal digits are left to the converter of the type wanted. Hexadecimal digits are bits
//! already: [`Binary`] holds them and rounds them once, to whatever precision is asked for.

/// The unsigned part of a number as written.
pub(super) enum Literal<'a> {
    Infinity,
    /// Digits with at most one point and perhaps an exponent; at least one digit.
    Decimal(&'a str),
    Hexadecimal(Binary),
}

/// Reads the whole of `text`: whether there is a minus sign, and what follows the sign. `None`
/// for anything else than a number, and for a NaN, which Redis takes nowhere.
pub(super) fn read(text: &[u8]) -> Option<(bool, Literal<'_>)> {
    let (negative, unsigned) = match text {
        [b'-', unsigned @ ..] => (true, unsigned),
        [b'+', unsigned @ ..] => (false, unsigned),
        unsigned => (false, unsigned),
    };
    let literal = match unsigned {
        [b'0', b'x' | b'X', digits @ ..] => Literal::Hexadecimal(read_hexadecimal(digits)?),
        [b'0'..=b'9' | b'.', ..] => Literal::Decimal(read_decimal(unsigned)?),
        _ if unsigned.eq_ignore_ascii_case(b"inf") => Literal::Infinity,
        _ if unsigned.eq_ignore_ascii_case(b"infinity") => Literal::Infinity,
        _ => return None,
    };
    Some((negative, literal))
}

/// Whether a decimal as [`read`] gives it is not zero.
pub(super) fn has_value(decimal: &str) -> bool {
    let mut significand = decimal
        .bytes()
        .take_while(|byte| !matches!(byte, b'e' | b'E'));
    significand.any(|byte| matches!(byte, b'1'..=b'9'))
}

fn read_decimal(text: &[u8]) -> Option<&str> {
    let (_, _, rest) = split_significand(text, |byte| byte.is_ascii_digit())?;
    match rest {
        [] => {}
        [b'e' | b'E', exponent @ ..] => {
            read_exponent(exponent)?;
        }
        _ => return None,
    }
    std::str::from_utf8(text).ok()
}

fn read_hexadecimal(text: &[u8]) -> Option<Binary> {
    let (whole, fraction, rest) = split_significand(text, |byte| byte.is_ascii_hexdigit())?;
    let exponent = match rest {
        [] => 0,
        [b'p' | b'P', exponent @ ..] => read_exponent(exponent)?,
        _ => return None,
    };
    let mut binary = Binary {
        significand: 0,
        sticky: false,
        exponent,
    };
    for &digit in whole {
        binary.push(digit, 0);
    }
    for &digit in fraction {
        binary.push(digit, -4);
    }
    Some(binary)
}

/// The digits before the point, those behind it, and the rest; `None` without any digit.
fn split_significand(text: &[u8], is_digit: impl Fn(&u8) -> bool) -> Option<(&[u8], &[u8], &[u8])> {
    let count = |text: &[u8]| text.iter().take_while(|byte| is_digit(byte)).count();
    let (whole, rest) = text.split_at(count(text));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(count(rest)),
        _ => (&rest[..0], rest),
    };
    (whole.len() + fraction.len() > 0).then_some((whole, fraction, rest))
}

/// An exponent with its sign, saturating far beyond what any significand in memory could offset.
fn read_exponent(text: &[u8]) -> Option<i64> {
    const LIMIT: i64 = 1 << 56;
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0, |size: i64, &digit| {
        (size * 10 + i64::from(digit - b'0')).min(LIMIT)
    });
    Some(if negative { -size } else { size })
}

/// The number `significand × 2^exponent`, and a little more if `sticky`.
pub(super) struct Binary {
    significand: u128,
    sticky: bool,
    exponent: i64,
}

impl Binary {
    fn push(&mut self, digit: u8, exponent_step: i64) {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20) - b'a' + 10,
        };
        if self.significand.leading_zeros() >= 4 {
            self.significand = self.significand << 4 | u128::from(digit);
            self.exponent += exponent_step;
        } else {
            self.sticky |= digit != 0;
            self.exponent += exponent_step + 4;
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.significand == 0
    }

    /// Rounds, ties to even, to a significand of at most `precision` bits (64 at most) whose last
    /// bit is worth at least `2^unit_min`. Returns that significand (0 when nothing is left of
    /// the number) and the exponent of its last bit.
    pub(super) fn round(&self, precision: u32, unit_min: i64) -> (u64, i64) {
        let width = i64::from(u128::BITS - self.significand.leading_zeros());
        let unit = (self.exponent + width - i64::from(precision)).max(unit_min);
        let dropped = unit - self.exponent;
        if dropped <= 0 {
            // Everything fits: the bits in use and the zeros behind them are `precision` at most.
            return ((self.significand << -dropped) as u64, unit);
        }
        if dropped > 128 {
            return (0, unit);
        }
        let half = 1u128 << (dropped - 1);
        let kept = self.significand.checked_shr(dropped as u32).unwrap_or(0);
        let rest = self.significand & (half | (half - 1));
        let above_half = rest > half || rest == half && self.sticky;
        let up = above_half || rest == half && kept & 1 == 1;
        let rounded = kept + u128::from(up);
        if rounded >> precision == 0 {
            (rounded as u64, unit)
        } else {
            ((rounded >> 1) as u64, unit + 1)
        }
    }
}
