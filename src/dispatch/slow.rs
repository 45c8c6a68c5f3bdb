//! What is remembered of requests that took long: the slow log and the latency monitor.

use crate::commands::spec::{FAST, SKIP_SLOWLOG};
use crate::commands::table::Registered;
use crate::config::Config;
use crate::protocol::Args;
use crate::session::{LatencyEvent, Session, Shared, SlowEntry, cut_arguments};

const NS_PER_US: u64 = 1_000;
const NS_PER_MS: u64 = 1_000_000;

/// From how long on a request is worth remembering, in ns: one comparison for every other request.
pub(super) fn noteworthy_ns(config: &Config) -> u64 {
    let monitoring = &config.monitoring;
    let slow_ns = match u64::try_from(monitoring.slowlog_log_slower_than) {
        Ok(threshold_us) => threshold_us.saturating_mul(NS_PER_US),
        Err(_) => u64::MAX,
    };
    let late_ns = match monitoring.latency_monitor_threshold {
        0 => u64::MAX,
        threshold_ms => threshold_ms.saturating_mul(NS_PER_MS),
    };
    slow_ns.min(late_ns)
}

/// Remembers a request that took at least [`noteworthy_ns`].
#[cold]
pub(super) fn note(
    shared: &Shared,
    config: &Config,
    session: &Session,
    command: &Registered,
    args: Args<'_>,
    spent_ns: u64,
) {
    let monitoring = &config.monitoring;
    let threshold_us = monitoring.slowlog_log_slower_than;
    let spent_us = spent_ns / NS_PER_US;
    if threshold_us >= 0 && spent_us >= threshold_us as u64 && !command.has(SKIP_SLOWLOG) {
        let entry = SlowEntry {
            id: 0,
            time_seconds: shared.clock.unix_seconds(),
            duration_us: spent_us,
            arguments: cut_arguments(super::redacted(command, args)),
            address: session.client.address.to_string(),
            client_name: session.client.identity().name,
        };
        shared
            .slowlog
            .add(entry, monitoring.slowlog_max_len as usize);
    }
    let event = match command.has(FAST) {
        true => LatencyEvent::FastCommand,
        false => LatencyEvent::Command,
    };
    shared.note_latency(config, event, spent_ns);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_threshold_decides() {
        let mut config = Config::default();
        let mut both = |slow_us, late_ms| {
            config.monitoring.slowlog_log_slower_than = slow_us;
            config.monitoring.latency_monitor_threshold = late_ms;
            noteworthy_ns(&config)
        };
        assert_eq!(both(-1, 0), u64::MAX);
        assert_eq!(both(0, 0), 0);
        assert_eq!(both(10_000, 0), 10_000_000);
        assert_eq!(both(10_000, 2), 2_000_000);
        assert_eq!(both(1_000, 2), 1_000_000);
        assert_eq!(both(i64::MAX, u64::MAX), u64::MAX);
    }
}
