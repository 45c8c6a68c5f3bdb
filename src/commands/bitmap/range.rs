//! `BITCOUNT` and `BITPOS`: over a whole string, or a part given in bytes or bits.

use super::super::spec::*;
use super::{LONG_BYTES, bytes_or_none, may_offload};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::bits;
use std::ops::Range;

/// A part of a string, as its arguments say it.
#[derive(Clone, Copy)]
struct Part {
    start: i64,
    /// `None` is the end of the string.
    end: Option<i64>,
    in_bits: bool,
}

impl Part {
    /// The bits it has of a string of `length` bytes; negative positions count from the end.
    fn bits(self, length: usize) -> Range<usize> {
        let unit = if self.in_bits { 1 } else { 8 };
        let total = (length * 8 / unit) as i64;
        let from_front = |at: i64| if at < 0 { (at + total).max(0) } else { at };
        let start = from_front(self.start);
        let last = from_front(self.end.unwrap_or(-1)).min(total - 1);
        if start > last {
            return 0..0;
        }
        start as usize * unit..(last as usize + 1) * unit
    }
}

pub(super) fn bitcount(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut digits = itoa::Buffer::new();
    let may_offload = may_offload(txn);
    // As in 7.0, arguments are forgiven where there is no key.
    let Some(value) = txn.read_string(txn.key(0))? else {
        reply.int(0);
        return DONE;
    };
    let bytes = bytes_or_none(Some(value), &mut digits);
    let range = counted_part(args)?.bits(bytes.len());
    if range.len() / 8 >= LONG_BYTES && may_offload {
        return Ok(Flow::Long);
    }
    reply.count(bits::count(bytes, range));
    DONE
}

fn counted_part(args: Args<'_>) -> Result<Part, Error> {
    let mut part = Part {
        start: 0,
        end: None,
        in_bits: false,
    };
    if args.len() > 5 {
        return Err(Error::Syntax);
    }
    if args.len() == 3 {
        // Valkey takes a start alone; to Redis it is wrong whatever it is.
        part.start = number::parse_i64(args.at(2)).ok_or(Error::Syntax)?;
    }
    if args.len() > 3 {
        part.start = integer(args.at(2))?;
        let end = integer(args.at(3))?;
        part.end = Some(end);
        // Nothing whatever the unit, which Redis then does not read. Two positions before the
        // string would else mean its first byte.
        if part.start < 0 && end < 0 && part.start > end {
            return Ok(Part {
                start: 1,
                end: Some(0),
                ..part
            });
        }
    }
    if args.len() > 4 {
        part.in_bits = unit_is_bit(args, 4)?;
    }
    Ok(part)
}

pub(super) fn bitpos(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = match integer(args.at(2))? {
        bit @ (0 | 1) => bit == 1,
        _ => return Err(Error::BITPOS_BIT),
    };
    let mut digits = itoa::Buffer::new();
    let may_offload = may_offload(txn);
    let Some(value) = txn.read_string(txn.key(0))? else {
        // Clear bits without end.
        reply.int(if wanted { -1 } else { 0 });
        return DONE;
    };
    let bytes = bytes_or_none(Some(value), &mut digits);
    let part = searched_part(args)?;
    let range = part.bits(bytes.len());
    if range.len() / 8 >= LONG_BYTES && may_offload {
        return Ok(Flow::Long);
    }
    let position = match bits::position(bytes, wanted, range.clone()) {
        Some(position) => position as i64,
        // Behind the string there are clear bits, unless an end was given.
        None if !wanted && part.end.is_none() && !range.is_empty() => range.end as i64,
        None => -1,
    };
    reply.int(position);
    DONE
}

fn searched_part(args: Args<'_>) -> Result<Part, Error> {
    let mut part = Part {
        start: 0,
        end: None,
        in_bits: false,
    };
    if args.len() > 6 {
        return Err(Error::Syntax);
    }
    if args.len() > 3 {
        part.start = integer(args.at(3))?;
    }
    if args.len() > 5 {
        part.in_bits = unit_is_bit(args, 5)?;
    }
    if args.len() > 4 {
        part.end = Some(integer(args.at(4))?);
    }
    Ok(part)
}

fn integer(text: &[u8]) -> Result<i64, Error> {
    number::parse_i64(text).ok_or(Error::NotInteger)
}

fn unit_is_bit(args: Args<'_>, index: usize) -> Result<bool, Error> {
    if args.is(index, "BIT") {
        Ok(true)
    } else if args.is(index, "BYTE") {
        Ok(false)
    } else {
        Err(Error::Syntax)
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn parts_lie_within_the_string() {
        let part = |start, end, in_bits| Part {
            start,
            end,
            in_bits,
        };
        for (part, length, expected) in [
            (part(0, None, false), 3, 0..24),
            (part(0, Some(-1), true), 3, 0..24),
            (part(1, Some(1), false), 3, 8..16),
            (part(1, Some(1), true), 3, 1..2),
            (part(-1, Some(-1), true), 3, 23..24),
            (part(-9, Some(-8), false), 3, 0..8),
            (part(2, Some(1), false), 3, 0..0),
            (part(i64::MIN, Some(i64::MAX), true), 3, 0..24),
            (part(i64::MAX, Some(i64::MIN), true), 3, 0..0),
            (part(0, None, false), 0, 0..0),
            (part(-1, Some(-1), true), 0, 0..0),
        ] {
            assert_eq!(part.bits(length), expected);
        }
    }
}
