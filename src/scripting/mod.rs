//! Scripts in Lua: interpreters, the sandbox, and what is kept of scripts and functions.
//!
//! Every thread that runs scripts has an interpreter of its own ([`with_vm`]), which compiles a
//! script once. A script reaches the server through its [`Host`] only; who that is, which locks are
//! held and what becomes of effects is dispatch's business.
//!
//! ```text
//! dispatch ─► Vm::run ─► bridge (Lua's stack) ─► the script ─► redis.call ─► bridge ─► Host::call
//! ```

mod api;
mod bit;
mod bridge;
pub mod cache;
mod chunk;
mod cjson;
mod cmsgpack;
pub mod dump;
mod exchange;
mod format;
pub mod functions;
mod natives;
mod reply;
pub mod running;
pub mod script;
mod structs;
mod value;
mod vm;

pub use cache::Scripts;
pub use functions::{Function, Functions};
pub use running::{Running, RunningScripts};
pub use script::{Digest, Flag as ScriptFlag, Flags as ScriptFlags, Program, Script};
pub use vm::{Invocation, Ran, Vm, with_vm};

use crate::protocol::{Args, Output, Protocol};

/// What became of a command that a script wanted to run.
pub enum Called {
    /// Its reply, or its error, is written.
    Replied,
    /// The script is to end: nothing was done.
    Ends,
}

/// How important a line is that a script logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `redis.LOG_DEBUG`.
    Debug,
    /// `redis.LOG_VERBOSE`.
    Verbose,
    /// `redis.LOG_NOTICE`.
    Notice,
    /// `redis.LOG_WARNING`.
    Warning,
}

/// Who runs a script, and answers it.
pub trait Host {
    /// Runs a command; its reply is appended to `out` in this protocol.
    fn call(&mut self, args: Args<'_>, protocol: Protocol, out: &mut Output) -> Called;

    /// May the client run this command with these arguments? `None` when there is no such command.
    fn may_run(&mut self, args: Args<'_>) -> Option<bool>;

    /// Writes a line to the server's log.
    fn log(&mut self, level: LogLevel, text: &[u8]);

    /// Called every so many instructions: false ends the script.
    fn tick(&mut self) -> bool;
}
