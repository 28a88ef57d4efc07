//! Keys of the key store in profiles.
//!
//! | `purpose` | what it is | what else is said |
//! | --- | --- | --- |
//! | `sign` | a pair that the card makes; its public key is listed for other programs | |
//! | `agree` | a pair that the card makes, for agreeing on a secret | |
//! | `prove` | the card proves with it that it has it: a pair, or an AES key | `file` or `env` for an AES key |
//! | `authenticate` | the host proves to the card that it has it | `public_key`, or `file` or `env` for an AES key |
//! | `mutual` | both prove it, with an AES key | `file` or `env` |
//! | `verify` | for verifying signatures | `public_key` |
//! | `encipher` | for enciphering and deciphering, with an AES key | `file` or `env` |
//! | `checksum` | for computing and verifying checksums, with an AES key | `file` or `env` |
//!
//! `public_key` is a P-256 point, uncompressed, in hexadecimal; `file` and `env` hold an AES-128 key in 32 hexadecimal
//! digits. `uses` limits how often the key can be used; `tries`, 3 if left out, how many wrong proofs block it.

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::key::{KeyAttributes, KeyKind, KeyRecord, Purpose, Template, Usage};
use apdu_spec::limits::{KEY_AUTHENTICATION_TRIES_MAX, KEY_REFERENCE_MAX, KEY_REFERENCE_MIN};
use apdu_spec::{Condition, KeyReference};
use toml::Spanned;

use super::written::WrittenKey;
use super::{Occasion, Source, USUAL_TRIES, bytes, distinct};
use crate::condition;
use crate::secret::Secret;

/// The longest label of a key, bytes (`cia-ub-label`, ISO/IEC 7816-15, annex A).
const KEY_LABEL_MAX: usize = 255;

/// Keys that a card has references for.
const KEYS_MAX: usize = (KEY_REFERENCE_MAX - KEY_REFERENCE_MIN + 1) as usize;

/// What keys are for, in the words of profiles.
const PURPOSES: [(&str, Template, Usage); 8] = [
    ("sign", Template::Signature, Usage::Compute),
    ("agree", Template::Confidentiality, Usage::Compute),
    ("prove", Template::Authentication, Usage::Compute),
    ("authenticate", Template::Authentication, Usage::Verify),
    ("mutual", Template::Authentication, Usage::Both),
    ("verify", Template::Signature, Usage::Verify),
    ("encipher", Template::Confidentiality, Usage::Both),
    ("checksum", Template::Checksum, Usage::Both),
];

/// A key of the key store.
pub(crate) struct Key {
    pub(crate) reference: KeyReference,
    pub(crate) label: String,
    pub(crate) condition: Condition,
    purpose: Purpose,
    uses: Option<u32>,
    tries: Option<u8>,
    /// `None`: the card makes it.
    value: Option<Secret>,
}

/// All keys. A card that is issued has them one after the other where nothing else is said.
pub(super) fn resolve_all(
    written: &[Spanned<WrittenKey>],
    source: &Source<'_>,
    occasion: Occasion,
) -> Result<Vec<Key>> {
    let count = written.len();
    ensure!(count <= KEYS_MAX, "{count} keys are more than there are references for");
    let known: Vec<u8> = written.iter().filter_map(|key| key.get_ref().number).collect();
    let mut free = (KEY_REFERENCE_MIN..=KEY_REFERENCE_MAX).filter(|number| !known.contains(number));
    let keys = source.each(written, |key| {
        let number = match (key.number, occasion) {
            (Some(number), _) => Some(number),
            (None, Occasion::Issue) => free.next(),
            (None, Occasion::Change) => bail!("key {}: say its number, for the card may have others", key.label),
        };
        let number = number.context("there are no numbers left")?;
        key.resolve(number, source).with_context(|| format!("key {}", key.label))
    })?;
    distinct(keys.iter().map(|key| key.reference.number()), |number| format!("key {number:02X}"))?;
    Ok(keys)
}

impl Key {
    /// The key as the card takes it.
    pub(crate) fn record(&self) -> KeyRecord<'_> {
        let Self { purpose, condition, uses, tries, .. } = *self;
        let attributes = KeyAttributes { purpose, condition, uses, tries };
        KeyRecord { reference: self.reference, attributes, value: self.value.as_ref().map(|value| value.as_slice()) }
    }

    /// The template in which the card makes it, if it does.
    pub(crate) fn made_in(&self) -> Option<Template> {
        (self.purpose.kind() == KeyKind::Pair).then(|| self.purpose.template())
    }

    /// Whether other programs sign with it, and so are to know of it.
    pub(crate) fn signs(&self) -> bool {
        self.made_in() == Some(Template::Signature)
    }

    pub(super) fn has_secret(&self) -> bool {
        self.purpose.kind() == KeyKind::Aes
    }
}

impl WrittenKey {
    fn resolve(&self, number: u8, source: &Source<'_>) -> Result<Key> {
        ensure!((1..=KEY_LABEL_MAX).contains(&self.label.len()), "a label takes 1 to {KEY_LABEL_MAX} bytes");
        let reference = KeyReference::parse(number);
        let reference = reference.map_err(|_| anyhow!("keys are numbered 0x21 to 0x3E, not 0x{number:02X}"))?;
        let (kind, value) = self.value(source)?;
        let purpose = self.purpose(kind)?;
        let tries = self.tries.or(purpose.authenticates_host().then_some(USUAL_TRIES));
        ensure!(tries.is_some() == purpose.authenticates_host(), "tries: hosts do not authenticate with this key");
        let is_possible = tries.is_none_or(|tries| (1..=KEY_AUTHENTICATION_TRIES_MAX).contains(&tries));
        ensure!(is_possible, "tries: 1 to {KEY_AUTHENTICATION_TRIES_MAX}");
        ensure!(self.uses != Some(0), "uses: from 1 on");
        let condition = condition::parse(self.condition.as_deref().unwrap_or("pin 1"))?;
        Ok(Key { reference, label: self.label.clone(), condition, purpose, uses: self.uses, tries, value })
    }

    fn value(&self, source: &Source<'_>) -> Result<(KeyKind, Option<Secret>)> {
        let is_secret = self.file.is_some() || self.env.is_some();
        Ok(match &self.public_key {
            Some(_) if is_secret => bail!("it has either a public_key or a secret one"),
            Some(point) => {
                let point: [u8; 65] = bytes(point).context("public_key")?;
                (KeyKind::Public, Some(Secret::new(point.to_vec())))
            }
            None if is_secret => {
                let digits = source.secret(self.file.as_deref(), self.env.as_deref())?;
                let mut key = Secret::new(vec![0; 16]);
                let decoded = hex::decode_to_slice(digits.trim_ascii(), &mut key);
                decoded.map_err(|_| anyhow!("an AES key is 32 hexadecimal digits"))?;
                (KeyKind::Aes, Some(key))
            }
            None => (KeyKind::Pair, None),
        })
    }

    fn purpose(&self, kind: KeyKind) -> Result<Purpose> {
        let wanted = self.purpose.as_deref().unwrap_or("sign");
        let Some((_, template, usage)) = PURPOSES.iter().find(|(name, ..)| *name == wanted) else {
            let known: Vec<&str> = PURPOSES.iter().map(|(name, ..)| *name).collect();
            bail!("purpose {wanted:?} is none of {}", known.join(", "));
        };
        let has = match kind {
            KeyKind::Pair => "a pair that the card makes",
            KeyKind::Public => "a public key",
            KeyKind::Aes => "an AES key",
        };
        Purpose::new(kind, *template, *usage).map_err(|_| anyhow!("purpose {wanted:?} cannot be that of {has}"))
    }
}
