//! What idle connections cost those that are not: server CPU per GET, with and without them.

use rustix::process::{Resource, getrlimit};
use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind};
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table, figure, median, ratio};
use super::super::request::{Batch, Op, Pick};
use super::super::server::Server;
use super::{placement, settings, those};

const IDLE: u64 = 50_000;
/// Files of a process that are not idle connections.
const OTHER_FILES: u64 = 500;
const PIPELINE: usize = 30;
const GETS: u64 = 600_000;

/// Microseconds per GET without idle connections, and with them.
type Samples = [Vec<f64>; 2];

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let idle = options.scaled(IDLE).min(files.saturating_sub(OTHER_FILES));
    let contenders = those(contenders, Kind::has_policies);
    let mut samples: Vec<Samples> = vec![Samples::default(); contenders.len()];
    for round in 0..options.rounds {
        eprintln!("compare: idle: round {} of {}", round + 1, options.rounds);
        for (contender, samples) in contenders.iter().zip(&mut samples) {
            measure(options, contender, idle, samples)?;
        }
    }
    let row = |(contender, [without, with]): (&Contender, &Samples)| {
        let ratio = ratio(with, without);
        vec![
            contender.name.clone(),
            figure(median(without), 3),
            figure(median(with), 3),
            format!(
                "**{:.3}** ({:.3}–{:.3})",
                ratio.median, ratio.low, ratio.high
            ),
        ]
    };
    let heads = ["server", "without, µs", "with, µs", "with / without"];
    Ok(Findings {
        name: "idle",
        tables: vec![Table {
            title: format!("Server CPU per GET beside {idle} idle connections"),
            note: format!(
                "{} keys, values of {} bytes, pipeline {PIPELINE}, {} connections that are not \
                 idle; samples before the idle ones come, while they are there, and after they have \
                 gone. {IDLE} idle connections where a process may have as many files.",
                options.keys, options.value_bytes, options.pipelined_connections
            ),
            columns: heads.map(str::to_owned).to_vec(),
            rows: contenders.iter().zip(&samples).map(row).collect(),
        }],
        samples: json!(samples),
    })
}

fn measure(
    options: &Options,
    contender: &Contender,
    idle: u64,
    [without, with]: &mut Samples,
) -> Result<()> {
    let server = Server::start(contender, &settings(options), &placement(options))?;
    preload(&server, &Op::set(), options.value_bytes, 0, options.keys)?;
    let mut load = Load::connect(&server, options.pipelined_connections)?;
    let allowed = (idle + OTHER_FILES / 2).to_string();
    load.one_each(&[(&["CONFIG", "SET", "maxclients", &allowed], "+OK")])?;
    let pick = Pick::uniform(options.keys);
    let mut batch = Batch::new(&Op::get(), true, PIPELINE, options.value_bytes, pick)?;
    let batches = (options.ops.unwrap_or(options.scaled(GETS)) / PIPELINE as u64).max(1);
    load.run_strictly(&mut batch, batches / 5 + 1)?;
    let mut take = |samples: &mut Vec<f64>, count: usize| -> Result<()> {
        for _ in 0..count {
            let before_ns = server.cpu_ns()?;
            load.run_strictly(&mut batch, batches)?;
            let gets = batches * PIPELINE as u64;
            samples.push((server.cpu_ns()? - before_ns) as f64 / 1000.0 / gets as f64);
        }
        Ok(())
    };
    take(without, options.samples)?;
    let mut crowd = Load::connect_many(&server, idle as usize).map_err(|e| server.blame(e))?;
    crowd.ping().map_err(|error| server.blame(error))?;
    take(with, 2 * options.samples)?;
    drop(crowd);
    // The first sample has what their leaving costs.
    take(&mut Vec::new(), 1)?;
    take(without, options.samples)
}
