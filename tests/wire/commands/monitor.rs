//! MONITOR.

use crate::support::{Conn, Options, Server, check, on_oracle, poll_until, run};

fn start() -> Server {
    Server::start(Options::new())
}

fn watcher(server: &Server) -> Conn {
    let mut watcher = server.connect();
    check(&mut watcher, "MONITOR", "+OK");
    watcher
}

/// The next line without its time and address, which are checked.
fn seen(watcher: &mut Conn) -> String {
    let line = watcher.read().text();
    let (head, request) = line.split_once("] ").unwrap_or_else(|| panic!("{line}"));
    let (time, origin) = head.split_once(" [").unwrap_or_else(|| panic!("{line}"));
    let (seconds, micros) = time.split_once('.').unwrap_or_else(|| panic!("{line}"));
    assert!(
        seconds.parse::<u64>().expect(&line) > 1_600_000_000 && micros.len() == 6,
        "{line}"
    );
    let (db, address) = origin.split_once(' ').unwrap_or_else(|| panic!("{line}"));
    if address == "lua" {
        return format!("{db} lua {request}");
    }
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    format!("{db} {request}")
}

#[test]
fn requests_are_shown_as_they_are_run() {
    let server = start();
    let mut watcher = watcher(&server);
    let mut conn = server.connect();
    conn.cmd(&[&b"set"[..], b"k", b"a \"b\"\\\r\n\x00\xff"]);
    assert_eq!(seen(&mut watcher), r#"0 "set" "k" "a \"b\"\\\r\n\x00\xff""#);
    run(&mut conn, "SELECT 3\n GET k -> nil");
    assert!(seen(&mut watcher).ends_with(r#""SELECT" "3""#));
    assert_eq!(seen(&mut watcher), r#"3 "GET" "k""#);
}

#[test]
fn what_is_refused_administrative_or_secret_is_not_shown() {
    let server = start();
    let mut watcher = watcher(&server);
    let mut conn = server.connect();
    run(
        &mut conn,
        "
        GET a b -> !
        NOSUCH -> !
        CONFIG SET requirepass s3cret -> +OK
        SLOWLOG GET 0 -> []
        DEBUG SLEEP 0 -> +OK
        AUTH s3cret -> +OK
        PING end -> end
        ",
    );
    loop {
        let line = seen(&mut watcher);
        assert!(!line.contains("s3cret"), "{line}");
        if line == r#"0 "PING" "end""# {
            break;
        }
        assert!(line.starts_with(r#"0 "AUTH""#), "{line}");
    }
}

#[test]
fn what_scripts_run_is_shown_behind_them_and_once() {
    let script = "redis.call('get', KEYS[1]) redis.call('select', 3) redis.pcall('nosuch') \
        for i = 1, 2 do redis.call('set', KEYS[1], i) end redis.pcall('set') \
        return redis.call('get', 'undeclared')";
    let shown = [
        r#"0 lua "get" "k""#,
        r#"0 lua "select" "3""#,
        r#"3 lua "set" "k" "1""#,
        r#"3 lua "set" "k" "2""#,
        r#"3 lua "get" "undeclared""#,
    ];
    let server = start();
    let mut watcher = watcher(&server);
    let mut conn = server.connect();
    // Wherever it runs, and however often it has begun again.
    for _ in 0..6 {
        conn.cmd(&["EVAL", script, "1", "k"]);
        assert!(seen(&mut watcher).starts_with(r#"0 "EVAL" "redis.call"#));
        for line in shown {
            assert_eq!(seen(&mut watcher), line);
        }
    }
}

#[test]
fn a_transaction_is_shown_when_it_runs() {
    let server = start();
    let mut watcher = watcher(&server);
    let mut conn = server.connect();
    run(&mut conn, "MULTI\n SET k v -> +QUEUED\n GET k -> +QUEUED");
    assert_eq!(seen(&mut watcher), r#"0 "MULTI""#);
    run(&mut conn, "EXEC -> [+OK v]");
    let mut lines = [seen(&mut watcher), seen(&mut watcher), seen(&mut watcher)];
    lines.sort();
    assert_eq!(
        lines,
        [r#"0 "EXEC""#, r#"0 "GET" "k""#, r#"0 "SET" "k" "v""#]
    );
}

#[test]
fn monitors_come_and_go() {
    let server = start();
    let mut conn = server.connect();
    for _ in 0..3 {
        let mut first = watcher(&server);
        let mut second = watcher(&server);
        run(&mut conn, "PING -> +PONG");
        assert_eq!(seen(&mut first), r#"0 "PING""#);
        assert_eq!(seen(&mut second), r#"0 "PING""#);
        check(&mut second, "RESET", "+RESET");
        assert_eq!(seen(&mut first), r#"0 "RESET""#);
        run(&mut conn, "ECHO x -> x");
        assert_eq!(seen(&mut first), r#"0 "ECHO" "x""#);
        run(&mut second, "ECHO y -> y");
    }
    if !on_oracle() {
        poll_until("nobody monitors any more", || {
            let clients = conn.line("INFO clients").text();
            clients.contains("\nmonitor_clients:0\r\n").then_some(())
        });
    }
}

#[test]
fn refusals() {
    let server = start();
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        run(
            &mut conn,
            r#"
            MONITOR x -> -ERR wrong number of arguments for 'monitor' command
            MULTI -> +OK
            MONITOR -> +QUEUED
            EXEC -> [-"ERR MONITOR isn't allowed for DENY BLOCKING client"]
            PING -> +PONG
            "#,
        );
    }
}
