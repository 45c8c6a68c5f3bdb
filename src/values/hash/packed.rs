//! Small hashes, packed.
//!
//! ```text
//! Listpack   count u16 │ field │ value │ field │ value │ …
//! Extended   count u16 │ earliest deadline u64 │ field │ value │ deadline │ …
//! ```
//!
//! Everything but the two heads is elements ([`crate::values::packed`]), and the count counts
//! them. A hash is extended when one of its fields first has a deadline, and stays so. A deadline
//! of 0 is none; so is an earliest deadline of `u64::MAX`.

use crate::values::content::Packing;
use crate::values::packed::{self, Element, Encoded, HEAD};

/// Bytes before the first field of an extended hash.
pub(super) const EXTENDED_HEAD: usize = HEAD + 8;
const NEVER: u64 = u64::MAX;

/// A packed hash.
#[derive(Clone, Copy)]
pub(super) struct Packed<'a> {
    pub packing: Packing,
    pub bytes: &'a [u8],
}

/// A field, its value and deadline, and where they are.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub field: Element<'a>,
    pub value: Element<'a>,
    pub deadline: Option<u64>,
    pub at: usize,
    pub value_at: usize,
    pub value_end: usize,
    pub end: usize,
}

impl<'a> Packed<'a> {
    #[inline]
    pub fn is_extended(self) -> bool {
        self.packing == Packing::Extended
    }

    /// Elements per field.
    #[inline]
    pub fn stride(self) -> usize {
        if self.is_extended() { 3 } else { 2 }
    }

    /// Where the first field is.
    #[inline]
    fn head(self) -> usize {
        if self.is_extended() {
            EXTENDED_HEAD
        } else {
            HEAD
        }
    }

    #[inline]
    pub fn len(self) -> usize {
        packed::count(self.bytes) / self.stride()
    }

    /// Fields and values in turns, without deadlines; `None` of an extended hash.
    #[inline]
    pub fn elements(self) -> Option<&'a [u8]> {
        if self.is_extended() {
            return None;
        }
        Some(self.bytes.get(HEAD..).unwrap_or_default())
    }

    pub fn next_due(self) -> Option<u64> {
        if !self.is_extended() {
            return None;
        }
        let earliest = self.bytes[HEAD..EXTENDED_HEAD].try_into();
        Some(u64::from_le_bytes(earliest.expect("eight bytes"))).filter(|due| *due != NEVER)
    }

    #[inline]
    pub fn find(self, field: &Encoded<'_>) -> Option<Found<'a>> {
        let at = packed::find(self.bytes, self.head(), field, self.stride())?;
        Some(self.at(at))
    }

    /// The field at an offset.
    #[inline]
    pub fn at(self, at: usize) -> Found<'a> {
        let (field, len) = packed::decode(&self.bytes[at..]);
        let value_at = at + len;
        let (value, len) = packed::decode(&self.bytes[value_at..]);
        let value_end = value_at + len;
        let (deadline, end) = if self.is_extended() {
            let (deadline, len) = packed::decode(&self.bytes[value_end..]);
            (deadline_of(deadline), value_end + len)
        } else {
            (None, value_end)
        };
        Found {
            field,
            value,
            deadline,
            at,
            value_at,
            value_end,
            end,
        }
    }

    pub fn iter(self) -> impl Iterator<Item = Found<'a>> {
        let mut at = self.head();
        std::iter::from_fn(move || {
            let found = (at < self.bytes.len()).then(|| self.at(at))?;
            at = found.end;
            Some(found)
        })
    }

    /// Offsets of all fields.
    pub fn offsets(self) -> smallvec::SmallVec<[u32; 128]> {
        packed::offsets(self.bytes, self.head(), self.stride())
    }

    /// The bytes of the same hash, extended.
    pub fn extended(self) -> Vec<u8> {
        self.extended_with(|_| true)
    }

    /// The bytes of an extended hash without the fields that were due before `now_ms`.
    pub fn without_due(self, now_ms: u64) -> Vec<u8> {
        self.extended_with(|found| found.deadline.is_none_or(|due| due >= now_ms))
    }

    fn extended_with(self, stays: impl Fn(&Found<'_>) -> bool) -> Vec<u8> {
        let mut bytes = vec![0; EXTENDED_HEAD];
        let mut count = 0;
        for found in self.iter().filter(stays) {
            count += 3;
            bytes.extend_from_slice(&self.bytes[found.at..found.value_end]);
            encode_deadline(found.deadline).append_to(&mut bytes);
        }
        packed::set_count(&mut bytes, count);
        set_earliest(&mut bytes);
        bytes
    }
}

fn deadline_of(element: Element<'_>) -> Option<u64> {
    match element {
        Element::Int(0) => None,
        Element::Int(deadline) => Some(deadline as u64),
        _ => unreachable!("deadlines are stored as numbers"),
    }
}

/// A deadline as an element.
pub(super) fn encode_deadline(deadline: Option<u64>) -> Encoded<'static> {
    Encoded::of(Element::Int(deadline.map_or(0, |deadline| deadline as i64)))
}

/// Finds the earliest deadline of an extended hash anew.
pub(super) fn set_earliest(bytes: &mut [u8]) {
    let fields = Packed {
        packing: Packing::Extended,
        bytes,
    };
    let earliest = fields.iter().filter_map(|found| found.deadline).min();
    let earliest = earliest.unwrap_or(NEVER);
    bytes[HEAD..EXTENDED_HEAD].copy_from_slice(&earliest.to_le_bytes());
}
