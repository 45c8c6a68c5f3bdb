//! Queueing commands after `MULTI`, and `EXEC`.
//!
//! `EXEC` locks the union of the shards of its commands' keys, those that its scripts declare among
//! them, and of the watched keys, in ascending order and once; with a command on the whole keyspace
//! among them, or a script that is known to stray, all shards. Whether a watched key was changed is
//! asked under those locks, so nothing can come in between. A script that strays for the first time
//! takes more locks, see `keyspace::nested`: whoever may yet do so runs on the pool.

use super::{Engine, feed_monitors, permission, script, slow};
use crate::acl::log::Origin;
use crate::base::stopwatch::Stopwatch;
use crate::commands::context::Context;
use crate::commands::spec::{DENYOOM, Flow, Handler, Outcome};
use crate::commands::table::{self, Registered};
use crate::config::Config;
use crate::error::Error;
use crate::keyspace::nested::Locks;
use crate::keyspace::txn::Keys;
use crate::keyspace::{Hash, Key, Local, Txn, eviction, hash_key};
use crate::metrics::{Counter, Sheet, bump};
use crate::protocol::output::Mark;
use crate::protocol::{Args, Output, Reply};
use crate::session::{Borrowed, Checking, Multi, Queued, Session, Shared, Watching};
use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Commands one transaction may hold.
pub const QUEUE_MAX: usize = 1 << 20;

const RESERVED_NS_MAX: u64 = script::RESERVED_MAX.as_nanos() as u64;

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
    let multi = session.end_multi().expect("seen above");
    let watching = session.stop_watching();
    if multi.refused {
        release(&engine.shared, watching);
        return Err(Error::ExecAborted);
    }
    if let Err(error) = make_room(engine, &multi) {
        release(&engine.shared, watching);
        return Err(Error::ExecAbortedBecause(Box::new(error)));
    }
    let needs = Needs::of(&engine.shared, &multi, watching.as_deref());
    let whole = Whole {
        multi,
        watching,
        needs,
    };
    if whole.needs.pool {
        return Ok(offload(engine, session, whole));
    }
    engine.local.client = session.client.id;
    let bench = Bench {
        shared: &engine.shared,
        sheet: &engine.sheet,
        stopwatch: &engine.stopwatch,
        noteworthy_ns: engine.noteworthy_ns,
        on_worker: true,
        end_turn: &|| (),
    };
    let keyspace = &engine.shared.keyspace;
    let Some(locks) = Locks::of(keyspace, whole.needs.hashes(), &mut || true) else {
        return Ok(offload(engine, session, whole));
    };
    let with: (&mut Local, &Config) = (&mut engine.local, engine.view.config());
    let outcome = bench.run(session, with, &whole, (locks, engine.now_ms), reply);
    release(&engine.shared, whole.watching);
    Ok(outcome)
}

/// A transaction to be run.
struct Whole {
    multi: Box<Multi>,
    watching: Option<Box<Watching>>,
    needs: Needs,
}

/// What a transaction needs before its first command.
struct Needs {
    /// The hashes of all keys of the queued commands and of the watched keys; `None` is every shard.
    hashes: Option<Vec<Hash>>,
    /// There is a script in it that may run for long, or yet stray.
    pool: bool,
    /// There is a script in it that may yet stray.
    reserves: bool,
}

impl Needs {
    fn of(shared: &Shared, multi: &Multi, watching: Option<&Watching>) -> Needs {
        let mut hashes = Vec::new();
        let (mut all, mut long, mut may_stray) = (false, false, false);
        for queued in &multi.queue {
            let row = table::all()[queued.command].command;
            let args = multi.args(queued);
            all |= row.needs_all(args);
            match row.handler {
                Handler::Keyspace(..) => all = true,
                Handler::Script(source) => {
                    let forecast = script::forecast(shared, source, args);
                    all |= forecast.strays;
                    long |= forecast.long;
                    may_stray |= forecast.may_stray;
                }
                _ => {}
            }
            if !all {
                // A key count that does not fit leaves no keys; the handler says what is wrong.
                let _ = row.each_key(args, |index, _| hashes.push(hash_key(args.at(index))));
            }
        }
        if let Some(watching) = watching {
            hashes.extend(watching.keys.keys().map(|(_, key)| hash_key(key)));
        }
        Needs {
            hashes: (!all).then_some(hashes),
            pool: long || may_stray && !all,
            reserves: may_stray && !all,
        }
    }

    fn hashes(&self) -> Option<impl Iterator<Item = Hash> + Clone> {
        self.hashes.as_ref().map(|hashes| hashes.iter().copied())
    }
}

/// The transaction as a job for the pool. The session goes with it: commands of the transaction may
/// change it.
fn offload(engine: &Engine, session: &mut Session, whole: Whole) -> Flow {
    let shared = Arc::clone(&engine.shared);
    let noteworthy_ns = engine.noteworthy_ns;
    let mut session = session.lend(&engine.shared);
    Flow::Offload(Box::new(move |_, out| {
        script::with_bench(&shared, |sheet, stopwatch| {
            let bench = Bench {
                shared: &shared,
                sheet,
                stopwatch,
                noteworthy_ns,
                on_worker: false,
                end_turn: &|| (),
            };
            bench.run_on_pool(&mut session, &whole, out);
        });
        release(&shared, whole.watching);
    }))
}

/// Has a script held a shard that is needed for so long that others are told? If so, is it a function?
fn holder(shared: &Shared, needed: Option<&[Hash]>) -> Option<bool> {
    let hashes = needed.unwrap_or_default().iter();
    let mut shards = hashes.map(|hash| shared.keyspace.shard_index(*hash));
    shared.running.busy(&mut shards, needed.is_none())
}

/// What an `EXEC` that is refused before it runs answers: the transaction goes with it.
pub(super) fn abort(engine: &mut Engine, session: &mut Session, cause: Error) -> Error {
    session.end_multi();
    release(&engine.shared, session.stop_watching());
    Error::ExecAbortedBecause(Box::new(cause))
}

fn release(shared: &Shared, watching: Option<Box<Watching>>) {
    if let Some(watching) = watching {
        watching.release(&shared.keyspace);
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

/// What a thread that runs transactions has.
#[derive(Clone, Copy)]
struct Bench<'a> {
    shared: &'a Arc<Shared>,
    sheet: &'a Sheet,
    stopwatch: &'a Stopwatch,
    noteworthy_ns: u64,
    on_worker: bool,
    /// See `script::RESERVED_MAX`.
    end_turn: &'a dyn Fn(),
}

impl Bench<'_> {
    /// Runs a transaction whose locks may take long to get, and to be let go of.
    fn run_on_pool(&self, session: &mut Borrowed, whole: &Whole, out: &mut Output) {
        let shared = self.shared;
        let _long = whole.needs.pool.then(|| shared.running.begin_long());
        let mut local = Local::new(0, shared.keyspace.settings());
        let config = shared.config.load();
        let mut reply = Reply::new(out, session.protocol);
        let mut busy = None;
        let mut give_up = || {
            busy = holder(shared, whole.needs.hashes.as_deref());
            busy.is_some()
        };
        let token = script::Token::default();
        let (hashes, reserves) = (whole.needs.hashes(), whole.needs.reserves);
        match script::lock(shared, hashes, reserves, &token, &mut give_up) {
            // Nothing that it has sent is executed after `CLIENT KILL`; nobody takes its reply.
            Some(_) if session.client.is_leaving() => {}
            Some(locks) => {
                let now_ms = shared.clock.now_ms();
                let with = (&mut local, &*config);
                let bench = Bench {
                    end_turn: &|| drop(token.take()),
                    ..*self
                };
                let flow = bench.run(session, with, whole, (locks, now_ms), &mut reply);
                session.closes = matches!(flow, Flow::Close);
            }
            None => {
                let error = Error::ExecAbortedBecause(Box::new(script::busy_error(busy)));
                shared.metrics.count_error(&error.code());
                if let Some(exec) = table::find(b"exec") {
                    bump(&self.sheet.command(exec.id).failed, 1);
                }
                reply.error(&error);
            }
        }
        local.publish(&shared.keyspace);
    }

    /// Runs the queued commands under all their locks, unless a watched key was changed.
    fn run(
        &self,
        session: &mut Session,
        (local, config): (&mut Local, &Config),
        whole: &Whole,
        (locks, now_ms): (Locks<'_>, u64),
        reply: &mut Reply<'_>,
    ) -> Flow {
        let shared = self.shared;
        let multi = &*whole.multi;
        let renewals = multi.queue.iter().filter(|queued| sets_config(queued));
        let renewed: Vec<OnceCell<Arc<Config>>> = renewals.map(|_| OnceCell::new()).collect();
        local.client = session.client.id;
        let scope = super::scope(shared, local, config, now_ms, session);
        let mut txn = Txn::under(scope, locks, Keys::new());
        let watching = whole.watching.as_deref();
        if watching.is_some_and(|watching| is_dirty(watching, &mut txn)) {
            reply.null_array();
            return Flow::Done;
        }
        self.run_each(session, &mut txn, multi, (config, &renewed), reply)
    }

    /// Runs the queued commands. `renewed` has a place for each configuration they put into force,
    /// which then holds for the rest of them.
    fn run_each<'a>(
        &self,
        session: &mut Session,
        txn: &mut Txn<'a>,
        multi: &'a Multi,
        (mut config, renewed): (&'a Config, &'a [OnceCell<Arc<Config>>]),
        reply: &mut Reply<'_>,
    ) -> Flow {
        let &Bench {
            shared,
            sheet,
            stopwatch,
            ..
        } = self;
        let mut renewed = renewed.iter();
        let begun = stopwatch.now();
        let mut start = begun;
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
                now_ms: txn.now_ms(),
                on_worker: self.on_worker,
                end_turn: self.end_turn,
            };
            let outcome = setting.run(session, txn, command, args, reply);
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
            if !self.on_worker && stopwatch.ns_between(begun, lap) >= RESERVED_NS_MAX {
                (self.end_turn)();
            }
            let spent_ns = stopwatch.ns_between(std::mem::replace(&mut start, lap), lap);
            sheet.executed(command.id, spent_ns);
            if spent_ns >= self.noteworthy_ns {
                slow::note(shared, config, session, command, args, spent_ns);
            }
        }
        sheet.add(Counter::Commands, multi.queue.len() as u64);
        super::blocking::serve(txn, shared);
        if closes { Flow::Close } else { Flow::Done }
    }
}

/// What each command of a transaction runs with.
struct Setting<'a> {
    shared: &'a Arc<Shared>,
    config: &'a Config,
    sheet: &'a Sheet,
    stopwatch: &'a Stopwatch,
    now_ms: u64,
    on_worker: bool,
    end_turn: &'a dyn Fn(),
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
                let run =
                    script::Nested::new(nested, session, (command, self.on_worker), self.end_turn);
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
