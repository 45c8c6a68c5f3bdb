//! The table against a plain map, under random insertions, removals and growth.

use super::super::entry::{NewValue, ValueRef};
use super::super::hash_key;
use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn key_of(number: u32) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

fn entry_of(number: u32, value: i64, deadline: Option<u64>) -> Entry {
    Entry::new(&key_of(number), NewValue::Int(value), deadline, 0)
}

fn find(table: &Table, number: u32) -> Option<Pos> {
    table.find(hash_key(&key_of(number)), &key_of(number))
}

fn value_at(table: &Table, pos: Pos) -> i64 {
    match table.entry(pos).value() {
        ValueRef::Int(value) => value,
        _ => panic!("only integers are stored here"),
    }
}

/// Everything the table promises, looked at slot by slot.
fn check(table: &Table, model: &HashMap<u32, (i64, Option<u64>)>) {
    assert_eq!(table.len(), model.len());
    let volatile = model
        .values()
        .filter(|(_, deadline)| deadline.is_some())
        .count();
    assert_eq!(table.volatile_len(), volatile);
    for (number, (value, deadline)) in model {
        let pos = find(table, *number).expect("every key is found");
        assert_eq!(value_at(table, pos), *value);
        assert_eq!(table.entry(pos).deadline(), *deadline);
        assert_eq!(table.is_volatile(pos), deadline.is_some());
    }
    let buckets = table.buckets();
    let mut seen = 0;
    for pos in table.positions(0, buckets) {
        seen += 1;
        let word = table.word(pos);
        let home = hash_key(table.entry(pos).key()).home(buckets);
        let mut bucket = home;
        while bucket != pos.0 as usize / SLOTS {
            assert!(
                is_full(&table.array()[bucket]),
                "a gap between home and place"
            );
            bucket = next(bucket, buckets);
        }
        assert_eq!(word & SPILLED != 0, home != pos.0 as usize / SLOTS);
    }
    assert_eq!(seen, model.len());
}

#[derive(Clone, Debug)]
enum Op {
    Put(u32, i64, Option<u64>),
    Remove(u32),
    Fit,
}

fn any_op(keys: u32) -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (0..keys, any::<i64>(), prop::option::of(0_u64..100))
            .prop_map(|(number, value, deadline)| Op::Put(number, value, deadline)),
        4 => (0..keys).prop_map(Op::Remove),
        1 => Just(Op::Fit),
    ]
}

fn apply(table: &Table, garbage: &Garbage, op: &Op, model: &mut HashMap<u32, (i64, Option<u64>)>) {
    match *op {
        Op::Put(number, value, deadline) => {
            let entry = entry_of(number, value, deadline);
            match find(table, number) {
                Some(pos) => drop(table.replace(pos, entry)),
                None => {
                    let hash = hash_key(&key_of(number));
                    let pos = table.insert(hash, entry, 77, garbage);
                    assert_eq!(table.evict_bits(pos), 77);
                }
            }
            model.insert(number, (value, deadline));
        }
        Op::Remove(number) => {
            let pos = find(table, number);
            assert_eq!(pos.is_some(), model.remove(&number).is_some());
            if let Some(pos) = pos {
                let entry = table.remove(pos, garbage);
                assert_eq!(entry.key(), key_of(number));
            }
        }
        Op::Fit => table.fit(garbage),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn behaves_as_a_map(stagger: u8, ops in prop::collection::vec(any_op(150), 1..600)) {
        let (table, garbage) = (Table::new(stagger), Garbage::new(0));
        let mut model = HashMap::new();
        for (index, op) in ops.iter().enumerate() {
            apply(&table, &garbage, op, &mut model);
            if index % 50 == 0 {
                check(&table, &model);
            }
        }
        check(&table, &model);
    }

    /// Keys that stay from the first call to the last are returned, whatever comes and goes.
    #[test]
    fn scan_misses_nothing_that_stays(
        stagger: u8,
        stay in 1_u32..400,
        ops in prop::collection::vec(any_op(3000), 0..2000),
    ) {
        let (table, garbage) = (Table::new(stagger), Garbage::new(0));
        let mut model = HashMap::new();
        // Keys that stay are numbered beyond those that come and go.
        for number in 0..stay {
            apply(&table, &garbage, &Op::Put(1_000_000 + number, 0, None), &mut model);
        }
        let (mut seen, mut position, mut rest) = (HashSet::new(), Some(0), ops.chunks(7));
        while let Some(from) = position {
            position = table.scan(from, |_, entry| {
                seen.insert(entry.key().to_vec());
            });
            for op in rest.next().into_iter().flatten() {
                apply(&table, &garbage, op, &mut model);
            }
        }
        for number in 0..stay {
            prop_assert!(seen.contains(&key_of(1_000_000 + number)));
        }
    }
}

#[test]
fn scan_of_a_table_at_rest_returns_each_key_once() {
    let (table, garbage) = (Table::new(9), Garbage::new(0));
    let mut model = HashMap::new();
    for number in 0..5000 {
        apply(&table, &garbage, &Op::Put(number, 1, None), &mut model);
    }
    let (mut seen, mut position) = (Vec::new(), Some(0));
    while let Some(from) = position {
        position = table.scan(from, |_, entry| seen.push(entry.key().to_vec()));
    }
    seen.sort();
    let mut expected: Vec<Vec<u8>> = (0..5000).map(key_of).collect();
    expected.sort();
    assert_eq!(seen, expected);
}

#[test]
fn grows_and_shrinks_with_its_keys() {
    for stagger in [0, 128, 255] {
        let (table, garbage) = (Table::new(stagger), Garbage::new(0));
        let mut model = HashMap::new();
        for number in 0..20_000 {
            apply(&table, &garbage, &Op::Put(number, 1, None), &mut model);
            let slots = table.buckets() * SLOTS;
            assert!(table.len() < slots, "a slot stays vacant");
            assert!(
                slots < 64 || table.len() * 100 > slots * 60,
                "sparse after growing"
            );
        }
        check(&table, &model);
        for number in 0..19_990 {
            apply(&table, &garbage, &Op::Remove(number), &mut model);
        }
        assert!(
            table.buckets() <= 8,
            "{} buckets for ten keys",
            table.buckets()
        );
        check(&table, &model);
    }
}

#[test]
fn a_taken_table_leaves_an_empty_one() {
    let (table, garbage) = (Table::new(3), Garbage::new(0));
    let mut model = HashMap::new();
    for number in 0..3000 {
        apply(&table, &garbage, &Op::Put(number, 1, Some(5)), &mut model);
    }
    let taken = table.take();
    assert!(table.is_empty() && find(&table, 5).is_none());
    assert_eq!((table.volatile_len(), table.total_bytes()), (0, 0));
    check(&taken, &model);
    assert!(taken.total_bytes() > 3000 * 32);
}

#[test]
fn a_taken_table_frees_its_entries_and_keeps_its_array() {
    let (table, garbage) = (Table::new(3), Garbage::new(0));
    let mut model = HashMap::new();
    for number in 0..3000 {
        apply(&table, &garbage, &Op::Put(number, 1, None), &mut model);
    }
    let blob = std::sync::Arc::new(vec![1; 20_000]);
    let entry = Entry::new(b"blob", NewValue::Blob(&blob), Some(5), 0);
    table.insert(hash_key(b"blob"), entry, 0, &garbage);
    let taken = table.take();
    assert_eq!((taken.len(), taken.volatile_len()), (3001, 1));
    taken.free_entries();
    assert_eq!(std::sync::Arc::strong_count(&blob), 1);
    assert!(taken.is_empty() && taken.buckets() > 0);
    assert_eq!(taken.volatile_len(), 0);
    assert_eq!(taken.bytes(), taken.array_bytes());
    assert_eq!(taken.positions(0, taken.buckets()).count(), 0);
}
