//! Tests of loading: precedence, and what is said about mistakes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::BindAddress;

/// A directory with a `redistill.toml`, which the search finds.
struct Site {
    directory: tempfile::TempDir,
}

impl Site {
    fn with(toml: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("redistill.toml"), toml).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn load(&self, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, String> {
        self.load_named(None, env, flags)
    }

    fn load_named(
        &self,
        config: Option<&str>,
        env: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<Loaded, String> {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let overrides = Overrides {
            config: config.map(Into::into),
            options: flags.iter().map(owned).collect(),
            search: vec![
                self.path("missing.toml").into(),
                self.path("redistill.toml").into(),
            ],
        };
        load(&overrides, &env.iter().map(owned).collect()).map_err(|error| error.to_string())
    }

    /// The message about a mistake, with the directory left out.
    fn error(&self, env: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
        let message = self.load(env, flags).expect_err("a mistake is an error");
        message.replace(&self.path(""), "")
    }
}

/// The message about a mistake in a file.
fn file_error(toml: &str) -> String {
    Site::with(toml).error(&[], &[])
}

#[test]
fn later_sources_override_earlier_ones() {
    let site = Site::with("[server]\nport = 1001\nworkers = 2\n[memory]\nmax_memory = \"1mb\"\n");
    let loaded = site.load(&[], &[]).unwrap();
    assert_eq!(loaded.config.server.port, 1001);
    assert_eq!(loaded.config.server.workers, 2);
    assert_eq!(loaded.config.memory.max_memory, 1 << 20);
    assert_eq!(loaded.config.server.batch_size, 64);
    let short = [("REDIS_PORT", "1002"), ("REDIS_MAX_MEMORY", "2mb")];
    let config = site.load(&short, &[]).unwrap().config;
    assert_eq!(
        (config.server.port, config.memory.max_memory),
        (1002, 2 << 20)
    );
    let long = [("REDIS_PORT", "1002"), ("REDISTILL_SERVER_PORT", "1003")];
    assert_eq!(site.load(&long, &[]).unwrap().config.server.port, 1003);
    let loaded = site
        .load(&long, &[("port", "1004"), ("server.port", "1005")])
        .unwrap();
    assert_eq!(loaded.config.server.port, 1005);
    assert_eq!(loaded.config.server.workers, 2);
}

#[test]
fn values_know_their_origin() {
    let site = Site::with("\n[server]\n\nport = 1001\nworkers = 1 # one\n");
    let loaded = site
        .load(&[("REDIS_BIND", "::1")], &[("workers", "3")])
        .unwrap();
    let origin = |name| {
        loaded
            .origin(name)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    assert_eq!(
        origin("server.port"),
        format!("{}:4", site.path("redistill.toml"))
    );
    assert_eq!(origin("server.bind"), "environment variable REDIS_BIND");
    assert_eq!(origin("server.workers"), "--workers");
    assert_eq!(origin("server.databases"), "");
    let complaint = loaded.complain("server.port", "is taken").to_string();
    assert!(
        complaint.ends_with("redistill.toml:4: server.port: is taken"),
        "{complaint}"
    );
}

#[test]
fn the_file_as_shipped_chooses_nothing() {
    let sample = include_str!("../../../redistill.toml");
    let loaded = Site::with(sample).load(&[], &[]).unwrap();
    assert!(loaded.file.is_some());
    assert_eq!(loaded.config, Config::default());
    assert!(!loaded.is_chosen("server.health_check_port"));
    let loaded = Site::with(sample).load(&[("REDISTILL_SERVER_HEALTH_CHECK_PORT", "8080")], &[]);
    assert!(loaded.unwrap().is_chosen("server.health_check_port"));
    // Any change makes it somebody's.
    let edited = sample.replace("databases = 16", "databases = 17");
    let loaded = Site::with(&edited).load(&[], &[]).unwrap();
    assert!(loaded.is_chosen("server.health_check_port"));
}

#[test]
fn the_file_is_looked_up_in_order() {
    let site = Site::with("[server]\nport = 1\n");
    let other = site.write("other.toml", "[server]\nport = 2\n");
    let third = site.write("third.toml", "[server]\nport = 3\n");
    let port = |config: Option<&str>, env: &[(&str, &str)]| {
        let loaded = site.load_named(config, env, &[]).unwrap();
        (loaded.config.server.port, loaded.file.unwrap())
    };
    let env = [("REDISTILL_CONFIG", other.as_str())];
    assert_eq!(port(None, &[]), (1, site.path("redistill.toml").into()));
    assert_eq!(port(None, &[("REDISTILL_CONFIG", "")]).0, 1);
    assert_eq!(port(None, &env), (2, other.clone().into()));
    assert_eq!(port(Some(&third), &env), (3, third.clone().into()));
    let missing = site.path("gone.toml");
    let error = site.load_named(Some(&missing), &[], &[]).unwrap_err();
    assert_eq!(
        error,
        format!("{missing}: there is no such configuration file")
    );
    let error = site
        .load(&[("REDISTILL_CONFIG", &missing)], &[])
        .unwrap_err();
    assert_eq!(
        error,
        format!("{missing}: there is no such configuration file")
    );
    fs::remove_file(site.path("redistill.toml")).unwrap();
    let loaded = site.load(&[], &[]).unwrap();
    assert_eq!((loaded.config, loaded.file), (Config::default(), None));
    let error = site.load_named(Some(&site.path("")), &[], &[]).unwrap_err();
    assert!(error.contains("cannot be read"), "{error}");
}

/// A file, and the message about the mistake in it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "[server]\nport = 1\nprot = 2\n",
        "redistill.toml:3: server.prot: unknown key; did you mean 'port'?",
    ),
    (
        "[memory]\nmaxmemory = 1\n",
        "redistill.toml:2: memory.maxmemory: unknown key; did you mean 'max_memory' in [memory]?",
    ),
    (
        "\n[sever]\nport = 1\n",
        "redistill.toml:2: sever: unknown section; did you mean [server]?",
    ),
    (
        "port = 1\n",
        "redistill.toml:1: port: unknown key outside a section; did you mean 'port' in [server]?",
    ),
    (
        "server = 1\n",
        "redistill.toml:1: server: expected a table [server], found a value of type integer",
    ),
    (
        "[server]\nport = \"6379\"\n",
        "redistill.toml:2: server.port: expected an integer from 0 to 65535, found \"6379\"",
    ),
    (
        "[server]\n\nport = 65536\n",
        "redistill.toml:3: server.port: expected an integer from 0 to 65535, found 65536",
    ),
    (
        "[server]\nport = 1.5\n",
        "redistill.toml:2: server.port: expected an integer from 0 to 65535, found 1.5",
    ),
    (
        "[security]\ntls_enabled = \"yes\"\n",
        "redistill.toml:2: security.tls_enabled: expected true or false, found \"yes\"",
    ),
    (
        "[security.password]\na = 1\n",
        "redistill.toml:1: security.password: expected a string, or \"\" for none, found a table",
    ),
    (
        "[server]\nnum_shards = 1000\n",
        "redistill.toml:2: server.num_shards: expected 0 or a power of two up to 65536, found 1000",
    ),
    (
        "[server]\nunix_socket_perm = 770\n",
        "redistill.toml:2: server.unix_socket_perm: expected permission bits in octal digits, \
             such as \"770\", found 770",
    ),
    (
        "[server]\nbind = [\"::1\", 5]\n",
        "redistill.toml:2: server.bind: expected an address or a list of up to 16 addresses, \
             found [\"::1\", 5]",
    ),
];

#[test]
fn mistakes_in_the_file_name_line_key_and_what_is_near() {
    for (toml, message) in MISTAKES {
        assert_eq!(file_error(toml), *message, "{toml}");
    }
}

#[test]
fn the_message_never_holds_the_password() {
    let message = file_error("[security]\npassword = 123456\n");
    assert!(
        message.ends_with("found a value of type integer"),
        "{message}"
    );
}

#[test]
fn syntax_errors_have_a_line() {
    let message = file_error("[server]\nport = = 1\n");
    assert!(message.starts_with("redistill.toml:2: "), "{message}");
    assert!(!message.contains('\n'), "{message}");
    let message = file_error("[server]\nport = 1\nport = 2\n");
    assert!(message.starts_with("redistill.toml:3: "), "{message}");
}

#[test]
fn strange_files_are_refused() {
    let site = Site::with("");
    fs::write(site.path("redistill.toml"), b"\xff\xfe").unwrap();
    assert_eq!(site.error(&[], &[]), "redistill.toml: is not UTF-8 text");
    site.write("redistill.toml", &"#".repeat((1 << 20) + 1));
    assert_eq!(
        site.error(&[], &[]),
        "redistill.toml: is too large for a configuration file"
    );
}

#[test]
fn toml_values_of_every_shape() {
    let site = Site::with(
        "server.bind = [\"::1\", \"-10.0.0.1\"]\n\
         server.unix_socket_perm = 0o770\n\
         memory = { max_memory = 1024, max_client_memory = \"5%\" }\n\
         [monitoring]\n\
         latency_tracking_info_percentiles = [50, 99.5]\n\
         [limits]\n\
         client_output_buffer = \"pubsub 1mb 2mb 3\"\n",
    );
    let config = site.load(&[], &[]).unwrap().config;
    let address = |text: &str| text.parse::<BindAddress>().unwrap();
    assert_eq!(config.server.bind, [address("::1"), address("-10.0.0.1")]);
    assert_eq!(config.server.unix_socket_perm, 0o770);
    assert_eq!(config.memory.max_memory, 1024);
    assert_eq!(
        config.monitoring.latency_tracking_info_percentiles,
        [50.0, 99.5]
    );
    assert_eq!(
        config.limits.client_output_buffer.pubsub.hard_bytes,
        1 << 20
    );
    assert_eq!(
        config.limits.client_output_buffer.replica.hard_bytes,
        256 << 20
    );
}

#[test]
fn every_option_has_a_variable() {
    let site = Site::with("");
    for row in options::rows() {
        let text = row.spec.kind.show(&row.default_value());
        if text.is_empty() || text == "(none)" {
            continue;
        }
        let env_name = row.env_name();
        let loaded = site.load(&[(&env_name, &text)], &[]).unwrap();
        assert_eq!(loaded.config, Config::default(), "{env_name}={text}");
        let place = Place::Environment(env_name);
        assert_eq!(loaded.origin(row.name), Some(&place));
    }
}

#[test]
fn variables_speak_plainly() {
    let site = Site::with("[performance]\ntcp_nodelay = true\n");
    for text in ["false", "no", "off", "0", "NO"] {
        let env = [("REDISTILL_PERFORMANCE_TCP_NODELAY", text)];
        assert!(
            !site.load(&env, &[]).unwrap().config.performance.tcp_nodelay,
            "{text}"
        );
    }
    let env = [("REDIS_BIND", "127.0.0.1, ::1")];
    assert_eq!(site.load(&env, &[]).unwrap().config.server.bind.len(), 2);
    assert_eq!(
        site.error(&[("REDISTILL_SERVER_PROT", "1")], &[]),
        "environment variable REDISTILL_SERVER_PROT: unknown option; did you mean \
         REDISTILL_SERVER_PORT?"
    );
    assert_eq!(
        site.error(&[("REDIS_PORT", "x\ny")], &[]),
        "environment variable REDIS_PORT: server.port: expected an integer from 0 to 65535, \
         found \"x\\ny\""
    );
    // Compose files set what was left out to nothing; others have variables of their own.
    let env = [
        ("REDIS_PORT", ""),
        ("REDISTILL_NOSUCH", ""),
        ("REDIS_URL", "redis://h"),
    ];
    assert_eq!(site.load(&env, &[]).unwrap().config, Config::default());
}

#[test]
fn what_kubernetes_sets_for_services_is_no_mistake() {
    let site = Site::with("");
    let env = [
        ("REDIS_PORT", "tcp://10.0.0.1:6379"),
        ("REDISTILL_SERVER_PORT", "tcp://10.0.0.1:6379"),
        ("REDISTILL_PORT", "tcp://10.0.0.1:6379"),
        ("REDISTILL_SERVICE_HOST", "10.0.0.1"),
        ("REDISTILL_SERVICE_PORT", "6379"),
        ("REDISTILL_SERVICE_PORT_HEALTH", "8080"),
        ("REDISTILL_PORT_6379_TCP", "tcp://10.0.0.1:6379"),
        ("REDISTILL_PORT_6379_TCP_PROTO", "tcp"),
        ("REDISTILL_PORT_6379_TCP_PORT", "6379"),
        ("REDISTILL_PORT_6379_TCP_ADDR", "10.0.0.1"),
    ];
    let loaded = site.load(&env, &[]).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    assert!(site.load(&[("REDISTILL_SEVER_PORT", "1")], &[]).is_err());
}

#[test]
fn passwords_can_be_mounted() {
    let site = Site::with("");
    for text in ["hunter2", "hunter2\n", "hunter2\r\n"] {
        let file = site.write("secret", text);
        for name in ["REDIS_PASSWORD_FILE", "REDISTILL_SECURITY_PASSWORD_FILE"] {
            let config = site.load(&[(name, &file)], &[]).unwrap().config;
            assert!(
                config.security.password.matches(b"hunter2"),
                "{name} {text:?}"
            );
            assert!(!config.security.password.storable());
        }
    }
    let file = site.path("secret");
    let both = [
        ("REDIS_PASSWORD", "a"),
        ("REDIS_PASSWORD_FILE", file.as_str()),
    ];
    assert!(
        site.error(&both, &[])
            .contains("REDIS_PASSWORD is set as well")
    );
    let empty = site.write("empty", "\n");
    assert!(
        site.error(&[("REDIS_PASSWORD_FILE", &empty)], &[])
            .ends_with("empty is empty")
    );
    let gone = site.path("gone");
    assert!(
        site.error(&[("REDIS_PASSWORD_FILE", &gone)], &[])
            .contains("gone cannot be read")
    );
}

#[test]
fn only_passwords_of_the_file_may_be_stored() {
    let site = Site::with("[security]\npassword = \"x\"\n");
    let storable = |env: &[(&str, &str)], flags: &[(&str, &str)]| {
        let config = site.load(env, flags).unwrap().config;
        config.security.password.storable()
    };
    assert!(storable(&[], &[]));
    assert!(!storable(&[("REDIS_PASSWORD", "y")], &[]));
    assert!(!storable(&[], &[("requirepass", "y")]));
}

#[test]
fn a_readable_password_is_worth_a_warning() {
    let site = Site::with("[security]\npassword = \"x\"\n");
    let warnings = |mode| {
        let path = site.path("redistill.toml");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        site.load(&[], &[]).unwrap().warnings
    };
    assert_eq!(warnings(0o600), [""; 0]);
    assert!(warnings(0o644)[0].contains("every user can read it"));
}

#[test]
fn flags_take_every_name() {
    let site = Site::with("");
    for (name, value) in [
        ("server.max_connections", "7"),
        ("max_connections", "7"),
        ("max-connections", "7"),
        ("server.max-connections", "7"),
        ("maxclients", "7"),
    ] {
        let config = site.load(&[], &[(name, value)]).unwrap().config;
        assert_eq!(config.server.max_connections, 7, "{name}");
    }
    let config = site.load(
        &[],
        &[("loglevel", "warning"), ("save", ""), ("appendonly", "no")],
    );
    assert_eq!(
        config.unwrap().config.logging.level,
        crate::config::LogLevel::Warn
    );
    for (name, value, message) in [
        (
            "prot",
            "1",
            "--prot: unknown option; did you mean --server.port?",
        ),
        ("zzzzzzzzz", "1", "--zzzzzzzzz: unknown option"),
        ("save", "900 1", "--save: can only be \"\" here"),
        (
            "port",
            "x",
            "--port: server.port: expected an integer from 0 to 65535, found \"x\"",
        ),
    ] {
        assert_eq!(site.error(&[], &[(name, value)]), message);
    }
}

#[test]
fn options_that_make_no_sense_together_are_a_mistake() {
    let message = file_error("[security]\ntls_enabled = true\n");
    let expected =
        "redistill.toml:2: security.tls_enabled: TLS needs a certificate: set tls_cert_path";
    assert_eq!(message, expected);
}
