//! XADD, XLEN, XRANGE, XREVRANGE, XREAD, XDEL, XTRIM, XSETID, XGROUP, XREADGROUP, XACK, XPENDING,
//! XCLAIM, XAUTOCLAIM, XINFO, XDELEX, XACKDEL, XNACK, XCFGSET, XIDMPRECORD.

mod blocking;
mod groups;
mod newer;

use crate::support::{Options, Reply, Server, check, run, run_both, split_line};

fn start() -> Server {
    Server::start(Options::new())
}

const NOT_AN_ID: &str = "-ERR Invalid stream ID specified as stream command argument";

#[test]
fn messages_are_added_and_read_back() {
    run_both(
        &start(),
        r#"
        XADD s 1-1 name alice age 42 -> 1-1
        XADD s 1-* name bob age 7 -> 1-2
        XADD s 5 other "" -> 5-0
        XADD s 5-* name "" age -0 -> 5-1
        TYPE s -> +stream
        OBJECT ENCODING s -> stream
        XLEN s -> :4
        XLEN none -> :0
        XRANGE s - + -> [[1-1 [name alice age 42]] [1-2 [name bob age 7]] [5-0 [other ""]] [5-1 [name "" age "-0"]]]
        XREVRANGE s + - -> [[5-1 [name "" age "-0"]] [5-0 [other ""]] [1-2 [name bob age 7]] [1-1 [name alice age 42]]]
        XRANGE s 1 1 -> [[1-1 *] [1-2 *]]
        XRANGE s (1-1 (5-1 -> [[1-2 *] [5-0 *]]
        XREVRANGE s (5-1 (1-1 -> [[5-0 *] [1-2 *]]
        XRANGE s - + COUNT 2 -> [[1-1 *] [1-2 *]]
        XREVRANGE s + - COUNT 1 -> [[5-1 *]]
        XRANGE s 6 + -> []
        XRANGE s 5 1 -> []
        XRANGE none - + -> []
        XRANGE s - + COUNT 0 -> nil[]
        XRANGE s - + COUNT -1 -> nil[]
        XRANGE none - + COUNT 0 -> []
        XREAD COUNT 1 STREAMS s 1-1 -> @2 [[s [[1-2 *]]]] @3 {s [[1-2 *]]}
        XREAD STREAMS none s 0 5-0 -> @2 [[s [[5-1 *]]]] @3 {s [[5-1 *]]}
        XREAD STREAMS s s 0 5-1 -> @2 [[s [* * * *]]] @3 {s [* * * *]}
        XREAD STREAMS s s 5-0 5-0 -> @2 [[s [*]] [s [*]]] @3 {s [*] s [*]}
        XREAD STREAMS s $ -> nil[]
        XREAD STREAMS none 0 -> nil[]
        "#,
    );
}

#[test]
fn the_server_makes_ids() {
    let server = start();
    let mut conn = server.connect();
    let made = |reply: crate::support::Reply| {
        let text = reply.text();
        let (ms, seq) = text.split_once('-').expect("an id has two parts");
        let parts: (u64, u64) = (ms.parse().expect("ms"), seq.parse().expect("seq"));
        parts
    };
    let mut last = (1_600_000_000_000, 0);
    for _ in 0..100 {
        let id = made(conn.line("XADD s * a b"));
        assert!(id > last, "{id:?} after {last:?}");
        last = id;
    }
    // A clock that stands behind the last id does not matter.
    run(
        &mut conn,
        "
        XADD far 99999999999999-5 a b
        XADD far * a b -> 99999999999999-6
        XADD far 18446744073709551615-18446744073709551614 a b
        XADD far * a b -> 18446744073709551615-18446744073709551615
        XADD far * a b -> -ERR The stream has exhausted the last possible ID, unable to add more items
        XADD far 1-1 a b -> -ERR The stream has exhausted the last possible ID, unable to add more items
        ",
    );
}

#[test]
fn xadd_refuses() {
    run_both(
        &start(),
        &format!(
            r#"
            XADD s 5-5 a b
            XADD s 5-5 a b -> -ERR The ID specified in XADD is equal or smaller than the target stream top item
            XADD s 4-* a b -> -ERR The ID specified in XADD is equal or smaller than the target stream top item
            XADD none 0-0 a b -> -ERR The ID specified in XADD must be greater than 0-0
            XADD none 0 a b -> -ERR The ID specified in XADD must be greater than 0-0
            XADD none 0-* a b -> 0-1
            DEL none
            XADD none NOMKSTREAM * a b -> nil
            EXISTS none -> :0
            XADD none x a b -> {NOT_AN_ID}
            XADD none - a b -> {NOT_AN_ID}
            XADD none 1-1-1 a b -> {NOT_AN_ID}
            XADD none "" a b -> {NOT_AN_ID}
            XADD none 18446744073709551616-0 a b -> {NOT_AN_ID}
            XADD none * a -> -ERR wrong number of arguments for 'xadd' command
            XADD none * a b c -> -ERR wrong number of arguments for 'xadd' command
            XADD none MAXLEN 5 a b -> {NOT_AN_ID}
            XADD none MAXLEN -1 * a b -> -ERR The MAXLEN argument must be >= 0.
            XADD none MAXLEN x * a b -> -ERR value is not an integer or out of range
            XADD none MAXLEN 9223372036854775808 * a b -> -ERR value is not an integer or out of range
            XADD none MAXLEN 1 MINID 1 * a b -> -ERR syntax error, MAXLEN and MINID options at the same time are not compatible
            XADD none LIMIT 5 * a b -> -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
            XADD none MAXLEN 5 LIMIT 5 * a b -> -ERR syntax error, LIMIT cannot be used without the special ~ option
            XADD none MAXLEN ~ 5 LIMIT -1 * a b -> -ERR The LIMIT argument must be >= 0.
            EXISTS none -> :0
            SET string v
            XADD string * a b -> -WRONGTYPE…
            XLEN string -> -WRONGTYPE…
            XRANGE string - + -> -WRONGTYPE…
            XREAD STREAMS s string 0 0 -> -WRONGTYPE…
            XTRIM string MAXLEN 0 -> -WRONGTYPE…
            XDEL string 1-1 -> -WRONGTYPE…
            XSETID string 1-1 -> -WRONGTYPE…
            XADD -> -ERR wrong number of arguments for 'xadd' command
            XRANGE s - -> -ERR wrong number of arguments for 'xrange' command
            XRANGE s x + -> {NOT_AN_ID}
            XRANGE s ( + -> {NOT_AN_ID}
            XRANGE s (- + -> {NOT_AN_ID}
            XRANGE s (18446744073709551615-18446744073709551615 + -> -ERR invalid start ID for the interval
            XRANGE s - (0-0 -> -ERR invalid end ID for the interval
            XRANGE s - + COUNT -> -ERR syntax error
            XRANGE s - + COUNT 1.5 -> -ERR value is not an integer or out of range
            XRANGE s - + NOSUCH 1 -> -ERR syntax error
            "#
        ),
    );
}

/// The bad integers of the whole suite, where counts and lengths are wanted.
#[test]
fn integers_are_checked() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, "XADD s 1-1 a b\nXGROUP CREATE s g 0");
    let digits = "9".repeat(400);
    let not_integers = [
        "9223372036854775808",
        "18446744073709551615",
        "-0",
        "\"\"",
        "1.5",
        &digits,
    ];
    for bad in not_integers {
        for command in [
            format!("XRANGE s - + COUNT {bad}"),
            format!("XREAD COUNT {bad} STREAMS s 0"),
            format!("XREADGROUP GROUP g c COUNT {bad} STREAMS s >"),
            format!("XTRIM s MAXLEN {bad}"),
            format!("XTRIM s MAXLEN ~ 1 LIMIT {bad}"),
            format!("XPENDING s g - + {bad}"),
            format!("XPENDING s g IDLE {bad} - + 1"),
            format!("XINFO STREAM s FULL COUNT {bad}"),
            format!("XSETID s 9-9 ENTRIESADDED {bad}"),
            format!("XGROUP SETID s g 0 ENTRIESREAD {bad}"),
        ] {
            let expected = "-ERR value is not an integer or out of range";
            check(&mut conn, &command, expected);
        }
        let timeout = "-ERR timeout is not an integer or out of range";
        check(
            &mut conn,
            &format!("XREAD BLOCK {bad} STREAMS s 0"),
            timeout,
        );
        let command = format!("XCLAIM s g c {bad} 1-1");
        let expected = "-ERR Invalid min-idle-time argument for XCLAIM";
        check(&mut conn, &command, expected);
        let command = format!("XAUTOCLAIM s g c 0 0 COUNT {bad}");
        check(&mut conn, &command, "-ERR COUNT must be > 0");
    }
    // Huge counts reserve nothing.
    for count in ["9223372036854775807", "4294967296", "2147483648"] {
        check(&mut conn, &format!("XRANGE s - + COUNT {count}"), "[*]");
        let command = format!("XREAD COUNT {count} STREAMS s 0");
        check(&mut conn, &command, "[[s [*]]]");
        check(&mut conn, &format!("XPENDING s g - + {count}"), "[]");
    }
    check(
        &mut conn,
        "XAUTOCLAIM s g c 0 0 COUNT 576460752303423487",
        "[0-0 [] []]",
    );
    check(&mut conn, "XLEN s", ":1");
}

#[test]
fn deleted_messages_are_gone() {
    run_both(
        &start(),
        &format!(
            r#"
            XADD s 1-1 a 1
            XADD s 1-2 a 2
            XADD s 1-3 a 3
            XDEL s 1-2 1-2 9-9 -> :1
            XRANGE s - + -> [[1-1 *] [1-3 *]]
            XREVRANGE s + - -> [[1-3 *] [1-1 *]]
            XDEL s 1-1 x -> {NOT_AN_ID}
            XLEN s -> :2
            XDEL none x -> :0
            XDEL s 1-1 1-3 -> :2
            EXISTS s -> :1
            XLEN s -> :0
            XRANGE s - + -> []
            XADD s 1-3 a b -> -ERR The ID specified in XADD is equal or smaller than the target stream top item
            XADD s 1-4 a b -> 1-4
            "#
        ),
    );
}

#[test]
fn exact_trims() {
    run_both(
        &start(),
        r#"
        XADD s 1-1 a 1
        XADD s 1-2 a 2
        XADD s 1-3 a 3
        XADD s 1-4 a 4
        XTRIM s MAXLEN 3 -> :1
        XTRIM s MAXLEN = 9223372036854775807 -> :0
        XTRIM s MINID 1-3 -> :1
        XRANGE s - + -> [[1-3 *] [1-4 *]]
        XADD s MAXLEN 1 1-5 a 5 -> 1-5
        XRANGE s - + -> [[1-5 *]]
        XADD s MINID 9 2-1 a 6 -> 2-1
        XLEN s -> :0
        EXISTS s -> :1
        XTRIM none MAXLEN 0 -> :0
        XTRIM s MAXLEN 0 EX -> -ERR syntax error
        XTRIM s LIMIT -> -ERR wrong number of arguments for 'xtrim' command
        XTRIM s LIMIT 1 -> -ERR syntax error, LIMIT cannot be used without specifying a trimming strategy
        XTRIM s LIMIT 0 LIMIT 0 -> -ERR syntax error, XTRIM must be called with a trimming strategy
        XTRIM s MINID x -> -ERR Invalid stream ID specified as stream command argument
        "#,
    );
}

#[test]
fn approximate_trims_remove_whole_blocks() {
    let server = start();
    let mut conn = server.connect();
    let fill = |conn: &mut crate::support::Conn, count: usize| {
        check(conn, "DEL s", ":0..1");
        for n in 1..=count {
            conn.line(&format!("XADD s 1-{n} field value{n}"));
        }
    };
    fill(&mut conn, 1000);
    run(
        &mut conn,
        "
        XTRIM s MAXLEN ~ 950 -> :0
        XTRIM s MAXLEN ~ 900 -> :100
        XTRIM s MAXLEN ~ 555 -> :300
        XTRIM s MINID ~ 1-499 -> :0
        XTRIM s MINID ~ 1-501 -> :100
        XTRIM s MAXLEN ~ 0 LIMIT 99 -> :0
        XTRIM s MAXLEN ~ 0 LIMIT 250 -> :200
        XTRIM s MAXLEN ~ 0 LIMIT 0 -> :300
        CONFIG SET stream-node-max-entries 10 -> +OK
        ",
    );
    fill(&mut conn, 2000);
    // Without a limit, a hundred blocks at once.
    check(&mut conn, "XTRIM s MAXLEN ~ 0", ":1000");
    check(&mut conn, "CONFIG SET stream-node-max-entries 0", "+OK");
    check(&mut conn, "CONFIG SET stream-node-max-bytes 400", "+OK");
    fill(&mut conn, 100);
    // As many as make a node of redis-server's as long as that.
    check(&mut conn, "XTRIM s MAXLEN ~ 90", ":0");
    check(&mut conn, "XTRIM s MAXLEN ~ 60", ":23");
    check(
        &mut conn,
        "XINFO STREAM s",
        "{length :77 radix-tree-keys * radix-tree-nodes * last-generated-id * max-deleted-entry-id * entries-added :100 recorded-first-entry-id 1-24 groups :0 first-entry * last-entry *}",
    );
}

#[test]
fn xsetid_sets_what_is_counted() {
    run_both(
        &start(),
        r#"
        XADD s 5-1 a b
        XSETID s 5-0 -> -ERR The ID specified in XSETID is smaller than the target stream top item
        XSETID s 7-0 ENTRIESADDED 0 -> -ERR The entries_added specified in XSETID is smaller than the target stream length
        XSETID s 7-0 ENTRIESADDED -1 -> -ERR entries_added must be positive
        XSETID s 7-0 MAXDELETEDID 8-0 -> -ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id
        XSETID s 7-0 NOSUCH 1 -> -ERR syntax error
        XSETID s 7-0 ENTRIESADDED -> -ERR syntax error
        XSETID s - -> -ERR Invalid stream ID specified as stream command argument
        XSETID none 1-1 -> -ERR no such key
        XSETID s 7-0 ENTRIESADDED 100 MAXDELETEDID 6-6 -> +OK
        XINFO STREAM s -> {length :1 radix-tree-keys :1 radix-tree-nodes :2 last-generated-id 7-0 max-deleted-entry-id 6-6 entries-added :100 recorded-first-entry-id 5-1 groups :0 first-entry [5-1 [a b]] last-entry [5-1 [a b]]}
        XADD s 7-0 a b -> -ERR The ID specified in XADD is equal or smaller than the target stream top item
        XADD s 7-* a b -> 7-1
        "#,
    );
}

/// An emptied stream whose last id is set back takes messages with ids below those that were.
#[test]
fn ids_may_begin_anew() {
    run_both(
        &start(),
        r#"
        XADD s 10-1 a 1
        XADD s 10-2 a 2
        XDEL s 10-1 -> :1
        XTRIM s MINID 10-3 -> :1
        XSETID s 1-0 -> +OK
        XADD s 2-0 a 3 -> 2-0
        XADD s 10-1 a 4 -> 10-1
        XRANGE s - + -> [[2-0 [a 3]] [10-1 [a 4]]]
        XREVRANGE s + - -> [[10-1 [a 4]] [2-0 [a 3]]]
        XRANGE s 10-1 10-1 -> [[10-1 [a 4]]]
        XADD t 5-1 a 1
        XADD t 9-1 a 2
        XDEL t 9-1 -> :1
        XSETID t 6-0 -> +OK
        XADD t 7-1 a 3 -> 7-1
        XADD t 9-1 a 4 -> 9-1
        XRANGE t - + -> [[5-1 *] [7-1 *] [9-1 [a 4]]]
        XDEL t 7-1 -> :1
        XRANGE t 6 + -> [[9-1 [a 4]]]
        "#,
    );
}

#[test]
fn messages_keep_their_bytes() {
    let server = start();
    let mut conn = server.connect();
    let large = vec![0xfe; 70_000];
    let values: Vec<Vec<u8>> = [
        "", "0", "-1", "127", "128", "4095", "4096", "-4096", "32768",
    ]
    .into_iter()
    .chain(["8388608", "2147483648", "9223372036854775807", "007", "1e5"])
    .map(|text| text.as_bytes().to_vec())
    .chain([vec![0, 255, 13, 10], vec![b'x'; 63], vec![b'x'; 64]])
    .chain([vec![b'x'; 4095], vec![b'x'; 4096], large])
    .collect();
    for (n, value) in values.iter().enumerate() {
        let id = format!("1-{}", n + 1);
        let args: [&[u8]; 7] = [b"XADD", b"s", id.as_bytes(), b"same", value, value, b"v"];
        assert_eq!(conn.cmd(&args).text(), id);
    }
    let all = conn.line("XRANGE s - +");
    for (message, value) in all.items().iter().zip(&values) {
        let fields = message.items()[1].items();
        assert_eq!(fields[1].bytes(), value);
        assert_eq!(fields[2].bytes(), value);
    }
    check(&mut conn, "COPY s t", ":1");
    assert_eq!(conn.line("XRANGE t - +"), all);
    check(&mut conn, "RENAME t u", "+OK");
    assert_eq!(conn.line("XRANGE u - +"), all);
}

#[test]
fn a_stream_expires_as_any_key() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "
        XADD s 1-1 a b
        PEXPIRE s 1 -> :1
        ",
    );
    crate::support::poll_until("it expires", || {
        (conn.line("XLEN s").int() == 0 && conn.line("EXISTS s").int() == 0).then_some(())
    });
    check(&mut conn, "XADD s 1-1 a b", "1-1");
}

#[test]
fn keys_stand_behind_streams() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "
        COMMAND GETKEYS XREAD COUNT 5 STREAMS a b 0 0 -> [a b]
        COMMAND GETKEYS XREADGROUP GROUP streams c STREAMS k > -> [k]
        COMMAND GETKEYS XREAD COUNT 5 STREAMS -> -ERR Invalid arguments specified for command
        COMMAND INFO XREAD -> [[xread :-4 ~[+readonly +blocking +movablekeys] :0 :0 :0 * * ~[{flags ~[+RO +access] begin_search {type keyword spec {keyword STREAMS startfrom :1}} find_keys {type range spec {lastkey :-1 keystep :1 limit :2}}}] ~[]]]
        ",
    );
}

/// More than a worker does at once: it runs on the pool, and the connection's order is kept.
#[test]
fn long_ranges_are_whole_and_in_order() {
    const MESSAGES: usize = 12_000;
    let server = start();
    let mut conn = server.connect();
    let add = |n: usize| split_line(&format!("XADD s {n}-1 f {n}"));
    conn.pipeline(&(1..=MESSAGES).map(add).collect::<Vec<_>>());
    check(&mut conn, "XGROUP CREATE s g 0", "+OK");
    for line in [
        "XRANGE s - +",
        "XREVRANGE s + -",
        "XINFO STREAM s FULL COUNT 0",
        "XREAD STREAMS s 0",
        "XREAD COUNT 20000 BLOCK 0 STREAMS none s 0 0",
        "XREADGROUP GROUP g c STREAMS s >",
        "XREADGROUP GROUP g c BLOCK 0 STREAMS s 0",
        "XREADGROUP GROUP g d CLAIM 0 STREAMS s >",
    ] {
        let replies = conn.pipeline(&[split_line(line), split_line("PING")]);
        let messages = match &replies[0] {
            Reply::Array(fields) if line.starts_with("XINFO") => {
                let entries = Reply::Bulk(b"entries".to_vec());
                let at = fields.iter().position(|field| *field == entries);
                &fields[at.expect("it has entries") + 1]
            }
            Reply::Array(streams) if line.starts_with("XREAD") => match &streams[..] {
                [Reply::Array(stream)] => &stream[1],
                _ => panic!("{line}: {streams:?}"),
            },
            all => all,
        };
        let Reply::Array(messages) = messages else {
            panic!("{line}: {messages}")
        };
        assert_eq!(messages.len(), MESSAGES, "{line}");
        assert_eq!(replies[1].text(), "PONG");
    }
    let info = conn.line("INFO stats").text();
    assert!(info.contains("offloaded_commands:8\r"), "{info}");
}
