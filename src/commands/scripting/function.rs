//! `FUNCTION`: libraries of functions.

use crate::base::glob;
use crate::commands::context::Context;
use crate::commands::help;
use crate::commands::spec::*;
use crate::error::Error;
use crate::protocol::{Args, OwnedArgs, Protocol, Reply};
use crate::scripting::functions::{self, Library, Restore};
use crate::scripting::running::NotKilled;
use crate::scripting::script::FLAGS;
use crate::scripting::{dump, with_vm};
use crate::session::Shared;

/// `FUNCTION`.
pub(super) const CONTAINER: Command = Command::container("function", SUBCOMMANDS).about(
    "A container for commands on functions.",
    "Depends on subcommand.",
    "7.0.0",
);

const CHANGES: Flags = NOSCRIPT.and(WRITE);
const ADDS: Flags = CHANGES.and(DENYOOM);

const SUBCOMMANDS: &[Command] = checked(&[
    Command::session("delete", 3, delete)
        .flags(CHANGES)
        .categories(category::SCRIPTING)
        .syntax("library-name")
        .about("Deletes a library and its functions.", "O(1)", "7.0.0"),
    Command::session("dump", 2, dump_all)
        .flags(NOSCRIPT)
        .categories(category::SCRIPTING)
        .about(
            "Returns all libraries in serialized form.",
            "O(N) where N is the number of functions",
            "7.0.0",
        ),
    Command::session("flush", -2, flush)
        .flags(CHANGES)
        .categories(category::SCRIPTING)
        .syntax("[ASYNC|SYNC]")
        .about(
            "Deletes all libraries and functions.",
            "O(N) where N is the number of functions deleted",
            "7.0.0",
        ),
    help::row("7.0.0").categories(category::SCRIPTING),
    Command::session("kill", 2, kill)
        .flags(NOSCRIPT.and(ALLOW_BUSY))
        .categories(category::SCRIPTING)
        .about("Ends the function that is running.", "O(1)", "7.0.0"),
    Command::session("list", -2, list)
        .flags(NOSCRIPT)
        .categories(category::SCRIPTING)
        .syntax("[LIBRARYNAME library-name-pattern] [WITHCODE]")
        .about(
            "Describes all libraries.",
            "O(N) where N is the number of functions",
            "7.0.0",
        ),
    Command::session("load", -3, load)
        .flags(ADDS)
        .categories(category::SCRIPTING)
        .syntax("[REPLACE] function-code")
        .about(
            "Creates a library.",
            "O(1) (considering compilation time is redundant)",
            "7.0.0",
        ),
    Command::session("restore", -3, restore)
        .flags(ADDS)
        .categories(category::SCRIPTING)
        .syntax("serialized-value [FLUSH|APPEND|REPLACE]")
        .about(
            "Restores all libraries from their serialized form.",
            "O(N) where N is the number of functions on the payload",
            "7.0.0",
        ),
    Command::session("stats", 2, stats)
        .flags(NOSCRIPT.and(ALLOW_BUSY))
        .categories(category::SCRIPTING)
        .about(
            "Tells what function is running, and how many there are.",
            "O(1)",
            "7.0.0",
        ),
]);

/// A library's text is run when it is loaded, and may take a while: away from the worker.
fn load(cx: &mut Context<'_>, args: Args<'_>, _: &mut Reply<'_>) -> Outcome {
    let last = args.len() - 1;
    for index in 2..last {
        if !args.is(index, "replace") {
            return Err(Error::function_option(args.at(index)));
        }
    }
    let replace = last > 2;
    elsewhere(cx, args, move |shared, args, reply| {
        let library = prepare(shared, args.at(last))?;
        let name = library.name.clone();
        shared.functions.add(library, replace)?;
        reply.bulk(&name);
        Ok(())
    })
}

/// Runs a library's text on this thread, and makes a library of what it registers.
fn prepare(shared: &Shared, text: &[u8]) -> Result<Library, Error> {
    let draft = functions::draft(text)?;
    let memory_max = shared.config.load().scripting.memory_limit as usize;
    let registered = with_vm(&shared.scripts.vm_bytes, |vm| {
        vm.try_library(&draft, memory_max)
    })?;
    functions::library(text, registered)
}

fn elsewhere(
    cx: &Context<'_>,
    args: Args<'_>,
    work: impl FnOnce(&Shared, Args<'_>, &mut Reply<'_>) -> Result<(), Error> + Send + 'static,
) -> Outcome {
    let (owned, protocol): (OwnedArgs, Protocol) = (args.to_owned(), cx.session.protocol);
    Ok(Flow::Offload(Box::new(move |shared, out| {
        let mut reply = Reply::new(out, protocol);
        if let Err(error) = work(shared, owned.as_args(), &mut reply) {
            shared.metrics.count_error(&error.code());
            reply.error(&error);
        }
    })))
}

fn delete(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !cx.shared.functions.delete(args.at(2)) {
        return Err(Error::no_library());
    }
    reply.ok();
    DONE
}

fn flush(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mode_fits = args.is(2, "sync") || args.is(2, "async");
    if args.len() > 3 || args.len() == 3 && !mode_fits {
        return Err(Error::function_flush_mode());
    }
    cx.shared.functions.flush();
    reply.ok();
    DONE
}

fn kill(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.shared.running.kill(true) {
        Ok(()) => reply.ok(),
        Err(NotKilled::Nothing) => return Err(Error::not_busy()),
        Err(NotKilled::Written) => return Err(Error::unkillable()),
    }
    DONE
}

fn dump_all(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(&dump::dump(&cx.shared.functions.libraries()));
    DONE
}

fn restore(cx: &mut Context<'_>, args: Args<'_>, _: &mut Reply<'_>) -> Outcome {
    let policy = match () {
        () if args.len() > 4 => return Err(Error::function_arity("function|restore")),
        () if args.len() == 3 || args.is(3, "append") => Restore::Append,
        () if args.is(3, "replace") => Restore::Replace,
        () if args.is(3, "flush") => Restore::Flush,
        () => return Err(Error::function_restore_policy()),
    };
    let texts = dump::parse(args.at(2)).ok_or_else(Error::function_dump)?;
    elsewhere(cx, args.first(0), move |shared, _, reply| {
        let libraries: Result<Vec<Library>, Error> =
            texts.iter().map(|text| prepare(shared, text)).collect();
        shared.functions.restore(libraries?, policy)?;
        reply.ok();
        Ok(())
    })
}

fn list(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (mut pattern, mut with_code) = (None, false);
    let mut at = 2;
    while at < args.len() {
        if !with_code && args.is(at, "withcode") {
            with_code = true;
        } else if pattern.is_none() && args.is(at, "libraryname") {
            at += 1;
            let given = args.get(at).ok_or_else(Error::function_list_name)?;
            pattern = Some(given);
        } else {
            return Err(Error::function_list_option(args.at(at)));
        }
        at += 1;
    }
    let mut libraries = cx.shared.functions.libraries();
    if let Some(pattern) = pattern {
        libraries.retain(|library| glob::matches(pattern, &library.name, false));
    }
    reply.array(libraries.len());
    for library in libraries {
        describe(&library, with_code, reply);
    }
    DONE
}

fn describe(library: &Library, with_code: bool, reply: &mut Reply<'_>) {
    reply.map(if with_code { 4 } else { 3 });
    reply.bulk(b"library_name");
    reply.bulk(&library.name);
    reply.bulk(b"engine");
    reply.bulk(b"LUA");
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(&function.name);
        reply.bulk(b"description");
        match &function.description {
            Some(description) => reply.bulk(description),
            None => reply.null(),
        }
        reply.bulk(b"flags");
        let flags = FLAGS.iter().filter(|(flag, _)| function.flags.has(*flag));
        reply.set(flags.clone().count());
        flags.for_each(|(_, name)| reply.simple(name));
    }
    if with_code {
        reply.bulk(b"library_code");
        reply.bulk(library.text());
    }
}

fn stats(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.map(2);
    reply.bulk(b"running_script");
    match cx.shared.running.longest(true) {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&running.name);
            reply.bulk(b"command");
            reply.array(running.command.len());
            running.command.iter().for_each(|arg| reply.bulk(arg));
            reply.bulk(b"duration_ms");
            let now_ms = cx.shared.clock.now_ms();
            reply.int(now_ms.saturating_sub(running.since_ms) as i64);
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    let (libraries, functions) = cx.shared.functions.counts();
    reply.bulk(b"libraries_count");
    reply.count(libraries);
    reply.bulk(b"functions_count");
    reply.count(functions);
    DONE
}
