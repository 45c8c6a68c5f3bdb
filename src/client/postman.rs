//! Sends what is posted to a worker's own clients.
//!
//! Most messages go to clients that have nothing else to do. For them a turn of their task, with all
//! that belongs to waking it and looking what there is, costs as much as encoding and posting the
//! message; the postman does nothing but send. Whatever is not as simple as that (earlier output, TLS,
//! a socket that is full) it leaves to the client's task.

use super::{Connection, Desk};
use crate::session::post;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Clients that get their mail before others have their turn.
const SENT_PER_TURN: usize = 64;

/// The connections of a worker, by their seats.
pub struct Seats {
    worker: usize,
    taken: RefCell<Vec<Option<Rc<RefCell<Connection>>>>>,
    free: RefCell<Vec<u32>>,
}

impl Seats {
    /// For this worker.
    pub fn new(worker: usize) -> Seats {
        Seats {
            worker,
            taken: RefCell::default(),
            free: RefCell::default(),
        }
    }

    fn take(&self, connection: &Rc<RefCell<Connection>>) -> u32 {
        let mut taken = self.taken.borrow_mut();
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| {
            taken.push(None);
            (taken.len() - 1) as u32
        });
        taken[number as usize] = Some(Rc::clone(connection));
        let session = &connection.borrow().session;
        session.client.seat.take(self.worker, number);
        number
    }

    fn leave(&self, number: u32) {
        let connection = self.taken.borrow_mut()[number as usize].take();
        if let Some(connection) = &connection {
            connection.borrow().session.client.seat.leave();
        }
        self.free.borrow_mut().push(number);
    }

    fn at(&self, number: u32) -> Option<Rc<RefCell<Connection>>> {
        self.taken.borrow().get(number as usize).cloned().flatten()
    }
}

/// A connection's task: it has a seat for as long as it runs.
pub struct Serving {
    connection: Rc<RefCell<Connection>>,
    seats: Rc<Seats>,
    seat: Option<u32>,
}

impl Serving {
    pub(super) fn new(connection: Connection, seats: Rc<Seats>) -> Serving {
        Serving {
            connection: Rc::new(RefCell::new(connection)),
            seats,
            seat: None,
        }
    }
}

impl Future for Serving {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.seat.is_none() {
            // Whoever finds the seat finds the waker.
            let connection = this.connection.borrow();
            connection.session.client.set_waker(cx.waker());
            drop(connection);
            this.seat = Some(this.seats.take(&this.connection));
        }
        this.connection.borrow_mut().poll_turn(cx)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(seat) = self.seat {
            self.seats.leave(seat);
        }
    }
}

/// The task that sends; it never ends.
pub struct Postman {
    desk: Rc<RefCell<Desk>>,
    seats: Rc<Seats>,
    attends: bool,
    /// Who has mail; those before `at` have been served.
    round: Vec<u32>,
    at: usize,
}

impl Postman {
    /// Of the worker that these seats belong to; runs on its thread.
    pub fn new(desk: Rc<RefCell<Desk>>, seats: Rc<Seats>) -> Postman {
        Postman {
            desk,
            seats,
            attends: false,
            round: Vec::new(),
            at: 0,
        }
    }
}

impl Future for Postman {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.attends {
            post::attend(this.seats.worker, cx.waker());
            this.attends = true;
        }
        if this.at == this.round.len() {
            this.round.clear();
            this.at = 0;
            post::collect(&mut this.round);
        }
        let end = this.round.len().min(this.at + SENT_PER_TURN);
        let mut desk = this.desk.borrow_mut();
        for seat in &this.round[this.at..end] {
            // Who has left took its mail with it; who came after has none, or its own.
            if let Some(connection) = this.seats.at(*seat) {
                connection.borrow_mut().send_mail(&mut desk);
            }
        }
        this.at = end;
        if end < this.round.len() {
            super::give_way(cx);
        }
        Poll::Pending
    }
}
