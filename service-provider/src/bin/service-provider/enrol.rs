//! `enrol` and `register-key`: accounts, by their instruments, and the keys of their cards.

use std::io::{read_to_string, stdin};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use protocol::amount::Amount;
use protocol::crypto::PublicKey;
use protocol::types::Currency;
use rand::rngs::OsRng;
use serde::Deserialize;
use serde_json::json;
use service_provider::admin::{Enrolment, enrol, register_key};
use service_provider::keys::files::read_provider;
use service_provider::keys::storage::StorageKeys;
use service_provider::ledger::{Bounds, Overdraft};
use service_provider::store::account::AccountNumber;
use service_provider::store::attribute::Attribute;
use service_provider::store::instrument::{Holds, Instrument};
use service_provider::time::Timestamp;

use crate::{Said, open_store};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The account's number: letters and digits
    #[arg(long)]
    account: String,
    /// The verified name of its holder
    #[arg(long)]
    holder: String,
    /// What the account stands behind
    #[arg(long, default_value = Instrument::Debit.name(), value_parser = instruments())]
    instrument: Instrument,
    /// Its currency: a code of ISO 4217, or for points one that begins with QM to QZ [default: EUR; QPT for loyalty;
    /// the code for none where nothing is held]
    #[arg(long, value_parser = currency)]
    currency: Option<Currency>,
    /// What it holds from the start, such as 100.00
    #[arg(long, default_value = "0")]
    opening: String,
    /// How far it may go below zero, such as 500.00; not for stored-value and loyalty
    #[arg(long, default_value = "0")]
    credit_limit: String,
    /// How far its balance may rise [default: for stored-value what the provider permits at most, else no ceiling]
    #[arg(long)]
    ceiling: Option<String>,
    /// The most of one payment, such as a cheque's guarantee of 200.00; cheque-book needs it
    #[arg(long)]
    payment_max: Option<String>,
    /// How many payments there are in all, such as the cheques of a book; cheque-book needs it
    #[arg(long)]
    payments: Option<u64>,
    /// What statements may be made of, for identity and access-pass, as often as it takes: born=2000-02-29, drives=B,
    /// opens=lab-3. A time may follow in which it is so: drives=B@..2033-05-01, opens=lab-3@2026-01-01..2026-12-31;
    /// days count from their beginning to their end in UTC, and an instant is written 2026-11-27T15:42:35Z
    #[arg(long = "attribute", value_name = "NAME=VALUE[@FROM..UNTIL]", value_parser = Attribute::parse)]
    attributes: Vec<Attribute>,
}

fn instruments() -> impl TypedValueParser<Value = Instrument> {
    let names = Instrument::OF_CARDS.map(Instrument::name);
    PossibleValuesParser::new(names).try_map(|name| Instrument::from_name(&name).ok_or("it is no instrument"))
}

fn currency(text: &str) -> Result<Currency, &'static str> {
    Currency::parse(text).ok_or("a currency is three capital letters, such as EUR")
}

/// Opens an account and says what its card is to be personalised with.
pub(crate) async fn open_account(data: &Path, arguments: Arguments) -> Result<Said> {
    let currency = arguments.currency();
    let enrolment = arguments.enrolment(currency)?;
    let files = read_provider(data)?;
    let store = open_store(data)?;
    let keys = StorageKeys::read(data)?;
    let (_, secret) = enrol(&store, &keys, enrolment, Timestamp::now(), &mut OsRng).await?;
    let secret = hex::encode(secret.as_bytes());
    let value = json!({
        "provider": files.provider.to_string(),
        "root_verification_key": hex::encode(files.root.0),
        "account": arguments.account,
        "account_secret": secret,
        "instrument": arguments.instrument.name(),
        "currency": currency.as_str(),
    });
    let words = format!(
        "Account {} is open.\nAccount secret, for its card alone: {secret}\n\
         Next: personalise the card, then `register-key`.",
        arguments.account
    );
    Ok((value, words))
}

impl Arguments {
    fn currency(&self) -> Currency {
        self.currency.unwrap_or(match self.instrument.rules().holds {
            Holds::Money => Currency(*b"EUR"),
            Holds::Points => Currency(*b"QPT"),
            Holds::Attributes => Currency::NONE,
        })
    }

    fn enrolment(&self, currency: Currency) -> Result<Enrolment> {
        let amount = |text: &str, option: &str| {
            let amount = Amount::parse(text, currency).map(|amount| amount.minor);
            amount.with_context(|| format!("--{option}: {text:?} is not an amount of {}", currency.as_str()))
        };
        let ceiling = self.ceiling.as_deref().map(|text| amount(text, "ceiling")).transpose()?;
        let payment_max = self.payment_max.as_deref().map(|text| amount(text, "payment-max")).transpose()?;
        Ok(Enrolment {
            number: AccountNumber::new(&self.account)?,
            holder: self.holder.clone(),
            currency,
            instrument: self.instrument,
            bounds: Bounds {
                overdraft: Overdraft::UpTo(amount(&self.credit_limit, "credit-limit")?),
                ceiling: ceiling.or(self.instrument.rules().ceiling_max),
                payment_max,
                payments: self.payments,
            },
            attributes: self.attributes.clone(),
            opening: amount(&self.opening, "opening")?,
        })
    }
}

/// Which keys are to be registered.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Keys {
    /// What the card tool printed with --json when it issued a card of this provider; - is the standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["account", "key"])]
    issued: Option<PathBuf>,
    /// The account's number
    #[arg(long, requires = "key")]
    account: Option<String>,
    /// The card's verification key: 65 bytes in hex
    #[arg(long, requires = "account")]
    key: Option<String>,
}

/// What the card tool prints of a card that it issued, as far as a provider is concerned.
#[derive(Deserialize)]
struct Issued {
    keys: Vec<IssuedKey>,
}

#[derive(Deserialize)]
struct IssuedKey {
    /// Which provider it is for.
    provider: String,
    account: String,
    verification_key: String,
}

/// Registers cards' keys for their accounts. Those of other providers on the same card are left to them.
pub(crate) async fn register(data: &Path, keys: &Keys) -> Result<Said> {
    let own = keys.read(&read_provider(data)?.provider.to_string())?;
    let keys: Vec<_> =
        own.into_iter().map(|(account, key)| Ok((account, verification_key(&key)?))).collect::<Result<_>>()?;
    let store = open_store(data)?;
    let (mut values, mut words) = (Vec::new(), Vec::new());
    for (account, key) in keys {
        register_key(&store, &AccountNumber::new(&account)?, key).await?;
        values.push(json!({ "account": account, "registered": hex::encode(key.0) }));
        words.push(format!("The key is registered for {account}."));
    }
    Ok((json!({ "keys": values }), words.join("\n")))
}

impl Keys {
    /// Accounts of this provider and their keys, as they are written.
    fn read(&self, provider: &str) -> Result<Vec<(String, String)>> {
        let (Some(account), Some(key)) = (&self.account, &self.key) else {
            let path = self.issued.as_deref().context("say which: --issued, or --account and --key")?;
            let text = if path == Path::new("-") { read_to_string(stdin()) } else { std::fs::read_to_string(path) };
            let text = text.with_context(|| format!("cannot read {}", path.display()))?;
            let issued: Issued = serde_json::from_str(&text)
                .with_context(|| format!("{} is not what `cardctl issue --json` prints", path.display()))?;
            let own = issued.keys.into_iter().filter(|key| key.provider == provider);
            let own: Vec<_> = own.map(|key| (key.account, key.verification_key)).collect();
            ensure!(!own.is_empty(), "{} has no key for this provider, {provider}", path.display());
            return Ok(own);
        };
        Ok(vec![(account.clone(), key.clone())])
    }
}

fn verification_key(hexadecimal: &str) -> Result<PublicKey> {
    let bytes = hex::decode(hexadecimal).ok().and_then(|bytes| <[u8; 65]>::try_from(bytes).ok());
    let bytes = bytes.filter(|bytes| p256::PublicKey::from_sec1_bytes(bytes).is_ok());
    Ok(PublicKey(bytes.context("a key is a P-256 verification key: 65 bytes in hex, as a card gives it")?))
}
