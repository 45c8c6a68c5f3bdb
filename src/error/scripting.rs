//! Errors of scripts and functions.

use super::Error;

const COMPILE_ERROR: &[u8] = b"ERR Error compiling script (new function): ";

impl Error {
    /// What an error's text begins with when a script gives it no code.
    pub const SCRIPT_ERROR_CODE: &str = "ERR ";

    /// `redis.error_reply` or `status_reply` without one string.
    pub fn script_reply_arguments() -> Error {
        Error::Fixed("ERR wrong number or type of arguments")
    }

    /// `redis.sha1hex` without one string.
    pub fn script_argument_count() -> Error {
        Error::Fixed("ERR wrong number of arguments")
    }

    /// `redis.setresp` without one argument.
    pub fn script_setresp_arity() -> Error {
        Error::Fixed("ERR redis.setresp() requires one argument.")
    }

    /// `redis.setresp` of another version.
    pub fn script_setresp_version() -> Error {
        Error::Fixed("ERR RESP version must be 2 or 3.")
    }

    /// `redis.set_repl` without one argument.
    pub fn script_set_repl_arity() -> Error {
        Error::Fixed("ERR redis.set_repl() requires two arguments.")
    }

    /// `redis.set_repl` of other flags.
    pub fn script_set_repl_flags() -> Error {
        Error::Fixed(
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        )
    }

    /// `redis.log` with fewer than two arguments.
    pub fn script_log_arity() -> Error {
        Error::Fixed("ERR redis.log() requires two arguments or more.")
    }

    /// `redis.log` of a level that is no number.
    pub fn script_log_number() -> Error {
        Error::Fixed("ERR First argument must be a number (log level).")
    }

    /// `redis.log` of another level.
    pub fn script_log_level() -> Error {
        Error::Fixed("ERR Invalid debug level.")
    }

    /// `redis.acl_check_cmd` of no command.
    pub fn script_acl_command() -> Error {
        Error::Fixed("ERR Invalid command passed to redis.acl_check_cmd()")
    }

    /// `redis.call` of a command that does not exist.
    pub fn script_unknown_command() -> Error {
        Error::Fixed("ERR Unknown Redis command called from script")
    }

    /// `redis.call` with too few or too many arguments.
    pub fn script_arity() -> Error {
        Error::Fixed("ERR Wrong number of args calling Redis command from script")
    }

    /// `redis.call` without any argument.
    pub fn script_no_arguments() -> Error {
        Error::Fixed("ERR Please specify at least one argument for this redis lib call")
    }

    /// `redis.call` with something that is neither a string nor a number.
    pub fn script_arguments() -> Error {
        Error::Fixed("ERR Lua redis lib command arguments must be strings or integers")
    }

    /// `redis.call` of a command that scripts may not run.
    pub fn script_not_allowed() -> Error {
        Error::Fixed("ERR This Redis command is not allowed from script")
    }

    /// A write in a script that may only read.
    pub fn script_read_only() -> Error {
        Error::Fixed("ERR Write commands are not allowed from read-only scripts.")
    }

    /// `redis.call` while a library is loaded.
    pub fn script_without_client() -> Error {
        Error::Fixed("ERR redis.call/pcall can only be called inside a script invocation")
    }

    /// A shard that another script holds, for whose end this one cannot wait.
    pub fn script_crossed() -> Error {
        Error::Fixed(
            "ERR The key was not declared, and another script holds it. \
             Declare it, or run the script again.",
        )
    }

    /// The reply is nested too deeply or too long.
    pub fn script_reply_limit() -> Error {
        Error::Fixed("ERR reached lua stack limit")
    }

    /// The script needs more memory than it may have.
    pub fn script_memory() -> Error {
        Error::Fixed("ERR not enough memory: the script exceeds scripting.memory_limit")
    }

    /// What was raised is a table that says nothing.
    pub fn script_unknown() -> Error {
        Error::Fixed("ERR unknown error")
    }

    /// A text that was raised.
    pub fn script_raised(text: &[u8]) -> Error {
        Error::text([b"ERR ", text].concat())
    }

    /// Is it that a script does not compile?
    pub fn is_compile_error(&self) -> bool {
        matches!(self, Error::Text(text) if text.starts_with(COMPILE_ERROR))
    }

    /// A script that does not compile.
    pub fn script_compile(reason: &[u8]) -> Error {
        Error::text([COMPILE_ERROR, reason].concat())
    }

    /// No script of this digest.
    pub fn no_script() -> Error {
        Error::Fixed("NOSCRIPT No matching script. Please use EVAL.")
    }

    /// `SCRIPT SHOW` of no script.
    pub fn no_script_to_show() -> Error {
        Error::Fixed("NOSCRIPT No matching script.")
    }

    /// `SCRIPT DEBUG` with anything but `NO`.
    pub fn script_debug_mode() -> Error {
        Error::Fixed("ERR Use SCRIPT DEBUG NO: there is no debugger")
    }

    /// More keys than arguments.
    pub fn script_too_many_keys() -> Error {
        Error::Fixed("ERR Number of keys can't be greater than number of args")
    }

    /// Fewer than no keys.
    pub fn script_negative_keys() -> Error {
        Error::Fixed("ERR Number of keys can't be negative")
    }

    /// A flag that scripts do not have.
    pub fn script_flag(flag: &[u8]) -> Error {
        Error::text(
            [
                b"ERR Unexpected flag in script shebang: ",
                super::quote(flag),
            ]
            .concat(),
        )
    }

    /// An option that a shebang does not have.
    pub fn script_option(option: &[u8]) -> Error {
        Error::text([b"ERR Unknown lua shebang option: ", super::quote(option)].concat())
    }

    /// A shebang of another language.
    pub fn script_engine(engine: &[u8]) -> Error {
        Error::text(
            [
                b"ERR Unexpected engine in script shebang: ",
                super::quote(engine),
            ]
            .concat(),
        )
    }

    /// A shebang without a line behind it.
    pub fn script_shebang() -> Error {
        Error::Fixed("ERR Invalid script shebang")
    }

    /// A script with flags that does not allow itself to run out of memory.
    pub fn script_out_of_memory() -> Error {
        Error::Fixed(
            "OOM allow-oom flag is not set on the script, can not run it when used memory > \
             'maxmemory'",
        )
    }

    /// `EVAL_RO` of a script whose flags do not say that it only reads.
    pub fn script_must_be_read_only() -> Error {
        Error::Fixed("ERR Can not execute a script with write flag using *_ro command.")
    }

    /// A shard is held by a script that has been running for too long.
    pub fn busy_script() -> Error {
        Error::Fixed(
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        )
    }

    /// A shard is held by a function that has been running for too long.
    pub fn busy_function() -> Error {
        Error::Fixed(
            "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN \
             NOSAVE.",
        )
    }

    /// Nothing to be killed.
    pub fn not_busy() -> Error {
        Error::Fixed("NOTBUSY No scripts in execution right now.")
    }

    /// A script that has written.
    pub fn unkillable() -> Error {
        Error::Fixed(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. \
             You can either wait the script termination or kill the server in a hard way using \
             the SHUTDOWN NOSAVE command.",
        )
    }

    /// `SCRIPT KILL` ended it.
    pub fn script_killed() -> Error {
        Error::Fixed("ERR Error running script: Script killed by user with SCRIPT KILL.")
    }

    /// `FUNCTION KILL` ended it.
    pub fn function_killed() -> Error {
        Error::Fixed("ERR Error running script: Script killed by user with FUNCTION KILL.")
    }

    /// `SCRIPT FLUSH` with something else than `SYNC` or `ASYNC`.
    pub fn script_flush_mode() -> Error {
        Error::Fixed("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
    }

    /// No function of this name.
    pub fn no_function() -> Error {
        Error::Fixed("ERR Function not found")
    }

    /// `FCALL` with something else than a number of keys.
    pub fn function_key_count() -> Error {
        Error::Fixed("ERR Bad number of keys provided")
    }

    /// A library that does not compile.
    pub fn function_compile(reason: &[u8]) -> Error {
        Error::text([b"ERR Error compiling function: ", reason].concat())
    }

    /// A library whose text ends with an error.
    pub fn function_registering(reason: &[u8]) -> Error {
        Error::text([b"ERR Error registering functions: ", reason].concat())
    }

    /// A library whose text runs for too long.
    pub fn function_timeout() -> Error {
        Error::Fixed("ERR FUNCTION LOAD timeout")
    }

    /// A library without a shebang.
    pub fn library_without_metadata() -> Error {
        Error::Fixed("ERR Missing library metadata")
    }

    /// A library with a shebang only.
    pub fn library_metadata() -> Error {
        Error::Fixed("ERR Invalid library metadata")
    }

    /// A shebang without a name.
    pub fn library_without_name() -> Error {
        Error::Fixed("ERR Library name was not given")
    }

    /// A shebang with two names.
    pub fn library_name_twice() -> Error {
        Error::Fixed("ERR Invalid metadata value, name argument was given multiple times")
    }

    /// A shebang with something else.
    pub fn library_option(option: &[u8]) -> Error {
        Error::text([b"ERR Invalid metadata value given: ", super::quote(option)].concat())
    }

    /// A shebang of another language.
    pub fn library_engine(engine: &[u8]) -> Error {
        Error::text([b"ERR Engine '", super::quote(engine), b"' not found"].concat())
    }

    /// A name that libraries cannot have.
    pub fn library_name() -> Error {
        Error::Fixed(
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be \
             at least one character long",
        )
    }

    /// A library that registers nothing.
    pub fn library_without_functions() -> Error {
        Error::Fixed("ERR No functions registered")
    }

    /// A library of a name that is taken.
    pub fn library_exists(name: &[u8]) -> Error {
        Error::text([b"ERR Library '", super::quote(name), b"' already exists"].concat())
    }

    /// A function of a name that is taken.
    pub fn function_exists(name: &[u8]) -> Error {
        Error::text([b"ERR Function ", super::quote(name), b" already exists"].concat())
    }

    /// No library of this name.
    pub fn no_library() -> Error {
        Error::Fixed("ERR Library not found")
    }

    /// An option that `FUNCTION LOAD` does not have.
    pub fn function_option(option: &[u8]) -> Error {
        Error::text([b"ERR Unknown option given: ", super::quote(option)].concat())
    }

    /// `FUNCTION FLUSH` with something else than `SYNC` or `ASYNC`.
    pub fn function_flush_mode() -> Error {
        Error::Fixed("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
    }

    /// `FUNCTION LIST LIBRARYNAME` without a pattern.
    pub fn function_list_name() -> Error {
        Error::Fixed("ERR library name argument was not given")
    }

    /// An option that `FUNCTION LIST` does not have.
    pub fn function_list_option(option: &[u8]) -> Error {
        Error::text([b"ERR Unknown argument ", super::quote(option)].concat())
    }

    /// Too many arguments of a subcommand.
    pub fn function_arity(name: &'static str) -> Error {
        Error::WrongArity(name)
    }

    /// `FUNCTION RESTORE` with an unknown policy.
    pub fn function_restore_policy() -> Error {
        Error::Fixed(
            "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
        )
    }

    /// `FUNCTION RESTORE` of something that is no dump.
    pub fn function_dump() -> Error {
        Error::Fixed("ERR DUMP payload version or checksum are wrong")
    }

    /// `redis.register_function` when no library is loaded.
    pub fn register_not_loading() -> Error {
        Error::Fixed("ERR redis.register_function can only be called on FUNCTION LOAD command")
    }

    /// `redis.register_function` with one argument that is no table.
    pub fn register_single() -> Error {
        Error::Fixed(
            "ERR calling redis.register_function with a single argument is only applicable to Lua \
             table (representing named arguments).",
        )
    }

    /// `redis.register_function` with no or too many arguments.
    pub fn register_count() -> Error {
        Error::Fixed("ERR wrong number of arguments to redis.register_function")
    }

    /// `redis.register_function` whose name is no string.
    pub fn register_first() -> Error {
        Error::Fixed("ERR first argument to redis.register_function must be a string")
    }

    /// `redis.register_function` whose function is none.
    pub fn register_second() -> Error {
        Error::Fixed("ERR second argument to redis.register_function must be a function")
    }

    /// A name that functions cannot have.
    pub fn register_name() -> Error {
        Error::Fixed(
            "ERR Function names can only contain letters, numbers, or underscores(_) and must be \
             at least one character long",
        )
    }

    /// Two functions of one name in a library.
    pub fn register_twice() -> Error {
        Error::Fixed("ERR Function already exists in the library")
    }

    /// A named argument that is none.
    pub fn register_unknown() -> Error {
        Error::Fixed("ERR unknown argument given to redis.register_function")
    }

    /// A named argument without a name.
    pub fn register_key() -> Error {
        Error::Fixed("ERR named argument key given to redis.register_function is not a string")
    }

    /// A named argument that must be a string.
    pub fn register_text(name: &str) -> Error {
        let text = format!("ERR {name} argument given to redis.register_function must be a string");
        Error::text(text)
    }

    /// A callback that is no function.
    pub fn register_callback() -> Error {
        Error::Fixed("ERR callback argument given to redis.register_function must be a function")
    }

    /// Flags that are no table.
    pub fn register_flags() -> Error {
        Error::Fixed(
            "ERR flags argument to redis.register_function must be a table representing function \
             flags",
        )
    }

    /// A flag that functions do not have.
    pub fn register_flag() -> Error {
        Error::Fixed("ERR unknown flag given")
    }

    /// Named arguments without a name.
    pub fn register_without_name() -> Error {
        Error::Fixed("ERR redis.register_function must get a function name argument")
    }

    /// Named arguments without a function.
    pub fn register_without_callback() -> Error {
        Error::Fixed("ERR redis.register_function must get a callback argument")
    }

    /// This error where it was raised, as a script's reply tells it.
    pub fn raised_at(text: &[u8], name: &[u8], source: &[u8], line: i64) -> Error {
        let line = line.to_string();
        let parts = [
            text,
            b" script: ",
            name,
            b", on ",
            source,
            b":",
            line.as_bytes(),
            b".",
        ];
        Error::text(parts.concat())
    }
}
