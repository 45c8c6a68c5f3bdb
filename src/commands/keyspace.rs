//! Databases as a whole: their size, emptying and exchanging them.

use super::context::Context;
use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::keyspace::whole::Flushed;
use crate::protocol::{Args, Reply};

/// The family.
pub static FAMILY: Family = Family {
    group: "server",
    category: category::KEYSPACE,
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::session("dbsize", 1, dbsize)
        .flags(READONLY.and(FAST))
        .about(
            "Returns the number of keys in the database.",
            "O(1)",
            "1.0.0",
        ),
    Command::whole("flushall", -1, flushall)
        .flags(WRITE.and(ALL_DBS))
        .categories(category::DANGEROUS)
        .syntax("[ASYNC|SYNC]")
        .about("Removes all keys from all databases.", "O(N)", "1.0.0"),
    Command::whole("flushdb", -1, flushdb)
        .flags(WRITE)
        .categories(category::DANGEROUS)
        .syntax("[ASYNC|SYNC]")
        .about(
            "Removes all keys from the current database.",
            "O(N)",
            "1.0.0",
        ),
    Command::whole("swapdb", 3, swapdb)
        .flags(WRITE.and(FAST))
        .categories(category::DANGEROUS)
        .syntax("index1 index2")
        .about("Exchanges two databases.", "O(N)", "4.0.0"),
]);

fn dbsize(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.count(cx.shared.keyspace.len(cx.session.db));
    DONE
}

fn flushdb(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let freeing = Freeing::parse(args)?;
    let flushed = txn.flush(txn.db());
    freeing.free(txn, flushed, reply)
}

fn flushall(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let freeing = Freeing::parse(args)?;
    let mut flushed = Flushed::default();
    for db in 0..txn.databases() {
        flushed.append(txn.flush(db));
    }
    freeing.free(txn, flushed, reply)
}

/// When flushed keys are freed.
enum Freeing {
    /// After the reply.
    Later,
    /// Before it.
    Now,
}

impl Freeing {
    /// Without a word: later, as `lazyfree-lazy-user-flush` says.
    fn parse(args: Args<'_>) -> Result<Freeing, Error> {
        match args.len() {
            1 => Ok(Freeing::Later),
            2 if args.is(1, "async") => Ok(Freeing::Later),
            2 if args.is(1, "sync") => Ok(Freeing::Now),
            _ => Err(Error::Syntax),
        }
    }

    fn free(self, txn: &Txn<'_>, flushed: Flushed, reply: &mut Reply<'_>) -> Outcome {
        match self {
            Freeing::Later => {
                flushed.retire(txn.keyspace());
                reply.ok();
                DONE
            }
            // One free per key: away from the worker, and not under the shards' locks.
            Freeing::Now => {
                let protocol = reply.protocol();
                Ok(Flow::Offload(Box::new(move |shared, out| {
                    flushed.free(&shared.keyspace);
                    Reply::new(out, protocol).ok();
                })))
            }
        }
    }
}

fn swapdb(txn: &mut Txn<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let first = parse_index(args.at(1), "first")?;
    let second = parse_index(args.at(2), "second")?;
    let in_range = |index: i32| {
        usize::try_from(index)
            .ok()
            .filter(|db| *db < txn.databases())
            .ok_or(Error::DbIndexOutOfRange)
    };
    let (first, second) = (in_range(first)?, in_range(second)?);
    txn.swap(first, second);
    reply.ok();
    DONE
}

fn parse_index(arg: &[u8], which: &'static str) -> Result<i32, Error> {
    number::parse_i64(arg)
        .and_then(|index| i32::try_from(index).ok())
        .ok_or(Error::SwapDbIndex(which))
}
