//! Transaction: whose accounts are they, do the members agree, and does the account hold the money?

use protocol::message::Kind;
use protocol::message::transaction::{Outcome, Terms};
use protocol::provider::Group;
use protocol::provider::transaction::{Told, Wanted, answer, verify};
use protocol::types::{Number, ReasonCode, TransactionId, TransactionKind};
use rand_core::CryptoRngCore;

use super::agreement::{Participant, agree};
use super::reason::reason;
use super::{Begun, Engine, Heard, Later, Refusal, Words};
use crate::Backend;
use crate::ledger::AccountId;
use crate::store::Store;
use crate::store::transaction::{Authorization, Decision, Order, Request, Status};
use crate::time::Timestamp;

impl<S: Store> Engine<S> {
    pub(super) async fn transaction(
        &self,
        message: &[u8],
        now: Timestamp,
        random: &mut (impl CryptoRngCore + Send),
    ) -> Result<Vec<u8>, Refusal> {
        let later = Later::parse(message)?;
        let request = Request::Transaction(later.transaction, later.digest);
        let mut group = match self.begin(&request, later.transaction).await? {
            Begun::Answered(kept) => return Ok(kept),
            Begun::Awaited(group) => group,
        };
        let wanted = verify::<Backend>(&group, &later.requests)?;
        let participants = self.participants(&group, &wanted).await?;

        let decision = self.decide(&later, &participants, now).await?;
        let outcome = self.outcome(decision, &participants).await?;
        let statement = match (outcome, &participants) {
            (Outcome::Approved, Ok(agreed)) => self.statement(agreed, &group, later.transaction, now).await?,
            (Outcome::Approved | Outcome::Declined(_) | Outcome::Stands(_), _) => None,
        };
        let receipt = statement.as_deref().unwrap_or_default();
        let words: Vec<Words> = (0..).zip(&wanted).map(|one| self.words_to(one, later.transaction)).collect();
        let tell = |(wanted, words)| tell(wanted, outcome, receipt, words, &later.transaction);
        let told: Vec<Told<'_>> = wanted.iter().zip(&words).map(tell).collect();
        let keys = self.keys_of(&group.key)?;
        let answer = answer(keys, &mut group, &later.requests, &told, random)?;
        Ok(self.store.keep(request, answer).await?)
    }

    /// What a member is told beside the decision.
    fn words_to(&self, (number, wanted): (Number, &Wanted), transaction: TransactionId) -> Words {
        let Wanted { plain_text, sensitive, .. } = wanted;
        let kind = Kind::TransactionRequest;
        self.operator.answer(&Heard { kind, transaction, number, plain_text, data: &[], sensitive })
    }

    /// The members with the accounts that they proved; a reason where one did not.
    async fn participants(
        &self,
        group: &Group,
        wanted: &[Wanted],
    ) -> Result<Result<Vec<Participant>, ReasonCode>, Refusal> {
        let mut participants = Vec::with_capacity(wanted.len());
        for ((number, wanted), member) in (0..).zip(wanted).zip(&group.members) {
            let registered = self.store.account_by_key(member.registered()).await?;
            let account = self.proved(registered, &wanted.account).await?;
            let Some(account) = account.filter(|_| is_the_named_one(member, wanted)) else {
                return Ok(Err(ReasonCode::ACCOUNT));
            };
            participants.push(Participant {
                number,
                terms: wanted.terms.clone(),
                sensitive: wanted.sensitive.clone(),
                account,
                named: is_named(group, number),
            });
        }
        Ok(Ok(participants))
    }

    async fn decide(
        &self,
        later: &Later<'_>,
        participants: &Result<Vec<Participant>, ReasonCode>,
        now: Timestamp,
    ) -> Result<Decision, Refusal> {
        let first = participants.as_ref().ok().and_then(|participants| participants.first());
        let order = participants.as_ref().map_err(|code| *code).and_then(|participants| agree(participants));
        let authorization = Authorization {
            transaction: later.transaction,
            request: later.digest,
            kind: first.map_or(TransactionKind::INQUIRY, |participant| participant.terms.kind),
            order: order.unwrap_or_else(Order::Decline),
            participants: participants.iter().flatten().map(|participant| participant.account.id).collect(),
            now,
            until: now.after(self.policy.hold),
        };
        Ok(self.store.authorize(authorization).await?)
    }

    /// What the members are told of the decision. An inquiry is answered with how its transaction stands.
    async fn outcome(
        &self,
        decision: Decision,
        participants: &Result<Vec<Participant>, ReasonCode>,
    ) -> Result<Outcome<'static>, Refusal> {
        let inquiry = match (decision, participants) {
            (Decision::Declined(code), _) => return Ok(Outcome::Declined(reason(code))),
            (Decision::Approved, Ok(participants)) => participants.first().and_then(inquired),
            (Decision::Approved, Err(_)) => None,
        };
        let Some((transaction, account)) = inquiry else { return Ok(Outcome::Approved) };
        let status = self.store.outcome(transaction).await?;
        let own = status.filter(|status| took_part(status, account));
        Ok(own
            .map_or(Outcome::Declined(reason(ReasonCode::REFERENCE)), |status| Outcome::Stands(status.phase.ending())))
    }
}

fn inquired(participant: &Participant) -> Option<(TransactionId, AccountId)> {
    let terms = &participant.terms;
    let transaction = terms.reference.filter(|_| terms.kind == TransactionKind::INQUIRY)?;
    Some((transaction, participant.account.id))
}

fn took_part(status: &Status, account: AccountId) -> bool {
    let moves = status.transfer.is_some_and(|transfer| [transfer.debit, transfer.credit].contains(&account));
    moves || status.participants.contains(&account)
}

/// Who proved an account in the key exchange uses that one: its holder's name is what the others were given.
fn is_the_named_one(member: &protocol::provider::Member, wanted: &Wanted) -> bool {
    member.account.as_ref().is_none_or(|account| *account == wanted.account.information)
}

fn is_named(group: &Group, number: Number) -> bool {
    group.names.iter().any(|(named, _)| *named == number)
}

fn tell<'a>(
    wanted: &Wanted,
    outcome: Outcome<'a>,
    receipt: &'a str,
    words: &'a Words,
    transaction: &'a TransactionId,
) -> Told<'a> {
    let private = match words.sensitive() {
        [] => &transaction.0,
        sensitive => sensitive,
    };
    let Terms { amount, currency, .. } = wanted.terms;
    Told { outcome, amount, currency, receipt, private, plain_text: words.plain_text() }
}
