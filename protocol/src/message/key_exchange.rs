//! Key exchange: a member's part of the request, and the provider's part of the response for it.

use serde::{Deserialize, Serialize};

use super::at_most;
use crate::codec;
use crate::crypto::{PublicKey, Secret, Signature};
use crate::error::Malformed;
use crate::limits;
use crate::types::{Digest, GroupId, KeyId, Number, Options, Parties, Reason, Salt, TransactionId};

/// A member's keys for this transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberKeys {
    /// Verifies the member's signatures: the registered key, or a fresh one.
    pub verification: PublicKey,
    /// Receives cryptogram 2: fresh in every key exchange.
    pub encryption: PublicKey,
}

/// What anybody may read of a member's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestOuter<'a> {
    /// What the member asks for.
    pub options: Options,
    /// The descriptor whose encryption key seals cryptogram 1.
    pub key: KeyId,
    /// The member's keys; absent where they are hidden.
    pub keys: Option<MemberKeys>,
    /// Plain text, at most [`limits::PLAIN_TEXT_MAX`] bytes.
    pub plain_text: &'a [u8],
}

/// An HPKE message: the encapsulated key and what is sealed to it, its tag last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cryptogram<'a> {
    /// The encapsulated key of RFC 9180.
    pub encapsulated: PublicKey,
    /// Ciphertext and tag.
    pub sealed: &'a [u8],
}

/// A member's part of a key exchange request: `outer`, then cryptogram 1.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The bytes of `outer`: the associated data of cryptogram 1.
    pub outer_bytes: &'a [u8],
    /// What anybody may read.
    pub outer: RequestOuter<'a>,
    /// What only the provider may read: a [`Cryptogram1`].
    pub cryptogram_1: Cryptogram<'a>,
}

impl<'a> Request<'a> {
    /// Reads a member's part.
    pub fn parse(own: &'a [u8]) -> Result<Self, Malformed> {
        let (outer, rest) = codec::decode_first::<RequestOuter<'_>>(own)?;
        at_most(outer.plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        if outer.options.has(Options::HIDDEN_KEY) != outer.keys.is_none() {
            return Err(Malformed::Structure);
        }
        Ok(Self { outer_bytes: codec::before(own, rest), outer, cryptogram_1: codec::decode(rest)? })
    }
}

/// A registered key's word for a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsement {
    /// The registered verification key.
    pub registered: PublicKey,
    /// Its signature on the fresh verification key and the descriptor's identification.
    pub signature: Signature,
}

/// What a member says to the provider alone.
#[derive(Serialize, Deserialize)]
pub struct Cryptogram1<'a> {
    /// Challenge to the provider, N_m.
    pub challenge: Secret<32>,
    /// The keys, where they are hidden.
    pub hidden_keys: Option<MemberKeys>,
    /// The registered key's word for a fresh one.
    pub endorsement: Option<Endorsement>,
    /// Sensitive data, at most [`limits::SENSITIVE_MAX`] bytes.
    #[serde(borrow)]
    pub sensitive: &'a [u8],
    /// The account, where the response is to be bound to it; at most [`limits::ACCOUNT_MAX`] bytes. Its proof, 16
    /// bytes, follows as the last of the plain text.
    pub account: Option<&'a [u8]>,
}

/// An account proof, and the bytes in front of it, which it covers.
pub type ProofAndBefore<'a> = (&'a [u8; 16], &'a [u8]);

impl<'a> Cryptogram1<'a> {
    /// Reads the plain text of cryptogram 1, and the account proof where there is an account.
    pub fn parse(plain: &'a [u8]) -> Result<(Self, Option<ProofAndBefore<'a>>), Malformed> {
        let (value, rest) = codec::decode_first::<Self>(plain)?;
        at_most(value.sensitive, limits::SENSITIVE_MAX, "sensitive data")?;
        at_most(value.account.unwrap_or_default(), limits::ACCOUNT_MAX, "account")?;
        let proof = match (value.account, rest) {
            (Some(_), proof) => {
                let proof = proof.try_into().map_err(|_| Malformed::Undecodable)?;
                Some((proof, codec::before(plain, rest)))
            }
            (None, []) => None,
            (None, _) => return Err(Malformed::TrailingBytes),
        };
        Ok((value, proof))
    }
}

/// What anybody may read of the provider's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseOuter<'a> {
    /// The member's node that this answers.
    pub request: Digest,
    /// The group.
    pub group: GroupId,
    /// The member's number in it.
    pub number: Number,
    /// How many members it has.
    pub count: Number,
    /// The member's options, as the provider understood them.
    pub options: Options,
    /// The transaction identification, unless it is in cryptogram 2.
    pub transaction: Option<TransactionId>,
    /// Plain text, at most [`limits::PLAIN_TEXT_MAX`] bytes.
    pub plain_text: &'a [u8],
}

/// What follows the outer part of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseSeals<'a> {
    /// What only the member may read: a [`Cryptogram2`].
    #[serde(borrow)]
    pub cryptogram_2: Cryptogram<'a>,
    /// The answer to the member challenge, unless it is in cryptogram 2.
    pub answer: Option<Digest>,
}

/// The provider's part for one member: `outer`, then the seals.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The bytes of `outer`: the associated data of cryptogram 2.
    pub outer_bytes: &'a [u8],
    /// What anybody may read.
    pub outer: ResponseOuter<'a>,
    /// Cryptogram 2 and the plain answer.
    pub seals: ResponseSeals<'a>,
}

impl<'a> Response<'a> {
    /// Reads the provider's part for one member.
    pub fn parse(item: &'a [u8]) -> Result<Self, Malformed> {
        let (outer, rest) = codec::decode_first::<ResponseOuter<'_>>(item)?;
        at_most(outer.plain_text, limits::PLAIN_TEXT_MAX, "plain text")?;
        let seals: ResponseSeals<'_> = codec::decode(rest)?;
        if outer.options.has(Options::TRANSACTION_INSIDE) != outer.transaction.is_none()
            || outer.options.has(Options::ANSWER_INSIDE) != seals.answer.is_none()
        {
            return Err(Malformed::Structure);
        }
        Ok(Self { outer_bytes: codec::before(item, rest), outer, seals })
    }
}

/// Whether the provider takes the member's request up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict<'a> {
    /// The session stands.
    Granted,
    /// There is no session.
    #[serde(borrow)]
    Refused(Reason<'a>),
}

/// What the provider says to one member alone.
#[derive(Serialize, Deserialize)]
pub struct Cryptogram2<'a> {
    /// The member's session secret, S.
    pub session_secret: Secret<32>,
    /// Challenge to the member, N_p.
    pub challenge: Secret<32>,
    /// Whether there is a session.
    #[serde(borrow)]
    pub verdict: Verdict<'a>,
    /// The transaction identification, where it travels here.
    pub transaction: Option<TransactionId>,
    /// The answer to the member challenge, where it travels here.
    pub answer: Option<Digest>,
    /// The secret that the whole group shares, where it does.
    pub shared_secret: Option<Secret<32>>,
    /// The verified names of those who proved their accounts.
    pub parties: Parties<'a>,
    /// The other members' keys, one [`Peer`] after the other; empty where they were not asked for.
    pub peers: &'a [u8],
    /// Sensitive data, at most [`limits::SENSITIVE_MAX`] bytes.
    pub sensitive: &'a [u8],
}

impl<'a> Cryptogram2<'a> {
    /// Reads the plain text of cryptogram 2.
    pub fn parse(plain: &'a [u8], options: Options) -> Result<Self, Malformed> {
        let value: Self = codec::decode(plain)?;
        at_most(value.sensitive, limits::SENSITIVE_MAX, "sensitive data")?;
        if let Verdict::Refused(reason) = &value.verdict {
            reason.check()?;
        }
        super::transaction::check_parties(&value.parties)?;
        if options.has(Options::TRANSACTION_INSIDE) != value.transaction.is_some()
            || options.has(Options::ANSWER_INSIDE) != value.answer.is_some()
            || options.has(Options::SHARED_KEY) != value.shared_secret.is_some()
        {
            return Err(Malformed::Structure);
        }
        Ok(value)
    }
}

/// One member of the group as its peers are told of it, enough to compute the group's identification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The number of the member that combined this one's message; `None` for the root.
    pub parent: Option<Number>,
    /// The digest of this one's key exchange node.
    pub request: Digest,
    /// Its verification key.
    pub key: PeerKey,
}

/// A verification key, or what stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerKey {
    /// A key that its member does not hide.
    Open(PublicKey),
    /// A key whose member hides it from the path and reveals it to its peers.
    Revealed(PublicKey, Salt),
    /// A key whose member hides it: its salted commitment.
    Hidden(Digest),
}
