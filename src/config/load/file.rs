//! `redistill.toml`: finding it and reading it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike, TomlError, Value as Toml};

use super::{LoadError, Loader, Overrides, Place, unusable};
use crate::config::document;
use crate::config::options::{self, Row};
use crate::config::suggest;
use crate::config::value::{Kind, Value};

/// A configuration is a page or two; what is larger is the wrong file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file to read: the one somebody named, else the first of the usual places that exists.
pub(super) fn choose(
    overrides: &Overrides,
    env: &BTreeMap<String, String>,
) -> Result<Option<PathBuf>, LoadError> {
    let named_by_env = env.get("REDISTILL_CONFIG").filter(|path| !path.is_empty());
    let named = overrides.config.clone().or(named_by_env.map(PathBuf::from));
    match named {
        Some(path) if path.exists() => Ok(Some(path)),
        Some(path) => Err(LoadError::in_file(
            &path,
            "there is no such configuration file",
        )),
        None => Ok(overrides.search.iter().find(|path| path.exists()).cloned()),
    }
}

/// Reads the file at `path` into the configuration.
pub(super) fn apply(loader: &mut Loader, path: &Path) -> Result<(), LoadError> {
    let text = read(path)?;
    let file = File { path, text: &text };
    let document = Document::parse(text.as_str()).map_err(|error| file.syntax_error(&error))?;
    for (name, item) in document.iter() {
        let known = options::SECTIONS.iter().any(|section| section.name == name);
        let key_span = || document.key(name).and_then(toml_edit::Key::span);
        match item.as_table_like() {
            Some(table) if known => file.apply_section(loader, name, table)?,
            None if known => {
                let message = format!("expected a table [{name}], found {}", describe(item));
                return Err(LoadError::at(file.place(key_span()), Some(name), message));
            }
            _ => {
                let kind = if item.is_value() {
                    "key outside a section"
                } else {
                    "section"
                };
                let message = format!("unknown {kind}; {}", suggest::for_section(name));
                let span = key_span().or_else(|| item.span());
                return Err(LoadError::at(file.place(span), Some(name), message));
            }
        }
    }
    loader.loaded.file_is_sample = text == document::toml();
    warn_if_exposed(loader, path);
    Ok(())
}

/// The file's text.
pub(in crate::config) fn read(path: &Path) -> Result<String, LoadError> {
    let mut text = String::new();
    let file = fs::File::open(path).and_then(|file| {
        let limited = file.take(FILE_BYTES_MAX + 1);
        { limited }.read_to_string(&mut text)
    });
    match file {
        Ok(_) if text.len() as u64 > FILE_BYTES_MAX => Err(LoadError::in_file(
            path,
            "is too large for a configuration file",
        )),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(LoadError::in_file(path, "is not UTF-8 text"))
        }
        Err(error) => Err(LoadError::in_file(path, format!("cannot be read: {error}"))),
    }
}

/// A file being read, for telling lines.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn apply_section(
        &self,
        loader: &mut Loader,
        section: &str,
        table: &dyn TableLike,
    ) -> Result<(), LoadError> {
        for (key, item) in table.iter() {
            let place = self.place(table.key(key).and_then(toml_edit::Key::span));
            let name = format!("{section}.{key}");
            let Some(row) = options::rows().find(|row| row.name == name) else {
                let message = format!("unknown key; {}", suggest::for_key(section, key));
                return Err(LoadError::at(place, Some(&name), message));
            };
            let invalid = |message| LoadError::at(place.clone(), Some(row.name), message);
            let inline = inline_users(row, item);
            let Some(toml) = inline.as_ref().or(item.as_value()) else {
                return Err(invalid(format!(
                    "expected {}, found a table",
                    row.spec.kind.expectation()
                )));
            };
            let mut value = row
                .spec
                .kind
                .parse_toml(toml)
                .map_err(|error| invalid(unusable(row, error, &describe_value(row, toml))))?;
            if let (Value::Users(users), Some(entries)) = (&mut value, item.as_table_like()) {
                for (name, _) in entries.iter() {
                    let span = entries.key(name).and_then(toml_edit::Key::span);
                    users.note_line(name, self.line(span));
                }
            }
            loader.put(row, value, place);
        }
        Ok(())
    }

    fn syntax_error(&self, error: &TomlError) -> LoadError {
        let mut message = error.message().trim().replace('\n', "; ");
        let text = error.span().and_then(|span| self.text.get(span));
        if let ("duplicate key", Some(key)) = (message.as_str(), text) {
            message = format!("{message} '{key}'");
        }
        LoadError::at(self.place(error.span()), None, message)
    }

    fn place(&self, span: Option<std::ops::Range<usize>>) -> Place {
        Place::File {
            path: self.path.to_owned(),
            line: self.line(span),
        }
    }

    fn line(&self, span: Option<std::ops::Range<usize>>) -> Option<usize> {
        let before = self.text.get(..span?.start)?;
        Some(1 + before.bytes().filter(|byte| *byte == b'\n').count())
    }
}

/// Users may have a section of their own, `[acl.users]`.
pub(in crate::config) fn inline_users(row: &Row, item: &Item) -> Option<Toml> {
    match (row.spec.kind, item) {
        (Kind::Users, Item::Table(table)) => {
            Some(Toml::InlineTable(table.clone().into_inline_table()))
        }
        _ => None,
    }
}

/// What somebody wrote, for a message; secrets only by their type.
fn describe_value(row: &Row, toml: &Toml) -> String {
    match toml {
        _ if matches!(row.spec.kind, Kind::Secret | Kind::Users) => {
            format!("a value of type {}", toml.type_name())
        }
        Toml::String(text) => format!("\"{}\"", text.value().escape_debug()),
        Toml::Integer(number) => number.value().to_string(),
        Toml::Float(number) => number.value().to_string(),
        Toml::Boolean(flag) => flag.value().to_string(),
        _ => format!("{}", toml.clone().decorated("", "")),
    }
}

fn describe(item: &Item) -> String {
    match item {
        Item::ArrayOfTables(_) => "an array of tables".to_owned(),
        other => format!("a value of type {}", other.type_name()),
    }
}

/// A password that every user of the machine can read is worth a word.
fn warn_if_exposed(loader: &mut Loader, path: &Path) {
    let has_password = !loader.loaded.config.security.password.is_empty();
    let mode = fs::metadata(path).map(|data| data.permissions().mode());
    if has_password && mode.is_ok_and(|mode| mode & 0o004 != 0) {
        let path = path.display();
        loader.warn(format!(
            "{path} holds a password and every user can read it (chmod o-r)"
        ));
    }
}
