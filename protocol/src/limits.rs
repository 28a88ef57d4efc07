//! Every limit of the protocol, and how they hang together.
//!
//! A longer value is refused before anything is done with it. What a card takes or gives in one message fits
//! [`CARD_MESSAGE_MAX`].

/// Bytes that a card takes or gives in one message.
pub const CARD_MESSAGE_MAX: usize = 2048;

/// Members in one tree.
pub const MEMBERS_MAX: usize = 256;

/// Children that one member combines.
pub const CHILDREN_MAX: usize = 16;

/// Hops between a member and the top of its tree.
pub const DEPTH_MAX: usize = 32;

/// Members whose names the members of a group are told, and whom a member may name as counterparties.
pub const PEERS_MAX: usize = 16;

/// Bytes of plain text in one member's part of a message.
pub const PLAIN_TEXT_MAX: usize = 256;

/// Bytes of sensitive data, response data or acknowledgment data in one member's part of a message.
pub const SENSITIVE_MAX: usize = 256;

/// Bytes of account information.
pub const ACCOUNT_MAX: usize = 64;

/// Bytes of a verified name, in UTF-8.
pub const NAME_MAX: usize = 32;

/// Bytes of a line for a person: a refusal's reason, a receipt.
pub const LINE_MAX: usize = 192;

/// Hashes in a member's Merkle proof: the height of a tree of [`MEMBERS_MAX`] leaves.
pub const PROOF_MAX: usize = 8;

/// Members in a group whose members are told each other's keys. Fewer than [`PEERS_MAX`]: with a key, a digest and a
/// name for each, what one card is told must still fit [`ITEM_MAX`].
pub const PEER_KEYS_MAX: usize = 8;

/// Bytes around a provider's part in a response with one part: suite, kind, batch header, count, number, salt, the
/// part's length, proof.
pub const PART_OVERHEAD_MAX: usize = 2 + (32 + 32 + 3 + 64) + 1 + 3 + 16 + 2 + (1 + 32 * PROOF_MAX);

/// Bytes of the provider's part for one member, so that the response with this part alone fits [`CARD_MESSAGE_MAX`].
pub const ITEM_MAX: usize = CARD_MESSAGE_MAX - PART_OVERHEAD_MAX;

/// Bytes of a request with every member in it, and of the response to it.
pub const MESSAGE_MAX: usize = MEMBERS_MAX * CARD_MESSAGE_MAX;

const _: () = {
    assert!(1 << PROOF_MAX == MEMBERS_MAX);
    assert!(PEERS_MAX <= MEMBERS_MAX);
    assert!(PEER_KEYS_MAX <= PEERS_MAX);
};
