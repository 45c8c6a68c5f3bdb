//! Consumer groups.

use super::start;
use crate::support::{check, poll_until, run, run_both};

const FOUR: &str = "
    XADD s 1-1 a 1
    XADD s 1-2 a 2
    XADD s 1-3 a 3
    XADD s 1-4 a 4
    XGROUP CREATE s g 0 -> +OK
";

fn after_four(script: &str) {
    run_both(&start(), &format!("{FOUR}\n{script}"));
}

#[test]
fn groups_are_made_moved_and_destroyed() {
    after_four(
        r#"
        XGROUP CREATE s g $ -> -BUSYGROUP Consumer Group name already exists
        XGROUP CREATE s late $ ENTRIESREAD 4 -> +OK
        XGROUP CREATE none g $ -> -ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.
        XGROUP CREATE none g $ MKSTREAM -> +OK
        XLEN none -> :0
        XINFO GROUPS none -> [{name g consumers :0 pending :0 last-delivered-id 0-0 entries-read nil lag :0}]
        XGROUP CREATE s x y -> -ERR Invalid stream ID specified as stream command argument
        XGROUP CREATE s x 0 NOSUCH -> -ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.
        XGROUP CREATE s x 0 ENTRIESREAD -2 -> -ERR value for ENTRIESREAD must be positive or -1
        XGROUP CREATE s x 0 ENTRIESREAD y -> -ERR value is not an integer or out of range
        XINFO GROUPS s -> [{name g consumers :0 pending :0 last-delivered-id 0-0 entries-read nil lag :4} {name late consumers :0 pending :0 last-delivered-id 1-4 entries-read :4 lag :0}]
        XGROUP SETID s late 1-2 -> +OK
        XINFO GROUPS s -> [* {name late consumers :0 pending :0 last-delivered-id 1-2 entries-read nil lag nil}]
        XGROUP SETID s late + ENTRIESREAD 2 -> +OK
        XINFO GROUPS s -> [* {name late consumers :0 pending :0 last-delivered-id 18446744073709551615-18446744073709551615 entries-read :2 lag :2}]
        XGROUP SETID s nosuch 0 -> -NOGROUP No such consumer group 'nosuch' for key name 's'
        XGROUP CREATECONSUMER s g alice -> :1
        XGROUP CREATECONSUMER s g alice -> :0
        XGROUP CREATECONSUMER s nosuch alice -> -NOGROUP No such consumer group 'nosuch' for key name 's'
        XGROUP DELCONSUMER s g alice -> :0
        XGROUP DELCONSUMER s g alice -> :0
        XGROUP DELCONSUMER nosuch g alice -> -ERR The XGROUP subcommand requires the key to exist…
        XGROUP DESTROY s late -> :1
        XGROUP DESTROY s late -> :0
        XGROUP DESTROY nosuch late -> -ERR The XGROUP subcommand requires the key to exist…
        XGROUP NOSUCH s g -> -ERR unknown subcommand 'NOSUCH'. Try XGROUP HELP.
        XGROUP CREATE s -> -ERR wrong number of arguments for 'xgroup|create' command
        SET string v
        XGROUP CREATE string g 0 MKSTREAM -> -WRONGTYPE…
        XGROUP DESTROY string g -> -WRONGTYPE…
        "#,
    );
    let server = start();
    let mut conn = server.connect();
    let help = conn.line("XGROUP HELP");
    assert!(help.items()[0].text().starts_with("XGROUP <subcommand>"));
}

#[test]
fn messages_are_given_once_and_repeated_to_their_owner() {
    after_four(
        r#"
        XREADGROUP GROUP g alice COUNT 2 STREAMS s > -> @2 [[s [[1-1 [a 1]] [1-2 [a 2]]]]] @3 {s [[1-1 [a 1]] [1-2 [a 2]]]}
        XREADGROUP GROUP g bob COUNT 1 STREAMS s > -> @2 [[s [[1-3 [a 3]]]]] @3 {s [[1-3 [a 3]]]}
        XREADGROUP GROUP g alice STREAMS s 0 -> @2 [[s [[1-1 *] [1-2 *]]]] @3 {s [[1-1 *] [1-2 *]]}
        XREADGROUP GROUP g alice STREAMS s 1-1 -> @2 [[s [[1-2 *]]]] @3 {s [[1-2 *]]}
        XREADGROUP GROUP g carol STREAMS s 0 -> @2 [[s []]] @3 {s []}
        XACK s g 1-1 1-1 1-4 9-9 -> :1
        XREADGROUP GROUP g alice STREAMS s 0 -> @2 [[s [[1-2 *]]]] @3 {s [[1-2 *]]}
        XREADGROUP GROUP g bob NOACK STREAMS s > -> @2 [[s [[1-4 *]]]] @3 {s [[1-4 *]]}
        XREADGROUP GROUP g bob STREAMS s > -> nil[]
        XPENDING s g -> [:2 1-2 1-3 [[alice 1] [bob 1]]]
        XPENDING s g - + 10 -> [[1-2 alice :0..60000 :4] [1-3 bob :0..60000 :1]]
        XPENDING s g - + 10 bob -> [[1-3 bob * :1]]
        XPENDING s g - + 10 nobody -> []
        XPENDING s g (1-2 + 10 -> [[1-3 * * *]]
        XPENDING s g - + 0 -> []
        XPENDING s g IDLE 3600000 - + 10 -> []
        XPENDING s g IDLE 0 - + 1 -> [[1-2 * * *]]
        XDEL s 1-2 -> :1
        XREADGROUP GROUP g alice STREAMS s 0 -> @2 [[s [[1-2 nil[]]]]] @3 {s [[1-2 nil[]]]}
        XGROUP DELCONSUMER s g alice -> :1
        XPENDING s g -> [:1 1-3 1-3 [[bob 1]]]
        XACK s g 1-3 -> :1
        XPENDING s g -> [:0 nil nil nil[]]
        XACK none g 1-1 -> :0
        XACK s none x -> :0
        XACK s g x -> -ERR Invalid stream ID specified as stream command argument
        "#,
    );
}

#[test]
fn several_streams_at_once() {
    run_both(
        &start(),
        r#"
        XADD s 1-1 a 1
        XADD t 2-1 a 2
        XGROUP CREATE s g 0
        XGROUP CREATE t g 0
        XREADGROUP GROUP g c STREAMS s t > > -> @2 [[s [[1-1 *]]] [t [[2-1 *]]]] @3 {s [[1-1 *]] t [[2-1 *]]}
        XADD t 2-2 a 2
        XREADGROUP GROUP g c STREAMS s t > > -> @2 [[t [[2-2 *]]]] @3 {t [[2-2 *]]}
        XREADGROUP GROUP g c STREAMS s t 0 0 -> @2 [[s [*]] [t [* *]]] @3 {s [*] t [* *]}
        XADD s 1-2 a 2
        XREADGROUP GROUP g c STREAMS s s > > -> @2 [[s [[1-2 *]]]] @3 {s [[1-2 *]]}
        XREADGROUP GROUP g c STREAMS s none > > -> -NOGROUP No such key 'none' or consumer group 'g' in XREADGROUP with GROUP option
        XREADGROUP GROUP none c STREAMS s > -> -NOGROUP No such key 's' or consumer group 'none' in XREADGROUP with GROUP option
        "#,
    );
}

#[test]
fn reads_are_refused() {
    after_four(
        r#"
        XREADGROUP GROUP g c STREAMS s $ -> -ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.
        XREADGROUP COUNT 1 COUNT 1 STREAMS s > -> -ERR Missing GROUP option for XREADGROUP
        XREADGROUP GROUP g c COUNT 1 STREAMS s -> -ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.
        XREADGROUP GROUP g c STREAMS s t u -> -ERR Unbalanced XREAD list…
        XREADGROUP GROUP g c NOSUCH STREAMS s > -> -ERR syntax error
        XREADGROUP GROUP g c COUNT 1 COUNT 1 -> -ERR syntax error
        XREADGROUP GROUP g -> -ERR wrong number of arguments for 'xreadgroup' command
        XREAD GROUP g c STREAMS s > -> -ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.
        XREAD NOACK STREAMS s 0 -> -ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.
        XREAD STREAMS s > -> -ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.
        XREAD COUNT 1 STREAMS -> -ERR syntax error
        XREAD BLOCK -1 STREAMS s 0 -> -ERR timeout is negative
        XREAD BLOCK x STREAMS s 0 -> -ERR timeout is not an integer or out of range
        XPENDING s g - + -> -ERR syntax error
        XPENDING s g IDLE 1 - + -> -ERR syntax error
        XPENDING s none -> -NOGROUP No such key 's' or consumer group 'none'
        XPENDING none g -> -NOGROUP No such key 'none' or consumer group 'g'
        SET string v
        XREADGROUP GROUP g c STREAMS s string > > -> -WRONGTYPE…
        XPENDING string g -> -WRONGTYPE…
        XACK string g 1-1 -> -WRONGTYPE…
        XCLAIM string g c 0 1-1 -> -WRONGTYPE…
        XAUTOCLAIM string g c 0 0 -> -WRONGTYPE…
        XINFO STREAM string -> -WRONGTYPE…
        XPENDING s g -> [:0 nil nil nil[]]
        "#,
    );
}

#[test]
fn messages_change_hands() {
    after_four(
        r#"
        XREADGROUP GROUP g alice COUNT 3 STREAMS s >
        XCLAIM s g bob 3600000 1-1 -> []
        XCLAIM s g bob 0 1-1 9-9 -> [[1-1 [a 1]]]
        XPENDING s g - + 10 -> [[1-1 bob * :2] [1-2 alice * :1] [1-3 alice * :1]]
        XCLAIM s g bob 0 1-2 JUSTID -> [1-2]
        XPENDING s g - + 10 bob -> [[1-1 bob * :2] [1-2 bob * :1]]
        XCLAIM s g bob 0 1-2 IDLE 5000 RETRYCOUNT 9 -> [[1-2 *]]
        XPENDING s g 1-2 1-2 10 -> [[1-2 bob :5000..65000 :9]]
        XCLAIM s g alice 4000 1-1 1-2 -> [[1-2 *]]
        XCLAIM s g alice 0 1-2 TIME 1000 JUSTID -> [1-2]
        XPENDING s g IDLE 1000000000 - + 10 -> [[1-2 alice * :10]]
        XCLAIM s g carol 0 1-4 -> []
        XCLAIM s g carol 0 1-4 FORCE JUSTID LASTID 1-4 -> [1-4]
        XREADGROUP GROUP g bob STREAMS s > -> nil[]
        XDEL s 1-3 -> :1
        XCLAIM s g bob 0 1-3 -> []
        XPENDING s g -> [:3 1-1 1-4 [[alice 1] [bob 1] [carol 1]]]
        XCLAIM s g c x 1-1 -> -ERR Invalid min-idle-time argument for XCLAIM
        XCLAIM s g c 0 1-1 NOSUCH -> -ERR Unrecognized XCLAIM option 'NOSUCH'
        XCLAIM s g c 0 1-1 IDLE x -> -ERR Invalid IDLE option argument for XCLAIM
        XCLAIM s g c 0 1-1 TIME x -> -ERR Invalid TIME option argument for XCLAIM
        XCLAIM s g c 0 1-1 RETRYCOUNT x -> -ERR Invalid RETRYCOUNT option argument for XCLAIM
        XCLAIM s g c 0 1-1 LASTID x -> -ERR Invalid stream ID specified as stream command argument
        XCLAIM s none c 0 1-1 -> -NOGROUP No such key 's' or consumer group 'none'
        "#,
    );
}

#[test]
fn what_lies_around_is_claimed() {
    after_four(
        r#"
        XREADGROUP GROUP g alice STREAMS s >
        XAUTOCLAIM s g bob 3600000 0 -> [0-0 [] []]
        XAUTOCLAIM s g bob 0 0 COUNT 2 -> [1-3 [[1-1 *] [1-2 *]] []]
        XDEL s 1-3 -> :1
        XAUTOCLAIM s g bob 0 1-3 JUSTID -> [0-0 [1-4] [1-3]]
        XPENDING s g -> [:3 1-1 1-4 [[bob 3]]]
        XPENDING s g - + 10 -> [[1-1 bob * :2] [1-2 bob * :2] [1-4 bob * :1]]
        XAUTOCLAIM s g bob 0 (1-1 COUNT 1 -> [1-4 [[1-2 *]] []]
        XAUTOCLAIM s g bob 0 0 COUNT 0 -> -ERR COUNT must be > 0
        XAUTOCLAIM s g bob 0 0 COUNT -1 -> -ERR COUNT must be > 0
        XAUTOCLAIM s g bob 0 0 NOSUCH -> -ERR syntax error
        XAUTOCLAIM s g bob x 0 -> -ERR Invalid min-idle-time argument for XAUTOCLAIM
        XAUTOCLAIM s g bob 0 x -> -ERR Invalid stream ID specified as stream command argument
        XAUTOCLAIM s none bob 0 0 -> -NOGROUP No such key 's' or consumer group 'none'
        "#,
    );
}

#[test]
fn xinfo_tells_all() {
    after_four(
        r#"
        XREADGROUP GROUP g alice COUNT 1 STREAMS s >
        XGROUP CREATECONSUMER s g bob
        XDEL s 1-2 -> :1
        XINFO STREAM s -> {length :3 radix-tree-keys :1 radix-tree-nodes :2 last-generated-id 1-4 max-deleted-entry-id 1-2 entries-added :4 recorded-first-entry-id 1-1 groups :1 first-entry [1-1 [a 1]] last-entry [1-4 [a 4]]}
        XINFO STREAM s FULL COUNT 1 -> {length :3 radix-tree-keys :1 radix-tree-nodes :2 last-generated-id 1-4 max-deleted-entry-id 1-2 entries-added :4 recorded-first-entry-id 1-1 entries [[1-1 [a 1]]] groups [{name g last-delivered-id 1-1 entries-read :1 lag nil pel-count :1 pending [[1-1 alice * :1]] consumers *}]}
        XINFO STREAM s FULL NOSUCH 1 -> -ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
        XINFO STREAM s NOSUCH -> -ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.
        XINFO STREAM none -> -ERR no such key
        XINFO GROUPS none -> -ERR no such key
        XINFO CONSUMERS none g -> -ERR no such key
        XINFO CONSUMERS s none -> -NOGROUP No such consumer group 'none' for key name 's'
        XINFO GROUPS s -> [{name g consumers :2 pending :1 last-delivered-id 1-1 entries-read :1 lag nil}]
        XINFO NOSUCH -> -ERR unknown subcommand 'NOSUCH'. Try XINFO HELP.
        XINFO HELP
        "#,
    );
}

/// What 7.2 added: since when a consumer got nothing.
#[test]
fn consumers_are_described() {
    if crate::support::on_oracle() {
        return;
    }
    after_four(
        r#"
        XREADGROUP GROUP g alice COUNT 1 STREAMS s >
        XGROUP CREATECONSUMER s g bob
        XINFO CONSUMERS s g -> [{name alice pending :1 idle :0..60000 inactive :0..60000} {name bob pending :0 idle :0..60000 inactive :-1}]
        "#,
    );
    let server = start();
    let mut conn = server.connect3();
    run(&mut conn, FOUR);
    run(
        &mut conn,
        "
        XREADGROUP GROUP g alice COUNT 1 STREAMS s >
        XINFO STREAM s FULL -> {length * radix-tree-keys * radix-tree-nodes * last-generated-id * max-deleted-entry-id * entries-added * recorded-first-entry-id * entries [* * * *] groups [{name g last-delivered-id * entries-read * lag :3 pel-count :1 pending [[1-1 alice * :1]] consumers [{name alice seen-time * active-time * pel-count :1 pending [[1-1 * :1]]}]}]}
        ",
    );
}

#[test]
fn idle_time_grows() {
    let server = start();
    let mut conn = server.connect();
    run(&mut conn, FOUR);
    conn.line("XREADGROUP GROUP g alice STREAMS s >");
    poll_until("some time has passed", || {
        let entries = conn.line("XPENDING s g IDLE 5 - + 10");
        (entries.items().len() == 4).then_some(())
    });
    check(
        &mut conn,
        "XAUTOCLAIM s g bob 5 0 COUNT 1 JUSTID",
        "[1-2 [1-1] []]",
    );
}

/// WATCH sees what happens to messages, not what happens to groups.
#[test]
fn watch_is_for_messages() {
    let server = start();
    let mut conn = server.connect();
    let mut other = server.connect();
    run(&mut conn, FOUR);
    for (command, watched) in [
        ("XREADGROUP GROUP g c STREAMS s >", false),
        ("XCLAIM s g d 0 1-1", false),
        ("XAUTOCLAIM s g e 0 0", false),
        ("XACK s g 1-1", false),
        ("XGROUP CREATE s h 0", false),
        ("XGROUP SETID s h $", false),
        ("XGROUP DESTROY s h", false),
        ("XSETID s 2-0", false),
        ("XDEL s 9-9", false),
        ("XDEL s 1-1", true),
        ("XADD s 3-0 a b", true),
        ("XTRIM s MAXLEN 1", true),
    ] {
        run(&mut conn, "WATCH s -> +OK\nMULTI -> +OK\nPING -> +QUEUED");
        assert!(!other.line(command).is_error(), "{command}");
        let expected = if watched { "nil[]" } else { "[+PONG]" };
        check(&mut conn, "EXEC", expected);
    }
}
