//! Well-formed requests, however they arrive: RESP2 and RESP3, inline, pipelined, in pieces.

use crate::support::{Conn, Options, Reply, Server, check, encode, run, run_both};

#[test]
fn hello_switches_the_protocol() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let greeting = conn.line("HELLO");
    assert_eq!(field(&greeting, "proto"), Reply::Int(2));
    assert!(matches!(greeting, Reply::Array(_)), "{greeting}");
    run(&mut conn, "GET none -> nil");

    let greeting = conn.hello(3).line("HELLO");
    assert_eq!(field(&greeting, "proto"), Reply::Int(3));
    assert!(matches!(greeting, Reply::Map(_)), "{greeting}");
    assert_eq!(field(&greeting, "mode").text(), "standalone");
    assert_eq!(field(&greeting, "role").text(), "master");
    let id = conn.line("CLIENT ID");
    assert_eq!(field(&greeting, "id"), id);
    run(&mut conn, "GET none -> nil");

    let greeting = conn.hello(2).line("HELLO");
    assert!(matches!(greeting, Reply::Array(_)), "{greeting}");
    run(&mut conn, "GET none -> nil");
}

fn field(greeting: &Reply, name: &str) -> Reply {
    let pairs = greeting.pairs();
    let found = pairs
        .into_iter()
        .find(|(key, _)| key.bytes() == name.as_bytes());
    found.unwrap_or_else(|| panic!("no {name} in {greeting}")).1
}

#[test]
fn hello_refuses_what_it_does_not_know() {
    let server = Server::start(Options::new());
    let mut conn = server.connect3();
    run(
        &mut conn,
        "
        HELLO 1 -> -NOPROTO unsupported protocol version
        HELLO 4 -> -NOPROTO unsupported protocol version
        HELLO x -> -ERR Protocol version is not an integer or out of range
        HELLO 3 FOO -> -ERR Syntax error in HELLO option 'FOO'
        HELLO 3 SETNAME -> -ERR Syntax error in HELLO option 'SETNAME'
        HELLO 3 AUTH default -> -ERR Syntax error in HELLO option 'AUTH'
        HELLO 3 SETNAME 'a b' -> -ERR Client names cannot contain spaces, newlines or special characters.
        GET none -> nil
        HELLO 3 SETNAME fish -> *
        CLIENT GETNAME -> fish
        ",
    );
}

#[test]
fn hello_authenticates() {
    let server = Server::start(Options::new().password("sesame"));
    let mut conn = Conn::open(server.addr());
    run(
        &mut conn,
        "
        HELLO 3 -> -NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time
        HELLO 3 AUTH default wrong -> -WRONGPASS invalid username-password pair or user is disabled.
        PING -> -NOAUTH Authentication required.
        ",
    );
    let greeting = conn.line("HELLO 3 AUTH default sesame SETNAME bird");
    assert!(matches!(greeting, Reply::Map(_)), "{greeting}");
    conn.protocol = 3;
    run(&mut conn, "CLIENT GETNAME -> bird\n GET none -> nil");
}

#[test]
fn nulls_follow_the_protocol() {
    let server = Server::start(Options::new());
    let script = "
        GET none -> nil
        MGET none none -> [nil nil]
        SET k v XX -> nil
        CLIENT GETNAME -> nil
        WATCH k -> +OK
        SET k v -> +OK
        MULTI -> +OK
        PING -> +QUEUED
        EXEC -> nil[]
    ";
    run_both(&server, script);
}

#[test]
fn inline_requests() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    for (request, expected) in [
        (&b"PING\r\n"[..], "+PONG"),
        (b"PING\n", "+PONG"),
        (b"  PING\t x \r\n", "x"),
        (b"\"PING\"\r\n", "+PONG"),
        (b"ECHO \"\"\r\n", r#""""#),
        (b"ECHO \"\\x41\\n\\q\\\"\"\r\n", r#""A\nq\"""#),
        (b"ECHO 'a\\'b\\n'\r\n", r#""a'b\\n""#),
        (b"ECHO a'b'\r\n", "ab"),
        (b"\r\n\n  \r\nPING\r\n", "+PONG"),
        (b"*0\r\n*-1\r\n*-10\r\nPING\r\n", "+PONG"),
        (
            b"$4\r\n",
            "-ERR unknown command '$4', with args beginning with:…",
        ),
        (
            b"+PING\r\n",
            "-ERR unknown command '+PING', with args beginning with:…",
        ),
    ] {
        conn.send_raw(request);
        let reply = conn.reply();
        let verdict = crate::support::verdict(&reply, expected, 2);
        assert!(verdict.is_ok(), "{}: {reply}", request.escape_ascii());
    }
    check(&mut conn, "PING last", "last");
}

#[test]
fn a_long_inline_request_within_the_limit() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let text = "x".repeat(60_000);
    conn.send_raw(format!("ECHO {text}\r\n").as_bytes());
    assert_eq!(conn.reply().text(), text);
}

#[test]
fn bulk_strings_are_binary_and_their_line_end_is_not_looked_at() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let every_byte: Vec<u8> = (0..=255).collect();
    assert_eq!(conn.cmd(&[b"ECHO", &every_byte[..]]).bytes(), every_byte);
    assert_eq!(
        conn.cmd(&[&b"SET"[..], &every_byte, &every_byte]).text(),
        "OK"
    );
    assert_eq!(conn.cmd(&[&b"GET"[..], &every_byte]).bytes(), every_byte);
    conn.send_raw(b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n");
    assert_eq!([conn.reply().text(), conn.reply().text()], ["PONG", "PONG"]);
}

#[test]
fn pipelines_of_ten_thousand_are_answered_in_order() {
    const DEPTH: usize = 10_000;
    let server = Server::start(Options::new());
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        let requests: Vec<Vec<String>> = (0..DEPTH)
            .map(|i| match i % 4 {
                0 => vec!["SET".to_owned(), format!("k{i}"), i.to_string()],
                1 => vec!["GET".to_owned(), format!("k{}", i - 1)],
                2 => vec!["INCR".to_owned(), format!("k{}", i - 2)],
                _ => vec!["NOSUCH".to_owned(), i.to_string()],
            })
            .collect();
        for (i, reply) in conn.pipeline(&requests).into_iter().enumerate() {
            let expected = match i % 4 {
                0 => Reply::Simple(b"OK".to_vec()),
                1 => Reply::Bulk((i - 1).to_string().into_bytes()),
                2 => Reply::Int(i as i64 - 1),
                _ => Reply::Error(
                    format!("ERR unknown command 'NOSUCH', with args beginning with: '{i}' ")
                        .into_bytes(),
                ),
            };
            assert_eq!(reply, expected, "reply {i}");
        }
    }
}

#[test]
fn a_pipeline_whose_replies_outgrow_every_socket_buffer() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let value = "v".repeat(100_000);
    assert_eq!(conn.cmd(&["SET", "k", &value]).text(), "OK");
    let replies = conn.pipeline(&vec![vec!["GET", "k"]; 500]);
    assert!(
        replies
            .iter()
            .all(|reply| reply.bytes() == value.as_bytes())
    );
}

#[test]
fn requests_may_be_split_at_any_byte() {
    let server = Server::start(Options::new().set("server.workers", 1));
    let mut conn = server.connect();
    let mut other = server.connect();
    let mut stream = encode(&[&b"SET"[..], b"k\r\n", b"*1\r\n$4\r\nPING\r\n"]);
    stream.extend_from_slice(b"*0\r\nECHO 'a b'\r\n\r\n*-1\r\n");
    stream.extend_from_slice(&encode(&[&b"GET"[..], b"k\r\n"]));
    stream.extend_from_slice(b"PING\n");
    let expected = ["OK", "a b", "*1\r\n$4\r\nPING\r\n", "PONG"];
    for at in 1..stream.len() {
        let (head, tail) = stream.split_at(at);
        conn.send_raw(head);
        has_been_read(&mut other);
        conn.send_raw(tail);
        for text in expected {
            assert_eq!(conn.reply().text(), text, "split at {at}");
        }
    }
    for byte in &stream {
        conn.send_raw(&[*byte]);
        has_been_read(&mut other);
    }
    for text in expected {
        assert_eq!(conn.reply().text(), text, "byte by byte");
    }
}

/// Returns when a server with one worker has read what other connections have sent: what arrived
/// before the first PING is served, at the latest, together with it, and so before the second.
fn has_been_read(other: &mut Conn) {
    for _ in 0..2 {
        assert_eq!(other.cmd(&["PING"]).text(), "PONG");
    }
}

#[test]
fn complete_requests_are_answered_while_the_next_is_incomplete() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    conn.send_raw(b"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$5\r\nhe");
    assert_eq!(conn.reply().text(), "PONG");
    conn.send_raw(b"llo\r\n");
    assert_eq!(conn.reply().text(), "hello");
}

#[test]
fn requests_before_the_end_of_the_stream_are_answered() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    conn.send_raw(&encode(&["PING"]).repeat(100));
    conn.finish_sending();
    assert_eq!(conn.read_to_close(), b"+PONG\r\n".repeat(100));
}

#[test]
fn error_texts_hold_no_line_ends() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    for request in [
        vec!["fo\r\nbar"],
        vec!["foo", "a\r\n+b\r\nc"],
        vec!["CONFIG", "a\r\nb"],
        vec!["CLIENT", "a\nb"],
        vec!["HELLO", "3", "a\r\n+OK\r\n"],
        vec!["SCAN", "0", "a\r\nb"],
        vec!["CONFIG", "SET", "a\r\nb", "1"],
        vec!["CLIENT", "KILL", "a\r\nb"],
    ] {
        let replies = conn.pipeline(&[request.clone(), vec!["ECHO", "after"]]);
        assert!(replies[0].is_error(), "{request:?}: {}", replies[0]);
        assert_eq!(replies[1].text(), "after", "{request:?}");
    }
    run(
        &mut conn,
        r#"
        "fo\r\nbar" -> -ERR unknown command 'fo  bar', with args beginning with:…
        foo "a\r\n+b\r\nc" -> -ERR unknown command 'foo', with args beginning with: 'a  +b  c'…
        CONFIG "a\nb" -> -ERR unknown subcommand 'a b'. Try CONFIG HELP.
        "#,
    );
}

#[test]
fn unknown_commands_quote_a_bounded_part_of_the_request() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let name = conn.cmd(&["x".repeat(200)]).text();
    let cut = "x".repeat(128);
    assert_eq!(
        name,
        format!("ERR unknown command '{cut}', with args beginning with: ")
    );
    let mut request = vec!["foo".to_owned(), "y".repeat(30)];
    request.extend(vec!["z".repeat(20); 10]);
    let reply = conn.cmd(&request).text();
    let quoted = format!(
        "'{}' {}'zzz' ",
        "y".repeat(30),
        format!("'{}' ", "z".repeat(20)).repeat(4)
    );
    assert_eq!(
        reply,
        format!("ERR unknown command 'foo', with args beginning with: {quoted}")
    );
}

#[test]
fn one_request_is_one_frame() {
    let server = Server::start(Options::new());
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        for line in [
            "NOSUCH",
            "GET",
            "GET k extra",
            "SET k",
            "SET k v EX 0",
            "SET k v NX XX",
            "INCRBY k x",
            "EXEC",
            "DISCARD",
            "SELECT 99",
            "SELECT x",
            "COMMAND NOSUCH",
            "CONFIG GET nosuch",
            "OBJECT ENCODING nosuch",
            "MULTI",
            "GET",
            "EXEC",
            "MULTI",
            "MULTI",
            "EXEC",
            "KEYS *",
            "CLIENT",
            "DEBUG",
            "",
        ] {
            let request = crate::support::split_line(line);
            let request = if line.is_empty() {
                vec![Vec::new()]
            } else {
                request
            };
            let replies = conn.pipeline(&[request, vec![b"ECHO".to_vec(), b"mark".to_vec()]]);
            let mark = replies[1].to_string();
            assert!(
                mark == "\"mark\"" || mark == "+QUEUED",
                "{line}: {} {mark}",
                replies[0]
            );
        }
    }
}

#[test]
fn client_reply_off_skip_on() {
    let server = Server::start(Options::new());
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        conn.send_raw(b"CLIENT REPLY OFF\r\nPING\r\nSET k 1\r\nNOSUCH\r\nCLIENT REPLY ON\r\n");
        assert_eq!(
            conn.reply().to_string(),
            "+OK",
            "the reply to CLIENT REPLY ON"
        );
        check(&mut conn, "GET k", "1");

        conn.send_raw(b"CLIENT REPLY SKIP\r\nPING skipped\r\nPING seen\r\n");
        assert_eq!(conn.reply().text(), "seen");

        conn.send_raw(
            b"CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\nCLIENT REPLY ON\r\n",
        );
        assert_eq!(conn.reply().to_string(), "+OK");
        run(
            &mut conn,
            "CLIENT REPLY NO -> -ERR syntax error\n PING -> +PONG",
        );
    }
}

#[test]
fn quit_answers_and_closes() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    conn.send_raw(b"PING\r\nQUIT\r\nPING\r\n");
    assert_eq!(conn.read_to_close(), b"+PONG\r\n+OK\r\n");
}

#[test]
fn reset_returns_the_connection_to_its_start() {
    let server = Server::start(Options::new());
    let mut conn = server.connect3();
    run(
        &mut conn,
        "
        CLIENT SETNAME x -> +OK
        SELECT 3 -> +OK
        SET k three -> +OK
        MULTI -> +OK
        RESET -> +RESET
        ",
    );
    conn.protocol = 2;
    run(
        &mut conn,
        "
        EXEC -> -ERR EXEC without MULTI
        CLIENT GETNAME -> nil
        GET k -> nil
        SELECT 3 -> +OK
        GET k -> three
        ",
    );
}
