//! The bodies about instruments: what each of them may have, and what its bounds do.

use crate::world::{EUR, START, World, pay, refund};
use protocol::types::{Currency, Ending, ReasonCode};
use service_provider::ledger::{AccountId, BALANCE_MAX, Bounds, Transfer};
use service_provider::store::account::{Funding, NewAccount};
use service_provider::store::attribute::Attribute;
use service_provider::store::instrument::Instrument;
use service_provider::store::limits::{ATTRIBUTES_MAX, PAYMENTS_MAX, STORED_VALUE_MAX};
use service_provider::store::transaction::{Decision, Order};
use service_provider::store::{Store, StoreError};
use std::time::Duration;

const POINTS: Currency = Currency(*b"QPT");

/// An account of an instrument.
async fn open<S: Store>(world: &World<S>, instrument: Instrument, amount: u64, bounds: Bounds) -> AccountId {
    let new = NewAccount { instrument, bounds, ..world.new_account(amount, 0) };
    world.store.create_account(new).await.unwrap()
}

async fn declined<S: Store>(world: &World<S>, order: Order) -> ReasonCode {
    match world.decide(order, START).await.1 {
        Decision::Declined(code) => code,
        Decision::Approved => panic!("approved: {order:?}"),
    }
}

async fn posted<S: Store>(world: &World<S>, order: Order) -> protocol::types::TransactionId {
    let sale = world.approved(order, START).await;
    assert_eq!(world.settle(sale, true, START).await, Ok(Ending::Posted));
    sale
}

pub(crate) async fn stored_value_is_prepaid_and_has_a_ceiling<S: Store>(world: &World<S>) {
    let bounds = Bounds { ceiling: Some(100), ..Bounds::credit_limit(0) };
    let card = open(world, Instrument::StoredValue, 40, bounds).await;
    let bank = open(world, Instrument::Credit, 0, Bounds::credit_limit(1_000)).await;
    assert_eq!(declined(world, pay(card, bank, 41)).await, ReasonCode::INSUFFICIENT_FUNDS);

    // Loading is a payment into it. What is on its way counts, so that what is approved can be posted.
    assert_eq!(declined(world, pay(bank, card, 61)).await, ReasonCode::AMOUNT);
    let load = world.approved(pay(bank, card, 50), START).await;
    assert_eq!(declined(world, pay(bank, card, 11)).await, ReasonCode::AMOUNT);
    let other = world.approved(pay(bank, card, 10), START).await;
    world.books_balance().await;
    assert_eq!(world.settle(other, false, START).await, Ok(Ending::Released));
    assert_eq!(world.settle(load, true, START).await, Ok(Ending::Posted));
    assert_eq!(world.money(card).await, (90, 0, 90));
    let late = world.approved(pay(bank, card, 10), START).await;
    assert_eq!(declined(world, pay(bank, card, 1)).await, ReasonCode::AMOUNT);
    world.store.expire(START.after(Duration::from_secs(3600))).await.unwrap();
    assert_eq!(world.settle(late, true, START).await, Ok(Ending::Released));

    let spent = posted(world, pay(card, bank, 90)).await;
    posted(world, pay(bank, card, 50)).await;
    assert_eq!(declined(world, refund(spent, bank, card, 51)).await, ReasonCode::AMOUNT, "also given back");
    posted(world, refund(spent, bank, card, 50)).await;
    assert_eq!(world.money(card).await, (100, 0, 100));
    let funding = Funding { transaction: world.transaction(START), amount: 1, at: START };
    assert!(matches!(world.store.fund(card, funding).await, Err(StoreError::Invalid(_))));
    world.books_balance().await;
}

pub(crate) async fn a_cheque_book_has_so_many_cheques_of_so_much<S: Store>(world: &World<S>) {
    let bounds = Bounds { payments: Some(3), payment_max: Some(50), ..Bounds::credit_limit(0) };
    let book = open(world, Instrument::ChequeBook, 200, bounds).await;
    let shop = world.account(0, 0).await;
    let left = async || {
        let before = AccountId(book.0 - 1);
        world.store.balances(Some(before), 1).await.unwrap()[0].funds.payments_left().unwrap()
    };
    assert_eq!(declined(world, pay(book, shop, 51)).await, ReasonCode::AMOUNT);
    let sale = posted(world, pay(book, shop, 50)).await;
    assert_eq!(left().await, 2);
    let torn = world.approved(pay(book, shop, 50), START).await;
    assert_eq!(left().await, 1, "a cheque that is held is written");
    assert_eq!(world.settle(torn, false, START).await, Ok(Ending::Released));
    assert_eq!(left().await, 2, "and torn up, it is back");
    // Being paid uses no cheque, and neither does giving back what was paid.
    posted(world, refund(sale, shop, book, 50)).await;
    let rich = world.account(100, 0).await;
    let into = posted(world, pay(rich, book, 60)).await;
    posted(world, refund(into, book, rich, 60)).await;
    assert_eq!(left().await, 2);
    posted(world, pay(book, shop, 1)).await;
    let last = world.approved(pay(book, shop, 1), START).await;
    assert_eq!(declined(world, pay(book, shop, 1)).await, ReasonCode::USED_UP);
    assert_eq!(world.settle(last, true, START).await, Ok(Ending::Posted));
    assert_eq!(declined(world, pay(book, shop, 1)).await, ReasonCode::USED_UP);
    world.books_balance().await;
}

pub(crate) async fn points_and_money_do_not_mix<S: Store>(world: &World<S>) {
    let points = async |amount| {
        let new = NewAccount { instrument: Instrument::Loyalty, currency: POINTS, ..world.new_account(amount, 0) };
        world.store.create_account(new).await.unwrap()
    };
    let (member, shop) = (points(500).await, points(0).await);
    let (purse, till) = (world.account(500, 0).await, world.account(0, 0).await);
    let transfer =
        |debit, credit, currency| Order::Transfer(Transfer { debit, credit, amount: 100, currency, refund_of: None });
    for (debit, credit) in [(member, till), (purse, shop), (member, purse), (till, shop)] {
        for currency in [EUR, POINTS] {
            assert_eq!(declined(world, transfer(debit, credit, currency)).await, ReasonCode::CURRENCY);
        }
    }
    assert_eq!(declined(world, transfer(member, shop, EUR)).await, ReasonCode::CURRENCY);
    posted(world, transfer(member, shop, POINTS)).await;
    assert_eq!((world.money(member).await, world.money(shop).await), ((400, 0, 400), (100, 0, 100)));
    world.books_balance().await;
}

pub(crate) async fn an_identity_has_attributes_and_no_money<S: Store>(world: &World<S>) {
    let attributes: Vec<_> =
        ["born=2000-02-29", "drives=A1@..2033-05-01", "drives=B"].map(|text| Attribute::parse(text).unwrap()).to_vec();
    let new = NewAccount {
        instrument: Instrument::Identity,
        currency: Currency::NONE,
        attributes: attributes.clone(),
        ..world.new_account(0, 0)
    };
    let licence = world.store.create_account(new.clone()).await.unwrap();
    assert_eq!(world.store.attributes(licence).await, Ok(attributes));
    let purse = world.account(10, 0).await;
    assert_eq!(world.store.attributes(purse).await, Ok(Vec::new()));
    assert_eq!(world.store.attributes(AccountId(99)).await, Ok(Vec::new()));
    for order in [pay(licence, purse, 1), pay(purse, licence, 1)] {
        assert_eq!(declined(world, order).await, ReasonCode::NOT_SERVED);
    }
    let funding = Funding { transaction: world.transaction(START), amount: 1, at: START };
    assert!(matches!(world.store.fund(licence, funding).await, Err(StoreError::Invalid(_))));
    world.books_balance().await;
}

pub(crate) async fn accounts_are_as_their_instruments_have_it<S: Store>(world: &World<S>) {
    use Instrument::{AccessPass, ChequeBook, Credit, Debit, Float, Identity, Loyalty, StoredValue};

    let ceiling = |ceiling| Bounds { ceiling: Some(ceiling), ..Bounds::credit_limit(0) };
    let payment_max = |most| Bounds { payment_max: Some(most), ..Bounds::credit_limit(0) };
    let payments = |payments| Bounds { payments: Some(payments), ..payment_max(1) };
    let (none, limit) = (Bounds::credit_limit(0), Bounds::credit_limit(5));
    let owing = |bounds: Bounds| Bounds { overdraft: limit.overdraft, ..bounds };
    let good = [
        (Credit, EUR, limit),
        (Credit, EUR, payment_max(9)),
        (Debit, EUR, none),
        (Debit, EUR, limit),
        (Debit, EUR, ceiling(BALANCE_MAX)),
        (ChequeBook, EUR, payments(PAYMENTS_MAX)),
        (ChequeBook, EUR, owing(payments(0))),
        (StoredValue, EUR, ceiling(STORED_VALUE_MAX)),
        (Loyalty, POINTS, none),
        (Loyalty, Currency(*b"QZZ"), ceiling(7)),
        (Identity, Currency::NONE, none),
        (AccessPass, EUR, none),
    ];
    let bad = [
        (Float, EUR, none),
        (Credit, POINTS, none),
        (Debit, Currency(*b"eur"), none),
        (Debit, EUR, Bounds::FLOAT),
        (Debit, EUR, Bounds::credit_limit(BALANCE_MAX + 1)),
        (Debit, EUR, ceiling(0)),
        (Debit, EUR, ceiling(BALANCE_MAX + 1)),
        (Debit, EUR, payment_max(0)),
        (ChequeBook, EUR, none),
        (ChequeBook, EUR, payment_max(1)),
        (ChequeBook, EUR, Bounds { payment_max: None, ..payments(1) }),
        (ChequeBook, EUR, payments(PAYMENTS_MAX + 1)),
        (StoredValue, EUR, none),
        (StoredValue, EUR, ceiling(STORED_VALUE_MAX + 1)),
        (StoredValue, EUR, owing(ceiling(1))),
        (Loyalty, EUR, none),
        (Loyalty, POINTS, limit),
        (Identity, Currency::NONE, limit),
        (Identity, Currency::NONE, ceiling(1)),
        (AccessPass, EUR, payments(1)),
    ];
    let new = |(instrument, currency, bounds)| NewAccount { instrument, currency, bounds, ..world.new_account(0, 0) };
    for case in good {
        assert!(world.store.create_account(new(case)).await.is_ok(), "{case:?}");
    }
    for case in bad {
        assert!(matches!(world.store.create_account(new(case)).await, Err(StoreError::Invalid(_))), "{case:?}");
    }

    let funding = Some(Funding { transaction: world.transaction(START), amount: 8, at: START });
    let attributes = |texts: &[&str]| texts.iter().map(|text| Attribute::parse(text).unwrap()).collect();
    let many: Vec<Attribute> =
        (0..=ATTRIBUTES_MAX).map(|number| Attribute::new("a", &format!("{number:03}")).unwrap()).collect();
    let bad = [
        NewAccount { funding, ..new((Identity, Currency::NONE, none)) },
        NewAccount { funding, ..new((StoredValue, EUR, ceiling(7))) },
        NewAccount { attributes: attributes(&["drives=B"]), ..new((Debit, EUR, none)) },
        NewAccount { attributes: attributes(&["drives=B", "drives=B"]), ..new((Identity, Currency::NONE, none)) },
        NewAccount { attributes: attributes(&["drives=B", "born=1"]), ..new((Identity, Currency::NONE, none)) },
        NewAccount { attributes: many, ..new((AccessPass, Currency::NONE, none)) },
    ];
    for new in bad {
        let shown = format!("{new:?}");
        assert!(matches!(world.store.create_account(new).await, Err(StoreError::Invalid(_))), "{shown}");
    }
    world.books_balance().await;
}
