//! Sorted sets: members with a score each, in the order of scores, equal ones in that of names.
//!
//! Few small members are packed (`small`); others are a [`Tree`]: `slots` hold them, an
//! `index` finds them by name, an `order` by score and rank. [`Zset`] is the view over both.

mod gathering;
mod index;
mod name;
mod order;
mod range;
mod slots;
mod small;
#[cfg(test)]
mod tests;
mod tree;

pub use gathering::Gathering;
pub use range::{LexBound, LexRange, Ranks, ScoreBound, ScoreRange, Span};
pub use tree::Tree;

use super::content::{Big, Content, Read, Value, Write};
use super::packed::{self, Element, Encoded, HEAD, Limits};
use smallvec::SmallVec;
use std::ops::Range;

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Put {
    /// It was added.
    Added,
    /// It got another score.
    Updated,
    /// It had that score.
    Same,
    /// It was left alone.
    Declined,
}

/// A sorted set in some holder.
pub struct Zset<C>(C);

impl<C: Read> Zset<C> {
    /// Views what `holder` holds, which is a sorted set or nothing.
    pub fn new(holder: C) -> Zset<C> {
        Zset(holder)
    }

    fn form(&self) -> Form<'_> {
        match self.0.content() {
            Content::Packed(_, bytes) => Form::Small(bytes),
            Content::Big(Big::Zset(tree)) => Form::Tree(tree),
            Content::Big(_) => unreachable!("the type was checked"),
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match self.form() {
            Form::Small(bytes) => small::len(bytes),
            Form::Tree(tree) => tree.len(),
        }
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Is it packed, so that all of it is visited at once?
    pub fn is_packed(&self) -> bool {
        matches!(self.form(), Form::Small(_))
    }

    /// A member's score.
    pub fn score(&self, name: &[u8]) -> Option<f64> {
        match self.form() {
            Form::Small(bytes) => Some(small::find(bytes, &Encoded::new(name))?.score),
            Form::Tree(tree) => Some(tree.score(tree.find(name)?)),
        }
    }

    /// A member's rank, and its score. O(log n).
    pub fn rank(&self, name: &[u8]) -> Option<(usize, f64)> {
        match self.form() {
            Form::Small(bytes) => {
                let found = small::find(bytes, &Encoded::new(name))?;
                Some((small::rank(bytes, found), found.score))
            }
            Form::Tree(tree) => {
                let id = tree.find(name)?;
                Some((tree.rank(id), tree.score(id)))
            }
        }
    }

    /// The ranks of the members meant. O(log n).
    pub fn ranks(&self, span: &Span<'_>) -> Range<usize> {
        match self.form() {
            Form::Small(bytes) => small::ranks(bytes, span),
            Form::Tree(tree) => tree.ranks(span),
        }
    }

    /// Visits the members of some ranks, which exist. O(log n) and O(1) for each.
    pub fn iter(&self, ranks: Range<usize>) -> Iter<'_> {
        let left = ranks.len();
        Iter(match self.form() {
            Form::Small(bytes) => Way::Small(small::Members::from_rank(bytes, ranks.start), left),
            Form::Tree(tree) => Way::Forward(tree, tree.forward(ranks)),
        })
    }

    /// Visits the members of some ranks, which exist, the last first.
    pub fn iter_back(&self, ranks: Range<usize>) -> Iter<'_> {
        Iter(match self.form() {
            Form::Small(bytes) => {
                let mut offsets = packed::offsets(bytes, HEAD, 2);
                offsets.truncate(ranks.end);
                Way::SmallBack(bytes, offsets, ranks.len())
            }
            Form::Tree(tree) => Way::Backward(tree, tree.backward(ranks)),
        })
    }

    /// All members in their order.
    pub fn all(&self) -> Iter<'_> {
        self.iter(0..self.len())
    }

    /// Visits about `count` members, those `cursor` has come to; where to go on, 0 at the end.
    /// Members that are there all the time are visited at least once. A packed set is visited
    /// whole.
    pub fn scan(
        &self,
        mut cursor: u64,
        count: usize,
        mut visit: impl FnMut(Element<'_>, f64),
    ) -> u64 {
        match self.form() {
            Form::Small(_) => {
                self.all().for_each(|(name, score)| visit(name, score));
                0
            }
            Form::Tree(tree) => {
                let mut visited = 0;
                // Empty stretches are passed over, but not for ever.
                for _ in 0..count.saturating_mul(10) {
                    cursor = tree.scan(cursor, &mut |name, score| {
                        visited += 1;
                        visit(name, score);
                    });
                    if cursor == 0 || visited >= count {
                        break;
                    }
                }
                cursor
            }
        }
    }
}

enum Form<'a> {
    Small(&'a [u8]),
    Tree(&'a Tree),
}

/// Visits members in order.
#[derive(Clone)]
pub struct Iter<'a>(Way<'a>);

// It lives on the stack, and walking back through packed members is common.
#[allow(clippy::large_enum_variant)]
#[derive(Clone)]
enum Way<'a> {
    Small(small::Members<'a>, usize),
    SmallBack(&'a [u8], SmallVec<[u32; 128]>, usize),
    Forward(&'a Tree, order::Forward<'a>),
    Backward(&'a Tree, order::Backward<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Element<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<(Element<'a>, f64)> {
        let named = |tree: &'a Tree, (score, id)| (Element::Bytes(tree.name(id)), score);
        match &mut self.0 {
            Way::Small(members, left) => {
                *left = left.checked_sub(1)?;
                members.next()
            }
            Way::SmallBack(bytes, offsets, left) => {
                *left = left.checked_sub(1)?;
                Some(small::at_offset(bytes, offsets.pop()? as usize))
            }
            Way::Forward(tree, found) => Some(named(tree, found.next()?)),
            Way::Backward(tree, found) => Some(named(tree, found.next()?)),
        }
    }
}

impl<C: Write> Zset<C> {
    fn tree_mut(&mut self) -> Option<&mut Tree> {
        match self.0.big_mut()? {
            Big::Zset(tree) => Some(tree),
            _ => unreachable!("the type was checked"),
        }
    }

    /// Adds a member or changes its score: `decide` gets the score it has, if it is there, and
    /// says which it is to have; `None` leaves all as it is. No score is NaN. O(log n).
    pub fn put(
        &mut self,
        name: &[u8],
        limits: Limits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Put {
        if let Some(tree) = self.tree_mut() {
            return put_in_tree(tree, name, decide);
        }
        let encoded = Encoded::new(name);
        let bytes = self.0.packed_mut();
        let found = small::find(bytes, &encoded);
        let Some(score) = decide(found.map(|found| found.score)) else {
            return Put::Declined;
        };
        match found {
            Some(found) if found.score == score => Put::Same,
            Some(found) if small::has_room_to_update(bytes) => {
                small::update(&mut self.0, found, name, score);
                Put::Updated
            }
            None if small::has_room(bytes, name, limits) => {
                small::insert(&mut self.0, name, encoded, score);
                Put::Added
            }
            _ => {
                self.make_tree();
                let tree = self.tree_mut().expect("it was made");
                put_in_tree(tree, name, |_| Some(score))
            }
        }
    }

    fn make_tree(&mut self) {
        let mut members = Gathering::with_room(self.len() + 1);
        for (name, score) in self.all() {
            name.with_text(|name| members.put(name, score, |_| score));
        }
        let tree = Big::Zset(Box::new(members.into_tree()));
        self.0.replace(Value::Big(tree));
    }

    /// Removes a member; true when it was there. O(log n).
    pub fn remove(&mut self, name: &[u8]) -> bool {
        if let Some(tree) = self.tree_mut() {
            let found = tree.find(name);
            if let Some(id) = found {
                tree.remove_and_tidy(id);
            }
            return found.is_some();
        }
        let found = small::find(self.0.packed_mut(), &Encoded::new(name));
        if let Some(found) = found {
            small::remove(&mut self.0, found);
        }
        found.is_some()
    }

    /// Removes the members of some ranks, which exist.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        if ranks.is_empty() {
            return;
        }
        match self.tree_mut() {
            Some(tree) => tree.remove_ranks(ranks),
            None => small::remove_ranks(&mut self.0, ranks),
        }
    }
}

fn put_in_tree(
    tree: &mut Tree,
    name: &[u8],
    decide: impl FnOnce(Option<f64>) -> Option<f64>,
) -> Put {
    let found = tree.find(name);
    let old = found.map(|id| tree.score(id));
    match (found, decide(old)) {
        (_, None) => Put::Declined,
        (None, Some(score)) => {
            tree.insert(name, score);
            Put::Added
        }
        (Some(_), score) if score == old => Put::Same,
        (Some(id), Some(score)) => {
            tree.update(id, score);
            Put::Updated
        }
    }
}
