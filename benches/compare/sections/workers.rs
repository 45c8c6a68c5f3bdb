//! Whether a second worker thread costs anything, and what two of them deliver.
//!
//! Server and load share both cores here, as they do on a small machine: two load threads, and
//! servers with one and with two threads.

use std::thread;
use std::time::Instant;

use serde_json::json;

use super::super::Result;
use super::super::contender::{Contender, Settings};
use super::super::loadgen::{Load, preload};
use super::super::machine::pin_this_thread;
use super::super::options::Options;
use super::super::report::{Findings, Table, median};
use super::super::request::{Batch, Op, Pick};
use super::super::server::{Placement, Server};
use super::{placement, settings};

const PIPELINE: usize = 30;
const OPS_PER_THREAD: u64 = 2_000_000;
pub(super) const WORKERS: [usize; 2] = [1, 2];
pub(super) const LOAD_THREADS: u64 = 2;

/// What one sample measured.
pub(super) struct Sample {
    pub(super) cpu_us_per_op: f64,
    pub(super) ops_per_second: f64,
}

/// What every load thread does.
pub(super) struct Work {
    pub(super) op: Op,
    pub(super) pipeline: usize,
    /// Connections of each thread.
    pub(super) connections: usize,
    pub(super) ops_per_thread: u64,
    pub(super) keys: u64,
    pub(super) value_bytes: usize,
    /// What it needs to be there.
    pub(super) prepare: fn(&Server, &Options) -> Result<()>,
}

fn gets(options: &Options) -> Work {
    Work {
        op: Op::get(),
        pipeline: PIPELINE,
        connections: options.pipelined_connections,
        ops_per_thread: OPS_PER_THREAD,
        keys: options.keys,
        value_bytes: options.value_bytes,
        prepare: |server, options| {
            preload(server, &Op::set(), options.value_bytes, 0, options.keys)
        },
    }
}

pub(super) fn run(options: &Options, contenders: &[Contender]) -> Result<Findings> {
    let work = gets(options);
    let variants: Vec<_> = contenders
        .iter()
        .flat_map(|c| WORKERS.map(|workers| (c, workers)))
        .collect();
    let mut samples: Vec<Vec<Sample>> = variants.iter().map(|_| Vec::new()).collect();
    for round in 0..options.rounds {
        eprintln!(
            "compare: workers: round {} of {}",
            round + 1,
            options.rounds
        );
        for ((contender, workers), samples) in variants.iter().zip(&mut samples) {
            samples.push(work.measure(options, contender, *workers)?);
        }
    }
    let mut rows = Vec::new();
    let mut baseline_rate = f64::NAN;
    for ((contender, workers), samples) in variants.iter().zip(&samples) {
        let cost = median(&samples.iter().map(|s| s.cpu_us_per_op).collect::<Vec<_>>());
        let rate = median(&samples.iter().map(|s| s.ops_per_second).collect::<Vec<_>>());
        if rows.is_empty() {
            baseline_rate = rate;
        }
        rows.push(vec![
            contender.name.clone(),
            workers.to_string(),
            format!("{cost:.3}"),
            format!("{:.2}", rate / 1e6),
            format!("**{:.2}**", rate / baseline_rate),
        ]);
    }
    let heads = [
        "server",
        "threads",
        "CPU per GET, µs",
        "M GET/s",
        "to the first",
    ];
    let table = Table {
        title: "One and two server threads".into(),
        note: format!(
            "GET at pipeline {PIPELINE}, {} keys, {}-byte values, {LOAD_THREADS} load threads \
             with {} connections each on the same two cores as the server. Throughput includes \
             what the load costs. Medians of {} rounds.",
            options.keys, options.value_bytes, options.pipelined_connections, options.rounds
        ),
        columns: heads.map(str::to_owned).to_vec(),
        rows,
    };
    let raw = variants
        .iter()
        .zip(&samples)
        .map(|((contender, workers), samples)| {
            let us: Vec<_> = samples.iter().map(|s| s.cpu_us_per_op).collect();
            let rates: Vec<_> = samples.iter().map(|s| s.ops_per_second).collect();
            json!({ "contender": contender.name, "workers": workers, "us": us, "ops_s": rates })
        });
    let samples = json!(raw.collect::<Vec<_>>());
    Ok(Findings {
        name: "workers",
        tables: vec![table],
        samples,
    })
}

impl Work {
    /// Drives a fresh server with so many workers from all its cores.
    pub(super) fn measure(
        &self,
        options: &Options,
        contender: &Contender,
        workers: usize,
    ) -> Result<Sample> {
        let settings = Settings {
            workers,
            ..settings(options)
        };
        let cores = format!("{},{}", options.server_core, options.load_core);
        let placement = Placement {
            cores: cores.clone(),
            ..placement(options)
        };
        let server = Server::start(contender, &settings, &placement)?;
        (self.prepare)(&server, options)?;
        let batches = options.scaled(self.ops_per_thread) / self.pipeline as u64;
        self.drive(&server, &cores, batches / 10)?;
        let (started_at, before_ns) = (Instant::now(), server.cpu_ns()?);
        self.drive(&server, &cores, batches)?;
        let elapsed = started_at.elapsed().as_secs_f64();
        let used_ns = server.cpu_ns()? - before_ns;
        let ops = (batches * LOAD_THREADS * self.pipeline as u64) as f64;
        Ok(Sample {
            cpu_us_per_op: used_ns as f64 / 1000.0 / ops,
            ops_per_second: ops / elapsed,
        })
    }

    /// Every load thread sends so many batches.
    fn drive(&self, server: &Server, cores: &str, batches: u64) -> Result<()> {
        thread::scope(|scope| {
            let one = |index: u64| -> std::result::Result<(), String> {
                pin_this_thread(cores).map_err(|error| error.to_string())?;
                let pick = Pick::Uniform {
                    keys: self.keys,
                    state: index + 1,
                };
                let (resp, size) = (server.speaks_resp, self.value_bytes);
                Batch::new(&self.op, resp, self.pipeline, size, pick)
                    .and_then(|mut batch| {
                        Load::connect(server, self.connections)?.run_strictly(&mut batch, batches)
                    })
                    .map_err(|error| error.to_string())
            };
            let threads: Vec<_> = (0..LOAD_THREADS)
                .map(|index| scope.spawn(move || one(index)))
                .collect();
            for thread in threads {
                thread.join().map_err(|_| "a load thread panicked")??;
            }
            Ok(())
        })
    }
}
