//! The connection's own state. What closes it or silences it is tested on the wire.

use super::Arg::{Db, Maybe, Name, OneOf, Text, Value};
use super::{Family, Row, row};
use crate::compare::Compare::{Hello, Shape};

pub const FAMILY: Family = Family {
    name: "connection",
    weight: 6,
    keys: &[],
    rows: ROWS,
};

/// Identifiers no client has, and what is none.
const NO_CLIENTS: &[&str] = &["99999999", "0", "-1", "abc", "", "9223372036854775808"];

const ROWS: &[Row] = &[
    row("PING", &[]).weight(5),
    row("PING", &[Value]),
    row("ECHO", &[Value]),
    row("SELECT", &[Db]).weight(30),
    row(
        "HELLO",
        &[Maybe(&[Text(&[
            "2", "3", "3", "2", "1", "4", "x", "", "-1", "3.0",
        ])])],
    )
    .compare(Hello),
    row(
        "HELLO",
        &[Text(&["2", "3"]), Maybe(&[OneOf(&["SETNAME"]), Name])],
    )
    // 7.0 sets the name before it has read the rest; 7.2 and ours, all or nothing.
    .unspoiled()
    .compare(Hello),
    row(
        "HELLO",
        &[Text(&["3"]), OneOf(&["AUTH"]), Text(&["default"]), Value],
    )
    .weight(2)
    // 7.0 logs in before it has read the rest.
    .unspoiled()
    .compare(Hello),
    row(
        "HELLO",
        &[Text(&["3"]), OneOf(&["AUTH", "SETNAME", "FOO", ""])],
    )
    .weight(2)
    .compare(Hello),
    row("RESET", &[]).weight(2),
    row("AUTH", &[Value]).weight(2),
    row("AUTH", &[Text(&["default"]), Value]).weight(2),
    row("CLIENT SETNAME", &[Name]),
    row("CLIENT GETNAME", &[]),
    row("CLIENT ID", &[]).weight(3).compare(Shape),
    row("CLIENT NO-EVICT", &[OneOf(&["ON", "OFF", "MAYBE", ""])]).weight(4),
    row(
        "CLIENT UNBLOCK",
        &[
            Text(NO_CLIENTS),
            Maybe(&[OneOf(&["TIMEOUT", "ERROR", "X"])]),
        ],
    )
    .weight(4),
    row("CLIENT KILL", &[Text(&["1.2.3.4:5", "", "abc"])]).weight(3),
    row("CLIENT KILL", &[OneOf(&["ID"]), Text(NO_CLIENTS)])
        .unspoiled()
        .weight(3),
    row(
        "CLIENT KILL",
        &[OneOf(&["ADDR", "LADDR"]), Text(&["1.2.3.4:5", "x"])],
    )
    .weight(3),
    row(
        "CLIENT KILL",
        &[
            OneOf(&["TYPE", "USER", "SKIPME", "FOO"]),
            Text(&["nosuch", ""]),
        ],
    )
    .unspoiled()
    .weight(3),
    row(
        "CLIENT LIST",
        &[OneOf(&["TYPE", "ID", "FOO"]), Text(&["nosuch", ""])],
    )
    .unspoiled()
    .weight(3),
    row(
        "CLIENT PAUSE",
        &[
            Text(&["", "abc", "-1", "1.5"]),
            Maybe(&[OneOf(&["WRITE", "X"])]),
        ],
    )
    .weight(2),
    row("CLIENT UNPAUSE", &[]).weight(2),
    row("CLIENT", &[Text(&["NOSUCH", "GET", ""])]).weight(2),
    // Nobody is subscribed here: `tests/differential/pubsub.rs` is where somebody is.
    row("PUBLISH", &[Value, Value]).weight(2),
    row("SPUBLISH", &[Value, Value]).weight(2),
    row(
        "PUBSUB",
        &[
            OneOf(&[
                "CHANNELS",
                "SHARDCHANNELS",
                "NUMSUB",
                "SHARDNUMSUB",
                "NUMPAT",
            ]),
            Maybe(&[Value]),
            Maybe(&[Value]),
        ],
    )
    .weight(2),
];
