//! Deadlines of keys: setting, telling and removing them.

use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::{Event, Txn, View};
use crate::protocol::{Args, Reply};

/// The family.
pub static FAMILY: Family = Family {
    group: "generic",
    category: category::KEYSPACE,
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::write("expire", -3, expire)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key seconds [NX|XX|GT|LT]")
        .about(
            "Sets the time to live of a key in seconds.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("pexpire", -3, pexpire)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key milliseconds [NX|XX|GT|LT]")
        .about(
            "Sets the time to live of a key in milliseconds.",
            "O(1)",
            "2.6.0",
        ),
    Command::write("expireat", -3, expireat)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key unix-time-seconds [NX|XX|GT|LT]")
        .about(
            "Sets the deadline of a key to a Unix time in seconds.",
            "O(1)",
            "1.2.0",
        ),
    Command::write("pexpireat", -3, pexpireat)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key unix-time-milliseconds [NX|XX|GT|LT]")
        .about(
            "Sets the deadline of a key to a Unix time in milliseconds.",
            "O(1)",
            "2.6.0",
        ),
    Command::write("persist", 2, persist)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key")
        .about("Removes the deadline of a key.", "O(1)", "2.2.0"),
    Command::read("ttl", 2, ttl)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key")
        .about(
            "Returns the time to live of a key in seconds.",
            "O(1)",
            "1.0.0",
        ),
    Command::read("pttl", 2, pttl)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key")
        .about(
            "Returns the time to live of a key in milliseconds.",
            "O(1)",
            "2.6.0",
        ),
    Command::read("expiretime", 2, expiretime)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key")
        .about(
            "Returns the deadline of a key as a Unix time in seconds.",
            "O(1)",
            "7.0.0",
        ),
    Command::read("pexpiretime", 2, pexpiretime)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key")
        .about(
            "Returns the deadline of a key as a Unix time in milliseconds.",
            "O(1)",
            "7.0.0",
        ),
]);

/// What a time is counted in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
}

/// What a time is counted from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// The moment of the command.
    Now,
    /// The Unix epoch.
    Epoch,
}

fn expire(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(txn, args, reply, "expire", Unit::Seconds, Base::Now)
}

fn pexpire(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(txn, args, reply, "pexpire", Unit::Millis, Base::Now)
}

fn expireat(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(txn, args, reply, "expireat", Unit::Seconds, Base::Epoch)
}

fn pexpireat(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    set(txn, args, reply, "pexpireat", Unit::Millis, Base::Epoch)
}

/// The `EXPIRE` family. A deadline that is not in the future deletes the key, which counts as set.
fn set(
    txn: &mut Txn<'_>,
    args: Args<'_>,
    reply: &mut Reply<'_>,
    name: &'static str,
    unit: Unit,
    base: Base,
) -> Outcome {
    let condition = Condition::parse(args.skip(3))?;
    let time = number::parse_i64(args.at(2)).ok_or(Error::NotInteger)?;
    let unix_ms = unix_ms(txn, time, unit, base).ok_or(Error::InvalidExpire(name))?;
    // What lies before the timeline is past, whatever it is.
    let deadline = txn.to_timeline(unix_ms);
    let now_ms = txn.now_ms();
    let mut edit = txn.edit(txn.key(0));
    let Some(view) = edit.view() else {
        reply.int(0);
        return DONE;
    };
    let allowed = condition.allows(view.deadline(), deadline);
    edit.touch();
    if allowed {
        if deadline <= now_ms {
            edit.remove();
            edit.changed(Event::Generic("del"));
        } else {
            edit.set_deadline(Some(deadline));
            edit.changed(Event::Generic("expire"));
        }
    }
    reply.int(allowed.into());
    DONE
}

/// The moment meant, in ms of Unix time; `None` when it cannot be expressed.
fn unix_ms(txn: &Txn<'_>, time: i64, unit: Unit, base: Base) -> Option<i64> {
    let ms = match unit {
        Unit::Seconds => time.checked_mul(1000)?,
        Unit::Millis => time,
    };
    match base {
        Base::Now => ms.checked_add(txn.to_unix(txn.now_ms())),
        Base::Epoch => Some(ms),
    }
}

/// When a deadline may be set.
#[derive(Default)]
struct Condition {
    /// Only if there is none.
    nx: bool,
    /// Only if there is one.
    xx: bool,
    /// Only if it is later than the present one; none is later than any.
    gt: bool,
    /// Only if it is earlier.
    lt: bool,
}

impl Condition {
    fn parse(options: Args<'_>) -> Result<Condition, Error> {
        let mut condition = Condition::default();
        for (index, option) in options.from(0).enumerate() {
            let flag = match () {
                () if options.is(index, "nx") => &mut condition.nx,
                () if options.is(index, "xx") => &mut condition.xx,
                () if options.is(index, "gt") => &mut condition.gt,
                () if options.is(index, "lt") => &mut condition.lt,
                () => return Err(Error::ExpireOption(option.to_vec())),
            };
            *flag = true;
        }
        let Condition { nx, xx, gt, lt } = condition;
        if nx && (xx || gt || lt) {
            return Err(Error::ExpireNxWithOthers);
        }
        if gt && lt {
            return Err(Error::ExpireGtWithLt);
        }
        Ok(condition)
    }

    /// May `new` be set where the deadline is `present`?
    fn allows(&self, present: Option<u64>, new: u64) -> bool {
        match present {
            None => !self.xx && !self.gt,
            Some(present) => !self.nx && (!self.gt || new > present) && (!self.lt || new < present),
        }
    }
}

fn persist(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit(txn.key(0));
    let volatile = edit.view().and_then(View::deadline).is_some();
    edit.touch();
    if volatile {
        edit.set_deadline(None);
        edit.changed(Event::Generic("persist"));
    }
    reply.int(volatile.into());
    DONE
}

fn ttl(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(txn, reply, Unit::Seconds, Base::Now)
}

fn pttl(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(txn, reply, Unit::Millis, Base::Now)
}

fn expiretime(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(txn, reply, Unit::Seconds, Base::Epoch)
}

fn pexpiretime(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    tell(txn, reply, Unit::Millis, Base::Epoch)
}

/// Replies with a key's deadline, or −1 when it has none, −2 when there is no key. Seconds are
/// rounded to the nearest.
fn tell(txn: &mut Txn<'_>, reply: &mut Reply<'_>, unit: Unit, base: Base) -> Outcome {
    let deadline = match txn.look(txn.key(0)) {
        None => {
            reply.int(-2);
            return DONE;
        }
        Some(view) => view.deadline(),
    };
    let Some(deadline) = deadline else {
        reply.int(-1);
        return DONE;
    };
    let ms = match base {
        Base::Now => deadline.saturating_sub(txn.now_ms()),
        Base::Epoch => txn.to_unix(deadline).max(0) as u64,
    };
    reply.int(match unit {
        Unit::Seconds => ((ms + 500) / 1000) as i64,
        Unit::Millis => i64::try_from(ms).unwrap_or(i64::MAX),
    });
    DONE
}
