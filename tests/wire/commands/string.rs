//! Strings. What only newer servers than redis-server 7.0 have is in [`newer`], large strings in
//! [`large`].

mod large;
mod newer;

use crate::support::{Options, Server, check, check_arity, on_oracle, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

/// A deadline in 2100, in seconds.
const FAR: u64 = 4_102_444_800;

#[test]
fn every_command_counts_its_arguments() {
    let server = start();
    let mut conn = server.connect();
    let common = "GET | GET k x | SET k | SETNX k | SETNX k v x | SETEX k 1 | SETEX k 1 v x | \
        PSETEX k 1 | PSETEX k 1 v x | GETSET k | GETSET k v x | MSET k | MSET k v k | MSETNX k | \
        MSETNX k v k | MGET | GETDEL | GETDEL k x | GETEX | GETRANGE k 1 | GETRANGE k 1 2 3 | \
        SUBSTR k 1 | SUBSTR k 1 2 3 | STRLEN | STRLEN k x | APPEND k | APPEND k v x | \
        SETRANGE k 1 | SETRANGE k 1 v x | INCR | INCR k 1 | DECR | DECR k 1 | INCRBY k | \
        INCRBY k 1 2 | DECRBY k | DECRBY k 1 2 | INCRBYFLOAT k | INCRBYFLOAT k 1 2 | LCS k";
    let newer = "MSETEX 1 k | DIGEST | DIGEST k x | DELEX | DELEX k IFEQ | DELEX k IFEQ v x | \
        DELIFEQ k | DELIFEQ k v x | INCREX";
    check_arity(&mut conn, common.split(" | "));
    if !on_oracle() {
        check_arity(&mut conn, newer.split(" | "));
    }
}

#[test]
fn set_and_get() {
    run_both(
        &start(),
        r#"
        GET k -> nil
        SET k hello -> +OK
        GET k -> hello
        SET k "" -> +OK
        GET k -> ""
        SET "" "a\r\nb\x00\xff" -> +OK
        GET "" -> "a\r\nb\x00\xff"
        SET k 12345 -> +OK
        GET k -> 12345
        SET k -9223372036854775808 -> +OK
        GET k -> "-9223372036854775808"
        SET k 007 -> +OK
        GET k -> 007
        set K lower -> +OK
        get K -> lower
        GET k -> 007
        "#,
    );
}

#[test]
fn set_on_condition() {
    run_both(
        &start(),
        r#"
        SET k v XX -> nil
        GET k -> nil
        SET k 1 NX -> +OK
        SET k 2 nx -> nil
        GET k -> 1
        SET k 3 xx -> +OK
        GET k -> 3
        SET k 4 GET -> 3
        SET k 5 NX GET -> 4
        GET k -> 4
        SET k 6 XX GET -> 4
        GET k -> 6
        SET new 1 GET -> nil
        GET new -> 1
        SET other 1 XX GET -> nil
        GET other -> nil
        SET k 7 XX XX GET GET -> 6
        SETNX k 8 -> :0
        SETNX fresh 8 -> :1
        GET fresh -> 8
        "#,
    );
}

#[test]
fn set_with_expiry() {
    run_both(
        &start(),
        &format!(
            r#"
            SET k v EX 100 -> +OK
            TTL k -> :99..100
            SET k w KEEPTTL -> +OK
            TTL k -> :99..100
            GET k -> w
            SET k v -> +OK
            TTL k -> :-1
            SET k v KEEPTTL -> +OK
            TTL k -> :-1
            SET k v PX 100000 -> +OK
            PTTL k -> :90000..100000
            SET k v EXAT {FAR} -> +OK
            EXPIRETIME k -> :{FAR}
            SET k v PXAT {FAR}123 -> +OK
            PEXPIRETIME k -> :{FAR}123
            SET k v EX 10 EX 1000 -> +OK
            TTL k -> :999..1000
            SET k v NX EX 1 -> nil
            TTL k -> :999..1000
            SET k v EXAT 1 -> +OK
            GET k -> nil
            EXISTS k -> :0
            SET k v PXAT 1 -> +OK
            EXISTS k -> :0
            SETEX k 100 v -> +OK
            TTL k -> :99..100
            PSETEX k 100000 v -> +OK
            PTTL k -> :90000..100000
            GETSET k w -> v
            TTL k -> :-1
            SETEX k 100 1 -> +OK
            INCR k -> :2
            APPEND k 3 -> :2
            SETRANGE k 0 4 -> :2
            INCRBYFLOAT k 1.5 -> 44.5
            TTL k -> :99..100
            MSET k v -> +OK
            TTL k -> :-1
            "#
        ),
    );
}

#[test]
fn set_refuses_what_contradicts_itself() {
    let server = start();
    let contradictions = "NX XX|XX NX|EX|EX 10 PX 10|EX 10 EXAT 10|PX 1 PXAT 1|KEEPTTL EX 10|\
        EX 10 KEEPTTL|PERSIST|FOO|NX 1|GET EX|EX 10 10|PXAT";
    for options in contradictions.split('|') {
        let line = format!("SET k v {options}");
        check(&mut server.connect(), &line, "-ERR syntax error");
    }
    run_both(
        &server,
        r#"
        SET k v EX 0 -> -ERR invalid expire time in 'set' command
        SET k v PX -1 -> -ERR invalid expire time in 'set' command
        SET k v EXAT 0 -> -ERR invalid expire time in 'set' command
        SET k v PXAT -5 -> -ERR invalid expire time in 'set' command
        SET k v EX 9223372036854776 -> -ERR invalid expire time in 'set' command
        SET k v PX 9223372036854775807 -> -ERR invalid expire time in 'set' command
        SET k v EX 10x -> -ERR value is not an integer or out of range
        SET k v EX 1.5 -> -ERR value is not an integer or out of range
        SET k v PX 9223372036854775808 -> -ERR value is not an integer or out of range
        SETEX k 0 v -> -ERR invalid expire time in 'setex' command
        SETEX k x v -> -ERR value is not an integer or out of range
        PSETEX k -1 v -> -ERR invalid expire time in 'psetex' command
        PSETEX k 9223372036854775807 v -> -ERR invalid expire time in 'psetex' command
        EXISTS k -> :0
        "#,
    );
}

#[test]
fn getting_and_changing() {
    run_both(
        &start(),
        &format!(
            r#"
            GETSET k a -> nil
            GETSET k b -> a
            GETDEL k -> b
            GETDEL k -> nil
            EXISTS k -> :0
            SET k v -> +OK
            GETEX k -> v
            TTL k -> :-1
            GETEX k EX 100 -> v
            TTL k -> :99..100
            GETEX k -> v
            TTL k -> :99..100
            GETEX k PERSIST -> v
            TTL k -> :-1
            GETEX k px 100000 -> v
            PTTL k -> :90000..100000
            GETEX k EXAT {FAR} -> v
            EXPIRETIME k -> :{FAR}
            GETEX k PXAT {FAR}123 -> v
            PEXPIRETIME k -> :{FAR}123
            GETEX k EX 0 -> -ERR invalid expire time in 'getex' command
            GETEX k EX x -> -ERR value is not an integer or out of range
            GETEX k EX -> -ERR syntax error
            GETEX k KEEPTTL -> -ERR syntax error
            GETEX k PERSIST EX 1 -> -ERR syntax error
            GETEX k EX 1 PERSIST -> -ERR syntax error
            GETEX k EX 1 PX 1 -> -ERR syntax error
            GETEX k NX -> -ERR syntax error
            GETEX none EX 0 -> nil
            GETEX none EX x -> nil
            GETEX none EX -> -ERR syntax error
            PEXPIRETIME k -> :{FAR}123
            GETEX k EXAT 1 -> v
            GETEX k -> nil
            "#
        ),
    );
}

#[test]
fn several_at_once() {
    run_both(
        &start(),
        "
        MGET a b -> [nil nil]
        MSET a 1 b two a 3 -> +OK
        MGET a none b a -> [3 nil two 3]
        MSETNX c 1 a 2 -> :0
        MGET a c -> [3 nil]
        MSETNX c 1 d 2 c 3 -> :1
        MGET c d -> [3 2]
        ",
    );
}

#[test]
fn parts_of_strings() {
    run_both(
        &start(),
        r#"
        SET k "Hello World"
        GETRANGE k 0 4 -> Hello
        GETRANGE k -5 -1 -> World
        GETRANGE k 0 -1 -> "Hello World"
        GETRANGE k 6 100 -> World
        GETRANGE k 100 200 -> ""
        GETRANGE k 4 2 -> ""
        GETRANGE k -1 -5 -> ""
        GETRANGE k -100 0 -> H
        GETRANGE k 9223372036854775807 -9223372036854775808 -> ""
        GETRANGE k -9223372036854775808 9223372036854775807 -> "Hello World"
        SUBSTR k 1 3 -> ell
        GETRANGE none 0 -1 -> ""
        GETRANGE k a 1 -> -ERR value is not an integer or out of range
        GETRANGE none 0 1.5 -> -ERR value is not an integer or out of range
        SET n 12345
        GETRANGE n 1 2 -> 23
        STRLEN n -> :5
        STRLEN k -> :11
        STRLEN none -> :0
        SET n -12
        STRLEN n -> :3
        "#,
    );
}

#[test]
fn appending_and_overwriting() {
    run_both(
        &start(),
        r#"
        APPEND k Hello -> :5
        APPEND k " World" -> :11
        GET k -> "Hello World"
        SETRANGE k 6 Redis -> :11
        GET k -> "Hello Redis"
        SETRANGE k 13 x -> :14
        GET k -> "Hello Redis\x00\x00x"
        SETRANGE new 3 x -> :4
        GET new -> "\x00\x00\x00x"
        SETRANGE none 5 "" -> :0
        EXISTS none -> :0
        SETRANGE k 1 "" -> :14
        SETRANGE k -1 x -> -ERR offset is out of range
        SETRANGE none -1 "" -> -ERR offset is out of range
        SETRANGE k x y -> -ERR value is not an integer or out of range
        SETRANGE k 9223372036854775807 x -> -ERR string exceeds maximum allowed size (proto-max-bulk-len)
        SETRANGE k 536870912 x -> -ERR string exceeds maximum allowed size (proto-max-bulk-len)
        STRLEN k -> :14
        SET n 12
        APPEND n 34 -> :4
        INCR n -> :1235
        SETRANGE n 1 9 -> :4
        GET n -> 1935
        INCRBY n -1 -> :1934
        APPEND n "" -> :4
        APPEND empty "" -> :0
        EXISTS empty -> :1
        "#,
    );
}

#[test]
fn integers() {
    run_both(
        &start(),
        r#"
        INCR k -> :1
        DECR k -> :0
        DECR k -> :-1
        INCRBY k 10 -> :9
        DECRBY k 20 -> :-11
        GET k -> "-11"
        INCRBY k 1.5 -> -ERR value is not an integer or out of range
        INCRBY k " 1" -> -ERR value is not an integer or out of range
        INCRBY k +1 -> -ERR value is not an integer or out of range
        SET k 9223372036854775807
        INCR k -> -ERR increment or decrement would overflow
        INCRBY k 1 -> -ERR increment or decrement would overflow
        DECRBY k -1 -> -ERR increment or decrement would overflow
        DECRBY k -9223372036854775808 -> -ERR decrement would overflow
        GET k -> 9223372036854775807
        SET k -9223372036854775808
        DECR k -> -ERR increment or decrement would overflow
        INCRBY k 9223372036854775807 -> :-1
        SET k abc
        INCR k -> -ERR value is not an integer or out of range
        SET k " 1"
        INCR k -> -ERR value is not an integer or out of range
        SET k 01
        DECR k -> -ERR value is not an integer or out of range
        SET k ""
        INCR k -> -ERR value is not an integer or out of range
        SET k 9223372036854775808
        INCR k -> -ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn floats() {
    run_both(
        &start(),
        r#"
        INCRBYFLOAT k 10.5 -> 10.5
        INCRBYFLOAT k 0.1 -> 10.6
        INCRBYFLOAT k -5 -> 5.6
        SET k 0.1
        INCRBYFLOAT k 0.2 -> 0.3
        SET k 5.0e3
        INCRBYFLOAT k 2.0e2 -> 5200
        GET k -> 5200
        INCR k -> :5201
        INCRBYFLOAT k -5201 -> 0
        SET k 3
        INCRBYFLOAT k 1e-17 -> 3.00000000000000001
        SET k 9007199254740993
        INCRBYFLOAT k 1 -> 9007199254740994
        INCRBYFLOAT k abc -> -ERR value is not a valid float
        INCRBYFLOAT k "1 " -> -ERR value is not a valid float
        INCRBYFLOAT k nan -> -ERR value is not a valid float
        INCRBYFLOAT k inf -> -ERR increment would produce NaN or Infinity
        INCRBYFLOAT none -inf -> -ERR increment would produce NaN or Infinity
        EXISTS none -> :0
        SET k abc
        INCRBYFLOAT k 1 -> -ERR value is not a valid float
        "#,
    );
}

#[test]
fn common_subsequences() {
    run_both(
        &start(),
        r#"
        MSET a ohmytext b mynewtext
        LCS a b -> mytext
        LCS a b LEN -> :6
        LCS a b IDX -> {matches [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] len :6}
        LCS a b IDX MINMATCHLEN 4 -> {matches [[[:4 :7] [:5 :8]]] len :6}
        LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN -> {matches [[[:4 :7] [:5 :8] :4]] len :6}
        LCS a b IDX MINMATCHLEN -5 WITHMATCHLEN -> {matches [[[:4 :7] [:5 :8] :4] [[:2 :3] [:0 :1] :2]] len :6}
        LCS a b MINMATCHLEN 4 WITHMATCHLEN -> mytext
        LCS a none -> ""
        LCS a none LEN -> :0
        LCS none none IDX -> {matches [] len :0}
        LCS a b LEN IDX -> -ERR If you want both the length and indexes, please just use IDX.
        LCS a b FOO -> -ERR syntax error
        LCS a b MINMATCHLEN -> -ERR syntax error
        LCS a b MINMATCHLEN x -> -ERR value is not an integer or out of range
        MSET n 12345 m 2040
        LCS n m -> 24
        LCS a a -> ohmytext
        "#,
    );
}

#[test]
fn encodings() {
    let (short, long) = ("e".repeat(44), "r".repeat(45));
    run_both(
        &start(),
        &format!(
            r#"
            SET k 12
            OBJECT ENCODING k -> int
            SET k 12.0
            OBJECT ENCODING k -> embstr
            SET k {short}
            OBJECT ENCODING k -> embstr
            SET k {long}
            OBJECT ENCODING k -> raw
            SET k 12
            APPEND k ""
            OBJECT ENCODING k -> raw
            GET k -> 12
            INCR k -> :13
            OBJECT ENCODING k -> int
            APPEND new 12
            OBJECT ENCODING new -> int
            SET k abc
            OBJECT ENCODING k -> embstr
            SETRANGE k 0 x
            OBJECT ENCODING k -> raw
            SET k 12
            SETRANGE k 0 ""
            OBJECT ENCODING k -> int
            SETRANGE k 0 1
            OBJECT ENCODING k -> raw
            SETRANGE fresh 0 1
            OBJECT ENCODING fresh -> raw
            INCRBYFLOAT k 1
            OBJECT ENCODING k -> embstr
            INCRBYFLOAT k 0.5
            OBJECT ENCODING k -> embstr
            GETSET k 7 -> 13.5
            OBJECT ENCODING k -> int
            MSET k 8 l abc
            OBJECT ENCODING k -> int
            OBJECT ENCODING l -> embstr
            "#
        ),
    );
}
