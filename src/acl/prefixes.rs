//! Many literal prefixes asked at once.
//!
//! They stand sorted, and as none begins another a binary search finds the only one that may begin a
//! name. Before that a look at one of them tells for most names that one does begin: a hash of the first
//! bytes that all prefixes have leads to a [`Group`], and a hash of the eight bytes in which the prefixes
//! of that group differ to a [`Slot`]. That is some 40 instructions without a call or a branch that
//! depends on the name, whatever the number of prefixes and however names spread over them. Prefixes
//! that neither tells apart, because one that is shorter leaves too few bytes, are tried in turn.

/// Multipliers tried, for at most so many texts: mostly one of them gives each text a place of its own.
const MULTIPLIERS: u32 = 32;
const TUNED_MAX: usize = 256;
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
/// Bytes compared at once.
const CHUNK: usize = 16;
/// Longer prefixes are found by search only.
const LOOKED_AT_MAX: usize = 2 * CHUNK;
/// Of prefixes with one place, so many are tried; others are found by search only.
const TRIED_MAX: usize = 8;

/// A set of prefixes. What a look takes of this struct is one cache line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prefixes {
    /// Which of a name's first bytes lead to a group: those that the shortest prefix has.
    mask: u64,
    spread: Spread,
    /// A power of two of them.
    groups: Box<[Group]>,
    slots: Box<[Slot]>,
    /// All of them, sorted; none begins another.
    texts: Box<[Box<[u8]>]>,
}

/// Prefixes that share a hash of their first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    /// Where in a name the eight bytes are, and which of their bits count: none if there is just
    /// one prefix.
    at: u32,
    mask: u64,
    spread: Spread,
    /// The first of its slots; beyond the last if it has none.
    start: u32,
}

/// A prefix as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    /// Its first sixteen bytes as a word, and which of a name's bits are to equal them.
    head: u128,
    mask: u128,
    /// Its last sixteen bytes, and where they begin, if it is longer than that.
    tail: u128,
    tail_at: u32,
    /// The shortest name it begins.
    len_min: u32,
    /// What else has its place: the next slot, beyond the last if there is none.
    next: u32,
}

/// A hash of words, to as many bits as there are places.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spread {
    multiplier: u64,
    shift: u32,
}

impl Prefixes {
    /// Of these texts. O(texts · log), and at most some thousand instructions for each.
    pub(super) fn new(mut texts: Vec<&[u8]>) -> Prefixes {
        texts.sort_unstable();
        texts.dedup_by(|longer, shorter| longer.starts_with(shorter));
        let Some(shortest) = texts.iter().map(|text| text.len()).min() else {
            return Prefixes::default();
        };
        let mask = mask(shortest) as u64;
        let words: Vec<u64> = texts.iter().map(|text| chunk(text) as u64 & mask).collect();
        let spread = Spread::over(&words);
        let mut members = vec![Vec::new(); spread.places()];
        for (text, word) in texts.iter().zip(words) {
            members[spread.place(word)].push(*text);
        }
        let mut slots = Vec::new();
        let groups = members.iter().map(|texts| Group::new(texts, &mut slots));
        Prefixes {
            mask,
            spread,
            groups: groups.collect(),
            slots: slots.into(),
            texts: texts.into_iter().map(Box::from).collect(),
        }
    }

    /// Does one look tell that one of them begins the name of `len` bytes with which `text` begins?
    /// What follows the name there does not matter.
    #[inline(always)] // as its only call comes last, its caller saves no registers
    pub(super) fn begin_at_once(&self, text: &[u8], len: usize) -> bool {
        let Some(head) = chunk_at(text, 0) else {
            return false;
        };
        match self.slot(text, head) {
            Some(slot) => slot.begins(text, head, len) || self.other_begins(slot, text, len),
            None => false,
        }
    }

    /// Does a prefix with the same place as this slot's begin the name?
    #[inline(never)] // called last, so that nothing is saved for it
    fn other_begins(&self, slot: &Slot, text: &[u8], len: usize) -> bool {
        let mut next = slot.next;
        while let Some(slot) = self.slots.get(next as usize) {
            if slot.begins(text, chunk(text), len) {
                return true;
            }
            next = slot.next;
        }
        false
    }

    /// The first slot of the place to which a name with this head leads.
    #[inline(always)] // see above
    fn slot(&self, text: &[u8], head: u128) -> Option<&Slot> {
        let group = self
            .groups
            .get(self.spread.place(head as u64 & self.mask))?;
        let at = group.at as usize;
        let bytes = text.get(at..at + 8)?.first_chunk::<8>()?;
        let place = group.spread.place(u64::from_le_bytes(*bytes) & group.mask);
        self.slots.get((group.start as usize).wrapping_add(place))
    }

    /// Does one of them begin this name? O(log texts).
    pub(super) fn begin(&self, name: &[u8]) -> bool {
        // Only the greatest that is not greater than the name.
        let end = self.texts.partition_point(|text| **text <= *name);
        let found = end.checked_sub(1).map(|at| &self.texts[at]);
        !name.is_empty() && found.is_some_and(|text| name.starts_with(text))
    }
}

impl Group {
    /// Of these texts, for which it appends slots.
    fn new(texts: &[&[u8]], slots: &mut Vec<Slot>) -> Group {
        let mut group = Group {
            at: 0,
            mask: 0,
            spread: Spread::default(),
            start: u32::MAX,
        };
        if let [first, .., last] = texts {
            // They are sorted: what these two have in common, all have. The shortest is longer.
            let common = first.iter().zip(*last).take_while(|(a, b)| a == b).count();
            let shortest = texts.iter().map(|text| text.len()).min().unwrap_or(0);
            group.at = common.min(shortest.saturating_sub(8)) as u32;
            group.mask = mask(shortest) as u64;
            let words: Vec<u64> = texts.iter().map(|text| group.word(text)).collect();
            group.spread = Spread::over(&words);
        }
        if !texts.is_empty() {
            group.start = slots.len() as u32;
            slots.resize(slots.len() + group.spread.places(), Slot::EMPTY);
        }
        for text in texts.iter().filter(|text| text.len() <= LOOKED_AT_MAX) {
            let place = group.start as usize + group.spread.place(group.word(text));
            Slot::new(text).put(place, slots);
        }
        group
    }

    fn word(&self, text: &[u8]) -> u64 {
        chunk(&text[self.at as usize..]) as u64 & self.mask
    }
}

impl Slot {
    /// Begins no name.
    const EMPTY: Slot = Slot {
        head: 0,
        mask: 0,
        tail: 0,
        tail_at: 0,
        len_min: u32::MAX,
        next: u32::MAX,
    };

    fn new(text: &[u8]) -> Slot {
        let tail_at = text.len().saturating_sub(CHUNK);
        Slot {
            head: chunk(text),
            mask: mask(text.len()),
            tail: chunk(&text[tail_at..]),
            tail_at: tail_at as u32,
            // As with Redis only the empty pattern matches an empty name.
            len_min: text.len().max(1) as u32,
            next: u32::MAX,
        }
    }

    /// Takes this place, or goes behind those that have it unless there are too many.
    fn put(self, mut place: usize, slots: &mut Vec<Slot>) {
        if slots[place] == Slot::EMPTY {
            slots[place] = self;
            return;
        }
        for _ in 1..TRIED_MAX {
            if slots[place].next == u32::MAX {
                slots[place].next = slots.len() as u32;
                return slots.push(self);
            }
            place = slots[place].next as usize;
        }
    }

    /// Does it begin the name of `len` bytes with which `text` begins?
    #[inline(always)] // see `Prefixes::begin_at_once`
    fn begins(&self, text: &[u8], head: u128, len: usize) -> bool {
        head & self.mask == self.head
            && len >= self.len_min as usize
            && (self.tail_at == 0 || chunk_at(text, self.tail_at) == Some(self.tail))
    }
}

impl Default for Spread {
    /// To one place.
    fn default() -> Spread {
        Spread {
            multiplier: 0,
            shift: u64::BITS - 1,
        }
    }
}

impl Spread {
    /// One that leads these words to most places, of twice as many or more.
    fn over(words: &[u64]) -> Spread {
        let bits = (2 * words.len()).next_power_of_two().ilog2();
        let turns = match words.len() <= TUNED_MAX {
            true => MULTIPLIERS,
            false => 1,
        };
        let mut best = (0, Spread::default());
        for turn in 0..turns {
            let spread = Spread {
                multiplier: MULTIPLIER.rotate_left(turn) | 1,
                shift: u64::BITS - bits,
            };
            let used = spread.used_by(words);
            if used > best.0 {
                best = (used, spread);
            }
            if used == words.len() {
                break;
            }
        }
        best.1
    }

    /// How many places it leads these words to.
    fn used_by(&self, words: &[u64]) -> usize {
        let mut used = vec![false; self.places()];
        for word in words {
            used[self.place(*word)] = true;
        }
        used.iter().filter(|used| **used).count()
    }

    fn places(&self) -> usize {
        match self.multiplier {
            0 => 1,
            _ => 1 << (u64::BITS - self.shift),
        }
    }

    #[inline(always)] // see `Prefixes::begin_at_once`
    fn place(&self, word: u64) -> usize {
        word.wrapping_mul(self.multiplier).wrapping_shr(self.shift) as usize
    }
}

/// The bits of a word that `len` bytes take.
fn mask(len: usize) -> u128 {
    let beyond = CHUNK.saturating_sub(len) as u32 * 8;
    u128::MAX.checked_shr(beyond).unwrap_or(0)
}

/// The sixteen bytes from `at` on as a word, the first lowest, if there are as many.
#[inline(always)] // see `Prefixes::begin_at_once`
fn chunk_at(text: &[u8], at: u32) -> Option<u128> {
    let at = at as usize;
    let bytes = text.get(at..at + CHUNK)?.first_chunk::<CHUNK>()?;
    Some(u128::from_le_bytes(*bytes))
}

/// The first sixteen bytes likewise; zeros for those there are not.
fn chunk(text: &[u8]) -> u128 {
    let mut bytes = [0; CHUNK];
    let len = text.len().min(CHUNK);
    bytes[..len].copy_from_slice(&text[..len]);
    u128::from_le_bytes(bytes)
}
