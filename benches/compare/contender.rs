//! Who takes part: how each server is found, started and spoken to.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;
use super::options::Options;
use super::tls::Certificate;

/// A server program that takes part under a name of its own.
#[derive(Clone)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) program: PathBuf,
}

/// Which command line a program understands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Redistill,
    Redis,
    Valkey,
    KeyDb,
    Memcached,
    Pogocache,
}

/// What a server is asked for at start; the rest stays at its defaults, persistence off.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) workers: usize,
    pub(crate) password: Option<String>,
    pub(crate) max_memory_mb: Option<u64>,
    pub(crate) policy: String,
    /// Adds a TLS listener; the plain one stays.
    pub(crate) certificate: Option<Certificate>,
}

/// Where a server listens on 127.0.0.1 and the directory it may write to.
pub(crate) struct Place<'a> {
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
    pub(crate) directory: &'a Path,
}

/// Arguments and environment that start a server in the foreground.
#[derive(Default)]
pub(crate) struct Launch {
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

/// The peers looked for on the PATH, in the order of their columns.
const PEERS: &[&str] = &[
    "redis-server",
    "redistill",
    "valkey-server",
    "keydb-server",
    "memcached",
    "pogocache",
];

/// The server binary cargo built for this very run.
pub(crate) fn built_redistill() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_redistill"))
}

/// The contenders of a run, baseline first.
///
/// # Errors
/// When the baseline is not installed or a name given to `--only` is unknown.
pub(crate) fn resolve(options: &Options) -> Result<Vec<Contender>> {
    let mut found = Vec::new();
    for &name in PEERS {
        let program = match name {
            "redistill" => Some(options.redistill.clone()),
            _ => on_path(name),
        };
        if let Some(program) = program {
            found.push(Contender {
                name: name.into(),
                kind: Kind::of(&program)?,
                program,
            });
        }
    }
    for (name, program) in &options.peers {
        found.retain(|other| other.name != *name);
        let kind = Kind::of(program)?;
        found.push(Contender {
            name: name.clone(),
            kind,
            program: program.clone(),
        });
    }
    let Some(only) = &options.only else {
        return match found.first() {
            Some(first) if first.kind == Kind::Redis => Ok(found),
            _ => Err("redis-server, the baseline, is not on the PATH".into()),
        };
    };
    let mut chosen = Vec::new();
    for name in only {
        let position = found.iter().position(|contender| contender.name == *name);
        let position = position.ok_or_else(|| format!("no contender {name} is installed"))?;
        chosen.push(found.remove(position));
    }
    Ok(chosen)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

impl Kind {
    fn of(program: &Path) -> Result<Kind> {
        let name = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let kinds = [
            ("redistill", Kind::Redistill),
            ("redis", Kind::Redis),
            ("valkey", Kind::Valkey),
            ("keydb", Kind::KeyDb),
            ("memcached", Kind::Memcached),
            ("pogocache", Kind::Pogocache),
        ];
        let found = kinds
            .into_iter()
            .find(|(prefix, _)| name.starts_with(prefix));
        found
            .map(|(_, kind)| kind)
            .ok_or_else(|| format!("what kind of server is {name}?").into())
    }

    /// Whether it speaks the Redis protocol; the other one is memcached's text protocol.
    pub(crate) fn speaks_resp(self) -> bool {
        self != Kind::Memcached
    }

    /// Whether it can be given an eviction policy by Redis's names.
    pub(crate) fn has_policies(self) -> bool {
        !matches!(self, Kind::Memcached | Kind::Pogocache)
    }
}

impl Contender {
    /// What the program says its version is, on one line.
    pub(crate) fn version(&self) -> String {
        let flag = if self.kind == Kind::Memcached {
            "-V"
        } else {
            "--version"
        };
        let output = Command::new(&self.program).arg(flag).output();
        let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        text.ok()
            .and_then(|t| t.lines().next().map(str::to_owned))
            .unwrap_or("unknown".into())
    }

    /// How to start it at `place` with `settings`.
    pub(crate) fn launch(&self, place: &Place<'_>, settings: &Settings) -> Launch {
        match self.kind {
            Kind::Redistill => redistill(place, settings),
            Kind::Redis | Kind::Valkey | Kind::KeyDb => redis(self.kind, place, settings),
            Kind::Memcached => memcached(place, settings),
            Kind::Pogocache => pogocache(place, settings),
        }
    }
}

fn redistill(place: &Place<'_>, settings: &Settings) -> Launch {
    let mut launch = Launch::default();
    let mut set = |name: &'static str, value: String| {
        launch.environment.push((name, value.into()));
    };
    set("REDISTILL_SERVER_BIND", "127.0.0.1".into());
    set("REDISTILL_SERVER_PORT", place.port.to_string());
    set("REDISTILL_SERVER_HEALTH_CHECK_PORT", "0".into());
    set("REDISTILL_SERVER_WORKERS", settings.workers.to_string());
    if let Some(password) = &settings.password {
        set("REDISTILL_SECURITY_PASSWORD", password.clone());
    }
    if let Some(megabytes) = settings.max_memory_mb {
        set("REDISTILL_MEMORY_MAX_MEMORY", format!("{megabytes}mb"));
        set("REDISTILL_MEMORY_EVICTION_POLICY", settings.policy.clone());
    }
    if let Some(certificate) = &settings.certificate {
        set("REDISTILL_SECURITY_TLS_ENABLED", "true".into());
        set("REDISTILL_SECURITY_TLS_PORT", place.tls_port.to_string());
        set(
            "REDISTILL_SECURITY_TLS_CERT_PATH",
            certificate.chain_path.display().to_string(),
        );
        set(
            "REDISTILL_SECURITY_TLS_KEY_PATH",
            certificate.key_path.display().to_string(),
        );
    }
    launch
}

fn redis(kind: Kind, place: &Place<'_>, settings: &Settings) -> Launch {
    let mut launch = Launch::default();
    let mut set = |name: &str, value: OsString| {
        launch.arguments.push(format!("--{name}").into());
        launch.arguments.push(value);
    };
    set("port", place.port.to_string().into());
    set("bind", "127.0.0.1".into());
    // Without a password it would refuse section idle, which comes from many addresses of the loopback.
    set("protected-mode", "no".into());
    set("save", "".into());
    set("appendonly", "no".into());
    set("daemonize", "no".into());
    set("dir", place.directory.into());
    match kind {
        Kind::KeyDb => set("server-threads", settings.workers.to_string().into()),
        _ if settings.workers > 1 => set("io-threads", settings.workers.to_string().into()),
        _ => {}
    }
    if let Some(password) = &settings.password {
        set("requirepass", password.into());
    }
    if let Some(megabytes) = settings.max_memory_mb {
        set("maxmemory", format!("{megabytes}mb").into());
        set("maxmemory-policy", settings.policy.clone().into());
    }
    if let Some(certificate) = &settings.certificate {
        set("tls-port", place.tls_port.to_string().into());
        set("tls-cert-file", certificate.chain_path.clone().into());
        set("tls-key-file", certificate.key_path.clone().into());
        set("tls-ca-cert-file", certificate.chain_path.clone().into());
        set("tls-auth-clients", "no".into());
    }
    launch
}

fn memcached(place: &Place<'_>, settings: &Settings) -> Launch {
    let megabytes = settings.max_memory_mb.unwrap_or(16 * 1024);
    let text = format!(
        "-u root -l 127.0.0.1 -p {} -U 0 -c 20000 -t {} -m {megabytes}",
        place.port, settings.workers,
    );
    Launch {
        arguments: words(&text),
        ..Launch::default()
    }
}

fn pogocache(place: &Place<'_>, settings: &Settings) -> Launch {
    let mut text = format!(
        "-h 127.0.0.1 -p {} --threads {} --maxconns 20000",
        place.port, settings.workers,
    );
    if let Some(password) = &settings.password {
        text += &format!(" --auth {password}");
    }
    if let Some(megabytes) = settings.max_memory_mb {
        text += &format!(" --maxmemory {megabytes}mb");
    }
    if let Some(certificate) = &settings.certificate {
        let (chain, key) = (
            certificate.chain_path.display(),
            certificate.key_path.display(),
        );
        text += &format!(
            " --tlsport {} --tlscert {chain} --tlskey {key}",
            place.tls_port
        );
    }
    Launch {
        arguments: words(&text),
        ..Launch::default()
    }
}

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}
