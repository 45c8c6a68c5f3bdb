use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Model = BTreeSet<Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Pop,
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    let edges = vec![
        i64::MIN,
        i64::MAX,
        1 << 31,
        -(1 << 31) - 1,
        1 << 15,
        -(1 << 15),
        -(1 << 15) - 1,
    ];
    prop_oneof![
        8 => (0..40_i64).prop_map(|n| n.to_string().into_bytes()),
        1 => prop::sample::select(edges).prop_map(|n| n.to_string().into()),
        1 => (0..30_u8).prop_map(|n| vec![b'a' + n % 26; usize::from(n % 12)]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => member().prop_map(Step::Add),
        2 => member().prop_map(Step::Remove),
        1 => Just(Step::Pop),
    ]
}

fn contents(set: &Set<&mut Value>) -> Model {
    let mut found = Model::new();
    set.for_each(|element| assert!(found.insert(element.to_vec()), "twice"));
    found
}

proptest! {
    #[test]
    fn is_a_set(
        // Long stretches of integers only, so that all forms are met.
        ints in prop::collection::vec((-50_000_i64..50_000, any::<bool>()), 0..40),
        steps in prop::collection::vec(step(), 0..60),
        intset_entries in prop_oneof![Just(0_usize), Just(6), Just(1000)],
        entries in prop_oneof![Just(0_usize), Just(8), Just(1000)],
        seed: u64,
    ) {
        let packed = Limits { entries, value_bytes: 8 };
        let limits = SetLimits { intset_entries, packed };
        let mut random = Random::from_seed(seed);
        let mut value = Value::default();
        let mut model = Model::new();
        let mut set = Set::new(&mut value);
        let ints = ints.into_iter().map(|(n, wide)| {
            Step::Add((if wide { n * 100_000 } else { n }).to_string().into_bytes())
        });
        for step in ints.chain(steps) {
            match step {
                Step::Add(member) => {
                    prop_assert_eq!(set.add(&member, limits), model.insert(member));
                }
                Step::Remove(member) => {
                    prop_assert_eq!(set.remove(&member), model.remove(&member));
                }
                Step::Pop => {
                    let mut popped = None;
                    let any = set.pop(&mut random, |element| popped = Some(element.to_vec()));
                    prop_assert_eq!(any, !model.is_empty());
                    prop_assert_eq!(popped.is_some(), any);
                    if let Some(popped) = popped {
                        prop_assert!(model.remove(&popped));
                    }
                }
            }
            prop_assert_eq!(set.len(), model.len());
            prop_assert_eq!(set.0.content().is_empty(), model.is_empty());
            prop_assert_eq!(&contents(&set), &model);
            for member in &model {
                prop_assert!(set.contains(member));
            }
            prop_assert!(!set.contains(b"never"));
            prop_assert!(!set.contains(b"012"));
            let mut scanned = Model::new();
            let mut cursor = 0;
            loop {
                cursor = set.scan(cursor, 3, |element| { scanned.insert(element.to_vec()); });
                if cursor == 0 {
                    break;
                }
            }
            prop_assert_eq!(&scanned, &model);
        }
        for count in [0, 1, model.len() / 2, model.len(), model.len() + 3] {
            let mut drawn = Model::new();
            set.sample(count, &mut random, |element| assert!(drawn.insert(element.to_vec())));
            prop_assert_eq!(drawn.len(), count.min(model.len()));
            prop_assert!(drawn.is_subset(&model));
            let mut draws = 0;
            set.draw(count, &mut random, |element| {
                assert!(model.contains(&element.to_vec()));
                draws += 1;
                true
            });
            prop_assert_eq!(draws, if model.is_empty() { 0 } else { count });
        }
    }
}

/// Each of few members is popped first about equally often, in every form.
#[test]
fn pops_are_even() {
    for (intset_entries, entries) in [(9, 9), (0, 9), (0, 0)] {
        let packed = Limits {
            entries,
            value_bytes: 8,
        };
        let limits = SetLimits {
            intset_entries,
            packed,
        };
        let mut random = Random::from_seed(9);
        let mut first = [0_u32; 8];
        for _ in 0..8000 {
            let mut value = Value::default();
            let mut set = Set::new(&mut value);
            (0..8).for_each(|n| assert!(set.add(n.to_string().as_bytes(), limits)));
            set.pop(&mut random, |element| {
                first[usize::from(element.to_vec()[0] - b'0')] += 1;
            });
        }
        // 7 degrees of freedom: beyond 35 once in 90,000 seeds.
        let distance: f64 = first
            .iter()
            .map(|n| (f64::from(*n) - 1e3).powi(2) / 1e3)
            .sum();
        assert!(distance < 35.0, "{first:?}");
    }
}

#[test]
fn packed_sets_stay_within_their_bounds() {
    let packed = Limits {
        entries: usize::MAX,
        value_bytes: usize::MAX,
    };
    let limits = SetLimits {
        intset_entries: usize::MAX,
        packed,
    };
    let mut ints = Value::default();
    let mut texts = Value::default();
    for n in 0..10_000_i64 {
        Set::new(&mut ints).add((n << 40).to_string().as_bytes(), limits);
        Set::new(&mut texts).add(format!("text-{n}").as_bytes(), limits);
    }
    for value in [&ints, &texts] {
        assert!(matches!(value, Value::Big(_)));
        assert_eq!(Set::new(value.content()).len(), 10_000);
    }
}
