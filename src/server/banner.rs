//! The start-up block: what an operator wants to see at a glance.

use super::listen::Listeners;
use crate::config::{Choice, Loaded};
use crate::session::Shared;
use std::time::Duration;

/// What is printed once the server is ready.
pub struct Banner {
    addresses: Vec<String>,
    health: Vec<String>,
    file: String,
    warnings: Vec<String>,
}

impl Banner {
    /// Collects what is known before the sockets are handed out.
    pub fn of(loaded: &Loaded, listeners: &Listeners) -> Banner {
        let mut addresses: Vec<String> = listeners
            .clients
            .tcp
            .iter()
            .filter_map(|(listener, transport)| {
                let address = listener.local_addr().ok()?;
                Some(match transport {
                    super::listen::Transport::Plain => address.to_string(),
                    super::listen::Transport::Tls => format!("{address} (TLS)"),
                })
            })
            .collect();
        if let Some(path) = &loaded.config.server.unix_socket {
            addresses.push(format!("unix:{}", path.display()));
        }
        let health = listeners
            .health
            .iter()
            .filter_map(|listener| Some(format!("http://{}/health", listener.local_addr().ok()?)))
            .collect();
        let file = match &loaded.file {
            Some(file) => file.display().to_string(),
            None => "none (embedded defaults)".to_owned(),
        };
        let mut warnings = loaded.warnings.clone();
        warnings.extend(listeners.warnings.iter().cloned());
        warnings.extend(machine_warnings(loaded));
        Banner {
            addresses,
            health,
            file,
            warnings,
        }
    }

    /// Prints it to standard error, as one write.
    pub fn print(&self, shared: &Shared, took: Duration) {
        let config = shared.config.load();
        let memory = match config.memory.max_memory {
            0 => "no limit".to_owned(),
            bytes => crate::base::size::format_size(bytes),
        };
        let health = match self.health.as_slice() {
            [] => "off".to_owned(),
            urls => urls.join(", "),
        };
        let on = |on: bool| if on { "on" } else { "off" };
        let mut text = format!(
            "Redistill {} ready in {} ms, pid {}\n",
            env!("CARGO_PKG_VERSION"),
            took.as_millis(),
            std::process::id(),
        );
        for (name, value) in [
            ("address", self.addresses.join(", ")),
            ("workers", config.server.worker_count().to_string()),
            (
                "memory",
                format!("{memory}, policy {}", config.memory.eviction_policy.name()),
            ),
            ("tls", on(config.security.tls_enabled).to_owned()),
            ("auth", on(!config.security.password.is_empty()).to_owned()),
            ("health", health),
            ("config", self.file.clone()),
        ] {
            text.push_str(&format!("  {name:<9}{value}\n"));
        }
        for warning in &self.warnings {
            text.push_str(&format!("  warning: {warning}\n"));
        }
        eprint!("{text}");
    }
}

/// What about this machine and configuration an operator should know.
fn machine_warnings(loaded: &Loaded) -> Vec<String> {
    let config = &loaded.config;
    let mut warnings = Vec::new();
    if config.security.password.is_empty() {
        warnings.push("no password is set; only clients on this machine may connect".to_owned());
        if !config.security.protected_mode {
            warnings[0] = "no password is set and protected mode is off".to_owned();
        }
    }
    if config.memory.max_memory == 0 {
        warnings.push("no memory limit is set (memory.max_memory)".to_owned());
    }
    let wanted = u64::from(config.server.max_connections) + 64;
    if let Some(files) = open_files_limit()
        && files < wanted
    {
        warnings.push(format!(
            "the limit of open files is {files}, too low for max_connections = {}: raise it \
             (ulimit -n) to {wanted}",
            config.server.max_connections
        ));
    }
    let huge = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    if huge.is_ok_and(|text| text.contains("[always]")) {
        warnings.push(
            "transparent huge pages are set to 'always', which wastes memory: set them to \
             'madvise'"
                .to_owned(),
        );
    }
    warnings
}

/// The soft limit of open files, from `/proc/self/limits`.
fn open_files_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}
