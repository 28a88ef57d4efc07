//! Statements: a verifier asks about the holder of an identity or an access pass, the holder's card consents by asking
//! the same, and the provider says yes or no to this verifier and nothing else to anybody.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use protocol::calendar::Moment;
use protocol::message::transaction::Terms;
use protocol::statement::{Question, Statement};
use protocol::types::{Currency, Ending, Number, Party, ReasonCode, Role, TransactionId, TransactionKind};
use service_provider::admin::Enrolment;
use service_provider::store::Store;
use service_provider::store::attribute::Attribute;
use service_provider::store::instrument::Instrument;
use symbolon_tests::fair::{Ended, Fair};
use symbolon_tests::member::{Group, Told, terms};
use symbolon_tests::world::debit;

const BAR: usize = 0;
const LICENCE: usize = 1;
const PASS: usize = 2;
const EMPTY: usize = 3;

const NUMBER: &str = "CANARYNUMBER1";
const HOLDER: &str = "Canary Holder";
const BORN: &str = "2000-02-29";

fn holder(number: &str, instrument: Instrument, attributes: &[&str]) -> Enrolment {
    Enrolment {
        holder: HOLDER.into(),
        instrument,
        currency: Currency::NONE,
        attributes: attributes.iter().map(|text| Attribute::parse(text).unwrap()).collect(),
        ..debit(number, 0).unwrap()
    }
}

/// A bar, a driving licence, an access pass, and an identity of which nothing is known. All of them prove their
/// accounts in the key exchange, so that all of them would be named.
async fn fair(seed: u64, moment: &str) -> Fair {
    let mut fair = Fair::at(seed, Moment::parse(moment).unwrap().into()).await.unwrap();
    let bar = Enrolment { holder: "Bar; Grill".into(), ..debit("BAR", 0).unwrap() };
    let born = format!("born={BORN}");
    let licence = ["drives=B", "drives=A1@..2026-06-30", "drives=C@2027-01-01..", &born];
    let licence = holder(NUMBER, Instrument::Identity, &licence);
    let pass = holder("PASS", Instrument::AccessPass, &["opens=lab-3@2026-11-27T08:00:00Z..2026-11-27T18:00:00Z"]);
    for enrolment in [bar, licence, pass, holder("EMPTY", Instrument::Identity, &[])] {
        fair.enrol(enrolment, true).await.unwrap();
    }
    fair
}

fn statement(role: Role, counterparties: &[Number]) -> Terms {
    Terms { kind: TransactionKind::STATEMENT, currency: Currency::NONE, ..terms(role, 0, counterparties) }
}

fn both() -> Vec<Terms> {
    vec![statement(Role::VERIFIER, &[1]), statement(Role::HOLDER, &[0])]
}

async fn ask(fair: &mut Fair, holder: usize, question: &str) -> Ended {
    let members = fair.pick([BAR, holder]).unwrap();
    let group = Group::new(&members, both()).saying(&[question.as_bytes(); 2]);
    fair.end(&group).await.unwrap()
}

/// The statement that the verifier got, and that the holder got too.
async fn answer(fair: &mut Fair, holder: usize, question: &str) -> bool {
    let ended = ask(fair, holder, question).await;
    assert_eq!(ended.ending, Ending::Posted);
    let [verifier, holder] = &ended.heard[..] else { panic!("two were told") };
    assert_eq!((verifier.told, &verifier.receipt), (Told::Approved, &holder.receipt));
    let statement = Statement::parse(&verifier.receipt).unwrap();
    let expected = Statement {
        question: Question::parse(question.as_bytes()).unwrap(),
        answer: statement.answer,
        moment: fair.now.moment(),
        transaction: ended.transaction,
        verifier: Party { number: 0, name: "Bar; Grill" },
    };
    assert_eq!(statement, expected, "bound to what was asked, to the verifier, the moment and the transaction");
    statement.answer
}

async fn refused(fair: &mut Fair, members: [usize; 2], terms: Vec<Terms>, questions: [&str; 2]) -> ReasonCode {
    let members = fair.pick(members).unwrap();
    let group = Group::new(&members, terms).saying(&questions.map(str::as_bytes));
    let told = fair.told(&group).await.unwrap();
    assert_eq!(fair.world.engine.store().verify().await.unwrap().holds, 0);
    match told[..] {
        [Told::Declined(code), Told::Declined(other)] if code == other => code,
        _ => panic!("{told:?}"),
    }
}

const NOON: &str = "2026-11-27T12:00:00Z";

#[tokio::test]
async fn what_is_known_is_answered_and_what_is_not_is_not_so() {
    let mut fair = fair(1, NOON).await;
    for (holder, question, is_so) in [
        (LICENCE, "drives B", true),
        (LICENCE, "drives BE", false),
        (LICENCE, "drives A1", false),
        (LICENCE, "drives C", false),
        (LICENCE, "born at least 18 years ago", true),
        (LICENCE, "born at least 27 years ago", false),
        (LICENCE, "born less than 27 years ago", true),
        (LICENCE, "drives at least 1 years ago", false),
        (LICENCE, "opens lab-3", false),
        (PASS, "opens lab-3", true),
        (PASS, "opens lab-4", false),
        (EMPTY, "drives B", false),
        (EMPTY, "born at least 18 years ago", false),
        (EMPTY, "born less than 18 years ago", false),
    ] {
        assert_eq!(answer(&mut fair, holder, question).await, is_so, "{question}");
    }
    assert_eq!(fair.funds(LICENCE).await.unwrap().balance, 0);
}

#[tokio::test]
async fn the_providers_clock_decides() {
    for (moment, holder, question, is_so) in [
        ("2018-02-28T23:59:59Z", LICENCE, "born at least 18 years ago", false),
        ("2018-03-01T00:00:00Z", LICENCE, "born at least 18 years ago", true),
        ("2020-02-28T23:59:59Z", LICENCE, "born at least 20 years ago", false),
        ("2020-02-29T00:00:00Z", LICENCE, "born at least 20 years ago", true),
        ("2026-11-27T07:59:59Z", PASS, "opens lab-3", false),
        ("2026-11-27T08:00:00Z", PASS, "opens lab-3", true),
        ("2026-11-27T17:59:59Z", PASS, "opens lab-3", true),
        ("2026-11-27T18:00:00Z", PASS, "opens lab-3", false),
        ("2026-06-30T23:59:59Z", LICENCE, "drives A1", true),
        ("2026-07-01T00:00:00Z", LICENCE, "drives A1", false),
        ("2026-12-31T23:59:59Z", LICENCE, "drives C", false),
        ("2027-01-01T00:00:00Z", LICENCE, "drives C", true),
    ] {
        let mut fair = fair(2, moment).await;
        assert_eq!(answer(&mut fair, holder, question).await, is_so, "{question} at {moment}");
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Holder, account and what is known of the holder appear nowhere in what the verifier is told, whatever the answer,
/// nor in the responses on the way. How long the responses are does not tell the answer.
#[tokio::test]
async fn the_verifier_learns_the_answer_and_nothing_else() {
    let mut fair = fair(3, NOON).await;
    let mut lengths = Vec::new();
    for question in ["born at least 18 years ago", "born at least 88 years ago"] {
        let ended = ask(&mut fair, LICENCE, question).await;
        for secret in [HOLDER, NUMBER, BORN] {
            assert!(!holds(&ended.heard[0].all, secret), "{secret}");
            assert!(!holds(&ended.responses, secret), "{secret} on the way");
        }
        assert!(holds(&ended.heard[0].all, "Bar; Grill") && holds(&ended.heard[0].all, question));
        lengths.push(ended.responses.len());
    }
    assert_eq!(lengths[0], lengths[1]);

    // A payer who proves its account is named: that is what would be found.
    let other = Enrolment { holder: HOLDER.into(), ..debit("PAYER", 5).unwrap() };
    let payer = fair.enrol(other, true).await.unwrap();
    let members = fair.pick([BAR, payer]).unwrap();
    let payment = vec![terms(Role::PAYEE, 5, &[1]), terms(Role::PAYER, 5, &[0])];
    let ended = fair.end(&Group::new(&members, payment)).await.unwrap();
    assert!(holds(&ended.heard[0].all, HOLDER));
}

/// Whether the account is blocked, knows nothing or knows something else is one answer.
#[tokio::test]
async fn a_blocked_identity_is_one_of_which_nothing_is_known() {
    let mut fair = fair(4, NOON).await;
    let known = ask(&mut fair, LICENCE, "drives X").await.heard[0].receipt.clone();
    let store = fair.world.engine.store();
    store.set_blocked(fair.accounts[LICENCE], true).await.unwrap();
    let blocked = ask(&mut fair, LICENCE, "drives B").await.heard[0].receipt.clone();
    let without_transaction = |receipt: &str| {
        let statement = Statement::parse(receipt).unwrap();
        receipt.replace(&statement.transaction.to_string(), "").replace(" X;", " B;")
    };
    assert_eq!(without_transaction(&blocked), without_transaction(&known));
    fair.world.engine.store().set_blocked(fair.accounts[BAR], true).await.unwrap();
    let code = refused(&mut fair, [BAR, LICENCE], both(), ["drives B"; 2]).await;
    assert_eq!(code, ReasonCode::ACCOUNT_CLOSED, "a blocked verifier learns nothing");
}

#[tokio::test]
async fn who_does_not_ask_the_same_is_told_nothing() {
    let mut fair = fair(5, NOON).await;
    let sides = [BAR, LICENCE];
    for questions in [
        ["born at least 18 years ago", "born at least 16 years ago"],
        ["drives B", ""],
        ["", "drives B"],
        ["drives B ", "drives B"],
    ] {
        assert_eq!(refused(&mut fair, sides, both(), questions).await, ReasonCode::DISAGREEMENT, "{questions:?}");
    }
    for question in ["", "drives", "what is your name", "born at least 018 years ago", "drives B "] {
        assert_eq!(refused(&mut fair, sides, both(), [question; 2]).await, ReasonCode::QUESTION, "{question}");
    }
}

#[tokio::test]
async fn a_statement_has_its_roles() {
    let mut fair = fair(6, NOON).await;
    let other = fair.enrol(debit("OTHER", 0).unwrap(), false).await.unwrap();
    let spoiled = |spoil: fn(&mut Terms)| {
        let mut terms = both();
        terms.iter_mut().for_each(spoil);
        terms
    };
    let swapped = vec![statement(Role::HOLDER, &[1]), statement(Role::VERIFIER, &[0])];
    let cases = [
        ("an amount", [BAR, LICENCE], spoiled(|terms| terms.amount = 1), ReasonCode::AMOUNT),
        (
            "a reference",
            [BAR, LICENCE],
            spoiled(|terms| terms.reference = Some(TransactionId([1; 16]))),
            ReasonCode::REFERENCE,
        ),
        ("names nobody", [BAR, LICENCE], spoiled(|terms| terms.counterparties.clear()), ReasonCode::DISAGREEMENT),
        ("two verifiers", [BAR, LICENCE], spoiled(|terms| terms.role = Role::VERIFIER), ReasonCode::DISAGREEMENT),
        ("a payer", [BAR, LICENCE], spoiled(|terms| terms.role = Role::PAYER), ReasonCode::DISAGREEMENT),
        ("a holder of money", [BAR, other], both(), ReasonCode::NOT_SERVED),
        ("an identity that verifies", [PASS, LICENCE], both(), ReasonCode::NOT_SERVED),
        ("the shop's identity", [BAR, LICENCE], swapped, ReasonCode::NOT_SERVED),
        ("a verifier without a name", [other, LICENCE], both(), ReasonCode::ACCOUNT),
    ];
    for (case, members, terms, code) in cases {
        assert_eq!(refused(&mut fair, members, terms, ["drives B"; 2]).await, code, "{case}");
    }
}

/// Both may ask later whether it was completed.
#[tokio::test]
async fn a_statement_is_remembered_for_who_took_part() {
    let mut fair = fair(7, NOON).await;
    let ended = ask(&mut fair, LICENCE, "drives B").await;
    for (member, told) in [
        (BAR, Told::Stands(Some(Ending::Posted))),
        (LICENCE, Told::Stands(Some(Ending::Posted))),
        (EMPTY, Told::Declined(ReasonCode::REFERENCE)),
    ] {
        let reference = Some(ended.transaction);
        let inquiry = Terms { kind: TransactionKind::INQUIRY, reference, ..terms(Role::INQUIRER, 0, &[]) };
        let members = fair.pick([member]).unwrap();
        assert_eq!(fair.told(&Group::new(&members, vec![inquiry])).await.unwrap(), [told]);
    }
}
