//! Reads a row's syntax into the tree of arguments that `COMMAND DOCS` tells.
//!
//! The notation: `word` an argument, `WORD` a token, `[…]` optional, `<a | b>` one of, `x [x …]`
//! one or more. A token right before an argument belongs to it.

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key.
    Key,
    /// Any bytes.
    String,
    /// An integer.
    Integer,
    /// A float.
    Double,
    /// A pattern.
    Pattern,
    /// A time in seconds or milliseconds since the epoch.
    UnixTime,
    /// A token alone.
    PureToken,
    /// One of several.
    OneOf,
    /// Several, together.
    Block,
}

impl Kind {
    /// The name `COMMAND DOCS` uses.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Key => "key",
            Kind::String => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf => "oneof",
            Kind::Block => "block",
        }
    }

    /// Of an argument by this name.
    fn of(name: &str) -> Kind {
        match name {
            "pattern" => Kind::Pattern,
            "increment" | "decrement" | "offset" | "start" | "end" | "count" | "index"
            | "cursor" | "seconds" | "milliseconds" | "numkeys" | "db" | "destination-db"
            | "index1" | "index2" | "len" | "min-match-len" | "protover" | "client-id"
            | "timeout" | "samples" => Kind::Integer,
            name if name.starts_with("unix-time") => Kind::UnixTime,
            name if name == "key" || name.ends_with("key") || is_numbered_key(name) => Kind::Key,
            _ => Kind::String,
        }
    }
}

fn is_numbered_key(name: &str) -> bool {
    name.strip_prefix("key")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        || matches!(name, "source" | "destination")
}

/// An argument, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The token before it, or that it is.
    pub token: Option<String>,
    /// May be left out?
    pub optional: bool,
    /// May be repeated?
    pub multiple: bool,
    /// When repeated, is its token too?
    pub token_repeats: bool,
    /// Its parts.
    pub arguments: Vec<Argument>,
}

/// Reads a syntax.
pub fn parse(syntax: &str) -> Vec<Argument> {
    let spaced = syntax
        .replace('[', " [ ")
        .replace(']', " ] ")
        .replace('<', " < ")
        .replace('>', " > ")
        .replace('|', " | ");
    let words: Vec<&str> = spaced.split_ascii_whitespace().collect();
    let mut at = 0;
    let mut parsed = sequence(&words, &mut at);
    // A bare choice at the top is one argument.
    if parsed.len() > 1 {
        return parsed.into_iter().map(one).collect();
    }
    parsed.pop().unwrap_or_default()
}

/// Alternatives separated by `|`, each a list, up to a closing bracket.
fn sequence(words: &[&str], at: &mut usize) -> Vec<Vec<Argument>> {
    let mut alternatives = vec![Vec::new()];
    let mut token: Option<String> = None;
    while let Some(word) = words.get(*at) {
        *at += 1;
        let present = alternatives.last_mut().expect("starts with one");
        match *word {
            "]" | ">" => break,
            "|" => {
                present.extend(token.take().map(pure));
                alternatives.push(Vec::new());
            }
            "..." => {
                if let Some(last) = present.last_mut() {
                    last.multiple = true;
                }
            }
            "[" => {
                if repeats(words, *at, present.last(), token.as_deref()) {
                    skip(words, at);
                    let last = present.last_mut().expect("seen by `repeats`");
                    last.multiple = true;
                } else {
                    present.extend(token.take().map(pure));
                    let mut inner = group(sequence(words, at));
                    inner.optional = true;
                    present.push(inner);
                }
            }
            "<" => {
                let mut inner = group(sequence(words, at));
                inner.token = inner.token.or(token.take());
                present.push(inner);
            }
            word if is_token(word) => present.extend(token.replace(word.to_owned()).map(pure)),
            word => present.push(Argument {
                name: word.to_owned(),
                kind: Kind::of(word),
                token: token.take(),
                optional: false,
                multiple: false,
                token_repeats: false,
                arguments: Vec::new(),
            }),
        }
    }
    let last = alternatives.last_mut().expect("starts with one");
    last.extend(token.map(pure));
    alternatives
}

/// Is the bracket at `at` the `[x …]` of `x [x …]`?
fn repeats(words: &[&str], at: usize, last: Option<&Argument>, token: Option<&str>) -> bool {
    let (Some(last), None) = (last, token) else {
        return false;
    };
    let close = closing(words, at);
    let dots = close > at && words[close - 1] == "...";
    let first = last.token.as_deref().unwrap_or(&last.name);
    dots && words
        .get(at)
        .is_some_and(|word| *word == first || last.arguments.iter().any(|a| a.name == *word))
}

fn closing(words: &[&str], mut at: usize) -> usize {
    let mut depth = 1;
    while at < words.len() {
        match words[at] {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
        at += 1;
    }
    at
}

fn skip(words: &[&str], at: &mut usize) {
    *at = closing(words, *at) + 1;
}

/// Alternatives as one argument.
fn group(mut alternatives: Vec<Vec<Argument>>) -> Argument {
    if alternatives.len() == 1 {
        return one(alternatives.pop().expect("just counted"));
    }
    let parts: Vec<Argument> = alternatives.into_iter().map(one).collect();
    let name = parts
        .first()
        .map_or_else(String::new, |part| part.name.clone());
    compound(name, Kind::OneOf, parts)
}

/// A list as one argument.
fn one(mut list: Vec<Argument>) -> Argument {
    if list.len() == 1 {
        return list.pop().expect("just counted");
    }
    let name = list
        .first()
        .map_or_else(String::new, |part| part.name.clone());
    compound(name, Kind::Block, list)
}

fn compound(name: String, kind: Kind, arguments: Vec<Argument>) -> Argument {
    Argument {
        name,
        kind,
        token: None,
        optional: false,
        multiple: false,
        token_repeats: false,
        arguments,
    }
}

fn pure(token: String) -> Argument {
    Argument {
        name: token.to_ascii_lowercase(),
        token: Some(token),
        ..compound(String::new(), Kind::PureToken, Vec::new())
    }
}

fn is_token(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_uppercase())
        && !word.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(argument: &Argument) -> String {
        let mut text = match &argument.token {
            Some(token) if argument.kind == Kind::PureToken => token.clone(),
            Some(token) => format!("{token}={}", argument.name),
            None => argument.name.clone(),
        };
        if !argument.arguments.is_empty() {
            let parts: Vec<String> = argument.arguments.iter().map(shape).collect();
            let separator = if argument.kind == Kind::OneOf {
                "|"
            } else {
                ","
            };
            text = format!(
                "{}({})",
                argument.token.as_deref().unwrap_or(""),
                parts.join(separator)
            );
        }
        let mark = |on: bool, mark: &str| if on { mark.to_owned() } else { String::new() };
        text + &mark(argument.multiple, "*") + &mark(argument.optional, "?")
    }

    #[test]
    fn syntaxes_become_trees() {
        for (syntax, expected) in [
            ("", ""),
            ("key", "key"),
            ("key [key ...]", "key*"),
            ("key value [NX | XX] [GET]", "key value (NX|XX)? GET?"),
            (
                "key seconds [NX | XX | GT | LT]",
                "key seconds (NX|XX|GT|LT)?",
            ),
            (
                "[EX seconds | PX milliseconds | PERSIST]",
                "(EX=seconds|PX=milliseconds|PERSIST)?",
            ),
            (
                "cursor [MATCH pattern] [COUNT count]",
                "cursor MATCH=pattern? COUNT=count?",
            ),
            (
                "<MODULE name | PATTERN pattern>",
                "(MODULE=name|PATTERN=pattern)",
            ),
        ] {
            let shapes: Vec<String> = parse(syntax).iter().map(shape).collect();
            assert_eq!(shapes.join(" "), expected, "{syntax}");
        }
    }

    #[test]
    fn any_row_can_be_read() {
        for registered in super::super::table::all() {
            let arguments = parse(registered.command.syntax);
            assert_eq!(arguments.is_empty(), registered.command.syntax.is_empty());
        }
    }
}
