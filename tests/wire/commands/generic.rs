//! COPY, DEL, EXISTS, MOVE, RENAME, RENAMENX, TOUCH, TYPE, UNLINK.

use crate::support::{Options, Server, check, poll_until, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn del_and_unlink_count_what_they_remove() {
    run_both(
        &start(),
        r#"
        DEL none -> :0
        SET a 1
        SET b 2
        SET "" empty
        SET "\x00\xff\r\n" bytes
        DEL a none a -> :1
        GET a -> nil
        UNLINK b "" none "\x00\xff\r\n" b -> :3
        EXISTS b "" "\x00\xff\r\n" -> :0
        DEL -> -ERR wrong number of arguments for 'del' command
        UNLINK -> -ERR wrong number of arguments for 'unlink' command
        "#,
    );
}

#[test]
fn large_values_are_removed_like_small_ones() {
    let server = start();
    let mut conn = server.connect();
    let large = vec![b'x'; 20 << 20];
    for command in ["DEL", "UNLINK"] {
        assert_eq!(conn.cmd(&[&b"SET"[..], b"k", &large]).text(), "OK");
        check(&mut conn, &format!("{command} k"), ":1");
        check(&mut conn, "GET k", "nil");
    }
}

#[test]
fn exists_and_touch_count_every_mention() {
    run_both(
        &start(),
        "
        SET a 1
        EXISTS a -> :1
        EXISTS a none a a -> :3
        EXISTS none -> :0
        TOUCH a none a -> :2
        TOUCH none -> :0
        EXISTS -> -ERR wrong number of arguments for 'exists' command
        TOUCH -> -ERR wrong number of arguments for 'touch' command
        ",
    );
}

#[test]
fn type_names_the_type() {
    run_both(
        &start(),
        "
        SET a text
        SET b 12
        TYPE a -> +string
        TYPE b -> +string
        TYPE none -> +none
        TYPE -> -ERR wrong number of arguments for 'type' command
        TYPE a b -> -ERR wrong number of arguments for 'type' command
        ",
    );
}

#[test]
fn rename_takes_value_and_deadline_along() {
    run_both(
        &start(),
        "
        SET a 1
        SET b 2
        PEXPIREAT a 4102444800123 -> :1
        PEXPIREAT b 4202444800123 -> :1
        RENAME a b -> +OK
        EXISTS a -> :0
        GET b -> 1
        PEXPIRETIME b -> :4102444800123
        SET c 3
        RENAME c b -> +OK
        TTL b -> :-1
        GET b -> 3
        RENAME b b -> +OK
        GET b -> 3
        RENAME none b -> -ERR no such key
        RENAME none none -> -ERR no such key
        GET b -> 3
        RENAME b -> -ERR wrong number of arguments for 'rename' command
        ",
    );
}

#[test]
fn renamenx_leaves_what_is_there() {
    run_both(
        &start(),
        "
        SET a 1
        SET b 2
        EXPIRE a 1000 -> :1
        RENAMENX a b -> :0
        GET a -> 1
        GET b -> 2
        RENAMENX a a -> :0
        RENAMENX a c -> :1
        EXISTS a -> :0
        GET c -> 1
        TTL c -> :990..1000
        RENAMENX none d -> -ERR no such key
        RENAMENX none none -> -ERR no such key
        RENAMENX c -> -ERR wrong number of arguments for 'renamenx' command
        ",
    );
}

#[test]
fn copy_leaves_the_source() {
    run_both(
        &start(),
        "
        SET a text
        PEXPIREAT a 4102444800123 -> :1
        COPY a b -> :1
        GET a -> text
        GET b -> text
        PEXPIRETIME b -> :4102444800123
        SET a other
        GET b -> text
        COPY a b -> :0
        GET b -> text
        COPY a b REPLACE -> :1
        GET b -> other
        TTL b -> :-1
        COPY none b replace -> :0
        GET b -> other
        COPY a a -> -ERR source and destination objects are the same
        COPY none none -> -ERR source and destination objects are the same
        SET n 12
        COPY n m -> :1
        INCR m -> :13
        GET n -> 12
        OBJECT ENCODING m -> int
        ",
    );
}

#[test]
fn copy_reaches_other_databases() {
    run_both(
        &start(),
        "
        SET a text
        COPY a a DB 1 -> :1
        COPY a a db 1 -> :0
        COPY a a DB 1 REPLACE -> :1
        COPY a b REPLACE DB 2 -> :1
        COPY a a DB 0 -> -ERR source and destination objects are the same
        COPY a b DB 1 DB 0 -> :1
        GET b -> text
        SELECT 1 -> +OK
        GET a -> text
        EXISTS b -> :0
        SELECT 2 -> +OK
        GET b -> text
        DBSIZE -> :1
        ",
    );
}

#[test]
fn copy_refuses_bad_options() {
    run_both(
        &start(),
        "
        SET a text
        COPY a b DB -> -ERR syntax error
        COPY a b REPLACE x -> -ERR syntax error
        COPY a b DB 16 -> -ERR DB index is out of range
        COPY a b DB -1 -> -ERR DB index is out of range
        COPY a b DB x -> -ERR value is not an integer or out of range
        COPY a b DB 9223372036854775808 -> -ERR value is not an integer or out of range
        COPY a b DB 2147483648 -> -ERR value is out of range, value must between -2147483648 and 2147483647
        COPY a b DB -2147483649 -> -ERR value is out of range, value must between -2147483648 and 2147483647
        COPY a b DB 1 x -> -ERR syntax error
        EXISTS b -> :0
        COPY a -> -ERR wrong number of arguments for 'copy' command
        ",
    );
}

#[test]
fn move_changes_the_database() {
    run_both(
        &start(),
        "
        SET a text
        PEXPIREAT a 4102444800123 -> :1
        MOVE a 1 -> :1
        MOVE a 1 -> :0
        EXISTS a -> :0
        SET a other
        MOVE a 1 -> :0
        GET a -> other
        SELECT 1 -> +OK
        GET a -> text
        PEXPIRETIME a -> :4102444800123
        DBSIZE -> :1
        MOVE a 1 -> -ERR source and destination objects are the same
        MOVE none 1 -> -ERR source and destination objects are the same
        MOVE a 16 -> -ERR DB index is out of range
        MOVE a -1 -> -ERR DB index is out of range
        MOVE a x -> -ERR value is not an integer or out of range
        MOVE a 4294967296 -> -ERR value is out of range, value must between -2147483648 and 2147483647
        MOVE a -> -ERR wrong number of arguments for 'move' command
        ",
    );
}

#[test]
fn an_expired_key_is_not_there() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "
        SET a 1
        COPY a b
        COPY a c
        COPY a d
        COPY a e
        MSET x 1 y 1
        PEXPIRE a 1 -> :1
        PEXPIRE b 1 -> :1
        PEXPIRE c 1 -> :1
        PEXPIRE d 1 -> :1
        PEXPIRE e 1 -> :1
        ",
    );
    // The last to get a deadline is the last to go.
    poll_until("e has expired", || {
        (conn.line("EXISTS e").int() == 0).then_some(())
    });
    run(
        &mut conn,
        "
        DEL a -> :0
        RENAME b z -> -ERR no such key
        RENAMENX x c -> :1
        COPY y d -> :1
        MOVE e 1 -> :0
        TYPE b -> +none
        TOUCH b -> :0
        TTL c -> :-1
        TTL d -> :-1
        ",
    );
}

#[test]
fn changes_are_seen_by_watchers_of_both_names() {
    let server = start();
    for (change, watched, fails) in [
        ("RENAME a b", "a", true),
        ("RENAME a b", "b", true),
        ("RENAME a a", "a", false),
        ("RENAMENX a c", "c", true),
        ("RENAMENX a b", "b", false),
        ("COPY a c", "a", false),
        ("COPY a c", "c", true),
        ("COPY a b", "b", false),
        ("COPY a a DB 1", "a", false),
        ("MOVE a 1", "a", true),
        ("MOVE none 1", "none", false),
        ("DEL none a", "a", true),
        ("DEL none", "none", false),
        ("UNLINK a", "a", true),
        ("TOUCH a", "a", false),
    ] {
        let (mut conn, mut other) = (server.connect(), server.connect());
        run(&mut other, "FLUSHALL\nSET a 1\nSET b 2");
        check(&mut conn, &format!("WATCH {watched}"), "+OK");
        other.line(change);
        run(&mut conn, "MULTI\nPING");
        let expected = if fails { "nil[]" } else { "[+PONG]" };
        check(&mut conn, "EXEC", expected);
    }
}

#[test]
fn move_is_seen_by_watchers_in_the_other_database() {
    let server = start();
    for (change, fails) in [
        ("MOVE a 1", true),
        ("COPY a a DB 1", true),
        ("DEL a", false),
    ] {
        let (mut conn, mut other) = (server.connect(), server.connect());
        run(&mut other, "FLUSHALL\nSET a 1");
        run(&mut conn, "SELECT 1\nWATCH a");
        other.line(change);
        run(&mut conn, "MULTI\nPING");
        let expected = if fails { "nil[]" } else { "[+PONG]" };
        check(&mut conn, "EXEC", expected);
    }
}
