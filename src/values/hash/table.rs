//! Big hashes: a table of records, and the order in which fields are due.
//!
//! ```text
//! payload   length of the field, and whether it has a deadline: 1 or 5 bytes
//!           deadline u64, if any │ field │ value
//! ```

use super::FieldTtl;
use crate::base::hash::hash;
use crate::base::random::Random;
use crate::values::members::{Layout, Members, Place};
use std::collections::BTreeSet;

/// Bytes of the order of deadlines per field that has one: B-tree nodes are two thirds full.
const DUE_BYTES: usize = 24;
/// Field lengths from here on take four bytes of their own.
const LONG: usize = 0x7f;

/// A hash table of fields.
#[derive(Clone, Default)]
pub struct Table {
    members: Members<Fields>,
    /// Deadline and hash of each field that has a deadline. Fields that share both share the
    /// element.
    due: BTreeSet<(u64, u64)>,
}

/// Where a field is in its record.
struct Fields;

impl Layout for Fields {
    #[inline]
    fn key(payload: &[u8]) -> &[u8] {
        Parts::of(payload).field
    }
}

/// A record, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub field: &'a [u8],
    pub value: &'a [u8],
    pub deadline: Option<u64>,
}

impl<'a> Parts<'a> {
    #[inline]
    fn of(payload: &'a [u8]) -> Parts<'a> {
        let word = payload[0];
        let mut at = 1;
        let mut len = usize::from(word >> 1);
        if len == LONG {
            len = u32::from_le_bytes(payload[1..5].try_into().expect("four bytes")) as usize;
            at = 5;
        }
        let deadline = (word & 1 != 0).then(|| {
            let bytes = payload[at..at + 8].try_into().expect("eight bytes");
            at += 8;
            u64::from_le_bytes(bytes)
        });
        let (field, value) = payload[at..].split_at(len);
        Parts {
            field,
            value,
            deadline,
        }
    }

    /// Runs `with` on the pieces the payload is made of.
    fn encode<T>(self, with: impl FnOnce(&[&[u8]]) -> T) -> T {
        let mut head = [0; 13];
        let timed = u8::from(self.deadline.is_some());
        let mut taken = 1;
        if self.field.len() < LONG {
            head[0] = (self.field.len() as u8) << 1 | timed;
        } else {
            let len = u32::try_from(self.field.len()).expect("arguments are shorter than 4 GiB");
            head[0] = (LONG as u8) << 1 | timed;
            head[1..5].copy_from_slice(&len.to_le_bytes());
            taken = 5;
        }
        if let Some(deadline) = self.deadline {
            head[taken..taken + 8].copy_from_slice(&deadline.to_le_bytes());
            taken += 8;
        }
        with(&[&head[..taken], self.field, self.value])
    }
}

/// Where the deadline is in a payload that has one.
fn deadline_at(payload: &[u8]) -> usize {
    if usize::from(payload[0] >> 1) == LONG {
        5
    } else {
        1
    }
}

impl Table {
    /// Number of fields.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        self.members.size_bytes() + self.due.len() * DUE_BYTES
    }

    /// When the first field is due.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.due.first().map(|(deadline, _)| *deadline)
    }

    /// Was every field due before `now_ms`? O(log n).
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.due.len() == self.members.len()
            && self.due.last().is_some_and(|(last, _)| *last < now_ms)
    }

    #[inline]
    pub(super) fn get(&self, field: &[u8]) -> Option<Parts<'_>> {
        self.members.get(field).map(Parts::of)
    }

    /// Sets a field; true when it is new.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8], ttl: FieldTtl) -> bool {
        let hash = hash(field);
        let found = self.members.find(hash, field);
        let before = found.and_then(|place| Parts::of(self.members.payload(place)).deadline);
        let deadline = match ttl {
            FieldTtl::Keep => before,
            FieldTtl::Clear => None,
            FieldTtl::At(deadline) => Some(deadline),
        };
        let parts = Parts {
            field,
            value,
            deadline,
        };
        match found {
            Some(place) => parts.encode(|parts| self.members.rewrite(place, parts)),
            None => parts.encode(|parts| {
                self.members.insert(hash, parts);
                true
            }),
        };
        self.moved(hash, before, deadline);
        found.is_none()
    }

    /// Changes the deadline of a field; false when there is no such field.
    pub(super) fn set_deadline(&mut self, field: &[u8], deadline: Option<u64>) -> bool {
        let hash = hash(field);
        let Some(place) = self.members.find(hash, field) else {
            return false;
        };
        let old = Parts::of(self.members.payload(place));
        let before = old.deadline;
        if before != deadline {
            if let (Some(_), Some(deadline)) = (before, deadline) {
                // The other parts stay where they are.
                let payload = self.members.payload_mut(place);
                let at = deadline_at(payload);
                payload[at..at + 8].copy_from_slice(&deadline.to_le_bytes());
            } else {
                let value = old.value.to_vec();
                let parts = Parts {
                    field,
                    value: &value,
                    deadline,
                };
                parts.encode(|parts| self.members.rewrite(place, parts));
            }
            self.moved(hash, before, deadline);
        }
        true
    }

    /// Removes a field; true when it was there.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let hash = hash(field);
        match self.members.find(hash, field) {
            Some(place) => {
                self.remove_at(hash, place);
                true
            }
            None => false,
        }
    }

    /// Removes up to `max` fields that were due before `now_ms`; how many they were.
    pub(super) fn purge(&mut self, now_ms: u64, max: usize) -> usize {
        let mut removed = 0;
        while removed < max
            && let Some((deadline, hash)) = self.due.first().copied()
            && deadline < now_ms
        {
            let place = self.due_at(deadline, hash);
            self.remove_at(hash, place.expect("what is due is a field"));
            removed += 1;
        }
        removed
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Parts<'_>> {
        self.members.iter().map(Parts::of)
    }

    /// See [`Members::scan`].
    pub(super) fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Parts<'_>)) -> u64 {
        let visit = |payload: &[u8]| visit(Parts::of(payload));
        self.members.scan(cursor, count, visit)
    }

    pub(super) fn random(&self, random: &mut Random) -> Option<Parts<'_>> {
        let place = self.members.random(random)?;
        Some(Parts::of(self.members.payload(place)))
    }

    /// See [`Members::sample`].
    pub(super) fn sample(
        &self,
        count: usize,
        random: &mut Random,
        mut visit: impl FnMut(Parts<'_>),
    ) {
        let visit = |payload: &[u8]| visit(Parts::of(payload));
        self.members.sample(count, random, visit);
    }

    fn remove_at(&mut self, hash: u64, place: Place) {
        let record = self.members.remove(place);
        self.moved(hash, Parts::of(record.payload()).deadline, None);
    }

    fn due_at(&self, deadline: u64, hash: u64) -> Option<Place> {
        let is_due = |payload: &[u8]| Parts::of(payload).deadline == Some(deadline);
        self.members.find_where(hash, is_due)
    }

    /// Notes that a field's deadline has changed, after the record has.
    fn moved(&mut self, hash: u64, before: Option<u64>, after: Option<u64>) {
        if before == after {
            return;
        }
        if let Some(before) = before
            && self.due_at(before, hash).is_none()
        {
            self.due.remove(&(before, hash));
        }
        if let Some(after) = after {
            self.due.insert((after, hash));
        }
    }
}
