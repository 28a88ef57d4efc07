//! What goes onto a card, as its issuer writes it down.
//!
//! ```toml
//! [holder]
//! name = "Ada Card"
//!
//! [[pin]]
//! number = 1                     # this one opens the holder's file
//! tries = 3                      # 3 if left out
//! file = "ada.pin"               # its first line; or env = "ADA_PIN"
//!
//! [[provider]]
//! enrolment = "ada.json"         # what `service-provider enrol --json` printed
//! name = "First Bank"            # what screens call it
//! condition = "pin 1"            # or "always"; "pin 1" if left out
//!
//! [provider.limits]              # the card's own, may be left out
//! most = "500.00"                # in the account's currency
//! without_pin = "0"              # most without the PIN
//! times_without_pin = 0          # in a row
//! pin = 1
//!
//! [[key]]                        # a key pair for signing, made by the card
//! label = "Ada's signature"
//! condition = "pin 5"            # or "always"; "pin 1" if left out
//! ```
//!
//! Paths are relative to the profile's folder.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::instruction::PinReference;
use apdu_spec::key::{KeyAttributes, KeyKind, KeyRecord, Purpose, Template, Usage};
use apdu_spec::limits::{
    ACCOUNT_INFORMATION_MAX, KEY_REFERENCE_MAX, KEY_REFERENCE_MIN, PIN_LENGTH_MAX, PIN_LENGTH_MIN, PIN_TRIES_MAX,
    PROVIDER_NAME_MAX,
};
use apdu_spec::provider::{Instrument, Policy, ProviderInfo, ProviderRecord, ProviderReference};
use apdu_spec::{Condition, KeyReference};
use protocol::amount::Amount;
use protocol::crypto::{PublicKey, RustCrypto};
use protocol::message::descriptor::provider_id;
use protocol::types::Currency;
use serde::Deserialize;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::secret::{self, Secret};

/// The longest name of a holder, bytes: the object with it has a length of one byte.
const HOLDER_NAME_MAX: usize = 127;

/// The longest label of a key, bytes (`cia-ub-label`, ISO/IEC 7816-15, annex A).
const KEY_LABEL_MAX: usize = 255;

/// Keys that a card has references for.
const KEYS_MAX: usize = (KEY_REFERENCE_MAX - KEY_REFERENCE_MIN + 1) as usize;

/// The holder's PIN.
pub(crate) const HOLDER_PIN: u8 = 1;

/// Wrong PINs in a row until it blocks, where the profile does not say.
const USUAL_TRIES: u8 = 3;

/// What goes onto a card, read and checked.
pub(crate) struct Profile {
    /// The holder's name.
    pub(crate) holder: String,
    pub(crate) pins: Vec<Pin>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: Vec<SigningKey>,
}

/// A PIN.
pub(crate) struct Pin {
    pub(crate) reference: PinReference,
    pub(crate) tries: u8,
    pub(crate) value: Secret,
}

/// A provider record.
pub(crate) struct Account {
    pub(crate) reference: ProviderReference,
    pub(crate) provider: [u8; 16],
    pub(crate) name: String,
    pub(crate) instrument: Instrument,
    /// The PIN that using it takes, if it takes one.
    pub(crate) pin: Option<PinReference>,
    pub(crate) number: String,
    root_key: [u8; 65],
    secret: Secret16,
    policy: Option<Policy>,
}

/// A key pair for signing, which the card is to make.
pub(crate) struct SigningKey {
    pub(crate) reference: KeyReference,
    pub(crate) label: String,
    /// The PIN that it takes, if it takes one.
    pub(crate) pin: Option<PinReference>,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct Secret16([u8; 16]);

impl Profile {
    /// Reads a profile and all the files that it names.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let text = std::fs::read_to_string(path)?;
            let written = toml::from_str(&text).map_err(|error| mistake(&text, &error))?;
            Self::resolve(written, path.parent().unwrap_or(Path::new(".")))
        };
        read().with_context(|| format!("profile {}", path.display()))
    }

    fn resolve(written: Written, folder: &Path) -> Result<Self> {
        let holder = written.holder.name;
        ensure!((1..=HOLDER_NAME_MAX).contains(&holder.len()), "the holder's name takes 1 to {HOLDER_NAME_MAX} bytes");
        let pins = written.pin.iter().map(|pin| {
            let resolved = pin.resolve(folder);
            resolved.with_context(|| format!("PIN {}", pin.number))
        });
        let accounts = written.provider.iter().zip(ProviderReference::all()).map(|(account, reference)| {
            let resolved = account.resolve(reference, folder);
            resolved.with_context(|| format!("provider {}", account.name))
        });
        let count = written.provider.len();
        ensure!(count <= ProviderReference::all().count(), "{count} providers are more than a card has room for");
        let keys = written.key.iter().zip(KEY_REFERENCE_MIN..=KEY_REFERENCE_MAX);
        let keys = keys.map(|(key, number)| {
            let resolved = key.resolve(number);
            resolved.with_context(|| format!("key {}", key.label))
        });
        let count = written.key.len();
        ensure!(count <= KEYS_MAX, "{count} keys are more than there are references for");
        let profile = Self {
            holder,
            pins: pins.collect::<Result<_>>()?,
            accounts: accounts.collect::<Result<_>>()?,
            keys: keys.collect::<Result<_>>()?,
        };
        profile.has_its_pins()?;
        Ok(profile)
    }

    /// What takes a PIN that the card does not have would be locked for ever.
    fn has_its_pins(&self) -> Result<()> {
        let takes = |what: &str, number: u8| {
            let is_there = self.pins.iter().any(|pin| pin.reference.number() == number);
            ensure!(is_there, "{what} takes PIN {number}, and there is none in the profile");
            Ok(())
        };
        takes("the holder's file", HOLDER_PIN)?;
        for account in &self.accounts {
            account.pin.map_or(Ok(()), |pin| takes(&account.name, pin.number()))?;
            account.policy.map_or(Ok(()), |policy| takes(&account.name, policy.pin))?;
        }
        self.keys.iter().try_for_each(|key| key.pin.map_or(Ok(()), |pin| takes(&key.label, pin.number())))
    }
}

impl SigningKey {
    /// The key as the card takes it: without a value, because the card makes it.
    pub(crate) fn record(&self) -> Result<KeyRecord<'static>> {
        let purpose = Purpose::new(KeyKind::Pair, Template::Signature, Usage::Compute);
        let purpose = purpose.map_err(|_| anyhow!("no such purpose"))?;
        let condition = condition(self.pin)?;
        let attributes = KeyAttributes { purpose, condition, uses: None, tries: None };
        Ok(KeyRecord { reference: self.reference, attributes, value: None })
    }
}

impl Account {
    /// The record as the card takes it.
    pub(crate) fn record(&self) -> Result<ProviderRecord<'_>> {
        Ok(ProviderRecord {
            info: ProviderInfo {
                reference: self.reference,
                provider: &self.provider,
                name: &self.name,
                instrument: self.instrument,
                condition: condition(self.pin)?,
            },
            account: self.number.as_bytes(),
            account_secret: &self.secret.0,
            root_key: &self.root_key,
            policy: self.policy,
            condition_change: None,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    holder: WrittenHolder,
    #[serde(default)]
    pin: Vec<WrittenPin>,
    #[serde(default)]
    provider: Vec<WrittenProvider>,
    #[serde(default)]
    key: Vec<WrittenKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHolder {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPin {
    number: u8,
    tries: Option<u8>,
    file: Option<String>,
    env: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenProvider {
    enrolment: String,
    name: String,
    condition: Option<String>,
    limits: Option<WrittenLimits>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimits {
    most: String,
    without_pin: String,
    times_without_pin: u8,
    pin: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    label: String,
    condition: Option<String>,
}

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

impl WrittenPin {
    fn resolve(&self, folder: &Path) -> Result<Pin> {
        let value = match (&self.file, &self.env) {
            (Some(file), None) => secret::from_file(&folder.join(file))?,
            (None, Some(name)) => secret::from_environment(name)?,
            (None, None) | (Some(_), Some(_)) => bail!("say either `file` or `env`"),
        };
        ensure!(
            (PIN_LENGTH_MIN..=PIN_LENGTH_MAX).contains(&value.len()),
            "a PIN has {PIN_LENGTH_MIN} to {PIN_LENGTH_MAX} characters"
        );
        let tries = self.tries.unwrap_or(USUAL_TRIES);
        ensure!((1..=PIN_TRIES_MAX).contains(&tries), "a PIN has 1 to {PIN_TRIES_MAX} tries");
        let reference = PinReference::parse(self.number).map_err(|_| anyhow!("there is no PIN of this number"))?;
        Ok(Pin { reference, tries, value })
    }
}

impl WrittenProvider {
    fn resolve(&self, reference: ProviderReference, folder: &Path) -> Result<Account> {
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
        Ok(Account {
            reference,
            provider,
            name: self.name.clone(),
            instrument: instrument(&enrolment.instrument)?,
            pin: pin(self.condition.as_deref().unwrap_or("pin 1"))?,
            number: enrolment.account.clone(),
            root_key,
            secret: Secret16(bytes(&enrolment.account_secret).with_context(|| field("account_secret"))?),
            policy: self.limits.as_ref().map(|limits| limits.resolve(currency)).transpose().context("limits")?,
        })
    }
}

impl WrittenKey {
    fn resolve(&self, number: u8) -> Result<SigningKey> {
        ensure!((1..=KEY_LABEL_MAX).contains(&self.label.len()), "a label takes 1 to {KEY_LABEL_MAX} bytes");
        let reference = KeyReference::parse(number).map_err(|_| anyhow!("there is no key {number}"))?;
        let pin = pin(self.condition.as_deref().unwrap_or("pin 1"))?;
        Ok(SigningKey { reference, label: self.label.clone(), pin })
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
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(path)?);
        // What the parser says about a file with a secret in it could quote the secret.
        let place = |error: &serde_json::Error| format!("line {}, column {}", error.line(), error.column());
        serde_json::from_str(&text)
            .map_err(|error| anyhow!("not what `service-provider enrol --json` prints ({})", place(&error)))
    }
}

/// What is wrong and in which line, without the line itself: somebody may have written a PIN there.
fn mistake(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    anyhow!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| anyhow!("not {N} bytes in hexadecimal"))?;
    Ok(bytes)
}

/// The condition that this PIN is verified; without one, none.
fn condition(pin: Option<PinReference>) -> Result<Condition> {
    let Some(pin) = pin else { return Ok(Condition::ALWAYS) };
    Condition::pin(pin.number()).map_err(|_| anyhow!("there is no PIN {}", pin.number()))
}

/// The PIN that a condition asks for, if it asks for one.
fn pin(condition: &str) -> Result<Option<PinReference>> {
    if condition == "always" {
        return Ok(None);
    }
    let number = condition.strip_prefix("pin ").and_then(|number| number.parse().ok());
    let pin = number.and_then(|number| PinReference::parse(number).ok());
    let unknown = || anyhow!("condition {condition:?} is none of \"always\", \"pin 1\" to \"pin 14\"");
    pin.map(Some).ok_or_else(unknown)
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
