//! A provider in this process and any number of members of it, who meet in groups.

use anyhow::{Context, Result, ensure};
use protocol::crypto::AwsLc;
use protocol::member::{Awaiting, TransactionSent};
use protocol::message::acknowledgment::Decision;
use protocol::types::{Ending, TransactionId};
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_provider::admin::Enrolment;
use service_provider::ledger::{AccountId, Funds};
use service_provider::store::Store;
use service_provider::store::memory::MemoryStore;
use service_provider::time::Timestamp;

use crate::member::{Group, Heard, Member, Told};
use crate::world::World;

/// See the module.
pub struct Fair {
    /// The provider, and two members who are not used here.
    pub world: World<MemoryStore>,
    /// The members, by their places.
    pub members: Vec<Member>,
    /// The account of each.
    pub accounts: Vec<AccountId>,
    /// The provider's clock.
    pub now: Timestamp,
    random: StdRng,
}

/// A transaction to its end.
pub struct Ended {
    /// Which one.
    pub transaction: TransactionId,
    /// What each member heard in response to its request.
    pub heard: Vec<Heard>,
    /// How it ended.
    pub ending: Ending,
    /// The responses' bytes, one after the other.
    pub responses: Vec<u8>,
}

impl Fair {
    /// Nobody yet.
    pub async fn new(seed: u64) -> Result<Self> {
        Self::at(seed, Timestamp::now()).await
    }

    /// Nobody yet, at this time by the provider's clock.
    pub async fn at(seed: u64, now: Timestamp) -> Result<Self> {
        let mut random = StdRng::seed_from_u64(seed);
        let world = World::at(now, |_| Ok(MemoryStore::new()), &mut random).await?;
        Ok(Self { world, members: Vec::new(), accounts: Vec::new(), now, random })
    }

    /// Enrols a member, which is `named` where it proves its account in the key exchange; gives its place.
    pub async fn enrol(&mut self, enrolment: Enrolment, named: bool) -> Result<usize> {
        let (member, account) = self.world.enrol(enrolment, named, &mut self.random).await?;
        self.members.push(member);
        self.accounts.push(account);
        Ok(self.members.len() - 1)
    }

    /// A member's money, after an audit of the books.
    pub async fn funds(&self, member: usize) -> Result<Funds> {
        let store = self.world.engine.store();
        let flaws = store.verify().await?.flaws;
        ensure!(flaws.is_empty(), "the books do not add up: {flaws:?}");
        let account = *self.accounts.get(member).context("no such member")?;
        let balances = store.balances(Some(AccountId(account.0 - 1)), 1).await?;
        Ok(balances.first().context("no such account")?.funds)
    }

    /// These members, in their order.
    pub fn pick<const N: usize>(&self, members: [usize; N]) -> Result<[Member; N]> {
        let members: Option<Vec<Member>> = members.iter().map(|place| self.members.get(*place).cloned()).collect();
        members.and_then(|members| members.try_into().ok()).context("no such member")
    }

    /// What the members of a group are told.
    pub async fn told(&mut self, group: &Group<'_>) -> Result<Vec<Told>> {
        let (awaiting, answer) = self.decide(group).await?.1;
        group.outcomes::<AwsLc>(&awaiting, &answer)
    }

    /// An approved transaction to its end: all accept.
    pub async fn end(&mut self, group: &Group<'_>) -> Result<Ended> {
        let ((transaction, mut responses), (awaiting, answer)) = self.decide(group).await?;
        let heard = group.heard::<AwsLc>(&awaiting, &answer)?;
        let decided = group.approved::<AwsLc>(&awaiting, &answer)?;
        let (request, awaiting) = group.acknowledge::<AwsLc>(decided, Decision::Accept, &mut self.random)?;
        let notice = self.answer(&request).await?;
        let ending = group.ending::<AwsLc>(&awaiting, &notice)?;
        responses.extend(answer);
        responses.extend(notice);
        Ok(Ended { transaction, heard, ending, responses })
    }

    /// Key exchange and transaction request.
    async fn decide(&mut self, group: &Group<'_>) -> Result<(Begun, Decided)> {
        let (request, awaiting) = group.key_exchange::<AwsLc>(&mut self.random)?;
        let exchanged = self.answer(&request).await?;
        let established = group.establish::<AwsLc>(&awaiting, &exchanged)?;
        let transaction = *established.first().context("no members")?.transaction();
        let (request, awaiting) = group.request::<AwsLc>(established, &mut self.random)?;
        let answer = self.answer(&request).await?;
        Ok(((transaction, exchanged), (awaiting, answer)))
    }

    async fn answer(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        Ok(self.world.engine.answer(message, self.now, &mut self.random).await?)
    }
}

/// A transaction, and the response to its key exchange.
type Begun = (TransactionId, Vec<u8>);

/// Who awaits the transaction response, and the response.
type Decided = (Vec<Awaiting<TransactionSent>>, Vec<u8>);
