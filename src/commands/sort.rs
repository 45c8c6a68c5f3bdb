//! `SORT` and `SORT_RO`.
//!
//! `BY` and `GET` read keys that no argument names: they are made of the elements of the key that
//! is sorted. Which shards they live in is known only once that key has been read under its lock,
//! and locks are taken once and in ascending order, so theirs cannot be added any more: to take
//! them later could deadlock with a request that holds them and waits for ours, and to let go of
//! ours first would show a list of one moment beside weights of another. A request with such a
//! pattern therefore locks every shard from the start ([`Command::reaches`]), as `EXEC` with a
//! command on the whole keyspace does; all others lock the shards of their one or two keys.
//!
//! Equal elements keep their order, so that the same data gives the same reply. Redis leaves their
//! order open.

mod pattern;
mod rows;

use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Ttl, Txn};
use crate::protocol::{Args, Reply};
use crate::values::list::{End, Limits, List};
use crate::values::{Type, Value};
use pattern::Pattern;
use rows::Rows;
use smallvec::SmallVec;
use std::ops::Range;

/// The family.
pub static FAMILY: Family = Family {
    group: "generic",
    category: Categories(0),
    commands: COMMANDS,
};

const CATEGORIES: Categories = category::SET
    .and(category::SORTEDSET)
    .and(category::LIST)
    .and(category::DANGEROUS);

const MADE_KEYS: KeySpec = found(|_| None, Access::Read).notes(
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from \
     the content of the key we sort",
);
const STORE_KEY: KeySpec = found(store_key, Access::Overwrite).notes(
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear \
     anywhere in the argument array",
);

const COMMANDS: &[Command] = checked(&[
    Command::write("sort", -2, sort)
        .flags(DENYOOM)
        .categories(CATEGORIES)
        .keys(&[key(1, Access::Read), MADE_KEYS, STORE_KEY])
        .reaches(reaches)
        .syntax(
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC|DESC] \
             [ALPHA] [STORE destination]",
        )
        .about(
            "Sorts the elements of a list, set or sorted set, and may store them.",
            "O(N+M*log(M))",
            "1.0.0",
        ),
    Command::read("sort_ro", -2, sort_ro)
        .categories(CATEGORIES)
        .keys(&[key(1, Access::Read), MADE_KEYS])
        .reaches(reaches)
        .syntax(
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC|DESC] \
             [ALPHA]",
        )
        .about(
            "Sorts the elements of a list, set or sorted set.",
            "O(N+M*log(M))",
            "7.0.0",
        ),
]);

/// What is asked for.
struct Request<'a> {
    descending: bool,
    alpha: bool,
    offset: i64,
    count: i64,
    /// Index of the argument that is the destination.
    store: Option<usize>,
    by: Option<Pattern<'a>>,
    /// `BY` with a pattern that names one key only: as the elements come.
    unsorted: bool,
    get: SmallVec<[Pattern<'a>; 4]>,
}

impl<'a> Request<'a> {
    fn parse(args: Args<'a>, may_store: bool) -> Result<Request<'a>, Error> {
        let mut request = Request {
            descending: false,
            alpha: false,
            offset: 0,
            count: -1,
            store: None,
            by: None,
            unsorted: false,
            get: SmallVec::new(),
        };
        let mut at = 2;
        while at < args.len() {
            let behind = args.get(at + 1);
            match behind {
                _ if args.is(at, "asc") => request.descending = false,
                _ if args.is(at, "desc") => request.descending = true,
                _ if args.is(at, "alpha") => request.alpha = true,
                Some(offset) if args.is(at, "limit") && at + 2 < args.len() => {
                    request.offset = number::parse_i64(offset).ok_or(Error::NotInteger)?;
                    let count = number::parse_i64(args.at(at + 2));
                    request.count = count.ok_or(Error::NotInteger)?;
                    at += 2;
                }
                Some(_) if may_store && args.is(at, "store") => {
                    request.store = Some(at + 1);
                    at += 1;
                }
                Some(pattern) if args.is(at, "by") => {
                    let pattern = Pattern::parse(pattern);
                    request.unsorted |= !pattern.makes_keys();
                    request.by = Some(pattern);
                    at += 1;
                }
                Some(pattern) if args.is(at, "get") => {
                    request.get.push(Pattern::parse(pattern));
                    at += 1;
                }
                _ => return Err(Error::Syntax),
            }
            at += 1;
        }
        Ok(request)
    }

    /// Which of `len` sorted elements are asked for.
    fn limits(&self, len: usize) -> Range<usize> {
        let clip = |bound: i64| usize::try_from(bound.max(0)).map_or(len, |bound| bound.min(len));
        let start = clip(self.offset);
        let end = if self.count < 0 {
            len
        } else {
            len.min(start + clip(self.count))
        };
        start..end
    }
}

fn store_key(args: Args<'_>) -> Option<usize> {
    Request::parse(args, true).ok()?.store
}

/// Does the request read keys made of elements?
fn reaches(args: Args<'_>) -> bool {
    Request::parse(args, true).is_ok_and(|request| {
        let patterns = request.by.iter().chain(&request.get);
        patterns.into_iter().any(Pattern::makes_keys)
    })
}

/// What is refused to a user that may not read every key: `BY` with a pattern that makes keys, and
/// any `GET`. Mistakes before that are for the command itself to find.
pub fn refused_option(args: Args<'_>) -> Option<Error> {
    let mut at = 2;
    while at < args.len() {
        let behind = args.get(at + 1);
        at += match behind {
            _ if args.is(at, "asc") || args.is(at, "desc") || args.is(at, "alpha") => 1,
            Some(_) if args.is(at, "limit") => {
                let number = |at| args.get(at).and_then(number::parse_i64);
                // A limit that is none is what the command complains of.
                if number(at + 1).is_none() || number(at + 2).is_none() {
                    return None;
                }
                3
            }
            Some(_) if args.is(at, "store") => 2,
            Some(pattern) if args.is(at, "by") => match pattern.contains(&b'*') {
                true => return Some(Error::SORT_BY_DENIED),
                false => 2,
            },
            Some(_) if args.is(at, "get") => return Some(Error::SORT_GET_DENIED),
            _ => return None,
        };
    }
    None
}

fn sort_ro(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(txn, &Request::parse(args, false)?, reply)
}

fn sort(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(txn, &Request::parse(args, true)?, reply)
}

fn run(txn: &mut Txn<'_>, request: &Request<'_>, reply: &mut Reply<'_>) -> Outcome {
    let elements = txn
        .peek(txn.key(0), false)
        .map_or(0, |view| view.elements());
    if txn.is_long(elements) {
        return Ok(Flow::Long);
    }
    let rows = Rows::load(txn, request)?;
    if request.store.is_some() {
        return store(txn, request, &rows, reply);
    }
    let per_row = request.get.len().max(1);
    reply.array(rows.len() * per_row);
    rows.each(txn, &request.get, |text| match text {
        Some(text) => reply.bulk(text),
        None => reply.null(),
    });
    DONE
}

/// Stores a list of what would have been replied, with empty strings for what there is not.
fn store(txn: &mut Txn<'_>, request: &Request<'_>, rows: &Rows, reply: &mut Reply<'_>) -> Outcome {
    let target = txn.key(1);
    let limits = Limits::new(txn.config().encoding.list_max_listpack_size.into());
    let mut value = Value::default();
    let mut list = List::new(&mut value);
    rows.each(txn, &request.get, |text| {
        list.push(End::Right, [text.unwrap_or(b"")].into_iter(), limits);
    });
    let len = list.len();
    if len == 0 {
        txn.remove(target, Event::Generic("del"));
    } else {
        let mut edit = txn.edit(target);
        edit.store_as(Type::List, value, Ttl::Clear);
        edit.changed(Event::List("sortstore"));
    }
    reply.count(len);
    DONE
}
