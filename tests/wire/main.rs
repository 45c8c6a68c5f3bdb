//! What a client sees on the wire, one module per command family, every test under RESP2 and
//! RESP3. `REDISTILL_TEST_SUBJECT=redis cargo test --test wire` runs the same tests against
//! redis-server.

#[path = "../support/mod.rs"]
mod support;

// One module per line, sorted: families are added side by side.
mod commands;
mod events;
mod harness;
mod isolation;
mod large;
mod limits;
mod malformed;
mod protocol;
mod scan_guarantee;
mod shutdown;
mod touched;
mod transports;
