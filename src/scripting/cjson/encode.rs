//! Values of Lua as JSON.

use super::{Invalid, Settings};
use crate::scripting::exchange::OUTPUT_BYTES_MAX;
use crate::scripting::format::general;
use mlua::{Table, Value};

/// The JSON of a value, or why there is none.
pub(super) fn encode(value: &Value, settings: &Settings) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder {
        out: Vec::new(),
        settings,
    };
    encoder.value(value, 0)?;
    Ok(encoder.out)
}

struct Encoder<'a> {
    out: Vec<u8>,
    settings: &'a Settings,
}

impl Encoder<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if self.out.len() > OUTPUT_BYTES_MAX {
            return Err("Cannot serialise, the result is too long".into());
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::LightUserData(pointer) if pointer.0.is_null() => {
                self.out.extend_from_slice(b"null");
            }
            Value::Integer(number) => self.integer(*number),
            Value::Number(number) => self.number(*number)?,
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Table(table) => self.table(table, depth + 1)?,
            other => return Err(refused(other, "type not supported")),
        }
        Ok(())
    }

    fn integer(&mut self, number: i64) {
        // So many digits are written in full.
        if self.settings.precision == 14 && number.unsigned_abs() < 100_000_000_000_000 {
            let mut digits = itoa::Buffer::new();
            self.out.extend_from_slice(digits.format(number).as_bytes());
        } else {
            general(number as f64, self.settings.precision, &mut self.out);
        }
    }

    fn number(&mut self, number: f64) -> Result<(), String> {
        if !number.is_finite() {
            match self.settings.encode_invalid {
                Invalid::Refused => {
                    let why = "must not be NaN or Inf";
                    return Err(refused(&Value::Number(number), why));
                }
                Invalid::Null => {
                    self.out.extend_from_slice(b"null");
                    return Ok(());
                }
                Invalid::Written if number.is_nan() => {
                    self.out.extend_from_slice(b"nan");
                    return Ok(());
                }
                Invalid::Written => {}
            }
        }
        general(number, self.settings.precision, &mut self.out);
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        let mut plain = 0;
        for (index, byte) in text.iter().enumerate() {
            let short: &[u8] = match byte {
                b'"' => b"\\\"",
                b'\\' => b"\\\\",
                b'/' => b"\\/",
                0x08 => b"\\b",
                0x0c => b"\\f",
                b'\n' => b"\\n",
                b'\r' => b"\\r",
                b'\t' => b"\\t",
                0..0x20 | 0x7f => b"",
                _ => continue,
            };
            self.out.extend_from_slice(&text[plain..index]);
            plain = index + 1;
            if short.is_empty() {
                self.out
                    .extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            } else {
                self.out.extend_from_slice(short);
            }
        }
        self.out.extend_from_slice(&text[plain..]);
        self.out.push(b'"');
    }

    fn table(&mut self, table: &Table, depth: usize) -> Result<(), String> {
        if depth > self.settings.encode_depth_max {
            return Err(format!("Cannot serialise, excessive nesting ({depth})"));
        }
        match self.array_length(table)? {
            ..=0 => self.object(table, depth),
            length => self.array(table, length, depth),
        }
    }

    /// The length of a table that is an array; 0 or less of one that is an object.
    fn array_length(&self, table: &Table) -> Result<i64, String> {
        let (mut items, mut max) = (0_i64, 0_i64);
        // Redis counts in 32 bits; what does not fit becomes the least number there is.
        let counted = |key: i64| i32::try_from(key).unwrap_or(i32::MIN).into();
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair.map_err(|error| error.to_string())?;
            match key {
                Value::Integer(key) if key > 0 => {
                    if key > max {
                        max = counted(key);
                    }
                    items += 1;
                }
                _ => return Ok(0),
            }
        }
        let settings = self.settings;
        let ratio = settings.sparse_ratio;
        if ratio > 0 && max > items.saturating_mul(ratio) && max > settings.sparse_safe {
            if !settings.sparse_convert {
                let table = Value::Table(table.clone());
                return Err(refused(&table, "excessively sparse array"));
            }
            return Ok(0);
        }
        Ok(max)
    }

    fn array(&mut self, table: &Table, length: i64, depth: usize) -> Result<(), String> {
        self.out.push(b'[');
        for index in 1..=length {
            if index > 1 {
                self.out.push(b',');
            }
            let value: Value = table.raw_get(index).map_err(|error| error.to_string())?;
            self.value(&value, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: usize) -> Result<(), String> {
        self.out.push(b'{');
        let mut first = true;
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| error.to_string())?;
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            match &key {
                Value::String(text) => self.string(&text.as_bytes()),
                Value::Integer(number) => {
                    self.out.push(b'"');
                    self.integer(*number);
                    self.out.push(b'"');
                }
                Value::Number(number) => {
                    self.out.push(b'"');
                    self.number(*number)?;
                    self.out.push(b'"');
                }
                other => {
                    return Err(refused(other, "table key must be a number or string"));
                }
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }
}

fn refused(value: &Value, why: &str) -> String {
    let name = match value {
        Value::Integer(_) | Value::Number(_) => "number",
        Value::LightUserData(_) | Value::UserData(_) => "userdata",
        other => other.type_name(),
    };
    format!("Cannot serialise {name}: {why}")
}
