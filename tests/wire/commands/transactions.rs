//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use crate::support::{Conn, Options, Server, check, on_oracle, run, run_both, with_time_enough};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn queued_commands_run_together() {
    run_both(
        &start(),
        "
        MULTI -> +OK
        SET k 1 -> +QUEUED
        INCR k -> +QUEUED
        GET k -> +QUEUED
        GET none -> +QUEUED
        EXEC -> [+OK :2 2 nil]
        GET k -> 2
        MULTI -> +OK
        EXEC -> []
        multi -> +OK
        ping -> +QUEUED
        exec -> [+PONG]
        ",
    );
}

#[test]
fn a_command_that_fails_when_run_does_not_stop_the_others() {
    run_both(
        &start(),
        r#"
        SET k text -> +OK
        MULTI -> +OK
        INCR k -> +QUEUED
        SET after 1 -> +QUEUED
        EXEC -> [-"ERR value is not an integer or out of range" +OK]
        GET after -> 1
        "#,
    );
}

#[test]
fn a_command_that_is_refused_when_queued_discards_all() {
    for refused in ["NOSUCH a", "GET", "SET k", "GET a b", "INCR"] {
        run_both(
            &start(),
            &format!(
                "
                MULTI -> +OK
                SET k 1 -> +QUEUED
                {refused} -> !
                SET k 2 -> +QUEUED
                EXEC -> -EXECABORT Transaction discarded because of previous errors.
                GET k -> nil
                EXEC -> -ERR EXEC without MULTI
                MULTI -> +OK
                SET k 3 -> +QUEUED
                EXEC -> [+OK]
                DEL k
                "
            ),
        );
    }
}

#[test]
fn nesting_and_what_has_no_multi() {
    run_both(
        &start(),
        "
        EXEC -> -ERR EXEC without MULTI
        DISCARD -> -ERR DISCARD without MULTI
        UNWATCH -> +OK
        MULTI -> +OK
        MULTI -> -ERR MULTI calls can not be nested
        WATCH k -> -ERR WATCH inside MULTI is not allowed
        SET k 1 -> +QUEUED
        EXEC -> [+OK]
        MULTI -> +OK
        UNWATCH -> +QUEUED
        EXEC -> [+OK]
        ",
    );
}

#[test]
fn wrong_arity() {
    run_both(
        &start(),
        "
        MULTI x -> -ERR wrong number of arguments for 'multi' command
        EXEC x -> -EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command
        DISCARD x -> -ERR wrong number of arguments for 'discard' command
        WATCH -> -ERR wrong number of arguments for 'watch' command
        UNWATCH x -> -ERR wrong number of arguments for 'unwatch' command
        MULTI -> +OK
        EXEC x -> -EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command
        EXEC -> -ERR EXEC without MULTI
        MULTI -> +OK
        DISCARD x -> -ERR wrong number of arguments for 'discard' command
        DISCARD -> +OK
        ",
    );
}

#[test]
fn discard_forgets_the_queue_and_the_watches() {
    let server = start();
    for protocol in [2, 3] {
        let (mut conn, mut other) = (server.connect(), server.connect());
        conn.hello(protocol);
        run(
            &mut conn,
            "DEL k\n WATCH k -> +OK\n MULTI -> +OK\n SET k 1 -> +QUEUED",
        );
        run(&mut conn, "DISCARD -> +OK\n GET k -> nil");
        run(&mut other, "SET k 2 -> +OK");
        run(&mut conn, "MULTI -> +OK\n GET k -> +QUEUED\n EXEC -> [2]");
    }
}

/// Watches `k`, lets another client run a script, and runs a transaction.
fn watched(server: &Server, before: &str, meanwhile: &str, expected: &str) {
    for protocol in [2, 3] {
        let (mut conn, mut other) = (server.connect(), server.connect());
        conn.hello(protocol);
        run(&mut conn, "FLUSHALL -> +OK");
        run(&mut conn, before);
        check(&mut conn, "WATCH k other", "+OK");
        run(&mut other, meanwhile);
        run(&mut conn, "MULTI -> +OK\n PING -> +QUEUED");
        let expected = if expected == "fails" {
            "nil[]"
        } else {
            "[+PONG]"
        };
        let shown = format!("with {meanwhile:?} after {before:?}");
        let reply = conn.line("EXEC");
        if let Err(why) = crate::support::verdict(&reply, expected, protocol) {
            panic!("{shown}: {reply}: {why}");
        }
    }
}

#[test]
fn any_change_of_a_watched_key_fails_the_transaction() {
    let server = start();
    for (before, change) in [
        ("", "SET k 1"),
        ("SET k 1", "SET k 1"),
        ("SET k 1", "INCR k"),
        ("SET k 1", "APPEND k x"),
        ("SET k 1", "DEL k"),
        ("SET k 1", "UNLINK k"),
        ("SET k 1", "EXPIRE k 1000"),
        ("SET k 1 EX 1000", "PERSIST k"),
        ("SET k 1", "GETDEL k"),
        ("SET k 1", "RENAME k elsewhere"),
        ("SET x 1", "RENAME x k"),
        ("SET x 1", "COPY x k"),
        ("SET k 1", "FLUSHALL"),
        ("SET k 1", "FLUSHDB"),
        ("SET k 1", "MOVE k 1"),
        ("SET k 1", "SWAPDB 0 1"),
        ("SET k 1", "EXPIRE k -1"),
        ("SET other 1", "DEL other"),
        ("", "MULTI\n SET k 1\n EXEC"),
        ("", "SET k 1\n DEL k"),
    ] {
        watched(&server, before, change, "fails");
    }
}

#[test]
fn what_changes_nothing_does_not() {
    let server = start();
    for (before, idle) in [
        ("SET k 1", "GET k"),
        ("SET k 1", "SET unrelated 2"),
        ("SET k 1", "TOUCH k"),
        ("SET k 1", "SETNX k 2"),
        ("SET k 1", "SET k 2 NX"),
        ("", "DEL k"),
        ("", "FLUSHALL"),
        ("", "EXPIRE k 10"),
        ("SET k 1", "PERSIST k"),
        ("SET k 1", "SELECT 1\n SET k 2"),
        ("SET k 1", "MULTI\n SET k 2\n DISCARD"),
    ] {
        watched(&server, before, idle, "runs");
    }
}

#[test]
fn unwatch_and_exec_end_the_watch() {
    let server = start();
    let (mut conn, mut other) = (server.connect(), server.connect());
    run(&mut conn, "SET k 1\n WATCH k -> +OK");
    run(&mut other, "SET k 2");
    run(&mut conn, "UNWATCH -> +OK\n MULTI\n GET k\n EXEC -> [2]");
    run(
        &mut conn,
        "WATCH k -> +OK\n MULTI\n SET k 3\n EXEC -> [+OK]",
    );
    run(&mut other, "SET k 4");
    run(&mut conn, "MULTI\n GET k\n EXEC -> [4]");
}

#[test]
fn a_client_may_fail_its_own_watch() {
    run_both(
        &start(),
        "WATCH k\n SET k 1\n MULTI\n SET k 2\n EXEC -> nil[]\n GET k -> 1",
    );
}

#[test]
fn a_watched_key_that_expires_fails_the_transaction() {
    let server = start();
    let (mut conn, mut other) = (server.connect(), server.connect());
    with_time_enough("it is watched while it is there", 30, |ms| {
        run(
            &mut conn,
            &format!("UNWATCH\n SET k 1 PX {ms}\n WATCH k -> +OK"),
        );
        (conn.line("EXISTS k").int() == 1).then_some(())
    });
    crate::support::poll_until("k expires", || other.line("GET k").is_null().then_some(()));
    run(&mut conn, "MULTI\n PING\n EXEC -> nil[]");
    // Gone before it was watched: nothing changes any more.
    run(&mut conn, "WATCH k -> +OK\n MULTI\n PING\n EXEC -> [+PONG]");
}

#[test]
fn databases_are_part_of_what_is_watched_and_queued() {
    let server = start();
    let (mut conn, mut other) = (server.connect(), server.connect());
    run(&mut conn, "SELECT 1\n WATCH k\n SELECT 0");
    run(&mut other, "SELECT 1\n SET k 1");
    run(&mut conn, "MULTI\n PING\n EXEC -> nil[]");
    run(
        &mut conn,
        "
        MULTI
        SELECT 2 -> +QUEUED
        SET k two -> +QUEUED
        SELECT 0 -> +QUEUED
        GET k -> +QUEUED
        SELECT 2 -> +QUEUED
        EXEC -> [+OK +OK +OK nil +OK]
        GET k -> two
        ",
    );
}

#[test]
fn nobody_sees_a_queue_before_exec_and_it_dies_with_its_client() {
    let server = start();
    let mut other = server.connect();
    let mut conn = server.connect();
    run(&mut conn, "MULTI\n SET k 1\n SET l 1");
    run(&mut other, "MGET k l -> [nil nil]");
    conn.finish_sending();
    assert_eq!(conn.read_to_close(), b"");
    run(&mut other, "MGET k l -> [nil nil]");
}

#[test]
fn a_long_transaction_runs_whole() {
    const COMMANDS: usize = 5_000;
    let server = start();
    for protocol in [2, 3] {
        let mut conn: Conn = server.connect();
        conn.hello(protocol);
        let mut requests = vec![vec!["MULTI".to_owned()]];
        requests.extend((0..COMMANDS).map(|i| vec!["INCR".to_owned(), format!("n{}", i % 100)]));
        requests.push(vec!["EXEC".to_owned()]);
        let replies = conn.pipeline(&requests);
        let results = replies.last().expect("EXEC has a reply").items();
        assert_eq!(results.len(), COMMANDS);
        let each = (COMMANDS / 100) as i64;
        assert!(
            results[COMMANDS - 100..]
                .iter()
                .all(|reply| reply.int() == each)
        );
        check(&mut conn, "FLUSHALL", "+OK");
    }
}

#[test]
fn what_removes_a_watched_key_fails_the_transaction() {
    let server = start();
    for (before, meanwhile) in [
        ("SET k v", "FLUSHALL"),
        ("SET k v", "FLUSHDB"),
        ("SET k v", "SWAPDB 0 1"),
        ("SELECT 1\nSET k v\nSELECT 0", "SWAPDB 1 0"),
        ("SET k v", "MOVE k 1"),
        ("SET k v", "RENAME k other"),
        ("SET other v", "RENAME other k"),
        ("SET other v", "COPY other k"),
        ("SET k v", "GETDEL k"),
        ("SADD k a", "SPOP k"),
        ("SET other v", "BITOP NOT k other"),
    ] {
        watched(&server, before, meanwhile, "fails");
    }
    // Nothing was there, and nothing is.
    watched(&server, "PING", "FLUSHALL", "holds");
}

#[test]
fn a_watched_key_that_is_evicted_fails_the_transaction() {
    let options = Options::new().set("memory.eviction_policy", "allkeys-random");
    let server = Server::start(options);
    let (mut conn, mut other) = (server.connect(), server.connect());
    let value = "v".repeat(10_000);
    for n in 0..300 {
        other.cmd(&["SET", &format!("k{n}"), &value]);
        conn.cmd(&["WATCH", &format!("k{n}")]);
    }
    let used = other.line("INFO memory").text();
    let used = used
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    let used: u64 = used.expect("a field").parse().expect("a number");
    other.cmd(&[
        "CONFIG",
        "SET",
        "maxmemory",
        &(used - 1_000_000).to_string(),
    ]);
    other.cmd(&["SET", "last", "v"]);
    crate::support::poll_until("an eviction", || {
        let stats = other.line("INFO stats").text();
        (!stats.contains("evicted_keys:0\r")).then_some(())
    });
    run(&mut conn, "MULTI\nPING\nEXEC -> nil[]");
}

#[test]
fn a_setting_holds_for_the_rest_of_the_transaction() {
    let server = start();
    run(
        &mut server.connect(),
        "MULTI
         RPUSH a 1 2 3 4 5
         CONFIG SET hash-max-listpack-entries 1
         HSET h f 1 g 2
         OBJECT ENCODING h
         CONFIG SET hash-max-listpack-entries 512
         HSET i f 1 g 2
         OBJECT ENCODING i
         EXEC -> [:5 +OK :2 hashtable +OK :2 listpack]
         CONFIG SET notify-keyspace-events KEA -> +OK",
    );
}

#[test]
fn what_would_wait_does_not() {
    let server = start();
    run(
        &mut server.connect(),
        "MULTI
         BLPOP none 0
         BRPOP none 0
         BLMOVE none other LEFT RIGHT 0
         BRPOPLPUSH none other 0
         BLMPOP 0 1 none LEFT
         BZPOPMIN none 0
         BZPOPMAX none 0
         BZMPOP 0 1 none MIN
         XREAD BLOCK 0 STREAMS none $
         RPUSH none x
         BLPOP none 0
         EXEC -> [nil[] nil[] nil nil nil[] nil[] nil[] nil[] nil[] :1 [none x]]",
    );
}

#[test]
fn a_queue_and_a_watch_list_have_an_end() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("limits.query_buffer_limit", "1mb"));
    let mut conn = server.connect();
    run(&mut conn, "MULTI -> +OK");
    let value = "v".repeat(100_000);
    let mut refused = 0;
    for _ in 0..20 {
        refused += usize::from(conn.cmd(&["SET", "k", &value]).is_error());
    }
    assert!(
        (1..=1).contains(&refused),
        "{refused} were refused: the first beyond the limit"
    );
    run(&mut conn, "EXEC -> -EXECABORT…\nEXISTS k -> :0");
    let mut refused = None;
    for from in (0..200_000).step_by(1000) {
        let mut watch = vec!["WATCH".to_owned()];
        watch.extend((from..from + 1000).map(|n| format!("k{n}")));
        let reply = conn.cmd(&watch);
        if reply.is_error() {
            refused = Some(from);
            break;
        }
    }
    assert_eq!(refused, Some(100_000));
    let info = conn.line("CLIENT INFO").text();
    let field = |name: &str| -> u64 {
        let value = info.split(' ').find_map(|field| field.strip_prefix(name));
        value.expect("a field").parse().expect("a number")
    };
    assert_eq!(field("watch="), 100_000);
    assert!(field("tot-mem=") > 10_000_000, "{info}");
    run(&mut conn, "UNWATCH -> +OK\nWATCH k1 -> +OK");
}
