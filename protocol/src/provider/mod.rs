//! The provider's side: pure steps from bytes to verified values and from decisions to signed answers.
//!
//! ```text
//! Tree::parse -> Requests::new -> key_exchange::verify -> (who are they?)         -> key_exchange::answer
//!                              -> transaction::verify  -> (agreed? funds?)        -> transaction::answer
//!                              -> acknowledgment::verify -> (post or release)     -> acknowledgment::answer
//! ```
//!
//! What is between a `verify` and its `answer` is the caller's: looking accounts up, deciding, making it durable.
//! A `verify` checks cheap things first and refuses the whole message at the first that is wrong.

pub mod acknowledgment;
mod answer;
pub use answer::Answer;
pub mod key_exchange;
pub mod transaction;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::codec;
use crate::crypto::{Crypto, Invalid, PublicKey, Secret, Signature};
use crate::error::{Malformed, Rejected};
use crate::keys::{Field, SessionKeys, account_proof};
use crate::label;
use crate::message::descriptor::{Descriptor, SIGNED_MAX};
use crate::message::request::{Node, SEALED_SIGNATURE_LENGTH, Tree};
use crate::message::{Header, Kind, SUITE_1};
use crate::seal::{Scratch, open_with};
use crate::transcript;
use crate::types::{Digest, GroupId, KeyId, Number, Parties, Party, TransactionId};

/// One descriptor and the private keys behind it.
pub struct ProviderKeys<C: Crypto> {
    descriptor: Descriptor,
    id: KeyId,
    encryption: C::AgreementKey,
    signing: C::SigningKey,
}

impl<C: Crypto> ProviderKeys<C> {
    /// Puts keys and descriptor together; refuses keys that are not the descriptor's.
    pub fn new(descriptor: Descriptor, encryption: C::AgreementKey, signing: C::SigningKey) -> Result<Self, Invalid> {
        let belong = C::agreement_public_key(&encryption) == descriptor.encryption
            && C::verification_key(&signing) == descriptor.verification;
        if !belong {
            return Err(Invalid);
        }
        Ok(Self { id: descriptor.key_id::<C>(), descriptor, encryption, signing })
    }

    /// The descriptor.
    #[must_use]
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its identification.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }
}

/// The message that answers a descriptor request, from a descriptor that the root key has signed.
#[must_use]
pub fn descriptor_message(signed: &[u8]) -> Vec<u8> {
    [&[SUITE_1, Kind::Descriptor.byte()], signed].concat()
}

/// Signs a descriptor with the root key.
#[must_use]
pub fn sign_descriptor<C: Crypto>(descriptor: &Descriptor, root: &C::SigningKey, hedge: &[u8]) -> Vec<u8> {
    let mut signed = alloc::vec![0; SIGNED_MAX];
    let length = descriptor.sign::<C>(root, hedge, &mut signed).unwrap_or(0);
    signed.truncate(length);
    signed
}

/// The digest of a whole request message, by which its stored answer is found again.
#[must_use]
pub fn message_digest<C: Crypto>(message: &[u8]) -> Digest {
    transcript::digest::<C>(label::MESSAGE, &[message])
}

/// A request whose structure is right, with the digest of every node.
pub struct Requests<'m> {
    tree: Tree<'m>,
    digests: Vec<Digest>,
}

impl<'m> Requests<'m> {
    /// Digests the nodes of a tree; refuses one that has the same node twice.
    pub fn new<C: Crypto>(tree: Tree<'m>) -> Result<Self, Malformed> {
        let digests = tree.digests::<C>();
        let mut sorted = digests.clone();
        sorted.sort_unstable();
        if sorted.is_sorted_by(|one, next| one < next) { Ok(Self { tree, digests }) } else { Err(Malformed::Structure) }
    }

    /// The kind of request.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.tree.kind()
    }

    /// The digests of the nodes, in the order of the members' numbers. Each may be used once.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// The transaction that the root node of a later message names, read before anything is verified.
    pub fn transaction(&self) -> Result<TransactionId, Malformed> {
        let root = self.tree.nodes().first().ok_or(Malformed::Structure)?;
        Ok(codec::decode_first::<Header>(root.own)?.0.transaction)
    }

    /// The descriptor that the root node of a key exchange names, read before anything is verified.
    pub fn key(&self) -> Result<KeyId, Malformed> {
        let root = self.tree.nodes().first().ok_or(Malformed::Structure)?;
        Ok(crate::message::key_exchange::Request::parse(root.own)?.outer.key)
    }

    /// The digest of the root node.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.digests.first().copied().unwrap_or(Digest([0; 32]))
    }

    fn nodes(&self) -> impl Iterator<Item = (&Node<'m>, &Digest)> {
        self.tree.nodes().iter().zip(&self.digests)
    }
}

/// The members of one transaction with the keys of their sessions, as the provider keeps it between messages.
///
/// Holds session secrets: store it sealed.
#[derive(Serialize, Deserialize)]
pub struct Group {
    /// The group's identification.
    pub id: GroupId,
    /// The transaction.
    pub transaction: TransactionId,
    /// The descriptor under which it began.
    pub key: KeyId,
    /// The members in the order of their numbers.
    pub members: Vec<Member>,
    /// The verified names that every member was given.
    pub names: Vec<(Number, String)>,
    /// The root of the transaction response, once there is one: what acknowledgments must name.
    pub response: Option<Digest>,
}

/// One member of a group.
#[derive(Serialize, Deserialize)]
pub struct Member {
    /// The key that signs for it.
    pub verification: PublicKey,
    /// The registered key that endorsed it, where one did.
    pub endorser: Option<PublicKey>,
    /// The account that it proved in the key exchange, where it did.
    pub account: Option<Zeroizing<Vec<u8>>>,
    parent: Option<Number>,
    hidden: bool,
    session: Digest,
    challenge: Secret<32>,
    keys: SessionKeys,
}

impl Group {
    /// The group as bytes, to be stored sealed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        codec::append(self, &mut bytes);
        bytes
    }

    /// The group from its stored bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode(bytes)
    }

    /// The header of a message to or from a member.
    fn header(&self, number: Number) -> Header {
        Header { transaction: self.transaction, group: self.id, number }
    }

    fn parties(&self) -> Parties<'_> {
        self.names.iter().map(|(number, name)| Party { number: *number, name }).take(crate::limits::PEERS_MAX).collect()
    }

    /// The group's members beside their nodes, when the request has the very shape of the group.
    fn match_nodes<'r, 'm>(
        &'r self,
        requests: &'r Requests<'m>,
    ) -> Result<impl Iterator<Item = (Number, &'r Member, &'r Node<'m>, &'r Digest)>, Rejected> {
        let shape = self.members.iter().map(|member| member.parent);
        if !shape.eq(requests.tree.parents().iter().copied()) {
            return Err(Rejected::NotForThis("the tree of members"));
        }
        let members = (0..).zip(&self.members).zip(requests.nodes());
        Ok(members.map(|((number, member), (node, digest))| (number, member, node, digest)))
    }
}

impl Member {
    /// The key that should be registered: the one that signs, or the one that endorsed it.
    #[must_use]
    pub const fn registered(&self) -> &PublicKey {
        registered(&self.verification, self.endorser.as_ref())
    }

    /// Checks the signature of a node of this member's, sealed where its key is hidden.
    fn verify_signature<C: Crypto>(&self, kind: Kind, node: &Node<'_>, digest: &Digest) -> Result<(), Rejected> {
        let signature = if self.hidden {
            let key = self.keys.private::<C>(kind, Field::Signature);
            open_signature(node.signature, |plain, tag| {
                C::aes128_gcm_open(&key, &[0; 12], digest.as_bytes(), plain, tag)
            })?
        } else {
            plain_signature(node.signature)?
        };
        verify_node::<C>(&self.verification, digest, &signature)
    }
}

/// The key that should be registered: the one that endorsed the one that signs, where one did.
const fn registered<'a>(verification: &'a PublicKey, endorser: Option<&'a PublicKey>) -> &'a PublicKey {
    match endorser {
        Some(endorser) => endorser,
        None => verification,
    }
}

/// An account that a member names, and what proves that it is the member's.
pub struct AccountClaim {
    /// Account information.
    pub information: Zeroizing<Vec<u8>>,
    said: Digest,
    proof: Secret<16>,
}

impl AccountClaim {
    /// Whether whoever made this claim knows the account's secret, and said with it just what its message says.
    #[must_use]
    pub fn is_proved_by<C: Crypto>(&self, secret: &Secret<16>) -> bool {
        account_proof::<C>(secret, &self.said) == self.proof
    }
}

fn verify_node<C: Crypto>(key: &PublicKey, digest: &Digest, signature: &Signature) -> Result<(), Rejected> {
    C::verify(key, &transcript::signed::<C>(label::NODE_SIGNATURE, digest), signature)
        .map_err(Rejected::not_verified("a member's signature"))
}

fn plain_signature(bytes: &[u8]) -> Result<Signature, Rejected> {
    Ok(Signature(bytes.try_into().map_err(|_| Malformed::Structure)?))
}

fn open_signature(
    sealed: &[u8],
    open: impl FnOnce(&mut [u8], &[u8; 16]) -> Result<(), Invalid>,
) -> Result<Signature, Rejected> {
    let mut space = [0; SEALED_SIGNATURE_LENGTH];
    let plain = open_with(sealed, &mut Scratch::new(&mut space), open)
        .map_err(Rejected::not_verified("a member's sealed signature"))?;
    plain_signature(plain)
}
