//! `SLOWLOG`, and `COMMANDLOG` for the log of slow commands.

use super::context::Context;
use super::help;
use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::protocol::{Args, Reply};

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const OPERATOR: Flags = ADMIN.and(LOADING).and(STALE);

const COMMANDS: &[Command] = checked(&[
    Command::container(
        "slowlog",
        &[
            Command::session("get", -2, get)
                .flags(OPERATOR)
                .syntax("[count]")
                .about(
                    "Returns the slow log's entries.",
                    "O(N) where N is the number of entries returned",
                    "2.2.12",
                ),
            Command::session("len", 2, len).flags(OPERATOR).about(
                "Returns the number of entries in the slow log.",
                "O(1)",
                "2.2.12",
            ),
            Command::session("reset", 2, reset).flags(OPERATOR).about(
                "Clears all entries from the slow log.",
                "O(N) where N is the number of entries in the slowlog",
                "2.2.12",
            ),
            help::row("6.2.0"),
        ],
    )
    .about(
        "A container for slow log commands.",
        "Depends on subcommand.",
        "2.2.12",
    ),
    Command::container(
        "commandlog",
        &[
            Command::session("get", 4, get_of_kind)
                .flags(OPERATOR)
                .syntax("count <slow>")
                .about(
                    "Returns the specified command log's entries.",
                    "O(N) where N is the number of entries returned",
                    "8.1.0",
                ),
            Command::session("len", 3, len_of_kind)
                .flags(OPERATOR)
                .syntax("<slow>")
                .about(
                    "Returns the number of entries in the specified type of command log.",
                    "O(1)",
                    "8.1.0",
                ),
            Command::session("reset", 3, reset_of_kind)
                .flags(OPERATOR)
                .syntax("<slow>")
                .about(
                    "Clears all entries from the specified type of command log.",
                    "O(N) where N is the number of entries in the commandlog",
                    "8.1.0",
                ),
            help::row("8.1.0"),
        ],
    )
    .about(
        "A container for command log commands.",
        "Depends on subcommand.",
        "8.1.0",
    ),
]);

/// Entries returned when no count is given.
const COUNT_DEFAULT: usize = 10;

fn get(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = match args.len() {
        2 => COUNT_DEFAULT,
        3 => parse_count(args.at(2))?,
        _ => return Err(Error::subcommand_usage(args.at(1), "SLOWLOG")),
    };
    reply_entries(cx, count, reply)
}

fn get_of_kind(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = parse_count(args.at(2))?;
    expect_slow(args.at(3))?;
    reply_entries(cx, count, reply)
}

/// −1 asks for all.
fn parse_count(text: &[u8]) -> Result<usize, Error> {
    match number::parse_i64(text) {
        Some(-1) => Ok(usize::MAX),
        Some(count) => usize::try_from(count).map_err(|_| Error::slowlog_count()),
        None => Err(Error::slowlog_count()),
    }
}

/// Large requests and replies are not logged.
fn expect_slow(kind: &[u8]) -> Result<(), Error> {
    match kind.eq_ignore_ascii_case(b"slow") {
        true => Ok(()),
        false => Err(Error::commandlog_type()),
    }
}

fn reply_entries(cx: &Context<'_>, count: usize, reply: &mut Reply<'_>) -> Outcome {
    let entries = cx.shared.slowlog.latest(count);
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.int(entry.id);
        reply.int(entry.time_seconds);
        reply.int(entry.duration_us as i64);
        reply.array(entry.arguments.len());
        entry.arguments.iter().for_each(|arg| reply.bulk(arg));
        reply.bulk(entry.address.as_bytes());
        reply.bulk(&entry.client_name);
    }
    DONE
}

fn len(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.count(cx.shared.slowlog.len());
    DONE
}

fn len_of_kind(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expect_slow(args.at(2))?;
    len(cx, args, reply)
}

fn reset(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.shared.slowlog.reset();
    reply.ok();
    DONE
}

fn reset_of_kind(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    expect_slow(args.at(2))?;
    reset(cx, args, reply)
}
