//! `SORT`, over few small numbers and the keys that patterns make of them.

use super::Arg::{Key, Maybe, OneOf, Options, Repeat, Text, Word};
use super::{Arg, Family, Row, row};
use crate::compare::Compare::Unordered;

pub const FAMILY: Family = Family {
    name: "sort",
    weight: 20,
    keys: &[b"o:a", b"o:b", b"o:1", b"o:2", b"o:3", b"o:-4"],
    rows: ROWS,
};

const NUMBERS: &[&str] = &[
    "1", "2", "3", "-4", "1.5", "10", "1e1", "0x10", " 7", "", "-0", "inf", "-inf",
];

const WORDS: &[&str] = &[
    "1", "2", "3", "a", "b", "nan", "1x", "é", "\\xff", "A", "aa", "-4",
];

const BY: Arg = Text(&[
    "o:*", "o:*", "*", "nosort", "o:*->f", "o:*->", "#", "", "none:*", "*->f", "o:**",
]);
const GET: Arg = Text(&["#", "o:*", "o:*->f", "none", "*", "none:*", "o:*->g"]);

const LIMITS: &[&str] = &[
    "0",
    "1",
    "2",
    "5",
    "-1",
    "-3",
    "9223372036854775807",
    "x",
    "",
];

const OPTIONS: &[&[Arg]] = &[
    &[OneOf(&["ASC", "DESC"])],
    &[Word("LIMIT"), Text(LIMITS), Text(LIMITS)],
    &[Word("GET"), GET],
    &[Word("GET"), GET],
];

/// Numbers are not stored: redis-server takes the errno of an earlier overflow for a number's own,
/// refuses, and has stored nothing.
const STORING: &[&[Arg]] = &[
    &[OneOf(&["ASC", "DESC"])],
    &[Word("LIMIT"), Text(LIMITS), Text(LIMITS)],
    &[Word("GET"), GET],
    &[Word("GET"), GET],
    &[Word("STORE"), Key],
];

const READ_ONLY: &[&[Arg]] = &[
    &[OneOf(&["ASC", "DESC"])],
    &[Word("ALPHA")],
    &[Word("LIMIT"), Text(LIMITS), Text(LIMITS)],
    &[Word("GET"), GET],
];

/// Texts looked up that are equal leave the order of their elements open, so not `BY` with `ALPHA`
/// and what cuts or stores; and without `ALPHA`, elements that are equal as numbers and as texts
/// are the same.
const ROWS: &[Row] = &[
    row("RPUSH", &[Key, Repeat(&[Text(NUMBERS)], 1, 6)]).weight(40),
    row("RPUSH", &[Key, Repeat(&[Text(WORDS)], 1, 3)]),
    row("ZADD", &[Key, Text(NUMBERS), Text(WORDS)]).weight(20),
    row("ZADD", &[Key, Text(NUMBERS), Text(NUMBERS)]).weight(20),
    row("SADD", &[Key, Repeat(&[Text(NUMBERS)], 1, 6)]).weight(20),
    row("SET", &[Key, Text(NUMBERS)]).weight(20),
    row("SET", &[Key, Text(WORDS)]),
    row("HSET", &[Key, Text(&["f", "g"]), Text(NUMBERS)]).weight(10),
    row("DEL", &[Key]).weight(15),
    row("SORT", &[Key, Options(OPTIONS)]).weight(40),
    row("SORT", &[Key, Word("ALPHA"), Options(STORING)]).weight(40),
    row(
        "SORT",
        &[Key, Word("BY"), Text(&["o:*", "o:*->f"]), Options(OPTIONS)],
    )
    .weight(40),
    row(
        "SORT",
        &[Key, Word("BY"), BY, Word("ALPHA"), Maybe(&[Word("DESC")])],
    )
    .compare(Unordered)
    .weight(20),
    row(
        "SORT",
        &[Key, Word("BY"), Text(&["nosort"]), Maybe(&[Word("DESC")])],
    )
    .compare(Unordered)
    .weight(20),
    row("SORT_RO", &[Key, Options(READ_ONLY)]).weight(20),
    row("SORT_RO", &[Key, Options(OPTIONS)]).weight(3),
    row("LRANGE", &[Key, Text(&["0"]), Text(&["-1"])]).weight(20),
    row("TYPE", &[Key]).weight(10),
];
