//! Resident memory of collections: many small ones, and one large one.

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind};
use super::super::loadgen::preload;
use super::super::options::Options;
use super::super::report::{Findings, Table};
use super::super::request::{Answer, Op};
use super::super::server::Server;
use super::types::{hash_of_ten, list_of_ten, op, set_of_ten, zset_of_ten};
use super::{columns, placement, ratio_columns, settings, those};

const SMALL: u64 = 100_000;
const LARGE: u64 = 1_000_000;
const VALUE_BYTES: usize = 16;

/// What is stored: its name, the operation, and for how many numbers.
fn cases() -> Vec<(&'static str, Op, u64)> {
    use Answer::{Alike, Integer};
    let integers = [
        "SADD", "#set:", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10",
    ];
    vec![
        ("hashes of 10", hash_of_ten(), SMALL),
        ("lists of 10", list_of_ten(), SMALL),
        ("sets of 10 integers", op("SADD", &integers, Integer), SMALL),
        ("sets of 10 texts", set_of_ten(), SMALL),
        ("sorted sets of 10", zset_of_ten(), SMALL),
        (
            "a hash",
            op("HSET", &["HSET", "big", "#fld:", "@"], Integer),
            LARGE,
        ),
        (
            "a list",
            op("RPUSH", &["RPUSH", "big", "@"], Integer),
            LARGE,
        ),
        (
            "a set of integers",
            op("SADD", &["SADD", "big", "#1000"], Integer),
            LARGE,
        ),
        (
            "a set of texts",
            op("SADD", &["SADD", "big", "#mem:"], Integer),
            LARGE,
        ),
        (
            "a sorted set",
            op("ZADD", &["ZADD", "big", "#0000", "#mem:"], Integer),
            LARGE,
        ),
        (
            "a stream",
            op("XADD", &["XADD", "big", "#0001", "field", "@"], Alike),
            LARGE,
        ),
    ]
}

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let able = those(contenders, Kind::speaks_resp);
    let (mut rows, mut samples) = (Vec::new(), Vec::new());
    for (name, op, count) in cases() {
        if options
            .rows
            .as_ref()
            .is_some_and(|pattern| !name.contains(pattern.as_str()))
        {
            continue;
        }
        eprintln!("compare: types-memory: {name}");
        let count = options.scaled(count);
        let mut grown = Vec::new();
        for contender in &able {
            grown.push(growth(options, contender, &op, count)?);
        }
        samples.push(json!({ "what": name, "bytes": grown }));
        let per_element = |bytes: &f64| format!("{:.1}", bytes / count as f64);
        let mut cells = vec![format!("{count} × {name}")];
        cells.extend(grown.iter().map(per_element));
        cells.extend(
            grown[1..]
                .iter()
                .map(|bytes| format!("**{:.2}**", bytes / grown[0])),
        );
        rows.push(cells);
    }
    let mut heads = columns("stored", &able, "bytes");
    heads.extend(ratio_columns(&able));
    let table = Table {
        title: "Resident memory of collections".into(),
        note: format!(
            "Growth of VmRSS from the empty server, per collection of ten or per element of a large \
             one; values and elements of {VALUE_BYTES} bytes."
        ),
        columns: heads,
        rows,
    };
    Ok(Findings {
        name: "types-memory",
        tables: vec![table],
        samples: json!(samples),
    })
}

/// Bytes of resident growth.
fn growth(options: &Options, contender: &Contender, op: &Op, count: u64) -> Result<f64> {
    let server = Server::start(contender, &settings(options), &placement(options))?;
    let empty = server.settled_resident_bytes()?;
    preload(&server, op, VALUE_BYTES, 0, count)?;
    let now = server.settled_resident_bytes()?;
    Ok(now as f64 - empty as f64)
}
