//! Which user a session is, and what follows when users change.
//!
//! Lock order: none is held here while another is taken. A change of users is published first and
//! looks for clients it concerns afterwards; a session publishes what concerns it (its user, a
//! subscription) first and looks whether users have changed afterwards. So one of the two finds the
//! other, whichever comes first.

use super::{Client, Doom, Flag, Session, Shared};
use crate::acl::file::{self, Users};
use crate::acl::log::{Entry, Origin, Reason};
use crate::acl::{Acl, DEFAULT_USER, Denial, NAME_BYTES_MAX, USERS_MAX, User, merge};
use crate::commands::client_line;
use crate::commands::table::Registered;
use crate::config::{ChannelDefault, Config, RewriteError};
use crate::error::{Error, Refusal, RuleError};
use crate::metrics::{Counter, Sheet};
use crate::protocol::Args;
use crate::pubsub::{KINDS, Kind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// An id that no client has.
const NOBODY: u64 = 0;

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

    /// May it run this request, by the rules it is checked by? A refusal is not noted.
    #[inline(never)] // a user that may everything is not asked
    pub fn permits(&self, command: &Registered, args: Args<'_>) -> bool {
        self.user.check(command, args).is_ok()
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

/// Reading and storing users, apart from who is connected.
impl Shared {
    /// `ACL LOAD`: replaces all users by those of the file. Clients of users that are gone are
    /// disconnected, except `own_id`; the others go on as whom their users have become. Blocks on
    /// file I/O.
    ///
    /// # Errors
    /// All mistakes in the file; nothing has changed then.
    pub fn load_users(&self, own_id: u64) -> Result<(), String> {
        let users = users_of(&self.config.load()).map_err(|error| error.message)?;
        self.replace_users(users, own_id);
        Ok(())
    }

    fn replace_users(&self, users: Users, own_id: u64) {
        let turn = self.acl.turn();
        let old = turn.replace(users);
        drop(turn);
        for (name, old) in old {
            match self.acl.user(&name) {
                None => drop(self.disconnect_user(&name, own_id)),
                Some(new) if new == old => {}
                Some(new) => drop(self.user_changed(&new, own_id)),
            }
        }
    }

    /// The configuration names other users than before: they replace all there are.
    pub(super) fn named_users_changed(&self, config: &Config) {
        if let Ok(users) = users_of(config) {
            self.replace_users(users, NOBODY);
        }
    }

    /// Brings the users that the configuration names up to date with those there are, so that
    /// `CONFIG REWRITE` stores them. With a file of users of their own, it is `ACL SAVE` that does.
    ///
    /// # Errors
    /// When a name or rule cannot stand in a text file.
    pub fn name_users(&self) -> Result<(), RewriteError> {
        let config = self.config.load();
        if config.acl.file.is_some() {
            return Ok(());
        }
        let _turn = self.acl.turn();
        let named = users_of(&config).unwrap_or_default();
        let users = self.acl.all();
        let same = |user: &Arc<User>| named.get(&**user.name()) == Some(user);
        if users.len() == named.len() && users.iter().all(same) {
            return Ok(());
        }
        let mut text = String::new();
        for user in &users {
            // Who is as unnamed need not be named.
            let unnamed = with_password(&User::default_user(false), &config);
            if **user.name() == *DEFAULT_USER && user.rules() == unnamed.rules() {
                continue;
            }
            let line = [user.name(), b" ".as_slice(), &user.rules()].concat();
            let line = String::from_utf8(line).map_err(|_| RewriteError::NotText("acl.users"))?;
            text.push_str(&line);
            text.push('\n');
        }
        let pairs = [(b"acl.users".as_slice(), text.as_bytes())];
        let set = self.config.set(&pairs, |_, _, _| Ok(()));
        set.map(drop)
            .map_err(|_| RewriteError::NotText("acl.users"))
    }

    /// `ACL SAVE`: stores all users in the file, in one step. Blocks on file I/O.
    ///
    /// # Errors
    /// When the file cannot be replaced.
    pub fn save_users(&self) -> std::io::Result<()> {
        let config = self.config.load();
        let path = config.acl.file.as_deref().unwrap_or("".as_ref());
        let _turn = self.acl.turn();
        let users = self.acl.all();
        let text = file::write(users.iter().map(Arc::as_ref));
        // A mounted file is often a link, which must go on pointing to it.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        crate::config::replace_file(&path, &text)
    }

    /// `requirepass` has changed: it is the password of the user `default`.
    pub(super) fn password_changed(&self, config: &Config) {
        let turn = self.acl.turn();
        turn.put(with_password(&self.acl.default_user(), config));
    }
}

/// The users that a configuration names: those of its file, and always `default`.
///
/// # Errors
/// What is wrong. Blocks on file I/O.
pub fn users_of(config: &Config) -> Result<Users, UsersError> {
    let open_channels = config.acl.pubsub_default == ChannelDefault::All;
    let mut users = match &config.acl.file {
        Some(path) => file::load(path, open_channels).map_err(|message| UsersError {
            option: "acl.file",
            line: None,
            message,
        })?,
        None => named_users(config, open_channels)?,
    };
    if !users.contains_key(DEFAULT_USER) {
        let mut user = User::default_user(open_channels);
        if !config.security.password.is_empty() {
            user = with_password(&user, config);
        }
        users.insert(DEFAULT_USER.into(), user);
    }
    Ok(users)
}

/// Why the users that a configuration names cannot be.
pub struct UsersError {
    /// The option to complain about.
    pub option: &'static str,
    /// The line of the configuration file that is wrong, if it is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// The users that stand in the configuration itself. If `default` is one of them, the configured
/// password is one of its passwords.
fn named_users(config: &Config, open_channels: bool) -> Result<Users, UsersError> {
    let mut users = Users::new();
    let password = [b">", config.security.password.reveal()].concat();
    for (name, named) in config.acl.users.iter() {
        let complain = |message: String| UsersError {
            option: "acl.users",
            line: named.line,
            message: format!("user {name}: {message}"),
        };
        if name.len() > NAME_BYTES_MAX || users.len() >= USERS_MAX {
            return Err(complain(RuleError::Limit.to_string()));
        }
        let words = named.rules.as_bytes().split(|byte| *byte == b' ');
        let mut rules = merge(words.filter(|word| !word.is_empty()))
            .map_err(|_| complain("a selector has no closing parenthesis".to_owned()))?;
        if name.as_bytes() == DEFAULT_USER && password.len() > 1 {
            rules.push(password.clone());
        }
        let user = User::new(name.as_bytes(), open_channels);
        let user = user
            .with(rules.iter().map(Vec::as_slice))
            .map_err(|(at, why)| complain(format!("'{}': {why}", rules[at].escape_ascii())))?;
        users.insert(name.as_bytes().into(), user);
    }
    Ok(users)
}

/// The user with the configured password and no other; without one, it needs none.
fn with_password(user: &User, config: &Config) -> User {
    let password = [b">", config.security.password.reveal()].concat();
    let rule = match config.security.password.is_empty() {
        true => b"nopass",
        false => password.as_slice(),
    };
    let rules = [b"resetpass".as_slice(), rule];
    user.with(rules.into_iter()).expect("these are rules")
}
