//! Commands on the connection itself: PING, ECHO, SELECT, AUTH, HELLO, RESET, QUIT.

use crate::support::{Conn, Options, Reply, Server, check, on_oracle, run, run_both};

const WRONGPASS: &str = "-WRONGPASS invalid username-password pair or user is disabled.";

#[test]
fn ping_and_echo() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        r#"
        PING -> +PONG
        PING hello -> hello
        PING "a\r\nb" -> "a\r\nb"
        PING a b -> -ERR wrong number of arguments for 'ping' command
        ECHO hello -> hello
        ECHO "" -> ""
        ECHO -> -ERR wrong number of arguments for 'echo' command
        ECHO a b -> -ERR wrong number of arguments for 'echo' command
        "#,
    );
}

#[test]
fn select_chooses_the_database() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        "
        SET k zero -> +OK
        SELECT 15 -> +OK
        GET k -> nil
        SET k fifteen -> +OK
        SELECT 0 -> +OK
        GET k -> zero
        SELECT 16 -> -ERR DB index is out of range
        SELECT -1 -> -ERR DB index is out of range
        SELECT 2147483648 -> -ERR value is out of range, value must between -2147483648 and 2147483647
        SELECT 9223372036854775808 -> -ERR value is not an integer or out of range
        SELECT one -> -ERR value is not an integer or out of range
        SELECT 01 -> -ERR value is not an integer or out of range
        SELECT -> -ERR wrong number of arguments for 'select' command
        GET k -> zero
        SELECT 15 -> +OK
        DEL k -> :1
        SELECT 0 -> +OK
        DEL k -> :1
        ",
    );
}

#[test]
fn auth_without_a_password() {
    let server = Server::start(Options::new());
    run_both(
        &server,
        &format!(
            "
        AUTH x -> -ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
        AUTH default anything -> +OK
        AUTH other anything -> {WRONGPASS}
        AUTH a b c -> -ERR syntax error
        AUTH -> -ERR wrong number of arguments for 'auth' command
        PING -> +PONG
        "
        ),
    );
}

#[test]
fn auth_with_a_password() {
    let server = Server::start(Options::new().password("sesame"));
    let mut conn = Conn::open(server.addr());
    run(
        &mut conn,
        &format!(
            "
        PING -> -NOAUTH Authentication required.
        GET k -> -NOAUTH Authentication required.
        NOSUCH -> -ERR unknown command 'NOSUCH', with args beginning with:…
        GET -> -ERR wrong number of arguments for 'get' command
        AUTH wrong -> {WRONGPASS}
        AUTH default wrong -> {WRONGPASS}
        AUTH Default sesame -> {WRONGPASS}
        PING -> -NOAUTH Authentication required.
        AUTH sesame -> +OK
        PING -> +PONG
        AUTH wrong -> {WRONGPASS}
        PING -> +PONG
        RESET -> +RESET
        PING -> -NOAUTH Authentication required.
        AUTH default sesame -> +OK
        PING -> +PONG
        "
        ),
    );
    let mut conn = Conn::open(server.addr());
    run(&mut conn, "QUIT -> +OK");
    assert_eq!(conn.read_to_close(), b"");
}

#[test]
fn hello_greets() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let id = conn.line("CLIENT ID").int();
    for (request, open, close) in [
        ("HELLO", "", ""),
        ("HELLO 2", "", ""),
        ("HELLO 3", "{", "}"),
    ] {
        let (open, close) = if open.is_empty() {
            ("[", "]")
        } else {
            (open, close)
        };
        let proto = if request == "HELLO 3" { 3 } else { 2 };
        conn.protocol = proto;
        let version = if on_oracle() { "…" } else { "7.4.0" };
        check(
            &mut conn,
            request,
            &format!(
                "{open}server redis version {version} proto :{proto} id :{id} \
                 mode standalone role master modules []{close}"
            ),
        );
    }
    run(
        &mut conn,
        "
        HELLO 3 SETNAME a AUTH default x -> *
        CLIENT GETNAME -> a
        HELLO 3 AUTH other x -> -WRONGPASS invalid username-password pair or user is disabled.
        HELLO 3 auth default -> -ERR Syntax error in HELLO option 'auth'
        HELLO 2.0 -> -ERR Protocol version is not an integer or out of range
        GET none -> nil
        ",
    );
}

#[test]
fn reset_forgets_everything() {
    let server = Server::start(Options::new());
    let mut conn = server.connect3();
    run(
        &mut conn,
        "
        CLIENT SETNAME me -> +OK
        SELECT 5 -> +OK
        WATCH k -> +OK
        MULTI -> +OK
        SET k v -> +QUEUED
        RESET -> +RESET
        ",
    );
    conn.protocol = 2;
    let info = conn.line("CLIENT INFO").text();
    for field in [" name= ", " flags=N ", " db=0 ", " multi=-1 ", " resp=2"] {
        assert!(info.contains(field), "{field} in {info}");
    }
    if !on_oracle() {
        run(
            &mut conn,
            "CLIENT NO-EVICT ON\n CLIENT NO-TOUCH ON\n RESET -> +RESET",
        );
        assert!(conn.line("CLIENT INFO").text().contains(" flags=N "));
    }
    run(
        &mut conn,
        "
        EXEC -> -ERR EXEC without MULTI
        GET k -> nil
        RESET x -> -ERR wrong number of arguments for 'reset' command
        ",
    );
    conn.send_raw(b"CLIENT REPLY OFF\r\nPING\r\nRESET\r\nPING\r\n");
    assert_eq!(conn.reply(), Reply::Simple(b"RESET".to_vec()));
    assert_eq!(conn.reply(), Reply::Simple(b"PONG".to_vec()));
}

#[test]
fn quit_inside_a_transaction_closes() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    conn.send_raw(b"MULTI\r\nSET k v\r\nQUIT\r\nEXEC\r\n");
    assert_eq!(conn.read_to_close(), b"+OK\r\n+QUEUED\r\n+OK\r\n");
    check(&mut server.connect(), "GET k", "nil");
}

#[test]
fn a_password_set_and_removed_under_running_clients() {
    let server = Server::start(Options::new());
    let mut before = server.connect();
    run(
        &mut before,
        "CONFIG SET requirepass sesame -> +OK\n PING -> +PONG",
    );
    let mut after = Conn::open(server.addr());
    run(&mut after, "PING -> -NOAUTH Authentication required.");
    run(&mut before, "CONFIG SET requirepass '' -> +OK");
    run(
        &mut after,
        "PING -> +PONG\n MULTI -> +OK\n PING -> +QUEUED\n EXEC -> [+PONG]",
    );
}
