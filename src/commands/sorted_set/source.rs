//! An input of `ZUNION` and its kin: a sorted set, or a set.

use crate::error::Error;
use crate::keyspace::{Key, Stored, Txn};
use crate::values::set::Set;
use crate::values::zset::Zset;
use crate::values::{Element, Type};
use std::ops::ControlFlow;

/// What each member of a set scores.
const SET_SCORE: f64 = 1.0;

/// See the module's text.
pub(super) enum Source<'t> {
    Zset(Zset<Stored<'t>>),
    Set(Set<Stored<'t>>),
}

impl<'t> Source<'t> {
    /// Looks a key up that must hold an input, or not exist.
    pub fn admit(txn: &mut Txn<'_>, key: Key<'_>) -> Result<(), Error> {
        match txn.read(key).map(|view| view.kind()) {
            None | Some(Type::Zset | Type::Set) => Ok(()),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// An input that was admitted.
    pub fn held(txn: &'t Txn<'_>, key: Key<'_>) -> Source<'t> {
        let stored = txn.held(key);
        match stored.kind() {
            Some(Type::Set) => Source::Set(Set::new(stored)),
            _ => Source::Zset(Zset::new(stored)),
        }
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match self {
            Source::Zset(zset) => zset.len(),
            Source::Set(set) => set.len(),
        }
    }

    /// A member's score.
    pub fn score(&self, name: &[u8]) -> Option<f64> {
        match self {
            Source::Zset(zset) => zset.score(name),
            Source::Set(set) => set.contains(name).then_some(SET_SCORE),
        }
    }

    /// Visits the members until told to stop.
    pub fn each(&self, mut visit: impl FnMut(Element<'_>, f64) -> ControlFlow<()>) {
        match self {
            Source::Zset(zset) => {
                let _ = zset.all().try_for_each(|(name, score)| visit(name, score));
            }
            Source::Set(set) => set.visit(|name| visit(name, SET_SCORE).is_continue()),
        }
    }
}
