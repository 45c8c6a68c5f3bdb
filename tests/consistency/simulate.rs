//! A small server inside the test that can be told to do one thing wrong.
//!
//! It runs the same workload as the real server does, its clients interleaved by a seeded
//! scheduler: each turn lets one client send a batch, have one request of it done, or receive the
//! replies. Time is the number of the turn. What a fault needs is that something be done in two
//! turns that should take one.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::history::{Answer, History, How, Key, Kind, Request, Step, Value, kind};
use super::workload::{Client, Shape, closing};

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// A read sometimes returns what the key held before its last write.
    StaleRead,
    /// `INCR` and `SET … GET` sometimes go by what the key held before its last write.
    LostUpdate,
    /// An aborted transaction sometimes leaves its writes.
    AbortedWrite,
    /// Readers sometimes see a transaction that is half done.
    DirtyRead,
    /// A transaction or `MGET` that only reads is sometimes done in several turns.
    FracturedRead,
    /// A transaction that writes is sometimes done in several turns.
    ExecNotIsolated,
    /// `EXEC` sometimes asks only whether those watched keys have changed that it writes.
    WriteSkew,
    /// `EXEC` sometimes does not ask whether watched keys have changed.
    MissedWatch,
    /// Who leaves a watched key sometimes takes the others' watches of it along.
    StolenWatch,
    /// A write is sometimes done after its reply has been sent.
    LateWrite,
    /// An append is sometimes done twice.
    DuplicateAppend,
    /// A confirmed append is sometimes not done.
    LostAppend,
}

impl Fault {
    /// How often it happens where it could: those that few transactions are open to, more often.
    fn rate(self) -> f64 {
        match self {
            Fault::WriteSkew | Fault::AbortedWrite | Fault::LateWrite => 0.5,
            Fault::FracturedRead | Fault::ExecNotIsolated => 0.2,
            _ => 0.05,
        }
    }
}

#[derive(Clone, Debug)]
enum Cell {
    Number(u64),
    List(Vec<Value>),
}

/// One key, and what it was before its last write.
struct Stored {
    now: Cell,
    before: Cell,
    writes: u64,
    /// How often watches of it were forgotten.
    thefts: u64,
}

/// A client and where the server is with its batch.
struct Session {
    client: Client,
    batch: Vec<Request>,
    sent: u64,
    answers: Vec<Option<Vec<Answer>>>,
    /// Answers to the first steps of the request that is being done in several turns.
    partly: Vec<Answer>,
    torn: bool,
    /// What watched keys' counts of writes, and of forgotten watches, were.
    watched: Vec<(Key, u64, u64)>,
}

struct Model {
    keys: Vec<Stored>,
    fault: Fault,
    rng: StdRng,
    /// Writes that have been confirmed and not been done.
    late: Vec<Step>,
}

/// Runs a round on a server with a fault.
pub fn simulate(shape: &Shape, fault: Fault, seed: u64) -> History {
    let empty = |key| match kind(key) {
        Kind::List => Cell::List(Vec::new()),
        _ => Cell::Number(0),
    };
    let stored = |key| Stored {
        now: empty(key),
        before: empty(key),
        writes: 0,
        thefts: 0,
    };
    let mut model = Model {
        keys: (0..shape.keys()).map(stored).collect(),
        fault,
        rng: StdRng::seed_from_u64(seed),
        late: Vec::new(),
    };
    let clients = (0..shape.clients).map(|number| Client::new(shape, number, seed));
    let mut sessions: Vec<Session> = clients.map(Session::new).collect();
    let now = model.run(&mut sessions);
    model.close(shape, &mut sessions[0].client, now);
    History {
        keys: shape.keys(),
        txns: sessions
            .into_iter()
            .flat_map(|session| session.client.txns)
            .collect(),
    }
}

impl Session {
    fn new(client: Client) -> Session {
        Session {
            client,
            batch: Vec::new(),
            sent: 0,
            answers: Vec::new(),
            partly: Vec::new(),
            torn: false,
            watched: Vec::new(),
        }
    }
}

impl Model {
    /// Lets the sessions run to their end; returns the time.
    fn run(&mut self, sessions: &mut [Session]) -> u64 {
        let mut open: Vec<usize> = (0..sessions.len()).collect();
        let mut now = 0;
        while !open.is_empty() {
            now += 1;
            let at = self.rng.random_range(0..open.len());
            if !self.turn(&mut sessions[open[at]], now) {
                open.swap_remove(at);
            }
            if !self.late.is_empty() && self.rng.random_bool(0.1) {
                let step = self.late.remove(0);
                self.write(step);
            }
        }
        for step in std::mem::take(&mut self.late) {
            self.write(step);
        }
        now
    }

    fn close(&mut self, shape: &Shape, client: &mut Client, now: u64) {
        let batch = closing(shape);
        let answer = |request: &Request| Some(vec![self.read(request.steps[0].key())]);
        let answers = batch.iter().map(answer).collect();
        client.note(batch, answers, now + 1, now + 2);
    }

    /// One turn of a session; false when it has ended.
    fn turn(&mut self, session: &mut Session, now: u64) -> bool {
        if session.batch.is_empty() {
            session.batch = session.client.next();
            session.sent = now;
            return !session.batch.is_empty();
        }
        let Some(request) = session.batch.get(session.answers.len()).cloned() else {
            let (batch, answers) = (
                std::mem::take(&mut session.batch),
                std::mem::take(&mut session.answers),
            );
            session.client.note(batch, answers, session.sent, now);
            return true;
        };
        if request.how == How::Commit && self.aborts(session, &request) {
            if self.strikes(Fault::AbortedWrite) {
                request.steps.iter().for_each(|step| self.write(*step));
            }
            session.answers.push(None);
            return true;
        }
        self.advance(session, &request);
        true
    }

    fn strikes(&mut self, fault: Fault) -> bool {
        self.fault == fault && self.rng.random_bool(fault.rate())
    }

    fn aborts(&mut self, session: &mut Session, request: &Request) -> bool {
        let mut watched = std::mem::take(&mut session.watched);
        if self.strikes(Fault::WriteSkew) {
            watched.retain(|(key, ..)| request.steps.iter().any(|step| step.key() == *key));
        }
        watched.retain(|&(key, _, thefts)| self.keys[key as usize].thefts == thefts);
        let changed =
            |&(key, writes, _): &(Key, u64, u64)| self.keys[key as usize].writes != writes;
        let changed = watched.iter().any(changed);
        changed && !self.strikes(Fault::MissedWatch)
    }

    /// Does a request: all of it, or one step when it is torn.
    fn advance(&mut self, session: &mut Session, request: &Request) {
        if request.how == How::Watch && session.partly.is_empty() {
            let counts = |step: &Step| {
                let stored = &self.keys[step.key() as usize];
                (step.key(), stored.writes, stored.thefts)
            };
            session.watched = request.steps.iter().map(counts).collect();
        }
        if let How::WatchAndLeave(key) = request.how
            && self.strikes(Fault::StolenWatch)
        {
            self.keys[key as usize].thefts += 1;
        }
        if session.partly.is_empty() {
            session.torn = request.how == How::Watch || self.tears(request);
        }
        while session.partly.len() < request.steps.len() {
            let step = request.steps[session.partly.len()];
            let answer = self.answer(step, request.how == How::Single);
            session.partly.push(answer);
            if session.torn && session.partly.len() < request.steps.len() {
                return;
            }
        }
        session
            .answers
            .push(Some(std::mem::take(&mut session.partly)));
    }

    /// Whether the request will be done in several turns.
    fn tears(&mut self, request: &Request) -> bool {
        let only_reads = request.steps.iter().all(|step| step.is_read());
        let only_writes = request.steps.iter().all(|step| !step.is_read());
        match self.fault {
            Fault::FracturedRead => only_reads && self.strikes(Fault::FracturedRead),
            Fault::DirtyRead => only_writes && self.strikes(Fault::DirtyRead),
            Fault::ExecNotIsolated => {
                request.how == How::Exec && !only_reads && self.strikes(Fault::ExecNotIsolated)
            }
            _ => false,
        }
    }

    fn answer(&mut self, step: Step, single: bool) -> Answer {
        let key = step.key();
        let found = self.read(key);
        let before = shown(key, &self.keys[key as usize].before);
        match step {
            Step::Read(_) if self.strikes(Fault::StaleRead) => before,
            Step::Read(_) => found,
            Step::Add(_) if found != before && self.strikes(Fault::LostUpdate) => longer(&before),
            Step::Swap(..) if self.strikes(Fault::LostUpdate) => {
                self.write(step);
                before
            }
            Step::Append(..) if self.strikes(Fault::LostAppend) => longer(&found),
            Step::Append(..) if self.strikes(Fault::DuplicateAppend) => {
                self.write(step);
                self.write(step);
                longer(&self.read(key))
            }
            Step::Set(..) if single && self.strikes(Fault::LateWrite) => {
                self.late.push(step);
                Answer::Nothing
            }
            _ => {
                self.write(step);
                match step {
                    Step::Set(..) => Answer::Nothing,
                    Step::Swap(..) => found,
                    _ => longer(&found),
                }
            }
        }
    }

    fn read(&self, key: Key) -> Answer {
        shown(key, &self.keys[key as usize].now)
    }

    fn write(&mut self, step: Step) {
        let stored = &mut self.keys[step.key() as usize];
        stored.before = stored.now.clone();
        stored.writes += 1;
        match (&mut stored.now, step) {
            (Cell::Number(number), Step::Add(_)) => *number += 1,
            (Cell::Number(number), Step::Set(_, value) | Step::Swap(_, value)) => *number = value,
            (Cell::List(list), Step::Append(_, value)) => list.push(value),
            (cell, step) => panic!("{step:?} on {cell:?}"),
        }
    }
}

fn shown(key: Key, cell: &Cell) -> Answer {
    match (kind(key), cell) {
        (Kind::Register, Cell::Number(value)) => Answer::Value(*value),
        (_, Cell::Number(count)) => Answer::Number(*count),
        (_, Cell::List(list)) => Answer::List(list.clone()),
    }
}

/// The count or the length after one more.
fn longer(found: &Answer) -> Answer {
    match found {
        Answer::Number(count) => Answer::Number(count + 1),
        Answer::List(list) => Answer::Number(list.len() as u64 + 1),
        other => panic!("nothing to count in {other:?}"),
    }
}
