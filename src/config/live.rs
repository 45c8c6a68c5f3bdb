//! The configuration in force, shared by all threads, and how it is replaced.
//!
//! Readers on hot paths hold a `View`: one atomic load tells them whether theirs is still
//! current. Writers (`CONFIG SET`, SIGHUP) take turns, build and check a whole new configuration,
//! and swap it in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::Config;
use super::load::{LoadError, Loaded, Overrides, load};
use super::rewrite::{RewriteError, rewrite};
use super::set::{Change, SetError};
use super::validate::{Conflict, validate};

/// The configuration in force.
pub struct Live {
    current: ArcSwap<Config>,
    generation: AtomicU64,
    sources: Sources,
    /// Held while the configuration is being replaced: the file it was read from.
    file: Mutex<Option<PathBuf>>,
}

/// What a reload reads again.
struct Sources {
    overrides: Overrides,
    env: BTreeMap<String, String>,
}

/// What a reload did.
#[derive(Clone, Debug)]
pub struct Reload {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Options that now have another value.
    pub changed: Vec<Change>,
    /// Options that the file changes but that only a restart can change: they stay as they were.
    pub ignored: Vec<Change>,
    /// What the operator should know although it is no error.
    pub warnings: Vec<String>,
}

impl Live {
    /// Puts `loaded` in force; `overrides` and `env` are what it was loaded from.
    pub fn new(loaded: Loaded, overrides: Overrides, env: BTreeMap<String, String>) -> Self {
        Self {
            current: ArcSwap::from_pointee(loaded.config),
            generation: AtomicU64::new(1),
            sources: Sources { overrides, env },
            file: Mutex::new(loaded.file),
        }
    }

    /// A configuration without sources: a reload goes back to the defaults. For tests.
    pub fn fixed(config: Config) -> Self {
        let overrides = Overrides {
            search: Vec::new(),
            ..Overrides::default()
        };
        Self {
            current: ArcSwap::from_pointee(config),
            generation: AtomicU64::new(1),
            sources: Sources {
                overrides,
                env: BTreeMap::new(),
            },
            file: Mutex::new(None),
        }
    }

    /// The configuration in force. A few atomic operations; hot paths use a `View`.
    pub fn load(&self) -> Arc<Config> {
        self.current.load_full()
    }

    /// Grows whenever another configuration comes into force.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The configuration in force, to be asked again and again by one thread.
    pub fn view(&self) -> View {
        // The generation first: were it read last, a change in between would go unnoticed.
        let generation = self.generation();
        View {
            generation,
            config: self.load(),
        }
    }

    /// The file that the configuration was read from.
    pub fn file(&self) -> Option<PathBuf> {
        self.file.lock().clone()
    }

    /// `CONFIG SET`. `accept` is given the present and the new configuration and what changes
    /// between them, and may refuse: there the caller loads certificates or raises limits.
    ///
    /// # Errors
    /// As `Config::with`, and what `accept` returns. Nothing has changed then.
    pub fn set(
        &self,
        pairs: &[(&[u8], &[u8])],
        accept: impl FnOnce(&Config, &Config, &[Change]) -> Result<(), SetError>,
    ) -> Result<Vec<Change>, SetError> {
        let _turn = self.file.lock();
        let old = self.load();
        let new = old.with(pairs)?;
        let changes = old.changes(&new);
        accept(&old, &new, &changes)?;
        self.publish(new);
        Ok(changes)
    }

    /// SIGHUP: reads the same sources again. What `CONFIG SET` changed and nobody stored goes
    /// back to what the sources say. `accept` is as in `set`; it runs also when no option
    /// changed, since the files that options name may have.
    ///
    /// # Errors
    /// As `load`, and what `accept` returns. The old configuration stays in force then.
    pub fn reload(
        &self,
        accept: impl FnOnce(&Loaded, &[Change]) -> Result<(), LoadError>,
    ) -> Result<Reload, LoadError> {
        let mut file = self.file.lock();
        let mut loaded = load(&self.sources.overrides, &self.sources.env)?;
        let old = self.load();
        let adopted = old.adopt_live(&loaded.config);
        let ignored: Vec<Change> = adopted.changes(&loaded.config);
        // With start-only options left behind, the rest may no longer make sense.
        validate(&adopted).map_err(|Conflict { name, message }| loaded.complain(name, message))?;
        loaded.config = adopted;
        let changed = old.changes(&loaded.config);
        accept(&loaded, &changed)?;
        file.clone_from(&loaded.file);
        self.publish(loaded.config);
        Ok(Reload {
            file: loaded.file,
            changed,
            ignored,
            warnings: loaded.warnings,
        })
    }

    /// `CONFIG REWRITE`: brings the file up to date. The file that was written.
    ///
    /// # Errors
    /// When there is no file, or it cannot be rewritten.
    pub fn rewrite(&self) -> Result<PathBuf, RewriteError> {
        let file = self.file.lock();
        let path = file.clone().ok_or(RewriteError::NoFile)?;
        rewrite(&path, &self.load())?;
        Ok(path)
    }

    fn publish(&self, config: Config) {
        self.current.store(Arc::new(config));
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// One thread's view of the configuration in force.
pub struct View {
    generation: u64,
    config: Arc<Config>,
}

impl View {
    /// The configuration in force now. One atomic load while nothing has changed.
    pub fn get(&mut self, live: &Live) -> &Config {
        self.refresh(live);
        &self.config
    }

    /// Catches up with the configuration in force; whether it had changed.
    pub fn refresh(&mut self, live: &Live) -> bool {
        let stale = live.generation() != self.generation;
        if stale {
            *self = live.view();
        }
        stale
    }

    /// The configuration as of the last `get` or `refresh`.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }
}

#[cfg(test)]
mod tests;
