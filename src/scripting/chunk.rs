//! What a compiled chunk does, as its instructions tell: does it assign to globals?
//!
//! Reads the form in which Lua 5.1 dumps a function (`ldump.c`): a header, then of each function its
//! source, lines and sizes, its instructions, constants, inner functions, and what debuggers want to
//! know.

/// Bytes of the header.
const HEADER_BYTES: usize = 12;
/// An instruction's lowest bits are its operation.
const OPERATION_BITS: u32 = 6;
const SET_GLOBAL: u32 = 7;
/// Functions nested deeper than this are not looked at; the compiler allows 200.
const DEPTH_MAX: usize = 250;

/// Does a dumped function, or one inside it, assign to a global? What cannot be read does.
pub(super) fn assigns_globals(dump: &[u8]) -> bool {
    let mut reader = Reader { rest: dump };
    let read = reader
        .skip(HEADER_BYTES)
        .and_then(|()| reader.assigns_globals(DEPTH_MAX));
    read != Some(false) || !reader.rest.is_empty()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn assigns_globals(&mut self, depth: usize) -> Option<bool> {
        let depth = depth.checked_sub(1)?;
        self.text()?;
        // Its first and last line; numbers of upvalues, parameters, registers.
        self.skip(4 + 4 + 4)?;
        let mut assigns = false;
        for _ in 0..self.count()? {
            assigns |= self.word()? & ((1 << OPERATION_BITS) - 1) == SET_GLOBAL;
        }
        for _ in 0..self.count()? {
            self.constant()?;
        }
        for _ in 0..self.count()? {
            assigns |= self.assigns_globals(depth)?;
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
        Some(assigns)
    }

    fn constant(&mut self) -> Option<()> {
        let (kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        match kind {
            0 => Some(()),
            1 => self.skip(1),
            3 => self.skip(8),
            4 => self.text(),
            _ => None,
        }
    }

    /// A string, its length before it.
    fn text(&mut self) -> Option<()> {
        let (len, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        self.skip(usize::from_ne_bytes(*len))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn assigns(code: &str) -> bool {
        let lua = mlua::Lua::new();
        let function = lua.load(code).into_function().expect("it compiles");
        assigns_globals(&function.dump(false))
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
            assert!(assigns(code), "{code}");
        }
        for code in [
            "return x",
            "local x x = 1 return function() x = x + 1.5 return 'x = 1', nil, true end",
            "local t = {} t.x = 1 t['y'], _G.z = 2, 3",
            "local function f(...) return f(...) end return f(KEYS[1], #ARGV)",
        ] {
            assert!(!assigns(code), "{code}");
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
        assert!(!assigns_globals(&dump));
        for len in 0..dump.len() {
            assert!(assigns_globals(&dump[..len]), "{len}");
        }
        assert!(assigns_globals(&[&dump[..], b"x"].concat()));
    }
}
