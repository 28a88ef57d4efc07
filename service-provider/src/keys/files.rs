//! The provider's keys on disk.
//!
//! ```text
//! root key file            PKCS#8 PEM; kept offline, needed only to make and rotate descriptors
//! DIR/root.pub             root verification key in hex: what cards are personalised with
//! DIR/descriptors/N.bin    descriptor of version N as the root key signed it
//! DIR/descriptors/N-encryption.pem, N-signing.pem      its private keys, PKCS#8 PEM, readable by their owner alone
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use p256::SecretKey;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use protocol::crypto::{Crypto, Invalid, PublicKey, Secret, random_scalar};
use protocol::message::descriptor::{Descriptor, provider_id};
use protocol::provider::{ProviderKeys, sign_descriptor};
use protocol::types::ProviderId;
use rand_core::CryptoRngCore;

use super::KeyRing;
use crate::Backend;
use crate::store::limits;
use crate::time::Timestamp;

/// Why keys cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be written or read.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is there but is not what it should be.
    #[error("{0} does not hold {1}")]
    Content(PathBuf, &'static str),
}

/// The private root key.
pub struct RootKey(Secret<32>);

impl RootKey {
    /// Draws a root key and writes it to `path`, which must not exist.
    pub fn create(path: &Path, random: &mut impl CryptoRngCore) -> Result<Self, KeyFileError> {
        let scalar = random_scalar::<Backend>(random);
        write_key(path, &scalar)?;
        Ok(Self(scalar))
    }

    /// Reads a root key.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        read_key(path).map(Self)
    }

    /// The provider's public key: all that a member needs to start.
    ///
    /// # Errors
    /// [`Invalid`] where the file held no key of this curve.
    pub fn verification_key(&self) -> Result<PublicKey, Invalid> {
        Ok(Backend::verification_key(&Backend::signing_key(&self.0)?))
    }

    /// Makes the keys of the next version, valid from now, and writes them and their signed descriptor below
    /// `directory`.
    pub fn make_descriptor(
        &self,
        directory: &Path,
        now: Timestamp,
        validity: Duration,
        random: &mut impl CryptoRngCore,
    ) -> Result<Descriptor, KeyFileError> {
        let folder = directory.join("descriptors");
        let wrong = || KeyFileError::Content(folder.clone(), "keys of this curve");
        let root = Backend::signing_key(&self.0).map_err(|_| wrong())?;
        fs::create_dir_all(&folder).map_err(|error| KeyFileError::File { path: folder.clone(), error })?;
        let root_path = root_path(directory);
        if !root_path.exists() {
            write_new(&root_path, hex::encode(Backend::verification_key(&root).0).as_bytes())?;
        }
        // After whatever is left of one that was not finished, too.
        let version = numbers(&folder)?.into_iter().max().unwrap_or(0) + 1;
        let scalars = [random_scalar::<Backend>(random), random_scalar::<Backend>(random)];
        let [encryption_scalar, signing_scalar] = &scalars;
        let encryption = Backend::agreement_key(encryption_scalar).map_err(|_| wrong())?;
        let signing = Backend::signing_key(signing_scalar).map_err(|_| wrong())?;
        let descriptor = Descriptor {
            version,
            provider: provider_id::<Backend>(&Backend::verification_key(&root)),
            encryption: Backend::agreement_public_key(&encryption),
            verification: Backend::verification_key(&signing),
            not_before: now.0 / 1000,
            not_after: now.after(validity).0 / 1000,
        };
        write_key(&key_path(&folder, version, "encryption"), encryption_scalar)?;
        write_key(&key_path(&folder, version, "signing"), signing_scalar)?;
        // The descriptor comes last: a version is there when all of it is.
        write_new(&descriptor_path(&folder, version), &sign_descriptor::<Backend>(&descriptor, &root, &[]))?;
        Ok(descriptor)
    }
}

/// The provider whose key files are below `directory`.
pub struct ProviderFiles {
    /// Its root verification key.
    pub root: PublicKey,
    /// Its identification.
    pub provider: ProviderId,
    /// The keys of all its descriptors.
    pub ring: KeyRing,
}

/// Reads the key files below `directory`; every descriptor must be signed by the root key.
pub fn read_provider(directory: &Path) -> Result<ProviderFiles, KeyFileError> {
    let root = read_root_verification_key(directory)?;
    let folder = directory.join("descriptors");
    let mut ring = KeyRing::new();
    for version in versions(&folder)? {
        let path = descriptor_path(&folder, version);
        let signed = read(&path)?;
        let wrong = || KeyFileError::Content(path.clone(), "a descriptor that goes with its keys and the root key");
        let descriptor = Descriptor::verify::<Backend>(&signed, &root).map_err(|_| wrong())?;
        let encryption = read_key(&key_path(&folder, version, "encryption"))?;
        let signing = read_key(&key_path(&folder, version, "signing"))?;
        let encryption = Backend::agreement_key(&encryption).map_err(|_| wrong())?;
        let signing = Backend::signing_key(&signing).map_err(|_| wrong())?;
        ring.add(ProviderKeys::new(descriptor, encryption, signing).map_err(|_| wrong())?, signed);
    }
    Ok(ProviderFiles { root, provider: provider_id::<Backend>(&root), ring })
}

fn root_path(directory: &Path) -> PathBuf {
    directory.join("root.pub")
}

fn read_root_verification_key(directory: &Path) -> Result<PublicKey, KeyFileError> {
    let path = root_path(directory);
    let key = hex::decode(read(&path)?).ok().and_then(|bytes| <[u8; 65]>::try_from(bytes).ok());
    key.map(PublicKey).ok_or(KeyFileError::Content(path, "a verification key in hex"))
}

/// Destroys the private keys of descriptors that ended [`KEPT_FOR`] or longer before `now`, and of those that were not
/// finished before a later one was; gives their versions. From then on nobody can open what was sealed to them (forward
/// secrecy of cryptogram 1), on the same terms as in [`super::storage`].
pub fn destroy_expired(directory: &Path, now: Timestamp) -> Result<Vec<u32>, KeyFileError> {
    let folder = directory.join("descriptors");
    let newest = versions(&folder)?.into_iter().max();
    let mut destroyed = Vec::new();
    for version in numbers(&folder)?.into_iter().filter(|version| Some(*version) < newest) {
        let path = descriptor_path(&folder, version);
        if path.exists() {
            let wrong = || KeyFileError::Content(path.clone(), "a descriptor");
            let descriptor = Descriptor::read_unverified(&read(&path)?).map_err(|_| wrong())?;
            if Timestamp(descriptor.not_after.saturating_mul(1000)).after(KEPT_FOR) > now {
                continue;
            }
            // First, so that a descriptor is never there without its keys.
            destroy(&path)?;
        }
        for (_, path) in files(&folder)?.into_iter().filter(|(number, _)| *number == version) {
            destroy(&path)?;
        }
        destroyed.push(version);
    }
    Ok(destroyed)
}

/// How long keys outlive their descriptor: as long as a transaction can last that began in its last second.
pub const KEPT_FOR: Duration = Duration::from_secs(2 * limits::PENDING_MAX.as_secs());

/// Overwrites a file with zeros and removes it, and waits until both are on the disk.
pub(crate) fn destroy(path: &Path) -> Result<(), KeyFileError> {
    let destroy = || {
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        let length = file.metadata()?.len();
        std::io::copy(&mut std::io::repeat(0).take(length), &mut file)?;
        file.sync_all()?;
        fs::remove_file(path)?;
        sync_folder(path)
    };
    destroy().map_err(|error| KeyFileError::File { path: path.to_owned(), error })
}

/// The versions of which there is a descriptor, ascending.
fn versions(folder: &Path) -> Result<Vec<u32>, KeyFileError> {
    Ok(numbers(folder)?.into_iter().filter(|version| descriptor_path(folder, *version).exists()).collect())
}

/// The versions of which there is any file, ascending.
fn numbers(folder: &Path) -> Result<BTreeSet<u32>, KeyFileError> {
    Ok(files(folder)?.into_iter().map(|(number, _)| number).collect())
}

/// The files of all versions, finished or not.
fn files(folder: &Path) -> Result<Vec<(u32, PathBuf)>, KeyFileError> {
    let failed = |error| KeyFileError::File { path: folder.to_owned(), error };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let number = entry.file_name().to_str().and_then(|name| name.split(['-', '.']).next()?.parse().ok());
        files.extend(number.map(|number| (number, entry.path())));
    }
    Ok(files)
}

fn descriptor_path(folder: &Path, version: u32) -> PathBuf {
    folder.join(format!("{version}.bin"))
}

fn key_path(folder: &Path, version: u32, purpose: &str) -> PathBuf {
    folder.join(format!("{version}-{purpose}.pem"))
}

fn write_key(path: &Path, scalar: &Secret<32>) -> Result<(), KeyFileError> {
    let wrong = || KeyFileError::Content(path.to_owned(), "a P-256 key");
    let key = SecretKey::from_slice(scalar.as_bytes()).map_err(|_| wrong())?;
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|_| wrong())?;
    write_new(path, pem.as_bytes())
}

fn read_key(path: &Path) -> Result<Secret<32>, KeyFileError> {
    let pem = zeroize::Zeroizing::new(read(path)?);
    let pem = std::str::from_utf8(&pem).ok();
    let key = pem.and_then(|pem| SecretKey::from_pkcs8_pem(pem).ok());
    let key = key.ok_or_else(|| KeyFileError::Content(path.to_owned(), "a P-256 key in PKCS#8 PEM"))?;
    Ok(Secret::from(<[u8; 32]>::from(key.to_bytes())))
}

/// Writes a file that is not there yet, for its owner alone, and waits until it is on the disk. Whenever that is cut
/// short, there is all of it or none.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<(), KeyFileError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let write = || {
        if path.exists() {
            return Err(std::io::ErrorKind::AlreadyExists.into());
        }
        // What an earlier attempt left keeps its mode, which is this one.
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        sync_folder(path)
    };
    write().map_err(|error| KeyFileError::File { path: path.to_owned(), error })
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder_name(folder))?.sync_all())
}

/// The folder of a path; the working directory has an empty name in it.
fn folder_name(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    fs::read(path).map_err(|error| KeyFileError::File { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn keys_are_destroyed_when_the_last_transaction_under_them_is_over() {
        let mut random = StdRng::seed_from_u64(1);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let root = RootKey::create(&path.join("root.pem"), &mut random).unwrap();
        let begin = Timestamp(1_000_000_000);
        let validity = Duration::from_secs(3600);
        root.make_descriptor(path, begin, validity, &mut random).unwrap();
        // A version of which only one key was written when the power went.
        write_new(&key_path(&path.join("descriptors"), 2, "encryption"), b"whole").unwrap();
        fs::write(path.join("descriptors/2-signing.pem.unfinished"), b"half").unwrap();
        assert!(destroy_expired(path, begin).unwrap().is_empty(), "it may still be being written");
        let later = begin.after(KEPT_FOR);
        assert_eq!(root.make_descriptor(path, later, validity, &mut random).unwrap().version, 3);

        let end = begin.after(validity).after(KEPT_FOR);
        assert_eq!(destroy_expired(path, Timestamp(end.0 - 1)).unwrap(), [2]);
        assert_eq!(versions(&path.join("descriptors")).unwrap(), [1, 3]);
        assert_eq!(destroy_expired(path, end).unwrap(), [1]);
        assert_eq!(fs::read_dir(path.join("descriptors")).unwrap().count(), 3);
        assert!(read_provider(path).is_ok());
        assert_eq!(root.make_descriptor(path, later, validity, &mut random).unwrap().version, 4);
    }

    #[test]
    fn a_file_is_written_once_and_what_was_cut_short_is_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1.key");
        fs::write(directory.path().join("1.key.unfinished"), b"more than there will be").unwrap();
        write_new(&path, b"content").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"content");
        assert!(write_new(&path, b"other").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"content");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
