//! The memory limit while the size of what is stored shifts.
//!
//! An allocator that keeps pages for one size cannot use them for the next: a server that only
//! counts what it stores then grows past its limit. An endless stream of new keys makes it
//! evict all the time; resident memory is sampled on the way.

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Settings};
use super::super::loadgen::Load;
use super::super::options::Options;
use super::super::report::{Findings, Table};
use super::super::request::{Batch, Op, Pick};
use super::super::server::Server;
use super::{placement, settings};

/// Sizes of the values, phase after phase.
const VALUE_BYTES: &[usize] = &[100, 1000, 300];
/// How often each phase writes the limit's worth of values.
const TURNOVERS: u64 = 4;
const PIPELINE: usize = 50;
const CONNECTIONS: usize = 8;
/// Batches between two looks at resident memory.
const BATCHES_PER_SAMPLE: u64 = 200;

/// One phase of one contender.
struct Phase {
    resident_bytes_max: u64,
    sets: u64,
    refused: u64,
}

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let limit_bytes = options.max_memory_mb << 20;
    let mut rows = Vec::new();
    let mut samples = Vec::new();
    let limited = contenders
        .iter()
        .filter(|contender| contender.kind.has_policies());
    for contender in limited {
        eprintln!("compare: shift: {}", contender.name);
        let phases = drive(options, contender, limit_bytes)?;
        let share = |bytes: u64| bytes as f64 / limit_bytes as f64;
        let max = phases
            .iter()
            .map(|phase| phase.resident_bytes_max)
            .max()
            .unwrap_or_default();
        let mut cells = vec![contender.name.clone()];
        cells.extend(
            phases
                .iter()
                .map(|phase| format!("{:.3}", share(phase.resident_bytes_max))),
        );
        cells.push(format!("**{:.3}**", share(max)));
        cells.push(
            phases
                .iter()
                .map(|phase| phase.sets)
                .sum::<u64>()
                .to_string(),
        );
        cells.push(
            phases
                .iter()
                .map(|phase| phase.refused)
                .sum::<u64>()
                .to_string(),
        );
        rows.push(cells);
        let maxima: Vec<_> = phases
            .iter()
            .map(|phase| phase.resident_bytes_max)
            .collect();
        samples.push(json!({ "contender": contender.name, "resident_bytes_max": maxima }));
    }
    let phases = VALUE_BYTES.iter().map(|bytes| format!("{bytes} B values"));
    let heads = ["server".to_owned()].into_iter().chain(phases);
    let tail = ["overall", "writes", "writes refused"].map(str::to_owned);
    let table = Table {
        title: format!(
            "Resident memory at a limit of {} MiB",
            options.max_memory_mb
        ),
        note: format!(
            "Largest VmRSS as a share of max_memory, policy {}, under a stream of SETs of new \
             16-byte keys whose values change size; each phase writes {TURNOVERS} times the \
             limit.",
            options.policy
        ),
        columns: heads.chain(tail).collect(),
        rows,
    };
    Ok(Findings {
        name: "shift",
        tables: vec![table],
        samples: json!(samples),
    })
}

fn drive(options: &Options, contender: &Contender, limit_bytes: u64) -> Result<Vec<Phase>> {
    let limited = Settings {
        max_memory_mb: Some(options.max_memory_mb),
        ..settings(options)
    };
    let server = Server::start(contender, &limited, &placement(options))?;
    let mut load = Load::connect(&server, CONNECTIONS)?;
    let mut next = 0;
    let mut phases = Vec::new();
    for &value_bytes in VALUE_BYTES {
        let pick = Pick::Sequence { next };
        let mut batch = Batch::new(&Op::set(), true, PIPELINE, value_bytes, pick)?;
        let sets = TURNOVERS * limit_bytes / value_bytes as u64;
        let mut phase = Phase {
            resident_bytes_max: 0,
            sets: 0,
            refused: 0,
        };
        while phase.sets < sets {
            phase.refused += load.run(&mut batch, BATCHES_PER_SAMPLE)?;
            phase.sets += BATCHES_PER_SAMPLE * PIPELINE as u64;
            phase.resident_bytes_max = phase.resident_bytes_max.max(server.resident_bytes()?);
        }
        next += phase.sets;
        phases.push(phase);
    }
    Ok(phases)
}
