//! Which user a session is, and what follows when users change.
//!
//! Lock order: none is held here while another is taken. A change of users is published first and
//! looks for clients it concerns afterwards; a session publishes what concerns it (its user, a
//! subscription) first and looks whether users have changed afterwards. So one of the two finds the
//! other, whichever comes first.

use super::{Client, Doom, Flag, Session, Shared};
use crate::acl::log::{Entry, Origin, Reason};
use crate::acl::{Acl, DEFAULT_USER, Denial, User};
use crate::commands::client_line;
use crate::commands::table::Registered;
use crate::config::Config;
use crate::error::{Error, Refusal};
use crate::metrics::{Counter, Sheet};
use crate::protocol::Args;
use crate::pubsub::{KINDS, Kind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What a check is made with, beside the request.
pub struct Checking<'a> {
    /// The server.
    pub shared: &'a Shared,
    /// The configuration in force.
    pub config: &'a Config,
    /// This thread's counters.
    pub sheet: &'a Sheet,
    /// Now, in ms on the server timeline.
    pub now_ms: u64,
    /// Where the request comes from.
    pub origin: Origin,
}

impl Session {
    /// May it run commands: has it logged in, or need it not (any more)?
    #[inline]
    pub fn is_admitted(&self, acl: &Acl) -> bool {
        self.authenticated || acl.is_open()
    }

    /// Its user.
    pub fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// The generation of the rules it is checked by.
    pub fn rules(&self) -> u64 {
        self.rules
    }

    /// Becomes another user, whom `acl` had in this generation.
    pub fn log_in(&mut self, user: Arc<User>, generation: u64) {
        let name = user.name();
        let named = (**name != *DEFAULT_USER).then(|| Arc::clone(name));
        self.client.set_user(named);
        self.client.set_authenticated(true);
        self.authenticated = true;
        self.adopt(user, generation);
    }

    /// Becomes the user `default`, as who connects is.
    pub fn log_out(&mut self, acl: &Acl) {
        let generation = acl.generation();
        let user = acl.default_user();
        self.client.set_user(None);
        self.authenticated = user.is_open();
        self.client.set_authenticated(self.authenticated);
        self.adopt(user, generation);
    }

    fn adopt(&mut self, user: Arc<User>, generation: u64) {
        let free = user.is_unrestricted() && (self.authenticated || user.is_open());
        self.cleared = if free { generation } else { 0 };
        self.user = user;
        self.rules = generation;
    }

    /// Fetches its user anew if users have changed. A session whose user is gone ends.
    #[inline]
    pub fn follow_user(&mut self, acl: &Acl) {
        let generation = acl.generation();
        if self.rules != generation {
            self.fetch_user(acl, generation);
        }
    }

    #[cold]
    fn fetch_user(&mut self, acl: &Acl, generation: u64) {
        match acl.user(self.user.name()) {
            Some(user) => self.adopt(user, generation),
            None => self.lose_user(generation),
        }
    }

    fn lose_user(&mut self, generation: u64) {
        self.authenticated = false;
        self.client.set_authenticated(false);
        self.client.doom(Doom::Killed);
        (self.cleared, self.rules) = (0, generation);
    }

    /// May it run this request? Its keys are those that execution takes from it. A refusal is
    /// counted and logged.
    ///
    /// # Errors
    /// The refusal.
    pub fn check(
        &mut self,
        with: &Checking<'_>,
        command: &'static Registered,
        args: Args<'_>,
    ) -> Result<(), Refusal> {
        self.follow_user(&with.shared.acl);
        let Err(denial) = self.user.check(command, args) else {
            return Ok(());
        };
        self.client.last_command.store(command.id as u32, Relaxed);
        note_denial(with, &self.client, &self.user, command, args, denial);
        Err(denial.refusal)
    }

    /// May it run this request, whose number of arguments is right, by the rules it is checked by?
    /// A refusal is not noted.
    #[inline]
    pub fn permits(&self, command: &Registered, args: Args<'_>) -> bool {
        self.user.permits(command, args)
    }

    /// May it have a request run that reads keys none of its arguments is?
    pub fn may_read_all(&self, command: &Registered, args: Args<'_>) -> bool {
        self.user.is_unrestricted() || self.user.check_reading_all(command, args)
    }

    /// Ends if it listens to what its user may no longer hear: to be called after subscribing.
    pub fn check_subscriptions(&mut self, acl: &Acl) {
        if self.rules == acl.generation() {
            return;
        }
        self.follow_user(acl);
        let Some(own) = &self.subscriptions else {
            return;
        };
        let heard = |kind: Kind| {
            let names = own.names(kind).into_iter();
            let user = &self.user;
            let refused =
                move |name: Arc<[u8]>| !user.permits_channel(&name, kind == Kind::Pattern);
            { names }.any(refused)
        };
        if KINDS.into_iter().any(heard) {
            self.client.doom(Doom::Killed);
        }
    }
}

#[cold]
fn note_denial(
    with: &Checking<'_>,
    client: &Client,
    user: &User,
    command: &Registered,
    args: Args<'_>,
    denial: Denial,
) {
    let (reason, counter) = match denial.refusal {
        Refusal::Command => (Reason::Command, Counter::DeniedCommands),
        Refusal::Key => (Reason::Key, Counter::DeniedKeys),
        Refusal::Channel => (Reason::Channel, Counter::DeniedChannels),
    };
    with.sheet.add(counter, 1);
    let object = match denial.refusal {
        Refusal::Command => command.full_name.as_bytes(),
        Refusal::Key | Refusal::Channel => args.at(denial.at),
    };
    log_denial(with, client, reason, object, user.name());
}

/// Adds to `ACL LOG` that a client was refused something.
pub fn log_denial(
    with: &Checking<'_>,
    client: &Client,
    reason: Reason,
    object: &[u8],
    user: &[u8],
) {
    let now_ms = with.shared.unix_ms();
    let entry = Entry {
        id: 0,
        count: 0,
        reason,
        origin: with.origin,
        object: object.to_vec(),
        user: user.to_vec(),
        client: client_line(client, with.now_ms),
        created_ms: now_ms,
        updated_ms: now_ms,
    };
    let max = with.config.acl.log_max_len as usize;
    with.shared.acl.log.add(entry, max);
}

impl Client {
    /// The name of its user.
    pub fn user(&self) -> Arc<[u8]> {
        self.user
            .lock()
            .clone()
            .unwrap_or_else(|| DEFAULT_USER.into())
    }

    /// Is this its user?
    pub fn is_user(&self, name: &[u8]) -> bool {
        self.user.lock().as_deref().unwrap_or(DEFAULT_USER) == name
    }

    /// Publishes who its user is; `None` is `default`.
    fn set_user(&self, name: Option<Arc<[u8]>>) {
        *self.user.lock() = name;
    }
}

impl Shared {
    /// Milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        let now_ms = (self.clock.now_us() / 1000) as i64 + self.clock.skew_ms();
        now_ms.max(0) as u64
    }

    /// Disconnects every client of a user that was removed, except `own_id`. Is that one of them?
    pub fn disconnect_user(&self, name: &[u8], own_id: u64) -> bool {
        let mut own = false;
        self.clients.each(|client| {
            if client.is_user(name) {
                own |= client.id == own_id;
                if client.id != own_id {
                    client.doom(Doom::Killed);
                }
            }
        });
        own
    }

    /// Lets the clients of a user know that it has changed: who waits in a blocking command looks
    /// whether it still may, who listens to what it may no longer hear is disconnected, except
    /// `own_id`. Is that one of them?
    pub fn user_changed(&self, user: &User, own_id: u64) -> bool {
        self.clients.each(|client| {
            if client.is(Flag::Blocked) && client.is_user(user.name()) {
                client.wake();
            }
        });
        let mut own = false;
        for kind in KINDS {
            if self.pubsub.is_empty(kind) {
                continue;
            }
            self.pubsub.each_subscriber(kind, |name, client: &Client| {
                let may = user.permits_channel(name, kind == Kind::Pattern);
                if !may && client.is_user(user.name()) {
                    own |= client.id == own_id;
                    if client.id != own_id {
                        client.doom(Doom::Killed);
                    }
                }
            });
        }
        own
    }
}

/// What a client is told that was refused.
pub fn refused(refusal: Refusal, command: &Registered) -> Error {
    Error::no_permission(refusal, command.full_name)
}
