//! Keyspace notifications: which are asked for, what they say, and that none comes late. The events
//! of every command are compared with redis-server's in tests/differential/events.rs.

use crate::support::{Conn, Options, Server, check, on_oracle, run};

/// A server that tells of these classes, and a subscriber to all of it.
fn listening(options: Options, classes: &str) -> (Server, Conn, Conn) {
    let server = Server::start(options);
    let mut conn = server.connect();
    conn.cmd(&["CONFIG", "SET", "notify-keyspace-events", classes]);
    let mut listener = server.connect();
    check(&mut listener, "PSUBSCRIBE __key*", "[psubscribe __key* :1]");
    (server, conn, listener)
}

/// The next event: `name key` from channels named after the event.
#[track_caller]
fn event(listener: &mut Conn) -> String {
    let message = listener.read();
    let [_, _, channel, key] = message.items() else {
        panic!("no event: {message}")
    };
    let channel = channel.text();
    let name = channel.split_once("__:").expect("a channel of events").1;
    format!("{name} {}", key.text())
}

/// Runs a line and checks what it causes.
#[track_caller]
fn causes(conn: &mut Conn, listener: &mut Conn, line: &str, expected: &[&str]) {
    let reply = conn.line(line);
    assert!(!reply.is_error(), "{line}: {reply}");
    conn.line("PUBLISH __keyend__: x");
    let mut got = Vec::new();
    loop {
        let next = event(listener);
        if next == " x" {
            break;
        }
        got.push(next);
    }
    assert_eq!(got, expected, "{line}");
}

#[test]
fn classes_are_shown_as_redis_shows_them() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let get = "CONFIG GET notify-keyspace-events";
    for (set, shown) in [
        ("KEA", "AKE"),
        ("Kg$lshzxetd", "AK"),
        ("ExKm", "xKEm"),
        ("\"\"", "\"\""),
        ("z$gE", "g$zE"),
        ("EKm", "KEm"),
    ] {
        check(
            &mut conn,
            &format!("CONFIG SET notify-keyspace-events {set}"),
            "+OK",
        );
        check(&mut conn, get, &format!("[notify-keyspace-events {shown}]"));
    }
    if on_oracle() {
        return;
    }
    run(
        &mut conn,
        "CONFIG SET notify-keyspace-events AKEnoc -> +OK
         CONFIG GET notify-keyspace-events -> [notify-keyspace-events AnocKE]
         CONFIG SET notify-keyspace-events KEq -> -ERR CONFIG SET failed (possibly related to \
         argument 'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdnoc'.
         CONFIG GET monitoring.notify_keyspace_events -> [monitoring.notify_keyspace_events AnocKE]",
    );
}

#[test]
fn both_kinds_of_channels_and_every_database() {
    let (_server, mut conn, mut listener) = listening(Options::new(), "KEA");
    run(&mut conn, "SELECT 3\nSET k v");
    for (channel, message) in [("__keyspace@3__:k", "set"), ("__keyevent@3__:set", "k")] {
        let got = listener.read();
        let texts: Vec<String> = got.items().iter().map(|item| item.text()).collect();
        assert_eq!(texts, ["pmessage", "__key*", channel, message]);
    }
    run(&mut conn, "CONFIG SET notify-keyspace-events A\nSET k v");
    run(
        &mut conn,
        "CONFIG SET notify-keyspace-events K$\nDEL k\nSET k w",
    );
    let got = listener.read();
    assert_eq!(got.items()[2].text(), "__keyspace@3__:k");
    assert_eq!(got.items()[3].text(), "set", "nothing was told in between");
}

#[test]
fn what_is_removed_by_time_is_told_in_time() {
    let (_server, mut conn, mut listener) = listening(Options::new(), "EA");
    // Nobody asks for it: the sweep finds it.
    run(&mut conn, "PSETEX swept 30 v");
    assert_eq!(event(&mut listener), "set swept");
    assert_eq!(event(&mut listener), "expire swept");
    assert_eq!(event(&mut listener), "expired swept");
    // Nothing sweeps: who asks finds it.
    run(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 0\nPSETEX found 1 v");
    assert_eq!(event(&mut listener), "set found");
    assert_eq!(event(&mut listener), "expire found");
    crate::support::poll_until("the key's end", || {
        conn.line("GET found").is_null().then_some(())
    });
    assert_eq!(event(&mut listener), "expired found");
}

#[test]
fn what_makes_room_is_told() {
    let options = Options::new().set("memory.eviction_policy", "allkeys-random");
    let (_server, mut conn, mut listener) = listening(options, "Ee");
    let value = "v".repeat(10_000);
    for n in 0..1000 {
        conn.cmd(&["SET", &format!("k{n}"), &value]);
    }
    let used = conn.line("INFO memory").text();
    let used = used
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    let used: u64 = used.expect("a field").parse().expect("a number");
    conn.cmd(&[
        "CONFIG",
        "SET",
        "maxmemory",
        &(used - 4_000_000).to_string(),
    ]);
    conn.cmd(&["SET", "last", "v"]);
    for _ in 0..100 {
        let told = event(&mut listener);
        assert!(
            told.starts_with("evicted k") || told == "evicted last",
            "{told}"
        );
    }
}

#[test]
fn fields_that_expire() {
    if on_oracle() {
        return;
    }
    let (_server, mut conn, mut listener) = listening(Options::new(), "Eghx");
    let mut causes =
        |line: &str, expected: &[&str]| causes(&mut conn, &mut listener, line, expected);
    causes("HSET h a 1 b 2 c 3", &["hset h"]);
    causes("HEXPIRE h 100 FIELDS 1 a", &["hexpire h"]);
    causes("HPERSIST h FIELDS 1 a", &["hpersist h"]);
    causes("HEXPIRE h 0 FIELDS 1 a", &["hdel h"]);
    causes("HSETEX h EX 100 FIELDS 1 d 4", &["hset h", "hexpire h"]);
    causes("HGETEX h PERSIST FIELDS 1 d", &["hpersist h"]);
    causes("HGETDEL h FIELDS 2 c d", &["hdel h"]);
    causes("HDEL h b", &["hdel h", "del h"]);
    causes("HSET h a 1", &["hset h"]);
    causes("HEXPIREAT h 1 FIELDS 1 a", &["hdel h", "del h"]);
    run(&mut conn, "HSET h a 1 b 2\nHPEXPIRE h 30 FIELDS 1 a");
    for expected in ["hset h", "hexpire h", "hexpired h"] {
        assert_eq!(event(&mut listener), expected);
    }
    run(&mut conn, "HPEXPIRE h 30 FIELDS 1 b");
    for expected in ["hexpire h", "hexpired h", "del h"] {
        assert_eq!(event(&mut listener), expected);
    }
}

#[test]
fn keys_that_are_new_and_values_that_are_replaced() {
    if on_oracle() {
        return;
    }
    let (_server, mut conn, mut listener) = listening(Options::new(), "EAnocm");
    let mut causes =
        |line: &str, expected: &[&str]| causes(&mut conn, &mut listener, line, expected);
    causes("SET k v", &["new k", "set k"]);
    causes("SET k w EX 100", &["overwritten k", "set k", "expire k"]);
    causes("APPEND k x", &["append k"]);
    causes("SADD m a b", &["new m", "sadd m"]);
    causes(
        "SUNIONSTORE k m",
        &["overwritten k", "type_changed k", "sunionstore k"],
    );
    causes("SDIFFSTORE k m m", &["del k"]);
    causes("RPUSH l 1", &["new l", "rpush l"]);
    causes(
        "COPY l m REPLACE",
        &["new m", "copy_to m", "overwritten m", "type_changed m"],
    );
    causes(
        "RENAME l m",
        &["new m", "rename_from l", "rename_to m", "overwritten m"],
    );
    causes("MSET a 1 b 2", &["new a", "set a", "new b", "set b"]);
    causes("GET l", &["keymiss l"]);
    causes("LPOP m", &["lpop m", "del m"]);
    causes("BITOP NOT a b", &["overwritten a", "set a"]);
}

#[test]
fn who_waits_is_served_in_the_order_of_events() {
    let (server, mut conn, mut listener) = listening(Options::new(), "EA");
    let mut waiting = server.connect();
    waiting.send(&["BLMOVE", "from", "to", "LEFT", "RIGHT", "0"]);
    crate::support::poll_until("a blocked client", || {
        let clients = conn.line("INFO clients").text();
        clients.contains("blocked_clients:1").then_some(())
    });
    run(&mut conn, "RPUSH from x");
    for expected in ["rpush from", "rpush to", "lpop from", "del from"] {
        assert_eq!(event(&mut listener), expected);
    }
}

/// Several workers change one key: its events are in the order of its values.
#[test]
fn events_of_a_key_keep_its_order() {
    let options = Options::new().set("server.workers", 2);
    let (server, _conn, mut listener) = listening(options, "E$g");
    const ROUNDS: usize = 300;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut conn = server.connect();
            scope.spawn(move || {
                let round = [vec!["SETNX", "k", "v"], vec!["DEL", "k"]];
                for _ in 0..ROUNDS {
                    conn.pipeline(&round);
                }
            });
        }
    });
    let mut conn = server.connect();
    run(&mut conn, "DEL k\nSET end x");
    let mut exists = false;
    let mut count = 0;
    loop {
        match event(&mut listener).as_str() {
            "set k" => assert!(!std::mem::replace(&mut exists, true), "set twice"),
            "del k" => assert!(std::mem::replace(&mut exists, false), "deleted twice"),
            _ => break,
        }
        count += 1;
    }
    assert!(count >= 2 * ROUNDS, "{count} events");
}
