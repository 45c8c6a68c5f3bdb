//! `INCREX`: adds within bounds and sets the expiration, in one step.

use super::super::spec::*;
use super::expiry::Expiry;
use super::number::{FLOAT_EVENT, INTEGER_EVENT, float, integer};
use crate::base::long_double::LongDouble;
use crate::base::number;
use crate::error::{Bound, Error};
use crate::keyspace::{Edit, Event, NewValue, Ttl, Txn};
use crate::protocol::{Args, Reply};

/// How much to add; not read yet.
#[derive(Clone, Copy)]
enum Increment<'a> {
    Integer(&'a [u8]),
    Float(&'a [u8]),
}

/// The options, each at most once.
#[derive(Default)]
struct Options<'a> {
    increment: Option<Increment<'a>>,
    lower: Option<&'a [u8]>,
    upper: Option<&'a [u8]>,
    saturate: bool,
    expiry: Expiry<'a>,
    /// `ENX`: a deadline the key has stays.
    only_if_none: bool,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Options<'a>, Error> {
        let mut options = Options::default();
        let mut at = 2;
        while at < args.len() {
            at += options.take(args, at)?;
        }
        match (options.only_if_none, options.expiry) {
            (true, Expiry::Unsaid) => Err(Error::INCREX_ENX),
            (true, Expiry::Persist) => Err(Error::Syntax),
            _ => Ok(options),
        }
    }

    /// Takes the option at `at`; returns how many arguments it has.
    fn take(&mut self, args: Args<'a>, at: usize) -> Result<usize, Error> {
        let operand = || args.get(at + 1).ok_or(Error::Syntax);
        if args.is(at, "BYINT") {
            once(&mut self.increment, Increment::Integer(operand()?))?;
        } else if args.is(at, "BYFLOAT") {
            once(&mut self.increment, Increment::Float(operand()?))?;
        } else if args.is(at, "LBOUND") {
            once(&mut self.lower, operand()?)?;
        } else if args.is(at, "UBOUND") {
            once(&mut self.upper, operand()?)?;
        } else if args.is(at, "SATURATE") {
            return first(&mut self.saturate);
        } else if args.is(at, "ENX") {
            return first(&mut self.only_if_none);
        } else {
            let expiry = match Expiry::timed(args, at)? {
                Some(timed) => timed,
                None if args.is(at, "PERSIST") => Expiry::Persist,
                None => return Err(Error::Syntax),
            };
            if self.expiry != Expiry::Unsaid {
                return Err(Error::Syntax);
            }
            self.expiry = expiry;
            return Ok(expiry.width());
        }
        Ok(2)
    }
}

/// Fills an option that may be given once.
fn once<T>(option: &mut Option<T>, value: T) -> Result<(), Error> {
    match option.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::Syntax),
    }
}

/// Sets a flag that may be given once; it is one argument.
fn first(flag: &mut bool) -> Result<usize, Error> {
    match std::mem::replace(flag, true) {
        false => Ok(1),
        true => Err(Error::Syntax),
    }
}

pub(super) fn increx(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args)?;
    match options.increment {
        None => add_integer(txn, &options, 1, reply),
        Some(Increment::Integer(text)) => {
            let increment = number::parse_i64(text).ok_or(Error::INCREX_NOT_INTEGER)?;
            add_integer(txn, &options, increment, reply)
        }
        Some(Increment::Float(text)) => {
            let increment = LongDouble::parse(text).ok_or(Error::INCREX_NOT_FLOAT)?;
            if !increment.is_finite() {
                return Err(Error::INCREX_INFINITE_INCREMENT);
            }
            add_float(txn, &options, increment, reply)
        }
    }
}

fn add_integer(
    txn: &mut Txn<'_>,
    options: &Options<'_>,
    increment: i64,
    reply: &mut Reply<'_>,
) -> Outcome {
    let bound = |text: Option<&[u8]>, which, otherwise| match text {
        Some(text) => number::parse_i64(text).ok_or(Error::bound_not_integer(which)),
        None => Ok(otherwise),
    };
    let lower = bound(options.lower, Bound::Lower, i64::MIN)?;
    let upper = bound(options.upper, Bound::Upper, i64::MAX)?;
    if lower > upper {
        return Err(Error::INCREX_BOUNDS);
    }
    let ttl = options.expiry.ttl(txn, "increx")?;
    let mut edit = txn.edit(txn.key(0));
    let old = integer(&edit)?;
    let exact = old.checked_add(increment);
    let sum = match exact.filter(|sum| (lower..=upper).contains(sum)) {
        Some(sum) => sum,
        None if options.saturate => old.saturating_add(increment).clamp(lower, upper),
        None => {
            reply_pair(reply, |reply, new| reply.int(if new { old } else { 0 }));
            return DONE;
        }
    };
    let added = sum.checked_sub(old).ok_or(Error::INCREX_ADDED_OVERFLOW)?;
    store(&mut edit, NewValue::Int(sum), INTEGER_EVENT, options, ttl);
    reply_pair(reply, |reply, new| reply.int(if new { sum } else { added }));
    DONE
}

fn add_float(
    txn: &mut Txn<'_>,
    options: &Options<'_>,
    increment: LongDouble,
    reply: &mut Reply<'_>,
) -> Outcome {
    let bound = |text: Option<&[u8]>, which, otherwise| match text {
        Some(text) => LongDouble::parse(text).ok_or(Error::bound_not_float(which)),
        None => Ok(otherwise),
    };
    let lower = bound(options.lower, Bound::Lower, -LongDouble::largest())?;
    let upper = bound(options.upper, Bound::Upper, LongDouble::largest())?;
    if lower > upper {
        return Err(Error::INCREX_BOUNDS);
    }
    let ttl = options.expiry.ttl(txn, "increx")?;
    let mut edit = txn.edit(txn.key(0));
    let old = float(&edit)?;
    if !old.is_finite() {
        return Err(Error::INCREX_INFINITE_VALUE);
    }
    let exact = old + increment;
    let fits = exact.is_finite() && lower <= exact && exact <= upper;
    let sum = match (fits, options.saturate) {
        (true, _) => exact,
        (false, true) => clamp(
            clamp(exact, -LongDouble::largest(), LongDouble::largest()),
            lower,
            upper,
        ),
        (false, false) => {
            let text = [human(old), human(LongDouble::from(0))];
            reply_pair(reply, |reply, new| {
                reply.double_text(&text[usize::from(!new)])
            });
            return DONE;
        }
    };
    let added = sum - old;
    if !added.is_finite() {
        return Err(Error::INCREX_ADDED_INFINITE);
    }
    let text = [human(sum), human(added)];
    store(
        &mut edit,
        NewValue::Bytes(&text[0]),
        FLOAT_EVENT,
        options,
        ttl,
    );
    reply_pair(reply, |reply, new| {
        reply.double_text(&text[usize::from(!new)])
    });
    DONE
}

fn clamp(value: LongDouble, lower: LongDouble, upper: LongDouble) -> LongDouble {
    if value < lower {
        lower
    } else if value > upper {
        upper
    } else {
        value
    }
}

fn human(value: LongDouble) -> Vec<u8> {
    let mut text = Vec::new();
    value.write_human(&mut text);
    text
}

/// Replies with the new value and what was added, each written by `number` (true: the value).
fn reply_pair(reply: &mut Reply<'_>, number: impl Fn(&mut Reply<'_>, bool)) {
    reply.array(2);
    number(reply, true);
    number(reply, false);
}

/// Stores the sum and does as the options want with the deadline. `ttl` is what they say for a
/// key that has none.
fn store(
    edit: &mut Edit<'_, '_>,
    sum: NewValue<'_>,
    event: Event,
    options: &Options<'_>,
    ttl: Ttl,
) {
    let had_deadline = edit.view().is_some_and(|view| view.deadline().is_some());
    let kept = options.expiry == Expiry::Unsaid || options.only_if_none && had_deadline;
    match ttl {
        Ttl::At(deadline) if !kept && deadline <= edit.now_ms() => {
            edit.remove();
            edit.changed(Event::Generic("del"));
            return;
        }
        _ => edit.store(sum, if kept { Ttl::Keep } else { ttl }),
    }
    edit.changed(event);
    match ttl {
        Ttl::At(_) if !kept => edit.changed(Event::Generic("expire")),
        Ttl::Clear if !kept && had_deadline => edit.changed(Event::Generic("persist")),
        _ => {}
    }
}
