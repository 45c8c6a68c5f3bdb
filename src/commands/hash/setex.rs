//! Values and deadlines at once: `HGETEX` and `HSETEX`.

use super::super::elements::reply_element;
use super::super::spec::*;
use super::super::time_unit::Unit;
use super::expire::{EXPIRE_EVENT, PERSIST_EVENT, check_type, set_deadline};
use super::fields::{COUNT_POSITIVE, deadline, fields};
use super::limits;
use super::write::{DELETE_EVENT, SET_EVENT};
use crate::base::number;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::hash::{FieldTtl, Hash};

pub(super) fn hgetex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    check_type(txn)?;
    let mut ttl = FieldTtl::Keep;
    let mut at = 2;
    if let Some(unit) = Unit::named(args, 2) {
        ttl = FieldTtl::At(deadline(txn, unit, args.at(3), "hgetex")?);
        at = 4;
    } else if args.is(2, "PERSIST") {
        ttl = FieldTtl::Clear;
        at = 3;
    }
    let fields = fields(args, at, COUNT_POSITIVE)?;
    let now_ms = txn.now_ms();
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let mut hash = Hash::new(&mut edit);
    reply.array(fields.len());
    let mut event = None;
    for name in fields {
        let Some(field) = hash.get(name) else {
            reply.null();
            continue;
        };
        reply_element(field.value, reply);
        let before = field.deadline;
        match ttl {
            FieldTtl::Keep => {}
            FieldTtl::Clear => {
                if before.is_some() {
                    hash.set_deadline(name, None);
                    event = Some(PERSIST_EVENT);
                }
            }
            FieldTtl::At(deadline) => {
                let kept = set_deadline(&mut hash, name, deadline, now_ms);
                event = Some(if kept { EXPIRE_EVENT } else { DELETE_EVENT });
            }
        }
    }
    if let Some(event) = event {
        edit.changed(event);
    }
    DONE
}

/// On what there must be before `HSETEX` sets anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// `NX`, `FNX`: nothing of it.
    None,
    /// `XX`, `FXX`: all of it.
    All,
}

/// The options of `HSETEX`.
struct Options {
    /// Of the key.
    key: Option<Presence>,
    /// Of the fields.
    fields: Option<Presence>,
    ttl: FieldTtl,
    /// Where the first field is.
    first: usize,
}

impl Options {
    fn parse(txn: &Txn<'_>, args: Args<'_>) -> Result<Options, Error> {
        let mut options = Options {
            key: None,
            fields: None,
            ttl: FieldTtl::Clear,
            first: 0,
        };
        let mut timed = false;
        let mut at = 2;
        while at < args.len() {
            let unit = Unit::named(args, at);
            let keep = args.is(at, "KEEPTTL");
            if args.is(at, "FIELDS") {
                options.first = first_field(args, at)?;
                return Ok(options);
            } else if unit.is_some() || keep {
                if timed {
                    return Err(Error::HSETEX_TIMES);
                }
                timed = true;
                options.ttl = FieldTtl::Keep;
                if let Some(unit) = unit {
                    at += 1;
                    let number = args.get(at).ok_or(Error::HSETEX_TIME_MISSING)?;
                    options.ttl = FieldTtl::At(deadline(txn, unit, number, "hsetex")?);
                }
            } else if let Some(presence) = presence(args, at, ["FNX", "FXX"]) {
                if options.fields.replace(presence).is_some() {
                    return Err(Error::HSETEX_CONDITIONS);
                }
            } else if let Some(presence) = presence(args, at, ["NX", "XX"]) {
                if options.key.replace(presence).is_some() {
                    return Err(Error::Syntax);
                }
            } else {
                return Err(Error::unknown_argument(args.at(at)));
            }
            at += 1;
        }
        Err(Error::WrongArity("hsetex"))
    }
}

fn presence(args: Args<'_>, at: usize, [none, all]: [&str; 2]) -> Option<Presence> {
    if args.is(at, none) {
        Some(Presence::None)
    } else if args.is(at, all) {
        Some(Presence::All)
    } else {
        None
    }
}

/// Where the first field after `FIELDS numfields` at `at` is; the pairs are the rest.
fn first_field(args: Args<'_>, at: usize) -> Result<usize, Error> {
    let arity = Error::WrongArity("hsetex");
    if at + 3 >= args.len() {
        return Err(arity);
    }
    let count = number::parse_i64(args.at(at + 1));
    let count = count.filter(|count| (1..=i32::MAX.into()).contains(count));
    let count = count.ok_or(Error::HSETEX_FIELD_COUNT)?;
    if (args.len() - at - 2) as i64 != count * 2 {
        return Err(arity);
    }
    Ok(at + 2)
}

pub(super) fn hsetex(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(txn, args)?;
    let limits = limits(txn);
    let now_ms = txn.now_ms();
    let mut edit = txn.edit_as(txn.key(0), Type::Hash)?;
    let exists = edit.exists();
    let mut hash = Hash::new(&mut edit);
    let mut pairs = (options.first..args.len()).step_by(2);
    let key_fits = options
        .key
        .is_none_or(|key| exists == (key == Presence::All));
    let fits = key_fits
        && options.fields.is_none_or(|presence| {
            let wanted = presence == Presence::All;
            pairs
                .clone()
                .all(|at| hash.get(args.at(at)).is_some() == wanted)
        });
    if !fits {
        reply.int(0);
        return DONE;
    }
    let past = matches!(options.ttl, FieldTtl::At(deadline) if deadline <= now_ms);
    if past {
        // They would be set, and be gone at once.
        pairs.for_each(|at| {
            hash.remove(args.at(at));
        });
        if exists {
            edit.changed(DELETE_EVENT);
        }
    } else {
        for at in pairs.by_ref() {
            hash.set(args.at(at), args.at(at + 1), options.ttl, limits);
        }
        edit.changed(SET_EVENT);
        if matches!(options.ttl, FieldTtl::At(_)) {
            edit.changed(EXPIRE_EVENT);
        }
    }
    reply.int(1);
    DONE
}
