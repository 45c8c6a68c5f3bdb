//! CLIENT KILL, seen by others: who was killed does nothing any more, and nobody finds it.

use super::seen;
use crate::support::{Conn, Options, Server, check, poll_until};

/// In one batch with what follows, so that the victims' tasks have no turn in between.
#[test]
fn who_was_killed_takes_nothing_that_comes_later() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut waiting = server.connect();
    let waiter = waiting.line("CLIENT ID").int();
    let mut subscribed = server.connect();
    let subscriber = subscribed.line("CLIENT ID").int();
    let before = conn.line("CLIENT LIST").text().lines().count();
    waiting.send_raw(b"BLPOP queue 0\r\n");
    subscribed.line("SUBSCRIBE news");
    subscribed.line("PSUBSCRIBE n*");
    poll_until("it waits", || {
        seen(&mut conn, waiter).contains("cmd=blpop").then_some(())
    });
    conn.send_raw(
        format!(
            "CLIENT KILL ID {waiter}\r\nCLIENT KILL ID {subscriber}\r\n\
             RPUSH queue job\r\nLLEN queue\r\nPUBLISH news now\r\n\
             CLIENT KILL ID {waiter}\r\nCLIENT UNBLOCK {waiter}\r\nCLIENT LIST ID {waiter}\r\n"
        )
        .as_bytes(),
    );
    for expected in [":1", ":1", ":1", ":1", ":0", ":0", ":0"] {
        assert_eq!(conn.read().to_string(), expected);
    }
    assert_eq!(conn.read().text(), "");
    let after = conn.line("CLIENT LIST").text().lines().count();
    assert_eq!(after, before - 2);
    assert_eq!(waiting.read_to_close(), b"");
    assert_eq!(subscribed.read_to_close(), b"");
    check(&mut conn, "LPOP queue", "job");
}

/// In one batch, likewise: whatever shows clients and what they have does not show who was killed.
#[test]
fn who_was_killed_is_gone_when_that_is_answered() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut victims: Vec<Conn> = (0..5).map(|_| server.connect()).collect();
    let ids: Vec<i64> = victims
        .iter_mut()
        .map(|victim| victim.line("CLIENT ID").int())
        .collect();
    victims[0].line("SUBSCRIBE news");
    victims[0].line("PSUBSCRIBE n*");
    victims[0].line("SSUBSCRIBE news");
    victims[1].line("CLIENT TRACKING ON");
    victims[2].line("WATCH key");
    victims[3].send_raw(b"BLPOP queue 0\r\n");
    victims[4].line("MONITOR");
    poll_until("it waits", || {
        seen(&mut conn, ids[3]).contains("cmd=blpop").then_some(())
    });
    let kill: String = ids.iter().map(|id| format!(" {id}")).collect();
    conn.send_raw(
        format!(
            "CLIENT KILL ID{kill}\r\nINFO clients\r\nPUBSUB NUMSUB news\r\n\
             PUBSUB SHARDCHANNELS\r\nPUBSUB NUMPAT\r\n"
        )
        .as_bytes(),
    );
    let killed = conn.read().int();
    let info = conn.read().text();
    assert_eq!(killed, 5);
    for (name, count) in [
        ("connected_clients", 1),
        ("blocked_clients", 0),
        ("tracking_clients", 0),
        ("pubsub_clients", 0),
        ("watching_clients", 0),
        ("monitor_clients", 0),
        ("total_blocking_keys", 0),
    ] {
        let line = format!("\r\n{name}:{count}\r\n");
        assert!(info.contains(&line), "{name} is not {count}: {info}");
    }
    for expected in ["[news :0]", "[]", ":0"] {
        assert_eq!(
            conn.read().to_string(),
            expected.replace("news", "\"news\"")
        );
    }
}

/// A stream of requests whose client is killed from another worker ends with the reply to that.
#[test]
fn nothing_of_who_was_killed_is_executed_later() {
    const REQUESTS: usize = 100_000;
    let server = Server::start(Options::new().set("server.workers", 2));
    let mut conn = server.connect();
    for _ in 0..20 {
        let mut others = [server.connect(), server.connect()];
        let ids = others.each_mut().map(|other| other.line("CLIENT ID").int());
        conn.line("SET n 0");
        let stream = "INCR n\r\n".repeat(REQUESTS);
        std::thread::scope(|scope| {
            let [first, second] = &mut others;
            scope.spawn(|| first.send_raw(stream.as_bytes()));
            scope.spawn(|| second.send_raw(stream.as_bytes()));
            poll_until("they are at it", || {
                (conn.line("GET n").text() != "0").then_some(())
            });
            let batch = format!(
                "CLIENT KILL ID {}\r\nCLIENT KILL ID {}\r\n{}",
                ids[0],
                ids[1],
                "GET n\r\n".repeat(100)
            );
            conn.send_raw(batch.as_bytes());
            assert_eq!((conn.read().int(), conn.read().int()), (1, 1));
            let first = conn.read().text();
            for _ in 1..100 {
                assert_eq!(conn.read().text(), first);
            }
        });
    }
}

/// Who is told of changes for another client is gone: the other is told of that, by the next change.
#[test]
fn a_redirect_to_who_was_killed_is_broken() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut target = server.connect();
    let id = target.line("CLIENT ID").int();
    target.line("SUBSCRIBE __redis__:invalidate");
    let mut tracking = server.connect3();
    tracking.line(&format!("CLIENT TRACKING ON REDIRECT {id}"));
    tracking.line("GET key");
    conn.send_raw(format!("MULTI\r\nCLIENT KILL ID {id}\r\nSET key 1\r\nEXEC\r\n").as_bytes());
    for _ in 0..4 {
        conn.read();
    }
    let told = tracking.read().to_string();
    assert_eq!(told, format!(">[\"tracking-redir-broken\" :{id}]"));
}
