//! The classes of keyspace notifications, as `notify-keyspace-events` names them.

use std::fmt;
use std::ops::BitOr;

/// A set of classes of keyspace notifications, and of the channels they go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventClasses(u32);

impl EventClasses {
    /// None.
    pub const NONE: EventClasses = EventClasses(0);
    /// `K`: to channels named after the key.
    pub const KEYSPACE: EventClasses = EventClasses(1);
    /// `E`: to channels named after the event.
    pub const KEYEVENT: EventClasses = EventClasses(1 << 1);
    /// `g`: commands for any type.
    pub const GENERIC: EventClasses = EventClasses(1 << 2);
    /// `$`: strings.
    pub const STRING: EventClasses = EventClasses(1 << 3);
    /// `l`: lists.
    pub const LIST: EventClasses = EventClasses(1 << 4);
    /// `s`: sets.
    pub const SET: EventClasses = EventClasses(1 << 5);
    /// `h`: hashes.
    pub const HASH: EventClasses = EventClasses(1 << 6);
    /// `z`: sorted sets.
    pub const ZSET: EventClasses = EventClasses(1 << 7);
    /// `x`: keys that expire.
    pub const EXPIRED: EventClasses = EventClasses(1 << 8);
    /// `e`: keys that are evicted.
    pub const EVICTED: EventClasses = EventClasses(1 << 9);
    /// `t`: streams.
    pub const STREAM: EventClasses = EventClasses(1 << 10);
    /// `d`: types of modules, which there are none of.
    pub const MODULE: EventClasses = EventClasses(1 << 11);
    /// `n`: keys that come to exist.
    pub const NEW: EventClasses = EventClasses(1 << 12);
    /// `o`: values that are replaced as a whole.
    pub const OVERWRITTEN: EventClasses = EventClasses(1 << 13);
    /// `c`: of those, the ones that get another type.
    pub const TYPE_CHANGED: EventClasses = EventClasses(1 << 14);
    /// `m`: reads of keys that do not exist.
    pub const MISS: EventClasses = EventClasses(1 << 15);

    /// `o` and `c`.
    pub const REPLACED: EventClasses = EventClasses(Self::OVERWRITTEN.0 | Self::TYPE_CHANGED.0);
    /// Both kinds of channels.
    const CHANNELS: EventClasses = EventClasses(Self::KEYSPACE.0 | Self::KEYEVENT.0);

    /// Every letter that stands for one class, in the order in which they are printed.
    pub const LETTERS: [(char, EventClasses); 16] = [
        ('g', Self::GENERIC),
        ('$', Self::STRING),
        ('l', Self::LIST),
        ('s', Self::SET),
        ('h', Self::HASH),
        ('z', Self::ZSET),
        ('x', Self::EXPIRED),
        ('e', Self::EVICTED),
        ('t', Self::STREAM),
        ('d', Self::MODULE),
        ('n', Self::NEW),
        ('o', Self::OVERWRITTEN),
        ('c', Self::TYPE_CHANGED),
        ('K', Self::KEYSPACE),
        ('E', Self::KEYEVENT),
        ('m', Self::MISS),
    ];

    /// How many of the letters `A` stands for.
    const ALIASED: usize = 10;

    /// What `A` stands for.
    fn all() -> EventClasses {
        let aliased = Self::LETTERS[..Self::ALIASED].iter();
        aliased.fold(Self::NONE, |all, (_, class)| all | *class)
    }

    /// Reads letters in any order; `None` when one of them means nothing.
    pub fn parse(text: &str) -> Option<EventClasses> {
        text.chars().try_fold(Self::NONE, |classes, letter| {
            if letter == 'A' {
                return Some(classes | Self::all());
            }
            let mut known = Self::LETTERS.iter();
            let (_, class) = known.find(|(known, _)| *known == letter)?;
            Some(classes | *class)
        })
    }

    /// Is one of these among them?
    #[inline]
    pub fn has(self, other: EventClasses) -> bool {
        self.0 & other.0 != 0
    }

    /// What is really to be told: nothing, without a kind of channels.
    pub fn effective(self) -> EventClasses {
        if self.has(Self::CHANNELS) {
            self
        } else {
            Self::NONE
        }
    }

    /// As a number, to be kept in an atomic.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// From [`EventClasses::bits`].
    pub fn from_bits(bits: u32) -> EventClasses {
        EventClasses(bits)
    }
}

impl BitOr for EventClasses {
    type Output = EventClasses;

    fn bitor(self, other: EventClasses) -> EventClasses {
        EventClasses(self.0 | other.0)
    }
}

impl fmt::Display for EventClasses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = &Self::LETTERS[..];
        let all = Self::all();
        if self.0 & all.0 == all.0 {
            f.write_str("A")?;
            letters = &letters[Self::ALIASED..];
        }
        for (letter, class) in letters {
            if self.has(*class) {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::EventClasses;

    #[test]
    fn letters_are_put_in_order() {
        for (text, expected) in [
            ("KEA", "AKE"),
            ("", ""),
            ("KEm", "KEm"),
            ("KEgn", "gnKE"),
            ("ex", "xe"),
            ("g$lshzxetd", "A"),
            ("g$lshzxet", "g$lshzxet"),
            ("KEmAcon", "AnocKEm"),
            ("gggg", "g"),
        ] {
            let classes = EventClasses::parse(text).expect("known letters");
            assert_eq!(classes.to_string(), expected, "{text}");
        }
        assert!(EventClasses::parse("KEq").is_none());
        assert!(EventClasses::parse("a").is_none());
    }

    #[test]
    fn without_channels_nothing_is_told() {
        let effective = |text| EventClasses::parse(text).expect("known").effective();
        assert_eq!(effective("Am"), EventClasses::NONE);
        assert!(effective("AK").has(EventClasses::LIST));
    }
}
