//! The key schedule: traffic keys out of what a key exchange agreed on, one for each field of each message.
//!
//! ```text
//! T           = digest(SESSION, request digest, the provider's part)
//! private PRK = HKDF-Extract(salt T, S ‖ N_m)
//! group PRK   = HKDF-Extract(salt G, shared secret)
//! key         = HKDF-Expand(private PRK, digest(TRAFFIC, kind, field), 16)
//!             | HKDF-Expand(group PRK, digest(GROUP_TRAFFIC, kind, field, number), 16)
//! ```
//!
//! Each key seals once, so the nonce is zero. The message kind fixes the direction.

use serde::{Deserialize, Serialize};

use crate::crypto::{Crypto, Secret};
use crate::label;
use crate::message::Kind;
use crate::transcript;
use crate::types::{Digest, GroupId, Number};

/// The sealed fields, of which each has a key of its own in each kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Field {
    /// Cryptogram 3 of a transaction request.
    Cryptogram3 = 1,
    /// The terms of a transaction request.
    Terms = 2,
    /// What only provider and member may read.
    Private = 3,
    /// What the card hands to its terminal.
    Display = 4,
    /// The data of an acknowledgment.
    Data = 5,
    /// A hidden key's signature.
    Signature = 6,
    /// The receipt of a final notice.
    Receipt = 7,
}

/// What both ends of a session derive its traffic keys from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionKeys {
    private: Secret<32>,
    group: Option<Secret<32>>,
    number: Number,
}

impl SessionKeys {
    /// The keys of the member `number`, from session secret and member challenge and, where the group shares a key, its
    /// identification and secret.
    #[must_use]
    pub(crate) fn derive<C: Crypto>(
        session: &Digest,
        session_secret: &Secret<32>,
        member_challenge: &Secret<32>,
        group: Option<(&GroupId, &Secret<32>)>,
        number: Number,
    ) -> Self {
        let private = C::hkdf_extract(&session.0, &[session_secret.as_bytes(), member_challenge.as_bytes()]);
        let group = group.map(|(id, secret)| C::hkdf_extract(&id.0, &[secret.as_bytes()]));
        Self { private, group, number }
    }

    /// The key of a field that is for this member and the provider alone.
    pub(crate) fn private<C: Crypto>(&self, kind: Kind, field: Field) -> Secret<16> {
        expand::<C>(&self.private, &transcript::digest::<C>(label::TRAFFIC, &[&[kind.byte()], &[field as u8]]))
    }

    /// The key of a field that the whole group may read, where it shares a key; else the private one.
    pub(crate) fn group<C: Crypto>(&self, kind: Kind, field: Field) -> Secret<16> {
        let Some(group) = &self.group else { return self.private::<C>(kind, field) };
        let fields: [&[u8]; 3] = [&[kind.byte()], &[field as u8], &self.number.to_be_bytes()];
        expand::<C>(group, &transcript::digest::<C>(label::GROUP_TRAFFIC, &fields))
    }
}

/// T: the digest of one member's key exchange, from its request and the provider's part of the response.
pub(crate) fn session_digest<C: Crypto>(request: &Digest, item: &[u8]) -> Digest {
    transcript::digest::<C>(label::SESSION, &[&request.0, item])
}

fn expand<C: Crypto>(prk: &Secret<32>, info: &Digest) -> Secret<16> {
    Secret::filled(|key| C::hkdf_expand(prk, &[&info.0], key))
}

/// The answer to a member challenge: HMAC(N_m, digest(MEMBER_ANSWER, request digest, outer, S, N_p)).
pub(crate) fn member_answer<C: Crypto>(
    challenge: &Secret<32>,
    request: &Digest,
    outer: &[u8],
    session_secret: &Secret<32>,
    provider_challenge: &Secret<32>,
) -> Secret<32> {
    let fields: [&[u8]; 4] = [&request.0, outer, session_secret.as_bytes(), provider_challenge.as_bytes()];
    let said = transcript::digest::<C>(label::MEMBER_ANSWER, &fields);
    Secret::from(C::hmac_sha256(challenge.as_bytes(), &[&said.0]))
}

/// The answer to a provider challenge: HMAC(N_p, digest(PROVIDER_ANSWER, T)).
pub(crate) fn provider_answer<C: Crypto>(challenge: &Secret<32>, session: &Digest) -> Secret<32> {
    let said = transcript::digest::<C>(label::PROVIDER_ANSWER, &[&session.0]);
    Secret::from(C::hmac_sha256(challenge.as_bytes(), &[&said.0]))
}

/// The proof that a member knows its account's secret: CMAC(account secret, `said`), where `said` is the digest of
/// everything that the member says with it.
pub(crate) fn account_proof<C: Crypto>(secret: &Secret<16>, said: &Digest) -> Secret<16> {
    Secret::from(C::aes128_cmac(secret, &said.0))
}

/// What the account proof of a key exchange request covers.
pub(crate) fn said_in_key_exchange<C: Crypto>(outer: &[u8], before_proof: &[u8]) -> Digest {
    transcript::digest::<C>(label::ACCOUNT_KEY_EXCHANGE, &[outer, before_proof])
}

/// What the account proof of a transaction request covers: the session, the message in front of the private field, the
/// terms in plain, and the private field in front of the proof.
pub(crate) fn said_in_transaction<C: Crypto>(
    session: &Digest,
    before_private: &[u8],
    terms: &[u8],
    before_proof: &[u8],
) -> Digest {
    let fields = [session.as_bytes(), before_private, terms, before_proof];
    transcript::digest::<C>(label::ACCOUNT_TRANSACTION, &fields)
}
