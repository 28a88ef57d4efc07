//! A provider in this process, and what its cards are personalised with.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_executor::block_on;
use protocol::crypto::{PublicKey, Secret};
use protocol::message::{Kind, bare};
use protocol::provider::Group;
use protocol::types::{ProviderId, TransactionId};
use rand::SeedableRng;
use rand::rngs::StdRng;
use service_provider::admin::enrol;
use service_provider::engine::{Engine, Policy, Refusal};
use service_provider::keys::files::{RootKey, read_provider};
use service_provider::keys::storage::StorageKeys;
use service_provider::ledger::AccountId;
use service_provider::store::Store;
use service_provider::store::memory::MemoryStore;
use service_provider::time::Timestamp;
use tempfile::TempDir;

use crate::world::debit;

/// A provider whose store is in memory.
pub struct Issuer {
    /// The provider.
    pub engine: Engine<MemoryStore>,
    /// Its root verification key.
    pub root: PublicKey,
    /// Its identification.
    pub id: ProviderId,
    /// Its signed descriptors, all in use, the versions ascending from 1.
    pub descriptors: Vec<Vec<u8>>,
    /// Its clock.
    pub now: Timestamp,
    /// Its randomness.
    pub random: StdRng,
    directory: TempDir,
}

/// An account and what proves it.
#[derive(Clone)]
pub struct Enrolled {
    /// The account.
    pub account: AccountId,
    /// Its number.
    pub number: String,
    /// Its secret.
    pub secret: Secret<16>,
}

impl Issuer {
    /// A provider with two versions of its keys, everything in it from the seed.
    pub fn new(seed: u64, policy: Policy) -> Result<Self> {
        let mut random = StdRng::seed_from_u64(seed);
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        let now = Timestamp::now();
        let root = RootKey::create(&path.join("root.pem"), &mut random)?;
        for _ in 0..2 {
            root.make_descriptor(path, now, VALIDITY, &mut random)?;
        }
        let storage_keys = StorageKeys::create(path, &mut random)?;
        let files = read_provider(path)?;
        let signed = |version: u32| std::fs::read(path.join("descriptors").join(format!("{version}.bin")));
        let descriptors = (1..=2).map(signed).collect::<Result<_, _>>()?;
        let engine = Engine::new(MemoryStore::new(), files.ring, storage_keys, policy);
        Ok(Self { engine, root: files.root, id: files.provider, descriptors, now, random, directory })
    }

    /// A provider that also deals with keys that it does not know.
    pub fn lenient(seed: u64) -> Result<Self> {
        Self::new(seed, Policy { registered_keys_only: false, ..Policy::default() })
    }

    /// The descriptor that it signs with today.
    pub fn descriptor(&self) -> &[u8] {
        self.descriptors.last().map_or(&[], Vec::as_slice)
    }

    /// Opens an account.
    pub fn enrol(&mut self, number: &str, holder: &str, opening: u64) -> Result<Enrolled> {
        let mut enrolment = debit(number, opening)?;
        enrolment.holder = holder.to_owned();
        let storage_keys = self.storage_keys()?;
        let enrolled = enrol(self.engine.store(), &storage_keys, enrolment, self.now, &mut self.random);
        let (account, secret) = block_on(enrolled)?;
        Ok(Enrolled { account, number: number.to_owned(), secret })
    }

    /// Registers a key for an account.
    pub fn register(&self, account: AccountId, key: PublicKey) -> Result<()> {
        Ok(block_on(self.engine.store().register_key(account, key))?)
    }

    /// Its answer to a message, or why there is none.
    pub fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        block_on(self.engine.answer(message, self.now, &mut self.random))
    }

    /// What it sends as an answer.
    pub fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        self.ask(message).unwrap_or_else(|_| bare(Kind::Refused).to_vec())
    }

    /// Time goes by, and what is past its time ends.
    pub fn wait(&mut self, time: Duration) -> Result<()> {
        self.now = self.now.after(time);
        block_on(self.engine.expire(self.now))?;
        Ok(())
    }

    /// What it remembers of a transaction's members.
    pub fn group(&self, transaction: TransactionId) -> Result<Group> {
        let row = block_on(self.engine.store().group(transaction))?.context("no such transaction")?;
        let sealed = row.sessions.context("the sessions are gone")?;
        let plain = self.storage_keys()?.sessions.open(&transaction.0, &sealed)?;
        Ok(Group::from_bytes(&plain)?)
    }

    /// Whether the books say that a transaction was posted.
    pub fn has_posted(&self, transaction: TransactionId) -> Result<bool> {
        let status = block_on(self.engine.store().outcome(transaction))?;
        Ok(status.and_then(|status| status.phase.ending()) == Some(protocol::types::Ending::Posted))
    }

    /// How much an account holds, after an audit of the books.
    pub fn balance(&self, account: AccountId) -> Result<i64> {
        self.audit()?;
        let before = AccountId(account.0 - 1);
        let balances = block_on(self.engine.store().balances(Some(before), 1))?;
        Ok(balances.first().context("no such account")?.funds.balance)
    }

    /// Audits the books; gives how many transactions hold money.
    pub fn audit(&self) -> Result<u64> {
        let audit = block_on(self.engine.store().verify())?;
        ensure!(audit.flaws.is_empty(), "the books do not add up: {:?}", audit.flaws);
        Ok(audit.holds)
    }

    fn storage_keys(&self) -> Result<StorageKeys> {
        Ok(StorageKeys::read(self.directory.path())?)
    }
}

/// Longer than a session waits for its transaction, and an approval for its acknowledgment, together.
pub const LONGEST_WAIT: Duration = Duration::from_secs(200);

/// How long a descriptor is good for: longer than any test lets time go by.
const VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);
