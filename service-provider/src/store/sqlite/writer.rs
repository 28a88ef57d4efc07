//! Group commit: one thread owns the connection that writes, and commits at once whatever waits for it.

use super::rows::Rows;
use crate::store::StoreError;
use tokio::sync::{mpsc, oneshot};

/// Operations that one commit makes durable.
pub const BATCH_MAX: usize = 128;

/// Operations that wait for the writer; further callers wait to join them.
pub const QUEUE_MAX: usize = 1024;

/// An operation: runs, and says how to tell its caller once it is durable.
type Job = Box<dyn FnOnce(&mut Rows) -> Done + Send>;

/// An operation that ran.
struct Done {
    /// Whether it succeeded; what a failed one changed is undone.
    succeeded: bool,
    tell: Tell,
}

/// Tells an operation's caller its result, given how the commit went.
type Tell = Box<dyn FnOnce(&Result<(), StoreError>)>;

/// The way to the writer's thread.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the thread. It ends when every `Writer` is gone and the queue is empty, or when a commit fails: what a disk
    /// keeps after that is not known, so nothing more is promised.
    pub(super) fn start(rows: Rows) -> Result<(Self, std::thread::JoinHandle<()>), StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let handle = thread.spawn(move || run(rows, queue)).map_err(|error| StoreError::Database(error.to_string()))?;
        Ok((Self { jobs }, handle))
    }

    /// Runs an operation and waits until it is durable.
    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Rows) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let job = Box::new(move |rows: &mut Rows| {
            let outcome = operation(rows);
            let succeeded = outcome.is_ok();
            let tell = move |committed: &Result<(), StoreError>| {
                // A caller that is gone needs no answer.
                let _ = answer.send(committed.clone().and(outcome));
            };
            Done { succeeded, tell: Box::new(tell) }
        });
        self.jobs.send(job).await.map_err(|_closed| StoreError::Stopped)?;
        result.await.map_err(|_dropped| StoreError::Stopped)?
    }
}

fn run(mut rows: Rows, mut queue: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let mut done = Vec::with_capacity(batch.len());
        let committed = commit(&mut rows, batch.drain(..), &mut done);
        for one in done {
            (one.tell)(&committed);
        }
        if let Err(error) = committed {
            tracing::error!(%error, "the store stops: a commit failed");
            return;
        }
    }
}

/// Runs operations in one transaction, each in a savepoint of its own, and commits.
fn commit(rows: &mut Rows, batch: impl Iterator<Item = Job>, done: &mut Vec<Done>) -> Result<(), StoreError> {
    rows.run("BEGIN IMMEDIATE")?;
    for job in batch {
        rows.run("SAVEPOINT operation")?;
        let one = job(rows);
        let succeeded = one.succeeded;
        done.push(one);
        if !succeeded {
            rows.run("ROLLBACK TO operation")?;
        }
        rows.run("RELEASE operation")?;
    }
    rows.run("COMMIT")
}
