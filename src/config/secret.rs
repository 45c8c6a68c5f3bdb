//! Text that must never be printed.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A password: printing it shows only whether there is one, and comparing it takes the same
/// time whatever the guess has in common with it. Empty means that none is set.
#[derive(Clone, Default)]
pub struct Secret {
    bytes: Vec<u8>,
    /// Came from the environment or a mounted file, so that no file of ours may repeat it.
    foreign: bool,
}

impl Secret {
    /// A secret from the configuration file or `CONFIG SET`, which `CONFIG REWRITE` may store.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            foreign: false,
        }
    }

    /// A secret from the environment, the command line or a mounted file: never written out.
    pub fn foreign(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            foreign: true,
        }
    }

    /// Whether no secret is set.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether `guess` is the secret. Digests are compared, so that neither the secret's length
    /// nor a common prefix shows in the time taken; an unset secret matches nothing.
    pub fn matches(&self, guess: &[u8]) -> bool {
        let same = Sha256::digest(&self.bytes)
            .as_slice()
            .ct_eq(Sha256::digest(guess).as_slice());
        bool::from(same) && !self.is_empty()
    }

    /// The secret itself: for answering an authenticated `CONFIG GET`, never for a log.
    pub fn reveal(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the secret may be stored in the configuration file.
    pub(super) fn storable(&self) -> bool {
        !self.foreign
    }

    /// The same secret, marked as not to be stored.
    pub(super) fn into_foreign(self) -> Self {
        Self::foreign(self.bytes)
    }
}

impl PartialEq for Secret {
    /// Whether both are the same secret, wherever they came from. For finding changes between
    /// configurations; guesses are checked by `matches`.
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Secret {}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() {
            "(none)"
        } else {
            "(hidden)"
        })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        for secret in [Secret::new("hunter2"), Secret::foreign("hunter2")] {
            assert_eq!(format!("{secret} {secret:?}"), "(hidden) (hidden)");
        }
        assert_eq!(Secret::default().to_string(), "(none)");
    }

    #[test]
    fn matches_only_itself() {
        let secret = Secret::new("hunter2");
        assert!(secret.matches(b"hunter2"));
        for guess in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!secret.matches(guess.as_bytes()), "{guess}");
        }
        assert!(!Secret::default().matches(b""));
    }
}
