//! Random transactions of two connections that come between each other, at one server and at the
//! other: `WATCH`, `MULTI`, commands of every family, `EXEC` or `DISCARD`.

use crate::exceptions::Exceptions;
use crate::generate::{CLIENTS, Command, Generator};
use crate::rows::{Row, row};
use crate::run::{Plan, describe, options};
use crate::session::Pair;
use crate::support::{Oracle, Reply, Server};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Families whose commands work on keys.
pub const FAMILIES: &[&str] = &[
    "string",
    "bitmap",
    "hyperloglog",
    "list",
    "generic",
    "hash",
    "set",
    "stream",
    "zset",
    "geo",
    "server",
];
const MULTI: Row = row("MULTI", &[]);
const EXEC: Row = row("EXEC", &[]);
const DISCARD: Row = row("DISCARD", &[]);
const WATCH: Row = row("WATCH", &[]);
const UNWATCH: Row = row("UNWATCH", &[]);
/// Commands in one pipeline.
const BATCH: usize = 200;
const FINDINGS_MAX: usize = 8;

/// Where a client is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Idle,
    /// It watches keys, and does something else first.
    Watching,
    /// So many commands are still to be queued.
    Queueing(u32),
}

struct Source {
    rng: StdRng,
    generator: Generator,
    states: [State; CLIENTS],
    client: usize,
}

impl Source {
    fn command(&self, row: &'static Row, args: &[&[u8]]) -> Command {
        let mut all = vec![row.name.as_bytes().to_vec()];
        all.extend(args.iter().map(|arg| arg.to_vec()));
        Command {
            client: self.client,
            row,
            args: all,
        }
    }

    /// One step of the client whose turn it is.
    fn draw(&mut self, out: &mut Vec<Command>) {
        if self.rng.random_ratio(1, 8) {
            self.client = self.rng.random_range(0..CLIENTS);
        }
        let chance = self.rng.random_range(0..10);
        let (next, row) = match (self.states[self.client], chance) {
            (State::Idle, 0..3) => {
                let keys = self.generator.keys_drawn(3 + 3 * chance);
                let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                out.push(self.command(&WATCH, &keys));
                self.states[self.client] = State::Watching;
                return;
            }
            (State::Idle | State::Watching, 3..7) => {
                (State::Queueing(self.rng.random_range(0..6)), &MULTI)
            }
            (State::Watching, 7) => (State::Idle, &UNWATCH),
            (State::Queueing(0), 0) => (State::Idle, &DISCARD),
            (State::Queueing(0), _) => (State::Idle, &EXEC),
            (state, _) => {
                self.states[self.client] = match state {
                    State::Queueing(left) => State::Queueing(left - 1),
                    state => state,
                };
                return self.generator.draw_for(self.client, out);
            }
        };
        self.states[self.client] = next;
        out.push(self.command(row, &[]));
    }
}

/// Runs until so many transactions were executed.
pub fn run(plan: &Plan) {
    let (oracle, subject) = (Oracle::start(options()), Server::start(options()));
    let exceptions = Exceptions::read();
    let pair = Pair::new((&oracle, &subject), &exceptions, 2);
    let mut source = Source {
        rng: StdRng::seed_from_u64(plan.seed),
        generator: Generator::of(plan.seed, FAMILIES),
        states: [State::Idle; CLIENTS],
        client: 0,
    };
    let mut session = pair.fresh_session();
    let (mut executed, mut aborted, mut commands) = (0, 0, 0);
    let mut history = Vec::new();
    let mut findings = Vec::new();
    while executed < plan.commands && findings.len() < FINDINGS_MAX {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            source.draw(&mut batch);
        }
        let outcomes = session.exchange(&batch);
        commands += outcomes.len();
        for (command, outcome) in batch.iter().zip(&outcomes) {
            if command.row.name == "EXEC" {
                executed += 1;
                aborted += usize::from(outcome.theirs.as_ref().is_ok_and(Reply::is_null));
            }
        }
        let differs = outcomes.last().is_some_and(|last| !last.equal);
        history.extend_from_slice(&batch[..outcomes.len()]);
        if differs {
            let last = outcomes.last().expect("seen above");
            findings.push(describe(&pair, &history, last));
            history.clear();
            session = pair.fresh_session();
            source.states = [State::Idle; CLIENTS];
        }
    }
    println!(
        "seed {}: {commands} commands, {executed} EXECs, {aborted} aborted",
        plan.seed
    );
    assert!(
        findings.is_empty(),
        "DIFF_SEED={}\n{}",
        plan.seed,
        findings.join("\n")
    );
    assert!(aborted * 50 > executed, "{aborted} aborted of {executed}");
}
