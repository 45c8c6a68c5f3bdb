//! `XGROUP`: making, moving and removing consumer groups and their consumers.

use super::super::spec::*;
use super::arguments::{id, integer, unix_ms};
use crate::error::Error;
use crate::keyspace::{Edit, Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream::{self, Group, GroupMut, Id};

/// Index of the first option of `CREATE` and `SETID`.
const OPTIONS_AT: usize = 5;

#[derive(Default)]
struct Options {
    make_stream: bool,
    entries_read: Option<i64>,
}

impl Options {
    fn parse(args: Args<'_>, creating: bool) -> Result<Options, Error> {
        let mut options = Options::default();
        let mut at = OPTIONS_AT;
        while at < args.len() {
            if creating && args.is(at, "MKSTREAM") {
                options.make_stream = true;
                at += 1;
            } else if args.is(at, "ENTRIESREAD") && at + 1 < args.len() {
                options.entries_read = match integer(args.at(at + 1))? {
                    -1 => None,
                    read @ 0.. => Some(read),
                    _ => return Err(Error::STREAM_ENTRIES_READ),
                };
                at += 2;
            } else {
                return Err(usage(args));
            }
        }
        Ok(options)
    }
}

fn usage(args: Args<'_>) -> Error {
    Error::subcommand_usage(args.at(1), "XGROUP")
}

/// A group that must exist, as its stream must.
fn existing<'e>(edit: &'e mut Edit<'_, '_>, args: Args<'_>) -> Result<GroupMut<'e>, Error> {
    let stream = stream::of_mut(edit).ok_or(Error::XGROUP_NO_KEY)?;
    let group = stream.groups_mut().get_mut(args.at(3));
    group.ok_or_else(|| Error::no_group(args.at(2), args.at(3)))
}

pub(super) fn create(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args, true)?;
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let exists = edit.exists();
    if !exists && !options.make_stream {
        return Err(Error::XGROUP_NO_KEY);
    }
    if args.len() > OPTIONS_AT + 3 {
        return Err(usage(args));
    }
    let last_id = match args.at(4) {
        b"$" => stream::of_mut(&mut edit).map_or(Id::MIN, |stream| stream.log().last_id()),
        text => id(text)?,
    };
    let group = Group::new(args.at(3), last_id, options.entries_read);
    if !stream::create(&mut edit).groups_mut().create(group) {
        return Err(Error::GROUP_EXISTS);
    }
    let event = Event::Stream("xgroup-create");
    if exists {
        edit.changed_unwatched(event);
    } else {
        edit.changed(event);
    }
    reply.ok();
    DONE
}

pub(super) fn set_id(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(args, false)?;
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let stream = stream::of_mut(&mut edit).ok_or(Error::XGROUP_NO_KEY)?;
    let (log, mut group) = stream
        .with_group(args.at(3))
        .ok_or_else(|| Error::no_group(args.at(2), args.at(3)))?;
    if args.len() > OPTIONS_AT + 2 {
        return Err(usage(args));
    }
    group.last_id = match args.at(4) {
        b"$" => log.last_id(),
        text => Id::parse_edge(text, 0).ok_or(Error::STREAM_ID)?,
    };
    group.entries_read = options.entries_read;
    drop(group);
    edit.changed_unwatched(Event::Stream("xgroup-setid"));
    reply.ok();
    DONE
}

pub(super) fn destroy(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let stream = stream::of_mut(&mut edit).ok_or(Error::XGROUP_NO_KEY)?;
    let destroyed = stream.groups_mut().destroy(args.at(3));
    if destroyed {
        edit.changed_unwatched(Event::Stream("xgroup-destroy"));
    }
    reply.int(destroyed.into());
    DONE
}

pub(super) fn create_consumer(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let now_ms = unix_ms(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let mut group = existing(&mut edit, args)?;
    let fresh = match group.find(args.at(4)) {
        Some(_) => false,
        None => group.find_or_create(args.at(4), now_ms).1,
    };
    drop(group);
    if fresh {
        edit.changed_unwatched(Event::Stream("xgroup-createconsumer"));
    }
    reply.int(fresh.into());
    DONE
}

pub(super) fn delete_consumer(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let mut group = existing(&mut edit, args)?;
    let pending = group.remove_consumer(args.at(4));
    drop(group);
    if pending.is_some() {
        edit.changed_unwatched(Event::Stream("xgroup-delconsumer"));
    }
    reply.count(pending.unwrap_or(0));
    DONE
}
