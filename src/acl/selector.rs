//! A selector: commands, keys and channels that go together.

use super::allowed::Allowed;
use super::patterns::Patterns;
use crate::commands::spec::{Access, NO_AUTH, PUBSUB};
use crate::commands::table::{self, Registered};
use crate::error::{Refusal, RuleError};
use crate::protocol::Args;

/// Bytes of a pattern.
pub const PATTERN_BYTES_MAX: usize = 4096;
/// Key patterns, and channel patterns, of a selector.
pub const PATTERNS_MAX: usize = 10_000;

/// What a pattern permits to do with keys: bits.
pub const READ: u8 = 1;
/// See [`READ`].
pub const WRITE: u8 = 2;
const BOTH: u8 = READ | WRITE;

/// What was refused, and at which argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What was refused.
    pub refusal: Refusal,
    /// The index of the key or channel among the arguments; 0 for the command.
    pub at: usize,
}

/// Commands, with the keys and channels they may be used on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    pub(super) allowed: Allowed,
    all_keys: bool,
    keys: Vec<(u8, Box<[u8]>)>,
    all_channels: bool,
    channels: Vec<Box<[u8]>>,
    compiled: Compiled,
}

/// What is asked of the patterns, made of them by [`Selector::compile`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Compiled {
    /// The key patterns that permit what the index says: nothing in particular, to read, to write,
    /// both.
    keys: [Patterns; 4],
    channels: Patterns,
    /// By command, what tells at one look whether a request is permitted: the index in `keys` of the
    /// patterns that its only key is to match, or [`PERMITTED`], or [`UNDECIDED`].
    verdicts: Box<[u8]>,
}

/// Whatever the arguments, the request is permitted.
const PERMITTED: u8 = 4;
/// [`Selector::check`] must look at the request.
const UNDECIDED: u8 = 5;

impl Selector {
    /// Everything.
    pub fn unrestricted() -> Selector {
        let mut selector = Selector {
            all_keys: true,
            all_channels: true,
            ..Selector::default()
        };
        selector.allowed.set_all(true);
        selector
    }

    /// Does it permit every command on every key and channel?
    pub fn is_unrestricted(&self) -> bool {
        self.allowed.is_complete() && self.all_keys && self.all_channels
    }

    /// Applies one rule. [`Selector::compile`] must follow the last.
    ///
    /// # Errors
    /// When it is no rule of selectors, or one too many.
    pub fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let word = rule.to_ascii_lowercase();
        match word.as_slice() {
            b"allkeys" | b"~*" => {
                self.all_keys = true;
                self.keys.clear();
            }
            b"resetkeys" => {
                self.all_keys = false;
                self.keys.clear();
            }
            b"allchannels" | b"&*" => {
                self.all_channels = true;
                self.channels.clear();
            }
            b"resetchannels" => {
                self.all_channels = false;
                self.channels.clear();
            }
            b"allcommands" => self.allowed.set_all(true),
            b"nocommands" => self.allowed.set_all(false),
            _ => match rule.first() {
                Some(b'~') => self.add_keys(BOTH, &rule[1..])?,
                Some(b'%') => {
                    let (permits, pattern) = permits(&rule[1..])?;
                    self.add_keys(permits, pattern)?;
                }
                Some(b'&') => self.add_channels(&rule[1..])?,
                Some(b'+' | b'-') => self.allowed.apply(rule)?,
                _ => return Err(RuleError::Syntax),
            },
        }
        Ok(())
    }

    fn add_keys(&mut self, permits: u8, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::KeysAfterAll);
        }
        check_pattern(pattern, self.keys.len())?;
        let known = self.keys.iter_mut().find(|(_, known)| **known == *pattern);
        match known {
            Some((known, _)) => *known |= permits,
            None => self.keys.push((permits, pattern.into())),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::ChannelsAfterAll);
        }
        check_pattern(pattern, self.channels.len())?;
        if !self.channels.iter().any(|known| **known == *pattern) {
            self.channels.push(pattern.into());
        }
        Ok(())
    }

    /// Makes what requests are checked by out of the rules.
    pub fn compile(&mut self) {
        let keys = |wanted: u8| {
            let fitting = self
                .keys
                .iter()
                .filter(|(permits, _)| permits & wanted == wanted);
            Patterns::new(fitting.map(|(_, pattern)| &**pattern))
        };
        self.compiled = Compiled {
            keys: [keys(0), keys(READ), keys(WRITE), keys(BOTH)],
            channels: Patterns::new(self.channels.iter().map(|pattern| &**pattern)),
            verdicts: table::all()
                .iter()
                .map(|command| self.verdict(command))
                .collect(),
        };
    }

    fn verdict(&self, command: &Registered) -> u8 {
        let asks_channels = !self.all_channels && command.has(PUBSUB);
        if !self.allowed.has(command.id) || asks_channels {
            return UNDECIDED;
        }
        match command.command.keys {
            [] => PERMITTED,
            _ if self.all_keys => PERMITTED,
            [spec] if command.traits.has_one_key && spec.varies.is_none() => needs(spec.access),
            _ => UNDECIDED,
        }
    }

    /// Does one look tell that this request may be run? Its number of arguments is one the command
    /// accepts. If it does not tell, [`Selector::check`] decides. No call is made for it.
    #[inline(always)] // so that its caller saves no registers
    pub fn permits_at_once(&self, command: &Registered, args: Args<'_>) -> bool {
        let Some(verdict) = self.compiled.verdicts.get(command.id) else {
            return false;
        };
        match self.compiled.keys.get(usize::from(*verdict)) {
            Some(patterns) => args
                .reaching(1)
                .is_some_and(|(text, len)| patterns.match_at_once(text, len)),
            None => *verdict == PERMITTED,
        }
    }

    /// May this request be run?
    #[inline]
    pub fn check(&self, command: &Registered, args: Args<'_>) -> Result<(), Denial> {
        if !self.allowed.has(command.id) && !self.allows_with(command, args) {
            return Err(Denial {
                refusal: Refusal::Command,
                at: 0,
            });
        }
        if !self.all_keys && !command.command.keys.is_empty() {
            self.check_keys(command, args)?;
        }
        if !self.all_channels && command.has(PUBSUB) {
            self.check_channels(command, args)?;
        }
        Ok(())
    }

    #[cold]
    fn allows_with(&self, command: &Registered, args: Args<'_>) -> bool {
        // Who has not said yet who it is must be able to.
        command.has(NO_AUTH) || self.allowed.has_with(command.id, args.get(1))
    }

    /// The keys are those that execution takes from the request.
    #[inline]
    fn check_keys(&self, command: &Registered, args: Args<'_>) -> Result<(), Denial> {
        if command.traits.has_one_key
            && self.permits_key(args, 1, needs(command.command.keys[0].access_in(args)))
        {
            return Ok(());
        }
        let mut outcome = Ok(());
        let refuse = |at| {
            Err(Denial {
                refusal: Refusal::Key,
                at,
            })
        };
        let found = command.command.each_key(args, |at, access| {
            if outcome.is_ok() && !self.permits_key(args, at, needs(access)) {
                outcome = refuse(at);
            }
        });
        // Where a count does not fit, execution takes no keys either.
        if found.is_err() { Ok(()) } else { outcome }
    }

    /// Does it permit to do this with the key that is argument `at`?
    #[inline]
    fn permits_key(&self, args: Args<'_>, at: usize, wanted: u8) -> bool {
        self.all_keys || {
            let patterns = &self.compiled.keys[usize::from(wanted & BOTH)];
            let looked = args.reaching(at);
            looked.is_some_and(|(text, len)| patterns.match_at_once(text, len))
                || patterns.matches(args.at(at))
        }
    }

    /// Does it permit to read whatever key there is?
    pub fn reads_all_keys(&self) -> bool {
        let everything =
            |(permits, pattern): &(u8, Box<[u8]>)| permits & READ != 0 && **pattern == *b"*";
        self.all_keys || self.keys.iter().any(everything)
    }

    fn check_channels(&self, command: &Registered, args: Args<'_>) -> Result<(), Denial> {
        let (last, literal) = match command.full_name {
            "publish" | "spublish" => (1, false),
            "subscribe" | "ssubscribe" => (args.len() - 1, false),
            "psubscribe" => (args.len() - 1, true),
            // Who leaves needs no permission, and names of channels are no secret.
            _ => return Ok(()),
        };
        let refused = (1..=last).find(|at| !self.permits_channel(args.at(*at), literal));
        refused.map_or(Ok(()), |at| {
            Err(Denial {
                refusal: Refusal::Channel,
                at,
            })
        })
    }

    /// Does it permit a channel, or (`literal`) a pattern of channels to be subscribed to?
    pub fn permits_channel(&self, name: &[u8], literal: bool) -> bool {
        self.all_channels
            || match literal {
                true => self.channels.iter().any(|pattern| **pattern == *name),
                false => self.compiled.channels.matches(name),
            }
    }

    /// Its key patterns as `ACL GETUSER` shows them: `~a* %R~b*`.
    pub fn describe_keys(&self, out: &mut Vec<u8>) {
        if self.all_keys {
            return out.extend_from_slice(b"~*");
        }
        for (index, (permits, pattern)) in self.keys.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(match *permits {
                READ => b"%R~",
                WRITE => b"%W~",
                // `~*` is another rule.
                _ if **pattern == *b"*" => b"%RW~",
                _ => b"~",
            });
            out.extend_from_slice(pattern);
        }
    }

    /// Its channel patterns as `ACL GETUSER` shows them.
    pub fn describe_channels(&self, out: &mut Vec<u8>) {
        if self.all_channels {
            return out.extend_from_slice(b"&*");
        }
        for (index, pattern) in self.channels.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.push(b'&');
            out.extend_from_slice(pattern);
        }
    }

    /// Its rules on commands.
    pub fn describe_commands(&self) -> String {
        self.allowed.describe()
    }

    /// All of it as rules, as `ACL LIST` shows it.
    pub fn describe(&self, out: &mut Vec<u8>) {
        if self.all_keys || !self.keys.is_empty() {
            self.describe_keys(out);
            out.push(b' ');
        }
        if !self.all_channels {
            out.extend_from_slice(b"resetchannels ");
        }
        if self.all_channels || !self.channels.is_empty() {
            self.describe_channels(out);
            out.push(b' ');
        }
        out.extend_from_slice(self.allowed.describe().as_bytes());
    }
}

/// What one must be permitted to do with a key for this access. Who only looks whether and what it
/// is needs any permission for it.
#[inline]
fn needs(access: Access) -> u8 {
    match access {
        Access::Look | Access::NotKey => 0,
        Access::Read => READ,
        Access::Update
        | Access::Insert
        | Access::Overwrite
        | Access::Create
        | Access::Delete
        | Access::DeletePart => WRITE,
        Access::ReadWrite => READ,
        Access::ReadUpdate
        | Access::ReadUpdateByOptions
        | Access::ReadInsert
        | Access::ReadDelete => BOTH,
    }
}

/// What `%RW~pattern` permits, from behind the `%`.
fn permits(rule: &[u8]) -> Result<(u8, &[u8]), RuleError> {
    let mut permits = 0;
    for (at, byte) in rule.iter().enumerate() {
        let bit = match byte.to_ascii_uppercase() {
            b'R' => READ,
            b'W' => WRITE,
            b'~' if permits != 0 => return Ok((permits, &rule[at + 1..])),
            _ => return Err(RuleError::Syntax),
        };
        if permits & bit != 0 {
            return Err(RuleError::Syntax);
        }
        permits |= bit;
    }
    // As Redis has it, `%R` alone is for the key without a name.
    if permits == 0 {
        return Err(RuleError::Syntax);
    }
    Ok((permits, b""))
}

fn check_pattern(pattern: &[u8], count: usize) -> Result<(), RuleError> {
    if pattern.iter().any(|byte| is_blank(*byte)) {
        return Err(RuleError::Syntax);
    }
    if pattern.len() > PATTERN_BYTES_MAX || count >= PATTERNS_MAX {
        return Err(RuleError::Limit);
    }
    Ok(())
}

/// What cannot stand in names and patterns: C's blanks, and NUL.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' | 0)
}
