//! The family's rows.

use super::super::spec::*;
use super::{expire, number, random, read, setex, write};

const READ: &[KeySpec] = &[key(1, Access::Read)];
const LOOK: &[KeySpec] = &[key(1, Access::Look)];
const UPDATE: &[KeySpec] = &[key(1, Access::Update)];
const READ_UPDATE: &[KeySpec] = &[key(1, Access::ReadUpdate)];
const INSERT: &[KeySpec] = &[key(1, Access::Insert)];

pub(super) const COMMANDS: &[Command] = checked(&[
    Command::write("hset", -4, write::hset)
        .flags(DENYOOM.and(FAST))
        .keys(UPDATE)
        .syntax("key field value [field value ...]")
        .about("Sets fields of a hash.", "O(1) for each field", "2.0.0"),
    Command::write("hsetnx", 4, write::hsetnx)
        .flags(DENYOOM.and(FAST))
        .keys(INSERT)
        .syntax("key field value")
        .about(
            "Sets a field of a hash that does not exist.",
            "O(1)",
            "2.0.0",
        ),
    Command::write("hmset", -4, write::hmset)
        .flags(DENYOOM.and(FAST))
        .keys(UPDATE)
        .syntax("key field value [field value ...]")
        .about("Sets fields of a hash.", "O(N)", "2.0.0"),
    Command::read("hget", 3, read::hget)
        .flags(FAST)
        .keys(READ)
        .syntax("key field")
        .about("Returns the value of a field.", "O(1)", "2.0.0"),
    Command::read("hmget", -3, read::hmget)
        .flags(FAST)
        .keys(READ)
        .syntax("key field [field ...]")
        .about("Returns the values of fields.", "O(N)", "2.0.0"),
    Command::read("hgetall", 2, read::hgetall)
        .keys(READ)
        .syntax("key")
        .about("Returns all fields and their values.", "O(N)", "2.0.0"),
    Command::write("hdel", -3, write::hdel)
        .flags(FAST)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key field [field ...]")
        .about(
            "Removes fields, and the hash with its last.",
            "O(N)",
            "2.0.0",
        ),
    Command::read("hlen", 2, read::hlen)
        .flags(FAST)
        .keys(LOOK)
        .syntax("key")
        .about("Returns the number of fields.", "O(1)", "2.0.0"),
    Command::read("hexists", 3, read::hexists)
        .flags(FAST)
        .keys(LOOK)
        .syntax("key field")
        .about("Tells whether a field exists.", "O(1)", "2.0.0"),
    Command::read("hstrlen", 3, read::hstrlen)
        .flags(FAST)
        .keys(LOOK)
        .syntax("key field")
        .about("Returns the length of a field's value.", "O(1)", "3.2.0"),
    Command::read("hkeys", 2, read::hkeys)
        .keys(READ)
        .syntax("key")
        .about("Returns all fields.", "O(N)", "2.0.0"),
    Command::read("hvals", 2, read::hvals)
        .keys(READ)
        .syntax("key")
        .about("Returns the values of all fields.", "O(N)", "2.0.0"),
    Command::write("hincrby", 4, number::hincrby)
        .flags(DENYOOM.and(FAST))
        .keys(READ_UPDATE)
        .syntax("key field increment")
        .about(
            "Adds an integer to the value of a field, from 0 if it does not exist.",
            "O(1)",
            "2.0.0",
        ),
    Command::write("hincrbyfloat", 4, number::hincrbyfloat)
        .flags(DENYOOM.and(FAST))
        .keys(READ_UPDATE)
        .syntax("key field increment")
        .about(
            "Adds a float to the value of a field, from 0 if it does not exist.",
            "O(1)",
            "2.6.0",
        ),
    Command::read("hrandfield", -2, random::hrandfield)
        .keys(READ)
        .syntax("key [count [WITHVALUES]]")
        .about("Returns fields drawn at random.", "O(N)", "6.2.0"),
    Command::read("hscan", -3, read::hscan)
        .keys(READ)
        .syntax("key cursor [MATCH pattern] [COUNT count] [NOVALUES]")
        .about(
            "Iterates over the fields and values of a hash.",
            "O(1)",
            "2.8.0",
        ),
    Command::write("hexpire", -6, expire::hexpire)
        .flags(FAST)
        .keys(UPDATE)
        .syntax("key seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]")
        .about(
            "Sets the time to live of fields in seconds.",
            "O(N)",
            "7.4.0",
        ),
    Command::write("hpexpire", -6, expire::hpexpire)
        .flags(FAST)
        .keys(UPDATE)
        .syntax("key milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]")
        .about(
            "Sets the time to live of fields in milliseconds.",
            "O(N)",
            "7.4.0",
        ),
    Command::write("hexpireat", -6, expire::hexpireat)
        .flags(FAST)
        .keys(UPDATE)
        .syntax("key unix-time-seconds [NX|XX|GT|LT] FIELDS numfields field [field ...]")
        .about(
            "Sets the moment at which fields expire, in seconds of Unix time.",
            "O(N)",
            "7.4.0",
        ),
    Command::write("hpexpireat", -6, expire::hpexpireat)
        .flags(FAST)
        .keys(UPDATE)
        .syntax("key unix-time-milliseconds [NX|XX|GT|LT] FIELDS numfields field [field ...]")
        .about(
            "Sets the moment at which fields expire, in milliseconds of Unix time.",
            "O(N)",
            "7.4.0",
        ),
    Command::read("httl", -5, expire::httl)
        .flags(FAST)
        .keys(READ)
        .syntax("key FIELDS numfields field [field ...]")
        .about(
            "Returns the time to live of fields in seconds.",
            "O(N)",
            "7.4.0",
        ),
    Command::read("hpttl", -5, expire::hpttl)
        .flags(FAST)
        .keys(READ)
        .syntax("key FIELDS numfields field [field ...]")
        .about(
            "Returns the time to live of fields in milliseconds.",
            "O(N)",
            "7.4.0",
        ),
    Command::read("hexpiretime", -5, expire::hexpiretime)
        .flags(FAST)
        .keys(READ)
        .syntax("key FIELDS numfields field [field ...]")
        .about(
            "Returns the moment at which fields expire, in seconds of Unix time.",
            "O(N)",
            "7.4.0",
        ),
    Command::read("hpexpiretime", -5, expire::hpexpiretime)
        .flags(FAST)
        .keys(READ)
        .syntax("key FIELDS numfields field [field ...]")
        .about(
            "Returns the moment at which fields expire, in milliseconds of Unix time.",
            "O(N)",
            "7.4.0",
        ),
    Command::write("hpersist", -5, expire::hpersist)
        .flags(FAST)
        .keys(UPDATE)
        .syntax("key FIELDS numfields field [field ...]")
        .about("Takes away the time to live of fields.", "O(N)", "7.4.0"),
    Command::write("hgetex", -5, setex::hgetex)
        .flags(FAST)
        .keys(READ_UPDATE)
        .syntax(
            "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|\
             PERSIST] FIELDS numfields field [field ...]",
        )
        .about(
            "Returns the values of fields and sets when they expire.",
            "O(N)",
            "8.0.0",
        ),
    Command::write("hsetex", -6, setex::hsetex)
        .flags(DENYOOM.and(FAST))
        .keys(INSERT)
        .syntax(
            "key [NX|XX] [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds|\
             PXAT unix-time-milliseconds|KEEPTTL] FIELDS numfields field value [field value ...]",
        )
        .about(
            "Sets fields and when they expire, on condition if wanted.",
            "O(N)",
            "8.0.0",
        ),
    Command::write("hgetdel", -5, write::hgetdel)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete)])
        .syntax("key FIELDS numfields field [field ...]")
        .about(
            "Returns the values of fields and removes them.",
            "O(N)",
            "8.0.0",
        ),
]);
