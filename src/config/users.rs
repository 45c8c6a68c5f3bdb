//! Users as the configuration names them: `name = "rules"`.
//!
//! What the rules mean is not known here. A password in the clear is replaced by its digest as soon
//! as it is read, so no configuration holds one, nor does what is shown or stored of it.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use toml_edit::{InlineTable, Value as Toml};

/// Users by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NamedUsers(BTreeMap<String, NamedUser>);

/// A user's rules.
#[derive(Clone)]
pub struct NamedUser {
    /// The rules, parted by single blanks; passwords only as digests.
    pub rules: String,
    /// Where the file names it.
    pub line: Option<usize>,
}

impl PartialEq for NamedUser {
    /// Wherever they stand.
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl Eq for NamedUser {}

impl fmt::Debug for NamedUsers {
    /// Digests of passwords are nobody's business either.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NamedUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
        write!(f, "{}", names.join(" "))
    }
}

impl NamedUsers {
    /// Names and rules.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &NamedUser)> {
        self.0.iter().map(|(name, user)| (name.as_str(), user))
    }

    /// Number of users.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a user. False when the name is none, or is there already.
    pub fn add(&mut self, name: &str, rules: &str) -> bool {
        let is_name = !name.contains(|c: char| c.is_whitespace() || c == '\0');
        let user = NamedUser {
            rules: digested(rules),
            line: None,
        };
        is_name && !rules.contains('\0') && self.0.insert(name.to_owned(), user).is_none()
    }

    /// Notes where the file names a user.
    pub(super) fn note_line(&mut self, name: &str, line: Option<usize>) {
        if let Some(user) = self.0.get_mut(name) {
            user.line = line;
        }
    }

    /// Reads a line `name rules` for each user.
    pub(super) fn parse(text: &str) -> Option<NamedUsers> {
        let mut users = NamedUsers::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (name, rules) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            if !users.add(name, rules) {
                return None;
            }
        }
        Some(users)
    }

    /// Writes what [`NamedUsers::parse`] reads.
    pub(super) fn text(&self) -> String {
        let lines = self
            .iter()
            .map(|(name, user)| format!("{name} {}", user.rules));
        let lines: Vec<String> = lines.collect();
        lines.join("\n")
    }

    /// Reads `{ name = "rules", … }`.
    pub(super) fn from_toml(table: &InlineTable) -> Option<NamedUsers> {
        let mut users = NamedUsers::default();
        for (name, rules) in table.iter() {
            if !users.add(name, rules.as_str()?) {
                return None;
            }
        }
        Some(users)
    }

    /// Writes what [`NamedUsers::from_toml`] reads.
    pub(super) fn toml(&self) -> Toml {
        let entries = self.iter().map(|(name, user)| (name, user.rules.as_str()));
        Toml::InlineTable(entries.collect())
    }
}

/// The rules with digests in place of passwords: `#…` for `>…`, `!…` for `<…`.
fn digested(rules: &str) -> String {
    let words = rules.split_whitespace().map(|rule| {
        let (sign, password) = match (rule.strip_prefix('>'), rule.strip_prefix('<')) {
            (Some(password), _) => ('#', password),
            (_, Some(password)) => ('!', password),
            _ => return rule.to_owned(),
        };
        format!("{sign}{:x}", Sha256::digest(password))
    });
    let words: Vec<String> = words.collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_replaced_as_soon_as_they_are_read() {
        let users = NamedUsers::parse("a  on >geheim  ~x\n\n b\n").expect("users");
        let text = users.text();
        assert!(
            text.starts_with("a on #") && text.ends_with(" ~x\nb "),
            "{text}"
        );
        assert!(!text.contains("geheim") && !format!("{users:?}").contains('#'));
        assert_eq!(NamedUsers::parse(&text), Some(users.clone()));
        let Toml::InlineTable(table) = users.toml() else {
            panic!("a table")
        };
        assert_eq!(NamedUsers::from_toml(&table), Some(users));
    }

    #[test]
    fn names_are_words_and_come_once() {
        assert_eq!(NamedUsers::parse("a on\na off"), None);
        let mut users = NamedUsers::default();
        assert!(!users.add("a b", "") && !users.add("a\0", "") && !users.add("a", "\0"));
        assert!(users.add("a", "") && !users.add("a", ""));
    }
}
