//! Intersections, unions and differences.

use super::super::iteration::Found;
use super::super::spec::*;
use super::limits;
use crate::error::Error;
use crate::keyspace::collection::Stored;
use crate::keyspace::{Event, Ttl, Txn};
use crate::protocol::{Args, Reply};
use crate::values::set::{Set, SetLimits};
use crate::values::{Element, Type, Value};
use smallvec::SmallVec;

/// The sets of a request.
pub(super) type Sets<'t> = SmallVec<[Set<Stored<'t>>; 8]>;

/// What is computed from several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Inter,
    Union,
    Diff,
}

impl Operation {
    fn event(self) -> Event {
        Event::Set(match self {
            Operation::Inter => "sinterstore",
            Operation::Union => "sunionstore",
            Operation::Diff => "sdiffstore",
        })
    }
}

pub(super) fn sinter(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(Operation::Inter, txn, reply)
}

pub(super) fn sunion(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(Operation::Union, txn, reply)
}

pub(super) fn sdiff(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(Operation::Diff, txn, reply)
}

pub(super) fn sinterstore(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    store(Operation::Inter, txn, reply)
}

pub(super) fn sunionstore(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    store(Operation::Union, txn, reply)
}

pub(super) fn sdiffstore(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    store(Operation::Diff, txn, reply)
}

/// The sets from key `first` on; all types are checked before any set is looked into.
pub(super) fn open_all<'t>(txn: &'t mut Txn<'_>, first: usize) -> Result<Sets<'t>, Error> {
    for index in first..txn.key_count() {
        txn.read_as(txn.key(index), Type::Set)?;
    }
    let txn: &'t Txn<'_> = txn;
    let keys = first..txn.key_count();
    Ok(keys
        .map(|index| Set::new(txn.held(txn.key(index))))
        .collect())
}

/// Members that are looked at, about.
pub(super) fn work(operation: Operation, sets: &[Set<Stored<'_>>]) -> usize {
    let lens = sets.iter().map(Set::len);
    match operation {
        Operation::Inter => lens.min().unwrap_or(0).saturating_mul(sets.len()),
        Operation::Union => lens.sum(),
        Operation::Diff if sets[0].is_empty() => 0,
        Operation::Diff => lens
            .sum::<usize>()
            .min(sets[0].len().saturating_mul(sets.len())),
    }
}

/// Replies with the result.
fn tell(operation: Operation, txn: &mut Txn<'_>, reply: &mut Reply<'_>) -> Outcome {
    let limits = limits(txn);
    let short_max = txn.short_elements_max();
    let sets = open_all(txn, 0)?;
    if work(operation, &sets) > short_max {
        return Ok(Flow::Long);
    }
    let mut found = Found::default();
    let mut add = |element: Element<'_>| {
        element.with_text(|member| found.add(member));
        true
    };
    match operation {
        Operation::Inter => inter(sets, add),
        Operation::Diff => diff(&sets, add),
        Operation::Union => {
            let value = union(&sets, limits);
            Set::new(&value).for_each(|element| {
                add(element);
            });
        }
    }
    found.reply_as_set(reply);
    DONE
}

/// Stores the result in the first key, and replies how large it is.
fn store(operation: Operation, txn: &mut Txn<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(value) = compute(operation, txn)? else {
        return Ok(Flow::Long);
    };
    let len = Set::new(&value).len();
    let mut edit = txn.edit(txn.key(0));
    let existed = edit.exists();
    edit.store_as(Type::Set, value, Ttl::Clear);
    if len > 0 {
        edit.changed(operation.event());
    } else if existed {
        edit.changed(Event::Generic("del"));
    }
    reply.count(len);
    DONE
}

/// The result over all keys but the first; none when it is work for the pool.
fn compute(operation: Operation, txn: &mut Txn<'_>) -> Result<Option<Value>, Error> {
    let limits = limits(txn);
    let short_max = txn.short_elements_max();
    let sets = open_all(txn, 1)?;
    if work(operation, &sets) > short_max {
        return Ok(None);
    }
    Ok(Some(if operation == Operation::Union {
        union(&sets, limits)
    } else {
        let mut value = Value::default();
        let mut result = Set::new(&mut value);
        let add = |element: Element<'_>| {
            element.with_text(|member| result.add(member, limits));
            true
        };
        if operation == Operation::Inter {
            inter(sets, add);
        } else {
            diff(&sets, add);
        }
        value
    }))
}

/// Visits what all sets have, until `visit` returns false: the members of the smallest set, looked
/// up in the others.
pub(super) fn inter(mut sets: Sets<'_>, mut visit: impl FnMut(Element<'_>) -> bool) {
    sets.sort_by_key(Set::len);
    let Some((smallest, others)) = sets.split_first() else {
        return;
    };
    smallest.visit(|element| {
        let everywhere = element.with_text(|member| others.iter().all(|set| set.contains(member)));
        !everywhere || visit(element)
    });
}

/// Visits what the first set has and none of the others, until `visit` returns false.
///
/// Each member is looked up in the others, or the others' members are taken out of a copy of the
/// first, whichever looks at fewer members.
pub(super) fn diff(sets: &[Set<Stored<'_>>], mut visit: impl FnMut(Element<'_>) -> bool) {
    let Some((first, others)) = sets.split_first() else {
        return;
    };
    let lookups = first.len().saturating_mul(others.len()) / 2;
    let removals: usize = sets.iter().map(Set::len).sum();
    if lookups <= removals {
        first.visit(|element| {
            let nowhere =
                element.with_text(|member| !others.iter().any(|set| set.contains(member)));
            !nowhere || visit(element)
        });
        return;
    }
    let mut value = Value::of(first.content());
    let mut rest = Set::new(&mut value);
    for set in others {
        set.visit(|element| {
            element.with_text(|member| rest.remove(member));
            !rest.is_empty()
        });
    }
    rest.visit(visit);
}

/// All members of all sets.
pub(super) fn union(sets: &[Set<Stored<'_>>], limits: SetLimits) -> Value {
    // The largest is copied as it is, the others are added; unless the result may be packed.
    let largest = (0..sets.len())
        .filter(|index| sets[*index].len() > limits.packed.entries.max(limits.intset_entries))
        .max_by_key(|index| sets[*index].len());
    let mut value = largest.map_or_else(Value::default, |index| Value::of(sets[index].content()));
    let mut all = Set::new(&mut value);
    for (index, set) in sets.iter().enumerate() {
        if Some(index) != largest {
            set.for_each(|element| {
                element.with_text(|member| all.add(member, limits));
            });
        }
    }
    value
}
