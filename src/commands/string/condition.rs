//! On what the present value of a key must be like for it to be replaced or removed.

use super::bytes_of;
use crate::base::digest;
use crate::error::Error;
use crate::keyspace::ValueRef;

/// What the value must be like. Digests are checked only against a value, as Redis does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison<'a> {
    /// `IFEQ`: these bytes.
    Equal(&'a [u8]),
    /// `IFNE`: not these bytes.
    NotEqual(&'a [u8]),
    /// `IFDEQ`: of this digest.
    Digest(&'a [u8]),
    /// `IFDNE`: not of this digest.
    NotDigest(&'a [u8]),
}

impl<'a> Comparison<'a> {
    /// The comparison that `word` names, in any case, with `operand`.
    pub(super) fn named(word: &[u8], operand: &'a [u8]) -> Option<Comparison<'a>> {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        Some(if is("IFEQ") {
            Comparison::Equal(operand)
        } else if is("IFNE") {
            Comparison::NotEqual(operand)
        } else if is("IFDEQ") {
            Comparison::Digest(operand)
        } else if is("IFDNE") {
            Comparison::NotDigest(operand)
        } else {
            return None;
        })
    }

    /// Does it hold where there is no value?
    pub(super) fn holds_for_none(self) -> bool {
        matches!(self, Comparison::NotEqual(_) | Comparison::NotDigest(_))
    }

    /// Does it hold for `value`? An error when the digest is not one.
    pub(super) fn holds(self, value: ValueRef<'_>) -> Result<bool, Error> {
        let mut digits = itoa::Buffer::new();
        let value = bytes_of(value, &mut digits);
        Ok(match self {
            Comparison::Equal(other) => value == other,
            Comparison::NotEqual(other) => value != other,
            Comparison::Digest(text) => digest::is_digest_of(digest_text(text)?, value),
            Comparison::NotDigest(text) => !digest::is_digest_of(digest_text(text)?, value),
        })
    }
}

fn digest_text(text: &[u8]) -> Result<&[u8], Error> {
    let valid = text.len() == digest::TEXT_LENGTH && text.iter().all(u8::is_ascii_hexdigit);
    valid.then_some(text).ok_or(Error::DIGEST_FORMAT)
}
