//! Requests: trees of signed nodes.
//!
//! A node is what a member says (`own`), the complete signed nodes that it combines (its children), and its signature.
//! On the wire a tree is its nodes in pre-order, each with its count of children: every subtree is one contiguous
//! range, so that combining is concatenation and nothing recurses.

use serde::{Deserialize, Serialize};

use crate::crypto::Crypto;
use crate::label;
use crate::transcript::Transcript;
use crate::types::Digest;

use super::Kind;

/// A signature in the clear.
pub const SIGNATURE_LENGTH: usize = 64;

/// A signature of a hidden key, sealed: the 64 bytes and a tag.
pub const SEALED_SIGNATURE_LENGTH: usize = SIGNATURE_LENGTH + 16;

/// One member's node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node<'a> {
    /// How many nodes it combines.
    pub children: u8,
    /// What the member says.
    pub own: &'a [u8],
    /// Its signature on the node's digest, or the sealed signature where its key is hidden.
    pub signature: &'a [u8],
}

/// The digest of a node, made as its children stream in:
/// SHA-256 over label, kind, SHA-256(own), count of children, and each child's digest and signature.
pub struct NodeHasher<C: Crypto>(Transcript<C>);

impl<C: Crypto> NodeHasher<C> {
    /// Begins with what the member says. `own` is its SHA-256.
    #[must_use]
    pub fn new(kind: Kind, own: &[u8; 32], children: u8) -> Self {
        let mut transcript = Transcript::new(label::NODE);
        transcript.add(&[kind.byte()]);
        transcript.add(own);
        transcript.add(&[children]);
        Self(transcript)
    }

    /// Adds the next child.
    pub fn child(&mut self, digest: &Digest, signature: &[u8]) {
        self.0.add(digest.as_bytes());
        self.0.add(signature);
    }

    /// The node's digest.
    #[must_use]
    pub fn finish(self) -> Digest {
        self.0.finish()
    }
}

#[cfg(feature = "alloc")]
pub use tree::Tree;

#[cfg(feature = "alloc")]
mod tree {
    use alloc::vec::Vec;
    use core::ops::Range;

    use super::{Kind, Node, NodeHasher, SEALED_SIGNATURE_LENGTH, SIGNATURE_LENGTH};
    use crate::codec;
    use crate::crypto::{Crypto, Hasher};
    use crate::error::Malformed;
    use crate::limits;
    use crate::message::SUITE_1;
    use crate::types::{Digest, Number};

    /// A whole request, its structure checked.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Tree<'a> {
        kind: Kind,
        nodes: Vec<Node<'a>>,
        parents: Vec<Option<Number>>,
    }

    impl<'a> Tree<'a> {
        /// Reads a request of any kind.
        pub fn parse(message: &'a [u8]) -> Result<Self, Malformed> {
            let (kind, body) = crate::message::split(message)?;
            if !matches!(kind, Kind::KeyExchangeRequest | Kind::TransactionRequest | Kind::Acknowledgment) {
                return Err(Malformed::UnexpectedKind(kind.byte()));
            }
            let (count, mut rest) = codec::decode_first::<Number>(body)?;
            if usize::from(count) > limits::MEMBERS_MAX {
                return Err(Malformed::TooLarge("count of members"));
            }
            let mut nodes = Vec::with_capacity(count.into());
            for _ in 0..count {
                let (node, after) = codec::decode_first::<Node<'_>>(rest)?;
                nodes.push(node);
                rest = after;
            }
            if rest.is_empty() { Self::new(kind, nodes) } else { Err(Malformed::TrailingBytes) }
        }

        /// A member's node and below it the complete requests that it combines, in the order in which it signed them.
        pub fn combine(
            kind: Kind,
            own: &'a [u8],
            signature: &'a [u8],
            children: &[Tree<'a>],
        ) -> Result<Self, Malformed> {
            let count = u8::try_from(children.len()).map_err(|_| Malformed::TooLarge("count of children"))?;
            if children.iter().any(|child| child.kind != kind) {
                return Err(Malformed::Structure);
            }
            let mut nodes = Vec::with_capacity(1 + children.iter().map(|child| child.nodes.len()).sum::<usize>());
            nodes.push(Node { children: count, own, signature });
            children.iter().for_each(|child| nodes.extend_from_slice(&child.nodes));
            Self::new(kind, nodes)
        }

        /// The message.
        #[must_use]
        pub fn encode(&self) -> Vec<u8> {
            let mut message = alloc::vec![SUITE_1, self.kind.byte()];
            codec::append(&self.count(), &mut message);
            self.nodes.iter().for_each(|node| codec::append(node, &mut message));
            message
        }

        /// The kind of request.
        #[must_use]
        pub const fn kind(&self) -> Kind {
            self.kind
        }

        /// How many members there are.
        #[must_use]
        pub fn count(&self) -> Number {
            Number::try_from(self.nodes.len()).unwrap_or(Number::MAX)
        }

        /// The nodes in the order of the members' numbers.
        #[must_use]
        pub fn nodes(&self) -> &[Node<'a>] {
            &self.nodes
        }

        /// For each member the one that combined its node; `None` for the root, which is the first.
        #[must_use]
        pub fn parents(&self) -> &[Option<Number>] {
            &self.parents
        }

        /// The numbers of the members below and including each child of the root, in order.
        #[must_use]
        pub fn branches(&self) -> Vec<Range<Number>> {
            let starts = (1..self.count()).filter(|number| self.parents.get(usize::from(*number)) == Some(&Some(0)));
            let starts: Vec<Number> = starts.collect();
            let ends = starts.iter().skip(1).copied().chain([self.count()]);
            starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
        }

        /// The digest of every node, in the order of the members' numbers.
        #[must_use]
        pub fn digests<C: Crypto>(&self) -> Vec<Digest> {
            let mut digests = alloc::vec![Digest([0; 32]); self.nodes.len()];
            // Children follow their parents, so from the end every child is ready before its parent.
            for (number, node) in self.nodes.iter().enumerate().rev() {
                let mut own = C::Sha256::new();
                own.update(node.own);
                let mut hasher = NodeHasher::<C>::new(self.kind, &own.finish(), node.children);
                for child in self.children(number) {
                    if let (Some(digest), Some(node)) = (digests.get(child), self.nodes.get(child)) {
                        hasher.child(digest, node.signature);
                    }
                }
                if let Some(slot) = digests.get_mut(number) {
                    *slot = hasher.finish();
                }
            }
            digests
        }

        /// The children of a member, found by walking over their subtrees.
        fn children(&self, number: usize) -> impl Iterator<Item = usize> + '_ {
            self.parents
                .iter()
                .enumerate()
                .skip(number + 1)
                .take_while(move |(_, parent)| parent.is_some_and(|parent| usize::from(parent) >= number))
                .filter(move |(_, parent)| **parent == Number::try_from(number).ok())
                .map(|(child, _)| child)
        }

        fn new(kind: Kind, nodes: Vec<Node<'a>>) -> Result<Self, Malformed> {
            let parents = parents(&nodes)?;
            Ok(Self { kind, nodes, parents })
        }
    }

    /// Finds each node's parent, and refuses what is not exactly one tree within the limits.
    fn parents(nodes: &[Node<'_>]) -> Result<Vec<Option<Number>>, Malformed> {
        if nodes.len() > limits::MEMBERS_MAX {
            return Err(Malformed::TooLarge("count of members"));
        }
        let mut parents = Vec::with_capacity(nodes.len());
        // The nodes on the way from the root to here that still wait for children, and how many.
        let mut waiting: Vec<(Number, u8)> = Vec::with_capacity(limits::DEPTH_MAX);
        for (number, node) in (0..).zip(nodes) {
            check_node(node)?;
            let parent = match waiting.last_mut() {
                Some((parent, open)) => {
                    *open -= 1;
                    Some(*parent)
                }
                None if number == 0 => None,
                None => return Err(Malformed::Structure),
            };
            parents.push(parent);
            if node.children > 0 {
                waiting.push((number, node.children));
            }
            if waiting.len() > limits::DEPTH_MAX {
                return Err(Malformed::TooLarge("depth of the tree"));
            }
            while waiting.last().is_some_and(|(_, open)| *open == 0) {
                waiting.pop();
            }
        }
        if waiting.is_empty() && !nodes.is_empty() { Ok(parents) } else { Err(Malformed::Structure) }
    }

    fn check_node(node: &Node<'_>) -> Result<(), Malformed> {
        if usize::from(node.children) > limits::CHILDREN_MAX {
            return Err(Malformed::TooLarge("count of children"));
        }
        if !matches!(node.signature.len(), SIGNATURE_LENGTH | SEALED_SIGNATURE_LENGTH) {
            return Err(Malformed::Structure);
        }
        crate::message::at_most(node.own, limits::CARD_MESSAGE_MAX, "a member's part")
    }
}
