//! JSON as values of Lua.

use super::Settings;
use crate::base::float::parse_f64_as_c;
use crate::scripting::exchange::Answer;
use mlua::{Lua, Table, Value};

/// The value a JSON text stands for, or nil and why it stands for none.
pub(super) fn decode(lua: &Lua, text: &[u8], settings: &Settings) -> Answer {
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        let why = lua.create_string("JSON parser does not support UTF-16 or UTF-32")?;
        return Ok((Value::Nil, Value::String(why)));
    }
    let mut parser = Parser {
        lua,
        text,
        at: 0,
        depth: 0,
        settings,
        buffer: Vec::new(),
    };
    match parser.document() {
        Ok(value) => Ok((value, Value::Nil)),
        Err(Failed::Text(why)) => Ok((Value::Nil, Value::String(lua.create_string(why)?))),
        Err(Failed::Lua(error)) => Err(error),
    }
}

enum Failed {
    /// The text is wrong.
    Text(String),
    /// There is no memory for its value.
    Lua(mlua::Error),
}

impl From<mlua::Error> for Failed {
    fn from(error: mlua::Error) -> Failed {
        Failed::Lua(error)
    }
}

/// What the text is made of. Strings are in the parser's buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Token {
    fn name(self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Wrong(why) => why,
        }
    }
}

struct Parser<'a> {
    lua: &'a Lua,
    text: &'a [u8],
    at: usize,
    depth: usize,
    settings: &'a Settings,
    buffer: Vec<u8>,
}

impl Parser<'_> {
    fn document(&mut self) -> Result<Value, Failed> {
        let first = self.next();
        let value = self.value(first)?;
        match self.next() {
            (Token::End, _) => Ok(value),
            other => Err(unexpected("the end", other)),
        }
    }

    fn value(&mut self, (token, index): (Token, usize)) -> Result<Value, Failed> {
        Ok(match token {
            Token::String => Value::String(self.lua.create_string(&self.buffer)?),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(value) => Value::Boolean(value),
            Token::Null => Value::NULL,
            Token::ObjectBegin => Value::Table(self.object()?),
            Token::ArrayBegin => Value::Table(self.array()?),
            _ => return Err(unexpected("value", (token, index))),
        })
    }

    fn descend(&mut self) -> Result<(), Failed> {
        self.depth += 1;
        if self.depth > self.settings.decode_depth_max {
            let depth = self.depth;
            let at = self.at;
            let why = format!("Found too many nested data structures ({depth}) at character {at}");
            return Err(Failed::Text(why));
        }
        Ok(())
    }

    fn object(&mut self) -> Result<Table, Failed> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if token.0 != Token::ObjectEnd {
            loop {
                if token.0 != Token::String {
                    return Err(unexpected("object key string", token));
                }
                let key = self.lua.create_string(&self.buffer)?;
                token = self.next();
                if token.0 != Token::Colon {
                    return Err(unexpected("colon", token));
                }
                let next = self.next();
                let value = self.value(next)?;
                table.raw_set(key, value)?;
                token = self.next();
                match token.0 {
                    Token::ObjectEnd => break,
                    Token::Comma => token = self.next(),
                    _ => return Err(unexpected("comma or object end", token)),
                }
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    fn array(&mut self) -> Result<Table, Failed> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut token = self.next();
        if token.0 != Token::ArrayEnd {
            let mut index = 1;
            loop {
                let value = self.value(token)?;
                table.raw_set(index, value)?;
                index += 1;
                token = self.next();
                match token.0 {
                    Token::ArrayEnd => break,
                    Token::Comma => token = self.next(),
                    _ => return Err(unexpected("comma or array end", token)),
                }
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    /// The next token, and where it begins (or where it went wrong).
    fn next(&mut self) -> (Token, usize) {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let start = self.at;
        let single = match self.peek(0) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            // The end of the text, or what Redis's library takes for it.
            0 => return (Token::End, start),
            b'"' => return self.string(start),
            _ => return self.word(start),
        };
        self.at += 1;
        (single, start)
    }

    /// The byte at a distance; 0 beyond the end.
    fn peek(&self, distance: usize) -> u8 {
        self.text.get(self.at + distance).copied().unwrap_or(0)
    }

    fn word(&mut self, start: usize) -> (Token, usize) {
        let rest = &self.text[start..];
        if matches!(rest[0], b'-' | b'0'..=b'9') {
            if !self.settings.decode_invalid && is_invalid_number(rest) {
                return (Token::Wrong("invalid number"), start);
            }
            return self.number(start);
        }
        for (word, token) in [
            (&b"true"[..], Token::Boolean(true)),
            (b"false", Token::Boolean(false)),
            (b"null", Token::Null),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return (token, start);
            }
        }
        let starts_number = matches!(rest[0], b'+' | b'i' | b'I' | b'n' | b'N');
        if starts_number && self.settings.decode_invalid && is_invalid_number(rest) {
            return self.number(start);
        }
        (Token::Wrong("invalid token"), start)
    }

    fn number(&mut self, start: usize) -> (Token, usize) {
        let rest = &self.text[start..];
        let length = number_length(rest);
        match parse_number(&rest[..length]) {
            Some(number) if length > 0 => {
                self.at += length;
                (Token::Number(number), start)
            }
            _ => (Token::Wrong("invalid number"), start),
        }
    }

    fn string(&mut self, start: usize) -> (Token, usize) {
        self.buffer.clear();
        self.at += 1;
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0));
            let plain = plain.unwrap_or(rest.len());
            self.buffer.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.peek(0) {
                b'"' => {
                    self.at += 1;
                    return (Token::String, start);
                }
                b'\\' => {}
                _ => return (Token::Wrong("unexpected end of string"), self.at),
            }
            let byte = match self.peek(1) {
                b'"' => b'"',
                b'\\' => b'\\',
                b'/' => b'/',
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    if !self.unicode() {
                        return (Token::Wrong("invalid unicode escape code"), self.at);
                    }
                    continue;
                }
                _ => return (Token::Wrong("invalid escape code"), self.at),
            };
            self.buffer.push(byte);
            self.at += 2;
        }
    }

    /// Decodes `\uXXXX`, or two of them that are a surrogate pair.
    fn unicode(&mut self) -> bool {
        let Some(high) = self.hex(2) else {
            return false;
        };
        let mut length = 6;
        let code = match high {
            0xD800..0xDC00 => {
                let low = match (self.peek(6), self.peek(7)) {
                    (b'\\', b'u') => self.hex(8),
                    _ => None,
                };
                let Some(low @ 0xDC00..0xE000) = low else {
                    return false;
                };
                length = 12;
                0x1_0000 + ((high & 0x3FF) << 10 | low & 0x3FF)
            }
            0xDC00..0xE000 => return false,
            other => other,
        };
        let Some(character) = char::from_u32(code) else {
            return false;
        };
        let mut encoded = [0; 4];
        let encoded = character.encode_utf8(&mut encoded);
        self.buffer.extend_from_slice(encoded.as_bytes());
        self.at += length;
        true
    }

    fn hex(&self, distance: usize) -> Option<u32> {
        (distance..distance + 4).try_fold(0, |number, at| {
            Some(number << 4 | char::from(self.peek(at)).to_digit(16)?)
        })
    }
}

fn unexpected(expected: &str, (found, index): (Token, usize)) -> Failed {
    Failed::Text(format!(
        "Expected {expected} but found {} at character {}",
        found.name(),
        index + 1
    ))
}

/// Is this a number that C reads and JSON does not have: hexadecimal, infinite, with a `+` or a
/// leading zero?
fn is_invalid_number(text: &[u8]) -> bool {
    let text = match text.first() {
        Some(b'+') => return true,
        Some(b'-') => &text[1..],
        _ => text,
    };
    match text.first() {
        Some(b'0') => matches!(text.get(1), Some(b'x' | b'X' | b'0'..=b'9')),
        Some(b'1'..=b'9') => false,
        _ => text.get(..3).is_some_and(|word| {
            word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
        }),
    }
}

/// How much of a text C's `strtod` would take.
fn number_length(text: &[u8]) -> usize {
    let at = |index: usize| text.get(index).copied().unwrap_or(0);
    let sign = usize::from(matches!(at(0), b'+' | b'-'));
    let word = |word: &[u8]| {
        let end = sign + word.len();
        text.get(sign..end)
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    if word(b"infinity") {
        return sign + 8;
    }
    if word(b"inf") {
        return sign + 3;
    }
    if word(b"nan") {
        // Which one, in parentheses.
        let rest = &text[sign + 3..];
        let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let name = rest.iter().skip(1).take_while(is_name).count();
        let named = rest.first() == Some(&b'(') && rest.get(1 + name) == Some(&b')');
        return sign + 3 + if named { name + 2 } else { 0 };
    }
    let hex = at(sign) == b'0' && matches!(at(sign + 1), b'x' | b'X');
    let is_digit = |byte: u8| match hex {
        true => byte.is_ascii_hexdigit(),
        false => byte.is_ascii_digit(),
    };
    let start = if hex { sign + 2 } else { sign };
    let mut end = start;
    let mut digits = 0;
    while is_digit(at(end)) {
        end += 1;
        digits += 1;
    }
    if at(end) == b'.' {
        let mut fraction = end + 1;
        while is_digit(at(fraction)) {
            fraction += 1;
            digits += 1;
        }
        end = fraction;
    }
    if digits == 0 {
        // `0x` alone is a zero.
        return if hex { sign + 1 } else { 0 };
    }
    let exponent = if hex { [b'p', b'P'] } else { [b'e', b'E'] };
    if exponent.contains(&at(end)) {
        let mut last = end + 1 + usize::from(matches!(at(end + 1), b'+' | b'-'));
        let first = last;
        while at(last).is_ascii_digit() {
            last += 1;
        }
        if last > first {
            end = last;
        }
    }
    end
}

fn parse_number(text: &[u8]) -> Option<f64> {
    // The common case, without a detour.
    if let Some(number) = crate::base::number::parse_i64(text)
        && number.unsigned_abs() < 1 << 53
        && !(number == 0 && text.starts_with(b"-"))
    {
        return Some(number as f64);
    }
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let word = unsigned.get(..3);
    if word.is_some_and(|word| word.eq_ignore_ascii_case(b"nan")) {
        return Some(f64::NAN);
    }
    parse_f64_as_c(text)
}
