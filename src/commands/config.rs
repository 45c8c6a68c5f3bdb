//! `CONFIG`: reading and changing the configuration while the server runs.

use super::context::Context;
use super::help;
use super::spec::*;
use super::table::Family;
use crate::config::{Change, SetError, options};
use crate::error::Error;
use crate::protocol::OwnedArgs;
use crate::protocol::{Args, Reply};
use crate::session::Shared;

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const OPERATOR: Flags = ADMIN.and(NOSCRIPT).and(LOADING).and(STALE);

const COMMANDS: &[Command] = checked(&[Command::container(
    "config",
    &[
        Command::session("get", -3, get)
            .flags(OPERATOR)
            .syntax("parameter [parameter ...]")
            .about(
                "Returns the effective values of configuration parameters.",
                "O(N) when N is the number of configuration parameters provided",
                "2.0.0",
            ),
        Command::session("set", -4, set)
            .flags(OPERATOR)
            .syntax("parameter value [parameter value ...]")
            .about(
                "Sets configuration parameters in-flight.",
                "O(N) when N is the number of configuration parameters provided",
                "2.0.0",
            ),
        Command::session("resetstat", 2, resetstat)
            .flags(OPERATOR)
            .about("Resets the server's statistics.", "O(1)", "2.0.0"),
        Command::session("rewrite", 2, rewrite)
            .flags(OPERATOR)
            .about(
                "Persists the effective configuration to file.",
                "O(1)",
                "2.8.0",
            ),
        help::row("5.0.0"),
    ],
)
.about(
    "A container for server configuration commands.",
    "Depends on subcommand.",
    "2.0.0",
)]);

fn get(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let patterns: Vec<&[u8]> = args.from(2).collect();
    let found = cx.config.get_matching(&patterns);
    reply.map(found.len());
    for (name, value) in found {
        // A name without wildcards comes back as it was asked for.
        let asked = patterns.iter().find(|pattern| {
            !pattern.iter().any(|byte| b"*?[".contains(byte))
                && pattern.eq_ignore_ascii_case(name.as_bytes())
        });
        reply.bulk(asked.unwrap_or(&name.as_bytes()));
        reply.bulk(&value);
    }
    DONE
}

fn set(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let owned = args.to_owned();
    if pairs(args).iter().any(|(name, _)| options::names_tls(name)) {
        // Certificates are read from files, which is not for a worker to wait for.
        let protocol = reply.protocol();
        return Ok(Flow::Offload(Box::new(move |shared, out| {
            let outcome = change(shared, &owned);
            answer(shared, &mut Reply::new(out, protocol), outcome);
        })));
    }
    change(cx.shared, &owned)?;
    reply.ok();
    DONE
}

fn pairs(args: Args<'_>) -> Vec<(&[u8], &[u8])> {
    (2..args.len())
        .step_by(2)
        .map(|index| (args.at(index), args.at(index + 1)))
        .collect()
}

fn change(shared: &Shared, args: &OwnedArgs) -> Result<(), Error> {
    let changes: Result<Vec<Change>, SetError> = shared.set_config(&pairs(args.as_args()));
    for change in changes.map_err(Error::config)? {
        tracing::info!("CONFIG SET: {change}");
    }
    Ok(())
}

fn resetstat(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.shared.metrics.reset();
    reply.ok();
    DONE
}

fn rewrite(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let protocol = reply.protocol();
    Ok(Flow::Offload(Box::new(move |shared, out| {
        let outcome = match shared.name_users().and_then(|()| shared.config.rewrite()) {
            Ok(path) => {
                tracing::info!("CONFIG REWRITE: {} is up to date", path.display());
                Ok(())
            }
            Err(error) => Err(Error::config(error)),
        };
        answer(shared, &mut Reply::new(out, protocol), outcome);
    })))
}

/// Replies to a request that ran on the pool.
fn answer(shared: &Shared, reply: &mut Reply<'_>, outcome: Result<(), Error>) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => {
            shared.metrics.count_error(&error.code());
            reply.error(&error);
        }
    }
}
