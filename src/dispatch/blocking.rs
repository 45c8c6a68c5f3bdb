//! Requests that wait for keys: registering them, running them again when a key has changed, and
//! what their clients do when time is up. See [`crate::keyspace::waiting`].

use super::{Engine, permission};
use crate::commands::spec::{Block, Flow, Handler, Otherwise};
use crate::commands::table::{self, Registered};
use crate::error::Error;
use crate::keyspace::waiting::{Request, Waiter, Waits};
use crate::keyspace::{Key, Txn};
use crate::protocol::{Args, Output, Reply};
use crate::session::{Session, Shared, Unblocked};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes that each key of a waiting request takes beside its text, about.
const WAITING_KEY_BYTES: usize = 160;

/// A client's request that waits.
pub struct Blocked {
    waiter: Arc<Waiter>,
    /// Its command.
    pub command: &'static Registered,
    /// When time is up, in ms on the server timeline.
    pub until_ms: Option<u64>,
    otherwise: Otherwise,
}

/// Registers a request as waiting, under the locks that found nothing for it.
pub(super) fn block(
    txn: &mut Txn<'_>,
    session: &Session,
    (command, args): (&'static Registered, Args<'_>),
    block: &mut Block,
) -> Blocked {
    session
        .client
        .last_command
        .store(command.id as u32, Relaxed);
    // The arguments, and each key twice: with the waiter and with its queue.
    let bytes = 3 * args.total_bytes() + args.len() * WAITING_KEY_BYTES;
    let until_ms = block.timeout_ms.map(|ms| txn.now_ms().saturating_add(ms));
    let waiter = txn.wait(Request {
        command: command.id,
        permitted: (session.client.id, session.rules()),
        args: block.again.take().unwrap_or_else(|| args.to_owned()),
        protocol: session.protocol,
        kind: block.kind,
        when_gone: block.when_gone,
        timed: until_ms.is_some(),
        client: Arc::clone(&session.client) as Arc<dyn Waits>,
    });
    session.client.set_waiting(&waiter, bytes as u64);
    Blocked {
        waiter,
        command,
        until_ms,
        otherwise: block.otherwise,
    }
}

/// Runs the requests that wait for what a transaction has changed, in the order in which they
/// came, while its locks are still held.
pub(super) fn serve(txn: &mut Txn<'_>, shared: &Shared) {
    let waiting = &shared.keyspace.waiting;
    while let Some((db, key)) = txn.next_ready() {
        let mut index = 0;
        while let Some(waiter) = waiting.nth(db, &key, index) {
            let kind = txn.kind_in(db, Key::new(&key));
            if kind.is_none() && !waiting.concerned_when_gone(db, &key) {
                break;
            }
            let concerned = kind == Some(waiter.kind) || waiter.when_gone;
            if !concerned || !permission::still(shared, &waiter) || !waiter.claim() {
                index += 1;
                continue;
            }
            match run(txn, shared, &waiter) {
                Ran::Served(reply) => {
                    shared.keyspace.end_waiting(&waiter);
                    waiter.serve(reply, txn.now_ms());
                }
                Ran::Nothing => {
                    waiter.release();
                    index += 1;
                }
                Ran::Busy => {
                    waiter.release();
                    waiter.ask_retry();
                    index += 1;
                }
            }
        }
    }
}

enum Ran {
    Served(Output),
    Nothing,
    /// A shard is held by somebody else.
    Busy,
}

/// Runs a waiter's request inside a transaction.
fn run(txn: &mut Txn<'_>, shared: &Shared, waiter: &Waiter) -> Ran {
    // Asked under the locks: what is pushed after `CLIENT KILL`, or after the client has hung up, goes
    // to the next.
    if waiter.client.is_leaving() || waiter.client.has_hung_up() {
        return Ran::Nothing;
    }
    let row = table::all()[waiter.command].command;
    let Handler::Keys(handler) = row.handler else {
        unreachable!("what waits for keys has keys")
    };
    let args = waiter.args.as_args();
    let keys = row.extract_keys(args).unwrap_or_default();
    let Some(mut inner) = txn.lend((waiter.db, waiter.touch), keys) else {
        return Ran::Busy;
    };
    let mut out = Output::default();
    let mark = out.mark();
    let mut reply = Reply::new(&mut out, waiter.protocol);
    match handler(&mut inner, args, &mut reply) {
        Ok(Flow::Block(_)) => return Ran::Nothing,
        Ok(Flow::Offload(job)) => job(shared, reply.output()),
        Ok(Flow::Long | Flow::Later) => unreachable!("nothing is long inside a transaction"),
        Ok(Flow::Done | Flow::Close) => {}
        Err(error) => {
            reply.truncate(mark);
            shared.metrics.count_error(&error.code());
            reply.error(&error);
        }
    }
    let ready = inner.take_ready();
    drop(inner);
    txn.add_ready(ready);
    Ran::Served(out)
}

impl Engine {
    /// What a blocked client's request has come to: its reply, or `None` while it waits.
    pub fn poll_blocked(&mut self, session: &mut Session, blocked: &Blocked) -> Option<Output> {
        let waiter = &blocked.waiter;
        if let Some(reply) = waiter.take_reply() {
            return Some(reply);
        }
        self.begin_batch();
        if waiter.claim_retry() {
            return self.retry(session, blocked);
        }
        let refused = match permission::still(&self.shared, waiter) {
            true => None,
            false => {
                let request = (blocked.command, waiter.args.as_args());
                permission::check(self, session, request, false).err()
            }
        };
        let unblocked = waiter.ended();
        let expired = blocked.until_ms.is_some_and(|until| self.now_ms >= until);
        let over = expired || refused.is_some();
        if unblocked.is_none() && !(over && waiter.cancel()) {
            return None;
        }
        self.shared.keyspace.end_waiting(waiter);
        let mut out = Output::default();
        let mut reply = Reply::new(&mut out, session.protocol);
        let with_error = unblocked == Some(Unblocked::WithError);
        match refused.or(with_error.then_some(Error::Unblocked)) {
            Some(error) => {
                self.shared.metrics.count_error(&error.code());
                reply.error(&error);
            }
            None => blocked.otherwise.reply(&mut reply),
        }
        Some(out)
    }

    /// Runs a request again whose waiter is claimed.
    fn retry(&mut self, session: &Session, blocked: &Blocked) -> Option<Output> {
        let (mut scope, shared, _) = self.parts(session);
        let waiter = &blocked.waiter;
        let keys = blocked.command.command.extract_keys(waiter.args.as_args());
        scope.db = waiter.db;
        let keys = keys.unwrap_or_default();
        let Some(mut txn) = Txn::begin_until(scope, keys, false, &mut || true) else {
            waiter.release();
            waiter.ask_retry();
            return None;
        };
        match run(&mut txn, shared, waiter) {
            Ran::Served(reply) => {
                shared.keyspace.end_waiting(waiter);
                serve(&mut txn, shared);
                Some(reply)
            }
            Ran::Nothing | Ran::Busy => {
                waiter.release();
                None
            }
        }
    }

    /// Ends a blocked client's wait without a reply: it is gone.
    pub fn abandon(&self, session: &Session, blocked: &Blocked) {
        blocked.waiter.cancel();
        session.client.end_waiting();
        self.shared.keyspace.end_waiting(&blocked.waiter);
    }
}
