//! Whether what clients see of a server with several workers is strictly serializable.
//!
//! Eight clients over real sockets do everything that touches keys: `GET SET INCR RPUSH LRANGE MGET
//! MSET`, transactions with and without `WATCH`, scripts that declare their keys and scripts that do
//! not, alone and within transactions, pipelined or not, disturbed by commands that lock everything or run on the pool. What each
//! was told and when is checked round by round ([`check`]); what the checker itself is worth stands
//! in [`planted`]: it finds twelve faults planted in a small server, and agrees with a search
//! through every order on tens of thousands of small histories. [`queues`] does the same for
//! blocking pops.
//!
//! - `CONSISTENCY_OPS=10000000`: accesses to keys in total, 300,000 by default.
//! - `CONSISTENCY_SEED=7`: another workload. What the scheduler makes of it differs every time.

mod anomaly;
mod check;
mod exhaustive;
mod graph;
mod history;
mod planted;
mod precedence;
mod queues;
mod run;
mod simulate;
#[path = "../support/mod.rs"]
mod support;
mod versions;
mod wire;
mod workload;

use run::{Plan, run};
use support::Options;
use workload::Shape;

/// How many tests share the operations.
const SHARES: usize = 4;

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else {
        return default;
    };
    text.parse()
        .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
}

fn start(name: &'static str, options: Options, protocol: u8, shape: fn(usize) -> Shape) {
    let plan = Plan {
        name,
        steps: number("CONSISTENCY_OPS", 300_000) as usize / SHARES,
        options: options.set("server.workers", 4),
        protocol,
        shape,
    };
    run(plan, number("CONSISTENCY_SEED", 20_261_121));
}

#[test]
fn histories_are_strictly_serializable() {
    start("as by default", Options::new(), 2, Shape::of);
}

/// With few shards, keys that have nothing to do with each other wait for the same locks.
#[test]
fn histories_are_strictly_serializable_with_few_shards() {
    let options = Options::new()
        .set("server.num_shards", 2)
        .set("server.batch_size", 3);
    start("two shards", options, 3, Shape::of);
}

/// Clients watch the same few keys, commit, and leave what they watched, in quick succession: a watch
/// that gets lost between others' comings and goings lets a commit overwrite what it has not seen.
#[test]
fn histories_of_watchers_are_strictly_serializable() {
    let options = Options::new().set("server.num_shards", 2);
    start("watchers", options, 3, Shape::of_watchers);
}

/// Most transactions have scripts in them, of which many take locks that nobody knew they would need,
/// after others of the transaction have written.
#[test]
fn histories_of_transactions_with_scripts_are_strictly_serializable() {
    let options = Options::new().set("server.num_shards", 32);
    start(
        "transactions with scripts",
        options,
        3,
        Shape::of_script_txns,
    );
}

#[test]
fn what_blocking_consumers_take_is_delivered_once_and_in_order() {
    queues::run(number("CONSISTENCY_OPS", 300_000) / 100);
}
