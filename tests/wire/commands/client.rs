//! CLIENT and its subcommands: GETNAME, SETNAME, SETINFO, ID, INFO, LIST, KILL, PAUSE, UNPAUSE,
//! REPLY, NO-EVICT, NO-TOUCH, UNBLOCK, HELP.

mod killed;
mod tracking;

use crate::support::{
    Conn, Options, Server, check, on_oracle, poll_until, run, run_both, with_time_enough,
};

const NAME_ERROR: &str = "-ERR Client names cannot contain spaces, newlines or special characters.";

/// The fields of one client's line.
fn fields(line: &str) -> Vec<(String, String)> {
    line.split_whitespace()
        .map(|field| {
            let (name, value) = field.split_once('=').expect("name=value");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

#[track_caller]
fn field(line: &str, name: &str) -> String {
    let fields = fields(line);
    let found = fields.into_iter().find(|(field, _)| field == name);
    found.unwrap_or_else(|| panic!("no {name} in {line}")).1
}

/// The line of the client with this id, from another's CLIENT LIST.
fn seen(conn: &mut Conn, id: i64) -> String {
    conn.line(&format!("CLIENT LIST ID {id}")).text()
}

#[test]
fn names() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        &format!(
            r#"
        CLIENT GETNAME -> nil
        CLIENT SETNAME one -> +OK
        CLIENT GETNAME -> one
        CLIENT SETNAME "a b" -> {NAME_ERROR}
        CLIENT SETNAME "a\n" -> {NAME_ERROR}
        CLIENT SETNAME "\xff" -> {NAME_ERROR}
        CLIENT GETNAME -> one
        CLIENT SETNAME "" -> +OK
        CLIENT GETNAME -> nil
        CLIENT SETNAME -> -ERR wrong number of arguments for 'client|setname' command
        CLIENT GETNAME x -> -ERR wrong number of arguments for 'client|getname' command
        CLIENT -> -ERR wrong number of arguments for 'client' command
        CLIENT NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.
        "#
        ),
    );
}

#[test]
fn setinfo_names_the_library() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new());
    run_both(
        &server,
        r#"
        CLIENT SETINFO LIB-NAME lib(x) -> +OK
        CLIENT SETINFO lib-ver 1.2.3 -> +OK
        CLIENT SETINFO LIB-VER "1 2" -> -ERR LIB-VER cannot contain spaces, newlines or special characters.
        CLIENT SETINFO nosuch x -> -ERR Unrecognized option 'nosuch'
        CLIENT SETINFO lib-name -> -ERR wrong number of arguments for 'client|setinfo' command
        RESET -> +RESET
        "#,
    );
    let mut conn = server.connect();
    run(
        &mut conn,
        "CLIENT SETINFO LIB-NAME lib\n CLIENT SETINFO LIB-VER 9\n RESET",
    );
    let line = conn.line("CLIENT INFO").text();
    assert_eq!(
        (field(&line, "lib-name"), field(&line, "lib-ver")),
        ("lib".into(), "9".into())
    );
}

#[test]
fn info_tells_the_truth() {
    let server = Server::start(Options::new().unix());
    let began = std::time::Instant::now();
    let mut conn = server.connect();
    let id = conn.line("CLIENT ID").int();
    run(
        &mut conn,
        "
        SELECT 3
        CLIENT SETNAME me
        WATCH a b
        CLIENT NO-EVICT ON
        ",
    );
    let line = conn.line("CLIENT INFO").text();
    assert!(
        line.ends_with('\n') && line.matches('\n').count() == 1,
        "{line}"
    );
    let names: Vec<String> = fields(&line).into_iter().map(|(name, _)| name).collect();
    let expected = "id addr laddr fd name age idle flags db sub psub ssub multi watch qbuf \
        qbuf-free argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp \
        lib-name lib-ver tot-net-in tot-net-out tot-cmds";
    if !on_oracle() {
        assert_eq!(names.join(" "), expected);
        assert_eq!(field(&line, "watch"), "2");
        assert_eq!(field(&line, "tot-cmds"), "5", "of those that are over");
    }
    for (name, value) in [
        ("id", id.to_string().as_str()),
        ("laddr", server.addr().to_string().as_str()),
        ("name", "me"),
        ("flags", "e"),
        ("db", "3"),
        ("multi", "-1"),
        ("cmd", "client|info"),
        ("user", "default"),
        ("redir", "-1"),
        ("resp", "2"),
    ] {
        assert_eq!(field(&line, name), value, "{name} in {line}");
    }
    for name in ["age", "idle"] {
        let seconds: u64 = field(&line, name).parse().expect("a number");
        assert!(seconds <= began.elapsed().as_secs(), "{name} in {line}");
    }
    let mut other = server.connect3();
    check(&mut other, "SELECT 3", "+OK");
    check(&mut other, "SET a changed", "+OK");
    assert_eq!(field(&seen(&mut other, id), "flags"), "de");
    check(&mut conn, "UNWATCH", "+OK");
    assert_eq!(field(&seen(&mut other, id), "flags"), "e");
    run(&mut conn, "MULTI\n SET k v\n SET k w");
    let line = seen(&mut other, id);
    let multi = [field(&line, "flags"), field(&line, "multi")];
    assert_eq!(multi, ["xe", "2"], "{line}");
    assert!(
        field(&line, "multi-mem").parse::<u64>().expect("a number") > 0,
        "{line}"
    );
    let mut unix = Conn::open_unix(&server.unix_path());
    let line = unix.line("CLIENT INFO").text();
    assert_eq!(field(&line, "flags"), "U");
    assert_eq!(
        field(&line, "addr"),
        format!("{}:0", server.unix_path().display())
    );
}

#[test]
fn a_request_in_the_making_is_seen() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let id = conn.line("CLIENT ID").int();
    let mut other = server.connect();
    let held = |other: &mut Conn| {
        field(&seen(other, id), "qbuf")
            .parse::<u64>()
            .expect("a number")
    };
    assert_eq!(held(&mut other), 0);
    conn.send_raw(b"*2\r\n$4\r\nECHO\r\n$1000\r\n");
    conn.send_raw(&[b'x'; 500]);
    poll_until("the partial request is held", || {
        (held(&mut other) >= 500).then_some(())
    });
    conn.send_raw(&[b'x'; 500]);
    conn.send_raw(b"\r\n");
    assert_eq!(conn.reply().text(), "x".repeat(1000));
    poll_until("an idle connection holds no buffers", || {
        let line = seen(&mut other, id);
        let zero = |name| field(&line, name) == "0";
        (zero("qbuf") && (on_oracle() || zero("qbuf-free")) && zero("omem")).then_some(())
    });
}

#[test]
fn list_selects() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut others: Vec<Conn> = (0..3).map(|_| server.connect()).collect();
    let ids: Vec<i64> = others
        .iter_mut()
        .map(|c| c.line("CLIENT ID").int())
        .collect();
    let all = conn.line("CLIENT LIST").text();
    assert_eq!(all.lines().count(), 4, "{all}");
    for request in [
        "CLIENT LIST TYPE normal",
        "CLIENT LIST type NORMAL",
        &format!("CLIENT LIST ID {} {} {} 99999 0 -1", ids[0], ids[1], ids[2]),
    ] {
        let lines = conn.line(request).text();
        let expected = if request.contains("99999") { 3 } else { 4 };
        assert_eq!(lines.lines().count(), expected, "{request}: {lines}");
    }
    run_both(
        &server,
        "
        CLIENT LIST TYPE pubsub -> =
        CLIENT LIST TYPE master -> =
        CLIENT LIST TYPE replica -> =
        CLIENT LIST TYPE slave -> =
        CLIENT LIST TYPE nosuch -> -ERR Unknown client type 'nosuch'
        CLIENT LIST TYPE -> -ERR syntax error
        CLIENT LIST ID -> -ERR syntax error
        CLIENT LIST ID abc -> -ERR Invalid client ID
        CLIENT LIST ID 1 abc -> -ERR Invalid client ID
        CLIENT LIST ID 1 '' -> -ERR Invalid client ID
        CLIENT LIST FOO -> -ERR syntax error
        CLIENT LIST FOO bar -> -ERR syntax error
        CLIENT LIST TYPE normal x -> -ERR syntax error
        CLIENT INFO x -> -ERR wrong number of arguments for 'client|info' command
        CLIENT ID x -> -ERR wrong number of arguments for 'client|id' command
        ",
    );
}

#[test]
fn list_selects_by_what_newer_servers_know() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut other = server.connect();
    let id = other.line("CLIENT ID").int();
    run(
        &mut other,
        "
        CLIENT SETNAME bird
        CLIENT SETINFO LIB-NAME lib
        CLIENT SETINFO LIB-VER 1.0
        CLIENT NO-EVICT ON
        SELECT 7
        ",
    );
    let address = field(&seen(&mut conn, id), "addr");
    for (filter, count) in [
        (&format!("ADDR {address}") as &str, 1),
        (&format!("NOT-ADDR {address}"), 1),
        (&format!("LADDR {}", server.addr()), 2),
        ("LADDR 1.2.3.4:5", 0),
        ("IP 127.0.0.1", 2),
        ("NOT-IP 127.0.0.1", 0),
        ("NAME bird", 1),
        ("NOT-NAME bird", 1),
        ("NAME fish", 0),
        ("LIB-NAME lib LIB-VER 1.0", 1),
        ("LIB-NAME lib LIB-VER 2.0", 0),
        ("NOT-LIB-NAME lib", 1),
        ("FLAGS e", 1),
        ("FLAGS N", 1),
        ("NOT-FLAGS e", 1),
        ("DB 7", 1),
        ("NOT-DB 7", 1),
        ("IDLE 1000", 0),
        ("MAXAGE 1000", 0),
        ("USER default", 2),
        ("NOT-USER default", 0),
        ("NOT-TYPE normal", 0),
        ("NOT-TYPE pubsub", 2),
        ("SKIPME yes", 1),
        ("SKIPME no", 2),
        (&format!("ID {id} SKIPME yes NAME bird"), 1),
        (&format!("NOT-ID {id}"), 1),
    ] {
        let lines = conn.line(&format!("CLIENT LIST {filter}")).text();
        assert_eq!(lines.lines().count(), count, "{filter}: {lines}");
    }
    run(
        &mut conn,
        "
        CLIENT LIST NOT-SKIPME yes -> -ERR syntax error
        CLIENT LIST NOT-FOO yes -> -ERR syntax error
        CLIENT LIST MAXAGE 0 -> -ERR maxage is not an integer or out of range
        CLIENT LIST IDLE x -> -ERR idle is not an integer or out of range
        CLIENT LIST DB x -> -ERR DB index is out of range
        CLIENT LIST SKIPME x -> -ERR syntax error
        ",
    );
}

#[test]
fn kill_by_address() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut victim = server.connect();
    let address = field(&victim.line("CLIENT INFO").text(), "addr");
    check(&mut conn, &format!("CLIENT KILL {address}"), "+OK");
    assert_eq!(victim.read_to_close(), b"");
    run_both(
        &server,
        "
        CLIENT KILL 1.2.3.4:5 -> -ERR No such client
        CLIENT KILL ID -> -ERR No such client
        CLIENT KILL -> -ERR wrong number of arguments for 'client|kill' command
        ",
    );
    poll_until("the victim is forgotten", || {
        let gone = conn.line(&format!("CLIENT KILL {address}")).text() == "ERR No such client";
        gone.then_some(())
    });
    // Oneself: the reply comes first, and nothing after it is executed.
    let own = field(&conn.line("CLIENT INFO").text(), "addr");
    conn.send_raw(format!("CLIENT KILL {own}\r\nSET after 1\r\n").as_bytes());
    assert_eq!(conn.read_to_close(), b"+OK\r\n");
    check(&mut server.connect(), "GET after", "nil");
}

#[test]
fn kill_by_filters() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let own = conn.line("CLIENT ID").int();
    let mut victims: Vec<Conn> = (0..4).map(|_| server.connect()).collect();
    let ids: Vec<i64> = victims
        .iter_mut()
        .map(|c| c.line("CLIENT ID").int())
        .collect();
    check(&mut conn, &format!("CLIENT KILL ID {}", ids[0]), ":1");
    assert_eq!(victims[0].read_to_close(), b"");
    let address = field(&victims[1].line("CLIENT INFO").text(), "addr");
    check(
        &mut conn,
        &format!("CLIENT KILL ADDR {address} USER default TYPE normal"),
        ":1",
    );
    assert_eq!(victims[1].read_to_close(), b"");
    check(&mut conn, &format!("CLIENT KILL ID {own}"), ":0");
    check(
        &mut conn,
        &format!("CLIENT KILL LADDR {}", server.addr()),
        ":2",
    );
    assert_eq!(victims[2].read_to_close(), b"");
    assert_eq!(victims[3].read_to_close(), b"");
    run(
        &mut conn,
        "
        CLIENT KILL ID 99999 -> :0
        CLIENT KILL ID 0 -> -ERR client-id should be greater than 0
        CLIENT KILL ID -1 -> -ERR client-id should be greater than 0
        CLIENT KILL ID abc -> -ERR client-id should be greater than 0
        CLIENT KILL TYPE nosuch -> -ERR Unknown client type 'nosuch'
        CLIENT KILL TYPE pubsub -> :0
        CLIENT KILL USER nosuch -> -ERR No such user 'nosuch'
        CLIENT KILL SKIPME x -> -ERR syntax error
        CLIENT KILL FOO x -> -ERR syntax error
        CLIENT KILL ID 1 ADDR -> -ERR syntax error
        CLIENT KILL ID 99999999 -1 -> -ERR syntax error
        CLIENT KILL ID 99999999 0 -> -ERR syntax error
        CLIENT KILL SKIPME yes -> :0
        ",
    );
    conn.send_raw(b"MULTI\r\nCLIENT KILL TYPE normal SKIPME no\r\nEXEC\r\nPING\r\n");
    let last = conn.read_to_close();
    assert_eq!(last, b"+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
}

#[test]
fn maxage_spares_the_young() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    run(
        &mut conn,
        "
        CLIENT KILL MAXAGE 100000 SKIPME no -> :0
        CLIENT KILL MAXAGE 0 -> -ERR maxage is not an integer or out of range
        CLIENT KILL MAXAGE x -> -ERR maxage is not an integer or out of range
        ",
    );
    let id = conn.line("CLIENT ID").int();
    poll_until("a second passes", || {
        (field(&seen(&mut conn, id), "age") != "0").then_some(())
    });
    check(&mut conn, "CLIENT KILL MAXAGE 1 SKIPME no", ":1");
    assert_eq!(conn.read_to_close(), b"");
}

#[test]
fn pause_of_writes_lets_reads_through() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut writer = server.connect();
    let id = writer.line("CLIENT ID").int();
    run(
        &mut conn,
        "SET k 1 -> +OK\n CLIENT PAUSE 100000 WRITE -> +OK\n GET k -> 1",
    );
    // The order within the connection is kept.
    writer.send_raw(b"GET k\r\nINCR k\r\nGET k\r\nINCR k\r\n");
    assert_eq!(writer.reply().text(), "1");
    poll_until("the write waits", || {
        field(&seen(&mut conn, id), "flags")
            .contains('b')
            .then_some(())
    });
    let mut transaction = server.connect();
    transaction.send_raw(b"MULTI\r\nGET k\r\nEXEC\r\n");
    for expected in ["+OK", "+QUEUED", "[1]"] {
        let reply = transaction.reply();
        assert!(
            crate::support::verdict(&reply, expected, 2).is_ok(),
            "{reply}"
        );
    }
    run(
        &mut conn,
        "GET k -> 1\n CLIENT UNBLOCK 1 -> :0\n CLIENT UNPAUSE -> +OK",
    );
    let replies = [writer.reply(), writer.reply(), writer.reply()].map(|reply| reply.to_string());
    assert_eq!(replies, [":2", "\"2\"", ":3"]);
    assert!(!field(&seen(&mut conn, id), "flags").contains('b'));
}

/// Streams of writes on two workers stand still from the reply on.
#[test]
fn nothing_is_written_after_a_pause_is_answered() {
    const REQUESTS: usize = 20_000;
    let server = Server::start(Options::new().set("server.workers", 2));
    let mut conn = server.connect();
    conn.line("SET n 0");
    let mut others = [server.connect(), server.connect()];
    let stream = "INCR n\r\n".repeat(REQUESTS);
    let batch = format!("CLIENT PAUSE 60000 WRITE\r\n{}", "GET n\r\n".repeat(100));
    std::thread::scope(|scope| {
        for other in &mut others {
            scope.spawn(|| {
                other.send_raw(stream.as_bytes());
                (0..REQUESTS).for_each(|_| assert!(!other.read().is_error()));
            });
        }
        poll_until("they are at it", || {
            (conn.line("GET n").text() != "0").then_some(())
        });
        while conn.line("GET n").text() != (2 * REQUESTS).to_string() {
            conn.send_raw(batch.as_bytes());
            assert_eq!(conn.read().text(), "OK");
            let first = conn.read().text();
            for _ in 1..100 {
                assert_eq!(conn.read().text(), first);
            }
            conn.line("CLIENT UNPAUSE");
        }
    });
}

#[test]
fn a_pause_ends_by_itself() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    check(&mut conn, "CLIENT PAUSE 100 ALL", "+OK");
    // However it was split: the request is whole, and waits.
    conn.send_raw(b"PI");
    conn.send_raw(b"NG\r\nSET k v\r\nGE");
    assert_eq!(conn.reply().text(), "PONG");
    conn.send_raw(b"T k\r\n");
    assert_eq!([conn.reply().text(), conn.reply().text()], ["OK", "v"]);
}

#[test]
fn a_pause_of_all_commands_holds_every_command() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let requests = [
        "PING",
        "CLIENT ID",
        "CLIENT LIST",
        "CLIENT UNPAUSE",
        "CLIENT PAUSE 1",
        "HELLO 2",
        "AUTH x",
        "MULTI",
        "CONFIG GET port",
        "QUIT",
    ];
    let mut held: Vec<Conn> = requests.iter().map(|_| server.connect()).collect();
    let before = std::time::Instant::now();
    check(&mut conn, "CLIENT PAUSE 400 ALL", "+OK");
    for (client, request) in held.iter_mut().zip(requests) {
        client.send_raw(format!("{request}\r\n").as_bytes());
    }
    // What cannot run is refused at once.
    check(&mut conn, "GET", "-ERR wrong number of arguments…");
    check(&mut conn, "NOSUCH", "-ERR unknown command…");
    for (client, request) in held.iter_mut().zip(requests) {
        client.read();
        // The pause began in a millisecond that had begun before.
        assert!(before.elapsed().as_millis() >= 399, "{request} ran");
    }
}

/// Waits until so much of the server's time has passed; in half a second its sweeps come by many
/// times.
fn time_passes(conn: &mut Conn, ms: u64) {
    let now_us = |conn: &mut Conn| {
        let time = conn.line("TIME");
        let parts: Vec<u64> = time
            .items()
            .iter()
            .map(|part| part.text().parse().expect("a number"))
            .collect();
        parts[0] * 1_000_000 + parts[1]
    };
    let start_us = now_us(conn);
    poll_until("time passes", || {
        (now_us(conn) > start_us + ms * 1000).then_some(())
    });
}

#[test]
fn nothing_expires_while_clients_are_paused() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let lifetime_ms = with_time_enough("it is there when the pause begins", 100, |ms| {
        run(
            &mut conn,
            &format!(
                "CLIENT UNPAUSE\n SET kept v\n SET gone v PX {ms}\n
                 CLIENT PAUSE 100000 WRITE -> +OK"
            ),
        );
        (conn.line("EXISTS gone").int() == 1).then_some(ms)
    });
    time_passes(&mut conn, lifetime_ms + 500);
    check(&mut conn, "DBSIZE", ":2");
    check(&mut conn, "CLIENT UNPAUSE", "+OK");
    poll_until("the key is removed", || {
        (conn.line("DBSIZE").int() == 1).then_some(())
    });
}

#[test]
fn nothing_is_evicted_while_clients_are_paused() {
    const KEYS: i64 = 300;
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let value = vec![b'x'; 100_000];
    for key in 0..KEYS {
        conn.cmd(&[b"SET", key.to_string().as_bytes(), &value]);
    }
    run(
        &mut conn,
        "
        CONFIG SET maxmemory-policy allkeys-lru -> +OK
        CLIENT PAUSE 100000 WRITE -> +OK
        CONFIG SET maxmemory 16mb -> +OK
        ",
    );
    time_passes(&mut conn, 500);
    check(&mut conn, "DBSIZE", &format!(":{KEYS}"));
    check(&mut conn, "CLIENT UNPAUSE", "+OK");
    poll_until("memory is back at its limit", || {
        conn.line("SET one v");
        (conn.line("DBSIZE").int() < 200).then_some(())
    });
}

#[test]
fn a_deep_pipeline_waits_whole_and_in_order() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut other = server.connect();
    check(&mut other, "CLIENT PAUSE 100000 WRITE", "+OK");
    let count = 5000;
    let mut bytes = Vec::new();
    for n in 0..count {
        bytes.extend_from_slice(&crate::support::encode(&["ECHO".into(), format!("{n}")]));
        bytes.extend_from_slice(&crate::support::encode(&["APPEND", "k", "x"]));
    }
    conn.send_raw(&bytes);
    assert_eq!(conn.reply().text(), "0");
    check(&mut other, "CLIENT UNPAUSE", "+OK");
    for n in 0..count {
        if n > 0 {
            assert_eq!(conn.reply().text(), n.to_string());
        }
        assert_eq!(conn.reply().int(), n + 1);
    }
}

#[test]
fn pause_refuses_what_it_does_not_know() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        "
        CLIENT PAUSE abc -> -ERR timeout is not an integer or out of range
        CLIENT PAUSE 1.5 -> -ERR timeout is not an integer or out of range
        CLIENT PAUSE 18446744073709551615 -> -ERR timeout is not an integer or out of range
        CLIENT PAUSE -1 -> -ERR timeout is negative
        CLIENT PAUSE 1 FOO -> -ERR CLIENT PAUSE mode must be WRITE or ALL
        CLIENT PAUSE abc FOO -> -ERR CLIENT PAUSE mode must be WRITE or ALL
        CLIENT PAUSE 1 WRITE x -> -ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.
        CLIENT PAUSE -> -ERR wrong number of arguments for 'client|pause' command
        CLIENT UNPAUSE x -> -ERR wrong number of arguments for 'client|unpause' command
        CLIENT PAUSE 0 -> +OK
        CLIENT PAUSE 9223372036854775806 WRITE -> +OK
        CLIENT UNPAUSE -> +OK
        PING -> +PONG
        CLIENT UNPAUSE -> +OK
        CLIENT UNPAUSE -> +OK
        ",
    );
}

#[test]
fn a_killed_client_stops_waiting() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut writer = server.connect();
    let id = writer.line("CLIENT ID").int();
    check(&mut conn, "CLIENT PAUSE 600000 WRITE", "+OK");
    writer.send_raw(b"SET k v\r\n");
    poll_until("the write waits", || {
        field(&seen(&mut conn, id), "flags")
            .contains('b')
            .then_some(())
    });
    check(&mut conn, &format!("CLIENT KILL ID {id}"), ":1");
    assert_eq!(writer.read_to_close(), b"");
    run(&mut conn, "CLIENT UNPAUSE -> +OK\n GET k -> nil");
}

#[test]
fn reply_modes() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    for (request, replies) in [
        ("CLIENT REPLY SKIP\r\nPING\r\nPING x\r\n", &["x"][..]),
        ("CLIENT REPLY SKIP\r\nNOSUCH\r\nPING x\r\n", &["x"]),
        ("CLIENT REPLY SKIP\r\nGET\r\nPING x\r\n", &["x"]),
        (
            "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING 1\r\nPING x\r\n",
            &["x"],
        ),
        (
            "CLIENT REPLY OFF\r\nPING\r\nMULTI\r\nSET k v\r\nEXEC\r\nCLIENT REPLY ON\r\nGET k\r\n",
            &["OK", "v"],
        ),
        (
            "CLIENT REPLY ON\r\nCLIENT REPLY maybe\r\n",
            &["OK", "ERR syntax error"],
        ),
    ] {
        conn.send_raw(request.as_bytes());
        for expected in replies {
            assert_eq!(conn.reply().text(), *expected, "{request}");
        }
    }
    check(&mut conn, "PING last", "last");
    if !on_oracle() {
        run(
            &mut conn,
            "MULTI -> +OK
            CLIENT REPLY OFF -> -ERR Command not allowed inside a transaction
            DISCARD -> +OK",
        );
    }
}

#[test]
fn protocol_errors_are_as_silent_as_replies() {
    if on_oracle() {
        // Nothing being sent, redis-server forgets to close.
        return;
    }
    let server = Server::start(Options::new());
    for mode in ["OFF", "SKIP"] {
        let mut conn = server.connect();
        conn.send_raw(format!("CLIENT REPLY {mode}\r\n*x\r\n").as_bytes());
        assert_eq!(conn.read_to_close(), b"", "{mode}");
    }
}

#[test]
fn silence_covers_what_runs_elsewhere() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    run(&mut conn, "SET a 1\n SET b 2");
    conn.send_raw(b"CLIENT REPLY SKIP\r\nDEBUG SLEEP 0.05\r\nPING after\r\n");
    assert_eq!(conn.reply().text(), "after");
    conn.send_raw(b"CLIENT REPLY OFF\r\nDEBUG SLEEP 0.05\r\nFLUSHALL\r\nKEYS *\r\nPING\r\nCLIENT REPLY ON\r\n");
    assert_eq!(conn.reply().text(), "OK");
    conn.send_raw(b"PING 1\r\nDEBUG SLEEP 0.05\r\nPING 2\r\nDEBUG SLEEP 0.05\r\n");
    let replies: Vec<String> = (0..4).map(|_| conn.reply().text()).collect();
    assert_eq!(replies, ["1", "OK", "2", "OK"]);
}

#[test]
fn switches() {
    let server = Server::start(Options::new());
    let script = "
        CLIENT NO-EVICT ON -> +OK
        CLIENT NO-EVICT off -> +OK
        CLIENT NO-EVICT maybe -> -ERR syntax error
        CLIENT NO-EVICT -> -ERR wrong number of arguments for 'client|no-evict' command
        CLIENT UNBLOCK 99999 -> :0
        CLIENT UNBLOCK 99999 TIMEOUT -> :0
        CLIENT UNBLOCK 99999 error -> :0
        CLIENT UNBLOCK 99999 X -> -ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR
        CLIENT UNBLOCK abc X -> -ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR
        CLIENT UNBLOCK abc -> -ERR value is not an integer or out of range
        CLIENT UNBLOCK 1 TIMEOUT x -> -ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.
    ";
    run_both(&server, script);
    if on_oracle() {
        return;
    }
    run_both(
        &server,
        "
        CLIENT NO-TOUCH on -> +OK
        CLIENT NO-TOUCH maybe -> -ERR syntax error
        CLIENT NO-TOUCH OFF -> +OK
        ",
    );
    let mut conn = server.connect();
    run(&mut conn, "CLIENT NO-TOUCH ON\n CLIENT NO-EVICT ON");
    assert_eq!(field(&conn.line("CLIENT INFO").text(), "flags"), "eT");
}

#[test]
fn help_names_every_subcommand() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let help = conn.line("CLIENT HELP");
    let lines: Vec<String> = help.items().iter().map(|line| line.text()).collect();
    assert!(lines[0].starts_with("CLIENT <subcommand>"), "{}", lines[0]);
    for name in [
        "GETNAME", "ID", "INFO", "KILL", "LIST", "PAUSE", "REPLY", "SETNAME", "HELP",
    ] {
        let named = lines
            .iter()
            .any(|line| line.split(' ').next() == Some(name));
        assert!(named, "{name}: {lines:?}");
    }
    check(
        &mut conn,
        "CLIENT HELP x",
        "-ERR wrong number of arguments for 'client|help' command",
    );
}

#[test]
fn what_clients_of_valkey_say() {
    if on_oracle() {
        return;
    }
    run_both(
        &Server::start(Options::new()),
        "
        CLIENT CAPA redirect -> +OK
        CLIENT CAPA redirect what-comes-later -> +OK
        CLIENT CAPA -> -ERR wrong number of arguments for 'client|capa' command
        CLIENT IMPORT-SOURCE ON -> -ERR Server is not in import mode
        CLIENT IMPORT-SOURCE off -> +OK
        CLIENT IMPORT-SOURCE maybe -> -ERR syntax error
        ",
    );
}
