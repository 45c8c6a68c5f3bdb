//! What scripts may take.

use super::{int, section, size};

section! {
    /// What scripts may take.
    scripting: Scripting {
        /// Memory that one script may take, its reply included; it ends with an error beyond.
        memory_limit: u64 = size(1 << 20, "128mb").live();
        /// Milliseconds after which those who wait for a script's keys get BUSY; 0 is never.
        busy_reply_threshold: u64 = int(0, i64::MAX, "5000").live()
            .redis(&["busy-reply-threshold", "lua-time-limit"]);
    }
}
