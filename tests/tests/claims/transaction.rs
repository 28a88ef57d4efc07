//! Claims 15 to 22: a member and the provider conduct a transaction.

use anyhow::{Context, Result, ensure};
use protocol::message::Kind;
use protocol::message::transaction::{Private, Terms};
use protocol::types::Currency;
use symbolon_tests::canary::{Canary, contains};
use symbolon_tests::claims::show;

use crate::record::{AMOUNT, Field, Record, Round, Shape, Transaction, ada_account, for_cards, notice, scene, text};

fn plain() -> Result<(&'static Record, &'static Transaction)> {
    let record = scene(Shape::Pair, "plain")?;
    Ok((record, record.transaction()?))
}

#[test]
fn claim_15_request_and_response_are_signed() {
    show(15, || {
        let (_, transaction) = plain()?;
        transaction.check_signatures(Round::Transaction)?;
        transaction.check_answer(Round::Transaction)
    });
}

#[test]
fn claim_16_account_amount_and_sensitive_data_are_sealed() {
    show(16, || {
        let (record, transaction) = plain()?;
        let ada = record.number("ada")?;
        let open = |field| transaction.open(ada, ada, Kind::TransactionRequest, field);
        let terms = Terms::parse(&open(Field::Terms)?.context("terms that do not open")?)?;
        ensure!(terms.amount == AMOUNT, "another amount");
        let private = open(Field::Private)?.context("a private field that does not open")?;
        let (private, ..) = Private::parse(&private)?;
        let sensitive = text("ada", "for the provider", "transaction");
        ensure!(private.account == ada_account().as_bytes() && private.sensitive == sensitive.as_bytes(), "other data");

        let number = Canary::bytes("the account's number", ada_account().as_bytes());
        for name in record.seen.keys() {
            let found = number.find(record.bytes(name)?);
            ensure!(found.is_none(), "{name} saw the account's number: {found:?}");
        }
        let sealed = [
            Canary::amount("the amount", AMOUNT, Currency(*b"EUR")),
            Canary::bytes("sensitive data", sensitive.as_bytes()),
        ];
        for canary in &sealed {
            ensure!(canary.find(record.wires()).is_none(), "{} is on a wire", canary.name);
        }
        ensure!(sealed[1].find(record.bytes("shop")?).is_none(), "the shop saw sensitive data");
        the_search_finds_what_is_leaked(&number)
    });
}

/// Where ada gives her account's number away, everybody on the way is found to see it, in whatever form.
fn the_search_finds_what_is_leaked(number: &Canary) -> Result<()> {
    let record = scene(Shape::Pair, "leak")?;
    let forms =
        [(Kind::KeyExchangeRequest, "plain"), (Kind::TransactionRequest, "BCD"), (Kind::Acknowledgment, "hexadecimal")];
    for (kind, form) in forms {
        for name in ["ada", "r1", "shop", "r0"] {
            let requests = record.messages(name, kind)?;
            let found = number.find(requests.iter().map(|event| event.bytes.as_slice()));
            ensure!(found == Some(form), "{name}, {kind:?}: the search finds {found:?} and not {form}");
        }
    }
    Ok(())
}

#[test]
fn claim_17_plain_text_in_the_request() {
    show(17, || {
        let (record, transaction) = plain()?;
        for name in Shape::Pair.members() {
            let number = record.number(name)?;
            let said = text(name, "for everybody", "transaction");
            let request = transaction.request(number)?;
            ensure!(request.outer.plain_text == said.as_bytes(), "{name} says something else");
            ensure!(record.bytes("r0")?.iter().any(|seen| contains(seen, said.as_bytes())), "{said:?} is hidden");
            transaction.check_bound(number, Kind::TransactionRequest, Field::Private)?;
        }
        transaction.check_signatures(Round::Transaction)
    });
}

#[test]
fn claim_18_the_identification_in_the_request() {
    show(18, || {
        let (_, transaction) = plain()?;
        for number in 0..transaction.count() {
            let assigned = transaction.session_given(number)?.outer.transaction;
            ensure!(assigned == Some(transaction.request(number)?.outer.header.transaction), "{number} uses another");
        }
        Ok(())
    });
}

#[test]
fn claim_19_the_request_answers_the_provider_s_challenge() {
    show(19, || {
        let (_, transaction) = plain()?;
        for number in 0..transaction.count() {
            let said = transaction.open(number, number, Kind::TransactionRequest, Field::Cryptogram3)?;
            ensure!(said.as_deref() == Some(transaction.session(number)?.answer().as_slice()), "{number}: no answer");
            ensure!(said.as_deref() != Some(transaction.session(1 - number)?.answer().as_slice()), "another's answer");
        }
        Ok(())
    });
}

#[test]
fn claim_20_response_data_for_the_member() {
    show(20, || {
        let (record, transaction) = plain()?;
        for name in Shape::Pair.members() {
            let number = record.number(name)?;
            let expected = for_cards("transaction");
            let data = transaction.open(number, number, Kind::TransactionResponse, Field::Private)?;
            ensure!(data.as_deref() == Some(expected.as_bytes()), "{name} is told something else");
            let other = transaction.open(1 - number, number, Kind::TransactionResponse, Field::Private)?;
            ensure!(other.is_none(), "the other member opens the data of {name}");
            let canary = Canary::bytes(&expected, expected.as_bytes());
            let all = record.seen.values().flatten().map(|event| &event.bytes);
            ensure!(canary.find(all).is_none(), "a terminal or router saw the data of {name}");
        }
        Ok(())
    });
}

#[test]
fn claim_21_plain_text_in_the_response() {
    show(21, || {
        let (record, transaction) = plain()?;
        let words = notice("transaction");
        ensure!(record.bytes("r0")?.iter().any(|seen| contains(seen, words.as_bytes())), "it is hidden");
        for name in Shape::Pair.members() {
            let decision = transaction.decision(record.number(name)?)?;
            ensure!(decision.outer.plain_text == words.as_bytes(), "{name} is told otherwise");
            ensure!(record.told(name, "transaction")? == words.as_bytes(), "the card of {name} tells otherwise");
        }
        Ok(())
    });
}

#[test]
fn claim_22_the_identification_in_the_response() {
    show(22, || {
        let (_, transaction) = plain()?;
        for number in 0..transaction.count() {
            let assigned = transaction.session_given(number)?.outer.transaction;
            ensure!(assigned == Some(transaction.decision(number)?.outer.header.transaction), "{number} gets another");
        }
        Ok(())
    });
}
