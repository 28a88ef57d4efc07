//! Provider records of profiles.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::Condition;
use apdu_spec::limits::{ACCOUNT_INFORMATION_MAX, PROVIDER_NAME_MAX};
use apdu_spec::provider::{Instrument, Policy, ProviderInfo, ProviderRecord, ProviderReference};
use protocol::amount::Amount;
use protocol::crypto::{PublicKey, RustCrypto};
use protocol::message::descriptor::provider_id;
use protocol::types::Currency;
use serde::Deserialize;
use toml::Spanned;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::written::{WrittenLimits, WrittenProvider};
use super::{Occasion, Source, bytes, distinct};
use crate::condition;

/// A provider record.
pub(crate) struct Account {
    /// Its number; `None` where it takes the first that is free.
    pub(crate) reference: Option<ProviderReference>,
    pub(crate) provider: [u8; 16],
    pub(crate) name: String,
    /// The account's number with the provider.
    pub(crate) number: String,
    pub(crate) policy: Option<Policy>,
    instrument: Instrument,
    condition: Condition,
    change: Option<Condition>,
    root_key: [u8; 65],
    secret: Secret16,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct Secret16([u8; 16]);

/// What `service-provider enrol --json` prints.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct Enrolment {
    provider: String,
    root_verification_key: String,
    account: String,
    account_secret: String,
    instrument: String,
    currency: String,
}

/// All records. A card that is issued has them one after the other where nothing else is said.
pub(super) fn resolve_all(
    written: &[Spanned<WrittenProvider>],
    source: &Source<'_>,
    occasion: Occasion,
) -> Result<Vec<Account>> {
    let mut accounts = source.each(written, |account| {
        account.resolve(source.folder).with_context(|| format!("provider {}", account.name))
    })?;
    let count = accounts.len();
    let known: Vec<_> = accounts.iter().filter_map(|account| account.reference).collect();
    distinct(known.iter().map(|reference| reference.number()), |number| format!("record {number}"))?;
    if occasion == Occasion::Issue {
        let mut free = ProviderReference::all().filter(|reference| !known.contains(reference));
        for account in accounts.iter_mut().filter(|account| account.reference.is_none()) {
            account.reference = free.next();
            ensure!(account.reference.is_some(), "{count} providers are more than a card has room for");
        }
    }
    Ok(accounts)
}

impl Account {
    /// The record as the card takes it, under this number.
    pub(crate) fn record(&self, reference: ProviderReference) -> ProviderRecord<'_> {
        ProviderRecord {
            info: ProviderInfo {
                reference,
                provider: &self.provider,
                name: &self.name,
                instrument: self.instrument,
                condition: self.condition,
            },
            account: self.number.as_bytes(),
            account_secret: &self.secret.0,
            root_key: &self.root_key,
            policy: self.policy,
            condition_change: self.change,
        }
    }

    pub(super) fn conditions(&self) -> Vec<Condition> {
        [self.condition].into_iter().chain(self.change).collect()
    }
}

impl WrittenProvider {
    fn resolve(&self, folder: &Path) -> Result<Account> {
        let path = folder.join(&self.enrolment);
        let enrolment = Enrolment::read(&path).with_context(|| format!("enrolment {}", path.display()))?;
        let currency = Currency::parse(&enrolment.currency).context("its currency is none")?;
        ensure!((1..=PROVIDER_NAME_MAX).contains(&self.name.len()), "a name takes 1 to {PROVIDER_NAME_MAX} bytes");
        ensure!(
            (1..=ACCOUNT_INFORMATION_MAX).contains(&enrolment.account.len()),
            "an account number takes 1 to {ACCOUNT_INFORMATION_MAX} bytes"
        );
        let field = |name: &str| format!("{}: {name}", self.enrolment);
        let provider = bytes(&enrolment.provider).with_context(|| field("provider"))?;
        let root_key = bytes(&enrolment.root_verification_key).with_context(|| field("root_verification_key"))?;
        let is_its_own = provider_id::<RustCrypto>(&PublicKey(root_key)).0 == provider;
        ensure!(is_its_own, "the root_verification_key is another provider's: enrol the account again");
        let reference = self.record.map(ProviderReference::parse).transpose();
        Ok(Account {
            reference: reference.map_err(|_| anyhow!("records are numbered 1 to 16"))?,
            provider,
            name: self.name.clone(),
            number: enrolment.account.clone(),
            policy: self.limits.as_ref().map(|limits| limits.resolve(currency)).transpose().context("limits")?,
            instrument: instrument(&enrolment.instrument)?,
            condition: condition::parse(self.condition.as_deref().unwrap_or("pin 1"))?,
            change: self.change.as_deref().map(condition::parse).transpose().context("change")?,
            root_key,
            secret: Secret16(bytes(&enrolment.account_secret).with_context(|| field("account_secret"))?),
        })
    }
}

impl WrittenLimits {
    fn resolve(&self, currency: Currency) -> Result<Policy> {
        let minor = |text: &str| {
            let amount = Amount::parse(text, currency).map(|amount| amount.minor);
            amount.with_context(|| format!("{text:?} is no amount of {}", currency.as_str()))
        };
        Condition::pin(self.pin).map_err(|_| anyhow!("there is no PIN {}", self.pin))?;
        Ok(Policy {
            amount_max: minor(&self.most)?,
            amount_without_pin: minor(&self.without_pin)?,
            times_without_pin: self.times_without_pin,
            pin: self.pin,
        })
    }
}

impl Enrolment {
    fn read(path: &Path) -> Result<Self> {
        let text = Zeroizing::new(std::fs::read_to_string(path)?);
        // What the parser says about a file with a secret in it could quote the secret.
        let place = |error: &serde_json::Error| format!("line {}, column {}", error.line(), error.column());
        serde_json::from_str(&text)
            .map_err(|error| anyhow!("not what `service-provider enrol --json` prints ({})", place(&error)))
    }
}

fn instrument(text: &str) -> Result<Instrument> {
    Ok(match text {
        "credit" => Instrument::Credit,
        "debit" => Instrument::Debit,
        "cheque-book" => Instrument::Cheque,
        "stored-value" => Instrument::StoredValue,
        "loyalty" => Instrument::Loyalty,
        "identity" => Instrument::Identity,
        "access-pass" => Instrument::Access,
        other => bail!("instrument {other:?} is unknown"),
    })
}
