//! Strings.

use super::Arg::{Float, Index, Int, Key, Millis, Options, Repeat, Seconds, Text, UnixMillis};
use super::Arg::{UnixSeconds, Value, Word};
use super::{Arg, Family, Row, row};

pub const FAMILY: Family = Family {
    name: "string",
    weight: 50,
    keys: &[
        b"s:a",
        b"s:b",
        b"s:c",
        b"s:{t}1",
        b"s:{t}2",
        b"\x00\xff\r\n",
        b"",
        b"12",
        b"s:*?[",
    ],
    rows: ROWS,
};

/// The options of SET in 7.0; IFEQ and the like are younger.
const SET: &[&[Arg]] = &[
    &[Word("NX")],
    &[Word("XX")],
    &[Word("GET")],
    &[Word("KEEPTTL")],
    &[Word("EX"), Seconds],
    &[Word("PX"), Millis],
    &[Word("EXAT"), UnixSeconds],
    &[Word("PXAT"), UnixMillis],
];

const GETEX: &[&[Arg]] = &[
    &[Word("PERSIST")],
    &[Word("EX"), Seconds],
    &[Word("PX"), Millis],
    &[Word("EXAT"), UnixSeconds],
    &[Word("PXAT"), UnixMillis],
];

const LCS: &[&[Arg]] = &[
    &[Word("LEN")],
    &[Word("IDX")],
    &[Word("MINMATCHLEN"), Int],
    &[Word("WITHMATCHLEN")],
];

/// Around the length from which strings are kept outside their entries, and beyond.
const FAR: &[&str] = &["16370", "16383", "16384", "20000", "70000"];

const ROWS: &[Row] = &[
    row("GET", &[Key]).weight(30),
    row("SET", &[Key, Value]).weight(40),
    row("SET", &[Key, Value, Options(SET)]).weight(60),
    row("SETNX", &[Key, Value]),
    row("SETEX", &[Key, Seconds, Value]),
    row("PSETEX", &[Key, Millis, Value]),
    row("GETSET", &[Key, Value]),
    row("GETDEL", &[Key]),
    row("GETEX", &[Key, Options(GETEX)]).weight(20),
    row("MGET", &[Repeat(&[Key], 1, 6)]),
    row("MSET", &[Repeat(&[Key, Value], 1, 4)]),
    row("MSETNX", &[Repeat(&[Key, Value], 1, 3)]),
    row("APPEND", &[Key, Value]).weight(20),
    row("STRLEN", &[Key]),
    row("SETRANGE", &[Key, Index, Value]).weight(20),
    row("SETRANGE", &[Key, Text(FAR), Value]).weight(4),
    row("GETRANGE", &[Key, Index, Index]).weight(20),
    row("GETRANGE", &[Key, Text(FAR), Index]).weight(4),
    row("SUBSTR", &[Key, Index, Index]).weight(5),
    row("INCR", &[Key]).weight(15),
    row("DECR", &[Key]).weight(15),
    row("INCRBY", &[Key, Int]).weight(20),
    row("DECRBY", &[Key, Int]).weight(20),
    row("INCRBYFLOAT", &[Key, Float]).weight(30),
    row("LCS", &[Key, Key, Options(LCS)]).weight(20),
];
