//! SCAN's promise: what is there from its start to its end is returned, whatever comes and goes
//! meanwhile.
//!
//! One set of keys stays. Writers grow and shrink the database around it by a factor of several,
//! again and again, while scanners iterate; every complete iteration must hold every key that
//! stayed, and nothing that was never there.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Conn, Options, Reply, Server, check};

/// Keys that stay from start to end.
const STAYING: usize = 20_000;
/// Keys each writer adds and removes in turn.
const PASSING: usize = 50_000;
const WRITERS: usize = 2;
/// Requests a pipeline of a writer holds.
const BATCH: usize = 500;

#[test]
fn what_stays_is_always_returned() {
    let server = Server::start(Options::new());
    let expected: HashSet<Vec<u8>> = (0..STAYING).map(staying).collect();
    fill(&mut server.connect(), (0..STAYING).map(staying));

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (server, done, expected) = (&server, &done, &expected);
        for writer in 0..WRITERS {
            scope.spawn(move || churn(&mut server.connect(), writer, done));
        }
        let scanners: Vec<_> = [
            ("", false),
            ("COUNT 1000", false),
            ("COUNT 1000 MATCH stay:*", true),
            ("COUNT 200 TYPE string", false),
            ("MATCH stay:* TYPE string COUNT 5000", true),
        ]
        .into_iter()
        .map(|(options, only_staying)| {
            scope.spawn(move || {
                let _stop = StopOnPanic(done);
                iterate_and_verify(&mut server.connect(), options, only_staying, expected);
            })
        })
        .collect();
        for scanner in scanners {
            scanner.join().expect("a scanner panicked");
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Ends the writers when a scanner fails, or the test would hang instead of failing.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

fn staying(i: usize) -> Vec<u8> {
    format!("stay:{i}").into_bytes()
}

fn passing(writer: usize, i: usize) -> Vec<u8> {
    format!("pass:{writer}:{i}").into_bytes()
}

fn fill(conn: &mut Conn, keys: impl Iterator<Item = Vec<u8>>) {
    let requests: Vec<_> = keys
        .map(|key| vec![b"SET".to_vec(), key, b"1".to_vec()])
        .collect();
    for chunk in requests.chunks(BATCH) {
        for reply in conn.pipeline(chunk) {
            assert_eq!(reply.text(), "OK");
        }
    }
}

/// Adds keys and takes them away again until told to stop: by UNLINK, and by a deadline that is
/// over at once, so that expiry takes its part.
fn churn(conn: &mut Conn, writer: usize, done: &AtomicBool) {
    for wave in 0.. {
        for first in (0..PASSING).step_by(BATCH) {
            if done.load(Ordering::Relaxed) {
                return;
            }
            fill(conn, (first..first + BATCH).map(|i| passing(writer, i)));
        }
        for first in (0..PASSING).step_by(BATCH) {
            if done.load(Ordering::Relaxed) {
                return;
            }
            let gone: Vec<Vec<Vec<u8>>> = (first..first + BATCH)
                .map(|i| match (wave + i) % 2 {
                    0 => vec![b"UNLINK".to_vec(), passing(writer, i)],
                    _ => vec![b"PEXPIRE".to_vec(), passing(writer, i), b"1".to_vec()],
                })
                .collect();
            conn.pipeline(&gone);
        }
    }
}

/// Iterates a few times, at least until the number of keys has been seen to grow and to shrink.
fn iterate_and_verify(
    conn: &mut Conn,
    options: &str,
    only_staying: bool,
    expected: &HashSet<Vec<u8>>,
) {
    let (mut grew, mut shrank, mut iterations) = (false, false, 0);
    while iterations < 3 || !(grew && shrank) {
        let before = conn.line("DBSIZE").int();
        let found = scan(conn, options);
        let after = conn.line("DBSIZE").int();
        grew |= after > before + 1000;
        shrank |= after < before - 1000;
        iterations += 1;
        let missing: Vec<_> = expected.difference(&found).collect();
        assert!(
            missing.is_empty(),
            "SCAN {options}: {} keys are missing",
            missing.len()
        );
        for key in found.difference(expected) {
            let passing = key.starts_with(b"pass:") && !only_staying;
            assert!(passing, "SCAN {options} returned {}", key.escape_ascii());
        }
    }
}

/// One whole iteration: all keys it returned.
fn scan(conn: &mut Conn, options: &str) -> HashSet<Vec<u8>> {
    let mut found = HashSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let reply = conn.line(&format!("SCAN {cursor} {options}"));
        let [next, keys] = reply.items() else {
            panic!("SCAN: {reply}")
        };
        found.extend(keys.items().iter().map(|key| key.bytes().to_vec()));
        cursor = next.text();
        if cursor == "0" {
            return found;
        }
    }
}

#[test]
fn a_quiet_database_is_returned_whole_and_once() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    for size in [0, 1, 2, 7, 100, 5000] {
        check(&mut conn, "FLUSHALL", "+OK");
        fill(&mut conn, (0..size).map(staying));
        for options in [
            "",
            "COUNT 1",
            "COUNT 3 MATCH *",
            "COUNT 100000",
            "TYPE string",
        ] {
            let mut returned = 0;
            let mut found = HashSet::new();
            let mut cursor = "0".to_owned();
            loop {
                let reply = conn.line(&format!("SCAN {cursor} {options}"));
                let [next, Reply::Array(keys)] = reply.items() else {
                    panic!("SCAN: {reply}")
                };
                returned += keys.len();
                found.extend(keys.iter().map(|key| key.bytes().to_vec()));
                cursor = next.text();
                if cursor == "0" {
                    break;
                }
            }
            assert_eq!(
                (found.len(), returned),
                (size, size),
                "SCAN {options} of {size} keys"
            );
        }
    }
}

#[test]
fn filters_hide_and_never_end_the_iteration() {
    let server = Server::start(Options::new());
    let mut conn = server.connect();
    fill(&mut conn, (0..1000).map(staying));
    assert!(scan(&mut conn, "MATCH nothing:*").is_empty());
    assert!(scan(&mut conn, "TYPE list").is_empty());
    assert_eq!(scan(&mut conn, "MATCH stay:77").len(), 1);
    assert_eq!(
        scan(&mut conn, "MATCH stay:?? TYPE STRING COUNT 7").len(),
        90
    );
}
