//! What redis-server 7.0 does not have: its successors' and Valkey's commands and options.

use crate::support::{check, on_oracle, run_both};

use super::{FAR, start};

/// Runs a script, unless redis-server 7.0 stands in.
fn run_newer(script: &str) {
    if !on_oracle() {
        run_both(&start(), script);
    }
}

#[test]
fn set_compares_values() {
    run_newer(
        r#"
        SET k v IFEQ x -> nil
        EXISTS k -> :0
        SET k hello IFNE x -> +OK
        SET k world IFEQ different -> nil
        GET k -> hello
        SET k world ifeq hello -> +OK
        SET k again IFNE world -> nil
        SET k again IFNE other EX 100 -> +OK
        TTL k -> :99..100
        SET k 12 IFEQ again GET -> again
        SET k 13 IFEQ 12 -> +OK
        SET k 14 IFEQ 12 GET -> 13
        GET k -> 13
        SET none v IFEQ x GET -> nil
        EXISTS none -> :0
        SET none v IFNE x GET -> nil
        GET none -> v
        SET k v IFEQ -> -ERR syntax error
        SET k v IFEQ a NX -> -ERR syntax error
        SET k v XX IFEQ a -> -ERR syntax error
        SET k v IFEQ a IFNE b -> -ERR syntax error
        SET k v IFEQ a IFEQ 13 -> +OK
        GET k -> v
        "#,
    );
}

#[test]
fn digests_compare_as_well() {
    run_newer(
        r#"
        DIGEST none -> nil
        SET k abc
        DIGEST k -> 78af5f94892f3950
        SET k v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytls2kwlj7626sd
        DIGEST k -> 00006c38adf31777
        SET k "" IFDEQ 00006C38ADF31777 -> +OK
        DIGEST k -> 2d06800538d394c2
        SET k abc IFDNE 2d06800538d394c2 -> nil
        SET k abc IFDNE 2d06800538d394c3 GET -> ""
        SET k x IFDEQ 8af5f94892f3950 -> -ERR must be exactly 16 hexadecimal characters
        SET k x IFDNE "" -> -ERR must be exactly 16 hexadecimal characters
        DELEX k IFDEQ 078af5f94892f3950 -> -ERR must be exactly 16 hexadecimal characters
        DELEX k IFDNE 78af5f94892f395g -> -ERR must be exactly 16 hexadecimal characters
        GET k -> abc
        SET none x IFDEQ 1 -> nil
        SET none x IFDNE 1 -> +OK
        DELEX k IFDNE 78af5f94892f3950 -> :0
        DELEX k IFDEQ 78AF5F94892F3950 -> :1
        EXISTS k -> :0
        "#,
    );
}

#[test]
fn delete_on_condition() {
    run_newer(
        r#"
        DELEX k -> :0
        DELEX k IFEQ x -> :0
        DELEX k IFNE x -> :0
        DELEX k IFDNE 1 -> :0
        SET k v
        DELEX k IFEQ x -> :0
        DELEX k IFNE v -> :0
        DELEX k WHEN v -> -ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE
        GET k -> v
        DELEX k ifne x -> :1
        SET k 12345
        DELEX k IFEQ 12345 -> :1
        SET k v
        DELEX k -> :1
        EXISTS k -> :0
        DELIFEQ k v -> :0
        SET k v
        DELIFEQ k x -> :0
        DELIFEQ k v -> :1
        EXISTS k -> :0
        "#,
    );
}

#[test]
fn several_with_one_expiry() {
    run_newer(&format!(
        r#"
        MSETEX 2 a 1 b 2 EX 100 -> :1
        MGET a b -> [1 2]
        TTL b -> :99..100
        MSETEX 1 a 3 KEEPTTL -> :1
        TTL a -> :99..100
        MSETEX 1 a 3 -> :1
        TTL a -> :-1
        MSETEX 2 a x c x NX -> :0
        MSETEX 2 a x c x XX -> :0
        MGET a c -> [3 nil]
        MSETEX 2 c 1 d 2 PXAT {FAR}123 NX -> :1
        PEXPIRETIME d -> :{FAR}123
        MSETEX 2 c 5 d 6 xx px 100000 -> :1
        PTTL c -> :90000..100000
        MSETEX 1 c 7 EXAT 1 -> :1
        EXISTS c -> :0
        MSETEX 2 a x b -> -ERR wrong number of key-value pairs
        MSETEX 2147483647 a x b y -> -ERR wrong number of key-value pairs
        MSETEX 2147483648 a x -> -ERR invalid numkeys value
        MSETEX 0 a x -> -ERR invalid numkeys value
        MSETEX -1 a x -> -ERR invalid numkeys value
        MSETEX a x EX -> -ERR invalid numkeys value
        MSETEX 1 a x FOO -> -ERR syntax error
        MSETEX 1 a x b y -> -ERR syntax error
        MSETEX 1 a x NX XX -> -ERR syntax error
        MSETEX 1 a x EX 1 PX 1 -> -ERR syntax error
        MSETEX 1 a x KEEPTTL EX 1 -> -ERR syntax error
        MSETEX 1 a x GET -> -ERR syntax error
        MSETEX 1 a x EX 0 -> -ERR invalid expire time in 'msetex' command
        MSETEX 1 a x EX y -> -ERR value is not an integer or out of range
        GET a -> 3
        "#
    ));
}

#[test]
fn increx_adds_integers_within_bounds() {
    run_newer(
        r#"
        INCREX k -> [:1 :1]
        INCREX k BYINT 41 -> [:42 :41]
        INCREX k byint -2 -> [:40 :-2]
        INCREX k BYINT 10 UBOUND 50 -> [:50 :10]
        INCREX k BYINT 1 UBOUND 50 -> [:50 :0]
        INCREX k BYINT 1 UBOUND 50 SATURATE -> [:50 :0]
        INCREX k BYINT -100 LBOUND 0 -> [:50 :0]
        INCREX k LBOUND 0 SATURATE BYINT -100 -> [:0 :-50]
        SET k 50
        INCREX k BYINT 5 UBOUND 30 -> [:50 :0]
        INCREX k BYINT -25 UBOUND 30 -> [:25 :-25]
        INCREX k BYINT -5 LBOUND 40 SATURATE -> [:40 :15]
        INCREX new BYINT 15 UBOUND 10 -> [:0 :0]
        EXISTS new -> :0
        INCREX new BYINT 15 UBOUND 10 SATURATE -> [:10 :10]
        SET k 9223372036854775800
        INCREX k BYINT 100 -> [:9223372036854775800 :0]
        INCREX k BYINT 100 SATURATE -> [:9223372036854775807 :7]
        INCREX k BYINT 1 SATURATE UBOUND -9223372036854775808 -> -ERR applied increment would overflow
        GET k -> 9223372036854775807
        SET k -9223372036854775800
        INCREX k BYINT -100 SATURATE -> [:-9223372036854775808 :-8]
        SET k abc
        INCREX k -> -ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn increx_adds_floats_within_bounds() {
    run_newer(
        r#"
        INCREX k BYFLOAT 1.5 -> [,1.5 ,1.5]
        INCREX k BYFLOAT 0.25 -> [,1.75 ,0.25]
        GET k -> 1.75
        INCREX k -> -ERR value is not an integer or out of range
        SET k 10
        INCREX k BYFLOAT 100 UBOUND 42.5 -> [,10 ,0]
        INCREX k BYFLOAT 100 UBOUND 42.5 SATURATE -> [,42.5 ,32.5]
        INCREX k BYFLOAT -100 LBOUND -5.5 SATURATE -> [,-5.5 ,-48]
        INCREX k BYFLOAT 5.5 -> [,0 ,5.5]
        INCREX k BYINT 1 -> [:1 :1]
        INCREX none BYFLOAT -0.5 UBOUND -1.5 -> [,0 ,0]
        EXISTS none -> :0
        INCREX k BYFLOAT 1 UBOUND inf LBOUND -inf -> [,2 ,1]
        INCREX k BYFLOAT 1 LBOUND inf -> -ERR LBOUND can't be greater than UBOUND
        INCREX k BYFLOAT 1 LBOUND inf UBOUND inf -> [,2 ,0]
        INCREX k BYFLOAT 1 LBOUND inf UBOUND inf SATURATE -> -ERR applied increment would be Infinity
        SET k inf
        INCREX k BYFLOAT 1 -> -ERR value cannot be Infinity
        SET k abc
        INCREX k BYFLOAT 1 -> -ERR value is not a valid float
        SET k 1e4932
        INCREX k BYFLOAT 1e4932 UBOUND 7 -> *
        INCREX k BYFLOAT 1e4932 UBOUND 7 SATURATE -> *
        GET k -> 7
        "#,
    );
}

#[test]
fn increx_refuses() {
    if on_oracle() {
        return;
    }
    let server = start();
    let mut conn = server.connect();
    let contradictions = "FOO|BYINT|BYINT 1 BYINT 2|BYINT 1 BYFLOAT 1|LBOUND|LBOUND 1 LBOUND 1|\
        UBOUND 1 UBOUND 1|SATURATE SATURATE|ENX ENX EX 1|PERSIST PERSIST|EX 1 EX 1|EX 1 PX 1|\
        EX 1 PERSIST|PERSIST ENX|EX|KEEPTTL";
    for options in contradictions.split('|') {
        check(
            &mut conn,
            &format!("INCREX k {options}"),
            "-ERR syntax error",
        );
    }
    for (options, error) in [
        ("BYINT 1.5", "Increment is not an integer or out of range"),
        ("BYFLOAT abc", "Increment is not a valid float"),
        ("BYFLOAT nan", "Increment is not a valid float"),
        ("BYFLOAT -inf", "BYFLOAT increment cannot be Infinity"),
        ("LBOUND 1.5", "LBOUND is not an integer or out of range"),
        ("UBOUND inf", "UBOUND is not an integer or out of range"),
        ("BYFLOAT 1 LBOUND abc", "LBOUND is not a valid float"),
        ("UBOUND abc BYFLOAT 1", "UBOUND is not a valid float"),
        ("LBOUND 2 UBOUND 1", "LBOUND can't be greater than UBOUND"),
        (
            "BYFLOAT 1 UBOUND 1 LBOUND 1.5 SATURATE",
            "LBOUND can't be greater than UBOUND",
        ),
        ("ENX", "ENX flag requires an expiration"),
        ("EX 0", "invalid expire time in 'increx' command"),
        ("PX abc", "value is not an integer or out of range"),
    ] {
        check(
            &mut conn,
            &format!("INCREX k {options}"),
            &format!("-ERR {error}"),
        );
    }
    check(&mut conn, "EXISTS k", ":0");
}

#[test]
fn increx_sets_the_expiry() {
    run_newer(&format!(
        r#"
        INCREX k EX 100 -> [:1 :1]
        TTL k -> :99..100
        INCREX k -> [:2 :1]
        TTL k -> :99..100
        INCREX k EX 1000 ENX -> [:3 :1]
        TTL k -> :99..100
        INCREX k EXAT 1 ENX -> [:4 :1]
        TTL k -> :99..100
        INCREX k PERSIST -> [:5 :1]
        TTL k -> :-1
        INCREX k UBOUND 5 EX 100 -> [:5 :0]
        TTL k -> :-1
        INCREX k UBOUND 5 SATURATE EX 100 ENX -> [:5 :0]
        TTL k -> :99..100
        INCREX k PX 100000 -> [:6 :1]
        PTTL k -> :90000..100000
        INCREX k PXAT {FAR}123 BYFLOAT 0.5 -> [,6.5 ,0.5]
        PEXPIRETIME k -> :{FAR}123
        INCREX k EXAT 1 BYFLOAT 0.5 -> [,7 ,0.5]
        EXISTS k -> :0
        INCREX k EXAT 1 -> [:1 :1]
        EXISTS k -> :0
        "#
    ));
}
