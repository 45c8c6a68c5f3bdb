//! Comparing bytes.

/// Are they equal? Up to 32 of them are compared without a call and without a loop, which is what
/// keys, fields and members mostly are.
#[inline]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        0..4 => a.iter().eq(b),
        4..8 => ends_are_same::<4>(a, b),
        8..16 => ends_are_same::<8>(a, b),
        16..=32 => ends_are_same::<16>(a, b),
        _ => a == b,
    }
}

/// Are the first and the last `N` bytes equal? They overlap, or all bytes are among them.
#[inline]
fn ends_are_same<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn every_byte_counts() {
        for len in 0..70 {
            let bytes: Vec<u8> = (0..len).collect();
            assert!(same(&bytes, &bytes.clone()));
            for at in 0..bytes.len() {
                let mut other = bytes.clone();
                other[at] ^= 0x80;
                assert!(!same(&bytes, &other), "{len} {at}");
            }
            assert!(!same(&bytes, &[&bytes[..], b"x"].concat()));
        }
    }
}
