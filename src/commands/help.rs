//! `HELP` of every command with subcommands, made from their rows.

use super::context::Context;
use super::spec::{DONE, Outcome};
use super::table;
use crate::protocol::{Args, Reply};

/// `<CONTAINER> HELP`: a line for each subcommand, and one for what it does.
pub(super) fn help(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (name, _) = cx
        .command
        .full_name
        .split_once('|')
        .expect("HELP is a subcommand");
    let container = table::find(name.as_bytes()).expect("its container is registered");
    let all = table::all();
    reply.array(1 + container.subcommands.len() * 2);
    reply.simple(&format!(
        "{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        name.to_ascii_uppercase()
    ));
    for id in &container.subcommands {
        let row = all[*id].command;
        let line = format!("{} {}", row.name.to_ascii_uppercase(), row.syntax);
        reply.simple(line.trim_end());
        reply.simple(&format!("    {}", row.summary));
    }
    DONE
}
