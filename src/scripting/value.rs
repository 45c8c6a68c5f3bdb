//! Values on Lua's stack, as Rust sees them, and the texts Redis gives to numbers.
//!
//! Part of the island, see [`super::bridge`]: nothing in here needs dropping when Lua raises.
#![allow(unsafe_code)]

use mlua::ffi::{self, lua_State};
use std::ffi::{CStr, c_int};

/// The bytes of a string on the stack.
///
/// # Safety
/// The value at `index` is a string, and stays on the stack while the bytes are used.
pub(super) unsafe fn bytes<'a>(state: *mut lua_State, index: c_int) -> &'a [u8] {
    let mut len = 0;
    // SAFETY: a string is not converted, so its memory is where it was.
    unsafe {
        let start = ffi::lua_tolstring(state, index, &mut len);
        std::slice::from_raw_parts(start.cast(), len)
    }
}

/// Pushes a string.
///
/// # Safety
/// There is room on the stack. May raise.
pub(super) unsafe fn push_bytes(state: *mut lua_State, bytes: &[u8]) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_pushlstring(state, bytes.as_ptr().cast(), bytes.len());
    }
}

/// What a value is called in an error: a string itself, a number's text, else the type's name.
///
/// # Safety
/// `index` is valid and counts from the top. May raise.
pub(super) unsafe fn display<'a>(state: *mut lua_State, index: c_int) -> &'a [u8] {
    // SAFETY: what is pushed stays on the stack until the C function that runs returns.
    unsafe {
        match ffi::lua_type(state, index) {
            ffi::LUA_TSTRING | ffi::LUA_TNUMBER => bytes(state, index),
            ffi::LUA_TBOOLEAN if ffi::lua_toboolean(state, index) != 0 => b"true",
            ffi::LUA_TBOOLEAN => b"false",
            ffi::LUA_TNIL | ffi::LUA_TNONE => b"nil",
            other => {
                if ffi::luaL_callmeta(state, index, c"__tostring".as_ptr()) != 0
                    && ffi::lua_type(state, -1) == ffi::LUA_TSTRING
                {
                    return bytes(state, -1);
                }
                CStr::from_ptr(ffi::lua_typename(state, other)).to_bytes()
            }
        }
    }
}

/// A field of a table on the stack, if it is a string; the string stays on the stack.
///
/// # Safety
/// There is a table at `index`, which counts from the top. May raise.
pub(super) unsafe fn string_field<'a>(
    state: *mut lua_State,
    index: c_int,
    name: &'static CStr,
) -> Option<&'a [u8]> {
    // SAFETY: a raw access runs no code of the script's.
    unsafe {
        match push_field(state, index, name) {
            ffi::LUA_TSTRING => Some(bytes(state, -1)),
            _ => {
                ffi::lua_pop(state, 1);
                None
            }
        }
    }
}

/// Pushes a field of a table on the stack, and returns its type.
///
/// # Safety
/// As for [`string_field`].
pub(super) unsafe fn push_field(state: *mut lua_State, index: c_int, name: &'static CStr) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_pushliteral(state, name);
        ffi::lua_rawget(state, if index < 0 { index - 1 } else { index });
        ffi::lua_type(state, -1)
    }
}

/// Is a field of a table on the stack true?
///
/// # Safety
/// As for [`string_field`].
pub(super) unsafe fn field_is_true(
    state: *mut lua_State,
    index: c_int,
    name: &'static CStr,
) -> bool {
    // SAFETY: the caller's.
    unsafe {
        push_field(state, index, name);
        let is_true = ffi::lua_toboolean(state, -1) != 0;
        ffi::lua_pop(state, 1);
        is_true
    }
}

/// A number as an integer: its whole part; what does not fit 64 bits is the least of them, as on
/// the processors Redis runs on.
pub(super) fn truncated(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// The value of a decimal number of at most so many bytes, with neither exponent nor anything around
/// it; `None` for everything else, be it a number or not.
pub(super) fn plain_number(text: &[u8]) -> Option<f64> {
    const BYTES_MAX: usize = 32;
    /// Below this, all integers are doubles; and so are these powers of ten: then a quotient of the
    /// two is rounded once.
    const EXACT: u64 = 1 << 53;
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.len() > BYTES_MAX || !digits.first()?.is_ascii_digit() {
        return None;
    }
    let (mut whole, mut point) = (0_u64, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => whole = whole.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')),
            b'.' if point.is_none() => point = Some(at + 1),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |at| digits.len() - at);
    let magnitude = match digits.len() <= 17 && whole < EXACT && decimals < POWERS.len() {
        true => whole as f64 / POWERS[decimals],
        false => std::str::from_utf8(digits).ok()?.parse().ok()?,
    };
    Some(match text.first() {
        Some(b'-') => -magnitude,
        _ => magnitude,
    })
}

/// Appends a number as an argument of a command: with 17 digits, an integer without a point.
pub(super) fn number_text(number: f64, out: &mut Vec<u8>) {
    let whole = truncated(number);
    if whole as f64 == number
        && whole.unsigned_abs() < 1 << 53
        && (whole != 0 || number.is_sign_positive())
    {
        let mut digits = itoa::Buffer::new();
        out.extend_from_slice(digits.format(whole).as_bytes());
        return;
    }
    super::format::general(number, 17, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_are_read_as_everywhere() {
        for text in [
            "0",
            "-0",
            "7",
            "-12",
            "1.5",
            "1.",
            "0.1",
            "9007199254740991",
            "9007199254740993",
            "1700000000012345",
            "8.9999799999999999",
            "0.30000000000000004",
            "123456789.123456789",
            "00000000000000000000000000000001",
            "0.0000000000000000000001",
            "99999999999999999.5",
            "12345678901234567890123456789012",
        ] {
            let expected: f64 = text.parse().expect("a number");
            let read = plain_number(text.as_bytes()).expect("a plain one");
            assert_eq!(read.to_bits(), expected.to_bits(), "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            ".5",
            "+1",
            " 1",
            "1 ",
            "1e3",
            "0x10",
            "inf",
            "nan",
            "1.2.3",
            "1_0",
            "123456789012345678901234567890123",
            "--1",
            "1\0",
        ] {
            assert_eq!(plain_number(text.as_bytes()), None, "{text}");
        }
    }
}
