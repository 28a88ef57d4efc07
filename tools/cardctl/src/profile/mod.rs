//! What goes onto a card, as its issuer writes it down; and what changes on one that was issued.
//!
//! `example.toml` beside this file has all that a profile can say. To change a card the same is written, as far as it
//! changes: what has a number or a path that is there takes its place. Keys need their numbers then, and there is no
//! `[holder]` and no `state`.

mod account;
mod file;
mod key;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::instruction::{KeyVersion, PinReference};
use apdu_spec::limits::{ISSUER_DATA_MAX, KEY_SETS_MAX, PIN_LENGTH_MAX, PIN_LENGTH_MIN, PIN_TRIES_MAX};
use apdu_spec::pin::{PinRecord, PinRules};
use apdu_spec::{Condition, LifeCycle};
use toml::Spanned;
use zeroize::Zeroizing;

pub(crate) use account::Account;
pub(crate) use file::{CardFile, path as file_path};
pub(crate) use key::Key;

use self::written::{Written, WrittenCard, WrittenKeySet, WrittenPin};
use crate::condition;
use crate::key_file::Keys;
use crate::secret::{self, Secret};

/// All that a profile can say: for the help text.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

/// The longest name of a holder, bytes: the object with it has a length of one byte.
const HOLDER_NAME_MAX: usize = 127;

/// The longest profile, bytes.
const PROFILE_MAX: u64 = 1024 * 1024;

/// The holder's PIN.
pub(crate) const HOLDER_PIN: u8 = 1;

/// Wrong PINs in a row until it blocks, where the profile does not say.
const USUAL_TRIES: u8 = 3;

/// What a batch's table says of one holder, by the names of its columns.
pub(crate) type Columns = BTreeMap<String, Zeroizing<String>>;

/// What a profile is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// All that an empty card gets.
    Issue,
    /// What a card that was issued gets besides.
    Change,
}

/// What goes onto a card, read and checked.
pub(crate) struct Profile {
    /// The holder's name; there exactly where a card is issued.
    pub(crate) holder: String,
    /// How far the card goes.
    pub(crate) state: LifeCycle,
    pub(crate) issuer_number: Option<Vec<u8>>,
    pub(crate) card_number: Option<Vec<u8>>,
    pub(crate) pins: Vec<Pin>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: Vec<Key>,
    pub(crate) key_sets: Vec<KeySet>,
    pub(crate) files: Vec<CardFile>,
}

/// A PIN.
pub(crate) struct Pin {
    pub(crate) reference: PinReference,
    tries: u8,
    rules: PinRules,
    value: Secret,
}

/// A key set of the issuer's security domain.
pub(crate) struct KeySet {
    pub(crate) version: KeyVersion,
    pub(crate) keys: Keys,
}

impl Profile {
    /// Reads a profile and all the files that it names.
    pub(crate) fn read(path: &Path, occasion: Occasion) -> Result<Self> {
        let text = read_text(path)?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(".")), occasion)
            .with_context(|| format!("profile {}", path.display()))
    }

    /// From its text; paths in it are relative to `folder`.
    pub(crate) fn parse(text: &str, folder: &Path, occasion: Occasion) -> Result<Self> {
        Self::parse_with(text, folder, occasion, None)
    }

    /// Likewise; in a batch with what the columns say of the holder.
    pub(crate) fn parse_with(text: &str, folder: &Path, occasion: Occasion, columns: Option<&Columns>) -> Result<Self> {
        let written = toml::from_str(text).map_err(|error| mistake(text, &error))?;
        let profile = Self::resolve(&written, &Source { text, folder, columns }, occasion)?;
        if occasion == Occasion::Issue {
            profile.has_what_it_asks_for()?;
        }
        Ok(profile)
    }

    fn resolve(written: &Written, source: &Source<'_>, occasion: Occasion) -> Result<Self> {
        let holder = match (&written.holder, occasion) {
            (Some(holder), Occasion::Issue) => holder.name.clone(),
            (None, Occasion::Change) => String::new(),
            (None, Occasion::Issue) => bail!("there is no [holder] with a name"),
            (Some(_), Occasion::Change) => bail!("[holder] does not change: the holder's file is the holder's"),
        };
        ensure!(holder.len() <= HOLDER_NAME_MAX, "the holder's name takes 1 to {HOLDER_NAME_MAX} bytes");
        ensure!(occasion == Occasion::Change || !holder.is_empty(), "the holder has no name");
        let card = &written.card;
        ensure!(
            occasion == Occasion::Issue || card.state.is_none(),
            "the state changes with block, unblock, terminate"
        );
        let profile = Self {
            holder,
            state: card.state()?,
            issuer_number: WrittenCard::number(card.issuer_number.as_deref()).context("issuer_number")?,
            card_number: WrittenCard::number(card.card_number.as_deref()).context("card_number")?,
            pins: source
                .each(&written.pin, |pin| pin.resolve(source).with_context(|| format!("PIN {}", pin.number)))?,
            accounts: account::resolve_all(&written.provider, source, occasion)?,
            keys: key::resolve_all(&written.key, source, occasion)?,
            key_sets: source.each(&written.key_set, |set| {
                set.resolve(source).with_context(|| format!("key set {}", set.version))
            })?,
            files: file::resolve_all(&written.file, source, occasion)?,
        };
        ensure!(profile.key_sets.len() <= KEY_SETS_MAX, "a card has room for {KEY_SETS_MAX} key sets");
        distinct(profile.pins.iter().map(|pin| pin.reference.number()), |number| format!("PIN {number}"))?;
        distinct(profile.key_sets.iter().map(|set| set.version.number()), |version| format!("key set {version}"))?;
        Ok(profile)
    }

    /// What takes a PIN or a key that the card does not have would be locked for ever.
    fn has_what_it_asks_for(&self) -> Result<()> {
        let has_pin = |what: &str, number: u8| {
            let is_there = self.pins.iter().any(|pin| pin.reference.number() == number);
            ensure!(is_there, "{what} takes PIN {number}, and there is none in the profile");
            Ok(())
        };
        let has = |what: &str, asked: &Condition| {
            condition::pins(asked).iter().try_for_each(|pin| has_pin(what, pin.number()))?;
            condition::keys(asked).iter().try_for_each(|key| {
                let is_there = self.keys.iter().any(|other| other.reference == *key);
                ensure!(is_there, "{what} takes key {:02X}, and there is none in the profile", key.number());
                Ok(())
            })
        };
        has_pin("the holder's file", HOLDER_PIN)?;
        for pin in &self.pins {
            let what = format!("PIN {}", pin.reference.number());
            pin.rules.resetting_code.map_or(Ok(()), |code| has_pin(&what, code.number()))?;
            [pin.rules.unblocking, pin.rules.choosing].iter().try_for_each(|asked| has(&what, asked))?;
        }
        for account in &self.accounts {
            account.conditions().iter().try_for_each(|asked| has(&account.name, asked))?;
            account.policy.map_or(Ok(()), |policy| has_pin(&account.name, policy.pin))?;
        }
        self.keys.iter().try_for_each(|key| has(&key.label, &key.condition))?;
        for file in &self.files {
            let what = format!("file {}", file.shown_path());
            file.conditions()?.iter().try_for_each(|asked| has(&what, asked))?;
        }
        Ok(())
    }

    /// Whether it brings something that nobody may read on the way to the card.
    pub(crate) fn has_secrets(&self) -> bool {
        !self.pins.is_empty() || !self.accounts.is_empty() || self.keys.iter().any(|key| key.has_secret())
    }
}

impl Pin {
    /// The PIN as the card takes it.
    pub(crate) fn record(&self) -> PinRecord<'_> {
        let Self { reference, tries, rules, value } = self;
        PinRecord { reference: *reference, tries: *tries, value, rules: *rules }
    }
}

impl WrittenPin {
    fn resolve(&self, source: &Source<'_>) -> Result<Pin> {
        let value = match &self.column {
            Some(column) => source.column(column)?,
            None => source.secret(self.file.as_deref(), self.env.as_deref())?,
        };
        ensure!(
            (PIN_LENGTH_MIN..=PIN_LENGTH_MAX).contains(&value.len()),
            "a PIN has {PIN_LENGTH_MIN} to {PIN_LENGTH_MAX} characters"
        );
        let tries = self.tries.unwrap_or(USUAL_TRIES);
        ensure!((1..=PIN_TRIES_MAX).contains(&tries), "a PIN has 1 to {PIN_TRIES_MAX} tries");
        let reference = PinReference::parse(self.number).map_err(|_| anyhow!("there is no PIN of this number"))?;
        let code = self.resetting_code.map(PinReference::parse).transpose();
        let resetting_code = code.map_err(|_| anyhow!("resetting_code: there is no PIN of this number"))?;
        ensure!(resetting_code != Some(reference), "resetting_code: it is another PIN's number");
        let asked = |words: &Option<String>| words.as_deref().map_or(Ok(Condition::NEVER), condition::parse);
        let unblocking = asked(&self.unblock).context("unblock")?;
        let choosing = asked(&self.choose).context("choose")?;
        Ok(Pin { reference, tries, rules: PinRules { resetting_code, unblocking, choosing }, value })
    }
}

impl WrittenKeySet {
    fn resolve(&self, source: &Source<'_>) -> Result<KeySet> {
        let version = KeyVersion::parse(self.version).map_err(|_| anyhow!("versions are 1 to 127"))?;
        let keys = match (&self.file, &self.env) {
            (Some(file), None) => Keys::read(&source.folder.join(file))?,
            (None, Some(name)) => Keys::from_environment(name)?,
            (None, None) | (Some(_), Some(_)) => bail!("say either `file` or `env`"),
        };
        Ok(KeySet { version, keys })
    }
}

impl WrittenCard {
    fn state(&self) -> Result<LifeCycle> {
        Ok(match self.state.as_deref() {
            None | Some("SECURED") => LifeCycle::Secured,
            Some("INITIALIZED") => LifeCycle::Initialized,
            Some("OP_READY") => LifeCycle::OpReady,
            Some(other) => bail!("state {other:?} is none of \"OP_READY\", \"INITIALIZED\", \"SECURED\""),
        })
    }

    fn number(digits: Option<&str>) -> Result<Option<Vec<u8>>> {
        let Some(digits) = digits else { return Ok(None) };
        let number = hex::decode(digits).map_err(|_| anyhow!("not hexadecimal"))?;
        ensure!((1..=ISSUER_DATA_MAX).contains(&number.len()), "a number has 1 to {ISSUER_DATA_MAX} bytes");
        Ok(Some(number))
    }
}

/// Where a profile came from.
struct Source<'a> {
    text: &'a str,
    folder: &'a Path,
    columns: Option<&'a Columns>,
}

impl Source<'_> {
    /// Resolves each of a kind; an error says in which line it is.
    fn each<T, R>(&self, items: &[Spanned<T>], mut resolve: impl FnMut(&T) -> Result<R>) -> Result<Vec<R>> {
        let resolved = items
            .iter()
            .map(|item| resolve(item.get_ref()).with_context(|| format!("line {}", line(self.text, &item.span()))));
        resolved.collect()
    }

    /// What a batch's table says.
    fn column(&self, name: &str) -> Result<Secret> {
        let columns = self.columns.context("column: only `cardctl batch --csv` has columns")?;
        let value = columns.get(name).with_context(|| format!("there is no column {name:?}"))?;
        Ok(Zeroizing::new(value.as_bytes().to_vec()))
    }

    /// What is the first line of a file, or in the environment.
    fn secret(&self, file: Option<&str>, env: Option<&str>) -> Result<Secret> {
        match (file, env) {
            (Some(file), None) => secret::from_file(&self.folder.join(file)),
            (None, Some(name)) => secret::from_environment(name),
            (None, None) | (Some(_), Some(_)) => bail!("say either `file` or `env`"),
        }
    }
}

/// The text of a profile.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let read = || -> Result<String> {
        ensure!(std::fs::metadata(path)?.len() <= PROFILE_MAX, "it is longer than {PROFILE_MAX} bytes");
        Ok(std::fs::read_to_string(path)?)
    };
    read().with_context(|| format!("profile {}", path.display()))
}

/// What is wrong and in which line, without the line itself: somebody may have written a PIN there.
fn mistake(text: &str, error: &toml::de::Error) -> anyhow::Error {
    anyhow!("line {}: {}", line(text, &error.span().unwrap_or_default()), error.message())
}

fn line(text: &str, span: &Range<usize>) -> usize {
    text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>, shown: impl Fn(&T) -> String) -> Result<()> {
    let mut seen = BTreeSet::new();
    for item in items {
        ensure!(!seen.contains(&item), "{} is there twice", shown(&item));
        seen.insert(item);
    }
    Ok(())
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| anyhow!("not {N} bytes in hexadecimal"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-256's generator, as a provider's root key, and that provider.
    const ROOT_KEY: &str = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
        4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    const PROVIDER: &str = "d2dcb73a8ffad684b69ac0f209e88900";

    #[test]
    fn the_example_is_a_profile_and_without_its_holder_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let key = "404142434445464748494a4b4c4d4e4f";
        let enrolment = serde_json::json!({
            "provider": PROVIDER,
            "root_verification_key": ROOT_KEY,
            "account": "DE1",
            "account_secret": key,
            "instrument": "debit",
            "currency": "EUR",
        });
        let enrolment = enrolment.to_string();
        let files = [
            ("ada.pin", "4711"),
            ("ada.code", "87654321"),
            ("gate.key", key),
            ("issuer.keys", key),
            ("ada.json", &enrolment),
        ];
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let profile = Profile::parse(EXAMPLE, folder.path(), Occasion::Issue).unwrap();
        let counts = [profile.pins.len(), profile.accounts.len(), profile.keys.len(), profile.key_sets.len()];
        assert_eq!((counts, profile.files.len()), ([2, 1, 2, 1], 4));
        let change = EXAMPLE
            .split_once("[[pin]]")
            .unwrap()
            .1
            .replace("[[key]]\nlabel = \"Gate\"", "[[key]]\nnumber = 0x22\nlabel = \"Gate\"");
        assert!(Profile::parse(&format!("[[pin]]{change}"), folder.path(), Occasion::Change).is_ok());
    }
}
