//! The family's rows.

use super::super::spec::*;
use super::{algebra, card, random, read, write};

const READ: &[KeySpec] = &[key(1, Access::Read)];
const LOOK: &[KeySpec] = &[key(1, Access::Look)];
const ALL: &[KeySpec] = &[range(1, -1, 1, Access::Read)];
const COUNTED: &[KeySpec] = &[counted(1, 1, Access::Read)];
const STORE: &[KeySpec] = &[key(1, Access::Overwrite), range(2, -1, 1, Access::Read)];

pub(super) const COMMANDS: &[Command] = checked(&[
    Command::write("sadd", -3, write::sadd)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Insert)])
        .syntax("key member [member ...]")
        .about("Adds members to a set.", "O(1) for each member", "1.0.0"),
    Command::write("srem", -3, write::srem)
        .flags(FAST)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key member [member ...]")
        .about(
            "Removes members, and the set with its last.",
            "O(N)",
            "1.0.0",
        ),
    Command::read("sismember", 3, read::sismember)
        .flags(FAST)
        .keys(LOOK)
        .syntax("key member")
        .about("Tells whether a member belongs to a set.", "O(1)", "1.0.0"),
    Command::read("smismember", -3, read::smismember)
        .flags(FAST)
        .keys(READ)
        .syntax("key member [member ...]")
        .about("Tells which members belong to a set.", "O(N)", "6.2.0"),
    Command::read("scard", 2, read::scard)
        .flags(FAST)
        .keys(LOOK)
        .syntax("key")
        .about("Returns the number of members.", "O(1)", "1.0.0"),
    Command::read("smembers", 2, read::smembers)
        .keys(READ)
        .syntax("key")
        .about("Returns all members.", "O(N)", "1.0.0"),
    Command::read("sscan", -3, read::sscan)
        .keys(READ)
        .syntax("key cursor [MATCH pattern] [COUNT count]")
        .about("Iterates over the members of a set.", "O(1)", "2.8.0"),
    Command::write("spop", -2, random::spop)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete)])
        .syntax("key [count]")
        .about(
            "Returns members drawn at random and removes them.",
            "O(N)",
            "1.0.0",
        ),
    Command::read("srandmember", -2, random::srandmember)
        .keys(READ)
        .syntax("key [count]")
        .about("Returns members drawn at random.", "O(N)", "1.0.0"),
    Command::write("smove", 4, write::smove)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete), key(2, Access::Insert)])
        .syntax("source destination member")
        .about("Moves a member from one set to another.", "O(1)", "1.0.0"),
    Command::read("sinter", -2, algebra::sinter)
        .keys(ALL)
        .syntax("key [key ...]")
        .about("Returns the members that all sets have.", "O(N*M)", "1.0.0"),
    Command::read("sunion", -2, algebra::sunion)
        .keys(ALL)
        .syntax("key [key ...]")
        .about(
            "Returns the members that any of the sets has.",
            "O(N)",
            "1.0.0",
        ),
    Command::read("sdiff", -2, algebra::sdiff)
        .keys(ALL)
        .syntax("key [key ...]")
        .about(
            "Returns the members that the first set has and none of the others.",
            "O(N)",
            "1.0.0",
        ),
    Command::write("sinterstore", -3, algebra::sinterstore)
        .flags(DENYOOM)
        .keys(STORE)
        .syntax("destination key [key ...]")
        .about("Stores the members that all sets have.", "O(N*M)", "1.0.0"),
    Command::write("sunionstore", -3, algebra::sunionstore)
        .flags(DENYOOM)
        .keys(STORE)
        .syntax("destination key [key ...]")
        .about(
            "Stores the members that any of the sets has.",
            "O(N)",
            "1.0.0",
        ),
    Command::write("sdiffstore", -3, algebra::sdiffstore)
        .flags(DENYOOM)
        .keys(STORE)
        .syntax("destination key [key ...]")
        .about(
            "Stores the members that the first set has and none of the others.",
            "O(N)",
            "1.0.0",
        ),
    Command::read("sintercard", -3, card::sintercard)
        .flags(MOVABLEKEYS)
        .keys(COUNTED)
        .syntax("numkeys key [key ...] [LIMIT limit]")
        .about("Counts the members that all sets have.", "O(N*M)", "7.0.0"),
    Command::read("sunioncard", -3, card::sunioncard)
        .flags(MOVABLEKEYS)
        .keys(COUNTED)
        .syntax("numkeys key [key ...] [APPROX] [LIMIT limit]")
        .about(
            "Counts the members that any of the sets has, always exactly.",
            "O(N)",
            "8.10.0",
        ),
    Command::read("sdiffcard", -3, card::sdiffcard)
        .flags(MOVABLEKEYS)
        .keys(COUNTED)
        .syntax("numkeys key [key ...] [LIMIT limit]")
        .about(
            "Counts the members that the first set has and none of the others.",
            "O(N)",
            "8.10.0",
        ),
]);
