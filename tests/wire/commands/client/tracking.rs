//! Client-side caching: `CLIENT TRACKING` in every mode, what invalidates, and in which order it is
//! told. The texts of errors and the order were taken from redis-server 7.0.15, which passes all of
//! this but where a test says so.

use crate::support::{
    Conn, Options, Reply, Server, check, encode, on_oracle, poll_until, run, split_line, verdict,
    with_time_enough,
};

fn start() -> Server {
    Server::start(Options::new())
}

/// A connection that keeps a cache as `how` says.
fn cache(server: &Server, how: &str) -> Conn {
    let mut conn = server.connect3();
    check(&mut conn, &format!("CLIENT TRACKING ON {how}"), "+OK");
    conn
}

/// The next message must be this push.
#[track_caller]
fn told(conn: &mut Conn, expected: &str) {
    let got = match conn.pushes.is_empty() {
        true => conn.read(),
        false => conn.pushes.remove(0),
    };
    if let Err(why) = verdict(&got, &format!(">{expected}"), 3) {
        panic!("expected {expected}\n  got {got}\n  {why}");
    }
}

/// The keys that have been told so far, `*` for all.
#[track_caller]
fn was_told(conn: &mut Conn) -> Vec<String> {
    let reply = conn.cmd(&["PING", "end"]);
    assert_eq!(reply.text(), "end");
    let mut told = Vec::new();
    for push in conn.pushes.drain(..) {
        assert_eq!(push.items()[0].text(), "invalidate");
        match &push.items()[1] {
            keys if keys.is_null() => told.push("*".to_owned()),
            keys => told.extend(keys.items().iter().map(|key| key.text())),
        }
    }
    told
}

#[test]
fn what_was_read_is_invalidated_once() {
    let server = start();
    let mut writer = server.connect();
    let mut conn = cache(&server, "");
    run(&mut writer, "MSET a 1 b 2 c 3\nHSET h f v");
    run(
        &mut conn,
        "GET a -> 1\nMGET b c none -> [2 3 nil]\nHGETALL h -> {f v}\nGET a -> 1",
    );
    run(
        &mut writer,
        "SET a 2\nSET a 3\nSET unread 1\nSET none 1\nHSET h f w",
    );
    assert_eq!(was_told(&mut conn), ["a", "none", "h"]);
    run(&mut writer, "SET a 4\nDEL b\nRENAME c d");
    assert_eq!(was_told(&mut conn), ["b", "c"]);
    // A write reads nothing that could be cached.
    run(&mut conn, "INCR a -> :5");
    run(&mut writer, "SET a 1");
    assert_eq!(was_told(&mut conn), [""; 0]);
    run(&mut conn, "GET a -> 1\nCLIENT TRACKING OFF -> +OK");
    run(&mut writer, "SET a 2");
    assert_eq!(was_told(&mut conn), [""; 0]);
}

#[test]
fn whatever_changes_a_key_invalidates_it() {
    let server = start();
    let mut writer = server.connect();
    let mut conn = cache(&server, "");
    for (make, change) in [
        ("SET k v", "EXPIRE k 100"),
        ("SET k v EX 100", "PERSIST k"),
        ("RPUSH k a b", "LPOP k"),
        ("SADD k a", "SREM k a"),
        ("SADD k a", "SUNIONSTORE k k"),
        ("ZADD k 1 a", "ZINCRBY k 1 a"),
        ("XADD k 1-1 f v", "XADD k 2-1 f v"),
        ("SET k v", "SETRANGE k 0 x"),
        ("SET k v", "COPY other k REPLACE"),
        ("SET k v", "MOVE k 1"),
        ("SET k v", "GETDEL k"),
        ("PFADD k a", "PFADD k b c d"),
    ] {
        run(&mut writer, "FLUSHALL\nSET other x");
        was_told(&mut conn);
        run(&mut writer, make);
        run(&mut conn, "EXISTS k -> :1");
        run(&mut writer, change);
        assert_eq!(was_told(&mut conn), ["k"], "{change}");
    }
}

#[test]
fn time_room_and_flushes_invalidate() {
    let options = Options::new().set("memory.eviction_policy", "allkeys-random");
    let server = Server::start(options);
    let mut writer = server.connect();
    let mut conn = cache(&server, "NOLOOP");
    let swept = with_time_enough("it is read while it is there", 40, |ms| {
        run(&mut writer, &format!("SET swept{ms} v PX {ms}"));
        let read = conn.line(&format!("EXISTS swept{ms}"));
        (read.int() == 1).then(|| format!("swept{ms}"))
    });
    told(&mut conn, &format!("[invalidate [{swept}]]"));
    run(&mut writer, "SET k v");
    run(&mut conn, "GET k -> v");
    run(&mut writer, "FLUSHDB");
    assert_eq!(was_told(&mut conn), ["*"]);
    run(&mut writer, "SELECT 3\nFLUSHALL");
    assert_eq!(was_told(&mut conn), ["*"]);
    run(&mut conn, "FLUSHALL");
    assert_eq!(was_told(&mut conn), ["*"]);
    let value = "v".repeat(10_000);
    for n in 0..200 {
        writer.cmd(&["SET", &format!("k{n}"), &value]);
        conn.cmd(&["EXISTS", &format!("k{n}")]);
    }
    let used = writer.line("INFO memory").text();
    let used = used
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    let used: u64 = used.expect("a field").parse().expect("a number");
    writer.cmd(&[
        "CONFIG",
        "SET",
        "maxmemory",
        &(used - 1_000_000).to_string(),
    ]);
    // What the flushes freed may be given back only now: then there is room for some more.
    let mut more = 0;
    let evicted = poll_until("something that was read makes room", || {
        more += 1;
        writer.cmd(&["SET", &format!("more{more}"), &value]);
        was_told(&mut conn).into_iter().next()
    });
    assert!(evicted.starts_with('k'), "{evicted}");
}

#[test]
fn databases_that_are_exchanged() {
    // redis-server lets caches keep what was in the other database.
    if on_oracle() {
        return;
    }
    let server = start();
    let mut writer = server.connect();
    let mut conn = cache(&server, "");
    run(&mut conn, "GET k -> nil");
    run(&mut writer, "SWAPDB 0 1");
    assert_eq!(was_told(&mut conn), ["*"]);
}

#[test]
fn broadcast() {
    let server = start();
    let mut writer = server.connect();
    let mut all = cache(&server, "BCAST");
    let mut some = cache(&server, "BCAST PREFIX user: PREFIX obj: NOLOOP");
    run(
        &mut writer,
        "SET user:1 a\nSET obj:1 b\nSET other c\nDEL obj:1",
    );
    assert_eq!(was_told(&mut all), ["user:1", "obj:1", "other", "obj:1"]);
    assert_eq!(was_told(&mut some), ["user:1", "obj:1", "obj:1"]);
    run(&mut some, "SET user:2 x");
    assert_eq!(was_told(&mut some), [""; 0]);
    assert_eq!(was_told(&mut all), ["user:2"]);
    run(&mut some, "CLIENT TRACKING ON BCAST PREFIX more: -> +OK");
    run(&mut some, "SET more:1 x");
    assert_eq!(was_told(&mut some), ["more:1"], "no longer NOLOOP");
    let info = writer.line("INFO stats").text();
    assert!(info.contains("tracking_total_prefixes:4"), "{info}");
}

/// One message for each prefix, its keys in order.
#[test]
fn what_one_request_changes_is_broadcast_at_once() {
    let server = start();
    let mut writer = server.connect();
    let mut some = cache(&server, "BCAST PREFIX user: PREFIX obj:");
    let mut own = cache(&server, "BCAST NOLOOP");
    run(
        &mut writer,
        "MSET user:2 a obj:1 b user:1 c other d user:2 e",
    );
    told(&mut some, "[invalidate [obj:1]]");
    told(&mut some, "[invalidate [user:1 user:2]]");
    told(&mut own, "[invalidate [obj:1 other user:1 user:2]]");
    run(
        &mut writer,
        "MULTI
         SET user:1 a -> +QUEUED
         DEL user:2 -> +QUEUED
         EXEC -> [+OK :1]",
    );
    told(&mut some, "[invalidate [user:1 user:2]]");
    run(&mut own, "MSET user:1 a user:2 b");
    told(&mut some, "[invalidate [user:1 user:2]]");
    assert_eq!(
        was_told(&mut own),
        ["user:1", "user:2"],
        "of the transaction"
    );
}

#[test]
fn optin_and_optout() {
    let server = start();
    let mut writer = server.connect();
    let mut conn = cache(&server, "OPTIN");
    run(&mut writer, "MSET a 1 b 1 c 1 d 1");
    run(
        &mut conn,
        "GET a
         CLIENT CACHING YES -> +OK
         GET b
         GET c
         CLIENT CACHING YES -> +OK
         MULTI
         GET d
         EXEC -> [1]",
    );
    run(&mut writer, "MSET a 2 b 2 c 2 d 2");
    assert_eq!(was_told(&mut conn), ["b", "d"]);
    let mut conn = cache(&server, "OPTOUT");
    run(&mut conn, "GET a\nCLIENT CACHING NO -> +OK\nGET b\nGET c");
    run(&mut writer, "MSET a 3 b 3 c 3");
    assert_eq!(was_told(&mut conn), ["a", "c"]);
}

#[test]
fn somebody_else_is_told() {
    let server = start();
    let mut writer = server.connect();
    let mut listener = server.connect();
    let id = listener.line("CLIENT ID").int();
    check(
        &mut listener,
        "SUBSCRIBE __redis__:invalidate",
        "[subscribe __redis__:invalidate :1]",
    );
    let mut conn = cache(&server, &format!("REDIRECT {id}"));
    check(&mut conn, "CLIENT GETREDIR", &format!(":{id}"));
    run(&mut writer, "SET a 1\nSET b 1");
    run(&mut conn, "MGET a b -> [1 1]");
    run(&mut writer, "SET b 2\nDEL a\nFLUSHALL");
    for keys in ["[b]", "[a]", "nil"] {
        let expected = format!("[message __redis__:invalidate {keys}]");
        let got = listener.read();
        if let Err(why) = verdict(&got, &expected, 2) {
            panic!("expected {expected}\n  got {got}\n  {why}");
        }
    }
    // In RESP3 it is a push, subscribed or not.
    let mut pushed = server.connect3();
    let id = pushed.line("CLIENT ID").int();
    check(
        &mut conn,
        &format!("CLIENT TRACKING ON REDIRECT {id}"),
        "+OK",
    );
    run(&mut conn, "GET a -> nil");
    run(&mut writer, "SET a 1");
    told(&mut pushed, "[invalidate [a]]");
    // Whom nobody can tell any more.
    run(&mut conn, "GET a -> 1");
    pushed.send(&["QUIT"]);
    pushed.read_to_close();
    poll_until("the end of the connection", || {
        let list = writer.line("CLIENT LIST").text();
        (!list.contains(&format!("id={id} "))).then_some(())
    });
    run(&mut writer, "SET a 2");
    told(&mut conn, &format!("[tracking-redir-broken :{id}]"));
    let info = conn.line("CLIENT TRACKINGINFO").to_string();
    assert!(info.contains("broken_redirect"), "{info}");
    let list = conn.line("CLIENT INFO").text();
    assert!(
        list.contains("flags=tR ") && list.contains(&format!("redir={id} ")),
        "{list}"
    );
}

#[test]
fn replies_come_before_what_they_cause() {
    let server = start();
    let mut conn = cache(&server, "");
    let lines = [
        "GET k", "SET k 1", "GET k", "INCR k", "MULTI", "GET k", "SET k 2", "PING", "EXEC",
    ];
    let bytes: Vec<u8> = lines
        .iter()
        .flat_map(|line| encode(&split_line(line)))
        .collect();
    conn.send_raw(&bytes);
    for expected in [
        "nil",
        "+OK",
        ">[invalidate [k]]",
        "1",
        ":2",
        ">[invalidate [k]]",
        "+OK",
        "+QUEUED",
        "+QUEUED",
        "+QUEUED",
        "[2 +OK +PONG]",
        ">[invalidate [k]]",
    ] {
        let got = conn.read();
        if let Err(why) = verdict(&got, expected, 3) {
            panic!("expected {expected}\n  got {got}\n  {why}");
        }
    }
}

#[test]
fn refusals() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "CLIENT TRACKING ON OPTIN OPTOUT -> -ERR You can't specify both OPTIN mode and OPTOUT mode
         CLIENT TRACKING ON BCAST PREFIX a PREFIX ab -> -ERR Prefix 'a' overlaps with another \
         provided prefix 'ab'. Prefixes for a single client must not overlap.
         CLIENT TRACKING ON BCAST PREFIX a -> +OK
         CLIENT TRACKING ON BCAST PREFIX ab -> -ERR Prefix 'ab' overlaps with an existing prefix \
         'a'. Prefixes for a single client must not overlap.
         CLIENT TRACKINGINFO -> {flags [on bcast] redirect :0 prefixes [a]}
         CLIENT TRACKING ON -> -ERR You can't switch BCAST mode on/off before disabling tracking \
         for this client, and then re-enabling it with a different mode.
         CLIENT TRACKING ON BCAST OPTIN -> -ERR OPTIN and OPTOUT are not compatible with BCAST
         CLIENT CACHING YES -> -ERR CLIENT CACHING YES is only valid when tracking is enabled in \
         OPTIN mode.
         CLIENT TRACKING OFF -> +OK
         CLIENT TRACKINGINFO -> {flags [off] redirect :-1 prefixes []}
         CLIENT GETREDIR -> :-1
         CLIENT CACHING YES -> -ERR CLIENT CACHING can be called only when the client is in \
         tracking mode with OPTIN or OPTOUT mode enabled
         CLIENT TRACKING ON OPTIN -> +OK
         CLIENT CACHING NO -> -ERR CLIENT CACHING NO is only valid when tracking is enabled in \
         OPTOUT mode.
         CLIENT CACHING YES -> +OK
         CLIENT TRACKINGINFO -> {flags [on optin caching-yes] redirect :0 prefixes []}
         CLIENT TRACKING ON OPTOUT -> -ERR You can't switch OPTIN/OPTOUT mode before disabling \
         tracking for this client, and then re-enabling it with a different mode.
         CLIENT CACHING x -> -ERR syntax error
         CLIENT TRACKING ON REDIRECT 999999 -> -ERR The client ID you want redirect to does not exist
         CLIENT TRACKING ON REDIRECT x -> -ERR value is not an integer or out of range
         CLIENT TRACKING x -> -ERR syntax error
         CLIENT TRACKING ON PREFIX a -> -ERR PREFIX option requires BCAST mode to be enabled
         CLIENT GETREDIR -> :0
         RESET -> +RESET
         CLIENT GETREDIR -> :-1",
    );
    let id = conn.line("CLIENT ID").int();
    let twice = format!("CLIENT TRACKING ON REDIRECT {id} REDIRECT {id}");
    check(
        &mut conn,
        &twice,
        "-ERR A client can only redirect to a single other client",
    );
    if !on_oracle() {
        let mut many = vec![
            "CLIENT".to_owned(),
            "TRACKING".into(),
            "ON".into(),
            "BCAST".into(),
        ];
        for n in 0..1001 {
            many.extend(["PREFIX".to_owned(), format!("{n:04}")]);
        }
        let refused = conn.cmd(&many).to_string();
        assert!(refused.contains("too many prefixes"), "{refused}");
    }
}

#[test]
fn the_table_is_bounded() {
    let server = start();
    let mut conn = cache(&server, "");
    let mut admin = server.connect();
    run(&mut admin, "CONFIG SET tracking-table-max-keys 100 -> +OK");
    for n in 0..1000 {
        conn.cmd(&["GET", &format!("k{n}")]);
    }
    let field = |admin: &mut Conn, name: &str| -> u64 {
        let text = admin.line("INFO").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.expect("a field").parse().expect("a number")
    };
    assert!(field(&mut admin, "tracking_total_keys") <= 101);
    assert_eq!(field(&mut admin, "tracking_clients"), 1);
    // Who has read what was forgotten was told that it has changed.
    let told = was_told(&mut conn).len();
    assert!((895..=905).contains(&told), "{told}");
    drop(conn);
    poll_until("nobody that tracks", || {
        (field(&mut admin, "tracking_clients") == 0).then_some(())
    });
}

/// Readers with caches and writers, on several workers: once all is quiet, no cache holds what is
/// not there any more.
#[test]
fn no_cache_keeps_a_stale_value() {
    const KEYS: usize = 8;
    const ROUNDS: usize = 1000;
    let server = Server::start(Options::new().set("server.workers", 2));
    let caches: Vec<_> = std::thread::scope(|scope| {
        for _ in 0..2 {
            let mut conn = server.connect();
            scope.spawn(move || {
                for n in 0..ROUNDS {
                    let key = format!("k{}", n % KEYS);
                    conn.pipeline(&[vec!["INCR", &key], vec!["INCR", &key]]);
                }
            });
        }
        let readers = ["", "BCAST", "NOLOOP", ""].map(|how| {
            let mut conn = cache(&server, how);
            scope.spawn(move || {
                let mut cached = vec![None; KEYS];
                for n in 0..ROUNDS {
                    read_keys(&mut conn, &mut cached, n);
                }
                (conn, cached)
            })
        });
        readers
            .map(|reader| reader.join().expect("a reader"))
            .into()
    });
    let mut writer = server.connect();
    let now: Vec<_> = (0..KEYS)
        .map(|n| writer.cmd(&["GET", &format!("k{n}")]).text())
        .collect();
    for (mut conn, mut cached) in caches {
        // What was told until now is taken in with this.
        read_keys(&mut conn, &mut cached, 0);
        assert!(cached.iter().any(Option::is_some));
        for (n, value) in cached.iter().enumerate() {
            assert!(value.as_ref().is_none_or(|value| *value == now[n]), "k{n}");
        }
    }
}

/// Reads two keys in one pipeline and takes in, in their order, the replies and what is told.
fn read_keys(conn: &mut Conn, cached: &mut [Option<String>], n: usize) {
    let count = cached.len();
    let keys = [n % count, (n + 3) % count];
    for key in keys {
        conn.send(&["GET", &format!("k{key}")]);
    }
    conn.send(&["PING"]);
    let mut reading = keys.iter();
    loop {
        let next = conn.read();
        if next == Reply::Simple(b"PONG".to_vec()) {
            return;
        }
        if matches!(next, Reply::Push(_)) {
            for key in next.items()[1].items() {
                let at: usize = key.text()[1..].parse().expect("a number");
                cached[at] = None;
            }
        } else {
            let key = reading.next().expect("a reply for each");
            cached[*key] = (!next.is_null()).then(|| next.text());
        }
    }
}
