//! Bitmaps.

use super::Arg::{Index, Int, Key, Maybe, OneOf, Options, Repeat, Text, Value, Word};
use super::{Arg, Family, Row, row};

pub const FAMILY: Family = Family {
    name: "bitmap",
    weight: 40,
    keys: &[b"b:a", b"b:b", b"b:c", b"b:d", b"s:a", b"12"],
    rows: ROWS,
};

/// Bits of short strings, of long ones, and beyond what a string may have.
const OFFSETS: &[&str] = &[
    "0",
    "1",
    "7",
    "8",
    "9",
    "15",
    "23",
    "31",
    "63",
    "64",
    "100",
    "500",
    "1000",
    "8191",
    "131071",
    "131072",
    "160000",
    "8388607",
    "8388608",
    "4294967296",
    "-1",
    "x",
];

const FIELD_OFFSETS: &[&str] = &[
    "0", "1", "3", "7", "8", "13", "60", "100", "#0", "#1", "#2", "#7", "#30", "1000", "#500",
    "131060", "8388607", "#", "#-1", "#x", "##1", "-1", "8388608",
];

const FIELDS: &[&str] = &[
    "u1", "u2", "u3", "u5", "u7", "u8", "u9", "u15", "u16", "u17", "u31", "u32", "u33", "u47",
    "u62", "u63", "i1", "i2", "i3", "i5", "i7", "i8", "i9", "i15", "i16", "i17", "i31", "i32",
    "i33", "i48", "i62", "i63", "i64", "u8", "i8", "u4", "i4",
];

const ODD_FIELDS: &[&str] = &[
    "u64", "i65", "u0", "i0", "i-1", "u", "8", "", "U8", "x8", "u08",
];

/// Where a field's values end, and others.
const VALUES: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "-2",
    "7",
    "-8",
    "127",
    "128",
    "-128",
    "-129",
    "200",
    "255",
    "256",
    "65535",
    "-32768",
    "2147483647",
    "-2147483648",
    "4294967295",
    "9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775700",
    "4611686018427387904",
];

const UNIT: Arg = OneOf(&["BIT", "BYTE", "BIT", "BYTE", "BITE"]);

const OPERATIONS: &[&[Arg]] = &[
    &[Word("GET"), Text(FIELDS), Text(FIELD_OFFSETS)],
    &[Word("SET"), Text(FIELDS), Text(FIELD_OFFSETS), Text(VALUES)],
    &[
        Word("INCRBY"),
        Text(FIELDS),
        Text(FIELD_OFFSETS),
        Text(VALUES),
    ],
    &[Word("OVERFLOW"), OneOf(&["WRAP", "SAT", "FAIL"])],
    &[Word("SET"), Text(FIELDS), Int, Int],
    &[Word("INCRBY"), Text(FIELDS), Int, Int],
];

/// Saturating and failing apply to what follows.
const AFTER: &[Arg] = &[
    OneOf(&["SET", "INCRBY"]),
    Text(FIELDS),
    Text(&["0", "5", "#0", "#1", "#3", "64", "101"]),
    Text(VALUES),
];

const ROWS: &[Row] = &[
    row("SETBIT", &[Key, Text(OFFSETS), OneOf(&["0", "1"])]).weight(60),
    row("SETBIT", &[Key, Int, Int]),
    row("GETBIT", &[Key, Text(OFFSETS)]).weight(30),
    row("GETBIT", &[Key, Int]),
    row("BITCOUNT", &[Key]).weight(15),
    row("BITCOUNT", &[Key, Index, Index]).weight(20),
    row("BITCOUNT", &[Key, Index, Index, UNIT]).weight(40),
    row("BITCOUNT", &[Key, Text(OFFSETS), Text(OFFSETS), UNIT]),
    row("BITPOS", &[Key, OneOf(&["0", "1"])]).weight(15),
    row("BITPOS", &[Key, OneOf(&["0", "1"]), Index]).weight(20),
    row(
        "BITPOS",
        &[Key, OneOf(&["0", "1"]), Index, Index, Maybe(&[UNIT])],
    )
    .weight(50),
    row("BITPOS", &[Key, Int, Maybe(&[Index])]),
    row(
        "BITOP",
        &[OneOf(&["AND", "OR", "XOR"]), Key, Repeat(&[Key], 1, 5)],
    )
    .weight(40),
    row("BITOP", &[Word("NOT"), Key, Repeat(&[Key], 1, 2)]).weight(15),
    row("BITFIELD", &[Key, Options(OPERATIONS)]).weight(40),
    row(
        "BITFIELD",
        &[
            Key,
            Word("OVERFLOW"),
            OneOf(&["WRAP", "SAT", "FAIL"]),
            Repeat(AFTER, 1, 4),
        ],
    )
    .weight(60),
    row(
        "BITFIELD",
        &[Key, Word("GET"), Text(ODD_FIELDS), Text(FIELD_OFFSETS)],
    )
    .weight(3),
    row(
        "BITFIELD_RO",
        &[
            Key,
            Repeat(&[Word("GET"), Text(FIELDS), Text(FIELD_OFFSETS)], 0, 3),
        ],
    )
    .weight(20),
    row("BITFIELD_RO", &[Key, Options(OPERATIONS)]).weight(5),
    row("SET", &[Key, Value]).weight(30),
    row(
        "SET",
        &[Key, Text(&["", "\0", "~~~~", "hello", "12345", "-1"])],
    )
    .weight(10),
    row(
        "SETRANGE",
        &[Key, Text(&["0", "1", "5", "600", "16383", "20000"]), Value],
    ),
    row("APPEND", &[Key, Value]),
    row("GET", &[Key]).weight(30),
    row("STRLEN", &[Key]),
    row("OBJECT ENCODING", &[Key]).weight(20),
    row("DEL", &[Key]).weight(20),
    row("INCR", &[Key]),
    row("EXPIRE", &[Key, Text(&["90000", "100000"])]).weight(5),
    row("PERSIST", &[Key]).weight(2),
];
