//! Messages that a client publishes one after the other.

use super::Engine;
use crate::commands::table::Registered;
use crate::protocol::{Args, Output, Reply};
use crate::session::Session;

impl Engine {
    /// Executes `PUBLISH` requests, all on one channel, with one delivery to each subscriber; their
    /// replies are those they would have one by one. False, and nothing is done, if there is
    /// something about the client or the server for which they are to be looked at one by one.
    pub fn publish_all<'a>(
        &mut self,
        session: &Session,
        publish: &'static Registered,
        requests: impl ExactSizeIterator<Item = Args<'a>> + Clone,
        out: &mut Output,
    ) -> bool {
        let Some(first) = requests.clone().next() else {
            return false;
        };
        let permitted = session.cleared != 0 || session.permits(publish, first);
        if !session.is_usual || !permitted {
            return false;
        }
        let limits = &self.view.config().limits.client_output_buffer;
        let payloads = requests.clone().map(|args| args.at(2));
        let mut reply = Reply::new(out, session.protocol);
        let pubsub = &self.shared.pubsub;
        pubsub.publish_all(
            first.at(1),
            payloads,
            limits.pubsub.hard_bytes,
            |receivers| {
                reply.count(receivers);
            },
        );
        let lap = self.stopwatch.now();
        let spent_ns = self.stopwatch.ns_between(self.lap, lap);
        self.lap = lap;
        let each_ns = spent_ns / requests.len() as u64;
        requests.for_each(|args| self.count(session, publish, &args, each_ns));
        true
    }
}
