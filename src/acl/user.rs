//! A user: whether and how it may log in, and its selectors.

use super::selector::{Denial, Selector, is_blank};
use crate::base::quote::quoted;
use crate::commands::table::Registered;
use crate::error::{Refusal, RuleError};
use crate::protocol::Args;
use crate::protocol::request::split_inline;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Bytes of a user's name.
pub const NAME_BYTES_MAX: usize = 256;
/// Passwords of a user.
pub const PASSWORDS_MAX: usize = 100;
/// Selectors of a user, the root one not counted.
pub const SELECTORS_MAX: usize = 100;

/// A password's SHA-256.
pub type Hash = [u8; 32];

/// Whether dumps that a user restores are to be checked: stored and shown, as in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sanitize {
    /// Nothing was said.
    Unsaid,
    Yes,
    No,
}

/// A user. Requests are checked by immutable copies; a change makes another.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    name: Arc<[u8]>,
    on: bool,
    nopass: bool,
    sanitize: Sanitize,
    passwords: Vec<Hash>,
    /// The root selector, which always exists.
    root: Selector,
    others: Vec<Selector>,
    /// May everything: a flag instead of a check.
    unrestricted: bool,
    /// Which channels a user without rules on them may use: `acl-pubsub-default`.
    open_channels: bool,
}

impl std::fmt::Debug for User {
    /// Without its passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "user {}", self.name.escape_ascii())
    }
}

impl User {
    /// A user that may do nothing. `open_channels`: except use every channel.
    pub fn new(name: &[u8], open_channels: bool) -> User {
        let mut user = User {
            name: name.into(),
            on: false,
            nopass: false,
            sanitize: Sanitize::Unsaid,
            passwords: Vec::new(),
            root: Selector::default(),
            others: Vec::new(),
            unrestricted: false,
            open_channels,
        };
        user.root = user.blank_selector();
        user.compile();
        user
    }

    /// The user `default` as it is unless told: it may everything, without a password.
    pub fn default_user(open_channels: bool) -> User {
        let mut user = User {
            on: true,
            nopass: true,
            root: Selector::unrestricted(),
            ..User::new(super::DEFAULT_USER, open_channels)
        };
        user.compile();
        user
    }

    /// The same user, whose rules that name no channels mean all of them if `open_channels`.
    pub fn defaulting_to(self, open_channels: bool) -> User {
        User {
            open_channels,
            ..self
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<[u8]> {
        &self.name
    }

    /// May it log in at all?
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// May it log in without a password?
    pub fn is_open(&self) -> bool {
        self.on && self.nopass
    }

    /// Does any password do?
    pub fn needs_no_password(&self) -> bool {
        self.nopass
    }

    /// May it everything?
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// May it log in with a password of this digest? Every password is compared, to the end.
    pub fn accepts(&self, digest: &Hash) -> bool {
        let mut same = subtle::Choice::from(0);
        for password in &self.passwords {
            same |= password.ct_eq(digest);
        }
        self.on && (self.nopass | bool::from(same))
    }

    /// May it run this request? If no selector permits it, the refusal is that of the selector that
    /// came furthest, as in Redis: a channel before a key, a key before the command, a later argument
    /// before an earlier one.
    pub fn check(&self, command: &Registered, args: Args<'_>) -> Result<(), Denial> {
        if self.unrestricted {
            return Ok(());
        }
        let denial = match self.root.check(command, args) {
            Ok(()) => return Ok(()),
            Err(denial) => denial,
        };
        self.check_others(command, args, denial)
    }

    /// May it run this request, whose number of arguments the command accepts? As
    /// [`User::check`], which is asked only if one look does not tell.
    #[inline]
    pub fn permits(&self, command: &Registered, args: Args<'_>) -> bool {
        let at_once = self.permits_at_once(command, args);
        debug_assert!(!at_once || self.check(command, args).is_ok());
        at_once || self.permits_closely(command, args)
    }

    #[inline(never)] // by itself it gets by with the registers that need not be saved
    fn permits_at_once(&self, command: &Registered, args: Args<'_>) -> bool {
        self.root.permits_at_once(command, args)
    }

    #[inline(never)]
    fn permits_closely(&self, command: &Registered, args: Args<'_>) -> bool {
        self.check(command, args).is_ok()
    }

    #[cold]
    fn check_others(
        &self,
        command: &Registered,
        args: Args<'_>,
        mut denial: Denial,
    ) -> Result<(), Denial> {
        let rank = |denial: &Denial| (denial.refusal as u8, denial.at);
        debug_assert!(Refusal::Command as u8 <= Refusal::Key as u8);
        for selector in &self.others {
            match selector.check(command, args) {
                Ok(()) => return Ok(()),
                Err(other) if rank(&other) > rank(&denial) => denial = other,
                Err(_) => {}
            }
        }
        Err(denial)
    }

    /// May it run this request, and read whatever keys there are?
    pub fn check_reading_all(&self, command: &Registered, args: Args<'_>) -> bool {
        let may = |s: &Selector| s.reads_all_keys() && s.check(command, args).is_ok();
        self.selectors().any(may)
    }

    /// May it hear a channel, or (`literal`) subscribe to a pattern of them?
    pub fn permits_channel(&self, name: &[u8], literal: bool) -> bool {
        self.selectors().any(|s| s.permits_channel(name, literal))
    }

    /// Its selectors, the root one first.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        [&self.root].into_iter().chain(&self.others)
    }

    /// Applies rules, all or none.
    ///
    /// # Errors
    /// The first rule that cannot be applied, by its index, and why.
    pub fn with<'a>(
        &self,
        rules: impl Iterator<Item = &'a [u8]>,
    ) -> Result<User, (usize, RuleError)> {
        let mut user = self.clone();
        for (index, rule) in rules.enumerate() {
            user.apply(rule).map_err(|error| (index, error))?;
        }
        user.compile();
        Ok(user)
    }

    fn compile(&mut self) {
        self.root.compile();
        let unrestricted = self.selectors().any(Selector::is_unrestricted);
        self.unrestricted = unrestricted;
    }

    fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let word = rule.to_ascii_lowercase();
        match word.as_slice() {
            b"on" => self.on = true,
            b"off" => self.on = false,
            b"nopass" => {
                self.nopass = true;
                self.passwords.clear();
            }
            b"resetpass" => {
                self.nopass = false;
                self.passwords.clear();
            }
            b"sanitize-payload" => self.sanitize = Sanitize::Yes,
            b"skip-sanitize-payload" => self.sanitize = Sanitize::No,
            b"clearselectors" => self.others.clear(),
            b"reset" => {
                *self = User {
                    sanitize: Sanitize::Yes,
                    ..User::new(&self.name, self.open_channels)
                };
            }
            _ => return self.apply_with_text(rule),
        }
        Ok(())
    }

    fn apply_with_text(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let Some((sign, text)) = rule.split_first() else {
            return Err(RuleError::Syntax);
        };
        match sign {
            b'>' => self.add_password(digest(text)),
            b'#' => self.add_password(parse_hash(text)?),
            b'<' => self.remove_password(&digest(text)),
            b'!' => self.remove_password(&parse_hash(text)?),
            b'(' if rule.ends_with(b")") => self.add_selector(&rule[1..rule.len() - 1]),
            _ => self.root.apply(rule),
        }
    }

    fn add_password(&mut self, password: Hash) -> Result<(), RuleError> {
        if !self.passwords.contains(&password) {
            if self.passwords.len() >= PASSWORDS_MAX {
                return Err(RuleError::Limit);
            }
            self.passwords.push(password);
        }
        self.nopass = false;
        Ok(())
    }

    fn remove_password(&mut self, password: &Hash) -> Result<(), RuleError> {
        let at = self.passwords.iter().position(|known| known == password);
        self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// Adds a selector of these rules, split and unquoted as a line of an inline request is.
    fn add_selector(&mut self, rules: &[u8]) -> Result<(), RuleError> {
        if self.others.len() >= SELECTORS_MAX {
            return Err(RuleError::Limit);
        }
        let rules = split_inline(rules).map_err(|_| RuleError::Syntax)?;
        let mut selector = self.blank_selector();
        for rule in rules.as_args().from(0) {
            selector.apply(rule)?;
        }
        selector.compile();
        self.others.push(selector);
        Ok(())
    }

    fn blank_selector(&self) -> Selector {
        let mut selector = Selector::default();
        if self.open_channels {
            selector.apply(b"allchannels").expect("a rule");
        }
        selector
    }

    /// Its flags, as `ACL GETUSER` shows them.
    pub fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec![if self.on { "on" } else { "off" }];
        if self.nopass {
            flags.push("nopass");
        }
        match self.sanitize {
            Sanitize::Unsaid => {}
            Sanitize::Yes => flags.push("sanitize-payload"),
            Sanitize::No => flags.push("skip-sanitize-payload"),
        }
        flags
    }

    /// Its passwords' digests in hexadecimal digits.
    pub fn hashes(&self) -> Vec<String> {
        self.passwords
            .iter()
            .map(|hash| hexadecimal(hash))
            .collect()
    }

    /// Its rules: what `ACL SETUSER` would take to make it anew. Passwords are digests.
    pub fn rules(&self) -> Vec<u8> {
        let mut out = self.flags().join(" ").into_bytes();
        for hash in self.hashes() {
            out.extend_from_slice(b" #");
            out.extend_from_slice(hash.as_bytes());
        }
        out.push(b' ');
        self.root.describe(&mut out);
        for selector in &self.others {
            out.extend_from_slice(b" (");
            let mut text = Vec::new();
            selector.describe(&mut text);
            for (index, word) in text.split(|byte| *byte == b' ').enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                put_word(word, &mut out);
            }
            out.push(b')');
        }
        out
    }

    /// Its line of `ACL LIST` and of the file of users.
    pub fn line(&self) -> Vec<u8> {
        [b"user ", &*self.name, b" ", &self.rules()].concat()
    }
}

/// Is this no name for a user?
pub fn is_invalid_name(name: &[u8]) -> bool {
    name.iter().any(|byte| is_blank(*byte))
}

/// Joins what belongs to one selector, `(+get` `~a)`, with blanks.
///
/// # Errors
/// A selector that does not end: the argument it begins with.
pub fn merge<'a>(rules: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, &'a [u8]> {
    let mut merged: Vec<Vec<u8>> = Vec::new();
    let mut open: Option<&[u8]> = None;
    for rule in rules {
        match (open, merged.last_mut()) {
            (Some(_), Some(last)) => {
                last.push(b' ');
                last.extend_from_slice(rule);
                open = open.filter(|_| !rule.ends_with(b")"));
            }
            _ => {
                open = (rule.starts_with(b"(") && !rule.ends_with(b")")).then_some(rule);
                merged.push(rule.to_vec());
            }
        }
    }
    open.map_or(Ok(merged), Err)
}

/// Appends a word of a selector so that it is read again as it is.
fn put_word(word: &[u8], out: &mut Vec<u8>) {
    match word.iter().any(|byte| b"\"'()".contains(byte)) {
        true => quoted(word, out),
        false => out.extend_from_slice(word),
    }
}

/// A password's digest.
pub fn digest(password: &[u8]) -> Hash {
    Sha256::digest(password).into()
}

fn parse_hash(text: &[u8]) -> Result<Hash, RuleError> {
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() {
        return Err(RuleError::Hash);
    }
    for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (nibble(pair[0]), nibble(pair[1]));
        *byte = high
            .zip(low)
            .map(|(h, l)| h << 4 | l)
            .ok_or(RuleError::Hash)?;
    }
    Ok(hash)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to memory does not fail");
    }
    text
}

#[cfg(test)]
mod tests;
