//! KEYS, SCAN, RANDOMKEY. SCAN's guarantee has its own module.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Conn, Options, Server, check, poll_until, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

/// Keys from which nearly a megabyte of memory is in use, so that walks leave the worker.
const MANY: usize = 50_000;

fn fill(conn: &mut Conn, count: usize) {
    let requests: Vec<_> = (0..count)
        .map(|i| vec!["SET".to_owned(), format!("key:{i}"), "v".to_owned()])
        .collect();
    for reply in conn.pipeline(&requests) {
        assert_eq!(reply.text(), "OK");
    }
}

#[test]
fn keys_are_matched_by_pattern() {
    run_both(
        &start(),
        r#"
        KEYS * -> []
        SET one 1
        SET two 2
        SET three 3
        SET t*o 4
        SET "" 5
        SET "\x00\xff\r\n" 6
        KEYS * -> ?[one two three t*o "" "\x00\xff\r\n"]
        KEYS ** -> ?[one two three t*o "\x00\xff\r\n"]
        KEYS t* -> ?[two three t*o]
        KEYS t?o -> ?[two t*o]
        KEYS t\*o -> [t*o]
        KEYS t[hw]* -> ?[two three]
        KEYS t[^hw]* -> [t*o]
        KEYS two -> [two]
        KEYS TWO -> []
        KEYS "" -> [""]
        KEYS tw -> []
        KEYS twoo -> []
        KEYS "\x00\xff\r\n" -> ["\x00\xff\r\n"]
        KEYS -> -ERR wrong number of arguments for 'keys' command
        KEYS a b -> -ERR wrong number of arguments for 'keys' command
        SELECT 1 -> +OK
        KEYS * -> []
        KEYS two -> []
        "#,
    );
}

#[test]
fn keys_of_a_large_database_are_all_found() {
    let server = start();
    let mut conn = server.connect();
    fill(&mut conn, MANY);
    let reply = conn.line("KEYS *");
    let found: BTreeSet<_> = reply
        .items()
        .iter()
        .map(|key| key.bytes().to_vec())
        .collect();
    assert_eq!((reply.items().len(), found.len()), (MANY, MANY));
    assert_eq!(conn.line("KEYS key:1???").items().len(), 1000);
    check(&mut conn, "KEYS key:77", "[key:77]");
    // In a transaction as well, where nothing can be put off.
    run(
        &mut conn,
        "MULTI\nKEYS key:77*9999*\nKEYS key:4999?\nSCAN 0 COUNT 100000",
    );
    let replies = conn.line("EXEC");
    let [none, ten, all] = replies.items() else {
        panic!("{replies}")
    };
    assert_eq!((none.items().len(), ten.items().len()), (0, 10));
    assert_eq!(all.items()[1].items().len(), MANY);
}

#[test]
fn scan_filters_by_pattern_and_type() {
    run_both(
        &start(),
        r#"
        SCAN 0 -> [0 []]
        SET one 1
        SET two 2
        SET "" 3
        SCAN 0 COUNT 100 -> [0 ?[one two ""]]
        SCAN 0 count 100 match * -> [0 ?[one two ""]]
        SCAN 0 COUNT 100 MATCH ** -> [0 ?[one two]]
        SCAN 0 COUNT 100 MATCH t* -> [0 [two]]
        SCAN 0 COUNT 100 MATCH "" -> [0 [""]]
        SCAN 0 COUNT 100 MATCH two TYPE string -> [0 [two]]
        SCAN 0 COUNT 100 TYPE StRiNg MATCH two -> [0 [two]]
        SCAN 0 COUNT 100 TYPE list -> [0 []]
        SCAN 0 COUNT 100 TYPE nosuchtype -> [0 []]
        SCAN 0 COUNT 100 TYPE list TYPE string MATCH x MATCH one -> [0 [one]]
        SCAN 0 COUNT 100 TYPE string TYPE list -> [0 []]
        "#,
    );
}

#[test]
fn scan_refuses_bad_cursors_and_options() {
    run_both(
        &start(),
        r#"
        SCAN abc -> -ERR invalid cursor
        SCAN 1.5 -> -ERR invalid cursor
        SCAN " 0" -> -ERR invalid cursor
        SCAN "0 " -> -ERR invalid cursor
        SCAN 18446744073709551616 -> -ERR invalid cursor
        SCAN 18446744073709551615 -> [0 []]
        SCAN -1 -> [0 []]
        SCAN "" -> [0 []]
        SCAN 007 COUNT 100 -> [0 []]
        SCAN abc FOO -> -ERR invalid cursor
        SCAN 0 FOO -> -ERR syntax error
        SCAN 0 MATCH -> -ERR syntax error
        SCAN 0 MATCH a COUNT -> -ERR syntax error
        SCAN 0 TYPE -> -ERR syntax error
        SCAN 0 FOO bar -> -ERR syntax error
        SCAN 0 COUNT 0 -> -ERR syntax error
        SCAN 0 COUNT -1 -> -ERR syntax error
        SCAN 0 COUNT abc -> -ERR value is not an integer or out of range
        SCAN 0 COUNT abc FOO -> -ERR value is not an integer or out of range
        SCAN 0 COUNT 9223372036854775807 -> [0 []]
        SCAN -> -ERR wrong number of arguments for 'scan' command
        "#,
    );
}

/// Cursors survive clients that keep them as doubles, and a step returns about as many keys as it
/// was asked for.
#[test]
fn scan_goes_in_steps() {
    let server = start();
    let mut conn = server.connect();
    fill(&mut conn, MANY);
    for count in [10, 1000, 20_000] {
        let (mut cursor, mut steps, mut found) = ("0".to_owned(), 0, 0);
        loop {
            let reply = conn.line(&format!("SCAN {cursor} COUNT {count}"));
            let [next, keys] = reply.items() else {
                panic!("{reply}")
            };
            // The last bucket may hold some more.
            assert!(keys.items().len() < count + 100, "{}", keys.items().len());
            found += keys.items().len();
            steps += 1;
            cursor = next.text();
            assert!(cursor.parse::<u64>().is_ok_and(|cursor| cursor < 1 << 53));
            if cursor == "0" {
                break;
            }
        }
        assert!(steps >= MANY / (count + 100), "{steps} steps of {count}");
        // On redis-server a key may come twice while a table is being resized.
        assert!(found >= MANY, "{found}");
    }
}

#[test]
fn an_iteration_goes_on_over_an_exchange_of_databases() {
    let server = start();
    let mut conn = server.connect();
    fill(&mut conn, 1000);
    let reply = conn.line("SCAN 0 COUNT 100");
    let cursor = reply.items()[0].text();
    assert_ne!(cursor, "0");
    check(&mut conn, "SWAPDB 0 1", "+OK");
    check(&mut conn, &format!("SCAN {cursor} COUNT 10000"), "[0 []]");
    check(&mut conn, "SELECT 1", "+OK");
    let mut found: BTreeSet<_> = reply.items()[1].items().iter().map(|k| k.text()).collect();
    let rest = conn.line(&format!("SCAN {cursor} COUNT 10000"));
    found.extend(rest.items()[1].items().iter().map(|k| k.text()));
    assert_eq!(found.len(), 1000);
}

#[test]
fn expired_keys_are_not_returned() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "SET stays v\nSET goes v\nSET went v");
    run(&mut conn, "PEXPIRE went 1\nPEXPIRE goes 1");
    poll_until("goes has expired", || {
        (conn.line("EXISTS goes").int() == 0).then_some(())
    });
    run(
        &mut conn,
        "KEYS * -> [stays]\nKEYS went -> []\nSCAN 0 COUNT 100 -> [0 [stays]]\nRANDOMKEY -> stays",
    );
}

#[test]
fn randomkey_draws_every_key() {
    run_both(
        &start(),
        "
        RANDOMKEY -> nil
        SET only v
        RANDOMKEY -> only
        SELECT 1 -> +OK
        RANDOMKEY -> nil
        RANDOMKEY x -> -ERR wrong number of arguments for 'randomkey' command
        ",
    );
    let server = start();
    let mut conn = server.connect();
    fill(&mut conn, 20);
    let mut drawn: BTreeMap<String, usize> = BTreeMap::new();
    for reply in conn.pipeline(&vec![vec!["RANDOMKEY"]; 4000]) {
        *drawn.entry(reply.text()).or_default() += 1;
    }
    // Each comes 200 times on average; redis-server is fair only among buckets.
    assert_eq!(drawn.len(), 20, "{drawn:?}");
    assert!(drawn.values().all(|n| *n > 20), "{drawn:?}");
}

/// The one key that stays is found among thousands that have expired and were not removed.
#[test]
fn randomkey_finds_the_key_that_has_not_expired() {
    let server = start();
    let mut conn = server.connect();
    check(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    fill(&mut conn, 5000);
    let expire: Vec<_> = (0..5000)
        .filter(|i| *i != 1234)
        .map(|i| vec!["PEXPIRE".to_owned(), format!("key:{i}"), "1".to_owned()])
        .collect();
    conn.pipeline(&expire);
    poll_until("the last key has expired", || {
        (conn.line("EXISTS key:4999").int() == 0).then_some(())
    });
    for _ in 0..3 {
        check(&mut conn, "RANDOMKEY", "key:1234");
    }
}
