//! What a script can ask of the server: its commands, and whether it may go on.

use super::super::{caching, is_shown, monitor_line, post_to_monitors, redacted};
use super::{Call, Place, busy_error};
use crate::acl::log::Origin;
use crate::base::stopwatch::Moment;
use crate::commands::context::Context;
use crate::commands::refused_option;
use crate::commands::spec::{
    DENYOOM, Flags, Flow, Handler, KeysHandler, MAY_REPLICATE, NOSCRIPT, Outcome, WRITE,
};
use crate::commands::table::{self, Registered};
use crate::error::Error;
use crate::keyspace::Txn;
use crate::metrics::{Counter, bump};
use crate::protocol::{Args, Output, Protocol, Reply};
use crate::scripting::{Called, Host, LogLevel, Running, ScriptFlag};
use crate::session::{Checking, Session};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// From here on a script is known as one that runs for long.
const KNOWN_FROM: Duration = Duration::from_millis(1);
/// A script in place that has run for so long is moved to the pool, if it can be.
const IN_PLACE_MAX: Duration = Duration::from_millis(2);
/// How long a script on a worker waits for a lock that it cannot do without any more.
const WORKER_WAIT_MAX: Duration = Duration::from_millis(100);
/// Lines for monitors that are kept until it is known whether a script begins again.
const LINES_MAX: usize = 1000;
/// Commands between two looks at the clock.
const CALLS_PER_TICK: u32 = 64;

/// Why a script is to end before it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Somebody wants it to.
    Killed,
    /// It touches keys that it did not declare, and has written nothing: again with all locks.
    Strays,
    /// It wants to write and must first reserve the right to lock out of order.
    Reserves,
    /// It runs in place and should not: again on the pool.
    Overruns,
}

/// A script's client.
pub(super) struct Caller<'c, 't, 'a> {
    call: &'c Call<'c>,
    txn: &'t mut Txn<'a>,
    db: usize,
    started: Moment,
    /// It has tried to reserve the right to write before it has all its locks.
    reserved: bool,
    wrote: bool,
    ending: Option<Ending>,
    calls: u32,
    running: Option<Arc<Running>>,
    /// For commands on a session, made when first needed.
    session: Option<Box<Session>>,
    /// What monitors are to be shown, unless the script begins again.
    lines: Vec<Vec<u8>>,
}

impl<'c, 't, 'a> Caller<'c, 't, 'a> {
    pub(super) fn new(
        call: &'c Call<'c>,
        txn: &'t mut Txn<'a>,
        reserved: bool,
        started: Moment,
    ) -> Self {
        Caller {
            db: call.db,
            call,
            txn,
            started,
            reserved,
            wrote: false,
            ending: None,
            calls: 0,
            running: None,
            session: None,
            lines: Vec::new(),
        }
    }

    /// Why it ended early, if it did, and whether it has written.
    pub(super) fn finish(mut self) -> (Option<Ending>, bool) {
        if matches!(self.ending, None | Some(Ending::Killed)) {
            self.show_lines();
        }
        if let Some(running) = self.running.take() {
            self.call.shared.running.leave(&running);
        }
        (self.ending, self.wrote)
    }

    /// The command a script wants to run, if it may.
    fn admit(&mut self, args: Args<'_>) -> Result<&'static Registered, Error> {
        let command = lookup(args).ok_or_else(Error::script_unknown_command)?;
        let call = self.call;
        if !command.command.accepts(args.len()) {
            return Err(Error::script_arity());
        }
        if command.has(NOSCRIPT) {
            return Err(Error::script_not_allowed());
        }
        if !call.user.0.is_unrestricted() {
            self.check_user(command, args)?;
        }
        if changes(command) && call.is_read_only() {
            return Err(Error::script_read_only());
        }
        let may_grow = self.wrote || call.program.flags().has(ScriptFlag::AllowOom);
        if call.oom && command.has(DENYOOM) && !may_grow {
            return Err(Error::OutOfMemory);
        }
        Ok(command)
    }

    /// May the client's user run this?
    #[cold]
    fn check_user(&mut self, command: &'static Registered, args: Args<'_>) -> Result<(), Error> {
        let call = self.call;
        let with = Checking {
            shared: call.shared,
            config: call.config,
            sheet: call.sheet,
            now_ms: self.txn.now_ms(),
            origin: Origin::Script,
        };
        let session = self.session();
        session
            .check(&with, command, args)
            .map_err(Error::no_permission_in_script)?;
        let makes_keys = command.command.reaches.is_some();
        match makes_keys && !session.may_read_all(command, args) {
            true => refused_option(args).map_or(Ok(()), Err),
            false => Ok(()),
        }
    }

    /// A session for commands that need one, made when first needed.
    fn session(&mut self) -> &mut Session {
        let (user, rules) = self.call.user;
        let client = self.call.client;
        self.session.get_or_insert_with(|| {
            Box::new(Session::of(Arc::clone(client), Arc::clone(user), *rules))
        })
    }

    /// Can the script still begin again?
    fn is_fresh(&self) -> bool {
        !self.wrote && !matches!(self.call.place, Place::Transaction { .. })
    }

    /// Shows monitors a command that the script is about to run, or is going to: while the script may
    /// begin again, they would see it twice.
    #[cold]
    fn show(&mut self, command: &Registered, args: Args<'_>) {
        let call = self.call;
        if !is_shown(command) {
            return;
        }
        let line = monitor_line(&call.shared.clock, (self.db, None), redacted(command, args));
        self.lines.push(line);
        if !self.is_fresh() || self.lines.len() >= LINES_MAX {
            self.show_lines();
        }
    }

    fn show_lines(&mut self) {
        for line in self.lines.drain(..) {
            post_to_monitors(self.call.shared, self.call.config, &line);
        }
    }

    /// Prepares for a command that changes something: ends the script if it must begin again for it.
    fn prepare_write(&mut self) -> Result<(), Ending> {
        if self.wrote {
            return Ok(());
        }
        let call = self.call;
        if call.place == Place::Worker && call.program.may_loop() {
            call.history().writes.store(true, Relaxed);
            return Err(Ending::Overruns);
        }
        if self.is_fresh() && !self.reserved && !self.txn.holds_all() && call.is_unproven() {
            return Err(Ending::Reserves);
        }
        self.wrote = true;
        self.show_lines();
        if let Some(running) = &self.running {
            running.written.store(true, Relaxed);
        }
        Ok(())
    }

    /// Sees to it that the shards of these keys are held; of all, for a command on the keyspace.
    fn hold(&mut self, keys: &[crate::keyspace::Key<'_>], all: bool) -> Result<(), Refusal> {
        if all {
            if self.txn.holds_all() {
                return Ok(());
            }
            self.stray()?;
            for index in self.txn.missing_shards() {
                self.extend(index)?;
            }
            return Ok(());
        }
        while let Some(index) = self.txn.missing(keys) {
            self.stray()?;
            self.extend(index)?;
        }
        Ok(())
    }

    /// Takes one more lock. It may be a long script that holds it: a worker waits for that only so
    /// long, everybody else until it is known as busy.
    #[cold]
    fn extend(&mut self, index: usize) -> Result<(), Refusal> {
        let call = self.call;
        let until = (call.place.is_on_worker()).then(|| Instant::now() + WORKER_WAIT_MAX);
        let started = self.started;
        let mut busy = None;
        let mut give_up = || match until {
            Some(until) => Instant::now() >= until,
            None => {
                call.end_turn_after(call.elapsed(started));
                busy = call.shared.running.busy(&mut [index].into_iter(), false);
                busy.is_some()
            }
        };
        let extended = self.txn.extend(index, &mut give_up);
        self.show_shards();
        extended.map_err(|_| {
            Refusal::Error(match busy {
                None => Error::script_crossed(),
                busy => busy_error(busy),
            })
        })
    }

    /// The script touches what it did not declare.
    fn stray(&mut self) -> Result<(), Refusal> {
        if self.is_fresh() {
            return Err(Refusal::Ending(Ending::Strays));
        }
        self.call.history().strays.store(true, Relaxed);
        Ok(())
    }

    fn show_shards(&self) {
        if let Some(running) = &self.running {
            *running.shards.lock() = self.txn.held_shards();
        }
    }

    /// Runs an admitted command.
    fn run(
        &mut self,
        command: &'static Registered,
        args: Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Outcome, Refusal> {
        let row = command.command;
        let on_worker = self.call.place == Place::Worker && self.is_fresh();
        if on_worker && row.long.is_some_and(|long| long(self.txn.keyspace(), args)) {
            return Err(Refusal::Ending(Ending::Overruns));
        }
        match row.handler {
            Handler::Keys(handler) => {
                let all = row.needs_all(args);
                self.on_keys(command, (handler, all), args, reply)
            }
            Handler::Keyspace(handler, _) => self.on_keys(command, (handler, true), args, reply),
            Handler::Session(_) if command.full_name == "select" => Ok(self.select(args, reply)),
            Handler::Session(handler) => {
                if changes(command) {
                    self.prepare_write().map_err(Refusal::Ending)?;
                }
                let call = self.call;
                let (db, protocol) = (self.db, reply.protocol());
                self.session();
                let session = self.session.as_mut().expect("just made");
                (session.db, session.protocol) = (db, protocol);
                let now_ms = self.txn.now_ms();
                let mut cx = Context {
                    shared: call.shared,
                    session,
                    local: self.txn.local(),
                    config: call.config,
                    now_ms,
                    sheet: call.sheet,
                    command,
                    in_transaction: true,
                };
                Ok(handler(&mut cx, args, reply))
            }
            Handler::Exec | Handler::Script(_) | Handler::Container => {
                Err(Refusal::Error(Error::script_not_allowed()))
            }
        }
    }

    /// Runs a command on keys, or on the whole keyspace.
    fn on_keys(
        &mut self,
        command: &'static Registered,
        (handler, all): (KeysHandler, bool),
        args: Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Outcome, Refusal> {
        let keys = command.command.extract_keys(args).unwrap_or_default();
        self.hold(&keys, all)?;
        if changes(command) {
            self.prepare_write().map_err(Refusal::Ending)?;
        }
        let may_offload = self.call.place == Place::Worker && !self.wrote;
        self.txn.set_may_offload(may_offload);
        let mut inner = self.txn.within(self.db, keys);
        let outcome = handler(&mut inner, args, reply);
        if self.call.notes {
            caching::note(self.call.shared, self.call.client.id, command, &inner);
        }
        if inner.has_ready() {
            let ready = inner.take_ready();
            drop(inner);
            self.txn.add_ready(ready);
        }
        if matches!(outcome, Ok(Flow::Long)) {
            return Err(Refusal::Ending(Ending::Overruns));
        }
        Ok(outcome)
    }

    /// `SELECT`, which changes the script's database and not its client's.
    fn select(&mut self, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let index = crate::base::number::parse_i64(args.at(1)).ok_or(Error::NotInteger)?;
        let index = usize::try_from(index).map_err(|_| Error::DbIndexOutOfRange)?;
        if index >= self.txn.databases() {
            return Err(Error::DbIndexOutOfRange);
        }
        self.db = index;
        reply.ok();
        crate::commands::spec::DONE
    }

    /// Makes the script known as one that runs for long.
    fn enter(&mut self, elapsed: Duration) {
        let call = self.call;
        let since_ms = call.shared.clock.now_ms() - elapsed.as_millis() as u64;
        let shown = call.args.first(SHOWN_ARGUMENTS_MAX).from(0);
        let running = Running {
            name: call.program.name().to_vec(),
            command: shown
                .map(|arg| arg[..arg.len().min(SHOWN_BYTES_MAX)].to_vec())
                .collect(),
            is_function: call.program.is_function(),
            since_ms,
            written: AtomicBool::new(self.wrote),
            killed: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            shards: parking_lot::Mutex::new(self.txn.held_shards()),
        };
        self.running = Some(call.shared.running.enter(running));
    }
}

/// What is shown of a long script's request.
const SHOWN_ARGUMENTS_MAX: usize = 32;
const SHOWN_BYTES_MAX: usize = 128;

/// Why a command was not run.
enum Refusal {
    /// With an error, which the script sees.
    Error(Error),
    /// The script is to end.
    Ending(Ending),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::Error(error)
    }
}

/// The command or subcommand that arguments name.
fn lookup(args: Args<'_>) -> Option<&'static Registered> {
    let top = table::of(args)?;
    if top.subcommands.is_empty() || args.len() == 1 {
        return Some(top);
    }
    top.subcommand(args.at(1))
}

/// Does it change anything that others could see?
fn changes(command: &Registered) -> bool {
    const CHANGING: [Flags; 2] = [WRITE, MAY_REPLICATE];
    CHANGING.iter().any(|flag| command.has(*flag))
}

impl Host for Caller<'_, '_, '_> {
    fn call(&mut self, args: Args<'_>, protocol: Protocol, out: &mut Output) -> Called {
        self.calls = self.calls.wrapping_add(1);
        if self.ending.is_some() || self.calls.is_multiple_of(CALLS_PER_TICK) && !self.tick() {
            return Called::Ends;
        }
        let call = self.call;
        let mut reply = Reply::new(out, protocol);
        let command = match self.admit(args) {
            Ok(command) => command,
            Err(error) => {
                call.shared.metrics.count_error(&error.code());
                reply.error(&error);
                return Called::Replied;
            }
        };
        if call.shared.clients.has_monitors() {
            self.show(command, args);
        }
        let start = call.stopwatch.now();
        let outcome = match self.run(command, args, &mut reply) {
            Ok(outcome) => outcome,
            Err(Refusal::Error(error)) => Err(error),
            Err(Refusal::Ending(ending)) => {
                self.ending = Some(ending);
                return Called::Ends;
            }
        };
        match outcome {
            Ok(Flow::Done | Flow::Close | Flow::Long | Flow::Later) => {}
            Ok(Flow::Block(block)) => block.otherwise.reply_at_once(&mut reply),
            Ok(Flow::Offload(job)) => job(call.shared, reply.output()),
            Err(error) => {
                reply.output().clear();
                bump(&call.sheet.command(command.id).failed, 1);
                call.shared.metrics.count_error(&error.code());
                reply.error(&error);
            }
        }
        let spent_ns = call.stopwatch.ns_between(start, call.stopwatch.now());
        call.sheet.add(Counter::Commands, 1);
        call.sheet.executed(command.id, spent_ns);
        Called::Replied
    }

    fn may_run(&mut self, args: Args<'_>) -> Option<bool> {
        let command = lookup(args)?;
        let may = command.command.accepts(args.len());
        Some(may && self.call.user.0.check(command, args).is_ok())
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        match level {
            LogLevel::Debug => tracing::trace!(target: "script", "{text}"),
            LogLevel::Verbose => tracing::debug!(target: "script", "{text}"),
            LogLevel::Notice => tracing::info!(target: "script", "{text}"),
            LogLevel::Warning => tracing::warn!(target: "script", "{text}"),
        }
    }

    fn tick(&mut self) -> bool {
        if self.ending.is_some() {
            return false;
        }
        let elapsed = self.call.elapsed(self.started);
        if elapsed < KNOWN_FROM {
            return true;
        }
        if self.call.place == Place::Worker && elapsed > IN_PLACE_MAX && self.is_fresh() {
            self.ending = Some(Ending::Overruns);
            return false;
        }
        self.call.end_turn_after(elapsed);
        if self.running.is_none() {
            self.enter(elapsed);
        }
        let running = self.running.as_ref().expect("entered");
        if running.killed.load(Relaxed) {
            self.ending = Some(Ending::Killed);
            return false;
        }
        let threshold_ms = self.call.config.scripting.busy_reply_threshold;
        let busy = threshold_ms > 0 && elapsed.as_millis() as u64 >= threshold_ms;
        if busy && !running.busy.swap(true, Relaxed) {
            let name = String::from_utf8_lossy(&running.name);
            tracing::warn!(
                script = %name,
                milliseconds = threshold_ms,
                "slow script: it may be ended by SCRIPT KILL"
            );
        }
        true
    }
}
