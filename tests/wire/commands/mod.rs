//! One module per command family, as in `src/commands`: every reply and error text, wrong type and
//! wrong arity, expiry, under RESP2 and RESP3.

// One module per line, sorted.
mod client;
mod connection;
mod string;
mod transactions;
