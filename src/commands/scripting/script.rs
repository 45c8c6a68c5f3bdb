//! `SCRIPT`: the scripts that the server keeps.

use crate::commands::context::Context;
use crate::commands::help;
use crate::commands::spec::*;
use crate::error::Error;
use crate::protocol::{Args, Reply};
use crate::scripting::running::NotKilled;
use crate::scripting::script::parse_hex;
use crate::scripting::with_vm;

/// `SCRIPT`.
pub(super) const CONTAINER: Command = Command::container("script", SUBCOMMANDS).about(
    "A container for commands on scripts.",
    "Depends on subcommand.",
    "2.6.0",
);

const KEEPS: Flags = NOSCRIPT.and(STALE);

const SUBCOMMANDS: &[Command] = checked(&[
    Command::session("debug", -3, debug)
        .flags(NOSCRIPT)
        .categories(category::SCRIPTING)
        .syntax("<YES|SYNC|NO>")
        .about(
            "Sets the debug mode of scripts, of which there is none.",
            "O(1)",
            "3.2.0",
        ),
    Command::session("exists", -3, exists)
        .flags(KEEPS)
        .categories(category::SCRIPTING)
        .syntax("sha1 [sha1 ...]")
        .about(
            "Tells which scripts are kept.",
            "O(N) with N being the number of scripts to check.",
            "2.6.0",
        ),
    Command::session("flush", -2, flush)
        .flags(KEEPS)
        .categories(category::SCRIPTING)
        .syntax("[ASYNC|SYNC]")
        .about(
            "Forgets all scripts.",
            "O(N) with N being the number of scripts",
            "2.6.0",
        ),
    help::row("5.0.0").categories(category::SCRIPTING),
    Command::session("kill", 2, kill)
        .flags(NOSCRIPT.and(ALLOW_BUSY))
        .categories(category::SCRIPTING)
        .about("Ends the script that is running.", "O(1)", "2.6.0"),
    Command::session("load", 3, load)
        .flags(KEEPS)
        .categories(category::SCRIPTING)
        .syntax("script")
        .about(
            "Keeps a script, and returns its digest.",
            "O(N) with N being the length in bytes of the script body.",
            "2.6.0",
        ),
    Command::session("show", 3, show)
        .flags(KEEPS)
        .categories(category::SCRIPTING)
        .syntax("sha1")
        .about("Returns the text of a script.", "O(1)", "8.0.0"),
]);

fn load(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let scripts = &cx.shared.scripts;
    let script = scripts.load(args.at(2))?;
    let compiled = with_vm(&scripts.vm_bytes, |vm| vm.compile(&script));
    if let Err(error) = compiled {
        scripts.discard(&script);
        return Err(error);
    }
    reply.bulk(&script.hex);
    DONE
}

fn exists(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(args.len() - 2);
    for text in args.from(2) {
        let known = parse_hex(text).is_some_and(|digest| cx.shared.scripts.contains(&digest));
        reply.int(known.into());
    }
    DONE
}

fn show(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let script = parse_hex(args.at(2)).and_then(|digest| cx.shared.scripts.get(&digest));
    let script = script.ok_or_else(Error::no_script_to_show)?;
    reply.bulk(script.body());
    DONE
}

fn flush(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mode_fits = args.is(2, "sync") || args.is(2, "async");
    if args.len() > 3 || args.len() == 3 && !mode_fits {
        return Err(Error::script_flush_mode());
    }
    cx.shared.scripts.flush();
    reply.ok();
    DONE
}

fn kill(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.shared.running.kill(false) {
        Ok(()) => reply.ok(),
        Err(NotKilled::Nothing) => return Err(Error::not_busy()),
        Err(NotKilled::Written) => return Err(Error::unkillable()),
    }
    DONE
}

/// There is no debugger: `NO` is what is so anyway.
fn debug(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !args.is(2, "no") || args.len() > 3 {
        return Err(Error::script_debug_mode());
    }
    reply.ok();
    DONE
}
