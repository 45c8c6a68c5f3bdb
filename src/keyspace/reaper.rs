//! Frees what is large away from whoever let go of it: a worker that deletes, overwrites or expires
//! a collection of a million elements goes on at once.

use crate::base::priority;
use crate::protocol::output::Blob;
use crate::values::Big;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Collections of so few elements are freed at once: about 5 µs.
const FREED_AT_ONCE_ELEMENTS: usize = 64;
/// Strings of so few bytes are freed at once; larger ones go back to the operating system.
const FREED_AT_ONCE_BYTES: usize = 1 << 20;

/// While so many bytes wait to be freed, what comes is freed at once: whoever lets go of things
/// faster than they are freed does that work himself.
const WAITING_BYTES_MAX: u64 = 256 << 20;

/// What a thread frees for others.
enum Load {
    Big(Big),
    Blob(Blob),
}

static LOADS: OnceLock<Sender<(Load, u64)>> = OnceLock::new();
static WAITING_BYTES: AtomicU64 = AtomicU64::new(0);

/// Frees a collection, here if it is small.
pub(super) fn free_big(big: Big) {
    let small = big.held() <= FREED_AT_ONCE_ELEMENTS;
    if !small && let Some(loads) = queue() {
        let bytes = big.size_bytes() as u64;
        hand_over(loads, Load::Big(big), bytes);
    }
}

/// Lets go of a string, here if it is small.
pub(super) fn free_blob(blob: Blob) {
    let bytes = blob.capacity();
    if bytes > FREED_AT_ONCE_BYTES
        && let Some(loads) = queue()
    {
        hand_over(loads, Load::Blob(blob), bytes as u64);
    }
}

/// The queue, unless it is full.
fn queue() -> Option<&'static Sender<(Load, u64)>> {
    LOADS.get().filter(|_| waiting_bytes() < WAITING_BYTES_MAX)
}

fn hand_over(loads: &Sender<(Load, u64)>, load: Load, bytes: u64) {
    WAITING_BYTES.fetch_add(bytes, Relaxed);
    // Without its thread, which ends with the process, the load is freed here.
    let _ = loads.send((load, bytes));
}

/// Bytes that wait to be freed.
pub fn waiting_bytes() -> u64 {
    WAITING_BYTES.load(Relaxed)
}

/// Opens the queue, once per process; the caller runs [`Reaper::run`] on a thread of its own.
pub fn open() -> Option<Reaper> {
    let (sender, receiver) = channel();
    LOADS.set(sender).is_ok().then_some(Reaper(receiver))
}

/// The queue's other end.
pub struct Reaper(Receiver<(Load, u64)>);

impl Reaper {
    /// Frees what is handed over, for as long as the process runs.
    pub fn run(self) {
        priority::stand_back(priority::HOUSEKEEPING);
        for (load, bytes) in self.0 {
            match load {
                Load::Big(big) => drop(big),
                Load::Blob(blob) => drop(blob),
            }
            super::memory::collect_freed();
            WAITING_BYTES.fetch_sub(bytes, Relaxed);
        }
    }
}
