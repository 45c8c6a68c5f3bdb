//! The log: level, format and destination as configured; the level can change while running.

use crate::config::{LogFormat, LogLevel, Logging};
use std::fs::OpenOptions;
use std::io;
use std::sync::OnceLock;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts logging. Panics are logged as well, with where they happened.
pub fn start(logging: &Logging) -> io::Result<()> {
    let (filter, handle) = reload::Layer::new(filter(logging.level));
    let writer: fmt::writer::BoxMakeWriter = match &logging.file {
        Some(path) => {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map_err(|error| {
                    io::Error::new(
                        error.kind(),
                        format!("cannot log to {}: {error}", path.display()),
                    )
                })?;
            fmt::writer::BoxMakeWriter::new(std::sync::Mutex::new(file))
        }
        None => fmt::writer::BoxMakeWriter::new(io::stderr),
    };
    let plain = fmt::layer()
        .with_writer(writer)
        .with_target(false)
        .with_ansi(false);
    let layer: Box<dyn Layer<_> + Send + Sync> = match logging.format {
        LogFormat::Text => Box::new(plain),
        LogFormat::Json => Box::new(plain.json()),
    };
    let subscriber = Registry::default().with(filter).with(layer);
    // A second start (tests) keeps the first log.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = LEVEL.set(handle);
    }
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let message = info.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "panic; its connection is closed");
    }));
    Ok(())
}

/// Changes the level.
pub fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // Fails only when the subscriber is gone, with the process.
        let _ = handle.modify(|filter| *filter = self::filter(level));
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}
