//! Scripts that run for long: whom they hold up, and how they are ended.

use super::{await_busy, start, start_with_threshold};
use crate::support::{Conn, Options, Reply, Server, check, poll_until};

pub const ENDLESS: &str = "while true do redis.call('get', KEYS[1]) end";

pub fn begin(server: &Server, script: &str, keys: &[&str]) -> Conn {
    let mut conn = server.connect();
    let count = keys.len().to_string();
    let mut args = vec!["EVAL", script, &count];
    args.extend(keys);
    conn.send(&args);
    conn
}

/// Ends the script that runs, as soon as it is known.
pub fn kill(conn: &mut Conn) -> Reply {
    poll_until("a script to be killed", || {
        let reply = conn.cmd(&["SCRIPT", "KILL"]);
        (!reply.to_string().starts_with("-NOTBUSY")).then_some(reply)
    })
}

#[test]
fn an_endless_script_holds_up_nobody_else_and_is_killed() {
    let server = start();
    let mut long = begin(&server, ENDLESS, &["busy"]);
    let mut others: Vec<Conn> = (0..6).map(|_| server.connect()).collect();
    for conn in &mut others {
        check(conn, "PING", "+PONG");
        check(conn, "SET other 1", "+OK");
        check(
            conn,
            "EVAL \"return redis.call('incr', KEYS[1])\" 1 third",
            "*",
        );
    }
    assert_eq!(kill(&mut others[0]).to_string(), "+OK");
    let reply = long.read().to_string();
    assert!(
        reply.contains("Script killed by user with SCRIPT KILL"),
        "{reply}"
    );
    check(&mut others[1], "GET busy", "nil");
}

#[test]
fn what_catches_errors_is_killed_too() {
    let server = start();
    let script = "while true do pcall(function() while true do end end) end";
    let mut long = begin(&server, script, &["busy"]);
    let mut conn = server.connect();
    assert_eq!(kill(&mut conn).to_string(), "+OK");
    assert!(long.read().is_error());
}

#[test]
fn who_wants_its_keys_is_told_after_a_while() {
    let server = start_with_threshold(2, 50);
    let mut long = begin(&server, ENDLESS, &["busy"]);
    let mut conn = server.connect();
    await_busy(&mut conn, "busy");
    check(&mut conn, "GET other", "nil");
    check(
        &mut conn,
        "EVAL \"return 1\" 1 busy",
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    );
    assert_eq!(kill(&mut conn).to_string(), "+OK");
    assert!(long.read().is_error());
    check(&mut conn, "GET busy", "nil");
}

#[test]
fn one_that_has_written_is_not_killed() {
    let server = start();
    let script = "redis.call('set', KEYS[1], 1) \
        while redis.call('get', KEYS[1]) ~= '2' do redis.call('incr', 'n') \
        if redis.call('get', 'n') == '300000' then return 'done' end end";
    let mut long = begin(&server, script, &["busy"]);
    let mut conn = server.connect();
    let reply = kill(&mut conn).to_string();
    assert!(reply.starts_with("-UNKILLABLE"), "{reply}");
    check(&mut conn, "PING", "+PONG");
    assert_eq!(long.read().text(), "done");
}

#[test]
fn transactions_and_watches_of_busy_keys_wait_off_the_worker() {
    let server = Server::start(Options::new().set("server.workers", 1));
    let mut long = begin(&server, ENDLESS, &["busy"]);
    let mut conn = server.connect();
    poll_until("the script to be known", || {
        let reply = conn.cmd(&["FUNCTION", "STATS"]);
        (!reply.is_error()).then_some(())
    });
    let mut waiting: Vec<Conn> = (0..3).map(|_| server.connect()).collect();
    waiting[0].send(&["WATCH", "busy"]);
    check(&mut waiting[1], "MULTI", "+OK");
    check(&mut waiting[1], "SET busy 1", "+QUEUED");
    waiting[1].send(&["EXEC"]);
    waiting[2].send(&["BLPOP", "busy", "0.01"]);
    for _ in 0..5 {
        check(&mut conn, "PING", "+PONG");
    }
    assert_eq!(kill(&mut conn).to_string(), "+OK");
    assert!(long.read().is_error());
    assert_eq!(waiting[0].read().to_string(), "+OK");
    assert_eq!(waiting[1].read().to_string(), "[+OK]");
    let reply = waiting[2].read();
    assert!(reply.is_null() || reply.is_error(), "{reply}");
}

#[test]
fn sums_are_preserved_whatever_keys_are_declared() {
    let server = Server::start(Options::new().set("server.workers", 2));
    let script = "local from, to = 'acc:' .. ARGV[1], 'acc:' .. ARGV[2] \
        redis.call('decrby', from, 1) redis.call('incrby', to, 1) return 1";
    let declared = "redis.call('decrby', KEYS[1], 1) redis.call('incrby', 'acc:' .. ARGV[1], 1)";
    std::thread::scope(|scope| {
        for seed in 0..4_usize {
            let server = &server;
            scope.spawn(move || {
                let mut conn = server.connect();
                for round in 0..150_usize {
                    let from = (seed * 7 + round * 3) % 10;
                    let to = (seed + round * 5) % 10;
                    let (from, to) = (from.to_string(), to.to_string());
                    let key = format!("acc:{from}");
                    let reply = if round % 2 == 0 {
                        conn.cmd(&["EVAL", script, "0", &from, &to])
                    } else {
                        conn.cmd(&["EVAL", declared, "1", &key, &to])
                    };
                    assert!(!reply.is_error(), "{reply}");
                }
            });
        }
    });
    let mut conn = server.connect();
    let sum = "local sum = 0 for i = 0, 9 do sum = sum + (redis.call('get', 'acc:' .. i) or 0) end \
        return sum";
    assert_eq!(conn.cmd(&["EVAL", sum, "0"]).int(), 0);
}

/// A server with one worker, and a client on it whose `EXEC` runs this script with the key `busy`.
fn begin_in_transaction(server: &Server, script: &str) -> Conn {
    let mut conn = server.connect();
    check(&mut conn, "MULTI", "+OK");
    check(&mut conn, "INCR before", "+QUEUED");
    assert_eq!(conn.cmd(&["EVAL", script, "1", "busy"]).text(), "QUEUED");
    check(&mut conn, "INCR after", "+QUEUED");
    check(&mut conn, "SELECT 3", "+QUEUED");
    check(&mut conn, "SUBSCRIBE news", "+QUEUED");
    conn.send(&["EXEC"]);
    conn
}

#[test]
fn an_endless_script_in_a_transaction_is_killed_from_its_own_worker() {
    let server = start_with_threshold(1, 50);
    for _ in 0..3 {
        let mut long = begin_in_transaction(&server, ENDLESS);
        let mut others: Vec<Conn> = (0..3).map(|_| server.connect()).collect();
        await_busy(&mut others[0], "busy");
        check(&mut others[1], "PING", "+PONG");
        check(&mut others[1], "MULTI", "+OK");
        check(&mut others[1], "GET busy", "+QUEUED");
        let reply = others[1].line("EXEC").to_string();
        assert!(
            reply.starts_with("-EXECABORT Transaction discarded because of: BUSY"),
            "{reply}"
        );
        check(&mut others[1], "ECHO x", "x");
        assert_eq!(kill(&mut others[2]).to_string(), "+OK");
        let replies = long.read();
        let [before, script, after, select, subscribe] = replies.items() else {
            panic!("{replies}")
        };
        assert!(!before.is_error() && !after.is_error(), "{replies}");
        assert_eq!(select.text(), "OK");
        assert_eq!(subscribe.to_string(), r#"["subscribe" "news" :1]"#);
        assert!(
            script.to_string().contains("Script killed by user"),
            "{replies}"
        );
        // What the transaction has made of the session is the connection's.
        check(&mut others[2], "PUBLISH news x", ":1");
        assert_eq!(long.read().to_string(), r#"["message" "news" "x"]"#);
        check(&mut long, "UNSUBSCRIBE news", "[unsubscribe news :0]");
        check(&mut long, "SET in-3 1", "+OK");
        check(&mut others[2], "EXISTS in-3", ":0");
        drop(long);
        check(&mut others[2], "SELECT 3", "+OK");
        check(&mut others[2], "DEL in-3", ":1");
    }
}

#[test]
fn a_script_of_a_transaction_that_has_written_is_not_killed() {
    let server = Server::start(Options::new().set("server.workers", 1));
    let script = "redis.call('set', KEYS[1], 1) \
        for i = 1, 300000 do redis.call('incr', KEYS[1]) end return 'done'";
    let mut long = begin_in_transaction(&server, script);
    let mut conn = server.connect();
    let reply = kill(&mut conn).to_string();
    assert!(reply.starts_with("-UNKILLABLE"), "{reply}");
    check(&mut conn, "PING", "+PONG");
    let replies = long.read();
    assert_eq!(replies.items()[1].text(), "done", "{replies}");
}

#[test]
fn transactions_with_scripts_see_what_they_watch() {
    let server = Server::start(Options::new().set("server.workers", 1));
    let (mut conn, mut other) = (server.connect(), server.connect());
    let script = "EVAL \"for i = 1, 10 do redis.call('incr', KEYS[1]) end return i\" 1 n";
    for (round, changed) in [false, true, false, true].into_iter().enumerate() {
        check(&mut conn, "WATCH w", "+OK");
        check(&mut conn, "MULTI", "+OK");
        check(&mut conn, script, "+QUEUED");
        check(&mut conn, "GET n", "+QUEUED");
        if changed {
            check(&mut other, "INCR w", "*");
            check(&mut conn, "EXEC", "nil[]");
        } else {
            let tens = 10 * (round / 2 + 1);
            let replies = conn.line("EXEC");
            assert_eq!(replies.items()[1].text(), tens.to_string(), "{replies}");
        }
        check(&mut other, "CLIENT LIST", "…watch=0…");
    }
}

#[test]
fn who_goes_while_its_transaction_runs_leaves_nothing_behind() {
    let server = start_with_threshold(1, 50);
    let mut long = begin_in_transaction(&server, ENDLESS);
    let mut conn = server.connect();
    await_busy(&mut conn, "busy");
    check(&mut conn, "CLIENT KILL TYPE normal SKIPME yes", ":1");
    assert!(long.try_read().is_err());
    assert_eq!(kill(&mut conn).to_string(), "+OK");
    poll_until("its subscription to end", || {
        let reply = conn.line("PUBSUB NUMSUB news").to_string();
        (reply == r#"["news" :0]"#).then_some(())
    });
    // Until the script has noticed that it was killed, its keys are not to be had.
    let after = poll_until("the script to end", || {
        let reply = conn.line("GET after").to_string();
        (!reply.starts_with("-BUSY")).then_some(reply)
    });
    assert_eq!(after, "\"1\"");
}

#[test]
fn functions_that_may_run_for_long_never_keep_their_worker() {
    let server = Server::start(Options::new().set("server.workers", 1));
    let (mut conn, mut long) = (server.connect(), server.connect());
    let short = "if a[1] == 'short' then return redis.call('set', k[1], 1) end";
    for library in [
        format!("local f = function(k, a) {short} while true do end end"),
        format!("local function g() return g() end local f = function(k, a) {short} g() end"),
        format!("local f, g = nil, 1 f = function(k, a) {short} return g(k, a) end g = f"),
        format!(
            "local f, g f = function(k, a) {short} return g(k, a) end \
             g = function(k, a) return f(k, a) end redis.register_function('g', g)"
        ),
        format!("local f = function(k, a) {short} local function g() return g() end g() end"),
        format!("local t = {{}} local f = function(k, a) {short} return t.f(k, a) end t.f = f"),
    ] {
        let text = format!("#!lua name=l\n{library} redis.register_function('f', f)");
        let loaded = conn.cmd(&["FUNCTION", "LOAD", "REPLACE", &text]);
        assert_eq!(loaded.text(), "l", "{text}");
        for _ in 0..8 {
            check(&mut conn, "FCALL f 1 k short", "+OK");
        }
        long.send(&["FCALL", "f", "1", "k", "long"]);
        let killed = poll_until("the function to be killed", || {
            check(&mut conn, "PING", "+PONG");
            let reply = conn.cmd(&["FUNCTION", "KILL"]).to_string();
            (!reply.starts_with("-NOTBUSY")).then_some(reply)
        });
        assert_eq!(killed, "+OK", "{text}");
        assert!(long.read().is_error());
    }
}

#[test]
fn functions_in_which_nothing_repeats_write_wherever_they_run() {
    let server = start();
    let mut conn = server.connect();
    let text = "#!lua name=l\nlocal step = 2 redis.register_function('add', function(keys, args) \
        step = step + 1 redis.call('incrby', keys[1], args[1]) \
        return redis.call('get', keys[1]) end)";
    conn.cmd(&["FUNCTION", "LOAD", text]);
    for total in 1..20 {
        check(&mut conn, "FCALL add 1 n 1", &total.to_string());
    }
}
