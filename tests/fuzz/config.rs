//! The configuration: the file, values given by name, `CONFIG SET` and `CONFIG REWRITE`.

use crate::driver::{Target, fuzz, words};
use redistill::config::{self, Config, Loaded, Overrides};
use std::collections::BTreeMap;
use std::path::Path;

fn load(file: &Path, options: &[(&str, &str)]) -> Result<Loaded, config::LoadError> {
    let pair = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    let overrides = Overrides {
        config: Some(file.to_owned()),
        options: options.iter().map(pair).collect(),
        search: Vec::new(),
    };
    config::load(&overrides, &BTreeMap::new())
}

/// The names of all options, Redis's and ours.
fn names() -> Vec<Vec<u8>> {
    let all = Config::default().get_matching(&[b"*"]);
    all.iter()
        .map(|(name, _)| name.as_bytes().to_vec())
        .collect()
}

#[test]
fn files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("redistill.toml");
    let mut seeds = words(&[
        "[server]\nport = 7000\nbind = ['127.0.0.1', '-::1']\n[memory]\nmax_memory = '75%'\n",
        "memory = { max_memory = \"2gb\", eviction_policy = 'allkeys-lru' }\n",
        "[security]\npassword = \"\"\"s\n\"\"\"\n[logging]\nlevel = 'debug' # comment\n",
        "[limits]\nclient_output_buffer = 'normal 1mb 2mb 3'\nmax_arguments = 1_000\n",
    ]);
    // The sample file, section by section: whole, it would be cut.
    let sample = include_str!("../../redistill.toml");
    seeds.extend(
        sample
            .split("\n[")
            .map(|part| format!("[{part}").into_bytes()),
    );
    let mut known = names();
    known.extend(words(&[
        "[server]",
        "[memory]",
        "[limits]",
        "=",
        "\n",
        "'",
        "\"",
        "[",
        "]",
        "{",
        "}",
        "#",
        "true",
        "\"75%\"",
        "'1gb'",
        "0x10",
        "1e3",
        "inf",
        "-1",
        "1979-05-27",
        "\\u0000",
        ",",
        ".",
    ]));
    let target = Target {
        name: "files",
        inputs: 1_500,
        seeds,
        words: known,
    };
    fuzz(&target, |text, outcome| {
        std::fs::write(&path, text).expect("write the file");
        match load(&path, &[]) {
            Err(error) => {
                let message = error.to_string();
                assert!(
                    message.contains("redistill.toml"),
                    "names the file: {message}"
                );
                let kind: String = message.chars().filter(|c| c.is_ascii_lowercase()).collect();
                outcome.note(kind);
            }
            Ok(loaded) => {
                let changes = Config::default().changes(&loaded.config);
                outcome.note(changes.iter().map(|change| change.name).collect::<Vec<_>>());
                rewritten_says_the_same(&path, &loaded.config);
            }
        }
    });
}

/// A file brought up to date loads, and says what it said; also when it is written from nothing.
fn rewritten_says_the_same(path: &Path, config: &Config) {
    for fresh in [false, true] {
        if fresh {
            std::fs::remove_file(path).expect("remove the file");
            std::fs::write(path, "").expect("write the file");
        }
        config::rewrite(path, config).expect("a valid configuration can be written");
        let again = load(path, &[]).expect("what was written is valid");
        let changes = config.changes(&again.config);
        let names: Vec<_> = changes.iter().map(|change| change.name).collect();
        assert!(names.is_empty(), "written anew: {fresh}; differ: {names:?}");
    }
}

/// The input is a name and a value with a line break between them.
#[test]
fn values() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("redistill.toml");
    std::fs::write(&path, "").expect("write the file");
    let all = Config::default().get_matching(&[b"*"]);
    let seeds = all
        .iter()
        .map(|(name, value)| [name.as_bytes(), b"\n", value].concat());
    let mut known = names();
    known.extend(words(&[
        "yes",
        "no",
        "75%",
        "1gb",
        "-1",
        "0",
        "*",
        "::1",
        "-::*",
        "[::1]",
        "allkeys-lru",
        "debug",
        "normal 1 2 3",
        "0 50 99.9",
        "\n",
        " ",
        "\0",
        "777",
        "TLSv1.3",
    ]));
    let target = Target {
        name: "values",
        inputs: 4_000,
        seeds: seeds.collect(),
        words: known,
    };
    let default = Config::default();
    fuzz(&target, |input, outcome| {
        let at = input.iter().position(|&byte| byte == b'\n');
        let (name, value) = input.split_at(at.unwrap_or(input.len()));
        let value = value.strip_prefix(b"\n").unwrap_or(value);
        // By CONFIG SET: what it takes, CONFIG GET shows in a form that means the same.
        let set = default.with(&[(name, value)]);
        outcome.note((set.is_ok(), value.len().min(6)));
        if let Ok(config) = set {
            outcome.note(default.changes(&config).first().map(|change| change.name));
            let lower = name.to_ascii_lowercase();
            for (shown, text) in config.get_matching(&[&lower]) {
                if shown.as_bytes() == lower {
                    let again = default
                        .with(&[(name, &text)])
                        .expect("what is shown is taken");
                    assert!(again == config, "{} as shown", shown);
                }
            }
        }
        // On the command line and in the environment: refused with the name, or taken.
        if let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) {
            match load(&path, &[(name, value)]) {
                Err(error) => assert!(!error.to_string().is_empty()),
                Ok(loaded) => outcome.note(loaded.config == default),
            }
        }
    });
}
