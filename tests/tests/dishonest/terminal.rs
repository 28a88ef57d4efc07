//! A terminal that changes the amount after the card signed, replays, cuts power to make the card sign twice, or brings
//! back keys that the provider has replaced.

use apdu_spec::instruction::{Build, Sign};
use apdu_spec::journal::Step;
use apdu_spec::transaction::TransactionInput;
use apdu_spec::{Status, Writer};
use futures_executor::block_on;
use host_terminal::card::{CardError, Part};
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::message::transaction::Request;
use protocol::types::Role;
use sim_reader::flash::Moment;
use symbolon_tests::company::{AMOUNT, Choice, Company, OPENING, said};
use symbolon_tests::round::{Wires, up};
use symbolon_tests::seat::{Seat, status};

use crate::scene::{KINDS, Star, alter};

const PAIR: &[Option<usize>] = &[None, Some(0)];
const CHOICES: [Choice; 2] = [Choice::PLAIN; 2];
const ROLES: [Role; 2] = [Role::PAYEE, Role::PAYER];

/// The sealed terms with any bit turned, under the card's signature or with it left out.
#[test]
fn an_amount_that_is_changed_after_the_card_signed_is_refused() {
    let mut star = Star::new(61);
    star.before(Kind::TransactionRequest);
    let request = star.request(Kind::TransactionRequest);
    let leaf = Tree::parse(&request.said.leaves[0]).unwrap().nodes()[0];
    let terms = Request::parse(leaf.own).unwrap().terms;
    let begin = leaf.own.len() - (leaf.own.as_ptr_range().end as usize - terms.as_ptr() as usize);
    let mut tried = 0;
    for bit in 0..terms.len() * 8 {
        let mut own = leaf.own.to_vec();
        own[begin + bit / 8] ^= 1 << (bit % 8);
        star.refused(&alter(&request.root.message, |nodes| nodes[1].own = &own));
        tried += 1;
    }
    println!("{tried} bits of sealed terms turned over");
    star.finish(&request);
    star.from(Kind::Acknowledgment);
    assert_eq!(star.paid(), 1);
}

fn with_amount(part: &Part<'static>, amount: u64) -> Part<'static> {
    let Part::Transaction(input) = part.clone() else { panic!("no terms") };
    Part::Transaction(TransactionInput { amount, ..input })
}

/// The customer's own terminal has its card sign another amount than the shop's: the provider sees that they disagree.
#[test]
fn terminals_that_say_different_amounts_are_declined() {
    let mut company = Company::new(2, 62);
    for (shop, customer) in [(AMOUNT, AMOUNT + 1), (AMOUNT, 1), (AMOUNT * 10, AMOUNT)] {
        let mut exchange = company.key_exchange(PAIR, &CHOICES);
        let parts = said(Kind::TransactionRequest, &CHOICES, &ROLES);
        let parts = [with_amount(&parts[0], shop), with_amount(&parts[1], customer)];
        company.round(&mut exchange, PAIR, &parts);
        for answer in &exchange.answers[1] {
            let answer = apdu_spec::transaction::TransactionAnswer::parse(answer).unwrap();
            let apdu_spec::transaction::Outcome::Declined(reason) = answer.outcome else { panic!("approved") };
            assert_eq!(reason.code, 4);
        }
        assert_eq!(company.issuer.audit().unwrap(), 0);
        assert!(company.seats.iter_mut().all(|seat| seat.journal().unwrap()[0].step == Step::Declined));
    }
    let opening = i64::try_from(OPENING).unwrap();
    assert_eq!(company.issuer.balance(company.enrolled[1].account).unwrap(), opening);
}

/// The same command again, and every recorded message of an ended purchase again.
#[test]
fn a_card_signs_each_message_once_and_a_provider_moves_the_money_once() {
    let mut star = Star::new(63);
    let mut recorded = Vec::new();
    for kind in KINDS {
        let request = star.request(kind);
        for part in [&Star::parts(kind)[1], &Star::parts(Kind::TransactionRequest)[1]] {
            let again = star.company.seats[1].combine(part, &[]);
            let Err(host_terminal::Error::Card(error)) = again else { panic!("built twice") };
            assert_eq!(status::<()>(&Err(error)), Some(Status::CONDITIONS_NOT_SATISFIED));
        }
        let sign = Sign { last: true, count: 0, children: &[] };
        let again = block_on(star.company.seats[1].card.send("SIGN", &sign));
        assert_eq!(status(&again), Some(Status::CONDITIONS_NOT_SATISFIED));
        star.finish(&request);
        recorded.push(request.root.message);
    }
    assert_eq!(star.paid(), 1);
    for message in &recorded {
        star.company.issuer.ask(message).unwrap();
    }
    assert_eq!(star.paid(), 1);
    // Also in the middle of another purchase.
    star.before(Kind::Acknowledgment);
    for message in &recorded {
        star.company.issuer.ask(message).unwrap();
    }
    star.from(Kind::Acknowledgment);
    assert_eq!(star.paid(), 2);
}

/// A command of the customer's card in the round of this kind, as its terminal sends it.
fn build(kind: Kind) -> Vec<u8> {
    let mut space = vec![0; 1024];
    let mut out = Writer::new(&mut space);
    match &said(kind, &CHOICES, &ROLES)[1] {
        Part::KeyExchange(input) => input.encode(&mut out),
        Part::Transaction(input) => input.encode(&mut out),
        Part::Acknowledgment(input) => input.encode(&mut out),
    }
    .unwrap();
    out.written().to_vec()
}

/// The pair before the round of this kind.
fn pair(kind: Kind) -> Company {
    let mut company = Company::new(2, 64);
    let mut exchange = company.key_exchange(PAIR, &CHOICES);
    if kind == Kind::Acknowledgment {
        let parts = said(Kind::TransactionRequest, &CHOICES, &ROLES);
        company.round(&mut exchange, PAIR, &parts);
    }
    company
}

/// Power goes at every flash operation of BUILD, and between BUILD and SIGN. Whatever the card gave out before, it
/// neither builds nor signs in that session again; and what it promised it remembers.
#[test]
fn cutting_power_makes_no_card_sign_twice() {
    let mut cuts = 0;
    for kind in [Kind::TransactionRequest, Kind::Acknowledgment] {
        let input = build(kind);
        let command = Build { kind: kind.byte(), input: &input };
        for operation in 0.. {
            let mut company = pair(kind);
            let seat = &mut company.seats[1];
            let before = seat.journal().unwrap();
            seat.slot().flash().cut_at(operation, Moment::Torn, operation);
            let built = block_on(seat.card.send("BUILD", &command));
            let survived = built.is_ok();
            // Where the cut did not come, power goes now.
            seat.slot().flash().power_on();
            restart(seat);
            let after = seat.journal().unwrap();
            assert!(!survived || after != before, "what left the card is in the journal");
            let again = block_on(seat.card.send("BUILD", &command));
            assert_eq!(status(&again), Some(Status::CONDITIONS_NOT_SATISFIED), "operation {operation}");
            let sign = Sign { last: true, count: 0, children: &[] };
            let again: Result<_, CardError> = block_on(seat.card.send("SIGN", &sign));
            assert_eq!(status(&again), Some(Status::CONDITIONS_NOT_SATISFIED));
            company.issuer.wait(symbolon_tests::issuer::LONGEST_WAIT).unwrap();
            assert_eq!(company.issuer.audit().unwrap(), 0, "nothing stays held");
            assert_eq!(company.issuer.balance(company.enrolled[1].account).unwrap(), i64::try_from(OPENING).unwrap());
            if survived {
                break;
            }
            cuts += 1;
        }
    }
    println!("power cut at {cuts} flash operations");
    assert!(cuts > 2);
}

/// After the request is signed, power goes; the recorded request is good for one purchase, which the card remembers.
#[test]
fn a_request_that_was_signed_before_power_went_is_worth_one_purchase() {
    let mut company = pair(Kind::TransactionRequest);
    let parts = said(Kind::TransactionRequest, &CHOICES, &ROLES);
    let asked = up(&mut company.seats, PAIR, &parts, &mut Wires::new(2)).unwrap();
    restart(&mut company.seats[1]);
    company.issuer.ask(&asked.message).unwrap();
    let refused = up(&mut company.seats, PAIR, &parts, &mut Wires::new(2));
    assert!(refused.is_err(), "the session is gone");
    assert_eq!(company.seats[1].journal().unwrap()[0].step, Step::Requested);
    assert_eq!(company.issuer.audit().unwrap(), 1, "the money is held once");
    company.issuer.wait(symbolon_tests::issuer::LONGEST_WAIT).unwrap();
    assert_eq!(company.issuer.audit().unwrap(), 0);
    let exchange = company.purchase(PAIR, &CHOICES, &ROLES);
    assert!(company.issuer.has_posted(exchange.transaction).unwrap());
}

#[test]
fn keys_that_the_provider_has_replaced_are_not_taken_back() {
    let mut company = Company::new(1, 65);
    let [old, new] = [0, 1].map(|version: usize| company.issuer.descriptors[version].clone());
    let seat = &mut company.seats[0];
    seat.prepare(1, &old).unwrap();
    seat.prepare(1, &new).unwrap();
    for _ in 0..2 {
        let refused = seat.prepare(1, &old);
        assert_eq!(status(&refused), Some(Status::CONDITIONS_NOT_SATISFIED));
        let built = seat.combine(&said(Kind::KeyExchangeRequest, &CHOICES[..1], &[])[0], &[]);
        assert!(built.is_err(), "no session begins under them");
        restart(seat);
    }
    seat.prepare(1, &new).unwrap();
}

fn restart(seat: &mut Seat) {
    seat.restart().unwrap();
}
