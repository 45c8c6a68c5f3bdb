//! Sets.

use super::Arg::{Int, Key, Options, Repeat, Text, Value, Word};
use super::{Arg, DRAWS, Family, PART_SCAN, Row, WHOLE_SCAN, row};
use crate::compare::Compare::{OneOfMany, Shape, Unordered, WholeScan};

pub const FAMILY: Family = Family {
    name: "set",
    weight: 50,
    keys: &[b"m:a", b"m:b", b"m:c", b"m:{t}1", b"m:d", b"\x02\xff"],
    rows: ROWS,
};

/// Few members, so that they meet; integers around every width of an intset.
const MEMBER: Arg = Text(&[
    "a",
    "b",
    "c",
    "name",
    "",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "127",
    "128",
    "4096",
    "-4097",
    "32767",
    "32768",
    "-32769",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "01",
    "-0",
    "+1",
    "1.5",
    " 1",
]);

const INTEGER: Arg = Text(&[
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "-1",
    "-2",
    "32767",
    "32768",
    "-32768",
    "-32769",
    "2147483647",
    "2147483648",
    "-2147483649",
    "9223372036854775807",
    "-9223372036854775808",
]);

/// Pops that leave nothing to chance: none, all, or refused.
const POPS: Arg = Text(&[
    "0",
    "1000",
    "9223372036854775807",
    "-1",
    "9223372036854775808",
    "-0",
    "",
    "1.5",
    "x",
]);

const LIMIT: &[&[Arg]] = &[&[Word("LIMIT"), Int]];

const ROWS: &[Row] = &[
    row("SADD", &[Key, Repeat(&[MEMBER], 1, 6)]).weight(50),
    row("SADD", &[Key, Repeat(&[INTEGER], 1, 8)]).weight(50),
    row("SADD", &[Key, Value]).weight(10),
    row("SREM", &[Key, Repeat(&[MEMBER], 1, 4)]).weight(25),
    row("SISMEMBER", &[Key, MEMBER]).weight(20),
    row("SMISMEMBER", &[Key, Repeat(&[MEMBER], 1, 4)]),
    row("SCARD", &[Key]),
    row("SMEMBERS", &[Key]).weight(30).compare(Unordered),
    row("SMOVE", &[Key, Key, MEMBER]).weight(20),
    // What is drawn differs: nothing may be left out or added.
    row("SPOP", &[Key, POPS])
        .weight(6)
        .unspoiled()
        .compare(Unordered),
    row("SRANDMEMBER", &[Key]).weight(4).compare(OneOfMany),
    row("SRANDMEMBER", &[Key, DRAWS]).unspoiled().compare(Shape),
    row("SRANDMEMBER", &[Key, Text(&["1000"])])
        .unspoiled()
        .compare(Unordered),
    row("SINTER", &[Repeat(&[Key], 1, 3)]).compare(Unordered),
    row("SUNION", &[Repeat(&[Key], 1, 3)]).compare(Unordered),
    row("SDIFF", &[Repeat(&[Key], 1, 4)]).compare(Unordered),
    row("SINTERSTORE", &[Key, Repeat(&[Key], 1, 3)]).weight(15),
    row("SUNIONSTORE", &[Key, Repeat(&[Key], 1, 3)]).weight(15),
    row("SDIFFSTORE", &[Key, Repeat(&[Key], 1, 4)]).weight(15),
    row("SINTERCARD", &[Text(&["2"]), Key, Key, Options(LIMIT)]).weight(15),
    row("SINTERCARD", &[Int, Repeat(&[Key], 1, 3), Options(LIMIT)]),
    row("SSCAN", WHOLE_SCAN).unspoiled().compare(WholeScan),
    row("SSCAN", PART_SCAN).compare(Shape),
    row("OBJECT ENCODING", &[Key]).weight(20),
    row(
        "CONFIG SET",
        &[Text(&["set-max-intset-entries"]), Text(&["4", "8", "512"])],
    )
    .weight(2)
    .unspoiled(),
];
