//! Replies between the server and scripts: what a command replied becomes values of Lua, and what
//! a script returns becomes a reply.
//!
//! Part of the island, see [`super::bridge`]: nothing in here needs dropping when Lua raises.
#![allow(unsafe_code)]

use super::value::{self, bytes, push_bytes, push_field};
use crate::protocol::{Output, Protocol, Reply};
use mlua::ffi::{self, lua_State};
use std::ffi::{CStr, c_int};

/// Tables nested deeper than this are not replied.
const DEPTH_MAX: usize = 1000;
/// Commands' replies are nested less deeply than this.
const REPLY_DEPTH_MAX: usize = 64;

/// Room on the stack for what stands for a part of a reply that has no parts itself.
const ROOM: c_int = 6;

/// Pushes the value that a whole reply, as bytes, stands for.
///
/// # Safety
/// As for any C function of Lua; may raise.
pub(super) unsafe fn push(state: *mut lua_State, reply: &[u8], protocol: Protocol) {
    // SAFETY: the caller's.
    unsafe {
        ffi::luaL_checkstack(state, ROOM, std::ptr::null());
        push_part(state, reply, 0, (protocol, REPLY_DEPTH_MAX));
    }
}

/// A line of a reply from `at` on, without its end, and where the next one begins.
fn line(reply: &[u8], at: usize) -> (&[u8], usize) {
    let rest = reply.get(at..).unwrap_or_default();
    let len = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
    (&rest[..len], at + len + 2)
}

fn number(text: &[u8]) -> i64 {
    /// As most lengths and counts are.
    const SHORT_MAX: usize = 9;
    if text.len() <= SHORT_MAX && text.iter().all(u8::is_ascii_digit) {
        let digit = |byte: &u8| i64::from(byte - b'0');
        return text
            .iter()
            .fold(0, |number, byte| number * 10 + digit(byte));
    }
    crate::base::number::parse_i64(text).unwrap_or(-1)
}

/// Pushes the part of a reply that begins at `at`; returns where it ends.
unsafe fn push_part(
    state: *mut lua_State,
    reply: &[u8],
    at: usize,
    (protocol, depth): (Protocol, usize),
) -> usize {
    let (head, next) = line(reply, at);
    let (Some(kind), Some(depth)) = (head.first(), depth.checked_sub(1)) else {
        // SAFETY: there is room for one value.
        unsafe { ffi::lua_pushnil(state) };
        return next;
    };
    let text = &head[1..];
    // SAFETY: the caller has made room.
    unsafe {
        match kind {
            b'$' => return push_bulk(state, reply, (number(text), next)),
            b':' => ffi::lua_pushnumber(state, number(text) as f64),
            b'*' => return push_array(state, reply, (number(text), next), (protocol, depth)),
            b'+' => push_in_table(state, c"ok", text),
            b'-' => push_error(state, text, true),
            b'_' => ffi::lua_pushnil(state),
            b'#' => ffi::lua_pushboolean(state, (text == b"t").into()),
            b',' => {
                ffi::lua_createtable(state, 0, 1);
                ffi::lua_pushliteral(state, c"double");
                let number = crate::base::float::parse_f64_as_c(text);
                ffi::lua_pushnumber(state, number.unwrap_or(f64::NAN));
                ffi::lua_rawset(state, -3);
            }
            b'(' => push_in_table(state, c"big_number", text),
            b'=' => return push_verbatim(state, reply, (number(text), next)),
            b'%' => return push_pairs(state, reply, (number(text), next), (protocol, depth), true),
            b'~' => {
                return push_pairs(state, reply, (number(text), next), (protocol, depth), false);
            }
            _ => ffi::lua_pushnil(state),
        }
    }
    next
}

unsafe fn push_bulk(state: *mut lua_State, reply: &[u8], (len, at): (i64, usize)) -> usize {
    // SAFETY: the caller has made room.
    unsafe {
        let Ok(len) = usize::try_from(len) else {
            ffi::lua_pushboolean(state, 0);
            return at;
        };
        push_bytes(state, reply.get(at..at + len).unwrap_or_default());
        at + len + 2
    }
}

unsafe fn push_array(
    state: *mut lua_State,
    reply: &[u8],
    (count, mut at): (i64, usize),
    nested: (Protocol, usize),
) -> usize {
    // SAFETY: the caller has made room.
    unsafe {
        if count < 0 {
            ffi::lua_pushboolean(state, 0);
            return at;
        }
        ffi::luaL_checkstack(state, ROOM, std::ptr::null());
        ffi::lua_createtable(state, count.min(1 << 20) as c_int, 0);
        for index in 1..=count {
            at = push_part(state, reply, at, nested);
            ffi::lua_rawseti(state, -2, index);
        }
        at
    }
}

/// Pushes `{ map = {…} }` or `{ set = {…} }`.
unsafe fn push_pairs(
    state: *mut lua_State,
    reply: &[u8],
    (count, mut at): (i64, usize),
    nested: (Protocol, usize),
    is_map: bool,
) -> usize {
    // SAFETY: the caller has made room. A key that is nil or no number is left out.
    unsafe {
        ffi::luaL_checkstack(state, 4 + ROOM, std::ptr::null());
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushliteral(state, if is_map { c"map" } else { c"set" });
        ffi::lua_createtable(state, 0, count.clamp(0, 1 << 20) as c_int);
        for _ in 0..count {
            at = push_part(state, reply, at, nested);
            if is_map {
                at = push_part(state, reply, at, nested);
            } else {
                ffi::lua_pushboolean(state, 1);
            }
            if ffi::lua_type(state, -2) == ffi::LUA_TNIL {
                ffi::lua_pop(state, 2);
            } else {
                ffi::lua_rawset(state, -3);
            }
        }
        ffi::lua_rawset(state, -3);
        at
    }
}

unsafe fn push_verbatim(state: *mut lua_State, reply: &[u8], (len, at): (i64, usize)) -> usize {
    let len = usize::try_from(len).unwrap_or(0);
    let whole = reply.get(at..at + len).unwrap_or_default();
    let (format, text) = whole.split_at_checked(4).unwrap_or((b"txt:", whole));
    // SAFETY: the caller has made room.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushliteral(state, c"verbatim_string");
        ffi::lua_createtable(state, 0, 2);
        ffi::lua_pushliteral(state, c"string");
        push_bytes(state, text);
        ffi::lua_rawset(state, -3);
        ffi::lua_pushliteral(state, c"format");
        push_bytes(state, &format[..3]);
        ffi::lua_rawset(state, -3);
        ffi::lua_rawset(state, -3);
    }
    at + len + 2
}

unsafe fn push_in_table(state: *mut lua_State, name: &'static CStr, text: &[u8]) {
    // SAFETY: the caller has made room.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushliteral(state, name);
        push_bytes(state, text);
        ffi::lua_rawset(state, -3);
    }
}

/// Pushes an error's table. `counted`: it is in the statistics already.
///
/// # Safety
/// As for any C function of Lua; may raise.
pub(super) unsafe fn push_error(state: *mut lua_State, text: &[u8], counted: bool) {
    // SAFETY: room is made first.
    unsafe {
        ffi::luaL_checkstack(state, 4, std::ptr::null());
        push_in_table(state, c"err", text);
        if counted {
            ffi::lua_pushliteral(state, c"ignore_error_stats_update");
            ffi::lua_pushboolean(state, 1);
            ffi::lua_rawset(state, -3);
        }
    }
}

/// Writes what is on top of the stack as the script's reply. False when it is nested too deeply or
/// longer than `bytes_max`.
///
/// # Safety
/// As for any C function of Lua; may raise.
pub(super) unsafe fn write(
    state: *mut lua_State,
    out: &mut Output,
    protocol: Protocol,
    resp3: bool,
    bytes_max: usize,
) -> bool {
    let mut writer = Writer {
        state,
        resp3,
        bytes_end: out.len().saturating_add(bytes_max),
        reply: Reply::new(out, protocol),
    };
    // SAFETY: the value is on top of the stack.
    unsafe { writer.value(DEPTH_MAX) }
}

struct Writer<'a> {
    state: *mut lua_State,
    resp3: bool,
    bytes_end: usize,
    reply: Reply<'a>,
}

impl Writer<'_> {
    /// Writes and pops the value on top of the stack.
    unsafe fn value(&mut self, depth: usize) -> bool {
        let state = self.state;
        // SAFETY: room is made before anything is pushed.
        unsafe {
            if depth == 0
                || ffi::lua_checkstack(state, 6) == 0
                || self.reply.output().len() > self.bytes_end
            {
                return false;
            }
            let fits = match ffi::lua_type(state, -1) {
                ffi::LUA_TSTRING => {
                    self.reply.bulk(bytes(state, -1));
                    true
                }
                ffi::LUA_TNUMBER => {
                    self.reply
                        .int(value::truncated(ffi::lua_tonumber(state, -1)));
                    true
                }
                ffi::LUA_TBOOLEAN => {
                    let is_true = ffi::lua_toboolean(state, -1) != 0;
                    match (self.resp3, is_true) {
                        (true, _) => self.reply.bool(is_true),
                        (false, true) => self.reply.int(1),
                        (false, false) => self.reply.null(),
                    }
                    true
                }
                ffi::LUA_TTABLE => self.table(depth - 1),
                _ => {
                    self.reply.null();
                    true
                }
            };
            ffi::lua_pop(state, 1);
            fits
        }
    }

    /// Writes the table on top of the stack.
    unsafe fn table(&mut self, depth: usize) -> bool {
        let state = self.state;
        // SAFETY: the caller has made room; what is pushed is popped again.
        unsafe {
            if let Some(text) = value::string_field(state, -1, c"err") {
                // Borrowed from Lua: nothing is raised while it is written.
                self.reply.error_line(text);
                ffi::lua_pop(state, 1);
                return true;
            }
            if let Some(text) = value::string_field(state, -1, c"ok") {
                self.reply.simple_line(text);
                ffi::lua_pop(state, 1);
                return true;
            }
            if push_field(state, -1, c"double") == ffi::LUA_TNUMBER {
                let number = ffi::lua_tonumber(state, -1);
                ffi::lua_pop(state, 1);
                self.reply.double(number);
                return true;
            }
            ffi::lua_pop(state, 1);
            if push_field(state, -1, c"map") == ffi::LUA_TTABLE {
                return self.pairs(depth, true);
            }
            ffi::lua_pop(state, 1);
            if push_field(state, -1, c"set") == ffi::LUA_TTABLE {
                return self.pairs(depth, false);
            }
            ffi::lua_pop(state, 1);
            if let Some(text) = value::string_field(state, -1, c"big_number") {
                self.reply.big_number_line(text);
                ffi::lua_pop(state, 1);
                return true;
            }
            if push_field(state, -1, c"verbatim_string") == ffi::LUA_TTABLE {
                let written = self.verbatim();
                ffi::lua_pop(state, 1);
                if written {
                    return true;
                }
            } else {
                ffi::lua_pop(state, 1);
            }
            self.array(depth)
        }
    }

    /// Writes the table on top of the stack up to its first nil.
    unsafe fn array(&mut self, depth: usize) -> bool {
        let state = self.state;
        // SAFETY: as `table`.
        unsafe {
            let mut count = 0;
            loop {
                ffi::lua_rawgeti(state, -1, count + 1);
                let ends = ffi::lua_type(state, -1) == ffi::LUA_TNIL;
                ffi::lua_pop(state, 1);
                if ends {
                    break;
                }
                count += 1;
            }
            self.reply.array(count as usize);
            for index in 1..=count {
                ffi::lua_rawgeti(state, -1, index);
                if !self.value(depth) {
                    return false;
                }
            }
            true
        }
    }

    /// Writes the table on top of the stack as a map or a set, and pops it.
    unsafe fn pairs(&mut self, depth: usize, is_map: bool) -> bool {
        let state = self.state;
        // SAFETY: as `table`. The key is copied before it is written, so `lua_next` finds it.
        unsafe {
            let mut count = 0;
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, -2) != 0 {
                ffi::lua_pop(state, 1);
                count += 1;
            }
            if is_map {
                self.reply.map(count);
            } else {
                self.reply.set(count);
            }
            ffi::lua_pushnil(state);
            while ffi::lua_next(state, -2) != 0 {
                ffi::lua_pushvalue(state, -2);
                if !self.value(depth) {
                    return false;
                }
                if !is_map {
                    ffi::lua_pop(state, 1);
                } else if !self.value(depth) {
                    return false;
                }
            }
            ffi::lua_pop(state, 1);
            true
        }
    }

    /// Writes the table on top of the stack as a verbatim string, if it is one.
    unsafe fn verbatim(&mut self) -> bool {
        let state = self.state;
        // SAFETY: as `table`.
        unsafe {
            let Some(format) = value::string_field(state, -1, c"format") else {
                return false;
            };
            let mut kind = *b"txt";
            for (to, from) in kind.iter_mut().zip(format) {
                *to = *from;
            }
            let written = match value::string_field(state, -2, c"string") {
                Some(text) => {
                    self.reply.verbatim(&kind, text);
                    ffi::lua_pop(state, 1);
                    true
                }
                None => false,
            };
            ffi::lua_pop(state, 1);
            written
        }
    }
}
