//! A member that lifts, drops, swaps, repeats or invents another's part, claims another's account, or mixes two groups.

use protocol::crypto::{Crypto, RustCrypto, Secret, Signature, random_scalar};
use protocol::limits::CARD_MESSAGE_MAX;
use protocol::member::{Account, FreshKey, KeyExchange};
use protocol::message::Kind;
use protocol::message::descriptor::Descriptor;
use protocol::message::request::Tree;
use protocol::types::{Options, ReasonCode};
use rand::SeedableRng;
use rand::rngs::StdRng;
use symbolon_tests::by_hand::{ByHand, Recorder, digest};
use symbolon_tests::seat::status;

use crate::scene::{KINDS, Star, alter};

/// Rounds that belong to a group: a key exchange does not know its group yet.
const LATER: [Kind; 2] = [Kind::TransactionRequest, Kind::Acknowledgment];

/// The shop's terminal has its own card sign, over what it makes of the others' messages.
fn refused_from_the_shop(star: &mut Star, kind: Kind, below: &[&[u8]]) {
    let altered = star.combine(kind, below);
    star.refused(&altered.message);
}

/// After an attack that the shop's card signed, nothing moves; and the next purchase works.
fn ends_well(star: &mut Star, paid: i64) {
    star.company.issuer.wait(symbolon_tests::issuer::LONGEST_WAIT).unwrap();
    assert_eq!(star.paid(), paid);
    star.from(Kind::KeyExchangeRequest);
    assert_eq!(star.paid(), paid + 1);
}

#[test]
fn a_part_that_is_lifted_from_an_earlier_transaction_is_refused() {
    for kind in KINDS {
        let mut star = Star::new(41);
        star.before(kind);
        let earlier = star.request(kind);
        star.finish(&earlier);
        if kind != Kind::Acknowledgment {
            star.from(LATER[usize::from(kind == Kind::TransactionRequest)]);
        }
        assert_eq!(star.paid(), 1);
        star.before(kind);
        let fresh = star.say(kind);
        refused_from_the_shop(&mut star, kind, &[&earlier.said.leaves[0], &fresh.leaves[1]]);
        ends_well(&mut star, 1);
    }
}

#[test]
fn a_part_that_is_dropped_leaves_no_request() {
    for kind in LATER {
        for keep in [[true, false], [false, true], [false, false]] {
            let mut star = Star::new(42);
            star.before(kind);
            let said = star.say(kind);
            let kept: Vec<&[u8]> =
                said.leaves.iter().zip(keep).filter(|(_, keep)| *keep).map(|(leaf, _)| &leaf[..]).collect();
            refused_from_the_shop(&mut star, kind, &kept);
            ends_well(&mut star, 0);
        }
    }
}

/// Whoever is left out of a key exchange is in no group: its card gets no session, and the others know that they are
/// two.
#[test]
fn a_part_that_is_dropped_from_a_key_exchange_is_in_no_group() {
    let mut star = Star::new(43);
    let said = star.say(Kind::KeyExchangeRequest);
    let without = star.combine(Kind::KeyExchangeRequest, &[&said.leaves[0]]);
    let response = star.company.issuer.ask(&without.message).unwrap();
    let separated = without.separate(&response, "above").unwrap();
    let shown = star.company.seats[0].receive(Kind::KeyExchangeResponse, &separated.own).unwrap();
    assert_eq!(apdu_spec::transaction::KeyExchangeAnswer::parse(&shown).unwrap().count, 2);
    for part in [&separated.own, &separated.branches[0]] {
        let refused = star.company.seats[2].receive(Kind::KeyExchangeResponse, part);
        assert_eq!(status(&refused), Some(apdu_spec::Status::SECURITY_NOT_SATISFIED));
    }
    ends_well(&mut star, 0);
}

#[test]
fn parts_that_are_swapped_are_refused() {
    for kind in LATER {
        let mut star = Star::new(44);
        star.before(kind);
        let said = star.say(kind);
        refused_from_the_shop(&mut star, kind, &[&said.leaves[1], &said.leaves[0]]);
        ends_well(&mut star, 0);
    }
}

#[test]
fn a_part_that_is_repeated_is_refused() {
    for kind in KINDS {
        let mut star = Star::new(45);
        star.before(kind);
        let said = star.say(kind);
        let [customer, courier] = &said.leaves;
        // In the courier's place, and beside both.
        for below in [&[&customer[..], customer][..], &[customer, courier, customer]] {
            let mut again = Star::new(45);
            again.before(kind);
            again.say(kind);
            refused_from_the_shop(&mut again, kind, below);
        }
        let root = star.combine(kind, &[customer, courier]);
        star.company.issuer.ask(&root.message).unwrap();
    }
}

/// Signed with a key of the inventor's, over the customer's header and with whatever behind it.
#[test]
fn a_part_that_is_invented_is_refused() {
    let mut random = StdRng::seed_from_u64(46);
    let forger = random_scalar::<RustCrypto>(&mut random);
    for kind in LATER {
        for flipped in [None, Some(60), Some(200)] {
            let mut star = Star::new(46);
            star.before(kind);
            let said = star.say(kind);
            let mut own = Tree::parse(&said.leaves[0]).unwrap().nodes()[0].own.to_vec();
            if let Some(position) = flipped {
                own[position] ^= 1;
            }
            let invented = signed(&forger, kind, &own);
            refused_from_the_shop(&mut star, kind, &[&invented, &said.leaves[1]]);
            ends_well(&mut star, 0);
        }
    }
}

/// A leaf with a right signature by this key.
fn signed(key: &Secret<32>, kind: Kind, own: &[u8]) -> Vec<u8> {
    let node = Tree::combine(kind, own, &[0; 64], &[]).unwrap().digests::<RustCrypto>()[0];
    let message = digest("node signature", &[&node.0]);
    let Signature(signature) = RustCrypto::sign(&RustCrypto::signing_key(key).unwrap(), &message, &[]);
    Tree::combine(kind, own, &signature, &[]).unwrap().encode()
}

/// The same three meet twice. What they said in the one group means nothing in the other, in either direction.
#[test]
fn parts_of_one_group_cannot_enter_another_of_the_same_members() {
    for kind in LATER {
        let mut star = Star::new(47);
        star.before(kind);
        let first = star.request(kind);
        // The first group's request is not sent; its members begin again.
        star.before(kind);
        let second = star.say(kind);
        for mixed in [[&first.said.leaves[0], &second.leaves[1]], [&second.leaves[0], &first.said.leaves[1]]] {
            let mixed = alter(&first.root.message, |nodes| {
                for (node, leaf) in nodes.iter_mut().skip(1).zip(mixed) {
                    *node = Tree::parse(leaf).unwrap().nodes()[0];
                }
            });
            star.refused(&mixed);
        }
        let root = star.combine(kind, &[&first.said.leaves[0], &second.leaves[1]]);
        star.refused(&root.message);

        // The first group's request is still good for its own group, and its answer is no other's.
        let response = star.company.issuer.ask(&first.root.message).unwrap();
        let parts = star.own_parts(&first, &response);
        for (member, part) in parts.iter().enumerate() {
            let refused = star.company.seats[member].receive(kind.answer().unwrap(), part);
            assert_eq!(status(&refused), Some(apdu_spec::Status::SECURITY_NOT_SATISFIED), "member {member}");
        }
        let paid = i64::from(kind == Kind::Acknowledgment);
        ends_well(&mut star, paid);
    }
}

/// With its own key, registered for its own account: the number alone, with a guessed secret, even with the right one.
#[test]
fn a_member_cannot_claim_anothers_account() {
    let mut star = Star::new(48);
    let issuer = &mut star.company.issuer;
    let own = issuer.enrol("OWN1", "Thief", 0).unwrap();
    let mut random = StdRng::seed_from_u64(48);
    let thief = ByHand::new(&mut random);
    issuer.register(own.account, thief.verification().unwrap()).unwrap();
    let descriptor = Descriptor::read_unverified(issuer.descriptor()).unwrap();
    let victim = star.company.enrolled[1].clone();
    let guessed = Secret::from([7; 16]);
    for (number, secret, allowed) in [
        (&victim.number, &own.secret, false),
        (&victim.number, &guessed, false),
        (&victim.number, &victim.secret, false),
        (&own.number, &guessed, false),
        (&own.number, &own.secret, true),
    ] {
        let exchange = KeyExchange {
            descriptor: &descriptor,
            signing: &thief.signing,
            verification: &thief.verification().unwrap(),
            fresh_key: FreshKey::No,
            options: Options::none(),
            account: Some(Account { information: number.as_bytes(), secret }),
            plain_text: &[],
            sensitive: &[],
        };
        let mut space = vec![0; CARD_MESSAGE_MAX];
        let mut recorder = Recorder::new(random.clone());
        let (length, unsigned) = exchange.request::<RustCrypto>(&mut recorder, &mut space).unwrap();
        let mut signature = [0; 64];
        unsigned.combine(0).unwrap().sign(&mut random, &mut signature).unwrap();
        let request = Tree::combine(Kind::KeyExchangeRequest, &space[..length], &signature, &[]).unwrap().encode();
        let response = star.company.issuer.ask(&request).unwrap();
        let draw = |at: usize| <[u8; 32]>::try_from(&recorder.draws[at][..]).unwrap();
        let opened = ByHand { encryption: Secret::from(draw(0)), challenge: draw(1), ..thief.clone() };
        let refused = opened.open(&descriptor, &response, 0).unwrap().refused;
        assert_eq!(refused, (!allowed).then_some(ReasonCode::ACCOUNT), "{number}");
    }
}
