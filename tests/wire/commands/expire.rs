//! EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST, TTL, PTTL, EXPIRETIME, PEXPIRETIME.

use crate::support::{Options, Server, check, poll_until, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn a_deadline_reads_back_in_every_unit() {
    run_both(
        &start(),
        "
        SET k v
        TTL k -> :-1
        PTTL k -> :-1
        EXPIRETIME k -> :-1
        PEXPIRETIME k -> :-1
        PEXPIREAT k 4102444800499 -> :1
        PEXPIRETIME k -> :4102444800499
        EXPIRETIME k -> :4102444800
        PEXPIREAT k 4102444800500 -> :1
        EXPIRETIME k -> :4102444801
        EXPIREAT k 4102444800 -> :1
        PEXPIRETIME k -> :4102444800000
        EXPIRE k 1000 -> :1
        TTL k -> :990..1000
        PTTL k -> :990000..1000000
        PEXPIRE k 1000499 -> :1
        PTTL k -> :990000..1000499
        TTL k -> :990..1000
        GET k -> v
        TTL none -> :-2
        PTTL none -> :-2
        EXPIRETIME none -> :-2
        PEXPIRETIME none -> :-2
        ",
    );
}

#[test]
fn persist_removes_the_deadline() {
    run_both(
        &start(),
        "
        SET k v
        PERSIST k -> :0
        EXPIRE k 100 -> :1
        PERSIST k -> :1
        TTL k -> :-1
        PERSIST k -> :0
        PERSIST none -> :0
        GET k -> v
        ",
    );
}

#[test]
fn values_of_every_kind_keep_their_value_when_a_deadline_comes_and_goes() {
    let server = start();
    let mut conn = server.connect();
    let large = vec![b'l'; 100_000];
    for value in [&b""[..], b"12", b"text", &[b't'; 100], &large] {
        assert_eq!(conn.cmd(&[b"SET", &b"k"[..], value]).text(), "OK");
        for change in ["EXPIRE k 100", "EXPIRE k 200", "PERSIST k"] {
            check(&mut conn, change, ":1");
            assert_eq!(conn.line("GET k").bytes(), value);
        }
    }
}

#[test]
fn a_deadline_in_the_past_deletes() {
    run_both(
        &start(),
        "
        SET k v
        EXPIRE k 0 -> :1
        EXISTS k -> :0
        SET k v
        EXPIRE k -1 -> :1
        EXISTS k -> :0
        SET k v
        PEXPIRE k -9223372036854775808 -> :1
        EXISTS k -> :0
        SET k v
        EXPIREAT k 1 -> :1
        EXISTS k -> :0
        SET k v
        PEXPIREAT k -5 -> :1
        EXISTS k -> :0
        EXPIRE none -1 -> :0
        DBSIZE -> :0
        ",
    );
}

#[test]
fn conditions_compare_with_the_present_deadline() {
    run_both(
        &start(),
        "
        SET k v
        EXPIRE k 100 XX -> :0
        EXPIRE k 100 GT -> :0
        TTL k -> :-1
        EXPIRE k 100 XX GT -> :0
        EXPIRE k 100 lt -> :1
        PERSIST k -> :1
        EXPIRE k 100 nx -> :1
        EXPIRE k 200 NX -> :0
        EXPIRE k 50 GT -> :0
        EXPIRE k 200 GT -> :1
        EXPIRE k 300 LT -> :0
        EXPIRE k 100 LT -> :1
        EXPIRE k 200 XX -> :1
        EXPIRE k 300 XX GT XX -> :1
        EXPIRE k 100 LT XX -> :1
        TTL k -> :90..100
        EXPIRE k -1 GT -> :0
        EXPIRE k -1 NX -> :0
        EXISTS k -> :1
        PEXPIREAT k 4102444800000 -> :1
        PEXPIREAT k 4102444800000 GT -> :0
        PEXPIREAT k 4102444800000 LT -> :0
        PEXPIREAT k 4102444800001 GT -> :1
        EXPIRE k -1 LT -> :1
        EXISTS k -> :0
        EXPIRE none 100 NX -> :0
        ",
    );
}

#[test]
fn conditions_that_contradict_are_refused() {
    for name in ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"] {
        let nx = "-ERR NX and XX, GT or LT options at the same time are not compatible";
        run_both(
            &start(),
            &format!(
                "
                {name} k 10 NX XX -> {nx}
                {name} k 10 GT NX -> {nx}
                {name} k 10 NX LT -> {nx}
                {name} k 10 NX GT LT -> {nx}
                {name} k 10 GT LT -> -ERR GT and LT options at the same time are not compatible
                {name} k 10 foo -> -ERR Unsupported option foo
                {name} k 10 NX foo XX -> -ERR Unsupported option foo
                {name} k 10 \"\" -> -…Unsupported option…
                {name} k x foo -> -ERR Unsupported option foo
                {name} k 10 NX NX -> :0
                {name} k -> -ERR wrong number of arguments for '{}' command
                ",
                name.to_lowercase()
            ),
        );
    }
}

#[test]
fn times_that_cannot_be_are_refused() {
    run_both(
        &start(),
        "
        SET k v
        EXPIRE k x -> -ERR value is not an integer or out of range
        EXPIRE k 1.5 -> -ERR value is not an integer or out of range
        EXPIRE k 9223372036854775808 -> -ERR value is not an integer or out of range
        EXPIRE k 9223372036854775807 -> -ERR invalid expire time in 'expire' command
        EXPIRE k 9223372036854775 -> -ERR invalid expire time in 'expire' command
        EXPIRE k -9223372036854776 -> -ERR invalid expire time in 'expire' command
        PEXPIRE k 9223372036854775807 -> -ERR invalid expire time in 'pexpire' command
        EXPIREAT k 9223372036854776 -> -ERR invalid expire time in 'expireat' command
        EXPIREAT k -9223372036854776 -> -ERR invalid expire time in 'expireat' command
        EXPIRE none 9223372036854775807 -> -ERR invalid expire time in 'expire' command
        TTL k -> :-1
        PEXPIREAT k 9223372036854775807 -> :1
        PEXPIRETIME k -> :9223372036854775807
        EXPIRETIME k -> :9223372036854776
        EXPIREAT k 9223372036854775 -> :1
        PEXPIRETIME k -> :9223372036854775000
        EXPIRE k -9223372036854775 -> :1
        EXISTS k -> :0
        ",
    );
}

#[test]
fn wrong_arity() {
    for name in ["ttl", "pttl", "expiretime", "pexpiretime", "persist"] {
        let error = format!("-ERR wrong number of arguments for '{name}' command");
        run_both(
            &start(),
            &format!("{name} -> {error}\n{name} a b -> {error}"),
        );
    }
}

#[test]
fn a_key_is_gone_when_its_time_has_come() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "SET k v\nPEXPIRE k 20 -> :1");
    poll_until("k has expired", || {
        (conn.line("PTTL k").int() == -2).then_some(())
    });
    run(
        &mut conn,
        "GET k -> nil\nEXISTS k -> :0\nPERSIST k -> :0\nEXPIRE k 10 -> :0",
    );
}

#[test]
fn deadlines_are_seen_by_watchers() {
    let server = start();
    for (change, fails) in [
        ("EXPIRE k 100", true),
        ("EXPIRE k 100 XX", false),
        ("EXPIRE k -1", true),
        ("PERSIST k", false),
        ("EXPIREAT v 4102444800", true),
        ("PERSIST v", true),
        ("TTL v", false),
    ] {
        let (mut conn, mut other) = (server.connect(), server.connect());
        run(&mut other, "FLUSHALL\nSET k 1\nSET v 2\nEXPIRE v 1000");
        check(&mut conn, "WATCH k v", "+OK");
        other.line(change);
        run(&mut conn, "MULTI\nPING");
        let expected = if fails { "nil[]" } else { "[+PONG]" };
        check(&mut conn, "EXEC", expected);
    }
}
