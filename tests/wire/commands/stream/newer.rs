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
