//! SINTER, SUNION, SDIFF, SINTERSTORE, SUNIONSTORE, SDIFFSTORE, SINTERCARD, SUNIONCARD, SDIFFCARD.

use super::start;
use crate::support::{Conn, check, run_both};

#[test]
fn results_are_replied() {
    run_both(
        &start(),
        "
        SADD a 1 2 3 x
        SADD b 2 3 4 x
        SADD c 3 x y
        SINTER a -> ~[1 2 3 x]
        SINTER a b c -> ~[3 x]
        SINTER a a -> ~[1 2 3 x]
        SINTER a none -> ~[]
        SINTER none -> ~[]
        SUNION a b c -> ~[1 2 3 4 x y]
        SUNION none a none a -> ~[1 2 3 x]
        SUNION none -> ~[]
        SDIFF a b -> ~[1]
        SDIFF a b c -> ~[1]
        SDIFF a none -> ~[1 2 3 x]
        SDIFF none a -> ~[]
        SDIFF a a -> ~[]
        SDIFF c a b -> ~[y]
        ",
    );
}

#[test]
fn results_are_stored() {
    run_both(
        &start(),
        "
        SADD a 1 2 3
        SADD b 2 3 4
        SINTERSTORE d a b -> :2
        SMEMBERS d -> ~[2 3]
        OBJECT ENCODING d -> intset
        EXPIRE d 100
        SUNIONSTORE d a b -> :4
        TTL d -> :-1
        SMEMBERS d -> ~[1 2 3 4]
        SDIFFSTORE d a b -> :1
        SMEMBERS d -> ~[1]
        SINTERSTORE d a none -> :0
        EXISTS d -> :0
        SET d v
        SUNIONSTORE d a none -> :3
        TYPE d -> +set
        SET d v
        SDIFFSTORE d none a -> :0
        EXISTS d -> :0
        SINTERSTORE a a b -> :2
        SMEMBERS a -> ~[2 3]
        SUNIONSTORE b a b x -> :3
        SMEMBERS b -> ~[2 3 4]
        SET s v
        SUNIONSTORE a b s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        SINTERSTORE s none b s -> -WRONGTYPE Operation against a key holding the wrong kind of value
        SMEMBERS a -> ~[2 3]
        GET s -> v
        ",
    );
}

#[test]
fn results_are_counted() {
    run_both(
        &start(),
        "
        SADD a 1 2 3 x
        SADD b 2 3 4 x
        SINTERCARD 2 a b -> :3
        SINTERCARD 1 a -> :4
        SINTERCARD 2 a none -> :0
        SINTERCARD 2 a b LIMIT 2 -> :2
        SINTERCARD 2 a b LIMIT 0 -> :3
        SINTERCARD 2 a b limit 9223372036854775807 -> :3
        SINTERCARD 2 a b LIMIT 2 LIMIT 1 -> :1
        SUNIONCARD 2 a b -> :5
        SUNIONCARD 2 a b APPROX LIMIT 3 -> :3
        SUNIONCARD 1 none -> :0
        SDIFFCARD 2 a b -> :1
        SDIFFCARD 2 a none LIMIT 2 -> :2
        SINTERCARD 0 a -> -ERR numkeys should be greater than 0
        SINTERCARD -1 a -> -ERR numkeys should be greater than 0
        SINTERCARD x a -> -ERR numkeys should be greater than 0
        SINTERCARD 1.5 a -> -ERR numkeys should be greater than 0
        SINTERCARD 9223372036854775808 a -> -ERR numkeys should be greater than 0
        SINTERCARD 9223372036854775807 a -> -ERR Number of keys can't be greater than number of args
        SINTERCARD 3 a b -> -ERR Number of keys can't be greater than number of args
        SINTERCARD 1 a b -> -ERR syntax error
        SINTERCARD 1 a LIMIT -> -ERR syntax error
        SINTERCARD 1 a LIMIT -1 -> -ERR LIMIT can't be negative
        SINTERCARD 1 a LIMIT x -> -ERR LIMIT can't be negative
        SINTERCARD 1 a APPROX LIMIT 1 -> -ERR syntax error
        ",
    );
}

fn fill(conn: &mut Conn, key: &str, members: impl Iterator<Item = usize>) {
    let members: Vec<String> = members.map(|n| format!("m{n}")).collect();
    for chunk in members.chunks(500) {
        conn.cmd(&[&["SADD".to_owned(), key.to_owned()][..], chunk].concat());
    }
}

/// Large sets, and differences by either method.
#[test]
fn large_sets() {
    let server = start();
    let mut conn = server.connect();
    fill(&mut conn, "all", 0..4000);
    fill(&mut conn, "even", (0..4000).step_by(2));
    fill(&mut conn, "third", (0..4000).step_by(3));
    fill(&mut conn, "few", 0..10);
    for (line, count) in [
        ("SINTERCARD 2 all even", 2000),
        ("SINTERCARD 3 all even third", 667),
        ("SINTERCARD 3 few even third", 2),
        ("SUNIONCARD 2 even third", 2000 + 1334 - 667),
        ("SDIFFCARD 3 all even third", 4000 - 2000 - 1334 + 667),
        ("SDIFFCARD 5 all few few few few", 3990),
        ("SDIFFCARD 2 few all", 0),
        ("SINTERSTORE d all third", 1334),
        ("SUNIONSTORE d few third", 1334 + 6),
        ("SDIFFSTORE d all few few few few", 3990),
        ("SCARD d", 3990),
    ] {
        check(&mut conn, line, &format!(":{count}"));
    }
    assert_eq!(conn.line("SUNION even third few").items().len(), 2667 + 3);
    assert_eq!(conn.line("SDIFF all even").items().len(), 2000);
    assert_eq!(conn.line("SINTER even third").items().len(), 667);
}
