//! HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME, HPERSIST,
//! HGETEX, HSETEX, HGETDEL: the semantics published for Redis 8.

use super::start;
use crate::support::{Reply, check, poll_until, run, run_both, split_line};

/// Both encodings: fields of a packed hash and of a table.
fn run_all(script: &str) {
    let server = start();
    run_both(&server, script);
    check(&mut server.connect(), "FLUSHALL", "+OK");
    let limits = "CONFIG SET hash-max-listpack-entries";
    check(&mut server.connect(), &format!("{limits} 0"), "+OK");
    run_both(&server, script);
}

#[test]
fn deadlines_read_back_in_every_unit() {
    run_all(
        "
        HSET h a 1 b 2 c 3
        HTTL h FIELDS 2 a none -> [:-1 :-2]
        HEXPIRE h 1000 FIELDS 2 a none -> [:1 :-2]
        HTTL h FIELDS 2 a b -> [:990..1000 :-1]
        HPTTL h FIELDS 1 a -> [:990000..1000000]
        HPEXPIREAT h 4102444800001 FIELDS 1 b -> [:1]
        HPEXPIRETIME h FIELDS 1 b -> [:4102444800001]
        HEXPIRETIME h FIELDS 1 b -> [:4102444801]
        HEXPIREAT h 4102444800 FIELDS 2 b c -> [:1 :1]
        HPEXPIRETIME h FIELDS 2 b c -> [:4102444800000 :4102444800000]
        HPEXPIRE h 500500 FIELDS 1 c -> [:1]
        HPTTL h FIELDS 1 c -> [:490000..500500]
        HGETALL h -> {a 1 b 2 c 3}
        HPERSIST h FIELDS 3 a none a -> [:1 :-2 :-1]
        HTTL h FIELDS 1 a -> [:-1]
        HEXPIRE none 10 FIELDS 2 a b -> [:-2 :-2]
        HTTL none FIELDS 2 a b -> [:-2 :-2]
        HEXPIRETIME none FIELDS 1 a -> [:-2]
        HPERSIST none FIELDS 2 a b -> [:-2 :-2]
        EXISTS none -> :0
        ",
    );
}

#[test]
fn conditions() {
    run_all(
        "
        HSET h a 1
        HEXPIRE h 100 XX FIELDS 1 a -> [:0]
        HEXPIRE h 100 GT FIELDS 1 a -> [:0]
        HEXPIRE h 100 NX FIELDS 1 a -> [:1]
        HEXPIRE h 200 NX FIELDS 1 a -> [:0]
        HEXPIRE h 200 gt FIELDS 1 a -> [:1]
        HEXPIRE h 200 LT FIELDS 1 a -> [:0]
        HEXPIRE h 100 GT FIELDS 1 a -> [:0]
        HEXPIRE h 50 LT FIELDS 1 a -> [:1]
        HEXPIRE h 70 XX fields 1 a -> [:1]
        HTTL h FIELDS 1 a -> [:60..70]
        HPERSIST h FIELDS 1 a -> [:1]
        HPEXPIRE h 50000 LT FIELDS 1 a -> [:1]
        HEXPIRE h 0 GT FIELDS 1 a -> [:0]
        HEXISTS h a -> :1
        ",
    );
}

#[test]
fn a_deadline_that_is_past_removes() {
    run_all(
        "
        HSET h a 1 b 2 c 3
        HEXPIRE h 0 FIELDS 2 a none -> [:2 :-2]
        HGETALL h -> {b 2 c 3}
        HPEXPIREAT h 1 FIELDS 2 b b -> [:2 :-2]
        HEXPIREAT h 1000 LT FIELDS 1 c -> [:2]
        EXISTS h -> :0
        HSET h a 1
        HGETEX h PXAT 1 FIELDS 2 a a -> [1 nil]
        EXISTS h -> :0
        HSETEX h PXAT 1 FIELDS 1 a 1 -> :1
        EXISTS h -> :0
        ",
    );
}

#[test]
fn writing_a_field_makes_it_stay() {
    run_all(
        "
        HSETEX h EX 100 FIELDS 2 a 1 b 2 -> :1
        HSET h a 5
        HTTL h FIELDS 2 a b -> [:-1 :90..100]
        HINCRBY h b 1 -> :3
        HTTL h FIELDS 1 b -> [:90..100]
        HINCRBYFLOAT h b 0.5 -> 3.5
        HTTL h FIELDS 1 b -> [:90..100]
        HSETNX h b 1 -> :0
        HTTL h FIELDS 1 b -> [:90..100]
        HMSET h b 1
        HTTL h FIELDS 1 b -> [:-1]
        HEXPIRE h 100 FIELDS 1 b -> [:1]
        HDEL h b -> :1
        HSET h b 1
        HTTL h FIELDS 1 b -> [:-1]
        HEXPIRE h 100 FIELDS 1 b -> [:1]
        COPY h h2 -> :1
        HTTL h2 FIELDS 2 a b -> [:-1 :90..100]
        RENAME h2 h3
        HTTL h3 FIELDS 2 a b -> [:-1 :90..100]
        PERSIST h3 -> :0
        HTTL h3 FIELDS 2 a b -> [:-1 :90..100]
        ",
    );
}

#[test]
fn hgetex() {
    run_all(
        "
        HSET h a 1 b 2
        HGETEX h FIELDS 3 a b none -> [1 2 nil]
        HTTL h FIELDS 1 a -> [:-1]
        HGETEX h EX 100 FIELDS 2 a none -> [1 nil]
        HTTL h FIELDS 2 a b -> [:90..100 :-1]
        HGETEX h PX 500000 FIELDS 1 a -> [1]
        HTTL h FIELDS 1 a -> [:490..500]
        HGETEX h EXAT 4102444800 FIELDS 1 a -> [1]
        HPEXPIRETIME h FIELDS 1 a -> [:4102444800000]
        HGETEX h PXAT 4102444800001 FIELDS 1 a -> [1]
        HPEXPIRETIME h FIELDS 1 a -> [:4102444800001]
        HGETEX h FIELDS 1 a -> [1]
        HPEXPIRETIME h FIELDS 1 a -> [:4102444800001]
        HGETEX h PERSIST FIELDS 2 a b -> [1 2]
        HTTL h FIELDS 1 a -> [:-1]
        HGETEX none EX 10 FIELDS 2 a b -> [nil nil]
        EXISTS none -> :0
        HGETEX h EX x FIELDS 1 a -> -ERR value is not an integer or out of range
        HGETEX h EX -1 FIELDS 1 a -> -ERR invalid expire time, must be >= 0
        HGETEX h EX 9223372036854775807 FIELDS 1 a -> -ERR invalid expire time in 'hgetex' command
        HGETEX h EX 10 x 1 a -> -ERR Mandatory argument FIELDS is missing or not at the right position
        HGETEX h FIELDS 0 a -> -ERR Number of fields must be a positive integer
        HGETEX h FIELDS x a -> -ERR Number of fields must be a positive integer
        HGETEX h FIELDS 2 a -> -ERR The `numfields` parameter must match the number of arguments
        HGETEX h EX 10 FIELDS -> -ERR Number of fields must be a positive integer
        ",
    );
}

#[test]
fn hsetex() {
    run_all(
        "
        HSETEX h FXX FIELDS 1 a 1 -> :0
        EXISTS h -> :0
        HSETEX h FNX EX 100 FIELDS 2 a 1 b 2 -> :1
        HTTL h FIELDS 2 a b -> [:90..100 :90..100]
        HSETEX h FNX FIELDS 2 c 1 a 9 -> :0
        HEXISTS h c -> :0
        HSETEX h FXX FIELDS 2 a 5 c 9 -> :0
        HGET h a -> 1
        HSETEX h FXX KEEPTTL FIELDS 2 a 5 b 6 -> :1
        HGETALL h -> {a 5 b 6}
        HTTL h FIELDS 2 a b -> [:90..100 :90..100]
        HSETEX h FIELDS 1 a 7 -> :1
        HTTL h FIELDS 2 a b -> [:-1 :90..100]
        HSETEX h PXAT 4102444800001 fnx FIELDS 1 d 1 -> :1
        HPEXPIRETIME h FIELDS 1 d -> [:4102444800001]
        HSETEX h NX FIELDS 1 a 1 -> :0
        HSETEX h XX FIELDS 1 a 8 -> :1
        HSETEX none XX FIELDS 1 a 8 -> :0
        HSETEX h FIELDS 2 a 1 -> -ERR wrong number of arguments for 'hsetex' command
        HSETEX h FIELDS 1 a 1 b -> -ERR wrong number of arguments for 'hsetex' command
        HSETEX h FIELDS 0 a 1 -> -ERR invalid number of fields
        HSETEX h FIELDS x a 1 -> -ERR invalid number of fields
        HSETEX h EX 1 PX 1 FIELDS 1 a 1 -> -ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
        HSETEX h EX 1 KEEPTTL FIELDS 1 a 1 -> -ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified
        HSETEX h FNX FXX FIELDS 1 a 1 -> -ERR Only one of FXX or FNX arguments can be specified
        HSETEX h what FIELDS 1 a 1 -> -ERR unknown argument: what
        HSETEX h EX -1 FIELDS 1 a 1 -> -ERR invalid expire time, must be >= 0
        HSETEX h EX x FIELDS 1 a 1 -> -ERR value is not an integer or out of range
        HSETEX h PX 70368744177664 FIELDS 1 a 1 -> -ERR invalid expire time in 'hsetex' command
        HGET h a -> 8
        ",
    );
}

#[test]
fn hgetdel() {
    run_all(
        "
        HSETEX h EX 100 FIELDS 3 a 1 b 2 c 3
        HGETDEL h FIELDS 3 a none a -> [1 nil nil]
        HLEN h -> :2
        HGETDEL none FIELDS 1 a -> [nil]
        HGETDEL h FIELDS 2 b c -> [2 3]
        EXISTS h -> :0
        HGETDEL h FIELD 1 a -> -ERR Mandatory argument FIELDS is missing or not at the right position
        HGETDEL h FIELDS 0 a -> -ERR Number of fields must be a positive integer
        HGETDEL h FIELDS 2 a -> -ERR The `numfields` parameter must match the number of arguments
        ",
    );
}

#[test]
fn bad_arguments() {
    run_both(
        &start(),
        "
        HSET h a 1
        HEXPIRE h x FIELDS 1 a -> -ERR value is not an integer or out of range
        HEXPIRE h 1.5 FIELDS 1 a -> -ERR value is not an integer or out of range
        HEXPIRE h '' FIELDS 1 a -> -ERR value is not an integer or out of range
        HEXPIRE h -0 FIELDS 1 a -> -ERR value is not an integer or out of range
        HEXPIRE h 9223372036854775808 FIELDS 1 a -> -ERR value is not an integer or out of range
        HEXPIRE h -1 FIELDS 1 a -> -ERR invalid expire time, must be >= 0
        HEXPIRE h -9223372036854775808 FIELDS 1 a -> -ERR invalid expire time, must be >= 0
        HEXPIRE h 9223372036854775807 FIELDS 1 a -> -ERR invalid expire time in 'hexpire' command
        HPEXPIRE h 9223372036854775807 FIELDS 1 a -> -ERR invalid expire time in 'hpexpire' command
        HPEXPIRE h 70368744177664 FIELDS 1 a -> -ERR invalid expire time in 'hpexpire' command
        HPEXPIREAT h 70368744177664 FIELDS 1 a -> -ERR invalid expire time in 'hpexpireat' command
        HEXPIREAT h 70368744178 FIELDS 1 a -> -ERR invalid expire time in 'hexpireat' command
        HEXPIRE h 10 what FIELDS 1 a -> -ERR Mandatory argument FIELDS is missing or not at the right position
        HEXPIRE h 10 NX GT 1 a -> -ERR Mandatory argument FIELDS is missing or not at the right position
        HEXPIRE h 10 FIELDS 0 a -> -ERR Parameter `numFields` should be greater than 0
        HEXPIRE h 10 FIELDS -1 a -> -ERR Parameter `numFields` should be greater than 0
        HEXPIRE h 10 FIELDS 9223372036854775808 a -> -ERR Parameter `numFields` should be greater than 0
        HEXPIRE h 10 FIELDS 9223372036854775807 a -> -ERR The `numfields` parameter must match the number of arguments
        HEXPIRE h 10 FIELDS 2 a -> -ERR The `numfields` parameter must match the number of arguments
        HEXPIRE h 10 FIELDS 1 a b -> -ERR The `numfields` parameter must match the number of arguments
        HTTL h FIELDS 0 a -> -ERR Number of fields must be a positive integer
        HTTL h what 1 a -> -ERR Mandatory argument FIELDS is missing or not at the right position
        HPERSIST h FIELDS 2 a -> -ERR The `numfields` parameter must match the number of arguments
        HTTL h FIELDS 1 a -> [:-1]
        HPEXPIREAT h 70368744177663 FIELDS 1 a -> [:1]
        HPEXPIRETIME h FIELDS 1 a -> [:70368744177663]
        ",
    );
}

/// Fields vanish when they are read, and when nobody reads them; the last takes the key along.
#[test]
fn fields_vanish_on_time() {
    for entries in [512, 0] {
        let server = start();
        let mut conn = server.connect();
        conn.line(&format!("CONFIG SET hash-max-listpack-entries {entries}"));
        run(
            &mut conn,
            "
            HSET h a 1 b 2
            HPEXPIRE h 20 FIELDS 1 a -> [:1]
            HSETEX gone PX 20 FIELDS 2 a 1 b 2 -> :1
            HSETEX read PX 20 FIELDS 2 a 1 b 2 -> :1
            ",
        );
        poll_until("the field is gone", || {
            (conn.line("HGETALL h").pairs().len() == 1).then_some(())
        });
        run(
            &mut conn,
            "
            HGET h a -> nil
            HLEN h -> :1
            HTTL h FIELDS 2 a b -> [:-2 :-1]
            HSETNX h a again -> :1
            HTTL h FIELDS 1 a -> [:-1]
            ",
        );
        poll_until("nobody reads it", || {
            (conn.line("DBSIZE").int() == 1).then_some(())
        });
        check(&mut conn, "EXISTS gone", ":0");
    }
}

/// More fall due at once than are removed at once: none of them is seen any more, by no command.
#[test]
fn thousands_vanish_together() {
    const DUE: usize = 6_000;
    const LASTING: usize = 50;
    let server = start();
    let mut conn = server.connect();
    // What is not swept is removed by those who look.
    check(&mut conn, "DEBUG SET-ACTIVE-EXPIRE 0", "+OK");
    let lasting = |n: usize| split_line(&format!("HSET h l{n} {n}"));
    conn.pipeline(&(0..LASTING).map(lasting).collect::<Vec<_>>());
    let mut set = split_line(&format!("HSETEX h PX 1500 FIELDS {DUE}"));
    set.extend((0..DUE).flat_map(|n| [format!("d{n}").into(), n.to_string().into()]));
    assert_eq!(conn.pipeline(&[set])[0].int(), 1);
    let all = conn.line("HLEN h").int() as usize;
    assert!(all == DUE + LASTING || all == LASTING, "all or none: {all}");
    poll_until("they are due", || {
        (conn.line("HGET h d0") == Reply::NullBulk).then_some(())
    });
    run(
        &mut conn,
        &format!(
            "
            HLEN h -> :{LASTING}
            HGET h d{last} -> nil
            HEXISTS h d1 -> :0
            HSTRLEN h d2 -> :0
            HDEL h d3 -> :0
            HTTL h FIELDS 2 d4 l0 -> [:-2 :-1]
            HEXPIRE h 100 FIELDS 1 d5 -> [:-2]
            HSETNX h d6 again -> :1
            HSET h d7 again -> :1
            HTTL h FIELDS 2 d6 d7 -> [:-1 :-1]
            HINCRBY h d8 5 -> :5
            HDEL h d6 d7 d8 -> :3
            ",
            last = DUE - 1
        ),
    );
    assert_eq!(conn.line("HGETALL h").pairs().len(), LASTING);
    for line in [format!("HRANDFIELD h {DUE}"), "HKEYS h".into()] {
        let Reply::Array(names) = conn.line(&line) else {
            panic!("{line}")
        };
        assert_eq!(names.len(), LASTING, "{line}");
        assert!(
            names.iter().all(|name| name.text().starts_with('l')),
            "{line}"
        );
    }
    let Reply::Array(drawn) = conn.line("HRANDFIELD h -200") else {
        panic!("an array")
    };
    assert!(drawn.iter().all(|name| name.text().starts_with('l')));
    check(&mut conn, "COPY h twin", ":1");
    check(&mut conn, "HLEN twin", &format!(":{LASTING}"));
    // Each look removes some: the memory comes back.
    poll_until("all are removed", || {
        let bytes = conn.line("MEMORY USAGE h").int();
        (bytes < 20_000).then_some(())
    });
    assert_eq!(conn.line("HGETALL h").pairs().len(), LASTING);
}
