//! Commands that draw members at random: `SPOP` and `SRANDMEMBER`.

use super::super::elements::reply_element;
use super::super::iteration::Draw;
use super::super::spec::*;
use super::open;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::set::Set;

const POP_EVENT: Event = Event::Set("spop");

pub(super) fn spop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = args.get(2).map(|count| {
        let count = number::parse_i64(count).and_then(|count| usize::try_from(count).ok());
        count.ok_or(Error::MustBePositive)
    });
    if args.len() > 3 {
        return Err(Error::Syntax);
    }
    let count = count.transpose()?;
    let short_max = txn.short_elements_max();
    let mut random = txn.rng().clone();
    let mut edit = txn.edit_as(txn.key(0), Type::Set)?;
    let mut set = Set::new(&mut edit);
    let len = set.len();
    if count.is_some_and(|count| count.min(len) > short_max) {
        return Ok(Flow::Long);
    }
    match count {
        None => {
            if !set.pop(&mut random, |member| reply_element(member, reply)) {
                reply.null();
            }
        }
        Some(count) if count >= len => {
            reply.set(len);
            set.for_each(|member| reply_element(member, reply));
            if edit.remove() {
                edit.changed(POP_EVENT);
                edit.changed(Event::DEL);
            }
        }
        Some(count) => {
            reply.set(count);
            for _ in 0..count {
                set.pop(&mut random, |member| reply_element(member, reply));
            }
        }
    }
    if len > 0 && count.is_none_or(|count| (1..len).contains(&count)) {
        edit.changed(POP_EVENT);
    }
    drop(edit);
    *txn.rng() = random;
    DONE
}

pub(super) fn srandmember(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(Error::Syntax);
    }
    let draw = args.get(2).map(Draw::parse).transpose()?;
    let short_max = txn.short_elements_max();
    let mut random = txn.rng().clone();
    let set = open(txn)?;
    if draw.is_some_and(|draw| draw.elements(set.len()) > short_max) {
        return Ok(Flow::Long);
    }
    match draw {
        None if set.is_empty() => reply.null(),
        None => set.draw(1, &mut random, |member| {
            reply_element(member, reply);
            true
        }),
        Some(Draw::Distinct(count)) => {
            reply.array(count.min(set.len()));
            set.sample(count, &mut random, |member| reply_element(member, reply));
        }
        Some(Draw::Any(_)) if set.is_empty() => reply.array(0),
        Some(draw) if draw.is_endless() => return Err(Error::OutOfRange),
        Some(Draw::Any(count)) => {
            reply.array(count);
            let mut fits = true;
            set.draw(count, &mut random, |member| {
                reply_element(member, reply);
                fits = Draw::fits(reply);
                fits
            });
            if !fits {
                return Err(Error::OutOfRange);
            }
        }
    }
    *txn.rng() = random;
    DONE
}
