//! What knows nothing of Redis: clock, glob patterns, numbers, random bits.

pub mod alloc;
pub mod bytes;
pub mod clock;
pub mod digest;
pub mod float;
mod float_syntax;
pub mod glob;
pub mod hangup;
pub mod hash;
pub mod heap;
pub mod lcs;
pub mod long_double;
pub mod number;
pub mod pages;
pub mod priority;
pub mod quote;
pub mod random;
pub mod size;
pub mod slab;
pub mod stopwatch;
