//! Lists. What waits is in [`super::blocking`].

use crate::support::{Options, Reply, Server, check, check_arity, on_oracle, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn every_command_counts_its_arguments() {
    let server = start();
    let mut conn = server.connect();
    let common = "LPUSH k | RPUSH k | LPUSHX k | RPUSHX k | LPOP | LPOP k 1 2 | RPOP | RPOP k 1 2 | \
        LLEN | LLEN k x | LINDEX k | LINDEX k 1 2 | LINSERT k BEFORE a | LINSERT k BEFORE a b c | \
        LRANGE k 1 | LRANGE k 1 2 3 | LREM k 1 | LREM k 1 a b | LSET k 1 | LSET k 1 a b | \
        LTRIM k 1 | LTRIM k 1 2 3 | LPOS k | LMOVE a b LEFT | LMOVE a b LEFT LEFT 0 | RPOPLPUSH a | \
        RPOPLPUSH a b c | LMPOP 1 k | BLPOP k | BRPOP k | BLMOVE a b LEFT LEFT | \
        BLMOVE a b LEFT LEFT 0 0 | BRPOPLPUSH a b | BRPOPLPUSH a b 0 0 | BLMPOP 0 1 k";
    let newer = "LMOVEM a b LEFT | BLMOVEM a b LEFT LEFT";
    check_arity(&mut conn, common.split(" | "));
    if !on_oracle() {
        check_arity(&mut conn, newer.split(" | "));
    }
}

#[test]
fn other_types_are_refused() {
    let server = start();
    let mut conn = server.connect();
    check(&mut conn, "SET s v", "+OK");
    check(&mut conn, "RPUSH l a b", ":2");
    for line in [
        "LPUSH s a",
        "RPUSH s a",
        "LPUSHX s a",
        "RPUSHX s a",
        "LPOP s",
        "RPOP s 2",
        "LLEN s",
        "LINDEX s 0",
        "LINSERT s BEFORE a b",
        "LRANGE s 0 -1",
        "LREM s 0 a",
        "LSET s 0 a",
        "LTRIM s 0 -1",
        "LPOS s a",
        "LMOVE s l LEFT LEFT",
        "LMOVE l s LEFT LEFT",
        "RPOPLPUSH s l",
        "RPOPLPUSH l s",
        "LMPOP 2 none s LEFT",
        "BLPOP none s l 0",
        "BRPOP s 0",
        "BLMOVE s l LEFT LEFT 0",
        "BLMOVE l s LEFT LEFT 0",
        "BRPOPLPUSH l s 0",
        "BLMPOP 0 2 none s LEFT",
        "GET l",
        "APPEND l x",
        "INCR l",
    ] {
        check(&mut conn, line, "-WRONGTYPE…");
    }
    // What failed half-way has changed nothing.
    check(&mut conn, "LRANGE l 0 -1", "[a b]");
    check(&mut conn, "GET s", "v");
    check(&mut conn, "LMPOP 3 none l s LEFT", "[l [a]]");
    check(&mut conn, "SET l now-a-string", "+OK");
    check(&mut conn, "TYPE l", "+string");
}

#[test]
fn pushes_and_pops() {
    run_both(
        &start(),
        r#"
        RPUSH l a b c -> :3
        LPUSH l 1 2 -> :5
        LRANGE l 0 -1 -> ["2" "1" a b c]
        TYPE l -> +list
        LLEN l -> :5
        LLEN none -> :0
        LPOP l -> "2"
        RPOP l -> c
        LPOP l 2 -> ["1" a]
        RPOP l 0 -> []
        RPOP l 9223372036854775807 -> [b]
        EXISTS l -> :0
        LPOP l -> nil
        RPOP l -> nil
        LPOP l 0 -> nil[]
        RPOP l 1 -> nil[]
        LPUSHX l a -> :0
        RPUSHX l a -> :0
        EXISTS l -> :0
        RPUSH l "" -> :1
        LPUSHX l a b -> :3
        RPUSHX l -1 -9223372036854775808 -> :5
        LRANGE l 0 -1 -> [b a "" "-1" "-9223372036854775808"]
        RPOP l 2 -> ["-9223372036854775808" "-1"]
        RPOP l 10 -> ["" a b]
        LPOP l -1 -> -ERR value is out of range, must be positive
        LPOP l x -> -ERR value is out of range, must be positive
        "#,
    );
}

#[test]
fn elements_by_index() {
    run_both(
        &start(),
        r#"
        RPUSH l a b c d
        LINDEX l 0 -> a
        LINDEX l 3 -> d
        LINDEX l 4 -> nil
        LINDEX l -1 -> d
        LINDEX l -4 -> a
        LINDEX l -5 -> nil
        LINDEX l -9223372036854775808 -> nil
        LINDEX none 0 -> nil
        LINDEX none x -> nil
        LINDEX l x -> -ERR value is not an integer or out of range
        LSET l 0 A -> +OK
        LSET l -1 D -> +OK
        LSET l 1 a-longer-one -> +OK
        LSET l 4 x -> -ERR index out of range
        LSET l -5 x -> -ERR index out of range
        LSET l x x -> -ERR value is not an integer or out of range
        LSET none x x -> -ERR no such key
        LRANGE l 0 -1 -> [A a-longer-one c D]
        LRANGE l 1 2 -> [a-longer-one c]
        LRANGE l -2 -1 -> [c D]
        LRANGE l -100 0 -> [A]
        LRANGE l 3 100 -> [D]
        LRANGE l 4 100 -> []
        LRANGE l 2 1 -> []
        LRANGE l -9223372036854775808 9223372036854775807 -> [A a-longer-one c D]
        LRANGE none 0 -1 -> []
        LRANGE none 0 x -> -ERR value is not an integer or out of range
        "#,
    );
}

#[test]
fn elements_by_value() {
    run_both(
        &start(),
        r#"
        RPUSH l a b a c a
        LINSERT l BEFORE b x -> :6
        LINSERT l after a y -> :7
        LINSERT l AFTER nope y -> :-1
        LINSERT none AFTER a y -> :0
        LINSERT l BESIDE a y -> -ERR syntax error
        LRANGE l 0 -1 -> [a y x b a c a]
        LREM l 1 a -> :1
        LREM l -1 a -> :1
        LREM l 0 nope -> :0
        LREM none 0 a -> :0
        LREM l x a -> -ERR value is not an integer or out of range
        LRANGE l 0 -1 -> [y x b a c]
        RPUSH l a a
        LREM l -2 a -> :2
        LRANGE l 0 -1 -> [y x b a c]
        LREM l 0 a -> :1
        LTRIM l 1 -1 -> +OK
        LRANGE l 0 -1 -> [x b c]
        LTRIM l 0 -2 -> +OK
        LTRIM l -100 100 -> +OK
        LRANGE l 0 -1 -> [x b]
        LTRIM l 5 10 -> +OK
        EXISTS l -> :0
        LTRIM l 0 1 -> +OK
        RPUSH l 1 1 1
        LREM l -9223372036854775808 1 -> :3
        EXISTS l -> :0
        "#,
    );
}

#[test]
fn positions() {
    run_both(
        &start(),
        "
        RPUSH l a b c 1 2 3 c c
        LPOS l c -> :2
        LPOS l 3 -> :5
        LPOS l x -> nil
        LPOS l c RANK 2 -> :6
        LPOS l c RANK -1 -> :7
        LPOS l c RANK 4 -> nil
        LPOS l c COUNT 0 -> [:2 :6 :7]
        LPOS l c COUNT 2 -> [:2 :6]
        LPOS l c COUNT 2 RANK -2 -> [:6 :2]
        LPOS l c COUNT 0 MAXLEN 3 -> [:2]
        LPOS l c MAXLEN 2 -> nil
        LPOS l c COUNT 5 MAXLEN 2 -> []
        LPOS l c RANK -1 MAXLEN 1 COUNT 0 -> [:7]
        LPOS l c RANK -9223372036854775808 -> :7
        LPOS l c RANK 9223372036854775807 -> nil
        LPOS l c COUNT 9223372036854775807 MAXLEN 9223372036854775807 -> [:2 :6 :7]
        LPOS none c -> nil
        LPOS none c COUNT 0 -> []
        LPOS l c RANK 0 -> -ERR RANK can't be zero: use 1 to start from the first match, …
        LPOS l c RANK x -> -ERR value is not an integer or out of range
        LPOS l c COUNT -1 -> -ERR COUNT can't be negative
        LPOS l c MAXLEN -1 -> -ERR MAXLEN can't be negative
        LPOS l c COUNT -> -ERR syntax error
        LPOS l c SOME 1 -> -ERR syntax error
        ",
    );
}

#[test]
fn moves() {
    run_both(
        &start(),
        r#"
        RPUSH a 1 2 3
        LMOVE a b LEFT RIGHT -> "1"
        LMOVE a b RIGHT LEFT -> "3"
        LRANGE b 0 -1 -> ["3" "1"]
        RPOPLPUSH a b -> "2"
        EXISTS a -> :0
        RPOPLPUSH a b -> nil
        LMOVE a b LEFT LEFT -> nil
        LMOVE b b LEFT RIGHT -> "2"
        LRANGE b 0 -1 -> ["3" "1" "2"]
        LMOVE b b LEFT LEFT -> "3"
        RPOPLPUSH b b -> "2"
        LRANGE b 0 -1 -> ["2" "3" "1"]
        LMOVE b b UP LEFT -> -ERR syntax error
        LMOVE b b LEFT DOWN -> -ERR syntax error
        LTRIM b 0 0
        EXPIRE b 100 -> :1
        RPOPLPUSH b b -> "2"
        TTL b -> :90..100
        BLMOVE b c LEFT RIGHT 0 -> "2"
        BRPOPLPUSH c b 0 -> "2"
        BLMOVE b b LEFT UP 0 -> -ERR syntax error
        BLMOVE b b LEFT LEFT x -> -ERR timeout is not a float or out of range
        BRPOPLPUSH b b -1 -> -ERR timeout is negative
        MULTI
        BLMOVE none b LEFT LEFT 0
        BRPOPLPUSH none b 0
        BLPOP none 0
        EXEC -> [nil nil nil[]]
        "#,
    );
}

#[test]
fn pops_from_the_first_of_several() {
    run_both(
        &start(),
        r#"
        RPUSH a 1 2 3
        RPUSH b 4 5
        LMPOP 3 none a b LEFT -> [a ["1"]]
        LMPOP 2 b a RIGHT COUNT 10 -> [b ["5" "4"]]
        LMPOP 2 b a right count 1 -> [a ["3"]]
        BLMPOP 0 2 b a LEFT -> [a ["2"]]
        LMPOP 2 b a LEFT -> nil[]
        RPUSH a 1 2 3
        BLPOP none a 0 -> [a "1"]
        BRPOP a none 0 -> [a "3"]
        BLMPOP 0 1 a LEFT COUNT 5 -> [a ["2"]]
        LMPOP 0 a LEFT -> -ERR numkeys should be greater than 0
        LMPOP x a LEFT -> -ERR numkeys should be greater than 0
        LMPOP 9223372036854775807 a LEFT -> -ERR syntax error
        LMPOP 2 a LEFT -> -ERR syntax error
        LMPOP 1 a UP -> -ERR syntax error
        LMPOP 1 a LEFT COUNT -> -ERR syntax error
        LMPOP 1 a LEFT COUNT 0 -> -ERR count should be greater than 0
        LMPOP 1 a LEFT COUNT 1 COUNT 1 -> -ERR syntax error
        BLMPOP x 1 a LEFT COUNT 0 -> -ERR count should be greater than 0
        BLMPOP x 1 a LEFT -> -ERR timeout is not a float or out of range
        BLMPOP -1 1 a LEFT -> -ERR timeout is negative
        BLPOP a inf -> !
        BLPOP a nan -> -ERR timeout is not a float or out of range
        BLPOP a "" -> -ERR timeout is not a float or out of range
        BLPOP a " 1" -> -ERR timeout is not a float or out of range
        BLPOP a -0.01 -> -ERR timeout is negative
        "#,
    );
}

/// As Redis 8.10 documents it; unknown to the oracle.
#[test]
fn moves_of_several() {
    if on_oracle() {
        return;
    }
    run_both(
        &start(),
        r#"
        RPUSH a 1 2 3 4 5 6 7 8
        RPUSH b x
        LMOVEM a b LEFT LEFT COUNT 2 OBO -> ["2" "1"]
        LMOVEM a b LEFT LEFT COUNT 2 BULK -> ["3" "4"]
        LMOVEM a b RIGHT RIGHT EXACTLY 2 BULK -> ["7" "8"]
        LMOVEM a b RIGHT RIGHT EXACTLY 1 OBO -> ["6"]
        LRANGE b 0 -1 -> ["3" "4" "2" "1" x "7" "8" "6"]
        LMOVEM a b LEFT RIGHT EXACTLY 2 OBO -> nil
        LMOVEM a b LEFT RIGHT -> ["5"]
        EXISTS a -> :0
        LMOVEM a b LEFT RIGHT -> nil
        LMOVEM b b LEFT RIGHT COUNT 2 OBO -> ["3" "4"]
        LMOVEM b b RIGHT LEFT COUNT 2 OBO -> ["3" "4"]
        BLMOVEM b c RIGHT LEFT 0 COUNT 100 OBO -> ["3" "4" "2" "1" x "7" "8" "6" "5"]
        EXISTS b -> :0
        BLMOVEM c b LEFT LEFT 0 EXACTLY 2 BULK -> ["3" "4"]
        BLMOVEM c b LEFT LEFT x COUNT 2 BULK -> -ERR timeout is not a float or out of range
        LMOVEM c b LEFT LEFT COUNT 2 -> -ERR syntax error
        LMOVEM c b LEFT LEFT 2 BULK -> -ERR syntax error
        LMOVEM c b LEFT LEFT COUNT 2 BULK BULK -> -ERR syntax error
        LMOVEM c b LEFT LEFT COUNT 0 BULK -> -ERR count should be greater than 0
        LMOVEM c b LEFT UP COUNT 1 BULK -> -ERR syntax error
        SET s v
        LMOVEM c s LEFT LEFT COUNT 1 BULK -> -WRONGTYPE…
        LMOVEM s c LEFT LEFT COUNT 1 BULK -> -WRONGTYPE…
        LLEN c -> :7
        "#,
    );
}

#[test]
fn integer_arguments_are_read_whole() {
    let server = start();
    let mut conn = server.connect();
    check(&mut conn, "RPUSH l a b c", ":3");
    let digits = "1".repeat(400);
    let texts = [
        "\"\"",
        "1.5",
        "+1",
        "01",
        "-0",
        "x",
        "\" 1\"",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        digits.as_str(),
    ];
    for text in texts {
        for line in [
            "LINDEX l #",
            "LSET l # a",
            "LRANGE l # 1",
            "LRANGE l 1 #",
            "LTRIM l # 1",
        ] {
            let line = line.replace('#', text);
            check(
                &mut conn,
                &line,
                "-ERR value is not an integer or out of range",
            );
        }
        for (line, expected) in [
            ("LREM l # a", "-ERR value is not an integer or out of range"),
            ("LPOP l #", "-ERR value is out of range, must be positive"),
            ("LPOS l a COUNT #", "-ERR COUNT can't be negative"),
            ("LPOS l a MAXLEN #", "-ERR MAXLEN can't be negative"),
            ("LMPOP # l LEFT", "-ERR numkeys should be greater than 0"),
            (
                "LMPOP 1 l LEFT COUNT #",
                "-ERR count should be greater than 0",
            ),
        ] {
            check(&mut conn, &line.replace('#', text), expected);
        }
    }
    check(&mut conn, "LRANGE l 0 -1", "[a b c]");
}

#[test]
fn a_list_expires_and_its_deadline_lasts() {
    run_both(
        &start(),
        "
        RPUSH l a b c
        PEXPIRE l 100000 -> :1
        RPUSH l d
        LPOP l -> a
        LSET l 0 x -> +OK
        LTRIM l 0 1 -> +OK
        PTTL l -> :90000..100000
        PEXPIREAT l 1 -> :1
        EXISTS l -> :0
        LPUSH l a -> :1
        TTL l -> :-1
        ",
    );
}

/// Redis 7.2 calls a list a listpack until it outgrows a node, and again when half a node will do.
#[test]
fn encodings() {
    if on_oracle() {
        return;
    }
    let server = start();
    let mut conn = server.connect();
    let text = "x".repeat(62);
    for _ in 0..127 {
        check(&mut conn, &format!("RPUSH l {text}"), "*");
    }
    check(&mut conn, "OBJECT ENCODING l", "listpack");
    check(&mut conn, &format!("RPUSH l {text}"), ":128");
    check(&mut conn, "OBJECT ENCODING l", "quicklist");
    check(&mut conn, "LTRIM l 0 63", "+OK");
    check(&mut conn, "OBJECT ENCODING l", "quicklist");
    check(&mut conn, "LPOP l", &text);
    check(&mut conn, "OBJECT ENCODING l", "listpack");
    check(&mut conn, "CONFIG SET list-max-listpack-size 3", "+OK");
    run(
        &mut conn,
        "
        RPUSH few a b c
        OBJECT ENCODING few -> listpack
        RPUSH few d
        OBJECT ENCODING few -> quicklist
        LTRIM few 0 0
        OBJECT ENCODING few -> listpack
        RENAME few other -> +OK
        COPY other few -> :1
        LRANGE few 0 -1 -> [a]
        ",
    );
    let long = "y".repeat(9000);
    check(&mut conn, &format!("RPUSH long {long}"), ":1");
    check(&mut conn, "OBJECT ENCODING long", "quicklist");
    check(&mut conn, "LSET long 0 short", "+OK");
    check(&mut conn, "OBJECT ENCODING long", "listpack");
}

/// Elements of any size, in the middle and at the ends of a list of many nodes.
#[test]
fn a_long_list_is_what_was_put_into_it() {
    let server = start();
    let mut conn = server.connect();
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for n in 0..3000_usize {
        let len = if n % 500 == 7 { 20_000 } else { n % 90 };
        expected.push([n.to_string().as_bytes(), &vec![b'.'; len]].concat());
    }
    for part in expected.chunks(100) {
        let mut request = vec![b"RPUSH".to_vec(), b"l".to_vec()];
        request.extend_from_slice(part);
        assert!(!conn.cmd(&request).is_error());
    }
    conn.cmd(&[
        &b"LINSERT"[..],
        b"l",
        b"BEFORE",
        &expected[1507],
        b"inserted",
    ]);
    expected.insert(1507, b"inserted".to_vec());
    conn.cmd(&[&b"LSET"[..], b"l", b"2000", &[b'z'; 9000]]);
    expected[2000] = vec![b'z'; 9000];
    check(&mut conn, "LTRIM l 3 -4", "+OK");
    expected.drain(..3);
    expected.truncate(expected.len() - 3);
    let reply = conn.line("LRANGE l 0 -1");
    let found: Vec<&[u8]> = reply.items().iter().map(|item| item.bytes()).collect();
    assert_eq!(found, expected);
    for index in [0, 1, 1503, 1504, 1505, 1997, expected.len() - 1] {
        let reply = conn.line(&format!("LINDEX l {index}"));
        assert_eq!(reply.bytes(), expected[index]);
    }
    check(&mut conn, "COPY l copy", ":1");
    check(&mut conn, "DEL l", ":1");
    check(&mut conn, "LLEN copy", &format!(":{}", expected.len()));
    assert_eq!(conn.line("RPOP copy").bytes(), expected[expected.len() - 1]);
}

/// What walks so many elements is not done by the worker; the replies are the same.
#[test]
fn many_elements() {
    let server = start();
    let mut conn = server.connect();
    let texts: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
    for _ in 0..2 {
        let mut request = vec!["RPUSH", "l"];
        request.extend(texts.iter().map(String::as_str));
        assert!(!conn.cmd(&request).is_error());
    }
    run(
        &mut conn,
        "
        LLEN l -> :200000
        LINDEX l 112345 -> \"12345\"
        LPOS l 99999 RANK -1 -> :199999
        LPOS l 7 COUNT 3 -> [:7 :100007]
        LINSERT l BEFORE 99999 pivot -> :200001
        LINDEX l 99999 -> pivot
        LREM l 0 5 -> :2
        LREM l -1 99999 -> :1
        LSET l 100000 middle -> +OK
        LINDEX l -99998 -> middle
        LTRIM l 1 -2 -> +OK
        LLEN l -> :199996
        ",
    );
    assert_eq!(conn.line("LRANGE l 0 -1").items().len(), 199_996);
    check(&mut conn, "MULTI", "+OK");
    check(&mut conn, "LREM l 0 6", "+QUEUED");
    check(&mut conn, "EXEC", "[:2]");
    check(&mut conn, "DEL l", ":1");
}

/// So many that the pool takes them; within a transaction they are taken in place.
#[test]
fn very_many_are_popped_in_their_order() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    let items: Vec<String> = (0..30_000).map(|n| format!("item:{n}")).collect();
    let push: Vec<&str> = ["RPUSH", "l"]
        .into_iter()
        .chain(items.iter().map(String::as_str))
        .collect();
    for (pop, queued) in [
        ("LMPOP 2 none l LEFT COUNT 25000", false),
        ("BLMPOP 0 2 none l LEFT COUNT 25000", false),
        ("LMPOP 1 l LEFT COUNT 25000", true),
    ] {
        assert_eq!(conn.cmd(&push).int(), 30_000);
        let reply = if queued {
            check(&mut conn, "MULTI", "+OK");
            check(&mut conn, pop, "+QUEUED");
            conn.line("EXEC").items()[0].clone()
        } else {
            conn.line(pop)
        };
        assert_eq!(reply.items()[0].text(), "l");
        let popped: Vec<String> = reply.items()[1].items().iter().map(Reply::text).collect();
        assert!(popped == items[..25_000], "{pop}");
        check(&mut conn, "LINDEX l 0", "item:25000");
        check(&mut conn, "LMPOP 1 l RIGHT COUNT 5000", "*");
        check(&mut conn, "EXISTS l", ":0");
    }
}
