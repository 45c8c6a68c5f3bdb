//! What clients ask for: a mix of everything that touches one key or several.
//!
//! A round's keys come in groups that follow each other, so that lists stay short: all clients work
//! on the group that is due by their own progress, hence on the same one.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::history::{Answer, How, Key, Kind, Request, Step, Txn, Value, kind};

/// Clients of a round, hence of a key.
pub const CLIENTS: u32 = 8;

/// The shape of a round.
#[derive(Clone, Debug)]
pub struct Shape {
    pub clients: u32,
    /// Accesses to keys that each client makes, about.
    pub steps: usize,
    /// Groups of keys that follow each other.
    pub groups: u32,
    /// Keys in a group.
    pub group_keys: u32,
    /// Most requests in one batch.
    pub batch_max: usize,
    /// Whether keys of that kind are used.
    pub kinds: fn(Kind) -> bool,
    /// Whether a request may touch several keys.
    pub several: bool,
    /// Whether requests that disturb are among them.
    pub disturb: bool,
    /// Whether scripts are among them.
    pub scripts: bool,
    /// Whether most of what they do is transactions with scripts.
    pub script_txns: bool,
    /// Whether clients do little but watch keys, commit, and leave what they watched.
    pub watches: bool,
}

impl Shape {
    /// A round of about `steps` accesses to keys in all.
    pub fn of(steps: usize) -> Shape {
        let each = steps / CLIENTS as usize;
        Shape {
            clients: CLIENTS,
            steps: each,
            groups: (each / 120).max(1) as u32,
            group_keys: 9,
            batch_max: 16,
            kinds: |_| true,
            several: true,
            disturb: true,
            scripts: true,
            script_txns: false,
            watches: false,
        }
    }

    /// The same for clients that mostly watch, all of them few keys.
    pub fn of_watchers(steps: usize) -> Shape {
        Shape {
            group_keys: 6,
            watches: true,
            ..Shape::of(steps)
        }
    }

    /// The same for clients whose transactions mostly have scripts in them.
    pub fn of_script_txns(steps: usize) -> Shape {
        Shape {
            script_txns: true,
            ..Shape::of(steps)
        }
    }

    /// How many keys the round has.
    pub fn keys(&self) -> u32 {
        self.groups * self.group_keys
    }
}

/// One client: what it asks next, and what it has seen.
pub struct Client {
    shape: Shape,
    number: u32,
    rng: StdRng,
    next_value: Value,
    batches: u32,
    steps_done: usize,
    /// What was watched and read, for the transaction that follows.
    watched: Vec<(Step, Answer)>,
    pub txns: Vec<Txn>,
}

impl Client {
    /// A client at its beginning.
    pub fn new(shape: &Shape, number: u32, seed: u64) -> Client {
        Client {
            shape: shape.clone(),
            number,
            rng: StdRng::seed_from_u64(seed ^ (u64::from(number) << 32)),
            next_value: Value::from(number) + 1,
            batches: 0,
            steps_done: 0,
            watched: Vec::new(),
            txns: Vec::new(),
        }
    }

    /// What it sends next; nothing when it has done its share.
    pub fn next(&mut self) -> Vec<Request> {
        let mut batch = Vec::new();
        if !self.watched.is_empty() {
            batch.push(self.commit());
        } else if self.steps_done >= self.shape.steps {
            return batch;
        }
        let size = match self.rng.random_bool(0.5) {
            true => 1,
            false => self.rng.random_range(1..=self.shape.batch_max),
        };
        while batch.len() < size {
            let request = self.request();
            let how = request.how;
            batch.push(request);
            if how == How::Watch {
                break;
            }
        }
        self.steps_done += batch
            .iter()
            .map(|request| request.steps.len())
            .sum::<usize>();
        batch
    }

    /// Notes how a batch went: the answers to each request's steps, `None` if it was aborted.
    pub fn note(
        &mut self,
        batch: Vec<Request>,
        answers: Vec<Option<Vec<Answer>>>,
        sent: u64,
        received: u64,
    ) {
        self.batches += 1;
        let mut watched = std::mem::take(&mut self.watched);
        for (request, answers) in batch.into_iter().zip(answers) {
            let how = request.how;
            let aborted = answers.is_none();
            let answers = answers.unwrap_or_else(|| vec![Answer::Nothing; request.steps.len()]);
            let mut steps: Vec<_> = request.steps.into_iter().zip(answers).collect();
            if how == How::Watch {
                self.watched.clone_from(&steps);
                for step in steps {
                    self.record(how, false, vec![step], sent, received);
                }
                continue;
            }
            if how == How::Commit && !aborted {
                // What was watched is unchanged, so these reads happened here as well.
                watched.append(&mut steps);
                steps = std::mem::take(&mut watched);
            }
            if !steps.is_empty() {
                self.record(how, aborted, steps, sent, received);
            }
        }
    }

    fn record(
        &mut self,
        how: How,
        aborted: bool,
        steps: Vec<(Step, Answer)>,
        sent: u64,
        received: u64,
    ) {
        self.txns.push(Txn {
            client: self.number,
            batch: self.batches,
            sent,
            received,
            how,
            aborted,
            steps,
        });
    }

    fn request(&mut self) -> Request {
        let dice = self.rng.random_range(0..100);
        match dice {
            0..30 if self.shape.watches => self.watch(),
            30..50 if self.shape.watches => self.watch_and_leave(),
            2..30 if self.shape.script_txns => self.mixed(How::ExecScript),
            30..55 if self.shape.script_txns => self.mixed(How::ExecScriptUndeclared),
            0 if self.shape.disturb => self.disturb(),
            1 if self.shape.disturb => self.watch_and_leave(),
            _ if !self.shape.several || dice < 55 => {
                let (key, reads) = (self.key(), self.rng.random_bool(0.5));
                let step = self.step(key, reads);
                self.one(How::Single, vec![step])
            }
            55..60 => self.multi(How::MultiGet, |kind| kind != Kind::List),
            60..65 => self.multi(How::MultiSet, |kind| kind == Kind::Register),
            65 if self.rng.random_bool(0.3) => self.mixed(How::ExecSlowly),
            65..80 => self.mixed(How::Exec),
            80..85 if self.shape.scripts => self.mixed(How::Script),
            85..87 if self.shape.scripts => self.mixed(How::ExecScript),
            87 if self.shape.scripts => self.mixed(How::ExecScriptUndeclared),
            88..90 if self.shape.scripts => self.mixed(How::ScriptUndeclared),
            80..90 => self.mixed(How::Exec),
            _ => self.watch(),
        }
    }

    fn one(&self, how: How, steps: Vec<Step>) -> Request {
        Request { how, steps }
    }

    fn disturb(&mut self) -> Request {
        let which = self.rng.random();
        self.one(How::Disturb(which), Vec::new())
    }

    fn watch_and_leave(&mut self) -> Request {
        let key = self.key();
        self.one(How::WatchAndLeave(key), Vec::new())
    }

    /// One command on several keys of some kinds; a single read when there are none.
    fn multi(&mut self, how: How, fits: fn(Kind) -> bool) -> Request {
        let mut keys = self.keys(4);
        keys.retain(|&key| fits(kind(key)));
        if keys.is_empty() {
            let key = self.key();
            return self.one(How::Single, vec![Step::Read(key)]);
        }
        let step = |key| match how {
            How::MultiGet => Step::Read(key),
            _ => Step::Set(key, self.value()),
        };
        let steps = keys.into_iter().map(step).collect();
        self.one(how, steps)
    }

    /// Several steps on several keys; some keys more than once.
    fn mixed(&mut self, how: How) -> Request {
        let mut keys = self.keys(4);
        if self.rng.random_bool(0.3) {
            keys.push(keys[0]);
        }
        // A third only reads: that is who sees half of what another did.
        let reads = [0.0, 0.5, 1.0][self.rng.random_range(0..3)];
        let step = |key| {
            let reads = self.rng.random_bool(reads);
            self.step(key, reads)
        };
        let steps = keys.into_iter().map(step).collect();
        self.one(how, steps)
    }

    fn watch(&mut self) -> Request {
        let steps = self.keys(3).into_iter().map(Step::Read).collect();
        self.one(How::Watch, steps)
    }

    /// Writes to some of what was watched, and maybe to something else.
    fn commit(&mut self) -> Request {
        let mut keys: Vec<Key> = self.watched.iter().map(|(step, _)| step.key()).collect();
        let kept = self.rng.random_range(1..=keys.len());
        keys.truncate(kept);
        if self.shape.several && self.rng.random_bool(0.3) {
            keys.push(self.key());
        }
        let steps = keys.into_iter().map(|key| self.step(key, false)).collect();
        self.one(How::Commit, steps)
    }

    fn step(&mut self, key: Key, reads: bool) -> Step {
        match kind(key) {
            _ if reads => Step::Read(key),
            Kind::Counter => Step::Add(key),
            Kind::List => Step::Append(key, self.value()),
            Kind::Register if self.rng.random_bool(0.3) => Step::Swap(key, self.value()),
            Kind::Register => Step::Set(key, self.value()),
        }
    }

    fn value(&mut self) -> Value {
        let value = self.next_value;
        self.next_value += Value::from(self.shape.clients);
        value
    }

    /// One to `max` different keys, in any order.
    fn keys(&mut self, max: usize) -> Vec<Key> {
        let mut keys = Vec::new();
        for _ in 0..self.rng.random_range(1..=max) {
            let key = self.key();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// A key of the group that is due; half of the time one of its first three.
    fn key(&mut self) -> Key {
        let groups = u64::from(self.shape.groups);
        let due =
            (self.steps_done as u64 * groups / self.shape.steps.max(1) as u64).min(groups - 1);
        loop {
            let among = match self.rng.random_bool(0.5) {
                true => 3.min(self.shape.group_keys),
                false => self.shape.group_keys,
            };
            let key = due as u32 * self.shape.group_keys + self.rng.random_range(0..among);
            if (self.shape.kinds)(kind(key)) {
                return key;
            }
        }
    }
}

/// The reads that close a round.
pub fn closing(shape: &Shape) -> Vec<Request> {
    let read = |key| Request {
        how: How::Single,
        steps: vec![Step::Read(key)],
    };
    (0..shape.keys()).map(read).collect()
}
