//! `XREAD` and `XREADGROUP`: several streams at once, waiting for new messages if asked to.

use super::super::spec::*;
use super::arguments::{id, integer, most, unix_ms};
use super::range::{has_more_than, reply_content, reply_id, reply_message, reply_range};
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::args::{OwnedArgs, Span};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream::{self, ConsumerId, Group, Id, Log, Pending, Stream};
use smallvec::SmallVec;

/// What may precede the streams, with the number of arguments each takes.
pub(super) const OPTIONS: &[(&str, usize)] = &[
    ("COUNT", 1),
    ("BLOCK", 1),
    ("GROUP", 2),
    ("CLAIM", 1),
    ("NOACK", 0),
];

/// A request for messages.
struct Request<'a> {
    most: usize,
    /// Waits so many ms for messages; 0 is for ever.
    block_ms: Option<u64>,
    /// The group and the consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    /// What is given is taken for acknowledged.
    no_ack: bool,
    /// Takes over what others were given at least so many ms ago, before anything new.
    claim_ms: Option<u64>,
    /// Index of the first id.
    ids_at: usize,
    streams: usize,
}

impl<'a> Request<'a> {
    fn parse(args: Args<'a>, grouped: bool) -> Result<Request<'a>, Error> {
        let mut request = Request {
            most: usize::MAX,
            block_ms: None,
            group: None,
            no_ack: false,
            claim_ms: None,
            ids_at: 0,
            streams: 0,
        };
        let mut at = 1;
        while at < args.len() {
            let operands = args.len() - 1 - at;
            if args.is(at, "BLOCK") && operands > 0 {
                at += 1;
                request.block_ms = Some(timeout(args.at(at))?);
            } else if args.is(at, "COUNT") && operands > 0 {
                at += 1;
                request.most = most(integer(args.at(at))?);
            } else if args.is(at, "STREAMS") && operands > 0 {
                if !operands.is_multiple_of(2) {
                    return Err(Error::XREAD_UNBALANCED);
                }
                request.streams = operands / 2;
                request.ids_at = at + 1 + request.streams;
                break;
            } else if args.is(at, "GROUP") && operands > 1 {
                if !grouped {
                    return Err(Error::XREAD_GROUP);
                }
                request.group = Some((args.at(at + 1), args.at(at + 2)));
                at += 2;
            } else if args.is(at, "CLAIM") && operands > 0 {
                at += 1;
                request.claim_ms = Some(claim_ms(args.at(at), grouped)?);
            } else if args.is(at, "NOACK") {
                if !grouped {
                    return Err(Error::XREAD_NOACK);
                }
                request.no_ack = true;
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        if request.streams == 0 {
            return Err(Error::Syntax);
        }
        if grouped && request.group.is_none() {
            return Err(Error::XREADGROUP_NO_GROUP);
        }
        Ok(request)
    }

    /// The outcome when no stream has anything to give. `again`: what to ask for when one has.
    fn wait(&self, again: Option<OwnedArgs>, reply: &mut Reply<'_>) -> Outcome {
        let Some(block_ms) = self.block_ms else {
            reply.null_array();
            return DONE;
        };
        Ok(Flow::Block(Box::new(Block {
            timeout_ms: (block_ms > 0).then_some(block_ms),
            kind: Type::Stream,
            when_gone: self.group.is_some(),
            otherwise: Otherwise::NullArray,
            again,
        })))
    }
}

fn claim_ms(text: &[u8], grouped: bool) -> Result<u64, Error> {
    if !grouped {
        return Err(Error::XREAD_CLAIM);
    }
    let idle_ms = integer(text).map_err(|_| Error::XREADGROUP_CLAIM)?;
    u64::try_from(idle_ms).map_err(|_| Error::XREADGROUP_CLAIM_NEGATIVE)
}

fn timeout(text: &[u8]) -> Result<u64, Error> {
    let timeout = integer(text).map_err(|_| Error::TIMEOUT_NOT_INTEGER)?;
    u64::try_from(timeout).map_err(|_| Error::TIMEOUT_NEGATIVE)
}

/// The head of the reply's part for one stream.
fn reply_stream(key: &[u8], reply: &mut Reply<'_>) {
    if !reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk(key);
}

/// The head of the whole reply.
fn reply_streams(count: usize, reply: &mut Reply<'_>) {
    if reply.is_resp3() {
        reply.map(count);
    } else {
        reply.array(count);
    }
}

pub(super) fn xread(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let request = Request::parse(args, false)?;
    let mut after: SmallVec<[Id; 4]> = SmallVec::new();
    let mut ready: SmallVec<[usize; 4]> = SmallVec::new();
    let short_max = txn.short_elements_max();
    for n in 0..request.streams {
        let stored = txn.read_as(txn.key(n), Type::Stream)?;
        let stream = stream::of(stored.get());
        let start = start(args.at(request.ids_at + n), stream)?;
        after.push(start);
        let Some(log) = stream.map(Stream::log) else {
            continue;
        };
        if log.last_message_id() > start {
            if has_more_than(short_max, log, start, request.most) {
                return Ok(Flow::Long);
            }
            ready.push(n);
        }
    }
    if ready.is_empty() {
        return request.wait(resolved(args, &request, &after), reply);
    }
    reply_streams(ready.len(), reply);
    for n in ready {
        let key = txn.key(n);
        reply_stream(key.bytes(), reply);
        let stored = txn.held(key);
        let stream = stream::of(stored.get()).expect("seen to have messages");
        let from = after[n].next().expect("there are messages beyond it");
        reply_range(stream.log(), from, Id::MAX, request.most, reply);
    }
    DONE
}

/// The id after which an `XREAD` wants messages: `$` is the last given, `+` just before the last
/// message.
fn start(text: &[u8], stream: Option<&Stream>) -> Result<Id, Error> {
    let log = stream.map(Stream::log);
    match text {
        b"$" => Ok(log.map_or(Id::MIN, Log::last_id)),
        b">" => Err(Error::XREAD_NEW),
        b"+" => Ok(log.map_or(Id::MIN, |log| {
            log.last_message_id().previous().unwrap_or(log.last_id())
        })),
        text => id(text),
    }
}

/// The request with its ids as they are now, if any is relative to the stream's end.
fn resolved(args: Args<'_>, request: &Request<'_>, after: &[Id]) -> Option<OwnedArgs> {
    request.block_ms?;
    let relative = |text: &[u8]| matches!(text, b"$" | b"+");
    if !args.from(request.ids_at).any(relative) {
        return None;
    }
    let (mut buffer, mut spans) = (Vec::new(), Vec::new());
    let mut add = |bytes: &[u8]| {
        spans.push(Span::new(buffer.len(), bytes.len()));
        buffer.extend_from_slice(bytes);
    };
    args.from(0).take(request.ids_at).for_each(&mut add);
    after.iter().for_each(|id| id.with_text(&mut add));
    Some(OwnedArgs::new(buffer, spans))
}

/// What a consumer wants of a stream.
#[derive(Clone, Copy)]
enum Wish {
    /// What nobody was given.
    New,
    /// What it was given after this id, and has not acknowledged.
    History(Id),
}

/// What is wanted of each stream; `None` when that is long work.
fn wishes(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    request: &Request<'_>,
    group: &[u8],
) -> Result<Option<SmallVec<[Wish; 4]>>, Error> {
    let short_max = txn.short_elements_max();
    let mut wishes = SmallVec::new();
    let mut is_long = false;
    for n in 0..request.streams {
        let key = txn.key(n);
        let stored = txn.read_as(key, Type::Stream)?;
        let found = stream::of(stored.get());
        let Some((stream, read_by)) = found.and_then(|s| Some((s, s.groups().get(group)?))) else {
            return Err(Error::no_key_or_group_to_read(key.bytes(), group));
        };
        let wish = match args.at(request.ids_at + n) {
            b"$" => return Err(Error::XREADGROUP_LAST),
            b">" => Wish::New,
            text => match id(text)? {
                Id::MAX => Wish::New,
                id => Wish::History(id),
            },
        };
        let pending = read_by.pending().len();
        is_long |= match wish {
            // All that is pending is looked at.
            Wish::New if request.claim_ms.is_some() && pending > short_max => true,
            Wish::New => has_more_than(short_max, stream.log(), read_by.last_id, request.most),
            Wish::History(_) => pending.min(request.most) > short_max,
        };
        wishes.push(wish);
    }
    Ok((!is_long).then_some(wishes))
}

pub(super) fn xreadgroup(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let request = Request::parse(args, true)?;
    let (group, consumer) = request.group.ok_or(Error::XREADGROUP_NO_GROUP)?;
    let Some(wishes) = wishes(txn, args, &request, group)? else {
        return Ok(Flow::Long);
    };
    let now_ms = unix_ms(txn);
    let start = reply.output().buffer().len();
    let mut served = 0;
    for (n, wish) in wishes.into_iter().enumerate() {
        let key = txn.key(n);
        let mut edit = txn.edit_as(key, Type::Stream)?;
        let stream = stream::of_mut(&mut edit).expect("seen to exist");
        let (log, mut group) = stream.with_group(group).expect("seen to exist");
        let overdue = match (wish, request.claim_ms) {
            (Wish::New, Some(idle_ms)) => overdue(log, &mut group, idle_ms, request.most, now_ms),
            _ => SmallVec::new(),
        };
        let nothing_new = log.last_message_id() <= group.last_id;
        if matches!(wish, Wish::New) && nothing_new && overdue.is_empty() {
            continue;
        }
        if served == 0 {
            // How many there will be is known at the end.
            reply_streams(1, reply);
        }
        served += 1;
        reply_stream(key.bytes(), reply);
        let (consumer, fresh) = group.find_or_create(consumer, now_ms);
        match wish {
            Wish::New if request.claim_ms.is_some() => {
                claim(log, &mut group, consumer, &overdue, &request, now_ms, reply);
            }
            Wish::New => deliver(log, &mut group, consumer, &request, now_ms, reply),
            Wish::History(after) => {
                repeat(log, &mut group, consumer, after, &request, now_ms, reply);
            }
        }
        drop(group);
        edit.changed_unwatched(if fresh {
            Event::Stream("xgroup-createconsumer")
        } else {
            Event::Unnamed
        });
    }
    if served == 0 {
        return request.wait(None, reply);
    }
    if served > 1 {
        let digits = served.to_string().into_bytes();
        let buffer = reply.output().buffer();
        buffer.splice(start + 1..start + 2, digits);
    }
    DONE
}

/// Gives a consumer what nobody was given; there is something.
fn deliver(
    log: &Log,
    group: &mut Group,
    consumer: ConsumerId,
    request: &Request<'_>,
    now_ms: u64,
    reply: &mut Reply<'_>,
) {
    let from = group.last_id.next().expect("there are messages beyond it");
    let range = log.range(from, Id::MAX);
    let count = range.count_up_to(request.most);
    reply.array(count);
    for message in range.take(count) {
        reply_message(&message, reply);
        group.advance(log, message.id);
        if !request.no_ack {
            group.deliver(message.id, consumer, now_ms);
        }
    }
    group.set_active(consumer, now_ms);
}

/// What others were given at least `idle_ms` ago, in the order of ids: when, and how often.
/// Forgets on the way what is no longer there to be given.
fn overdue(
    log: &Log,
    group: &mut Group,
    idle_ms: u64,
    most: usize,
    now_ms: u64,
) -> SmallVec<[(Id, Pending); 4]> {
    let late = |entry: &Pending| now_ms.saturating_sub(entry.delivered_ms) >= idle_ms;
    let mut found = SmallVec::new();
    let mut gone: SmallVec<[Id; 4]> = SmallVec::new();
    for (id, entry) in group.pending().iter_from(Id::MIN).filter(|(_, e)| late(e)) {
        if !log.contains(id) {
            gone.push(id);
        } else if found.len() < most {
            found.push((id, *entry));
        } else {
            break;
        }
    }
    for id in gone {
        group.acknowledge(id);
    }
    found
}

/// Gives a consumer what is overdue, then what nobody was given. Each message comes with the time
/// since it was last given to anybody, in ms, and how often it was.
fn claim(
    log: &Log,
    group: &mut Group,
    consumer: ConsumerId,
    overdue: &[(Id, Pending)],
    request: &Request<'_>,
    now_ms: u64,
    reply: &mut Reply<'_>,
) {
    let most = request.most - overdue.len();
    let (fresh, count) = match group.last_id.next() {
        Some(from) => {
            let fresh = log.range(from, Id::MAX);
            let count = fresh.count_up_to(most);
            (fresh, count)
        }
        None => (log.range(Id::MAX, Id::MAX), 0),
    };
    reply.array(overdue.len() + count);
    for (id, before) in overdue {
        let message = log.get(*id).expect("seen to be there");
        reply.array(4);
        reply_content(&message, reply);
        reply.int(now_ms.saturating_sub(before.delivered_ms) as i64);
        reply.int(before.count as i64);
        group.redeliver(*id, |entry| {
            *entry = Pending {
                consumer,
                delivered_ms: now_ms,
                count: before.count.wrapping_add(1),
            };
        });
    }
    for message in fresh.take(count) {
        reply.array(4);
        reply_content(&message, reply);
        reply.int(0);
        reply.int(0);
        group.advance(log, message.id);
        if !request.no_ack {
            group.deliver(message.id, consumer, now_ms);
        }
    }
    group.set_active(consumer, now_ms);
}

/// Gives a consumer again what it has not acknowledged.
fn repeat(
    log: &Log,
    group: &mut Group,
    consumer: ConsumerId,
    after: Id,
    request: &Request<'_>,
    now_ms: u64,
    reply: &mut Reply<'_>,
) {
    let from = after.next().expect("the last id asks for new messages");
    let pending = &group.consumer(consumer).pending;
    let ids = pending.iter_from(from).map(|(id, ())| id);
    let ids: SmallVec<[Id; 16]> = ids.take(request.most).collect();
    reply.array(ids.len());
    for id in ids {
        match log.get(id) {
            Some(message) => {
                reply_message(&message, reply);
                group.redeliver(id, |entry| {
                    entry.delivered_ms = now_ms;
                    entry.count = entry.count.wrapping_add(1);
                });
            }
            None => {
                reply.array(2);
                reply_id(id, reply);
                reply.null_array();
            }
        }
    }
}
