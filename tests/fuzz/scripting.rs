//! Scripts, and what their libraries are given.

use crate::driver::{Outcome, Target, fuzz, words};
use redistill::protocol::{Args, Output, Protocol, Span};
use redistill::scripting::script::digest;
use redistill::scripting::{Called, Host, Invocation, LogLevel, Program, Ran, Script, Vm};
use std::sync::Arc;

/// Answers every command with its own name, and ends a script after a while.
#[derive(Default)]
struct Echo {
    ticks: u32,
}

impl Host for Echo {
    fn call(&mut self, args: Args<'_>, protocol: Protocol, out: &mut Output) -> Called {
        redistill::protocol::Reply::new(out, protocol).bulk(args.at(0));
        Called::Replied
    }

    fn may_run(&mut self, _: Args<'_>) -> Option<bool> {
        Some(true)
    }

    fn log(&mut self, _: LogLevel, _: &[u8]) {}

    fn tick(&mut self) -> bool {
        self.ticks += 1;
        self.ticks < 20
    }
}

const MEMORY_MAX: usize = 8 << 20;

/// Runs a script on one argument; its reply, or nothing when it was ended.
fn run(vm: &mut Vm, text: &[u8], input: &[u8]) -> Option<Vec<u8>> {
    let Ok(script) = Script::new(text, digest(text)) else {
        return None;
    };
    let spans = [Span::new(0, input.len())];
    let invocation = Invocation {
        args: Args::new(input, &spans),
        keys: (0, 0),
        protocol: Protocol::Resp3,
        memory_max: MEMORY_MAX,
    };
    let mut out = Output::default();
    let program = Program::Script(Arc::new(script));
    match vm.run_program(&mut Echo::default(), &program, &invocation, &mut out) {
        Ran::Replied => Some(out.as_single_slice().unwrap_or_default().to_vec()),
        Ran::Failed { error, .. } => {
            let mut line = Vec::new();
            error.write_to(&mut line);
            Some(line)
        }
        Ran::Stopped => None,
    }
}

/// Notes what kind of reply it is: of an error the words that are not the input's, of anything else the
/// shape. Else every input would look new, and those that lead nowhere crowd out the others.
fn note(outcome: &mut Outcome, reply: Option<&[u8]>) {
    outcome.note(reply.map(|reply| match reply.first() {
        Some(b'-') => error_words(reply),
        _ => shape(reply),
    }));
}

fn error_words(reply: &[u8]) -> Vec<u8> {
    if reply.starts_with(b"-ERR Error compiling") {
        return b"compile".to_vec();
    }
    let mut quoted = false;
    let kept = reply.iter().filter(|byte| {
        quoted ^= **byte == b'\'';
        !quoted && (byte.is_ascii_lowercase() || **byte == b' ')
    });
    kept.take(40).copied().collect()
}

/// Its first byte, which punctuation is in it, and how long it is, about.
fn shape(reply: &[u8]) -> Vec<u8> {
    let mut kept = reply.to_vec();
    kept.retain(u8::is_ascii_punctuation);
    kept.sort_unstable();
    kept.dedup();
    kept.extend(reply.first());
    kept.push(reply.len().checked_ilog2().unwrap_or_default() as u8);
    kept
}

fn vm() -> Vm {
    Vm::new(Arc::default())
}

/// What was decoded is encoded, decoded and encoded again: the same.
#[test]
fn json() {
    let target = Target {
        name: "json",
        inputs: 5_000,
        seeds: words(&[
            r#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00\n",null,true,{}],"b":{"c":[]}}"#,
            "[[[[[[]]]]],0x10,nan,-inf]",
            "\"\\",
            "  12  ",
        ]),
        words: words(&[
            "{", "}", "[", "]", "\"", ",", ":", "\\u", "d83d", "null", "1e5", "[[[[[",
        ]),
    };
    let script = b"local ok, value = pcall(cjson.decode, ARGV[1]) \
        if not ok then return {err = 'E ' .. value} end \
        local text = cjson.encode(value) \
        if #cjson.encode(cjson.decode(text)) ~= #text then return 'DIFFERENT' end return text";
    let mut vm = vm();
    fuzz(&target, |input, outcome| {
        let reply = run(&mut vm, script, input);
        note(outcome, reply.as_deref());
        assert!(!reply.is_some_and(|reply| reply.ends_with(b"DIFFERENT\r\n")));
    });
}

#[test]
fn message_pack() {
    let target = Target {
        name: "message pack",
        inputs: 5_000,
        seeds: vec![
            b"\x93\x01\xa1x\xc0".to_vec(),
            b"\x82\xa1a\xcb\x3f\xf8\0\0\0\0\0\0\xa1b\xdd\0\0\0\x02\xc2\xc3".to_vec(),
            b"\xdf\xff\xff\xff\xff\x91\x91\x91\x91\x91".to_vec(),
            b"\xd9\x03abc\xcf\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        ],
        words: vec![
            b"\x91".to_vec(),
            b"\x81\x01".to_vec(),
            b"\xdd\xff\xff".to_vec(),
            b"\xc4".to_vec(),
        ],
    };
    let script = b"local found = {pcall(cmsgpack.unpack, ARGV[1])} \
        if not found[1] then return {err = 'E ' .. found[2]} end \
        return cmsgpack.pack(unpack(found))";
    let mut vm = vm();
    fuzz(&target, |input, outcome| {
        note(outcome, run(&mut vm, script, input).as_deref());
    });
}

/// The input is a format and data, with a NUL between them.
#[test]
fn structs() {
    let target = Target {
        name: "structs",
        inputs: 5_000,
        seeds: words(&[
            ">i4Bc0\0\0\0\0\x05\x03abc",
            "!8bdx\0aaaaaaaaaaaaaaaaaaaa",
            "i33\0",
            "s<I2\0ab\0cd",
        ]),
        words: words(&[
            "i",
            "I",
            "c0",
            "c",
            "s",
            "!",
            "<",
            ">",
            "99999999999",
            "x",
            "d",
            "f",
            "T",
        ]),
    };
    let script = b"local at = ARGV[1]:find('\\0', 1, true) or 1 \
        local format, data = ARGV[1]:sub(1, at - 1), ARGV[1]:sub(at + 1) \
        local size = {pcall(struct.size, format)} \
        local found = {pcall(struct.unpack, format, data)} \
        local packed = {pcall(struct.pack, format, unpack(found, 2))} \
        return {tostring(size[2]), tostring(found[2]), tostring(packed[1])}";
    let mut vm = vm();
    fuzz(&target, |input, outcome| {
        note(outcome, run(&mut vm, script, input).as_deref());
    });
}

const SCRIPTS: &[&str] = &[
    "local t = {} for i = 1, 10 do t[i] = redis.call('get', i) end return t",
    "return {map = {a = {set = {b = true}}}, ok = 5}",
    "local function f(n) if n == 0 then return 0 end return f(n - 1) + 1 end return f(50)",
    "return setmetatable({}, {__index = function(t, k) return k end}).x",
    "local s = 'a' while true do s = s .. s end",
    "#!lua flags=no-writes\nreturn pcall(error, {err = 'x'})",
    "rawset(_G, 'x', 1) string.rep = nil return getmetatable('').__index",
    "local t = {} t[1] = t return {cjson.encode({1, {a = t[2]}}), cmsgpack.pack(t)}",
    "local t = {} for i = 1, 10000 do t = {t} end return t",
    "return {string.format('%s %5.2f %q', 1, 2, 'x'), ('abc'):gsub('(.)', '%1%1')}",
    "return redis.pcall('set', KEYS[1], ARGV[1], {}, nil, 1.5, -0, 1e300)",
    "local co = coroutine.create(function(a) coroutine.yield(a) error({err = 'x'}) end) \
             return {coroutine.resume(co, 1)}",
    "return xpcall(function() local x = nil + 1 end, function(e) return e .. e end)",
    "redis.setresp(3) return {double = 1/3, big_number = '12', verbatim_string = {}}",
    "return loadstring('return ' .. ARGV[1])",
    "return {table.concat({1, 2, 'x'}, ','), unpack({1, 2, 3}, -1, 9), select('#', nil)}",
    "return {struct.pack('>I2', 7), bit.bxor(1, 2), redis.sha1hex(''), tostring({})}",
];

const SCRIPT_WORDS: &[&str] = &[
    "redis.call",
    "pcall",
    "return ",
    "function() ",
    " end",
    "for k, v in pairs(redis) do ",
    "setmetatable",
    "table.insert",
    "coroutine.wrap",
    "string.rep",
    "string.format",
    ":gsub",
    "xpcall",
    "error",
    "unpack",
    "for i = 1, 9 do ",
    "while true do ",
    "repeat ",
    " until ",
    "local a = ",
    "if a then ",
    "..",
    "[1]",
    "redis.setresp(3) ",
    "cjson.encode",
    "cjson.decode",
    "cmsgpack.unpack",
    "struct.unpack",
    "1e308",
    "-0",
    "0/0",
    "_G",
    "{",
    "}",
    "(",
    ")",
    "''",
    "nil",
];

/// The input is a script; whatever it is, the next one finds everything as it was.
#[test]
fn scripts() {
    let target = Target {
        name: "scripts",
        inputs: 5_000,
        seeds: words(SCRIPTS),
        words: words(SCRIPT_WORDS),
    };
    let proof = b"return {redis.call('ping'), string.rep('x', 2), #KEYS, type(redis.call)}";
    let mut vm = vm();
    let expected = run(&mut vm, proof, b"");
    fuzz(&target, |input, outcome| {
        note(outcome, run(&mut vm, input, b"argument").as_deref());
        assert_eq!(run(&mut vm, proof, b""), expected);
    });
}
