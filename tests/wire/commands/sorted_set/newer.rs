//! What redis-server 7.0 does not have: options of its successors and of Valkey.

use super::start;
use crate::support::{Conn, check, on_oracle, run_both};

/// Runs a script, unless redis-server 7.0 stands in.
fn run_newer(script: &str) {
    if !on_oracle() {
        run_both(&start(), script);
    }
}

#[test]
fn ranks_come_with_scores() {
    run_newer(
        r#"
        ZADD z 1 a 2.5 b 3 c -> :3
        ZRANK z b WITHSCORE -> [:1 ,2.5]
        ZREVRANK z a withscore -> [:2 ,1]
        ZRANK z none WITHSCORE -> nil[]
        ZREVRANK none a WITHSCORE -> nil[]
        ZRANK z a FOO -> -ERR syntax error
        ZRANK z a WITHSCORE x -> -ERR wrong number of arguments for 'zrank' command
        ZREVRANK z a x y -> -ERR wrong number of arguments for 'zrevrank' command
        "#,
    );
}

/// Redis 8.8: each input counts as its weight, whatever the scores.
#[test]
fn inputs_are_counted() {
    run_newer(
        r#"
        ZADD s1 1 foo 1 bar -> :2
        ZADD s2 2 foo 2 bar -> :2
        ZADD s3 inf foo -> :1
        ZUNIONSTORE out 3 s1 s2 s3 AGGREGATE COUNT -> :2
        ZRANGE out 0 -1 WITHSCORES -> @2 [bar 2 foo 3] @3 [[bar ,2] [foo ,3]]
        ZINTER 3 s1 s2 s3 AGGREGATE count WITHSCORES -> @2 [foo 3] @3 [[foo ,3]]
        ZUNION 2 s1 s3 WEIGHTS 2 10 AGGREGATE COUNT WITHSCORES -> @2 [bar 2 foo 12] @3 [[bar ,2] [foo ,12]]
        ZINTERSTORE out 2 s1 s3 WEIGHTS 2 10 AGGREGATE COUNT -> :1
        ZSCORE out foo -> ,12
        "#,
    );
}

#[test]
fn scans_leave_scores_out() {
    run_newer(
        r#"
        ZADD z 1 a 2 b -> :2
        ZSCAN z 0 NOSCORES -> [0 [a b]]
        ZSCAN z 0 MATCH b noscores COUNT 5 -> [0 [b]]
        ZSCAN z 0 -> [0 [a 1 b 2]]
        "#,
    );
}

/// However many members are asked for, as few as there are, or a bounded number, are replied.
#[test]
fn draws_are_bounded() {
    run_newer(
        r#"
        ZADD z 1 a -> :1
        ZRANDMEMBER z -9223372036854775807 -> -ERR value is out of range
        ZRANDMEMBER z -2147483649 WITHSCORES -> -ERR value is out of range
        "#,
    );
}

fn draw(conn: &mut Conn, count: &str) -> Vec<Vec<u8>> {
    let reply = conn.line(&format!("ZRANDMEMBER z {count}"));
    reply
        .items()
        .iter()
        .map(|name| name.bytes().to_vec())
        .collect()
}

/// Draws from many members are members, distinct where they are to be.
#[test]
fn draws_from_many() {
    let server = start();
    let mut conn = server.connect();
    for n in 0..2000 {
        check(&mut conn, &format!("ZADD z {n} m{n}"), ":1");
    }
    for (count, expected) in [("5", 5), ("1500", 1500), ("3000", 2000)] {
        let drawn = draw(&mut conn, count);
        let mut distinct = drawn.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(
            (drawn.len(), distinct.len()),
            (expected, expected),
            "{count}"
        );
        assert!(drawn.iter().all(|name| name.starts_with(b"m")));
    }
    let drawn = draw(&mut conn, "-5000");
    assert_eq!(drawn.len(), 5000);
    let mut distinct = drawn;
    distinct.sort();
    distinct.dedup();
    assert!((1500..2000).contains(&distinct.len()), "{}", distinct.len());
}
