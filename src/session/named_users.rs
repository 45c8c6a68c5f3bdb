//! The users that the configuration names, and the file of users: reading and storing them.

use super::Shared;
use crate::acl::file::{self, Users};
use crate::acl::{DEFAULT_USER, NAME_BYTES_MAX, USERS_MAX, User, merge};
use crate::config::{ChannelDefault, Config, RewriteError};
use crate::error::RuleError;
use std::sync::Arc;

/// An id that no client has.
const NOBODY: u64 = 0;

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
