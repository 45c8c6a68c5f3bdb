//! SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites, PUBLISH, SPUBLISH, PUBSUB, and what
//! being a subscriber changes.

use crate::support::{
    Conn, Options, ReadError, Reply, Server, check, encode, on_oracle, poll_until, run, verdict,
    with_time_enough,
};
use std::time::Duration;

fn start() -> Server {
    Server::start(Options::new())
}

/// A connection of each protocol.
fn both(server: &Server) -> [Conn; 2] {
    [server.connect(), server.connect3()]
}

/// Checks the next message: a push in RESP3, an array in RESP2.
#[track_caller]
fn next(conn: &mut Conn, expected: &str) {
    let kind = if conn.protocol == 3 { ">" } else { "" };
    let got = conn.read();
    if let Err(why) = verdict(&got, &format!("{kind}{expected}"), conn.protocol) {
        panic!(
            "RESP{}: expected {expected}\n  got {got}\n  {why}",
            conn.protocol
        );
    }
}

/// Sends a line and checks the messages that answer it.
#[track_caller]
fn say(conn: &mut Conn, line: &str, expected: &[&str]) {
    conn.send(&crate::support::split_line(line));
    expected.iter().for_each(|expected| next(conn, expected));
}

/// A field of INFO.
#[track_caller]
fn info(conn: &mut Conn, name: &str) -> u64 {
    let text = conn.line("INFO").text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name}"))
        .parse()
        .expect("a number")
}

#[test]
fn each_name_is_confirmed() {
    let server = start();
    for mut conn in both(&server) {
        let conn = &mut conn;
        say(
            conn,
            "SUBSCRIBE a b a",
            &["[subscribe a :1]", "[subscribe b :2]", "[subscribe a :2]"],
        );
        say(conn, "PSUBSCRIBE p*", &["[psubscribe p* :3]"]);
        say(
            conn,
            "SSUBSCRIBE a s",
            &["[ssubscribe a :1]", "[ssubscribe s :2]"],
        );
        say(
            conn,
            "UNSUBSCRIBE b zz",
            &["[unsubscribe b :2]", "[unsubscribe zz :2]"],
        );
        say(conn, "UNSUBSCRIBE", &["[unsubscribe a :1]"]);
        say(conn, "UNSUBSCRIBE", &["[unsubscribe nil :1]"]);
        say(conn, "PUNSUBSCRIBE", &["[punsubscribe p* :0]"]);
        say(conn, "PUNSUBSCRIBE", &["[punsubscribe nil :0]"]);
        say(conn, "SUNSUBSCRIBE s", &["[sunsubscribe s :1]"]);
        say(conn, "SUNSUBSCRIBE", &["[sunsubscribe a :0]"]);
        say(conn, "SUNSUBSCRIBE", &["[sunsubscribe nil :0]"]);
        check(conn, "PING", "+PONG");
        check(
            conn,
            "SUBSCRIBE",
            "-ERR wrong number of arguments for 'subscribe' command",
        );
    }
}

#[test]
fn messages_reach_who_is_subscribed() {
    let server = start();
    let mut publisher = server.connect();
    check(&mut publisher, "PUBLISH news nobody", ":0");
    check(&mut publisher, "SPUBLISH news nobody", ":0");
    let mut readers = both(&server);
    for reader in &mut readers {
        say(reader, "SUBSCRIBE news", &["[subscribe news :1]"]);
        say(reader, "PSUBSCRIBE n?ws", &["[psubscribe n?ws :2]"]);
        say(reader, "SSUBSCRIBE news", &["[ssubscribe news :1]"]);
    }
    check(&mut publisher, "PUBLISH news one", ":4");
    check(&mut publisher, "PUBLISH nows two", ":2");
    check(&mut publisher, "PUBLISH other three", ":0");
    check(&mut publisher, "SPUBLISH news four", ":2");
    publisher.cmd(&[&b"PUBLISH"[..], b"news", b"\r\n\x00\xff"]);
    for reader in &mut readers {
        next(reader, "[message news one]");
        next(reader, "[pmessage n?ws news one]");
        next(reader, "[pmessage n?ws nows two]");
        next(reader, "[smessage news four]");
        next(reader, r#"[message news "\r\n\x00\xff"]"#);
        next(reader, r#"[pmessage n?ws news "\r\n\x00\xff"]"#);
    }
}

#[test]
fn a_large_message_arrives_whole() {
    let server = start();
    let mut publisher = server.connect();
    let mut readers = both(&server);
    for reader in &mut readers {
        say(reader, "SUBSCRIBE a", &["[subscribe a :1]"]);
    }
    for length in [16_383, 16_384, 3_000_000] {
        let payload = vec![b'x'; length];
        publisher.cmd(&[&b"PUBLISH"[..], b"a", &payload]);
        check(&mut publisher, "PUBLISH a end", ":2");
        for reader in &mut readers {
            assert_eq!(reader.read().items()[2].bytes(), payload);
            next(reader, "[message a end]");
        }
    }
}

/// Messages that follow each other on one channel travel together, and nobody can tell, whichever
/// workers publisher and subscribers are on, and whatever comes in between.
#[test]
fn what_is_published_in_one_batch_arrives_in_order() {
    for workers in [1, 3] {
        let server = Server::start(Options::new().set("server.workers", workers));
        let mut publisher = server.connect();
        let mut readers: Vec<Conn> = (0..3).flat_map(|_| both(&server)).collect();
        for reader in &mut readers {
            say(
                reader,
                "SUBSCRIBE a b",
                &["[subscribe a :1]", "[subscribe b :2]"],
            );
        }
        let (mut bytes, mut counts) = (Vec::new(), Vec::new());
        let channel = |n: usize| if n % 100 < 70 { "a" } else { ["b", "c"][n % 2] };
        for n in 0..600 {
            bytes.extend(encode(&["PUBLISH", channel(n), &n.to_string()]));
            counts.push(if channel(n) == "c" { ":0" } else { ":6" });
            if n % 97 == 0 {
                bytes.extend(encode(&["PUBLISH", "a"]));
                counts.push("-ERR wrong number of arguments for 'publish' command");
            }
        }
        for (reply, count) in publisher
            .pipeline_raw(&bytes, counts.len())
            .iter()
            .zip(&counts)
        {
            assert_eq!(verdict(reply, count, 2), Ok(()));
        }
        for reader in &mut readers {
            for n in (0..600).filter(|n| channel(*n) != "c") {
                next(reader, &format!("[message {} {n}]", channel(n)));
            }
        }
        let mut listener = server.connect();
        say(&mut listener, "PSUBSCRIBE a*", &["[psubscribe a* :1]"]);
        publisher.pipeline_raw(&encode(&["PUBLISH", "a", "x"]).repeat(9), 9);
        for reader in &mut readers {
            (0..9).for_each(|_| next(reader, "[message a x]"));
        }
        (0..9).for_each(|_| next(&mut listener, "[pmessage a* a x]"));
    }
}

/// A subscriber that takes little at a time gets everything.
#[test]
fn messages_wait_for_a_socket_that_is_full() {
    let server = Server::start(Options::new().set("server.workers", 1));
    let mut publisher = server.connect();
    let mut readers = both(&server);
    for reader in &mut readers {
        say(reader, "SUBSCRIBE a", &["[subscribe a :1]"]);
    }
    let payload = "x".repeat(100_000);
    for n in 0..100 {
        publisher.cmd(&["PUBLISH", "a", &format!("{n} {payload}")]);
        publisher.cmd(&["PUBLISH", "a", &n.to_string()]);
    }
    for reader in &mut readers {
        for n in 0..100 {
            let text = reader.read().items()[2].text();
            assert_eq!(text, format!("{n} {payload}"));
            next(reader, &format!("[message a {n}]"));
        }
    }
}

#[test]
fn a_resp2_subscriber_may_do_little_else() {
    let server = start();
    let mut conn = server.connect();
    for subscribe in ["SUBSCRIBE a", "PSUBSCRIBE a", "SSUBSCRIBE a"] {
        conn.line(subscribe);
        for (line, name) in [
            ("GET x", "get"),
            ("PUBLISH a x", "publish"),
            ("CLIENT ID", "client|id"),
            ("PUBSUB CHANNELS", "pubsub|channels"),
            ("MULTI", "multi"),
            ("HELLO 3", "hello"),
        ] {
            let expected = format!(
                "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / \
                 QUIT / RESET are allowed in this context"
            );
            check(&mut conn, line, &expected);
        }
        run(
            &mut conn,
            r#"
            GET -> -ERR wrong number of arguments for 'get' command
            NOSUCH -> -ERR unknown command…
            PING -> [pong ""]
            PING hi -> [pong hi]
            PING a b -> -ERR wrong number of arguments for 'ping' command
            RESET -> +RESET
            PING -> +PONG
            "#,
        );
    }
    conn.line("SUBSCRIBE a");
    check(&mut conn, "QUIT", "+OK");
    assert_eq!(conn.read_to_close(), b"");
}

#[test]
fn a_resp3_subscriber_goes_on_as_before() {
    let server = start();
    let mut conn = server.connect3();
    say(&mut conn, "SUBSCRIBE a", &["[subscribe a :1]"]);
    check(&mut conn, "SET k v", "+OK");
    check(&mut conn, "PING", "+PONG");
    // Who publishes to itself is told before it is told how many were.
    conn.send(&["PUBLISH", "a", "self"]);
    next(&mut conn, "[message a self]");
    assert_eq!(conn.read().to_string(), ":1");
    // Pushes come between replies and never inside one.
    let mut publisher = server.connect();
    let bytes = encode(&["PUBLISH", "a", "x"]).repeat(500);
    let replies = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| publisher.pipeline_raw(&bytes, 500));
        let replies = conn.pipeline(&vec![vec!["MGET", "k", "k"]; 2000]);
        publishing.join().expect("publishes");
        replies
    });
    assert!(
        replies
            .iter()
            .all(|reply| reply.to_string() == replies[0].to_string())
    );
    say(&mut conn, "UNSUBSCRIBE a", &[]);
    while conn.pushes.len() < 501 {
        let push = conn.read();
        conn.pushes.push(push);
    }
    let last = conn.pushes.pop().expect("the confirmation");
    assert_eq!(verdict(&last, ">[unsubscribe a :0]", 3), Ok(()));
    let fits = |push| verdict(push, ">[message a x]", 3).is_ok();
    assert!(conn.pushes.iter().all(fits));
}

#[test]
fn what_came_before_unsubscribing_comes_before_its_confirmation() {
    let server = start();
    let mut publisher = server.connect();
    for mut conn in both(&server) {
        say(&mut conn, "SUBSCRIBE a", &["[subscribe a :1]"]);
        for round in 0..200 {
            let line = format!("PUBLISH a {round}");
            check(&mut publisher, &line, ":1");
            let unsubscribe = encode(&["UNSUBSCRIBE", "a"]);
            conn.send_raw(&[unsubscribe, encode(&["SUBSCRIBE", "a"])].concat());
            next(&mut conn, &format!("[message a {round}]"));
            next(&mut conn, "[unsubscribe a :0]");
            next(&mut conn, "[subscribe a :1]");
        }
        // The next round's publisher is to count one subscriber.
        say(&mut conn, "UNSUBSCRIBE a", &["[unsubscribe a :0]"]);
    }
}

#[test]
fn transactions() {
    let server = start();
    let mut publisher = server.connect();
    let mut conn = server.connect();
    run(
        &mut conn,
        r#"
        MULTI -> +OK
        SUBSCRIBE a -> +QUEUED
        PING -> +QUEUED
        EXEC -> [[subscribe a :1] [pong ""]]
        "#,
    );
    run(
        &mut publisher,
        "
        MULTI -> +OK
        SET k v -> +QUEUED
        PUBLISH a x -> +QUEUED
        PUBSUB NUMSUB a -> +QUEUED
        EXEC -> [+OK :1 [a :1]]
        MULTI -> +OK
        PUBLISH a y -> +QUEUED
        DISCARD -> +OK
        PUBLISH a z -> :1
        ",
    );
    next(&mut conn, "[message a x]");
    next(&mut conn, "[message a z]");
    check(&mut conn, "RESET", "+RESET");
    if on_oracle() {
        return;
    }
    // What a transaction publishes to its own client follows its reply, as since 7.2.
    let mut conn = server.connect3();
    run(
        &mut conn,
        "MULTI -> +OK\n SSUBSCRIBE s -> +QUEUED\n SPUBLISH s x -> +QUEUED",
    );
    conn.send(&["EXEC"]);
    assert_eq!(
        conn.try_read_raw().expect("a reply").1,
        b"*2\r\n>3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n:1\r\n"
    );
    next(&mut conn, "[smessage s x]");
}

#[test]
fn unwanted_replies_are_not_messages() {
    let server = start();
    for mut conn in both(&server) {
        let conn = &mut conn;
        conn.send(&["CLIENT", "REPLY", "OFF"]);
        say(conn, "SUBSCRIBE a", &["[subscribe a :1]"]);
        let mut publisher = server.connect();
        check(&mut publisher, "PUBLISH a x", ":1");
        next(conn, "[message a x]");
        conn.send(&["PING"]);
        say(conn, "UNSUBSCRIBE", &["[unsubscribe a :0]"]);
        check(conn, "CLIENT REPLY ON", "+OK");
    }
    let mut conn = server.connect3();
    conn.send(&["CLIENT", "REPLY", "SKIP"]);
    say(&mut conn, "SUBSCRIBE a", &["[subscribe a :1]"]);
    check(&mut conn, "PING", "+PONG");
    conn.send(&["CLIENT", "REPLY", "OFF"]);
    say(&mut conn, "PUBLISH a x", &["[message a x]"]);
    check(&mut conn, "CLIENT REPLY ON", "+OK");
}

#[test]
fn the_registry_is_told_of() {
    let server = start();
    let mut asker = server.connect();
    let mut conns = both(&server);
    for conn in &mut conns {
        say(
            conn,
            "SUBSCRIBE a1 b1",
            &["[subscribe a1 :1]", "[subscribe b1 :2]"],
        );
        say(
            conn,
            "PSUBSCRIBE a* b*",
            &["[psubscribe a* :3]", "[psubscribe b* :4]"],
        );
        say(conn, "SSUBSCRIBE s1", &["[ssubscribe s1 :1]"]);
    }
    say(&mut conns[0], "SSUBSCRIBE t1", &["[ssubscribe t1 :2]"]);
    run(
        &mut asker,
        "
        PUBSUB CHANNELS -> ?[a1 b1]
        PUBSUB CHANNELS a* -> [a1]
        PUBSUB CHANNELS nosuch -> []
        PUBSUB NUMSUB -> []
        PUBSUB NUMSUB a1 s1 none -> [a1 :2 s1 :0 none :0]
        PUBSUB NUMPAT -> :2
        PUBSUB SHARDCHANNELS -> ?[s1 t1]
        PUBSUB SHARDCHANNELS t? -> [t1]
        PUBSUB SHARDNUMSUB s1 t1 a1 -> [s1 :2 t1 :1 a1 :0]
        PUBSUB SHARDNUMSUB -> []
        PUBSUB -> -ERR wrong number of arguments for 'pubsub' command
        PUBSUB NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try PUBSUB HELP.
        PUBSUB NUMPAT x -> -ERR wrong number of arguments for 'pubsub|numpat' command
        PUBSUB CHANNELS a b -> -ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.
        PUBSUB HELP -> *
        COMMAND GETKEYS SPUBLISH a b -> -ERR The command has no key arguments
        ",
    );
    let ids = conns[1].line("CLIENT ID").to_string();
    let line = asker
        .line(&format!("CLIENT LIST ID {}", ids.trim_start_matches(':')))
        .text();
    assert!(
        line.contains(" flags=P db=0 sub=2 psub=2 ssub=1 "),
        "{line}"
    );
    assert_eq!(
        asker.line("CLIENT LIST TYPE pubsub").text().lines().count(),
        2
    );
    assert_eq!(
        asker.line("CLIENT LIST TYPE normal").text().lines().count(),
        1
    );
    assert_eq!(info(&mut asker, "pubsub_channels"), 2);
    assert_eq!(info(&mut asker, "pubsub_patterns"), 2);
    if !on_oracle() {
        assert_eq!(info(&mut asker, "pubsub_clients"), 2);
    }
    check(&mut asker, "CLIENT KILL TYPE pubsub", ":2");
    conns.iter_mut().for_each(|conn| drop(conn.read_to_close()));
    poll_until("nothing is left", || {
        let left = asker.line("PUBSUB CHANNELS").items().len();
        (left == 0 && asker.line("PUBSUB NUMPAT").to_string() == ":0").then_some(())
    });
    check(&mut asker, "PUBSUB SHARDCHANNELS", "[]");
    check(&mut asker, "PUBLISH a1 x", ":0");
}

#[test]
fn many_channels_are_listed_and_let_go() {
    const COUNT: usize = 20_000;
    let server = start();
    let mut asker = server.connect();
    let mut conn = server.connect3();
    let names: Vec<String> = (0..COUNT).map(|n| format!("channel:{n}")).collect();
    let mut request = vec!["SUBSCRIBE"];
    request.extend(names.iter().map(String::as_str));
    conn.send(&request);
    for n in 0..COUNT {
        next(&mut conn, &format!("[subscribe channel:{n} :{}]", n + 1));
    }
    assert_eq!(asker.line("PUBSUB CHANNELS").items().len(), COUNT);
    check(&mut asker, "PUBSUB CHANNELS *:77", "[channel:77]");
    check(&mut conn, "RESET", "+RESET");
    check(&mut asker, "PUBSUB CHANNELS", "[]");
}

#[test]
fn order_is_kept_across_workers() {
    const MESSAGES: usize = 3000;
    let server = Server::start(Options::new().set("server.workers", 2));
    // The acceptor gives each worker its half of the clients.
    let mut readers: Vec<Conn> = (0..6).flat_map(|_| both(&server)).collect();
    for reader in &mut readers {
        say(
            reader,
            "SUBSCRIBE 0 1 2",
            &["[subscribe 0 :1]", "[subscribe 1 :2]", "[subscribe 2 :3]"],
        );
    }
    std::thread::scope(|scope| {
        for publisher in 0..3 {
            let mut conn = server.connect();
            scope.spawn(move || {
                let channel = publisher.to_string();
                let publish = |n: usize| encode(&["PUBLISH", &channel, &n.to_string()]);
                let bytes: Vec<u8> = (0..MESSAGES).flat_map(publish).collect();
                let replies = conn.pipeline_raw(&bytes, MESSAGES);
                assert!(replies.iter().all(|reply| reply.to_string() == ":12"));
            });
        }
        for mut reader in readers {
            scope.spawn(move || {
                let mut seen = [0; 3];
                for _ in 0..3 * MESSAGES {
                    let message = reader.read();
                    let channel: usize = message.items()[1].text().parse().expect("a channel");
                    let number: usize = message.items()[2].text().parse().expect("a number");
                    assert_eq!(number, seen[channel], "channel {channel}");
                    seen[channel] += 1;
                }
            });
        }
    });
}

#[test]
fn a_slow_subscriber_is_cut_off_and_nobody_waits() {
    let limit = "normal 0 0 0 slave 0 0 0 pubsub 1mb 0 0";
    let server = start();
    let mut publisher = server.connect();
    check(
        &mut publisher,
        &format!("CONFIG SET client-output-buffer-limit \"{limit}\""),
        "+OK",
    );
    let mut slow = server.connect();
    say(&mut slow, "SUBSCRIBE a", &["[subscribe a :1]"]);
    let mut quick = server.connect3();
    say(&mut quick, "SUBSCRIBE b", &["[subscribe b :1]"]);
    let payload = "x".repeat(50_000);
    // More than sockets hold. Nobody reads, and the publisher is answered each time.
    poll_until("the slow subscriber is gone", || {
        let receivers = publisher.cmd(&["PUBLISH", "a", &payload]).to_string();
        (receivers == ":0").then_some(())
    });
    check(&mut publisher, "PUBLISH b x", ":1");
    next(&mut quick, "[message b x]");
    // Its own worker takes it from the lists.
    poll_until("nobody is subscribed to it", || {
        let channels = publisher.line("PUBSUB CHANNELS").to_string();
        (channels == "[\"b\"]").then_some(())
    });
    slow.set_timeout(Duration::from_secs(60));
    slow.read_to_close();
    if !on_oracle() {
        assert_eq!(
            info(&mut publisher, "client_output_buffer_limit_disconnections"),
            1
        );
    }
}

#[test]
fn a_subscriber_beyond_the_soft_limit_is_cut_off_in_time() {
    let server = start();
    let mut publisher = server.connect();
    let limit = "normal 0 0 0 slave 0 0 0 pubsub 0 100kb 1";
    check(
        &mut publisher,
        &format!("CONFIG SET client-output-buffer-limit \"{limit}\""),
        "+OK",
    );
    let mut slow = server.connect();
    say(&mut slow, "SUBSCRIBE a", &["[subscribe a :1]"]);
    let payload = "x".repeat(1_000_000);
    for _ in 0..30 {
        publisher.cmd(&["PUBLISH", "a", &payload]);
    }
    poll_until("the slow subscriber is gone", || {
        let receivers = publisher.line("PUBLISH a x").to_string();
        (receivers == ":0").then_some(())
    });
}

#[test]
fn a_subscriber_is_never_idle() {
    with_time_enough("who publishes stays busy", 1, |seconds| {
        let server = start();
        let mut admin = server.connect();
        let mut reader = server.connect();
        say(&mut reader, "SUBSCRIBE a", &["[subscribe a :1]"]);
        let mut idle = server.connect();
        check(&mut admin, &format!("CONFIG SET timeout {seconds}"), "+OK");
        // Once who is idle has been disconnected, the subscriber would have been too.
        idle.set_timeout(Duration::from_millis(1));
        admin.keep_busy_until(Duration::from_secs(seconds), || {
            matches!(idle.try_read(), Err(ReadError::Closed(_)))
        })?;
        check(&mut admin, "PUBLISH a x", ":1");
        next(&mut reader, "[message a x]");
        Some(())
    });
}

#[test]
fn a_client_that_waits_for_keys_gets_its_messages() {
    let server = start();
    let mut publisher = server.connect();
    let mut conn = server.connect3();
    say(&mut conn, "SUBSCRIBE a", &["[subscribe a :1]"]);
    conn.send(&["BLPOP", "list", "0"]);
    poll_until("it waits", || {
        (info(&mut publisher, "blocked_clients") == 1).then_some(())
    });
    check(&mut publisher, "PUBLISH a x", ":1");
    next(&mut conn, "[message a x]");
    check(&mut publisher, "RPUSH list v", ":1");
    assert_eq!(verdict(&conn.read(), "[list v]", 3), Ok(()));
}

/// Who quits is no subscriber any more when it has its reply, whichever worker the publisher is on.
#[test]
fn who_has_quit_is_subscribed_to_nothing() {
    let server = Server::start(Options::new().set("server.workers", 2));
    let mut publisher = server.connect();
    for _ in 0..200 {
        let mut quitters = [server.connect(), server.connect()];
        for quitter in &mut quitters {
            say(quitter, "SUBSCRIBE news", &["[subscribe news :1]"]);
        }
        for quitter in &mut quitters {
            check(quitter, "QUIT", "+OK");
        }
        check(&mut publisher, "PUBLISH news now", ":0");
    }
}

/// Publishers on two workers, subscribers on both: what comes first comes first to all of them, by
/// whatever they listen.
#[test]
fn all_see_the_messages_of_a_channel_in_one_order() {
    const EACH: usize = 2000;
    let server = Server::start(Options::new().set("server.workers", 2));
    let mut subscribers: Vec<Conn> = (0..6).map(|_| server.connect()).collect();
    for patterns in [0, 2] {
        for subscriber in &mut subscribers[..patterns] {
            say(subscriber, "UNSUBSCRIBE news", &["[unsubscribe news :0]"]);
            say(subscriber, "PSUBSCRIBE n*", &["[psubscribe n* :1]"]);
        }
        if patterns == 0 {
            for subscriber in &mut subscribers {
                say(subscriber, "SUBSCRIBE news", &["[subscribe news :1]"]);
            }
        }
        std::thread::scope(|scope| {
            for name in ["a", "b"] {
                let mut publisher = server.connect();
                scope.spawn(move || {
                    for nth in 0..EACH {
                        check(&mut publisher, &format!("PUBLISH news {name}{nth}"), ":6");
                    }
                });
            }
        });
        let heard = subscribers.iter_mut().map(|subscriber| -> Vec<String> {
            let payload = |_| match subscriber.read() {
                Reply::Array(mut parts) => parts.pop().expect("a payload").text(),
                other => panic!("no message: {other}"),
            };
            (0..2 * EACH).map(payload).collect()
        });
        let heard: Vec<Vec<String>> = heard.collect();
        assert!(heard.iter().all(|one| *one == heard[0]));
    }
}
