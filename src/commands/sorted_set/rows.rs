//! The family's rows.

use super::super::spec::*;
use super::{add, combine, draw, pop, range as ranges, read, remove, scan};

pub(super) const COMMANDS: &[Command] = checked(&[
    Command::write("zadd", -4, add::zadd)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::Update)])
        .syntax("key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]")
        .about("Adds members to a sorted set, or changes their scores.", "O(log(N))", "1.2.0"),
    Command::write("zincrby", 4, add::zincrby)
        .flags(DENYOOM.and(FAST))
        .keys(&[key(1, Access::ReadUpdate)])
        .syntax("key increment member")
        .about("Adds to the score of a member of a sorted set.", "O(log(N))", "1.2.0"),
    Command::read("zcard", 2, read::zcard)
        .flags(FAST)
        .keys(&[key(1, Access::Look)])
        .syntax("key")
        .about("Returns the number of members of a sorted set.", "O(1)", "1.2.0"),
    Command::read("zcount", 4, read::zcount)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key min max")
        .about("Counts the members of a sorted set with scores in a range.", "O(log(N))", "2.0.0"),
    Command::read("zlexcount", 4, read::zlexcount)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key min max")
        .about("Counts the members of a sorted set with names in a range.", "O(log(N))", "2.8.9"),
    Command::read("zscore", 3, read::zscore)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key member")
        .about("Returns the score of a member of a sorted set.", "O(1)", "1.2.0"),
    Command::read("zmscore", -3, read::zmscore)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key member [member ...]")
        .about("Returns the scores of one or more members of a sorted set.", "O(N)", "6.2.0"),
    Command::read("zrank", -3, read::zrank)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key member [WITHSCORE]")
        .about("Returns the rank of a member of a sorted set, from the lowest score.", "O(log(N))", "2.0.0"),
    Command::read("zrevrank", -3, read::zrevrank)
        .flags(FAST)
        .keys(&[key(1, Access::Read)])
        .syntax("key member [WITHSCORE]")
        .about("Returns the rank of a member of a sorted set, from the highest score.", "O(log(N))", "2.0.0"),
    Command::read("zrange", -4, ranges::zrange)
        .keys(&[key(1, Access::Read)])
        .syntax("key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]")
        .about("Returns members of a sorted set in a range of ranks, scores or names.", "O(log(N)+M)", "1.2.0"),
    Command::read("zrevrange", -4, ranges::zrevrange)
        .keys(&[key(1, Access::Read)])
        .syntax("key start stop [WITHSCORES]")
        .about("Returns members of a sorted set in a range of ranks, the highest score first.", "O(log(N)+M)", "1.2.0"),
    Command::read("zrangebyscore", -4, ranges::by_score)
        .keys(&[key(1, Access::Read)])
        .syntax("key min max [WITHSCORES] [LIMIT offset count]")
        .about("Returns members of a sorted set in a range of scores.", "O(log(N)+M)", "1.0.5"),
    Command::read("zrevrangebyscore", -4, ranges::rev_by_score)
        .keys(&[key(1, Access::Read)])
        .syntax("key max min [WITHSCORES] [LIMIT offset count]")
        .about("Returns members of a sorted set in a range of scores, the highest first.", "O(log(N)+M)", "2.2.0"),
    Command::read("zrangebylex", -4, ranges::by_lex)
        .keys(&[key(1, Access::Read)])
        .syntax("key min max [LIMIT offset count]")
        .about("Returns members of a sorted set in a range of names.", "O(log(N)+M)", "2.8.9"),
    Command::read("zrevrangebylex", -4, ranges::rev_by_lex)
        .keys(&[key(1, Access::Read)])
        .syntax("key max min [LIMIT offset count]")
        .about("Returns members of a sorted set in a range of names, the last first.", "O(log(N)+M)", "2.8.9"),
    Command::write("zrangestore", -5, ranges::zrangestore)
        .flags(DENYOOM)
        .keys(&[key(1, Access::Overwrite), key(2, Access::Read)])
        .syntax("dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]")
        .about("Stores members of a sorted set in a range in another key.", "O(log(N)+M)", "6.2.0"),
    Command::write("zrem", -3, remove::zrem)
        .flags(FAST)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key member [member ...]")
        .about("Removes one or more members from a sorted set.", "O(M*log(N))", "1.2.0"),
    Command::write("zremrangebyrank", 4, remove::by_rank)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key start stop")
        .about("Removes the members of a sorted set in a range of ranks.", "O(log(N)+M)", "2.0.0"),
    Command::write("zremrangebyscore", 4, remove::by_score)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key min max")
        .about("Removes the members of a sorted set in a range of scores.", "O(log(N)+M)", "1.2.0"),
    Command::write("zremrangebylex", 4, remove::by_lex)
        .keys(&[key(1, Access::DeletePart)])
        .syntax("key min max")
        .about("Removes the members of a sorted set in a range of names.", "O(log(N)+M)", "2.8.9"),
    Command::write("zpopmin", -2, pop::zpopmin)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete)])
        .syntax("key [count]")
        .about("Removes and returns the members of a sorted set with the lowest scores.", "O(log(N)*M)", "5.0.0"),
    Command::write("zpopmax", -2, pop::zpopmax)
        .flags(FAST)
        .keys(&[key(1, Access::ReadDelete)])
        .syntax("key [count]")
        .about("Removes and returns the members of a sorted set with the highest scores.", "O(log(N)*M)", "5.0.0"),
    Command::write("zmpop", -4, pop::zmpop)
        .flags(MOVABLEKEYS)
        .keys(&[counted(1, 1, Access::ReadDelete)])
        .syntax("numkeys key [key ...] <MIN|MAX> [COUNT count]")
        .about("Removes and returns members of the first sorted set that has some.", "O(K)", "7.0.0"),
    Command::write("bzpopmin", -3, pop::bzpopmin)
        .flags(BLOCKING.and(FAST))
        .keys(&[range(1, -2, 1, Access::ReadDelete)])
        .syntax("key [key ...] timeout")
        .about("Removes and returns the member with the lowest score, waiting for one if need be.", "O(log(N))", "5.0.0"),
    Command::write("bzpopmax", -3, pop::bzpopmax)
        .flags(BLOCKING.and(FAST))
        .keys(&[range(1, -2, 1, Access::ReadDelete)])
        .syntax("key [key ...] timeout")
        .about("Removes and returns the member with the highest score, waiting for one if need be.", "O(log(N))", "5.0.0"),
    Command::write("bzmpop", -5, pop::bzmpop)
        .flags(BLOCKING.and(MOVABLEKEYS))
        .keys(&[counted(2, 1, Access::ReadDelete)])
        .syntax("timeout numkeys key [key ...] <MIN|MAX> [COUNT count]")
        .about("Removes and returns members of the first sorted set that has some, waiting if need be.", "O(K)", "7.0.0"),
    Command::read("zunion", -3, combine::zunion)
        .flags(MOVABLEKEYS)
        .keys(&[counted(1, 1, Access::Read)])
        .syntax("numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE \
             <SUM|MIN|MAX|COUNT>] [WITHSCORES]")
        .about("Returns the union of sorted sets.", "O(N)", "6.2.0"),
    Command::write("zunionstore", -4, combine::zunionstore)
        .flags(DENYOOM.and(MOVABLEKEYS))
        .keys(&[key(1, Access::Overwrite), counted(2, 1, Access::Read)])
        .syntax("destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE \
             <SUM|MIN|MAX|COUNT>]")
        .about("Stores the union of sorted sets in a key.", "O(N)", "2.0.0"),
    Command::read("zinter", -3, combine::zinter)
        .flags(MOVABLEKEYS)
        .keys(&[counted(1, 1, Access::Read)])
        .syntax("numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE \
             <SUM|MIN|MAX|COUNT>] [WITHSCORES]")
        .about("Returns the intersection of sorted sets.", "O(N*K)", "6.2.0"),
    Command::write("zinterstore", -4, combine::zinterstore)
        .flags(DENYOOM.and(MOVABLEKEYS))
        .keys(&[key(1, Access::Overwrite), counted(2, 1, Access::Read)])
        .syntax("destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE \
             <SUM|MIN|MAX|COUNT>]")
        .about("Stores the intersection of sorted sets in a key.", "O(N*K)", "2.0.0"),
    Command::read("zintercard", -3, combine::zintercard)
        .flags(MOVABLEKEYS)
        .keys(&[counted(1, 1, Access::Read)])
        .syntax("numkeys key [key ...] [LIMIT limit]")
        .about("Counts the members that sorted sets have in common.", "O(N*K)", "7.0.0"),
    Command::read("zdiff", -3, combine::zdiff)
        .flags(MOVABLEKEYS)
        .keys(&[counted(1, 1, Access::Read)])
        .syntax("numkeys key [key ...] [WITHSCORES]")
        .about("Returns the members of a sorted set that others do not have.", "O(L + (N-K)log(N))", "6.2.0"),
    Command::write("zdiffstore", -4, combine::zdiffstore)
        .flags(DENYOOM.and(MOVABLEKEYS))
        .keys(&[key(1, Access::Overwrite), counted(2, 1, Access::Read)])
        .syntax("destination numkeys key [key ...]")
        .about("Stores the members of a sorted set that others do not have in a key.", "O(L + (N-K)log(N))", "6.2.0"),
    Command::read("zrandmember", -2, draw::zrandmember)
        .keys(&[key(1, Access::Read)])
        .syntax("key [count [WITHSCORES]]")
        .about("Returns members of a sorted set drawn at random.", "O(N)", "6.2.0"),
    Command::read("zscan", -3, scan::zscan)
        .keys(&[key(1, Access::Read)])
        .syntax("key cursor [MATCH pattern] [COUNT count] [NOSCORES]")
        .about("Iterates over the members of a sorted set.", "O(1)", "2.8.0"),
]);
