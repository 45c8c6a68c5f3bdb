use super::chunks::Node;
use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

#[derive(Clone, Debug)]
enum Step {
    Push(bool, Vec<Vec<u8>>),
    Insert(u16, Vec<u8>),
    Set(u16, Vec<u8>),
    Remove(u16, u16),
    RemoveFromEnd(bool, u8),
    RemoveEqual(Vec<u8>, u8, bool),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let few = (0_u8..4).prop_map(|n| vec![b'a' + n]);
    let number = prop_oneof![any::<i64>(), -200_i64..200, Just(i64::MIN), Just(1 << 23)]
        .prop_map(|n| n.to_string().into_bytes());
    let edge = prop::sample::select(vec![0_usize, 63, 64, 125, 126, 127, 128, 4095, 4096]);
    let length =
        prop_oneof![8 => 0_usize..40, 2 => edge, 1 => 8150_usize..8300, 1 => 0_usize..3000];
    let bytes = (length, any::<u8>()).prop_map(|(len, salt)| vec![salt; len]);
    prop_oneof![3 => few, 3 => number, 4 => bytes]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let texts = prop_oneof![
        3 => prop::collection::vec(text(), 1..4),
        1 => prop::collection::vec(text(), 1..120),
    ];
    let step = prop_oneof![
        8 => (any::<bool>(), texts).prop_map(|(front, texts)| Step::Push(front, texts)),
        4 => (any::<u16>(), text()).prop_map(|(index, text)| Step::Insert(index, text)),
        3 => (any::<u16>(), text()).prop_map(|(index, text)| Step::Set(index, text)),
        2 => (any::<u16>(), 0_u16..60).prop_map(|(at, count)| Step::Remove(at, count)),
        1 => (any::<u16>(), any::<u16>()).prop_map(|(at, count)| Step::Remove(at, count)),
        3 => (any::<bool>(), 0_u8..9).prop_map(|(end, count)| Step::RemoveFromEnd(end, count)),
        2 => (text(), 0_u8..8, any::<bool>()).prop_map(|(t, n, b)| Step::RemoveEqual(t, n, b)),
    ];
    prop::collection::vec(step, 1..60)
}

fn limits() -> impl Strategy<Value = Limits> {
    prop::sample::select(vec![-2_i64, -1, -5, 0, 1, 2, 7, 128]).prop_map(Limits::new)
}

fn end(left: bool) -> End {
    if left { End::Left } else { End::Right }
}

type Model = VecDeque<Vec<u8>>;

fn apply(step: &Step, list: &mut List<&mut Value>, model: &mut Model, limits: Limits) {
    match step {
        Step::Push(left, texts) => {
            list.push(end(*left), texts.iter().map(Vec::as_slice), limits);
            for text in texts {
                if *left {
                    model.push_front(text.clone());
                } else {
                    model.push_back(text.clone());
                }
            }
        }
        Step::Insert(index, text) => {
            let index = usize::from(*index) % (model.len() + 1);
            list.insert(index, text, limits);
            model.insert(index, text.clone());
        }
        Step::Set(index, text) if !model.is_empty() => {
            let index = usize::from(*index) % model.len();
            list.set(index, text, limits);
            model[index] = text.clone();
        }
        Step::Set(..) => {}
        Step::Remove(at, count) => {
            let at = usize::from(*at) % (model.len() + 1);
            list.remove(at, (*count).into(), limits);
            model.drain(at..(at + usize::from(*count)).min(model.len()));
        }
        Step::RemoveFromEnd(left, count) => {
            list.remove_from_end(end(*left), (*count).into(), limits);
            for _ in 0..*count {
                if *left {
                    model.pop_front();
                } else {
                    model.pop_back();
                }
            }
        }
        Step::RemoveEqual(text, most, backwards) => {
            let most = if *most == 0 {
                usize::MAX
            } else {
                (*most).into()
            };
            let removed = list.remove_equal(text, most, *backwards, limits);
            let mut places: Vec<_> = (0..model.len()).filter(|i| model[*i] == *text).collect();
            if *backwards {
                places.reverse();
            }
            places.truncate(most);
            assert_eq!(removed, places.len());
            places.sort_unstable();
            for place in places.iter().rev() {
                model.remove(*place);
            }
        }
    }
}

/// What the counts say is what there is.
fn check_counts(value: &Value, limits: Limits) {
    let Value::Big(big) = value else { return };
    let Big::List(chunks) = big else {
        unreachable!()
    };
    let nodes = chunks.nodes();
    let (mut len, mut bytes, mut allocated) = (0, 0, 0);
    for node in nodes.iter() {
        match node {
            Node::Packed(chunk) => {
                assert!(chunk.count() > 0, "no node is empty");
                assert!(
                    chunk.count() <= limits.node_count && chunk.run_bytes() <= limits.node_bytes
                );
                assert!(chunk.capacity() <= limits.node_bytes.max(64) + 1024);
                len += chunk.count();
                bytes += chunk.run_bytes();
                allocated += crate::base::alloc::good_size(chunk.capacity());
            }
            Node::Plain(blob) => {
                len += 1;
                bytes += blob.len();
                allocated += crate::base::alloc::good_size(40)
                    + crate::base::alloc::good_size(blob.capacity());
            }
        }
    }
    assert_eq!((len, bytes), (chunks.len(), chunks.run_bytes()));
    assert_eq!(allocated + nodes.ring_bytes(), chunks.size_bytes());
}

fn texts<'a>(items: impl Iterator<Item = Item<'a>>) -> Vec<Vec<u8>> {
    items.map(Item::to_vec).collect()
}

proptest! {
    #[test]
    fn does_as_a_plain_sequence(
        steps in steps(),
        limits in limits(),
        at in any::<u16>(),
        count in 0_usize..50,
    ) {
        let mut value = Value::default();
        let mut model = Model::new();
        for step in &steps {
            apply(step, &mut List::new(&mut value), &mut model, limits);
            check_counts(&value, limits);
            let list = List::new(&value);
            prop_assert_eq!(list.len(), model.len());
            prop_assert_eq!(&texts(list.iter()), model.make_contiguous(), "after {:?}", step);
            let at = usize::from(at) % (model.len() + 1);
            prop_assert_eq!(list.get(at).map(Item::to_vec), model.get(at).cloned());
            let part: Vec<_> = model.iter().skip(at).take(count).cloned().collect();
            prop_assert_eq!(texts(list.range(at, count)), part);
            let back = model.len() - at.min(model.len());
            let part: Vec<_> = model.iter().rev().skip(back).take(count).cloned().collect();
            if let Some(start) = at.checked_sub(1) {
                prop_assert_eq!(texts(list.range_back(start, count)), part);
            }
            for end in [End::Left, End::Right] {
                let item = list.at_end(end).map(Item::to_vec);
                let expected = if end == End::Left { model.front() } else { model.back() };
                prop_assert_eq!(item.as_ref(), expected);
            }
            for item in list.iter() {
                let text = item.to_vec();
                prop_assert_eq!(item.text_len(), text.len());
                prop_assert!(Needle::new(&text).is(item));
                prop_assert!(!Needle::new(b"nowhere in here").is(item));
            }
        }
    }
}

fn push(value: &mut Value, count: usize, limits: Limits) {
    for n in 0..count {
        let text = format!("element:{n:06}");
        List::new(&mut *value).push(End::Right, [text.as_bytes()].into_iter(), limits);
    }
}

/// An element of `push` takes 16 bytes: one before its 14, one behind.
#[test]
fn names_follow_the_thresholds() {
    let cases = [
        (-2, 511, 255),
        (-1, 255, 127),
        (-3, 1023, 511),
        (128, 128, 64),
        (1, 1, 0),
    ];
    for (size, most, again) in cases {
        let limits = Limits::new(size);
        let mut value = Value::default();
        push(&mut value, most, limits);
        assert_eq!(List::new(&value).encoding(), "listpack", "{size}");
        push(&mut value, 1, limits);
        assert_eq!(List::new(&value).encoding(), "quicklist", "{size}");
        for left in (1..=most).rev() {
            List::new(&mut value).remove_from_end(End::Left, 1, limits);
            let expected = if left <= again {
                "listpack"
            } else {
                "quicklist"
            };
            assert_eq!(
                List::new(&value).encoding(),
                expected,
                "{size}: {left} left"
            );
        }
    }
}

#[test]
fn short_lists_are_in_their_entry() {
    let limits = Limits::new(-2);
    let mut value = Value::default();
    push(&mut value, 50, limits);
    assert!(matches!(value, Value::Packed(..)));
    push(&mut value, 50, limits);
    assert!(matches!(value, Value::Big(_)));
    List::new(&mut value).remove_from_end(End::Right, 68, limits);
    assert!(matches!(value, Value::Packed(..)));
}

/// What a million elements take beyond their encoded bytes is little, however they got there.
#[test]
fn chunks_are_full() {
    let limits = Limits::new(-2);
    for left in [true, false] {
        let mut value = Value::default();
        for n in 0..100_000 {
            let text = format!("element:{n:06}");
            List::new(&mut value).push(end(left), [text.as_bytes()].into_iter(), limits);
        }
        let Value::Big(big) = &value else {
            unreachable!()
        };
        let encoded = 100_000 * 16;
        assert!(
            big.size_bytes() < encoded + encoded / 64,
            "{}",
            big.size_bytes()
        );
        List::new(&mut value).remove_equal(b"none", usize::MAX, false, limits);
        List::new(&mut value).remove(10, 99_980, limits);
        let Value::Packed(_, bytes) = &value else {
            unreachable!()
        };
        assert_eq!(bytes.len(), 2 + 20 * 16);
    }
}

#[test]
fn the_steps_ahead_lead_to_both_ends() {
    let limits = Limits::new(-2);
    for count in [200, 20_000] {
        let mut value = Value::default();
        push(&mut value, count, limits);
        let Value::Big(Big::List(chunks)) = &value else {
            unreachable!("it is long")
        };
        let mut lines = Vec::new();
        for step in 0..2 {
            chunks.ahead(step, &mut |address| lines.push(address.addr() / 64));
        }
        let list = List::new(&value);
        for end in [End::Left, End::Right] {
            let Some(Item::Bytes(text)) = list.at_end(end) else {
                unreachable!("elements are texts")
            };
            assert!(
                lines.contains(&(text.as_ptr().addr() / 64)),
                "{count} {end:?}"
            );
        }
    }
}
