//! The elements to be sorted, with what they are sorted by.

use super::Request;
use super::pattern::Pattern;
use crate::base::{float, number};
use crate::error::Error;
use crate::keyspace::Txn;
use crate::values::Type;
use crate::values::list::{Item, List};
use crate::values::set::Set;
use crate::values::zset::Zset;
use std::cmp::Ordering;
use std::ops::Range;

/// Elements, copied one behind the other, and sorted.
#[derive(Default)]
pub(super) struct Rows {
    texts: Vec<u8>,
    rows: Vec<Row>,
}

struct Row {
    /// The element, in `texts`.
    text: (usize, usize),
    weight: Weight,
}

/// What an element is sorted by.
enum Weight {
    /// A number; equal ones by their elements.
    Number(f64),
    /// A text, in `texts`; that of the element itself if there is no `BY`.
    Text(usize, usize),
    /// Nothing: the key of its `BY` does not exist. Before all texts.
    Missing,
}

impl Rows {
    /// Reads the elements of key 0, sorts them, and keeps those asked for.
    pub(super) fn load(txn: &mut Txn<'_>, request: &Request<'_>) -> Result<Rows, Error> {
        let mut rows = Rows::default();
        let Some(view) = txn.read(txn.key(0)) else {
            return Ok(rows);
        };
        // A set has no order of its own: what is stored is sorted all the same.
        let is_set = view.kind() == Type::Set;
        let force = is_set && request.unsorted && request.store.is_some();
        let unsorted = request.unsorted && !force;
        match view.kind() {
            Type::List => rows.read_list(&List::new(view.content()), request, unsorted),
            Type::Set => {
                Set::new(view.content()).for_each(|member| member.with_text(|t| rows.add(t)));
            }
            Type::Zset => rows.read_zset(&Zset::new(view.content()), request, unsorted),
            _ => return Err(Error::WrongType),
        }
        if !unsorted {
            let by = request.by.as_ref().filter(|_| !force);
            rows.weigh(txn, by, request.alpha || force)?;
            rows.sort(request.descending, request.store.is_some());
        }
        if !unsorted || is_set {
            let kept = request.limits(rows.rows.len());
            rows.rows.truncate(kept.end);
            rows.rows.drain(..kept.start);
        }
        Ok(rows)
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Visits the elements, or for each the values its patterns name.
    pub(super) fn each(
        &self,
        txn: &mut Txn<'_>,
        get: &[Pattern<'_>],
        mut visit: impl FnMut(Option<&[u8]>),
    ) {
        for row in &self.rows {
            let text = &self.texts[row.text.0..row.text.1];
            if get.is_empty() {
                visit(Some(text));
            }
            for pattern in get {
                if pattern
                    .look_up(txn, text, |text| visit(Some(text)))
                    .is_none()
                {
                    visit(None);
                }
            }
        }
    }

    fn read_list<C: crate::values::content::Read>(
        &mut self,
        list: &List<C>,
        request: &Request<'_>,
        unsorted: bool,
    ) {
        let items = match part(list.len(), request, unsorted) {
            (range, true) => list.range_back(range.end.saturating_sub(1), range.len()),
            (range, false) => list.range(range.start, range.len()),
        };
        for item in items {
            match item {
                Item::Bytes(bytes) => self.add(bytes),
                item => item.with_text(|text| self.add(text)),
            }
        }
    }

    fn read_zset<C: crate::values::content::Read>(
        &mut self,
        zset: &Zset<C>,
        request: &Request<'_>,
        unsorted: bool,
    ) {
        let (range, backwards) = part(zset.len(), request, unsorted);
        let members = if backwards {
            zset.iter_back(range)
        } else {
            zset.iter(range)
        };
        for (member, _) in members {
            member.with_text(|text| self.add(text));
        }
    }

    fn add(&mut self, text: &[u8]) {
        let start = self.texts.len();
        self.texts.extend_from_slice(text);
        self.rows.push(Row {
            text: (start, self.texts.len()),
            weight: Weight::Missing,
        });
    }

    /// Finds what each element is sorted by.
    fn weigh(
        &mut self,
        txn: &mut Txn<'_>,
        by: Option<&Pattern<'_>>,
        alpha: bool,
    ) -> Result<(), Error> {
        let mut values = Vec::new();
        for row in &mut self.rows {
            let text = &self.texts[row.text.0..row.text.1];
            row.weight = match (by, alpha) {
                (None, true) => Weight::Text(row.text.0, row.text.1),
                (None, false) => Weight::Number(number_of(text)?),
                (Some(by), true) => {
                    let start = self.texts.len() + values.len();
                    let found = by.look_up(txn, text, |value| values.extend_from_slice(value));
                    found.map_or(Weight::Missing, |()| {
                        Weight::Text(start, self.texts.len() + values.len())
                    })
                }
                (Some(by), false) => {
                    let found = by.look_up(txn, text, number_of);
                    Weight::Number(found.transpose()?.unwrap_or(0.0))
                }
            };
        }
        self.texts.append(&mut values);
        Ok(())
    }

    /// Sorts. Texts are compared as bytes; by C's `strcoll`, to which a NUL is the end, unless they
    /// are `exact`.
    fn sort(&mut self, descending: bool, exact: bool) {
        let texts = &self.texts;
        let text = |start: usize, end: usize| &texts[start..end];
        let seen = |start: usize, end: usize| {
            let text = text(start, end);
            let end = if exact { None } else { memchr::memchr(0, text) };
            &text[..end.unwrap_or(text.len())]
        };
        self.rows.sort_by(|a, b| {
            let order = match (&a.weight, &b.weight) {
                (Weight::Number(x), Weight::Number(y)) => x
                    .partial_cmp(y)
                    .unwrap_or(Ordering::Equal)
                    .then_with(|| text(a.text.0, a.text.1).cmp(text(b.text.0, b.text.1))),
                (Weight::Text(from, to), Weight::Text(other, end)) => {
                    seen(*from, *to).cmp(seen(*other, *end))
                }
                (Weight::Missing, Weight::Missing) => Ordering::Equal,
                (Weight::Missing, _) => Ordering::Less,
                _ => Ordering::Greater,
            };
            if descending { order.reverse() } else { order }
        });
    }
}

/// Which elements of a sequence are needed, and whether backwards: all, if they are to be sorted.
fn part(len: usize, request: &Request<'_>, unsorted: bool) -> (Range<usize>, bool) {
    if !unsorted {
        return (0..len, false);
    }
    let range = request.limits(len);
    if request.descending {
        (len - range.end..len - range.start, true)
    } else {
        (range, false)
    }
}

/// The number that C's `strtod` makes of a whole text: leading white space is taken, nothing is 0,
/// and a NUL ends the text.
fn number_of(text: &[u8]) -> Result<f64, Error> {
    if let Some(value) = number::parse_i64(text) {
        return Ok(value as f64);
    }
    let text = text.split(|byte| *byte == 0).next().unwrap_or(text);
    if text.is_empty() {
        return Ok(0.0);
    }
    let blanks = text.iter().take_while(|byte| number::is_space(**byte));
    float::parse_f64(&text[blanks.count()..]).ok_or(Error::SORT_NOT_NUMBER)
}
