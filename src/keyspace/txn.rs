//! A transaction on the keyspace: the locks of exactly the shards its keys live in, and access to
//! those keys and no others.
//!
//! Dispatch extracts a command's keys by the command's key spec, makes a `Txn` over them and hands
//! it to the handler. A [`Key`] can only come from there, so what was checked and locked is what
//! is touched. Writers owe nothing by hand: when an [`Edit`] that changed something is dropped, it
//! has accounted memory, marked watchers and recorded its event.
//!
//! Locks are taken in ascending order of shards, once. A transaction over all keys (`EXEC` with
//! `FLUSHALL` in it) takes them all; a walk takes them one after the other.

use super::accounts::forget;
use super::edit::Edit;
use super::entry::EntryRef;
use super::event::Event;
use super::eviction;
pub use super::keys::{Key, Keys};
use super::shard::{Guard, Guards, Shard};
use super::table::{Found, Table};
use super::waiting::{Request, Waiter};
use super::{Keyspace, Local, ValueRef, fields};
use crate::config::Config;
use crate::error::Error;
use crate::values::{Content, Type};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Shards of one request that are put in order without an allocation.
const SHARDS_INLINE: usize = 16;
/// A debug build looks whether a key is one of the request's, unless there are more.
const DECLARED_COMPARED_MAX: usize = 256;
const UNDECLARED: &str = "only keys of the request are touched: its user was checked for those";
/// Work on more elements than this is long: about a millisecond.
pub const LONG_ELEMENTS: usize = 10_000;

/// Which locks a transaction holds.
pub(super) enum Held<'a> {
    /// None: it walks the shards, or has no keys.
    Walk,
    One(Guard<'a>),
    Many(Guards<'a>),
    All(#[allow(dead_code)] Guards<'a>),
    /// Those of the transaction around it; `true` when that holds all.
    Outer(bool),
}

impl<'a> Held<'a> {
    /// The locks of these keys' shards.
    fn of(keyspace: &'a Keyspace, keys: &[Key<'_>]) -> Held<'a> {
        match keys {
            [] => Held::Walk,
            [key] => Held::One(keyspace.shards[keyspace.shard_index(key.hash)].lock()),
            several => {
                let hashes = several.iter().map(|key| key.hash);
                Held::many(keyspace, hashes, &mut || false).expect("waited for")
            }
        }
    }

    /// As [`Held::of`], but waits for each lock only briefly.
    #[inline]
    fn briefly(keyspace: &'a Keyspace, keys: &[Key<'_>]) -> Option<Held<'a>> {
        match keys {
            [] => Some(Held::Walk),
            [key] => {
                let shard = &keyspace.shards[keyspace.shard_index(key.hash)];
                shard.lock_briefly().map(Held::One)
            }
            several => {
                let hashes = several.iter().map(|key| key.hash);
                Held::many(keyspace, hashes, &mut || true)
            }
        }
    }
}

/// What becomes of a key's deadline when its value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// It stays as it is.
    Keep,
    /// The key no longer expires.
    Clear,
    /// The key expires at this moment, in ms on the server timeline.
    At(u64),
}

/// Access to keys under their locks. See the module's text.
pub struct Txn<'a> {
    pub(super) keyspace: &'a Keyspace,
    pub(super) local: &'a mut Local,
    pub(super) config: &'a Config,
    pub(super) held: Held<'a>,
    pub(super) keys: Keys<'a>,
    pub(super) db: usize,
    pub(super) now_ms: u64,
    pub(super) skew_ms: i64,
    pub(super) touch: bool,
    /// Keys that were changed and that somebody waits for.
    pub(super) ready: Vec<(usize, Box<[u8]>)>,
    pub(super) may_offload: bool,
    /// Were caches told that all keys have changed? Once for each command is enough.
    pub(super) all_told: bool,
}

/// What a transaction runs with.
pub struct Scope<'a> {
    /// The keyspace.
    pub keyspace: &'a Keyspace,
    /// The worker's own state.
    pub local: &'a mut Local,
    /// The configuration in force.
    pub config: &'a Config,
    /// The client's database.
    pub db: usize,
    /// Now, on the server timeline.
    pub now_ms: u64,
    /// Wall clock minus server timeline, see [`crate::base::clock::Clock::skew_ms`].
    pub skew_ms: i64,
    /// Do accesses count as use? Not for `CLIENT NO-TOUCH`.
    pub touch: bool,
}

impl<'a> Txn<'a> {
    /// Locks the shards of `keys`.
    pub fn begin(scope: Scope<'a>, keys: Keys<'a>) -> Txn<'a> {
        let held = Held::of(scope.keyspace, &keys);
        Txn::with(scope, held, keys)
    }

    /// As [`Txn::begin`] on a worker with a single key, whose shard's lock the worker has.
    #[inline(always)] // a transaction that is returned is copied
    pub fn begin_locked(scope: Scope<'a>, key: Key<'a>, lock: Guard<'a>) -> Txn<'a> {
        let mut txn = Txn::with(scope, Held::One(lock), Keys::One(key));
        txn.may_offload = true;
        txn
    }

    /// As [`Txn::begin`] on a worker: it waits for a lock only briefly, unless it has to `wait`.
    /// `None` when a shard is held for longer: the request is one for the pool.
    pub fn try_begin(scope: Scope<'a>, keys: Keys<'a>, wait: bool) -> Option<Txn<'a>> {
        let held = if wait {
            Held::of(scope.keyspace, &keys)
        } else {
            Held::briefly(scope.keyspace, &keys)?
        };
        let mut txn = Txn::with(scope, held, keys);
        txn.may_offload = true;
        Some(txn)
    }

    /// Is work on so many elements one for the pool? The handler then answers
    /// `Flow::Long` before it has done anything, and is run again there.
    /// Never on the pool itself or inside a transaction.
    pub fn is_long(&self, elements: usize) -> bool {
        elements > self.short_elements_max()
    }

    /// Most elements for which [`Txn::is_long`] does not hold: to be asked before a collection is
    /// opened.
    #[inline]
    pub fn short_elements_max(&self) -> usize {
        if self.may_offload {
            LONG_ELEMENTS
        } else {
            usize::MAX
        }
    }

    /// As [`Txn::begin_all`] on a worker: what turns out to be long is for the pool, and so is what
    /// would have to wait: `None` then.
    pub fn begin_all_on_worker(scope: Scope<'a>, keys: Keys<'a>) -> Option<Txn<'a>> {
        let held = Held::all(scope.keyspace, &mut || true)?;
        let mut txn = Txn::with(scope, held, keys);
        txn.may_offload = true;
        Some(txn)
    }

    /// A key that is none of the request's but made by it, while all shards are held (`SORT … BY`).
    pub fn made_key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        assert!(self.holds_all(), "made keys may be in any shard");
        Key::new(bytes)
    }

    /// Locks every shard.
    pub fn begin_all(scope: Scope<'a>, keys: Keys<'a>) -> Txn<'a> {
        let held = Held::all(scope.keyspace, &mut || false);
        Txn::with(scope, held.expect("waited for"), keys)
    }

    #[inline(always)]
    pub(super) fn with(scope: Scope<'a>, held: Held<'a>, keys: Keys<'a>) -> Txn<'a> {
        let Scope {
            keyspace,
            local,
            config,
            db,
            now_ms,
            skew_ms,
            touch,
        } = scope;
        Txn {
            keyspace,
            local,
            config,
            held,
            keys,
            db,
            now_ms,
            skew_ms,
            touch,
            ready: Vec::new(),
            may_offload: false,
            all_told: false,
        }
    }

    /// Is this one of the request's keys, which its user was checked for? Where a request locks
    /// everything there are keys that it makes, for who may use every key; and who looks at what
    /// nobody asked for has declared none.
    fn is_declared(&self, key: Key<'_>) -> bool {
        let own = &self.keys;
        own.is_empty()
            || own.len() > DECLARED_COMPARED_MAX
            || self.holds_all()
            || own.iter().any(|own| own.bytes == key.bytes)
    }

    /// Goes on to the next command of a transaction; its keys' shards are already held.
    pub fn set_command(&mut self, db: usize, keys: Keys<'a>) {
        self.db = db;
        self.keys = keys;
        self.all_told = false;
    }

    /// Key `index` of the request, in the order of its key spec; panics beyond the last.
    #[inline]
    pub fn key(&self, index: usize) -> Key<'a> {
        self.keys[index]
    }

    /// Number of keys of the request.
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The database of the request.
    pub fn db(&self) -> usize {
        self.db
    }

    /// Number of databases.
    pub fn databases(&self) -> usize {
        self.keyspace.databases()
    }

    /// Now, in ms on the server timeline; the same for the whole request.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// A moment of Unix time, in ms, on the server timeline; 0 when it lies before that began.
    pub fn to_timeline(&self, unix_ms: i64) -> u64 {
        let moment = i128::from(unix_ms) - i128::from(self.skew_ms);
        u64::try_from(moment.max(0)).expect("two 64-bit numbers differ by less than 2^64")
    }

    /// A moment of the server timeline as Unix time in ms.
    pub fn to_unix(&self, deadline_ms: u64) -> i64 {
        let moment = i128::from(deadline_ms) + i128::from(self.skew_ms);
        i64::try_from(moment).unwrap_or(i64::MAX)
    }

    /// Puts another configuration into force, for what follows.
    pub fn set_config(&mut self, config: &'a Config) {
        self.config = config;
    }

    /// The configuration in force.
    pub fn config(&self) -> &'a Config {
        self.config
    }

    /// The worker's own state.
    pub fn local(&mut self) -> &mut Local {
        self.local
    }

    /// The worker's randomness.
    pub fn rng(&mut self) -> &mut crate::base::random::Random {
        &mut self.local.rng
    }

    /// The keyspace, for counts.
    pub fn keyspace(&self) -> &'a Keyspace {
        self.keyspace
    }

    /// Reads a key: counted as a hit or miss, and as a use.
    pub fn read(&mut self, key: Key<'_>) -> Option<View<'_>> {
        debug_assert!(self.is_declared(key), "{UNDECLARED}");
        let Some((_, table, found)) = self.locate(self.db, key) else {
            self.missed(key);
            return None;
        };
        self.local.tally.hits += 1;
        if self.touch {
            let bits = self.used(table, &found);
            return Some(View::of(&found, bits));
        }
        Some(View::of(&found, found.evict_bits()))
    }

    fn missed(&mut self, key: Key<'_>) {
        self.local.tally.misses += 1;
        let audience = &self.keyspace.audience;
        audience.tell(Event::Miss, self.db, key.bytes);
    }

    /// Counts as a use of a key, also for clients whose accesses do not (`TOUCH`), and as a hit or
    /// miss. True when the key exists.
    pub fn touch(&mut self, key: Key<'_>) -> bool {
        debug_assert!(self.is_declared(key), "{UNDECLARED}");
        match self.locate(self.db, key) {
            Some((_, table, found)) => {
                self.local.tally.hits += 1;
                self.used(table, &found);
                true
            }
            None => {
                self.missed(key);
                false
            }
        }
    }

    /// Looks at a key without it counting as a use, as `TTL`, `TYPE` and `OBJECT` do. `counted`
    /// says whether it is a hit or miss.
    pub fn peek(&mut self, key: Key<'_>, counted: bool) -> Option<View<'_>> {
        debug_assert!(self.is_declared(key), "{UNDECLARED}");
        let found = self.locate(self.db, key);
        if counted {
            let tally = &mut self.local.tally;
            *if found.is_some() {
                &mut tally.hits
            } else {
                &mut tally.misses
            } += 1;
        }
        let (_, _, found) = found?;
        Some(View::of(&found, found.evict_bits()))
    }

    /// As [`Txn::peek`], counted, and a key that is not there is told of.
    pub fn look(&mut self, key: Key<'_>) -> Option<View<'_>> {
        if self.locate(self.db, key).is_none() {
            self.missed(key);
            return None;
        }
        self.peek(key, true)
    }

    /// Reads a key that must hold a string.
    #[inline]
    pub fn read_string(&mut self, key: Key<'_>) -> Result<Option<ValueRef<'_>>, Error> {
        match self.read(key) {
            None => Ok(None),
            Some(view) if view.kind() == Type::String => Ok(Some(view.value())),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// Opens a key for writing, whether it exists or not.
    #[inline]
    pub fn edit(&mut self, key: Key<'a>) -> Edit<'_, 'a> {
        self.edit_in(self.db, key)
    }

    /// As [`Txn::edit`], in another database (`COPY … DB`, `MOVE`).
    #[inline]
    pub fn edit_in(&mut self, db: usize, key: Key<'a>) -> Edit<'_, 'a> {
        debug_assert!(self.is_declared(key), "{UNDECLARED}");
        let pos = self.locate(db, key).map(|(_, _, found)| found.pos);
        let shard = self.shard(key);
        Edit {
            shard,
            table: shard.table(db),
            txn: self,
            key,
            db,
            pos,
            is_changed: false,
            unwatched: false,
            opened: None,
        }
    }

    /// Removes a key; true when it was there. The event is `del` unless another is given.
    pub fn remove(&mut self, key: Key<'a>, event: Event) -> bool {
        let mut edit = self.edit(key);
        let existed = edit.remove();
        if existed {
            edit.changed(event);
        }
        existed
    }

    /// Tells of an event, without declaring a change: where the order of events is not that in which
    /// keys are closed.
    pub fn tell(&self, event: Event, db: usize, key: Key<'_>) {
        self.keyspace.audience.tell(event, db, key.bytes);
    }

    /// Tells that a value of type `old` was replaced by one of type `new`, after the fact.
    pub fn tell_replaced(&self, (old, new): (Type, Type), db: usize, key: Key<'_>) {
        self.tell(Event::Overwritten, db, key);
        if old != new {
            self.tell(Event::TypeChanged, db, key);
        }
    }

    /// Registers `flag` to be set when `key` changes. True when the key exists now.
    pub fn watch(&mut self, key: Key<'_>, flag: &super::watch::DirtyFlag) -> bool {
        let exists = self.locate(self.db, key).is_some();
        if self.keyspace.watched.add(self.db, key.bytes, flag) {
            self.shard(key).watched.fetch_add(1, Relaxed);
        }
        exists
    }

    /// Is a key there and not expired? Changes nothing and counts nothing.
    pub fn exists_in(&mut self, db: usize, key: Key<'_>) -> bool {
        self.locate(db, key).is_some()
    }

    /// Visits the shards in order, each under its lock: those held if all are, else one after the
    /// other. `visit` returns false to stop.
    pub fn each_shard(&mut self, mut visit: impl FnMut(usize, &Shard, &mut Local) -> bool) {
        let all = self.holds_all();
        for (index, shard) in self.keyspace.shards.iter().enumerate() {
            let _guard = (!all).then(|| shard.lock());
            if !visit(index, shard, self.local) {
                return;
            }
        }
    }

    /// Runs `visit` on one shard under its lock.
    pub fn one_shard<T>(&mut self, index: usize, visit: impl FnOnce(&Shard, &mut Local) -> T) -> T {
        let all = self.holds_all();
        let shard = &self.keyspace.shards[index];
        let _guard = (!all).then(|| shard.lock());
        visit(shard, self.local)
    }

    /// Are all shards held, so that nothing can change between two visits?
    pub fn holds_all(&self) -> bool {
        match &self.held {
            Held::All(_) | Held::Outer(true) => true,
            Held::Many(guards) => guards.len() == self.keyspace.shards.len(),
            Held::Walk | Held::One(_) | Held::Outer(false) => false,
        }
    }

    #[inline]
    pub(super) fn shard(&self, key: Key<'_>) -> &'a Shard {
        &self.keyspace.shards[self.keyspace.shard_index(key.hash)]
    }

    /// Finds a key that has not expired; one that has is removed.
    #[inline(always)] // in the few functions that all commands go through
    fn locate(&mut self, db: usize, key: Key<'_>) -> Option<(&'a Shard, &'a Table, Found<'a>)> {
        let shard = self.shard(key);
        let table = shard.table(db);
        let found = table.look_up(key.hash, key.bytes)?;
        if found.is_volatile() || found.entry().may_have_field_deadlines() {
            return self.locate_expiring(db, key, found);
        }
        Some((shard, table, found))
    }

    /// Goes on with a key that may have expired, or a hash that may have fields that have: they are
    /// removed first.
    #[inline(never)]
    fn locate_expiring(
        &mut self,
        db: usize,
        key: Key<'_>,
        found: Found<'a>,
    ) -> Option<(&'a Shard, &'a Table, Found<'a>)> {
        let shard = self.shard(key);
        let table = shard.table(db);
        if found.is_volatile() && table.is_due(found.pos, self.now_ms) {
            self.local.tally.expired += 1;
            let place = (db, table, found.pos);
            forget(self.keyspace, shard, place, Event::Expired, self.local);
            return None;
        }
        let due = fields::due_of(found.entry());
        if due.is_none_or(|due| self.now_ms <= due) {
            return Some((shard, table, found));
        }
        fields::purge(
            self.keyspace,
            shard,
            (db, found.pos),
            self.now_ms,
            self.local,
        );
        let found = table.look_up(key.hash, key.bytes)?;
        Some((shard, table, found))
    }

    /// Notes a use of a key; returns the policy's bits as they are then.
    #[inline]
    fn used(&mut self, table: &Table, found: &Found<'_>) -> u16 {
        table.touch(found, seconds(self.now_ms));
        let bits = found.evict_bits();
        if !self.local.settings.records_use() {
            return bits;
        }
        let bits = eviction::used(bits, self.local, self.now_ms);
        table.set_evict_bits(found.pos, bits);
        table.evict_bits(found.pos)
    }
}

impl<'a> Txn<'a> {
    /// Was a key changed that somebody waits for?
    #[inline]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// A key that was changed and that somebody waits for, each once, in the order of the changes.
    pub fn next_ready(&mut self) -> Option<(usize, Box<[u8]>)> {
        (!self.ready.is_empty()).then(|| self.ready.remove(0))
    }

    /// The type of a key of any database, if it exists; its shard is held.
    pub fn kind_in(&mut self, db: usize, key: Key<'_>) -> Option<Type> {
        let (_, _, found) = self.locate(db, key)?;
        Some(found.entry().kind())
    }

    /// Registers the request of this transaction as waiting for its keys.
    pub fn wait(&mut self, request: Request) -> Arc<Waiter> {
        let keys = self.keys.iter().map(|key| key.bytes.into()).collect();
        let waiter = Arc::new(Waiter::new(request, (self.db, self.touch), keys));
        self.keyspace.begin_waiting(&waiter);
        waiter
    }

    /// A transaction inside this one, for a request of another client. `None` when a shard it needs
    /// beyond those held is busy: waiting for it could wait for ever.
    pub fn lend<'b>(&'b mut self, (db, touch): (usize, bool), keys: Keys<'b>) -> Option<Txn<'b>> {
        let keyspace = self.keyspace;
        let mut more = Guards::of(&keyspace.shards);
        for key in keys.iter() {
            let index = keyspace.shard_index(key.hash);
            let shard = &keyspace.shards[index];
            if !self.holds(shard) && !more.holds(shard) && !more.add(index, Shard::try_lock) {
                return None;
            }
        }
        Some(Txn {
            keyspace,
            local: &mut *self.local,
            config: self.config,
            held: Held::Many(more),
            keys,
            db,
            now_ms: self.now_ms,
            skew_ms: self.skew_ms,
            touch,
            ready: Vec::new(),
            may_offload: false,
            all_told: false,
        })
    }

    /// Takes over what a transaction inside this one has made ready.
    pub fn add_ready(&mut self, ready: Vec<(usize, Box<[u8]>)>) {
        for key in ready {
            if !self.ready.contains(&key) {
                self.ready.push(key);
            }
        }
    }

    /// What was made ready so far.
    pub fn take_ready(&mut self) -> Vec<(usize, Box<[u8]>)> {
        std::mem::take(&mut self.ready)
    }

    /// Notes a change of a key that somebody may wait for.
    #[cold]
    pub(super) fn note_ready(&mut self, db: usize, key: &[u8]) {
        let noted = |(at, name): &(usize, Box<[u8]>)| *at == db && **name == *key;
        if self.keyspace.waiting.has(db, key) && !self.ready.iter().any(noted) {
            self.ready.push((db, key.into()));
        }
    }

    pub(super) fn holds(&self, shard: &Shard) -> bool {
        match &self.held {
            Held::Walk => false,
            Held::One(guard) => std::ptr::eq(guard.shard(), shard),
            Held::Many(guards) => guards.holds(shard),
            Held::All(_) | Held::Outer(_) => true,
        }
    }
}

/// The order in which locks are taken, each once.
pub(super) fn ascending(indices: impl Iterator<Item = usize>) -> SmallVec<[usize; SHARDS_INLINE]> {
    let mut indices: SmallVec<[usize; SHARDS_INLINE]> = indices.collect();
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// Seconds of use, as entries keep them.
#[inline]
pub fn seconds(now_ms: u64) -> u32 {
    (now_ms / 1000) as u32 & super::entry::SECONDS_MASK
}

/// A key that was read.
#[derive(Clone, Copy)]
pub struct View<'t> {
    pub(super) entry: EntryRef<'t>,
    pub(super) bits: u16,
}

impl<'t> View<'t> {
    #[inline]
    fn of(found: &Found<'t>, bits: u16) -> View<'t> {
        View {
            entry: found.entry(),
            bits,
        }
    }

    /// Elements of a large collection; 0 of anything that is in its entry.
    pub fn elements(self) -> usize {
        match self.kind() {
            Type::String => 0,
            _ => match self.content() {
                Content::Packed(..) => 0,
                Content::Big(big) => big.held(),
            },
        }
    }

    /// The collection. The caller has seen that it is one.
    pub fn content(self) -> Content<'t> {
        self.entry.content()
    }

    /// The string. The caller has seen that it is one.
    #[inline]
    pub fn value(self) -> ValueRef<'t> {
        self.entry.value()
    }

    /// The string, if it is one.
    #[inline]
    pub fn string(self) -> Option<ValueRef<'t>> {
        (self.kind() == Type::String).then(|| self.value())
    }

    /// Its type.
    #[inline]
    pub fn kind(self) -> Type {
        self.entry.kind()
    }

    /// When the key expires, in ms on the server timeline.
    pub fn deadline(self) -> Option<u64> {
        self.entry.deadline()
    }

    /// Bytes the key takes from the allocator, its share of the table not included.
    pub fn size_bytes(self) -> usize {
        self.entry.size_bytes()
    }

    /// See `Entry::is_raw`.
    pub fn is_raw(self) -> bool {
        self.entry.is_raw()
    }

    /// Seconds since the key was last used.
    pub fn idle_seconds(self, now_ms: u64) -> u32 {
        seconds(now_ms).wrapping_sub(self.entry.used_seconds()) & super::entry::SECONDS_MASK
    }

    /// The eviction policy's bits.
    pub fn evict_bits(self) -> u16 {
        self.bits
    }
}
