//! Amounts of memory as people write and read them.

/// The number of bytes that `text` names, as Redis reads memory options.
///
/// Digits with a unit: none or `b` for bytes, `k`, `m`, `g` in powers of 1000, `kb`, `mb`, `gb` in
/// powers of 1024, in either case. Refused are an unknown unit, a sign, white space, no digits,
/// and more than `u64::MAX` bytes.
///
/// ```
/// use redistill::base::size::parse_size;
/// assert_eq!(parse_size(b"2gb"), Some(2 << 30));
/// assert_eq!(parse_size(b"2g"), Some(2_000_000_000));
/// assert_eq!(parse_size(b"2 gb"), None);
/// ```
pub fn parse_size(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let number: u64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    number.checked_mul(factor)
}

/// `bytes` in the largest unit (of powers of 1024) it reaches, with two decimals: `517B`, `1.50M`,
/// `2.00G`. This is what `INFO` shows as `used_memory_human`.
///
/// ```
/// assert_eq!(redistill::base::size::format_size(3 << 19), "1.50M");
/// ```
pub fn format_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let power = bytes.ilog2() / 10;
    match UNITS.get(power as usize - 1) {
        Some(unit) => format!("{:.2}{unit}", bytes as f64 / (1u64 << (10 * power)) as f64),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_decimal_without_and_binary_with_b() {
        let cases: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("1048576", Some(1 << 20)),
            ("007", Some(7)),
            ("100b", Some(100)),
            ("64k", Some(64_000)),
            ("64Kb", Some(64 << 10)),
            ("1m", Some(1_000_000)),
            ("512MB", Some(512 << 20)),
            ("1G", Some(1_000_000_000)),
            ("2gb", Some(2 << 30)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("17179869183gb", Some(17_179_869_183 << 30)),
            ("17179869184gb", None),
            ("", None),
            ("mb", None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
            ("1 mb", None),
            ("1.5gb", None),
            ("1t", None),
            ("1kbb", None),
            ("75%", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_size(text.as_bytes()), *expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit() {
        let cases: &[(u64, &str)] = &[
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (1536 << 10, "1.50M"),
            ((1 << 20) - 1, "1024.00K"),
            (2 << 30, "2.00G"),
            (865_592, "845.30K"),
            (3 << 40, "3.00T"),
            (5 << 50, "5.00P"),
            (1 << 60, "1152921504606846976B"),
            (u64::MAX, "18446744073709551615B"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(format_size(*bytes), *expected);
        }
    }

    proptest! {
        #[test]
        fn plain_bytes_come_back(bytes: u64) {
            prop_assert_eq!(parse_size(bytes.to_string().as_bytes()), Some(bytes));
        }

        #[test]
        fn a_unit_multiplies(number in 0u64..1 << 34, unit in 0usize..3) {
            let (name, factor) = [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30)][unit];
            let size = parse_size(format!("{number}{name}").as_bytes());
            prop_assert_eq!(size, number.checked_mul(factor));
        }

        #[test]
        fn any_bytes_are_read_without_panic(text: Vec<u8>) {
            let size = parse_size(&text);
            prop_assert!(size.is_none() || text[0].is_ascii_digit());
        }
    }
}
