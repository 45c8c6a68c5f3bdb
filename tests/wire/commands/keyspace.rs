//! DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.

use crate::support::{Conn, Options, Server, check, encode, poll_until, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

fn fill(conn: &mut Conn, count: usize) {
    let requests: Vec<_> = (0..count)
        .map(|i| vec!["SET".to_owned(), format!("key:{i}"), "v".repeat(100)])
        .collect();
    for reply in conn.pipeline(&requests) {
        assert_eq!(reply.text(), "OK");
    }
}

#[test]
fn dbsize_counts_the_selected_database() {
    run_both(
        &start(),
        "
        DBSIZE -> :0
        SET a 1
        SET b 2
        DBSIZE -> :2
        SELECT 1 -> +OK
        DBSIZE -> :0
        SET c 3
        DBSIZE -> :1
        MULTI -> +OK
        SET d 4 -> +QUEUED
        DBSIZE -> +QUEUED
        EXEC -> [+OK :2]
        DBSIZE x -> -ERR wrong number of arguments for 'dbsize' command
        ",
    );
}

#[test]
fn flushdb_empties_one_database_and_flushall_every() {
    for how in ["", "ASYNC", "sync"] {
        run_both(
            &start(),
            &format!(
                "
                FLUSHDB {how} -> +OK
                FLUSHALL {how} -> +OK
                SET a 1
                EXPIRE a 1000
                SELECT 3 -> +OK
                SET b 2
                FLUSHDB {how} -> +OK
                DBSIZE -> :0
                GET b -> nil
                SET b 3
                GET b -> 3
                SELECT 0 -> +OK
                GET a -> 1
                FLUSHALL {how} -> +OK
                DBSIZE -> :0
                SELECT 3 -> +OK
                DBSIZE -> :0
                KEYS * -> []
                SET b 4
                GET b -> 4
                TTL b -> :-1
                "
            ),
        );
    }
}

#[test]
fn flush_refuses_other_words() {
    run_both(
        &start(),
        "
        SET a 1
        FLUSHDB foo -> -ERR syntax error
        FLUSHDB ASYNC SYNC -> -ERR syntax error
        FLUSHALL foo -> -ERR syntax error
        FLUSHALL SYNC SYNC -> -ERR syntax error
        FLUSHALL \"\" -> -ERR syntax error
        GET a -> 1
        ",
    );
}

#[test]
fn flush_in_a_transaction() {
    run_both(
        &start(),
        "
        SET a 1
        MULTI -> +OK
        FLUSHALL SYNC -> +QUEUED
        SET b 1 -> +QUEUED
        FLUSHDB -> +QUEUED
        SET c 1 -> +QUEUED
        FLUSHALL foo -> +QUEUED
        DBSIZE -> +QUEUED
        EXEC -> [+OK +OK +OK +OK -\"ERR syntax error\" :1]
        KEYS * -> [c]
        ",
    );
}

/// Requests behind a flush in the same pipeline find what the flush left, also while it is being
/// freed elsewhere.
#[test]
fn a_large_database_is_flushed_before_what_follows() {
    let server = start();
    for how in ["", "SYNC", "ASYNC"] {
        let mut conn = server.connect();
        fill(&mut conn, 100_000);
        let flush = format!("FLUSHALL {how}");
        let words: Vec<&str> = flush.split_whitespace().collect();
        let replies = conn.pipeline(&[
            vec!["DBSIZE"],
            words,
            vec!["DBSIZE"],
            vec!["SET", "key:1", "new"],
            vec!["GET", "key:1"],
            vec!["GET", "key:2"],
            vec!["DBSIZE"],
        ]);
        let shown: Vec<_> = replies.iter().map(|reply| reply.to_string()).collect();
        assert_eq!(
            shown,
            [":100000", "+OK", ":0", "+OK", "\"new\"", "nil", ":1"]
        );
        check(&mut conn, "FLUSHALL", "+OK");
    }
}

/// A request that is put off stops the ones behind it, which came with it in one piece, and one of
/// which is not all here yet.
#[test]
fn what_follows_a_request_that_is_put_off_waits_its_turn() {
    let server = start();
    let mut conn = server.connect();
    for cut in 1..20 {
        fill(&mut conn, 100);
        let tail = encode(&["ECHO", "late"]);
        let mut bytes = encode(&["FLUSHALL", "SYNC"]);
        bytes.extend(encode(&["DBSIZE"]));
        bytes.extend(encode(&["ECHO", "soon"]));
        bytes.extend_from_slice(&tail[..cut]);
        conn.send_raw(&bytes);
        assert_eq!(conn.reply().text(), "OK");
        assert_eq!(conn.reply().int(), 0);
        assert_eq!(conn.reply().text(), "soon");
        conn.send_raw(&tail[cut..]);
        assert_eq!(conn.reply().text(), "late");
    }
}

#[test]
fn a_flush_is_seen_by_watchers_of_keys_that_were_there() {
    let server = start();
    for (flush, watched, fails) in [
        ("FLUSHALL", "a", true),
        ("FLUSHALL SYNC", "a", true),
        ("FLUSHALL", "none", false),
        ("FLUSHDB", "a", true),
        ("FLUSHDB ASYNC", "none", false),
        ("FLUSHDB foo", "a", false),
        ("SELECT 1|FLUSHDB", "a", false),
        ("SELECT 1|FLUSHALL", "a", true),
    ] {
        let (mut conn, mut other) = (server.connect(), server.connect());
        run(&mut other, "FLUSHALL\nSET a 1");
        check(&mut conn, &format!("WATCH {watched}"), "+OK");
        for line in flush.split('|') {
            other.line(line);
        }
        run(&mut conn, "MULTI\nPING");
        let expected = if fails { "nil[]" } else { "[+PONG]" };
        check(&mut conn, "EXEC", expected);
    }
}

#[test]
fn swapdb_exchanges_contents() {
    run_both(
        &start(),
        "
        SET a 0
        PEXPIREAT a 4102444800123 -> :1
        SET b 0
        SELECT 1 -> +OK
        SET a 1
        SWAPDB 0 1 -> +OK
        DBSIZE -> :2
        GET a -> 0
        PEXPIRETIME a -> :4102444800123
        SELECT 0 -> +OK
        DBSIZE -> :1
        GET a -> 1
        TTL a -> :-1
        SWAPDB 1 1 -> +OK
        GET a -> 1
        SWAPDB 0 15 -> +OK
        DBSIZE -> :0
        SELECT 15 -> +OK
        GET a -> 1
        MULTI -> +OK
        SWAPDB 0 1 -> +QUEUED
        SELECT 0 -> +QUEUED
        GET a -> +QUEUED
        EXEC -> [+OK +OK 0]
        ",
    );
}

#[test]
fn swapdb_refuses_bad_indices() {
    run_both(
        &start(),
        "
        SWAPDB x 0 -> -ERR invalid first DB index
        SWAPDB 0 x -> -ERR invalid second DB index
        SWAPDB 99999999999 x -> -ERR invalid first DB index
        SWAPDB -1 0 -> -ERR DB index is out of range
        SWAPDB 0 16 -> -ERR DB index is out of range
        SWAPDB 16 16 -> -ERR DB index is out of range
        SWAPDB 0 -> -ERR wrong number of arguments for 'swapdb' command
        SWAPDB 0 1 2 -> -ERR wrong number of arguments for 'swapdb' command
        ",
    );
}

#[test]
fn swapdb_is_seen_by_watchers_of_keys_in_either_database() {
    let server = start();
    for (swap, watched, fails) in [
        ("SWAPDB 0 1", "in0", true),
        ("SWAPDB 1 0", "in0", true),
        ("SWAPDB 0 1", "in1", true),
        ("SWAPDB 0 1", "none", false),
        ("SWAPDB 0 0", "in0", false),
        ("SWAPDB 1 2", "in0", false),
        ("SWAPDB 2 0", "in0", true),
    ] {
        let (mut conn, mut other) = (server.connect(), server.connect());
        run(&mut other, "FLUSHALL\nSET in0 1\nSELECT 1\nSET in1 1");
        check(&mut conn, &format!("WATCH {watched}"), "+OK");
        check(&mut other, swap, "+OK");
        run(&mut conn, "MULTI\nPING");
        let expected = if fails { "nil[]" } else { "[+PONG]" };
        check(&mut conn, "EXEC", expected);
    }
}

/// Keys that are exchanged into a database expire there without anybody asking for them.
#[test]
fn exchanged_keys_are_swept() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "SELECT 1\nSET k v\nPEXPIRE k 150\nSWAPDB 0 1\nSELECT 0",
    );
    poll_until("k is swept", || {
        (conn.line("DBSIZE").int() == 0).then_some(())
    });
}
