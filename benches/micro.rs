//! Microbenchmarks of what every request passes: parse, table, reply.
//!
//! `cargo bench --bench micro [-- FILTER]`. Every figure is for a batch of 30 or 64 requests, as
//! a pipelining client sends them; criterion prints the time of one request as throughput.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use redistill::config::Config;
use redistill::keyspace::txn::{Keys, Scope};
use redistill::keyspace::{Event, Key, Keyspace, Local, NewValue, Ttl, Txn, ValueRef};
use redistill::protocol::request::{Decoded, Decoder, Limits};
use redistill::protocol::{Output, Protocol, Reply};
use redistill::session::eviction_settings;

const PIPELINE: usize = 30;
const BATCH: usize = 64;
const KEYS: usize = 1_000_000;
const SHARDS: usize = 1024;
const VALUE: [u8; 256] = [b'v'; 256];

fn parse(criterion: &mut Criterion) {
    let key = "key:000000000042";
    let value = String::from_utf8_lossy(&VALUE);
    let get = format!("*2\r\n$3\r\nGET\r\n$16\r\n{key}\r\n");
    let set = format!("*3\r\n$3\r\nSET\r\n$16\r\n{key}\r\n$256\r\n{value}\r\n");
    let mget = format!(
        "*11\r\n$4\r\nMGET\r\n{}",
        format!("$16\r\n{key}\r\n").repeat(10)
    );
    let inline = format!("GET {key}\r\n");
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    for (name, request) in [
        ("get", get),
        ("set", set),
        ("mget of 10", mget),
        ("inline", inline),
    ] {
        let input = request.repeat(PIPELINE);
        let mut spans = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                spans.clear();
                assert_eq!(
                    decode_all(black_box(input.as_bytes()), &mut spans),
                    PIPELINE
                );
            });
        });
    }
    group.finish();
}

/// Decodes `input`, which ends with a request, and returns the number of requests.
fn decode_all(input: &[u8], spans: &mut Vec<redistill::protocol::Span>) -> usize {
    let limits = Limits {
        arguments: 1 << 20,
        bulk_bytes: 512 << 20,
        large_bytes: 32 << 10,
        inline_bytes: 64 << 10,
        authenticated: true,
    };
    let mut decoder = Decoder::default();
    let (mut at, mut requests) = (0, 0);
    while at < input.len() {
        match decoder.decode(input, at, &limits, spans) {
            Ok(Decoded::Request { end }) => at = end,
            other => panic!("a well-formed, whole request decodes: {other:?}"),
        }
        requests += 1;
    }
    requests
}

fn reply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reply");
    group.throughput(Throughput::Elements(PIPELINE as u64));
    let mut out = Output::default();
    let mut write = |name: &str, append: fn(&mut Reply<'_>)| {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                let mut reply = Reply::new(&mut out, Protocol::Resp2);
                (0..PIPELINE).for_each(|_| append(&mut reply));
                black_box(out.len())
            });
        });
    };
    write("ok", |reply| reply.ok());
    write("null", |reply| reply.null());
    write("integer", |reply| reply.int(black_box(1_234_567)));
    write("value of 256", |reply| reply.bulk(black_box(&VALUE)));
    write("value that is an integer", |reply| {
        reply.bulk_int(black_box(1_234_567))
    });
    write("double", |reply| reply.double(black_box(3.25)));
    group.finish();
}

/// A keyspace of a million values, and random keys to ask for.
struct Loaded {
    keyspace: Keyspace,
    config: Config,
    local: Local,
    random: SmallRng,
}

impl Loaded {
    fn new() -> Loaded {
        let config = Config::default();
        let settings = eviction_settings(&config);
        let keyspace = Keyspace::new(SHARDS, 1, 1, settings);
        let random = SmallRng::seed_from_u64(1);
        let mut loaded = Loaded {
            keyspace,
            config,
            local: Local::new(0, settings),
            random,
        };
        for number in 0..KEYS {
            loaded.store(&key(number), &VALUE);
        }
        loaded
    }

    /// So many random keys that are stored, or that are not.
    fn keys(&mut self, stored: bool) -> Vec<Vec<u8>> {
        let base = if stored { 0 } else { KEYS };
        (0..BATCH)
            .map(|_| key(base + self.random.random_range(0..KEYS)))
            .collect()
    }

    fn txn<'a>(&'a mut self, key: Key<'a>) -> Txn<'a> {
        let scope = Scope {
            keyspace: &self.keyspace,
            local: &mut self.local,
            config: &self.config,
            db: 0,
            now_ms: 1,
            skew_ms: 0,
            touch: true,
        };
        Txn::begin(scope, Keys::from_iter([key]))
    }

    fn store(&mut self, key: &[u8], value: &[u8]) {
        let key = Key::new(key);
        let mut txn = self.txn(key);
        let mut edit = txn.edit(key);
        edit.store(NewValue::Bytes(value), Ttl::Clear);
        edit.changed(Event::String("set"));
    }

    fn read(&mut self, key: Key<'_>) -> usize {
        match self.txn(key).read_string(key) {
            Ok(Some(ValueRef::Bytes(bytes))) => bytes.len(),
            _ => 0,
        }
    }

    /// What a worker does for a batch: shard headers, then buckets, then entries.
    fn prefetch(&self, keys: &[Key<'_>]) {
        self.keyspace
            .prefetch(0, 0, keys.iter().map(|key| key.hash()));
    }
}

fn key(number: usize) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

fn table(criterion: &mut Criterion) {
    let mut loaded = Loaded::new();
    let mut group = criterion.benchmark_group("table");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut lookup = |name: &str, stored: bool, prefetched: bool| {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut spent = std::time::Duration::ZERO;
                for _ in 0..rounds {
                    // New keys each time: those of the last round are in the cache.
                    let names = loaded.keys(stored);
                    let started_at = std::time::Instant::now();
                    let keys: Vec<_> = names.iter().map(|name| Key::new(name)).collect();
                    if prefetched {
                        loaded.prefetch(&keys);
                    }
                    let bytes: usize = keys.iter().map(|&key| loaded.read(key)).sum();
                    spent += started_at.elapsed();
                    assert_eq!(bytes, if stored { BATCH * VALUE.len() } else { 0 });
                }
                spent
            });
        });
    };
    lookup("hit", true, false);
    lookup("hit, prefetched", true, true);
    lookup("miss, prefetched", false, true);
    group.bench_function("overwrite", |bencher| {
        bencher.iter_batched(
            || {
                (0..BATCH)
                    .map(|_| key(rand::random_range(0..KEYS)))
                    .collect::<Vec<_>>()
            },
            |names| {
                names
                    .iter()
                    .for_each(|name| loaded.store(name, black_box(&VALUE)))
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group! {
    name = micro;
    config = Criterion::default().sample_size(30);
    targets = parse, reply, table
}
criterion_main!(micro);
