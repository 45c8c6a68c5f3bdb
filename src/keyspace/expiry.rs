//! Active expiry: finding keys whose deadline has passed before anybody asks for them.
//!
//! Each worker sweeps its share of the shards in small steps. A shard knows a moment before which
//! none of its keys expires, so most steps read one word; others read the slots and only the
//! entries of keys that have a deadline.

use super::shard::Shard;
use super::table::{Pos, Table};
use super::txn::forget;
use super::{Keyspace, Local};

/// Slots looked at in one step of a sweep: a lock is held no longer than that takes (about 20 µs).
const STEP_BUCKETS: usize = 64;

/// Where a sweep is in its round over the shards.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sweep {
    shard: usize,
    db: usize,
    bucket: usize,
    due_ms: u64,
}

/// What one step of a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Keys with a deadline that were looked at.
    pub examined: usize,
    /// Keys removed.
    pub expired: usize,
    /// The sweep has been through all its shards.
    pub round_done: bool,
}

impl Sweep {
    /// One step over the shards `first`, `first + stride`, …
    pub fn step(
        &mut self,
        keyspace: &Keyspace,
        local: &mut Local,
        now_ms: u64,
        (first, stride): (usize, usize),
    ) -> Step {
        let shards = keyspace.shards();
        let index = first + self.shard * stride;
        if index >= shards.len() {
            *self = Sweep::default();
            return Step {
                round_done: true,
                ..Step::default()
            };
        }
        let guard = shards[index].lock();
        let shard = guard.shard();
        if self.db == 0 && self.bucket == 0 {
            if now_ms <= shard.next_due_ms.get() {
                self.shard += 1;
                return Step::default();
            }
            // Keys stored while this shard is being swept lower the mark again.
            shard.next_due_ms.set(u64::MAX);
            self.due_ms = u64::MAX;
        }
        let mut step = Step::default();
        match shard.existing_table(self.db) {
            Some(table) if table.volatile_len() > 0 && self.bucket < table.buckets() => {
                self.sweep(keyspace, shard, table, local, now_ms, &mut step);
            }
            _ => {
                (self.db, self.bucket) = (self.db + 1, 0);
                if self.db == keyspace.databases() {
                    (self.db, self.shard) = (0, self.shard + 1);
                }
            }
        }
        shard
            .next_due_ms
            .set(shard.next_due_ms.get().min(self.due_ms));
        step
    }

    fn sweep(
        &mut self,
        keyspace: &Keyspace,
        shard: &Shard,
        table: &Table,
        local: &mut Local,
        now_ms: u64,
        step: &mut Step,
    ) {
        let end = (self.bucket + STEP_BUCKETS).min(table.buckets());
        let mut due: Vec<Pos> = Vec::new();
        for pos in table.positions(self.bucket, end - self.bucket) {
            if !table.is_volatile(pos) {
                continue;
            }
            let deadline = table.entry(pos).deadline().unwrap_or(u64::MAX);
            step.examined += 1;
            if deadline < now_ms {
                due.push(pos);
            } else {
                self.due_ms = self.due_ms.min(deadline);
            }
        }
        // From the back: removing a key pulls later ones forward, never earlier ones back. One
        // that is pulled into a vacated slot was itself looked at, and is found next time.
        for pos in due.iter().rev() {
            if table.holds(*pos) && table.is_due(*pos, now_ms) {
                step.expired += 1;
                local.tally.expired += 1;
                local.tally.expired_by_sweep += 1;
                forget(keyspace, shard, self.db, table, *pos, local);
            }
        }
        if step.expired > 0 {
            // Slots may have moved over this stretch's ends: look again soon.
            self.due_ms = self.due_ms.min(now_ms);
        }
        self.bucket = end;
    }
}
