//! Commands on several sorted sets: unions, intersections, differences. Sets are taken as well,
//! with a score of 1 for each member.

use super::super::spec::*;
use super::range::store;
use super::source::Source;
use super::{Layout, limits};
use crate::base::{float, number};
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Element;
use crate::values::zset::Gathering;
use smallvec::SmallVec;
use std::ops::ControlFlow;

/// What is made of several sorted sets.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of a member's scores.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
    /// The sum of the weights.
    Count,
}

impl Aggregate {
    /// The score a member has in one input.
    fn weighed(self, score: f64, weight: f64) -> f64 {
        match self {
            Aggregate::Count => weight,
            _ => score * weight,
        }
    }

    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Aggregate::Sum | Aggregate::Count => not_nan(one + other),
            Aggregate::Min if other < one => other,
            Aggregate::Max if other > one => other,
            Aggregate::Min | Aggregate::Max => one,
        }
    }
}

/// Infinities that cancel out, or are weighed by nothing, are 0.
fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A form of the commands.
#[derive(Clone, Copy)]
struct Form {
    operation: Operation,
    /// The command's name.
    name: &'static str,
    /// Is key 0 where the outcome is stored?
    store: bool,
    /// Is only the number of members wanted?
    cardinality: bool,
}

/// What is wanted beside the inputs.
struct Options {
    weights: SmallVec<[f64; 8]>,
    aggregate: Aggregate,
    scores: bool,
    /// Where counting ends; 0 is nowhere.
    limit: usize,
}

impl Form {
    const fn new(operation: Operation, name: &'static str) -> Form {
        Form {
            operation,
            name,
            store: false,
            cardinality: false,
        }
    }

    const fn stored(operation: Operation, name: &'static str) -> Form {
        let store = true;
        Form {
            store,
            ..Form::new(operation, name)
        }
    }

    /// Index of the number of inputs.
    fn numkeys(self) -> usize {
        1 + usize::from(self.store)
    }

    /// The number of inputs.
    fn inputs(self, args: Args<'_>) -> Result<usize, Error> {
        let numkeys = self.numkeys();
        let count = number::parse_i64(args.at(numkeys)).ok_or(Error::NotInteger)?;
        if count < 1 {
            return Err(Error::no_input_key(self.name));
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > args.len() - numkeys - 1 {
            return Err(Error::Syntax);
        }
        Ok(count)
    }

    fn options(self, args: Args<'_>, inputs: usize) -> Result<Options, Error> {
        let mut options = Options {
            weights: SmallVec::from_elem(1.0, inputs),
            aggregate: Aggregate::Sum,
            scores: false,
            limit: 0,
        };
        let scored = self.operation != Operation::Difference && !self.cardinality;
        let mut at = self.numkeys() + 1 + inputs;
        while at < args.len() {
            let left = args.len() - at;
            if scored && left > inputs && args.is(at, "weights") {
                for (weight, text) in options.weights.iter_mut().zip(args.from(at + 1)) {
                    *weight = float::parse_f64(text).ok_or(Error::WEIGHT_NOT_FLOAT)?;
                }
                at += 1 + inputs;
            } else if scored && left >= 2 && args.is(at, "aggregate") {
                options.aggregate = match args.at(at + 1).to_ascii_lowercase().as_slice() {
                    b"sum" => Aggregate::Sum,
                    b"min" => Aggregate::Min,
                    b"max" => Aggregate::Max,
                    b"count" => Aggregate::Count,
                    _ => return Err(Error::Syntax),
                };
                at += 2;
            } else if !self.store && !self.cardinality && args.is(at, "withscores") {
                options.scores = true;
                at += 1;
            } else if self.cardinality && left >= 2 && args.is(at, "limit") {
                options.limit = number::parse_i64(args.at(at + 1))
                    .and_then(|limit| usize::try_from(limit).ok())
                    .ok_or(Error::LIMIT_NEGATIVE)?;
                at += 2;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

fn run(txn: &mut Txn<'_>, args: Args<'_>, form: Form, reply: &mut Reply<'_>) -> Outcome {
    let inputs = form.inputs(args)?;
    let first = usize::from(form.store);
    for index in first..first + inputs {
        Source::admit(txn, txn.key(index))?;
    }
    let options = form.options(args, inputs)?;
    let mut sources: SmallVec<[(Source<'_>, f64); 8]> = options
        .weights
        .iter()
        .enumerate()
        .map(|(index, weight)| (Source::held(txn, txn.key(first + index)), *weight))
        .collect();
    if form.operation != Operation::Difference {
        // The order in which scores are added shows in their last digit.
        sources.sort_by_key(|(source, _)| source.len());
    }
    let visited = match form.operation {
        Operation::Intersection => inputs.saturating_mul(sources[0].0.len()),
        Operation::Union | Operation::Difference => {
            sources.iter().map(|(source, _)| source.len()).sum()
        }
    };
    if txn.is_long(visited) {
        return Ok(Flow::Long);
    }
    if form.cardinality {
        reply.count(common(&sources, options.limit));
        return DONE;
    }
    let members = match form.operation {
        Operation::Union => union(&sources, options.aggregate),
        Operation::Intersection => intersection(&sources, options.aggregate),
        Operation::Difference => difference(&sources),
    };
    drop(sources);
    if form.store {
        let (len, limits) = (members.len(), limits(txn));
        let event = form.name;
        store(txn, txn.key(0), members.into_value(limits), len, event);
        reply.count(len);
    } else {
        let layout = Layout::of(options.scores, reply);
        layout.head(members.len(), reply);
        members.for_each(|name, score| layout.member(Element::Bytes(name), score, reply));
    }
    DONE
}

fn union(sources: &[(Source<'_>, f64)], aggregate: Aggregate) -> Gathering {
    let largest = sources.last().map_or(0, |(source, _)| source.len());
    let mut members = Gathering::with_room(largest);
    for (source, weight) in sources {
        source.each(|name, score| {
            let score = not_nan(aggregate.weighed(score, *weight));
            name.with_text(|name| members.put(name, score, |old| aggregate.of(old, score)));
            ControlFlow::Continue(())
        });
    }
    members
}

fn intersection(sources: &[(Source<'_>, f64)], aggregate: Aggregate) -> Gathering {
    let mut members = Gathering::with_room(0);
    let [(smallest, weight), others @ ..] = sources else {
        return members;
    };
    smallest.each(|name, score| {
        name.with_text(|name| {
            let mut sum = not_nan(aggregate.weighed(score, *weight));
            for (other, weight) in others {
                let Some(score) = other.score(name) else {
                    return;
                };
                sum = aggregate.of(sum, aggregate.weighed(score, *weight));
            }
            members.put(name, sum, |_| sum);
        });
        ControlFlow::Continue(())
    });
    members
}

/// Number of members that all sources have, counted up to `limit`, if that is not 0.
fn common(sources: &[(Source<'_>, f64)], limit: usize) -> usize {
    let [(smallest, _), others @ ..] = sources else {
        return 0;
    };
    let mut count = 0;
    smallest.each(|name, _| {
        let everywhere = |name: &[u8]| others.iter().all(|(other, _)| other.score(name).is_some());
        count += usize::from(name.with_text(everywhere));
        if count == limit && limit > 0 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    count
}

fn difference(sources: &[(Source<'_>, f64)]) -> Gathering {
    let mut members = Gathering::with_room(0);
    let [(first, _), others @ ..] = sources else {
        return members;
    };
    first.each(|name, score| {
        name.with_text(|name| {
            if others.iter().all(|(other, _)| other.score(name).is_none()) {
                members.put(name, score, |_| score);
            }
        });
        ControlFlow::Continue(())
    });
    members
}

pub(super) fn zunion(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(txn, args, Form::new(Operation::Union, "zunion"), reply)
}

pub(super) fn zunionstore(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let form = Form::stored(Operation::Union, "zunionstore");
    run(txn, args, form, reply)
}

pub(super) fn zinter(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let form = Form::new(Operation::Intersection, "zinter");
    run(txn, args, form, reply)
}

pub(super) fn zinterstore(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let form = Form::stored(Operation::Intersection, "zinterstore");
    run(txn, args, form, reply)
}

pub(super) fn zintercard(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let form = Form {
        cardinality: true,
        ..Form::new(Operation::Intersection, "zintercard")
    };
    run(txn, args, form, reply)
}

pub(super) fn zdiff(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    run(txn, args, Form::new(Operation::Difference, "zdiff"), reply)
}

pub(super) fn zdiffstore(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let form = Form::stored(Operation::Difference, "zdiffstore");
    run(txn, args, form, reply)
}
