//! `XINFO`: what is known of a stream, its groups, and their consumers.

use super::super::spec::*;
use super::arguments::{integer, most, unix_ms};
use super::range::{reply_id, reply_message, reply_range};
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream::{self, Consumer, Group, Id, Log, Message, Stream};

/// Messages and pending entries that `FULL` shows if nothing is said.
const FULL_COUNT: i64 = 10;

pub(super) fn stream(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let short_max = txn.short_elements_max();
    let stored = txn.read_as(txn.key(0), Type::Stream)?;
    let stream = stream::of(stored.get()).ok_or(Error::NoSuchKey)?;
    let usage = || Error::subcommand_usage(args.at(1), "XINFO");
    if args.len() == 3 {
        reply_stream(stream, false, reply);
        reply_ends(stream, reply);
        return DONE;
    }
    if !args.is(3, "FULL") || !matches!(args.len(), 4 | 6) {
        return Err(usage());
    }
    let mut count = FULL_COUNT;
    if args.len() == 6 {
        if !args.is(4, "COUNT") {
            return Err(usage());
        }
        count = match integer(args.at(5))? {
            count @ 0.. => count,
            _ => FULL_COUNT,
        };
    }
    if elements(stream, most(count)) > short_max {
        return Ok(Flow::Long);
    }
    reply_stream(stream, true, reply);
    reply_everything(stream, most(count), reply);
    DONE
}

/// How many messages and pending entries a full answer shows.
fn elements(stream: &Stream, most: usize) -> usize {
    let pending = |group: &Group| group.pending().len().min(most);
    let groups: usize = stream.groups().iter().map(pending).sum();
    // Each pending entry is shown twice: in its group and with its consumer.
    stream.log().len().min(most) + 2 * groups
}

/// What both forms begin with.
fn reply_stream(stream: &Stream, full: bool, reply: &mut Reply<'_>) {
    let log = stream.log();
    let producers = stream.producers();
    let fields = if full { 9 } else { 10 };
    reply.map(fields + if producers.is_some() { 6 } else { 0 });
    reply.bulk(b"length");
    reply.count(log.len());
    // Where Redis has a radix tree of nodes, there is a list of blocks.
    reply.bulk(b"radix-tree-keys");
    reply.count(log.blocks());
    reply.bulk(b"radix-tree-nodes");
    reply.count(log.blocks() + 1);
    reply.bulk(b"last-generated-id");
    reply_id(log.last_id(), reply);
    reply.bulk(b"max-deleted-entry-id");
    reply_id(log.max_deleted_id(), reply);
    reply.bulk(b"entries-added");
    reply.int(log.added() as i64);
    reply.bulk(b"recorded-first-entry-id");
    reply_id(log.first_id(), reply);
    // Only of streams that have any: the others are described as they ever were.
    if let Some(producers) = producers {
        let counts = [
            ("idmp-duration", u64::from(producers.duration_s())),
            ("idmp-maxsize", u64::from(producers.count_max())),
            ("pids-tracked", producers.len() as u64),
            ("iids-tracked", producers.records() as u64),
            ("iids-added", producers.added()),
            ("iids-duplicates", producers.duplicates()),
        ];
        for (name, count) in counts {
            reply.bulk(name.as_bytes());
            reply.int(count as i64);
        }
    }
}

fn reply_ends(stream: &Stream, reply: &mut Reply<'_>) {
    let log = stream.log();
    reply.bulk(b"groups");
    reply.count(stream.groups().len());
    let mut entry = |name: &str, message: Option<Message<'_>>| {
        reply.bulk(name.as_bytes());
        match message {
            Some(message) => reply_message(&message, reply),
            None => reply.null(),
        }
    };
    let first = log.range(Id::MIN, Id::MAX).next();
    let last = log.back(Id::MIN, Id::MAX).next();
    entry("first-entry", first);
    entry("last-entry", last);
}

fn reply_everything(stream: &Stream, most: usize, reply: &mut Reply<'_>) {
    let log = stream.log();
    reply.bulk(b"entries");
    reply_range(log, Id::MIN, Id::MAX, most, reply);
    reply.bulk(b"groups");
    reply.array(stream.groups().len());
    for group in stream.groups().iter() {
        reply.map(7);
        reply_group_name(group, reply);
        reply_progress(group, log, reply);
        reply.bulk(b"pel-count");
        reply.count(group.pending().len());
        reply.bulk(b"pending");
        reply.array(group.pending().len().min(most));
        for (id, entry) in group.pending().iter_from(Id::MIN).take(most) {
            reply.array(4);
            reply_id(id, reply);
            reply.bulk(group.owner(entry));
            reply.int(entry.delivered_ms as i64);
            reply.int(entry.count as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumer_count());
        for consumer in group.consumers() {
            reply_consumer(group, consumer, most, reply);
        }
    }
}

fn reply_group_name(group: &Group, reply: &mut Reply<'_>) {
    reply.bulk(b"name");
    reply.bulk(group.name());
}

/// How far a group has come.
fn reply_progress(group: &Group, log: &Log, reply: &mut Reply<'_>) {
    let known = |value: Option<i64>, reply: &mut Reply<'_>| match value {
        Some(value) => reply.int(value),
        None => reply.null(),
    };
    reply.bulk(b"last-delivered-id");
    reply_id(group.last_id, reply);
    reply.bulk(b"entries-read");
    known(group.entries_read, reply);
    reply.bulk(b"lag");
    known(group.lag(log), reply);
}

fn reply_consumer(group: &Group, consumer: &Consumer, most: usize, reply: &mut Reply<'_>) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(&consumer.name);
    reply.bulk(b"seen-time");
    reply.int(consumer.seen_ms as i64);
    reply.bulk(b"active-time");
    reply.int(consumer.active_ms.map_or(-1, |active_ms| active_ms as i64));
    reply.bulk(b"pel-count");
    reply.count(consumer.pending.len());
    reply.bulk(b"pending");
    reply.array(consumer.pending.len().min(most));
    for (id, ()) in consumer.pending.iter_from(Id::MIN).take(most) {
        let entry = group.pending().get(id).expect("the group has it, too");
        reply.array(3);
        reply_id(id, reply);
        reply.int(entry.delivered_ms as i64);
        reply.int(entry.count as i64);
    }
}

pub(super) fn groups(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let stored = txn.read_as(txn.key(0), Type::Stream)?;
    let stream = stream::of(stored.get()).ok_or(Error::NoSuchKey)?;
    reply.array(stream.groups().len());
    for group in stream.groups().iter() {
        reply.map(6);
        reply_group_name(group, reply);
        reply.bulk(b"consumers");
        reply.count(group.consumer_count());
        reply.bulk(b"pending");
        reply.count(group.pending().len());
        reply_progress(group, stream.log(), reply);
    }
    DONE
}

pub(super) fn consumers(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let now_ms = unix_ms(txn);
    let stored = txn.read_as(txn.key(0), Type::Stream)?;
    let stream = stream::of(stored.get()).ok_or(Error::NoSuchKey)?;
    let group = stream.groups().get(args.at(3));
    let group = group.ok_or_else(|| Error::no_group(args.at(2), args.at(3)))?;
    reply.array(group.consumer_count());
    for consumer in group.consumers() {
        let since = |moment_ms: u64| now_ms.saturating_sub(moment_ms) as i64;
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(&consumer.name);
        reply.bulk(b"pending");
        reply.count(consumer.pending.len());
        reply.bulk(b"idle");
        reply.int(since(consumer.seen_ms));
        reply.bulk(b"inactive");
        reply.int(consumer.active_ms.map_or(-1, since));
    }
    DONE
}
