//! The sections of the comparison, each selectable by name, each yielding its own tables.

mod acl;
mod cpu;
mod empty;
mod giveback;
mod idle;
mod instructions;
mod memory;
mod pubsub;
mod scripting;
mod shift;
mod syscalls;
mod tail;
mod transactions;
mod types;
mod types_memory;
mod workers;

use super::Result;
use super::contender::{Contender, Kind, Settings};
use super::options::Options;
use super::report::Findings;
use super::server::Placement;

/// One part of a run.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Options, &[Contender]) -> Result<Findings>,
}

/// All sections, in the order they run and are printed.
pub(crate) const SECTIONS: &[Section] = &[
    Section::new("cpu", cpu::everyday),
    Section::new("many", cpu::many_keys),
    Section::new("large", cpu::large_values),
    Section::new("huge", cpu::huge_values),
    Section::new("bitmap", cpu::bitmaps),
    Section::new("hyperloglog", cpu::hyperloglogs),
    Section::new("tls", cpu::encrypted),
    Section::new("acl", acl::run),
    Section::new("types", types::run),
    Section::new("transactions", transactions::run),
    Section::new("pubsub", pubsub::run),
    Section::new("scripting", scripting::run),
    Section::new("types-memory", types_memory::run),
    Section::new("workers", workers::run),
    Section::new("memory", memory::run),
    Section::new("shift", shift::run),
    Section::new("empty", empty::run),
    Section::new("giveback", giveback::run),
    Section::new("idle", idle::run),
    Section::new("tail", tail::run),
    Section::new("syscalls", syscalls::run),
    Section::new("instructions", instructions::run),
];

impl Section {
    const fn new(name: &'static str, run: fn(&Options, &[Contender]) -> Result<Findings>) -> Self {
        Section { name, run }
    }
}

fn settings(options: &Options) -> Settings {
    Settings {
        workers: options.workers,
        password: options.password.clone(),
        policy: options.policy.clone(),
        ..Settings::default()
    }
}

fn placement(options: &Options) -> Placement {
    Placement {
        cores: options.server_core.to_string(),
        ..Placement::default()
    }
}

/// The contenders of certain kinds.
fn those(contenders: &[Contender], are: fn(Kind) -> bool) -> Vec<Contender> {
    let fitting = contenders.iter().filter(|contender| are(contender.kind));
    fitting.cloned().collect()
}

/// Column heads: `first`, then one per contender.
fn columns(first: &str, contenders: &[Contender], unit: &str) -> Vec<String> {
    let heads = contenders.iter().map(|contender| match unit {
        "" => contender.name.clone(),
        _ => format!("{}, {unit}", contender.name),
    });
    std::iter::once(first.to_owned()).chain(heads).collect()
}

/// Column heads of the ratios to the first contender.
fn ratio_columns(contenders: &[Contender]) -> impl Iterator<Item = String> {
    let baseline = contenders[0].name.clone();
    contenders[1..]
        .iter()
        .map(move |other| format!("{} / {baseline}", other.name))
}
