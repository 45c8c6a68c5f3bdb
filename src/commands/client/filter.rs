//! Which clients `CLIENT LIST` shows and `CLIENT KILL` closes.

use super::describe::flags;
use crate::acl::Acl;
use crate::base::number;
use crate::error::Error;
use crate::protocol::Args;
use crate::session::{Address, Client, Flag};
use std::sync::atomic::Ordering::Relaxed;

/// What a filter is for: the two differ in a default and in the errors about ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    List,
    Kill,
}

/// Conditions that a client must all meet.
pub(super) struct Filter {
    conditions: Vec<Condition>,
    skip_me: bool,
}

/// One condition, and whether it is to hold.
struct Condition {
    wanted: bool,
    test: Test,
}

enum Test {
    Ids(Vec<i64>),
    Class(Class),
    Addr(Vec<u8>),
    LocalAddr(Vec<u8>),
    Ip(Vec<u8>),
    Name(Vec<u8>),
    Library(Vec<u8>),
    LibraryVersion(Vec<u8>),
    Flags(Vec<u8>),
    Db(u32),
    IdleSeconds(u64),
    AgeSeconds(u64),
    User(Vec<u8>),
}

/// What `TYPE` asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Normal,
    PubSub,
    /// Masters and replicas: there are none.
    Replication,
}

/// The options that take a value, without `NOT-`.
const OPTIONS: &[&str] = &[
    "id", "type", "user", "addr", "laddr", "ip", "name", "lib-name", "lib-ver", "flags", "db",
    "idle", "maxage", "skipme",
];
/// Of those, the ones without a negation.
const NEVER_NEGATED: &[&str] = &["idle", "maxage", "skipme"];

impl Filter {
    /// The old form of `CLIENT KILL`: the client with this address, oneself included.
    pub(super) fn address(address: &[u8]) -> Filter {
        let test = Test::Addr(address.to_vec());
        Filter {
            conditions: vec![Condition { wanted: true, test }],
            skip_me: false,
        }
    }

    /// Reads `option value …`.
    pub(super) fn parse(args: Args<'_>, purpose: Purpose, acl: &Acl) -> Result<Filter, Error> {
        let mut filter = Filter {
            conditions: Vec::new(),
            skip_me: purpose == Purpose::Kill,
        };
        let mut index = 0;
        while index < args.len() {
            let (option, wanted) = option(args.at(index)).ok_or(Error::Syntax)?;
            let value = args.get(index + 1).ok_or(Error::Syntax)?;
            index += 2;
            if option == "skipme" {
                filter.skip_me = yes_or_no(value)?;
                continue;
            }
            let test = if option == "id" {
                let mut ids = vec![client_id(value, purpose)?];
                // A number that is no id is no option either: `CLIENT KILL` calls it a syntax error.
                let is_id = |id: &i64| *id > 0 || purpose == Purpose::List;
                while let Some(id) = args.get(index).and_then(number::parse_i64).filter(is_id) {
                    ids.push(id);
                    index += 1;
                }
                if purpose == Purpose::List
                    && args
                        .get(index)
                        .is_some_and(|next| self::option(next).is_none())
                {
                    return Err(Error::INVALID_CLIENT_ID);
                }
                Test::Ids(ids)
            } else {
                test(option, value)?
            };
            if let Test::User(name) = &test
                && acl.user(name).is_none()
            {
                return Err(Error::no_such_user(name));
            }
            filter.conditions.push(Condition { wanted, test });
        }
        Ok(filter)
    }

    /// Does this client meet all conditions? `own_id` is the one that asks.
    pub(super) fn selects(&self, client: &Client, own_id: u64, now_ms: u64) -> bool {
        !(self.skip_me && client.id == own_id)
            && self
                .conditions
                .iter()
                .all(|condition| condition.test.holds(client, now_ms) == condition.wanted)
    }
}

/// The option of this name, and whether it is to hold (or not, after `NOT-`).
fn option(name: &[u8]) -> Option<(&'static str, bool)> {
    let find = |name: &[u8]| {
        OPTIONS
            .iter()
            .find(|option| option.as_bytes().eq_ignore_ascii_case(name))
            .copied()
    };
    if let Some(option) = find(name) {
        return Some((option, true));
    }
    let (prefix, rest) = name.split_at_checked(4)?;
    let option = find(rest).filter(|option| !NEVER_NEGATED.contains(option))?;
    prefix
        .eq_ignore_ascii_case(b"not-")
        .then_some((option, false))
}

fn test(option: &str, value: &[u8]) -> Result<Test, Error> {
    let owned = || value.to_vec();
    Ok(match option {
        "type" => Test::Class(class(value)?),
        "user" => Test::User(owned()),
        "addr" => Test::Addr(owned()),
        "laddr" => Test::LocalAddr(owned()),
        "ip" => Test::Ip(owned()),
        "name" => Test::Name(owned()),
        "lib-name" => Test::Library(owned()),
        "lib-ver" => Test::LibraryVersion(owned()),
        "flags" => Test::Flags(owned()),
        "db" => {
            let db = number::parse_i64(value).and_then(|db| u32::try_from(db).ok());
            Test::Db(db.ok_or(Error::DbIndexOutOfRange)?)
        }
        "idle" => Test::IdleSeconds(seconds(value, "idle")?),
        "maxage" => Test::AgeSeconds(seconds(value, "maxage")?),
        _ => return Err(Error::Syntax),
    })
}

fn client_id(value: &[u8], purpose: Purpose) -> Result<i64, Error> {
    let id = number::parse_i64(value);
    match purpose {
        Purpose::List => id.ok_or(Error::INVALID_CLIENT_ID),
        Purpose::Kill => id.filter(|id| *id > 0).ok_or(Error::CLIENT_ID_NOT_POSITIVE),
    }
}

fn class(kind: &[u8]) -> Result<Class, Error> {
    let classes = [
        ("normal", Class::Normal),
        ("pubsub", Class::PubSub),
        ("master", Class::Replication),
        ("primary", Class::Replication),
        ("slave", Class::Replication),
        ("replica", Class::Replication),
    ];
    classes
        .into_iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(kind))
        .map(|(_, class)| class)
        .ok_or_else(|| Error::unknown_client_type(kind))
}

fn seconds(value: &[u8], what: &'static str) -> Result<u64, Error> {
    number::parse_i64(value)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| Error::seconds_not_positive(what))
}

fn yes_or_no(value: &[u8]) -> Result<bool, Error> {
    match () {
        () if value.eq_ignore_ascii_case(b"yes") => Ok(true),
        () if value.eq_ignore_ascii_case(b"no") => Ok(false),
        () => Err(Error::Syntax),
    }
}

impl Test {
    fn holds(&self, client: &Client, now_ms: u64) -> bool {
        let since = |ms: u64| now_ms.saturating_sub(ms) / 1000;
        match self {
            Test::Ids(ids) => ids.contains(&(client.id as i64)),
            Test::Class(class) => match client.is(Flag::PubSub) {
                true => *class == Class::PubSub,
                false => *class == Class::Normal,
            },
            Test::Addr(text) => client.address.to_string().as_bytes() == text,
            Test::LocalAddr(text) => client.local_address.to_string().as_bytes() == text,
            Test::Ip(text) => match &client.address {
                Address::Tcp(address) => address.ip().to_string().as_bytes() == text,
                Address::Unix(path) => path.as_os_str().as_encoded_bytes() == text,
            },
            Test::Name(name) => client.identity().name == *name,
            Test::Library(name) => client.identity().library == *name,
            Test::LibraryVersion(version) => client.identity().library_version == *version,
            Test::Flags(wanted) => {
                let set = flags(client);
                wanted.iter().all(|flag| set.as_bytes().contains(flag))
            }
            Test::Db(db) => client.db.load(Relaxed) == *db,
            Test::IdleSeconds(least) => since(client.active_ms.load(Relaxed)) >= *least,
            Test::AgeSeconds(least) => since(client.connected_ms) >= *least,
            Test::User(name) => client.is_user(name),
        }
    }
}
