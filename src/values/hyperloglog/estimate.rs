//! How many different elements a histogram of ranks stands for: Otmar Ertl, "New cardinality
//! estimation algorithms for HyperLogLog sketches", 2017 (arXiv:1702.01284), algorithm 6. It is
//! unbiased from none to many, so that no range needs a correction of its own.

use super::{RANK_BITS, REGISTERS};

/// How many registers have each rank. A corrupt one may have ranks up to 63, which count for
/// nothing beyond `RANK_BITS + 1`.
pub(super) type Histogram = [u32; 64];

/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimate.
pub(super) fn from_histogram(histogram: &Histogram) -> u64 {
    let registers = REGISTERS as f64;
    let greatest = RANK_BITS as usize;
    let saturated = f64::from(histogram[greatest + 1]);
    let mut sum = registers * tau((registers - saturated) / registers);
    for number in histogram[1..=greatest].iter().rev() {
        sum = (sum + f64::from(*number)) * 0.5;
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    (ALPHA * registers * registers / sum).round() as u64
}

/// x + Σ x^(2^k) · 2^(k−1), k from 1: what empty registers contribute.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut scale, mut sum) = (1.0, x);
    loop {
        let before = sum;
        x *= x;
        sum += x * scale;
        scale += scale;
        if sum == before {
            return sum;
        }
    }
}

/// (1 − x − Σ (1 − x^(2^−k))² · 2^−k) / 3, k from 1: what saturated registers contribute.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut scale, mut sum) = (1.0, 1.0 - x);
    loop {
        let before = sum;
        x = x.sqrt();
        scale *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * scale;
        if sum == before {
            return sum / 3.0;
        }
    }
}
