//! Nobody sees half of a command, or of a transaction, whichever shards its keys lie in.
//!
//! Writers keep an invariant over several keys; readers, in other orders of the keys so that lock
//! order is put to the test as well, must never see it broken. Every test counts what it did, so
//! that none passes by doing nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::{Conn, Options, Reply, Server, check};

const ROUNDS: u64 = 2_000;
const WRITERS: u64 = 3;
const READERS: u64 = 2;

/// Runs the writers to their end, and the readers until then; returns how often readers looked.
fn contend(
    server: &Server,
    write: impl Fn(&mut Conn, u64) + Sync,
    read: impl Fn(&mut Conn, u64) + Sync,
) -> u64 {
    let (done, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for reader in 0..READERS {
            let (read, done, looks) = (&read, &done, &looks);
            scope.spawn(move || {
                let mut conn = server.connect();
                // At least once, even if the writers are done before this thread begins.
                loop {
                    read(&mut conn, reader);
                    looks.fetch_add(1, Ordering::Relaxed);
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        let write = &write;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(&mut server.connect(), writer)))
            .collect();
        let results: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(results.iter().all(Result::is_ok), "a writer failed");
    });
    looks.into_inner()
}

/// Cheap, seeded disorder.
fn mix(n: u64) -> u64 {
    (n ^ 0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .rotate_left(29)
}

#[test]
fn increments_are_never_lost() {
    let server = Server::start(Options::new());
    contend(
        &server,
        |conn, _| {
            let requests = vec![vec!["INCR", "n"]; ROUNDS as usize];
            let seen: Vec<i64> = conn.pipeline(&requests).iter().map(Reply::int).collect();
            assert!(seen.is_sorted_by(|a, b| a < b));
        },
        |conn, _| assert!(!conn.line("GET n").is_error()),
    );
    check(
        &mut server.connect(),
        "GET n",
        &(WRITERS * ROUNDS).to_string(),
    );
}

#[test]
fn mset_is_seen_whole() {
    let server = Server::start(Options::new());
    let keys: Vec<String> = (0..10).map(|i| format!("key:{i}")).collect();
    let looks = contend(
        &server,
        |conn, writer| {
            for round in 0..ROUNDS {
                let value = format!("{writer}-{round}");
                let mut request = vec!["MSET"];
                let first = mix(round * WRITERS + writer) as usize;
                for i in 0..keys.len() {
                    request.extend([keys[(first + i * 3) % keys.len()].as_str(), &value]);
                }
                assert_eq!(conn.cmd(&request).text(), "OK");
            }
        },
        |conn, reader| {
            let mut request = vec!["MGET"];
            request.extend(keys.iter().map(String::as_str));
            if reader % 2 == 1 {
                request[1..].reverse();
            }
            let reply = conn.cmd(&request);
            let values = reply.items();
            assert!(
                values.iter().all(|value| *value == values[0]),
                "torn: {reply}"
            );
        },
    );
    assert!(looks > 0);
}

#[test]
fn transactions_keep_the_sum() {
    const ACCOUNTS: u64 = 8;
    let server = Server::start(Options::new());
    let account = |n: u64| format!("account:{}", n % ACCOUNTS);
    let mut conn = server.connect();
    for n in 0..ACCOUNTS {
        check(&mut conn, &format!("SET {} 1000", account(n)), "+OK");
    }
    let sum = |replies: &[Reply]| -> i64 {
        replies
            .iter()
            .map(|reply| reply.text().parse::<i64>().expect("a number"))
            .sum()
    };
    contend(
        &server,
        |conn, writer| {
            for round in 0..ROUNDS {
                let dice = mix(round * WRITERS + writer);
                let (from, to) = (account(dice), account(dice >> 8));
                let amount = (dice >> 16 & 0xff).to_string();
                let replies = conn.pipeline(&[
                    vec!["MULTI"],
                    vec!["DECRBY", &from, &amount],
                    vec!["INCRBY", &to, &amount],
                    vec!["EXEC"],
                ]);
                assert_eq!(replies[3].items().len(), 2, "{}", replies[3]);
            }
        },
        |conn, reader| {
            let order = (0..ACCOUNTS).map(|n| if reader % 2 == 0 { n } else { ACCOUNTS - 1 - n });
            let keys: Vec<String> = order.map(account).collect();
            let mut mget = vec!["MGET"];
            mget.extend(keys.iter().map(String::as_str));
            assert_eq!(sum(conn.cmd(&mget).items()), 8000, "by MGET");
            let mut requests = vec![vec!["MULTI"]];
            requests.extend(keys.iter().map(|key| vec!["GET", key]));
            requests.push(vec!["EXEC"]);
            let replies = conn.pipeline(&requests);
            let last = replies.last().expect("EXEC has a reply");
            assert_eq!(sum(last.items()), 8000, "by EXEC");
        },
    );
}

#[test]
fn watched_changes_are_never_overwritten() {
    const EACH: u64 = 300;
    let server = Server::start(Options::new());
    check(&mut server.connect(), "SET n 0", "+OK");
    let retries = AtomicU64::new(0);
    contend(
        &server,
        |conn, _| {
            let mut succeeded = 0;
            while succeeded < EACH {
                let replies = conn.pipeline(&[vec!["WATCH", "n"], vec!["GET", "n"]]);
                let next = replies[1].text().parse::<u64>().expect("a number") + 1;
                let next = next.to_string();
                let replies =
                    conn.pipeline(&[vec!["MULTI"], vec!["SET", "n", &next], vec!["EXEC"]]);
                match &replies[2] {
                    Reply::Array(_) => succeeded += 1,
                    Reply::NullArray => drop(retries.fetch_add(1, Ordering::Relaxed)),
                    other => panic!("EXEC: {other}"),
                }
            }
        },
        |conn, _| assert!(!conn.line("GET n").is_error()),
    );
    check(
        &mut server.connect(),
        "GET n",
        &(WRITERS * EACH).to_string(),
    );
    assert!(retries.into_inner() > 0, "the clients never met");
}

#[test]
fn a_renamed_key_is_always_somewhere() {
    let server = Server::start(Options::new());
    check(&mut server.connect(), "SET there value", "+OK");
    contend(
        &server,
        |conn, writer| {
            if writer > 0 {
                return;
            }
            for _ in 0..ROUNDS {
                check(conn, "RENAME there elsewhere", "+OK");
                check(conn, "RENAME elsewhere there", "+OK");
            }
        },
        |conn, reader| {
            let line = ["EXISTS there elsewhere", "EXISTS elsewhere there"][reader as usize % 2];
            check(conn, line, ":1");
        },
    );
}

#[test]
fn msetnx_has_one_winner() {
    let server = Server::start(Options::new());
    let wins = AtomicU64::new(0);
    contend(
        &server,
        |conn, writer| {
            for round in 0..ROUNDS {
                let (a, b) = (format!("a:{round}"), format!("b:{round}"));
                let writer = writer.to_string();
                let reply = match round % 2 {
                    0 => conn.cmd(&["MSETNX", &a, &writer, &b, &writer]),
                    _ => conn.cmd(&["MSETNX", &b, &writer, &a, &writer]),
                };
                wins.fetch_add(reply.int() as u64, Ordering::Relaxed);
            }
        },
        |conn, _| {
            for round in (0..ROUNDS).step_by(100) {
                let reply = conn.line(&format!("MGET a:{round} b:{round}"));
                assert_eq!(reply.items()[0], reply.items()[1], "torn: {reply}");
            }
        },
    );
    assert_eq!(wins.into_inner(), ROUNDS);
}

/// Longer than a worker waits for a lock: what then goes to the pool has to wait there.
#[test]
fn a_transaction_that_takes_long_stays_alone() {
    let server = Server::start(Options::new().set("server.workers", 4));
    let done = AtomicBool::new(false);
    let tries = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for other in 0..READERS + WRITERS {
            let (server, done, tries) = (&server, &done, &tries);
            scope.spawn(move || {
                let mut conn = server.connect();
                let value = format!("other:{other}");
                while !done.load(Ordering::Relaxed) {
                    check(&mut conn, &format!("MSET k {value} l {value}"), "+OK");
                    check(&mut conn, &format!("SET k {value}"), "+OK");
                    tries.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut conn = server.connect();
        for round in 0..20 {
            let mine = format!("mine:{round}");
            let replies = conn.pipeline(&[
                vec!["MULTI"],
                vec!["SET", "k", &mine],
                vec!["DEBUG", "SLEEP", "0.01"],
                vec!["GET", "k"],
                vec!["EXEC"],
            ]);
            let seen = replies[4].items()[2].text();
            // Whatever was seen, the others must come to their end.
            done.store(seen != mine || round == 19, Ordering::Relaxed);
            assert_eq!(seen, mine, "another wrote into the transaction");
        }
    });
    assert!(tries.into_inner() > 0);
}
