//! Lists.

mod blocking;
mod ends;
mod inner;
mod moving;

use super::spec::*;
use super::table::Family;
use crate::base::number;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::protocol::{Args, Reply};
use crate::values::list::{End, Item, Limits};

/// The family.
pub static FAMILY: Family = Family {
    group: "list",
    category: category::LIST,
    commands: COMMANDS,
};

const COMMANDS: &[Command] = checked(&[
    Command::write("blmove", 6, moving::blmove)
        .flags(DENYOOM.and(BLOCKING))
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Insert)])
        .syntax("source destination <LEFT|RIGHT> <LEFT|RIGHT> timeout")
        .about(
            "Moves an element from one list to another, waiting for one if need be.",
            "O(1)",
            "6.2.0",
        ),
    Command::write("blmovem", -6, moving::blmovem)
        .flags(DENYOOM.and(BLOCKING))
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Insert)])
        .syntax(
            "source destination <LEFT|RIGHT> <LEFT|RIGHT> timeout \
             [<COUNT count|EXACTLY exactly> <OBO|BULK>]",
        )
        .about(
            "Moves elements from one list to another, waiting for them if need be.",
            "O(N)",
            "8.10.0",
        ),
    Command::write("blmpop", -5, blocking::blmpop)
        .flags(BLOCKING)
        .keys(&[counted(2, 1, Access::ReadDelete)])
        .syntax("timeout numkeys key [key ...] <LEFT|RIGHT> [COUNT count]")
        .about(
            "Takes elements from the first list that has any, waiting for some if need be.",
            "O(N+M)",
            "7.0.0",
        ),
    Command::write("blpop", -3, blocking::blpop)
        .flags(BLOCKING)
        .keys(&[range(1, -2, 1, Access::ReadDelete)])
        .syntax("key [key ...] timeout")
        .about(
            "Takes the first element of the first list that has one, waiting if need be.",
            "O(N)",
            "2.0.0",
        ),
    Command::write("brpop", -3, blocking::brpop)
        .flags(BLOCKING)
        .keys(&[range(1, -2, 1, Access::ReadDelete)])
        .syntax("key [key ...] timeout")
        .about(
            "Takes the last element of the first list that has one, waiting if need be.",
            "O(N)",
            "2.0.0",
        ),
    Command::write("brpoplpush", 4, moving::brpoplpush)
        .flags(DENYOOM.and(BLOCKING))
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Insert)])
        .syntax("source destination timeout")
        .about(
            "Moves the last element of a list to the front of another, waiting if need be.",
            "O(1)",
            "2.2.0",
        ),
    Command::read("lindex", 3, inner::lindex)
        .keys(&[key(1, Access::Read)])
        .syntax("key index")
        .about("Returns an element by its index.", "O(N)", "1.0.0"),
    Command::write("linsert", 5, inner::linsert)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Insert)])
        .syntax("key <BEFORE|AFTER> pivot element")
        .about("Puts an element beside another.", "O(N)", "2.2.0"),
    Command::read("llen", 2, ends::llen)
        .flags(FAST)
        .keys(&[key(1, Access::Look)])
        .syntax("key")
        .about("Counts the elements of a list.", "O(1)", "1.0.0"),
    Command::write("lmove", 5, moving::lmove)
        .flags(DENYOOM)
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Insert)])
        .syntax("source destination <LEFT|RIGHT> <LEFT|RIGHT>")
        .about(
            "Moves an element from an end of a list to an end of another.",
            "O(1)",
            "6.2.0",
        ),
    Command::write("lmovem", -5, moving::lmovem)
        .flags(DENYOOM)
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Insert)])
        .syntax(
            "source destination <LEFT|RIGHT> <LEFT|RIGHT> \
             [<COUNT count|EXACTLY exactly> <OBO|BULK>]",
        )
        .about(
            "Moves elements from an end of a list to an end of another.",
            "O(N)",
            "8.10.0",
        ),
    Command::write("lmpop", -4, ends::lmpop)
        .keys(&[counted(1, 1, Access::ReadDelete)])
        .syntax("numkeys key [key ...] <LEFT|RIGHT> [COUNT count]")
        .about(
            "Takes elements from the first list that has any.",
            "O(N+M)",
            "7.0.0",
        ),
    Command::write("lpop", -2, ends::lpop)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete)])
        .syntax("key [count]")
        .about("Takes the first elements of a list.", "O(N)", "1.0.0"),
    Command::read("lpos", -3, inner::lpos)
        .keys(&[key(1, Access::Read)])
        .syntax("key element [RANK rank] [COUNT num-matches] [MAXLEN len]")
        .about("Finds elements by what they are.", "O(N)", "6.0.6"),
    Command::write("lpush", -3, ends::lpush)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Insert)])
        .syntax("key element [element ...]")
        .about("Puts elements at the front of a list.", "O(1)", "1.0.0"),
    Command::write("lpushx", -3, ends::lpushx)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Insert)])
        .syntax("key element [element ...]")
        .about(
            "Puts elements at the front of a list that exists.",
            "O(1)",
            "2.2.0",
        ),
    Command::read("lrange", 4, inner::lrange)
        .keys(&[key(1, Access::Read)])
        .syntax("key start stop")
        .about("Returns a range of elements.", "O(S+N)", "1.0.0"),
    Command::write("lrem", 4, inner::lrem)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key count element")
        .about("Removes elements by what they are.", "O(N+M)", "1.0.0"),
    Command::write("lset", 4, inner::lset)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Update)])
        .syntax("key index element")
        .about("Replaces an element by its index.", "O(N)", "1.0.0"),
    Command::write("ltrim", 4, inner::ltrim)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key start stop")
        .about("Removes all elements but a range.", "O(N)", "1.0.0"),
    Command::write("rpop", -2, ends::rpop)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete)])
        .syntax("key [count]")
        .about("Takes the last elements of a list.", "O(N)", "1.0.0"),
    Command::write("rpoplpush", 3, moving::rpoplpush)
        .flags(DENYOOM)
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Insert)])
        .syntax("source destination")
        .about(
            "Moves the last element of a list to the front of another.",
            "O(1)",
            "1.2.0",
        ),
    Command::write("rpush", -3, ends::rpush)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Insert)])
        .syntax("key element [element ...]")
        .about("Puts elements at the end of a list.", "O(1)", "1.0.0"),
    Command::write("rpushx", -3, ends::rpushx)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Insert)])
        .syntax("key element [element ...]")
        .about(
            "Puts elements at the end of a list that exists.",
            "O(1)",
            "2.2.0",
        ),
]);

/// How large the nodes of lists are to be.
fn limits(txn: &Txn<'_>) -> Limits {
    Limits::new(txn.config().encoding.list_max_listpack_size.into())
}

/// Appends an element.
fn reply_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Int(value) => reply.bulk_int(value),
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Blob(blob) => reply.bulk_blob(blob),
    }
}

/// `LEFT` or `RIGHT`.
fn parse_end(args: Args<'_>, index: usize) -> Result<End, Error> {
    if args.is(index, "left") {
        Ok(End::Left)
    } else if args.is(index, "right") {
        Ok(End::Right)
    } else {
        Err(Error::Syntax)
    }
}

fn parse_int(arg: &[u8]) -> Result<i64, Error> {
    number::parse_i64(arg).ok_or(Error::NotInteger)
}

/// A number from `least` on; `error` for anything else.
fn parse_from(arg: &[u8], least: usize, error: Error) -> Result<usize, Error> {
    let number = number::parse_i64(arg).and_then(|number| usize::try_from(number).ok());
    number.filter(|number| *number >= least).ok_or(error)
}
