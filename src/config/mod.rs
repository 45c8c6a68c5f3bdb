//! Configuration: one row per option; everything else derives from the rows.
//!
//! ```text
//! options/   the rows, and the structs of typed fields declared with them
//! value.rs   the kinds of values: reading them (format.rs: writing them)
//! load.rs    defaults < redistill.toml < environment < command line → Config
//! set.rs     CONFIG GET and CONFIG SET
//! rewrite.rs CONFIG REWRITE
//! live.rs    the configuration in force, and how it is replaced
//! document.rs redistill.toml and docs/config.md
//! ```

mod document;
mod event_classes;
mod field;
mod format;
mod live;
mod load;
pub mod machine;
pub mod options;
mod rewrite;
mod secret;
mod set;
mod suggest;
mod types;
mod users;
mod validate;
mod value;

pub use event_classes::EventClasses;
pub use live::{Live, Reload, View};
pub use load::{LoadError, Loaded, Overrides, Place, environment, load};
pub use options::{
    AccessControl, Encoding, Limits, Logging, Memory, Monitoring, Performance, Scripting, Security,
    Server,
};
pub use rewrite::{RewriteError, replace_file, rewrite};
pub use secret::Secret;
pub use set::{Change, SetError};
pub use types::{
    BindAddress, ChannelDefault, Choice, ClientBudget, EvictionPolicy, LogFormat, LogLevel,
    OutputLimit, OutputLimits, Permission, TlsClientAuth, TlsClientUser, TlsProtocols,
};

pub use users::{NamedUser, NamedUsers};

use std::sync::LazyLock;

/// A whole, valid configuration. The structs' fields are the options' typed values.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Listening, threads and connections.
    pub server: Server,
    /// Who may connect, and how connections are protected.
    pub security: Security,
    /// Users, and what each may do.
    pub acl: AccessControl,
    /// How much memory there is, and what gives way when it is full.
    pub memory: Memory,
    /// What is asked of the operating system for each connection.
    pub performance: Performance,
    /// What is logged.
    pub logging: Logging,
    /// What one client may ask for.
    pub limits: Limits,
    /// What is remembered for the operator.
    pub monitoring: Monitoring,
    /// What scripts may take.
    pub scripting: Scripting,
    /// Up to where collections are stored in their compact form.
    pub encoding: Encoding,
}

impl Default for Config {
    /// Every option at the default of its row.
    fn default() -> Self {
        static DEFAULT: LazyLock<Config> = LazyLock::new(|| {
            let mut config = Config {
                server: Server::blank(),
                security: Security::blank(),
                acl: AccessControl::blank(),
                memory: Memory::blank(),
                performance: Performance::blank(),
                logging: Logging::blank(),
                limits: Limits::blank(),
                monitoring: Monitoring::blank(),
                scripting: Scripting::blank(),
                encoding: Encoding::blank(),
            };
            for row in options::rows() {
                (row.write)(&mut config, row.default_value());
            }
            config
        });
        DEFAULT.clone()
    }
}
