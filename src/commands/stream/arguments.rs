//! Arguments that several stream commands share.

use crate::base::number;
use crate::config::Config;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::Args;
use crate::values::stream::{Id, NodeLimits, References};
use smallvec::SmallVec;

/// The ids of one request.
pub(super) type IdList = SmallVec<[Id; 8]>;

/// An id; its sequence number is 0 if none is given.
pub(super) fn id(text: &[u8]) -> Result<Id, Error> {
    Id::parse(text, 0).ok_or(Error::STREAM_ID)
}

/// The ids from argument `from` on.
pub(super) fn ids(args: Args<'_>, from: usize) -> Result<IdList, Error> {
    args.from(from).map(id).collect()
}

/// The first id of a range; `(` excludes it.
pub(super) fn range_start(text: &[u8]) -> Result<Id, Error> {
    match text {
        [b'(', text @ ..] if !text.is_empty() => {
            id(text)?.next().ok_or(Error::STREAM_INTERVAL_START)
        }
        text => Id::parse_edge(text, 0).ok_or(Error::STREAM_ID),
    }
}

/// The last id of a range; `(` excludes it.
pub(super) fn range_end(text: &[u8]) -> Result<Id, Error> {
    match text {
        [b'(', text @ ..] if !text.is_empty() => Id::parse(text, u64::MAX)
            .ok_or(Error::STREAM_ID)?
            .previous()
            .ok_or(Error::STREAM_INTERVAL_END),
        text => Id::parse_edge(text, u64::MAX).ok_or(Error::STREAM_ID),
    }
}

/// An integer.
pub(super) fn integer(text: &[u8]) -> Result<i64, Error> {
    number::parse_i64(text).ok_or(Error::NotInteger)
}

/// How many, where 0 or less is all there are.
pub(super) fn most(count: i64) -> usize {
    match usize::try_from(count) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(count) => count,
    }
}

/// The word for what becomes of references, if argument `at` is one.
pub(super) fn references(args: Args<'_>, at: usize) -> Option<References> {
    [
        ("KEEPREF", References::Keep),
        ("DELREF", References::Delete),
        ("ACKED", References::Respect),
    ]
    .into_iter()
    .find(|(word, _)| args.is(at, word))
    .map(|(_, references)| references)
}

/// How large blocks become.
pub(super) fn node_limits(config: &Config) -> NodeLimits {
    NodeLimits {
        entries: config.encoding.stream_node_max_entries,
        bytes: config.encoding.stream_node_max_bytes,
    }
}

/// Now, Unix time in ms: what ids are made of, and deliveries remembered by.
pub(super) fn unix_ms(txn: &Txn<'_>) -> u64 {
    u64::try_from(txn.to_unix(txn.now_ms())).unwrap_or(0)
}
