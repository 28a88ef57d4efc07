//! A member of a topology: its cards, those below it, and the way up, through as many transactions as there are.

mod desk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use apdu_spec::transaction::{AcknowledgmentInput, KeyExchangeInput, TransactionInput};
use protocol::message::{Kind, bare};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinSet;

use crate::card::{Card, CardError, Decided, Opened, Part, Pin};
use crate::error::{Error, Failure, farewell};
use crate::hop::{Answering, HopError, Listener, RECONNECT_DELAY, Reply, Upstream, serve};
use crate::member::Above;
use crate::observe::{Observer, Tap};
use crate::offer::{self, Envelope, Joined};
use crate::purse::{Purse, SignedDescriptor};
use crate::reader::{ReaderError, Readers};
use crate::topology::{Member, Script, Topology, Transaction};
use crate::transact::{Answers, Below, Plan, transact};
use crate::{BELOW, NEXT, PROVIDER};
use desk::Desk;

/// What became of one of the transactions.
pub type Outcome = Result<Answers, Failure>;

/// A member at work.
struct Joining {
    member: Member,
    transaction: Transaction,
    patience: Duration,
    pin: Pin,
    /// Whether a card has refused the PIN.
    pin_is_wrong: AtomicBool,
    upstream: Upstream,
    desk: Arc<Desk>,
    observer: Arc<dyn Observer>,
    readers: Readers,
}

/// A card that one transaction has at a time; opened by the first, and again after it failed.
type Seat = Arc<Mutex<Option<Purse>>>;

/// Takes part in all transactions of the topology as `member`, and tells each one's outcome as soon as it is known.
/// `listener` is where those below come in.
pub async fn join(
    topology: &Topology,
    member: &Member,
    pin: Pin,
    listener: Option<Listener>,
    (observer, readers): (Arc<dyn Observer>, Readers),
    tell: impl FnMut(u32, Outcome),
) {
    let tap = Tap::new(Arc::clone(&observer), member.name.as_str(), member.next.name.as_str());
    let upstream = Upstream::new(&member.next.address, attempts(topology.patience), tap);
    let desk = Arc::new(Desk::new(topology.names_below(member), topology.transaction.at_once));
    let joining = Joining {
        member: member.clone(),
        transaction: topology.transaction.clone(),
        patience: topology.patience,
        pin,
        pin_is_wrong: AtomicBool::new(false),
        upstream: upstream.clone(),
        desk: Arc::clone(&desk),
        observer: Arc::clone(&observer),
        readers,
    };
    let all = Arc::new(joining).all(tell);
    let Some(listener) = listener else { return all.await };
    let door = Arc::new(Door { desk, upstream });
    // The door closes when all transactions are over here, and not before all are answered.
    serve(listener, door, observer, member.name.as_str().into(), all).await;
}

/// How often a request is sent until a way up that broke, or that is not there yet, has been waited for long enough.
/// Members and providers answer the same bytes with the same answer.
fn attempts(patience: Duration) -> u32 {
    let attempts = patience.as_millis() / RECONNECT_DELAY.as_millis();
    u32::try_from(attempts).unwrap_or(u32::MAX).saturating_add(1)
}

/// What those below come to.
struct Door {
    desk: Arc<Desk>,
    upstream: Upstream,
}

impl Answering for Door {
    async fn answer(&self, request: Vec<u8>) -> Reply {
        if request == bare(Kind::DescriptorRequest) {
            return match self.upstream.ask(&request).await {
                Ok(answer) => Reply::Answer(answer),
                Err(HopError::TimedOut(_)) => Reply::Nothing,
                Err(source) => Reply::Answer(offer::stopped(farewell(&Error::Hop { hop: PROVIDER, source }))),
            };
        }
        Reply::Answer(match Joined::parse(&request) {
            Ok(joined) => self.desk.ask(&joined).await,
            Err(_) => offer::stopped("it does not understand this terminal"),
        })
    }
}

impl Joining {
    /// All transactions. Each member begins them in the same order and waits for no later one before an earlier one, so
    /// that the members never wait for each other in a circle.
    async fn all(self: Arc<Self>, mut tell: impl FnMut(u32, Outcome)) {
        let seats: Vec<Seat> = self.member.cards.iter().map(|_| Seat::default()).collect();
        let mut running: JoinSet<(u32, Outcome)> = JoinSet::new();
        let at_once = usize::try_from(self.transaction.at_once).unwrap_or(usize::MAX);
        for (run, card) in (0..self.transaction.times).zip((0..seats.len()).cycle()) {
            while running.len() >= at_once {
                if let Some(Ok((run, outcome))) = running.join_next().await {
                    tell(run, outcome);
                }
            }
            let Some(seat) = seats.get(card) else { return };
            let seat = Arc::clone(seat).lock_owned().await;
            self.desk.begin(run);
            running.spawn(Arc::clone(&self).one(run, card, seat));
        }
        while let Some(done) = running.join_next().await {
            if let Ok((run, outcome)) = done {
                tell(run, outcome);
            }
        }
    }

    /// One transaction, with the card in `seat`.
    async fn one(self: Arc<Self>, run: u32, card: usize, mut seat: OwnedMutexGuard<Option<Purse>>) -> (u32, Outcome) {
        let outcome = self.attempt(run, card, &mut seat).await;
        match &outcome {
            Ok(_) => self.desk.end(run, &offer::stopped("this transaction has ended here")),
            Err(failure) => {
                if matches!(failure.error, Error::Card(CardError::Reader(_))) {
                    *seat = None;
                }
                self.call_off(run, &failure.error).await;
            }
        }
        (run, outcome)
    }

    async fn attempt(&self, run: u32, card: usize, seat: &mut Option<Purse>) -> Outcome {
        let descriptor = SignedDescriptor::fetch(&self.upstream, self.hop()).await?;
        let purse = match seat {
            Some(purse) => purse,
            None => seat.insert(self.open(card, &descriptor).await?),
        };
        purse.prepare(&descriptor, self.hop()).await?;
        let mut plan = Scripted { script: &self.member.script, transaction: &self.transaction };
        let mut children = Children { desk: &self.desk, run, patience: self.patience };
        transact(&mut purse.card, &mut plan, &self.above(run), &mut children).await
    }

    /// Tells everybody around that this transaction goes no further.
    async fn call_off(&self, run: u32, error: &Error) {
        let last = self.last_words(error);
        self.desk.end(run, &last);
        let is_cut_off = matches!(error, Error::Hop { .. });
        if self.member.parent.is_some() && !is_cut_off {
            let stop = offer::stopped_line(&last).map_or_else(|| offer::stopped("the provider refuses"), |_| last);
            // The one above may be gone: then there is nobody to tell.
            drop(self.above(run).ask(&stop).await);
        }
    }

    fn last_words(&self, error: &Error) -> Vec<u8> {
        if matches!(error, Error::Refused) {
            bare(Kind::Refused).to_vec()
        } else if let Error::Stopped(line) = error {
            // Whoever stopped has said who it is.
            offer::stopped(line)
        } else {
            offer::stopped(&format!("{}: {}", self.member.name, farewell(error)))
        }
    }

    async fn open(&self, card: usize, descriptor: &SignedDescriptor) -> Result<Purse, Error> {
        if self.pin_is_wrong.load(Ordering::Relaxed) {
            return Err(CardError::NotTriedAgain.into());
        }
        let Some(place) = self.member.cards.get(card) else { return Err(CardError::from(ReaderError::Removed).into()) };
        let tap = Tap::new(Arc::clone(&self.observer), self.member.name.as_str(), self.card_name(card));
        let reader = self.readers.card(place, Some(self.patience)).await.map_err(CardError::from)?;
        let card = Card::new(reader, tap);
        let (provider, name) = (descriptor.provider, self.member.account.as_deref());
        let wanted = |account: &crate::card::Account| {
            account.provider == provider && name.is_none_or(|name| account.name == name)
        };
        let opened = Purse::open(card, &self.pin, wanted, Error::NoAccount(provider)).await;
        if matches!(opened, Err(Error::Card(CardError::WrongPin { .. } | CardError::PinBlocked))) {
            self.pin_is_wrong.store(true, Ordering::Relaxed);
        }
        opened
    }

    fn card_name(&self, card: usize) -> String {
        let name = &self.member.name;
        if self.member.cards.len() == 1 { format!("{name}'s card") } else { format!("{name}'s card {card}") }
    }

    fn above(&self, run: u32) -> Above<'_> {
        let envelope = self.member.parent.map(|_| Envelope { run, name: &self.member.name });
        Above { upstream: &self.upstream, hop: self.hop(), envelope }
    }

    fn hop(&self) -> &'static str {
        if self.member.parent.is_some() { NEXT } else { PROVIDER }
    }
}

/// A member that does what the topology says.
struct Scripted<'a> {
    script: &'a Script,
    transaction: &'a Transaction,
}

impl Plan for Scripted<'_> {
    fn key_exchange(&mut self) -> Part<'_> {
        let script = self.script;
        Part::KeyExchange(KeyExchangeInput {
            options: script.options.bits(),
            fresh_key: script.fresh_key,
            prove_account: script.prove_account,
            plain_text: &script.plain_text.key_exchange,
            sensitive: &script.sensitive.key_exchange,
        })
    }

    fn transaction(&mut self, _: &Opened) -> Result<Part<'_>, Error> {
        let (script, wanted) = (self.script, self.transaction);
        Ok(Part::Transaction(TransactionInput {
            kind: wanted.kind.0,
            role: script.role.0,
            amount: wanted.amount.minor,
            currency: wanted.amount.currency.0,
            counterparties: script.counterparties.clone().into_iter(),
            reference: wanted.reference.as_ref().map(|reference| reference.as_bytes()),
            plain_text: &script.plain_text.transaction,
            sensitive: &script.sensitive.transaction,
        }))
    }

    fn acknowledgment(&mut self, _: &Decided) -> Result<Part<'_>, Error> {
        let script = self.script;
        Ok(Part::Acknowledgment(AcknowledgmentInput {
            decision: script.decision,
            plain_text: &script.plain_text.acknowledgment,
            data: &script.data,
            sensitive: &script.sensitive.acknowledgment,
        }))
    }
}

/// Those below a member, in one of the transactions.
struct Children<'a> {
    desk: &'a Desk,
    run: u32,
    patience: Duration,
}

impl Below for Children<'_> {
    const NAME: &'static str = BELOW;

    async fn gather(&mut self, _: Kind) -> Result<Vec<Vec<u8>>, Error> {
        self.desk.gather(self.run, self.patience).await
    }

    async fn hand_out(&mut self, branches: Vec<Vec<u8>>) -> Result<(), Error> {
        self.desk.hand_out(self.run, branches);
        Ok(())
    }
}
