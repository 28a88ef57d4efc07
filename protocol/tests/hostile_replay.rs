//! Parts of good messages in the wrong place: another exchange, another kind, another member, another order. Whoever
//! moves them is a router, or a member that signs whatever it likes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

mod support;

use protocol::crypto::{AwsLc, Crypto, RustCrypto};
use protocol::error::{Malformed, Rejected};
use protocol::member::FreshKey;
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::provider::{self, Requests};
use protocol::types::{Digest, Number, Options};
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::{
    Card, KINDS, PAIR, Provider, Run, all_options, cards, combine, member_receives, own_part, provider_verifies,
    purchase, sign,
};

const FORK: &[Option<Number>] = &[None, Some(0), Some(0)];

type ProviderBackend = AwsLc;

/// One provider, the same cards in two exchanges.
fn twice(shape: &[Option<Number>], options: impl Fn(&mut Card)) -> (Provider, Vec<Card>, [Run; 2]) {
    let mut random = StdRng::seed_from_u64(31);
    let provider = Provider::new(&mut random);
    let mut cards = cards(&provider, shape.len(), &mut random);
    cards.iter_mut().for_each(options);
    let runs = [(); 2].map(|()| purchase(&provider, &cards, shape, &mut random));
    (provider, cards, runs)
}

#[test]
fn a_whole_message_is_good_in_its_own_place_alone() {
    for options in [|_: &mut Card| (), all_options] {
        let (provider, _, runs) = twice(PAIR, options);
        let mut tried = 0;
        for (at, here) in runs.iter().enumerate() {
            for (from, there) in runs.iter().enumerate() {
                tried += requests_in_every_place(&provider, here, there, at == from);
                tried += parts_in_every_place(here, there, at == from);
            }
        }
        println!("{tried} messages tried in places");
    }
}

/// A request says its kind itself, so its place is the group.
fn requests_in_every_place(provider: &Provider, here: &Run, there: &Run, same: bool) -> usize {
    for (kind, message) in [(Kind::TransactionRequest, &there.messages[2]), (Kind::Acknowledgment, &there.messages[4])]
    {
        assert_eq!(provider_verifies(provider, here, message).is_ok(), same, "{kind:?}");
        let mut other_kind = message.clone();
        other_kind[1] = if kind == Kind::Acknowledgment { 3 } else { 5 };
        assert!(provider_verifies(provider, here, &other_kind).is_err());
    }
    // An acknowledgment before there is a response.
    let requests = Requests::new::<AwsLc>(Tree::parse(&there.messages[4]).unwrap()).unwrap();
    assert!(provider::acknowledgment::verify::<AwsLc>(&here.granted, &requests).is_err());
    5
}

/// Every member in each of its states against every member's part of every response, also under another kind's name.
fn parts_in_every_place(here: &Run, there: &Run, same: bool) -> usize {
    let responses = || KINDS.into_iter().enumerate().filter(|(_, kind)| kind.answer().is_none());
    let mut tried = 0;
    for (_, awaited) in responses() {
        for (index, kind) in responses() {
            for (number, part) in (0..2).flat_map(|number| (0..2).map(move |part| (number, part))) {
                let mut message = own_part(&there.messages[index], part);
                let right = same && awaited == kind && number == part;
                assert_eq!(member_receives(here, number, awaited, &message).is_ok(), right, "{kind:?} for {awaited:?}");
                message[1] = awaited.byte();
                assert_eq!(member_receives(here, number, awaited, &message).is_ok(), right, "renamed {kind:?}");
                tried += 2;
            }
        }
    }
    tried
}

#[test]
fn a_member_refuses_its_part_under_another_number_or_with_another_proof() {
    let (_, _, [run, other]) = twice(FORK, |_| ());
    for (index, kind) in KINDS.into_iter().enumerate().filter(|(_, kind)| kind.answer().is_none()) {
        let batch = Batch::parse(&run.messages[index]).unwrap();
        let mut one = batch.slice(1..2);
        let refused = |message: &Batch<'_>, what: &str| {
            assert!(member_receives(&run, 1, kind, &message.encode()).is_err(), "{kind:?}: {what}");
        };
        assert_eq!(one.parts[0].proof.len(), 2);
        one.parts[0].number = 0;
        refused(&one, "another number");
        one.parts[0].number = 1;
        for length in [0, 1] {
            let mut short = one.clone();
            short.parts[0].proof.truncate(length);
            refused(&short, "a shorter proof");
        }
        let mut long = one.clone();
        long.parts[0].proof.push(Digest([0; 32])).unwrap();
        refused(&long, "a longer proof");
        let mut reordered = one.clone();
        reordered.parts[0].proof.reverse();
        refused(&reordered, "a proof in another order");
        let mut header = one.clone();
        header.header = Batch::parse(&other.messages[index]).unwrap().header;
        refused(&header, "another exchange's signature");
        for count in [0, 1, 2, 4, u16::MAX] {
            let mut counted = one.clone();
            counted.header.count = count;
            refused(&counted, "another count");
        }
        refused(&batch.slice(0..2), "two parts");
        refused(&batch.slice(0..0), "no part");
        member_receives(&run, 1, kind, &one.encode()).unwrap();
    }
}

#[test]
fn the_parts_of_a_response_stand_in_order_and_once() {
    let (_, _, [run, _]) = twice(FORK, |_| ());
    for message in [&run.messages[1], &run.messages[3], &run.messages[5]] {
        let batch = Batch::parse(message).unwrap();
        for order in [[1, 0, 2], [0, 0, 1], [0, 2, 1], [2, 2, 2]] {
            let parts = order.map(|number| batch.parts[number].clone()).to_vec();
            let reordered = Batch { kind: batch.kind, header: batch.header, parts };
            assert_eq!(Batch::parse(&reordered.encode()), Err(Malformed::Structure));
        }
    }
}

#[test]
fn the_provider_refuses_a_tree_with_its_nodes_dropped_moved_or_lifted_from_another_exchange() {
    for options in [|_: &mut Card| (), |card: &mut Card| card.options = Options::HIDDEN_KEY] {
        let (provider, _, [run, other]) = twice(FORK, options);
        for index in [0, 2, 4] {
            let tree = Tree::parse(&run.messages[index]).unwrap();
            let lifted = Tree::parse(&other.messages[index]).unwrap();
            let [root, first, second] = *tree.nodes() else { panic!("three nodes") };
            let [_, other_first, _] = *lifted.nodes() else { panic!("three nodes") };
            let leaf = |node: protocol::message::request::Node<'_>| {
                Tree::combine(tree.kind(), node.own, node.signature, &[]).unwrap().encode()
            };
            let [first, second, other_first] = [first, second, other_first].map(leaf);
            let trees: Vec<Vec<&[u8]>> = vec![
                vec![&first],
                vec![&second],
                vec![&second, &first],
                vec![&other_first, &second],
                vec![&first, &second, &other_first],
                vec![],
            ];
            for below in trees {
                let below: Vec<Tree<'_>> = below.into_iter().map(|message| Tree::parse(message).unwrap()).collect();
                let message = Tree::combine(tree.kind(), root.own, root.signature, &below).unwrap().encode();
                assert!(provider_verifies(&provider, &run, &message).is_err(), "{:?}", tree.kind());
            }
            // The same nodes in another shape: a series instead of a fork.
            let second = Tree::parse(&second).unwrap();
            let first = tree.nodes()[1];
            let series = Tree::combine(tree.kind(), first.own, first.signature, &[second]).unwrap();
            let series = Tree::combine(tree.kind(), root.own, root.signature, &[series]).unwrap().encode();
            assert!(provider_verifies(&provider, &run, &series).is_err());
            provider_verifies(&provider, &run, &tree.encode()).unwrap();
        }
    }
}

#[test]
fn a_dishonest_root_cannot_sign_another_exchanges_child_into_its_own() {
    let (_, cards, [run, other]) = twice(PAIR, |_| ());
    for (index, group) in [(2, &run.granted), (4, &run.group)] {
        let tree = Tree::parse(&run.messages[index]).unwrap();
        let lifted = Tree::parse(&other.messages[index]).unwrap();
        let child = lifted.nodes()[1];
        let child = Tree::combine(tree.kind(), child.own, child.signature, &[]).unwrap();
        // Its own key, its own words, its own session: all that a dishonest root has, over a child that it replayed.
        let signature = sign_node(&cards[0], &tree, &child);
        let message = Tree::combine(tree.kind(), tree.nodes()[0].own, &signature, &[child]).unwrap().encode();
        let requests = Requests::new::<AwsLc>(Tree::parse(&message).unwrap()).unwrap();
        let refused = if index == 2 {
            provider::transaction::verify::<AwsLc>(group, &requests).err()
        } else {
            provider::acknowledgment::verify::<AwsLc>(group, &requests).err()
        };
        assert!(matches!(refused, Some(Rejected::NotForThis(_))), "{refused:?}");
    }
}

/// PROTOCOL.md, section 5.3, by hand.
fn sign_node(card: &Card, tree: &Tree<'_>, child: &Tree<'_>) -> Vec<u8> {
    let combined = Tree::combine(tree.kind(), tree.nodes()[0].own, &[0; 64], std::slice::from_ref(child)).unwrap();
    let node = combined.digests::<RustCrypto>()[0];
    let mut signed = Vec::new();
    for field in [b"symbolon/1 node signature".as_slice(), &node.0] {
        signed.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        signed.extend(field);
    }
    let message = sha256(&signed);
    let key = RustCrypto::signing_key(&card.signing).unwrap();
    RustCrypto::sign(&key, &message, &[]).0.to_vec()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use protocol::crypto::Hasher;
    let mut hasher = <RustCrypto as Crypto>::Sha256::new();
    Hasher::update(&mut hasher, bytes);
    hasher.finish()
}

#[test]
fn no_node_and_no_key_is_twice_in_a_tree() {
    let mut random = StdRng::seed_from_u64(33);
    let provider = Provider::new(&mut random);
    let card = Card::new(&provider, &mut random, "account", None);
    let root = Card::new(&provider, &mut random, "root", None);

    // The same node twice.
    let (own, unsigned) = card.key_exchange(&mut random).unwrap();
    let (signature, _) = sign(unsigned, &[], &mut random);
    let leaf = || Tree::combine(Kind::KeyExchangeRequest, &own, &signature, &[]).unwrap();
    let (root_own, unsigned) = root.key_exchange(&mut random).unwrap();
    let child = (leaf().digests::<RustCrypto>()[0], signature.clone());
    let (root_signature, _) = sign(unsigned, &[child.clone(), child], &mut random);
    let message = Tree::combine(Kind::KeyExchangeRequest, &root_own, &root_signature, &[leaf(), leaf()]).unwrap();
    assert!(matches!(Requests::new::<AwsLc>(message), Err(Malformed::Structure)));

    // The same key in two nodes, hidden or not.
    for (options, fresh) in [(Options::none(), FreshKey::No), (Options::HIDDEN_KEY, FreshKey::No)] {
        let mut card = Card::new(&provider, &mut random, "account", None);
        (card.options, card.fresh) = (options, fresh);
        let parts =
            vec![root.key_exchange(&mut random), card.key_exchange(&mut random), card.key_exchange(&mut random)];
        let parts = parts.into_iter().map(Result::unwrap).collect();
        let (message, _) = combine(Kind::KeyExchangeRequest, FORK, parts, &mut random);
        let requests = Requests::new::<AwsLc>(Tree::parse(&message).unwrap()).unwrap();
        let refused = provider::key_exchange::verify(&provider.keys, &requests).err();
        assert_eq!(refused, Some(Rejected::Malformed(Malformed::Structure)));
    }
}

#[test]
fn another_descriptors_request_is_refused_by_its_key() {
    let mut random = StdRng::seed_from_u64(34);
    let [provider, other] = [(); 2].map(|()| Provider::new(&mut random));
    let card = Card::new(&provider, &mut random, "account", None);
    let parts = vec![card.key_exchange(&mut random).unwrap()];
    let (message, _) = combine(Kind::KeyExchangeRequest, &[None], parts, &mut random);
    let requests = Requests::new::<AwsLc>(Tree::parse(&message).unwrap()).unwrap();
    assert_eq!(provider::key_exchange::verify(&other.keys, &requests).err(), Some(Rejected::UnknownKey));
    assert!(provider::key_exchange::verify(&provider.keys, &requests).is_ok());
}
