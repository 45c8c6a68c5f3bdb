//! The digest of a value that `DIGEST` replies and the `IFDEQ` and `IFDNE` conditions compare.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes in a digest's text.
pub const TEXT_LENGTH: usize = 16;

/// The 64-bit XXH3 hash of `value` (seed 0), in sixteen lowercase hexadecimal digits, highest
/// first, as Redis 8.4 and Valkey write it. Not a defence against chosen collisions.
pub fn hex_digest(value: &[u8]) -> [u8; TEXT_LENGTH] {
    let hash = xxh3_64(value);
    std::array::from_fn(|at| {
        let nibble = (hash >> (60 - 4 * at) & 0xf) as usize;
        b"0123456789abcdef"[nibble]
    })
}

/// Whether `text`, a digest in either case, is that of `value`.
pub fn is_digest_of(text: &[u8], value: &[u8]) -> bool {
    text.eq_ignore_ascii_case(&hex_digest(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of XXH3's reference implementation.
    #[test]
    fn digests_are_xxh3() {
        assert_eq!(&hex_digest(b""), b"2d06800538d394c2");
        assert_eq!(&hex_digest(b"a"), b"e6c632b61e964e1f");
        assert_eq!(&hex_digest(b"abc"), b"78af5f94892f3950");
    }

    #[test]
    fn small_hashes_keep_their_leading_zeros() {
        let value = (0u32..)
            .map(|n| n.to_string())
            .find(|text| xxh3_64(text.as_bytes()) >> 56 == 0);
        let value = value.expect("one in 256 hashes is small");
        let hash = xxh3_64(value.as_bytes());
        assert_eq!(
            hex_digest(value.as_bytes()),
            *format!("{hash:016x}").as_bytes()
        );
        assert_eq!(&hex_digest(value.as_bytes())[..2], b"00");
    }

    #[test]
    fn either_case_is_accepted() {
        assert!(is_digest_of(b"78AF5f94892f3950", b"abc"));
        assert!(!is_digest_of(b"78af5f94892f3951", b"abc"));
        assert!(!is_digest_of(b"78af5f94892f395", b"abc"));
        assert!(!is_digest_of(b"", b"abc"));
    }
}
