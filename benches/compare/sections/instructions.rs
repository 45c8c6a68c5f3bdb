//! User instructions per operation, counted by callgrind.
//!
//! Instruction counts do not depend on what else the machine does. Two fresh servers serve the
//! same preload and then a small and a large number of operations: start, preload and end
//! cancel out in the difference.

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind};
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table};
use super::super::request::{Answer, Batch, Op, Pick};
use super::super::server::{Placement, Server};
use super::types::{hash_of_ten, list_of_ten, op, zset_of_ten};
use super::{columns, placement, ratio_columns, settings, those};

const KEYS: u64 = 100_000;
/// Bytes of a field's value or an element.
const COLLECTED_BYTES: usize = 16;
/// Hashes, lists, ….
const COLLECTIONS: u64 = 10_000;
const FEW: u64 = 30_000;
const MANY: u64 = 150_000;
const PIPELINE: usize = 30;
const CONNECTIONS: usize = 4;

/// An operation, and what is stored before it is counted: `fill` for so many keys. Asked by a user
/// with these rules, if there are any.
struct Case {
    op: Op,
    fill: Op,
    keys: u64,
    rules: String,
}

fn cases(options: &Options) -> Vec<Case> {
    let (keys, few) = (options.scaled(KEYS), options.scaled(COLLECTIONS));
    let case = |op, fill, keys| Case {
        op,
        fill,
        keys,
        rules: String::new(),
    };
    let get_by = |name, rules| Case {
        rules,
        ..case(Op { name, ..Op::get() }, Op::set(), keys)
    };
    let [_, one, ten] = super::acl::users(keys);
    let integer = |name, parts: &[&'static str]| op(name, parts, Answer::Integer);
    let alike = |name, parts: &[&'static str]| op(name, parts, Answer::Alike);
    let hset = integer("HSET", &["HSET", "#hsh:", "field:5", "@"]);
    let hget = alike("HGET", &["HGET", "#hsh:", "field:5"]);
    let hgetall = alike("HGETALL of 10", &["HGETALL", "#hsh:"]);
    let zadd = integer("ZADD", &["ZADD", "#zst:", "5", "field:5"]);
    let lpush = integer("LPUSH", &["LPUSH", "#lst:", "@"]);
    let rpop = alike("RPOP", &["RPOP", "#lst:"]);
    let xadd = alike("XADD", &["XADD", "#str:", "*", "field", "@"]);
    vec![
        case(Op::get(), Op::set(), keys),
        get_by("GET by a user of 20 patterns", one.2),
        get_by("GET by a user of 20 patterns, ten of keys", ten.2),
        case(Op::set(), Op::set(), keys),
        case(Op::incr(), Op::set_counter(), keys),
        case(Op::mget_of_10(), Op::set(), keys),
        case(hset, hash_of_ten(), few),
        case(hget, hash_of_ten(), few),
        case(hgetall, hash_of_ten(), few),
        case(zadd, zset_of_ten(), few),
        case(lpush, list_of_ten(), few),
        // As many elements as are taken.
        case(rpop, list_of_ten(), 10 * few),
        case(xadd.clone(), xadd, few),
    ]
}

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let able = those(contenders, Kind::speaks_resp);
    let contenders = &able[..];
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    let mut cases = cases(options);
    if let Some(pattern) = &options.rows {
        cases.retain(|case| case.op.name.contains(pattern.as_str()));
    }
    for case in &cases {
        let op = &case.op;
        let mut counts = Vec::new();
        for contender in contenders {
            eprintln!("compare: instructions: {}, {}", op.name, contender.name);
            let few = options.scaled(FEW) / PIPELINE as u64;
            let many = options.scaled(MANY) / PIPELINE as u64;
            let count = |batches| instructions(options, contender, case, batches);
            let (less, more) = (count(few)? as f64, count(many)? as f64);
            counts.push((more - less) / ((many - few) * PIPELINE as u64) as f64);
        }
        let mut cells = vec![format!("{} P{PIPELINE}", op.name)];
        cells.extend(counts.iter().map(|count| format!("{count:.0}")));
        cells.extend(
            counts[1..]
                .iter()
                .map(|count| format!("**{:.2}**", count / counts[0])),
        );
        rows.push(cells);
        samples.push(json!({ "op": op.name, "instructions": counts }));
    }
    let mut heads = columns("operation", contenders, "");
    heads.extend(ratio_columns(contenders));
    let table = Table {
        title: "User instructions per operation".into(),
        note: format!(
            "callgrind, all threads, the difference between {} and {} operations on {} preloaded \
             keys with values of {} bytes ({} collections with ten), {CONNECTIONS} connections.",
            options.scaled(MANY),
            options.scaled(FEW),
            options.scaled(KEYS),
            options.value_bytes,
            options.scaled(COLLECTIONS)
        ),
        columns: heads,
        rows,
    };
    Ok(Findings {
        name: "instructions",
        tables: vec![table],
        samples: json!(samples),
    })
}

/// Instructions of a server's whole life with `batches` batches of `op` in it.
fn instructions(
    options: &Options,
    contender: &Contender,
    case: &Case,
    batches: u64,
) -> Result<u64> {
    let Case {
        op,
        fill,
        keys,
        rules,
    } = case;
    let valgrind = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=callgrind.out",
    ];
    let wrapper = valgrind.map(Into::into).to_vec();
    let placement = Placement {
        wrapper,
        ..placement(options)
    };
    // The size of a plain value, or of a field's and an element's.
    let value_bytes = match op.answer {
        Answer::Status | Answer::Value | Answer::Values(_) => options.value_bytes,
        Answer::Integer | Answer::Text | Answer::Alike => COLLECTED_BYTES,
    };
    let server = Server::start(contender, &settings(options), &placement)?;
    preload(&server, fill, value_bytes, 0, *keys)?;
    let mut load = Load::connect_as(&server, CONNECTIONS, ("somebody", rules))?;
    let make = |pipeline| {
        let pick = Pick::uniform(*keys);
        Batch::new(op, server.speaks_resp, pipeline, value_bytes, pick)
    };
    let mut batch = make(PIPELINE)?;
    if let Answer::Alike = op.answer {
        batch.replies = load.learn(&mut make(1)?)?;
    }
    load.run_strictly(&mut batch, batches)?;
    let log = server.stop()?;
    let collected = log.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.ok_or_else(|| format!("callgrind says no total:\n{log}"))?;
    Ok(count.trim().parse()?)
}
