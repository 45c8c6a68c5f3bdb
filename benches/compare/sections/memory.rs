//! Resident memory per key.
//!
//! Tables grow in steps, so a single number of keys flatters or slanders; the figure is the
//! mean over four numbers of keys spread over a doubling.

use serde_json::json;

use super::super::Result;
use super::super::contender::Contender;
use super::super::loadgen::preload;
use super::super::options::Options;
use super::super::report::{Findings, Table};
use super::super::request::Op;
use super::super::server::Server;
use super::{columns, placement, ratio_columns, settings};

const VALUE_BYTES: &[usize] = &[8, 32, 64, 100, 256, 1024];
const KEYS: &[u64] = &[1_000_000, 1_250_000, 1_500_000, 1_750_000];

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let mut tables = Vec::new();
    let mut samples = Vec::new();
    for (title, op) in [("without TTL", Op::set()), ("with TTL", Op::set_with_ttl())] {
        let mut rows = Vec::new();
        for &value_bytes in VALUE_BYTES {
            eprintln!("compare: memory: {value_bytes} bytes {title}");
            let mut means = Vec::new();
            for contender in contenders {
                let growth = growth_per_key(options, contender, &op, value_bytes)?;
                means.push(growth.iter().sum::<f64>() / growth.len() as f64);
                samples.push(json!({
                    "contender": contender.name, "ttl": title, "value_bytes": value_bytes,
                    "bytes_per_key": growth,
                }));
            }
            rows.push(row(value_bytes, &means));
        }
        tables.push(table(options, contenders, title, rows));
    }
    Ok(Findings {
        name: "memory",
        tables,
        samples: json!(samples),
    })
}

/// Bytes of resident growth per key, once for each number of keys.
fn growth_per_key(
    options: &Options,
    contender: &Contender,
    op: &Op,
    value_bytes: usize,
) -> Result<Vec<f64>> {
    let server = Server::start(contender, &settings(options), &placement(options))?;
    let empty = server.settled_resident_bytes()?;
    let mut loaded = 0;
    let mut growth = Vec::new();
    for keys in counts(options) {
        preload(&server, op, value_bytes, loaded, keys)?;
        loaded = keys;
        let now = server.settled_resident_bytes()?;
        growth.push((now as f64 - empty as f64) / keys as f64);
    }
    Ok(growth)
}

/// The numbers of keys, only one in a quick run.
fn counts(options: &Options) -> Vec<u64> {
    let taken = if options.quick { 1 } else { KEYS.len() };
    KEYS[..taken]
        .iter()
        .map(|&keys| options.scaled(keys))
        .collect()
}

fn row(value_bytes: usize, means: &[f64]) -> Vec<String> {
    let mut cells = vec![format!("{value_bytes} B")];
    cells.extend(means.iter().map(|mean| format!("{mean:.1}")));
    cells.extend(
        means[1..]
            .iter()
            .map(|mean| format!("**{:.2}**", mean / means[0])),
    );
    cells
}

fn table(
    options: &Options,
    contenders: &[Contender],
    title: &str,
    rows: Vec<Vec<String>>,
) -> Table {
    let mut heads = columns("value", contenders, "bytes");
    heads.extend(ratio_columns(contenders));
    let counts: Vec<_> = KEYS
        .iter()
        .map(|&keys| options.scaled(keys).to_string())
        .collect();
    Table {
        title: format!("Resident memory per key, {title}"),
        note: format!(
            "Growth of VmRSS from the empty server, per key; keys of 16 bytes; mean over {} keys.",
            counts.join(", ")
        ),
        columns: heads,
        rows,
    }
}
