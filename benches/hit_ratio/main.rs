//! How often the server's eviction keeps what will be asked for again.
//!
//! `cargo bench --bench hit_ratio -- [FOLDER]` replays access traces, those in the folder and some it
//! makes itself, and prints the share of requests that hit, in percent: of the server's own
//! eviction code ([`server`]), beside exact LRU and exact S3-FIFO ([`exact`]) computed in the same
//! run. All objects count alike; the caches hold a share of the trace's keys.
//!
//! A trace file is text, one key per line, or, when its name ends in `.u32le`, little-endian 32-bit
//! key numbers; either may be compressed (`.gz`, read through `gzip`). Files of other names that
//! begin with `README` are passed over.
//!
//! Without a folder, the traces made here alone; with `--quick` tiny ones, which prove that the tool
//! works and measure nothing.

mod exact;
mod server;
mod trace;

use exact::{Lru, S3Fifo};
use redistill::keyspace::eviction::Policy;
use std::path::PathBuf;
use std::process::ExitCode;
use trace::Trace;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Sizes of the cache, in percent of the trace's keys.
const SIZES_PERCENT: [usize; 2] = [1, 10];

/// A cache of so many objects that is asked for one and takes it in.
trait Cache {
    /// Asks for a key. True when it was there; now it is.
    fn request(&mut self, key: u32) -> bool;
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hit_ratio: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let folder = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"));
    // `cargo test --benches` starts the program without any argument.
    let quick = arguments.is_empty() || arguments.iter().any(|argument| argument == "--quick");
    let files = match folder {
        Some(folder) => trace::files(&PathBuf::from(folder))?,
        None => Vec::new(),
    };
    println!(
        "| trace | requests | keys | cache | exact LRU | allkeys-lru | exact S3-FIFO | allkeys-s3fifo |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    let mut of_files = Sums::default();
    for file in files {
        let trace = Trace::read(&file)?;
        of_files.add(&print_rows(&trace));
    }
    of_files.print("mean of the files");
    for trace in trace::made(quick) {
        print_rows(&trace);
    }
    Ok(())
}

/// Hit ratios in percent: exact LRU, the server's, exact S3-FIFO, the server's.
type Ratios = [f64; 4];

/// Replays a trace with each size of cache and prints a row for each.
fn print_rows(trace: &Trace) -> Vec<Ratios> {
    let mut all = Vec::new();
    for percent in SIZES_PERCENT {
        let capacity = (trace.keys * percent / 100).max(1);
        let ratios = [
            trace.replay(&mut Lru::new(capacity, trace.keys)),
            trace.replay(&mut server::Server::new(Policy::AllkeysLru, capacity)),
            trace.replay(&mut S3Fifo::new(capacity, trace.keys)),
            trace.replay(&mut server::Server::new(Policy::AllkeysS3fifo, capacity)),
        ];
        let cells = ratios.map(|ratio| format!("{ratio:.2}")).join(" | ");
        let (name, requests, keys) = (&trace.name, trace.requests.len(), trace.keys);
        println!("| {name} | {requests} | {keys} | {percent} % | {cells} |");
        all.push(ratios);
    }
    all
}

#[derive(Default)]
struct Sums {
    rows: usize,
    sum: Ratios,
}

impl Sums {
    fn add(&mut self, rows: &[Ratios]) {
        for row in rows {
            self.rows += 1;
            for (sum, ratio) in self.sum.iter_mut().zip(row) {
                *sum += ratio;
            }
        }
    }

    fn print(&self, name: &str) {
        if self.rows > 0 {
            let means = self
                .sum
                .map(|sum| format!("**{:.2}**", sum / self.rows as f64));
            println!("| {name} | | | | {} |", means.join(" | "));
        }
    }
}
