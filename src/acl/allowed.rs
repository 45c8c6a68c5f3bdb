//! Which commands a selector allows: a bit per row of the command table.

use super::selector::is_blank;
use crate::commands::spec::{CATEGORY_NAMES, Categories};
use crate::commands::table::{self, Registered};
use crate::error::RuleError;

/// First arguments (`+select|0`) one selector may name.
const FIRST_ARGUMENTS_MAX: usize = 1_000;
/// Bytes that the rules on commands of one selector may take as text.
const RULES_BYTES_MAX: usize = 64 * 1024;

/// The commands a selector allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// A bit for each command and subcommand, by number.
    bits: Box<[u64]>,
    /// Was the last rule on all commands one that allows them? So are commands to come, then.
    all: bool,
    /// Every command is allowed.
    complete: bool,
    /// First arguments with which a command is allowed that is not allowed otherwise, lower case; sorted.
    first_arguments: Vec<(usize, Box<[u8]>)>,
    /// The rules since then, as `ACL LIST` shows them: `+get -@write`.
    rules: String,
}

impl Default for Allowed {
    fn default() -> Allowed {
        Allowed {
            bits: vec![0; table::all().len().div_ceil(64)].into(),
            all: false,
            complete: false,
            first_arguments: Vec::new(),
            rules: String::new(),
        }
    }
}

impl Allowed {
    /// Is every command allowed?
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Is this command allowed, with whatever arguments?
    #[inline]
    pub fn has(&self, command: usize) -> bool {
        self.bits[command / 64] & (1 << (command % 64)) != 0
    }

    /// Is this command allowed with this first argument?
    pub fn has_with(&self, command: usize, argument: Option<&[u8]>) -> bool {
        argument.is_some_and(|argument| {
            let named = |(id, text): &(usize, Box<[u8]>)| {
                *id == command && text.eq_ignore_ascii_case(argument)
            };
            self.first_arguments.iter().any(named)
        })
    }

    /// Allows or forbids all commands, those to come included.
    pub fn set_all(&mut self, allow: bool) {
        let last = table::all().len();
        for (index, word) in self.bits.iter_mut().enumerate() {
            let used = (last - index * 64).min(64);
            *word = if allow { u64::MAX >> (64 - used) } else { 0 };
        }
        self.all = allow;
        self.complete = allow;
        self.first_arguments.clear();
        self.rules.clear();
    }

    /// Applies a rule such as `+get`, `-@write`, `+config|get`.
    ///
    /// # Errors
    /// When it names what there is not, or there are too many.
    pub fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let (sign, name) = rule.split_first().ok_or(RuleError::Syntax)?;
        let allow = *sign == b'+';
        let name = std::str::from_utf8(name).map_err(|_| RuleError::Unknown)?;
        let name = name.to_ascii_lowercase();
        if self.rules.len() + name.len() + 2 > RULES_BYTES_MAX {
            return Err(RuleError::Limit);
        }
        match name.strip_prefix('@') {
            Some("all") => {
                self.set_all(allow);
                return Ok(());
            }
            Some(category) => self.set_category(category, allow)?,
            None => self.set_named(&name, allow)?,
        }
        self.complete = (0..table::all().len()).all(|id| self.has(id));
        self.note(&name, allow);
        Ok(())
    }

    /// The rules as `ACL LIST` shows them.
    pub fn describe(&self) -> String {
        let start = if self.all { "+@all" } else { "-@all" };
        match self.rules.as_str() {
            "" => start.to_owned(),
            rules => format!("{start} {rules}"),
        }
    }

    fn set_category(&mut self, name: &str, allow: bool) -> Result<(), RuleError> {
        let category = category(name.as_bytes()).ok_or(RuleError::Unknown)?;
        let members = table::all()
            .iter()
            .filter(|command| command.categories.has(category));
        for command in members {
            self.set(command, allow);
        }
        Ok(())
    }

    fn set_named(&mut self, name: &str, allow: bool) -> Result<(), RuleError> {
        if let Some(command) = table::find_full(name.as_bytes()) {
            self.set(command, allow);
            return Ok(());
        }
        // What is no subcommand can be a first argument, but only to allow it.
        let (command, argument) = name.split_once('|').ok_or(RuleError::Unknown)?;
        if !allow {
            return Err(RuleError::Unknown);
        }
        let command = table::find(command.as_bytes()).ok_or(RuleError::Unknown)?;
        if argument.is_empty() || argument.bytes().any(is_blank) {
            return Err(RuleError::Syntax);
        }
        if !command.subcommands.is_empty() {
            let sub = argument.split('|').next().unwrap_or_default();
            return Err(match command.subcommand(sub.as_bytes()) {
                Some(_) => RuleError::SubcommandArgument,
                None => RuleError::Unknown,
            });
        }
        let entry = (command.id, argument.as_bytes().into());
        if let Err(at) = self.first_arguments.binary_search(&entry) {
            if self.first_arguments.len() >= FIRST_ARGUMENTS_MAX {
                return Err(RuleError::Limit);
            }
            self.first_arguments.insert(at, entry);
        }
        Ok(())
    }

    /// Allows or forbids a command with its subcommands, whatever its arguments.
    fn set(&mut self, command: &Registered, allow: bool) {
        for &id in command.subcommands.iter().chain([&command.id]) {
            let bit = 1 << (id % 64);
            match allow {
                true => self.bits[id / 64] |= bit,
                false => self.bits[id / 64] &= !bit,
            }
            self.first_arguments.retain(|(other, _)| *other != id);
        }
    }

    /// Notes a rule for `ACL LIST`, without the earlier ones that it makes void: those on the same
    /// command or category, its subcommands and first arguments.
    fn note(&mut self, name: &str, allow: bool) {
        // A first argument may hold a bar itself; nothing is below it.
        let is_whole = !name.contains('|');
        let is_void = |rule: &str| {
            let rest = rule[1..].strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || is_whole && rest.starts_with('|'))
        };
        let kept = self.rules.split(' ').filter(|rule| !rule.is_empty());
        let mut rules: Vec<&str> = kept.filter(|rule| !is_void(rule)).collect();
        let rule = format!("{}{name}", if allow { '+' } else { '-' });
        rules.push(&rule);
        self.rules = rules.join(" ");
    }
}

/// The category of this name, in any case.
pub fn category(name: &[u8]) -> Option<Categories> {
    let known = CATEGORY_NAMES
        .iter()
        .find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(name));
    known.map(|(category, _)| *category)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(rules: &str) -> Allowed {
        let mut allowed = Allowed::default();
        for rule in rules.split_whitespace() {
            allowed.apply(rule.as_bytes()).expect(rule);
        }
        allowed
    }

    fn has(allowed: &Allowed, name: &str) -> bool {
        allowed.has(table::find_full(name.as_bytes()).expect(name).id)
    }

    #[test]
    fn first_arguments_with_bars_stay() {
        let allowed = with("+select|a|b +select|a");
        assert_eq!(allowed.describe(), "-@all +select|a|b +select|a");
    }

    #[test]
    fn the_last_rule_wins() {
        let reads = with("+@read -get +CONFIG|GET");
        assert!(has(&reads, "mget") && !has(&reads, "get") && !has(&reads, "set"));
        assert!(has(&reads, "config|get") && !has(&reads, "config|set") && !has(&reads, "config"));
        assert_eq!(reads.describe(), "-@all +@read -get +config|get");
        let most = with("+@all -@dangerous +keys");
        assert!(has(&most, "keys") && !has(&most, "flushall") && !most.is_complete());
        assert!(with("-get +@all").is_complete());
        assert!(with("+@all -get +get").is_complete());
        assert_eq!(with("+get +@all").describe(), "+@all");
        assert_eq!(with("-@all").describe(), "-@all");
    }

    #[test]
    fn a_command_includes_its_subcommands() {
        let allowed = with("+config -config|set");
        assert!(has(&allowed, "config|get") && !has(&allowed, "config|set"));
        // The whole makes the parts void.
        assert_eq!(
            with("+config|get -config|set +config").describe(),
            "-@all +config"
        );
        assert_eq!(with("+get +getex").describe(), "-@all +get +getex");
    }

    #[test]
    fn first_arguments() {
        let mut allowed = with("+select|0 +SELECT|One");
        let id = table::find(b"select").expect("a command").id;
        assert!(!allowed.has(id) && allowed.has_with(id, Some(b"0")));
        assert!(allowed.has_with(id, Some(b"oNE")) && !allowed.has_with(id, Some(b"1")));
        assert!(!allowed.has_with(id, None));
        assert_eq!(allowed.describe(), "-@all +select|0 +select|one");
        allowed.apply(b"-select").expect("a rule");
        assert!(!allowed.has_with(id, Some(b"0")));
    }

    #[test]
    fn what_is_refused() {
        for (rule, error) in [
            ("+nosuch", RuleError::Unknown),
            ("+@nosuch", RuleError::Unknown),
            ("+@", RuleError::Unknown),
            ("+", RuleError::Unknown),
            ("+|", RuleError::Unknown),
            ("+get|", RuleError::Syntax),
            ("+config|", RuleError::Syntax),
            ("+get|a b", RuleError::Syntax),
            ("+config|nosuch", RuleError::Unknown),
            ("+config|get|x", RuleError::SubcommandArgument),
            ("-get|x", RuleError::Unknown),
            ("-memory|usage|x", RuleError::Unknown),
        ] {
            assert_eq!(
                Allowed::default().apply(rule.as_bytes()),
                Err(error),
                "{rule}"
            );
        }
        let mut allowed = Allowed::default();
        let outcome = (0..10_000).find_map(|n| allowed.apply(format!("+get|{n}").as_bytes()).err());
        assert_eq!(outcome, Some(RuleError::Limit));
    }
}
