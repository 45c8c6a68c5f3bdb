//! What works on elements by their place, or by what they are.

use super::super::spec::{DONE, Flow, Outcome};
use super::{limits, parse_from, parse_int, reply_item};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::list::{List, Needle};
use smallvec::SmallVec;
use std::ops::Range;

pub(super) fn lindex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let stored = txn.read_as(txn.key(0), Type::List)?;
    let list = List::new(stored);
    if list.is_empty() {
        reply.null();
        return DONE;
    }
    match place(parse_int(args.at(2))?, list.len()).and_then(|index| list.get(index)) {
        Some(item) => reply_item(reply, item),
        None => reply.null(),
    }
    DONE
}

pub(super) fn lrange(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, stop) = (parse_int(args.at(2))?, parse_int(args.at(3))?);
    let most = txn.short_elements_max();
    let stored = txn.read_as(txn.key(0), Type::List)?;
    let list = List::new(stored);
    let range = bounds(start, stop, list.len());
    if range.len() > most {
        return Ok(Flow::Long);
    }
    let items = list.range(range.start, range.len());
    reply.array(items.len());
    items.for_each(|item| reply_item(reply, item));
    DONE
}

pub(super) fn lset(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::List)?;
    let mut list = List::new(&mut edit);
    if list.is_empty() {
        return Err(Error::NoSuchKey);
    }
    let index = place(parse_int(args.at(2))?, list.len()).ok_or(Error::INDEX_OUT_OF_RANGE)?;
    list.set(index, args.at(3), limits);
    edit.changed(Event::List("lset"));
    reply.ok();
    DONE
}

pub(super) fn linsert(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let behind = args.is(2, "after");
    if !behind && !args.is(2, "before") {
        return Err(Error::Syntax);
    }
    let (limits, most) = (limits(txn), txn.short_elements_max());
    let mut edit = txn.edit_as(txn.key(0), Type::List)?;
    let mut list = List::new(&mut edit);
    if list.is_empty() {
        reply.int(0);
        return DONE;
    }
    if list.len() > most {
        return Ok(Flow::Long);
    }
    let pivot = Needle::new(args.at(3));
    let Some(index) = list.iter().position(|item| pivot.is(item)) else {
        reply.int(-1);
        return DONE;
    };
    list.insert(index + usize::from(behind), args.at(4), limits);
    reply.count(list.len());
    edit.changed(Event::List("linsert"));
    DONE
}

pub(super) fn lrem(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = parse_int(args.at(2))?;
    let most = match usize::try_from(count.unsigned_abs()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(most) => most,
    };
    let (limits, long) = (limits(txn), txn.short_elements_max());
    let mut edit = txn.edit_as(txn.key(0), Type::List)?;
    let mut list = List::new(&mut edit);
    if list.len() > long {
        return Ok(Flow::Long);
    }
    let removed = list.remove_equal(args.at(3), most, count < 0, limits);
    if removed > 0 {
        edit.changed(Event::List("lrem"));
    }
    reply.count(removed);
    DONE
}

pub(super) fn ltrim(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (start, stop) = (parse_int(args.at(2))?, parse_int(args.at(3))?);
    let limits = limits(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::List)?;
    let mut list = List::new(&mut edit);
    if !list.is_empty() {
        let kept = bounds(start, stop, list.len());
        list.remove(kept.end, usize::MAX, limits);
        list.remove(0, kept.start, limits);
        edit.changed(Event::List("ltrim"));
    }
    reply.ok();
    DONE
}

pub(super) fn lpos(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let search = Search::parse(args)?;
    let long = txn.short_elements_max();
    let stored = txn.read_as(txn.key(0), Type::List)?;
    let list = List::new(stored);
    if list.len().min(search.looks) > long {
        return Ok(Flow::Long);
    }
    let Some(most) = search.most else {
        match search.places(&list, Needle::new(args.at(2)), 1).first() {
            Some(index) => reply.count(*index),
            None => reply.null(),
        }
        return DONE;
    };
    let places = search.places(&list, Needle::new(args.at(2)), most);
    reply.array(places.len());
    places.iter().for_each(|index| reply.count(*index));
    DONE
}

/// What `LPOS` looks for.
struct Search {
    /// The first match that counts, from 1.
    rank: u64,
    backwards: bool,
    /// How many matches; `None` for one that is not an array.
    most: Option<usize>,
    /// How many elements are looked at.
    looks: usize,
}

impl Search {
    fn parse(args: Args<'_>) -> Result<Search, Error> {
        let mut search = Search {
            rank: 1,
            backwards: false,
            most: None,
            looks: usize::MAX,
        };
        let all_if_zero = |number| if number == 0 { usize::MAX } else { number };
        for at in (3..args.len()).step_by(2) {
            let value = args.get(at + 1).ok_or(Error::Syntax)?;
            if args.is(at, "rank") {
                let rank = number::parse_i64(value).ok_or(Error::NotInteger)?;
                search.backwards = rank < 0;
                // The least integer has no positive counterpart, and is −1 to Redis.
                search.rank = rank.checked_abs().unwrap_or(1).unsigned_abs();
                if rank == 0 {
                    return Err(Error::LPOS_RANK);
                }
            } else if args.is(at, "count") {
                search.most = Some(all_if_zero(parse_from(value, 0, Error::LPOS_COUNT)?));
            } else if args.is(at, "maxlen") {
                search.looks = all_if_zero(parse_from(value, 0, Error::LPOS_MAXLEN)?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(search)
    }

    /// The indices of up to `most` matches.
    fn places<C: crate::values::content::Read>(
        &self,
        list: &List<C>,
        needle: Needle<'_>,
        most: usize,
    ) -> SmallVec<[usize; 16]> {
        let len = list.len();
        let items = if self.backwards {
            list.range_back(len.saturating_sub(1), self.looks)
        } else {
            list.range(0, self.looks)
        };
        let before = usize::try_from(self.rank - 1).unwrap_or(usize::MAX);
        let matches = items
            .enumerate()
            .filter(|(_, item)| needle.is(*item))
            .skip(before)
            .take(most);
        matches
            .map(|(step, _)| if self.backwards { len - 1 - step } else { step })
            .collect()
    }
}

/// The index an argument stands for; negative ones count from the end.
fn place(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i64 } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// The range that two inclusive arguments stand for.
fn bounds(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_end = |index: i64| if index < 0 { index + len as i64 } else { index };
    let start = usize::try_from(from_end(start)).unwrap_or(0);
    let end = from_end(stop).min(len as i64 - 1) + 1;
    let end = usize::try_from(end).unwrap_or(0);
    if start >= end { 0..0 } else { start..end }
}
