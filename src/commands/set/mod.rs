//! Sets.

mod algebra;
mod card;
mod random;
mod read;
mod rows;
mod write;

use super::spec::category;
use super::table::Family;
use crate::error::Error;
use crate::keyspace::Txn;
use crate::keyspace::collection::Stored;
use crate::values::Type;
use crate::values::packed::Limits;
use crate::values::set::{Set, SetLimits};

/// The family.
pub static FAMILY: Family = Family {
    group: "set",
    category: category::SET,
    commands: rows::COMMANDS,
};

/// Up to where sets are packed.
fn limits(txn: &Txn<'_>) -> SetLimits {
    let encoding = &txn.config().encoding;
    SetLimits {
        intset_entries: encoding.set_max_intset_entries as usize,
        packed: Limits {
            entries: encoding.set_max_listpack_entries as usize,
            value_bytes: encoding.set_max_listpack_value as usize,
        },
    }
}

/// The set of the request's first key.
#[inline]
fn open<'t>(txn: &'t mut Txn<'_>) -> Result<Set<Stored<'t>>, Error> {
    Ok(Set::new(txn.read_as(txn.key(0), Type::Set)?))
}
