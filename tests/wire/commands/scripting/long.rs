//! Scripts that run for long: whom they hold up, and how they are ended.

use super::start;
use crate::support::{Conn, Options, Reply, Server, check, poll_until};

const ENDLESS: &str = "while true do redis.call('get', KEYS[1]) end";

fn begin(server: &Server, script: &str, keys: &[&str]) -> Conn {
    let mut conn = server.connect();
    let count = keys.len().to_string();
    let mut args = vec!["EVAL", script, &count];
    args.extend(keys);
    conn.send(&args);
    conn
}

/// Ends the script that runs, as soon as it is known.
fn kill(conn: &mut Conn) -> Reply {
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
    let options = Options::new().set("server.workers", 2);
    let server = Server::start(options.set("scripting.busy_reply_threshold", 50));
    let mut long = begin(&server, ENDLESS, &["busy"]);
    let mut conn = server.connect();
    poll_until("BUSY", || {
        let reply = conn.cmd(&["GET", "busy"]).to_string();
        reply.starts_with("-BUSY").then_some(())
    });
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
