//! From what the provider says to each member to one signed batch.

use alloc::vec::Vec;

use rand_core::CryptoRngCore;

use super::{ProviderKeys, Requests};
use crate::batch::MerkleTree;
use crate::codec::BufferFull;
use crate::crypto::{Crypto, Secret};
use crate::limits;
use crate::message::Kind;
use crate::message::response::{Batch, BatchHeader, Part, leaf, signed_message};
use crate::seal::Builder;
use crate::types::{Digest, GroupId, Number, Salt};

/// A signed answer for all members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The message.
    pub message: Vec<u8>,
    /// The root of its batch.
    pub root: Digest,
}

/// Signs one batch over what each member is told; `items` are in the order of the members' numbers.
pub(super) fn sign<C: Crypto>(
    keys: &ProviderKeys<C>,
    kind: Kind,
    group: GroupId,
    requests: &Requests<'_>,
    items: &[Vec<u8>],
    random: &mut impl CryptoRngCore,
) -> Answer {
    let count = requests.tree.count();
    let salts: Vec<Salt> = items.iter().map(|_| random_salt(random)).collect();
    let leaves = (0..).zip(requests.digests()).zip(items).zip(&salts);
    let leaves: Vec<Digest> =
        leaves.map(|(((number, request), item), salt)| leaf::<C>(kind, number, count, request, salt, item)).collect();
    let tree = MerkleTree::new::<C>(&leaves);
    let root = tree.root();
    let request = requests.root();
    let hedge = Secret::<32>::random(random);
    let message = signed_message::<C>(kind, &group, &request, count, &root);
    let signature = C::sign(&keys.signing, &message, hedge.as_bytes());
    let parts = items.iter().zip(&salts).enumerate().map(|(index, (item, salt))| Part {
        number: Number::try_from(index).unwrap_or(Number::MAX),
        salt: *salt,
        item,
        proof: tree.proof(index),
    });
    let batch = Batch { kind, header: BatchHeader { group, request, count, signature }, parts: parts.collect() };
    Answer { message: batch.encode(), root }
}

/// Writes what one member is told; what its card could not take is not written.
pub(super) fn item(fill: impl FnOnce(&mut Builder<'_>) -> Result<(), BufferFull>) -> Result<Vec<u8>, BufferFull> {
    item_of(limits::ITEM_MAX, fill)
}

/// The same, of at most `limit` bytes.
pub(super) fn item_of(
    limit: usize,
    fill: impl FnOnce(&mut Builder<'_>) -> Result<(), BufferFull>,
) -> Result<Vec<u8>, BufferFull> {
    let mut space = alloc::vec![0; limit];
    let mut builder = Builder::new(&mut space);
    fill(&mut builder)?;
    let length = builder.length();
    space.truncate(length);
    Ok(space)
}

pub(super) fn random_salt(random: &mut impl CryptoRngCore) -> Salt {
    let mut salt = [0; 16];
    random.fill_bytes(&mut salt);
    Salt(salt)
}
