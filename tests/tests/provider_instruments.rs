//! Instruments at the provider: what each of them pays, and what it does not. The rules themselves are shown with the
//! stores; here they come with members, sessions and signatures.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use apdu_spec::provider::Instrument as CardInstrument;
use protocol::message::transaction::Terms;
use protocol::types::{Currency, Ending, ReasonCode, Role, TransactionId, TransactionKind};
use service_provider::admin::Enrolment;
use service_provider::ledger::Bounds;
use service_provider::store::instrument::Instrument;
use symbolon_tests::fair::Fair;
use symbolon_tests::member::{EUR, Group, Told, terms};
use symbolon_tests::world::debit;

const POINTS: Currency = Currency(*b"QPT");

/// Members by their places.
const SHOP: usize = 0;

/// A shop, and one more account that is named to others too.
async fn fair(seed: u64, instrument: Instrument, opening: u64, bounds: Bounds) -> Fair {
    let mut fair = Fair::new(seed).await.unwrap();
    fair.enrol(debit("SHOP", 10_000).unwrap(), true).await.unwrap();
    fair.enrol(Enrolment { instrument, bounds, ..debit("HOLDER", opening).unwrap() }, true).await.unwrap();
    fair
}

fn payment(amount: u64, currency: Currency, refund_of: Option<TransactionId>) -> Vec<Terms> {
    let kind = if refund_of.is_some() { TransactionKind::REFUND } else { TransactionKind::PURCHASE };
    let with = |role, other| Terms { kind, currency, reference: refund_of, ..terms(role, amount, &[other]) };
    vec![with(Role::PAYEE, 1), with(Role::PAYER, 0)]
}

async fn pays(fair: &mut Fair, payer: usize, payee: usize, amount: u64) -> TransactionId {
    let members = fair.pick([payee, payer]).unwrap();
    let ended = fair.end(&Group::new(&members, payment(amount, EUR, None))).await.unwrap();
    assert_eq!(ended.ending, Ending::Posted);
    ended.transaction
}

async fn does_not_pay(fair: &mut Fair, payer: usize, payee: usize, amount: u64, why: ReasonCode) {
    let members = fair.pick([payee, payer]).unwrap();
    let told = fair.told(&Group::new(&members, payment(amount, EUR, None))).await.unwrap();
    assert_eq!(told, [Told::Declined(why); 2]);
}

#[tokio::test]
async fn credit_is_lent_up_to_its_limit() {
    let mut fair = fair(1, Instrument::Credit, 0, Bounds::credit_limit(500)).await;
    pays(&mut fair, 1, SHOP, 400).await;
    does_not_pay(&mut fair, 1, SHOP, 101, ReasonCode::INSUFFICIENT_FUNDS).await;
    pays(&mut fair, 1, SHOP, 100).await;
    assert_eq!(fair.funds(1).await.unwrap().balance, -500);
    pays(&mut fair, SHOP, 1, 50).await;
    pays(&mut fair, 1, SHOP, 50).await;
}

#[tokio::test]
async fn stored_value_is_loaded_by_a_payment_into_it_up_to_its_ceiling() {
    let bounds = Bounds { ceiling: Some(150), ..Bounds::credit_limit(0) };
    let mut fair = fair(2, Instrument::StoredValue, 20, bounds).await;
    does_not_pay(&mut fair, 1, SHOP, 21, ReasonCode::INSUFFICIENT_FUNDS).await;
    does_not_pay(&mut fair, SHOP, 1, 131, ReasonCode::AMOUNT).await;
    pays(&mut fair, SHOP, 1, 130).await;
    does_not_pay(&mut fair, SHOP, 1, 1, ReasonCode::AMOUNT).await;
    pays(&mut fair, 1, SHOP, 150).await;
    assert_eq!(fair.funds(1).await.unwrap().balance, 0);
}

#[tokio::test]
async fn a_cheque_book_pays_until_it_is_empty_and_no_cheque_above_its_guarantee() {
    let bounds = Bounds { payments: Some(2), payment_max: Some(200), ..Bounds::credit_limit(0) };
    let mut fair = fair(3, Instrument::ChequeBook, 1_000, bounds).await;
    does_not_pay(&mut fair, 1, SHOP, 201, ReasonCode::AMOUNT).await;
    pays(&mut fair, 1, SHOP, 200).await;
    assert_eq!(fair.funds(1).await.unwrap().payments_left(), Some(1));
    let last = pays(&mut fair, 1, SHOP, 1).await;
    does_not_pay(&mut fair, 1, SHOP, 1, ReasonCode::USED_UP).await;
    // What is given back is money, and no cheque.
    let members = fair.pick([1, SHOP]).unwrap();
    let ended = fair.end(&Group::new(&members, payment(1, EUR, Some(last)))).await.unwrap();
    assert_eq!(ended.ending, Ending::Posted);
    does_not_pay(&mut fair, 1, SHOP, 1, ReasonCode::USED_UP).await;
    assert_eq!(fair.funds(1).await.unwrap().balance, 800);
}

#[tokio::test]
async fn points_are_paid_with_points() {
    let mut fair = fair(4, Instrument::Debit, 1_000, Bounds::credit_limit(0)).await;
    let points = |number, opening| Enrolment {
        instrument: Instrument::Loyalty,
        currency: POINTS,
        ..debit(number, opening).unwrap()
    };
    let programme = fair.enrol(points("PROGRAMME", 100_000), true).await.unwrap();
    let member = fair.enrol(points("MEMBER", 0), true).await.unwrap();
    for (payee, payer) in [(member, programme), (programme, member)] {
        let members = fair.pick([payee, payer]).unwrap();
        let ended = fair.end(&Group::new(&members, payment(300, POINTS, None))).await.unwrap();
        assert_eq!(ended.ending, Ending::Posted);
    }
    let members = fair.pick([programme, member]).unwrap();
    let told = fair.told(&Group::new(&members, payment(1, POINTS, None))).await.unwrap();
    assert_eq!(told, [Told::Declined(ReasonCode::INSUFFICIENT_FUNDS); 2]);
    for (payee, payer) in [(SHOP, programme), (programme, 1), (member, SHOP)] {
        for currency in [EUR, POINTS] {
            let members = fair.pick([payee, payer]).unwrap();
            let told = fair.told(&Group::new(&members, payment(1, currency, None))).await.unwrap();
            assert_eq!(told, [Told::Declined(ReasonCode::CURRENCY); 2], "{payer} to {payee}, {currency:?}");
        }
    }
}

#[tokio::test]
async fn an_identity_neither_pays_nor_is_paid() {
    for instrument in [Instrument::Identity, Instrument::AccessPass] {
        let mut fair = fair(5, instrument, 0, Bounds::credit_limit(0)).await;
        does_not_pay(&mut fair, 1, SHOP, 1, ReasonCode::NOT_SERVED).await;
        does_not_pay(&mut fair, SHOP, 1, 1, ReasonCode::NOT_SERVED).await;
    }
}

/// The byte in a card's provider record and the number in a provider's database say the same.
#[test]
fn cards_and_providers_number_instruments_alike() {
    for instrument in Instrument::OF_CARDS {
        let on_card = CardInstrument::parse(instrument.code()).unwrap();
        let same = match on_card {
            CardInstrument::Credit => Instrument::Credit,
            CardInstrument::Debit => Instrument::Debit,
            CardInstrument::Cheque => Instrument::ChequeBook,
            CardInstrument::StoredValue => Instrument::StoredValue,
            CardInstrument::Loyalty => Instrument::Loyalty,
            CardInstrument::Identity => Instrument::Identity,
            CardInstrument::Access => Instrument::AccessPass,
        };
        assert_eq!(same, instrument);
        assert_eq!(on_card.to_byte(), instrument.code());
    }
    let on_cards = (0..=u8::MAX).filter(|byte| CardInstrument::parse(*byte).is_ok());
    assert!(on_cards.eq(Instrument::OF_CARDS.map(Instrument::code)), "no card carries another");
}
