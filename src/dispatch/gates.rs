//! What a request must pass before it runs, in Redis's order.

use super::{Engine, may_write};
use crate::commands::spec::{Handler, NO_AUTH, NO_MULTI, PROTECTED, Place};
use crate::commands::table::Registered;
use crate::config::Permission;
use crate::error::Error;
use crate::protocol::Args;
use crate::session::{Address, Session};

/// The key spec of most commands.
pub(super) const FIRST_ONLY: Place = Place::Range {
    first: 1,
    last: 1,
    step: 1,
};

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

/// Decides whether a request may run.
#[inline]
pub(super) fn admit(
    engine: &Engine,
    session: &Session,
    args: Args<'_>,
    command: Option<&'static Registered>,
) -> Result<Admitted, Refused> {
    let top = command.ok_or_else(|| (unknown(args), None))?;
    let command = match top.command.handler {
        Handler::Container if args.len() > 1 => top
            .subcommand(args.at(1))
            .ok_or_else(|| (unknown_sub(top, args), Some(top)))?,
        _ => top,
    };
    if !command.command.accepts(args.len()) {
        return Err((Error::WrongArity(command.full_name), Some(command)));
    }
    if command.has(PROTECTED) && !may_debug(engine, session) {
        return Err((Error::debug_denied(), Some(command)));
    }
    if !session.authenticated && !command.has(NO_AUTH) {
        return Err((Error::NoAuth, Some(command)));
    }
    if session.multi.is_some() && !runs_in_multi(command) {
        if command.has(NO_MULTI) {
            return Err((Error::NotInMulti, Some(command)));
        }
        return Ok(Admitted::Queue(command));
    }
    let writes = may_write(session, command);
    if let Some(until_ms) = engine.shared.pause.until_ms(writes, engine.now_ms)
        && !command.full_name.starts_with("client|")
    {
        return Ok(Admitted::Pause(until_ms));
    }
    Ok(Admitted::Run(command))
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
    Error::UnknownCommand {
        name: name[..name.len().min(QUOTED_NAME_MAX)].to_vec(),
        arguments,
    }
}

fn unknown_sub(container: &Registered, args: Args<'_>) -> Error {
    let name = args.at(1);
    Error::UnknownSubcommand {
        name: name[..name.len().min(QUOTED_NAME_MAX)].to_vec(),
        container: container.full_name,
    }
}
