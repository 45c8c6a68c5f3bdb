//! Hashes: packed while they are small (`packed`), then a table of records (`table`).
//!
//! A field may have a deadline. What is due is removed by [`purge`], which the keyspace calls
//! before each access, so that nothing here compares deadlines with the time.

mod packed;
mod table;

pub use table::{Purged, Table};

use super::content::{Big, Content, PACKED_MAX, Packing, Read, Value, Write};
use super::packed::{self as sequence, Element, Encoded, HEAD, Limits};
use crate::base::random::Random;
use packed::{EXTENDED_HEAD, Found, Packed, encode_deadline};
use smallvec::SmallVec;

/// What becomes of a field's deadline when the field is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldTtl {
    /// It stays as it is.
    Keep,
    /// The field no longer expires.
    Clear,
    /// The field expires at this moment, in ms on the server timeline.
    At(u64),
}

/// A field with its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    /// Its name.
    pub name: Element<'a>,
    /// Its value.
    pub value: Element<'a>,
    /// When it expires, in ms on the server timeline.
    pub deadline: Option<u64>,
}

impl<'a> From<Found<'a>> for Field<'a> {
    #[inline]
    fn from(found: Found<'a>) -> Field<'a> {
        Field {
            name: found.field,
            value: found.value,
            deadline: found.deadline,
        }
    }
}

impl<'a> From<table::Parts<'a>> for Field<'a> {
    #[inline]
    fn from(parts: table::Parts<'a>) -> Field<'a> {
        Field {
            name: Element::Bytes(parts.field),
            value: Element::Bytes(parts.value),
            deadline: parts.deadline,
        }
    }
}

/// A hash, seen through whatever holds it.
pub struct Hash<C>(C);

enum Form<'a> {
    Packed(Packed<'a>),
    Big(&'a Table),
}

impl<'a> Form<'a> {
    #[inline]
    fn of(content: Content<'a>) -> Form<'a> {
        match content {
            Content::Packed(packing, bytes) => Form::Packed(Packed { packing, bytes }),
            Content::Big(Big::Hash(table)) => Form::Big(table),
            Content::Big(_) => unreachable!("the type was checked"),
        }
    }
}

impl<C: Read> Hash<C> {
    /// A hash that `holder` holds. One without bytes is empty.
    #[inline]
    pub fn new(holder: C) -> Hash<C> {
        Hash(holder)
    }

    #[inline]
    fn form(&self) -> Form<'_> {
        Form::of(self.0.content())
    }

    /// Fields and values in turns as the elements of a packed sequence, if they lie so.
    #[inline]
    pub fn elements(&self) -> Option<&[u8]> {
        match self.form() {
            Form::Packed(packed) => packed.elements(),
            Form::Big(_) => None,
        }
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        match self.form() {
            Form::Packed(packed) => packed.len(),
            Form::Big(table) => table.len(),
        }
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        match self.form() {
            Form::Packed(packed) => packed.len() == 0,
            Form::Big(table) => table.is_empty(),
        }
    }

    /// Are there more than `max`, or would they be counted among more?
    pub fn is_longer_than(&self, max: usize) -> bool {
        self.is_long_to_count(max) || self.len() > max
    }

    /// Would the number of fields be counted among more than `max`?
    pub fn is_long_to_count(&self, max: usize) -> bool {
        match self.form() {
            Form::Packed(_) => false,
            Form::Big(table) => table.uncounted() > max,
        }
    }

    /// A field. O(n) while packed, then O(1).
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<Field<'_>> {
        match self.form() {
            Form::Packed(packed) => packed.find(&Encoded::new(field)).map(Field::from),
            Form::Big(table) => table.get(field).map(Field::from),
        }
    }

    /// Visits all fields.
    #[inline]
    pub fn for_each(&self, mut visit: impl FnMut(Field<'_>)) {
        match self.form() {
            Form::Packed(packed) => packed.iter().for_each(|found| visit(found.into())),
            Form::Big(table) => table.iter().for_each(|parts| visit(parts.into())),
        }
    }

    /// Visits the fields from `cursor` on; returns the cursor to go on with, 0 after the last. All
    /// of a packed hash at once, see [`super::members::Members::scan`] otherwise.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Field<'_>)) -> u64 {
        match self.form() {
            Form::Packed(packed) => {
                packed.iter().for_each(|found| visit(found.into()));
                0
            }
            Form::Big(table) => table.scan(cursor, count, |parts| visit(parts.into())),
        }
    }

    /// Visits `count` fields drawn at random, any of them several times; none of an empty hash.
    /// `visit` returns false to stop.
    pub fn draw(
        &self,
        count: usize,
        random: &mut Random,
        mut visit: impl FnMut(Field<'_>) -> bool,
    ) {
        if self.is_empty() {
            return;
        }
        match self.form() {
            Form::Packed(packed) => {
                let offsets = packed.offsets();
                let mut draw = || packed.at(offsets[random.index(offsets.len())] as usize);
                let _ = (0..count).all(|_| visit(draw().into()));
            }
            Form::Big(table) => {
                let mut draw = || table.random(random).expect("it is not empty");
                let _ = (0..count).all(|_| visit(draw().into()));
            }
        }
    }

    /// Visits `count` fields drawn at random, none twice; all of them if there are no more.
    pub fn sample(&self, count: usize, random: &mut Random, mut visit: impl FnMut(Field<'_>)) {
        match self.form() {
            Form::Packed(packed) => {
                let mut offsets = packed.offsets();
                let len = offsets.len();
                for drawn in 0..count.min(len) {
                    if count < len {
                        offsets.swap(drawn, drawn + random.index(len - drawn));
                    }
                    visit(packed.at(offsets[drawn] as usize).into());
                }
            }
            Form::Big(table) => table.sample(count, random, |parts| visit(parts.into())),
        }
    }
}

impl<C: Write> Hash<C> {
    /// Sets a field; true when it is new. O(n) while packed, then O(1).
    #[inline]
    pub fn set(&mut self, field: &[u8], value: &[u8], ttl: FieldTtl, limits: Limits) -> bool {
        if let Some(table) = self.table() {
            return table.set(field, value, ttl);
        }
        if field.len().max(value.len()) > limits.value_bytes {
            return self.unpack().set(field, value, ttl);
        }
        if matches!(ttl, FieldTtl::At(_)) {
            self.extend();
        }
        match self.set_packed(field, value, ttl, limits) {
            Some(new) => new,
            None => self.unpack().set(field, value, ttl),
        }
    }

    /// Changes the deadline of a field; false when there is no such field.
    pub fn set_deadline(&mut self, field: &[u8], deadline: Option<u64>) -> bool {
        if deadline.is_some() && self.table().is_none() {
            self.extend();
        }
        if let Some(table) = self.table() {
            return table.set_deadline(field, deadline);
        }
        let Some(found) = self.packed().find(&Encoded::new(field)).map(Span::of) else {
            return false;
        };
        if found.deadline == deadline {
            return true;
        }
        let encoded = encode_deadline(deadline);
        if !self.rewrite(found.value_end, found.end, &[&encoded]) {
            return self.unpack().set_deadline(field, deadline);
        }
        self.moved(found.deadline, deadline);
        true
    }

    /// Removes a field; true when it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        if let Some(table) = self.table() {
            return table.remove(field);
        }
        let packed = self.packed();
        let Some(found) = packed.find(&Encoded::new(field)).map(Span::of) else {
            return false;
        };
        let count = sequence::count(packed.bytes) - packed.stride();
        self.0.splice(found.at, found.end - found.at, &[]);
        sequence::set_count(self.0.packed_mut(), count);
        self.moved(found.deadline, None);
        true
    }

    /// Lets the fields vanish that were due before `now_ms`. Those of a packed hash are removed; of a
    /// big one, up to `max` of all that have vanished and are not removed yet.
    pub fn purge(&mut self, now_ms: u64, max: usize) -> Purged {
        if let Some(table) = self.table() {
            return table.purge(now_ms, max);
        }
        let packed = self.packed();
        if packed.next_due().is_none_or(|due| due >= now_ms) {
            return Purged::default();
        }
        let before = packed.len();
        let bytes = packed.without_due(now_ms);
        self.0.replace(Value::Packed(Packing::Extended, bytes));
        let removed = before - self.len();
        Purged {
            vanished: removed > 0,
            removed,
        }
    }

    /// Sets a field of a packed hash; `None`, and nothing done, if it has to be unpacked first.
    fn set_packed(
        &mut self,
        field: &[u8],
        value: &[u8],
        ttl: FieldTtl,
        limits: Limits,
    ) -> Option<bool> {
        let packed = self.packed();
        let (name, value) = (Encoded::new(field), Encoded::new(value));
        let Some(found) = packed.find(&name).map(Span::of) else {
            if packed.len() >= limits.entries {
                return None;
            }
            return self.append(&name, &value, ttl).then_some(true);
        };
        let deadline = match ttl {
            FieldTtl::Keep => found.deadline,
            FieldTtl::Clear => None,
            FieldTtl::At(deadline) => Some(deadline),
        };
        let done = if found.deadline == deadline {
            self.rewrite(found.value_at, found.value_end, &[&value])
        } else {
            let parts = [&value, &encode_deadline(deadline)];
            self.rewrite(found.value_at, found.end, &parts)
        };
        if done {
            self.moved(found.deadline, deadline);
        }
        done.then_some(false)
    }

    /// Adds a field that is new; false, and nothing done, if there is no room.
    fn append(&mut self, name: &Encoded<'_>, value: &Encoded<'_>, ttl: FieldTtl) -> bool {
        let packed = self.packed();
        let at = packed.bytes.len();
        if at + name.len() + value.len() + sequence::OVERHEAD_MAX + HEAD > PACKED_MAX {
            return false;
        }
        let count = sequence::count(packed.bytes) + packed.stride();
        let deadline = match ttl {
            FieldTtl::At(deadline) => Some(deadline),
            FieldTtl::Keep | FieldTtl::Clear => None,
        };
        let encoded = encode_deadline(deadline);
        let last = if packed.is_extended() {
            encoded.head()
        } else {
            &[]
        };
        // The count of a hash that has no bytes yet comes with its first field.
        let head = (count as u16).to_le_bytes();
        let head: &[u8] = if at == 0 { &head } else { &[] };
        let parts = [
            head,
            name.head(),
            name.text(),
            value.head(),
            value.text(),
            last,
        ];
        self.0.splice(at, 0, &parts);
        if at != 0 {
            sequence::set_count(self.0.packed_mut(), count);
        }
        self.moved(None, deadline);
        true
    }

    /// Replaces the bytes from `at` to `end` by elements; false, and nothing done, if there is no
    /// room.
    fn rewrite(&mut self, at: usize, end: usize, elements: &[&Encoded<'_>]) -> bool {
        let added: usize = elements.iter().map(|element| element.len()).sum();
        let bytes = self.0.packed_mut();
        if bytes.len() + added > PACKED_MAX + (end - at) {
            return false;
        }
        let parts = elements
            .iter()
            .flat_map(|element| [element.head(), element.text()]);
        if added == end - at {
            let mut to = at;
            for part in parts {
                bytes[to..to + part.len()].copy_from_slice(part);
                to += part.len();
            }
        } else {
            let parts: SmallVec<[&[u8]; 4]> = parts.collect();
            self.0.splice(at, end - at, &parts);
        }
        true
    }

    /// Keeps the earliest deadline of a packed hash up to date, after a field's has changed.
    fn moved(&mut self, before: Option<u64>, after: Option<u64>) {
        if before == after {
            return;
        }
        let earliest = self.packed().next_due();
        let bytes = self.0.packed_mut();
        if before.is_some() && before == earliest {
            packed::set_earliest(bytes);
        } else if let Some(after) = after
            && earliest.is_none_or(|earliest| after < earliest)
        {
            bytes[HEAD..EXTENDED_HEAD].copy_from_slice(&after.to_le_bytes());
        }
    }

    #[inline]
    fn packed(&self) -> Packed<'_> {
        match self.form() {
            Form::Packed(packed) => packed,
            Form::Big(_) => unreachable!("the caller has seen that it is packed"),
        }
    }

    #[inline]
    fn table(&mut self) -> Option<&mut Table> {
        match self.0.big_mut() {
            None => None,
            Some(Big::Hash(table)) => Some(table),
            Some(_) => unreachable!("the type was checked"),
        }
    }

    /// Makes room for deadlines in a packed hash; one that would be too long is unpacked.
    fn extend(&mut self) {
        if self.packed().is_extended() {
            return;
        }
        let bytes = self.packed().extended();
        if bytes.len() <= PACKED_MAX {
            self.0.replace(Value::Packed(Packing::Extended, bytes));
        } else {
            self.unpack();
        }
    }

    /// Makes it a table.
    fn unpack(&mut self) -> &mut Table {
        if self.table().is_none() {
            let mut table = Table::default();
            self.for_each(|field| {
                let ttl = field.deadline.map_or(FieldTtl::Clear, FieldTtl::At);
                let add = |name: &[u8]| field.value.with_text(|value| table.set(name, value, ttl));
                field.name.with_text(add);
            });
            self.0.replace(Value::Big(Big::Hash(table)));
        }
        self.table().expect("it is one now")
    }
}

/// Where a field of a packed hash is, without borrowing it.
struct Span {
    at: usize,
    value_at: usize,
    value_end: usize,
    end: usize,
    deadline: Option<u64>,
}

impl Span {
    fn of(found: Found<'_>) -> Span {
        Span {
            at: found.at,
            value_at: found.value_at,
            value_end: found.value_end,
            end: found.end,
            deadline: found.deadline,
        }
    }
}

/// When the first of the fields is due, in ms on the server timeline; none without fields that
/// have a deadline. O(1), or O(log n) for a big hash.
#[inline]
pub fn next_due(content: Content<'_>) -> Option<u64> {
    match Form::of(content) {
        Form::Packed(packed) => packed.next_due(),
        Form::Big(table) => table.next_due(),
    }
}

/// Is this a big hash of which every field was due before `now_ms`, so that it can be dropped as a
/// whole instead of field by field? O(log n).
pub fn is_over(content: Content<'_>, now_ms: u64) -> bool {
    match Form::of(content) {
        Form::Packed(_) => false,
        Form::Big(table) => table.is_over(now_ms),
    }
}

/// See [`Hash::purge`]. The holder may be empty afterwards.
pub fn purge(holder: &mut impl Write, now_ms: u64, max: usize) -> Purged {
    Hash::new(holder).purge(now_ms, max)
}

#[cfg(test)]
mod tests;
