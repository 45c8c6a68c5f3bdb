//! Each key's versions: who wrote them, who read them, and in which order they follow each other.
//!
//! A list's order stands in the longest read of it, a counter's in its values. A register's is
//! inferred: version A comes before B when B's writer read A in the same transaction, and when
//! anything that touched A precedes anything that touched B. For a register by itself that decides
//! linearizability exactly: the clusters of Gibbons and Korach ("Testing Shared Memories", SIAM
//! J. Comput. 26, 1997), with two constraints more: the order in connections, and that nothing comes
//! between a version and the one known to have replaced it.

use std::collections::{HashMap, HashSet};

use super::anomaly::{Anomaly, Class};
use super::graph::{Cause, Edge};
use super::history::{Answer, History, Key, Kind, Step, Value, kind};
use super::precedence::{Span, precedence};

/// What a key is at one moment: a register's value, a counter's value, a list's length. 0 is what
/// it is in the beginning.
type Version = u64;

/// What happened to one key.
#[derive(Default)]
struct Log {
    /// Versions read from outside, each with its reader.
    reads: Vec<(Version, u32)>,
    /// Versions written, each with its writer and the version it replaced, where that is known.
    writes: Vec<(Version, u32, Option<Version>)>,
    /// Who touched the key, with the first and the last version it knew; registers only.
    visits: Vec<(u32, Version, Version)>,
    /// The longest read of a list.
    spine: Vec<Value>,
}

/// Who wrote and who read each version of a register.
struct Uses {
    writers: HashMap<Version, u32>,
    readers: HashMap<Version, Vec<u32>>,
}

/// Versions of which each replaced the one before: nothing comes between them.
struct Runs {
    /// The first and the last version of each version's run; versions alone are not in it.
    ends: HashMap<Version, (Version, Version)>,
}

impl Runs {
    fn new(replacements: impl Iterator<Item = (Version, Version)> + Clone) -> Runs {
        let next: HashMap<Version, Version> = replacements.clone().collect();
        let replacing: HashSet<Version> = replacements.map(|(_, version)| version).collect();
        let mut ends = HashMap::new();
        for &first in next.keys().filter(|version| !replacing.contains(version)) {
            let mut run = vec![first];
            while let Some(&version) = next.get(&run[run.len() - 1]) {
                run.push(version);
                // Two that replace the same version, or a circle, are told of elsewhere.
                if run.len() > next.len() {
                    break;
                }
            }
            let last = run[run.len() - 1];
            ends.extend(run.into_iter().map(|version| (version, (first, last))));
        }
        Runs { ends }
    }

    /// What pairs of versions in different runs say of the whole runs.
    fn lift(&self, pairs: impl IntoIterator<Item = (Version, Version)>) -> Vec<(Version, Version)> {
        let ends = |version| {
            self.ends
                .get(&version)
                .copied()
                .unwrap_or((version, version))
        };
        let mut lifted: Vec<_> = pairs
            .into_iter()
            .map(|(earlier, later)| match ends(earlier).0 == ends(later).0 {
                true => (earlier, later),
                false => (ends(earlier).1, ends(later).0),
            })
            .collect();
        lifted.sort_unstable();
        lifted.dedup();
        lifted
    }
}

/// Who was to write a value, where, and whether that was aborted.
struct Writer {
    txn: u32,
    key: Key,
    aborted: bool,
}

/// The highest version that is believed.
const VERSION_MAX: Version = 1 << 24;

/// The dependencies by reads and writes, and what is wrong already without looking for cycles.
pub struct Versions<'a> {
    history: &'a History,
    logs: Vec<Log>,
    writers: HashMap<Value, Writer>,
    /// What follows from data alone.
    pub edges: Vec<Edge>,
    /// What follows from the order in which a register's versions were seen.
    pub timed_edges: Vec<Edge>,
    pub anomalies: Vec<Anomaly>,
}

impl<'a> Versions<'a> {
    /// Reads a history, whose last transactions must read every key.
    pub fn of(history: &'a History) -> Versions<'a> {
        let mut versions = Versions {
            history,
            logs: (0..history.keys).map(|_| Log::default()).collect(),
            writers: HashMap::new(),
            edges: Vec::new(),
            timed_edges: Vec::new(),
            anomalies: Vec::new(),
        };
        versions.find_writers_and_spines();
        versions.replay();
        for key in 0..history.keys {
            match kind(key) {
                Kind::Register => versions.link_register(key),
                Kind::Counter | Kind::List => versions.link_chain(key),
            }
        }
        versions
    }

    fn wrong(&mut self, class: Class, what: String) {
        self.anomalies.push(Anomaly::new(class, what));
    }

    fn find_writers_and_spines(&mut self) {
        for (number, txn) in (0..).zip(&self.history.txns) {
            for (step, answer) in &txn.steps {
                if let Some(value) = step.value() {
                    let writer = Writer {
                        txn: number,
                        key: step.key(),
                        aborted: txn.aborted,
                    };
                    let twin = self.writers.insert(value, writer);
                    assert!(twin.is_none(), "value {value} is written twice: {txn}");
                }
                if let Answer::List(list) = answer {
                    let spine = &mut self.logs[step.key() as usize].spine;
                    if list.len() > spine.len() {
                        spine.clone_from(list);
                    }
                }
            }
        }
        for key in 0..self.history.keys {
            self.check_spine(key);
        }
    }

    /// Whether every element of a list is there once, and by somebody who may have written it.
    fn check_spine(&mut self, key: Key) {
        let spine = std::mem::take(&mut self.logs[key as usize].spine);
        let mut places = HashMap::new();
        for (place, &value) in spine.iter().enumerate() {
            if let Some(other) = places.insert(value, place) {
                let what = format!("{value} is in list {key} at {other} and at {place}");
                self.wrong(Class::Duplicate, what);
            }
            self.check_writer(key, value);
        }
        self.logs[key as usize].spine = spine;
    }

    fn check_writer(&mut self, key: Key, value: Value) {
        match self.writers.get(&value) {
            Some(writer) if writer.key == key && !writer.aborted => {}
            Some(writer) if writer.key == key => {
                let what = format!("key {key} held {value} of {}", self.txn(writer.txn));
                self.wrong(Class::AbortedRead, what);
            }
            _ => self.wrong(Class::Garbage, format!("key {key} held {value}")),
        }
    }

    /// Goes through every transaction that was not aborted, step by step.
    fn replay(&mut self) {
        let mut known: Vec<(Key, Version)> = Vec::new();
        for (number, txn) in (0..).zip(&self.history.txns) {
            if txn.aborted {
                continue;
            }
            known.clear();
            for (step, answer) in &txn.steps {
                let key = step.key();
                let place = known.iter().position(|(other, _)| *other == key);
                let before = place.map(|place| known[place].1);
                let after = self.replay_step(number, *step, answer, before);
                match place {
                    Some(place) => known[place].1 = after,
                    None => known.push((key, after)),
                }
                if kind(key) == Kind::Register {
                    self.note_visit(key, number, before.is_none(), *step, answer, after);
                }
            }
        }
    }

    fn note_visit(
        &mut self,
        key: Key,
        txn: u32,
        is_first: bool,
        step: Step,
        answer: &Answer,
        after: Version,
    ) {
        let visits = &mut self.logs[key as usize].visits;
        if is_first {
            let first = match (step, answer) {
                (Step::Swap(..), Answer::Value(old)) => *old,
                _ => after,
            };
            visits.push((txn, first, after));
        } else if let Some(visit) = visits.last_mut() {
            visit.2 = after;
        }
    }

    /// One step of a transaction that knows which version it must find, if it touched the key
    /// before. Returns the version that it knows then.
    fn replay_step(
        &mut self,
        txn: u32,
        step: Step,
        answer: &Answer,
        known: Option<Version>,
    ) -> Version {
        let key = step.key();
        let (found, written) = match (step, answer) {
            (Step::Read(_), Answer::List(list)) => (Some(self.read_list(txn, key, list)), None),
            (Step::Read(_), Answer::Value(version) | Answer::Number(version)) => {
                (Some(*version), None)
            }
            (Step::Set(_, value), Answer::Nothing) => (None, Some(value)),
            (Step::Swap(_, value), Answer::Value(old)) => (Some(*old), Some(value)),
            (Step::Add(_), Answer::Number(count)) => (count.checked_sub(1), Some(*count)),
            (Step::Append(_, value), Answer::Number(length)) => {
                self.check_place(txn, key, value, *length);
                (length.checked_sub(1), Some(*length))
            }
            _ => panic!("{step:?} cannot be answered {answer:?}"),
        };
        if let (Some(found), Some(known)) = (found, known)
            && found != known
        {
            let txn = &self.history.txns[txn as usize];
            let what = format!("key {key} went from {known} to {found} inside {txn}");
            self.wrong(Class::Internal, what);
        }
        let log = &mut self.logs[key as usize];
        if let (None, Some(found), true) = (known, found, is_told(step)) {
            log.reads.push((found, txn));
        }
        if let Some(written) = written {
            log.writes.push((written, txn, found.or(known)));
        }
        written.or(found).expect("every step reads or writes")
    }

    /// A list's version is its length, if what was read is how the spine begins.
    fn read_list(&mut self, txn: u32, key: Key, list: &[Value]) -> Version {
        let spine = &self.logs[key as usize].spine;
        if !spine.starts_with(list) {
            let same = list.iter().zip(spine).take_while(|(a, b)| a == b).count();
            let (txn, here) = (&self.history.txns[txn as usize], &list[same..]);
            let there = &spine[same..spine.len().min(same + 3)];
            let what = format!("list {key} from {same}: once {there:?}, once {here:?} in {txn}");
            self.wrong(Class::Order, what);
        }
        list.len() as Version
    }

    /// Whether an append is where the reply said.
    fn check_place(&mut self, txn: u32, key: Key, value: Value, length: u64) {
        let spine = &self.logs[key as usize].spine;
        let place = (length as usize).wrapping_sub(1);
        if spine.get(place) == Some(&value) {
            return;
        }
        let class = match spine.contains(&value) {
            true => Class::Order,
            false => Class::LostWrite,
        };
        let txn = &self.history.txns[txn as usize];
        self.wrong(
            class,
            format!("list {key} has no {value} at {place}: {txn}"),
        );
    }

    /// Counters and lists: version after version.
    fn link_chain(&mut self, key: Key) {
        let log = std::mem::take(&mut self.logs[key as usize]);
        let versions = log.reads.iter().map(|(version, _)| *version);
        let written = log.writes.iter().map(|(version, ..)| *version);
        let last = versions.chain(written).max().unwrap_or(0);
        if last > VERSION_MAX {
            return self.wrong(Class::Garbage, format!("key {key} became {last}"));
        }
        let mut writers: Vec<Option<u32>> = vec![None; last as usize + 2];
        for &(version, txn, _) in &log.writes {
            if let Some(other) = writers[version as usize].replace(txn) {
                let (one, other) = (self.txn(other), self.txn(txn));
                let what = format!("key {key} became {version} twice: {one} and {other}");
                self.wrong(Class::LostWrite, what);
            }
        }
        for version in 1..=last as usize {
            if writers[version].is_none() && kind(key) == Kind::Counter {
                self.wrong(
                    Class::Garbage,
                    format!("nobody made counter {key} {version}"),
                );
            }
            self.link(
                writers[version - 1],
                writers[version],
                Cause::WriteWrite(key),
            );
        }
        for &(version, txn) in &log.reads {
            let (writer, next) = (writers[version as usize], writers[version as usize + 1]);
            self.link_read(key, writer, txn);
            self.link(Some(txn), next, Cause::ReadWrite(key));
            self.check_whole(key, txn, writer, next);
        }
    }

    /// Registers: by what was read before writing, and by time.
    fn link_register(&mut self, key: Key) {
        let log = std::mem::take(&mut self.logs[key as usize]);
        let writers = log.writes.iter();
        let mut uses = Uses {
            writers: writers.map(|&(version, txn, _)| (version, txn)).collect(),
            readers: HashMap::new(),
        };
        for &(version, txn) in &log.reads {
            if let Some(&writer) = uses.writers.get(&version) {
                self.link_read(key, Some(writer), txn);
            } else if version != 0 {
                self.check_writer(key, version);
            }
            uses.readers.entry(version).or_default().push(txn);
        }
        let replacements = log.writes.iter();
        let replacements = replacements.filter_map(|&(version, _, old)| Some((old?, version)));
        let runs = Runs::new(replacements.clone());
        for (replaced, version) in replacements {
            self.link_versions(key, &uses, replaced, version);
        }
        let first = log.writes.iter().map(|&(version, ..)| (0, version));
        for (earlier, later) in runs.lift(first) {
            self.link_versions(key, &uses, earlier, later);
        }
        let by_data = self.edges.len();
        for (earlier, later) in runs.lift(self.order_by_time(&log)) {
            self.link_versions(key, &uses, earlier, later);
        }
        self.timed_edges.extend(self.edges.drain(by_data..));
    }

    /// Everybody who touched the one version comes before who wrote the other.
    fn link_versions(&mut self, key: Key, uses: &Uses, earlier: Version, later: Version) {
        let writer = uses.writers.get(&earlier).copied();
        let next = uses.writers.get(&later).copied();
        self.link(writer, next, Cause::WriteWrite(key));
        for &reader in uses.readers.get(&earlier).into_iter().flatten() {
            self.link(Some(reader), next, Cause::ReadWrite(key));
            self.check_whole(key, reader, writer, next);
        }
    }

    /// Pairs of a register's versions of which the one was surely seen before the other.
    fn order_by_time(&self, log: &Log) -> Vec<(Version, Version)> {
        let mut pairs: Vec<(Version, Version)> = Vec::new();
        let spans: Vec<Span> = log.visits.iter().map(|visit| self.span(visit.0)).collect();
        precedence(&spans, |a, b| {
            let (earlier, later) = (log.visits[a].2, log.visits[b].1);
            if earlier != later {
                pairs.push((earlier, later));
            }
        });
        pairs
    }

    /// A version that its own writer replaced is nobody else's to see.
    fn check_whole(&mut self, key: Key, reader: u32, writer: Option<u32>, next: Option<u32>) {
        if writer.is_some() && writer == next && writer != Some(reader) {
            let writer = writer.map_or_else(String::new, |writer| self.txn(writer));
            let what = format!("of key {key}, in {} of {writer}", self.txn(reader));
            self.wrong(Class::IntermediateRead, what);
        }
    }

    /// The reader comes after the writer; nobody can read first what he writes later.
    fn link_read(&mut self, key: Key, writer: Option<u32>, reader: u32) {
        if writer == Some(reader) {
            let what = format!(
                "key {key} was read before it was written in {}",
                self.txn(reader)
            );
            self.wrong(Class::Internal, what);
        }
        self.link(writer, Some(reader), Cause::WriteRead(key));
    }

    fn link(&mut self, from: Option<u32>, to: Option<u32>, cause: Cause) {
        if let (Some(from), Some(to)) = (from, to)
            && from != to
        {
            self.edges.push(Edge { from, to, cause });
        }
    }

    fn txn(&self, number: u32) -> String {
        format!("T{number} {}", self.history.txns[number as usize])
    }

    /// When a transaction happened.
    pub fn span(&self, number: u32) -> Span {
        let txn = &self.history.txns[number as usize];
        Span {
            client: txn.client,
            batch: txn.batch,
            sent: txn.sent,
            received: txn.received,
        }
    }
}

/// Whether the client learns which version it found.
fn is_told(step: Step) -> bool {
    !matches!(step, Step::Set(..))
}
