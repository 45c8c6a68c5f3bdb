//! What a client may ask for, and what becomes of one that asks for more. Our own options: none
//! of this runs against redis-server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{
    Conn, Options, ReadError, Server, check, encode, on_oracle, poll_until, run, with_time_enough,
};

/// A field of INFO stats.
#[track_caller]
fn stat(conn: &mut Conn, name: &str) -> u64 {
    let info = conn.line("INFO stats").text();
    let value = info
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")));
    let value = value.unwrap_or_else(|| panic!("no {name} in {info}"));
    value.trim().parse().expect("a number")
}

/// Reads until the server closes a connection that does not speak RESP, or whose words matter.
fn words(server: &Server) -> Vec<u8> {
    let mut conn = Conn::open(server.addr());
    conn.read_to_close()
}

#[test]
fn a_full_server_says_so_and_counts() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("server.max_connections", 100).tls());
    let mut conn = server.connect();
    poll_until("the probe of the start is gone", || {
        (conn.line("CLIENT LIST").text().lines().count() == 1).then_some(())
    });
    let before = stat(&mut conn, "rejected_connections_maxclients");
    check(&mut conn, "CONFIG SET maxclients 2", "+OK");
    let second = server.connect();
    assert_eq!(words(&server), b"-ERR max number of clients reached\r\n");
    // A refusal in plain text would be no TLS.
    let mut tls = TcpStream::connect(server.tls_addr()).expect("connect");
    tls.set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout can be set");
    let mut said = Vec::new();
    tls.read_to_end(&mut said).expect("closed in order");
    assert_eq!(said, b"");
    assert_eq!(
        stat(&mut conn, "rejected_connections_maxclients") - before,
        2
    );
    run(
        &mut conn,
        "CONFIG SET maxclients 3 -> +OK\n CONFIG GET maxclients -> {maxclients 3}",
    );
    check(&mut server.connect(), "PING", "+PONG");
    drop(second);
    check(&mut conn, "CONFIG SET maxclients 1", "+OK");
    check(&mut conn, "PING", "+PONG");
    poll_until("only one is left, and no other is let in", || {
        (words(&server) == b"-ERR max number of clients reached\r\n").then_some(())
    });
}

#[test]
fn connections_that_come_too_fast_are_refused_and_counted() {
    if on_oracle() {
        return;
    }
    for option in ["connection_rate_limit", "connection_rate_limit_per_ip"] {
        let server = Server::start(Options::new());
        let mut conn = server.connect();
        let toml = format!("[server]\n{option} = 5\n");
        std::fs::write(server.dir().join("redistill.toml"), toml).expect("write the file");
        server.signal("HUP");
        poll_until("the new limit is in force", || {
            server
                .log()
                .contains("configuration reloaded")
                .then_some(())
        });
        let refused = (0..50)
            .filter(|_| {
                let mut stream = TcpStream::connect(server.addr()).expect("connect");
                stream.write_all(b"PING\r\nQUIT\r\n").expect("send");
                let mut said = Vec::new();
                // A reset after the refusal is as good as the end.
                let _ = stream.read_to_end(&mut said);
                said.starts_with(b"-ERR max number of clients reached")
            })
            .count() as u64;
        assert!((1..50).contains(&refused), "{option}: {refused}");
        assert_eq!(
            stat(&mut conn, "rejected_connections_rate_limit"),
            refused,
            "{option}"
        );
    }
}

#[test]
fn idle_clients_are_disconnected() {
    if on_oracle() {
        return;
    }
    with_time_enough("a second client stays busy", 1, |seconds| {
        let server = Server::start(Options::new().set("server.connection_timeout", seconds));
        let mut idle = server.connect();
        let mut busy = server.connect();
        check(&mut idle, "PING", "+PONG");
        idle.set_timeout(Duration::from_millis(1));
        busy.keep_busy_until(Duration::from_secs(seconds), || {
            matches!(idle.try_read(), Err(ReadError::Closed(_)))
        })?;
        assert_eq!(stat(&mut busy, "idle_disconnections"), 1);
        Some(())
    });
}

#[test]
fn who_does_not_log_in_is_disconnected() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().password("sesame"));
    let mut member = server.connect();
    // Only now: whoever else had to log in has done so, however slowly.
    check(
        &mut member,
        "CONFIG SET security.auth_timeout_secs 1",
        "+OK",
    );
    let mut stranger = Conn::open(server.addr());
    stranger.set_timeout(Duration::from_millis(1));
    poll_until("the stranger is disconnected", || {
        // Being busy does not help.
        stranger.send_raw(b"PING\r\n");
        matches!(stranger.try_read(), Err(ReadError::Closed(_))).then_some(())
    });
    check(&mut member, "PING", "+PONG");
}

#[test]
fn guesses_are_counted_and_spaced_out() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().password("sesame").set("server.workers", 1));
    let mut member = server.connect();
    let before = stat(&mut member, "acl_access_denied_auth");
    let start = std::time::Instant::now();
    let mut guesser = Conn::open(server.addr());
    for guess in 0..8 {
        guesser.send(&["AUTH", &guess.to_string()]);
        // Who waits is the guesser, not the worker.
        check(&mut member, "PING", "+PONG");
        assert!(guesser.reply().text().starts_with("WRONGPASS"));
    }
    // Five are free; the waits of the others are 50, 100 and 200 ms.
    assert!(
        start.elapsed() >= Duration::from_millis(350),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(stat(&mut member, "acl_access_denied_auth") - before, 8);
    // Waiting guesses are taken in order with what follows them, by HELLO too.
    guesser.send_raw(b"HELLO 2 AUTH default 9\r\nAUTH sesame\r\nPING\r\n");
    let replies: Vec<String> = (0..3).map(|_| guesser.reply().text()).collect();
    assert!(replies[0].starts_with("WRONGPASS"), "{replies:?}");
    assert_eq!(replies[1..], ["OK", "PONG"]);
    let mut forgiven = Conn::open(server.addr());
    check(&mut forgiven, "AUTH wrong", "-WRONGPASS…");
    check(&mut forgiven, "AUTH sesame", "+OK");
}

#[test]
fn the_query_buffer_is_bounded() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("limits.query_buffer_limit", "1mb"));
    let mut other = server.connect();
    let mut conn = server.connect();
    conn.send_raw(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n");
    conn.send_raw(&vec![b'x'; 1_500_000]);
    assert_eq!(conn.read_to_close(), b"");
    assert_eq!(
        stat(&mut other, "client_query_buffer_limit_disconnections"),
        1
    );
    // Whole requests are served whatever they add up to.
    let request = encode(&[&b"ECHO"[..], &[b'y'; 100_000]]);
    let replies = other.pipeline_raw(&request.repeat(50), 50);
    assert!(replies.iter().all(|reply| reply.bytes().len() == 100_000));
}

#[test]
fn the_query_buffer_is_smaller_before_the_login() {
    if on_oracle() {
        return;
    }
    let options = Options::new()
        .password("sesame")
        .set("limits.preauth_query_buffer", 4096);
    let server = Server::start(options);
    let mut conn = Conn::open(server.addr());
    conn.send_raw(b"*2\r\n$4\r\nECHO\r\n$16000\r\n");
    conn.send_raw(&[b'x'; 15_000]);
    assert_eq!(conn.read_to_close(), b"");
    assert_eq!(
        stat(
            &mut server.connect(),
            "client_query_buffer_limit_disconnections"
        ),
        1
    );
}

#[test]
fn replies_before_the_login_are_bounded() {
    if on_oracle() {
        return;
    }
    let options = Options::new()
        .password("sesame")
        .set("limits.preauth_output_bytes", 1024);
    let server = Server::start(options.set("limits.preauth_bulk_bytes", "16kb"));
    let mut conn = Conn::open(server.addr());
    check(&mut conn, "PING", "-NOAUTH Authentication required.");
    check(&mut conn, "AUTH sesame", "+OK");
    assert_eq!(conn.cmd(&[&b"ECHO"[..], &[b'x'; 5000]]).bytes().len(), 5000);
}

#[test]
fn a_hard_output_limit_disconnects_at_once() {
    if on_oracle() {
        return;
    }
    let limit = "normal 100kb 0 0 replica 0 0 0 pubsub 0 0 0";
    let server = Server::start(Options::new().set("limits.client_output_buffer", limit));
    let mut other = server.connect();
    let value = vec![b'x'; 60_000];
    assert_eq!(other.cmd(&[&b"SET"[..], b"k", &value]).text(), "OK");
    let mut conn = server.connect();
    assert_eq!(conn.cmd(&["GET", "k"]).bytes().len(), 60_000);
    conn.send_raw(b"MGET k k\r\n");
    assert_eq!(conn.read_to_close(), b"");
    assert_eq!(
        stat(&mut other, "client_output_buffer_limit_disconnections"),
        1
    );
}

#[test]
fn a_soft_output_limit_disconnects_who_stays_beyond_it() {
    if on_oracle() {
        return;
    }
    let limit = "normal 0 100kb 1 replica 0 0 0 pubsub 0 0 0";
    let server = Server::start(Options::new().set("limits.client_output_buffer", limit));
    let mut other = server.connect();
    let value = vec![b'x'; 1_000_000];
    assert_eq!(other.cmd(&[&b"SET"[..], b"k", &value]).text(), "OK");
    // Large replies are fine for who reads them.
    let mut reader = server.connect();
    let replies = reader.pipeline(&vec![vec!["GET", "k"]; 20]);
    assert!(
        replies
            .iter()
            .all(|reply| reply.bytes().len() == value.len())
    );
    // More than any socket buffer holds, and nobody reads.
    let mut slow = server.connect();
    slow.send_raw(&encode(&["GET", "k"]).repeat(50));
    poll_until("the slow reader is disconnected", || {
        let count = stat(&mut other, "client_output_buffer_limit_disconnections");
        (count == 1).then_some(())
    });
    assert!(slow.read_to_close().len() < 50 * value.len());
    check(&mut reader, "PING", "+PONG");
}

#[test]
fn http_is_counted_and_logged() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut attacker = Conn::open(server.addr());
    attacker.send_raw(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n");
    assert_eq!(attacker.read_to_close(), b"");
    assert_eq!(stat(&mut conn, "http_disconnections"), 1);
    check(&mut conn, "GET k", "nil");
    poll_until("it is logged", || {
        server.log().contains("possible attack").then_some(())
    });
}

#[test]
fn a_panic_costs_one_connection() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("server.workers", 1));
    let mut other = server.connect();
    let mut watcher = server.connect();
    run(&mut watcher, "WATCH k\n MULTI\n SET mine 1");
    for count in 1..=3 {
        let mut conn = server.connect();
        conn.send_raw(b"ECHO secret\r\nDEBUG PANIC\r\nECHO never\r\n");
        let said = conn.read_to_close();
        assert!(!said.windows(5).any(|part| part == b"never"));
        // Nothing of its replies goes to anybody else.
        check(&mut other, "PING", "+PONG");
        check(&mut other, &format!("SET k {count}"), "+OK");
        assert_eq!(stat(&mut other, "request_panics"), count);
    }
    // Under all locks: they are released.
    let mut conn = server.connect();
    conn.send_raw(b"MULTI\r\nSET k kept\r\nDEBUG PANIC\r\nEXEC\r\n");
    let said = conn.read_to_close();
    assert!(!said.contains(&b'*'), "{}", said.escape_ascii());
    check(&mut other, "GET k", "kept");
    check(&mut watcher, "EXEC", "nil[]");
    poll_until("the log tells of it", || {
        server.log().contains("DEBUG PANIC").then_some(())
    });
    let clients = poll_until("the others are gone", || {
        let lines = other.line("CLIENT LIST").text().lines().count();
        (lines == 2).then_some(lines)
    });
    assert_eq!(clients, 2);
}

#[test]
fn one_reply_at_a_time_with_batches_of_one() {
    if on_oracle() {
        return;
    }
    for (size, least, most) in [(1, 100, 101), (64, 1, 20)] {
        let options = Options::new()
            .set("server.batch_size", size)
            .set("server.workers", 1);
        let server = Server::start(options);
        let mut conn = server.connect();
        let before = stat(&mut conn, "total_writes_processed");
        conn.pipeline(&vec![vec!["PING"]; 100]);
        // The reply to the first INFO was written after it counted.
        let written = stat(&mut conn, "total_writes_processed") - before - 1;
        assert!(
            (least..=most).contains(&written),
            "batch_size {size}: {written} writes"
        );
    }
}

#[test]
fn a_deep_pipeline_leaves_room_for_others() {
    let server = Server::start(Options::new().set("server.workers", 1));
    let mut greedy = server.connect();
    let mut other = server.connect();
    const DEPTH: usize = 300_000;
    let bytes = encode(&["INCR", "greedy"]).repeat(DEPTH);
    // Served while most of the pipeline is still to be done, unless the one that asks stands still.
    let mut served = 0;
    for _ in 0..20 {
        check(&mut other, "SET greedy 0", "+OK");
        std::thread::scope(|scope| {
            let pipeline = scope.spawn(|| greedy.pipeline_raw(&bytes, DEPTH).len());
            served = 0;
            while !pipeline.is_finished() {
                let seen: usize = other.line("GET greedy").text().parse().expect("a number");
                served += usize::from((1..DEPTH).contains(&seen));
            }
            assert_eq!(pipeline.join().expect("no panic"), DEPTH);
        });
        if served > 10 {
            break;
        }
    }
    assert!(served > 10, "{served}");
}

#[test]
fn whole_requests_before_a_partial_one_do_not_wait() {
    // More whole requests than a turn executes, then a part of one, in a single segment.
    let server = Server::start(Options::new().set("server.workers", 1));
    let mut conn = server.connect();
    for count in [63, 64, 65, 255, 256, 257, 500, 1000] {
        let mut bytes = encode(&["PING"]).repeat(count);
        bytes.extend_from_slice(b"*2\r\n$4\r\nECHO\r\n$5\r\nhe");
        conn.send_raw(&bytes);
        for n in 0..count {
            assert_eq!(conn.reply().text(), "PONG", "{n} of {count}");
        }
        conn.send_raw(b"llo\r\n");
        assert_eq!(conn.reply().text(), "hello");
    }
}

#[test]
fn a_large_value_may_arrive_slowly_between_small_requests() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let value: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut bytes = encode(&["PING"]).repeat(300);
    bytes.extend_from_slice(&encode(&[&b"SET"[..], b"k", &value]));
    bytes.extend_from_slice(&encode(&["PING"]).repeat(300));
    bytes.extend_from_slice(&encode(&["GET", "k"]));
    let mut at = 0;
    for step in [1, 7, 1000, 4000, 70_000, 1, 999_999, 65_536]
        .into_iter()
        .cycle()
    {
        let end = bytes.len().min(at + step);
        conn.send_raw(&bytes[at..end]);
        at = end;
        if at == bytes.len() {
            break;
        }
    }
    for n in 0..601 {
        let expected = if n == 300 { "OK" } else { "PONG" };
        assert_eq!(conn.reply().text(), expected, "{n}");
    }
    assert!(conn.reply().bytes() == value);
}

#[test]
fn the_largest_client_is_shed_when_all_take_too_much() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("memory.max_client_memory", "4mb"));
    let mut other = server.connect();
    let request = |size: usize| format!("*2\r\n$4\r\nECHO\r\n${}\r\n", size + 1);
    let mut small = server.connect();
    small.send_raw(request(500_000).as_bytes());
    small.send_raw(&vec![b's'; 500_000]);
    let mut spared = server.connect();
    check(&mut spared, "CLIENT NO-EVICT ON", "+OK");
    spared.send_raw(request(3_000_000).as_bytes());
    spared.send_raw(&vec![b'n'; 3_000_000]);
    let mut large = server.connect();
    large.send_raw(request(2_000_000).as_bytes());
    large.send_raw(&vec![b'l'; 2_000_000]);
    assert_eq!(large.read_to_close(), b"");
    assert_eq!(stat(&mut other, "evicted_clients"), 1);
    for (conn, size) in [(&mut small, 500_001), (&mut spared, 3_000_001)] {
        conn.send_raw(b".\r\n");
        assert_eq!(conn.reply().bytes().len(), size);
    }
}

#[test]
fn without_file_descriptors_it_waits_and_goes_on() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid()))
        .expect("its files")
        .count();
    let limit = |number: usize| {
        let arguments = [
            format!("--pid={}", server.pid()),
            format!("--nofile={number}:"),
        ];
        let status = std::process::Command::new("prlimit")
            .args(arguments)
            .status();
        assert!(status.expect("run prlimit").success());
    };
    limit(open + 5);
    let mut waiting: Vec<Conn> = (0..20).map(|_| server.connect()).collect();
    waiting.iter_mut().for_each(|conn| conn.send(&["PING"]));
    poll_until("it is logged", || {
        server.log().contains("cannot be accepted").then_some(())
    });
    check(&mut conn, "PING", "+PONG");
    limit(open + 50);
    assert!(waiting.iter_mut().all(|conn| conn.reply().text() == "PONG"));
}

#[test]
fn a_long_list_of_clients_is_whole() {
    const CLIENTS: usize = 600;
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut others: Vec<Conn> = (0..CLIENTS).map(|_| server.connect()).collect();
    others
        .iter_mut()
        .for_each(|conn| check(conn, "PING", "+PONG"));
    conn.send_raw(b"PING before\r\nCLIENT LIST\r\nPING after\r\n");
    assert_eq!(conn.reply().text(), "before");
    let lines = conn.reply().text();
    assert!(lines.lines().count() > CLIENTS, "{}", lines.lines().count());
    assert_eq!(conn.reply().text(), "after");
}
