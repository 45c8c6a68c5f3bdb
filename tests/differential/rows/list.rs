//! Lists, and `SORT` of them.

use super::Arg::{Index, Int, Key, Maybe, OneOf, Options, Repeat, Seconds, Text, Value, Word};
use super::{Arg, Family, Row, row};

pub const FAMILY: Family = Family {
    name: "list",
    weight: 50,
    keys: &[b"l:a", b"l:b", b"l:c", b"l:{t}1", b"l:{t}2", b"l:", b"l:1"],
    rows: ROWS,
};

/// Few, so that elements repeat; and of each encoding's edges.
const ELEMENTS: &[&str] = &[
    "a",
    "b",
    "c",
    "",
    "0",
    "1",
    "-1",
    "01",
    "127",
    "128",
    "4095",
    "-4096",
    "32768",
    "8388608",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "sixty-three bytes sixty-three bytes sixty-three bytes sixty-thre",
    "some hundred and twenty-eight bytes, after which the length behind an element takes a second \
     byte, and a list of them soon is large",
];

const END: Arg = OneOf(&["LEFT", "RIGHT"]);
const ENDS: &[Arg] = &[Key, Key, END, END];

const LPOS: &[&[Arg]] = &[
    &[Word("RANK"), Int],
    &[Word("COUNT"), Int],
    &[Word("MAXLEN"), Int],
];

const COUNT: &[&[Arg]] = &[&[Word("COUNT"), Int]];

/// Short, since both servers wait so long; or wrong.
const TIMEOUTS: &[&str] = &[
    "0.001", "0.01", "1e-3", "0x1p-8", "abc", "-1", "-0.5", "nan", "", " 1", "1 ", "1e", "-inf",
];
const TIMEOUT: Arg = Text(TIMEOUTS);

const ROWS: &[Row] = &[
    row("LPUSH", &[Key, Repeat(&[Text(ELEMENTS)], 1, 5)]).weight(40),
    row("RPUSH", &[Key, Repeat(&[Text(ELEMENTS)], 1, 5)]).weight(40),
    row("RPUSH", &[Key, Repeat(&[Text(ELEMENTS)], 10, 60)]).weight(5),
    row("LPUSH", &[Key, Value]).weight(20),
    row("RPUSH", &[Key, Value]).weight(20),
    row("LPUSHX", &[Key, Repeat(&[Text(ELEMENTS)], 1, 3)]),
    row("RPUSHX", &[Key, Repeat(&[Value], 1, 3)]),
    row("LPOP", &[Key]).weight(20),
    row("RPOP", &[Key]).weight(20),
    row("LPOP", &[Key, Int]).weight(5),
    row("RPOP", &[Key, Int]).weight(5),
    row("LLEN", &[Key]).weight(20),
    row("LINDEX", &[Key, Index]).weight(20),
    row(
        "LINSERT",
        &[
            Key,
            OneOf(&["BEFORE", "AFTER", "BEFORE", "AFTER", "BESIDE"]),
            Text(ELEMENTS),
            Text(ELEMENTS),
        ],
    )
    .weight(30),
    row("LRANGE", &[Key, Index, Index]).weight(20),
    row("LRANGE", &[Key, Text(&["0"]), Text(&["-1"])]).weight(20),
    row("LREM", &[Key, Int, Text(ELEMENTS)]).weight(20),
    row("LSET", &[Key, Index, Text(ELEMENTS)]).weight(20),
    row("LSET", &[Key, Index, Value]).weight(10),
    row("LTRIM", &[Key, Index, Index]).weight(5),
    row(
        "LTRIM",
        &[Key, Text(&["0", "1", "2"]), Text(&["-1", "-2", "40"])],
    ),
    row("LPOS", &[Key, Text(ELEMENTS), Options(LPOS)]).weight(30),
    row("LMOVE", ENDS).weight(30),
    row("RPOPLPUSH", &[Key, Key]).weight(20),
    row("LMPOP", &[Text(&["1"]), Key, END, Options(COUNT)]),
    row("LMPOP", &[Text(&["2"]), Key, Key, END, Options(COUNT)]),
    row("LMPOP", &[Int, Repeat(&[Key], 1, 3), END, Options(COUNT)]).weight(5),
    row("BLPOP", &[Repeat(&[Key], 1, 3), TIMEOUT]).unspoiled(),
    row("BRPOP", &[Repeat(&[Key], 1, 3), TIMEOUT]).unspoiled(),
    row("BLMOVE", &[Key, Key, END, END, TIMEOUT]).unspoiled(),
    row("BRPOPLPUSH", &[Key, Key, TIMEOUT]).unspoiled(),
    row(
        "BLMPOP",
        &[
            TIMEOUT,
            Text(&["1"]),
            Key,
            END,
            Maybe(&[Word("COUNT"), Int]),
        ],
    )
    .unspoiled(),
    row("DEL", &[Key]).weight(3),
    row("RENAME", &[Key, Key]).weight(3),
    row("COPY", &[Key, Key, Maybe(&[Word("REPLACE")])]).weight(5),
    row("EXPIRE", &[Key, Seconds]).weight(3),
    row("TYPE", &[Key]).weight(3),
];
