//! Keys of any type: existence, names, deadlines, iteration.

use super::Arg::{Db, Key, Maybe, Millis, OneOf, Options, Pattern, Repeat, Seconds, Text};
use super::Arg::{Int, UnixMillis, UnixSeconds, Word};
use super::{Arg, Family, Row, row};
use crate::compare::Compare::{Near, OneOfMany, Shape, Unordered, WholeScan};

pub const FAMILY: Family = Family {
    name: "generic",
    weight: 30,
    keys: &[],
    rows: ROWS,
};

const EXPIRE: &[&[Arg]] = &[&[Word("NX")], &[Word("XX")], &[Word("GT")], &[Word("LT")]];

const COPY: &[&[Arg]] = &[&[Word("DB"), Db], &[Word("REPLACE")]];

const TYPES: &[&str] = &[
    "string",
    "list",
    "set",
    "zset",
    "hash",
    "stream",
    "STRING",
    "none",
    "nosuchtype",
    "",
];

const SCAN: &[&[Arg]] = &[&[Word("MATCH"), Pattern], &[Word("TYPE"), Text(TYPES)]];

const PART_SCAN: &[&[Arg]] = &[
    &[Word("MATCH"), Pattern],
    &[Word("TYPE"), Text(TYPES)],
    &[Word("COUNT"), Int],
];

/// How far the clocks of the two servers' replies may lie apart.
const SLACK_MS: i64 = 60_000;

const ROWS: &[Row] = &[
    row("DEL", &[Repeat(&[Key], 1, 3)]).weight(15),
    row("UNLINK", &[Repeat(&[Key], 1, 3)]).weight(5),
    row("EXISTS", &[Repeat(&[Key], 1, 4)]).weight(15),
    row("TOUCH", &[Repeat(&[Key], 1, 4)]).weight(5),
    row("TYPE", &[Key]),
    row("RENAME", &[Key, Key]),
    row("RENAMENX", &[Key, Key]),
    row("COPY", &[Key, Key, Options(COPY)]).weight(20),
    row("MOVE", &[Key, Db]),
    row("EXPIRE", &[Key, Seconds, Options(EXPIRE)]).weight(15),
    row("PEXPIRE", &[Key, Millis, Options(EXPIRE)]).weight(15),
    row("EXPIREAT", &[Key, UnixSeconds, Options(EXPIRE)]).weight(15),
    row("PEXPIREAT", &[Key, UnixMillis, Options(EXPIRE)]).weight(15),
    row("PERSIST", &[Key]),
    row("TTL", &[Key]).compare(Near(SLACK_MS / 1000)),
    row("PTTL", &[Key]).compare(Near(SLACK_MS)),
    row("EXPIRETIME", &[Key]).compare(Near(SLACK_MS / 1000)),
    row("PEXPIRETIME", &[Key]).compare(Near(SLACK_MS)),
    row("RANDOMKEY", &[]).weight(3).compare(OneOfMany),
    row("KEYS", &[Pattern]).weight(6).compare(Unordered),
    row(
        "SCAN",
        &[
            Text(&["0"]),
            Word("COUNT"),
            Text(&["100000"]),
            Options(SCAN),
        ],
    )
    // A cursor of another server means nothing here.
    .unspoiled()
    .compare(WholeScan),
    row("SCAN", &[Int, Options(PART_SCAN)])
        .weight(4)
        .compare(Shape),
    row("OBJECT ENCODING", &[Key]).weight(20),
    // Inside EXEC, redis-server counts the queued request as well.
    row("OBJECT REFCOUNT", &[Key]).weight(2).compare(Shape),
    row("OBJECT IDLETIME", &[Key])
        .weight(2)
        .compare(Near(SLACK_MS / 1000)),
    row("OBJECT", &[OneOf(&["NOSUCH", "ENCODING"]), Maybe(&[Key])]).weight(2),
];
