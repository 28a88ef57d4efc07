//! Group commit: one thread owns the connection that writes, and commits what waits for it
//! as soon as most requests under way do, so that a commit serves many.
//!
//! The operations of a batch share one transaction. One that fails has as a rule written nothing yet; where it has, the
//! batch is undone and its operations run again, each in a transaction of its own. That costs less than a savepoint for
//! every operation, and isolates them as well.

use super::rows::Rows;
use crate::store::StoreError;
use crate::store::recent::Recent;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Operations that one commit makes durable.
pub const BATCH_MAX: usize = 128;

/// Operations that wait for the writer; further callers wait to join them.
pub const QUEUE_MAX: usize = 1024;

/// How long an operation waits at most for others that are about to come, so that one commit serves them all.
pub const COMMIT_DELAY_MAX: Duration = Duration::from_millis(10);

/// The way to the writer's thread.
pub(super) struct Writer {
    queue: Arc<Queue>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It ends when the `Writer` is dropped and the queue is empty, or when a commit fails: what a
    /// disk keeps after that is not known, so nothing more is promised.
    pub(super) fn start(rows: Rows, recent: Arc<Recent>) -> Result<Self, StoreError> {
        let queue = Arc::new(Queue::default());
        let jobs = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let thread = thread.spawn(move || run(rows, &Closing(jobs), &recent));
        Ok(Self { queue, thread: Some(thread.map_err(|error| StoreError::Database(error.to_string()))?) })
    }

    /// Says that a request is under way, which is likely to write soon, until what is returned is dropped.
    pub(super) fn under_way(&self) -> UnderWay {
        self.queue.lock().under_way += 1;
        UnderWay(Arc::clone(&self.queue))
    }

    /// Runs an operation and waits until it is durable.
    pub(super) async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Rows) -> Result<T, StoreError> + Send + 'static,
    {
        let (caller, result) = oneshot::channel();
        let place = Arc::clone(&self.queue.places).acquire_owned().await.map_err(|_closed| StoreError::Stopped)?;
        let outcome = Err(StoreError::Stopped);
        self.queue.push(Box::new(Operation { operation, outcome, caller, _place: place }))?;
        result.await.map_err(|_dropped| StoreError::Stopped)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        // A writer that panicked has said so already.
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// A request that is under way.
pub(super) struct UnderWay(Arc<Queue>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.under_way -= 1;
        if state.is_due() {
            self.0.changed.notify_one();
        }
    }
}

/// Operations on their way to the writer.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    jobs: Vec<Box<dyn Job>>,
    under_way: usize,
    closed: bool,
}

impl State {
    /// Whether to commit at once: most of the requests under way wait for it, while the others keep the processors
    /// busy. A request that is alone waits for nobody.
    fn is_due(&self) -> bool {
        self.closed || (!self.jobs.is_empty() && self.jobs.len() >= (self.under_way * 3 / 4).min(BATCH_MAX))
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), places: Arc::new(Semaphore::new(QUEUE_MAX)) }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Stopped);
        }
        state.jobs.push(job);
        // The first one starts the writer's patience.
        if state.jobs.len() == 1 || state.is_due() {
            self.changed.notify_one();
        }
        Ok(())
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// The operations to commit together; empty when there will be no more.
    fn next_batch(&self) -> Vec<Box<dyn Job>> {
        let waiting = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let state = self.changed.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
        let collecting = |state: &mut State| !state.is_due();
        let collected = self.changed.wait_timeout_while(state, COMMIT_DELAY_MAX, collecting);
        let (mut state, _) = collected.unwrap_or_else(PoisonError::into_inner);
        let count = state.jobs.len().min(BATCH_MAX);
        state.jobs.drain(..count).collect()
    }
}

/// The writer's end of the queue: once it is gone, nobody waits for an answer that never comes.
struct Closing(Arc<Queue>);

impl Drop for Closing {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        state.jobs.clear();
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
    /// Its own and not its caller's, who may be gone before it has run.
    _place: OwnedSemaphorePermit,
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
    /// An operation failed after it had written, or so that the whole transaction is undone.
    Undone,
}

fn run(mut rows: Rows, queue: &Closing, recent: &Recent) {
    loop {
        let mut batch = queue.0.next_batch();
        if batch.is_empty() {
            return;
        }
        let result = commit_all(&mut rows, &mut batch, recent);
        for job in batch {
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
        if !job.run(rows) && (rows.changes() != before || !rows.in_transaction()) {
            rows.undo()?;
            return Ok(End::Undone);
        }
    }
    rows.run("COMMIT")?;
    recent.apply(rows.cache().take_changes().into_iter());
    Ok(End::Committed)
}
