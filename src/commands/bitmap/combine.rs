//! `BITOP`: strings combined bit by bit.

use super::super::spec::*;
use super::{LONG_BYTES, may_offload};
use crate::error::Error;
use crate::keyspace::{Event, NewValue, Ttl, Txn, ValueRef};
use crate::protocol::output::Blob;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::bits::{Combine, combine};
use smallvec::SmallVec;
use std::sync::Arc;

pub(super) fn bitop(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let how = operation(args)?;
    let sources = sources(txn)?;
    let slices: SmallVec<[&[u8]; 8]> = sources.iter().map(Source::bytes).collect();
    let total: usize = slices.iter().map(|slice| slice.len()).sum();
    if total >= LONG_BYTES && may_offload(txn) {
        return Ok(Flow::Long);
    }
    let result = combine(how, &slices);
    let length = result.len();
    let mut edit = txn.edit(txn.key(0));
    if length > 0 {
        edit.tell_overwritten(Type::String);
        // Never as an integer, whatever it looks like.
        if length >= crate::keyspace::entry::INLINE_MAX {
            edit.store(NewValue::Blob(&Arc::new(result)), Ttl::Clear);
        } else {
            edit.store(NewValue::RawBytes(&result), Ttl::Clear);
        }
        edit.changed(Event::String("set"));
    } else if edit.remove() {
        edit.changed(Event::Generic("del"));
    }
    reply.count(length);
    DONE
}

fn operation(args: Args<'_>) -> Result<Combine, Error> {
    let sources = args.len() - 3;
    let (how, name) = OPERATIONS
        .iter()
        .find(|(_, name)| args.is(1, name))
        .ok_or(Error::Syntax)?;
    match how {
        Combine::Not if sources != 1 => Err(Error::BITOP_NOT_SOURCES),
        Combine::Diff | Combine::Diff1 | Combine::AndOr if sources < 2 => {
            Err(Error::bitop_sources(name))
        }
        how => Ok(*how),
    }
}

const OPERATIONS: &[(Combine, &str)] = &[
    (Combine::And, "AND"),
    (Combine::Or, "OR"),
    (Combine::Xor, "XOR"),
    (Combine::Not, "NOT"),
    (Combine::Diff, "DIFF"),
    (Combine::Diff1, "DIFF1"),
    (Combine::AndOr, "ANDOR"),
    (Combine::One, "ONE"),
];

/// A string that is combined, held while others are looked up: a large one is shared.
enum Source {
    Small(SmallVec<[u8; 32]>),
    Large(Blob),
}

impl Source {
    fn bytes(&self) -> &[u8] {
        match self {
            Source::Small(bytes) => bytes,
            Source::Large(blob) => blob,
        }
    }
}

fn sources(txn: &mut Txn<'_>) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::with_capacity(txn.key_count() - 1);
    for index in 1..txn.key_count() {
        sources.push(match txn.read_string(txn.key(index))? {
            None => Source::Small(SmallVec::new()),
            Some(ValueRef::Int(number)) => {
                let mut digits = itoa::Buffer::new();
                Source::Small(digits.format(number).as_bytes().into())
            }
            Some(ValueRef::Bytes(bytes)) => Source::Small(bytes.into()),
            Some(ValueRef::Blob(blob)) => Source::Large(Arc::clone(blob)),
        });
    }
    Ok(sources)
}
