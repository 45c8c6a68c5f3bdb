//! `INFO`: everything a monitoring agent asks, in Redis's sections and by Redis's names.
//!
//! What has no counterpart here but is read by agents (replicas, snapshots) is told as it is:
//! none. Nothing here locks the keyspace, since `INFO` may be part of a transaction.

mod activity;
mod resources;

use super::context::Context;
use super::spec::*;
use super::table::Family;
use crate::protocol::{Args, Reply};
use std::fmt::{Display, Write};

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[Command::session("info", -1, info)
    .flags(LOADING.and(STALE))
    .categories(category::DANGEROUS)
    .syntax("[section [section ...]]")
    .about(
        "Returns information and statistics about the server.",
        "O(1)",
        "1.0.0",
    )]);

/// A part of the reply.
struct Section {
    /// As it is asked for, in any case, and as its heading begins.
    name: &'static str,
    /// Is it part of a reply to plain `INFO`?
    default: bool,
    write: fn(&Context<'_>, &mut Fields<'_>),
}

const fn section(
    name: &'static str,
    default: bool,
    write: fn(&Context<'_>, &mut Fields<'_>),
) -> Section {
    Section {
        name,
        default,
        write,
    }
}

/// In the order of the reply.
const SECTIONS: &[Section] = &[
    section("Server", true, resources::server),
    section("Clients", true, resources::clients),
    section("Memory", true, resources::memory),
    section("Persistence", true, activity::persistence),
    section("Stats", true, activity::stats),
    section("Replication", true, activity::replication),
    section("CPU", true, resources::cpu),
    section("Modules", true, |_, _| {}),
    section("Commandstats", false, activity::command_stats),
    section("Errorstats", true, activity::error_stats),
    section("Latencystats", false, activity::latency_stats),
    section("Cluster", true, |_, fields| {
        fields.put("cluster_enabled", 0)
    }),
    section("Keyspace", true, activity::keyspace),
];

/// Appends lines of `name:value`.
struct Fields<'t> {
    text: &'t mut String,
}

impl Fields<'_> {
    fn put(&mut self, name: &str, value: impl Display) {
        write!(self.text, "{name}:{value}\r\n").expect("writing to memory does not fail");
    }

    /// Fields that are 0 since what they count does not exist here.
    fn zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.put(name, 0));
    }
}

fn info(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let asked = |name: &str| {
        args.from(1)
            .any(|arg| arg.eq_ignore_ascii_case(name.as_bytes()))
    };
    let all = asked("all") || asked("everything");
    let defaults = args.len() == 1 || asked("default");
    let mut text = String::with_capacity(8192);
    for section in SECTIONS {
        if all || defaults && section.default || asked(section.name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            write!(text, "# {}\r\n", section.name).expect("writing to memory does not fail");
            (section.write)(cx, &mut Fields { text: &mut text });
        }
    }
    reply.verbatim(b"txt", text.as_bytes());
    DONE
}
