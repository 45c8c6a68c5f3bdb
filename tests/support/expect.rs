//! Replies stated as short text.
//!
//! | expectation | matches |
//! |---|---|
//! | `+OK` | that simple string |
//! | `-ERR no such key` | that error; `…` stands for any text: `-WRONGTYPE…` |
//! | `:5`, `:1..10` | that integer, or one in the range, ends included |
//! | `hello world` | that bulk string, `…` as above |
//! | `"nil"` | a bulk string in quotes, with the escapes of redis-cli |
//! | `nil` | a null; in RESP2 the null bulk string |
//! | `nil[]` | a null; in RESP2 the null array |
//! | `[a "b c" :1 [nil]]` | that array; texts with spaces are quoted: `-"ERR no"` |
//! | `?[a b]` | an array with these elements in any order |
//! | `~[a b]` | a set; in RESP2 an array; in any order |
//! | `>[a b]` | a push message |
//! | `{k v  k2 v2}` | a map; in RESP2 a flat array of pairs; in any order |
//! | `,1.5` | a double; in RESP2 a bulk string |
//! | `#t` `#f` | a boolean; in RESP2 `:1` and `:0` |
//! | `(123` | a big number; in RESP2 a bulk string |
//! | `=text` | a verbatim string of any format; in RESP2 a bulk string |
//! | `*` | anything |
//! | `!` | any error |
//! | `@2 … @3 …` | the one or the other, by protocol |

use super::conn::Conn;
use super::reply::Reply;
use super::server::Server;

/// Splits a command line as redis-cli does: on blanks, with `"…"` (escapes `\n \r \t \a \b \\ \"
/// \xHH`) and `'…'` (escape `\'`).
#[track_caller]
pub fn split_line(line: &str) -> Vec<Vec<u8>> {
    let mut text = Text {
        rest: line.as_bytes(),
    };
    let mut args = Vec::new();
    loop {
        text.skip_blanks();
        match text.rest.first() {
            None => return args,
            Some(b'"' | b'\'') => args.push(text.quoted()),
            Some(_) => args.push(text.bare(b"")),
        }
    }
}

/// Sends a command line and checks the reply against an expectation.
#[track_caller]
pub fn check(conn: &mut Conn, line: &str, expected: &str) {
    let reply = conn.line(line);
    if let Err(why) = verdict(&reply, expected, conn.protocol) {
        panic!(
            "{line} (RESP{})\n  expected {expected}\n  got      {reply}\n  {why}",
            conn.protocol
        );
    }
}

/// Sends command lines of which each has too many or too few arguments, and checks that this is what
/// the reply says.
#[track_caller]
pub fn check_arity<'a>(conn: &mut Conn, lines: impl IntoIterator<Item = &'a str>) {
    for line in lines {
        let name = line.split(' ').next().unwrap_or(line).to_lowercase();
        let expected = format!("-ERR wrong number of arguments for '{name}' command");
        check(conn, line, &expected);
    }
}

/// Runs lines of `command -> expectation`. Without an expectation, any reply but an error will
/// do. Blank lines and lines that begin with `#` are ignored.
#[track_caller]
pub fn run(conn: &mut Conn, script: &str) {
    for line in script.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(" -> ") {
            Some((command, expected)) => check(conn, command.trim(), expected.trim()),
            None => {
                let reply = conn.line(line);
                assert!(!reply.is_error(), "{line} (RESP{}): {reply}", conn.protocol);
            }
        }
    }
}

/// Runs a script (see [`run`]) on a new RESP2 connection and, after FLUSHALL, on a RESP3 one.
#[track_caller]
pub fn run_both(server: &Server, script: &str) {
    run(&mut server.connect(), script);
    check(&mut server.connect(), "FLUSHALL", "+OK");
    run(&mut server.connect3(), script);
}

/// Compares a reply with an expectation.
///
/// # Errors
///
/// The innermost part that differs.
#[track_caller]
pub fn verdict(reply: &Reply, expected: &str, protocol: u8) -> Result<(), String> {
    let expected = expected.trim();
    if let Some(by_protocol) = expected.strip_prefix("@2 ") {
        let (two, three) = by_protocol.split_once("@3 ").expect("@2 is followed by @3");
        return verdict(reply, if protocol == 2 { two } else { three }, protocol);
    }
    Pattern::parse(expected).matches(reply, protocol)
}

enum Pattern {
    Anything,
    AnyError,
    Simple(Vec<u8>),
    Error(Vec<u8>),
    Int(i64, i64),
    Bulk(Vec<u8>),
    Null { array: bool },
    Array { items: Vec<Pattern>, ordered: bool },
    Set(Vec<Pattern>),
    Push(Vec<Pattern>),
    Map(Vec<Pattern>),
    Double(Vec<u8>),
    Bool(bool),
    BigNumber(Vec<u8>),
    Verbatim(Vec<u8>),
}

impl Pattern {
    #[track_caller]
    fn parse(expected: &str) -> Pattern {
        let mut text = Text {
            rest: expected.as_bytes(),
        };
        let pattern = text.pattern(true);
        assert!(
            text.rest.is_empty(),
            "more than one expectation in {expected:?}"
        );
        pattern
    }

    fn matches(&self, reply: &Reply, protocol: u8) -> Result<(), String> {
        let two = protocol == 2;
        let alike = match (self, reply) {
            (Pattern::Anything, _) | (Pattern::AnyError, Reply::Error(_)) => true,
            (Pattern::Simple(p), Reply::Simple(b))
            | (Pattern::Error(p), Reply::Error(b))
            | (Pattern::Bulk(p), Reply::Bulk(b))
            | (Pattern::Verbatim(p), Reply::Verbatim(_, b)) => text_matches(p, b),
            (Pattern::Double(p) | Pattern::BigNumber(p) | Pattern::Verbatim(p), Reply::Bulk(b)) => {
                two && text_matches(p, b)
            }
            (Pattern::Double(p), Reply::Double(text))
            | (Pattern::BigNumber(p), Reply::BigNumber(text)) => text_matches(p, text.as_bytes()),
            (Pattern::Int(from, to), Reply::Int(n)) => from <= n && n <= to,
            (Pattern::Null { array }, Reply::NullArray) => two && *array,
            (Pattern::Null { array }, Reply::NullBulk) => two && !array,
            (Pattern::Null { .. }, Reply::Null) => !two,
            (Pattern::Bool(b), Reply::Bool(got)) => b == got,
            (Pattern::Bool(b), Reply::Int(n)) => two && i64::from(*b) == *n,
            (
                Pattern::Array {
                    items,
                    ordered: true,
                },
                Reply::Array(got),
            )
            | (Pattern::Push(items), Reply::Push(got)) => return in_order(items, got, protocol),
            (
                Pattern::Array {
                    items,
                    ordered: false,
                },
                Reply::Array(got),
            )
            | (Pattern::Set(items), Reply::Set(got)) => return any_order(items, got, 1, protocol),
            (Pattern::Set(items), Reply::Array(got)) if two => {
                return any_order(items, got, 1, protocol);
            }
            (Pattern::Map(items), Reply::Array(got)) if two => {
                return any_order(items, got, 2, protocol);
            }
            (Pattern::Map(items), Reply::Map(pairs)) => {
                let flat: Vec<Reply> = pairs
                    .iter()
                    .flat_map(|(k, v)| [k.clone(), v.clone()])
                    .collect();
                return any_order(items, &flat, 2, protocol);
            }
            _ => false,
        };
        if alike {
            Ok(())
        } else {
            Err(format!("differs in {reply}"))
        }
    }
}

fn in_order(items: &[Pattern], got: &[Reply], protocol: u8) -> Result<(), String> {
    same_length(items, got)?;
    items
        .iter()
        .zip(got)
        .try_for_each(|(item, got)| item.matches(got, protocol))
}

/// Compares groups of `width` elements (a pair of a map is one group) without regard to order.
fn any_order(items: &[Pattern], got: &[Reply], width: usize, protocol: u8) -> Result<(), String> {
    same_length(items, got)?;
    let mut left: Vec<&[Reply]> = got.chunks(width).collect();
    for group in items.chunks(width) {
        let found = left
            .iter()
            .position(|got| in_order(group, got, protocol).is_ok());
        match found {
            Some(at) => drop(left.swap_remove(at)),
            None => return Err("an expected element is missing".to_owned()),
        }
    }
    Ok(())
}

fn same_length(items: &[Pattern], got: &[Reply]) -> Result<(), String> {
    if items.len() == got.len() {
        return Ok(());
    }
    Err(format!("{} elements instead of {}", got.len(), items.len()))
}

/// Whether `text` matches a pattern in which `…` stands for any text.
fn text_matches(pattern: &[u8], text: &[u8]) -> bool {
    const ANY: &[u8] = "…".as_bytes();
    let Some(at) = find(pattern, ANY) else {
        return pattern == text;
    };
    let (head, rest) = (&pattern[..at], &pattern[at + ANY.len()..]);
    text.starts_with(head) && {
        let tail = &text[head.len()..];
        (0..=tail.len()).any(|skip| text_matches(rest, &tail[skip..]))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

struct Text<'a> {
    rest: &'a [u8],
}

impl Text<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// One expectation. At the `top`, a text runs to the end of the line.
    #[track_caller]
    fn pattern(&mut self, top: bool) -> Pattern {
        let kind = *self.rest.first().expect("an expectation");
        match kind {
            b'"' => return Pattern::Bulk(self.quoted()),
            b'[' => {
                return Pattern::Array {
                    items: self.items(b']'),
                    ordered: true,
                };
            }
            b'{' => {
                let items = self.items(b'}');
                assert!(items.len().is_multiple_of(2), "a map is made of pairs");
                return Pattern::Map(items);
            }
            b'+' | b'-' | b':' | b'?' | b'~' | b'>' | b',' | b'#' | b'(' | b'=' => {}
            _ => {
                return match self.text(top).as_slice() {
                    b"*" => Pattern::Anything,
                    b"!" => Pattern::AnyError,
                    b"nil" => Pattern::Null { array: false },
                    b"nil[]" => Pattern::Null { array: true },
                    text => Pattern::Bulk(text.to_vec()),
                };
            }
        }
        self.rest = &self.rest[1..];
        match kind {
            b'+' => Pattern::Simple(self.text(top)),
            b'-' => Pattern::Error(self.text(top)),
            b':' => range(&self.text(top)),
            b'?' => Pattern::Array {
                items: self.items(b']'),
                ordered: false,
            },
            b'~' => Pattern::Set(self.items(b']')),
            b'>' => Pattern::Push(self.items(b']')),
            b',' => Pattern::Double(self.text(top)),
            b'#' => Pattern::Bool(self.text(top) == b"t"),
            b'(' => Pattern::BigNumber(self.text(top)),
            _ => Pattern::Verbatim(self.text(top)),
        }
    }

    #[track_caller]
    fn items(&mut self, close: u8) -> Vec<Pattern> {
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        loop {
            self.skip_blanks();
            match self.rest.first() {
                Some(&b) if b == close => {
                    self.rest = &self.rest[1..];
                    return items;
                }
                Some(_) => items.push(self.pattern(false)),
                None => panic!("{:?} is missing", char::from(close)),
            }
        }
    }

    #[track_caller]
    fn text(&mut self, top: bool) -> Vec<u8> {
        if self.rest.first() == Some(&b'"') {
            return self.quoted();
        }
        if top {
            return std::mem::take(&mut self.rest).to_vec();
        }
        // `nil[]` holds a bracket of its own.
        if let Some(rest) = self.rest.strip_prefix(b"nil[]") {
            self.rest = rest;
            return b"nil[]".to_vec();
        }
        self.bare(b"]}")
    }

    /// A word up to a blank or one of `ends`.
    fn bare(&mut self, ends: &[u8]) -> Vec<u8> {
        let end = self
            .rest
            .iter()
            .position(|b| b.is_ascii_whitespace() || ends.contains(b));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word.to_vec()
    }

    /// A quoted text.
    #[track_caller]
    fn quoted(&mut self) -> Vec<u8> {
        let whole = String::from_utf8_lossy(self.rest).into_owned();
        let quote = self.rest[0];
        let mut bytes = self.rest[1..].iter().copied();
        let mut out = Vec::new();
        loop {
            let Some(b) = bytes.next() else {
                panic!("a quote is not closed in {whole}")
            };
            match b {
                _ if b == quote => break,
                b'\\' => out.push(escaped(quote, &mut bytes)),
                _ => out.push(b),
            }
        }
        self.rest = &self.rest[self.rest.len() - bytes.len()..];
        out
    }
}

#[track_caller]
fn escaped(quote: u8, bytes: &mut impl Iterator<Item = u8>) -> u8 {
    let mut next = || bytes.next().expect("something follows a backslash");
    match next() {
        b if quote == b'\'' => b,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        b'x' => {
            let digits = [next(), next()];
            let digits = std::str::from_utf8(&digits).expect("hexadecimal digits");
            u8::from_str_radix(digits, 16).expect("hexadecimal digits")
        }
        b => b,
    }
}

#[track_caller]
fn range(text: &[u8]) -> Pattern {
    let text = std::str::from_utf8(text).expect("an integer");
    let int = |s: &str| s.parse().unwrap_or_else(|_| panic!("not an integer: {s}"));
    match text.split_once("..") {
        Some((from, to)) => Pattern::Int(int(from), int(to)),
        None => Pattern::Int(int(text), int(text)),
    }
}
