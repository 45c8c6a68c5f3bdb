//! The part of a client's state that other threads may see and signal.

use super::post::Seat;
use crate::base::hangup::is_hung_up;
use crate::config::{OutputLimit, OutputLimits};
use crate::keyspace::waiting::{Unblocked, Waiter, Waits};
use crate::keyspace::watch::DirtyFlag;
use crate::protocol::output::Blob;
use crate::protocol::{Output, Protocol};
use crate::pubsub::{Message, Subscriber};
use parking_lot::{Mutex, MutexGuard};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::Waker;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "{}:0", path.display()),
        }
    }
}

/// What a client says of itself.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// `CLIENT SETNAME`.
    pub name: Vec<u8>,
    /// `CLIENT SETINFO LIB-NAME`.
    pub library: Vec<u8>,
    /// `CLIENT SETINFO LIB-VER`.
    pub library_version: Vec<u8>,
}

impl Identity {
    fn held_bytes(&self) -> usize {
        self.name.capacity() + self.library.capacity() + self.library_version.capacity()
    }
}

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Doom {
    /// `CLIENT KILL`.
    Killed = 1,
    /// Idle for too long, or too slow to authenticate.
    TimedOut = 2,
    /// Its replies pile up beyond the limit.
    OutputLimit = 3,
    /// The clients' memory budget is exceeded and this is the largest.
    Shed = 4,
    /// Its request grows beyond the limit.
    InputLimit = 5,
    /// The server ends: close when what has been received is served.
    Shutdown = 6,
    /// The time for that is over.
    Ended = 7,
    /// It has had its last request executed, as by `QUIT`: close when the replies are sent.
    Closing = 8,
}

/// Messages from this length on are shared between their receivers; a shorter one is copied, if it
/// is not alone.
const SHARED_MIN: usize = 16 * 1024;
/// Room that a mailbox begins with: where one message comes, more often do.
const MAIL_ROOM: usize = 1024;

/// Conditions shown in `CLIENT LIST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Flag {
    /// `O`: a monitor.
    Monitor = 1,
    /// `x`: queueing a transaction.
    Multi = 1 << 1,
    /// `e`: not to be shed.
    NoEvict = 1 << 3,
    /// `T`: its accesses do not count as use.
    NoTouch = 1 << 4,
    /// `U`: connected by unix socket.
    Unix = 1 << 5,
    /// `b`: waiting in a blocking command.
    Blocked = 1 << 6,
    /// The connection is encrypted.
    Tls = 1 << 7,
    /// Waiting for its long work.
    Busy = 1 << 8,
    /// `P`: subscribed to something.
    PubSub = 1 << 9,
    /// `t`: it keeps a cache.
    Tracking = 1 << 10,
    /// `R`: whom it has named to be told of changes is gone.
    BrokenRedirect = 1 << 11,
    /// `B`: it is told of all changes.
    Broadcast = 1 << 12,
    /// It has disconnected.
    Gone = 1 << 13,
}

/// What other threads see of a client. What a message's delivery touches stands together at the
/// beginning: a publisher comes by many clients that are in nobody's cache.
#[repr(C)]
pub struct Client {
    mail: Mutex<Output>,
    /// Memory held for replies not yet sent.
    pub output_bytes: AtomicU64,
    /// Where it is served.
    pub seat: Seat,
    flags: AtomicU32,
    has_mail: AtomicBool,
    doom: AtomicU8,
    protocol: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// Never reused.
    pub id: u64,
    /// The peer.
    pub address: Address,
    /// Our end.
    pub local_address: Address,
    /// The socket's file descriptor, for `CLIENT LIST`.
    pub fd: i32,
    /// When it connected, in ms on the server timeline.
    pub connected_ms: u64,
    /// When it last sent a request, likewise.
    pub active_ms: AtomicU64,
    /// The selected database.
    pub db: AtomicU32,
    /// The number of the last command executed; `u32::MAX` before the first.
    pub last_command: AtomicU32,
    /// Commands executed.
    pub commands: AtomicU64,
    /// Bytes received.
    pub received_bytes: AtomicU64,
    /// Bytes sent.
    pub sent_bytes: AtomicU64,
    /// Memory held for requests not yet whole.
    pub input_bytes: AtomicU64,
    /// Of that, what has been received.
    pub input_used_bytes: AtomicU64,
    /// Since when its replies have been beyond the soft limit, in ms on the server timeline; 0
    /// while they are not.
    pub output_soft_since_ms: AtomicU64,
    /// Memory held by a queued transaction.
    pub multi_bytes: AtomicU64,
    /// Commands queued; −1 outside a transaction.
    pub queued: AtomicI64,
    /// The client that is told of changes for it: 0 is none, −1 without tracking.
    pub redirect: AtomicI64,
    /// Keys watched.
    pub watched: AtomicU32,
    /// Memory held for them.
    pub watching_bytes: AtomicU64,
    /// Subscriptions of each kind.
    pub subscriptions: [AtomicU32; 3],
    /// Memory held for them.
    pub subscription_bytes: AtomicU64,
    waiting_bytes: AtomicU64,
    authenticated: AtomicBool,
    wait: Mutex<Option<Arc<Waiter>>>,
    identity: Mutex<Identity>,
    /// The name of its user; `None` is `default`.
    pub(super) user: Mutex<Option<Arc<[u8]>>>,
    dirty: Mutex<Option<DirtyFlag>>,
}

impl Client {
    /// A client that has just connected.
    pub fn new(id: u64, address: Address, local_address: Address, fd: i32, now_ms: u64) -> Client {
        Client {
            id,
            address,
            local_address,
            fd,
            connected_ms: now_ms,
            active_ms: AtomicU64::new(now_ms),
            db: AtomicU32::new(0),
            last_command: AtomicU32::new(u32::MAX),
            commands: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            input_bytes: AtomicU64::new(0),
            input_used_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            seat: Seat::default(),
            output_soft_since_ms: AtomicU64::new(0),
            multi_bytes: AtomicU64::new(0),
            queued: AtomicI64::new(-1),
            redirect: AtomicI64::new(-1),
            watched: AtomicU32::new(0),
            watching_bytes: AtomicU64::new(0),
            subscriptions: Default::default(),
            subscription_bytes: AtomicU64::new(0),
            waiting_bytes: AtomicU64::new(0),
            protocol: AtomicU8::new(2),
            authenticated: AtomicBool::new(false),
            flags: AtomicU32::new(0),
            doom: AtomicU8::new(0),
            wait: Mutex::default(),
            identity: Mutex::default(),
            user: Mutex::default(),
            dirty: Mutex::default(),
            waker: Mutex::default(),
            has_mail: AtomicBool::new(false),
            mail: Mutex::default(),
        }
    }

    /// The protocol version as last published.
    pub fn protocol(&self) -> i64 {
        self.protocol.load(Relaxed).into()
    }

    /// The protocol as last published.
    pub(super) fn spoken(&self) -> Protocol {
        match self.protocol.load(Relaxed) {
            3 => Protocol::Resp3,
            _ => Protocol::Resp2,
        }
    }

    /// Publishes the protocol version.
    pub fn set_protocol(&self, protocol: Protocol) {
        self.protocol.store(protocol.number() as u8, Relaxed);
    }

    /// Has it authenticated (or need it not)?
    pub fn is_authenticated(&self) -> bool {
        self.authenticated.load(Relaxed)
    }

    /// Publishes that it has.
    pub fn set_authenticated(&self, authenticated: bool) {
        self.authenticated.store(authenticated, Relaxed);
    }

    /// Sets or clears a condition.
    pub fn set(&self, flag: Flag, on: bool) {
        if on {
            self.flags.fetch_or(flag as u32, Relaxed);
        } else {
            self.flags.fetch_and(!(flag as u32), Relaxed);
        }
    }

    /// Does a condition hold?
    pub fn is(&self, flag: Flag) -> bool {
        self.flags.load(Relaxed) & flag as u32 != 0
    }

    /// Shows the flag of its watched keys, or that it watches none any more.
    pub fn show_dirty(&self, flag: Option<DirtyFlag>) {
        *self.dirty.lock() = flag;
    }

    /// Has a watched key changed?
    pub fn is_dirty(&self) -> bool {
        self.dirty
            .lock()
            .as_ref()
            .is_some_and(|flag| flag.load(Relaxed))
    }

    /// What it says of itself.
    pub fn identity(&self) -> Identity {
        self.identity.lock().clone()
    }

    /// Changes what it says of itself.
    pub fn identify(&self, change: impl FnOnce(&mut Identity)) {
        change(&mut self.identity.lock());
    }

    /// Memory held for this client, in bytes, the record itself included.
    pub fn held_bytes(&self) -> u64 {
        let identity = self.identity.lock().held_bytes() + self.mail.lock().held_bytes();
        (size_of::<Client>() + identity) as u64
            + self.input_bytes.load(Relaxed)
            + self.output_bytes.load(Relaxed)
            + self.multi_bytes.load(Relaxed)
            + self.waiting_bytes.load(Relaxed)
            + self.watching_bytes.load(Relaxed)
            + self.subscription_bytes.load(Relaxed)
    }

    /// Notes that it waits in a blocking command, which takes so many bytes meanwhile. To be said
    /// under the locks under which it began to.
    pub fn set_waiting(&self, waiter: &Arc<Waiter>, bytes: u64) {
        let mut wait = self.wait.lock();
        self.waiting_bytes.store(bytes, Relaxed);
        self.set(Flag::Blocked, true);
        *wait = Some(Arc::clone(waiter));
    }

    /// Notes that it no longer waits.
    pub fn end_waiting(&self) {
        self.forget_wait(&mut self.wait.lock());
    }

    fn forget_wait(&self, wait: &mut Option<Arc<Waiter>>) {
        self.waiting_bytes.store(0, Relaxed);
        self.set(Flag::Blocked, false);
        *wait = None;
    }

    /// Ends its wait in a blocking command; whatever comes after this returns finds it as one that
    /// does not wait. False when it is in none, or has its reply already.
    pub fn unblock(&self, how: Unblocked, now_ms: u64) -> bool {
        loop {
            let mut wait = self.wait.lock();
            let Some(waiter) = &*wait else { return false };
            match waiter.end(how) {
                Some(true) => {
                    self.active_ms.fetch_max(now_ms, Relaxed);
                    self.forget_wait(&mut wait);
                    drop(wait);
                    self.wake();
                    return true;
                }
                Some(false) => return false,
                // Somebody runs its request, which takes no lock that is not to be had at once.
                None => drop(wait),
            }
            std::thread::yield_now();
        }
    }

    /// Tells the client's task to close the connection. The first reason stays, but whoever is
    /// only asked to finish can be told more.
    pub fn doom(&self, why: Doom) {
        self.doom_by(why);
        self.wake();
    }

    /// For the client's own task: it executes nothing any more. To be said before its last reply is
    /// sent: who has seen that finds the client gone.
    pub fn begin_closing(&self) {
        self.doom_by(Doom::Closing);
    }

    fn doom_by(&self, why: Doom) {
        let change = |now: u8| {
            let yields = match self::doom(now) {
                None | Some(Doom::Shutdown) => true,
                Some(Doom::Closing) => why != Doom::Shutdown,
                Some(_) => false,
            };
            yields.then_some(why as u8)
        };
        let _ = self.doom.fetch_update(Relaxed, Relaxed, change);
    }

    /// Why the connection is to be closed, if it is.
    #[inline]
    pub fn doomed(&self) -> Option<Doom> {
        doom(self.doom.load(Relaxed))
    }

    /// Is it to be disconnected, whatever it is doing? For everybody else it is gone already: it
    /// takes no message, and nothing that it waited for.
    #[inline]
    pub fn is_leaving(&self) -> bool {
        !matches!(self.doomed(), None | Some(Doom::Shutdown))
    }

    /// Remembers how to wake the client's task; once, since a task's waker does not change.
    pub fn set_waker(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    /// Wakes the client's task.
    pub fn wake(&self) {
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }

    /// Is there something posted?
    pub fn has_mail(&self) -> bool {
        self.has_mail.load(Relaxed)
    }

    /// Sends a line to a monitor; one that is no longer a monitor gets nothing. When more than
    /// `limit_bytes` (0 is no limit) pile up the client is doomed instead: a slow reader costs
    /// nobody else anything.
    pub fn post(&self, bytes: &[u8], limit_bytes: u64) {
        let mail = self.mail.lock();
        if self.is(Flag::Monitor) {
            self.post_to(mail, bytes.len(), limit_bytes, |mail| {
                mail.buffer().extend_from_slice(bytes);
            });
        }
    }

    /// Its mailbox, for [`Client::post_to`].
    pub(super) fn lock_mail(&self) -> MutexGuard<'_, Output> {
        self.mail.lock()
    }

    /// Puts `len` bytes into the mailbox, unless too much is waiting already.
    pub(super) fn post_to(
        &self,
        mut mail: MutexGuard<'_, Output>,
        len: usize,
        limit_bytes: u64,
        append: impl FnOnce(&mut Output),
    ) {
        let waiting = (mail.len() + len) as u64 + self.output_bytes.load(Relaxed);
        if limit_bytes > 0 && waiting > limit_bytes {
            drop(mail);
            return self.doom(Doom::OutputLimit);
        }
        append(&mut mail);
        drop(mail);
        // Nothing is written where somebody else has just been.
        let announced = self.has_mail.load(Relaxed) || self.has_mail.swap(true, Relaxed);
        if !announced && !self.seat.note() {
            self.wake();
        }
    }

    /// Throws away what was posted: nothing may follow the reply of who stops monitoring.
    pub fn discard_mail(&self) {
        self.mail.lock().clear();
    }

    /// Takes what was posted.
    #[inline]
    pub fn take_mail(&self) -> Option<Output> {
        if !self.has_mail.load(Relaxed) {
            return None;
        }
        self.has_mail.store(false, Relaxed);
        Some(std::mem::take(&mut *self.mail.lock()))
    }

    /// How much it may be owed: that depends on what kind of client it is.
    pub fn output_limit<'a>(&self, limits: &'a OutputLimits) -> &'a OutputLimit {
        if self.is(Flag::PubSub) {
            &limits.pubsub
        } else {
            &limits.normal
        }
    }
}

/// As it is kept; 0 is none.
#[inline]
fn doom(kept: u8) -> Option<Doom> {
    match kept {
        0 => None,
        1 => Some(Doom::Killed),
        2 => Some(Doom::TimedOut),
        3 => Some(Doom::OutputLimit),
        4 => Some(Doom::Shed),
        5 => Some(Doom::InputLimit),
        6 => Some(Doom::Shutdown),
        7 => Some(Doom::Ended),
        _ => Some(Doom::Closing),
    }
}

impl Waits for Client {
    fn wake(&self) {
        self.wake();
    }

    fn end_wait(&self, now_ms: u64) {
        // Who has waited for long is not idle since then.
        self.active_ms.fetch_max(now_ms, Relaxed);
        self.end_waiting();
    }

    fn is_leaving(&self) -> bool {
        self.is_leaving()
    }

    fn has_hung_up(&self) -> bool {
        // Once the connection is closed its number may be another's; then it waits for nothing.
        is_hung_up(self.fd)
    }
}

impl Subscriber for Client {
    fn id(&self) -> u64 {
        self.id
    }

    fn deliver(&self, message: &Message<'_>, limit_bytes: u64) -> bool {
        if self.is_leaving() {
            return false;
        }
        let protocol = self.spoken();
        let message: &Blob = message.encoded(protocol);
        self.post_to(self.mail.lock(), message.len(), limit_bytes, |mail| {
            // A message alone needs no room of the mailbox's own, and is sent from where it lies.
            if message.len() < SHARED_MIN && !mail.is_empty() {
                let buffer = mail.buffer();
                if buffer.capacity() == 0 {
                    buffer.reserve(message.len().max(MAIL_ROOM));
                }
                buffer.extend_from_slice(message);
            } else {
                mail.push_blob(message);
            }
        });
        true
    }
}
