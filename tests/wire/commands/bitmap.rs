//! Bitmaps.

use crate::support::{Conn, Options, Server, check, check_arity, on_oracle, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";
const BIT_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn every_command_counts_its_arguments() {
    let server = start();
    let mut conn = server.connect();
    let lines = "SETBIT k 1 | SETBIT k 1 1 1 | GETBIT k | GETBIT k 1 1 | BITCOUNT | BITPOS k | \
        BITOP AND d | BITOP NOT | BITFIELD | BITFIELD_RO";
    check_arity(&mut conn, lines.split(" | "));
}

#[test]
fn setting_and_getting() {
    run_both(
        &start(),
        r#"
        GETBIT k 100 -> :0
        EXISTS k -> :0
        SETBIT k 7 1 -> :0
        GET k -> "\x01"
        SETBIT k 7 1 -> :1
        SETBIT k 7 0 -> :1
        SETBIT k 0 1 -> :0
        GET k -> "\x80"
        SETBIT k 20 1 -> :0
        GET k -> "\x80\x00\x08"
        SETBIT k 39 0 -> :0
        STRLEN k -> :5
        GETBIT k 0 -> :1
        GETBIT k 20 -> :1
        GETBIT k 21 -> :0
        GETBIT k 40 -> :0
        GETBIT k 4294967295 -> :0
        SET n 12 -> +OK
        OBJECT ENCODING n -> int
        GETBIT n 3 -> :1
        OBJECT ENCODING n -> int
        SETBIT n 3 1 -> :1
        OBJECT ENCODING n -> raw
        GET n -> 12
        SETBIT n 15 1 -> :0
        GET n -> 13
        INCR n -> :14
        SET e abc EX 100 -> +OK
        OBJECT ENCODING e -> embstr
        SETBIT e 6 0 -> :0
        OBJECT ENCODING e -> raw
        SETBIT e 6 1 -> :0
        SETBIT e 100 1 -> :0
        TTL e -> :99..100
        SETBIT k 0 2 -> -ERR bit is not an integer or out of range
        SETBIT k -1 2 -> -ERR bit offset is not an integer or out of range
        "#,
    );
}

#[test]
fn counting() {
    run_both(
        &start(),
        r#"
        BITCOUNT none -> :0
        BITCOUNT none 0 -1 BIT -> :0
        SET k foobar -> +OK
        BITCOUNT k -> :26
        BITCOUNT k 0 0 -> :4
        BITCOUNT k 1 1 -> :6
        BITCOUNT k 1 1 byte -> :6
        BITCOUNT k 5 30 BIT -> :17
        BITCOUNT k 0 -1 bit -> :26
        BITCOUNT k -2 -1 -> :7
        BITCOUNT k 3 2 -> :0
        BITCOUNT k -1 -2 -> :0
        BITCOUNT k -100 -99 -> :4
        BITCOUNT k 6 100 -> :0
        BITCOUNT k 0 -1 NIBBLE -> -ERR syntax error
        BITCOUNT k -1 -2 NIBBLE -> *
        BITCOUNT k 0 -1 BIT x -> -ERR syntax error
        SET n 255 -> +OK
        BITCOUNT n -> :11
        SET empty "" -> +OK
        BITCOUNT empty -> :0
        BITCOUNT empty 0 -1 BIT -> :0
        "#,
    );
    if !on_oracle() {
        // As Valkey: up to the end.
        run_both(
            &start(),
            "SET k foobar\nBITCOUNT k 1 -> :22\nBITCOUNT k -1 -> :4\nBITCOUNT k x -> !",
        );
    }
}

#[test]
fn searching() {
    run_both(
        &start(),
        r#"
        BITPOS none 0 -> :0
        BITPOS none 1 -> :-1
        BITPOS none 1 x y z -> :-1
        SET k "\xff\xf0\x00" -> +OK
        BITPOS k 0 -> :12
        BITPOS k 1 -> :0
        BITPOS k 1 2 -> :-1
        BITPOS k 0 2 -> :16
        BITPOS k 0 0 0 -> :-1
        BITPOS k 0 0 11 BIT -> :-1
        BITPOS k 0 0 12 BIT -> :12
        BITPOS k 1 9 -1 BIT -> :9
        BITPOS k 1 12 -1 BIT -> :-1
        BITPOS k 0 -1 -1 BYTE -> :16
        BITPOS k 0 3 -> :-1
        BITPOS k 0 2 1 -> :-1
        SET ones "\xff\xff" -> +OK
        BITPOS ones 0 -> :16
        BITPOS ones 0 1 -> :16
        BITPOS ones 0 2 -> :-1
        BITPOS ones 0 0 -1 -> :-1
        BITPOS ones 0 0 -1 BIT -> :-1
        SET empty "" -> +OK
        BITPOS empty 0 -> :-1
        BITPOS empty 1 -> :-1
        SET n 1 -> +OK
        BITPOS n 1 -> :2
        BITPOS k 2 -> -ERR The bit argument must be 1 or 0.
        BITPOS k 1 0 1 NIBBLE -> -ERR syntax error
        BITPOS k 1 0 1 BIT x -> -ERR syntax error
        BITPOS k 1 0 x NIBBLE -> -ERR syntax error
        BITPOS k 1 x 1 NIBBLE -> -ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn combining() {
    run_both(
        &start(),
        r#"
        SET a "\xf0\xff" -> +OK
        SET b "\x3c" -> +OK
        SET n 1 -> +OK
        BITOP AND d a b -> :2
        GET d -> "\x30\x00"
        BITOP or d a b -> :2
        GET d -> "\xfc\xff"
        BITOP XOR d a b -> :2
        GET d -> "\xcc\xff"
        BITOP NOT d a -> :2
        GET d -> "\x0f\x00"
        BITOP AND d a none -> :2
        GET d -> "\x00\x00"
        BITOP OR d n -> :1
        GET d -> 1
        OBJECT ENCODING d -> raw
        BITOP XOR a a a -> :2
        GET a -> "\x00\x00"
        EXPIRE d 100 -> :1
        BITOP OR d b -> :1
        TTL d -> :-1
        BITOP OR d none -> :0
        EXISTS d -> :0
        SET empty "" -> +OK
        SET d x -> +OK
        BITOP NOT d empty -> :0
        EXISTS d -> :0
        BITOP NOT d a b -> -ERR BITOP NOT must be called with a single source key.
        BITOP NAND d a b -> -ERR syntax error
        "#,
    );
}

/// As in Redis 8.2.
#[test]
fn combining_the_first_with_others() {
    if on_oracle() {
        return;
    }
    run_both(
        &start(),
        r#"
        SET x "\xf0\xff" -> +OK
        SET y "\x3c" -> +OK
        SET z "\x66\x0f\x81" -> +OK
        BITOP DIFF d x y z -> :3
        GET d -> "\x80\xf0\x00"
        BITOP DIFF1 d x y z -> :3
        GET d -> "\x0e\x00\x81"
        BITOP ANDOR d x y z -> :3
        GET d -> "p\x0f\x00"
        BITOP ONE d x y z -> :3
        GET d -> "\x8a\xf0\x81"
        BITOP one d x -> :2
        GET d -> "\xf0\xff"
        BITOP DIFF d none y -> :1
        GET d -> "\x00"
        BITOP diff d x -> -ERR BITOP DIFF must be called with at least two source keys.
        BITOP DIFF1 d x -> -ERR BITOP DIFF1 must be called with at least two source keys.
        BITOP ANDOR d x -> -ERR BITOP ANDOR must be called with at least two source keys.
        "#,
    );
}

#[test]
fn fields() {
    run_both(
        &start(),
        r#"
        BITFIELD k -> []
        BITFIELD k GET u8 0 GET i64 5 -> [:0 :0]
        EXISTS k -> :0
        BITFIELD k SET u8 0 255 GET i4 4 -> [:0 :-1]
        STRLEN k -> :1
        BITFIELD k INCRBY u4 #1 1 -> [:0]
        GET k -> "\xf0"
        "#,
    );
    run_both(
        &start(),
        r#"
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1 -> [:1 :1]
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1 -> [:2 :2]
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1 -> [:3 :3]
        BITFIELD k INCRBY u2 100 1 OVERFLOW SAT INCRBY u2 102 1 -> [:0 :3]
        BITFIELD k OVERFLOW FAIL INCRBY u2 102 1 GET u2 102 -> [nil :3]
        BITFIELD k overflow fail overflow wrap incrby u2 102 1 -> [:0]
        BITFIELD_RO k GET u2 102 get u2 100 -> [:0 :0]
        BITFIELD_RO k -> []
        BITFIELD k SET i8 #0 200 GET i8 0 -> [:0 :-56]
        BITFIELD k OVERFLOW SAT SET i8 #0 200 GET i8 0 -> [:-56 :127]
        BITFIELD k OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0 -> [:127 :127]
        BITFIELD k OVERFLOW SAT SET i8 0 -1000 GET i8 0 -> [:127 :-128]
        BITFIELD k OVERFLOW SAT SET u8 0 -1 GET u8 0 -> [:128 :255]
        BITFIELD k OVERFLOW FAIL SET u8 0 256 GET u8 0 -> [nil :255]
        BITFIELD k SET u63 1 9223372036854775807 GET u63 1 INCRBY u63 1 1 -> *
        BITFIELD k SET i64 0 9223372036854775807 INCRBY i64 0 1 -> *
        BITFIELD k GET i64 0 -> [:-9223372036854775808]
        BITFIELD fails OVERFLOW FAIL INCRBY u1 15 2 -> [nil]
        GET fails -> "\x00\x00"
        SET n 12 -> +OK
        BITFIELD n GET u8 0 -> [:49]
        OBJECT ENCODING n -> int
        BITFIELD n INCRBY u8 0 0 -> [:49]
        OBJECT ENCODING n -> raw
        BITFIELD k GET -> -ERR syntax error
        BITFIELD k SET u8 0 -> -ERR syntax error
        BITFIELD k FOO u8 0 -> -ERR syntax error
        BITFIELD k OVERFLOW -> -ERR syntax error
        BITFIELD k OVERFLOW NONE -> -ERR Invalid OVERFLOW type specified
        BITFIELD_RO k SET u8 0 1 -> -ERR BITFIELD_RO only supports the GET subcommand
        BITFIELD k SET u8 0 1 GET u64 0 -> -ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.
        BITFIELD k GET u8 # -> -ERR bit offset is not an integer or out of range
        BITFIELD k SET u8 0 x -> -ERR value is not an integer or out of range
        BITFIELD new SET u8 0 x -> -ERR value is not an integer or out of range
        EXISTS new -> :0
        "#,
    );
}

#[test]
fn every_type_of_field() {
    let server = start();
    let mut conn = server.connect();
    let signed = (1..=64).map(|width| (true, width));
    for (signed, width) in signed.chain((1..=63).map(|width| (false, width))) {
        let kind = format!("{}{width}", if signed { 'i' } else { 'u' });
        let max = i64::MAX >> (64 - width - i32::from(!signed));
        let min = if signed { -max - 1 } else { 0 };
        let line = format!(
            "BITFIELD k SET {kind} 13 {max} INCRBY {kind} 13 1 OVERFLOW SAT INCRBY {kind} 13 -1 \
             INCRBY {kind} 13 -1 SET {kind} 13 0 GET {kind} #1"
        );
        check(
            &mut conn,
            &line,
            &format!("[:0 :{min} :{min} :{min} :{min} :0]"),
        );
    }
    check(&mut conn, "BITCOUNT k", ":0");
}

#[test]
fn other_types_are_refused() {
    let server = start();
    let mut conn = server.connect();
    check(&mut conn, "RPUSH l 1", ":1");
    for line in "SETBIT l 0 1|GETBIT l 0|BITCOUNT l|BITPOS l 1|BITOP AND d k l|BITFIELD l|\
        BITFIELD l SET u8 0 1|BITFIELD_RO l GET u8 0"
        .split('|')
    {
        check(&mut conn, line, WRONG_TYPE);
    }
    run(&mut conn, "SET k x\nBITOP OR l k -> :1\nGET l -> x");
}

/// Integers that arguments are tried with: these are integers to Redis, …
const INTEGERS: [&str; 9] = [
    "-9223372036854775808",
    "-9223372036854775807",
    "-1",
    "0",
    "1",
    "2147483647",
    "2147483649",
    "4294967296",
    "9223372036854775807",
];

/// … and these are not.
fn not_integers() -> Vec<String> {
    let mut texts: Vec<String> = ["9223372036854775808", "18446744073709551615", "-0", "1.5"]
        .map(String::from)
        .into();
    texts.push("\"\"".to_owned());
    texts.push("7".repeat(400));
    texts
}

/// Tries an argument, `{}` in the line, with every edge; `k` holds `foobar` before each.
#[track_caller]
fn edges(conn: &mut Conn, line: &str, expected: [&str; 9], refused: &str) {
    let not_integers = not_integers();
    let refused = not_integers.iter().map(|text| (text.as_str(), refused));
    for (text, expected) in INTEGERS.into_iter().zip(expected).chain(refused) {
        check(conn, "SET k foobar", "+OK");
        check(conn, &line.replace("{}", text), expected);
        if expected.starts_with('-') {
            check(conn, "GET k", "foobar");
        }
    }
}

#[test]
fn integers_at_their_edges() {
    let server = Server::start(Options::new().set("limits.max_bulk_bytes", 1 << 20));
    let far = BIT_OFFSET;
    for mut conn in [server.connect(), server.connect3()] {
        let offsets = [far, far, far, ":0", ":1", far, far, far, far];
        edges(&mut conn, "SETBIT k {} 1", offsets, far);
        edges(&mut conn, "GETBIT k {}", offsets, far);
        let bit = "-ERR bit is not an integer or out of range";
        let bits = [bit, bit, bit, ":1", ":1", bit, bit, bit, bit];
        edges(&mut conn, "SETBIT k 1 {}", bits, bit);
        let starts = [":26", ":26", ":4", ":26", ":22", ":0", ":0", ":0", ":0"];
        edges(&mut conn, "BITCOUNT k {} -1", starts, NOT_INTEGER);
        let ends = [":4", ":4", ":26", ":4", ":10", ":26", ":26", ":26", ":26"];
        edges(&mut conn, "BITCOUNT k 0 {}", ends, NOT_INTEGER);
        let ends = [":0", ":0", ":26", ":0", ":1", ":26", ":26", ":26", ":26"];
        edges(&mut conn, "BITCOUNT k 0 {} BIT", ends, NOT_INTEGER);
        let other = "-ERR The bit argument must be 1 or 0.";
        let bits = [other, other, other, ":0", ":1", other, other, other, other];
        edges(&mut conn, "BITPOS k {}", bits, NOT_INTEGER);
        let starts = [":1", ":1", ":41", ":1", ":9", ":-1", ":-1", ":-1", ":-1"];
        edges(&mut conn, "BITPOS k 1 {}", starts, NOT_INTEGER);
        let ends = [":-1", ":-1", ":1", ":-1", ":1", ":1", ":1", ":1", ":1"];
        edges(&mut conn, "BITPOS k 1 0 {} BIT", ends, NOT_INTEGER);
        let fields = [far, far, far, "[:102]", "[:204]", far, far, far, far];
        edges(&mut conn, "BITFIELD k GET u8 {}", fields, far);
        // Redis multiplies beyond 64 bits and takes what remains.
        if !on_oracle() {
            let fields = [far, far, far, "[:102]", "[:111]", far, far, far, far];
            edges(&mut conn, "BITFIELD_RO k GET u8 #{}", fields, far);
            edges(&mut conn, "BITFIELD k SET u8 #{} 0", fields, far);
        }
        edges(
            &mut conn,
            "BITFIELD k SET u8 0 {}",
            ["[:102]"; 9],
            NOT_INTEGER,
        );
        let sums = [
            "[:102]", "[:103]", "[:101]", "[:102]", "[:103]", "[:101]", "[:103]", "[:102]",
            "[:101]",
        ];
        edges(&mut conn, "BITFIELD k INCRBY u8 0 {}", sums, NOT_INTEGER);
    }
}

#[test]
fn the_limit_holds_before_anything_is_allocated() {
    let server = Server::start(Options::new().set("limits.max_bulk_bytes", 1 << 20));
    run(
        &mut server.connect(),
        r#"
        SETBIT k 8388607 1 -> :0
        STRLEN k -> :1048576
        SETBIT k 8388608 1 -> -ERR bit offset is not an integer or out of range
        GETBIT k 8388608 -> -ERR bit offset is not an integer or out of range
        BITFIELD new SET u8 8388608 1 -> -ERR bit offset is not an integer or out of range
        BITFIELD new SET u8 #1048576 1 -> -ERR bit offset is not an integer or out of range
        BITFIELD new SET u8 0 1 SET i64 #131072 1 -> -ERR bit offset is not an integer or out of range
        EXISTS new -> :0
        "#,
    );
    if !on_oracle() {
        // Redis multiplies beyond 64 bits and takes what remains.
        check(
            &mut server.connect(),
            "BITFIELD new SET u8 #2305843009213693952 1",
            BIT_OFFSET,
        );
    }
}

#[test]
fn large_strings() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        r#"
        SETBIT k 80000000 1 -> :0
        STRLEN k -> :10000001
        SETBIT k 7 1 -> :0
        SETBIT k 79999999 1 -> :0
        BITCOUNT k -> :3
        BITCOUNT k 1 -1 -> :2
        BITPOS k 1 1 -> :79999999
        BITPOS k 0 0 -1 -> :0
        BITFIELD k SET u16 79999992 65535 GET u32 79999984 -> [:384 :16776960]
        BITOP NOT not k -> :10000001
        BITCOUNT not -> :79999991
        BITOP OR all k not -> :10000001
        BITPOS all 0 -> :80000008
        BITPOS all 0 0 -1 -> :-1
        BITOP XOR none all all -> :10000001
        BITPOS none 1 -> :-1
        MULTI -> +OK
        BITCOUNT not -> +QUEUED
        BITPOS all 0 -> +QUEUED
        BITOP NOT small none -> +QUEUED
        EXEC -> [:79999991 :80000008 :10000001]
        BITCOUNT small 0 9 -> :80
        BITOP AND k k all none -> :10000001
        BITCOUNT k -> :0
        "#,
    );
    if !on_oracle() {
        // So much is not for a worker, which has other clients.
        let info = conn.line("INFO everything").to_string();
        assert!(!info.contains("offloaded_commands:0"), "{info}");
    }
    // A reply under way quotes the string as it was.
    let replies = conn.pipeline(&[
        vec!["GET", "not"],
        vec!["SETBIT", "not", "0", "0"],
        vec!["BITFIELD", "not", "SET", "u8", "8", "0"],
        vec!["GETRANGE", "not", "0", "1"],
    ]);
    assert_eq!(replies[0].bytes()[..2], [0xfe, 0xff]);
    assert_eq!(replies[3].bytes(), b"~\x00");
}

#[test]
fn what_changes_nothing_disturbs_no_watcher() {
    let server = start();
    let mut conn = server.connect();
    let mut other = server.connect();
    for (line, disturbs) in [
        ("SETBIT k 1 1", false),
        ("SETBIT k 1 0", true),
        ("SETBIT k 100 0", true),
        ("BITFIELD k SET u8 0 97", false),
        ("BITFIELD k INCRBY u8 0 1", true),
        ("BITFIELD k OVERFLOW FAIL INCRBY u8 0 200", false),
        ("BITFIELD k GET u8 0", false),
        ("BITOP OR k k", true),
        ("BITOP OR k none", true),
    ] {
        run(&mut conn, "SET k a\nWATCH k\nMULTI\nPING");
        let _ = other.line(line);
        check(
            &mut conn,
            "EXEC",
            if disturbs { "nil[]" } else { "[+PONG]" },
        );
    }
}
