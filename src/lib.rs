//! Redistill: an in-memory cache server that speaks the Redis protocol.
//!
//! Data flows down this list; a module may import only from modules above it.

pub mod base;
pub mod config;
pub mod http;
pub mod server;
