//! `XADD`, `XTRIM`, and `XSETID`: what a stream holds and what it counts.

use super::super::spec::*;
use super::arguments::{id, integer, node_limits, references, unix_ms};
use super::range::reply_id;
use crate::config::Config;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream::{self, Bound, Id, References, Refused, Stream, Trim, Wanted};

/// What an approximate trim removes at most if nothing is said: so many blocks.
const TRIM_BLOCKS_MAX: u64 = 100;
/// The same in messages when blocks have no limit.
const TRIM_DEFAULT: u64 = 10_000;
/// And however large blocks are.
const TRIM_MAX: u64 = 1_000_000;

/// Who adds a message, so that it is not added twice.
#[derive(Clone, Copy)]
struct Producer<'a> {
    name: &'a [u8],
    /// What it calls the message; a digest of it if it does not.
    message: Option<&'a [u8]>,
}

/// What precedes the message of `XADD`, and all there is to `XTRIM`.
struct Options<'a> {
    bound: Option<Bound>,
    approximate: bool,
    limit: Option<u64>,
    references: References,
    /// Makes the stream if there is none.
    create: bool,
    producer: Option<Producer<'a>>,
    id: Option<Wanted>,
    /// Index of the id, or where it is missing.
    id_at: usize,
}

impl<'a> Options<'a> {
    /// Reads options up to the id (`adding`), or to the end.
    fn parse(args: Args<'a>, adding: bool) -> Result<Options<'a>, Error> {
        let mut options = Options {
            bound: None,
            approximate: false,
            limit: None,
            references: References::default(),
            create: true,
            producer: None,
            id: None,
            id_at: 2,
        };
        let mut at = 2;
        while at < args.len() {
            let operands = args.len() - 1 - at;
            if adding && args.at(at) == b"*" {
                break;
            } else if args.is(at, "MAXLEN") && operands > 0 {
                at = options.parse_bound(args, at, |text| match integer(text)? {
                    0.. => Ok(Bound::Length(integer(text)? as u64)),
                    _ => Err(Error::STREAM_MAXLEN),
                })?;
            } else if args.is(at, "MINID") && operands > 0 {
                at = options.parse_bound(args, at, |text| id(text).map(Bound::Id))?;
            } else if args.is(at, "LIMIT") && operands > 0 {
                at += 1;
                let limit = u64::try_from(integer(args.at(at))?);
                options.limit = Some(limit.map_err(|_| Error::STREAM_LIMIT)?);
            } else if let Some(references) = references(args, at) {
                options.references = references;
            } else if adding && args.is(at, "NOMKSTREAM") {
                options.create = false;
            } else if adding && args.is(at, "IDMPAUTO") && operands > 0 {
                options.set_producer(args.at(at + 1), None)?;
                at += 1;
            } else if adding && args.is(at, "IDMP") && operands > 1 {
                options.set_producer(args.at(at + 1), Some(args.at(at + 2)))?;
                at += 2;
            } else if adding {
                let wanted = Id::parse_wanted(args.at(at), 0).ok_or(Error::STREAM_ID)?;
                options.id = Some(wanted);
                break;
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        options.id_at = at;
        options.check(adding)?;
        Ok(options)
    }

    fn set_producer(&mut self, name: &'a [u8], message: Option<&'a [u8]>) -> Result<(), Error> {
        if self.producer.is_some() {
            return Err(Error::STREAM_TWO_PRODUCERS);
        }
        if name.is_empty() || message.is_some_and(<[u8]>::is_empty) {
            return Err(Error::STREAM_PRODUCER_EMPTY);
        }
        self.producer = Some(Producer { name, message });
        Ok(())
    }

    /// Reads `[=|~] threshold` behind argument `at`; the index of its last argument.
    fn parse_bound(
        &mut self,
        args: Args<'_>,
        at: usize,
        read: impl Fn(&[u8]) -> Result<Bound, Error>,
    ) -> Result<usize, Error> {
        if self.bound.is_some() {
            return Err(Error::STREAM_TWO_BOUNDS);
        }
        let more = at + 2 < args.len();
        self.approximate = more && args.at(at + 1) == b"~";
        let exact = more && args.at(at + 1) == b"=";
        let at = at + 1 + usize::from(self.approximate || exact);
        self.bound = Some(read(args.at(at))?);
        Ok(at)
    }

    fn check(&self, adding: bool) -> Result<(), Error> {
        if self.producer.is_some() && self.id.is_some() {
            return Err(Error::STREAM_IDEMPOTENT_ID);
        }
        match (self.bound, self.limit) {
            (None, Some(1..)) => Err(Error::STREAM_LIMIT_ALONE),
            (None, _) if !adding => Err(Error::STREAM_NO_BOUND),
            (_, Some(_)) if !self.approximate => Err(Error::STREAM_LIMIT_EXACT),
            _ => Ok(()),
        }
    }

    fn trim(&self, config: &Config) -> Option<Trim> {
        let by_blocks = || match config.encoding.stream_node_max_entries {
            0 => TRIM_DEFAULT,
            entries => entries.saturating_mul(TRIM_BLOCKS_MAX).min(TRIM_MAX),
        };
        Some(Trim {
            bound: self.bound?,
            approximate: self.approximate,
            limit: match self.limit {
                Some(limit) => limit,
                None if self.approximate => by_blocks(),
                None => 0,
            },
        })
    }
}

pub(super) fn xadd(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args, true)?;
    let pairs = args.from(options.id_at + 1);
    if pairs.len() < 2 || !pairs.len().is_multiple_of(2) {
        return Err(Error::WrongArity("xadd"));
    }
    if options.id == Some(Wanted::Whole(Id::MIN)) {
        return Err(Error::STREAM_ID_ZERO);
    }
    let (config, now_ms) = (txn.config(), unix_ms(txn));
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let exists = edit.exists();
    if !exists && !options.create {
        reply.null();
        return DONE;
    }
    let stream = stream::create(&mut edit);
    let digest;
    let message = match options.producer {
        None => None,
        Some(Producer { name, message }) => {
            digest = stream::digest(pairs.clone());
            Some((name, message.unwrap_or(&digest)))
        }
    };
    if let Some((producer, message)) = message
        && let Some(id) = stream.producers_mut().seen(producer, message, now_ms)
    {
        reply_id(id, reply);
        return DONE;
    }
    let id = match append(stream, options.id, now_ms, pairs, config) {
        Ok(id) => id,
        Err(error) => {
            if !exists {
                edit.remove();
            }
            return Err(error);
        }
    };
    if let Some((producer, message)) = message {
        let producers = stream.producers_mut();
        producers.record(producer, message, id, now_ms);
    }
    reply_id(id, reply);
    let trimmed = options
        .trim(config)
        .is_some_and(|trim| stream.trim(&trim, options.references) > 0);
    edit.changed(Event::Stream("xadd"));
    if trimmed {
        edit.changed(Event::Stream("xtrim"));
    }
    DONE
}

fn append<'p>(
    stream: &mut Stream,
    wanted: Option<Wanted>,
    now_ms: u64,
    pairs: impl ExactSizeIterator<Item = &'p [u8]> + Clone,
    config: &Config,
) -> Result<Id, Error> {
    let log = stream.log_mut();
    if log.last_id() == Id::MAX {
        return Err(Error::STREAM_EXHAUSTED);
    }
    let added = log
        .next_id(wanted, now_ms)
        .and_then(|id| log.append(id, pairs, node_limits(config)).map(|()| id));
    added.map_err(|refused| match refused {
        Refused::NotBeyondLast => Error::STREAM_ID_NOT_BEYOND,
        Refused::TooLarge => Error::STREAM_TOO_LARGE,
    })
}

pub(super) fn xtrim(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args, false)?;
    let trim = options.trim(txn.config()).ok_or(Error::STREAM_NO_BOUND)?;
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let stream = stream::of_mut(&mut edit);
    let removed = stream.map_or(0, |stream| stream.trim(&trim, options.references));
    if removed > 0 {
        edit.changed(Event::Stream("xtrim"));
    }
    reply.count(removed);
    DONE
}

pub(super) fn xsetid(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let last = id(args.at(2))?;
    let (mut added, mut max_deleted) = (None, None);
    let mut at = 3;
    while at < args.len() {
        let operand = args.get(at + 1).ok_or(Error::Syntax)?;
        if args.is(at, "ENTRIESADDED") {
            let value = u64::try_from(integer(operand)?);
            added = Some(value.map_err(|_| Error::STREAM_ENTRIES_ADDED)?);
        } else if args.is(at, "MAXDELETEDID") {
            let deleted = id(operand)?;
            if last < deleted {
                return Err(Error::XSETID_BELOW_GIVEN_DELETED);
            }
            max_deleted = Some(deleted).filter(|deleted| *deleted != Id::MIN);
        } else {
            return Err(Error::Syntax);
        }
        at += 2;
    }
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let log = stream::of_mut(&mut edit).ok_or(Error::NoSuchKey)?.log_mut();
    if last < log.last_message_id() {
        return Err(Error::XSETID_BELOW_LAST);
    }
    if added.is_some_and(|added| log.len() as u64 > added) {
        return Err(Error::XSETID_BELOW_LENGTH);
    }
    log.set_id(last, added, max_deleted);
    edit.changed_unwatched(Event::Stream("xsetid"));
    reply.ok();
    DONE
}
