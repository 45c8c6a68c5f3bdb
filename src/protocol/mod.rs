//! Bytes to requests and replies to bytes. Knows no keys, no clients and does no I/O.

pub mod args;
pub mod bulks;
pub mod output;
pub mod reply;
pub mod request;

pub use args::{Args, OwnedArgs, Span};
pub use bulks::Bulks;
pub use output::{Blob, Output};
pub use reply::{Protocol, Reply};
