//! Claims 13, 14 and 28 to 37: a member and the provider exchange keys.

use anyhow::{Context, Result, ensure};
use protocol::crypto::PublicKey;
use protocol::message::Kind;
use protocol::types::Options;
use symbolon_tests::canary::{Canary, contains};
use symbolon_tests::claims::show;

use crate::record::{Field, Record, Round, Shape, Transaction, for_cards, glass, notice, scene, signed, text};
use crate::recovery::recover;

fn pair(name: &str) -> Result<(&'static Record, &'static Transaction)> {
    let record = scene(Shape::Pair, name)?;
    Ok((record, record.transaction()?))
}

#[test]
fn claim_13_a_session_key_from_the_provider() {
    show(13, || {
        let (_, transaction) = pair("plain")?;
        for number in 0..transaction.count() {
            ensure!(transaction.key_exchange(number)?.outer.key == transaction.sessions.key, "for another descriptor");
            ensure!(transaction.session_given(number)?.outer.group == transaction.sessions.group, "of another group");
            for (kind, field) in Field::PLACES {
                let own = transaction.open(number, number, kind, field)?;
                ensure!(own.is_some(), "{number}: {kind:?} {field:?} does not open under its session");
                let other = transaction.open(1 - number, number, kind, field)?;
                ensure!(other.is_none(), "{number}: {kind:?} {field:?} opens under another session");
            }
        }
        Ok(())
    });
}

#[test]
fn claim_14_challenges_both_ways() {
    show(14, || {
        for inside in [false, true] {
            let glass = glass(inside)?;
            let answer = glass.item()?.seals.answer.or(glass.inside()?.answer);
            ensure!(
                answer == Some(glass.answer_to(glass.challenge.as_bytes())?),
                "no answer to the member's challenge"
            );
            let mut other = *glass.challenge.as_bytes();
            other[0] ^= 1;
            ensure!(answer != Some(glass.answer_to(&other)?), "it answers another challenge too");
        }
        let (_, transaction) = pair("plain")?;
        let answers = [transaction.session(0)?.answer(), transaction.session(1)?.answer()];
        ensure!(answers[0] != answers[1], "one answer for two challenges");
        for (number, answer) in answers.iter().enumerate() {
            let said = transaction.open(number, number, Kind::TransactionRequest, Field::Cryptogram3)?;
            ensure!(said.as_deref() == Some(answer.as_slice()), "{number} does not answer its challenge");
        }
        Ok(())
    });
}

#[test]
fn claim_28_three_cryptograms() {
    show(28, || {
        let glass = glass(false)?;
        let inside = glass.inside()?;
        // What the provider opened of cryptogram 1 let it answer; what it put into cryptogram 2 is what it remembers.
        ensure!(glass.item()?.seals.answer == Some(glass.answer_to(glass.challenge.as_bytes())?), "cryptogram 1");
        let remembered = glass.sessions.member(0)?;
        ensure!(remembered.challenge == inside.challenge && remembered.is_from(&glass.private()?), "cryptogram 2");
        let secrets = [glass.challenge.as_bytes(), inside.challenge.as_bytes(), inside.session_secret.as_bytes()];
        for secret in secrets {
            let canary = Canary::bytes("a secret", secret);
            ensure!(
                canary.find([&glass.exchange.request, &glass.exchange.response]).is_none(),
                "a secret is in the clear"
            );
        }
        let (_, transaction) = pair("plain")?;
        transaction.check_signatures(Round::KeyExchange)?;
        transaction.check_answer(Round::KeyExchange)?;
        for number in 0..transaction.count() {
            let keys = transaction.key_exchange(number)?.outer.keys.context("no public key")?;
            ensure!(keys.verification == transaction.session(number)?.verification, "signed by another key");
            let third = transaction.open(number, number, Kind::TransactionRequest, Field::Cryptogram3)?;
            ensure!(third.as_deref() == Some(transaction.session(number)?.answer().as_slice()), "cryptogram 3");
        }
        transaction.check_signatures(Round::Transaction)
    });
}

#[test]
fn claim_29_another_key_pair_for_every_transaction() {
    show(29, || {
        let record = scene(Shape::Pair, "fresh")?;
        let ada = record.number("ada")?;
        let [first, second] = record.transactions.as_slice() else { anyhow::bail!("not two transactions") };
        let mut keys: Vec<PublicKey> = Vec::new();
        for transaction in [first, second] {
            let own = transaction.key_exchange(ada)?.outer.keys.context("no public keys")?;
            ensure!(own.verification == transaction.session(ada)?.verification, "signed by another key");
            keys.extend([own.verification, own.encryption, transaction.key_exchange(ada)?.cryptogram_1.encapsulated]);
            keys.push(transaction.session_given(ada)?.seals.cryptogram_2.encapsulated);
        }
        let registered = [first, second].map(|transaction| transaction.session(ada).ok().and_then(|ada| ada.endorser));
        ensure!(registered[0].is_some() && registered[0] == registered[1], "not endorsed by one registered key");
        keys.extend(registered[0]);
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        ensure!(keys.len() == count, "a key is used twice");
        ensure!(!first.session(ada)?.same_private(second.session(ada)?), "one session for two transactions");
        Ok(())
    });
}

#[test]
fn claim_30_plain_text_both_ways() {
    show(30, || {
        let (record, transaction) = pair("plain")?;
        for name in Shape::Pair.members() {
            let number = record.number(name)?;
            let said = text(name, "for everybody", "key_exchange");
            ensure!(
                transaction.key_exchange(number)?.outer.plain_text == said.as_bytes(),
                "{name} says something else"
            );
            let told = notice("key_exchange");
            ensure!(transaction.session_given(number)?.outer.plain_text == told.as_bytes(), "{name} is told otherwise");
            ensure!(record.told(name, "key_exchange")? == told.as_bytes(), "the card of {name} tells otherwise");
            for words in [said, told] {
                ensure!(record.bytes("r0")?.iter().any(|seen| contains(seen, words.as_bytes())), "{words:?} is hidden");
            }
        }
        Ok(())
    });
}

#[test]
fn claim_31_the_public_key_hidden() {
    show(31, || {
        let (record, hidden) = pair("inside")?;
        let ada = record.number("ada")?;
        ensure!(hidden.key_exchange(ada)?.outer.keys.is_none() && hidden.session(ada)?.hidden, "not hidden");
        ensure!(found(record, hidden, ada)?.is_none(), "the hidden key is seen: {:?}", found(record, hidden, ada)?);
        ensure!(recovered(hidden, ada)? == 0, "the hidden key is recovered from a signature");
        // The same looks find a key that is not hidden.
        let shop = record.number("shop")?;
        ensure!(found(record, hidden, shop)?.is_some(), "the search does not find what is there");
        ensure!(recovered(hidden, shop)? == Round::ALL.len(), "recovery does not work");
        let (record, open) = pair("plain")?;
        ensure!(found(record, open, ada)?.is_some() && recovered(open, ada)? == Round::ALL.len(), "no control");
        Ok(())
    });
}

/// The form in which a member's verification key or the one that endorsed it is in anything that travelled.
fn found(record: &Record, transaction: &Transaction, number: usize) -> Result<Option<&'static str>> {
    let session = transaction.session(number)?;
    let keys = [Some(session.verification), session.endorser];
    Ok(keys.into_iter().flatten().find_map(|key| Canary::bytes("a key", &key.0[1..33]).find(record.wires())))
}

/// In how many rounds the key that signed is among those that recovery makes of the signature that travelled, from any
/// of its bytes on.
fn recovered(transaction: &Transaction, number: usize) -> Result<usize> {
    let key = transaction.session(number)?.verification;
    let mut count = 0;
    for round in Round::ALL {
        let tree = transaction.tree(round)?;
        let digests = tree.digests::<protocol::crypto::RustCrypto>();
        let message = signed(&digests[number]);
        let windows = tree.nodes()[number].signature.windows(64);
        count += usize::from(windows.flat_map(|window| recover(&message, window)).any(|candidate| candidate == key));
    }
    Ok(count)
}

#[test]
fn claim_32_sensitive_data_both_ways() {
    show(32, || {
        let (record, transaction) = pair("plain")?;
        for name in Shape::Pair.members() {
            let number = record.number(name)?;
            let said = text(name, "for the provider", "key_exchange");
            ensure!(*transaction.asked.members[number].sensitive == said.as_bytes(), "{name} says something else");
            for words in [said, for_cards("key_exchange")] {
                let canary = Canary::bytes(&words, words.as_bytes());
                ensure!(canary.find(record.wires()).is_none(), "{words:?} is on a wire");
            }
        }
        let glass = glass(false)?;
        ensure!(
            *glass.asked.members[0].sensitive == text("glass", "for the provider", "key_exchange").as_bytes(),
            "up"
        );
        ensure!(glass.inside()?.sensitive == for_cards("key_exchange").as_bytes(), "the member is told otherwise");
        let canary = Canary::bytes("sensitive data", for_cards("key_exchange").as_bytes());
        ensure!(canary.find([&glass.exchange.response]).is_none(), "the member's data is in the clear");
        Ok(())
    });
}

#[test]
fn claim_33_the_answer_inside() {
    show(33, || {
        let glass = glass(true)?;
        let answer = glass.inside()?.answer.context("no answer inside")?;
        ensure!(answer == glass.answer_to(glass.challenge.as_bytes())?, "the answer inside is wrong");
        ensure!(glass.item()?.seals.answer.is_none() && !contains(&glass.exchange.response, &answer.0), "outside too");
        let (record, transaction) = pair("inside")?;
        let given = transaction.session_given(record.number("ada")?)?;
        ensure!(
            given.outer.options.has(Options::ANSWER_INSIDE) && given.seals.answer.is_none(),
            "the card's is outside"
        );
        ensure!(transaction.session_given(record.number("shop")?)?.seals.answer.is_some(), "the shop's is inside");
        Ok(())
    });
}

#[test]
fn claim_34_the_identification_inside() {
    show(34, || {
        let glass = glass(true)?;
        let id = glass.inside()?.transaction.context("no identification inside")?;
        ensure!(id == glass.sessions.transaction, "the identification inside is another");
        ensure!(glass.item()?.outer.transaction.is_none() && !contains(&glass.exchange.response, &id.0), "outside too");
        let (record, transaction) = pair("inside")?;
        let ada = record.number("ada")?;
        ensure!(transaction.session_given(ada)?.outer.transaction.is_none(), "the card's is outside");
        ensure!(!contains(transaction.item(Round::KeyExchange, ada)?, &transaction.id.0), "the card's is in the clear");
        ensure!(record.result("ada")?["transaction"] == transaction.id.to_string(), "the card tells another");
        Ok(())
    });
}

#[test]
fn claim_35_the_identification_in_the_clear() {
    show(35, || {
        let (record, transaction) = pair("plain")?;
        for name in Shape::Pair.members() {
            let given = transaction.session_given(record.number(name)?)?;
            ensure!(given.outer.transaction == Some(transaction.id), "{name} is not told in the clear");
            ensure!(
                record.result(name)?["transaction"] == transaction.id.to_string(),
                "the card of {name} tells another"
            );
        }
        Ok(())
    });
}

#[test]
fn claim_36_the_next_message_uses_what_was_inside() {
    show(36, || {
        let (record, transaction) = pair("inside")?;
        let ada = record.number("ada")?;
        ensure!(transaction.session_given(ada)?.outer.transaction.is_none(), "it was outside");
        ensure!(transaction.request(ada)?.outer.header.transaction == transaction.id, "ada uses another");
        Ok(())
    });
}

#[test]
fn claim_37_the_next_message_uses_what_was_outside() {
    show(37, || {
        let (_, transaction) = pair("plain")?;
        for number in 0..transaction.count() {
            let given = transaction.session_given(number)?.outer.transaction;
            ensure!(given == Some(transaction.request(number)?.outer.header.transaction), "{number} uses another");
        }
        Ok(())
    });
}
