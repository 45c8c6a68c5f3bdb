//! Redistill: an in-memory cache server that speaks the Redis protocol.
//!
//! ```text
//! socket bytes ─► protocol ─► dispatch ─► keyspace ─► values ─► reply bytes ─► socket
//!                (request)   (gates,     (shard lock,          (appended to
//!                             keys,       lookup, TTL,           the client's
//!                             effects)    eviction)              output buffer)
//! ```
//!
//! A worker's task for the connection ([`client`]) reads once and decodes every whole request into
//! borrowed spans ([`protocol`]). For each, [`dispatch`] looks the command up ([`commands`]),
//! extracts its keys by the command's own key spec, passes the gates, and runs the handler on a
//! transaction ([`keyspace::Txn`]) that holds the locks of exactly the shards its keys live in.
//! The handler appends its reply; a batch's replies are sent with one write.
//!
//! Data flows down this list; a module imports only from modules above it (`tests/tidy.rs`):
//! `base`, `protocol`, `values`, `config`, `keyspace`, `pubsub`, `scripting`, `metrics`, `acl` with
//! `session` and `commands`, `dispatch`, `client`, `http`, `server`. Anybody may import `error`.

pub mod acl;
pub mod base;
pub mod client;
pub mod commands;
pub mod config;
pub mod dispatch;
pub mod error;
pub mod http;
pub mod keyspace;
pub mod metrics;
pub mod protocol;
pub mod pubsub;
pub mod scripting;
pub mod server;
pub mod session;
pub mod tracking;
pub mod values;

#[global_allocator]
static ALLOCATOR: base::heap::Heap = base::heap::Heap;
