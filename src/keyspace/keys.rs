//! The keys of a request, as dispatch finds them.

use super::{Hash, hash_key};
use std::ops::Deref;

/// A key of the request being executed, with its hash.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) hash: Hash,
}

impl<'a> Key<'a> {
    /// Hashes a key. Only dispatch makes keys; handlers get theirs from [`super::Txn::key`].
    pub fn new(bytes: &'a [u8]) -> Key<'a> {
        Key {
            bytes,
            hash: hash_key(bytes),
        }
    }

    /// With a hash computed before.
    #[inline]
    pub fn hashed(bytes: &'a [u8], hash: Hash) -> Key<'a> {
        Key { bytes, hash }
    }

    /// The key itself.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Its hash.
    #[inline]
    pub fn hash(self) -> Hash {
        self.hash
    }
}

/// The keys of a request: small, since a transaction with one key is what nearly all are.
#[derive(Default)]
pub enum Keys<'a> {
    /// None.
    #[default]
    None,
    /// Just one.
    One(Key<'a>),
    /// Several.
    Many(Vec<Key<'a>>),
}

impl<'a> Keys<'a> {
    /// No keys.
    pub fn new() -> Keys<'a> {
        Keys::None
    }

    /// One more key, behind the others.
    pub fn push(&mut self, key: Key<'a>) {
        match self {
            Keys::None => *self = Keys::One(key),
            Keys::One(first) => *self = Keys::Many(vec![*first, key]),
            Keys::Many(keys) => keys.push(key),
        }
    }
}

impl<'a> Deref for Keys<'a> {
    type Target = [Key<'a>];

    #[inline]
    fn deref(&self) -> &[Key<'a>] {
        match self {
            Keys::None => &[],
            Keys::One(key) => std::slice::from_ref(key),
            Keys::Many(keys) => keys,
        }
    }
}

impl<'a> FromIterator<Key<'a>> for Keys<'a> {
    fn from_iter<I: IntoIterator<Item = Key<'a>>>(keys: I) -> Keys<'a> {
        let mut all = Keys::None;
        keys.into_iter().for_each(|key| all.push(key));
        all
    }
}
