//! End-to-end comparison of Redistill with the servers it replaces.
//!
//! `cargo bench --bench compare -- [options]` starts every contender it finds, drives all of
//! them with the same load and prints Markdown tables of ratios to the baseline
//! (redis-server): CPU per operation, resident bytes per key, and how each behaves at its
//! memory limit, when empty, when memory is given back, per system call and per instruction.
//!
//! The method, meant for small machines shared with others: a server is pinned to one core
//! and the load to another; servers are fresh in every round and preloaded; contenders take
//! turns sample by sample; what is compared is the CPU time the server's threads used (the
//! scheduler's own count, user + system), never wall time; what is reported is the median of
//! the ratios of neighbouring samples.
//!
//! Files in the order a run meets them: `options` (what to do) → `contender` (who takes part
//! and how each is started) → `sections/*` (one table each) → `server` (process control) →
//! `request` and `loadgen` (the load) → `report` (Markdown and JSON).
//! A new row for the CPU table is one line in `sections/cpu.rs`.

mod contender;
mod loadgen;
mod machine;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod request;
mod sections;
mod server;
mod tls;

use std::process::ExitCode;

use options::Options;
use report::Report;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let outcome = Options::from_command_line().and_then(|options| match options {
        Some(options) => run(&options).and_then(|report| {
            print!("{}", report.markdown());
            report.write_json(options.json.as_deref())
        }),
        None => {
            print!("{}", options::HELP);
            Ok(())
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the chosen sections against the chosen contenders.
///
/// Pins the whole calling process to the load core. Fails when a contender does not start, a
/// reply is not the expected one, or a tool a section needs (strace, valgrind) is missing.
pub(crate) fn run(options: &Options) -> Result<Report> {
    machine::pin_this_process(options.load_core)?;
    let contenders = contender::resolve(options)?;
    let mut report = Report::new(options, &contenders);
    for section in &options.sections {
        eprintln!("compare: section {}", section.name);
        let done = (section.run)(options, &contenders)
            .map_err(|error| format!("section {}: {error}", section.name))?;
        report.sections.push(done);
    }
    report.finish();
    Ok(report)
}
