//! Bitmaps: strings whose bits are read, changed, counted and combined.

mod combine;
mod field;
mod range;

use super::spec::*;
use super::string::bytes_of;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Edit, Event, Txn, ValueRef};
use crate::protocol::{Args, Reply};
use crate::values::bits;

/// The family.
pub static FAMILY: Family = Family {
    group: "bitmap",
    category: category::BITMAP,
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::write("setbit", 4, setbit)
        .flags(DENYOOM)
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key offset value")
        .about(
            "Sets or clears one bit of a string and returns what it was.",
            "O(1)",
            "2.2.0",
        ),
    Command::read("getbit", 3, getbit)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key offset")
        .about("Returns one bit of a string.", "O(1)", "2.2.0"),
    Command::read("bitcount", -2, range::bitcount)
        .keys(&[key(1, Access::Read)])
        .syntax("key [start [end [BYTE|BIT]]]")
        .about(
            "Counts the set bits of a string or a part of it.",
            "O(N)",
            "2.6.0",
        ),
    Command::read("bitpos", -3, range::bitpos)
        .keys(&[key(1, Access::Read)])
        .syntax("key bit [start [end [BYTE|BIT]]]")
        .about(
            "Finds the first set or clear bit of a string or a part of it.",
            "O(N)",
            "2.8.7",
        ),
    Command::write("bitop", -4, combine::bitop)
        .flags(DENYOOM)
        .keys(&[key(2, Access::Overwrite), range(3, -1, 1, Access::Read)])
        .syntax("<AND|OR|XOR|NOT|DIFF|DIFF1|ANDOR|ONE> destkey key [key ...]")
        .about(
            "Combines strings bit by bit and stores the result.",
            "O(N)",
            "2.6.0",
        ),
    Command::write("bitfield", -2, field::bitfield)
        .flags(DENYOOM)
        .keys(&[key(1, Access::ReadUpdateByOptions).varying(field::access)])
        .syntax(
            "key [GET encoding offset|[OVERFLOW <WRAP|SAT|FAIL>] <SET encoding offset value|\
             INCRBY encoding offset increment> [GET encoding offset|[OVERFLOW <WRAP|SAT|FAIL>] \
             <SET encoding offset value|INCRBY encoding offset increment> ...]]",
        )
        .about(
            "Reads, sets and increments integers of any width within a string.",
            "O(1)",
            "3.2.0",
        ),
    Command::read("bitfield_ro", -2, field::bitfield_ro)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key [GET encoding offset [GET encoding offset ...]]")
        .about(
            "Reads integers of any width within a string.",
            "O(1)",
            "6.0.0",
        ),
]);

fn setbit(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let offset = bit_offset(args.at(2), txn)?;
    let set = match number::parse_i64(args.at(3)) {
        Some(bit @ (0 | 1)) => bit == 1,
        _ => return Err(Error::BIT_NOT_BIT),
    };
    let mut edit = txn.edit(txn.key(0));
    let (byte, grows) = byte_at(&edit, offset / 8)?;
    let mask = bits::bit_mask(offset);
    let was_set = byte & mask != 0;
    let new = if set { byte | mask } else { byte & !mask };
    edit.write_at(offset / 8, &[new]);
    if grows || was_set != set {
        edit.changed(CHANGED);
    }
    reply.int(was_set.into());
    DONE
}

/// What every command that sets bits tells watchers of keyspace events.
const CHANGED: Event = Event::String("setbit");

/// A byte of the string that is edited, and whether the string must grow to have it.
fn byte_at(edit: &Edit<'_, '_>, at: usize) -> Result<(u8, bool), Error> {
    let mut digits = itoa::Buffer::new();
    let bytes = match edit.string()? {
        Some(value) => bytes_of(value, &mut digits),
        None => &[],
    };
    Ok(match bytes.get(at) {
        Some(byte) => (*byte, false),
        None => (0, true),
    })
}

fn getbit(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let offset = bit_offset(args.at(2), txn)?;
    let mut digits = itoa::Buffer::new();
    let value = txn.read_string(txn.key(0))?;
    reply.int(bits::get(bytes_or_none(value, &mut digits), offset).into());
    DONE
}

/// A string's bytes; a key that does not exist is an empty string.
fn bytes_or_none<'v>(value: Option<ValueRef<'v>>, digits: &'v mut itoa::Buffer) -> &'v [u8] {
    value.map_or(&[], |value| bytes_of(value, digits))
}

/// Work on so many bytes is long: about a millisecond.
const LONG_BYTES: usize = 4 << 20;

/// May the handler answer that its work is long?
fn may_offload(txn: &Txn<'_>) -> bool {
    txn.is_long(usize::MAX)
}

/// Which bit an argument means: one that a string may have, within `proto-max-bulk-len`.
fn bit_offset(text: &[u8], txn: &Txn<'_>) -> Result<usize, Error> {
    let offset = number::parse_i64(text).ok_or(Error::BIT_OFFSET)?;
    within_limit(offset, txn)
}

fn within_limit(offset: i64, txn: &Txn<'_>) -> Result<usize, Error> {
    let limit = txn.config().limits.max_bulk_bytes;
    u64::try_from(offset)
        .ok()
        .filter(|offset| offset / 8 < limit)
        .map(|offset| offset as usize)
        .ok_or(Error::BIT_OFFSET)
}
