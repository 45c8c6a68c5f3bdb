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
        let zset = Zset::new(stored);
        let packed = zset.is_packed();
        next = zset.scan(cursor, within.count, |name, score| {
            name.with_text(|name| {
                if within.admits(name) {
                    found.add(name);
                    if within.names_only {
                        return;
                    }
                    match integer(score).filter(|_| packed) {
                        Some(integer) => found.add(itoa::Buffer::new().format(integer).as_bytes()),
                        None => found.add(&float::format_f64(score)),
                    }
                }
            });
        });
    }
    found.reply_to_scan(next, reply);
    DONE
}

/// A whole score: Redis has them as integers in packed sets, and here it shows, from 1e17 on.
fn integer(score: f64) -> Option<i64> {
    const LARGEST: f64 = (i64::MAX / 2) as f64;
    (score.trunc() == score && score.abs() <= LARGEST).then_some(score as i64)
}
