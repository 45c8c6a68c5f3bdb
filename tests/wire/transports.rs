//! The same stream over TCP, a unix socket and TLS.

use crate::support::{Conn, Options, Reply, Server, on_oracle, run};

fn transports(server: &Server) -> Vec<(&'static str, Conn)> {
    let mut all = vec![
        ("tcp", server.connect()),
        ("unix", Conn::open_unix(&server.unix_path())),
    ];
    if !on_oracle() {
        all.push(("tls", server.connect_tls()));
    }
    all
}

fn start() -> Server {
    let options = Options::new().unix();
    // Debian's redis-server could speak TLS; that it is ours that does is what matters.
    Server::start(if on_oracle() { options } else { options.tls() })
}

#[test]
fn pipelines_are_answered_in_order() {
    const DEPTH: usize = 10_000;
    let server = start();
    for (name, mut conn) in transports(&server) {
        let requests: Vec<_> = (0..DEPTH)
            .map(|i| vec!["ECHO".to_owned(), i.to_string()])
            .collect();
        for (i, reply) in conn.pipeline(&requests).into_iter().enumerate() {
            assert_eq!(reply, Reply::Bulk(i.to_string().into_bytes()), "{name}");
        }
    }
}

#[test]
fn large_values_travel_whole() {
    const SIZE: usize = 20_000_000;
    let server = start();
    let value: Vec<u8> = (0..SIZE).map(|i| (i * 7 % 251) as u8).collect();
    for (name, mut conn) in transports(&server) {
        assert_eq!(
            conn.cmd(&[b"SET", name.as_bytes(), &value]).text(),
            "OK",
            "{name}"
        );
        assert!(conn.cmd(&["GET", name]).bytes() == value, "{name}");
    }
}

#[test]
fn protocol_errors_and_quit_close_with_their_reply() {
    let server = start();
    for (name, mut conn) in transports(&server) {
        conn.send_raw(b"PING\r\n*x\r\n");
        let expected = b"+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n";
        assert_eq!(conn.read_to_close(), expected, "{name}");
    }
    for (name, mut conn) in transports(&server) {
        conn.send_raw(b"PING\r\nQUIT\r\n");
        assert_eq!(conn.read_to_close(), b"+PONG\r\n+OK\r\n", "{name}");
    }
}

#[test]
fn resp3_is_spoken_on_each() {
    let server = start();
    for (_, mut conn) in transports(&server) {
        conn.hello(3);
        run(
            &mut conn,
            "DEL k\n SET k v XX -> nil\n SET k v -> +OK\n GET k -> v",
        );
    }
}
