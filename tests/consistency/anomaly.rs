//! What can be wrong with a history, by the names of Adya and Elle.

use std::fmt;

use super::graph::{Cause, Edge};
use super::history::Txn;

/// A kind of anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody read what nobody wrote.
    Garbage,
    /// Somebody read what an aborted transaction wrote (G1a).
    AbortedRead,
    /// Somebody read what its writer overwrote in the same transaction (G1b).
    IntermediateRead,
    /// One write counted twice.
    Duplicate,
    /// A write that was confirmed has left no trace, or two counted as one.
    LostWrite,
    /// Steps of one transaction saw the work of others between them.
    Internal,
    /// Two reads that no order of the appends explains.
    Order,
    /// Writes of transactions go round in a circle (G0).
    DirtyWrite,
    /// Information goes round in a circle (G1c).
    CircularFlow,
    /// Two wrote over the same version of a key (lost update).
    LostUpdate,
    /// One saw half of another (G-single, fractured read).
    ReadSkew,
    /// Several wrote over what the others had read (G2).
    WriteSkew,
    /// A cycle only if connections' order and real time count as well: a stale read.
    RealTime,
}

/// Something wrong with a history.
#[derive(Clone, Debug)]
pub struct Anomaly {
    pub class: Class,
    pub what: String,
}

impl Anomaly {
    /// An anomaly and its description.
    pub fn new(class: Class, what: impl Into<String>) -> Anomaly {
        let what = what.into();
        Anomaly { class, what }
    }

    /// The anomaly that a cycle of dependencies by data is.
    pub fn of_cycle(cycle: &[Edge], txns: &[Txn]) -> Anomaly {
        let mut what = format!("a cycle of {}", cycle.len());
        for edge in cycle {
            let txn = &txns[edge.from as usize];
            what += &format!("\n  T{} {txn}\n    {}", edge.from, reason(edge));
        }
        Anomaly::new(class_of(cycle), what)
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.class, self.what)
    }
}

fn class_of(cycle: &[Edge]) -> Class {
    let reads = |edge: &Edge| matches!(edge.cause, Cause::WriteRead(_));
    let overwritten: Vec<_> = cycle
        .iter()
        .filter_map(|edge| match edge.cause {
            Cause::ReadWrite(key) => Some(key),
            _ => None,
        })
        .collect();
    match overwritten.as_slice() {
        [] if !cycle.iter().any(reads) => Class::DirtyWrite,
        [] => Class::CircularFlow,
        [_] => Class::ReadSkew,
        [one, other] if cycle.len() == 2 && one == other => Class::LostUpdate,
        _ => Class::WriteSkew,
    }
}

fn reason(edge: &Edge) -> String {
    let to = edge.to;
    match edge.cause {
        Cause::WriteWrite(key) => format!("wrote key {key} before T{to} did"),
        Cause::WriteRead(key) => format!("wrote what T{to} read of key {key}"),
        Cause::ReadWrite(key) => format!("read key {key} as it was before T{to} wrote it"),
        Cause::Time => format!("was over before T{to} began"),
    }
}
