//! `OBJECT`: what is known of a key beside its value.

use super::help;
use super::spec::*;
use super::table::Family;
use crate::config::EvictionPolicy;
use crate::error::Error;
use crate::keyspace::{Txn, ValueRef, View, eviction};
use crate::protocol::{Args, Reply};
use crate::values::Type;

/// The family: its category is that of the subcommands only.
pub static FAMILY: Family = Family {
    group: "generic",
    category: Categories(0),
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[Command::container("object", SUBCOMMANDS).about(
    "Tells what is known of a key beside its value.",
    "Depends on subcommand.",
    "2.2.3",
)]);

const SUBCOMMANDS: &[Command] = checked(&[
    Command::read("encoding", 3, encoding)
        .keys(&[key(2, Access::Look)])
        .categories(category::KEYSPACE)
        .syntax("key")
        .about(
            "Returns how the value of a key is represented.",
            "O(1)",
            "2.2.3",
        ),
    Command::read("freq", 3, freq)
        .keys(&[key(2, Access::Look)])
        .categories(category::KEYSPACE)
        .syntax("key")
        .about(
            "Returns the logarithmic count of uses of a key.",
            "O(1)",
            "4.0.0",
        ),
    help::row("6.2.0").categories(category::KEYSPACE),
    Command::read("idletime", 3, idletime)
        .keys(&[key(2, Access::Look)])
        .categories(category::KEYSPACE)
        .syntax("key")
        .about(
            "Returns the seconds since a key was last used.",
            "O(1)",
            "2.2.3",
        ),
    Command::read("refcount", 3, refcount)
        .keys(&[key(2, Access::Look)])
        .categories(category::KEYSPACE)
        .syntax("key")
        .about(
            "Returns how many references there are to a value.",
            "O(1)",
            "2.2.3",
        ),
]);

fn encoding(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    match txn.peek(txn.key(0), true) {
        Some(view) => reply.bulk(encoding_name(view).as_bytes()),
        None => reply.null(),
    }
    DONE
}

/// Longest string that Redis keeps together with its object.
const EMBEDDED_MAX: usize = 44;

fn encoding_name(view: View<'_>) -> &'static str {
    if view.kind() != Type::String {
        return view.content().encoding();
    }
    match view.value() {
        ValueRef::Int(_) => "int",
        ValueRef::Bytes(bytes) if bytes.len() <= EMBEDDED_MAX && !view.is_raw() => "embstr",
        ValueRef::Bytes(_) | ValueRef::Blob(_) => "raw",
    }
}

fn freq(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let settings = txn.local().settings;
    let now_ms = txn.now_ms();
    let Some(view) = txn.peek(txn.key(0), true) else {
        reply.null();
        return DONE;
    };
    if !settings.is_lfu() {
        return Err(Error::FrequencyNotTracked);
    }
    let frequency = eviction::frequency(view.evict_bits(), now_ms, &settings);
    reply.int(frequency.into());
    DONE
}

fn idletime(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let by_frequency = txn.local().settings.is_lfu();
    let now_ms = txn.now_ms();
    let Some(view) = txn.peek(txn.key(0), true) else {
        reply.null();
        return DONE;
    };
    if by_frequency {
        return Err(Error::IdleTimeNotTracked);
    }
    reply.int(view.idle_seconds(now_ms).into());
    DONE
}

/// What Redis tells of the integers it shares between keys: those below 10,000, while no policy
/// needs to know when each was used.
const SHARED_REFCOUNT: i64 = i32::MAX as i64;
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

fn refcount(txn: &mut Txn<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    use EvictionPolicy::*;
    let memory = &txn.config().memory;
    let by_use = matches!(
        memory.eviction_policy,
        AllkeysLru | VolatileLru | AllkeysLfu | VolatileLfu
    );
    let sharing = memory.max_memory == 0 || !by_use;
    match txn.peek(txn.key(0), true).map(integer) {
        None => reply.null(),
        Some(Some(number)) if sharing && SHARED_INTEGERS.contains(&number) => {
            reply.int(SHARED_REFCOUNT);
        }
        Some(_) => reply.int(1),
    }
    DONE
}

/// The integer that a string is.
fn integer(view: View<'_>) -> Option<i64> {
    match (view.kind() == Type::String).then(|| view.value()) {
        Some(ValueRef::Int(number)) => Some(number),
        _ => None,
    }
}
