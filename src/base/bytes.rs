//! Comparing and copying bytes.

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

/// Most bytes that [`copy_short`] copies.
pub const SHORT_MAX: usize = 32;

/// Copies up to [`SHORT_MAX`] bytes to the front of `to`, without a call and without a loop. `to` has
/// as many at least.
#[inline]
pub fn copy_short(to: &mut [u8], from: &[u8]) {
    match from.len() {
        0..4 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        4..8 => copy_ends::<4>(to, from),
        8..16 => copy_ends::<8>(to, from),
        _ => copy_ends::<16>(to, from),
    }
}

/// Copies the first and the last `N` bytes. They overlap, or all bytes are among them.
#[inline]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    let to = &mut to[..from.len()];
    if let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        to[..N].copy_from_slice(first);
        let at = to.len() - N;
        to[at..].copy_from_slice(last);
    }
}

/// Are the first and the last `N` bytes equal? They overlap, or all bytes are among them.
#[inline]
fn ends_are_same<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

#[cfg(test)]
mod tests {
    use super::{SHORT_MAX, copy_short, same};

    #[test]
    fn short_copies_are_whole() {
        for len in 0..=SHORT_MAX {
            let bytes: Vec<u8> = (1..=len as u8).collect();
            for room in [len, len + 7] {
                let mut copy = vec![0; room];
                copy_short(&mut copy, &bytes);
                assert_eq!(
                    (&copy[..len], &copy[len..]),
                    (&bytes[..], &vec![0; room - len][..])
                );
            }
        }
    }

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
