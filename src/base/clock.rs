//! Time: one timeline for deadlines, immune to steps of the wall clock.
//!
//! Deadlines are milliseconds on the *server timeline*: Unix time when the process started plus
//! what the monotonic clock has counted since. A step of the wall clock therefore neither expires
//! keys early nor keeps them forever. Absolute times that users give (`EXPIREAT`) or ask for
//! (`EXPIRETIME`) are converted with [`Clock::skew_ms`], which moves only when the two clocks
//! have drifted apart by more than [`SKEW_STEP_MS`], so a deadline reads back as it was written.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Drift between wall clock and server timeline that is tolerated before absolute times follow.
pub const SKEW_STEP_MS: i64 = 500;

/// The process's clock. Shared by reference; every method is lock-free.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    started_unix_us: u64,
    skew_ms: AtomicI64,
}

impl Clock {
    /// Starts the timeline at the present wall-clock time.
    pub fn start() -> Clock {
        Clock {
            started: Instant::now(),
            started_unix_us: wall_us(),
            skew_ms: AtomicI64::new(0),
        }
    }

    /// Now, in milliseconds on the server timeline. One clock read (about 25 ns).
    pub fn now_ms(&self) -> u64 {
        self.now_us() / 1000
    }

    /// Now, in microseconds on the server timeline.
    pub fn now_us(&self) -> u64 {
        self.started_unix_us + self.started.elapsed().as_micros() as u64
    }

    /// The present Unix time in seconds, for people to read: the server timeline, brought up to
    /// the wall clock.
    pub fn unix_seconds(&self) -> i64 {
        (self.now_ms() as i64 + self.skew_ms()) / 1000
    }

    /// Milliseconds since the process started.
    pub fn uptime_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Wall clock minus server timeline, in milliseconds, as last measured by [`Clock::resync`].
    pub fn skew_ms(&self) -> i64 {
        self.skew_ms.load(Relaxed)
    }

    /// Compares the two clocks; called about once a second.
    pub fn resync(&self) {
        let drift = (wall_us() / 1000) as i64 - self.now_ms() as i64;
        if (drift - self.skew_ms()).abs() > SKEW_STEP_MS {
            self.skew_ms.store(drift, Relaxed);
        }
    }
}

/// The wall clock in microseconds since the Unix epoch.
pub fn wall_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeline_starts_at_wall_time_and_never_goes_back() {
        let clock = Clock::start();
        let first = clock.now_us();
        assert!(first.abs_diff(wall_us()) < 5_000_000);
        assert!(clock.now_us() >= first);
    }

    #[test]
    fn small_drift_leaves_the_skew_alone() {
        let clock = Clock::start();
        clock.resync();
        assert_eq!(clock.skew_ms(), 0);
    }

    #[test]
    fn a_step_of_the_wall_clock_moves_only_the_skew() {
        let mut clock = Clock::start();
        clock.started_unix_us -= 3_600_000_000;
        clock.resync();
        assert!((clock.skew_ms() - 3_600_000).abs() < 5_000);
    }
}
