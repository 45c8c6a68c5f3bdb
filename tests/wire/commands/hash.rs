//! HSET, HSETNX, HMSET, HGET, HMGET, HGETALL, HDEL, HLEN, HEXISTS, HSTRLEN, HKEYS, HVALS, HINCRBY,
//! HINCRBYFLOAT, HRANDFIELD, HSCAN; field expiry is in `hash/expiry.rs`.

mod expiry;

use crate::support::{Conn, Options, Reply, Server, check, check_arity, run, run_both};
use std::collections::{BTreeMap, BTreeSet};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn fields_are_set_and_read() {
    run_both(
        &start(),
        r#"
        HSET h a 1 b two -> :2
        HSET h a 1 c "" -> :1
        HSET h a 5 a 6 -> :0
        HMSET h d 4 a 1 -> +OK
        HSETNX h a 9 -> :0
        HSETNX h e 9 -> :1
        HSETNX other x y -> :1
        HGET h a -> 1
        HGET h none -> nil
        HGET none a -> nil
        HMGET h a none b c -> [1 nil two ""]
        HMGET none a b -> [nil nil]
        HGETALL h -> {a 1 b two c "" d 4 e 9}
        HGETALL none -> {}
        HKEYS h -> ?[a b c d e]
        HVALS h -> ?[1 two "" 4 9]
        HKEYS none -> []
        HVALS none -> []
        HLEN h -> :5
        HLEN none -> :0
        HEXISTS h a -> :1
        HEXISTS h none -> :0
        HEXISTS none a -> :0
        HSTRLEN h b -> :3
        HSTRLEN h a -> :1
        HSTRLEN h c -> :0
        HSTRLEN h none -> :0
        HSTRLEN none a -> :0
        TYPE h -> +hash
        HDEL h a none b a -> :2
        HDEL none a -> :0
        HDEL h c d e -> :3
        EXISTS h -> :0
        "#,
    );
}

#[test]
fn names_and_values_are_any_bytes() {
    let long = "x".repeat(70_000);
    let script = r#"
        HSET h "" "" -> :1
        HGET h "" -> ""
        HSET h "\x00\xff\r\n" "\r\n" -> :1
        HGET h "\x00\xff\r\n" -> "\r\n"
        HSET h 12 34 -> :1
        HGET h 12 -> 34
        HGET h 012 -> nil
        HSET h 012 x -> :1
        HSET h -0 y -> :1
        HSET h 0 z -> :1
        HMGET h 12 012 -0 0 -> [34 x y z]
        HSET h 9223372036854775807 9223372036854775808 -> :1
        HGET h 9223372036854775807 -> 9223372036854775808
        OBJECT ENCODING h -> listpack
        HSET h long LONG -> :1
        HGET h long -> LONG
        OBJECT ENCODING h -> hashtable
        HSTRLEN h long -> :70000
        HSET h LONG 1 -> :1
        HGET h LONG -> 1
        HMGET h 12 012 -0 0 "" "\x00\xff\r\n" -> [34 x y z "" "\r\n"]
        HDEL h LONG long -> :2
        HLEN h -> :7
        OBJECT ENCODING h -> hashtable
    "#;
    run_both(&start(), &script.replace("LONG", &long));
}

#[test]
fn limits_say_when_a_hash_becomes_a_table() {
    run_both(
        &start(),
        "
        CONFIG SET hash-max-listpack-entries 3 hash-max-listpack-value 5
        HSET h a 1 b 2 c 3
        OBJECT ENCODING h -> listpack
        HSET h a 12345
        OBJECT ENCODING h -> listpack
        HSET h d 4
        OBJECT ENCODING h -> hashtable
        HGETALL h -> {a 12345 b 2 c 3 d 4}
        HDEL h a b c
        OBJECT ENCODING h -> hashtable
        HSET v a 123456
        OBJECT ENCODING v -> hashtable
        HSET f abcdef 1
        OBJECT ENCODING f -> hashtable
        HSET n a 1
        HINCRBY n a 100000
        OBJECT ENCODING n -> hashtable
        COPY h h2 -> :1
        HGETALL h2 -> {d 4}
        RENAME h2 h3 -> +OK
        HGETALL h3 -> {d 4}
        CONFIG SET hash-max-listpack-entries 512 hash-max-listpack-value 64
        ",
    );
}

#[test]
fn integers_are_added() {
    run_both(
        &start(),
        r#"
        HINCRBY h n 5 -> :5
        HINCRBY h n -7 -> :-2
        HGET h n -> "-2"
        HINCRBY h n 9223372036854775807 -> :9223372036854775805
        HINCRBY h n 3 -> -ERR increment or decrement would overflow
        HSET h m -9223372036854775808
        HINCRBY h m -1 -> -ERR increment or decrement would overflow
        HINCRBY h m 9223372036854775807 -> :-1
        HSET h text abc empty '' space ' 1' plus +1 zeros 01 float 1.5
        HINCRBY h text 1 -> -ERR hash value is not an integer
        HINCRBY h empty 1 -> -ERR hash value is not an integer
        HINCRBY h space 1 -> -ERR hash value is not an integer
        HINCRBY h plus 1 -> -ERR hash value is not an integer
        HINCRBY h zeros 1 -> -ERR hash value is not an integer
        HINCRBY h float 1 -> -ERR hash value is not an integer
        "#,
    );
    let server = start();
    let mut conn = server.connect();
    let digits = "9".repeat(400);
    for bad in [
        "",
        "1.5",
        "-0",
        "9223372036854775808",
        "18446744073709551615",
        "x",
        &digits,
    ] {
        let reply = conn.cmd(&["HINCRBY", "h", "n", bad]);
        assert_eq!(
            reply.text(),
            "ERR value is not an integer or out of range",
            "{bad}"
        );
    }
    check(&mut conn, "EXISTS h", ":0");
}

#[test]
fn floats_are_added() {
    run_both(
        &start(),
        "
        HINCRBYFLOAT h n 10.50 -> 10.5
        HINCRBYFLOAT h n 0.1 -> 10.6
        HINCRBYFLOAT h n -5 -> 5.6
        HSET h e 5.0e3
        HINCRBYFLOAT h e 2.0e2 -> 5200
        HGET h e -> 5200
        HINCRBYFLOAT h none 1e3 -> 1000
        HSET h text abc space ' 1'
        HINCRBYFLOAT h text 1 -> -ERR hash value is not a float
        HINCRBYFLOAT h space 1 -> -ERR hash value is not a float
        HINCRBYFLOAT h n abc -> -ERR value is not a valid float
        HINCRBYFLOAT h n nan -> -ERR value is not a valid float
        HINCRBYFLOAT h n inf -> -ERR value is NaN or Infinity
        HSET h big 1e4932
        HINCRBYFLOAT h big 1e4932 -> -ERR increment would produce NaN or Infinity
        ",
    );
}

#[test]
fn fields_are_drawn() {
    run_both(
        &start(),
        "
        HRANDFIELD none -> nil
        HRANDFIELD none 3 -> []
        HRANDFIELD none -3 WITHVALUES -> []
        HSET h a 1
        HRANDFIELD h -> a
        HRANDFIELD h 0 -> []
        HRANDFIELD h 5 -> [a]
        HRANDFIELD h 9223372036854775807 -> [a]
        HRANDFIELD h -3 -> [a a a]
        HRANDFIELD h 2 WITHVALUES -> @2 [a 1] @3 [[a 1]]
        HRANDFIELD h -2 withvalues -> @2 [a 1 a 1] @3 [[a 1] [a 1]]
        HRANDFIELD h x -> -ERR value is not an integer or out of range
        HRANDFIELD h 1.5 -> -ERR value is not an integer or out of range
        HRANDFIELD h '' -> -ERR value is not an integer or out of range
        HRANDFIELD h 9223372036854775808 -> -ERR value is not an integer or out of range
        HRANDFIELD h -9223372036854775808 -> -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
        HRANDFIELD h 4611686018427387904 WITHVALUES -> -ERR value is out of range
        HRANDFIELD h -4611686018427387904 WITHVALUES -> -ERR value is out of range
        HRANDFIELD h 1 x -> -ERR syntax error
        HRANDFIELD h 1 WITHVALUES x -> -ERR syntax error
        # As many as no reply could hold; redis-server would try.
        HRANDFIELD h -9223372036854775807 -> -ERR value is out of range
        ",
    );
}

/// Fills a hash with `n0 v0`, `n1 v1`, …
fn fill(conn: &mut Conn, count: usize) {
    for start in (0..count).step_by(500) {
        let mut request = vec!["HSET".to_owned(), "h".to_owned()];
        for n in start..count.min(start + 500) {
            request.extend([format!("n{n}"), format!("v{n}")]);
        }
        conn.cmd(&request);
    }
}

#[test]
fn draws_from_a_large_hash_are_distinct_or_not() {
    let server = start();
    let mut conn = server.connect3();
    fill(&mut conn, 3000);
    let names = |reply: Reply| -> Vec<String> { reply.items().iter().map(Reply::text).collect() };
    for count in [1, 10, 700, 2900, 3000, 5000] {
        let drawn = names(conn.line(&format!("HRANDFIELD h {count}")));
        let distinct: BTreeSet<&String> = drawn.iter().collect();
        assert_eq!(distinct.len(), count.min(3000));
        assert_eq!(drawn.len(), count.min(3000));
    }
    let drawn = names(conn.line("HRANDFIELD h -6000"));
    assert_eq!(drawn.len(), 6000);
    let pairs = conn.line("HRANDFIELD h 50 WITHVALUES");
    for pair in pairs.items() {
        let (name, value) = (pair.items()[0].text(), pair.items()[1].text());
        assert_eq!(name[1..], value[1..]);
    }
}

#[test]
fn a_scan_returns_every_field() {
    let server = start();
    let mut conn = server.connect();
    for count in [0, 3, 5000] {
        conn.line("DEL h");
        fill(&mut conn, count);
        for (options, width) in [("COUNT 100", 2), ("NOVALUES COUNT 7", 1)] {
            let mut seen = BTreeMap::new();
            let mut cursor = "0".to_owned();
            loop {
                let reply = conn.line(&format!("HSCAN h {cursor} {options}"));
                cursor = reply.items()[0].text();
                for field in reply.items()[1].items().chunks(width) {
                    seen.insert(field[0].text(), field[width - 1].text());
                }
                if cursor == "0" {
                    break;
                }
                assert!(cursor.parse::<u32>().is_ok());
            }
            assert_eq!(seen.len(), count);
        }
    }
    run(
        &mut conn,
        "
        HSCAN h 0 MATCH n4999 COUNT 100000 -> [0 [n4999 v4999]]
        HSCAN h 0 MATCH none COUNT 100000 -> [0 []]
        HSCAN none 0 -> [0 []]
        HSCAN none 0 nonsense -> [0 []]
        HSCAN none x -> -ERR invalid cursor
        HSCAN h 0 COUNT 0 -> -ERR syntax error
        HSCAN h 0 COUNT x -> -ERR value is not an integer or out of range
        HSCAN h 0 COUNT -> -ERR syntax error
        HSCAN h 0 nonsense -> -ERR syntax error
        HSCAN h 0 TYPE hash -> -ERR syntax error
        ",
    );
}

#[test]
fn wrong_types() {
    let server = start();
    let mut conn = server.connect();
    conn.line("SET s v");
    for line in [
        "HSET s a 1",
        "HSETNX s a 1",
        "HMSET s a 1",
        "HGET s a",
        "HMGET s a",
        "HGETALL s",
        "HDEL s a",
        "HLEN s",
        "HEXISTS s a",
        "HSTRLEN s a",
        "HKEYS s",
        "HVALS s",
        "HINCRBY s a 1",
        "HINCRBYFLOAT s a 1",
        "HRANDFIELD s",
        "HRANDFIELD s 1",
        "HSCAN s 0",
        "HSCAN s 0 nonsense",
        "HEXPIRE s x FIELDS 1 a",
        "HPEXPIRE s 1 FIELDS 1 a",
        "HEXPIREAT s 1 FIELDS 1 a",
        "HPEXPIREAT s 1 FIELDS 1 a",
        "HTTL s FIELDS 1 a",
        "HPTTL s FIELDS 1 a",
        "HEXPIRETIME s FIELDS 1 a",
        "HPEXPIRETIME s FIELDS 1 a",
        "HPERSIST s FIELDS 1 a",
        "HGETEX s FIELDS 1 a",
        "HSETEX s FIELDS 1 a b",
        "HGETDEL s FIELDS 1 a",
    ] {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        check(&mut conn, line, wrong);
    }
}

#[test]
fn wrong_numbers_of_arguments() {
    let server = start();
    let mut conn = server.connect();
    let lines = [
        "HSET h a",
        "HSET h a b c",
        "HMSET h a",
        "HMSET h a b c",
        "HSETNX h a",
        "HGET h",
        "HMGET h",
        "HGETALL",
        "HGETALL h x",
        "HDEL h",
        "HLEN",
        "HEXISTS h",
        "HSTRLEN h",
        "HKEYS",
        "HVALS",
        "HINCRBY h a",
        "HINCRBYFLOAT h a",
        "HRANDFIELD",
        "HSCAN h",
        "HEXPIRE h 1 FIELDS 1",
        "HTTL h FIELDS 1",
        "HPERSIST h FIELDS",
        "HGETEX h FIELDS 1",
        "HSETEX h FIELDS 1 a",
        "HGETDEL h FIELDS 1",
    ];
    check_arity(&mut conn, lines);
    check(&mut conn, "EXISTS h", ":0");
}
