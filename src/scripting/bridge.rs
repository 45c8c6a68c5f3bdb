//! The bridge between Lua's stack and the server: entering a script, `redis.call`, and what may
//! interrupt it.
//!
//! This is an island of `unsafe`: it speaks Lua's C interface. One rule carries it. Lua raises
//! errors by `longjmp`, which runs no destructors: so a function that may raise (anything that
//! allocates in Lua) holds nothing that needs one. What has to own memory for longer keeps it in the
//! [`Bridge`], which outlives every script; calls into Rust that may panic are caught before they
//! reach Lua's frames.
#![allow(unsafe_code)]

use super::chunk::{self, Sees};
use super::functions::FunctionInfo;
use super::{Called, Host, reply, value};
use crate::error::Error;
use crate::protocol::{Args, Output, Protocol, Span};
use mlua::ffi::{self, lua_State};
use std::any::Any;
use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// Instructions of the interpreter between two looks at the clock, about a tenth of a millisecond.
const TICK_INSTRUCTIONS: c_int = 10_000;
/// Arguments of one `redis.call`.
const ARGUMENTS_MAX: c_int = 8000;

/// What a thread's interpreter shares with the server.
pub(super) struct Bridge {
    state: *mut lua_State,
    host: Option<NonNull<dyn Host>>,
    /// The script is to end, whatever it catches.
    ending: bool,
    /// The interpreter looks at the clock now and then.
    ticks: bool,
    panic: Option<Box<dyn Any + Send>>,
    /// The protocol in which the script wants replies (`redis.setresp`).
    pub(super) protocol: Protocol,
    /// State of `math.random`.
    pub(super) random: u64,
    /// The arguments of a call, and its reply.
    text: Vec<u8>,
    spans: Vec<Span>,
    out: Output,
    /// A reply in one piece, or an error.
    pub(super) flat: Vec<u8>,
    /// Where the last error was raised: the source (`@user_script`) and the line.
    source: Vec<u8>,
    line: c_int,
    pub(super) references: References,
    /// The functions that a library has registered while it is loaded.
    pub(super) registered: Option<Vec<(FunctionInfo, c_int)>>,
}

/// The bridge, for functions of the sandbox: they live no longer than it does.
#[derive(Clone, Copy)]
pub(super) struct Handle(NonNull<Bridge>);

impl Handle {
    /// To a bridge in its place.
    pub(super) fn to(bridge: &mut Bridge) -> Handle {
        Handle(NonNull::from(bridge))
    }

    /// The bridge's address, for Lua's C functions.
    pub(super) fn pointer(self) -> *mut Bridge {
        self.0.as_ptr()
    }

    /// Works with the bridge. Not to be called within itself.
    pub(super) fn with<T>(self, work: impl FnOnce(&mut Bridge) -> T) -> T {
        // SAFETY: the interpreter that holds the handle is dropped before its bridge, and calls one
        // function at a time.
        work(unsafe { &mut *self.0.as_ptr() })
    }
}

/// A compiled chunk or a function: registry references.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) function: c_int,
    /// The table in which it looks for `KEYS` and `ARGV`, if it is a script.
    pub(super) globals: c_int,
}

/// Registry references of what every script needs.
#[derive(Default)]
pub(super) struct References {
    pub(super) globals: c_int,
    /// The same, with libraries as they are: see [`chunk::Sees`].
    pub(super) open: c_int,
    pub(super) handler: c_int,
    /// [`enter`], and the names of the two globals that it sets.
    pub(super) enter: c_int,
    pub(super) keys: c_int,
    pub(super) arguments: c_int,
}

/// What a run is made of.
pub(super) struct Frame<'a> {
    bridge: *mut Bridge,
    /// What to call.
    code: Code,
    args: Args<'a>,
    keys: (usize, usize),
    /// Functions get keys and arguments as parameters, scripts as globals.
    as_parameters: bool,
    out: *mut Output,
    protocol: Protocol,
    reply_max: usize,
    status: c_int,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its reply is written.
    Replied,
    /// With an error, whose text is in `flat`, and whether it has been counted.
    Failed { counted: bool },
    /// The host wanted it to end.
    Stopped,
}

/// The address that marks what belongs to this bridge in Lua's registry and metatables.
static KEY: u8 = 0;

pub(super) fn key() -> *mut c_void {
    (&raw const KEY).cast_mut().cast()
}

impl Bridge {
    /// For a new interpreter, whose main state this is.
    pub(super) fn new(state: *mut lua_State) -> Bridge {
        Bridge {
            state,
            host: None,
            ending: false,
            ticks: false,
            panic: None,
            protocol: Protocol::Resp2,
            random: 0,
            text: Vec::new(),
            spans: Vec::new(),
            out: Output::default(),
            flat: Vec::new(),
            source: Vec::new(),
            line: 0,
            references: References::default(),
            registered: None,
        }
    }

    /// Lets the interpreter find the bridge.
    pub(super) fn install(&mut self) {
        let bridge: *mut Bridge = self;
        // SAFETY: the state lives as long as the interpreter that owns the bridge.
        unsafe {
            ffi::lua_pushlightuserdata(self.state, key());
            ffi::lua_pushlightuserdata(self.state, bridge.cast());
            ffi::lua_rawset(self.state, ffi::LUA_REGISTRYINDEX);
        }
    }

    /// Compiles a chunk of text, or says what the compiler complains of.
    /// `environment`: a reference to its globals, if they are not those of scripts.
    pub(super) fn load(
        &mut self,
        name: &CStr,
        body: &[u8],
        environment: Option<c_int>,
    ) -> Result<Code, Vec<u8>> {
        let mut load = Load {
            name,
            body,
            environment,
            code: Code {
                function: ffi::LUA_NOREF,
                globals: self.references.globals,
            },
            bridge: self,
        };
        self.flat.clear();
        // What is compiled already could do anything.
        if body.first() == Some(&ffi::LUA_SIGNATURE[0]) {
            return Err(BINARY.to_vec());
        }
        let pointer: *mut Load<'_> = &mut load;
        // SAFETY: `compile` gets the pointer while `load` lives.
        let status = unsafe { ffi::lua_cpcall(self.state, compile, pointer.cast()) };
        if status != ffi::LUA_OK {
            self.take_text();
        }
        let code = load.code;
        match code.function {
            ffi::LUA_NOREF => Err(self.flat.clone()),
            _ => Ok(code),
        }
    }

    /// Takes the error on top of the stack, as text.
    fn take_text(&mut self) {
        self.flat.clear();
        // SAFETY: an error is on the stack; converting a string allocates nothing.
        unsafe {
            if ffi::lua_type(self.state, -1) == ffi::LUA_TSTRING {
                let text = value::bytes(self.state, -1);
                self.flat.extend_from_slice(text);
            }
            ffi::lua_pop(self.state, 1);
        }
    }

    /// Forgets a compiled chunk.
    pub(super) fn unload(&mut self, reference: c_int) {
        // SAFETY: the reference came from `load`; freeing it allocates nothing.
        unsafe { ffi::luaL_unref(self.state, ffi::LUA_REGISTRYINDEX, reference) }
    }

    /// Has a function no upvalues but strings, numbers and the like?
    pub(super) fn holds_plain_values(&mut self, reference: c_int) -> bool {
        const PLAIN: [c_int; 3] = [ffi::LUA_TSTRING, ffi::LUA_TNUMBER, ffi::LUA_TBOOLEAN];
        // SAFETY: outside of every call there is room on the stack; reading allocates nothing.
        unsafe {
            ffi::lua_rawgeti(self.state, ffi::LUA_REGISTRYINDEX, reference.into());
            let mut plain = ffi::lua_iscfunction(self.state, -1) == 0;
            for index in 1.. {
                if ffi::lua_getupvalue(self.state, -1, index).is_null() {
                    break;
                }
                plain &= PLAIN.contains(&ffi::lua_type(self.state, -1));
                ffi::lua_pop(self.state, 1);
            }
            ffi::lua_pop(self.state, 1);
            plain
        }
    }

    /// Runs a compiled function. `keys` are the first and the end of the keys among `args`; what
    /// follows them are the script's arguments.
    pub(super) fn run(
        &mut self,
        host: &mut dyn Host,
        (code, as_parameters, may_loop): (Code, bool, bool),
        (args, keys): (Args<'_>, (usize, usize)),
        (out, protocol): (&mut Output, Protocol),
        reply_max: usize,
    ) -> Ended {
        let mark = out.mark();
        let mut frame = Frame {
            bridge: self,
            code,
            args,
            keys,
            as_parameters,
            out,
            protocol,
            reply_max,
            status: ffi::LUA_OK,
        };
        self.begin(host, may_loop);
        let pointer: *mut Frame<'_> = &mut frame;
        // SAFETY: `enter` gets the pointer while `frame`, `out` and the host live. Outside of every
        // call the stack is all but empty, and has room; what is pushed allocates nothing.
        let status = unsafe {
            debug_assert!(ffi::lua_gettop(self.state) < ffi::LUA_MINSTACK - 2);
            ffi::lua_rawgeti(
                self.state,
                ffi::LUA_REGISTRYINDEX,
                self.references.enter.into(),
            );
            ffi::lua_pushlightuserdata(self.state, pointer.cast());
            ffi::lua_pcall(self.state, 1, 0, 0)
        };
        let inner = frame.status;
        self.end();
        if self.ending {
            self.restore();
            out.truncate(mark);
            return Ended::Stopped;
        }
        if status == ffi::LUA_OK && inner == ffi::LUA_OK {
            return Ended::Replied;
        }
        out.truncate(mark);
        if status != ffi::LUA_OK {
            self.take_text();
            self.line = 0;
        }
        Ended::Failed {
            counted: inner == COUNTED,
        }
    }

    fn begin(&mut self, host: &mut dyn Host, may_loop: bool) {
        // SAFETY: only the lifetime is forgotten; `end` takes the pointer back before `run` returns,
        // and nothing in between unwinds.
        let host: &'static mut dyn Host = unsafe { std::mem::transmute(host) };
        self.host = Some(NonNull::from(host));
        self.protocol = Protocol::Resp2;
        self.random = super::natives::SEED;
        self.ending = false;
        self.line = 0;
        self.flat.clear();
        if self.ticks != may_loop {
            self.ticks = may_loop;
            self.restore();
        }
    }

    /// Takes the host back. A panic that happened in it goes on.
    fn end(&mut self) {
        self.host = None;
        if let Some(panic) = self.panic.take() {
            self.restore();
            std::panic::resume_unwind(panic);
        }
    }

    /// Lets the interpreter look at the clock, or not: that takes a few percent.
    fn restore(&mut self) {
        let (mask, count) = match self.ticks {
            true => (ffi::LUA_MASKCOUNT, TICK_INSTRUCTIONS),
            false => (0, 0),
        };
        // SAFETY: setting a hook allocates nothing.
        unsafe {
            ffi::lua_sethook(self.state, Some(tick), mask, count);
        }
    }

    /// The host, for what a script asks of it outside of commands.
    pub(super) fn host(&mut self) -> Option<&mut (dyn Host + 'static)> {
        // SAFETY: set while `run` holds the host exclusively, and used by one call at a time.
        self.host.map(|mut host| unsafe { host.as_mut() })
    }

    /// Where the last error was raised.
    pub(super) fn position(&self) -> Option<(&[u8], i64)> {
        (self.line > 0).then_some((&self.source[..], self.line.into()))
    }

    /// Runs a command whose arguments are on the stack. Raises nothing.
    ///
    /// # Safety
    /// `state` is running a C function of this interpreter.
    unsafe fn command(&mut self, state: *mut lua_State) -> Result<(), Refused> {
        self.out.clear();
        // SAFETY: reading strings and numbers allocates nothing.
        unsafe { self.gather(state) }.map_err(Refused::With)?;
        let Some(mut host) = self.host else {
            return Err(Refused::With(Error::script_without_client()));
        };
        if self.ending {
            return Err(Refused::Ending);
        }
        let args = Args::new(&self.text, &self.spans);
        let (protocol, out) = (self.protocol, &mut self.out);
        // SAFETY: see `host`.
        let host = unsafe { host.as_mut() };
        let called = catch_unwind(AssertUnwindSafe(|| host.call(args, protocol, out)));
        match called {
            Ok(Called::Replied) => Ok(()),
            Ok(Called::Ends) => {
                self.ending = true;
                Err(Refused::Ending)
            }
            Err(panic) => {
                self.panic = Some(panic);
                self.ending = true;
                Err(Refused::Ending)
            }
        }
    }

    /// Copies the arguments of a call from the stack.
    ///
    /// # Safety
    /// As for [`Bridge::command`].
    unsafe fn gather(&mut self, state: *mut lua_State) -> Result<(), Error> {
        self.text.clear();
        self.spans.clear();
        // SAFETY: indices are within the stack.
        let count = unsafe { ffi::lua_gettop(state) };
        if count == 0 {
            return Err(Error::script_no_arguments());
        }
        if count > ARGUMENTS_MAX {
            return Err(Error::script_arguments());
        }
        for index in 1..=count {
            let start = self.text.len();
            // SAFETY: as above.
            unsafe {
                match ffi::lua_type(state, index) {
                    ffi::LUA_TSTRING => self.text.extend_from_slice(value::bytes(state, index)),
                    ffi::LUA_TNUMBER => {
                        value::number_text(ffi::lua_tonumber(state, index), &mut self.text);
                    }
                    _ => return Err(Error::script_arguments()),
                }
            }
            let span = Span::new(start, self.text.len() - start);
            self.spans.push(span);
        }
        Ok(())
    }

    /// The reply of the last command, in one piece.
    fn reply_bytes(&mut self) -> *const [u8] {
        match self.out.as_single_slice() {
            Some(bytes) => bytes,
            None => {
                self.flat.clear();
                let mut rest = Vec::new();
                self.out.slices(&mut rest, usize::MAX);
                while !rest.is_empty() {
                    let count: usize = rest.iter().map(|piece| piece.len()).sum();
                    for piece in &rest {
                        self.flat.extend_from_slice(piece);
                    }
                    drop(rest);
                    self.out.consume(count);
                    rest = Vec::new();
                    self.out.slices(&mut rest, usize::MAX);
                    rest.retain(|piece| !piece.is_empty());
                }
                &raw const self.flat[..]
            }
        }
    }
}

/// Why a command was not run.
enum Refused {
    With(Error),
    Ending,
}

/// The source of functions of the sandbox, as Lua names it.
const PRELUDE_SOURCE: &[u8] = b"=prelude";
/// Functions of the sandbox may be as many levels above the script.
const LEVELS_MAX: c_int = 4;

/// Why a chunk of bytecode is not loaded.
const BINARY: &[u8] = b"a script must be text";

/// A status beyond Lua's own: the error has been counted already.
const COUNTED: c_int = -1;

struct Load<'a> {
    bridge: *mut Bridge,
    name: &'a CStr,
    body: &'a [u8],
    environment: Option<c_int>,
    code: Code,
}

unsafe extern "C-unwind" fn compile(state: *mut lua_State) -> c_int {
    // SAFETY: called by `Bridge::load` with a pointer to its `Load`.
    unsafe {
        let load = ffi::lua_touserdata(state, 1).cast::<Load<'_>>();
        let (body, name) = ((*load).body, (*load).name);
        let status = ffi::luaL_loadbuffer(state, body.as_ptr().cast(), body.len(), name.as_ptr());
        if status == ffi::LUA_OK {
            // What a script sees without protection is found with one lookup less.
            let references = &(*(*load).bridge).references;
            let (globals, open) = (references.globals, references.open);
            let environment = (*load)
                .environment
                .or_else(|| match sees((*load).bridge, state) {
                    Sees::Protected => None,
                    Sees::Globals => Some(globals),
                    Sees::Open => {
                        (*load).code.globals = open;
                        Some(open)
                    }
                });
            if let Some(environment) = environment {
                ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, environment.into());
                ffi::lua_setfenv(state, -2);
            }
            (*load).code.function = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
        } else {
            let bridge = (*load).bridge;
            (*bridge).flat.extend_from_slice(value::bytes(state, -1));
        }
        0
    }
}

/// What the function on top of the stack may be given as its globals.
unsafe fn sees(bridge: *mut Bridge, state: *mut lua_State) -> Sees {
    // SAFETY: `lua_dump` calls `append` only, and raises nothing itself.
    unsafe {
        let dump: *mut Vec<u8> = &raw mut (*bridge).text;
        (*dump).clear();
        let written = ffi::lua_dump_(state, append, dump.cast());
        let sees = match written {
            0 => chunk::sees(&*dump),
            _ => Sees::Protected,
        };
        *dump = Vec::new();
        sees
    }
}

/// Appends a piece of a dump to a vector.
unsafe extern "C-unwind" fn append(
    _: *mut lua_State,
    piece: *const c_void,
    len: usize,
    to: *mut c_void,
) -> c_int {
    if len > 0 {
        // SAFETY: as `assigns_globals` passes it; an empty piece may be nowhere.
        unsafe {
            let piece = std::slice::from_raw_parts(piece.cast::<u8>(), len);
            (*to.cast::<Vec<u8>>()).extend_from_slice(piece);
        }
    }
    0
}

/// Enters a script: sets its keys and arguments, calls it, writes its reply.
pub(super) unsafe extern "C-unwind" fn enter(state: *mut lua_State) -> c_int {
    // SAFETY: called by `Bridge::run` with a pointer to its `Frame`. Nothing here needs dropping.
    unsafe {
        let frame = ffi::lua_touserdata(state, 1).cast::<Frame<'_>>();
        let bridge = (*frame).bridge;
        let ((first, end), code) = ((*frame).keys, (*frame).code);
        let len = (*frame).args.len();
        ffi::luaL_checkstack(state, 8, std::ptr::null());
        ffi::lua_rawgeti(
            state,
            ffi::LUA_REGISTRYINDEX,
            (*bridge).references.handler.into(),
        );
        let handler = ffi::lua_gettop(state);
        let parameters = if (*frame).as_parameters {
            ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, code.function.into());
            push_arguments(state, &(*frame).args, first, end);
            push_arguments(state, &(*frame).args, end, len);
            2
        } else {
            let References {
                keys, arguments, ..
            } = (*bridge).references;
            ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, code.globals.into());
            ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, keys.into());
            push_arguments(state, &(*frame).args, first, end);
            ffi::lua_rawset(state, -3);
            ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, arguments.into());
            push_arguments(state, &(*frame).args, end, len);
            ffi::lua_rawset(state, -3);
            ffi::lua_pop(state, 1);
            ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, code.function.into());
            0
        };
        let status = ffi::lua_pcall(state, parameters, 1, handler);
        (*frame).status = status;
        if (*bridge).ending {
            return 0;
        }
        if status == ffi::LUA_OK {
            let resp3 = (*bridge).protocol == Protocol::Resp3;
            let end = (*frame).reply_max;
            let out = &mut *(*frame).out;
            if !reply::write(state, out, (*frame).protocol, resp3, end) {
                let text: *mut Vec<u8> = &raw mut (*bridge).flat;
                Error::script_reply_limit().write_to(&mut *text);
                (*frame).status = ffi::LUA_ERRRUN;
            }
        } else {
            (*frame).status = describe(state, bridge, status);
        }
        0
    }
}

/// Pushes a table of the arguments from `first` up to `end`.
///
/// # Safety
/// As for any C function of Lua; may raise.
unsafe fn push_arguments(state: *mut lua_State, args: &Args<'_>, first: usize, end: usize) {
    // SAFETY: the table is on top of the stack.
    unsafe {
        ffi::lua_createtable(state, (end - first) as c_int, 0);
        for index in first..end {
            value::push_bytes(state, args.at(index));
            ffi::lua_rawseti(state, -2, (index - first + 1) as ffi::lua_Integer);
        }
    }
}

/// Writes the error on top of the stack to the bridge, as a line without its `-`.
///
/// # Safety
/// As for any C function of Lua; may raise.
unsafe fn describe(state: *mut lua_State, bridge: *mut Bridge, status: c_int) -> c_int {
    // SAFETY: the error is on top of the stack.
    unsafe {
        let flat = &mut (*bridge).flat;
        flat.clear();
        if status == ffi::LUA_ERRMEM {
            Error::script_memory().write_to(flat);
            (*bridge).line = 0;
            return status;
        }
        if ffi::lua_type(state, -1) != ffi::LUA_TTABLE {
            Error::script_raised(until_zero(value::display(state, -1))).write_to(flat);
            return status;
        }
        let counted = value::field_is_true(state, -1, c"ignore_error_stats_update");
        match value::string_field(state, -1, c"err") {
            Some(text) => flat.extend_from_slice(until_zero(text)),
            None => Error::script_unknown().write_to(flat),
        }
        if counted { COUNTED } else { status }
    }
}

/// A text as C sees it, and so Redis sees what is raised.
fn until_zero(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// The bridge of the interpreter that runs `state`.
///
/// # Safety
/// `state` belongs to an interpreter with a bridge.
pub(super) unsafe fn bridge_of(state: *mut lua_State) -> *mut Bridge {
    // SAFETY: installed when the interpreter was made.
    unsafe {
        ffi::lua_pushlightuserdata(state, key());
        ffi::lua_rawget(state, ffi::LUA_REGISTRYINDEX);
        let bridge = ffi::lua_touserdata(state, -1);
        ffi::lua_pop(state, 1);
        bridge.cast()
    }
}

/// `redis.call`: its upvalue is the bridge.
pub(super) unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    // SAFETY: as `perform`.
    unsafe { perform(state, true) }
}

/// `redis.pcall`.
pub(super) unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    // SAFETY: as `perform`.
    unsafe { perform(state, false) }
}

unsafe fn perform(state: *mut lua_State, raises: bool) -> c_int {
    // SAFETY: the bridge outlives the interpreter's scripts; from here on nothing needs dropping
    // when Lua raises.
    unsafe {
        let bridge = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Bridge>();
        let failed = match attempt(bridge, state) {
            Attempt::Replied => {
                let bytes = &*(*bridge).reply_bytes();
                reply::push(state, bytes, (*bridge).protocol);
                bytes.first() == Some(&b'-')
            }
            Attempt::Refused => {
                reply::push_error(state, &(*bridge).flat, true);
                true
            }
            Attempt::Ending => end_script(state),
        };
        if failed && raises {
            ffi::lua_error(state);
        }
        1
    }
}

enum Attempt {
    Replied,
    Refused,
    Ending,
}

/// [`Bridge::command`], with everything dropped that needs it.
unsafe fn attempt(bridge: *mut Bridge, state: *mut lua_State) -> Attempt {
    // SAFETY: as `perform`.
    unsafe {
        match (*bridge).command(state) {
            Ok(()) => Attempt::Replied,
            Err(Refused::Ending) => Attempt::Ending,
            Err(Refused::With(error)) => {
                let flat = &mut (*bridge).flat;
                flat.clear();
                error.write_to(flat);
                Attempt::Refused
            }
        }
    }
}

/// Ends the script, whatever it catches: from now on each of its instructions raises.
unsafe fn end_script(state: *mut lua_State) -> ! {
    // SAFETY: raising is what C functions of Lua may do.
    unsafe {
        ffi::lua_sethook(state, Some(tick), ffi::LUA_MASKCOUNT, 1);
        ffi::lua_pushliteral(state, c"the script ends");
        ffi::lua_error(state)
    }
}

/// Called every so many instructions.
unsafe extern "C-unwind" fn tick(state: *mut lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: as `perform`.
    unsafe {
        if ffi::lua_checkstack(state, 2) == 0 {
            return;
        }
        let bridge = bridge_of(state);
        if bridge.is_null() || (*bridge).host.is_none() {
            return;
        }
        if !(*bridge).ending {
            let goes_on = match (*bridge).host() {
                Some(host) => catch_unwind(AssertUnwindSafe(|| host.tick())),
                None => Ok(true),
            };
            match goes_on {
                Ok(true) => return,
                Ok(false) => {}
                Err(panic) => (*bridge).panic = Some(panic),
            }
            (*bridge).ending = true;
        }
        end_script(state);
    }
}

/// Looks where an error was raised; the error itself stays as it is.
pub(super) unsafe extern "C-unwind" fn handler(state: *mut lua_State) -> c_int {
    // SAFETY: `lua_getinfo` fills what the letters ask for, of an activation record just found.
    unsafe {
        let bridge = bridge_of(state);
        let mut record: ffi::lua_Debug = std::mem::zeroed();
        (*bridge).line = 0;
        for level in 1..=LEVELS_MAX {
            if ffi::lua_getstack(state, level, &mut record) == 0 {
                break;
            }
            ffi::lua_getinfo(state, c"Sl".as_ptr(), &mut record);
            let source = CStr::from_ptr(record.source).to_bytes();
            // Functions of the sandbox are nobody's place.
            if CStr::from_ptr(record.what) != c"C" && source != PRELUDE_SOURCE {
                let kept = &mut (*bridge).source;
                kept.clear();
                kept.extend_from_slice(&source[..source.len().min(64)]);
                (*bridge).line = record.currentline;
                break;
            }
        }
        1
    }
}
