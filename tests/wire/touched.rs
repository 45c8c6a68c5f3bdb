//! What a command touches was checked: every command with keys, with random arguments, by a user who
//! may use some keys only. What the others hold is in no reply, and stays as it is.

use crate::support::{Conn, Options, Server, check};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use redistill::commands::spec::{Access, BLOCKING};
use redistill::commands::table::{self, Registered};

/// Requests of each command.
const EACH: usize = 100;
/// In what must not be read.
const MARK: &str = "S3CRET";

/// A key of each type under a prefix, holding the mark.
const MAKE: &[(&str, &str)] = &[
    ("str", "SET K S3CRET"),
    ("list", "RPUSH K S3CRETa S3CRETb S3CRETc"),
    ("set", "SADD K S3CRETa S3CRETb"),
    ("hash", "HSET K f S3CRET g S3CRETb"),
    ("zset", "ZADD K 1 S3CRETa 2 S3CRETb"),
    ("stream", "XADD K 1-1 f S3CRET"),
    ("geo", "GEOADD K 13 38 S3CRETa 15 37 S3CRETb"),
];

/// Users' rules, and the prefixes of what they may not read and not change.
const RULES: &str = "~allowed:* %R~readable:* %W~writable:* &* +@all";

fn fill(conn: &mut Conn) {
    check(conn, "FLUSHALL", "+OK");
    for prefix in ["secret", "writable", "allowed", "readable"] {
        for (name, make) in MAKE {
            let key = format!("{prefix}:{name}");
            let value = if prefix == "secret" || prefix == "writable" {
                MARK
            } else {
                "open"
            };
            conn.line(&make.replace('K', &key).replace(MARK, value));
        }
        conn.line(&format!("XGROUP CREATE {prefix}:stream g 0"));
    }
}

/// All there is to know of what the user may not change.
fn snapshot(conn: &mut Conn) -> Vec<String> {
    let mut all = Vec::new();
    for prefix in ["secret", "readable"] {
        for (name, _) in MAKE {
            let key = format!("{prefix}:{name}");
            let read = match *name {
                "str" => format!("GET {key}"),
                "list" => format!("LRANGE {key} 0 -1"),
                "set" => format!("SMEMBERS {key}"),
                "hash" => format!("HGETALL {key}"),
                "zset" | "geo" => format!("ZRANGE {key} 0 -1 WITHSCORES"),
                // Reading through a group changes the group, and counts as reading.
                _ => format!("XRANGE {key} - +"),
            };
            for request in [read, format!("TYPE {key}"), format!("PTTL {key}")] {
                all.push(format!("{request} -> {}", conn.line(&request)));
            }
        }
    }
    all
}

/// The name of the key that a command is most likely meant for.
fn own_type(command: &Registered) -> &'static str {
    match command.group {
        "list" => "list",
        "set" => "set",
        "hash" => "hash",
        "sorted-set" => "zset",
        "stream" => "stream",
        "geo" => "geo",
        _ => "str",
    }
}

/// A request: the command's own words, keys of all kinds, numbers.
fn request(rng: &mut StdRng, command: &Registered) -> Vec<String> {
    let mut args: Vec<String> = command.full_name.split('|').map(str::to_owned).collect();
    let words: Vec<&str> = command
        .command
        .syntax
        .split(|c: char| !(c.is_ascii_uppercase() || c == '-'))
        .filter(|word| word.len() > 1)
        .collect();
    let least = command.command.arity.unsigned_abs() as usize;
    let most = if command.command.arity < 0 {
        least + 6
    } else {
        least
    };
    let len = rng.random_range(least..=most);
    while args.len() < len {
        args.push(match rng.random_range(0..10) {
            0..5 => {
                let prefix = [
                    "allowed", "allowed", "secret", "readable", "writable", "none",
                ];
                let name = match rng.random_ratio(2, 3) {
                    true => own_type(command),
                    false => MAKE.choose(rng).expect("some").0,
                };
                format!("{}:{name}", prefix.choose(rng).expect("some"))
            }
            5..7 if !words.is_empty() => words.choose(rng).expect("some").to_string(),
            7 => [
                "*", "-", "+", "$", ">", "0-0", "g", "f", "(1", "u8", "secret:*", "m",
            ]
            .choose(rng)
            .expect("some")
            .to_string(),
            _ => rng.random_range(0..4).to_string(),
        });
    }
    args
}

/// Sends many requests of one command; the replies that hold what may not be read.
fn leaks(conn: &mut Conn, rng: &mut StdRng, command: &Registered) -> Vec<String> {
    let mut requests = Vec::new();
    for n in 0..EACH {
        let words = |line: &str| vec![line.to_owned()];
        // Nothing blocks inside a transaction.
        if n % 2 == 0 || command.has(BLOCKING) {
            requests.extend([words("MULTI"), request(rng, command), words("EXEC")]);
        } else {
            requests.push(request(rng, command));
        }
    }
    let replies = conn.pipeline(&requests);
    conn.line("UNWATCH");
    let answered = requests.iter().zip(&replies);
    let leaking =
        answered.filter(|(_, reply)| !reply.is_error() && reply.to_string().contains(MARK));
    leaking
        .map(|(request, reply)| format!("{request:?}: {reply}"))
        .collect()
}

fn keyed_commands() -> impl Iterator<Item = &'static Registered> {
    table::all().iter().filter(|command| {
        let mut specs = command.command.keys.iter();
        specs.any(|spec| spec.access != Access::NotKey)
    })
}

/// A client that is a user of these rules.
fn user(server: &Server, rules: &str) -> Conn {
    let mut admin = server.connect();
    check(
        &mut admin,
        &format!("ACL SETUSER u reset on nopass {rules}"),
        "+OK",
    );
    let mut conn = Conn::open(server.addr());
    check(&mut conn, "AUTH u x", "+OK");
    conn
}

#[test]
fn nothing_is_touched_that_was_not_checked() {
    let server = Server::start(Options::new());
    let mut admin = server.connect();
    fill(&mut admin);
    let untouched = snapshot(&mut admin);
    let mut conn = user(&server, RULES);
    let mut rng = StdRng::seed_from_u64(1);
    for command in keyed_commands() {
        fill(&mut admin);
        let found = leaks(&mut conn, &mut rng, command);
        assert!(found.is_empty(), "{}", found.join("\n"));
        let after = snapshot(&mut admin);
        let differing = untouched
            .iter()
            .zip(&after)
            .find(|(before, after)| before != after);
        assert_eq!(differing, None, "{}", command.full_name);
    }
}

/// The same by who may: otherwise the test above would prove nothing.
#[test]
fn who_may_touches_it() {
    let server = Server::start(Options::new());
    let mut admin = server.connect();
    fill(&mut admin);
    let untouched = snapshot(&mut admin);
    let mut conn = user(&server, "allkeys allchannels +@all");
    let mut rng = StdRng::seed_from_u64(1);
    let (mut reading, mut writing) = (0, 0);
    for command in keyed_commands() {
        fill(&mut admin);
        reading += usize::from(!leaks(&mut conn, &mut rng, command).is_empty());
        writing += usize::from(snapshot(&mut admin) != untouched);
    }
    assert!(
        reading > 20 && writing > 40,
        "{reading} read it, {writing} changed it"
    );
}
