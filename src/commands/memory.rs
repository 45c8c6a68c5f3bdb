//! `MEMORY`: where memory goes.

mod report;

pub(super) use report::Report;

use super::context::Context;
use super::help;
use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::base::size::format_size;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use std::sync::atomic::Ordering::Relaxed;

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[Command::container(
    "memory",
    &[
        Command::read("usage", -3, usage)
            .keys(&[key(2, Access::Look)])
            .syntax("key [SAMPLES count]")
            .about(
                "Estimates the memory usage of a key.",
                "O(N) where N is the number of samples.",
                "4.0.0",
            ),
        Command::session("stats", 2, stats).about(
            "Returns details about memory usage.",
            "O(1)",
            "4.0.0",
        ),
        Command::session("doctor", 2, doctor).about(
            "Outputs a memory problems report.",
            "O(1)",
            "4.0.0",
        ),
        Command::session("purge", 2, purge).flags(LOADING).about(
            "Asks the allocator to release memory.",
            "Depends on how much memory is allocated, could be slow",
            "4.0.0",
        ),
        Command::session("malloc-stats", 2, malloc_stats)
            .flags(LOADING)
            .about(
                "Returns the allocator statistics.",
                "Depends on how much memory is allocated, could be slow",
                "4.0.0",
            ),
        help::row("4.0.0"),
    ],
)
.about(
    "A container for memory diagnostics commands.",
    "Depends on subcommand.",
    "4.0.0",
)]);

/// A key's share of its table: the slot that points to it.
const SLOT_BYTES: usize = 8;

fn usage(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut index = 3;
    while index < args.len() {
        let count = args.get(index + 1).filter(|_| {
            let option = args.at(index);
            option.eq_ignore_ascii_case(b"samples")
        });
        // Nothing is sampled: what a key takes is known. The count must make sense all the same.
        let count = number::parse_i64(count.ok_or(Error::Syntax)?).ok_or(Error::NotInteger)?;
        if count < 0 {
            return Err(Error::Syntax);
        }
        index += 2;
    }
    match txn.peek(txn.key(0), false) {
        Some(view) => reply.count(view.size_bytes() + SLOT_BYTES),
        None => reply.null(),
    }
    DONE
}

fn stats(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let fields = fields(&Report::of(cx.shared));
    reply.map(fields.len());
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        match value {
            Figure::Int(value) => reply.int(value),
            Figure::Ratio(value) => reply.double(value),
            Figure::Tables(array_bytes) => {
                reply.map(2);
                reply.bulk(b"overhead.hashtable.main");
                reply.int(array_bytes);
                // Deadlines are part of the entries.
                reply.bulk(b"overhead.hashtable.expires");
                reply.int(0);
            }
        }
    }
    DONE
}

enum Figure {
    Int(i64),
    Ratio(f64),
    /// Bytes of a database's bucket arrays.
    Tables(i64),
}

fn fields(report: &Report) -> Vec<(String, Figure)> {
    let int = |name: &str, value: u64| (name.to_owned(), Figure::Int(value as i64));
    let ratio = |name: &str, value: f64| (name.to_owned(), Figure::Ratio(value));
    let mut fields = vec![
        int("peak.allocated", report.peak),
        int("total.allocated", report.used),
        int("startup.allocated", report.startup),
        int("replication.backlog", 0),
        int("clients.slaves", 0),
        int("clients.normal", report.clients),
        int("cluster.links", 0),
        int("aof.buffer", 0),
        int("lua.caches", 0),
        int("functions.caches", 0),
    ];
    for database in &report.databases {
        let tables = Figure::Tables(database.array_bytes as i64);
        fields.push((format!("db.{}", database.index), tables));
    }
    let fragmentation = report.fragmentation();
    let wasted = |name: &str| (name.to_owned(), Figure::Int(report.fragmentation_bytes()));
    fields.extend([
        int("overhead.total", report.overhead),
        int("keys.count", report.keys),
        int("keys.bytes-per-key", report.bytes_per_key()),
        int("dataset.bytes", report.dataset()),
        ratio("dataset.percentage", report.dataset_percent()),
        ratio("peak.percentage", report.peak_percent()),
        int("allocator.allocated", report.used),
        int("allocator.active", report.resident),
        int("allocator.resident", report.resident),
        ratio("allocator-fragmentation.ratio", fragmentation),
        wasted("allocator-fragmentation.bytes"),
        // The allocator does not tell what it keeps resident: all that is counts as its own.
        ratio("allocator-rss.ratio", 1.0),
        int("allocator-rss.bytes", 0),
        ratio("rss-overhead.ratio", 1.0),
        int("rss-overhead.bytes", 0),
        ratio("fragmentation", fragmentation),
        wasted("fragmentation.bytes"),
    ]);
    fields
}

/// Below this much data the figures say nothing.
const DOCTOR_BYTES_MIN: u64 = 5 << 20;

fn doctor(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let report = Report::of(cx.shared);
    let text = diagnosis(&report, cx.config.memory.max_memory);
    reply.verbatim(b"txt", text.as_bytes());
    DONE
}

fn diagnosis(report: &Report, limit: u64) -> String {
    let data = report.used.saturating_sub(report.startup);
    if data < DOCTOR_BYTES_MIN {
        return format!(
            "This server holds only {} of data: too little to judge by. Ask again when there is \
             more.\n",
            format_size(data)
        );
    }
    let mut findings = Vec::new();
    if report.peak > report.used / 2 * 3 {
        findings.push(format!(
            "Peak: at most {} were in use, now {}. What was freed is returned to the system \
             bit by bit; MEMORY PURGE hurries that.",
            format_size(report.peak),
            format_size(report.used)
        ));
    }
    if report.fragmentation() > 1.4 {
        findings.push(format!(
            "Fragmentation: {} are resident for {} in use ({:.2} times as much).",
            format_size(report.resident),
            format_size(report.used),
            report.fragmentation()
        ));
    }
    if report.clients > data / 4 {
        findings.push(format!(
            "Clients: {} are held for requests and replies under way. CLIENT LIST shows by whom; \
             maxmemory-clients limits it.",
            format_size(report.clients)
        ));
    }
    if limit > 0 && report.used > limit / 100 * 95 {
        findings.push(format!(
            "Limit: {} of at most {} are in use.",
            format_size(report.used),
            format_size(limit)
        ));
    }
    if findings.is_empty() {
        return "Nothing unusual was found.\n".to_owned();
    }
    findings
        .into_iter()
        .map(|line| format!("* {line}\n"))
        .collect()
}

fn purge(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    // Each thread has a heap of its own, and purges it with its next tick.
    cx.shared.metrics.purges.fetch_add(1, Relaxed);
    reply.ok();
    DONE
}

/// What Redis answers with another allocator than jemalloc.
fn malloc_stats(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(b"Stats not supported for the current allocator");
    DONE
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn the_doctor_names_what_it_finds() {
        let healthy = Report {
            used: 110 * MB,
            startup: 10 * MB,
            peak: 111 * MB,
            resident: 120 * MB,
            ..Report::default()
        };
        assert!(diagnosis(&healthy, 0).contains("Nothing unusual"));
        let tiny = Report {
            used: 11 * MB,
            ..healthy.clone()
        };
        assert!(diagnosis(&tiny, 0).contains("1.00M"));
        let ill = Report {
            peak: 400 * MB,
            resident: 300 * MB,
            clients: 50 * MB,
            ..healthy.clone()
        };
        let text = diagnosis(&ill, 112 * MB);
        for word in ["Peak", "Fragmentation", "Clients", "Limit"] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
}
