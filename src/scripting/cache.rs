//! The scripts the server knows, by digest.
//!
//! What `SCRIPT LOAD` has loaded stays until `SCRIPT FLUSH`. What `EVAL` has brought stays while it
//! is among the [`EVALS_MAX`] used last: programs that put values into the text of their scripts
//! would fill the memory otherwise.

use super::script::{Digest, Script, digest};
use crate::error::Error;
use dashmap::DashMap;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Scripts that came by `EVAL` and are kept.
pub const EVALS_MAX: usize = 500;
/// Bytes they may take together.
const EVALS_BYTES_MAX: usize = 32 << 20;

/// All scripts, and what interpreters take.
#[derive(Default)]
pub struct Scripts {
    all: DashMap<Digest, Arc<Script>>,
    /// Those that `EVAL` brought.
    evals: Mutex<HashMap<Digest, Arc<Script>>>,
    evals_bytes: AtomicUsize,
    bytes: AtomicUsize,
    uses: AtomicU64,
    /// Scripts that were let go of to make room.
    pub evicted: AtomicU64,
    /// Memory of all interpreters.
    pub vm_bytes: Arc<AtomicI64>,
}

impl Scripts {
    /// The script of this digest.
    pub fn get(&self, digest: &Digest) -> Option<Arc<Script>> {
        self.all.get(digest).map(|script| Arc::clone(&script))
    }

    /// Is there a script of this digest?
    pub fn contains(&self, digest: &Digest) -> bool {
        self.all.contains_key(digest)
    }

    /// Notes a use. Costs one store, and not each time.
    pub fn used(&self, script: &Script) {
        // The count rises with every script that is brought; only the order matters.
        let now = self.uses.load(Relaxed);
        if script.history.used.load(Relaxed) != now {
            script.history.used.store(now, Relaxed);
        }
    }

    /// The script of this text, kept while it is in use. An error when its shebang is wrong.
    pub fn eval(&self, body: &[u8]) -> Result<Arc<Script>, Error> {
        let digest = digest(body);
        if let Some(script) = self.get(&digest) {
            self.used(&script);
            return Ok(script);
        }
        let script = Arc::new(Script::new(body, digest)?);
        script
            .history
            .used
            .store(self.uses.fetch_add(1, Relaxed) + 1, Relaxed);
        let mut evals = self.evals.lock();
        self.all.insert(digest, Arc::clone(&script));
        self.bytes.fetch_add(script.held_bytes(), Relaxed);
        self.evals_bytes.fetch_add(script.held_bytes(), Relaxed);
        evals.insert(digest, Arc::clone(&script));
        while evals.len() > EVALS_MAX
            || evals.len() > 1 && self.evals_bytes.load(Relaxed) > EVALS_BYTES_MAX
        {
            let used = |script: &Arc<Script>| script.history.used.load(Relaxed);
            let others = evals.values().filter(|it| it.digest != digest);
            let Some(oldest) = others.min_by_key(|it| used(it)).map(|it| it.digest) else {
                break;
            };
            self.evals_bytes
                .fetch_sub(evals[&oldest].held_bytes(), Relaxed);
            evals.remove(&oldest);
            self.remove(&oldest);
            self.evicted.fetch_add(1, Relaxed);
        }
        Ok(script)
    }

    /// A script that did not compile is forgotten.
    pub fn forget(&self, script: &Script) {
        if let Some(gone) = self.evals.lock().remove(&script.digest) {
            self.evals_bytes.fetch_sub(gone.held_bytes(), Relaxed);
            self.remove(&script.digest);
        }
    }

    /// Forgets a script that `SCRIPT LOAD` could not compile.
    pub fn discard(&self, script: &Script) {
        self.forget(script);
        self.remove(&script.digest);
    }

    fn remove(&self, digest: &Digest) {
        if let Some((_, script)) = self.all.remove(digest) {
            script.let_go();
            self.bytes.fetch_sub(script.held_bytes(), Relaxed);
        }
    }

    /// `SCRIPT LOAD`: the script of this text, kept until `SCRIPT FLUSH`.
    pub fn load(&self, body: &[u8]) -> Result<Arc<Script>, Error> {
        let script = self.eval(body)?;
        if let Some(kept) = self.evals.lock().remove(&script.digest) {
            self.evals_bytes.fetch_sub(kept.held_bytes(), Relaxed);
        }
        Ok(script)
    }

    /// `SCRIPT FLUSH`.
    pub fn flush(&self) {
        let mut evals = self.evals.lock();
        evals.clear();
        self.evals_bytes.store(0, Relaxed);
        let all: Vec<Digest> = self.all.iter().map(|it| *it.key()).collect();
        all.iter().for_each(|digest| self.remove(digest));
    }

    /// Number of scripts.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Memory of the scripts' texts, in bytes.
    pub fn held_bytes(&self) -> u64 {
        self.bytes.load(Relaxed) as u64
    }

    /// Memory of the interpreters, in bytes.
    pub fn interpreter_bytes(&self) -> u64 {
        self.vm_bytes.load(Relaxed).max(0) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_eval_brings_goes_when_it_was_not_used_for_long() {
        let scripts = Scripts::default();
        let loaded = scripts.load(b"return 'loaded'").unwrap();
        let body = |index: usize| format!("return {index}");
        let first = scripts.eval(body(0).as_bytes()).unwrap();
        for index in 1..=EVALS_MAX + 10 {
            scripts.eval(body(index).as_bytes()).unwrap();
            // In use all the time.
            scripts.eval(body(0).as_bytes()).unwrap();
        }
        assert!(first.is_kept() && loaded.is_kept());
        assert_eq!(scripts.len(), EVALS_MAX + 1);
        assert!(!scripts.contains(&digest(body(1).as_bytes())));
        scripts.flush();
        assert!(scripts.is_empty() && !first.is_kept() && !loaded.is_kept());
        assert_eq!(scripts.held_bytes(), 0);
    }
}
