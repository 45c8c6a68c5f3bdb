//! Streams. Ids are given, not made: the two servers' clocks differ.

use super::Arg::{Int, Key, Maybe, OneOf, Options, Repeat, Text, Value, Word};
use super::{Arg, Family, Row, row};
use crate::compare::Compare;

pub const FAMILY: Family = Family {
    name: "stream",
    weight: 40,
    keys: &[b"x:a", b"x:b", b"x:c"],
    rows: ROWS,
};

/// What new messages ask for: mostly the next of the present millisecond.
const NEW: &[&str] = &[
    "100-*", "100-*", "100-*", "100-*", "100-*", "100-*", "100-*", "100-*", "100-*", "100-*",
    "100-*", "100-*", "100-*", "100-*", "100-*", "100-*", "00100-*", "0-*", "99-1", "0-0", "0-1",
    "100-3", "x",
];

/// Ids that make a stream short-lived.
const FAR: &[&str] = &[
    "101-*",
    "101-*",
    "101-*",
    "102-5",
    "103",
    "104-0",
    "0000105-*",
    "100-300",
    "1000000000000-*",
    "18446744073709551615-18446744073709551614",
    "18446744073709551615-18446744073709551615",
    "18446744073709551615-*",
    "18446744073709551616-0",
    "-1-1",
    "",
    "5-",
    " 5-1",
    "5-+1",
];

/// Ids of messages there may be.
const IDS: &[&str] = &[
    "100-0", "100-1", "100-2", "100-3", "100-4", "100-5", "100-6", "100-7", "100-8", "100-9",
    "100-10", "100-11", "100-12", "100-13", "100-14", "100-15", "100-20", "100-25", "100-30",
    "100-40", "100-60", "100-99", "100-100", "100-120", "100-199", "101-0", "101-1", "101-2",
    "101-5", "102-5", "102-6", "99-1", "0-1", "0-2", "0", "100", "101", "0-0",
];

/// Where ranges begin and end.
const EDGES: &[&str] = &[
    "-",
    "+",
    "-",
    "+",
    "0",
    "100",
    "101",
    "(100",
    "(100-3",
    "(100-20",
    "100-3",
    "100-7",
    "100-12",
    "100-30",
    "100-55",
    "100-99",
    "100-100",
    "100-120",
    "101-0",
    "102-5",
    "(0-0",
    "(",
    "(-",
    "x",
    "(18446744073709551615-18446744073709551615",
    "18446744073709551615",
    "5-",
    "100-*",
];

const GROUPS: &[&str] = &["g", "g", "g", "g", "g", "h", "h", "h", "none"];
/// None is empty: redis-server 7.0 may crash of that (an assertion of its radix tree).
const CONSUMERS: &[&str] = &["alice", "alice", "bob", "carol", "al"];
/// Idle times that nothing, or everything, has reached.
const IDLE: &[&str] = &[
    "0",
    "0",
    "0",
    "-1",
    "3600000000",
    "9223372036854775807",
    "x",
];
const COUNTS: &[&str] = &[
    "0",
    "1",
    "1",
    "2",
    "3",
    "5",
    "10",
    "50",
    "100",
    "-1",
    "-5",
    "9223372036854775807",
    "9223372036854775808",
    "x",
    "1.5",
    "",
];
const LENGTHS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "5",
    "10",
    "17",
    "30",
    "50",
    "90",
    "99",
    "100",
    "101",
    "150",
    "-1",
    "9223372036854775807",
    "x",
    "",
];

const ID: Arg = Text(IDS);
const PAIR: &[Arg] = &[Text(&["name", "name", "name", "age", "7"]), Value];
const SAME: &[Arg] = &[
    Text(&["name"]),
    Value,
    Text(&["age"]),
    Text(&["42", "7", "x"]),
];

const TRIM: &[&[Arg]] = &[
    &[Word("MAXLEN"), Text(LENGTHS)],
    &[Word("MAXLEN"), Text(&["=", "~", "~"]), Text(LENGTHS)],
    &[Word("MINID"), ID],
    &[Word("MINID"), Text(&["=", "~", "~"]), ID],
    &[
        Word("MAXLEN"),
        Text(&["~"]),
        Text(LENGTHS),
        Word("LIMIT"),
        Text(COUNTS),
    ],
    &[Word("MINID"), Text(&["~"]), ID, Word("LIMIT"), Text(COUNTS)],
];
const ADD: &[&[Arg]] = &[
    &[Word("NOMKSTREAM")],
    TRIM[0],
    TRIM[1],
    TRIM[2],
    TRIM[3],
    TRIM[4],
    &[Word("LIMIT"), Text(COUNTS)],
];
const RANGE: &[&[Arg]] = &[&[Word("COUNT"), Text(COUNTS)]];
const READ: &[&[Arg]] = &[
    &[Word("COUNT"), Text(COUNTS)],
    &[Word("BLOCK"), Text(&["1", "2", "-1", "x", "1.5"])],
];
const READGROUP: &[&[Arg]] = &[
    &[Word("COUNT"), Text(COUNTS)],
    &[Word("NOACK")],
    &[Word("BLOCK"), Text(&["1", "-1", "x"])],
];
const CLAIM: &[&[Arg]] = &[
    &[Word("IDLE"), Text(&["0", "5", "3600000000", "-5", "x"])],
    &[
        Word("TIME"),
        Text(&["0", "1000", "-5", "9223372036854775807"]),
    ],
    &[Word("RETRYCOUNT"), Int],
    &[Word("FORCE")],
    &[Word("FORCE")],
    &[Word("JUSTID")],
    &[Word("LASTID"), ID],
];
const AUTOCLAIM: &[&[Arg]] = &[
    &[
        Word("COUNT"),
        Text(&["1", "2", "3", "5", "20", "0", "-1", "x"]),
    ],
    &[Word("JUSTID")],
];
/// Never below a message there was: redis-server 7.0 may crash of that.
const LAST: &[&str] = &["200-0", "200-1", "201", "18446744073709551615-1", "x", "-"];
const SETID: &[&[Arg]] = &[&[Word("ENTRIESADDED"), Int], &[Word("MAXDELETEDID"), ID]];

const ROWS: &[Row] = &[
    row("XADD", &[Key, Text(NEW), Repeat(PAIR, 1, 3)])
        .unspoiled()
        .weight(120),
    row("XADD", &[Key, Text(NEW), Repeat(SAME, 1, 1)])
        .unspoiled()
        .weight(160),
    row("XADD", &[Key, Options(ADD), Text(NEW), Repeat(PAIR, 1, 2)])
        .unspoiled()
        .weight(40),
    row("XADD", &[Key, Text(FAR), Repeat(PAIR, 1, 1)])
        .unspoiled()
        .weight(2),
    row("DEL", &[Key]).weight(5),
    row("TYPE", &[Key]).weight(2),
    row("OBJECT ENCODING", &[Key]).weight(2),
    row("COPY", &[Key, Key, Maybe(&[Word("REPLACE")])]).weight(3),
    row("RENAME", &[Key, Key]).weight(2),
    row("XLEN", &[Key]).weight(10),
    row("XRANGE", &[Key, Text(EDGES), Text(EDGES), Options(RANGE)]).weight(30),
    row(
        "XREVRANGE",
        &[Key, Text(EDGES), Text(EDGES), Options(RANGE)],
    )
    .weight(30),
    row("XTRIM", &[Key, Options(TRIM)]).weight(20),
    row("XDEL", &[Key, Repeat(&[ID], 1, 4)]).weight(30),
    row("XSETID", &[Key, Text(LAST), Options(SETID)]).weight(2),
    row("XREAD", &[Options(READ), Word("STREAMS"), Key, Text(IDS)]).weight(20),
    row(
        "XREAD",
        &[
            Options(READ),
            Word("STREAMS"),
            Key,
            Key,
            Text(IDS),
            Text(&["0", "$", ">"]),
        ],
    )
    .weight(10),
    row(
        "XREAD",
        &[
            Word("COUNT"),
            Text(COUNTS),
            Word("STREAMS"),
            Key,
            Text(&["$", "", "x", ">"]),
        ],
    )
    .weight(3),
    row(
        "XREAD",
        &[OneOf(&["GROUP", "NOACK", "STREAMS"]), Repeat(&[Key], 1, 4)],
    )
    .weight(3),
    row(
        "XREADGROUP GROUP",
        &[
            Text(GROUPS),
            Text(CONSUMERS),
            Options(READGROUP),
            Word("STREAMS"),
            Key,
            Text(&[">"]),
        ],
    )
    .weight(60),
    row(
        "XREADGROUP GROUP",
        &[
            Text(GROUPS),
            Text(CONSUMERS),
            Options(READGROUP),
            Word("STREAMS"),
            Key,
            ID,
        ],
    )
    .weight(20),
    row(
        "XREADGROUP GROUP",
        &[
            Text(GROUPS),
            Text(CONSUMERS),
            Options(READGROUP),
            Word("STREAMS"),
            Key,
            Key,
            Text(&[">", ">", "0", "$"]),
            Text(&[">", ">", "100-5", "x"]),
        ],
    )
    .weight(15),
    row(
        "XREADGROUP",
        &[Repeat(&[OneOf(&["GROUP", "COUNT", "STREAMS", "1"])], 1, 8)],
    )
    .weight(3),
    row(
        "XGROUP CREATE",
        &[
            Key,
            Text(GROUPS),
            Text(&["0", "$", "100-3", "x", "-"]),
            Options(&[&[Word("MKSTREAM")], &[Word("ENTRIESREAD"), Int]]),
        ],
    )
    .weight(40),
    row(
        "XGROUP SETID",
        &[
            Key,
            Text(GROUPS),
            Text(&["0", "$", "100-3", "x", "-", "+", "100-20"]),
            Options(&[&[Word("ENTRIESREAD"), Int]]),
        ],
    )
    .weight(8),
    row("XGROUP DESTROY", &[Key, Text(GROUPS)]).weight(3),
    row(
        "XGROUP CREATECONSUMER",
        &[Key, Text(GROUPS), Text(CONSUMERS)],
    )
    .weight(6),
    row("XGROUP DELCONSUMER", &[Key, Text(GROUPS), Text(CONSUMERS)]).weight(5),
    row("XACK", &[Key, Text(GROUPS), Repeat(&[ID], 1, 5)]).weight(30),
    row("XPENDING", &[Key, Text(GROUPS)]).weight(15),
    row(
        "XPENDING",
        &[
            Key,
            Text(GROUPS),
            Maybe(&[Word("IDLE"), Text(IDLE)]),
            Text(EDGES),
            Text(EDGES),
            Text(COUNTS),
            Maybe(&[Text(CONSUMERS)]),
        ],
    )
    .compare(Compare::Streams)
    .weight(25),
    row(
        "XCLAIM",
        &[
            Key,
            Text(GROUPS),
            Text(CONSUMERS),
            Text(IDLE),
            Repeat(&[ID], 1, 4),
            Options(CLAIM),
        ],
    )
    .weight(30),
    row(
        "XAUTOCLAIM",
        &[
            Key,
            Text(GROUPS),
            Text(CONSUMERS),
            Text(IDLE),
            Text(EDGES),
            Options(AUTOCLAIM),
        ],
    )
    .weight(25),
    row("XINFO STREAM", &[Key])
        .compare(Compare::Streams)
        .weight(25),
    row(
        "XINFO STREAM",
        &[Key, Word("FULL"), Maybe(&[Word("COUNT"), Text(COUNTS)])],
    )
    .compare(Compare::Streams)
    .weight(20),
    row("XINFO GROUPS", &[Key])
        .compare(Compare::Streams)
        .weight(20),
    row("XINFO CONSUMERS", &[Key, Text(GROUPS)])
        .compare(Compare::Streams)
        .weight(10),
    row(
        "CONFIG SET stream-node-max-entries",
        &[Text(&["3", "10", "100", "100"])],
    )
    .weight(2),
];
