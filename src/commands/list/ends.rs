//! What works on the ends of a list.

use super::super::spec::{DONE, Flow, Outcome};
use super::{limits, parse_end, parse_from, reply_item};
use crate::error::Error;
use crate::keyspace::{Event, Key, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::list::{End, List};

pub(super) fn llen(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let stored = txn.read_as(txn.key(0), Type::List)?;
    reply.count(List::new(stored).len());
    DONE
}

pub(super) fn lpush(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(txn, args, reply, End::Left, false)
}

pub(super) fn lpushx(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(txn, args, reply, End::Left, true)
}

pub(super) fn rpush(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(txn, args, reply, End::Right, false)
}

pub(super) fn rpushx(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    push(txn, args, reply, End::Right, true)
}

fn push(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    end: End,
    must_exist: bool,
) -> Outcome {
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::List)?;
    if must_exist && !edit.exists() {
        reply.int(0);
        return DONE;
    }
    let mut list = List::new(&mut edit);
    list.push(end, args.from(2), limits);
    reply.count(list.len());
    edit.changed(pushed(end));
    DONE
}

pub(super) fn lpop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(txn, args, reply, End::Left, "lpop")
}

pub(super) fn rpop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    pop(txn, args, reply, End::Right, "rpop")
}

fn pop(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    end: End,
    name: &'static str,
) -> Outcome {
    let count = match args.len() {
        2 => None,
        3 => Some(parse_from(args.at(2), 0, Error::MustBePositive)?),
        _ => return Err(Error::WrongArity(name)),
    };
    let (limits, short_max) = (limits(txn), txn.short_elements_max());
    let mut edit = txn.edit_as(txn.key(0), Type::List)?;
    let mut list = List::new(&mut edit);
    if count.is_some_and(|count| count.min(list.len()) > short_max) {
        return Ok(Flow::Long);
    }
    match (count, list.at_end(end)) {
        (None, None) => reply.null(),
        (Some(_), None) => reply.null_array(),
        (Some(0), Some(_)) => reply.array(0),
        (None, Some(item)) => {
            reply_item(reply, item);
            list.remove_from_end(end, 1, limits);
            edit.changed(popped(end));
        }
        (Some(count), Some(_)) => {
            let items = list.from_end(end, count);
            reply.array(items.len());
            items.for_each(|item| reply_item(reply, item));
            list.remove_from_end(end, count, limits);
            edit.changed(popped(end));
        }
    }
    DONE
}

pub(super) fn lmpop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let several = Several::parse(args, 1)?;
    match several.pop(txn, reply)? {
        Some(flow) => Ok(flow),
        None => {
            reply.null_array();
            DONE
        }
    }
}

/// What `LMPOP` and `BLMPOP` ask for.
pub(super) struct Several {
    end: End,
    count: usize,
}

impl Several {
    /// Reads the arguments from `numkeys` on.
    pub(super) fn parse(args: Args<'_>, numkeys: usize) -> Result<Several, Error> {
        let keys = parse_from(args.at(numkeys), 1, Error::NUMKEYS_NOT_POSITIVE)?;
        let at = keys.saturating_add(numkeys + 1);
        let end = parse_end(args, at)?;
        let count = match args.len() - at {
            1 => 1,
            3 if args.is(at + 1, "count") => {
                parse_from(args.at(at + 2), 1, Error::COUNT_NOT_POSITIVE)?
            }
            // What is wrong first is named first.
            more if more > 3 && args.is(at + 1, "count") => {
                parse_from(args.at(at + 2), 1, Error::COUNT_NOT_POSITIVE)?;
                return Err(Error::Syntax);
            }
            _ => return Err(Error::Syntax),
        };
        Ok(Several { end, count })
    }

    /// As [`pop_first`].
    pub(super) fn pop(
        &self,
        txn: &mut Txn<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Option<Flow>, Error> {
        pop_first(txn, self.end, self.count, |key, items| {
            reply.array(2);
            reply.bulk(key.bytes());
            reply.array(items.len());
            items.for_each(|item| reply_item(reply, item));
        })
    }
}

/// Takes up to `count` elements from the first list that has any, after `reply` has had the key
/// and them; none when no list has. If it is to be many, that is for the pool.
pub(super) fn pop_first(
    txn: &mut Txn<'_>,
    end: End,
    count: usize,
    reply: impl FnOnce(Key<'_>, crate::values::list::Iter<'_>),
) -> Result<Option<Flow>, Error> {
    let (limits, short_max) = (limits(txn), txn.short_elements_max());
    for index in 0..txn.key_count() {
        let key = txn.key(index);
        let mut edit = txn.edit_as(key, Type::List)?;
        let mut list = List::new(&mut edit);
        if count.min(list.len()) > short_max {
            return Ok(Some(Flow::Long));
        }
        if !list.is_empty() {
            reply(key, list.from_end(end, count));
            list.remove_from_end(end, count, limits);
            edit.changed(popped(end));
            return Ok(Some(Flow::Done));
        }
    }
    Ok(None)
}

/// What a push is called.
pub(super) fn pushed(end: End) -> Event {
    Event::List(match end {
        End::Left => "lpush",
        End::Right => "rpush",
    })
}

/// What a pop is called.
pub(super) fn popped(end: End) -> Event {
    Event::List(match end {
        End::Left => "lpop",
        End::Right => "rpop",
    })
}
