//! The latency monitor: moments at which something took longer than the operator's threshold.

use parking_lot::Mutex;
use std::collections::VecDeque;

/// Samples kept of one event; at most one for each second.
const SAMPLES_MAX: usize = 160;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A command.
    Command,
    /// A command that promises to be fast.
    FastCommand,
    /// One uninterrupted stretch of a worker's search for expired keys.
    ExpireCycle,
    /// Making room for one write.
    EvictionCycle,
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 4] = [
        Event::Command,
        Event::FastCommand,
        Event::ExpireCycle,
        Event::EvictionCycle,
    ];

    /// The name `LATENCY` knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Event::Command => "command",
            Event::FastCommand => "fast-command",
            Event::ExpireCycle => "expire-cycle",
            Event::EvictionCycle => "eviction-cycle",
        }
    }

    /// The event of this name.
    pub fn named(name: &[u8]) -> Option<Event> {
        Event::ALL
            .into_iter()
            .find(|event| event.name().as_bytes() == name)
    }
}

/// The longest occurrence of an event within one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Unix time in seconds.
    pub time_seconds: i64,
    /// How long it took.
    pub latency_ms: u64,
}

/// What is remembered of one event.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// The latest seconds in which it was slow, oldest first; `SAMPLES_MAX` at most.
    pub samples: VecDeque<Sample>,
    /// The longest ever (since a reset).
    pub worst_ms: u64,
}

/// What is remembered of every event. Bounded: four series of 160 samples.
#[derive(Default)]
pub struct LatencyMonitor {
    series: Mutex<[Series; Event::ALL.len()]>,
}

impl LatencyMonitor {
    /// Notes an occurrence; the caller has compared it with the threshold.
    pub fn add(&self, event: Event, sample: Sample) {
        let series = &mut self.series.lock()[event as usize];
        series.worst_ms = series.worst_ms.max(sample.latency_ms);
        match series.samples.back_mut() {
            Some(last) if last.time_seconds == sample.time_seconds => {
                last.latency_ms = last.latency_ms.max(sample.latency_ms);
            }
            _ => {
                if series.samples.len() == SAMPLES_MAX {
                    series.samples.pop_front();
                }
                series.samples.push_back(sample);
            }
        }
    }

    /// What is remembered of an event; nothing if it was never slow.
    pub fn series(&self, event: Event) -> Series {
        self.series.lock()[event as usize].clone()
    }

    /// Forgets an event; true when there was something to forget.
    pub fn reset(&self, event: Event) -> bool {
        let series = &mut self.series.lock()[event as usize];
        !std::mem::take(series).samples.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(time_seconds: i64, latency_ms: u64) -> Sample {
        Sample {
            time_seconds,
            latency_ms,
        }
    }

    #[test]
    fn the_worst_of_a_second_is_kept() {
        let monitor = LatencyMonitor::default();
        for (time, latency) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            monitor.add(Event::Command, sample(time, latency));
        }
        let series = monitor.series(Event::Command);
        assert_eq!(series.samples, [sample(1, 9), sample(2, 3)]);
        assert_eq!(series.worst_ms, 9);
        assert!(monitor.series(Event::FastCommand).samples.is_empty());
    }

    #[test]
    fn old_samples_give_way_but_the_worst_is_remembered() {
        let monitor = LatencyMonitor::default();
        for time in 0..1000 {
            monitor.add(Event::ExpireCycle, sample(time, 1000 - time as u64));
        }
        let series = monitor.series(Event::ExpireCycle);
        assert_eq!(series.samples.len(), SAMPLES_MAX);
        assert_eq!(series.samples[0], sample(840, 160));
        assert_eq!(series.worst_ms, 1000);
        assert!(monitor.reset(Event::ExpireCycle));
        assert!(!monitor.reset(Event::ExpireCycle));
        assert_eq!(monitor.series(Event::ExpireCycle).worst_ms, 0);
    }

    #[test]
    fn names_lead_back_to_events() {
        for event in Event::ALL {
            assert_eq!(Event::named(event.name().as_bytes()), Some(event));
        }
        assert_eq!(Event::named(b"Command"), None);
        assert_eq!(Event::named(b"fork"), None);
    }
}
