//! The three rounds of a transaction, as every member goes through them: whoever pays, sells, asks, or is one of many.

use std::future::Future;

use crate::card::{Card, Decided, Ended, Opened, Part, Verdict};
use crate::error::{Error, Failure};
use crate::member::{self, Above, Combined};
use protocol::message::Kind;

/// What a member says in each round.
pub trait Plan: Send {
    /// Its part of the key exchange.
    fn key_exchange(&mut self) -> Part<'_>;

    /// What it wants done, now that it knows its group.
    ///
    /// # Errors
    /// Why it wants nothing any more.
    fn transaction(&mut self, opened: &Opened) -> Result<Part<'_>, Error>;

    /// What it says to an approval.
    ///
    /// # Errors
    /// Why it says nothing.
    fn acknowledgment(&mut self, decided: &Decided) -> Result<Part<'_>, Error>;

    /// Is given each message before it leaves: what must be durable before it does, is made so here.
    ///
    /// # Errors
    /// Why it must not leave.
    fn leaving(&mut self, message: &Combined) -> Result<(), Error> {
        let _ = message;
        Ok(())
    }
}

/// Those whose messages a member combines with its own.
pub trait Below: Send {
    /// What they are called in errors.
    const NAME: &'static str;

    /// Their messages of this kind, all of them.
    fn gather(&mut self, kind: Kind) -> impl Future<Output = Result<Vec<Vec<u8>>, Error>> + Send;

    /// Gives each its part of the response, in the order in which their messages were given.
    fn hand_out(&mut self, branches: Vec<Vec<u8>>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A leaf has nobody below it.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Below for Nobody {
    const NAME: &'static str = "nobody";

    async fn gather(&mut self, _: Kind) -> Result<Vec<Vec<u8>>, Error> {
        Ok(Vec::new())
    }

    async fn hand_out(&mut self, _: Vec<Vec<u8>>) -> Result<(), Error> {
        Ok(())
    }
}

/// What the provider answered to a member, as far as it came to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// To its key exchange.
    pub opened: Opened,
    /// To its transaction request, if it made one.
    pub decided: Option<Decided>,
    /// To its acknowledgment, if it made one.
    pub ended: Option<Ended>,
}

/// Goes through a transaction with a card whose account is chosen and that has its provider's descriptor.
///
/// # Errors
/// [`Failure`], which knows whether the provider may have to be asked for the end.
pub async fn transact(
    card: &mut Card,
    plan: &mut impl Plan,
    above: &Above<'_>,
    below: &mut impl Below,
) -> Result<Answers, Failure> {
    let mut rounds = Rounds { card, above, below, requested: false };
    let opened = rounds.exchange_keys(plan).await?;
    let transaction = Some(opened.transaction);
    let mut answers = Answers { opened, decided: None, ended: None };
    match rounds.go_on(plan, &mut answers).await {
        Ok(()) => Ok(answers),
        Err(error) => Err(Failure { error, transaction, requested: rounds.requested }),
    }
}

struct Rounds<'a, B> {
    card: &'a mut Card,
    above: &'a Above<'a>,
    below: &'a mut B,
    requested: bool,
}

impl<B: Below> Rounds<'_, B> {
    async fn exchange_keys(&mut self, plan: &mut impl Plan) -> Result<Opened, Error> {
        let message = self.combine(&plan.key_exchange()).await?;
        let own = self.exchange(plan, &message).await?;
        Ok(self.card.receive_session(&own).await?)
    }

    /// Transaction and acknowledgment.
    async fn go_on(&mut self, plan: &mut impl Plan, answers: &mut Answers) -> Result<(), Error> {
        if answers.opened.refused.is_some() {
            return Ok(());
        }
        let message = self.combine(&plan.transaction(&answers.opened)?).await?;
        let own = self.exchange(plan, &message).await?;
        let decided = self.card.receive_decision(&own).await?;
        let decided = answers.decided.insert(decided);
        if decided.verdict != Verdict::Approved {
            return Ok(());
        }
        let message = self.combine(&plan.acknowledgment(decided)?).await?;
        let own = self.exchange(plan, &message).await?;
        answers.ended = Some(self.card.receive_end(&own).await?);
        Ok(())
    }

    /// Combines the messages of those below with the own card's.
    async fn combine(&mut self, part: &Part<'_>) -> Result<Combined, Error> {
        let messages = self.below.gather(part.kind()).await?;
        let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        member::combine(self.card, part, &messages, B::NAME).await
    }

    /// Asks, separates, and gives those below their parts; gives the own one.
    async fn exchange(&mut self, plan: &mut impl Plan, message: &Combined) -> Result<Vec<u8>, Error> {
        plan.leaving(message)?;
        self.requested |= message.kind() == Kind::TransactionRequest;
        let separated = message.ask(self.above).await?;
        self.below.hand_out(separated.branches).await?;
        Ok(separated.own)
    }
}
