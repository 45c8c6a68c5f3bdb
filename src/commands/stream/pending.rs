//! `XPENDING`: what a group was given and has not acknowledged.

use super::super::spec::*;
use super::arguments::{integer, range_end, range_start, unix_ms};
use super::range::reply_id;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream::{self, Group, Id, Pending};
use smallvec::SmallVec;

/// Which entries are asked for.
struct Wanted<'a> {
    idle_ms_min: i64,
    from: Id,
    to: Id,
    most: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    /// Reads `[IDLE min] start end count [consumer]`; `None` when only a summary is asked for.
    fn parse(args: Args<'a>) -> Result<Option<Wanted<'a>>, Error> {
        match args.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(Error::Syntax),
        }
        let (mut at, mut idle_ms_min) = (3, 0);
        if args.is(3, "IDLE") {
            idle_ms_min = integer(args.at(4))?;
            if args.len() < 8 {
                return Err(Error::Syntax);
            }
            at += 2;
        }
        let count = integer(args.at(at + 2))?;
        Ok(Some(Wanted {
            idle_ms_min,
            from: range_start(args.at(at))?,
            to: range_end(args.at(at + 1))?,
            most: usize::try_from(count).unwrap_or(0),
            consumer: args.get(at + 3),
        }))
    }
}

pub(super) fn xpending(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = Wanted::parse(args)?;
    let now_ms = unix_ms(txn);
    let stored = txn.read_as(txn.key(0), Type::Stream)?;
    let group = stream::of(stored.get())
        .and_then(|stream| stream.groups().get(args.at(2)))
        .ok_or_else(|| Error::no_key_or_group(args.at(1), args.at(2)))?;
    match wanted {
        None => reply_summary(group, reply),
        Some(wanted) => reply_entries(group, &wanted, now_ms, reply),
    }
    DONE
}

fn reply_summary(group: &Group, reply: &mut Reply<'_>) {
    let pending = group.pending();
    reply.array(4);
    reply.count(pending.len());
    let (Some((first, _)), Some((last, _))) = (pending.first(), pending.last()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply_id(first, reply);
    reply_id(last, reply);
    let busy = || {
        group
            .consumers()
            .filter(|consumer| !consumer.pending.is_empty())
    };
    reply.array(busy().count());
    for consumer in busy() {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_int(consumer.pending.len() as i64);
    }
}

fn reply_entries(group: &Group, wanted: &Wanted<'_>, now_ms: u64, reply: &mut Reply<'_>) {
    let pending = group.pending();
    let idle_ms = |entry: &Pending| (now_ms as i64).saturating_sub(entry.delivered_ms as i64);
    let asked_for = |(_, entry): &(Id, &Pending)| {
        wanted.idle_ms_min == 0 || idle_ms(entry) >= wanted.idle_ms_min
    };
    let found: SmallVec<[(Id, &Pending); 16]> = match wanted.consumer {
        None => pending
            .iter_from(wanted.from)
            .take_while(|(id, _)| *id <= wanted.to)
            .filter(asked_for)
            .take(wanted.most)
            .collect(),
        Some(name) => {
            let consumer = group.find(name).map(|consumer| group.consumer(consumer));
            let ids = consumer
                .into_iter()
                .flat_map(|c| c.pending.iter_from(wanted.from));
            ids.take_while(|(id, ())| *id <= wanted.to)
                .filter_map(|(id, ())| Some((id, pending.get(id)?)))
                .filter(asked_for)
                .take(wanted.most)
                .collect()
        }
    };
    reply.array(found.len());
    for (id, entry) in found {
        reply.array(4);
        reply_id(id, reply);
        reply.bulk(group.owner(entry));
        reply.int(idle_ms(entry).max(0));
        reply.int(entry.count as i64);
    }
}
