//! SADD, SREM, SISMEMBER, SMISMEMBER, SCARD, SMEMBERS, SSCAN, SPOP, SRANDMEMBER, SMOVE; several
//! sets at once are in `set/algebra.rs`.

mod algebra;

use crate::support::{Conn, Options, Reply, Server, check, check_arity, run, run_both};
use std::collections::BTreeSet;

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn members_come_and_go() {
    run_both(
        &start(),
        r#"
        SADD s a b a -> :2
        SADD s a c "" -> :2
        SCARD s -> :4
        SMEMBERS s -> ~[a b c ""]
        SISMEMBER s a -> :1
        SISMEMBER s none -> :0
        SISMEMBER none a -> :0
        SMISMEMBER s a none "" -> [:1 :0 :1]
        SMISMEMBER none a b -> [:0 :0]
        SMEMBERS none -> ~[]
        SCARD none -> :0
        SREM s a none a -> :1
        SREM none a -> :0
        SREM s b c "" b -> :3
        EXISTS s -> :0
        SADD s "\x00\xff\r\n" -> :1
        SMEMBERS s -> ~["\x00\xff\r\n"]
        TYPE s -> +set
        "#,
    );
}

#[test]
fn encodings() {
    let script = r#"
        SADD i 1 2 -3 -> :3
        OBJECT ENCODING i -> intset
        SADD i 40000 -> :1
        SADD i 3000000000 -> :1
        SADD i -9223372036854775808 9223372036854775807 -> :2
        OBJECT ENCODING i -> intset
        SMEMBERS i -> ~["-9223372036854775808" "-3" 1 2 40000 3000000000 9223372036854775807]
        SISMEMBER i 40000 -> :1
        SISMEMBER i 040000 -> :0
        SISMEMBER i 9223372036854775808 -> :0
        SREM i 3000000000 1 1 -> :2
        SADD i text -> :1
        OBJECT ENCODING i -> listpack
        SMEMBERS i -> ~["-9223372036854775808" "-3" 2 40000 9223372036854775807 text]
        SREM i text -> :1
        OBJECT ENCODING i -> listpack
        SADD i 012 -0 +1 -> :3
        SMISMEMBER i 12 012 0 -0 1 +1 -> [:0 :1 :0 :1 :0 :1]
        SADD i LONG -> :1
        OBJECT ENCODING i -> hashtable
        SMISMEMBER i LONG 2 012 "-3" -> [:1 :1 :1 :1]
        SADD long LONG -> :1
        OBJECT ENCODING long -> hashtable
        CONFIG SET set-max-intset-entries 3 set-max-listpack-entries 2
        SADD j 1 2 3
        OBJECT ENCODING j -> intset
        SADD j 4
        OBJECT ENCODING j -> hashtable
        SADD k 1 2 3
        SADD k x
        OBJECT ENCODING k -> hashtable
        SADD l a b
        OBJECT ENCODING l -> listpack
        SADD l c
        OBJECT ENCODING l -> hashtable
        COPY l l2 -> :1
        SMEMBERS l2 -> ~[a b c]
        CONFIG SET set-max-intset-entries 512 set-max-listpack-entries 128
    "#;
    run_both(&start(), &script.replace("LONG", &"x".repeat(70)));
}

#[test]
fn members_move() {
    run_both(
        &start(),
        "
        SADD a x y
        SADD b y
        SMOVE a b x -> :1
        SMOVE a b none -> :0
        SMOVE none b y -> :0
        SMOVE a none y -> :1
        EXISTS a -> :0
        SMEMBERS b -> ~[x y]
        SMEMBERS none -> ~[y]
        SMOVE b b x -> :1
        SMOVE b b none -> :0
        SADD c y
        SMOVE c b y -> :1
        EXISTS c -> :0
        SCARD b -> :2
        SET s v
        SMOVE b s x -> -WRONGTYPE Operation against a key holding the wrong kind of value
        SMOVE s b x -> -WRONGTYPE Operation against a key holding the wrong kind of value
        SMOVE gone s x -> :0
        SMEMBERS b -> ~[x y]
        ",
    );
}

#[test]
fn members_are_drawn_and_popped() {
    run_both(
        &start(),
        "
        SPOP none -> nil
        SPOP none 3 -> ~[]
        SRANDMEMBER none -> nil
        SRANDMEMBER none 3 -> []
        SRANDMEMBER none -9223372036854775807 -> []
        SADD s a
        SRANDMEMBER s -> a
        SRANDMEMBER s 3 -> [a]
        SRANDMEMBER s 0 -> []
        SRANDMEMBER s -3 -> [a a a]
        SPOP s 0 -> ~[]
        SPOP s -> a
        EXISTS s -> :0
        SADD s a b c
        SPOP s 9223372036854775807 -> ~[a b c]
        EXISTS s -> :0
        SADD s 1
        SPOP s 1 -> ~[1]
        SADD s a
        SPOP s -1 -> -ERR value is out of range, must be positive
        SPOP s x -> -ERR value is out of range, must be positive
        SPOP s 9223372036854775808 -> -ERR value is out of range, must be positive
        SPOP s 1 2 -> -ERR syntax error
        SRANDMEMBER s x -> -ERR value is not an integer or out of range
        SRANDMEMBER s 1.5 -> -ERR value is not an integer or out of range
        SRANDMEMBER s '' -> -ERR value is not an integer or out of range
        SRANDMEMBER s -9223372036854775808 -> -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        SRANDMEMBER s 1 2 -> -ERR syntax error
        # As many as no reply could hold; redis-server would try.
        SRANDMEMBER s -9223372036854775807 -> -ERR value is out of range
        ",
    );
}

fn fill(conn: &mut Conn, prefix: &str, count: usize) {
    let members: Vec<String> = (0..count).map(|n| format!("{prefix}{n}")).collect();
    for chunk in members.chunks(500) {
        let head = ["SADD".to_owned(), "s".to_owned()];
        conn.cmd(&[&head[..], chunk].concat());
    }
}

fn texts(reply: &Reply) -> Vec<String> {
    reply.items().iter().map(Reply::text).collect()
}

#[test]
fn every_form_draws_pops_and_scans() {
    let server = start();
    let mut conn = server.connect();
    for (prefix, size) in [("", 100), ("", 3000), ("m", 100), ("m", 3000)] {
        conn.line("DEL s");
        fill(&mut conn, prefix, size);
        for count in [1, 50, size - 1, size, size + 5] {
            let drawn = texts(&conn.line(&format!("SRANDMEMBER s {count}")));
            let distinct: BTreeSet<String> = drawn.iter().cloned().collect();
            assert_eq!(
                (drawn.len(), distinct.len()),
                (count.min(size), count.min(size))
            );
        }
        assert_eq!(conn.line("SRANDMEMBER s -5000").items().len(), 5000);
        let mut seen = BTreeSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = conn.line(&format!("SSCAN s {cursor} COUNT 100"));
            cursor = reply.items()[0].text();
            seen.extend(texts(&reply.items()[1]));
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(seen.len(), size);
        let mut popped: BTreeSet<String> = texts(&conn.line("SPOP s 60")).into_iter().collect();
        popped.insert(conn.line("SPOP s").text());
        assert_eq!(popped.len(), 61);
        let left: BTreeSet<String> = texts(&conn.line("SMEMBERS s")).into_iter().collect();
        assert!(popped.is_disjoint(&left));
        assert_eq!(left.len(), size - 61);
    }
    run(
        &mut conn,
        "
        SADD t abc abd xyz
        SSCAN t 0 MATCH ab* -> [0 ?[abc abd]]
        SSCAN none 0 nonsense -> [0 []]
        SSCAN t x -> -ERR invalid cursor
        SSCAN t 0 COUNT 0 -> -ERR syntax error
        SSCAN t 0 NOVALUES -> -ERR syntax error
        SSCAN t 0 COUNT x -> -ERR value is not an integer or out of range
        ",
    );
}

#[test]
fn wrong_types_and_numbers_of_arguments() {
    let server = start();
    let mut conn = server.connect();
    conn.line("SET s v");
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    for line in [
        "SADD s a",
        "SREM s a",
        "SISMEMBER s a",
        "SMISMEMBER s a",
        "SCARD s",
        "SMEMBERS s",
        "SSCAN s 0 x",
        "SPOP s",
        "SPOP s 0",
        "SRANDMEMBER s",
        "SRANDMEMBER s 1",
        "SINTER s",
        "SUNION none s",
        "SDIFF none s",
        "SINTER none s",
        "SINTERSTORE d none s",
        "SUNIONSTORE d s",
        "SDIFFSTORE d none s",
        "SINTERCARD 2 none s",
        "SUNIONCARD 1 s",
        "SDIFFCARD 2 none s",
    ] {
        check(&mut conn, line, wrong);
    }
    let lines = [
        "SADD k",
        "SREM k",
        "SISMEMBER k",
        "SMISMEMBER k",
        "SCARD",
        "SMEMBERS",
        "SSCAN k",
        "SPOP",
        "SRANDMEMBER",
        "SMOVE a b",
        "SINTER",
        "SUNION",
        "SDIFF",
        "SINTERSTORE d",
        "SUNIONSTORE d",
        "SDIFFSTORE d",
        "SINTERCARD 1",
        "SUNIONCARD 1",
        "SDIFFCARD 1",
    ];
    check_arity(&mut conn, lines);
    check(&mut conn, "DBSIZE", ":1");
}
