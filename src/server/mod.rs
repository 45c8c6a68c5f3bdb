//! Listeners, workers, signals, background jobs, shutdown.

pub mod systemd;
pub mod tls;
