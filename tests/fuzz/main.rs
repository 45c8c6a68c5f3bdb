//! Every parser of untrusted bytes, fed with damaged input.
//!
//! A target takes bytes, parses them, and checks what always holds: nothing panics, input in pieces
//! means what it means whole, memory follows what has arrived, what was parsed and written again
//! reads the same. The driver mutates a corpus of seeds and keeps inputs whose outcome is new.
//!
//! - `cargo test --test fuzz`: some thousand inputs per target, a second or two.
//! - `FUZZ_SECONDS=600 cargo test --release --test fuzz requests`: a target for ten minutes.
//! - `FUZZ_SEED=7`: repeats a run; a failure prints its seed and the input, cut down.

mod acl;
mod config;
mod driver;
mod http;
mod requests;
mod scripting;
mod text;
