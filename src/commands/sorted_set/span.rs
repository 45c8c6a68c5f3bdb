//! The ends of ranges, as they are sent.

use crate::base::{float, number};
use crate::error::Error;
use crate::values::zset::{LexBound, LexRange, Ranks, ScoreBound, ScoreRange};

/// Ranks from `start` to `stop`, negative ones from the end.
pub(super) fn ranks(start: &[u8], stop: &[u8]) -> Result<Ranks, Error> {
    let rank = |text| number::parse_i64(text).ok_or(Error::NotInteger);
    Ok(Ranks {
        start: rank(start)?,
        stop: rank(stop)?,
    })
}

/// Scores from `min` to `max`; `(` before one leaves it out.
pub(super) fn scores(min: &[u8], max: &[u8]) -> Result<ScoreRange, Error> {
    let bound = |text: &[u8]| {
        let (exclusive, text) = match text {
            [b'(', rest @ ..] => (true, rest),
            text => (false, text),
        };
        let score = float::parse_f64_as_c(text).ok_or(Error::SCORE_RANGE)?;
        Ok::<_, Error>(ScoreBound { score, exclusive })
    };
    Ok(ScoreRange {
        min: bound(min)?,
        max: bound(max)?,
    })
}

/// Names from `min` to `max`: `[` before one includes it, `(` leaves it out, `-` and `+` are the
/// ends of all names.
pub(super) fn names<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, Error> {
    fn bound(text: &[u8]) -> Result<LexBound<'_>, Error> {
        match text {
            // What follows a NUL is not seen.
            [b'-'] | [b'-', 0, ..] => Ok(LexBound::Lowest),
            [b'+'] | [b'+', 0, ..] => Ok(LexBound::Highest),
            [b'[', name @ ..] => Ok(LexBound::Inclusive(name)),
            [b'(', name @ ..] => Ok(LexBound::Exclusive(name)),
            _ => Err(Error::LEX_RANGE),
        }
    }
    Ok(LexRange {
        min: bound(min)?,
        max: bound(max)?,
    })
}
