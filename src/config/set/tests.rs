//! Tests of CONFIG GET and CONFIG SET. The error texts were taken from redis-server 7.0.15.

use super::*;
use crate::config::options::rows;
use crate::config::{EvictionPolicy, LogLevel};

fn get(config: &Config, pattern: &str) -> Vec<(&'static str, String)> {
    let found = config.get_matching(&[pattern.as_bytes()]);
    let text = |value: Vec<u8>| String::from_utf8(value).expect("text");
    found
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect()
}

fn set(pairs: &[(&str, &str)]) -> Result<Config, String> {
    let bytes = pairs
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let bytes: Vec<(&[u8], &[u8])> = bytes.collect();
    Config::default()
        .with(&bytes)
        .map_err(|error| error.to_string())
}

#[track_caller]
fn refused(name: &str, value: &str, reason: &str) {
    let text = format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}");
    assert_eq!(set(&[(name, value)]).err(), Some(text));
}

#[test]
fn every_name_answers() {
    let config = Config::default();
    for row in rows() {
        for name in row.spec.redis.iter().chain([&row.name]) {
            let found = get(&config, name);
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!(found[0].0, *name);
        }
    }
    for constant in CONSTANTS {
        assert_eq!(
            get(&config, constant.redis),
            [(constant.redis, constant.value.to_owned())]
        );
    }
}

#[test]
fn values_look_as_in_redis() {
    let mut config = Config::default();
    config.memory.max_memory = 1 << 30;
    config.server.unix_socket_perm = 0o750;
    for (name, value) in [
        ("maxmemory", "1073741824"),
        ("maxmemory-policy", "noeviction"),
        ("maxmemory-clients", "25%"),
        ("protected-mode", "yes"),
        ("latency-tracking-info-percentiles", "50 99 99.9"),
        ("unixsocketperm", "750"),
        ("unixsocket", ""),
        ("loglevel", "notice"),
        ("logging.level", "info"),
        ("requirepass", ""),
        ("bind", "127.0.0.1"),
        ("save", ""),
        ("appendonly", "no"),
        ("list-max-ziplist-size", "-2"),
        (
            "client-output-buffer-limit",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
    ] {
        assert_eq!(get(&config, name), [(name, value.to_owned())]);
    }
}

#[test]
fn patterns_match_both_names_in_any_case_and_once() {
    let config = Config::default();
    let names: Vec<&str> = get(&config, "MAXMEM*")
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let expected = [
        "maxmemory",
        "maxmemory-policy",
        "maxmemory-samples",
        "maxmemory-clients",
    ];
    assert_eq!(names, expected);
    assert_eq!(get(&config, "memory.max_m*").len(), 1);
    assert!(get(&config, "nosuch").is_empty());
    let twice = config.get_matching(&[b"maxmemory", b"maxmemor?", b"nosuch"]);
    assert_eq!(twice.len(), 1);
    let all = get(&config, "*").len();
    let names = rows().map(|row| row.spec.redis.len() + 1).sum::<usize>() + CONSTANTS.len();
    assert_eq!(all, names);
}

#[test]
fn sets_by_either_name() {
    let config = set(&[
        ("MaxMemory", "100mb"),
        ("memory.eviction_policy", "allkeys-lru"),
    ])
    .unwrap();
    assert_eq!(config.memory.max_memory, 100 << 20);
    assert_eq!(config.memory.eviction_policy, EvictionPolicy::AllkeysLru);
    for (value, level) in [("debug", LogLevel::Trace), ("WARNING", LogLevel::Warn)] {
        assert_eq!(set(&[("loglevel", value)]).unwrap().logging.level, level);
    }
    assert_eq!(
        set(&[("logging.level", "debug")]).unwrap().logging.level,
        LogLevel::Debug
    );
    assert_eq!(set(&[("maxmemory", "")]).unwrap(), Config::default());
    assert!(
        set(&[("requirepass", "x")])
            .unwrap()
            .security
            .password
            .matches(b"x")
    );
    let binary = Config::default()
        .with(&[(b"requirepass", b"\xff\0")])
        .unwrap();
    assert_eq!(
        binary.get_matching(&[b"requirepass"]),
        [("requirepass", b"\xff\0".to_vec())]
    );
}

#[test]
fn classes_not_mentioned_stay() {
    let config = set(&[("client-output-buffer-limit", "normal 1mb 2mb 3 slave 0 0 0")]).unwrap();
    let expected = "normal 1048576 2097152 3 slave 0 0 0 pubsub 33554432 8388608 60";
    let found = get(&config, "client-output-buffer-limit");
    assert_eq!(found, [("client-output-buffer-limit", expected.to_owned())]);
}

#[test]
fn lists_are_as_strict_as_in_redis() {
    let percentiles = "latency-tracking-info-percentiles";
    let get_after = |name: &'static str, value: &str| {
        let config = set(&[(name, value)]).unwrap();
        get(&config, name).remove(0).1
    };
    assert_eq!(get_after(percentiles, "0.1 100.0"), "0.1 100");
    assert_eq!(get_after(percentiles, ""), "");
    assert_eq!(get_after("maxmemory-clients", "0%"), "0");
    let unchanged = Config::default();
    assert_eq!(set(&[("client-output-buffer-limit", "")]), Ok(unchanged));
    for value in ["50,99", "50  99", " 50", "50 ", "nan"] {
        refused(
            percentiles,
            value,
            &format!("Invalid {percentiles} parameters"),
        );
    }
    refused(
        "client-output-buffer-limit",
        "normal  1 2 3",
        "Wrong number of arguments in buffer limit configuration.",
    );
}

#[test]
fn constants_take_the_value_they_have() {
    assert_eq!(
        set(&[("save", ""), ("appendonly", "NO")]),
        Ok(Config::default())
    );
    refused("appendonly", "yes", "can't set immutable config");
    refused("save", "900 1", "can't set immutable config");
}

/// Option, value, and why it is refused.
const REFUSALS: &[(&str, &str, &str)] = &[
    ("maxmemory", "abc", "argument must be a memory value"),
    ("maxmemory", "-1", "argument must be a memory value"),
    ("databases", "3", "can't set immutable config"),
    (
        "timeout",
        "1.5",
        "argument couldn't be parsed into an integer",
    ),
    (
        "timeout",
        "-1",
        "argument must be between 0 and 2147483647 inclusive",
    ),
    (
        "maxclients",
        "0",
        "argument must be between 1 and 4294967295 inclusive",
    ),
    ("protected-mode", "1", "argument must be 'yes' or 'no'"),
    (
        "hash-max-ziplist-entries",
        "-1",
        "argument must be between 0 and 9223372036854775807 inclusive",
    ),
    (
        "list-max-listpack-size",
        "99999999999",
        "argument must be between -2147483648 and 2147483647 inclusive",
    ),
    (
        "proto-max-bulk-len",
        "1",
        "argument must be between 1048576 and 9223372036854775807 inclusive",
    ),
    (
        "slowlog-log-slower-than",
        "-2",
        "argument must be between -1 and 9223372036854775807 inclusive",
    ),
    (
        "active-expire-effort",
        "11",
        "argument must be between 1 and 10 inclusive",
    ),
    (
        "stream-node-max-bytes",
        "-1",
        "argument must be a memory value",
    ),
    (
        "maxmemory-clients",
        "101%",
        "percentage argument must be less or equal to 100",
    ),
    (
        "maxmemory-clients",
        "-1%",
        "argument must be a memory or percent value",
    ),
    (
        "tls-auth-clients",
        "foo",
        "argument(s) must be one of the following: no, yes, optional",
    ),
    (
        "maxmemory-policy",
        "foo",
        "argument(s) must be one of the following: volatile-lru, volatile-lfu, \
             volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, \
             allkeys-s3fifo, noeviction",
    ),
    (
        "client-output-buffer-limit",
        "foo 1 2 3",
        "Invalid client class specified in buffer limit configuration.",
    ),
    (
        "client-output-buffer-limit",
        "normal 1 2",
        "Wrong number of arguments in buffer limit configuration.",
    ),
    (
        "client-output-buffer-limit",
        "normal -1 2 3",
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
    ),
    (
        "latency-tracking-info-percentiles",
        "101",
        "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
    ),
    (
        "latency-tracking-info-percentiles",
        "abc",
        "Invalid latency-tracking-info-percentiles parameters",
    ),
];

#[test]
fn refusals_in_the_words_of_redis() {
    let unknown = "Unknown option or number of arguments for CONFIG SET - 'nosuch'";
    assert_eq!(
        set(&[("maxmemory", "1"), ("nosuch", "1")]),
        Err(unknown.into())
    );
    assert_eq!(
        set(&[("maxmemory", "x"), ("nosuch", "1")]),
        Err(unknown.into())
    );
    for (name, value, reason) in REFUSALS {
        refused(name, value, reason);
    }
}

#[test]
fn all_or_nothing_and_the_first_mistake_counts() {
    let failed = |name: &str, reason: &str| {
        let text = format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}");
        Err(text)
    };
    let twice = set(&[("maxmemory", "1"), ("MAXMEMORY", "2")]);
    assert_eq!(twice, failed("MAXMEMORY", "duplicate parameter"));
    let both_names = set(&[("maxmemory", "1"), ("memory.max_memory", "2")]);
    assert_eq!(
        both_names,
        failed("memory.max_memory", "duplicate parameter")
    );
    // Names are looked at before any value.
    let immutable = set(&[("maxmemory", "abc"), ("databases", "5")]);
    assert_eq!(immutable, failed("databases", "can't set immutable config"));
    let value = set(&[("maxmemory", "5mb"), ("maxclients", "abc")]);
    let reason = "argument couldn't be parsed into an integer";
    assert_eq!(value, failed("maxclients", reason));
}

#[test]
fn options_that_make_no_sense_together_are_refused() {
    let mut config = Config::default();
    config.security.tls_enabled = true;
    config.security.tls_cert_path = Some("cert".into());
    config.security.tls_key_path = Some("key".into());
    let error = config
        .with(&[(b"maxmemory", b"1"), (b"tls-auth-clients", b"yes")])
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("argument 'tls-auth-clients') - client certificates need"),
        "{text}"
    );
}

#[test]
fn changes_hide_secrets() {
    let config = set(&[("requirepass", "hunter2"), ("maxmemory", "5")]).unwrap();
    let changes = Config::default().changes(&config);
    let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "security.password: \"(none)\" is now \"(hidden)\"",
            "memory.max_memory: \"0\" is now \"5\"",
        ]
    );
    assert!(changes.iter().all(|change| change.live));
    assert!(!format!("{config:?}").contains("hunter2"));
}
