//! The file of users: a line `user name rules` for each.

use super::user::{NAME_BYTES_MAX, User, is_invalid_name, merge};
use super::{DEFAULT_USER, USERS_MAX};
use crate::error::RuleError;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A larger file is none of users.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of complaints about one file.
const MISTAKES_BYTES_MAX: usize = 64 * 1024;

/// Users by name.
pub type Users = BTreeMap<Box<[u8]>, User>;

/// Reads a file.
///
/// # Errors
/// All mistakes in it, in Redis's words; or why it cannot be read. Blocks on file I/O.
pub fn load(path: &Path, open_channels: bool) -> Result<Users, String> {
    let failed = |error: io::Error| {
        let reason = reason(&error);
        format!(
            "Error loading ACLs, opening file '{}': {reason}",
            path.display()
        )
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    parse(&text, &path.display().to_string(), open_channels)
}

/// What the system says, without Rust's number behind it.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}

/// Reads a file's text; `name` is what complaints call it.
///
/// # Errors
/// All mistakes in it, in Redis's words.
pub fn parse(text: &[u8], name: &str, open_channels: bool) -> Result<Users, String> {
    let mut users = Users::new();
    let mut mistakes = String::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if mistakes.len() > MISTAKES_BYTES_MAX {
            break;
        }
        let line = trim(line, b" \t\r\n");
        if line.is_empty() {
            continue;
        }
        match parse_line(line, open_channels, &users) {
            Ok(user) => {
                users.insert(user.name().as_ref().into(), user);
            }
            Err(mistake) => mistake.describe(name, number, &mut mistakes),
        }
    }
    if mistakes.is_empty() {
        return Ok(users);
    }
    mistakes.push_str(
        "WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
    );
    Err(mistakes)
}

/// What is wrong with a line.
enum Mistake {
    NoUser,
    Name(Vec<u8>),
    Twice(Vec<u8>),
    Parenthesis,
    TooMany,
    /// Rules that name what there is not, and the first other mistake.
    Rules(Vec<(Vec<u8>, RuleError)>),
}

impl Mistake {
    fn describe(&self, file: &str, line: usize, out: &mut String) {
        let quoted =
            |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(128)]).into_owned();
        out.push_str(&match self {
            Mistake::NoUser => {
                format!("{file}:{line} should start with user keyword followed by the username. ")
            }
            Mistake::Name(name) => format!(
                "'{file}:{line}: username '{}' contains invalid characters. ",
                quoted(name)
            ),
            Mistake::Twice(name) => {
                format!(
                    "WARNING: Duplicate user '{}' found on line {line}. ",
                    quoted(name)
                )
            }
            Mistake::Parenthesis => {
                format!("{file}:{line}: Unmatched parenthesis in selector definition.")
            }
            Mistake::TooMany => format!("{file}:{line}: {}. ", RuleError::Limit),
            Mistake::Rules(rules) => rules
                .iter()
                .map(|(rule, error)| match error {
                    RuleError::Unknown => format!(
                        "{file}:{line}: Error in applying operation '{}': {error}. ",
                        quoted(rule)
                    ),
                    _ => format!("{file}:{line}: {error}. "),
                })
                .collect(),
        });
    }
}

fn parse_line(line: &[u8], open_channels: bool, users: &Users) -> Result<User, Mistake> {
    let mut words = line.split(|byte| *byte == b' ');
    if words.next() != Some(b"user") {
        return Err(Mistake::NoUser);
    }
    let name = words.next().ok_or(Mistake::NoUser)?;
    if is_invalid_name(name) {
        return Err(Mistake::Name(name.to_vec()));
    }
    if users.contains_key(name) {
        return Err(Mistake::Twice(name.to_vec()));
    }
    if users.len() >= USERS_MAX || name.len() > NAME_BYTES_MAX {
        return Err(Mistake::TooMany);
    }
    let rules = merge(words).map_err(|_| Mistake::Parenthesis)?;
    let rules = rules.iter().map(|rule| trim(rule, b"\t\r\n"));
    apply(name, rules.filter(|rule| !rule.is_empty()), open_channels).map_err(Mistake::Rules)
}

/// A user of these rules.
///
/// # Errors
/// Every rule that names what there is not, and the first that is wrong otherwise: what follows
/// that may be wrong because of it.
fn apply<'a>(
    name: &[u8],
    rules: impl Iterator<Item = &'a [u8]> + Clone,
    open_channels: bool,
) -> Result<User, Vec<(Vec<u8>, RuleError)>> {
    let blank = User::new(name, open_channels);
    let mut mistakes: Vec<(usize, Vec<u8>, RuleError)> = Vec::new();
    loop {
        let passed = |index: &usize| !mistakes.iter().any(|(bad, ..)| bad == index);
        let rest = rules.clone().enumerate().filter(|(index, _)| passed(index));
        let (indices, kept): (Vec<usize>, Vec<&[u8]>) = rest.unzip();
        match blank.with(kept.iter().copied()) {
            Ok(user) if mistakes.is_empty() => return Ok(user),
            Ok(_) => break,
            Err((at, error)) => mistakes.push((indices[at], kept[at].to_vec(), error)),
        }
        if mistakes.len() >= 16 {
            break;
        }
    }
    let mut other = false;
    mistakes.retain(|(_, _, error)| {
        *error == RuleError::Unknown || !std::mem::replace(&mut other, true)
    });
    Err(mistakes
        .into_iter()
        .map(|(_, rule, error)| (rule, error))
        .collect())
}

/// The file's text for these users.
pub fn write<'a>(users: impl Iterator<Item = &'a User>) -> Vec<u8> {
    let mut text = Vec::new();
    for user in users {
        text.extend_from_slice(&user.line());
        text.push(b'\n');
    }
    text
}

/// The users of a file, complete: with the user `default` it does not have.
pub fn complete(mut users: Users, open_channels: bool) -> Users {
    users
        .entry(DEFAULT_USER.into())
        .or_insert_with(|| User::default_user(open_channels));
    users
}

fn trim<'a>(mut text: &'a [u8], of: &[u8]) -> &'a [u8] {
    while let Some((first, rest)) = text.split_first().filter(|(first, _)| of.contains(first)) {
        let _ = first;
        text = rest;
    }
    while let Some((last, rest)) = text.split_last().filter(|(last, _)| of.contains(last)) {
        let _ = last;
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        let all = parse(text.as_bytes(), "f", false).expect_err("a mistake");
        let end = "WARNING: ACL errors detected, no change to the previously active ACL rules was \
                   performed";
        all.strip_suffix(end)
            .expect("says what becomes of it")
            .trim_end()
            .to_owned()
    }

    #[test]
    fn mistakes_are_named_with_their_lines() {
        let start = "should start with user keyword followed by the username.";
        for text in ["user", "user ", "USER a on", "# comment", "foo"] {
            assert_eq!(mistakes(text), format!("f:1 {start}"), "{text}");
        }
        assert_eq!(mistakes("user a b c"), "f:1: Syntax error.");
        assert_eq!(
            mistakes("foo\n\nuser a on\nuser a off\n"),
            format!("f:1 {start} WARNING: Duplicate user 'a' found on line 4.")
        );
        let unknown = "Unknown command or category name in ACL.";
        assert_eq!(
            mistakes("user a on +foo b\nuser b >x +@bar ~x +baz\n"),
            format!(
                "f:1: Error in applying operation '+foo': {unknown} f:1: Syntax error. \
                 f:2: Error in applying operation '+@bar': {unknown} \
                 f:2: Error in applying operation '+baz': {unknown}"
            )
        );
        assert_eq!(
            mistakes("user a (+get\n"),
            "f:1: Unmatched parenthesis in selector definition."
        );
        assert_eq!(
            mistakes("user a\tb on\n"),
            "'f:1: username 'a\tb' contains invalid characters."
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text =
            "user a\n  user b on  \r\n\nuser c on >x ~k* %R~r* &c* +@all -get (+set ~s) +x|y";
        let text = text.replace(" +x|y", " +select|1");
        let users = parse(text.as_bytes(), "f", false).expect("no mistake");
        let users = complete(users, false);
        let written = write(users.values());
        let again = parse(&written, "f", false).expect("what was written");
        assert!(users == again, "{}", String::from_utf8_lossy(&written));
        assert_eq!(users.len(), 4);
    }
}
