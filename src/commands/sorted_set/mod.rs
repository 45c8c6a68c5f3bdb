//! Sorted sets.

mod add;
mod combine;
mod draw;
mod pop;
mod range;
mod read;
mod remove;
mod rows;
mod scan;
mod source;
mod span;

use super::spec::category;
use super::table::Family;
use crate::keyspace::Txn;
use crate::keyspace::txn::LONG_ELEMENTS;
use crate::protocol::Reply;
use crate::values::Element;
use crate::values::packed::Limits;

/// The family.
pub static FAMILY: Family = Family {
    group: "sorted_set",
    category: category::SORTEDSET,
    commands: rows::COMMANDS,
};

pub(super) use add::{Condition, insert};
pub(super) use range::store;

/// Up to where sorted sets are packed.
pub(super) fn limits(txn: &Txn<'_>) -> Limits {
    let encoding = &txn.config().encoding;
    let size = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
    Limits {
        entries: size(encoding.zset_max_listpack_entries),
        value_bytes: size(encoding.zset_max_listpack_value),
    }
}

/// From how many members on work on them is long. It is asked before a key is opened; see
/// [`Txn::is_long`].
pub(super) fn long_from(txn: &Txn<'_>) -> usize {
    if txn.is_long(usize::MAX) {
        LONG_ELEMENTS
    } else {
        usize::MAX
    }
}

/// Replies with a member.
#[inline]
pub(super) fn reply_member(member: Element<'_>, reply: &mut Reply<'_>) {
    match member {
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Int(value) => reply.bulk_int(value),
        Element::Score(_) => unreachable!("a member is no score"),
    }
}

/// How members and their scores are laid out in a reply.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    /// Members alone.
    Names,
    /// Members and scores in turn.
    Flat,
    /// Pairs.
    Pairs,
}

impl Layout {
    /// With or without scores; RESP3 has pairs.
    fn of(scores: bool, reply: &Reply<'_>) -> Layout {
        match (scores, reply.is_resp3()) {
            (false, _) => Layout::Names,
            (true, false) => Layout::Flat,
            (true, true) => Layout::Pairs,
        }
    }

    /// The head of an array of so many members.
    fn head(self, members: usize, reply: &mut Reply<'_>) {
        let width = if self == Layout::Flat { 2 } else { 1 };
        reply.array(members * width);
    }

    /// One member.
    #[inline]
    fn member(self, member: Element<'_>, score: f64, reply: &mut Reply<'_>) {
        if self == Layout::Pairs {
            reply.array(2);
        }
        reply_member(member, reply);
        if self != Layout::Names {
            reply.double(score);
        }
    }
}
