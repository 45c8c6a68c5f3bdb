//! Scripts: server CPU per call of a token bucket, and what a second worker adds.

use std::sync::LazyLock;

use redistill::scripting::script;
use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind};
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table, median, ratio};
use super::super::request::{Answer, Batch, Op, Part, Pick};
use super::super::server::Server;
use super::workers::{self, Work};
use super::{columns, placement, ratio_columns, settings};

const CONNECTIONS: usize = 50;
const PIPELINE: usize = 10;
const KEYS: u64 = 100_000;
const CALLS: u64 = 100_000;
const CALLS_PER_THREAD: u64 = 150_000;
/// The value's size plays no part.
const NO_VALUE: usize = 1;

/// Ten tokens at most, of which each call takes one; times are in microseconds and, like keys, drawn
/// at random, so that buckets are partly full and numbers have fractions.
const BUCKET: &str =
    "local capacity, rate, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'time')
local tokens = tonumber(bucket[1]) or capacity
local time = tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - time) * rate)
local allowed = 0
if tokens >= 1 then
  tokens = tokens - 1
  allowed = 1
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'time', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate / 1000) * 1000)
return allowed";

static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let hex = script::hex(&script::digest(BUCKET.as_bytes()));
    String::from_utf8_lossy(&hex).into_owned()
});

/// The same as a function of a library.
static LIBRARY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "#!lua name=bucket\nredis.register_function('take', function(KEYS, ARGV)\n{BUCKET}\nend)"
    )
});

/// A way to call it, and the arguments up to the keys.
type Way = (&'static str, [&'static str; 2]);

fn ways() -> [Way; 3] {
    [
        ("EVALSHA", ["EVALSHA", &DIGEST]),
        ("EVAL", ["EVAL", BUCKET]),
        ("FCALL", ["FCALL", "take"]),
    ]
}

/// A call; `now` is the time it says it is.
fn call((name, words): Way, now: Part) -> Op {
    let mut parts: Vec<Part> = words.map(Part::Word).into();
    parts.extend([
        Part::Word("1"),
        Part::Key("tkb:"),
        Part::Word("10"),
        Part::Word("0.00002"),
        now,
    ]);
    Op::new(name, parts, Answer::Integer)
}

/// A call at a random moment within the first second of a long time.
fn random_call(way: Way) -> Op {
    call(way, Part::Key("1700"))
}

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let able: Vec<Contender> = contenders
        .iter()
        .filter(|it| matches!(it.kind, Kind::Redis | Kind::Valkey | Kind::Redistill))
        .cloned()
        .collect();
    let (calls, call_samples) = calls(options, &able)?;
    let (threads, thread_samples) = threads(options, &able)?;
    Ok(Findings {
        name: "scripting",
        tables: vec![calls, threads],
        samples: json!({ "calls": call_samples, "threads": thread_samples }),
    })
}

/// What the script needs to be there: itself, and every bucket.
fn prepare(server: &Server, options: &Options) -> Result<()> {
    Load::connect(server, 1)?.one_each(&[
        (&["SCRIPT", "LOAD", BUCKET], "$40"),
        (&["FUNCTION", "LOAD", &LIBRARY], "$6"),
    ])?;
    let full = call(ways()[0], Part::Word("1700000000000000"));
    preload(server, &full, NO_VALUE, 0, options.scaled(KEYS))
}

/// CPU per call, by each way to call it.
fn calls(options: &Options, contenders: &[Contender]) -> Result<(Table, serde_json::Value)> {
    let ways = ways();
    let mut samples = vec![vec![Vec::new(); contenders.len()]; ways.len()];
    for round in 0..options.rounds {
        eprintln!(
            "compare: scripting: round {} of {}",
            round + 1,
            options.rounds
        );
        let start = |contender| Server::start(contender, &settings(options), &placement(options));
        let servers = contenders
            .iter()
            .map(start)
            .collect::<Result<Vec<Server>>>()?;
        for server in &servers {
            prepare(server, options)?;
        }
        for (way, samples) in ways.iter().zip(&mut samples) {
            for turn in 0..options.samples * servers.len() {
                // Nobody is always first.
                let who = (turn + turn / servers.len() + round) % servers.len();
                samples[who].push(cpu_us_per_call(options, &servers[who], *way)?);
            }
        }
    }
    let row = |(way, samples): (&Way, &Vec<Vec<f64>>)| {
        let mut cells = vec![way.0.to_owned()];
        cells.extend(samples.iter().map(|it| format!("{:.3}", median(it))));
        let ratios = samples[1..].iter().map(|it| ratio(it, &samples[0]));
        cells.extend(ratios.map(|it| it.to_string()));
        cells
    };
    let mut heads = columns("token bucket by", contenders, "µs");
    heads.extend(ratio_columns(contenders));
    let table = Table {
        title: "Server CPU per call of a script".into(),
        note: format!(
            "HMGET, arithmetic, HSET, PEXPIRE on one of {} keys; {CONNECTIONS} connections, \
             pipeline {PIPELINE}. Medians of {} rounds with {} samples each.",
            options.scaled(KEYS),
            options.rounds,
            options.samples
        ),
        columns: heads,
        rows: ways.iter().zip(&samples).map(row).collect(),
    };
    Ok((table, json!(samples)))
}

fn cpu_us_per_call(options: &Options, server: &Server, way: Way) -> Result<f64> {
    let pick = Pick::uniform(options.scaled(KEYS));
    let op = random_call(way);
    let mut batch = Batch::new(&op, server.speaks_resp, PIPELINE, NO_VALUE, pick)?;
    let mut load = Load::connect(server, CONNECTIONS)?;
    let batches = (options.ops.unwrap_or(options.scaled(CALLS)) / PIPELINE as u64).max(1);
    load.run_strictly(&mut batch, batches / 10 + CONNECTIONS as u64)?;
    let before_ns = server.cpu_ns()?;
    load.run_strictly(&mut batch, batches)?;
    let used_ns = server.cpu_ns()? - before_ns;
    Ok(used_ns as f64 / 1000.0 / (batches * PIPELINE as u64) as f64)
}

/// One worker and two, with the load on the same two cores.
fn threads(options: &Options, contenders: &[Contender]) -> Result<(Table, serde_json::Value)> {
    let redistill = contenders.iter().find(|it| it.kind == Kind::Redistill);
    let contender = redistill.ok_or("redistill takes no part")?;
    let work = Work {
        op: random_call(ways()[0]),
        pipeline: PIPELINE,
        connections: CONNECTIONS / workers::LOAD_THREADS as usize,
        ops_per_thread: CALLS_PER_THREAD,
        keys: options.scaled(KEYS),
        value_bytes: NO_VALUE,
        prepare,
    };
    let mut figures = workers::WORKERS.map(|_| (Vec::new(), Vec::new()));
    for round in 0..options.rounds {
        eprintln!(
            "compare: scripting, two workers: round {} of {}",
            round + 1,
            options.rounds
        );
        for (workers, (costs, rates)) in workers::WORKERS.iter().zip(&mut figures) {
            let sample = work.measure(options, contender, *workers)?;
            costs.push(sample.cpu_us_per_op);
            rates.push(sample.ops_per_second);
        }
    }
    let pairs = figures[1].1.iter().zip(&figures[0].1);
    let gains: Vec<f64> = pairs.map(|(two, one)| two / one).collect();
    let gains = [String::new(), format!("**{:.2}**", median(&gains))];
    let row = |at: usize| {
        let (costs, rates) = &figures[at];
        vec![
            workers::WORKERS[at].to_string(),
            format!("{:.3}", median(costs)),
            format!("{:.0}", median(rates) / 1000.0),
            gains[at].clone(),
        ]
    };
    let heads = ["workers", "CPU per EVALSHA, µs", "1000 calls/s", "to one"];
    let table = Table {
        title: "The same script with two workers".into(),
        note: format!(
            "{} load threads with {} connections each on the same two cores as the server, pipeline \
             {PIPELINE}: throughput includes what the load costs. Medians of {} rounds.",
            workers::LOAD_THREADS,
            work.connections,
            options.rounds
        ),
        columns: heads.map(str::to_owned).to_vec(),
        rows: (0..workers::WORKERS.len()).map(row).collect(),
    };
    Ok((table, json!(figures)))
}
