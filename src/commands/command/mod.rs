//! `COMMAND` and its subcommands: what the command table knows, told to clients.

mod docs;
mod info;
mod syntax;

pub use docs::markdown;
pub use syntax::{Argument, Kind, parse};

use super::context::Context;
use super::help;
use super::spec::*;
use super::table::{self, Family, Registered};
use crate::base::glob;
use crate::error::Error;
use crate::protocol::{Args, Reply};

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: category::CONNECTION,
    commands: COMMANDS,
};

const FLAGS: Flags = LOADING.and(STALE);

const COMMANDS: &[Command] = checked(&[Command::session("command", -1, command)
    .flags(FLAGS)
    .about(
        "Returns detailed information about all commands.",
        "O(N), N being the number of commands",
        "2.8.13",
    )
    .subcommands(&[
        Command::session("count", 2, count).flags(FLAGS).about(
            "Returns the number of commands.",
            "O(1)",
            "2.8.13",
        ),
        Command::session("docs", -2, docs::docs)
            .flags(FLAGS)
            .syntax("[command-name [command-name ...]]")
            .about(
                "Returns the documentation of commands.",
                "O(N), N being the number of commands",
                "7.0.0",
            ),
        Command::session("getkeys", -3, getkeys)
            .flags(FLAGS)
            .syntax("command [arg [arg ...]]")
            .about(
                "Extracts the keys from a request.",
                "O(N), N being the number of arguments",
                "2.8.13",
            ),
        Command::session("getkeysandflags", -3, getkeys_and_flags)
            .flags(FLAGS)
            .syntax("command [arg [arg ...]]")
            .about(
                "Extracts the keys from a request, with what is done to each.",
                "O(N), N being the number of arguments",
                "7.0.0",
            ),
        help::row("5.0.0"),
        Command::session("info", -2, info)
            .flags(FLAGS)
            .syntax("[command-name [command-name ...]]")
            .about(
                "Returns information about some commands, or all.",
                "O(N), N being the number of commands",
                "2.8.13",
            ),
        Command::session("list", -2, list)
            .flags(FLAGS)
            .syntax("[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]")
            .about(
                "Returns the names of commands.",
                "O(N), N being the number of commands",
                "7.0.0",
            ),
    ])]);

fn command(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    debug_assert_eq!(args.len(), 1, "with more, a subcommand runs");
    every(reply);
    DONE
}

fn info(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() == 2 {
        every(reply);
        return DONE;
    }
    reply.array(args.len() - 2);
    for name in args.from(2) {
        match table::find_full(name) {
            Some(registered) => info::row(registered, reply),
            None => reply.null(),
        }
    }
    DONE
}

fn every(reply: &mut Reply<'_>) {
    reply.array(table::top_level().count());
    table::top_level().for_each(|registered| info::row(registered, reply));
}

fn count(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.count(table::top_level().count());
    DONE
}

/// Which commands are asked for.
type Wanted<'a> = Box<dyn Fn(&Registered) -> bool + 'a>;

fn list(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted: Wanted<'_> = match args.len() {
        2 => Box::new(|_| true),
        5 if args.is(2, "filterby") => filter(args)?,
        _ => return Err(Error::Syntax),
    };
    let names: Vec<&str> = table::all()
        .iter()
        .filter(|registered| wanted(registered))
        .map(|registered| registered.full_name)
        .collect();
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name.as_bytes()));
    DONE
}

fn filter(args: Args<'_>) -> Result<Wanted<'_>, Error> {
    let wanted = args.at(4);
    if args.is(3, "module") {
        // There are no modules, so none of their commands.
        Ok(Box::new(|_| false))
    } else if args.is(3, "aclcat") {
        let known = CATEGORY_NAMES
            .iter()
            .find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(wanted));
        Ok(match known {
            Some((category, _)) => Box::new(|registered| registered.categories.has(*category)),
            None => Box::new(|_| false),
        })
    } else if args.is(3, "pattern") {
        Ok(Box::new(move |registered| {
            glob::matches(wanted, registered.full_name.as_bytes(), true)
        }))
    } else {
        Err(Error::Syntax)
    }
}

fn getkeys(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = keys_of(args.skip(2))?;
    reply.array(keys.len());
    keys.iter()
        .for_each(|(index, _)| reply.bulk(args.at(2 + index)));
    DONE
}

fn getkeys_and_flags(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let keys = keys_of(args.skip(2))?;
    reply.array(keys.len());
    for (index, access) in keys {
        reply.array(2);
        reply.bulk(args.at(2 + index));
        info::access(access, reply);
    }
    DONE
}

/// Where the keys of a request are, by the same specs that execution uses.
fn keys_of(request: Args<'_>) -> Result<Vec<(usize, Access)>, Error> {
    let top = table::find(request.at(0)).ok_or_else(Error::invalid_command_specified)?;
    let registered = match request.get(1) {
        Some(sub) if !top.subcommands.is_empty() => top
            .subcommand(sub)
            .ok_or_else(Error::invalid_command_specified)?,
        _ => top,
    };
    let specs = registered.command.keys;
    if specs.iter().all(|spec| spec.access == Access::NotKey) {
        return Err(Error::no_key_arguments());
    }
    if !registered.command.accepts(request.len()) {
        return Err(Error::invalid_argument_count());
    }
    let mut keys = Vec::new();
    let found = registered
        .command
        .each_key(request, |index, access| keys.push((index, access)));
    found.map_err(|KeysInvalid| Error::invalid_arguments_specified())?;
    Ok(keys)
}
