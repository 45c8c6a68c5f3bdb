//! The family's rows.

use super::super::spec::*;
use super::{delete, increx, lcs, number, read, set, splice};

pub(super) const COMMANDS: &[Command] = checked(&[
    Command::read("get", 2, read::get)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key")
        .about("Returns the string value of a key.", "O(1)", "1.0.0"),
    Command::write("set", -3, set::set)
        .flags(DENYOOM)
        .keys(&[key(1, Access::ReadUpdate)
            .varying(set::access)
            .notes("RW and ACCESS due to the optional `GET` argument")])
        .syntax(
            "key value [NX|XX|IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest|\
             IFDNE ifdne-digest] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|\
             PXAT unix-time-milliseconds|KEEPTTL]",
        )
        .about(
            "Sets the string value of a key, ignoring its type, on condition if wanted.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("setnx", 3, set::setnx)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Create)])
        .syntax("key value")
        .about(
            "Sets the string value of a key that does not exist.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("setex", 4, set::setex)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Overwrite)])
        .syntax("key seconds value")
        .about(
            "Sets the string value of a key and its time to live in seconds.",
            "O(1)",
            "2.0.0",
        ),
    Command::write("psetex", 4, set::psetex)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Overwrite)])
        .syntax("key milliseconds value")
        .about(
            "Sets the string value of a key and its time to live in milliseconds.",
            "O(1)",
            "2.6.0",
        ),
    Command::write("getset", 3, set::getset)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key value")
        .about(
            "Returns the string value of a key and sets another.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("mset", -3, set::mset)
        .flags(DENYOOM)
        .keys(&[range(1, -1, 2, Access::Overwrite)])
        .syntax("key value [key value ...]")
        .about(
            "Sets the string values of one or more keys at once.",
            "O(N)",
            "1.0.1",
        ),
    Command::write("msetnx", -3, set::msetnx)
        .flags(DENYOOM)
        .keys(&[range(1, -1, 2, Access::Create)])
        .syntax("key value [key value ...]")
        .about(
            "Sets the string values of one or more keys at once, if none of them exists.",
            "O(N)",
            "1.0.1",
        ),
    Command::write("msetex", -4, set::msetex)
        .flags(DENYOOM.and(MOVABLEKEYS))
        .keys(&[counted(1, 2, Access::Overwrite)])
        .syntax(
            "numkeys key value [key value ...] [NX|XX] [EX seconds|PX milliseconds|\
             EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]",
        )
        .about(
            "Sets the string values of one or more keys at once, with one expiration for all.",
            "O(N)",
            "9.1.0",
        ),
    Command::read("mget", -2, read::mget)
        .flags(FAST)
        .keys(&[range(1, -1, 1, Access::Read)])
        .syntax("key [key ...]")
        .about(
            "Returns the string values of one or more keys at once.",
            "O(N)",
            "1.0.0",
        ),
    Command::write("getdel", 2, read::getdel)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete)])
        .syntax("key")
        .about(
            "Returns the string value of a key and removes the key.",
            "O(1)",
            "6.2.0",
        ),
    Command::write("getex", -2, read::getex)
        .flags(FAST)
        .keys(&[key(1, Access::ReadUpdate).notes("RW and UPDATE because it changes the TTL")])
        .syntax(
            "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|\
             PXAT unix-time-milliseconds|PERSIST]",
        )
        .about(
            "Returns the string value of a key and changes when it expires.",
            "O(1)",
            "6.2.0",
        ),
    Command::read("getrange", 4, read::getrange)
        .keys(&[key(1, Access::Read)])
        .syntax("key start end")
        .about(
            "Returns a part of the string value of a key.",
            "O(N)",
            "2.4.0",
        ),
    Command::read("substr", 4, read::getrange)
        .keys(&[key(1, Access::Read)])
        .syntax("key start end")
        .about("The old name of GETRANGE.", "O(N)", "1.0.0"),
    Command::read("strlen", 2, read::strlen)
        .flags(FAST)
        .keys(&[key(1, Access::Look)])
        .syntax("key")
        .about(
            "Returns the length of the string value of a key.",
            "O(1)",
            "2.2.0",
        ),
    Command::read("digest", 2, read::digest)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key")
        .about(
            "Returns the XXH3 digest of the string value of a key.",
            "O(N)",
            "8.4.0",
        ),
    Command::write("append", 3, splice::append)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Insert)])
        .syntax("key value")
        .about(
            "Appends to the string value of a key, which is created if need be.",
            "O(1)",
            "2.0.0",
        ),
    Command::write("setrange", 4, splice::setrange)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Update)])
        .syntax("key offset value")
        .about(
            "Overwrites a part of the string value of a key, which is created if need be.",
            "O(1)",
            "2.2.0",
        ),
    Command::write("incr", 2, number::incr)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key")
        .about("Adds one to the integer value of a key.", "O(1)", "1.0.0"),
    Command::write("decr", 2, number::decr)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key")
        .about(
            "Takes one from the integer value of a key.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("incrby", 3, number::incrby)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key increment")
        .about(
            "Adds a number to the integer value of a key.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("decrby", 3, number::decrby)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key decrement")
        .about(
            "Takes a number from the integer value of a key.",
            "O(1)",
            "1.0.0",
        ),
    Command::write("incrbyfloat", 3, number::incrbyfloat)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key increment")
        .about(
            "Adds a number to the floating point value of a key.",
            "O(1)",
            "2.6.0",
        ),
    Command::write("increx", -2, increx::increx)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax(
            "key [BYFLOAT float|BYINT integer] [SATURATE] [LBOUND lowerbound] \
             [UBOUND upperbound] [EX seconds|PX milliseconds|EXAT unix-time-seconds|\
             PXAT unix-time-milliseconds|PERSIST] [ENX]",
        )
        .about(
            "Adds to the numeric value of a key within bounds, and changes when it expires.",
            "O(1)",
            "8.8.0",
        ),
    Command::read("lcs", -3, lcs::lcs)
        .keys(&[range(1, 2, 1, Access::Read)])
        .syntax("key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]")
        .about(
            "Finds the longest common subsequence of two strings.",
            "O(N*M)",
            "7.0.0",
        ),
    Command::write("delex", -2, delete::delex)
        .flags(FAST)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key [IFEQ ifeq-value|IFNE ifne-value|IFDEQ ifdeq-digest|IFDNE ifdne-digest]")
        .about(
            "Removes a key, on condition of its string value if wanted.",
            "O(1)",
            "8.4.0",
        ),
    Command::write("delifeq", 3, delete::delifeq)
        .flags(FAST)
        .keys(&[key(1, Access::Delete)])
        .syntax("key value")
        .about(
            "Removes a key if its string value is the one given.",
            "O(1)",
            "9.0.0",
        ),
]);
