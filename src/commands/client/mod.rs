//! `CLIENT`: what a connection says of itself, and what may be done to others.

mod describe;
mod filter;
mod tracking;

use super::context::Context;
use super::help;
use super::spec::*;
use crate::base::number;
use crate::error::Error;
use crate::protocol::{Args, Protocol, Reply};
use crate::session::{Doom, Flag, PauseKind, ReplyMode, Shared, Unblocked};
pub use describe::client_line;
use describe::describe;
use filter::Filter;
use std::sync::atomic::Ordering::Relaxed;

/// With more clients than this, `CLIENT LIST` is long work: each costs about a microsecond.
const LIST_IN_PLACE_MAX: usize = 500;

const OWN: Flags = NOSCRIPT.and(LOADING).and(STALE).and(ALLOW_BUSY);
const OTHERS: Flags = ADMIN.and(NOSCRIPT).and(LOADING).and(STALE);

/// The row of the container.
pub(super) const CLIENT: Command = Command::container("client", SUBCOMMANDS).about(
    "A container for client connection commands.",
    "Depends on subcommand",
    "2.4.0",
);

const FILTERS: &str = "[ID client-id [client-id ...]] [TYPE <normal|master|replica|pubsub>] \
    [USER username] [ADDR addr] [LADDR laddr] [IP ip] [NAME name] [LIB-NAME lib-name] \
    [LIB-VER lib-ver] [DB db] [FLAGS flags] [IDLE idle] [MAXAGE maxage] [SKIPME <YES|NO>] \
    [NOT-<filter> value ...]";
const KILL_SYNTAX: &str = "<ip:port | filter> where filter is as of LIST";

const SUBCOMMANDS: &[Command] = checked(&[
    Command::session("caching", 3, tracking::caching)
        .flags(OWN)
        .syntax("<YES | NO>")
        .about(
            "Says whether what the next command or transaction reads is tracked.",
            "O(1)",
            "6.0.0",
        ),
    Command::session("capa", -3, capa)
        .flags(OWN)
        .syntax("<REDIRECT> [capability ...]")
        .about(
            "Tells what the client library is able to do.",
            "O(1)",
            "8.0.0",
        ),
    Command::session("getname", 2, getname).flags(OWN).about(
        "Returns the name of the connection.",
        "O(1)",
        "2.6.9",
    ),
    Command::session("getredir", 2, tracking::getredir)
        .flags(OWN)
        .about(
            "Returns the id of the client that is told of changes instead.",
            "O(1)",
            "6.0.0",
        ),
    help::row("5.0.0"),
    Command::session("id", 2, id).flags(OWN).about(
        "Returns the id of the connection.",
        "O(1)",
        "5.0.0",
    ),
    Command::session("import-source", 3, import_source)
        .flags(NOSCRIPT.and(LOADING).and(STALE))
        .syntax("<ON | OFF>")
        .about(
            "Marks the connection as a source of imported data, which a server in import mode wants.",
            "O(1)",
            "8.1.0",
        ),
    Command::session("info", 2, info)
        .flags(NOSCRIPT.and(LOADING).and(STALE))
        .about("Describes the connection.", "O(1)", "6.2.0"),
    Command::session("kill", -3, kill)
        .flags(OTHERS)
        .syntax(KILL_SYNTAX)
        .about(
            "Closes connections.",
            "O(N) where N is the number of client connections",
            "2.4.0",
        ),
    Command::session("list", -2, list)
        .flags(OTHERS)
        .syntax(FILTERS)
        .about(
            "Describes the connections.",
            "O(N) where N is the number of client connections",
            "2.4.0",
        ),
    Command::session("no-evict", 3, no_evict)
        .flags(OWN.and(ADMIN))
        .syntax("<ON | OFF>")
        .about(
            "Spares the connection when clients take too much memory.",
            "O(1)",
            "7.0.0",
        ),
    Command::session("no-touch", 3, no_touch)
        .flags(OWN)
        .syntax("<ON | OFF>")
        .about(
            "Keeps the connection's accesses from counting as use of keys.",
            "O(1)",
            "7.2.0",
        ),
    Command::session("pause", -3, pause)
        .flags(OTHERS)
        .syntax("timeout [WRITE | ALL]")
        .about(
            "Makes requests wait for some milliseconds.",
            "O(1)",
            "3.0.0",
        ),
    Command::session("reply", 3, reply_mode)
        .flags(OWN.and(NO_MULTI))
        .syntax("<ON | OFF | SKIP>")
        .about("Says which replies are wanted.", "O(1)", "3.2.0"),
    Command::session("setinfo", 4, setinfo)
        .flags(OWN)
        .syntax("<LIB-NAME libname | LIB-VER libver>")
        .about("Names the client library.", "O(1)", "7.2.0"),
    Command::session("setname", 3, setname)
        .flags(OWN)
        .syntax("connection-name")
        .about("Names the connection.", "O(1)", "2.6.9"),
    Command::session("tracking", -3, tracking::tracking)
        .flags(NOSCRIPT.and(LOADING).and(STALE))
        .syntax(
            "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] \
             [OPTOUT] [NOLOOP]",
        )
        .about(
            "Tells the connection when keys change that it has read.",
            "O(1). Some options may introduce additional complexity.",
            "6.0.0",
        ),
    Command::session("trackinginfo", 2, tracking::trackinginfo)
        .flags(NOSCRIPT.and(LOADING).and(STALE))
        .about(
            "Describes what the connection has asked for of client-side caching.",
            "O(1)",
            "6.2.0",
        ),
    Command::session("unblock", -3, unblock)
        .flags(OTHERS)
        .syntax("client-id [TIMEOUT | ERROR]")
        .about(
            "Wakes a client that waits in a blocking command.",
            "O(log N) where N is the number of client connections",
            "5.0.0",
        ),
    Command::session("unpause", 2, unpause).flags(OTHERS).about(
        "Lets paused requests go on.",
        "O(N) where N is the number of client connections",
        "6.2.0",
    ),
]);

/// A name as Redis allows it: no blanks, no control characters, ASCII only.
pub(super) fn valid_name(name: &[u8]) -> Result<&[u8], Error> {
    if is_word(name) {
        Ok(name)
    } else {
        Err(Error::ClientName)
    }
}

fn is_word(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

fn getname(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match cx.session.client.identity().name.as_slice() {
        [] => reply.null(),
        name => reply.bulk(name),
    }
    DONE
}

fn setname(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let name = valid_name(args.at(2))?.to_vec();
    cx.session.client.identify(|own| own.name = name);
    reply.ok();
    DONE
}

fn setinfo(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let is_name = args.is(2, "lib-name");
    if !is_name && !args.is(2, "lib-ver") {
        return Err(Error::unrecognized_option(args.at(2)));
    }
    let value = args.at(3);
    if !is_word(value) {
        return Err(Error::client_info_value(args.at(2)));
    }
    cx.session.client.identify(|own| {
        if is_name {
            own.library = value.to_vec();
        } else {
            own.library_version = value.to_vec();
        }
    });
    reply.ok();
    DONE
}

fn id(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.int(cx.session.client.id as i64);
    DONE
}

/// Publishes what is otherwise published at the end of a batch, so that a client sees itself true.
fn publish_own(cx: &Context<'_>) {
    let client = &cx.session.client;
    client.active_ms.store(cx.now_ms, Relaxed);
    client.last_command.store(cx.command.id as u32, Relaxed);
}

fn info(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    publish_own(cx);
    let mut text = Vec::new();
    describe(&cx.session.client, cx.now_ms, &mut text);
    reply.verbatim(b"txt", &text);
    DONE
}

fn list(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    publish_own(cx);
    let filter = Filter::parse(args.skip(2), filter::Purpose::List, &cx.shared.acl)?;
    let (own_id, now_ms) = (cx.session.client.id, cx.now_ms);
    if cx.shared.clients.len() <= LIST_IN_PLACE_MAX {
        write_list(cx.shared, &filter, own_id, now_ms, reply);
        return DONE;
    }
    let protocol: Protocol = cx.session.protocol;
    Ok(Flow::Offload(Box::new(move |shared, out| {
        let mut reply = Reply::new(out, protocol);
        write_list(shared, &filter, own_id, now_ms, &mut reply);
    })))
}

fn write_list(shared: &Shared, filter: &Filter, own_id: u64, now_ms: u64, reply: &mut Reply<'_>) {
    let mut text = Vec::new();
    for client in shared.clients.staying() {
        if filter.selects(&client, own_id, now_ms) {
            describe(&client, now_ms, &mut text);
        }
    }
    reply.verbatim(b"txt", &text);
}

fn kill(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let by_address = args.len() == 3;
    let filter = if by_address {
        Filter::address(args.at(2))
    } else {
        Filter::parse(args.skip(2), filter::Purpose::Kill, &cx.shared.acl)?
    };
    let own_id = cx.session.client.id;
    let (mut killed, mut others) = (0, Vec::new());
    let mut own = false;
    for client in cx.shared.clients.staying() {
        if !filter.selects(&client, own_id, cx.now_ms) {
            continue;
        }
        killed += 1;
        if client.id == own_id {
            own = true;
        } else {
            client.doom(Doom::Killed);
            others.push(client.id);
        }
    }
    let answer = move |reply: &mut Reply<'_>| match by_address {
        true => reply.ok(),
        false => reply.count(killed),
    };
    if by_address && killed == 0 {
        return Err(Error::NO_SUCH_CLIENT);
    }
    // The killer gets its reply first.
    if own || others.is_empty() || cx.in_transaction {
        answer(reply);
        return if own { Ok(Flow::Close) } else { DONE };
    }
    // Each is in the middle of something until its own task has its turn.
    let protocol = reply.protocol();
    Ok(Flow::Offload(Box::new(move |shared, out| {
        shared.clients.await_leaving(others);
        answer(&mut Reply::new(out, protocol));
    })))
}

fn on_or_off(args: Args<'_>) -> Result<bool, Error> {
    match () {
        () if args.is(2, "on") => Ok(true),
        () if args.is(2, "off") => Ok(false),
        () => Err(Error::Syntax),
    }
}

/// A server is free to make nothing of a capability: redirects, the only one there is, are for
/// servers that have somewhere to redirect to.
fn capa(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.ok();
    DONE
}

/// There is no import mode here, so nobody can be its source.
fn import_source(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if on_or_off(args)? {
        return Err(Error::NO_IMPORT_MODE);
    }
    reply.ok();
    DONE
}

fn no_evict(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.session.client.set(Flag::NoEvict, on_or_off(args)?);
    reply.ok();
    DONE
}

fn no_touch(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let on = on_or_off(args)?;
    cx.session.no_touch = on;
    cx.session.client.set(Flag::NoTouch, on);
    reply.ok();
    DONE
}

fn reply_mode(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mode = &mut cx.session.reply_mode;
    if args.is(2, "on") {
        *mode = ReplyMode::On;
        reply.ok();
    } else if args.is(2, "off") {
        *mode = ReplyMode::Off;
    } else if args.is(2, "skip") {
        if *mode != ReplyMode::Off {
            *mode = ReplyMode::SkipThis;
        }
    } else {
        return Err(Error::Syntax);
    }
    DONE
}

fn pause(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let kind = match args.len() {
        3 => PauseKind::All,
        4 if args.is(3, "write") => PauseKind::Write,
        4 if args.is(3, "all") => PauseKind::All,
        4 => return Err(Error::PAUSE_MODE),
        _ => return Err(Error::subcommand_usage(args.at(1), "CLIENT")),
    };
    let timeout_ms = number::parse_i64(args.at(2)).ok_or(Error::TIMEOUT_NOT_INTEGER)?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| Error::TIMEOUT_NEGATIVE)?;
    let until_ms = cx.now_ms.saturating_add(timeout_ms);
    cx.shared.pause.extend(kind, until_ms, cx.now_ms);
    cx.answer_in_force(reply, |reply| reply.ok())
}

fn unpause(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.shared.pause.end();
    cx.shared.clients.wake_all();
    reply.ok();
    DONE
}

fn unblock(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let how = match args.len() {
        3 => Unblocked::AsTimeout,
        4 if args.is(3, "timeout") => Unblocked::AsTimeout,
        4 if args.is(3, "error") => Unblocked::WithError,
        4 => return Err(Error::UNBLOCK_REASON),
        _ => return Err(Error::subcommand_usage(args.at(1), "CLIENT")),
    };
    let id = number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?;
    let client = u64::try_from(id)
        .ok()
        .and_then(|id| cx.shared.clients.get(id));
    reply.int(
        client
            .is_some_and(|client| client.unblock(how, cx.now_ms))
            .into(),
    );
    DONE
}
