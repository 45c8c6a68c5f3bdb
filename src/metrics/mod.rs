//! Counters: written by one thread each, without atomic read-modify-write, summed when asked.

pub mod process;
pub mod ttl;

use crate::keyspace::expiry::Step;
use crate::keyspace::memory::Tally;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use ttl::AverageTtl;

/// Classes of a latency histogram: class `n` counts durations below 2ⁿ⁺⁹ ns, the last the rest.
pub const LATENCY_CLASSES: usize = 32;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a thread counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter { $($(#[$doc])* $name,)* }
        impl Counter {
            /// All of them, in order.
            pub const ALL: [Counter; COUNTERS] = [$(Counter::$name),*];
        }
        const COUNTERS: usize = [$(Counter::$name),*].len();
    };
}

counters! {
    /// Commands executed.
    Commands,
    /// Bytes received.
    ReceivedBytes,
    /// Bytes sent.
    SentBytes,
    /// Reads that found their key.
    Hits,
    /// Reads that did not.
    Misses,
    /// Keys expired.
    Expired,
    /// Of those, found by a sweep.
    ExpiredBySweep,
    /// Keys evicted.
    Evicted,
    /// Changes to the data.
    Changes,
    /// Connections accepted.
    Accepted,
    /// Connections refused, for whatever reason.
    Rejected,
    /// Refused since there were too many.
    RejectedLimit,
    /// Refused since they came too fast.
    RejectedRate,
    /// Refused by protected mode.
    RejectedProtected,
    /// TLS handshakes that failed.
    FailedHandshakes,
    /// Wrong passwords.
    FailedLogins,
    /// Commands that a user may not run.
    DeniedCommands,
    /// Requests for keys that a user may not use.
    DeniedKeys,
    /// Requests for channels that a user may not use.
    DeniedChannels,
    /// Malformed requests.
    ProtocolErrors,
    /// Reads from sockets.
    Reads,
    /// Writes to sockets.
    Writes,
    /// Buffers for the rest of a request that a worker had kept from an earlier one.
    BuffersReused,
    /// Clients disconnected since their replies piled up.
    OutputLimitDisconnects,
    /// Clients disconnected since their request grew beyond the limit.
    QueryLimitDisconnects,
    /// Clients disconnected since they spoke HTTP.
    CrossProtocol,
    /// Clients shed to keep within the clients' memory budget.
    ClientsShed,
    /// Clients disconnected for being idle.
    TimedOut,
    /// Requests that ran on the pool.
    Offloaded,
    /// Time spent searching for expired keys, in µs.
    ExpireCycleUs,
    /// Searches for expired keys that ended since their time was up.
    ExpireTimeCaps,
}

/// One thread's counters.
pub struct Sheet {
    counters: [AtomicU64; COUNTERS],
    commands: Box<[CommandStats]>,
}

/// What is counted of one command.
#[derive(Default)]
pub struct CommandStats {
    /// Time spent, in ns.
    pub spent_ns: AtomicU64,
    /// Refused before execution.
    pub rejected: AtomicU64,
    /// Ended in an error.
    pub failed: AtomicU64,
    /// Executions by duration.
    pub latency: [AtomicU64; LATENCY_CLASSES],
}

/// Adds to a counter that only this thread writes.
#[inline]
pub fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}

impl Sheet {
    fn new(commands: usize) -> Sheet {
        Sheet {
            counters: Default::default(),
            commands: (0..commands).map(|_| CommandStats::default()).collect(),
        }
    }

    /// Adds to a counter; only the owning thread may.
    #[inline]
    pub fn add(&self, counter: Counter, by: u64) {
        bump(&self.counters[counter as usize], by);
    }

    /// The statistics of a command, by its number.
    #[inline]
    pub fn command(&self, id: usize) -> &CommandStats {
        &self.commands[id]
    }

    /// Notes an execution of a command.
    #[inline]
    pub fn executed(&self, id: usize, spent_ns: u64) {
        let stats = &self.commands[id];
        bump(&stats.spent_ns, spent_ns);
        bump(&stats.latency[latency_class(spent_ns)], 1);
    }

    /// Publishes keyspace events.
    pub fn publish(&self, tally: &mut Tally) {
        if *tally == Tally::default() {
            return;
        }
        let Tally {
            hits,
            misses,
            expired,
            expired_by_sweep,
            evicted,
            changes,
        } = std::mem::take(tally);
        self.add(Counter::Hits, hits);
        self.add(Counter::Misses, misses);
        self.add(Counter::Expired, expired);
        self.add(Counter::ExpiredBySweep, expired_by_sweep);
        self.add(Counter::Evicted, evicted);
        self.add(Counter::Changes, changes);
    }
}

/// The class of a duration.
#[inline]
pub fn latency_class(spent_ns: u64) -> usize {
    let bits = 64 - (spent_ns >> 9).leading_zeros() as usize;
    bits.min(LATENCY_CLASSES - 1)
}

/// All threads' counters.
pub struct Metrics {
    commands: usize,
    sheets: Mutex<Vec<Arc<Sheet>>>,
    /// What was counted before the last `CONFIG RESETSTAT`. Counters themselves only ever grow, so
    /// that a reset cannot race with the threads that count.
    base: Mutex<Base>,
    errors: Mutex<Errors>,
    /// Requests that ended in a panic.
    pub panics: AtomicU64,
    /// Most bytes used so far, as [`crate::session::Shared::used_memory`] counts them.
    pub peak_bytes: AtomicU64,
    /// Bytes resident when last measured.
    pub resident_bytes: AtomicU64,
    /// Bytes resident before the first key was stored.
    pub baseline_bytes: AtomicU64,
    /// Bytes held for clients when last measured, about once a second.
    pub client_bytes: AtomicU64,
    /// Most clients connected at a time.
    pub clients_max: AtomicU64,
    /// How often `MEMORY PURGE` was asked for: each thread purges its heap when this has grown.
    pub purges: AtomicU64,
    /// How long keys have left on average.
    pub average_ttl: AverageTtl,
    /// The share of keys found expired among those examined, smoothed; an `f64`'s bits.
    stale_share: AtomicU64,
    rates: Mutex<Rates>,
}

#[derive(Default)]
struct Errors {
    total: u64,
    by_code: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Base {
    counters: [u64; COUNTERS],
    /// By number; empty before the first reset.
    commands: Vec<CommandTotals>,
}

/// What rates are kept of.
const RATED: [Counter; 3] = [
    Counter::Commands,
    Counter::ReceivedBytes,
    Counter::SentBytes,
];

#[derive(Default)]
struct Rates {
    sampled_ms: u64,
    totals: [u64; 3],
    per_second: [u64; 3],
}

/// Kinds of errors counted apart at most, so that odd codes cannot grow the table without end.
const ERROR_CODES_MAX: usize = 128;
/// Longer codes are not counted apart.
const ERROR_CODE_BYTES_MAX: usize = 64;

/// How much the latest search for expired keys weighs in their estimated share.
const STALE_WEIGHT: f64 = 0.05;

impl Metrics {
    /// For this many commands and databases.
    pub fn new(commands: usize, databases: usize) -> Metrics {
        Metrics {
            commands,
            sheets: Mutex::default(),
            base: Mutex::default(),
            errors: Mutex::default(),
            panics: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
            resident_bytes: AtomicU64::new(0),
            baseline_bytes: AtomicU64::new(0),
            client_bytes: AtomicU64::new(0),
            clients_max: AtomicU64::new(0),
            purges: AtomicU64::new(0),
            average_ttl: AverageTtl::new(databases),
            stale_share: AtomicU64::new(0),
            rates: Mutex::default(),
        }
    }

    /// A sheet for one more thread.
    pub fn sheet(&self) -> Arc<Sheet> {
        let sheet = Arc::new(Sheet::new(self.commands));
        self.sheets.lock().push(Arc::clone(&sheet));
        sheet
    }

    /// The sum of a counter over all threads, since the last `CONFIG RESETSTAT`.
    pub fn sum(&self, counter: Counter) -> u64 {
        let base = self.base.lock().counters[counter as usize];
        self.sum_ever(counter).saturating_sub(base)
    }

    fn sum_ever(&self, counter: Counter) -> u64 {
        self.sheets
            .lock()
            .iter()
            .map(|s| s.counters[counter as usize].load(Relaxed))
            .sum()
    }

    /// Notes the totals that rates per second are computed from; called about once a second.
    pub fn sample(&self, now_ms: u64) {
        let totals = RATED.map(|counter| self.sum_ever(counter));
        let mut rates = self.rates.lock();
        let elapsed_ms = now_ms.saturating_sub(rates.sampled_ms);
        if elapsed_ms == 0 {
            return;
        }
        for (index, total) in totals.iter().enumerate() {
            let since = total.saturating_sub(rates.totals[index]);
            rates.per_second[index] = since * 1000 / elapsed_ms;
        }
        (rates.totals, rates.sampled_ms) = (totals, now_ms);
    }

    /// Commands, bytes received and bytes sent in the last second.
    pub fn per_second(&self) -> [u64; 3] {
        self.rates.lock().per_second
    }

    /// Notes what a search for expired keys found.
    pub fn note_sweep(&self, found: Step) {
        let latest = match found.examined {
            0 => 0.0,
            examined => found.expired as f64 / examined as f64,
        };
        let before = f64::from_bits(self.stale_share.load(Relaxed));
        let smoothed = latest * STALE_WEIGHT + before * (1.0 - STALE_WEIGHT);
        // Two workers at the same moment may lose one of two estimates, which is no loss.
        self.stale_share.store(smoothed.to_bits(), Relaxed);
    }

    /// The estimated share of expired keys among those with a deadline, from 0 to 1.
    pub fn stale_share(&self) -> f64 {
        f64::from_bits(self.stale_share.load(Relaxed))
    }

    /// A command's statistics over all threads, since the last `CONFIG RESETSTAT`.
    pub fn command(&self, id: usize) -> CommandTotals {
        let totals = self.command_ever(id);
        match self.base.lock().commands.get(id) {
            Some(base) => totals.since(base),
            None => totals,
        }
    }

    fn command_ever(&self, id: usize) -> CommandTotals {
        let mut totals = CommandTotals::default();
        for sheet in self.sheets.lock().iter() {
            let stats = &sheet.commands[id];
            totals.spent_ns += stats.spent_ns.load(Relaxed);
            totals.rejected += stats.rejected.load(Relaxed);
            totals.failed += stats.failed.load(Relaxed);
            for (sum, class) in totals.latency.iter_mut().zip(&stats.latency) {
                *sum += class.load(Relaxed);
            }
        }
        totals
    }

    /// Counts an error reply by its code.
    pub fn count_error(&self, code: &str) {
        let mut errors = self.errors.lock();
        errors.total += 1;
        // `DEBUG ERROR` can make any code; what would spoil a line of INFO is not told apart.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if code.len() > ERROR_CODE_BYTES_MAX || !code.bytes().all(plain) {
            return;
        }
        if let Some(count) = errors.by_code.get_mut(code) {
            *count += 1;
        } else if errors.by_code.len() < ERROR_CODES_MAX {
            errors.by_code.insert(code.to_owned(), 1);
        }
    }

    /// Errors replied.
    pub fn error_replies(&self) -> u64 {
        self.errors.lock().total
    }

    /// Errors replied, by code; of `ERROR_CODES_MAX` codes at most.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().by_code.clone()
    }

    /// `CONFIG RESETSTAT`: counts from here on. Changes to the data go on being counted, since they
    /// are a state rather than a statistic.
    pub fn reset(&self) {
        let mut base = self.base.lock();
        for (index, counter) in Counter::ALL.into_iter().enumerate() {
            if counter != Counter::Changes {
                base.counters[index] = self.sum_ever(counter);
            }
        }
        base.commands = (0..self.commands).map(|id| self.command_ever(id)).collect();
        *self.errors.lock() = Errors::default();
        self.stale_share.store(0, Relaxed);
    }
}

/// A command's statistics over all threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandTotals {
    /// Time spent, in ns.
    pub spent_ns: u64,
    /// Refused before execution.
    pub rejected: u64,
    /// Ended in an error.
    pub failed: u64,
    /// Executions by duration.
    pub latency: [u64; LATENCY_CLASSES],
}

impl CommandTotals {
    /// Executions.
    pub fn calls(&self) -> u64 {
        self.latency.iter().sum()
    }

    /// The duration in ns that `percentile` (0 to 100) of the executions did not exceed. Within a
    /// class executions are taken to be spread evenly. 0 without executions.
    pub fn percentile_ns(&self, percentile: f64) -> f64 {
        let rank = (percentile / 100.0 * self.calls() as f64).ceil().max(1.0);
        let mut below = 0.0;
        for (class, count) in self.latency.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && below + count >= rank {
                let (from, to) = class_bounds_ns(class);
                return from as f64 + (to - from) as f64 * (rank - below) / count;
            }
            below += count;
        }
        0.0
    }

    fn since(mut self, base: &CommandTotals) -> CommandTotals {
        self.spent_ns = self.spent_ns.saturating_sub(base.spent_ns);
        self.rejected = self.rejected.saturating_sub(base.rejected);
        self.failed = self.failed.saturating_sub(base.failed);
        for (class, base) in self.latency.iter_mut().zip(&base.latency) {
            *class = class.saturating_sub(*base);
        }
        self
    }
}

/// The durations a class of a latency histogram counts, in ns: from the first up to, but without,
/// the second. The last class has no end; it is given the one it would have.
pub fn class_bounds_ns(class: usize) -> (u64, u64) {
    let from = if class == 0 { 0 } else { 1 << (class + 8) };
    (from, 1 << (class + 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_their_class() {
        for spent_ns in [0, 1, 511, 512, 1023, 1024, 5_000, 1_000_000, 7_000_000_000] {
            let (from, to) = class_bounds_ns(latency_class(spent_ns));
            assert!((from..to).contains(&spent_ns), "{spent_ns}: {from}..{to}");
        }
        assert_eq!(latency_class(u64::MAX), LATENCY_CLASSES - 1);
    }

    #[test]
    fn percentiles_lie_in_the_class_of_their_rank() {
        let metrics = Metrics::new(1, 1);
        let sheet = metrics.sheet();
        assert_eq!(metrics.command(0).percentile_ns(50.0), 0.0);
        for _ in 0..99 {
            sheet.executed(0, 3_000);
        }
        sheet.executed(0, 1_000_000);
        let totals = metrics.command(0);
        assert_eq!(totals.calls(), 100);
        assert_eq!(totals.spent_ns, 99 * 3_000 + 1_000_000);
        let median = totals.percentile_ns(50.0);
        assert!((2_048.0..4_096.0).contains(&median), "{median}");
        assert!(totals.percentile_ns(99.0) <= 4_096.0);
        let worst = totals.percentile_ns(100.0);
        assert!((524_288.0..=1_048_576.0).contains(&worst), "{worst}");
    }

    #[test]
    fn a_reset_counts_from_zero_and_changes_go_on() {
        let metrics = Metrics::new(2, 1);
        let (one, two) = (metrics.sheet(), metrics.sheet());
        one.add(Counter::Commands, 5);
        two.add(Counter::Commands, 2);
        two.add(Counter::Changes, 3);
        one.executed(1, 100);
        bump(&one.command(1).failed, 1);
        metrics.count_error("ERR");
        assert_eq!(metrics.sum(Counter::Commands), 7);
        metrics.reset();
        assert_eq!(metrics.sum(Counter::Commands), 0);
        assert_eq!(metrics.sum(Counter::Changes), 3);
        assert_eq!(metrics.command(1).calls(), 0);
        assert_eq!(metrics.command(1).failed, 0);
        assert!(metrics.errors().is_empty());
        two.add(Counter::Commands, 4);
        two.executed(1, 100);
        assert_eq!(metrics.sum(Counter::Commands), 4);
        assert_eq!(metrics.command(1).calls(), 1);
    }

    #[test]
    fn rates_survive_a_reset() {
        let metrics = Metrics::new(1, 1);
        let sheet = metrics.sheet();
        metrics.sample(1000);
        sheet.add(Counter::Commands, 100);
        metrics.reset();
        sheet.add(Counter::Commands, 100);
        metrics.sample(2000);
        assert_eq!(metrics.per_second(), [200, 0, 0]);
    }

    #[test]
    fn odd_error_codes_cost_bounded_memory() {
        let metrics = Metrics::new(1, 1);
        (0..1000).for_each(|n| metrics.count_error(&format!("CODE{n}")));
        metrics.count_error("CODE0");
        assert_eq!(metrics.errors().len(), ERROR_CODES_MAX);
        assert_eq!(metrics.errors()["CODE0"], 2);
        assert_eq!(metrics.error_replies(), 1001);
        let metrics = Metrics::new(1, 1);
        for code in ["a\nb", "a:b", &"x".repeat(100)] {
            metrics.count_error(code);
        }
        assert!(metrics.errors().is_empty());
        assert_eq!(metrics.error_replies(), 3);
    }

    #[test]
    fn the_share_of_stale_keys_follows_what_sweeps_find() {
        let metrics = Metrics::new(1, 1);
        let found = |examined, expired| Step {
            examined,
            expired,
            round_done: false,
        };
        (0..200).for_each(|_| metrics.note_sweep(found(100, 50)));
        assert!((0.45..=0.5).contains(&metrics.stale_share()));
        (0..200).for_each(|_| metrics.note_sweep(found(0, 0)));
        assert!(metrics.stale_share() < 0.01);
    }
}
