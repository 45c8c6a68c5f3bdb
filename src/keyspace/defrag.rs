//! Gives memory back that freed entries have left in pieces.
//!
//! The allocator can return a page only when every entry in it is gone. After most keys of a large
//! data set have been deleted, or values have changed their size, many pages hold a few survivors
//! each. A pass finds such pages and empties them, in two walks over the slots:
//!
//! 1. The *census* counts the entries in each page. It reads slots, not entries.
//! 2. Of the pages that are less than three quarters full the emptiest are selected, as many as the
//!    pass may empty. The second walk *moves* their entries: the allocator is asked for blocks until
//!    it gives one outside of the selected pages. What it gives inside of them is held back until
//!    the walk is over, and so are the blocks moved from, lest they be given out again.
//!
//! Passes are started by the background thread ([`Trigger`]) and walked by the workers, each over
//! its share of the shards, in short slices between requests. An *urgent* pass, when memory is at
//! its limit, is also walked by every write: it goes as fast as memory is asked for.

mod pages;
mod trigger;

pub use trigger::{Memory, Trigger};

use super::accounts::{fit, forget_keeping_size};
use super::event::Event;
use super::eviction;
use super::shard::Shard;
use super::table::{Stash, Table};
use super::{Keyspace, Local};
use pages::{Census, Selection};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// Buckets whose entries are counted under one lock (2 µs).
const CENSUS_BUCKETS: usize = 128;
/// Buckets whose entries are moved under one lock (at most 50 µs, when all are).
const MOVING_BUCKETS: usize = 64;
/// Blocks asked for under one lock.
const STEP_BLOCKS: usize = 256;
/// Blocks held back that are freed at a time.
const STEP_FREED: usize = 1024;

/// During an urgent pass a step is made for so many bytes written.
const STEP_BYTES: usize = 512;
/// What a write counts beside its own bytes.
const WRITE_BYTES: usize = 64;
/// Most steps made within one write.
const STEPS_PER_WRITE: usize = 64;

/// What a walk does, by its number modulo [`WALKS`].
const IDLE: u64 = 0;
const CENSUS: u64 = 1;
const MOVING: u64 = 2;
const WALKS: u64 = 3;

/// The pass under way, if any.
#[derive(Default)]
pub struct Passes {
    /// Counts walks, and the rest between passes as one.
    walk: AtomicU64,
    urgent: AtomicBool,
    gained_bytes: AtomicU64,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    workers: usize,
    finished: usize,
    budget_bytes: u64,
    census: Census,
    selection: Arc<Selection>,
}

/// A pass to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Bytes of pages it may select.
    pub budget_bytes: u64,
    /// Do writes walk as well?
    pub urgent: bool,
}

impl Passes {
    /// Starts a pass, to be walked by `workers`. None may be running.
    pub fn start(&self, pass: Pass, workers: usize) {
        let mut plan = self.plan.lock();
        *plan = Plan {
            workers,
            budget_bytes: pass.budget_bytes,
            ..Plan::default()
        };
        self.urgent.store(pass.urgent, Relaxed);
        self.walk.fetch_add(1, Release);
    }

    /// Is a pass under way?
    pub fn is_running(&self) -> bool {
        self.walk.load(Relaxed) % WALKS != IDLE
    }

    /// Number of passes started.
    pub fn count(&self) -> u64 {
        self.walk.load(Relaxed).div_ceil(WALKS)
    }

    /// Bytes that the last pass was to give back.
    pub fn gained_bytes(&self) -> u64 {
        self.gained_bytes.load(Relaxed)
    }

    /// A worker has walked its share; the last one begins what comes next.
    fn finish(&self, census: Census) {
        let mut plan = self.plan.lock();
        plan.census.add(census);
        plan.finished += 1;
        if plan.finished < plan.workers {
            return;
        }
        plan.finished = 0;
        let mut walks = 1;
        if self.walk.load(Relaxed) % WALKS == CENSUS {
            let census = std::mem::take(&mut plan.census);
            let selection = census.sparse_pages(plan.budget_bytes, self.urgent.load(Relaxed));
            self.gained_bytes.store(selection.gain_bytes(), Relaxed);
            if selection.gain_bytes() == 0 {
                walks = 2;
            }
            plan.selection = Arc::new(selection);
        }
        self.walk.fetch_add(walks, AcqRel);
    }

    fn selection(&self) -> Arc<Selection> {
        Arc::clone(&self.plan.lock().selection)
    }
}

/// Where a worker is in the present walk.
#[derive(Default)]
pub struct Walk {
    /// The worker walks the shards `first`, `first + stride`, ….
    share: (usize, usize),
    walk: u64,
    done: bool,
    shard: usize,
    db: usize,
    position: u32,
    /// Bytes of writes for which there were no steps yet.
    owed_bytes: usize,
    census: Census,
    selection: Option<Arc<Selection>>,
    stash: Stash,
}

/// Goes on with an urgent pass, in proportion to what a write brings.
#[inline]
pub fn hurry(keyspace: &Keyspace, local: &mut Local, now_ms: u64, incoming_bytes: usize) {
    let passes = &keyspace.defrag;
    if passes.is_running() && passes.urgent.load(Relaxed) {
        hurry_on(keyspace, local, now_ms, incoming_bytes);
    }
}

#[cold]
fn hurry_on(keyspace: &Keyspace, local: &mut Local, now_ms: u64, incoming_bytes: usize) {
    let Some(walk) = &mut local.walk else {
        return;
    };
    let owed = (walk.owed_bytes + WRITE_BYTES + incoming_bytes).min(STEPS_PER_WRITE * STEP_BYTES);
    walk.owed_bytes = owed % STEP_BYTES;
    for _ in 0..owed / STEP_BYTES {
        if !step(keyspace, local, now_ms) {
            break;
        }
    }
}

/// One step of the pass under way. False when there is nothing to do.
pub fn step(keyspace: &Keyspace, local: &mut Local, now_ms: u64) -> bool {
    let Some(mut walk) = local.walk.take() else {
        return false;
    };
    let worked = walk.step(keyspace, local, now_ms);
    local.walk = Some(walk);
    worked
}

impl Walk {
    /// For a worker that walks the shards `first`, `first + stride`, ….
    pub fn of(share: (usize, usize)) -> Box<Walk> {
        Box::new(Walk {
            share,
            ..Walk::default()
        })
    }

    fn step(&mut self, keyspace: &Keyspace, local: &mut Local, now_ms: u64) -> bool {
        let passes = &keyspace.defrag;
        let walk = passes.walk.load(Acquire);
        if walk != self.walk {
            self.begin(walk, passes);
        }
        let resting = self.done || walk % WALKS == IDLE;
        if (resting || walk % WALKS == CENSUS) && self.stash.free(STEP_FREED) {
            return true;
        }
        if resting {
            return false;
        }
        let Some(shard) = keyspace
            .shards()
            .get(self.share.0 + self.shard * self.share.1)
        else {
            (self.done, self.selection) = (true, None);
            passes.finish(std::mem::take(&mut self.census));
            return true;
        };
        let Some(guard) = shard.lock_briefly() else {
            // Somebody holds it for long: it stays as it is this time.
            (self.db, self.position, self.shard) = (0, 0, self.shard + 1);
            return true;
        };
        while self.db < keyspace.databases() {
            let table = guard.shard().existing_table(self.db);
            if let Some(table) = table.filter(|table| !table.is_empty()) {
                self.visit(keyspace, shard, table, local, now_ms);
                return true;
            }
            self.db += 1;
        }
        (self.db, self.position, self.shard) = (0, 0, self.shard + 1);
        true
    }

    /// Counts or moves the entries of a stretch.
    fn visit(
        &mut self,
        keyspace: &Keyspace,
        shard: &Shard,
        table: &Table,
        local: &mut Local,
        now_ms: u64,
    ) {
        let next = match self.selection.take() {
            None => {
                let (start, end) = table.stretch(self.position, CENSUS_BUCKETS);
                for pos in table.positions(start, end - start) {
                    let block = || table.block_bytes(pos);
                    self.census.count(table.address(pos), block);
                }
                table.position_of(end)
            }
            Some(selection) => {
                let (start, end) = table.stretch(self.position, MOVING_BUCKETS);
                let mut blocks = STEP_BLOCKS;
                let mut whole = true;
                for pos in table.positions(start, end - start) {
                    if !selection.contains(table.address(pos)) {
                        continue;
                    }
                    if eviction::is_expendable(keyspace, table, pos, local, now_ms) {
                        local.tally.evicted += 1;
                        let place = (self.db, table, pos);
                        forget_keeping_size(keyspace, shard, place, Event::Evicted, local);
                        continue;
                    }
                    let inside = |address| selection.contains(address);
                    if !table.move_out(pos, inside, &mut self.stash, &mut blocks) {
                        // The next step goes on here; what has moved is not met again.
                        whole = false;
                        break;
                    }
                }
                self.selection = Some(selection);
                let next = match whole {
                    true => table.position_of(end),
                    false => Some(self.position),
                };
                fit(keyspace, shard, table, local);
                next
            }
        };
        match next {
            Some(position) => self.position = position,
            None => (self.db, self.position) = (self.db + 1, 0),
        }
    }

    fn begin(&mut self, walk: u64, passes: &Passes) {
        *self = Walk {
            share: self.share,
            walk,
            selection: (walk % WALKS == MOVING).then(|| passes.selection()),
            stash: std::mem::take(&mut self.stash),
            ..Walk::default()
        };
    }
}
