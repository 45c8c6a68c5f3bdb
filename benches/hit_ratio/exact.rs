//! What the server's policies approximate, exactly: for the trace runner only.

use super::Cache;
use std::collections::VecDeque;

/// A number that is no key's.
const NONE: u32 = u32::MAX;

/// Least recently used, as a list.
pub(super) struct Lru {
    capacity: usize,
    len: usize,
    /// Neighbours of each key, the latest first; `NONE` twice for the list's two ends.
    links: Vec<(u32, u32)>,
    held: Vec<bool>,
    first: u32,
    last: u32,
}

impl Lru {
    pub(super) fn new(capacity: usize, keys: usize) -> Lru {
        Lru {
            capacity,
            len: 0,
            links: vec![(NONE, NONE); keys],
            held: vec![false; keys],
            first: NONE,
            last: NONE,
        }
    }

    fn unlink(&mut self, key: u32) {
        let (before, after) = self.links[key as usize];
        match before {
            NONE => self.first = after,
            _ => self.links[before as usize].1 = after,
        }
        match after {
            NONE => self.last = before,
            _ => self.links[after as usize].0 = before,
        }
    }

    fn put_first(&mut self, key: u32) {
        self.links[key as usize] = (NONE, self.first);
        match self.first {
            NONE => self.last = key,
            first => self.links[first as usize].0 = key,
        }
        self.first = key;
    }
}

impl Cache for Lru {
    fn request(&mut self, key: u32) -> bool {
        grow(&mut self.links, key, (NONE, NONE));
        grow(&mut self.held, key, false);
        if self.held[key as usize] {
            self.unlink(key);
            self.put_first(key);
            return true;
        }
        if self.len == self.capacity {
            let last = self.last;
            self.unlink(last);
            self.held[last as usize] = false;
            self.len -= 1;
        }
        self.held[key as usize] = true;
        self.put_first(key);
        self.len += 1;
        false
    }
}

fn grow<T: Clone>(values: &mut Vec<T>, key: u32, value: T) {
    if values.len() <= key as usize {
        values.resize(key as usize + 1, value);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    Small,
    Main,
    /// Left the small queue as number so many of those that did.
    Ghost(u64),
}

/// S3-FIFO as its paper has it: a tenth of the cache is the small queue, two uses there lead to the
/// main queue, and the ghost queue is as long as the main one.
pub(super) struct S3Fifo {
    capacity: usize,
    small_max: usize,
    places: Vec<(Place, u8)>,
    small: VecDeque<u32>,
    main: VecDeque<u32>,
    ghosts: u64,
}

const USES_MAX: u8 = 3;
const PROMOTE_USES: u8 = 2;

impl S3Fifo {
    pub(super) fn new(capacity: usize, keys: usize) -> S3Fifo {
        S3Fifo {
            capacity,
            small_max: (capacity / 10).max(1),
            places: vec![(Place::Nowhere, 0); keys],
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: 0,
        }
    }

    fn is_ghost(&self, place: Place) -> bool {
        let length = (self.capacity - self.small_max) as u64;
        matches!(place, Place::Ghost(number) if self.ghosts - number <= length)
    }

    /// Makes room for one.
    fn evict(&mut self) {
        while self.small.len() + self.main.len() >= self.capacity {
            let main_max = self.capacity - self.small_max;
            if self.main.len() > main_max || self.small.is_empty() {
                self.evict_main();
            } else {
                self.evict_small();
            }
        }
    }

    fn evict_small(&mut self) {
        while let Some(key) = self.small.pop_front() {
            let (place, uses) = &mut self.places[key as usize];
            if *uses < PROMOTE_USES {
                self.ghosts += 1;
                (*place, *uses) = (Place::Ghost(self.ghosts), 0);
                return;
            }
            (*place, *uses) = (Place::Main, 0);
            self.main.push_back(key);
        }
    }

    fn evict_main(&mut self) {
        while let Some(key) = self.main.pop_front() {
            let (place, uses) = &mut self.places[key as usize];
            if *uses == 0 {
                *place = Place::Nowhere;
                return;
            }
            *uses -= 1;
            self.main.push_back(key);
        }
    }
}

impl Cache for S3Fifo {
    fn request(&mut self, key: u32) -> bool {
        grow(&mut self.places, key, (Place::Nowhere, 0));
        let (place, uses) = &mut self.places[key as usize];
        if matches!(place, Place::Small | Place::Main) {
            *uses = (*uses + 1).min(USES_MAX);
            return true;
        }
        let place = *place;
        let was_here = self.is_ghost(place);
        if self.small.len() + self.main.len() >= self.capacity {
            self.evict();
        }
        if was_here {
            self.places[key as usize] = (Place::Main, 0);
            self.main.push_back(key);
        } else {
            self.places[key as usize] = (Place::Small, 0);
            self.small.push_back(key);
        }
        false
    }
}
