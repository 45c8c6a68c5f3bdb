//! The family's rows.

use super::super::help;
use super::super::spec::*;
use super::{add, claim, delete, group, info, pending, producers, range, read, release};

pub(super) const COMMANDS: &[Command] = checked(&[
    Command::write("xadd", -5, add::xadd)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Update)])
        .syntax(
            "key [NOMKSTREAM] [KEEPREF|DELREF|ACKED] [IDMPAUTO pid|IDMP pid iid] \
             [<MAXLEN|MINID> [=|~] threshold [LIMIT count]] <*|id> field value [field value ...]",
        )
        .about(
            "Adds a message to a stream, made if need be.",
            "O(1), and O(N) with trimming, N the messages removed.",
            "5.0.0",
        ),
    Command::write("xtrim", -4, add::xtrim)
        .keys(&[key(1, Access::DeletePart)])
        .syntax(
            "key <MAXLEN|MINID> [=|~] threshold [LIMIT count] \
             [KEEPREF|DELREF|ACKED]",
        )
        .about(
            "Removes the oldest messages of a stream.",
            "O(N), N the messages removed; whole blocks at a time.",
            "5.0.0",
        ),
    Command::write("xsetid", -3, add::xsetid)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Update)])
        .syntax("key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]")
        .about(
            "Sets what a stream remembers of its messages.",
            "O(1)",
            "5.0.0",
        ),
    Command::read("xlen", 2, range::xlen)
        .flags(FAST)
        .keys(&[key(1, Access::Look)])
        .syntax("key")
        .about("Returns the number of messages.", "O(1)", "5.0.0"),
    Command::read("xrange", -4, range::xrange)
        .keys(&[key(1, Access::Read)])
        .syntax("key start end [COUNT count]")
        .about(
            "Returns the messages of a range of ids.",
            "O(N), N the messages returned.",
            "5.0.0",
        ),
    Command::read("xrevrange", -4, range::xrevrange)
        .keys(&[key(1, Access::Read)])
        .syntax("key end start [COUNT count]")
        .about(
            "Returns the messages of a range of ids, the last first.",
            "O(N), N the messages returned.",
            "5.0.0",
        ),
    Command::read("xread", -4, read::xread)
        .flags(BLOCKING)
        .keys(&[all_behind("STREAMS", 1, true, read::OPTIONS, Access::Read)])
        .syntax("[COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]")
        .about(
            "Returns the messages of streams beyond ids; waits for them if asked to.",
            "O(N), N the messages returned.",
            "5.0.0",
        ),
    Command::write("xreadgroup", -7, read::xreadgroup)
        .flags(BLOCKING)
        .keys(&[all_behind("STREAMS", 4, true, read::OPTIONS, Access::Read)])
        .syntax(
            "GROUP group consumer [COUNT count] [BLOCK milliseconds] [CLAIM min-idle-time] [NOACK] \
             STREAMS key [key ...] id [id ...]",
        )
        .about(
            "Gives a consumer of a group messages of streams; waits for them if asked to.",
            "O(M), M the messages returned.",
            "5.0.0",
        ),
    Command::write("xack", -4, delete::xack)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key group id [id ...]")
        .about(
            "Acknowledges messages that a group was given.",
            "O(1) for each message.",
            "5.0.0",
        ),
    Command::write("xdel", -3, delete::xdel)
        .flags(FAST)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key id [id ...]")
        .about("Deletes messages.", "O(1) for each message.", "5.0.0"),
    Command::write("xdelex", -5, delete::xdelex)
        .flags(FAST)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key [KEEPREF|DELREF|ACKED] IDS numids id [id ...]")
        .about(
            "Deletes messages, or what groups know of them too, or only those that no group needs.",
            "O(1) for each message and group.",
            "8.2.0",
        ),
    Command::write("xackdel", -6, delete::xackdel)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key group [KEEPREF|DELREF|ACKED] IDS numids id [id ...]")
        .about(
            "Acknowledges messages and deletes them.",
            "O(1) for each message and group.",
            "8.2.0",
        ),
    Command::write("xnack", -7, release::xnack)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key group <SILENT|FAIL|FATAL> IDS numids id [id ...] [RETRYCOUNT count] [FORCE]")
        .about(
            "Gives back messages that a consumer was given, for others to claim at once.",
            "O(1) for each message.",
            "8.8.0",
        ),
    Command::write("xcfgset", -2, producers::xcfgset)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax("key [IDMP-DURATION idmp-duration] [IDMP-MAXSIZE idmp-maxsize]")
        .about(
            "Sets how long and how many messages of a producer are remembered.",
            "O(1)",
            "8.6.0",
        ),
    Command::write("xidmprecord", 5, producers::xidmprecord)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Update)])
        .syntax("key pid iid stream-id")
        .about("Remembers a message as a producer's.", "O(1)", "8.6.2"),
    Command::read("xpending", -3, pending::xpending)
        .keys(&[key(1, Access::Read)])
        .syntax("key group [[IDLE min-idle-time] start end count [consumer]]")
        .about(
            "Returns what a group was given and has not acknowledged.",
            "O(N), N the entries returned.",
            "5.0.0",
        ),
    Command::write("xclaim", -6, claim::xclaim)
        .flags(FAST)
        .keys(&[key(1, Access::Update)])
        .syntax(
            "key group consumer min-idle-time id [id ...] [IDLE ms] \
             [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
        )
        .about(
            "Gives a consumer messages that another one was given.",
            "O(log N) for each message.",
            "5.0.0",
        ),
    Command::write("xautoclaim", -6, claim::xautoclaim)
        .flags(FAST)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key group consumer min-idle-time start [COUNT count] [JUSTID]")
        .about(
            "Gives a consumer what others were given and left lying.",
            "O(1) if COUNT is small.",
            "6.2.0",
        ),
]);

pub(super) const CONTAINERS: &[Command] = checked(&[
    Command::container("xgroup", XGROUP).about(
        "Makes, moves and removes consumer groups.",
        "Depends on subcommand.",
        "5.0.0",
    ),
    Command::container("xinfo", XINFO).about(
        "Tells what is known of streams and their groups.",
        "Depends on subcommand.",
        "5.0.0",
    ),
]);

const XGROUP: &[Command] = checked(&[
    Command::write("create", -5, group::create)
        .flags(DENYOOM)
        .keys(&[key(2, Access::Insert)])
        .categories(category::STREAM)
        .syntax("key group <id|$> [MKSTREAM] [ENTRIESREAD entries-read]")
        .about("Makes a consumer group.", "O(1)", "5.0.0"),
    Command::write("createconsumer", 5, group::create_consumer)
        .flags(DENYOOM)
        .keys(&[key(2, Access::Insert)])
        .categories(category::STREAM)
        .syntax("key group consumer")
        .about("Makes a consumer.", "O(1)", "6.2.0"),
    Command::write("delconsumer", 5, group::delete_consumer)
        .keys(&[key(2, Access::DeletePart)])
        .categories(category::STREAM)
        .syntax("key group consumer")
        .about(
            "Removes a consumer, and what it has not acknowledged.",
            "O(N), N the messages it has not acknowledged.",
            "5.0.0",
        ),
    Command::write("destroy", 4, group::destroy)
        .keys(&[key(2, Access::DeletePart)])
        .categories(category::STREAM)
        .syntax("key group")
        .about(
            "Removes a consumer group.",
            "O(N), N the messages it has not acknowledged.",
            "5.0.0",
        ),
    help::row("5.0.0").categories(category::STREAM),
    Command::write("setid", -5, group::set_id)
        .keys(&[key(2, Access::Update)])
        .categories(category::STREAM)
        .syntax("key group <id|$> [ENTRIESREAD entries-read]")
        .about("Sets the last message a group was given.", "O(1)", "5.0.0"),
]);

const XINFO: &[Command] = checked(&[
    Command::read("consumers", 4, info::consumers)
        .keys(&[key(2, Access::Read)])
        .categories(category::STREAM)
        .syntax("key group")
        .about(
            "Returns the consumers of a group.",
            "O(N), N the consumers.",
            "5.0.0",
        ),
    Command::read("groups", 3, info::groups)
        .keys(&[key(2, Access::Read)])
        .categories(category::STREAM)
        .syntax("key")
        .about(
            "Returns the consumer groups of a stream.",
            "O(N), N the groups.",
            "5.0.0",
        ),
    help::row("5.0.0").categories(category::STREAM),
    Command::read("stream", -3, info::stream)
        .keys(&[key(2, Access::Read)])
        .categories(category::STREAM)
        .syntax("key [FULL [COUNT count]]")
        .about(
            "Returns what is known of a stream.",
            "O(1), with FULL O(N), N the entries returned.",
            "5.0.0",
        ),
]);
