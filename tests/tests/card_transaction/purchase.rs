//! The good path.

use apdu_spec::instruction::{Build, Receive};
use apdu_spec::journal::Step as JournalStep;
use apdu_spec::transaction::{
    Ending, FinalAnswer, FreshKey, KeyExchangeAnswer, Outcome as Answered, TransactionAnswer, TransactionInput,
};
use apdu_spec::{Aid, Writer};
use protocol::message::key_exchange::Verdict;
use protocol::message::transaction::Outcome;
use protocol::types::{Ending as Ended, Options, Reason, ReasonCode, Role, TransactionKind};

use crate::bank::Bank;
use crate::card::{OK, OUT_OF_ORDER, TestCard, application, bytes};
use crate::scene::{AMOUNT, PAYER_ACCOUNT, PAYER_SECRET, STEPS, Scene, Step};

const NO_MONEY: Reason<'static> = Reason { code: ReasonCode::INSUFFICIENT_FUNDS, line: "no money" };

#[test]
fn a_purchase_by_two_cards_is_posted_and_both_journals_say_so() {
    let mut scene = Scene::new();
    scene.payer.verify();
    scene.run(&[Step::Choose, Step::Load, Step::Build(1), Step::Sign(1)]);

    let answer = receive(&mut scene, 2);
    let answer = KeyExchangeAnswer::parse(&answer).unwrap();
    assert_eq!((answer.number, answer.count, answer.plain_text), (1, 2, &b"key exchange text"[..]));
    assert_eq!(answer.transaction, &[1; 16]);
    assert!(answer.refused.is_none());
    let names: Vec<_> = answer.parties.map(|party| (party.number, party.name)).collect();
    assert_eq!(names, [(0, "Holder 0"), (1, "Holder 1")]);
    assert_eq!(answer.peers.count(), 0, "they were not asked for");

    scene.run(&[Step::Build(3), Step::Sign(3)]);
    let entry = scene.payer.journal()[0];
    assert_eq!((entry.transaction, entry.amount, entry.currency), ([1; 16], AMOUNT, *b"EUR"));
    assert_eq!((entry.sequence, entry.provider.number(), entry.kind, entry.role), (1, 1, 1, 1));
    assert_eq!(entry.step, JournalStep::Requested);

    let answer = receive(&mut scene, 4);
    let answer = TransactionAnswer::parse(&answer).unwrap();
    assert_eq!((answer.outcome, answer.amount, answer.currency), (Answered::Approved, AMOUNT, *b"EUR"));
    assert_eq!((answer.receipt, answer.plain_text), ("thank you", &b"transaction text"[..]));
    assert_eq!(scene.payer.steps(), [JournalStep::Approved]);

    scene.run(&[Step::Build(5), Step::Sign(5)]);
    assert_eq!(scene.payer.steps(), [JournalStep::Accepted]);
    let answer = receive(&mut scene, 6);
    let answer = FinalAnswer::parse(&answer).unwrap();
    assert_eq!((answer.ending, answer.receipt, answer.plain_text), (Ending::Posted, "the end", &b"final text"[..]));
    for card in [&mut scene.payer, &mut scene.payee] {
        assert_eq!(card.steps(), [JournalStep::Posted]);
        card.restart();
        card.verify();
        assert_eq!(card.steps(), [JournalStep::Posted], "the journal survives");
    }
}

/// The number of a record goes to another account; what is told of the first must not.
#[test]
fn what_was_paid_with_a_record_ends_with_it() {
    let bank = Bank::new(1);
    let [payer, payee] = [2, 3].map(|seed| {
        let mut card = TestCard::new(seed);
        card.personalise(1, &bank, PAYER_ACCOUNT, PAYER_SECRET, None);
        card.personalise(2, &bank, b"OTHER", PAYER_SECRET, None);
        card.select();
        card
    });
    let mut scene = Scene::of(bank, payer, payee);
    scene.run_all();
    for (number, left) in [(2, 1), (1, 0)] {
        scene.payer.done(&application(Aid::ISSUER_SECURITY_DOMAIN));
        scene.payer.personalise(number, &scene.bank, PAYER_ACCOUNT, PAYER_SECRET, None);
        scene.payer.select();
        assert_eq!(scene.payer.journal().len(), left, "record {number} is another one");
    }
    scene.run_all();
    let sequences: Vec<_> = scene.payer.journal().iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [2], "no number is given twice");
}

#[test]
fn every_permitted_combination_of_options_and_keys_completes_on_the_card() {
    let mut scene = Scene::new();
    scene.payer.verify();
    let mut combinations = 0;
    for options in (0..=u8::MAX).filter_map(Options::from_bits).filter(|options| options.is_permitted()) {
        for fresh_key in [FreshKey::No, FreshKey::Unendorsed, FreshKey::Endorsed] {
            (scene.options, scene.fresh_key) = (options, fresh_key);
            scene.run(&[Step::Choose, Step::Load, Step::Build(1), Step::Sign(1)]);
            let answer = receive(&mut scene, 2);
            let peers = KeyExchangeAnswer::parse(&answer).unwrap().peers.map(|peer| peer.number).collect::<Vec<_>>();
            assert_eq!(peers == [0], options.has(Options::PEER_KEYS), "{options:?}");
            scene.run(&[Step::Build(3), Step::Sign(3), Step::Receive(4), Step::Build(5), Step::Sign(5)]);
            let answer = receive(&mut scene, 6);
            assert_eq!(FinalAnswer::parse(&answer).unwrap().ending, Ending::Posted, "{options:?} {fresh_key:?}");
            combinations += 1;
        }
    }
    println!("{combinations} combinations of options and keys");
    assert_eq!(combinations, 3 * 48);
    assert_eq!(scene.payer.journal().len(), 16, "the journal keeps the newest");
    assert!(scene.payer.steps().iter().all(|step| *step == JournalStep::Posted));
}

#[test]
fn a_rejection_and_a_refusal_end_where_they_should() {
    let mut scene = Scene::new();
    scene.payer.verify();
    scene.decision = apdu_spec::transaction::Decision::Reject;
    scene.run_all();
    assert_eq!(scene.payer.steps(), [JournalStep::Released]);

    scene.bank.outcome = Outcome::Declined(NO_MONEY);
    scene.run(&[
        Step::Choose,
        Step::Load,
        Step::Build(1),
        Step::Sign(1),
        Step::Receive(2),
        Step::Build(3),
        Step::Sign(3),
    ]);
    let answer = receive(&mut scene, 4);
    let TransactionAnswer { outcome: Answered::Declined(reason), .. } = TransactionAnswer::parse(&answer).unwrap()
    else {
        panic!("it is declined");
    };
    assert_eq!((reason.code, reason.line), (5, "no money"));
    assert_eq!(scene.payer.steps(), [JournalStep::Declined, JournalStep::Released]);
    let build = scene.command(Step::Build(5));
    assert_eq!(scene.payer.transmit(&build).unwrap().1, OUT_OF_ORDER, "nothing to acknowledge");
}

#[test]
fn a_refused_key_exchange_is_the_end_of_the_session() {
    let mut scene = Scene::new();
    scene.payer.verify();
    scene.bank.verdict = Verdict::Refused(Reason { code: ReasonCode::ACCOUNT_CLOSED, line: "closed" });
    scene.run(&[Step::Choose, Step::Load, Step::Build(1), Step::Sign(1)]);
    let answer = receive(&mut scene, 2);
    let reason = KeyExchangeAnswer::parse(&answer).unwrap().refused.unwrap();
    assert_eq!((reason.code, reason.line), (10, "closed"));
    let build = scene.command(Step::Build(3));
    assert_eq!(scene.payer.transmit(&build).unwrap().1, OUT_OF_ORDER);
    assert!(scene.payer.journal().is_empty(), "nothing was asked for");
    scene.bank.verdict = Verdict::Granted;
    scene.run_all();
}

/// The final notice is lost; the holder asks the provider, and the journal knows the end.
#[test]
fn an_inquiry_tells_the_journal_how_an_earlier_transaction_ended() {
    for (ending, step) in [(None, JournalStep::Accepted), (Some(Ended::Posted), JournalStep::Posted)] {
        let mut scene = Scene::new();
        scene.payer.verify();
        scene.run(&STEPS[..STEPS.len() - 1]);
        scene.payer.restart();
        scene.payer.verify();
        let lost = scene.payer.journal();
        assert_eq!(lost[0].step, JournalStep::Accepted);

        scene.bank.outcome = Outcome::Stands(ending);
        scene.run(&[Step::Choose, Step::Load, Step::Build(1), Step::Sign(1)]);
        let response = scene.ask_alone(1);
        scene.payer.done(&Receive { kind: 2, message: &response });
        let own = scene.payer.done(&Build { kind: 3, input: &inquiry(&lost[0].transaction) });
        scene.took(Step::Build(3), own);
        scene.run(&[Step::Sign(3)]);
        assert_eq!(scene.payer.journal(), lost, "an inquiry is no transaction of its own");
        let response = scene.ask_alone(3);
        let answer = scene.payer.done(&Receive { kind: 4, message: &response });
        let answered = ending.map(|_| Ending::Posted);
        assert_eq!(TransactionAnswer::parse(&answer).unwrap().outcome, Answered::Stands(answered));
        assert_eq!(scene.payer.steps(), [step]);
        let build = scene.command(Step::Build(5));
        assert_eq!(scene.payer.transmit(&build).unwrap().1, OUT_OF_ORDER, "nothing to acknowledge");
    }
}

/// A terminal that asks in the wrong way must not make a card believe that what it accepted was declined.
#[test]
fn a_declined_inquiry_ends_in_the_journal_only_what_was_not_accepted() {
    let accepted = STEPS.iter().position(|step| *step == Step::Build(5)).unwrap() + 1;
    for taken in [accepted - 1, accepted, STEPS.len()] {
        for outcome in [Outcome::Declined(NO_MONEY), Outcome::Approved] {
            let mut scene = Scene::new();
            scene.payer.verify();
            scene.run(&STEPS[..taken]);
            let before = scene.payer.steps();

            scene.bank.outcome = outcome;
            let paid = scene.payer.journal()[0].transaction;
            scene.run(&[Step::Choose, Step::Load, Step::Build(1), Step::Sign(1)]);
            let response = scene.ask_alone(1);
            scene.payer.done(&Receive { kind: 2, message: &response });
            let own = scene.payer.done(&Build { kind: 3, input: &inquiry(&paid) });
            scene.took(Step::Build(3), own);
            scene.run(&[Step::Sign(3)]);
            let response = scene.ask_alone(3);
            scene.payer.transmit(&bytes(&Receive { kind: 4, message: &response })).unwrap();

            let ended = taken < accepted && outcome != Outcome::Approved;
            let after = if ended { vec![JournalStep::Declined] } else { before };
            assert_eq!(scene.payer.steps(), after, "{outcome:?} after {taken} steps");
        }
    }
}

fn inquiry(reference: &[u8; 16]) -> Vec<u8> {
    let mut space = [0; 128];
    let mut out = Writer::new(&mut space);
    let input = TransactionInput {
        kind: TransactionKind::INQUIRY.0,
        role: Role::INQUIRER.0,
        amount: 0,
        currency: *b"EUR",
        counterparties: std::iter::empty(),
        reference: Some(reference),
        plain_text: &[],
        sensitive: &[],
    };
    input.encode(&mut out).unwrap();
    out.written().to_vec()
}

fn receive(scene: &mut Scene, kind: u8) -> Vec<u8> {
    let command = scene.command(Step::Receive(kind));
    let (data, status) = scene.payer.transmit(&command).unwrap();
    assert_eq!(status, OK, "RECEIVE {kind}: {status:04X}");
    data
}
