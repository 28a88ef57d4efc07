//! Administration: what an operator does with accounts, beside the server.

use protocol::crypto::{PublicKey, Secret};
use protocol::types::Currency;
use rand_core::CryptoRngCore;

use crate::id;
use crate::keys::storage::StorageKeys;
use crate::ledger::{AccountId, Bounds};
use crate::store::account::{AccountNumber, Funding, NewAccount};
use crate::store::attribute::Attribute;
use crate::store::instrument::Instrument;
use crate::store::{Store, StoreError};
use crate::time::Timestamp;

/// An account to be enrolled.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// Its number.
    pub number: AccountNumber,
    /// The verified name of its holder.
    pub holder: String,
    /// The currency of its amounts.
    pub currency: Currency,
    /// What it stands behind.
    pub instrument: Instrument,
    /// What its money is held to.
    pub bounds: Bounds,
    /// What statements may be made of.
    pub attributes: Vec<Attribute>,
    /// What it holds from the start, in minor units.
    pub opening: u64,
}

/// Creates the account; gives the secret that its card must be personalised with, and that is kept nowhere in the
/// clear.
pub async fn enrol(
    store: &impl Store,
    storage_keys: &StorageKeys,
    enrolment: Enrolment,
    now: Timestamp,
    random: &mut impl CryptoRngCore,
) -> Result<(AccountId, Secret<16>), StoreError> {
    let secret = Secret::<16>::random(random);
    let name = enrolment.number.as_str().as_bytes();
    let sealed_secret = storage_keys.accounts.seal(name, secret.as_bytes(), random);
    let mut attributes = enrolment.attributes;
    attributes.sort_by(|one, next| one.key().cmp(&next.key()));
    let funding = Funding { transaction: id::draw(now, random), amount: enrolment.opening, at: now };
    let account = NewAccount {
        number: enrolment.number,
        holder: enrolment.holder,
        currency: enrolment.currency,
        instrument: enrolment.instrument,
        bounds: enrolment.bounds,
        attributes,
        funding: (enrolment.opening > 0).then_some(funding),
        sealed_secret: sealed_secret.map_err(|_| StoreError::Invalid("there is no storage key"))?,
        keys: Vec::new(),
    };
    Ok((store.create_account(account).await?, secret))
}

/// Registers a card's key for an account.
pub async fn register_key(store: &impl Store, number: &AccountNumber, key: PublicKey) -> Result<(), StoreError> {
    let account = store.account_by_number(number).await?.ok_or(StoreError::UnknownAccount)?;
    store.register_key(account.id, key).await
}
