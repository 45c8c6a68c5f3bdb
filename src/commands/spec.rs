//! What a command is: one `const` row, from which everything about it is derived.

use super::context::Context;
use crate::error::Error;
use crate::keyspace::{Key, Keyspace, Txn};
use crate::protocol::{Args, Output, OwnedArgs, Reply};
use crate::session::Shared;
use crate::values::Type;

pub use super::scripting::ScriptSource;

/// What becomes of a request after its handler returned.
pub enum Flow {
    /// The reply is complete.
    Done,
    /// The reply is complete; close the connection once it is sent.
    Close,
    /// The work is long: run this on the pool and send what it appends. Nothing has been replied.
    Offload(Job),
    /// The work is long ([`Txn::is_long`]) and nothing has been done: run it on the pool.
    Long,
    /// Nothing has been done: a shard is held for long, and the request must stay with its worker.
    Later,
    /// There is nothing to reply with yet, and nothing has been replied: run the request again when
    /// one of its keys changes.
    Block(Box<Block>),
}

/// What a blocked request waits for.
pub struct Block {
    /// How long, in ms; `None` is for ever.
    pub timeout_ms: Option<u64>,
    /// It is run again when a key of its own has come to be of this type, or has changed.
    pub kind: Type,
    /// It is also run again when a key ceases to be of that type: a consumer group may be gone.
    pub when_gone: bool,
    /// The reply when it was given nothing.
    pub otherwise: Otherwise,
    /// The arguments it is run again with, if others than those of the request.
    pub again: Option<OwnedArgs>,
}

/// The reply of a blocked request that was given nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// A null.
    Null,
    /// A null array.
    NullArray,
    /// A null array when time is up, a null inside a transaction: what moves between lists reply.
    NullArrayInTime,
}

impl Otherwise {
    /// Appends what is replied when time is up.
    pub fn reply(self, reply: &mut Reply<'_>) {
        match self {
            Otherwise::Null => reply.null(),
            Otherwise::NullArray | Otherwise::NullArrayInTime => reply.null_array(),
        }
    }

    /// Appends what is replied where nothing may wait.
    pub fn reply_at_once(self, reply: &mut Reply<'_>) {
        match self {
            Otherwise::Null | Otherwise::NullArrayInTime => reply.null(),
            Otherwise::NullArray => reply.null_array(),
        }
    }
}

/// Long work, to be run away from the worker.
pub type Job = Box<dyn FnOnce(&Shared, &mut Output) + Send>;

/// What a handler returns. On an error, whatever it had replied is taken back.
pub type Outcome = Result<Flow, Error>;

/// Every handler returns one, so it is to be small.
const _: () = assert!(size_of::<Outcome>() <= 32);

/// The reply is complete.
pub const DONE: Outcome = Ok(Flow::Done);

/// Works on keys, under their locks.
pub type KeysHandler = fn(&mut Txn<'_>, Args<'_>, &mut Reply<'_>) -> Outcome;
/// Works on the client's session or the server.
pub type SessionHandler = fn(&mut Context<'_>, Args<'_>, &mut Reply<'_>) -> Outcome;

/// What runs a command.
#[derive(Clone, Copy)]
pub enum Handler {
    /// Gets a transaction over the keys of the request.
    Keys(KeysHandler),
    /// Gets a transaction that walks the whole keyspace; `true` locks all of it first.
    Keyspace(KeysHandler, bool),
    /// Gets the session.
    Session(SessionHandler),
    /// Runs the queued transaction: dispatch itself does.
    Exec,
    /// Runs a script: dispatch itself does.
    Script(ScriptSource),
    /// Has subcommands.
    Container,
}

/// Properties of commands, as `COMMAND INFO` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u32);

macro_rules! flags {
    ($($name:ident = $bit:literal $text:literal;)*) => {
        $(#[doc = concat!("`", $text, "`")] pub const $name: Flags = Flags(1 << $bit);)*
        /// All flags with the names `COMMAND INFO` gives them.
        pub const FLAG_NAMES: &[(Flags, &str)] = &[$(($name, $text)),*];
    };
}

flags! {
    WRITE = 0 "write";
    READONLY = 1 "readonly";
    DENYOOM = 2 "denyoom";
    ADMIN = 3 "admin";
    PUBSUB = 4 "pubsub";
    NOSCRIPT = 5 "noscript";
    BLOCKING = 6 "blocking";
    LOADING = 7 "loading";
    STALE = 8 "stale";
    SKIP_MONITOR = 9 "skip_monitor";
    SKIP_SLOWLOG = 10 "skip_slowlog";
    FAST = 11 "fast";
    NO_AUTH = 12 "no_auth";
    MAY_REPLICATE = 13 "may_replicate";
    NO_MULTI = 14 "no_multi";
    MOVABLEKEYS = 15 "movablekeys";
    ALLOW_BUSY = 16 "allow_busy";
    TOUCHES_ARBITRARY_KEYS = 17 "touches_arbitrary_keys";
    PROTECTED = 18 "protected";
    NO_ASYNC_LOADING = 19 "no_async_loading";
    ALL_DBS = 20 "all_dbs";
    NO_MANDATORY_KEYS = 21 "no_mandatory_keys";
}

impl Flags {
    /// No flags.
    pub const NONE: Flags = Flags(0);

    /// Both sets.
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Are all of `other` in this set?
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// ACL categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Categories(pub u32);

macro_rules! categories {
    ($($name:ident = $bit:literal $text:literal;)*) => {
        /// The categories, by name.
        pub mod category {
            use super::Categories;
            $(#[doc = concat!("`@", $text, "`")] pub const $name: Categories = Categories(1 << $bit);)*
        }
        /// All categories with the names `ACL CAT` gives them.
        pub const CATEGORY_NAMES: &[(Categories, &str)] = &[$((category::$name, $text)),*];
    };
}

categories! {
    KEYSPACE = 0 "keyspace";
    READ = 1 "read";
    WRITE = 2 "write";
    SET = 3 "set";
    SORTEDSET = 4 "sortedset";
    LIST = 5 "list";
    HASH = 6 "hash";
    STRING = 7 "string";
    BITMAP = 8 "bitmap";
    HYPERLOGLOG = 9 "hyperloglog";
    GEO = 10 "geo";
    STREAM = 11 "stream";
    PUBSUB = 12 "pubsub";
    ADMIN = 13 "admin";
    FAST = 14 "fast";
    SLOW = 15 "slow";
    BLOCKING = 16 "blocking";
    DANGEROUS = 17 "dangerous";
    CONNECTION = 18 "connection";
    TRANSACTION = 19 "transaction";
    SCRIPTING = 20 "scripting";
}

impl Categories {
    /// Both sets.
    pub const fn and(self, other: Categories) -> Categories {
        Categories(self.0 | other.0)
    }

    /// Are all of `other` in this set?
    pub const fn has(self, other: Categories) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a command does with the keys of a spec, as `COMMAND INFO` and ACL key permissions see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads the value and tells of it: `RO ACCESS`.
    Read,
    /// Reads only what is not data (existence, type, deadline): `RO`.
    Look,
    /// Changes the value without telling of it: `RW UPDATE`.
    Update,
    /// Changes the value and tells of it: `RW ACCESS UPDATE`.
    ReadUpdate,
    /// [`Access::ReadUpdate`], or a mere read, by the options: `RW ACCESS UPDATE VARIABLE_FLAGS`.
    ReadUpdateByOptions,
    /// Tells of the value, and may change how it is stored: `RW ACCESS`.
    ReadWrite,
    /// Adds to the value: `RW INSERT`.
    Insert,
    /// Adds to the value and uses what it was: `RW ACCESS INSERT`.
    ReadInsert,
    /// Replaces the value whatever it was: `OW UPDATE`.
    Overwrite,
    /// Creates the value: `OW INSERT`.
    Create,
    /// Removes the value: `RM DELETE`.
    Delete,
    /// Removes the value and tells of it: `RW ACCESS DELETE`.
    ReadDelete,
    /// Removes part of the value: `RW DELETE`.
    DeletePart,
    /// It is no key, but goes where a key of that name would: `NOT_KEY`.
    NotKey,
}

impl Access {
    /// The flags `COMMAND INFO` and `COMMAND GETKEYSANDFLAGS` show.
    pub const fn flag_names(self) -> &'static [&'static str] {
        match self {
            Access::Read => &["RO", "access"],
            Access::Look => &["RO"],
            Access::Update => &["RW", "update"],
            Access::ReadUpdate => &["RW", "access", "update"],
            Access::ReadUpdateByOptions => &["RW", "access", "update", "variable_flags"],
            Access::ReadWrite => &["RW", "access"],
            Access::Insert => &["RW", "insert"],
            Access::ReadInsert => &["RW", "access", "insert"],
            Access::Overwrite => &["OW", "update"],
            Access::Create => &["OW", "insert"],
            Access::Delete => &["RM", "delete"],
            Access::ReadDelete => &["RW", "access", "delete"],
            Access::DeletePart => &["RW", "delete"],
            Access::NotKey => &["not_key"],
        }
    }
}

/// Where keys are among the arguments.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// From argument `first` to `last` (negative: from the end, −1 the last), every `step`-th.
    Range {
        /// Index of the first key.
        first: i16,
        /// Index of the last.
        last: i16,
        /// Distance between keys.
        step: u16,
    },
    /// Argument `count` says how many keys follow from `first`, every `step`-th.
    Counted {
        /// Index of the count.
        count: i16,
        /// Index of the first key.
        first: i16,
        /// Distance between keys.
        step: u16,
    },
    /// Behind a word, in any case, that is looked for from argument `from` on.
    Keyword {
        /// The word, upper case.
        word: &'static str,
        /// Where it is looked for first.
        from: i16,
        /// Are all arguments of the first part behind the word keys (`STREAMS`)? Else it is one
        /// key, behind each time the word comes (`STORE`).
        many: bool,
        /// How many parts of equal length are behind the word, the first being the keys.
        parts: u16,
        /// What may precede the word, with the number of arguments each takes: what is meant for
        /// one of them is not taken for the word.
        options: &'static [(&'static str, usize)],
    },
    /// Where neither place nor word tells (`COMMAND INFO` calls it unknown): the function finds
    /// the key's index, if there is one.
    Found(fn(Args<'_>) -> Option<usize>),
}

impl Place {
    /// Is it the first argument and no other, as with most commands?
    #[inline]
    pub const fn is_first_only(self) -> bool {
        matches!(
            self,
            Place::Range {
                first: 1,
                last: 1,
                ..
            }
        )
    }
}

/// One group of keys of a command.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// Where they are.
    pub place: Place,
    /// What is done with them, whatever the request.
    pub access: Access,
    /// What a given request does with them, where that may be less.
    pub varies: Option<fn(Args<'_>) -> Access>,
    /// Why that is so, for `COMMAND INFO`; empty where it is plain.
    pub notes: &'static str,
}

impl KeySpec {
    const fn new(place: Place, access: Access) -> KeySpec {
        KeySpec {
            place,
            access,
            varies: None,
            notes: "",
        }
    }

    /// With what a given request does, where that depends on its options.
    pub const fn varying(self, access: fn(Args<'_>) -> Access) -> KeySpec {
        KeySpec {
            varies: Some(access),
            ..self
        }
    }

    /// What a request does with them.
    #[inline]
    pub fn access_in(&self, args: Args<'_>) -> Access {
        self.varies.map_or(self.access, |access| access(args))
    }

    /// With a remark.
    pub const fn notes(self, notes: &'static str) -> KeySpec {
        KeySpec { notes, ..self }
    }
}

/// A command or subcommand.
pub struct Command {
    /// Its name, lower case; a subcommand's without its container's.
    pub name: &'static str,
    /// Number of arguments, names included; negative: at least that many.
    pub arity: i16,
    /// Its properties.
    pub flags: Flags,
    /// Its ACL categories beyond those its flags imply.
    pub categories: Categories,
    /// Its keys.
    pub keys: &'static [KeySpec],
    /// What runs it.
    pub handler: Handler,
    /// Arguments as the documentation writes them, without the name.
    pub syntax: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// In O notation.
    pub complexity: &'static str,
    /// The Redis (or Valkey) version that introduced it.
    pub since: &'static str,
    /// Its subcommands.
    pub subcommands: &'static [Command],
    /// Says of a request whether it reads keys that none of its arguments is: every shard is
    /// locked for it then, and [`Txn::made_key`] gives it those keys.
    pub reaches: Option<fn(Args<'_>) -> bool>,
    /// Says from the keyspace's size and the arguments whether this request is long work.
    pub long: Option<fn(&Keyspace, Args<'_>) -> bool>,
}

impl Command {
    const fn new(name: &'static str, arity: i16, handler: Handler) -> Command {
        Command {
            name,
            arity,
            flags: Flags::NONE,
            categories: Categories(0),
            keys: &[],
            handler,
            syntax: "",
            summary: "",
            complexity: "",
            since: "",
            subcommands: &[],
            long: None,
            reaches: None,
        }
    }

    /// A command that changes keys.
    pub const fn write(name: &'static str, arity: i16, handler: KeysHandler) -> Command {
        Command::new(name, arity, Handler::Keys(handler)).flags(WRITE)
    }

    /// A command that reads keys.
    pub const fn read(name: &'static str, arity: i16, handler: KeysHandler) -> Command {
        Command::new(name, arity, Handler::Keys(handler)).flags(READONLY)
    }

    /// A command on the whole keyspace, visited shard by shard.
    pub const fn walk(name: &'static str, arity: i16, handler: KeysHandler) -> Command {
        Command::new(name, arity, Handler::Keyspace(handler, false))
    }

    /// A command on the whole keyspace at one moment: every shard is locked.
    pub const fn whole(name: &'static str, arity: i16, handler: KeysHandler) -> Command {
        Command::new(name, arity, Handler::Keyspace(handler, true))
    }

    /// A command on the session or the server.
    pub const fn session(name: &'static str, arity: i16, handler: SessionHandler) -> Command {
        Command::new(name, arity, Handler::Session(handler))
    }

    /// `EXEC`.
    pub const fn exec(name: &'static str, arity: i16) -> Command {
        Command::new(name, arity, Handler::Exec)
    }

    /// A command that runs a script, with keys behind their number.
    pub const fn script(name: &'static str, source: ScriptSource) -> Command {
        Command::new(name, -3, Handler::Script(source))
    }

    /// A command with subcommands.
    pub const fn container(name: &'static str, subcommands: &'static [Command]) -> Command {
        Command {
            subcommands,
            ..Command::new(name, -2, Handler::Container)
        }
    }

    /// Adds flags.
    pub const fn flags(self, flags: Flags) -> Command {
        Command {
            flags: self.flags.and(flags),
            ..self
        }
    }

    /// Adds ACL categories beyond those that its flags and its family imply.
    pub const fn categories(self, categories: Categories) -> Command {
        Command {
            categories: self.categories.and(categories),
            ..self
        }
    }

    /// Its keys.
    pub const fn keys(self, keys: &'static [KeySpec]) -> Command {
        Command { keys, ..self }
    }

    /// Its subcommands, for a command that also works without one.
    pub const fn subcommands(self, subcommands: &'static [Command]) -> Command {
        Command {
            subcommands,
            ..self
        }
    }

    /// Its arguments, as documented.
    pub const fn syntax(self, syntax: &'static str) -> Command {
        Command { syntax, ..self }
    }

    /// What it does, its complexity, and since when it exists.
    pub const fn about(
        self,
        summary: &'static str,
        complexity: &'static str,
        since: &'static str,
    ) -> Command {
        Command {
            summary,
            complexity,
            since,
            ..self
        }
    }

    /// When it is long work, to be run away from the worker.
    pub const fn long(self, long: fn(&Keyspace, Args<'_>) -> bool) -> Command {
        Command {
            long: Some(long),
            ..self
        }
    }

    /// When it reads keys that none of its arguments is.
    pub const fn reaches(self, reaches: fn(Args<'_>) -> bool) -> Command {
        Command {
            reaches: Some(reaches),
            ..self
        }
    }

    /// Does this request need every shard, wherever its keys are?
    #[inline]
    pub fn needs_all(&self, args: Args<'_>) -> bool {
        self.reaches.is_some_and(|reaches| reaches(args))
    }

    /// Does a request with `count` arguments have the right number?
    #[inline]
    pub fn accepts(&self, count: usize) -> bool {
        let arity = self.arity.unsigned_abs() as usize;
        if self.arity < 0 {
            count >= arity
        } else {
            count == arity
        }
    }

    /// Does it work on keys or the keyspace, so that it can be part of a transaction's locking?
    pub fn is_keyed(&self) -> bool {
        !matches!(
            self.handler,
            Handler::Session(_) | Handler::Exec | Handler::Container
        )
    }

    /// Calls `found` with the index of each key among the arguments and what is done with it.
    /// An error when a count among the arguments does not fit them.
    pub fn each_key(
        &self,
        args: Args<'_>,
        mut found: impl FnMut(usize, Access),
    ) -> Result<(), KeysInvalid> {
        for spec in self.keys {
            if spec.access == Access::NotKey {
                continue;
            }
            let access = spec.access_in(args);
            match spec.place {
                Place::Range { first, last, step } => {
                    let last = if last < 0 {
                        args.len() as i64 + i64::from(last)
                    } else {
                        last.into()
                    };
                    let mut index = i64::from(first);
                    while index <= last && index < args.len() as i64 {
                        found(index as usize, access);
                        index += i64::from(step);
                    }
                }
                Place::Counted { count, first, step } => {
                    let count = args
                        .get(count as usize)
                        .and_then(crate::base::number::parse_i64)
                        .filter(|count| (1..=args.len() as i64).contains(count))
                        .ok_or(KeysInvalid)?;
                    let last = i64::from(first) + (count - 1) * i64::from(step);
                    if last >= args.len() as i64 {
                        return Err(KeysInvalid);
                    }
                    for n in 0..count {
                        let index = i64::from(first) + n * i64::from(step);
                        found(index as usize, access);
                    }
                }
                Place::Keyword {
                    word,
                    from,
                    many,
                    parts,
                    options,
                } => {
                    let keyword = (word, from as usize, usize::from(parts), options);
                    each_key_behind(args, keyword, many, |index| found(index, access))?;
                }
                Place::Found(find) => {
                    if let Some(index) = find(args) {
                        found(index, access);
                    }
                }
            }
        }
        Ok(())
    }

    /// The keys of a request, hashed.
    #[inline]
    pub fn extract_keys<'a>(
        &self,
        args: Args<'a>,
    ) -> Result<crate::keyspace::txn::Keys<'a>, KeysInvalid> {
        let mut keys = crate::keyspace::txn::Keys::new();
        if let [
            KeySpec {
                place: Place::Range {
                    first: 1, last: 1, ..
                },
                ..
            },
        ] = self.keys
        {
            keys.push(Key::new(args.at(1)));
            return Ok(keys);
        }
        self.each_key(args, |index, _| keys.push(Key::new(args.at(index))))?;
        Ok(keys)
    }
}

/// The part of [`Command::each_key`] for [`Place::Keyword`].
fn each_key_behind(
    args: Args<'_>,
    (word, from, parts, options): (&str, usize, usize, &[(&str, usize)]),
    many: bool,
    mut found: impl FnMut(usize),
) -> Result<(), KeysInvalid> {
    // Options are counted off from the first argument on.
    let mut at = if options.is_empty() { from } else { 1 };
    let mut missing = many;
    while at + 1 < args.len() {
        if !args.is(at, word) {
            let option = options.iter().find(|(name, _)| args.is(at, name));
            at += 1 + option.map_or(0, |(_, operands)| *operands);
        } else if many {
            let count = (args.len() - at - 1) / parts;
            (at + 1..=at + count).for_each(found);
            missing = false;
            break;
        } else {
            found(at + 1);
            at += 2;
        }
    }
    if missing { Err(KeysInvalid) } else { Ok(()) }
}

/// A key count that does not fit the arguments: there are no keys, and the handler says why.
#[derive(Debug)]
pub struct KeysInvalid;
/// One key at argument `index`.
pub const fn key(index: i16, access: Access) -> KeySpec {
    range(index, index, 1, access)
}

/// Keys at arguments `first` to `last`, every `step`-th; negative `last` counts from the end.
pub const fn range(first: i16, last: i16, step: u16, access: Access) -> KeySpec {
    KeySpec::new(Place::Range { first, last, step }, access)
}

/// As many keys as argument `count` says, after it.
pub const fn counted(count: i16, step: u16, access: Access) -> KeySpec {
    let place = Place::Counted {
        count,
        first: count + 1,
        step,
    };
    KeySpec::new(place, access)
}

/// One key behind each `word` (upper case) from argument `from` on.
pub const fn behind(word: &'static str, from: i16, access: Access) -> KeySpec {
    let place = Place::Keyword {
        word,
        from,
        many: false,
        parts: 1,
        options: &[],
    };
    KeySpec::new(place, access)
}

/// One key where `find` finds it, if there is one.
pub const fn found(find: fn(Args<'_>) -> Option<usize>, access: Access) -> KeySpec {
    KeySpec::new(Place::Found(find), access)
}

/// All that follows the first `word` (upper case) from argument `from` on is keys; only its first
/// half, if as many arguments that belong to them follow the keys. `options`: what may precede the
/// word, with the number of arguments each takes.
pub const fn all_behind(
    word: &'static str,
    from: i16,
    halved: bool,
    options: &'static [(&'static str, usize)],
    access: Access,
) -> KeySpec {
    let place = Place::Keyword {
        word,
        from,
        many: true,
        parts: if halved { 2 } else { 1 },
        options,
    };
    KeySpec::new(place, access)
}

/// Stops compilation on rows that contradict themselves or each other.
pub const fn checked(commands: &'static [Command]) -> &'static [Command] {
    let mut index = 0;
    while index < commands.len() {
        let command = &commands[index];
        assert!(
            !command.name.is_empty() && command.arity != 0,
            "a name and an arity"
        );
        assert!(
            !(command.flags.has(WRITE) && command.flags.has(READONLY)),
            "read or write"
        );
        assert!(
            !command.summary.is_empty() && !command.since.is_empty(),
            "a summary and a version"
        );
        let mut byte = 0;
        while byte < command.name.len() {
            assert!(
                !command.name.as_bytes()[byte].is_ascii_uppercase(),
                "lower-case names"
            );
            byte += 1;
        }
        let mut other = 0;
        while other < index {
            assert!(!same(commands[other].name, command.name), "a name twice");
            other += 1;
        }
        let mut spec = 0;
        while spec < command.keys.len() {
            let furthest = match command.keys[spec].place {
                Place::Range { first, last, step } => {
                    assert!(step > 0 && first > 0, "keys come after the name");
                    // Up to one that counts from the end there may be none.
                    match last {
                        ..0 => first - 1,
                        _ if last > first => last,
                        _ => first,
                    }
                }
                Place::Counted { count, step, .. } => {
                    assert!(step > 0 && count > 0, "the count comes after the name");
                    count
                }
                Place::Keyword { from, parts, .. } => {
                    assert!(from > 0 && parts > 0, "the word comes after the name");
                    0
                }
                Place::Found(_) => 0,
            };
            assert!(
                (furthest as u16) < command.arity.unsigned_abs(),
                "keys beyond the arity"
            );
            spec += 1;
        }
        checked(command.subcommands);
        index += 1;
    }
    commands
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}
