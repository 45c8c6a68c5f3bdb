//! Server CPU per operation on collections.
//!
//! A scene is a set of keys and the operations that are measured on them; a new operation is one
//! line in its scene.

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind};
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table, figure, median, ratio};
use super::super::request::{Answer, Batch, Op, Part, Pick};
use super::super::server::Server;
use super::{columns, placement, ratio_columns, settings, those};

const PIPELINE: usize = 30;
const VALUE_BYTES: usize = 16;
/// Sets, hashes, … of a scene.
const KEYS: u64 = 10_000;
const OPS: u64 = 300_000;

/// Keys, and operations on them.
pub(super) struct Scene {
    title: &'static str,
    /// What is stored first: each operation for so many numbers.
    fills: Vec<(Op, u64)>,
    rows: Vec<Row>,
}

struct Row {
    op: Op,
    /// How many numbers it is run with, at random.
    keys: u64,
    /// How many GETs it costs, about.
    weight: u64,
}

/// Word, key and value parts by their first letter: `=word`, `#prefix`, `@` for a value.
pub(super) fn op(name: &'static str, parts: &[&'static str], answer: Answer) -> Op {
    let part = |text: &&'static str| match text.as_bytes()[0] {
        b'#' => Part::Key(&text[1..]),
        b'@' => Part::Value,
        _ => Part::Word(text),
    };
    Op::new(name, parts.iter().map(part).collect(), answer)
}

/// The fields, members, … of small collections.
pub(super) const TEN: [&str; 10] = [
    "field:0", "field:1", "field:2", "field:3", "field:4", "field:5", "field:6", "field:7",
    "field:8", "field:9",
];

fn row(op: Op, keys: u64, weight: u64) -> Row {
    Row { op, keys, weight }
}

/// A hash of ten fields.
pub(super) fn hash_of_ten() -> Op {
    let mut parts = vec!["HSET", "#hsh:"];
    parts.extend(TEN.iter().flat_map(|field| [*field, "@"]));
    op("HSET of 10", &parts, Answer::Integer)
}

/// A list of ten elements.
pub(super) fn list_of_ten() -> Op {
    let mut parts = vec!["RPUSH", "#lst:"];
    parts.extend(["@"; 10]);
    op("RPUSH of 10", &parts, Answer::Integer)
}

/// A set of ten texts.
pub(super) fn set_of_ten() -> Op {
    let mut parts = vec!["SADD", "#set:"];
    parts.extend(TEN);
    op("SADD of 10", &parts, Answer::Integer)
}

/// A sorted set of ten members.
pub(super) fn zset_of_ten() -> Op {
    let mut parts = vec!["ZADD", "#zst:"];
    let scores = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    parts.extend(
        scores
            .iter()
            .zip(TEN)
            .flat_map(|(score, member)| [*score, member]),
    );
    op("ZADD of 10", &parts, Answer::Integer)
}

fn scenes(options: &Options) -> Vec<Scene> {
    let keys = options.scaled(KEYS).max(100);
    let many = options.scaled(100_000).max(1000);
    vec![
        hashes(keys),
        lists(keys),
        sets(keys),
        sorted_sets(keys),
        large_sorted_set(many),
        large_tables(options.scaled(1_000_000).max(1000)),
        streams(many),
    ]
}

fn hashes(keys: u64) -> Scene {
    Scene {
        title: "hashes of 10 fields",
        fills: vec![(hash_of_ten(), keys)],
        rows: vec![
            row(
                op("HSET", &["HSET", "#hsh:", "field:5", "@"], Answer::Integer),
                keys,
                1,
            ),
            row(
                op("HGET", &["HGET", "#hsh:", "field:5"], Answer::Alike),
                keys,
                1,
            ),
            row(
                op("HGETALL of 10", &["HGETALL", "#hsh:"], Answer::Alike),
                keys,
                2,
            ),
        ],
    }
}

fn lists(keys: u64) -> Scene {
    Scene {
        title: "lists",
        fills: (0..10).map(|_| (list_of_ten(), keys)).collect(),
        rows: vec![
            row(
                op(
                    "LRANGE of 100",
                    &["LRANGE", "#lst:", "0", "99"],
                    Answer::Alike,
                ),
                keys,
                8,
            ),
            row(
                op("LPUSH", &["LPUSH", "#lst:", "@"], Answer::Integer),
                keys,
                1,
            ),
            row(op("RPOP", &["RPOP", "#lst:"], Answer::Alike), keys, 1),
        ],
    }
}

fn sets(keys: u64) -> Scene {
    Scene {
        title: "sets of 10 members",
        fills: vec![(set_of_ten(), keys)],
        rows: vec![
            row(
                op("SADD", &["SADD", "#set:", "field:5"], Answer::Integer),
                keys,
                1,
            ),
            row(
                op(
                    "SISMEMBER",
                    &["SISMEMBER", "#set:", "field:5"],
                    Answer::Integer,
                ),
                keys,
                1,
            ),
        ],
    }
}

fn sorted_sets(keys: u64) -> Scene {
    Scene {
        title: "sorted sets of 10 members",
        fills: vec![(zset_of_ten(), keys)],
        rows: vec![
            // First, while every score is still one digit.
            row(
                op(
                    "ZINCRBY",
                    &["ZINCRBY", "#zst:", "0", "field:5"],
                    Answer::Alike,
                ),
                keys,
                1,
            ),
            row(
                op(
                    "ZADD",
                    &["ZADD", "#zst:", "#0000", "field:5"],
                    Answer::Integer,
                ),
                keys,
                1,
            ),
        ],
    }
}

fn large_sorted_set(many: u64) -> Scene {
    Scene {
        title: "a sorted set of 100,000 members",
        fills: vec![(
            op("ZADD", &["ZADD", "big", "5", "#mem:"], Answer::Integer),
            many,
        )],
        rows: vec![
            row(
                op(
                    "ZADD big",
                    &["ZADD", "big", "#0000", "#mem:"],
                    Answer::Integer,
                ),
                many,
                2,
            ),
            row(
                op(
                    "ZRANGE of 100",
                    &["ZRANGE", "big", "0", "99"],
                    Answer::Alike,
                ),
                many,
                8,
            ),
            row(
                op("ZRANK big", &["ZRANK", "big", "#mem:"], Answer::Integer),
                many,
                2,
            ),
        ],
    }
}

fn large_tables(many: u64) -> Scene {
    let set = || op("SADD big", &["SADD", "bigset", "#mem:"], Answer::Integer);
    let hash = || {
        op(
            "HSET big",
            &["HSET", "bighash", "#fld:", "@"],
            Answer::Integer,
        )
    };
    Scene {
        title: "a hash and a set of a million elements",
        fills: vec![(hash(), many), (set(), many)],
        rows: vec![
            row(
                op("HGET big", &["HGET", "bighash", "#fld:"], Answer::Alike),
                many,
                1,
            ),
            row(hash(), many, 1),
            row(set(), many, 1),
            row(
                op(
                    "SISMEMBER big",
                    &["SISMEMBER", "bigset", "#mem:"],
                    Answer::Integer,
                ),
                many,
                1,
            ),
        ],
    }
}

fn streams(many: u64) -> Scene {
    Scene {
        title: "streams",
        fills: vec![
            (
                op(
                    "XGROUP",
                    &["XGROUP", "CREATE", "read", "g", "0", "MKSTREAM"],
                    Answer::Status,
                ),
                1,
            ),
            (
                op(
                    "XADD",
                    &["XADD", "read", "#0001", "field", "@"],
                    Answer::Alike,
                ),
                many * 10,
            ),
        ],
        rows: vec![
            row(
                op("XADD", &["XADD", "write", "*", "field", "@"], Answer::Text),
                many,
                1,
            ),
            row(
                op(
                    "XREADGROUP",
                    &[
                        "XREADGROUP",
                        "GROUP",
                        "g",
                        "c",
                        "COUNT",
                        "1",
                        "STREAMS",
                        "read",
                        ">",
                    ],
                    Answer::Alike,
                ),
                many,
                3,
            ),
        ],
    }
}

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let able = those(contenders, Kind::speaks_resp);
    let mut lines = Vec::new();
    let mut samples = serde_json::Map::new();
    for mut scene in scenes(options) {
        if let Some(pattern) = &options.rows {
            scene
                .rows
                .retain(|row| row.op.name.contains(pattern.as_str()));
        }
        if scene.rows.is_empty() {
            continue;
        }
        let mut found = vec![vec![Vec::new(); able.len()]; scene.rows.len()];
        for round in 0..options.rounds {
            eprintln!(
                "compare: types: {}: round {} of {}",
                scene.title,
                round + 1,
                options.rounds
            );
            scene.play(options, &able, round, &mut found)?;
        }
        for (row, values) in scene.rows.iter().zip(found) {
            lines.push(line(row, &values));
            samples.insert(row.op.name.into(), json!(values));
        }
    }
    let mut heads = columns("operation", &able, "µs");
    heads.extend(ratio_columns(&able));
    let table = Table {
        title: "Server CPU per operation on collections".into(),
        note: format!(
            "{} keys of each kind, {VALUE_BYTES}-byte values, pipeline {PIPELINE}, {} connections; CPU \
             time (user + system) of all server threads; {} rounds with fresh servers, {} samples \
             each, contenders taking turns. Medians; in brackets the middle half of the ratios.",
            options.scaled(KEYS).max(100),
            options.pipelined_connections,
            options.rounds,
            options.samples
        ),
        columns: heads,
        rows: lines,
    };
    Ok(Findings {
        name: "types",
        tables: vec![table],
        samples: json!(samples),
    })
}

fn line(row: &Row, values: &[Vec<f64>]) -> Vec<String> {
    let mut cells = vec![row.op.name.to_owned()];
    cells.extend(values.iter().map(|values| figure(median(values), 3)));
    cells.extend(
        values[1..]
            .iter()
            .map(|of| ratio(of, &values[0]).to_string()),
    );
    cells
}

impl Scene {
    /// One round: fresh servers for all, then row by row, taking turns sample by sample.
    fn play(
        &self,
        options: &Options,
        contenders: &[Contender],
        round: usize,
        found: &mut [Vec<Vec<f64>>],
    ) -> Result<()> {
        let mut servers = Vec::new();
        for contender in contenders {
            let server = Server::start(contender, &settings(options), &placement(options))?;
            for (op, count) in &self.fills {
                preload(&server, op, VALUE_BYTES, 0, *count)?;
            }
            servers.push(server);
        }
        for (index, row) in self.rows.iter().enumerate() {
            for turn in 0..options.samples * servers.len() {
                let who = (turn + turn / servers.len() + round) % servers.len();
                let sample = row.measure(options, &servers[who])?;
                found[index][who].push(sample);
            }
        }
        Ok(())
    }
}

impl Row {
    /// Microseconds of server CPU per operation.
    fn measure(&self, options: &Options, server: &Server) -> Result<f64> {
        let batches =
            (options.ops.unwrap_or(options.scaled(OPS)) / self.weight / PIPELINE as u64).max(1);
        let mut load = Load::connect(server, options.pipelined_connections)?;
        let make = |pipeline: usize| {
            let pick = Pick::uniform(self.keys);
            Batch::new(&self.op, server.speaks_resp, pipeline, VALUE_BYTES, pick)
        };
        let learnt = match self.op.answer {
            Answer::Alike => Some(load.learn(&mut make(1)?)?),
            _ => None,
        };
        let mut batch = make(PIPELINE)?;
        if let Some(replies) = learnt {
            batch.replies = replies;
        }
        let blame = |error| server.blame(error);
        load.run_strictly(&mut batch, batches / 10 + 1)
            .map_err(blame)?;
        let before_ns = server.cpu_ns()?;
        load.run_strictly(&mut batch, batches).map_err(blame)?;
        let used_ns = server.cpu_ns()? - before_ns;
        Ok(used_ns as f64 / 1000.0 / (batches * PIPELINE as u64) as f64)
    }
}
