//! Positions.

use super::Arg::{Float, Int, Key, Maybe, OneOf, Options, Repeat, Text, Value, Word};
use super::{Arg, Family, Row, row};

pub const FAMILY: Family = Family {
    name: "geo",
    weight: 40,
    keys: &[b"g:a", b"g:b", b"g:c", b"g:{t}1", b"z:a", b"s:a"],
    rows: ROWS,
};

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
    &[Word("STORE"), Key],
    &[Word("STOREDIST"), Key],
    &[Word("STORE"), Key],
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

const PLACE: &[Arg] = &[Text(LONGITUDES), Text(LATITUDES), Text(MEMBERS)];

const ROWS: &[Row] = &[
    row("GEOADD", &[Key, Repeat(PLACE, 1, 4)]).weight(60),
    row(
        "GEOADD",
        &[Key, OneOf(&["NX", "XX", "CH", "GT"]), Repeat(PLACE, 1, 2)],
    )
    .weight(20),
    row("GEOADD", &[Key, Float, Float, Value]).weight(5),
    row("GEOPOS", &[Key, Repeat(&[Text(MEMBERS)], 0, 4)]).weight(20),
    row("GEOHASH", &[Key, Repeat(&[Text(MEMBERS)], 0, 4)]).weight(20),
    row(
        "GEODIST",
        &[Key, Text(MEMBERS), Text(MEMBERS), Maybe(&[Text(UNITS)])],
    )
    .weight(30),
    row(
        "GEORADIUS",
        &[
            Key,
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
            Key,
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
            Key,
            Text(MEMBERS),
            Text(RADII),
            Text(UNITS),
            Options(OPTIONS),
        ],
    )
    .weight(40),
    row(
        "GEORADIUSBYMEMBER",
        &[Key, Text(MEMBERS), Text(RADII), Text(UNITS), Options(STORE)],
    )
    .unspoiled(),
    row(
        "GEORADIUS_RO",
        &[
            Key,
            Text(LONGITUDES),
            Text(LATITUDES),
            Text(RADII),
            Text(UNITS),
            Options(STORE),
        ],
    ),
    row(
        "GEORADIUSBYMEMBER_RO",
        &[Key, Text(MEMBERS), Text(RADII), Text(UNITS), Options(STORE)],
    ),
    row("GEOSEARCH", &[Key, Options(SEARCH)]).weight(10),
    row(
        "GEOSEARCH",
        &[
            Key,
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
            Key,
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
            Key,
            Key,
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
    row("ZRANGE", &[Key, Word("0"), Word("-1"), Word("WITHSCORES")]).weight(30),
    row("ZREM", &[Key, Repeat(&[Text(MEMBERS)], 1, 3)]).weight(20),
    row("ZADD", &[Key, Int, Text(MEMBERS)]).weight(10),
    row("DEL", &[Key]).weight(10),
    row("SET", &[Key, Value]).weight(3),
];
