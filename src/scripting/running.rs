//! Scripts that have been running for a while: what they hold, and how they are ended.
//!
//! A script that ends within its first tick is never seen here. The registry is asked only by who
//! waits for a shard, and by `SCRIPT KILL` and its kin.

use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// A script that has been running for a while.
pub struct Running {
    /// Its digest, or its function's name.
    pub name: Vec<u8>,
    /// The command that runs it, argument by argument, cut.
    pub command: Vec<Vec<u8>>,
    /// Is it a function?
    pub is_function: bool,
    /// When it began, in ms on the server timeline.
    pub since_ms: u64,
    /// Has it written?
    pub written: AtomicBool,
    /// Is it to end?
    pub killed: AtomicBool,
    /// It has been running for so long that others are told.
    pub busy: AtomicBool,
    /// The shards it holds, ascending; `None` is all.
    pub shards: Mutex<Option<Vec<usize>>>,
}

/// Why nothing was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKilled {
    /// Nothing runs.
    Nothing,
    /// What runs has written.
    Written,
}

/// A script that may hold its shards for long.
pub struct Long<'a>(&'a RunningScripts);

impl Drop for Long<'_> {
    fn drop(&mut self) {
        self.0.long.fetch_sub(1, Relaxed);
    }
}

/// All of them.
#[derive(Default)]
pub struct RunningScripts {
    all: Mutex<Vec<Arc<Running>>>,
    /// Scripts that run away from the workers, whether they have been running for a while or not.
    long: AtomicUsize,
}

impl RunningScripts {
    /// Is there a script that may hold its shards for long?
    #[inline]
    pub fn are_long(&self) -> bool {
        self.long.load(Relaxed) > 0
    }

    /// Notes that a script begins that may hold its shards for long; it ends with the guard.
    pub fn begin_long(&self) -> Long<'_> {
        self.long.fetch_add(1, Relaxed);
        Long(self)
    }

    /// Adds one.
    pub fn enter(&self, running: Running) -> Arc<Running> {
        let running = Arc::new(running);
        self.all.lock().push(Arc::clone(&running));
        running
    }

    /// Takes it out.
    pub fn leave(&self, running: &Arc<Running>) {
        self.all.lock().retain(|other| !Arc::ptr_eq(other, running));
    }

    /// The one that has been running longest, of scripts or of functions.
    pub fn longest(&self, is_function: bool) -> Option<Arc<Running>> {
        let all = self.all.lock();
        let of_kind = all.iter().filter(|it| it.is_function == is_function);
        of_kind.min_by_key(|it| it.since_ms).cloned()
    }

    /// Ends the one of those that have not written that has been running longest.
    pub fn kill(&self, is_function: bool) -> Result<(), NotKilled> {
        let all = self.all.lock();
        let of_kind = || all.iter().filter(|it| it.is_function == is_function);
        let killable = of_kind().filter(|it| !it.written.load(Relaxed));
        match killable.min_by_key(|it| it.since_ms) {
            Some(running) => {
                running.killed.store(true, Relaxed);
                Ok(())
            }
            None if of_kind().next().is_some() => Err(NotKilled::Written),
            None => Err(NotKilled::Nothing),
        }
    }

    /// Is one of these shards held by a script that has been running for so long that others are
    /// told? `every_shard`: any shard will do. If so, is it a function?
    pub fn busy(&self, shards: &mut dyn Iterator<Item = usize>, every_shard: bool) -> Option<bool> {
        let all = self.all.lock();
        if all.is_empty() {
            return None;
        }
        let wanted: Vec<usize> = shards.collect();
        let holds = |running: &Running| match &*running.shards.lock() {
            _ if every_shard => true,
            None => true,
            Some(held) => wanted.iter().any(|shard| held.binary_search(shard).is_ok()),
        };
        let busy = all.iter().find(|it| it.busy.load(Relaxed) && holds(it));
        busy.map(|it| it.is_function)
    }
}
