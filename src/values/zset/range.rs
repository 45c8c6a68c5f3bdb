//! Ranges of scores and of names.

use super::super::Element;
use std::ops::Range;

/// An end of a range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreBound {
    /// The score.
    pub score: f64,
    /// Is the score itself outside?
    pub exclusive: bool,
}

/// Scores from one to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// Where it begins.
    pub min: ScoreBound,
    /// Where it ends.
    pub max: ScoreBound,
}

impl ScoreRange {
    /// Does a score lie before the range?
    #[inline]
    pub fn is_after(&self, score: f64) -> bool {
        let ScoreBound {
            score: min,
            exclusive,
        } = self.min;
        score < min || (exclusive && score == min)
    }

    /// Does a score lie before the range's end: in it, or before it?
    #[inline]
    pub fn ends_after(&self, score: f64) -> bool {
        let ScoreBound {
            score: max,
            exclusive,
        } = self.max;
        score < max || (!exclusive && score == max)
    }
}

/// An end of a range of names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LexBound<'a> {
    /// Before every name: `-`.
    Lowest,
    /// Behind every name: `+`.
    Highest,
    /// This name is inside: `[name`.
    Inclusive(&'a [u8]),
    /// This name is outside: `(name`.
    Exclusive(&'a [u8]),
}

/// Names from one to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LexRange<'a> {
    /// Where it begins.
    pub min: LexBound<'a>,
    /// Where it ends.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// Does a name lie before the range?
    pub fn is_after(&self, name: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Inclusive(min) => name < min,
            LexBound::Exclusive(min) => name <= min,
        }
    }

    /// Does a name lie before the range's end: in it, or before it?
    pub fn ends_after(&self, name: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => false,
            LexBound::Highest => true,
            LexBound::Inclusive(max) => name <= max,
            LexBound::Exclusive(max) => name < max,
        }
    }

    /// Can no name lie in it?
    pub fn is_empty(&self) -> bool {
        use LexBound::{Exclusive, Highest, Inclusive, Lowest};
        match (self.min, self.max) {
            (Highest, _) | (_, Lowest) => true,
            (Lowest, _) | (_, Highest) => false,
            (Inclusive(min), Inclusive(max)) => min > max,
            (Inclusive(min) | Exclusive(min), Inclusive(max) | Exclusive(max)) => min >= max,
        }
    }
}

impl ScoreRange {
    /// Can no score lie in it?
    pub fn is_empty(&self) -> bool {
        let (min, max) = (self.min, self.max);
        min.score > max.score || (min.score == max.score && (min.exclusive || max.exclusive))
    }
}

/// Which members a command means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Span<'a> {
    /// Those from one rank to another.
    Ranks(Ranks),
    /// Those with a score in the range.
    Scores(ScoreRange),
    /// Those with a name in the range, in a set whose scores are all equal.
    Names(LexRange<'a>),
}

/// Ranks as commands give them: negative ones count from the end, both ends are inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranks {
    /// The first.
    pub start: i64,
    /// The last.
    pub stop: i64,
}

impl Ranks {
    /// The ranks of these among `len` members.
    pub fn of(self, len: usize) -> Range<usize> {
        let len = len as i64;
        let from_front = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
        let start = from_front(self.start).max(0);
        let stop = from_front(self.stop).min(len - 1);
        if start > stop {
            return 0..0;
        }
        start as usize..stop as usize + 1
    }
}

impl Span<'_> {
    /// Does a member lie before the members meant, if those are not told by rank?
    pub(super) fn is_after(&self, name: Element<'_>, score: f64) -> bool {
        match self {
            Span::Ranks(_) => false,
            Span::Scores(range) => range.is_after(score),
            Span::Names(range) => name.with_text(|name| range.is_after(name)),
        }
    }

    /// Does a member lie before the end of the members meant, if that is not told by rank?
    pub(super) fn ends_after(&self, name: Element<'_>, score: f64) -> bool {
        match self {
            Span::Ranks(_) => true,
            Span::Scores(range) => range.ends_after(score),
            Span::Names(range) => name.with_text(|name| range.ends_after(name)),
        }
    }

    /// Can nothing lie in it?
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Span::Ranks(_) => false,
            Span::Scores(range) => range.is_empty(),
            Span::Names(range) => range.is_empty(),
        }
    }
}
