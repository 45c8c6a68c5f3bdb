//! Publishers and subscribers of both protocols, on one server and on the other.
//!
//! After each command every connection is asked for a reply of its own: what came before that is
//! what the command made it get. Where a message matches several patterns their order is chance.

use crate::support::{Conn, Options, Oracle, Server};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const NAMES: &[&str] = &["a", "b", "ab", "", "a*", "?", "*", "[ab]", "\\*"];
const STEPS: usize = 3000;

/// The connections of one server: two of each protocol.
struct Side {
    conns: Vec<Conn>,
}

impl Side {
    fn of(server: &Server) -> Side {
        let conns = (0..4).map(|n| match n % 2 {
            0 => server.connect(),
            _ => server.connect3(),
        });
        Side {
            conns: conns.collect(),
        }
    }

    /// What each connection gets when one of them sends a command.
    fn step(&mut self, sender: usize, args: &[&str]) -> Vec<Vec<String>> {
        self.conns[sender].send(args);
        let mut all = vec![take(&mut self.conns[sender])];
        for (n, conn) in self.conns.iter_mut().enumerate() {
            if n != sender {
                all.push(take(conn));
            }
        }
        all
    }
}

/// What a connection gets before the reply to a question of its own.
fn take(conn: &mut Conn) -> Vec<String> {
    conn.send(&["PING", "end of step"]);
    let mut got = Vec::new();
    loop {
        let (reply, bytes) = conn.try_read_raw().expect("a reply");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if text.contains("end of step") {
            got.push(text);
            break;
        }
        got.push(if reply.is_error() {
            reply.to_string()
        } else {
            text
        });
    }
    // All messages of a step are of one publish.
    got.sort();
    got
}

/// A command, without those whose replies come in the order of a hash table.
fn command<'a>(rng: &mut StdRng) -> Vec<&'a str> {
    let name = NAMES.choose(rng).expect("some");
    match rng.random_range(0..20) {
        0..3 => vec!["SUBSCRIBE", name],
        3..5 => vec!["PSUBSCRIBE", name],
        5 => vec!["SSUBSCRIBE", name],
        6 => vec!["SUBSCRIBE", "a", "b", name],
        7 => vec!["UNSUBSCRIBE", name],
        8 => vec!["PUNSUBSCRIBE", name],
        9 => vec!["SUNSUBSCRIBE", name],
        10 => vec!["UNSUBSCRIBE", "b", "a", name],
        11..14 => vec!["PUBLISH", name, "x"],
        14 => vec!["SPUBLISH", name, "y"],
        15 => vec!["PUBSUB", "NUMSUB", "a", name],
        16 => vec!["PUBSUB", "SHARDNUMSUB", name],
        17 => vec!["PUBSUB", "NUMPAT"],
        18 => vec!["GET", name],
        _ => [&["RESET"][..], &["HELLO", "3"], &["PING"]]
            .choose(rng)
            .expect("some")
            .to_vec(),
    }
}

pub fn run(seed: u64) {
    let (theirs, ours) = (
        Oracle::start(Options::new()),
        Server::start(Options::new().set("server.workers", 2)),
    );
    let (mut theirs, mut ours) = (Side::of(&theirs), Side::of(&ours));
    let mut rng = StdRng::seed_from_u64(seed);
    let mut history = Vec::new();
    for _ in 0..STEPS {
        let sender = rng.random_range(0..4);
        let args = command(&mut rng);
        history.push(format!("{sender}: {}", args.join(" ")));
        let (expected, got) = (theirs.step(sender, &args), ours.step(sender, &args));
        // Its reply holds numbers and versions of its own.
        if args[0] != "HELLO" {
            let last = &history[history.len().saturating_sub(40)..];
            assert_eq!(got, expected, "DIFF_SEED={seed}\n{}", last.join("\n"));
        }
    }
}
