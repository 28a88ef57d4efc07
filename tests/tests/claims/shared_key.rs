//! Claims 45 to 47: one session key for all members, beside each member's own.

use anyhow::{Context, Result, ensure};
use symbolon_tests::claims::show;

use crate::paths::{check, pairs};
use crate::record::{Field, Round, Shape, Transaction, scene};

#[test]
fn claim_45_two_members_share_a_key() {
    show(45, || shares(Shape::Pair));
}

#[test]
fn claim_46_a_series_shares_a_key() {
    show(46, || shares(Shape::Series));
}

#[test]
fn claim_47_a_hierarchy_shares_a_key() {
    show(47, || shares(Shape::Hierarchy));
}

fn shares(shape: Shape) -> Result<()> {
    let record = scene(shape, "shared")?;
    for round in Round::ALL {
        check(record, shape, round)?;
    }
    one_key_for_all(record.transaction()?)
}

/// Every member opens the group's fields of every other, and nobody what is another's own.
pub(crate) fn one_key_for_all(transaction: &Transaction) -> Result<()> {
    for (number, other) in pairs(transaction) {
        let (session, reader) = (transaction.session(number)?, transaction.session(other)?);
        ensure!(session.same_group(reader), "{number} and {other} share no key");
        ensure!(!session.same_private(reader), "{number} and {other} have one private key");
        for (kind, field) in Field::PLACES {
            let shared = transaction.open_shared(other, number, kind, field)?;
            ensure!(transaction.open(other, number, kind, field)?.is_none(), "{other} opens {number}'s by its own key");
            if field.is_group_s() {
                shared.with_context(|| format!("{other} does not open {kind:?} {field:?} of {number}"))?;
                ensure!(transaction.open(number, number, kind, field)?.is_none(), "{kind:?} {field:?} is private");
            } else {
                ensure!(shared.is_none(), "{other} opens {kind:?} {field:?} of {number}");
                ensure!(transaction.open(number, number, kind, field)?.is_some(), "{number} does not open its own");
            }
        }
    }
    Ok(())
}
