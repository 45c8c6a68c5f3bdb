//! `redistill.toml` and `docs/config.md` are what the option rows make of them.
//! `BLESS=1 cargo test --test config_docs` writes them anew.

use std::fs;
use std::path::Path;

use redistill::config::{Config, Overrides, load, options};

fn current(path: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, generated).expect("the repository can be written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == generated,
        "{} is out of date: BLESS=1 cargo test --test config_docs",
        path.display()
    );
}

#[test]
fn the_sample_file_is_current() {
    current("redistill.toml", &options::toml());
}

#[test]
fn the_reference_is_current() {
    current("docs/config.md", &options::markdown());
}

#[test]
fn the_sample_file_equals_the_defaults_and_has_every_key() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("redistill.toml");
    fs::write(&path, options::toml()).expect("the directory can be written");
    let overrides = Overrides {
        config: Some(path),
        ..Overrides::default()
    };
    let loaded = load(&overrides, &Default::default()).expect("the sample file is valid");
    assert_eq!(loaded.config, Config::default());
    for row in options::rows() {
        assert!(loaded.origin(row.name).is_some(), "{} is missing", row.name);
    }
}
