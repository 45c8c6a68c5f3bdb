//! Tests of CONFIG REWRITE.

use super::*;
use crate::config::{Overrides, Secret, load};

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

#[test]
fn comments_and_formatting_stay() {
    let text = "# mine\n\n[memory]  # here\n  max_memory   =  \"1gb\"  # keep\neviction_policy = 'allkeys-lru'\n\n# last\n";
    let config = config(|config| {
        config.memory.max_memory = 2 << 30;
        config.memory.eviction_policy = crate::config::EvictionPolicy::AllkeysLru;
    });
    assert_eq!(update(text, &config).unwrap(), text.replace("1gb", "2gb"));
}

#[test]
fn what_means_the_same_stays_as_it_is() {
    let total = crate::config::machine::memory_bytes().expect("the test runs on Linux");
    let text =
        "[memory]\nmax_memory = \"50%\"\n[limits]\nclient_output_buffer = \"normal 0 0 0\"\n";
    let config = config(|config| config.memory.max_memory = total / 2);
    assert_eq!(update(text, &config).unwrap(), text);
    assert_eq!(update("", &Config::default()).unwrap(), "");
}

#[test]
fn what_is_missing_is_added() {
    let config = config(|config| {
        config.server.batch_size = 7;
        config.memory.max_memory = 5;
    });
    let text = update("[server]\nport = 6379\n", &config).unwrap();
    assert_eq!(
        text,
        "[server]\nport = 6379\nbatch_size = 7\n\n[memory]\nmax_memory = 5\n"
    );
    let inline = update("memory = { lfu_decay_time = 1 }\n", &config).unwrap();
    let memory = &inline.parse::<DocumentMut>().unwrap()["memory"];
    assert_eq!(memory["max_memory"].as_integer(), Some(5));
    assert_eq!(memory["lfu_decay_time"].as_integer(), Some(1));
}

#[test]
fn what_went_back_to_its_default_is_written_too() {
    let text = update("[server]\nbatch_size = 7 # was\n", &Config::default()).unwrap();
    assert_eq!(text, "[server]\nbatch_size = 64 # was\n");
}

#[test]
fn secrets_from_outside_are_left_out() {
    let text = "[security]\npassword = \"old\"\n";
    let outside = config(|config| config.security.password = Secret::foreign("outside"));
    assert_eq!(update(text, &outside).unwrap(), text);
    assert_eq!(update("", &outside).unwrap(), "");
    let set = config(|config| config.security.password = Secret::new("new\n\"x\""));
    let written = update(text, &set).unwrap();
    assert_eq!(
        written.parse::<DocumentMut>().unwrap()["security"]["password"].as_str(),
        Some("new\n\"x\"")
    );
    let binary = config(|config| config.security.password = Secret::new(b"\xff"));
    assert!(matches!(
        update(text, &binary),
        Err(RewriteError::NotText("security.password"))
    ));
}

#[test]
fn every_option_survives_a_rewrite_of_the_full_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("redistill.toml");
    fs::write(&path, options::toml()).unwrap();
    rewrite(&path, &Config::default()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), options::toml());
    let changed = config(|config| {
        config.server.bind = vec!["::1".parse().unwrap(), "-10.0.0.1".parse().unwrap()];
        config.server.unix_socket = Some("/tmp/a b".into());
        config.server.unix_socket_perm = 0o700;
        config.memory.max_memory = u64::MAX;
        config.memory.max_client_memory = crate::config::ClientBudget::Bytes(1000);
        config.monitoring.latency_tracking_info_percentiles = vec![99.99];
        config.limits.client_output_buffer.pubsub.hard_bytes = 1025;
        config.performance.tcp_nodelay = false;
    });
    rewrite(&path, &changed).unwrap();
    let overrides = Overrides {
        config: Some(path),
        ..Overrides::default()
    };
    assert_eq!(
        load(&overrides, &Default::default()).unwrap().config,
        changed
    );
}

#[test]
fn the_file_is_replaced_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (
        directory.path().join("real.toml"),
        directory.path().join("link.toml"),
    );
    fs::write(&target, "[server]\nport = 1\n").unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    rewrite(&link, &config(|config| config.server.port = 2)).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "[server]\nport = 2\n");
    assert_eq!(
        fs::metadata(&target).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let names = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(names, 2, "the temporary file is gone");
    let new = directory.path().join("new.toml");
    rewrite(&new, &config(|config| config.server.port = 3)).unwrap();
    assert_eq!(
        fs::metadata(&new).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_broken_file_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("redistill.toml");
    fs::write(&path, "[server\n").unwrap();
    let error = rewrite(&path, &Config::default()).unwrap_err();
    assert!(
        error.to_string().starts_with("Rewriting config file: "),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "[server\n");
    assert!(matches!(
        update("server = 1\n", &config(|config| config.server.port = 1)),
        Err(RewriteError::Syntax(_))
    ));
}
