//! A provider in this process, for measurements and for tests of it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use protocol::crypto::AwsLc;
use protocol::message::descriptor::Descriptor;
use rand::rngs::StdRng;
use service_provider::admin::{Enrolment, enrol};
use service_provider::engine::{Engine, Policy};
use service_provider::keys::files::{RootKey, read_provider};
use service_provider::keys::storage::StorageKeys;
use service_provider::ledger::{AccountId, Bounds};
use service_provider::store::account::AccountNumber;
use service_provider::store::instrument::Instrument;
use service_provider::store::{Store, limits};
use service_provider::time::Timestamp;
use tempfile::TempDir;

use crate::member::{EUR, Member};

/// A provider with two members of it, payee and payer.
pub struct World<S> {
    /// The provider.
    pub engine: Arc<Engine<S>>,
    /// Payee, payer.
    pub members: Arc<[Member; 2]>,
    /// The accounts of the two.
    pub accounts: [AccountId; 2],
    descriptor: Descriptor,
    directory: TempDir,
}

/// What the payer's account holds from the start, in minor units; the payee's holds nothing.
pub const OPENING: u64 = 1_000_000_000;

impl<S: Store> World<S> {
    /// A new provider whose store `open` opens in its data directory.
    pub async fn new(open: impl FnOnce(&Path) -> Result<S>, random: &mut StdRng) -> Result<Self> {
        Self::at(Timestamp::now(), open, random).await
    }

    /// The same, with keys that are valid for an hour from `now`.
    pub async fn at(now: Timestamp, open: impl FnOnce(&Path) -> Result<S>, random: &mut StdRng) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        let root = RootKey::create(&path.join("root.pem"), random)?;
        let descriptor = root.make_descriptor(path, now, Duration::from_secs(3600), random)?;
        let storage_keys = StorageKeys::create(path, random)?;
        let store = open(path)?;
        let keys = &storage_keys;
        let payee = member(&store, keys, descriptor, debit("MERCHANT1", 0)?, true, random).await?;
        let payer = member(&store, keys, descriptor, debit("CUSTOMER1", OPENING)?, false, random).await?;
        let engine = Engine::new(store, read_provider(path)?.ring, storage_keys, Policy::default());
        let (members, accounts) = (Arc::new([payee.0, payer.0]), [payee.1, payer.1]);
        Ok(Self { engine: Arc::new(engine), members, accounts, descriptor, directory })
    }

    /// Enrols one more member, which is `named` to the others where it proves its account in the key exchange.
    pub async fn enrol(&self, enrolment: Enrolment, named: bool, random: &mut StdRng) -> Result<(Member, AccountId)> {
        let storage_keys = StorageKeys::read(self.directory.path())?;
        member(self.engine.store(), &storage_keys, self.descriptor, enrolment, named, random).await
    }

    /// Closes the provider; gives its members and its data directory, from which it can be opened again.
    #[must_use]
    pub fn close(self) -> (Arc<[Member; 2]>, TempDir) {
        (self.members, self.directory)
    }

    /// The balances of payee and payer, after an audit of the books.
    pub async fn balances(&self) -> Result<[i64; 2]> {
        let store = self.engine.store();
        let flaws = store.verify().await?.flaws;
        ensure!(flaws.is_empty(), "the books do not add up: {flaws:?}");
        let balances = store.balances(None, limits::PAGE_MAX).await?;
        let of = |account| balances.iter().find(|balance| balance.account.id == account);
        let [payee, payer] = self.accounts.map(|account| of(account).map(|balance| balance.funds.balance));
        Ok([payee.context("no payee")?, payer.context("no payer")?])
    }
}

/// A current account.
pub fn debit(number: &str, opening: u64) -> Result<Enrolment> {
    Ok(Enrolment {
        number: AccountNumber::new(number)?,
        holder: "Holder".into(),
        currency: EUR,
        instrument: Instrument::Debit,
        bounds: Bounds::credit_limit(0),
        attributes: Vec::new(),
        opening,
    })
}

async fn member(
    store: &impl Store,
    storage_keys: &StorageKeys,
    descriptor: Descriptor,
    enrolment: Enrolment,
    named: bool,
    random: &mut StdRng,
) -> Result<(Member, AccountId)> {
    let number = enrolment.number.clone();
    let (account, secret) = enrol(store, storage_keys, enrolment, Timestamp::now(), random).await?;
    let member = Member::new::<AwsLc>(descriptor, number.as_str(), secret, named, random)?;
    store.register_key(account, *member.verification()).await?;
    Ok((member, account))
}
