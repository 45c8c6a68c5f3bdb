use super::{Limits, Listener, Tracking, Wishes};
use crate::base::hash::hash;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[derive(Default)]
struct Reader {
    id: u64,
    gone: AtomicBool,
    told: Mutex<Vec<String>>,
}

impl Listener for Reader {
    fn id(&self) -> u64 {
        self.id
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    fn tell_changed(&self, keys: Option<&[&[u8]]>, redirected: bool, _: Limits) {
        let key = keys.map_or("*".into(), |keys| {
            let keys: Vec<_> = keys
                .iter()
                .map(|key| String::from_utf8_lossy(key))
                .collect();
            keys.join("+")
        });
        let sign = if redirected { ">" } else { "" };
        self.told.lock().push(format!("{sign}{key}"));
    }

    fn tell_broken(&self, to: u64, _: Limits) {
        self.told.lock().push(format!("broken {to}"));
    }
}

impl Reader {
    fn new(id: u64) -> Arc<Reader> {
        Arc::new(Reader {
            id,
            ..Reader::default()
        })
    }

    #[track_caller]
    fn was_told(&self, expected: &[&str]) {
        let mut told = std::mem::take(&mut *self.told.lock());
        told.sort();
        assert_eq!(told, expected);
    }
}

fn enable(tracking: &Tracking<Reader>, reader: &Arc<Reader>, wishes: Wishes, prefixes: &[&[u8]]) {
    tracking.enable(reader, (&wishes, None), prefixes, |on| assert!(on));
}

fn note(tracking: &Tracking<Reader>, key: &str, reader: &Reader) {
    tracking.note(key.as_bytes(), hash(key.as_bytes()), reader.id);
}

fn change(tracking: &Tracking<Reader>, key: &str, by: u64) {
    tracking.changed(key.as_bytes(), hash(key.as_bytes()), by);
}

#[test]
fn a_change_is_told_once_to_each_that_has_read_the_key() {
    let tracking = Tracking::default();
    let readers: Vec<_> = (1..=40).map(Reader::new).collect();
    for reader in &readers {
        enable(&tracking, reader, Wishes::default(), &[]);
        note(&tracking, "k", reader);
        note(&tracking, "k", reader);
    }
    note(&tracking, "other", &readers[0]);
    assert_eq!(tracking.noted(), (2, 41));
    change(&tracking, "k", 7);
    change(&tracking, "k", 7);
    readers.iter().for_each(|reader| reader.was_told(&["k"]));
    assert_eq!(tracking.noted(), (1, 1));
    tracking.all_changed();
    readers.iter().for_each(|reader| reader.was_told(&["*"]));
    assert_eq!((tracking.noted(), tracking.held_bytes()), ((0, 0), 0));
}

#[test]
fn who_wants_no_loop_is_not_told_of_its_own() {
    let tracking = Tracking::default();
    let reader = Reader::new(1);
    let wishes = Wishes {
        no_loop: true,
        ..Wishes::default()
    };
    enable(&tracking, &reader, wishes, &[]);
    note(&tracking, "k", &reader);
    change(&tracking, "k", 1);
    reader.was_told(&[]);
    note(&tracking, "k", &reader);
    change(&tracking, "k", 2);
    reader.was_told(&["k"]);
}

#[test]
fn prefixes_of_any_length() {
    let tracking = Tracking::default();
    let (all, some) = (Reader::new(1), Reader::new(2));
    let wishes = Wishes {
        broadcast: true,
        ..Wishes::default()
    };
    enable(&tracking, &all, wishes.clone(), &[b""]);
    enable(&tracking, &some, wishes, &[b"user:", b"obj"]);
    for key in ["user:1", "use", "object", "obj", ""] {
        change(&tracking, key, 9);
    }
    all.was_told(&["", "obj", "object", "use", "user:1"]);
    some.was_told(&["obj", "object", "user:1"]);
    assert_eq!(tracking.prefixes(), 3);
    tracking.disable(2, [&b"user:"[..], b"obj"].into_iter(), |_| {
        panic!("one is left")
    });
    change(&tracking, "user:1", 9);
    some.was_told(&[]);
    tracking.disable(1, [&b""[..]].into_iter(), |on| assert!(!on));
    assert_eq!((tracking.prefixes(), tracking.clients()), (0, 0));
}

#[test]
fn what_a_batch_changes_is_told_at_once() {
    let tracking = Tracking::default();
    let (all, some, own) = (Reader::new(1), Reader::new(2), Reader::new(3));
    let wishes = Wishes {
        broadcast: true,
        ..Wishes::default()
    };
    let no_loop = Wishes {
        no_loop: true,
        ..wishes.clone()
    };
    enable(&tracking, &all, wishes.clone(), &[b""]);
    enable(&tracking, &some, wishes, &[b"a", b"b"]);
    enable(&tracking, &own, no_loop, &[b""]);
    tracking.begin_round();
    for (key, by) in [
        ("b1", 9),
        ("a2", 3),
        ("a1", 9),
        ("a2", 3),
        ("b1", 3),
        ("c", 9),
    ] {
        change(&tracking, key, by);
    }
    all.was_told(&[]);
    tracking.end_round();
    all.was_told(&["a1+a2+b1+c"]);
    some.was_told(&["a1+a2", "b1"]);
    own.was_told(&["a1+b1+c"]);
    change(&tracking, "a1", 9);
    some.was_told(&["a1"]);
    tracking.begin_round();
    change(&tracking, "a1", 3);
    tracking.end_round();
    tracking.end_round();
    all.was_told(&["a1", "a1"]);
    own.was_told(&["a1"]);
}

#[test]
fn the_table_is_bounded() {
    let tracking = Tracking::default();
    let reader = Reader::new(1);
    enable(&tracking, &reader, Wishes::default(), &[]);
    tracking.configure(100, Limits::default());
    for n in 0..1000 {
        note(&tracking, &format!("{n}"), &reader);
        assert!(tracking.noted().0 <= 100);
    }
    assert_eq!(reader.told.lock().len(), 900);
    tracking.configure(0, Limits::default());
    for n in 1000..2000 {
        note(&tracking, &format!("{n}"), &reader);
    }
    assert_eq!(tracking.noted().0, 1100);
    tracking.configure(10, Limits::default());
    assert_eq!(tracking.noted(), (10, 10));
    tracking.disable(1, [].into_iter(), |on| assert!(!on));
    assert_eq!(tracking.noted(), (0, 0), "nobody is left who could be told");
}

#[test]
fn somebody_else_may_listen() {
    let tracking = Tracking::default();
    let (reader, other) = (Reader::new(1), Reader::new(2));
    let wishes = Wishes {
        redirect: Some(2),
        ..Wishes::default()
    };
    let redirect = Some(Arc::clone(&other));
    tracking.enable(&reader, (&wishes, redirect), &[], |_| {});
    note(&tracking, "k", &reader);
    change(&tracking, "k", 3);
    other.was_told(&[">k"]);
    other.gone.store(true, Relaxed);
    note(&tracking, "k", &reader);
    change(&tracking, "k", 3);
    reader.was_told(&["broken 2"]);
    other.was_told(&[]);
}
