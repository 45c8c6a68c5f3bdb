//! HyperLogLogs. What they are is compared by `GET`: the two servers must hold the same bytes.
//! Up to where they are sparse differs from share to share.

use super::Arg::{Element, Key, OneOf, Repeat, Text, Value};
use super::{Family, Row, row};

pub const FAMILY: Family = Family {
    name: "hyperloglog",
    weight: 40,
    keys: &[b"h:a", b"h:b", b"h:c", b"h:d", b"h:e", b"s:b"],
    rows: ROWS,
};

/// Empty, with too many registers, and none. Not one with too few: Redis then reads, and writes,
/// beyond the end of what is appended to it.
const STRINGS: &[&str] = &[
    "HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\x7f\x40\x7f",
    "HYLL\x01\0\0\0\x05\0\0\0\0\0\0\0\x7f\x7f\x40\x7f\0",
    "HYLL\0\0\0\0\0\0\0\0\0\0\0\0\x7f\x7f\x40\x7f",
    "HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\x7f\x40\x7f",
    "HYLK\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\x7f\x40\x7f",
    "HYLL",
    "abc",
    "7",
];

const ROWS: &[Row] = &[
    row("PFADD", &[Key, Repeat(&[Element], 0, 3)]).weight(60),
    row("PFADD", &[Key, Repeat(&[Value], 0, 5)]).weight(20),
    row("PFADD", &[Key, Repeat(&[Element], 10, 200)]).weight(40),
    row("PFADD", &[Key, Repeat(&[Element], 400, 1500)]).weight(4),
    row("PFCOUNT", &[Key]).weight(60),
    row("PFCOUNT", &[Repeat(&[Key], 2, 4)]).weight(20),
    row("PFMERGE", &[Key, Repeat(&[Key], 0, 3)]).weight(12),
    row("PFDEBUG", &[OneOf(&["ENCODING", "DECODE"]), Key]).weight(15),
    row("PFDEBUG", &[OneOf(&["TODENSE", "GETREG", "NONE"]), Key]).weight(3),
    row("GET", &[Key]).weight(40),
    row("STRLEN", &[Key]),
    row("OBJECT ENCODING", &[Key]).weight(10),
    row("SET", &[Key, Text(STRINGS)]).weight(8),
    row("SET", &[Key, Value]).weight(3),
    row("COPY", &[Key, Key]).weight(8),
    row("DEL", &[Key]).weight(15),
    row(
        "SETRANGE",
        &[
            Key,
            Text(&["0", "3", "4", "5"]),
            Text(&["HYLL", "\x01", "\0", "x"]),
        ],
    )
    .weight(3),
    row("EXPIRE", &[Key, Text(&["90000", "100000"])]).weight(3),
];
