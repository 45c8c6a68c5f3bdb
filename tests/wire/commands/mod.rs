//! One module per command family, as in `src/commands`: every reply and error text, wrong type and
//! wrong arity, expiry, under RESP2 and RESP3.

// One module per line, sorted.
mod acl;
mod bitmap;
mod blocking;
mod client;
mod command;
mod config;
mod connection;
mod debug;
mod expire;
mod generic;
mod geo;
mod hash;
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
mod transactions;
