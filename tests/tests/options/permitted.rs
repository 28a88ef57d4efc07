//! Every permitted combination, generated: each choice of a member in either seat of a pair, to the final notice.

use std::collections::BTreeSet;

use apdu_spec::transaction::{KeyExchangeAnswer, Outcome, TransactionAnswer};
use protocol::message::Kind;
use protocol::types::{Options, Role};

use crate::travels::check;
use symbolon_tests::company::{AMOUNT, Choice, Company, OPENING, said};

const PAIR: &[Option<usize>] = &[None, Some(0)];

/// The payee is whoever is named: the payer must be told whom it pays.
fn roles(choices: &[Choice; 2]) -> [Role; 2] {
    if choices[0].is_named() { [Role::PAYEE, Role::PAYER] } else { [Role::PAYER, Role::PAYEE] }
}

/// A member's choice as values of independent factors.
fn factors(choice: Choice) -> [(&'static str, u8); 6] {
    let has = |option| u8::from(choice.has(option));
    [
        ("key", has(Options::HIDDEN_KEY) + has(Options::REVEAL_TO_PEERS)),
        ("answer", has(Options::ANSWER_INSIDE)),
        ("transaction", has(Options::TRANSACTION_INSIDE)),
        ("peers", has(Options::PEER_KEYS)),
        ("fresh", choice.fresh as u8),
        ("prove", u8::from(choice.prove)),
    ]
}

/// Each choice in either seat, beside one who is named; whom, goes round.
fn pairs(shared: bool) -> Vec<[Choice; 2]> {
    let all = Choice::all(shared);
    let named: Vec<Choice> = all.iter().copied().filter(|choice| choice.is_named()).collect();
    assert_eq!((all.len(), named.len()), (24 * 3 * 2, 16 * 3));
    let pairs = all.iter().enumerate().flat_map(|(at, choice)| {
        let beside = |seat: usize| named[(7 * at + at / named.len() + 24 * seat) % named.len()];
        [[*choice, beside(0)], [beside(1), *choice]]
    });
    pairs.collect()
}

/// Every value of every factor of one member meets every value of every factor of the other: only those do not meet
/// that leave both unnamed.
fn check_coverage(pairs: &[[Choice; 2]]) {
    let met = pairs.iter().flat_map(|[root, leaf]| {
        factors(*root).into_iter().flat_map(move |one| factors(*leaf).map(|other| (one, other)))
    });
    let met: BTreeSet<_> = met.collect();
    let values: BTreeSet<_> = pairs.iter().flatten().flat_map(|choice| factors(*choice)).collect();
    let unnamed = [("key", 1), ("prove", 0)];
    let mut missing = 0;
    for one in &values {
        for other in &values {
            let possible = !(unnamed.contains(one) && unnamed.contains(other));
            assert_eq!(met.contains(&(*one, *other)), possible, "{one:?} with {other:?}");
            missing += usize::from(!possible);
        }
    }
    println!("{} pairs, {} of {} meetings of values", pairs.len(), met.len(), values.len() * values.len() - missing);
}

fn run(shared: bool) {
    let pairs = pairs(shared);
    check_coverage(&pairs);
    let mut group = Company::lenient(2, 11 + u64::from(shared));
    let mut moved = [0_i64; 2];
    for choices in &pairs {
        let roles = roles(choices);
        let exchange = group.purchase(PAIR, choices, &roles);
        check(&group, &exchange, choices);
        assert!(group.issuer.has_posted(exchange.transaction).unwrap());
        for (sum, role) in moved.iter_mut().zip(roles) {
            let amount = i64::try_from(AMOUNT).unwrap();
            *sum += if role == Role::PAYEE { amount } else { -amount };
        }
    }
    for (member, moved) in moved.iter().enumerate() {
        let balance = group.issuer.balance(group.enrolled[member].account).unwrap();
        assert_eq!(balance, i64::try_from(OPENING).unwrap() + moved);
    }
}

#[test]
fn every_permitted_combination_without_a_shared_key_completes() {
    run(false);
}

#[test]
fn every_permitted_combination_with_a_shared_key_completes() {
    run(true);
}

/// A payer pays nobody whom it was not told: without a name there is no purchase, whatever the options.
#[test]
fn a_payee_who_is_not_named_is_not_paid() {
    let mut group = Company::lenient(2, 13);
    let hidden = Choice { options: Options::HIDDEN_KEY, ..Choice::PLAIN };
    let unproved = Choice { prove: false, ..Choice::PLAIN };
    for choice in [hidden, unproved] {
        let choices = [choice, Choice::PLAIN];
        let mut exchange = group.key_exchange(PAIR, &choices);
        let parts = said(Kind::TransactionRequest, &choices, &[Role::PAYEE, Role::PAYER]);
        group.round(&mut exchange, PAIR, &parts);
        for answer in &exchange.answers[1] {
            let Outcome::Declined(reason) = TransactionAnswer::parse(answer).unwrap().outcome else {
                panic!("{choice:?} is paid");
            };
            assert_eq!(reason.code, 3);
        }
        assert_eq!(group.issuer.audit().unwrap(), 0, "nothing is held");
    }
}

/// Of three, each is told of each other just what that one lets be known.
#[test]
fn hidden_members_are_told_of_only_where_they_agree() {
    const SHAPES: [&[Option<usize>]; 2] = [&[None, Some(0), Some(1)], &[None, Some(0), Some(0)]];
    let mut group = Company::lenient(3, 14);
    let asks = Options::PEER_KEYS;
    let open = Choice { options: asks, ..Choice::PLAIN };
    let hidden = Choice { options: asks.with(Options::HIDDEN_KEY), ..Choice::PLAIN };
    let revealed = Choice { options: hidden.options.with(Options::REVEAL_TO_PEERS), ..Choice::PLAIN };
    for shape in SHAPES {
        for choices in [[open, hidden, revealed], [revealed, open, hidden], [hidden, revealed, hidden]] {
            let payee = choices.iter().position(|choice| choice.is_named()).unwrap();
            let payer = (payee + 1) % 3;
            let role = |member| match member {
                _ if member == payee => Role::PAYEE,
                _ if member == payer => Role::PAYER,
                _ => Role::WITNESS,
            };
            let exchange = group.purchase(shape, &choices, &[role(0), role(1), role(2)]);
            check(&group, &exchange, &choices);
            let shown = KeyExchangeAnswer::parse(&exchange.answers[0][payer]).unwrap().peers.count();
            let others = choices.iter().enumerate().filter(|(other, _)| *other != payer);
            assert_eq!(shown, others.filter(|(_, choice)| choice.shows_itself()).count());
        }
    }
}
