//! Against plain arrays of ranks; the estimates against the truth.

use super::*;
use crate::base::random::Random;
use proptest::prelude::*;

const NO_LIMIT: u64 = 1 << 20;

/// Applies observations one by one to a HyperLogLog and to a plain array of ranks.
fn noted(observations: &[Observation], sparse_bytes_max: u64) -> (Vec<u8>, Vec<u8>) {
    let (mut bytes, mut model) = (EMPTY.to_vec(), vec![0; REGISTERS]);
    for observation in observations {
        let Observation { index, rank } = *observation;
        let changed = note(&mut bytes, *observation, sparse_bytes_max).expect("it is sound");
        assert_eq!(changed, model[index] < rank);
        model[index] = rank.max(model[index]);
    }
    (bytes, model)
}

fn ranks_of(bytes: &[u8]) -> Vec<u8> {
    let mut union = Union::default();
    union.add(bytes).expect("it is sound");
    union.ranks().collect()
}

fn any_observations() -> impl Strategy<Value = Vec<Observation>> {
    // Few ranks and neighbouring registers, so that runs are split and joined.
    let index = prop_oneof![0..40usize, 300..420usize, 16_300..REGISTERS, 0..REGISTERS];
    let rank = prop_oneof![8 => 1..4u8, 1 => 1..=32u8];
    let observation = (index, rank).prop_map(|(index, rank)| Observation { index, rank });
    proptest::collection::vec(observation, 0..400)
}

proptest! {
    #[test]
    fn registers_keep_the_greatest_rank(
        observations in any_observations(),
        limit in prop_oneof![Just(0), 18..600u64, Just(NO_LIMIT)],
    ) {
        let (bytes, model) = noted(&observations, limit);
        prop_assert_eq!(ranks_of(&bytes), &model[..]);
        let is_sparse = form(&bytes) == Some(Form::Sparse);
        prop_assert!(!is_sparse || bytes.len() as u64 <= limit.max(EMPTY.len() as u64));
        prop_assert!(is_sparse || limit < NO_LIMIT);
        let mut dense = bytes.clone();
        prop_assert_eq!(make_dense(&mut dense), Ok(is_sparse));
        prop_assert_eq!(ranks_of(&dense), &model[..]);
        prop_assert_eq!(&dense[ESTIMATE_AT..HEADER], &bytes[ESTIMATE_AT..HEADER]);
        prop_assert_eq!(estimate(&dense), estimate(&bytes));
    }

    #[test]
    fn a_union_has_the_greatest_ranks(a in any_observations(), b in any_observations()) {
        let (first, first_model) = noted(&a, NO_LIMIT);
        let (second, second_model) = noted(&b, 100);
        let mut union = Union::default();
        for bytes in [&first, &second] {
            union.add(bytes).expect("it is sound");
        }
        let model: Vec<u8> = first_model.iter().zip(&second_model).map(|(a, b)| *a.max(b)).collect();
        prop_assert_eq!(union.ranks().collect::<Vec<_>>(), &model[..]);
        for (mut bytes, limit) in [(first, NO_LIMIT), (second, 100)] {
            union.note_in(&mut bytes, limit).expect("it is sound");
            prop_assert_eq!(ranks_of(&bytes), &model[..]);
            prop_assert_eq!(estimate(&bytes), Ok(union.estimate()));
        }
    }

    /// No bytes make it panic, and what is read is read whole.
    #[test]
    fn corrupt_ones_are_refused(
        runs in proptest::collection::vec(any::<u8>(), 0..40),
        cut in 0..20usize, rank in 1..52u8, index in 0..REGISTERS,
    ) {
        let mut bytes = [&EMPTY[..HEADER], &runs].concat();
        let observation = Observation { index, rank };
        let covered: usize = {
            let (mut at, mut covered) = (0, 0);
            while at < runs.len() {
                let two = runs[at] >> 6 == 1;
                let second = runs.get(at + 1).copied().unwrap_or(0) as usize;
                covered += match runs[at] >> 6 {
                    0 => runs[at] as usize + 1,
                    1 => ((runs[at] as usize & 63) << 8 | second) + 1,
                    _ => (runs[at] as usize & 3) + 1,
                };
                at += if two { 2 } else { 1 };
            }
            covered
        };
        prop_assert_eq!(estimate(&bytes).is_ok(), covered == REGISTERS);
        prop_assert_eq!(Union::default().add(&bytes).is_ok(), covered == REGISTERS);
        let _ = note(&mut bytes, observation, NO_LIMIT);
        describe(&bytes);
        bytes.truncate(cut);
        prop_assert_eq!(form(&bytes).is_some(), cut >= HEADER && bytes.len() >= HEADER);
        let _ = note(&mut bytes, observation, NO_LIMIT);
    }
}

/// A mean of many: the standard error is 1.04 / √16384 = 0.81 %, and so is the root of the mean of
/// squared errors, give or take what 300 samples leave to chance.
#[test]
fn estimates_have_the_standard_error() {
    const SAMPLES: u32 = 300;
    let mut random = Random::from_seed(1);
    for number in [1_000u32, 5_000, 40_000] {
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..SAMPLES {
            let mut dense = EMPTY.to_vec();
            make_dense(&mut dense).expect("it is sound");
            let first = random.next_u64();
            for element in 0..u64::from(number) {
                let element = first.wrapping_add(element).to_le_bytes();
                note_dense(&mut dense, Observation::of(&element));
            }
            let estimate = estimate(&dense).expect("it is sound") as f64;
            let error = estimate / f64::from(number) - 1.0;
            sum += error;
            squares += error * error;
        }
        let samples = f64::from(SAMPLES);
        let (bias, deviation) = (sum / samples, (squares / samples).sqrt());
        assert!(bias.abs() < 0.0015, "{number}: bias {bias}");
        assert!(deviation < 0.0088, "{number}: standard error {deviation}");
    }
}

/// `PFADD k x y z` of redis-server 7.0.15, then `GET`.
#[test]
fn the_string_is_that_of_redis() {
    let mut bytes = EMPTY.to_vec();
    for element in ["x", "y", "z"] {
        note(&mut bytes, Observation::of(element.as_bytes()), 3000).expect("it is sound");
    }
    assert_eq!(
        bytes,
        b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80a\x84\x80X\xcd\x88E\xa0\x84\x08"
    );
    assert_eq!(
        describe(&bytes),
        b"Z:8581 v:1,1 Z:6350 v:3,1 Z:1441 v:2,1 z:9"
    );
}

#[test]
fn the_estimate_is_cached() {
    let mut bytes = EMPTY.to_vec();
    assert_eq!(cached_estimate(&bytes), Some(0));
    note(&mut bytes, Observation::of(b"x"), 3000).expect("it is sound");
    assert_eq!(cached_estimate(&bytes), None);
    cache_estimate(&mut bytes, 0x0102);
    assert_eq!(cached_estimate(&bytes), Some(0x0102));
    assert_eq!(bytes[ESTIMATE_AT..HEADER], [2, 1, 0, 0, 0, 0, 0, 0]);
    forget_estimate(&mut bytes);
    assert_eq!(cached_estimate(&bytes), None);
}
