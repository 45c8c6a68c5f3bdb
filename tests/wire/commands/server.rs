//! TIME, ROLE, LOLWUT, MODULE LIST and HELP, SHUTDOWN.

use crate::support::{Options, Server, on_oracle, poll_until, run, run_both, with_time_enough};
use std::time::{SystemTime, UNIX_EPOCH};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn time_is_that_of_the_wall_clock() {
    for protocol in [2, 3] {
        let server = start();
        let mut conn = server.connect();
        conn.hello(protocol);
        let reply = conn.line("TIME");
        let number = |index: usize| -> u64 {
            let text = reply.items()[index].text();
            text.parse().unwrap_or_else(|_| panic!("{reply}"))
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        assert!(number(0).abs_diff(now.as_secs()) < 60, "{reply}");
        assert!(number(1) < 1_000_000, "{reply}");
        run(
            &mut conn,
            "TIME x -> -ERR wrong number of arguments for 'time' command",
        );
    }
}

#[test]
fn role_and_modules() {
    run_both(
        &start(),
        "
        ROLE -> [master :0 []]
        ROLE x -> -ERR wrong number of arguments for 'role' command
        MODULE LIST -> []
        MODULE LIST x -> -ERR wrong number of arguments for 'module|list' command
        MODULE NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try MODULE HELP.
        MODULE -> -ERR wrong number of arguments for 'module' command
        MODULE HELP -> *
        ",
    );
}

#[test]
fn lolwut_ends_with_the_version() {
    run_both(
        &start(),
        "
        LOLWUT VERSION x -> -ERR value is not an integer or out of range
        LOLWUT VERSION 5 -> =…Redis ver. …
        LOLWUT VERSION 99 -> =…Redis ver. …
        LOLWUT VERSION -> =…Redis ver. …
        LOLWUT 1 2 3 -> =…Redis ver. …
        LOLWUT -> =…Redis ver. …
        ",
    );
    if !on_oracle() {
        let art = start().connect().line("LOLWUT").text();
        assert!(art.lines().count() > 10, "{art}");
        assert!(art.ends_with(&format!("(Redistill ver. {})\n", env!("CARGO_PKG_VERSION"))));
    }
}

#[test]
fn what_needs_a_disk_or_a_replica_is_not_there() {
    if on_oracle() {
        return;
    }
    run_both(
        &start(),
        "
        SAVE -> -ERR unknown command 'SAVE', with args beginning with: …
        BGSAVE -> -ERR unknown command 'BGSAVE'…
        BGREWRITEAOF -> -ERR unknown command 'BGREWRITEAOF'…
        LASTSAVE -> -ERR unknown command 'LASTSAVE'…
        REPLICAOF NO ONE -> -ERR unknown command 'REPLICAOF', with args beginning with: 'NO' 'ONE' …
        ",
    );
}

#[test]
fn shutdown_refuses_what_makes_no_sense() {
    run_both(
        &start(),
        "
        SHUTDOWN ABORT -> -ERR No shutdown in progress.
        SHUTDOWN NOSUCH -> -ERR syntax error
        SHUTDOWN SAVE NOSAVE -> -ERR syntax error
        SHUTDOWN ABORT NOW -> -ERR syntax error
        MULTI -> +OK
        SHUTDOWN -> -ERR Command not allowed inside a transaction
        DISCARD -> +OK
        PING -> +PONG
        ",
    );
    if !on_oracle() {
        let refused = "SHUTDOWN SAVE -> -ERR Errors trying to SHUTDOWN. Check logs.";
        run_both(&start(), refused);
    }
}

#[test]
fn shutdown_ends_the_server_without_a_word() {
    for options in ["", "NOSAVE", "nosave now", "NOW FORCE", "SAVE FORCE"] {
        let mut server = start();
        let mut idle = server.connect();
        let mut conn = server.connect();
        run(&mut conn, "PING -> +PONG");
        conn.send_raw(format!("SHUTDOWN {options}\r\n").as_bytes());
        assert_eq!(conn.read_to_close(), b"", "{options}");
        assert_eq!(idle.read_to_close(), b"", "{options}");
        assert!(server.wait_exit().success(), "{options}");
    }
}

#[test]
fn a_shutdown_under_way_is_not_aborted() {
    if on_oracle() {
        return;
    }
    // Who asks nothing for half a second is let go of by a server that ends.
    with_time_enough("the one that asks is not idle", 1, |_| {
        let mut server = start();
        let (mut busy, mut other) = (server.connect(), server.connect());
        run(&mut other, "CLIENT PAUSE 600000 WRITE -> +OK");
        // A client that waits for a reply keeps the server from ending at once.
        busy.send(&["SET", "k", "v"]);
        poll_until("it waits", || {
            let clients = other.line("CLIENT LIST").text();
            clients.contains(" flags=b ").then_some(())
        });
        let mut conn = server.connect();
        conn.send(&["SHUTDOWN"]);
        assert_eq!(conn.read_to_close(), b"");
        let refused = poll_until("the server is shutting down", || {
            other.send(&["SHUTDOWN", "ABORT"]);
            match other.try_read() {
                Ok(reply) => {
                    (reply.text() == "ERR Errors trying to SHUTDOWN. Check logs.").then_some(true)
                }
                Err(_) => Some(false),
            }
        });
        if !refused {
            return None;
        }
        other.send(&["CLIENT", "UNPAUSE"]);
        other.try_read().ok()?;
        assert_eq!(busy.reply().text(), "OK");
        drop((busy, other));
        assert!(server.wait_exit().success());
        Some(())
    });
}
