//! Group commit: one thread owns the connection that writes, and commits what waits for it
//! as soon as most requests under way do, so that a commit serves many.
//!
//! The operations of a batch share one transaction. One that fails has as a rule written nothing yet; where it has, the
//! batch is undone and its operations run again, each in a transaction of its own. That costs less than a savepoint for
//! every operation, and isolates them as well.
//!
//! A decision is told before it is durable to a request that is under way, which comes back with the answer to keep:
//! one commit then serves both. Where a batch is undone after something was told, everything before must come out as
//! it did, or the store stops: what was told rests on it. A refusal is told after the commit, as it has no other.

use super::rows::Rows;
use crate::store::StoreError;
use crate::store::recent::Recent;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// So many callers that wait are enough for a commit, and so many operations run before the next look at whether one is
/// due.
pub const BATCH_MAX: usize = 128;

/// Operations that wait for the writer; further callers wait to join them.
pub const QUEUE_MAX: usize = 1024;

/// How long an operation waits at most for others that are about to come, before it runs and then for its commit, so
/// that one commit serves them all.
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

    /// Runs an operation and waits until it is durable; with `ahead`, only until it has run, if a request is under way.
    pub(super) async fn write<T, F>(&self, operation: F, ahead: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Rows) -> Result<T, StoreError> + Send + 'static,
    {
        let (caller, result) = oneshot::channel();
        let place = Arc::clone(&self.queue.places).acquire_owned().await.map_err(|_closed| StoreError::Stopped)?;
        let outcome = Err(StoreError::Stopped);
        let ahead = ahead && self.queue.lock().under_way > 0;
        self.queue.push(Box::new(Operation {
            operation,
            outcome,
            caller: Some(caller),
            ahead,
            succeeded: false,
            _place: place,
        }))?;
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
    /// Callers that wait for the commit of what has run.
    waiting: usize,
    under_way: usize,
    closed: bool,
}

impl State {
    /// Whether to go on at once: most of the requests under way wait for it, while the others keep the processors
    /// busy. A request that is alone waits for nobody.
    fn is_due(&self) -> bool {
        let waiting = self.jobs.len() + self.waiting;
        self.closed || (waiting > 0 && self.are_most(waiting))
    }

    fn are_most(&self, waiting: usize) -> bool {
        waiting >= (self.under_way * 3 / 4).clamp(1, BATCH_MAX)
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

    /// Operations to run next, while `waiting` callers wait for the commit of what has run, which comes at `until`.
    /// None where it is to come now; and none without a transaction, which has no such time, where there will be no
    /// more.
    fn next(&self, waiting: usize, until: Option<Instant>) -> Vec<Box<dyn Job>> {
        let mut state = self.lock();
        state.waiting = waiting;
        if until.is_none() {
            let idle = |state: &mut State| state.jobs.is_empty() && !state.closed;
            state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        }
        let patience = until.map_or(COMMIT_DELAY_MAX, |until| until.saturating_duration_since(Instant::now()));
        let collected = self.changed.wait_timeout_while(state, patience, |state| !state.is_due());
        let (mut state, _) = collected.unwrap_or_else(PoisonError::into_inner);
        let count = state.jobs.len().min(BATCH_MAX);
        state.jobs.drain(..count).collect()
    }

    /// Whether so many callers are worth a commit.
    fn are_most(&self, waiting: usize) -> bool {
        self.lock().are_most(waiting)
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
    /// Runs it, possibly again.
    fn run(&mut self, rows: &mut Rows);

    /// Whether it succeeded the last time it ran.
    fn succeeded(&self) -> bool;

    /// Tells its caller the result of an operation that need not wait for the commit.
    fn tell_ahead(&mut self);

    /// Whether its caller knows the result.
    fn is_told(&self) -> bool;

    /// Tells its caller the result, given how the commit went.
    fn tell(&mut self, committed: Result<(), StoreError>);
}

struct Operation<T, F> {
    operation: F,
    outcome: Result<T, StoreError>,
    /// Nobody once it is told.
    caller: Option<oneshot::Sender<Result<T, StoreError>>>,
    /// Whether its caller need not wait for the commit.
    ahead: bool,
    succeeded: bool,
    /// Its own and not its caller's, who may be gone before it has run.
    _place: OwnedSemaphorePermit,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: Fn(&mut Rows) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, rows: &mut Rows) {
        self.outcome = (self.operation)(rows);
        self.succeeded = self.outcome.is_ok();
    }

    fn succeeded(&self) -> bool {
        self.succeeded
    }

    fn tell_ahead(&mut self) {
        if self.ahead && self.succeeded {
            self.tell(Ok(()));
        }
    }

    fn is_told(&self) -> bool {
        self.caller.is_none()
    }

    fn tell(&mut self, committed: Result<(), StoreError>) {
        if let Some(caller) = self.caller.take() {
            let outcome = std::mem::replace(&mut self.outcome, Err(StoreError::Stopped));
            // A caller that is gone needs no answer.
            let _ = caller.send(committed.and(outcome));
        }
    }
}

fn run(rows: Rows, queue: &Closing, recent: &Recent) {
    let queue = &queue.0;
    let mut batch = Batch { rows, recent, jobs: Vec::new(), until: None };
    loop {
        let jobs = queue.next(batch.waiting(), batch.until);
        if jobs.is_empty() && batch.until.is_none() {
            return;
        }
        if let Err(error) = batch.go_on(jobs, queue) {
            tracing::error!(%error, "the store stops");
            batch.jobs.iter_mut().for_each(|job| job.tell(Err(error.clone())));
            return;
        }
    }
}

/// The open transaction.
struct Batch<'a> {
    rows: Rows,
    recent: &'a Recent,
    /// What has run in it.
    jobs: Vec<Box<dyn Job>>,
    /// When it is committed at the latest; `None` where there is none.
    until: Option<Instant>,
}

impl Batch<'_> {
    /// How many callers wait for the commit.
    fn waiting(&self) -> usize {
        self.jobs.iter().filter(|job| !job.is_told()).count()
    }

    /// Runs more operations, and commits when it is time.
    fn go_on(&mut self, jobs: Vec<Box<dyn Job>>, queue: &Queue) -> Result<(), StoreError> {
        let is_complete = jobs.is_empty();
        jobs.into_iter().try_for_each(|job| self.run(job))?;
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        let is_due = is_complete || is_late || queue.are_most(self.waiting());
        if is_due { self.commit() } else { Ok(()) }
    }

    fn run(&mut self, mut job: Box<dyn Job>) -> Result<(), StoreError> {
        self.begin()?;
        let can_go_on = run_in(&mut self.rows, job.as_mut());
        if can_go_on {
            job.tell_ahead();
        }
        self.jobs.push(job);
        if can_go_on { Ok(()) } else { self.run_again() }
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if self.until.is_none() {
            self.rows.run("BEGIN IMMEDIATE")?;
            self.until = Some(Instant::now() + COMMIT_DELAY_MAX);
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if self.until.take().is_some() {
            self.rows.run("COMMIT")?;
            self.recent.apply(self.rows.cache().take_changes().into_iter());
        }
        self.jobs.drain(..).for_each(|mut job| job.tell(Ok(())));
        Ok(())
    }

    fn undo(&mut self) -> Result<(), StoreError> {
        self.until = None;
        self.rows.undo()
    }

    /// Undoes everything, and runs each operation again in a transaction of its own.
    fn run_again(&mut self) -> Result<(), StoreError> {
        self.undo()?;
        let jobs = std::mem::take(&mut self.jobs);
        let mut to_come_out_again = jobs.iter().rposition(|job| job.is_told()).map_or(0, |last| last + 1);
        for mut job in jobs {
            let succeeded = job.succeeded();
            self.begin()?;
            if !run_in(&mut self.rows, job.as_mut()) {
                self.undo()?;
            }
            if to_come_out_again > 0 && job.succeeded() != succeeded {
                return Err(StoreError::Invalid("a decision that was told rests on what did not happen again"));
            }
            to_come_out_again = to_come_out_again.saturating_sub(1);
            self.jobs.push(job);
            self.commit()?;
        }
        Ok(())
    }
}

/// Runs an operation; whether its transaction can go on. One that fails has as a rule changed nothing.
fn run_in(rows: &mut Rows, job: &mut dyn Job) -> bool {
    let before = rows.changes();
    job.run(rows);
    job.succeeded() || (rows.changes() == before && rows.in_transaction())
}
