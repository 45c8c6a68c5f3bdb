//! Sorted sets. Replies are those of redis-server 7.0.15; what it does not have is in [`newer`],
//! waiting in [`blocking`], integer arguments from the edges in [`integers`].

mod blocking;
mod integers;
mod newer;

use crate::support::{Options, Server, check_arity, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn every_command_counts_its_arguments() {
    let server = start();
    let mut conn = server.connect();
    let lines = "ZADD z 1 | ZINCRBY z 1 | ZINCRBY z 1 a b | ZSCORE z | ZSCORE z a b | ZMSCORE z | \
        ZCARD | ZCARD z a | ZCOUNT z 1 | ZCOUNT z 1 2 3 | ZLEXCOUNT z - | ZLEXCOUNT z - + x | \
        ZRANK z | ZREVRANK z | ZRANGE z 1 | ZREVRANGE z 1 | ZRANGEBYSCORE z 1 | \
        ZREVRANGEBYSCORE z 1 | ZRANGEBYLEX z - | ZREVRANGEBYLEX z + | ZRANGESTORE d z 1 | ZREM z | \
        ZREMRANGEBYRANK z 1 | ZREMRANGEBYRANK z 1 2 3 | ZREMRANGEBYSCORE z 1 | \
        ZREMRANGEBYSCORE z 1 2 3 | ZREMRANGEBYLEX z - | ZREMRANGEBYLEX z - + x | ZPOPMIN | \
        ZPOPMAX | ZMPOP 1 z | BZPOPMIN z | BZPOPMAX z | BZMPOP 0 1 z | ZUNION 1 | ZUNIONSTORE d 1 | \
        ZINTER 1 | ZINTERSTORE d 1 | ZINTERCARD 1 | ZDIFF 1 | ZDIFFSTORE d 1 | ZRANDMEMBER | ZSCAN z";
    check_arity(&mut conn, lines.split(" | "));
}

#[test]
fn zadd_adds_and_changes() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c -> :3
        ZADD z 1 a 2 b 4 d -> :1
        ZADD z NX 5 a 6 e -> :1
        ZSCORE z a -> ,1
        ZADD z XX CH 5 a 7 none -> :1
        ZADD z ch 6 a 8 f -> :2
        ZADD z GT CH 1 a 9 b -> :1
        ZADD z LT CH 1 a 90 b -> :1
        ZADD z XX GT CH 10 a 1 none -> :1
        ZADD z GT 1 g -> :1
        ZADD z 1 dup 2 dup -> :1
        ZSCORE z dup -> ,2
        ZADD new XX 1 a -> :0
        EXISTS new -> :0
        ZADD new XX INCR 1 a -> nil
        ZADD "" 1 "" -> :1
        ZRANGE "" 0 -1 WITHSCORES -> @2 ["" 1] @3 [["" ,1]]
        ZRANGE z 0 -1 WITHSCORES -> @2 [g 1 dup 2 c 3 d 4 e 6 f 8 b 9 a 10] @3 [[g ,1] [dup ,2] [c ,3] [d ,4] [e ,6] [f ,8] [b ,9] [a ,10]]
        "#,
    );
}

#[test]
fn zadd_increments() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a -> :1
        ZADD z INCR 2.5 a -> ,3.5
        ZADD z NX INCR 2.5 a -> nil
        ZADD z XX INCR 2.5 none -> nil
        ZADD z GT INCR -1 a -> nil
        ZADD z LT INCR 1 a -> nil
        ZADD z GT INCR 1 a -> ,4.5
        ZADD z INCR 1 new -> ,1
        ZADD z INCR inf a -> ,inf
        ZADD z INCR -inf a -> -ERR resulting score is not a number (NaN)
        ZINCRBY z -inf a -> -ERR resulting score is not a number (NaN)
        ZADD z NX INCR -inf a -> nil
        ZINCRBY z 3.1 b -> ,3.1000000000000001
        ZINCRBY z -3.1 b -> ,0
        ZINCRBY z 1e17 c -> ,1e+17
        ZINCRBY z 1 c -> ,1e+17
        ZINCRBY z 0.1 d -> ,0.10000000000000001
        ZINCRBY z 0.2 d -> ,0.30000000000000004
        ZINCRBY other 1 a -> ,1
        "#,
    );
}

#[test]
fn zadd_refuses() {
    run_both(
        &start(),
        r#"
        ZADD z INCR 1 a 2 b -> -ERR INCR option supports a single increment-element pair
        ZADD z NX XX 1 a -> -ERR XX and NX options at the same time are not compatible
        ZADD z GT LT 1 a -> -ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD z GT NX 1 a -> -ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD z LT NX 1 a -> -ERR GT, LT, and/or NX options at the same time are not compatible
        ZADD z NX XX GT 1 a -> -ERR XX and NX options at the same time are not compatible
        ZADD z 1 a 2 -> -ERR syntax error
        ZADD z NX XX 1 a 2 -> -ERR syntax error
        ZADD z NX CH -> -ERR syntax error
        ZADD z FOO 1 a -> -ERR syntax error
        ZADD z abc a -> -ERR value is not a valid float
        ZADD z 1 a x b -> -ERR value is not a valid float
        EXISTS z -> :0
        ZADD z nan a -> -ERR value is not a valid float
        ZADD z 1e400 a -> -ERR value is not a valid float
        ZADD z "" a -> -ERR value is not a valid float
        ZADD z " 1" a -> -ERR value is not a valid float
        ZINCRBY z nx a -> -ERR syntax error
        ZINCRBY z abc a -> -ERR value is not a valid float
        SET s x -> +OK
        ZADD s 1 a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZADD s x a -> -ERR value is not a valid float
        ZINCRBY s 1 a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn scores_are_printed_as_redis_does() {
    run_both(
        &start(),
        r#"
        ZADD z 1.5 a 3.1 b 1e300 c inf d -inf e 0.1 f 1e17 g 12345678901234567 h 1e-7 i -2.5 j 0x10 k .5 l -> :12
        ZRANGE z 0 -1 WITHSCORES -> @2 [e "-inf" j "-2.5" i "9.9999999999999995e-08" f 0.10000000000000001 l 0.5 a 1.5 b 3.1000000000000001 k 16 h 12345678901234568 g "1e+17" c "1.0000000000000001e+300" d inf] @3 [[e ,-inf] [j ,-2.5] [i ,9.9999999999999995e-08] [f ,0.10000000000000001] [l ,0.5] [a ,1.5] [b ,3.1000000000000001] [k ,16] [h ,12345678901234568] [g ,1e+17] [c ,1.0000000000000001e+300] [d ,inf]]
        ZMSCORE z a b c d e f g h i j k l -> [,1.5 ,3.1000000000000001 ,1.0000000000000001e+300 ,inf ,-inf ,0.10000000000000001 ,1e+17 ,12345678901234568 ,9.9999999999999995e-08 ,-2.5 ,16 ,0.5]
        ZADD z -0 m -> :1
        ZSCORE z m -> ,0
        CONFIG SET zset-max-listpack-entries 0 -> +OK
        ZADD big -0 a 0 b -> :2
        ZRANGE big 0 -1 WITHSCORES -> @2 [a "-0" b 0] @3 [[a ,-0] [b ,0]]
        ZINCRBY big 0 a -> ,0
        ZSCORE big a -> ,-0
        CONFIG SET zset-max-listpack-entries 128 -> +OK
        "#,
    );
}

#[test]
fn zrange_by_rank() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c 4 d -> :4
        ZRANGE z 0 -1 -> [a b c d]
        ZRANGE z 1 2 -> [b c]
        ZRANGE z -2 -1 WITHSCORES -> @2 [c 3 d 4] @3 [[c ,3] [d ,4]]
        ZRANGE z 0 0 REV WITHSCORES -> @2 [d 4] @3 [[d ,4]]
        ZRANGE z 1 2 REV -> [c b]
        ZRANGE z 2 1 -> []
        ZRANGE z 4 9 -> []
        ZRANGE z -100 100 withscores -> @2 [a 1 b 2 c 3 d 4] @3 [[a ,1] [b ,2] [c ,3] [d ,4]]
        ZRANGE z 0 -1 LIMIT 0 1 -> -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
        ZRANGE z 0 -1 LIMIT 0 -1 -> [a b c d]
        ZRANGE z 0 -1 LIMIT 0 -> -ERR syntax error
        ZRANGE z 0 -1 FOO -> -ERR syntax error
        ZRANGE z a b -> -ERR value is not an integer or out of range
        ZRANGE z 0 1.5 -> -ERR value is not an integer or out of range
        ZRANGE none 0 -1 -> []
        ZRANGE none 0 -1 WITHSCORES -> []
        ZREVRANGE z 0 1 WITHSCORES -> @2 [d 4 c 3] @3 [[d ,4] [c ,3]]
        ZREVRANGE z -1 -1 -> [a]
        ZREVRANGE z 0 1 REV -> -ERR syntax error
        ZREVRANGE z 0 1 LIMIT 1 1 -> -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
        SET s x -> +OK
        ZRANGE s 0 -1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZREVRANGE s 0 -1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn zrange_by_score() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 2 bb 3 c -inf m inf n -> :6
        ZRANGE z 1 2 BYSCORE -> [a b bb]
        ZRANGE z (1 (3 BYSCORE WITHSCORES -> @2 [b 2 bb 2] @3 [[b ,2] [bb ,2]]
        ZRANGE z -inf +inf BYSCORE LIMIT 1 2 -> [a b]
        ZRANGE z +inf -inf BYSCORE REV LIMIT 1 2 WITHSCORES -> @2 [c 3 bb 2] @3 [[c ,3] [bb ,2]]
        ZRANGE z -inf +inf BYSCORE REV -> []
        ZRANGE z a b BYSCORE -> -ERR min or max is not a float
        ZRANGE z 0 -1 BYSCORE BYLEX -> -ERR syntax error
        ZRANGEBYSCORE z -inf +inf WITHSCORES LIMIT 0 1 -> @2 [m "-inf"] @3 [[m ,-inf]]
        ZRANGEBYSCORE z -inf +inf LIMIT -1 1 -> []
        ZRANGEBYSCORE z -inf +inf LIMIT 1 -5 -> [a b bb c n]
        ZRANGEBYSCORE z -inf +inf LIMIT 100 1 -> []
        ZRANGEBYSCORE z -inf +inf LIMIT a 1 -> -ERR value is not an integer or out of range
        ZRANGEBYSCORE z -inf +inf LIMIT 1 -> -ERR syntax error
        ZRANGEBYSCORE z -inf +inf BYSCORE -> -ERR syntax error
        ZRANGEBYSCORE z "" "" -> []
        ZRANGEBYSCORE z " 1" 1e400 -> [a b bb c n]
        ZRANGEBYSCORE z "1 " 2 -> -ERR min or max is not a float
        ZRANGEBYSCORE z "( 1" "(nan" -> -ERR min or max is not a float
        ZRANGEBYSCORE z (1 (1 -> []
        ZRANGEBYSCORE z (-inf (inf -> [a b bb c]
        ZREVRANGEBYSCORE z +inf -inf WITHSCORES -> @2 [n inf c 3 bb 2 b 2 a 1 m "-inf"] @3 [[n ,inf] [c ,3] [bb ,2] [b ,2] [a ,1] [m ,-inf]]
        ZREVRANGEBYSCORE z 2 1 -> [bb b a]
        ZREVRANGEBYSCORE z 1 2 -> []
        ZREVRANGEBYSCORE z +inf -inf LIMIT 1 1 -> [c]
        ZCOUNT z 1 2 -> :3
        ZCOUNT z (1 (3 -> :2
        ZCOUNT z 5 1 -> :0
        ZCOUNT z x 1 -> -ERR min or max is not a float
        ZCOUNT none 0 1 -> :0
        SET s x -> +OK
        ZRANGEBYSCORE s 0 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGEBYSCORE s x 1 -> -ERR min or max is not a float
        ZREVRANGEBYSCORE s 0 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZCOUNT s 0 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn zrange_by_lex() {
    run_both(
        &start(),
        r#"
        ZADD z 0 a 0 b 0 bb 0 c 0 "" 0 100 -> :6
        ZRANGE z - + BYLEX -> ["" 100 a b bb c]
        ZRANGE z [a (bb BYLEX -> [a b]
        ZRANGE z + [b BYLEX REV -> [c bb b]
        ZRANGE z - + BYLEX LIMIT 1 2 -> [100 a]
        ZRANGE z - + BYLEX WITHSCORES -> -ERR syntax error, WITHSCORES not supported in combination with BYLEX
        ZRANGE z a b BYLEX -> -ERR min or max not valid string range item
        ZRANGEBYLEX z - [b -> ["" 100 a b]
        ZRANGEBYLEX z (b + -> [bb c]
        ZRANGEBYLEX z [ (a -> ["" 100]
        ZRANGEBYLEX z [b [a -> []
        ZRANGEBYLEX z (b (b -> []
        ZRANGEBYLEX z + - -> []
        ZRANGEBYLEX z + + -> []
        ZRANGEBYLEX z - - -> []
        ZRANGEBYLEX z - + WITHSCORES -> -ERR syntax error, WITHSCORES not supported in combination with BYLEX
        ZRANGEBYLEX z "-\x00a" "+\x00" -> ["" 100 a b bb c]
        ZRANGEBYLEX z -a + -> -ERR min or max not valid string range item
        ZRANGEBYLEX z - + LIMIT 0 2 -> ["" 100]
        ZREVRANGEBYLEX z + - -> [c bb b a 100 ""]
        ZREVRANGEBYLEX z [bb [a LIMIT 0 2 -> [bb b]
        ZREVRANGEBYLEX z - + -> []
        ZLEXCOUNT z - + -> :6
        ZLEXCOUNT z [a (c -> :3
        ZLEXCOUNT z a b -> -ERR min or max not valid string range item
        ZLEXCOUNT none - + -> :0
        SET s x -> +OK
        ZRANGEBYLEX s - + -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZREVRANGEBYLEX s + - -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZLEXCOUNT s - + -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn zrangestore_stores() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c 4 d -> :4
        ZRANGESTORE dst z 0 1 -> :2
        ZRANGE dst 0 -1 WITHSCORES -> @2 [a 1 b 2] @3 [[a ,1] [b ,2]]
        ZRANGESTORE dst z 4 2 BYSCORE REV LIMIT 0 2 -> :2
        ZRANGE dst 0 -1 WITHSCORES -> @2 [c 3 d 4] @3 [[c ,3] [d ,4]]
        ZRANGESTORE dst z 0 0 REV -> :1
        ZRANGE dst 0 -1 WITHSCORES -> @2 [d 4] @3 [[d ,4]]
        ZRANGESTORE dst z - [b BYLEX -> :2
        ZRANGESTORE dst z 0 1 WITHSCORES -> -ERR syntax error
        ZRANGESTORE dst z 0 1 LIMIT 0 1 -> -ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX
        ZRANGESTORE z z 1 2 -> :2
        ZRANGE z 0 -1 -> [b c]
        SET dst x -> +OK
        ZRANGESTORE dst none 0 -1 -> :0
        EXISTS dst -> :0
        SET dst x EX 100 -> +OK
        ZRANGESTORE dst z 0 -1 -> :2
        TTL dst -> :-1
        TYPE dst -> +zset
        SET s x -> +OK
        ZRANGESTORE dst s 0 -1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANGESTORE s z 5 9 -> :0
        EXISTS s -> :0
        "#,
    );
}

#[test]
fn members_are_found_by_name() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c -> :3
        ZCARD z -> :3
        ZCARD none -> :0
        ZSCORE z a -> ,1
        ZSCORE z none -> nil
        ZSCORE none a -> nil
        ZMSCORE z a none b a -> [,1 nil ,2 ,1]
        ZMSCORE none a b -> [nil nil]
        ZRANK z a -> :0
        ZRANK z c -> :2
        ZRANK z none -> nil
        ZRANK none a -> nil
        ZREVRANK z a -> :2
        ZREVRANK z none -> nil
        ZREVRANK none a -> nil
        SET s x -> +OK
        ZCARD s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZSCORE s a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZMSCORE s a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANK s a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZREVRANK s a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn zrem_removes() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c -> :3
        ZREM z a none a -> :1
        ZREM z none -> :0
        ZREM none a -> :0
        ZREM z b c -> :2
        EXISTS z -> :0
        SET s x -> +OK
        ZREM s a -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn zremrange_removes() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g -> :7
        ZREMRANGEBYRANK z 0 1 -> :2
        ZREMRANGEBYRANK z -1 -1 -> :1
        ZREMRANGEBYRANK z 9 12 -> :0
        ZREMRANGEBYSCORE z (3 4 -> :1
        ZREMRANGEBYSCORE z 100 1 -> :0
        ZRANGE z 0 -1 -> [c e f]
        ZREMRANGEBYLEX z - [c -> :1
        ZREMRANGEBYRANK z a 1 -> -ERR value is not an integer or out of range
        ZREMRANGEBYSCORE z a 1 -> -ERR min or max is not a float
        ZREMRANGEBYLEX z a 1 -> -ERR min or max not valid string range item
        ZREMRANGEBYRANK none 0 1 -> :0
        ZREMRANGEBYSCORE none 0 1 -> :0
        ZREMRANGEBYLEX none - + -> :0
        ZREMRANGEBYRANK z 0 -1 -> :2
        EXISTS z -> :0
        SET s x -> +OK
        ZREMRANGEBYRANK s 0 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZREMRANGEBYSCORE s 0 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZREMRANGEBYLEX s - + -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZREMRANGEBYLEX s x + -> -ERR min or max not valid string range item
        "#,
    );
}

#[test]
fn zpop_takes() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c 4 d -> :4
        ZPOPMIN z -> [a ,1]
        ZPOPMAX z -> [d ,4]
        ZPOPMIN z 0 -> []
        ZPOPMIN z -1 -> -ERR value is out of range, must be positive
        ZPOPMIN z a -> -ERR value is out of range, must be positive
        ZPOPMIN z 1 2 -> -ERR syntax error
        ZPOPMAX z 9223372036854775807 -> @2 [c 3 b 2] @3 [[c ,3] [b ,2]]
        EXISTS z -> :0
        ZPOPMAX none -> []
        ZPOPMAX none 2 -> []
        ZADD z 1 a 2 b 3 c 4 d -> :4
        ZPOPMIN z 3 -> @2 [a 1 b 2 c 3] @3 [[a ,1] [b ,2] [c ,3]]
        SET s x -> +OK
        ZPOPMIN s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZPOPMAX s 0 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZPOPMAX s -1 -> -ERR value is out of range, must be positive
        "#,
    );
}

#[test]
fn zmpop_takes() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c 4 d -> :4
        ZMPOP 2 none z MIN -> [z [[a ,1]]]
        ZMPOP 2 none z max COUNT 2 -> [z [[d ,4] [c ,3]]]
        ZMPOP 1 none MAX -> nil[]
        ZMPOP 0 z MIN -> -ERR numkeys should be greater than 0
        ZMPOP -1 z MIN -> -ERR numkeys should be greater than 0
        ZMPOP a z MIN -> -ERR numkeys should be greater than 0
        ZMPOP 3 z MIN -> -ERR syntax error
        ZMPOP 1 z MED -> -ERR syntax error
        ZMPOP 1 z MIN COUNT 0 -> -ERR count should be greater than 0
        ZMPOP 1 z MIN COUNT a -> -ERR count should be greater than 0
        ZMPOP 1 z MIN COUNT 1 COUNT 2 -> -ERR syntax error
        ZMPOP 1 z MIN COUNT -> -ERR syntax error
        ZMPOP 9223372036854775807 z MIN -> -ERR syntax error
        ZMPOP 1 z MIN COUNT 9223372036854775807 -> [z [[b ,2]]]
        EXISTS z -> :0
        SET s x -> +OK
        ZADD z 1 a -> :1
        ZMPOP 2 s z MIN -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZMPOP 2 none s MIN -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZMPOP 2 z s MIN -> [z [[a ,1]]]
        "#,
    );
}

#[test]
fn blocking_pops_take_what_is_there() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2 b 3 c 4 d 5 e -> :5
        BZPOPMIN none z 0 -> [z a ,1]
        BZPOPMAX z none 0 -> [z e ,5]
        BZMPOP 0 2 none z MIN COUNT 2 -> [z [[b ,2] [c ,3]]]
        BZMPOP 0 1 z MAX -> [z [[d ,4]]]
        EXISTS z -> :0
        BZPOPMIN z 0.01 -> nil[]
        BZPOPMAX z none 0.01 -> nil[]
        BZMPOP 0.01 2 none z MAX -> nil[]
        BZPOPMIN z abc -> -ERR timeout is not a float or out of range
        BZPOPMIN z -1 -> -ERR timeout is negative
        BZPOPMAX z "" -> -ERR timeout is not a float or out of range
        BZMPOP abc 1 z MIN -> -ERR timeout is not a float or out of range
        BZMPOP -1 1 z MIN -> -ERR timeout is negative
        BZMPOP 1 0 z MIN -> -ERR numkeys should be greater than 0
        BZMPOP abc 0 z MIN -> -ERR numkeys should be greater than 0
        BZMPOP 1 1 z MED -> -ERR syntax error
        SET s x -> +OK
        ZADD z 1 a -> :1
        BZPOPMIN s z 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        BZPOPMIN none s 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        BZPOPMIN z s 1 -> [z a ,1]
        BZMPOP 1 1 s MIN -> -WRONGTYPE Operation against a key holding the wrong kind of value
        MULTI -> +OK
        BZPOPMIN none 0 -> +QUEUED
        BZPOPMAX none 0 -> +QUEUED
        BZMPOP 0 1 none MIN -> +QUEUED
        EXEC -> [nil[] nil[] nil[]]
        "#,
    );
}

#[test]
fn unions() {
    run_both(
        &start(),
        r#"
        ZADD u1 1 a 2 b 3 c -> :3
        ZADD u2 10 b 20 c 30 d -> :3
        ZUNION 2 u1 u2 -> [a b c d]
        ZUNION 2 u1 u2 WITHSCORES -> @2 [a 1 b 12 c 23 d 30] @3 [[a ,1] [b ,12] [c ,23] [d ,30]]
        ZUNION 2 u1 u2 WEIGHTS 2 3 AGGREGATE MAX WITHSCORES -> @2 [a 2 b 30 c 60 d 90] @3 [[a ,2] [b ,30] [c ,60] [d ,90]]
        ZUNION 2 u1 u2 AGGREGATE min WITHSCORES -> @2 [a 1 b 2 c 3 d 30] @3 [[a ,1] [b ,2] [c ,3] [d ,30]]
        ZUNION 2 u1 none WITHSCORES -> @2 [a 1 b 2 c 3] @3 [[a ,1] [b ,2] [c ,3]]
        ZUNION 1 none -> []
        ZUNION 2 u1 u1 WITHSCORES -> @2 [a 2 b 4 c 6] @3 [[a ,2] [b ,4] [c ,6]]
        ZUNION 2 u1 u2 WEIGHTS 2 -> -ERR syntax error
        ZUNION 2 u1 u2 WEIGHTS 2 x -> -ERR weight value is not a float
        ZUNION 2 u1 u2 AGGREGATE FOO -> -ERR syntax error
        ZUNION 2 u1 u2 AGGREGATE -> -ERR syntax error
        ZUNION 2 u1 u2 LIMIT 1 -> -ERR syntax error
        ZUNION 0 u1 -> -ERR at least 1 input key is needed for 'zunion' command
        ZUNION -1 u1 -> -ERR at least 1 input key is needed for 'zunion' command
        ZUNION a u1 -> -ERR value is not an integer or out of range
        ZUNION 3 u1 u2 -> -ERR syntax error
        ZUNIONSTORE d 0 u1 -> -ERR at least 1 input key is needed for 'zunionstore' command
        ZUNIONSTORE d 2 u1 u2 -> :4
        ZRANGE d 0 -1 WITHSCORES -> @2 [a 1 b 12 c 23 d 30] @3 [[a ,1] [b ,12] [c ,23] [d ,30]]
        ZUNIONSTORE d 2 u1 d WEIGHTS 1 0.5 -> :4
        ZRANGE d 0 -1 WITHSCORES -> @2 [a 1.5 b 8 c 14.5 d 15] @3 [[a ,1.5] [b ,8] [c ,14.5] [d ,15]]
        ZUNIONSTORE d 2 u1 u2 WITHSCORES -> -ERR syntax error
        ZUNIONSTORE d 1 none -> :0
        EXISTS d -> :0
        ZADD i1 inf a 1 b -> :2
        ZADD i2 -inf a 2 b -> :2
        ZUNION 2 i1 i2 WITHSCORES -> @2 [a 0 b 3] @3 [[a ,0] [b ,3]]
        ZUNION 2 i1 i2 WEIGHTS 0 0 WITHSCORES -> @2 [a 0 b 0] @3 [[a ,0] [b ,0]]
        SET s x -> +OK
        ZUNION 2 u1 s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZUNION 2 u1 s WEIGHTS x -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZUNIONSTORE s 1 u1 -> :3
        TYPE s -> +zset
        "#,
    );
}

#[test]
fn intersections() {
    run_both(
        &start(),
        r#"
        ZADD u1 1 a 2 b 3 c -> :3
        ZADD u2 10 b 20 c 30 d -> :3
        ZINTER 2 u1 u2 -> [b c]
        ZINTER 2 u1 u2 WITHSCORES -> @2 [b 12 c 23] @3 [[b ,12] [c ,23]]
        ZINTER 2 u1 u2 WEIGHTS 1 -1 AGGREGATE MIN WITHSCORES -> @2 [c "-20" b "-10"] @3 [[c ,-20] [b ,-10]]
        ZINTER 2 u1 u1 WITHSCORES -> @2 [a 2 b 4 c 6] @3 [[a ,2] [b ,4] [c ,6]]
        ZINTER 2 u1 none WITHSCORES -> []
        ZINTER 0 u1 -> -ERR at least 1 input key is needed for 'zinter' command
        ZINTERSTORE d 2 u1 u2 WEIGHTS inf 0 -> :2
        ZRANGE d 0 -1 WITHSCORES -> @2 [b inf c inf] @3 [[b ,inf] [c ,inf]]
        ZINTERSTORE u1 2 u1 u2 -> :2
        ZRANGE u1 0 -1 WITHSCORES -> @2 [b 12 c 23] @3 [[b ,12] [c ,23]]
        ZINTERSTORE d 2 u1 none -> :0
        EXISTS d -> :0
        ZINTERCARD 2 u1 u2 -> :2
        ZINTERCARD 2 u2 u2 LIMIT 1 -> :1
        ZINTERCARD 2 u2 u2 LIMIT 0 -> :3
        ZINTERCARD 2 u2 u2 LIMIT 100 -> :3
        ZINTERCARD 2 u2 u2 LIMIT -1 -> -ERR LIMIT can't be negative
        ZINTERCARD 2 u2 u2 LIMIT a -> -ERR LIMIT can't be negative
        ZINTERCARD 2 u2 u2 LIMIT -> -ERR syntax error
        ZINTERCARD 2 u2 u2 WEIGHTS 1 1 -> -ERR syntax error
        ZINTERCARD 0 u2 -> -ERR at least 1 input key is needed for 'zintercard' command
        ZINTERCARD 2 u2 none -> :0
        SET s x -> +OK
        ZINTER 2 u1 s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZINTERCARD 2 s u1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZINTERSTORE d 2 none s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn differences() {
    run_both(
        &start(),
        r#"
        ZADD u1 1 a 2 b 3 c -> :3
        ZADD u2 10 b 20 c 30 d -> :3
        ZDIFF 2 u1 u2 WITHSCORES -> @2 [a 1] @3 [[a ,1]]
        ZDIFF 2 u1 u2 -> [a]
        ZDIFF 1 u1 -> [a b c]
        ZDIFF 2 u1 u1 -> []
        ZDIFF 2 none u1 -> []
        ZDIFF 2 u1 none WITHSCORES -> @2 [a 1 b 2 c 3] @3 [[a ,1] [b ,2] [c ,3]]
        ZDIFF 2 u1 u2 WEIGHTS 1 1 -> -ERR syntax error
        ZDIFF 0 u1 -> -ERR at least 1 input key is needed for 'zdiff' command
        ZDIFFSTORE d 2 u1 u2 -> :1
        ZRANGE d 0 -1 WITHSCORES -> @2 [a 1] @3 [[a ,1]]
        ZDIFFSTORE d 2 u1 u2 WITHSCORES -> -ERR syntax error
        ZDIFFSTORE u1 2 u1 u2 -> :1
        ZRANGE u1 0 -1 -> [a]
        ZDIFFSTORE d 2 u1 u1 -> :0
        EXISTS d -> :0
        SET s x -> +OK
        ZDIFF 2 u1 s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZDIFFSTORE d 2 s u1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn draws() {
    run_both(
        &start(),
        r#"
        ZADD one 1.5 a -> :1
        ZRANDMEMBER one -> a
        ZRANDMEMBER one 1 -> [a]
        ZRANDMEMBER one 5 WITHSCORES -> @2 [a 1.5] @3 [[a ,1.5]]
        ZRANDMEMBER one -3 -> [a a a]
        ZRANDMEMBER one -2 WITHSCORES -> @2 [a 1.5 a 1.5] @3 [[a ,1.5] [a ,1.5]]
        ZRANDMEMBER one 0 -> []
        ZRANDMEMBER one a -> -ERR value is not an integer or out of range
        ZRANDMEMBER one 1 FOO -> -ERR syntax error
        ZRANDMEMBER one 1 WITHSCORES X -> -ERR syntax error
        ZRANDMEMBER one -9223372036854775808 -> -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        ZRANDMEMBER one -9223372036854775807 WITHSCORES -> -ERR value is out of range
        ZRANDMEMBER one 9223372036854775807 -> [a]
        ZRANDMEMBER none -> nil
        ZRANDMEMBER none 1 -> []
        ZRANDMEMBER none -1 WITHSCORES -> []
        SET s x -> +OK
        ZRANDMEMBER s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        ZRANDMEMBER s 1 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn scans() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a 2.5 b 3 ab -> :3
        ZSCAN z 0 -> [0 [a 1 b 2.5 ab 3]]
        ZSCAN z 0 MATCH a* COUNT 1 -> [0 [a 1 ab 3]]
        ZSCAN z 0 MATCH x -> [0 []]
        ZSCAN z a -> -ERR invalid cursor
        ZSCAN z " 0" -> -ERR invalid cursor
        ZSCAN z 18446744073709551616 -> -ERR invalid cursor
        ZSCAN z 0 COUNT 0 -> -ERR syntax error
        ZSCAN z 0 COUNT a -> -ERR value is not an integer or out of range
        ZSCAN z 0 MATCH -> -ERR syntax error
        ZSCAN z 0 FOO 1 -> -ERR syntax error
        ZSCAN none 0 FOO -> [0 []]
        SET s x -> +OK
        ZSCAN s 0 -> -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn encodings_follow_the_limits() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a -> :1
        OBJECT ENCODING z -> listpack
        ZADD z 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -> :1
        OBJECT ENCODING z -> listpack
        ZADD z 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -> :1
        OBJECT ENCODING z -> skiplist
        ZREM z aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -> :1
        OBJECT ENCODING z -> skiplist
        ZRANGE z 0 -1 WITHSCORES -> @2 [a 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1] @3 [[a ,1] [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ,1]]
        ZUNIONSTORE u 1 z -> :2
        OBJECT ENCODING u -> listpack
        CONFIG SET zset-max-listpack-entries 2 -> +OK
        ZUNIONSTORE u 1 z -> :2
        OBJECT ENCODING u -> listpack
        ZADD u 5 five -> :1
        OBJECT ENCODING u -> skiplist
        ZRANGESTORE r u 0 1 -> :2
        OBJECT ENCODING r -> listpack
        ZRANGESTORE r u 0 2 -> :3
        OBJECT ENCODING r -> skiplist
        CONFIG SET zset-max-listpack-entries 128 -> +OK
        "#,
    );
}

#[test]
fn keys_go_with_their_last_member_and_keep_their_time() {
    run_both(
        &start(),
        r#"
        ZADD z 1 a -> :1
        EXPIRE z 100 -> :1
        ZADD z 2 b -> :1
        TTL z -> :100
        ZINCRBY z 1 b -> ,3
        TTL z -> :100
        ZUNIONSTORE z 1 z -> :2
        TTL z -> :-1
        ZPOPMIN z 2 -> @2 [a 1 b 3] @3 [[a ,1] [b ,3]]
        EXISTS z -> :0
        "#,
    );
}

#[test]
fn sets_are_inputs() {
    run_both(
        &start(),
        r#"
        SADD s a b c 1 2 -> :5
        SADD i 1 2 3 -> :3
        ZADD z 5 a 7 1 -> :2
        ZUNION 2 z s WITHSCORES -> @2 [2 1 b 1 c 1 a 6 1 8] @3 [[2 ,1] [b ,1] [c ,1] [a ,6] [1 ,8]]
        ZUNION 2 s i WITHSCORES -> @2 [3 1 a 1 b 1 c 1 1 2 2 2] @3 [[3 ,1] [a ,1] [b ,1] [c ,1] [1 ,2] [2 ,2]]
        ZUNION 2 s i WEIGHTS 2 3 AGGREGATE MAX WITHSCORES -> @2 [a 2 b 2 c 2 1 3 2 3 3 3] @3 [[a ,2] [b ,2] [c ,2] [1 ,3] [2 ,3] [3 ,3]]
        ZINTER 2 z s WITHSCORES -> @2 [a 6 1 8] @3 [[a ,6] [1 ,8]]
        ZINTER 3 z s i WITHSCORES -> @2 [1 9] @3 [[1 ,9]]
        ZINTERCARD 2 i s -> :2
        ZDIFF 2 s z WITHSCORES -> @2 [2 1 b 1 c 1] @3 [[2 ,1] [b ,1] [c ,1]]
        ZDIFF 2 z i -> [a]
        ZUNIONSTORE d 2 s z WEIGHTS 10 1 -> :5
        ZRANGE d 0 -1 WITHSCORES -> @2 [2 10 b 10 c 10 a 15 1 17] @3 [[2 ,10] [b ,10] [c ,10] [a ,15] [1 ,17]]
        ZINTERSTORE s 2 s i -> :2
        TYPE s -> +zset
        ZDIFFSTORE d 2 i z -> :2
        ZRANGE d 0 -1 WITHSCORES -> @2 [2 1 3 1] @3 [[2 ,1] [3 ,1]]
        "#,
    );
}
