//! The hash of keys, fields and members, with a seed of this process.

use rapidhash::v3::{RapidSecrets, rapidhash_v3_nano_inline};
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// Hashes bytes. Who does not know the seed can neither predict a hash nor make two collide.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    static SECRETS: OnceLock<RapidSecrets> = OnceLock::new();
    let secrets = SECRETS.get_or_init(|| RapidSecrets::seed(RandomState::new().hash_one(0)));
    rapidhash_v3_nano_inline::<true, false>(bytes, secrets)
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn same_bytes_same_hash() {
        assert_eq!(hash(b"field"), hash(b"field".as_slice()));
        assert_ne!(hash(b"field"), hash(b"fielc"));
    }
}
