//! Queueing commands after `MULTI`, and `EXEC`.
//!
//! `EXEC` locks the union of the shards of its commands' keys and of the watched keys, in
//! ascending order and once; with a command on the whole keyspace among them, all shards. Whether
//! a watched key was changed is asked under those locks, so nothing can come in between.

use super::{Engine, feed_monitors, permission, slow};
use crate::acl::log::Origin;
use crate::base::stopwatch::Stopwatch;
use crate::commands::context::Context;
use crate::commands::spec::{DENYOOM, Flow, Handler, Outcome};
use crate::commands::table::{self, Registered};
use crate::config::Config;
use crate::error::Error;
use crate::keyspace::txn::Keys;
use crate::keyspace::{Hash, Key, Txn, eviction, hash_key};
use crate::metrics::{Counter, Sheet, bump};
use crate::protocol::output::Mark;
use crate::protocol::{Args, Reply};
use crate::session::{Checking, Multi, Queued, Session, Shared, Watching};
use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Commands one transaction may hold.
pub const QUEUE_MAX: usize = 1 << 20;

/// Queues a command.
pub(super) fn queue(
    engine: &mut Engine,
    session: &mut Session,
    command: &'static Registered,
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Error> {
    let limit = engine.view.config().limits.query_buffer_limit as usize;
    let client = &session.client;
    let multi = session.multi.as_mut().expect("asked by the gates");
    // A transaction that is refused anyway holds nothing more.
    if !multi.refused {
        let bytes = args.total_bytes() + args.len() * 8 + size_of::<Queued>();
        if multi.queue.len() >= QUEUE_MAX || multi.bytes + bytes > limit {
            multi.refuse();
            return Err(Error::QueueLimit);
        }
        multi.bytes += bytes;
        multi.push(command.id, args);
        client.queued.store(multi.queue.len() as i64, Relaxed);
        client.multi_bytes.store(multi.bytes as u64, Relaxed);
    }
    reply.simple("QUEUED");
    Ok(())
}

/// `EXEC`.
pub(super) fn exec(engine: &mut Engine, session: &mut Session, reply: &mut Reply<'_>) -> Outcome {
    if session.multi.is_none() {
        return Err(Error::WithoutMulti("EXEC"));
    }
    if engine.shared.running.are_long() && !is_free(engine, session) {
        return Ok(Flow::Later);
    }
    let multi = session.end_multi().expect("seen above");
    let watching = session.stop_watching();
    if multi.refused {
        release(engine, watching);
        return Err(Error::ExecAborted);
    }
    if let Err(error) = make_room(engine, &multi) {
        release(engine, watching);
        return Err(Error::ExecAbortedBecause(Box::new(error)));
    }
    let flow = run_all(engine, session, &multi, watching.as_deref(), reply);
    release(engine, watching);
    Ok(flow)
}

/// Can the locks of the transaction be had without waiting?
fn is_free(engine: &Engine, session: &Session) -> bool {
    let multi = session.multi.as_ref().expect("seen by the caller");
    let needed = locks_needed(multi, session.watching.as_deref());
    Txn::are_free(&engine.shared.keyspace, needed.map(Vec::into_iter))
}

/// What an `EXEC` that is refused before it runs answers: the transaction goes with it.
pub(super) fn abort(engine: &mut Engine, session: &mut Session, cause: Error) -> Error {
    session.end_multi();
    release(engine, session.stop_watching());
    Error::ExecAbortedBecause(Box::new(cause))
}

fn release(engine: &mut Engine, watching: Option<Box<Watching>>) {
    if let Some(watching) = watching {
        watching.release(&engine.shared.keyspace);
    }
}

fn make_room(engine: &mut Engine, multi: &Multi) -> Result<(), Error> {
    let writes = multi
        .queue
        .iter()
        .any(|queued| table::all()[queued.command].has(DENYOOM));
    let Engine {
        shared,
        local,
        now_ms,
        ..
    } = engine;
    if writes && !eviction::make_room(&shared.keyspace, local, *now_ms, multi.bytes) {
        return Err(Error::OutOfMemory);
    }
    Ok(())
}

/// Runs the queued commands under all their locks, unless a watched key was changed.
fn run_all(
    engine: &mut Engine,
    session: &mut Session,
    multi: &Multi,
    watching: Option<&Watching>,
    reply: &mut Reply<'_>,
) -> Flow {
    let needed = locks_needed(multi, watching);
    let (shared, config, sheet) = (&engine.shared, engine.view.config(), &engine.sheet);
    let (now_ms, stopwatch) = (engine.now_ms, &engine.stopwatch);
    let mut start = stopwatch.now();
    // What `CONFIG SET` puts into force holds for the rest of the transaction.
    let renewals = multi.queue.iter().filter(|queued| sets_config(queued));
    let renewed: Vec<OnceCell<Arc<Config>>> = renewals.map(|_| OnceCell::new()).collect();
    let mut renewed = renewed.iter();
    let mut config: &Config = config;
    engine.local.client = session.client.id;
    let scope = super::scope(shared, &mut engine.local, config, now_ms, session);
    let mut txn = match needed {
        Some(hashes) => Txn::begin_union(scope, hashes.into_iter()),
        None => Txn::begin_all(scope, Keys::new()),
    };
    if watching.is_some_and(|watching| is_dirty(watching, &mut txn)) {
        reply.null_array();
        return Flow::Done;
    }
    let mut closes = false;
    reply.array(multi.queue.len());
    for queued in &multi.queue {
        let command = &table::all()[queued.command];
        let args = multi.args(queued);
        let mark = reply.mark();
        let setting = Setting {
            shared,
            config,
            sheet,
            stopwatch,
            now_ms,
        };
        let outcome = setting.run(session, &mut txn, command, args, reply);
        if sets_config(queued)
            && let Some(place) = renewed.next()
        {
            config = place.get_or_init(|| shared.config.load());
            txn.set_config(config);
            txn.local().settings = shared.keyspace.settings();
        }
        closes |= finish(shared, sheet, command, outcome, reply, mark);
        reply.set_protocol(session.protocol);
        let lap = stopwatch.now();
        let spent_ns = stopwatch.ns_between(std::mem::replace(&mut start, lap), lap);
        sheet.executed(command.id, spent_ns);
        if spent_ns >= engine.noteworthy_ns {
            slow::note(shared, config, session, command, args, spent_ns);
        }
    }
    sheet.add(Counter::Commands, multi.queue.len() as u64);
    super::blocking::serve(&mut txn, shared);
    if closes { Flow::Close } else { Flow::Done }
}

/// What each command of a transaction runs with.
struct Setting<'a> {
    shared: &'a Arc<Shared>,
    config: &'a Config,
    sheet: &'a Sheet,
    stopwatch: &'a Stopwatch,
    now_ms: u64,
}

impl Setting<'_> {
    /// Runs one command on the transaction's locks.
    fn run<'a>(
        &self,
        session: &mut Session,
        txn: &mut Txn<'a>,
        command: &'static Registered,
        args: Args<'a>,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        let with = Checking {
            shared: self.shared,
            config: self.config,
            sheet: self.sheet,
            now_ms: self.now_ms,
            origin: Origin::Multi,
        };
        permission::check_again(&with, session, command, args)?;
        if self.shared.clients.has_monitors() {
            feed_monitors(self.shared, self.config, session, args, command);
        }
        match command.command.handler {
            Handler::Keys(handler) | Handler::Keyspace(handler, _) => {
                let keys = command.command.extract_keys(args);
                txn.set_command(session.db, keys.unwrap_or_default());
                let outcome = handler(txn, args, reply);
                if session.notes_reads() {
                    super::caching::note(self.shared, session.client.id, command, txn);
                }
                outcome
            }
            Handler::Session(handler) => {
                let mut cx = Context {
                    shared: self.shared,
                    session,
                    local: txn.local(),
                    config: self.config,
                    now_ms: self.now_ms,
                    sheet: self.sheet,
                    command,
                    in_transaction: true,
                };
                handler(&mut cx, args, reply)
            }
            Handler::Script(source) => {
                let nested = (self.shared, self.config, self.sheet, self.stopwatch);
                let run = super::script::Nested::new(nested, session, command);
                run.run(txn, source, args, reply)
            }
            Handler::Exec | Handler::Container => unreachable!("never queued"),
        }
    }
}

/// May it put another configuration into force?
fn sets_config(queued: &Queued) -> bool {
    table::all()[queued.command].full_name == "config|set"
}

/// The hashes of all keys of the queued commands and of the watched keys; `None` when a command
/// on the whole keyspace is among them.
fn locks_needed(multi: &Multi, watching: Option<&Watching>) -> Option<Vec<Hash>> {
    let mut hashes = Vec::new();
    for queued in &multi.queue {
        let row = table::all()[queued.command].command;
        let args = multi.args(queued);
        let whole = matches!(row.handler, Handler::Keyspace(..) | Handler::Script(_));
        if whole || row.needs_all(args) {
            return None;
        }
        // A key count that does not fit leaves no keys; the handler says what is wrong.
        let _ = row.each_key(args, |index, _| hashes.push(hash_key(args.at(index))));
    }
    if let Some(watching) = watching {
        hashes.extend(watching.keys.keys().map(|(_, key)| hash_key(key)));
    }
    Some(hashes)
}

/// What becomes of one command of a transaction: its error's reply, its statistics. True when the
/// connection is to be closed.
fn finish(
    shared: &Shared,
    sheet: &Sheet,
    command: &Registered,
    outcome: Outcome,
    reply: &mut Reply<'_>,
    mark: Mark,
) -> bool {
    match outcome {
        Ok(Flow::Done) => {}
        Ok(Flow::Close) => return true,
        // Nobody else could fill a key meanwhile.
        Ok(Flow::Long | Flow::Later) => {
            unreachable!("nothing is long or waits inside a transaction")
        }
        Ok(Flow::Block(block)) => block.otherwise.reply_at_once(reply),
        // Inside a transaction long work is done in place: its isolation is what was asked for.
        Ok(Flow::Offload(job)) => job(shared, reply.output()),
        Err(error) => {
            reply.truncate(mark);
            bump(&sheet.command(command.id).failed, 1);
            shared.metrics.count_error(&error.code());
            reply.error(&error);
        }
    }
    false
}

/// Was a watched key changed, or has it expired since?
fn is_dirty(watching: &Watching, txn: &mut Txn<'_>) -> bool {
    let gone = watching
        .keys
        .iter()
        .any(|((db, key), existed)| *existed && !txn.exists_in(*db, Key::new(key)));
    gone || watching.dirty.load(Relaxed)
}
