//! Tests of the table itself.

use std::collections::BTreeSet;

use super::*;
use crate::config::Secret;

/// Texts to set an option to: both ends of its range, or every choice.
fn samples(row: &Row) -> Vec<String> {
    let fixed: &[&str] = match row.spec.kind {
        Kind::Int { min, max } => return vec![min.to_string(), max.to_string()],
        Kind::Size { min, max } => return vec![min.to_string(), max.to_string()],
        Kind::Choice { names, .. } => names,
        Kind::Bool => &["yes", "no"],
        Kind::PowerOfTwo { .. } => &["0", "1", "65536"],
        Kind::Mode => &["0", "777"],
        Kind::MachineSize => &["0", "18446744073709551615"],
        Kind::Budget => &["0", "1048576", "100%"],
        Kind::Path => &["", "/tmp/a b"],
        Kind::Secret => &["", "pass word"],
        Kind::Addresses => &["", "127.0.0.1", "* -::* localhost"],
        Kind::Percentiles => &["", "0 50 99.99 100"],
        Kind::Users => &["", "a on ~x +get\nb off"],
        Kind::OutputLimits => &["normal 1kb 2mb 3 replica 4gb 5 6 pubsub 0 0 0"],
        Kind::EventClasses => &["AnoKE"],
    };
    fixed.iter().map(ToString::to_string).collect()
}

#[test]
fn names_are_unique() {
    let mut seen = BTreeSet::new();
    let names = rows().flat_map(|row| row.spec.redis.iter().chain([&row.name]));
    for name in names.chain(CONSTANTS.iter().map(|constant| &constant.redis)) {
        assert!(seen.insert(*name), "{name} is there twice");
    }
    let mut variables = BTreeSet::new();
    let env_names = rows().flat_map(|row| {
        row.spec
            .env
            .map(str::to_owned)
            .into_iter()
            .chain([row.env_name()])
    });
    for name in env_names {
        assert!(variables.insert(name.clone()), "{name} is there twice");
    }
}

#[test]
fn every_row_round_trips_through_its_field() {
    for row in rows() {
        for sample in samples(row) {
            let mut config = Config::default();
            let value = row.spec.kind.parse(&sample, Dialect::Ours);
            let value = value.unwrap_or_else(|error| panic!("{} = {sample}: {error:?}", row.name));
            (row.write)(&mut config, value.clone());
            assert_eq!((row.read)(&config), value, "{} = {sample}", row.name);
            for dialect in [Dialect::Ours, Dialect::Redis] {
                let text = row.text(&config, dialect);
                let back = row.spec.kind.parse_bytes(&text, dialect);
                assert_eq!(back, Ok(value.clone()), "{} = {sample}", row.name);
            }
            let toml = row.spec.kind.toml(&value);
            assert_eq!(
                row.spec.kind.parse_toml(&toml),
                Ok(value),
                "{} = {toml}",
                row.name
            );
        }
    }
}

#[test]
fn every_row_changes_its_own_field_only() {
    for row in rows() {
        let default = Config::default();
        let other = samples(row)
            .iter()
            .map(|sample| row.spec.kind.parse(sample, Dialect::Ours).unwrap())
            .find(|value| *value != row.default_value())
            .expect("some value is not the default");
        let mut config = default.clone();
        (row.write)(&mut config, other);
        let names: Vec<&str> = default
            .changes(&config)
            .iter()
            .map(|change| change.name)
            .collect();
        assert_eq!(names, [row.name]);
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for row in rows() {
        let bad: Vec<String> = match row.spec.kind {
            Kind::Int { min, max } => [min.checked_sub(1), max.checked_add(1)]
                .into_iter()
                .flatten()
                .map(|number| number.to_string())
                .chain([
                    "".into(),
                    "1.5".into(),
                    "+1".into(),
                    "01".into(),
                    "-0".into(),
                ])
                .collect(),
            Kind::Size { min, max } => [min.checked_sub(1), max.checked_add(1)]
                .into_iter()
                .flatten()
                .map(|number| number.to_string())
                .chain([
                    "-1".into(),
                    "1tb".into(),
                    "1 kb".into(),
                    "99999999999gb".into(),
                ])
                .collect(),
            Kind::PowerOfTwo { .. } => vec!["3".into(), "-1".into(), "131072".into()],
            Kind::Mode => vec!["8".into(), "1000".into()],
            Kind::MachineSize | Kind::Budget => ["101%", "-1%", "%", "5.5%", "+5%", "05%"]
                .map(str::to_owned)
                .to_vec(),
            _ => continue,
        };
        for text in bad {
            let value = row.spec.kind.parse(&text, Dialect::Ours);
            assert!(value.is_err(), "{} = {text} became {value:?}", row.name);
        }
    }
}

#[test]
fn sizes_have_redis_units() {
    let size = |text| Kind::MachineSize.parse(text, Dialect::Ours);
    for (text, bytes) in [
        ("0", 0),
        ("17b", 17),
        ("2k", 2000),
        ("2KB", 2048),
        ("3m", 3_000_000),
        ("3Mb", 3 << 20),
        ("4G", 4_000_000_000),
        ("4gb", 4 << 30),
    ] {
        assert_eq!(size(text), Ok(Value::Number(bytes)), "{text}");
    }
    for text in ["", "gb", "1.5gb", "-1", " 1", "1kib", "20000000000gb"] {
        assert!(size(text).is_err(), "{text}");
    }
    // Redis takes an empty text for 0.
    assert_eq!(
        Kind::MachineSize.parse("", Dialect::Redis),
        Ok(Value::Number(0))
    );
}

#[test]
fn a_percentage_is_of_the_machine() {
    let total = crate::config::machine::memory_bytes().expect("the test runs on Linux");
    let value = Kind::MachineSize.parse("75%", Dialect::Ours);
    assert_eq!(value, Ok(Value::Number(i128::from(total) * 3 / 4)));
}

#[test]
fn defaults_are_those_of_the_rows() {
    let config = Config::default();
    for row in rows() {
        assert_eq!((row.read)(&config), row.default_value(), "{}", row.name);
    }
    assert_eq!(config.server.port, 6379);
    assert_eq!(config.memory.max_memory, 0);
    assert_eq!(config.limits.max_bulk_bytes, 512 << 20);
    assert_eq!(config.limits.client_output_buffer.pubsub.soft_seconds, 60);
    assert_eq!(config.security.password, Secret::default());
    assert!(config.security.protected_mode);
    assert!(crate::config::validate::validate(&config).is_ok());
}

#[test]
fn stripes_suit_workers_and_memory() {
    let mut server = Config::default().server;
    server.workers = 2;
    let at = |server: &Server, megabytes: u64| server.shard_count(megabytes << 20);
    assert_eq!(
        [0, 1, 1024, 1028].map(|it| at(&server, it)),
        [256, 256, 256, 512]
    );
    assert_eq!([8 << 10, 1 << 30].map(|it| at(&server, it)), [2048, 4096]);
    server.workers = 8;
    assert_eq!([0, 8 << 10].map(|it| at(&server, it)), [1024, 2048]);
    server.num_shards = 64;
    assert_eq!(at(&server, 8 << 10), 64);
}

#[test]
fn documents_mention_every_option() {
    let (toml, markdown) = (toml(), markdown());
    for row in rows() {
        assert!(toml.contains(&format!("\n{} = ", row.key)), "{}", row.name);
        assert!(
            markdown.contains(&format!("\n| `{}` | ", row.key)),
            "{}",
            row.name
        );
        let sentence = row.help.concat();
        assert!(sentence.ends_with('.'), "{}: {sentence}", row.name);
        for line in row.help {
            assert!(!line.contains('|'), "{} breaks the table", row.name);
        }
    }
}

#[test]
fn health_is_asked_where_the_server_listens() {
    let url = |bind: &str, health: &str, port: u16| {
        let list = |text: &str| {
            text.split_whitespace()
                .map(|a| a.parse().unwrap())
                .collect()
        };
        let server = Server {
            bind: list(bind),
            health_check_bind: list(health),
            health_check_port: port,
            ..Server::default()
        };
        server.health_url()
    };
    for (bind, health, expected) in [
        ("127.0.0.1", "", "http://127.0.0.1:81/health"),
        ("10.0.0.1", "", "http://10.0.0.1:81/health"),
        ("10.0.0.1", "*", "http://127.0.0.1:81/health"),
        ("*", "::*", "http://[::1]:81/health"),
        ("-::* 0.0.0.0", "", "http://127.0.0.1:81/health"),
        ("-::1", "", "http://[::1]:81/health"),
        ("*", "localhost", "http://localhost:81/health"),
    ] {
        assert_eq!(url(bind, health, 81).as_deref(), Some(expected));
    }
    assert_eq!(url("*", "", 0), None);
    let default = Server::default().health_url();
    assert_eq!(default.as_deref(), Some("http://127.0.0.1:8080/health"));
}
