//! Strict serializability by trying every order: slow, and too simple to be wrong. What the checker
//! says of small histories is compared with it.
//!
//! After Wing and Gong ("Testing and Verifying Concurrent Objects", J. Parallel Distrib. Comput.
//! 17, 1993), with transactions for operations.

use super::history::{Answer, History, Kind, Step, Txn, Value, kind};

/// Whether some order of the transactions explains everything that clients saw.
pub fn is_strictly_serializable(history: &History) -> bool {
    let txns: Vec<&Txn> = history.txns.iter().filter(|txn| !txn.aborted).collect();
    let mut search = Search {
        done: vec![false; txns.len()],
        keys: vec![Vec::new(); history.keys as usize],
        txns,
    };
    search.goes_on(0)
}

struct Search<'a> {
    txns: Vec<&'a Txn>,
    done: Vec<bool>,
    /// What each key holds: a list's elements; a register's last value; one element per increment.
    keys: Vec<Vec<Value>>,
}

impl Search<'_> {
    fn goes_on(&mut self, count: usize) -> bool {
        if count == self.txns.len() {
            return true;
        }
        for next in 0..self.txns.len() {
            if self.done[next] || !self.may_be_next(next) {
                continue;
            }
            let before = self.keys.clone();
            let steps = &self.txns[next].steps;
            if steps
                .iter()
                .all(|(step, answer)| apply(&mut self.keys, *step, answer))
            {
                self.done[next] = true;
                if self.goes_on(count + 1) {
                    return true;
                }
                self.done[next] = false;
            }
            self.keys = before;
        }
        false
    }

    /// Whether nothing that is still to come precedes it.
    fn may_be_next(&self, next: usize) -> bool {
        let txn = self.txns[next];
        self.txns.iter().enumerate().all(|(other, earlier)| {
            let same = (earlier.client, earlier.batch) == (txn.client, txn.batch);
            let precedes = earlier.received < txn.sent || (same && other < next);
            self.done[other] || !precedes
        })
    }
}

/// Does a step; whether the answer is the right one.
fn apply(keys: &mut [Vec<Value>], step: Step, answer: &Answer) -> bool {
    let held = &mut keys[step.key() as usize];
    let last = held.last().copied().unwrap_or(0);
    let right = match (kind(step.key()), step) {
        (Kind::Register, Step::Set(..)) => Answer::Nothing,
        (Kind::Register, _) => Answer::Value(last),
        (Kind::Counter, Step::Read(_)) => Answer::Number(held.len() as u64),
        (Kind::List, Step::Read(_)) => Answer::List(held.clone()),
        _ => Answer::Number(held.len() as u64 + 1),
    };
    if !step.is_read() {
        held.push(step.value().unwrap_or(1));
    }
    right == *answer
}
