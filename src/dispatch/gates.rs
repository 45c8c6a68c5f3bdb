//! What a request must pass before it runs, in Redis's order.

use super::{Engine, may_write, permission};
use crate::commands::spec::{NO_AUTH, NO_MULTI, NOSCRIPT, PROTECTED, PUBSUB};
use crate::commands::table::Registered;
use crate::config::Permission;
use crate::error::Error;
use crate::protocol::{Args, Protocol};
use crate::session::{Address, ReplyMode, Session};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// HTTP on the Redis port is logged at most this often.
const HTTP_LOG_EVERY_MS: u64 = 60_000;

/// Bytes of a name quoted in an error.
const QUOTED_NAME_MAX: usize = 128;

/// What to do with a request that passed.
pub(super) enum Admitted {
    /// Run it.
    Run(&'static Registered),
    /// Queue it in the client's transaction.
    Queue(&'static Registered),
    /// Nothing yet: clients are paused until this moment.
    Pause(u64),
}

/// A refusal, and the command it is counted under, if that is known.
type Refused = (Error, Option<&'static Registered>);

/// Would [`admit`] let every plain command of the right arity ([`Traits::plain`]) run, and is
/// there nothing else to do for it? To be asked once for a batch, and again after every request
/// that was not plain: nothing else changes a session, and what other threads change is in force
/// for the next batch.
///
/// [`Traits::plain`]: crate::commands::table::Traits::plain
///
/// A user that may not do everything ([`Session::cleared`] is 0) is still to be asked for each.
pub(super) fn is_usual(engine: &Engine, session: &mut Session) -> bool {
    is_admitted(engine, session)
        && !session.is_subscriber()
        && session.multi.is_none()
        && session.caching.is_none()
        && session.reply_mode == ReplyMode::On
        && !engine.shared.pause.is_active(engine.now_ms)
        && !engine.shared.clients.has_monitors()
}

/// Decides whether a request may run.
pub(super) fn admit(
    engine: &Engine,
    session: &mut Session,
    args: Args<'_>,
    command: Option<&'static Registered>,
) -> Result<Admitted, Refused> {
    let top = command.ok_or_else(|| (unknown(args), None))?;
    let command = if top.subcommands.is_empty() || args.len() == 1 {
        top
    } else {
        top.subcommand(args.at(1))
            .ok_or_else(|| (unknown_sub(top, args), Some(top)))?
    };
    if !command.command.accepts(args.len()) {
        return Err((Error::WrongArity(command.full_name), Some(command)));
    }
    if command.has(PROTECTED) && !may_debug(engine, session) {
        return Err((Error::debug_denied(), Some(command)));
    }
    if command.has(NO_AUTH) {
        if let Some(until_ms) = login_wait(engine, session, args, command) {
            return Ok(Admitted::Pause(until_ms));
        }
    } else if session.cleared != engine.rules && !is_admitted(engine, session) {
        return Err((Error::NoAuth, Some(command)));
    }
    let queues = session.multi.is_some() && !runs_in_multi(command);
    if queues && command.has(NO_MULTI) {
        return Err((Error::NotInMulti, Some(command)));
    }
    if session.cleared != engine.rules {
        permission::check(engine, session, (command, args), queues)
            .map_err(|error| (error, Some(command)))?;
    }
    if session.is_subscriber() && session.protocol == Protocol::Resp2 && !suits_subscribers(command)
    {
        return Err((Error::only_subscribes(command.full_name), Some(command)));
    }
    if let Some(until_ms) = pause(engine, session, command) {
        return Ok(Admitted::Pause(until_ms));
    }
    match queues {
        true => Ok(Admitted::Queue(command)),
        false => Ok(Admitted::Run(command)),
    }
}

/// May it run commands: has it logged in, or need it not?
fn is_admitted(engine: &Engine, session: &mut Session) -> bool {
    let acl = &engine.shared.acl;
    session.follow_user(acl);
    session.is_admitted(acl)
}

/// Until when a request must wait for the end of a `CLIENT PAUSE`, if it must. As in Redis no
/// command is exempt: a pause of all commands ends when its time is over, not by `CLIENT UNPAUSE`.
#[inline]
fn pause(engine: &Engine, session: &Session, command: &Registered) -> Option<u64> {
    let pause = &engine.shared.pause;
    if !pause.is_active(engine.now_ms) {
        return None;
    }
    pause.until_ms(may_write(session, command), engine.now_ms)
}

/// Until when a password must wait to be looked at, if it must: see `session::Logins`.
fn login_wait(
    engine: &Engine,
    session: &Session,
    args: Args<'_>,
    command: &Registered,
) -> Option<u64> {
    let guesses = match command.full_name {
        "auth" => true,
        "hello" => args.from(2).any(|arg| arg.eq_ignore_ascii_case(b"auth")),
        _ => false,
    };
    let logins = &engine.shared.clients.logins;
    guesses
        .then(|| logins.wait_until_ms(&session.client.address, engine.now_ms))
        .flatten()
}

/// Is this line of HTTP? A page in a browser can make it send requests here, with commands in the
/// body: the first line that no Redis client would send ends the connection.
pub(super) fn is_http(args: Args<'_>) -> bool {
    args.is(0, "post") || args.is(0, "host:")
}

/// Does the configuration let this client use `DEBUG`?
fn may_debug(engine: &Engine, session: &Session) -> bool {
    match engine.config().security.enable_debug_command {
        Permission::No => false,
        Permission::Yes => true,
        Permission::Local => match &session.client.address {
            Address::Unix(_) => true,
            Address::Tcp(address) => address.ip().to_canonical().is_loopback(),
        },
    }
}

/// Logs that somebody spoke HTTP, once in a while.
#[cold]
pub(super) fn report_http(session: &Session, now_ms: u64) {
    static QUIET_UNTIL_MS: AtomicU64 = AtomicU64::new(0);
    let change = |until_ms: u64| (now_ms >= until_ms).then_some(now_ms + HTTP_LOG_EVERY_MS);
    if QUIET_UNTIL_MS
        .fetch_update(Relaxed, Relaxed, change)
        .is_ok()
    {
        tracing::warn!(
            address = %session.client.address,
            "possible attack: HTTP (POST or Host:) on the Redis port; the connection is closed"
        );
    }
}

/// Are its replies pushes, which are sent whether or not the client wants replies?
pub(super) fn replies_by_push(command: &Registered) -> bool {
    command.has(PUBSUB.and(NOSCRIPT))
}

/// May a subscriber send it in RESP2?
fn suits_subscribers(command: &Registered) -> bool {
    replies_by_push(command) || matches!(command.full_name, "ping" | "quit" | "reset")
}

/// Runs at once also while a transaction is being queued?
fn runs_in_multi(command: &Registered) -> bool {
    matches!(
        command.full_name,
        "exec" | "discard" | "multi" | "watch" | "quit" | "reset"
    )
}

fn unknown(args: Args<'_>) -> Error {
    let name = args.at(0);
    let mut arguments = Vec::new();
    for arg in args.from(1) {
        if arguments.len() >= QUOTED_NAME_MAX {
            break;
        }
        let room = QUOTED_NAME_MAX - arguments.len();
        arguments.push(b'\'');
        arguments.extend_from_slice(&arg[..arg.len().min(room)]);
        arguments.extend_from_slice(b"' ");
    }
    let name = name[..name.len().min(QUOTED_NAME_MAX)].to_vec();
    Error::UnknownCommand(Box::new((name, arguments)))
}

fn unknown_sub(container: &Registered, args: Args<'_>) -> Error {
    let name = args.at(1);
    let name = name[..name.len().min(QUOTED_NAME_MAX)].to_vec();
    Error::UnknownSubcommand(Box::new((name, container.full_name)))
}
