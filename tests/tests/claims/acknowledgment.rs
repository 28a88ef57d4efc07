//! Claims 23 to 27: a member acknowledges what the provider decided.

use anyhow::{Result, ensure};
use protocol::message::Kind;
use protocol::message::acknowledgment::Decision;
use symbolon_tests::canary::{Canary, contains};
use symbolon_tests::claims::show;

use crate::record::{Field, Record, Round, Shape, Transaction, scene, text};

fn plain() -> Result<(&'static Record, &'static Transaction)> {
    let record = scene(Shape::Pair, "plain")?;
    Ok((record, record.transaction()?))
}

#[test]
fn claim_23_the_acknowledgment_is_signed() {
    show(23, || {
        let (_, transaction) = plain()?;
        for number in 0..transaction.count() {
            ensure!(transaction.acknowledgment(number)?.outer.decision == Decision::Accept, "{number} does not accept");
        }
        transaction.check_signatures(Round::Acknowledgment)?;
        transaction.check_answer(Round::Acknowledgment)
    });
}

#[test]
fn claim_24_acknowledgment_data_is_sealed() {
    show(24, || sealed(Field::Data, |name| text(name, "in its data", "acknowledgment")));
}

#[test]
fn claim_25_plain_text_in_the_acknowledgment() {
    show(25, || {
        let (record, transaction) = plain()?;
        for name in Shape::Pair.members() {
            let number = record.number(name)?;
            let said = text(name, "for everybody", "acknowledgment");
            ensure!(transaction.acknowledgment(number)?.outer.plain_text == said.as_bytes(), "{name} says otherwise");
            ensure!(record.bytes("r0")?.iter().any(|seen| contains(seen, said.as_bytes())), "{said:?} is hidden");
            transaction.check_bound(number, Kind::Acknowledgment, Field::Private)?;
        }
        transaction.check_signatures(Round::Acknowledgment)
    });
}

#[test]
fn claim_26_the_identification_in_the_acknowledgment() {
    show(26, || {
        let (_, transaction) = plain()?;
        for number in 0..transaction.count() {
            let assigned = transaction.session_given(number)?.outer.transaction;
            ensure!(
                assigned == Some(transaction.acknowledgment(number)?.outer.header.transaction),
                "{number}: another"
            );
        }
        Ok(())
    });
}

#[test]
fn claim_27_sensitive_data_in_the_acknowledgment() {
    show(27, || sealed(Field::Private, |name| text(name, "for the provider", "acknowledgment")));
}

/// A field holds what each member says, opens under its session alone, and is on no wire.
fn sealed(field: Field, said: impl Fn(&str) -> String) -> Result<()> {
    let (record, transaction) = plain()?;
    for name in Shape::Pair.members() {
        let (number, said) = (record.number(name)?, said(name));
        let data = transaction.open(number, number, Kind::Acknowledgment, field)?;
        ensure!(data.as_deref() == Some(said.as_bytes()), "{name} says something else");
        ensure!(transaction.open(1 - number, number, Kind::Acknowledgment, field)?.is_none(), "another opens it");
        ensure!(Canary::bytes(&said, said.as_bytes()).find(record.wires()).is_none(), "{said:?} is on a wire");
    }
    Ok(())
}
