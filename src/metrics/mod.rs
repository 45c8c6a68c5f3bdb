//! Counters: written by one thread each, without atomic read-modify-write, summed when asked.

use crate::keyspace::memory::Tally;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Classes of a latency histogram: class `n` counts durations below 2ⁿ⁺⁹ ns, the last the rest.
pub const LATENCY_CLASSES: usize = 24;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a thread counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter { $($(#[$doc])* $name,)* }
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
    /// Malformed requests.
    ProtocolErrors,
    /// Errors replied.
    ErrorReplies,
    /// Reads from sockets.
    Reads,
    /// Writes to sockets.
    Writes,
    /// Clients disconnected since their replies piled up.
    OutputLimitDisconnects,
    /// Clients shed to keep within the clients' memory budget.
    ClientsShed,
    /// Clients disconnected for being idle.
    TimedOut,
    /// Requests that ran on the pool.
    Offloaded,
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
    /// Values at the last `CONFIG RESETSTAT`, taken off what is shown.
    errors: Mutex<BTreeMap<String, u64>>,
    /// Requests that ended in a panic.
    pub panics: AtomicU64,
    /// Most bytes resident so far.
    pub peak_bytes: AtomicU64,
    /// Bytes resident when last measured.
    pub resident_bytes: AtomicU64,
    /// Bytes resident before the first key was stored.
    pub baseline_bytes: AtomicU64,
    /// Most clients connected at a time.
    pub clients_max: AtomicU64,
    rates: Mutex<Rates>,
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

impl Metrics {
    /// For this many commands.
    pub fn new(commands: usize) -> Metrics {
        Metrics {
            commands,
            sheets: Mutex::default(),
            errors: Mutex::default(),
            panics: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
            resident_bytes: AtomicU64::new(0),
            baseline_bytes: AtomicU64::new(0),
            clients_max: AtomicU64::new(0),
            rates: Mutex::default(),
        }
    }

    /// A sheet for one more thread.
    pub fn sheet(&self) -> Arc<Sheet> {
        let sheet = Arc::new(Sheet::new(self.commands));
        self.sheets.lock().push(Arc::clone(&sheet));
        sheet
    }

    /// The sum of a counter over all threads.
    pub fn sum(&self, counter: Counter) -> u64 {
        self.sheets
            .lock()
            .iter()
            .map(|s| s.counters[counter as usize].load(Relaxed))
            .sum()
    }

    /// Notes the totals that rates per second are computed from; called about once a second.
    pub fn sample(&self, now_ms: u64) {
        let totals = RATED.map(|counter| self.sum(counter));
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

    /// A command's statistics over all threads: calls, ns spent, rejected, failed.
    pub fn command(&self, id: usize) -> CommandTotals {
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
        if let Some(count) = errors.get_mut(code) {
            *count += 1;
        } else if errors.len() < ERROR_CODES_MAX {
            errors.insert(code.to_owned(), 1);
        }
    }

    /// Errors replied, by code.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().clone()
    }

    /// Sets everything that `CONFIG RESETSTAT` resets back to zero. Counts made by other threads
    /// at the same moment may survive.
    pub fn reset(&self) {
        for sheet in self.sheets.lock().iter() {
            for counter in &sheet.counters {
                counter.store(0, Relaxed);
            }
            for stats in &sheet.commands {
                for counter in [&stats.spent_ns, &stats.rejected, &stats.failed] {
                    counter.store(0, Relaxed);
                }
                stats
                    .latency
                    .iter()
                    .for_each(|class| class.store(0, Relaxed));
            }
        }
        self.errors.lock().clear();
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
}
