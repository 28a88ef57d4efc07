//! Members that combine several others, themselves combined: the response finds its way back to every card.

use std::sync::Arc;

use host_terminal::card::Card;
use host_terminal::hop::Upstream;
use host_terminal::member::{Above, Combined, combine};
use host_terminal::observe::Tap;
use host_terminal::offer::Offer;
use host_terminal::purse::{Purse, SignedDescriptor, key_exchange, purchase};
use host_terminal::{CUSTOMER, Error, Misbehaviour, PROVIDER};
use protocol::error::Malformed;
use protocol::types::Role;

use crate::support::cards::{self, AccountData};
use crate::support::provider::Provider;
use crate::support::{EUR, pin};

/// Members with a session to begin, each with a card of its own, and the way to their provider.
async fn purses(count: usize) -> (Vec<Purse>, Upstream) {
    let accounts: Vec<AccountData> = (0..count).map(|number| AccountData::new(&"x".repeat(number + 1))).collect();
    let provider = Arc::new(Provider::new(&accounts, 0));
    let upstream = Upstream::new(&provider.serve().await, 1, Tap::silent());
    let descriptor = SignedDescriptor::fetch(&upstream, PROVIDER).await.unwrap();
    let mut purses = Vec::new();
    for account in &accounts {
        let served = cards::serve(account, provider.id(), &provider.root).await;
        let card = cards::reach(&served, Tap::silent()).await;
        let here = provider.id();
        let mut purse =
            Purse::open(card, &pin("1234"), |account| account.provider == here, Error::NoAccount(here)).await.unwrap();
        purse.prepare(&descriptor, PROVIDER).await.unwrap();
        purses.push(purse);
    }
    (purses, upstream)
}

async fn exchange(card: &mut Card, below: &[&Combined]) -> Combined {
    let below: Vec<&[u8]> = below.iter().map(|combined| combined.message.as_slice()).collect();
    combine(card, &key_exchange(true), &below, CUSTOMER).await.unwrap()
}

#[tokio::test]
async fn a_tree_of_terminals_hands_every_card_its_own_part() {
    let (mut purses, provider) = purses(6).await;
    let [top, middle, left, right, beside, below] = purses.as_mut_slice() else { unreachable!() };
    // The top combines two: one with two below it, and one with one.
    let left_message = exchange(&mut left.card, &[]).await;
    let right_message = exchange(&mut right.card, &[]).await;
    let middle_message = exchange(&mut middle.card, &[&left_message, &right_message]).await;
    let below_message = exchange(&mut below.card, &[]).await;
    let beside_message = exchange(&mut beside.card, &[&below_message]).await;
    let top_message = exchange(&mut top.card, &[&middle_message, &beside_message]).await;

    let at_top = top_message.ask(&Above::new(&provider, PROVIDER)).await.unwrap();
    let at_middle = middle_message.separate(&at_top.branches[0], PROVIDER).unwrap();
    let at_left = left_message.separate(&at_middle.branches[0], PROVIDER).unwrap();
    let at_right = right_message.separate(&at_middle.branches[1], PROVIDER).unwrap();
    let at_beside = beside_message.separate(&at_top.branches[1], PROVIDER).unwrap();
    let at_below = below_message.separate(&at_beside.branches[0], PROVIDER).unwrap();

    let parts = [&at_top, &at_middle, &at_left, &at_right, &at_beside, &at_below];
    for (number, (purse, part)) in purses.iter_mut().zip(parts).enumerate() {
        let opened = purse.card.receive_session(&part.own).await.unwrap();
        assert_eq!((opened.number, part.number, opened.count), (number as u16, number as u16, 6));
        assert_eq!((opened.parties.len(), &opened.refused), (6, &None));
    }

    // A branch that belongs to another member has the wrong count of parts.
    let wrong = middle_message.separate(&at_top.branches[1], PROVIDER).unwrap_err();
    assert!(matches!(wrong, Error::Misbehaved { what: Misbehaviour::OtherMembers, .. }), "{wrong}");
}

#[tokio::test]
async fn children_that_are_none_are_refused_before_the_card_is_asked() {
    let (mut purses, _provider) = purses(2).await;
    let [one, other] = purses.as_mut_slice() else { unreachable!() };
    let message = exchange(&mut one.card, &[]).await.message;
    let offer = Offer { provider: other.account().provider, amount: 1, currency: EUR };

    let many = vec![message.as_slice(); 17];
    let junk: [&[u8]; 1] = [b"junk"];
    for (children, what) in [
        (many.as_slice(), Misbehaviour::Malformed(Malformed::TooLarge("count of children"))),
        (junk.as_slice(), Misbehaviour::Malformed(Malformed::UnknownSuite(b'j'))),
    ] {
        let refused = combine(&mut other.card, &key_exchange(true), children, CUSTOMER).await.unwrap_err();
        assert!(matches!(&refused, Error::Misbehaved { hop: CUSTOMER, what: found } if *found == what), "{refused}");
    }
    let part = purchase(&offer, Role::PAYEE, 1);
    let refused = combine(&mut other.card, &part, &[&message], CUSTOMER).await.unwrap_err();
    assert!(refused.to_string().contains("key exchange request came where transaction request belongs"), "{refused}");
    // The card noticed nothing of it: its session begins.
    exchange(&mut other.card, &[]).await;
}
