//! Against arrays of booleans.

use super::*;
use proptest::prelude::*;

/// Strings of all kinds of lengths around the sizes of blocks, mostly of one byte.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let filler = prop_oneof![Just(0u8), Just(0xff), any::<u8>()];
    let length = prop_oneof![0..70usize, 480..560usize, 4000..4200usize];
    let spots = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5);
    (filler, length, spots).prop_map(|(filler, length, spots)| {
        let mut bytes = vec![filler; length];
        for (at, byte) in spots {
            if length > 0 {
                bytes[at.index(length)] = byte;
            }
        }
        bytes
    })
}

fn bits(bytes: &[u8]) -> Vec<bool> {
    bytes
        .iter()
        .flat_map(|byte| (0..8).map(move |n| byte >> (7 - n) & 1 == 1))
        .collect()
}

fn any_range(length: usize) -> impl Strategy<Value = Range<usize>> {
    (0..=length, 0..=length).prop_map(|(a, b)| a.min(b)..a.max(b))
}

fn with_range() -> impl Strategy<Value = (Vec<u8>, Range<usize>)> {
    any_bytes().prop_flat_map(|bytes| {
        let length = bytes.len() * 8;
        (Just(bytes), any_range(length))
    })
}

proptest! {
    #[test]
    fn counts_and_finds((bytes, range) in with_range(), offset in 0..40_000usize) {
        let model = bits(&bytes);
        let part = &model[range.clone()];
        prop_assert_eq!(count(&bytes, range.clone()), part.iter().filter(|bit| **bit).count());
        for wanted in [false, true] {
            let found = part.iter().position(|bit| *bit == wanted).map(|at| at + range.start);
            prop_assert_eq!(position(&bytes, wanted, range.clone()), found);
        }
        prop_assert_eq!(get(&bytes, offset), model.get(offset).copied().unwrap_or(false));
    }

    #[test]
    fn combines(sources in proptest::collection::vec(any_bytes(), 1..5)) {
        use Combine::*;
        let length = sources.iter().map(Vec::len).max().unwrap_or(0) * 8;
        let models: Vec<Vec<bool>> = sources.iter().map(|source| bits(source)).collect();
        let slices: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
        for how in [And, Or, Xor, Not, Diff, Diff1, AndOr, One] {
            let slices = if how == Not { &slices[..1] } else { &slices[..] };
            let length = if how == Not { sources[0].len() * 8 } else { length };
            let expected: Vec<bool> = (0..length).map(|at| {
                let set: Vec<bool> = models[..slices.len()]
                    .iter()
                    .map(|model| model.get(at).copied().unwrap_or(false))
                    .collect();
                let (x, others) = (set[0], set[1..].contains(&true));
                let number = set.iter().filter(|bit| **bit).count();
                match how {
                    And => number == set.len(),
                    Or => number > 0,
                    Xor => number % 2 == 1,
                    Not => !x,
                    Diff => x && !others,
                    Diff1 => !x && others,
                    AndOr => x && others,
                    One => number == 1,
                }
            }).collect();
            prop_assert_eq!(bits(&combine(how, slices)), expected, "{:?}", how);
        }
    }

    #[test]
    fn fields_are_read_and_written(
        bytes in proptest::collection::vec(any::<u8>(), 20),
        offset in 0..96usize, signed: bool, width in 1..=64u32, value: i64,
    ) {
        let width = if signed { width } else { width.min(63) };
        let field = Field { signed, width };
        let model = bits(&bytes);
        let part = &model[offset..offset + width as usize];
        let start = if signed && part[0] { -1 } else { 0 };
        let expected = part.iter().fold(start, |all: i64, bit| all << 1 | i64::from(*bit));
        prop_assert_eq!(field.read(&bytes, offset), expected);
        let value = field.assign(value, Overflow::Wrap).expect("it wraps");
        let mut changed = bytes.clone();
        field.write(&mut changed, offset, value);
        prop_assert_eq!(field.read(&changed, offset), value);
        let after = bits(&changed);
        prop_assert_eq!(&after[..offset], &model[..offset]);
        let end = offset + width as usize;
        prop_assert_eq!(&after[end..], &model[end..]);
    }

    #[test]
    fn sums_fit_their_fields(
        signed: bool, width in 1..=64u32, value: i64, increment: i64, shift in 0..64u32,
    ) {
        let width = if signed { width } else { width.min(63) };
        let field = Field { signed, width };
        let value = field.assign(value, Overflow::Wrap).expect("it wraps");
        let increment = increment >> shift;
        let exact = i128::from(value) + i128::from(increment);
        let (min, max) = if signed {
            (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1)
        } else {
            (0, (1i128 << width) - 1)
        };
        let fits = (min..=max).contains(&exact);
        let wrapped = (exact - min).rem_euclid(1 << width) + min;
        let sum = |overflow| field.sum(value, increment, overflow).map(i128::from);
        prop_assert_eq!(sum(Overflow::Wrap), Some(wrapped));
        prop_assert_eq!(sum(Overflow::Saturate), Some(exact.clamp(min, max)));
        prop_assert_eq!(sum(Overflow::Fail), fits.then_some(exact));
    }
}

/// `BITFIELD k OVERFLOW SAT SET …` of redis-server 7.0.15, then `GET`.
#[test]
fn what_is_set_saturates_as_in_redis() {
    for (field, value, expected) in [
        ("i8", 200, 127),
        ("i8", -200, -128),
        ("i8", i64::MIN, 127),
        ("i8", i64::MIN + 127, 127),
        ("i8", i64::MIN + 128, -128),
        ("i64", i64::MIN, i64::MIN),
        ("u8", -1, 255),
        ("u8", 256, 255),
        ("u63", i64::MIN, i64::MAX),
    ] {
        let parsed = Field::parse(field.as_bytes()).expect("a field");
        let stored = parsed.assign(value, Overflow::Saturate);
        assert_eq!(stored, Some(expected), "{field} {value}");
    }
}

#[test]
fn types_of_fields() {
    for (text, expected) in [
        ("u1", Some((false, 1))),
        ("u63", Some((false, 63))),
        ("i64", Some((true, 64))),
        ("i1", Some((true, 1))),
        ("u64", None),
        ("i65", None),
        ("u0", None),
        ("i-1", None),
        ("u08", None),
        ("U8", None),
        ("8", None),
        ("u", None),
        ("", None),
        ("i99999999999999999999", None),
    ] {
        let field = Field::parse(text.as_bytes()).map(|field| (field.signed, field.width));
        assert_eq!(field, expected, "{text}");
    }
}
