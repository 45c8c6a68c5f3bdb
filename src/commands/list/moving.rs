//! Moves between lists.

use super::super::spec::{DONE, Otherwise, Outcome};
use super::super::timeout;
use super::blocking::wait;
use super::ends::{popped, pushed};
use super::{limits, parse_end, parse_from};
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::list::{End, Item, List};
use smallvec::SmallVec;

pub(super) fn lmove(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (from, to) = (parse_end(args, 3)?, parse_end(args, 4)?);
    at_once(txn, reply, &Move::one(from, to))
}

pub(super) fn rpoplpush(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    at_once(txn, reply, &Move::one(End::Right, End::Left))
}

pub(super) fn blmove(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (from, to) = (parse_end(args, 3)?, parse_end(args, 4)?);
    let timeout_ms = timeout::seconds(txn, args.at(5))?;
    or_wait(txn, reply, &Move::one(from, to), timeout_ms)
}

pub(super) fn brpoplpush(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let timeout_ms = timeout::seconds(txn, args.at(3))?;
    or_wait(txn, reply, &Move::one(End::Right, End::Left), timeout_ms)
}

pub(super) fn lmovem(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    at_once(txn, reply, &Move::parse(args, 5)?)
}

pub(super) fn blmovem(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let asked = Move::parse(args, 6)?;
    let timeout_ms = timeout::seconds(txn, args.at(5))?;
    or_wait(txn, reply, &asked, timeout_ms)
}

fn at_once(txn: &mut Txn<'_>, reply: &mut Reply<'_>, asked: &Move) -> Outcome {
    if !asked.run(txn, reply)? {
        reply.null();
    }
    DONE
}

fn or_wait(
    txn: &mut Txn<'_>,
    reply: &mut Reply<'_>,
    asked: &Move,
    timeout_ms: Option<u64>,
) -> Outcome {
    if asked.run(txn, reply)? {
        return DONE;
    }
    Ok(wait(timeout_ms, Otherwise::NullArrayInTime))
}

/// A move from key 0 to key 1.
struct Move {
    from: End,
    to: End,
    count: usize,
    /// Only if there are as many as `count`.
    exactly: bool,
    /// Do they keep the order they had? Else it is that in which they would be pushed singly.
    in_order: bool,
    /// Is the reply an array, also of one?
    many: bool,
}

impl Move {
    fn one(from: End, to: End) -> Move {
        Move {
            from,
            to,
            count: 1,
            exactly: false,
            in_order: false,
            many: false,
        }
    }

    /// The ends, and from argument `at` on, how many.
    fn parse(args: Args<'_>, at: usize) -> Result<Move, Error> {
        let one = Move::one(parse_end(args, 3)?, parse_end(args, 4)?);
        let mut asked = Move { many: true, ..one };
        if args.len() == at {
            return Ok(asked);
        }
        asked.exactly = args.is(at, "exactly");
        asked.in_order = args.is(at + 2, "bulk");
        let known = asked.exactly || args.is(at, "count");
        if args.len() != at + 3 || !known || !(asked.in_order || args.is(at + 2, "obo")) {
            return Err(Error::Syntax);
        }
        asked.count = parse_from(args.at(at + 1), 1, Error::COUNT_NOT_POSITIVE)?;
        Ok(asked)
    }

    /// Moves; false when there is nothing to move. Both types are checked before anything changes.
    fn run(&self, txn: &mut Txn<'_>, reply: &mut Reply<'_>) -> Result<bool, Error> {
        let limits = limits(txn);
        let (source, target) = (txn.key(0), txn.key(1));
        let Some(moved) = self.take(txn)? else {
            return Ok(false);
        };
        if txn.kind_of(target).is_some_and(|kind| kind != Type::List) {
            return Err(Error::WrongType);
        }
        let count = moved.len();
        // In the order of the list they go to.
        let in_order = moved.iter().map(|text| text.as_slice());
        let rotates = source.bytes() == target.bytes();
        let mut edit = txn.edit_as(target, Type::List)?;
        if rotates {
            List::new(&mut edit).remove_from_end(self.from, count, limits);
        }
        match self.to {
            End::Right => List::new(&mut edit).push(End::Right, in_order, limits),
            End::Left => List::new(&mut edit).push(End::Left, in_order.rev(), limits),
        }
        edit.changed(pushed(self.to));
        if !rotates {
            drop(edit);
            edit = txn.edit_as(source, Type::List)?;
            List::new(&mut edit).remove_from_end(self.from, count, limits);
        }
        edit.changed(popped(self.from));
        if self.many {
            reply.array(count);
        }
        moved.iter().for_each(|text| reply.bulk(text));
        Ok(true)
    }

    /// Copies what is to be moved, in the order it will have.
    fn take(&self, txn: &mut Txn<'_>) -> Result<Option<SmallVec<[Text; 1]>>, Error> {
        let edit = txn.edit_as(txn.key(0), Type::List)?;
        let list = List::new(&edit);
        if list.is_empty() || self.exactly && list.len() < self.count {
            return Ok(None);
        }
        let items = list.from_end(self.from, self.count);
        let mut moved: SmallVec<[Text; 1]> = items.map(Item::to_small).collect();
        let reversed = if self.in_order {
            self.from == End::Right
        } else {
            self.to == End::Left
        };
        if reversed {
            moved.reverse();
        }
        Ok(Some(moved))
    }
}

/// An element on its way.
type Text = SmallVec<[u8; 64]>;
