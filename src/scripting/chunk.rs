//! What a compiled chunk does with globals, as its instructions tell: how much of the sandbox has to
//! stand between them.
//!
//! Reads the form in which Lua 5.1 dumps a function (`ldump.c`): a header, then of each function its
//! source, lines and sizes, its instructions, constants, inner functions, and what debuggers want to
//! know.

/// Bytes of the header.
const HEADER_BYTES: usize = 12;
/// An instruction (`lopcodes.h`): its operation in the lowest bits, a register A, then C and B, or
/// both together as one number.
const OPERATION_BITS: u32 = 6;
const A_SHIFT: u32 = 6;
const A_BITS: u32 = 8;
const BX_SHIFT: u32 = 14;
const B_SHIFT: u32 = 23;
const GET_GLOBAL: u32 = 5;
const GET_TABLE: u32 = 6;
const SET_GLOBAL: u32 = 7;
/// Functions nested deeper than this are not looked at; the compiler allows 200.
const DEPTH_MAX: usize = 250;

/// Libraries whose fields a chunk may take without protection in between.
pub(super) const LIBRARIES: [&str; 11] = [
    "bit",
    "cjson",
    "cmsgpack",
    "coroutine",
    "math",
    "os",
    "redis",
    "server",
    "string",
    "struct",
    "table",
];
/// Globals by which a chunk may come to others, or to code that was not looked at.
const WAYS_OUT: [&[u8]; 3] = [b"_G", b"load", b"loadstring"];

/// What a chunk may be given as its globals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sees {
    /// What notices writing: it assigns to globals, or cannot be read.
    Protected,
    /// The globals themselves: it assigns to none.
    Globals,
    /// Those, with libraries as they are: all it does with one is to take a field at once, so that none
    /// gets into its hands.
    Open,
}

/// What a dumped function, with those inside it, may be given.
pub(super) fn sees(dump: &[u8]) -> Sees {
    let mut reader = Reader { rest: dump };
    let read = reader
        .skip(HEADER_BYTES)
        .and_then(|()| reader.function(DEPTH_MAX));
    match read {
        Some(sees) if reader.rest.is_empty() => sees,
        _ => Sees::Protected,
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

/// A global that is read: which constant its name is, and whether all that is done with it is to take a
/// field.
struct Reading {
    name: usize,
    taken_from: bool,
}

impl<'a> Reader<'a> {
    fn function(&mut self, depth: usize) -> Option<Sees> {
        let depth = depth.checked_sub(1)?;
        self.text()?;
        // Its first and last line; numbers of upvalues, parameters, registers.
        self.skip(4 + 4 + 4)?;
        let (mut sees, readings) = self.instructions()?;
        let mut constants = Vec::new();
        for _ in 0..self.count()? {
            constants.push(self.constant()?);
        }
        if !readings.iter().all(|it| may_be_open(it, &constants)) {
            sees = sees.min(Sees::Globals);
        }
        for _ in 0..self.count()? {
            sees = sees.min(self.function(depth)?);
        }
        let lines = self.count()?;
        self.skip(lines.checked_mul(4)?)?;
        for _ in 0..self.count()? {
            self.text()?;
            self.skip(4 + 4)?;
        }
        for _ in 0..self.count()? {
            self.text()?;
        }
        Some(sees)
    }

    fn instructions(&mut self) -> Option<(Sees, Vec<Reading>)> {
        let (mut sees, mut readings) = (Sees::Open, Vec::new());
        // The register that the instruction before has read a global into.
        let mut fresh = None;
        for _ in 0..self.count()? {
            let word = self.word()?;
            let register = word >> A_SHIFT & ((1 << A_BITS) - 1);
            let operation = word & ((1 << OPERATION_BITS) - 1);
            // The field takes the place of the library, which is nowhere then.
            let takes = operation == GET_TABLE && Some(register) == fresh;
            if takes && word >> B_SHIFT == register {
                let last: &mut Reading = readings.last_mut().expect("the instruction before");
                last.taken_from = true;
            }
            fresh = None;
            match operation {
                SET_GLOBAL => sees = Sees::Protected,
                GET_GLOBAL => {
                    fresh = Some(register);
                    readings.push(Reading {
                        name: (word >> BX_SHIFT) as usize,
                        taken_from: false,
                    });
                }
                _ => {}
            }
        }
        Some((sees, readings))
    }

    /// A constant: its bytes if it is a string.
    fn constant(&mut self) -> Option<Option<&'a [u8]>> {
        let (kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        match kind {
            0 => Some(None),
            1 => self.skip(1).map(|()| None),
            3 => self.skip(8).map(|()| None),
            4 => self.text().map(Some),
            _ => None,
        }
    }

    /// A string, its length before it, without the zero behind it.
    fn text(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.rest.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(usize::from_ne_bytes(*len))?;
        self.rest = rest;
        Some(text.strip_suffix(b"\0").unwrap_or(text))
    }

    fn count(&mut self) -> Option<usize> {
        self.word().map(|count| count as usize)
    }

    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u32::from_ne_bytes(*word))
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }
}

/// Is the reading of a global harmless where libraries are not protected?
fn may_be_open(reading: &Reading, constants: &[Option<&[u8]>]) -> bool {
    let Some(Some(name)) = constants.get(reading.name) else {
        return false;
    };
    let is_library = LIBRARIES.iter().any(|library| library.as_bytes() == *name);
    !WAYS_OUT.contains(name) && (reading.taken_from || !is_library)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> Sees {
        let lua = mlua::Lua::new();
        let function = lua.load(code).into_function().expect("it compiles");
        sees(&function.dump(false))
    }

    #[test]
    fn assignments_are_found_wherever_they_are() {
        for code in [
            "x = 1",
            "local a = 1 if a then x, a = 1, 2 end",
            "function f() end",
            "local f = function() return function() y = 2 end end",
            "for i = 1, 2 do KEYS = nil end",
        ] {
            assert_eq!(of(code), Sees::Protected, "{code}");
        }
        for code in [
            "return x",
            "local x x = 1 return function() x = x + 1.5 return 'x = 1', nil, true end",
            "local t = {} t.x = 1 t['y'], _G.z = 2, 3",
            "local function f(...) return f(...) end return f(KEYS[1], #ARGV)",
        ] {
            assert_ne!(of(code), Sees::Protected, "{code}");
        }
    }

    #[test]
    fn libraries_are_open_to_who_takes_fields_only() {
        for code in [
            "return redis.call('GET', KEYS[1])",
            "local call = redis.call return call('GET', ARGV[1]), math.huge, tonumber('1')",
            "local f = 'call' local n = 0 for i = 1, 3 do n = n + math.min(i, n) end return n",
            "return function(...) return string.rep(..., 2), cjson.encode({}) end",
            "local t = {redis.call, [math.pi] = os.clock} return #t",
            "return redis.call and redis.pcall or server.log",
        ] {
            assert_eq!(of(code), Sees::Open, "{code}");
        }
        for code in [
            "local r = redis return r.call('PING')",
            "return pcall(redis.call, redis)",
            "redis.call = nil",
            "math.pi = 3",
            "return redis:call('PING')",
            "local name = 'call' return redis[name .. '']('PING'), rawset(string, 'x', 1)",
            "for k in pairs(table) do return k end",
            "return (redis or 1).call",
            "return _G.redis",
            "return loadstring('return redis')",
            "return load(function() end)",
            "return function() return cjson end",
            "local t = {string} t[1].rep = nil",
            "return redis[redis]",
        ] {
            assert_eq!(of(code), Sees::Globals, "{code}");
        }
    }

    #[test]
    fn what_cannot_be_read_assigns() {
        let lua = mlua::Lua::new();
        let code = "local a = {1, 'two'} return function() return a[1] + x end";
        let dump = lua
            .load(code)
            .into_function()
            .expect("it compiles")
            .dump(false);
        assert_eq!(sees(&dump), Sees::Open);
        for len in 0..dump.len() {
            assert_eq!(sees(&dump[..len]), Sees::Protected, "{len}");
        }
        assert_eq!(sees(&[&dump[..], b"x"].concat()), Sees::Protected);
    }
}
