//! Scripts inside `EXEC`: whom they hold up, and keys that nobody declared.

use super::long::{ENDLESS, begin, kill};
use super::{await_busy, start_with_threshold};
use crate::support::{Conn, Options, Reply, Server, check, poll_until};

/// Sends a transaction up to its `EXEC`.
fn send_transaction(conn: &mut Conn, requests: &[&[&str]]) {
    check(conn, "MULTI", "+OK");
    for request in requests {
        assert_eq!(conn.cmd(request).text(), "QUEUED", "{request:?}");
    }
    conn.send(&["EXEC"]);
}

/// Runs a transaction; its replies.
fn transaction(conn: &mut Conn, requests: &[&[&str]]) -> Vec<Reply> {
    send_transaction(conn, requests);
    let reply = conn.read();
    assert_eq!(reply.items().len(), requests.len(), "{reply}");
    reply.items().to_vec()
}

#[test]
fn a_long_script_of_a_transaction_holds_up_its_own_keys_only() {
    let server = start_with_threshold(2, 50);
    let mut long = server.connect();
    send_transaction(
        &mut long,
        &[&["SET", "mine", "1"], &["EVAL", ENDLESS, "1", "busy"]],
    );
    let mut others: Vec<Conn> = (0..4).map(|_| server.connect()).collect();
    await_busy(&mut others[0], "busy");
    for conn in &mut others {
        check(conn, "PING", "+PONG");
        check(conn, "SET other 1", "+OK");
        check(conn, "GET other", "1");
        check(conn, "INCR third", "*");
        check(
            conn,
            "EVAL \"return redis.call('get', KEYS[1])\" 1 other",
            "1",
        );
        // The keys of all commands of the transaction are held, and those alone.
        for held in ["GET mine", "MGET other busy", "EVAL \"return 1\" 1 busy"] {
            let reply = conn.line(held).to_string();
            assert!(reply.starts_with("-BUSY"), "{held}: {reply}");
        }
    }
    // Another transaction with a script, and one that is endless as well.
    let add = "return redis.call('incrby', KEYS[1], 5)";
    let requests: &[&[&str]] = &[&["SET", "sum", "1"], &["EVAL", add, "1", "sum"]];
    for conn in &mut others {
        assert_eq!(transaction(conn, requests)[1].int(), 6);
    }
    let (mut second, mut conn) = (server.connect(), server.connect());
    send_transaction(&mut second, &[&["EVAL", ENDLESS, "1", "busy2"]]);
    await_busy(&mut conn, "busy2");
    check(&mut conn, "SET other 2", "+OK");
    for waits in [&mut long, &mut second] {
        assert_eq!(kill(&mut conn).to_string(), "+OK");
        let replies = waits.read();
        let last = replies.items().last().expect("there are replies");
        let last = last.to_string();
        assert!(last.contains("Script killed by user"), "{replies}");
    }
    check(&mut conn, "MGET mine busy other", "[1 nil 2]");
}

/// Who waits for a key of a long script lets go of all others it needs, however long that takes.
#[test]
fn who_waits_for_a_long_script_holds_up_nobody() {
    let server = start_with_threshold(2, 0);
    let (mut long, mut conn) = (server.connect(), server.connect());
    let library = "#!lua name=l\nredis.register_function('endless', \
        function(keys) while true do redis.call('get', keys[1]) end end)";
    assert_eq!(conn.cmd(&["FUNCTION", "LOAD", library]).text(), "l");
    long.send(&["FCALL", "endless", "1", "busy"]);
    poll_until("the function to be known", || {
        let reply = conn.cmd(&["FUNCTION", "STATS"]).to_string();
        reply.contains("endless").then_some(())
    });
    let names: Vec<String> = (0..20).map(|n| format!("key:{n}")).collect();
    let mut request = vec!["MSET", "busy", "1"];
    names.iter().for_each(|name| request.extend([name, "1"]));
    let mut waiting: Vec<Conn> = (0..4).map(|_| server.connect()).collect();
    waiting[0].send(&request);
    waiting[1].send(&request);
    send_transaction(&mut waiting[2], &[&request]);
    let mut script = vec!["EVAL", "return redis.call('mset', unpack(ARGV))", "21"];
    script.extend(request[1..].iter().step_by(2));
    script.extend(&request[1..]);
    send_transaction(&mut waiting[3], &[&["GET", "busy"], &script]);
    for round in 0..30 {
        for name in &names {
            assert!(
                conn.cmd(&["GET", name]).is_null(),
                "{name} in round {round}"
            );
        }
    }
    check(&mut conn, "FUNCTION KILL", "+OK");
    assert!(long.read().is_error());
    for conn in &mut waiting {
        let reply = conn.read();
        assert!(!reply.is_error(), "{reply}");
    }
    names.iter().for_each(|name| {
        assert_eq!(conn.cmd(&["GET", name]).text(), "1");
    });
}

#[test]
fn scripts_in_transactions_reach_undeclared_keys_and_the_whole_keyspace() {
    for protocol in [2, 3] {
        let server = start_with_threshold(2, 5000);
        let mut conn = server.connect();
        conn.hello(protocol);
        let other = "redis.call('set', ARGV[1], KEYS[1]) return redis.call('get', ARGV[1])";
        let whole = "redis.call('set', 'c', 3) redis.call('select', 1) \
            redis.call('set', 'd', 4) redis.call('select', 0) \
            local size = redis.call('dbsize') redis.call('swapdb', 0, 1) return size";
        // The first time nobody knows of it, later it is known.
        for _ in 0..3 {
            let replies = transaction(
                &mut conn,
                &[
                    &["SET", "a", "1"],
                    &["EVAL", other, "1", "a", "b"],
                    &["EVAL", whole, "0"],
                    &["EVAL", "return redis.call('keys', 'd')", "0"],
                    &["SELECT", "1"],
                    &["MGET", "a", "b", "c", "d"],
                    &["EVAL", "return redis.call('flushall')", "0"],
                    &[
                        "EVAL",
                        "return redis.call('exists', KEYS[1], 'b')",
                        "1",
                        "a",
                    ],
                    &["SELECT", "0"],
                ],
            );
            let shown = replies.iter().map(Reply::to_string);
            let shown: Vec<String> = shown.map(|text| text.replace("nil3", "nil")).collect();
            let expected = [
                "+OK",
                "\"a\"",
                ":3",
                "[\"d\"]",
                "+OK",
                "[\"1\" \"a\" \"3\" nil]",
                "+OK",
                ":0",
                "+OK",
            ];
            assert_eq!(shown, expected);
        }
    }
}

#[test]
fn a_watch_holds_when_a_script_reaches_undeclared_keys() {
    let server = start_with_threshold(2, 5000);
    let (mut conn, mut other) = (server.connect(), server.connect());
    for round in 0..20 {
        let changed = round % 2 == 1;
        check(&mut conn, "WATCH w elsewhere", "+OK");
        if changed {
            check(&mut other, "INCR elsewhere", "*");
        }
        check(&mut conn, "MULTI", "+OK");
        check(&mut conn, "INCR done", "+QUEUED");
        // A new text each time: nobody knows what it touches.
        let script = format!("redis.call('incr', 'w') return {round}");
        assert_eq!(conn.cmd(&["EVAL", &script, "0"]).text(), "QUEUED");
        let reply = conn.line("EXEC");
        assert_eq!(reply.is_null(), changed, "{reply}");
    }
    check(&mut conn, "MGET w done elsewhere", "[10 10 10]");
}

/// Scripts that are new to the server take locks in any order, after their transaction has written:
/// none waits for ever, none fails, and nobody sees half of one.
#[test]
fn sums_are_preserved_by_transactions_whose_scripts_declare_nothing() {
    const CLIENTS: usize = 6;
    const ROUNDS: usize = 60;
    const ACCOUNTS: usize = 8;
    let options = Options::new().set("server.workers", 4);
    let server = Server::start(options.set("server.num_shards", 16));
    let sum = "local sum = 0 for _, key in ipairs(KEYS) do sum = sum + (redis.call('get', key) or 0) \
        end return sum";
    let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("acc:{n}")).collect();
    let mut total = vec!["EVAL".to_owned(), sum.to_owned(), ACCOUNTS.to_string()];
    total.extend(names.clone());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, total, names) = (&server, &total, &names);
            scope.spawn(move || {
                let mut conn = server.connect();
                for round in 0..ROUNDS {
                    let [from, to, third] =
                        [client * 7 + round * 3, client + round * 5, round].map(|n| &names[n % 8]);
                    let new = format!(
                        "redis.call('incrby', ARGV[1], 2) redis.call('decrby', ARGV[2], 1) \
                         return {client} + {round}"
                    );
                    let replies = transaction(
                        &mut conn,
                        &[
                            &["DECRBY", from, "1"],
                            &["EVAL", &new, "0", to, third],
                            &["GET", from],
                        ],
                    );
                    assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
                    assert_eq!(conn.cmd(total).int(), 0);
                }
            });
        }
    });
}

/// A script that has touched only what it declared, until its first argument says otherwise.
const LATE_STRAY: &str = "redis.call('incr', KEYS[1]) \
    if ARGV[1] then return redis.call('get', ARGV[1]) end return 1";

#[test]
fn who_reaches_for_the_key_of_an_endless_script_is_told_and_goes_on() {
    let server = start_with_threshold(1, 50);
    let mut long = begin(&server, ENDLESS, &["busy"]);
    let mut conn = server.connect();
    await_busy(&mut conn, "busy");
    for proven in [false, true] {
        if proven {
            for _ in 0..100 {
                check(&mut conn, &format!("EVAL \"{LATE_STRAY}\" 1 n"), ":1");
            }
        }
        // What is known of it is known by its text.
        let script = match proven {
            true => LATE_STRAY.to_owned(),
            false => format!("{LATE_STRAY} -- new"),
        };
        let requests: &[&[&str]] = &[
            &["INCR", "before"],
            &["EVAL", &script, "1", "n", "busy"],
            &["INCR", "after"],
        ];
        let replies = transaction(&mut conn, requests);
        assert!(
            !replies[0].is_error() && !replies[2].is_error(),
            "{replies:?}"
        );
        let told = replies[1].to_string();
        let crossed = told.starts_with("-ERR The key was not declared");
        assert!(crossed || told.starts_with("-BUSY"), "{told}");
    }
    check(&mut conn, "MGET before after n", "[2 2 102]");
    assert_eq!(kill(&mut conn).to_string(), "+OK");
    assert!(long.read().is_error());
}
