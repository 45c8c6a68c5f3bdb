//! An interpreter: one for each thread that runs scripts.

use super::api;
use super::bridge::{Bridge, Code, Ended, Handle};
use super::chunk::LIBRARIES;
use super::functions::{Function, FunctionInfo, Library};
use super::natives::{self, ARGUMENTS, KEYS};
use super::script::{self, Digest, Program, Script};
use super::{Called, Host, LogLevel};
use crate::error::Error;
use crate::protocol::output::Output;
use crate::protocol::{Args, Protocol, Reply};
use mlua::{Lua, LuaOptions, StdLib};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_int;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Scripts an interpreter keeps compiled; beyond, those that are gone from the cache go first.
const COMPILED_MAX: usize = 1000;
/// What an interpreter may keep of a script's memory; beyond, garbage is collected at once.
const KEPT_BYTES: usize = 4 << 20;
/// Changes of an interpreter's memory below this are not published.
const PUBLISHED_STEP: i64 = 64 << 10;

/// How long a library's text may run when it is loaded.
const LOADING_MAX: Duration = Duration::from_millis(500);

/// Scripts that are found by their texts; a text of another one's hash takes its place.
const TEXTS: usize = 32;
/// Bytes of a text that is remembered so.
const TEXT_BYTES_MAX: usize = 64 << 10;

const PRELUDE: &str = include_str!("prelude.lua");

/// An interpreter with its sandbox, and what it has compiled.
pub struct Vm {
    lua: Lua,
    /// After the interpreter, whose functions use it.
    bridge: Box<Bridge>,
    settings: api::Settings,
    /// Where scripts find `KEYS` and `ARGV`.
    globals: [mlua::Table; 2],
    scripts: HashMap<Digest, Compiled, BuildHasherDefault<FirstBytes>>,
    /// The script that ran last.
    last: Option<(Arc<Script>, Code)>,
    /// Scripts that came as texts lately, each at the place that its text's hash gives it.
    texts: [Option<Arc<Script>>; TEXTS],
    /// The environment of libraries.
    libraries_environment: c_int,
    /// Libraries that have run, by their ids.
    libraries: HashMap<u64, Loaded>,
    /// Memory of the interpreter itself.
    base_bytes: usize,
    published_bytes: i64,
    total: Arc<AtomicI64>,
}

/// A library that has run, and references to its functions by their names.
struct Loaded {
    library: Arc<Library>,
    functions: HashMap<Box<[u8]>, c_int>,
}

struct Compiled {
    script: Arc<Script>,
    code: Code,
}

/// The hash of a digest: what it begins with, which is as good as random.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .first_chunk()
            .map_or(0, |word| u64::from_le_bytes(*word));
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Where a script is found by its text.
fn place(body: &[u8]) -> usize {
    crate::base::hash::hash(body) as usize % TEXTS
}

/// A script and what it is run with.
pub struct Invocation<'a> {
    /// The request; keys are the arguments from `keys.0` up to `keys.1`, the script's own follow.
    pub args: Args<'a>,
    /// See `args`.
    pub keys: (usize, usize),
    /// The client's protocol.
    pub protocol: Protocol,
    /// Bytes the script may take beyond what the interpreter holds anyway; its reply, too.
    pub memory_max: usize,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ran {
    /// Its reply is written.
    Replied,
    /// With an error; `counted` when it is in the statistics already.
    Failed {
        /// The error.
        error: Error,
        /// Has it been counted?
        counted: bool,
    },
    /// The host ended it; nothing is replied.
    Stopped,
}

thread_local! {
    static VM: RefCell<Option<Vm>> = const { RefCell::new(None) };
}

/// Lends the thread's interpreter; it is made when first needed. `total` sums up the memory of all.
pub fn with_vm<T>(total: &Arc<AtomicI64>, work: impl FnOnce(&mut Vm) -> T) -> T {
    VM.with_borrow_mut(|vm| work(vm.get_or_insert_with(|| Vm::new(Arc::clone(total)))))
}

impl Vm {
    /// A new interpreter. Costs about half a millisecond and 100 KB.
    pub fn new(total: Arc<AtomicI64>) -> Vm {
        Vm::build(total).expect("the sandbox is made of what is compiled in")
    }

    fn build(total: Arc<AtomicI64>) -> mlua::Result<Vm> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        let lua = Lua::new_with(libraries, LuaOptions::new())?;
        let mut bridge = Box::new(Bridge::new(natives::state_of(&lua)?));
        let handle = Handle::to(&mut bridge);
        let table = lua.create_table()?;
        natives::install(&lua, &table, handle)?;
        let settings = api::install(&lua, &table, handle)?;
        let base = lua.globals();
        table.raw_set(
            "clock",
            base.raw_get::<mlua::Table>("os")?
                .raw_get::<mlua::Value>("clock")?,
        )?;
        let open = LIBRARIES.map(|name| (name, true));
        table.raw_set("open", lua.create_table_from(open)?)?;
        let prelude = lua.load(PRELUDE).set_name("=prelude").into_function()?;
        let (globals, visible, libraries, open): (
            mlua::Table,
            mlua::Table,
            mlua::Table,
            mlua::Table,
        ) = prelude.call((table, base))?;
        lua.set_globals(visible)?;
        bridge.references = natives::references(&lua, &globals, &open)?;
        let libraries_environment = natives::reference(&lua, libraries)?;
        bridge.install();
        lua.gc_collect()?;
        let mut vm = Vm {
            base_bytes: lua.used_memory(),
            lua,
            bridge,
            settings,
            globals: [globals, open],
            scripts: HashMap::default(),
            last: None,
            texts: [const { None }; TEXTS],
            libraries_environment,
            libraries: HashMap::new(),
            published_bytes: 0,
            total,
        };
        vm.publish();
        Ok(vm)
    }

    /// The script of this digest, in hexadecimal digits, if it ran last and is still kept. Costs a
    /// comparison.
    pub fn ran_last(&self, digest: &[u8]) -> Option<&Arc<Script>> {
        let (script, _) = self.last.as_ref()?;
        (script.hex == digest && script.is_kept()).then_some(script)
    }

    /// The script of this digest, if this interpreter has compiled it and it is still kept. Costs one
    /// hash.
    pub fn compiled(&self, digest: &Digest) -> Option<&Arc<Script>> {
        let compiled = self.scripts.get(digest)?;
        compiled.script.is_kept().then_some(&compiled.script)
    }

    /// The script of this text, if it was [noted](Vm::note_text) on this thread and is still kept.
    /// Costs a hash that is no digest, and a comparison.
    pub fn of_text(&self, body: &[u8]) -> Option<&Arc<Script>> {
        if body.len() > TEXT_BYTES_MAX {
            return None;
        }
        let script = self.texts[place(body)].as_ref()?;
        (script.is_kept() && script.body() == body).then_some(script)
    }

    /// Remembers a script by its text, in the place of another, unless it is a long one.
    pub fn note_text(&mut self, script: &Arc<Script>) {
        if script.body().len() <= TEXT_BYTES_MAX {
            self.texts[place(script.body())] = Some(Arc::clone(script));
        }
    }

    /// Compiles a script, unless it is compiled already.
    pub fn compile(&mut self, script: &Arc<Script>) -> Result<(), Error> {
        self.code_of(script).map(drop)
    }

    fn code_of(&mut self, script: &Arc<Script>) -> Result<Code, Error> {
        if let Some((last, code)) = &self.last
            && Arc::ptr_eq(last, script)
        {
            return Ok(*code);
        }
        if let Some(compiled) = self.scripts.get(&script.digest) {
            self.last = Some((Arc::clone(script), compiled.code));
            return Ok(compiled.code);
        }
        if self.scripts.len() >= COMPILED_MAX {
            self.forget_scripts();
        }
        let code = self
            .bridge
            .load(c"@user_script", script.code(), None)
            .map_err(|reason| Error::script_compile(&reason))?;
        let compiled = Compiled {
            script: Arc::clone(script),
            code,
        };
        self.scripts.insert(script.digest, compiled);
        Ok(code)
    }

    /// Forgets scripts that are gone from the cache; all, if that is none.
    fn forget_scripts(&mut self) {
        self.last = None;
        let any_gone = self.scripts.values().any(|it| !it.script.is_kept());
        let bridge = &mut self.bridge;
        self.scripts.retain(|_, compiled| {
            let stays = any_gone && compiled.script.is_kept();
            if !stays {
                bridge.unload(compiled.code.function);
            }
            stays
        });
        let _ = self.lua.gc_collect();
        self.base_bytes = self.lua.used_memory();
    }

    /// Runs a script or a function.
    pub fn run_program(
        &mut self,
        host: &mut dyn Host,
        program: &Program,
        invocation: &Invocation<'_>,
        out: &mut Output,
    ) -> Ran {
        let code = match program {
            Program::Script(script) => self.code_of(script),
            Program::Function(function) => self.library_function(function, invocation.memory_max),
        };
        match code {
            Ok(code) => {
                let called = (code, program.is_function(), program.may_loop());
                self.run(host, called, program.name(), invocation, out)
            }
            Err(error) => Ran::Failed {
                error,
                counted: false,
            },
        }
    }

    /// Runs a library's text to see what functions it registers.
    pub fn try_library(
        &mut self,
        library: &Library,
        memory_max: usize,
    ) -> Result<Vec<FunctionInfo>, Error> {
        let registered = self.run_library(library, memory_max)?;
        // With no functions but these, none of which can reach another, nothing calls itself.
        let alone = script::functions_in(library.code()) == registered.len();
        let may_loop = script::may_loop_in_functions(library.code()) || !alone;
        let describe = |(mut info, reference): (FunctionInfo, c_int)| {
            info.may_loop = may_loop || !self.bridge.holds_plain_values(reference);
            self.bridge.unload(reference);
            info
        };
        Ok(registered.into_iter().map(describe).collect())
    }

    /// A function of a library, which is run if it has not been on this thread.
    fn library_function(&mut self, function: &Function, memory_max: usize) -> Result<Code, Error> {
        let id = function.library.id;
        if !self.libraries.contains_key(&id) {
            self.forget_libraries();
            let registered = self.run_library(&function.library, memory_max)?;
            let loaded = Loaded {
                library: Arc::clone(&function.library),
                functions: registered
                    .into_iter()
                    .map(|(info, reference)| (info.name, reference))
                    .collect(),
            };
            self.libraries.insert(id, loaded);
        }
        let loaded = self.libraries.get(&id);
        let reference = loaded.and_then(|loaded| loaded.functions.get(&function.name));
        let reference = reference.copied().ok_or_else(Error::no_function)?;
        Ok(Code {
            function: reference,
            globals: self.bridge.references.globals,
        })
    }

    /// Forgets the libraries that nobody else knows any more.
    fn forget_libraries(&mut self) {
        let bridge = &mut self.bridge;
        self.libraries.retain(|_, loaded| {
            // This one and its functions' registry entries are gone.
            let stays = Arc::strong_count(&loaded.library) > 1;
            if !stays {
                loaded.functions.values().for_each(|it| bridge.unload(*it));
            }
            stays
        });
    }

    fn run_library(
        &mut self,
        library: &Library,
        memory_max: usize,
    ) -> Result<Vec<(FunctionInfo, c_int)>, Error> {
        let environment = Some(self.libraries_environment);
        let chunk = self
            .bridge
            .load(c"@user_function", library.code(), environment)
            .map_err(|reason| Error::function_compile(&reason))?;
        self.bridge.registered = Some(Vec::new());
        let invocation = Invocation {
            args: Args::new(&[], &[]),
            keys: (0, 0),
            protocol: Protocol::Resp2,
            memory_max,
        };
        let mut out = Output::default();
        let mut loading = Loading {
            started: Instant::now(),
        };
        self.limit_memory(self.lua.used_memory() + memory_max);
        let called = (chunk, true, true);
        let with = (invocation.args, invocation.keys);
        let ended = self.bridge.run(
            &mut loading,
            called,
            with,
            (&mut out, Protocol::Resp2),
            memory_max,
        );
        self.limit_memory(0);
        self.bridge.unload(chunk.function);
        let registered = self.bridge.registered.take().unwrap_or_default();
        let error = match ended {
            Ended::Replied => return Ok(registered),
            Ended::Stopped => Error::function_timeout(),
            Ended::Failed { .. } => Error::function_registering(&self.bridge.flat),
        };
        registered
            .iter()
            .for_each(|(_, reference)| self.bridge.unload(*reference));
        self.tidy_up();
        Err(error)
    }

    pub(super) fn run(
        &mut self,
        host: &mut dyn Host,
        called: (Code, bool, bool),
        name: &[u8],
        invocation: &Invocation<'_>,
        out: &mut Output,
    ) -> Ran {
        let limit = self.lua.used_memory() + invocation.memory_max;
        self.limit_memory(limit);
        self.settings.reset();
        let ended = self.bridge.run(
            host,
            called,
            (invocation.args, invocation.keys),
            (out, invocation.protocol),
            invocation.memory_max,
        );
        self.limit_memory(0);
        self.tidy_up();
        match ended {
            Ended::Replied => Ran::Replied,
            Ended::Stopped => Ran::Stopped,
            Ended::Failed { counted } => {
                let text = &self.bridge.flat;
                let error = match self.bridge.position() {
                    Some((source, line)) => Error::raised_at(text, name, source, line),
                    None => Error::text(text.clone()),
                };
                Ran::Failed { error, counted }
            }
        }
    }

    fn limit_memory(&self, bytes: usize) {
        // Fails only where the interpreter's memory is not its own.
        let _ = self.lua.set_memory_limit(bytes);
    }

    /// Gives back what a script has left behind, if it is much.
    fn tidy_up(&mut self) {
        let used = self.lua.used_memory();
        if used > self.base_bytes + KEPT_BYTES {
            // The next script of its kind would replace its arguments, whenever it comes.
            for globals in &self.globals {
                for name in [KEYS, ARGUMENTS] {
                    let _ = globals.raw_set(name, mlua::Nil);
                }
            }
            let _ = self.lua.gc_collect();
            self.base_bytes = self.lua.used_memory();
        }
        self.publish();
    }

    fn publish(&mut self) {
        let used = self.lua.used_memory() as i64;
        let change = used - self.published_bytes;
        if change.abs() >= PUBLISHED_STEP {
            self.total.fetch_add(change, Relaxed);
            self.published_bytes = used;
        }
    }
}

/// Who answers a library while it is loaded: nobody.
struct Loading {
    started: Instant,
}

impl Host for Loading {
    fn call(&mut self, _: Args<'_>, protocol: Protocol, out: &mut Output) -> Called {
        Reply::new(out, protocol).error(&Error::script_without_client());
        Called::Replied
    }

    fn may_run(&mut self, _: Args<'_>) -> Option<bool> {
        None
    }

    fn log(&mut self, _: LogLevel, text: &[u8]) {
        tracing::info!(target: "script", "{}", String::from_utf8_lossy(text));
    }

    fn tick(&mut self) -> bool {
        self.started.elapsed() < LOADING_MAX
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.total.fetch_sub(self.published_bytes, Relaxed);
    }
}
