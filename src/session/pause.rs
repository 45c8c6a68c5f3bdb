//! `CLIENT PAUSE`: until when requests wait, and which.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseKind {
    /// Commands that write, or may.
    Write,
    /// All commands.
    All,
}

/// The pause in force, if any. Asked before every command: two relaxed loads.
#[derive(Default)]
pub struct Pause {
    write_until_ms: AtomicU64,
    all_until_ms: AtomicU64,
}

impl Pause {
    /// Pauses until a moment on the server timeline. A pause is never weakened by another: while
    /// all requests are paused, a pause of writes prolongs that.
    pub fn extend(&self, kind: PauseKind, until_ms: u64, now_ms: u64) {
        let end_ms = self
            .write_until_ms
            .fetch_max(until_ms, Relaxed)
            .max(until_ms);
        if kind == PauseKind::All || self.until_ms(false, now_ms).is_some() {
            self.all_until_ms.fetch_max(end_ms, Relaxed);
        }
    }

    /// Ends the pause.
    pub fn end(&self) {
        self.write_until_ms.store(0, Relaxed);
        self.all_until_ms.store(0, Relaxed);
    }

    /// Until when a request must wait, if it must. `writes` says whether it may write.
    #[inline]
    pub fn until_ms(&self, writes: bool, now_ms: u64) -> Option<u64> {
        let until = if writes {
            &self.write_until_ms
        } else {
            &self.all_until_ms
        };
        let until = until.load(Relaxed);
        (until > now_ms).then_some(until)
    }

    /// Is anything paused?
    pub fn is_active(&self, now_ms: u64) -> bool {
        self.until_ms(true, now_ms).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_never_weakened_by_another() {
        let pause = Pause::default();
        pause.extend(PauseKind::Write, 100, 0);
        assert_eq!(
            (pause.until_ms(true, 50), pause.until_ms(false, 50)),
            (Some(100), None)
        );
        assert_eq!(pause.until_ms(true, 100), None);
        pause.extend(PauseKind::All, 60, 50);
        assert_eq!(pause.until_ms(false, 50), Some(100));
        pause.extend(PauseKind::Write, 200, 50);
        assert_eq!(
            (pause.until_ms(true, 50), pause.until_ms(false, 50)),
            (Some(200), Some(200))
        );
        pause.end();
        assert!(!pause.is_active(50));
        pause.extend(PauseKind::Write, 300, 250);
        assert_eq!(pause.until_ms(false, 250), None);
    }
}
