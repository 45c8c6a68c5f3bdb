//! `BITFIELD`: integers of any width within a string.

use super::super::spec::*;
use super::{CHANGED, bytes_or_none, within_limit};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::bits::{Field, Overflow};
use smallvec::SmallVec;

/// One thing to do with a field.
#[derive(Clone, Copy)]
struct Operation {
    field: Field,
    /// The first bit.
    offset: usize,
    action: Action,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

impl Operation {
    /// The bytes a string must have for it.
    fn bytes(&self) -> usize {
        (self.offset + self.field.width()).div_ceil(8)
    }
}

/// The operations of one request.
type Operations = SmallVec<[Operation; 4]>;

/// What this `BITFIELD` does with its key: only with nothing but `GET` it reads. What it does not
/// understand counts as writing.
pub(super) fn access(args: Args<'_>) -> Access {
    let mut at = 2;
    while at < args.len() {
        let behind = args.len() - at - 1;
        at += match () {
            () if args.is(at, "get") && behind >= 2 => 3,
            () if args.is(at, "overflow") && behind >= 1 => 2,
            () => return Access::ReadUpdate,
        };
    }
    Access::Read
}

pub(super) fn bitfield(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let operations = parse(args, txn)?;
    match bytes_needed(&operations) {
        None => read(txn, &operations, reply),
        Some(length) => write(txn, &operations, length, reply),
    }
}

pub(super) fn bitfield_ro(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let operations = parse(args, txn)?;
    if bytes_needed(&operations).is_some() {
        return Err(Error::BITFIELD_READ_ONLY);
    }
    read(txn, &operations, reply)
}

fn parse(args: Args<'_>, txn: &Txn<'_>) -> Result<Operations, Error> {
    let mut operations = Operations::new();
    let mut overflow = Overflow::Wrap;
    let mut at = 2;
    while at < args.len() {
        let following = args.len() - at - 1;
        if args.is(at, "OVERFLOW") && following >= 1 {
            overflow = overflow_mode(args, at + 1)?;
            at += 2;
            continue;
        }
        let value_wanted = if args.is(at, "GET") && following >= 2 {
            false
        } else if (args.is(at, "SET") || args.is(at, "INCRBY")) && following >= 3 {
            true
        } else {
            return Err(Error::Syntax);
        };
        let field = Field::parse(args.at(at + 1)).ok_or(Error::BITFIELD_TYPE)?;
        let offset = field_offset(args.at(at + 2), field, txn)?;
        let mut action = Action::Get;
        if value_wanted {
            let value = number::parse_i64(args.at(at + 3)).ok_or(Error::NotInteger)?;
            action = if args.is(at, "SET") {
                Action::Set(value, overflow)
            } else {
                Action::Increment(value, overflow)
            };
        }
        operations.push(Operation {
            field,
            offset,
            action,
        });
        at += 3 + usize::from(value_wanted);
    }
    Ok(operations)
}

fn overflow_mode(args: Args<'_>, index: usize) -> Result<Overflow, Error> {
    const MODES: [(&str, Overflow); 3] = [
        ("WRAP", Overflow::Wrap),
        ("SAT", Overflow::Saturate),
        ("FAIL", Overflow::Fail),
    ];
    let mode = MODES.iter().find(|(name, _)| args.is(index, name));
    mode.map(|(_, mode)| *mode).ok_or(Error::BITFIELD_OVERFLOW)
}

/// The first bit of a field: a number of bits, or after `#` one of fields of that width.
fn field_offset(text: &[u8], field: Field, txn: &Txn<'_>) -> Result<usize, Error> {
    let (digits, unit) = match text {
        [b'#', digits @ ..] => (digits, field.width() as i64),
        digits => (digits, 1),
    };
    let offset = number::parse_i64(digits).and_then(|number| number.checked_mul(unit));
    within_limit(offset.ok_or(Error::BIT_OFFSET)?, txn)
}

/// The bytes that what is written takes; `None` when nothing is to be written.
fn bytes_needed(operations: &Operations) -> Option<usize> {
    operations
        .iter()
        .filter(|operation| !matches!(operation.action, Action::Get))
        .map(Operation::bytes)
        .max()
}

fn read(txn: &mut Txn<'_>, operations: &Operations, reply: &mut Reply<'_>) -> Outcome {
    let mut digits = itoa::Buffer::new();
    let value = txn.read_string(txn.key(0))?;
    let bytes = bytes_or_none(value, &mut digits);
    reply.array(operations.len());
    for Operation { field, offset, .. } in operations {
        reply.int(field.read(bytes, *offset));
    }
    DONE
}

fn write(
    txn: &mut Txn<'_>,
    operations: &Operations,
    length: usize,
    reply: &mut Reply<'_>,
) -> Outcome {
    let mut edit = txn.edit(txn.key(0));
    let mut digits = itoa::Buffer::new();
    let grows = bytes_or_none(edit.string()?, &mut digits).len() < length;
    // The string grows even when nothing then fits.
    edit.write_at(length, &[]);
    reply.array(operations.len());
    let changed = edit.change_bytes(|bytes| {
        let mut changed = false;
        for operation in operations {
            changed |= run(operation, bytes, grows, reply);
        }
        changed
    });
    if changed {
        edit.changed(CHANGED);
    }
    DONE
}

/// Does one operation; true when it changed, or made, the string.
fn run(operation: &Operation, bytes: &mut [u8], grows: bool, reply: &mut Reply<'_>) -> bool {
    let Operation {
        field,
        offset,
        action,
    } = *operation;
    let old = field.read(bytes, offset);
    let (new, shown) = match action {
        Action::Get => {
            reply.int(old);
            return false;
        }
        Action::Set(value, overflow) => (field.assign(value, overflow), Some(old)),
        Action::Increment(increment, overflow) => (field.sum(old, increment, overflow), None),
    };
    let Some(new) = new else {
        reply.null();
        return false;
    };
    field.write(bytes, offset, new);
    reply.int(shown.unwrap_or(new));
    grows || old != new
}
