//! DEBUG.

use crate::support::{Options, Server, check, on_oracle, poll_until, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn it_must_be_allowed() {
    if on_oracle() {
        return;
    }
    let denied = "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \
                  \"local\", you can run it from a local connection, otherwise you need to set \
                  this option in the configuration file, and then restart the server.";
    let key = "security.enable_debug_command";
    let server = Server::start(Options::new().set(key, "no"));
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        check(&mut conn, "DEBUG SLEEP 0", denied);
        check(&mut conn, "DEBUG HELP", denied);
        run(
            &mut conn,
            "DEBUG -> -ERR wrong number of arguments for 'debug' command",
        );
        run(
            &mut conn,
            "CONFIG SET enable-debug-command yes -> -…can't set immutable config",
        );
        run(
            &mut conn,
            "MULTI -> +OK\n DEBUG SLEEP 0 -> !\n EXEC -> -EXECABORT…",
        );
    }
    let server = Server::start(Options::new().set(key, "local"));
    check(&mut server.connect(), "DEBUG SLEEP 0", "+OK");
}

#[test]
fn every_type_of_reply_can_be_had() {
    run_both(
        &start(),
        r#"
        DEBUG PROTOCOL string -> Hello World
        DEBUG PROTOCOL INTEGER -> :12345
        DEBUG PROTOCOL double -> ,3.141
        DEBUG PROTOCOL null -> nil
        DEBUG PROTOCOL array -> [:0 :1 :2]
        DEBUG PROTOCOL set -> ~[:0 :1 :2]
        DEBUG PROTOCOL map -> {:0 #f :1 #t :2 #f}
        DEBUG PROTOCOL verbatim -> ="This is a verbatim\nstring"
        DEBUG PROTOCOL true -> #t
        DEBUG PROTOCOL false -> #f
        DEBUG PROTOCOL bignum -> (1234567999999999999999999999999999999
        DEBUG PROTOCOL nosuch -> -ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false
        DEBUG ERROR "" -> -
        DEBUG ERROR "ERR hi there" -> -ERR hi there
        DEBUG ERROR "MINE a\r\nb" -> -MINE a  b
        PING -> +PONG
        "#,
    );
}

#[test]
fn pushes_and_attributes_need_resp3() {
    let server = start();
    run(
        &mut server.connect(),
        "
        DEBUG PROTOCOL attrib -> Some real reply following the attribute
        DEBUG PROTOCOL push -> -ERR RESP2 is not supported by this command
        PING -> +PONG
        ",
    );
    let mut conn = server.connect3();
    conn.send(&["DEBUG", "PROTOCOL", "push"]);
    assert_eq!(conn.read().to_string(), r#">["server-cpu-usage" :42]"#);
    assert_eq!(
        conn.read().text(),
        "Some real reply following the push reply"
    );
    let mut raw = server.connect3();
    raw.send_raw(b"DEBUG PROTOCOL attrib\r\nQUIT\r\n");
    let expected = b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n\
                     $39\r\nSome real reply following the attribute\r\n+OK\r\n";
    assert_eq!(
        raw.read_to_close().escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

#[test]
fn objects_are_described() {
    run_both(
        &start(),
        "
        DEBUG OBJECT none -> -ERR no such key
        SET int 1 -> +OK
        DEBUG OBJECT int -> +Value at:0x… refcount:… encoding:int serializedlength:2 lru:… lru_seconds_idle:…
        SET short v -> +OK
        DEBUG OBJECT short -> +Value at:0x… refcount:1 encoding:embstr serializedlength:2 lru:… lru_seconds_idle:…
        SETRANGE long 99 x -> :100
        DEBUG OBJECT long -> +Value at:… encoding:raw …
        SELECT 1 -> +OK
        DEBUG OBJECT int -> -ERR no such key
        MULTI -> +OK
        SET here 1 -> +QUEUED
        DEBUG OBJECT here -> +QUEUED
        DEBUG OBJECT none -> +QUEUED
        DEBUG SLEEP 0 -> +QUEUED
        EXEC -> [+OK +…encoding:int… -\"ERR no such key\" +OK]
        ",
    );
}

#[test]
fn refusals_and_the_rest() {
    let usage = |name: &str| {
        format!(
            "-ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
        )
    };
    let server = start();
    for protocol in [2, 3] {
        let mut conn = server.connect();
        conn.hello(protocol);
        for line in [
            "nosuch",
            "SLEEP",
            "SLEEP 0 1",
            "OBJECT",
            "ERROR",
            "ERROR a b",
            "LOG",
        ] {
            let name = line.split(' ').next().unwrap_or_default();
            check(&mut conn, &format!("DEBUG {line}"), &usage(name));
        }
        run(
            &mut conn,
            "
            DEBUG -> -ERR wrong number of arguments for 'debug' command
            DEBUG SLEEP x -> +OK
            DEBUG SLEEP -1 -> +OK
            DEBUG SLEEP 0.001 -> +OK
            DEBUG LOG hello -> +OK
            DEBUG HTSTATS 0 -> =[Dictionary HT]…
            DEBUG HTSTATS x -> -ERR value is not an integer or out of range
            DEBUG HTSTATS 16 -> -ERR Out of range database
            DEBUG HTSTATS -1 -> -ERR Out of range database
            DEBUG HELP -> *
            ",
        );
    }
    poll_until("the message is in the log", || {
        server.log().contains("hello").then_some(())
    });
}

#[test]
fn a_sleeper_keeps_nobody_waiting() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("server.workers", 1));
    let mut sleeper = server.connect();
    sleeper.send_raw(b"DEBUG SLEEP 1\r\nPING\r\n");
    // A thousand round trips take part of the second; all of them come before the sleeper's reply.
    let mut conn = server.connect();
    for n in 1..=1000 {
        check(&mut conn, "INCR n", &format!(":{n}"));
    }
    assert_eq!(sleeper.reply().text(), "OK");
    assert_eq!(sleeper.reply().text(), "PONG");
}

#[test]
fn expired_keys_stay_while_nobody_looks_for_them() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "DEBUG SET-ACTIVE-EXPIRE 0 -> +OK\n SET k v PX 1 -> +OK",
    );
    // Several rounds of the search for expired keys would fit in here.
    run(
        &mut conn,
        "DEBUG SLEEP 0.3 -> +OK\n DBSIZE -> :1\n DEBUG SET-ACTIVE-EXPIRE 1 -> +OK",
    );
    poll_until("the key is found and removed", || {
        (conn.line("DBSIZE").int() == 0).then_some(())
    });
    let stats = conn.line("INFO stats").text();
    assert!(stats.contains("\nexpired_keys:1\r\n"), "{stats}");
}

#[test]
fn a_panic_ends_its_connection_and_no_other() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("server.workers", 1));
    let mut conn = server.connect();
    run(&mut conn, "SET k v -> +OK");
    for n in 0..5 {
        let mut unlucky = server.connect();
        // The replies before it are lost with it; they must not reach anybody else.
        unlucky.send_raw(b"ECHO secret\r\nDEBUG PANIC\r\nECHO never\r\n");
        unlucky.read_to_close();
        run(&mut conn, "GET k -> v\n ECHO mine -> mine");
        let mut locked = server.connect();
        locked.send_raw(b"MULTI\r\nINCR n\r\nDEBUG PANIC\r\nEXEC\r\n");
        locked.read_to_close();
        check(&mut conn, "GET n", &(n + 1).to_string());
        conn.send_raw(b"*2\r\n$3\r\nGE");
        conn.send_raw(b"T\r\n$1\r\nk\r\n");
        assert_eq!(conn.reply().text(), "v");
    }
    let stats = conn.line("INFO stats").text();
    assert!(stats.contains("\nrequest_panics:10\r\n"), "{stats}");
    let clients = conn.line("INFO clients").text();
    assert!(clients.contains("\nconnected_clients:1\r\n"), "{clients}");
}
