//! `ZSCAN`.

use super::super::iteration::{Found, Within, parse_cursor};
use super::super::spec::*;
use crate::base::float;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::zset::Zset;

pub(super) fn zscan(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_cursor(args.at(2))?;
    let stored = txn.read_as(txn.key(0), Type::Zset)?;
    let mut found = Found::default();
    let mut next = 0;
    // Redis does not look at the options when there is no sorted set.
    if stored.exists() {
        let within = Within::parse(args, Some("noscores"))?;
        next = Zset::new(stored).scan(cursor, within.count, |name, score| {
            name.with_text(|name| {
                if within.admits(name) {
                    found.add(name);
                    if !within.names_only {
                        found.add(&float::format_f64(score));
                    }
                }
            });
        });
    }
    found.reply_to_scan(next, reply);
    DONE
}
