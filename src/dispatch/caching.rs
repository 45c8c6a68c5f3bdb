//! What clients with caches of their own have read, and in which order they are told of changes.
//! See [`crate::tracking`].

use crate::commands::spec::{PUBSUB, READONLY};
use crate::commands::table::Registered;
use crate::keyspace::Txn;
use crate::protocol::Output;
use crate::session::{Session, Shared};

/// Notes the keys of a command that reads, while they are held: those that its key spec names.
#[cold]
pub(super) fn note(shared: &Shared, client: u64, command: &Registered, txn: &Txn<'_>) {
    if !command.has(READONLY) || command.has(PUBSUB) {
        return;
    }
    for index in 0..txn.key_count() {
        let key = txn.key(index);
        shared.tracking.note(key.bytes(), key.hash().0, client);
    }
}

/// Ends a request of a client that keeps a cache: what it was told meanwhile follows its reply,
/// and `CLIENT CACHING` was for this one. For other clients this is one branch.
#[inline]
pub(super) fn follow(session: &mut Session, command: Option<&Registered>, out: &mut Output) {
    if session.caching.is_some() {
        follow_cached(session, command, out);
    }
}

#[cold]
fn follow_cached(session: &mut Session, command: Option<&Registered>, out: &mut Output) {
    let of_client = command.is_some_and(|command| command.full_name.starts_with("client|"));
    if let Some(caching) = &mut session.caching
        && session.multi.is_none()
        && !of_client
    {
        caching.said = false;
    }
    if let Some(mut mail) = session.client.take_mail() {
        out.append(&mut mail);
    }
}
