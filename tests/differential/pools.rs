//! What arguments are drawn from: the edges of what Redis parses, and enough of the ordinary that
//! commands succeed.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// Where integer parsing and arithmetic end, and what only looks like an integer.
const EDGE_INTS: &[&str] = &[
    "-9223372036854775809",
    "-9223372036854775808",
    "-9223372036854775807",
    "-4294967296",
    "-2147483649",
    "-2147483648",
    "-1",
    "-0",
    "0",
    "1",
    "9999",
    "10000",
    "2147483647",
    "2147483648",
    "2147483649",
    "4294967295",
    "4294967296",
    "9223372036854775806",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "+1",
    "01",
    " 1",
    "1 ",
    "1.5",
    "1.0",
    "1e3",
    "0x10",
    "",
    "-",
    "abc",
    "1\x002",
];

const FLOATS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "0.1",
    "0.2",
    "-0.3",
    "1.5",
    "3.25",
    "10.50",
    "3.0e3",
    "1e17",
    "1e18",
    "1e19",
    "123456789.123456789",
    "3.14159265358979323846",
    "0.000000000000000001",
    "1e-17",
    "1e-18",
    "1e-20",
    "5e-324",
    "1e308",
    "1e309",
    "1e4900",
    "1e5000",
    "-1e4900",
    "1e-5000",
    "inf",
    "-inf",
    "+inf",
    "infinity",
    "INF",
    "nan",
    "-nan",
    "nan(1)",
    "0x10",
    "0x1.8p1",
    "0x1p-3",
    "1.",
    ".5",
    ".",
    "1e",
    "e1",
    "--1",
    "+1",
    " 1",
    "1 ",
    "1,5",
    "",
    "abc",
    "1\x002",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
    "99999999999999999999999999999999",
];

const WORDS: &[&str] = &[
    "", "a", "b", "ab", "hello", "Hello", "foo bar", "nil", "OK", "\r\n", "é",
];

const PATTERNS: &[&str] = &[
    "*", "*", "*", "s:*", "?", "s:?", "s:[ab]", "s:[a-c]", "s:[^a]", "s:[c-a]", "s:\\*?[", "[",
    "s:[", "s:[a", "[^", "\\", "s:\\", "", "*a*", "**", "*?*", "s:{t}?", "S:A", "12", "[a-", "[]",
    "[^]a]", "????", "*:*:*", "s:*?[",
];

const NAMES: &[&str] = &[
    "",
    "x",
    "a-b",
    "a b",
    "a\nb",
    "tab\t",
    "é",
    "\x7f",
    "long-long-name",
];

fn pick(rng: &mut StdRng, pool: &[&str]) -> Vec<u8> {
    pool.choose(rng)
        .expect("no pool is empty")
        .as_bytes()
        .to_vec()
}

/// 400 digits: longer than any buffer numbers are parsed in.
fn long_number() -> Vec<u8> {
    b"1234567890".repeat(40)
}

/// An integer from the edges.
pub fn edge_int(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..20) {
        0 => long_number(),
        _ => pick(rng, EDGE_INTS),
    }
}

pub fn int(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..10) {
        0..6 => rng.random_range(-10..30).to_string().into_bytes(),
        _ => edge_int(rng),
    }
}

pub fn index(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..10) {
        0..4 => rng.random_range(-12..0).to_string().into_bytes(),
        4..8 => rng.random_range(0..50).to_string().into_bytes(),
        8 => pick(rng, &["300", "-300", "1000", "1500"]),
        _ => edge_int(rng),
    }
}

pub fn float(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..10) {
        0..3 => {
            let (n, decimals) = (rng.random_range(-100_000..100_000), rng.random_range(0..8));
            format!("{:.1$}", f64::from(n) / 1000.0, decimals).into_bytes()
        }
        3 => int(rng),
        _ => pick(rng, FLOATS),
    }
}

/// Any string.
pub fn value(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..20) {
        0..6 => rng.random_range(-20..200).to_string().into_bytes(),
        6..9 => edge_int(rng),
        9..11 => float(rng),
        11..14 => pick(rng, WORDS),
        14..16 => (0..rng.random_range(0..12)).map(|_| rng.random()).collect(),
        // Around 44 bytes, where the encoding changes.
        16 => vec![b'e'; rng.random_range(43..47)],
        17..19 => (0..rng.random_range(0..60))
            .map(|_| b"abc"[rng.random_range(0..3)])
            .collect(),
        _ => b"0123456789".repeat(rng.random_range(10..100)),
    }
}

/// One of twenty thousand, small ones more often.
pub fn element(rng: &mut StdRng) -> Vec<u8> {
    let most = [100, 2000, 20_000][rng.random_range(0..3)];
    format!("e{}", rng.random_range(0..most)).into_bytes()
}

pub fn db(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..20) {
        0..16 => pick(rng, &["0", "0", "1"]),
        16 => pick(rng, &["15", "16", "9"]),
        _ => edge_int(rng),
    }
}

pub fn pattern(rng: &mut StdRng) -> Vec<u8> {
    pick(rng, PATTERNS)
}

pub fn name(rng: &mut StdRng) -> Vec<u8> {
    pick(rng, NAMES)
}

/// A time to live in units of `unit_ms`. Those that are valid lie between hours and centuries
/// ahead and never repeat: whether a key is gone, or one deadline is later than another, must not
/// depend on how fast a server is. The others are refused or delete at once.
pub fn ttl(rng: &mut StdRng, unit_ms: i64) -> Vec<u8> {
    const HOUR_MS: i64 = 3_600_000;
    match rng.random_range(0..10) {
        0..6 => far(rng, 3 * HOUR_MS, 10_000 * HOUR_MS, unit_ms),
        // Beyond 32 bits of seconds.
        6 => far(rng, 600_000 * HOUR_MS, 1_000_000 * HOUR_MS, unit_ms),
        7 => pick(
            rng,
            &[
                "0",
                "-1",
                "-2",
                "-1000",
                "-9223372036854775808",
                "-9223372036854775",
            ],
        ),
        8 => pick(
            rng,
            &[
                "9223372036854775807",
                "9223372036854775",
                "9223372036854776",
                "9223372036854775808",
                "18446744073709551615",
                "-9223372036854775809",
                "-9223372036854776",
            ],
        ),
        _ => pick(
            rng,
            &[
                "",
                "abc",
                "1.5",
                "1e10",
                " 100000000",
                "100000000 ",
                "0x7fffffff",
                "+100000000",
            ],
        ),
    }
}

/// A deadline in units of `unit_ms`, as [`ttl`].
pub fn deadline(rng: &mut StdRng, unit_ms: i64) -> Vec<u8> {
    const YEAR_2100_MS: i64 = 4_102_444_800_000;
    match rng.random_range(0..10) {
        0..6 => far(rng, YEAR_2100_MS, 4 * YEAR_2100_MS, unit_ms),
        6 => pick(
            rng,
            &["0", "1", "-1", "1000", "1000000000", "-9223372036854775808"],
        ),
        7 => far(rng, 1000, 1_000_000_000_000, unit_ms),
        _ => ttl_refused(rng),
    }
}

fn ttl_refused(rng: &mut StdRng) -> Vec<u8> {
    pick(
        rng,
        &[
            "9223372036854775807",
            "9223372036854775",
            "9223372036854776",
            "9223372036854775808",
            "",
            "abc",
            "1.5",
            "-9223372036854775809",
            "-9223372036854776",
            " 1",
        ],
    )
}

fn far(rng: &mut StdRng, from_ms: i64, to_ms: i64, unit_ms: i64) -> Vec<u8> {
    (rng.random_range(from_ms..to_ms) / unit_ms)
        .to_string()
        .into_bytes()
}

/// Words that fit nowhere.
pub const GARBAGE: &[&str] = &[
    "",
    "abc",
    "-1",
    "0",
    "-9223372036854775808",
    "9223372036854775808",
    "NX",
    "GET",
    "*",
    "1.5",
    "EX",
    "\r\n+OK\r\n",
    "\"",
    "\\",
];

/// An argument that fits nowhere. No small positive numbers: one could become a time to live that
/// ends while the test runs.
pub fn garbage(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..8) {
        0 => long_number(),
        1 => (0..rng.random_range(0..30)).map(|_| rng.random()).collect(),
        _ => pick(rng, GARBAGE),
    }
}
