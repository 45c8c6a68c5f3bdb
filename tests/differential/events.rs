//! Keyspace notifications: the same random commands on one server and on the other, and what a
//! subscriber to every event is told between them.
//!
//! After each command a marker is published, so that each event belongs to a command. Inside a
//! transaction the markers are queued as the commands are, and come between their events.

use crate::generate::{Command, Generator, typed};
use crate::run::{Plan, options};
use crate::support::{Conn, Oracle, Reply, Server, encode};
use std::collections::BTreeSet;

/// Families whose commands change keys. The others end sessions, or ask the server about itself.
const FAMILIES: &[&str] = &[
    "string",
    "bitmap",
    "hyperloglog",
    "list",
    "sort",
    "generic",
    "hash",
    "set",
    "stream",
    "transactions",
    "zset",
    "geo",
];
/// Every class that 7.0 knows.
const CLASSES: &str = "AKEmn";
const MARK: &str = "__key of no event";
const BATCH: usize = 100;
const FINDINGS_MAX: usize = 12;
/// Commands that are shown before one whose events differ.
const SHOWN: usize = 6;

/// One server, its clients and who listens.
struct Side {
    clients: Vec<Conn>,
    listener: Conn,
}

impl Side {
    fn of(server: &Server) -> Side {
        let mut admin = server.connect();
        let set = admin.cmd(&["CONFIG", "SET", "notify-keyspace-events", CLASSES]);
        assert_eq!(set.text(), "OK");
        let mut listener = server.connect();
        assert!(!listener.cmd(&["PSUBSCRIBE", "__key*"]).is_error());
        Side {
            clients: (0..crate::generate::CLIENTS)
                .map(|_| server.connect())
                .collect(),
            listener,
        }
    }

    /// Runs commands; what was told after each, the last marker included.
    fn run(&mut self, commands: &[Command]) -> Vec<Vec<String>> {
        for turn in commands.chunk_by(|a, b| a.client == b.client) {
            let marker = encode(&["PUBLISH", MARK, "x"]);
            let both = |command: &Command| [encode(&command.args), marker.clone()].concat();
            let bytes: Vec<u8> = turn.iter().flat_map(both).collect();
            let client = &mut self.clients[turn[0].client];
            let replies = client.try_pipeline_raw(&bytes, 2 * turn.len());
            let lost = replies.iter().position(Result::is_err);
            if let Some(at) = lost {
                panic!("no reply to {}", typed(&turn[at / 2].args));
            }
        }
        // What is queued in open transactions is not told yet; this is.
        self.clients[0].cmd(&["DISCARD"]);
        self.clients[1].cmd(&["DISCARD"]);
        self.clients[0].cmd(&["PUBLISH", MARK, "end"]);
        let mut told: Vec<Vec<String>> = vec![Vec::new()];
        loop {
            let items = self.listener.read();
            let Reply::Array(items) = items else {
                panic!("no message: {items}")
            };
            let (channel, message) = (items[2].text(), items[3].text());
            if channel == MARK {
                // The order in which SORT meets keys is that of a hash table.
                let last = told.last_mut().expect("there is one");
                last.sort_by_key(|event| event.contains("keymiss").then(|| event.clone()));
                if message == "end" {
                    return told;
                }
                told.push(Vec::new());
            } else {
                let last = told.last_mut().expect("there is one");
                let event = format!("{channel} {message}");
                // Some commands look twice there, once for each look.
                // What SORT asks for beyond its key depends on what it remembers of a query.
                let asked = event.contains("keymiss") && event.contains("o:");
                if !(asked || event.contains("keymiss") && last.contains(&event)) {
                    last.push(event);
                }
            }
        }
    }
}

/// Which command the events of place `at` belong to, transactions taken apart.
fn executed(commands: &[Command], side: &[Vec<String>], at: usize) -> String {
    let until = commands.len().min(side.len());
    let shown = &commands[at.saturating_sub(SHOWN).min(until)..(at + 1).min(commands.len())];
    let lines = shown
        .iter()
        .map(|command| format!("    {}", typed(&command.args)));
    lines.collect::<Vec<_>>().join("\n")
}

/// May it wait for somebody, or set a deadline that has passed? Since 8.0 that deletes.
fn is_left_out(command: &Command) -> bool {
    let name = command.args[0].to_ascii_uppercase();
    let blocks = |arg: &Vec<u8>| {
        arg.eq_ignore_ascii_case(b"BLOCK") || arg.to_ascii_uppercase().ends_with(b"XAT")
    };
    name.starts_with(b"BL")
        || name.starts_with(b"BR")
        || name.starts_with(b"BZ")
        || command.args.iter().any(blocks)
}

pub fn run(plan: &Plan) {
    let (oracle, subject) = (Oracle::start(options()), Server::start(options()));
    let (mut theirs, mut ours) = (Side::of(&oracle), Side::of(&subject));
    let mut generator = Generator::of(plan.seed, FAMILIES);
    let (mut count, mut events) = (0, 0);
    let mut findings = Vec::new();
    let mut kinds = BTreeSet::new();
    while count < plan.commands && findings.len() < FINDINGS_MAX {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            generator.draw(&mut batch);
        }
        batch.retain(|command| !is_left_out(command));
        count += batch.len();
        let (expected, got) = (theirs.run(&batch), ours.run(&batch));
        events += expected.iter().map(Vec::len).sum::<usize>();
        if expected == got {
            continue;
        }
        let differs = |at: &usize| expected.get(*at) != got.get(*at);
        let at = (0..expected.len()).find(differs).unwrap_or(0);
        let nothing = Vec::new();
        let (a, b) = (&expected[at], got.get(at).unwrap_or(&nothing));
        let name = |event: Option<&String>| {
            event
                .and_then(|text| text.split(' ').nth(1))
                .map(str::to_owned)
        };
        if kinds.insert((name(a.first()), name(b.first()))) {
            let history = executed(&batch, &expected, at);
            findings.push(format!(
                "{history}\n  redis-server: {a:?}\n  redistill:    {b:?}"
            ));
        }
        for side in [&mut theirs, &mut ours] {
            assert_eq!(side.clients[0].cmd(&["FLUSHALL"]).text(), "OK");
        }
    }
    println!("seed {}: {count} commands, {events} events", plan.seed);
    assert!(
        findings.is_empty(),
        "repeat with DIFF_SEED={}\n{}",
        plan.seed,
        findings.join("\n\n")
    );
    assert!(events > count / 2, "{events} events of {count} commands");
}
