//! Malformed input: Redis's words, then the end of the connection.

use crate::support::{Conn, Options, Server, check};

/// Sends bytes, expects the protocol error and the close, and that others are still served.
#[track_caller]
fn refused(server: &Server, bytes: &[u8], expected: &str) {
    let mut conn = Conn::open(server.addr());
    conn.send_raw(bytes);
    let got = conn.read_to_close();
    let shown = bytes[..bytes.len().min(60)].escape_ascii();
    let expected = format!("-ERR Protocol error: {expected}\r\n");
    assert_eq!(String::from_utf8_lossy(&got), expected, "for {shown}");
    check(&mut server.connect(), "PING", "+PONG");
}

#[test]
fn multibulk_lengths() {
    let server = Server::start(Options::new());
    for header in [
        "*abc",
        "*",
        "*+1",
        "* 1",
        "*01",
        "*1a",
        "*1 ",
        "*-",
        "*--1",
        "*1.0",
        "*2147483648",
        "*4294967297",
        "*99999999999999999999",
    ] {
        let bytes = format!("{header}\r\nPING\r\n");
        refused(&server, bytes.as_bytes(), "invalid multibulk length");
    }
    refused(
        &server,
        b"*1\n$4\nPING\nPING\r\n",
        "invalid multibulk length",
    );
}

#[test]
fn bulk_lengths() {
    let server = Server::start(Options::new());
    for header in [
        "$abc",
        "$",
        "$-1",
        "$-5",
        "$04",
        "$+4",
        "$4 ",
        "$536870913",
        "$4294967300",
        "$9223372036854775808",
    ] {
        let bytes = format!("*2\r\n$4\r\nECHO\r\n{header}\r\nPING\r\n");
        refused(&server, bytes.as_bytes(), "invalid bulk length");
    }
}

#[test]
fn the_largest_bulk_length_is_only_a_promise() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    conn.send_raw(b"*2\r\n$4\r\nECHO\r\n$536870912\r\nabc");
    check(&mut server.connect(), "PING", "+PONG");
    conn.finish_sending();
    assert_eq!(conn.read_to_close(), b"");
}

#[test]
fn something_else_than_a_bulk_string() {
    let server = Server::start(Options::new());
    for (bytes, got) in [
        ("*1\r\n+PING\r\n", '+'),
        ("*1\r\nPING\r\n", 'P'),
        ("*2\r\n$4\r\nECHO\r\n:1\r\n", ':'),
        ("*1\r\n*1\r\n$4\r\nPING\r\n", '*'),
        // A line end is shown as a blank: error texts hold none.
        ("*1\r\n\r\n", ' '),
        ("*1\r\n\n\r\n", ' '),
    ] {
        refused(
            &server,
            bytes.as_bytes(),
            &format!("expected '$', got '{got}'"),
        );
    }
}

#[test]
fn lines_that_do_not_end() {
    let server = Server::start(Options::new());
    let endless = |head: &str, byte: &str| format!("{head}{}", byte.repeat(70_000)).into_bytes();
    refused(&server, &endless("*", "1"), "too big mbulk count string");
    refused(
        &server,
        &endless("*1\r\n$", "1"),
        "too big bulk count string",
    );
    refused(
        &server,
        &endless("*1\r\n", "$"),
        "too big bulk count string",
    );
    refused(&server, &endless("", "a"), "too big inline request");
}

#[test]
fn unbalanced_quotes() {
    let server = Server::start(Options::new());
    for line in [
        r#"ECHO "abc"#,
        r#"ECHO "abc"d"#,
        "ECHO 'abc",
        "ECHO 'a'b",
        r#"ECHO "abc\""#,
        r"ECHO 'abc\'",
        "ECHO \"a\nb\"",
    ] {
        let bytes = format!("{line}\r\n");
        refused(&server, bytes.as_bytes(), "unbalanced quotes in request");
    }
}

#[test]
fn requests_before_the_error_are_answered() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    conn.send_raw(b"PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n");
    let expected = b"+PONG\r\n+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n";
    assert_eq!(conn.read_to_close(), expected);
}

#[test]
fn limits_before_authentication() {
    let server = Server::start(Options::new().password("sesame"));
    refused(&server, b"*11\r\n", "unauthenticated multibulk length");
    refused(&server, b"*1\r\n$16385\r\n", "unauthenticated bulk length");
    refused(&server, b"*11a\r\n", "invalid multibulk length");
    refused(&server, b"*1\r\n$-1\r\n", "invalid bulk length");
    refused(&server, &[b'a'; 70_000], "too big inline request");

    let mut conn = Conn::open(server.addr());
    let most: Vec<Vec<u8>> = vec![vec![b'x'; 16_384]; 10];
    assert!(conn.cmd(&most[..1]).is_error());
    check(&mut conn, "AUTH default sesame", "+OK");
    let beyond: Vec<Vec<u8>> = [vec![b"DEL".to_vec()], vec![vec![b'x'; 20_000]; 11]].concat();
    assert_eq!(conn.cmd(&beyond).to_string(), ":0");
}

#[test]
fn http_requests_end_the_connection_without_a_word() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    check(&mut conn, "SET k v", "+OK");
    for bytes in [
        &b"POST / HTTP/1.1\r\nHost: x\r\n\r\nDEL k\r\n"[..],
        b"Host: x\r\nDEL k\r\n",
        b"post\r\nDEL k\r\n",
        b"*1\r\n$4\r\nPOST\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n",
        b"*1\r\n$5\r\nhOsT:\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n",
    ] {
        let mut attacker = Conn::open(server.addr());
        attacker.send_raw(bytes);
        assert_eq!(attacker.read_to_close(), b"", "{}", bytes.escape_ascii());
    }
    // GET is a command; the header after it gives the browser away.
    let mut attacker = Conn::open(server.addr());
    attacker.send_raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nDEL k\r\n");
    let words = attacker.read_to_close();
    assert!(
        words.is_empty() || words.starts_with(b"-ERR wrong number"),
        "{}",
        words.escape_ascii()
    );
    check(&mut conn, "GET k", "v");
}
