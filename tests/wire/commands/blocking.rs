//! Commands that wait for keys: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH, BLMOVEM, across two
//! workers. What sorted sets and streams add is in their own files.

use crate::support::{Conn, Options, Server, check, on_oracle, poll_until, run, verdict};

fn start() -> Server {
    Server::start(Options::new().set("server.workers", 2))
}

/// Waits until so many clients are blocked.
#[track_caller]
fn await_blocked(server: &Server, count: usize) {
    let mut conn = server.connect();
    let line = format!("blocked_clients:{count}\r\n");
    poll_until("clients to be blocked", || {
        let info = conn.line("INFO clients").text();
        info.contains(&line).then_some(())
    });
}

/// A client that waits, as the `nth` one.
#[track_caller]
fn waiting(server: &Server, line: &str, nth: usize) -> Conn {
    let mut conn = server.connect();
    let words: Vec<&str> = line.split(' ').collect();
    conn.send(&words);
    await_blocked(server, nth);
    conn
}

#[track_caller]
fn expect(conn: &mut Conn, expected: &str) {
    let reply = conn.reply();
    if let Err(why) = verdict(&reply, expected, conn.protocol) {
        panic!("expected {expected}, got {reply}: {why}");
    }
}

#[test]
fn the_first_to_come_is_the_first_served() {
    let server = start();
    let mut waiters: Vec<Conn> = (1..=6)
        .map(|nth| waiting(&server, "BLPOP k 0", nth))
        .collect();
    let mut conn = server.connect();
    check(&mut conn, "RPUSH k 1 2 3", ":3");
    for (waiter, expected) in waiters.iter_mut().zip(["1", "2", "3"]) {
        expect(waiter, &format!("[k \"{expected}\"]"));
    }
    await_blocked(&server, 3);
    check(&mut conn, "EXISTS k", ":0");
    check(&mut conn, "LPUSH k 4 5 6 7", ":4");
    for (waiter, expected) in waiters[3..].iter_mut().zip(["7", "6", "5"]) {
        expect(waiter, &format!("[k \"{expected}\"]"));
    }
    await_blocked(&server, 0);
    check(&mut conn, "LRANGE k 0 -1", "[\"4\"]");
    // Served clients go on as before, and may wait again.
    check(&mut waiters[0], "PING", "+PONG");
    waiters[0].send(&["BRPOP", "other", "0"]);
    await_blocked(&server, 1);
    check(&mut conn, "RPUSH other x y", ":2");
    expect(&mut waiters[0], "[other y]");
}

#[test]
fn many_waiters_and_pushers_lose_nothing() {
    const ROUNDS: usize = 200;
    let server = start();
    let takers: Vec<_> = (0..4)
        .map(|_| {
            let mut conn = server.connect();
            std::thread::spawn(move || {
                let takes = (0..ROUNDS).map(|_| conn.cmd(&["BLPOP", "a", "b", "0"]));
                takes
                    .map(|reply| reply.items()[1].text())
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let pushers: Vec<_> = ["a", "b", "a", "b"]
        .into_iter()
        .enumerate()
        .map(|(pusher, key)| {
            let mut conn = server.connect();
            std::thread::spawn(move || {
                for n in 0..ROUNDS {
                    let text = format!("{pusher}:{n}");
                    assert!(!conn.cmd(&["RPUSH", key, &text]).is_error());
                }
            })
        })
        .collect();
    pushers
        .into_iter()
        .for_each(|thread| thread.join().expect("a pusher"));
    let mut taken: Vec<String> = takers
        .into_iter()
        .flat_map(|thread| thread.join().expect("a taker"))
        .collect();
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 4 * ROUNDS);
    check(&mut server.connect(), "EXISTS a b", ":0");
}

#[test]
fn any_of_several_keys_will_do() {
    let server = start();
    let mut conn = server.connect();
    for (line, expected) in [
        ("BLPOP a b c 0", "[c x]"),
        ("BRPOP a b c 0", "[c z]"),
        ("BLMPOP 0 3 a b c LEFT", "[c [x]]"),
        ("BLMPOP 0 3 a b c RIGHT COUNT 2", "[c [z y]]"),
        ("BLMPOP 0 3 a c c LEFT COUNT 10", "[c [x y z]]"),
        ("BLPOP c c c 0", "[c x]"),
    ] {
        let mut waiter = waiting(&server, line, 1);
        check(&mut conn, "RPUSH c x y z", ":3");
        expect(&mut waiter, expected);
        await_blocked(&server, 0);
        check(&mut conn, "RPUSH a still-there", ":1");
        check(&mut conn, "DEL a c", "*");
    }
}

#[test]
fn time_runs_out() {
    let server = start();
    for mut conn in [server.connect(), server.connect3()] {
        for line in [
            "BLPOP k 0.02",
            "BRPOP k l 0.001",
            "BLMPOP 0.01 1 k LEFT",
            "BLMOVE k l LEFT LEFT 0.01",
            "BRPOPLPUSH k l 0.01",
        ] {
            check(&mut conn, line, "nil[]");
        }
    }
    // Whose time is up takes nothing any more.
    let mut conn = server.connect();
    check(&mut conn, "RPUSH k a", ":1");
    check(&mut conn, "LLEN k", ":1");
    await_blocked(&server, 0);
}

#[test]
fn whatever_brings_a_list_serves() {
    let server = start();
    let mut conn = server.connect();
    for line in [
        "RENAME source k",
        "RENAMENX source k",
        "COPY source k",
        "SORT source ALPHA STORE k",
        "SORT source BY nosort GET # STORE k",
        "LMOVE source k LEFT RIGHT",
        "RPOPLPUSH source k",
        "BLMOVE source k LEFT RIGHT 0",
        "LPUSH k a",
        "RPUSH k a",
    ] {
        check(&mut conn, "RPUSH source a", ":1");
        let mut waiter = waiting(&server, "BLPOP k 0", 1);
        assert!(!conn.line(line).is_error(), "{line}");
        expect(&mut waiter, "[k a]");
        check(&mut conn, "EXISTS k", ":0");
        check(&mut conn, "DEL source", "*");
        await_blocked(&server, 0);
    }
    let mut waiter = waiting(&server, "BLPOP k 0", 1);
    run(
        &mut conn,
        "
        SELECT 1 -> +OK
        RPUSH k a -> :1
        MOVE k 0 -> :1
        ",
    );
    expect(&mut waiter, "[k a]");
    let mut waiter = waiting(&server, "BLPOP k 0", 1);
    check(&mut conn, "RPUSH k b", ":1");
    check(&mut conn, "SWAPDB 0 1", "+OK");
    expect(&mut waiter, "[k b]");
}

#[test]
fn a_transaction_serves_when_it_ends() {
    let server = start();
    let mut conn = server.connect();
    let mut waiter = waiting(&server, "BLPOP k 0", 1);
    run(
        &mut conn,
        "
        MULTI
        RPUSH k a
        LPUSH k b
        LLEN k
        EXEC -> [:1 :2 :2]
        LRANGE k 0 -1 -> [a]
        DEL k -> :1
        ",
    );
    expect(&mut waiter, "[k b]");
    let mut waiter = waiting(&server, "BLPOP k 0", 1);
    run(
        &mut conn,
        "
        MULTI
        RPUSH k a
        DEL k
        EXEC -> [:1 :1]
        MULTI
        RPUSH k a
        SET k string
        EXEC -> [:1 +OK]
        ",
    );
    await_blocked(&server, 1);
    run(&mut conn, "MULTI\n DEL k\n RPUSH k c\n EXEC -> [:1 :1]");
    expect(&mut waiter, "[k c]");
}

#[test]
fn moves_wait_for_their_source() {
    let server = start();
    let mut conn = server.connect();
    let mut mover = waiting(&server, "BLMOVE a b LEFT RIGHT 0", 1);
    let mut second = waiting(&server, "BRPOPLPUSH b c 0", 2);
    let mut popper = waiting(&server, "BLPOP c 0", 3);
    check(&mut conn, "RPUSH a x", ":1");
    expect(&mut mover, "x");
    expect(&mut second, "x");
    expect(&mut popper, "[c x]");
    check(&mut conn, "EXISTS a b c", ":0");
    // What cannot be put where it was to go stays where it was.
    check(&mut conn, "SET target string", "+OK");
    let mut mover = waiting(&server, "BLMOVE a target LEFT RIGHT 0", 1);
    check(&mut conn, "RPUSH a x y", ":2");
    expect(&mut mover, "-WRONGTYPE…");
    check(&mut conn, "LRANGE a 0 -1", "[x y]");
    // A list may wait for itself.
    let mut mover = waiting(&server, "BLMOVE own own LEFT RIGHT 0", 1);
    check(&mut conn, "RPUSH own 1 2", ":2");
    expect(&mut mover, "\"1\"");
    check(&mut conn, "LRANGE own 0 -1", "[\"2\" \"1\"]");
}

#[test]
fn moves_of_several_wait_for_as_many() {
    if on_oracle() {
        return;
    }
    let server = start();
    let mut conn = server.connect();
    let mut exact = waiting(&server, "BLMOVEM a b LEFT RIGHT 0 EXACTLY 3 BULK", 1);
    check(&mut conn, "RPUSH a x", ":1");
    check(&mut conn, "RPUSH a y", ":2");
    await_blocked(&server, 1);
    check(&mut conn, "RPUSH a z", ":3");
    expect(&mut exact, "[x y z]");
    let mut any = waiting(&server, "BLMOVEM a b LEFT LEFT 0 COUNT 3 OBO", 1);
    check(&mut conn, "RPUSH a 1 2", ":2");
    expect(&mut any, "[\"2\" \"1\"]");
    check(&mut conn, "LRANGE b 0 -1", "[\"2\" \"1\" x y z]");
    check(&mut conn, "BLMOVEM a b LEFT LEFT 0.01 COUNT 3 OBO", "nil[]");
}

#[test]
fn other_types_come_and_go() {
    let server = start();
    let mut conn = server.connect();
    let mut waiter = waiting(&server, "BLPOP k 0", 1);
    run(
        &mut conn,
        "
        SET k v
        APPEND k w
        DEL k
        HSET k f v
        DEL k
        SADD k m
        DEL k
        ZADD k 1 m
        DEL k
        ",
    );
    await_blocked(&server, 1);
    check(&mut conn, "RPUSH k v", ":1");
    expect(&mut waiter, "[k v]");
}

#[test]
fn who_leaves_takes_nothing_along() {
    let server = start();
    let mut conn = server.connect();
    let gone = waiting(&server, "BLPOP k 0", 1);
    let mut stays = waiting(&server, "BLPOP k 0", 2);
    drop(gone);
    await_blocked(&server, 1);
    check(&mut conn, "RPUSH k a", ":1");
    expect(&mut stays, "[k a]");
    drop(waiting(&server, "BLMOVE k l LEFT LEFT 0", 1));
    await_blocked(&server, 0);
    check(&mut conn, "RPUSH k a", ":1");
    check(&mut conn, "LLEN k", ":1");
    check(&mut conn, "EXISTS l", ":0");
}

#[test]
fn clients_are_unblocked_and_killed() {
    let server = start();
    let mut admin = server.connect();
    let mut waiter = server.connect();
    let id = waiter.line("CLIENT ID").int();
    for (line, expected) in [
        (format!("CLIENT UNBLOCK {id}"), "nil[]"),
        (format!("CLIENT UNBLOCK {id} TIMEOUT"), "nil[]"),
        (
            format!("CLIENT UNBLOCK {id} ERROR"),
            "-UNBLOCKED client unblocked via CLIENT UNBLOCK",
        ),
    ] {
        check(&mut admin, &line, ":0");
        waiter.send(&["BLPOP", "k", "0"]);
        await_blocked(&server, 1);
        let list = admin.line(&format!("CLIENT LIST ID {id}")).text();
        assert!(
            list.contains(" flags=b ") && list.contains(" cmd=blpop "),
            "{list}"
        );
        check(&mut admin, &line, ":1");
        expect(&mut waiter, expected);
        let list = admin.line(&format!("CLIENT LIST ID {id}")).text();
        assert!(list.contains(" flags=N "), "{list}");
    }
    waiter.send(&["BLPOP", "k", "0"]);
    await_blocked(&server, 1);
    check(&mut admin, &format!("CLIENT KILL ID {id}"), ":1");
    assert!(waiter.read_to_close().is_empty());
    await_blocked(&server, 0);
    check(&mut admin, "RPUSH k a", ":1");
    check(&mut admin, "LLEN k", ":1");
}

/// In one batch with what follows, so that the waiting client's task has no turn in between.
#[test]
fn a_wait_is_over_for_all_when_its_end_is_answered() {
    let server = start();
    let mut conn = server.connect();
    let mut waiter = server.connect();
    let id = waiter.line("CLIENT ID").int();
    let info = |conn: &mut Conn, waiting: usize| {
        let info = conn.read().text();
        assert!(
            info.contains(&format!("blocked_clients:{waiting}\r")),
            "{info}"
        );
    };
    for (how, reply) in [
        ("", "nil[]"),
        (" ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
    ] {
        waiter.send_raw(b"BLPOP queue 0\r\n");
        await_blocked(&server, 1);
        conn.send_raw(
            format!(
                "CLIENT UNBLOCK {id}{how}\r\nINFO clients\r\nCLIENT UNBLOCK {id}\r\n\
                 RPUSH queue job\r\nLPOP queue\r\n"
            )
            .as_bytes(),
        );
        expect(&mut conn, ":1");
        info(&mut conn, 0);
        expect(&mut conn, ":0");
        expect(&mut conn, ":1");
        expect(&mut conn, "job");
        expect(&mut waiter, reply);
    }
    waiter.send_raw(b"BLPOP queue 0\r\n");
    await_blocked(&server, 1);
    conn.send_raw(format!("RPUSH queue job\r\nCLIENT UNBLOCK {id}\r\nINFO clients\r\n").as_bytes());
    expect(&mut conn, ":1");
    expect(&mut conn, ":0");
    info(&mut conn, 0);
    expect(&mut waiter, "[queue job]");
}

/// As when a consumer dies: its end comes before what is pushed, whichever worker learns of it when.
#[test]
fn who_has_hung_up_takes_nothing_along() {
    let server = start();
    let mut conn = server.connect();
    for _ in 0..100 {
        let mut waiters = [server.connect(), server.connect()];
        for waiter in &mut waiters {
            waiter.send_raw(b"BLPOP queue 0\r\n");
        }
        await_blocked(&server, 2);
        drop(waiters);
        check(&mut conn, "RPUSH queue job", ":1");
        check(&mut conn, "LPOP queue", "job");
        await_blocked(&server, 0);
    }
}

#[test]
fn what_was_sent_behind_waits_too() {
    let server = start();
    let mut conn = server.connect();
    let mut waiter = server.connect();
    for words in [
        &["SET", "x", "1"][..],
        &["BLPOP", "k", "0"],
        &["INCR", "x"],
        &["GET", "x"],
    ] {
        waiter.send(words);
    }
    expect(&mut waiter, "+OK");
    await_blocked(&server, 1);
    check(&mut conn, "GET x", "\"1\"");
    check(&mut conn, "RPUSH k a", ":1");
    expect(&mut waiter, "[k a]");
    expect(&mut waiter, ":2");
    expect(&mut waiter, "\"2\"");
}

#[test]
fn nothing_is_served_while_writes_are_paused() {
    let server = start();
    let mut admin = server.connect();
    let mut pusher = server.connect();
    let mut waiter = waiting(&server, "BLPOP k 0", 1);
    check(&mut admin, "CLIENT PAUSE 1000000 WRITE", "+OK");
    pusher.send(&["RPUSH", "k", "a"]);
    // Reads go on meanwhile, and show that nothing was pushed.
    for _ in 0..20 {
        check(&mut admin, "EXISTS k", ":0");
    }
    check(&mut admin, "CLIENT UNPAUSE", "+OK");
    expect(&mut pusher, ":1");
    expect(&mut waiter, "[k a]");
}
