//! The Merkle tree under a response batch: RFC 6962 section 2.1, with leaves that are digests already.
//!
//! Leaf hash `SHA-256(00 ‖ d)`, inner hash `SHA-256(01 ‖ left ‖ right)`. A proof has exactly the length that the leaf's
//! number and the count ask for.

use crate::crypto::{Crypto, Hasher};
use crate::limits;
use crate::types::{Digest, Number};

/// The sibling hashes from a leaf up to the root.
pub type Proof = heapless::Vec<Digest, { limits::PROOF_MAX }>;

/// The root that a leaf's proof leads to; `None` where the proof has not the length that number and count ask for.
#[must_use]
pub fn root_from_proof<C: Crypto>(leaf: &Digest, number: Number, count: Number, proof: &[Digest]) -> Option<Digest> {
    // RFC 9162 section 2.1.3.2, which spells the check of RFC 6962 out.
    let (mut node, mut last) = (number, count.checked_sub(1)?);
    if node > last {
        return None;
    }
    let mut hash = leaf_hash::<C>(leaf);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = inner_hash::<C>(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = inner_hash::<C>(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

fn leaf_hash<C: Crypto>(leaf: &Digest) -> Digest {
    let mut hasher = C::Sha256::new();
    hasher.update(&[0]);
    hasher.update(&leaf.0);
    Digest(hasher.finish())
}

fn inner_hash<C: Crypto>(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = C::Sha256::new();
    hasher.update(&[1]);
    hasher.update(&left.0);
    hasher.update(&right.0);
    Digest(hasher.finish())
}

#[cfg(feature = "alloc")]
pub use build::MerkleTree;

#[cfg(feature = "alloc")]
mod build {
    use alloc::vec::Vec;

    use super::{Proof, inner_hash, leaf_hash};
    use crate::crypto::Crypto;
    use crate::types::Digest;

    /// A whole tree. The odd hash at the end of a level moves up as it is, which gives the splits of RFC 6962.
    pub struct MerkleTree {
        levels: Vec<Vec<Digest>>,
    }

    impl MerkleTree {
        /// The tree over `leaves`, of which there must be at least one.
        #[must_use]
        pub fn new<C: Crypto>(leaves: &[Digest]) -> Self {
            let mut level: Vec<Digest> = leaves.iter().map(leaf_hash::<C>).collect();
            let mut levels = Vec::new();
            while level.len() > 1 {
                let above = level.chunks(2).map(|pair| match pair {
                    [left, right] => inner_hash::<C>(left, right),
                    [alone, ..] => *alone,
                    [] => Digest([0; 32]),
                });
                let above = above.collect();
                levels.push(core::mem::replace(&mut level, above));
            }
            levels.push(level);
            Self { levels }
        }

        /// The root.
        #[must_use]
        pub fn root(&self) -> Digest {
            self.levels.last().and_then(|top| top.first()).copied().unwrap_or(Digest([0; 32]))
        }

        /// The proof of a leaf.
        #[must_use]
        pub fn proof(&self, number: usize) -> Proof {
            let siblings =
                self.levels.iter().enumerate().filter_map(|(height, level)| level.get((number >> height) ^ 1));
            siblings.copied().take(crate::limits::PROOF_MAX).collect()
        }
    }
}
