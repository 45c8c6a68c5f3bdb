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
    match Options::from_command_line() {
        Ok(None) => {
            print!("{}", options::HELP);
            ExitCode::SUCCESS
        }
        Ok(Some(options)) => print_run(&options),
        Err(error) => failed(&error.to_string()),
    }
}

fn print_run(options: &Options) -> ExitCode {
    let report = match run(options) {
        Ok(report) => report,
        Err(error) => return failed(&error.to_string()),
    };
    print!("{}", report.markdown());
    if let Err(error) = report.write_json(options.json.as_deref()) {
        return failed(&error.to_string());
    }
    match report.failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => failed(&report.failures.join("\n")),
    }
}

fn failed(message: &str) -> ExitCode {
    eprintln!("compare: {message}");
    ExitCode::FAILURE
}

/// Runs the chosen sections against the chosen contenders.
///
/// Pins the whole calling process to the load core. A section in which a contender does not
/// start, a reply is not the expected one, or a tool (strace, valgrind) is missing is a failure in
/// the report; the others still run.
pub(crate) fn run(options: &Options) -> Result<Report> {
    machine::pin_this_process(options.load_core)?;
    let contenders = contender::resolve(options)?;
    let mut report = Report::new(options, &contenders);
    for section in &options.sections {
        eprintln!("compare: section {}", section.name);
        match (section.run)(options, &contenders) {
            Ok(findings) => report.sections.push(findings),
            Err(error) => {
                let failure = format!("section {}: {error}", section.name);
                eprintln!("compare: {failure}");
                report.failures.push(failure);
            }
        }
    }
    report.finish();
    Ok(report)
}
