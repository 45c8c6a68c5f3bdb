//! What clients did to a round's keys, and what they were told.

use std::fmt;

/// A key of a round, by number; [`kind`] tells what it holds.
pub type Key = u32;

/// What is written: every value is written once in a round. 0 is nobody's.
pub type Value = u64;

/// What a key holds, and with it how the order of its versions is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `SET` and `GET`: the order is inferred.
    Register,
    /// `INCR` and `GET`: the value is the version.
    Counter,
    /// `RPUSH` and `LRANGE`: every read tells the whole order up to it.
    List,
}

/// The kind of a key.
pub const fn kind(key: Key) -> Kind {
    match key % 3 {
        0 => Kind::Register,
        1 => Kind::Counter,
        _ => Kind::List,
    }
}

/// One access to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `GET`, or `LRANGE 0 -1` of a list.
    Read(Key),
    /// `SET` of a register.
    Set(Key, Value),
    /// `SET … GET` of a register: tells what it replaces.
    Swap(Key, Value),
    /// `INCR` of a counter.
    Add(Key),
    /// `RPUSH` to a list.
    Append(Key, Value),
}

impl Step {
    /// The key it is about.
    pub fn key(self) -> Key {
        match self {
            Step::Read(key) | Step::Add(key) => key,
            Step::Set(key, _) | Step::Swap(key, _) | Step::Append(key, _) => key,
        }
    }

    /// What it writes, where the client chooses that.
    pub fn value(self) -> Option<Value> {
        match self {
            Step::Set(_, value) | Step::Swap(_, value) | Step::Append(_, value) => Some(value),
            Step::Read(_) | Step::Add(_) => None,
        }
    }

    /// Whether it only reads.
    pub fn is_read(self) -> bool {
        matches!(self, Step::Read(_))
    }
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// That it is done; or the transaction was aborted.
    Nothing,
    /// A register's value, or what was replaced; 0 when there is none.
    Value(Value),
    /// A counter's value, or a list's length.
    Number(u64),
    /// A list's elements.
    List(Vec<Value>),
}

/// How steps travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// One command.
    Single,
    /// One `MGET` of registers and counters.
    MultiGet,
    /// One `MSET` of registers.
    MultiSet,
    /// `MULTI … EXEC`.
    Exec,
    /// The same, with a millisecond's sleep after its first step, which others must wait for.
    ExecSlowly,
    /// A script that declares its keys.
    Script,
    /// A script that finds its keys in `ARGV`.
    ScriptUndeclared,
    /// `MULTI … EXEC` with a script that declares its keys for all steps but the first.
    ExecScript,
    /// The same with a script that is new to the server and declares every other key.
    ExecScriptUndeclared,
    /// `WATCH` of the keys, then each step as a command of its own.
    Watch,
    /// `MULTI … EXEC` after [`How::Watch`]; may be aborted.
    Commit,
    /// What disturbs and is not recorded; no steps.
    Disturb(u8),
    /// Watches a key and leaves it again, many times at once: whoever watches it meanwhile must not
    /// notice. Not recorded; no steps.
    WatchAndLeave(Key),
}

/// Steps that are to happen at one moment, or, for [`How::Watch`], one after the other.
#[derive(Clone, Debug)]
pub struct Request {
    pub how: How,
    pub steps: Vec<Step>,
}

/// Steps that happened at one moment.
#[derive(Clone, Debug)]
pub struct Txn {
    pub client: u32,
    /// Which of the client's batches it was sent in: one batch, one write, one wait.
    pub batch: u32,
    /// When its batch was sent, and when the last reply to that was there, on one clock.
    pub sent: u64,
    pub received: u64,
    pub how: How,
    /// Whether `EXEC` answered null; then nothing may have happened.
    pub aborted: bool,
    pub steps: Vec<(Step, Answer)>,
}

/// A round: its transactions, each client's in the order sent. The last ones read every key when
/// all others were done.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub keys: u32,
    pub txns: Vec<Txn>,
}

impl History {
    /// How many accesses to keys it holds.
    pub fn steps(&self) -> usize {
        self.txns.iter().map(|txn| txn.steps.len()).sum()
    }
}

impl fmt::Display for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} batch {}", self.client, self.batch)?;
        write!(f, " [{}, {}] {:?}", self.sent, self.received, self.how)?;
        if self.aborted {
            f.write_str(" aborted")?;
        }
        for (step, answer) in &self.steps {
            write!(f, "; {step:?}")?;
            match answer {
                Answer::Nothing => {}
                Answer::Value(value) => write!(f, " = {value}")?,
                Answer::Number(number) => write!(f, " = #{number}")?,
                Answer::List(list) => match list.as_slice() {
                    [.., _, _, _, _] => write!(f, " = {} … {:?}", list.len(), list.last())?,
                    short => write!(f, " = {short:?}")?,
                },
            }
        }
        Ok(())
    }
}
