//! Strings.
//!
//! A string is stored as an integer, in its entry, or as a blob that replies quote without a copy
//! (see [`crate::keyspace::entry`]). Handlers meet it as a [`ValueRef`].

mod condition;
mod delete;
mod expiry;
mod increx;
mod lcs;
mod number;
mod read;
mod rows;
mod set;
mod splice;

use super::spec::category;
use super::table::Family;
use crate::base::number as text;
use crate::keyspace::{NewValue, ValueRef};
use crate::protocol::{Args, Reply};

/// The family.
pub static FAMILY: Family = Family {
    group: "string",
    category: category::STRING,
    commands: rows::COMMANDS,
};

/// Replies with a string as it is stored.
#[inline]
pub(super) fn reply_value(value: ValueRef<'_>, reply: &mut Reply<'_>) {
    match value {
        ValueRef::Int(number) => reply.bulk_int(number),
        ValueRef::Bytes(bytes) => reply.bulk(bytes),
        ValueRef::Blob(blob) => reply.bulk_blob(blob),
    }
}

#[inline]
fn encode(bytes: &[u8]) -> NewValue<'_> {
    match text::parse_i64(bytes) {
        Some(number) => NewValue::Int(number),
        None => NewValue::Bytes(bytes),
    }
}

/// An argument as it is to be stored: integers in their own form, what has memory of its own as
/// it is.
#[inline]
pub(super) fn stored(args: Args<'_>, index: usize) -> NewValue<'_> {
    match args.blob(index) {
        Some(blob) => NewValue::Blob(blob),
        None => encode(args.at(index)),
    }
}

/// A string's bytes; those of an integer are written to `digits`.
pub(super) fn bytes_of<'v>(value: ValueRef<'v>, digits: &'v mut itoa::Buffer) -> &'v [u8] {
    match value {
        ValueRef::Int(number) => digits.format(number).as_bytes(),
        ValueRef::Bytes(bytes) => bytes,
        ValueRef::Blob(blob) => blob,
    }
}

/// A string's length in bytes.
fn length_of(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Int(number) => text::text_length(number),
        ValueRef::Bytes(bytes) => bytes.len(),
        ValueRef::Blob(blob) => blob.len(),
    }
}
