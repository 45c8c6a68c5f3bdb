//! How the server ends: told by a signal, it finishes what it has received.

use std::net::TcpStream;
use std::time::Duration;

use crate::support::{
    Conn, Options, ReadError, Server, check, encode, on_oracle, poll_until, run, with_time_enough,
};

/// Who asks nothing for so long while the server drains is let go.
const DRAIN_IDLE: Duration = Duration::from_millis(500);

/// Waits until the drain has begun.
fn draining(server: &Server) {
    poll_until("the drain begins", || {
        server.log().contains("shutting down").then_some(())
    });
}

/// Waits until nobody is let in any more.
fn closed(server: &Server) {
    poll_until("new connections are refused", || {
        TcpStream::connect(server.addr()).err()
    });
}

#[test]
fn active_clients_are_served_and_idle_ones_are_let_go() {
    if on_oracle() {
        return;
    }
    let options = Options::new().set("server.shutdown_grace_period_secs", 600);
    with_time_enough("the active one stays active", 1, |_| {
        let mut server = Server::start(options.clone());
        let mut active = server.connect();
        let mut idle = server.connect();
        check(&mut idle, "PING", "+PONG");
        server.signal("TERM");
        draining(&server);
        idle.set_timeout(Duration::from_millis(1));
        active.keep_busy_until(DRAIN_IDLE, || {
            matches!(idle.try_read(), Err(ReadError::Closed(_)))
        })?;
        active.keep_busy_until(DRAIN_IDLE, || TcpStream::connect(server.addr()).is_err())?;
        active.keep_busy_until(DRAIN_IDLE, || true)?;
        drop(active);
        assert_eq!(server.wait_exit().code(), Some(0));
        Some(())
    });
}

#[test]
fn the_grace_period_is_the_end_for_all() {
    if on_oracle() {
        return;
    }
    let mut server = Server::start(Options::new().set("server.shutdown_grace_period_secs", 1));
    let mut active = server.connect();
    server.signal("INT");
    draining(&server);
    loop {
        active.send(&["PING"]);
        match active.try_read() {
            Ok(reply) => assert_eq!(reply.text(), "PONG"),
            Err(ReadError::Closed(_)) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(server.wait_exit().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once_and_says_so() {
    if on_oracle() {
        return;
    }
    let mut server = Server::start(Options::new().set("server.shutdown_grace_period_secs", 600));
    let mut conn = server.connect();
    check(&mut conn, "CLIENT PAUSE 600000 WRITE", "+OK");
    // It waits, so it is not idle, and keeps the drain from ending.
    conn.send_raw(b"SET k v\r\n");
    server.signal("TERM");
    draining(&server);
    closed(&server);
    server.signal("TERM");
    let status = server.wait_exit();
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    poll_until("the log tells of it", || {
        server.log().contains("second time").then_some(())
    });
}

#[test]
fn what_was_received_is_answered() {
    if on_oracle() {
        return;
    }
    let mut server = Server::start(Options::new().set("server.shutdown_grace_period_secs", 600));
    let mut slow = server.connect();
    let value = vec![b'x'; 100_000];
    run(&mut slow, "SELECT 1 -> +OK");
    assert_eq!(slow.cmd(&[&b"SET"[..], b"k", &value]).text(), "OK");
    let id = slow.line("CLIENT ID").int();
    let mut other = server.connect();
    slow.send_raw(&encode(&["GET", "k"]).repeat(200));
    poll_until("more is owed than the socket takes", || {
        let line = other.line(&format!("CLIENT LIST ID {id}")).text();
        line.contains("events=rw").then_some(())
    });
    let mut waiting = server.connect();
    waiting.send_raw(b"DEBUG SLEEP 1\r\nPING\r\n");
    poll_until("the long work has begun", || {
        let offloaded = other.line("INFO stats").text();
        offloaded.contains("offloaded_commands:1").then_some(())
    });
    drop(other);
    server.signal("TERM");
    closed(&server);
    assert_eq!(
        [waiting.reply().text(), waiting.reply().text()],
        ["OK", "PONG"]
    );
    assert_eq!(waiting.read_to_close(), b"");
    for _ in 0..200 {
        assert!(slow.reply().bytes() == value);
    }
    assert_eq!(slow.read_to_close(), b"");
    assert_eq!(server.wait_exit().code(), Some(0));
}

#[test]
fn clients_that_wait_to_log_in_do_not_hold_it_up() {
    if on_oracle() {
        return;
    }
    let options = Options::new().password("sesame").tls();
    let mut server = Server::start(options.set("server.shutdown_grace_period_secs", 600));
    let mut stranger = Conn::open(server.addr());
    // Never shakes hands.
    let handshake = TcpStream::connect(server.tls_addr()).expect("connect");
    server.signal("TERM");
    assert_eq!(stranger.read_to_close(), b"");
    assert_eq!(server.wait_exit().code(), Some(0));
    drop(handshake);
}
