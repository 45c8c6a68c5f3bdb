//! Rounds of real clients against a real server, each checked while the next one runs.

use std::sync::mpsc::sync_channel;
use std::time::Instant;

use super::check::check;
use super::history::History;
use super::support::{Options, Server};
use super::wire::{SCRIPTS, Wire};
use super::workload::{CLIENTS, Client, Shape, closing};

/// Accesses to keys in a round.
const ROUND_STEPS: usize = 16_000;
/// Rounds that wait to be checked; clients wait when there are more.
const ROUNDS_WAITING: usize = 4;
/// Anomalies of a round that are shown.
const SHOWN: usize = 5;

/// What to run.
pub struct Plan {
    pub name: &'static str,
    /// Accesses to keys in all.
    pub steps: usize,
    pub options: Options,
    pub protocol: u8,
    /// What a round of so many accesses looks like.
    pub shape: fn(usize) -> Shape,
}

/// What was run.
#[derive(Default)]
struct Tally {
    steps: usize,
    txns: usize,
    aborted: usize,
    /// Transactions whose batch was under way together with another client's.
    overlapping: usize,
}

/// Runs a plan; panics with what is not strictly serializable about it.
pub fn run(plan: Plan, seed: u64) {
    let start = Instant::now();
    let server = Server::start(plan.options);
    let mut wires: Vec<Wire> = (0..CLIENTS)
        .map(|number| {
            let mut conn = server.connect();
            if number % 2 == 1 && plan.protocol == 3 {
                conn.hello(3);
            }
            Wire::over(conn, number as usize)
        })
        .collect();
    wires[0].prepare();
    let (sender, receiver) = sync_channel::<History>(ROUNDS_WAITING);
    let checker = std::thread::spawn(move || {
        let mut tally = Tally::default();
        for history in receiver {
            tally.add(&history);
            let anomalies = check(&history);
            let shown: String = anomalies
                .iter()
                .take(SHOWN)
                .map(|a| format!("\n{a}"))
                .collect();
            assert!(
                anomalies.is_empty(),
                "{} anomalies:{shown}",
                anomalies.len()
            );
        }
        tally
    });
    let shape = Shape {
        scripts: SCRIPTS,
        ..(plan.shape)(ROUND_STEPS)
    };
    for number in 0..plan.steps.div_ceil(ROUND_STEPS) as u64 {
        let history = round(&shape, &mut wires, number, seed ^ (number << 16), start);
        if sender.send(history).is_err() {
            break;
        }
    }
    drop(sender);
    let tally = checker
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{}, seed {seed}: {} in {seconds:.1} s, no anomaly",
        plan.name,
        tally.summary()
    );
    tally.assert_worthwhile();
}

/// One round: all clients side by side, then one reads every key.
fn round(shape: &Shape, wires: &mut [Wire], number: u64, seed: u64, start: Instant) -> History {
    let now = || start.elapsed().as_nanos() as u64;
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|client| Client::new(shape, client, seed))
        .collect();
    std::thread::scope(|scope| {
        for (client, wire) in clients.iter_mut().zip(wires.iter_mut()) {
            scope.spawn(move || {
                wire.begin(number);
                loop {
                    let batch = client.next();
                    if batch.is_empty() {
                        break;
                    }
                    let sent = now();
                    wire.send(&batch);
                    let answers = wire.receive(&batch);
                    client.note(batch, answers, sent, now());
                }
            });
        }
    });
    let (batch, wire) = (closing(shape), &mut wires[0]);
    let sent = now();
    wire.send(&batch);
    let answers = wire.receive(&batch);
    clients[0].note(batch, answers, sent, now());
    wire.clear(shape.keys());
    History {
        keys: shape.keys(),
        txns: clients.into_iter().flat_map(|client| client.txns).collect(),
    }
}

impl Tally {
    fn add(&mut self, history: &History) {
        self.steps += history.steps();
        self.txns += history.txns.len();
        self.aborted += history.txns.iter().filter(|txn| txn.aborted).count();
        let mut spans: Vec<_> = history
            .txns
            .iter()
            .map(|txn| (txn.sent, txn.received, txn.client))
            .collect();
        spans.sort_unstable();
        let meets = |pair: &&[(u64, u64, u32)]| pair[1].0 < pair[0].1 && pair[0].2 != pair[1].2;
        self.overlapping += spans.windows(2).filter(meets).count();
    }

    fn summary(&self) -> String {
        format!(
            "{} operations in {} transactions, {} of them aborted, {} met another client's",
            self.steps, self.txns, self.aborted, self.overlapping
        )
    }

    /// A run in which clients never met would prove nothing.
    fn assert_worthwhile(&self) {
        let met = self.overlapping > self.txns / 100;
        assert!(
            met && self.aborted > 0,
            "too little at once: {}",
            self.summary()
        );
    }
}
