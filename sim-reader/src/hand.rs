//! The hand on a card: it takes the card out of its reader, puts it in and holds its button, while others use the card.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io, mem};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long a reader takes, from hearing that a card is there or gone, to make it known to programs.
const SETTLING: Duration = Duration::from_millis(50);

/// The hand on one card. Its clones are the same hand.
#[derive(Clone)]
pub struct Hand {
    state: watch::Sender<State>,
    button: Arc<AtomicBool>,
    /// While the card is in the reader.
    connection: Arc<Mutex<Option<TcpStream>>>,
}

/// Where the hand wants the card, and what the reader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Whether the card is meant to be in the reader.
    pub inserted: bool,
    /// When it will be taken out without further notice.
    pub removal: Option<Removal>,
    /// What the reader knows.
    pub reader: Reader,
    /// How often it was taken out.
    pub removals: u64,
    /// Commands that have come so far.
    pub commands: u64,
    /// Whether the button is held.
    pub pressed: bool,
    /// Whether the card is not served any more.
    pub dismissed: bool,
}

/// A stay in the reader: until the card is taken out, even if it is put in again at once.
#[derive(Clone, Copy)]
pub(crate) struct Stay(u64);

impl Stay {
    fn is_over(self, state: &State) -> bool {
        state.removals != self.0 || state.dismissed
    }
}

/// A removal that is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// At which command from now; 1 is the next. 0 is none.
    pub command: u32,
    /// And at which moment of it.
    pub moment: Moment,
}

/// A moment of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// The card never hears of the command.
    Before,
    /// The card has performed the command, and nobody hears its answer.
    Unanswered,
    /// Right after the answer.
    After,
}

/// What a reader knows of its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// There is no reader.
    Absent,
    /// There is one that has said nothing since the card came or went, as when another card is in its slot.
    Silent,
    /// It knows that its slot is empty.
    Empty,
    /// It has given the card power.
    Holding,
}

impl Reader {
    /// Whether it knows that the card is in, or that it is out.
    #[must_use]
    pub const fn knows(self, inserted: bool) -> bool {
        match self {
            Self::Absent | Self::Empty => !inserted,
            Self::Silent => false,
            Self::Holding => inserted,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Before => "before the card hears of it",
            Self::Unanswered => "before its answer leaves",
            Self::After => "after its answer",
        })
    }
}

impl Hand {
    /// On a card that is to be in its reader, and that has this button.
    #[must_use]
    pub fn new(button: Arc<AtomicBool>) -> Self {
        let pressed = button.load(Ordering::Relaxed);
        let state = State {
            inserted: true,
            removal: None,
            reader: Reader::Absent,
            removals: 0,
            commands: 0,
            pressed,
            dismissed: false,
        };
        Self { state: watch::Sender::new(state), button, connection: Arc::default() }
    }

    /// How things stand.
    #[must_use]
    pub fn state(&self) -> State {
        let pressed = self.button.load(Ordering::Relaxed);
        State { pressed, ..*self.state.borrow() }
    }

    /// Puts the card in, if it is out. No removal is planned any more.
    pub fn insert(&self) {
        self.want(true, None);
    }

    /// Takes the card out, if it is in, between two commands. No removal is planned any more.
    pub fn remove(&self) {
        self.want(false, None);
    }

    /// Will take the card out at that command, instead of whatever was planned; it is put in now, if it is out.
    pub fn remove_at(&self, removal: Removal) {
        self.want(true, Some(removal));
    }

    /// Holds the button, or lets it go.
    pub fn press(&self, held: bool) {
        self.button.store(held, Ordering::Relaxed);
    }

    /// Waits until programs see the card where it is, for at most so long.
    pub async fn settled(&self, patience: Duration) {
        // Whoever asks looks how things stand then.
        let _ = timeout(patience, self.reached(|state| state.reader.knows(state.inserted))).await;
    }

    /// Waits until programs see the card in its reader.
    pub async fn seen(&self) {
        self.reached(|state| state.inserted && state.reader == Reader::Holding).await;
    }

    async fn reached(&self, what: impl FnMut(&State) -> bool) {
        // The sender is this very hand.
        let _ = self.state.subscribe().wait_for(what).await;
        sleep(SETTLING).await;
    }

    /// Ends whatever the card is served by; a command under way is finished.
    pub fn dismiss(&self) {
        self.state.send_modify(|state| state.dismissed = true);
        self.cut();
    }

    /// Ready once [`Hand::dismiss`] was called.
    pub(crate) async fn dismissed(&self) {
        // The sender is this very hand.
        let _ = self.state.subscribe().wait_for(|state| state.dismissed).await;
    }

    /// The reader has come to know something.
    pub(crate) fn tell(&self, reader: Reader) {
        self.state.send_if_modified(|state| mem::replace(&mut state.reader, reader) != reader);
    }

    /// Ready once the card may be in the reader.
    pub(crate) async fn let_in(&self) -> Stay {
        let mut changes = self.state.subscribe();
        // The sender is this very hand.
        let state = changes.wait_for(|state| state.inserted).await.map(|state| *state);
        Stay(state.map_or(0, |state| state.removals))
    }

    /// Holds the connection of a card that is in the reader, to cut it when the stay is over; that may be at once.
    pub(crate) fn take_hold(&self, connection: &TcpStream, stay: Stay) -> io::Result<Hold<'_>> {
        *self.connection() = Some(connection.try_clone()?);
        let hold = Hold { hand: self, stay };
        if hold.is_over() {
            self.cut();
        }
        Ok(hold)
    }

    fn want(&self, inserted: bool, removal: Option<Removal>) {
        let mut is_taken_out = false;
        self.state.send_modify(|state| {
            is_taken_out = state.inserted && !inserted;
            if is_taken_out {
                state.removals += 1;
                if state.reader == Reader::Holding {
                    state.reader = Reader::Silent;
                }
            }
            (state.inserted, state.removal) = (inserted, removal);
        });
        if is_taken_out {
            self.cut();
        }
    }

    /// Whoever waits for the reader at the connection finds it closed.
    fn cut(&self) {
        if let Some(connection) = self.connection().as_ref() {
            // Closed already is as good.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    fn connection(&self) -> MutexGuard<'_, Option<TcpStream>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hand's hold on a card that is in the reader.
pub(crate) struct Hold<'a> {
    hand: &'a Hand,
    stay: Stay,
}

impl Hold<'_> {
    /// Whether the card was taken out, or is not served any more.
    pub(crate) fn is_over(&self) -> bool {
        self.stay.is_over(&self.hand.state.borrow())
    }

    /// The reader has given the card power.
    pub(crate) fn tell_holding(&self) {
        self.hand.state.send_if_modified(|state| {
            !self.stay.is_over(state) && mem::replace(&mut state.reader, Reader::Holding) != Reader::Holding
        });
    }

    /// Takes the card out as planned.
    pub(crate) fn let_go(&self) {
        if !self.is_over() {
            self.hand.remove();
        }
    }

    /// Counts a command that has come; says at which moment of it the card is taken out, if it is.
    pub(crate) fn count(&self) -> Option<Moment> {
        let mut moment = None;
        self.hand.state.send_if_modified(|state| {
            state.commands += 1;
            if let Some(removal) = &mut state.removal {
                removal.command = removal.command.saturating_sub(1);
                moment = (removal.command == 0).then_some(removal.moment);
            }
            // Nobody waits for a number.
            false
        });
        moment
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        *self.hand.connection() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_removal_comes_once_at_its_command_and_is_forgotten_by_what_is_done_by_hand() {
        let hand = Hand::new(Arc::default());
        let hold = Hold { hand: &hand, stay: Stay(0) };
        let removal = Removal { command: 3, moment: Moment::Unanswered };
        hand.remove_at(removal);
        assert_eq!([hold.count(), hold.count(), hold.count()], [None, None, Some(Moment::Unanswered)]);
        hold.let_go();
        assert!(hold.is_over());
        hold.let_go();
        assert_eq!(hand.state().removals, 1);
        assert_eq!((hand.state().inserted, hand.state().removal, hand.state().commands), (false, None, 3));
        hand.remove_at(removal);
        assert!(hand.state().inserted);
        hand.insert();
        assert_eq!([(); 4].map(|()| hold.count()), [None; 4]);
    }

    #[test]
    fn a_card_without_a_reader_is_out_and_never_in() {
        let known = |reader: Reader| [true, false].map(|inserted| reader.knows(inserted));
        assert_eq!(known(Reader::Absent), [false, true]);
        assert_eq!(known(Reader::Silent), [false, false]);
        assert_eq!(known(Reader::Empty), [false, true]);
        assert_eq!(known(Reader::Holding), [true, false]);
    }
}
