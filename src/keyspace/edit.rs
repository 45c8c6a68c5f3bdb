//! A key opened for writing, and values taken from one key to another.

use super::Key;
use super::accounts::account_in;
use super::collection::Opened;
use super::entry::{Entry, EntryMut};
use super::event::Event;
use super::shard::Shard;
use super::table::{Pos, Table};
use super::txn::{Ttl, Txn, View, seconds};
use super::{NewValue, ValueRef, eviction, fields};
use crate::config::EventClasses;
use crate::error::Error;
use crate::protocol::output::Blob;
use crate::values::Type;
use crate::values::Value;
use std::sync::atomic::Ordering::Relaxed;

/// A key opened for writing.
pub struct Edit<'t, 'a> {
    pub(super) txn: &'t mut Txn<'a>,
    pub(super) shard: &'a Shard,
    pub(super) table: &'a Table,
    pub(super) key: Key<'a>,
    pub(super) db: usize,
    pub(super) pos: Option<Pos>,
    pub(super) is_changed: bool,
    /// What was done is not a change to those who watch the key.
    pub(super) unwatched: bool,
    /// Set while the key is open as a collection.
    pub(super) opened: Option<Opened>,
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

    /// Declares what was done, and tells of it; without it, nothing is taken to have changed. What
    /// is told under several names is declared several times, in their order.
    #[inline]
    pub fn changed(&mut self, event: Event) {
        self.is_changed = true;
        self.unwatched = false;
        self.tell(event);
    }

    /// Tells of an event, without declaring a change.
    #[inline]
    pub fn tell(&self, event: Event) {
        let audience = &self.txn.keyspace.audience;
        audience.tell(event, self.db, self.key.bytes());
    }

    /// Tells that the key is not there, if so: for writers that read first.
    pub fn tell_missing(&self) {
        if !self.exists() {
            self.tell(Event::Miss);
        }
    }

    /// Tells that the key is added although it exists: what it held counts as deleted before.
    fn tell_added(&self) {
        if self.exists() {
            self.tell(Event::New);
        }
    }

    /// The type of what the key holds, if it exists.
    pub fn kind(&self) -> Option<Type> {
        self.view().map(View::kind)
    }

    /// Tells that a value of type `kind` replaces what the key holds, if it holds anything.
    #[inline]
    pub fn tell_overwritten(&self, kind: Type) {
        if self.txn.keyspace.audience.wants(EventClasses::REPLACED)
            && let Some(view) = self.view()
        {
            self.tell(Event::Overwritten);
            if view.kind() != kind {
                self.tell(Event::TypeChanged);
            }
        }
    }

    /// As [`Edit::changed`], for what `WATCH` does not count as a change: the work of a stream's
    /// consumer groups.
    pub fn changed_unwatched(&mut self, event: Event) {
        self.unwatched |= !self.is_changed;
        self.is_changed = true;
        self.tell(event);
    }

    /// Stores a value, in place where it fits.
    pub fn store(&mut self, value: NewValue<'_>, ttl: Ttl) {
        let deadline = self.resolve(ttl);
        let seconds = seconds(self.txn.now_ms);
        if let Some(pos) = self.pos
            && !self.table.entry(pos).may_have_field_deadlines()
            && self
                .table
                .entry_mut(pos)
                .overwrite(value, deadline, seconds)
        {
            self.note_deadline(deadline);
            return self.used(pos);
        }
        self.put(Entry::new(self.key.bytes(), value, deadline, seconds));
    }

    pub(super) fn resolve(&self, ttl: Ttl) -> Option<u64> {
        match ttl {
            Ttl::Keep => self.view().and_then(View::deadline),
            Ttl::Clear => None,
            Ttl::At(deadline) => Some(deadline),
        }
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
        let mut entry = self.table.entry_mut(pos);
        let before = entry.size_bytes();
        let renewed = entry.renewed(self.key.bytes(), deadline);
        self.put_for(renewed, before);
    }

    /// Removes the key; true when it was there.
    pub fn remove(&mut self) -> bool {
        self.take().is_some()
    }

    /// Takes the key's entry out, to be stored under another key or in another database.
    pub fn take(&mut self) -> Option<Taken> {
        let pos = self.pos.take()?;
        self.settle(pos);
        self.opened = None;
        fields::forget(self.shard, self.db, self.table.entry(pos), self.txn.local);
        let bits = self.table.evict_bits(pos);
        let arrays = self.table.array_bytes();
        let entry = self.table.remove(pos, &self.txn.keyspace.garbage);
        let freed = entry.size_bytes() as i64 + arrays as i64 - self.table.array_bytes() as i64;
        account_in(self.shard, self.table, self.txn.local, -freed);
        Some(Taken { entry, bits })
    }

    /// Stores what was taken from another key (or the same key of another database), with its
    /// deadline and its frequency of use.
    pub fn put_taken(&mut self, taken: Taken) {
        let Taken { mut entry, bits } = taken;
        self.tell_added();
        entry.touch(seconds(self.txn.now_ms));
        let deadline = entry.deadline();
        self.put(entry.renewed(self.key.bytes(), deadline));
        // Other policies' bits mean something in their own shard only.
        if let (true, Some(pos)) = (self.txn.local.settings.is_lfu(), self.pos) {
            self.table.set_evict_bits(pos, bits);
        }
    }

    /// Stores a copy of another key's value.
    pub fn put_copy(&mut self, copy: Copied) {
        let Copied { mut entry } = copy;
        self.tell_added();
        entry.touch(seconds(self.txn.now_ms));
        let deadline = entry.deadline();
        self.put(entry.renewed(self.key.bytes(), deadline));
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
    pub(super) fn put(&mut self, entry: Entry) {
        let replaced = self.pos.map_or(0, |pos| {
            self.settle(pos);
            self.table.entry(pos).size_bytes()
        });
        self.put_for(entry, replaced);
    }

    /// As [`Edit::put`], when the entry that is there counts as `replaced` bytes.
    fn put_for(&mut self, entry: Entry, replaced: usize) {
        self.note_deadline(entry.deadline());
        let added = entry.size_bytes() as i64 - replaced as i64;
        let delta = if let Some(pos) = self.pos {
            fields::forget(self.shard, self.db, self.table.entry(pos), self.txn.local);
            drop(self.table.replace(pos, entry));
            self.used(pos);
            added
        } else {
            let arrays = self.table.array_bytes() as i64;
            let (hash, now_ms) = (self.key.hash(), self.txn.now_ms);
            let bits = eviction::admitted(self.shard, hash, self.txn.local, now_ms);
            let garbage = &self.txn.keyspace.garbage;
            self.pos = Some(self.table.insert(self.key.hash(), entry, bits, garbage));
            self.tell(Event::New);
            added + self.table.array_bytes() as i64 - arrays
        };
        account_in(self.shard, self.table, self.txn.local, delta);
        if let Some(pos) = self.pos {
            fields::note(self.shard, self.db, self.table.entry(pos), self.txn.local);
        }
    }

    /// Notes a use of an entry that is changed in place.
    pub(super) fn touched(&mut self, pos: Pos) {
        let seconds = seconds(self.txn.now_ms);
        self.table.entry_mut(pos).touch(seconds);
        self.used(pos);
    }

    fn used(&mut self, pos: Pos) {
        if self.txn.local.settings.records_use() {
            let bits = self.table.evict_bits(pos);
            let now_ms = self.txn.now_ms;
            let bits = eviction::used(bits, self.txn.local, now_ms);
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
        if self.opened.is_some() {
            self.close();
        }
        if self.is_changed {
            self.txn.local.tally.changes += 1;
            if !self.unwatched {
                if self.shard.watched.load(Relaxed) > 0 {
                    self.txn.keyspace.watched.mark(self.db, self.key.bytes());
                }
                let by = self.txn.local.client;
                self.txn.keyspace.audience.changed(self.key.bytes(), by);
            }
            if self.shard.waiters.load(Relaxed) > 0 {
                self.txn.note_ready(self.db, self.key.bytes());
            }
        }
    }
}

/// A string's bytes, opened for overwriting.
pub struct InlineMut<'t>(EntryMut<'t>);

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

/// A copy of a key's value and deadline.
pub struct Copied {
    entry: Entry,
}

impl View<'_> {
    /// Copies the value out; the bytes of long strings are shared.
    pub fn to_copy(self) -> Copied {
        let entry = match self.kind() {
            Type::String => Entry::new(b"", self.entry.string_again(), self.deadline(), 0),
            kind => {
                let value = Value::of(self.entry.content());
                Entry::collection(b"", kind, value, self.deadline(), 0)
            }
        };
        Copied { entry }
    }
}
