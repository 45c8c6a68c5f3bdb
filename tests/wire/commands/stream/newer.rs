//! What redis-server 7.0 does not have.

use super::start;
use crate::support::{on_oracle, run_both};

/// Runs a script, unless redis-server 7.0 stands in.
fn run_newer(script: &str) {
    if !on_oracle() {
        run_both(&start(), script);
    }
}

#[test]
fn plus_reads_the_last_message() {
    run_newer(
        r#"
        XADD s 1-1 a 1
        XADD s 1-2 a 2
        XREAD STREAMS s + -> @2 [[s [[1-2 [a 2]]]]] @3 {s [[1-2 [a 2]]]}
        XREAD COUNT 5 STREAMS none s + + -> @2 [[s [[1-2 [a 2]]]]] @3 {s [[1-2 [a 2]]]}
        XDEL s 1-2
        XREAD STREAMS s + -> @2 [[s [[1-1 [a 1]]]]] @3 {s [[1-1 [a 1]]]}
        XDEL s 1-1
        XREAD STREAMS s + -> nil[]
        XREAD BLOCK 1 STREAMS s + -> nil[]
        "#,
    );
}

const TWO_GROUPS: &str = "
    XADD s 1-1 a 1
    XADD s 1-2 a 2
    XADD s 1-3 a 3
    XGROUP CREATE s g 0
    XGROUP CREATE s h 0
    XREADGROUP GROUP g c COUNT 2 STREAMS s >
    XREADGROUP GROUP h c COUNT 2 STREAMS s >
    XACK s g 1-1
";

#[test]
fn xdelex_minds_references() {
    run_newer(&format!(
        r#"
        {TWO_GROUPS}
        XDELEX s IDS 2 1-3 9-9 -> [:1 :-1]
        XDELEX s ACKED IDS 2 1-1 1-2 -> [:2 :2]
        XACK s h 1-1 -> :1
        XDELEX s ACKED IDS 1 1-1 -> [:1]
        XDELEX s KEEPREF IDS 1 1-2 -> [:1]
        XPENDING s g -> [:1 1-2 1-2 [[c 1]]]
        XADD s 2-1 a b
        XREADGROUP GROUP g c STREAMS s >
        XDELEX s DELREF IDS 1 2-1 -> [:1]
        XPENDING s g -> [:1 1-2 1-2 [[c 1]]]
        XDELEX none IDS 2 1-1 1-1 -> [:-1 :-1]
        XDELEX s IDS 0 1-1 -> -ERR Number of IDs must be a positive integer
        XDELEX s IDS x 1-1 -> -ERR Number of IDs must be a positive integer
        XDELEX s IDS 2 1-1 -> -ERR The `numids` parameter must match the number of arguments
        XDELEX s IDS 9223372036854775807 1-1 -> -ERR The `numids` parameter must match the number of arguments
        XDELEX s IDS 1 x -> -ERR Invalid stream ID specified as stream command argument
        XDELEX s NOSUCH IDS 1 1-1 -> -ERR syntax error
        XDELEX s KEEPREF DELREF KEEPREF -> -ERR syntax error
        XDELEX s IDS 1 -> -ERR wrong number of arguments for 'xdelex' command
        SET string v
        XDELEX string IDS 1 1-1 -> -WRONGTYPE…
        "#
    ));
}

/// A message that some group was not given yet is still needed.
#[test]
fn what_was_not_delivered_is_referenced() {
    run_newer(
        r#"
        XADD s 1-1 a 1
        XGROUP CREATE s g 0
        XDELEX s ACKED IDS 1 1-1 -> [:2]
        XREADGROUP GROUP g c NOACK STREAMS s >
        XDELEX s ACKED IDS 1 1-1 -> [:1]
        XADD s 2-1 a 1
        XGROUP DESTROY s g
        XDELEX s ACKED IDS 1 2-1 -> [:1]
        "#,
    );
}

#[test]
fn xackdel_acknowledges_and_deletes() {
    run_newer(&format!(
        r#"
        {TWO_GROUPS}
        XACKDEL s g IDS 3 1-1 1-2 9-9 -> [:-1 :1 :-1]
        XPENDING s h -> [:2 1-1 1-2 [[c 2]]]
        XACKDEL s h ACKED IDS 1 1-1 -> [:1]
        XACKDEL s h DELREF IDS 1 1-2 -> [:1]
        XLEN s -> :1
        XREADGROUP GROUP g c STREAMS s >
        XREADGROUP GROUP h c STREAMS s >
        XACKDEL s g ACKED IDS 1 1-3 -> [:2]
        XPENDING s g -> [:0 nil nil nil[]]
        XACKDEL s h ACKED IDS 1 1-3 -> [:1]
        XLEN s -> :0
        XACKDEL none g IDS 1 1-1 -> [:-1]
        XACKDEL s none IDS 1 1-1 -> [:-1]
        SET string v
        XACKDEL string g IDS 1 1-1 -> -WRONGTYPE…
        XACKDEL s g IDS 1 -> -ERR wrong number of arguments for 'xackdel' command
        "#
    ));
}

#[test]
fn trims_mind_references() {
    run_newer(&format!(
        r#"
        {TWO_GROUPS}
        XTRIM s MAXLEN 0 ACKED -> :0
        XACK s h 1-1 -> :1
        XTRIM s MAXLEN 0 ACKED -> :1
        XTRIM s MAXLEN = 1 DELREF -> :1
        XPENDING s g -> [:0 nil nil nil[]]
        XPENDING s h -> [:0 nil nil nil[]]
        XADD s KEEPREF MAXLEN 1 1-4 a 4 -> 1-4
        XADD s ACKED MAXLEN 1 1-5 a 5 -> 1-5
        XRANGE s - + -> [[1-4 *] [1-5 *]]
        XADD s MAXLEN 1 DELREF 1-6 a 6 -> 1-6
        XRANGE s - + -> [[1-6 *]]
        "#
    ));
}

#[test]
fn xnack_gives_back() {
    run_newer(
        r#"
        XADD s 1-1 a 1
        XADD s 1-2 a 2
        XADD s 1-3 a 3
        XGROUP CREATE s g 0
        XREADGROUP GROUP g alice COUNT 2 STREAMS s >
        XNACK s g FAIL IDS 3 1-1 1-3 9-9 -> :1
        XPENDING s g - + 10 -> [[1-1 "" * :1] [1-2 alice * :1]]
        XPENDING s g -> [:2 1-1 1-2 [[alice 1]]]
        XREADGROUP GROUP g alice STREAMS s 0 -> @2 [[s [[1-2 *]]]] @3 {s [[1-2 *]]}
        XAUTOCLAIM s g bob 3600000 0 -> [0-0 [[1-1 [a 1]]] []]
        XNACK s g SILENT IDS 1 1-1 -> :1
        XPENDING s g 1-1 1-1 10 -> [[1-1 "" * :1]]
        XNACK s g SILENT IDS 1 1-1 -> :1
        XNACK s g SILENT IDS 1 1-1 -> :1
        XPENDING s g 1-1 1-1 10 -> [[1-1 "" * :0]]
        XNACK s g FATAL IDS 1 1-2 -> :1
        XPENDING s g 1-2 1-2 10 -> [[1-2 "" * :9223372036854775807]]
        XNACK s g FATAL IDS 1 1-2 RETRYCOUNT 5 -> :1
        XPENDING s g 1-2 1-2 10 -> [[1-2 "" * :5]]
        XNACK s g FAIL IDS 2 1-3 9-9 FORCE -> :1
        XPENDING s g -> [:3 1-1 1-3 []]
        XINFO STREAM s FULL -> {length * radix-tree-keys * radix-tree-nodes * last-generated-id * max-deleted-entry-id * entries-added * recorded-first-entry-id * entries * groups [{name g last-delivered-id * entries-read * lag * pel-count :3 pending [[1-1 "" * *] * *] consumers [* *]}]}
        XCLAIM s g alice 0 1-1 -> [[1-1 *]]
        XACK s g 1-1 1-2 -> :2
        XGROUP DELCONSUMER s g bob -> :0
        XNACK s none FAIL IDS 1 1-1 -> -NOGROUP No such key 's' or consumer group 'none'
        XNACK s g NOSUCH IDS 1 1-1 -> -ERR syntax error
        XNACK s g FAIL IDS 0 1-1 -> -ERR Number of IDs must be a positive integer
        XNACK s g FAIL IDS 9223372036854775807 1-1 -> -ERR The `numids` parameter must match the number of arguments
        XNACK s g FAIL IDS 1 1-1 RETRYCOUNT -1 -> !
        XNACK s g FAIL IDS 1 x -> -ERR Invalid stream ID specified as stream command argument
        XNACK s g FAIL IDS 1 -> -ERR wrong number of arguments for 'xnack' command
        SET string v
        XNACK string g FAIL IDS 1 1-1 -> -WRONGTYPE…
        "#,
    );
}

#[test]
fn xreadgroup_claims_what_lies_around() {
    run_newer(
        r#"
        XADD s 1-1 a 1
        XADD s 1-2 a 2
        XADD s 1-3 a 3
        XGROUP CREATE s g 0
        XREADGROUP GROUP g alice COUNT 2 STREAMS s >
        XREADGROUP GROUP g bob COUNT 1 CLAIM 3600000 STREAMS s > -> @2 [[s [[1-3 [a 3] :0 :0]]]] @3 {s [[1-3 [a 3] :0 :0]]}
        XREADGROUP GROUP g bob CLAIM 3600000 STREAMS s > -> nil[]
        XADD s 1-4 a 4
        XNACK s g FAIL IDS 1 1-1 -> :1
        XREADGROUP GROUP g bob CLAIM 3600000 STREAMS s > -> @2 [[s [[1-1 [a 1] * :1] [1-4 [a 4] :0 :0]]]] @3 {s [[1-1 [a 1] * :1] [1-4 [a 4] :0 :0]]}
        XPENDING s g - + 10 -> [[1-1 bob * :2] [1-2 alice * :1] [1-3 bob * :1] [1-4 bob * :1]]
        XDEL s 1-2 -> :1
        XREADGROUP GROUP g carol COUNT 2 CLAIM 0 STREAMS s > -> @2 [[s [[1-1 * * :2] [1-3 * * :1]]]] @3 {s [[1-1 * * :2] [1-3 * * :1]]}
        XPENDING s g -> [:3 1-1 1-4 [[bob 1] [carol 2]]]
        XREADGROUP GROUP g bob CLAIM 0 STREAMS s 0 -> @2 [[s [[1-4 [a 4]]]]] @3 {s [[1-4 [a 4]]]}
        XREADGROUP GROUP g bob CLAIM x STREAMS s > -> -ERR min-idle-time is not an integer
        XREADGROUP GROUP g bob CLAIM -1 STREAMS s > -> -ERR min-idle-time must be a positive integer
        XREAD CLAIM 5 STREAMS s 0 -> -ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.
        "#,
    );
}

#[test]
fn a_message_sent_twice_is_added_once() {
    run_newer(
        r#"
        XADD s IDMPAUTO alice * a 1
        XADD s IDMPAUTO alice * a 1
        XADD s IDMPAUTO alice * a 2
        XADD s IDMPAUTO bob * a 1
        XLEN s -> :3
        XADD s IDMP alice first * a 5
        XADD s IDMP alice first * a 6
        XLEN s -> :4
        XINFO STREAM s -> {length :4 radix-tree-keys * radix-tree-nodes * last-generated-id * max-deleted-entry-id * entries-added :4 recorded-first-entry-id * idmp-duration :100 idmp-maxsize :100 pids-tracked :2 iids-tracked :4 iids-added :4 iids-duplicates :2 groups :0 first-entry * last-entry *}
        XCFGSET s IDMP-DURATION 100 -> +OK
        XADD s IDMP alice first * a 7
        XLEN s -> :4
        XCFGSET s IDMP-MAXSIZE 1 IDMP-DURATION 86400 -> +OK
        XADD s IDMP alice first * a 8
        XADD s IDMP alice second * a 8
        XADD s IDMP alice second * a 8
        XADD s IDMP alice first * a 8
        XLEN s -> :7
        XADD s IDMP alice x 5-5 a 1 -> -ERR IDMP and IDMPAUTO can be used only with auto-generated IDs
        XADD s IDMP alice x IDMPAUTO bob * a 1 -> -ERR syntax error, IDMP/IDMPAUTO can be specified only once
        XADD s IDMP "" x * a 1 -> -ERR producer ID and idempotent ID must not be empty
        XADD none NOMKSTREAM IDMP alice x * a 1 -> nil
        XCFGSET s -> -ERR syntax error
        XCFGSET s IDMP-DURATION -> -ERR syntax error
        XCFGSET s NOSUCH 1 -> -ERR syntax error
        XCFGSET s IDMP-DURATION 0 -> -ERR IDMP-DURATION must be between 1 and 86400 seconds
        XCFGSET s IDMP-DURATION 86401 -> -ERR IDMP-DURATION must be between 1 and 86400 seconds
        XCFGSET s IDMP-MAXSIZE 10001 -> -ERR IDMP-MAXSIZE must be between 1 and 10000 entries
        XCFGSET s IDMP-MAXSIZE x -> -ERR value is not an integer or out of range
        XCFGSET none IDMP-MAXSIZE 1 -> -ERR no such key
        XADD t 1-1 a 1
        XADD t 1-2 a 1
        XIDMPRECORD t alice x 1-1 -> +OK
        XIDMPRECORD t alice x 1-1 -> +OK
        XIDMPRECORD t alice x 1-2 -> -ERR the idempotent ID belongs to another stream entry
        XADD t IDMP alice x * a 1 -> 1-1
        XIDMPRECORD t alice y 1-3 -> -ERR no such stream entry
        XIDMPRECORD t "" y 1-1 -> -ERR producer ID and idempotent ID must not be empty
        XIDMPRECORD t alice y x -> -ERR Invalid stream ID specified as stream command argument
        XIDMPRECORD none alice y 1-1 -> -ERR no such key
        SET string v
        XCFGSET string IDMP-MAXSIZE 1 -> -WRONGTYPE…
        XIDMPRECORD string alice y 1-1 -> -WRONGTYPE…
        "#,
    );
}
