//! Errors of publishing and subscribing.

use super::Error;

impl Error {
    /// A command that a subscriber may not send in RESP2, where replies and messages could not be
    /// told apart.
    pub fn only_subscribes(command: &str) -> Error {
        Error::text(format!(
            "ERR Can't execute '{command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
             RESET are allowed in this context"
        ))
    }
}
