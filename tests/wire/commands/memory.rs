//! MEMORY USAGE, STATS, DOCTOR, PURGE, MALLOC-STATS, HELP.

use crate::support::{Conn, Options, Reply, Server, on_oracle, poll_until, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

fn info(conn: &mut Conn, name: &str) -> i64 {
    let text = conn.line("INFO memory").text();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")));
    let value = value.unwrap_or_else(|| panic!("no {name} in {text}"));
    value.parse().unwrap_or_else(|_| panic!("{name}:{value}"))
}

#[test]
fn usage_grows_with_the_value() {
    run_both(
        &start(),
        "
        MEMORY USAGE none -> nil
        SET int 12345 -> +OK
        MEMORY USAGE int -> :16..80
        SET short x -> +OK
        memory usage short SAMPLES 0 -> :16..80
        SETRANGE long 9999 x -> :10000
        MEMORY USAGE long SAMPLES 5 -> :10000..13000
        SETRANGE huge 999999 x -> :1000000
        MEMORY USAGE huge -> :1000000..1300000
        MEMORY USAGE long SAMPLES -> -ERR syntax error
        MEMORY USAGE long SAMPLES x -> -ERR value is not an integer or out of range
        MEMORY USAGE long SAMPLES -1 -> -ERR syntax error
        MEMORY USAGE none SAMPLES -1 -> -ERR syntax error
        MEMORY USAGE long FOO 1 -> -ERR syntax error
        MEMORY USAGE -> -ERR wrong number of arguments for 'memory|usage' command
        MULTI -> +OK
        MEMORY USAGE long -> +QUEUED
        MEMORY STATS -> +QUEUED
        MEMORY PURGE -> +QUEUED
        EXEC -> [:10000..13000 * +OK]
        ",
    );
}

#[test]
fn a_key_that_has_expired_takes_nothing() {
    if on_oracle() {
        return;
    }
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "DEBUG SET-ACTIVE-EXPIRE 0 -> +OK\n SET k v PX 1 -> +OK",
    );
    poll_until("the key has expired", || {
        conn.line("MEMORY USAGE k").is_null().then_some(())
    });
}

#[test]
fn statistics_have_the_names_of_redis() {
    for protocol in [2, 3] {
        let server = start();
        let mut conn = server.connect();
        conn.hello(protocol);
        run(&mut conn, "SET k v\n SELECT 5\n SET k v");
        let stats = conn.line("MEMORY STATS");
        assert_eq!(matches!(stats, Reply::Map(_)), protocol == 3);
        let pairs = stats.pairs();
        let field = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key.text() == name);
            found
                .unwrap_or_else(|| panic!("no {name} in {stats}"))
                .1
                .clone()
        };
        for name in [
            "peak.allocated",
            "total.allocated",
            "startup.allocated",
            "clients.normal",
            "overhead.total",
            "keys.bytes-per-key",
            "dataset.bytes",
            "allocator.allocated",
            "allocator.active",
            "allocator.resident",
        ] {
            assert!(field(name).int() >= 0, "{name} in {stats}");
        }
        for name in [
            "dataset.percentage",
            "peak.percentage",
            "allocator-fragmentation.ratio",
            "allocator-rss.ratio",
            "rss-overhead.ratio",
            "fragmentation",
        ] {
            let value = field(name);
            let double = match protocol {
                2 => value.text().parse::<f64>().is_ok(),
                _ => matches!(value, Reply::Double(_)),
            };
            assert!(double, "{name} is {value}");
        }
        assert_eq!(field("keys.count").int(), 2);
        assert!(field("peak.allocated").int() >= field("total.allocated").int());
        for db in ["db.0", "db.5"] {
            let sizes = field(db).pairs();
            assert_eq!(sizes[0].0.text(), "overhead.hashtable.main");
            assert!(sizes[0].1.int() > 0, "{stats}");
        }
    }
}

#[test]
fn used_memory_is_what_the_process_holds() {
    const VALUES: usize = 40;
    const BYTES: usize = 1_000_000;
    let server = start();
    let mut conn = server.connect();
    let before = info(&mut conn, "used_memory");
    let value = vec![b'x'; BYTES];
    for n in 0..VALUES {
        conn.cmd(&[b"SET", n.to_string().as_bytes(), &value]);
    }
    let held = (VALUES * BYTES) as i64;
    let after = info(&mut conn, "used_memory");
    assert!(
        (held..held * 13 / 10).contains(&(after - before)),
        "{before} {after}"
    );
    poll_until("what is used is resident", || {
        let (used, resident) = (
            info(&mut conn, "used_memory"),
            info(&mut conn, "used_memory_rss"),
        );
        (used * 7 / 10 < resident && resident < used * 14 / 10).then_some(())
    });
    assert!(info(&mut conn, "used_memory_peak") >= after);
    assert!(info(&mut conn, "used_memory_dataset") >= held);
    run(&mut conn, "FLUSHALL -> +OK");
    poll_until("memory is free again", || {
        (info(&mut conn, "used_memory") - before < held / 10).then_some(())
    });
    run(&mut conn, "MEMORY PURGE -> +OK");
    if !on_oracle() {
        poll_until("and given back", || {
            (info(&mut conn, "used_memory_rss") < before + held / 2).then_some(())
        });
    }
    assert!(
        info(&mut conn, "used_memory_peak") >= after,
        "the peak stays"
    );
}

#[test]
fn a_clients_unfinished_request_is_used_memory() {
    let server = start();
    let mut conn = server.connect();
    let before = info(&mut conn, "mem_clients_normal");
    let mut slow = server.connect();
    slow.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9000000\r\n");
    slow.send_raw(&vec![b'x'; 5_000_000]);
    poll_until("the server holds what was sent", || {
        let held = info(&mut conn, "mem_clients_normal") - before;
        (held >= 5_000_000).then_some(())
    });
    assert!(info(&mut conn, "used_memory") >= 5_000_000);
    drop(slow);
    poll_until("the server lets go of it", || {
        let held = info(&mut conn, "mem_clients_normal") - before;
        (held < 1_000_000).then_some(())
    });
}

#[test]
fn reports_are_texts() {
    let server = start();
    run_both(
        &server,
        "
        MEMORY DOCTOR -> =…
        MEMORY PURGE -> +OK
        MEMORY PURGE x -> -ERR wrong number of arguments for 'memory|purge' command
        MEMORY DOCTOR x -> -ERR wrong number of arguments for 'memory|doctor' command
        MEMORY STATS x -> -ERR wrong number of arguments for 'memory|stats' command
        MEMORY MALLOC-STATS x -> -ERR wrong number of arguments for 'memory|malloc-stats' command
        MEMORY NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try MEMORY HELP.
        MEMORY -> -ERR wrong number of arguments for 'memory' command
        MEMORY HELP -> *
        ",
    );
    if !on_oracle() {
        let expected = "Stats not supported for the current allocator";
        run_both(&server, &format!("MEMORY MALLOC-STATS -> {expected}"));
    }
}
