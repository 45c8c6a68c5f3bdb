//! Taking many locks, and transactions whose keys become known one by one: those of scripts.
//!
//! **In order.** Locks are taken in ascending order, so who waits for one holds lower ones only and
//! there is no circle. Nothing is written before all are held, so who waits can let go of those it has
//! and start again. It does after about a millisecond, for a shard that is held for that long would
//! hold up everybody who wants the others; and at once while somebody waits out of order.
//!
//! **Out of order.** A script that touches a key it did not declare needs a lock out of that order,
//! and can let go of nothing once it, or the `EXEC` it is part of, has written. Who waits so stands in
//! [`Upgrades`] with what it holds and what it wants. Before it begins to wait it follows, from holder
//! to want, who waits for whom: were that a circle, it gets an error instead. Each such check is made
//! under one lock, so there never is a circle among those who wait out of order: the last of such a
//! chain waits for somebody who runs, and ends, or who waits in order, and lets go.
//!
//! **The token** makes that error rare: scripts that may yet stray write only while they hold it
//! ([`Upgrades::reserve`]), one at a time, so that two of them cannot want what the other holds. Nobody
//! waits for it who holds a lock, and who has run for long lets go of it.

use super::keys::{Key, Keys};
use super::shard::{Guard, Guards, Shard};
use super::txn::{Held, Scope, ascending};
use super::{Hash, Keyspace, Txn};
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long who has let go of its locks leaves them to others.
const STEP_ASIDE: Duration = Duration::from_micros(500);

/// How long who has the token waits for locks, before it lets others have it.
const RESERVED_WAIT_MAX: Duration = Duration::from_millis(20);

/// Attempts on a lock, of 0.3 ms, before those that are held already are let go of; twice as many each
/// time, so that who wants many gets them in the end.
const ATTEMPTS_MIN: u32 = 4;

/// Who waits for a lock out of order.
#[derive(Default)]
pub struct Upgrades {
    token: Mutex<()>,
    waits: Mutex<Waits>,
    /// How many wait.
    wanted: AtomicUsize,
}

#[derive(Default)]
struct Waits {
    all: Vec<Wait>,
    next: u64,
}

/// One that waits out of order.
struct Wait {
    id: u64,
    wants: usize,
    holds: Vec<usize>,
}

/// Why a lock could not be had out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotExtended {
    /// Its holder waits, itself or through others, for a lock that is held here.
    Crossed,
    /// It was told to give up.
    GaveUp,
}

impl Upgrades {
    /// Lets one script write that may yet need a lock out of order; `None` when another does, for
    /// longer than `patience`. To be asked by who holds no lock, or has no patience.
    pub fn reserve(&self, patience: Duration) -> Option<MutexGuard<'_, ()>> {
        self.token.try_lock_for(patience)
    }

    fn are_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire) > 0
    }

    /// Notes who is about to wait; `None` when it would wait for itself.
    fn enter(&self, wants: usize, holds: Vec<usize>) -> Option<u64> {
        let mut waits = self.waits.lock();
        if waits.close_circle(wants, &holds) {
            return None;
        }
        let id = waits.next;
        waits.next += 1;
        waits.all.push(Wait { id, wants, holds });
        self.wanted.fetch_add(1, Ordering::Release);
        Some(id)
    }

    fn leave(&self, id: u64) {
        self.waits.lock().all.retain(|wait| wait.id != id);
        self.wanted.fetch_sub(1, Ordering::Release);
    }
}

impl Waits {
    /// Would who holds these and waits for that one wait for itself?
    fn close_circle(&self, wants: usize, holds: &[usize]) -> bool {
        let mut wanted = wants;
        for _ in &self.all {
            let holder = self.all.iter().find(|wait| wait.holds.contains(&wanted));
            match holder {
                None => return false,
                Some(holder) if holds.contains(&holder.wants) => return true,
                Some(holder) => wanted = holder.wants,
            }
        }
        false
    }
}

/// Locks shards, given in ascending order. While one cannot be had, `give_up` is asked now and then.
#[inline]
fn lock_each<'a>(
    keyspace: &'a Keyspace,
    indices: impl Iterator<Item = usize> + Clone,
    give_up: &mut dyn FnMut() -> bool,
) -> Option<Guards<'a>> {
    let mut attempts_max = ATTEMPTS_MIN;
    'again: loop {
        let mut guards = Guards::of(&keyspace.shards);
        for index in indices.clone() {
            let mut attempts = 0;
            while !guards.add(index, Shard::lock_briefly) {
                if give_up() {
                    return None;
                }
                attempts += 1;
                let lets_go = attempts >= attempts_max || keyspace.upgrades.are_wanted();
                if lets_go && guards.len() > 0 {
                    drop(guards);
                    attempts_max = attempts_max.saturating_mul(2);
                    if !step_aside(keyspace, index, give_up) {
                        return None;
                    }
                    continue 'again;
                }
            }
        }
        return Some(guards);
    }
}

/// Waits, with no lock in hand, until this shard is free; false when told to give up.
#[cold]
fn step_aside(keyspace: &Keyspace, index: usize, give_up: &mut dyn FnMut() -> bool) -> bool {
    if keyspace.upgrades.are_wanted() {
        std::thread::sleep(STEP_ASIDE);
    }
    while keyspace.shards[index].lock_briefly().is_none() {
        if give_up() {
            return false;
        }
    }
    true
}

impl<'a> Held<'a> {
    /// The locks of these hashes' shards.
    pub(super) fn many(
        keyspace: &'a Keyspace,
        hashes: impl Iterator<Item = Hash>,
        give_up: &mut dyn FnMut() -> bool,
    ) -> Option<Held<'a>> {
        let indices = ascending(hashes.map(|hash| keyspace.shard_index(hash)));
        lock_each(keyspace, indices.iter().copied(), give_up).map(Held::Many)
    }

    /// The locks of all shards.
    pub(super) fn all(
        keyspace: &'a Keyspace,
        give_up: &mut dyn FnMut() -> bool,
    ) -> Option<Held<'a>> {
        lock_each(keyspace, 0..keyspace.shards.len(), give_up).map(Held::All)
    }
}

/// Locks that are held before there is a transaction.
pub struct Locks<'a>(Held<'a>);

impl<'a> Locks<'a> {
    /// The locks of these hashes' shards, or of all. While one cannot be had, `give_up` is asked every
    /// fraction of a millisecond; `None` when it says so.
    pub fn of(
        keyspace: &'a Keyspace,
        hashes: Option<impl Iterator<Item = Hash>>,
        give_up: &mut dyn FnMut() -> bool,
    ) -> Option<Locks<'a>> {
        let held = match hashes {
            Some(hashes) => Held::many(keyspace, hashes, give_up)?,
            None => Held::all(keyspace, give_up)?,
        };
        Some(Locks(held))
    }

    /// As [`Locks::of`], with the right of [`Upgrades::reserve`], however long both take.
    pub fn reserved(
        keyspace: &'a Keyspace,
        hashes: Option<impl Iterator<Item = Hash> + Clone>,
        give_up: &mut dyn FnMut() -> bool,
    ) -> Option<(Locks<'a>, MutexGuard<'a, ()>)> {
        let upgrades = &keyspace.upgrades;
        loop {
            let token = loop {
                if let Some(token) = upgrades.reserve(RESERVED_WAIT_MAX) {
                    break token;
                }
                if give_up() {
                    return None;
                }
            };
            let until = Instant::now() + RESERVED_WAIT_MAX;
            let mut give_up_soon = || give_up() || Instant::now() >= until;
            if let Some(locks) = Locks::of(keyspace, hashes.clone(), &mut give_up_soon) {
                return Some((locks, token));
            }
            drop(token);
            // Somebody has them for long: the token is for others meanwhile.
            let locks = Locks::of(keyspace, hashes.clone(), give_up)?;
            if let Some(token) = upgrades.reserve(Duration::ZERO) {
                return Some((locks, token));
            }
        }
    }
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
            Held::all(keyspace, give_up)?
        } else {
            match &keys[..] {
                [] => Held::Walk,
                some => Held::many(keyspace, some.iter().map(|key| key.hash), give_up)?,
            }
        };
        Some(Txn::with(scope, held, keys))
    }

    /// A transaction under these locks. For `EXEC` without keys yet, see [`Txn::set_command`].
    pub fn under(scope: Scope<'a>, locks: Locks<'a>, keys: Keys<'a>) -> Txn<'a> {
        Txn::with(scope, locks.0, keys)
    }

    /// Can the locks of these hashes' shards be had without waiting for long?
    pub fn are_free(keyspace: &Keyspace, hashes: impl Iterator<Item = Hash>) -> bool {
        Held::many(keyspace, hashes, &mut || true).is_some()
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
        match &self.held {
            Held::All(_) | Held::Outer(_) => None,
            Held::Walk => Some(Vec::new()),
            Held::One(guard) => Some(vec![self.index_of(guard)]),
            Held::Many(guards) => {
                let mut indices: Vec<usize> = guards.indices().collect();
                indices.sort_unstable();
                Some(indices)
            }
        }
    }

    fn index_of(&self, guard: &Guard<'_>) -> usize {
        let first = self.keyspace.shards.as_ptr();
        let offset = std::ptr::from_ref(guard.shard()).addr() - first.addr();
        offset / size_of::<Shard>()
    }

    /// The shards that are not held.
    pub fn missing_shards(&self) -> Vec<usize> {
        let Some(held) = self.held_shards() else {
            return Vec::new();
        };
        let all = 0..self.keyspace.shards.len();
        all.filter(|index| held.binary_search(index).is_err())
            .collect()
    }

    /// Takes one more lock, of a shard that is not held, in whatever order. While it cannot be had,
    /// `give_up` is asked every fraction of a millisecond.
    pub fn extend(
        &mut self,
        index: usize,
        give_up: &mut dyn FnMut() -> bool,
    ) -> Result<(), NotExtended> {
        let keyspace = self.keyspace;
        let guard = match keyspace.shards[index].lock_briefly() {
            Some(guard) => guard,
            None => self.upgrade(index, give_up)?,
        };
        let mut guards = match std::mem::replace(&mut self.held, Held::Walk) {
            Held::One(guard) => {
                let mut guards = Guards::of(&keyspace.shards);
                guards.add(self.index_of(&guard), |_| Some(guard));
                guards
            }
            Held::Many(guards) => guards,
            Held::Walk => Guards::of(&keyspace.shards),
            Held::All(_) | Held::Outer(_) => unreachable!("every lock is held already"),
        };
        guards.add(index, |_| Some(guard));
        self.held = if guards.len() == keyspace.shards.len() {
            Held::All(guards)
        } else {
            Held::Many(guards)
        };
        Ok(())
    }

    /// Waits for a lock out of order.
    #[cold]
    fn upgrade(
        &self,
        index: usize,
        give_up: &mut dyn FnMut() -> bool,
    ) -> Result<Guard<'a>, NotExtended> {
        let keyspace = self.keyspace;
        let holds = self.held_shards().unwrap_or_default();
        let upgrades = &keyspace.upgrades;
        let id = upgrades.enter(index, holds).ok_or(NotExtended::Crossed)?;
        let guard = loop {
            if let Some(guard) = keyspace.shards[index].lock_briefly() {
                break Ok(guard);
            }
            if give_up() {
                break Err(NotExtended::GaveUp);
            }
        };
        upgrades.leave(id);
        guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::keyspace::{Local, Settings, eviction::Policy};
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Barrier, LazyLock};

    static CONFIG: LazyLock<Config> = LazyLock::new(Config::default);
    const SETTINGS: Settings = Settings {
        policy: Policy::Noeviction,
        samples: 5,
        lfu_log_factor: 10,
        lfu_decay_minutes: 1,
    };

    fn keyspace() -> Keyspace {
        Keyspace::new(4, 1, 1, SETTINGS)
    }

    /// Runs `work` on a transaction that holds one shard.
    fn holding(keyspace: &Keyspace, index: usize, work: impl FnOnce(&mut Txn<'_>)) {
        let scope = Scope {
            keyspace,
            local: &mut Local::new(0, SETTINGS),
            config: &CONFIG,
            db: 0,
            now_ms: 1,
            skew_ms: 0,
            touch: true,
        };
        let held = Held::One(keyspace.shards[index].lock());
        work(&mut Txn::with(scope, held, Keys::new()));
    }

    /// Never gives up; tells when it is asked for the first time, since then its asker waits.
    fn patiently(waits: Sender<()>) -> impl FnMut() -> bool {
        let mut waits = Some(waits);
        move || {
            if let Some(waits) = waits.take() {
                waits.send(()).expect("the test listens");
            }
            false
        }
    }

    #[test]
    fn who_would_close_a_circle_is_told_and_the_others_go_on() {
        let keyspace = keyspace();
        let all_hold = Barrier::new(3);
        std::thread::scope(|scope| {
            let (sender, waiting) = channel();
            // 0 waits for 1, that for 2.
            for index in [0, 1] {
                let (keyspace, all_hold, sender) = (&keyspace, &all_hold, sender.clone());
                scope.spawn(move || {
                    holding(keyspace, index, |txn| {
                        all_hold.wait();
                        let extended = txn.extend(index + 1, &mut patiently(sender));
                        assert_eq!(extended, Ok(()));
                        assert_eq!(txn.held_shards(), Some(vec![index, index + 1]));
                    });
                });
            }
            holding(&keyspace, 2, |txn| {
                all_hold.wait();
                waiting.recv().expect("one waits");
                waiting.recv().expect("two wait");
                let never = &mut || unreachable!("a circle is seen at once");
                assert_eq!(txn.extend(0, never), Err(NotExtended::Crossed));
                assert_eq!(txn.extend(1, never), Err(NotExtended::Crossed));
                // What nobody holds is no circle.
                assert_eq!(txn.extend(3, never), Ok(()));
            });
        });
        assert_eq!(keyspace.upgrades.wanted.load(Ordering::Acquire), 0);
    }

    #[test]
    fn who_waits_in_order_lets_go_for_who_cannot() {
        let keyspace = keyspace();
        let (sender, waiting) = channel();
        std::thread::scope(|scope| {
            holding(&keyspace, 3, |txn| {
                let in_order = || lock_each(&keyspace, 0..4, &mut patiently(sender)).is_some();
                let in_order = scope.spawn(in_order);
                waiting.recv().expect("it holds what is below");
                let mut missing = txn.missing_shards();
                missing.reverse();
                for index in missing {
                    assert_eq!(txn.extend(index, &mut || false), Ok(()));
                }
                assert!(txn.holds_all() && !in_order.is_finished());
            });
        });
    }

    #[test]
    fn who_waits_for_long_holds_up_nobody() {
        let keyspace = keyspace();
        let (sender, waiting) = channel();
        std::thread::scope(|scope| {
            let long = keyspace.shards[2].lock();
            let waiter =
                scope.spawn(|| lock_each(&keyspace, 0..3, &mut patiently(sender)).is_some());
            waiting.recv().expect("it holds what is below");
            // While it waits alone it takes none of them again.
            for index in [0, 1] {
                drop(keyspace.shards[index].lock());
            }
            assert!(!waiter.is_finished());
            drop(long);
            assert!(waiter.join().expect("no panic"));
        });
    }

    #[test]
    fn who_gives_up_leaves_no_trace() {
        let keyspace = keyspace();
        let other = keyspace.shards[1].lock();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                holding(&keyspace, 0, |txn| {
                    assert_eq!(txn.extend(1, &mut || true), Err(NotExtended::GaveUp));
                    assert_eq!(txn.held_shards(), Some(vec![0]));
                });
            });
        });
        assert!(keyspace.upgrades.waits.lock().all.is_empty());
        assert_eq!(keyspace.upgrades.wanted.load(Ordering::Acquire), 0);
        drop(other);
    }

    #[test]
    fn the_token_is_not_kept_from_others_by_who_waits_for_locks() {
        let keyspace = keyspace();
        let all = None::<std::iter::Empty<Hash>>;
        let (sender, waiting) = channel();
        std::thread::scope(|scope| {
            let held = keyspace.shards[0].lock();
            let waiter = scope.spawn(|| {
                Locks::reserved(&keyspace, all.clone(), &mut patiently(sender)).is_some()
            });
            waiting.recv().expect("it waits");
            let token = keyspace.upgrades.reserve(Duration::from_secs(60));
            let token = token.expect("let go of");
            drop(held);
            // It may have the locks, but waits with none in hand.
            for shard in &keyspace.shards {
                drop(shard.lock());
            }
            assert!(!waiter.is_finished());
            drop(token);
            assert!(waiter.join().expect("no panic"));
        });
    }
}
