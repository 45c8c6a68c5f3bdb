//! Commands that change part of a string: `APPEND` and `SETRANGE`.

use super::super::spec::*;
use super::{length_of, stored};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, NewValue, Ttl, Txn};
use crate::protocol::{Args, Reply};

pub(super) fn append(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let limit = length_limit(txn);
    let tail = args.at(2);
    let mut edit = txn.edit(txn.key(0));
    let length = match edit.string()?.map(length_of) {
        None => {
            edit.store(stored(args, 2), Ttl::Clear);
            tail.len()
        }
        Some(length) => {
            let new_length = within(length, tail.len(), limit)?;
            edit.write_at(length, tail);
            new_length
        }
    };
    edit.changed(Event::String("append"));
    reply.count(length);
    DONE
}

pub(super) fn setrange(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let offset = number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?;
    let offset = usize::try_from(offset).map_err(|_| Error::OffsetOutOfRange)?;
    let limit = length_limit(txn);
    let bytes = args.at(3);
    let mut edit = txn.edit(txn.key(0));
    let length = edit.string()?.map_or(0, length_of);
    if bytes.is_empty() {
        reply.count(length);
        return DONE;
    }
    let end = within(offset, bytes.len(), limit)?;
    match args.blob(3) {
        Some(blob) if offset == 0 && blob.len() >= length => {
            edit.store(NewValue::Blob(blob), Ttl::Keep);
        }
        _ => edit.write_at(offset, bytes),
    }
    edit.changed(Event::String("setrange"));
    reply.count(length.max(end));
    DONE
}

/// Longest string that a command may make, in bytes.
fn length_limit(txn: &Txn<'_>) -> u64 {
    txn.config().limits.max_bulk_bytes
}

/// The sum of two lengths, if it is within the limit.
fn within(length: usize, more: usize, limit: u64) -> Result<usize, Error> {
    length
        .checked_add(more)
        .filter(|sum| *sum as u64 <= limit)
        .ok_or(Error::StringTooLong)
}
