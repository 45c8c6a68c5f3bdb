//! Big hashes: a table of records, and the order in which fields are due.
//!
//! Half a million fields that fall due together would take long to remove. So they vanish first: a
//! field whose deadline lies before the *horizon* is overdue, and seen by nobody. Removal follows in
//! steps ([`Table::purge`]). How many fields are left is counted when somebody asks (25 ns for each
//! field that is overdue and was not counted before).
//!
//! ```text
//! payload   length of the field, and whether it has a deadline: 1 or 5 bytes
//!           deadline u64, if any │ field │ value
//! ```

use super::FieldTtl;
use crate::base::alloc::good_size;
use crate::base::hash::hash;
use crate::base::random::Random;
use crate::values::members::{Layout, Members, Place};
use std::cell::Cell;
use std::collections::BTreeSet;

/// Bytes of the order of deadlines per field that has one: B-tree nodes are two thirds full.
const DUE_BYTES: usize = 24;
/// Draws of fields that have vanished, after which one of the others is looked for in order.
const DRAWS_MAX: usize = 100;
/// Field lengths from here on take four bytes of their own.
const LONG: usize = 0x7f;

/// A hash table of fields.
#[derive(Clone, Default)]
pub struct Table {
    members: Members<Fields>,
    /// Once a field has had a deadline.
    deadlines: Option<Box<Deadlines>>,
}

/// The order in which fields are due.
#[derive(Clone, Default)]
struct Deadlines {
    /// Deadline and hash of each field that has a deadline. Fields that share both share the
    /// element.
    due: BTreeSet<(u64, u64)>,
    /// Fields that were due before this moment are not there any more.
    horizon_ms: u64,
    /// So many of `due` lie before `counted_ms`, which is not beyond the horizon.
    overdue: Cell<usize>,
    counted_ms: Cell<u64>,
    /// Have fields shared an element of `due`? Who is overdue is then not counted, but removed at
    /// once: this takes two equal hashes of 64 bits.
    has_twins: bool,
}

/// What became of fields that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Can some fields no longer be seen, since this call?
    pub vanished: bool,
    /// Fields that were removed.
    pub removed: usize,
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

impl Deadlines {
    fn first_overdue(&self) -> Option<(u64, u64)> {
        let first = self.due.first().copied();
        first.filter(|(deadline, _)| *deadline < self.horizon_ms)
    }

    /// How many of `due` lie before the horizon.
    fn count(&self) -> usize {
        let from = self.counted_ms.replace(self.horizon_ms);
        if from < self.horizon_ms {
            let more = self.due.range((from, 0)..(self.horizon_ms, 0)).count();
            self.overdue.set(self.overdue.get() + more);
        }
        self.overdue.get()
    }
}

impl Table {
    /// Number of fields.
    pub fn len(&self) -> usize {
        self.members.len() - self.overdue()
    }

    /// Fields that have vanished and have still to be removed.
    fn overdue(&self) -> usize {
        self.deadlines.as_ref().map_or(0, |of| of.count())
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        let Some(of) = &self.deadlines else {
            return self.members.is_empty();
        };
        let last_is_overdue = || of.due.last().is_none_or(|(last, _)| *last < of.horizon_ms);
        self.members.len() == of.due.len() && last_is_overdue()
    }

    /// Fields that are held, also those that have vanished.
    pub fn held(&self) -> usize {
        self.members.len()
    }

    /// At most so many fields are counted when the number of fields is asked for now.
    pub fn uncounted(&self) -> usize {
        let Some(of) = &self.deadlines else { return 0 };
        let are_there = of.counted_ms.get() < of.horizon_ms && of.first_overdue().is_some();
        if are_there { of.due.len() } else { 0 }
    }

    /// Is this field still there?
    #[inline]
    fn is_live(&self, parts: &Parts<'_>) -> bool {
        let horizon_ms = || self.deadlines.as_ref().map_or(0, |of| of.horizon_ms);
        parts.deadline.is_none_or(|due| due >= horizon_ms())
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        let deadlines = self.deadlines.as_ref().map_or(0, |of| {
            good_size(size_of::<Deadlines>()) + of.due.len() * DUE_BYTES
        });
        self.members.size_bytes() + deadlines
    }

    /// When the first field is due.
    pub(super) fn next_due(&self) -> Option<u64> {
        let first = self.deadlines.as_ref()?.due.first();
        first.map(|(deadline, _)| *deadline)
    }

    /// Was every field due before `now_ms`? O(log n).
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        self.deadlines.as_ref().is_some_and(|of| {
            of.due.len() == self.members.len()
                && of.due.last().is_some_and(|(last, _)| *last < now_ms)
        })
    }

    /// See [`Members::ahead`].
    #[inline]
    pub fn ahead(&self, field: &[u8], step: usize, load: &mut impl FnMut(*const u8)) {
        self.members.ahead(field, step, load);
    }

    #[inline]
    pub(super) fn get(&self, field: &[u8]) -> Option<Parts<'_>> {
        let parts = self.members.get(field).map(Parts::of);
        parts.filter(|parts| self.is_live(parts))
    }

    /// Sets a field; true when it is new.
    pub(super) fn set(&mut self, field: &[u8], value: &[u8], ttl: FieldTtl) -> bool {
        let hash = hash(field);
        let found = self.members.find(hash, field);
        let old = found.map(|place| Parts::of(self.members.payload(place)));
        let before = old.and_then(|old| old.deadline);
        let is_new = old.is_none_or(|old| !self.is_live(&old));
        let deadline = match ttl {
            FieldTtl::Keep => before.filter(|_| !is_new),
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
        is_new
    }

    /// Changes the deadline of a field; false when there is no such field.
    pub(super) fn set_deadline(&mut self, field: &[u8], deadline: Option<u64>) -> bool {
        let hash = hash(field);
        let Some(place) = self.members.find(hash, field) else {
            return false;
        };
        let old = Parts::of(self.members.payload(place));
        if !self.is_live(&old) {
            return false;
        }
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
            Some(place) if self.is_live(&Parts::of(self.members.payload(place))) => {
                self.remove_at(hash, place);
                true
            }
            _ => false,
        }
    }

    /// Lets the fields vanish that were due before `now_ms`, and removes up to `max` of those that
    /// have vanished so far.
    pub(super) fn purge(&mut self, now_ms: u64, max: usize) -> Purged {
        let Some(of) = &mut self.deadlines else {
            return Purged::default();
        };
        let vanished = now_ms > of.horizon_ms && {
            let passed = (of.horizon_ms, 0)..(now_ms, 0);
            of.horizon_ms = now_ms;
            of.due.range(passed).next().is_some()
        };
        let max = if of.has_twins { usize::MAX } else { max };
        let mut removed = 0;
        while removed < max
            && let Some(of) = &self.deadlines
            && let Some((deadline, hash)) = of.first_overdue()
        {
            let place = self.due_at(deadline, hash);
            self.remove_at(hash, place.expect("what is due is a field"));
            removed += 1;
        }
        Purged { vanished, removed }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Parts<'_>> {
        let all = self.members.iter().map(Parts::of);
        all.filter(|parts| self.is_live(parts))
    }

    /// See [`Members::scan`]; fields that have vanished count as visited.
    pub(super) fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Parts<'_>)) -> u64 {
        let visit = |payload: &[u8]| {
            let parts = Parts::of(payload);
            if self.is_live(&parts) {
                visit(parts);
            }
        };
        self.members.scan(cursor, count, visit)
    }

    pub(super) fn random(&self, random: &mut Random) -> Option<Parts<'_>> {
        if self.is_empty() {
            return None;
        }
        for _ in 0..DRAWS_MAX {
            let place = self.members.random(random)?;
            let parts = Parts::of(self.members.payload(place));
            if self.is_live(&parts) {
                return Some(parts);
            }
        }
        // Nearly all have vanished.
        let skipped = random.index(self.len());
        self.iter().nth(skipped)
    }

    /// See [`Members::sample`].
    pub(super) fn sample(
        &self,
        count: usize,
        random: &mut Random,
        mut visit: impl FnMut(Parts<'_>),
    ) {
        if self.overdue() > 0 {
            return self.sample_live(count, random, visit);
        }
        let visit = |payload: &[u8]| visit(Parts::of(payload));
        self.members.sample(count, random, visit);
    }

    /// As [`Table::sample`], while some fields have vanished: all others are listed.
    fn sample_live(&self, count: usize, random: &mut Random, visit: impl FnMut(Parts<'_>)) {
        let mut live: Vec<Parts<'_>> = self.iter().collect();
        let (all, drawn) = (live.len(), count.min(live.len()));
        for at in 0..drawn {
            if drawn < all {
                live.swap(at, at + random.index(all - at));
            }
        }
        live.truncate(drawn);
        live.into_iter().for_each(visit);
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
        let is_last = before.is_some_and(|before| self.due_at(before, hash).is_none());
        let of = self.deadlines.get_or_insert_default();
        if let Some(before) = before.filter(|_| is_last)
            && of.due.remove(&(before, hash))
        {
            let counted = usize::from(before < of.counted_ms.get());
            of.overdue.set(of.overdue.get() - counted);
        }
        if let Some(after) = after {
            if of.due.insert((after, hash)) {
                let counted = usize::from(after < of.counted_ms.get());
                of.overdue.set(of.overdue.get() + counted);
            } else {
                of.has_twins = true;
            }
        }
    }
}
