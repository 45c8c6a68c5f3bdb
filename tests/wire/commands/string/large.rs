//! Strings so large that they are quoted rather than copied.

use crate::support::{Conn, Options, Server, check};

const SIZE: usize = 3 << 20;

fn start() -> (Server, Conn, Vec<u8>) {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let value: Vec<u8> = (0..SIZE).map(|at| (at * 31 % 251) as u8).collect();
    assert_eq!(conn.cmd(&[b"SET", &b"big"[..], &value]).text(), "OK");
    (server, conn, value)
}

#[test]
fn reading() {
    let (_server, mut conn, value) = start();
    check(&mut conn, "STRLEN big", &format!(":{SIZE}"));
    assert!(conn.line("GET big").bytes() == value);
    assert!(conn.line("GETRANGE big 0 -1").bytes() == value);
    assert!(conn.line("GETRANGE big 1000 -1001").bytes() == &value[1000..SIZE - 1000]);
    assert!(conn.line("GETRANGE big -10 -1").bytes() == &value[SIZE - 10..]);
    assert!(conn.line("MGET big none big").items()[2].bytes() == value);
    assert!(conn.cmd(&["GETSET", "big", "small"]).bytes() == value);
    check(&mut conn, "GET big", "small");
}

#[test]
fn what_was_quoted_is_not_changed_by_what_follows() {
    let (_server, mut conn, value) = start();
    let replies = conn.pipeline(&[
        vec!["GET", "big"],
        vec!["APPEND", "big", "tail"],
        vec!["GET", "big"],
        vec!["SETRANGE", "big", "0", "head"],
        vec!["SETRANGE", "big", "4000000", "end"],
        vec!["GETDEL", "big"],
        vec!["EXISTS", "big"],
    ]);
    assert!(replies[0].bytes() == value);
    assert_eq!(replies[1].int(), SIZE as i64 + 4);
    let mut changed = value;
    changed.extend_from_slice(b"tail");
    assert!(replies[2].bytes() == changed);
    changed[..4].copy_from_slice(b"head");
    changed.resize(4_000_000, 0);
    changed.extend_from_slice(b"end");
    assert_eq!(replies[4].int(), 4_000_003);
    assert!(replies[5].bytes() == changed);
    assert_eq!(replies[6].int(), 0);
}

#[test]
fn growing_out_of_the_entry_and_further() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let piece = "0123456789abcdef".repeat(8);
    let requests = vec![vec!["APPEND", "k", &piece]; 1000];
    for (count, reply) in conn.pipeline(&requests).iter().enumerate() {
        assert_eq!(reply.int() as usize, (count + 1) * piece.len());
    }
    assert!(conn.line("GET k").bytes() == piece.repeat(1000).as_bytes());
    check(&mut conn, "OBJECT ENCODING k", "raw");
}

#[test]
fn the_limit_holds_before_anything_is_allocated() {
    let server = Server::start(Options::new().set("limits.max_bulk_bytes", 1 << 20));
    let mut conn = server.connect();
    let too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    check(&mut conn, "SETRANGE k 1048575 x", ":1048576");
    check(&mut conn, "SETRANGE k 1048576 x", too_long);
    check(&mut conn, "SETRANGE none 1048576 x", too_long);
    check(&mut conn, "SETRANGE k 9223372036854775807 x", too_long);
    check(&mut conn, "APPEND k x", too_long);
    assert_eq!(conn.cmd(&["APPEND", "k", ""]).int(), 1 << 20);
    check(&mut conn, "STRLEN k", ":1048576");
    check(&mut conn, "EXISTS none", ":0");
    check(
        &mut conn,
        "LCS k k LEN",
        "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
    );
}
