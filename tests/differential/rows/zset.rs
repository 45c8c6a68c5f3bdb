//! Sorted sets. Up to where they are packed differs from share to share.

use super::Arg::{Element, Float, Index, Int, Key, Maybe, OneOf, Options, Pattern, Repeat, Text};
use super::Arg::{Value, Word};
use super::{Arg, Family, Row, row};
use crate::compare::Compare::{OneOfMany, Shape, WholeScan};

pub const FAMILY: Family = Family {
    name: "zset",
    weight: 80,
    keys: &[b"z:a", b"z:b", b"z:c", b"z:d", b"z:{t}1", b"s:a", b"12"],
    rows: ROWS,
};

/// Members that meet each other.
const MEMBERS: &[&str] = &[
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "0",
    "1",
    "2",
    "-3",
    "10",
    "100000",
    "",
    "aa",
    "ab",
    "\x00",
    "long long long member",
    "sixteen bytes ab",
    "A",
];

const SCORES: &[&str] = &[
    "0",
    "-0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "-1",
    "1.5",
    "2.5",
    "0.1",
    "3.1",
    "1e17",
    "inf",
    "-inf",
    "100",
    "1000000",
    "-4096",
    "4095",
    "9007199254740993",
];

const BOUNDS: &[&str] = &[
    "-inf", "+inf", "-inf", "+inf", "0", "1", "(1", "2", "(2", "3", "(3", "5", "-1", "(-1", "1.5",
    "(inf", "(-inf", "inf", "", "(", " 1", "nan", "(nan", "1e400", "x", "[1", "0x2", "100",
];

/// These sorted sets have equal scores, as ranges of names need.
const LEX: &[&str] = &["y:a", "y:b", "y:c"];

const NAMES: &[&str] = &[
    "-", "+", "-", "+", "[a", "(a", "[b", "(b", "[e", "(ab", "[", "(", "[10", "(2", "a", "", "-a",
    "+a", "[zz",
];

const ADD: &[&[Arg]] = &[
    &[Word("NX")],
    &[Word("XX")],
    &[Word("GT")],
    &[Word("LT")],
    &[Word("CH")],
    &[Word("CH")],
    &[Word("INCR")],
];

const LIMIT: &[Arg] = &[Word("LIMIT"), Index, Index];

const RANGE: &[&[Arg]] = &[
    &[Word("WITHSCORES")],
    &[Word("REV")],
    &[Word("BYSCORE")],
    LIMIT,
];

const OLD_RANGE: &[&[Arg]] = &[&[Word("WITHSCORES")], LIMIT];

const COMBINE: &[&[Arg]] = &[
    &[Word("WEIGHTS"), Text(SCORES), Text(SCORES)],
    &[Word("WEIGHTS"), Float],
    &[Word("AGGREGATE"), OneOf(&["SUM", "MIN", "MAX"])],
    &[Word("WITHSCORES")],
];

const TIMES: &[&str] = &["0.001", "0.002", "x", "-1", ""];

const COUNTS: &[&str] = &["1", "1", "2", "3", "5", "0", "100", "x", "-1"];

const PAIR: &[Arg] = &[Text(SCORES), Text(MEMBERS)];

const ROWS: &[Row] = &[
    row("ZADD", &[Key, Repeat(PAIR, 1, 4)]).weight(60),
    row("ZADD", &[Key, Options(ADD), Repeat(PAIR, 1, 3)]).weight(40),
    row("ZADD", &[Key, Float, Value]).weight(10),
    row("ZADD", &[Key, Repeat(&[Int, Element], 5, 60)]).weight(10),
    row("ZADD", &[Key, Repeat(&[Text(SCORES), Element], 5, 60)]).weight(10),
    row("ZINCRBY", &[Key, Text(SCORES), Text(MEMBERS)]).weight(30),
    row("ZINCRBY", &[Key, Float, Value]).weight(5),
    row("ZSCORE", &[Key, Text(MEMBERS)]).weight(20),
    row("ZMSCORE", &[Key, Repeat(&[Text(MEMBERS)], 1, 4)]),
    row("ZCARD", &[Key]),
    row("ZRANK", &[Key, Text(MEMBERS)]).weight(20).unspoiled(),
    row("ZREVRANK", &[Key, Text(MEMBERS)])
        .weight(20)
        .unspoiled(),
    row("ZCOUNT", &[Key, Text(BOUNDS), Text(BOUNDS)]).weight(20),
    row("ZRANGE", &[Key, Index, Index, Options(RANGE)]).weight(40),
    row(
        "ZRANGE",
        &[
            Key,
            Text(BOUNDS),
            Text(BOUNDS),
            Word("BYSCORE"),
            Options(RANGE),
        ],
    )
    .weight(40),
    row("ZREVRANGE", &[Key, Index, Index, Options(OLD_RANGE)]).weight(20),
    row(
        "ZRANGEBYSCORE",
        &[Key, Text(BOUNDS), Text(BOUNDS), Options(OLD_RANGE)],
    )
    .weight(20),
    row(
        "ZREVRANGEBYSCORE",
        &[Key, Text(BOUNDS), Text(BOUNDS), Options(OLD_RANGE)],
    )
    .weight(20),
    row("ZRANGESTORE", &[Key, Key, Index, Index, Options(RANGE)]).weight(15),
    row(
        "ZRANGESTORE",
        &[
            Key,
            Key,
            Text(BOUNDS),
            Text(BOUNDS),
            Word("BYSCORE"),
            Options(RANGE),
        ],
    ),
    row("ZREM", &[Key, Repeat(&[Text(MEMBERS)], 1, 3)]).weight(20),
    row("ZREM", &[Key, Repeat(&[Element], 5, 60)]),
    row("ZREMRANGEBYRANK", &[Key, Index, Index]),
    row("ZREMRANGEBYSCORE", &[Key, Text(BOUNDS), Text(BOUNDS)]).weight(5),
    row("ZPOPMIN", &[Key, Maybe(&[Text(COUNTS)])]),
    row("ZPOPMAX", &[Key, Maybe(&[Text(COUNTS)])]),
    row(
        "ZMPOP",
        &[
            Text(&["1", "2", "2", "3", "0"]),
            Key,
            Key,
            OneOf(&["MIN", "MAX"]),
        ],
    ),
    row(
        "ZMPOP",
        &[
            Word("2"),
            Key,
            Key,
            OneOf(&["MIN", "MAX"]),
            Word("COUNT"),
            Text(COUNTS),
        ],
    ),
    row("BZPOPMIN", &[Repeat(&[Key], 1, 3), Text(TIMES)])
        .weight(3)
        .unspoiled(),
    row("BZPOPMAX", &[Repeat(&[Key], 1, 3), Text(TIMES)])
        .weight(3)
        .unspoiled(),
    row(
        "BZMPOP",
        &[
            Text(TIMES),
            Word("2"),
            Key,
            Key,
            OneOf(&["MIN", "MAX"]),
            Word("COUNT"),
            Text(COUNTS),
        ],
    )
    .weight(3)
    .unspoiled(),
    row("ZUNION", &[Word("2"), Key, Key, Options(COMBINE)]).weight(15),
    row("ZINTER", &[Word("2"), Key, Key, Options(COMBINE)]).weight(15),
    row(
        "ZDIFF",
        &[Word("2"), Key, Key, Maybe(&[Word("WITHSCORES")])],
    )
    .weight(15),
    row("ZUNION", &[Int, Repeat(&[Key], 1, 4)]).weight(5),
    row("ZINTER", &[Int, Repeat(&[Key], 1, 4)]).weight(5),
    row(
        "ZUNIONSTORE",
        &[Key, Word("3"), Key, Key, Key, Options(COMBINE)],
    )
    .weight(5),
    row("ZUNIONSTORE", &[Key, Word("2"), Key, Key, Options(COMBINE)]),
    row("ZINTERSTORE", &[Key, Word("2"), Key, Key, Options(COMBINE)]),
    row(
        "ZDIFFSTORE",
        &[Key, Text(&["2", "2", "1", "0", "3"]), Key, Key],
    ),
    row(
        "ZINTERCARD",
        &[Word("2"), Key, Key, Maybe(&[Word("LIMIT"), Int])],
    ),
    row("ZRANDMEMBER", &[Key]).compare(OneOfMany).unspoiled(),
    row("ZRANDMEMBER", &[Key, Text(&["1", "3", "0", "-2", "x"])]).compare(Shape),
    row(
        "ZRANDMEMBER",
        &[Key, Text(&["1", "3", "x"]), Word("WITHSCORES")],
    )
    .compare(Shape),
    row("ZSCAN", &[Key, Word("0"), Word("COUNT"), Word("100000")]).compare(WholeScan),
    row(
        "ZSCAN",
        &[
            Key,
            Word("0"),
            Word("COUNT"),
            Word("100000"),
            Word("MATCH"),
            Pattern,
        ],
    )
    .compare(WholeScan),
    row("OBJECT ENCODING", &[Key]).weight(5),
    row("EXPIRE", &[Key, Text(&["90000", "100000"])]).weight(3),
    row("DEL", &[Key]).weight(6),
    row("SET", &[Key, Value]).weight(4),
    row("SADD", &[Key, Repeat(&[Text(MEMBERS)], 1, 6)]).weight(4),
    row("COPY", &[Key, Key]).weight(5),
    row("RENAME", &[Key, Key]).weight(3),
    row("TYPE", &[Key]).weight(3),
    row(
        "ZADD",
        &[
            Text(LEX),
            Maybe(&[Word("CH")]),
            Repeat(&[Word("0"), Text(MEMBERS)], 1, 9),
        ],
    )
    .weight(20)
    .unspoiled(),
    row("ZADD", &[Text(LEX), Repeat(&[Word("0"), Element], 5, 60)]).unspoiled(),
    row("ZREM", &[Text(LEX), Repeat(&[Text(MEMBERS)], 1, 9)]),
    row(
        "ZRANGEBYLEX",
        &[Text(LEX), Text(NAMES), Text(NAMES), Options(&[LIMIT])],
    )
    .weight(20),
    row(
        "ZREVRANGEBYLEX",
        &[Text(LEX), Text(NAMES), Text(NAMES), Options(&[LIMIT])],
    )
    .weight(20),
    row("ZLEXCOUNT", &[Text(LEX), Text(NAMES), Text(NAMES)]).weight(20),
    row(
        "ZRANGE",
        &[
            Text(LEX),
            Text(NAMES),
            Text(NAMES),
            Word("BYLEX"),
            Options(&[LIMIT, &[Word("REV")]]),
        ],
    )
    .weight(20),
    row(
        "ZRANGESTORE",
        &[Key, Text(LEX), Text(NAMES), Text(NAMES), Word("BYLEX")],
    )
    .weight(5),
    row("ZREMRANGEBYLEX", &[Text(LEX), Text(NAMES), Text(NAMES)]).weight(3),
];
