//! Commands on the connection itself.

use super::context::Context;
use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::protocol::{Args, Reply};
use std::sync::atomic::Ordering::Relaxed;

/// The family.
pub static FAMILY: Family = Family {
    group: "connection",
    category: category::CONNECTION,
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::session("ping", -1, ping)
        .flags(FAST)
        .syntax("[message]")
        .about("Returns the server's liveliness response.", "O(1)", "1.0.0"),
    Command::session("echo", 2, echo)
        .flags(FAST.and(LOADING).and(STALE))
        .syntax("message")
        .about("Returns the given string.", "O(1)", "1.0.0"),
    Command::session("select", 2, select)
        .flags(FAST.and(LOADING).and(STALE))
        .syntax("index")
        .about("Changes the selected database.", "O(1)", "1.0.0"),
    Command::session("quit", -1, quit)
        .flags(
            FAST.and(LOADING)
                .and(STALE)
                .and(NOSCRIPT)
                .and(NO_AUTH)
                .and(ALLOW_BUSY),
        )
        .about("Closes the connection.", "O(1)", "1.0.0"),
]);

fn ping(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.len() {
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.at(1)),
        _ => return Err(Error::WrongArity("ping")),
    }
    DONE
}

fn echo(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(args.at(1));
    DONE
}

fn select(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let index = number::parse_i64(args.at(1)).ok_or(Error::NotInteger)?;
    let db = usize::try_from(index)
        .ok()
        .filter(|db| *db < cx.shared.keyspace.databases());
    cx.session.db = db.ok_or(Error::DbIndexOutOfRange)?;
    cx.session.client.db.store(cx.session.db as u32, Relaxed);
    reply.ok();
    DONE
}

fn quit(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.ok();
    Ok(Flow::Close)
}
