//! Finding keys without their names: `KEYS`, `SCAN`, `RANDOMKEY`.

use super::spec::*;
use super::table::Family;
use crate::base::{glob, number};
use crate::error::Error;
use crate::keyspace::{Keyspace, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;

/// The family.
pub static FAMILY: Family = Family {
    group: "generic",
    category: category::KEYSPACE,
    commands: COMMANDS,
};

/// Bytes in use above which visiting every key is long work: some ten thousand keys.
const SMALL_BYTES_MAX: u64 = 1 << 20;
/// Keys a scan may visit on the worker.
const SHORT_SCAN_MAX: i64 = 5_000;
/// Keys `SCAN` looks for when not told.
const COUNT_DEFAULT: i64 = 10;

const COMMANDS: &[Command] = checked(&[
    Command::walk("keys", 2, keys)
        .flags(READONLY)
        .categories(category::DANGEROUS)
        .syntax("pattern")
        .long(|keyspace, args| !is_literal(args.at(1)) && keyspace.used_bytes() > SMALL_BYTES_MAX)
        .about("Returns all keys that match a pattern.", "O(N)", "1.0.0"),
    Command::walk("randomkey", 1, randomkey)
        .flags(READONLY.and(TOUCHES_ARBITRARY_KEYS))
        .about("Returns a key drawn at random.", "O(1)", "1.0.0"),
    Command::walk("scan", -2, scan)
        .flags(READONLY.and(TOUCHES_ARBITRARY_KEYS))
        .syntax("cursor [MATCH pattern] [COUNT count] [TYPE type]")
        .long(is_long_scan)
        .about("Iterates over the keys of the database.", "O(1)", "2.8.0"),
]);

/// Keys that were found: their number must be known before the first is replied. They are added while
/// a shard is held, so the memory for them grows page by page: nothing is copied for the sake of a
/// million others.
#[derive(Default)]
pub(super) struct Found {
    pages: Vec<Page>,
    count: usize,
}

/// Some of the keys, one after the other, and where each ends.
#[derive(Default)]
struct Page {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// A page with so many bytes gets no more keys.
const PAGE_BYTES: usize = 64 * 1024;

impl Found {
    pub(super) fn add(&mut self, key: &[u8]) {
        let is_full = |page: &Page| page.bytes.len() >= PAGE_BYTES;
        if self.pages.last().is_none_or(is_full) {
            self.pages.push(Page::default());
        }
        let page = self.pages.last_mut().expect("there is one by now");
        page.bytes.extend_from_slice(key);
        page.ends.push(page.bytes.len());
        self.count += 1;
    }

    /// Replies as `SCAN` and its kin do, with the cursor to go on with.
    pub(super) fn reply_to_scan(&self, next: u64, reply: &mut Reply<'_>) {
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(next).as_bytes());
        self.reply(reply);
    }

    /// Replies with a set.
    pub(super) fn reply_as_set(&self, reply: &mut Reply<'_>) {
        reply.set(self.count);
        self.reply_elements(reply);
    }

    fn reply(&self, reply: &mut Reply<'_>) {
        reply.array(self.count);
        self.reply_elements(reply);
    }

    fn reply_elements(&self, reply: &mut Reply<'_>) {
        for page in &self.pages {
            let mut start = 0;
            for end in &page.ends {
                reply.bulk(&page.bytes[start..*end]);
                start = *end;
            }
        }
    }
}

/// What commands that draw elements at random are to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// So many, none twice.
    Distinct(usize),
    /// So many, any of them several times.
    Any(usize),
}

/// Elements that are drawn at most where they may come several times: the client says how many,
/// however few there are.
const DRAWS_MAX: usize = 1 << 24;
/// Bytes of a reply of which elements are drawn several times.
const DRAWN_BYTES_MAX: usize = 512 << 20;

impl Draw {
    /// Reads a count: elements may come several times when it is negative.
    pub(super) fn parse(count: &[u8]) -> Result<Draw, Error> {
        let count = number::parse_i64(count).ok_or(Error::NotInteger)?;
        if count >= 0 {
            return Ok(Draw::Distinct(count as usize));
        }
        if count == i64::MIN {
            return Err(Error::RANDOM_COUNT);
        }
        Ok(Draw::Any(count.unsigned_abs() as usize))
    }

    /// Is it a number whose double does not fit?
    pub(super) fn is_beyond_half(self) -> bool {
        let (Draw::Distinct(count) | Draw::Any(count)) = self;
        count > (i64::MAX / 2) as usize
    }

    /// How many elements of a collection of `len` there will be in the reply.
    pub(super) fn elements(self, len: usize) -> usize {
        match self {
            Draw::Distinct(count) => count.min(len),
            Draw::Any(_) if len == 0 => 0,
            Draw::Any(count) => count,
        }
    }

    /// Are there more than any reply could hold?
    pub(super) fn is_endless(self) -> bool {
        matches!(self, Draw::Any(count) if count > DRAWS_MAX)
    }

    /// Does what was drawn until now leave room for more?
    pub(super) fn fits(reply: &mut Reply<'_>) -> bool {
        reply.output().buffer().len() <= DRAWN_BYTES_MAX
    }
}

/// The options of `HSCAN`, `SSCAN` and `ZSCAN`.
pub(super) struct Within<'a> {
    /// Elements to visit, about.
    pub(super) count: usize,
    /// Only names are asked for, without values or scores.
    pub(super) names_only: bool,
    pattern: &'a [u8],
}

impl<'a> Within<'a> {
    /// Reads them from the fourth argument on. `bare` is the word that leaves values or scores out,
    /// where there are any.
    pub(super) fn parse(args: Args<'a>, bare: Option<&str>) -> Result<Within<'a>, Error> {
        let mut within = Within {
            count: COUNT_DEFAULT as usize,
            names_only: false,
            pattern: b"*",
        };
        let mut at = 3;
        while at < args.len() {
            if bare.is_some_and(|word| args.is(at, word)) {
                within.names_only = true;
                at += 1;
                continue;
            }
            let value = args.get(at + 1).ok_or(Error::Syntax)?;
            if args.is(at, "count") {
                let count = number::parse_i64(value).ok_or(Error::NotInteger)?;
                if count < 1 {
                    return Err(Error::Syntax);
                }
                within.count = count as usize;
            } else if args.is(at, "match") {
                within.pattern = value;
            } else {
                return Err(Error::Syntax);
            }
            at += 2;
        }
        Ok(within)
    }

    /// Does an element match the pattern?
    pub(super) fn admits(&self, element: &[u8]) -> bool {
        matches(self.pattern, element)
    }
}

/// Matches like `KEYS` and `SCAN`: `*` alone is every key, also the empty one.
pub(super) fn matches(pattern: &[u8], key: &[u8]) -> bool {
    pattern == b"*" || glob::matches(pattern, key, false)
}

/// Does the pattern match just the key that is spelled like it?
fn is_literal(pattern: &[u8]) -> bool {
    glob::literal_prefix(pattern).len() == pattern.len()
}

fn keys(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let pattern = args.at(1);
    let mut found = Found::default();
    if is_literal(pattern) {
        if txn.contains(pattern) {
            found.add(pattern);
        }
    } else {
        let mut cursor = 0;
        loop {
            cursor = txn.scan(cursor, usize::MAX, |entry| {
                if matches(pattern, entry.key()) {
                    found.add(entry.key());
                }
            });
            if cursor == 0 {
                break;
            }
        }
    }
    found.reply(reply);
    DONE
}

fn randomkey(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match txn.random_key() {
        Some(key) => reply.bulk(&key),
        None => reply.null(),
    }
    DONE
}

/// The options of `SCAN`.
struct Filter<'a> {
    count: i64,
    pattern: &'a [u8],
    /// Nothing is returned for a type that does not exist.
    kind: Option<Option<Type>>,
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Filter<'a>, Error> {
        let mut filter = Filter {
            count: COUNT_DEFAULT,
            pattern: b"*",
            kind: None,
        };
        for index in (2..args.len()).step_by(2) {
            let value = args.get(index + 1).ok_or(Error::Syntax)?;
            if args.is(index, "count") {
                filter.count = number::parse_i64(value).ok_or(Error::NotInteger)?;
                if filter.count < 1 {
                    return Err(Error::Syntax);
                }
            } else if args.is(index, "match") {
                filter.pattern = value;
            } else if args.is(index, "type") {
                let named = |kind: &Type| kind.name().as_bytes().eq_ignore_ascii_case(value);
                filter.kind = Some(Type::ALL.into_iter().find(named));
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(filter)
    }

    fn admits(&self, key: &[u8], kind: Type) -> bool {
        self.kind.is_none_or(|wanted| wanted == Some(kind)) && matches(self.pattern, key)
    }
}

fn scan(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_cursor(args.at(1))?;
    let filter = Filter::parse(args)?;
    let count = usize::try_from(filter.count).unwrap_or(usize::MAX);
    let mut found = Found::default();
    let next = txn.scan(cursor, count, |entry| {
        if filter.admits(entry.key(), entry.kind()) {
            found.add(entry.key());
        }
    });
    found.reply_to_scan(next, reply);
    DONE
}

/// A cursor, read as C's `strtoul` does.
pub(super) fn parse_cursor(arg: &[u8]) -> Result<u64, Error> {
    let starts_blank = arg.first().is_some_and(|byte| number::is_space(*byte));
    number::parse_u64_as_c(arg)
        .filter(|_| !starts_blank)
        .ok_or(Error::InvalidCursor)
}

/// Would this scan visit many keys at once?
fn is_long_scan(keyspace: &Keyspace, args: Args<'_>) -> bool {
    keyspace.used_bytes() > SMALL_BYTES_MAX
        && Filter::parse(args).is_ok_and(|filter| filter.count > SHORT_SCAN_MAX)
}
