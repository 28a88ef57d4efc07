//! What makes one record of an image follow another: a tag over the tag before it.

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit};
use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::header::{Header, PassphraseParameters};
use crate::passphrase::Passphrase;

/// Bytes of a tag, of either kind of image.
pub(super) const TAG_LENGTH: usize = 16;
/// Bytes of an AES-GCM nonce (SP 800-38D, 8.2).
pub(super) const NONCE_LENGTH: usize = 12;

/// The tag that ends a record and is authenticated by the next one.
pub(super) type Tag = [u8; TAG_LENGTH];
/// A record's nonce; zero in an image without a passphrase.
pub(super) type Nonce = [u8; NONCE_LENGTH];

const KEY_LABEL: &[u8] = b"symbolon card image 1";

/// The key that a passphrase gives, from which every generation of the file takes its own.
pub(super) struct Master(Zeroizing<[u8; 32]>);

impl Master {
    /// Argon2id, RFC 9106, with the costs that the header states; `None` if the costs are not valid ones.
    pub(super) fn derive(passphrase: &Passphrase, parameters: &PassphraseParameters) -> Option<Self> {
        let costs = Params::new(parameters.memory_kib, parameters.passes, parameters.lanes, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, costs)
            .hash_password_into(passphrase.bytes(), &parameters.salt, key.as_mut())
            .ok()?;
        Some(Self(key))
    }
}

/// How records are closed: by a chained hash, or by AES-256-GCM (SP 800-38D).
pub(super) enum Seal {
    /// SHA-256, cut to 16 bytes: finds torn and damaged records, hides nothing and stops nobody.
    Plain,
    /// AES-256-GCM under a key of this file generation, each record under a random nonce.
    Encrypted(Box<Aes256Gcm>),
}

impl Seal {
    /// The seal of one file generation. HKDF-SHA256 (RFC 5869) with the generation's salt gives each rewritten file
    /// a key of its own, so that random nonces under one key stay far below 2^32.
    pub(super) fn new(header: &Header, master: Option<&Master>) -> Self {
        let Some(master) = master else { return Self::Plain };
        let mut key = Zeroizing::new([0; 32]);
        // Expanding to one hash length is always within HKDF's bound.
        let expanded = Hkdf::<Sha256>::new(Some(&header.generation), master.0.as_ref()).expand(KEY_LABEL, key.as_mut());
        debug_assert!(expanded.is_ok(), "32 bytes are within HKDF's bound");
        Self::Encrypted(Box::new(Aes256Gcm::new(key.as_ref().into())))
    }

    /// Closes `body` in place. `None` only if the cipher refuses the length, which no record reaches.
    pub(super) fn close(&self, before: &Tag, head: &[u8], nonce: &Nonce, body: &mut [u8]) -> Option<Tag> {
        match self {
            Self::Plain => Some(hash(before, head, nonce, body)),
            Self::Encrypted(cipher) => {
                cipher.encrypt_in_place_detached(nonce.into(), &associated(before, head), body).ok().map(Into::into)
            }
        }
    }

    /// Opens `body` in place; false, with `body` not to be used, if anything under the tag is not what was closed.
    pub(super) fn open(&self, before: &Tag, head: &[u8], nonce: &Nonce, body: &mut [u8], tag: &Tag) -> bool {
        match self {
            Self::Plain => hash(before, head, nonce, body) == *tag,
            Self::Encrypted(cipher) => {
                cipher.decrypt_in_place_detached(nonce.into(), &associated(before, head), body, tag.into()).is_ok()
            }
        }
    }
}

fn associated(before: &Tag, head: &[u8]) -> Vec<u8> {
    [before.as_slice(), head].concat()
}

fn hash(before: &Tag, head: &[u8], nonce: &Nonce, body: &[u8]) -> Tag {
    let length = u64::try_from(head.len()).unwrap_or(u64::MAX).to_be_bytes();
    let digest = Sha256::new().chain_update(before).chain_update(length).chain_update(head).chain_update(nonce);
    let digest: [u8; 32] = digest.chain_update(body).finalize().into();
    let mut tag = [0; TAG_LENGTH];
    for (to, from) in tag.iter_mut().zip(digest) {
        *to = from;
    }
    tag
}
