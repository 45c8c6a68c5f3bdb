//! What every test binary that talks to a server shares.
//!
//! A test starts its own [`Server`], opens a [`Conn`] and states commands with the replies it
//! expects; [`run_both`] does so under RESP2 and RESP3:
//!
//! ```ignore
//! let server = Server::start(Options::new());
//! run_both(&server, "
//!     SET k v   -> +OK
//!     GET k     -> v
//!     INCR k    -> -ERR value is not an integer or out of range
//! ");
//! ```
//!
//! `REDISTILL_TEST_SUBJECT=redis` makes [`Server::start`] start redis-server instead, which is how
//! an expectation is verified before anything is built to meet it.
//!
//! A server is killed when its `Server` drops, so never keep one in a `static`.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test binary compiles this module and uses its own part of it"
)]

mod conn;
mod expect;
mod reply;
mod server;

pub use conn::{Conn, ReadError, encode};
pub use expect::{check, check_arity, run, run_both, split_line, verdict};
pub use reply::{Reply, decode};
pub use server::{Options, Oracle, Server, free_port, on_oracle, poll_until, with_time_enough};
