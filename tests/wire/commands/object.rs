//! OBJECT ENCODING, FREQ, HELP, IDLETIME, REFCOUNT.

use crate::support::{Options, Server, check, poll_until, run, run_both, with_time_enough};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn encoding_of_strings() {
    let at_most = "x".repeat(44);
    let more = "x".repeat(45);
    run_both(
        &start(),
        &format!(
            r#"
            SET k 12
            OBJECT ENCODING k -> int
            SET k -9223372036854775808
            OBJECT ENCODING k -> int
            SET k 9223372036854775808
            OBJECT ENCODING k -> embstr
            SET k 012
            object encoding k -> embstr
            SET k ""
            OBJECT ENCODING k -> embstr
            SET k {at_most}
            OBJECT ENCODING k -> embstr
            SET k {more}
            OBJECT ENCODING k -> raw
            OBJECT ENCODING none -> nil
            "#
        ),
    );
    let server = start();
    let mut conn = server.connect();
    let large = vec![b'x'; 1 << 20];
    assert_eq!(conn.cmd(&[&b"SET"[..], b"k", &large]).text(), "OK");
    check(&mut conn, "OBJECT ENCODING k", "raw");
}

#[test]
fn refcount_of_small_integers_is_that_of_shared_ones() {
    run_both(
        &start(),
        "
        SET k 9999
        OBJECT REFCOUNT k -> :2147483647
        SET k 10000
        OBJECT REFCOUNT k -> :1
        SET k -1
        OBJECT REFCOUNT k -> :1
        SET k text
        OBJECT REFCOUNT k -> :1
        OBJECT REFCOUNT none -> nil
        ",
    );
}

#[test]
fn what_a_policy_does_not_track_is_refused() {
    let lru = "access frequency not tracked. Please note that when switching between policies \
               at runtime LRU and LFU data will take some time to adjust.";
    run_both(
        &start(),
        &format!(
            "
            SET k v
            OBJECT FREQ k -> -ERR An LFU maxmemory policy is not selected, {lru}
            OBJECT FREQ none -> nil
            OBJECT IDLETIME k -> :0..5
            OBJECT IDLETIME none -> nil
            "
        ),
    );
    let server = Server::start(Options::new().set("memory.eviction_policy", "allkeys-lfu"));
    let lfu = lru.replace("access frequency", "idle time");
    run_both(
        &server,
        &format!(
            "
            SET k v
            OBJECT IDLETIME k -> -ERR An LFU maxmemory policy is selected, {lfu}
            OBJECT IDLETIME none -> nil
            OBJECT FREQ k -> :5
            OBJECT FREQ none -> nil
            "
        ),
    );
}

#[test]
fn frequency_rises_with_use_and_goes_with_the_key() {
    let server = Server::start(Options::new().set("memory.eviction_policy", "allkeys-lfu"));
    let mut conn = server.connect();
    run(&mut conn, "SET k v\nSET other v");
    conn.pipeline(&vec![vec!["GET", "k"]; 2000]);
    let frequency = conn.line("OBJECT FREQ k").int();
    assert!((10..100).contains(&frequency), "{frequency}");
    check(&mut conn, "OBJECT FREQ other", ":5");
    check(&mut conn, "RENAME k other", "+OK");
    let renamed = conn.line("OBJECT FREQ other").int();
    assert!(
        renamed.abs_diff(frequency) <= 1,
        "{renamed}, was {frequency}"
    );
}

/// Idle time is what passed since the last use; looking does not count as one.
#[test]
fn idle_time_ends_with_use() {
    let server = start();
    let mut conn = server.connect();
    for using in [
        "GET k",
        "TOUCH k",
        "EXPIRE k 1000",
        "RENAME k k2",
        "MOVE k2 1",
    ] {
        // Seconds are counted whole: two may begin before one has passed.
        with_time_enough("it was used within this second", 1, |_| {
            run(&mut conn, "FLUSHALL\nSET k v\nSET k2 v");
            for key in ["k", "k2"] {
                poll_until("idle for a second", || {
                    run(
                        &mut conn,
                        "TYPE k\nTTL k\nEXISTS k\nOBJECT ENCODING k\nSCAN 0",
                    );
                    (conn.line(&format!("OBJECT IDLETIME {key}")).int() >= 1).then_some(())
                });
            }
            assert!(!conn.line(using).is_error(), "{using}");
            let (db, key) = match using {
                "MOVE k2 1" => (1, "k2"),
                "RENAME k k2" => (0, "k2"),
                _ => (0, "k"),
            };
            check(&mut conn, &format!("SELECT {db}"), "+OK");
            let idle = conn.line(&format!("OBJECT IDLETIME {key}")).int();
            check(&mut conn, "SELECT 0", "+OK");
            (idle == 0).then_some(())
        });
    }
}

#[test]
fn subcommands_and_their_arity() {
    run_both(
        &start(),
        "
        OBJECT -> -ERR wrong number of arguments for 'object' command
        OBJECT NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try OBJECT HELP.
        OBJECT nosuch k -> -ERR unknown subcommand 'nosuch'. Try OBJECT HELP.
        OBJECT ENCODING -> -ERR wrong number of arguments for 'object|encoding' command
        OBJECT ENCODING a b -> -ERR wrong number of arguments for 'object|encoding' command
        OBJECT FREQ -> -ERR wrong number of arguments for 'object|freq' command
        OBJECT IDLETIME -> -ERR wrong number of arguments for 'object|idletime' command
        OBJECT REFCOUNT -> -ERR wrong number of arguments for 'object|refcount' command
        OBJECT HELP k -> -ERR wrong number of arguments for 'object|help' command
        ",
    );
    let server = start();
    for mut conn in [server.connect(), server.connect3()] {
        let reply = conn.line("OBJECT HELP");
        let lines: Vec<_> = reply.items().iter().map(|line| line.text()).collect();
        assert!(lines[0].starts_with("OBJECT <subcommand>"), "{}", lines[0]);
        for name in ["ENCODING", "FREQ", "IDLETIME", "REFCOUNT", "HELP"] {
            assert!(lines.iter().any(|line| line.starts_with(name)), "{name}");
        }
    }
}
