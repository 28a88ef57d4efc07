//! Payments of more than two: what the provider asks of those who only take part.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use protocol::crypto::AwsLc;
use protocol::limits::MEMBERS_MAX;
use protocol::message::acknowledgment::Decision;
use protocol::message::transaction::Terms;
use protocol::types::{Ending, Number, ReasonCode, Role, TransactionId, TransactionKind};
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_provider::ledger::AccountId;
use service_provider::store::Store;
use service_provider::store::memory::MemoryStore;
use service_provider::time::Timestamp;
use symbolon_tests::member::{Group, Member, Told, terms};
use symbolon_tests::world::{World, debit};

/// A provider, and members who may pay each other.
struct Fair {
    world: World<MemoryStore>,
    members: Vec<Member>,
    accounts: Vec<AccountId>,
    random: StdRng,
}

impl Fair {
    /// Members with 100 each. The first one is named to the others.
    async fn new(count: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let world = World::new(|_| Ok(MemoryStore::new()), &mut random).await.unwrap();
        let (mut members, mut accounts) = (Vec::new(), Vec::new());
        for number in 0..count {
            let enrolment = debit(&format!("FAIR{number}"), 100).unwrap();
            let (member, account) = world.enrol(enrolment, number == 0, &mut random).await.unwrap();
            members.push(member);
            accounts.push(account);
        }
        Self { world, members, accounts, random }
    }

    async fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        self.world.engine.answer(message, Timestamp::now(), &mut self.random).await.unwrap()
    }

    async fn balance(&self, member: usize) -> i64 {
        let store = self.world.engine.store();
        assert_eq!(store.verify().await.unwrap().flaws, []);
        let before = AccountId(self.accounts[member].0 - 1);
        store.balances(Some(before), 1).await.unwrap()[0].funds.balance
    }

    /// What the members of a series are told when they ask for this.
    async fn told(&mut self, terms: Vec<Terms>) -> Vec<Told> {
        let members = std::mem::take(&mut self.members);
        let group = Group::new(&members[..terms.len()], terms);
        let (request, awaiting) = group.key_exchange::<AwsLc>(&mut self.random).unwrap();
        let answer = self.answer(&request).await;
        let established = group.establish::<AwsLc>(&awaiting, &answer).unwrap();
        let (request, awaiting) = group.request::<AwsLc>(established, &mut self.random).unwrap();
        let answer = self.answer(&request).await;
        let told = group.outcomes::<AwsLc>(&awaiting, &answer).unwrap();
        self.members = members;
        told
    }

    /// A purchase to its end.
    async fn buy(&mut self, terms: Vec<Terms>, children: Vec<usize>) -> (TransactionId, Ending) {
        let members = std::mem::take(&mut self.members);
        let group = Group::tree(&members, terms, children);
        let (request, awaiting) = group.key_exchange::<AwsLc>(&mut self.random).unwrap();
        let answer = self.answer(&request).await;
        let established = group.establish::<AwsLc>(&awaiting, &answer).unwrap();
        let transaction = *established[0].transaction();
        let (request, awaiting) = group.request::<AwsLc>(established, &mut self.random).unwrap();
        let answer = self.answer(&request).await;
        let decided = group.approved::<AwsLc>(&awaiting, &answer).unwrap();
        let (request, awaiting) = group.acknowledge::<AwsLc>(decided, Decision::Accept, &mut self.random).unwrap();
        let answer = self.answer(&request).await;
        let ending = group.ending::<AwsLc>(&awaiting, &answer).unwrap();
        self.members = members;
        (transaction, ending)
    }
}

/// The payee is member 0, the payer the last one, and all between them are witnesses.
fn purchase(count: Number, amount: u64) -> Vec<Terms> {
    let payer = count - 1;
    let between = (1..payer).map(|_| terms(Role::WITNESS, amount, &[0, payer]));
    let payee = terms(Role::PAYEE, amount, &[payer]);
    std::iter::once(payee).chain(between).chain([terms(Role::PAYER, amount, &[0])]).collect()
}

#[tokio::test]
async fn witnesses_take_part_and_no_money_of_theirs_moves() {
    let mut fair = Fair::new(5, 1).await;
    let (transaction, ending) = fair.buy(purchase(5, 40), vec![1, 1, 1, 1, 0]).await;
    assert_eq!(ending, Ending::Posted);
    for (member, balance) in [140, 100, 100, 100, 60].into_iter().enumerate() {
        assert_eq!(fair.balance(member).await, balance, "member {member}");
    }
    // A witness may ask how it ended; so it is asked alone, as member 0.
    fair.members.swap(0, 2);
    let inquiry =
        Terms { kind: TransactionKind::INQUIRY, reference: Some(transaction), ..terms(Role::INQUIRER, 0, &[]) };
    assert_eq!(fair.told(vec![inquiry]).await, [Told::Stands(Some(Ending::Posted))]);
}

#[tokio::test]
async fn the_greatest_group_buys() {
    let count = Number::try_from(MEMBERS_MAX).unwrap();
    let mut fair = Fair::new(MEMBERS_MAX, 2).await;
    // The root combines fifteen members, each of whom combines sixteen.
    let mut children = vec![15];
    (0..15).for_each(|_| children.extend([vec![16], vec![0; 16]].concat()));
    assert_eq!(children.len(), MEMBERS_MAX);
    assert_eq!(fair.buy(purchase(count, 40), children).await.1, Ending::Posted);
    assert_eq!((fair.balance(0).await, fair.balance(MEMBERS_MAX - 1).await), (140, 60));
}

#[tokio::test]
async fn a_witness_agrees_with_all_others_or_nobody_buys() {
    let mut fair = Fair::new(4, 3).await;
    let spoiled = |number: usize, spoil: fn(&mut Terms)| {
        let mut all = purchase(4, 40);
        spoil(&mut all[number]);
        all
    };
    let cases: [(&str, Vec<Terms>, ReasonCode); 9] = [
        ("another amount", spoiled(1, |terms| terms.amount = 41), ReasonCode::DISAGREEMENT),
        ("another currency", spoiled(1, |terms| terms.currency.0 = *b"USD"), ReasonCode::DISAGREEMENT),
        ("another kind", spoiled(2, |terms| terms.kind = TransactionKind::REFUND), ReasonCode::DISAGREEMENT),
        (
            "another reference",
            spoiled(2, |terms| terms.reference = Some(TransactionId([1; 16]))),
            ReasonCode::DISAGREEMENT,
        ),
        (
            "names the payer alone",
            spoiled(1, |terms| terms.counterparties = [3].into_iter().collect()),
            ReasonCode::DISAGREEMENT,
        ),
        (
            "names a witness too",
            spoiled(1, |terms| terms.counterparties = [0, 2, 3].into_iter().collect()),
            ReasonCode::DISAGREEMENT,
        ),
        (
            "the payer names a witness",
            spoiled(3, |terms| terms.counterparties = [0, 1].into_iter().collect()),
            ReasonCode::DISAGREEMENT,
        ),
        ("a second payer", spoiled(2, |terms| terms.role = Role::PAYER), ReasonCode::DISAGREEMENT),
        ("one who inquires", spoiled(2, |terms| terms.role = Role::INQUIRER), ReasonCode::DISAGREEMENT),
    ];
    for (case, terms, reason) in cases {
        assert_eq!(fair.told(terms).await, [Told::Declined(reason); 4], "{case}");
    }
    fair.world.engine.store().set_blocked(fair.accounts[1], true).await.unwrap();
    assert_eq!(fair.told(purchase(4, 40)).await, [Told::Declined(ReasonCode::ACCOUNT_CLOSED); 4]);
    let witnesses = [1, 2].map(|_| terms(Role::WITNESS, 40, &[])).to_vec();
    assert_eq!(fair.told(witnesses).await, [Told::Declined(ReasonCode::DISAGREEMENT); 2], "nobody pays");
    assert_eq!(fair.world.engine.store().verify().await.unwrap().holds, 0);
}
