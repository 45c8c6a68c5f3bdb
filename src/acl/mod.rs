//! Access control: users, and what each may do.
//!
//! ```text
//! allowed.rs   which commands: a bit per row of the command table
//! patterns.rs  which keys and channels: patterns, asked all at once
//! prefixes.rs  most of them: what a name is to begin with
//! selector.rs  the three together, and the check of a request
//! user.rs      a user: passwords, selectors, the rules that change them
//! file.rs      the file of users
//! log.rs       what was refused
//! ```
//!
//! A user is immutable. Every session holds the copy its requests are checked by, and the generation
//! of the rules as of which it is current; whoever changes users makes new copies and counts the
//! generation up, and each session fetches its user anew before its next request. For a user that
//! may everything, and has logged in, that one comparison is the whole check (`Session::cleared`).
//!
//! The check takes the keys from the request by [`crate::commands::spec::Command::each_key`], from
//! which execution takes them as well: what a handler can touch is what was checked.

mod allowed;
pub mod file;
pub mod log;
mod patterns;
mod prefixes;
mod selector;
mod user;

pub use allowed::{Allowed, category};
pub use selector::{Denial, Selector};
pub use user::{NAME_BYTES_MAX, User, digest, is_invalid_name, merge};

use file::Users;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// The user of who has not logged in.
pub const DEFAULT_USER: &[u8] = b"default";

/// Users at most.
pub const USERS_MAX: usize = 100_000;

/// All users, and what they were refused.
pub struct Acl {
    users: RwLock<BTreeMap<Box<[u8]>, Arc<User>>>,
    /// Grows with every change.
    generation: AtomicU64,
    /// May who has not logged in run commands?
    open: AtomicBool,
    changing: Mutex<()>,
    /// What was refused.
    pub log: log::Log,
}

impl Default for Acl {
    /// With the user `default` alone, who may everything.
    fn default() -> Acl {
        Acl::new(file::complete(Users::new(), false))
    }
}

/// A turn at changing users: no other change comes in between.
pub struct Turn<'a> {
    acl: &'a Acl,
    _guard: MutexGuard<'a, ()>,
}

impl Acl {
    /// With these users, of which one is `default`.
    pub fn new(users: Users) -> Acl {
        let acl = Acl {
            users: RwLock::default(),
            generation: AtomicU64::new(1),
            open: AtomicBool::new(false),
            changing: Mutex::default(),
            log: log::Log::default(),
        };
        acl.turn().replace(users);
        acl
    }

    /// Counts the changes so far; never 0.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(SeqCst)
    }

    /// May who has not logged in run commands, as the user `default`?
    #[inline]
    pub fn is_open(&self) -> bool {
        self.open.load(SeqCst)
    }

    /// The user of this name.
    pub fn user(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.read().get(name).cloned()
    }

    /// The user `default`.
    pub fn default_user(&self) -> Arc<User> {
        self.user(DEFAULT_USER).expect("it cannot be removed")
    }

    /// All users, by name.
    pub fn all(&self) -> Vec<Arc<User>> {
        self.users.read().values().cloned().collect()
    }

    /// The user that logs in with this password, if it may. Takes as long for a user that does not
    /// exist as for one that does, with as many passwords.
    pub fn login(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        let digest = digest(password);
        let user = self.user(name);
        let accepted = match &user {
            Some(user) => user.accepts(&digest),
            None => User::new(b"", false).accepts(&digest),
        };
        user.filter(|_| accepted)
    }

    /// Begins a change.
    pub fn turn(&self) -> Turn<'_> {
        Turn {
            acl: self,
            _guard: self.changing.lock(),
        }
    }
}

impl Turn<'_> {
    /// Puts a user in place, new or changed. The one it replaces.
    pub fn put(&self, user: User) -> Option<Arc<User>> {
        let name = user.name().as_ref().into();
        let old = self.acl.users.write().insert(name, Arc::new(user));
        self.publish();
        old
    }

    /// Removes a user. False if there is none of this name.
    pub fn remove(&self, name: &[u8]) -> bool {
        assert!(name != DEFAULT_USER, "the caller refuses this");
        let known = self.acl.users.write().remove(name).is_some();
        self.publish();
        known
    }

    /// Replaces all users, and returns those there were. One of the new ones is `default`.
    pub fn replace(&self, users: Users) -> BTreeMap<Box<[u8]>, Arc<User>> {
        let users = users.into_iter().map(|(name, user)| (name, Arc::new(user)));
        let old = std::mem::replace(&mut *self.acl.users.write(), users.collect());
        self.publish();
        old
    }

    /// Number of users.
    pub fn count(&self) -> usize {
        self.acl.users.read().len()
    }

    fn publish(&self) {
        let open = self.acl.default_user().is_open();
        self.acl.open.store(open, SeqCst);
        self.acl.generation.fetch_add(1, SeqCst);
    }
}
