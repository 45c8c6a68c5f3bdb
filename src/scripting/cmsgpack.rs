//! `cmsgpack`: MessagePack for scripts, with the limits and quirks of the library Redis has.
//!
//! Tables nested more than [`NESTING_MAX`] deep are packed as nil. A table is an array if its keys
//! are 1 to n; a double that is an integer is packed as one, and one that a float holds as a float.

use super::exchange::{self, OUTPUT_BYTES_MAX, argument_error, refusal};
use mlua::{Lua, MultiValue, Table, Value};

/// Tables nested more deeply are packed as nil.
const NESTING_MAX: usize = 16;
/// Values nested more deeply are not unpacked.
const UNPACK_DEPTH_MAX: usize = 1000;

/// The library's functions and constants.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("_NAME", "cmsgpack")?;
    table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Redis Ltd.")?;
    table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    table.raw_set("pack", lua.create_function(pack)?)?;
    table.raw_set("unpack", lua.create_function(unpack)?)?;
    table.raw_set("unpack_one", lua.create_function(unpack_one)?)?;
    table.raw_set("unpack_limit", lua.create_function(unpack_limit)?)?;
    Ok(table)
}

fn pack(lua: &Lua, args: MultiValue) -> exchange::Answer {
    if args.is_empty() {
        return argument_error(lua, 0, "pack", "MessagePack pack needs input.");
    }
    let mut out = Vec::new();
    for value in &args {
        if let Err(why) = encode(value, 0, &mut out) {
            return refusal(lua, &why);
        }
    }
    exchange::answer(lua, Ok(out))
}

/// Appends a value.
fn encode(value: &Value, level: usize, out: &mut Vec<u8>) -> Result<(), String> {
    if out.len() > OUTPUT_BYTES_MAX {
        return Err("the packed value is too long".into());
    }
    match value {
        Value::Boolean(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Integer(number) => encode_integer(*number, out),
        Value::Number(number) => encode_number(*number, out),
        Value::String(text) => {
            let text = text.as_bytes();
            encode_head(
                text.len(),
                (0xa0, 32),
                [Some(0xd9), Some(0xda), Some(0xdb)],
                out,
            );
            out.extend_from_slice(&text);
        }
        Value::Table(_) if level == NESTING_MAX => out.push(0xc0),
        Value::Table(table) => encode_table(table, level, out)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

/// Appends the head of something of a length: a short form, else one with 8, 16 or 32 bits.
fn encode_head(
    length: usize,
    (short, short_end): (u8, usize),
    forms: [Option<u8>; 3],
    out: &mut Vec<u8>,
) {
    if length < short_end {
        out.push(short | length as u8);
    } else if let (Some(form), Ok(length)) = (forms[0], u8::try_from(length)) {
        out.extend_from_slice(&[form, length]);
    } else if let (Some(form), Ok(length)) = (forms[1], u16::try_from(length)) {
        out.push(form);
        out.extend_from_slice(&length.to_be_bytes());
    } else if let Some(form) = forms[2] {
        out.push(form);
        out.extend_from_slice(&(length as u32).to_be_bytes());
    }
}

fn encode_integer(number: i64, out: &mut Vec<u8>) {
    match number {
        0..=127 => out.push(number as u8),
        128..=0xff => out.extend_from_slice(&[0xcc, number as u8]),
        0x100..=0xffff => {
            out.push(0xcd);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        0x1_0000_0000.. => {
            out.push(0xcf);
            out.extend_from_slice(&number.to_be_bytes());
        }
        -32..=-1 => out.push(number as u8),
        -128..=-33 => out.extend_from_slice(&[0xd0, number as u8]),
        -0x8000..=-129 => {
            out.push(0xd1);
            out.extend_from_slice(&(number as i16).to_be_bytes());
        }
        -0x8000_0000..=-0x8001 => {
            out.push(0xd2);
            out.extend_from_slice(&(number as i32).to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn encode_number(number: f64, out: &mut Vec<u8>) {
    let whole = super::value::truncated(number);
    if whole as f64 == number {
        return encode_integer(whole, out);
    }
    let single = number as f32;
    if f64::from(single) == number {
        out.push(0xca);
        out.extend_from_slice(&single.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn encode_table(table: &Table, level: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let problem = |error: mlua::Error| error.to_string();
    let (mut items, mut max, mut is_array) = (0_usize, 0_i64, true);
    for pair in table.pairs::<Value, Value>() {
        items += 1;
        match pair.map_err(problem)?.0 {
            Value::Integer(key) if key > 0 => max = max.max(key),
            _ => is_array = false,
        }
    }
    if is_array && max == items as i64 {
        encode_head(items, (0x90, 16), [None, Some(0xdc), Some(0xdd)], out);
        for index in 1..=items {
            let value: Value = table.raw_get(index).map_err(problem)?;
            encode(&value, level + 1, out)?;
        }
        return Ok(());
    }
    encode_head(items, (0x80, 16), [None, Some(0xde), Some(0xdf)], out);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(problem)?;
        encode(&key, level + 1, out)?;
        encode(&value, level + 1, out)?;
    }
    Ok(())
}

/// `unpack(text)`: all values of a text.
fn unpack(lua: &Lua, args: MultiValue) -> mlua::Result<MultiValue> {
    unpack_up_to(lua, &args, "unpack", 0, 0, true)
}

/// `unpack_one(text, offset)`: the offset behind the value, or −1 at the end, then the value.
fn unpack_one(lua: &Lua, args: MultiValue) -> mlua::Result<MultiValue> {
    match integer(lua, &args, 1, 0) {
        Ok(offset) => unpack_up_to(lua, &args, "unpack_one", 1, offset, false),
        Err(why) => failed(argument_error(lua, 2, "unpack_one", &why)?),
    }
}

/// `unpack_limit(text, count, offset)`: likewise of several values.
fn unpack_limit(lua: &Lua, args: MultiValue) -> mlua::Result<MultiValue> {
    let limit = match exchange::number(lua, args.get(1)) {
        Ok(limit) => limit as i64,
        Err(why) => return failed(argument_error(lua, 2, "unpack_limit", &why)?),
    };
    match integer(lua, &args, 2, 0) {
        Ok(offset) => unpack_up_to(lua, &args, "unpack_limit", limit, offset, false),
        Err(why) => failed(argument_error(lua, 3, "unpack_limit", &why)?),
    }
}

fn integer(lua: &Lua, args: &MultiValue, index: usize, default: i64) -> Result<i64, String> {
    match args.get(index) {
        None | Some(Value::Nil) => Ok(default),
        value => exchange::number(lua, value).map(|number| number as i64),
    }
}

fn failed((nil, why): (Value, Value)) -> mlua::Result<MultiValue> {
    Ok(MultiValue::from_vec(vec![nil, why]))
}

/// The values come behind two nils, which say that there is no error.
fn unpack_up_to(
    lua: &Lua,
    args: &MultiValue,
    name: &str,
    limit: i64,
    offset: i64,
    all: bool,
) -> mlua::Result<MultiValue> {
    let text = match exchange::string(lua, args.front()) {
        Ok(text) => text,
        Err(why) => return failed(argument_error(lua, 1, name, &why)?),
    };
    let text = text.as_bytes();
    let length = text.len() as i64;
    if offset < 0 || limit < 0 {
        let why =
            format!("Invalid request to unpack with offset of {offset} and limit of {length}.");
        return failed(refusal(lua, &why)?);
    }
    if offset > length {
        let why = format!("Start offset {offset} greater than input length {length}.");
        return failed(refusal(lua, &why)?);
    }
    let limit = if all || limit == 0 { i64::MAX } else { limit };
    let mut decoder = Decoder {
        lua,
        text: &text,
        at: offset as usize,
    };
    let _relaxed = exchange::relax(lua, text.len());
    let mut values = vec![Value::Nil, Value::Nil];
    if !all {
        values.push(Value::Nil);
    }
    let mut count = 0;
    while decoder.at < text.len() && count < limit {
        match decoder.value(UNPACK_DEPTH_MAX) {
            Ok(value) => values.push(value),
            Err(Wrong::Lua(error)) => return Err(error),
            Err(Wrong::Missing) => return failed(refusal(lua, "Missing bytes in input.")?),
            Err(Wrong::Bad) => return failed(refusal(lua, "Bad data format in input.")?),
        }
        count += 1;
    }
    if !all {
        let next = match decoder.at < text.len() {
            true => decoder.at as f64,
            false => -1.0,
        };
        values[2] = Value::Number(next);
    }
    Ok(MultiValue::from_vec(values))
}

enum Wrong {
    /// The text ends within a value.
    Missing,
    /// It begins no value, or is nested too deeply.
    Bad,
    /// There is no memory.
    Lua(mlua::Error),
}

impl From<mlua::Error> for Wrong {
    fn from(error: mlua::Error) -> Wrong {
        Wrong::Lua(error)
    }
}

struct Decoder<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Wrong> {
        let end = self.at.checked_add(count).ok_or(Wrong::Missing)?;
        let bytes = self.text.get(self.at..end).ok_or(Wrong::Missing)?;
        self.at = end;
        Ok(bytes)
    }

    fn unsigned(&mut self, bytes: usize) -> Result<u64, Wrong> {
        let bytes = self.take(bytes)?;
        Ok(bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Wrong> {
        let depth = depth.checked_sub(1).ok_or(Wrong::Bad)?;
        let head = self.take(1)?[0];
        let number = |number: f64| Ok(Value::Number(number));
        match head {
            0..=0x7f => number(head.into()),
            0xe0.. => number((head as i8).into()),
            0x80..=0x8f => self.map((head & 15).into(), depth),
            0x90..=0x9f => self.array((head & 15).into(), depth),
            0xa0..=0xbf => self.string((head & 31).into()),
            0xc0 => Ok(Value::Nil),
            0xc2 => Ok(Value::Boolean(false)),
            0xc3 => Ok(Value::Boolean(true)),
            0xd9 => self.sized_string(1),
            0xda => self.sized_string(2),
            0xdb => self.sized_string(4),
            0xca => {
                let bits = self.unsigned(4)? as u32;
                number(f32::from_bits(bits).into())
            }
            0xcb => {
                let bits = self.unsigned(8)?;
                number(f64::from_bits(bits))
            }
            0xcc => number(self.unsigned(1)? as f64),
            0xcd => number(self.unsigned(2)? as f64),
            0xce => number(self.unsigned(4)? as f64),
            0xcf => number(self.unsigned(8)? as f64),
            0xd0 => number((self.unsigned(1)? as i8).into()),
            0xd1 => number((self.unsigned(2)? as i16).into()),
            0xd2 => number((self.unsigned(4)? as i32).into()),
            0xd3 => number(self.unsigned(8)? as i64 as f64),
            0xdc => {
                let count = self.unsigned(2)?;
                self.array(count, depth)
            }
            0xdd => {
                let count = self.unsigned(4)?;
                self.array(count, depth)
            }
            0xde => {
                let count = self.unsigned(2)?;
                self.map(count, depth)
            }
            0xdf => {
                let count = self.unsigned(4)?;
                self.map(count, depth)
            }
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => Err(Wrong::Bad),
        }
    }

    fn sized_string(&mut self, bytes: usize) -> Result<Value, Wrong> {
        let length = self.unsigned(bytes)?;
        self.string(length)
    }

    fn string(&mut self, length: u64) -> Result<Value, Wrong> {
        let bytes = self.take(length as usize)?;
        Ok(Value::String(self.lua.create_string(bytes)?))
    }

    fn array(&mut self, count: u64, depth: usize) -> Result<Value, Wrong> {
        let table = self.lua.create_table()?;
        for index in 1..=count {
            let value = self.value(depth)?;
            table.raw_set(index, value)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, count: u64, depth: usize) -> Result<Value, Wrong> {
        let table = self.lua.create_table()?;
        for _ in 0..count {
            let key = self.value(depth)?;
            let value = self.value(depth)?;
            // What cannot be a key has no place.
            match &key {
                Value::Nil => return Err(Wrong::Bad),
                Value::Number(number) if number.is_nan() => return Err(Wrong::Bad),
                _ => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }
}
