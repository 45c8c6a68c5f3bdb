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

use super::accounts::{account_in, forget};
use super::entry::{Entry, EntryRef};
use super::eviction;
use super::shard::{Guard, Shard};
use super::table::{Pos, Table};
use super::{Hash, Keyspace, Local, NewValue, ValueRef, hash_key};
use crate::config::Config;
use crate::error::Error;
use crate::protocol::output::Blob;
use crate::values::Type;
use smallvec::SmallVec;

/// Keys of one request that need no allocation.
const KEYS_INLINE: usize = 16;

/// A key of the request being executed, with its hash.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    bytes: &'a [u8],
    hash: Hash,
}

impl<'a> Key<'a> {
    /// Hashes a key. Only dispatch makes keys; handlers get theirs from [`Txn::key`].
    pub fn new(bytes: &'a [u8]) -> Key<'a> {
        Key {
            bytes,
            hash: hash_key(bytes),
        }
    }

    /// With a hash computed before.
    pub fn hashed(bytes: &'a [u8], hash: Hash) -> Key<'a> {
        Key { bytes, hash }
    }

    /// The key itself.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Its hash.
    pub fn hash(self) -> Hash {
        self.hash
    }
}

/// The keys of a request.
pub type Keys<'a> = SmallVec<[Key<'a>; 4]>;

/// Which locks a transaction holds.
enum Held<'a> {
    /// None: it walks the shards, or has no keys.
    Walk,
    One(#[allow(dead_code)] Guard<'a>),
    Many(#[allow(dead_code)] SmallVec<[Guard<'a>; KEYS_INLINE]>),
    All(#[allow(dead_code)] Vec<Guard<'a>>),
}

/// What happened to a key, by the class of `notify-keyspace-events` it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Class `g`: any type.
    Generic(&'static str),
    /// Class `$`.
    String(&'static str),
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
    keyspace: &'a Keyspace,
    local: &'a mut Local,
    config: &'a Config,
    held: Held<'a>,
    keys: Keys<'a>,
    db: usize,
    now_ms: u64,
    skew_ms: i64,
    touch: bool,
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
    #[inline]
    pub fn begin(scope: Scope<'a>, keys: Keys<'a>) -> Txn<'a> {
        let keyspace = scope.keyspace;
        let shard = |key: &Key<'_>| keyspace.shard_index(key.hash);
        let held = match keys.as_slice() {
            [] => Held::Walk,
            [key] => Held::One(keyspace.shards[shard(key)].lock()),
            several => lock_many(keyspace, several.iter().map(shard)),
        };
        Txn::with(scope, held, keys)
    }

    /// Locks the shards of all `hashes`, without keys yet: for `EXEC`, see [`Txn::set_command`].
    pub fn begin_union(scope: Scope<'a>, hashes: impl Iterator<Item = Hash>) -> Txn<'a> {
        let keyspace = scope.keyspace;
        let held = lock_many(keyspace, hashes.map(|hash| keyspace.shard_index(hash)));
        Txn::with(scope, held, Keys::new())
    }

    /// Locks every shard.
    pub fn begin_all(scope: Scope<'a>, keys: Keys<'a>) -> Txn<'a> {
        let held = Held::All(scope.keyspace.shards.iter().map(Shard::lock).collect());
        Txn::with(scope, held, keys)
    }

    fn with(scope: Scope<'a>, held: Held<'a>, keys: Keys<'a>) -> Txn<'a> {
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
        }
    }

    /// Goes on to the next command of a transaction; its keys' shards are already held.
    pub fn set_command(&mut self, db: usize, keys: Keys<'a>) {
        self.db = db;
        self.keys = keys;
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
    #[inline]
    pub fn read(&mut self, key: Key<'_>) -> Option<View<'_>> {
        let found = self.locate(self.db, key);
        match found {
            Some((shard, table, pos)) => {
                self.local.tally.hits += 1;
                if self.touch {
                    self.used(shard, table, pos);
                }
                Some(View {
                    entry: table.entry(pos),
                    bits: table.evict_bits(pos),
                })
            }
            None => {
                self.local.tally.misses += 1;
                None
            }
        }
    }

    /// Counts as a use of a key, also for clients whose accesses do not (`TOUCH`), and as a hit or
    /// miss. True when the key exists.
    pub fn touch(&mut self, key: Key<'_>) -> bool {
        match self.locate(self.db, key) {
            Some((shard, table, pos)) => {
                self.local.tally.hits += 1;
                self.used(shard, table, pos);
                true
            }
            None => {
                self.local.tally.misses += 1;
                false
            }
        }
    }

    /// Looks at a key without it counting as a use, as `TTL`, `TYPE` and `OBJECT` do. `counted`
    /// says whether it is a hit or miss.
    pub fn peek(&mut self, key: Key<'_>, counted: bool) -> Option<View<'_>> {
        let found = self.locate(self.db, key);
        if counted {
            let tally = &mut self.local.tally;
            *if found.is_some() {
                &mut tally.hits
            } else {
                &mut tally.misses
            } += 1;
        }
        let (_, table, pos) = found?;
        Some(View {
            entry: table.entry(pos),
            bits: table.evict_bits(pos),
        })
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
        let pos = self.locate(db, key).map(|(_, _, pos)| pos);
        let shard = self.shard(key);
        Edit {
            shard,
            table: shard.table(db),
            txn: self,
            key,
            db,
            pos,
            event: None,
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

    /// Registers `flag` to be set when `key` changes. True when the key exists now.
    pub fn watch(&mut self, key: Key<'_>, flag: &super::watch::DirtyFlag) -> bool {
        let exists = self.locate(self.db, key).is_some();
        if self.keyspace.watched.add(self.db, key.bytes, flag) {
            let watched = &self.shard(key).watched;
            watched.set(watched.get() + 1);
        }
        exists
    }

    /// Takes one registration back.
    pub fn unwatch(&mut self, db: usize, key: Key<'_>, flag: &super::watch::DirtyFlag) {
        if self.keyspace.watched.remove(db, key.bytes, flag) {
            let watched = &self.shard(key).watched;
            watched.set(watched.get() - 1);
        }
    }

    /// Is a key there and not expired? Changes nothing and counts nothing.
    pub fn exists_in(&mut self, db: usize, key: Key<'_>) -> bool {
        self.locate(db, key).is_some()
    }

    /// Visits the shards in order, each under its lock: those held if all are, else one after the
    /// other. `visit` returns false to stop.
    pub fn each_shard(&mut self, mut visit: impl FnMut(usize, &Shard, &mut Local) -> bool) {
        let all = matches!(self.held, Held::All(_));
        for (index, shard) in self.keyspace.shards.iter().enumerate() {
            let _guard = (!all).then(|| shard.lock());
            if !visit(index, shard, self.local) {
                return;
            }
        }
    }

    /// Runs `visit` on one shard under its lock.
    pub fn one_shard<T>(&mut self, index: usize, visit: impl FnOnce(&Shard, &mut Local) -> T) -> T {
        let all = matches!(self.held, Held::All(_));
        let shard = &self.keyspace.shards[index];
        let _guard = (!all).then(|| shard.lock());
        visit(shard, self.local)
    }

    /// Are all shards held, so that nothing can change between two visits?
    pub fn holds_all(&self) -> bool {
        matches!(self.held, Held::All(_))
    }

    fn shard(&self, key: Key<'_>) -> &'a Shard {
        &self.keyspace.shards[self.keyspace.shard_index(key.hash)]
    }

    /// Finds a key that has not expired; one that has is removed.
    #[inline]
    fn locate(&mut self, db: usize, key: Key<'_>) -> Option<(&'a Shard, &'a Table, Pos)> {
        let shard = self.shard(key);
        let table = shard.table(db);
        let pos = table.find(key.hash, key.bytes)?;
        if table.is_volatile(pos) && table.is_due(pos, self.now_ms) {
            self.local.tally.expired += 1;
            forget(self.keyspace, shard, db, table, pos, self.local);
            return None;
        }
        Some((shard, table, pos))
    }

    #[inline]
    fn used(&mut self, shard: &Shard, table: &Table, pos: Pos) {
        table.entry_mut(pos).touch(seconds(self.now_ms));
        if self.local.settings.records_use() {
            let bits = table.evict_bits(pos);
            table.set_evict_bits(
                pos,
                eviction::used(shard, table, bits, self.local, self.now_ms),
            );
        }
    }
}

fn lock_many<'a>(keyspace: &'a Keyspace, indices: impl Iterator<Item = usize>) -> Held<'a> {
    let mut indices: SmallVec<[usize; KEYS_INLINE]> = indices.collect();
    indices.sort_unstable();
    indices.dedup();
    Held::Many(
        indices
            .into_iter()
            .map(|index| keyspace.shards[index].lock())
            .collect(),
    )
}

/// Seconds of use, as entries keep them.
pub fn seconds(now_ms: u64) -> u32 {
    (now_ms / 1000) as u32 & super::entry::SECONDS_MASK
}

/// A key that was read.
#[derive(Clone, Copy)]
pub struct View<'t> {
    entry: EntryRef<'t>,
    bits: u16,
}

impl<'t> View<'t> {
    /// The value.
    #[inline]
    pub fn value(self) -> ValueRef<'t> {
        self.entry.value()
    }

    /// Its type.
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

    /// See [`Entry::is_raw`].
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

/// A key opened for writing.
pub struct Edit<'t, 'a> {
    txn: &'t mut Txn<'a>,
    shard: &'a Shard,
    table: &'a Table,
    key: Key<'a>,
    db: usize,
    pos: Option<Pos>,
    event: Option<Event>,
}

impl Edit<'_, '_> {
    /// The key as it is now, if it exists.
    pub fn view(&self) -> Option<View<'_>> {
        let pos = self.pos?;
        Some(View {
            entry: self.table.entry(pos),
            bits: self.table.evict_bits(pos),
        })
    }

    /// The string as it is now; an error for another type.
    pub fn string(&self) -> Result<Option<ValueRef<'_>>, Error> {
        match self.view() {
            None => Ok(None),
            Some(view) if view.kind() == Type::String => Ok(Some(view.value())),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// Does the key exist?
    pub fn exists(&self) -> bool {
        self.pos.is_some()
    }

    /// Now, in ms on the server timeline.
    pub fn now_ms(&self) -> u64 {
        self.txn.now_ms
    }

    /// Declares what was done; without it, nothing is taken to have changed.
    pub fn changed(&mut self, event: Event) {
        self.event = Some(event);
    }

    /// Stores a value, in place where it fits.
    pub fn store(&mut self, value: NewValue<'_>, ttl: Ttl) {
        let deadline = match ttl {
            Ttl::Keep => self.view().and_then(View::deadline),
            Ttl::Clear => None,
            Ttl::At(deadline) => Some(deadline),
        };
        let seconds = seconds(self.txn.now_ms);
        if let Some(pos) = self.pos
            && self
                .table
                .entry_mut(pos)
                .overwrite(value, deadline, seconds)
        {
            self.note_deadline(deadline);
            return self.used(pos);
        }
        self.put(Entry::new(self.key.bytes, value, deadline, seconds));
    }

    /// Counts as a use of the key, if the client's accesses do: for writers that leave the value.
    pub fn touch(&mut self) {
        if let (true, Some(pos)) = (self.txn.touch, self.pos) {
            self.touched(pos);
        }
    }

    /// Changes the deadline; the key exists.
    pub fn set_deadline(&mut self, deadline: Option<u64>) {
        let pos = self.pos.expect("the caller has seen that the key exists");
        self.note_deadline(deadline);
        if self.table.entry_mut(pos).set_deadline_in_place(deadline) {
            return;
        }
        let entry = self.table.entry(pos);
        let value = again(entry.value(), entry.is_raw());
        let renewed = Entry::new(self.key.bytes, value, deadline, entry.used_seconds());
        self.put(renewed);
    }

    /// Removes the key; true when it was there.
    pub fn remove(&mut self) -> bool {
        self.take().is_some()
    }

    /// Takes the key's entry out, to be stored under another key or in another database.
    pub fn take(&mut self) -> Option<Taken> {
        let pos = self.pos.take()?;
        let bits = self.table.evict_bits(pos);
        let arrays = self.table.array_bytes();
        let entry = self.table.remove(pos, &self.txn.keyspace.garbage);
        let freed = entry.size_bytes() as i64 + arrays as i64 - self.table.array_bytes() as i64;
        account_in(self.shard, self.table, self.txn.local, -freed);
        Some(Taken { entry, bits })
    }

    /// Stores what was taken from another key (or the same key of another database), with its
    /// deadline and its frequency of use.
    pub fn put_taken(&mut self, taken: &Taken) {
        let Taken { entry, bits } = taken;
        let ttl = entry.deadline().map_or(Ttl::Clear, Ttl::At);
        self.store(again(entry.value(), entry.is_raw()), ttl);
        // Other policies' bits mean something in their own shard only.
        if let (true, Some(pos)) = (self.txn.local.settings.is_lfu(), self.pos) {
            self.table.set_evict_bits(pos, *bits);
        }
    }

    /// Stores a copy of another key's value.
    pub fn put_copy(&mut self, copy: &Copied) {
        let value = match copy {
            Copied {
                value: Owned::Int(number),
                ..
            } => NewValue::Int(*number),
            Copied {
                value: Owned::Bytes(bytes),
                raw: true,
                ..
            } => NewValue::RawBytes(bytes),
            Copied {
                value: Owned::Bytes(bytes),
                ..
            } => NewValue::Bytes(bytes),
            Copied {
                value: Owned::Blob(blob),
                ..
            } => NewValue::Blob(blob),
        };
        let ttl = copy.deadline.map_or(Ttl::Clear, Ttl::At);
        self.store(value, ttl);
    }

    /// The bytes of a string in the entry, to overwrite some of them; `None` when the string is
    /// an integer or a blob.
    pub fn inline_mut(&mut self) -> Option<InlineMut<'_>> {
        let pos = self.pos?;
        self.touched(pos);
        Some(InlineMut(self.table.entry_mut(pos)))
    }

    /// Changes a blob in place. False when the string is not a blob. A reply may still quote it
    /// (`Arc::get_mut` tells), so `change` may have to replace it by a copy.
    pub fn change_blob(&mut self, change: impl FnOnce(&mut Blob)) -> bool {
        let Some(pos) = self.pos else { return false };
        let mut entry = self.table.entry_mut(pos);
        let before = entry.size_bytes() as i64;
        let Some(blob) = entry.blob_mut() else {
            return false;
        };
        change(blob);
        let delta = entry.size_bytes() as i64 - before;
        account_in(self.shard, self.table, self.txn.local, delta);
        self.touched(pos);
        true
    }

    /// Puts a new entry in the key's place.
    fn put(&mut self, entry: Entry) {
        let deadline = entry.deadline();
        self.note_deadline(deadline);
        let added = entry.size_bytes() as i64;
        let delta = if let Some(pos) = self.pos {
            let old = self.table.replace(pos, entry);
            self.used(pos);
            added - old.size_bytes() as i64
        } else {
            let arrays = self.table.array_bytes() as i64;
            let settings = &self.txn.local.settings;
            let now_ms = self.txn.now_ms;
            let bits = eviction::admitted(self.shard, self.table, self.key.hash, settings, now_ms);
            let garbage = &self.txn.keyspace.garbage;
            self.pos = Some(self.table.insert(self.key.hash, entry, bits, garbage));
            added + self.table.array_bytes() as i64 - arrays
        };
        account_in(self.shard, self.table, self.txn.local, delta);
    }

    /// Notes a use of an entry that is changed in place.
    fn touched(&mut self, pos: Pos) {
        let seconds = seconds(self.txn.now_ms);
        self.table.entry_mut(pos).touch(seconds);
        self.used(pos);
    }

    fn used(&mut self, pos: Pos) {
        if self.txn.local.settings.records_use() {
            let bits = self.table.evict_bits(pos);
            let now_ms = self.txn.now_ms;
            let bits = eviction::used(self.shard, self.table, bits, self.txn.local, now_ms);
            self.table.set_evict_bits(pos, bits);
        }
    }

    fn note_deadline(&self, deadline: Option<u64>) {
        if let Some(deadline) = deadline
            && deadline < self.shard.next_due_ms.get()
        {
            self.shard.next_due_ms.set(deadline);
        }
    }
}

impl Drop for Edit<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        if self.event.is_some() {
            self.txn.local.tally.changes += 1;
            if self.shard.watched.get() > 0 {
                self.txn.keyspace.watched.mark(self.db, self.key.bytes);
            }
        }
    }
}

/// A string's bytes, opened for overwriting.
pub struct InlineMut<'t>(super::entry::EntryMut<'t>);

impl InlineMut<'_> {
    /// The bytes; `None` when the string is an integer or a blob.
    pub fn bytes(&mut self) -> Option<&mut [u8]> {
        self.0.inline_mut()
    }
}

/// An entry taken out of the keyspace.
pub struct Taken {
    entry: Entry,
    bits: u16,
}

/// A stored value, to be stored again.
fn again(value: ValueRef<'_>, raw: bool) -> NewValue<'_> {
    match value {
        ValueRef::Int(number) => NewValue::Int(number),
        ValueRef::Bytes(bytes) if raw => NewValue::RawBytes(bytes),
        ValueRef::Bytes(bytes) => NewValue::Bytes(bytes),
        ValueRef::Blob(blob) => NewValue::Blob(blob),
    }
}

/// A copy of a key's value and deadline.
pub struct Copied {
    value: Owned,
    raw: bool,
    /// When the key expires, in ms on the server timeline.
    pub deadline: Option<u64>,
}

enum Owned {
    Int(i64),
    Bytes(Vec<u8>),
    Blob(Blob),
}

impl View<'_> {
    /// Copies the value out; blobs are shared.
    pub fn to_copy(self) -> Copied {
        let value = match self.value() {
            ValueRef::Int(number) => Owned::Int(number),
            ValueRef::Bytes(bytes) => Owned::Bytes(bytes.to_vec()),
            ValueRef::Blob(blob) => Owned::Blob(blob.clone()),
        };
        Copied {
            value,
            raw: self.is_raw(),
            deadline: self.deadline(),
        }
    }
}
