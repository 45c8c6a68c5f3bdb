//! Clients that wait for keys (`BLPOP`, `XREAD BLOCK`, …), in the order in which they came.
//!
//! A waiter is registered under the locks that found nothing for it. Whoever changes a key runs,
//! before letting go of its locks, the requests of those that wait for it: so what is pushed goes
//! to the first that waits, and nobody can come in between. When a request needs a shard that is
//! not held and is busy, its own client runs it again instead.
//!
//! A shard counts the keys' waiters; writers look here only when that count is not zero.

use super::{Hash, Keyspace, hash_key};
use crate::protocol::{Output, OwnedArgs, Protocol};
use crate::values::Type;
use dashmap::DashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

const WAITING: u8 = 0;
/// Its request is being run.
const CLAIMED: u8 = 1;
/// It has its reply.
const SERVED: u8 = 2;
/// It no longer waits.
const CANCELLED: u8 = 3;
/// Another client has ended its wait.
const ENDED_IN_TIME: u8 = 4;
const ENDED_WITH_ERROR: u8 = 5;

/// How `CLIENT UNBLOCK` ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unblocked {
    /// As if its time were up.
    AsTimeout,
    /// With an error.
    WithError,
}

/// A request that waits for keys.
pub struct Waiter {
    /// Number of its command in the command table.
    pub command: usize,
    /// Its arguments.
    pub args: OwnedArgs,
    /// The id of its client, and the generation of the access rules that permitted it.
    pub permitted: (u64, u64),
    /// Its database.
    pub db: usize,
    /// How its reply is to be written.
    pub protocol: Protocol,
    /// Do its accesses count as use?
    pub touch: bool,
    /// The type that concerns it.
    pub kind: Type,
    /// Does it concern it when a key is gone, or of another type?
    pub when_gone: bool,
    timed: bool,
    keys: Vec<Box<[u8]>>,
    state: AtomicU8,
    retry: AtomicBool,
    reply: Mutex<Option<Output>>,
    /// Its client.
    pub client: Arc<dyn Waits>,
}

/// A client that waits.
pub trait Waits: Send + Sync {
    /// Wakes its task.
    fn wake(&self);

    /// It is about to be given what it waited for, at this moment on the server timeline.
    fn end_wait(&self, now_ms: u64);

    /// Is it to be disconnected? Then it takes nothing any more.
    fn is_leaving(&self) -> bool;

    /// Has its peer hung up, which its own task may not know yet? A system call.
    fn has_hung_up(&self) -> bool;
}

/// What a waiter waits with.
pub struct Request {
    /// See [`Waiter::command`].
    pub command: usize,
    /// See [`Waiter::args`].
    pub args: OwnedArgs,
    /// See [`Waiter::permitted`].
    pub permitted: (u64, u64),
    /// See [`Waiter::protocol`].
    pub protocol: Protocol,
    /// See [`Waiter::kind`].
    pub kind: Type,
    /// See [`Waiter::when_gone`].
    pub when_gone: bool,
    /// Does it wait for a limited time?
    pub timed: bool,
    /// See [`Waiter::client`].
    pub client: Arc<dyn Waits>,
}

impl Waiter {
    pub(super) fn new(
        request: Request,
        (db, touch): (usize, bool),
        mut keys: Vec<Box<[u8]>>,
    ) -> Waiter {
        keys.sort_unstable();
        keys.dedup();
        Waiter {
            command: request.command,
            args: request.args,
            permitted: request.permitted,
            db,
            protocol: request.protocol,
            touch,
            kind: request.kind,
            when_gone: request.when_gone,
            timed: request.timed,
            keys,
            state: AtomicU8::new(WAITING),
            retry: AtomicBool::new(false),
            reply: Mutex::new(None),
            client: request.client,
        }
    }

    fn pass(&self, from: u8, to: u8) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let passed = self.state.compare_exchange(from, to, order.0, order.1);
        passed.is_ok()
    }

    /// Takes on running its request. False when it does not wait any more, or somebody else runs
    /// it, and may not see what the caller has changed: then its client runs it once more. The
    /// caller goes on with [`Waiter::serve`] or [`Waiter::release`].
    pub fn claim(&self) -> bool {
        let claimed = self.pass(WAITING, CLAIMED);
        if !claimed {
            self.ask_retry();
        }
        claimed
    }

    /// There was nothing for it: it goes on waiting.
    pub fn release(&self) {
        self.pass(CLAIMED, WAITING);
        // Its time may have run out meanwhile.
        self.client.wake();
    }

    /// Gives it its reply: from now on it does not wait, whenever its task has its turn.
    pub fn serve(&self, reply: Output, now_ms: u64) {
        *self.reply.lock() = Some(reply);
        // Its task goes on, and may wait anew, as soon as it is served.
        self.client.end_wait(now_ms);
        self.pass(CLAIMED, SERVED);
        self.client.wake();
    }

    /// Its reply, once there is one.
    pub fn take_reply(&self) -> Option<Output> {
        (self.state.load(Ordering::Acquire) == SERVED)
            .then(|| self.reply.lock().take())
            .flatten()
    }

    /// Stops waiting. False when its request is being run, or was: then it has a reply to come.
    pub fn cancel(&self) -> bool {
        self.pass(WAITING, CANCELLED)
    }

    /// Ends its wait for another client: it is given nothing from now on. False when it does not
    /// wait any more; `None` while its request is being run, which shows whether it does.
    pub fn end(&self, how: Unblocked) -> Option<bool> {
        let to = match how {
            Unblocked::AsTimeout => ENDED_IN_TIME,
            Unblocked::WithError => ENDED_WITH_ERROR,
        };
        let order = (Ordering::AcqRel, Ordering::Acquire);
        match self.state.compare_exchange(WAITING, to, order.0, order.1) {
            Ok(_) => Some(true),
            Err(CLAIMED) => None,
            Err(_) => Some(false),
        }
    }

    /// Was its wait ended by [`Waiter::end`]?
    pub fn ended(&self) -> Option<Unblocked> {
        match self.state.load(Ordering::Acquire) {
            ENDED_IN_TIME => Some(Unblocked::AsTimeout),
            ENDED_WITH_ERROR => Some(Unblocked::WithError),
            _ => None,
        }
    }

    /// Has its client run the request again.
    pub fn ask_retry(&self) {
        self.retry.store(true, Ordering::Release);
        self.client.wake();
    }

    /// For its client: claims it if it was asked to run the request again. What is asked while
    /// somebody else runs it stays asked.
    pub fn claim_retry(&self) -> bool {
        let claimed = self.retry.load(Ordering::Acquire) && self.pass(WAITING, CLAIMED);
        if claimed {
            self.retry.store(false, Ordering::Release);
        }
        claimed
    }
}

type Queues = DashMap<(u32, Box<[u8]>), VecDeque<Arc<Waiter>>>;

/// All waiters, by key.
#[derive(Default)]
pub struct Waiting {
    queues: Queues,
}

impl Waiting {
    /// Waiter number `index` of a key.
    pub fn nth(&self, db: usize, key: &[u8], index: usize) -> Option<Arc<Waiter>> {
        let queue = self.queues.get(&(db as u32, Box::from(key)))?;
        queue.get(index).cloned()
    }

    /// Does anybody wait for a key?
    pub fn has(&self, db: usize, key: &[u8]) -> bool {
        self.queues.contains_key(&(db as u32, Box::from(key)))
    }

    /// Does anybody wait for a key to be gone?
    pub fn concerned_when_gone(&self, db: usize, key: &[u8]) -> bool {
        let queue = self.queues.get(&(db as u32, Box::from(key)));
        queue.is_some_and(|queue| queue.iter().any(|waiter| waiter.when_gone))
    }

    /// Number of keys that are waited for, of those whose end is waited for too, and of clients
    /// that wait for a limited time.
    pub fn counts(&self) -> (usize, usize, usize) {
        let (mut when_gone, mut timed) = (0, std::collections::HashSet::new());
        for queue in &self.queues {
            when_gone += usize::from(queue.iter().any(|waiter| waiter.when_gone));
            let limited = queue.iter().filter(|waiter| waiter.timed);
            timed.extend(limited.map(Arc::as_ptr));
        }
        (self.queues.len(), when_gone, timed.len())
    }

    /// The keys of a database that somebody waits for.
    pub fn keys_of(&self, db: usize) -> Vec<Box<[u8]>> {
        let of_db = self.queues.iter().filter(|item| item.key().0 == db as u32);
        of_db.map(|item| item.key().1.clone()).collect()
    }

    /// Has those look again that a key's end concerns: it has expired or was evicted.
    pub(super) fn gone(&self, db: usize, key: &[u8]) {
        if let Some(queue) = self.queues.get(&(db as u32, Box::from(key))) {
            let concerned = queue.iter().filter(|waiter| waiter.when_gone);
            concerned.for_each(|waiter| waiter.ask_retry());
        }
    }
}

impl Keyspace {
    /// Puts a waiter last in the queues of its keys, whose shards the caller holds.
    pub(super) fn begin_waiting(&self, waiter: &Arc<Waiter>) {
        for key in &waiter.keys {
            let mut queue = self
                .waiting
                .queues
                .entry((waiter.db as u32, key.clone()))
                .or_default();
            queue.push_back(Arc::clone(waiter));
            self.waiters_of(hash_key(key))
                .fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes a waiter that was served or cancelled out of all queues. Takes no shard's lock.
    pub fn end_waiting(&self, waiter: &Arc<Waiter>) {
        for key in &waiter.keys {
            let id = (waiter.db as u32, key.clone());
            let Some(mut queue) = self.waiting.queues.get_mut(&id) else {
                continue;
            };
            let place = queue.iter().position(|other| Arc::ptr_eq(other, waiter));
            if let Some(place) = place {
                queue.remove(place);
                self.waiters_of(hash_key(key))
                    .fetch_sub(1, Ordering::Relaxed);
            }
            drop(queue);
            self.waiting
                .queues
                .remove_if(&id, |_, queue| queue.is_empty());
        }
    }

    fn waiters_of(&self, hash: Hash) -> &std::sync::atomic::AtomicU32 {
        &self.shards[self.shard_index(hash)].waiters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Args;
    use std::sync::atomic::AtomicUsize;

    #[derive(Default)]
    struct Client(AtomicUsize);

    impl Waits for Client {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        fn end_wait(&self, _: u64) {}

        fn is_leaving(&self) -> bool {
            false
        }

        fn has_hung_up(&self) -> bool {
            false
        }
    }

    fn waiter(client: &Arc<Client>) -> Waiter {
        let request = Request {
            command: 0,
            permitted: (0, 0),
            args: Args::new(b"", &[]).to_owned(),
            protocol: Protocol::Resp2,
            kind: Type::List,
            when_gone: false,
            timed: false,
            client: Arc::clone(client) as Arc<dyn Waits>,
        };
        Waiter::new(request, (0, true), vec![b"k".as_slice().into()])
    }

    /// One thread runs the request and finds nothing; another has filled a key meanwhile.
    #[test]
    fn who_comes_while_it_is_run_has_it_run_again() {
        let client = Arc::new(Client::default());
        let waiter = waiter(&client);
        assert!(waiter.claim());
        assert!(!waiter.claim(), "the other");
        assert!(!waiter.claim_retry(), "its client, too early");
        waiter.release();
        assert_eq!(client.0.load(Ordering::Relaxed), 2);
        assert!(waiter.claim_retry(), "its client");
        waiter.release();
        assert!(!waiter.claim_retry(), "once is enough");
    }

    #[test]
    fn it_is_served_or_cancelled_never_both() {
        let client = Arc::new(Client::default());
        let served = waiter(&client);
        assert!(served.claim() && !served.cancel() && served.take_reply().is_none());
        assert_eq!(served.end(Unblocked::AsTimeout), None, "being run");
        served.serve(Output::default(), 0);
        assert!(!served.cancel() && served.take_reply().is_some());
        assert_eq!(served.end(Unblocked::AsTimeout), Some(false));
        let cancelled = waiter(&client);
        assert!(cancelled.cancel() && !cancelled.claim() && !cancelled.claim_retry());
        let ended = waiter(&client);
        assert_eq!(ended.end(Unblocked::WithError), Some(true));
        assert_eq!(ended.end(Unblocked::AsTimeout), Some(false));
        assert_eq!(ended.ended(), Some(Unblocked::WithError));
        assert!(!ended.claim() && !ended.cancel() && ended.take_reply().is_none());
    }
}
