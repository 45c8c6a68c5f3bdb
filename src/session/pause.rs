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
    /// Pauses until a moment on the server timeline. A pause is never shortened by another.
    pub fn extend(&self, kind: PauseKind, until_ms: u64) {
        self.write_until_ms.fetch_max(until_ms, Relaxed);
        if kind == PauseKind::All {
            self.all_until_ms.fetch_max(until_ms, Relaxed);
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
}
