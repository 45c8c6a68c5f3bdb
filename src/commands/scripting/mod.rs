//! `EVAL` and its kin, which dispatch runs, and `SCRIPT`.

mod function;
mod script;

use super::spec::*;
use super::table::Family;

/// Where a command finds the script it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptSource {
    /// It is the first argument.
    Text,
    /// Its digest is.
    Digest,
    /// The name of a function is.
    Function,
}

/// The family.
pub static FAMILY: Family = Family {
    group: "scripting",
    category: category::SCRIPTING,
    commands: COMMANDS,
};

/// The containers, which are in no category of their own.
pub static CONTAINERS: Family = Family {
    group: "scripting",
    category: Categories(0),
    commands: checked(&[function::CONTAINER, script::CONTAINER]),
};

const RUNS: Flags = NOSCRIPT.and(STALE).and(SKIP_MONITOR).and(NO_MANDATORY_KEYS);
const WRITES: Flags = RUNS.and(MAY_REPLICATE);
const READS: Flags = RUNS.and(READONLY);

const MAY_WRITE: &[KeySpec] = &[counted(2, 1, Access::ReadUpdate)];
const MAY_WRITE_NOTED: &[KeySpec] = &[counted(2, 1, Access::ReadUpdate)
    .notes("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")];
const ONLY_READ: &[KeySpec] = &[counted(2, 1, Access::Read)
    .notes("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")];
const ONLY_READ_DIGEST: &[KeySpec] = &[counted(2, 1, Access::Read)];

const FUNCTION_COST: &str = "Depends on the function that is executed.";
const COST: &str = "Depends on the script that is executed.";

const COMMANDS: &[Command] = checked(&[
    Command::script("eval", ScriptSource::Text)
        .flags(WRITES)
        .keys(MAY_WRITE_NOTED)
        .syntax("script numkeys [key [key ...]] [arg [arg ...]]")
        .about("Executes a script.", COST, "2.6.0"),
    Command::script("evalsha", ScriptSource::Digest)
        .flags(WRITES)
        .keys(MAY_WRITE)
        .syntax("sha1 numkeys [key [key ...]] [arg [arg ...]]")
        .about("Executes a script by its digest.", COST, "2.6.0"),
    Command::script("evalsha_ro", ScriptSource::Digest)
        .flags(READS)
        .keys(ONLY_READ_DIGEST)
        .syntax("sha1 numkeys [key [key ...]] [arg [arg ...]]")
        .about(
            "Executes a script that only reads by its digest.",
            COST,
            "7.0.0",
        ),
    Command::script("eval_ro", ScriptSource::Text)
        .flags(READS)
        .keys(ONLY_READ)
        .syntax("script numkeys [key [key ...]] [arg [arg ...]]")
        .about("Executes a script that only reads.", COST, "7.0.0"),
    Command::script("fcall", ScriptSource::Function)
        .flags(WRITES)
        .keys(MAY_WRITE_NOTED)
        .syntax("function numkeys [key [key ...]] [arg [arg ...]]")
        .about("Calls a function.", FUNCTION_COST, "7.0.0"),
    Command::script("fcall_ro", ScriptSource::Function)
        .flags(READS)
        .keys(ONLY_READ)
        .syntax("function numkeys [key [key ...]] [arg [arg ...]]")
        .about("Calls a function that only reads.", FUNCTION_COST, "7.0.0"),
]);
