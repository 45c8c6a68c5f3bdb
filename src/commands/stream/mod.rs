//! Streams: logs of messages, and the consumer groups that work through them.

mod add;
mod arguments;
mod claim;
mod delete;
mod group;
mod info;
mod pending;
mod producers;
mod range;
mod read;
mod release;
mod rows;

use super::spec::{Categories, category};
use super::table::Family;

/// The family.
pub static FAMILY: Family = Family {
    group: "stream",
    category: category::STREAM,
    commands: rows::COMMANDS,
};

/// The commands with subcommands: the family's category is that of the subcommands only.
pub static CONTAINERS: Family = Family {
    group: "stream",
    category: Categories(0),
    commands: rows::CONTAINERS,
};
