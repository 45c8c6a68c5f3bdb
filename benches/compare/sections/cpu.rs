//! Server CPU time per operation.
//!
//! A new row is one line in the workload it belongs to; a new operation is a function in
//! `request.rs`.

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Kind, Settings};
use super::super::loadgen::{Load, preload};
use super::super::options::Options;
use super::super::report::{Findings, Table, figure, median, ratio};
use super::super::request::{Batch, Op, Pick};
use super::super::server::Server;
use super::super::tls::Certificate;
use super::{columns, placement, ratio_columns, settings, those};

/// Rows measured on the same servers: same keys, same values, same kind of connection.
struct Workload {
    section: &'static str,
    title: &'static str,
    keys: u64,
    value_bytes: usize,
    encrypted: bool,
    rows: Vec<Row>,
}

/// An operation at a pipeline depth.
struct Row {
    op: Op,
    pipeline: usize,
    connections: usize,
    /// Operations per sample.
    ops: u64,
}

/// Microseconds per operation: by row, then contender, then sample.
type Samples = Vec<Vec<Vec<f64>>>;

/// The everyday operations on values of one size.
pub(super) fn everyday(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    // With each operation, its weight in GETs, so that all samples last about as long.
    let operations = [
        (Op::get(), 1),
        (Op::set(), 1),
        (Op::incr(), 1),
        (Op::mget_of_10(), 5),
    ];
    let mut rows = Vec::new();
    for &pipeline in &options.pipelines {
        rows.extend(
            operations
                .iter()
                .map(|(op, weight)| row(options, op, pipeline, *weight)),
        );
    }
    let workload = Workload {
        section: "cpu",
        title: "Server CPU per operation",
        keys: options.keys,
        value_bytes: options.value_bytes,
        encrypted: false,
        rows,
    };
    workload.run(options, contenders)
}

/// More keys than the caches hold: whether lookups wait for memory one after the other.
pub(super) fn many_keys(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let workload = Workload {
        section: "many",
        title: "Server CPU per operation, many small keys",
        keys: options.scaled(4_000_000),
        value_bytes: 32,
        encrypted: false,
        rows: vec![
            row(options, &Op::get(), 64, 1),
            row(options, &Op::set(), 64, 1),
        ],
    };
    workload.run(options, contenders)
}

/// Values of 64 KiB: whether they are copied on their way.
pub(super) fn large_values(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    large(
        options,
        contenders,
        "large",
        "Server CPU per operation, 64 KiB values",
        64 << 10,
        20,
    )
}

/// Values of 1 MiB.
pub(super) fn huge_values(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    large(
        options,
        contenders,
        "huge",
        "Server CPU per operation, 1 MiB values",
        1 << 20,
        150,
    )
}

/// Bitmaps of 4 KiB.
pub(super) fn bitmaps(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let operations = [Op::setbit(), Op::getbit(), Op::bitcount()];
    let workload = Workload {
        section: "bitmap",
        title: "Server CPU per operation, bitmaps of 4 KiB",
        keys: options.scaled(100_000),
        value_bytes: 4096,
        encrypted: false,
        rows: operations.map(|op| row(options, &op, 30, 1)).into(),
    };
    workload.run(options, contenders)
}

/// HyperLogLogs that grow from nothing while elements are added; then they are counted.
pub(super) fn hyperloglogs(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let operations = [Op::pfadd(), Op::pfcount()];
    let workload = Workload {
        section: "hyperloglog",
        title: "Server CPU per operation, HyperLogLogs",
        keys: options.scaled(10_000),
        value_bytes: 32,
        encrypted: false,
        rows: operations.map(|op| row(options, &op, 30, 1)).into(),
    };
    workload.run(options, contenders)
}

fn large(
    options: &Options,
    contenders: &[Contender],
    section: &'static str,
    title: &'static str,
    value_bytes: usize,
    weight: u64,
) -> Result<Findings> {
    let rows = [Op::get(), Op::set()].map(|op| {
        let connections = options.connections.min(8);
        Row {
            connections,
            ..row(options, &op, 1, weight)
        }
    });
    let workload = Workload {
        section,
        title,
        keys: options.scaled(((1 << 29) / value_bytes) as u64),
        value_bytes,
        encrypted: false,
        rows: rows.into(),
    };
    workload.run(options, contenders)
}

/// The same over TLS.
pub(super) fn encrypted(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let workload = Workload {
        section: "tls",
        title: "Server CPU per operation over TLS 1.3",
        keys: options.keys,
        value_bytes: options.value_bytes,
        encrypted: true,
        rows: vec![
            row(options, &Op::get(), 1, 2),
            row(options, &Op::get(), 30, 2),
            row(options, &Op::set(), 30, 2),
        ],
    };
    let able = those(contenders, Kind::speaks_resp);
    workload.run(options, &able)
}

fn row(options: &Options, op: &Op, pipeline: usize, weight: u64) -> Row {
    let (ops, connections) = match pipeline {
        1 => (60_000, options.connections),
        _ => (600_000, options.pipelined_connections),
    };
    let ops = options.ops.unwrap_or(options.scaled(ops) / weight);
    Row {
        op: op.clone(),
        pipeline,
        connections,
        ops,
    }
}

impl Row {
    fn name(&self) -> String {
        format!("{} P{}", self.op.name, self.pipeline)
    }

    fn batches(&self) -> u64 {
        (self.ops / self.pipeline as u64).max(1)
    }
}

impl Workload {
    fn run(mut self, options: &Options, contenders: &[Contender]) -> Result<Findings> {
        if let Some(pattern) = &options.rows {
            self.rows
                .retain(|row| row.name().contains(pattern.as_str()));
        }
        let directory = tempfile::tempdir()?;
        let certificate = match self.encrypted {
            true => Some(Certificate::generate(directory.path())?),
            false => None,
        };
        let settings = Settings {
            certificate,
            ..settings(options)
        };
        let mut samples = vec![vec![Vec::new(); contenders.len()]; self.rows.len()];
        for round in 0..options.rounds {
            eprintln!(
                "compare: {}: round {} of {}",
                self.section,
                round + 1,
                options.rounds
            );
            let mut seats = self.seats(options, contenders, &settings, round)?;
            self.play(options, round, &mut seats, &mut samples)?;
        }
        let names: Vec<_> = contenders.iter().map(|contender| &contender.name).collect();
        let by_row = self.rows.iter().zip(&samples);
        let by_row: serde_json::Map<_, _> = by_row
            .map(|(row, samples)| (row.name(), json!(samples)))
            .collect();
        Ok(Findings {
            name: self.section,
            tables: vec![self.table(options, contenders, &samples)],
            samples: json!({ "contenders": names, "us_per_op": by_row }),
        })
    }

    /// Fresh servers for all; the memory a machine hands out first may be better or worse, so
    /// each round begins with another one.
    fn seats(
        &self,
        options: &Options,
        contenders: &[Contender],
        settings: &Settings,
        round: usize,
    ) -> Result<Vec<Seat>> {
        let mut seats = Vec::new();
        for turn in 0..contenders.len() {
            let contender = &contenders[(turn + round) % contenders.len()];
            seats.push(self.seat(options, contender, settings)?);
        }
        seats.rotate_right(round % contenders.len());
        Ok(seats)
    }

    /// A fresh, preloaded server and the batch of each row.
    fn seat(&self, options: &Options, contender: &Contender, settings: &Settings) -> Result<Seat> {
        let server = Server::start(contender, settings, &placement(options))?;
        preload(&server, &Op::set(), self.value_bytes, 0, self.keys)?;
        let batch = |row: &Row| {
            let pick = Pick::uniform(self.keys);
            Batch::new(
                &row.op,
                server.speaks_resp,
                row.pipeline,
                self.value_bytes,
                pick,
            )
            .ok()
        };
        let batches = self.rows.iter().map(batch).collect();
        Ok(Seat {
            server,
            batches,
            encrypted: self.encrypted,
        })
    }

    /// One round: row by row, the contenders taking turns sample by sample.
    ///
    /// Rows on counters come last: their keys would make the table larger for the others.
    fn play(
        &self,
        options: &Options,
        round: usize,
        seats: &mut [Seat],
        samples: &mut Samples,
    ) -> Result<()> {
        let (counting, plain): (Vec<_>, Vec<_>) = self
            .rows
            .iter()
            .enumerate()
            .partition(|(_, row)| row.op.counts());
        let mut all = |rows: &[(usize, &Row)], seats: &mut [Seat]| -> Result<()> {
            for &(index, row) in rows {
                for turn in 0..options.samples * seats.len() {
                    // Nobody is always first.
                    let who = (turn + turn / seats.len() + round) % seats.len();
                    samples[index][who].push(seats[who].measure(index, row)?);
                }
            }
            Ok(())
        };
        all(&plain, seats)?;
        if counting.is_empty() {
            return Ok(());
        }
        for seat in &*seats {
            preload(
                &seat.server,
                &Op::set_counter(),
                self.value_bytes,
                0,
                self.keys,
            )?;
        }
        all(&counting, seats)
    }

    fn table(&self, options: &Options, contenders: &[Contender], samples: &Samples) -> Table {
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
        let connections = |row: &Row| format!("{} at P{}", row.connections, row.pipeline);
        let mut connections: Vec<_> = self.rows.iter().map(connections).collect();
        connections.dedup();
        Table {
            title: self.title.into(),
            note: format!(
                "{} keys of 16 bytes, values of {} bytes, keys drawn uniformly; P is the \
                 pipeline depth; connections: {}. CPU time (user + system) of all server \
                 threads; {} rounds with fresh, preloaded servers, {} samples each, contenders \
                 taking turns. Medians; in brackets the middle half of the ratios.",
                self.keys,
                self.value_bytes,
                connections.join(", "),
                options.rounds,
                options.samples
            ),
            columns: heads,
            rows: self.rows.iter().zip(samples).map(line).collect(),
        }
    }
}

/// A contender's server in its round.
struct Seat {
    server: Server,
    /// The requests of each row; `None` where the server has no such operation.
    batches: Vec<Option<Batch>>,
    encrypted: bool,
}

impl Seat {
    /// Microseconds of server CPU per operation; NaN for what the server does not have.
    fn measure(&mut self, index: usize, row: &Row) -> Result<f64> {
        let Some(batch) = &mut self.batches[index] else {
            return Ok(f64::NAN);
        };
        let connect = if self.encrypted {
            Load::connect_tls
        } else {
            Load::connect
        };
        let mut load = connect(&self.server, row.connections)?;
        let server = &self.server;
        let mut go = |batches| {
            load.run_strictly(batch, batches)
                .map_err(|error| server.blame(error))
        };
        // The caches hold what the previous server left there, and connections are new.
        go(row.batches() / 10 + row.connections as u64)?;
        let before_ns = self.server.cpu_ns()?;
        go(row.batches())?;
        let used_ns = self.server.cpu_ns()? - before_ns;
        let ops = row.batches() * row.pipeline as u64;
        Ok(used_ns as f64 / 1000.0 / ops as f64)
    }
}
