//! A router that reorders, delays, duplicates, truncates or splices.

use apdu_spec::Status;
use apdu_spec::transaction::{Ending, FinalAnswer};
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::message::response::{Batch, Part};
use service_provider::engine::Policy;
use symbolon_tests::seat::status;

use crate::scene::{KINDS, Star, alter};

/// Two purchases share a connection; the router gives each the other's answers, and its messages in another order.
#[test]
fn answers_that_are_reordered_are_refused_and_the_right_ones_work() {
    let mut stars = [Star::new(51), Star::new(52)];
    for kind in KINDS {
        let requests: Vec<_> = stars.iter_mut().map(|star| star.request(kind)).collect();
        // The later one is sent first.
        for (star, request) in stars.iter_mut().zip(&requests).rev() {
            star.company.issuer.ask(&request.root.message).unwrap();
        }
        let responses: Vec<Vec<u8>> = stars
            .iter_mut()
            .zip(&requests)
            .map(|(star, request)| star.company.issuer.ask(&request.root.message).unwrap())
            .collect();
        for (index, star) in stars.iter_mut().enumerate() {
            let parts = star.own_parts(&requests[index], &responses[1 - index]);
            for (member, part) in parts.iter().enumerate() {
                let refused = star.company.seats[member].receive(kind.answer().unwrap(), part);
                assert_eq!(status(&refused), Some(Status::SECURITY_NOT_SATISFIED));
            }
            star.deliver(&requests[index], &responses[index]);
        }
    }
    assert_eq!(stars.map(|mut star| star.paid()), [1, 1]);
}

/// Parts of one response, each given to another member of the same group, and answers of an earlier round.
#[test]
fn answers_that_go_to_the_wrong_member_or_round_are_refused() {
    let mut star = Star::new(53);
    let mut earlier: Option<[Vec<u8>; 3]> = None;
    for kind in KINDS {
        let request = star.request(kind);
        let response = star.company.issuer.ask(&request.root.message).unwrap();
        let parts = star.own_parts(&request, &response);
        for member in 0..3 {
            for wrong in [&parts[(member + 1) % 3], &parts[(member + 2) % 3]] {
                let refused = star.company.seats[member].receive(kind.answer().unwrap(), wrong);
                assert_eq!(status(&refused), Some(Status::SECURITY_NOT_SATISFIED));
            }
            if let Some(earlier) = &earlier {
                let refused = star.company.seats[member].receive(kind.answer().unwrap(), &earlier[member]);
                assert_eq!(status(&refused), Some(Status::WRONG_DATA));
            }
        }
        star.deliver(&request, &response);
        earlier = Some(parts);
    }
    assert_eq!(star.paid(), 1);
}

/// Held back until what waits for it has ended: nothing moves, and everybody is told so.
#[test]
fn messages_that_are_delayed_move_nothing() {
    let mut star = Star::new(54);
    star.before(Kind::TransactionRequest);
    let late = star.request(Kind::TransactionRequest);
    star.company.issuer.wait(Policy::default().session).unwrap();
    star.refused(&late.root.message);

    star.before(Kind::Acknowledgment);
    let late = star.request(Kind::Acknowledgment);
    star.company.issuer.wait(Policy::default().hold).unwrap();
    let response = star.company.issuer.ask(&late.root.message).unwrap();
    for (member, part) in star.own_parts(&late, &response).iter().enumerate() {
        let shown = star.company.seats[member].receive(Kind::FinalNotice, part).unwrap();
        assert_eq!(FinalAnswer::parse(&shown).unwrap().ending, Ending::Released);
    }
    assert_eq!(star.paid(), 0);
}

#[test]
fn messages_that_are_duplicated_get_the_same_answer_and_move_the_money_once() {
    let mut star = Star::new(55);
    let mut all = Vec::new();
    for kind in KINDS {
        let request = star.request(kind);
        let response = star.finish(&request);
        all.push((request, response));
        for (request, response) in &all {
            for _ in 0..3 {
                assert_eq!(star.company.issuer.answer(&request.root.message), *response);
            }
        }
    }
    // Answers again, to cards that have taken them.
    for (request, response) in &all {
        let kind = request.said.kind.answer().unwrap();
        for (member, part) in star.own_parts(request, response).iter().enumerate() {
            let refused = star.company.seats[member].receive(kind, part);
            assert_eq!(status(&refused), Some(Status::CONDITIONS_NOT_SATISFIED));
        }
    }
    assert_eq!(star.paid(), 1);
}

#[test]
fn messages_that_are_truncated_are_refused_and_the_whole_ones_work() {
    let mut star = Star::new(56);
    for kind in KINDS {
        let request = star.request(kind);
        for length in 0..request.root.message.len() {
            star.refused(&request.root.message[..length]);
        }
        let response = star.company.issuer.ask(&request.root.message).unwrap();
        for (member, part) in star.own_parts(&request, &response).iter().enumerate() {
            for length in 1..part.len() {
                let refused = star.company.seats[member].receive(kind.answer().unwrap(), &part[..length]);
                let status = status(&refused);
                assert!([Some(Status::WRONG_DATA), Some(Status::SECURITY_NOT_SATISFIED)].contains(&status));
            }
        }
        star.deliver(&request, &response);
    }
    assert_eq!(star.paid(), 1);
}

/// Two purchases of the same members: every piece of one message in the place of the other's.
#[test]
fn messages_that_are_spliced_are_refused_and_the_right_ones_work() {
    for kind in KINDS {
        let mut star = Star::new(57);
        star.before(kind);
        let old = star.request(kind);
        let old_response = star.finish(&old);
        if kind == Kind::TransactionRequest {
            star.from(Kind::Acknowledgment);
        }
        star.before(kind);
        let new = star.request(kind);
        let other = Tree::parse(&old.root.message).unwrap();
        for member in 0..3 {
            let other = other.nodes()[member];
            star.refused(&alter(&new.root.message, |nodes| nodes[member].own = other.own));
            star.refused(&alter(&new.root.message, |nodes| nodes[member].signature = other.signature));
            star.refused(&alter(&new.root.message, |nodes| nodes[member] = other));
        }
        star.refused(&alter(&new.root.message, |nodes| nodes.swap(1, 2)));
        star.refused(&alter(&new.root.message, |nodes| (nodes[0].children, nodes[1].children) = (1, 1)));

        let response = star.company.issuer.ask(&new.root.message).unwrap();
        for member in 0..3 {
            for spliced in spliced(&response, &old_response, member) {
                let refused = star.company.seats[member].receive(kind.answer().unwrap(), &spliced);
                assert_eq!(status(&refused), Some(Status::SECURITY_NOT_SATISFIED));
            }
        }
        star.deliver(&new, &response);
    }
}

/// A member's part of a response, each piece of it taken from another response or another member's part.
fn spliced(response: &[u8], other: &[u8], member: usize) -> Vec<Vec<u8>> {
    let (batch, other) = (Batch::parse(response).unwrap(), Batch::parse(other).unwrap());
    let own = &batch.parts[member];
    let mut spliced = Vec::new();
    for donor in [&other.parts[member], &batch.parts[(member + 1) % 3]] {
        let parts = [
            Part { salt: donor.salt, ..own.clone() },
            Part { item: donor.item, ..own.clone() },
            Part { proof: donor.proof.clone(), ..own.clone() },
            Part { number: own.number, ..donor.clone() },
        ];
        spliced.extend(parts.map(|part| Batch { parts: vec![part], ..batch.clone() }.encode()));
    }
    let foreign = Batch { header: other.header, parts: vec![own.clone()], ..batch.clone() };
    spliced.push(foreign.encode());
    spliced
}
