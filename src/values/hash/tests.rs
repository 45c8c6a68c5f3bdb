use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, Vec<u8>, FieldTtl),
    Deadline(Vec<u8>, Option<u64>),
    Remove(Vec<u8>),
    /// Time goes on by so many ms, and up to so many fields are removed.
    Purge(u64, usize),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..30_i64).prop_map(|n| n.to_string().into_bytes()),
        4 => (0..30_u8).prop_map(|n| vec![b'a' + n % 26; usize::from(n % 5)]),
        1 => prop::sample::select(vec![i64::MIN, i64::MAX]).prop_map(|n| n.to_string().into()),
        1 => (0..70_usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn ttl() -> impl Strategy<Value = FieldTtl> {
    prop_oneof![
        Just(FieldTtl::Keep),
        Just(FieldTtl::Clear),
        (1..50_u64).prop_map(FieldTtl::At),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (text(), text(), ttl()).prop_map(|(f, v, t)| Step::Set(f, v, t)),
        3 => (text(), prop::option::of(1..50_u64)).prop_map(|(f, d)| Step::Deadline(f, d)),
        3 => text().prop_map(Step::Remove),
        1 => (0..20_u64, 0..5_usize).prop_map(|(ms, max)| Step::Purge(ms, max)),
    ]
}

fn contents(hash: &Hash<&mut Value>) -> Model {
    let mut found = Model::new();
    hash.for_each(|field| {
        let twice = found.insert(field.name.to_vec(), (field.value.to_vec(), field.deadline));
        assert_eq!(twice, None);
    });
    found
}

/// Carries out a step on both; their answers are the same. Deadlines count from `now`.
fn apply(
    hash: &mut Hash<&mut Value>,
    model: &mut Model,
    step: Step,
    limits: Limits,
    now: &mut u64,
) {
    match step {
        Step::Set(field, value, ttl) => {
            let ttl = match ttl {
                FieldTtl::At(deadline) => FieldTtl::At(*now + deadline),
                other => other,
            };
            let new = hash.set(&field, &value, ttl, limits);
            let before = model.get(&field).and_then(|(_, deadline)| *deadline);
            let deadline = match ttl {
                FieldTtl::Keep => before,
                FieldTtl::Clear => None,
                FieldTtl::At(deadline) => Some(deadline),
            };
            assert_eq!(new, model.insert(field, (value, deadline)).is_none());
        }
        Step::Deadline(field, deadline) => {
            let deadline = deadline.map(|deadline| *now + deadline);
            let there = hash.set_deadline(&field, deadline);
            let entry = model.get_mut(&field);
            assert_eq!(there, entry.is_some());
            if let Some(entry) = entry {
                entry.1 = deadline;
            }
        }
        Step::Remove(field) => {
            assert_eq!(hash.remove(&field), model.remove(&field).is_some());
        }
        Step::Purge(ms, max) => {
            *now += ms;
            let before = model.len();
            model.retain(|_, entry| entry.1.is_none_or(|due| due >= *now));
            let purged = hash.purge(*now, max);
            assert_eq!(purged.vanished, before > model.len());
            let is_big = hash.table().is_some();
            assert!(if is_big {
                purged.removed <= max
            } else {
                purged.removed == before - model.len()
            });
        }
    }
}

proptest! {
    #[test]
    fn is_a_map(
        steps in prop::collection::vec(step(), 0..80),
        entries in prop_oneof![Just(0_usize), Just(5), Just(1000)],
        value_bytes in prop_oneof![Just(8_usize), Just(64), Just(1000)],
    ) {
        let limits = Limits { entries, value_bytes };
        let mut value = Value::default();
        let mut model = Model::new();
        let mut hash = Hash::new(&mut value);
        let mut now = 0;
        for step in steps {
            apply(&mut hash, &mut model, step, limits, &mut now);
            prop_assert_eq!(hash.len(), model.len());
            prop_assert_eq!(&contents(&hash), &model);
            let due = next_due(hash.0.content());
            // What has vanished is due until it is removed.
            if due.is_none_or(|due| due >= now) {
                prop_assert_eq!(due, model.values().filter_map(|(_, deadline)| *deadline).min());
            }
            for (name, (value, deadline)) in &model {
                let field = hash.get(name).expect("it was set");
                prop_assert_eq!(&field.value.to_vec(), value);
                prop_assert_eq!(field.deadline, *deadline);
            }
            let mut scanned = Model::new();
            let mut cursor = 0;
            loop {
                cursor = hash.scan(cursor, 3, |field| {
                    scanned.insert(field.name.to_vec(), (field.value.to_vec(), field.deadline));
                });
                if cursor == 0 {
                    break;
                }
            }
            prop_assert_eq!(&scanned, &model);
        }
    }

    #[test]
    fn samples_are_distinct(len in 0..300_usize, count in 0..320_usize, entries in 0..300_usize) {
        let limits = Limits { entries, value_bytes: 64 };
        let mut value = Value::default();
        let mut hash = Hash::new(&mut value);
        for n in 0..len {
            hash.set(n.to_string().as_bytes(), b"v", FieldTtl::Clear, limits);
        }
        let mut random = Random::from_seed(1);
        let mut drawn = Vec::new();
        hash.sample(count, &mut random, |field| drawn.push(field.name.to_vec()));
        prop_assert_eq!(drawn.len(), count.min(len));
        drawn.sort();
        drawn.dedup();
        prop_assert_eq!(drawn.len(), count.min(len));
        let mut draws = 0;
        hash.draw(count, &mut random, |field| {
            assert!(hash.get(&field.name.to_vec()).is_some());
            draws += 1;
            true
        });
        prop_assert_eq!(draws, if len == 0 { 0 } else { count });
    }
}

/// A packed hash stays within its bounds, whatever the limits say.
#[test]
fn too_many_bytes_are_unpacked() {
    let limits = Limits {
        entries: usize::MAX,
        value_bytes: usize::MAX,
    };
    for (len, ttl) in [
        (10, FieldTtl::Clear),
        (30_000, FieldTtl::At(5)),
        (60_001, FieldTtl::Keep),
    ] {
        let mut value = Value::default();
        let mut hash = Hash::new(&mut value);
        let text = vec![b'x'; len];
        let mut count = 0_usize;
        while let Content::Packed(..) = hash.0.content() {
            hash.set(count.to_string().as_bytes(), &text, ttl, limits);
            count += 1;
        }
        assert_eq!(hash.len(), count);
        assert_eq!(
            hash.get(b"0").expect("the first field").value,
            Element::Bytes(&text)
        );
    }
    // Making room for deadlines may be too much, too.
    let mut value = Value::default();
    let mut hash = Hash::new(&mut value);
    for n in 0..7_000 {
        hash.set(n.to_string().as_bytes(), b"abc", FieldTtl::Clear, limits);
    }
    assert!(matches!(hash.0.content(), Content::Packed(..)));
    for n in 0..7_000 {
        hash.set_deadline(n.to_string().as_bytes(), Some(1 << 40));
    }
    assert!(matches!(hash.0.content(), Content::Big(_)));
    assert!(!is_over(hash.0.content(), 1 << 40) && is_over(hash.0.content(), u64::MAX));
    hash.set(b"lasting", b"abc", FieldTtl::Clear, limits);
    assert!(!is_over(hash.0.content(), u64::MAX));
    // All vanish together, but are removed step by step.
    for step in 0..7 {
        let purged = hash.purge(u64::MAX, 1_000);
        assert_eq!(purged.vanished, step == 0);
        assert_eq!((purged.removed, hash.len()), (1_000, 1));
        assert!(hash.get(b"6999").is_none() && hash.get(b"lasting").is_some());
    }
    assert_eq!(hash.purge(u64::MAX, 1_000), Purged::default());
    assert!(hash.remove(b"lasting"));
    assert!(hash.is_empty());
}
