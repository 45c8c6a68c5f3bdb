//! Commands on the connection itself.

use super::client::{self, CLIENT};
use super::context::Context;
use super::spec::*;
use super::table::Family;
use crate::acl::DEFAULT_USER;
use crate::acl::log::Reason;
use crate::base::number;
use crate::error::Error;
use crate::metrics::Counter;
use crate::protocol::{Args, Protocol, Reply};
use crate::session::{Flag, REDIS_VERSION, ReplyMode, log_denial};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The family.
pub static FAMILY: Family = Family {
    group: "connection",
    category: category::CONNECTION,
    commands: COMMANDS,
};

const BEFORE_AUTH: Flags = FAST
    .and(LOADING)
    .and(STALE)
    .and(NOSCRIPT)
    .and(NO_AUTH)
    .and(ALLOW_BUSY);

const COMMANDS: &[Command] = checked(&[
    Command::session("auth", -2, auth)
        .flags(BEFORE_AUTH)
        .syntax("[username] password")
        .about(
            "Authenticates the connection.",
            "O(N) where N is the number of passwords defined for the user",
            "1.0.0",
        ),
    CLIENT,
    Command::session("echo", 2, echo)
        .flags(FAST.and(LOADING).and(STALE))
        .syntax("message")
        .about("Returns the given string.", "O(1)", "1.0.0"),
    Command::session("hello", -1, hello)
        .flags(BEFORE_AUTH)
        .syntax("[protover [AUTH username password] [SETNAME clientname]]")
        .about("Shakes hands with the server.", "O(1)", "6.0.0"),
    Command::session("ping", -1, ping)
        .flags(FAST)
        .syntax("[message]")
        .about("Returns the server's liveliness response.", "O(1)", "1.0.0"),
    Command::session("quit", -1, quit).flags(BEFORE_AUTH).about(
        "Closes the connection.",
        "O(1)",
        "1.0.0",
    ),
    Command::session("reset", 1, reset)
        .flags(BEFORE_AUTH)
        .about(
            "Returns the connection to the state of a new one.",
            "O(1)",
            "6.2.0",
        ),
    Command::session("select", 2, select)
        .flags(FAST.and(LOADING).and(STALE).and(ALLOW_BUSY))
        .syntax("index")
        .about("Changes the selected database.", "O(1)", "1.0.0"),
]);

fn auth(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.len() {
        2 if cx.shared.acl.default_user().needs_no_password() => {
            return Err(Error::AuthWithoutPassword);
        }
        2 => authenticate(cx, DEFAULT_USER, args.at(1))?,
        3 => authenticate(cx, args.at(1), args.at(2))?,
        _ => return Err(Error::Syntax),
    }
    reply.ok();
    DONE
}

/// Logs in as a user. Guesses are counted by address; the gates make further ones wait.
fn authenticate(cx: &mut Context<'_>, name: &[u8], password: &[u8]) -> Result<(), Error> {
    let acl = &cx.shared.acl;
    let generation = acl.generation();
    let logins = &cx.shared.clients.logins;
    let client = Arc::clone(&cx.session.client);
    let Some(user) = acl.login(name, password) else {
        cx.sheet.add(Counter::FailedLogins, 1);
        logins.failed(&client.address, cx.now_ms);
        tracing::warn!(client = client.id, address = %client.address, "a login failed");
        client.last_command.store(cx.command.id as u32, Relaxed);
        let object = cx.command.full_name.to_ascii_uppercase();
        log_denial(
            &cx.checking(),
            &client,
            Reason::Login,
            object.as_bytes(),
            name,
        );
        return Err(Error::WrongPass);
    };
    logins.succeeded(&client.address);
    cx.session.log_in(user, generation);
    Ok(())
}

fn hello(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let protocol = args.get(1).map(protocol_version).transpose()?;
    let (mut login, mut name) = (None, None);
    let mut index = 2;
    while index < args.len() {
        let more = args.len() - 1 - index;
        if args.is(index, "auth") && more >= 2 {
            login = Some((args.at(index + 1), args.at(index + 2)));
            index += 3;
        } else if args.is(index, "setname") && more >= 1 {
            name = Some(client::valid_name(args.at(index + 1))?);
            index += 2;
        } else {
            return Err(Error::hello_option(args.at(index)));
        }
    }
    if let Some((user, password)) = login {
        authenticate(cx, user, password)?;
    }
    if !cx.session.is_admitted(&cx.shared.acl) {
        return Err(Error::HelloNoAuth);
    }
    if let Some(name) = name {
        cx.session.client.identify(|own| own.name = name.to_vec());
    }
    if let Some(protocol) = protocol {
        speak(cx, protocol, reply);
    }
    greet(cx, reply);
    DONE
}

fn protocol_version(text: &[u8]) -> Result<Protocol, Error> {
    match number::parse_i64(text) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err(Error::UnsupportedProtocol),
        None => Err(Error::ProtocolVersionNotInteger),
    }
}

fn speak(cx: &mut Context<'_>, protocol: Protocol, reply: &mut Reply<'_>) {
    cx.session.protocol = protocol;
    cx.session.client.set_protocol(protocol);
    reply.set_protocol(protocol);
}

fn greet(cx: &Context<'_>, reply: &mut Reply<'_>) {
    reply.map(7);
    for (field, value) in [
        ("server", "redis"),
        ("version", REDIS_VERSION),
        ("mode", "standalone"),
        ("role", "master"),
    ] {
        reply.bulk(field.as_bytes());
        reply.bulk(value.as_bytes());
        if field == "version" {
            reply.bulk(b"proto");
            reply.int(cx.session.protocol.number());
            reply.bulk(b"id");
            reply.int(cx.session.client.id as i64);
        }
    }
    reply.bulk(b"modules");
    reply.array(0);
}

fn ping(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match args.len() {
        // In RESP2 a subscriber tells replies from messages by their form.
        1 | 2 if cx.session.is_subscriber() && !reply.is_resp3() => {
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(args.get(1).unwrap_or_default());
        }
        1 => reply.simple("PONG"),
        2 => reply.bulk(args.at(1)),
        _ => return Err(Error::WrongArity("ping")),
    }
    DONE
}

fn echo(_: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(args.at(1));
    DONE
}

fn select(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let index = number::parse_i64(args.at(1)).ok_or(Error::NotInteger)?;
    let index = i32::try_from(index).map_err(|_| Error::NOT_INT32)?;
    let db = usize::try_from(index)
        .ok()
        .filter(|db| *db < cx.shared.keyspace.databases());
    cx.session.db = db.ok_or(Error::DbIndexOutOfRange)?;
    cx.session.client.db.store(cx.session.db as u32, Relaxed);
    reply.ok();
    DONE
}

fn quit(_: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.ok();
    Ok(Flow::Close)
}

fn reset(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.end_multi();
    cx.unwatch();
    cx.session.unsubscribe_all(&cx.shared.pubsub);
    // A monitor's lines are not messages: see below.
    let client = &cx.session.client;
    if !client.is(Flag::Monitor)
        && let Some(mut mail) = client.take_mail()
    {
        reply.output().append(&mut mail);
    }
    let audience = &cx.shared.keyspace.audience;
    cx.session
        .end_caching(&cx.shared.tracking, |on| audience.track(on));
    speak(cx, Protocol::Resp2, reply);
    let session = &mut *cx.session;
    session.db = 0;
    session.reply_mode = ReplyMode::On;
    session.no_touch = false;
    session.log_out(&cx.shared.acl);
    let client = &session.client;
    client.db.store(0, Relaxed);
    client.set(Flag::NoTouch, false);
    client.set(Flag::NoEvict, false);
    client.identify(|own| own.name.clear());
    cx.shared.clients.set_monitor(client, false);
    reply.simple("RESET");
    DONE
}
