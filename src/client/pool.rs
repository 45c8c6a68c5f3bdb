//! A few threads for long work, away from the workers. See "long work" in `docs/architecture.md`.

use crate::commands::spec::Job;
use crate::protocol::Output;
use crate::session::Shared;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Threads of the pool.
pub const POOL_THREADS: usize = 4;

/// A finished job: what it replied, and how long it took. Closed instead when the job panicked.
pub type Finished = oneshot::Receiver<(Output, Duration)>;

type Task = (Job, oneshot::Sender<(Output, Duration)>);

/// The door to the pool. A client has at most one job under way, so the queue is bounded by the
/// number of connections.
#[derive(Clone)]
pub struct Pool {
    tasks: mpsc::Sender<Task>,
}

impl Pool {
    /// Starts the threads; they end when the last handle is gone.
    pub fn start(shared: &Arc<Shared>) -> std::io::Result<Pool> {
        let (tasks, queue) = mpsc::channel::<Task>();
        let queue = Arc::new(Mutex::new(queue));
        for index in 0..POOL_THREADS {
            let (queue, shared) = (Arc::clone(&queue), Arc::clone(shared));
            std::thread::Builder::new()
                .name(format!("pool-{index}"))
                .spawn(move || run(&queue, &shared))?;
        }
        Ok(Pool { tasks })
    }

    /// Hands a job over.
    pub fn submit(&self, job: Job) -> Finished {
        let (done, finished) = oneshot::channel();
        // When the threads are gone the server is ending, and so is the client that waits.
        let _ = self.tasks.send((job, done));
        finished
    }
}

fn run(queue: &Mutex<mpsc::Receiver<Task>>, shared: &Shared) {
    loop {
        let task = queue
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
