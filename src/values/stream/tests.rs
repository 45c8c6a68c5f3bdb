//! Streams against plain maps.

use super::block::Block;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Clone, Debug)]
enum Step {
    /// So much time passes, then a message comes.
    Add(u64, Fields),
    /// A message with the given part of an id.
    AddAt(Wanted, Fields),
    Delete(usize),
    Trim(Trim, References),
    SetBack,
    Create(u8),
    Destroy(u8),
    Deliver(u8, u8, usize),
    Acknowledge(u8, usize),
    Claim(u8, u8, usize),
    RemoveConsumer(u8, u8),
}

fn fields() -> impl Strategy<Value = Fields> {
    let name = prop::sample::select(vec!["a", "name", "7", "", "longer-name", "-12", "300000"]);
    let value = prop_oneof![
        (0_usize..40).prop_map(|len| vec![b'v'; len]),
        (60_usize..70).prop_map(|len| vec![b'v'; len]),
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        (0_i64..300).prop_map(|n| n.to_string().into_bytes()),
        Just(vec![b'x'; 5000]),
    ];
    let same = value
        .clone()
        .prop_map(|value| vec![(b"name".to_vec(), value)]);
    let pair = (name.prop_map(|n| n.as_bytes().to_vec()), value);
    prop_oneof![3 => same, 2 => prop::collection::vec(pair, 1..5)]
}

fn trim() -> impl Strategy<Value = Trim> {
    let bound = prop_oneof![
        (0_u64..60).prop_map(Bound::Length),
        (0_u64..400).prop_map(|ms| Bound::Id(Id::new(ms, 1))),
    ];
    let limit = prop_oneof![3 => Just(0_u64), 1 => 0_u64..30];
    (bound, any::<bool>(), limit).prop_map(|(bound, approximate, limit)| Trim {
        bound,
        approximate,
        limit,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let references = prop::sample::select(vec![
        References::Keep,
        References::Delete,
        References::Respect,
    ]);
    let wanted = prop_oneof![
        (0_u64..400).prop_map(Wanted::Milliseconds),
        (0_u64..400, 0_u64..4).prop_map(|(ms, seq)| Wanted::Whole(Id::new(ms, seq))),
    ];
    let step = prop_oneof![
        40 => (0_u64..4, fields()).prop_map(|(ms, fields)| Step::Add(ms, fields)),
        4 => (wanted, fields()).prop_map(|(wanted, fields)| Step::AddAt(wanted, fields)),
        8 => any::<usize>().prop_map(Step::Delete),
        2 => (trim(), references).prop_map(|(trim, references)| Step::Trim(trim, references)),
        1 => Just(Step::SetBack),
        2 => (0_u8..3).prop_map(Step::Create),
        1 => (0_u8..3).prop_map(Step::Destroy),
        10 => (0_u8..3, 0_u8..4, 1_usize..20).prop_map(|(g, c, n)| Step::Deliver(g, c, n)),
        8 => (0_u8..3, any::<usize>()).prop_map(|(g, n)| Step::Acknowledge(g, n)),
        4 => (0_u8..3, 0_u8..4, any::<usize>()).prop_map(|(g, c, n)| Step::Claim(g, c, n)),
        1 => (0_u8..3, 0_u8..4).prop_map(|(g, c)| Step::RemoveConsumer(g, c)),
    ];
    prop::collection::vec(step, 0..250)
}

#[derive(Default)]
struct Model {
    messages: BTreeMap<Id, Fields>,
    groups: BTreeMap<u8, ModelGroup>,
}

#[derive(Default)]
struct ModelGroup {
    last: Id,
    /// Who has it, and how often it was delivered.
    pending: BTreeMap<Id, (u8, u64)>,
    consumers: std::collections::BTreeSet<u8>,
}

impl Model {
    fn done_with(&self, id: Id) -> bool {
        let mut groups = self.groups.values();
        groups.all(|group| id <= group.last && !group.pending.contains_key(&id))
    }
}

fn flat(fields: &Fields) -> Vec<&[u8]> {
    fields.iter().flat_map(|(n, v)| [&n[..], &v[..]]).collect()
}

fn owned(message: Message<'_>) -> (Id, Fields) {
    let pairs = message.pairs();
    let fields: Fields = pairs.map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
    assert_eq!(fields.len(), message.fields());
    (message.id, fields)
}

fn pick<T>(items: &[T], n: usize) -> Option<&T> {
    (!items.is_empty()).then(|| &items[n % items.len()])
}

/// Does a step to both; the model follows the stream where only the stream can decide.
fn apply(stream: &mut Stream, model: &mut Model, now: &mut u64, limits: NodeLimits, step: &Step) {
    let ids: Vec<Id> = model.messages.keys().copied().collect();
    let name = |number: &u8| [b'n', *number];
    match step {
        Step::Add(ms, fields) => {
            *now += ms;
            add(stream, model, None, *now, fields, limits);
        }
        Step::AddAt(wanted, fields) => add(stream, model, Some(*wanted), *now, fields, limits),
        Step::Delete(n) => {
            let Some(id) = pick(&ids, *n).copied() else {
                return;
            };
            assert_eq!(stream.delete(id, References::Keep), Deletion::Deleted);
            assert_eq!(stream.delete(id, References::Delete), Deletion::Missing);
            model.messages.remove(&id);
        }
        Step::Trim(trim, references) => apply_trim(stream, model, trim, *references),
        Step::SetBack => {
            let last = stream.log().last_message_id();
            stream.log_mut().set_id(last, None, None);
        }
        Step::Create(g) => {
            let group = Group::new(&name(g), Id::MIN, None);
            assert_eq!(
                stream.groups_mut().create(group),
                !model.groups.contains_key(g)
            );
            model.groups.entry(*g).or_default();
        }
        Step::Destroy(g) => {
            let existed = model.groups.remove(g).is_some();
            assert_eq!(stream.groups_mut().destroy(&name(g)), existed);
        }
        _ => apply_group(stream, model, *now, step),
    }
}

fn add(
    stream: &mut Stream,
    model: &mut Model,
    wanted: Option<Wanted>,
    now: u64,
    fields: &Fields,
    limits: NodeLimits,
) {
    let last = stream.log().last_id();
    let Ok(id) = stream.log().next_id(wanted, now) else {
        assert!(wanted.is_some(), "an id can be made");
        return;
    };
    assert!(id > last);
    let pairs = flat(fields);
    let appended = stream.log_mut().append(id, pairs.iter().copied(), limits);
    assert_eq!(appended, Ok(()));
    model.messages.insert(id, fields.clone());
}

fn apply_trim(stream: &mut Stream, model: &mut Model, trim: &Trim, references: References) {
    let before: Vec<Id> = model.messages.keys().copied().collect();
    let removed = stream.trim(trim, references);
    let left: Vec<Id> = stream.log().range(Id::MIN, Id::MAX).map(|m| m.id).collect();
    assert_eq!(before.len() - left.len(), removed);
    let over = |id: &Id| match trim.bound {
        Bound::Length(most) => before.len() as u64 > most,
        Bound::Id(least) => *id < least,
    };
    let may = |id: &Id| references != References::Respect || model.done_with(*id);
    let mut expected = before.iter().filter(|id| over(id) && may(id)).count();
    if let Bound::Length(most) = trim.bound {
        expected = expected.min(before.len().saturating_sub(most as usize));
    }
    // With references to respect, a block that is trimmed in part is the last.
    let exact = !trim.approximate && trim.limit == 0 && references != References::Respect;
    assert!(if exact {
        removed == expected
    } else {
        removed <= expected
    });
    if trim.limit > 0 {
        assert!(removed as u64 <= trim.limit || !trim.approximate);
    }
    let kept: std::collections::BTreeSet<Id> = left.into_iter().collect();
    let oldest_first = before.iter().filter(|id| may(id)).take(removed);
    assert!(oldest_first.clone().all(|id| !kept.contains(id)));
    let gone: Vec<Id> = oldest_first.copied().collect();
    for id in gone {
        model.messages.remove(&id);
        if references == References::Delete {
            for group in model.groups.values_mut() {
                group.pending.remove(&id);
            }
        }
    }
}

fn apply_group(stream: &mut Stream, model: &mut Model, now: u64, step: &Step) {
    let (Step::Deliver(g, ..)
    | Step::Acknowledge(g, _)
    | Step::Claim(g, ..)
    | Step::RemoveConsumer(g, _)) = step
    else {
        unreachable!("the others are done")
    };
    let (log, group) = match stream.with_group(&[b'n', *g]) {
        Some((log, group)) => (log, Some(group)),
        None => return assert!(!model.groups.contains_key(g)),
    };
    let mut group = group.expect("found above");
    let expected = model.groups.get_mut(g).expect("in both");
    let pending: Vec<Id> = expected.pending.keys().copied().collect();
    match step {
        Step::Deliver(_, c, count) => {
            let (consumer, fresh) = group.find_or_create(&[b'c', *c], now);
            assert_eq!(fresh, expected.consumers.insert(*c));
            let from = group.last_id.next().expect("not the last");
            for message in log.range(from, Id::MAX).take(*count) {
                group.advance(log, message.id);
                group.deliver(message.id, consumer, now);
                expected.last = message.id;
                expected.pending.insert(message.id, (*c, 1));
            }
        }
        Step::Acknowledge(_, n) => {
            if let Some(id) = pick(&pending, *n) {
                assert!(group.acknowledge(*id));
                assert!(!group.acknowledge(*id));
                expected.pending.remove(id);
            }
        }
        Step::Claim(_, c, n) => {
            let (consumer, fresh) = group.find_or_create(&[b'c', *c], now);
            assert_eq!(fresh, expected.consumers.insert(*c));
            if let Some(id) = pick(&pending, *n) {
                let claimed = group.redeliver(*id, |entry| {
                    entry.consumer = consumer;
                    entry.count += 1;
                });
                assert!(claimed);
                let entry = expected.pending.get_mut(id).expect("picked from there");
                *entry = (*c, entry.1 + 1);
            }
        }
        Step::RemoveConsumer(_, c) => {
            let before = expected.pending.len();
            expected.pending.retain(|_, (owner, _)| owner != c);
            let gone = group.remove_consumer(&[b'c', *c]);
            let existed = expected.consumers.remove(c);
            assert_eq!(gone, existed.then_some(before - expected.pending.len()));
        }
        _ => unreachable!("matched above"),
    }
}

fn check(stream: &Stream, model: &Model, edges: (Id, Id)) {
    let log = stream.log();
    assert_eq!(stream.len(), model.messages.len());
    let first = model.messages.keys().next();
    let last = model.messages.keys().next_back();
    assert_eq!(log.first_id(), first.copied().unwrap_or_default());
    assert_eq!(log.last_message_id(), last.copied().unwrap_or_default());
    let all: Vec<_> = log.range(Id::MIN, Id::MAX).map(owned).collect();
    let expected: Vec<_> = model
        .messages
        .iter()
        .map(|(i, f)| (*i, f.clone()))
        .collect();
    assert_eq!(all, expected);

    let (from, to) = edges;
    let ids: Vec<Id> = match from <= to {
        true => model.messages.range(from..=to).map(|(id, _)| *id).collect(),
        false => Vec::new(),
    };
    let range = log.range(from, to);
    for most in [0, 1, 3, usize::MAX] {
        assert_eq!(range.count_up_to(most), ids.len().min(most));
        assert_eq!(log.range(from, Id::MAX).count_up_to(most), {
            model.messages.range(from..).count().min(most)
        });
    }
    assert_eq!(range.map(|m| m.id).collect::<Vec<_>>(), ids);
    let mut back: Vec<Id> = log.back(from, to).map(|m| m.id).collect();
    back.reverse();
    assert_eq!(back, ids);
    assert_eq!(log.contains(from), model.messages.contains_key(&from));

    assert_eq!(stream.groups().len(), model.groups.len());
    for (group, (name, expected)) in stream.groups().iter().zip(&model.groups) {
        assert_eq!(group.name(), &[b'n', *name]);
        check_group(group, expected);
    }
}

fn check_group(group: &Group, expected: &ModelGroup) {
    assert_eq!(group.last_id, expected.last);
    let pending: Vec<_> = group.pending().iter_from(Id::MIN).collect();
    assert_eq!(pending.len(), expected.pending.len());
    for ((id, entry), (expected_id, (owner, count))) in pending.iter().zip(&expected.pending) {
        assert_eq!((id, entry.count), (expected_id, *count));
        assert_eq!(*group.consumer(entry.consumer).name, [b'c', *owner]);
    }
    let names: Vec<u8> = group.consumers().map(|c| c.name[1]).collect();
    assert_eq!(
        names,
        expected.consumers.iter().copied().collect::<Vec<_>>()
    );
    for consumer in group.consumers() {
        let mine = |entry: &(&Id, &(u8, u64))| entry.1.0 == consumer.name[1];
        let ids: Vec<Id> = expected
            .pending
            .iter()
            .filter(mine)
            .map(|(id, _)| *id)
            .collect();
        let pending: Vec<Id> = consumer
            .pending
            .iter_from(Id::MIN)
            .map(|(id, ())| id)
            .collect();
        assert_eq!(pending, ids);
    }
}

proptest! {
    #[test]
    fn is_what_was_put_in(
        steps in steps(),
        entries in prop::sample::select(vec![0_u64, 1, 3, 10, 100]),
        bytes in prop::sample::select(vec![0_u64, 20, 300, 4096]),
        edges in ((0_u64..400, 0_u64..3), (0_u64..400, 0_u64..3)),
    ) {
        let limits = NodeLimits { entries, bytes };
        let ((a, b), (c, d)) = edges;
        let edges = (Id::new(a, b), Id::new(c, d));
        let mut stream = Stream::default();
        let mut model = Model::default();
        let mut now = 1;
        for step in &steps {
            apply(&mut stream, &mut model, &mut now, limits, step);
        }
        check(&stream, &model, edges);
        let copy = stream.clone();
        check(&copy, &model, edges);
        // What was counted along is what a count of it all gives.
        prop_assert!(copy.size_bytes() <= stream.size_bytes());
        prop_assert_eq!(stream.log().recounted_bytes(), stream.log().size_bytes());
    }
}

/// What was deleted there may have had ids beyond those of later blocks.
#[test]
fn a_trim_goes_on_behind_a_block_that_was_set_back() {
    let limits = NodeLimits {
        bytes: 0,
        entries: 4,
    };
    let mut log = Log::default();
    let add = |log: &mut Log, ms: u64| {
        let pair = [&b"name"[..], b"value"];
        assert_eq!(log.append(Id::new(ms, 0), pair.into_iter(), limits), Ok(()));
    };
    add(&mut log, 1);
    add(&mut log, 100);
    assert!(log.delete(Id::new(100, 0)));
    log.set_id(Id::new(1, 0), None, None);
    (2..12).for_each(|ms| add(&mut log, ms));
    let trim = Trim {
        bound: Bound::Id(Id::new(11, 0)),
        approximate: false,
        limit: 0,
    };
    assert_eq!(log.trim(&trim, None), 10);
    assert_eq!(log.len(), 1);
}

#[test]
fn blocks_are_as_long_as_redis_counts() {
    let limits = |bytes| NodeLimits { entries: 0, bytes };
    let pairs = || [&b"name"[..], b"value"].into_iter();
    let mut block = Block::new(Id::new(5, 0), pairs(), 0);
    block.push(Id::new(5, 0), pairs());
    // 7 of its own; 1, 0, 1, "name" and 0; flags, two deltas, "value" and 4.
    let bytes = 7 + 2 + 2 + 2 + 6 + 2 + 2 + 2 + 2 + 7 + 2;
    assert!(block.has_room(0, limits(bytes + 1)));
    assert!(!block.has_room(0, limits(bytes)));
    assert!(!block.has_room(1, limits(bytes + 1)));
    assert!(block.has_room(1 << 20, limits(0)));
}
