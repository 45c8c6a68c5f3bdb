//! Mail for clients of one's own thread.
//!
//! Whoever puts something into an empty mailbox sees to it that it is sent. Of a client that another
//! thread serves, it wakes the task. Of a client of its own thread it only notes the seat here and
//! wakes the thread's postman, once for all: that one sends what is in the mailboxes, without a turn
//! of each client's task. So a message to a thousand clients of one worker takes no lock but those of
//! their mailboxes.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Waker;

/// Seats noted at most; more clients are woken as those of other threads are.
const NOTED_MAX: usize = 1 << 20;

thread_local! {
    static POST: Post = const {
        Post {
            worker: Cell::new(0),
            noted: RefCell::new(Vec::new()),
            postman: RefCell::new(None),
        }
    };
}

/// What is to be sent on this thread.
struct Post {
    /// The worker whose thread this is, from 1; 0 of other threads.
    worker: Cell<u32>,
    noted: RefCell<Vec<u32>>,
    postman: RefCell<Option<Waker>>,
}

/// Where a client is served: a worker, and the number of its seat there.
#[derive(Default)]
pub struct Seat(AtomicU64);

impl Seat {
    /// It is served by this worker, on this seat. Said by the worker itself.
    pub fn take(&self, worker: usize, number: u32) {
        let worker = worker as u64 + 1;
        self.0.store(worker << 32 | u64::from(number), Relaxed);
    }

    /// It is served no more.
    pub fn leave(&self) {
        self.0.store(0, Relaxed);
    }

    /// Notes that there is mail, if this thread is the one that serves it. If not, false.
    pub(super) fn note(&self) -> bool {
        let seat = self.0.load(Relaxed);
        let (worker, number) = ((seat >> 32) as u32, seat as u32);
        worker != 0 && POST.try_with(|post| post.note(worker, number)) == Ok(true)
    }
}

impl Post {
    fn note(&self, worker: u32, number: u32) -> bool {
        let mut noted = self.noted.borrow_mut();
        if self.worker.get() != worker || noted.len() >= NOTED_MAX {
            return false;
        }
        noted.push(number);
        if noted.len() == 1
            && let Some(postman) = &*self.postman.borrow()
        {
            postman.wake_by_ref();
        }
        true
    }
}

/// The postman of this worker, which is this thread, is woken so from now on when there is mail.
pub fn attend(worker: usize, postman: &Waker) {
    POST.with(|post| {
        post.worker.set(worker as u32 + 1);
        *post.postman.borrow_mut() = Some(postman.clone());
    });
}

/// Takes the noted seats into `seats`, which is empty.
pub fn collect(seats: &mut Vec<u32>) {
    POST.with(|post| std::mem::swap(&mut *post.noted.borrow_mut(), seats));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Count>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn the_postman_is_woken_once_for_all() {
        let woken = Arc::new(Count::default());
        let seats = [Seat::default(), Seat::default(), Seat::default()];
        seats[0].take(0, 7);
        seats[1].take(0, 8);
        seats[2].take(1, 7);
        assert!(!seats[0].note(), "nobody attends yet");
        attend(0, &Arc::clone(&woken).into());
        assert_eq!(seats.each_ref().map(Seat::note), [true, true, false]);
        assert_eq!(woken.0.load(Relaxed), 1);
        let mut noted = Vec::new();
        collect(&mut noted);
        assert_eq!(noted, [7, 8]);
        seats[0].leave();
        assert!(!seats[0].note() && seats[1].note());
        assert_eq!(woken.0.load(Relaxed), 2);
        std::thread::scope(|scope| scope.spawn(|| assert!(!seats[1].note())).join())
            .expect("another thread does not serve it");
    }
}
