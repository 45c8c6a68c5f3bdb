//! Sets: integers in order (`intset`) or packed members while they are small, then a table of
//! records.

mod intset;

use super::content::{Big, Content, PACKED_MAX, Packing, Read, Value, Write};
use super::members::{Layout, Members};
use super::packed::{self, Element, Encoded, HEAD, Limits};
use crate::base::hash::hash;
use crate::base::number;
use crate::base::random::Random;
use intset::{Intset, width_of};

/// Bytes of an intset before its integers.
pub const INTSET_HEAD: usize = 1;

/// A hash table of members.
#[derive(Clone, Default)]
pub struct Table(Members<Names>);

/// A record is its member.
struct Names;

impl Layout for Names {
    #[inline]
    fn key(payload: &[u8]) -> &[u8] {
        payload
    }
}

impl Table {
    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes it takes from the allocator, its own struct not included. O(1).
    pub fn size_bytes(&self) -> usize {
        self.0.size_bytes()
    }

    /// See [`Members::ahead`].
    #[inline]
    pub fn ahead(&self, member: &[u8], step: usize, load: &mut impl FnMut(*const u8)) {
        self.0.ahead(member, step, load);
    }

    #[inline]
    fn add(&mut self, member: &[u8]) -> bool {
        let hash = hash(member);
        let is_new = self.0.find(hash, member).is_none();
        if is_new {
            self.0.insert(hash, &[member]);
        }
        is_new
    }

    fn remove(&mut self, member: &[u8]) -> bool {
        let found = self.0.find(hash(member), member);
        found.map(|place| self.0.remove(place)).is_some()
    }
}

/// How large a set may become before it has another form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLimits {
    /// Members of a set of integers.
    pub intset_entries: usize,
    /// Of any other packed set.
    pub packed: Limits,
}

/// A set, seen through whatever holds it.
pub struct Set<C>(C);

enum Form<'a> {
    Ints(Intset<'a>),
    Packed(&'a [u8]),
    Big(&'a Members<Names>),
}

impl<C: Read> Set<C> {
    /// A set that `holder` holds. One without bytes is empty.
    #[inline]
    pub fn new(holder: C) -> Set<C> {
        Set(holder)
    }

    #[inline]
    fn form(&self) -> Form<'_> {
        match self.0.content() {
            Content::Packed(Packing::Intset, bytes) => Form::Ints(Intset(bytes)),
            Content::Packed(_, bytes) => Form::Packed(bytes),
            Content::Big(Big::Set(table)) => Form::Big(&table.0),
            Content::Big(_) => unreachable!("the type was checked"),
        }
    }

    /// The value as it is held, to copy it.
    pub fn content(&self) -> Content<'_> {
        self.0.content()
    }

    /// Number of members.
    #[inline]
    pub fn len(&self) -> usize {
        match self.form() {
            Form::Ints(ints) => ints.len(),
            Form::Packed(bytes) => packed::count(bytes),
            Form::Big(members) => members.len(),
        }
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is it a member? O(log n) or O(n) while packed, then O(1).
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.form() {
            Form::Ints(ints) => {
                number::parse_i64(member).is_some_and(|value| ints.find(value).is_ok())
            }
            Form::Packed(bytes) => packed::find(bytes, HEAD, &Encoded::new(member), 1).is_some(),
            Form::Big(members) => members.contains(member),
        }
    }

    /// Visits the members until `visit` returns false.
    pub fn visit(&self, mut visit: impl FnMut(Element<'_>) -> bool) {
        let _ = match self.form() {
            Form::Ints(ints) => ints.iter().all(|value| visit(Element::Int(value))),
            Form::Packed(bytes) => packed::iter(bytes, HEAD).all(|(_, element)| visit(element)),
            Form::Big(members) => members.iter().all(|member| visit(Element::Bytes(member))),
        };
    }

    /// Visits all members.
    pub fn for_each(&self, mut visit: impl FnMut(Element<'_>)) {
        self.visit(|element| {
            visit(element);
            true
        });
    }

    /// Visits the members from `cursor` on; returns the cursor to go on with, 0 after the last.
    /// All of a packed set at once, see [`Members::scan`] otherwise.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Element<'_>)) -> u64 {
        if let Form::Big(members) = self.form() {
            return members.scan(cursor, count, |member| visit(Element::Bytes(member)));
        }
        self.for_each(visit);
        0
    }

    /// Visits `count` members drawn at random, any of them several times; none of an empty set.
    /// `visit` returns false to stop.
    pub fn draw(
        &self,
        count: usize,
        random: &mut Random,
        mut visit: impl FnMut(Element<'_>) -> bool,
    ) {
        let len = self.len();
        if len == 0 {
            return;
        }
        let _ = match self.form() {
            Form::Ints(ints) => (0..count).all(|_| visit(Element::Int(ints.at(random.index(len))))),
            Form::Packed(bytes) => {
                let offsets = packed::offsets(bytes, HEAD, 1);
                let mut draw = || packed::decode(&bytes[offsets[random.index(len)] as usize..]).0;
                (0..count).all(|_| visit(draw()))
            }
            Form::Big(members) => {
                let mut draw = || members.random(random).expect("it is not empty");
                (0..count).all(|_| visit(Element::Bytes(members.payload(draw()))))
            }
        };
    }

    /// Visits `count` members drawn at random, none twice; all of them if there are no more.
    pub fn sample(&self, count: usize, random: &mut Random, mut visit: impl FnMut(Element<'_>)) {
        let len = self.len();
        if count >= len {
            return self.for_each(visit);
        }
        let (ints, bytes) = match self.form() {
            Form::Big(members) => {
                return members.sample(count, random, |member| visit(Element::Bytes(member)));
            }
            Form::Ints(ints) => (Some(ints), &[][..]),
            Form::Packed(bytes) => (None, bytes),
        };
        let mut ranks: Vec<u32> = match ints {
            Some(_) => (0..len as u32).collect(),
            None => packed::offsets(bytes, HEAD, 1).to_vec(),
        };
        for drawn in 0..count {
            ranks.swap(drawn, drawn + random.index(len - drawn));
            let rank = ranks[drawn] as usize;
            visit(match ints {
                Some(ints) => Element::Int(ints.at(rank)),
                None => packed::decode(&bytes[rank..]).0,
            });
        }
    }
}

impl<C: Write> Set<C> {
    /// Adds a member; true when it is new. O(n) while packed, then O(1).
    #[inline]
    pub fn add(&mut self, member: &[u8], limits: SetLimits) -> bool {
        if let Some(table) = self.table() {
            return table.add(member);
        }
        match self.form() {
            Form::Ints(_) => match number::parse_i64(member) {
                Some(value) => self.add_int(value, member, limits),
                None => self.add_text_to_ints(member, limits),
            },
            Form::Packed([]) => match number::parse_i64(member) {
                Some(value) => self.add_int(value, member, limits),
                None => self.add_packed(member, limits.packed),
            },
            _ => self.add_packed(member, limits.packed),
        }
    }

    /// Removes a member; true when it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        if let Some(table) = self.table() {
            return table.remove(member);
        }
        let found = match self.form() {
            Form::Ints(ints) => number::parse_i64(member)
                .and_then(|value| ints.find(value).ok())
                .map(|rank| ints.offset(rank)),
            Form::Packed(bytes) => packed::find(bytes, HEAD, &Encoded::new(member), 1),
            Form::Big(_) => unreachable!("the table was asked above"),
        };
        found.map(|at| self.cut(at)).is_some()
    }

    /// Removes a member drawn at random, after `visit` has seen it; false when there is none.
    pub fn pop(&mut self, random: &mut Random, visit: impl FnOnce(Element<'_>)) -> bool {
        let len = self.len();
        if len == 0 {
            return false;
        }
        if let Some(table) = self.table() {
            let place = table.0.random(random).expect("it is not empty");
            visit(Element::Bytes(table.0.payload(place)));
            table.0.remove(place);
            return true;
        }
        let rank = random.index(len);
        let at = match self.form() {
            Form::Ints(ints) => {
                visit(Element::Int(ints.at(rank)));
                ints.offset(rank)
            }
            Form::Packed(bytes) => {
                let at = packed::skip(bytes, HEAD, rank);
                visit(packed::decode(&bytes[at..]).0);
                at
            }
            Form::Big(_) => unreachable!("the table was asked above"),
        };
        self.cut(at);
        true
    }

    fn add_int(&mut self, value: i64, member: &[u8], limits: SetLimits) -> bool {
        let Form::Ints(ints) = self.form() else {
            // A set that does not exist yet.
            if limits.intset_entries == 0 {
                return self.unpack().add(member);
            }
            let bytes = Intset(&[]).widened(value, 0);
            self.0.replace(Value::Packed(Packing::Intset, bytes));
            return true;
        };
        let rank = match ints.find(value) {
            Ok(_) => return false,
            Err(rank) => rank,
        };
        let width = ints.width();
        let wider = width_of(value).max(width);
        let bytes = INTSET_HEAD + (ints.len() + 1) * wider;
        if ints.len() >= limits.intset_entries || bytes > PACKED_MAX {
            return self.unpack().add(member);
        }
        if wider > width {
            let bytes = ints.widened(value, rank);
            self.0.replace(Value::Packed(Packing::Intset, bytes));
        } else {
            let at = ints.offset(rank);
            self.0.splice(at, 0, &[&value.to_le_bytes()[..width]]);
        }
        true
    }

    /// Adds what is no integer to a set of integers, which takes another form.
    fn add_text_to_ints(&mut self, member: &[u8], limits: SetLimits) -> bool {
        let Form::Ints(ints) = self.form() else {
            unreachable!("the caller has seen that it is one");
        };
        let mut longest = member.len();
        for rank in [0, ints.len().saturating_sub(1)] {
            if ints.len() > 0 {
                longest = longest.max(number::text_length(ints.at(rank)));
            }
        }
        let mut bytes = vec![0; HEAD];
        for value in ints.iter() {
            Encoded::of(Element::Int(value)).append_to(&mut bytes);
        }
        let member = Encoded::new(member);
        let fits = ints.len() < limits.packed.entries
            && longest <= limits.packed.value_bytes
            && bytes.len() + member.len() <= PACKED_MAX;
        if !fits {
            return self.unpack().add(member.text());
        }
        member.append_to(&mut bytes);
        packed::set_count(&mut bytes, ints.len() + 1);
        self.0.replace(Value::Packed(Packing::Listpack, bytes));
        true
    }

    fn add_packed(&mut self, member: &[u8], limits: Limits) -> bool {
        let Form::Packed(bytes) = self.form() else {
            unreachable!("the caller has seen that it is packed");
        };
        let encoded = Encoded::new(member);
        if packed::find(bytes, HEAD, &encoded, 1).is_some() {
            return false;
        }
        let count = packed::count(bytes) + 1;
        let at = bytes.len();
        let fits = count <= limits.entries
            && member.len() <= limits.value_bytes
            && at + encoded.len() + HEAD <= PACKED_MAX;
        if !fits {
            return self.unpack().add(member);
        }
        // The count of a set that has no bytes yet comes with its first member.
        let head = (count as u16).to_le_bytes();
        let head: &[u8] = if at == 0 { &head } else { &[] };
        self.0
            .splice(at, 0, &[head, encoded.head(), encoded.text()]);
        if at != 0 {
            packed::set_count(self.0.packed_mut(), count);
        }
        true
    }

    /// Removes the packed member at an offset.
    fn cut(&mut self, at: usize) {
        match self.form() {
            Form::Ints(ints) => {
                let width = ints.width();
                self.0.splice(at, width, &[]);
            }
            Form::Packed(bytes) => {
                let count = packed::count(bytes) - 1;
                let len = packed::element_len(&bytes[at..]);
                self.0.splice(at, len, &[]);
                packed::set_count(self.0.packed_mut(), count);
            }
            Form::Big(_) => unreachable!("tables have no offsets"),
        }
    }

    #[inline]
    fn table(&mut self) -> Option<&mut Table> {
        match self.0.big_mut() {
            None => None,
            Some(Big::Set(table)) => Some(table),
            Some(_) => unreachable!("the type was checked"),
        }
    }

    /// Makes it a table.
    fn unpack(&mut self) -> &mut Table {
        if self.table().is_none() {
            let mut table = Table::default();
            self.for_each(|element| {
                element.with_text(|member| table.add(member));
            });
            self.0.replace(Value::Big(Big::Set(table)));
        }
        self.table().expect("it is one now")
    }
}

#[cfg(test)]
mod tests;
