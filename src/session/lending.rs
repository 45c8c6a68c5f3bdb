//! A session that is away for a while: its client's `EXEC` runs on the pool.
//!
//! The session itself goes there, and a stand-in takes its place with the connection, which executes
//! nothing until the work is done. Whoever is second finds what the first has left: the connection
//! takes the session back, or, when it has ended meanwhile, the pool lets the session go.

use super::{Session, Shared};
use parking_lot::Mutex;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Where a session that was lent is.
#[derive(Default)]
pub(super) enum Lent {
    /// With the pool.
    #[default]
    Away,
    /// Done with; is the connection to be closed?
    Back(Box<Session>, bool),
    /// The connection has ended: nobody waits for it.
    Abandoned,
}

/// A session in somebody else's hands. It goes back when this is dropped.
pub struct Borrowed {
    session: Option<Box<Session>>,
    place: Arc<Mutex<Lent>>,
    shared: Arc<Shared>,
    /// Is the connection to be closed?
    pub closes: bool,
}

impl Session {
    /// Hands the session over to another thread, and leaves a stand-in.
    pub fn lend(&mut self, shared: &Arc<Shared>) -> Borrowed {
        let place = Arc::<Mutex<Lent>>::default();
        let stand_in = Session {
            db: self.db,
            protocol: self.protocol,
            authenticated: self.authenticated,
            lent: Some(Arc::clone(&place)),
            ..Session::of(
                Arc::clone(&self.client),
                Arc::clone(self.user()),
                self.rules(),
            )
        };
        Borrowed {
            session: Some(Box::new(std::mem::replace(self, stand_in))),
            place,
            shared: Arc::clone(shared),
            closes: false,
        }
    }

    /// Is the session away, and this its stand-in?
    pub fn is_lent(&self) -> bool {
        self.lent.is_some()
    }

    /// Takes the session back, if it was lent and the work is done. True when the connection is to
    /// be closed.
    pub fn take_back(&mut self) -> bool {
        let Some(place) = self.lent.take() else {
            return false;
        };
        match std::mem::take(&mut *place.lock()) {
            Lent::Back(session, closes) => {
                *self = *session;
                closes
            }
            // The work was never begun: nobody has the session.
            Lent::Away | Lent::Abandoned => true,
        }
    }

    /// Releases what the session holds outside itself, when its client disconnects: at once, or when
    /// whoever has it is done.
    pub fn leave(&mut self, shared: &Shared) {
        if let Some(place) = self.lent.take() {
            let found = std::mem::replace(&mut *place.lock(), Lent::Abandoned);
            if let Lent::Back(mut session, _) = found {
                session.release(shared);
            }
        }
        self.release(shared);
    }

    fn release(&mut self, shared: &Shared) {
        self.end_multi();
        self.unsubscribe_all(&shared.pubsub);
        let audience = &shared.keyspace.audience;
        self.end_caching(&shared.tracking, |on| audience.track(on));
        if let Some(watching) = self.stop_watching() {
            watching.release(&shared.keyspace);
        }
    }
}

impl Deref for Borrowed {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session
            .as_ref()
            .expect("it goes back when this is dropped")
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut Session {
        self.session
            .as_mut()
            .expect("it goes back when this is dropped")
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else {
            return;
        };
        let mut place = self.place.lock();
        match *place {
            Lent::Abandoned => session.release(&self.shared),
            Lent::Away | Lent::Back(..) => *place = Lent::Back(session, self.closes),
        }
    }
}
