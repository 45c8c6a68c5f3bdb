//! Replies, decoded strictly: a frame that a lenient client would forgive is an error here.

use std::fmt;

/// One RESP2 or RESP3 reply. Numbers that may be written in several ways keep their wire text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// `+text`
    Simple(Vec<u8>),
    /// `-text`, or RESP3's length-prefixed `!`
    Error(Vec<u8>),
    /// `:1`
    Int(i64),
    /// `$5 hello`
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// RESP3 `_`
    Null,
    /// `*2 …`
    Array(Vec<Reply>),
    /// RESP3 `%1 key value`
    Map(Vec<(Reply, Reply)>),
    /// RESP3 `~2 …`
    Set(Vec<Reply>),
    /// RESP3 `>2 …`, out of band
    Push(Vec<Reply>),
    /// RESP3 `,1.5`, as written
    Double(String),
    /// RESP3 `#t`
    Bool(bool),
    /// RESP3 `(123…`, as written
    BigNumber(String),
    /// RESP3 `=15 txt:…`: format and text
    Verbatim(String, Vec<u8>),
    /// RESP3 `|1 key value` and the reply it describes
    Attribute(Vec<(Reply, Reply)>, Box<Reply>),
}

impl Reply {
    /// The text of a simple string, bulk, verbatim string or error, lossily; panics on others.
    #[track_caller]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    /// The bytes of a simple string, bulk, verbatim string or error; panics on others.
    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Reply::Simple(b) | Reply::Bulk(b) | Reply::Error(b) | Reply::Verbatim(_, b) => b,
            other => panic!("no text in {other}"),
        }
    }

    /// The integer; panics on other replies.
    #[track_caller]
    pub fn int(&self) -> i64 {
        match self {
            Reply::Int(n) => *n,
            other => panic!("not an integer: {other}"),
        }
    }

    /// The elements of an array, set or push; panics on other replies.
    #[track_caller]
    pub fn items(&self) -> &[Reply] {
        match self {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => items,
            other => panic!("not an array: {other}"),
        }
    }

    /// The pairs of a map, or of the flat array RESP2 sends for one; panics on other replies.
    #[track_caller]
    pub fn pairs(&self) -> Vec<(Reply, Reply)> {
        match self {
            Reply::Map(pairs) => pairs.clone(),
            Reply::Array(items) if items.len() % 2 == 0 => items
                .chunks(2)
                .map(|c| (c[0].clone(), c[1].clone()))
                .collect(),
            other => panic!("not a map: {other}"),
        }
    }

    /// Whether this is an error reply.
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }

    /// Whether this is any of the three nulls.
    pub fn is_null(&self) -> bool {
        matches!(self, Reply::Null | Reply::NullBulk | Reply::NullArray)
    }
}

/// Decodes the first reply in `input`: the reply and the bytes it took, or `None` while it is
/// incomplete.
///
/// # Errors
///
/// What is wrong with the frame.
pub fn decode(input: &[u8]) -> Result<Option<(Reply, usize)>, String> {
    let mut decoder = Decoder { input, at: 0 };
    match decoder.reply() {
        Ok(reply) => Ok(Some((reply, decoder.at))),
        Err(Stop::Incomplete) => Ok(None),
        Err(Stop::Malformed(what)) => Err(what),
    }
}

enum Stop {
    Incomplete,
    Malformed(String),
}

struct Decoder<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    fn reply(&mut self) -> Result<Reply, Stop> {
        let line = self.line()?;
        let Some((&kind, text)) = line.split_first() else {
            return Err(Stop::Malformed("an empty line where a reply begins".into()));
        };
        Ok(match kind {
            b'+' => Reply::Simple(text.to_vec()),
            b'-' => Reply::Error(text.to_vec()),
            b':' => Reply::Int(int(text)?),
            b'$' if text == b"-1" => Reply::NullBulk,
            b'$' => Reply::Bulk(self.blob(text)?.to_vec()),
            b'*' if text == b"-1" => Reply::NullArray,
            b'*' => Reply::Array(self.items(text)?),
            b'_' if text.is_empty() => Reply::Null,
            b'%' => Reply::Map(self.pairs(text)?),
            b'~' => Reply::Set(self.items(text)?),
            b'>' => Reply::Push(self.items(text)?),
            b',' => Reply::Double(double(text)?),
            b'#' if text == b"t" || text == b"f" => Reply::Bool(text == b"t"),
            b'(' => Reply::BigNumber(ascii(text)?),
            b'!' => Reply::Error(self.blob(text)?.to_vec()),
            b'=' => verbatim(self.blob(text)?)?,
            b'|' => Reply::Attribute(self.pairs(text)?, Box::new(self.reply()?)),
            _ => return Err(malformed("not the first line of a reply", line)),
        })
    }

    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.input[self.at..];
        let Some(end) = rest.iter().position(|&b| b == b'\r' || b == b'\n') else {
            return Err(Stop::Incomplete);
        };
        match (rest[end], rest.get(end + 1)) {
            (b'\r', Some(b'\n')) => {
                self.at += end + 2;
                Ok(&rest[..end])
            }
            (b'\r', None) => Err(Stop::Incomplete),
            _ => Err(malformed("a lone CR or LF in a line", &rest[..=end])),
        }
    }

    fn blob(&mut self, length: &[u8]) -> Result<&'a [u8], Stop> {
        let length = count(length)?;
        let rest = &self.input[self.at..];
        if rest.len() < length + 2 {
            return Err(Stop::Incomplete);
        }
        if &rest[length..length + 2] != b"\r\n" {
            return Err(malformed(
                "a string that does not end in CRLF",
                &rest[..length + 2],
            ));
        }
        self.at += length + 2;
        Ok(&rest[..length])
    }

    fn items(&mut self, length: &[u8]) -> Result<Vec<Reply>, Stop> {
        (0..count(length)?).map(|_| self.reply()).collect()
    }

    fn pairs(&mut self, length: &[u8]) -> Result<Vec<(Reply, Reply)>, Stop> {
        (0..count(length)?)
            .map(|_| Ok((self.reply()?, self.reply()?)))
            .collect()
    }
}

fn malformed(what: &str, bytes: &[u8]) -> Stop {
    Stop::Malformed(format!("{what}: {:?}", bytes.escape_ascii().to_string()))
}

fn ascii(text: &[u8]) -> Result<String, Stop> {
    match std::str::from_utf8(text) {
        Ok(s) if s.is_ascii() => Ok(s.to_owned()),
        _ => Err(malformed("not ASCII", text)),
    }
}

fn int(text: &[u8]) -> Result<i64, Stop> {
    let n: i64 = ascii(text)?
        .parse()
        .map_err(|_| malformed("not an integer", text))?;
    if n.to_string().as_bytes() != text {
        return Err(malformed("an integer written oddly", text));
    }
    Ok(n)
}

fn count(text: &[u8]) -> Result<usize, Stop> {
    usize::try_from(int(text)?).map_err(|_| malformed("a negative length", text))
}

fn double(text: &[u8]) -> Result<String, Stop> {
    let text = ascii(text)?;
    let known = matches!(text.as_str(), "inf" | "-inf" | "nan") || text.parse::<f64>().is_ok();
    if known {
        Ok(text)
    } else {
        Err(malformed("not a double", text.as_bytes()))
    }
}

fn verbatim(blob: &[u8]) -> Result<Reply, Stop> {
    match blob.split_at_checked(4) {
        Some((format, text)) if format[3] == b':' => {
            Ok(Reply::Verbatim(ascii(&format[..3])?, text.to_vec()))
        }
        _ => Err(malformed("a verbatim string without its format", blob)),
    }
}

/// Compact, on one line; long strings are cut in the middle.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Simple(b) => write!(f, "+{}", shown(b)),
            Reply::Error(b) => write!(f, "-{}", shown(b)),
            Reply::Int(n) => write!(f, ":{n}"),
            Reply::Bulk(b) => write!(f, "\"{}\"", shown(b)),
            Reply::NullBulk => f.write_str("nil"),
            Reply::NullArray => f.write_str("nil[]"),
            Reply::Null => f.write_str("nil3"),
            Reply::Array(items) => write_items(f, "[", items),
            Reply::Set(items) => write_items(f, "~[", items),
            Reply::Push(items) => write_items(f, ">[", items),
            Reply::Map(pairs) => write_pairs(f, pairs),
            Reply::Double(text) => write!(f, ",{text}"),
            Reply::Bool(b) => write!(f, "#{}", if *b { 't' } else { 'f' }),
            Reply::BigNumber(text) => write!(f, "({text}"),
            Reply::Verbatim(format, b) => write!(f, "={format}:{}", shown(b)),
            Reply::Attribute(pairs, reply) => {
                f.write_str("|")?;
                write_pairs(f, pairs)?;
                write!(f, " {reply}")
            }
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    const KEPT: usize = 150;
    let escaped = |part: &[u8]| part.escape_ascii().to_string().replace("\\'", "'");
    if bytes.len() <= 2 * KEPT {
        return escaped(bytes);
    }
    let (head, tail) = (&bytes[..KEPT], &bytes[bytes.len() - KEPT..]);
    format!(
        "{}…({} bytes)…{}",
        escaped(head),
        bytes.len(),
        escaped(tail)
    )
}

fn write_items(f: &mut fmt::Formatter<'_>, open: &str, items: &[Reply]) -> fmt::Result {
    f.write_str(open)?;
    for (i, item) in items.iter().enumerate() {
        write!(f, "{}{item}", if i > 0 { " " } else { "" })?;
    }
    f.write_str("]")
}

fn write_pairs(f: &mut fmt::Formatter<'_>, pairs: &[(Reply, Reply)]) -> fmt::Result {
    f.write_str("{")?;
    for (i, (key, value)) in pairs.iter().enumerate() {
        write!(f, "{}{key} {value}", if i > 0 { "  " } else { "" })?;
    }
    f.write_str("}")
}
