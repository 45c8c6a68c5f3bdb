//! What a session handler works with.

use super::spec::{DONE, Flow, KeysInvalid, Outcome};
use super::table::Registered;
use crate::acl::log::Origin;
use crate::config::Config;
use crate::keyspace::txn::Scope;
use crate::keyspace::{Local, Txn};
use crate::metrics::Sheet;
use crate::protocol::{Args, Reply};
use crate::session::{Checking, Session, Shared};
use std::sync::Arc;

/// What a session handler works with.
pub struct Context<'a> {
    /// The server.
    pub shared: &'a Arc<Shared>,
    /// The client.
    pub session: &'a mut Session,
    /// The worker's own state.
    pub local: &'a mut Local,
    /// The configuration in force.
    pub config: &'a Config,
    /// Now, in ms on the server timeline.
    pub now_ms: u64,
    /// This thread's counters.
    pub sheet: &'a Sheet,
    /// The command being executed.
    pub command: &'static Registered,
    /// Is this part of an `EXEC`? Shards may be locked then, and nothing may wait.
    pub in_transaction: bool,
}

impl Context<'_> {
    /// A transaction over the keys of the request, for the few session commands that have keys.
    pub fn txn<'t>(&'t mut self, args: Args<'t>) -> Result<Txn<'t>, KeysInvalid> {
        let keys = self.command.command.extract_keys(args)?;
        let scope = Scope {
            keyspace: &self.shared.keyspace,
            local: self.local,
            config: self.config,
            db: self.session.db,
            now_ms: self.now_ms,
            skew_ms: self.shared.clock.skew_ms(),
            touch: !self.session.no_touch,
        };
        Ok(Txn::begin(scope, keys))
    }

    /// Answers when what the command has put into force holds for all that is executed from then on;
    /// until a worker's batch is over it goes on as it began. At once in an `EXEC`, which must not
    /// wait.
    pub fn answer_in_force(
        &self,
        reply: &mut Reply<'_>,
        answer: impl FnOnce(&mut Reply<'_>) + Send + 'static,
    ) -> Outcome {
        if self.in_transaction {
            answer(reply);
            return DONE;
        }
        let protocol = reply.protocol();
        Ok(Flow::Offload(Box::new(move |shared, out| {
            shared.await_batches();
            answer(&mut Reply::new(out, protocol));
        })))
    }

    /// What a request of this client's is checked with.
    pub fn checking(&self) -> Checking<'_> {
        Checking {
            shared: self.shared,
            config: self.config,
            sheet: self.sheet,
            now_ms: self.now_ms,
            origin: match self.in_transaction {
                true => Origin::Multi,
                false => Origin::TopLevel,
            },
        }
    }

    /// Stops watching all keys.
    pub fn unwatch(&mut self) {
        if let Some(watching) = self.session.stop_watching() {
            watching.release(&self.shared.keyspace);
        }
    }

    /// Leaves the transaction being queued.
    pub fn end_multi(&mut self) {
        self.session.end_multi();
    }
}
