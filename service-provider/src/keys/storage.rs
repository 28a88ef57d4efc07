//! Storage keys: what the store's rows are sealed under, kept apart from the database.
//!
//! ```text
//! DIR/storage-keys/sessions/N.key    seals session rows; rotated often
//! DIR/storage-keys/accounts/N.key    seals account secrets; rotated seldom
//! ```
//!
//! Each file is one AES-128 key, readable by its owner alone; the highest number seals, all open. A sealed row is
//! `key number (4 bytes, big-endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`: AES-128-GCM with the row's name as
//! associated data. Nonces are random, so one key must seal far fewer than 2³² rows: rotate it.
//!
//! # What forward secrecy means once a row has touched a disk
//! The database, its write-ahead log and every copy and backup of them hold a session's secrets, sealed. Deleting the
//! row takes none of these back. Destroying the key does: [`Vault::destroy_old`] overwrites and removes the keys'
//! files, and what was sealed under them is unreadable for ever, provided that the files were never copied (keep
//! `storage-keys` out of backups) and that the medium keeps no old blocks (flash does: put the folder on an encrypted
//! or volatile medium).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use protocol::crypto::{Crypto, Invalid, Secret};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::files::{KeyFileError, destroy, read, write_new};
use crate::Backend;

const NUMBER_LENGTH: usize = 4;
const NONCE_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;

/// The storage keys of a provider: one vault for each purpose.
pub struct StorageKeys {
    /// For session rows.
    pub sessions: Vault,
    /// For account secrets.
    pub accounts: Vault,
}

impl StorageKeys {
    /// Makes the first keys below `directory`.
    pub fn create(directory: &Path, random: &mut impl CryptoRngCore) -> Result<Self, KeyFileError> {
        let [sessions, accounts] = folders(directory);
        Ok(Self { sessions: Vault::create(sessions, random)?, accounts: Vault::create(accounts, random)? })
    }

    /// Reads the keys below `directory`.
    pub fn read(directory: &Path) -> Result<Self, KeyFileError> {
        let [sessions, accounts] = folders(directory);
        Ok(Self { sessions: Vault::read(sessions)?, accounts: Vault::read(accounts)? })
    }
}

fn folders(directory: &Path) -> [PathBuf; 2] {
    ["sessions", "accounts"].map(|purpose| directory.join("storage-keys").join(purpose))
}

/// The keys of one purpose.
pub struct Vault {
    folder: PathBuf,
    keys: BTreeMap<u32, Secret<16>>,
}

impl Vault {
    /// Makes the first key in `folder`.
    pub fn create(folder: PathBuf, random: &mut impl CryptoRngCore) -> Result<Self, KeyFileError> {
        let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        created.map_err(|error| KeyFileError::File { path: folder.clone(), error })?;
        let mut vault = Self { folder, keys: BTreeMap::new() };
        vault.rotate(random)?;
        Ok(vault)
    }

    /// Reads the keys in `folder`.
    pub fn read(folder: PathBuf) -> Result<Self, KeyFileError> {
        let failed = |error| KeyFileError::File { path: folder.clone(), error };
        let mut keys = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".key"));
            let Some(number) = name.and_then(|name| name.parse().ok()) else { continue };
            let bytes = Zeroizing::new(read(&path)?);
            let key = <[u8; 16]>::try_from(bytes.as_slice());
            keys.insert(number, Secret::from(key.map_err(|_| KeyFileError::Content(path, "a key of 16 bytes"))?));
        }
        if keys.is_empty() {
            return Err(KeyFileError::Content(folder, "a storage key"));
        }
        Ok(Self { folder, keys })
    }

    /// Makes a new key, which seals from now on; gives its number.
    pub fn rotate(&mut self, random: &mut impl CryptoRngCore) -> Result<u32, KeyFileError> {
        let number = self.keys.last_key_value().map_or(1, |(last, _)| last + 1);
        let key = Secret::<16>::random(random);
        write_new(&self.path(number), key.as_bytes())?;
        self.keys.insert(number, key);
        Ok(number)
    }

    /// Destroys every key but the one that seals, and with them what they sealed; gives their numbers.
    pub fn destroy_old(&mut self) -> Result<Vec<u32>, KeyFileError> {
        let current = self.keys.last_key_value().map(|(number, _)| *number);
        let old: Vec<u32> = self.keys.keys().copied().filter(|number| Some(*number) != current).collect();
        for number in &old {
            destroy(&self.path(*number))?;
            self.keys.remove(number);
        }
        Ok(old)
    }

    /// Seals a row under its name.
    ///
    /// # Errors
    /// [`Invalid`] where the vault has no key, which neither creating nor reading one leaves it without.
    pub fn seal(&self, name: &[u8], plain: &[u8], random: &mut impl CryptoRngCore) -> Result<Vec<u8>, Invalid> {
        let (number, key) = self.keys.last_key_value().ok_or(Invalid)?;
        let mut nonce = [0; NONCE_LENGTH];
        random.fill_bytes(&mut nonce);
        let mut cipher = plain.to_vec();
        let tag = Backend::aes128_gcm_seal(key, &nonce, name, &mut cipher);
        Ok([&number.to_be_bytes(), nonce.as_slice(), &cipher, &tag].concat())
    }

    /// Opens a row that was sealed under its name.
    ///
    /// # Errors
    /// [`Invalid`] where it was not, was changed, or its key is destroyed.
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Invalid> {
        let (number, rest) = sealed.split_first_chunk::<NUMBER_LENGTH>().ok_or(Invalid)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(Invalid)?;
        let (cipher, tag) = rest.split_last_chunk::<TAG_LENGTH>().ok_or(Invalid)?;
        let key = self.keys.get(&u32::from_be_bytes(*number)).ok_or(Invalid)?;
        let mut plain = Zeroizing::new(cipher.to_vec());
        Backend::aes128_gcm_open(key, nonce, name, &mut plain, tag)?;
        Ok(plain)
    }

    fn path(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number}.key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn a_row_opens_under_its_name_only_and_not_after_its_key_is_destroyed() {
        let mut random = StdRng::seed_from_u64(1);
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("sessions");
        let mut vault = Vault::create(folder.clone(), &mut random).unwrap();
        let old = vault.seal(b"one", b"secret", &mut random).unwrap();
        assert_eq!(vault.open(b"one", &old).unwrap().as_slice(), b"secret");
        assert!(vault.open(b"two", &old).is_err());
        for position in 0..old.len() {
            let mut changed = old.clone();
            changed[position] ^= 1;
            assert!(vault.open(b"one", &changed).is_err(), "byte {position}");
        }
        assert!(vault.open(b"one", &old[..31]).is_err());

        assert_eq!(vault.rotate(&mut random).unwrap(), 2);
        let new = vault.seal(b"one", b"secret", &mut random).unwrap();
        let mut again = Vault::read(folder.clone()).unwrap();
        assert_eq!(again.open(b"one", &old).unwrap().as_slice(), b"secret");
        assert_eq!(again.destroy_old().unwrap(), [1]);
        assert!(again.open(b"one", &old).is_err());
        assert_eq!(again.open(b"one", &new).unwrap().as_slice(), b"secret");
        assert!(!folder.join("1.key").exists());
        assert!(Vault::read(folder).unwrap().open(b"one", &old).is_err());
    }

    #[test]
    fn an_empty_folder_and_a_short_key_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Vault::read(directory.path().to_owned()).is_err());
        fs::write(directory.path().join("1.key"), [0; 15]).unwrap();
        assert!(Vault::read(directory.path().to_owned()).is_err());
    }
}
