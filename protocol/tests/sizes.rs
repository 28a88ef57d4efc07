//! The greatest size of every message, made with the most members, the longest texts and the largest numbers, and held
//! against the table in `PROTOCOL.md`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

mod support;

use protocol::crypto::{AwsLc, RustCrypto};
use protocol::limits::{self, CARD_MESSAGE_MAX, LINE_MAX, MESSAGE_MAX, PLAIN_TEXT_MAX, SENSITIVE_MAX};
use protocol::member::{Account, Awaiting, FreshKey, KeyExchange, KeyExchangeSent};
use protocol::message::Kind;
use protocol::message::acknowledgment::Decision;
use protocol::message::key_exchange::Verdict;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::message::transaction::{Outcome, Terms};
use protocol::provider::{self, Requests};
use protocol::types::{Ending, Number, Options, Reason, ReasonCode, Role, TransactionId, TransactionKind};
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::{Card, EUR, Provider, cards, combine, own_part};

type ProviderBackend = AwsLc;

const MEMBERS: usize = limits::MEMBERS_MAX;
const TEXT: &[u8] = &[b'x'; 256];
/// As wide as can be: sixteen children of sixteen, the last one short.
fn shape() -> Vec<Option<Number>> {
    let branch = |first: Number| std::iter::once(Some(0)).chain(std::iter::repeat_n(Some(first), 15));
    let branches = (0..16).flat_map(|branch_number| branch(1 + 16 * branch_number));
    std::iter::once(None).chain(branches).take(MEMBERS).collect()
}

/// A row of the table: the largest part, and with it what a card gives or takes.
type Row = (&'static str, usize, usize);

#[test]
fn the_table_of_greatest_sizes_is_right() {
    let rows = measure();
    let document = include_str!("../PROTOCOL.md");
    for (name, part, card) in rows {
        println!("{name}: part {part}, card {card}");
        assert!(document.contains(&format!("| {name} | {part} | {card} |")), "{name} {part} {card}");
        assert!(card <= CARD_MESSAGE_MAX, "{name} fits a card");
    }
}

fn measure() -> Vec<Row> {
    let mut random = StdRng::seed_from_u64(71);
    let provider = Provider::new(&mut random);
    let cards = cards(&provider, MEMBERS, &mut random);
    let account = [b'9'; limits::ACCOUNT_MAX];
    let parts = cards.iter().map(|card| key_exchange(card, &account, &mut random)).collect();
    let (message, awaiting) = combine(Kind::KeyExchangeRequest, &shape(), parts, &mut random);
    let mut rows = vec![request_row("key exchange request", &message)];

    let requests = Requests::new::<AwsLc>(Tree::parse(&message).unwrap()).unwrap();
    let asked = provider::key_exchange::verify(&provider.keys, &requests).unwrap();
    let line = "x".repeat(LINE_MAX);
    let reason = Reason { code: ReasonCode(u16::MAX), line: &line };
    let mut answer = |verdict: Verdict<'_>| {
        let told = (0..MEMBERS).map(|number| provider::key_exchange::Told {
            verdict,
            name: (number >= MEMBERS - limits::PEERS_MAX).then(|| "N".repeat(limits::NAME_MAX)),
            plain_text: &TEXT[..PLAIN_TEXT_MAX],
            sensitive: &TEXT[..SENSITIVE_MAX],
        });
        let told: Vec<_> = told.collect();
        let transaction = TransactionId([7; 16]);
        provider::key_exchange::answer(&provider.keys, &requests, &asked, &told, transaction, &mut random).unwrap()
    };
    rows.push(response_row(
        "key exchange response without peers' keys",
        &answer(Verdict::Refused(reason)).answer.message,
    ));
    let granted = answer(Verdict::Granted);
    let mut group = granted.group.unwrap();
    let established = awaiting.iter().enumerate().map(|(number, state)| {
        let part = own_part(&granted.answer.message, number);
        state.receive::<RustCrypto>(&part, &mut [0; 2048]).unwrap().1.unwrap()
    });
    let established: Vec<_> = established.collect();

    let counterparties: Vec<Number> = (240..256).collect();
    let terms = Terms {
        kind: TransactionKind::REFUND,
        role: Role::PAYER,
        amount: u64::MAX,
        currency: EUR,
        counterparties: counterparties.into_iter().collect(),
        reference: Some(TransactionId([8; 16])),
    };
    let parts = established.into_iter().zip(&cards).map(|(established, card)| {
        let mut out = [0; 2048];
        let account = Account { information: &account, secret: &card.secret };
        let (length, unsigned) = established.request(&terms, account, TEXT, TEXT, &mut out).unwrap();
        (out[..length].to_vec(), unsigned)
    });
    let parts = parts.collect();
    let (message, awaiting) = combine(Kind::TransactionRequest, &shape(), parts, &mut random);
    rows.push(request_row("transaction request", &message));

    let requests = Requests::new::<AwsLc>(Tree::parse(&message).unwrap()).unwrap();
    provider::transaction::verify::<AwsLc>(&group, &requests).unwrap();
    let mut answer = |outcome| {
        let told = provider::transaction::Told {
            outcome,
            amount: u64::MAX,
            currency: EUR,
            receipt: &line,
            private: TEXT,
            plain_text: TEXT,
        };
        let told = vec![told; MEMBERS];
        provider::transaction::answer(&provider.keys, &mut group, &requests, &told, &mut random).unwrap().message
    };
    rows.push(response_row("transaction response", &answer(Outcome::Declined(reason))));
    let approved = answer(Outcome::Approved);
    let parts = awaiting.iter().enumerate().map(|(number, state)| {
        let part = own_part(&approved, number);
        let decided = state.receive::<RustCrypto>(&part, &mut [0; 2048]).unwrap().1.unwrap();
        let mut out = [0; 2048];
        let (length, unsigned) = decided.acknowledge(Decision::Accept, TEXT, TEXT, TEXT, &mut out).unwrap();
        (out[..length].to_vec(), unsigned)
    });
    let parts = parts.collect();
    let (message, awaiting) = combine(Kind::Acknowledgment, &shape(), parts, &mut random);
    rows.push(request_row("acknowledgment", &message));

    let requests = Requests::new::<AwsLc>(Tree::parse(&message).unwrap()).unwrap();
    provider::acknowledgment::verify::<AwsLc>(&group, &requests).unwrap();
    let told = provider::acknowledgment::Told { ending: Ending::Posted, receipt: &line, plain_text: TEXT };
    let told = vec![told; MEMBERS];
    let answer = provider::acknowledgment::answer(&provider.keys, &group, &requests, &told, &mut random).unwrap();
    rows.push(response_row("final notice", &answer.message));
    for (number, state) in awaiting.iter().enumerate() {
        state.receive::<RustCrypto>(&own_part(&answer.message, number), &mut [0; 2048]).unwrap();
    }
    rows
}

type Written = (Vec<u8>, protocol::member::Unsigned<RustCrypto, protocol::member::KeyExchangeSent>);

fn key_exchange(card: &Card, account: &[u8], random: &mut StdRng) -> Written {
    let mut out = [0; 2048];
    let exchange = KeyExchange {
        descriptor: &card.descriptor,
        signing: &card.signing,
        verification: &card.verification,
        fresh_key: FreshKey::Endorsed,
        options: Options::HIDDEN_KEY.with(Options::SHARED_KEY).with(Options::REVEAL_TO_PEERS),
        account: Some(Account { information: account, secret: &card.secret }),
        plain_text: TEXT,
        sensitive: TEXT,
    };
    let (length, unsigned) = exchange.request::<RustCrypto>(random, &mut out).unwrap();
    (out[..length].to_vec(), unsigned)
}

fn request_row(name: &'static str, message: &[u8]) -> Row {
    assert!(message.len() <= MESSAGE_MAX, "{name} with every member in it");
    let tree = Tree::parse(message).unwrap();
    let longest = tree.nodes().iter().max_by_key(|node| node.own.len()).unwrap();
    (name, longest.own.len(), longest.own.len() + longest.signature.len())
}

fn response_row(name: &'static str, message: &[u8]) -> Row {
    assert!(message.len() <= MESSAGE_MAX, "{name} with every member in it");
    let batch = Batch::parse(message).unwrap();
    let longest = batch.parts.iter().map(|part| part.item.len()).max().unwrap();
    (name, longest, (0..MEMBERS).map(|number| own_part(message, number).len()).max().unwrap())
}

/// The most keys that peers may ask for always fit what a card takes, whatever else the provider says.
#[test]
fn as_many_peers_as_may_be_are_told_their_keys_and_names() {
    let (told, awaiting) = tell_peers(limits::PEER_KEYS_MAX);
    let message = told.unwrap();
    let batch = Batch::parse(&message).unwrap();
    let part = batch.parts.iter().map(|part| part.item.len()).max().unwrap();
    let card = (0..batch.parts.len()).map(|number| own_part(&message, number).len()).max().unwrap();
    println!("key exchange response with peers' keys: part {part}, card {card}");
    let row = format!("| key exchange response with peers' keys | {part} | {card} |");
    assert!(include_str!("../PROTOCOL.md").contains(&row), "{row}");
    assert!(part <= limits::PEER_KEYS_ITEM_MAX && card <= limits::KEY_EXCHANGE_RESPONSE_MAX);
    for (number, state) in awaiting.iter().enumerate() {
        let (own, mut scratch) = (own_part(&message, number), [0; limits::OPENED_MAX]);
        let (view, _) = state.receive::<RustCrypto>(&own, &mut scratch).unwrap();
        assert_eq!((view.peers.count(), view.parties.len()), (limits::PEER_KEYS_MAX, limits::PEER_KEYS_MAX));
    }
}

#[test]
fn more_than_a_card_takes_is_not_written() {
    let (told, _) = tell_peers(limits::PEER_KEYS_MAX + 2);
    assert!(matches!(told.err(), Some(protocol::error::Rejected::TooLarge(_))));
}

/// What the provider says to so many members that hide their keys and reveal them to their peers, with every text at
/// its limit.
fn tell_peers(count: usize) -> (Result<Vec<u8>, protocol::error::Rejected>, Vec<Awaiting<KeyExchangeSent>>) {
    let mut random = StdRng::seed_from_u64(72);
    let provider = Provider::new(&mut random);
    let mut cards = cards(&provider, count, &mut random);
    cards.iter_mut().for_each(support::all_options);
    let parts = cards.iter().map(|card| card.key_exchange(&mut random).unwrap()).collect();
    // As wide as can be, and what does not fit below the last one.
    let shape: Vec<Option<Number>> =
        (0..cards.len()).map(|number| if number > 16 { Some(16) } else { (number > 0).then_some(0) }).collect();
    let (message, awaiting) = combine(Kind::KeyExchangeRequest, &shape, parts, &mut random);
    let requests = Requests::new::<AwsLc>(Tree::parse(&message).unwrap()).unwrap();
    let asked = provider::key_exchange::verify(&provider.keys, &requests).unwrap();
    let told = cards.iter().map(|_| provider::key_exchange::Told {
        verdict: Verdict::Granted,
        name: Some("N".repeat(limits::NAME_MAX)),
        plain_text: TEXT,
        sensitive: TEXT,
    });
    let told: Vec<_> = told.collect();
    let transaction = TransactionId([7; 16]);
    let answer = provider::key_exchange::answer(&provider.keys, &requests, &asked, &told, transaction, &mut random);
    (answer.map(|opened| opened.answer.message), awaiting)
}
