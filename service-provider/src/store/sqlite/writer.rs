//! Group commit: one thread owns the connection that writes, and commits at once whatever waits for it.
//!
//! The operations of a batch share one transaction. One that fails has as a rule written nothing yet; where it has, the
//! batch is undone and its operations run again, each in a transaction of its own. That costs less than a savepoint for
//! every operation, and isolates them as well.

use super::rows::Rows;
use crate::store::StoreError;
use crate::store::recent::Recent;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Operations that one commit makes durable.
pub const BATCH_MAX: usize = 128;

/// Operations that wait for the writer; further callers wait to join them.
pub const QUEUE_MAX: usize = 1024;

/// The way to the writer's thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// Starts the thread. It ends when every `Writer` is gone and the queue is empty, or when a commit fails: what a
    /// disk keeps after that is not known, so nothing more is promised.
    pub(super) fn start(rows: Rows, recent: Arc<Recent>) -> Result<(Self, std::thread::JoinHandle<()>), StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let handle =
            thread.spawn(move || run(rows, jobs, &recent)).map_err(|error| StoreError::Database(error.to_string()))?;
        Ok((Self { queue }, handle))
    }

    /// Runs an operation and waits until it is durable.
    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Rows) -> Result<T, StoreError> + Send + 'static,
    {
        let (caller, result) = oneshot::channel();
        let job = Operation { operation, outcome: Err(StoreError::Stopped), caller };
        self.queue.send(Box::new(job)).await.map_err(|_closed| StoreError::Stopped)?;
        result.await.map_err(|_dropped| StoreError::Stopped)?
    }
}

/// An operation whose types are forgotten.
trait Job: Send {
    /// Runs it, possibly again; whether it succeeded.
    fn run(&mut self, rows: &mut Rows) -> bool;

    /// Tells its caller the result, given how the commit went.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Operation<T, F> {
    operation: F,
    outcome: Result<T, StoreError>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: Fn(&mut Rows) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, rows: &mut Rows) -> bool {
        self.outcome = (self.operation)(rows);
        self.outcome.is_ok()
    }

    fn tell(self: Box<Self>, committed: Result<(), StoreError>) {
        // A caller that is gone needs no answer.
        let _ = self.caller.send(committed.and(self.outcome));
    }
}

/// How a transaction ended.
#[derive(PartialEq)]
enum End {
    Committed,
    /// An operation failed after it had written.
    Undone,
}

fn run(mut rows: Rows, mut queue: mpsc::Receiver<Box<dyn Job>>, recent: &Recent) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
        let result = commit_all(&mut rows, &mut batch, recent);
        for job in batch.drain(..) {
            job.tell(result.clone());
        }
        if let Err(error) = result {
            tracing::error!(%error, "the store stops: a commit failed");
            return;
        }
    }
}

fn commit_all(rows: &mut Rows, batch: &mut [Box<dyn Job>], recent: &Recent) -> Result<(), StoreError> {
    if commit(rows, batch, recent)? == End::Undone {
        for job in batch {
            commit(rows, std::slice::from_mut(job), recent)?;
        }
    }
    Ok(())
}

fn commit(rows: &mut Rows, batch: &mut [Box<dyn Job>], recent: &Recent) -> Result<End, StoreError> {
    rows.run("BEGIN IMMEDIATE")?;
    for job in batch {
        let before = rows.changes();
        if !job.run(rows) && rows.changes() != before {
            rows.run("ROLLBACK")?;
            rows.cache().undo();
            return Ok(End::Undone);
        }
    }
    rows.run("COMMIT")?;
    recent.apply(rows.cache().take_changes().into_iter());
    Ok(End::Committed)
}
