//! All families in one table: lookup by name, and the numbering that statistics use.

use super::spec::{ADMIN, BLOCKING, FAST, PUBSUB, READONLY, WRITE};
use super::spec::{Categories, Command, Flags, Handler, KeySpec, KeysHandler, Place, category};
use super::spec::{NO_AUTH, PROTECTED};
use crate::protocol::Args;
use crate::values::content::Sought;
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
    /// What dispatch would otherwise ask its row for at each request.
    pub traits: Traits,
}

/// What dispatch asks of a command at each request, found out once.
#[derive(Clone, Copy)]
pub struct Traits {
    /// Its keys begin with argument 1.
    pub first_is_key: bool,
    /// It runs a script or a function.
    pub runs_script: bool,
    /// Argument 1 is its only key, wherever the rest of the request goes.
    pub has_one_key: bool,
    /// All its arguments are keys, the first by themselves.
    pub has_only_keys: bool,
    /// The least and the greatest number of arguments, its name included.
    pub arguments: (u32, u32),
    /// Where it says what it looks for in a collection, if it works on one.
    pub inside: Inside,
    /// It is `PUBLISH`: several that follow each other are executed together.
    pub publishes: bool,
    /// What runs it, if it is a plain command, of which nothing but its keys decides whether and how
    /// it runs: it has keys and no subcommands, needs a client that may run commands, does not
    /// block, is never known to be long from its arguments, and locks no more than its keys.
    pub plain: Option<KeysHandler>,
}

/// Where a command on a collection says what it looks for there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// It works on no collection.
    Nothing,
    /// Nowhere: it works on the ends, or all over.
    Ends,
    /// In the argument behind the key, if anywhere.
    Second,
    /// In the last argument, if anywhere.
    Last,
}

impl Inside {
    fn of(group: &str) -> Inside {
        match group {
            "hash" | "set" => Inside::Second,
            "sorted_set" | "geo" => Inside::Last,
            "list" | "stream" => Inside::Ends,
            _ => Inside::Nothing,
        }
    }

    /// What a request looks for; `None` when it is not one on a collection.
    #[inline]
    pub fn sought<'a>(self, args: Args<'a>) -> Option<Sought<'a>> {
        let name = match self {
            Inside::Nothing => return None,
            Inside::Ends => None,
            Inside::Second => args.get(2),
            Inside::Last => args.get(args.len() - 1),
        };
        Some(name.map_or(Sought::Ends, Sought::Name))
    }
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
pub fn find(name: &[u8]) -> Option<&'static Registered> {
    TABLE.find(name)
}

/// The command of a request. Nearly all names are a word of at most eight letters: about 20
/// instructions.
#[inline]
pub fn of(args: Args<'_>) -> Option<&'static Registered> {
    let table = &*TABLE;
    match args.lower_word(0).and_then(|word| table.find_short(word)) {
        None => table.find(args.at(0)),
        found => found,
    }
}

/// The command or subcommand of this full name (`config|get`), in any case.
pub fn find_full(name: &[u8]) -> Option<&'static Registered> {
    let mut parts = name.splitn(2, |byte| *byte == b'|');
    let top = find(parts.next()?)?;
    parts.next().map_or(Some(top), |sub| top.subcommand(sub))
}

struct Table {
    commands: Vec<Registered>,
    /// Names of at most eight letters as [`Args::lower_word`] gives them, which no other name is
    /// equal to; with the command's number. Open addressing; 0 is vacant.
    short: Box<[(u64, usize)]>,
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
        let short = short_names(&commands, size);
        Table {
            commands,
            short,
            slots,
        }
    }

    #[inline]
    fn find_short(&self, word: u64) -> Option<&Registered> {
        let mut at = short_hash(word) & (self.short.len() - 1);
        loop {
            let (name, id) = self.short[at];
            if name == word && word != 0 {
                return Some(&self.commands[id]);
            }
            if name == 0 {
                return None;
            }
            at = (at + 1) & (self.short.len() - 1);
        }
    }

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

fn short_names(commands: &[Registered], size: usize) -> Box<[(u64, usize)]> {
    let mut short = vec![(0, 0); size].into_boxed_slice();
    for registered in commands {
        let name = registered.full_name.as_bytes();
        // Of letters only: other bytes may be equal but for bit 5 and yet not be the same.
        if name.len() > 8 || !name.iter().all(u8::is_ascii_lowercase) {
            continue;
        }
        let mut word = [0; 8];
        word[..name.len()].copy_from_slice(name);
        let word = u64::from_le_bytes(word);
        let mut at = short_hash(word) & (size - 1);
        while short[at].0 != 0 {
            at = (at + 1) & (size - 1);
        }
        short[at] = (word, registered.id);
    }
    short
}

#[inline]
fn short_hash(word: u64) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
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
        traits: traits_of(command, family.group),
    }
}

impl Traits {
    /// As [`Command::accepts`].
    #[inline]
    pub fn accept(&self, count: usize) -> bool {
        let (least, greatest) = self.arguments;
        count >= least as usize && count <= greatest as usize
    }
}

fn traits_of(command: &Command, group: &str) -> Traits {
    let first_is_key = matches!(
        command.keys,
        [
            KeySpec {
                place: Place::Range { first: 1, .. },
                ..
            },
            ..
        ]
    );
    let has_only_keys = matches!(
        command.keys,
        [KeySpec {
            place: Place::Range {
                first: 1,
                last: -1,
                step: 1
            },
            ..
        }]
    );
    let is_plain = first_is_key
        && command.subcommands.is_empty()
        && command.long.is_none()
        && command.reaches.is_none()
        && ![PROTECTED, NO_AUTH, BLOCKING]
            .into_iter()
            .any(|flag| command.flags.has(flag));
    let least = u32::from(command.arity.unsigned_abs());
    let greatest = if command.arity < 0 { u32::MAX } else { least };
    Traits {
        arguments: (least, greatest),
        inside: Inside::of(group),
        first_is_key,
        runs_script: matches!(command.handler, Handler::Script(_)),
        has_only_keys,
        publishes: command.name == "publish",
        has_one_key: matches!(command.keys, [spec] if spec.place.is_first_only()),
        plain: match command.handler {
            Handler::Keys(handler) if is_plain => Some(handler),
            _ => None,
        },
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

    /// The number of the command with this name, which every way of looking it up agrees on.
    fn found(name: &[u8]) -> Option<usize> {
        let spans = [crate::protocol::Span::new(0, name.len())];
        let found = of(Args::new(name, &spans)).map(|registered| registered.id);
        let longer = [name, b"\r\n$3\r\nkey"].concat();
        assert_eq!(of(Args::new(&longer, &spans)).map(|other| other.id), found);
        assert_eq!(find(name).map(|other| other.id), found);
        found
    }

    #[test]
    fn every_command_is_found_in_any_case() {
        for registered in top_level() {
            let name = registered.full_name;
            for spelling in [name.to_string(), name.to_uppercase()] {
                assert_eq!(found(spelling.as_bytes()), Some(registered.id));
            }
            let mut odd = name.as_bytes().to_vec();
            odd[0] ^= 0x40;
            for other in [format!("{name}~").as_bytes(), &odd, &name.as_bytes()[1..]] {
                assert!(found(other).is_none_or(|id| id != registered.id));
            }
        }
        assert!(found(b"").is_none() && found(&[b'x'; 500]).is_none());
        assert!(found(b"get\0").is_none() && found(b"\x07et").is_none());
    }

    #[test]
    fn numbers_are_positions() {
        for (index, registered) in all().iter().enumerate() {
            assert_eq!(registered.id, index);
        }
    }
}
