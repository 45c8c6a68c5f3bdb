//! `CONFIG REWRITE`: bringing the file up to date with the configuration in force, leaving its
//! comments, order and formatting as they are.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, Value as Toml};

use super::Config;
use super::load::inline_users;
use super::options::{self, Row};
use super::value::Value;

/// Why the file was not rewritten; it is as it was. `Display` is the error reply without its
/// `ERR ` in front.
#[derive(Debug)]
pub enum RewriteError {
    /// The server was started without a file.
    NoFile,
    /// The file could not be read or written.
    Io(io::Error),
    /// The file is no longer valid TOML.
    Syntax(String),
    /// A value cannot stand in a text file, for instance a password that is not UTF-8.
    NotText(&'static str),
}

impl fmt::Display for RewriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("The server is running without a config file"),
            Self::Io(error) => write!(f, "Rewriting config file: {error}"),
            Self::Syntax(message) => write!(f, "Rewriting config file: {message}"),
            Self::NotText(name) => {
                write!(
                    f,
                    "Rewriting config file: the value of {name} is not UTF-8 text"
                )
            }
        }
    }
}

impl std::error::Error for RewriteError {}

impl From<io::Error> for RewriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes to the file at `path` every option whose value in `config` differs from what the file
/// says (or, where it says nothing, from the default). Comments and formatting stay; a value that
/// means the same in another spelling (`"75%"`, `"1gb"`) stays too. Secrets that came from the
/// environment, the command line or a mounted file are left out. The file is replaced in one
/// step: a crash leaves the old or the new one.
///
/// # Errors
/// When the file cannot be read, understood or replaced.
pub fn rewrite(path: &Path, config: &Config) -> Result<(), RewriteError> {
    // A mounted file is often a link, which must go on pointing to it.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let updated = update(&text, config)?;
    if updated != text {
        replace_file(&path, updated.as_bytes())?;
    }
    Ok(())
}

/// The file's text brought up to date.
fn update(text: &str, config: &Config) -> Result<String, RewriteError> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| RewriteError::Syntax(one_line(error.message())))?;
    for row in options::rows() {
        let value = (row.read)(config);
        if value == in_document(&document, row) {
            continue;
        }
        if let Value::Secret(secret) = &value {
            if !secret.storable() {
                continue;
            }
            if std::str::from_utf8(secret.reveal()).is_err() {
                return Err(RewriteError::NotText(row.name));
            }
        }
        put(&mut document, row, row.spec.kind.toml(&value))?;
    }
    Ok(document.to_string())
}

/// What the file makes of an option. A value it should not have counts as the default, so that
/// the value in force takes its place.
fn in_document(document: &DocumentMut, row: &Row) -> Value {
    let item = document
        .get(row.section)
        .and_then(|section| section.get(row.key));
    let inline = item.and_then(|item| inline_users(row, item));
    let value = inline.as_ref().or(item.and_then(Item::as_value));
    let value = value.map(|toml| row.spec.kind.parse_toml(toml));
    match value {
        Some(Ok(value)) => complete(row, value),
        _ => row.default_value(),
    }
}

/// The value as it ends up in a configuration: parts that it leaves out are at their defaults.
fn complete(row: &Row, value: Value) -> Value {
    let mut config = Config::default();
    (row.write)(&mut config, value);
    (row.read)(&config)
}

fn put(document: &mut DocumentMut, row: &Row, mut toml: Toml) -> Result<(), RewriteError> {
    let section = document
        .entry(row.section)
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(table) = section.as_table_like_mut() else {
        let message = format!("{} is not a table", row.section);
        return Err(RewriteError::Syntax(message));
    };
    match table.get_mut(row.key) {
        Some(Item::Table(old)) => put_entries(old, toml),
        Some(Item::Value(old)) => {
            *toml.decor_mut() = old.decor().clone();
            *old = toml;
        }
        Some(other) => *other = Item::Value(toml),
        None => {
            table.insert(row.key, Item::Value(toml));
        }
    }
    Ok(())
}

/// Brings a section of entries up to date, each where it stands.
fn put_entries(section: &mut Table, toml: Toml) {
    let Toml::InlineTable(entries) = toml else {
        return;
    };
    section.retain(|name, _| entries.contains_key(name));
    for (name, value) in entries {
        match section.get_mut(&name).and_then(Item::as_value_mut) {
            Some(old) if old.as_str() == value.as_str() => {}
            _ => drop(section.insert(&name, Item::Value(value))),
        }
    }
}

fn one_line(message: &str) -> String {
    message.trim().replace('\n', "; ")
}

/// Writes beside the file, then renames over it: a crash leaves the old or the new one. Blocks on
/// file I/O.
///
/// # Errors
/// When the file cannot be written or replaced; it is as it was then.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or(ErrorKind::InvalidInput)?
        .to_string_lossy();
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = directory.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = write_new(&temporary, path, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: the error that matters is the one being returned.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    fs::File::open(directory)?.sync_all()
}

/// Creates `temporary` with the permissions of `path`; a new file is for its owner only, since it
/// may hold a password.
fn write_new(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mode = fs::metadata(path).map_or(0o600, |data| data.permissions().mode() & 0o777);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(temporary)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
