//! Reads that wait for messages.

use super::start;
use crate::support::{Conn, Server, check, poll_until, run};

/// Waits until so many clients are blocked.
fn blocked(server: &Server, count: usize) {
    let mut conn = server.connect();
    poll_until("clients are blocked", || {
        let info = conn.line("INFO clients").text();
        info.contains(&format!("blocked_clients:{count}\r\n"))
            .then_some(())
    });
}

fn send(conn: &mut Conn, line: &str) {
    let args: Vec<&str> = line.split(' ').collect();
    conn.send(&args);
}

#[test]
fn xread_waits_for_what_comes() {
    for protocol in [2, 3] {
        let server = start();
        let mut writer = server.connect();
        let mut readers: Vec<Conn> = (0..3).map(|_| server.connect()).collect();
        check(&mut writer, "XADD s 1-1 a 1", "1-1");
        for reader in &mut readers {
            reader.hello(protocol);
        }
        send(&mut readers[0], "XREAD BLOCK 0 STREAMS s $");
        send(
            &mut readers[1],
            "XREAD BLOCK 0 COUNT 1 STREAMS other s 0 1-1",
        );
        send(&mut readers[2], "XREAD BLOCK 60000 STREAMS s 1-2");
        blocked(&server, 3);
        run(&mut writer, "XADD s 1-2 a 2 -> 1-2");
        let expected = match protocol {
            2 => "[[s [[1-2 [a 2]]]]]",
            _ => "{s [[1-2 [a 2]]]}",
        };
        for reader in &mut readers[..2] {
            let reply = reader.reply();
            crate::support::verdict(&reply, expected, protocol).expect("the message");
        }
        blocked(&server, 1);
        run(&mut writer, "MULTI\nXADD s 1-3 a 3\nXADD s 1-4 a 4\nEXEC");
        let expected = match protocol {
            2 => "[[s [[1-3 *] [1-4 *]]]]",
            _ => "{s [[1-3 *] [1-4 *]]}",
        };
        let reply = readers[2].reply();
        crate::support::verdict(&reply, expected, protocol).expect("both messages");
    }
}

#[test]
fn time_runs_out() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "
        XREAD BLOCK 1 STREAMS s 0 -> nil[]
        XGROUP CREATE s g 0 MKSTREAM
        XREADGROUP GROUP g c BLOCK 1 STREAMS s > -> nil[]
        MULTI
        XREAD BLOCK 0 STREAMS s $ -> +QUEUED
        XREADGROUP GROUP g c BLOCK 0 STREAMS s > -> +QUEUED
        EXEC -> [nil[] nil[]]
        ",
    );
}

#[test]
fn each_message_goes_to_one_consumer() {
    let server = start();
    let mut writer = server.connect();
    check(&mut writer, "XGROUP CREATE s g 0 MKSTREAM", "+OK");
    let mut consumers: Vec<Conn> = (0..3).map(|_| server.connect()).collect();
    for (n, consumer) in consumers.iter_mut().enumerate() {
        let line = format!("XREADGROUP GROUP g c{n} COUNT 1 BLOCK 0 STREAMS s >");
        send(consumer, &line);
        blocked(&server, n + 1);
    }
    for n in 1..=3 {
        check(&mut writer, &format!("XADD s 1-{n} a b"), &format!("1-{n}"));
    }
    for (n, consumer) in consumers.iter_mut().enumerate() {
        let expected = format!("[[s [[1-{} *]]]]", n + 1);
        crate::support::verdict(&consumer.reply(), &expected, 2).expect("in order of arrival");
    }
    check(
        &mut writer,
        "XPENDING s g",
        "[:3 1-1 1-3 [[c0 1] [c1 1] [c2 1]]]",
    );
}

#[test]
fn a_group_that_ends_ends_the_wait() {
    let endings = [
        "DEL s",
        "XGROUP DESTROY s g",
        "FLUSHALL",
        "RENAME s t",
        "PEXPIRE s 0",
    ];
    for ending in endings {
        let server = start();
        let mut writer = server.connect();
        check(&mut writer, "XGROUP CREATE s g 0 MKSTREAM", "+OK");
        let mut consumer = server.connect();
        send(&mut consumer, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
        let mut reader = server.connect();
        send(&mut reader, "XREAD BLOCK 0 STREAMS s $");
        blocked(&server, 2);
        assert!(!writer.line(ending).is_error(), "{ending}");
        let reply = consumer.reply();
        assert!(reply.is_error(), "{ending}: {reply}");
        assert!(reply.text().starts_with("NOGROUP "), "{ending}: {reply}");
        // A reader without a group goes on waiting.
        blocked(&server, 1);
        check(&mut writer, "XADD s 9-9 a b", "9-9");
        crate::support::verdict(&reader.reply(), "[[s [[9-9 *]]]]", 2).expect("the message");
    }
}

#[test]
fn another_type_in_the_keys_place() {
    let server = start();
    let mut writer = server.connect();
    check(&mut writer, "XGROUP CREATE s g 0 MKSTREAM", "+OK");
    let mut consumer = server.connect();
    send(&mut consumer, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    blocked(&server, 1);
    check(&mut writer, "SET s v", "+OK");
    let reply = consumer.reply();
    assert!(reply.text().starts_with("WRONGTYPE "), "{reply}");
}

#[test]
fn a_blocked_reader_that_leaves_takes_nothing() {
    let server = start();
    let mut writer = server.connect();
    check(&mut writer, "XGROUP CREATE s g 0 MKSTREAM", "+OK");
    let mut gone = server.connect();
    send(&mut gone, "XREADGROUP GROUP g gone BLOCK 0 STREAMS s >");
    blocked(&server, 1);
    drop(gone);
    blocked(&server, 0);
    check(&mut writer, "XADD s 1-1 a b", "1-1");
    check(&mut writer, "XPENDING s g", "[:0 nil nil nil[]]");
    let stay = "XREADGROUP GROUP g stays BLOCK 0 STREAMS s >";
    check(&mut writer, stay, "[[s [[1-1 *]]]]");
}

#[test]
fn unblock_ends_the_wait() {
    let server = start();
    let mut reader = server.connect();
    let id = reader.line("CLIENT ID").int();
    send(&mut reader, "XREAD BLOCK 0 STREAMS s $");
    blocked(&server, 1);
    let mut other = server.connect();
    check(&mut other, &format!("CLIENT UNBLOCK {id}"), ":1");
    assert!(reader.reply().is_null());
}
