//! A map ordered by id, for what is delivered: most ids are added at the end and taken from near
//! the beginning.
//!
//! Entries stand sorted in chunks of at most [`CHUNK`], the chunks in order of the least id each
//! may hold. Adding at the end fills chunks completely; a full chunk in the middle is halved. A
//! chunk that has become small is joined to its neighbour, so the map is never mostly air. Every
//! operation costs two binary searches and the moving of one chunk's entries. The bytes taken are
//! counted as they change.

use super::id::Id;
use crate::base::alloc::good_size;
use std::collections::VecDeque;

/// Entries of a chunk at most.
const CHUNK: usize = 64;
/// Entries from which on a chunk is left alone.
const SMALL: usize = CHUNK / 4;

#[derive(Clone)]
struct Chunk<V> {
    /// Not above any id of this chunk, and above every id of the chunk before.
    from: Id,
    entries: Vec<(Id, V)>,
}

/// A map ordered by id.
pub struct Ids<V> {
    chunks: VecDeque<Chunk<V>>,
    len: usize,
    /// Bytes of the chunks' entries.
    entry_bytes: usize,
}

impl<V> Default for Ids<V> {
    fn default() -> Ids<V> {
        Ids {
            chunks: VecDeque::new(),
            len: 0,
            entry_bytes: 0,
        }
    }
}

impl<V: Clone> Clone for Ids<V> {
    fn clone(&self) -> Ids<V> {
        let chunks = self.chunks.clone();
        Ids {
            entry_bytes: chunks.iter().map(|c| held_bytes(&c.entries)).sum(),
            len: self.len,
            chunks,
        }
    }
}

impl<V> Ids<V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes taken from the allocator. O(1).
    pub fn size_bytes(&self) -> usize {
        self.entry_bytes + good_size(self.chunks.capacity() * size_of::<Chunk<V>>())
    }

    /// The least id with its value.
    pub fn first(&self) -> Option<(Id, &V)> {
        self.iter_from(Id::MIN).next()
    }

    /// The greatest id with its value.
    pub fn last(&self) -> Option<(Id, &V)> {
        let (id, value) = self.chunks.back()?.entries.last()?;
        Some((*id, value))
    }

    /// The entries from `from` on, in order.
    pub fn iter_from(&self, from: Id) -> impl Iterator<Item = (Id, &V)> {
        let at = self.chunk_of(from).min(self.chunks.len());
        let mut chunks = self.chunks.range(at..).map(|chunk| &chunk.entries[..]);
        let first = chunks.next().unwrap_or(&[]);
        let begin = first.partition_point(|(id, _)| *id < from);
        let entries = first[begin..].iter().chain(chunks.flatten());
        entries.map(|(id, value)| (*id, value))
    }

    /// The value of an id.
    pub fn get(&self, id: Id) -> Option<&V> {
        let chunk = self.chunks.get(self.chunk_of(id))?;
        let at = position(chunk, id).ok()?;
        Some(&chunk.entries[at].1)
    }

    /// The value of an id, to change.
    pub fn get_mut(&mut self, id: Id) -> Option<&mut V> {
        let at = self.chunk_of(id);
        let chunk = self.chunks.get_mut(at)?;
        let at = position(chunk, id).ok()?;
        Some(&mut chunk.entries[at].1)
    }

    /// Adds an entry; if there is one with this id, changes nothing and gives `value` back with
    /// what is there.
    pub fn insert(&mut self, id: Id, value: V) -> Result<(), (V, &mut V)> {
        if self.last().is_none_or(|(last, _)| last < id) {
            self.push(id, value);
            return Ok(());
        }
        let mut at = self.chunk_of(id);
        let place = match position(&self.chunks[at], id) {
            Ok(place) => return Err((value, &mut self.chunks[at].entries[place].1)),
            Err(place) => place,
        };
        let mut place = place;
        if self.chunks[at].entries.len() == CHUNK {
            self.halve(at);
            if place > CHUNK / 2 {
                at += 1;
                place -= CHUNK / 2;
            }
        }
        let chunk = &mut self.chunks[at];
        chunk.from = chunk.from.min(id);
        let before = held_bytes(&chunk.entries);
        chunk.entries.insert(place, (id, value));
        self.entry_bytes = self.entry_bytes + held_bytes(&chunk.entries) - before;
        self.len += 1;
        Ok(())
    }

    /// Removes an entry.
    pub fn remove(&mut self, id: Id) -> Option<V> {
        let at = self.chunk_of(id);
        let chunk = self.chunks.get_mut(at)?;
        let place = position(chunk, id).ok()?;
        let (_, value) = chunk.entries.remove(place);
        self.len -= 1;
        if chunk.entries.len() < SMALL {
            self.tidy(at);
        }
        Some(value)
    }

    /// Keeps the entries `keep` says yes to. O(n), and cheap for each: nothing is allocated unless
    /// what is left would be mostly air.
    pub fn retain(&mut self, mut keep: impl FnMut(Id, &V) -> bool) {
        for chunk in &mut self.chunks {
            let before = chunk.entries.len();
            chunk.entries.retain(|(id, value)| keep(*id, value));
            self.len -= before - chunk.entries.len();
        }
        if self.len < self.chunks.len() * SMALL {
            let mut packed = Ids::default();
            for (id, value) in self.chunks.drain(..).flat_map(|chunk| chunk.entries) {
                packed.push(id, value);
            }
            *self = packed;
            return;
        }
        self.chunks.retain(|chunk| !chunk.entries.is_empty());
        self.entry_bytes = self.chunks.iter().map(|c| held_bytes(&c.entries)).sum();
    }

    /// Adds an entry behind all others.
    fn push(&mut self, id: Id, value: V) {
        let room = self.chunks.back().is_some_and(|c| c.entries.len() < CHUNK);
        if !room {
            if self.chunks.is_empty() {
                self.chunks.reserve_exact(1);
            }
            self.chunks.push_back(Chunk {
                from: id,
                entries: Vec::new(),
            });
        }
        let grown = self.chunks.len() > 1;
        let chunk = self.chunks.back_mut().expect("made if there was none");
        let before = held_bytes(&chunk.entries);
        if chunk.entries.len() == chunk.entries.capacity() {
            let more = match chunk.entries.len() {
                // One chunk is full already: this one will be.
                0 if grown => CHUNK,
                len => (CHUNK - len).min(len.max(1)),
            };
            chunk.entries.reserve_exact(more);
        }
        chunk.entries.push((id, value));
        self.entry_bytes = self.entry_bytes + held_bytes(&chunk.entries) - before;
        self.len += 1;
    }

    /// Moves the second half of a full chunk to a chunk of its own.
    fn halve(&mut self, at: usize) {
        let chunk = &mut self.chunks[at];
        let before = held_bytes(&chunk.entries);
        let entries = chunk.entries.split_off(CHUNK / 2);
        let after = held_bytes(&chunk.entries) + held_bytes(&entries);
        let from = entries[0].0;
        self.entry_bytes = self.entry_bytes + after - before;
        self.chunks.insert(at + 1, Chunk { from, entries });
    }

    /// Removes a chunk that is empty, or joins one that is small to its neighbour.
    fn tidy(&mut self, at: usize) {
        let len = self.chunks[at].entries.len();
        if len > 0 {
            let next = self.chunks.get(at + 1).map(|c| c.entries.len());
            if next.is_none_or(|next| next + len > CHUNK / 2) {
                return;
            }
        }
        let removed = self
            .chunks
            .remove(at)
            .expect("the chunk that was looked at");
        self.entry_bytes -= held_bytes(&removed.entries);
        if len > 0 {
            let next = &mut self.chunks[at];
            self.entry_bytes -= held_bytes(&next.entries);
            next.from = removed.from;
            next.entries.splice(0..0, removed.entries);
            self.entry_bytes += held_bytes(&next.entries);
        }
        if self.chunks.len() * 4 < self.chunks.capacity() {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
    }

    /// The only chunk where `id` can be; 0 where there is none.
    fn chunk_of(&self, id: Id) -> usize {
        // Most often asked for: what was delivered last.
        match self.chunks.back() {
            Some(last) if last.from <= id => self.chunks.len() - 1,
            _ => self
                .chunks
                .partition_point(|chunk| chunk.from <= id)
                .saturating_sub(1),
        }
    }
}

fn position<V>(chunk: &Chunk<V>, id: Id) -> Result<usize, usize> {
    chunk.entries.binary_search_by_key(&id, |entry| entry.0)
}

fn held_bytes<T>(entries: &Vec<T>) -> usize {
    good_size(entries.capacity() * size_of::<T>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug)]
    enum Step {
        Append,
        Insert(u64),
        Remove(u64),
        RemoveFirst(usize),
        Retain(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => Just(Step::Append),
            6 => (0_u64..600).prop_map(Step::Insert),
            6 => (0_u64..600).prop_map(Step::Remove),
            1 => (1_usize..60).prop_map(Step::RemoveFirst),
            1 => (2_u64..9).prop_map(Step::Retain),
        ];
        prop::collection::vec(step, 0..600)
    }

    fn check(ids: &Ids<u64>, model: &BTreeMap<Id, u64>) -> Result<(), TestCaseError> {
        prop_assert_eq!(ids.len(), model.len());
        let all: Vec<_> = ids.iter_from(Id::MIN).map(|(id, v)| (id, *v)).collect();
        let expected: Vec<_> = model.iter().map(|(id, v)| (*id, *v)).collect();
        prop_assert_eq!(all, expected);
        prop_assert_eq!(
            ids.last().map(|(id, _)| id),
            model.keys().next_back().copied()
        );
        let bytes: usize = ids.chunks.iter().map(|c| held_bytes(&c.entries)).sum();
        prop_assert_eq!(bytes, ids.entry_bytes);
        prop_assert!(ids.chunks.iter().all(|chunk| !chunk.entries.is_empty()));
        Ok(())
    }

    proptest! {
        #[test]
        fn is_an_ordered_map(steps in steps()) {
            let mut ids = Ids::default();
            let mut model = BTreeMap::new();
            let mut next = 300;
            for (n, step) in steps.into_iter().enumerate() {
                let value = n as u64;
                match step {
                    Step::Append => {
                        let id = Id::new(next, 0);
                        next += 1;
                        let fresh = ids.insert(id, value).is_ok();
                        prop_assert_eq!(fresh, !model.contains_key(&id));
                        model.entry(id).or_insert(value);
                    }
                    Step::Insert(ms) => {
                        let id = Id::new(ms, 1);
                        let fresh = ids.insert(id, value).is_ok();
                        prop_assert_eq!(fresh, !model.contains_key(&id));
                        model.entry(id).or_insert(value);
                    }
                    Step::Remove(ms) => {
                        let id = Id::new(ms, ms % 2);
                        prop_assert_eq!(ids.get(id), model.get(&id));
                        prop_assert_eq!(ids.remove(id), model.remove(&id));
                        prop_assert_eq!(ids.get(id), None);
                    }
                    Step::RemoveFirst(count) => {
                        for _ in 0..count {
                            let first = ids.first().map(|(id, _)| id);
                            prop_assert_eq!(first, model.keys().next().copied());
                            if let Some(id) = first {
                                prop_assert_eq!(ids.remove(id), model.remove(&id));
                            }
                        }
                    }
                    Step::Retain(part) => {
                        ids.retain(|id, _| !id.ms.is_multiple_of(part));
                        model.retain(|id, _| !id.ms.is_multiple_of(part));
                    }
                }
                let from = Id::new(value % 600, 0);
                let seen = ids.iter_from(from).next().map(|(id, v)| (id, *v));
                let expected = model.range(from..).next().map(|(id, v)| (*id, *v));
                prop_assert_eq!(seen, expected);
            }
            check(&ids, &model)?;
            check(&ids.clone(), &model)?;
        }
    }
}
