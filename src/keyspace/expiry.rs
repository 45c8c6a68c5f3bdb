//! Active expiry: finding keys whose deadline has passed before anybody asks for them.
//!
//! Each worker sweeps its share of the shards in small steps. A shard knows a moment before which
//! none of its keys expires, so most steps read one word; others read the slots and only the
//! entries of keys that have a deadline.

use super::accounts::{fit, forget_keeping_size};
use super::event::Event;
use super::shard::Shard;
use super::table::{Pos, Table};
use super::{Keyspace, Local, fields};
use smallvec::SmallVec;

/// Slots looked at in one step of a sweep: a lock is held no longer than that takes (about 20 µs).
const STEP_BUCKETS: usize = 64;

/// Where a sweep is in its round over the shards.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sweep {
    shard: usize,
    db: usize,
    /// Hash position of the next stretch: it means the same after the table has grown or shrunk.
    position: u32,
    /// Buckets of the table at the last step.
    buckets: usize,
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
        let Some(guard) = shards[index].lock_briefly() else {
            // Somebody holds it for long. One that is not begun has its turn in the next round, one
            // that is goes on in the next tick.
            let begun = self.db > 0 || self.position > 0;
            self.shard += usize::from(!begun);
            return Step {
                round_done: begun,
                ..Step::default()
            };
        };
        let shard = guard.shard();
        if self.db == 0 && self.position == 0 {
            if now_ms <= shard.next_due_ms.get() {
                self.shard += 1;
                return Step::default();
            }
            // Keys stored while this shard is being swept lower the mark again.
            shard.next_due_ms.set(u64::MAX);
            self.due_ms = u64::MAX;
        }
        let mut step = Step::default();
        let (hashes, next_field) = fields::sweep(keyspace, shard, now_ms, local);
        step.examined += hashes;
        self.due_ms = self.due_ms.min(next_field.unwrap_or(u64::MAX));
        let next = match shard.existing_table(self.db) {
            Some(table) if table.volatile_len() > 0 => {
                self.sweep(keyspace, shard, table, local, now_ms, &mut step)
            }
            _ => None,
        };
        self.position = next.unwrap_or(0);
        if next.is_none() {
            self.db += 1;
            if self.db == keyspace.databases() {
                (self.db, self.shard) = (0, self.shard + 1);
            }
        }
        shard
            .next_due_ms
            .set(shard.next_due_ms.get().min(self.due_ms));
        step
    }

    /// Sweeps a stretch of buckets; returns where the next one starts.
    fn sweep(
        &mut self,
        keyspace: &Keyspace,
        shard: &Shard,
        table: &Table,
        local: &mut Local,
        now_ms: u64,
        step: &mut Step,
    ) -> Option<u32> {
        if self.position > 0 && self.buckets != table.buckets() {
            // A key that had spilled over the end of the last stretch may now lie before this
            // one: another round soon will find it.
            self.due_ms = self.due_ms.min(now_ms);
        }
        let (first, end) = table.stretch(self.position, STEP_BUCKETS);
        let next = table.position_of(end);
        loop {
            let mut due: SmallVec<[Pos; 64]> = SmallVec::new();
            for pos in table.positions(first, end - first) {
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
            if due.is_empty() {
                break;
            }
            // From the back, since a removal pulls later slots forward. A slot pulled in from
            // beyond the stretch has not been looked at, so the stretch is looked at again.
            for pos in due.into_iter().rev() {
                if table.holds(pos) && table.is_due(pos, now_ms) {
                    step.expired += 1;
                    local.tally.expired += 1;
                    local.tally.expired_by_sweep += 1;
                    let place = (self.db, table, pos);
                    forget_keeping_size(keyspace, shard, place, Event::Expired, local);
                }
            }
        }
        if next.is_none() {
            fit(keyspace, shard, table, local);
        }
        self.buckets = table.buckets();
        next
    }
}
