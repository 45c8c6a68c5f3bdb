//! The keyspace against a plain map with an injected clock; accounting; expiry; every policy.

use super::eviction::{self, Policy};
use super::expiry::Sweep;
use super::txn::{Keys, Scope};
use super::*;
use crate::config::Config;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

static CONFIG: LazyLock<Config> = LazyLock::new(Config::default);

fn settings(policy: Policy) -> Settings {
    Settings {
        policy,
        samples: 16,
        lfu_log_factor: 10,
        lfu_decay_minutes: 1,
    }
}

fn keyspace(policy: Policy) -> (Keyspace, Local) {
    let settings = settings(policy);
    (Keyspace::new(16, 4, 1, settings), Local::new(0, settings))
}

/// Runs `work` on one key in database `db` at `now_ms`.
fn with<T>(
    (keyspace, local): (&Keyspace, &mut Local),
    (db, now_ms): (usize, u64),
    key: &[u8],
    work: impl FnOnce(&mut Txn<'_>) -> T,
) -> T {
    let scope = Scope {
        keyspace,
        local,
        config: &CONFIG,
        db,
        now_ms,
        skew_ms: 0,
        touch: true,
    };
    work(&mut Txn::begin(scope, Keys::from_iter([Key::new(key)])))
}

fn put(keyspace: &Keyspace, local: &mut Local, now_ms: u64, key: &[u8], len: usize, ttl: Ttl) {
    with((keyspace, local), (0, now_ms), key, |txn| {
        let mut edit = txn.edit(txn.key(0));
        edit.store(NewValue::Bytes(&vec![b'v'; len]), ttl);
        edit.changed(Event::String("set"));
    });
}

fn exists(keyspace: &Keyspace, local: &mut Local, now_ms: u64, key: &[u8]) -> bool {
    with((keyspace, local), (0, now_ms), key, |txn| {
        txn.read(txn.key(0)).is_some()
    })
}

/// What every shard should have accounted: its arrays, its entries, its ghosts.
fn check_accounts(keyspace: &Keyspace, local: &mut Local) {
    local.publish(keyspace);
    let mut total = 0;
    for shard in keyspace.shards() {
        let guard = shard.lock();
        let mut bytes = guard.shard().ghosts.borrow().bytes();
        for db in 0..keyspace.databases() {
            let Some(table) = shard.existing_table(db) else {
                continue;
            };
            bytes += table.array_bytes();
            bytes += table
                .positions(0, table.buckets())
                .map(|pos| table.entry(pos).size_bytes())
                .sum::<usize>();
        }
        assert_eq!(shard.bytes.load(Relaxed), bytes);
        total += bytes;
    }
    assert_eq!(keyspace.used_bytes(), total as u64);
}

#[derive(Clone, Debug)]
enum Op {
    Store {
        key: u8,
        len: usize,
        ttl: Option<u64>,
    },
    Number {
        key: u8,
        value: i64,
    },
    KeepTtl {
        key: u8,
        len: usize,
    },
    Deadline {
        key: u8,
        at: Option<u64>,
    },
    Remove {
        key: u8,
    },
    Rename {
        from: u8,
        to: u8,
    },
    Sweep,
    Wait {
        ms: u64,
    },
}

fn any_op() -> impl Strategy<Value = Op> {
    let key = 0_u8..40;
    let len = prop_oneof![
        0_usize..100,
        Just(entry::INLINE_MAX - 1),
        Just(entry::INLINE_MAX + 7)
    ];
    prop_oneof![
        4 => (key.clone(), len.clone(), prop::option::of(1_u64..50))
            .prop_map(|(key, len, ttl)| Op::Store { key, len, ttl }),
        2 => (key.clone(), any::<i64>()).prop_map(|(key, value)| Op::Number { key, value }),
        2 => (key.clone(), len).prop_map(|(key, len)| Op::KeepTtl { key, len }),
        2 => (key.clone(), prop::option::of(1_u64..50))
            .prop_map(|(key, at)| Op::Deadline { key, at }),
        2 => key.clone().prop_map(|key| Op::Remove { key }),
        2 => (key.clone(), key).prop_map(|(from, to)| Op::Rename { from, to }),
        1 => Just(Op::Sweep),
        2 => (1_u64..20).prop_map(|ms| Op::Wait { ms }),
    ]
}

#[derive(Clone, Debug, PartialEq)]
struct Stored {
    value: Vec<u8>,
    deadline: Option<u64>,
}

fn name(key: u8) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

fn read(keyspace: &Keyspace, local: &mut Local, now_ms: u64, key: u8) -> Option<Stored> {
    with((keyspace, local), (0, now_ms), &name(key), |txn| {
        let view = txn.read(txn.key(0))?;
        let value = match view.value() {
            ValueRef::Int(number) => number.to_string().into_bytes(),
            ValueRef::Bytes(bytes) => bytes.to_vec(),
            ValueRef::Blob(blob) => blob.to_vec(),
        };
        Some(Stored {
            value,
            deadline: view.deadline(),
        })
    })
}

struct World {
    keyspace: Keyspace,
    local: Local,
    model: HashMap<u8, Stored>,
    now_ms: u64,
}

impl World {
    fn apply(&mut self, op: &Op) {
        let now_ms = self.now_ms;
        self.model
            .retain(|_, stored| stored.deadline.is_none_or(|at| now_ms <= at));
        match *op {
            Op::Store { key, len, ttl } => {
                let ttl = ttl.map_or(Ttl::Clear, |ttl| Ttl::At(now_ms + ttl));
                self.store(key, &NewValue::Bytes(&vec![key; len]), vec![key; len], ttl);
            }
            Op::KeepTtl { key, len } => {
                self.store(
                    key,
                    &NewValue::RawBytes(&vec![7; len]),
                    vec![7; len],
                    Ttl::Keep,
                );
            }
            Op::Number { key, value } => {
                let text = value.to_string().into_bytes();
                self.store(key, &NewValue::Int(value), text, Ttl::Clear);
            }
            Op::Deadline { key, at } => self.deadline(key, at.map(|at| now_ms + at)),
            Op::Remove { key } => {
                let removed = with(
                    (&self.keyspace, &mut self.local),
                    (0, now_ms),
                    &name(key),
                    |txn| txn.remove(txn.key(0), Event::Generic("del")),
                );
                assert_eq!(removed, self.model.remove(&key).is_some());
            }
            Op::Rename { from, to } => self.rename(from, to),
            Op::Sweep => {
                let mut sweep = Sweep::default();
                while !sweep
                    .step(&self.keyspace, &mut self.local, now_ms, (0, 1))
                    .round_done
                {}
            }
            Op::Wait { ms } => self.now_ms += ms,
        }
    }

    fn store(&mut self, key: u8, value: &NewValue<'_>, bytes: Vec<u8>, ttl: Ttl) {
        with(
            (&self.keyspace, &mut self.local),
            (0, self.now_ms),
            &name(key),
            |txn| {
                let mut edit = txn.edit(txn.key(0));
                edit.store(*value, ttl);
                edit.changed(Event::String("set"));
            },
        );
        let deadline = match ttl {
            Ttl::Keep => self.model.get(&key).and_then(|stored| stored.deadline),
            Ttl::Clear => None,
            Ttl::At(at) => Some(at),
        };
        self.model.insert(
            key,
            Stored {
                value: bytes,
                deadline,
            },
        );
    }

    fn deadline(&mut self, key: u8, deadline: Option<u64>) {
        with(
            (&self.keyspace, &mut self.local),
            (0, self.now_ms),
            &name(key),
            |txn| {
                let mut edit = txn.edit(txn.key(0));
                if edit.exists() {
                    edit.set_deadline(deadline);
                    edit.changed(Event::Generic("expire"));
                }
            },
        );
        if let Some(stored) = self.model.get_mut(&key) {
            stored.deadline = deadline;
        }
    }

    fn rename(&mut self, from: u8, to: u8) {
        let (source, target) = (name(from), name(to));
        let scope = Scope {
            keyspace: &self.keyspace,
            local: &mut self.local,
            config: &CONFIG,
            db: 0,
            now_ms: self.now_ms,
            skew_ms: 0,
            touch: true,
        };
        let mut txn = Txn::begin(
            scope,
            Keys::from_iter([Key::new(&source), Key::new(&target)]),
        );
        let taken = txn.edit(txn.key(0)).take();
        if let Some(taken) = taken {
            txn.edit(txn.key(1)).put_taken(taken);
            let stored = self.model.remove(&from).expect("the model has it as well");
            self.model.insert(to, stored);
        }
    }

    fn check(&mut self) {
        let now_ms = self.now_ms;
        for key in 0..40 {
            let expected = self
                .model
                .get(&key)
                .filter(|stored| stored.deadline.is_none_or(|at| now_ms <= at));
            let found = read(&self.keyspace, &mut self.local, now_ms, key);
            assert_eq!(found.as_ref(), expected, "key {key} at {now_ms}");
        }
        check_accounts(&self.keyspace, &mut self.local);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn behaves_as_a_map_with_deadlines(ops in prop::collection::vec(any_op(), 1..200)) {
        let (keyspace, local) = keyspace(Policy::AllkeysLru);
        let mut world = World { keyspace, local, model: HashMap::new(), now_ms: 1_000_000 };
        for op in &ops {
            world.apply(op);
        }
        world.check();
    }
}

#[test]
fn a_sweep_removes_what_is_due_and_nothing_else() {
    let (keyspace, mut local) = keyspace(Policy::Noeviction);
    for n in 0..20_000_u64 {
        let ttl = match n % 4 {
            0 => Ttl::Clear,
            step => Ttl::At(1000 + step * 100),
        };
        put(
            &keyspace,
            &mut local,
            1000,
            format!("k{n}").as_bytes(),
            20,
            ttl,
        );
    }
    for (now_ms, left) in [
        (1100, 20_000),
        (1101, 15_000),
        (1201, 10_000),
        (9999, 5_000),
    ] {
        let mut sweep = Sweep::default();
        while !sweep.step(&keyspace, &mut local, now_ms, (0, 1)).round_done {}
        assert_eq!(keyspace.len(0), left, "at {now_ms}");
    }
    assert_eq!(local.tally.expired, 15_000);
    assert_eq!(local.tally.expired_by_sweep, 15_000);
    assert_eq!(keyspace.volatile_len(0), 0);
    check_accounts(&keyspace, &mut local);
}

#[test]
fn a_sweep_costs_nothing_before_the_first_deadline() {
    let (keyspace, mut local) = keyspace(Policy::Noeviction);
    for n in 0..1000 {
        put(
            &keyspace,
            &mut local,
            0,
            format!("k{n}").as_bytes(),
            9,
            Ttl::At(5000),
        );
    }
    let mut sweep = Sweep::default();
    let mut examined = 0;
    loop {
        let step = sweep.step(&keyspace, &mut local, 4000, (0, 1));
        examined += step.examined;
        if step.round_done {
            break;
        }
    }
    assert_eq!(examined, 0);
}

/// Fills a keyspace far beyond its limit; returns it with what is left.
fn filled(policy: Policy, ttl: impl Fn(u64) -> Ttl) -> (Keyspace, Local) {
    let (keyspace, mut local) = keyspace(policy);
    keyspace.set_allowed_bytes(200_000);
    for n in 0..6000 {
        assert!(
            eviction::make_room(&keyspace, &mut local, n, 60),
            "{policy:?} makes room"
        );
        put(
            &keyspace,
            &mut local,
            n,
            format!("k{n}").as_bytes(),
            50,
            ttl(n),
        );
        assert!(keyspace.used_bytes() as i64 + local.used_delta < 220_000);
    }
    check_accounts(&keyspace, &mut local);
    (keyspace, local)
}

#[test]
fn every_policy_keeps_within_the_limit() {
    use Policy::*;
    for policy in [AllkeysLru, AllkeysLfu, AllkeysRandom, AllkeysS3fifo] {
        let (keyspace, local) = filled(policy, |_| Ttl::Clear);
        assert!(local.tally.evicted > 3000, "{policy:?}");
        assert!(
            keyspace.len(0) > 1500,
            "{policy:?} keeps {}",
            keyspace.len(0)
        );
    }
    for policy in [VolatileLru, VolatileLfu, VolatileRandom, VolatileTtl] {
        let ttl = |n: u64| {
            if n.is_multiple_of(20) {
                Ttl::Clear
            } else {
                Ttl::At(1_000_000 + n)
            }
        };
        let (keyspace, mut local) = filled(policy, ttl);
        let kept = (0..6000_u64)
            .step_by(20)
            .filter(|n| exists(&keyspace, &mut local, 7000, format!("k{n}").as_bytes()))
            .count();
        assert_eq!(kept, 300, "{policy:?} leaves keys without deadline alone");
    }
}

#[test]
fn without_a_policy_writes_are_refused_and_nothing_goes() {
    let (keyspace, mut local) = keyspace(Policy::Noeviction);
    keyspace.set_allowed_bytes(100_000);
    let mut stored = 0;
    while eviction::make_room(&keyspace, &mut local, 0, 60) {
        put(
            &keyspace,
            &mut local,
            0,
            format!("k{stored}").as_bytes(),
            50,
            Ttl::Clear,
        );
        stored += 1;
    }
    assert_eq!(keyspace.len(0), stored);
    assert!(stored > 500 && local.tally.evicted == 0);
    assert!(keyspace.used_bytes() as i64 + local.used_delta <= 110_000);
}

#[test]
fn volatile_policies_refuse_when_nothing_may_go() {
    let (keyspace, mut local) = keyspace(Policy::VolatileLru);
    keyspace.set_allowed_bytes(10_000);
    for n in 0..500 {
        put(
            &keyspace,
            &mut local,
            0,
            format!("k{n}").as_bytes(),
            50,
            Ttl::Clear,
        );
    }
    assert!(!eviction::make_room(&keyspace, &mut local, 0, 60));
    assert_eq!(keyspace.len(0), 500);
}

#[test]
fn the_soonest_to_expire_go_first() {
    let (keyspace, mut local) = filled(Policy::VolatileTtl, |n| Ttl::At(100_000 + n * 7919 % 6000));
    let (mut soon, mut late) = (0, 0);
    for n in 0..6000_u64 {
        if exists(&keyspace, &mut local, 7000, format!("k{n}").as_bytes()) {
            *if n * 7919 % 6000 < 3000 {
                &mut soon
            } else {
                &mut late
            } += 1;
        }
    }
    assert!(
        late > soon * 10,
        "{late} of the late half, {soon} of the soon half"
    );
}

/// Keys of a hot set that stay while three times the cache is streamed through.
fn hot_survivors(policy: Policy) -> usize {
    let (keyspace, mut local) = keyspace(policy);
    keyspace.set_allowed_bytes(200_000);
    let hot: Vec<Vec<u8>> = (0..400).map(|n| format!("hot{n}").into_bytes()).collect();
    for key in &hot {
        put(&keyspace, &mut local, 0, key, 50, Ttl::Clear);
    }
    for _ in 0..4 {
        for key in &hot {
            exists(&keyspace, &mut local, 0, key);
        }
    }
    for n in 0..5000_u64 {
        assert!(eviction::make_room(&keyspace, &mut local, n, 60));
        put(
            &keyspace,
            &mut local,
            n,
            format!("scan{n}").as_bytes(),
            50,
            Ttl::Clear,
        );
        if n % 2 == 0 {
            exists(&keyspace, &mut local, n, &hot[(n / 2) as usize % 400]);
        }
        // The end of a batch.
        local.publish(&keyspace);
    }
    hot.iter()
        .filter(|key| exists(&keyspace, &mut local, 0, key))
        .count()
}

#[test]
fn used_keys_outlive_a_scan() {
    let random = hot_survivors(Policy::AllkeysRandom);
    let lru = hot_survivors(Policy::AllkeysLru);
    let lfu = hot_survivors(Policy::AllkeysLfu);
    let s3fifo = hot_survivors(Policy::AllkeysS3fifo);
    assert!(s3fifo > 350, "S3-FIFO keeps {s3fifo} of 400 hot keys");
    assert!(lfu > 350, "LFU keeps {lfu}");
    assert!(lru > random + 20, "LRU keeps {lru}, random {random}");
}

#[test]
fn the_least_recently_used_goes_however_few_keys_a_shard_has() {
    let (keyspace, mut local) = keyspace(Policy::AllkeysLru);
    let name = |n: usize| format!("k{n}").into_bytes();
    for n in 0..40 {
        put(&keyspace, &mut local, 0, &name(n), 50, Ttl::Clear);
        local.publish(&keyspace);
    }
    for n in (0..40).step_by(2) {
        exists(&keyspace, &mut local, 0, &name(n));
        local.publish(&keyspace);
    }
    for _ in 0..20 {
        assert!(eviction::evict_one(&keyspace, &mut local, 0));
    }
    for n in 0..40 {
        let kept = exists(&keyspace, &mut local, 0, &name(n));
        assert_eq!(kept, n % 2 == 0, "key {n}");
    }
}

#[test]
fn a_large_write_makes_room_for_itself() {
    let (keyspace, mut local) = filled(Policy::AllkeysLru, |_| Ttl::Clear);
    assert!(eviction::make_room(&keyspace, &mut local, 0, 100_000));
    put(&keyspace, &mut local, 0, b"large", 100_000, Ttl::Clear);
    assert!(keyspace.used_bytes() as i64 + local.used_delta < 220_000);
}

/// Pages of the allocator that entries of database 0 lie in.
fn pages(keyspace: &Keyspace) -> HashSet<u64> {
    let mut found = HashSet::new();
    for shard in keyspace.shards() {
        let guard = shard.lock();
        let table = guard.shard().table(0);
        let positions = table.positions(0, table.buckets());
        found.extend(positions.map(|pos| table.address(pos) >> 16));
    }
    found
}

#[test]
fn a_pass_empties_sparse_pages_and_changes_nothing() {
    const KEYS: usize = 40_000;
    let (keyspace, mut local) = keyspace(Policy::AllkeysLru);
    let ttl = |n: usize| match n % 3 {
        0 => Ttl::At(9_000),
        _ => Ttl::Clear,
    };
    let stays = |n: usize| n.is_multiple_of(8);
    for n in 0..KEYS {
        let key = format!("k{n}");
        put(&keyspace, &mut local, 0, key.as_bytes(), n % 90, ttl(n));
    }
    let large = entry::INLINE_MAX * 2;
    put(&keyspace, &mut local, 0, b"blob", large, Ttl::Clear);
    for n in (0..KEYS).filter(|n| !stays(*n)) {
        let key = format!("k{n}");
        with((&keyspace, &mut local), (0, 0), key.as_bytes(), |txn| {
            assert!(txn.remove(txn.key(0), Event::Generic("del")));
        });
    }
    let before = pages(&keyspace).len();

    let mut other = Local::new(0, local.settings);
    assert!(!defrag::step(&keyspace, &mut local, 0), "not a worker");
    local.walk = Some(defrag::Walk::of((0, 2)));
    other.walk = Some(defrag::Walk::of((1, 2)));
    assert!(!defrag::step(&keyspace, &mut local, 0), "no pass, no work");
    let pass = defrag::Pass {
        budget_bytes: 1 << 30,
        urgent: true,
    };
    keyspace.defrag.start(pass, 2);
    while keyspace.defrag.is_running() {
        defrag::hurry(&keyspace, &mut local, 0, 10_000);
        assert!(
            defrag::step(&keyspace, &mut local, 0) | defrag::step(&keyspace, &mut other, 0),
            "the pass is stuck"
        );
    }
    while defrag::step(&keyspace, &mut local, 0) | defrag::step(&keyspace, &mut other, 0) {}
    let after = pages(&keyspace).len();
    assert!(after * 3 < before, "{before} pages, then {after}");
    assert!(keyspace.defrag.gained_bytes() > (before as u64 / 2) << 16);

    for n in 0..KEYS {
        let key = format!("k{n}");
        let found = with((&keyspace, &mut local), (0, 0), key.as_bytes(), |txn| {
            txn.read(txn.key(0)).map(|view| match view.value() {
                ValueRef::Bytes(bytes) => (bytes.to_vec(), view.deadline()),
                _ => panic!("only short strings"),
            })
        });
        let deadline = n.is_multiple_of(3).then_some(9_000);
        assert_eq!(found, stays(n).then(|| (vec![b'v'; n % 90], deadline)));
    }
    assert!(exists(&keyspace, &mut local, 0, b"blob"));
    check_accounts(&keyspace, &mut local);
}

#[test]
fn watchers_learn_of_eviction_and_expiry() {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    let (keyspace, mut local) = keyspace(Policy::AllkeysRandom);
    for (key, ttl) in [(b"evicted", Ttl::Clear), (b"expired", Ttl::At(10))] {
        put(&keyspace, &mut local, 0, key, 5, ttl);
        let flag = Arc::new(AtomicBool::new(false));
        with((&keyspace, &mut local), (0, 0), key, |txn| {
            txn.watch(txn.key(0), &flag)
        });
        if ttl == Ttl::Clear {
            assert!(eviction::evict_one(&keyspace, &mut local, 0));
        } else {
            assert!(!exists(&keyspace, &mut local, 11, key));
        }
        assert!(flag.load(Relaxed));
    }
}
