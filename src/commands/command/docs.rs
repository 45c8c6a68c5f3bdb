//! `COMMAND DOCS`, and `docs/commands.md`, which says the same to people.

use super::super::context::Context;
use super::super::spec::*;
use super::super::table::{self, Registered};
use super::syntax::{Argument, Kind, parse};
use crate::commands::table::find_full as lookup;
use crate::protocol::{Args, Reply};
use std::fmt::Write;

/// `COMMAND DOCS`. Names that are not there are left out.
pub(super) fn docs(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let chosen: Vec<&Registered> = if args.len() == 2 {
        table::top_level().collect()
    } else {
        args.from(2).filter_map(lookup).collect()
    };
    reply.map(chosen.len());
    chosen
        .into_iter()
        .for_each(|registered| named(registered, reply));
    DONE
}

fn named(registered: &Registered, reply: &mut Reply<'_>) {
    let command = registered.command;
    let arguments = parse(command.syntax);
    let optional =
        usize::from(!arguments.is_empty()) + usize::from(!registered.subcommands.is_empty());
    reply.bulk(registered.full_name.as_bytes());
    reply.map(4 + optional);
    for (name, text) in [
        ("summary", command.summary),
        ("since", command.since),
        ("group", registered.group),
        ("complexity", command.complexity),
    ] {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        list(&arguments, reply);
    }
    if !registered.subcommands.is_empty() {
        reply.bulk(b"subcommands");
        reply.map(registered.subcommands.len());
        for id in &registered.subcommands {
            named(&table::all()[*id], reply);
        }
    }
}

fn list(arguments: &[Argument], reply: &mut Reply<'_>) {
    reply.array(arguments.len());
    arguments.iter().for_each(|argument| one(argument, reply));
}

fn one(argument: &Argument, reply: &mut Reply<'_>) {
    let flags: Vec<&str> = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
        (
            argument.multiple && argument.token_repeats,
            "multiple_token",
        ),
    ]
    .into_iter()
    .filter_map(|(on, name)| on.then_some(name))
    .collect();
    let leaf = argument.arguments.is_empty() && argument.kind != Kind::PureToken;
    let fields = 2
        + usize::from(leaf)
        + usize::from(argument.kind == Kind::Key)
        + usize::from(argument.token.is_some())
        + usize::from(!flags.is_empty())
        + usize::from(!argument.arguments.is_empty());
    reply.map(fields);
    let mut text = |name: &str, value: &str| {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    };
    text("name", &argument.name);
    text("type", argument.kind.name());
    if leaf {
        text("display_text", &argument.name);
    }
    if let Some(token) = &argument.token {
        text("token", token);
    }
    if argument.kind == Kind::Key {
        reply.bulk(b"key_spec_index");
        reply.int(0);
    }
    if !flags.is_empty() {
        reply.bulk(b"flags");
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.simple(flag));
    }
    if !argument.arguments.is_empty() {
        reply.bulk(b"arguments");
        list(&argument.arguments, reply);
    }
}

/// `docs/commands.md`: every command, by group.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Commands\n\nGenerated from the command table; `tests/commands_doc.rs` keeps it current.\n",
    );
    let mut groups: Vec<&str> = table::all()
        .iter()
        .map(|registered| registered.group)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        write!(
            text,
            "\n## {group}\n\n| command | since | what it does | complexity |\n|---|---|---|---|\n"
        )
        .expect("writing to memory does not fail");
        let mut rows: Vec<&Registered> = table::all()
            .iter()
            .filter(|registered| registered.group == group)
            .collect();
        rows.sort_unstable_by_key(|registered| registered.full_name);
        for registered in rows {
            let command = registered.command;
            let name = registered.full_name.replace('|', " ").to_uppercase();
            let usage = format!("{name} {}", command.syntax)
                .trim_end()
                .replace('|', "\\|");
            writeln!(
                text,
                "| `{usage}` | {} | {} | {} |",
                command.since, command.summary, command.complexity
            )
            .expect("writing to memory does not fail");
        }
    }
    text
}
