//! Commands that reply with a string: `GET` and its kin.

use super::super::spec::*;
use super::expiry::Expiry;
use super::{bytes_of, length_of, reply_value};
use crate::base::{digest as xxh3, number};
use crate::error::Error;
use crate::keyspace::{Event, Ttl, Txn, ValueRef, View};
use crate::protocol::{Args, Reply};
use std::ops::Range;

pub(super) fn get(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match txn.read(txn.key(0)) {
        Some(view) => match view.string() {
            Some(value) => reply_value(value, reply),
            None => return Err(Error::WrongType),
        },
        None => reply.null(),
    }
    DONE
}

pub(super) fn mget(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(txn.key_count());
    for index in 0..txn.key_count() {
        match txn.read(txn.key(index)).and_then(View::string) {
            Some(value) => reply_value(value, reply),
            None => reply.null(),
        }
    }
    DONE
}

pub(super) fn strlen(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let value = txn.read_string(txn.key(0))?;
    reply.count(value.map_or(0, length_of));
    DONE
}

pub(super) fn digest(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut digits = itoa::Buffer::new();
    match txn.read_string(txn.key(0))? {
        Some(value) => reply.bulk(&xxh3::hex_digest(bytes_of(value, &mut digits))),
        None => reply.null(),
    }
    DONE
}

/// A blob is quoted if at least one in so many of its bytes is asked for; it stays in memory until
/// the reply is sent.
const QUOTED_MIN: usize = 2;

/// `GETRANGE` and `SUBSTR`. Of a blob, a large part is quoted, a small one copied.
pub(super) fn getrange(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let start = number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?;
    let end = number::parse_i64(args.at(3)).ok_or(Error::NotInteger)?;
    let mut digits = itoa::Buffer::new();
    match txn.read_string(txn.key(0))? {
        None => reply.bulk(b""),
        Some(value) => {
            let part = part(start, end, length_of(value));
            match value {
                ValueRef::Blob(blob) if part.len() >= blob.len() / QUOTED_MIN => {
                    reply.bulk_part(blob, part);
                }
                _ => reply.bulk(&bytes_of(value, &mut digits)[part]),
            }
        }
    }
    DONE
}

/// The bytes from `start` to `end` of a string of `length` bytes, both included; negative ones
/// count from the end.
fn part(start: i64, end: i64, length: usize) -> Range<usize> {
    let length = length as i64;
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let from_front = |at: i64| if at < 0 { (at + length).max(0) } else { at };
    let (start, end) = (from_front(start), from_front(end).min(length - 1));
    if start > end {
        return 0..0;
    }
    start as usize..end as usize + 1
}

pub(super) fn getdel(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    get(txn, args, reply)?;
    txn.remove(txn.key(0), Event::Generic("del"));
    DONE
}

pub(super) fn getex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut expiry = Expiry::Unsaid;
    let mut at = 2;
    while at < args.len() {
        let said = if args.is(at, "PERSIST") {
            Expiry::Persist
        } else {
            Expiry::timed(args, at)?.ok_or(Error::Syntax)?
        };
        expiry.say(said)?;
        at += said.width();
    }
    let ttl = expiry.ttl(txn, "getex");
    let Some(value) = txn.read_string(txn.key(0))? else {
        reply.null();
        return DONE;
    };
    // A time that cannot be is forgiven where there is no key.
    let ttl = ttl?;
    reply_value(value, reply);
    match (expiry, ttl) {
        (Expiry::Unsaid, _) => {}
        (_, Ttl::At(deadline)) => expire_at(txn, deadline),
        _ => persist(txn),
    }
    DONE
}

fn expire_at(txn: &mut Txn<'_>, deadline: u64) {
    if deadline <= txn.now_ms() {
        txn.remove(txn.key(0), Event::Generic("del"));
        return;
    }
    let mut edit = txn.edit(txn.key(0));
    edit.set_deadline(Some(deadline));
    edit.changed(Event::Generic("expire"));
}

fn persist(txn: &mut Txn<'_>) {
    let mut edit = txn.edit(txn.key(0));
    if edit.view().is_some_and(|view| view.deadline().is_some()) {
        edit.set_deadline(None);
        edit.changed(Event::Generic("persist"));
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_lie_within_the_string() {
        for (start, end, length, expected) in [
            (0, -1, 5, 0..5),
            (1, 3, 5, 1..4),
            (-3, -2, 5, 2..4),
            (-100, 100, 5, 0..5),
            (4, 4, 5, 4..5),
            (5, 9, 5, 0..0),
            (3, 1, 5, 0..0),
            (-1, -3, 5, 0..0),
            (-100, -101, 5, 0..0),
            (-101, -100, 5, 0..1),
            (0, -100, 5, 0..1),
            (0, 0, 0, 0..0),
            (-1, -1, 0, 0..0),
            (i64::MIN, i64::MAX, 5, 0..5),
            (i64::MAX, i64::MIN, 5, 0..0),
            (i64::MIN, i64::MIN, 5, 0..1),
        ] {
            assert_eq!(part(start, end, length), expected, "{start} {end} {length}");
        }
    }
}
