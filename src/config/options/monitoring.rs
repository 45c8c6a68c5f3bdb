//! What is logged, and what is remembered for the operator.

use super::{Spec, boolean, choice, choice_as, int, path, section};
use crate::config::EventClasses;
use crate::config::types::{LogFormat, LogLevel};
use crate::config::value::Kind;

section! {
    /// What is logged.
    logging: Logging {
        /// Least important kind of message to log: trace, debug, info, warn or error.
        level: LogLevel = choice_as::<LogLevel>(
            "info",
            &["debug", "verbose", "notice", "warning", "nothing"],
        ).live().redis(&["loglevel"]);
        /// Lines for people (text) or objects for machines (json).
        format: LogFormat = choice::<LogFormat>("text");
        /// File to append to; empty logs to the standard error stream.
        file: Option<std::path::PathBuf> = path().redis(&["logfile"]);
    }
}

section! {
    /// What is remembered for the operator.
    monitoring: Monitoring {
        /// Microseconds from which on a command is kept in SLOWLOG; 0 keeps every one, -1 none.
        slowlog_log_slower_than: i64 = int(-1, i64::MAX, "10000").live()
            .redis(&["slowlog-log-slower-than", "commandlog-execution-slower-than"]);
        /// Commands that SLOWLOG keeps.
        slowlog_max_len: u64 = int(0, i64::MAX, "128").live()
            .redis(&["slowlog-max-len", "commandlog-slow-execution-max-len"]);
        /// Milliseconds from which on LATENCY keeps an event; 0 keeps none.
        latency_monitor_threshold: u64 = int(0, i64::MAX, "0").live()
            .redis(&["latency-monitor-threshold"]);
        /// Keep a histogram of each command's latency.
        latency_tracking: bool = boolean("true").live().redis(&["latency-tracking"]);
        /// Percentiles of the histograms that INFO prints.
        latency_tracking_info_percentiles: Vec<f64> = Spec::new(Kind::Percentiles, "50 99 99.9")
            .live().redis(&["latency-tracking-info-percentiles"]);
        /// Classes of keyspace notifications to publish, by their letters: K and E for channels
        /// named after the key and after the event, A for all of g$lshzxetd, and m, n, o, c.
        notify_keyspace_events: EventClasses = Spec::new(Kind::EventClasses, "")
            .live().redis(&["notify-keyspace-events"]);
    }
}
