//! `BZPOPMIN`, `BZPOPMAX` and `BZMPOP` that wait.

use super::start;
use crate::support::{Conn, Server, check, poll_until, split_line, verdict};

/// Waits until so many clients are blocked.
fn await_blocked(server: &Server, count: usize) {
    let mut conn = server.connect();
    let wanted = format!("blocked_clients:{count}\r");
    poll_until("clients are blocked", || {
        let info = conn.line("INFO clients").text();
        info.contains(&wanted).then_some(())
    });
}

fn send(conn: &mut Conn, line: &str) {
    conn.send(&split_line(line));
}

#[track_caller]
fn receive(conn: &mut Conn, expected: &str) {
    let reply = conn.read();
    verdict(&reply, expected, conn.protocol).unwrap_or_else(|why| panic!("{reply}: {why}"));
}

#[test]
fn waiters_are_served_in_order() {
    let server = start();
    let (mut first, mut second, mut third) =
        (server.connect(), server.connect3(), server.connect());
    send(&mut first, "BZPOPMIN none z 0");
    await_blocked(&server, 1);
    send(&mut second, "BZPOPMAX z 0");
    await_blocked(&server, 2);
    send(&mut third, "BZMPOP 0 2 z other MIN COUNT 2");
    await_blocked(&server, 3);
    let mut writer = server.connect();
    check(&mut writer, "ZADD z 1 a 2 b 3 c 4 d 5 e", ":5");
    receive(&mut first, "[z a 1]");
    receive(&mut second, "[z e ,5]");
    receive(&mut third, "[z [[b 2] [c 3]]]");
    check(&mut writer, "ZRANGE z 0 -1", "[d]");
}

#[test]
fn all_that_stores_wakes() {
    let server = start();
    let mut writer = server.connect();
    check(&mut writer, "ZADD src 1 a", ":1");
    check(&mut writer, "GEOADD geo 13 38 a", ":1");
    for store in [
        "ZINCRBY z 1 a",
        "ZUNIONSTORE z 1 src",
        "ZINTERSTORE z 1 src",
        "ZDIFFSTORE z 1 src",
        "ZRANGESTORE z src 0 -1",
        "GEOADD z 13 38 a",
        "GEOSEARCHSTORE z geo FROMLONLAT 13 38 BYRADIUS 10 km",
        "GEORADIUS geo 13 38 10 km STORE z",
        "COPY src z",
        "RENAME src z",
    ] {
        let mut waiter = server.connect();
        send(&mut waiter, "BZPOPMIN z 0");
        await_blocked(&server, 1);
        assert!(!writer.line(store).is_error(), "{store}");
        receive(&mut waiter, "[z a *]");
        await_blocked(&server, 0);
    }
}

#[test]
fn other_types_do_not_wake() {
    let server = start();
    let mut waiter = server.connect();
    send(&mut waiter, "BZPOPMIN z 0");
    await_blocked(&server, 1);
    let mut writer = server.connect();
    check(&mut writer, "SET z x", "+OK");
    check(&mut writer, "DEL z", ":1");
    check(&mut writer, "MULTI", "+OK");
    check(&mut writer, "ZADD z 1 a", "+QUEUED");
    check(&mut writer, "DEL z", "+QUEUED");
    check(&mut writer, "EXEC", "[:1 :1]");
    check(&mut writer, "ZADD z 2 b", ":1");
    receive(&mut waiter, "[z b 2]");
}

#[test]
fn waiting_ends_with_its_time() {
    let server = start();
    let mut conn = server.connect();
    check(&mut conn, "BZPOPMIN z 0.01", "nil[]");
    check(&mut conn, "BZMPOP 0.01 1 z MAX", "nil[]");
    let mut conn = server.connect3();
    check(&mut conn, "BZPOPMAX z 0.01", "nil");
    check(&mut conn, "BZMPOP 0.01 1 z MAX", "nil");
}
