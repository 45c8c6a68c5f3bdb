//! `XCLAIM` and `XAUTOCLAIM`: taking over what another consumer was given and did not finish.

use super::super::spec::*;
use super::arguments::{IdList, id, range_start, unix_ms};
use super::range::{reply_id, reply_message};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn};
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::stream::{self, ConsumerId, Group, Id, Log, Pending};

/// Entries looked at by `XAUTOCLAIM`, for each that is asked for.
const ATTEMPTS_PER_ENTRY: u64 = 10;
/// Entries claimed by `XAUTOCLAIM` if nothing is said.
const AUTOCLAIM_COUNT: u64 = 100;
/// The most it may be asked for.
const AUTOCLAIM_COUNT_MAX: i64 = i64::MAX / 16;

/// How `XCLAIM` claims.
struct Claim {
    idle_ms_min: i64,
    /// When the message is to count as delivered, Unix time in ms.
    delivered_ms: u64,
    count: Option<u64>,
    /// Claims also what nobody has.
    force: bool,
    only_ids: bool,
    last_id: Id,
}

fn idle_ms_min(text: &[u8], command: &str) -> Result<i64, Error> {
    let idle_ms = number::parse_i64(text);
    idle_ms
        .map(|idle_ms| idle_ms.max(0))
        .ok_or_else(|| Error::claim_number("min-idle-time", command))
}

impl Claim {
    /// Reads the options from argument `at` on.
    fn parse(args: Args<'_>, mut at: usize, now_ms: u64) -> Result<Claim, Error> {
        let option = |at: usize, name: &str| {
            number::parse_i64(args.at(at))
                .ok_or_else(|| Error::claim_number(&format!("{name} option"), "XCLAIM"))
        };
        let now = now_ms as i64;
        let mut delivered = None;
        let mut claim = Claim {
            idle_ms_min: 0,
            delivered_ms: now_ms,
            count: None,
            force: false,
            only_ids: false,
            last_id: Id::MIN,
        };
        while at < args.len() {
            let more = at + 1 < args.len();
            if args.is(at, "FORCE") {
                claim.force = true;
            } else if args.is(at, "JUSTID") {
                claim.only_ids = true;
            } else if args.is(at, "IDLE") && more {
                at += 1;
                delivered = Some(now.wrapping_sub(option(at, "IDLE")?));
            } else if args.is(at, "TIME") && more {
                at += 1;
                delivered = Some(option(at, "TIME")?);
            } else if args.is(at, "RETRYCOUNT") && more {
                at += 1;
                claim.count = u64::try_from(option(at, "RETRYCOUNT")?).ok();
            } else if args.is(at, "LASTID") && more {
                at += 1;
                claim.last_id = id(args.at(at))?;
            } else {
                return Err(Error::xclaim_option(args.at(at)));
            }
            at += 1;
        }
        // What lies ahead, or before time began, is taken for a wrong clock.
        if let Some(delivered) = delivered.filter(|moment| (0..=now).contains(moment)) {
            claim.delivered_ms = delivered as u64;
        }
        Ok(claim)
    }

    /// Claims one message; true if it was.
    fn take(&self, group: &mut Group, id: Id, claimant: &mut Claimant<'_>) -> bool {
        let fresh = match group.pending().get(id) {
            Some(entry) if is_too_fresh(entry, self.idle_ms_min, claimant.now_ms) => return false,
            Some(_) => false,
            None if self.force => true,
            None => return false,
        };
        let consumer = claimant.consumer(group);
        if fresh {
            group.deliver(id, consumer, claimant.now_ms);
        }
        group.redeliver(id, |entry| {
            entry.consumer = consumer;
            entry.delivered_ms = self.delivered_ms;
            match self.count {
                Some(count) => entry.count = count,
                None if !self.only_ids => entry.count = entry.count.wrapping_add(1),
                None => {}
            }
        })
    }
}

/// Who claims: a consumer comes to exist with the first message it gets.
struct Claimant<'a> {
    name: &'a [u8],
    now_ms: u64,
    consumer: Option<ConsumerId>,
    created: bool,
    claimed: IdList,
}

impl<'a> Claimant<'a> {
    fn new(name: &'a [u8], now_ms: u64) -> Claimant<'a> {
        Claimant {
            name,
            now_ms,
            consumer: None,
            created: false,
            claimed: IdList::new(),
        }
    }

    fn consumer(&mut self, group: &mut Group) -> ConsumerId {
        if let Some(consumer) = self.consumer {
            return consumer;
        }
        let (consumer, created) = group.find_or_create(self.name, self.now_ms);
        group.set_active(consumer, self.now_ms);
        self.consumer = Some(consumer);
        self.created = created;
        consumer
    }

    /// What there is to tell of, if messages were claimed or anything else changed.
    fn event(&self, changed: bool) -> Option<Event> {
        if self.created {
            return Some(Event::Stream("xgroup-createconsumer"));
        }
        (changed || !self.claimed.is_empty()).then_some(Event::Unnamed)
    }
}

/// Was it delivered less than so long ago?
fn is_too_fresh(entry: &Pending, idle_ms_min: i64, now_ms: u64) -> bool {
    let idle_ms = (now_ms as i64).saturating_sub(entry.delivered_ms as i64);
    idle_ms_min > 0 && idle_ms < idle_ms_min
}

fn reply_claimed(log: &Log, ids: &[Id], only_ids: bool, reply: &mut Reply<'_>) {
    reply.array(ids.len());
    for id in ids {
        match log.get(*id) {
            Some(message) if !only_ids => reply_message(&message, reply),
            _ => reply_id(*id, reply),
        }
    }
}

pub(super) fn xclaim(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let now_ms = unix_ms(txn);
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    edit.tell_missing();
    let (log, mut group) = stream::of_mut(&mut edit)
        .and_then(|stream| stream.with_group(args.at(2)))
        .ok_or_else(|| Error::no_key_or_group(args.at(1), args.at(2)))?;
    let idle_ms_min = idle_ms_min(args.at(4), "XCLAIM")?;
    let ids: IdList = args.from(5).map_while(|text| id(text).ok()).collect();
    let claim = Claim {
        idle_ms_min,
        ..Claim::parse(args, 5 + ids.len(), now_ms)?
    };
    let mut changed = claim.last_id > group.last_id;
    group.last_id = group.last_id.max(claim.last_id);
    let mut claimant = Claimant::new(args.at(3), now_ms);
    for id in ids {
        if !log.contains(id) {
            changed |= group.acknowledge(id);
        } else if claim.take(&mut group, id, &mut claimant) {
            claimant.claimed.push(id);
        }
    }
    drop(group);
    reply_claimed(log, &claimant.claimed, claim.only_ids, reply);
    if let Some(event) = claimant.event(changed) {
        edit.changed_unwatched(event);
    }
    DONE
}

pub(super) fn xautoclaim(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let now_ms = unix_ms(txn);
    txn.edit(txn.key(0)).tell_missing();
    let idle_ms_min = idle_ms_min(args.at(4), "XAUTOCLAIM")?;
    let mut from = Some(range_start(args.at(5))?);
    let (mut count, mut only_ids) = (AUTOCLAIM_COUNT, false);
    let mut at = 6;
    while at < args.len() {
        if args.is(at, "COUNT") && at + 1 < args.len() {
            at += 1;
            count = autoclaim_count(args.at(at))?;
        } else if args.is(at, "JUSTID") {
            only_ids = true;
        } else {
            return Err(Error::Syntax);
        }
        at += 1;
    }
    let mut edit = txn.edit_as(txn.key(0), Type::Stream)?;
    let (log, mut group) = stream::of_mut(&mut edit)
        .and_then(|stream| stream.with_group(args.at(2)))
        .ok_or_else(|| Error::no_key_or_group(args.at(1), args.at(2)))?;
    let mut claimant = Claimant::new(args.at(3), now_ms);
    let mut deleted = IdList::new();
    let mut attempts = count.saturating_mul(ATTEMPTS_PER_ENTRY);
    while attempts > 0 && ((claimant.claimed.len() + deleted.len()) as u64) < count {
        attempts -= 1;
        let Some((id, entry)) = from.and_then(|from| group.pending().iter_from(from).next()) else {
            break;
        };
        from = id.next();
        if !log.contains(id) {
            group.acknowledge(id);
            deleted.push(id);
        } else if !is_too_fresh(entry, idle_ms_min, now_ms) {
            let consumer = claimant.consumer(&mut group);
            group.redeliver(id, |entry| {
                entry.consumer = consumer;
                entry.delivered_ms = now_ms;
                entry.count = entry.count.wrapping_add(u64::from(!only_ids));
            });
            claimant.claimed.push(id);
        }
    }
    let next = from.and_then(|from| Some(group.pending().iter_from(from).next()?.0));
    drop(group);
    reply.array(3);
    reply_id(next.unwrap_or(Id::MIN), reply);
    reply_claimed(log, &claimant.claimed, only_ids, reply);
    reply_claimed(log, &deleted, true, reply);
    if let Some(event) = claimant.event(!deleted.is_empty()) {
        edit.changed_unwatched(event);
    }
    DONE
}

fn autoclaim_count(text: &[u8]) -> Result<u64, Error> {
    match number::parse_i64(text) {
        Some(count @ 1..=AUTOCLAIM_COUNT_MAX) => Ok(count as u64),
        _ => Err(Error::XAUTOCLAIM_COUNT),
    }
}
