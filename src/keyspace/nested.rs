//! Taking many locks, and transactions whose keys become known one by one: those of scripts.
//!
//! Locks are taken in ascending order, so who waits for one holds lower ones only and there is no
//! circle. A script that touches a key it did not declare needs a lock out of that order. It first
//! tries without waiting. If it must wait, it raises `Upgrades::wanted`, for one script at a time:
//! everybody who waits with locks in hand (and has written nothing yet) sees that within
//! a fraction of a millisecond, lets go of them all and starts again. So the only one that waits out
//! of order waits for somebody who runs, and who ends.

use super::keys::{Key, Keys};
use super::shard::{Guard, Guards, Shard};
use super::txn::{Held, Scope};
use super::{Hash, Keyspace, Txn};
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a script waits for another that is also waiting out of order, or whose shard it needs
/// itself: should both hold what the other needs, one of them must end.
const CROSSED_MAX: Duration = Duration::from_millis(100);

/// How long who has let go of its locks leaves them to others.
const STEP_ASIDE: Duration = Duration::from_micros(500);

/// Who may wait for a lock out of order.
#[derive(Default)]
pub struct Upgrades {
    token: Mutex<()>,
    wanted: AtomicBool,
}

impl Upgrades {
    /// Lets one script write that may yet need a lock out of order; `None` when another does, and
    /// goes on for longer than `patience`.
    pub fn reserve(&self, patience: Duration) -> Option<MutexGuard<'_, ()>> {
        self.token.try_lock_for(patience)
    }
}

/// Locks shards in ascending order. While one cannot be had, `give_up` is asked now and then.
#[inline]
pub(super) fn lock_each<'a>(
    keyspace: &'a Keyspace,
    indices: &[usize],
    give_up: &mut dyn FnMut() -> bool,
) -> Option<Guards<'a>> {
    'again: loop {
        let mut guards = Guards::of(&keyspace.shards);
        for (taken, index) in indices.iter().enumerate() {
            while !guards.add(*index, Shard::lock_briefly) {
                if give_up() {
                    return None;
                }
                if taken > 0 && keyspace.upgrades.wanted.load(Ordering::Acquire) {
                    drop(guards);
                    std::thread::sleep(STEP_ASIDE);
                    continue 'again;
                }
            }
        }
        return Some(guards);
    }
}

/// Locks every shard, likewise.
pub(super) fn lock_all<'a>(
    keyspace: &'a Keyspace,
    give_up: &mut dyn FnMut() -> bool,
) -> Option<Held<'a>> {
    let mut guards = Vec::with_capacity(keyspace.shards.len());
    while guards.len() < keyspace.shards.len() {
        match keyspace.shards[guards.len()].lock_briefly() {
            Some(guard) => guards.push(guard),
            None if give_up() => return None,
            None if keyspace.upgrades.wanted.load(Ordering::Acquire) => {
                guards.clear();
                std::thread::sleep(STEP_ASIDE);
            }
            None => {}
        }
    }
    Some(Held::All(guards))
}

impl<'a> Txn<'a> {
    /// Locks the shards of these keys, or all: for who may wait. While a lock cannot be had,
    /// `give_up` is asked every fraction of a millisecond; `None` when it says so.
    pub fn begin_until(
        scope: Scope<'a>,
        keys: Keys<'a>,
        all: bool,
        give_up: &mut dyn FnMut() -> bool,
    ) -> Option<Txn<'a>> {
        let keyspace = scope.keyspace;
        let held = if all {
            lock_all(keyspace, give_up)?
        } else {
            match &keys[..] {
                [] => Held::Walk,
                some => Held::many(keyspace, some.iter().map(|key| key.hash), give_up)?,
            }
        };
        Some(Txn::with(scope, held, keys))
    }

    /// Locks the shards of these hashes, or all, without keys yet: for `EXEC`, see
    /// [`Txn::set_command`]. Waits as [`Txn::begin_until`] does.
    pub fn begin_union(
        scope: Scope<'a>,
        hashes: Option<impl Iterator<Item = Hash>>,
        give_up: &mut dyn FnMut() -> bool,
    ) -> Option<Txn<'a>> {
        let held = match hashes {
            Some(hashes) => Held::many(scope.keyspace, hashes, give_up)?,
            None => lock_all(scope.keyspace, give_up)?,
        };
        Some(Txn::with(scope, held, Keys::new()))
    }

    /// Can the locks of these hashes' shards, or of all, be had without waiting for long?
    pub fn are_free(keyspace: &Keyspace, hashes: Option<impl Iterator<Item = Hash>>) -> bool {
        match hashes {
            Some(hashes) => Held::many(keyspace, hashes, &mut || true).is_some(),
            None => lock_all(keyspace, &mut || true).is_some(),
        }
    }

    /// The transaction of one command of a script: under the locks of this one, which must be those
    /// of all its keys.
    pub fn within<'b>(&'b mut self, db: usize, keys: Keys<'b>) -> Txn<'b> {
        Txn {
            held: Held::Outer(self.holds_all()),
            keyspace: self.keyspace,
            local: &mut *self.local,
            config: self.config,
            keys,
            db,
            now_ms: self.now_ms,
            skew_ms: self.skew_ms,
            touch: self.touch,
            ready: Vec::new(),
            all_told: false,
            may_offload: self.may_offload,
        }
    }

    /// The present time, for who had to wait for the locks.
    pub fn set_now_ms(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// May what turns out to be long be left to the pool?
    pub fn set_may_offload(&mut self, may: bool) {
        self.may_offload = may;
    }

    /// The first of these keys whose shard is not held.
    #[inline]
    pub fn missing(&self, keys: &[Key<'_>]) -> Option<usize> {
        let keyspace = self.keyspace;
        keys.iter()
            .map(|key| keyspace.shard_index(key.hash))
            .find(|index| !self.holds(&keyspace.shards[*index]))
    }

    /// The shards held, ascending; `None` is all.
    pub fn held_shards(&self) -> Option<Vec<usize>> {
        let index = |guard: &Guard<'_>| {
            let first = self.keyspace.shards.as_ptr();
            let offset = std::ptr::from_ref(guard.shard()).addr() - first.addr();
            offset / size_of::<Shard>()
        };
        match &self.held {
            Held::All(_) | Held::Outer(_) => None,
            Held::Walk => Some(Vec::new()),
            Held::One(guard) => Some(vec![index(guard)]),
            Held::Many(guards) => {
                let mut indices: Vec<usize> = guards.indices().collect();
                indices.sort_unstable();
                Some(indices)
            }
        }
    }

    /// Takes one more lock, in whatever order. `alone`: this transaction has the right to write
    /// before it has all its locks ([`Upgrades::reserve`]). False when another waits for a lock that
    /// is held here: then both would wait for ever.
    pub fn extend(&mut self, index: usize, alone: bool) -> bool {
        let keyspace = self.keyspace;
        let Some(guard) = upgrade(keyspace, index, alone) else {
            return false;
        };
        let first = self.held_shards().unwrap_or_default().first().copied();
        let mut guards = match std::mem::replace(&mut self.held, Held::Walk) {
            Held::One(guard) => {
                let mut guards = Guards::of(&keyspace.shards);
                guards.add(first.expect("one is held"), |_| Some(guard));
                guards
            }
            Held::Many(guards) => guards,
            Held::Walk => Guards::of(&keyspace.shards),
            Held::All(_) | Held::Outer(_) => unreachable!("every lock is held already"),
        };
        guards.add(index, |_| Some(guard));
        self.held = Held::Many(guards);
        true
    }

    /// Takes all locks that are missing, as [`Txn::extend`].
    pub fn extend_to_all(&mut self, alone: bool) -> bool {
        for index in 0..self.keyspace.shards.len() {
            if !self.holds(&self.keyspace.shards[index]) && !self.extend(index, alone) {
                return false;
            }
        }
        true
    }
}

/// Waits for a lock out of order.
fn upgrade(keyspace: &Keyspace, index: usize, alone: bool) -> Option<Guard<'_>> {
    let shard = &keyspace.shards[index];
    if let Some(guard) = shard.lock_briefly() {
        return Some(guard);
    }
    let upgrades = &keyspace.upgrades;
    let until = Instant::now() + CROSSED_MAX;
    let _token = if alone {
        None
    } else {
        loop {
            if let Some(token) = upgrades.token.try_lock() {
                break Some(token);
            }
            if let Some(guard) = shard.lock_briefly() {
                return Some(guard);
            }
            if Instant::now() >= until {
                return None;
            }
        }
    };
    upgrades.wanted.store(true, Ordering::Release);
    let guard = loop {
        if let Some(guard) = shard.lock_briefly() {
            break guard;
        }
    };
    upgrades.wanted.store(false, Ordering::Release);
    Some(guard)
}
