//! Hashes, as redis-server 7.0 knows them: without field expiry.

use super::Arg::{Float, Int, Key, Maybe, OneOf, Repeat, Text, Value, Word};
use super::{Arg, DRAWS, Family, PART_SCAN, Row, WHOLE_SCAN, row};
use crate::compare::Compare::{OneOfMany, Shape, Unordered, WholeScan};

pub const FAMILY: Family = Family {
    name: "hash",
    weight: 50,
    keys: &[b"h:a", b"h:b", b"h:c", b"h:{t}1", b"\x01\xff"],
    rows: ROWS,
};

/// Few fields, so that they meet; numbers of every packed width, and what only looks like one.
const FIELD: Arg = Text(&[
    "a",
    "b",
    "c",
    "name",
    "",
    "0",
    "1",
    "-1",
    "127",
    "128",
    "4095",
    "4096",
    "-4097",
    "32768",
    "8388608",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "01",
    "-0",
    "+1",
    "1.5",
    " 1",
    "a longer field that is still packed, of more than 63 bytes ..",
]);

const ROWS: &[Row] = &[
    row("HSET", &[Key, Repeat(&[FIELD, Value], 1, 4)]).weight(60),
    row("HSET", &[Key, Repeat(&[FIELD, Int], 1, 4)]).weight(30),
    row("HSET", &[Key, Value, Value]).weight(15),
    row("HMSET", &[Key, Repeat(&[FIELD, Value], 1, 3)]),
    row("HSETNX", &[Key, FIELD, Value]).weight(15),
    row("HGET", &[Key, FIELD]).weight(30),
    row("HMGET", &[Key, Repeat(&[FIELD], 1, 5)]).weight(15),
    row("HGETALL", &[Key]).weight(30).compare(Unordered),
    row("HKEYS", &[Key]).compare(Unordered),
    row("HVALS", &[Key]).compare(Unordered),
    row("HDEL", &[Key, Repeat(&[FIELD], 1, 4)]).weight(25),
    row("HLEN", &[Key]),
    row("HEXISTS", &[Key, FIELD]),
    row("HSTRLEN", &[Key, FIELD]),
    row("HINCRBY", &[Key, FIELD, Int]).weight(30),
    row("HINCRBYFLOAT", &[Key, FIELD, Float]).weight(20),
    row("HRANDFIELD", &[Key]).weight(4).compare(OneOfMany),
    row("HRANDFIELD", &[Key, DRAWS]).unspoiled().compare(Shape),
    row(
        "HRANDFIELD",
        &[Key, DRAWS, OneOf(&["WITHVALUES", "VALUES"])],
    )
    .unspoiled()
    .compare(Shape),
    row(
        "HRANDFIELD",
        &[Key, Text(&["1000"]), Maybe(&[Word("WITHVALUES")])],
    )
    // What is drawn differs: nothing may be left out or added.
    .unspoiled()
    .compare(Unordered),
    row("HSCAN", WHOLE_SCAN).unspoiled().compare(WholeScan),
    row("HSCAN", PART_SCAN).compare(Shape),
    row("OBJECT ENCODING", &[Key]).weight(20),
    row(
        "CONFIG SET",
        &[
            Text(&["hash-max-listpack-entries"]),
            Text(&["4", "8", "512"]),
        ],
    )
    .weight(2)
    .unspoiled(),
];
