//! SLOWLOG GET, LEN, RESET, HELP; COMMANDLOG.

use crate::support::{Conn, Options, Reply, Server, on_oracle, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

/// The logged requests, newest first, as their arguments joined by blanks.
fn logged(conn: &mut Conn) -> Vec<String> {
    let log = conn.line("SLOWLOG GET -1");
    log.items().iter().map(request).collect()
}

fn request(entry: &Reply) -> String {
    let words: Vec<String> = entry.items()[3].items().iter().map(Reply::text).collect();
    words.join(" ")
}

#[test]
fn every_request_beyond_the_threshold_is_kept() {
    for protocol in [2, 3] {
        let server = start();
        let mut conn = server.connect();
        conn.hello(protocol);
        run(
            &mut conn,
            "CLIENT SETNAME slow -> +OK
             CONFIG SET slowlog-log-slower-than 0 -> +OK
             SLOWLOG RESET -> +OK",
        );
        run(&mut conn, "SET k v -> +OK\n GET k -> v");
        let log = conn.line("SLOWLOG GET");
        let requests: Vec<String> = log.items().iter().map(request).collect();
        assert_eq!(requests, ["GET k", "SET k v", "SLOWLOG RESET"]);
        let entry = log.items()[0].items();
        assert_eq!(entry.len(), 6);
        let before = log.items()[1].items();
        assert_eq!(entry[0].int(), before[0].int() + 1, "ids grow");
        let now = conn.line("TIME").items()[0].text();
        assert!((now.parse::<i64>().expect("seconds") - entry[1].int()).abs() < 60);
        assert!(entry[2].int() >= 0);
        assert!(entry[4].text().starts_with("127.0.0.1:"), "{log}");
        assert_eq!(entry[5].text(), "slow");
        run(&mut conn, "SLOWLOG LEN -> :4..7");
        assert_eq!(conn.line("SLOWLOG GET 1").items().len(), 1);
        assert_eq!(conn.line("SLOWLOG GET 0").items().len(), 0);
    }
}

#[test]
fn thresholds_and_lengths_follow_the_configuration() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "CONFIG SET slowlog-log-slower-than -1\n SLOWLOG RESET",
    );
    run(&mut conn, "SET k v -> +OK\n SLOWLOG LEN -> :0");
    run(
        &mut conn,
        "CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 3",
    );
    run(
        &mut conn,
        "SET k 1\n SET k 2\n SET k 3\n SET k 4\n SLOWLOG LEN -> :3",
    );
    assert_eq!(logged(&mut conn), ["SLOWLOG LEN", "SET k 4", "SET k 3"]);
    run(
        &mut conn,
        "CONFIG SET slowlog-max-len 0\n SET k 5\n SLOWLOG LEN -> :0",
    );
    run(
        &mut conn,
        "CONFIG SET slowlog-max-len 128 slowlog-log-slower-than 5000",
    );
    run(
        &mut conn,
        "SLOWLOG RESET\n DEBUG SLEEP 0.02 -> +OK\n SLOWLOG LEN -> :1",
    );
}

#[test]
fn long_requests_are_cut() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "CONFIG SET slowlog-log-slower-than 0");
    conn.cmd(&["SET", "k", &"x".repeat(300)]);
    let many: Vec<String> = ["MGET".to_owned()]
        .into_iter()
        .chain((0..50).map(|n| n.to_string()))
        .collect();
    conn.cmd(&many);
    let log = conn.line("SLOWLOG GET 2");
    let mget = log.items()[0].items()[3].items();
    assert_eq!(mget.len(), 32);
    assert_eq!(mget[31].text(), "... (20 more arguments)");
    let set = log.items()[1].items()[3].items();
    assert_eq!(
        set[2].text(),
        format!("{}... (172 more bytes)", "x".repeat(128))
    );
}

#[test]
fn a_transaction_is_logged_by_its_commands_and_secrets_are_not() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "CONFIG SET slowlog-log-slower-than 0\n SLOWLOG RESET",
    );
    run(
        &mut conn,
        "MULTI\n SET k v -> +QUEUED\n INCR n -> +QUEUED\n EXEC -> [+OK :1]",
    );
    run(
        &mut conn,
        "CONFIG SET requirepass s3cret\n AUTH s3cret -> +OK",
    );
    let requests = logged(&mut conn);
    assert!(requests.contains(&"INCR n".to_owned()), "{requests:?}");
    assert!(requests.contains(&"SET k v".to_owned()), "{requests:?}");
    assert!(!requests.contains(&"EXEC".to_owned()), "{requests:?}");
    assert!(
        !requests.iter().any(|request| request.contains("s3cret")),
        "{requests:?}"
    );
}

#[test]
fn refusals() {
    run_both(
        &start(),
        "
        SLOWLOG RESET -> +OK
        SLOWLOG LEN -> :0
        SLOWLOG GET -> []
        SLOWLOG GET -1 -> []
        SLOWLOG GET -2 -> -ERR count should be greater than or equal to -1
        SLOWLOG GET x -> -ERR count should be greater than or equal to -1
        SLOWLOG GET 99999999999999999999 -> -ERR count should be greater than or equal to -1
        SLOWLOG get 1 2 -> -ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.
        SLOWLOG LEN x -> -ERR wrong number of arguments for 'slowlog|len' command
        SLOWLOG RESET x -> -ERR wrong number of arguments for 'slowlog|reset' command
        SLOWLOG NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try SLOWLOG HELP.
        SLOWLOG -> -ERR wrong number of arguments for 'slowlog' command
        SLOWLOG HELP -> *
        ",
    );
}

#[test]
fn the_command_log_is_the_same_log() {
    if on_oracle() {
        return;
    }
    run_both(
        &start(),
        "
        CONFIG SET commandlog-execution-slower-than 0 -> +OK
        COMMANDLOG RESET slow -> +OK
        GET none -> nil
        COMMANDLOG GET 1 SLOW -> [[:1..100 * * [GET none] * \"\"]]
        COMMANDLOG LEN slow -> :3
        COMMANDLOG GET -2 slow -> -ERR count should be greater than or equal to -1
        COMMANDLOG GET 1 large-reply -> -ERR type should be one of the following: slow
        COMMANDLOG LEN nosuch -> -ERR type should be one of the following: slow
        COMMANDLOG RESET nosuch -> -ERR type should be one of the following: slow
        COMMANDLOG GET 1 -> -ERR wrong number of arguments for 'commandlog|get' command
        COMMANDLOG HELP -> *
        CONFIG SET slowlog-log-slower-than 10000 -> +OK
        ",
    );
}

#[test]
fn the_threshold_holds_for_the_command_that_sets_it() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "
        CONFIG SET slowlog-log-slower-than -1 -> +OK
        SLOWLOG RESET -> +OK
        CONFIG SET slowlog-log-slower-than 0 -> +OK
        CONFIG SET slowlog-log-slower-than -1 -> +OK
        SLOWLOG LEN -> :1
        ",
    );
}
