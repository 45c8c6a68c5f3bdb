//! What knows nothing of Redis: clock, glob patterns, numbers, random bits.

pub mod glob;
pub mod number;
