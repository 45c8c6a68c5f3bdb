//! `ACL LOAD` and `ACL SAVE`: the file of users.

use super::{Args, Context, Error, Outcome, Reply};
use crate::commands::spec::Flow;
use crate::session::Shared;

/// `ACL LOAD`: all users of the file, or none.
pub(super) fn load(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let own_id = cx.session.client.id;
    offload(cx, reply, move |shared| {
        shared
            .load_users(own_id)
            .map_err(|mistakes| Error::acl_file(&mistakes))?;
        // As after `ACL SETUSER`: it holds for all that is executed from then on.
        shared.await_batches();
        Ok(())
    })
}

/// `ACL SAVE`.
pub(super) fn save(cx: &mut Context<'_>, _: Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    offload(cx, reply, |shared| {
        shared.save_users().map_err(|error| {
            tracing::warn!(%error, "the file of users cannot be written");
            Error::ACL_SAVE_FAILED
        })
    })
}

/// Files are not for a worker to wait for.
fn offload(
    cx: &Context<'_>,
    reply: &Reply<'_>,
    work: impl FnOnce(&Shared) -> Result<(), Error> + Send + 'static,
) -> Outcome {
    if cx.config.acl.file.is_none() {
        return Err(Error::NO_ACL_FILE);
    }
    let protocol = reply.protocol();
    Ok(Flow::Offload(Box::new(move |shared, out| {
        let mut reply = Reply::new(out, protocol);
        match work(shared) {
            Ok(()) => reply.ok(),
            Err(error) => {
                shared.metrics.count_error(&error.code());
                reply.error(&error);
            }
        }
    })))
}
