//! Commands that reply with a range of members: `ZRANGE` and its many older forms.

use super::super::spec::*;
use super::{Layout, limits, long_from, span};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Key, Ttl, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::zset::{Gathering, Iter, Span, Zset};
use std::ops::Range;

/// What a range is told by.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A request for a range.
struct Wanted<'a> {
    span: Span<'a>,
    reverse: bool,
    /// From which of the range's members on; beyond all of them when negative.
    offset: i64,
    /// How many; all when negative.
    limit: i64,
    scores: bool,
}

/// What of a request its command's name says.
#[derive(Clone, Copy)]
struct Form {
    by: Option<By>,
    reverse: Option<bool>,
    /// Index of the source key.
    source: usize,
    /// Is the range stored?
    store: bool,
}

impl Form {
    const fn fixed(by: By, reverse: bool) -> Form {
        Form {
            by: Some(by),
            reverse: Some(reverse),
            source: 1,
            store: false,
        }
    }

    /// Reads a request.
    fn parse<'a>(&self, args: Args<'a>) -> Result<Wanted<'a>, Error> {
        let (mut by, mut reverse) = (self.by, self.reverse);
        let (mut offset, mut limit, mut scores) = (0, -1, false);
        let mut at = self.source + 3;
        while at < args.len() {
            if !self.store && args.is(at, "withscores") {
                scores = true;
            } else if args.is(at, "limit") && at + 2 < args.len() {
                let number = |at| number::parse_i64(args.at(at)).ok_or(Error::NotInteger);
                (offset, limit) = (number(at + 1)?, number(at + 2)?);
                at += 2;
            } else if reverse.is_none() && args.is(at, "rev") {
                reverse = Some(true);
            } else if by.is_none() && args.is(at, "bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(at, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(Error::RANGE_LIMIT);
        }
        if scores && by == By::Lex {
            return Err(Error::RANGE_LEX_SCORES);
        }
        let (first, second) = (args.at(self.source + 1), args.at(self.source + 2));
        let (min, max) = if reverse {
            (second, first)
        } else {
            (first, second)
        };
        let span = match by {
            By::Rank => {
                offset = 0;
                Span::Ranks(span::ranks(first, second)?)
            }
            By::Score => Span::Scores(span::scores(min, max)?),
            By::Lex => Span::Names(span::names(min, max)?),
        };
        Ok(Wanted {
            span,
            reverse,
            offset,
            limit,
            scores,
        })
    }
}

impl Wanted<'_> {
    /// The ranks of the members wanted.
    fn ranks<C: crate::values::content::Read>(&self, zset: &Zset<C>) -> Range<usize> {
        let mut ranks = zset.ranks(&self.span);
        if let (Span::Ranks(_), true) = (self.span, self.reverse) {
            let len = zset.len();
            ranks = len - ranks.end..len - ranks.start;
        }
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let skipped = offset.min(ranks.len());
        let count = limit.min(ranks.len() - skipped);
        if self.reverse {
            let end = ranks.end - skipped;
            end - count..end
        } else {
            let start = ranks.start + skipped;
            start..start + count
        }
    }
}

fn walk<C: crate::values::content::Read>(
    zset: &Zset<C>,
    ranks: Range<usize>,
    reverse: bool,
) -> Iter<'_> {
    if reverse {
        zset.iter_back(ranks)
    } else {
        zset.iter(ranks)
    }
}

fn reply_range(txn: &mut Txn<'_>, args: Args<'_>, form: Form, reply: &mut Reply<'_>) -> Outcome {
    let wanted = form.parse(args)?;
    let long = long_from(txn);
    let zset = Zset::new(txn.read_as(txn.key(0), Type::Zset)?);
    let ranks = wanted.ranks(&zset);
    if ranks.len() > long {
        return Ok(Flow::Long);
    }
    let layout = Layout::of(wanted.scores, reply);
    layout.head(ranks.len(), reply);
    for (name, score) in walk(&zset, ranks, wanted.reverse) {
        layout.member(name, score, reply);
    }
    DONE
}

pub(super) fn zrange(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let form = Form {
        by: None,
        reverse: None,
        source: 1,
        store: false,
    };
    reply_range(txn, args, form, reply)
}

pub(super) fn zrevrange(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply_range(txn, args, Form::fixed(By::Rank, true), reply)
}

pub(super) fn by_score(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply_range(txn, args, Form::fixed(By::Score, false), reply)
}

pub(super) fn rev_by_score(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply_range(txn, args, Form::fixed(By::Score, true), reply)
}

pub(super) fn by_lex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply_range(txn, args, Form::fixed(By::Lex, false), reply)
}

pub(super) fn rev_by_lex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply_range(txn, args, Form::fixed(By::Lex, true), reply)
}

pub(super) fn zrangestore(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let form = Form {
        by: None,
        reverse: None,
        source: 2,
        store: true,
    };
    let wanted = form.parse(args)?;
    let (limits, long) = (limits(txn), long_from(txn));
    let zset = Zset::new(txn.read_as(txn.key(1), Type::Zset)?);
    let ranks = wanted.ranks(&zset);
    let stored = ranks.len();
    if stored > long {
        return Ok(Flow::Long);
    }
    let mut members = Gathering::with_room(stored);
    let known = matches!(wanted.span, Span::Ranks(_));
    let mut packed = !known || stored <= limits.entries;
    for (index, (name, score)) in walk(&zset, ranks, wanted.reverse).enumerate() {
        // As long as Redis packs what it stores, -0 becomes 0: a listpack has integers. It knows
        // beforehand only of ranks that there are too many.
        packed &= index < limits.entries && name.text_len() <= limits.value_bytes;
        let score = if packed { score + 0.0 } else { score };
        name.with_text(|name| members.put(name, score, |_| score));
    }
    store(
        txn,
        txn.key(0),
        members.into_value(limits),
        stored,
        "zrangestore",
    );
    reply.count(stored);
    DONE
}

/// Puts a sorted set of `len` members into a key, whatever was there.
pub(in crate::commands) fn store<'a>(
    txn: &mut Txn<'a>,
    key: Key<'a>,
    value: crate::values::Value,
    len: usize,
    event: &'static str,
) {
    let mut edit = txn.edit(key);
    if len > 0 {
        edit.store_as(Type::Zset, value, Ttl::Clear);
        edit.changed(Event::Zset(event));
    } else if edit.remove() {
        edit.changed(Event::Generic("del"));
    }
}
