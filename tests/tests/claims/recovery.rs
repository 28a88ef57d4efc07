//! What an ECDSA signature gives away: the keys under which it holds (SEC 1, 4.1.6).

use ecdsa::RecoveryId;
use p256::ecdsa::{Signature, VerifyingKey};
use protocol::crypto::{Crypto, Hasher, PublicKey, RustCrypto};

/// Every public key under which these 64 bytes would be a signature of `message`; none where they cannot be one.
pub(crate) fn recover(message: &[u8], signature: &[u8]) -> Vec<PublicKey> {
    let Ok(signature) = Signature::from_slice(signature) else { return Vec::new() };
    let mut hasher = <RustCrypto as Crypto>::Sha256::new();
    hasher.update(message);
    let hash = hasher.finish();
    let ids = (0..4).filter_map(RecoveryId::from_byte);
    let keys = ids.filter_map(|id| VerifyingKey::recover_from_prehash(&hash, &signature, id).ok());
    keys.filter_map(|key| Some(PublicKey(key.to_encoded_point(false).as_bytes().try_into().ok()?))).collect()
}
