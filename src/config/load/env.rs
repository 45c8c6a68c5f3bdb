//! The environment: `REDISTILL_<SECTION>_<KEY>` for every option, a few short names, and
//! `…_FILE` for secrets that are mounted as files.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;

use super::{LoadError, Loader, Place};
use crate::config::Secret;
use crate::config::options::{self, Row};
use crate::config::suggest;
use crate::config::value::{Dialect, Kind, Value};

/// A mounted secret may have so many bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// The process's environment variables that may concern the configuration.
///
/// # Errors
/// When one of them is not UTF-8.
pub fn environment() -> Result<BTreeMap<String, String>, LoadError> {
    let mut env = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("REDIS")) else {
            continue;
        };
        let place = || Place::Environment(name.to_owned());
        let value = value.into_string();
        let value = value.map_err(|_| LoadError::at(place(), None, "is not UTF-8 text"))?;
        env.insert(name.to_owned(), value);
    }
    Ok(env)
}

/// Reads the environment into the configuration. Empty variables count as unset, since container
/// tools set them for what was left out.
pub(super) fn apply(loader: &mut Loader, env: &BTreeMap<String, String>) -> Result<(), LoadError> {
    let set = || env.iter().filter(|(_, value)| !value.is_empty());
    for row in options::rows() {
        // The long name is the more specific one, and overrides the short one.
        for name in row
            .spec
            .env
            .into_iter()
            .map(str::to_owned)
            .chain([row.env_name()])
        {
            apply_variable(loader, row, &name, env)?;
        }
    }
    for (name, value) in set().filter(|(name, _)| name.starts_with("REDISTILL_")) {
        if !is_known(name) && !is_service_link(name, value) {
            let place = Place::Environment(name.clone());
            return Err(LoadError::at(place, None, unknown(name)));
        }
    }
    Ok(())
}

fn apply_variable(
    loader: &mut Loader,
    row: &'static Row,
    name: &str,
    env: &BTreeMap<String, String>,
) -> Result<(), LoadError> {
    let value = |name: &str| env.get(name).filter(|value| !value.is_empty());
    if let Some(text) = value(name) {
        if is_service_link(name, text) {
            let place = Place::Environment(name.to_owned());
            loader.warn(format!(
                "{place} is ignored: it is Kubernetes' address of a service"
            ));
        } else {
            let place = Place::Environment(name.to_owned());
            loader.put_text(row, Dialect::Ours, text, place)?;
        }
    }
    let file_name = format!("{name}_FILE");
    if let (Kind::Secret, Some(path)) = (&row.spec.kind, value(&file_name)) {
        let place = Place::Environment(file_name);
        if value(name).is_some() {
            let message = format!("{name} is set as well: use one of them");
            return Err(LoadError::at(place, Some(row.name), message));
        }
        let secret = read_secret(path)
            .map_err(|message| LoadError::at(place.clone(), Some(row.name), message))?;
        loader.put(row, Value::Secret(secret), place);
    }
    Ok(())
}

/// A secret mounted as a file: its content without the line end that editors add.
fn read_secret(path: &str) -> Result<Secret, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    file.take(SECRET_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{path} cannot be read: {error}"))?;
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(format!("{path} is too large for a password"));
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let secret = line.strip_suffix(b"\r").unwrap_or(line);
    match secret {
        [] => Err(format!("{path} is empty")),
        _ => Ok(Secret::foreign(secret)),
    }
}

fn is_known(name: &str) -> bool {
    name == "REDISTILL_CONFIG"
        || options::rows().any(|row| {
            let env_name = row.env_name();
            name == env_name
                || matches!(row.spec.kind, Kind::Secret)
                    && name.strip_suffix("_FILE") == Some(&env_name)
        })
}

/// Whether Kubernetes made the variable up: for a service named `redistill` it sets
/// `REDISTILL_SERVICE_HOST`, `REDISTILL_PORT=tcp://…`, `REDISTILL_PORT_6379_TCP_ADDR` and more in
/// every pod of the namespace, ours included (and `REDIS_PORT=tcp://…` for one named `redis`).
fn is_service_link(name: &str, value: &str) -> bool {
    let protocols = ["TCP", "UDP", "SCTP"];
    if name.ends_with("_PORT") && value.contains("://") || name.ends_with("_SERVICE_HOST") {
        return true;
    }
    if name.contains("_SERVICE_PORT") {
        return true;
    }
    let Some((_, rest)) = name.split_once("_PORT_") else {
        return false;
    };
    let mut words = rest.split('_');
    let number = words.next().is_some_and(|word| word.parse::<u16>().is_ok());
    number && words.next().is_some_and(|word| protocols.contains(&word))
}

fn unknown(name: &str) -> String {
    let names: Vec<String> = options::rows().map(Row::env_name).collect();
    match suggest::nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("unknown option; did you mean {near}?"),
        None => "unknown option; variables are named REDISTILL_<SECTION>_<KEY>".to_owned(),
    }
}
