//! Functions of the sandbox that must be Lua's own C functions: those that look at the table they
//! change, those whose errors bear the caller's position, and `math.random`.
//!
//! Part of the island, see [`super::bridge`]: nothing in here needs dropping when Lua raises.
#![allow(unsafe_code)]

use super::bridge::{self, Handle, References, bridge_of, key};
use super::value::{self, bytes};
use mlua::Lua;
use mlua::ffi::{self, lua_CFunction, lua_State};
use std::ffi::{CStr, c_int};

/// The state of `math.random` that every script starts with: that of a seed of 0.
pub(super) const SEED: u64 = 0x330E;
const RANDOM_MASK: u64 = (1 << 48) - 1;
const RANDOM_MAX: u64 = i32::MAX as u64;

/// A pattern is matched by recursion, an element a level: longer ones could exhaust the stack.
const PATTERN_BYTES_MAX: usize = 2000;

/// Functions by the name the prelude knows them by.
const NATIVES: &[(&str, lua_CFunction)] = &[
    ("call", bridge::call),
    ("pcall_command", bridge::pcall),
    ("pcall", pcall),
    ("readonly", readonly),
    ("missing", missing),
    ("loadstring", loadstring),
    ("random", random),
    ("randomseed", randomseed),
    ("collectgarbage", collectgarbage),
    ("rawset", rawset),
    ("setmetatable", setmetatable),
    ("raising", raising),
    ("raising_several", raising_several),
    ("raising_table", raising_table),
];

/// Functions of Lua's libraries that are called only after their arguments were looked at: tables
/// must not be protected, patterns must not be too long, numbers are read faster.
const GUARDED: &[(&str, &str, lua_CFunction)] = &[
    ("_G", "tonumber", tonumber),
    ("table", "insert", changing),
    ("table", "remove", changing),
    ("table", "sort", changing),
    ("table", "setn", changing),
    ("string", "find", matching),
    ("string", "match", matching),
    ("string", "gmatch", matching),
    ("string", "gfind", matching),
    ("string", "gsub", matching),
];

/// Makes the natives fields of `into`, each with the bridge as its upvalue, and puts the guarded
/// functions in the place of Lua's.
pub(super) fn install(lua: &Lua, into: &mlua::Table, bridge: Handle) -> mlua::Result<()> {
    let bridge = mlua::LightUserData(bridge.pointer().cast());
    into.raw_set("key", mlua::LightUserData(key()))?;
    for (name, function) in NATIVES {
        into.raw_set(*name, closure(lua, *function, bridge)?)?;
    }
    for (library, name, guard) in GUARDED {
        let library: mlua::Table = lua.globals().raw_get(*library)?;
        let original: mlua::Function = library.raw_get(*name)?;
        library.raw_set(*name, closure(lua, *guard, original)?)?;
    }
    Ok(())
}

/// A C function with one upvalue.
fn closure(
    lua: &Lua,
    function: lua_CFunction,
    upvalue: impl mlua::IntoLuaMulti,
) -> mlua::Result<mlua::Function> {
    // SAFETY: one value is on the stack, and one takes its place.
    unsafe { lua.exec_raw(upvalue, |state| ffi::lua_pushcclosure(state, function, 1)) }
}

/// A registry reference to a value.
pub(super) fn reference(lua: &Lua, value: impl mlua::IntoLuaMulti) -> mlua::Result<c_int> {
    let mut reference = ffi::LUA_NOREF;
    let pointer: *mut c_int = &mut reference;
    // SAFETY: one value is on the stack, and is popped; the pointer is used at once.
    unsafe {
        lua.exec_raw::<()>(value, |state| {
            *pointer = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
        })?;
    }
    Ok(reference)
}

/// The globals that are set for each script.
pub(super) const KEYS: &str = "KEYS";
pub(super) const ARGUMENTS: &str = "ARGV";

/// References to what every script needs.
pub(super) fn references(
    lua: &Lua,
    globals: &mlua::Table,
    open: &mlua::Table,
) -> mlua::Result<References> {
    Ok(References {
        globals: reference(lua, globals)?,
        open: reference(lua, open)?,
        handler: reference(lua, closure(lua, bridge::handler, mlua::Nil)?)?,
        enter: reference(lua, closure(lua, bridge::enter, mlua::Nil)?)?,
        keys: reference(lua, lua.create_string(KEYS)?)?,
        arguments: reference(lua, lua.create_string(ARGUMENTS)?)?,
    })
}

/// The main state of an interpreter.
pub(super) fn state_of(lua: &Lua) -> mlua::Result<*mut lua_State> {
    let mut found = std::ptr::null_mut();
    let pointer: *mut *mut lua_State = &mut found;
    // SAFETY: the pointer is used at once. Outside of coroutines this is the main state.
    unsafe { lua.exec_raw::<()>((), |state| *pointer = state)? };
    Ok(found)
}

/// Is the first argument a protected table?
unsafe fn is_protected(state: *mut lua_State) -> bool {
    // SAFETY: a C function has room for a few values.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE || ffi::lua_getmetatable(state, 1) == 0 {
            return false;
        }
        ffi::lua_rawgeti(state, -1, 1);
        let protected = ffi::lua_touserdata(state, -1) == key();
        ffi::lua_pop(state, 2);
        protected
    }
}

const READONLY: &CStr = c"Attempt to modify a readonly table";

unsafe fn refuse_protected(state: *mut lua_State) {
    // SAFETY: a C function may raise.
    unsafe {
        if is_protected(state) {
            ffi::lua_pushliteral(state, READONLY);
            ffi::lua_error(state);
        }
    }
}

/// The function that a guard stands before.
unsafe fn original(state: *mut lua_State) -> c_int {
    // SAFETY: the upvalue is one of Lua's own functions, which takes this one's arguments.
    unsafe {
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(function) => function(state),
            None => 0,
        }
    }
}

unsafe extern "C-unwind" fn changing(state: *mut lua_State) -> c_int {
    // SAFETY: as its parts.
    unsafe {
        refuse_protected(state);
        original(state)
    }
}

unsafe extern "C-unwind" fn matching(state: *mut lua_State) -> c_int {
    // SAFETY: as its parts.
    unsafe {
        let long = ffi::lua_type(state, 2) == ffi::LUA_TSTRING
            && ffi::lua_objlen(state, 2) > PATTERN_BYTES_MAX;
        // `find` may look for a text as it is.
        let plain =
            ffi::lua_type(state, 4) == ffi::LUA_TBOOLEAN && ffi::lua_toboolean(state, 4) != 0;
        if long && !plain {
            return ffi::luaL_error(state, c"pattern too complex".as_ptr());
        }
        original(state)
    }
}

/// `tonumber`: plain decimal numbers are read here, and everything else by Lua's own, which reads
/// each text twice, by C's `strtod`. Both round correctly, so it cannot be told which did.
unsafe extern "C-unwind" fn tonumber(state: *mut lua_State) -> c_int {
    // SAFETY: the type is looked at first.
    unsafe {
        if ffi::lua_gettop(state) == 1
            && ffi::lua_type(state, 1) == ffi::LUA_TSTRING
            && let Some(number) = value::plain_number(bytes(state, 1))
        {
            ffi::lua_pushnumber(state, number);
            return 1;
        }
        original(state)
    }
}

unsafe extern "C-unwind" fn rawset(state: *mut lua_State) -> c_int {
    // SAFETY: the types are checked first.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::luaL_checkany(state, 2);
        ffi::luaL_checkany(state, 3);
        refuse_protected(state);
        ffi::lua_settop(state, 3);
        ffi::lua_rawset(state, 1);
        1
    }
}

unsafe extern "C-unwind" fn setmetatable(state: *mut lua_State) -> c_int {
    // SAFETY: the types are checked first.
    unsafe {
        let kind = ffi::lua_type(state, 2);
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        if kind != ffi::LUA_TNIL && kind != ffi::LUA_TTABLE {
            return ffi::luaL_argerror(state, 2, c"nil or table expected".as_ptr());
        }
        refuse_protected(state);
        if ffi::luaL_getmetafield(state, 1, c"__metatable".as_ptr()) != 0 {
            return ffi::luaL_error(state, c"cannot change a protected metatable".as_ptr());
        }
        ffi::lua_settop(state, 2);
        ffi::lua_setmetatable(state, 1);
        1
    }
}

/// `__newindex` of protected tables.
unsafe extern "C-unwind" fn readonly(state: *mut lua_State) -> c_int {
    // SAFETY: a C function may raise.
    unsafe { ffi::luaL_error(state, READONLY.as_ptr()) }
}

/// `__index` of the globals: there is no such variable.
unsafe extern "C-unwind" fn missing(state: *mut lua_State) -> c_int {
    // SAFETY: the name is converted to a string before it is printed.
    unsafe {
        let name = ffi::lua_tolstring(state, 2, std::ptr::null_mut());
        let name = if name.is_null() { c"?".as_ptr() } else { name };
        ffi::luaL_error(
            state,
            c"Script attempted to access nonexistent global variable '%s'".as_ptr(),
            name,
        )
    }
}

/// `pcall`: an error of the server's is seen as its text.
unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    // SAFETY: the stack is as Lua's own function has it.
    unsafe {
        ffi::luaL_checkany(state, 1);
        let arguments = ffi::lua_gettop(state) - 1;
        if ffi::lua_pcall(state, arguments, ffi::LUA_MULTRET, 0) == ffi::LUA_OK {
            // The results may have filled the stack.
            if ffi::lua_checkstack(state, 1) == 0 {
                ffi::lua_settop(state, 0);
                ffi::lua_pushboolean(state, 0);
                ffi::lua_pushliteral(state, c"stack overflow");
                return 2;
            }
            ffi::lua_pushboolean(state, 1);
            ffi::lua_insert(state, 1);
            return ffi::lua_gettop(state);
        }
        if ffi::lua_type(state, -1) == ffi::LUA_TTABLE
            && value::push_field(state, -1, c"err") != ffi::LUA_TSTRING
        {
            ffi::lua_pop(state, 1);
        }
        ffi::lua_pushboolean(state, 0);
        ffi::lua_insert(state, -2);
        2
    }
}

/// `loadstring`, of text only: what is compiled already could do anything.
unsafe extern "C-unwind" fn loadstring(state: *mut lua_State) -> c_int {
    // SAFETY: the argument is checked; both strings stay on the stack.
    unsafe {
        ffi::luaL_checklstring(state, 1, std::ptr::null_mut());
        let text = bytes(state, 1);
        let name = ffi::luaL_optlstring(state, 2, text.as_ptr().cast(), std::ptr::null_mut());
        if text.first() == Some(&ffi::LUA_SIGNATURE[0]) {
            ffi::lua_pushnil(state);
            ffi::lua_pushliteral(state, c"attempt to load chunk that is not text");
            return 2;
        }
        if ffi::luaL_loadbuffer(state, text.as_ptr().cast(), text.len(), name) == ffi::LUA_OK {
            return 1;
        }
        ffi::lua_pushnil(state);
        ffi::lua_insert(state, -2);
        2
    }
}

/// `collectgarbage`, as far as a script cannot turn it off.
unsafe extern "C-unwind" fn collectgarbage(state: *mut lua_State) -> c_int {
    // SAFETY: the argument is checked.
    unsafe {
        let option = ffi::luaL_optlstring(state, 1, c"collect".as_ptr(), std::ptr::null_mut());
        match CStr::from_ptr(option).to_bytes() {
            b"count" => {
                let kilobytes = ffi::lua_gc(state, ffi::LUA_GCCOUNT, 0);
                let rest = ffi::lua_gc(state, ffi::LUA_GCCOUNTB, 0);
                ffi::lua_pushnumber(state, f64::from(kilobytes) + f64::from(rest) / 1024.0);
            }
            b"step" => {
                let done = ffi::lua_gc(state, ffi::LUA_GCSTEP, 0);
                ffi::lua_pushboolean(state, done);
            }
            b"collect" => {
                ffi::lua_gc(state, ffi::LUA_GCCOLLECT, 0);
                ffi::lua_pushnumber(state, 0.0);
            }
            b"stop" | b"restart" | b"setpause" | b"setstepmul" => ffi::lua_pushnumber(state, 0.0),
            _ => return ffi::luaL_argerror(state, 1, c"invalid option".as_ptr()),
        }
        1
    }
}

/// Makes a function of one that returns a value, or nil and why there is none: it raises that, with
/// its caller's position. Being one of C, it takes no level of its own in a traceback.
unsafe extern "C-unwind" fn raising(state: *mut lua_State) -> c_int {
    // SAFETY: as `wrap`.
    unsafe { wrap(state, raise_or_first) }
}

/// Likewise, of one that returns any number of values behind two nils.
unsafe extern "C-unwind" fn raising_several(state: *mut lua_State) -> c_int {
    // SAFETY: as `wrap`.
    unsafe { wrap(state, raise_or_rest) }
}

/// As [`raising`], but raises a table, as commands do.
unsafe extern "C-unwind" fn raising_table(state: *mut lua_State) -> c_int {
    // SAFETY: as `wrap`.
    unsafe { wrap(state, raise_table_or_first) }
}

unsafe fn wrap(state: *mut lua_State, function: lua_CFunction) -> c_int {
    // SAFETY: the argument is checked, and becomes the upvalue.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TFUNCTION);
        ffi::lua_settop(state, 1);
        ffi::lua_pushcclosure(state, function, 1);
        1
    }
}

/// Calls the function that is wrapped. True when it says why there is no value, second on the stack.
unsafe fn call_wrapped(state: *mut lua_State) -> bool {
    // SAFETY: the stack is the arguments' and then the results'.
    unsafe {
        let arguments = ffi::lua_gettop(state);
        ffi::luaL_checkstack(state, 4, std::ptr::null());
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, arguments, ffi::LUA_MULTRET);
        ffi::luaL_checkstack(state, 4, std::ptr::null());
        ffi::lua_gettop(state) >= 2 && ffi::lua_type(state, 2) != ffi::LUA_TNIL
    }
}

unsafe extern "C-unwind" fn raise_or_first(state: *mut lua_State) -> c_int {
    // SAFETY: as `call_wrapped`.
    unsafe {
        if call_wrapped(state) {
            raise_second(state);
        }
        ffi::lua_settop(state, 1);
        1
    }
}

unsafe extern "C-unwind" fn raise_or_rest(state: *mut lua_State) -> c_int {
    // SAFETY: as `call_wrapped`.
    unsafe {
        if call_wrapped(state) {
            raise_second(state);
        }
        (ffi::lua_gettop(state) - 2).max(0)
    }
}

unsafe fn raise_second(state: *mut lua_State) -> ! {
    // SAFETY: the message is second on the stack, where there is room for a few more values.
    unsafe {
        ffi::luaL_where(state, 1);
        match ffi::lua_type(state, 2) {
            ffi::LUA_TSTRING => push_as_called(state, bytes(state, 2)),
            _ => ffi::lua_pushvalue(state, 2),
        }
        ffi::lua_concat(state, 2);
        ffi::lua_error(state)
    }
}

/// Pushes a message. If it is of an argument, it gives the function the name its caller gave it,
/// which is none when that is no script.
unsafe fn push_as_called(state: *mut lua_State, message: &[u8]) {
    // SAFETY: `lua_getinfo` fills in the name, of the activation record of the running function.
    unsafe {
        let quotes = memchr::memchr_iter(b'\'', message);
        let mut quotes = quotes.take_while(|_| message.starts_with(b"bad argument #"));
        let (Some(open), Some(close)) = (quotes.next(), quotes.next()) else {
            return value::push_bytes(state, message);
        };
        let mut record: ffi::lua_Debug = std::mem::zeroed();
        let found = ffi::lua_getstack(state, 0, &mut record) != 0
            && ffi::lua_getinfo(state, c"n".as_ptr(), &mut record) != 0;
        value::push_bytes(state, &message[..=open]);
        let named = found && !record.name.is_null();
        ffi::lua_pushstring(state, if named { record.name } else { c"?".as_ptr() });
        value::push_bytes(state, &message[close..]);
        ffi::lua_concat(state, 3);
    }
}

unsafe extern "C-unwind" fn raise_table_or_first(state: *mut lua_State) -> c_int {
    // SAFETY: as `call_wrapped`.
    unsafe {
        if call_wrapped(state) {
            ffi::lua_createtable(state, 0, 1);
            ffi::lua_pushvalue(state, 2);
            ffi::lua_setfield(state, -2, c"err".as_ptr());
            ffi::lua_error(state);
        }
        ffi::lua_settop(state, 1);
        1
    }
}

/// `math.random`, by the 48-bit congruential generator of `lrand48`: a script draws the same
/// numbers each time it runs.
unsafe extern "C-unwind" fn random(state: *mut lua_State) -> c_int {
    // SAFETY: the arguments are checked.
    unsafe {
        let bridge = bridge_of(state);
        let next = (*bridge)
            .random
            .wrapping_mul(0x5_DEEC_E66D)
            .wrapping_add(0xB);
        let next = next & RANDOM_MASK;
        (*bridge).random = next;
        let drawn = ((next >> 17) % RANDOM_MAX) as f64 / RANDOM_MAX as f64;
        let count = ffi::lua_gettop(state);
        let (low, high) = match count {
            0 => {
                ffi::lua_pushnumber(state, drawn);
                return 1;
            }
            1 => (1, ffi::luaL_checkinteger(state, 1)),
            2 => (
                ffi::luaL_checkinteger(state, 1),
                ffi::luaL_checkinteger(state, 2),
            ),
            _ => return ffi::luaL_error(state, c"wrong number of arguments".as_ptr()),
        };
        if low > high {
            return ffi::luaL_argerror(state, count, c"interval is empty".as_ptr());
        }
        let span = high as f64 - low as f64 + 1.0;
        ffi::lua_pushnumber(state, (drawn * span).floor() + low as f64);
        1
    }
}

unsafe extern "C-unwind" fn randomseed(state: *mut lua_State) -> c_int {
    // SAFETY: the argument is checked.
    unsafe {
        let seed = ffi::luaL_checkinteger(state, 1) as u32;
        (*bridge_of(state)).random = (u64::from(seed) << 16) + SEED;
        0
    }
}
