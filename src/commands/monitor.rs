//! `MONITOR`. Dispatch shows every request to the monitors before it runs.

use super::context::Context;
use super::spec::*;
use super::table::Family;
use crate::error::Error;
use crate::protocol::{Args, Reply};

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[Command::session("monitor", 1, monitor)
    .flags(ADMIN.and(NOSCRIPT).and(LOADING).and(STALE))
    .about(
        "Listens for all requests received by the server in real-time.",
        "",
        "1.0.0",
    )]);

fn monitor(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if cx.in_transaction {
        return Err(Error::monitor_denied());
    }
    cx.shared.clients.set_monitor(&cx.session.client, true);
    cx.answer_in_force(reply, |reply| reply.ok())
}
