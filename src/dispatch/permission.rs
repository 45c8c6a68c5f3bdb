//! May this user run this request?

use super::Engine;
use crate::acl::log::Origin;
use crate::commands::refused_option;
use crate::commands::table::{self, Registered};
use crate::error::Error;
use crate::keyspace::waiting::Waiter;
use crate::protocol::Args;
use crate::session::{Checking, Session, Shared, refused};

/// Checks a request of a user that may not do everything; `queues` when it is to be queued, and
/// will be checked again when it runs.
///
/// # Errors
/// The refusal, which is counted and logged.
pub(super) fn check(
    engine: &Engine,
    session: &mut Session,
    (command, args): (&'static Registered, Args<'_>),
    queues: bool,
) -> Result<(), Error> {
    let with = Checking {
        shared: &engine.shared,
        config: engine.view.config(),
        sheet: &engine.sheet,
        now_ms: engine.now_ms,
        origin: match session.multi {
            Some(_) => Origin::Multi,
            None => Origin::TopLevel,
        },
    };
    session
        .check(&with, command, args)
        .map_err(|refusal| refused(refusal, command))?;
    match queues {
        true => Ok(()),
        false => check_made_keys(session, command, args),
    }
}

/// Checks a request that was queued, with the rules that are in force now.
///
/// # Errors
/// As [`check`], in other words.
pub(super) fn check_again(
    with: &Checking<'_>,
    session: &mut Session,
    command: &'static Registered,
    args: Args<'_>,
) -> Result<(), Error> {
    if session.cleared == with.shared.acl.generation() {
        return Ok(());
    }
    session
        .check(with, command, args)
        .map_err(Error::no_permission_any_more)?;
    check_made_keys(session, command, args)
}

/// A request that reads keys no argument names (`SORT … BY`) is for who may read every key.
fn check_made_keys(session: &Session, command: &Registered, args: Args<'_>) -> Result<(), Error> {
    if command.command.reaches.is_none() || session.may_read_all(command, args) {
        return Ok(());
    }
    refused_option(args).map_or(Ok(()), Err)
}

/// May a request that waits for keys be run, now that somebody has changed one? Asked of the users
/// only if they have changed since it began to wait.
pub(super) fn still(shared: &Shared, waiter: &Waiter) -> bool {
    let (client, generation) = waiter.permitted;
    let acl = &shared.acl;
    if generation == acl.generation() {
        return true;
    }
    let client = shared.clients.get(client);
    let user = client.and_then(|client| acl.user(&client.user()));
    let command = &table::all()[waiter.command];
    user.is_some_and(|user| user.check(command, waiter.args.as_args()).is_ok())
}
