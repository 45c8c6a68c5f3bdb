//! The same random commands to our server and to redis-server 7.0, the replies compared.
//!
//! Commands are drawn from the tables in `rows/`, over few keys, so that they meet each other's
//! values; arguments are drawn from the edges of what Redis parses. Replies must be equal byte for
//! byte, except where time or chance has a say (see [`compare`]) and for the differences listed in
//! `tests/exceptions.txt`.
//!
//! - `DIFF_COMMANDS=1000000`: commands in total, 700,000 by default.
//! - `DIFF_SEED=7`: another run than the usual one (`DIFF_SEED=$RANDOM` to look for more); a
//!   failure prints its seed.
//! - `DIFF_FAMILIES=string,generic`: only these.
//!
//! On a difference, the history that led to it is replayed and cut down until only the commands
//! that matter are left; then the run goes on from an empty database, to report several.

mod acl;
mod compare;
mod events;
mod exceptions;
mod generate;
mod numbers;
mod pools;
mod pubsub;
mod rows;
mod run;
mod scripts;
mod session;
mod shrink;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod transactions;

use run::{Plan, run};

/// How many tests share the commands: as many run side by side.
const SHARES: u64 = 4;

#[test]
fn replies_equal_share_1() {
    run(&Plan::share(1, 2));
}

#[test]
fn replies_equal_share_2_resp3() {
    run(&Plan::share(2, 3));
}

#[test]
fn replies_equal_share_3() {
    run(&Plan::share(3, 2));
}

#[test]
fn replies_equal_share_4_resp3() {
    run(&Plan::share(4, 3));
}

#[test]
fn numbers_are_read_alike() {
    numbers::run(2);
}

#[test]
fn numbers_are_read_alike_resp3() {
    numbers::run(3);
}

#[test]
fn messages_reach_subscribers_alike() {
    pubsub::run(Plan::streams().seed);
}

#[test]
fn transactions_come_between_each_other_alike() {
    transactions::run(&Plan::transactions());
}

#[test]
fn scripts_do_the_same() {
    run_scripts(&Plan::scripts(2));
}

#[test]
fn scripts_do_the_same_resp3() {
    run_scripts(&Plan::scripts(3));
}

fn run_scripts(plan: &Plan) {
    let mut scripts = scripts::Source::new(plan.seed);
    run::run_drawn(plan, &mut |out| scripts.draw(out));
}

#[test]
fn events_are_told_alike() {
    events::run(&Plan::events());
}

#[test]
fn users_may_do_the_same() {
    acl::run(&Plan::share(1, 2));
}

#[test]
fn damaged_streams_are_answered_alike() {
    streams::run(&Plan::streams());
}
