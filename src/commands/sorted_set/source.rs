//! An input of `ZUNION` and its kin: a sorted set, or a set.

use crate::error::Error;
use crate::keyspace::{Key, Stored, Txn};
use crate::values::zset::Zset;
use crate::values::{Element, Type};
use std::ops::ControlFlow;

/// See the module's text.
pub(super) struct Source<'t>(Zset<Stored<'t>>);

impl<'t> Source<'t> {
    /// Looks a key up that must hold an input, or not exist.
    pub fn admit(txn: &mut Txn<'_>, key: Key<'_>) -> Result<(), Error> {
        match txn.read(key).map(|view| view.kind()) {
            None | Some(Type::Zset) => Ok(()),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// An input that was admitted.
    pub fn held(txn: &'t Txn<'_>, key: Key<'_>) -> Source<'t> {
        Source(Zset::new(txn.held(key)))
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A member's score.
    pub fn score(&self, name: &[u8]) -> Option<f64> {
        self.0.score(name)
    }

    /// Visits the members until told to stop.
    pub fn each(
        &self,
        mut visit: impl FnMut(Element<'_>, f64) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.0
            .all()
            .try_for_each(|(name, score)| visit(name, score))
    }
}
