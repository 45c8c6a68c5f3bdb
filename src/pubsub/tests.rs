use super::*;
use crate::protocol::Protocol;
use parking_lot::Mutex;
use std::mem::take;

#[derive(Default)]
struct Reader {
    id: u64,
    got: Mutex<Vec<String>>,
}

impl Subscriber for Reader {
    fn id(&self) -> u64 {
        self.id
    }

    fn deliver(&self, message: &Message<'_>, _: u64) -> bool {
        let text = String::from_utf8(message.encoded(Protocol::Resp2).to_vec());
        self.got.lock().push(text.expect("ASCII messages"));
        true
    }
}

fn reader(id: u64) -> Arc<Reader> {
    Arc::new(Reader {
        id,
        ..Reader::default()
    })
}

#[test]
fn each_kind_has_names_of_its_own() {
    let pubsub = PubSub::default();
    let (a, b) = (reader(1), reader(2));
    pubsub.subscribe(Kind::Channel, b"news", &a);
    pubsub.subscribe(Kind::Channel, b"news", &a);
    pubsub.subscribe(Kind::Channel, b"news", &b);
    pubsub.subscribe(Kind::Pattern, b"n*", &b);
    pubsub.subscribe(Kind::Shard, b"news", &b);
    assert_eq!(pubsub.publish(b"news", b"1", 0), 3);
    assert_eq!(pubsub.publish(b"none", b"2", 0), 1);
    assert_eq!(pubsub.publish_in_shard(b"news", b"3", 0), 1);
    assert_eq!(a.got.lock().len(), 1);
    assert_eq!(
        *b.got.lock(),
        [
            "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\n1\r\n",
            "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$1\r\n1\r\n",
            "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnone\r\n$1\r\n2\r\n",
            "*3\r\n$8\r\nsmessage\r\n$4\r\nnews\r\n$1\r\n3\r\n",
        ]
    );
    assert_eq!(KINDS.map(|kind| pubsub.len(kind)), [1, 1, 1]);
    assert_eq!(pubsub.subscribers(Kind::Channel, b"news"), 2);
}

#[test]
fn what_ends_leaves_nothing_behind() {
    let pubsub = PubSub::default();
    let (a, b) = (reader(1), reader(2));
    for n in 0..5000_u32 {
        for reader in [&a, &b] {
            pubsub.subscribe(Kind::Channel, &n.to_be_bytes(), reader);
        }
    }
    for n in 0..5000_u32 {
        for reader in [&a, &b, &a] {
            pubsub.unsubscribe(Kind::Channel, &n.to_be_bytes(), reader);
        }
        assert_eq!(pubsub.publish(&n.to_be_bytes(), b"", 0), 0);
    }
    pubsub.shrink();
    assert!(pubsub.is_empty(Kind::Channel));
    assert_eq!(pubsub.names(Kind::Channel, None).len(), 0);
    assert_eq!((Arc::strong_count(&a), Arc::strong_count(&b)), (1, 1));
}

#[test]
fn a_message_is_encoded_once_for_each_protocol() {
    let message = Message::new(&[b"message", b"a"], [b"x".as_slice()]);
    let first = Arc::as_ptr(message.encoded(Protocol::Resp3));
    assert_eq!(Arc::as_ptr(message.encoded(Protocol::Resp3)), first);
    assert!(message.encoded(Protocol::Resp3).starts_with(b">3\r\n"));
    assert!(message.encoded(Protocol::Resp2).starts_with(b"*3\r\n"));
}

#[test]
fn several_messages_are_one_delivery_unless_patterns_come_between() {
    let pubsub = PubSub::default();
    let (a, b) = (reader(1), reader(2));
    pubsub.subscribe(Kind::Channel, b"c", &a);
    let payloads = [b"1".as_slice(), b"2"];
    let mut told = Vec::new();
    pubsub.publish_all(b"c", payloads.into_iter(), 0, |count| told.push(count));
    let one = |text: &str| format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n{text}\r\n");
    assert_eq!(*a.got.lock(), [one("1") + &one("2")]);
    pubsub.subscribe(Kind::Pattern, b"*", &b);
    pubsub.publish_all(b"c", payloads.into_iter(), 0, |count| told.push(count));
    assert_eq!(a.got.lock()[1..], [one("1"), one("2")]);
    assert_eq!(b.got.lock().len(), 2);
    pubsub.publish_all(b"none", payloads.into_iter(), 0, |count| told.push(count));
    assert_eq!(told, [1, 1, 2, 2, 1, 1]);
}

#[test]
fn names_are_listed_by_pattern() {
    let pubsub = PubSub::default();
    let reader = reader(1);
    for name in ["a1", "a2", "b1"] {
        pubsub.subscribe(Kind::Channel, name.as_bytes(), &reader);
    }
    assert_eq!(pubsub.names(Kind::Channel, Some(b"a*")).len(), 2);
    assert_eq!(pubsub.names(Kind::Channel, None).len(), 3);
}

#[test]
fn all_subscribers_see_one_order_whoever_publishes() {
    const EACH: usize = 5000;
    let pubsub = PubSub::default();
    let readers = [1, 2, 3].map(reader);
    for reader in &readers {
        pubsub.subscribe(Kind::Channel, b"c", reader);
        pubsub.subscribe(Kind::Shard, b"c", reader);
    }
    let publish = |kind: Kind| {
        std::thread::scope(|scope| {
            for publisher in [b"a", b"b"] {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        match kind {
                            Kind::Shard => pubsub.publish_in_shard(b"c", publisher, 0),
                            _ => pubsub.publish(b"c", publisher, 0),
                        };
                    }
                });
            }
        });
        readers
            .each_ref()
            .map(|reader| take(&mut *reader.got.lock()))
    };
    for kind in [Kind::Channel, Kind::Shard] {
        let [first, second, third] = publish(kind);
        assert_eq!(first.len(), 2 * EACH);
        assert!(first == second && second == third);
    }
    let other = reader(4);
    pubsub.subscribe(Kind::Pattern, b"*", &other);
    let [first, second, third] = publish(Kind::Channel);
    assert!(first == second && second == third);
    let payloads = |got: &[String]| -> Vec<u8> {
        let last = got.iter().map(|text| text.as_bytes()[text.len() - 3]);
        last.collect()
    };
    assert!(payloads(&first) == payloads(&other.got.lock()));
}
