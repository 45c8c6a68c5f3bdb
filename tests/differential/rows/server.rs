//! The part of the server's commands whose replies do not depend on time or build.

use super::Arg::{Db, Int, Key, Maybe, OneOf, Repeat, Text, Value};
use super::{Family, Row, row};
use crate::compare::Compare::Shape;

pub const FAMILY: Family = Family {
    name: "server",
    weight: 5,
    keys: &[],
    rows: ROWS,
};

// COMMAND GETKEYS is never left without arguments: 7.0 then says so, 7.2 and ours say more.
const ROWS: &[Row] = &[
    row("DBSIZE", &[]).weight(30).settle(),
    row(
        "FLUSHDB",
        &[Maybe(&[OneOf(&["ASYNC", "SYNC", "SYNC", "X"])])],
    )
    .weight(3),
    row(
        "FLUSHALL",
        &[Maybe(&[OneOf(&["ASYNC", "SYNC", "SYNC", "X"])])],
    )
    .weight(2),
    row("SWAPDB", &[Db, Db]),
    row("TIME", &[]).weight(2).compare(Shape),
    row("INFO", &[Text(&["nosuchsection", ""])])
        .unspoiled()
        .weight(2),
    row("COMMAND COUNT", &[]).weight(1).compare(Shape),
    row(
        "COMMAND INFO",
        &[Repeat(&[Text(&["nosuch", "", "get|x"])], 1, 3)],
    )
    .unspoiled()
    .weight(2),
    row("COMMAND DOCS", &[Text(&["nosuch", ""])])
        .unspoiled()
        .weight(2),
    row(
        "COMMAND GETKEYS",
        &[OneOf(&["GET", "DEL", "EXISTS"]), Repeat(&[Key], 1, 3)],
    )
    .unspoiled()
    .weight(6),
    row(
        "COMMAND GETKEYS",
        &[OneOf(&["MSET", "MSETNX"]), Repeat(&[Key, Value], 1, 3)],
    )
    .unspoiled()
    .weight(6),
    row(
        "COMMAND GETKEYS",
        &[OneOf(&["RENAME", "COPY", "LCS"]), Repeat(&[Key], 1, 3)],
    )
    .unspoiled()
    .weight(6),
    row(
        "COMMAND GETKEYS",
        &[OneOf(&["PING", "NOSUCH", "SELECT", "EXEC"]), Value],
    )
    .unspoiled()
    .weight(4),
    row(
        "COMMAND GETKEYSANDFLAGS",
        &[OneOf(&["GET", "SET", "GETDEL", "APPEND"]), Key, Value],
    )
    .unspoiled()
    .weight(4),
    row(
        "COMMAND GETKEYSANDFLAGS",
        &[OneOf(&["RENAME", "COPY", "GETDEL", "NOSUCH"]), Key, Key],
    )
    .unspoiled()
    .weight(4),
    row("COMMAND", &[Text(&["NOSUCH", "GET"])])
        .unspoiled()
        .weight(1),
    row("CONFIG GET", &[Text(&["nosuch", "", "nosuch*"])])
        .unspoiled()
        .weight(3),
    row("CONFIG SET", &[Text(&["nosuch", ""]), Value])
        .unspoiled()
        .weight(3),
    row(
        "CONFIG SET",
        &[
            Text(&["maxmemory"]),
            Text(&["abc", "-1", "", "1.5gb", "12x"]),
        ],
    )
    .unspoiled()
    .weight(2),
    row("CONFIG", &[Text(&["NOSUCH", "GETT"])])
        .unspoiled()
        .weight(1),
    row("SLOWLOG GET", &[Text(&["-2", "abc", "0", ""])])
        .unspoiled()
        .weight(2),
    row("SLOWLOG LEN", &[]).unspoiled().weight(1).compare(Shape),
    row("SLOWLOG RESET", &[]).unspoiled().weight(1),
    row("SLOWLOG", &[Text(&["NOSUCH"]), Maybe(&[Int])])
        .unspoiled()
        .weight(1),
    row("MEMORY USAGE", &[Key])
        .weight(4)
        .compare(Shape)
        .settle(),
    row(
        "MEMORY USAGE",
        &[Key, Text(&["SAMPLES", "FOO"]), Text(&["5", "0", "-1", "x"])],
    )
    .weight(3)
    .compare(Shape)
    .settle(),
    row("MEMORY", &[Text(&["NOSUCH"])]).weight(1),
    row("LATENCY RESET", &[Text(&["nosuch"])]).weight(1),
    row("LATENCY HISTORY", &[Text(&["nosuch", ""])]).weight(1),
    row("LATENCY", &[Text(&["NOSUCH"])]).weight(1),
    row("LATENCY GRAPH", &[Text(&["nosuch", "command", ""])])
        .unspoiled()
        .weight(1),
    row(
        "LATENCY HISTOGRAM",
        &[Repeat(
            &[Text(&["nosuch", "nosuch|get", "get|nosuch", ""])],
            1,
            3,
        )],
    )
    .unspoiled()
    .weight(1),
    row("LATENCY LATEST", &[]).weight(1),
    row("ROLE", &[]).weight(1),
    row("MODULE LIST", &[]).weight(1),
    row("MODULE", &[Text(&["NOSUCH"])]).weight(1),
    row(
        "INFO",
        &[Repeat(&[Text(&["cluster", "Modules", "nosuch"])], 1, 3)],
    )
    .unspoiled()
    .weight(2),
    row("LOLWUT VERSION", &[Text(&["x", "", "1.5"])])
        .unspoiled()
        .weight(1),
    // Nothing here ends a server.
    row(
        "SHUTDOWN",
        &[
            Text(&["ABORT", "NOSUCH"]),
            Maybe(&[OneOf(&["NOW", "ABORT"])]),
        ],
    )
    .unspoiled()
    .weight(1),
    row("CONFIG GET", &[Text(&["maxmemory", "MaxMemory", "save"])])
        .unspoiled()
        .weight(2),
    row("DEBUG OBJECT", &[Key]).weight(2).compare(Shape),
    row("DEBUG", &[Text(&["NOSUCH", "SLEEP", "OBJECT", "ERROR"])])
        .unspoiled()
        .weight(1),
    row(
        "DEBUG PROTOCOL",
        &[Text(&[
            "string", "INTEGER", "double", "null", "array", "set", "map", "verbatim", "true",
            "false", "bignum", "nosuch", "",
        ])],
    )
    .unspoiled()
    .weight(3),
    row("DEBUG HTSTATS", &[Text(&["16", "-1", "x"])])
        .unspoiled()
        .weight(1),
];
