//! A few threads for long work, away from the workers. See "long work" in `docs/architecture.md`.

use crate::base::priority;
use crate::commands::spec::Job;
use crate::protocol::Output;
use crate::session::Shared;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Threads of the pool from the start.
pub const POOL_THREADS: usize = 4;
/// Threads of the pool at most: beyond the first ones, they are made when all others are busy, with
/// long scripts and with those who wait for them.
pub const POOL_THREADS_MAX: usize = 128;
/// Scripts may be nested deeply.
const STACK_BYTES: usize = 8 << 20;

/// A finished job: what it replied, and how long it took. Closed instead when the job panicked.
pub type Finished = oneshot::Receiver<(Output, Duration)>;

type Task = (Job, oneshot::Sender<(Output, Duration)>);

/// The door to the pool. A client has at most one job under way, so the queue is bounded by the
/// number of connections.
#[derive(Clone)]
pub struct Pool {
    tasks: mpsc::Sender<Task>,
    crew: Arc<Crew>,
}

/// The threads, and what they take jobs from.
struct Crew {
    queue: Mutex<mpsc::Receiver<Task>>,
    shared: Arc<Shared>,
    threads: AtomicUsize,
    /// Threads that wait for a job, less the jobs that wait for a thread.
    spare: AtomicIsize,
}

impl Crew {
    fn add_thread(self: &Arc<Self>) -> std::io::Result<()> {
        let index = self.threads.fetch_add(1, Relaxed);
        let crew = Arc::clone(self);
        let started = std::thread::Builder::new()
            .name(format!("pool-{index}"))
            .stack_size(STACK_BYTES)
            .spawn(move || run(&crew));
        if started.is_err() {
            self.threads.fetch_sub(1, Relaxed);
        }
        started.map(drop)
    }
}

impl Pool {
    /// Starts the threads; they end when the last handle is gone.
    pub fn start(shared: &Arc<Shared>) -> std::io::Result<Pool> {
        let (tasks, queue) = mpsc::channel::<Task>();
        let crew = Arc::new(Crew {
            queue: Mutex::new(queue),
            shared: Arc::clone(shared),
            threads: AtomicUsize::new(0),
            spare: AtomicIsize::new(0),
        });
        for _ in 0..POOL_THREADS {
            crew.add_thread()?;
        }
        Ok(Pool { tasks, crew })
    }

    /// Hands a job over.
    pub fn submit(&self, job: Job) -> Finished {
        let (done, finished) = oneshot::channel();
        // When the threads are gone the server is ending, and so is the client that waits.
        let _ = self.tasks.send((job, done));
        let crew = &self.crew;
        // A thread that is about to wait is not counted yet: then one more is made than needed.
        if crew.spare.fetch_sub(1, Relaxed) <= 0
            && crew.threads.load(Relaxed) < POOL_THREADS_MAX
            && let Err(error) = crew.add_thread()
        {
            tracing::warn!(%error, "the pool gets no more threads");
        }
        finished
    }
}

fn run(crew: &Crew) {
    priority::stand_back(priority::LONG_WORK);
    let shared = &crew.shared;
    loop {
        crew.spare.fetch_add(1, Relaxed);
        let task = crew
            .queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .recv();
        let Ok((job, done)) = task else { return };
        let started = Instant::now();
        let mut out = Output::default();
        if catch_unwind(AssertUnwindSafe(|| job(shared, &mut out))).is_ok() {
            // The client may have gone; nobody misses the reply then.
            let _ = done.send((out, started.elapsed()));
        } else {
            tracing::error!("a job ended in a panic: its client is disconnected");
            shared.metrics.panics.fetch_add(1, Relaxed);
        }
    }
}
