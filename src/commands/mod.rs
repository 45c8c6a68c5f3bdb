//! The commands: one file per family, a row per command beside its handler.
//!
//! To add a command, add its row and handler to its family's file and its cases to
//! `tests/wire/commands/<family>.rs`; everything else follows from the row.

pub mod context;
pub mod spec;
pub mod table;

mod client;
mod connection;
mod help;
mod string;
mod transactions;

/// Every family.
pub static FAMILIES: &[&table::Family] =
    &[&string::FAMILY, &connection::FAMILY, &transactions::FAMILY];
