//! Positions.

use super::Arg::{Float, Int, Maybe, OneOf, Options, Repeat, Text, Value, Word};
use super::{Arg, Family, Row, row};

pub const FAMILY: Family = Family {
    name: "geo",
    weight: 40,
    keys: &[],
    rows: ROWS,
};

/// Nobody else's: which of several positions at one distance comes first is unspecified, and other
/// families' sorted sets are full of them.
const KEYS: &[&str] = &["g:a", "g:b", "g:c", "g:{t}1"];

const MEMBERS: &[&str] = &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "1", ""];

const LONGITUDES: &[&str] = &[
    "13.361389",
    "15.087269",
    "12.758489",
    "17.241510",
    "13.5",
    "14.123456",
    "15.5001",
    "2.349",
    "-0.1276",
    "-73.9798",
    "-73.7858",
    "-122.42",
    "139.69",
    "151.21",
    "179.99",
    "-179.99",
    "180",
    "-180",
    "0",
    "0.5",
    "45.6",
    "90.1",
    "-45.2",
    "-90.3",
    "120.7",
    "13.361390",
    "13.3615",
    "200",
    "x",
    "1e2",
    "-0",
];

const LATITUDES: &[&str] = &[
    "38.115556",
    "37.502669",
    "38.788135",
    "38.5",
    "37.1",
    "36.9",
    "48.8567",
    "51.5074",
    "40.7598",
    "40.6429",
    "37.7749",
    "35.68",
    "-33.87",
    "0.01",
    "-0.02",
    "85.05112878",
    "-85.05112878",
    "0",
    "0.25",
    "66.5",
    "80.3",
    "-66.7",
    "-80.9",
    "12.3",
    "-45.6",
    "38.115557",
    "38.1156",
    "86",
    "x",
    "7e1",
    "-0",
];

const RADII: &[&str] = &[
    "0", "1", "10", "100", "200", "500", "1000", "2000", "5000", "6000", "10000", "20000", "0.5",
    "3.7", "-1", "x", "1e6", "inf",
];

const UNITS: &[&str] = &["m", "km", "km", "km", "km", "mi", "ft", "KM", "foo"];

const OPTIONS: &[&[Arg]] = &[
    &[Word("WITHDIST")],
    &[Word("WITHCOORD")],
    &[Word("WITHHASH")],
    &[Word("ASC")],
    &[Word("DESC")],
    &[
        Word("COUNT"),
        Text(&["1", "2", "3", "5", "0", "-1", "x", "100"]),
    ],
    &[Word("COUNT"), Text(&["1", "2", "3", "5"]), Word("ANY")],
];

const STORE: &[&[Arg]] = &[
    &[Word("ASC")],
    &[Word("COUNT"), Text(&["1", "2", "5"])],
    &[Word("STORE"), Text(KEYS)],
    &[Word("STOREDIST"), Text(KEYS)],
    &[Word("STORE"), Text(KEYS)],
    &[Word("WITHDIST")],
];

const SEARCH: &[&[Arg]] = &[
    &[Word("WITHDIST")],
    &[Word("ASC")],
    &[Word("COUNT"), Text(&["1", "2", "3"])],
    &[Word("FROMMEMBER"), Text(MEMBERS)],
    &[Word("FROMLONLAT"), Text(LONGITUDES), Text(LATITUDES)],
    &[Word("BYRADIUS"), Text(RADII), Text(UNITS)],
    &[Word("BYBOX"), Text(RADII), Text(RADII), Text(UNITS)],
];

const CONDITIONS: &[&str] = &["NX", "XX", "CH", "GT"];

/// Each member has longitudes of its own, so that no two are at the same distance.
const ROWS: &[Row] = &[
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["13.361389", "13.5", "180", "x"]),
            Text(LATITUDES),
            Text(&["a"]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            OneOf(CONDITIONS),
            Text(&["13.361389", "13.5", "180", "x"]),
            Text(LATITUDES),
            Text(&["a"]),
        ],
    )
    .weight(6),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["15.087269", "-73.9798", "-180"]),
            Text(LATITUDES),
            Text(&["b"]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            OneOf(CONDITIONS),
            Text(&["15.087269", "-73.9798", "-180"]),
            Text(LATITUDES),
            Text(&["b"]),
        ],
    )
    .weight(6),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["12.758489", "151.21", "0"]),
            Text(LATITUDES),
            Text(&["c"]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            OneOf(CONDITIONS),
            Text(&["12.758489", "151.21", "0"]),
            Text(LATITUDES),
            Text(&["c"]),
        ],
    )
    .weight(6),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["17.241510", "179.99", "200"]),
            Text(LATITUDES),
            Text(&["d"]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["14.123456", "-179.98", "1e2"]),
            Text(LATITUDES),
            Text(&["e"]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["15.5001", "-122.42", "13.3615"]),
            Text(LATITUDES),
            Text(&["f"]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["2.349", "139.69", "-0"]),
            Text(LATITUDES),
            Text(&["g"]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["-0.1276", "45.6", "90.1"]),
            Text(LATITUDES),
            Text(&["1"]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["-73.7858", "-45.2", "120.7"]),
            Text(LATITUDES),
            Text(&[""]),
        ],
    )
    .weight(8),
    row(
        "GEOADD",
        &[
            Text(KEYS),
            Text(&["13.361389"]),
            Text(LATITUDES),
            Text(&["a"]),
            Text(&["15.087269"]),
            Text(LATITUDES),
            Text(&["b"]),
        ],
    )
    .weight(10),
    row("GEOADD", &[Text(KEYS), Float, Float, Value]).weight(2),
    row("GEOPOS", &[Text(KEYS), Repeat(&[Text(MEMBERS)], 0, 4)]).weight(20),
    row("GEOHASH", &[Text(KEYS), Repeat(&[Text(MEMBERS)], 0, 4)]).weight(20),
    row(
        "GEODIST",
        &[
            Text(KEYS),
            Text(MEMBERS),
            Text(MEMBERS),
            Maybe(&[Text(UNITS)]),
        ],
    )
    .weight(30),
    row(
        "GEORADIUS",
        &[
            Text(KEYS),
            Text(LONGITUDES),
            Text(LATITUDES),
            Text(RADII),
            Text(UNITS),
            Options(OPTIONS),
        ],
    )
    .weight(40),
    row(
        "GEORADIUS",
        &[
            Text(KEYS),
            Text(LONGITUDES),
            Text(LATITUDES),
            Text(RADII),
            Text(UNITS),
            Options(STORE),
        ],
    )
    .weight(20)
    .unspoiled(),
    row(
        "GEORADIUSBYMEMBER",
        &[
            Text(KEYS),
            Text(MEMBERS),
            Text(RADII),
            Text(UNITS),
            Options(OPTIONS),
        ],
    )
    .weight(40),
    row(
        "GEORADIUSBYMEMBER",
        &[
            Text(KEYS),
            Text(MEMBERS),
            Text(RADII),
            Text(UNITS),
            Options(STORE),
        ],
    )
    .unspoiled(),
    row(
        "GEORADIUS_RO",
        &[
            Text(KEYS),
            Text(LONGITUDES),
            Text(LATITUDES),
            Text(RADII),
            Text(UNITS),
            Options(STORE),
        ],
    ),
    row(
        "GEORADIUSBYMEMBER_RO",
        &[
            Text(KEYS),
            Text(MEMBERS),
            Text(RADII),
            Text(UNITS),
            Options(STORE),
        ],
    ),
    row("GEOSEARCH", &[Text(KEYS), Options(SEARCH)]).weight(10),
    row(
        "GEOSEARCH",
        &[
            Text(KEYS),
            Word("FROMLONLAT"),
            Text(LONGITUDES),
            Text(LATITUDES),
            Word("BYBOX"),
            Text(RADII),
            Text(RADII),
            Text(UNITS),
            Options(OPTIONS),
        ],
    )
    .weight(40),
    row(
        "GEOSEARCH",
        &[
            Text(KEYS),
            Word("FROMMEMBER"),
            Text(MEMBERS),
            Word("BYRADIUS"),
            Text(RADII),
            Text(UNITS),
            Options(OPTIONS),
        ],
    )
    .weight(40),
    row(
        "GEOSEARCHSTORE",
        &[
            Text(KEYS),
            Text(KEYS),
            Word("FROMMEMBER"),
            Text(MEMBERS),
            Word("BYBOX"),
            Text(RADII),
            Text(RADII),
            Text(UNITS),
            Maybe(&[Word("STOREDIST")]),
        ],
    )
    .weight(20),
    row(
        "ZRANGE",
        &[Text(KEYS), Word("0"), Word("-1"), Word("WITHSCORES")],
    )
    .weight(30),
    row("ZREM", &[Text(KEYS), Repeat(&[Text(MEMBERS)], 1, 3)]).weight(20),
    row("ZADD", &[Text(KEYS), Int, Text(MEMBERS)]).weight(10),
    row("DEL", &[Text(KEYS)]).weight(10),
    row("SET", &[Text(KEYS), Value]).weight(3),
];
