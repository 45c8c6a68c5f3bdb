//! How much of a core a thread gets while others want it, too.

/// Steps that threads for long work stand behind the workers: a quarter of a busy core.
pub const LONG_WORK: i32 = 5;
/// Steps that threads for what nobody waits for stand behind the workers: a tenth of a busy core.
pub const HOUSEKEEPING: i32 = 10;

/// Lets others go before the calling thread, by so many steps of `nice(2)`: where cores are scarce,
/// who has a batch of requests to answer takes the core from who frees a million entries.
pub fn stand_back(steps: i32) {
    if let Err(error) = rustix::process::nice(steps) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}
