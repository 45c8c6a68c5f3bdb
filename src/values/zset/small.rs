//! Packed sorted sets: a name and its score, a name and its score, in the order of (score, name).

use super::range::Span;
use crate::values::Value;
use crate::values::content::{PACKED_MAX, Packing, Write};
use crate::values::packed::{self, Element, Encoded, HEAD, Limits, OVERHEAD_MAX};
use std::cmp::Ordering;
use std::ops::Range;

/// A name and its score.
const PAIR: usize = 2;

/// Number of members.
#[inline]
pub fn len(bytes: &[u8]) -> usize {
    packed::count(bytes) / PAIR
}

/// A score as an element. As in Redis, a packed -0 is 0.
fn encoded(score: f64) -> Encoded<'static> {
    Encoded::of(Element::of_score(score + 0.0))
}

/// Where a member is.
#[derive(Clone, Copy)]
pub struct Found {
    /// Where its name begins.
    at: usize,
    /// Where its score begins.
    score_at: usize,
    /// Behind it.
    end: usize,
    /// Its score.
    pub score: f64,
}

/// The member at an offset, and its name.
#[inline]
fn member_at(bytes: &[u8], at: usize) -> (Element<'_>, Found) {
    let (name, name_len) = packed::decode(&bytes[at..]);
    let score_at = at + name_len;
    let (score, score_len) = packed::decode(&bytes[score_at..]);
    let found = Found {
        at,
        score_at,
        end: score_at + score_len,
        score: score.score(),
    };
    (name, found)
}

/// The member of a name.
#[inline]
pub fn find(bytes: &[u8], name: &Encoded<'_>) -> Option<Found> {
    let at = packed::find(bytes, HEAD, name, PAIR)?;
    Some(member_at(bytes, at).1)
}

/// The rank of a member.
pub fn rank(bytes: &[u8], found: Found) -> usize {
    let (mut at, mut rank) = (HEAD, 0);
    while at < found.at {
        at = packed::skip(bytes, at, PAIR);
        rank += 1;
    }
    rank
}

/// The ranks of what is meant.
pub fn ranks(bytes: &[u8], span: &Span<'_>) -> Range<usize> {
    if let Span::Ranks(ranks) = span {
        return ranks.of(len(bytes));
    }
    if span.is_empty() {
        return 0..0;
    }
    let mut members = Members::new(bytes, HEAD);
    let before = |(name, score): &(Element<'_>, f64)| span.is_after(*name, *score);
    let mut start = 0;
    let first = loop {
        match members.next() {
            Some(member) if before(&member) => start += 1,
            other => break other,
        }
    };
    let inside = |(name, score): &(Element<'_>, f64)| span.ends_after(*name, *score);
    let rest = first.into_iter().chain(members);
    let count = rest.take_while(|member| inside(member)).count();
    start..start + count
}

/// Visits members from an offset on.
#[derive(Clone)]
pub struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Members<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Members<'a> {
        Members { bytes, at }
    }

    /// From a rank on.
    pub fn from_rank(bytes: &'a [u8], rank: usize) -> Members<'a> {
        Members::new(bytes, packed::skip(bytes, HEAD, rank * PAIR))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Element<'a>, f64)> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let (name, found) = member_at(self.bytes, self.at);
        self.at = found.end;
        Some((name, found.score))
    }
}

/// The member at an offset that [`packed::offsets`] gave for every second element.
pub fn at_offset(bytes: &[u8], at: usize) -> (Element<'_>, f64) {
    let (name, found) = member_at(bytes, at);
    (name, found.score)
}

/// Compares a stored member with (`score`, `name`).
fn compare(other: Element<'_>, other_score: f64, name: &[u8], score: f64) -> Ordering {
    let scores = other_score.partial_cmp(&score).expect("no score is NaN");
    scores.then_with(|| match other {
        Element::Bytes(bytes) => bytes.cmp(name),
        other => other.with_text(|text| text.cmp(name)),
    })
}

/// The offset of the first member that comes behind (`score`, `name`), looking from `at` on.
fn behind(bytes: &[u8], mut at: usize, name: &[u8], score: f64) -> usize {
    while at < bytes.len() {
        let (other, found) = member_at(bytes, at);
        if compare(other, found.score, name, score) == Ordering::Greater {
            break;
        }
        at = found.end;
    }
    at
}

/// May a name be added to these bytes?
pub fn has_room(bytes: &[u8], name: &[u8], limits: Limits) -> bool {
    len(bytes) < limits.entries
        && name.len() <= limits.value_bytes
        && bytes.len() + HEAD + name.len() + 2 * OVERHEAD_MAX <= PACKED_MAX
}

/// May a score be replaced by a longer one?
pub fn has_room_to_update(bytes: &[u8]) -> bool {
    bytes.len() + OVERHEAD_MAX <= PACKED_MAX
}

/// Adds a member that is not there; there is room.
pub fn insert(holder: &mut impl Write, text: &[u8], name: Encoded<'_>, score: f64) {
    let bytes = holder.packed_mut();
    let at = behind(bytes, HEAD, text, score);
    let count = packed::count(bytes) + PAIR;
    let score = encoded(score);
    packed::splice(holder, at, 0, &[name, score], count);
}

/// Gives a member another score; there is room.
pub fn update(holder: &mut impl Write, found: Found, name: &[u8], score: f64) {
    let Found {
        at, score_at, end, ..
    } = found;
    let bytes = holder.packed_mut();
    let count = packed::count(bytes);
    let (width, name_len) = (end - at, score_at - at);
    let moved_to = if score > found.score {
        let to = behind(bytes, end, name, score);
        bytes[at..to].rotate_left(width);
        to - width
    } else {
        let to = behind(&bytes[..at], HEAD, name, score);
        bytes[to..end].rotate_right(width);
        to
    };
    let score = encoded(score);
    let (start, removed) = (moved_to + name_len, end - score_at);
    if score.len() == removed {
        bytes[start..start + removed].copy_from_slice(score.head());
    } else {
        packed::splice(holder, start, removed, &[score], count);
    }
}

/// Removes a member.
pub fn remove(holder: &mut impl Write, found: Found) {
    let count = packed::count(holder.packed_mut()) - PAIR;
    packed::splice(holder, found.at, found.end - found.at, &[], count);
}

/// Removes the members of some ranks.
pub fn remove_ranks(holder: &mut impl Write, ranks: Range<usize>) {
    let bytes = holder.packed_mut();
    let start = packed::skip(bytes, HEAD, ranks.start * PAIR);
    let end = packed::skip(bytes, start, ranks.len() * PAIR);
    let count = packed::count(bytes) - ranks.len() * PAIR;
    packed::splice(holder, start, end - start, &[], count);
}

/// Packs members that come in order; `None` when they exceed the limits.
pub fn pack<'a>(
    members: impl ExactSizeIterator<Item = (&'a [u8], f64)>,
    limits: Limits,
) -> Option<Value> {
    let count = members.len();
    if count > limits.entries.min(usize::from(u16::MAX) / PAIR) {
        return None;
    }
    let mut bytes = vec![0; HEAD];
    for (name, score) in members {
        let name_len = name.len();
        if name_len > limits.value_bytes || bytes.len() + name_len + 2 * OVERHEAD_MAX > PACKED_MAX {
            return None;
        }
        Encoded::new(name).append_to(&mut bytes);
        encoded(score).append_to(&mut bytes);
    }
    packed::set_count(&mut bytes, count * PAIR);
    Some(Value::Packed(Packing::Listpack, bytes))
}
