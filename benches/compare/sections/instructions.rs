//! User instructions per operation, counted by callgrind.
//!
//! Instruction counts do not depend on what else the machine does. Two fresh servers serve the
//! same preload and then a small and a large number of operations: start, preload and end
//! cancel out in the difference.

use serde_json::json;

use super::super::Result;
use super::super::contender::Contender;
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table};
use super::super::request::{Batch, Op, Pick};
use super::super::server::{Placement, Server};
use super::{columns, placement, ratio_columns, settings};

const KEYS: u64 = 100_000;
const FEW: u64 = 30_000;
const MANY: u64 = 150_000;
const PIPELINE: usize = 30;
const CONNECTIONS: usize = 4;

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    for op in [Op::get(), Op::set()] {
        let mut counts = Vec::new();
        for contender in contenders {
            eprintln!("compare: instructions: {}, {}", op.name, contender.name);
            let few = options.scaled(FEW) / PIPELINE as u64;
            let many = options.scaled(MANY) / PIPELINE as u64;
            let less = instructions(options, contender, &op, few)? as f64;
            let more = instructions(options, contender, &op, many)? as f64;
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
             keys with values of {} bytes, {CONNECTIONS} connections.",
            options.scaled(MANY),
            options.scaled(FEW),
            options.scaled(KEYS),
            options.value_bytes
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
fn instructions(options: &Options, contender: &Contender, op: &Op, batches: u64) -> Result<u64> {
    let keys = options.scaled(KEYS);
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
    let server = Server::start(contender, &settings(options), &placement)?;
    preload(&server, &Op::set(), options.value_bytes, 0, keys)?;
    let pick = Pick::uniform(keys);
    let mut batch = Batch::new(op, server.speaks_resp, PIPELINE, options.value_bytes, pick)?;
    Load::connect(&server, CONNECTIONS)?.run_strictly(&mut batch, batches)?;
    let log = server.stop()?;
    let collected = log.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.ok_or_else(|| format!("callgrind says no total:\n{log}"))?;
    Ok(count.trim().parse()?)
}
