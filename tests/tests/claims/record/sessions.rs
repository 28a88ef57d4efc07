//! The provider's memory of a transaction, and what its keys open: the key schedule once more, from its specification
//! (PROTOCOL.md, 6.5) and not from the code under test.

use anyhow::{Context, Result, ensure};
use protocol::crypto::{Crypto, Hasher, PublicKey, RustCrypto, Secret};
use protocol::label;
use protocol::message::Kind;
use protocol::types::{Digest, GroupId, KeyId, Number, TransactionId};
use serde::{Deserialize, Serialize};

/// A sealed field of a message, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Field {
    Cryptogram3 = 1,
    Terms = 2,
    Private = 3,
    Display = 4,
    Data = 5,
    Signature = 6,
    Receipt = 7,
}

impl Field {
    /// Every sealed field of the messages after the key exchange, but a hidden key's signature.
    pub(crate) const PLACES: [(Kind, Self); 8] = [
        (Kind::TransactionRequest, Self::Cryptogram3),
        (Kind::TransactionRequest, Self::Terms),
        (Kind::TransactionRequest, Self::Private),
        (Kind::TransactionResponse, Self::Display),
        (Kind::TransactionResponse, Self::Private),
        (Kind::Acknowledgment, Self::Data),
        (Kind::Acknowledgment, Self::Private),
        (Kind::FinalNotice, Self::Receipt),
    ];

    /// Whether the whole group may read it, where it shares a key.
    pub(crate) const fn is_group_s(self) -> bool {
        matches!(self, Self::Terms | Self::Display | Self::Data)
    }
}

/// The members of a transaction with their sessions, as the provider keeps them.
#[derive(Serialize, Deserialize)]
pub(crate) struct Sessions {
    pub(crate) group: GroupId,
    pub(crate) transaction: TransactionId,
    pub(crate) key: KeyId,
    pub(crate) members: Vec<Session>,
    names: Vec<(Number, String)>,
    response: Option<Digest>,
}

/// One member's session.
#[derive(Serialize, Deserialize)]
pub(crate) struct Session {
    /// The key that signs for it.
    pub(crate) verification: PublicKey,
    /// The registered key that endorsed that one.
    pub(crate) endorser: Option<PublicKey>,
    account: Option<Vec<u8>>,
    pub(crate) parent: Option<Number>,
    pub(crate) hidden: bool,
    /// T.
    pub(crate) digest: Digest,
    /// N_p.
    pub(crate) challenge: Secret<32>,
    private: Secret<32>,
    group: Option<Secret<32>>,
    number: Number,
}

impl Sessions {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let sessions: Self = postcard::from_bytes(bytes)?;
        let numbers = sessions.members.iter().map(|member| member.number);
        ensure!(numbers.eq(0..u16::try_from(sessions.members.len())?), "members out of order");
        Ok(sessions)
    }

    pub(crate) fn member(&self, number: usize) -> Result<&Session> {
        self.members.get(number).with_context(|| format!("no member {number}"))
    }
}

impl Session {
    /// The key of a field that is for this member alone.
    pub(crate) fn private(&self, kind: Kind, field: Field) -> Secret<16> {
        expand(&self.private, &digest(label::TRAFFIC, &[&[kind.byte()], &[field as u8]]))
    }

    /// The key of a field for the whole group, in the message of the member `number`, where the group shares a key.
    pub(crate) fn group(&self, kind: Kind, field: Field, number: Number) -> Option<Secret<16>> {
        let info = digest(label::GROUP_TRAFFIC, &[&[kind.byte()], &[field as u8], &number.to_be_bytes()]);
        Some(expand(self.group.as_ref()?, &info))
    }

    /// Whether two members have one private secret.
    pub(crate) fn same_private(&self, other: &Self) -> bool {
        self.private == other.private
    }

    /// Whether two members share the group's secret.
    pub(crate) fn same_group(&self, other: &Self) -> bool {
        self.group.is_some() && self.group == other.group
    }

    /// Whether all its private keys are derived from this secret.
    pub(crate) fn is_from(&self, private: &Secret<32>) -> bool {
        self.private == *private
    }

    /// What answers the provider's challenge.
    pub(crate) fn answer(&self) -> [u8; 32] {
        let said = digest(label::PROVIDER_ANSWER, &[&self.digest.0]);
        RustCrypto::hmac_sha256(self.challenge.as_bytes(), &[&said.0])
    }
}

/// What a sealed field holds, where this is its key.
pub(crate) fn open(key: &Secret<16>, outer: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (cipher, tag) = sealed.split_last_chunk::<16>()?;
    let mut plain = cipher.to_vec();
    RustCrypto::aes128_gcm_open(key, &[0; 12], outer, &mut plain, tag).ok()?;
    Some(plain)
}

/// SHA-256 over a label and fields, each behind its length.
pub(crate) fn digest(label: &[u8], fields: &[&[u8]]) -> Digest {
    let mut hasher = <RustCrypto as Crypto>::Sha256::new();
    for field in [label].iter().chain(fields) {
        hasher.update(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(field);
    }
    Digest(hasher.finish())
}

fn expand(prk: &Secret<32>, info: &Digest) -> Secret<16> {
    let mut key = [0; 16];
    RustCrypto::hkdf_expand(prk, &[&info.0], &mut key);
    Secret::from(key)
}
