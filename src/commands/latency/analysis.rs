//! What people read of the latency monitor: a graph, and a report.

use crate::config::Monitoring;
use crate::session::{LatencyEvent, LatencySample, LatencySeries};
use std::fmt::Write;

/// Samples side by side in one row of a graph.
const COLUMNS: usize = 80;
/// Height of a graph in lines, and heights told apart in one line.
const LINES: usize = 4;
const MARKS: [char; 3] = ['_', '#', '|'];

/// The samples of an event as columns, the newest to the right, each with its age below. The
/// series is not empty.
pub(super) fn graph(name: &str, series: &LatencySeries, now_seconds: i64) -> String {
    let latencies = || series.samples.iter().map(|sample| sample.latency_ms);
    let (low, high) = (
        latencies().min().unwrap_or(0),
        latencies().max().unwrap_or(0),
    );
    let mut text = format!(
        "{name} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        series.worst_ms,
        "-".repeat(COLUMNS)
    );
    let samples: Vec<LatencySample> = series.samples.iter().copied().collect();
    for row in samples.chunks(COLUMNS) {
        draw(row, low, high, now_seconds, &mut text);
    }
    text
}

fn draw(row: &[LatencySample], low: u64, high: u64, now_seconds: i64, text: &mut String) {
    // The height of each column in steps: a line holds one step per mark.
    let steps_max = (LINES * MARKS.len() - 1) as u64;
    let height = |sample: &LatencySample| {
        let above = (sample.latency_ms - low) as u128 * u128::from(steps_max);
        above
            .checked_div(u128::from(high - low))
            .unwrap_or(u128::from(steps_max)) as usize
    };
    for line in (0..LINES).rev() {
        let base = line * MARKS.len();
        let marks = row.iter().map(|sample| match height(sample) {
            steps if steps < base => ' ',
            steps => MARKS[(steps - base).min(MARKS.len() - 1)],
        });
        push_line(text, marks);
    }
    let ages: Vec<Vec<char>> = row
        .iter()
        .map(|sample| age(now_seconds - sample.time_seconds).chars().collect())
        .collect();
    let depth = ages.iter().map(Vec::len).max().unwrap_or(0);
    for line in 0..depth {
        let letters = ages.iter().map(|age| age.get(line).copied().unwrap_or(' '));
        push_line(text, letters);
    }
}

fn push_line(text: &mut String, line: impl Iterator<Item = char>) {
    let line: String = line.collect();
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A time span in its largest unit.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// What is known of all events, and what to do about it.
pub(super) fn report(monitoring: &Monitoring, events: &[(LatencyEvent, LatencySeries)]) -> String {
    if monitoring.latency_monitor_threshold == 0 {
        return "Latency monitoring is off. Turn it on with CONFIG SET \
                latency-monitor-threshold <milliseconds>.\n"
            .to_owned();
    }
    let seen: Vec<_> = events
        .iter()
        .filter(|(_, series)| !series.samples.is_empty())
        .collect();
    if seen.is_empty() {
        return format!(
            "Nothing took {} ms or longer so far.\n",
            monitoring.latency_monitor_threshold
        );
    }
    let mut text = "Latency spikes were observed:\n\n".to_owned();
    for (number, (event, series)) in (1..).zip(&seen) {
        describe(number, *event, series, &mut text);
    }
    text.push_str("\nWhat may help:\n\n");
    for (event, _) in seen {
        writeln!(text, "- {}: {}", event.name(), advice(*event, monitoring))
            .expect("writing to memory does not fail");
    }
    text
}

fn describe(number: usize, event: LatencyEvent, series: &LatencySeries, text: &mut String) {
    let count = series.samples.len() as u64;
    let total: u64 = series.samples.iter().map(|sample| sample.latency_ms).sum();
    let average = total / count;
    let deviation: u64 = series
        .samples
        .iter()
        .map(|sample| sample.latency_ms.abs_diff(average))
        .sum();
    let first = series
        .samples
        .front()
        .map_or(0, |sample| sample.time_seconds);
    let last = series
        .samples
        .back()
        .map_or(0, |sample| sample.time_seconds);
    writeln!(
        text,
        "{number}. {}: {count} latency spikes (average {average}ms, mean deviation {}ms, period \
         {:.2} sec). Worst all time event {}ms.",
        event.name(),
        deviation / count,
        (last - first) as f64 / count as f64,
        series.worst_ms
    )
    .expect("writing to memory does not fail");
}

fn advice(event: LatencyEvent, monitoring: &Monitoring) -> String {
    let threshold_ms = monitoring.latency_monitor_threshold;
    let slower_than_us = monitoring.slowlog_log_slower_than;
    let logged = u64::try_from(slower_than_us).is_ok_and(|us| us / 1000 <= threshold_ms);
    match event {
        LatencyEvent::Command | LatencyEvent::FastCommand if logged => {
            "SLOWLOG GET shows which commands these were.".to_owned()
        }
        LatencyEvent::Command | LatencyEvent::FastCommand => format!(
            "let the slow log catch these commands: CONFIG SET slowlog-log-slower-than {}.",
            threshold_ms.saturating_mul(1000)
        ),
        LatencyEvent::ExpireCycle => {
            "many keys expire at the same moment: spread their deadlines.".to_owned()
        }
        LatencyEvent::EvictionCycle => {
            "single writes evict much: raise maxmemory, or store smaller values.".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(samples: &[(i64, u64)]) -> LatencySeries {
        LatencySeries {
            samples: samples
                .iter()
                .map(|(time_seconds, latency_ms)| LatencySample {
                    time_seconds: *time_seconds,
                    latency_ms: *latency_ms,
                })
                .collect(),
            worst_ms: samples.iter().map(|sample| sample.1).max().unwrap_or(0),
        }
    }

    #[test]
    fn the_graph_rises_to_the_highest() {
        let text = graph("command", &series(&[(10, 5), (11, 22), (12, 30)]), 200);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "command - high 30 ms, low 5 ms (all time high 30 ms)"
        );
        assert_eq!(lines[1], "-".repeat(80));
        assert_eq!(&lines[2..6], ["  |", " #|", " ||", "_||"]);
        assert_eq!(&lines[6..], ["333", "mmm"]);
        let flat = graph("command", &series(&[(10, 5)]), 10);
        assert!(flat.ends_with("|\n|\n|\n|\n0\ns\n"), "{flat}");
    }

    #[test]
    fn ages_have_one_unit() {
        let ages = [
            (-5, "0s"),
            (59, "59s"),
            (60, "1m"),
            (7200, "2h"),
            (400_000, "4d"),
        ];
        for (seconds, expected) in ages {
            assert_eq!(age(seconds), expected);
        }
    }

    #[test]
    fn the_report_follows_what_was_seen() {
        let mut monitoring = Monitoring::default();
        let command = (LatencyEvent::Command, series(&[(1, 5), (2, 15)]));
        assert!(report(&monitoring, std::slice::from_ref(&command)).contains("is off"));
        monitoring.latency_monitor_threshold = 5;
        assert!(report(&monitoring, &[]).contains("Nothing took 5 ms"));
        let text = report(&monitoring, std::slice::from_ref(&command));
        assert!(
            text.contains("1. command: 2 latency spikes (average 10ms, mean deviation 5ms"),
            "{text}"
        );
        assert!(text.contains("CONFIG SET slowlog-log-slower-than 5000"));
        monitoring.slowlog_log_slower_than = 1000;
        assert!(report(&monitoring, &[command]).contains("SLOWLOG GET"));
    }
}
