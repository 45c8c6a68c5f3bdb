//! Server CPU time per operation.

use serde_json::json;

use super::super::Result;
use super::super::contender::Contender;
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table, figure, median, ratio};
use super::super::request::{Batch, Op, Pick};
use super::super::server::Server;
use super::{columns, placement, ratio_columns, settings};

/// An operation at a pipeline depth.
struct Row {
    op: Op,
    pipeline: usize,
    connections: usize,
    /// Operations per sample.
    ops: u64,
}

impl Row {
    fn name(&self) -> String {
        format!("{} P{}", self.op.name, self.pipeline)
    }

    fn batches(&self) -> u64 {
        (self.ops / self.pipeline as u64).max(1)
    }
}

/// The operations measured, with the weight of one in units of a GET: samples stay as long.
fn operations() -> Vec<(Op, u64)> {
    vec![
        (Op::get(), 1),
        (Op::set(), 1),
        (Op::incr(), 1),
        (Op::mget_of_10(), 5),
    ]
}

/// A server in its round, with the batch of each row.
struct Seat {
    server: Server,
    batches: Vec<Option<Batch>>,
}

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let rows = rows(options);
    // Microseconds per operation: by row, then contender, then sample.
    let mut samples = vec![vec![Vec::new(); contenders.len()]; rows.len()];
    for round in 0..options.rounds {
        eprintln!("compare: cpu: round {} of {}", round + 1, options.rounds);
        let mut seats = Vec::new();
        for contender in contenders {
            seats.push(Seat::new(contender, options, &rows)?);
        }
        for (index, row) in rows.iter().enumerate() {
            for sample in 0..options.samples {
                for turn in 0..seats.len() {
                    // Nobody is always first.
                    let who = (turn + sample + round) % seats.len();
                    let cost = seats[who].measure(index, row)?;
                    samples[index][who].push(cost);
                }
            }
        }
    }
    let names: Vec<_> = contenders.iter().map(|contender| &contender.name).collect();
    let by_row: serde_json::Map<_, _> = rows
        .iter()
        .zip(&samples)
        .map(|(row, samples)| (row.name(), json!(samples)))
        .collect();
    Ok(Findings {
        name: "cpu",
        tables: vec![table(options, contenders, &rows, &samples)],
        samples: json!({ "contenders": names, "us_per_op": by_row }),
    })
}

fn rows(options: &Options) -> Vec<Row> {
    let mut rows = Vec::new();
    for &pipeline in &options.pipelines {
        for (op, weight) in operations() {
            let (ops, connections) = match pipeline {
                1 => (200_000, options.connections),
                _ => (1_500_000, options.pipelined_connections),
            };
            let ops = options.ops.unwrap_or(options.scaled(ops) / weight);
            rows.push(Row {
                op,
                pipeline,
                connections,
                ops,
            });
        }
    }
    if let Some(pattern) = &options.rows {
        rows.retain(|row| row.name().contains(pattern.as_str()));
    }
    rows
}

impl Seat {
    fn new(contender: &Contender, options: &Options, rows: &[Row]) -> Result<Seat> {
        let server = Server::start(contender, &settings(options), &placement(options))?;
        preload(&server, &Op::set(), options.value_bytes, 0, options.keys)?;
        preload(
            &server,
            &Op::set_counter(),
            options.value_bytes,
            0,
            options.keys,
        )?;
        let batch = |row: &Row| {
            let pick = Pick::uniform(options.keys);
            Batch::new(
                &row.op,
                server.speaks_resp,
                row.pipeline,
                options.value_bytes,
                pick,
            )
            .ok()
        };
        let batches = rows.iter().map(batch).collect();
        Ok(Seat { server, batches })
    }

    /// Microseconds of server CPU per operation; NaN for what the server does not have.
    fn measure(&mut self, index: usize, row: &Row) -> Result<f64> {
        let Some(batch) = &mut self.batches[index] else {
            return Ok(f64::NAN);
        };
        let name = &self.server.name;
        let mut load = Load::connect(&self.server, row.connections)?;
        let mut go = |batches| {
            load.run_strictly(batch, batches)
                .map_err(|error| format!("{name}, {}: {error}", row.name()))
        };
        // The caches hold what the previous server left there.
        go(row.batches() / 10 + 1)?;
        let before_ns = self.server.cpu_ns()?;
        go(row.batches())?;
        let used_ns = self.server.cpu_ns()? - before_ns;
        let ops = row.batches() * row.pipeline as u64;
        Ok(used_ns as f64 / 1000.0 / ops as f64)
    }
}

fn table(
    options: &Options,
    contenders: &[Contender],
    rows: &[Row],
    samples: &[Vec<Vec<f64>>],
) -> Table {
    let mut heads = columns("operation", contenders, "µs");
    heads.extend(ratio_columns(contenders));
    let line = |(row, samples): (&Row, &Vec<Vec<f64>>)| {
        let mut cells = vec![row.name()];
        cells.extend(samples.iter().map(|values| figure(median(values), 3)));
        cells.extend(
            samples[1..]
                .iter()
                .map(|values| ratio(values, &samples[0]).to_string()),
        );
        cells
    };
    Table {
        title: "Server CPU per operation".into(),
        note: format!(
            "{} keys of 16 bytes, values of {} bytes, keys drawn uniformly; P is the pipeline \
             depth; {} connections without pipeline, {} with. CPU time (user + system) of all \
             server threads; {} rounds with fresh, preloaded servers, {} samples each, \
             contenders taking turns. Median; in brackets the middle half of the ratios.",
            options.keys,
            options.value_bytes,
            options.connections,
            options.pipelined_connections,
            options.rounds,
            options.samples
        ),
        columns: heads,
        rows: rows.iter().zip(samples).map(line).collect(),
    }
}
