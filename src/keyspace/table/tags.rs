//! Finding a tag among the eight of a bucket.
//!
//! Where in its bucket a key lies is nothing that a processor could predict, so all slots are looked
//! at at once: a branch that is guessed wrongly costs as much as all of this does.
//!
//! Part of the unsafe island of [`super`]: vector instructions.
#![allow(unsafe_code)]

use super::{Bucket, SLOTS, TAG_SHIFT};
use std::sync::atomic::Ordering::Relaxed;

/// The slots with this tag, in order; with tag 0 also vacant ones.
#[inline(always)]
pub(super) fn tagged(bucket: &Bucket, tag: u64) -> impl Iterator<Item = usize> {
    let mut mask = tag_mask(bucket, tag);
    std::iter::from_fn(move || {
        let index = mask.trailing_zeros() as usize / 2;
        mask &= mask.wrapping_sub(1);
        (index < SLOTS).then_some(index)
    })
}

/// Bit `2n` says that slot `n` has this tag.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn tag_mask(bucket: &Bucket, tag: u64) -> u32 {
    use std::arch::x86_64::*;
    let word = |index: usize| bucket.0[index].load(Relaxed) as i64;
    // SAFETY: every x86-64 processor has SSE2, which is all that these instructions need.
    unsafe {
        let tags = |low: usize| {
            let words = _mm_set_epi64x(word(low + 1), word(low));
            _mm_srli_epi64::<{ TAG_SHIFT as i32 }>(words)
        };
        let low = _mm_packs_epi32(tags(0), tags(2));
        let high = _mm_packs_epi32(tags(4), tags(6));
        let same = _mm_cmpeq_epi8(_mm_packus_epi16(low, high), _mm_set1_epi8(tag as i8));
        _mm_movemask_epi8(same) as u32 & 0x5555
    }
}

/// Bit `2n` says that slot `n` has this tag.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn tag_mask(bucket: &Bucket, tag: u64) -> u32 {
    let mut mask = 0;
    for (index, slot) in bucket.0.iter().enumerate() {
        mask |= u32::from(slot.load(Relaxed) >> TAG_SHIFT == tag) << (2 * index);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_slot_with_the_tag_is_found_and_no_other() {
        let tags = [7_u64, 255, 7, 128, 0, 127, 7, 1];
        let bucket =
            Bucket(tags.map(|tag| AtomicU64::new(tag << TAG_SHIFT | 0x00ff_ffff_ffff_ffff)));
        for tag in 0..256 {
            let expected: Vec<usize> = (0..SLOTS).filter(|index| tags[*index] == tag).collect();
            assert_eq!(tagged(&bucket, tag).collect::<Vec<_>>(), expected, "{tag}");
        }
    }
}
