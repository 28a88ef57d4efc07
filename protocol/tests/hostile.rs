//! Bytes from strangers: every decoder, every state of a member and every step of a provider takes any bytes without a
//! panic, and refuses what is not exactly right. What the fuzz targets do runs here too, with random bytes and with
//! their corpora.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

#[path = "../../tests/fuzz/src/lib.rs"]
#[allow(
    unreachable_pub,
    clippy::cast_possible_truncation,
    reason = "the crate of the fuzz targets, which has rules of its own"
)]
mod targets;

use std::path::Path;

use proptest::prelude::*;
use protocol::crypto::RustCrypto;
use protocol::error::Malformed;
use protocol::limits;
use protocol::message::Kind;
use protocol::message::key_exchange::Cryptogram2;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::message::transaction::{Display, Outcome, Terms};
use protocol::provider::{self, Requests};
use protocol::types::{Ending, Number, Options};
use rand::SeedableRng;
use rand::rngs::StdRng;
use targets::support::{
    AMOUNT, EUR, KINDS, PAIR, Provider, Run, cards, member_receives, own_part, provider_verifies, purchase,
};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in bytes()) {
        for (_, target) in targets::TARGETS {
            target(&bytes);
        }
    }
}

/// Bytes as they come, and bytes that begin as a message does.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let any_bytes = || proptest::collection::vec(any::<u8>(), 0..600);
    let message = (1..10_u8, any_bytes()).prop_map(|(kind, rest)| [vec![1, kind], rest].concat());
    prop_oneof![any_bytes(), message]
}

#[test]
fn the_corpora_of_the_fuzz_targets_find_nothing() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let mut count = 0;
        for entry in std::fs::read_dir(corpora.join(name)).unwrap() {
            target(&std::fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        println!("{name}: {count} inputs");
        assert!(count >= 3, "{name} has a corpus");
    }
}

fn exchange() -> (Provider, Run) {
    let mut random = StdRng::seed_from_u64(51);
    let provider = Provider::new(&mut random);
    let cards = cards(&provider, 2, &mut random);
    let run = purchase(&provider, &cards, PAIR, &mut random);
    (provider, run)
}

/// Whether the receiver of a message of this kind takes these bytes.
fn is_taken(provider: &Provider, run: &Run, kind: Kind, bytes: &[u8]) -> bool {
    match kind.answer() {
        Some(_) => provider_verifies(provider, run, bytes).is_ok(),
        None => member_receives(run, 0, kind, bytes).is_ok(),
    }
}

fn for_each_message(check: impl Fn(&dyn Fn(&[u8]) -> bool, &[u8])) {
    let (provider, run) = exchange();
    for (kind, message) in KINDS.into_iter().zip(&run.messages) {
        let message = if kind.answer().is_none() { own_part(message, 0) } else { message.clone() };
        let taken = |bytes: &[u8]| is_taken(&provider, &run, kind, bytes);
        assert!(taken(&message));
        check(&taken, &message);
    }
}

#[test]
fn every_message_is_refused_when_it_ends_early_or_late() {
    for_each_message(|is_taken, message| {
        assert!((0..message.len()).all(|length| !is_taken(&message[..length])));
        for more in [&[0][..], &[1], &[0xff], &[0; 100], message] {
            assert!(!is_taken(&[message, more].concat()));
        }
    });
}

#[test]
fn every_number_has_one_spelling() {
    for_each_message(|is_taken, message| {
        // Wherever a number is, this spells it one byte longer; elsewhere it is a byte too many.
        for at in (0..message.len()).filter(|at| message[*at] < 0x80) {
            let longer = [&message[..at], &[message[at] | 0x80, 0], &message[at + 1..]].concat();
            assert!(!is_taken(&longer), "at {at}");
        }
    });
}

/// A key exchange request of nodes with nothing in them.
fn tree_of(children: &[u8]) -> Vec<u8> {
    let mut message = vec![1, Kind::KeyExchangeRequest.byte()];
    put_number(&mut message, children.len());
    for count in children {
        message.extend([*count, 0, 64]);
        message.extend([0; 64]);
    }
    message
}

fn put_number(message: &mut Vec<u8>, number: usize) {
    if number < 0x80 {
        message.push(number.try_into().unwrap());
    } else {
        message.extend([number & 0x7f | 0x80, number >> 7].map(|byte| u8::try_from(byte).unwrap()));
    }
}

/// A root with `CHILDREN_MAX` children, of which the first have as many, up to `count` nodes in all.
fn widest(count: usize) -> Vec<u8> {
    let max = u8::try_from(limits::CHILDREN_MAX).unwrap();
    let mut children = vec![max];
    let mut left = count - 1 - limits::CHILDREN_MAX;
    for _ in 0..limits::CHILDREN_MAX {
        let below = left.min(limits::CHILDREN_MAX);
        left -= below;
        children.push(u8::try_from(below).unwrap());
        children.extend(vec![0; below]);
    }
    children
}

#[test]
fn a_tree_is_within_its_limits() {
    let chain = |length: usize| [vec![1; length - 1], vec![0]].concat();
    assert!(Tree::parse(&tree_of(&chain(limits::DEPTH_MAX + 1))).is_ok());
    assert_eq!(Tree::parse(&tree_of(&chain(limits::DEPTH_MAX + 2))), Err(Malformed::TooLarge("depth of the tree")));
    assert!(Tree::parse(&tree_of(&widest(limits::MEMBERS_MAX))).is_ok());
    assert_eq!(Tree::parse(&tree_of(&widest(limits::MEMBERS_MAX + 1))), Err(Malformed::TooLarge("count of members")));
    let wide = |children: u8| [vec![children], vec![0; children.into()]].concat();
    assert!(Tree::parse(&tree_of(&wide(16))).is_ok());
    assert_eq!(Tree::parse(&tree_of(&wide(17))), Err(Malformed::TooLarge("count of children")));
}

#[test]
fn counts_that_lie_are_refused() {
    for children in [&[][..], &[1], &[2, 0], &[0, 0], &[1, 0, 0], &[1, 1], &[16]] {
        assert_eq!(Tree::parse(&tree_of(children)), Err(Malformed::Structure), "{children:?}");
    }
    let good = tree_of(&[1, 0]);
    for count in [[0, 0].as_slice(), &[1], &[3], &[0x80, 2], &[0x81, 2], &[0xff, 0xff, 3]] {
        let lying = [&good[..2], count, &good[3..]].concat();
        assert!(Tree::parse(&lying).is_err(), "{count:?}");
    }
    // A part, a signature of lengths that are not there.
    for length in [[1].as_slice(), &[0x7f], &[0xff, 0x7f], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
        let lying = [&[1, 1, 1, 0], length, &[64], &[0; 64][..]].concat();
        assert!(Tree::parse(&lying).is_err(), "{length:?}");
    }
    for signature in [0, 1, 63, 65, 79, 81] {
        let message = [&[1, 1, 1, 0, 0, signature], &vec![0; signature.into()][..]].concat();
        assert_eq!(Tree::parse(&message), Err(Malformed::Structure), "{signature}");
    }
}

#[test]
fn a_members_part_is_within_its_limit() {
    let part = |length: usize| {
        let mut message = vec![1, 1, 1, 0];
        put_number(&mut message, length);
        message.extend(vec![0; length]);
        message.push(64);
        message.extend([0; 64]);
        message
    };
    assert!(Tree::parse(&part(limits::CARD_MESSAGE_MAX)).is_ok());
    assert_eq!(Tree::parse(&part(limits::CARD_MESSAGE_MAX + 1)), Err(Malformed::TooLarge("a member's part")));
}

/// The plain text of terms with these counterparties.
fn terms_with(counterparties: &[u8]) -> Vec<u8> {
    let count = u8::try_from(counterparties.len()).unwrap();
    [&[1, 1, 0], b"EUR".as_slice(), &[count], counterparties, &[0]].concat()
}

#[test]
fn counterparties_stand_in_order_and_once() {
    for good in [&[][..], &[0], &[0, 1, 9], &(0..16).collect::<Vec<u8>>()] {
        assert!(Terms::parse(&terms_with(good)).is_ok(), "{good:?}");
    }
    for bad in [&[1, 0][..], &[3, 3], &[0, 2, 1]] {
        assert_eq!(Terms::parse(&terms_with(bad)), Err(Malformed::Structure), "{bad:?}");
    }
    assert_eq!(Terms::parse(&terms_with(&(0..17).collect::<Vec<u8>>())), Err(Malformed::Undecodable));
}

#[test]
fn lines_and_receipts_inside_a_seal_are_within_their_limits() {
    let text = |length: usize| {
        let mut text = Vec::new();
        put_number(&mut text, length);
        text.extend(vec![b'x'; length]);
        text
    };
    let display = |line: usize, receipt: usize| {
        [&[1, 5], text(line).as_slice(), &[0], b"EUR".as_slice(), &[0], &text(receipt)].concat()
    };
    let max = limits::LINE_MAX;
    assert!(Display::parse(&display(max, max)).is_ok());
    assert_eq!(Display::parse(&display(max + 1, 0)), Err(Malformed::TooLarge("line")));
    assert_eq!(Display::parse(&display(0, max + 1)), Err(Malformed::TooLarge("receipt")));

    let cryptogram_2 = |line: usize| [&[0; 64], [1, 5].as_slice(), &text(line), &[0; 6]].concat();
    assert!(Cryptogram2::parse(&cryptogram_2(max), Options::none()).is_ok());
    let refused = Cryptogram2::parse(&cryptogram_2(max + 1), Options::none()).err();
    assert_eq!(refused, Some(Malformed::TooLarge("line")));
}

#[test]
fn a_member_refuses_a_provider_that_says_more_than_it_may() {
    let (provider, mut run) = exchange();
    let mut random = StdRng::seed_from_u64(52);
    let request = run.messages[2].clone();
    let requests = Requests::new::<RustCrypto>(Tree::parse(&request).unwrap()).unwrap();
    for (length, is_taken) in [(limits::SENSITIVE_MAX, true), (limits::SENSITIVE_MAX + 1, false)] {
        let private = vec![b'x'; length];
        let told = provider::transaction::Told {
            outcome: Outcome::Approved,
            amount: AMOUNT,
            currency: EUR,
            receipt: "",
            private: &private,
            plain_text: b"",
        };
        let told = [told.clone(), told];
        let group = &mut run.granted;
        let answer = provider::transaction::answer(&provider.keys, group, &requests, &told, &mut random).unwrap();
        let part = own_part(&answer.message, 0);
        assert_eq!(member_receives(&run, 0, Kind::TransactionResponse, &part).is_ok(), is_taken);
    }
    let requests = Requests::new::<RustCrypto>(Tree::parse(&run.messages[4]).unwrap()).unwrap();
    for (length, is_taken) in [(limits::LINE_MAX, true), (limits::LINE_MAX + 1, false)] {
        let receipt = "x".repeat(length);
        let told = provider::acknowledgment::Told { ending: Ending::Posted, receipt: &receipt, plain_text: b"" };
        let told = [told.clone(), told];
        let answer =
            provider::acknowledgment::answer(&provider.keys, &run.group, &requests, &told, &mut random).unwrap();
        let part = own_part(&answer.message, 0);
        assert_eq!(member_receives(&run, 0, Kind::FinalNotice, &part).is_ok(), is_taken);
    }
}

#[test]
fn a_response_is_within_its_limits() {
    let (_, run) = exchange();
    let batch = Batch::parse(&run.messages[1]).unwrap();
    let mut too_many = batch.clone();
    too_many.header.count = Number::try_from(limits::MEMBERS_MAX + 1).unwrap();
    assert_eq!(Batch::parse(&too_many.encode()), Err(Malformed::TooLarge("count of members")));
    let mut outside = batch.clone();
    outside.header.count = 1;
    assert_eq!(Batch::parse(&outside.encode()), Err(Malformed::Structure));
    // A proof of nine hashes, and one that says so and has none.
    let message = batch.slice(0..1).encode();
    let at = message.len() - 33;
    assert_eq!(message[at], 1);
    for hashes in [0, 9] {
        let longer = [&message[..at], &[9], &vec![0; 32 * hashes][..]].concat();
        assert_eq!(Batch::parse(&longer), Err(Malformed::Undecodable));
    }
}
