//! The commands: one file per family, a row per command beside its handler.
//!
//! To add a command, add its row and handler to its family's file and its cases to
//! `tests/wire/commands/<family>.rs`; everything else follows from the row.

pub mod context;
pub mod spec;
pub mod table;

mod acl;
mod bitmap;
mod client;
pub mod command;
mod config;
mod connection;
mod debug;
mod elements;
mod expire;
mod generic;
mod geo;
mod hash;
mod help;
mod hyperloglog;
mod info;
mod iteration;
mod keyspace;
mod latency;
mod list;
mod memory;
mod monitor;
mod object;
mod pubsub;
mod scripting;
mod server;
mod set;
mod slowlog;
mod sort;
mod sorted_set;
mod stream;
mod string;
mod time_unit;
mod timeout;
mod transactions;

pub use client::client_line;
pub use sort::refused_option;

/// Every family.
pub static FAMILIES: &[&table::Family] = &[
    &acl::FAMILY,
    &bitmap::FAMILY,
    &config::FAMILY,
    &connection::FAMILY,
    &debug::FAMILY,
    &expire::FAMILY,
    &generic::FAMILY,
    &geo::FAMILY,
    &hash::FAMILY,
    &hyperloglog::FAMILY,
    &info::FAMILY,
    &iteration::FAMILY,
    &keyspace::FAMILY,
    &latency::FAMILY,
    &list::FAMILY,
    &memory::FAMILY,
    &monitor::FAMILY,
    &object::FAMILY,
    &pubsub::FAMILY,
    &scripting::FAMILY,
    &scripting::CONTAINERS,
    &server::FAMILY,
    &set::FAMILY,
    &slowlog::FAMILY,
    &sorted_set::FAMILY,
    &stream::FAMILY,
    &stream::CONTAINERS,
    &sort::FAMILY,
    &string::FAMILY,
    &transactions::FAMILY,
    &command::FAMILY,
];
