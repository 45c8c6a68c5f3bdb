use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Payloads are keys, padded to their first byte times eight.
struct Padded;

impl Layout for Padded {
    fn key(payload: &[u8]) -> &[u8] {
        &payload[..4]
    }
}

type Table = Members<Padded>;

fn key_of(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}

fn add(table: &mut Table, number: u32) {
    let key = key_of(number);
    table.insert(hash(&key), &[&key, &vec![7; number as usize % 90]]);
}

fn remove(table: &mut Table, number: u32) -> bool {
    let key = key_of(number);
    let found = table.find(hash(&key), &key);
    found.map(|place| table.remove(place)).is_some()
}

fn filled(numbers: std::ops::Range<u32>) -> Table {
    let mut table = Table::new();
    numbers.for_each(|number| add(&mut table, number));
    table
}

fn number_of(payload: &[u8]) -> u32 {
    u32::from_le_bytes(payload[..4].try_into().expect("four bytes"))
}

/// What must hold between any two operations; the byte count is counted again.
fn check(table: &Table) {
    let mut bytes = good_size(table.segments.capacity() * size_of::<Segment>());
    for (index, segment) in table.segments.iter().enumerate() {
        bytes += array_bytes(segment);
        assert!(segment.is_sorted_by_key(Record::tag));
        assert!(segment.len() <= table.longest);
        for record in segment {
            let hash = hash(Padded::key(record.payload()));
            assert_eq!(record.tag(), tag_of(hash));
            assert_eq!(table.segment_of(hash), index);
            assert_eq!(
                (hash as usize ^ index) & ((1 << table.bits_of(index)) - 1),
                0
            );
            bytes += record.size_bytes();
        }
    }
    assert_eq!(table.size_bytes(), bytes);
    assert_eq!(table.iter().count(), table.len());
}

#[derive(Clone, Debug)]
enum Step {
    Put(u32, usize),
    Remove(u32),
    /// Puts a range of numbers, or removes it.
    Bulk(u32, u32, bool),
    Clone,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..400_u32, 0..300_usize).prop_map(|(n, len)| Step::Put(n, len)),
        4 => (0..400_u32).prop_map(Step::Remove),
        1 => (0..3000_u32, 0..900_u32, any::<bool>()).prop_map(|(n, m, put)| Step::Bulk(n, m, put)),
        1 => Just(Step::Clone),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn is_a_map(steps in prop::collection::vec(step(), 1..60)) {
        let mut table = Table::new();
        let mut model: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Put(n, len) => {
                    let payload = [&key_of(n)[..], &vec![n as u8; len]].concat();
                    match table.find(hash(&key_of(n)), &key_of(n)) {
                        Some(place) => { table.rewrite(place, &[&payload[..3], &payload[3..]]); }
                        None => { table.insert(hash(&key_of(n)), &[&payload]); }
                    }
                    model.insert(n, payload);
                }
                Step::Remove(n) => {
                    prop_assert_eq!(remove(&mut table, n), model.remove(&n).is_some());
                }
                Step::Bulk(from, count, true) => for n in from..from + count {
                    if model.insert(n, key_of(n).to_vec()).is_none() {
                        table.insert(hash(&key_of(n)), &[&key_of(n)]);
                    } else {
                        let place = table.find(hash(&key_of(n)), &key_of(n)).expect("it is there");
                        table.rewrite(place, &[&key_of(n)]);
                    }
                },
                Step::Bulk(from, count, false) => for n in from..from + count {
                    prop_assert_eq!(remove(&mut table, n), model.remove(&n).is_some());
                },
                Step::Clone => table = table.clone(),
            }
            check(&table);
            let found: BTreeMap<u32, Vec<u8>> =
                table.iter().map(|p| (number_of(p), p.to_vec())).collect();
            prop_assert_eq!(&found, &model);
        }
    }

    /// What is there throughout a scan is returned, whatever else comes and goes meanwhile.
    #[test]
    fn scans_find_what_stays(
        stays in 1..2000_u32,
        changes in prop::collection::vec((any::<bool>(), 0..2000_u32), 1..20),
        count in 20..300_usize,
    ) {
        let mut table = filled(0..stays);
        let mut seen = BTreeSet::new();
        let mut cursor = 0;
        let mut changes = changes.into_iter().cycle();
        let mut others = stays;
        for _ in 0..1000 {
            cursor = table.scan(cursor, count, |payload| { seen.insert(number_of(payload)); });
            if cursor == 0 {
                break;
            }
            prop_assert!(cursor < POSITIONS);
            let (grow, by) = changes.next().expect("it is endless");
            if grow && others < 8000 {
                (others..others + by).for_each(|n| add(&mut table, n));
                others += by;
            } else {
                (stays..others).for_each(|n| assert!(remove(&mut table, n)));
                others = stays;
            }
        }
        prop_assert_eq!(cursor, 0);
        prop_assert!((0..stays).all(|n| seen.contains(&n)));
    }
}

/// Without changes a scan returns each record once, and no more than a segment above the count.
#[test]
fn a_scan_is_exact() {
    let table = filled(0..5000);
    let mut seen = Vec::new();
    let mut cursor = 0;
    loop {
        let before = seen.len();
        cursor = table.scan(cursor, 100, |payload| seen.push(number_of(payload)));
        assert!(seen.len() - before < 100 + table.longest);
        if cursor == 0 {
            break;
        }
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..5000));
    // Any cursor is taken, whoever made it up.
    assert_eq!(table.scan(u64::MAX, usize::MAX, |_| ()), 0);
    assert_eq!(Table::new().scan(0, 1, |_| unreachable!()), 0);
}

/// No insertion and no removal touches more than a few segments' worth of records.
#[test]
fn segments_stay_short() {
    let mut table = filled(0..100_000);
    assert!(table.longest < 4 * MEAN_MAX, "{}", table.longest);
    assert!(table.size_bytes() < 100_000 * (good_size(50) + 12));
    for number in 0..99_990 {
        assert!(remove(&mut table, number));
    }
    assert_eq!(table.segments.len(), 1);
    assert!(table.size_bytes() < 4096, "{}", table.size_bytes());
    check(&table);
}

/// Chi-squared over 1,000 records, 999 degrees of freedom: beyond 1,250 once in ten million seeds.
#[test]
fn draws_are_even() {
    let mut table = filled(0..5000);
    (1000..5000).for_each(|n| assert!(remove(&mut table, n)));
    let mut random = Random::from_seed(3);
    let mut drawn = vec![0_u32; 1000];
    for _ in 0..100_000 {
        let place = table.random(&mut random).expect("it is not empty");
        drawn[number_of(table.payload(place)) as usize] += 1;
    }
    let distance: f64 = drawn
        .iter()
        .map(|n| (f64::from(*n) - 100.0).powi(2) / 100.0)
        .sum();
    assert!((750.0..1250.0).contains(&distance), "{distance}");
    assert_eq!(Table::new().random(&mut random), None);
}

#[test]
fn the_steps_ahead_lead_to_the_record() {
    let table = filled(0..5_000);
    for number in 0..5_000 {
        let key = key_of(number);
        let place = table.find(hash(&key), &key).expect("it was added");
        let steps: Vec<Vec<*const u8>> = (0..3)
            .map(|step| {
                let mut loaded = Vec::new();
                table.ahead(&key, step, &mut |address| loaded.push(address));
                loaded
            })
            .collect();
        let segment = std::ptr::from_ref(&table.segments[place.segment as usize]);
        assert_eq!(steps[0], [segment.cast::<u8>()]);
        // Within the lines of the array that a search from there on reads.
        let slot = std::ptr::from_ref(table.record(place)).addr();
        assert!(steps[1][0].addr().abs_diff(slot) < 512, "{number}");
        // Of those that share the tag, the first one's.
        let same_tag = table.record(place).tag();
        let first = lower_bound(&table.segments[place.segment as usize], same_tag);
        let record = &table.segments[place.segment as usize][first];
        assert_eq!(steps[2], [record.address()]);
    }
    let mut loaded = 0;
    table.ahead(b"none", 2, &mut |_| loaded += 1);
    assert!(loaded <= 1);
}
