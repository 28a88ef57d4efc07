//! Responses: a part for each member, a Merkle tree over the parts, and one signature.
//!
//! A part and its proof together with the signature is the provider's signature for that member alone; the signature is
//! the one for all. Separating a response is cutting a range of parts out of it: what is left verifies as before.

use serde::{Deserialize, Serialize};

use super::{Kind, SUITE_1};
use crate::batch::{Proof, root_from_proof};
use crate::codec;
use crate::crypto::{Crypto, PublicKey, Signature};
use crate::error::{Malformed, Rejected};
use crate::label;
use crate::transcript;
use crate::types::{Digest, GroupId, Number, Salt};

/// What all parts have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchHeader {
    /// The group that is answered.
    pub group: GroupId,
    /// The digest of the root node of the request that is answered.
    pub request: Digest,
    /// How many members the group has, whatever parts are here.
    pub count: Number,
    /// The provider's signature on kind, group, request, count and root.
    pub signature: Signature,
}

/// One member's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part<'a> {
    /// The member.
    pub number: Number,
    /// Random: keeps others from guessing the part out of their proofs.
    pub salt: Salt,
    /// What the provider says to the member.
    pub item: &'a [u8],
    /// The part's place in the tree.
    pub proof: Proof,
}

impl Part<'_> {
    /// The leaf of this part in the batch: binds number, count, the member's own request, salt and item.
    #[must_use]
    pub fn leaf<C: Crypto>(&self, kind: Kind, count: Number, request: &Digest) -> Digest {
        leaf::<C>(kind, self.number, count, request, &self.salt, self.item)
    }
}

/// The leaf of a part, from its pieces.
pub(crate) fn leaf<C: Crypto>(
    kind: Kind,
    number: Number,
    count: Number,
    request: &Digest,
    salt: &Salt,
    item: &[u8],
) -> Digest {
    let fields: [&[u8]; 6] = [&[kind.byte()], &number.to_be_bytes(), &count.to_be_bytes(), &request.0, &salt.0, item];
    transcript::digest::<C>(label::BATCH_LEAF, &fields)
}

/// What the provider signs for a batch.
pub(crate) fn signed_message<C: Crypto>(
    kind: Kind,
    group: &GroupId,
    request: &Digest,
    count: Number,
    root: &Digest,
) -> [u8; 32] {
    let fields: [&[u8]; 6] = [&[SUITE_1], &[kind.byte()], &group.0, &request.0, &count.to_be_bytes(), &root.0];
    transcript::digest::<C>(label::BATCH_SIGNATURE, &fields).0
}

/// A response with one part, as a card takes it; read without an allocator.
#[derive(Clone, Debug)]
pub struct Single<'a> {
    kind: Kind,
    header: BatchHeader,
    part: Part<'a>,
}

/// A part whose proof and signature hold for the request that it answers.
pub struct Verified<'a> {
    /// The group that the provider signed for.
    pub group: GroupId,
    /// How many members it has.
    pub count: Number,
    /// The member that the part is for.
    pub number: Number,
    /// The root of the batch.
    pub root: Digest,
    /// What the provider says.
    pub item: &'a [u8],
}

impl<'a> Single<'a> {
    /// Reads a response that has exactly one part.
    pub fn parse(message: &'a [u8], kind: Kind) -> Result<Self, Malformed> {
        let (header, rest) = codec::decode_first::<BatchHeader>(super::expect(message, kind)?)?;
        let (count, rest) = codec::decode_first::<Number>(rest)?;
        if count != 1 {
            return Err(Malformed::Structure);
        }
        Ok(Self { kind, header, part: codec::decode(rest)? })
    }

    /// Checks proof and signature for the member's own request.
    pub fn verify<C: Crypto>(&self, provider: &PublicKey, request: &Digest) -> Result<Verified<'a>, Rejected> {
        let BatchHeader { group, request: root_request, count, signature } = &self.header;
        let leaf = self.part.leaf::<C>(self.kind, *count, request);
        let root = root_from_proof::<C>(&leaf, self.part.number, *count, &self.part.proof)
            .ok_or(Rejected::NotVerified("the part's proof"))?;
        let message = signed_message::<C>(self.kind, group, root_request, *count, &root);
        C::verify(provider, &message, signature).map_err(Rejected::not_verified("the provider's signature"))?;
        Ok(Verified { group: *group, count: *count, number: self.part.number, root, item: self.part.item })
    }
}

#[cfg(feature = "alloc")]
pub use batch::Batch;

#[cfg(feature = "alloc")]
mod batch {
    use alloc::vec::Vec;
    use core::ops::Range;

    use super::{BatchHeader, Kind, Part, SUITE_1};
    use crate::codec;
    use crate::error::Malformed;
    use crate::limits;
    use crate::types::Number;

    /// A response with any number of parts, in the order of their numbers.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Batch<'a> {
        /// The kind of response.
        pub kind: Kind,
        /// What all parts have in common.
        pub header: BatchHeader,
        /// The parts.
        pub parts: Vec<Part<'a>>,
    }

    impl<'a> Batch<'a> {
        /// Reads a response of any kind.
        pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
            let (kind, body) = crate::message::split(message)?;
            if !matches!(kind, Kind::KeyExchangeResponse | Kind::TransactionResponse | Kind::FinalNotice) {
                return Err(Malformed::UnexpectedKind(kind.byte()));
            }
            let (header, rest) = codec::decode_first::<BatchHeader>(body)?;
            check_count(header.count)?;
            let (count, mut rest) = codec::decode_first::<Number>(rest)?;
            check_count(count)?;
            let mut parts: Vec<Part<'_>> = Vec::with_capacity(count.into());
            for _ in 0..count {
                let (part, after) = codec::decode_first::<Part<'_>>(rest)?;
                parts.push(part);
                rest = after;
            }
            if !rest.is_empty() {
                return Err(Malformed::TrailingBytes);
            }
            let ascending = parts.is_sorted_by(|one, next| one.number < next.number);
            let within = parts.last().is_none_or(|last| last.number < header.count);
            if ascending && within { Ok(Self { kind, header, parts }) } else { Err(Malformed::Structure) }
        }

        /// The message.
        #[must_use]
        pub fn encode(&self) -> Vec<u8> {
            let mut message = alloc::vec![SUITE_1, self.kind.byte()];
            codec::append(&self.header, &mut message);
            codec::append(&Number::try_from(self.parts.len()).unwrap_or(Number::MAX), &mut message);
            self.parts.iter().for_each(|part| codec::append(part, &mut message));
            message
        }

        /// The response with only the parts of these members.
        #[must_use]
        pub fn slice(&self, members: Range<Number>) -> Self {
            let parts = self.parts.iter().filter(|part| members.contains(&part.number)).cloned().collect();
            Self { kind: self.kind, header: self.header, parts }
        }
    }

    /// Checks that a count of parts is within the limit.
    fn check_count(count: Number) -> Result<(), Malformed> {
        if usize::from(count) > limits::MEMBERS_MAX { Err(Malformed::TooLarge("count of members")) } else { Ok(()) }
    }
}
