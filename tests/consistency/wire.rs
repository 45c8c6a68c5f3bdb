//! Requests as commands on a socket, and their replies.

use super::history::{Answer, How, Key, Kind, Request, Step, kind};
use super::support::{Conn, Reply, encode};

/// What disturbs: work that goes to the pool, that locks every shard, that moves databases about.
const DISTURBANCES: &[&str] = &[
    "KEYS *",
    "SORT bulk LIMIT 0 1",
    "LRANGE bulk 0 -1",
    "RANDOMKEY",
    "DBSIZE",
    "SWAPDB 1 2",
    "SCAN 0 COUNT 100",
    "COPY bulk bulk2 REPLACE",
    "UNLINK bulk2",
];

/// How a client that watches a key leaves it, and what it is told beside `OK`.
const LEAVES: [(&[&str], Told); 4] = [
    (&["UNWATCH"], Told::Ok),
    (&["MULTI", "DISCARD"], Told::Ok),
    (&["MULTI", "EXEC"], Told::Nothing),
    (&["UNWATCH"], Told::Ok),
];

/// The last reply of a way to leave.
#[derive(Clone, Copy)]
enum Told {
    Ok,
    /// An empty transaction's: an array without elements, or null since the key has changed.
    Nothing,
}

/// How often it does so at once.
const LEAVES_AT_ONCE: usize = 64;

/// Elements of the list that disturbances work on.
const BULK: usize = 2000;

/// Whether the server has scripts.
pub const SCRIPTS: bool = true;

/// Does steps given as `operation, key, value` in `ARGV`; a key is a place in `KEYS`, or a name.
const SCRIPT: &str = "
local replies = {}
for at = 1, #ARGV, 3 do
    local operation, value = ARGV[at], ARGV[at + 2]
    local key = KEYS[tonumber(ARGV[at + 1])] or ARGV[at + 1]
    local reply
    if operation == 'GET' or operation == 'INCR' then
        reply = redis.call(operation, key)
    elseif operation == 'LRANGE' then
        reply = redis.call('LRANGE', key, 0, -1)
    elseif operation == 'SWAP' then
        reply = redis.call('SET', key, value, 'GET')
    else
        reply = redis.call(operation, key, value)
    end
    replies[#replies + 1] = reply
end
return replies
";

/// One client's connection, for one round's keys.
pub struct Wire {
    conn: Conn,
    number: usize,
    round: u64,
    script: String,
    /// How many scripts were made.
    scripts: usize,
    bytes: Vec<u8>,
}

impl Wire {
    /// Client `number`'s, over a connection; loads the script.
    pub fn over(mut conn: Conn, number: usize) -> Wire {
        let script = match SCRIPTS {
            true => conn.cmd(&["SCRIPT", "LOAD", SCRIPT]).text(),
            false => String::new(),
        };
        Wire {
            conn,
            number,
            round: 0,
            script,
            scripts: 0,
            bytes: Vec::new(),
        }
    }

    /// Goes on to the keys of a round.
    pub fn begin(&mut self, round: u64) {
        self.round = round;
    }

    /// Makes what the disturbances need.
    pub fn prepare(&mut self) {
        let mut request = vec!["RPUSH".to_owned(), "bulk".to_owned()];
        request.extend((0..BULK).map(|n| (n * 7 % BULK).to_string()));
        assert_eq!(self.conn.cmd(&request).int(), BULK as i64);
    }

    /// Removes the round's keys.
    pub fn clear(&mut self, keys: u32) {
        let mut request = vec!["UNLINK".to_owned()];
        request.extend((0..keys).map(|key| self.name(key)));
        assert!(self.conn.cmd(&request).int() > 0, "the round wrote nothing");
    }

    /// Sends a batch at once.
    pub fn send(&mut self, batch: &[Request]) {
        self.bytes.clear();
        for request in batch {
            self.encode(request);
        }
        self.conn.send_raw(&self.bytes);
    }

    /// Reads the answers to a batch; `None` for a transaction that was aborted.
    pub fn receive(&mut self, batch: &[Request]) -> Vec<Option<Vec<Answer>>> {
        batch.iter().map(|request| self.answers(request)).collect()
    }

    fn name(&self, key: Key) -> String {
        format!("round{}:{key}", self.round)
    }

    fn push(&mut self, command: &[String]) {
        self.bytes.extend_from_slice(&encode(command));
    }

    fn encode(&mut self, request: &Request) {
        let steps = &request.steps;
        match request.how {
            How::Single => self.push(&self.command(steps[0])),
            How::MultiGet => {
                let names = steps.iter().map(|step| self.name(step.key()));
                let command: Vec<String> = ["MGET".to_owned()].into_iter().chain(names).collect();
                self.push(&command);
            }
            How::MultiSet => {
                let mut command = vec!["MSET".to_owned()];
                for step in steps {
                    let value = step.value().expect("MSET writes");
                    command.extend([self.name(step.key()), value.to_string()]);
                }
                self.push(&command);
            }
            How::Exec | How::ExecSlowly | How::Commit => self.encode_transaction(request),
            How::Script => {
                let script = self.loaded();
                self.encode_script(script, steps, |_| true);
            }
            How::ScriptUndeclared => {
                let script = self.new_now_and_then();
                self.encode_script(script, steps, |_| false);
            }
            How::ExecScript | How::ExecScriptUndeclared => self.encode_exec_with_script(request),
            How::Watch => {
                let mut command = vec!["WATCH".to_owned()];
                command.extend(steps.iter().map(|step| self.name(step.key())));
                self.push(&command);
                steps
                    .iter()
                    .for_each(|step| self.push(&self.command(*step)));
            }
            How::Disturb(which) => {
                let line = DISTURBANCES[which as usize % DISTURBANCES.len()];
                let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
                self.push(&words);
            }
            How::WatchAndLeave(key) => {
                let watch = ["WATCH".to_owned(), self.name(key)];
                for at in 0..LEAVES_AT_ONCE {
                    self.push(&watch);
                    let (leave, _) = LEAVES[at % LEAVES.len()];
                    leave
                        .iter()
                        .for_each(|word| self.push(&[(*word).to_owned()]));
                }
            }
        }
    }

    fn encode_transaction(&mut self, request: &Request) {
        self.push(&["MULTI".to_owned()]);
        let (first, others) = request.steps.split_first().expect("there are steps");
        self.push(&self.command(*first));
        if request.how == How::ExecSlowly {
            self.push(&["DEBUG", "SLEEP", "0.001"].map(str::to_owned));
        }
        others
            .iter()
            .for_each(|step| self.push(&self.command(*step)));
        self.push(&["EXEC".to_owned()]);
    }

    fn encode_exec_with_script(&mut self, request: &Request) {
        self.push(&["MULTI".to_owned()]);
        let (first, others) = request.steps.split_first().expect("there are steps");
        self.push(&self.command(*first));
        if request.how == How::ExecScript {
            let script = self.loaded();
            self.encode_script(script, others, |_| true);
        } else {
            let script = self.new_script();
            self.encode_script(script, others, |at| at % 2 == 1);
        }
        self.push(&["EXEC".to_owned()]);
    }

    /// The script that always declares its keys: it is known for that.
    fn loaded(&self) -> [String; 2] {
        ["EVALSHA".to_owned(), self.script.clone()]
    }

    /// A script that the server knows nothing of.
    fn new_script(&mut self) -> [String; 2] {
        self.scripts += 1;
        let text = format!("{SCRIPT}-- {} {}", self.number, self.scripts);
        ["EVAL".to_owned(), text]
    }

    /// As [`Wire::new_script`], or one that is known for touching what it does not declare.
    fn new_now_and_then(&mut self) -> [String; 2] {
        let script = self.new_script();
        match self.scripts % 4 {
            0 => script,
            _ => ["EVAL".to_owned(), format!("{SCRIPT}-- strays")],
        }
    }

    fn encode_script(&mut self, script: [String; 2], steps: &[Step], declares: fn(usize) -> bool) {
        let mut keys: Vec<String> = Vec::new();
        let mut args = Vec::new();
        for (at, step) in steps.iter().enumerate() {
            let name = self.name(step.key());
            let key = if declares(at) {
                let place = keys.iter().position(|key| *key == name).unwrap_or_else(|| {
                    keys.push(name);
                    keys.len() - 1
                });
                (place + 1).to_string()
            } else {
                name
            };
            let operation = match (kind(step.key()), step) {
                (Kind::List, Step::Read(_)) => "LRANGE",
                (_, Step::Read(_)) => "GET",
                (_, Step::Set(..)) => "SET",
                (_, Step::Swap(..)) => "SWAP",
                (_, Step::Add(_)) => "INCR",
                (_, Step::Append(..)) => "RPUSH",
            };
            let value = step.value().unwrap_or(0).to_string();
            args.extend([operation.to_owned(), key, value]);
        }
        let mut command = Vec::from(script);
        command.push(keys.len().to_string());
        command.append(&mut keys);
        command.append(&mut args);
        self.push(&command);
    }

    fn command(&self, step: Step) -> Vec<String> {
        let name = self.name(step.key());
        let text = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        match (kind(step.key()), step) {
            (Kind::List, Step::Read(_)) => text(&["LRANGE", &name, "0", "-1"]),
            (_, Step::Read(_)) => text(&["GET", &name]),
            (_, Step::Set(_, value)) => text(&["SET", &name, &value.to_string()]),
            (_, Step::Swap(_, value)) => text(&["SET", &name, &value.to_string(), "GET"]),
            (_, Step::Add(_)) => text(&["INCR", &name]),
            (_, Step::Append(_, value)) => text(&["RPUSH", &name, &value.to_string()]),
        }
    }

    fn answers(&mut self, request: &Request) -> Option<Vec<Answer>> {
        let steps = &request.steps;
        match request.how {
            How::Single => Some(vec![answer(steps[0], &self.conn.reply())]),
            How::MultiGet | How::Script | How::ScriptUndeclared => {
                Some(each(steps, self.conn.reply().items()))
            }
            How::MultiSet => {
                expect(&self.conn.reply(), "OK");
                Some(vec![Answer::Nothing; steps.len()])
            }
            How::Exec | How::ExecSlowly | How::Commit => self.transaction(request),
            How::ExecScript | How::ExecScriptUndeclared => {
                expect(&self.conn.reply(), "OK");
                expect(&self.conn.reply(), "QUEUED");
                expect(&self.conn.reply(), "QUEUED");
                let reply = self.conn.reply();
                let [first, script] = reply.items() else {
                    panic!("{request:?}: {reply}")
                };
                assert!(!script.is_error(), "{request:?}: {script}");
                let mut replies = vec![first.clone()];
                replies.extend_from_slice(script.items());
                Some(each(steps, &replies))
            }
            How::Watch => {
                expect(&self.conn.reply(), "OK");
                Some(
                    steps
                        .iter()
                        .map(|step| answer(*step, &self.conn.reply()))
                        .collect(),
                )
            }
            How::Disturb(_) => {
                let reply = self.conn.reply();
                assert!(!reply.is_error(), "{request:?}: {reply}");
                Some(Vec::new())
            }
            How::WatchAndLeave(_) => {
                (0..LEAVES_AT_ONCE).for_each(|at| self.left(LEAVES[at % LEAVES.len()]));
                Some(Vec::new())
            }
        }
    }

    /// Reads what a client that watched a key and left it is told.
    fn left(&mut self, (leave, told): (&[&str], Told)) {
        for _ in 0..leave.len() {
            expect(&self.conn.reply(), "OK");
        }
        let last = self.conn.reply();
        match told {
            Told::Ok => expect(&last, "OK"),
            Told::Nothing => assert!(last.is_null() || last.items().is_empty(), "{last}"),
        }
    }

    fn transaction(&mut self, request: &Request) -> Option<Vec<Answer>> {
        let slow = request.how == How::ExecSlowly;
        expect(&self.conn.reply(), "OK");
        for _ in 0..request.steps.len() + usize::from(slow) {
            expect(&self.conn.reply(), "QUEUED");
        }
        let reply = self.conn.reply();
        if reply.is_null() {
            assert_eq!(request.how, How::Commit, "aborted without WATCH");
            return None;
        }
        let mut replies = reply.items().to_vec();
        if slow {
            expect(&replies.remove(1), "OK");
        }
        Some(each(&request.steps, &replies))
    }
}

#[track_caller]
fn expect(reply: &Reply, text: &str) {
    assert!(
        matches!(reply, Reply::Simple(_)) && reply.text() == text,
        "not {text}: {reply}"
    );
}

#[track_caller]
fn each(steps: &[Step], replies: &[Reply]) -> Vec<Answer> {
    assert_eq!(steps.len(), replies.len(), "{steps:?}: {replies:?}");
    let pairs = steps.iter().zip(replies);
    pairs.map(|(step, reply)| answer(*step, reply)).collect()
}

#[track_caller]
fn answer(step: Step, reply: &Reply) -> Answer {
    assert!(!reply.is_error(), "{step:?}: {reply}");
    let number = |reply: &Reply| match reply {
        null if null.is_null() => 0,
        reply => reply.text().parse().expect("only numbers are written"),
    };
    match (kind(step.key()), step) {
        (_, Step::Set(..)) => {
            expect(reply, "OK");
            Answer::Nothing
        }
        (_, Step::Add(_) | Step::Append(..)) => {
            Answer::Number(reply.int().try_into().expect("a count"))
        }
        (Kind::Register, _) => Answer::Value(number(reply)),
        (Kind::Counter, _) => Answer::Number(number(reply)),
        (Kind::List, _) => Answer::List(reply.items().iter().map(number).collect()),
    }
}
