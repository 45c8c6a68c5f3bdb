//! Transactions: everything else happens inside them, too.

use super::Arg::{Key, Repeat};
use super::{Family, Row, row};

pub const FAMILY: Family = Family {
    name: "transactions",
    weight: 12,
    keys: &[],
    rows: ROWS,
};

const ROWS: &[Row] = &[
    row("MULTI", &[]).weight(30),
    row("EXEC", &[]).weight(35),
    row("DISCARD", &[]).weight(6),
    row("WATCH", &[Repeat(&[Key], 1, 3)]).weight(20),
    row("UNWATCH", &[]).weight(8),
];
