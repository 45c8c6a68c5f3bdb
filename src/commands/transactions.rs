//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`. Queueing and `EXEC` are dispatch's.

use super::context::Context;
use super::spec::*;
use super::table::Family;
use crate::error::Error;
use crate::protocol::{Args, Reply};
use crate::session::{Flag, Multi, Watching};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The family.
pub static FAMILY: Family = Family {
    group: "transactions",
    category: category::TRANSACTION,
    commands: COMMANDS,
};

/// Keys one client may watch.
pub const WATCHED_MAX: usize = 100_000;

const SESSION_FLAGS: Flags = NOSCRIPT.and(LOADING).and(STALE).and(FAST).and(ALLOW_BUSY);

const COMMANDS: &[Command] = checked(&[
    Command::session("multi", 1, multi)
        .flags(SESSION_FLAGS.and(NO_MULTI))
        .about("Starts a transaction.", "O(1)", "1.2.0"),
    Command::exec("exec", 1)
        .flags(NOSCRIPT.and(LOADING).and(STALE).and(SKIP_SLOWLOG))
        .about(
            "Executes all commands in a transaction.",
            "Depends on commands in the transaction",
            "1.2.0",
        ),
    Command::session("discard", 1, discard)
        .flags(SESSION_FLAGS)
        .about(
            "Discards a transaction.",
            "O(N), when N is the number of queued commands",
            "2.0.0",
        ),
    Command::session("watch", -2, watch)
        .flags(SESSION_FLAGS.and(NO_MULTI))
        .keys(&[range(1, -1, 1, Access::Look)])
        .syntax("key [key ...]")
        .about(
            "Monitors changes to keys to determine the execution of a transaction.",
            "O(1) for every key.",
            "2.2.0",
        ),
    Command::session("unwatch", 1, unwatch)
        .flags(SESSION_FLAGS)
        .about(
            "Forgets about watched keys of a transaction.",
            "O(1)",
            "2.2.0",
        ),
]);

fn multi(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if cx.session.multi.is_some() {
        return Err(Error::NestedMulti);
    }
    cx.session.multi = Some(Box::new(Multi::default()));
    cx.session.client.set(Flag::Multi, true);
    cx.session.client.queued.store(0, Relaxed);
    reply.ok();
    DONE
}

fn discard(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if cx.session.multi.is_none() {
        return Err(Error::WithoutMulti("DISCARD"));
    }
    cx.end_multi();
    cx.unwatch();
    reply.ok();
    DONE
}

fn watch(cx: &mut Context<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if cx.session.multi.is_some() {
        return Err(Error::WatchInMulti);
    }
    let mut watching = cx.session.watching.take().unwrap_or_else(|| {
        Box::new(Watching {
            dirty: Arc::new(AtomicBool::new(false)),
            keys: HashMap::new(),
            bytes: 0,
        })
    });
    let db = cx.session.db;
    let fits = watching.keys.len() + args.len() - 1 <= WATCHED_MAX;
    if fits {
        let mut txn = cx.txn(args).map_err(|_| Error::Syntax)?;
        for index in 0..txn.key_count() {
            let key = txn.key(index);
            if watching.has(db, key.bytes()) {
                continue;
            }
            let exists = txn.watch(key, &watching.dirty);
            watching.add(db, key.bytes(), exists);
        }
    }
    cx.session
        .client
        .watched
        .store(watching.keys.len() as u32, Relaxed);
    let held = &cx.session.client.watching_bytes;
    held.store(watching.bytes, Relaxed);
    let dirty = Arc::clone(&watching.dirty);
    cx.session.client.show_dirty(Some(dirty));
    cx.session.watching = Some(watching);
    if !fits {
        return Err(Error::QueueLimit);
    }
    reply.ok();
    DONE
}

fn unwatch(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    cx.unwatch();
    reply.ok();
    DONE
}
