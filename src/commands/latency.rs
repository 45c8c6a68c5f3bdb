//! `LATENCY`: histograms of all commands, and the latency monitor's events.

mod analysis;

use super::context::Context;
use super::help;
use super::spec::*;
use super::table::{self, Family, Registered};
use crate::error::Error;
use crate::metrics::{CommandTotals, class_bounds_ns};
use crate::protocol::{Args, Reply};
use crate::session::LatencyEvent;

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const OPERATOR: Flags = ADMIN.and(NOSCRIPT).and(LOADING).and(STALE);

const COMMANDS: &[Command] = checked(&[Command::container(
    "latency",
    &[
        Command::session("doctor", 2, doctor).flags(OPERATOR).about(
            "Returns a human-readable latency analysis report.",
            "O(1)",
            "2.8.13",
        ),
        Command::session("graph", 3, graph)
            .flags(OPERATOR)
            .syntax("event")
            .about("Returns a latency graph for an event.", "O(1)", "2.8.13"),
        Command::session("history", 3, history)
            .flags(OPERATOR)
            .syntax("event")
            .about(
                "Returns timestamp-latency samples for an event.",
                "O(1)",
                "2.8.13",
            ),
        Command::session("latest", 2, latest).flags(OPERATOR).about(
            "Returns the latest latency samples for all events.",
            "O(1)",
            "2.8.13",
        ),
        Command::session("reset", -2, reset)
            .flags(OPERATOR)
            .syntax("[event [event ...]]")
            .about(
                "Resets the latency data for one or more events.",
                "O(1)",
                "2.8.13",
            ),
        Command::session("histogram", -2, histogram)
            .flags(OPERATOR)
            .syntax("[command [command ...]]")
            .about(
                "Returns the cumulative distribution of latencies of a subset or all commands.",
                "O(N) where N is the number of commands with latency information being retrieved.",
                "7.0.0",
            ),
        help::row("2.8.13"),
    ],
)
.about(
    "A container for latency diagnostics commands.",
    "Depends on subcommand.",
    "2.8.13",
)]);

fn latest(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let monitor = &cx.shared.latency;
    let known: Vec<_> = LatencyEvent::ALL
        .into_iter()
        .filter_map(|event| {
            let series = monitor.series(event);
            let last = *series.samples.back()?;
            Some((event, last, series.worst_ms))
        })
        .collect();
    reply.array(known.len());
    for (event, last, worst_ms) in known {
        reply.array(4);
        reply.bulk(event.name().as_bytes());
        reply.int(last.time_seconds);
        reply.int(last.latency_ms as i64);
        reply.int(worst_ms as i64);
    }
    DONE
}

fn history(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let series = LatencyEvent::named(args.at(2))
        .map(|event| cx.shared.latency.series(event))
        .unwrap_or_default();
    reply.array(series.samples.len());
    for sample in series.samples {
        reply.array(2);
        reply.int(sample.time_seconds);
        reply.int(sample.latency_ms as i64);
    }
    DONE
}

fn graph(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = args.at(2);
    let known = LatencyEvent::named(name)
        .map(|event| (event, cx.shared.latency.series(event)))
        .filter(|(_, series)| !series.samples.is_empty());
    let (event, series) = known.ok_or_else(|| Error::no_latency_samples(name))?;
    let text = analysis::graph(event.name(), &series, cx.shared.clock.unix_seconds());
    reply.verbatim(b"txt", text.as_bytes());
    DONE
}

fn doctor(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let text = analysis::report(
        &cx.config.monitoring,
        &LatencyEvent::ALL.map(|event| (event, cx.shared.latency.series(event))),
    );
    reply.verbatim(b"txt", text.as_bytes());
    DONE
}

fn reset(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let monitor = &cx.shared.latency;
    let forgotten = if args.len() == 2 {
        LatencyEvent::ALL
            .into_iter()
            .filter(|event| monitor.reset(*event))
            .count()
    } else {
        args.from(2)
            .filter_map(LatencyEvent::named)
            .filter(|event| monitor.reset(*event))
            .count()
    };
    reply.count(forgotten);
    DONE
}

fn histogram(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !cx.config.monitoring.latency_tracking {
        reply.map(0);
        return DONE;
    }
    let wanted: Vec<&Registered> = match args.len() {
        2 => table::all().iter().collect(),
        _ => args.from(2).flat_map(named).collect(),
    };
    let known: Vec<(&Registered, CommandTotals)> = wanted
        .into_iter()
        .map(|command| (command, cx.shared.metrics.command(command.id)))
        .filter(|(_, totals)| totals.calls() > 0)
        .collect();
    reply.map(known.len());
    for (command, totals) in known {
        reply.bulk(command.full_name.as_bytes());
        reply_histogram(&totals, reply);
    }
    DONE
}

/// A command with all its subcommands, or one subcommand (`config|get`).
fn named(name: &[u8]) -> Vec<&'static Registered> {
    let (container, sub) = match name.iter().position(|byte| *byte == b'|') {
        Some(bar) => (&name[..bar], Some(&name[bar + 1..])),
        None => (name, None),
    };
    match (table::find(container), sub) {
        (None, _) => Vec::new(),
        (Some(command), Some(sub)) => command.subcommand(sub).into_iter().collect(),
        (Some(command), None) => {
            let subcommands = command.subcommands.iter().map(|id| &table::all()[*id]);
            std::iter::once(command).chain(subcommands).collect()
        }
    }
}

/// Cumulative counts by upper bound in µs; only bounds at which the count grows.
fn reply_histogram(totals: &CommandTotals, reply: &mut Reply<'_>) {
    let mut steps: Vec<(u64, u64)> = Vec::new();
    let mut sum = 0;
    for (class, count) in totals.latency.iter().enumerate() {
        sum += count;
        let bound_us = bound_us(class);
        match steps.last_mut() {
            _ if *count == 0 => {}
            Some((last, total)) if *last == bound_us => *total = sum,
            _ => steps.push((bound_us, sum)),
        }
    }
    reply.map(2);
    reply.bulk(b"calls");
    reply.int(totals.calls() as i64);
    reply.bulk(b"histogram_usec");
    reply.map(steps.len());
    for (bound_us, sum) in steps {
        reply.int(bound_us as i64);
        reply.int(sum as i64);
    }
}

/// The greatest duration of a class in µs, with the bounds that Redis's histograms have: powers
/// of two in ns, rounded up to what two significant digits distinguish (32768 ns count as 33 µs).
fn bound_us(class: usize) -> u64 {
    let (_, end_ns) = class_bounds_ns(class.max(1));
    (end_ns + end_ns / 128 - 1) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_redis() {
        let bounds: Vec<u64> = (1..13).map(bound_us).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113]);
        assert_eq!(bound_us(0), bound_us(1));
    }

    #[test]
    fn a_container_stands_for_its_subcommands() {
        let names = |name: &[u8]| -> Vec<&str> {
            named(name)
                .iter()
                .map(|command| command.full_name)
                .collect()
        };
        assert_eq!(names(b"PING"), ["ping"]);
        assert_eq!(names(b"latency|RESET"), ["latency|reset"]);
        assert!(names(b"LATENCY").contains(&"latency|doctor"));
        assert!(names(b"nosuch").is_empty() && names(b"nosuch|x").is_empty());
    }
}
