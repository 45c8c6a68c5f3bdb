//! The server's clock, role and end: `TIME`, `ROLE`, `SHUTDOWN`, `MODULE`, and `LOLWUT`.

use super::context::Context;
use super::help;
use super::spec::*;
use super::table::Family;
use crate::base::clock;
use crate::base::number;
use crate::base::random::Random;
use crate::error::Error;
use crate::protocol::{Args, Reply};
use crate::session::{Phase, REDIS_VERSION, VERSION};
use std::sync::atomic::Ordering::Relaxed;

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: Categories(0),
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::session("time", 1, time)
        .flags(LOADING.and(STALE).and(FAST))
        .about("Returns the server time.", "O(1)", "2.6.0"),
    Command::session("role", 1, role)
        .flags(NOSCRIPT.and(LOADING).and(STALE).and(FAST))
        .categories(category::ADMIN.and(category::DANGEROUS))
        .about("Returns the replication role.", "O(1)", "2.8.12"),
    Command::session("shutdown", -1, shutdown)
        .flags(
            ADMIN
                .and(NOSCRIPT)
                .and(LOADING)
                .and(STALE)
                .and(NO_MULTI)
                .and(ALLOW_BUSY),
        )
        .syntax("[NOSAVE|SAVE] [NOW] [FORCE] [ABORT]")
        .about("Shuts the server down.", "O(1)", "1.0.0"),
    Command::session("lolwut", -1, lolwut)
        .flags(READONLY.and(FAST))
        .syntax("[VERSION version]")
        .about("Displays computer art and the version.", "", "5.0.0"),
    Command::container(
        "module",
        &[
            Command::session("list", 2, module_list)
                .flags(ADMIN.and(NOSCRIPT))
                .about(
                    "Returns all loaded modules.",
                    "O(N) where N is the number of loaded modules.",
                    "4.0.0",
                ),
            help::row("5.0.0"),
        ],
    )
    .about(
        "A container for module commands.",
        "Depends on subcommand.",
        "4.0.0",
    ),
]);

fn time(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let now_us = clock::wall_us();
    reply.array(2);
    reply.bulk_int((now_us / 1_000_000) as i64);
    reply.bulk_int((now_us % 1_000_000) as i64);
    DONE
}

fn role(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(3);
    reply.bulk(b"master");
    reply.int(0);
    reply.array(0);
    DONE
}

/// Modules cannot be loaded, so there are none.
fn module_list(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(0);
    DONE
}

/// What `SHUTDOWN` was told.
#[derive(Default)]
struct ShutdownOptions {
    save: bool,
    nosave: bool,
    now: bool,
    force: bool,
    abort: bool,
}

impl ShutdownOptions {
    fn parse(args: Args<'_>) -> Result<ShutdownOptions, Error> {
        let mut options = ShutdownOptions::default();
        for option in args.from(1) {
            let flag = match option.to_ascii_lowercase().as_slice() {
                b"save" => &mut options.save,
                b"nosave" => &mut options.nosave,
                b"now" => &mut options.now,
                b"force" => &mut options.force,
                b"abort" => &mut options.abort,
                _ => return Err(Error::Syntax),
            };
            *flag = true;
        }
        let others = options.save || options.nosave || options.now || options.force;
        if options.abort && others || options.save && options.nosave {
            return Err(Error::Syntax);
        }
        Ok(options)
    }
}

/// Ends the server as SIGTERM does: clients get the configured time to take their replies, or none
/// with `NOW`. There is no reply but the end of the connection.
fn shutdown(cx: &mut Context<'_>, args: Args<'_>, _: &mut Reply<'_>) -> Outcome {
    let options = ShutdownOptions::parse(args)?;
    let lifecycle = &cx.shared.lifecycle;
    if options.abort {
        return Err(match lifecycle.phase() {
            // The listeners are closed already: there is no way back.
            Phase::ShuttingDown => Error::shutdown_failed(),
            Phase::Loading | Phase::Serving => Error::no_shutdown(),
        });
    }
    if options.save && !options.force {
        tracing::warn!("SHUTDOWN SAVE refused: there is no storage to save to");
        return Err(Error::shutdown_failed());
    }
    if options.now {
        lifecycle.grace_ms.store(0, Relaxed);
    }
    tracing::info!(client = cx.session.client.id, "SHUTDOWN");
    lifecycle.request_shutdown();
    Ok(Flow::Close)
}

fn lolwut(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() >= 3 && args.at(1).eq_ignore_ascii_case(b"version") {
        // One picture fits every version, but the version must be a number.
        number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?;
    }
    let mut picture = still_life(&mut cx.local.rng);
    picture.push_str(&format!(
        "\nRedis ver. {REDIS_VERSION} (Redistill ver. {VERSION})\n"
    ));
    reply.verbatim(b"txt", picture.as_bytes());
    DONE
}

/// A distillery at night: no two evenings have the same stars, nor the same steam.
fn still_life(rng: &mut Random) -> String {
    const STILL: [&str; 7] = [
        r"            .-~~-.____________            ",
        r"           /      \__________ \           ",
        r"          |        |         \ \          ",
        r"          |  ~~~~  |          | |         ",
        r"           \______/           | |         ",
        r"            /||||\            |_|         ",
        r"           ^^^^^^^^          \___/        ",
    ];
    const SKY_ROWS: usize = 5;
    const DROPS_MAX: u64 = 4;
    let columns = STILL[0].len();
    let mut picture = String::with_capacity((STILL.len() + SKY_ROWS) * (columns + 1));
    for _ in 0..SKY_ROWS {
        let row: String = (0..columns)
            .map(|_| match rng.below(40) {
                0 => '*',
                1 | 2 => '.',
                3 => '\'',
                _ => ' ',
            })
            .collect();
        picture.push_str(row.trim_end());
        picture.push('\n');
    }
    for (row, line) in STILL.into_iter().enumerate() {
        let boiling = line.replace(
            "~~~~",
            ["~oO~", "oO~o", "O~oO", "~Oo~"][rng.below(4) as usize],
        );
        let line = if row < 2 { line } else { &boiling };
        picture.push_str(line.trim_end());
        picture.push('\n');
    }
    for _ in 0..rng.below(DROPS_MAX) {
        picture.push_str("                               .\n");
    }
    picture
}
