//! What travels where in a whole exchange, held against what each member asked for.

use apdu_spec::transaction::{FreshKey, KeyExchangeAnswer};
use protocol::message::acknowledgment::Acknowledgment;
use protocol::message::key_exchange;
use protocol::message::request::{SEALED_SIGNATURE_LENGTH, SIGNATURE_LENGTH, Tree};
use protocol::message::response::Batch;
use protocol::message::transaction;
use protocol::types::{Currency, Options};
use symbolon_tests::canary::{Canary, contains};

use symbolon_tests::company::{AMOUNT, Choice, Company, Exchange, account, holder, words};

/// Everything about the exchange that its members' choices decide.
#[track_caller]
pub(crate) fn check(group: &Company, exchange: &Exchange, choices: &[Choice]) {
    for (member, choice) in choices.iter().enumerate() {
        check_key_exchange_request(group, exchange, member, *choice);
        check_key_exchange_response(exchange, member, *choice);
        check_shown(exchange, member, choices);
        check_known(group, exchange, member, *choice);
        check_later(exchange, member, *choice);
    }
    check_secrecy(group, exchange, choices);
}

fn check_signature(signature: &[u8], choice: Choice) {
    let length = if choice.has(Options::HIDDEN_KEY) { SEALED_SIGNATURE_LENGTH } else { SIGNATURE_LENGTH };
    assert_eq!(signature.len(), length, "{choice:?}");
}

fn check_key_exchange_request(group: &Company, exchange: &Exchange, member: usize, choice: Choice) {
    let tree = Tree::parse(&exchange.requests[0]).unwrap();
    let node = tree.nodes()[member];
    let request = key_exchange::Request::parse(node.own).unwrap();
    assert_eq!(request.outer.options, choice.options);
    assert_eq!(request.outer.plain_text, words("Open", 1, member));
    check_signature(node.signature, choice);
    let known = &group.keys[member];
    let outside = request.outer.keys.map(|keys| keys.verification);
    assert_eq!(outside.is_none(), choice.has(Options::HIDDEN_KEY), "{choice:?}");
    if outside.is_some() {
        assert_eq!(outside.as_ref() == Some(known), choice.fresh == FreshKey::No, "{choice:?}");
    }
}

fn check_key_exchange_response(exchange: &Exchange, member: usize, choice: Choice) {
    let batch = Batch::parse(&exchange.responses[0]).unwrap();
    let response = key_exchange::Response::parse(batch.parts[member].item).unwrap();
    assert_eq!(response.outer.options, choice.options);
    assert_eq!(usize::from(response.outer.number), member);
    let transaction = (!choice.has(Options::TRANSACTION_INSIDE)).then_some(exchange.transaction);
    assert_eq!(response.outer.transaction, transaction, "{choice:?}");
    let item = batch.parts[member].item;
    assert_eq!(contains(item, exchange.transaction.as_bytes()), transaction.is_some(), "{choice:?}");
    assert_eq!(response.seals.answer.is_none(), choice.has(Options::ANSWER_INSIDE), "{choice:?}");
}

/// What the card shows its terminal: the names and keys of those who let them be known, and of nobody else.
fn check_shown(exchange: &Exchange, member: usize, choices: &[Choice]) {
    let answer = KeyExchangeAnswer::parse(&exchange.answers[0][member]).unwrap();
    assert_eq!(answer.transaction, exchange.transaction.as_bytes());
    assert_eq!((usize::from(answer.number), usize::from(answer.count)), (member, choices.len()));
    assert!(answer.refused.is_none());
    let named = choices.iter().enumerate().filter(|(_, choice)| choice.is_named());
    let named: Vec<_> = named.map(|(other, _)| (other, holder(other))).collect();
    let parties: Vec<_> = answer.parties.map(|party| (party.number.into(), party.name.to_owned())).collect();
    assert_eq!(parties, named, "{choices:?}");
    let wants = choices[member].has(Options::PEER_KEYS);
    let others = choices.iter().enumerate().filter(|(other, choice)| *other != member && choice.shows_itself());
    let keys = others.map(|(other, _)| (other, exchange.sessions.members[other].verification.0));
    let keys: Vec<_> = keys.filter(|_| wants).collect();
    let peers: Vec<_> = answer.peers.map(|peer| (peer.number.into(), peer.key)).collect();
    assert_eq!(peers, keys, "{choices:?}");
}

/// Whom the provider takes the member for.
fn check_known(group: &Company, exchange: &Exchange, member: usize, choice: Choice) {
    let known = &exchange.sessions.members[member];
    let registered = &group.keys[member];
    assert_eq!(known.verification == *registered, choice.fresh == FreshKey::No, "{choice:?}");
    let endorser = (choice.fresh == FreshKey::Endorsed).then_some(registered);
    assert_eq!(known.endorser.as_ref(), endorser, "{choice:?}");
    assert_eq!(known.account.is_some(), choice.prove, "{choice:?}");
}

/// Transaction identification, member's number and plain text in every later message, and how it is signed.
fn check_later(exchange: &Exchange, member: usize, choice: Choice) {
    let tree = Tree::parse(&exchange.requests[1]).unwrap();
    let node = tree.nodes()[member];
    let request = transaction::Request::parse(node.own).unwrap();
    check_signature(node.signature, choice);
    assert_eq!(request.outer.header.transaction, exchange.transaction);
    assert_eq!(usize::from(request.outer.header.number), member);
    assert_eq!(request.outer.plain_text, words("Open", 3, member));

    let tree = Tree::parse(&exchange.requests[2]).unwrap();
    let node = tree.nodes()[member];
    let acknowledgment = Acknowledgment::parse(node.own).unwrap();
    check_signature(node.signature, choice);
    assert_eq!(acknowledgment.outer.header, request.outer.header);
    assert_eq!(acknowledgment.outer.plain_text, words("Open", 5, member));
    for response in &exchange.responses[1..] {
        let batch = Batch::parse(response).unwrap();
        assert!(contains(batch.parts[member].item, exchange.transaction.as_bytes()));
    }
}

/// What nobody on the way may read, and what no terminal may, its own cardholder's data aside.
fn check_secrecy(group: &Company, exchange: &Exchange, choices: &[Choice]) {
    let wires: Vec<&Vec<u8>> = exchange.wires.seen.iter().flatten().collect();
    let amount = Canary::amount("the amount", AMOUNT, Currency(*b"EUR"));
    assert_eq!(amount.find(&wires), None, "{choices:?}");
    for (member, choice) in choices.iter().enumerate() {
        let mut hidden = vec![
            Canary::bytes("an account", account(member).as_bytes()),
            Canary::bytes("a name", holder(member).as_bytes()),
            Canary::bytes("acknowledgment data", &words("Group", 5, member)),
        ];
        hidden.extend([1, 3, 5].map(|kind| Canary::bytes("sensitive data", &words("Sensitive", kind, member))));
        if choice.has(Options::HIDDEN_KEY) {
            let key = exchange.sessions.members[member].verification.0;
            hidden.push(Canary::bytes("a hidden key", &key[1..33]));
        }
        if choice.has(Options::HIDDEN_KEY) || choice.fresh != FreshKey::No {
            hidden.push(Canary::bytes("a registered key", &group.keys[member].0[1..33]));
        }
        for canary in &hidden {
            assert_eq!(canary.find(&wires), None, "{} of {member}: {choices:?}", canary.name);
        }
        // Its own terminal brought what it says; the account's number no terminal sees.
        let terminals = exchange.terminals.iter().enumerate();
        for (other, seen) in terminals {
            let own = if other == member { &hidden[..1] } else { &hidden[2..6] };
            for canary in hidden[..1].iter().chain(own) {
                assert_eq!(canary.find(seen), None, "{} of {member} at {other}: {choices:?}", canary.name);
            }
        }
    }
    let control = Canary::bytes("what everybody may read", &words("Open", 5, choices.len() - 1));
    assert_eq!(control.find(&wires), Some("plain"), "the search finds what is there");
}
