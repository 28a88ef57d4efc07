//! The one way in which this protocol hashes: a label, then length-prefixed fields.

use crate::crypto::{Crypto, Hasher};
use crate::types::Digest;

/// A running SHA-256 over fields, each preceded by its length as four bytes, big-endian. The first field is a label.
pub(crate) struct Transcript<C: Crypto>(C::Sha256);

impl<C: Crypto> Clone for Transcript<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Crypto> Transcript<C> {
    pub(crate) fn new(label: &[u8]) -> Self {
        let mut transcript = Self(C::Sha256::new());
        transcript.add(label);
        transcript
    }

    pub(crate) fn add(&mut self, field: &[u8]) {
        // Fields are bounded by the message limits, far below four gigabytes.
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        self.0.update(&length.to_be_bytes());
        self.0.update(field);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finish())
    }
}

/// The digest of a label and fields.
pub(crate) fn digest<C: Crypto>(label: &[u8], fields: &[&[u8]]) -> Digest {
    let mut transcript = Transcript::<C>::new(label);
    for field in fields {
        transcript.add(field);
    }
    transcript.finish()
}

/// The 32 bytes that make up a hash input's label and the thing it labels, ready to be signed.
pub(crate) fn signed<C: Crypto>(label: &[u8], digest: &Digest) -> [u8; 32] {
    self::digest::<C>(label, &[digest.as_bytes()]).0
}
