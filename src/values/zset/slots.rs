//! The members of a big sorted set: name and score, in chunks, addressed by numbers of 32 bits.
//!
//! The index by name and the tree by score both speak of a member by its number, so neither owns
//! it, and nothing points into memory. Free slots are chained both ways, so that the last one can
//! be taken out of the chain when the chunks shrink.

use super::name::Name;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// Slots of a chunk: 1,536 bytes, one of the allocator's classes.
const CHUNK: usize = 64;

#[derive(Clone)]
struct Slot {
    score: f64,
    name: Name,
}

const FREE: Slot = Slot {
    score: 0.0,
    name: Name::Free {
        prev: NONE,
        next: NONE,
    },
};

const _: () = assert!(size_of::<[Slot; CHUNK]>() == 1536);

/// See the module's text.
#[derive(Clone)]
pub(super) struct Slots {
    // Boxed, so that growth does not move them all.
    #[allow(clippy::vec_box)]
    chunks: Vec<Box<[Slot; CHUNK]>>,
    /// Slots that have been given out, free ones included; those behind were never used.
    used: u32,
    /// First of the free slots among those.
    free: u32,
    free_count: u32,
    heap_bytes: usize,
}

impl Default for Slots {
    fn default() -> Slots {
        Slots {
            chunks: Vec::new(),
            used: 0,
            free: NONE,
            free_count: 0,
            heap_bytes: 0,
        }
    }
}

impl Slots {
    /// Members.
    pub fn len(&self) -> usize {
        (self.used - self.free_count) as usize
    }

    /// Bytes taken from the allocator.
    pub fn size_bytes(&self) -> usize {
        self.chunks.len() * size_of::<[Slot; CHUNK]>()
            + self.chunks.capacity() * size_of::<Box<[Slot; CHUNK]>>()
            + self.heap_bytes
    }

    #[inline]
    fn slot(&self, id: u32) -> &Slot {
        &self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    #[inline]
    fn slot_mut(&mut self, id: u32) -> &mut Slot {
        &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    /// Where a slot is.
    #[inline]
    pub fn address(&self, id: u32) -> *const u8 {
        std::ptr::from_ref(self.slot(id)).cast()
    }

    /// A member's name.
    #[inline]
    pub fn name(&self, id: u32) -> &[u8] {
        self.slot(id).name.bytes()
    }

    /// A member's score.
    #[inline]
    pub fn score(&self, id: u32) -> f64 {
        self.slot(id).score
    }

    /// Sets a member's score.
    #[inline]
    pub fn set_score(&mut self, id: u32, score: f64) {
        self.slot_mut(id).score = score;
    }

    /// Adds a member; its number.
    pub fn add(&mut self, name: &[u8], score: f64) -> u32 {
        let slot = Slot {
            score,
            name: Name::new(name),
        };
        self.heap_bytes += slot.name.heap_bytes();
        self.place(slot)
    }

    fn place(&mut self, slot: Slot) -> u32 {
        let id = if self.free == NONE {
            assert!(self.used < NONE, "members are numbered by 32 bits");
            if self.used as usize == self.chunks.len() * CHUNK {
                self.chunks.push(Box::new([FREE; CHUNK]));
            }
            self.used += 1;
            self.used - 1
        } else {
            let id = self.free;
            self.unlink(id);
            id
        };
        *self.slot_mut(id) = slot;
        id
    }

    /// Frees a member's slot.
    pub fn remove(&mut self, id: u32) {
        let next = self.free;
        let name = Name::Free { prev: NONE, next };
        let old = std::mem::replace(&mut self.slot_mut(id).name, name);
        self.heap_bytes -= old.heap_bytes();
        if next != NONE
            && let Name::Free { prev, .. } = &mut self.slot_mut(next).name
        {
            *prev = id;
        }
        self.free = id;
        self.free_count += 1;
    }

    /// Takes a free slot out of the chain.
    fn unlink(&mut self, id: u32) {
        let Name::Free { prev, next } = self.slot(id).name else {
            unreachable!("only free slots are in the chain")
        };
        match prev {
            NONE => self.free = next,
            before => {
                if let Name::Free { next: link, .. } = &mut self.slot_mut(before).name {
                    *link = next;
                }
            }
        }
        if next != NONE
            && let Name::Free { prev: link, .. } = &mut self.slot_mut(next).name
        {
            *link = prev;
        }
        self.free_count -= 1;
    }

    /// Gives chunks back when more than half of the slots are free. When that takes moving a
    /// member, the number it has and the number it is to get; the caller then changes what speaks
    /// of it, and calls [`Slots::relocate`]. To be called twice after every removal: so two members
    /// move at most for each that went, and no removal is slow.
    pub fn shrink(&mut self) -> Option<(u32, u32)> {
        if (self.used as usize) <= CHUNK || self.len() * 2 > self.used as usize {
            return None;
        }
        while self.used > 0 && matches!(self.slot(self.used - 1).name, Name::Free { .. }) {
            self.unlink(self.used - 1);
            self.used -= 1;
        }
        // One spare chunk stays, for a size that swings around a multiple of it.
        self.chunks
            .truncate((self.used as usize).div_ceil(CHUNK) + 1);
        if self.chunks.len() * 2 < self.chunks.capacity() {
            self.chunks.shrink_to(self.chunks.len() * 3 / 2);
        }
        (self.free != NONE).then(|| (self.used - 1, self.free))
    }

    /// Moves a member as [`Slots::shrink`] wished.
    pub fn relocate(&mut self, from: u32, to: u32) {
        let moved = std::mem::replace(self.slot_mut(from), FREE);
        self.unlink(to);
        *self.slot_mut(to) = moved;
        // `from` was the last slot in use.
        self.used -= 1;
    }
}
