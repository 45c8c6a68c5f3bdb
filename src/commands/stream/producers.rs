//! `XCFGSET` and `XIDMPRECORD`: what is remembered of producers, so that no message is added twice.

use super::super::spec::*;
use super::arguments::{id, integer, unix_ms};
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream;

/// Longest that a message may be remembered, in seconds.
const DURATION_S_MAX: i64 = 86_400;
/// Most messages of a producer that may be remembered.
const COUNT_MAX: i64 = 10_000;

pub(super) fn xcfgset(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (mut duration_s, mut count_max) = (None, None);
    let mut at = 2;
    while at < args.len() {
        let operand = args.get(at + 1).ok_or(Error::Syntax)?;
        if args.is(at, "IDMP-DURATION") {
            let within = (1..=DURATION_S_MAX).contains(&integer(operand)?);
            let value = within.then_some(integer(operand)? as u32);
            duration_s = Some(value.ok_or(Error::STREAM_IDMP_DURATION)?);
        } else if args.is(at, "IDMP-MAXSIZE") {
            let within = (1..=COUNT_MAX).contains(&integer(operand)?);
            let value = within.then_some(integer(operand)? as u32);
            count_max = Some(value.ok_or(Error::STREAM_IDMP_MAXSIZE)?);
        } else {
            return Err(Error::Syntax);
        }
        at += 2;
    }
    if duration_s.is_none() && count_max.is_none() {
        return Err(Error::Syntax);
    }
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let stream = stream::of_mut(&mut edit).ok_or(Error::NoSuchKey)?;
    stream.producers_mut().configure(duration_s, count_max);
    edit.changed_unwatched(Event::Unnamed);
    reply.ok();
    DONE
}

pub(super) fn xidmprecord(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (producer, message) = (args.at(2), args.at(3));
    if producer.is_empty() || message.is_empty() {
        return Err(Error::STREAM_PRODUCER_EMPTY);
    }
    let id = id(args.at(4))?;
    let now_ms = unix_ms(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let stream = stream::of_mut(&mut edit).ok_or(Error::NoSuchKey)?;
    if !stream.log().contains(id) {
        return Err(Error::STREAM_NO_MESSAGE);
    }
    match stream.producers_mut().find(producer, message, now_ms) {
        Some(known) if known == id => {}
        Some(_) => return Err(Error::STREAM_OTHER_MESSAGE),
        None => {
            stream.producers_mut().record(producer, message, id, now_ms);
            edit.changed_unwatched(Event::Unnamed);
        }
    }
    reply.ok();
    DONE
}
