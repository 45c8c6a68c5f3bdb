//! HyperLogLogs: how many different elements were seen. They are strings, see
//! [`crate::values::hyperloglog`].

use super::context::Context;
use super::spec::*;
use super::table::Family;
use crate::error::Error;
use crate::keyspace::{Edit, Event, NewValue, Ttl, Txn, ValueRef};
use crate::protocol::reply::Protocol;
use crate::protocol::{Args, Reply};
use crate::values::Type;
use crate::values::hyperloglog::{self as hll, Corrupt, Form, Observation, Union};

/// The family.
pub static FAMILY: Family = Family {
    group: "hyperloglog",
    category: category::HYPERLOGLOG,
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::write("pfadd", -2, pfadd)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Insert)])
        .syntax("key [element [element ...]]")
        .about("Adds elements to a HyperLogLog.", "O(1)", "2.8.9"),
    Command::read("pfcount", -2, pfcount)
        .flags(MAY_REPLICATE)
        .keys(&[range(1, -1, 1, Access::ReadWrite)])
        .syntax("key [key ...]")
        .about(
            "Estimates how many different elements HyperLogLogs have seen.",
            "O(1)",
            "2.8.9",
        ),
    Command::write("pfmerge", -2, pfmerge)
        .flags(DENYOOM)
        .keys(&[key(1, Access::ReadInsert), range(2, -1, 1, Access::Read)])
        .syntax("destkey [sourcekey [sourcekey ...]]")
        .about("Merges HyperLogLogs into one.", "O(N)", "2.8.9"),
    Command::write("pfdebug", 3, pfdebug)
        .flags(DENYOOM.and(ADMIN))
        .keys(&[key(2, Access::ReadWrite)])
        .syntax("subcommand key")
        .about("Shows how a HyperLogLog is stored.", "O(1)", "2.8.9"),
    Command::session("pfselftest", 1, pfselftest)
        .flags(ADMIN)
        .about("Tests the estimates of HyperLogLogs.", "O(1)", "2.8.9"),
]);

impl From<Corrupt> for Error {
    fn from(_: Corrupt) -> Error {
        Error::HLL_CORRUPT
    }
}

/// What every command that adds elements tells watchers of keyspace events.
const ADDED: Event = Event::String("pfadd");

fn pfadd(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let sparse_bytes_max = txn.config().encoding.hll_sparse_max_bytes;
    let mut edit = txn.edit(txn.key(0));
    let mut elements = args.from(2).map(Observation::of);
    let changed = match stored(edit.string()?)? {
        Some((_, Form::Dense)) => edit.change_bytes(|bytes| {
            let changed = elements.fold(false, |any, seen| hll::note_dense(bytes, seen) | any);
            if changed {
                hll::forget_estimate(bytes);
            }
            changed
        }),
        Some((_, Form::Sparse)) => add_to_sparse(&mut edit, elements, sparse_bytes_max)?,
        None => {
            let mut bytes = hll::EMPTY.to_vec();
            elements
                .try_for_each(|seen| hll::note(&mut bytes, seen, sparse_bytes_max).map(|_| ()))?;
            hll::forget_estimate(&mut bytes);
            edit.store(NewValue::RawBytes(&bytes), Ttl::Clear);
            true
        }
    };
    if changed {
        edit.changed(ADDED);
    }
    reply.int(changed.into());
    DONE
}

/// Bytes by which an element may lengthen a sparse HyperLogLog.
const ROOM: usize = 8;

/// Adds to what is stored; nothing is copied until an element says something new.
fn add_to_sparse(
    edit: &mut Edit<'_, '_>,
    mut elements: impl Iterator<Item = Observation>,
    sparse_bytes_max: u64,
) -> Result<bool, Error> {
    // Written to or not, it is then a string that was modified.
    edit.change_bytes(|_| ());
    let Some((bytes, _)) = stored(edit.string()?)? else {
        return Ok(false);
    };
    let news = elements.find_map(|seen| hll::news(bytes, seen).transpose());
    let Some(news) = news else { return Ok(false) };
    let mut whole = Vec::with_capacity(bytes.len() + ROOM);
    whole.extend_from_slice(bytes);
    let added = hll::apply(&mut whole, news?, sparse_bytes_max).and_then(|()| {
        elements.try_for_each(|seen| hll::note(&mut whole, seen, sparse_bytes_max).map(|_| ()))
    });
    if added.is_ok() {
        hll::forget_estimate(&mut whole);
    }
    // As in Redis, what was added before a register was missing stays.
    edit.store(NewValue::RawBytes(&whole), Ttl::Keep);
    added?;
    Ok(true)
}

/// The HyperLogLog that a string is, if there is one.
fn stored(value: Option<ValueRef<'_>>) -> Result<Option<(&[u8], Form)>, Error> {
    let bytes: &[u8] = match value {
        None => return Ok(None),
        Some(ValueRef::Int(_)) => return Err(Error::HLL_INVALID),
        Some(ValueRef::Bytes(bytes)) => bytes,
        Some(ValueRef::Blob(blob)) => blob,
    };
    let form = hll::form(bytes).ok_or(Error::HLL_INVALID)?;
    Ok(Some((bytes, form)))
}

fn pfcount(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if txn.is_long(txn.key_count() * ELEMENTS) {
        return Ok(Flow::Long);
    }
    let estimate = if txn.key_count() == 1 {
        estimate_of_one(txn)?
    } else {
        let (union, _) = union(txn)?;
        union.estimate()
    };
    reply.int(estimate as i64);
    DONE
}

/// The estimate as it was cached, or made now and cached: that changes the string, in a command
/// that reads.
fn estimate_of_one(txn: &mut Txn<'_>) -> Result<u64, Error> {
    let Some(view) = txn.read(txn.key(0)) else {
        return Ok(0);
    };
    if view.kind() != Type::String {
        return Err(Error::WrongType);
    }
    let Some((bytes, _)) = stored(Some(view.value()))? else {
        return Ok(0);
    };
    let cached = hll::cached_estimate(bytes);
    if let Some(estimate) = cached
        && view.is_raw()
    {
        return Ok(estimate);
    }
    let estimate = match cached {
        Some(estimate) => estimate,
        None => hll::estimate(bytes)?,
    };
    let mut edit = txn.edit(txn.key(0));
    edit.change_bytes(|bytes| hll::cache_estimate(bytes, estimate));
    if cached.is_none() {
        edit.changed(COUNTED);
    }
    Ok(estimate)
}

/// A cached estimate is a change for those who watch the key, though not an event in Redis.
const COUNTED: Event = Event::Unnamed;

/// How many elements of a collection cost as much as merging one HyperLogLog.
const ELEMENTS: usize = 100;

/// All HyperLogLogs of a request as one, and whether one of them is dense.
fn union(txn: &mut Txn<'_>) -> Result<(Union, bool), Error> {
    let mut union = Union::default();
    let mut any_dense = false;
    for index in 0..txn.key_count() {
        if let Some((bytes, form)) = stored(txn.read_string(txn.key(index))?)? {
            union.add(bytes)?;
            any_dense |= form == Form::Dense;
        }
    }
    Ok((union, any_dense))
}

fn pfmerge(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let sparse_bytes_max = txn.config().encoding.hll_sparse_max_bytes;
    if txn.is_long(txn.key_count() * ELEMENTS) {
        return Ok(Flow::Long);
    }
    let (union, any_dense) = union(txn)?;
    let mut edit = txn.edit(txn.key(0));
    let mut bytes = match stored(edit.string()?)? {
        Some((bytes, _)) => bytes.to_vec(),
        None => hll::EMPTY.to_vec(),
    };
    if any_dense {
        hll::make_dense(&mut bytes)?;
    }
    union.note_in(&mut bytes, sparse_bytes_max)?;
    hll::forget_estimate(&mut bytes);
    edit.store(NewValue::RawBytes(&bytes), Ttl::Keep);
    edit.changed(ADDED);
    reply.ok();
    DONE
}

fn pfdebug(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut edit = txn.edit(txn.key(0));
    if edit.exists() {
        // Looked at closely, it is then a string that was modified.
        stored(edit.string()?)?;
        edit.change_bytes(|_| ());
    }
    let (bytes, form) = stored(edit.string()?)?.ok_or(Error::HLL_NO_KEY)?;
    if args.is(1, "GETREG") {
        let mut union = Union::default();
        union.add(bytes)?;
        make_dense(&mut edit)?;
        reply.array(hll::REGISTERS);
        union.ranks().for_each(|rank| reply.int(rank.into()));
    } else if args.is(1, "DECODE") {
        if form != Form::Sparse {
            return Err(Error::HLL_NOT_SPARSE);
        }
        reply.bulk(&hll::describe(bytes));
    } else if args.is(1, "ENCODING") {
        reply.simple(match form {
            Form::Dense => "dense",
            Form::Sparse => "sparse",
        });
    } else if args.is(1, "TODENSE") {
        reply.int(make_dense(&mut edit)?.into());
    } else {
        return Err(Error::pfdebug_subcommand(args.at(1)));
    }
    DONE
}

/// Stores a HyperLogLog in its dense form; true when it was not.
fn make_dense(edit: &mut Edit<'_, '_>) -> Result<bool, Error> {
    let Some((bytes, Form::Sparse)) = stored(edit.string()?)? else {
        return Ok(false);
    };
    let mut bytes = bytes.to_vec();
    hll::make_dense(&mut bytes)?;
    edit.store(NewValue::RawBytes(&bytes), Ttl::Keep);
    Ok(true)
}

fn pfselftest(_: &mut Context<'_>, _: Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Ok(Flow::Offload(Box::new(|_, out| {
        let mut reply = Reply::new(out, Protocol::Resp2);
        match self_test() {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(&error),
        }
    })))
}

/// Elements that the self-test adds.
const TESTED: u64 = 100_000;
/// The standard error of an estimate, 1.04 / √registers.
const STANDARD_ERROR: f64 = 1.04 / 128.0;

/// Adds elements to a sparse and a dense HyperLogLog: both must say the same, and nearly the
/// truth. Milliseconds.
fn self_test() -> Result<(), Error> {
    let (mut sparse, mut dense) = (hll::EMPTY.to_vec(), hll::EMPTY.to_vec());
    hll::make_dense(&mut dense)?;
    let mut checkpoint = 1;
    for number in 1..=TESTED {
        let seen = Observation::of(&number.to_le_bytes());
        hll::note_dense(&mut dense, seen);
        hll::note(&mut sparse, seen, hll::REGISTERS as u64)?;
        if number < checkpoint {
            continue;
        }
        checkpoint *= 10;
        let estimate = hll::estimate(&dense)?;
        if hll::estimate(&sparse)? != estimate {
            return Err(Error::HLL_TEST_FORMS);
        }
        let tolerated = (6.0 * STANDARD_ERROR * number as f64).ceil() as u64;
        let distance = estimate.abs_diff(number);
        if distance > tolerated {
            return Err(Error::hll_test_distance(number, distance));
        }
    }
    Ok(())
}
