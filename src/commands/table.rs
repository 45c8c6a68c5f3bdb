//! All families in one table: lookup by name, and the numbering that statistics use.

use super::spec::{ADMIN, BLOCKING, FAST, PUBSUB, READONLY, WRITE};
use super::spec::{Categories, Command, Flags, category};
use std::sync::LazyLock;

/// Commands of one of Redis's groups.
pub struct Family {
    /// The group's name, as `COMMAND DOCS` gives it.
    pub group: &'static str,
    /// The category all its commands are in, if any.
    pub category: Categories,
    /// Its commands.
    pub commands: &'static [Command],
}

/// A command as registered.
pub struct Registered {
    /// Its row.
    pub command: &'static Command,
    /// The group it belongs to.
    pub group: &'static str,
    /// Its name, with its container's: `config|get`.
    pub full_name: &'static str,
    /// Its number, from 0, for statistics.
    pub id: usize,
    /// Its ACL categories, implied ones included.
    pub categories: Categories,
    /// Its subcommands' numbers.
    pub subcommands: Vec<usize>,
}

impl Registered {
    /// The subcommand of this name, in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Registered> {
        let all = all();
        self.subcommands
            .iter()
            .map(|id| &all[*id])
            .find(|sub| sub.command.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Has this flag?
    #[inline]
    pub fn has(&self, flag: Flags) -> bool {
        self.command.flags.has(flag)
    }
}

/// Every command and subcommand, by number.
pub fn all() -> &'static [Registered] {
    &TABLE.commands
}

/// Only the commands, without subcommands.
pub fn top_level() -> impl Iterator<Item = &'static Registered> {
    all()
        .iter()
        .filter(|registered| !registered.full_name.contains('|'))
}

/// The command of this name, in any case. Costs one hash of at most 24 bytes and one comparison.
#[inline]
pub fn find(name: &[u8]) -> Option<&'static Registered> {
    TABLE.find(name)
}

struct Table {
    commands: Vec<Registered>,
    /// Open addressing over the names' hashes; a power of two, at most a quarter full.
    slots: Box<[u16]>,
}

const VACANT: u16 = u16::MAX;
/// Longer than any command's name.
const NAME_MAX: usize = 24;

static TABLE: LazyLock<Table> = LazyLock::new(Table::build);

impl Table {
    fn build() -> Table {
        let mut commands = Vec::new();
        for family in super::FAMILIES {
            for command in family.commands {
                let id = commands.len();
                commands.push(register(command, family, None, id));
                for sub in command.subcommands {
                    let sub_id = commands.len();
                    commands.push(register(sub, family, Some(command), sub_id));
                    commands[id].subcommands.push(sub_id);
                }
            }
        }
        let size = (commands.len() * 4).next_power_of_two();
        let mut slots = vec![VACANT; size].into_boxed_slice();
        for registered in commands.iter().filter(|c| !c.full_name.contains('|')) {
            let mut at = hash(registered.full_name.as_bytes()) & (size - 1);
            while slots[at] != VACANT {
                at = (at + 1) & (size - 1);
            }
            slots[at] = registered.id as u16;
        }
        Table { commands, slots }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<&Registered> {
        if name.len() > NAME_MAX || name.is_empty() {
            return None;
        }
        let mut at = hash(name) & (self.slots.len() - 1);
        loop {
            let id = self.slots[at];
            if id == VACANT {
                return None;
            }
            let registered = &self.commands[usize::from(id)];
            if registered.full_name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(registered);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

/// Case-insensitive: bit 5 of every byte is ignored.
#[inline]
fn hash(name: &[u8]) -> usize {
    const CASE: u64 = 0x2020_2020_2020_2020;
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = name.len() as u64;
    for chunk in name.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mixed = (mixed ^ (u64::from_le_bytes(word) | CASE)).wrapping_mul(MIX);
        mixed ^= mixed >> 32;
    }
    mixed as usize
}

fn register(
    command: &'static Command,
    family: &'static Family,
    container: Option<&'static Command>,
    id: usize,
) -> Registered {
    let full_name = match container {
        None => command.name,
        // Made once per process, for its whole life.
        Some(container) => String::leak(format!("{}|{}", container.name, command.name)),
    };
    let categories = implied(command)
        .and(command.categories)
        .and(family.category);
    Registered {
        command,
        group: family.group,
        full_name,
        id,
        categories,
        subcommands: Vec::new(),
    }
}

/// Categories that follow from flags.
fn implied(command: &Command) -> Categories {
    let mut categories = Categories(0);
    for (flag, category) in [
        (WRITE, category::WRITE),
        (READONLY, category::READ),
        (ADMIN, category::ADMIN.and(category::DANGEROUS)),
        (PUBSUB, category::PUBSUB),
        (BLOCKING, category::BLOCKING),
    ] {
        if command.flags.has(flag) {
            categories = categories.and(category);
        }
    }
    let fast = command.flags.has(FAST);
    categories.and(if fast { category::FAST } else { category::SLOW })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case() {
        for registered in top_level() {
            let name = registered.full_name;
            for spelling in [name.to_string(), name.to_uppercase()] {
                let found = find(spelling.as_bytes()).expect("registered");
                assert_eq!(found.id, registered.id);
            }
            assert!(find(format!("{name}~").as_bytes()).is_none());
        }
        assert!(find(b"").is_none() && find(&[b'x'; 500]).is_none());
    }

    #[test]
    fn numbers_are_positions() {
        for (index, registered) in all().iter().enumerate() {
            assert_eq!(registered.id, index);
        }
    }
}
