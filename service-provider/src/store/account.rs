//! Accounts: who they belong to and what proves it.

use crate::ledger::{AMOUNT_MAX, AccountId, Bounds, Funds};
use crate::store::attribute::Attribute;
use crate::store::instrument::Instrument;
use crate::store::{StoreError, limits};
use crate::time::Timestamp;
use protocol::crypto::PublicKey;
use protocol::types::{Currency, TransactionId};
use std::fmt;

/// An account's number, as a card's record of this provider carries it: letters and digits, as in an IBAN.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNumber(String);

impl AccountNumber {
    /// A number of 1 to [`limits::ACCOUNT_NUMBER_MAX`] letters and digits.
    pub fn new(number: &str) -> Result<Self, StoreError> {
        let shaped = (1..=limits::ACCOUNT_NUMBER_MAX).contains(&number.len());
        if shaped && number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(number.to_owned()))
        } else {
            Err(StoreError::Invalid("an account number is 1 to 34 letters and digits"))
        }
    }

    /// The number of the provider's own account of a currency. Its hyphen keeps it apart from every other number.
    pub(crate) fn float(currency: Currency) -> Self {
        Self(format!("FLOAT-{}", currency.as_str()))
    }

    /// A number as a store wrote it.
    pub(crate) fn stored(number: String) -> Self {
        Self(number)
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(self.0.len().saturating_sub(2)..).unwrap_or_default();
        write!(f, "AccountNumber(..{shown})")
    }
}

/// Money that an account gets from the float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funding {
    /// The identification of the entry. The same one again funds nothing more.
    pub transaction: TransactionId,
    /// How much, in minor units of the account's currency.
    pub amount: u64,
    /// When.
    pub at: Timestamp,
}

/// An account to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Its number, which no other account has.
    pub number: AccountNumber,
    /// The verified name of its holder.
    pub holder: String,
    /// The currency of its amounts.
    pub currency: Currency,
    /// What it stands behind.
    pub instrument: Instrument,
    /// What its money is held to, as the instrument has it.
    pub bounds: Bounds,
    /// What statements may be made of, as the instrument has it.
    pub attributes: Vec<Attribute>,
    /// What it holds from the start.
    pub funding: Option<Funding>,
    /// Its secret, sealed by the caller; the store never sees it open.
    pub sealed_secret: Vec<u8>,
    /// The keys registered for it; no other account has one of them.
    pub keys: Vec<PublicKey>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// How the store numbers it.
    pub id: AccountId,
    /// Its number.
    pub number: AccountNumber,
    /// The verified name of its holder.
    pub holder: String,
    /// What it stands behind.
    pub instrument: Instrument,
    /// Whether it is blocked: nothing may be debited from or credited to it.
    pub blocked: bool,
    /// Its secret, sealed.
    pub sealed_secret: Vec<u8>,
}

/// An account with its money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The account.
    pub account: Account,
    /// Its money.
    pub funds: Funds,
}

impl NewAccount {
    /// Whether the store can take it.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let rules = [
            (self.holder.len() <= limits::NAME_MAX, "the holder's name is too long"),
            (!self.holder.contains(char::is_control), "the holder's name has control characters in it"),
            (is_currency(self.currency), "a currency is three capital letters"),
            (self.is_funding_in_order(), "the funding is zero or too high"),
            (self.sealed_secret.len() <= limits::SEALED_SECRET_MAX, "the sealed secret is too long"),
            (self.keys.len() <= limits::KEYS_MAX, "too many keys"),
            (self.attributes.len() <= limits::ATTRIBUTES_MAX, "too many attributes"),
            (self.attributes.is_sorted_by(|one, next| one.key() < next.key()), "an attribute is there twice"),
        ];
        rules.into_iter().try_for_each(|(holds, why)| if holds { Ok(()) } else { Err(StoreError::Invalid(why)) })?;
        self.instrument.rules().check(self).map_err(StoreError::Invalid)
    }

    fn is_funding_in_order(&self) -> bool {
        let empty = Funds::empty(self.currency, self.bounds);
        self.funding.is_none_or(|it| (1..=AMOUNT_MAX).contains(&it.amount) && empty.has_room_for(it.amount))
    }
}

fn is_currency(currency: Currency) -> bool {
    currency.0.iter().all(u8::is_ascii_uppercase)
}
