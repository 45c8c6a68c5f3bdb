//! The sections of the comparison, each selectable by name, each yielding its own tables.

mod cpu;
mod empty;
mod giveback;
mod instructions;
mod memory;
mod shift;
mod syscalls;

use super::Result;
use super::contender::{Contender, Settings};
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
    Section {
        name: "cpu",
        run: cpu::run,
    },
    Section {
        name: "memory",
        run: memory::run,
    },
    Section {
        name: "shift",
        run: shift::run,
    },
    Section {
        name: "empty",
        run: empty::run,
    },
    Section {
        name: "giveback",
        run: giveback::run,
    },
    Section {
        name: "syscalls",
        run: syscalls::run,
    },
    Section {
        name: "instructions",
        run: instructions::run,
    },
];

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
        core: options.server_core,
        ..Placement::default()
    }
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
