//! `XDEL`, `XDELEX`, `XACK` and `XACKDEL`: messages that are done with.

use super::super::spec::*;
use super::arguments::{IdList, ids, references};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream::{self, Deletion, References, Stream};

pub(super) fn xdel(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let Some(stream) = stream::of_mut(&mut edit) else {
        reply.int(0);
        return DONE;
    };
    let ids = ids(args, 2)?;
    let mut deleted = 0;
    for id in ids {
        if stream.delete(id, References::Keep) == Deletion::Deleted {
            deleted += 1;
        }
    }
    if deleted > 0 {
        edit.changed(Event::Stream("xdel"));
    }
    reply.int(deleted);
    DONE
}

pub(super) fn xack(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    edit.tell_missing();
    let acknowledged = match stream::of_mut(&mut edit) {
        Some(stream) => acknowledge(stream, args)?,
        None => 0,
    };
    if acknowledged > 0 {
        edit.changed_unwatched(Event::Unnamed);
    }
    reply.count(acknowledged);
    DONE
}

fn acknowledge(stream: &mut Stream, args: Args<'_>) -> Result<usize, Error> {
    let Some(mut group) = stream.groups_mut().get_mut(args.at(2)) else {
        return Ok(0);
    };
    let ids = ids(args, 3)?;
    let acknowledged = ids.into_iter().filter(|id| group.acknowledge(*id));
    Ok(acknowledged.count())
}

/// Reads `[KEEPREF|DELREF|ACKED] IDS numids id …` from argument `at` on.
fn counted_ids(args: Args<'_>, mut at: usize) -> Result<(References, IdList), Error> {
    let mut policy = References::default();
    let mut listed = None;
    while at < args.len() {
        if let Some(references) = references(args, at) {
            policy = references;
            at += 1;
        } else if args.is(at, "IDS") && at + 1 < args.len() && listed.is_none() {
            let count = number::parse_i64(args.at(at + 1)).filter(|count| *count > 0);
            let count = count.ok_or(Error::STREAM_IDS_COUNT)?;
            let rest = args.skip(at + 2);
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            if count > rest.len() {
                return Err(Error::STREAM_IDS_FEWER);
            }
            listed = Some(ids(rest.first(count), 0)?);
            at += 2 + count;
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok((policy, listed.ok_or(Error::Syntax)?))
}

/// The number that says what became of a message.
fn outcome(deletion: Deletion) -> i64 {
    match deletion {
        Deletion::Missing => -1,
        Deletion::Deleted => 1,
        Deletion::Referenced => 2,
    }
}

pub(super) fn xdelex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (references, ids) = counted_ids(args, 2)?;
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let mut stream = stream::of_mut(&mut edit);
    let mut changed = false;
    reply.array(ids.len());
    for id in ids {
        let deletion = match &mut stream {
            Some(stream) => stream.delete(id, references),
            None => Deletion::Missing,
        };
        changed |= deletion == Deletion::Deleted;
        reply.int(outcome(deletion));
    }
    if changed {
        edit.changed(Event::Stream("xdel"));
    }
    DONE
}

pub(super) fn xackdel(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (references, ids) = counted_ids(args, 3)?;
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let mut stream = stream::of_mut(&mut edit);
    let (mut acknowledged, mut deleted) = (false, false);
    reply.array(ids.len());
    for id in ids {
        let pending = stream.as_mut().is_some_and(|stream| {
            let group = stream.groups_mut().get_mut(args.at(2));
            group.is_some_and(|mut group| group.acknowledge(id))
        });
        let Some(stream) = stream.as_mut().filter(|_| pending) else {
            reply.int(outcome(Deletion::Missing));
            continue;
        };
        acknowledged = true;
        // A message that was deleted before is as gone as one deleted now.
        let deletion = match stream.delete(id, references) {
            Deletion::Referenced => Deletion::Referenced,
            Deletion::Deleted | Deletion::Missing => Deletion::Deleted,
        };
        deleted |= deletion == Deletion::Deleted;
        reply.int(outcome(deletion));
    }
    if deleted {
        edit.changed(Event::Stream("xdel"));
    } else if acknowledged {
        edit.changed_unwatched(Event::Unnamed);
    }
    DONE
}
