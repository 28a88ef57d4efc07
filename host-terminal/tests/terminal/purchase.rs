//! Two cards, two terminals and a provider over TCP: a purchase to every end that it can have.

use std::sync::Arc;

use crate::support::cards;
use crate::support::provider::Fault;
use crate::support::{EUR, Log, PRICE, World, open_shop, pay_at, pin};
use apdu_spec::transaction::Decision;
use host_terminal::card::CardError;
use host_terminal::hop::{HopError, Upstream};
use host_terminal::observe::Tap;
use host_terminal::pay::{Told, pay};
use host_terminal::receipt::Conclusion;
use host_terminal::status::status;
use host_terminal::{CUSTOMER, CUSTOMER_CARD, Error, PROVIDER, SHOP};
use protocol::amount::Amount;
use protocol::message::Kind;
use protocol::types::ReasonCode;

#[tokio::test]
async fn a_purchase_is_posted_for_both() {
    let world = World::new().await;
    let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
    let paid = pay_at(&shop, world.ada().await, Decision::Accept).await.unwrap();
    let received = serving.await.unwrap().unwrap().unwrap();
    assert_eq!(paid.conclusion, Conclusion::Posted);
    assert_eq!(paid.amount, Some(PRICE));
    assert_eq!(paid, received);
    let names: Vec<_> = paid.parties.iter().map(|party| (party.number, party.name.as_str())).collect();
    assert_eq!(names, [(0, "Bäckerei Brot")]);
    assert_eq!(paid.line, "thank you");
}

#[tokio::test]
async fn what_the_payer_rejects_is_released_for_both() {
    let world = World::new().await;
    let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
    let paid = pay_at(&shop, world.ada().await, Decision::Reject).await.unwrap();
    assert_eq!(paid.conclusion, Conclusion::Released);
    assert_eq!(serving.await.unwrap().unwrap().unwrap().conclusion, Conclusion::Released);
}

#[tokio::test]
async fn what_the_provider_declines_says_why() {
    let world = World::new().await;
    let (shop, serving) = open_shop(world.baker().await, &world.address, Amount { minor: 3000, currency: EUR }).await;
    let paid = pay_at(&shop, world.ada().await, Decision::Accept).await.unwrap();
    let Conclusion::Declined(reason) = &paid.conclusion else { panic!("{paid:?}") };
    assert_eq!((reason.code, reason.line.as_str()), (ReasonCode::INSUFFICIENT_FUNDS, "not enough money"));
    assert_eq!(serving.await.unwrap().unwrap().unwrap().conclusion, paid.conclusion);
}

#[tokio::test]
async fn limits_of_user_and_card_hold_before_anything_is_asked_for() {
    let world = World::new().await;
    let much = Amount { minor: 5001, currency: EUR };
    let (shop, serving) = open_shop(world.baker().await, &world.address, much).await;
    let failure = pay_at(&shop, world.ada().await, Decision::Accept).await.unwrap_err();
    assert!(matches!(failure.error, Error::AboveLimit { .. }), "{failure}");
    assert_eq!(failure.to_string(), "50.01 EUR is more than the limit of 50.00 EUR");
    assert!(serving.await.unwrap().unwrap().is_none());

    // The user allows it, the card does not.
    let more = Amount { minor: 10_001, currency: EUR };
    let (shop, serving) = open_shop(world.baker().await, &world.address, more).await;
    let upstream = Upstream::new(&shop, 1, Tap::silent());
    let mut payer = Told { limit: None, decision: Decision::Accept };
    let failure = pay(world.ada().await, &pin("1234"), &upstream, &mut payer).await.unwrap_err();
    assert!(failure.to_string().contains("above the card's own limit"), "{failure}");
    assert!(failure.transaction.is_some() && !failure.requested);
    drop(upstream);
    assert!(matches!(serving.await.unwrap().unwrap_err().error, Error::CustomerLeft));
    assert!(!world.provider.asked().iter().any(|message| message[1] == Kind::TransactionRequest.byte()));
}

#[tokio::test]
async fn a_wrong_pin_is_said_with_the_tries_left() {
    let world = World::new().await;
    let provider = Upstream::new(&world.address, 1, Tap::silent());
    for expected in
        ["wrong PIN, 2 tries left", "wrong PIN, 1 try left", "the PIN is blocked: the card's issuer can help"]
    {
        let failure = status(world.ada().await, &pin("9999"), &provider, None).await.unwrap_err();
        assert_eq!(failure.to_string(), expected);
    }
    let failure = status(world.ada().await, &pin("1234"), &provider, None).await.unwrap_err();
    assert!(matches!(failure.error, Error::Card(CardError::PinBlocked)));
}

#[tokio::test]
async fn a_provider_that_breaks_off_is_asked_again_with_the_same_bytes() {
    let world = World::new().await;
    for kind in [Kind::DescriptorRequest, Kind::KeyExchangeRequest, Kind::TransactionRequest, Kind::Acknowledgment] {
        for fault in [Fault::GoBefore, Fault::GoAfter] {
            let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
            world.provider.fail(kind, fault.clone());
            let paid = pay_at(&shop, world.ada().await, Decision::Accept).await.unwrap();
            assert_eq!(paid.conclusion, Conclusion::Posted, "{kind:?} {fault:?}");
            assert_eq!(serving.await.unwrap().unwrap().unwrap().conclusion, Conclusion::Posted);
        }
        let asked = world.provider.asked();
        let of_kind = asked.iter().filter(|message| message[1] == kind.byte());
        assert!(of_kind.clone().any(|one| of_kind.clone().filter(|other| *other == one).count() >= 2), "{kind:?}");
    }
}

#[tokio::test]
async fn a_provider_that_is_gone_ends_both_sides_and_is_asked_for_the_end_later() {
    for (kind, requested) in
        [(Kind::KeyExchangeRequest, false), (Kind::TransactionRequest, true), (Kind::Acknowledgment, true)]
    {
        let world = World::new().await;
        let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
        for _ in 0..3 {
            world.provider.fail(kind, Fault::GoAfter);
        }
        let failure = pay_at(&shop, world.ada().await, Decision::Accept).await.unwrap_err();
        assert!(matches!(&failure.error, Error::Stopped(line) if line.contains("provider")), "{kind:?} {failure}");
        assert_eq!(failure.requested, requested, "{kind:?}");
        let failed = serving.await.unwrap().unwrap_err();
        assert!(matches!(failed.error, Error::Hop { hop: PROVIDER, source: HopError::Closed }), "{kind:?} {failed}");
        assert_eq!(failed.transaction, failure.transaction);

        if let Some(transaction) = failure.transaction {
            let expected = if kind == Kind::Acknowledgment { Conclusion::Posted } else { Conclusion::Open };
            for card in [world.ada().await, world.baker().await] {
                let status = world.ask_status(card).await.unwrap();
                assert_eq!((status.transaction, status.conclusion), (transaction, expected.clone()));
            }
        }
        // The card has learnt the end: nothing is open any more.
        if kind != Kind::TransactionRequest {
            let failure = world.ask_status(world.ada().await).await.unwrap_err();
            assert!(matches!(failure.error, Error::NotInJournal), "{kind:?} {failure}");
        }
    }
}

#[tokio::test]
async fn refusals_and_bent_answers_are_said_and_end_both_sides() {
    for kind in [Kind::KeyExchangeRequest, Kind::TransactionRequest, Kind::Acknowledgment] {
        let world = World::new().await;
        let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
        world.provider.fail(kind, Fault::Refuse);
        let failure = pay_at(&shop, world.ada().await, Decision::Accept).await.unwrap_err();
        assert!(matches!(failure.error, Error::Refused), "{kind:?} {failure}");
        assert!(matches!(serving.await.unwrap().unwrap_err().error, Error::Refused), "{kind:?}");

        // A bit of what all parts have in common: neither card accepts its part.
        let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
        world.provider.fail(kind, Fault::Bend(70));
        let failure = pay_at(&shop, world.ada().await, Decision::Accept).await.unwrap_err();
        assert!(matches!(failure.error, Error::Card(CardError::Refused { .. })), "{kind:?} {failure}");
        assert!(failure.to_string().contains("does not verify"), "{failure}");
        let failed = serving.await.unwrap().unwrap_err();
        assert!(matches!(failed.error, Error::Card(CardError::Refused { .. })), "{kind:?} {failed}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_said_and_does_not_go_further() {
    let world = World::new().await;
    let oversize = [0xFF; 12].to_vec();
    for fault in [
        Fault::Say(b"junk".to_vec()),
        Fault::Say(Vec::new()),
        Fault::Say(vec![1, 2]),
        Fault::Raw(oversize),
        Fault::WrongNumber,
    ] {
        let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
        for _ in 0..3 {
            world.provider.fail(Kind::TransactionRequest, fault.clone());
        }
        let failure = pay_at(&shop, world.ada().await, Decision::Accept).await.unwrap_err();
        assert!(matches!(failure.error, Error::Stopped(_)), "{fault:?} {failure}");
        let failed = serving.await.unwrap().unwrap_err();
        let fits = match fault {
            Fault::Raw(_) => matches!(failed.error, Error::Hop { source: HopError::Malformed(_), .. }),
            Fault::WrongNumber => matches!(failed.error, Error::Hop { source: HopError::UnknownNumber(_), .. }),
            Fault::Say(_) => matches!(failed.error, Error::Misbehaved { hop: PROVIDER, .. }),
            Fault::GoBefore | Fault::GoAfter | Fault::Refuse | Fault::Bend(_) => false,
        };
        assert!(fits, "{fault:?} {failed}");
        world.provider.forget_faults();
    }
}

#[tokio::test]
async fn a_descriptor_out_of_force_is_not_handed_to_the_card() {
    let world = World::from(u64::MAX - 1).await;
    let failure = world.ask_status(world.ada().await).await.unwrap_err();
    assert!(matches!(failure.error, Error::NotInForce), "{failure}");
}

#[tokio::test]
async fn everything_that_travels_is_told_except_the_pin() {
    let world = World::new().await;
    let (shop, serving) = open_shop(world.baker().await, &world.address, PRICE).await;
    let log = Arc::new(Log::default());
    let card = cards::reach(&world.ada, log.tap(CUSTOMER, CUSTOMER_CARD)).await;
    let upstream = Upstream::new(&shop, 1, log.tap(CUSTOMER, SHOP));
    let mut payer = Told { limit: None, decision: Decision::Accept };
    pay(card, &pin("1234"), &upstream, &mut payer).await.unwrap();
    serving.await.unwrap().unwrap();

    let told = log.0.lock().unwrap();
    let to = |place: &str| -> Vec<String> {
        told.iter().filter(|line| line.to == place).map(|line| line.what.clone()).collect()
    };
    let requests =
        ["offer request", "descriptor request", "key exchange request", "transaction request", "acknowledgment"];
    assert_eq!(to(SHOP), requests);
    let commands = [
        "SELECT",
        "LIST PROVIDERS",
        "VERIFY",
        "CHOOSE PROVIDER",
        "LOAD DESCRIPTOR",
        "BUILD key exchange request",
        "SIGN",
        "RECEIVE key exchange response",
        "BUILD transaction request",
        "SIGN",
        "RECEIVE transaction response",
        "BUILD acknowledgment",
        "SIGN",
        "RECEIVE final notice",
    ];
    assert_eq!(to(CUSTOMER_CARD), commands);
    assert!(!told.iter().any(|line| line.bytes.windows(4).any(|window| window == b"1234")));
}
