//! `CONFIG GET` and `CONFIG SET`: reading options by pattern, and making a new configuration out
//! of the present one.

use std::fmt;

use super::Config;
use super::options::{self, CONSTANTS, Row};
use super::validate::validate;
use super::value::Dialect;
use crate::base::glob;

/// An option that differs between two configurations; secrets show as hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Section and key.
    pub name: &'static str,
    /// Whether it takes effect while the server runs.
    pub live: bool,
    /// The value it had.
    pub old: String,
    /// The value it has now.
    pub new: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} is now {:?}", self.name, self.old, self.new)
    }
}

/// Why `CONFIG SET` changes nothing. `Display` is the error reply without its `ERR ` in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// There is no such option.
    Unknown {
        /// The name as the client wrote it.
        name: String,
    },
    /// The option cannot take the value.
    Failed {
        /// The name as the client wrote it.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl SetError {
    /// A refusal by whoever puts the option into effect: a certificate that does not load, more
    /// clients than the system allows.
    pub fn failed(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Failed {
            name: name.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(
                f,
                "Unknown option or number of arguments for CONFIG SET - '{name}'"
            ),
            Self::Failed { name, reason } => write!(
                f,
                "CONFIG SET failed (possibly related to argument '{name}') - {reason}"
            ),
        }
    }
}

impl std::error::Error for SetError {}

impl Config {
    /// Names and values of all options with a name that one of the glob patterns matches, Redis's
    /// names and ours, each name once: the reply to `CONFIG GET`. Secrets are in the clear, as in
    /// Redis. O(options × patterns).
    pub fn get_matching(&self, patterns: &[&[u8]]) -> Vec<(&'static str, Vec<u8>)> {
        let wanted = |name: &str| {
            let hit = |pattern: &&[u8]| glob::matches(pattern, name.as_bytes(), true);
            patterns.iter().any(hit)
        };
        let mut found = Vec::new();
        for row in options::rows() {
            for name in row.spec.redis.iter().filter(|name| wanted(name)) {
                found.push((*name, row.text(self, Dialect::Redis)));
            }
            if wanted(row.name) {
                found.push((row.name, row.text(self, Dialect::Ours)));
            }
        }
        for constant in CONSTANTS.iter().filter(|constant| wanted(constant.redis)) {
            found.push((constant.redis, constant.value.as_bytes().to_vec()));
        }
        found
    }

    /// A new configuration with these options changed: all of them, or none. Names are Redis's or
    /// ours (`memory.max_memory`), in either case.
    ///
    /// # Errors
    /// What Redis answers: for an unknown name, a start-only option, an option given twice, a value
    /// the option cannot take; and when the options together make no sense.
    pub fn with(&self, pairs: &[(&[u8], &[u8])]) -> Result<Config, SetError> {
        let mut targets: Vec<(Target, &[u8], String)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            let name = String::from_utf8_lossy(name).into_owned();
            let target = Target::named(&name, value)?;
            if targets.iter().any(|(earlier, ..)| earlier.same(&target)) {
                return Err(SetError::failed(name, "duplicate parameter"));
            }
            targets.push((target, value, name));
        }
        let mut config = self.clone();
        for (target, value, name) in &targets {
            if let Target::Option(row, dialect) = target {
                set_option(&mut config, row, *dialect, value)
                    .map_err(|reason| SetError::failed(name, reason))?;
            }
        }
        validate(&config).map_err(|conflict| {
            let about = |target: &Target| matches!(target, Target::Option(row, _) if row.name == conflict.name);
            let guilty = targets.iter().find(|(target, ..)| about(target));
            let name = guilty.map_or(conflict.name, |(.., name)| name);
            SetError::failed(name, conflict.message)
        })?;
        Ok(config)
    }

    /// What changes when this configuration gives way to `new`.
    pub fn changes(&self, new: &Config) -> Vec<Change> {
        let differing = options::rows().filter_map(|row| {
            let (old, new) = ((row.read)(self), (row.read)(new));
            (old != new).then(|| Change {
                name: row.name,
                live: row.spec.live,
                old: row.spec.kind.show(&old),
                new: row.spec.kind.show(&new),
            })
        });
        differing.collect()
    }

    /// This configuration with those options of `new` that can change while the server runs.
    pub(super) fn adopt_live(&self, new: &Config) -> Config {
        let mut adopted = self.clone();
        for row in options::rows().filter(|row| row.spec.live) {
            (row.write)(&mut adopted, (row.read)(new));
        }
        adopted
    }
}

/// What a name of `CONFIG SET` stands for.
enum Target {
    Option(&'static Row, Dialect),
    /// A constant, about to be set to the value it has.
    Constant(&'static str),
}

impl Target {
    fn named(name: &str, value: &[u8]) -> Result<Self, SetError> {
        if let Some((row, dialect)) = options::find(name) {
            return match row.spec.live {
                true => Ok(Self::Option(row, dialect)),
                false => Err(SetError::failed(name, "can't set immutable config")),
            };
        }
        match options::constant_named(name) {
            Some(constant) if constant.value.as_bytes().eq_ignore_ascii_case(value) => {
                Ok(Self::Constant(constant.redis))
            }
            Some(_) => Err(SetError::failed(name, "can't set immutable config")),
            None => Err(SetError::Unknown {
                name: name.to_owned(),
            }),
        }
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Option(a, _), Self::Option(b, _)) => a.name == b.name,
            (Self::Constant(a), Self::Constant(b)) => a == b,
            _ => false,
        }
    }
}

fn set_option(
    config: &mut Config,
    row: &Row,
    dialect: Dialect,
    value: &[u8],
) -> Result<(), String> {
    let redis_name = row.spec.redis.first().unwrap_or(&row.name);
    let value = row
        .spec
        .kind
        .parse_bytes(value, dialect)
        .map_err(|invalid| row.spec.kind.refusal(invalid, redis_name, dialect))?;
    (row.write)(config, value);
    Ok(())
}

#[cfg(test)]
mod tests;
