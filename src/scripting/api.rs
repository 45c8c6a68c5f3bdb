//! The functions of `redis` that are no commands, and the libraries.

use super::bridge::Handle;
use super::exchange::{self, Answer, refusal};
use super::functions::{self, FunctionInfo};
use super::script::Flags;
use super::{LogLevel, bit, cjson, cmsgpack, script, structs};
use crate::error::Error;
use crate::protocol::{Args, Protocol, Span};
use mlua::{Lua, MultiValue, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

/// The Redis version whose scripts are understood.
const REDIS_VERSION: &str = "7.2.4";
const REDIS_VERSION_NUM: i64 = 7 << 16 | 2 << 8 | 4;

/// Settings of the libraries that scripts may change: every script starts with the defaults.
#[derive(Default)]
pub(super) struct Settings {
    cjson: cjson::Shared,
}

impl Settings {
    /// Puts the defaults back.
    pub(super) fn reset(&self) {
        self.cjson.set(cjson::Settings::default());
    }
}

/// Makes everything fields of `into`, for the prelude.
pub(super) fn install(lua: &Lua, into: &Table, bridge: Handle) -> mlua::Result<Settings> {
    let settings = Settings {
        cjson: Rc::new(Cell::default()),
    };
    let libraries = lua.create_table()?;
    libraries.raw_set("cjson", cjson::library(lua, &settings.cjson)?)?;
    libraries.raw_set("cmsgpack", cmsgpack::library(lua)?)?;
    libraries.raw_set("struct", structs::library(lua)?)?;
    libraries.raw_set("bit", bit::library(lua)?)?;
    into.raw_set("libraries", libraries)?;
    into.raw_set("constants", constants(lua)?)?;
    into.raw_set("error_code", Error::SCRIPT_ERROR_CODE)?;
    into.raw_set("reply_arguments", text(&Error::script_reply_arguments()))?;
    into.raw_set("sha1hex", lua.create_function(sha1hex)?)?;
    let set_repl = |lua: &Lua, args: MultiValue| match args.front() {
        _ if args.len() != 1 => refuse(lua, &Error::script_set_repl_arity()),
        flags => match exchange::number(lua, flags) {
            Ok(flags) if (0.0..4.0).contains(&flags) => Ok((Value::Nil, Value::Nil)),
            _ => refuse(lua, &Error::script_set_repl_flags()),
        },
    };
    into.raw_set("set_repl", lua.create_function(set_repl)?)?;
    let setresp = move |lua: &Lua, args: MultiValue| setresp(lua, &args, bridge);
    into.raw_set("setresp", lua.create_function(setresp)?)?;
    let log = move |lua: &Lua, args: MultiValue| log(lua, &args, bridge);
    into.raw_set("log", lua.create_function(log)?)?;
    let check = move |lua: &Lua, args: MultiValue| acl_check_cmd(lua, &args, bridge);
    into.raw_set("acl_check_cmd", lua.create_function(check)?)?;
    let register = move |lua: &Lua, args: MultiValue| register_function(lua, &args, bridge);
    into.raw_set("register_function", lua.create_function(register)?)?;
    Ok(settings)
}

fn constants(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, number) in [
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
        ("REPL_NONE", 0),
        ("REPL_AOF", 1),
        ("REPL_SLAVE", 2),
        ("REPL_REPLICA", 2),
        ("REPL_ALL", 3),
        ("REDIS_VERSION_NUM", REDIS_VERSION_NUM),
        ("SERVER_VERSION_NUM", REDIS_VERSION_NUM),
    ] {
        table.raw_set(name, number)?;
    }
    table.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    table.raw_set("SERVER_VERSION", REDIS_VERSION)?;
    table.raw_set("SERVER_NAME", env!("CARGO_PKG_NAME"))?;
    Ok(table)
}

/// An error's line.
pub(super) fn text(error: &Error) -> String {
    let mut line = Vec::new();
    error.write_to(&mut line);
    String::from_utf8_lossy(&line).into_owned()
}

/// Nil, and the error.
pub(super) fn refuse(lua: &Lua, error: &Error) -> Answer {
    refusal(lua, &text(error))
}

fn sha1hex(lua: &Lua, args: MultiValue) -> Answer {
    if args.len() != 1 {
        return refuse(lua, &Error::script_argument_count());
    }
    let digest = match exchange::string(lua, args.front()) {
        Ok(text) => script::digest(&text.as_bytes()),
        Err(_) => script::digest(b""),
    };
    let digits = lua.create_string(script::hex(&digest))?;
    Ok((Value::String(digits), Value::Nil))
}

fn setresp(lua: &Lua, args: &MultiValue, bridge: Handle) -> Answer {
    if args.len() != 1 {
        return refuse(lua, &Error::script_setresp_arity());
    }
    let protocol = match exchange::number(lua, args.front()) {
        Ok(2.0) => Protocol::Resp2,
        Ok(3.0) => Protocol::Resp3,
        _ => return refuse(lua, &Error::script_setresp_version()),
    };
    bridge.with(|bridge| bridge.protocol = protocol);
    Ok((Value::Nil, Value::Nil))
}

fn log(lua: &Lua, args: &MultiValue, bridge: Handle) -> Answer {
    if args.len() < 2 {
        return refuse(lua, &Error::script_log_arity());
    }
    let level = match args.front() {
        Some(Value::Integer(level)) => *level as f64,
        Some(Value::Number(level)) => *level,
        _ => return refuse(lua, &Error::script_log_number()),
    };
    let level = match level as i64 {
        0 => LogLevel::Debug,
        1 => LogLevel::Verbose,
        2 => LogLevel::Notice,
        3 => LogLevel::Warning,
        _ => return refuse(lua, &Error::script_log_level()),
    };
    let mut line = Vec::new();
    for part in args.iter().skip(1) {
        let Ok(part) = exchange::string(lua, Some(part)) else {
            continue;
        };
        if !line.is_empty() {
            line.push(b' ');
        }
        line.extend_from_slice(&part.as_bytes());
    }
    bridge.with(|bridge| {
        if let Some(host) = bridge.host() {
            host.log(level, &line);
        }
    });
    Ok((Value::Nil, Value::Nil))
}

fn acl_check_cmd(lua: &Lua, args: &MultiValue, bridge: Handle) -> Answer {
    if args.is_empty() {
        return refuse(lua, &Error::script_no_arguments());
    }
    let (mut text, mut spans) = (Vec::new(), Vec::new());
    for arg in args {
        let start = text.len();
        match arg {
            Value::String(arg) => text.extend_from_slice(&arg.as_bytes()),
            Value::Integer(number) => super::value::number_text(*number as f64, &mut text),
            Value::Number(number) => super::value::number_text(*number, &mut text),
            _ => return refuse(lua, &Error::script_arguments()),
        }
        spans.push(Span::new(start, text.len() - start));
    }
    let args = Args::new(&text, &spans);
    let may = bridge.with(|bridge| bridge.host().map(|host| host.may_run(args)));
    match may {
        Some(Some(may)) => Ok((Value::Boolean(may), Value::Nil)),
        Some(None) => refuse(lua, &Error::script_acl_command()),
        None => refuse(lua, &Error::script_without_client()),
    }
}

/// `redis.register_function`: of a name and a function, or of a table of named arguments.
fn register_function(lua: &Lua, args: &MultiValue, bridge: Handle) -> Answer {
    if bridge.with(|bridge| bridge.registered.is_none()) {
        return refuse(lua, &Error::register_not_loading());
    }
    let named = match (args.len(), args.front()) {
        (1, Some(Value::Table(table))) => named_arguments(lua, table),
        (1, _) => Err(Error::register_single()),
        (2, name) => match (exchange::string(lua, name), args.get(1)) {
            (Err(_), _) => Err(Error::register_first()),
            (_, Some(Value::Function(function))) => Ok((
                FunctionInfo {
                    name: exchange::string(lua, name)
                        .map_or_else(|_| Box::default(), |name| name.as_bytes().to_vec().into()),
                    description: None,
                    flags: Flags::DECLARED,
                    may_loop: true,
                },
                function.clone(),
            )),
            _ => Err(Error::register_second()),
        },
        _ => Err(Error::register_count()),
    };
    let (info, function) = match named {
        Ok(named) => named,
        Err(error) => return refuse(lua, &error),
    };
    if !functions::is_name(&info.name) {
        return refuse(lua, &Error::register_name());
    }
    let known = bridge.with(|bridge| {
        let registered = bridge.registered.iter().flatten();
        registered
            .clone()
            .any(|(other, _)| other.name.eq_ignore_ascii_case(&info.name))
    });
    if known {
        return refuse(lua, &Error::register_twice());
    }
    let reference = super::natives::reference(lua, function)?;
    bridge.with(|bridge| {
        bridge
            .registered
            .get_or_insert_default()
            .push((info, reference))
    });
    Ok((Value::Nil, Value::Nil))
}

fn named_arguments(lua: &Lua, table: &Table) -> Result<(FunctionInfo, mlua::Function), Error> {
    let mut info = FunctionInfo {
        name: Box::default(),
        description: None,
        flags: Flags::DECLARED,
        may_loop: true,
    };
    let (mut name, mut callback) = (None, None);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|_| Error::register_unknown())?;
        let Value::String(key) = key else {
            return Err(Error::register_key());
        };
        let text = |error: Error| match exchange::string(lua, Some(&value)) {
            Ok(text) => Ok(text.as_bytes().to_vec().into_boxed_slice()),
            Err(_) => Err(error),
        };
        match &*key.as_bytes() {
            b"function_name" => name = Some(text(Error::register_text("function_name"))?),
            b"description" => {
                info.description = Some(text(Error::register_text("description"))?);
            }
            b"callback" => match &value {
                Value::Function(function) => callback = Some(function.clone()),
                _ => return Err(Error::register_callback()),
            },
            b"flags" => {
                let Value::Table(flags) = &value else {
                    return Err(Error::register_flags());
                };
                for flag in flags.sequence_values::<Value>() {
                    let known = match flag {
                        Ok(Value::String(flag)) => info.flags.add(&flag.as_bytes()),
                        _ => false,
                    };
                    if !known {
                        return Err(Error::register_flag());
                    }
                }
            }
            _ => return Err(Error::register_unknown()),
        }
    }
    info.name = name.ok_or_else(Error::register_without_name)?;
    let callback = callback.ok_or_else(Error::register_without_callback)?;
    Ok((info, callback))
}
