//! SORT and SORT_RO.

use crate::support::{Options, Server, check, on_oracle, run, run_both};

fn start() -> Server {
    Server::start(Options::new())
}

#[test]
fn numbers_and_texts() {
    run_both(
        &start(),
        r#"
        RPUSH l 3 1 2 10
        SORT l -> ["1" "2" "3" "10"]
        SORT l DESC -> ["10" "3" "2" "1"]
        sort l desc asc -> ["1" "2" "3" "10"]
        SORT l ALPHA -> ["1" "10" "2" "3"]
        SORT l ALPHA DESC -> ["3" "2" "10" "1"]
        SORT_RO l -> ["1" "2" "3" "10"]
        SORT none -> []
        RPUSH n 1.5 -2 inf -inf 1e3 0x10 "" " 7"
        SORT n -> ["-inf" "-2" "" "1.5" " 7" "0x10" "1e3" "inf"]
        RPUSH n nan
        SORT n -> -ERR One or more scores can't be converted into double
        SORT n ALPHA LIMIT 0 2 -> ["" " 7"]
        RPUSH words b a c
        SORT words -> -ERR One or more scores can't be converted into double
        SORT words STORE l -> -ERR One or more scores can't be converted into double
        LRANGE l 0 -1 -> ["3" "1" "2" "10"]
        "#,
    );
}

#[test]
fn limits() {
    run_both(
        &start(),
        r#"
        RPUSH l 3 1 2 10
        SORT l LIMIT 1 2 -> ["2" "3"]
        SORT l LIMIT -1 2 -> ["1" "2"]
        SORT l LIMIT 1 -1 -> ["2" "3" "10"]
        SORT l LIMIT 5 10 -> []
        SORT l LIMIT 0 0 -> []
        SORT l LIMIT 0 9223372036854775807 -> ["1" "2" "3" "10"]
        SORT l LIMIT 9223372036854775807 9223372036854775807 -> []
        SORT l LIMIT -9223372036854775808 -9223372036854775808 -> ["1" "2" "3" "10"]
        SORT l LIMIT 0 9223372036854775808 -> -ERR value is not an integer or out of range
        SORT l LIMIT a 1 -> -ERR value is not an integer or out of range
        SORT l LIMIT 1 -> -ERR syntax error
        SORT l BY nosort LIMIT 1 2 -> ["1" "2"]
        SORT l BY nosort DESC LIMIT 1 2 -> ["2" "1"]
        "#,
    );
}

#[test]
fn by_and_get_read_other_keys() {
    run_both(
        &start(),
        r#"
        RPUSH l 3 1 2 10
        SORT l BY w_* -> ["1" "10" "2" "3"]
        MSET w_1 5 w_2 2 w_3 1 w_10 7
        SORT l BY w_* -> ["3" "2" "1" "10"]
        SORT l BY w_* DESC GET # GET w_* LIMIT 0 2 -> ["10" "7" "1" "5"]
        SORT l BY w_* GET none_* GET plain LIMIT 0 1 -> [nil nil]
        SET w_2 abc
        SORT l BY w_* -> -ERR One or more scores can't be converted into double
        SORT l BY w_* ALPHA -> ["3" "1" "10" "2"]
        HSET h_1 f 9 g 1
        HSET h_2 f 8
        SORT l BY h_*->f GET # GET h_*->g -> ["10" nil "3" nil "2" nil "1" "1"]
        SORT l BY h_* GET h_* LIMIT 0 1 -> [nil]
        SORT l GET w_*->f LIMIT 0 1 -> [nil]
        SORT l GET h_*-> LIMIT 0 1 -> [nil]
        SORT_RO l BY w_* ALPHA LIMIT 0 1 GET w_* -> ["1"]
        MULTI
        SORT l BY w_* ALPHA LIMIT 0 2
        SET w_3 zzz
        SORT l BY w_* ALPHA LIMIT 3 1 GET w_*
        EXEC -> [["3" "1"] +OK [zzz]]
        "#,
    );
}

#[test]
fn results_are_stored() {
    run_both(
        &start(),
        r#"
        RPUSH l 3 1 2 10
        SET target old EX 100
        SORT l STORE target -> :4
        LRANGE target 0 -1 -> ["1" "2" "3" "10"]
        TTL target -> :-1
        SORT l BY nosort GET none_* STORE target -> :4
        LRANGE target 0 -1 -> ["" "" "" ""]
        SORT none STORE target -> :0
        EXISTS target -> :0
        SORT l DESC STORE l -> :4
        LRANGE l 0 -1 -> ["10" "3" "2" "1"]
        SORT l LIMIT 9 9 STORE l -> :0
        EXISTS l -> :0
        RPUSH l 2 1
        SORT l STORE a STORE b -> :2
        EXISTS a -> :0
        LRANGE b 0 -1 -> ["1" "2"]
        SORT l GET store STORE c -> :2
        LRANGE c 0 -1 -> ["" ""]
        SORT_RO l STORE a -> -ERR syntax error
        "#,
    );
}

#[test]
fn other_types() {
    run_both(
        &start(),
        r#"
        ZADD z 1 b 2 a 3 c
        SORT z ALPHA -> [a b c]
        SORT z -> -ERR One or more scores can't be converted into double
        SORT z BY nosort -> [b a c]
        SORT z BY nosort DESC -> [c a b]
        SORT z BY nosort DESC LIMIT 0 2 -> [c a]
        SORT z BY nosort LIMIT 1 100 STORE l -> :2
        LRANGE l 0 -1 -> [a c]
        SADD s b a c
        SORT s ALPHA -> [a b c]
        SORT s -> -ERR One or more scores can't be converted into double
        SORT s BY nosort -> ?[a b c]
        SORT s BY nosort STORE l -> :3
        LRANGE l 0 -1 -> [a b c]
        SADD n 3 1 2
        SORT n DESC -> ["3" "2" "1"]
        HSET h f v
        SORT h -> -WRONGTYPE…
        SET t v
        SORT t -> -WRONGTYPE…
        SORT t NOPE -> -ERR syntax error
        SORT z BY -> -ERR syntax error
        SORT z GET -> -ERR syntax error
        SORT z STORE -> -ERR syntax error
        SORT z NOPE -> -ERR syntax error
        SORT -> -ERR wrong number of arguments for 'sort' command
        SORT_RO -> -ERR wrong number of arguments for 'sort_ro' command
        "#,
    );
}

#[test]
fn keys_are_found_among_the_options() {
    let server = start();
    let mut conn = server.connect();
    run(
        &mut conn,
        "
        COMMAND GETKEYS SORT l -> [l]
        COMMAND GETKEYS SORT l BY w_* GET x_* STORE d -> [l d]
        COMMAND GETKEYS SORT l BY store GET store STORE d -> [l d]
        COMMAND GETKEYS SORT l STORE a STORE b -> [l b]
        COMMAND GETKEYSANDFLAGS SORT l STORE d -> [[l ~[+RO +access]] [d ~[+OW +update]]]
        COMMAND GETKEYS SORT_RO l BY w_* -> [l]
        ",
    );
}

/// Sorting more than a worker does in place, by keys all over the keyspace.
#[test]
fn a_large_list_is_sorted_by_other_keys() {
    let server = start();
    let mut conn = server.connect();
    let count = if on_oracle() { 2_000 } else { 30_000_usize };
    for part in (0..count).collect::<Vec<_>>().chunks(1000) {
        let mut push = vec!["RPUSH".to_owned(), "l".to_owned()];
        let mut set = vec!["MSET".to_owned()];
        for n in part {
            push.push(n.to_string());
            // A permutation: 7919 is prime to the count.
            set.extend([format!("w_{n}"), (n * 7919 % count).to_string()]);
        }
        assert!(!conn.cmd(&push).is_error() && !conn.cmd(&set).is_error());
    }
    let expected = format!(":{count}");
    check(&mut conn, "SORT l BY w_* GET w_* STORE sorted", &expected);
    let reply = conn.line("LRANGE sorted 0 -1");
    for (n, item) in reply.items().iter().enumerate() {
        assert_eq!(item.bytes(), n.to_string().as_bytes());
    }
    let largest = format!("[\"{}\"]", count - 1);
    check(&mut conn, "SORT l DESC LIMIT 0 1", &largest);
}
