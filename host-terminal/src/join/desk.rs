//! Where the messages of those below a member meet, and where they find what is for them.
//!
//! They may come over any connections, in any order, and again when a connection broke: the same bytes get the same
//! answer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::error::Error;
use crate::offer::{self, Joined};

/// The messages of those below, by transaction and child.
pub(super) struct Desk {
    /// The children, in the order in which they are combined.
    names: Vec<String>,
    /// How many transactions may be under way: no child is further ahead.
    at_once: u32,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The transactions that have begun here are those below this number.
    begun: u32,
    runs: BTreeMap<u32, Run>,
}

#[derive(Default)]
struct Run {
    /// What each child said last.
    said: BTreeMap<usize, Said>,
    /// What whoever says something now is told.
    ended: Option<Vec<u8>>,
}

struct Said {
    message: Vec<u8>,
    taken: bool,
    answer: watch::Sender<Option<Vec<u8>>>,
}

type Answer = watch::Receiver<Option<Vec<u8>>>;

impl Desk {
    pub(super) fn new(names: Vec<String>, at_once: u32) -> Self {
        Self { names, at_once, state: Mutex::default(), changed: Notify::new() }
    }

    /// The answer to a child's message, once there is one.
    pub(super) async fn ask(&self, joined: &Joined<'_>) -> Vec<u8> {
        let put = self.put(joined);
        self.changed.notify_waiters();
        let mut answer = match put {
            Ok(answer) => answer,
            Err(refusal) => return refusal,
        };
        let answered = answer.wait_for(Option::is_some).await;
        let answered = answered.ok().and_then(|answer| answer.clone());
        answered.unwrap_or_else(|| offer::stopped("this transaction has ended here"))
    }

    /// A transaction begins here.
    pub(super) fn begin(&self, run: u32) {
        let mut state = self.lock();
        state.begun = state.begun.max(run.saturating_add(1));
        state.runs.entry(run).or_default();
        // Those long ended have nothing to tell any more.
        let oldest = state.begun.saturating_sub(2 * self.at_once);
        state.runs.retain(|run, record| *run >= oldest || record.ended.is_none());
    }

    /// The messages of all children, in order.
    ///
    /// # Errors
    /// [`Error::Stopped`] where one cannot go on, [`Error::Absent`] where one does not come within `patience`.
    pub(super) async fn gather(&self, run: u32, patience: Duration) -> Result<Vec<Vec<u8>>, Error> {
        let all = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // From here on nothing that is put is missed.
                changed.as_mut().enable();
                if let Some(messages) = self.take(run)? {
                    return Ok(messages);
                }
                changed.await;
            }
        };
        let absent = |_| Error::Absent { names: self.absent(run).join(", "), waited: patience };
        timeout(patience, all).await.map_err(absent)?
    }

    /// Gives each child its answer, in order.
    pub(super) fn hand_out(&self, run: u32, answers: Vec<Vec<u8>>) {
        let state = self.lock();
        let Some(run) = state.runs.get(&run) else { return };
        for (child, answer) in answers.into_iter().enumerate() {
            if let Some(said) = run.said.get(&child) {
                said.answer.send_replace(Some(answer));
            }
        }
    }

    /// The transaction is over here: whoever waits for an answer, or asks from now on, is told `last`.
    pub(super) fn end(&self, run: u32, last: &[u8]) {
        let mut state = self.lock();
        let Some(run) = state.runs.get_mut(&run) else { return };
        run.ended = Some(last.to_vec());
        for said in run.said.values() {
            if said.answer.borrow().is_none() {
                said.answer.send_replace(Some(last.to_vec()));
            }
        }
    }

    /// Takes a child's message in; gives where its answer will be, or why it gets none.
    fn put(&self, joined: &Joined<'_>) -> Result<Answer, Vec<u8>> {
        let child = self.names.iter().position(|name| name == joined.name);
        let child = child.ok_or_else(|| offer::stopped("it waits for nobody of this name"))?;
        let mut state = self.lock();
        let begun = state.begun;
        if joined.run >= begun.saturating_add(self.at_once) {
            return Err(offer::stopped("it has not come to this transaction yet: all members begin together"));
        }
        let run = match state.runs.get_mut(&joined.run) {
            Some(run) => run,
            None if joined.run >= begun => state.runs.entry(joined.run).or_default(),
            None => return Err(offer::stopped("this transaction has ended here")),
        };
        run.put(child, joined.message)
    }

    /// The messages, if all have come and none was taken before.
    fn take(&self, run: u32) -> Result<Option<Vec<Vec<u8>>>, Error> {
        let mut state = self.lock();
        let Some(run) = state.runs.get_mut(&run) else { return Ok(None) };
        let stopped = run.said.values().filter(|said| !said.taken);
        if let Some(line) = stopped.filter_map(|said| offer::stopped_line(&said.message)).next() {
            return Err(Error::Stopped(line));
        }
        if run.waiting().count() < self.names.len() {
            return Ok(None);
        }
        run.said.values_mut().for_each(|said| said.taken = true);
        Ok(Some(run.said.values().map(|said| said.message.clone()).collect()))
    }

    fn absent(&self, run: u32) -> Vec<&str> {
        let state = self.lock();
        let here: Vec<usize> = state.runs.get(&run).map(|run| run.waiting().collect()).unwrap_or_default();
        let names = self.names.iter().enumerate().filter(|(child, _)| !here.contains(child));
        names.map(|(_, name)| name.as_str()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    fn put(&mut self, child: usize, message: &[u8]) -> Result<Answer, Vec<u8>> {
        if let Some(said) = self.said.get(&child) {
            if said.message == message {
                return Ok(said.answer.subscribe());
            }
            if said.answer.borrow().is_none() {
                return Err(offer::stopped("it still works on what was said before"));
            }
        }
        if let Some(last) = &self.ended {
            return Err(last.clone());
        }
        let (answer, receiver) = watch::channel(None);
        self.said.insert(child, Said { message: message.to_vec(), taken: false, answer });
        Ok(receiver)
    }

    /// The children whose messages are here and not taken.
    fn waiting(&self) -> impl Iterator<Item = usize> {
        self.said.iter().filter(|(_, said)| !said.taken).map(|(child, _)| *child)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn desk(at_once: u32) -> Arc<Desk> {
        Arc::new(Desk::new(vec!["ada".into(), "bob".into()], at_once))
    }

    fn ask(desk: &Arc<Desk>, run: u32, name: &'static str, message: &'static [u8]) -> JoinHandle<Vec<u8>> {
        let desk = Arc::clone(desk);
        tokio::spawn(async move { desk.ask(&Joined { run, name, message }).await })
    }

    fn told(bytes: &[u8]) -> String {
        offer::stopped_line(bytes).unwrap()
    }

    #[tokio::test]
    async fn messages_of_one_round_meet_in_order_and_each_gets_its_own_answer() {
        let desk = desk(1);
        desk.begin(0);
        for round in [[b"b1", b"a1"], [b"b2", b"a2"]] {
            let (bob, ada) = (ask(&desk, 0, "bob", round[0]), ask(&desk, 0, "ada", round[1]));
            assert_eq!(desk.gather(0, PATIENCE).await.unwrap(), [round[1], round[0]]);
            desk.hand_out(0, vec![b"for ada".to_vec(), b"for bob".to_vec()]);
            assert_eq!((ada.await.unwrap(), bob.await.unwrap()), (b"for ada".to_vec(), b"for bob".to_vec()));
        }
    }

    #[tokio::test]
    async fn the_same_bytes_get_the_same_answer_before_and_after_it_is_there() {
        let desk = desk(1);
        desk.begin(0);
        let (first, bob) = (ask(&desk, 0, "ada", b"a"), ask(&desk, 0, "bob", b"b"));
        desk.gather(0, PATIENCE).await.unwrap();
        first.abort();
        let again = ask(&desk, 0, "ada", b"a");
        yield_now().await;
        assert!(told(&ask(&desk, 0, "ada", b"other").await.unwrap()).contains("still works"));
        desk.hand_out(0, vec![b"for ada".to_vec(), b"for bob".to_vec()]);
        desk.end(0, b"over");
        assert_eq!(again.await.unwrap(), b"for ada");
        assert_eq!(ask(&desk, 0, "ada", b"a").await.unwrap(), b"for ada");
        assert_eq!(ask(&desk, 0, "ada", b"other").await.unwrap(), b"over");
        assert_eq!(bob.await.unwrap(), b"for bob");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_is_named_and_those_who_came_are_told() {
        let desk = desk(1);
        desk.begin(0);
        let ada = ask(&desk, 0, "ada", b"a");
        let error = desk.gather(0, PATIENCE).await.unwrap_err();
        assert_eq!(error.to_string(), "bob did not come within 20 s");
        desk.end(0, b"over");
        assert_eq!(ada.await.unwrap(), b"over");
        assert_eq!(ask(&desk, 0, "bob", b"b").await.unwrap(), b"over");
    }

    #[tokio::test]
    async fn one_that_stops_ends_the_wait_at_once() {
        let desk = desk(1);
        desk.begin(0);
        let stop: &'static [u8] = offer::stopped("bob: its own card does not go on").leak();
        let bob = ask(&desk, 0, "bob", stop);
        let error = desk.gather(0, PATIENCE).await.unwrap_err();
        assert!(matches!(error, Error::Stopped(line) if line == "bob: its own card does not go on"));
        desk.end(0, b"over");
        assert_eq!(bob.await.unwrap(), b"over");
    }

    #[tokio::test]
    async fn nobody_is_kept_who_is_a_stranger_too_early_or_too_late() {
        let desk = desk(2);
        assert!(told(&ask(&desk, 0, "eve", b"e").await.unwrap()).contains("nobody of this name"));
        // One ahead waits, further ahead nobody may be.
        let early = ask(&desk, 1, "ada", b"a");
        yield_now().await;
        assert!(told(&ask(&desk, 2, "ada", b"a").await.unwrap()).contains("not come to this"));
        for run in 0..7 {
            desk.begin(run);
            desk.end(run, b"over");
        }
        assert_eq!(early.await.unwrap(), b"over");
        assert!(told(&ask(&desk, 2, "ada", b"a").await.unwrap()).contains("has ended here"));
        assert_eq!(ask(&desk, 6, "ada", b"a").await.unwrap(), b"over");
        assert!(desk.lock().runs.len() <= 4);
    }
}
