//! A run with room to grow at both ends.

use super::run::Framed;

/// Least bytes of a buffer.
const CAPACITY_MIN: usize = 64;

/// A run in a buffer of its own. Room before it is part of the vector (`start` bytes of it), room
/// behind it is the vector's spare capacity.
#[derive(Clone, Default)]
pub struct Chunk {
    buffer: Vec<u8>,
    start: u32,
    count: u32,
}

impl Chunk {
    /// Has room for `capacity` bytes, before the run that is to come or behind it.
    pub fn with_capacity(capacity: usize, before: bool) -> Chunk {
        let mut buffer = Vec::with_capacity(capacity);
        if before {
            buffer.resize(capacity, 0);
        }
        Chunk {
            start: buffer.len() as u32,
            buffer,
            count: 0,
        }
    }

    /// A run of `count` elements, copied.
    pub fn of(run: &[u8], count: usize, capacity: usize) -> Chunk {
        let mut buffer = Vec::with_capacity(capacity.max(run.len()));
        buffer.extend_from_slice(run);
        Chunk {
            buffer,
            start: 0,
            count: count as u32,
        }
    }

    /// The elements.
    #[inline]
    pub fn run(&self) -> &[u8] {
        &self.buffer[self.start as usize..]
    }

    /// Number of elements.
    #[inline]
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Bytes of the elements.
    #[inline]
    pub fn run_bytes(&self) -> usize {
        self.buffer.len() - self.start as usize
    }

    /// Bytes of the buffer.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Puts an element at offset `at`. The buffer grows to at most `capacity_max` bytes, or to what
    /// is needed if that is more.
    pub fn insert(&mut self, at: usize, item: &Framed<'_>, capacity_max: usize) {
        let place = self.open(at, 0, item.len(), capacity_max);
        item.write(place);
        self.count += 1;
    }

    /// Replaces the element from offset `at` to `end`.
    pub fn replace(&mut self, at: usize, end: usize, item: &Framed<'_>, capacity_max: usize) {
        let place = self.open(at, end - at, item.len(), capacity_max);
        item.write(place);
    }

    /// Removes `count` elements, from offset `at` to `end`.
    pub fn remove(&mut self, at: usize, end: usize, count: usize) {
        self.open(at, end - at, 0, 0);
        self.count -= count as u32;
        self.shrink();
    }

    /// Removes single elements, each from one offset to another, in ascending order.
    pub fn remove_each(&mut self, places: &[(usize, usize)]) {
        let Some(&(first, _)) = places.first() else {
            return;
        };
        let start = self.start as usize;
        let mut to = start + first;
        for (index, &(_, end)) in places.iter().enumerate() {
            let next = places.get(index + 1).map(|&(at, _)| start + at);
            let next = next.unwrap_or(self.buffer.len());
            self.buffer.copy_within(start + end..next, to);
            to += next - (start + end);
        }
        self.buffer.truncate(to);
        self.count -= places.len() as u32;
        self.shrink();
    }

    /// Cuts off the elements from offset `at` on, of which `count` stay here.
    pub fn split_off(&mut self, at: usize, count: usize) -> Chunk {
        let tail = &self.run()[at..];
        let rest = Chunk::of(tail, self.count() - count, tail.len());
        self.buffer.truncate(self.start as usize + at);
        self.count = count as u32;
        self.shrink();
        rest
    }

    /// Appends another chunk's elements.
    pub fn append(&mut self, other: &Chunk) {
        let at = self.run_bytes();
        let added = other.run();
        self.open(at, 0, added.len(), at + added.len())
            .copy_from_slice(added);
        self.count += other.count;
    }

    /// Makes of `removed` bytes at offset `at` a place of `added` bytes, moving what lies on the
    /// shorter side of it.
    fn open(&mut self, at: usize, removed: usize, added: usize, capacity_max: usize) -> &mut [u8] {
        let start = self.start as usize;
        let before = at;
        let after = self.run_bytes() - at - removed;
        let growth = added as isize - removed as isize;
        let room_behind = (self.buffer.capacity() - self.buffer.len()) as isize;
        if before <= after && growth <= start as isize {
            let moved = start.wrapping_add_signed(-growth);
            self.buffer.copy_within(start..start + before, moved);
            self.start = moved as u32;
        } else if after <= before && growth <= room_behind {
            let from = start + at + removed;
            let end = self.buffer.len();
            if growth > 0 {
                self.buffer.resize(end.wrapping_add_signed(growth), 0);
            }
            self.buffer
                .copy_within(from..end, from.wrapping_add_signed(growth));
            self.buffer.truncate(end.wrapping_add_signed(growth));
        } else {
            self.rebuild(at, removed, added, capacity_max);
        }
        let from = self.start as usize + at;
        &mut self.buffer[from..from + added]
    }

    /// As [`Chunk::open`], in a new buffer whose room is all on the side that lacked it. That an
    /// eighth is free, unless the buffer has its full size, keeps this rare.
    fn rebuild(&mut self, at: usize, removed: usize, added: usize, capacity_max: usize) {
        let needed = self.run_bytes() - removed + added;
        let mut capacity = self.buffer.capacity();
        if capacity < needed + needed / 8 {
            let wanted = (needed + needed / 4).max(CAPACITY_MIN);
            let wanted = crate::base::alloc::good_size(wanted);
            capacity = wanted.min(capacity_max).max(capacity).max(needed);
        }
        let (head, tail) = self.run().split_at(at);
        let tail = &tail[removed..];
        let start = if head.len() <= tail.len() {
            capacity - needed
        } else {
            0
        };
        let mut buffer = Vec::with_capacity(capacity);
        buffer.resize(start, 0);
        buffer.extend_from_slice(head);
        buffer.resize(start + at + added, 0);
        buffer.extend_from_slice(tail);
        self.buffer = buffer;
        self.start = start as u32;
    }

    /// Takes a smaller buffer when three quarters of this one have become free.
    fn shrink(&mut self) {
        let used = self.run_bytes();
        let capacity = self.buffer.capacity();
        if used >= capacity / 4 || capacity <= CAPACITY_MIN {
            return;
        }
        let smaller = crate::base::alloc::good_size((used * 3 / 2).max(CAPACITY_MIN));
        let start = (smaller - used) / 2;
        let mut buffer = Vec::with_capacity(smaller);
        buffer.resize(start, 0);
        buffer.extend_from_slice(self.run());
        self.buffer = buffer;
        self.start = start as u32;
    }

    /// Gives back the room there is, if it is more than an eighth: for chunks in the middle.
    pub fn trim(&mut self) {
        let used = self.run_bytes();
        if self.buffer.capacity() - used > used / 8 {
            self.buffer = self.run().to_vec();
            self.start = 0;
        }
    }
}
