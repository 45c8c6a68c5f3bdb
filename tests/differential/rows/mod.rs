//! The commands: one row per form of a command, one file per family.
//!
//! A new family is a file with its `FAMILY` and one line in [`FAMILIES`].

mod bitmap;
mod connection;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod server;
mod set;
mod sort;
mod stream;
mod string;
mod transactions;
mod zset;

use crate::compare::Compare;

/// The families under test.
pub const FAMILIES: &[Family] = &[
    string::FAMILY,
    bitmap::FAMILY,
    hyperloglog::FAMILY,
    list::FAMILY,
    sort::FAMILY,
    generic::FAMILY,
    hash::FAMILY,
    set::FAMILY,
    connection::FAMILY,
    server::FAMILY,
    stream::FAMILY,
    transactions::FAMILY,
    zset::FAMILY,
    geo::FAMILY,
];

/// A family of commands.
#[derive(Clone, Copy)]
pub struct Family {
    pub name: &'static str,
    /// Its share of all commands, relative to the other families.
    pub weight: u32,
    /// The keys where its values live; empty for families that work on everybody's.
    pub keys: &'static [&'static [u8]],
    pub rows: &'static [Row],
}

/// A form of a command.
#[derive(Clone, Copy)]
pub struct Row {
    /// The command's name, with that of the subcommand.
    pub name: &'static str,
    pub args: &'static [Arg],
    pub weight: u32,
    pub compare: Compare,
    /// Whether every key is looked up first: the reply counts keys, and the two servers may
    /// remove expired ones at different moments.
    pub settle: bool,
    /// Whether it may be made wrong; not where a missing argument asks for what differs by
    /// nature, as INFO without a section does.
    pub spoil: bool,
}

/// How many elements to draw of a hash or set: no number so large and negative that redis-server would try.
const DRAWS: Arg = Arg::Text(&[
    "0",
    "1",
    "2",
    "5",
    "100",
    "-1",
    "-3",
    "-20",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-0",
    "",
    "1.5",
    "x",
    " 1",
    "01",
]);

/// All of a hash or set in one call: cursors of another server mean nothing here.
const WHOLE_SCAN: &[Arg] = &[
    Arg::Key,
    Arg::Text(&["0"]),
    Arg::Word("COUNT"),
    Arg::Text(&["100000"]),
    Arg::Options(&[&[Arg::Word("MATCH"), Arg::Pattern]]),
];

/// From any cursor.
const PART_SCAN: &[Arg] = &[
    Arg::Key,
    Arg::Int,
    Arg::Options(&[
        &[Arg::Word("MATCH"), Arg::Pattern],
        &[Arg::Word("COUNT"), Arg::Int],
    ]),
];

/// A row whose replies must be equal.
pub const fn row(name: &'static str, args: &'static [Arg]) -> Row {
    Row {
        name,
        args,
        weight: 10,
        compare: Compare::Exact,
        settle: false,
        spoil: true,
    }
}

impl Row {
    /// How often the row is drawn, relative to its family; 10 unless told.
    pub const fn weight(self, weight: u32) -> Row {
        Row { weight, ..self }
    }

    /// How its replies are compared.
    pub const fn compare(self, compare: Compare) -> Row {
        Row { compare, ..self }
    }

    /// Leaves the row as it is written.
    pub const fn unspoiled(self) -> Row {
        Row {
            spoil: false,
            ..self
        }
    }

    /// Looks all keys up first.
    pub const fn settle(self) -> Row {
        Row {
            settle: true,
            ..self
        }
    }
}

/// What to draw for an argument.
#[derive(Clone, Copy)]
pub enum Arg {
    /// This word, in any case.
    Word(&'static str),
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// One of these texts, exactly.
    Text(&'static [&'static str]),
    /// A key, mostly of the row's own family.
    Key,
    /// Any string: numbers, words, bytes, empty, long.
    Value,
    /// One of many elements: repeated now and then.
    Element,
    /// An integer, often small, else from the edges; or something that only looks like one.
    Int,
    /// A position in a string or list, often negative.
    Index,
    /// A float, or something that only looks like one.
    Float,
    /// A time to live in seconds. None ends while the test runs: see [`crate::pools::ttl`].
    Seconds,
    /// The same in milliseconds.
    Millis,
    /// A deadline in seconds, long ago or far ahead.
    UnixSeconds,
    /// The same in milliseconds.
    UnixMillis,
    /// A database index.
    Db,
    /// A glob pattern.
    Pattern,
    /// A client name.
    Name,
    /// These arguments, half of the time.
    Maybe(&'static [Arg]),
    /// These arguments, so many times.
    Repeat(&'static [Arg], usize, usize),
    /// Some of these options, in any order: mostly few, now and then contradictory or repeated.
    Options(&'static [&'static [Arg]]),
}
