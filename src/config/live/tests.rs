//! Tests of the configuration in force.

use std::fs;

use super::*;

struct Site {
    directory: tempfile::TempDir,
    live: Live,
}

impl Site {
    fn with(toml: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("redistill.toml");
        fs::write(&path, toml).unwrap();
        let overrides = Overrides {
            search: vec![path],
            ..Overrides::default()
        };
        let env = BTreeMap::from([("REDIS_PORT".to_owned(), "7001".to_owned())]);
        let loaded = load(&overrides, &env).unwrap();
        let live = Live::new(loaded, overrides, env);
        Self { directory, live }
    }

    fn write(&self, toml: &str) {
        fs::write(self.directory.path().join("redistill.toml"), toml).unwrap();
    }

    fn reload(&self) -> Result<Reload, LoadError> {
        self.live.reload(|_, _| Ok(()))
    }
}

fn names(changes: &[Change]) -> Vec<&'static str> {
    changes.iter().map(|change| change.name).collect()
}

#[test]
fn views_notice_changes() {
    let live = Live::fixed(Config::default());
    let mut view = live.view();
    assert!(!view.refresh(&live));
    assert_eq!(view.get(&live).memory.max_memory, 0);
    let changes = live.set(&[(b"maxmemory", b"5")], |_, _, _| Ok(())).unwrap();
    assert_eq!(names(&changes), ["memory.max_memory"]);
    assert_eq!(view.config().memory.max_memory, 0);
    assert_eq!(view.get(&live).memory.max_memory, 5);
    assert!(!view.refresh(&live));
}

#[test]
fn a_refused_change_changes_nothing() {
    let live = Live::fixed(Config::default());
    let generation = live.generation();
    let refused = live.set(&[(b"maxclients", b"5")], |old, new, changes| {
        assert_eq!(
            (old.server.max_connections, new.server.max_connections),
            (10_000, 5)
        );
        assert_eq!(changes.len(), 1);
        Err(SetError::failed("maxclients", "no"))
    });
    assert_eq!(refused.unwrap_err(), SetError::failed("maxclients", "no"));
    assert_eq!(live.generation(), generation);
    assert_eq!(*live.load(), Config::default());
}

#[test]
fn a_reload_reads_the_same_sources() {
    let site = Site::with("[server]\nport = 1\nbatch_size = 1\n");
    assert_eq!(site.live.load().server.port, 7001);
    site.live
        .set(&[(b"maxmemory", b"5")], |_, _, _| Ok(()))
        .unwrap();
    site.write("[server]\nport = 2\nbatch_size = 2\nworkers = 3\n[security]\npassword = \"x\"\n");
    let reload = site.reload().unwrap();
    let changed = [
        "server.batch_size",
        "security.password",
        "memory.max_memory",
    ];
    assert_eq!(names(&reload.changed), changed);
    assert_eq!(names(&reload.ignored), ["server.workers"]);
    let config = site.live.load();
    assert_eq!(
        (
            config.server.port,
            config.server.batch_size,
            config.server.workers
        ),
        (7001, 2, 0)
    );
    assert!(config.security.password.matches(b"x"));
}

#[test]
fn a_bad_file_leaves_the_old_settings_in_force() {
    let site = Site::with("[server]\nbatch_size = 1\n");
    let generation = site.live.generation();
    site.write("[server]\nbatch_size = 0\n");
    let error = site.reload().unwrap_err().to_string();
    assert!(
        error.contains("redistill.toml:2: server.batch_size: expected an integer"),
        "{error}"
    );
    site.write("[server]\nbatch_size = 3\n");
    let refused = site.live.reload(|loaded, changes| {
        assert_eq!(names(changes), ["server.batch_size"]);
        Err(loaded.complain("server.batch_size", "no"))
    });
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .ends_with("redistill.toml:2: server.batch_size: no")
    );
    assert_eq!(
        (site.live.load().server.batch_size, site.live.generation()),
        (1, generation)
    );
    assert!(site.reload().is_ok());
    assert_eq!(site.live.load().server.batch_size, 3);
}

#[test]
fn a_reload_cannot_enable_tls_half() {
    // tls_enabled waits for a restart; the rest of the file is valid with it and without.
    let site = Site::with("");
    site.write(
        "[security]\ntls_enabled = true\ntls_cert_path = \"c\"\ntls_key_path = \"k\"\ntls_ca_path = \"a\"\n",
    );
    let reload = site.reload().unwrap();
    assert_eq!(names(&reload.ignored), ["security.tls_enabled"]);
    assert!(!site.live.load().security.tls_enabled);
}

#[test]
fn a_rewrite_needs_a_file() {
    let error = Live::fixed(Config::default()).rewrite().unwrap_err();
    assert_eq!(
        error.to_string(),
        "The server is running without a config file"
    );
    let site = Site::with("# mine\n");
    site.live
        .set(&[(b"maxmemory", b"5")], |_, _, _| Ok(()))
        .unwrap();
    let path = site.live.rewrite().unwrap();
    assert_eq!(Some(&path), site.live.file().as_ref());
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text.starts_with("# mine\n") || text.ends_with("# mine\n"),
        "{text}"
    );
    assert!(text.contains("[memory]\nmax_memory = 5\n"), "{text}");
    assert_eq!(site.reload().unwrap().changed, []);
}
