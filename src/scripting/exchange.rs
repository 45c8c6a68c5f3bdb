//! Values between Lua and the libraries written in Rust.
//!
//! A library's function returns its value, or nil and why there is none: the prelude raises that as
//! an error of Lua's, with the position of the caller, as the C libraries do.

use mlua::{Lua, LuaString, Value};

/// A value, or nil and why there is none.
pub(super) type Answer = mlua::Result<(Value, Value)>;

/// Bytes that a library puts together for one call at most: a table may hold itself many times.
pub(super) const OUTPUT_BYTES_MAX: usize = 128 << 20;

/// Input up to here is worked on without asking the allocator at each step: what becomes of it is a
/// few megabytes at most, and what follows finds the limit in force again.
const RELAXED_BYTES_MAX: usize = 64 << 10;

/// The answer of a function that makes bytes.
pub(super) fn answer(lua: &Lua, made: Result<Vec<u8>, String>) -> Answer {
    match made {
        Ok(bytes) => Ok((Value::String(lua.create_string(bytes)?), Value::Nil)),
        Err(why) => refusal(lua, &why),
    }
}

/// Nil, and why.
pub(super) fn refusal(lua: &Lua, why: &str) -> Answer {
    Ok((Value::Nil, Value::String(lua.create_string(why)?)))
}

/// Refuses an argument, as Lua's own functions do.
pub(super) fn argument_error(lua: &Lua, index: usize, function: &str, why: &str) -> Answer {
    refusal(
        lua,
        &format!("bad argument #{index} to '{function}' ({why})"),
    )
}

/// A string argument; numbers are strings, too. Else what is wrong with it.
pub(super) fn string(lua: &Lua, value: Option<&Value>) -> Result<LuaString, String> {
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Integer(_) | Value::Number(_))) => {
            let text = lua.coerce_string(value.clone()).ok().flatten();
            text.ok_or_else(|| "string expected".into())
        }
        other => Err(format!("string expected, got {}", type_name(other))),
    }
}

/// A number argument; strings that are numbers are numbers, too.
pub(super) fn number(lua: &Lua, value: Option<&Value>) -> Result<f64, String> {
    match value {
        Some(Value::Integer(number)) => Ok(*number as f64),
        Some(Value::Number(number)) => Ok(*number),
        Some(text @ Value::String(_)) => {
            let number = lua.coerce_number(text.clone()).ok().flatten();
            number.ok_or_else(|| "number expected, got string".into())
        }
        other => Err(format!("number expected, got {}", type_name(other))),
    }
}

/// The name of a value's type, as Lua's messages have it.
pub(super) fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "no value",
        Some(Value::Integer(_) | Value::Number(_)) => "number",
        Some(Value::LightUserData(_) | Value::UserData(_) | Value::Error(_)) => "userdata",
        Some(other) => other.type_name(),
    }
}

/// Lifts the memory limit while little is worked on.
pub(super) fn relax(lua: &Lua, bytes: usize) -> Option<Relaxed<'_>> {
    if bytes > RELAXED_BYTES_MAX {
        return None;
    }
    let limit = lua.set_memory_limit(0).ok()?;
    Some(Relaxed { lua, limit })
}

/// Puts the memory limit back in force when dropped.
pub(super) struct Relaxed<'a> {
    lua: &'a Lua,
    limit: usize,
}

impl Drop for Relaxed<'_> {
    fn drop(&mut self) {
        let _ = self.lua.set_memory_limit(self.limit);
    }
}
