//! Building the configuration at start and on reload: defaults, then `redistill.toml`, then the
//! environment, then the command line, each overriding what came before.

mod env;
mod file;

pub use env::environment;
pub(super) use file::inline_users;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;
use super::options::{self, Row};
use super::suggest;
use super::validate::{Conflict, validate};
use super::value::{Dialect, Invalid, Value};

/// What the command line says, and where a file is looked for.
#[derive(Clone)]
pub struct Overrides {
    /// The file given with `--config`.
    pub config: Option<PathBuf>,
    /// Options given as `--name value`, in order. A name is `section.key`, a key that only one
    /// section has, or Redis's name; `-` and `_` are the same in ours.
    pub options: Vec<(String, String)>,
    /// Where to look for a file that nobody named; the first that exists is used.
    pub search: Vec<PathBuf>,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            config: None,
            options: Vec::new(),
            search: vec![
                "redistill.toml".into(),
                "/etc/redistill/redistill.toml".into(),
            ],
        }
    }
}

/// A configuration, and where it comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// What the operator should know although it is no error.
    pub warnings: Vec<String>,
    origins: BTreeMap<&'static str, Place>,
    /// The file is the one that is shipped, unchanged.
    file_is_sample: bool,
}

impl Loaded {
    /// Has somebody chosen the value of the option `section.key`? The file as it is shipped chooses
    /// nothing: a server started beside it, as in a fresh clone, is one with the defaults.
    pub fn is_chosen(&self, name: &str) -> bool {
        match self.origin(name) {
            None => false,
            Some(Place::File { .. }) => !self.file_is_sample,
            Some(_) => true,
        }
    }

    /// Where the value of the option `section.key` comes from; `None` if it is the default.
    pub fn origin(&self, name: &str) -> Option<&Place> {
        self.origins.get(name)
    }

    /// The same as [`Loaded::complain`], of what stands in a line of its own.
    pub fn complain_of_line(
        &self,
        name: &str,
        line: Option<usize>,
        message: impl Into<String>,
    ) -> LoadError {
        let mut error = self.complain(name, message);
        if let (Some(Place::File { line: place, .. }), Some(_)) = (&mut error.place, line) {
            *place = line;
        }
        error
    }

    /// The error to report when an option's value proves unusable later, for instance because
    /// the certificate it names does not match its key.
    pub fn complain(&self, name: &str, message: impl Into<String>) -> LoadError {
        LoadError {
            place: self.origin(name).cloned(),
            key: Some(name.to_owned()),
            message: message.into(),
        }
    }
}

/// Where an option was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, on a line counted from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line, if it can be told.
        line: Option<usize>,
    },
    /// In an environment variable.
    Environment(String),
    /// On the command line, under that name.
    CommandLine(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::CommandLine(name) => write!(f, "--{name}"),
        }
    }
}

/// Why there is no configuration. `Display` is one line: place, key, what is wrong and what would
/// be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Where the mistake is.
    pub place: Option<Place>,
    /// The option, as `section.key`.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl LoadError {
    fn at(place: Place, key: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            place: Some(place),
            key: key.map(str::to_owned),
            message: message.into(),
        }
    }

    fn in_file(path: &Path, message: impl Into<String>) -> Self {
        let path = path.to_owned();
        Self::at(Place::File { path, line: None }, None, message)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for LoadError {}

/// Builds the configuration out of all its sources. `env` is what `environment` returns, or what
/// a test makes up.
///
/// # Errors
/// The first mistake found: a named file that is missing, an unknown key or variable, a value that
/// an option cannot take, or options that make no sense together.
pub fn load(overrides: &Overrides, env: &BTreeMap<String, String>) -> Result<Loaded, LoadError> {
    let mut loader = Loader {
        loaded: Loaded {
            config: Config::default(),
            file: file::choose(overrides, env)?,
            warnings: Vec::new(),
            origins: BTreeMap::new(),
            file_is_sample: false,
        },
    };
    if let Some(path) = loader.loaded.file.clone() {
        file::apply(&mut loader, &path)?;
    }
    env::apply(&mut loader, env)?;
    for (name, text) in &overrides.options {
        apply_flag(&mut loader, name, text)?;
    }
    let loaded = loader.loaded;
    match validate(&loaded.config) {
        Ok(()) => Ok(loaded),
        Err(Conflict { name, message }) => Err(loaded.complain(name, message)),
    }
}

/// A configuration in the making.
struct Loader {
    loaded: Loaded,
}

impl Loader {
    /// Takes over a value that was read at `place`.
    fn put(&mut self, row: &'static Row, value: Value, place: Place) {
        (row.write)(&mut self.loaded.config, value);
        self.loaded.origins.insert(row.name, place);
    }

    /// Takes over a text from outside the file: secrets in it are not ours to store.
    fn put_text(
        &mut self,
        row: &'static Row,
        dialect: Dialect,
        text: &str,
        place: Place,
    ) -> Result<(), LoadError> {
        let value = match row.spec.kind.parse(text, dialect) {
            Ok(Value::Secret(secret)) => Value::Secret(secret.into_foreign()),
            Ok(value) => value,
            Err(invalid) => {
                let message = unusable(row, invalid, &format!("\"{}\"", text.escape_debug()));
                return Err(LoadError::at(place, Some(row.name), message));
            }
        };
        self.put(row, value, place);
        Ok(())
    }

    fn warn(&mut self, warning: String) {
        self.loaded.warnings.push(warning);
    }
}

/// "expected an integer from 0 to 65535, found "abc"".
fn unusable(row: &Row, invalid: Invalid, found: &str) -> String {
    match invalid {
        Invalid::MachineUnknown => {
            format!("{found} cannot be computed: the memory of this machine is not known")
        }
        _ => format!("expected {}, found {found}", row.spec.kind.expectation()),
    }
}

fn apply_flag(loader: &mut Loader, name: &str, text: &str) -> Result<(), LoadError> {
    let place = Place::CommandLine(name.to_owned());
    let key = name.replace('-', "_");
    let found = options::find(&key)
        .or_else(|| options::find(name))
        .map(Ok)
        .or_else(|| bare_key(&key));
    match found {
        Some(Ok((row, dialect))) => loader.put_text(row, dialect, text, place),
        Some(Err(message)) => Err(LoadError::at(place, None, message)),
        None => match options::constant_named(name) {
            Some(constant) if constant.value.eq_ignore_ascii_case(text) => Ok(()),
            Some(constant) => {
                let message = format!("can only be \"{}\" here", constant.value);
                Err(LoadError::at(place, None, message))
            }
            None => {
                let mut message = "unknown option".to_owned();
                if let Some(near) = suggest::for_name(name) {
                    message = format!("{message}; did you mean --{near}?");
                }
                Err(LoadError::at(place, None, message))
            }
        },
    }
}

/// The row with that key, if only one section has it.
fn bare_key(key: &str) -> Option<Result<(&'static Row, Dialect), String>> {
    let named = || options::rows().filter(|row| row.key.eq_ignore_ascii_case(key));
    match named().count() {
        0 => None,
        1 => named().next().map(|row| Ok((row, Dialect::Ours))),
        _ => {
            let names: Vec<&str> = named().map(|row| row.name).collect();
            Some(Err(format!("could be {}", names.join(" or "))))
        }
    }
}

#[cfg(test)]
mod tests;
