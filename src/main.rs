//! The `redistill` program.

fn main() {}
