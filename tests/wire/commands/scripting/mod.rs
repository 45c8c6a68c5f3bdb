//! EVAL, EVALSHA, EVAL_RO, EVALSHA_RO and SCRIPT: arguments, keys, conversions, errors.

use crate::support::{Conn, Options, Reply, Server, check, poll_until, run_both, verdict};

mod functions;
mod long;
mod sandbox;
mod transactions;

/// Runs of each script: the first on the pool, the last on the client's worker.
const RUNS: usize = 8;

/// A server with two workers.
pub fn start() -> Server {
    Server::start(options(2))
}

/// So many shards that hardly ever two keys of a test share one: where they are differs from run to
/// run.
fn options(workers: usize) -> Options {
    let options = Options::new().set("server.workers", workers);
    options.set("server.num_shards", 65_536)
}

/// A server that tells others after so long that a script has their keys.
fn start_with_threshold(workers: usize, threshold_ms: u64) -> Server {
    Server::start(options(workers).set("scripting.busy_reply_threshold", threshold_ms))
}

/// Waits until a script has held this key for so long that others are told.
fn await_busy(conn: &mut Conn, key: &str) {
    poll_until("BUSY", || {
        let reply = conn.cmd(&["GET", key]).to_string();
        reply.starts_with("-BUSY").then_some(())
    });
}

/// Runs a script as often as it takes to run everywhere, and checks each reply.
#[track_caller]
pub fn eval(conn: &mut Conn, script: &str, rest: &[&str], expected: &str) {
    for run in 0..RUNS {
        let reply = eval_once(conn, script, rest);
        if let Err(why) = verdict(&reply, expected, conn.protocol) {
            panic!("{script} (run {run})\n  expected {expected}\n  got      {reply}\n  {why}");
        }
    }
}

pub fn eval_once(conn: &mut Conn, script: &str, rest: &[&str]) -> Reply {
    let rest = if rest.is_empty() { &["0"] } else { rest };
    let mut args = vec!["EVAL", script];
    args.extend(rest);
    conn.cmd(&args)
}

#[test]
fn arguments_are_checked() {
    run_both(
        &start(),
        r#"
        EVAL -> -ERR wrong number of arguments for 'eval' command
        EVALSHA x -> -ERR wrong number of arguments for 'evalsha' command
        EVAL_RO x -> -ERR wrong number of arguments for 'eval_ro' command
        EVALSHA_RO x -> -ERR wrong number of arguments for 'evalsha_ro' command
        EVAL "return 1" x -> -ERR value is not an integer or out of range
        EVAL "return 1" -1 -> -ERR Number of keys can't be negative
        EVAL "return 1" 2 a -> -ERR Number of keys can't be greater than number of args
        EVALSHA abc 0 -> -NOSCRIPT No matching script. Please use EVAL.
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8dc 0 -> -NOSCRIPT No matching script. Please use EVAL.
        EVAL "return 1" 0 -> :1
        EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0 -> :1
        EVALSHA E0E1F9FABFC9D4800C877A703B823AC0578FF8DB 0 -> :1
        EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0 -> :1
        EVAL_RO "return redis.call('set', 'a', 1)" 0 -> -ERR Write commands are not allowed from read-only scripts.…
        EVAL "return {KEYS, ARGV, #KEYS}" 2 a b c -> [[a b] [c] :2]
        EVAL "return 1 +" 0 -> -ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'
        "#,
    );
}

#[test]
fn scripts_are_kept_until_they_are_flushed() {
    run_both(
        &start(),
        r#"
        SCRIPT FLUSH -> +OK
        SCRIPT LOAD "return KEYS[1]" -> 4a2267357833227dd98abdedb8cf24b15a986445
        SCRIPT EXISTS 4a2267357833227dd98abdedb8cf24b15a986445 xyz -> [:1 :0]
        SCRIPT SHOW 4a2267357833227dd98abdedb8cf24b15a986445 -> "return KEYS[1]"
        SCRIPT SHOW 4a2267357833227dd98abdedb8cf24b15a986446 -> -NOSCRIPT No matching script.
        EVALSHA 4a2267357833227dd98abdedb8cf24b15a986445 1 k -> k
        SCRIPT LOAD "return +" -> -ERR Error compiling script (new function): user_script:1: unexpected symbol near '+'
        SCRIPT FLUSH SYNC -> +OK
        SCRIPT FLUSH ASYNC -> +OK
        SCRIPT FLUSH x -> -ERR SCRIPT FLUSH only support SYNC|ASYNC option
        EVALSHA 4a2267357833227dd98abdedb8cf24b15a986445 1 k -> -NOSCRIPT No matching script. Please use EVAL.
        SCRIPT KILL -> -NOTBUSY No scripts in execution right now.
        SCRIPT DEBUG NO -> +OK
        SCRIPT HELP -> *
        "#,
    );
}

#[test]
fn commands_are_called_and_their_replies_converted() {
    let server = start();
    for mut conn in [server.connect(), server.connect3()] {
        let conn = &mut conn;
        check(conn, "FLUSHALL", "+OK");
        let cases: &[(&str, &[&str], &str)] = &[
            (
                "return redis.call('set', KEYS[1], ARGV[1])",
                &["1", "s", "v"],
                "+OK",
            ),
            ("return redis.call('get', KEYS[1])", &["1", "s"], "v"),
            ("return redis.call('get', KEYS[1])", &["1", "none"], "nil"),
            (
                "return redis.call('get', KEYS[1]) == false",
                &["1", "none"],
                ":1",
            ),
            ("return server.call('strlen', KEYS[1])", &["1", "s"], ":1"),
            (
                "return redis.pcall('lpush', KEYS[1], 1)",
                &["1", "s"],
                "-WRONGTYPE…",
            ),
            (
                "return redis.call('mget', KEYS[1], KEYS[2])",
                &["2", "s", "x"],
                "[v nil]",
            ),
            (
                "return redis.pcall('lpush', KEYS[1], 1).err",
                &["1", "s"],
                "WRONGTYPE…",
            ),
            (
                "return redis.call('append', KEYS[1], 0.1)",
                &["1", "a"],
                "*",
            ),
            (
                "return redis.call('blpop', KEYS[1], 0)",
                &["1", "none"],
                "nil",
            ),
            ("return {1, 2.9, -2.9, nil, 4}", &[], "[:1 :2 :-2]"),
            ("return {ok='fine'}", &[], "+fine"),
            ("return {err='MY error'}", &[], "-MY error"),
            ("return true", &[], ":1"),
            ("return false", &[], "nil"),
            ("return {double=1.5}", &[], ",1.5"),
            ("return {map={a=1}}", &[], "{a :1}"),
            ("return {set={a=true}}", &[], "~[a]"),
            ("return {big_number='123'}", &[], "(123"),
            (
                "return {verbatim_string={format='txt',string='x'}}",
                &[],
                "=x",
            ),
            ("redis.setresp(3) return true", &[], "#t"),
        ];
        for (script, rest, expected) in cases {
            eval(conn, script, rest, expected);
        }
    }
}

#[test]
fn errors_tell_where_they_were_raised() {
    let server = start();
    let conn = &mut server.connect();
    for (script, expected) in [
        (
            "return redis.call('nope')",
            "-ERR Unknown Redis command called from script script: ",
        ),
        (
            "return redis.call('get')",
            "-ERR Wrong number of args calling Redis command from script",
        ),
        (
            "return redis.call('watch', 'a')",
            "-ERR This Redis command is not allowed from script",
        ),
        (
            "return redis.call()",
            "-ERR Please specify at least one argument for this redis lib call",
        ),
        (
            "return redis.call('get', {})",
            "-ERR Lua redis lib command arguments must be strings or integers",
        ),
        ("\nerror('x')", "-ERR user_script:2: x script: "),
        ("error({err='My own'})", "-My own script: "),
        (
            "return redis.setresp(4)",
            "-ERR RESP version must be 2 or 3. script: ",
        ),
        (
            "return cjson.decode('[1')",
            "-ERR user_script:1: Expected comma or array end but found",
        ),
    ] {
        let reply = eval_once(conn, script, &[]).to_string();
        assert!(reply.starts_with(expected), "{script}: {reply}");
        let ending = reply
            .trim_end_matches('.')
            .rsplit_once(", on @user_script:");
        assert!(ending.is_some(), "{script}: {reply}");
    }
}

#[test]
fn json_goes_both_ways() {
    let server = start();
    let conn = &mut server.connect();
    for (script, expected) in [
        ("return cjson.encode({})", r#""{}""#),
        (
            "return cjson.encode({1, 2, {a = cjson.null}})",
            r#""[1,2,{\"a\":null}]""#,
        ),
        ("return cjson.encode(0.1)", "0.1"),
        (
            "return cjson.encode(123456789012345678)",
            "1.2345678901235e+17",
        ),
        ("return cjson.encode('a/b')", r#""\"a\\/b\"""#),
        ("return cjson.decode('{\"a\":[1,\"x\"]}').a", "[:1 x]"),
        ("return pcall(cjson.encode, 1/0)", "nil"),
        ("return #cjson.encode(cjson.decode('[[],{}]'))", ":7"),
    ] {
        eval(conn, script, &[], expected);
    }
}

#[test]
fn undeclared_keys_and_whole_databases_work() {
    let server = start();
    let conn = &mut server.connect();
    for index in 0..20 {
        let script = format!(
            "redis.call('set', 'free:' .. ARGV[1], {index}) return redis.call('get', 'free:' .. ARGV[1])"
        );
        eval(conn, &script, &["0", "a"], &format!("{index}"));
    }
    eval(conn, "return redis.call('dbsize')", &[], ":1");
    eval(conn, "return #redis.call('keys', '*')", &[], ":1");
    let late = "redis.call('set', KEYS[1], 1) return redis.call('incr', 'late:' .. KEYS[1])";
    for count in 1..=RUNS {
        let reply = eval_once(conn, late, &["1", "k"]);
        assert_eq!(reply.int(), count as i64);
    }
}

#[test]
fn scripts_run_inside_transactions() {
    run_both(
        &start(),
        r#"
        MULTI -> +OK
        SET a 1 -> +QUEUED
        EVAL "return redis.call('incr', KEYS[1])" 1 a -> +QUEUED
        EVAL "return redis.call('get', 'a')" 0 -> +QUEUED
        EVALSHA 0000000000000000000000000000000000000000 0 -> +QUEUED
        EXEC -> [+OK :2 2 -"NOSCRIPT No matching script. Please use EVAL."]
        "#,
    );
}
