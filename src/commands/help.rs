//! `HELP` of commands with subcommands, made of their rows.

use super::context::Context;
use super::spec::*;
use super::table::{self, Registered};
use crate::protocol::{Args, Reply};

const NAME: &str = "help";

/// The row of `HELP` for a container that has it since this version.
pub const fn row(since: &'static str) -> Command {
    Command::session(NAME, 2, help)
        .flags(LOADING.and(STALE))
        .about("Prints this help.", "O(1)", since)
}

fn help(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (container, _) = cx
        .command
        .full_name
        .split_once('|')
        .expect("HELP is a subcommand");
    let container = table::find(container.as_bytes()).expect("its container is registered");
    let lines = lines(container);
    reply.array(lines.len());
    lines.iter().for_each(|line| reply.simple(line));
    DONE
}

fn lines(container: &Registered) -> Vec<String> {
    let name = container.command.name.to_uppercase();
    let mut lines = vec![format!(
        "{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    )];
    let (help, others): (Vec<_>, Vec<_>) = container
        .command
        .subcommands
        .iter()
        .partition(|sub| sub.name == NAME);
    for sub in others.into_iter().chain(help) {
        let usage = format!("{} {}", sub.name.to_uppercase(), sub.syntax);
        lines.push(usage.trim_end().to_owned());
        lines.push(format!("    {}", sub.summary));
    }
    lines
}
