//! The table of options: one row per option, which the typed structs, the file, the environment,
//! flags, `CONFIG GET/SET/REWRITE`, reloading, validation and the documents all derive from.
//!
//! To add an option, add a field to its section in `options/`:
//!
//! ```text
//! /// One sentence of help, with the unit.
//! key: type = kind("default as in redistill.toml").live().redis(&["its-redis-name"]);
//! ```

mod acl;
mod limits;
mod memory;
mod monitoring;
mod scripting;
mod security;
mod server;

pub use super::document::{markdown, toml};
pub use acl::AccessControl;
pub use limits::{Encoding, Limits};
pub use memory::Memory;
pub use monitoring::{Logging, Monitoring};
pub use scripting::Scripting;
pub use security::Security;
pub use server::{Performance, Server};

use super::Config;
use super::types::Choice;
use super::value::{Dialect, Kind, Value};

/// One option.
pub struct Row {
    /// Section and key: `memory.max_memory`.
    pub name: &'static str,
    /// The table in `redistill.toml`.
    pub section: &'static str,
    /// The key within the table.
    pub key: &'static str,
    /// What it is for, in lines.
    pub help: &'static [&'static str],
    /// What it accepts, its default and its other names.
    pub spec: Spec,
    /// The option's value in a configuration.
    pub read: fn(&Config) -> Value,
    /// Puts a value, checked by the row's kind, into a configuration.
    pub write: fn(&mut Config, Value),
}

/// What an option accepts, its default and its other names.
pub struct Spec {
    /// What it accepts.
    pub kind: Kind,
    /// The default, written as `redistill.toml` would without quotes.
    pub default: &'static str,
    /// Whether it can change while the server runs.
    pub live: bool,
    /// The names under which Redis's `CONFIG` knows it, the current one first.
    pub redis: &'static [&'static str],
    /// A short environment variable besides `REDISTILL_<SECTION>_<KEY>`.
    pub env: Option<&'static str>,
}

/// A table of `redistill.toml`.
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Its options.
    pub rows: &'static [Row],
}

/// A name of Redis's `CONFIG` that always has the same answer here.
pub struct Constant {
    /// The name.
    pub redis: &'static str,
    /// The answer.
    pub value: &'static str,
}

/// Every section, in the order of `redistill.toml`.
pub const SECTIONS: &[&Section] = &[
    &Server::SECTION,
    &Security::SECTION,
    &AccessControl::SECTION,
    &Memory::SECTION,
    &Performance::SECTION,
    &Logging::SECTION,
    &Limits::SECTION,
    &Monitoring::SECTION,
    &Scripting::SECTION,
    &Encoding::SECTION,
];

/// What is true of this server whatever its configuration. `CONFIG SET` takes the very value and
/// refuses any other.
pub const CONSTANTS: &[Constant] = &[
    constant("appendonly", "no"),
    constant("cluster-enabled", "no"),
    constant("daemonize", "no"),
    constant("lazyfree-lazy-eviction", "yes"),
    constant("lazyfree-lazy-expire", "yes"),
    constant("lazyfree-lazy-server-del", "yes"),
    constant("lazyfree-lazy-user-del", "yes"),
    constant("lazyfree-lazy-user-flush", "yes"),
    constant("list-compress-depth", "0"),
    constant("min-replicas-to-write", "0"),
    constant("min-slaves-to-write", "0"),
    constant("pidfile", ""),
    constant("replicaof", ""),
    constant("slaveof", ""),
    constant("save", ""),
    constant("stop-writes-on-bgsave-error", "no"),
    constant("syslog-enabled", "no"),
    constant("tls-cluster", "no"),
    constant("tls-replication", "no"),
];

/// Every row, in the order of `redistill.toml`.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().flat_map(|section| section.rows)
}

/// The row of `section.key`.
pub fn row(name: &str) -> Option<&'static Row> {
    rows().find(|row| row.name.eq_ignore_ascii_case(name))
}

/// The row that a name of `CONFIG` means, ours or Redis's, and whose rules its value follows.
pub fn find(name: &str) -> Option<(&'static Row, Dialect)> {
    if let Some(row) = row(name) {
        return Some((row, Dialect::Ours));
    }
    let known = |row: &&Row| {
        row.spec
            .redis
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    rows().find(known).map(|row| (row, Dialect::Redis))
}

/// Does a name of `CONFIG` mean an option of TLS, whose files are then to be read again?
pub fn names_tls(name: &[u8]) -> bool {
    std::str::from_utf8(name)
        .ok()
        .and_then(find)
        .is_some_and(|(row, _)| row.name.starts_with("security.tls_"))
}

/// The constant of that Redis name.
pub fn constant_named(name: &str) -> Option<&'static Constant> {
    CONSTANTS
        .iter()
        .find(|constant| constant.redis.eq_ignore_ascii_case(name))
}

impl Row {
    /// The environment variable every option has.
    pub fn env_name(&self) -> String {
        format!("REDISTILL_{}_{}", self.section, self.key).to_ascii_uppercase()
    }

    /// The default value.
    pub fn default_value(&self) -> Value {
        let value = self.spec.kind.parse(self.spec.default, Dialect::Ours);
        value.unwrap_or_else(|_| unreachable!("the default of {} is valid", self.name))
    }

    /// A configuration's value as text; secrets in the clear.
    pub fn text(&self, config: &Config, dialect: Dialect) -> Vec<u8> {
        self.spec.kind.format(&(self.read)(config), dialect)
    }
}

impl Spec {
    const fn new(kind: Kind, default: &'static str) -> Self {
        Self {
            kind,
            default,
            live: false,
            redis: &[],
            env: None,
        }
    }

    /// It can change while the server runs.
    const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Redis's names for it, the current one first.
    const fn redis(mut self, names: &'static [&'static str]) -> Self {
        self.redis = names;
        self
    }

    /// Its short environment variable.
    const fn env(mut self, name: &'static str) -> Self {
        self.env = Some(name);
        self
    }
}

const fn constant(redis: &'static str, value: &'static str) -> Constant {
    Constant { redis, value }
}

/// The greatest count that Redis's integers of this kind take.
const INT_MAX: i64 = i32::MAX as i64;

const fn boolean(default: &'static str) -> Spec {
    Spec::new(Kind::Bool, default)
}

const fn int(min: i64, max: i64, default: &'static str) -> Spec {
    Spec::new(Kind::Int { min, max }, default)
}

/// A size of at least `min` bytes, for a field of type `u64`.
const fn size(min: u64, default: &'static str) -> Spec {
    let max = i64::MAX as u64;
    Spec::new(Kind::Size { min, max }, default)
}

/// A size within bounds.
const fn size_between(min: u64, max: u64, default: &'static str) -> Spec {
    Spec::new(Kind::Size { min, max }, default)
}

const fn path() -> Spec {
    Spec::new(Kind::Path, "")
}

/// One of the names of `C`.
const fn choice<C: Choice>(default: &'static str) -> Spec {
    choice_as::<C>(default, C::NAMES)
}

/// One of the names of `C`, which Redis names differently.
const fn choice_as<C: Choice>(default: &'static str, redis: &'static [&'static str]) -> Spec {
    assert!(redis.len() == C::NAMES.len());
    let names = C::NAMES;
    Spec::new(Kind::Choice { names, redis }, default)
}

/// Declares a section: its struct of typed fields together with its rows.
macro_rules! section {
    (
        #[doc = $about:literal]
        $section:ident: $type:ident {
            $( $(#[doc = $help:literal])+ $key:ident: $field:ty = $spec:expr; )+
        }
    ) => {
        #[doc = $about]
        #[derive(Clone, Debug, PartialEq)]
        pub struct $type { $( $(#[doc = $help])+ pub $key: $field, )+ }

        impl $type {
            pub(in crate::config) const SECTION: $crate::config::options::Section =
                $crate::config::options::Section {
                    name: stringify!($section),
                    about: $about,
                    rows: &[$( $crate::config::options::Row {
                        name: concat!(stringify!($section), ".", stringify!($key)),
                        section: stringify!($section),
                        key: stringify!($key),
                        help: &[$($help),+],
                        spec: $spec,
                        read: |config| $crate::config::field::Field::value(&config.$section.$key),
                        write: |config, value| {
                            $crate::config::field::Field::assign(&mut config.$section.$key, value);
                        },
                    }, )+],
                };

            /// What the rows' defaults are then written into.
            pub(in crate::config) fn blank() -> Self {
                Self { $($key: Default::default(),)+ }
            }
        }

        impl Default for $type {
            fn default() -> Self {
                $crate::config::Config::default().$section
            }
        }
    };
}
use section;

#[cfg(test)]
mod tests;
