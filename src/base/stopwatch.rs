//! Durations of single requests: a few instructions beside reading the processor's counter.

/// Reads a counter that runs at a constant rate, and knows that rate.
pub struct Stopwatch {
    counter: quanta::Clock,
    /// What 2³² of its ticks are, in ns.
    ns_per_2_32: u64,
}

/// A moment, in the counter's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(u64);

impl Default for Stopwatch {
    /// The first one of a process measures the counter's rate, which takes some milliseconds.
    fn default() -> Stopwatch {
        let counter = quanta::Clock::new();
        Stopwatch {
            ns_per_2_32: counter.delta_as_nanos(0, 1 << 32),
            counter,
        }
    }
}

impl Stopwatch {
    /// Now.
    #[inline]
    pub fn now(&self) -> Moment {
        Moment(self.counter.raw())
    }

    /// From one moment to another, in ns; 0 when the counters of two processors disagree.
    #[inline]
    pub fn ns_between(&self, start: Moment, end: Moment) -> u64 {
        let ticks = end.0.saturating_sub(start.0);
        ((u128::from(ticks) * u128::from(self.ns_per_2_32)) >> 32) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_counter() {
        let watch = Stopwatch::default();
        for ticks in [0, 1, 1000, 123_456_789, 1 << 40] {
            let exact = watch.counter.delta_as_nanos(5, 5 + ticks);
            let ours = watch.ns_between(Moment(5), Moment(5 + ticks));
            assert!(
                ours.abs_diff(exact) <= 1 + exact / 1_000_000,
                "{ours} {exact}"
            );
        }
        assert_eq!(watch.ns_between(Moment(9), Moment(8)), 0);
    }
}
