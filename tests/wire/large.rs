//! Large arguments: read into memory of their own, however they arrive and whatever is done with
//! them.

use crate::support::{Conn, Options, Reply, Server, check, encode, on_oracle, poll_until, run};

/// Sizes around those at which something changes: how strings are stored, how they are read, and
/// how the memory for them grows.
const SIZES: [usize; 12] = [
    16_383, 16_384, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 262_144, 300_001, 1_048_576,
    3_000_000,
];

fn value(size: usize, salt: usize) -> Vec<u8> {
    (0..size).map(|i| ((i + salt) * 7 % 251) as u8).collect()
}

#[test]
fn every_command_takes_large_arguments() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    for size in SIZES {
        let (a, b) = (value(size, 1), value(size + 1, 2));
        let mut ask = |args: &[&[u8]]| conn.cmd(args);
        assert_eq!(ask(&[b"SET", b"a", &a]).text(), "OK");
        assert!(ask(&[b"GET", b"a"]).bytes() == a, "{size}");
        assert!(ask(&[b"GETSET", b"a", &b]).bytes() == a, "{size}");
        assert!(ask(&[b"SET", b"a", &a, b"GET", b"PX", b"100000"]).bytes() == b);
        assert_eq!(ask(&[b"MSET", b"x", &b, b"y", b"1", b"z", &a]).text(), "OK");
        let got = ask(&[b"MGET", b"x", b"y", b"z", b"a"]);
        let got: Vec<&[u8]> = got.items().iter().map(Reply::bytes).collect();
        assert!(got == [&b[..], b"1", &a, &a], "{size}");
        assert_eq!(ask(&[b"MSETNX", b"n", &a, b"x", &b]).int(), 0);
        assert_eq!(ask(&[b"SETNX", b"n", &a]).int(), 1);
        assert_eq!(ask(&[b"SETEX", b"s", b"100", &a]).text(), "OK");
        assert_eq!(ask(&[b"APPEND", b"n", &b]).int() as usize, 2 * size + 1);
        assert_eq!(ask(&[b"APPEND", b"new", &b]).int() as usize, size + 1);
        assert!(ask(&[b"GET", b"n"]).bytes() == [&a[..], &b].concat());
        // What was stored without a copy is nobody else's.
        assert!(ask(&[b"GET", b"s"]).bytes() == a, "{size}");
        assert_eq!(ask(&[b"SETRANGE", b"s", b"0", &b]).int() as usize, size + 1);
        assert!(ask(&[b"GET", b"s"]).bytes() == b, "{size}");
        assert_eq!(ask(&[b"SETRANGE", b"s", b"5", &a]).int() as usize, size + 5);
        assert!(ask(&[b"GET", b"s"]).bytes() == [&b[..5], &a].concat());
        assert!(ask(&[b"ECHO", &a]).bytes() == a, "{size}");
        assert_eq!(ask(&[b"SET", &a, b"by a large key"]).text(), "OK");
        assert_eq!(ask(&[b"EXISTS", &b, &a, b"a"]).int(), 2, "{size}");
        assert_eq!(ask(&[b"FLUSHALL"]).text(), "OK");
    }
}

#[test]
fn requests_are_cut_anywhere() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let (a, b) = (value(70_000, 3), value(150_000, 4));
    let mut stream = encode(&[&b"PING"[..]]);
    stream.extend(encode(&[&b"MSET"[..], b"a", &a, b"m", b"12", b"b", &b]));
    stream.extend(encode(&[&b"SET"[..], b"c", &b, b"NX"]));
    stream.extend_from_slice(b"STRLEN a\r\n");
    stream.extend(encode(&[&b"GET"[..], b"c"]));
    // Before, at and after the beginning and the end of each value, and in between.
    let begins = |value: &[u8]| memchr::memmem::find(&stream, value).expect("it is in there");
    let mut cuts = vec![1, 5, 100_000];
    for (at, len) in [(begins(&a), a.len()), (begins(&b), b.len())] {
        cuts.extend((at - 3..at + 3).chain(at + len - 3..at + len + 5));
        cuts.extend([at + 16_384, at + 32_768, at + 65_536]);
    }
    for cut in cuts {
        let (first, second) = stream.split_at(cut);
        conn.send_raw(first);
        // The pieces are apart: the first has been read when the other connection is answered.
        check(&mut server.connect(), "PING", "+PONG");
        conn.send_raw(second);
        let replies: Vec<Reply> = (0..5).map(|_| conn.reply()).collect();
        assert_eq!(replies[3], Reply::Int(70_000), "cut at {cut}");
        assert!(replies[4].bytes() == b, "cut at {cut}");
        let stored = conn.cmd(&["MGET", "a", "m", "b"]);
        let stored: Vec<&[u8]> = stored.items().iter().map(Reply::bytes).collect();
        assert!(stored == [&a[..], b"12", &b], "cut at {cut}");
        check(&mut conn, "FLUSHALL", "+OK");
    }
}

#[test]
fn pipelines_of_large_and_small_requests_stay_in_order() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut stream = Vec::new();
    for round in 0..60 {
        let large = value(30_000 + round * 3_000, round);
        stream.extend(encode(&[
            &b"SET"[..],
            format!("k{round}").as_bytes(),
            &large,
        ]));
        stream.extend(encode(&["INCR", "n"]));
        stream.extend(encode(&["STRLEN", &format!("k{round}")]));
    }
    let replies = conn.pipeline_raw(&stream, 180);
    for (round, three) in replies.chunks(3).enumerate() {
        assert_eq!(three[0].text(), "OK");
        assert_eq!(three[1].int(), round as i64 + 1);
        assert_eq!(three[2].int(), 30_000 + round as i64 * 3_000);
        let got = conn.cmd(&["GET", &format!("k{round}")]);
        assert!(got.bytes() == value(30_000 + round * 3_000, round));
    }
}

#[test]
fn transactions_keep_large_arguments() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let (a, b) = (value(100_000, 5), value(200_000, 6));
    check(&mut conn, "MULTI", "+OK");
    for request in [&[&b"SET"[..], b"a", &a][..], &[b"MSET", b"b", &b, b"c", &a]] {
        assert_eq!(conn.cmd(request).text(), "QUEUED");
    }
    check(&mut conn, "APPEND a tail", "+QUEUED");
    check(&mut conn, "EXEC", "[+OK +OK :100004]");
    assert!(conn.cmd(&["GET", "b"]).bytes() == b);
    assert!(conn.cmd(&["GET", "c"]).bytes() == a);
}

#[test]
fn a_paused_request_keeps_its_large_arguments() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let mut writer = server.connect();
    let (a, b) = (value(100_000, 7), value(90_000, 8));
    run(&mut conn, "CLIENT PAUSE 100000 WRITE -> +OK");
    writer.send(&[&b"MSET"[..], b"a", &a, b"b", &b]);
    writer.send(&[&b"SET"[..], b"c", &b]);
    writer.send(&["PING"]);
    poll_until("the writer waits", || {
        let info = conn.line("INFO clients").text();
        info.contains("blocked_clients:1").then_some(())
    });
    run(&mut conn, "EXISTS a b c -> :0\n CLIENT UNPAUSE -> +OK");
    let replies: Vec<String> = (0..3).map(|_| writer.reply().text()).collect();
    assert_eq!(replies, ["OK", "OK", "PONG"]);
    for (key, value) in [("a", &a), ("b", &b), ("c", &b)] {
        assert!(conn.cmd(&["GET", key]).bytes() == *value, "{key}");
    }
}

#[test]
fn memory_follows_what_has_arrived() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let resident = || {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", server.pid()));
        let statm = statm.expect("the server runs");
        let pages = statm.split(' ').nth(1).expect("a second field");
        pages.parse::<u64>().expect("a number") * 4096
    };
    let before = resident();
    let announcers: Vec<Conn> = (0..200)
        .map(|_| {
            let mut conn = server.connect();
            conn.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\n");
            conn.send_raw(&[b'x'; 40_000]);
            conn
        })
        .collect();
    poll_until("all has arrived", || {
        let list = conn.line("CLIENT LIST").text();
        (list.matches("qbuf=40").count() == 200).then_some(())
    });
    let grown = resident().saturating_sub(before);
    assert!(
        grown < 100 << 20,
        "8 MB have arrived, {grown} bytes are resident"
    );
    drop(announcers);
    check(&mut conn, "EXISTS k", ":0");
}

#[test]
fn what_is_held_of_a_large_argument_is_bounded() {
    if on_oracle() {
        return;
    }
    let server = Server::start(Options::new().set("limits.query_buffer_limit", "1mb"));
    let mut other = server.connect();
    for arguments in [1, 12] {
        let mut conn = server.connect();
        conn.send_raw(format!("*{}\r\n$4\r\nMSET\r\n", arguments + 2).as_bytes());
        for _ in 0..arguments {
            conn.send_raw(format!("${}\r\n", 1_200_000 / arguments).as_bytes());
            conn.send_raw(&vec![b'x'; 1_200_000 / arguments]);
            conn.send_raw(b"\r\n");
        }
        assert_eq!(conn.read_to_close(), b"");
    }
    let info = other.line("INFO stats").text();
    assert!(info.contains("client_query_buffer_limit_disconnections:2"));
}

#[test]
fn a_very_large_string_is_never_there_twice() {
    if on_oracle() {
        return;
    }
    const MB: usize = 1 << 20;
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let whole = value(100 * MB, 3);
    assert_eq!(conn.cmd(&[b"SET" as &[u8], b"k", &whole]).text(), "OK");
    let tail = value(MB, 4);
    for times in 1..=20 {
        let length = whole.len() + times * tail.len();
        let reply = conn.cmd(&[b"APPEND" as &[u8], b"k", &tail]);
        assert_eq!(reply, Reply::Int(length as i64));
    }
    check(&mut conn, "SETRANGE k 125829120 end", ":125829123");
    let got = conn.cmd(&["GET", "k"]);
    let (old, new) = got.bytes().split_at(whole.len());
    assert!(old == whole, "what was there stays as it was");
    let ends = |new: &[u8]| new.chunks(MB).take(20).all(|part| part == tail);
    assert!(ends(new) && new.ends_with(b"end"));
    let range = conn.cmd(&["GETRANGE", "k", "1000000", "100000000"]);
    assert!(range.bytes() == &whole[1_000_000..=100_000_000]);
    let peak = server.peak_resident_bytes() as usize;
    assert!(peak < 170 * MB, "{peak} bytes were resident for 120 MB");
}
