//! A script: its text, its digest, what its first line says of it, and what is known of its runs.

use super::functions::Function;
use crate::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// A SHA-1 digest.
pub type Digest = [u8; 20];

/// What a script may do, or allows, as its shebang says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// It only reads.
    NoWrites = 1,
    /// It may run while memory is full.
    AllowOom = 2,
    /// It may run on a stale replica.
    AllowStale = 4,
    /// It does not run in a cluster.
    NoCluster = 8,
    /// Its keys may be of several slots.
    AllowCrossSlotKeys = 16,
}

/// The flags, by the names shebangs and `FUNCTION LIST` use.
pub const FLAGS: &[(Flag, &str)] = &[
    (Flag::NoWrites, "no-writes"),
    (Flag::AllowOom, "allow-oom"),
    (Flag::AllowStale, "allow-stale"),
    (Flag::NoCluster, "no-cluster"),
    (Flag::AllowCrossSlotKeys, "allow-cross-slot-keys"),
];

/// Flags of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    bits: u8,
    /// Is there a shebang? Without one a script may do anything, memory permitting.
    pub declared: bool,
}

impl Flags {
    /// Is a flag among them?
    pub fn has(self, flag: Flag) -> bool {
        self.bits & flag as u8 != 0
    }

    /// None, but declared: what is not said is not so.
    pub const DECLARED: Flags = Flags {
        bits: 0,
        declared: true,
    };

    /// Adds the flag of this name. False when there is none.
    pub fn add(&mut self, name: &[u8]) -> bool {
        let found = FLAGS.iter().find(|(_, known)| known.as_bytes() == name);
        if let Some((flag, _)) = found {
            self.bits |= *flag as u8;
        }
        found.is_some()
    }
}

/// A script as the server keeps it.
pub struct Script {
    /// Its digest.
    pub digest: Digest,
    /// The digest in lower-case hexadecimal digits.
    pub hex: [u8; 40],
    body: Box<[u8]>,
    code_at: usize,
    /// What its shebang says.
    pub flags: Flags,
    /// Could it run for long: is there anything in it that repeats?
    pub may_loop: bool,
    kept: AtomicBool,
    /// What is known of its runs.
    pub history: History,
}

/// What can be run.
#[derive(Clone)]
pub enum Program {
    /// A script.
    Script(Arc<Script>),
    /// A function of a library.
    Function(Arc<Function>),
}

impl Program {
    /// What it may do.
    pub fn flags(&self) -> Flags {
        match self {
            Program::Script(script) => script.flags,
            Program::Function(function) => function.flags,
        }
    }

    /// What is known of its runs.
    pub fn history(&self) -> &History {
        match self {
            Program::Script(script) => &script.history,
            Program::Function(function) => &function.history,
        }
    }

    /// Could it run for long?
    pub fn may_loop(&self) -> bool {
        match self {
            Program::Script(script) => script.may_loop,
            Program::Function(function) => function.may_loop,
        }
    }

    /// What errors and the operator are told.
    pub fn name(&self) -> &[u8] {
        match self {
            Program::Script(script) => &script.hex,
            Program::Function(function) => &function.name,
        }
    }

    /// Is it a function?
    pub fn is_function(&self) -> bool {
        matches!(self, Program::Function(_))
    }
}

/// What is known of a script's runs; guides how it is run, never what it does.
#[derive(Default)]
pub struct History {
    /// It has touched a key that it did not declare: all shards are locked for it.
    pub strays: AtomicBool,
    /// It has written.
    pub writes: AtomicBool,
    /// Runs in a row that were short.
    pub short_runs: AtomicU32,
    /// Runs in which it touched no key but those declared.
    pub clean_runs: AtomicU32,
    /// When it was last used, by the cache's count.
    pub used: AtomicU64,
}

impl Script {
    /// From its text; an error when its shebang is wrong.
    pub fn new(body: &[u8], digest: Digest) -> Result<Script, Error> {
        let (flags, code_at) = shebang(body)?;
        Ok(Script {
            digest,
            hex: hex(&digest),
            body: body.into(),
            code_at,
            flags,
            may_loop: may_loop(body),
            kept: AtomicBool::new(true),
            history: History::default(),
        })
    }

    /// The whole text.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The text to compile: without the shebang, but with its line end, so that lines keep their
    /// numbers.
    pub fn code(&self) -> &[u8] {
        &self.body[self.code_at..]
    }

    /// Is it still in the cache?
    #[inline]
    pub fn is_kept(&self) -> bool {
        self.kept.load(Relaxed)
    }

    /// Notes that it left the cache.
    pub(super) fn let_go(&self) {
        self.kept.store(false, Relaxed);
    }

    /// Memory it takes, in bytes.
    pub fn held_bytes(&self) -> usize {
        size_of::<Script>() + self.body.len()
    }
}

/// The digest of a text.
pub fn digest(text: &[u8]) -> Digest {
    use sha1::Digest as _;
    sha1::Sha1::digest(text).into()
}

/// Hexadecimal digits, lower case.
pub fn hex(digest: &Digest) -> [u8; 40] {
    let mut text = String::with_capacity(40);
    for byte in digest {
        write!(text, "{byte:02x}").expect("writing to memory does not fail");
    }
    text.as_bytes().try_into().expect("two digits a byte")
}

/// A digest from its hexadecimal digits, in any case.
pub fn parse_hex(text: &[u8]) -> Option<Digest> {
    let text: &[u8; 40] = text.try_into().ok()?;
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let mut digest = [0; 20];
    for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

/// Flags of the shebang, and where the code begins.
fn shebang(body: &[u8]) -> Result<(Flags, usize), Error> {
    let mut flags = Flags::default();
    if !body.starts_with(b"#!") {
        return Ok((flags, 0));
    }
    let end = memchr::memchr(b'\n', body).ok_or_else(Error::script_shebang)?;
    let mut words = body[..end]
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(Error::script_engine(engine));
    }
    flags.declared = true;
    for option in words {
        let Some(names) = option.strip_prefix(b"flags=") else {
            return Err(Error::script_option(option));
        };
        for name in names.split(|byte| *byte == b',') {
            if !flags.add(name) {
                return Err(Error::script_flag(name));
            }
        }
    }
    Ok((flags, end))
}

const FUNCTION: &[u8] = b"function";

/// Words without which nothing in a script runs twice. What compiles text, or hands out functions
/// by name, could hold any of them.
const REPEATING: &[&[u8]] = &[
    b"while",
    b"for",
    b"repeat",
    FUNCTION,
    b"load",
    b"loadstring",
    b"gsub",
    b"foreach",
    b"foreachi",
    b"sort",
    b"_G",
    b"pairs",
    b"find",
    b"match",
    b"gmatch",
    b"rep",
];

/// Could the script run for longer than its text is long? Says yes too often rather than too rarely.
fn may_loop(body: &[u8]) -> bool {
    may_loop_in_functions(body) || functions_in(body) > 0
}

/// How often functions are defined in a text: not more often than this.
pub(super) fn functions_in(body: &[u8]) -> usize {
    words(body).filter(|word| *word == FUNCTION).count()
}

fn words(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte: &u8| !byte.is_ascii_alphanumeric() && *byte != b'_')
}

/// As [`may_loop`], but for functions that call each other, or themselves.
pub(super) fn may_loop_in_functions(body: &[u8]) -> bool {
    // A name could also be put together: `_G["lo" .. "ad"]` needs `_G`, `string["gs" .. "ub"]` a
    // bracket behind a library.
    let indexes_library = [&b"string["[..], b"table[", b"string [", b"table ["]
        .iter()
        .any(|text| memchr::memmem::find(body, text).is_some());
    indexes_library || words(body).any(|word| word != FUNCTION && REPEATING.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_and_read() {
        let digest = digest(b"a");
        assert_eq!(&hex(&digest), b"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8");
        assert_eq!(parse_hex(&hex(&digest)), Some(digest));
        assert_eq!(parse_hex(&hex(&digest).to_ascii_uppercase()), Some(digest));
        assert_eq!(parse_hex(b"86f7"), None);
        assert_eq!(parse_hex(&[b'g'; 40]), None);
    }

    #[test]
    fn a_shebang_says_what_a_script_may_do() {
        let parse = |text: &str| shebang(text.as_bytes());
        let (flags, at) = parse("#!lua flags=no-writes,allow-oom\nreturn 1").unwrap();
        assert!(flags.declared && flags.has(Flag::NoWrites) && flags.has(Flag::AllowOom));
        assert!(!flags.has(Flag::AllowStale));
        assert_eq!(at, 31);
        assert_eq!(parse("return 1").unwrap(), (Flags::default(), 0));
        for wrong in [
            "#!lua",
            "#!lua name=x\n",
            "#!js\n",
            "#!lua flags=x\n",
            "#!lua flags=\n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_repeats_is_noticed() {
        assert!(!may_loop(
            b"local a = redis.call('get', KEYS[1]) if a then return 1 end"
        ));
        for text in [
            "while x do end",
            "for i=1,2 do end",
            "loadstring(x)",
            "string['rep']",
        ] {
            assert!(may_loop(text.as_bytes()), "{text}");
        }
        assert!(!may_loop(b"return forty"));
    }
}
