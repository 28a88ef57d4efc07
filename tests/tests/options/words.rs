//! Plain text and sensitive data both ways in every message: what members say, the provider's operator hears; what the
//! operator says, its member is told, and nobody else where it is sensitive.

use std::sync::{Arc, Mutex};

use apdu_spec::transaction::{FinalAnswer, KeyExchangeAnswer, TransactionAnswer};
use protocol::message::response::Batch;
use protocol::message::{Kind, transaction};
use protocol::types::{Options, Role};
use service_provider::engine::{Heard, Operator, Words};
use symbolon_tests::by_hand::open_field;
use symbolon_tests::canary::Canary;
use symbolon_tests::company::{Choice, Company, words};

use crate::shared::Insider;

/// Kind, number, plain text, data, sensitive data.
type Note = (Kind, usize, [Vec<u8>; 3]);

/// Notes what it hears, and has something else to say to each member in each message.
#[derive(Clone, Default)]
struct Clerk(Arc<Mutex<Vec<Note>>>);

fn told(what: &str, kind: Kind, member: usize) -> Vec<u8> {
    words(&format!("{what}, the operator's"), kind.byte(), member)
}

impl Operator for Clerk {
    fn answer(&self, heard: &Heard<'_>) -> Words {
        let member = usize::from(heard.number);
        let said = [heard.plain_text, heard.data, heard.sensitive].map(<[u8]>::to_vec);
        self.0.lock().unwrap().push((heard.kind, member, said));
        Words::new(&told("open", heard.kind, member), &told("secret", heard.kind, member)).unwrap()
    }
}

const PAIR: &[Option<usize>] = &[None, Some(0)];
const KINDS: [Kind; 3] = [Kind::KeyExchangeRequest, Kind::TransactionRequest, Kind::Acknowledgment];

#[test]
fn words_of_members_and_operator_arrive_and_only_where_they_belong() {
    let mut company = Company::new(2, 41);
    let clerk = Clerk::default();
    company.issuer.engine = company.issuer.engine.with_operator(clerk.clone());
    let hidden = Choice { options: Options::from_bits(0x37).unwrap(), ..Choice::PLAIN };
    let exchange = company.purchase(PAIR, &[Choice::PLAIN, hidden], &[Role::PAYEE, Role::PAYER]);

    let expected = KINDS.into_iter().flat_map(|kind| [0, 1].map(|member| (kind, member)));
    let expected: Vec<Note> = expected
        .map(|(kind, member)| {
            let data = if kind == Kind::Acknowledgment { words("Group", 5, member) } else { Vec::new() };
            let said = |what| words(what, kind.byte(), member);
            (kind, member, [said("Open"), data, said("Sensitive")])
        })
        .collect();
    assert_eq!(*clerk.0.lock().unwrap(), expected);

    let wires: Vec<&Vec<u8>> = exchange.wires.seen.iter().flatten().collect();
    for member in 0..2 {
        let answers: Vec<&Vec<u8>> = exchange.answers.iter().map(|answers| &answers[member]).collect();
        let shown = [
            KeyExchangeAnswer::parse(answers[0]).unwrap().plain_text,
            TransactionAnswer::parse(answers[1]).unwrap().plain_text,
            FinalAnswer::parse(answers[2]).unwrap().plain_text,
        ];
        for (kind, shown) in KINDS.into_iter().zip(shown) {
            assert_eq!(shown, told("open", kind, member));
            assert_eq!(Canary::bytes("open", shown).find(&wires), Some("plain"));
            let secret = Canary::bytes("secret", &told("secret", kind, member));
            assert_eq!(secret.find(&wires), None, "{kind:?}");
            assert!(exchange.terminals.iter().all(|seen| secret.find(seen).is_none()), "{kind:?}");
        }
    }
}

/// What the card opens and keeps to itself, seen by a member that is no card.
#[test]
fn what_the_operator_says_in_secret_its_member_can_open() {
    for options in [Options::none(), Options::SHARED_KEY] {
        let mut insider = Insider::new(42);
        insider.group.issuer.engine = insider.group.issuer.engine.with_operator(Clerk::default());
        let seen = insider.buy(options);
        assert_eq!(seen.session.sensitive, told("secret", Kind::KeyExchangeRequest, 1));
        let batch = Batch::parse(&seen.messages[3]).unwrap();
        let open = |member: usize| {
            let response = transaction::Response::parse(batch.parts[member].item).unwrap();
            let key = seen.session.private_key(Kind::TransactionResponse, 3);
            open_field(&key, response.outer_bytes, response.seals.private)
        };
        assert_eq!(open(1).unwrap(), told("secret", Kind::TransactionRequest, 1));
        assert!(open(0).is_err(), "another member's");
    }
}
