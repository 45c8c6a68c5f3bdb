//! HyperLogLogs.

use crate::support::{Conn, Options, Server, check, check_arity, on_oracle, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

const INVALID: &str = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPT: &str = "-INVALIDOBJ Corrupted HLL object detected";

#[test]
fn every_command_counts_its_arguments() {
    let server = start();
    let mut conn = server.connect();
    let lines = "PFADD | PFCOUNT | PFMERGE | PFDEBUG | PFDEBUG ENCODING | PFDEBUG ENCODING k x | \
        PFSELFTEST x";
    check_arity(&mut conn, lines.split(" | "));
}

#[test]
fn adding_and_counting() {
    run_both(
        &start(),
        r#"
        PFCOUNT k -> :0
        EXISTS k -> :0
        PFADD k -> :1
        PFADD k -> :0
        PFCOUNT k -> :0
        PFADD k a b c d e f g -> :1
        PFADD k a b c d e f g -> :0
        PFADD k "" -> :1
        PFADD k "" -> :0
        PFCOUNT k -> :8
        PFCOUNT k -> :8
        PFADD other a b x y z -> :1
        PFCOUNT k other -> :11
        PFCOUNT other none k k -> :11
        PFCOUNT none nope -> :0
        EXPIRE k 100 -> :1
        PFADD k new -> :1
        TTL k -> :99..100
        TYPE k -> +string
        OBJECT ENCODING k -> raw
        "#,
    );
}

#[test]
fn the_string_is_that_of_redis() {
    run_both(
        &start(),
        r#"
        PFADD k -> :1
        GET k -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        PFCOUNT k -> :0
        GET k -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff"
        PFADD k x y z -> :1
        GET k -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80a\x84\x80X\xcd\x88E\xa0\x84\b"
        PFCOUNT k -> :3
        GET k -> "HYLL\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00a\x84\x80X\xcd\x88E\xa0\x84\b"
        PFDEBUG DECODE k -> "Z:8581 v:1,1 Z:6350 v:3,1 Z:1441 v:2,1 z:9"
        PFDEBUG ENCODING k -> +sparse
        SET copy "HYLL\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00a\x84\x80X\xcd\x88E\xa0\x84\b"
        OBJECT ENCODING copy -> embstr
        PFCOUNT copy other -> :3
        OBJECT ENCODING copy -> embstr
        PFCOUNT copy -> :3
        OBJECT ENCODING copy -> raw
        PFADD copy x -> :0
        "#,
    );
}

#[test]
fn merging() {
    run_both(
        &start(),
        r#"
        PFMERGE k -> +OK
        GET k -> "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff"
        PFADD a 1 2 3 -> :1
        PFADD b 3 4 5 -> :1
        PFMERGE k a b none -> +OK
        PFCOUNT k -> :5
        PFDEBUG ENCODING k -> +sparse
        PFDEBUG TODENSE b -> :1
        PFDEBUG TODENSE b -> :0
        PFDEBUG ENCODING b -> +dense
        PFDEBUG DECODE b -> -ERR HLL encoding is not sparse
        PFCOUNT b -> :3
        EXPIRE k 100 -> :1
        PFMERGE k b -> +OK
        PFDEBUG ENCODING k -> +dense
        PFCOUNT k -> :5
        TTL k -> :99..100
        PFMERGE a a -> +OK
        PFCOUNT a -> :3
        PFADD b 3 4 5 -> :0
        PFADD b 6 7 -> :1
        PFCOUNT b -> :5
        STRLEN b -> :12304
        "#,
    );
}

#[test]
fn looking_inside() {
    let server = start();
    for mut conn in [server.connect(), server.connect3()] {
        run(
            &mut conn,
            r#"
            FLUSHALL
            PFDEBUG GETREG k -> -ERR The specified key does not exist
            PFADD k x y z -> :1
            PFDEBUG NOTHING k -> -ERR Unknown PFDEBUG subcommand 'NOTHING'
            PFSELFTEST -> +OK
            "#,
        );
        let registers = conn.line("PFDEBUG getreg k");
        let set: Vec<(usize, i64)> = registers
            .items()
            .iter()
            .map(|register| register.int())
            .enumerate()
            .filter(|(_, rank)| *rank > 0)
            .collect();
        assert_eq!(registers.items().len(), 16384);
        assert_eq!(set, [(8581, 1), (14932, 3), (16374, 2)]);
        check(&mut conn, "PFDEBUG encoding k", "+dense");
    }
}

#[test]
fn what_is_none_is_refused() {
    let server = start();
    let mut conn = server.connect();
    let invalid = [
        "5",
        "abc",
        r#""HYLL""#,
        r#""HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00""#,
        r#""HYLX\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff""#,
        r#""HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff""#,
        r#""HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7f\xff""#,
    ];
    check(&mut conn, "PFADD good x", ":1");
    for value in invalid {
        check(&mut conn, &format!("SET k {value}"), "+OK");
        for line in "PFADD k x|PFCOUNT k|PFCOUNT good k|PFMERGE k good|PFMERGE good k|\
            PFMERGE new good k|PFDEBUG ENCODING k"
            .split('|')
        {
            check(&mut conn, line, INVALID);
        }
        check(&mut conn, "GET k", value);
    }
    check(&mut conn, "EXISTS new", ":0");
    check(&mut conn, "PFCOUNT good", ":1");
}

#[test]
fn corrupt_ones_are_refused() {
    let server = start();
    let mut conn = server.connect();
    check(&mut conn, "PFADD good x", ":1");
    // Too few registers, none, too many; the estimate is out of date.
    for registers in [r"\x7f\xfe", "", r"\x7f\xff\x84", r"\xff", r"\x7f\xff\x00"] {
        let header = r"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80";
        check(&mut conn, &format!("SET k \"{header}{registers}\""), "+OK");
        for line in "PFCOUNT k|PFCOUNT good k|PFMERGE k good|PFMERGE new k|PFDEBUG TODENSE k|\
            PFDEBUG GETREG k"
            .split('|')
        {
            check(&mut conn, line, CORRUPT);
        }
    }
    // The run of the element's register is missing.
    check(
        &mut conn,
        r#"SET k "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00""#,
        "+OK",
    );
    check(&mut conn, "PFADD k x", CORRUPT);
    check(&mut conn, "EXISTS new", ":0");
}

#[test]
fn the_sparse_form_has_a_limit() {
    let server = start();
    let mut conn = server.connect();
    for (limit, last_sparse) in [(18, 0), (60, 13), (3000, 0)] {
        check(
            &mut conn,
            &format!("CONFIG SET hll-sparse-max-bytes {limit}"),
            "+OK",
        );
        check(&mut conn, "DEL k", "*");
        let mut element = 0;
        while conn.line("STRLEN k").int() < 12304 {
            let before = conn.line("STRLEN k").int();
            assert!(before <= limit, "{before} bytes");
            let _ = conn.line(&format!("PFADD k {element}"));
            element += 1;
        }
        check(&mut conn, "PFDEBUG ENCODING k", "+dense");
        assert!(element > last_sparse, "dense after {element}");
        let estimate = conn.line("PFCOUNT k").int();
        assert!(
            (estimate - element).abs() <= element / 20,
            "{estimate} of {element}"
        );
    }
}

#[test]
fn counting_is_a_change_once() {
    let server = start();
    let mut conn = server.connect();
    let mut other = server.connect();
    check(&mut conn, "PFADD k a", ":1");
    for (line, disturbs) in [
        ("PFCOUNT k k", false),
        ("PFCOUNT k", true),
        ("PFCOUNT k", false),
        ("PFADD k a", false),
        ("PFADD k b", true),
        ("PFMERGE k k", true),
        ("PFDEBUG TODENSE k", false),
    ] {
        run(&mut conn, "WATCH k\nMULTI\nPING");
        let _ = other.line(line);
        let expected = if disturbs { "nil[]" } else { "[+PONG]" };
        check(&mut conn, "EXEC", expected);
    }
}

#[test]
fn other_types_are_refused() {
    let server = start();
    let mut conn = server.connect();
    check(&mut conn, "RPUSH l 1", ":1");
    for line in
        "PFADD l x|PFCOUNT l|PFCOUNT k l|PFMERGE l|PFMERGE d l|PFDEBUG ENCODING l".split('|')
    {
        check(
            &mut conn,
            line,
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
    check(&mut conn, "EXISTS d", ":0");
}

/// The estimate, over many HyperLogLogs of different elements.
#[test]
fn the_error_is_within_its_bound() {
    const LOGS: usize = 60;
    const ELEMENTS: usize = 3000;
    if on_oracle() {
        return;
    }
    let server = start();
    let mut conn: Conn = server.connect();
    let mut squares = 0.0;
    for log in 0..LOGS {
        let mut request = vec!["PFADD".to_owned(), format!("k{log}")];
        request.extend((0..ELEMENTS).map(|element| format!("{log}:{element}")));
        assert_eq!(conn.cmd(&request).int(), 1);
        let estimate = conn.line(&format!("PFCOUNT k{log}")).int() as f64;
        squares += (estimate / ELEMENTS as f64 - 1.0).powi(2);
    }
    let deviation = (squares / LOGS as f64).sqrt();
    assert!(deviation <= 0.0081, "{deviation}");
}
