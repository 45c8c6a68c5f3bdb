//! From a request to its reply: lookup, gates, locks, handler, and what is counted of it.

mod blocking;
mod caching;
mod gates;
mod long;
mod permission;
mod publishing;
mod script;
mod slow;
mod transaction;

pub use blocking::Blocked;

use crate::base::clock::Clock;
use crate::base::stopwatch::{Moment, Stopwatch};
use crate::commands::context::Context;
use crate::commands::spec::{
    ADMIN, BLOCKING, Command, DENYOOM, Flow, Handler, KeysHandler, MAY_REPLICATE, Outcome,
    SKIP_MONITOR, WRITE,
};
use crate::commands::table::{self, Registered};
use crate::config::{Config, View};
use crate::error::Error;
use crate::keyspace::txn::{Keys, Scope};
use crate::keyspace::{Hash, Key, Local, Txn, eviction};
use crate::metrics::{Counter, Sheet, bump};
use crate::protocol::{Args, Output, Reply, Span};
use crate::session::{Address, LatencyEvent, ReplyMode, Session, Shared};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Of a request with several keys, so many are loaded ahead: about what a core's caches hold.
const PREFETCHED_KEYS_MAX: usize = 128;

/// What a thread needs to execute requests. One for each worker, and for each thread of the pool.
pub struct Engine {
    /// The server.
    pub shared: Arc<Shared>,
    /// The thread's own keyspace state.
    pub local: Local,
    /// The thread's view of the configuration.
    pub view: View,
    /// The thread's counters.
    pub sheet: Arc<Sheet>,
    /// Now, in ms on the server timeline; read once per batch.
    pub now_ms: u64,
    /// The generation of the access rules.
    rules: u64,
    stopwatch: Stopwatch,
    /// When the request under way began.
    lap: Moment,
    /// Requests executed since counters were last published.
    executed: u64,
    /// From how long on a request is worth remembering.
    noteworthy_ns: u64,
    /// What the request under way waits with, if it does.
    blocked: Option<Blocked>,
}

/// What is known of a request before its turn: looked up and hashed with its whole batch.
#[derive(Clone, Copy, Default)]
pub struct Prepared {
    /// The command, if the name is known.
    pub command: Option<&'static Registered>,
    /// The hash of the first key of a command with a single key; of a script, only so that what it is
    /// going to touch is loaded.
    pub hash: Option<Hash>,
}

/// What is to happen after a request was executed.
pub enum Next {
    /// The next request.
    Go,
    /// Close once the output is sent.
    Close,
    /// Wait for this job's output; the request is finished by [`Engine::finish_offloaded`].
    Await(crate::commands::spec::Job, &'static Registered),
    /// The request waits for its keys: its reply comes from [`Engine::poll_blocked`], and it is
    /// finished by [`Engine::finish_offloaded`].
    Block(Box<Blocked>),
    /// Nothing was done: try this request again at a moment on the server timeline.
    Paused(u64),
}

impl Engine {
    /// For the thread with this reader number.
    pub fn new(shared: Arc<Shared>, reader: usize) -> Engine {
        let stopwatch = Stopwatch::default();
        let view = shared.config.view();
        Engine {
            local: Local::new(reader, shared.keyspace.settings()),
            noteworthy_ns: slow::noteworthy_ns(view.config()),
            view,
            sheet: shared.metrics.sheet(),
            now_ms: shared.clock.now_ms(),
            rules: shared.acl.generation(),
            lap: stopwatch.now(),
            stopwatch,
            executed: 0,
            blocked: None,
            shared,
        }
    }

    /// Starts a batch: reads the clock, and the configuration if it has changed.
    #[inline]
    pub fn begin_batch(&mut self) {
        self.now_ms = self.shared.clock.now_ms();
        self.lap = self.stopwatch.now();
        self.refresh_config();
    }

    /// Starts a batch of a client's requests.
    #[inline]
    pub fn begin_requests(&mut self, session: &mut Session) {
        self.begin_batch();
        self.shared.tracking.begin_round();
        session.is_usual = gates::is_usual(self, session);
    }

    /// Catches up with the configuration and the users: a change is in force for its own slow log
    /// entry.
    #[inline]
    fn refresh_config(&mut self) {
        self.rules = self.shared.acl.generation();
        if self.view.refresh(&self.shared.config) {
            self.local.settings = self.shared.keyspace.settings();
            self.noteworthy_ns = slow::noteworthy_ns(self.view.config());
        }
    }

    /// Ends a batch: publishes what was counted.
    #[inline]
    pub fn end_batch(&mut self) {
        self.shared.tracking.end_round();
        self.local.publish(&self.shared.keyspace);
        self.sheet.publish(&mut self.local.tally);
        self.publish_executed();
    }

    fn publish_executed(&mut self) {
        let executed = std::mem::take(&mut self.executed);
        self.sheet.add(Counter::Commands, executed);
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        self.view.config()
    }

    /// Looks a request up, and hashes its key if it has just one.
    #[inline]
    pub fn prepare(args: Args<'_>) -> Prepared {
        let command = table::of(args);
        let hash = match command {
            Some(command) if command.traits.first_is_key => {
                args.get(1).map(crate::keyspace::hash_key)
            }
            Some(command) if command.traits.runs_script => script::first_key_hash(args),
            _ => None,
        };
        Prepared { command, hash }
    }

    /// Executes one request; its reply is appended to `out`.
    #[inline]
    pub fn execute(
        &mut self,
        session: &mut Session,
        args: Args<'_>,
        prepared: Prepared,
        out: &mut Output,
    ) -> Next {
        if let Prepared {
            command: Some(command),
            hash: Some(hash),
        } = prepared
            && session.is_usual
            && let Some(handler) = command.traits.plain
            && command.traits.accept(args.len())
            && (session.cleared != 0 || session.permits(command, args))
        {
            let traits = &command.traits;
            if traits.has_one_key || traits.has_only_keys && args.len() == 2 {
                return self.execute_on_key(session, (command, handler), (&args, hash), out);
            }
            let mark = out.mark();
            let mut reply = Reply::new(out, session.protocol);
            let outcome = self.run_on_keys(session, (command, handler), args, None, &mut reply);
            return self.conclude(session, command, args, outcome, out, mark);
        }
        let next = self.execute_any(session, args, prepared, out);
        session.is_usual = gates::is_usual(self, session);
        next
    }

    /// The common case of [`Engine::execute`]: a plain command with one key. Nothing about the
    /// session changes.
    fn execute_on_key(
        &mut self,
        session: &mut Session,
        (command, handler): (&'static Registered, KeysHandler),
        (args, hash): (&Args<'_>, Hash),
        out: &mut Output,
    ) -> Next {
        let mark = out.mark();
        let outcome = self.run_on_key(session, (command, handler), (args, hash), out);
        let outcome = match outcome {
            Ok(Flow::Done) => {
                // There is nothing in it to be dropped, and nobody who would find that out.
                std::mem::forget(outcome);
                self.finish_lap(session, command, args);
                return Next::Go;
            }
            Ok(Flow::Long) => Ok(long::offload(session, command, *args)),
            outcome => outcome,
        };
        self.conclude(session, command, *args, outcome, out, mark)
    }

    /// Runs a plain command with one key.
    #[inline(always)] // for one caller, which looks at the outcome where it is
    fn run_on_key(
        &mut self,
        session: &Session,
        (command, handler): (&'static Registered, KeysHandler),
        (args, hash): (&Args<'_>, Hash),
        out: &mut Output,
    ) -> Outcome {
        if command.has(DENYOOM) && !eviction::is_unlimited(&self.shared.keyspace) {
            self.make_room(*args)?;
        }
        let (scope, shared, _) = self.parts(session);
        let Some(lock) = scope.keyspace.shard(hash).lock_briefly() else {
            return Ok(Flow::Long);
        };
        let mut txn = Txn::begin_locked(scope, Key::hashed(args.at(1), hash), lock);
        let mut reply = Reply::new(out, session.protocol);
        let outcome = handler(&mut txn, *args, &mut reply);
        if txn.has_ready() {
            blocking::serve(&mut txn, shared);
        }
        outcome
    }

    /// Executes a request of any kind.
    fn execute_any(
        &mut self,
        session: &mut Session,
        args: Args<'_>,
        prepared: Prepared,
        out: &mut Output,
    ) -> Next {
        self.publish_executed();
        let mark = out.mark();
        let command = match gates::admit(self, session, args, prepared.command) {
            Ok(gates::Admitted::Run(command)) => command,
            Ok(gates::Admitted::Queue(command)) => {
                self.answer(session, out, |engine, session, reply| {
                    transaction::queue(engine, session, command, args, reply)
                });
                return Next::Go;
            }
            Ok(gates::Admitted::Pause(until_ms)) => return Next::Paused(until_ms),
            Err((_, None)) if gates::is_http(args) => {
                self.sheet.add(Counter::ProtocolErrors, 1);
                self.sheet.add(Counter::CrossProtocol, 1);
                gates::report_http(session, self.now_ms);
                return Next::Close;
            }
            Err((error, command)) => {
                if let Some(multi) = &mut session.multi {
                    multi.refused = true;
                }
                let mut error = error;
                if let Some(command) = command {
                    bump(&self.sheet.command(command.id).rejected, 1);
                    if matches!(command.command.handler, Handler::Exec) {
                        error = transaction::abort(self, session, error);
                    }
                }
                self.reply_error(session, &error, out);
                silence(session, out, mark);
                caching::follow(session, command, out);
                return Next::Go;
            }
        };
        if self.shared.clients.has_monitors() {
            feed_monitors(&self.shared, self.view.config(), session, args, command);
        }
        let mut reply = Reply::new(out, session.protocol);
        let outcome = self.run(session, command, args, prepared.hash, &mut reply);
        self.conclude(session, command, args, outcome, out, mark)
    }

    /// Runs an admitted command.
    fn run(
        &mut self,
        session: &mut Session,
        command: &'static Registered,
        args: Args<'_>,
        hash: Option<Hash>,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        let row = command.command;
        if let Some(long) = row.long
            && long(&self.shared.keyspace, args)
        {
            return Ok(long::offload(session, command, args));
        }
        match row.handler {
            Handler::Keys(handler) => {
                self.run_on_keys(session, (command, handler), args, hash, reply)
            }
            Handler::Keyspace(handler, all) => {
                self.run_on_keyspace(session, command, (handler, all), args, reply)
            }
            Handler::Session(handler) => {
                if row.flags.has(DENYOOM) {
                    self.make_room(args)?;
                }
                if !row.keys.is_empty() && !self.is_free(args, row) {
                    return Ok(Flow::Later);
                }
                let outcome = handler(&mut self.context(session, command), args, reply);
                self.refresh_config();
                outcome
            }
            Handler::Exec => transaction::exec(self, session, reply),
            Handler::Script(source) => {
                script::on_worker(self, session, (command, source), args, reply)
            }
            Handler::Container => Err(Error::Syntax),
        }
    }

    /// Runs a command on the whole keyspace.
    fn run_on_keyspace(
        &mut self,
        session: &Session,
        command: &'static Registered,
        (handler, all): (KeysHandler, bool),
        args: Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        if command.has(DENYOOM) {
            self.make_room(args)?;
        }
        // Scripts may hold shards for long; a walk would wait for each.
        if !all && self.shared.running.are_long() {
            return Ok(long::offload(session, command, args));
        }
        let (scope, shared, _) = self.parts(session);
        let begun = if all {
            Txn::begin_all_on_worker(scope, Keys::new())
        } else {
            Some(Txn::begin(scope, Keys::new()))
        };
        let Some(mut txn) = begun else {
            return Ok(long::offload(session, command, args));
        };
        txn.set_may_offload(false);
        let outcome = handler(&mut txn, args, reply);
        blocking::serve(&mut txn, shared);
        outcome
    }

    /// Can the locks of a request that must stay with its worker be had without waiting? Asked only
    /// while a script runs that may hold them for long.
    #[inline]
    fn is_free(&self, args: Args<'_>, row: &Command) -> bool {
        if !self.shared.running.are_long() {
            return true;
        }
        let keys = row.extract_keys(args).unwrap_or_default();
        let hashes = keys.iter().map(|key| key.hash());
        Txn::are_free(&self.shared.keyspace, hashes)
    }

    /// Runs a command on keys.
    fn run_on_keys(
        &mut self,
        session: &mut Session,
        (command, handler): (&'static Registered, KeysHandler),
        args: Args<'_>,
        hash: Option<Hash>,
        reply: &mut Reply<'_>,
    ) -> Outcome {
        let row = command.command;
        if row.flags.has(DENYOOM) {
            self.make_room(args)?;
        }
        let keys = match hash {
            Some(hash) if command.traits.has_one_key => Keys::One(Key::hashed(args.at(1), hash)),
            // A count that does not fit leaves no keys; the handler says what is wrong.
            _ => row.extract_keys(args).unwrap_or_default(),
        };
        if row.flags.has(BLOCKING) && !self.is_free(args, row) {
            return Ok(Flow::Later);
        }
        let (scope, shared, blocked) = self.parts(session);
        if keys.len() > 1 {
            // What its batch loaded ahead are the keys of requests with a single one.
            let hashes = keys.iter().take(PREFETCHED_KEYS_MAX).map(|key| key.hash());
            let reader = scope.local.reader;
            scope.keyspace.prefetch(reader, scope.db, hashes);
        }
        let begun = if row.needs_all(args) {
            Txn::begin_all_on_worker(scope, keys)
        } else {
            Txn::try_begin(scope, keys, row.flags.has(BLOCKING))
        };
        let Some(mut txn) = begun else {
            return Ok(long::offload(session, command, args));
        };
        let mut outcome = handler(&mut txn, args, reply);
        match &mut outcome {
            Ok(Flow::Long) => return Ok(long::offload(session, command, args)),
            Ok(Flow::Block(block)) => {
                *blocked = Some(blocking::block(&mut txn, session, (command, args), block));
            }
            _ => {}
        }
        if session.notes_reads() {
            caching::note(shared, session.client.id, command, &txn);
        }
        if txn.has_ready() {
            blocking::serve(&mut txn, shared);
        }
        outcome
    }

    /// What a transaction for a client runs with, and what is needed beside it.
    fn parts(&mut self, session: &Session) -> (Scope<'_>, &Shared, &mut Option<Blocked>) {
        self.local.client = session.client.id;
        let config = self.view.config();
        let scope = scope(&self.shared, &mut self.local, config, self.now_ms, session);
        (scope, &self.shared, &mut self.blocked)
    }

    /// Evicts to make room for a write, or refuses it.
    fn make_room(&mut self, args: Args<'_>) -> Result<(), Error> {
        let incoming = args.total_bytes();
        let evicted = self.local.tally.evicted;
        let room = eviction::make_room(
            &self.shared.keyspace,
            &mut self.local,
            self.now_ms,
            incoming,
        );
        if self.local.tally.evicted != evicted {
            let spent_ns = self.stopwatch.ns_between(self.lap, self.stopwatch.now());
            let event = LatencyEvent::EvictionCycle;
            self.shared
                .note_latency(self.view.config(), event, spent_ns);
        }
        if room {
            Ok(())
        } else {
            Err(Error::OutOfMemory)
        }
    }

    /// What follows from an outcome: the error's reply, statistics, the slow log.
    fn conclude(
        &mut self,
        session: &mut Session,
        command: &'static Registered,
        args: Args<'_>,
        outcome: Outcome,
        out: &mut Output,
        mark: crate::protocol::output::Mark,
    ) -> Next {
        let next = match outcome {
            Ok(Flow::Done) => Next::Go,
            Ok(Flow::Close) => Next::Close,
            Ok(Flow::Block(_)) => {
                let blocked = self.blocked.take();
                let blocked = blocked.expect("registered when the handler returned");
                return Next::Block(Box::new(blocked));
            }
            Ok(Flow::Long) => unreachable!("offloaded when the handler returned"),
            Ok(Flow::Later) => return Next::Paused(self.now_ms + 1),
            Ok(Flow::Offload(job)) => {
                self.sheet.add(Counter::Offloaded, 1);
                return Next::Await(job, command);
            }
            Err(error) => {
                out.truncate(mark);
                bump(&self.sheet.command(command.id).failed, 1);
                self.reply_error(session, &error, out);
                Next::Go
            }
        };
        if session.reply_mode != ReplyMode::On {
            let kept = gates::replies_by_push(command);
            silence(session, out, if kept { out.mark() } else { mark });
        }
        caching::follow(session, Some(command), out);
        self.finish_lap(session, command, &args);
        next
    }

    /// The request under way has been executed, and the next begins.
    #[inline]
    fn finish_lap(&mut self, session: &Session, command: &Registered, args: &Args<'_>) {
        let lap = self.stopwatch.now();
        let spent_ns = self.stopwatch.ns_between(self.lap, lap);
        self.lap = lap;
        self.count(session, command, args, spent_ns);
    }

    /// Notes an offloaded request's end; called by the client's task with the job's output. The
    /// slow log keeps the command's name only: its arguments went with the job.
    pub fn finish_offloaded(
        &mut self,
        session: &mut Session,
        command: &'static Registered,
        spent_ns: u64,
        out: &mut Output,
    ) {
        let name = Span {
            start: 0,
            len: command.full_name.len() as u32,
        };
        self.count(
            session,
            command,
            &Args::new(command.full_name.as_bytes(), &[name]),
            spent_ns,
        );
        if session.reply_mode != ReplyMode::On {
            silence(session, out, Output::default().mark());
        }
        caching::follow(session, Some(command), out);
        // The wait is not the next request's time.
        self.lap = self.stopwatch.now();
    }

    #[inline]
    fn count(&mut self, session: &Session, command: &Registered, args: &Args<'_>, spent_ns: u64) {
        self.executed += 1;
        self.sheet.executed(command.id, spent_ns);
        session
            .client
            .last_command
            .store(command.id as u32, Relaxed);
        if spent_ns >= self.noteworthy_ns {
            let config = self.view.config();
            slow::note(&self.shared, config, session, command, *args, spent_ns);
        }
    }

    fn reply_error(&mut self, session: &Session, error: &Error, out: &mut Output) {
        self.shared.metrics.count_error(&error.code());
        Reply::new(out, session.protocol).error(error);
    }

    fn answer(
        &mut self,
        session: &mut Session,
        out: &mut Output,
        run: impl FnOnce(&mut Engine, &mut Session, &mut Reply<'_>) -> Result<(), Error>,
    ) {
        let mark = out.mark();
        let protocol = session.protocol;
        if let Err(error) = run(self, session, &mut Reply::new(out, protocol)) {
            self.reply_error(session, &error, out);
        }
        silence(session, out, mark);
    }

    fn context<'a>(
        &'a mut self,
        session: &'a mut Session,
        command: &'static Registered,
    ) -> Context<'a> {
        Context {
            shared: &self.shared,
            session,
            local: &mut self.local,
            config: self.view.config(),
            now_ms: self.now_ms,
            sheet: &self.sheet,
            command,
            in_transaction: false,
        }
    }
}

/// What a transaction for a client runs with.
fn scope<'a>(
    shared: &'a Shared,
    local: &'a mut Local,
    config: &'a Config,
    now_ms: u64,
    session: &Session,
) -> Scope<'a> {
    Scope {
        keyspace: &shared.keyspace,
        local,
        config,
        db: session.db,
        now_ms,
        skew_ms: shared.clock.skew_ms(),
        touch: !session.no_touch,
    }
}

/// Shows a request to the monitors.
fn feed_monitors(
    shared: &Shared,
    config: &Config,
    session: &Session,
    args: Args<'_>,
    command: &Registered,
) {
    // Requests to run scripts are flagged only so that they are not shown behind what they call.
    let runs_script = matches!(command.command.handler, Handler::Script(_));
    if runs_script || is_shown(command) {
        let who = (session.db, Some(&session.client.address));
        let line = monitor_line(&shared.clock, who, redacted(command, args));
        post_to_monitors(shared, config, &line);
    }
}

/// Do monitors see requests of this command?
fn is_shown(command: &Registered) -> bool {
    !command.has(SKIP_MONITOR) && !command.has(ADMIN)
}

fn post_to_monitors(shared: &Shared, config: &Config, line: &[u8]) {
    let limit = config.limits.client_output_buffer.normal.hard_bytes;
    for monitor in shared.clients.monitors() {
        monitor.post(line, limit);
    }
}

/// Releases what a session holds outside itself, when its client disconnects.
pub fn disconnect(engine: &mut Engine, session: &mut Session) {
    session.leave(&engine.shared);
}

/// Takes the reply back if the client does not want it.
fn silence(session: &mut Session, out: &mut Output, mark: crate::protocol::output::Mark) {
    match session.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off => out.truncate(mark),
        ReplyMode::SkipThis => {
            out.truncate(mark);
            session.reply_mode = ReplyMode::SkipNext;
        }
        ReplyMode::SkipNext => {
            out.truncate(mark);
            session.reply_mode = ReplyMode::On;
        }
    }
}

/// The arguments as they may be shown: none of commands that carry secrets.
fn redacted<'a>(command: &Registered, args: Args<'a>) -> Args<'a> {
    let keep = match command.full_name {
        "auth" => 1,
        "hello" => 2,
        "config|set" => 3,
        "acl|setuser" => 2,
        _ => return args,
    };
    args.first(keep)
}

/// A line of `MONITOR`, as a simple string. Without an address it is a script's command.
fn monitor_line(
    clock: &Clock,
    (db, address): (usize, Option<&Address>),
    args: Args<'_>,
) -> Vec<u8> {
    use std::io::Write;
    let now_us = clock.now_us() as i64 + clock.skew_ms() * 1000;
    let mut line = Vec::with_capacity(64 + args.total_bytes());
    write!(
        line,
        "+{}.{:06} [{db} ",
        now_us / 1_000_000,
        now_us % 1_000_000,
    )
    .and_then(|()| match address {
        Some(address) => write!(line, "{address}]"),
        None => write!(line, "lua]"),
    })
    .expect("writing to memory does not fail");
    for arg in args.from(0) {
        line.push(b' ');
        crate::base::quote::quoted(arg, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// Does a command, or anything a transaction of it may contain, write (or publish)?
fn may_write(session: &Session, command: &Registered) -> bool {
    let writes = |command: &Registered| command.has(WRITE) || command.has(MAY_REPLICATE);
    match command.command.handler {
        Handler::Exec => session.multi.as_ref().is_some_and(|multi| {
            let mut queued = multi.queue.iter();
            queued.any(|queued| writes(&table::all()[queued.command]))
        }),
        _ => writes(command),
    }
}
