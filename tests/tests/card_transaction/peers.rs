//! The largest message that a card takes: the keys and names of all peers, and every text at its limit.

use apdu_spec::instruction::{Build, ChooseProvider, LoadDescriptor, Receive, Sign};
use apdu_spec::transaction::{FreshKey, KeyExchangeAnswer, KeyExchangeInput};
use apdu_spec::{Wire, Writer};
use protocol::limits::{KEY_EXCHANGE_RESPONSE_MAX, NAME_MAX, PEER_KEYS_MAX, PLAIN_TEXT_MAX, SENSITIVE_MAX};
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::types::{Number, Options};

use crate::bank::Bank;
use crate::card::{OK, TestCard, reference};
use crate::scene::{children, own_part};

const ALL: Options = Options::HIDDEN_KEY
    .with(Options::ANSWER_INSIDE)
    .with(Options::TRANSACTION_INSIDE)
    .with(Options::SHARED_KEY)
    .with(Options::PEER_KEYS)
    .with(Options::REVEAL_TO_PEERS);

/// A card's key exchange request over these nodes.
fn request(card: &mut TestCard, bank: &Bank, below: &[Tree<'_>]) -> Vec<u8> {
    let mut space = [0; 64];
    let mut out = Writer::new(&mut space);
    let input = KeyExchangeInput {
        options: ALL.bits(),
        fresh_key: FreshKey::Endorsed,
        prove_account: true,
        plain_text: &[],
        sensitive: &[],
    };
    input.encode(&mut out).unwrap();
    card.done(&ChooseProvider { provider: reference(1) });
    card.done(&LoadDescriptor { descriptor: &bank.descriptor });
    let own = card.done(&Build { kind: 1, input: out.written() });
    let below_refs: Vec<&Tree<'_>> = below.iter().collect();
    let count = u8::try_from(below.len()).unwrap();
    let signature = card.done(&Sign { last: true, count, children: &children(&below_refs) });
    Tree::combine(Kind::KeyExchangeRequest, &own, &signature, below).unwrap().encode()
}

#[test]
fn sixteen_cards_are_told_each_others_keys_and_names_beside_the_longest_texts() {
    const HOLDER: &str = "Thirty-two bytes of a long name.";
    assert_eq!(HOLDER.len(), NAME_MAX);
    let mut bank = Bank::new(1);
    bank.texts = [&[b'p'; PLAIN_TEXT_MAX], &[b's'; SENSITIVE_MAX]];
    bank.holder = Some(HOLDER);
    let mut cards: Vec<TestCard> = (0..16).map(|number| card(&bank, number)).collect();
    assert_eq!(cards.len(), PEER_KEYS_MAX);
    let (root, leaves) = cards.split_first_mut().unwrap();
    let leaves: Vec<Vec<u8>> = leaves.iter_mut().map(|leaf| request(leaf, &bank, &[])).collect();
    let trees: Vec<Tree<'_>> = leaves.iter().map(|leaf| Tree::parse(leaf).unwrap()).collect();
    let message = request(root, &bank, &trees);

    let response = bank.answer(&message, &mut None);
    let mut keys = Vec::new();
    for (number, card) in (0..).zip(&mut cards) {
        let own = own_part(&response, number);
        assert!((3400..=KEY_EXCHANGE_RESPONSE_MAX).contains(&own.len()), "{}", own.len());
        let answer = receive(card, &own, number % 2 == 1);
        let answer = KeyExchangeAnswer::parse(&answer).unwrap();
        assert!(answer.parties.map(|party| party.name).eq([HOLDER; PEER_KEYS_MAX]));
        let peers: Vec<(Number, [u8; 65])> = answer.peers.map(|peer| (peer.number, peer.key)).collect();
        assert_eq!(peers.len(), PEER_KEYS_MAX - 1);
        assert!(peers.iter().all(|(peer, _)| *peer != number));
        keys.push(peers);
    }
    // Everybody is told the same of everybody else.
    let of = |number: Number, member: usize| keys[member].iter().find(|(peer, _)| *peer == number).unwrap().1;
    for number in 0..Number::try_from(PEER_KEYS_MAX).unwrap() {
        let others: Vec<usize> = (0..PEER_KEYS_MAX).filter(|member| *member != usize::from(number)).collect();
        assert!(others.iter().all(|member| of(number, *member) == of(number, others[0])), "{number}");
    }
}

fn card(bank: &Bank, seed: u8) -> TestCard {
    let mut card = TestCard::new(seed.into());
    card.personalise(1, bank, b"ACCOUNT", &[seed; 16], None);
    card.secure();
    card.verify();
    card
}

/// RECEIVE in one piece, or in a chain of short commands.
fn receive(card: &mut TestCard, message: &[u8], chained: bool) -> Vec<u8> {
    if !chained {
        return card.done(&Receive { kind: 2, message });
    }
    let parts: Vec<&[u8]> = message.chunks(255).collect();
    let (last, first) = parts.split_last().unwrap();
    for part in first {
        let command = [&[0x90, Receive::INSTRUCTION, 2, 0, 255][..], *part].concat();
        assert_eq!(card.transmit(&command).unwrap(), (Vec::new(), OK));
    }
    let command = [&[0x80, Receive::INSTRUCTION, 2, 0, u8::try_from(last.len()).unwrap()][..], *last, &[0]].concat();
    let (mut data, mut status) = card.transmit(&command).unwrap();
    while status >> 8 == 0x61 {
        let (more, next) = card.transmit(&[0x00, 0xC0, 0, 0, 0]).unwrap();
        data.extend(more);
        status = next;
    }
    assert_eq!(status, OK, "{status:04X}");
    data
}
