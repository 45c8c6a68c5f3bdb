//! Commands that replace whole strings: `SET` and its kin.

use super::super::spec::*;
use super::super::time_unit::Unit;
use super::condition::Comparison;
use super::expiry::{Expiry, deadline};
use super::{read, stored};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Key, NewValue, Ttl, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;

const SET_EVENT: Event = Event::String("set");

/// On what a key must be like to be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Condition<'a> {
    #[default]
    Always,
    Absent,
    Present,
    Value(Comparison<'a>),
}

#[derive(Default)]
struct Options<'a> {
    condition: Condition<'a>,
    /// Reply with the old value.
    get: bool,
    expiry: Expiry<'a>,
}

impl<'a> Options<'a> {
    /// Reads the options from argument `at` on; the last of several alike is in force. `extended`
    /// are those only `SET` has: `GET` and comparisons.
    fn parse(args: Args<'a>, mut at: usize, extended: bool) -> Result<Options<'a>, Error> {
        let mut options = Options::default();
        while at < args.len() {
            if args.is(at, "NX") {
                options.demand(Condition::Absent)?;
            } else if args.is(at, "XX") {
                options.demand(Condition::Present)?;
            } else if args.is(at, "GET") && extended {
                options.get = true;
            } else if args.is(at, "KEEPTTL") {
                options.expiry.say(Expiry::Keep)?;
            } else if let Some(said) = Expiry::timed(args, at)? {
                options.expiry.say(said)?;
                at += 1;
            } else {
                let operand = args.get(at + 1).filter(|_| extended);
                let comparison =
                    operand.and_then(|operand| Comparison::named(args.at(at), operand));
                options.demand(Condition::Value(comparison.ok_or(Error::Syntax)?))?;
                at += 1;
            }
            at += 1;
        }
        Ok(options)
    }

    fn demand(&mut self, condition: Condition<'a>) -> Result<(), Error> {
        let alike = match (self.condition, condition) {
            (Condition::Always, _) => true,
            (Condition::Value(a), Condition::Value(b)) => {
                std::mem::discriminant(&a) == std::mem::discriminant(&b)
            }
            (a, b) => a == b,
        };
        if !alike {
            return Err(Error::Syntax);
        }
        self.condition = condition;
        Ok(())
    }
}

/// What this `SET` does with its key. As Redis does, an option's value that reads `GET` is taken
/// for the option: too many rights are asked for rather than too few.
pub(super) fn access(args: Args<'_>) -> Access {
    match args.from(3).any(|arg| arg.eq_ignore_ascii_case(b"GET")) {
        true => Access::ReadUpdate,
        false => Access::Overwrite,
    }
}

pub(super) fn set(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 3 {
        return set_with_options(txn, args, reply);
    }
    let mut edit = txn.edit(txn.key(0));
    edit.tell_overwritten(Type::String);
    edit.store(stored(args, 2), Ttl::Clear);
    edit.changed(SET_EVENT);
    reply.ok();
    DONE
}

fn set_with_options(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args, 3, true)?;
    let ttl = options.expiry.ttl(txn, "set")?;
    if options.get {
        read::get(txn, args, reply)?;
    }
    let done = holds(txn, txn.key(0), options.condition)?;
    if done {
        put(txn, txn.key(0), stored(args, 2), ttl);
    }
    match (options.get, done) {
        (true, _) => {}
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    DONE
}

/// Is the key as the condition wants it?
fn holds<'a>(txn: &mut Txn<'a>, key: Key<'a>, condition: Condition<'_>) -> Result<bool, Error> {
    let edit = match condition {
        Condition::Always => return Ok(true),
        _ => txn.edit(key),
    };
    match condition {
        Condition::Always => Ok(true),
        Condition::Absent => Ok(!edit.exists()),
        Condition::Present => Ok(edit.exists()),
        Condition::Value(comparison) => match edit.string()? {
            Some(value) => comparison.holds(value),
            None => Ok(comparison.holds_for_none()),
        },
    }
}

/// Stores a string. With a deadline that has passed, the key is gone instead.
fn put<'a>(txn: &mut Txn<'a>, key: Key<'a>, value: NewValue<'_>, ttl: Ttl) {
    let mut edit = txn.edit(key);
    match ttl {
        Ttl::At(deadline) if deadline <= edit.now_ms() => {
            edit.remove();
            edit.changed(Event::Generic("del"));
        }
        Ttl::At(_) => {
            edit.tell_overwritten(Type::String);
            edit.store(value, ttl);
            edit.changed(SET_EVENT);
            edit.changed(Event::Generic("expire"));
        }
        Ttl::Keep | Ttl::Clear => {
            edit.tell_overwritten(Type::String);
            edit.store(value, ttl);
            edit.changed(SET_EVENT);
        }
    }
}

pub(super) fn setnx(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit(txn.key(0));
    let done = !edit.exists();
    if done {
        edit.store(stored(args, 2), Ttl::Clear);
        edit.changed(SET_EVENT);
    }
    reply.int(done.into());
    DONE
}

pub(super) fn setex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let deadline = deadline(Unit::Seconds, args.at(2), txn, "setex")?;
    put(txn, txn.key(0), stored(args, 3), Ttl::At(deadline));
    reply.ok();
    DONE
}

pub(super) fn psetex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let deadline = deadline(Unit::Millis, args.at(2), txn, "psetex")?;
    put(txn, txn.key(0), stored(args, 3), Ttl::At(deadline));
    reply.ok();
    DONE
}

pub(super) fn getset(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    read::get(txn, args, reply)?;
    put(txn, txn.key(0), stored(args, 2), Ttl::Clear);
    DONE
}

pub(super) fn mset(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(Error::WrongArity("mset"));
    }
    put_all(txn, args.skip(2), Ttl::Clear);
    reply.ok();
    DONE
}

pub(super) fn msetnx(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len().is_multiple_of(2) {
        return Err(Error::WrongArity("msetnx"));
    }
    let done = all_hold(txn, Condition::Absent)?;
    if done {
        put_all(txn, args.skip(2), Ttl::Clear);
    }
    reply.int(done.into());
    DONE
}

pub(super) fn msetex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = number::parse_i64(args.at(1)).and_then(|count| i32::try_from(count).ok());
    let count = count
        .filter(|count| *count > 0)
        .ok_or(Error::MSETEX_COUNT)? as usize;
    let options_at = 2 + 2 * count;
    if options_at > args.len() {
        return Err(Error::MSETEX_PAIRS);
    }
    let options = Options::parse(args, options_at, false)?;
    let ttl = options.expiry.ttl(txn, "msetex")?;
    let done = all_hold(txn, options.condition)?;
    if done {
        put_all(txn, args.skip(3), ttl);
    }
    reply.int(done.into());
    DONE
}

fn all_hold(txn: &mut Txn<'_>, condition: Condition<'_>) -> Result<bool, Error> {
    for index in 0..txn.key_count() {
        if !holds(txn, txn.key(index), condition)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sets every key of the request, in order; `values` begins with the first value, and every
/// second argument is one.
fn put_all(txn: &mut Txn<'_>, values: Args<'_>, ttl: Ttl) {
    for index in 0..txn.key_count() {
        put(txn, txn.key(index), stored(values, 2 * index), ttl);
    }
}
