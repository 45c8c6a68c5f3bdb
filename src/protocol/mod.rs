//! Bytes to requests and replies to bytes. Knows no keys, no clients and does no I/O.

pub mod output;
pub mod reply;
pub mod request;

pub use output::Output;
pub use reply::{Protocol, Reply};
pub use request::{Args, Span};
