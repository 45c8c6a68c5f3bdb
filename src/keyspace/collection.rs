//! Collections under their locks: what reads and changes hashes, lists, sets, sorted sets and
//! streams of the keyspace through the views of [`crate::values`].

use super::Edit;
use super::Event;
use super::Key;
use super::accounts::account_in;
use super::entry::{Entry, EntryRef, Size};
use super::fields;
use super::table::Pos;
use super::txn::{Ttl, Txn, seconds};
use crate::error::Error;
use crate::values::content::{Content, Read, Write};
use crate::values::{Big, Packing, Type, Value};

/// A collection that was read. A key that does not exist reads as an empty one.
#[derive(Clone, Copy)]
pub struct Stored<'t>(Option<EntryRef<'t>>);

impl Stored<'_> {
    /// Does the key exist?
    pub fn exists(self) -> bool {
        self.0.is_some()
    }

    /// The type, if the key exists.
    pub fn kind(self) -> Option<Type> {
        self.0.map(EntryRef::kind)
    }
}

impl<'t> Stored<'t> {
    /// The value, for as long as the keys are held.
    #[inline]
    pub fn get(self) -> Content<'t> {
        self.0.map_or(Content::EMPTY, EntryRef::content)
    }
}

impl Read for Stored<'_> {
    #[inline]
    fn content(&self) -> Content<'_> {
        self.get()
    }
}

/// What a collection was when it was opened for writing.
pub(super) struct Opened {
    kind: Type,
    size: Size,
    due: Option<u64>,
}

impl<'a> Txn<'a> {
    /// Reads a key that must hold a collection of type `kind`: counted as a hit or miss, and as a
    /// use.
    #[inline]
    pub fn read_as(&mut self, key: Key<'_>, kind: Type) -> Result<Stored<'_>, Error> {
        match self.read(key) {
            None => Ok(Stored(None)),
            Some(view) if view.kind() == kind => Ok(Stored(Some(view.entry))),
            Some(_) => Err(Error::WrongType),
        }
    }

    /// A collection again, when several are needed at the same time. Each was read before, see
    /// [`Txn::read_as`] (or [`Txn::kind_of`]); a string reads as if it did not exist.
    pub fn held(&self, key: Key<'_>) -> Stored<'_> {
        let table = self.shard(key).table(self.db);
        let found = table
            .find(key.hash(), key.bytes())
            .filter(|pos| !table.is_due(*pos, self.now_ms))
            .map(|pos| table.entry(pos))
            .filter(|entry| entry.kind() != Type::String);
        Stored(found)
    }

    /// The type of a key, if it exists, without counting as a use: to check before anything is
    /// changed.
    pub fn kind_of(&mut self, key: Key<'_>) -> Option<Type> {
        self.peek(key, false).map(|view| view.kind())
    }

    /// Opens a key for writing that must hold a collection of type `kind`, or not exist: it comes
    /// to exist with the first change.
    #[inline]
    pub fn edit_as(&mut self, key: Key<'a>, kind: Type) -> Result<Edit<'_, 'a>, Error> {
        let mut edit = self.edit(key);
        edit.open(kind)?;
        Ok(edit)
    }
}

impl Edit<'_, '_> {
    /// Opens the key as a collection, see [`Txn::edit_as`].
    pub fn open(&mut self, kind: Type) -> Result<(), Error> {
        let mut opened = Opened {
            kind,
            size: Size::default(),
            due: None,
        };
        if let Some(pos) = self.pos {
            let entry = self.table.entry(pos);
            if entry.kind() != kind {
                return Err(Error::WrongType);
            }
            opened.size = entry.size();
            opened.due = fields::due_of(entry);
            if self.txn.touch {
                self.touched(pos);
            }
        }
        self.opened = Some(opened);
        Ok(())
    }

    /// Stores a collection, whatever the key held. An empty one (but a stream) removes the key.
    pub fn store_as(&mut self, kind: Type, value: Value, ttl: Ttl) {
        if value.content().is_empty() && kind != Type::Stream {
            self.remove();
            return;
        }
        self.tell_overwritten(kind);
        let deadline = self.resolve(ttl);
        let seconds = seconds(self.now_ms());
        let entry = Entry::collection(self.key.bytes(), kind, value, deadline, seconds);
        self.put(entry);
    }

    /// Accounts for what an open collection has grown or shrunk by.
    pub(super) fn settle(&mut self, pos: Pos) {
        let Some(opened) = &mut self.opened else {
            return;
        };
        let entry = self.table.entry(pos);
        let size = entry.size();
        if size != opened.size {
            let delta = size.bytes() as i64 - opened.size.bytes() as i64;
            opened.size = size;
            account_in(self.shard, self.table, self.txn.local, delta);
        }
        let due = fields::due_of(entry);
        if due != opened.due {
            let change = (opened.due, due);
            opened.due = due;
            fields::moved(self.shard, self.db, entry.key(), change, self.txn.local);
        }
    }

    /// Ends work on an open collection: one that has become empty goes, with its key.
    pub(super) fn close(&mut self) {
        let Some(pos) = self.pos else { return };
        self.settle(pos);
        let entry = self.table.entry(pos);
        let empty = entry.kind() != Type::Stream
            && entry.kind() != Type::String
            && entry.content().is_empty();
        if empty {
            self.remove();
            self.tell(Event::DEL);
        }
    }

    /// Notes what is there now as what was opened.
    fn reopen(&mut self) {
        if let (Some(opened), Some(pos)) = (&mut self.opened, self.pos) {
            let entry = self.table.entry(pos);
            opened.size = entry.size();
            opened.due = fields::due_of(entry);
        }
    }
}

impl Read for Edit<'_, '_> {
    #[inline]
    fn content(&self) -> Content<'_> {
        self.pos
            .map_or(Content::EMPTY, |pos| self.table.entry(pos).content())
    }
}

impl Write for Edit<'_, '_> {
    fn packed_mut(&mut self) -> &mut [u8] {
        let Some(pos) = self.pos else { return &mut [] };
        self.table.entry_mut(pos).into_packed_mut()
    }

    fn splice(&mut self, at: usize, removed: usize, parts: &[&[u8]]) {
        if let Some(pos) = self.pos {
            return self
                .table
                .change(pos, |entry| entry.splice(at, removed, parts));
        }
        let kind = self.opened.as_ref().expect("opened as a collection").kind;
        let seconds = seconds(self.now_ms());
        let form = (kind, Packing::Listpack);
        let entry = Entry::packed(self.key.bytes(), form, parts, None, seconds);
        self.put(entry);
        self.reopen();
    }

    fn big_mut(&mut self) -> Option<&mut Big> {
        self.table.entry_mut(self.pos?).into_big_mut()
    }

    fn replace(&mut self, value: Value) {
        let kind = self.opened.as_ref().expect("opened as a collection").kind;
        let deadline = self.resolve(Ttl::Keep);
        let seconds = seconds(self.now_ms());
        let entry = Entry::collection(self.key.bytes(), kind, value, deadline, seconds);
        self.put(entry);
        self.reopen();
    }
}
