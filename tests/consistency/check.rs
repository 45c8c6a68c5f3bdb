//! Whether a history is strictly serializable: whether its transactions could have happened one
//! after the other, each at a moment between its request and its reply.
//!
//! After Elle (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
//! Observations", PVLDB 14(3), 2020): values are unique, so reads name their writers, and the order
//! of a key's versions can be recovered from what clients saw. That gives a graph of which
//! transaction came before which (Adya's ww, wr and rw dependencies, connections' order, real
//! time); a history is strictly serializable when the graph has no cycle. With lists and counters
//! the orders are complete and so the answer is exact; with registers, whose order may stay open,
//! a cycle is always a violation, and registers each by itself are judged exactly. Strict
//! serializability of everything includes linearizability of every key.
//!
//! Cost: near linear in the length of the history; the rounds of a run are judged one by one.

use super::anomaly::{Anomaly, Class};
use super::graph::{Cause, Edge, cycle};
use super::history::History;
use super::precedence::precedence;
use super::versions::Versions;

/// What is wrong with a history, worst last; nothing if it is strictly serializable.
pub fn check(history: &History) -> Vec<Anomaly> {
    let mut versions = Versions::of(history);
    let mut edges = std::mem::take(&mut versions.edges);
    let count = history.txns.len();
    let mut anomalies = std::mem::take(&mut versions.anomalies);
    if let Some(cycle) = cycle(count, &edges) {
        anomalies.push(Anomaly::of_cycle(&cycle, &history.txns));
        return anomalies;
    }
    edges.append(&mut versions.timed_edges);
    edges.extend(time_edges(history, &versions));
    if let Some(cycle) = cycle(count, &edges) {
        let what = Anomaly::of_cycle(&cycle, &history.txns).what;
        anomalies.push(Anomaly::new(Class::RealTime, what));
    }
    anomalies
}

fn time_edges(history: &History, versions: &Versions<'_>) -> Vec<Edge> {
    let numbered = (0..).zip(&history.txns);
    let done: Vec<u32> = numbered
        .filter(|(_, txn)| !txn.aborted)
        .map(|(number, _)| number)
        .collect();
    let spans: Vec<_> = done.iter().map(|&number| versions.span(number)).collect();
    let mut edges = Vec::new();
    precedence(&spans, |a, b| {
        edges.push(Edge {
            from: done[a],
            to: done[b],
            cause: Cause::Time,
        });
    });
    edges
}
