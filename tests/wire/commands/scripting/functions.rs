//! FUNCTION LOAD, DELETE, FLUSH, LIST, STATS, KILL, DUMP, RESTORE, HELP; FCALL and FCALL_RO.

use super::start;
use crate::support::{Conn, Reply, check, run, run_both, verdict};

const LIBRARY: &str = "#!lua name=lib\n\
    redis.register_function{function_name='both', callback=function(keys, args) \
      return {keys, args} end, flags={'no-writes'}, description='what it gets'}\n\
    redis.register_function('put', function(keys, args) \
      return redis.call('set', keys[1], args[1]) end)\n\
    redis.register_function('fail', function() error('x') end)";

fn load(conn: &mut Conn, code: &str) -> Reply {
    conn.cmd(&["FUNCTION", "LOAD", code])
}

#[test]
fn functions_are_loaded_called_and_deleted() {
    let server = start();
    for mut conn in [server.connect(), server.connect3()] {
        let conn = &mut conn;
        check(conn, "FUNCTION FLUSH", "+OK");
        assert_eq!(load(conn, LIBRARY).text(), "lib");
        let again = conn.cmd(&["FUNCTION", "LOAD", "REPLACE", LIBRARY]);
        assert_eq!(again.text(), "lib");
        for _ in 0..8 {
            run(
                conn,
                r#"
                FCALL both 1 k a b -> [[k] [a b]]
                FCALL BOTH 0 -> [[] []]
                FCALL_RO both 1 k -> [[k] []]
                FCALL put 1 k v -> +OK
                GET k -> v
                FCALL_RO put 1 k v -> -ERR Can not execute a script with write flag using *_ro command.
                FCALL nope 0 -> -ERR Function not found
                FCALL both x -> -ERR Bad number of keys provided
                FCALL both -1 -> -ERR Number of keys can't be negative
                FCALL both 2 k -> -ERR Number of keys can't be greater than number of args
                FCALL fail 0 -> -ERR user_function:4: x script: fail, on @user_function:4.
                "#,
            );
        }
        run(
            conn,
            r#"
            FUNCTION LIST LIBRARYNAME z* -> []
            FUNCTION LIST x -> -ERR Unknown argument x
            FUNCTION LIST LIBRARYNAME -> -ERR library name argument was not given
            FUNCTION STATS -> {running_script nil engines {LUA {libraries_count :1 functions_count :3}}}
            FUNCTION KILL -> -NOTBUSY No scripts in execution right now.
            FUNCTION HELP -> *
            FUNCTION DELETE nope -> -ERR Library not found
            FUNCTION DELETE lib -> +OK
            FCALL both 0 -> -ERR Function not found
            FUNCTION FLUSH x -> -ERR FUNCTION FLUSH only supports SYNC|ASYNC option
            "#,
        );
    }
}

#[test]
fn libraries_that_are_wrong_are_refused() {
    let server = start();
    let conn = &mut server.connect();
    let register = |body: &str| format!("#!lua name=a\nredis.register_function{body}");
    let registering = "-ERR Error registering functions: ERR ";
    for (code, expected) in [
        ("return 1".to_owned(), "-ERR Missing library metadata"),
        ("#!lua".to_owned(), "-ERR Invalid library metadata"),
        ("#!lua\n".to_owned(), "-ERR Library name was not given"),
        (
            "#!lua name=a-b\n".to_owned(),
            "-ERR Library names can only contain letters",
        ),
        ("#!js name=a\n".to_owned(), "-ERR Engine 'js' not found"),
        (
            "#!lua name=a x=b\n".to_owned(),
            "-ERR Invalid metadata value given: x=b",
        ),
        ("#!lua name=a\n".to_owned(), "-ERR No functions registered"),
        (
            "#!lua name=a\nreturn +".to_owned(),
            "-ERR Error compiling function: user_function:2: ",
        ),
        (
            "#!lua name=a\nx = 1".to_owned(),
            "-ERR Error registering functions: ERR user_function:2: ",
        ),
        ("#!lua name=a\nredis.call('ping')".to_owned(), registering),
        (
            "#!lua name=a\nwhile true do end".to_owned(),
            "-ERR FUNCTION LOAD timeout",
        ),
        (register("('f')"), registering),
        (register("()"), registering),
        (register("({}, function() end)"), registering),
        (register("('a-b', function() end)"), registering),
        (register("('f', 1)"), registering),
        (register("{function_name='f'}"), registering),
        (register("{callback=function() end}"), registering),
        (
            register("{function_name='f', callback=function() end, flags={'x'}}"),
            registering,
        ),
        (
            register("{function_name='f', callback=function() end, x=1}"),
            registering,
        ),
    ] {
        let reply = load(conn, &code).to_string();
        assert!(reply.starts_with(expected), "{code}: {reply}");
    }
    check(conn, "FUNCTION LIST", "[]");
    let twice = "#!lua name=b\nredis.register_function('f', function() end)";
    assert_eq!(load(conn, twice).text(), "b");
    let taken = "#!lua name=c\nredis.register_function('F', function() end)";
    assert_eq!(
        load(conn, taken).to_string(),
        "-ERR Function F already exists"
    );
    assert_eq!(
        load(conn, twice).to_string(),
        "-ERR Library 'b' already exists"
    );
}

#[test]
fn libraries_move_by_dump_and_restore() {
    let server = start();
    let conn = &mut server.connect();
    assert_eq!(load(conn, LIBRARY).text(), "lib");
    let dump = conn.cmd(&["FUNCTION", "DUMP"]);
    let restore = |conn: &mut Conn, policy: &str| {
        conn.cmd(&[
            &b"FUNCTION"[..],
            b"RESTORE",
            dump.bytes(),
            policy.as_bytes(),
        ])
    };
    assert!(restore(conn, "APPEND").is_error());
    assert_eq!(restore(conn, "REPLACE").to_string(), "+OK");
    check(conn, "FUNCTION FLUSH", "+OK");
    assert_eq!(restore(conn, "APPEND").to_string(), "+OK");
    assert_eq!(restore(conn, "FLUSH").to_string(), "+OK");
    check(conn, "FCALL put 1 k v", "+OK");
    let expected =
        "-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
    verdict(&restore(conn, "x"), expected, 2).unwrap();
    let expected = "-ERR DUMP payload version or checksum are wrong";
    check(conn, "FUNCTION RESTORE xxx", expected);
}

#[test]
fn a_library_with_code_is_listed() {
    run_both(
        &start(),
        r##"
        FUNCTION FLUSH -> +OK
        FUNCTION LOAD "#!lua name=b\nredis.register_function('f', function() end)" -> b
        FUNCTION LIST WITHCODE -> [{library_name b engine LUA functions [{name f description nil flags ~[]}] library_code "#!lua name=b\nredis.register_function('f', function() end)"}]
        "##,
    );
}
