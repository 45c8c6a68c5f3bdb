//! Hashes.
//!
//! A handler sees no field that is due: the keyspace removes those before it opens a hash.

mod expire;
mod fields;
mod number;
mod random;
mod read;
mod rows;
mod setex;
mod write;

use super::spec::category;
use super::table::Family;
use crate::keyspace::Txn;
use crate::values::packed::Limits;

/// The family.
pub static FAMILY: Family = Family {
    group: "hash",
    category: category::HASH,
    commands: rows::COMMANDS,
};

/// Up to where hashes are packed.
fn limits(txn: &Txn<'_>) -> Limits {
    let encoding = &txn.config().encoding;
    Limits {
        entries: encoding.hash_max_listpack_entries as usize,
        value_bytes: encoding.hash_max_listpack_value as usize,
    }
}
