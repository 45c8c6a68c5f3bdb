//! The structure against a plain model: a map by name and a set by (score, name).

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SMALL: Limits = Limits {
    entries: 12,
    value_bytes: 20,
};

/// A score that orders.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Score(f64);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Score) -> std::cmp::Ordering {
        self.0.partial_cmp(&other.0).expect("not NaN")
    }
}

#[derive(Default)]
struct Model {
    scores: BTreeMap<Vec<u8>, f64>,
    order: BTreeSet<(Score, Vec<u8>)>,
}

impl Model {
    fn put(&mut self, name: &[u8], score: f64) {
        if self.scores.get(name) != Some(&score) {
            self.remove(name);
            self.scores.insert(name.to_vec(), score);
            self.order.insert((Score(score), name.to_vec()));
        }
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let Some(score) = self.scores.remove(name) else {
            return false;
        };
        self.order.remove(&(Score(score), name.to_vec()))
    }

    fn list(&self) -> Vec<(Vec<u8>, f64)> {
        let pairs = self.order.iter();
        pairs.map(|(score, name)| (name.clone(), score.0)).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, f64),
    Add(Vec<u8>, f64),
    Remove(Vec<u8>),
    RemoveRanks(usize, usize),
    Many(u32, u32, f64),
    RemoveMany(u32, u32),
    Ends(f64, f64, bool, bool),
    Names(Vec<u8>, Vec<u8>, bool, bool),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0..60_i64).prop_map(|n| n.to_string().into_bytes()),
        "[a-c]{0,4}".prop_map(String::into_bytes),
        (10_usize..24).prop_map(|len| vec![b'x'; len]),
        prop::sample::select(vec![60_usize, 256, 257, 5000]).prop_map(|len| vec![b'y'; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-5..5_i32).prop_map(f64::from),
        (-1e6..1e6_f64),
        prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, 0.5, -0.0, 1e300]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (name(), score()).prop_map(|(name, score)| Step::Put(name, score)),
        4 => (name(), score()).prop_map(|(name, by)| Step::Add(name, by)),
        6 => name().prop_map(Step::Remove),
        1 => (0..500_usize, 0..300_usize).prop_map(|(at, n)| Step::RemoveRanks(at, n)),
        1 => (0..3000_u32, 0..900_u32, score()).prop_map(|(at, n, by)| Step::Many(at, n, by)),
        1 => (0..3000_u32, 0..900_u32).prop_map(|(at, n)| Step::RemoveMany(at, n)),
        2 => (score(), score(), any::<bool>(), any::<bool>())
            .prop_map(|(a, b, x, y)| Step::Ends(a, b, x, y)),
        1 => (name(), name(), any::<bool>(), any::<bool>())
            .prop_map(|(a, b, x, y)| Step::Names(a, b, x, y)),
    ]
}

/// A score of the `n`th of many: some ascend, some are equal, some are scattered.
fn nth_score(n: u32, by: f64) -> f64 {
    let n = f64::from(n);
    match by {
        by if by > 100.0 && by.is_finite() => n,
        by if by < 0.0 => -n,
        0.5 => 7.0,
        _ => (n * 7919.0) % 1009.0,
    }
}

fn run(steps: &[Step], limits: Limits) {
    let mut value = Value::default();
    let mut zset = Zset::new(&mut value);
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Put(name, score) => {
                let had = model.scores.get(name).copied();
                let put = zset.put(name, limits, |old| {
                    assert_eq!(old, had);
                    Some(*score)
                });
                let expected = match had {
                    None => Put::Added,
                    Some(old) if old == *score => Put::Same,
                    Some(_) => Put::Updated,
                };
                assert_eq!(put, expected);
                model.put(name, *score);
            }
            Step::Add(name, by) => {
                let sum = model.scores.get(name).copied().unwrap_or(0.0) + by;
                let put = zset.put(name, limits, |old| {
                    let sum = old? + by;
                    (!sum.is_nan()).then_some(sum)
                });
                if model.scores.contains_key(name) && !sum.is_nan() {
                    model.put(name, sum);
                } else {
                    assert_eq!(put, Put::Declined);
                }
            }
            Step::Remove(name) => assert_eq!(zset.remove(name), model.remove(name)),
            Step::RemoveRanks(at, count) => {
                let start = (*at).min(zset.len());
                let end = (start + count).min(zset.len());
                for (name, _) in &model.list()[start..end] {
                    model.remove(name);
                }
                zset.remove_ranks(start..end);
            }
            Step::Many(at, count, by) => {
                for n in *at..at + count {
                    let (name, score) = (format!("m{n}"), nth_score(n, *by));
                    zset.put(name.as_bytes(), limits, |_| Some(score));
                    model.put(name.as_bytes(), score);
                }
            }
            Step::RemoveMany(at, count) => {
                for n in *at..at + count {
                    let name = format!("m{n}");
                    let removed = zset.remove(name.as_bytes());
                    assert_eq!(removed, model.remove(name.as_bytes()));
                }
            }
            Step::Ends(a, b, x, y) => check_scores(&zset, &model, (*a, *x), (*b, *y)),
            Step::Names(a, b, x, y) => check_names(&model, limits, (a, *x), (b, *y)),
        }
        check(&zset, &model);
    }
    if let Value::Big(big) = &value
        && let Big::Zset(tree) = big
    {
        tree.check();
        tree.clone().check();
    }
}

fn listed<'a>(found: impl Iterator<Item = (Element<'a>, f64)>) -> Vec<(Vec<u8>, f64)> {
    found.map(|(name, score)| (name.to_vec(), score)).collect()
}

fn check(zset: &Zset<&mut Value>, model: &Model) {
    let list = model.list();
    assert_eq!(zset.len(), list.len());
    assert_eq!(listed(zset.all()), list);
    let mut back = listed(zset.iter_back(0..list.len()));
    back.reverse();
    assert_eq!(back, list);
    for (rank, (name, score)) in list.iter().enumerate().step_by(1 + list.len() / 20) {
        assert_eq!(zset.score(name), Some(*score));
        assert_eq!(zset.rank(name), Some((rank, *score)));
        let end = (rank + 70).min(list.len());
        assert_eq!(listed(zset.iter(rank..end)), list[rank..end]);
        let back: Vec<_> = list[rank..end].iter().rev().cloned().collect();
        assert_eq!(listed(zset.iter_back(rank..end)), back);
    }
    assert_eq!(zset.score(b"absent"), None);
}

fn check_scores(zset: &Zset<&mut Value>, model: &Model, min: (f64, bool), max: (f64, bool)) {
    let bound = |(score, exclusive)| ScoreBound { score, exclusive };
    let range = ScoreRange {
        min: bound(min),
        max: bound(max),
    };
    let inside = |score: f64| {
        (score > min.0 || (score == min.0 && !min.1))
            && (score < max.0 || (score == max.0 && !max.1))
    };
    let expected: Vec<_> = model.list().into_iter().filter(|m| inside(m.1)).collect();
    let ranks = zset.ranks(&Span::Scores(range));
    assert_eq!(listed(zset.iter(ranks)), expected);
}

/// Ranges of names, of the same members with equal scores.
fn check_names(model: &Model, limits: Limits, min: (&[u8], bool), max: (&[u8], bool)) {
    let mut value = Value::default();
    let mut zset = Zset::new(&mut value);
    for name in model.scores.keys() {
        zset.put(name, limits, |_| Some(0.0));
    }
    let bound = |(name, exclusive)| match exclusive {
        true => LexBound::Exclusive(name),
        false => LexBound::Inclusive(name),
    };
    let range = LexRange {
        min: bound(min),
        max: bound(max),
    };
    let inside = |name: &[u8]| {
        (name > min.0 || (name == min.0 && !min.1)) && (name < max.0 || (name == max.0 && !max.1))
    };
    let expected: Vec<_> = model.scores.keys().filter(|name| inside(name)).collect();
    let ranks = zset.ranks(&Span::Names(range));
    let found: Vec<_> = zset.iter(ranks).map(|(name, _)| name.to_vec()).collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    let all = LexRange {
        min: LexBound::Lowest,
        max: LexBound::Highest,
    };
    assert_eq!(zset.ranks(&Span::Names(all)), 0..zset.len());
    let none = LexRange {
        min: LexBound::Highest,
        max: LexBound::Lowest,
    };
    assert_eq!(zset.ranks(&Span::Names(none)).len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn behaves_as_the_model(steps in prop::collection::vec(step(), 1..80)) {
        run(&steps, SMALL);
    }

    #[test]
    fn behaves_as_the_model_when_packed(steps in prop::collection::vec(step(), 1..40)) {
        run(&steps, Limits { entries: 600, value_bytes: 300 });
    }

    #[test]
    fn is_put_together_as_the_model(
        members in prop::collection::vec((name(), score()), 0..400),
        entries in 0..200_usize,
    ) {
        let mut model = Model::default();
        let mut gathering = Gathering::with_room(0);
        for (name, score) in &members {
            model.put(name, *score);
            gathering.put(name, *score, |_| *score);
        }
        let mut visited = Vec::new();
        gathering.for_each(|name, score| visited.push((name.to_vec(), score)));
        prop_assert_eq!(&visited, &model.list());
        let limits = Limits { entries, value_bytes: 64 };
        let longest = model.scores.keys().map(Vec::len).max().unwrap_or(0);
        let mut value = gathering.into_value(limits);
        let packed = model.scores.len() <= entries && longest <= 64;
        prop_assert_eq!(matches!(value, Value::Packed(..)), packed);
        check(&Zset::new(&mut value), &model);
    }
}

/// A scan meets everything that is there all the time, whatever comes and goes meanwhile.
#[test]
fn scans_miss_nothing() {
    let mut random = crate::base::random::Random::from_seed(5);
    for round in 0..40 {
        let mut value = Value::default();
        let mut zset = Zset::new(&mut value);
        let put = |zset: &mut Zset<&mut Value>, name: String| {
            zset.put(name.as_bytes(), SMALL, |_| Some(1.0));
        };
        let (stay, swing) = (200, 1500 + round * 50);
        (0..stay).for_each(|n| put(&mut zset, format!("stay{n}")));
        let mut seen = BTreeSet::new();
        let (mut cursor, mut here) = (0, 0);
        loop {
            cursor = zset.scan(cursor, 1, |name, _| {
                seen.insert(name.to_vec());
            });
            if cursor == 0 {
                break;
            }
            let wanted = random.index(swing);
            while here < wanted {
                put(&mut zset, format!("swing{here}"));
                here += 1;
            }
            while here > wanted {
                here -= 1;
                zset.remove(format!("swing{here}").as_bytes());
            }
        }
        assert!((0..stay).all(|n| seen.contains(format!("stay{n}").as_bytes())));
    }
}

/// Bytes for each member, in the middle between two sizes of the parts.
fn bytes_per_member(count: u32, score: impl Fn(u32) -> f64) -> usize {
    let mut value = Value::default();
    let mut zset = Zset::new(&mut value);
    for n in 0..count {
        let name = format!("member:{n:07}");
        zset.put(name.as_bytes(), SMALL, |_| Some(score(n)));
    }
    match &value {
        Value::Big(big) => big.size_bytes() / count as usize,
        Value::Packed(..) => unreachable!("so many are not packed"),
    }
}

#[test]
fn members_are_small() {
    let scattered = |n: u32| f64::from(n.wrapping_mul(2_654_435_761));
    let random = bytes_per_member(100_000, scattered);
    let ascending = bytes_per_member(100_000, f64::from);
    assert!(random <= 52, "{random}");
    assert!(ascending <= 48, "{ascending}");
}

#[test]
fn memory_comes_back() {
    let mut value = Value::default();
    let mut zset = Zset::new(&mut value);
    for n in 0..20_000 {
        zset.put(format!("m{n}").as_bytes(), SMALL, |_| Some(f64::from(n)));
    }
    for n in (0..20_000).filter(|n| n % 100 != 0) {
        zset.remove(format!("m{n}").as_bytes());
    }
    assert_eq!(zset.len(), 200);
    match &value {
        Value::Big(big) => assert!(big.size_bytes() < 60_000, "{}", big.size_bytes()),
        Value::Packed(..) => unreachable!("a tree stays one"),
    }
}
