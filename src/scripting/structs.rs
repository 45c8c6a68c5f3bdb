//! `struct`: values of C in strings, for scripts, with the formats and limits of the library Redis
//! has.
//!
//! `> < !n` byte order and alignment; `b B h H l L T i In` integers; `f d` floats; `s cn` strings;
//! `x` padding.

use super::exchange::{self, Answer, OUTPUT_BYTES_MAX, argument_error, refusal};
use mlua::{Lua, MultiValue, Table, Value};

/// Bytes of an integer at most.
const INTEGER_MAX: usize = 32;
/// The alignment of `!` alone.
const ALIGNMENT: usize = 8;

/// The library's functions.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let pack = |lua: &Lua, args: MultiValue| match pack(lua, &args) {
        Ok(bytes) => exchange::answer(lua, Ok(bytes)),
        Err(wrong) => wrong.answer(lua, "pack"),
    };
    table.raw_set("pack", lua.create_function(pack)?)?;
    let unpack = |lua: &Lua, args: MultiValue| match unpack(lua, &args) {
        Ok(values) => Ok(MultiValue::from_vec(values)),
        Err(wrong) => {
            let (nil, why) = wrong.answer(lua, "unpack")?;
            Ok(MultiValue::from_vec(vec![nil, why]))
        }
    };
    table.raw_set("unpack", lua.create_function(unpack)?)?;
    let size = |lua: &Lua, args: MultiValue| match size(lua, &args) {
        Ok(size) => Ok((Value::Number(size as f64), Value::Nil)),
        Err(wrong) => wrong.answer(lua, "size"),
    };
    table.raw_set("size", lua.create_function(size)?)?;
    Ok(table)
}

/// What is wrong with a call.
enum Wrong {
    /// An argument, counted from 1.
    Argument(usize, String),
    /// An option of the format.
    Option(u8),
    /// Something else.
    Format(String),
    Lua(mlua::Error),
}

impl Wrong {
    fn answer(self, lua: &Lua, function: &str) -> Answer {
        match self {
            Wrong::Argument(index, why) => argument_error(lua, index, function, &why),
            Wrong::Option(option) => {
                let name = function.as_bytes();
                let quoted = b"' (invalid format option '";
                let why = [b"bad argument #1 to '", name, quoted, &[option], b"')"].concat();
                Ok((Value::Nil, Value::String(lua.create_string(why)?)))
            }
            Wrong::Format(why) => refusal(lua, &why),
            Wrong::Lua(error) => Err(error),
        }
    }
}

impl From<mlua::Error> for Wrong {
    fn from(error: mlua::Error) -> Wrong {
        Wrong::Lua(error)
    }
}

/// A format, as far as it is read.
struct Format<'a> {
    text: &'a [u8],
    at: usize,
    big_endian: bool,
    alignment: usize,
}

impl<'a> Format<'a> {
    /// Up to a NUL, as C reads it.
    fn new(text: &'a [u8]) -> Format<'a> {
        let end = memchr::memchr(0, text).unwrap_or(text.len());
        Format {
            text: &text[..end],
            at: 0,
            big_endian: false,
            alignment: 1,
        }
    }

    /// The next option, and how many bytes it takes.
    fn next(&mut self) -> Result<Option<(u8, usize)>, Wrong> {
        let Some(&option) = self.text.get(self.at) else {
            return Ok(None);
        };
        self.at += 1;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_MAX {
                    return Err(Wrong::Format(format!(
                        "integral size {size} is larger than limit of {INTEGER_MAX}"
                    )));
                }
                size
            }
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    fn number(&mut self, default: usize) -> Result<usize, Wrong> {
        let start = self.at;
        let mut number: i32 = 0;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            let next = number.checked_mul(10);
            let next = next.and_then(|it| it.checked_add(i32::from(digit - b'0')));
            number = next.ok_or_else(|| Wrong::Format("integral size overflow".into()))?;
            self.at += 1;
        }
        Ok(if self.at == start {
            default
        } else {
            number as usize
        })
    }

    /// Bytes up to where an option's value begins.
    fn padding(&self, position: usize, (option, size): (u8, usize)) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.alignment);
        size.wrapping_sub(position & (size - 1)) & (size - 1)
    }

    /// An option that is no value.
    fn control(&mut self, option: u8) -> Result<(), Wrong> {
        match option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let alignment = self.number(ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    let why = format!("alignment {alignment} is not a power of 2");
                    return Err(Wrong::Format(why));
                }
                self.alignment = alignment;
            }
            other => return Err(Wrong::Option(other)),
        }
        Ok(())
    }

    /// Bytes in the format's order.
    fn order(&self, bytes: &mut [u8]) {
        if self.big_endian {
            bytes.reverse();
        }
    }
}

fn text_argument(lua: &Lua, args: &MultiValue, index: usize) -> Result<mlua::LuaString, Wrong> {
    text_of(lua, args.get(index), index)
}

fn text_of(lua: &Lua, value: Option<&Value>, index: usize) -> Result<mlua::LuaString, Wrong> {
    exchange::string(lua, value).map_err(|why| Wrong::Argument(index + 1, why))
}

fn number_of(lua: &Lua, value: Option<&Value>, index: usize) -> Result<f64, Wrong> {
    exchange::number(lua, value).map_err(|why| Wrong::Argument(index + 1, why))
}

/// A value to be packed. Behind the last there is a nil, as messages show.
fn to_pack(args: &MultiValue, index: usize) -> Option<&Value> {
    args.get(index).or(Some(&Value::Nil))
}

fn pack(lua: &Lua, args: &MultiValue) -> Result<Vec<u8>, Wrong> {
    let text = text_argument(lua, args, 0)?;
    let text = text.as_bytes();
    let mut format = Format::new(&text);
    let mut out = Vec::new();
    let mut arg = 1;
    while let Some((option, size)) = format.next()? {
        let padding = format.padding(out.len(), (option, size));
        if out.len() + padding + size > OUTPUT_BYTES_MAX {
            return Err(Wrong::Format("the packed value is too long".into()));
        }
        out.extend(std::iter::repeat_n(0, padding));
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = number_of(lua, to_pack(args, arg), arg)?;
                arg += 1;
                let mut bytes = [0; INTEGER_MAX];
                bytes[..8].copy_from_slice(&unsigned(number).to_le_bytes());
                format.order(&mut bytes[..size]);
                out.extend_from_slice(&bytes[..size]);
            }
            b'x' => out.push(0),
            b'f' => {
                let mut bytes = (number_of(lua, to_pack(args, arg), arg)? as f32).to_le_bytes();
                arg += 1;
                format.order(&mut bytes);
                out.extend_from_slice(&bytes);
            }
            b'd' => {
                let mut bytes = number_of(lua, to_pack(args, arg), arg)?.to_le_bytes();
                arg += 1;
                format.order(&mut bytes);
                out.extend_from_slice(&bytes);
            }
            b'c' | b's' => {
                let value = text_of(lua, to_pack(args, arg), arg)?;
                let value = value.as_bytes();
                arg += 1;
                let size = if size == 0 { value.len() } else { size };
                let Some(part) = value.get(..size) else {
                    return Err(Wrong::Argument(arg + 1, "string too short".into()));
                };
                out.extend_from_slice(part);
                if option == b's' {
                    out.push(0);
                }
            }
            other => format.control(other)?,
        }
    }
    Ok(out)
}

/// A number's 64 bits; 0 of one that has more, as on the processors Redis runs on.
fn unsigned(number: f64) -> u64 {
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    if number >= LIMIT {
        0
    } else if number >= LIMIT / 2.0 {
        number as u64
    } else {
        super::value::truncated(number) as u64
    }
}

/// The values come behind two nils, which say that there is no error; the next position is last.
fn unpack(lua: &Lua, args: &MultiValue) -> Result<Vec<Value>, Wrong> {
    let text = text_argument(lua, args, 0)?;
    let text = text.as_bytes();
    let data = text_argument(lua, args, 1)?;
    let data = data.as_bytes();
    let position = match args.get(2) {
        None | Some(Value::Nil) => 1,
        Some(_) => super::value::truncated(number_of(lua, args.get(2), 2)?),
    };
    if position <= 0 {
        return Err(Wrong::Argument(3, "offset must be 1 or greater".into()));
    }
    let mut at = position as usize - 1;
    let short = || Wrong::Argument(2, "data string too short".into());
    let mut format = Format::new(&text);
    let mut values = vec![Value::Nil, Value::Nil];
    while let Some((option, size)) = format.next()? {
        at = at.saturating_add(format.padding(at, (option, size)));
        let part = data.get(at..at.saturating_add(size)).ok_or_else(short)?;
        let mut taken = size;
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let signed = option.is_ascii_lowercase();
                values.push(Value::Number(integer(part, format.big_endian, signed)));
            }
            b'x' => {}
            b'f' => {
                let mut bytes: [u8; 4] = part.try_into().map_err(|_| short())?;
                format.order(&mut bytes);
                values.push(Value::Number(f32::from_le_bytes(bytes).into()));
            }
            b'd' => {
                let mut bytes: [u8; 8] = part.try_into().map_err(|_| short())?;
                format.order(&mut bytes);
                values.push(Value::Number(f64::from_le_bytes(bytes)));
            }
            b'c' => {
                if size == 0 {
                    taken = previous_size(&mut values)?;
                }
                let part = data.get(at..at.saturating_add(taken)).ok_or_else(short)?;
                values.push(Value::String(lua.create_string(part)?));
            }
            b's' => {
                let rest = &data[at..];
                let Some(length) = memchr::memchr(0, rest) else {
                    return Err(Wrong::Format("unfinished string in data".into()));
                };
                values.push(Value::String(lua.create_string(&rest[..length])?));
                taken = length + 1;
            }
            other => format.control(other)?,
        }
        at += taken;
    }
    values.push(Value::Number((at + 1) as f64));
    Ok(values)
}

/// The value before a `c0`, which says how long it is.
fn previous_size(values: &mut Vec<Value>) -> Result<usize, Wrong> {
    let needed = || Wrong::Format("format 'c0' needs a previous size".into());
    if values.len() <= 2 {
        return Err(needed());
    }
    match values.pop() {
        Some(Value::Number(size)) => Ok(size as usize),
        Some(Value::String(text)) => {
            let text = text.as_bytes();
            let size = crate::base::float::parse_f64_as_c(&text).ok_or_else(needed)?;
            Ok(size as usize)
        }
        _ => Err(needed()),
    }
}

/// The integer in some bytes; of more than eight, the low ones count.
fn integer(bytes: &[u8], big_endian: bool, signed: bool) -> f64 {
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    let number = if big_endian {
        bytes.iter().fold(0, add)
    } else {
        bytes.iter().rev().fold(0, add)
    };
    if !signed {
        return number as f64;
    }
    let bits = (bytes.len() as u32 * 8).wrapping_sub(1) & 63;
    let mask = u64::MAX << bits;
    let extended = if number & mask == 0 {
        number
    } else {
        number | mask
    };
    extended as i64 as f64
}

fn size(lua: &Lua, args: &MultiValue) -> Result<usize, Wrong> {
    let text = text_argument(lua, args, 0)?;
    let text = text.as_bytes();
    let mut format = Format::new(&text);
    let mut position: usize = 0;
    while let Some((option, size)) = format.next()? {
        position = position.saturating_add(format.padding(position, (option, size)));
        if option == b's' || option == b'c' && size == 0 {
            let shown = if option == b's' { "s" } else { "c0" };
            let why = format!("option '{shown}' has no fixed size");
            return Err(Wrong::Argument(1, why));
        }
        if !option.is_ascii_alphanumeric() {
            format.control(option)?;
        }
        position = position.saturating_add(size);
    }
    Ok(position)
}
