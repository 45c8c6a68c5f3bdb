//! Glob-style patterns.
