//! The HTTP side port.
