//! Requests that run on the pool: long ones, and those whose shard somebody holds for long.

use super::{blocking, caching};
use crate::commands::spec::{Flow, Handler};
use crate::commands::table::Registered;
use crate::keyspace::txn::{Keys, Scope};
use crate::keyspace::{Local, Txn};
use crate::protocol::{Args, Reply};
use crate::session::{Client, Session, Shared};
use std::sync::Arc;

/// The request as a job for the pool. It locks as it would have here, but waits if it must.
pub(super) fn offload(session: &Session, command: &'static Registered, args: Args<'_>) -> Flow {
    let owned = args.to_owned();
    let (db, protocol, touch) = (session.db, session.protocol, !session.no_touch);
    let (client, notes) = (Arc::clone(&session.client), session.notes_reads());
    Flow::Offload(Box::new(move |shared, out| {
        let mut local = Local::new(0, shared.keyspace.settings());
        local.client = client.id;
        let config = shared.config.load();
        let scope = Scope {
            keyspace: &shared.keyspace,
            local: &mut local,
            config: &config,
            db,
            now_ms: shared.clock.now_ms(),
            skew_ms: shared.clock.skew_ms(),
            touch,
        };
        run(
            shared,
            scope,
            command,
            owned.as_args(),
            (Reply::new(out, protocol), &client, notes),
        );
        local.publish(&shared.keyspace);
    }))
}

fn run(
    shared: &Shared,
    scope: Scope<'_>,
    command: &Registered,
    args: Args<'_>,
    (mut reply, client, notes): (Reply<'_>, &Client, bool),
) {
    let mut keys = Keys::new();
    let (handler, all) = match command.command.handler {
        Handler::Keys(handler) => {
            keys = command.command.extract_keys(args).unwrap_or_default();
            (handler, command.command.needs_all(args))
        }
        Handler::Keyspace(handler, all) => (handler, all),
        _ => unreachable!("only commands on keys are offloaded"),
    };
    let keyspace = &shared.keyspace;
    let shards: Vec<usize> = keys
        .iter()
        .map(|key| keyspace.shard_index(key.hash()))
        .collect();
    let mut busy = None;
    let mut give_up = || {
        busy = shared.running.busy(&mut shards.iter().copied(), all);
        busy.is_some()
    };
    let Some(mut txn) = Txn::begin_until(scope, keys, all, &mut give_up) else {
        let error = super::script::busy_error(busy);
        shared.metrics.count_error(&error.code());
        return reply.error(&error);
    };
    // Asked under the locks: nothing that it has sent is executed after `CLIENT KILL`.
    if client.is_leaving() {
        return;
    }
    txn.set_now_ms(shared.clock.now_ms());
    let mark = reply.mark();
    let outcome = handler(&mut txn, args, &mut reply);
    if notes {
        caching::note(shared, client.id, command, &txn);
    }
    match outcome {
        Ok(Flow::Offload(job)) => job(shared, reply.output()),
        Ok(Flow::Done | Flow::Close) => {}
        // There was much to give when the worker looked, and somebody took it all since: as if time
        // was up.
        Ok(Flow::Block(block)) => block.otherwise.reply(&mut reply),
        Ok(Flow::Long | Flow::Later) => unreachable!("nothing is too long for the pool"),
        Err(error) => {
            reply.truncate(mark);
            shared.metrics.count_error(&error.code());
            reply.error(&error);
        }
    }
    blocking::serve(&mut txn, shared);
}
