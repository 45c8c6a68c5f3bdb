//! `cjson`: JSON for scripts, with the limits and quirks of the library Redis has.
//!
//! An empty table is an object; a table whose keys are all positive integers is an array, unless it
//! is excessively sparse; numbers are written with 14 digits; `null` is a value of its own.

mod decode;
mod encode;

use super::exchange::{self, Answer, argument_error};
use mlua::{Lua, MultiValue, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

/// What scripts may change; every script starts with the defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Settings {
    sparse_convert: bool,
    sparse_ratio: i64,
    sparse_safe: i64,
    encode_depth_max: usize,
    decode_depth_max: usize,
    encode_invalid: Invalid,
    decode_invalid: bool,
    precision: usize,
    keep_buffer: bool,
}

/// What becomes of numbers that JSON does not have.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
            precision: 14,
            keep_buffer: true,
        }
    }
}

/// Settings shared by the functions of one interpreter.
pub(super) type Shared = Rc<Cell<Settings>>;

/// The library's functions and constants.
pub(super) fn library(lua: &Lua, settings: &Shared) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    table.raw_set("null", Value::NULL)?;
    let shared = Rc::clone(settings);
    let encode = move |lua: &Lua, args: MultiValue| {
        if args.len() != 1 {
            return argument_error(lua, 1, "encode", "expected 1 argument");
        }
        let value = args.front().cloned().unwrap_or(Value::Nil);
        exchange::answer(lua, encode::encode(&value, &shared.get()))
    };
    table.raw_set("encode", lua.create_function(encode)?)?;
    let shared = Rc::clone(settings);
    let decode = move |lua: &Lua, args: MultiValue| {
        if args.len() != 1 {
            return argument_error(lua, 1, "decode", "expected 1 argument");
        }
        let text = match exchange::string(lua, args.front()) {
            Ok(text) => text,
            Err(kind) => return argument_error(lua, 1, "decode", &kind),
        };
        let text = text.as_bytes();
        let _relaxed = exchange::relax(lua, text.len());
        decode::decode(lua, &text, &shared.get())
    };
    table.raw_set("decode", lua.create_function(decode)?)?;
    install_settings(lua, &table, settings)?;
    Ok(table)
}

/// The functions that change settings and return them.
fn install_settings(lua: &Lua, table: &Table, settings: &Shared) -> mlua::Result<()> {
    let shared = Rc::clone(settings);
    let sparse = move |lua: &Lua, args: MultiValue| encode_sparse_array(lua, &args, &shared);
    table.raw_set("encode_sparse_array", lua.create_function(sparse)?)?;
    let shared = Rc::clone(settings);
    let invalid = move |lua: &Lua, value: Value| encode_invalid_numbers(lua, &value, &shared);
    table.raw_set("encode_invalid_numbers", lua.create_function(invalid)?)?;
    type Field = fn(&mut Settings) -> &mut usize;
    let sizes: [(&'static str, Field, i64); 3] = [
        (
            "encode_max_depth",
            |s| &mut s.encode_depth_max,
            DEPTH_SETTING_MAX,
        ),
        (
            "decode_max_depth",
            |s| &mut s.decode_depth_max,
            DEPTH_SETTING_MAX,
        ),
        ("encode_number_precision", |s| &mut s.precision, 14),
    ];
    for (name, field, max) in sizes {
        let shared = Rc::clone(settings);
        let function = move |lua: &Lua, args: MultiValue| -> Answer {
            let mut new = shared.get();
            match integer(args.front(), 1, i64::from(i32::MAX)) {
                Ok(None) => {}
                Ok(Some(value)) => *field(&mut new) = value.min(max) as usize,
                Err(why) => return argument_error(lua, 1, name, &why),
            }
            shared.set(new);
            Ok((Value::Integer(*field(&mut new) as i64), Value::Nil))
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    type Switch = fn(&mut Settings) -> &mut bool;
    let switches: [(&'static str, Switch); 2] = [
        ("decode_invalid_numbers", |s| &mut s.decode_invalid),
        ("encode_keep_buffer", |s| &mut s.keep_buffer),
    ];
    for (name, field) in switches {
        let shared = Rc::clone(settings);
        let function = move |_: &Lua, value: Value| -> Answer {
            let mut new = shared.get();
            if let Value::Boolean(on) = value {
                *field(&mut new) = on;
            }
            shared.set(new);
            Ok((Value::Boolean(*field(&mut new)), Value::Nil))
        };
        table.raw_set(name, lua.create_function(function)?)?;
    }
    Ok(())
}

fn encode_sparse_array(lua: &Lua, args: &MultiValue, shared: &Shared) -> mlua::Result<MultiValue> {
    let mut new = shared.get();
    if let Some(Value::Boolean(convert)) = args.front() {
        new.sparse_convert = *convert;
    }
    let fields = [&mut new.sparse_ratio, &mut new.sparse_safe];
    for (index, field) in (1..).zip(fields) {
        match integer(args.get(index), 0, i64::from(i32::MAX)) {
            Ok(None) => {}
            Ok(Some(value)) => *field = value,
            Err(why) => {
                let (nil, why) = argument_error(lua, index + 1, "encode_sparse_array", &why)?;
                return Ok(MultiValue::from_vec(vec![nil, why]));
            }
        }
    }
    shared.set(new);
    Ok(MultiValue::from_vec(vec![
        Value::Nil,
        Value::Nil,
        Value::Boolean(new.sparse_convert),
        Value::Integer(new.sparse_ratio),
        Value::Integer(new.sparse_safe),
    ]))
}

fn encode_invalid_numbers(lua: &Lua, value: &Value, shared: &Shared) -> Answer {
    let mut new = shared.get();
    new.encode_invalid = match value {
        Value::Nil => new.encode_invalid,
        Value::Boolean(false) => Invalid::Refused,
        Value::Boolean(true) => Invalid::Written,
        Value::String(word) if *word.as_bytes() == *b"null" => Invalid::Null,
        _ => return argument_error(lua, 1, "encode_invalid_numbers", "invalid option"),
    };
    shared.set(new);
    let shown = match new.encode_invalid {
        Invalid::Refused => Value::Boolean(false),
        Invalid::Written => Value::Boolean(true),
        Invalid::Null => Value::String(lua.create_string("null")?),
    };
    Ok((shown, Value::Nil))
}

/// No value may be nested more deeply than this, even if a script sets more: work is recursive.
const DEPTH_SETTING_MAX: i64 = 1000;

/// An optional integer argument within bounds; else what is wrong with it.
fn integer(value: Option<&Value>, min: i64, max: i64) -> Result<Option<i64>, String> {
    let number = match value {
        None | Some(Value::Nil) => return Ok(None),
        Some(Value::Integer(number)) => *number,
        Some(Value::Number(number)) => *number as i64,
        Some(other) => return Err(format!("number expected, got {}", other.type_name())),
    };
    if (min..=max).contains(&number) {
        Ok(Some(number))
    } else {
        Err(format!("expected integer between {min} and {max}"))
    }
}
