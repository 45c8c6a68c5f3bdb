use super::*;
use proptest::prelude::*;

fn bytes_of(entry: &Entry) -> Vec<u8> {
    match entry.value() {
        ValueRef::Int(number) => number.to_string().into_bytes(),
        ValueRef::Bytes(bytes) => bytes.to_vec(),
        ValueRef::Blob(blob) => blob.to_vec(),
    }
}

fn any_value() -> impl Strategy<Value = (bool, Vec<u8>, i64)> {
    let len = prop_oneof![
        0_usize..200,
        1000..1100_usize,
        INLINE_MAX - 2..INLINE_MAX + 3
    ];
    (
        any::<bool>(),
        len.prop_map(|len| vec![7; len]),
        any::<i64>(),
    )
}

fn new_value<'a>((int, bytes, number): &'a (bool, Vec<u8>, i64)) -> NewValue<'a> {
    if *int {
        NewValue::Int(*number)
    } else {
        NewValue::Bytes(bytes)
    }
}

fn expected((int, bytes, number): &(bool, Vec<u8>, i64)) -> Vec<u8> {
    if *int {
        number.to_string().into_bytes()
    } else {
        bytes.clone()
    }
}

proptest! {
    #[test]
    fn reads_back_what_was_written(
        key_len in prop_oneof![0_usize..70, KEY_LEN_MAX - 1..KEY_LEN_MAX + 3],
        first in any_value(), second in any_value(),
        deadline in any::<Option<u64>>(), deadline2 in any::<Option<u64>>(),
        seconds in 0_u32..1 << 24,
    ) {
        let key: Vec<u8> = (0..key_len).map(|i| i as u8).collect();
        let mut entry = Entry::new(&key, new_value(&first), deadline, seconds);
        prop_assert_eq!(entry.key(), &key[..]);
        prop_assert_eq!(bytes_of(&entry), expected(&first));
        prop_assert_eq!(entry.deadline(), deadline);
        prop_assert_eq!(entry.used_seconds(), seconds);
        let before = entry.size_bytes();
        if entry.overwrite(new_value(&second), deadline2, seconds / 2) {
            prop_assert_eq!(bytes_of(&entry), expected(&second));
            prop_assert_eq!(entry.deadline(), deadline2);
            prop_assert_eq!(entry.size_bytes(), before);
            prop_assert_eq!(entry.used_seconds(), seconds / 2);
        } else {
            prop_assert_eq!(bytes_of(&entry), expected(&first));
            prop_assert_eq!(entry.deadline(), deadline);
        }
        entry.touch(seconds.wrapping_add(1));
        prop_assert_eq!(entry.used_seconds(), seconds.wrapping_add(1) & SECONDS_MASK);
        prop_assert_eq!(entry.key(), &key[..]);
    }
}

proptest! {
    #[test]
    fn a_packed_collection_is_spliced_like_a_vector(
        key_len in prop_oneof![0_usize..70, KEY_LEN_MAX - 1..KEY_LEN_MAX + 3],
        deadline in any::<Option<u64>>(),
        edits in prop::collection::vec((any::<u16>(), any::<u16>(), 0_usize..300), 1..30),
    ) {
        let key: Vec<u8> = (0..key_len).map(|i| i as u8).collect();
        let form = (Type::Hash, Packing::Extended);
        let mut entry = Entry::packed(&key, form, &[b"ab", b"", b"c"], deadline, 7);
        let mut model = b"abc".to_vec();
        for (n, (at, removed, added)) in edits.into_iter().enumerate() {
            let at = usize::from(at) % (model.len() + 1);
            let removed = usize::from(removed) % (model.len() - at + 1);
            let part = vec![n as u8; added];
            entry.splice(at, removed, &[&part, b"!"]);
            model.splice(at..at + removed, part.into_iter().chain([b'!']));
            prop_assert_eq!(entry.packed_mut(), &model[..]);
            prop_assert_eq!(entry.key(), &key[..]);
            prop_assert_eq!((entry.deadline(), entry.used_seconds()), (deadline, 7));
            prop_assert!(entry.may_have_field_deadlines());
            let head = if key_len > KEY_LEN_MAX { 16 } else { 8 };
            let size = head + 8 * usize::from(deadline.is_some()) + key_len + model.len();
            prop_assert_eq!(entry.size_bytes(), block_bytes(size.max(16)));
        }
        let moved = entry.renewed(b"other", None);
        drop(entry);
        let held = moved.content();
        prop_assert!(matches!(held, Content::Packed(Packing::Extended, it) if it == model));
    }
}

#[test]
fn a_big_collection_moves_with_its_entry() {
    let big = Big::Stream(Box::default());
    let Big::Stream(stream) = &big else {
        unreachable!("made above")
    };
    let address = std::ptr::from_ref(&**stream) as usize;
    let mut entry = Entry::big(b"key", big, None, 3);
    assert_eq!((entry.kind(), entry.used_seconds()), (Type::Stream, 3));
    let mut moved = entry.renewed(b"longer key", Some(9));
    drop(entry);
    assert_eq!(
        (moved.key(), moved.deadline()),
        (&b"longer key"[..], Some(9))
    );
    let Some(Big::Stream(held)) = moved.big_mut() else {
        panic!("a stream")
    };
    assert_eq!(std::ptr::from_ref(&**held) as usize, address);
    assert!(moved.packed_mut().is_empty() && moved.size_bytes() > 32);
}

#[test]
fn same_size_overwrites_in_place() {
    let mut entry = Entry::new(b"key", NewValue::Bytes(b"0123456789"), None, 1);
    assert!(entry.overwrite(NewValue::Bytes(b"abcdefghij"), None, 2));
    assert_eq!(bytes_of(&entry), b"abcdefghij");
}

#[test]
fn a_blob_is_shared_and_released() {
    let blob: Blob = Arc::new(vec![1; INLINE_MAX]);
    let entry = Entry::new(b"key", NewValue::Blob(&blob), Some(5), 1);
    assert_eq!(Arc::strong_count(&blob), 2);
    assert!(matches!(entry.value(), ValueRef::Blob(held) if Arc::ptr_eq(held, &blob)));
    assert!(entry.size_bytes() > INLINE_MAX);
    drop(entry);
    assert_eq!(Arc::strong_count(&blob), 1);
}
