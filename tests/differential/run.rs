//! A run: draws, exchanges, reports.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The same for everybody: a change fails for what it did, not for what chance found today.
const DEFAULT_SEED: u64 = 20_261_121;

use crate::SHARES;
use crate::exceptions::Exceptions;
use crate::generate::{Command, Generator, typed};
use crate::session::{Outcome, Pair};
use crate::shrink::shrink;
use crate::support::{Options, Oracle, Reply, Server};

/// Commands in one pipeline.
const BATCH: usize = 200;
/// Differences after which a run ends.
const FINDINGS_MAX: usize = 15;
/// Commands of a history that are shown when it could not be cut down.
const SHOWN: usize = 30;

/// What to run.
pub struct Plan {
    pub seed: u64,
    share: u64,
    pub commands: usize,
    protocol: u8,
}

impl Plan {
    /// For damaged streams: a hundredth of the commands, each on a connection of its own.
    pub fn streams() -> Plan {
        let plan = Plan::share(SHARES, 2);
        Plan {
            commands: plan.commands * SHARES as usize / 100,
            ..plan
        }
    }

    /// For transactions: so many, a sixteenth of the commands.
    pub fn transactions() -> Plan {
        let plan = Plan::share(SHARES, 2);
        Plan {
            commands: plan.commands * SHARES as usize / 16,
            ..plan
        }
    }

    /// For scripts: as many, in this protocol.
    pub fn scripts(protocol: u8) -> Plan {
        Plan {
            protocol,
            ..Plan::transactions()
        }
    }

    /// For keyspace notifications: a tenth of the commands.
    pub fn events() -> Plan {
        let plan = Plan::share(SHARES, 2);
        Plan {
            commands: plan.commands * SHARES as usize / 10,
            ..plan
        }
    }

    /// One of the shares of `DIFF_COMMANDS`, with its own part of the randomness of `DIFF_SEED`.
    pub fn share(share: u64, protocol: u8) -> Plan {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(
                text.parse::<u64>()
                    .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
            )
        };
        let seed = number("DIFF_SEED").unwrap_or(DEFAULT_SEED);
        let commands = number("DIFF_COMMANDS").unwrap_or(700_000) / SHARES;
        Plan {
            seed,
            share,
            commands: commands as usize,
            protocol,
        }
    }
}

impl Plan {
    /// How both servers are started: [`options`], and what differs from share to share.
    fn options(&self) -> Options {
        let sparse_bytes_max = [3000, 300, 16_000, 40][(self.share % SHARES) as usize];
        let packed_max = [128, 8, 40, 0][(self.share % SHARES) as usize];
        options()
            .set("encoding.hll_sparse_max_bytes", sparse_bytes_max)
            .set("encoding.zset_max_listpack_entries", packed_max)
    }
}

/// Runs the plan; panics with every difference found.
pub fn run(plan: &Plan) {
    let seed = plan.seed.wrapping_mul(SHARES).wrapping_add(plan.share);
    let mut generator = Generator::new(seed);
    run_drawn(plan, &mut |out| generator.draw(out));
}

/// Runs the plan with commands that `draw` appends, one or a few at a time.
pub fn run_drawn(plan: &Plan, draw: &mut dyn FnMut(&mut Vec<Command>)) {
    let oracle = Oracle::start(plan.options());
    let subject = Server::start(plan.options());
    let (tally, findings) = compare(plan, draw, (&oracle, &subject));
    println!(
        "seed {}, share {}: {}",
        plan.seed,
        plan.share,
        tally.summary()
    );
    if findings.is_empty() {
        return tally.assert_worthwhile();
    }
    panic!(
        "{} differences; repeat with DIFF_SEED={} DIFF_COMMANDS={} (share {}, RESP{}); {}\n{}",
        findings.len(),
        plan.seed,
        plan.commands as u64 * SHARES,
        plan.share,
        plan.protocol,
        tally.summary(),
        findings.join("\n"),
    );
}

/// Runs the plan on two servers; what was run and the differences found.
fn compare(
    plan: &Plan,
    draw: &mut dyn FnMut(&mut Vec<Command>),
    servers: (&Server, &Server),
) -> (Tally, Vec<String>) {
    let exceptions = Exceptions::read();
    let mut run = Run {
        pair: Pair::new(servers, &exceptions, plan.protocol),
        tally: Tally::default(),
        findings: Vec::new(),
    };
    run.go(plan, draw);
    (run.tally, run.findings)
}

/// How both servers are started. No string may be so long that making it takes all the time.
pub fn options() -> Options {
    Options::new()
        .set("server.databases", 16)
        .set("limits.max_bulk_bytes", 1 << 20)
}

struct Run<'a> {
    pair: Pair<'a>,
    tally: Tally,
    findings: Vec<String>,
}

impl Run<'_> {
    fn go(&mut self, plan: &Plan, draw: &mut dyn FnMut(&mut Vec<Command>)) {
        let mut session = self.pair.fresh_session();
        let mut history: Vec<Command> = Vec::new();
        let mut kinds = BTreeSet::new();
        while self.tally.commands < plan.commands && self.findings.len() < FINDINGS_MAX {
            let mut batch = Vec::with_capacity(BATCH + 1);
            while batch.len() < BATCH {
                draw(&mut batch);
            }
            let outcomes = session.exchange(&batch);
            self.tally.add(&batch, &outcomes);
            let Some(difference) = outcomes.last().filter(|last| !last.equal) else {
                history.append(&mut batch);
                continue;
            };
            history.extend_from_slice(&batch[..outcomes.len()]);
            // One of a kind is enough: the commands that follow find other kinds.
            if kinds.insert(kind(&batch[outcomes.len() - 1], difference)) {
                let finding = describe(&self.pair, &history, difference);
                self.findings.push(finding);
            }
            history.clear();
            session = self.pair.fresh_session();
        }
    }
}

/// The shortest history found that ends in this difference, with the two replies.
pub fn describe(pair: &Pair, history: &[Command], difference: &Outcome) -> String {
    let wanted = history.last().expect("it ends in the difference");
    let lost = difference.theirs.is_err() || difference.ours.is_err();
    let mut last_outcome = None;
    let shrunk = shrink(history, |commands| {
        let (at, outcome) = replay(pair, commands)?;
        let same = commands[at].row.name == wanted.row.name
            && lost == (outcome.theirs.is_err() || outcome.ours.is_err());
        same.then(|| {
            last_outcome = Some(outcome);
            at
        })
    });
    let outcome = last_outcome.as_ref().unwrap_or(difference);
    let (commands, note) = match &shrunk {
        Some(commands) => (&commands[..], String::new()),
        None => {
            let start = history.len().saturating_sub(SHOWN);
            (
                &history[start..],
                format!(" (does not repeat; the last of {})", history.len()),
            )
        }
    };
    let mut text = format!("\n{}{note}\n", wanted.row.name);
    for command in commands {
        let client = ["", "(another client) "][command.client];
        writeln!(text, "    {client}{}", typed(&command.args)).expect("strings take all");
    }
    let shown = |answer: &Result<Reply, _>| match answer {
        Ok(reply) => reply.to_string(),
        Err(e) => format!("no reply: {e:?}"),
    };
    let (theirs, ours) = (shown(&outcome.theirs), shown(&outcome.ours));
    write!(text, "  redis-server: {theirs}\n  redistill:    {ours}").expect("as above");
    text
}

/// Plays commands on empty servers; the first difference and where it is.
fn replay(pair: &Pair, commands: &[Command]) -> Option<(usize, Outcome)> {
    let mut session = pair.fresh_session();
    for (i, batch) in commands.chunks(BATCH).enumerate() {
        let mut outcomes = session.exchange(batch);
        if let Some(last) = outcomes.pop().filter(|last| !last.equal) {
            return Some((i * BATCH + outcomes.len(), last));
        }
    }
    None
}

/// Differences of one kind are reported once: the same command, and replies that begin alike.
fn kind(command: &Command, difference: &Outcome) -> String {
    let begin = |answer: &Result<Reply, _>| match answer {
        Ok(Reply::Error(text)) => String::from_utf8_lossy(text).chars().take(24).collect(),
        Ok(reply) => reply.to_string().chars().take(1).collect(),
        Err(_) => "lost".to_owned(),
    };
    if matches!(&difference.ours, Ok(Reply::Error(text)) if text.starts_with(b"ERR unknown command"))
    {
        return format!(
            "{} is missing",
            String::from_utf8_lossy(&command.args[0]).to_uppercase()
        );
    }
    format!(
        "{} {} {}",
        command.row.name,
        begin(&difference.theirs),
        begin(&difference.ours)
    )
}

/// How many commands there were, and how many of them did something.
#[derive(Default)]
struct Tally {
    commands: usize,
    errors: usize,
    by_name: BTreeMap<&'static str, (usize, usize)>,
}

impl Tally {
    fn add(&mut self, batch: &[Command], outcomes: &[Outcome]) {
        for (command, outcome) in batch.iter().zip(outcomes) {
            let error = outcome.theirs.as_ref().is_ok_and(Reply::is_error);
            self.commands += 1;
            self.errors += usize::from(error);
            let count = self.by_name.entry(command.row.name).or_default();
            count.0 += 1;
            count.1 += usize::from(error);
        }
    }

    fn summary(&self) -> String {
        let mut text = format!(
            "{} commands, {} refused by both",
            self.commands, self.errors
        );
        if std::env::var_os("DIFF_STATS").is_some() {
            for (name, (count, errors)) in &self.by_name {
                write!(text, "\n  {name}: {count}, {errors} refused").expect("as strings do");
            }
        }
        text
    }

    /// A run in which nearly everything is refused proves nothing.
    fn assert_worthwhile(&self) {
        assert!(self.commands > 0, "no commands were run");
        assert!(
            self.errors * 2 < self.commands,
            "more than half were refused"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, compare, options};
    use crate::generate::{Command, Generator};
    use crate::support::Oracle;

    /// Two redis-servers of which one was told to forget idle times.
    #[test]
    fn a_difference_is_found_and_cut_down() {
        let lfu = Oracle::start(options().set("memory.eviction_policy", "allkeys-lfu"));
        let plan = Plan {
            seed: 1,
            share: 1,
            commands: 20_000,
            protocol: 3,
        };
        let mut generator = Generator::new(5);
        let draw = &mut |out: &mut Vec<Command>| generator.draw(out);
        let (_, findings) = compare(&plan, draw, (&Oracle::start(options()), &lfu));
        assert!(!findings.is_empty());
        for finding in &findings {
            assert!(finding.to_uppercase().contains("IDLETIME"), "{finding}");
            assert!(
                finding.contains("An LFU maxmemory policy is selected"),
                "{finding}"
            );
            assert!(finding.lines().count() <= 8, "{finding}");
        }
        println!("{}", findings.join("\n"));
    }
}
