//! Payments of more than two: what the provider asks of those who only take part.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use protocol::limits::MEMBERS_MAX;
use protocol::message::transaction::Terms;
use protocol::types::{Ending, Number, ReasonCode, Role, TransactionId, TransactionKind};
use service_provider::store::Store;
use symbolon_tests::fair::Fair;
use symbolon_tests::member::{Group, Told, terms};
use symbolon_tests::world::debit;

/// Members with 100 each. The first one is named to the others.
async fn fair(count: usize, seed: u64) -> Fair {
    let mut fair = Fair::new(seed).await.unwrap();
    for number in 0..count {
        fair.enrol(debit(&format!("FAIR{number}"), 100).unwrap(), number == 0).await.unwrap();
    }
    fair
}

async fn told(fair: &mut Fair, terms: Vec<Terms>) -> Vec<Told> {
    let members = fair.members[..terms.len()].to_vec();
    fair.told(&Group::new(&members, terms)).await.unwrap()
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
    let mut fair = fair(5, 1).await;
    let members = fair.members.clone();
    let ended = fair.end(&Group::new(&members, purchase(5, 40))).await.unwrap();
    assert_eq!(ended.ending, Ending::Posted);
    for (member, balance) in [140, 100, 100, 100, 60].into_iter().enumerate() {
        assert_eq!(fair.funds(member).await.unwrap().balance, balance, "member {member}");
    }
    let reference = Some(ended.transaction);
    let inquiry = Terms { kind: TransactionKind::INQUIRY, reference, ..terms(Role::INQUIRER, 0, &[]) };
    let told = fair.told(&Group::new(&members[2..3], vec![inquiry])).await.unwrap();
    assert_eq!(told, [Told::Stands(Some(Ending::Posted))], "a witness may ask how it ended");
}

#[tokio::test]
async fn the_greatest_group_buys() {
    let count = Number::try_from(MEMBERS_MAX).unwrap();
    let mut fair = fair(MEMBERS_MAX, 2).await;
    // The root combines fifteen members, each of whom combines sixteen.
    let mut children = vec![15];
    (0..15).for_each(|_| children.extend([vec![16], vec![0; 16]].concat()));
    assert_eq!(children.len(), MEMBERS_MAX);
    let members = fair.members.clone();
    let ended = fair.end(&Group::tree(&members, purchase(count, 40), children)).await.unwrap();
    assert_eq!(ended.ending, Ending::Posted);
    assert_eq!(fair.funds(0).await.unwrap().balance, 140);
    assert_eq!(fair.funds(MEMBERS_MAX - 1).await.unwrap().balance, 60);
}

#[tokio::test]
async fn a_witness_agrees_with_all_others_or_nobody_buys() {
    let mut fair = fair(4, 3).await;
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
        assert_eq!(told(&mut fair, terms).await, [Told::Declined(reason); 4], "{case}");
    }
    fair.world.engine.store().set_blocked(fair.accounts[1], true).await.unwrap();
    assert_eq!(told(&mut fair, purchase(4, 40)).await, [Told::Declined(ReasonCode::ACCOUNT_CLOSED); 4]);
    let witnesses = [1, 2].map(|_| terms(Role::WITNESS, 40, &[])).to_vec();
    assert_eq!(told(&mut fair, witnesses).await, [Told::Declined(ReasonCode::DISAGREEMENT); 2], "nobody pays");
    assert_eq!(fair.world.engine.store().verify().await.unwrap().holds, 0);
}
