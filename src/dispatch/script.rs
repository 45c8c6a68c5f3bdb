//! Scripts: where they run, and under which locks.
//!
//! **Where.** A script begins its life on the pool. It runs in place, on its client's worker, once
//! it was short [`SHORT_RUNS_MIN`] times in a row, and only if it cannot keep the worker: either
//! nothing in its text repeats, or it has never written. The latter is abandoned when it overruns or
//! wants to write, and begins again on the pool: nothing has happened yet.
//!
//! **Locks.** A script locks the shards of the keys it declares. When it touches another shard:
//!
//! 1. If it has written nothing, it is abandoned and begins again with every shard locked, and so it
//!    always will (`History::strays`).
//! 2. If it has written, it takes the lock out of order, see `keyspace::nested`. A script that has not
//!    proven itself reserves the right to do so before its first write, so of those only one has
//!    written at a time and two cannot wait for each other. Two that have proven themselves, stray
//!    both for the first time, after writing, and hold what the other needs: one of them gets an
//!    error, which it must expect from any command.
//!
//! In an `EXEC` a script cannot begin again. Its declared keys are locked with those of all other
//! commands; all shards are if it is known to stray. One that has not proven itself has the right of
//! (2) reserved before the first command.
//!
//! Nobody ever sees what a script has written before it has ended.

mod host;

use super::{Engine, blocking};
use crate::acl::User;
use crate::base::stopwatch::{Moment, Stopwatch};
use crate::commands::spec::{DONE, Flow, Outcome, READONLY, ScriptSource};
use crate::commands::table::Registered;
use crate::config::Config;
use crate::error::Error;
use crate::keyspace::nested::Locks;
use crate::keyspace::txn::{Keys, Scope};
use crate::keyspace::{Hash, Key, Local, Txn, hash_key};
use crate::metrics::{Sheet, bump};
use crate::protocol::{Args, Output, Protocol, Reply};
use crate::scripting::script::History;
use crate::scripting::{Invocation, Program, Ran, ScriptFlag, Vm, script, with_vm};
use crate::session::{Client, Session, Shared};
use host::{Caller, Ending};
use parking_lot::MutexGuard;
use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// After so many short runs in a row a script runs in place.
const SHORT_RUNS_MIN: u32 = 4;
/// A run is short up to here: it costs the worker's other clients no more than a big command.
const SHORT_MAX: Duration = Duration::from_micros(500);
/// In so many runs a script must keep to its keys before it may write beside others.
const CLEAN_RUNS_MIN: u32 = 64;
/// A script that has run for so long lets others have the right to write before they have all locks.
pub(super) const RESERVED_MAX: Duration = Duration::from_millis(500);

/// Hexadecimal digits of a digest.
const DIGEST_BYTES: usize = 40;
/// The argument that says how many keys follow.
const COUNT_AT: usize = 2;
const KEYS_AT: usize = 3;

/// A request to run a script, and what it runs with.
struct Call<'a> {
    shared: &'a Arc<Shared>,
    config: &'a Config,
    sheet: &'a Sheet,
    stopwatch: &'a Stopwatch,
    client: &'a Arc<Client>,
    /// Its user, and the generation of the rules it is checked by.
    user: &'a (Arc<User>, u64),
    command: &'static Registered,
    program: &'a Program,
    args: Args<'a>,
    /// The arguments that are keys.
    keys: (usize, usize),
    db: usize,
    protocol: Protocol,
    /// Memory was full when it began.
    oom: bool,
    /// Its reads are noted: the client keeps a cache.
    notes: bool,
    place: Place,
    /// Lets others have the right to write before they have all their locks, if it was reserved.
    end_turn: &'a dyn Fn(),
}

/// Where a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On its client's worker.
    Worker,
    /// On the pool.
    Pool,
    /// As part of an `EXEC`: it cannot begin again.
    Transaction { on_worker: bool },
}

impl Place {
    fn is_on_worker(self) -> bool {
        matches!(self, Place::Worker | Place::Transaction { on_worker: true })
    }
}

impl Call<'_> {
    fn history(&self) -> &History {
        self.program.history()
    }

    fn is_read_only(&self) -> bool {
        self.command.has(READONLY) || self.program.flags().has(ScriptFlag::NoWrites)
    }

    /// See [`is_unproven`].
    fn is_unproven(&self) -> bool {
        is_unproven(self.program)
    }

    fn elapsed(&self, since: Moment) -> Duration {
        let spent_ns = self.stopwatch.ns_between(since, self.stopwatch.now());
        Duration::from_nanos(spent_ns)
    }

    /// After so long it is others' turn to write before they have all their locks.
    fn end_turn_after(&self, elapsed: Duration) {
        if elapsed >= RESERVED_MAX {
            (self.end_turn)();
        }
    }

    fn key_list(&self) -> Keys<'_> {
        let (first, end) = self.keys;
        (first..end).map(|at| Key::new(self.args.at(at))).collect()
    }
}

/// What came of an attempt.
enum Attempt {
    /// The request is answered.
    Done(Outcome),
    /// Nothing was done: again, in another way.
    Again(Ending),
}

/// Runs a script's request on its client's worker, or offloads it.
pub(super) fn on_worker(
    engine: &mut Engine,
    session: &mut Session,
    (command, source): (&'static Registered, ScriptSource),
    args: Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (script, keys) = find_with_keys(&engine.shared, source, args)?;
    let oom = engine.make_room(args).is_err();
    permit(&script, command, oom)?;
    if !runs_in_place(&script) {
        return Ok(offload(
            engine,
            session,
            (command, script),
            args,
            (keys, oom),
        ));
    }
    let attempted = in_place(
        engine,
        session,
        (command, &script),
        args,
        (keys, oom),
        reply,
    );
    match attempted {
        Some(Attempt::Done(outcome)) => outcome,
        _ => Ok(offload(
            engine,
            session,
            (command, script),
            args,
            (keys, oom),
        )),
    }
}

/// Runs a script on its client's worker; `None` when its locks cannot be had at once.
fn in_place(
    engine: &mut Engine,
    session: &Session,
    (command, script): (&'static Registered, &Program),
    args: Args<'_>,
    (keys, oom): ((usize, usize), bool),
    reply: &mut Reply<'_>,
) -> Option<Attempt> {
    engine.local.client = session.client.id;
    let user = (Arc::clone(session.user()), session.rules());
    let config = engine.view.config();
    let call = Call {
        shared: &engine.shared,
        config,
        sheet: &engine.sheet,
        stopwatch: &engine.stopwatch,
        client: &session.client,
        user: &user,
        command,
        program: script,
        args,
        keys,
        db: session.db,
        protocol: session.protocol,
        oom,
        notes: session.notes_reads(),
        place: Place::Worker,
        // Nothing on a worker is long.
        end_turn: &|| (),
    };
    let scope = super::scope(
        &engine.shared,
        &mut engine.local,
        config,
        engine.now_ms,
        session,
    );
    let mut txn = match call.history().strays.load(Relaxed) {
        true => Txn::begin_all_on_worker(scope, call.key_list())?,
        false => Txn::try_begin(scope, call.key_list(), false)?,
    };
    // Only for this moment: who is refused waits on the pool.
    let token = match call.is_unproven() {
        true => engine.shared.keyspace.upgrades.reserve(Duration::ZERO),
        false => None,
    };
    let reserved = token.is_some();
    let attempt = with_vm(&engine.shared.scripts.vm_bytes, |vm| {
        attempt(&call, (&mut txn, reserved), vm, reply.output())
    });
    if txn.has_ready() {
        blocking::serve(&mut txn, &engine.shared);
    }
    Some(attempt)
}

/// The script a request is about, and the arguments that are keys. In Redis's order: of a digest the
/// length, the number of keys, what the digest is of; of a function its name comes first.
fn find_with_keys(
    shared: &Shared,
    source: ScriptSource,
    args: Args<'_>,
) -> Result<(Program, (usize, usize)), Error> {
    match source {
        ScriptSource::Function => {}
        ScriptSource::Digest if args.at(1).len() != DIGEST_BYTES => return Err(Error::no_script()),
        ScriptSource::Digest | ScriptSource::Text => drop(key_range(source, args)?),
    }
    let program = find(shared, source, args)?;
    Ok((program, key_range(source, args)?))
}

/// The hash of the first key, if there is one.
pub(super) fn first_key_hash(args: Args<'_>) -> Option<Hash> {
    let has_keys = args.len() > KEYS_AT && args.at(COUNT_AT) != b"0";
    has_keys.then(|| hash_key(args.at(KEYS_AT)))
}

/// The arguments that are keys.
fn key_range(source: ScriptSource, args: Args<'_>) -> Result<(usize, usize), Error> {
    let count = crate::base::number::parse_i64(args.at(COUNT_AT));
    let count = count.ok_or_else(|| match source {
        ScriptSource::Function => Error::function_key_count(),
        ScriptSource::Text | ScriptSource::Digest => Error::NotInteger,
    })?;
    let count = usize::try_from(count).map_err(|_| Error::script_negative_keys())?;
    if count > args.len() - KEYS_AT {
        return Err(Error::script_too_many_keys());
    }
    Ok((KEYS_AT, KEYS_AT + count))
}

/// The script a request is about.
fn find(shared: &Shared, source: ScriptSource, args: Args<'_>) -> Result<Program, Error> {
    let scripts = &shared.scripts;
    match source {
        ScriptSource::Text => with_vm(&scripts.vm_bytes, |vm| {
            if let Some(script) = vm.of_text(args.at(1)) {
                scripts.used(script);
                return Ok(Program::Script(Arc::clone(script)));
            }
            let script = scripts.eval(args.at(1))?;
            vm.note_text(&script);
            Ok(Program::Script(script))
        }),
        ScriptSource::Digest => {
            let last = with_vm(&scripts.vm_bytes, |vm| vm.ran_last(args.at(1)).cloned());
            if let Some(script) = last {
                scripts.used(&script);
                return Ok(Program::Script(script));
            }
            let digest = script::parse_hex(args.at(1)).ok_or_else(Error::no_script)?;
            let known = with_vm(&scripts.vm_bytes, |vm| vm.compiled(&digest).cloned());
            let script = known.or_else(|| scripts.get(&digest));
            let script = script.ok_or_else(Error::no_script)?;
            scripts.used(&script);
            Ok(Program::Script(script))
        }
        ScriptSource::Function => {
            let function = shared.functions.get(args.at(1));
            function
                .map(Program::Function)
                .ok_or_else(Error::no_function)
        }
    }
}

/// May the script run at all, as its flags say and memory is?
fn permit(program: &Program, command: &Registered, oom: bool) -> Result<(), Error> {
    let flags = program.flags();
    if !flags.declared {
        return Ok(());
    }
    if command.has(READONLY) && !flags.has(ScriptFlag::NoWrites) {
        return Err(Error::script_must_be_read_only());
    }
    let writes = !flags.has(ScriptFlag::NoWrites);
    if oom && writes && !flags.has(ScriptFlag::AllowOom) {
        return Err(Error::script_out_of_memory());
    }
    Ok(())
}

fn runs_in_place(program: &Program) -> bool {
    let history = program.history();
    history.short_runs.load(Relaxed) >= SHORT_RUNS_MIN
        && !(program.may_loop() && history.writes.load(Relaxed))
}

/// What is to be expected of a script in a transaction. What is not known yet may be by then.
#[derive(Clone, Copy)]
pub(super) struct Forecast {
    /// It could keep its thread for long, and there it cannot be abandoned.
    pub(super) long: bool,
    /// It touches keys that it does not declare.
    pub(super) strays: bool,
    /// It may do so yet.
    pub(super) may_stray: bool,
}

/// See [`Forecast`].
pub(super) fn forecast(shared: &Shared, source: ScriptSource, args: Args<'_>) -> Forecast {
    match find(shared, source, args) {
        Err(_) => Forecast {
            long: true,
            strays: false,
            may_stray: true,
        },
        Ok(program) => Forecast {
            long: program.may_loop() || !runs_in_place(&program),
            strays: program.history().strays.load(Relaxed),
            may_stray: is_unproven(&program),
        },
    }
}

/// Must it reserve the right to take locks out of order before it writes?
fn is_unproven(program: &Program) -> bool {
    program.history().clean_runs.load(Relaxed) < CLEAN_RUNS_MIN
}

/// Runs a script once. Has it tried to reserve the right to write before it has all its locks?
fn attempt(
    call: &Call<'_>,
    (txn, reserved): (&mut Txn<'_>, bool),
    vm: &mut Vm,
    out: &mut Output,
) -> Attempt {
    let mark = out.mark();
    let started = call.stopwatch.now();
    let all = txn.holds_all();
    let mut caller = Caller::new(call, txn, reserved, started);
    let invocation = Invocation {
        args: call.args,
        keys: call.keys,
        protocol: call.protocol,
        memory_max: call.config.scripting.memory_limit as usize,
    };
    let ran = vm.run_program(&mut caller, call.program, &invocation, out);
    let (ending, wrote) = caller.finish();
    let history = call.history();
    if wrote && !history.writes.load(Relaxed) {
        history.writes.store(true, Relaxed);
    }
    if let Some(ending) = ending {
        out.truncate(mark);
        return match ending {
            Ending::Killed if call.program.is_function() => {
                Attempt::Done(Err(Error::function_killed()))
            }
            Ending::Killed => Attempt::Done(Err(Error::script_killed())),
            again => {
                history.short_runs.store(0, Relaxed);
                Attempt::Again(again)
            }
        };
    }
    if call.elapsed(started) > SHORT_MAX {
        history.short_runs.store(0, Relaxed);
    } else if history.short_runs.load(Relaxed) < SHORT_RUNS_MIN {
        history.short_runs.fetch_add(1, Relaxed);
    }
    if !all && history.clean_runs.load(Relaxed) < CLEAN_RUNS_MIN {
        history.clean_runs.fetch_add(1, Relaxed);
    }
    Attempt::Done(match ran {
        Ran::Replied => DONE,
        Ran::Failed { error, counted } => {
            if !history.writes.load(Relaxed) && history.short_runs.load(Relaxed) <= 1 {
                forget_if_broken(call, &error);
            }
            failed(call, error, counted, out)
        }
        Ran::Stopped => unreachable!("only the caller stops a script, and says why"),
    })
}

/// A text that does not compile is no script.
fn forget_if_broken(call: &Call<'_>, error: &Error) {
    if let (Program::Script(script), true) = (call.program, error.is_compile_error()) {
        call.shared.scripts.forget(script);
    }
}

/// The outcome of an error; one that is in the statistics already is not counted again.
fn failed(call: &Call<'_>, error: Error, counted: bool, out: &mut Output) -> Outcome {
    if !counted {
        return Err(error);
    }
    bump(&call.sheet.command(call.command.id).failed, 1);
    Reply::new(out, call.protocol).error(&error);
    DONE
}

/// A script's request inside an `EXEC`.
pub(super) struct Nested<'a> {
    shared: &'a Arc<Shared>,
    config: &'a Config,
    sheet: &'a Sheet,
    stopwatch: &'a Stopwatch,
    session: &'a Session,
    command: &'static Registered,
    on_worker: bool,
    end_turn: &'a dyn Fn(),
}

impl<'a> Nested<'a> {
    pub(super) fn new(
        (shared, config, sheet, stopwatch): (&'a Arc<Shared>, &'a Config, &'a Sheet, &'a Stopwatch),
        session: &'a Session,
        (command, on_worker): (&'static Registered, bool),
        end_turn: &'a dyn Fn(),
    ) -> Nested<'a> {
        Nested {
            shared,
            config,
            sheet,
            stopwatch,
            session,
            command,
            on_worker,
            end_turn,
        }
    }

    /// Runs it under the transaction's locks, on the transaction's thread.
    pub(super) fn run(
        &self,
        txn: &mut Txn<'_>,
        source: ScriptSource,
        args: Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        let (script, keys) = find_with_keys(self.shared, source, args)?;
        permit(&script, self.command, false)?;
        let user = (Arc::clone(self.session.user()), self.session.rules());
        let call = Call {
            shared: self.shared,
            config: self.config,
            sheet: self.sheet,
            stopwatch: self.stopwatch,
            client: &self.session.client,
            user: &user,
            command: self.command,
            program: &script,
            args,
            keys,
            db: self.session.db,
            protocol: self.session.protocol,
            oom: false,
            notes: self.session.notes_reads(),
            place: Place::Transaction {
                on_worker: self.on_worker,
            },
            end_turn: self.end_turn,
        };
        let attempt = with_vm(&self.shared.scripts.vm_bytes, |vm| {
            attempt(&call, (txn, true), vm, reply.output())
        });
        match attempt {
            Attempt::Done(outcome) => outcome,
            Attempt::Again(_) => unreachable!("a part of a transaction does not begin again"),
        }
    }
}

/// The request as a job for the pool.
fn offload(
    engine: &Engine,
    session: &Session,
    (command, script): (&'static Registered, Program),
    args: Args<'_>,
    (keys, oom): ((usize, usize), bool),
) -> Flow {
    let owned = args.to_owned();
    let shared = Arc::clone(&engine.shared);
    let client = Arc::clone(&session.client);
    let user = (Arc::clone(session.user()), session.rules());
    let (db, protocol, touch) = (session.db, session.protocol, !session.no_touch);
    let notes = session.notes_reads();
    Flow::Offload(Box::new(move |_, out| {
        with_bench(&shared, |sheet, stopwatch| {
            let config = shared.config.load();
            let token = Token::default();
            let call = Call {
                shared: &shared,
                config: &config,
                sheet,
                stopwatch,
                client: &client,
                user: &user,
                command,
                program: &script,
                args: owned.as_args(),
                keys,
                db,
                protocol,
                oom,
                notes,
                place: Place::Pool,
                end_turn: &|| drop(token.take()),
            };
            let _long = shared.running.begin_long();
            if let Err(error) = on_pool(&call, touch, (&shared, &token), out) {
                shared.metrics.count_error(&error.code());
                bump(&sheet.command(command.id).failed, 1);
                Reply::new(out, protocol).error(&error);
            }
        });
    }))
}

/// Runs a script on the pool, again and again until it is answered.
fn on_pool<'t>(
    call: &Call<'_>,
    touch: bool,
    (shared, token): (&'t Shared, &Token<'t>),
    out: &mut Output,
) -> Outcome {
    let mut local = Local::new(0, shared.keyspace.settings());
    local.client = call.client.id;
    let mut reserves = false;
    let outcome = loop {
        let keys = call.key_list();
        let hashes: Vec<_> = keys.iter().map(|key| key.hash()).collect();
        let all = call.history().strays.load(Relaxed);
        let mut busy = None;
        let mut give_up = || {
            let mut shards = hashes.iter().map(|hash| shared.keyspace.shard_index(*hash));
            busy = shared.running.busy(&mut shards, all);
            busy.is_some()
        };
        let wanted = (!all).then(|| hashes.iter().copied());
        let Some(locks) = lock(shared, wanted, reserves && !all, token, &mut give_up) else {
            break Err(busy_error(busy));
        };
        // Nothing that it has sent is executed after `CLIENT KILL`; nobody takes its reply.
        if call.client.is_leaving() {
            break DONE;
        }
        let scope = Scope {
            keyspace: &shared.keyspace,
            local: &mut local,
            config: call.config,
            db: call.db,
            now_ms: shared.clock.now_ms(),
            skew_ms: shared.clock.skew_ms(),
            touch,
        };
        let mut txn = Txn::under(scope, locks, keys);
        let attempt = with_vm(&shared.scripts.vm_bytes, |vm| {
            attempt(call, (&mut txn, reserves), vm, out)
        });
        blocking::serve(&mut txn, shared);
        drop(txn);
        token.take();
        match attempt {
            Attempt::Done(outcome) => break outcome,
            Attempt::Again(Ending::Strays) => call.history().strays.store(true, Relaxed),
            Attempt::Again(Ending::Reserves) => reserves = true,
            Attempt::Again(Ending::Overruns | Ending::Killed) => {
                unreachable!("the pool is where long scripts go, and what is killed is answered")
            }
        }
    };
    local.publish(&shared.keyspace);
    outcome
}

/// The right to write before all locks are held, while it is reserved.
pub(super) type Token<'a> = Cell<Option<MutexGuard<'a, ()>>>;

/// Takes the locks of these hashes' shards, or of all; with the right to write before there may be more
/// of them, if that is to be reserved.
pub(super) fn lock<'a>(
    shared: &'a Shared,
    hashes: Option<impl Iterator<Item = Hash> + Clone>,
    reserves: bool,
    token: &Token<'a>,
    give_up: &mut dyn FnMut() -> bool,
) -> Option<Locks<'a>> {
    if !reserves {
        return Locks::of(&shared.keyspace, hashes, give_up);
    }
    let (locks, reserved) = Locks::reserved(&shared.keyspace, hashes, give_up)?;
    token.set(Some(reserved));
    Some(locks)
}

/// What who waits for a busy script's shard is told.
pub(super) fn busy_error(is_function: Option<bool>) -> Error {
    match is_function {
        Some(true) => Error::busy_function(),
        _ => Error::busy_script(),
    }
}

thread_local! {
    static BENCH: OnceCell<(Arc<Sheet>, Stopwatch)> = const { OnceCell::new() };
}

/// Lends a thread of the pool its counters.
pub(super) fn with_bench<T>(shared: &Shared, work: impl FnOnce(&Sheet, &Stopwatch) -> T) -> T {
    BENCH.with(|bench| {
        let (sheet, stopwatch) =
            bench.get_or_init(|| (shared.metrics.sheet(), Stopwatch::default()));
        work(sheet, stopwatch)
    })
}
