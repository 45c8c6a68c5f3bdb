//! Damaged request streams: both servers must answer the same bytes and close alike.
//!
//! A stream of a few requests is damaged in a few places, sent whole on a connection of its own,
//! and ended. What comes back, to the last byte, is compared; a server that hangs or dies fails.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::run::{Plan, options};
use crate::support::{Oracle, Server, encode};

/// What damage is made of: everything the decoder looks at. No NUL: redis-server's lines end
/// there, and ours do not. No HTTP: redis-server then drops earlier replies, and ours does not.
const PIECES: &[&str] = &[
    "\r\n",
    "\r",
    "\n",
    "*",
    "$",
    "*0\r\n",
    "*-1\r\n",
    "$-1\r\n",
    "$0\r\n\r\n",
    "*1\r\n",
    "$4\r\n",
    "+",
    "-",
    ":",
    "0",
    "1",
    "9",
    "\"",
    "'",
    "\\",
    "\\x4",
    " ",
    "\t",
    "PING",
    "\x7f",
    "é",
    "quit\r\n",
    "*1\r\n$4\r\nPING\r\n",
];

const REQUESTS: &[&str] = &[
    "PING",
    "PING hi",
    "ECHO 'a b'",
    "ECHO \"\\x41\\n\"",
    "SET k v",
    "GET k",
    "MGET k l k",
    "NOSUCH a",
    "MULTI",
    "EXEC",
    "APPEND k \"\"",
    "STRLEN k",
];

/// Sends as many streams as the plan has commands; panics at the first that is answered
/// differently.
pub fn run(plan: &Plan) {
    let (oracle, subject) = (Oracle::start(options()), Server::start(options()));
    let mut rng = StdRng::seed_from_u64(plan.seed);
    for _ in 0..plan.commands {
        let stream = damaged(&mut rng);
        let (theirs, ours) = (answer(&oracle, &stream), answer(&subject, &stream));
        assert!(
            theirs == ours,
            "DIFF_SEED={}\n  stream:       {}\n  redis-server: {}\n  redistill:    {}",
            plan.seed,
            stream.escape_ascii(),
            theirs.escape_ascii(),
            ours.escape_ascii()
        );
    }
}

fn answer(server: &Server, stream: &[u8]) -> Vec<u8> {
    let mut conn = server.connect();
    conn.send_raw(b"FLUSHALL\r\n");
    assert_eq!(conn.reply().text(), "OK");
    conn.send_raw(stream);
    conn.finish_sending();
    conn.read_to_close()
}

fn damaged(rng: &mut StdRng) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..rng.random_range(1..6) {
        let request = REQUESTS.choose(rng).expect("there are requests");
        match rng.random_range(0..3) {
            0 => stream.extend_from_slice(format!("{request}\r\n").as_bytes()),
            _ => stream.extend(encode(&crate::support::split_line(request))),
        }
    }
    for _ in 0..rng.random_range(0..4) {
        let at = rng.random_range(0..=stream.len());
        let end = (at + rng.random_range(0..3)).min(stream.len());
        let piece = PIECES.choose(rng).expect("there are pieces").as_bytes();
        match rng.random_range(0..3) {
            0 => drop(stream.drain(at..end)),
            1 => drop(stream.splice(at..at, piece.iter().copied())),
            _ => drop(stream.splice(at..end, piece.iter().copied())),
        }
    }
    stream
}
