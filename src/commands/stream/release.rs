//! `XNACK`: giving back what a consumer was given and will not finish.

use super::super::spec::*;
use super::arguments::{IdList, ids, integer};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream::{self, ConsumerId, Group, Id, Log};

/// What becomes of the number of deliveries.
#[derive(Clone, Copy)]
enum Mode {
    /// The last one does not count.
    Silent,
    /// It stays.
    Fail,
    /// The message is not worth another attempt.
    Fatal,
}

/// How messages are released.
struct Release {
    mode: Mode,
    /// The number of deliveries, whatever the mode.
    count: Option<u64>,
    /// Also those that nobody was given.
    force: bool,
    ids: IdList,
}

impl Release {
    /// Reads `mode IDS numids id … [RETRYCOUNT count] [FORCE]` from argument 3 on.
    fn parse(args: Args<'_>) -> Result<Release, Error> {
        let modes = [
            ("SILENT", Mode::Silent),
            ("FAIL", Mode::Fail),
            ("FATAL", Mode::Fatal),
        ];
        let mode = modes.into_iter().find(|(word, _)| args.is(3, word));
        let mut release = Release {
            mode: mode.ok_or(Error::Syntax)?.1,
            count: None,
            force: false,
            ids: IdList::new(),
        };
        if !args.is(4, "IDS") {
            return Err(Error::Syntax);
        }
        let count = number::parse_i64(args.at(5)).filter(|count| *count > 0);
        let count = usize::try_from(count.ok_or(Error::STREAM_IDS_COUNT)?);
        let rest = args.skip(6);
        let count = count.ok().filter(|count| *count <= rest.len());
        let count = count.ok_or(Error::STREAM_IDS_FEWER)?;
        release.ids = ids(rest.first(count), 0)?;
        let mut at = 6 + count;
        while at < args.len() {
            if args.is(at, "FORCE") {
                release.force = true;
            } else if args.is(at, "RETRYCOUNT") && at + 1 < args.len() {
                at += 1;
                let count = u64::try_from(integer(args.at(at))?);
                release.count = Some(count.map_err(|_| Error::MustBePositive)?);
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        Ok(release)
    }

    /// Releases one message; false if there is nothing to release.
    fn give_back(&self, log: &Log, group: &mut Group, id: Id) -> bool {
        if group.pending().get(id).is_none() {
            if !self.force || !log.contains(id) {
                return false;
            }
            group.deliver(id, ConsumerId::NOBODY, 0);
        }
        group.redeliver(id, |entry| {
            entry.consumer = ConsumerId::NOBODY;
            // Long enough ago for whoever claims it.
            entry.delivered_ms = 0;
            entry.count = match (self.count, self.mode) {
                (Some(count), _) => count,
                (None, Mode::Silent) => entry.count.saturating_sub(1),
                (None, Mode::Fail) => entry.count,
                (None, Mode::Fatal) => i64::MAX as u64,
            };
        })
    }
}

pub(super) fn xnack(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let release = Release::parse(args)?;
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let (log, mut group) = stream::of_mut(&mut edit)
        .and_then(|stream| stream.with_group(args.at(2)))
        .ok_or_else(|| Error::no_key_or_group(args.at(1), args.at(2)))?;
    let mut released = 0;
    for id in &release.ids {
        released += usize::from(release.give_back(log, &mut group, *id));
    }
    drop(group);
    if released > 0 {
        edit.changed_unwatched(Event::Unnamed);
    }
    reply.count(released);
    DONE
}
