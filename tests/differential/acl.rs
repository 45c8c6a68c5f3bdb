//! Users of random rules: what each may do, and what its commands come to.
//!
//! Each round gives both clients a user made of random rules, and has them send commands drawn as
//! for everybody. Beside each, `ACL DRYRUN` is asked about it. `ACL GETUSER` is compared but for the
//! rules on commands, which redis-server 7.0 makes up anew from what they come to.

use crate::SHARES;
use crate::exceptions::Exceptions;
use crate::generate::{CLIENTS, Command, Generator, typed};
use crate::run::{Plan, options};
use crate::session::{Pair, Session};
use crate::support::{Conn, Oracle, Reply, Server};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use redistill::commands::table;
use redistill::protocol::{Args, Span};

/// Commands of a round.
const BATCH: usize = 120;
/// All commands are this part of those of the other tests: 35,000 by default.
const PART: usize = 20;

const PATTERNS: &[&str] = &[
    "*", "s:*", "l:*", "h:*", "m:*", "z:*", "x:*", "b:*", "o:*", "[a-m]:*", "?:a", "s:a", "*:b",
    "*{t}*", "12", "z:?", "h:[^a]", "\\s:*", "",
];
const CATEGORIES: &[&str] = &[
    "read",
    "write",
    "string",
    "list",
    "hash",
    "set",
    "sortedset",
    "stream",
    "bitmap",
    "hyperloglog",
    "geo",
    "keyspace",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
];
const COMMANDS: &[&str] = &[
    "get",
    "set",
    "del",
    "mget",
    "mset",
    "lpush",
    "rpush",
    "lrange",
    "hset",
    "hgetall",
    "zadd",
    "zrange",
    "sadd",
    "smembers",
    "xadd",
    "xrange",
    "exists",
    "expire",
    "ttl",
    "type",
    "rename",
    "copy",
    "object",
    "object|encoding",
    "sort",
    "client|getname",
    "multi",
    "exec",
    "select|0",
    "config|get",
    "getex",
    "sinterstore",
    "zunionstore",
    "lmpop",
    "bitop",
    "scan",
    "keys",
];
/// Rules that are none, or that take back what may not be there.
const ODD: &[&str] = &[
    "+nosuch",
    "-@nosuch",
    "%~x",
    "%RR~x",
    "+get|",
    "-get|x",
    "+config|get|x",
    "<none",
    "#abc",
    "xx",
    "(on)",
    "(+get",
    "~a b",
    "+@",
    "%R",
    "&",
];

/// Random rules, from which a user is made that often may something.
fn rules(rng: &mut StdRng) -> Vec<String> {
    let mut rules = vec!["reset".to_owned(), "on".to_owned(), ">p".to_owned()];
    selector_rules(rng, &mut rules);
    for _ in 0..[0, 0, 1, 2][rng.random_range(0..4)] {
        let mut inner = Vec::new();
        selector_rules(rng, &mut inner);
        rules.push(format!("({})", inner.join(" ")));
    }
    if rng.random_ratio(1, 12) {
        let at = rng.random_range(3..=rules.len());
        rules.insert(at, ODD.choose(rng).expect("some").to_string());
    }
    rules
}

fn selector_rules(rng: &mut StdRng, rules: &mut Vec<String>) {
    let open = rng.random_ratio(2, 3);
    rules.push(if open { "+@all" } else { "-@all" }.to_owned());
    for _ in 0..rng.random_range(0..6) {
        let sign = if rng.random_ratio(1, 2) ^ (open && rng.random()) {
            '+'
        } else {
            '-'
        };
        rules.push(match rng.random_range(0..3) {
            0 => format!("{sign}@{}", CATEGORIES.choose(rng).expect("some")),
            _ => format!("{sign}{}", COMMANDS.choose(rng).expect("some")),
        });
    }
    // What cannot be taken away as such.
    rules.retain(|rule| rule != "-select|0");
    for _ in 0..rng.random_range(0..5) {
        let kind = ["~", "~", "%R~", "%W~", "%RW~"].choose(rng).expect("some");
        rules.push(format!("{kind}{}", PATTERNS.choose(rng).expect("some")));
    }
    if rng.random_ratio(1, 6) {
        rules.push("allkeys".to_owned());
    }
}

/// Does redis-server take other keys from this request than those it will use? It does when it finds
/// fewer than it looks for, with a destination given twice, and of a request that is malformed.
fn is_taken_otherwise(args: &[Vec<u8>]) -> bool {
    let is = |arg: &[u8], word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
    let stores = args
        .iter()
        .filter(|arg| is(arg, "store") || is(arg, "storedist"));
    is(&args[0], "pfmerge") && args.len() == 2 || stores.count() > 1 || has_no_clear_keys(args)
}

/// Is it a request whose counts or words do not fit its arguments?
fn has_no_clear_keys(args: &[Vec<u8>]) -> bool {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for arg in args {
        spans.push(Span::new(bytes.len(), arg.len()));
        bytes.extend_from_slice(arg);
    }
    let command = table::find(&args[0]);
    command.is_some_and(|known| {
        let keys = known.command.each_key(Args::new(&bytes, &spans), |_, _| ());
        keys.is_err()
    })
}

/// What differs between the two, if anything does.
type Step = Result<(), String>;

struct Run<'a> {
    session: Session<'a>,
    oracle: Conn,
    subject: Conn,
    refused: usize,
    sent: usize,
}

impl Run<'_> {
    /// Asks both for the same.
    fn ask(&mut self, args: &[Vec<u8>], alike: impl Fn(&Reply) -> String) -> Step {
        let (theirs, ours) = (self.oracle.cmd(args), self.subject.cmd(args));
        match alike(&theirs) == alike(&ours) {
            true => Ok(()),
            false => Err(format!(
                "{}\n  redis-server: {theirs}\n  redistill:    {ours}",
                typed(args)
            )),
        }
    }

    fn make_user(&mut self, rng: &mut StdRng, client: usize) -> Step {
        let name = format!("u{client}");
        let words = |words: &[&str]| -> Vec<Vec<u8>> {
            words.iter().map(|word| word.as_bytes().to_vec()).collect()
        };
        // One that exists, whatever becomes of the rules.
        self.ask(
            &words(&["ACL", "SETUSER", &name, "reset", "on", ">p"]),
            Reply::to_string,
        )?;
        let mut args = words(&["ACL", "SETUSER", &name]);
        args.extend(rules(rng).into_iter().map(String::into_bytes));
        self.ask(&args, Reply::to_string)?;
        let shown = |reply: &Reply| {
            // All keys by another rule: shown alike there.
            let parts = reply.to_string().replace("%RW~*", "~*");
            let mut kept = String::new();
            for part in parts.split("\"commands\" ") {
                // The rules on commands end where the keys begin.
                kept.push_str(part.split_once("\"keys\" ").map_or(part, |(_, rest)| rest));
            }
            kept
        };
        self.ask(&words(&["ACL", "GETUSER", &name]), shown)
            .map_err(|error| format!("{}\n{error}", typed(&args)))?;
        self.session.log_in(client, &name, "p");
        Ok(())
    }

    fn dry_run(&mut self, command: &Command) -> Step {
        let user = format!("u{}", command.client);
        let head = ["ACL", "DRYRUN", &user].map(|word| word.as_bytes().to_vec());
        let args: Vec<Vec<u8>> = head
            .into_iter()
            .chain(command.args.iter().cloned())
            .collect();
        self.ask(&args, |reply| match reply {
            // What errors quote is cut here.
            Reply::Error(text) => String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned(),
            reply => reply.to_string().chars().take(60).collect(),
        })
    }

    fn round(&mut self, rng: &mut StdRng, generator: &mut Generator) -> Step {
        for client in 0..CLIENTS {
            self.make_user(rng, client)?;
        }
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            generator.draw(&mut batch);
            batch.retain(|command| !is_taken_otherwise(&command.args));
        }
        for command in &batch {
            self.dry_run(command)?;
        }
        let outcomes = self.session.exchange(&batch);
        self.sent += outcomes.len();
        let refused = |outcome: &&crate::session::Outcome| matches!(&outcome.theirs, Ok(Reply::Error(text)) if text.starts_with(b"NOPERM"));
        self.refused += outcomes.iter().filter(refused).count();
        match outcomes.last() {
            Some(last) if !last.equal => {
                let shown: Vec<String> = batch[..outcomes.len()]
                    .iter()
                    .rev()
                    .take(12)
                    .map(|command| format!("u{}: {}", command.client, typed(&command.args)))
                    .collect();
                Err(format!(
                    "{}\n  redis-server: {:?}\n  redistill:    {:?}",
                    shown.into_iter().rev().collect::<Vec<_>>().join("\n"),
                    last.theirs,
                    last.ours
                ))
            }
            _ => Ok(()),
        }
    }
}

pub fn run(plan: &Plan) {
    let (oracle, subject) = (Oracle::start(options()), Server::start(options()));
    let exceptions = Exceptions::read();
    let pair = Pair::new((&oracle, &subject), &exceptions, 2);
    let mut run = Run {
        session: pair.fresh_session(),
        oracle: oracle.connect(),
        subject: subject.connect(),
        refused: 0,
        sent: 0,
    };
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut generator = Generator::new(plan.seed);
    let wanted = plan.commands * SHARES as usize / PART;
    let mut findings = Vec::new();
    while run.sent < wanted && findings.len() < 10 {
        if let Err(finding) = run.round(&mut rng, &mut generator) {
            let rules = [0, 1].map(|n| run.oracle.line(&format!("ACL GETUSER u{n}")).to_string());
            findings.push(format!("{}\n{finding}", rules.join("\n")));
            run.session = pair.fresh_session();
        }
    }
    let seed = plan.seed;
    assert!(
        findings.is_empty(),
        "DIFF_SEED={seed}\n{}",
        findings.join("\n\n")
    );
    println!("{} commands, {} refused", run.sent, run.refused);
    let share = run.refused * 100 / run.sent;
    assert!(
        (10..90).contains(&share),
        "{share} % were refused: that proves little"
    );
}
